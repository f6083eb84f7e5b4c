//! The recorder: how socket calls leave a lab, for the Wire tab and for files, without the lab ever waiting.
//!
//! It rides on the [`Tap`](super::tap::Tap) that every lab has anyway. A lab opens a [`SocketLog`] a socket and tells it each call; whoever wants
//! to know drains a [`Bounded`] ring. When nobody wants to know, or the rings are full, a call costs a look at an atomic and no copy.
//!
//! Secrets are masked here, at the source: what a lab calls a secret never gets into a ring.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::bounded::{Bounded, Weigh};
use super::clock::Clock;
use super::event::Event;
use super::start_error::Transport;
use super::wire::{Call, End, Lab, Layer, Payload, SocketEvent, SocketId};

/// Bytes of a call that are kept for the screen, if nothing else is asked for: more than a page of hex.
pub const SCREEN_SNAPLEN: usize = 4 * 1_024;
/// Bytes of a call that are kept for files: all of a datagram.
pub const FILE_SNAPLEN: usize = 64 * 1_024;

/// What a mask is made of.
const MASKED: u8 = b'*';

/// What becomes of passwords and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Secrets {
    #[default]
    Masked,
    Shown,
}

/// What a file is told: the labs' events and their calls, in the order in which they were reported.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Event(Event),
    Call(SocketEvent),
    /// What somebody wrote into the line of events.
    Note {
        at: Duration,
        text: String,
    },
}

impl Item {
    /// When it happened, where that is known: see [`Event::at`].
    pub fn at(&self) -> Option<Duration> {
        match self {
            Item::Event(event) => event.at(),
            Item::Call(call) => Some(call.at),
            Item::Note { at, .. } => Some(*at),
        }
    }
}

impl Weigh for Item {
    fn weight(&self) -> usize {
        match self {
            Item::Event(event) => event.weight(),
            Item::Call(call) => call.weight(),
            Item::Note { text, .. } => size_of::<Self>() + text.len(),
        }
    }
}

/// Takes the calls of all sockets of a program. Clones share their rings; one that is off takes nothing.
#[derive(Clone, Default)]
pub struct Recorder {
    shared: Option<Arc<Shared>>,
}

struct Shared {
    clock: Clock,
    secrets: Secrets,
    sockets: AtomicU64,
    snaplen: AtomicUsize,
    screen: Option<Bounded<SocketEvent>>,
    has_file: AtomicBool,
    file: Mutex<Option<Bounded<Item>>>,
}

impl Recorder {
    /// One that takes nothing.
    pub fn off() -> Self {
        Self::default()
    }

    /// One that tells `screen` every call.
    pub fn new(clock: Clock, secrets: Secrets, screen: Option<Bounded<SocketEvent>>) -> Self {
        Self {
            shared: Some(Arc::new(Shared {
                clock,
                secrets,
                sockets: AtomicU64::new(0),
                snaplen: AtomicUsize::new(SCREEN_SNAPLEN),
                screen,
                has_file: AtomicBool::new(false),
                file: Mutex::new(None),
            })),
        }
    }

    /// From now on tells `file` every event and every call, with up to `snaplen` bytes each; `None` ends that.
    pub fn set_file(&self, file: Option<(Bounded<Item>, usize)>) {
        let Some(shared) = &self.shared else {
            return;
        };
        let snaplen = file.as_ref().map_or(SCREEN_SNAPLEN, |(_, snaplen)| {
            (*snaplen).max(SCREEN_SNAPLEN)
        });
        shared.snaplen.store(snaplen, Ordering::Relaxed);
        shared.has_file.store(file.is_some(), Ordering::Relaxed);
        *shared.file.lock().unwrap_or_else(PoisonError::into_inner) = file.map(|(file, _)| file);
    }

    /// Tells the file what somebody wrote into the line of events.
    pub fn note(&self, at: Duration, text: &str) {
        if let Some(file) = self.file() {
            file.push_all([Item::Note {
                at,
                text: text.to_owned(),
            }]);
        }
    }

    /// Whether passwords and the like are kept as they are.
    pub fn shows_secrets(&self) -> bool {
        self.secrets() == Secrets::Shown
    }

    /// What becomes of them.
    pub fn secrets(&self) -> Secrets {
        let shared = self.shared.as_ref();
        shared.map_or(Secrets::Masked, |shared| shared.secrets)
    }

    /// Whether a file takes calls: what could be sent without a look at its bytes is sent through memory meanwhile.
    pub fn is_filing(&self) -> bool {
        let shared = self.shared.as_ref();
        shared.is_some_and(|shared| shared.has_file.load(Ordering::Relaxed))
    }

    /// Where events go besides the tap, if anywhere.
    pub(super) fn file(&self) -> Option<Bounded<Item>> {
        let shared = self.shared.as_ref()?;
        if !shared.has_file.load(Ordering::Relaxed) {
            return None;
        }
        let file = shared.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.clone()
    }

