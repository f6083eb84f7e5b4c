use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::proto::secret::{Line, MASK};
use crate::proto::smtp::code::Code;
use crate::proto::smtp::reply::{Limits, Problem, ReplyError, ReplyParser};
use crate::trace::escape::is_hostile;
use crate::trace::mail::{CertificateCard, Summary};
use proptest::prelude::*;

const AT: Duration = Duration::from_secs(1);

fn command(stage: Stage, encrypted: bool, line: &[u8]) -> SendingEvent {
    SendingEvent::Spoken(Spoken {
        at: AT,
        stage,
        encrypted,
        what: Speech::Command(Line::open(line)),
    })
}

fn reply(stage: Stage, encrypted: bool, bytes: &[u8]) -> SendingEvent {
    let mut parser = ReplyParser::new(Limits::default());
    parser.push(bytes);
    let reply = parser.next_reply().expect("a reply").expect("a whole one");
    let fit = Fit::of(stage, reply.code);
    SendingEvent::Spoken(Spoken {
        at: AT,
        stage,
        encrypted,
        what: Speech::Reply {
            reply: Arc::new(reply),
            latency: Some(Duration::from_micros(5_300)),
            fit,
        },
    })
}

fn content(stage: Stage, bytes: u64, stuffed: u64, excerpt: &[u8]) -> SendingEvent {
    SendingEvent::Spoken(Spoken {
        at: AT,
        stage,
        encrypted: false,
        what: Speech::Content {
            bytes,
            stuffed,
            excerpt: excerpt.into(),
        },
    })
}

fn ended(outcome: Outcome) -> SendingEvent {
    SendingEvent::Ended {
        at: AT,
        summary: Box::new(Summary {
            outcome,
            stage: Stage::Quit,
            recipients: Vec::new(),
            sent: 1,
            asked: 1,
        }),
    }
}

fn connecting(attempt: u32) -> SendingEvent {
    SendingEvent::Connecting {
        at: AT,
        host: "localhost".to_owned(),
        port: 2525,
        attempt,
    }
}

fn connected() -> SendingEvent {
    SendingEvent::Connected {
        at: AT,
        local: ([127, 0, 0, 1], 40_000).into(),
        server: ([127, 0, 0, 1], 2525).into(),
    }
}

fn card() -> TlsCard {
    TlsCard {
        server_name: "localhost".to_owned(),
        version: Some("TLSv1.3".to_owned()),
        cipher: Some("TLS13_AES_256_GCM_SHA384".to_owned()),
        chain: vec![CertificateCard {
            subject: "CN=sockscope".to_owned(),
            issuer: "CN=sockscope".to_owned(),
            names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
            not_before: "2026-11-22".to_owned(),
            not_after: "2027-11-22".to_owned(),
            fingerprint: "00:11".to_owned(),
        }],
        distrust: None,
        error: None,
        took: AT,
    }
}

fn written(latencies: Latencies, events: &[SendingEvent]) -> Vec<String> {
    let mut transcript = Transcript::new(latencies);
    events
        .iter()
        .flat_map(|event| transcript.lines(event))
        .collect()
}

#[test]
fn a_session_in_clear_text() {
    let events = [
        connecting(1),
        connected(),
        reply(Stage::Banner, false, b"220 mx.example ESMTP\r\n"),
        command(Stage::Ehlo, false, b"EHLO [127.0.0.1]"),
        reply(Stage::Ehlo, false, b"250-mx.example\r\n250 DSN\r\n"),
        command(Stage::Mail, false, b"MAIL FROM:<a@b.example>"),
        reply(Stage::Mail, false, b"299 fine\n"),
        command(Stage::Rcpt, false, b"RCPT TO:<c@d.example>"),
        reply(Stage::Rcpt, false, b"550 5.1.1 nobody\r\n"),
        command(Stage::Other, false, b"HELLO"),
        content(Stage::Dot, 14, 1, b"Hello\r\n..\r\n.\r\n"),
        command(Stage::Quit, false, b"QUIT"),
        reply(Stage::Quit, false, b"221 bye\r\n"),
        ended(Outcome::PartlySent),
    ];
    let want = [
        "=== Trying localhost:2525...",
        "=== Connected to 127.0.0.1:2525.",
        "<-  220 mx.example ESMTP",
        " -> EHLO [127.0.0.1]",
        "<-  250-mx.example",
        "<-  250 DSN",
        " -> MAIL FROM:<a@b.example>",
        "<** 299 fine",
        "=== odd: bare-lf, unknown-second-digit",
        "=== 299 is not among the codes of RFC 5321 for mail",
        " -> RCPT TO:<c@d.example>",
        "<** 550 5.1.1 nobody",
        "**> HELLO",
        " -> Hello",
        " -> ..",
        " -> .",
        " -> [14 bytes, 1 dot doubled]",
        " -> QUIT",
        "<-  221 bye",
        "=== Connection closed with remote host.",
    ];
    assert_eq!(written(Latencies::Hidden, &events), want);
    let shown = written(Latencies::Shown, &events[..3]);
    assert_eq!(
        shown[2..],
        ["<-  220 mx.example ESMTP", "=== response in 0.005s"]
    );
}

