//! The tab driven as the dashboard drives it: a made-up server reports to it, keys come in, and the screen is read as text.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::WebReport;
use crate::dashboard::app::{App, Counters, Effect, Msg, Setup};
use crate::proto::http::rule::Rule;
use crate::proto::http::script;
use crate::proto::http::service::{Mode, Service};
use crate::proto::http::status::Status;
use crate::trace::clock::Clock;
use crate::trace::event::Event;
use crate::trace::start_error::{Holder, Reason, StartError, Transport};
use crate::trace::web::{
    Cause, Closed, ConnectionState, Ending, Exchange, Message, Parts, Phase, SenderEnd,
    SenderEvent, Timing, WebEvent,
};
use crate::words::Lang;

const SERVER: &str = "127.0.0.1:6789";
const SIZES: [(u16, u16); 7] = [
    (80, 24),
    (120, 36),
    (200, 50),
    (60, 18),
    (300, 100),
    (1, 1),
    (0, 0),
];

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("a literal address")
}

fn client(connection: u64) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 40_000 + connection as u16))
}

/// A dashboard whose web server is made up.
struct Bench {
    app: App,
    now: Duration,
    report: WebReport,
    number: u32,
}

/// What a made-up request is like; the rest follows.
#[derive(Clone)]
struct Asked {
    connection: u64,
    number: u32,
    request: Vec<u8>,
    status: Option<Status>,
    rule: Option<Rule>,
    arrived: Duration,
    waited: Duration,
    took: Duration,
    content: u64,
}

impl Asked {
    fn get(connection: u64, target: &str, arrived: Duration) -> Self {
        Self {
            connection,
            number: 1,
            request: format!(
                "GET {target} HTTP/1.1\r\nHost: {SERVER}\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"
            )
            .into_bytes(),
            status: Some(Status::OK),
            rule: Some(Rule::Found),
            arrived,
            waited: Duration::ZERO,
            took: ms(2),
            content: 1_024,
        }
    }

    fn answered(self, rule: Rule) -> Self {
        Self {
            status: Some(rule.status()),
            rule: Some(rule),
            ..self
        }
    }

    fn exchange(&self) -> Exchange {
        let bytes = &self.request;
        let line_end = bytes
            .iter()
            .position(|byte| matches!(byte, b'\r' | b'\n'))
            .unwrap_or(bytes.len());
        let words: Vec<usize> = (0..line_end).filter(|at| bytes[*at] == b' ').collect();
        let parts = match words[..] {
            [first, .., last] => Parts {
                method: 0..first as u32,
                target: first as u32 + 1..last as u32,
                version: last as u32 + 1..line_end as u32,
                head: bytes.len(),
                user_agent: None,
                referer: None,
            },
            _ => Parts::default(),
        };
        let understood = parts.head > 0;
        let done = self.arrived + self.waited + self.took;
        let begun = self.arrived + self.waited;
        let response = self.status.map_or_else(String::new, |status| {
            format!(
                "HTTP/1.1 {} {}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
                status.code(),
                status.reason(),
                self.content
            )
        });
        Exchange {
            connection: self.connection,
            number: self.number,
            client: client(self.connection),
            timing: Timing {
                accepted: self.arrived,
                arrived: self.arrived,
                first_byte: begun,
                begun,
                parsed: understood.then(|| begun + self.took / 8),
                decided: understood.then(|| begun + self.took / 4),
                first_byte_out: Some(begun + self.took / 2),
                done,
            },
            request: message(bytes),
            parts,
            status: self.status,
            rule: self.rule,
            broken_at: (!understood).then_some(0),
            response_head: response.len(),
            response: Message {
                bytes: response.as_bytes().into(),
                length: response.len() as u64 + self.content,
            },
            content_sent: self.content,
            ending: Ending::Complete,
        }
    }
}

fn message(bytes: &[u8]) -> Message {
    Message {
        bytes: bytes.into(),
        length: bytes.len() as u64,
    }
}

fn state(connection: u64, phase: Phase, opened: Duration) -> ConnectionState {
    ConnectionState {
        requests: u32::from(phase != Phase::Silent && phase != Phase::InLine),
        ..ConnectionState::new(connection, client(connection), opened, phase)
    }
}

