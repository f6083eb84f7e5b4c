//! A mail server on a free port, and raw clients that hold every reply to the letter of RFC 5321 §4.2.

pub mod hostile;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sockscope::net::mail_client;
use sockscope::net::mail_server::{MailServer, MailServerConfig};
use sockscope::net::maildir::Store;
use sockscope::net::tls::Certificate;
use sockscope::proto::message::{Mailbox, Outline};
use sockscope::proto::smtp::address::Address;
use sockscope::proto::smtp::fault::Fault;
use sockscope::proto::smtp::plan::{Order, Plan};
use sockscope::proto::smtp::server::{Accounts, EndOfData, Limits, Service};
use sockscope::trace::clock::Clock;
use sockscope::trace::event::Event;
use sockscope::trace::mail::{
    Arrived, Listed, MailEvent, SendingEvent, SessionEnd, SessionId, Speech, Summary,
};
use sockscope::trace::recorder::Recorder;
use sockscope::trace::tap::Tap;

use super::PATIENCE;

pub const EHLO: &str = "EHLO client.example";
pub const MAIL: &str = "MAIL FROM:<a@b.example>";
pub const RCPT: &str = "RCPT TO:<c@d.example>";
/// A login of any user, which a lab without accounts lets in.
pub const AUTH: &str = "AUTH PLAIN AHN0dWRlbnQAc2VjcmV0";
/// A message, dots not doubled yet.
pub const MESSAGE: &str = "Subject: hello\r\n\r\nOne.\r\n";

/// A clock that begins now.
pub fn clock() -> Clock {
    Clock::new(Instant::now(), SystemTime::now())
}

/// A running server whose events are seen.
pub struct Lab {
    pub server: MailServer,
    /// The certificate that clients have to trust, where the server speaks TLS.
    pub authority: String,
    /// All events so far.
    pub events: Vec<MailEvent>,
    /// Events that the tap had no room for.
    pub left_out: u64,
    tap: Tap,
    /// Several threads may connect to one lab.
    woken: Mutex<Receiver<()>>,
}

/// What a lab is started with, unless a test wants it otherwise.
pub struct Setup {
    pub config: MailServerConfig,
    /// Events that the tap holds.
    pub events: usize,
    /// Who is told the calls of the server's sockets.
    pub recorder: Recorder,
}

pub const LIMITS: Limits = Limits {
    message: 40 << 20,
    recipients: 100,
    messages: 10_000,
    mailbox: 1 << 30,
    connections: 50,
    idle: Duration::from_secs(60),
    errors: 1_000,
};

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

impl Setup {
    /// Everybody may log in, messages are kept in memory, there is no TLS.
    pub fn new() -> Self {
        Self {
            config: MailServerConfig {
                listen: any_port(),
                tls_listen: None,
                store: Store::Memory,
                service: Service {
                    name: "lab.example".to_owned(),
                    accounts: Accounts::Anybody,
                    limits: LIMITS,
                },
                faults: Vec::new(),
                end_of_data: EndOfData::Strict,
                certificate: None,
            },
            events: 1 << 20,
            recorder: Recorder::off(),
        }
    }

    /// With STARTTLS, and a port for TLS.
    pub fn secure(&mut self) {
        self.config.certificate = Some(Certificate::passing().expect("keys can be made"));
        self.config.tls_listen = Some(any_port());
    }

    pub fn limits(&mut self) -> &mut Limits {
        &mut self.config.service.limits
    }
}

/// Faults as a person writes them.
pub fn faults(specs: &[&str]) -> Vec<Fault> {
    let parsed = |spec: &&str| Fault::parse(spec).expect("it is a fault");
    specs.iter().map(parsed).collect()
}

impl Lab {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn secure() -> Self {
        Self::with(Setup::secure)
    }

    pub fn faulty(specs: &[&str]) -> Self {
        Self::with(|setup| setup.config.faults = faults(specs))
    }

    pub fn limited(change: impl FnOnce(&mut Limits)) -> Self {
        Self::with(|setup| change(setup.limits()))
    }

