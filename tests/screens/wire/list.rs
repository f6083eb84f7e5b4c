//! The list and the bytes: what is there, what is shown of it, and how it is walked through.

use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::KeyCode;
use sockscope::dashboard::app::{Counters, Effect, Msg};
use sockscope::dashboard::capture::{Answer, CaptureFile, Kind};
use sockscope::dashboard::playback::{Motion, Playback};
use sockscope::settings::replay::Speed;
use sockscope::trace::event::Ruling;
use sockscope::words::Lang;

use super::bench::{Bench, HOSTILE};
use super::{LARGE, MIDDLE, SIZES, SMALL, SMALLEST, assert_row, assert_shows, flat, ms};

#[test]
fn an_empty_tab_says_how_to_begin() {
    for (lang, words) in [
        (
            Lang::En,
            [
                "Nothing has crossed the wire yet.",
                "Tab 1, S: send pings.",
                "or send a request (g)",
                "Tab 3, F5: send the mail in the form.",
            ],
        ),
        (
            Lang::ZhCn,
            [
                "线路上还没有任何数据。",
                "第 1 页按 S：发送 ping。",
                "或发送请求（g）",
                "第 3 页按 F5：发送表单中的邮件。",
            ],
        ),
    ] {
        let mut bench = Bench::new(lang);
        bench.key('4');
        for size in SIZES {
            assert_shows(&flat(&bench.screen(size)), &words);
        }
        // A view that was frozen before anything happened is as empty, and says so.
        bench.key(' ');
        bench.losses();
        assert_shows(&flat(&bench.screen(MIDDLE)), &words[..1]);
    }
}

#[test]
fn all_labs_stand_on_one_time_line() {
    let mut bench = Bench::new(Lang::En);
    bench.all_labs();
    bench.keys("4z");
    let screen = bench.screen(LARGE);
    for row in [
        &["ping", ":54321→:12000", "sendto", "client Ping 1 "][..],
        &["ping", "datagram", "→ ● Ping 1"],
        &["ping", "datagram", "← ● PING 1"],
        &[
            "ping",
            "datagram",
            "→ ╳ Ping 2  request dropped: random loss",
        ],
        &["web", ":40012→:6789", "connect"],
        &["web", "request", "→ ● GET /hello.html"],
        &["web", "response", "← ● 200 OK"],
        &["web", "request", "→ ● GET /missing.html"],
        &["web", "response", "← ▲ 404 Not Found"],
        &["mail", ":40001→:2525", "command", "→ ● AUTH PLAIN ********"],
        &["mail", "reply", "← ■ 550 5.1.1 No such mailbox"],
        &["mail", "mail", "1,234", "→ ● Subject: Hello"],
        &["mail", "reply", "← ● 221 2.0.0 Bye"],
    ] {
        assert_row(&screen, row);
    }
    let place = |text: &str| screen.find(text).expect("it is there");
    assert!(place("PING 1") < place("GET /hello.html"));
    assert!(place("404 Not Found") < place("220 mail.lab"));
    for size in SIZES {
        let screen = bench.screen(size);
        assert_row(&screen, &["reply", "← ● 221 2.0.0 Bye"]);
        assert!(!screen.contains("AHN0dWRlbnQAaHVudGVyMg"), "{screen}");
    }
    let mut bench = Bench::new(Lang::ZhCn);
    bench.all_labs();
    bench.keys("4z");
    let screen = bench.screen(LARGE);
    for row in [
        &["数据报", "→ ╳ Ping 2  "][..],
        &["请求", "→ ● GET /hello.html"],
        &["响应", "← ▲ 404 Not Found"],
        &["命令", "→ ● QUIT"],
        &["应答", "← ● 221 2.0.0 Bye"],
    ] {
        assert_row(&screen, row);
    }
}

#[test]
fn signs_are_ascii_where_that_is_asked_for() {
    let mut bench = Bench::set_up(|setup| setup.ascii = true);
    bench.all_labs();
    bench.keys("4z");
    let screen = bench.screen(LARGE);
    for row in [
        &[":54321>:12000", "> X Ping 2  request dropped"][..],
        &["< o PING 1"],
        &["< ! 404 Not Found"],
        &["< X 550 5.1.1"],
    ] {
        assert_row(&screen, row);
    }
}

