//! `sockscope mailbox`: what it tells of each session, what its flags change, and what it keeps.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::command::{Finished, Running, sockscope};
use crate::support::{PATIENCE, folder};
use crate::{keys, set, text};

/// A mailbox at free ports that prints JSON, and the folder in which it keeps its certificate.
pub struct Mailbox {
    pub server: Running,
    pub address: String,
    pub tls_address: String,
    pub certificate: PathBuf,
    state: TempDir,
}

impl Mailbox {
    /// Messages are kept in memory, unless a flag says otherwise.
    pub fn with(arguments: &[&str]) -> Self {
        let mut all = arguments.to_vec();
        if !all.contains(&"--dir") {
            all.extend(["--dir", "memory"]);
        }
        Self::started(&all, &[])
    }

    fn started(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let state = folder();
        let mut all = vec!["mailbox", "--json"];
        all.extend(["--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0"]);
        all.extend(arguments);
        let mut command = sockscope(&all).env("SOCKSCOPE_STATE", path(&state));
        for (name, value) in variables {
            command = command.env(name, value);
        }
        let mut server = command.start();
        let listening = server.json();
        assert_eq!(
            keys(&listening),
            set(&["event", "address", "tls_address", "certificate", "folder"])
        );
        assert_eq!(listening["event"], "listening");
        Self {
            server,
            address: text(&listening["address"]).to_owned(),
            tls_address: text(&listening["tls_address"]).to_owned(),
            certificate: text(&listening["certificate"]).into(),
            state,
        }
    }

    /// The command that sends to it, on a machine that knows the lab's certificate.
    pub fn mail(&self, arguments: &[&str]) -> crate::support::command::Sockscope {
        let mut all = vec!["mail", "--server", &self.address];
        all.extend(arguments);
        sockscope(&all).env("SOCKSCOPE_STATE", self.state())
    }

    pub fn state(&self) -> &str {
        path(&self.state)
    }

    /// Sends these lines, each after the reply to the one before, and gives the replies.
    fn typed(&self, lines: &[&str]) -> Vec<String> {
        let address: SocketAddr = self.address.parse().expect("an address");
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        let mut reader = BufReader::new(stream.try_clone().expect("it can be cloned"));
        let mut replies = vec![reply(&mut reader)];
        for line in lines {
            (&stream)
                .write_all(format!("{line}\r\n").as_bytes())
                .expect("the server takes it");
            replies.push(reply(&mut reader));
        }
        replies
    }

    /// Its lines up to and with the next one about `event`.
    pub fn until(&mut self, event: &str) -> Vec<Value> {
        let mut lines = Vec::new();
        loop {
            let line = self.server.json();
            let is_it = line["event"] == event;
            lines.push(line);
            if is_it {
                return lines;
            }
        }
    }

    /// Asks it to end. Gives how it did, and the summary.
    #[cfg(unix)]
    pub fn stopped(self) -> (Finished, Value) {
        self.server.signal(nix::sys::signal::Signal::SIGTERM);
        let finished = self.server.finish();
        assert_eq!((finished.code, finished.complaint.as_str()), (Some(0), ""));
        let summary = finished.json().pop().expect("the summary");
        assert_eq!(summary["event"], "summary");
        (finished, summary)
    }
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().expect("UTF-8")
}

/// A whole reply, its last line; empty when the connection is closed.
fn reply(reader: &mut impl BufRead) -> String {
    loop {
        let mut line = String::new();
        // A reset is an end as well.
        let length = reader.read_line(&mut line).unwrap_or_default();
        if length == 0 || line.as_bytes().get(3) != Some(&b'-') {
            return line.trim_end().to_owned();
        }
    }
}

/// The first three characters of each reply.
fn codes(replies: &[String]) -> Vec<&str> {
    replies.iter().map(|reply| &reply[..3]).collect()
}

fn of<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

