use serde_json::{Value, json};

use super::*;
use crate::proto::secret::{Line as Spelt, MASK};
use crate::proto::smtp::address::Address;
use crate::proto::smtp::code::Code;
use crate::proto::smtp::outcome::{Distrust, TlsFailure, Verdict};
use crate::proto::smtp::reply::{Limits, ReplyParser};
use crate::proto::smtp::reply::{Problem, ReplyError};
use crate::trace::mail::CertificateCard;

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn spoken(stage: Stage, what: Speech) -> SendingEvent {
    SendingEvent::Spoken(Spoken {
        at: ms(5),
        stage,
        encrypted: false,
        what,
    })
}

fn command(stage: Stage, line: &str) -> SendingEvent {
    spoken(stage, Speech::Command(Spelt::open(line.as_bytes())))
}

fn reply(stage: Stage, raw: &[u8], fit: Fit) -> SendingEvent {
    let mut parser = ReplyParser::new(Limits::default());
    parser.push(raw);
    let reply = parser.next_reply().expect("a reply").expect("a whole one");
    let latency = (fit != Fit::Unasked).then_some(Duration::from_micros(213));
    spoken(
        stage,
        Speech::Reply {
            reply: Arc::new(reply),
            latency,
            fit,
        },
    )
}

fn recipient(to: &str, fate: RecipientFate, verdict: Option<(u16, &str)>) -> Recipient {
    Recipient {
        address: address(to),
        fate,
        reply: verdict.map(|(code, text)| Verdict {
            stage: Stage::Rcpt,
            code: Code(code),
            enhanced: None,
            text: text.to_owned(),
        }),
    }
}

fn recipients() -> Vec<Recipient> {
    vec![
        recipient("a@x.org", RecipientFate::Accepted, Some((250, "2.0.0 Ok"))),
        recipient(
            "b@x.org",
            RecipientFate::Refused,
            Some((550, "No such user")),
        ),
        recipient("c@x.org", RecipientFate::Deferred, Some((451, "Not now"))),
        recipient("d@x.org", RecipientFate::Unknown, None),
        recipient("e@x.org", RecipientFate::NotTried, None),
    ]
}

fn ended(outcome: Outcome, recipients: Vec<Recipient>, asked: u32) -> SendingEvent {
    SendingEvent::Ended {
        at: ms(9),
        summary: Box::new(Summary {
            outcome,
            stage: Stage::Quit,
            recipients,
            sent: asked,
            asked,
        }),
    }
}

fn lines_of(
    format: Format,
    asked: u32,
    events: impl IntoIterator<Item = SendingEvent>,
) -> Vec<String> {
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, format, asked, ENGLISH);
    for event in events {
        printer.print(event).expect("a Vec takes everything");
    }
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    text.lines().map(str::to_owned).collect()
}

