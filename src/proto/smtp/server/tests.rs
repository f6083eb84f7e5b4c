//! The server machine, driven with bytes as a driver would.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::proto::smtp::code::allowed;
use crate::proto::smtp::fault::{Fault, Scenario, scenarios};
use crate::proto::smtp::reply::{Limits as ReplyLimits, ReplyParser};
use crate::proto::smtp::sasl;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

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
        check(&turn, &said);
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

    /// Sends a line that begins a session of its own, up to there.
    fn after(lines: &[&str], line: &str) -> u16 {
        Self::new().go(lines).code(line)
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

/// Every turn says one whole reply or nothing, and unless a fault was at work, one that the standards know at this place.
fn check(turn: &Turn, said: &str) {
    let mut parser = ReplyParser::new(ReplyLimits::default());
    parser.agree_on_utf8();
    parser.push(said.as_bytes());
    let reply = parser.next_reply().unwrap();
    assert_eq!(reply.as_ref().map(|reply| reply.code), turn.code, "{said}");
    if let Some(reply) = reply
        && !turn.spoilt
    {
        assert_eq!(reply.odd, [], "{said}");
        assert_eq!(reply.raw.len(), said.len(), "{said}");
        assert!(said.lines().all(|line| line.len() <= 510), "{said}");
        // RFC 5321 §3.1 has 503 for all but QUIT after a refusal, §2.3.8 and §4.1.1.4 name no code for a doubtful end.
        let known = allowed(turn.stage, reply.code) || [503, 521].contains(&reply.code.0);
        assert!(known, "{} at {}", reply.code, turn.stage.name());
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
        "250-lab.example greets you\r\n250-PIPELINING\r\n250-SIZE 10000\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN CRAM-MD5\r\n250-8BITMIME\r\n\
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

/// What was said before.
#[derive(Debug, Clone, Copy)]
enum Before {
    Nothing,
    Helo,
    Ehlo,
    Mail,
    Rcpt,
    /// A first chunk.
    Chunk,
    /// A chunk that was refused.
    Failed,
    LoggedIn,
    /// A TLS handshake.
    Tls,
    /// A greeting of 554.
    Refusal,
    /// MAIL, and a recipient that was refused.
    NoRecipient,
}

const AUTH: &str = "AUTH PLAIN AHVzZXIAc2VjcmV0";

impl Before {
    const ALL: [Before; 11] = [
        Before::Nothing,
        Before::Helo,
        Before::Ehlo,
        Before::Mail,
        Before::Rcpt,
        Before::Chunk,
        Before::Failed,
        Before::LoggedIn,
        Before::Tls,
        Before::Refusal,
        Before::NoRecipient,
    ];

    fn lab(self) -> Lab {
        let lab = Lab::new();
        match self {
            Before::Nothing => lab,
            Before::Helo => lab.go(&["HELO client.example"]),
            Before::Ehlo => lab.go(&[EHLO]),
            Before::Mail => lab.go(&[EHLO, MAIL]),
            Before::Rcpt => lab.go(&[EHLO, MAIL, RCPT]),
            Before::Chunk => {
                let mut lab = lab.go(&[EHLO, MAIL, RCPT]);
                assert_eq!(codes(&lab.send("BDAT 3\r\nabc")), [250]);
                lab
            }
            Before::Failed => {
                let mut lab = lab.go(&[EHLO, MAIL, RCPT]);
                let chunk = format!("BDAT 10001\r\n{}", "x".repeat(10_001));
                assert_eq!(codes(&lab.send(chunk)), [552]);
                assert!(!lab.session.receiving());
                lab
            }
            Before::LoggedIn => lab.go(&[EHLO, AUTH]),
            Before::Tls => {
                let mut lab = lab.go(&[EHLO, MAIL, RCPT, "STARTTLS"]);
                assert!(lab.awaits_handshake);
                lab.session.secured();
                lab
            }
            Before::Refusal => {
                let mut lab = Lab::faulty(&["banner=554"]);
                assert_eq!(codes(&lab.greet()), [554]);
                lab
            }
            Before::NoRecipient => {
                let mut lab = lab.go(&[EHLO, MAIL]);
                assert_eq!(lab.code("RCPT TO:<nobody>"), 501);
                lab
            }
        }
    }
}

#[test]
fn every_command_in_every_state_has_its_code() {
    // In the order of Before::ALL.
    let table: [(&str, [u16; 11]); 17] = [
        (
            EHLO,
            [250, 250, 250, 250, 250, 250, 250, 250, 250, 503, 250],
        ),
        (
            "HELO x",
            [250, 250, 250, 250, 250, 250, 250, 250, 250, 503, 250],
        ),
        (
            "STARTTLS",
            [503, 503, 220, 220, 220, 220, 220, 220, 503, 503, 220],
        ),
        (
            AUTH,
            [503, 503, 235, 503, 503, 503, 503, 503, 503, 503, 503],
        ),
        (
            MAIL,
            [503, 250, 250, 503, 503, 503, 503, 250, 503, 503, 503],
        ),
        (
            RCPT,
            [503, 503, 503, 250, 250, 503, 503, 503, 503, 503, 250],
        ),
        (
            "DATA",
            [503, 503, 503, 503, 354, 503, 503, 503, 503, 503, 554],
        ),
        (
            "BDAT 0",
            [503, 503, 503, 503, 250, 250, 503, 503, 503, 503, 554],
        ),
        (
            "BDAT 0 LAST",
            [503, 503, 503, 503, 250, 250, 503, 503, 503, 503, 554],
        ),
        (
            "RSET",
            [250, 250, 250, 250, 250, 250, 250, 250, 250, 503, 250],
        ),
        (
            "NOOP",
            [250, 250, 250, 250, 250, 250, 250, 250, 250, 503, 250],
        ),
        (
            "VRFY you",
            [252, 252, 252, 252, 252, 252, 252, 252, 252, 503, 252],
        ),
        (
            "EXPN all",
            [502, 502, 502, 502, 502, 502, 502, 502, 502, 503, 502],
        ),
        (
            "HELP",
            [214, 214, 214, 214, 214, 214, 214, 214, 214, 503, 214],
        ),
        ("QUIT", [221; 11]),
        ("XYZZY", [500; 11]),
        ("", [500; 11]),
    ];
    for (command, expected) in table {
        for (before, expected) in Before::ALL.into_iter().zip(expected) {
            assert_eq!(
                before.lab().code(command),
                expected,
                "{command} after {before:?}"
            );
        }
    }
}

#[test]
fn wrong_arguments_have_their_codes_and_change_nothing() {
    let cases: [(&[&str], &str, u16); 33] = [
        (&[], "EHLO", 501),
        (&[], "HELO", 501),
        (&[], "EHLO two words", 501),
        (&[], "VRFY", 501),
        (&[EHLO], "STARTTLS now", 501),
        (&[EHLO], "AUTH", 501),
        (&[EHLO], "AUTH PLAIN a b", 501),
        (&[EHLO], "AUTH XOAUTH2", 504),
        (&[EHLO], "AUTH DIGEST-MD5", 504),
        (&[EHLO], "AUTH CRAM-MD5 abcd", 501),
        (&[EHLO], "MAIL", 501),
        (&[EHLO], "MAIL FROM: <a@b.example>", 501),
        (&[EHLO], "MAIL FROM:a@b.example", 501),
        (&[EHLO], "MAIL FROM:<a@b.example", 501),
        (&[EHLO], "MAIL TO:<a@b.example>", 501),
        (&[EHLO], "MAIL FROM:<a>", 501),
        (&[EHLO], "MAIL FROM:<a@b.example>SIZE=1", 501),
        (&[EHLO], "MAIL FROM:<a@b.example> SIZE=x", 501),
        (&[EHLO], "MAIL FROM:<a@b.example> X=1", 555),
        (&[EHLO], "MAIL FROM:<a@b.example> SIZE=10001", 552),
        (&[EHLO], "MAIL FROM:<\u{e4}@b.example>", 553),
        (&["HELO x"], "MAIL FROM:<a@b.example> SIZE=1", 555),
        (&[EHLO, MAIL], "RCPT TO: <a@b.example>", 501),
        (&[EHLO, MAIL], "RCPT TO:<>", 501),
        (&[EHLO, MAIL], "RCPT TO:<a@b.example> NOTIFY=LATER", 501),
        (&[EHLO, MAIL], "RCPT TO:<a@b.example> SIZE=1", 555),
        (&[EHLO, MAIL], "RCPT TO:<\u{e4}@b.example>", 553),
        (&[EHLO, MAIL, RCPT], "DATA now", 501),
        (&[EHLO, MAIL, RCPT], "BDAT", 501),
        (&[EHLO, MAIL, RCPT], "BDAT 1 NOW", 501),
        (&[EHLO, MAIL, RCPT], "BDAT -1", 501),
        (&[EHLO, MAIL, RCPT], "RSET now", 501),
        (&[EHLO, MAIL, RCPT], "QUIT now", 501),
    ];
    for (before, line, code) in cases {
        assert_eq!(Lab::after(before, line), code, "{line}");
        // The right command still does what it did.
        let mut lab = Lab::new().go(before);
        lab.code(line);
        let next = match before.len() {
            0 => EHLO,
            1 => MAIL,
            2 => RCPT,
            _ => "DATA",
        };
        assert!(lab.code(next) < 400, "{next} after {line}");
    }
    assert_eq!(Lab::after(&[], "NOOP what ever"), 250);
    assert_eq!(Lab::after(&[], "HELP MAIL"), 214);
    assert_eq!(
        Lab::after(&[], "noop "),
        250,
        "spaces at the end do no harm"
    );
    assert_eq!(Lab::after(&[], "NO\0OP"), 500);
    assert_eq!(Lab::after(&[], "NOOP \0"), 500);
    assert_eq!(Lab::after(&[EHLO], "MAIL FROM:<a@b.example>\tSIZE=1"), 500);
}

#[test]
fn what_is_not_smtp_ends_the_session() {
    for line in [
        "GET / HTTP/1.1\r\n",
        "post /x HTTP/1.0\r\n",
        "CONNECT a:1 HTTP/1.1\r\n",
        "\u{16}\u{3}\u{1}\u{2}",
    ] {
        let mut lab = Lab::new();
        assert_eq!(codes(&lab.send(line)), [421], "{line:?}");
        assert_eq!(lab.closed, Some(Cause::Misbehaved));
    }
    let mut lab = Lab::new();
    assert_eq!(codes(&lab.send("GET\r\nNOOP\r\n")), [500, 250]);
}

/// A line of this many bytes, its end included.
fn line_of(start: &str, length: usize) -> String {
    format!("{start}{}\r\n", "x".repeat(length - start.len() - 2))
}

#[test]
fn lines_have_their_limits() {
    // RFC 5321 §4.5.3.1.4, and what the extensions add to it.
    let cases: [(&[&str], &str, usize, u16); 10] = [
        (&[], "NOOP ", 512, 250),
        (&[], "HELP ", 512, 214),
        (&[], "XYZZY ", 512, 500),
        (&["HELO x"], "MAIL FROM:<a@b.example> X=", 512, 555),
        (&[EHLO], "MAIL FROM:<a@b.example> X=", 512 + 669, 555),
        (&["HELO x", MAIL], "RCPT TO:<a@b.example> X=", 512, 555),
        (&[EHLO, MAIL], "RCPT TO:<a@b.example> X=", 512 + 536, 555),
        (&[EHLO], "VRFY ", 522, 252),
        (&[EHLO], "AUTH PLAIN ", 12_288, 501),
        (&[], "AUTH PLAIN ", 512, 503),
    ];
    for (before, start, length, code) in cases {
        let mut lab = Lab::new().go(before);
        assert_eq!(codes(&lab.send(line_of(start, length))), [code], "{start}");
        let long = line_of(start, length + 1) + "NOOP\r\n";
        assert_eq!(codes(&lab.send(&long)), [500, 250], "{start}");
        // As soon as it is too long, not at its end; what follows is no command until then.
        let (head, tail) = long.split_at(length + 1 - 2);
        assert_eq!(lab.send(head), "");
        assert_eq!(codes(&lab.send(&tail[..2])), [500], "{start}");
        assert_eq!(codes(&lab.send(&tail[2..])), [250], "{start}");
        let endless = "x".repeat(50_000);
        assert_eq!(codes(&lab.send(endless.clone())), [500]);
        assert_eq!(lab.send(endless), "");
        assert!(lab.input.is_empty());
        assert_eq!(codes(&lab.send("QUIT\r\nNOOP\r\n")), [250]);
    }
}

#[test]
fn names_paths_and_recipients_have_their_limits() {
    let x = |count| "x".repeat(count);
    // RFC 5321 §4.5.3.1.2: a name of 255 octets.
    assert_eq!(Lab::after(&[], &format!("EHLO {}", x(255))), 250);
    assert_eq!(Lab::after(&[], &format!("EHLO {}", x(256))), 501);
    // §4.5.3.1.1: a local part of 64.
    for (verb, before) in [("MAIL FROM", &[EHLO][..]), ("RCPT TO", &[EHLO, MAIL])] {
        let line = |local: usize| format!("{verb}:<{}@b.example>", x(local));
        assert_eq!(Lab::after(before, &line(64)), 250);
        assert_eq!(Lab::after(before, &line(65)), 501);
        // §4.5.3.1.3: a path of 256, its brackets included.
        let labels = |count: usize| vec![x(49); count].join(".");
        let line = |last: usize| format!("{verb}:<abcd@{}.{}>", labels(4), x(last));
        assert_eq!(Lab::after(before, &line(49)), 250, "{}", line(49).len());
        assert_eq!(Lab::after(before, &line(50)), 501);
        // A source route counts, and is forgotten.
        let route = format!("{verb}:<@{}.{}:abcd@b.example>", labels(4), x(38));
        assert_eq!(Lab::after(before, &route), 250);
        assert_eq!(Lab::after(before, &route.replacen(":<@", ":<@y", 1)), 501);
    }
    // §4.5.3.1.8, §4.5.3.1.10: 452 for one too many; the others stay.
    let mut lab = Lab::new().go(&[EHLO, MAIL, RCPT, RCPT, RCPT]);
    assert_eq!(lab.code(RCPT), 452);
    assert_eq!(codes(&lab.send("DATA\r\n.\r\n")), [354, 250]);
    assert_eq!(lab.stored[0].1.len(), 3);
}

#[test]
fn messages_have_their_limits() {
    let send = |message: &str, code: u16| {
        let mut lab = Lab::new().go(&[EHLO, MAIL, RCPT, "DATA"]);
        let said = lab.send(format!("{message}.\r\nNOOP\r\n"));
        assert_eq!(codes(&said), [code, 250]);
        assert_eq!(lab.stored.len(), usize::from(code == 250));
        assert!(lab.content.is_empty() && !lab.session.receiving());
        // The next one is taken.
        assert_eq!(
            codes(&lab.send(format!("{MAIL}\r\n{RCPT}\r\nDATA\r\n.\r\n"))),
            [250, 250, 354, 250]
        );
    };
    // RFC 5321 §4.5.3.1.6: a line of 1000, its end included and a doubled dot counted once.
    send(&line_of("", 1000), 250);
    send(&line_of("", 1001), 500);
    send(&format!(".{}", line_of(".", 1000)), 250);
    // RFC 1870: the limit of SIZE.
    let lines =
        |bytes: usize| line_of("", 100).repeat(bytes / 100) + &line_of("", 100 + bytes % 100);
    send(&lines(9_900), 250);
    send(&lines(9_901), 552);
    let mut lab = Lab::new().go(&[EHLO, "MAIL FROM:<a@b.example> SIZE=10000", RCPT]);
    let chunk =
        |length: usize, last: &str| format!("BDAT {length}{last}\r\n{}", "x".repeat(length));
    let said = lab.send(chunk(6_000, "") + &chunk(4_000, " LAST"));
    assert_eq!(codes(&said), [250, 250]);
    assert_eq!(lab.stored[0].2.len(), 10_000);
    let said = lab.send(format!(
        "{MAIL}\r\n{RCPT}\r\n{}{}{}DATA\r\nRSET\r\n{MAIL}\r\n",
        chunk(6_000, ""),
        chunk(4_001, ""),
        chunk(5, " LAST")
    ));
    assert_eq!(codes(&said), [250, 250, 250, 552, 503, 503, 250, 250]);
    assert_eq!(lab.stored.len(), 1);
}

#[test]
fn a_full_mailbox_is_told_early_and_late() {
    let mut lab = Lab::new().go(&[EHLO]);
    lab.room = 100;
    assert_eq!(lab.code("MAIL FROM:<a@b.example> SIZE=101"), 452);
    assert_eq!(lab.code("MAIL FROM:<a@b.example> SIZE=100"), 250);
    let mut lab = lab.go(&[RCPT, "DATA"]);
    assert_eq!(codes(&lab.send(line_of("", 101) + ".\r\n")), [452]);
    lab.room = 0;
    assert_eq!(lab.code(MAIL), 452);
    for (why, code) in [
        (NotStored::Full, "452 4.3.1"),
        (NotStored::Failed, "451 4.3.0"),
    ] {
        let mut lab = Lab::new().go(&[EHLO, MAIL, RCPT, "DATA"]);
        let mut out = Vec::new();
        let mut context = Context {
            faults: &mut lab.faults,
            now: Duration::ZERO,
            room: 100,
            out: &mut out,
            content: &mut lab.content,
        };
        let step = lab.session.advance(b"hi\r\n.\r\nNOOP\r\n", &mut context);
        assert_eq!(step.consumed, 7);
        assert_eq!(step.turn.unwrap().next, Next::Store);
        // Nothing is read until it is stored.
        let none = Step {
            consumed: 0,
            turn: None,
        };
        assert_eq!(lab.session.advance(b"NOOP\r\n", &mut context), none);
        let said = lab.turn(|session, context| session.stored(Err(why), context));
        assert!(said.starts_with(code), "{said}");
        assert_eq!(lab.code(MAIL), 250);
    }
}

#[test]
fn tls_forgets_everything() {
    let mut lab = Lab::new().go(&[EHLO, AUTH, MAIL, RCPT]);
    // What came behind STARTTLS in clear text is not carried out, now or later.
    assert_eq!(
        codes(&lab.send("STARTTLS\r\nRSET\r\nMAIL FROM:<evil@x.example>\r\n")),
        [220]
    );
    assert_eq!(lab.send("NOOP\r\n"), "");
    assert_eq!(lab.session.user(), Some("user"));
    lab.session.secured();
    assert!(
        lab.session.encrypted() && lab.session.helo().is_none() && lab.session.user().is_none()
    );
    assert_eq!(lab.code(MAIL), 503);
    assert!(!lab.send(format!("{EHLO}\r\n")).contains("STARTTLS"));
    assert_eq!(codes(&lab.send(format!("{MAIL}\r\nDATA\r\n"))), [250, 503]);
    let mut clear = Lab::with(service(), Channel::Clear, EndOfData::Strict, &[]);
    assert!(!clear.send(format!("{EHLO}\r\n")).contains("STARTTLS"));
    assert_eq!(clear.code("STARTTLS"), 502);
    let mut tls = Lab::with(service(), Channel::Tls, EndOfData::Strict, &[]);
    assert!(!tls.send(format!("{EHLO}\r\n")).contains("STARTTLS"));
    assert_eq!(tls.code("STARTTLS"), 503);
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// The challenge in the last line of what was said.
fn challenge(said: &str) -> Vec<u8> {
    let text = said.lines().last().unwrap().strip_prefix("334 ").unwrap();
    STANDARD.decode(text).unwrap()
}

#[test]
fn logins_go_their_ways() {
    let only = || Service {
        accounts: Accounts::Only {
            user: "tim".to_owned(),
            password: Secret::from("tanstaaftanstaaf"),
        },
        ..service()
    };
    let plain = |password: &str| base64(&format!("\0tim\0{password}"));
    let (user, right, wrong) = (base64("tim"), base64("tanstaaftanstaaf"), base64("secret"));
    // The lines of the client, and the code to the last one from a server that takes anybody and from one that knows Tim.
    let cases: [(Vec<String>, u16, u16); 17] = [
        (
            vec![format!("AUTH PLAIN {}", plain("tanstaaftanstaaf"))],
            235,
            235,
        ),
        (
            vec!["auth plain".into(), plain("tanstaaftanstaaf")],
            235,
            235,
        ),
        (vec![format!("AUTH PLAIN {}", plain("secret"))], 235, 535),
        (
            vec![format!(
                "AUTH PLAIN {}",
                base64("tim\0tim\0tanstaaftanstaaf")
            )],
            235,
            235,
        ),
        (
            vec![format!(
                "AUTH PLAIN {}",
                base64("tom\0tim\0tanstaaftanstaaf")
            )],
            535,
            535,
        ),
        (vec![format!("AUTH PLAIN {}", base64("tim"))], 501, 501),
        (vec!["AUTH PLAIN =".into()], 501, 501),
        (vec!["AUTH PLAIN".into(), "*".into()], 501, 501),
        (vec!["AUTH PLAIN !".into()], 501, 501),
        (
            vec!["AUTH LOGIN".into(), user.clone(), right.clone()],
            235,
            235,
        ),
        (vec![format!("AUTH LOGIN {user}"), right.clone()], 235, 235),
        (vec!["AUTH LOGIN".into(), user.clone(), wrong], 235, 535),
        (
            vec!["AUTH LOGIN".into(), base64("tom"), right.clone()],
            235,
            535,
        ),
        (vec!["AUTH LOGIN".into(), String::new(), right], 535, 535),
        (vec!["AUTH LOGIN".into(), "not base64".into()], 501, 501),
        (vec!["AUTH LOGIN".into(), user, "*".into()], 501, 501),
        (vec!["AUTH CRAM-MD5".into(), base64("tim")], 501, 501),
    ];
    for (lines, anybody, tim) in cases {
        for (service, expected) in [(service(), anybody), (only(), tim)] {
            let mut lab = Lab::with(service, Channel::Tls, EndOfData::Strict, &[]).go(&[EHLO]);
            let last = lines.len() - 1;
            for line in &lines[..last] {
                assert_eq!(lab.code(line), 334, "{line}");
            }
            assert_eq!(lab.code(&lines[last]), expected, "{lines:?}");
            assert_eq!(lab.session.user().is_some(), expected == 235);
            // Afterwards there are commands again; a login comes once.
            let again = if expected == 235 { 503 } else { 334 };
            assert_eq!(lab.code("AUTH LOGIN"), again);
        }
    }
    // CRAM-MD5 answers a challenge, which is another one each time.
    let mut challenges = Vec::new();
    for (password, anybody, tim) in [("tanstaaftanstaaf", 235, 235), ("secret", 235, 535)] {
        for (service, expected) in [(service(), anybody), (only(), tim)] {
            let mut lab = Lab::with(service, Channel::Tls, EndOfData::Strict, &[]).go(&[EHLO]);
            lab.code("AUTH CRAM-MD5");
            lab.code("*");
            let challenge = challenge(&lab.send("AUTH CRAM-MD5\r\n"));
            assert_eq!(challenge, b"<7.2@lab.example>");
            let answer = sasl::cram_md5("tim", password.as_bytes(), &challenge);
            assert_eq!(lab.code(&base64(&answer)), expected);
            challenges.push(challenge);
        }
    }
    let said = Lab::new().go(&[EHLO]).send("AUTH LOGIN\r\n");
    assert_eq!(challenge(&said), b"Username:");
}

#[test]
fn the_mechanism_that_is_not_offered_names_those_that_are() {
    let said = Lab::new().go(&[EHLO]).send("AUTH XOAUTH2 abc=\r\n");
    assert!(said.starts_with("504 5.5.4 "), "{said}");
}

#[test]
fn passwords_are_masked() {
    let secret = base64("secret");
    let mut lab = Lab::new();
    lab.send(format!(
        "{EHLO}\r\nAUTH PLAIN {secret}\r\nAUTH LOGIN\r\ndXNlcg==\r\n{secret}!\r\nAUTH LOGIN dXNlcg==\r\n*\r\n\
         AUTH PLAIN\r\n{secret}\r\nAUTH XOAUTH2 {secret}\r\n{secret}\r\n{secret}\r\nNOOP\r\nXYZZY {secret}\r\n"
    ));
    let heard = [
        EHLO,
        "AUTH PLAIN ********",
        "AUTH LOGIN",
        "dXNlcg==",
        "********",
        "AUTH LOGIN dXNlcg==",
        "*",
        "AUTH PLAIN",
        "********",
        "AUTH XOAUTH2 ********",
        // A client that did not see the refusal goes on with its answers.
        "********",
        "********",
        "NOOP",
    ];
    assert_eq!(lab.heard[..13], heard);
    // So does one whose login failed half way.
    let mut lab = Lab::new().go(&[EHLO]);
    lab.send(format!("AUTH LOGIN\r\n!!\r\n{secret}\r\n"));
    assert_eq!(lab.heard[1..], ["AUTH LOGIN", "!!", "********"]);
    // A secret in the wrong place is one, too.
    let mut lab = Lab::new().go(&[EHLO]);
    lab.send(format!("AUTH {secret}\r\nAUTH LOGIN dXNlcg== {secret}\r\nAUTH DIGEST-MD5 {secret}\r\nAUTH GSSAPI\r\n"));
    assert_eq!(
        lab.heard[1..],
        [
            "AUTH ********",
            "AUTH LOGIN dXNlcg== ********",
            "AUTH DIGEST-MD5 ********",
            "AUTH GSSAPI"
        ]
    );
    // Where the bytes stand does not matter.
    let mut lab = Lab::new().go(&[EHLO]);
    lab.send("x".repeat(600));
    lab.send(format!("\r\nAUTH PLAIN {secret}\r\n"));
    assert_eq!(lab.heard.last().unwrap(), "AUTH PLAIN ********");
    let line = format!("AUTH PLAIN {}", "s".repeat(20_000));
    lab.send(line);
    assert_eq!(lab.heard.last().unwrap(), "********");
    assert!(!format!("{:?}", lab.session).contains("secret"));
}

#[test]
fn what_is_not_worked_on_yet_hides_what_may_be_a_password() {
    for (said, rest, hidden) in [
        (&[EHLO][..], "NOOP\r\nMAIL FR", None),
        (&[EHLO], "AUT", None),
        (&[EHLO], "AUTH", None),
        (&[EHLO], "AUTHOR", None),
        // It may be no mechanism.
        (&[EHLO], "AUTH PLA", Some(5)),
        (&[EHLO], "AUTH PLAIN ", None),
        (&[EHLO], "AUTH PLAIN AH", Some(11)),
        (&[EHLO], "auth login dXNl", None),
        (&[EHLO], "AUTH LOGIN dXNlcg== c2", Some(20)),
        (&[EHLO], "AUTH LOGIN\r\ndXNlcg==\r\nc2", Some(12)),
        (&[EHLO], "RSET\r\nAUTH PLAIN AHMAcw==\r\nNOOP\r\n", Some(17)),
        (&[EHLO, "AUTH PLAIN"], "A", Some(0)),
        (&[EHLO, "AUTH LOGIN"], "dXNl", None),
        (&[EHLO, "AUTH LOGIN"], "dXNlcg==\r\nc2", Some(10)),
        (&[EHLO, "AUTH LOGIN", "dXNlcg=="], "c2", Some(0)),
        (&[EHLO, "AUTH CRAM-MD5"], "dXNl", Some(0)),
        // The login was refused; the client may not have seen it.
        (&["AUTH PLAIN"], "AH", Some(0)),
        (&[EHLO, "AUTH LOGIN", "dXNlcg==", "c2VjcmV0"], "NO", None),
        // Behind the request for TLS.
        (&[EHLO, "STARTTLS"], "AUTH PLAIN AH", Some(11)),
    ] {
        let mut lab = Lab::new();
        for line in said {
            lab.send(format!("{line}\r\n"));
        }
        assert_eq!(
            lab.session.hides(rest.as_bytes()),
            hidden,
            "{said:?} {rest:?}"
        );
    }
}

/// Where others saw an end of a message, and whether a lenient server does (smuggling of 2023).
const ENDS: [(&str, bool); 11] = [
    ("\n.\n", true),
    ("\n.\r\n", true),
    ("\r\n.\n", true),
    ("\r\n.\r\r\n", true),
    ("\r\r\n.\r\r\n", true),
    ("\n.\r", false),
    ("\r.\n", false),
    ("\r.\r", false),
    ("\r.\r\n", false),
    ("\r\n\0.\r\n", false),
    ("\r\n..\r\n", false),
];

/// A message that carries another behind this end, and goes on with a command.
fn smuggling(end: &str) -> String {
    format!(
        "Subject: harmless\r\n\r\nHello{end}MAIL FROM:<evil@x.example>\r\nRCPT TO:<boss@y.example>\r\nDATA\r\nSubject: smuggled\r\n\r\n.\r\nNOOP\r\n"
    )
}

#[test]
fn a_strict_server_lets_nothing_be_smuggled() {
    for (end, is_doubtful) in ENDS {
        let mut lab = Lab::new().go(&[EHLO, MAIL, RCPT, "DATA"]);
        let said = lab.send(smuggling(end));
        let has_bare = !["\r\n\0.\r\n", "\r\n..\r\n"].contains(&end);
        let expected: &[u16] = match (is_doubtful, has_bare) {
            (true, _) => &[521],
            (false, true) => &[550, 250],
            (false, false) => &[250, 250],
        };
        assert_eq!(codes(&said), expected, "{end:?}: {said}");
        assert_eq!(lab.stored.len(), usize::from(!has_bare), "{end:?}");
        assert_eq!(lab.closed.is_some(), is_doubtful, "{end:?}");
        assert!(
            !has_bare || said.contains(" 5.5.2 ") || said.starts_with("250"),
            "{said}"
        );
    }
}

#[test]
fn a_lenient_server_shows_how_it_is_done() {
    for (end, is_end) in ENDS {
        let mut lab = Lab::lenient().go(&[EHLO, MAIL, RCPT, "DATA"]);
        let said = lab.send(smuggling(end));
        let expected: &[u16] = match is_end {
            true => &[250, 250, 250, 354, 250, 250],
            false => &[250, 250],
        };
        assert_eq!(codes(&said), expected, "{end:?}: {said}");
        let senders: Vec<_> = lab
            .stored
            .iter()
            .map(|(from, _, _)| from.as_str())
            .collect();
        match is_end {
            true => assert_eq!(senders, ["a@b.example", "evil@x.example"], "{end:?}"),
            false => assert_eq!(senders, ["a@b.example"], "{end:?}"),
        }
    }
    // The switch takes effect with the next message.
    let mut lab = Lab::new().go(&[EHLO, MAIL, RCPT, "DATA"]);
    lab.session.set_end_of_data(EndOfData::Lenient);
    assert_eq!(codes(&lab.send("hi\n.\r\n")), [521]);
}

#[test]
fn what_went_over_the_wire_is_measured() {
    let cases = [
        (".\r\n", 3, 0),
        ("a\r\n.\r\n", 6, 0),
        ("..\r\n..a\r\n.\r\n", 12, 2),
        ("a\n.\n", 4, 0),
        ("..a\r\n.\r\r\n", 9, 1),
    ];
    for (text, wire, stuffed) in cases {
        let mut lab = Lab::lenient().go(&[EHLO, MAIL, RCPT, "DATA"]);
        lab.send(text);
        let measure = lab.turns.iter().find_map(|turn| turn.measure);
        assert_eq!(measure, Some(Measure { wire, stuffed }), "{text:?}");
    }
}

#[test]
fn chunks_come_with_their_lengths() {
    let mut lab = Lab::new().go(&[EHLO, MAIL, RCPT]);
    // Neither a dot nor a line end means anything in them.
    let said = lab.send("BDAT 5\r\n\r\n.\r\nBDAT 3\r\nQUIbdat 1 last\r\nTNOOP\r\n");
    assert_eq!(codes(&said), [250, 250, 250, 250]);
    assert_eq!(lab.stored[0].2, b"\r\n.\r\nQUIT");
    assert_eq!(
        lab.turns
            .iter()
            .filter(|turn| turn.measure.is_some())
            .count(),
        3
    );
    // A chunk that is refused is read all the same.
    let mut lab = Lab::new().go(&[EHLO, MAIL]);
    let said = lab.send("BDAT 6 LAST\r\nQUIT\r\nNOOP\r\nBDAT 18446744073709551615\r\nQUIT\r\n");
    assert_eq!(codes(&said), [503, 250]);
    assert!(lab.closed.is_none());
}

#[test]
fn pipelined_commands_are_answered_in_order() {
    let mut lab = Lab::new();
    let said = lab.send(format!(
        "{EHLO}\r\n{MAIL}\r\n{RCPT}\r\nRCPT TO:<bad>\r\nDATA\r\nhi\r\n.\r\n{MAIL}\r\nRCPT TO:<bad>\r\nDATA\r\nQUIT\r\nNOOP\r\n"
    ));
    assert_eq!(
        codes(&said),
        [250, 250, 250, 501, 354, 250, 250, 501, 554, 221]
    );
    assert_eq!(lab.stored.len(), 1);
    // Line ends of LF alone are taken in commands: that is how they are typed.
    let mut lab = Lab::new();
    let said = lab.send(format!("{EHLO}\n{MAIL}\nRSET\n"));
    assert_eq!(codes(&said), [250, 250, 250]);
}

#[test]
fn addresses_are_taken_as_the_rfc_has_them() {
    let mut lab = Lab::new().go(&[
        EHLO,
        "MAIL FROM:<> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=a+2Bb AUTH=<>",
    ]);
    assert_eq!(lab.session.envelope().from, None);
    lab = lab.go(&[
        "RCPT TO:<@one.example,@two.example:a@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@c",
        "rcpt to:<Postmaster>",
        "RCPT TO:<\"a>b\\\"\"@\u{4f8b}\u{5b50}.\u{4e2d}\u{56fd}>",
    ]);
    let to: Vec<_> = lab
        .session
        .envelope()
        .to
        .iter()
        .map(|to| to.as_str())
        .collect();
    let odd = "\"a>b\\\"\"@\u{4f8b}\u{5b50}.\u{4e2d}\u{56fd}";
    assert_eq!(to, ["a@b.example", "postmaster@lab.example", odd]);
}

#[test]
fn too_many_errors_end_the_session() {
    let strict = Service {
        limits: Limits {
            errors: 3,
            ..LIMITS
        },
        ..service()
    };
    let mut lab = Lab::with(strict, Channel::Tls, EndOfData::Strict, &["noop=550"]);
    // What a fault refuses is no error of the client's.
    let said = lab.send("NOOP\r\nNOOP\r\nNOOP\r\nX\r\nY\r\nHELP\r\nZ\r\nHELP\r\n");
    assert_eq!(codes(&said), [550, 550, 550, 500, 500, 214, 421]);
    assert_eq!(lab.closed, Some(Cause::Misbehaved));
}

#[test]
fn a_farewell_is_said_at_any_time() {
    for (why, text) in [
        (Farewell::Idle, "421 4.4.2 "),
        (Farewell::TooMany, "421 4.7.0 "),
        (Farewell::Stopped, "421 4.3.2 "),
    ] {
        for before in Before::ALL {
            let mut lab = before.lab();
            let said = lab.turn(|session, context| session.farewell(why, context));
            assert!(said.starts_with(text), "{said}");
            assert_eq!(lab.closed, Some(Cause::Farewell));
            // Nothing is read any more.
            lab.closed = None;
            assert_eq!(lab.send("NOOP\r\n"), "");
        }
    }
}

#[test]
fn a_verdict_takes_the_place_of_the_reply_and_of_the_deed() {
    let cases: [(&str, &[&str], &str, &str); 15] = [
        ("ehlo=502 5.5.1 No", &[], EHLO, "502 5.5.1 No\r\n"),
        ("helo=450", &[], "HELO x", "450 Not now, says a fault\r\n"),
        (
            "starttls=454 4.7.0 Not now",
            &[EHLO],
            "STARTTLS",
            "454 4.7.0 Not now\r\n",
        ),
        ("auth=504 5.5.4 None", &[EHLO], AUTH, "504 5.5.4 None\r\n"),
        ("auth=535 5.7.8 Wrong", &[EHLO], AUTH, "535 5.7.8 Wrong\r\n"),
        ("auth=250 2.0.0 Ok", &[EHLO], AUTH, "250 2.0.0 Ok\r\n"),
        ("mail=299 What", &[EHLO], MAIL, "299 What\r\n"),
        (
            "rcpt=550 5.1.1 No such user",
            &[EHLO, MAIL],
            RCPT,
            "550 5.1.1 No such user\r\n",
        ),
        (
            "rcpt@c@d=551",
            &[EHLO, MAIL],
            RCPT,
            "551 No, says a fault\r\n",
        ),
        (
            "rcpt=full",
            &[EHLO, MAIL],
            RCPT,
            "452 4.2.2 The mailbox is full\r\n",
        ),
        (
            "rcpt=greylist:1s",
            &[EHLO, MAIL],
            RCPT,
            "451 4.7.1 Greylisted: try again later\r\n",
        ),
        (
            "data=250 2.0.0 Ok",
            &[EHLO, MAIL, RCPT],
            "DATA",
            "250 2.0.0 Ok\r\n",
        ),
        ("quit=500", &[], "QUIT", "500 No, says a fault\r\n"),
        ("other=250 2.0.0 Done", &[], "XYZZY", "250 2.0.0 Done\r\n"),
        (
            "any#4=500 5.5.2 What",
            &[EHLO, MAIL, RCPT],
            "DATA",
            "500 5.5.2 What\r\n",
        ),
    ];
    for (fault, before, line, reply) in cases {
        let mut lab = Lab::faulty(&[fault]).go(before);
        assert_eq!(lab.send(format!("{line}\r\n")), reply, "{fault}");
        assert!(lab.turns.last().unwrap().spoilt);
        assert!(lab.closed.is_none() && !lab.session.receiving() && !lab.awaits_handshake);
        assert_eq!(lab.session.user(), None);
    }
    // All recipients were refused, by a fault.
    let mut lab = Lab::faulty(&["rcpt=550"]).go(&[EHLO, MAIL]);
    assert_eq!([lab.code(RCPT), lab.code("DATA")], [550, 554]);
    // A client that does not look at the code of DATA sees its message taken for commands.
    let mut lab = Lab::faulty(&["data=250"]).go(&[EHLO, MAIL, RCPT]);
    assert_eq!(
        codes(&lab.send("DATA\r\nSubject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n")),
        [250, 500, 500, 500, 500, 221]
    );
}

#[test]
fn a_fault_at_auth_is_about_the_credentials() {
    let mut lab = Lab::faulty(&["auth=535", "auth=bare-lf", "auth=inject:250 psst"]).go(&[EHLO]);
    let said = lab.send("AUTH LOGIN\r\n");
    assert_eq!(said, "334 VXNlcm5hbWU6\n250 psst\r\n");
    assert_eq!(lab.send("dXNlcg==\r\n"), "334 UGFzc3dvcmQ6\n");
    assert_eq!(lab.send("c2VjcmV0\r\n"), "535 No, says a fault\n");
    assert_eq!(lab.session.user(), None);
    // It was one occurrence.
    let mut lab = Lab::faulty(&["auth#2=535"]).go(&[EHLO, "AUTH LOGIN", "dXNlcg=="]);
    assert_eq!(lab.code("*"), 501);
    assert_eq!(lab.code(AUTH), 535);
    assert_eq!(lab.code(AUTH), 235);
}

#[test]
fn faults_close_the_connection() {
    let cases: [(&str, &[&str], &str, &str); 8] = [
        (
            "mail=shutdown",
            &[EHLO],
            MAIL,
            "421 4.3.2 Shutting down, closing the connection\r\n",
        ),
        (
            "mail=421 4.0.0 Enough",
            &[EHLO],
            MAIL,
            "421 4.0.0 Enough\r\n",
        ),
        ("mail=drop", &[EHLO], MAIL, ""),
        ("auth=drop", &[EHLO], AUTH, ""),
        ("auth=421", &[EHLO], AUTH, "421 Not now, says a fault\r\n"),
        ("quit=drop", &[], "QUIT", ""),
        ("data=drop", &[EHLO, MAIL, RCPT], "DATA", ""),
        ("bdat=drop", &[EHLO, MAIL, RCPT], "BDAT 0", ""),
    ];
    for (fault, before, line, reply) in cases {
        let mut lab = Lab::faulty(&[fault]).go(before);
        assert_eq!(lab.send(format!("{line}\r\n")), reply, "{fault}");
        assert_eq!(lab.closed, Some(Cause::Fault), "{fault}");
    }
    let mut lab = Lab::faulty(&["banner=drop"]);
    assert_eq!(lab.greet(), "");
    assert_eq!(lab.closed, Some(Cause::Fault));
}

#[test]
fn faults_at_the_end_of_a_message() {
    // The reply, how many were stored, and whether the connection was closed.
    let cases = [
        ("dot=550 5.7.1 Spam", vec![550], 0, false),
        ("dot=250 2.0.0 Thrown away", vec![250], 0, false),
        ("dot=too-big", vec![552], 0, false),
        ("dot=full", vec![452], 0, false),
        ("dot=shutdown", vec![421], 0, true),
        ("dot=drop", vec![], 1, true),
        ("dot=delay:2s", vec![250], 1, false),
        ("mail=250", vec![250], 1, false),
    ];
    for (fault, said, stored, closed) in cases {
        for message in ["DATA\r\nhi\r\n.\r\n", "BDAT 4 LAST\r\nhi\r\n"] {
            let mut lab = Lab::new().go(&[EHLO, MAIL, RCPT]);
            lab.faults = Faults::new(vec![Fault::parse(fault).unwrap()]);
            let replies = codes(&lab.send(message));
            let replies: Vec<_> = replies.into_iter().filter(|code| *code != 354).collect();
            assert_eq!(replies, said, "{fault}");
            assert_eq!(lab.stored.len(), stored, "{fault}");
            assert_eq!(lab.closed.is_some(), closed, "{fault}");
        }
    }
    // A message that is refused anyway is not stored before the connection is dropped.
    let mut lab = Lab::faulty(&["dot=drop"]).go(&[EHLO, MAIL, RCPT, "DATA"]);
    assert_eq!(lab.send("a\nb\r\n.\r\n"), "");
    assert_eq!((lab.stored.len(), lab.closed), (0, Some(Cause::Fault)));
    // A chunk's fault is about that chunk.
    let mut lab = Lab::faulty(&["bdat#2=451"]).go(&[EHLO, MAIL, RCPT]);
    assert_eq!(
        codes(&lab.send("BDAT 1\r\naBDAT 1 LAST\r\nbBDAT 0 LAST\r\n")),
        [250, 451, 503]
    );
    assert!(lab.stored.is_empty());
}

#[test]
fn faults_change_the_way_a_reply_is_written() {
    let secs = Duration::from_secs;
    let mut lab = Lab::faulty(&[
        "noop=delay:2s",
        "noop#2=bytes:20ms",
        "help=bare-lf",
        "rset=inject:354 go",
        "rset=bare-lf",
    ]);
    lab.send("NOOP\r\nNOOP\r\nHELP\r\n");
    let manners: Vec<_> = lab.turns.iter().map(|turn| turn.manner).collect();
    let slow = |between| Manner::Slow {
        before: secs(2),
        between,
    };
    assert_eq!(
        manners,
        [
            slow(None),
            slow(Some(Duration::from_millis(20))),
            Manner::AtOnce
        ]
    );
    let help = lab.send("HELP\r\n");
    assert!(!help.contains('\r') && help.lines().count() == 6, "{help}");
    // What is injected is what was asked for, to the byte.
    assert_eq!(lab.send("RSET\r\n"), "250 2.0.0 Ok\n354 go\r\n");
    let mut lab = Lab::faulty(&["starttls=inject:250 2.0.0 psst", "dot=delay:1s"]).go(&[EHLO]);
    assert_eq!(
        lab.send("STARTTLS\r\n"),
        "220 2.0.0 Begin the TLS handshake\r\n250 2.0.0 psst\r\n"
    );
    assert!(lab.awaits_handshake);
    // The delay stands before the reply to the message, not before it is stored.
    let mut lab = Lab::faulty(&["dot=delay:2s"]).go(&[EHLO, MAIL, RCPT, "DATA"]);
    lab.send("hi\r\n.\r\n");
    let [.., stored, replied] = &lab.turns[..] else {
        panic!("two turns")
    };
    assert_eq!((stored.next, stored.manner), (Next::Store, Manner::AtOnce));
    assert_eq!(replied.manner, slow(None));
}

#[test]
fn greylisting_lets_the_second_try_through() {
    let mut lab = Lab::faulty(&["rcpt=greylist:30s"]).go(&[EHLO, MAIL]);
    assert_eq!(lab.code(RCPT), 451);
    lab.now = Duration::from_secs(31);
    assert_eq!(lab.code(RCPT), 250);
    assert_eq!(lab.code("RCPT TO:<other@d.example>"), 451);
    assert_eq!(
        [
            lab.code("RSET"),
            lab.code("MAIL FROM:<z@b.example>"),
            lab.code(RCPT)
        ],
        [250, 250, 451]
    );
}

#[test]
fn every_scenario_shows_itself() {
    for scenario in scenarios() {
        let mut lab = Lab::new();
        lab.faults = Faults::new(Scenario::parsed(scenario));
        lab.greet();
        lab.send(format!("{EHLO}\r\nHELO x\r\n{EHLO}\r\n{AUTH}\r\n{MAIL}\r\n{RCPT}\r\n{RCPT}\r\nDATA\r\nhi\r\n.\r\nRSET\r\nSTARTTLS\r\n"));
        assert!(
            lab.turns.iter().any(|turn| turn.spoilt),
            "{}",
            scenario.name
        );
    }
}

#[test]
fn a_handshake_in_clear_text_is_shown_up_to_a_line_end() {
    let mut lab = Lab::new();
    lab.greet();
    let said = lab.send(b"\x16\x03\x01 hello\nand more");
    assert!(said.starts_with("421 4.7.0"), "{said}");
    assert_eq!(lab.heard, ["\u{16}\u{3}\u{1} hello"]);
}

/// Bytes that look like a session, more or less.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            EHLO,
            MAIL,
            RCPT,
            "DATA",
            "BDAT 4",
            "BDAT 3 LAST",
            "RSET",
            "STARTTLS",
            "AUTH LOGIN",
            "AUTH CRAM-MD5",
            AUTH,
            "*",
            "dXNlcg==",
            "HELP",
            "VRFY x",
            "NOOP",
            ".",
            "..",
            "MAIL FROM:<> SIZE=5",
            "RCPT TO:<\"a b\"@c> NOTIFY=NEVER",
            "\n.\n",
            "\r",
        ])
        .prop_map(|line| [line.as_bytes(), b"\r\n"].concat()),
        proptest::collection::vec(any::<u8>(), 0..40),
        "[A-Z]{4} [A-Z]{2,4}:<[a-z@.]{0,9}>( [A-Z]{3,6}=?[0-9]{0,3})?\r\n"
            .prop_map(String::into_bytes),
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// The checks are in `Lab`: every turn says one well-formed reply with a code that the standards know there.
    #[test]
    fn any_bytes_are_answered_well(bytes in any_bytes(), lenient in any::<bool>(), split in 1..200_usize) {
        let mut lab = if lenient { Lab::lenient() } else { Lab::new() };
        lab.greet();
        let mut said = String::new();
        for piece in bytes.chunks(split) {
            said += &lab.send(piece);
            if std::mem::take(&mut lab.awaits_handshake) {
                return Ok(());
            }
        }
        // How the bytes were split makes no difference.
        let mut whole = if lenient { Lab::lenient() } else { Lab::new() };
        whole.greet();
        prop_assert_eq!(whole.send(&bytes), said);
        prop_assert_eq!(whole.stored, lab.stored);
    }
}
