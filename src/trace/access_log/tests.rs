use std::time::{Instant, SystemTime};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::proto::http::rule::Rule;
use crate::proto::http::status::Status;
use crate::trace::web::{Message, Parts, Timing};

/// A clock whose origin is 2023-11-14 22:13:20.25 UTC.
fn clock() -> Clock {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
    Clock::new(Instant::now(), wall)
}

/// The five things of a request that a client chooses. Empty means that it is not there.
type Said<'a> = [&'a [u8]; 5];

/// An answered request: method, target, version, user agent, referer.
pub(crate) fn exchange(said: Said) -> Exchange {
    let bytes = said.concat();
    let mut end = 0;
    let [method, target, version, user_agent, referer] = said.map(|text| {
        let start = end;
        end += text.len() as u32;
        start..end
    });
    let field = |part: Part| Some(part).filter(|part| !part.is_empty());
    Exchange {
        connection: 3,
        number: 2,
        client: "192.0.2.7:50612".parse().unwrap(),
        timing: Timing {
            arrived: Duration::from_micros(1_000_007),
            begun: Duration::from_micros(1_000_047),
            done: Duration::from_nanos(1_000_227_500),
            ..Timing::default()
        },
        request: Message {
            length: bytes.len() as u64,
            bytes: bytes.into(),
        },
        parts: Parts {
            method,
            target,
            version,
            head: 0,
            user_agent: field(user_agent),
            referer: field(referer),
        },
        status: Some(Status::OK),
        rule: Some(Rule::Found),
        broken_at: None,
        response: Message::default(),
        response_head: 180,
        content_sent: 1024,
        ending: Ending::Complete,
    }
}

const USUAL: Said = [
    b"GET",
    b"/HelloWorld.html?x=1",
    b"HTTP/1.1",
    b"curl/8.14.1",
    b"http://127.0.0.1:6789/",
];

fn line(format: LogFormat, exchange: &Exchange) -> String {
    let mut bytes = Vec::new();
    AccessLog::new(format, clock()).request(exchange, &mut bytes);
    let text = String::from_utf8(bytes).expect("ASCII");
    let text = text.strip_suffix('\n').expect("a whole line");
    assert!(
        text.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "{text:?}"
    );
    text.to_owned()
}

