//! The ladder: what a student has to see of a connection, at one look.

use sockscope::trace::event::Ruling;
use sockscope::words::Lang;

use super::bench::Bench;
use super::{LARGE, MIDDLE, SIZES, SMALL, assert_row, assert_shows, ms};

/// A scene with the ladder zoomed, so that all of it is there.
fn ladder(lang: Lang, scene: impl FnOnce(&mut Bench)) -> Bench {
    let mut bench = Bench::new(lang);
    scene(&mut bench);
    bench.keys("4\tz");
    bench
}

#[test]
fn a_loss_on_each_leg_is_crossed_out_where_it_happened() {
    let mut bench = ladder(Lang::En, Bench::losses);
    for size in SIZES {
        let screen = bench.screen(size);
        assert_shows(
            &screen,
            &["client 127.0.0.1:54321", "server 127.0.0.1:12000"],
        );
        assert_row(&screen, &["[sendto", "Ping 1", "▶├[recvfrom"]);
        assert_row(&screen, &["[recvfrom", "┤◀", "PING 1", "┼[sendto"]);
        assert_row(&screen, &["[sendto", "Ping 2", "╳ random loss "]);
        assert_row(&screen, &[" random loss ╳", "PING 3"]);
        // What was killed on its way back never reached the client.
        let reply = screen.lines().find(|row| row.contains("PING 3"));
        assert!(reply.is_some_and(|row| !row.contains('◀')), "{screen}");
    }
    let mut bench = ladder(Lang::ZhCn, Bench::losses);
    let screen = bench.screen(MIDDLE);
    assert_shows(
        &screen,
        &["客户端 127.0.0.1:54321", "服务器 127.0.0.1:12000"],
    );
    assert_row(&screen, &["Ping 2", "╳ 随机丢包"]);
    assert_row(&screen, &["随机丢包 ╳", "PING 3"]);
}

#[test]
fn a_duplicate_forks_a_reordering_crosses_and_what_is_late_says_so() {
    let mut bench = ladder(Lang::En, Bench::odd_ways);
    for size in [MIDDLE, LARGE] {
        let screen = bench.screen(size);
        // Two tips of one reply, one below the other.
        let rows: Vec<&str> = screen.lines().collect();
        let reply = rows.iter().position(|row| row.contains("PING 1"));
        let after = &rows[reply.expect("the reply")..][..4];
        let tips = after.iter().filter(|row| row.contains('◀')).count();
        assert!(tips >= 2, "a reply that came twice:\n{screen}");
        // The third reply goes over the second, which is still on its way.
        assert_row(&screen, &["◀", "─┼─"]);
        assert_row(&screen, &["◀⇄"]);
        assert_row(&screen, &["◀◐"]);
        let place = |text: &str| screen.find(text).expect(text);
        assert!(place("PING 2") < place("PING 3"), "{screen}");
    }
    // The list has the same signs.
    bench.keys("z");
    let screen = bench.screen(LARGE);
    assert_row(&screen, &["← ● PING 1", "⧉2"]);
    assert_row(&screen, &["← ● PING 2", "⇄"]);
    assert_row(&screen, &["← ◐ PING 4"]);
}

#[test]
fn a_mail_is_a_dialogue() {
    for encrypted in [false, true] {
        let mut bench = ladder(Lang::En, |bench| bench.mail(encrypted));
        bench.key('g');
        let screen = bench.screen(MIDDLE);
        assert_row(&screen, &["[connect", "┤"]);
        let mut last = 0;
        for (text, tip) in [
            ("220 mail.lab", '◀'),
            ("EHLO [127.0.0.1]", '▶'),
            ("AUTH PLAIN ********", '▶'),
            ("235 2.7.0", '◀'),
            ("MAIL FROM:<student@example.com>", '▶'),
            ("RCPT TO:<nobody@example.com>", '▶'),
            ("550 5.1.1 No such mailbox", '◀'),
            ("DATA", '▶'),
            ("354 End with a dot", '◀'),
            ("Subject: Hello", '▶'),
            ("250 2.6.0 Stored as 1", '◀'),
            ("221 2.0.0 Bye", '◀'),
        ] {
            let row = screen.lines().position(|row| row.contains(text));
            let row = row.unwrap_or_else(|| panic!("{text} is missing in\n{screen}"));
            assert!(row > last, "{text} comes too early in\n{screen}");
            last = row;
            assert!(
                screen.lines().nth(row).is_some_and(|row| row.contains(tip)),
                "{screen}"
            );
        }
        bench.keys("z");
        let sign = bench.screen(LARGE).contains("≈ QUIT");
        assert_eq!(
            sign, encrypted,
            "what went inside TLS is marked in the list"
        );
    }
}