fn objects(asked: u32, events: impl IntoIterator<Item = SendingEvent>) -> Vec<Value> {
    lines_of(Format::Json, asked, events)
        .iter()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn programs_get_one_object_a_line() {
    let card = TlsCard {
        server_name: "lab".to_owned(),
        version: Some("TLSv1.3".to_owned()),
        cipher: Some("TLS_AES_128_GCM_SHA256".to_owned()),
        chain: vec![CertificateCard {
            subject: "CN=lab".to_owned(),
            issuer: "CN=authority".to_owned(),
            names: vec!["lab".to_owned(), "127.0.0.1".to_owned()],
            not_before: "2026-01-01".to_owned(),
            not_after: "2027-01-01".to_owned(),
            fingerprint: "00:11".to_owned(),
        }],
        distrust: Some(Distrust::Expired),
        error: None,
        took: ms(2),
    };
    let login = Spelt::masked(
        format!("AUTH PLAIN {MASK}").as_bytes(),
        b"AUTH PLAIN AHUAcA==",
    );
    let lines = objects(
        1,
        [
            SendingEvent::Connecting {
                at: ms(0),
                host: "lab".to_owned(),
                port: 2525,
                attempt: 1,
            },
            SendingEvent::Connected {
                at: ms(1),
                local: "127.0.0.1:40000".parse().unwrap(),
                server: "127.0.0.1:2525".parse().unwrap(),
            },
            reply(Stage::Banner, b"220 lab\x1b[31m\r\n", Fit::Expected),
            SendingEvent::Tls {
                at: ms(2),
                card: Box::new(card),
            },
            spoken(Stage::Auth, Speech::Command(login)),
            reply(Stage::Auth, b"250-2.7.0 Hi\n250\n", Fit::NotInTheList),
            spoken(
                Stage::Dot,
                Speech::Content {
                    bytes: 1234,
                    stuffed: 2,
                    excerpt: Box::default(),
                },
            ),
            reply(Stage::Other, b"421 bye\r\n", Fit::Unasked),
            SendingEvent::Retrying {
                at: ms(10),
                until: ms(40),
                recipients: vec![address("c@x.org")],
            },
            SendingEvent::Decided(Box::new(Decided {
                at: ms(8),
                number: 1,
                recipients: recipients(),
            })),
            ended(Outcome::PartlySent, recipients(), 1),
        ],
    );
    let tls = json!({
        "event": "tls", "server_name": "lab", "version": "TLSv1.3", "cipher": "TLS_AES_128_GCM_SHA256",
        "chain": [{"subject": "CN=lab", "issuer": "CN=authority", "names": ["lab", "127.0.0.1"],
                   "not_before": "2026-01-01", "not_after": "2027-01-01", "fingerprint": "00:11"}],
        "distrust": outcome::distrust(&Distrust::Expired, ENGLISH), "error": null, "took_us": 2000.0
    });
    let reason = lines.last().map(|line| line["reason"].clone());
    let want = [
        json!({"event": "connected", "address": "127.0.0.1:2525"}),
        json!({"event": "reply", "code": 220, "enhanced": null, "lines": ["lab\\x1b[31m"],
               "latency_us": 213.0, "expected": true, "odd": ["not-text"]}),
        tls,
        json!({"event": "command", "text": "AUTH PLAIN ********"}),
        json!({"event": "reply", "code": 250, "enhanced": "2.7.0", "lines": ["2.7.0 Hi", ""],
               "latency_us": 213.0, "expected": false, "odd": ["bare-lf", "code-only"]}),
        json!({"event": "content", "bytes": 1234, "stuffed": 2}),
        json!({"event": "reply", "code": 421, "enhanced": null, "lines": ["bye"],
               "latency_us": null, "expected": false, "odd": []}),
        json!({"event": "retrying", "recipients": ["c@x.org"], "wait_us": 30000.0}),
        json!({"event": "summary", "outcome": "partly-sent", "stage": "quit", "accepted": ["a@x.org"],
               "refused": [{"to": "b@x.org", "code": 550, "text": "No such user"},
                           {"to": "c@x.org", "code": 451, "text": "Not now"}],
               "unknown": ["d@x.org"], "not_tried": ["e@x.org"], "sent": 1, "asked": 1,
               "failure": null, "reason": reason}),
    ];
    assert_eq!(lines, want);
    assert!(reason.is_some_and(|reason| reason.is_string()));
}

#[test]
fn people_see_a_line_a_recipient() {
    let lines = lines_of(
        Format::Text,
        1,
        [ended(Outcome::PartlySent, recipients(), 1)],
    );
    assert_eq!(
        lines,
        [
            "a@x.org: accepted, 250 2.0.0 Ok",
            "b@x.org: refused, 550 No such user",
            "c@x.org: deferred, 451 Not now",
            "d@x.org: unknown",
            "e@x.org: not tried",
        ]
    );
}

#[test]
fn a_refusal_is_explained_in_the_language_of_the_reader() {
    let refusal = || reply(Stage::Rcpt, b"550 5.1.1 No such user\r\n", Fit::Refusal);
    let lines = lines_of(Format::Text, 1, [refusal()]);
    assert_eq!(lines[0], "<** 550 5.1.1 No such user");
    assert!(lines[1].starts_with("=== 550: ") && lines[1].contains("no such mailbox"));
    assert_eq!(lines.len(), 3, "what it means, and what to do: {lines:?}");
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, Format::Text, 1, Words(Lang::ZhCn));
    printer.print(refusal()).expect("a Vec takes everything");
    let chinese = String::from_utf8(out).expect("UTF-8");
    assert!(chinese.lines().skip(1).all(|line| !line.is_ascii()));
    // Neither a success that is wrong here nor one that is right is explained.
    for fit in [Fit::Expected, Fit::NotInTheList] {
        let lines = lines_of(Format::Text, 1, [reply(Stage::Data, b"250 Ok\r\n", fit)]);
        let explained = lines.iter().any(|line| line.starts_with("=== 250: "));
        assert!(!explained, "{lines:?}");
    }
}

