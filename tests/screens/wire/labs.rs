//! From the open details of each lab to the wire by Enter, and from a row of the wire to its lab.

use crossterm::event::KeyCode;
use sockscope::trace::event::Ruling;
use sockscope::words::Lang;

use super::bench::Bench;
use super::{LARGE, MIDDLE, assert_row, assert_shows, ms};

/// The Wire tab is in front, with the bytes of this row.
#[track_caller]
fn assert_on_wire(bench: &mut Bench, texts: &[&str]) {
    let screen = bench.screen(LARGE);
    assert_shows(&screen, &[" Calls and messages ", " Bytes "]);
    assert_shows(&screen, texts);
}

#[test]
fn a_ping_leads_to_the_wire_and_back() {
    let mut bench = Bench::new(Lang::En);
    bench.losses();
    // The newest ping's details are open, and say how to get there.
    bench.press(KeyCode::Enter);
    let screen = bench.screen(MIDDLE);
    assert_shows(&screen, &[" Ping 3 to 127.0.0.1:12000", "on the wire"]);
    bench.press(KeyCode::Enter);
    assert_on_wire(&mut bench, &["Ping 3", "50 69 6e 67 20 33"]);
    // Back: its row in the list of pings, with its details.
    bench.press(KeyCode::Enter);
    let screen = bench.screen(MIDDLE);
    assert_shows(&screen, &["RTT", "Ping ──▶ echo ──╳ reply dropped"]);
    assert!(!screen.contains(" Calls and messages "), "{screen}");
}

#[test]
fn a_request_leads_to_the_wire_and_back() {
    let mut bench = Bench::new(Lang::En);
    bench.all_labs();
    bench.keys("2");
    bench.press(KeyCode::Enter);
    assert_shows(&bench.screen(MIDDLE), &["on the wire"]);
    bench.press(KeyCode::Enter);
    assert_on_wire(&mut bench, &["GET /missing.html", "47 45 54 20"]);
    bench.press(KeyCode::Enter);
    let screen = bench.screen(MIDDLE);
    assert_shows(&screen, &[" Requests ", "/missing.html"]);
    assert!(!screen.contains(" Calls and messages "), "{screen}");
}

#[test]
fn a_line_of_a_dialogue_leads_to_the_wire_and_back() {
    let mut bench = Bench::new(Lang::En);
    bench.mail(false);
    bench.key('3');
    // The dialogue has the focus: its last line is opened.
    bench.keys("G\n");
    assert_shows(&bench.screen(MIDDLE), &["on the wire"]);
    bench.press(KeyCode::Enter);
    assert_on_wire(&mut bench, &["221 2.0.0 Bye", "32 32 31 20"]);
    bench.press(KeyCode::Enter);
    let screen = bench.screen(MIDDLE);
    assert_shows(&screen, &[" Dialogue ", "221 2.0.0 Bye"]);
    assert!(!screen.contains(" Calls and messages "), "{screen}");
}

#[test]
fn every_message_of_the_wire_leads_to_its_lab() {
    for (filter, lab) in [
        ("lab:ping is:message", "━ Pings "),
        ("lab:web is:message", " Requests "),
        ("lab:mail is:message", " Dialogue "),
        // A call is about the message next to it.
        ("lab:ping is:call", "━ Pings "),
        ("lab:mail is:call", " Dialogue "),
    ] {
        let mut bench = Bench::new(Lang::En);
        bench.all_labs();
        bench.keys(&format!("4/{filter}\n"));
        let rows = bench.screen(MIDDLE);
        assert_row(&rows, &["/", filter]);
        bench.key('g');
        bench.press(KeyCode::Enter);
        let screen = bench.screen(MIDDLE);
        assert!(screen.contains(lab), "{filter}:\n{screen}");
    }
}

#[test]
fn a_row_that_is_gone_is_said_to_be() {
    for (lang, gone_wire, gone_lab) in [
        (
            Lang::En,
            "that is no longer kept on the Wire tab",
            "no row of a lab belongs to that",
        ),
        (Lang::ZhCn, "线路页已不再保留该条记录", "没有对应的实验记录"),
    ] {
        let mut bench = Bench::set_up(|setup| {
            setup.lang = lang;
            setup.wire.events = 8;
        });
        bench.losses();
        bench.mail(false);
        bench.keys("1\n\n");
        let screen = bench.screen(MIDDLE);
        assert_shows(&screen, &[gone_wire]);
        assert!(
            screen.contains("Ping 3"),
            "the details are still open:\n{screen}"
        );
        // A note belongs to no lab.
        bench.press(KeyCode::Esc);
        bench.keys("4nhere\nG\n");
        let screen = bench.screen(MIDDLE);
        assert_shows(&screen, &[gone_lab, "here"]);
    }
}

#[test]
fn what_a_filter_hides_is_shown_all_the_same_when_a_lab_asks_for_it() {
    let mut bench = Bench::new(Lang::En);
    bench.ping(1, ms(1_000), Ruling::Replied);
    bench.keys("4/lab:web\n1\n\n");
    assert_on_wire(&mut bench, &["Ping 1"]);
    assert!(!bench.screen(LARGE).contains("/lab:web"));
}
