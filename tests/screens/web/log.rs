//! The request log: what is done, what goes on, what is hostile, and what can be done with the rows.

use ratatui::style::Modifier;
use sockscope::proto::http::status::Status;

use super::*;

#[test]
fn every_request_is_a_row_with_its_status_newest_first() {
    for size in SIZES {
        let screen = taught(Lang::En).screen(size);
        assert_order(
            &screen,
            &[
                "forced /busy",
                "bare-lf /",
                "leaves-folder /../..",
                "/image.png",
                "/HelloWorld.html",
            ],
        );
        assert_shows(
            &screen,
            &[
                "■ 503", "▲ 400", "● 206", "◆ 304", "1.500 s", "2.00 ms", "#16.1",
            ],
        );
        assert_shows(&screen, &["requests 16", "● 2xx 11", "◆ 3xx 1", "▲ 4xx 3"]);
        assert_shows(&screen, &["p50 4.00 ms", "p99 1.500 s"]);
    }
}

#[test]
fn a_wider_log_says_more() {
    let all = ["method", "bytes", "client", "type", "waited"];
    for (size, seen) in [(60, 18), (80, 24), (120, 36), (200, 50)]
        .into_iter()
        .zip([0, 3, 3, 5])
    {
        let screen = taught(Lang::En).screen(size);
        let titles = row_of(&screen, "time ");
        assert_shows(titles, &["target", "code", "took", "conn"]);
        assert_shows(titles, &all[..seen]);
        assert_hides(titles, &all[seen..]);
    }
    let screen = taught(Lang::En).screen((200, 50));
    let row = row_of(&screen, "/parts/7.svg");
    let cells: Vec<&str> = row
        .trim_start_matches('┃')
        .split_whitespace()
        .take(12)
        .collect();
    assert_eq!(
        cells,
        [
            "22:13:21.931",
            ":40011",
            "GET",
            "/parts/7.svg",
            "●",
            "200",
            "text/html",
            "80.0",
            "kB",
            "25.0",
            "ms",
            "-"
        ]
    );
}

/// A request of which so much has arrived.
fn partial(connection: ConnectionId, request: &[u8]) -> ConnectionState {
    ConnectionState {
        request: message(request),
        first_byte: Some(ms(5_000)),
        ..open(connection, Phase::Reading, ms(5_000))
    }
}

/// A download of which so many of a million bytes are out.
fn download(connection: ConnectionId, sent: u64) -> ConnectionState {
    let asked = Asked::get(connection, "/large.bin");
    ConnectionState {
        request: message(&asked.request),
        parts: asked.parts,
        first_byte: Some(ms(5_000)),
        status: Some(Status::OK),
        sent,
        to_send: 1_000_000,
        ..open(connection, Phase::Sending, ms(5_000))
    }
}

#[test]
fn what_goes_on_is_seen_growing() {
    // The smallest has room for two of them.
    for size in &SIZES[1..] {
        let size = *size;
        let mut bench = taught(Lang::En);
        let silent = || open(20, Phase::Silent, ms(5_000));
        let first = vec![
            silent(),
            partial(21, b"GET /slow HTTP/1.1\r\nHo"),
            download(22, 420_000),
        ];
        bench.go_on(ms(6_000), first);
        let before = bench.screen(size);
        assert_shows(&before, &["3 going on", "open 3"]);
        // The newest at the top, above what is done.
        assert_order(
            &before,
            &[
                "sending /large.bin",
                "reading GET /slow",
                "nothing sent yet",
                "forced /busy",
            ],
        );
        assert_shows(row_of(&before, "nothing sent yet"), &["···", "1.000 s"]);
        assert_shows(row_of(&before, "reading GET /slow"), &["▄▄▄", "1.000 s"]);
        assert_shows(row_of(&before, "sending /large.bin"), &["█ 200", "1.000 s"]);
        let second = vec![
            silent(),
            partial(21, b"GET /slow HTTP/1.1\r\nHost: x\r\nAcc"),
            download(22, 970_000),
        ];
        bench.go_on(ms(7_000), second);
        let after = bench.screen(size);
        for row in [
            "nothing sent yet",
            "reading GET /slow",
            "sending /large.bin",
        ] {
            assert_shows(row_of(&after, row), &["2.000 s"]);
        }
        assert_shows(row_of(&before, "reading"), &[" 22 B "]);
        assert_shows(row_of(&after, "reading"), &[" 32 B "]);
        assert_shows(row_of(&before, "sending"), &[" 42 % "]);
        assert_shows(row_of(&after, "sending"), &[" 97 % "]);
        // Done, it is a row like any other.
        bench.go_on(ms(7_100), vec![silent()]);
        bench.ask([Asked::get(22, "/large.bin").at(5_000).took(2_100)]);
        let done = bench.screen(size);
        assert_shows(&done, &["1 going on", "nothing sent yet"]);
        assert_hides(&done, &["sending /large.bin", "reading GET"]);
        assert_shows(row_of(&done, "/large.bin"), &["● 200", "2.100 s", "#22.1"]);
    }
}

