//! What the server as a whole is doing, and what holds for every screen of the tab.

use crossterm::event::KeyCode::{BackTab, Char, Down, Enter, F, Right, Tab};
use sockscope::trace::start_error::{Holder, Reason, StartError, Transport};

use super::*;
use crate::support::command::assert_said_in_words;

#[test]
fn an_idle_server_says_what_to_do() {
    for size in SIZES {
        let screen = Bench::new(Lang::En).listening().screen(size);
        assert_shows(
            &screen,
            &[
                "http://127.0.0.1:6789/HelloWorld.html",
                "press g",
                "● web :6789",
                "requests 0",
                "p50 -",
                "Connections  0",
            ],
        );
        let screen = Bench::new(Lang::ZhCn).listening().screen(size);
        assert_shows(
            &screen,
            &[
                "http://127.0.0.1:6789/HelloWorld.html",
                "按 g",
                "● Web :6789",
                "请求 0",
            ],
        );
        shown::assert_straight(&screen, usize::from(size.0));
    }
}

#[test]
fn before_it_listens_it_is_starting() {
    let screen = Bench::new(Lang::En).screen((80, 24));
    assert_shows(&screen, &["web starting", "○ "]);
    assert_hides(&screen, &["http://"]);
}

#[test]
fn a_small_terminal_is_told_how_large_it_has_to_be() {
    let mut bench = taught(Lang::En);
    for (width, height) in [(59, 30), (200, 17), (40, 10)] {
        let screen = bench.screen((width, height));
        let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_shows(&words, &["needs 60x18", &format!("{width}x{height}")]);
    }
}

fn taken() -> StartError {
    StartError {
        transport: Transport::Tcp,
        address: address(SERVER),
        reason: Reason::PortTaken {
            holder: Some(Holder {
                pid: 4711,
                name: "evil\u{1b}[31m\u{202e}name".to_owned(),
            }),
            finder: "ss -ltnp sport = :6789".to_owned(),
        },
        error: "Address already in use".to_owned(),
    }
}

#[test]
fn a_taken_port_is_explained_with_the_keys_that_help() {
    for size in SIZES {
        let mut bench = Bench::new(Lang::En);
        bench.update(Msg::WebFailed(taken()));
        let screen = bench.screen(size);
        let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_shows(
            &words,
            &[
                "Port 127.0.0.1:6789 is taken",
                "process 4711",
                "evil\\x1b[31m\\u{202e}name",
                "▲ web not running",
                "R try again",
                "F any free port",
            ],
        );
        assert_eq!(bench.key('F'), [Effect::StartWeb { any_port: true }]);
        assert_shows(&bench.screen(size), &["web starting"]);
        let mut bench = bench.listening_at("127.0.0.1:43210", &["127.0.0.1:43210"]);
        assert_shows(
            &bench.screen(size),
            &["● web :43210", "http://127.0.0.1:43210/"],
        );
        assert_eq!(
            bench.key('R'),
            [],
            "there is nothing to try again: {:?}",
            bench.screen(size)
        );
    }
}

#[test]
fn a_server_that_died_says_of_what_and_can_be_started_again() {
    for size in SIZES {
        let mut bench = Bench::new(Lang::En).listening();
        bench.events(vec![WebEvent::Failed {
            error: "epoll\u{1b}[2J failed".to_owned(),
        }]);
        let screen = bench.screen(size);
        let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_shows(&words, &["epoll\\x1b[2J failed", "web not running", "R "]);
        assert_eq!(bench.key('R'), [Effect::StartWeb { any_port: false }]);
        assert_shows(&bench.screen(size), &["web starting"]);
    }
    // What was seen before stays to be looked at.
    let mut bench = taught(Lang::En);
    bench.events(vec![WebEvent::Failed {
        error: "out of luck".to_owned(),
    }]);
    assert_shows(&bench.screen(MIDDLE), &["/image.png", "web not running"]);
}

