//! The mark of a replay: on every tab, in both languages, also where there is little room.

use std::time::{Duration, Instant, SystemTime};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use sockscope::dashboard::app::{App, Effect, Msg, Now, Setup};
use sockscope::dashboard::playback::{Control, Motion, Playback};
use sockscope::dashboard::tabs::ping::PingSetup;
use sockscope::proto::link::{LinkSettings, Preset};
use sockscope::settings::replay::Speed;
use sockscope::trace::clock::Clock;
use sockscope::trace::event::{EchoEvent, Event, PingerEvent};
use sockscope::words::{Lang, Words};

use super::shown::text;

fn playback() -> Playback {
    Playback {
        file: "lesson.jsonl".to_owned(),
        position: Duration::from_secs(83),
        length: Some(Duration::from_secs(300)),
        speed: Speed::Times(2.0),
        motion: Motion::Playing,
        ends_before: false,
        entries: 1_234,
        damaged: 0,
    }
}

fn app(lang: Lang, ascii: bool) -> App {
    let clock = Clock::new(Instant::now(), SystemTime::UNIX_EPOCH);
    let setup = Setup {
        lang,
        ascii,
        ping: PingSetup {
            link: LinkSettings::transparent(),
            ..PingSetup::default()
        },
        ..Setup::default()
    };
    let mut app = App::new(setup, clock);
    app.update(Msg::Playback(playback()), Duration::from_secs(83));
    app
}

fn key(app: &mut App, c: char) -> Vec<Effect> {
    let key = KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
    app.update(Msg::Key(key), Duration::from_secs(83))
}

fn screen(app: &mut App, width: u16, height: u16) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    app.area = area;
    app.render(area, &mut buffer);
    text(&buffer)
}

