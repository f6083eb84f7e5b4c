//! A web server on a free port with a folder of its own, and raw clients that see every byte.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use socket2::{Domain, SockAddr, Socket, Type};
use sockscope::net::files::{Policy, Root};
use sockscope::net::web::{Keep, Trace, WebConfig, WebServer};
use sockscope::proto::http::service::{Limits, Service};
use sockscope::trace::clock::Clock;
use sockscope::trace::event::Event;
use sockscope::trace::tap::Tap;
use sockscope::trace::web::{Closed, ConnectionState, Exchange, Phase, WebCounts, WebEvent};
use sockscope::words::Words;
use tempfile::TempDir;

use super::{PATIENCE, folder};

/// A request whose answer is 200 with the content [`DIGITS`].
pub const GET: &str = "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n";
/// The content of `/a.txt`.
pub const DIGITS: &str = "0123456789";
/// Marks the byte that breaks a rule in the text of a request.
pub const MARK: char = '‸';

/// The bytes that a text stands for, one for each character up to U+00FF, and where the mark was.
pub fn marked(text: &str) -> (Vec<u8>, Option<usize>) {
    let at = text.chars().position(|c| c == MARK);
    let is_byte = |c: &char| *c != MARK;
    let byte = |c: char| u8::try_from(u32::from(c)).expect("a byte");
    (text.chars().filter(is_byte).map(byte).collect(), at)
}

/// A running server.
pub struct Lab {
    pub server: WebServer,
    pub folder: TempDir,
    tap: Tap,
    events: VecDeque<WebEvent>,
    /// Events that the tap had no room for.
    pub left_out: u64,
}

/// A configuration with all defaults, at a free port.
pub fn config(root: Root) -> WebConfig {
    WebConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        root,
        policy: Policy::default(),
        trace: Trace::Refused,
        service: Service::default(),
        limits: Limits::default(),
        keep: Keep::SCREEN,
        words: Words::default(),
    }
}

/// What a lab is started with, unless a test wants it otherwise.
pub struct Setup {
    pub config: WebConfig,
    /// What the server takes for the present. A file is settled two seconds after its last change.
    pub wall: SystemTime,
    /// Events that the tap holds.
    pub events: usize,
}

impl Lab {
    /// A server whose folder holds `/a.txt`.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same with other limits.
    pub fn limited(change: impl FnOnce(&mut Limits)) -> Self {
        Self::with(|setup| change(&mut setup.config.limits))
    }

    /// The same with another way of serving.
    pub fn serving(service: Service) -> Self {
        Self::with(|setup| setup.config.service = service)
    }

