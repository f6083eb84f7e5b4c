//! One connection from its opening to its end: its turn, its requests one after the other, and a close that does not cost the client its last
//! answer.
//!
//! Requests that arrived together are answered together: their responses are written at once, in order (RFC 9112 §9.3.2).

mod answering;
mod report;

use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use super::Server;
use super::desk::{Arrival, Desk, Origin};
use super::line::Turn;
use super::live::Live;
use super::send::Progress as Sent;
use crate::net::timer::Timer;
use crate::proto::http::request::{Malformed, Progress};
use crate::proto::http::rule::Rule;
use crate::proto::http::service::{Mode, Service};
use crate::trace::event::Event;
use crate::trace::recorder::{Closing, SocketLog, Way};
use crate::trace::web::{Cause, Closed, Ending, Phase, WebEvent};
use crate::trace::wire::{Call, Layer};

/// After the last response, what the client still sends is thrown away for so long and so much (RFC 9112 §9.6).
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: u64 = 1 << 20;

/// A connection being served.
pub struct Connection {
    server: Arc<Server>,
    stream: TcpStream,
    /// After the stream: that is closed then.
    log: Closing,
    live: Arc<Live>,
    turn: Option<Turn>,
    timer: Timer,
    desk: Option<Box<Desk>>,
    /// Requests whose head was read.
    requests: u32,
    bytes_in: u64,
    bytes_out: u64,
    /// Of those, what the server's counters know.
    counted: (u64, u64),
    cause: Cause,
    /// It stood in line until then.
    called: Option<Duration>,
    /// Of the responses that are being sent.
    sent: Sent,
    /// When the last exchange was done.
    done: Duration,
    /// How the server serves, as of so many changes.
    service: (u64, Arc<Service>),
}

/// What came of waiting for bytes.
enum Received {
    /// Some more are on the desk; they were there before anybody waited for them, or came now.
    Bytes {
        were_there: bool,
    },
    /// The client will send nothing more.
    End,
    Reset,
    TooLate,
}

impl Connection {
    pub fn new(server: Arc<Server>, stream: TcpStream, live: Arc<Live>, log: SocketLog) -> Self {
        // First the count, so that a change meanwhile is seen again and none is missed.
        let changes = server.changes.load(Ordering::Acquire);
        Self {
            service: (changes, server.service()),
            done: live.opened,
            server,
            stream,
            log: Closing(log),
            live,
            turn: None,
            timer: Timer::default(),
            desk: None,
            requests: 0,
            bytes_in: 0,
            bytes_out: 0,
            counted: (0, 0),
            // Whoever drops the task before it has said why, stops it.
            cause: Cause::Stopped,
            called: None,
            sent: Sent::default(),
        }
    }

    /// Serves it to its end.
    pub async fn serve(mut self) {
        self.take_turn().await;
        let cause = loop {
            if let ControlFlow::Break(cause) = self.next_requests().await {
                break cause;
            }
        };
        self.close(cause).await;
    }

    /// Says that there are too many already.
    pub async fn refuse(mut self) {
        self.server
            .table
            .count(|figures| figures.counts.refused += 1);
        let now = self.server.now();
        let arrival = Arrival {
            arrived: now,
            first_byte: now,
            begun: now,
        };
        self.requests = 1;
        self.refuse_request(Rule::TooManyConnections, 0, arrival)
            .await;
        self.close(Cause::Refused).await;
    }

    async fn take_turn(&mut self) {
        self.turn = match self.server.line.enter() {
            Ok(turn) => Some(turn),
            Err(place) => {
                self.live.enter(Phase::InLine, self.live.opened);
                let turn = place.await.ok();
                let now = self.server.now();
                self.called = Some(now);
                self.live.enter(Phase::Silent, now);
                turn
            }
        };
    }

    /// How the server serves now.
    fn service(&mut self) -> &Arc<Service> {
        let changes = self.server.changes.load(Ordering::Acquire);
        if self.service.0 != changes {
            self.service = (changes, self.server.service());
        }
        &self.service.1
    }

    fn desk(&mut self) -> &mut Desk {
        let server = &self.server;
        self.desk.get_or_insert_with(|| server.desk())
    }