const MESSAGE: [&str; 5] = [
    "EHLO client.example",
    "MAIL FROM:<ann@example.com>",
    "RCPT TO:<bob@example.com>",
    "DATA",
    "Subject: hi\r\n\r\n..a dot\r\n.",
];

#[test]
fn a_session_is_told_line_by_line() {
    let mut mailbox = Mailbox::with(&["--dir", "box"]);
    let home = mailbox.server.home().to_owned();
    let replies = mailbox.typed(&[&MESSAGE[..], &["QUIT"]].concat());
    assert_eq!(
        codes(&replies),
        ["220", "250", "250", "250", "354", "250", "221"]
    );
    let lines = mailbox.until("closed");
    let events: Vec<&str> = lines.iter().map(|line| text(&line["event"])).collect();
    let expected = [
        "opened", "reply", "command", "reply", "command", "reply", "command", "reply", "command",
        "reply", "content", "message", "reply", "command", "reply", "closed",
    ];
    assert_eq!(events, expected);
    for line in &lines {
        assert_eq!(line["session"], 1, "{line}");
        assert!(text(&line["time"]).ends_with('Z'), "{line}");
    }
    let command = of(&lines, "command")[1];
    assert_eq!(keys(command), set(&["event", "text", "session", "time"]));
    assert_eq!(command["text"], "MAIL FROM:<ann@example.com>");
    let said = [
        "event",
        "code",
        "enhanced",
        "lines",
        "latency_us",
        "expected",
        "odd",
        "session",
        "time",
    ];
    for reply in of(&lines, "reply") {
        assert_eq!(keys(reply), set(&said));
    }
    let message = of(&lines, "message")[0];
    assert_eq!(
        keys(message),
        set(&["event", "session", "time", "from", "to", "bytes", "file"])
    );
    assert_eq!(message["from"], "ann@example.com");
    assert_eq!(message["to"], json!(["bob@example.com"]));
    let content = "Subject: hi\r\n\r\n.a dot\r\n";
    assert_eq!(message["bytes"], content.len());
    let file = home.join(text(&message["file"]));
    let stored = std::fs::read_to_string(file).expect("it is there before the 250");
    assert!(stored.ends_with(content), "{stored}");
    let closed = of(&lines, "closed")[0];
    assert_eq!(
        (&closed["cause"], &closed["commands"], &closed["messages"]),
        (&json!("quit"), &json!(5), &json!(1))
    );
}

