use std::io::BufReader;

use proptest::collection::vec;
use proptest::prelude::*;

use super::arbitrary::{self, entry};
use super::*;
use crate::proto::smtp::stage::Stage;
use crate::trace::mail::{Line, Spoken};

fn header() -> Header {
    Header {
        version: VERSION,
        program: "sockscope 0.1.0".to_owned(),
        command: "sockscope web \u{202e}".to_owned(),
        started: SystemTime::UNIX_EPOCH + Duration::new(1_795_000_000, 123_456_700),
    }
}

fn written(entries: &[Entry]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, &header()).unwrap();
    for entry in entries {
        writer.write(entry).unwrap();
    }
    writer.flush().unwrap();
    file
}

fn read(file: &[u8]) -> Vec<Result<Entry, Damage>> {
    Reader::open(file).unwrap().collect()
}

fn note(text: &str) -> Entry {
    Entry {
        at: Duration::from_millis(3),
        what: What::Note(text.to_owned()),
    }
}

fn with_line(line: &str) -> Vec<u8> {
    let mut file = written(&[note("before")]);
    file.extend_from_slice(line.as_bytes());
    file.extend_from_slice(b"\n\n");
    file.extend_from_slice(
        written(&[note("after")])
            .split(|&b| b == b'\n')
            .nth(1)
            .unwrap(),
    );
    file
}

#[test]
fn a_byte_order_mark_before_the_header_is_passed_over() {
    let file = [b"\xef\xbb\xbf", &written(&[note("kept")])[..]].concat();
    assert_eq!(read(&file), [Ok(note("kept"))]);
}

proptest! {
    #[test]
    fn any_entries_are_read_as_they_were_written(entries in vec(entry(), 0..6)) {
        let file = written(&entries);
        let reader = Reader::open(&file[..]).unwrap();
        prop_assert_eq!(reader.header(), &header());
        let read: Result<Vec<_>, _> = reader.collect();
        prop_assert_eq!(read.unwrap(), entries);
    }

    #[test]
    fn a_record_is_harmless_on_a_terminal(entry in entry()) {
        let file = String::from_utf8(written(&[entry])).unwrap();
        prop_assert_eq!(file.lines().count(), 2);
        prop_assert!(!file.lines().any(|line| line.contains(is_hostile)), "{file:?}");
    }

    #[test]
    fn a_file_that_was_cut_gives_what_is_whole(entries in vec(entry(), 1..4), cut in any::<proptest::sample::Index>()) {
        let file = written(&entries);
        let head = written(&[]).len();
        let kept = head + cut.index(file.len() - head);
        let whole = file[head..kept].iter().filter(|&&byte| byte == b'\n').count();
        let read = read(&file[..kept]);
        for (read, entry) in read.iter().take(whole).zip(&entries) {
            prop_assert_eq!(read.as_ref().unwrap(), entry);
        }
        match &read[whole..] {
            [] => prop_assert!(file[..kept].ends_with(b"\n")),
            [Ok(last)] => prop_assert_eq!(last, &entries[whole], "all but its line end is there"),
            [Err(damage)] => prop_assert_eq!(damage, &Damage { line: whole as u64 + 2, reason: "it is cut off".to_owned() }),
            more => prop_assert!(false, "{more:?}"),
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200), cut in 0..150usize) {
        if let Ok(reader) = Reader::open(BufReader::with_capacity(7, &bytes[..])) {
            reader.for_each(drop);
        }
        // Also behind a good beginning, and in the middle of a line.
        let mut file = written(&[note("x")]);
        file.truncate(written(&[]).len().max(file.len().saturating_sub(cut)));
        file.extend(bytes);
        Reader::open(&file[..]).unwrap().for_each(drop);
    }

    #[test]
    fn a_byte_that_was_turned_over_never_panics(entry in entry(), place in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let mut file = written(&[entry]);
        let place = place.index(file.len());
        file[place] = byte;
        if let Ok(reader) = Reader::open(&file[..]) {
            for entry in reader.flatten() {
                // What was read can be written.
                prop_assert_eq!(read(&written(std::slice::from_ref(&entry))), [Ok(entry)]);
            }
        }
    }

    #[test]
    fn an_event_is_weighed_and_dated_whatever_it_is(event in arbitrary::event()) {
        prop_assert!(event.at().is_none_or(|at| at < Duration::from_secs(1_000_000)));
        prop_assert!(event.kept_bytes() < 10_000);
    }
}

#[test]
fn an_entry_is_a_line_that_people_can_read() {
    let line = |entry: Entry| {
        let file = String::from_utf8(written(&[entry])).unwrap();
        file.lines().nth(1).unwrap().to_owned()
    };
    assert_eq!(
        line(note("tab\there \u{202e} 你好")),
        r#"{"at":3000000,"note":"tab\there \u202e 你好"}"#
    );
    let text = String::from_utf8(written(&[])).unwrap();
    assert_eq!(
        text,
        "{\"sockscope-record\":1,\"program\":\"sockscope 0.1.0\",\"command\":\"sockscope web \\u202e\",\
         \"started\":\"2026-11-18T11:06:40.123456700Z\"}\n"
    );
    assert_eq!(
        line(Entry {
            at: Duration::ZERO,
            what: What::LeftOut(7)
        }),
        r#"{"at":0,"left_out":7}"#
    );
}