    pub fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let folder = folder();
        let mut setup = Setup {
            config: config(Root::Folder(folder.path().to_owned())),
            wall: SystemTime::now(),
            events: 1 << 16,
        };
        change(&mut setup);
        let tap = Tap::new(setup.events, || {});
        let clock = Clock::new(Instant::now(), setup.wall);
        let server = WebServer::start(setup.config, clock, tap.clone()).expect("port 0 is free");
        let mut lab = Self {
            server,
            folder,
            tap,
            events: VecDeque::new(),
            left_out: 0,
        };
        lab.file("a.txt", DIGITS);
        lab
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file below the folder.
    pub fn file(&mut self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        let parent = path.parent().expect("files lie in the folder");
        std::fs::create_dir_all(parent).expect("the folder can be written");
        std::fs::write(path, content).expect("the folder can be written");
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.server.address())
    }

    /// A client that takes little at a time, so that a download is still going on while the test looks.
    pub fn connect_slow(&self) -> Client {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket
            .set_recv_buffer_size(4_096)
            .expect("a buffer's size can be set");
        socket
            .connect(&SockAddr::from(self.server.address()))
            .expect("the server accepts");
        Client::new(socket.into())
    }

    /// The answer to one request on a connection of its own.
    pub fn ask(&self, request: &str) -> Response {
        self.connect().ask(request)
    }

    /// The next event.
    pub fn event(&mut self) -> WebEvent {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            self.drain();
            if self.events.is_empty() {
                assert!(Instant::now() < deadline, "no event comes");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Takes what has happened so far out of the tap.
    pub fn drain(&mut self) {
        let mut drained = Vec::new();
        self.left_out += self.tap.drain(&mut drained);
        self.events
            .extend(drained.into_iter().map(|event| match event {
                Event::Web(event) => event,
                other => panic!("no event of a web server: {other:?}"),
            }));
    }

    /// Everything that has happened and was not taken yet.
    pub fn all_events(&mut self) -> Vec<WebEvent> {
        self.drain();
        self.events.drain(..).collect()
    }

    /// The next request that ended; other events are passed over.
    pub fn exchange(&mut self) -> Exchange {
        loop {
            if let WebEvent::Exchange(exchange) = self.event() {
                return *exchange;
            }
        }
    }

    /// The next connection that ended; other events are passed over.
    pub fn closed(&mut self) -> Closed {
        loop {
            if let WebEvent::Closed(closed) = self.event() {
                return closed;
            }
        }
    }

    pub fn counts(&self) -> WebCounts {
        self.server.figures().counts
    }

    /// The open connections, oldest first.
    pub fn connections(&self) -> Vec<ConnectionState> {
        let (mut states, more) = self.server.connections(usize::MAX);
        assert_eq!(more, 0);
        states.reverse();
        states
    }

    /// Waits until something is so.
    pub fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        wait_until(what, || is_so(self));
    }

    /// Waits until the connections, oldest first, are doing this.
    pub fn until_phases(&self, phases: &[Phase]) -> Vec<ConnectionState> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let states = self.connections();
            if states
                .iter()
                .map(|state| state.phase)
                .eq(phases.iter().copied())
            {
                return states;
            }
            assert!(Instant::now() < deadline, "not {phases:?}: {states:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Waits until something is so.
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How the server ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Closed,
    Reset,
}

/// A connection to the server.
pub struct Client {
    pub stream: TcpStream,
    /// What has come and was not taken yet.
    buffer: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).expect("the server accepts"))
    }

    fn new(stream: TcpStream) -> Self {
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        stream.set_nodelay(true).expect("it can be set");
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.stream.local_addr().expect("it is connected")
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .expect("the server takes it");
    }

    /// Says that nothing more will come.
    pub fn finish(&mut self) {
        self.stream
            .shutdown(Shutdown::Write)
            .expect("it is connected");
    }

    /// Closes so that the server sees a reset.
    pub fn reset(self) {
        socket2::SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .expect("it can be set");
    }

    /// Sends a request and reads its answer.
    pub fn ask(&mut self, request: &str) -> Response {
        let (bytes, _) = marked(request);
        self.send(&bytes);
        self.response(&bytes)
    }

    /// Reads the answer to a request.
    pub fn response(&mut self, request: &[u8]) -> Response {
        let head = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break self.take(at + 4);
            }
            self.more().unwrap_or_else(|end| {
                panic!(
                    "{end:?} behind {:?}",
                    self.buffer.escape_ascii().to_string()
                )
            });
        };
        let mut response = Response::of(&head);
        let has_content =
            !request.starts_with(b"HEAD ") && !matches!(response.status, 100..200 | 204 | 304);
        if has_content {
            let length = response.field("Content-Length").expect("it is told");
            let length: usize = length.parse().expect("a number");
            while self.buffer.len() < length {
                let more = self.more();
                assert_eq!(more, Ok(()), "{} of {length}", self.buffer.len());
            }
            response.content = self.take(length);
        }
        response
    }

    /// Everything that comes until the server ends the connection, and how it does.
    pub fn rest(&mut self) -> (Vec<u8>, End) {
        loop {
            if let Err(end) = self.more() {
                return (std::mem::take(&mut self.buffer), end);
            }
        }
    }

    /// Waits for the end, before which nothing more may come.
    pub fn assert_closed(&mut self) {
        let (rest, end) = self.rest();
        assert_eq!(
            (rest.escape_ascii().to_string(), end),
            (String::new(), End::Closed)
        );
    }

    /// Asks for something more and gets it.
    pub fn assert_open(&mut self) {
        let response = self.ask(GET);
        assert_eq!((response.status, response.text()), (200, DIGITS));
    }

    /// Reads some more; how the connection ended if nothing will come.
    pub fn more(&mut self) -> Result<(), End> {
        let mut part = [0; 16 * 1_024];
        match self.stream.read(&mut part) {
            Ok(0) => Err(End::Closed),
            Ok(length) => {
                self.buffer.extend_from_slice(&part[..length]);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(End::Reset),
            Err(error) => panic!("{error} behind {} bytes", self.buffer.len()),
        }
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        self.buffer.drain(..length).collect()
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// All before the content.
    pub head: String,
    pub content: Vec<u8>,
}

impl Response {
    fn of(head: &[u8]) -> Self {
        let head = String::from_utf8(head.to_vec()).expect("ASCII");
        let (version, rest) = head.split_at(9);
        assert_eq!(version, "HTTP/1.1 ");
        let (status, rest) = rest.split_at(3);
        assert!(rest.starts_with(' '), "a space before the reason: {head}");
        Self {
            status: status.parse().expect("a number"),
            head,
            content: Vec::new(),
        }
    }

    /// The value of a field that may be there once.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.head.lines().skip(1).filter_map(|line| {
            let (this, value) = line.split_once(": ")?;
            this.eq_ignore_ascii_case(name).then_some(value)
        });
        let value = values.next();
        assert_eq!(values.next(), None, "{name} twice: {}", self.head);
        value
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.content).expect("UTF-8")
    }

    /// The response without what differs from second to second.
    pub fn lasting(&self) -> (String, &[u8]) {
        let is_lasting = |line: &&str| !line.starts_with("Date: ");
        let lines: Vec<&str> = self.head.lines().filter(is_lasting).collect();
        (lines.join("\n"), &self.content)
    }
}
