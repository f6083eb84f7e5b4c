//! The Mail lab against programs that everybody has: our client sends to aiosmtpd, Postfix's smtp-sink and Exim; swaks, curl, Python's smtplib and
//! msmtp send to our server; and Python's `email` reads what we compose.
//!
//! `cargo test --test mail_programs -- --ignored` needs what `.ci/run` installs or unpacks, and its folder of programs in `PATH`.
#![cfg(unix)]

mod support;

/// Which program is on which end.
mod mail_programs {
    mod composed;
    mod our_client;
    mod our_server;
}

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use support::command::{Finished, Running, sockscope};
use support::folder;

const FROM: &str = "student@example.com";
const TO: &str = "teacher@example.com";
/// The account of every server here.
const USER: &str = "student";
const PASSWORD: &str = "secret";

/// A program of this folder.
fn script(name: &str) -> String {
    format!("{}/tests/mail_programs/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are free ports");
    listener.local_addr().expect("it is bound").port()
}

/// What a program said and how it ended.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    /// What it printed; it must have succeeded.
    fn succeeded(self) -> String {
        let Self { code, out, err } = self;
        assert_eq!(code, Some(0), "{out}\n{err}");
        out
    }
}

/// Runs a program in a folder, with this text on its standard input.
fn run(program: &str, arguments: &[&str], home: &Path, input: &[u8]) -> Said {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(home)
        .env("HOME", home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("{program} cannot be started ({error}); .ci/run installs it")
        });
    // A program that does not read it may have closed it.
    let _ = child.stdin.take().expect("it is piped").write_all(input);
    let output = child.wait_with_output().expect("its output can be read");
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// `sockscope mail` to a port of this machine, as JSON lines. The flags may name another sender and other recipients.
fn send(port: u16, flags: &[&str]) -> Sent {
    let server = format!("127.0.0.1:{port}");
    let mut arguments = vec!["mail", "--json", "--server", &server];
    for (flag, usual) in [("--from", FROM), ("--to", TO)] {
        if !flags.contains(&flag) {
            arguments.extend([flag, usual]);
        }
    }
    arguments.extend(flags);
    let command = sockscope(&arguments).env("PASSWORD", PASSWORD);
    Sent(command.run())
}

/// A `sockscope mail` that has ended.
struct Sent(Finished);

impl Sent {
    fn summary(&self) -> Value {
        let last = self.0.json().pop();
        let last = last.unwrap_or_else(|| panic!("{:?}", self.0));
        assert_eq!(last["event"], "summary", "{:?}", self.0);
        last
    }

    fn assert(&self, code: i32, outcome: &str, stage: &str) {
        let summary = self.summary();
        let found = (
            self.0.code,
            summary["outcome"].as_str(),
            summary["stage"].as_str(),
        );
        assert_eq!(
            found,
            (Some(code), Some(outcome), Some(stage)),
            "{:?}",
            self.0
        );
    }

    fn assert_sent(&self) {
        let summary = self.summary();
        assert_eq!(self.0.code, Some(0), "{:?}", self.0);
        assert_eq!(summary["outcome"], "sent", "{summary}");
        assert_eq!(summary["refused"], Value::Array(Vec::new()), "{summary}");
    }

    /// Its lines of this kind.
    fn events(&self, kind: &str) -> Vec<Value> {
        let mut lines = self.0.json();
        lines.retain(|line| line["event"] == kind);
        lines
    }

    /// The commands as they were shown.
    fn commands(&self) -> Vec<String> {
        let commands = self.events("command");
        let texts = commands.iter().map(|line| line["text"].as_str());
        texts.map(|text| text.expect("a text").to_owned()).collect()
    }
}

/// A running `sockscope mailbox` with STARTTLS, a port for TLS, and a Maildir in its home.
struct Mailbox {
    running: Running,
    port: u16,
    tls_port: u16,
    /// The certificate that clients have to trust.
    authority: PathBuf,
    folder: PathBuf,
}

