//! Servers that are killed while they write: what they had reported is in their files, whole up to the last block and the last line.

use std::fs::{self, File};
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use sockscope::trace::record::{Entry, Reader, What};
use tempfile::TempDir;

use crate::support::command::{Running, sockscope};
use crate::support::folder;
use crate::support::web::{Client, wait_until};

/// A server that keeps both files.
struct Kept {
    server: Running,
    address: String,
    folder: TempDir,
}

impl Kept {
    fn start(arguments: &[&str]) -> Self {
        let folder = folder();
        let path = |name| folder.path().join(name).to_str().expect("UTF-8").to_owned();
        let (capture, record) = (path("a.pcapng"), path("a.jsonl"));
        let always = ["--listen", "127.0.0.1:0", "--json"];
        let files = ["--capture", &capture, "--record", &record];
        let mut server = sockscope(&[arguments, &always, &files].concat()).start();
        let listening = server.json();
        assert_eq!(listening["event"], "listening");
        Self {
            server,
            address: listening["address"].as_str().expect("a text").to_owned(),
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Kills it once so many packets and such entries are in its files; both are still there then. Gives the entries.
    fn kill_at(self, count: usize, is_there: impl Fn(&[Entry]) -> bool) -> Vec<Entry> {
        let (capture, record) = (self.path("a.pcapng"), self.path("a.jsonl"));
        let is_written = || packets(&capture) >= count && is_there(&entries(&record));
        wait_until("files that are written while it runs", is_written);
        self.server.signal(Signal::SIGKILL);
        assert_eq!(self.server.finish().code, None, "it was killed");
        assert!(is_written());
        entries(&record)
    }
}

fn calls(entries: &[Entry]) -> usize {
    let is_call = |entry: &&Entry| matches!(entry.what, What::Call(_));
    entries.iter().filter(is_call).count()
}

/// The number of packets in a capture whose blocks are all whole, but for the last one, of which a part may be missing.
fn packets(path: &Path) -> usize {
    const PACKET: u32 = 6;
    let bytes = fs::read(path).expect("it is there");
    let word = |at: usize| {
        let word = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(word))
    };
    assert_eq!(word(8), Some(0x1A2B_3C4D), "the byte order");
    let (mut at, mut packets) = (0, 0);
    while let (Some(kind), Some(length)) = (word(at), word(at + 4)) {
        let end = at + length as usize;
        let Some(length_again) = word(end - 4) else {
            break;
        };
        assert_eq!(length_again, length, "of the block at {at}");
        packets += usize::from(kind == PACKET);
        at = end;
    }
    packets
}

/// The entries of a record whose lines are all whole, but for the last one, of which a part may be missing.
fn entries(path: &Path) -> Vec<Entry> {
    let lines = fs::read_to_string(path).expect("text").lines().count() as u64;
    let file = BufReader::new(File::open(path).expect("it is there"));
    let reader = Reader::open(file).expect("a record");
    let whole = reader.filter_map(|entry| match entry {
        Ok(entry) => Some(entry),
        // Others may have come since.
        Err(damage) => {
            assert!(damage.line >= lines, "{damage:?}");
            None
        }
    });
    whole.collect()
}

#[test]
fn an_echo_server_that_is_killed_leaves_what_it_had_written() {
    let kept = Kept::start(&["echo", "--loss", "none", "--delay", "none"]);
    // More than will be sent.
    let many = ["ping", "-c", "1000000", "--mode", "steady", "-i", "2ms"];
    let ping = [&many[..], &[&kept.address]].concat();
    let _pinger = sockscope(&ping).start();
    let entries = kept.kill_at(100, |entries| calls(entries) >= 200);
    let is_event = |entry: &Entry| matches!(entry.what, What::Event(_));
    assert!(entries.iter().any(is_event));
}

#[test]
fn a_web_server_that_is_killed_in_a_request_leaves_what_it_had_written() {
    let kept = Kept::start(&["serve"]);
    let address: SocketAddr = kept.address.parse().expect("an address");
    let mut client = Client::connect(address);
    for _ in 0..20 {
        let request = "GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(client.ask(request).status, 200);
    }
    client.send("GET /half-a-requ");
    let is_half = |entry: &Entry| match &entry.what {
        What::Call(call) => call
            .call
            .payload()
            .is_some_and(|payload| payload.bytes.to_vec() == b"GET /half-a-requ"),
        _ => false,
    };
    // A handshake, twenty requests, and their responses.
    let entries = kept.kill_at(3 + 40, |entries| entries.iter().any(is_half));
    assert!(calls(&entries) > 40);
}