#[test]
fn a_session_inside_tls() {
    let events = [
        reply(Stage::StartTls, false, b"220 go\r\n"),
        SendingEvent::Tls {
            at: AT,
            card: Box::new(card()),
        },
        command(Stage::Ehlo, true, b"EHLO x"),
        reply(Stage::Ehlo, true, b"250 x\r\n"),
        command(Stage::Other, true, b"XYZZY"),
        reply(Stage::Auth, true, b"535 5.7.8 no\r\n"),
        ended(Outcome::LoginRefused),
    ];
    let want = [
        "<-  220 go",
        "=== TLS started with cipher TLSv1.3:TLS13_AES_256_GCM_SHA384",
        "=== TLS peer[0]   subject=[CN=sockscope] issuer=[CN=sockscope]",
        "===               subjectAltName=[localhost, 127.0.0.1] notBefore=[2026-11-22] notAfter=[2027-11-22]",
        "=== TLS peer certificate passed CA verification, passed host verification (using host localhost to verify)",
        " ~> EHLO x",
        "<~  250 x",
        "*~> XYZZY",
        "<~* 535 5.7.8 no",
        "*** No authentication type succeeded",
    ];
    assert_eq!(written(Latencies::Hidden, &events), want);
}

#[test]
fn certificates_that_are_not_trusted() {
    let last = |card: TlsCard| {
        let card = Box::new(card);
        let lines = written(Latencies::Hidden, &[SendingEvent::Tls { at: AT, card }]);
        lines.last().cloned().unwrap_or_default()
    };
    assert_eq!(
        last(TlsCard {
            distrust: Some(Distrust::Expired),
            ..card()
        }),
        "*** TLS peer certificate failed verification: expired (using host localhost to verify)"
    );
    assert_eq!(
        last(TlsCard {
            version: None,
            cipher: None,
            chain: Vec::new(),
            error: Some("no \x1b[31mTLS".to_owned()),
            ..card()
        }),
        "*** TLS startup failed (no \\x1b[31mTLS)"
    );
}

#[test]
fn contents_are_measured() {
    let lines = |event| written(Latencies::Hidden, &[event]);
    assert_eq!(lines(content(Stage::Dot, 0, 0, b"")), [" -> [0 bytes]"]);
    assert_eq!(
        lines(content(Stage::Dot, 9_999, 2, b"Subject: x\r\n\r\nHel")),
        [
            " -> Subject: x",
            " -> ",
            " -> Hel…",
            " -> [9999 bytes in all, 2 dots doubled]"
        ]
    );
    assert_eq!(
        lines(content(Stage::Bdat, 3, 0, b"\x00\x1b\xff")),
        [" -> \\x00\\x1b\\xff", " -> [3 bytes]"]
    );
}

#[test]
fn secrets_are_masked() {
    let line = Line::masked(
        format!("AUTH PLAIN {MASK}").as_bytes(),
        b"AUTH PLAIN c2VjcmV0",
    );
    let spoken = Spoken {
        at: AT,
        stage: Stage::Auth,
        encrypted: true,
        what: Speech::Command(line.clone()),
    };
    let held = SendingEvent::Held {
        at: AT,
        stage: Stage::Auth,
        line,
        expected: (&[235]).into(),
    };
    let lines = written(Latencies::Shown, &[held, SendingEvent::Spoken(spoken)]);
    assert_eq!(lines, [" ~> AUTH PLAIN ********"]);
}