/// A message to one recipient, whose RCPT gets this reply.
fn message(number: u32, at: Duration, rcpt: &[u8], fit: Fit) -> Vec<SendingEvent> {
    let fate = match fit {
        Fit::Expected => RecipientFate::Accepted,
        _ => RecipientFate::Refused,
    };
    vec![
        command(Stage::Mail, "MAIL FROM:<s@x.org>"),
        command(Stage::Rcpt, &format!("RCPT TO:<{number}@x.org>")),
        command(Stage::Data, "DATA"),
        reply(Stage::Mail, b"250 Ok\r\n", Fit::Expected),
        reply(Stage::Rcpt, rcpt, fit),
        reply(Stage::Data, b"354 Go\r\n", Fit::Expected),
        SendingEvent::Decided(Box::new(Decided {
            at,
            number,
            recipients: vec![recipient("a@x.org", fate, None)],
        })),
    ]
}

/// Three messages, of which the second is refused.
fn three() -> Vec<SendingEvent> {
    let mut events = message(1, ms(1), b"250 Ok\r\n", Fit::Expected);
    events.extend(message(2, ms(2), b"550 No\r\n", Fit::Refusal));
    events.extend(message(3, ms(3), b"250 Ok\r\n", Fit::Expected));
    events.push(command(Stage::Quit, "QUIT"));
    events.push(reply(Stage::Quit, b"221 Bye\r\n", Fit::Expected));
    events
}

#[test]
fn of_many_messages_the_first_is_shown_and_what_goes_wrong() {
    let lines = objects(3, three());
    let told: Vec<String> = lines
        .iter()
        .map(|line| match line["event"].as_str() {
            Some("command") => line["text"].as_str().expect("a text").to_owned(),
            Some("reply") => line["code"].to_string(),
            event => format!("{} {}", event.expect("an event"), line["number"]),
        })
        .collect();
    assert_eq!(
        told,
        [
            "MAIL FROM:<s@x.org>",
            "RCPT TO:<1@x.org>",
            "DATA",
            "250",
            "250",
            "354",
            "message 1",
            "RCPT TO:<2@x.org>",
            "550",
            "message 2",
            "message 3",
            "QUIT",
            "221",
        ]
    );
    assert_eq!(lines[6]["accepted"], json!(["a@x.org"]));
    assert_eq!(lines[9]["refused"][0]["to"], "a@x.org");
}

#[test]
fn people_see_how_far_it_is_once_a_second() {
    let counters = |events: Vec<SendingEvent>| -> Vec<String> {
        lines_of(Format::Text, 9, events)
            .into_iter()
            .filter(|line| line.starts_with("=== ") && line.contains("messages"))
            .collect()
    };
    let decided = |number, at| message(number, ms(at), b"250 Ok\r\n", Fit::Expected);
    let mut events = decided(1, 100);
    events.extend(decided(2, 200));
    events.extend(decided(3, 1_100));
    events.extend(decided(4, 1_200));
    assert_eq!(counters(events), ["=== 3 of 9 messages"]);
}

