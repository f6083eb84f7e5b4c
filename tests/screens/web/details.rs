//! The details of a request, page by page.

use super::*;

/// The details of the newest request.
fn details(asked: Asked) -> Bench {
    let mut bench = Bench::new(Lang::En).listening();
    bench.ask([asked]);
    bench.press(KeyCode::Enter);
    bench
}

#[test]
fn the_first_page_says_why_who_and_when() {
    let asked = Asked {
        waited: ms(300),
        ..Asked::get(7, "/HelloWorld.html").at(1_000).took(80)
    };
    for size in [(80, 24), (120, 36), (200, 50)] {
        let mut bench = details(asked.clone());
        let first = bench.screen(size);
        assert_order(
            &first,
            &[
                "Request #7.1",
                " Why and when   Request   Response ",
                "● 200 OK",
                "The path names a file that is there",
                "GET /HelloWorld.html HTTP/1.1",
                "127.0.0.1:40007",
                "curl/8.5.0",
                "content 1.02 kB",
                "sent completely",
                "the request asked for it",
            ],
        );
        assert_shows(&first, &["RFC 9110", "found"]);
        bench.presses(&[KeyCode::PageDown, KeyCode::PageDown]);
        let last = bench.screen(size);
        // Each step with the time since the first, and since the one before.
        for (step, since, took) in [
            ("first byte read", "+300 ms", "300 ms"),
            ("head read and understood", "+310 ms", "10.0 ms"),
            ("answer decided", "+320 ms", "10.0 ms"),
            ("first byte out", "+340 ms", "20.0 ms"),
            ("last byte out", "+380 ms", "40.0 ms"),
        ] {
            assert_shows(row_of(&last, step), &[since, took]);
        }
        assert_shows(&last, &["380 ms, of these 300 ms waiting for the server"]);
        assert!(row_of(&last, "first byte read").matches('━').count() >= 15);
    }
}

#[test]
fn the_second_page_shows_every_byte_and_explains_each_field() {
    for size in [(80, 24), (120, 36), (200, 50)] {
        let mut bench = details(Asked::get(7, "/HelloWorld.html").at(1_000));
        bench.press(KeyCode::Right);
        let screen = bench.screen(size);
        assert_order(
            &screen,
            &[
                "GET /HelloWorld.html HTTP/1.1\\r\\n",
                "Host: 127.0.0.1:6789\\r\\n",
                "User-Agent: curl/8.5.0\\r\\n",
                "Accept: */*\\r\\n",
                "What the fields say",
                "which site is meant",
                "media types that the client can show",
            ],
        );
        // The blank line that ends the head stands by itself.
        let blank = screen
            .lines()
            .filter(|row| row.contains("│ \\r\\n "))
            .count();
        assert_eq!(blank, 1, "{screen}");
        bench.key('h');
        let screen = bench.screen(size);
        assert_shows(
            &screen,
            &[
                "0000  47 45 54 20 2f 48 65 6c  6c 6f 57 6f 72 6c 64 2e  GET /HelloWorld.",
                "0010  68 74 6d 6c 20 48 54 54  50 2f 31 2e 31 0d 0a 48  html HTTP/1.1..H",
            ],
        );
        assert_hides(&screen, &["\\r\\n"]);
    }
}

#[test]
fn the_third_page_shows_the_answer() {
    for size in [(80, 24), (120, 36), (200, 50)] {
        let mut bench = details(
            Asked::get(7, "/gone")
                .at(1_000)
                .rule(Rule::NotFound)
                .content(2_000_000),
        );
        bench.presses(&[KeyCode::Tab, KeyCode::Tab]);
        let screen = bench.screen(size);
        assert_order(
            &screen,
            &[
                "HTTP/1.1 404 Not Found\\r\\n",
                "Content-Type: text/html; charset=utf-8\\r\\n",
                "Content-Length: 2000000\\r\\n",
                "2.00 MB more",
                "what the content is, and its character set",
                "bytes of the body: where this message ends",
            ],
        );
        // And round to the first.
        bench.press(KeyCode::Right);
        assert_shows(
            &bench.screen(size),
            &["There is no file or folder of that name"],
        );
    }
}

#[test]
fn in_the_smallest_terminal_all_of_it_can_be_scrolled_to() {
    let mut bench = details(Asked::get(7, "/HelloWorld.html").at(1_000));
    assert_shows(
        &bench.screen((60, 18)),
        &["● 200 OK", "/HelloWorld.html", "▼"],
    );
    for _ in 0..4 {
        bench.press(KeyCode::PageDown);
        bench.screen((60, 18));
    }
    assert_shows(&bench.screen((60, 18)), &["last byte out", "in all", "▲"]);
    bench.press(KeyCode::PageUp);
    bench.press(KeyCode::Right);
    assert_shows(
        &bench.screen((60, 18)),
        &["GET /HelloWorld.html HTTP/1.1\\r\\n"],
    );
}

#[test]
fn a_request_that_goes_on_is_followed_until_it_is_done() {
    let mut bench = Bench::new(Lang::En).listening();
    let reading = |bytes: &[u8]| ConnectionState {
        request: message(bytes),
        first_byte: Some(ms(200)),
        ..open(3, Phase::Reading, ms(100))
    };
    bench.go_on(ms(1_000), vec![reading(b"GET /sl")]);
    bench.screen(MIDDLE);
    bench.press(KeyCode::Enter);
    let screen = bench.screen(MIDDLE);
    assert_shows(
        &screen,
        &["Request #3.1", "▄ reading", "arrived so far", "7 B"],
    );
    bench.press(KeyCode::Right);
    assert_shows(&bench.screen(MIDDLE), &["GET /sl "]);
    bench.go_on(ms(2_000), vec![reading(b"GET /slow HTTP/1.1\r\nHo")]);
    assert_shows(&bench.screen(MIDDLE), &["GET /slow HTTP/1.1\\r\\n", "Ho "]);
    bench.press(KeyCode::Right);
    assert_shows(&bench.screen(MIDDLE), &["The response is not out yet."]);
    bench.report.connections.clear();
    bench.ask([Asked::get(3, "/slow").at(200).took(2_800)]);
    assert_shows(
        &bench.screen(MIDDLE),
        &["Request #3.1", "HTTP/1.1 200 OK\\r\\n"],
    );
}

#[test]
fn a_request_is_copied_as_curl_and_taken_to_the_sender() {
    let mut bench = details(Asked::get(7, "/a?b='c'").at(1_000));
    let effects = bench.key('C');
    let [Effect::Copy(command)] = &effects[..] else {
        panic!("C copies: {effects:?}");
    };
    assert!(command.starts_with("curl "), "{command}");
    assert!(command.contains("http://127.0.0.1:6789/a?b="), "{command}");
    let screen = bench.screen(MIDDLE);
    assert_shows(&screen, &["╭ Copied", "curl ", "OSC 52"]);
    bench.press(KeyCode::Esc);
    bench.key('e');
    let screen = bench.screen(MIDDLE);
    assert_shows(
        &screen,
        &[
            "▸your own text",
            "GET /a?b='c' HTTP/1.1",
            "User-Agent: curl/8.5.0",
        ],
    );
    let effects = bench.press(KeyCode::F(5));
    let [Effect::StartSender { bytes, .. }] = &effects[..] else {
        panic!("F5 sends: {effects:?}");
    };
    assert_eq!(
        *bytes,
        Asked::get(7, "/a?b='c'").request,
        "byte for byte what came"
    );
}
