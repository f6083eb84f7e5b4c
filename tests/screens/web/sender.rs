//! The request sender, and the URLs under which the server is reached.

use sockscope::proto::http::script::{self, presets};
use sockscope::trace::web::{SenderEnd, SenderEvent, SenderId};
use sockscope::words::Words;

use super::*;
use crate::support::command::assert_said_in_words;

fn sender(lang: Lang) -> Bench {
    let mut bench = Bench::new(lang).listening();
    bench.key('g');
    bench
}

fn sent(bench: &mut Bench) -> (SenderId, Vec<u8>) {
    let effects = bench.press(KeyCode::F(5));
    // Beyond so many at once the oldest is hung up first.
    let is_start = |effect: &&Effect| !matches!(effect, Effect::StopSender { .. });
    match effects.iter().filter(is_start).collect::<Vec<_>>()[..] {
        [
            Effect::StartSender {
                id, target, bytes, ..
            },
        ] => {
            assert_eq!(target.to_string(), SERVER);
            (*id, bytes.clone())
        }
        ref other => panic!("F5 sends: {other:?}"),
    }
}

fn report(bench: &mut Bench, id: SenderId, events: Vec<SenderEvent>) {
    bench.update(Msg::Events {
        events: events
            .into_iter()
            .map(|event| Event::Sender { id, event })
            .collect(),
        left_out: 0,
        web_left_out: 0,
        mail_left_out: 0,
    });
}

#[test]
fn every_ready_made_request_is_shown_explained_and_sent() {
    for lang in Lang::ALL {
        let words = Words(lang);
        let mut bench = sender(lang);
        for (place, preset) in presets().iter().enumerate() {
            if place > 0 {
                bench.press(KeyCode::Down);
            }
            let text = preset.script(SERVER);
            for size in SIZES {
                let screen = bench.screen(size);
                let name = words.t(&format!("sender.preset.{}", preset.id));
                assert_shows(&screen, &[&format!("▸{name}")]);
                // From its first line on, and without a column that is cut off.
                let first = text.lines().next().unwrap_or_default();
                if size.0 >= 120 {
                    assert_shows(&screen, &[first]);
                    let about = words.t(&format!("sender.about.{}", preset.id));
                    let begins: String = about.chars().take(20).collect();
                    assert_shows(&screen, &[&begins]);
                } else {
                    let begins: String = first.chars().take(24).collect();
                    assert_shows(&screen, &[&begins]);
                }
                assert_said_in_words(&screen);
            }
            let (_, bytes) = sent(&mut bench);
            assert_eq!(Ok(bytes), script::compile(&text), "{}", preset.id);
        }
        let last = bench.screen(MIDDLE);
        bench.press(KeyCode::Down);
        assert_eq!(bench.screen(MIDDLE), last, "there is no next one");
    }
}

#[test]
fn both_sides_of_a_conversation_are_shown_as_they_happen() {
    for size in [(120, 36), (200, 50)] {
        let mut bench = sender(Lang::En);
        assert_shows(&bench.screen(size), &["Nothing sent yet."]);
        let (id, bytes) = sent(&mut bench);
        assert_shows(&bench.screen(size), &["connecting", SERVER]);
        report(
            &mut bench,
            id,
            vec![
                SenderEvent::Connected {
                    at: ms(100),
                    local: client(1),
                    target: address(SERVER),
                },
                SenderEvent::Sent {
                    at: ms(101),
                    bytes: bytes.as_slice().into(),
                },
            ],
        );
        bench.now = ms(2_100);
        bench.tell();
        assert_shows(
            &bench.screen(size),
            &["open for 2.000 s, waiting", "sent ", "+1.00 ms"],
        );
        report(
            &mut bench,
            id,
            vec![
                SenderEvent::Received {
                    at: ms(2_200),
                    bytes: b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n"[..].into(),
                },
                SenderEvent::Received {
                    at: ms(2_300),
                    bytes: b"\r\nhe\x1b[31mllo\xff"[..].into(),
                },
                SenderEvent::Ended {
                    at: ms(2_301),
                    how: SenderEnd::Complete,
                    not_kept: 0,
                },
            ],
        );
        let screen = bench.screen(size);
        assert_order(
            &screen,
            &[
                ":40001 ",
                "Host: 127.0.0.1:6789\\r\\n",
                "HTTP/1.1 200 OK\\r\\n",
                "Content-Length: 12\\r\\n",
                "he\\x1b[31mllo\\xff",
                "every answer is complete",
            ],
        );
        assert_shows(&screen, &["in 2 pieces"]);
    }
}

#[test]
fn a_connection_that_is_refused_says_so() {
    let mut bench = sender(Lang::En);
    let (id, _) = sent(&mut bench);
    report(
        &mut bench,
        id,
        vec![SenderEvent::Ended {
            at: ms(5),
            how: SenderEnd::CannotConnect("refused \u{1b}[31m".to_owned()),
            not_kept: 0,
        }],
    );
    assert_shows(&bench.screen(MIDDLE), &["no connection: refused \\x1b[31m"]);
}