impl Bench {
    fn new(lang: Lang) -> Self {
        Self::set_up(lang, |_| {})
    }

    fn set_up(lang: Lang, change: impl FnOnce(&mut Setup)) -> Self {
        let clock = Clock::new(
            Instant::now(),
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        );
        let mut setup = Setup {
            lang,
            ..Setup::default()
        };
        change(&mut setup);
        let mut app = App::new(setup, clock);
        app.area = Rect::new(0, 0, 120, 36);
        let effects = app.start();
        assert!(effects.contains(&Effect::StartWeb { any_port: false }));
        let mut bench = Self {
            app,
            now: Duration::ZERO,
            report: WebReport::default(),
            number: 0,
        };
        bench.key('2');
        bench
    }

    fn listening(mut self) -> Self {
        self.events(vec![WebEvent::Listening {
            address: address(SERVER),
            reachable: vec![address(SERVER)],
            service: Box::default(),
        }]);
        self
    }

    fn update(&mut self, msg: Msg) -> Vec<Effect> {
        let now = self.now;
        self.app.update(msg, now)
    }

    fn events(&mut self, events: Vec<WebEvent>) {
        let events = events.into_iter().map(Event::Web).collect();
        self.update(Msg::Events {
            events,
            left_out: 0,
            web_left_out: 0,
            mail_left_out: 0,
        });
    }

    /// A request was made and answered, on a connection of its own that is closed afterwards.
    fn ask(&mut self, asked: &Asked) {
        let exchange = asked.exchange();
        let (at, done) = (exchange.timing.accepted, exchange.timing.done);
        let counts = &mut self.report.figures.counts;
        counts.count(exchange.status, exchange.ending);
        counts.bytes_out += exchange.response.length;
        counts.bytes_in += exchange.request.length;
        let duration = exchange.timing.duration();
        self.report.figures.durations.record(duration);
        let (connection, client) = (asked.connection, client(asked.connection));
        self.now = self.now.max(done);
        self.number += 1;
        self.events(vec![
            WebEvent::Opened {
                connection,
                client,
                at,
            },
            WebEvent::Exchange(Box::new(exchange)),
            WebEvent::Closed(Closed {
                connection,
                client,
                at: done + ms(1),
                cause: Cause::Asked,
                requests: 1,
                bytes_in: 80,
                bytes_out: 1_200,
            }),
        ]);
        self.tell();
    }

    /// The counters and states, as before every frame.
    fn tell(&mut self) {
        let counters = Counters {
            web: Some(Box::new(self.report.clone())),
            ..Counters::default()
        };
        self.update(Msg::Counters(counters));
    }

    fn key(&mut self, c: char) -> Vec<Effect> {
        self.press(KeyCode::Char(c))
    }