#[test]
fn people_are_told_where_it_is_and_what_is_said() {
    let all = ["mailbox", "--listen", "127.0.0.1:0", "--tls-listen", "none"];
    let start = |more: &[&str]| sockscope(&[&all[..], more].concat()).start();
    let state = folder();
    let mut server = sockscope(&all).env("SOCKSCOPE_STATE", path(&state)).start();
    let first = server.line();
    let kept = format!("keeping messages in {}", state.path().display());
    for part in ["Mail server at 127.0.0.1:", &kept, "Ctrl+C"] {
        assert!(first.contains(part), "{part} in {first}");
    }
    let (_, after) = first.split_once(" at ").expect("the address");
    let (address, _) = after.split_once(',').expect("the address");
    let finished = sockscope(&["mail", "--server", address, "--to", "bob@example.com"]).run();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let mut told = vec![first.clone()];
    while !told.last().is_some_and(|line| line.contains("closed:")) {
        told.push(server.line());
    }
    let told = told.join("\n");
    for part in [
        "RCPT TO:<bob@example.com>",
        "354 ",
        "message from student@example.com to bob@example.com",
        "sockscope mail --server",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let first = start(&["--dir", "memory", "--lang", "zh-CN"]).line();
    assert!(first.contains("邮件只存内存"), "{first}");
    let mut open = sockscope(&[
        "mailbox",
        "--listen",
        "0.0.0.0:0",
        "--tls-listen",
        "none",
        "--dir",
        "memory",
    ])
    .start();
    while !open.line().contains("Warning: it listens on the network") {}
}

#[test]
fn faults_scenarios_and_leniency_are_told_and_done() {
    let mut mailbox = Mailbox::with(&[
        "--fault",
        "rcpt@bob=550 5.1.1 Nobody here",
        "--fault",
        "mail#1=451 4.3.0 Not yet",
        "--lenient",
    ]);
    let told = mailbox.server.json();
    assert_eq!(
        told,
        json!({
            "event": "faults",
            "faults": ["rcpt@bob=550 5.1.1 Nobody here", "mail#1=451 4.3.0 Not yet"],
            "end_of_data": "lenient",
        })
    );
    let replies = mailbox.typed(&[
        "EHLO x",
        "MAIL FROM:<a@x.example>",
        "MAIL FROM:<a@x.example>",
        "RCPT TO:<bob@x.example>",
        "RCPT TO:<carl@x.example>",
        "DATA",
        // A bare line feed at each end of the dot: one message ends, and what follows is a command.
        "Subject: first\r\n\r\nx\n.\nNOOP",
    ]);
    assert_eq!(
        codes(&replies),
        ["220", "250", "451", "250", "550", "250", "354", "250"]
    );
    let lines = mailbox.until("message");
    assert_eq!(lines.last().expect("it")["to"], json!(["carl@x.example"]));
    // Each scenario is set by its name.
    for (name, typed, expected) in [
        ("banner-554", &[][..], &["554"][..]),
        ("no-ehlo", &["EHLO x", "HELO x"], &["220", "502", "250"]),
        (
            "greylist",
            &["EHLO x", "MAIL FROM:<a@x.example>", "RCPT TO:<b@x.example>"],
            &["220", "250", "250", "451"],
        ),
        (
            "wrong-code-data",
            &[MESSAGE[0], MESSAGE[1], MESSAGE[2], MESSAGE[3]],
            &["220", "250", "250", "250", "250"],
        ),
    ] {
        let mailbox = Mailbox::with(&["--scenario", name]);
        assert_eq!(codes(&mailbox.typed(typed)), expected, "{name}");
    }
}

#[test]
fn a_bare_line_feed_ends_no_message_unless_it_may() {
    let mailbox = Mailbox::with(&[]);
    let mut lines = MESSAGE.to_vec();
    lines[4] = "Subject: smuggler\n.\nMAIL FROM:<evil@x.example>\r\n.";
    let replies = mailbox.typed(&lines);
    let last = replies.last().expect("a reply");
    assert!(
        last.starts_with("550 ") || last.starts_with("521 "),
        "{last}"
    );
}

#[test]
fn flags_reach_the_server() {
    let mailbox = Mailbox::with(&["--max-size", "100"]);
    let replies = mailbox.typed(&["EHLO x", "MAIL FROM:<a@x.example> SIZE=101"]);
    assert_eq!(codes(&replies), ["220", "250", "552"]);
    // AUTH PLAIN with user bob: the right password of the account, and another.
    const RIGHT: &str = "AUTH PLAIN AGJvYgBoYXJkIHRvIGd1ZXNz";
    const WRONG: &str = "AUTH PLAIN AGJvYgBndWVzc2Vk";
    let account = ["--user", "bob", "--password-env", "WORD", "--dir", "memory"];
    let mut mailbox = Mailbox::started(&account, &[("WORD", "hard to guess")]);
    assert_eq!(
        codes(&mailbox.typed(&["EHLO x", WRONG, RIGHT, "QUIT"])),
        ["220", "250", "535", "235", "221"]
    );
    let told: Vec<String> = mailbox
        .until("closed")
        .iter()
        .map(Value::to_string)
        .collect();
    let told = told.join("\n");
    for secret in ["hard to guess", "AGJvYgBo", "guessed", "AGJvYgBn"] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
    let finished = sockscope(&["mailbox", "--user", "bob"]).run();
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(
        finished.complaint.contains("needs a password"),
        "{finished:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_folder_outlives_the_program() {
    let kept = folder();
    let arguments = ["--dir", path(&kept)];
    for run in 1..=2 {
        let mailbox = Mailbox::with(&arguments);
        assert_eq!(codes(&mailbox.typed(&MESSAGE)).last(), Some(&"250"));
        let (_, summary) = mailbox.stopped();
        assert_eq!(
            (&summary["messages"], &summary["held"]),
            (&json!(1), &json!(run))
        );
    }
    let names = |folder: &str| {
        let folder: &Path = &kept.path().join(folder);
        std::fs::read_dir(folder).expect("a Maildir").count()
    };
    assert_eq!((names("tmp"), names("new") + names("cur")), (0, 2));
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_with_its_counters() {
    use nix::sys::signal::Signal;
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut mailbox = Mailbox::with(&["--fault", "noop=250 2.0.0 Fine"]);
        mailbox.typed(&[&MESSAGE[..], &["NOOP", "RCPT", "QUIT"]].concat());
        mailbox.until("closed");
        mailbox.server.signal(signal);
        let finished = mailbox.server.finish();
        assert_eq!((finished.code, finished.complaint.as_str()), (Some(0), ""));
        let expected = json!({
            "event": "summary", "sessions": 1, "commands": 7,
            "replies": {"2xx": 7, "3xx": 1, "4xx": 0, "5xx": 1},
            "messages": 1, "bytes": 23, "refused": 0, "faults": 1, "turned_away": 0, "held": 1,
        });
        assert_eq!(finished.json().last(), Some(&expected), "{signal}");
    }
    // For people the same in sentences.
    let server = ["mailbox", "--listen", "127.0.0.1:0", "--tls-listen", "none"];
    let mut server = sockscope(&[&server[..], &["--dir", "memory"]].concat()).start();
    server.line();
    server.signal(Signal::SIGTERM);
    let finished = server.finish();
    assert_eq!(finished.code, Some(0));
    assert!(finished.text().contains("Messages: 0"), "{finished:?}");
}

#[test]
fn a_taken_port_is_said_with_its_holder() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = holder.local_addr().expect("it is bound").to_string();
    for (lang, said) in [("en", "is taken"), ("zh-CN", "占用")] {
        for flags in [
            ["--listen", &address, "--tls-listen", "none"],
            ["--listen", "127.0.0.1:0", "--tls-listen", &address],
        ] {
            let all = ["mailbox", "--dir", "memory", "--lang", lang];
            let finished = sockscope(&[&all[..], &flags[..]].concat()).run();
            assert_eq!(finished.code, Some(1), "{finished:?}");
            for part in [&address, said] {
                assert!(finished.complaint.contains(part), "{part}: {finished:?}");
            }
            if cfg!(target_os = "linux") {
                let pid = std::process::id().to_string();
                assert!(finished.complaint.contains(&pid), "{finished:?}");
            }
        }
    }
}

#[test]
fn bad_flags_are_named_with_what_is_allowed() {
    let table: [(&[&str], &[&str]); 8] = [
        (&["--listen", "nobody"], &["--listen", "nobody"]),
        (&["--tls-listen", "x"], &["--tls-listen"]),
        (&["--fault", "rcpt"], &["--fault", "rcpt"]),
        (&["--fault", "lunch=550"], &["--fault", "lunch"]),
        (&["--scenario", "doom"], &["--scenario", "doom", "greylist"]),
        (&["--max-size", "0"], &["--max-size"]),
        (
            &["--password-env", "NOT_THERE", "--user", "u"],
            &["NOT_THERE"],
        ),
        (&["--bogus"], &["--bogus"]),
    ];
    for (arguments, parts) in table {
        let finished = sockscope(&[&["mailbox", "--dir", "memory"], arguments].concat()).run();
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert!(finished.lines.is_empty(), "{finished:?}");
        for part in parts {
            assert!(finished.complaint.contains(part), "{part}: {finished:?}");
        }
    }
}