#[test]
fn what_is_over_at_once_does_not_flicker_by() {
    let mut bench = taught(Lang::En);
    bench.go_on(ms(5_160), vec![open(20, Phase::Reading, ms(5_100))]);
    assert_hides(&bench.screen(MIDDLE), &["going on"]);
    bench.go_on(ms(5_210), vec![open(20, Phase::Reading, ms(5_100))]);
    assert_shows(&bench.screen(MIDDLE), &["1 going on"]);
    let idle = ConnectionState {
        requests: 1,
        ..open(20, Phase::Idle, ms(5_100))
    };
    bench.go_on(ms(6_000), vec![idle]);
    assert_hides(&bench.screen(MIDDLE), &["going on"]);
}

#[test]
fn a_connection_that_never_asked_leaves_a_row() {
    let mut bench = Bench::new(Lang::En).listening();
    bench.go_on(ms(500), vec![open(1, Phase::Silent, ms(100))]);
    bench.now = ms(10_100);
    bench.events(vec![WebEvent::Closed(Closed {
        connection: 1,
        client: client(1),
        at: bench.now,
        cause: Cause::Silent,
        requests: 0,
        bytes_in: 0,
        bytes_out: 0,
    })]);
    bench.report.connections.clear();
    bench.tell();
    let screen = bench.screen((200, 50));
    assert_shows(&screen, &["no byte came in time", "10.000 s", "#1┃"]);
    bench.press(KeyCode::Enter);
    let screen = bench.screen(MIDDLE);
    assert_shows(
        &screen,
        &[
            "Nothing was ever asked on this connection.",
            "open for",
            "127.0.0.1:40001",
        ],
    );
}

#[test]
fn hostile_requests_are_seen_and_do_nothing() {
    let long = format!("/{}", "a".repeat(8_000));
    let table: [(&[u8], &str); 7] = [
        (b"GET /\x1b[2J\x1b]0;mine\x07 HTTP/1.1\r\n", "\\x1b[2J"),
        (
            "GET /\u{202e}gnp.exe HTTP/1.1\r\n".as_bytes(),
            "\\u{202e}gnp",
        ),
        ("GET /中文网页 HTTP/1.1\r\n".as_bytes(), "/中文网页"),
        (b"GET /\xff\xfe HTTP/1.1\r\n", "\\xff\\xfe"),
        (b"\x16\x03\x01\x02\x00\x01\x00", "\\x16\\x03"),
        (b"GET /\0\r\n", "/\\x00"),
        ("GE\u{200b}T /e\u{301} HTTP/1.1\r\n".as_bytes(), "\\u{200b}"),
    ];
    for (request, shown) in table {
        let mut bench = Bench::new(Lang::En).listening();
        let request = [
            request,
            b"Host: x\r\nUser-Agent: \x1b[31m\xe2\x80\xae\r\n\r\n",
        ]
        .concat();
        bench.ask([Asked::bytes(1, &request).at(100)]);
        // As it comes in, and when it is done.
        bench.go_on(
            ms(1_000),
            vec![ConnectionState {
                request: message(&request),
                ..open(2, Phase::Reading, ms(200))
            }],
        );
        for size in SIZES {
            let screen = bench.screen(size);
            let times = screen.matches(shown).count();
            assert!(times >= 2 || size.0 < 200, "{shown}\n{screen}");
        }
        for _ in 0..2 {
            bench.press(KeyCode::Down);
            bench.press(KeyCode::Enter);
            for key in [
                KeyCode::Right,
                KeyCode::Char('h'),
                KeyCode::Right,
                KeyCode::Char('C'),
            ] {
                bench.press(key);
                for size in SIZES {
                    bench.screen(size);
                }
            }
            bench.presses(&[KeyCode::Esc, KeyCode::Esc]);
        }
    }
    let mut bench = Bench::new(Lang::En).listening();
    bench.ask([Asked::get(1, &long).at(100), Asked::get(2, "/next").at(200)]);
    for size in SIZES {
        let screen = bench.screen(size);
        assert_order(&screen, &["/next", "/aaaaaaaa"]);
        assert_shows(row_of(&screen, "/aaaaaaaa"), &["a…", "● 200", "#1.1"]);
    }
    bench.presses(&[KeyCode::End, KeyCode::Enter, KeyCode::Right]);
    let screen = bench.screen((80, 24));
    assert!(screen.matches("aaaaaaaaaaaaaaa").count() > 10, "{screen}");
    bench.press(KeyCode::PageDown);
    bench.screen((80, 24));
}