    fn press(&mut self, code: KeyCode) -> Vec<Effect> {
        self.update(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    fn type_line(&mut self, text: &str) {
        for c in text.chars() {
            self.key(c);
        }
        self.press(KeyCode::Enter);
    }

    fn drawn(&mut self, (width, height): (u16, u16)) -> Buffer {
        let area = Rect::new(0, 0, width, height);
        self.app.area = area;
        let mut buffer = Buffer::empty(area);
        (&mut self.app).render(area, &mut buffer);
        buffer
    }

    fn screen(&mut self, size: (u16, u16)) -> String {
        text_of(&self.drawn(size))
    }
}

fn text_of(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width.max(1));
    let mut text = String::new();
    for row in buffer.content.chunks(width) {
        let mut skip = 0;
        for cell in row {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = crate::dashboard::widgets::text::width(cell.symbol()).saturating_sub(1);
            text.push_str(cell.symbol());
        }
        while text.ends_with(' ') {
            text.pop();
        }
        text.push('\n');
    }
    text
}

/// A plausible session: pages, parts, errors, something hostile.
fn session(bench: &mut Bench) {
    let mut at = ms(1_000);
    let mut connection = 0;
    let mut next = |target: &str, gap: u64| {
        connection += 1;
        at += ms(gap);
        Asked::get(connection, target, at)
    };
    let mut all = vec![
        next("/HelloWorld.html", 0),
        next("/favicon.ico", 40).answered(Rule::NotFound),
        next("/", 900),
    ];
    for part in 0..12 {
        let mut asked = next(&format!("/parts/{part}.svg"), 3);
        asked.took = ms(4 + part * 3);
        all.push(asked);
    }
    all.push(next("/HelloWorld.html", 500).answered(Rule::NoneMatchFailed));
    all.push(next("/image.png", 300).answered(Rule::RangeSelected));
    all.push(next("/\u{1b}[31m/\u{202e}evil", 200).answered(Rule::InvalidTarget));
    all.push(next("/../../etc/passwd", 200).answered(Rule::LeavesFolder));
    let mut broken = next("/", 200).answered(Rule::BareLineFeed);
    broken.request = b"GET / HTTP/1.1\nHost: x\n\n".to_vec();
    all.push(broken);
    let mut busy = next("/busy", 400).answered(Rule::Forced);
    busy.took = ms(1_500);
    all.push(busy);
    for asked in &all {
        bench.ask(asked);
    }
}

/// One at a time: a connection that says nothing keeps five others in line.
fn queue(bench: &mut Bench) {
    let begin = bench.now;
    let service = Service {
        mode: Mode::OneAtATime,
        ..Service::default()
    };
    bench.events(vec![WebEvent::Changed {
        at: begin,
        from: Box::default(),
        to: Box::new(service),
    }]);
    let mut states = vec![state(50, Phase::Silent, begin + ms(100))];
    let mut events = Vec::new();
    for connection in 51..56 {
        let opened = begin + ms(400 * (connection - 50));
        states.push(state(connection, Phase::InLine, opened));
    }
    for state in &states {
        events.push(WebEvent::Opened {
            connection: state.connection,
            client: state.client,
            at: state.opened,
        });
    }
    bench.now = begin + ms(4_300);
    bench.events(events);
    bench.report.figures.counts.open = 6;
    bench.report.figures.counts.in_line = 5;
    bench.report.connections = states;
    bench.tell();
}

#[test]
fn an_idle_server_says_what_to_do() {
    for (lang, words) in [
        (Lang::En, ["HelloWorld.html", "press g"]),
        (Lang::ZhCn, ["HelloWorld.html", "按 g"]),
    ] {
        let screen = Bench::new(lang).listening().screen((80, 24));
        for word in words {
            assert!(screen.contains(word), "{word} in\n{screen}");
        }
        assert!(screen.contains("http://127.0.0.1:6789/"), "{screen}");
    }
}

#[test]
fn a_taken_port_is_told_with_its_holder_and_what_can_be_done() {
    let mut bench = Bench::new(Lang::En);
    let error = StartError {
        transport: Transport::Tcp,
        address: address(SERVER),
        reason: Reason::PortTaken {
            holder: Some(Holder {
                pid: 77,
                name: "nginx".to_owned(),
            }),
            finder: "ss -tlnp".to_owned(),
        },
        error: "address in use".to_owned(),
    };
    bench.update(Msg::WebFailed(error.clone()));
    let screen = bench.screen((80, 24));
    for word in ["nginx", "77", "127.0.0.1:6789", "web not running", " R "] {
        assert!(screen.contains(word), "{word} in\n{screen}");
    }
    assert_eq!(bench.key('F'), [Effect::StartWeb { any_port: true }]);
    bench.update(Msg::WebFailed(error));
    assert_eq!(bench.key('R'), [Effect::StartWeb { any_port: false }]);
    assert_eq!(bench.key('R'), [], "nothing has failed now");
}

#[test]
fn a_session_is_seen_with_its_statuses_reasons_and_nothing_hostile() {
    let mut bench = Bench::new(Lang::En).listening();
    session(&mut bench);
    let screen = bench.screen((200, 50));
    for word in [
        "● 200",
        "▲ 404",
        "◆ 304",
        "● 206",
        "▲ 400",
        "■ 503",
        "bare-lf",
        "requests 21",
        "#1.1",
        "\\x1b[31m",
        "favicon.ico",
        "1.500 s",
    ] {
        assert!(screen.contains(word), "{word} in\n{screen}");
    }
    let hostile = |c: char| c != '\n' && crate::trace::escape::is_hostile(c);
    assert!(!screen.contains(hostile), "{screen}");
    // A page that is not there needs no more words than its status.
    assert!(!screen.contains("not-found"), "{screen}");
}

#[test]
fn one_silent_connection_is_seen_to_keep_all_others_waiting() {
    for size in [(80, 24), (120, 36), (200, 50)] {
        let mut bench = Bench::new(Lang::En).listening();
        session(&mut bench);
        queue(&mut bench);
        let screen = bench.screen(size);
        for word in [
            "#50 keeps 5 waiting",
            "one at a time",
            "in line",
            "4.200 s",
            "▒▒▒▒",
        ] {
            assert!(screen.contains(word), "{word} in {size:?}\n{screen}");
        }
        // Who is served stands above who waits.
        let row = |label: &str| screen.lines().position(|line| line.contains(label));
        assert!(
            row("│#50").is_some() && row("│#50") < row("│#55"),
            "{screen}"
        );
    }
}

#[test]
fn a_connection_on_which_nothing_was_asked_leaves_a_row_that_says_why() {
    let mut bench = Bench::new(Lang::En).listening();
    queue(&mut bench);
    bench.report.connections.clear();
    bench.report.figures.counts.open = 0;
    let at = bench.now + ms(5_000);
    let closed = |connection, cause, requests| {
        WebEvent::Closed(Closed {
            connection,
            client: client(connection),
            at,
            cause,
            requests,
            bytes_in: 0,
            bytes_out: 0,
        })
    };
    // The report of a request on 51 was left out; so it was heard.
    bench.events(vec![
        closed(50, Cause::Silent, 0),
        closed(51, Cause::OneAtATime, 1),
    ]);
    bench.now = at;
    bench.tell();
    let screen = bench.screen((120, 36));
    let log = &bench.app.web.live.log;
    assert_eq!(log.kept(), 1, "{screen}");
    bench.press(KeyCode::Enter);
    let screen = bench.screen((120, 36));
    for word in ["Nothing was ever asked", "open for", "connection closed"] {
        assert!(screen.contains(word), "{word} in\n{screen}");
    }
}

#[test]
fn a_click_selects_the_row_or_the_lane_under_it() {
    use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
    let mut bench = Bench::new(Lang::En).listening();
    session(&mut bench);
    let screen = bench.screen((120, 36));
    let find = |text: &str| {
        let (row, line) = screen
            .lines()
            .enumerate()
            .find(|(_, line)| line.contains(text))
            .expect(text);
        let before = line.split(text).next().unwrap_or_default();
        (before.chars().count() as u16, row as u16)
    };
    let mut click = |(column, row): (u16, u16)| {
        bench.update(Msg::Mouse(MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left),
            column,
            row,
            modifiers: KeyModifiers::NONE,
        }));
        bench.app.web.lit
    };
    assert_eq!(click(find("/image.png")), Some(17));
    // The same again: a click does not scroll.
    assert_eq!(click(find("/image.png")), Some(17));
    assert_eq!(click(find("#12 ")), Some(12));
}