    /// Waits for bytes until `until`; those that come are put on the desk.
    async fn receive(&mut self, until: Duration) -> Received {
        let until = tokio::time::Instant::from_std(self.server.clock.instant(until));
        let mut were_there = true;
        let received = poll_fn(|context| {
            if self.stream.poll_read_ready(context).is_ready() {
                let server = &self.server;
                let desk = self.desk.get_or_insert_with(|| server.desk());
                let mut buffer = ReadBuf::new(desk.room());
                // Reading this way tells the runtime that a buffer left half empty means a socket read dry, which saves asking it again.
                let poll = Pin::new(&mut self.stream).poll_read(context, &mut buffer);
                if let Poll::Ready(result) = poll {
                    let bytes = buffer.filled().len();
                    desk.filled(bytes);
                    return Poll::Ready(Some(result.map(|()| bytes)));
                }
                // The runtime takes a new socket for readable until it has been asked once; whoever has sent nothing needs no desk.
                if let Some(desk) = self.desk.take_if(|desk| desk.is_empty()) {
                    server.return_desk(desk);
                }
            }
            were_there = false;
            self.timer.poll(until, context).map(|()| None)
        })
        .await;
        if let Some(received) = &received {
            self.tell_received(received);
        }
        match received {
            Some(Ok(0)) => Received::End,
            Some(Ok(bytes)) => {
                self.bytes_in += bytes as u64;
                Received::Bytes { were_there }
            }
            Some(Err(_)) => Received::Reset,
            None => Received::TooLate,
        }
    }

    /// Tells a call that the system has just answered.
    fn tell_received(&mut self, received: &io::Result<usize>) {
        let log = &self.log.0;
        if !log.is_on() {
            return;
        }
        let length = match received {
            Ok(length) => *length,
            Err(error) => return log.failed(Way::In, Instant::now(), error),
        };
        let desk = self.desk.as_mut().filter(|_| length > 0);
        if !log.is_wanted() {
            return desk.map_or((), |desk| desk.secrets.miss());
        }
        let at = Instant::now();
        let payload = match desk {
            Some(desk) => {
                let (bytes, secrets) = desk.read_last(length);
                log.payload(bytes, length as u64, Layer::Socket, &secrets)
            }
            None => log.payload(&[], 0, Layer::Socket, &[]),
        };
        log.tell([log.event(Call::Recv(payload), at, Some(self.live.client), None)]);
    }

    /// Reads until a request is there, and answers it and those that came with it.
    async fn next_requests(&mut self) -> ControlFlow<Cause> {
        let limits = self.server.limits;
        let now = self.done;
        // The first bytes of the next request may have come with the last one.
        let has_begun = self.desk.as_ref().is_some_and(|desk| !desk.is_empty());
        let mut arrival = has_begun.then_some(Arrival {
            arrived: now,
            first_byte: now,
            begun: now,
        });
        if has_begun {
            self.show_reading(now, now);
        } else if self.requests > 0 && self.service().mode == Mode::OneAtATime {
            // Its last answer was begun before the mode was changed, and left it open.
            return ControlFlow::Break(Cause::OneAtATime);
        }
        let mut deadline = match self.requests {
            0 => self.called.unwrap_or(self.live.opened) + limits.head_time,
            _ if has_begun => now + limits.head_time,
            _ => now + limits.idle_time,
        };
        loop {
            let received = self.receive(deadline).await;
            let now = self.server.now();
            let Received::Bytes { were_there } = received else {
                return self.end_of_input(&received, arrival).await;
            };
            let came = match arrival {
                Some(came) => came,
                None => {
                    if self.requests > 0 {
                        deadline = now + limits.head_time;
                    }
                    *arrival.insert(self.arrival(now, were_there))
                }
            };
            if self.answer_what_is_there(came).await? == Progress::Complete {
                return ControlFlow::Continue(());
            }
            self.show_reading(now, came.first_byte);
        }
    }

    /// Shows what there is of the next request.
    fn show_reading(&self, now: Duration, first_byte: Duration) {
        if let Some(desk) = &self.desk {
            let bytes = desk.received();
            let (number, length) = (self.requests + 1, bytes.len() as u64);
            self.live.reading(now, number, first_byte, bytes, length);
        }
    }

    /// The arrival of a request whose first byte was read just now.
    fn arrival(&mut self, now: Duration, were_there: bool) -> Arrival {
        match self.called.take() {
            Some(called) if were_there => Arrival {
                arrived: self.live.opened,
                first_byte: now,
                begun: called,
            },
            _ => Arrival {
                arrived: now,
                first_byte: now,
                begun: now,
            },
        }
    }