    /// A log for a socket that is about to be opened or was just accepted.
    pub fn socket(&self, lab: Lab, end: End, transport: Transport) -> SocketLog {
        let shared = self.shared.as_ref();
        SocketLog {
            id: shared.map_or(0, |shared| {
                shared.sockets.fetch_add(1, Ordering::Relaxed) + 1
            }),
            recorder: self.clone(),
            lab,
            end,
            transport,
            local: None,
            peer: None,
        }
    }
}

/// Takes the calls of one socket.
#[derive(Clone)]
pub struct SocketLog {
    recorder: Recorder,
    id: SocketId,
    lab: Lab,
    end: End,
    transport: Transport,
    local: Option<SocketAddr>,
    peer: Option<SocketAddr>,
}

impl SocketLog {
    /// A log for a connection that this socket, which listens, has just accepted. It is at the same address, as long as nothing better is known.
    pub fn accepted(&self, peer: SocketAddr) -> Self {
        let Self { lab, end, .. } = *self;
        Self {
            local: self.local,
            peer: Some(peer),
            ..self.recorder.socket(lab, end, self.transport)
        }
    }

    /// Which socket it is; 0 when the recorder is off.
    pub fn id(&self) -> SocketId {
        self.id
    }

    /// Whether somebody may want calls at some time: a time that nobody will ever be told need not be taken.
    pub fn is_on(&self) -> bool {
        self.recorder.shared.is_some()
    }

    /// The recorder that it tells.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// How many bytes of a call are kept at present.
    pub fn snaplen(&self) -> usize {
        let shared = self.recorder.shared.as_ref();
        shared.map_or(0, |shared| shared.snaplen.load(Ordering::Relaxed))
    }

    /// The socket has this address now.
    pub fn set_local(&mut self, local: Option<SocketAddr>) {
        self.local = local;
    }

    /// It is connected, or about to be, to this address now.
    pub fn set_peer(&mut self, peer: Option<SocketAddr>) {
        self.peer = peer;
    }

    /// Whether a call told now would be taken: what costs something need not be made otherwise. A call that is wanted by somebody who has no
    /// room is counted here, so ask once a call.
    pub fn is_wanted(&self) -> bool {
        let has_room = self.has_room();
        if !has_room {
            self.leave_out();
        }
        has_room
    }

    /// The same without counting, for a call that may come to nothing.
    pub fn has_room(&self) -> bool {
        self.screen().is_some_and(Bounded::has_room)
            || self.recorder.file().is_some_and(|file| file.has_room())
    }

    /// Counts a call for which there was no room when it was made.
    pub fn leave_out(&self) {
        if let Some(screen) = self.screen() {
            screen.leave_out(1);
        }
        if let Some(file) = self.recorder.file() {
            file.leave_out(1);
        }
    }

    fn screen(&self) -> Option<&Bounded<SocketEvent>> {
        self.recorder.shared.as_ref()?.screen.as_ref()
    }

    /// A call without bytes, with what the system answered.
    pub fn call<T>(&self, call: Call, at: Instant, result: &std::io::Result<T>) {
        if self.is_wanted() {
            let error = result.as_ref().err();
            self.tell([self.event(
                call,
                at,
                self.peer,
                error.map(|error| error.to_string().into()),
            )]);
        }
    }

    /// Bytes that the system took (`Send`) or gave (`Recv`) on a connected socket. `secrets` are parts of `bytes`.
    pub fn moved(
        &self,
        way: Way,
        layer: Layer,
        at: Instant,
        bytes: &[u8],
        secrets: &[Range<usize>],
    ) {
        if self.is_wanted() {
            let payload = self.payload(bytes, bytes.len() as u64, layer, secrets);
            let call = match way {
                Way::Out => Call::Send(payload),
                Way::In => Call::Recv(payload),
            };
            self.tell([self.event(call, at, self.peer, None)]);
        }
    }

    /// A payload of which only the first bytes are at hand.
    pub fn payload(
        &self,
        bytes: &[u8],
        length: u64,
        layer: Layer,
        secrets: &[Range<usize>],
    ) -> Payload {
        let kept = &bytes[..bytes.len().min(self.snaplen())];
        let is_masked = !secrets.is_empty() && !self.recorder.shows_secrets();
        let bytes = if is_masked {
            let mut kept = kept.to_vec();
            for secret in secrets {
                let end = secret.end.min(kept.len());
                kept[secret.start.min(end)..end].fill(MASKED);
            }
            kept.into()
        } else {
            kept.into()
        };
        Payload {
            bytes,
            length,
            masked: is_masked,
            layer,
        }
    }

    /// A call that was to move bytes on a connected socket, and failed.
    pub fn failed(&self, way: Way, at: Instant, error: &std::io::Error) {
        if self.is_wanted() {
            let nothing = self.payload(&[], 0, Layer::Socket, &[]);
            let call = match way {
                Way::Out => Call::Send(nothing),
                Way::In => Call::Recv(nothing),
            };
            self.tell([self.event(call, at, self.peer, Some(error.to_string().into()))]);
        }
    }

