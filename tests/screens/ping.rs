//! The Ping tab, fed by the pure pinger and link with a made-up clock.

use std::time::{Duration, Instant, SystemTime};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use sockscope::dashboard::app::{App, Counters, Effect, Msg, Setup};
use sockscope::dashboard::tabs::ping::knobs::{Pace, PaceKind};
use sockscope::dashboard::tabs::ping::{Figures, PingSetup};
use sockscope::proto::link::{Link, LinkSettings};
use sockscope::proto::ping::{Mode, PingEvent, Plan, Session, Text};
use sockscope::proto::stats::PingStats;
use sockscope::settings;
use sockscope::trace::clock::Clock;
use sockscope::trace::event::{EchoDatagram, EchoEvent, Event, Excerpt, PingerEvent, Ruling};
use sockscope::trace::start_error::{Holder, Reason, StartError, Transport};
use sockscope::words::Lang;

use super::shown::{address, assert_straight, has_colour, text};
use crate::support::command::assert_said_in_words;

const SERVER: &str = "127.0.0.1:12000";
const CLIENT: &str = "127.0.0.1:40000";
const STEP: Duration = Duration::from_nanos(40);
const SIZES: [(u16, u16); 9] = [
    (80, 24),
    (120, 36),
    (200, 50),
    (60, 18),
    (59, 18),
    (40, 10),
    (300, 100),
    (1, 1),
    (0, 0),
];

/// A dashboard whose labs are simulated.
struct Bench {
    app: App,
    stats: PingStats,
    session: Session,
    link: Link,
    client: sockscope::proto::link::ClientState,
    /// Replies on their way: when they arrive, and what they say.
    underway: Vec<(Duration, Vec<u8>)>,
    now: Duration,
    datagrams: u64,
    rtt: fn(u64) -> Duration,
}

impl Bench {
    fn new(lang: Lang, link: &str) -> Self {
        Self::set_up(lang, link, |_| {})
    }

    /// With another setup than the usual one.
    fn set_up(lang: Lang, link: &str, change: impl FnOnce(&mut Setup)) -> Self {
        let mut settings = LinkSettings::transparent();
        settings.request.loss = link.parse().expect("a literal spec");
        let origin = Instant::now();
        let clock = Clock::new(
            origin,
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        );
        let pace = Pace {
            kind: PaceKind::Steady,
            interval: Duration::from_millis(200),
            timeout: Duration::from_secs(1),
        };
        let mut setup = Setup {
            lang,
            ping: PingSetup {
                link: settings.clone(),
                pace,
                clock_step: STEP,
                ..PingSetup::default()
            },
            ..Setup::default()
        };
        change(&mut setup);
        let plan = Plan {
            mode: Mode::Steady {
                interval: pace.interval,
            },
            count: None,
            timeout: pace.timeout,
            text: Text::Token { key: 7, size: 0 },
        };
        let link = Link::new(settings, 42);
        let client = link.client(0);
        Self {
            app: App::new(setup, clock),
            stats: PingStats::new(STEP),
            session: Session::new(plan, Duration::ZERO),
            link,
            client,
            underway: Vec::new(),
            now: Duration::ZERO,
            datagrams: 0,
            rtt: |seq| Duration::from_micros(200 + seq % 7 * 10),
        }
    }

    /// Starts the labs as the effects would.
    fn started(mut self) -> Self {
        let started = [
            Effect::StartEcho { any_port: false },
            Effect::StartWeb { any_port: false },
            Effect::StartMail { any_port: false },
        ];
        assert_eq!(self.app.start(), started);
        let listening = EchoEvent::Listening {
            address: address(SERVER),
            seed: 42,
            link: Box::default(),
        };
        let effects = self.events(vec![Event::Echo(listening)]);
        assert!(
            matches!(&effects[..], [Effect::StartPinger { id: 0, target, .. }]
                if *target == SERVER.parse::<settings::Target>().expect("a literal target")),
            "a server that listens is pinged: {effects:?}"
        );
        let event = PingerEvent::Started {
            local: address(CLIENT),
            target: address(SERVER),
        };
        self.events(vec![Event::Ping { target: 0, event }]);
        self
    }

