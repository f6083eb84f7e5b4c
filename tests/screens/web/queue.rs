//! One at a time: who keeps whom waiting, and the lanes on which it is seen.

use super::*;

/// A connection that says nothing, and so many behind it that came a tenth of a second after each other.
fn line_behind_silence(waiting: u64) -> Vec<ConnectionState> {
    let mut all = vec![open(50, Phase::Silent, ms(6_000))];
    all.extend((1..=waiting).map(|n| open(50 + n, Phase::InLine, ms(6_000 + 100 * n))));
    all
}

fn blocked(waiting: u64) -> Bench {
    let mut bench = taught(Lang::En);
    bench.events(vec![WebEvent::Changed {
        at: bench.now,
        from: Box::default(),
        to: Box::new(one_at_a_time()),
    }]);
    bench.go_on(ms(9_000), line_behind_silence(waiting));
    bench
}

/// The lanes on screen, by their labels.
fn lanes(screen: &str) -> Vec<u64> {
    screen
        .lines()
        .filter_map(|row| row.split_once("│#"))
        .filter_map(|(_, rest)| rest.split_whitespace().next()?.parse().ok())
        .collect()
}

#[test]
fn a_silent_connection_keeps_all_others_waiting() {
    for size in SIZES {
        let mut bench = blocked(9);
        let screen = bench.screen(size);
        assert_shows(
            &screen,
            &[
                "#50 keeps 9 waiting",
                "10 going on",
                "open 10",
                "in line 9",
                "▒▒▒▒",
                "····",
            ],
        );
        if size.0 > 60 {
            assert_shows(row_of(&screen, " sockscope "), &["one at a time"]);
        }
        // Whoever is served stands above those who wait, and those who came first above those who came later.
        let shown = lanes(&screen);
        assert!(
            shown.contains(&50) && shown.is_sorted(),
            "{shown:?}\n{screen}"
        );
        assert_shows(row_of(&screen, "#51┃"), &["in line", "▒▒▒", "2.900 s"]);
        assert_shows(row_of(&screen, "#50┃"), &["nothing sent yet", "3.000 s"]);
        // The waits count up.
        bench.go_on(ms(10_500), line_behind_silence(9));
        let screen = bench.screen(size);
        assert_shows(row_of(&screen, "#51┃"), &["in line", "4.400 s"]);
    }
}

#[test]
fn the_log_says_how_long_each_has_waited() {
    let screen = blocked(9).screen(MIDDLE);
    for n in 1..=9 {
        let wait = format!("{:.3} s", 3.0 - n as f64 / 10.0);
        let row = row_of(&screen, &format!("#{}┃", 50 + n)).to_owned();
        assert_eq!(
            row.matches(&wait).count(),
            2,
            "all of it was waiting: {row}"
        );
    }
    assert_eq!(
        row_of(&screen, "#50┃").matches("3.000 s").count(),
        1,
        "it waits for nobody"
    );
}

#[test]
fn the_line_moves_on_and_says_so() {
    let mut bench = blocked(3);
    let mut rest = line_behind_silence(3);
    rest.remove(0);
    rest[0].phase = Phase::Sending;
    rest[0].since = ms(10_000);
    bench.events(vec![WebEvent::Closed(Closed {
        connection: 50,
        client: client(50),
        at: ms(10_000),
        cause: Cause::Silent,
        requests: 0,
        bytes_in: 0,
        bytes_out: 0,
    })]);
    bench.go_on(ms(10_050), rest);
    let screen = bench.screen((200, 50));
    assert_shows(&screen, &["#51 keeps 2 waiting", "no byte came in time"]);
    bench.report.connections.clear();
    bench.go_on(ms(10_100), Vec::new());
    let waited = Asked {
        waited: ms(3_900),
        ..Asked::get(51, "/at-last").at(6_100).took(100)
    };
    bench.ask([waited]);
    let screen = bench.screen((200, 50));
    assert_hides(&screen, &["keeps", "going on"]);
    assert_shows(row_of(&screen, "/at-last"), &["4.000 s", "3.900 s"]);
    let lane = row_of(&screen, "│#51 ");
    assert!(
        lane.matches('▒').count() > 10,
        "the wait stays to be seen: {lane}"
    );
}

