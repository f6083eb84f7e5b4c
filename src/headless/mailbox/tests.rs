use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use serde_json::{Value, json};

use super::*;
use crate::proto::secret::{Line as Spelt, MASK};
use crate::proto::smtp::address::Address;
use crate::proto::smtp::reply::{Limits, ReplyParser};
use crate::proto::smtp::stage::Stage;
use crate::trace::mail::{Fit, MailCounts, Spoken};
use crate::words::Lang;

const AT: Duration = Duration::from_millis(1_500);
/// [`AT`] on the clock of these tests.
const TIME: &str = "1970-01-01T00:00:01.500000Z";

fn nothing_wrong() -> Wrong {
    Wrong {
        faults: Vec::new(),
        end_of_data: EndOfData::Strict,
    }
}

fn printed(
    format: Format,
    lang: Lang,
    using: impl FnOnce(&mut Printer<&mut Vec<u8>>) -> io::Result<()>,
) -> Vec<String> {
    let clock = Clock::new(Instant::now(), SystemTime::UNIX_EPOCH);
    let mut out = Vec::new();
    let mut printer = Printer::new(format, nothing_wrong(), Words(lang), clock, &mut out);
    using(&mut printer).expect("a Vec takes everything");
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    text.lines().map(str::to_owned).collect()
}

fn listening(address: &str, tls: Option<&str>, folder: Option<&str>) -> Event {
    Event::Mail(MailEvent::Listening {
        address: address.parse().unwrap(),
        tls_address: tls.map(|tls| tls.parse().unwrap()),
        certificate: Some(PathBuf::from("/state/ca.pem")),
        folder: folder.map(PathBuf::from),
    })
}

fn spoken(stage: Stage, what: Speech) -> Event {
    Event::Mail(MailEvent::Spoken {
        session: 3,
        spoken: Spoken {
            at: AT,
            stage,
            encrypted: false,
            what,
        },
    })
}

fn reply(raw: &[u8]) -> Event {
    let mut parser = ReplyParser::new(Limits::default());
    parser.push(raw);
    let reply = parser.next_reply().expect("a reply").expect("a whole one");
    spoken(
        Stage::Ehlo,
        Speech::Reply {
            reply: Arc::new(reply),
            latency: Some(Duration::from_micros(21)),
            fit: Fit::Expected,
        },
    )
}

/// A session from its beginning to its end.
fn session() -> Vec<Event> {
    let client: SocketAddr = "127.0.0.1:40000".parse().unwrap();
    let address = |text| Address::parse(text).expect("an address");
    let login = Spelt::masked(
        format!("AUTH PLAIN {MASK}").as_bytes(),
        b"AUTH PLAIN AHUAcA==",
    );
    vec![
        Event::Mail(MailEvent::Opened {
            session: 3,
            client,
            at: AT,
            encrypted: true,
        }),
        Event::Mail(MailEvent::Secured {
            session: 3,
            at: AT,
            version: "TLSv1.3".to_owned(),
            cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
        }),
        spoken(Stage::Ehlo, Speech::Command(Spelt::open(b"EHLO \x1b[2J"))),
        reply(b"250-lab.example greets you\r\n250-SIZE 1000\r\n250 HELP\r\n"),
        spoken(Stage::Auth, Speech::Command(login)),
        spoken(
            Stage::Dot,
            Speech::Content {
                bytes: 1234,
                stuffed: 1,
                excerpt: Box::default(),
            },
        ),
        Event::Mail(MailEvent::Arrived(Box::new(Arrived {
            session: 3,
            at: AT,
            id: 1,
            envelope: Envelope {
                from: None,
                to: vec![address("a@x.org"), address("b@x.org")],
            },
            bytes: 1228,
            file: Some(PathBuf::from("/state/mail/new/1")),
        }))),
        Event::Mail(MailEvent::Closed {
            session: 3,
            client,
            at: AT,
            cause: SessionEnd::ClientGone,
            commands: 2,
            messages: 1,
        }),
    ]
}

fn report() -> MailReport {
    MailReport {
        counts: MailCounts {
            sessions: 1,
            open: 0,
            commands: 2,
            by_class: [4, 1, 2, 3],
            messages: 1,
            bytes: 1228,
            refused: 5,
            faults: Some(6),
            turned_away: 7,
        },
        held: 8,
        bytes: 12_345,
        generation: 9,
    }
}

#[test]
fn people_see_how_to_reach_it_and_what_is_said() {
    let lines = printed(Format::Text, Lang::En, |printer| {
        printer.print(&mut vec![listening(
            "0.0.0.0:2525",
            Some("127.0.0.1:2465"),
            Some("/state/mail\u{1b}"),
        )])?;
        printer.print(&mut session())?;
        printer.left_out = 12;
        printer.finish(&report())
    });
    assert_eq!(
        lines[..5],
        [
            "Mail server at 0.0.0.0:2525, keeping messages in /state/mail\\x1b. Ctrl+C ends it.",
            "TLS from the first byte at 127.0.0.1:2465",
            "Try it from another terminal: sockscope mail --to teacher@example.com",
            "Warning: it listens on the network; anybody who reaches it can leave messages here.",
            "Other programs trust it with the certificate in /state/ca.pem",
        ]
    );
    let in_session: Vec<&str> = lines[5..13]
        .iter()
        .map(|line| line.split_once(" #3 ").expect("a session").1)
        .collect();
    assert_eq!(
        in_session,
        [
            "127.0.0.1:40000 connected for TLS",
            "TLSv1.3, TLS_AES_128_GCM_SHA256",
            "C: EHLO \\x1b[2J",
            "S: 250-lab.example greets you (and 2 more lines)",
            "C: AUTH PLAIN ********",
            "C: [1234 bytes of message]",
            "message from <> to a@x.org, b@x.org, 1228 bytes /state/mail/new/1",
            "closed: the client went away without QUIT; commands: 2, messages: 1",
        ]
    );
    assert_eq!(
        lines[13..],
        [
            "# 12 events came too fast to be printed",
            "Messages: 1 (1228 bytes), sessions: 1, commands: 2",
            "2xx 4, 3xx 1, 4xx 2, 5xx 3",
            "Messages refused or given up: 5, replies spoilt by faults: 6, connections turned away: 7",
            "The mailbox holds 8 (12.3 kB)",
        ]
    );
}

