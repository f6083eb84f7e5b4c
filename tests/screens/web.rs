//! The Web tab: a simulated server reports to it what the real parser made of the requests.

mod details;
mod log;
mod queue;
mod sender;
mod states;

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use sockscope::dashboard::app::{App, Counters, Effect, Msg, Setup};
use sockscope::dashboard::tabs::web::WebReport;
use sockscope::proto::http::request::{self, Limits, Parser};
use sockscope::proto::http::rule::Rule;
use sockscope::proto::http::service::{Mode, Service};
use sockscope::trace::clock::Clock;
use sockscope::trace::event::Event;
use sockscope::trace::web::{
    Cause, Closed, ConnectionId, ConnectionState, Ending, Exchange, Message, Parts, Phase, Timing,
    WebEvent,
};
use sockscope::words::Lang;

use super::shown::{self, address, assert_harmless};

const SERVER: &str = "127.0.0.1:6789";
/// From the smallest that is drawn to a large one.
const SIZES: [(u16, u16); 4] = [(60, 18), (80, 24), (120, 36), (200, 50)];
const MIDDLE: (u16, u16) = (120, 36);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn client(connection: ConnectionId) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 40_000 + connection as u16))
}

fn message(bytes: &[u8]) -> Message {
    Message {
        bytes: bytes.into(),
        length: bytes.len() as u64,
    }
}

/// A request that was made, and what became of it.
#[derive(Clone)]
struct Asked {
    connection: ConnectionId,
    number: u32,
    request: Vec<u8>,
    parts: Parts,
    rule: Rule,
    broken_at: Option<usize>,
    /// When it was at the door.
    at: Duration,
    waited: Duration,
    took: Duration,
    content: u64,
    ending: Ending,
}

impl Asked {
    /// Bytes as the parser reads them: found, or refused where they break a rule.
    fn bytes(connection: ConnectionId, request: &[u8]) -> Self {
        let mut parser = Parser::new(Limits::default());
        let read = parser.parse(request);
        let head = parser.head();
        let understood = read.and_then(|_| request::Message::of(head, request));
        let (rule, broken_at) = match understood {
            Ok(_) => (Rule::Found, None),
            Err(malformed) => (malformed.rule, Some(malformed.offset)),
        };
        let target = head.target.start..head.target.end;
        let agent = head.fields.iter().find(|field| {
            let name = field.name.of(request);
            name.eq_ignore_ascii_case(b"user-agent")
        });
        let parts = Parts {
            method: head.method_span.start..head.method_span.end,
            version: match head.version.major {
                0 => 0..0,
                _ => target.end + 1..target.end + 9,
            },
            target,
            head: head.length,
            user_agent: agent.map(|field| field.value.start..field.value.end),
            referer: None,
        };
        Self {
            connection,
            number: 1,
            request: request.to_vec(),
            parts,
            rule,
            broken_at,
            at: Duration::ZERO,
            waited: Duration::ZERO,
            took: ms(2),
            content: 1_024,
            ending: Ending::Complete,
        }
    }

    fn get(connection: ConnectionId, target: &str) -> Self {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {SERVER}\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"
        );
        Self::bytes(connection, request.as_bytes())
    }

    fn at(self, millis: u64) -> Self {
        Self {
            at: ms(millis),
            ..self
        }
    }

    fn rule(self, rule: Rule) -> Self {
        Self { rule, ..self }
    }

    fn took(self, millis: u64) -> Self {
        Self {
            took: ms(millis),
            ..self
        }
    }

    fn content(self, content: u64) -> Self {
        Self { content, ..self }
    }

    fn done(&self) -> Duration {
        self.at + self.waited + self.took
    }

    fn exchange(&self) -> Exchange {
        let begun = self.at + self.waited;
        let status = self.rule.status();
        let head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
            status.code(),
            status.reason(),
            self.content
        );
        let understood = self.broken_at.is_none();
        Exchange {
            connection: self.connection,
            number: self.number,
            client: client(self.connection),
            timing: Timing {
                accepted: self.at,
                arrived: self.at,
                first_byte: begun,
                begun,
                parsed: understood.then(|| begun + self.took / 8),
                decided: understood.then(|| begun + self.took / 4),
                first_byte_out: Some(begun + self.took / 2),
                done: self.done(),
            },
            request: message(&self.request),
            parts: self.parts.clone(),
            status: Some(status),
            rule: Some(self.rule),
            broken_at: self.broken_at,
            response_head: head.len(),
            response: Message {
                bytes: head.as_bytes().into(),
                length: head.len() as u64 + self.content,
            },
            content_sent: self.content,
            ending: self.ending,
        }
    }
}