    pub fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = Setup::new();
        change(&mut setup);
        let certificate = setup.config.certificate.as_ref();
        let authority = certificate.map(Certificate::authority_pem);
        let (wake, woken) = mpsc::channel();
        let tap = Tap::new(setup.events, move || {
            // The test may be over.
            let _ = wake.send(());
        })
        .recording(setup.recorder);
        let clock = clock();
        let server = MailServer::start(setup.config, clock, tap.clone()).expect("port 0 is free");
        Self {
            server,
            authority: authority.unwrap_or_default(),
            events: Vec::new(),
            left_out: 0,
            tap,
            woken: Mutex::new(woken),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// A client that has said nothing and read nothing.
    pub fn connect(&self) -> Talk {
        Talk::connect(self.address())
    }

    /// A client that was greeted.
    pub fn greeted(&self) -> Talk {
        let mut talk = self.connect();
        assert_eq!(talk.reply().code, 220);
        talk
    }

    /// A client that was greeted and has said EHLO.
    pub fn session(&self) -> Talk {
        let mut talk = self.greeted();
        assert_eq!(talk.ask(EHLO), 250);
        talk
    }

    /// A client at the port for TLS, before the greeting.
    pub fn connect_tls(&self) -> Talk {
        let address = self.server.tls_address().expect("TLS was asked for");
        Talk::connect(address).secured(&self.authority)
    }

    /// A client that speaks clear text at the port for TLS.
    pub fn connect_clear_to_tls(&self) -> Talk {
        Talk::connect(self.server.tls_address().expect("TLS was asked for"))
    }

    /// The session of a client that was greeted and has said these lines, all of which were accepted.
    pub fn after(&self, lines: &[&str]) -> Talk {
        let mut talk = self.greeted();
        for line in lines {
            let code = talk.ask(line);
            assert!((200..400).contains(&code), "{code} to {line}");
        }
        talk
    }

    /// Takes in the events that are there.
    pub fn take_events(&mut self) {
        let mut events = Vec::new();
        self.left_out += self.tap.drain(&mut events);
        let of_mail = |event| match event {
            Event::Mail(event) => event,
            other => panic!("not from a mail server: {other:?}"),
        };
        self.events.extend(events.into_iter().map(of_mail));
    }

    /// Waits for an event that is wanted, from the first one on.
    pub fn wait_for<T>(&mut self, wanted: impl Fn(&MailEvent) -> Option<T>) -> T {
        self.wait_until(|events| events.iter().find_map(&wanted))
    }

    /// Waits until something is true of all events so far.
    pub fn wait_until<T>(&mut self, wanted: impl Fn(&[MailEvent]) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            self.take_events();
            if let Some(found) = wanted(&self.events) {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            let woken = self.woken.get_mut().expect("nobody panicked with it");
            if woken.recv_timeout(left).is_err() {
                panic!("it never came to that: {:#?}", self.events);
            }
        }
    }

    /// How a session ended.
    pub fn end_of(&mut self, wanted: SessionId) -> SessionEnd {
        self.wait_for(|event| match event {
            MailEvent::Closed { session, cause, .. } if *session == wanted => Some(*cause),
            _ => None,
        })
    }

    /// Waits until every session that was opened is closed, and tells how many there were.
    pub fn wait_for_all(&mut self) -> u64 {
        self.wait_until(|events| {
            let count =
                |wanted: fn(&MailEvent) -> bool| events.iter().filter(|&e| wanted(e)).count();
            let opened = count(|event| matches!(event, MailEvent::Opened { .. }));
            let closed = count(|event| matches!(event, MailEvent::Closed { .. }));
            (opened == closed).then_some(opened as u64)
        })
    }

    /// The messages that the events told of.
    pub fn arrived(&self) -> Vec<Arrived> {
        let arrived = self.events.iter().filter_map(|event| match event {
            MailEvent::Arrived(arrived) => Some((**arrived).clone()),
            _ => None,
        });
        arrived.collect()
    }

    /// What the mailbox lists, the oldest first.
    pub fn listed(&self) -> Vec<Listed> {
        let mut listed = self.server.mailbox().list("", usize::MAX).listed;
        listed.reverse();
        listed
    }

    /// The messages of the mailbox as they were sent, the oldest first.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        let stored = self.listed().into_iter().map(|listed| {
            let stored = self.server.mailbox().read(listed.id);
            split_stored(&stored.expect("it is listed")).1.to_vec()
        });
        stored.collect()
    }
}

/// What the server has put on top of a message, and the message. It must not begin with white space.
pub fn split_stored(stored: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    let mut in_received = false;
    for line in stored.split_inclusive(|&byte| byte == b'\n') {
        let is_folded = matches!(line.first(), Some(b' ' | b'\t'));
        if in_received && !is_folded {
            break;
        }
        in_received |= line.starts_with(b"Received: ");
        at += line.len();
    }
    assert!(in_received, "no trace: {}", stored.escape_ascii());
    stored.split_at(at)
}

/// A reply that is as RFC 5321 §4.2 wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    /// What follows the code in each line.
    pub lines: Vec<String>,
}

impl Reply {
    /// The text of its last line.
    pub fn text(&self) -> &str {
        self.lines.last().expect("a reply has a line")
    }

    /// Its enhanced code: the first word of its text.
    pub fn enhanced(&self) -> &str {
        self.text().split(' ').next().unwrap_or_default()
    }