    fn events(&mut self, events: Vec<Event>) -> Vec<Effect> {
        let now = self.now;
        self.app.update(
            Msg::Events {
                events,
                left_out: 0,
                web_left_out: 0,
                mail_left_out: 0,
            },
            now,
        )
    }

    /// Lets time pass: pings go out, the link judges them, replies come back.
    fn run(mut self, seconds: f64) -> Self {
        let end = self.now + Duration::from_secs_f64(seconds);
        while self.now < end {
            self.step();
            let reply = self.underway.iter().map(|(at, _)| *at).min();
            let next = [self.session.next_send(), self.session.poll_timeout(), reply];
            let next = next.into_iter().flatten().min().unwrap_or(end);
            self.now = next.max(self.now + Duration::from_nanos(1)).min(end);
        }
        self.step();
        let figures = Figures::with_bars(&self.stats);
        let counters = Counters {
            echo: None,
            targets: vec![(0, figures)],
            web: None,
            mail: None,
            capture: None,
        };
        let now = self.now;
        self.app.update(Msg::Counters(counters), now);
        self
    }

    fn step(&mut self) {
        let now = self.now;
        if let Some((seq, datagram)) = self.session.poll_transmit(now) {
            self.session.handle_sent(seq, datagram.clone(), now);
            self.serve(seq, &datagram);
        }
        let (arrived, rest) = std::mem::take(&mut self.underway)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.underway = rest;
        let arrived: Vec<(Duration, Vec<u8>)> = arrived;
        for (at, reply) in arrived {
            self.session
                .handle_datagram(&reply, address(SERVER), true, at, None);
        }
        self.session.handle_timeout(now);
        let mut events = Vec::new();
        while let Some(event) = self.session.poll() {
            event.count(&mut self.stats);
            events.push(Event::Ping {
                target: 0,
                event: PingerEvent::Ping(event),
            });
        }
        self.events(events);
    }

    fn serve(&mut self, seq: u64, datagram: &[u8]) {
        let verdict = self.link.judge(&mut self.client, datagram.len(), self.now);
        self.datagrams += 1;
        for delivery in verdict.deliveries.iter() {
            let at = self.now + (self.rtt)(seq) + delivery.delay;
            self.underway.push((at, datagram.to_ascii_uppercase()));
        }
        let datagram = EchoDatagram {
            n: self.datagrams,
            at: self.now,
            from: address(CLIENT),
            bytes: datagram.len(),
            payload: Excerpt::of(datagram),
            ruling: Ruling::from(&verdict),
            delay: Duration::ZERO,
            copies: verdict.deliveries.len() as u8,
            corrupted: false,
            held: false,
        };
        self.events(vec![Event::Echo(EchoEvent::Datagram(datagram))]);
    }

    fn key(&mut self, code: KeyCode) -> Vec<Effect> {
        let now = self.now;
        let key = KeyEvent::new(code, KeyModifiers::NONE);
        self.app.update(Msg::Key(key), now)
    }

    fn keys(mut self, keys: &str) -> Self {
        for c in keys.chars() {
            let effects = self.key(KeyCode::Char(c));
            for effect in effects {
                if let Effect::SetLink(link) = effect {
                    self.link.set(link);
                }
            }
        }
        self
    }

    fn buffer(&mut self, width: u16, height: u16) -> Buffer {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        self.app.area = area;
        (&mut self.app).render(area, &mut buffer);
        buffer
    }

    fn screen(&mut self, width: u16, height: u16) -> String {
        text(&self.buffer(width, height))
    }
}

#[test]
fn every_size_can_be_drawn_in_every_state() {
    for lang in Lang::ALL {
        for loss in ["none", "lab", "100%"] {
            for seconds in [0.0, 0.0005, 30.0] {
                for keys in [
                    "", "z", "v", "vv", "vvv", "vvvv", "?", "y", "yy", "yyy", "W", "n", "a", " ",
                ] {
                    let mut bench = Bench::new(lang, loss).started().run(seconds).keys(keys);
                    for (width, height) in SIZES {
                        bench.buffer(width, height);
                    }
                    bench.key(KeyCode::Enter);
                    bench.buffer(80, 24);
                }
            }
        }
    }
}