#[test]
fn the_selection_stays_on_its_row_while_others_arrive() {
    let mut bench = Bench::new(Lang::En).listening();
    session(&mut bench);
    bench.screen((120, 36));
    bench.press(KeyCode::Down);
    bench.press(KeyCode::Down);
    let selected = bench.app.web.selected;
    assert!(selected.is_some());
    for n in 100..130 {
        let at = bench.now + ms(10);
        bench.ask(&Asked::get(n, "/more", at));
        bench.screen((120, 36));
        assert_eq!(bench.app.web.selected, selected);
    }
    // Nor does the order matter.
    for _ in 0..4 {
        bench.key('S');
        bench.screen((120, 36));
        assert_eq!(bench.app.web.selected, selected);
    }
}

#[test]
fn the_selection_follows_a_request_from_going_on_to_done() {
    let mut bench = Bench::new(Lang::En).listening();
    queue(&mut bench);
    bench.screen((120, 36));
    bench.press(KeyCode::Down);
    let Some(super::RowKey::Live(connection)) = bench.app.web.selected else {
        panic!("the newest row goes on: {:?}", bench.app.web.selected);
    };
    bench.press(KeyCode::Enter);
    assert!(bench.screen((120, 36)).contains("in line"));
    bench
        .report
        .connections
        .retain(|state| state.connection != connection);
    let at = bench.now + ms(10);
    bench.ask(&Asked::get(connection, "/at-last", at));
    let screen = bench.screen((120, 36));
    assert!(screen.contains("GET /at-last HTTP/1.1"), "{screen}");
    let Some(super::RowKey::Done(id)) = bench.app.web.selected else {
        panic!("the request is done: {:?}", bench.app.web.selected);
    };
    let row = bench.app.web.live.log.row(id);
    assert_eq!(row.map(|row| row.exchange.connection), Some(connection));
}

