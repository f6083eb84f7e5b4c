//! The request sender's socket: one connection to a server, on which the bytes of a script go out at their pace while everything that comes is
//! taken in at the same time. The lab's client, and a telnet with a memory.
//!
//! It stands apart from any HTTP client because it must send what no client would: half a head, two requests at once, nothing at all. Each
//! connection has a thread of its own with a small runtime in it, so that waiting for a name, a peer or the next byte of a trickle can be stopped
//! at once.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;

use super::resolve::{self, Family};
use crate::proto::http::reply::{Asked, Reader, Stage};
use crate::proto::http::script::{Pace, awaited};
use crate::proto::http::secret::{self, Scanner, Side};
use crate::settings::Target;
use crate::trace::clock::Clock;
use crate::trace::event::Event;
use crate::trace::recorder::{Closing, Recorder, Way};
use crate::trace::start_error::Transport;
use crate::trace::tap::Tap;
use crate::trace::web::{SenderEnd, SenderEvent, SenderId};
use crate::trace::wire::{Call, End, Lab, Layer};

/// Bytes of the answers that a [`RequestSender`] reports; more are counted only.
pub const KEPT: u64 = 256 * 1024;
/// After the last answer is complete, this long is waited for the server to close, or to say what it should not.
const LINGER: Duration = Duration::from_millis(200);
/// Bytes read at once.
const READ: usize = 64 * 1024;

/// What to send, where to, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    pub target: Target,
    pub family: Family,
    pub bytes: Vec<u8>,
    pub pace: Pace,
    /// For opening the connection, and then for each time that nothing moves in either direction although it is not we who pause.
    pub patience: Duration,
}

/// A connection on its own thread, reported through a tap. Dropping it stops it.
pub struct RequestSender {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RequestSender {
    /// Begins to carry out the plan. Every outcome is an event, the last of them [`SenderEvent::Ended`]; an error is that of starting a thread.
    pub fn start(id: SenderId, plan: Plan, clock: Clock, tap: Tap) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("sender".to_owned())
            .spawn(move || {
                let recorder = tap.recorder();
                converse(&plan, KEPT, clock, recorder, stopped, |event, _| {
                    tap.push(Event::Sender { id, event });
                });
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops it at once: closes the connection and waits for its thread.
    pub fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for RequestSender {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Carries out a plan on this thread and reports all of it, of the answers the first `keep` bytes. It ends when the answers to all requests in the
/// plan are complete, when the server closes, when patience ends, or as soon as the other half of `stop` is used or dropped.
///
/// In the events secrets are masked, unless the recorder shows them. Beside an event that tells of bytes, `report` gets them as they were: for the
/// eyes of the user who asked for them, and for nothing that is kept.
pub fn converse(
    plan: &Plan,
    keep: u64,
    clock: Clock,
    recorder: &Recorder,
    stop: oneshot::Receiver<()>,
    report: impl FnMut(SenderEvent, &[u8]),
) {
    let mut conversation = Conversation {
        plan,
        clock,
        recorder,
        log: None,
        asks: Scanner::new(Side::Request),
        answers: Scanner::new(Side::Response),
        report,
        keep,
        not_kept: 0,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let how = match runtime {
        Ok(runtime) => {
            let how = runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = stop => SenderEnd::Stopped,
                    how = conversation.run() => how,
                }
            });
            // A name server that does not answer must not hold up a stop.
            runtime.shutdown_background();
            how
        }
        Err(error) => SenderEnd::Failed(error.to_string()),
    };
    // Its socket is closed by now.
    drop(conversation.log.take());
    let (at, not_kept) = (conversation.now(), conversation.not_kept);
    (conversation.report)(SenderEvent::Ended { at, how, not_kept }, &[]);
}

struct Conversation<'a, R> {
    plan: &'a Plan,
    clock: Clock,
    recorder: &'a Recorder,
    /// Of the socket that is open.
    log: Option<Closing>,
    /// Look for secrets in what goes out and in what comes.
    asks: Scanner,
    answers: Scanner,
    report: R,
    /// Bytes that may still be reported.
    keep: u64,
    not_kept: u64,
}

impl<R: FnMut(SenderEvent, &[u8])> Conversation<'_, R> {
    fn now(&self) -> Duration {
        self.clock.at(Instant::now())
    }

    async fn run(&mut self) -> SenderEnd {
        let opening = tokio::time::timeout(self.plan.patience, self.connect()).await;
        let opened = opening.unwrap_or_else(|_| {
            let error = io::ErrorKind::TimedOut.into();
            if let Some(Closing(log)) = &self.log {
                log.call(Call::Connect, Instant::now(), &Err::<(), _>(error));
            }
            Err(io::ErrorKind::TimedOut.into())
        });
        match opened {
            Ok((stream, local, target)) => {
                let at = self.now();
                (self.report)(SenderEvent::Connected { at, local, target }, &[]);
                self.talk(&stream).await
            }
            Err(error) => SenderEnd::CannotConnect(error.to_string()),
        }
    }