#[test]
fn before_the_first_verdict_every_number_is_a_dash() {
    let screen = Bench::new(Lang::En, "lab")
        .started()
        .run(0.0)
        .screen(120, 36);
    assert!(screen.contains("RTT  last -"), "{screen}");
    assert!(screen.contains("all 0: -"), "{screen}");
    assert!(!screen.contains("all 0: 0"), "{screen}");
    assert!(screen.contains("set 36.4 %"), "{screen}");
    assert!(
        screen.contains("░ "),
        "the first ping is in flight:\n{screen}"
    );
}

#[test]
fn at_no_loss_nothing_is_marked_lost() {
    let screen = Bench::new(Lang::En, "none")
        .started()
        .run(20.0)
        .screen(120, 36);
    assert!(!screen.contains('╳'), "{screen}");
    assert!(screen.contains("all 100: 0.0 % [0.0–3.7]"), "{screen}");
    assert!(screen.contains("●●●●●●●●●●"), "{screen}");
}

#[test]
fn at_full_loss_there_is_no_round_trip_time() {
    let mut bench = Bench::new(Lang::En, "100%").started().run(20.0);
    let screen = bench.screen(120, 36);
    assert!(screen.contains("RTT  last -  p50 -"), "{screen}");
    assert!(screen.contains("all 96: 100.0 %"), "{screen}");
    assert!(screen.contains("╳╳╳╳╳╳╳╳╳╳"), "{screen}");
    assert!(screen.contains("request dropped: random loss"), "{screen}");
}

#[test]
fn the_lab_shows_both_ends_of_every_ping() {
    let mut bench = Bench::new(Lang::En, "lab").started().run(60.0);
    let screen = bench.screen(120, 36);
    assert!(screen.contains("Ping ──▶ echo ──▶ replied"), "{screen}");
    assert!(
        screen.contains("Ping ──╳ request dropped: drew "),
        "{screen}"
    );
    assert!(screen.contains(", below 4"), "{screen}");
    assert!(screen.contains("set 36.4 %"), "{screen}");
    assert!(screen.contains("seed                42"), "{screen}");
}

#[test]
fn the_numbers_on_screen_are_those_of_the_statistics() {
    let mut bench = Bench::new(Lang::En, "lab").started().run(60.0);
    let counts = bench.stats.counts();
    let screen = bench.screen(120, 36);
    for (label, value) in [
        ("sent", counts.sent),
        ("replied", counts.replied),
        ("lost", counts.lost),
    ] {
        let row = screen
            .lines()
            .find(|row| row.contains(&format!("│ {label} ")))
            .unwrap_or_else(|| panic!("no row for {label}:\n{screen}"));
        let shown = row.trim_end_matches([' ', '│']).rsplit(' ').next();
        assert_eq!(shown, Some(value.to_string().as_str()), "{row}");
    }
    let share = counts.lost as f64 / counts.decided() as f64;
    assert!(screen.contains(&format!("all {}: {:.1} %", counts.decided(), share * 100.0)));
}

#[test]
fn an_outlier_a_thousand_times_the_rest_is_marked_where_the_scale_is_clipped() {
    let mut bench = Bench::new(Lang::En, "none");
    bench.rtt = |seq| {
        let micros = if seq == 50 { 200_000 } else { 200 };
        Duration::from_micros(micros)
    };
    let mut bench = bench.started().run(25.0);
    let automatic = bench.screen(120, 36);
    assert!(!automatic.contains('▲'), "{automatic}");
    assert!(automatic.contains("200 ms┤"), "{automatic}");
    let mut bench = bench.keys("y");
    let clipped = bench.screen(120, 36);
    assert!(clipped.contains('▲'), "{clipped}");
    assert!(!clipped.contains("200 ms┤"), "{clipped}");
    let mut bench = bench.keys("yy");
    let log = bench.screen(120, 36);
    assert!(log.contains("100 ms┤") && log.contains("100 µs┤"), "{log}");
}