#[test]
fn a_filter_is_shown_or_says_what_is_wrong_and_esc_takes_it_away() {
    let mut bench = Bench::new(Lang::En).listening();
    session(&mut bench);
    bench.key('/');
    bench.type_line("colour:red");
    let screen = bench.screen((120, 36));
    assert!(screen.contains("colour: is no filter"), "{screen}");
    bench.press(KeyCode::Esc);
    bench.key('/');
    bench.type_line("4xx");
    let screen = bench.screen((120, 36));
    assert!(screen.contains("4 of 21  /4xx"), "{screen}");
    assert!(!screen.contains("● 200"), "{screen}");
    let at = bench.now + ms(10);
    bench.ask(&Asked::get(200, "/gone", at).answered(Rule::NotFound));
    assert!(bench.screen((120, 36)).contains("5 of 22  /4xx"));
    bench.press(KeyCode::Esc);
    assert!(bench.screen((120, 36)).contains("● 200"));
}

#[test]
fn knobs_are_turned_by_keys_and_typed() {
    let mut bench = Bench::new(Lang::En).listening();
    let one = Service {
        mode: Mode::OneAtATime,
        ..Service::default()
    };
    assert_eq!(bench.key('o'), [Effect::SetService(one.clone())]);
    let slower = Service {
        delay: ms(10),
        ..one.clone()
    };
    assert_eq!(bench.key('+'), [Effect::SetService(slower)]);
    assert_eq!(bench.key('-'), [Effect::SetService(one)]);
    assert_eq!(bench.key('-'), [], "less than nothing is nothing");
    bench.key('F');
    bench.type_line("busy");
    let screen = bench.screen((120, 36));
    assert!(screen.contains("write /path=503"), "{screen}");
    bench.press(KeyCode::Esc);
    bench.key('F');
    bench.type_line("/busy=503");
    let screen = bench.screen((120, 36));
    assert!(screen.contains("■ 503 /busy"), "{screen}");
    // Every limit is on screen.
    for limit in [
        "10s", "1024", "100000", "8 KiB", "16 KiB", "64 KiB", "500 B/s",
    ] {
        assert!(screen.contains(limit), "{limit} in\n{screen}");
    }
}

#[test]
fn details_show_the_bytes_the_rule_and_the_times_and_copy_as_curl() {
    let mut bench = Bench::new(Lang::En).listening();
    session(&mut bench);
    bench.screen((120, 36));
    bench.press(KeyCode::Down);
    bench.press(KeyCode::Down);
    bench.press(KeyCode::Enter);
    let screen = bench.screen((120, 36));
    for word in [
        "400 Bad Request",
        "RFC 9112 §2.2",
        "bare-lf",
        "last byte out",
    ] {
        assert!(screen.contains(word), "{word} in\n{screen}");
    }
    bench.press(KeyCode::Right);
    let screen = bench.screen((120, 36));
    for word in ["GET / HTTP/1.1\\n", "Host: x\\n", "which site is meant"] {
        assert!(screen.contains(word), "{word} in\n{screen}");
    }
    bench.key('h');
    assert!(bench.screen((120, 36)).contains("47 45 54 20"));
    bench.press(KeyCode::Right);
    bench.key('h');
    let screen = bench.screen((120, 36));
    assert!(
        screen.contains("HTTP/1.1 400 Bad Request\\r\\n"),
        "{screen}"
    );
    bench.key('e');
    let screen = bench.screen((120, 36));
    assert!(screen.contains("GET / HTTP/1.1\\n\\"), "{screen}");
}