    /// Cuts the first reply out of bytes, with its length; `None` while it is not whole.
    pub fn cut(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut lines: Vec<String> = Vec::new();
        let mut code = None;
        let mut at = 0;
        loop {
            let end = bytes[at..].windows(2).position(|pair| pair == b"\r\n");
            let line = &bytes[at..at + end?];
            let shown = line.escape_ascii();
            assert!(line.len() <= 510, "over 512 octets: {shown}");
            let is_text = |&byte: &u8| (b' '..=b'~').contains(&byte);
            assert!(line.iter().all(is_text), "no text: {shown}");
            let digits = line
                .get(..3)
                .and_then(|code| std::str::from_utf8(code).ok());
            let number = digits.and_then(|digits| digits.parse::<u16>().ok());
            let number = number.filter(|number| (200..600).contains(number));
            let number = number.unwrap_or_else(|| panic!("no code: {shown}"));
            assert_eq!(*code.get_or_insert(number), number, "another code: {shown}");
            let separator = line.get(3).copied();
            assert!(
                matches!(separator, Some(b' ' | b'-')),
                "no separator: {shown}"
            );
            lines.push(String::from_utf8_lossy(&line[4..]).into_owned());
            at += line.len() + 2;
            if separator == Some(b' ') {
                let code = number;
                return Some((Self { code, lines }, at));
            }
        }
    }

    /// All replies in these bytes, which hold nothing else.
    pub fn all(mut bytes: &[u8]) -> Vec<Self> {
        let mut replies = Vec::new();
        while !bytes.is_empty() {
            let shown = bytes.escape_ascii();
            let (reply, length) =
                Self::cut(bytes).unwrap_or_else(|| panic!("half a reply: {shown}"));
            replies.push(reply);
            bytes = &bytes[length..];
        }
        replies
    }

    /// The codes of all replies in these bytes.
    pub fn codes(bytes: &[u8]) -> Vec<u16> {
        Self::all(bytes).iter().map(|reply| reply.code).collect()
    }
}

/// A client that does what it is told and sees every byte.
pub struct Talk {
    stream: Stream,
    /// What came and was not looked at.
    read: Vec<u8>,
}

enum Stream {
    Clear(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Talk {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("it is open");
        // A test that would wait for ever fails.
        for set in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
            set(&stream, Some(PATIENCE)).expect("it is open");
        }
        Self {
            stream: Stream::Clear(stream),
            read: Vec::new(),
        }
    }

    /// Shakes hands, trusting this authority only.
    pub fn secured(self, authority: &str) -> Self {
        let Stream::Clear(stream) = self.stream else {
            panic!("TLS is spoken already");
        };
        assert_eq!(self.read.escape_ascii().to_string(), "", "in clear text");
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(authority.as_bytes());
        roots
            .add(authority.expect("it is PEM"))
            .expect("it is a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has some")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("it is a name");
        let session = ClientConnection::new(Arc::new(config), name).expect("it is configured");
        Self {
            stream: Stream::Tls(Box::new(StreamOwned::new(session, stream))),
            read: Vec::new(),
        }
    }

