//! The mailbox is killed while mail pours in: whatever was answered 250 is there, whole, and nothing that is listed is half a message.
//!
//! The server is a process of its own, killed as `kill -9` does it; then its Maildir is opened as the next start opens it.
#![cfg(unix)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use nix::sys::signal::Signal;
use sockscope::net::maildir::{Mailbox, Room, Store};

use support::command::{Running, sockscope};
use support::{PATIENCE, folder};

/// Connections that send at a time.
const CONNECTIONS: usize = 4;
/// Lines of a message, by its number: some fit into one write, some do not.
const LINES: [usize; 5] = [1, 40, 400, 4_000, 7];

/// A message that tells its own number in each line, so that a missing piece or another's shows.
fn message(number: usize) -> String {
    let lines = LINES[number % LINES.len()];
    let mut text = format!("Subject: {number}\r\n\r\n");
    for line in 1..=lines {
        text.push_str(&format!("{number} {line} of {lines}\r\n"));
    }
    text
}

/// The number of a message that is there from its first to its last byte.
fn whole(stored: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(stored).ok()?;
    let at = text.find("\r\nSubject: ")? + 2;
    let subject = text[at..].lines().next()?;
    let number = subject.strip_prefix("Subject: ")?.parse().ok()?;
    (text[at..] == message(number)).then_some(number)
}

/// What a client got an answer to.
#[derive(Default)]
struct Told {
    /// The server said 250 to these.
    taken: BTreeSet<usize>,
    /// It was given these, and said nothing more.
    open: Option<usize>,
}

/// Sends one message after the other on one connection until the server is gone.
fn pour(address: String, numbers: Arc<AtomicUsize>, taken: Arc<AtomicUsize>) -> JoinHandle<Told> {
    std::thread::spawn(move || {
        let mut told = Told::default();
        // The server may be gone at every line.
        let _ = talk(&address, &numbers, &taken, &mut told);
        told
    })
}

fn talk(
    address: &str,
    numbers: &AtomicUsize,
    taken: &AtomicUsize,
    told: &mut Told,
) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut replies = BufReader::new(stream.try_clone()?);
    let mut heard = |wanted: &str| -> std::io::Result<()> {
        let mut line = String::new();
        replies.read_line(&mut line)?;
        // What is cut off in the middle says nothing.
        if line.ends_with("\r\n") {
            assert!(line.starts_with(wanted), "{wanted}, but {line}");
            return Ok(());
        }
        Err(std::io::ErrorKind::UnexpectedEof.into())
    };
    heard("220 ")?;
    stream.write_all(b"HELO client.example\r\n")?;
    heard("250 ")?;
    loop {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        stream.write_all(b"MAIL FROM:<a@example.com>\r\n")?;
        heard("250 ")?;
        stream.write_all(b"RCPT TO:<b@example.com>\r\n")?;
        heard("250 ")?;
        stream.write_all(b"DATA\r\n")?;
        heard("354 ")?;
        told.open = Some(number);
        stream.write_all(message(number).as_bytes())?;
        stream.write_all(b".\r\n")?;
        heard("250 ")?;
        told.open = None;
        told.taken.insert(number);
        taken.fetch_add(1, Ordering::Relaxed);
    }
}

/// A server of that Maildir, and its address.
fn serve(maildir: &Path) -> (Running, String) {
    let maildir = maildir.to_str().expect("UTF-8");
    let flags = ["--listen", "127.0.0.1:0", "--tls-listen", "none"];
    let arguments = [&["mailbox", "--json", "--dir", maildir][..], &flags].concat();
    let mut running = sockscope(&arguments)
        .env("SOCKSCOPE_MAIL_MAX_MESSAGES", "1000000")
        .start();
    let listening = running.json();
    let address = listening["address"].as_str().expect("an address");
    let address = address.to_owned();
    (running, address)
}

/// All messages that the next start lists: how often each number is there.
fn listed(maildir: &Path) -> BTreeMap<usize, usize> {
    let room = Room {
        messages: u64::MAX,
        bytes: u64::MAX,
    };
    let mailbox = Mailbox::open(&Store::Folder(maildir.to_owned()), room).expect("it opens");
    let mut numbers = BTreeMap::new();
    for listed in mailbox.list("", usize::MAX).listed {
        let stored = mailbox.read(listed.id).expect("it is listed");
        let number =
            whole(&stored).unwrap_or_else(|| panic!("half a message: {}", stored.escape_ascii()));
        *numbers.entry(number).or_default() += 1;
    }
    numbers
}

/// Starts and kills a server so often, one Maildir and one sequence of numbers for all.
fn kill_it(times: usize) {
    let home = folder();
    let maildir = home.path().join("Maildir");
    let numbers = Arc::new(AtomicUsize::new(0));
    let mut taken = BTreeSet::new();
    let mut may_be_there = BTreeSet::new();
    for round in 0..times {
        let (server, address) = serve(&maildir);
        let count = Arc::new(AtomicUsize::new(0));
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| pour(address.clone(), numbers.clone(), count.clone()))
            .collect();
        // Each time at another moment.
        let until = Instant::now() + PATIENCE;
        while count.load(Ordering::Relaxed) < round * 7 % 30 {
            assert!(Instant::now() < until, "no mail comes in");
            std::thread::yield_now();
        }
        server.signal(Signal::SIGKILL);
        for client in clients {
            let told = client.join().expect("a client does not panic");
            taken.extend(told.taken);
            may_be_there.extend(told.open);
        }
        // It is waited for there.
        drop(server);
        let listed = listed(&maildir);
        for number in &taken {
            assert_eq!(
                listed.get(number),
                Some(&1),
                "{number}, which was answered 250"
            );
        }
        for number in listed.keys() {
            let is_known = taken.contains(number) || may_be_there.contains(number);
            assert!(is_known, "{number} was never sent to its end");
        }
    }
    assert!(taken.len() >= times, "mail came in");
}

#[test]
fn whatever_was_answered_250_survives_a_kill() {
    kill_it(5);
}

#[test]
#[ignore = "takes a minute"]
fn whatever_was_answered_250_survives_a_hundred_kills() {
    kill_it(100);
}