/// The first line.
fn bar(app: &mut App, width: u16) -> String {
    let screen = screen(app, width, 24);
    screen.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn every_tab_says_that_it_is_a_replay() {
    for (lang, word) in [(Lang::En, "replay"), (Lang::ZhCn, "回放")] {
        let mut app = app(lang, false);
        for tab in "1234".chars() {
            key(&mut app, tab);
            let line = bar(&mut app, 80);
            assert!(line.contains(&format!("▶ {word} 00:01:23")), "{line}");
            assert!(line.contains("×2"), "{line}");
            let line = bar(&mut app, 140);
            let whole = format!("▶ {word} lesson.jsonl 00:01:23 / 00:05:00 ×2");
            assert!(line.contains(&whole), "{line}");
            let line = bar(&mut app, 60);
            assert!(line.contains(word), "{line}");
        }
    }
}

#[test]
fn ascii_and_damage_and_an_unknown_end_are_shown() {
    let mut app = app(Lang::En, true);
    let damaged = Playback {
        damaged: 3,
        length: None,
        motion: Motion::Frozen,
        ..playback()
    };
    app.update(Msg::Playback(damaged), Duration::from_secs(83));
    let line = bar(&mut app, 140);
    assert!(
        line.contains("= replay lesson.jsonl 00:01:23 / - x2 damaged lines: 3"),
        "{line}"
    );
}

#[test]
fn keys_that_would_change_a_lab_change_nothing() {
    for (tab, keys) in [('1', "+-mpScrax"), ('2', "o+-F"), ('3', "o:nxX")] {
        for c in keys.chars() {
            let mut app = app(Lang::En, false);
            key(&mut app, tab);
            assert_eq!(key(&mut app, c), [], "{tab} {c}");
            let screen = screen(&mut app, 80, 24);
            assert!(screen.contains("this is a replay"), "{tab} {c}:\n{screen}");
        }
    }
}

#[test]
fn keys_control_what_is_played() {
    let mut app = app(Lang::En, false);
    for (c, control) in [
        (' ', Control::Freeze),
        ('.', Control::Step),
        ('<', Control::Slower),
        ('>', Control::Faster),
    ] {
        assert_eq!(key(&mut app, c), [Effect::Playback(control)], "{c}");
    }
    assert_eq!(app.frozen_at, None, "the record stands still, not the view");
}

#[test]
fn a_notice_goes_away_though_the_record_stands_still() {
    let mut app = app(Lang::En, false);
    let frozen = Playback {
        motion: Motion::Frozen,
        ..playback()
    };
    let at = |here: u64| Now {
        there: Duration::from_secs(83),
        here: Duration::from_secs(here),
    };
    app.update(Msg::Playback(frozen), at(100));
    let shown = screen(&mut app, 80, 24);
    assert!(shown.contains("stands still"), "{shown}");
    app.update(Msg::Tick, at(110));
    let shown = screen(&mut app, 80, 24);
    assert!(!shown.contains("stands still"), "{shown}");
}

#[test]
fn a_target_of_the_record_is_there_and_nothing_is_started() {
    let mut app = app(Lang::En, false);
    let server = "127.0.0.1:12000".parse().unwrap();
    let mut link = LinkSettings::default();
    link.request.loss = "37%".parse().unwrap();
    let events = vec![
        Event::Echo(EchoEvent::Listening {
            address: server,
            seed: 42,
            link: Box::new(link),
        }),
        Event::Ping {
            target: 5,
            event: PingerEvent::Started {
                local: "127.0.0.1:50000".parse().unwrap(),
                target: server,
            },
        },
    ];
    let msg = Msg::Events {
        events,
        left_out: 0,
        web_left_out: 0,
        mail_left_out: 0,
    };
    assert_eq!(app.update(msg, Duration::from_secs(84)), []);
    let shown = screen(&mut app, 140, 36);
    assert!(shown.contains("127.0.0.1:12000"), "{shown}");
    assert!(shown.contains("seed                42"), "{shown}");
    assert!(shown.contains("37%"), "the link of the record: {shown}");
}

#[test]
fn what_no_record_tells_is_not_made_up_from_this_run() {
    for lang in [Lang::En, Lang::ZhCn] {
        let words = Words(lang);
        let mut app = app(lang, false);
        let ping = screen(&mut app, 140, 36);
        let starting = words.t("status.echo_starting");
        assert!(!ping.contains(&*starting), "{ping}");
        for knob in [
            "loss",
            "delay",
            "duplicate",
            "reorder",
            "corrupt",
            "rate",
            "interval",
            "timeout",
            "pace",
        ] {
            assert_untold(&ping, &words.t(&format!("knob.{knob}")));
        }
        for key in ["link.preset", "link.count", "link.seed"] {
            assert_untold(&ping, &words.t(key));
        }
        key(&mut app, '2');
        let web = screen(&mut app, 140, 36);
        assert!(web.contains(&*words.t("replay.no_web")), "{web}");
        let starting = words.t("status.web_starting");
        assert!(!web.contains(&*starting), "{web}");
        let built_in = words.t("web.server.built_in");
        assert!(!web.contains(&*built_in), "{web}");
        for key in [
            "web.server.folder",
            "web.limit.connections",
            "web.limit.body",
        ] {
            assert_untold(&web, &words.t(key));
        }
        key(&mut app, '3');
        let mail = screen(&mut app, 140, 36);
        assert!(mail.contains(&*words.t("replay.no_mail")), "{mail}");
        let starting = words.t("status.mail_starting");
        assert!(!mail.contains(&*starting), "{mail}");
    }
}

/// In some line the label is followed by the sign for nothing.
fn assert_untold(screen: &str, label: &str) {
    let is_untold = |line: &str| {
        let after = line.rsplit_once(label).map(|(_, after)| after);
        after.is_some_and(|after| after.split_whitespace().next() == Some("-"))
    };
    assert!(screen.lines().any(is_untold), "{label}:\n{screen}");
}

#[test]
fn the_link_of_a_record_is_called_by_its_preset() {
    let mut app = app(Lang::En, false);
    let wifi = Preset::find("wifi").unwrap();
    let events = vec![Event::Echo(EchoEvent::Listening {
        address: "127.0.0.1:12000".parse().unwrap(),
        seed: 42,
        link: Box::new(wifi.link.clone()),
    })];
    let msg = Msg::Events {
        events,
        left_out: 0,
        web_left_out: 0,
        mail_left_out: 0,
    };
    app.update(msg, Duration::from_secs(84));
    let shown = screen(&mut app, 140, 36);
    let is_named = |line: &str| line.contains("preset") && line.contains("wifi");
    assert!(shown.lines().any(is_named), "{shown}");
}

#[test]
fn a_record_that_ends_before_its_beginning_says_so() {
    let mut app = app(Lang::En, false);
    let ended = Playback {
        motion: Motion::Ended,
        ends_before: true,
        ..playback()
    };
    app.update(Msg::Playback(ended), Duration::from_secs(83));
    let shown = screen(&mut app, 120, 24);
    assert!(shown.contains("ends before the place"), "{shown}");
}
