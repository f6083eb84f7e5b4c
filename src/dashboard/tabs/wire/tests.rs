//! The tab by itself: what is selected, what a frozen view shows, and that a frame costs what is seen and not what is kept.

use std::time::{Instant, SystemTime};

use ratatui::buffer::Buffer;

use super::*;
use crate::dashboard::app::Look;
use crate::dashboard::tabs::panel::Scene;
use crate::dashboard::theme::{Signs, Theme};
use crate::dashboard::widgets::Glyphs;
use crate::proto::ping::PingEvent;
use crate::settings::ThemeName;
use crate::trace::clock::Clock;
use crate::trace::event::PingerEvent;
use crate::trace::wire::Subject;
use crate::words::Lang;

const WORDS: Words = Words(Lang::En);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn tab() -> WireTab {
    WireTab::new(WireSetup::default())
}

fn sent(seq: u64, at: Duration) -> Event {
    let datagram = format!("Ping {seq}").into_bytes();
    let event = PingerEvent::Ping(PingEvent::Sent { seq, at, datagram });
    Event::Ping { target: 1, event }
}

fn ping(seq: u64) -> Subject {
    Subject::Ping { target: 1, seq }
}

fn act(tab: &mut WireTab, action: Action) {
    tab.act(action, tab.now, WORDS);
}

/// The list as it is drawn.
fn drawn(tab: &mut WireTab, width: u16, height: u16) -> String {
    let look = Look {
        words: WORDS,
        theme: Theme::new(ThemeName::Dark, false),
        glyphs: Glyphs::Unicode,
        signs: Signs(Glyphs::Unicode),
    };
    let clock = Clock::new(Instant::now(), SystemTime::now());
    let scene = Scene {
        look: &look,
        clock: &clock,
        now: Duration::ZERO,
        zoomed: false,
    };
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    list::draw(tab, true, &scene, buffer.area, &mut buffer);
    let cells = buffer.content.iter().map(|cell| cell.symbol());
    cells.collect()
}

#[test]
fn a_frozen_view_is_stepped_event_by_event() {
    let mut tab = tab();
    tab.take(&[sent(1, ms(1)), sent(2, ms(2))], 0);
    tab.freeze(Some(ms(3)));
    tab.take(&[sent(3, ms(4))], 0);
    let seen = |tab: &WireTab| (tab.log.len(), tab.subjects().first().copied());
    assert_eq!(seen(&tab), (2, Some(ping(2))));
    act(&mut tab, Action::StepForward);
    assert_eq!(seen(&tab), (3, Some(ping(3))), "it was kept");
    act(&mut tab, Action::StepForward);
    assert_eq!(seen(&tab), (3, Some(ping(3))), "there is no more");
    act(&mut tab, Action::StepBack);
    act(&mut tab, Action::StepBack);
    assert_eq!(seen(&tab), (1, Some(ping(1))));
    tab.freeze(None);
    assert_eq!(seen(&tab), (3, Some(ping(1))));
}

#[test]
fn what_a_lab_asks_for_is_found_whatever_hides_it() {
    let mut tab = tab();
    tab.take(&[sent(1, ms(1)), sent(2, ms(2))], 0);
    tab.set_filter("-Ping", WORDS).expect("a filter");
    assert_eq!(tab.log.len(), 0);
    assert!(!tab.show(&ping(7)));
    assert_eq!(tab.log.len(), 0, "nothing changes for what is gone");
    assert!(tab.show(&ping(1)));
    assert_eq!(
        (tab.log.len(), tab.subjects().first().copied()),
        (2, Some(ping(1)))
    );
    assert_eq!((tab.panel, tab.below), (Panel::Bytes, Panel::Bytes));
}

#[test]
fn the_selected_row_stays_selected_when_its_beginning_is_told() {
    use crate::trace::event::{EchoDatagram, EchoEvent, Excerpt, Ruling};
    let client = "127.0.0.1:54321".parse().expect("a literal address");
    let started = PingerEvent::Started {
        local: client,
        target: "127.0.0.1:7".parse().expect("a literal address"),
    };
    let arrived = EchoDatagram {
        n: 9,
        at: ms(20),
        from: client,
        bytes: 6,
        payload: Excerpt::of(b"Ping 1"),
        ruling: Ruling::Replied,
        delay: ms(1),
        copies: 1,
        corrupted: false,
        held: false,
    };
    let mut tab = tab();
    tab.note("between".to_owned(), ms(15));
    let started = Event::Ping {
        target: 1,
        event: started,
    };
    tab.take(&[started, Event::Echo(EchoEvent::Datagram(arrived))], 0);
    assert!(tab.show(&Subject::Datagram { n: 9 }));
    tab.take(&[sent(1, ms(10))], 0);
    assert_eq!(
        tab.selected().map(|row| (row.id, row.at)),
        Some((2, ms(10)))
    );
    assert_eq!(tab.subjects().first(), Some(&ping(1)));
}

#[test]
fn what_was_left_out_stands_where_it_was_left_out() {
    let mut tab = tab();
    tab.take(&[sent(1, ms(1))], 3);
    tab.take_calls(Vec::new(), 4);
    tab.take(&[sent(2, ms(2))], 0);
    let gaps: Vec<_> = (0..tab.log.len())
        .filter_map(|place| tab.log.shown(place))
        .map(|row| match row.what {
            What::LeftOut(count) => count,
            _ => 0,
        })
        .collect();
    assert_eq!((gaps, tab.left_out), (vec![0, 7, 0], 7));
    assert!(drawn(&mut tab, 100, 10).contains("+7 not shown"));
}

#[test]
fn marks_and_trouble_are_jumped_to() {
    let mut tab = tab();
    tab.take(&[sent(1, ms(1)), sent(2, ms(2)), sent(3, ms(3))], 1);
    assert!(tab.show(&ping(2)));
    act(&mut tab, Action::Mark);
    assert!(tab.show(&ping(1)));
    act(&mut tab, Action::NextMark);
    assert_eq!(tab.subjects().first(), Some(&ping(2)));
    act(&mut tab, Action::NextMark);
    assert_eq!(tab.subjects().first(), Some(&ping(2)), "it is the only one");
    act(&mut tab, Action::NextLoss);
    let gap = tab.front().map(|row| &row.what);
    assert_eq!(gap, Some(&What::LeftOut(1)));
    act(&mut tab, Action::Follow);
    assert!(tab.list.is_following());
}

#[test]
fn an_empty_list_says_what_to_do_and_any_size_is_drawn() {
    let mut tab = tab();
    assert!(drawn(&mut tab, 80, 12).contains("send pings"));
    tab.take(&[sent(1, ms(1))], 0);
    for (width, height) in [(0, 0), (1, 1), (40, 3), (80, 24), (300, 100)] {
        drawn(&mut tab, width, height);
    }
    tab.set_filter("nothing", WORDS).expect("a filter");
    assert!(drawn(&mut tab, 90, 12).contains("Nothing of what is kept matches"));
    let wrong = tab.set_filter("verdict:gone", WORDS);
    assert!(wrong.is_err_and(|sentence| sentence.contains("lost, late, dup")));
}