#[test]
fn turning_the_loss_up_is_marked_on_the_chart_and_shown_in_the_panel() {
    let mut bench = Bench::new(Lang::En, "lab").started().run(5.0);
    let effects = bench.key(KeyCode::Char('+'));
    let [Effect::SetLink(link)] = &effects[..] else {
        panic!("one effect expected: {effects:?}");
    };
    assert_eq!(link.request.loss, "40%".parse().expect("a literal spec"));
    let from = Box::new(LinkSettings::default());
    let changed = EchoEvent::LinkChanged {
        at: bench.now,
        from,
        to: Box::new(link.clone()),
    };
    bench.events(vec![Event::Echo(changed)]);
    let mut bench = bench.run(5.0);
    let screen = bench.screen(120, 36);
    assert_eq!(
        screen.matches("loss 36→40 %").count(),
        2,
        "on both charts:\n{screen}"
    );
    assert!(screen.contains("= 40.0 %"), "{screen}");
    assert!(screen.contains("set 40.0 %"), "{screen}");
}

#[test]
fn a_late_reply_takes_the_loss_back() {
    let mut bench = Bench::new(Lang::En, "none");
    bench.rtt = |seq| Duration::from_millis(if seq == 3 { 1500 } else { 1 });
    let mut bench = bench.started().run(1.7);
    let lost = bench.screen(120, 36);
    assert!(lost.contains("all 9: 11.1 %"), "{lost}");
    let mut bench = bench.run(0.5);
    let late = bench.screen(120, 36);
    assert!(late.contains("◐") && late.contains("1500.0 ms"), "{late}");
    assert!(late.contains(": 0.0 % [0.0"), "{late}");
}

#[test]
fn chinese_keeps_columns_straight_at_every_size() {
    for (width, height) in [(60, 18), (80, 24), (120, 36), (200, 50)] {
        let mut bench = Bench::new(Lang::ZhCn, "lab").started().run(30.0);
        let screen = bench.screen(width, height);
        assert_straight(&screen, usize::from(width));
        assert!(screen.contains("丢包"), "{screen}");
        let mut bench = Bench::new(Lang::En, "lab").started().run(30.0);
        assert_straight(&bench.screen(width, height), usize::from(width));
    }
}

#[test]
fn no_message_key_reaches_the_screen() {
    for lang in Lang::ALL {
        for keys in ["", "v", "vv", "vvv", "vvvv", "?", "z", "a", "n"] {
            let mut bench = Bench::new(lang, "lab").started().run(10.0).keys(keys);
            let screen = bench.screen(200, 50);
            assert_said_in_words(&screen);
        }
    }
}

#[test]
fn ascii_means_ascii() {
    for keys in ["", "v", "vv", "vvv", "vvvv", "?", "z"] {
        let bench = Bench::set_up(Lang::En, "lab", |setup| setup.ascii = true);
        let mut bench = bench.started().run(30.0).keys(keys);
        let screen = bench.screen(120, 36);
        let odd: Vec<char> = screen.chars().filter(|c| !c.is_ascii()).collect();
        assert!(odd.is_empty(), "{odd:?} with {keys:?}:\n{screen}");
    }
}

#[test]
fn without_colour_nothing_is_coloured_and_meaning_stays() {
    let bench = Bench::set_up(Lang::En, "lab", |setup| setup.colour = false);
    let mut bench = bench.started().run(30.0);
    let buffer = bench.buffer(120, 36);
    assert!(!has_colour(&buffer));
    let screen = text(&buffer);
    assert!(screen.contains('●') && screen.contains('╳'), "{screen}");
}

#[test]
fn a_small_terminal_is_told_how_large_it_has_to_be() {
    let mut bench = Bench::new(Lang::En, "lab").started().run(1.0);
    for (width, height) in [(59, 30), (200, 17), (40, 10)] {
        let screen = bench.screen(width, height);
        let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("needs 60x18"), "{screen}");
        assert!(words.contains(&format!("{width}x{height}")), "{screen}");
    }
}

