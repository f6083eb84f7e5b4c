//! Captures against the programs that read them: tshark dissects what the labs did and counts what they counted, with every check on; capinfos agrees on
//! times and numbers.
//!
//! `cargo test --test wire_programs -- --ignored` needs what `.ci/run` installs.
#![cfg(unix)]

mod support;

/// Tests by lab, of the commands, and of the dashboard with all labs.
mod wire_programs {
    mod commands;
    mod dashboard;
    mod mail;
    mod ping;
    mod web;
}

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use pcap_file::pcapng::{Block, PcapNgReader};
use sockscope::trace::bounded::Bounded;
use sockscope::trace::clock::Clock;
use sockscope::trace::event::Event;
use sockscope::trace::pcapng::{About, Capture};
use sockscope::trace::recorder::{FILE_SNAPLEN, Item, Recorder, Secrets};
use sockscope::trace::tap::Tap;
use sockscope::trace::wire::{Call, End, SocketEvent};
use tempfile::TempDir;

use support::{PATIENCE, folder};

/// Labs whose calls and events go into a capture.
struct Session {
    clock: Clock,
    recorder: Recorder,
    tap: Tap,
    ring: Bounded<Item>,
    items: Vec<Item>,
}

impl Session {
    fn new() -> Self {
        let clock = Clock::new(Instant::now(), SystemTime::now());
        let recorder = Recorder::new(clock, Secrets::Masked, None);
        let ring = Bounded::new(1 << 20, usize::MAX, || {});
        recorder.set_file(Some((ring.clone(), FILE_SNAPLEN)));
        Self {
            clock,
            tap: Tap::new(1 << 20, || {}).recording(recorder.clone()),
            recorder,
            ring,
            items: Vec::new(),
        }
    }

    fn events(&self) -> impl Iterator<Item = &Event> {
        self.items.iter().filter_map(|item| match item {
            Item::Event(event) => Some(event),
            _ => None,
        })
    }

    fn calls(&self) -> impl Iterator<Item = &SocketEvent> {
        self.items.iter().filter_map(|item| match item {
            Item::Call(call) => Some(call),
            _ => None,
        })
    }

    /// Waits until something is so of all that was told.
    fn wait_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            assert_eq!(self.ring.drain(&mut self.items), 0, "there is room for all");
            if is_so(self) {
                return;
            }
            assert!(Instant::now() < until, "waited for {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until as many connections as these are closed at both ends.
    fn wait_for_ends(&mut self, connections: usize) {
        self.wait_until("the ends of all connections", |session| {
            [End::Client, End::Server].into_iter().all(|end| {
                let closed = session.calls().filter(|call| {
                    call.end == end && call.call == Call::Close && call.peer.is_some()
                });
                closed.count() == connections
            })
        });
    }

    /// Writes the capture.
    fn capture(mut self) -> Captured {
        self.wait_until("nothing more", |_| true);
        let folder = folder();
        let path = folder.path().join("labs.pcapng");
        let about = About {
            program: "sockscope".to_owned(),
            command: "cargo test".to_owned(),
        };
        let file = File::create_new(&path).expect("the folder can be written");
        let mut capture = Capture::new(file, self.clock, &about).expect("it can be written");
        for item in &self.items {
            capture.take(item);
        }
        capture.finish().expect("it can be written");
        Captured {
            path,
            _folder: Some(folder),
        }
    }
}

/// A capture on disk.
struct Captured {
    path: PathBuf,
    /// Goes with it, unless the file is in somebody else's.
    _folder: Option<TempDir>,
}

impl Captured {
    /// One that a program wrote into a folder.
    fn at(path: PathBuf) -> Self {
        Self {
            path,
            _folder: None,
        }
    }

    /// What tshark says of it with all checksums checked; `arguments` are more of its own.
    fn tshark(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tshark");
        command.arg("-r").arg(&self.path);
        for check in [
            "ip.check_checksum",
            "udp.check_checksum",
            "tcp.check_checksum",
        ] {
            command.args(["-o", &format!("{check}:TRUE")]);
        }
        said(command.args(arguments))
    }

    /// One field of the packets that a display filter lets pass, in order; several in one packet stand one after the other.
    fn field(&self, decode: &[&str], filter: &str, field: &str) -> Vec<String> {
        let arguments = [
            "-Y",
            filter,
            "-T",
            "fields",
            "-E",
            "aggregator=\u{1f}",
            "-e",
            field,
        ];
        let out = self.tshark(&[decode, &arguments].concat());
        let values = out.lines().flat_map(|line| line.split('\u{1f}'));
        values
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// How many packets a display filter lets pass.
    fn number_of(&self, decode: &[&str], filter: &str) -> u64 {
        self.field(decode, filter, "frame.number").len() as u64
    }

    /// How many bytes of TCP went where a display filter says.
    fn bytes(&self, filter: &str) -> u64 {
        let lengths = self.field(&[], filter, "tcp.len");
        lengths
            .iter()
            .map(|length| length.parse::<u64>().expect("a number"))
            .sum()
    }

    /// Fails when tshark finds something wrong: a malformed packet, a wrong checksum, a warning.
    fn assert_sound(&self, decode: &[&str]) {
        // Warnings and errors (`PI_WARN` and above in Wireshark's epan/proto.h). A masked password is no base64, and a reset connection was reset.
        let wrong = "_ws.malformed or (_ws.expert.severity >= 0x600000 and not tcp.flags.reset == 1 and not frame.comment == \"secret masked\")";
        let fields = [
            "-T",
            "fields",
            "-e",
            "frame.number",
            "-e",
            "_ws.col.Info",
            "-e",
            "_ws.expert.message",
        ];
        let found = self.tshark(&[decode, &["-Y", wrong], &fields].concat());
        assert_eq!(found, "");
        let bad = "ip.checksum.status == 0 or udp.checksum.status == 0 or tcp.checksum.status == 0";
        assert_eq!(self.field(decode, bad, "frame.number"), [""; 0]);
        // The check itself is on: there are some that were found right.
        let good = "udp.checksum.status == 1 or tcp.checksum.status == 1";
        assert!(!self.field(decode, good, "frame.number").is_empty());
    }

    /// capinfos and the file agree on how many packets there are, and when the first and the last.
    fn assert_times(&self) {
        let file = BufReader::new(File::open(&self.path).expect("it was written"));
        let mut reader = PcapNgReader::new(file).expect("a pcapng file");
        let mut times = Vec::new();
        while let Some(block) = reader.next_block() {
            if let Block::EnhancedPacket(packet) = block.expect("a whole block") {
                times.push(packet.timestamp);
            }
        }
        let mut command = Command::new("capinfos");
        let table = said(
            command
                .args(["-T", "-r", "-m", "-Q", "-S", "-c", "-a", "-e"])
                .arg(&self.path),
        );
        let cells: Vec<&str> = table
            .trim()
            .split(',')
            .map(|cell| cell.trim_matches('"'))
            .collect();
        let seconds = |time: Option<&Duration>| {
            let time = time.expect("there are packets");
            format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
        };
        assert_eq!(
            cells[1..],
            [
                times.len().to_string(),
                seconds(times.first()),
                seconds(times.last())
            ],
            "{table}"
        );
    }
}

/// What a program printed; it must have succeeded.
fn said(command: &mut Command) -> String {
    let output = command.output().expect("it is installed");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Both sorted: what is compared is how often each is there.
fn sorted(mut values: Vec<String>) -> Vec<String> {
    values.sort();
    values
}