#[test]
fn the_second_connection_waits_until_the_first_is_served() {
    for (lang, waits) in [(Lang::En, "waits "), (Lang::ZhCn, "等待 ")] {
        let mut bench = Bench::new(lang);
        bench.one_at_a_time();
        bench.keys("4/second\ng\u{1b}\tz");
        for size in SIZES {
            let screen = bench.screen(size);
            // The connection is open, the request sent, and nobody takes it.
            assert_row(&screen, &["[listen", "]"]);
            assert_row(&screen, &["[connect]┼┄", waits, "░"]);
            assert_row(&screen, &["[send", "GET /second.html", "░"]);
            assert!(!screen.contains("[accept]"), "{screen}");
        }
        bench.pass(ms(1_000));
        assert_shows(&bench.screen(SMALL), &[&format!("{waits}3.")]);
        // Meanwhile the first was taken after two seconds.
        bench.keys("z\t\t/slow\ng\u{1b}\tz");
        let screen = bench.screen(SMALL);
        assert_row(&screen, &["[connect]┼┄", &format!("{waits}2.")]);
        assert_row(&screen, &["╰┄", "▶├[accept]"]);
        assert_row(&screen, &["[send → 49 B]┼─", "GET /slow.html", "╮"]);
        assert_row(&screen, &["╰─", "▶├[recv → 49 B]"]);
        assert_row(&screen, &["◀", "200 OK"]);
    }
}

#[test]
fn what_nobody_takes_is_refused_at_the_door() {
    let mut bench = ladder(Lang::En, Bench::refused);
    // The newest row is the connection that failed.
    assert_row(&bench.screen(SMALL), &["[connect ✗ Connection refused]"]);
    bench.keys("z\t\tg");
    bench.keys("\tz");
    assert_row(
        &bench.screen(SMALL),
        &["Ping 1", "refused: nobody listens", "⊘"],
    );
    bench.keys("z");
    assert_row(&bench.screen(LARGE), &["connect", "▲ Connection refused"]);
    assert_row(
        &bench.screen(LARGE),
        &["→ ⊘ Ping 1", "refused: nobody listens there"],
    );
}

#[test]
fn a_pause_a_note_and_a_gap_have_rows_of_their_own() {
    let mut bench = ladder(Lang::En, |bench| {
        bench.ping(1, ms(1_000), Ruling::Replied);
        bench.ping(2, ms(2_200), Ruling::Replied);
    });
    let screen = bench.screen(SMALL);
    assert_row(&screen, &["1.20 s", "⋮"]);
    // From row to row: what is selected in the ladder is selected in the list.
    bench.keys("k");
    bench.keys("z");
    assert_shows(&bench.screen(MIDDLE), &["sendto(", " Bytes "]);
    bench.keys("g");
    assert_shows(&bench.screen(MIDDLE), &["50 69 6e 67 20 31"]);
    // What somebody notes, and what was left out, stands among what happened then.
    bench.pass(ms(2_300));
    bench.keys("nlook here\n");
    bench.ping(3, ms(2_400), Ruling::Replied);
    bench.left_out(7);
    for keys in ["f", "G"] {
        bench.keys(keys);
        let screen = bench.screen(LARGE);
        let place = |text: &str| {
            screen
                .find(text)
                .unwrap_or_else(|| panic!("{text} in\n{screen}"))
        };
        assert!(place("Ping 2") < place("look here"));
        assert_row(
            &screen,
            &["[sendto → 23 B]", "Ping 3", "▶├[recvfrom → 23 B]"],
        );
        assert_shows(&screen, &["client 127.0.0.1:54321", "+7 not shown"]);
    }
}

#[test]
fn a_ladder_is_ascii_where_that_is_asked_for() {
    let mut bench = Bench::set_up(|setup| setup.ascii = true);
    bench.losses();
    bench.keys("4\tz");
    let screen = bench.screen(SMALL);
    assert_row(&screen, &["[sendto", "Ping 1", ">+[recvfrom"]);
    assert_row(&screen, &["Ping 2", "X random loss "]);
    assert_row(&screen, &[" random loss X", "PING 3"]);
}