#[test]
fn a_request_is_copied_as_curl_and_shown() {
    let mut bench = Bench::new(Lang::En).listening();
    let at = bench.now + ms(10);
    bench.ask(&Asked::get(1, "/a?b='c'", at));
    bench.screen((120, 36));
    bench.press(KeyCode::Enter);
    let effects = bench.key('C');
    let [Effect::Copy(command)] = &effects[..] else {
        panic!("C copies: {effects:?}");
    };
    assert!(command.starts_with("curl "), "{command}");
    assert!(bench.screen((120, 36)).contains("curl "));
    bench.press(KeyCode::Esc);
    assert!(bench.screen((120, 36)).contains("Request #1.1"));
}

#[test]
fn the_sender_sends_what_is_written_and_shows_both_sides() {
    let mut bench = Bench::new(Lang::En).listening();
    bench.key('g');
    let effects = bench.press(KeyCode::F(5));
    let [
        Effect::StartSender {
            id, target, bytes, ..
        },
    ] = &effects[..]
    else {
        panic!("F5 sends: {effects:?}");
    };
    let id = *id;
    assert_eq!(target.to_string(), SERVER);
    assert!(bytes.starts_with(b"GET /HelloWorld.html HTTP/1.1\r\nHost: 127.0.0.1:6789\r\n"));
    assert!(bytes.ends_with(b"\r\n\r\n"));
    let at = bench.now;
    let answer = b"HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhello";
    let events = [
        SenderEvent::Connected {
            at,
            local: client(1),
            target: address(SERVER),
        },
        SenderEvent::Sent {
            at,
            bytes: bytes.as_slice().into(),
        },
        SenderEvent::Received {
            at: at + ms(3),
            bytes: answer[..20].into(),
        },
        SenderEvent::Received {
            at: at + ms(4),
            bytes: answer[20..].into(),
        },
        SenderEvent::Ended {
            at: at + ms(5),
            how: SenderEnd::Complete,
            not_kept: 0,
        },
    ];
    bench.update(Msg::Events {
        events: events.map(|event| Event::Sender { id, event }).into(),
        left_out: 0,
        web_left_out: 0,
        mail_left_out: 0,
    });
    let screen = bench.screen((120, 36));
    for word in [
        "HTTP/1.1 200 OK\\n",
        "hello",
        "in 2 pieces",
        "+4.00 ms",
        "every answer is complete",
        "answer 1, byte 15",
    ] {
        assert!(screen.contains(word), "{word} in\n{screen}");
    }
}

#[test]
fn what_was_written_in_the_sender_is_never_lost() {
    let mut bench = Bench::new(Lang::En).listening();
    bench.key('g');
    bench.press(KeyCode::Tab);
    for c in "q?z".chars() {
        assert_eq!(bench.key(c), [], "letters are typed");
    }
    let written = |bench: &mut Bench| bench.screen((120, 36)).contains("q?z");
    assert!(written(&mut bench));
    bench.press(KeyCode::Esc);
    assert!(!written(&mut bench));
    bench.key('g');
    assert!(written(&mut bench));
    // A ready-made one takes its place, and gives it back.
    bench.press(KeyCode::BackTab);
    bench.press(KeyCode::Down);
    assert!(!written(&mut bench));
    bench.press(KeyCode::Home);
    assert!(written(&mut bench));
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(bench.update(Msg::Key(control_c)), [Effect::Quit]);
}

#[test]
fn a_silent_connection_stays_open_while_another_request_is_sent() {
    let mut bench = Bench::new(Lang::En).listening();
    bench.key('g');
    let first = bench.press(KeyCode::F(5));
    assert!(matches!(first[..], [Effect::StartSender { id: 0, .. }]));
    let second = bench.press(KeyCode::F(5));
    assert!(
        matches!(second[..], [Effect::StartSender { id: 1, .. }]),
        "the first is not stopped: {second:?}"
    );
    // What is in front is hung up on request.
    let control_x = KeyEvent::new(KeyCode::Char('x'), KeyModifiers::CONTROL);
    let effects = bench.update(Msg::Key(control_x));
    assert_eq!(effects, [Effect::StopSender { id: 1 }]);
    // Nothing goes on out of sight.
    let stopped: Vec<Effect> = (0..16)
        .flat_map(|_| bench.press(KeyCode::F(5)))
        .filter(|effect| matches!(effect, Effect::StopSender { .. }))
        .collect();
    assert_eq!(stopped, [0, 1].map(|id| Effect::StopSender { id }));
}