#[test]
fn times_are_of_the_day_since_the_start_or_since_the_row_above() {
    let mut bench = Bench::new(Lang::En);
    bench.losses();
    bench.key('4');
    bench.keys("k");
    assert_row(&bench.screen(LARGE), &["time", "summary"]);
    bench.key('d');
    let screen = bench.screen(LARGE);
    assert_row(&screen, &["since start", "summary"]);
    assert_row(&screen, &["1.000000", "→ ● Ping 1"]);
    assert_row(&screen, &["1.200000", "→ ╳ Ping 2"]);
    bench.key('d');
    let screen = bench.screen(LARGE);
    assert_row(&screen, &["since above", "summary"]);
    assert_row(&screen, &["+", "ms", "client Ping 2"]);
}

#[test]
fn hostile_bytes_are_seen_and_do_nothing() {
    let mut bench = Bench::new(Lang::En);
    bench.hostile();
    bench.key('4');
    bench.key('g');
    for panel in 0..3 {
        for _ in 0..60 {
            // `screen` looks at each cell.
            for size in [SMALLEST, SMALL, MIDDLE] {
                bench.screen(size);
            }
            bench.key('j');
        }
        if panel == 0 {
            let screen = bench.screen(LARGE);
            for row in [
                &["datagram", "\\x1b[31mred\\x1b]0;title\\x07"][..],
                &["close", "server ▲ \\x1b[31mred"],
                &["response", "404 Not Found"],
                &["command", "\\x1b[31mred"],
                &["note", "[31mred\\u{202e}gpj\\u{200b}zero"],
                &["\\u{202e}gpj"],
                &["\\xff\\xfe"],
            ] {
                assert_row(&screen, row);
            }
        }
        bench.keys("\tg");
    }
    // A filter is text, too, whatever is pasted into it.
    bench.key('/');
    let pasted = String::from_utf8_lossy(HOSTILE).into_owned();
    bench.update(Msg::Paste(pasted));
    for size in SIZES {
        bench.screen(size);
    }
    bench.press(KeyCode::Enter);
    for size in SIZES {
        bench.screen(size);
    }
}

#[test]
fn the_bytes_of_the_selected_row_have_names() {
    let mut bench = Bench::new(Lang::En);
    bench.all_labs();
    bench.key('4');
    bench.keys("/GET -is:call\n");
    bench.key('g');
    let screen = bench.screen(MIDDLE);
    assert_shows(&screen, &["47 45 54 20", "GET /hello.html", "method"]);
    // To the target: the cursor goes by bytes.
    bench.keys("\t\t");
    for _ in 0..4 {
        bench.press(KeyCode::Right);
    }
    assert_shows(&bench.screen(MIDDLE), &["target", "/hello.html"]);
    bench.keys("\t");
    bench.keys("\u{1b}/AUTH\n");
    bench.key('g');
    let screen = bench.screen(MIDDLE);
    assert_shows(&screen, &["AUTH PLAIN ********", "masked"]);
}