    /// STARTTLS, the handshake, and EHLO.
    pub fn upgraded(mut self, authority: &str) -> Self {
        assert_eq!(self.ask("STARTTLS"), 220);
        let mut talk = self.secured(authority);
        assert_eq!(talk.ask(EHLO), 250);
        talk
    }

    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_say(bytes).expect("the server listens");
    }

    /// The same for a server that may have closed.
    pub fn try_say(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        match &mut self.stream {
            Stream::Clear(stream) => stream.write_all(bytes.as_ref()),
            Stream::Tls(stream) => {
                stream.write_all(bytes.as_ref())?;
                stream.flush()
            }
        }
    }

    /// Reads what is there, or waits for it; `false` when the server has closed.
    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        let read = match &mut self.stream {
            Stream::Clear(stream) => stream.read(&mut buffer),
            Stream::Tls(stream) => stream.read(&mut buffer),
        };
        match read {
            Ok(length) => {
                self.read.extend_from_slice(&buffer[..length]);
                length > 0
            }
            Err(error) => {
                let is_patience =
                    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(
                    !is_patience,
                    "nothing more after {}",
                    self.read.escape_ascii()
                );
                false
            }
        }
    }

    /// The next reply; `None` when the server has closed instead.
    pub fn try_reply(&mut self) -> Option<Reply> {
        loop {
            if let Some((reply, length)) = Reply::cut(&self.read) {
                self.read.drain(..length);
                return Some(reply);
            }
            if !self.read_more() {
                assert_eq!(self.read.escape_ascii().to_string(), "", "half a reply");
                return None;
            }
        }
    }

    pub fn reply(&mut self) -> Reply {
        self.try_reply().expect("the server does not close")
    }

    /// The codes of the next replies.
    pub fn codes(&mut self, count: usize) -> Vec<u16> {
        (0..count).map(|_| self.reply().code).collect()
    }

    /// The code of the reply to a line; 0 when the server closes instead.
    pub fn ask(&mut self, line: &str) -> u16 {
        self.say(format!("{line}\r\n"));
        self.try_reply().map_or(0, |reply| reply.code)
    }

    /// The reply to a line.
    pub fn asked(&mut self, line: &str) -> Reply {
        self.say(format!("{line}\r\n"));
        self.reply()
    }

    /// All of a transaction up to the message, with this many recipients.
    pub fn begin(&mut self, recipients: usize) {
        assert_eq!(self.ask(MAIL), 250);
        for number in 1..=recipients {
            assert_eq!(self.ask(&format!("RCPT TO:<to{number}@d.example>")), 250);
        }
        assert_eq!(self.ask("DATA"), 354);
    }

    /// A whole message, dots doubled already.
    pub fn send(&mut self, message: impl AsRef<[u8]>) -> Reply {
        self.begin(1);
        self.say(message);
        self.asked(".")
    }

    /// The next bytes up to an LF.
    pub fn raw_line(&mut self) -> Vec<u8> {
        loop {
            if let Some(end) = self.read.iter().position(|&byte| byte == b'\n') {
                return self.read.drain(..=end).collect();
            }
            assert!(
                self.read_more(),
                "no line, but {}",
                self.read.escape_ascii()
            );
        }
    }

    /// Whatever comes until the server closes.
    pub fn rest(mut self) -> Vec<u8> {
        while self.read_more() {}
        self.read
    }

    /// Says that nothing more will be said, and reads what comes.
    pub fn finish(self) -> Vec<u8> {
        let stream = match &self.stream {
            Stream::Clear(stream) => stream,
            Stream::Tls(stream) => &stream.sock,
        };
        // The server may have closed.
        let _ = stream.shutdown(Shutdown::Write);
        self.rest()
    }
}

/// An address in a message.
pub fn mailbox(address: &str) -> Mailbox {
    Mailbox {
        name: None,
        address: Address::parse(address).expect("it is an address"),
    }
}

/// A message from one to two, in clear text and without a login, to a server at this address.
pub fn plan(server: SocketAddr) -> Plan {
    let to = vec![mailbox("one@d.example"), mailbox("two@d.example")];
    let message = Outline {
        subject: "hello".to_owned(),
        body: "One.\n.two\n".to_owned(),
        ..Outline::new(mailbox("a@b.example"), to)
    };
    Plan {
        helo: Some("client.example".to_owned()),
        ..Plan::plain(server.ip().to_string(), server.port(), message)
    }
}

/// What our client told of a sending.
pub struct Sent {
    /// All but the last.
    pub events: Vec<SendingEvent>,
    pub summary: Summary,
}

/// Carries out a plan.
pub fn sent(plan: &Plan) -> Sent {
    sent_with(plan, |_, _| {})
}

/// Carries out a plan; `answer` may give orders at each event.
pub fn sent_with(plan: &Plan, answer: impl FnMut(&SendingEvent, &mut dyn FnMut(Order))) -> Sent {
    recorded(plan, &Recorder::off(), answer)
}

/// Carries out a plan and tells a recorder the calls of its sockets.
pub fn recorded(
    plan: &Plan,
    recorder: &Recorder,
    mut answer: impl FnMut(&SendingEvent, &mut dyn FnMut(Order)),
) -> Sent {
    let (orders, waiting) = tokio::sync::mpsc::unbounded_channel();
    let mut events = Vec::new();
    mail_client::send(plan, clock(), waiting, recorder, |event| {
        answer(&event, &mut |order| {
            // It may have ended.
            let _ = orders.send(order);
        });
        events.push(event);
    });
    let Some(SendingEvent::Ended { summary, .. }) = events.pop() else {
        panic!("the end is the last event");
    };
    let is_end = |event: &SendingEvent| matches!(event, SendingEvent::Ended { .. });
    assert!(!events.iter().any(is_end), "there is one end");
    Sent {
        events,
        summary: *summary,
    }
}

impl Sent {
    /// What was said, in its order: commands as they are shown, codes of replies, and `message` for what went over after DATA or BDAT.
    pub fn dialogue(&self) -> Vec<String> {
        let spoken = self.events.iter().filter_map(|event| match event {
            SendingEvent::Spoken(spoken) => Some(&spoken.what),
            _ => None,
        });
        spoken
            .map(|what| match what {
                Speech::Command(line) => line.shown.escape_ascii().to_string(),
                Speech::Reply { reply, .. } => reply.code.to_string(),
                Speech::Content { .. } => "message".to_owned(),
            })
            .collect()
    }
}