#[test]
fn commands_without_replies_are_not_gathered_for_ever() {
    let mut printer = Printer::new(io::sink(), Format::Json, 2, ENGLISH);
    printer.detail = Detail::Exceptions;
    for _ in 0..3 * UNANSWERED {
        printer.print(command(Stage::Noop, "NOOP")).unwrap();
    }
    assert_eq!(printer.unanswered.len(), UNANSWERED);
    let unasked = reply(Stage::Other, b"250 Ok\r\n", Fit::Expected);
    printer.print(unasked).unwrap();
    assert_eq!(printer.unanswered.len(), UNANSWERED);
}

#[test]
fn every_outcome_has_its_exit_code() {
    let failed = Outcome::Failed;
    let text = || "x".to_owned();
    for (outcome, want) in [
        (Outcome::Sent, 0),
        (Outcome::PartlySent, 1),
        (Outcome::Stopped, 0),
        (
            failed(Failure::Source {
                what: text(),
                error: text(),
            }),
            2,
        ),
        (failed(Failure::CannotConnect(text())), 3),
        (failed(Failure::Lost(text())), 3),
        (failed(Failure::TimedOut(ms(1))), 3),
        (
            failed(Failure::NotAReply(ReplyError {
                problem: Problem::NoCode,
                line: b"x".as_slice().into(),
            })),
            3,
        ),
        (failed(Failure::Tls(TlsFailure::NotOffered)), 4),
        (
            failed(Failure::Tls(TlsFailure::Untrusted(Distrust::Expired))),
            4,
        ),
        (Outcome::LoginRefused, 5),
        (
            failed(Failure::NotOffered(Need::Mechanism {
                wanted: text(),
                offered: Vec::new(),
            })),
            5,
        ),
        (Outcome::Refused, 6),
        (
            failed(Failure::NotOffered(Need::Size { bytes: 2, most: 1 })),
            6,
        ),
        (
            failed(Failure::NotOffered(Need::SmtpUtf8(address("\u{e9}@x.org")))),
            6,
        ),
        (Outcome::Unknown, 7),
    ] {
        assert_eq!(exit_code(&outcome, false), want, "{outcome:?}");
    }
    assert_eq!(exit_code(&Outcome::Stopped, true), INTERRUPTED);
    assert_eq!(exit_code(&Outcome::Sent, true), 0);
}

#[test]
fn the_summary_is_what_a_sending_gives() {
    let printer = Printer::new(Vec::new(), Format::Text, 1, ENGLISH);
    let send = |report: &mut dyn FnMut(SendingEvent)| {
        report(ended(Outcome::Unknown, recipients(), 1));
    };
    let summary = printed(printer, send).expect("a Vec takes everything");
    assert_eq!(summary.outcome, Outcome::Unknown);
    let silent = Printer::new(Vec::new(), Format::Text, 1, ENGLISH);
    assert!(printed(silent, |_| {}).is_err());
}

#[test]
fn a_message_goes_on_when_its_output_does_not() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut sent = 0;
    let result = printed(Printer::new(Full, Format::Text, 1, ENGLISH), |report| {
        for number in 1..=3 {
            report(command(Stage::Noop, "NOOP"));
            sent = number;
        }
    });
    assert_eq!(sent, 3);
    assert_eq!(
        result.map_err(|error| error.kind()),
        Err(io::ErrorKind::StorageFull)
    );
}

#[test]
fn a_failure_is_told_with_what_to_do() {
    let failure = Failure::CannotConnect("connection refused".to_owned());
    let SendingEvent::Ended { summary, .. } = ended(Outcome::Failed(failure), recipients(), 1)
    else {
        unreachable!("it is the end");
    };
    for lang in Lang::ALL {
        let mut err = Vec::new();
        complain(&summary, Words(lang), &mut err).expect("a Vec takes everything");
        let err = String::from_utf8(err).expect("UTF-8");
        let lines: Vec<&str> = err.lines().collect();
        assert!(lines[0].starts_with("sockscope: ") && lines[0].contains("connection refused"));
        assert_eq!(lines.len(), 2, "what happened, and what to do: {err}");
    }
}
