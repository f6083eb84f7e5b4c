//! The server machine, driven with bytes as a driver would.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::proto::smtp::code::{Code, allowed};
use crate::proto::smtp::fault::{Fault, Scenario, scenarios};
use crate::proto::smtp::reply::{Limits as ReplyLimits, ReplyParser};
use crate::proto::smtp::sasl;

const LIMITS: Limits = Limits {
    message: 10_000,
    recipients: 3,
    messages: 100,
    mailbox: 1 << 20,
    connections: 10,
    idle: Duration::from_secs(300),
    errors: 100,
};

/// A driver that keeps every message in memory.
struct Lab {
    session: Session,
    faults: Faults,
    now: Duration,
    room: u64,
    content: Vec<u8>,
    /// What was not consumed yet.
    input: Vec<u8>,
    stored: Vec<(String, Vec<String>, Vec<u8>)>,
    turns: Vec<Turn>,
    heard: Vec<String>,
    closed: Option<Cause>,
    /// STARTTLS was answered, and the handshake has not been made.
    awaits_handshake: bool,
}

impl Lab {
    fn with(service: Service, channel: Channel, end_of_data: EndOfData, faults: &[&str]) -> Self {
        let faults = faults
            .iter()
            .map(|spec| Fault::parse(spec).unwrap())
            .collect();
        Self {
            session: Session::new(Arc::new(service), channel, end_of_data, 7),
            faults: Faults::new(faults),
            now: Duration::ZERO,
            room: 1 << 20,
            content: Vec::new(),
            input: Vec::new(),
            stored: Vec::new(),
            turns: Vec::new(),
            heard: Vec::new(),
            closed: None,
            awaits_handshake: false,
        }
    }

    fn new() -> Self {
        Self::faulty(&[])
    }

    fn faulty(faults: &[&str]) -> Self {
        Self::with(service(), Channel::Upgradable, EndOfData::Strict, faults)
    }

    fn lenient() -> Self {
        Self::with(service(), Channel::Upgradable, EndOfData::Lenient, &[])
    }

    /// Runs something that a session does, and what it asks for afterwards.
    fn turn(&mut self, act: impl FnOnce(&mut Session, &mut Context) -> Turn) -> String {
        let mut out = Vec::new();
        let mut context = Context {
            faults: &mut self.faults,
            now: self.now,
            room: self.room,
            out: &mut out,
            content: &mut self.content,
        };
        let turn = act(&mut self.session, &mut context);
        assert_eq!(turn.reply, 0..out.len());
        self.obey(turn, String::from_utf8(out).unwrap())
    }

    fn greet(&mut self) -> String {
        self.turn(|session, context| session.greet(context))
    }

    fn obey(&mut self, turn: Turn, said: String) -> String {
        let next = turn.next;
        self.turns.push(turn);
        match next {
            Next::Go => {
                if !self.session.receiving() {
                    self.content.clear();
                }
                said
            }
            Next::StartTls => {
                self.awaits_handshake = true;
                said
            }
            Next::Close(cause) => {
                self.closed = Some(cause);
                said
            }
            Next::Store => {
                let envelope = self.session.envelope();
                let from = envelope.from.as_ref().map_or("", |from| from.as_str());
                let to = envelope.to.iter().map(|to| to.as_str().to_owned());
                let message = (
                    from.to_owned(),
                    to.collect(),
                    std::mem::take(&mut self.content),
                );
                self.stored.push(message);
                let number = self.stored.len() as u64;
                said + &self.turn(|session, context| session.stored(Ok(number), context))
            }
        }
    }

    /// Sends bytes and returns all that is said to them.
    fn send(&mut self, bytes: impl AsRef<[u8]>) -> String {
        self.input.extend_from_slice(bytes.as_ref());
        let mut said = String::new();
        while self.closed.is_none() {
            let mut out = Vec::new();
            let input = std::mem::take(&mut self.input);
            let step = self.session.advance(
                &input,
                &mut Context {
                    faults: &mut self.faults,
                    now: self.now,
                    room: self.room,
                    out: &mut out,
                    content: &mut self.content,
                },
            );
            assert!(step.consumed <= input.len());
            self.input = input[step.consumed..].to_vec();
            let Some(turn) = step.turn else {
                assert!(out.is_empty());
                assert!(self.input.len() <= Session::LONGEST_LINE);
                break;
            };
            assert_eq!(turn.reply, 0..out.len());
            if let Some(line) = turn.heard(&input) {
                assert!(!line.shown.contains(&b'\n'));
                self.heard.push(String::from_utf8_lossy(&line.shown).into());
            }
            said += &self.obey(turn, String::from_utf8(out).unwrap());
        }
        said
    }

    /// Sends a line and returns the code of the reply, 0 for none.
    fn code(&mut self, line: &str) -> u16 {
        let said = self.send(format!("{line}\r\n"));
        codes(&said).last().copied().unwrap_or(0)
    }

    /// Sends lines that must all be accepted.
    fn go(mut self, lines: &[&str]) -> Self {
        for line in lines {
            let code = self.code(line);
            assert!((200..400).contains(&code), "{code} to {line}");
        }
        self
    }
}

fn service() -> Service {
    Service {
        name: "lab.example".to_owned(),
        accounts: Accounts::Anybody,
        limits: LIMITS,
    }
}

/// The codes of some replies.
fn codes(said: &str) -> Vec<u16> {
    said.lines()
        .filter(|line| line.as_bytes().get(3) != Some(&b'-'))
        .filter_map(|line| line.get(..3)?.parse().ok())
        .collect()
}

const EHLO: &str = "EHLO client.example";
const MAIL: &str = "MAIL FROM:<a@b.example>";
const RCPT: &str = "RCPT TO:<c@d.example>";

#[test]
fn a_message_goes_through() {
    let mut lab = Lab::new();
    assert!(lab.greet().starts_with("220 lab.example ESMTP "));
    let said = lab.send("EHLO client.example\r\n");
    assert_eq!(
        said,
        "250-lab.example greets client.example\r\n250-PIPELINING\r\n250-SIZE 10000\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN CRAM-MD5\r\n250-8BITMIME\r\n\
         250-SMTPUTF8\r\n250-CHUNKING\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250 HELP\r\n"
    );
    let mut lab = lab.go(&[MAIL, RCPT, "RCPT TO:<e@f.example>", "DATA"]);
    assert!(lab.session.receiving());
    let said = lab.send("Subject: hi\r\n\r\n..dot\r\n.\r\nQUIT\r\n");
    assert_eq!(codes(&said), [250, 221]);
    assert_eq!(
        said,
        "250 2.0.0 Ok, in the mailbox as message 1\r\n221 2.0.0 Bye\r\n"
    );
    let (from, to, message) = &lab.stored[0];
    assert_eq!(from, "a@b.example");
    assert_eq!(*to, ["c@d.example", "e@f.example"]);
    assert_eq!(message, b"Subject: hi\r\n\r\n.dot\r\n");
    assert_eq!(lab.closed, Some(Cause::Quit));
    let measure = lab.turns.iter().find_map(|turn| turn.measure);
    assert_eq!(
        measure,
        Some(Measure {
            wire: 25,
            stuffed: 1
        })
    );
}