/// The line as JSON.
fn object(exchange: &Exchange) -> Value {
    let line = line(LogFormat::Json, exchange);
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// What the common formats write after the time, for which the machine's time zone decides.
fn after_the_time(format: LogFormat, exchange: &Exchange) -> String {
    let line = line(format, exchange);
    let (before, after) = line.split_once("] ").expect("a time in brackets");
    let time = clock().common_log(exchange.timing.arrived);
    assert_eq!(before, format!("{} - - [{time}", exchange.client.ip()));
    after.to_owned()
}

#[test]
fn an_ordinary_request_in_every_format() {
    let exchange = exchange(USUAL);
    let common = "\"GET /HelloWorld.html?x=1 HTTP/1.1\" 200 1024";
    assert_eq!(after_the_time(LogFormat::Common, &exchange), common);
    assert_eq!(
        after_the_time(LogFormat::Combined, &exchange),
        format!("{common} \"http://127.0.0.1:6789/\" \"curl/8.14.1\"")
    );
    assert_eq!(
        line(LogFormat::Json, &exchange),
        concat!(
            r#"{"event":"request","at":"2023-11-14T22:13:21.250007Z","client":"192.0.2.7:50612","connection":3,"number":2,"#,
            r#""method":"GET","target":"/HelloWorld.html?x=1","version":"HTTP/1.1","status":200,"bytes":1024,"#,
            r#""duration_us":220.500,"wait_us":40.000,"#,
            r#""user_agent":"curl/8.14.1","referer":"http://127.0.0.1:6789/","error":null,"rule":"found"}"#
        )
    );
}

#[test]
fn what_is_not_known_is_a_dash_or_null() {
    let nothing = Exchange {
        status: None,
        rule: None,
        content_sent: 0,
        ending: Ending::ClientGone,
        client: "[2001:db8::1]:80".parse().unwrap(),
        ..exchange([b"", b"", b"", b"", b""])
    };
    assert_eq!(after_the_time(LogFormat::Common, &nothing), "\"-\" - -");
    assert_eq!(
        after_the_time(LogFormat::Combined, &nothing),
        "\"-\" - - \"-\" \"-\""
    );
    let object = object(&nothing);
    for key in [
        "method",
        "target",
        "version",
        "status",
        "user_agent",
        "rule",
    ] {
        assert_eq!(object[key], Value::Null, "{key}");
    }
    assert_eq!(object["client"], "[2001:db8::1]:80");
    assert_eq!(object["error"], "client-gone");
    assert_eq!(object["bytes"], 0);

    let old = exchange([b"GET", b"/", b"", b"", b""]);
    assert_eq!(
        after_the_time(LogFormat::Common, &old),
        "\"GET / -\" 200 1024"
    );
}

#[test]
fn only_what_was_kept_is_told() {
    let mut cut = exchange(USUAL);
    cut.request.bytes = cut.request.bytes[..6].into();
    assert_eq!(
        after_the_time(LogFormat::Combined, &cut),
        "\"GET /He -\" 200 1024 \"-\" \"-\""
    );
    let backwards = Part {
        start: u32::MAX,
        end: 2,
    };
    cut.parts.method = backwards;
    assert_eq!(object(&cut)["method"], Value::Null);
}

#[test]
fn hostile_text_stays_in_its_place() {
    let hostile = exchange([
        b"G\"ET",
        b"/a b\r\n127.0.0.1 - - [x] \"GET /forged",
        b"HTTP/1.1\0",
        b"\x1b[2J\x7f\t\x0b\x08\xe4\xb8\xa2\xff\\",
        b"\" 200 5 \"",
    ]);
    assert_eq!(
        after_the_time(LogFormat::Combined, &hostile),
        concat!(
            r#""G\"ET /a\x20b\r\n127.0.0.1\x20-\x20-\x20[x]\x20\"GET\x20/forged HTTP/1.1\x00" 200 1024"#,
            r#" "\" 200 5 \"" "\x1b[2J\x7f\t\v\b\xe4\xb8\xa2\xff\\""#
        )
    );
    let object = object(&hostile);
    assert_eq!(object["method"], "G\"ET");
    // A screen may show this: it is escaped for people as everywhere else.
    assert_eq!(
        object["user_agent"],
        "\\x1b[2J\\x7f\\t\\x0b\\x08\u{4e22}\\xff\\"
    );
}

#[test]
fn json_knows_characters_of_two_units() {
    let smile = exchange([b"GET", "/\u{1f600}".as_bytes(), b"HTTP/1.1", b"", b""]);
    assert!(line(LogFormat::Json, &smile).contains(r#""target":"/\ud83d\ude00""#));
    assert_eq!(object(&smile)["target"], "/\u{1f600}");
}

#[test]
fn a_second_is_told_anew_when_it_is_over() {
    let mut log = AccessLog::new(LogFormat::Json, clock());
    let mut times = Vec::new();
    for millis in [0, 749, 750, 749, 3_600_000] {
        let mut exchange = exchange(USUAL);
        exchange.timing.arrived = Duration::from_millis(millis);
        let mut line = Vec::new();
        log.request(&exchange, &mut line);
        let object: Value = serde_json::from_slice(&line).unwrap();
        let at = object["at"].as_str().unwrap().to_owned();
        assert_eq!(at, clock().rfc3339(exchange.timing.arrived));
        times.push(at);
    }
    assert_eq!(times[1], "2023-11-14T22:13:20.999000Z");
    assert_eq!(times[2], "2023-11-14T22:13:21.000000Z");
}

#[test]
fn the_other_lines() {
    let said = |format, write: fn(&AccessLog, &mut Vec<u8>)| {
        let mut bytes = Vec::new();
        write(&AccessLog::new(format, clock()), &mut bytes);
        String::from_utf8(bytes).unwrap()
    };
    let listening: fn(&AccessLog, &mut Vec<u8>) =
        |log, bytes| log.listening("[::1]:6789".parse().unwrap(), bytes);
    assert_eq!(
        said(LogFormat::Json, listening),
        "{\"event\":\"listening\",\"address\":\"[::1]:6789\"}\n"
    );
    assert_eq!(said(LogFormat::Combined, listening), "");
    let skipped: fn(&AccessLog, &mut Vec<u8>) = |log, bytes| log.skipped(12, bytes);
    assert_eq!(
        said(LogFormat::Json, skipped),
        "{\"event\":\"skipped\",\"requests\":12}\n"
    );
    assert_eq!(
        said(LogFormat::Common, skipped),
        "# 12 requests were not logged\n"
    );
}

#[test]
fn numbers_are_those_of_the_standard_library() {
    for number in [0, 7, 10, 99, 100, 65_535, u64::MAX] {
        let mut digits = Vec::new();
        push_number(&mut digits, number);
        assert_eq!(digits, number.to_string().into_bytes());
        let mut padded = Vec::new();
        push_padded(&mut padded, number, 6);
        assert_eq!(padded, format!("{number:06}").into_bytes());
    }
    for (nanos, want) in [(0, "0.000"), (1, "0.001"), (1_234_567, "1234.567")] {
        let mut micros = Vec::new();
        push_micros(&mut micros, Duration::from_nanos(nanos));
        assert_eq!(micros, want.as_bytes());
    }
}

/// Reads a quoted field of the common formats from the beginning of a text as a log analyser does; gives its bytes and the rest.
fn quoted(text: &str) -> (Vec<u8>, &str) {
    let mut rest = text.strip_prefix('"').expect("a quote").chars();
    let mut bytes = Vec::new();
    loop {
        match rest.next().expect("a closing quote") {
            '"' => return (bytes, rest.as_str()),
            '\\' => bytes.push(match rest.next().expect("an escape") {
                'n' => b'\n',
                'r' => b'\r',
                't' => b'\t',
                'v' => 0x0b,
                'b' => 0x08,
                'x' => {
                    let digits: String = rest.by_ref().take(2).collect();
                    u8::from_str_radix(&digits, 16).expect("two digits")
                }
                c => u8::try_from(c).expect("ASCII"),
            }),
            c => bytes.push(u8::try_from(c).expect("ASCII")),
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_said_the_line_says_it_and_no_more(
        said in prop::array::uniform5(prop_oneof![
            prop::collection::vec(any::<u8>(), 1..40),
            "[ -~]{1,40}".prop_map(String::into_bytes),
            "[\"\\\\\r\n ]{1,8}".prop_map(String::into_bytes),
        ])
    ) {
        let [method, target, version, user_agent, referer] = &said;
        let exchange = exchange(said.each_ref().map(Vec::as_slice));

        let text = after_the_time(LogFormat::Combined, &exchange);
        // Blanks separate the three parts of the request line and are nowhere else in it.
        let raw = &text[..text.find("\" 200 1024 \"").expect("status and bytes")];
        prop_assert_eq!(raw.matches(' ').count(), 2);
        let (request_line, rest) = quoted(&text);
        prop_assert_eq!(request_line, [&method[..], target, version].join(&b' '));
        let rest = rest.strip_prefix(" 200 1024 ").expect("status and bytes");
        let (said, rest) = quoted(rest);
        prop_assert_eq!(&said, referer);
        let (said, rest) = quoted(rest.strip_prefix(' ').expect("a blank"));
        prop_assert_eq!(&said, user_agent);
        prop_assert_eq!(rest, "");

        let object = object(&exchange);
        prop_assert_eq!(
            object,
            json!({
                "event": "request", "at": "2023-11-14T22:13:21.250007Z", "client": "192.0.2.7:50612",
                "connection": 3, "number": 2,
                "method": escape_hostile(method), "target": escape_hostile(target),
                "version": escape_hostile(version), "status": 200, "bytes": 1024,
                "duration_us": 220.5, "wait_us": 40.0,
                "user_agent": escape_hostile(user_agent), "referer": escape_hostile(referer),
                "error": null, "rule": "found"
            })
        );
    }
}