#[test]
fn a_damaged_line_is_told_and_reading_goes_on() {
    for (line, reason) in [
        ("{\"at\":1,\"no", "it is cut off"),
        ("nonsense", "expected ident (column 2)"),
        (r#"{"at":1}"#, "a time, and nothing that happened then"),
        (
            r#"{"at":1,"mood":{"happy":true}}"#,
            "an entry of a kind that this version does not know: mood",
        ),
        (
            r#"{"at":1,"note":"a","left_out":1}"#,
            "two entries in one line",
        ),
        (
            r#"{"at":-1,"note":"a"}"#,
            "invalid value: integer `-1`, expected u64 (column 8)",
        ),
    ] {
        let read = read(&with_line(line));
        let damage = Damage {
            line: 3,
            reason: reason.to_owned(),
        };
        assert_eq!(read, [Ok(note("before")), Err(damage), Ok(note("after"))]);
    }
    let newer = r#"{"at":3000000,"note":"a","colour":"red"}"#;
    assert_eq!(read(&with_line(newer))[1], Ok(note("a")));
    let hostile = "{\"at\":1,\"\\u001b[2J\":1}";
    let read = read(&with_line(hostile));
    let Err(damage) = &read[1] else {
        panic!("{read:?}");
    };
    assert!(damage.reason.ends_with("\\x1b[2J"), "{damage}");
}

#[test]
fn a_line_that_is_too_long_is_passed_over() {
    let long = "x".repeat(LONGEST_LINE + 1);
    let read = read(&with_line(&long));
    let damage = Damage {
        line: 3,
        reason: "it has more than 16 MiB".to_owned(),
    };
    assert_eq!(read, [Ok(note("before")), Err(damage), Ok(note("after"))]);
}

#[test]
fn what_is_no_record_says_so() {
    let refusal = |file: &str| Reader::open(file.as_bytes()).err().unwrap().to_string();
    assert_eq!(refusal(""), "it is empty");
    for other in [
        "\n",
        "{}\n",
        "GET / HTTP/1.1\n",
        "[1]",
        "{\"sockscope-record\":\"1\"}",
    ] {
        assert_eq!(
            refusal(other),
            "it is no record of sockscope: its first line does not say so"
        );
    }
    assert_eq!(
        refusal("{\"sockscope-record\":2,\"other\":[]}\n"),
        "it is a record of version 2, and this program reads version 1"
    );
    assert!(refusal("{\"sockscope-record\":1}\n").starts_with("its first line is damaged: "));
    let far = "{\"sockscope-record\":1,\"program\":\"\",\"command\":\"\",\"started\":\"1969-11-18T11:06:40Z\"}";
    assert!(refusal(far).contains("no year from 1970 to 9999"));
}

#[test]
fn parts_of_a_request_lie_within_it() {
    let exchange = r#"{"at":1,"event":{"web":{"exchange":{"connection":1,"number":1,"client":"127.0.0.1:1","timing":{"accepted":0,"arrived":0,"first_byte":0,"begun":0,"parsed":null,"decided":null,"first_byte_out":null,"done":0},"request":{"bytes":"GET","length":3},"parts":{"method":{"start":START,"end":9},"target":{"start":0,"end":0},"version":{"start":0,"end":0},"head":0,"user_agent":null,"referer":null},"status":null,"rule":null,"broken_at":null,"response":{"bytes":"","length":0},"response_head":0,"content_sent":0,"ending":"complete"}}}}"#;
    let beyond = read(&with_line(&exchange.replace("START", "0")));
    let Ok(Entry {
        what: What::Event(Event::Web(crate::trace::web::WebEvent::Exchange(exchanged))),
        ..
    }) = &beyond[1]
    else {
        panic!("{beyond:?}");
    };
    assert_eq!(exchanged.parts.method, 0..3);
    let backwards = read(&with_line(&exchange.replace("START", "10")));
    let reason = &backwards[1].as_ref().unwrap_err().reason;
    assert_eq!(reason, "a part of a request ends before it begins");
}

#[test]
fn a_password_is_written_only_if_somebody_asked_for_it() {
    let mut entry = Entry {
        at: Duration::ZERO,
        what: What::Event(Event::Mail(MailEvent::Spoken {
            session: 1,
            spoken: Spoken {
                at: Duration::ZERO,
                stage: Stage::Auth,
                encrypted: false,
                what: Speech::Command(Line::masked(
                    b"AUTH PLAIN ********",
                    b"AUTH PLAIN aHVudGVyMg==",
                )),
            },
        })),
    };
    let text = |entry: &Entry| String::from_utf8(written(std::slice::from_ref(entry))).unwrap();
    assert!(text(&entry).contains("AUTH PLAIN ********"));
    assert!(!text(&entry).contains("aHVudGVyMg"));
    entry.reveal();
    assert!(text(&entry).contains("AUTH PLAIN aHVudGVyMg=="));
}