#[test]
fn several_conversations_are_leafed_through() {
    let mut bench = sender(Lang::En);
    for _ in 0..3 {
        sent(&mut bench);
    }
    assert_shows(&bench.screen(MIDDLE), &["wire  3/3"]);
    bench.press(KeyCode::BackTab);
    bench.press(KeyCode::Left);
    assert_shows(&bench.screen(MIDDLE), &["wire  2/3"]);
    bench.presses(&[KeyCode::Left, KeyCode::Left]);
    assert_shows(&bench.screen(MIDDLE), &["wire  1/3"]);
    bench.press(KeyCode::Right);
    assert_shows(&bench.screen(MIDDLE), &["wire  2/3"]);
}

#[test]
fn what_is_no_request_is_said_where_it_was_typed() {
    let mut bench = sender(Lang::En);
    bench.press(KeyCode::Tab);
    bench.key('\\');
    bench.key('q');
    assert_eq!(bench.press(KeyCode::F(5)), []);
    for size in SIZES {
        assert_shows(&bench.screen(size), &["line 1, column 1:", "▲ "]);
    }
    bench.press(KeyCode::Backspace);
    bench.press(KeyCode::Tab);
    bench.key(' ');
    bench.key('!');
    assert_eq!(bench.press(KeyCode::F(5)), []);
    assert_shows(&bench.screen(MIDDLE), &["is no host and port"]);
}

#[test]
fn the_pace_is_chosen_and_goes_out() {
    let mut bench = sender(Lang::En);
    bench.presses(&[KeyCode::Tab, KeyCode::Tab, KeyCode::Tab]);
    for (shown, key) in [
        ("▸pace at once", "sender.pace.at-once"),
        ("▸pace line by line, 1s", "sender.pace.lines"),
        ("▸pace byte by byte, 100ms", "sender.pace.trickle"),
        ("▸pace nothing", "sender.pace.silent"),
    ] {
        assert_shows(&bench.screen((80, 24)), &[shown]);
        let effects = bench.press(KeyCode::F(5));
        assert!(
            matches!(&effects[..], [Effect::StartSender { pace, .. }] if pace.key() == key),
            "{effects:?}"
        );
        bench.press(KeyCode::Right);
    }
}

#[test]
fn a_loopback_server_says_how_others_could_reach_it() {
    for lang in Lang::ALL {
        let mut bench = Bench::new(lang).listening();
        bench.key('u');
        for size in SIZES {
            let screen = bench.screen(size);
            assert_shows(
                &screen,
                &[
                    "▸ http://127.0.0.1:6789/",
                    "sockscope --web-listen 0.0.0.0:6789",
                ],
            );
            let has_code = screen.contains("█▀▀▀▀▀█");
            assert_eq!(has_code, size.1 >= 36, "{size:?}\n{screen}");
        }
    }
}

#[test]
fn a_server_on_the_network_shows_the_code_of_the_url_that_is_chosen() {
    let reachable = [
        "127.0.0.1:6789",
        "192.168.1.20:6789",
        "10.0.0.5:6789",
        "[fd00::5]:6789",
    ];
    let mut bench = Bench::new(Lang::En).listening_at("0.0.0.0:6789", &reachable);
    assert_shows(
        &bench.screen(MIDDLE),
        &["▲ ", "0.0.0.0:6789", "http://127.0.0.1:6789/"],
    );
    bench.key('u');
    let screen = bench.screen(MIDDLE);
    assert_order(
        &screen,
        &[
            "▸ http://192.168.1.20:6789/",
            "  http://10.0.0.5:6789/",
            "  http://[fd00::5]:6789/",
            "  http://127.0.0.1:6789/",
            "█▀▀▀▀▀█",
        ],
    );
    assert_hides(&screen, &["--web-listen"]);
    let code = |screen: &str| -> Vec<String> {
        screen
            .lines()
            .filter(|row| row.contains(['█', '▀', '▄']))
            .map(str::to_owned)
            .collect()
    };
    let first = code(&screen);
    bench.press(KeyCode::Down);
    let screen = bench.screen(MIDDLE);
    assert_shows(&screen, &["▸ http://10.0.0.5:6789/"]);
    assert_ne!(code(&screen), first);
    assert_eq!(
        bench.key('C'),
        [Effect::Copy("http://10.0.0.5:6789/".to_owned())]
    );
    assert_shows(&bench.screen(MIDDLE), &["╭ Copied"]);
    bench.press(KeyCode::Esc);
    for _ in 0..9 {
        bench.press(KeyCode::Down);
    }
    assert_shows(&bench.screen(MIDDLE), &["▸ http://127.0.0.1:6789/"]);
}