#[test]
fn a_filter_shows_what_it_lets_through_and_says_what_is_wrong_with_it() {
    let mut bench = Bench::new(Lang::En);
    bench.all_labs();
    bench.key('4');
    bench.keys("/code:4xx\n");
    let screen = bench.screen(MIDDLE);
    assert_shows(&screen, &["404 Not Found", "1/", "/code:4xx"]);
    assert!(!screen.contains("200 OK"), "{screen}");
    bench.key('\u{1b}');
    bench.press(KeyCode::Esc);
    assert_row(&bench.screen(MIDDLE), &["221 2.0.0 Bye"]);
    for (lang, wrong, said) in [
        (
            Lang::En,
            "verdict:gone",
            "lost, late, dup, reordered, damaged, refused",
        ),
        (
            Lang::En,
            "what:x",
            "there are lab: conn: code: verdict: call: is:",
        ),
        (
            Lang::En,
            "code:teapot",
            "code: takes a code such as 404 or 5xx",
        ),
        (Lang::ZhCn, "verdict:gone", "lost, late, dup"),
        (Lang::ZhCn, "code:teapot", "如 404 或 5xx"),
    ] {
        let mut bench = Bench::new(lang);
        bench.all_labs();
        bench.key('4');
        bench.keys(&format!("/{wrong}\n"));
        let screen = bench.screen(MIDDLE);
        assert_shows(&screen, &[wrong, said, "221 2.0.0 Bye"]);
        // It is still being typed, and can be put right.
        for _ in wrong.chars() {
            bench.press(KeyCode::Backspace);
        }
        bench.keys("is:note\n");
        let nothing = match lang {
            Lang::En => "Nothing of what is kept matches",
            Lang::ZhCn => "保留的记录均不匹配",
        };
        for size in SIZES {
            assert_shows(&flat(&bench.screen(size)), &[nothing, "Esc"]);
        }
        bench.press(KeyCode::Esc);
        assert_shows(&bench.screen(MIDDLE), &["221 2.0.0 Bye"]);
    }
}

#[test]
fn one_connection_is_looked_at_alone() {
    let mut bench = Bench::new(Lang::En);
    bench.all_labs();
    bench.key('4');
    bench.keys("/missing\n");
    bench.keys("k\u{1b}");
    bench.key('c');
    let screen = bench.screen(LARGE);
    assert_shows(
        &screen,
        &["GET /missing.html", "404 Not Found", ":40013→:6789"],
    );
    assert!(!screen.contains("hello.html"), "{screen}");
    assert!(!screen.contains("Ping 1"), "{screen}");
    bench.key('c');
    assert_shows(&bench.screen(LARGE), &["hello.html", "Ping 2"]);
}

#[test]
fn notes_and_marks_stand_in_the_line() {
    let mut bench = Bench::new(Lang::En);
    bench.losses();
    bench.keys("4nlook here\n");
    for size in SIZES {
        assert_row(&bench.screen(size), &["note", "look here"]);
    }
    // A mark on the lost ping, and back to it from the end.
    bench.keys("gll");
    bench.key('m');
    let lost = ["★", "╳"];
    assert_row(&bench.screen(LARGE), &lost);
    bench.keys("G'");
    bench.keys("/is:marked\n");
    let screen = bench.screen(LARGE);
    assert_row(&screen, &lost);
    assert_shows(&screen, &["1/"]);
}

#[test]
fn what_was_left_out_and_what_is_gone_are_counted() {
    let mut bench = Bench::set_up(|setup| setup.wire.events = 20);
    bench.all_labs();
    bench.left_out(1_234);
    bench.key('4');
    for size in SIZES {
        let screen = bench.screen(size);
        assert_shows(&screen, &["+1234 not shown"]);
    }
    let screen = bench.screen(LARGE);
    assert_shows(&screen, &["older ones gone", "20"]);
    assert!(!screen.contains("Ping 1"), "{screen}");
}

#[test]
fn a_frozen_view_goes_on_event_by_event() {
    let mut bench = Bench::new(Lang::En);
    bench.ping(1, ms(1_000), Ruling::Replied);
    bench.key('4');
    bench.key(' ');
    bench.ping(2, ms(1_200), Ruling::Replied);
    let shown = |bench: &mut Bench| bench.screen(LARGE).matches("ing 2").count();
    assert_shows(&bench.screen(SMALL), &["frozen"]);
    assert_eq!(bench.screen(LARGE).matches("ING 2").count(), 0);
    assert_eq!(
        shown(&mut bench),
        0,
        "what came later is kept, but not shown"
    );
    bench.key('.');
    assert_row(&bench.screen(LARGE), &["sendto", "client Ping 2"]);
    let first = shown(&mut bench);
    bench.key('.');
    assert!(shown(&mut bench) > first, "its message");
    for _ in 0..4 {
        bench.key('.');
    }
    assert_row(&bench.screen(LARGE), &["recvfrom", "client PING 2"]);
    bench.keys(",,,,,,");
    assert_eq!(shown(&mut bench), 0, "and back");
    bench.key(' ');
    let screen = bench.screen(LARGE);
    assert!(!screen.contains("frozen"), "{screen}");
    assert_row(&screen, &["← ● PING 2"]);
}