    /// Tries the addresses of the target until one answers.
    async fn connect(&mut self) -> io::Result<(TcpStream, SocketAddr, SocketAddr)> {
        let (target, family) = (self.plan.target.clone(), self.plan.family);
        let addresses =
            tokio::task::spawn_blocking(move || resolve::resolve_all(&target, family)).await??;
        let mut last = io::ErrorKind::NotFound.into();
        for address in addresses {
            match self.connect_to(address).await {
                Ok(stream) => {
                    // Each piece is to leave when its time has come.
                    stream.set_nodelay(true)?;
                    let (local, target) = (stream.local_addr()?, stream.peer_addr()?);
                    return Ok((stream, local, target));
                }
                Err(error) => last = error,
            }
            self.log = None;
        }
        Err(last)
    }

    async fn connect_to(&mut self, address: SocketAddr) -> io::Result<TcpStream> {
        let mut log = self.recorder.socket(Lab::Web, End::Client, Transport::Tcp);
        log.set_peer(Some(address));
        let opened = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        };
        log.call(Call::Socket, Instant::now(), &opened);
        let socket = opened?;
        let Closing(log) = self.log.insert(Closing(log));
        let connected = socket.connect(address).await;
        let at = Instant::now();
        let local = connected.as_ref().ok().map(TcpStream::local_addr);
        log.set_local(local.and_then(Result::ok));
        log.call(Call::Connect, at, &connected);
        connected
    }

    /// Tells the recorder a call that moved bytes, and gives them as events may show them.
    fn moved(&self, way: Way, at: Instant, bytes: &[u8], secrets: &[Range<usize>]) -> Box<[u8]> {
        if let Some(Closing(log)) = &self.log {
            log.moved(way, Layer::Socket, at, bytes, secrets);
        }
        let mut shown: Box<[u8]> = bytes.into();
        if !self.recorder.shows_secrets() {
            secret::cover(&mut shown, secrets);
        }
        shown
    }

    /// Tells the recorder a call that failed.
    fn failed(&self, way: Way, at: Instant, error: &io::Error) {
        if let Some(Closing(log)) = &self.log {
            log.failed(way, at, error);
        }
    }

    async fn talk(&mut self, stream: &TcpStream) -> SenderEnd {
        let mut outgoing = Outgoing::new(self.plan);
        let mut answers = Answers::to(self.plan);
        let mut buffer = vec![0; READ];
        let mut moved = Instant::now();
        let mut completed = None;
        loop {
            let step = match completed {
                Some(at) => Step::Pause(at + LINGER),
                None => outgoing.step(Instant::now()),
            };
            let until = match step {
                Step::Pause(until) => until,
                Step::Write | Step::Listen => after(moved, self.plan.patience),
            };
            let happened = tokio::select! {
                ready = stream.readable() => ready.and_then(|()| self.read(stream, &mut buffer)),
                ready = stream.writable(), if step == Step::Write => {
                    ready.map(|()| self.write(stream, &mut outgoing))
                }
                () = tokio::time::sleep_until(until.into()) => Ok(Happened::TimeUp),
            };
            match happened {
                Ok(Happened::Received(bytes)) => answers.take(&buffer[..bytes]),
                Ok(Happened::Closed) => answers.close(),
                Ok(Happened::Sent | Happened::Nothing | Happened::TimeUp) | Err(_) => {}
            }
            if answers.are_complete() && completed.is_none() {
                completed = Some(Instant::now());
            }
            if matches!(step, Step::Pause(_)) {
                // Our own pauses cost the server nothing of our patience.
                moved = Instant::now();
            }
            match happened {
                Ok(Happened::Sent | Happened::Received(_)) => moved = Instant::now(),
                Ok(Happened::Nothing) => {}
                // Whatever comes after the last answer ends in the same way.
                Ok(Happened::Closed | Happened::TimeUp) | Err(_) if completed.is_some() => {
                    return SenderEnd::Complete;
                }
                Ok(Happened::TimeUp) if matches!(step, Step::Pause(_)) => {}
                Ok(Happened::TimeUp) => return SenderEnd::TimedOut,
                Ok(Happened::Closed) if outgoing.course == Course::Reset => {
                    return SenderEnd::Reset;
                }
                Ok(Happened::Closed) => return SenderEnd::ServerClosed,
                Err(error) if is_reset(&error) => return SenderEnd::Reset,
                Err(error) => return SenderEnd::Failed(error.to_string()),
            }
        }
    }