/// The cells in which a byte is marked in the bytes of the newest request.
fn marked(bench: &mut Bench) -> String {
    bench.presses(&[KeyCode::Enter, KeyCode::Right]);
    let buffer = bench.buffer((80, 24));
    let screen = shown::text(&buffer);
    let tabs = screen.lines().position(|row| row.contains("Why and when"));
    let width = usize::from(buffer.area.width);
    let below = tabs.expect("the pages have titles") + 1;
    buffer.content[width * below..]
        .iter()
        .filter(|cell| cell.modifier.contains(Modifier::REVERSED))
        .map(|cell| cell.symbol())
        .collect()
}

#[test]
fn a_malformed_request_says_its_rule_and_marks_the_byte() {
    let table: [(&[u8], &str, &str, &str); 9] = [
        (
            b"GET / HTTP/1.1\nHost: x\n\n",
            "bare-lf",
            "RFC 9112 §2.2",
            "\\n",
        ),
        (
            b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
            "space-before-colon",
            "RFC 9112 §5.1",
            " ",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n",
            "folded-field",
            "RFC 9112 §5.2",
            " ",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\x01b\r\n\r\n",
            "invalid-field-value",
            "RFC 9110 §5.5",
            "\\x01",
        ),
        (
            b"GET / HTTX/1.1\r\nHost: x\r\n\r\n",
            "invalid-version",
            "RFC 9112 §2.3",
            "X",
        ),
        (
            b"GET /\"quoted\" HTTP/1.1\r\nHost: x\r\n\r\n",
            "invalid-target",
            "RFC 9112 §3.2",
            "\"",
        ),
        (
            b"G(T / HTTP/1.1\r\nHost: x\r\n\r\n",
            "invalid-method",
            "RFC 9110 §9.1",
            "(",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
            "space-before-colon",
            "RFC 9112 §5.1",
            " ",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1a\r\n\r\n",
            "invalid-content-length",
            "RFC 9112 §6.3",
            "1",
        ),
    ];
    for (request, rule, source, byte) in table {
        let mut bench = Bench::new(Lang::En).listening();
        bench.ask([Asked::bytes(1, request).at(100)]);
        let screen = bench.screen((200, 50));
        assert_shows(row_of(&screen, rule), &["▲ 400"]);
        assert_eq!(marked(&mut bench), byte, "{rule}");
        bench.press(KeyCode::Left);
        let screen = bench.screen((80, 24));
        let words = screen.split(|c: char| c.is_whitespace() || c == '│');
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let said = format!("({source}, {rule})");
        assert_shows(&words.join(" "), &["▲ 400 Bad Request", &said]);
    }
}

#[test]
fn a_filter_hides_what_it_does_not_let_through() {
    let table: [(&str, &str, &[&str], &[&str]); 7] = [
        ("4xx", "3 of 16", &["/favicon.ico", "bare-lf"], &["● 200"]),
        (
            "!2xx !4xx",
            "2 of 16",
            &["/busy", "◆ 304"],
            &["● 20", "▲ 40"],
        ),
        ("path:parts/", "8 of 16", &["/parts/7.svg"], &["/busy"]),
        ("/parts/ #5", "1 of 16", &["/parts/1.svg"], &["/parts/2"]),
        ("rule:bare", "1 of 16", &["bare-lf"], &["/busy"]),
        ("client::40001", "1 of 16", &["#1.1"], &["#2.1"]),
        ("curl", "15 of 16", &["/busy"], &["bare-lf"]),
    ];
    for size in [(80, 24), (120, 36), (200, 50)] {
        for (filter, count, shown, hidden) in table {
            let mut bench = taught(Lang::En);
            bench.key('/');
            assert_shows(&bench.screen(size), &[" filter: "]);
            bench.type_line(filter);
            let screen = bench.screen(size);
            let title = row_of(&screen, "━ Requests");
            assert_shows(title, &[count, &format!("/{filter}")]);
            assert_shows(&screen, shown);
            assert_hides(&screen, hidden);
            bench.press(KeyCode::Esc);
            assert_hides(&bench.screen(size), &[" of 16"]);
        }
    }
}