/// A capture that is so far.
fn file(error: Option<&str>) -> CaptureFile {
    CaptureFile {
        file: PathBuf::from("/tmp/lesson\u{1b}.pcapng"),
        kind: Kind::Packets,
        written: 17,
        left_out: 0,
        error: error.map(str::to_owned),
    }
}

#[test]
fn a_capture_is_asked_for_told_of_and_fails_aloud() {
    for (lang, asks, runs, failed) in [
        (
            Lang::En,
            "capture to file",
            "capturing 17",
            "capture failed: No space left",
        ),
        (
            Lang::ZhCn,
            "抓包文件",
            "抓包中 17",
            "抓包失败：No space left",
        ),
    ] {
        let mut bench = Bench::new(lang);
        bench.losses();
        bench.keys("4w");
        for size in SIZES {
            assert_shows(&bench.screen(size), &[asks, ".pcapng"]);
        }
        let effects = bench.press(KeyCode::Enter);
        assert!(
            matches!(
                &effects[..],
                [Effect::StartCapture {
                    overwrite: false,
                    ..
                }]
            ),
            "{effects:?}"
        );
        bench.update(Msg::Capture(Answer::Opened));
        let told = |error| {
            Msg::Counters(Counters {
                capture: Some(vec![file(error)]),
                ..Counters::default()
            })
        };
        let effects = bench.update(told(None));
        assert!(
            matches!(&effects[..], [Effect::BeginCapture(held)] if !held.is_empty()),
            "what the tab keeps goes in front"
        );
        bench.update(told(None));
        for tab in "1234".chars() {
            bench.key(tab);
            for size in SIZES {
                assert_shows(&bench.screen(size), &[runs]);
            }
        }
        let effects = bench.update(told(Some("No space left on device")));
        assert!(effects.contains(&Effect::StopCapture), "{effects:?}");
        let screen = bench.screen(MIDDLE);
        assert_shows(&screen, &[failed, "lesson\\x1b.pcapng"]);
        bench.update(Msg::Capture(Answer::Ended(vec![file(Some("No space"))])));
        assert!(!bench.screen(MIDDLE).contains(runs));
    }
}

#[test]
fn an_existing_file_is_asked_about() {
    let mut bench = Bench::new(Lang::En);
    bench.losses();
    bench.keys("4w\n");
    bench.update(Msg::Capture(Answer::Exists("/tmp/there.pcapng".into())));
    let screen = bench.screen(MIDDLE);
    assert_shows(
        &screen,
        &["/tmp/there.pcapng", "exists already; Enter overwrites it"],
    );
    let effects = bench.press(KeyCode::Enter);
    assert!(
        matches!(
            &effects[..],
            [Effect::StartCapture {
                overwrite: true,
                ..
            }]
        ),
        "{effects:?}"
    );
}

#[test]
fn a_replay_is_marked_and_stepped_on_this_tab_too() {
    for (lang, word) in [(Lang::En, "replay"), (Lang::ZhCn, "回放")] {
        let mut bench = Bench::new(lang);
        let mut playback = Playback {
            file: "lesson.jsonl".to_owned(),
            position: Duration::from_secs(83),
            length: Some(Duration::from_secs(300)),
            speed: Speed::Times(2.0),
            motion: Motion::Playing,
            ends_before: false,
            entries: 12,
            damaged: 0,
        };
        bench.update(Msg::Playback(playback.clone()));
        bench.losses();
        bench.key('4');
        for size in SIZES {
            let screen = bench.screen(size);
            assert_row(&screen, &[word, "00:01:23"]);
            assert_row(&screen, &["→ ● Ping 3"]);
        }
        playback.motion = Motion::Frozen;
        bench.update(Msg::Playback(playback));
        let effects = bench.key('.');
        assert!(
            matches!(&effects[..], [Effect::Playback(_)]),
            "with the newest row in front the record goes on by one entry: {effects:?}"
        );
    }
}