    /// No more bytes came, whatever of a request there is already.
    async fn end_of_input(
        &mut self,
        received: &Received,
        arrival: Option<Arrival>,
    ) -> ControlFlow<Cause> {
        self.requests += u32::from(arrival.is_some());
        let cause = match (received, arrival) {
            (Received::TooLate, Some(came)) => {
                let at = self.desk().received().len();
                self.refuse_request(Rule::HeadTooLate, at, came).await;
                Cause::TooLate
            }
            (Received::TooLate, None) if self.requests == 0 => Cause::Silent,
            (Received::TooLate, None) => Cause::Idle,
            (received, came) => {
                if let Some(came) = came {
                    let at = self.desk().received_at();
                    let length = at.len() as u64;
                    self.report_gone(came, Origin::Input(at), length);
                }
                gone(received)
            }
        };
        ControlFlow::Break(cause)
    }

    /// Answers every complete request on the desk; [`Progress::Partial`] when there was none.
    async fn answer_what_is_there(&mut self, mut came: Arrival) -> ControlFlow<Cause, Progress> {
        let mut result = Progress::Partial;
        loop {
            match self.desk().parse() {
                Ok(Progress::Complete) => {}
                Ok(Progress::Partial) => break,
                Err(Malformed { offset, rule }) => {
                    self.server
                        .table
                        .count(|figures| figures.counts.malformed += 1);
                    self.requests += 1;
                    return ControlFlow::Break(self.refuse_request(rule, offset, came).await);
                }
            }
            result = Progress::Complete;
            self.requests += 1;
            self.answer_one(came).await?;
            if self.desk().received().is_empty() {
                break;
            }
            came.arrived = came.first_byte;
            came.begun = self.server.now();
        }
        if result == Progress::Complete {
            self.flush(Vec::new()).await?;
            let is_done = self.desk.as_ref().is_some_and(|desk| desk.is_empty());
            if let Some(desk) = self.desk.take_if(|_| is_done) {
                self.server.return_desk(desk);
            }
            self.live.idle(self.done, self.requests);
        }
        ControlFlow::Continue(result)
    }

    /// Closes in steps (RFC 9112 §9.6): says that nothing more will come, then throws away what still arrives for a while. Closing at once would
    /// make the system reset a connection with unread bytes, and the client would lose the answer.
    async fn close(mut self, cause: Cause) {
        self.cause = cause;
        if cause == Cause::Stalled {
            // What it did not take would stay in the system, megabytes for each such client, until that gives up too: a reset frees it. If it fails,
            // the connection is closed as usual.
            let _ = self.stream.set_zero_linger();
        }
        if matches!(
            cause,
            Cause::Client | Cause::Reset | Cause::Incomplete | Cause::Stalled
        ) {
            return;
        }
        let shut = self.stream.shutdown().await;
        self.log.0.call(Call::Shutdown, Instant::now(), &shut);
        self.turn = None;
        self.live.enter(Phase::Closing, self.server.now());
        if shut.is_err() {
            return;
        }
        let until = self.server.now() + LINGER;
        let before = self.bytes_in;
        while let Received::Bytes { .. } = self.receive(until).await {
            let desk = self.desk();
            desk.used(desk.received().len());
            if self.bytes_in - before > LINGER_BYTES {
                break;
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // What was being sent when the task was stopped.
        self.finish(Ending::Stopped, &[]);
        self.report_stopped();
        if let Some(desk) = self.desk.take() {
            self.server.return_desk(desk);
        }
        let at = self.server.now();
        self.server.table.close(&self.live);
        self.server.table.count(|figures| {
            figures.counts.bytes_in += self.bytes_in - self.counted.0;
            figures.counts.bytes_out += self.bytes_out - self.counted.1;
        });
        self.server.tap.push_with(|| {
            Event::Web(WebEvent::Closed(Closed {
                connection: self.live.id,
                client: self.live.client,
                at,
                cause: self.cause,
                requests: self.requests,
                bytes_in: self.bytes_in,
                bytes_out: self.bytes_out,
            }))
        });
        if self.server.is_stopping() {
            self.server.closed.notify_one();
        }
    }
}

/// Why a connection ended from which nothing more could be read.
fn gone(received: &Received) -> Cause {
    match received {
        Received::Reset => Cause::Reset,
        _ => Cause::Client,
    }
}