#[test]
fn a_filter_that_is_none_says_why_and_changes_nothing() {
    let table = [
        ("colour:red", "colour: is no filter; there are status:"),
        ("status:4", "4 is no status; write 404, 4xx or none"),
        ("client:me", "me is no client; write an address"),
        ("conn:x", "x is no connection; write its number"),
        ("!", "something is missing after !"),
    ];
    for (filter, complaint) in table {
        let mut bench = taught(Lang::En);
        bench.key('/');
        bench.type_line(filter);
        let screen = bench.screen(MIDDLE);
        assert_shows(&screen, &[complaint, " filter: ", "/busy", "/image.png"]);
        bench.press(KeyCode::Esc);
        assert_hides(&bench.screen(MIDDLE), &[complaint, " of 16"]);
    }
}

#[test]
fn rows_stand_in_the_order_that_was_chosen() {
    let mut bench = taught(Lang::En);
    for (title, order) in [
        ("slowest first", ["/busy", "/parts/7.svg", "/parts/6.svg"]),
        (
            "largest first",
            ["/parts/7.svg", "/parts/6.svg", "/parts/5.svg"],
        ),
        ("errors first", ["■ 503", "▲ 404", "▲ 400"]),
    ] {
        bench.key('S');
        let screen = bench.screen((200, 50));
        assert_shows(row_of(&screen, "━ Requests"), &[title]);
        assert_order(&screen, &order);
    }
    bench.key('S');
    let screen = bench.screen((200, 50));
    assert_hides(&screen, &["first"]);
    assert_order(&screen, &["/busy", "/image.png", "/favicon.ico"]);
}

#[test]
fn a_marked_row_is_found_again_and_a_cleared_log_is_empty() {
    let mut bench = taught(Lang::En);
    bench.screen(MIDDLE);
    bench.presses(&[KeyCode::Down, KeyCode::Down]);
    bench.key('m');
    assert_shows(&bench.screen(MIDDLE), &["★ bare-lf /"]);
    bench.key('/');
    bench.type_line("marked");
    let screen = bench.screen(MIDDLE);
    assert_shows(&screen, &["1 of 16", "★ bare-lf /"]);
    assert_hides(&screen, &["/busy"]);
    bench.key('m');
    assert_shows(&bench.screen(MIDDLE), &["0 of 16"]);
    bench.press(KeyCode::Esc);
    bench.key('x');
    let screen = bench.screen(MIDDLE);
    assert_shows(&screen, &["requests 16", "Connections  0", "press g"]);
    assert_hides(&screen, &["/busy", "/image.png"]);
}

#[test]
fn what_the_log_could_not_take_is_counted_until_it_is_cleared() {
    let mut bench = taught(Lang::En);
    bench.update(Msg::Events {
        events: Vec::new(),
        left_out: 7,
        web_left_out: 1_234,
        mail_left_out: 0,
    });
    assert_shows(&bench.screen((80, 24)), &["+1234 not shown"]);
    bench.key('x');
    assert_hides(&bench.screen((80, 24)), &["not shown"]);
}

#[test]
fn a_request_cut_short_says_how_it_ended() {
    let mut bench = Bench::new(Lang::En).listening();
    let gone = Asked {
        ending: Ending::ClientGone,
        ..Asked::get(1, "/large.bin").at(100).took(900)
    };
    bench.ask([gone]);
    let screen = bench.screen((200, 50));
    assert_shows(&screen, &["/large.bin the client left", "cut short 1"]);
    bench.press(KeyCode::Enter);
    assert_shows(
        &bench.screen((200, 50)),
        &["the client left before the end"],
    );
}