    /// The event of a call, to be told later with others.
    pub fn event(
        &self,
        call: Call,
        at: Instant,
        peer: Option<SocketAddr>,
        error: Option<Arc<str>>,
    ) -> SocketEvent {
        let clock = self.recorder.shared.as_ref().map(|shared| shared.clock);
        SocketEvent {
            at: clock.map_or(Duration::ZERO, |clock| clock.at(at)),
            lab: self.lab,
            end: self.end,
            socket: self.id,
            transport: self.transport,
            local: self.local,
            peer,
            call,
            error,
        }
    }

    /// Hands events over, each of which was wanted.
    pub fn tell(&self, events: impl IntoIterator<Item = SocketEvent>) {
        let Some(shared) = &self.recorder.shared else {
            return;
        };
        match (self.recorder.file(), &shared.screen) {
            (None, None) => {}
            (None, Some(screen)) => screen.push_all(events),
            (Some(file), None) => file.push_all(events.into_iter().map(Item::Call)),
            (Some(file), Some(screen)) => {
                let events: Vec<SocketEvent> = events.into_iter().collect();
                file.push_copies(&events, Item::Call);
                screen.push_all(events);
            }
        }
    }
}

/// Tells that a socket is closed, when that is so: it stands behind the socket in whatever owns both, and is dropped after it.
pub struct Closing(pub SocketLog);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.call(Call::Close, Instant::now(), &Ok(()));
    }
}

/// Which way bytes went, seen from the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Out,
    In,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn recorder(secrets: Secrets, capacity: usize) -> (Recorder, Bounded<SocketEvent>) {
        let clock = Clock::new(Instant::now(), SystemTime::now());
        let screen = Bounded::new(capacity, usize::MAX, || {});
        (Recorder::new(clock, secrets, Some(screen.clone())), screen)
    }

    #[test]
    fn secrets_never_get_into_a_ring() {
        for (secrets, shown) in [
            (Secrets::Masked, &b"AUTH ****** \r\n"[..]),
            (Secrets::Shown, b"AUTH secret \r\n"),
        ] {
            let (recorder, screen) = recorder(secrets, 10);
            let log = recorder.socket(Lab::Mail, End::Client, Transport::Tcp);
            log.moved(
                Way::Out,
                Layer::Socket,
                Instant::now(),
                b"AUTH secret \r\n",
                std::slice::from_ref(&(5..11)),
            );
            let mut seen = Vec::new();
            screen.drain(&mut seen);
            let payload = seen[0].call.payload().unwrap();
            assert_eq!(&*payload.bytes, shown);
            assert_eq!(payload.length, 14);
            assert_eq!(payload.masked, secrets == Secrets::Masked);
        }
    }

    #[test]
    fn a_full_ring_is_counted_and_a_recorder_that_is_off_takes_nothing() {
        let (recorder, screen) = recorder(Secrets::Masked, 1);
        let log = recorder.socket(Lab::Web, End::Server, Transport::Tcp);
        for _ in 0..3 {
            log.call(Call::Close, Instant::now(), &Ok(()));
        }
        let mut seen = Vec::new();
        assert_eq!((screen.drain(&mut seen), seen.len()), (2, 1));
        assert!(
            !Recorder::off()
                .socket(Lab::Web, End::Client, Transport::Tcp)
                .is_wanted()
        );
    }

    #[test]
    fn a_call_without_room_anywhere_is_not_wanted_and_counted_by_screen_and_file() {
        let (recorder, screen) = recorder(Secrets::Masked, 1);
        let file = Bounded::new(2, usize::MAX, || {});
        recorder.set_file(Some((file.clone(), FILE_SNAPLEN)));
        let log = recorder.socket(Lab::Web, End::Server, Transport::Tcp);
        log.call(Call::Close, Instant::now(), &Ok(()));
        assert!(log.is_wanted(), "the file has room");
        log.call(Call::Close, Instant::now(), &Ok(()));
        assert!(!log.is_wanted());
        let left_out = (screen.drain(&mut Vec::new()), file.drain(&mut Vec::new()));
        assert_eq!(
            left_out,
            (2, 1),
            "the second call, and the third that was not made"
        );
        assert!(log.is_wanted());
    }

    #[test]
    fn a_file_gets_more_of_each_call_than_the_screen_asks_for() {
        let (recorder, screen) = recorder(Secrets::Masked, 10);
        let log = recorder.socket(Lab::Web, End::Server, Transport::Tcp);
        let long = vec![b'x'; FILE_SNAPLEN + 1];
        log.moved(Way::In, Layer::Socket, Instant::now(), &long, &[]);
        let file = Bounded::new(10, usize::MAX, || {});
        recorder.set_file(Some((file.clone(), FILE_SNAPLEN)));
        log.moved(Way::In, Layer::Socket, Instant::now(), &long, &[]);
        let (mut seen, mut filed) = (Vec::new(), Vec::new());
        screen.drain(&mut seen);
        file.drain(&mut filed);
        let kept: Vec<_> = seen
            .iter()
            .filter_map(|event| event.call.payload())
            .map(|payload| (payload.bytes.len(), payload.length))
            .collect();
        let whole = long.len() as u64;
        assert_eq!(kept, [(SCREEN_SNAPLEN, whole), (FILE_SNAPLEN, whole)]);
        assert_eq!(filed, [Item::Call(seen[1].clone())]);
    }
}