    fn read(&mut self, stream: &TcpStream, buffer: &mut [u8]) -> io::Result<Happened> {
        let read = stream.try_read(buffer);
        let at = Instant::now();
        let length = match read {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Happened::Nothing);
            }
            Err(error) => {
                self.failed(Way::In, at, &error);
                return Err(error);
            }
        };
        let bytes = &buffer[..length];
        let secrets = self.answers.scan(bytes);
        let shown = self.moved(Way::In, at, bytes, &secrets);
        if length == 0 {
            return Ok(Happened::Closed);
        }
        let kept = length.min(usize::try_from(self.keep).unwrap_or(usize::MAX));
        self.keep -= kept as u64;
        self.not_kept += (length - kept) as u64;
        if kept > 0 {
            let event = SenderEvent::Received {
                at: self.clock.at(at),
                bytes: shown[..kept].into(),
            };
            (self.report)(event, &bytes[..kept]);
        }
        Ok(Happened::Received(length))
    }

    fn write(&mut self, stream: &TcpStream, outgoing: &mut Outgoing) -> Happened {
        let before = Instant::now();
        match stream.try_write(outgoing.due()) {
            Ok(length) => {
                let at = self.now();
                let sent = outgoing.take(length);
                let secrets = self.asks.scan(sent);
                let bytes = self.moved(Way::Out, before, sent, &secrets);
                (self.report)(SenderEvent::Sent { at, bytes }, sent);
                Happened::Sent
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Happened::Nothing,
            // A server that has closed may have answered before: what it said is still to be read.
            Err(error) => {
                self.failed(Way::Out, before, &error);
                outgoing.course = if is_reset(&error) {
                    Course::Reset
                } else {
                    Course::Closed
                };
                Happened::Nothing
            }
        }
    }
}

/// What a wait ended with.
enum Happened {
    Sent,
    Received(usize),
    /// The server has ended its side.
    Closed,
    /// Nothing after all.
    Nothing,
    TimeUp,
}

/// What is to be done next for what goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Write,
    /// The next piece is not due yet.
    Pause(Instant),
    /// Nothing more goes out.
    Listen,
}

/// Whether the server still takes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Open,
    Closed,
    Reset,
}

/// The bytes of a plan on their way out.
struct Outgoing<'a> {
    left: &'a [u8],
    pace: Pace,
    /// How many of those that are left belong to the piece that goes out now.
    piece: usize,
    /// When the next piece is due.
    next: Instant,
    course: Course,
}

impl<'a> Outgoing<'a> {
    fn new(plan: &'a Plan) -> Self {
        Self {
            left: &plan.bytes,
            pace: plan.pace,
            piece: 0,
            next: Instant::now(),
            course: Course::Open,
        }
    }

    fn step(&mut self, now: Instant) -> Step {
        if self.course != Course::Open {
            return Step::Listen;
        }
        if self.piece == 0 {
            let (piece, pause) = self.pace.next(self.left);
            if piece == 0 {
                return Step::Listen;
            }
            if now < self.next {
                return Step::Pause(self.next);
            }
            self.piece = piece;
            self.next = after(now, pause);
        }
        Step::Write
    }

    /// The rest of the piece that goes out now.
    fn due(&self) -> &'a [u8] {
        &self.left[..self.piece]
    }

    /// Takes out what the system took.
    fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, left) = self.left.split_at(bytes);
        self.left = left;
        self.piece -= bytes;
        taken
    }
}

/// The answers that a plan waits for. A plan that asks for none waits until the server closes.
struct Answers {
    /// Those after the current one.
    awaited: std::vec::IntoIter<Asked>,
    /// The one that is read now.
    current: Option<Reader>,
    complete: bool,
}

impl Answers {
    fn to(plan: &Plan) -> Self {
        let awaited = match plan.pace {
            Pace::Silent => Vec::new(),
            _ => awaited(&plan.bytes),
        };
        let mut awaited = awaited.into_iter();
        Self {
            current: awaited.next().map(Reader::new),
            awaited,
            complete: false,
        }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while let Some(reader) = &mut self.current {
            let used = reader.push(bytes, &mut |_| {});
            bytes = &bytes[used..];
            if !self.turn() {
                break;
            }
        }
    }

    fn close(&mut self) {
        if let Some(reader) = &mut self.current {
            reader.finish(&mut |_| {});
            self.turn();
        }
    }

    /// Goes on to the next answer if this one is complete.
    fn turn(&mut self) -> bool {
        let is_over = self
            .current
            .as_ref()
            .is_some_and(|reader| reader.stage() == Stage::Complete);
        if is_over {
            self.current = self.awaited.next().map(Reader::new);
            self.complete = self.current.is_none();
        }
        is_over
    }

    fn are_complete(&self) -> bool {
        self.complete
    }
}

/// A moment later, but never later than a clock can tell.
fn after(moment: Instant, wait: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    moment + wait.min(YEAR)
}

fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted
    )
}

#[cfg(test)]
mod tests;