#[test]
fn every_failure_is_told_in_a_line() {
    let address = Address::parse("张三@例子.中国").expect("an address");
    let table = [
        (
            Failure::Source {
                what: "note.txt".to_owned(),
                error: "not found".to_owned(),
            },
            "*** Cannot read note.txt: not found",
        ),
        (
            Failure::CannotConnect("refused".to_owned()),
            "*** Error connecting to localhost:2525: refused",
        ),
        (
            Failure::Lost("reset\n".to_owned()),
            "*** Remote host closed connection unexpectedly. (reset\\n)",
        ),
        (
            Failure::TimedOut(Duration::from_millis(1500)),
            "*** No reply within 1.5s",
        ),
        (
            Failure::NotAReply(ReplyError {
                problem: Problem::NoCode,
                line: b"hi\r\n".as_slice().into(),
            }),
            r#"*** Not a reply: a line begins with three digits and a space or hyphen: "hi\r\n""#,
        ),
        (
            Failure::Tls(TlsFailure::NotOffered),
            "*** STARTTLS not advertised; not going on in clear text",
        ),
        (
            Failure::Tls(TlsFailure::Refused(Code(454))),
            "*** STARTTLS refused (454); not going on in clear text",
        ),
        (
            Failure::Tls(TlsFailure::Injected(Box::from(*b"250 x\r\n"))),
            "*** Clear text behind the reply to STARTTLS, not believed: 250 x\\r\\n",
        ),
        (
            Failure::Tls(TlsFailure::Untrusted(Distrust::WrongName)),
            "*** TLS startup failed (certificate not trusted: made out for other names)",
        ),
        (
            Failure::Tls(TlsFailure::Handshake("alert".to_owned())),
            "*** No TLS; not going on in clear text",
        ),
        (
            Failure::NotOffered(Need::Mechanism {
                wanted: "PLAIN".to_owned(),
                offered: vec!["LOGIN".to_owned(), "X\x07".to_owned()],
            }),
            "*** AUTH PLAIN not advertised; offered: LOGIN X\\x07",
        ),
        (
            Failure::NotOffered(Need::SmtpUtf8(address)),
            "*** SMTPUTF8 not advertised, and 张三@例子.中国 needs it",
        ),
        (
            Failure::NotOffered(Need::Size { bytes: 2, most: 1 }),
            "*** The message has 2 bytes, and the server takes 1",
        ),
    ];
    for (failure, want) in table {
        let events = [connecting(1), ended(Outcome::Failed(failure))];
        assert_eq!(written(Latencies::Hidden, &events)[1..], [want]);
    }
    let events = [connecting(2), connected(), ended(Outcome::Unknown)];
    assert_eq!(
        written(Latencies::Hidden, &events),
        [
            "=== Trying localhost:2525... (attempt 2)",
            "=== Connected to 127.0.0.1:2525.",
            "*** Connection lost after the final dot: the message may have been delivered",
            "=== Connection closed with remote host.",
        ]
    );
}

#[test]
fn another_try_is_announced() {
    let recipients = ["a@b", "c@d"].map(|text| Address::parse(text).expect("an address"));
    let event = SendingEvent::Retrying {
        at: AT,
        until: AT * 31,
        recipients: recipients.into(),
    };
    let lines = written(Latencies::Hidden, &[event]);
    assert_eq!(lines, ["=== Trying again in 30.0s: a@b, c@d"]);
}

proptest! {
    #[test]
    fn no_line_holds_anything_hostile(
        text in prop::collection::vec(any::<u8>(), 0..30),
        words in any::<String>(),
    ) {
        let mut banner = b"220-".to_vec();
        banner.extend(text.iter().filter(|&&byte| byte != b'\n'));
        banner.extend_from_slice(b"\r\n220 \x1b[2J\r\n");
        let hostile = TlsCard {
            server_name: words.clone(),
            cipher: Some(words.clone()),
            distrust: Some(Distrust::Other(words.clone())),
            error: Some(words.clone()),
            ..card()
        };
        let events = [
            SendingEvent::Connecting { at: AT, host: words.clone(), port: 25, attempt: 1 },
            reply(Stage::Banner, false, &banner),
            command(Stage::Other, true, &text),
            content(Stage::Dot, 1000, 0, &text),
            SendingEvent::Tls { at: AT, card: Box::new(hostile) },
            ended(Outcome::Failed(Failure::Lost(words))),
        ];
        for line in written(Latencies::Shown, &events) {
            prop_assert!(!line.contains(is_hostile), "{line:?}");
        }
    }
}