#[test]
fn a_frozen_view_stands_still_while_the_server_goes_on() {
    let mut bench = taught(Lang::En);
    bench.key(' ');
    let below_the_bar = |screen: &str| screen.lines().skip(1).map(str::to_owned).collect();
    let before: Vec<String> = below_the_bar(&bench.screen(MIDDLE));
    bench.go_on(ms(12_200), vec![open(30, Phase::Silent, ms(6_000))]);
    bench.ask([Asked::get(31, "/later").at(12_150)]);
    let screen = bench.screen(MIDDLE);
    assert_shows(&screen, &["frozen 7 s"]);
    let after: Vec<String> = below_the_bar(&screen);
    assert_eq!(after, before);
    bench.key(' ');
    let screen = bench.screen(MIDDLE);
    assert_shows(&screen, &["/later", "1 going on", "requests 17"]);
    assert_hides(&screen, &["frozen"]);
}

#[test]
fn each_panel_fills_the_screen_when_zoomed() {
    let panels: [(&[KeyCode], &[&str]); 4] = [
        (&[], &["━ Requests", "/busy", "/favicon.ico"]),
        (&[Tab], &["━ Connections", "│#1 ", "│#16", "in line"]),
        (&[Tab, Tab], &["━ Server", "mode", "Limits", "head within"]),
        (
            &[BackTab],
            &["━ Counters", "● 2xx", "mean", "no descriptor left"],
        ),
    ];
    for (keys, words) in panels {
        let mut bench = taught(Lang::En);
        bench.screen(MIDDLE);
        bench.presses(keys);
        bench.key('z');
        let screen = bench.screen(MIDDLE);
        let words: Vec<String> = words.iter().map(|word| word.replace('│', "┃")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_shows(&screen, &words);
        let titles = ["━ Requests", "━ Connections", "━ Server", "━ Counters"];
        let others = titles.into_iter().filter(|title| !words.contains(title));
        assert_hides(&screen, &others.collect::<Vec<_>>());
        assert_hides(&screen, &["╭", "╯"]);
        bench.key('z');
        assert_shows(&bench.screen(MIDDLE), &["╭", "╯"]);
    }
}

#[test]
fn views_take_turns_under_the_log() {
    let mut bench = taught(Lang::En);
    let size = (80, 24);
    assert_shows(&bench.screen(size), &["─ Connections"]);
    bench.key('v');
    let screen = bench.screen(size);
    assert_shows(&screen, &["─ Server", "concurrent", "built-in pages"]);
    assert_hides(&screen, &["─ Connections"]);
    bench.key('v');
    let screen = bench.screen(size);
    assert_hides(&screen, &["─ Connections", "─ Server"]);
    assert_shows(&screen, &["/favicon.ico", "#2.1"]);
}

#[test]
fn knobs_show_what_was_set_and_warn_of_what_slows_down() {
    let mut bench = taught(Lang::En);
    bench.key('o');
    bench.key('+');
    bench.key('F');
    bench.type_line("/busy=503 /tea=418");
    let screen = bench.screen(MIDDLE);
    let one = |label: &str| row_of(&screen, label).to_owned();
    assert_shows(&one(" mode "), &["one at a time"]);
    assert_shows(&one(" delay "), &["10ms"]);
    assert_shows(&one(" forced paths "), &[" 2 "]);
    assert_shows(&screen, &["■ 503 /busy", "▲ 418 /tea"]);
    bench.key('F');
    bench.type_line("nonsense");
    assert_shows(
        &bench.screen(MIDDLE),
        &["forces nothing; write /path=503, the status from 200 to 599"],
    );
}

/// Keys that open something or focus another panel, and Esc again.
const PLACES: [&[KeyCode]; 14] = [
    &[],
    &[Char('v')],
    &[Char('v'), Char('v')],
    &[Char('z')],
    &[BackTab, Char('z')],
    &[Tab, Char('z')],
    &[Tab, Tab],
    &[Char('?')],
    &[Char('u')],
    &[Char('g')],
    &[Char('g'), F(5)],
    &[Down, Enter],
    &[Down, Enter, Right],
    &[Down, Down, Enter, Right, Right, Char('h')],
];

/// Everything at once: a lesson behind, a line of connections, and rows that go on.
fn all_at_once(change: impl Fn(&mut Setup)) -> Bench {
    let mut bench = Bench::set_up(change).listening();
    bench.ask(lesson());
    bench.events(vec![WebEvent::Changed {
        at: bench.now,
        from: Box::default(),
        to: Box::new(one_at_a_time()),
    }]);
    let mut states = vec![open(50, Phase::Silent, ms(6_000))];
    states.extend((51..56).map(|n| open(n, Phase::InLine, ms(6_500))));
    bench.go_on(ms(9_000), states);
    bench
}

#[test]
fn every_place_can_be_drawn_at_every_size_in_both_languages() {
    for lang in Lang::ALL {
        for keys in PLACES {
            let mut bench = all_at_once(|setup| setup.lang = lang);
            bench.screen(MIDDLE);
            bench.presses(keys);
            for size in SIZES {
                let screen = bench.screen(size);
                assert_said_in_words(&screen);
                shown::assert_straight(&screen, usize::from(size.0));
            }
            for size in [(300, 100), (61, 19), (1, 1), (0, 0)] {
                bench.screen(size);
            }
        }
    }
}

#[test]
fn chinese_has_no_english_sentence_left() {
    for keys in PLACES {
        let mut bench = all_at_once(|setup| setup.lang = Lang::ZhCn);
        bench.screen(MIDDLE);
        bench.presses(keys);
        let screen = bench.screen((200, 50));
        assert_hides(
            &screen,
            &[
                " the ", " and ", "waiting", "requests", "in line", "going on",
            ],
        );
    }
}

#[test]
fn ascii_means_ascii() {
    for keys in PLACES {
        let mut bench = all_at_once(|setup| setup.ascii = true);
        bench.screen(MIDDLE);
        bench.presses(keys);
        let screen = bench.screen((200, 50));
        // The key to the other language is written in it.
        let odd = |c: &char| !c.is_ascii() && !"中文".contains(*c);
        let odd: String = screen.chars().filter(odd).collect();
        assert!(odd.is_empty(), "{odd:?} with {keys:?}:\n{screen}");
    }
}

#[test]
fn without_colour_and_in_ascii_statuses_and_phases_are_told_apart() {
    let mut bench = all_at_once(|setup| {
        setup.ascii = true;
        setup.colour = false;
    });
    let buffer = bench.buffer((200, 50));
    assert!(!shown::has_colour(&buffer));
    let screen = shown::text(&buffer);
    assert_shows(
        &screen,
        &[
            "o 200", "o 206", "> 304", "! 404", "! 400", "X 503", "::: ", "... ", ":::::",
        ],
    );
    bench.key('?');
    for _ in 0..9 {
        bench.press(KeyCode::PageDown);
    }
    let mut seen = String::new();
    for _ in 0..9 {
        seen.push_str(&bench.screen((200, 50)));
        bench.press(KeyCode::PageUp);
    }
    // Each sign means one thing.
    for sign in [
        "i  1xx:",
        "o  2xx:",
        ">  3xx:",
        "!  4xx:",
        "X  5xx:",
        "-  no answer",
    ] {
        assert_shows(&seen, &[sign]);
    }
}

#[test]
fn the_help_page_has_every_part_and_scrolls_to_its_end() {
    for lang in Lang::ALL {
        for size in SIZES {
            let mut bench = Bench::new(lang).listening();
            bench.key('?');
            let mut seen = bench.screen(size);
            for _ in 0..40 {
                bench.press(KeyCode::PageDown);
                seen.push_str(&bench.screen(size));
            }
            let words = match lang {
                Lang::En => [
                    "Help: Web",
                    "The Web tab",
                    "In the request log",
                    "In the lanes of connections",
                    "In the details of a request",
                    "In the request sender",
                    "Notation of the request sender",
                    "#12.3",
                ],
                Lang::ZhCn => [
                    "帮助：Web",
                    "Web 标签页",
                    "请求列表中",
                    "排队中",
                    "逐个/并发",
                    "2xx",
                    "F5",
                    "#12.3",
                ],
            };
            assert_shows(&seen, &words);
            bench.press(KeyCode::Esc);
            assert_hides(&bench.screen(size), &[words[0]]);
        }
    }
}
