//! A recorder and a tap, and all that came out of them.

use std::net::TcpListener;
use std::time::{Duration, Instant, SystemTime};

use sockscope::trace::bounded::Bounded;
use sockscope::trace::clock::Clock;
use sockscope::trace::event::Event;
use sockscope::trace::recorder::{Item, Recorder, Secrets};
use sockscope::trace::tap::Tap;
use sockscope::trace::wire::{Call, End, SocketEvent, SocketId};

use crate::support::PATIENCE;

/// What both ends of a lab report.
pub struct Watch {
    pub clock: Clock,
    pub tap: Tap,
    pub seen: Vec<SocketEvent>,
    ring: Bounded<SocketEvent>,
}

impl Watch {
    pub fn new(secrets: Secrets) -> Self {
        let clock = Clock::new(Instant::now(), SystemTime::now());
        let ring = Bounded::new(1 << 20, usize::MAX, || {});
        let recorder = Recorder::new(clock, secrets, Some(ring.clone()));
        Self {
            clock,
            tap: Tap::new(1 << 20, || {}).recording(recorder),
            seen: Vec::new(),
            ring,
        }
    }

    /// From now on a file takes everything.
    pub fn file(&self, snaplen: usize) -> Bounded<Item> {
        let file = Bounded::new(1 << 20, usize::MAX, || {});
        self.tap.recorder().set_file(Some((file.clone(), snaplen)));
        file
    }

    /// Waits until something is so of the calls so far.
    pub fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert_eq!(self.ring.drain(&mut self.seen), 0, "there is room for all");
            if is_so(self) {
                return;
            }
            let seen = &self.seen;
            assert!(Instant::now() < deadline, "waited for {what}: {seen:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until this end has made a call of this name so many times.
    pub fn until_called(&mut self, end: End, name: &str, times: usize) {
        self.until(name, |watch| {
            let calls = watch.calls(end);
            calls.filter(|event| event.call.name() == name).count() >= times
        });
    }

    pub fn calls(&self, end: End) -> impl Iterator<Item = &SocketEvent> {
        self.seen.iter().filter(move |event| event.end == end)
    }

    /// The sockets of an end, in the order in which they were opened.
    pub fn sockets(&self, end: End) -> Vec<SocketId> {
        let mut sockets: Vec<_> = self.calls(end).map(|event| event.socket).collect();
        sockets.sort_unstable();
        sockets.dedup();
        sockets
    }

    pub fn of(&self, socket: SocketId) -> impl Iterator<Item = &SocketEvent> {
        self.seen.iter().filter(move |event| event.socket == socket)
    }

    /// The names of a socket's calls; one that failed has an exclamation mark.
    pub fn names(&self, socket: SocketId) -> String {
        let names = self.of(socket).map(|event| {
            let failed = if event.error.is_some() { "!" } else { "" };
            format!("{}{failed}", event.call.name())
        });
        names.collect::<Vec<_>>().join(" ")
    }

    /// All bytes that a socket sent or received, and whether they are all of them.
    pub fn bytes(&self, socket: SocketId, sent: bool) -> (Vec<u8>, bool) {
        let moved = self
            .of(socket)
            .filter(|event| event.call.payload().is_some() && event.call.is_sending() == sent);
        let payloads: Vec<_> = moved.filter_map(|event| event.call.payload()).collect();
        let bytes = payloads.iter().flat_map(|payload| payload.bytes.to_vec());
        let is_whole = payloads
            .iter()
            .all(|payload| payload.bytes.len() as u64 == payload.length);
        (bytes.collect(), is_whole)
    }

    /// The events of the labs so far.
    pub fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        self.tap.drain(&mut events);
        events
    }

    /// What can be said of all calls: times go on at each socket, and what an accepted socket came from listens.
    pub fn assert_consistent(&self) {
        for end in [End::Client, End::Server] {
            for socket in self.sockets(end) {
                let times: Vec<_> = self.of(socket).map(|event| event.at).collect();
                assert!(times.is_sorted(), "{}", self.names(socket));
                let closed = self.of(socket).filter(|event| event.call == Call::Close);
                assert!(closed.count() <= 1, "{}", self.names(socket));
            }
        }
        for event in &self.seen {
            if let Call::Accept { listener } = event.call {
                let mut calls = self.of(listener);
                assert!(calls.any(|event| matches!(event.call, Call::Listen { .. })));
            }
        }
    }
}

/// A port at which nobody listens, and none will as long as this lives: it is bound.
pub fn deaf_port() -> (socket2::Socket, u16) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&address.into()).expect("a free port");
    let port = socket.local_addr().ok().and_then(|local| local.as_socket());
    (socket, port.expect("it is bound").port())
}

/// A listener at a free port.
pub fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    (listener, port)
}