impl Mailbox {
    fn start(flags: &[&str]) -> Self {
        let always = ["mailbox", "--json", "--listen", "127.0.0.1:0"];
        let tls = ["--tls-listen", "127.0.0.1:0", "--dir", "Maildir"];
        let state = folder();
        let command = sockscope(&[&always, &tls, flags].concat())
            .env("PASSWORD", PASSWORD)
            .env("SOCKSCOPE_STATE", state.path().to_str().expect("UTF-8"));
        let mut running = command.start();
        let listening = running.json();
        assert_eq!(listening["event"], "listening", "{listening}");
        let text = |key: &str| listening[key].as_str().expect("a text");
        let port = |key: &str| {
            let (_, port) = text(key).rsplit_once(':').expect("address and port");
            port.parse().expect("a port")
        };
        let (port, tls_port) = (port("address"), port("tls_address"));
        let authority = running.home().join("authority.pem");
        std::fs::copy(text("certificate"), &authority).expect("the certificate is there");
        let folder = running.home().join("Maildir");
        Self {
            running,
            port,
            tls_port,
            authority,
            folder,
        }
    }

    /// With an account, which is the only one.
    fn with_account(flags: &[&str]) -> Self {
        let account = ["--user", USER, "--password-env", "PASSWORD"];
        Self::start(&[&account, flags].concat())
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn authority(&self) -> &str {
        self.authority.to_str().expect("UTF-8")
    }

    /// The next line of this kind.
    fn next(&mut self, kind: &str) -> Value {
        loop {
            let line = self.running.json();
            if line["event"] == kind {
                return line;
            }
        }
    }

    /// The next message: what was told of it, and the message as it was sent.
    fn message(&mut self) -> Message {
        let line = self.next("message");
        let file = line["file"].as_str().expect("it is kept in a file");
        let file = self.running.home().join(file);
        assert!(file.starts_with(&self.folder), "{}", file.display());
        let stored = std::fs::read(&file).expect("the message is there");
        let texts = line["to"].as_array().expect("a list").iter();
        Message {
            from: line["from"].as_str().expect("a sender").to_owned(),
            to: texts
                .map(|to| to.as_str().expect("an address").to_owned())
                .collect(),
            bytes: line["bytes"].as_u64().expect("a number"),
            file,
            stored,
        }
    }
}

/// A message in the mailbox.
struct Message {
    from: String,
    to: Vec<String>,
    /// Its length as it was told.
    bytes: u64,
    file: PathBuf,
    stored: Vec<u8>,
}

impl Message {
    /// It came from this sender for these recipients, and is this text, whose lines end in CRLF on the way.
    fn assert(&self, from: &str, to: &[&str], text: &str) {
        // The server has put its trace on top.
        let trace = self.stored.len().saturating_sub(self.bytes as usize);
        let (trace, stored) = self.stored.split_at(trace);
        let stored = String::from_utf8_lossy(stored);
        let sent = text.replace("\r\n", "\n").replace('\n', "\r\n");
        let (mut found, mut wanted) = (stored.split("\r\n"), sent.split("\r\n"));
        for line in 1.. {
            let (found, wanted) = (found.next(), wanted.next());
            assert_eq!(found, wanted, "line {line}");
            if found.is_none() {
                break;
            }
        }
        let trace = String::from_utf8_lossy(trace);
        assert!(trace.contains("\r\nReceived: "), "{trace}");
        let found: Vec<&str> = self.to.iter().map(String::as_str).collect();
        assert_eq!((self.from.as_str(), &found[..]), (from, to));
    }
}

/// A certificate for this machine, made by openssl as everybody does it: the files of the certificate and of its key.
fn certificate(home: &Path) -> (PathBuf, PathBuf) {
    let (certificate, key) = (home.join("certificate.pem"), home.join("key.pem"));
    let arguments = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout",
        "key.pem",
        "-out",
        "certificate.pem",
    ];
    run("openssl", &arguments, home, b"").succeeded();
    (certificate, key)
}

/// A folder with the certificate and its key.
fn certified() -> (TempDir, PathBuf, PathBuf) {
    let home = folder();
    let (certificate, key) = certificate(home.path());
    (home, certificate, key)
}