#[test]
fn a_ready_made_request_goes_with_the_target() {
    let mut bench = Bench::new(Lang::En).listening();
    bench.key('g');
    bench.press(KeyCode::Tab);
    bench.press(KeyCode::Tab);
    for _ in 0..SERVER.len() {
        bench.press(KeyCode::Backspace);
    }
    assert_eq!(bench.press(KeyCode::F(5)), [], "nobody to send it to");
    for c in "a.example".chars() {
        bench.key(c);
    }
    let screen = bench.screen((120, 36));
    assert!(screen.contains("Host: a.example:6789"), "{screen}");
    let effects = bench.press(KeyCode::F(5));
    assert!(
        matches!(&effects[..], [Effect::StartSender { target, .. }]
            if target.to_string() == "a.example:6789"),
        "{effects:?}"
    );
}

#[test]
fn a_text_that_is_no_script_is_not_sent() {
    let mut bench = Bench::new(Lang::En).listening();
    bench.key('g');
    bench.press(KeyCode::Tab);
    bench.key('\\');
    bench.key('y');
    assert_eq!(bench.press(KeyCode::F(5)), []);
    let screen = bench.screen((120, 36));
    assert!(screen.contains("after a backslash"), "{screen}");
}

#[test]
fn every_ready_made_request_is_a_script() {
    for preset in script::presets() {
        let text = preset.script(SERVER);
        assert!(script::compile(&text).is_ok(), "{}", preset.id);
    }
}

#[test]
fn urls_come_with_their_code_and_say_who_can_reach_them() {
    let mut bench = Bench::new(Lang::En).listening();
    bench.key('u');
    let screen = bench.screen((120, 36));
    for word in [
        "http://127.0.0.1:6789/",
        "--web-listen 0.0.0.0:6789",
        "█▀▀▀▀▀█",
    ] {
        assert!(screen.contains(word), "{word} in\n{screen}");
    }
    let effects = bench.key('C');
    assert_eq!(effects, [Effect::Copy("http://127.0.0.1:6789/".to_owned())]);
}