/// A connection that is open.
fn open(connection: ConnectionId, phase: Phase, opened: Duration) -> ConnectionState {
    ConnectionState {
        requests: u32::from(!matches!(phase, Phase::Silent | Phase::InLine)),
        ..ConnectionState::new(connection, client(connection), opened, phase)
    }
}

fn one_at_a_time() -> Service {
    Service {
        mode: Mode::OneAtATime,
        ..Service::default()
    }
}

/// A dashboard with the Web tab in front, whose server is simulated.
struct Bench {
    app: App,
    now: Duration,
    report: WebReport,
}

impl Bench {
    fn new(lang: Lang) -> Self {
        Self::set_up(|setup| setup.lang = lang)
    }

    /// With another setup than the usual one.
    fn set_up(change: impl FnOnce(&mut Setup)) -> Self {
        let origin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let clock = Clock::new(Instant::now(), origin);
        let mut setup = Setup::default();
        change(&mut setup);
        let mut app = App::new(setup, clock);
        assert!(app.start().contains(&Effect::StartWeb { any_port: false }));
        let mut bench = Self {
            app,
            now: Duration::ZERO,
            report: WebReport::default(),
        };
        bench.key('2');
        bench
    }

    fn listening(self) -> Self {
        self.listening_at(SERVER, &[SERVER])
    }

    fn listening_at(mut self, at: &str, reachable: &[&str]) -> Self {
        self.events(vec![WebEvent::Listening {
            address: address(at),
            reachable: reachable.iter().map(|text| address(text)).collect(),
            service: Box::default(),
        }]);
        self
    }

    fn update(&mut self, msg: Msg) -> Vec<Effect> {
        self.app.update(msg, self.now)
    }

    fn events(&mut self, events: Vec<WebEvent>) {
        self.update(Msg::Events {
            events: events.into_iter().map(Event::Web).collect(),
            left_out: 0,
            web_left_out: 0,
            mail_left_out: 0,
        });
    }

    /// The counters and open connections, as before every frame.
    fn tell(&mut self) {
        let web = Some(Box::new(self.report.clone()));
        self.update(Msg::Counters(Counters {
            web,
            ..Counters::default()
        }));
    }

    /// Requests are made and answered, each on a connection of its own.
    fn ask(&mut self, all: impl IntoIterator<Item = Asked>) {
        for asked in all {
            let exchange = asked.exchange();
            let figures = &mut self.report.figures;
            figures.counts.count(exchange.status, exchange.ending);
            figures.counts.connections += 1;
            figures.counts.bytes_in += exchange.request.length;
            figures.counts.bytes_out += exchange.response.length;
            figures.durations.record(exchange.timing.duration());
            let (connection, client) = (asked.connection, client(asked.connection));
            self.now = self.now.max(asked.done());
            self.events(vec![
                WebEvent::Opened {
                    connection,
                    client,
                    at: asked.at,
                },
                WebEvent::Exchange(Box::new(exchange)),
                WebEvent::Closed(Closed {
                    connection,
                    client,
                    at: asked.done(),
                    cause: Cause::Asked,
                    requests: 1,
                    bytes_in: 80,
                    bytes_out: 1_200,
                }),
            ]);
        }
        self.tell();
    }

    /// These connections are open at this moment.
    fn go_on(&mut self, now: Duration, states: Vec<ConnectionState>) {
        self.now = now;
        let is_new =
            |state: &&ConnectionState| !self.report.connections.iter().any(|old| same(old, state));
        let opened = states.iter().filter(is_new).map(|state| WebEvent::Opened {
            connection: state.connection,
            client: state.client,
            at: state.opened,
        });
        let opened: Vec<WebEvent> = opened.collect();
        self.events(opened);
        let counts = &mut self.report.figures.counts;
        counts.open = states.len() as u64;
        let in_line = states.iter().filter(|state| state.phase == Phase::InLine);
        counts.in_line = in_line.count() as u64;
        self.report.connections = states;
        self.tell();
    }