#[test]
fn what_no_record_holds_is_not_said_to_be_none() {
    let mut report = report();
    report.counts.faults = None;
    let lines = summary_lines(&report, Words(Lang::En)).join("\n");
    assert!(lines.contains("replies spoilt by faults: -,"), "{lines}");
}

#[test]
fn loopback_needs_no_warning_and_an_unusual_port_is_named() {
    for lang in Lang::ALL {
        let lines = printed(Format::Text, lang, |printer| {
            printer.print(&mut vec![listening("127.0.0.1:7", None, None)])
        });
        assert_eq!(lines.len(), 3, "{lines:?}");
        let line = &lines[1];
        assert!(
            line.ends_with("mail --server 127.0.0.1:7 --to teacher@example.com"),
            "{line}"
        );
    }
}

#[test]
fn faults_are_told() {
    let wrong = |faults: &[&str], end_of_data| Wrong {
        faults: faults
            .iter()
            .map(|spec| Fault::parse(spec).expect("a fault"))
            .collect(),
        end_of_data,
    };
    let told = |format, wrong| {
        let mut lines = printed(format, Lang::En, |printer| {
            printer.wrong = wrong;
            printer.print(&mut vec![listening("127.0.0.1:2525", None, None)])
        });
        lines.split_off(if format == Format::Json { 1 } else { 3 })
    };
    let nothing: [&str; 0] = [];
    assert_eq!(told(Format::Text, wrong(&[], EndOfData::Strict)), nothing);
    assert_eq!(told(Format::Json, wrong(&[], EndOfData::Strict)), nothing);
    let faults = ["rcpt=550 No", "dot=drop"];
    assert_eq!(
        told(Format::Text, wrong(&faults, EndOfData::Lenient)),
        [
            "Does wrong on purpose: rcpt=550 No; dot=drop",
            "Messages end at bare line feeds too: mail can be smuggled in",
        ]
    );
    assert_eq!(
        told(Format::Json, wrong(&faults, EndOfData::Lenient)),
        [r#"{"event":"faults","faults":["rcpt=550 No","dot=drop"],"end_of_data":"lenient"}"#]
    );
}

#[test]
fn programs_get_one_object_a_line() {
    let lines = printed(Format::Json, Lang::ZhCn, |printer| {
        printer.print(&mut vec![listening("127.0.0.1:2525", None, Some("/m"))])?;
        printer.print(&mut session())?;
        printer.left_out = 12;
        printer.finish(&report())
    });
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let client = "127.0.0.1:40000";
    let want = [
        json!({"event": "listening", "address": "127.0.0.1:2525", "tls_address": null,
               "certificate": "/state/ca.pem", "folder": "/m"}),
        json!({"event": "opened", "session": 3, "time": TIME, "client": client, "encrypted": true}),
        json!({"event": "tls", "session": 3, "time": TIME, "version": "TLSv1.3",
               "cipher": "TLS_AES_128_GCM_SHA256"}),
        json!({"event": "command", "session": 3, "time": TIME, "text": "EHLO \\x1b[2J"}),
        json!({"event": "reply", "session": 3, "time": TIME, "code": 250, "enhanced": null,
               "lines": ["lab.example greets you", "SIZE 1000", "HELP"], "latency_us": 21.0,
               "expected": true, "odd": []}),
        json!({"event": "command", "session": 3, "time": TIME, "text": "AUTH PLAIN ********"}),
        json!({"event": "content", "session": 3, "time": TIME, "bytes": 1234, "stuffed": 1}),
        json!({"event": "message", "session": 3, "time": TIME, "from": null,
               "to": ["a@x.org", "b@x.org"], "bytes": 1228, "file": "/state/mail/new/1"}),
        json!({"event": "closed", "session": 3, "time": TIME, "client": client,
               "cause": "client-gone", "commands": 2, "messages": 1}),
        json!({"event": "skipped", "events": 12}),
        json!({"event": "summary", "sessions": 1, "commands": 2,
               "replies": {"2xx": 4, "3xx": 1, "4xx": 2, "5xx": 3}, "messages": 1, "bytes": 1228,
               "refused": 5, "faults": 6, "turned_away": 7, "held": 8}),
    ];
    assert_eq!(lines, want);
}

#[test]
fn many_lines_are_written_at_a_time() {
    #[derive(Default)]
    struct Writes(Vec<usize>);
    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let clock = Clock::new(Instant::now(), SystemTime::UNIX_EPOCH);
    let mut out = Writes::default();
    let words = Words(Lang::En);
    let mut printer = Printer::new(Format::Json, nothing_wrong(), words, clock, &mut out);
    let mut events: Vec<Event> = (0..4_000).map(|_| reply(b"250 Ok\r\n")).collect();
    printer.print(&mut events).unwrap();
    let all: usize = out.0.iter().sum();
    assert_eq!(out.0.len(), all.div_ceil(CHUNK), "{:?}", out.0);
    assert!(out.0.len() > 1, "{:?}", out.0);
}