#[test]
fn a_frozen_view_stands_still_while_the_server_goes_on() {
    let mut bench = Bench::new(Lang::En).listening();
    session(&mut bench);
    bench.key(' ');
    let below_the_bar = |bench: &mut Bench| {
        let screen = bench.screen((120, 36));
        screen
            .lines()
            .skip(1)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let before = below_the_bar(&mut bench);
    let at = bench.now + ms(500);
    bench.ask(&Asked::get(300, "/later", at));
    assert_eq!(below_the_bar(&mut bench), before);
    bench.key(' ');
    assert!(bench.screen((120, 36)).contains("/later"));
}

#[test]
fn marks_stay_on_their_row_and_clearing_leaves_nothing() {
    let mut bench = Bench::new(Lang::En).listening();
    session(&mut bench);
    bench.screen((120, 36));
    bench.press(KeyCode::Down);
    bench.key('m');
    let screen = bench.screen((120, 36));
    assert!(screen.contains("★ forced /busy"), "{screen}");
    bench.key('x');
    let screen = bench.screen((120, 36));
    assert!(screen.contains("HelloWorld.html in a browser") || screen.contains("press g"));
    assert!(
        screen.contains("requests 21"),
        "the counters go on: {screen}"
    );
}

#[test]
fn a_key_for_a_row_means_the_first_one_when_none_is_selected() {
    let mut bench = Bench::new(Lang::En).listening();
    session(&mut bench);
    bench.key('m');
    let screen = bench.screen((120, 36));
    assert!(screen.contains("★ forced /busy"), "{screen}");
    bench.key('e');
    let screen = bench.screen((120, 36));
    assert!(screen.contains("GET /busy HTTP/1.1"), "{screen}");
}

#[test]
fn what_the_screen_could_not_keep_up_with_is_counted() {
    let mut bench = Bench::new(Lang::En).listening();
    session(&mut bench);
    bench.update(Msg::Events {
        events: Vec::new(),
        left_out: 3,
        web_left_out: 1_234,
        mail_left_out: 0,
    });
    let screen = bench.screen((120, 36));
    assert!(screen.contains("+1234 not shown"), "{screen}");
}

#[test]
fn what_goes_on_is_drawn_again_without_events() {
    let mut bench = Bench::new(Lang::En).listening();
    assert_eq!(
        bench.app.next_tick(),
        None,
        "nothing happens, nothing is drawn"
    );
    queue(&mut bench);
    assert_eq!(bench.app.next_tick(), Some(bench.now + ms(250)));
    bench.key('1');
    assert_eq!(bench.app.next_tick(), None, "not in front");
}

#[test]
fn statuses_are_told_apart_without_colour_and_in_ascii() {
    let mut bench = Bench::set_up(Lang::En, |setup| {
        setup.ascii = true;
        setup.colour = false;
    })
    .listening();
    session(&mut bench);
    queue(&mut bench);
    let screen = bench.screen((120, 36));
    for word in ["o 200", "! 404", "> 304", "X 503", ":::::"] {
        assert!(screen.contains(word), "{word} in\n{screen}");
    }
    let stranger = screen.chars().find(|c| !c.is_ascii());
    assert_eq!(stranger, None, "{screen}");
}

#[test]
fn any_size_language_and_state_is_drawn() {
    let keys: [&[KeyCode]; 9] = [
        &[],
        &[KeyCode::Char('v')],
        &[KeyCode::Char('v'), KeyCode::Char('v')],
        &[KeyCode::Char('z')],
        &[KeyCode::BackTab, KeyCode::Char('z')],
        &[KeyCode::Down, KeyCode::Enter, KeyCode::Right],
        &[KeyCode::Char('u')],
        &[KeyCode::Char('g'), KeyCode::F(5)],
        &[KeyCode::Tab, KeyCode::Up, KeyCode::Char('['), KeyCode::Left],
    ];
    for lang in Lang::ALL {
        for keys in keys {
            let mut bench = Bench::new(lang).listening();
            session(&mut bench);
            queue(&mut bench);
            for key in keys {
                bench.press(*key);
            }
            for size in SIZES {
                bench.screen(size);
            }
        }
    }
}

#[test]
fn the_log_is_saved_as_it_is_filtered() {
    let mut bench = Bench::new(Lang::En).listening();
    assert_eq!(bench.key('s'), []);
    let screen = bench.screen((120, 36));
    assert!(screen.contains("there is nothing to save yet"), "{screen}");
    session(&mut bench);
    let saved = |effects: &[Effect]| match effects {
        [Effect::SaveFile { name, bytes }] if name == "access.log" => {
            String::from_utf8(bytes.clone()).expect("a log is text")
        }
        other => panic!("{other:?}"),
    };
    let all = saved(&bench.key('s'));
    let times: Vec<&str> = all
        .lines()
        .filter_map(|line| line.split(['[', ']']).nth(1))
        .collect();
    assert!(times.len() > 3 && times.is_sorted(), "{all}");
    // Another order on the screen is none in a log.
    bench.key('S');
    assert_eq!(saved(&bench.key('s')), all);
    bench.key('/');
    bench.type_line("404");
    let some = saved(&bench.key('s'));
    let expected: Vec<&str> = all
        .lines()
        .filter(|line| line.contains("\" 404 "))
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(some.lines().collect::<Vec<_>>(), expected);
    // What a client said stays in its place.
    let mut bench = Bench::new(Lang::En).listening();
    let hostile = Asked::get(9, "/\"\u{1b}]0;x\u{7}", ms(9_000));
    bench.ask(&hostile);
    let one = saved(&bench.key('s'));
    assert!(
        one.contains(r#""GET /\"\x1b]0;x\x07 HTTP/1.1" 200 1024 "-" "-""#),
        "{one}"
    );
    // What was cleared is gone.
    bench.key('x');
    assert_eq!(bench.key('s'), []);
}