    fn key(&mut self, c: char) -> Vec<Effect> {
        self.press(KeyCode::Char(c))
    }

    fn press(&mut self, code: KeyCode) -> Vec<Effect> {
        self.update(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    fn presses(&mut self, codes: &[KeyCode]) {
        for code in codes {
            self.press(*code);
        }
    }

    /// Types into what is open, and Enter.
    fn type_line(&mut self, text: &str) {
        for c in text.chars() {
            self.key(c);
        }
        self.press(KeyCode::Enter);
    }

    /// The screen, in which nothing may be hostile.
    fn buffer(&mut self, (width, height): (u16, u16)) -> Buffer {
        let area = Rect::new(0, 0, width, height);
        self.app.area = area;
        let mut buffer = Buffer::empty(area);
        (&mut self.app).render(area, &mut buffer);
        assert_harmless(&buffer);
        buffer
    }

    /// The screen as text, whose lines all have its width.
    fn screen(&mut self, size: (u16, u16)) -> String {
        let screen = shown::text(&self.buffer(size));
        for row in screen.lines() {
            let columns = unicode_width::UnicodeWidthStr::width(row);
            assert_eq!(columns, usize::from(size.0), "{row}\nin\n{screen}");
        }
        screen
    }
}

fn same(one: &ConnectionState, other: &ConnectionState) -> bool {
    one.connection == other.connection
}

/// All words have to be there.
fn assert_shows(screen: &str, words: &[&str]) {
    for word in words {
        assert!(screen.contains(word), "{word} is missing in\n{screen}");
    }
}

/// None of the words may be there.
fn assert_hides(screen: &str, words: &[&str]) {
    for word in words {
        assert!(!screen.contains(word), "{word} should not be in\n{screen}");
    }
}

/// The words stand in this order, one row or more apart.
fn assert_order(screen: &str, words: &[&str]) {
    let row = |word: &&str| {
        let row = screen.lines().position(|line| line.contains(word));
        row.unwrap_or_else(|| panic!("{word} is missing in\n{screen}"))
    };
    let rows: Vec<usize> = words.iter().map(row).collect();
    assert!(
        rows.is_sorted_by(|a, b| a < b),
        "{words:?} at {rows:?} in\n{screen}"
    );
}

/// The first row with a word.
fn row_of<'a>(screen: &'a str, word: &str) -> &'a str {
    let row = screen.lines().find(|line| line.contains(word));
    row.unwrap_or_else(|| panic!("{word} is missing in\n{screen}"))
}

/// A lesson: pages, parts, errors.
fn lesson() -> Vec<Asked> {
    let mut all = vec![
        Asked::get(1, "/HelloWorld.html").at(1_000),
        Asked::get(2, "/favicon.ico").at(1_040).rule(Rule::NotFound),
        Asked::get(3, "/").at(1_900),
    ];
    all.extend((0..8).map(|part| {
        let target = format!("/parts/{part}.svg");
        Asked::get(4 + part, &target)
            .at(1_910 + 3 * part)
            .took(4 + 3 * part)
            .content(10_000 * (part + 1))
    }));
    all.extend([
        Asked::get(12, "/HelloWorld.html")
            .at(2_500)
            .rule(Rule::NoneMatchFailed)
            .content(0),
        Asked::get(13, "/image.png")
            .at(2_800)
            .rule(Rule::RangeSelected),
        Asked::get(14, "/../../etc/passwd")
            .at(3_000)
            .rule(Rule::LeavesFolder),
        Asked::bytes(15, b"GET / HTTP/1.1\nHost: x\n\n").at(3_200),
        Asked::get(16, "/busy")
            .at(3_600)
            .rule(Rule::Forced)
            .took(1_500),
    ]);
    all
}

/// A dashboard after the lesson.
fn taught(lang: Lang) -> Bench {
    let mut bench = Bench::new(lang).listening();
    bench.ask(lesson());
    bench
}