#[test]
fn nobody_is_blamed_where_nobody_waits() {
    let mut bench = blocked(0);
    assert_hides(&bench.screen(MIDDLE), &["keeps"]);
    let states = line_behind_silence(0);
    bench.events(vec![WebEvent::Changed {
        at: bench.now,
        from: Box::new(one_at_a_time()),
        to: Box::default(),
    }]);
    bench.go_on(ms(9_500), states);
    assert_hides(&bench.screen(MIDDLE), &["keeps", "one at a time  ○"]);
}

#[test]
fn whoever_is_served_is_seen_however_long_the_line_is() {
    for size in SIZES {
        let mut bench = blocked(0);
        bench.go_on(ms(30_000), line_behind_silence(200));
        bench.key('[');
        bench.key('[');
        let shown = lanes(&bench.screen(size));
        assert_eq!(shown.first(), Some(&50), "{size:?}: {shown:?}");
        assert_eq!(shown.last(), Some(&250), "{size:?}: {shown:?}");
    }
}

#[test]
fn an_old_connection_that_is_busy_stays_in_sight() {
    for size in SIZES {
        let mut bench = Bench::new(Lang::En).listening();
        let old = || ConnectionState {
            sent: 10,
            to_send: 1_000,
            ..open(1, Phase::Sending, ms(100))
        };
        bench.go_on(ms(500), vec![old()]);
        bench.ask((2..60).map(|n| Asked::get(n, "/quick").at(500 + 10 * n)));
        bench.go_on(ms(2_000), vec![old()]);
        let screen = bench.screen(size);
        assert_eq!(lanes(&screen).first(), Some(&1), "{size:?}\n{screen}");
        // Idle, it gives its place to newer ones.
        bench.go_on(ms(2_500), vec![open(1, Phase::Idle, ms(100))]);
        let shown = lanes(&bench.screen(size));
        assert!(!shown.contains(&1), "{size:?}: {shown:?}");
    }
}

#[test]
fn requests_on_one_connection_are_numbered_on_its_lane() {
    let mut bench = Bench::new(Lang::En).listening();
    bench.events(vec![WebEvent::Opened {
        connection: 1,
        client: client(1),
        at: ms(100),
    }]);
    for number in 1..=3 {
        let asked = Asked {
            number,
            ..Asked::get(1, "/kept")
                .at(3_000 * u64::from(number))
                .took(800)
        };
        bench.events(vec![WebEvent::Exchange(Box::new(asked.exchange()))]);
    }
    bench.go_on(
        ms(10_000),
        vec![ConnectionState {
            requests: 3,
            since: ms(9_800),
            ..open(1, Phase::Idle, ms(100))
        }],
    );
    let screen = bench.screen((200, 50));
    let lane = row_of(&screen, "│#1 ").split_once(":40001");
    let (_, lane) = lane.expect("the client stands on it");
    let numbers: String = lane.chars().filter(char::is_ascii_digit).collect();
    assert_eq!(numbers, "123", "{lane}");
    assert!(
        lane.contains('─'),
        "between requests it is idle: {lane}\n{screen}"
    );
    assert_order(&screen, &["#1.3┃", "#1.2┃", "#1.1┃"]);
}

#[test]
fn the_time_axis_is_zoomed_and_moved() {
    let mut bench = taught(Lang::En);
    bench.screen(MIDDLE);
    bench.press(KeyCode::Tab);
    assert_shows(&bench.screen(MIDDLE), &["━ Connections  16  10s", "-10 s"]);
    bench.key('[');
    assert_shows(&bench.screen(MIDDLE), &["  20s ", "-20 s"]);
    for _ in 0..3 {
        bench.key(']');
    }
    let screen = bench.screen(MIDDLE);
    assert_shows(&screen, &["━ Connections  2  2s", "-2 s", "-1 s", "now"]);
    bench.press(KeyCode::Left);
    let screen = bench.screen(MIDDLE);
    assert_shows(&screen, &["held", "-2.5 s"]);
    assert_hides(row_of(&screen, "-2.5 s"), &["now"]);
    bench.press(KeyCode::Esc);
    assert_shows(&bench.screen(MIDDLE), &["-2 s", "now"]);
}

#[test]
fn a_lane_lights_up_its_newest_request() {
    let mut bench = taught(Lang::En);
    bench.screen(MIDDLE);
    bench.press(KeyCode::Tab);
    bench.screen(MIDDLE);
    bench.presses(&[KeyCode::Up, KeyCode::Up]);
    bench.press(KeyCode::Enter);
    assert_shows(
        &bench.screen(MIDDLE),
        &["Request #15.1", "▲ 400 Bad Request"],
    );
}