#[test]
fn a_taken_port_is_explained_with_the_keys_that_help() {
    let mut bench = Bench::new(Lang::En, "lab");
    bench.app.start();
    let holder = Some(Holder {
        pid: 4711,
        name: "evil\u{1b}[31mname".to_owned(),
    });
    let error = StartError {
        transport: Transport::Udp,
        address: address(SERVER),
        reason: Reason::PortTaken {
            holder,
            finder: "ss -lunp sport = :12000".to_owned(),
        },
        error: "Address already in use".to_owned(),
    };
    bench.app.update(Msg::EchoFailed(error), Duration::ZERO);
    let screen = bench.screen(120, 36);
    assert!(screen.contains("Port 127.0.0.1:12000 is taken"), "{screen}");
    assert!(screen.contains("process 4711"), "{screen}");
    assert!(!screen.contains('\u{1b}'), "no escape reaches the screen");
    assert!(
        screen.contains("R try again") && screen.contains("F any free port"),
        "{screen}"
    );
    assert_eq!(
        bench.key(KeyCode::Char('F')),
        [Effect::StartEcho { any_port: true }]
    );
}

#[test]
fn a_frozen_view_stands_still_while_the_labs_go_on() {
    let mut bench = Bench::new(Lang::En, "lab").started().run(10.0).keys(" ");
    let rows = |screen: String| {
        screen
            .lines()
            .skip(1)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let before = rows(bench.screen(120, 36));
    let mut bench = bench.run(7.0);
    let screen = bench.screen(120, 36);
    assert!(screen.contains("frozen 7 s"), "{screen}");
    assert_eq!(rows(screen), before);
    let mut bench = bench.keys(" ");
    let after = bench.screen(120, 36);
    assert!(!after.contains("frozen"), "{after}");
    assert_ne!(rows(after), before, "what happened meanwhile is there");
}

#[test]
fn letters_typed_into_a_field_are_text() {
    let mut bench = Bench::new(Lang::En, "lab")
        .started()
        .run(2.0)
        .keys("nq1z 早");
    let screen = bench.screen(120, 36);
    assert!(screen.contains("note: q1z 早"), "{screen}");
    // It goes into the files that are being written, too.
    let effects = bench.key(KeyCode::Enter);
    assert!(
        matches!(&effects[..], [Effect::Note { text, .. }] if text == "q1z 早"),
        "{effects:?}"
    );
    let screen = bench.run(2.0).screen(120, 36);
    assert!(
        screen.contains("“q1z 早”"),
        "the note stands on the time line:\n{screen}"
    );
}

#[test]
fn key_releases_and_repeats_do_nothing() {
    use crossterm::event::KeyEventKind;
    let mut bench = Bench::new(Lang::En, "lab").started();
    for kind in [KeyEventKind::Release, KeyEventKind::Repeat] {
        let key = KeyEvent::new_with_kind(KeyCode::Char('q'), KeyModifiers::NONE, kind);
        assert!(bench.app.update(Msg::Key(key), Duration::ZERO).is_empty());
    }
    assert_eq!(bench.key(KeyCode::Char('q')), [Effect::Quit]);
}

#[test]
fn the_details_tell_in_words_what_happened() {
    let mut bench = Bench::new(Lang::En, "100%").started().run(5.0);
    bench.key(KeyCode::Char('l'));
    bench.key(KeyCode::Enter);
    let screen = bench.screen(120, 36);
    assert!(
        screen.contains("The link dropped the request on its way to the server"),
        "{screen}"
    );
    assert!(
        screen.contains("50 69 6e 67 20"),
        "the bytes sent:\n{screen}"
    );
    bench.key(KeyCode::Esc);
    assert!(!bench.screen(120, 36).contains("The link dropped"));
}

#[test]
fn the_bars_of_the_distribution_keep_their_units() {
    let mut bench = Bench::new(Lang::En, "none").started();
    bench.rtt = |seq| Duration::from_micros(200 << (seq % 6));
    let mut bench = bench.run(10.0).keys("vvv");
    for (width, height) in [(60, 24), (80, 24), (120, 36)] {
        let screen = bench.screen(width, height);
        let mut rows = screen
            .lines()
            .skip_while(|row| !row.contains("RTT distribution"));
        let of_panel = rows.by_ref().skip(1).take_while(|row| !row.contains('╰'));
        let labels = of_panel.last().and_then(|row| row.split('│').nth(1));
        let labels = labels.unwrap_or_else(|| panic!("no panel in\n{screen}"));
        assert!(labels.contains("ms") && !labels.contains('…'), "{screen}");
    }
}

#[test]
fn enter_on_a_datagram_of_ours_opens_its_ping() {
    let mut bench = Bench::new(Lang::En, "none").started().run(5.0).keys("v");
    for _ in 0..2 {
        bench.key(KeyCode::Tab);
    }
    // The first step selects the newest, the second the one before it.
    bench.key(KeyCode::Down);
    bench.key(KeyCode::Down);
    bench.key(KeyCode::Enter);
    let screen = bench.screen(120, 36);
    let newest = bench.datagrams;
    let title = format!("Ping {} to {SERVER}", newest - 1);
    assert!(screen.contains(&title), "{title} in\n{screen}");
}

#[test]
fn a_hostile_reply_shows_no_control_character() {
    let mut bench = Bench::new(Lang::En, "none").started().run(1.0);
    let datagram = EchoDatagram {
        n: 99,
        at: bench.now,
        from: address("127.0.0.1:5000"),
        bytes: 12,
        payload: Excerpt::of(b"\x1b[2J\x07\xff\xe2\x80\xaeevil"),
        ruling: Ruling::Replied,
        delay: Duration::ZERO,
        copies: 1,
        corrupted: false,
        held: false,
    };
    bench.events(vec![Event::Echo(EchoEvent::Datagram(datagram))]);
    let mut bench = bench.keys("v");
    let screen = bench.screen(120, 36);
    assert!(screen.contains("\\x1b[2J"), "{screen}");
    assert!(
        !screen.contains(['\u{1b}', '\u{7}', '\u{202e}']),
        "{screen}"
    );
}

#[test]
fn the_pinger_settles_every_ping_it_reports_in_a_simulated_minute() {
    // Guards the simulation itself: what it feeds the screens is what the pinger reports.
    let mut bench = Bench::new(Lang::En, "lab").started();
    let mut settled = 0;
    for _ in 0..600 {
        bench.now += Duration::from_millis(100);
        bench.session.handle_timeout(bench.now);
        while let Some((seq, datagram)) = bench.session.poll_transmit(bench.now) {
            bench.session.handle_sent(seq, datagram, bench.now);
        }
        while let Some(event) = bench.session.poll() {
            settled += u64::from(matches!(event, PingEvent::Settled { .. }));
        }
    }
    assert!(settled > 200, "{settled}");
}

#[test]
fn the_decided_pings_are_saved_for_spreadsheets() {
    let mut bench = Bench::new(Lang::En, "30%").started();
    assert_eq!(bench.key(KeyCode::Char('s')), []);
    assert!(
        bench
            .screen(120, 36)
            .contains("there is nothing to save yet"),
        "{}",
        bench.screen(120, 36)
    );
    let mut bench = bench.run(2.0);
    let effects = bench.key(KeyCode::Char('s'));
    let [Effect::SaveFile { name, bytes }] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(name, "pings.csv");
    let text = String::from_utf8(bytes.clone()).expect("it is text");
    let mut lines = text.split_terminator("\r\n");
    assert_eq!(
        lines.next(),
        Some("target,seq,at,outcome,rtt_us,kernel_rtt_us,duplicates,reordered,damaged")
    );
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let (replied, lost): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row[3] == "replied");
    assert!(!replied.is_empty() && !lost.is_empty(), "{text}");
    assert_eq!(rows[0][..3], [SERVER, "1", "2023-11-14T22:13:20.000000Z"]);
    assert!(
        replied
            .iter()
            .all(|row| row[4].starts_with("2") && row[6] == "0")
    );
    assert!(lost.iter().all(|row| row[3] == "lost" && row[4].is_empty()));
    // Nobody knows yet what becomes of the newest.
    assert!(!text.contains("in-flight"), "{text}");
    // The frozen view is saved as it stands, in every language.
    let mut bench = bench.keys(" ").run(2.0);
    assert_eq!(bench.key(KeyCode::Char('s')), effects);
    let mut bench = Bench::new(Lang::ZhCn, "none").started();
    bench.key(KeyCode::Char('s'));
    assert!(text_of(&mut bench).contains("还没有可保存的内容"));
}

/// The screen without the blanks behind wide characters.
fn text_of(bench: &mut Bench) -> String {
    bench.screen(120, 36).replace(' ', "")
}
