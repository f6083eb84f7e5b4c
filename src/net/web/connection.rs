//! One connection from its opening to its end: its turn, its requests one after the other, and a close that does not cost the client its last
//! answer.
//!
//! Requests that arrived together are answered together: their responses are written at once, in order (RFC 9112 §9.3.2).

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use super::Server;
use super::answer::{After, Question};
use super::desk::{Arrival, Desk, Draft, Origin};
use super::line::Turn;
use super::live::{Answered, Live};
use super::send::{Piece, Progress as Sent, Sending};
use super::timer::Timer;
use crate::net::lock::lock;
use crate::proto::http::body::BodyReader;
use crate::proto::http::request::{
    BodyLength, Expectation, Head, Malformed, Message, Method, Persistence, Progress, Span,
};
use crate::proto::http::rule::Rule;
use crate::proto::http::service::Mode;
use crate::trace::event::Event;
use crate::trace::web::{
    Cause, Closed, Ending, Exchange, Message as Kept, Part, Parts, Phase, Timing, WebEvent,
};

/// Responses are gathered for one write up to about so many bytes.
const GATHER: usize = 64 * 1_024;
/// After the last response, what the client still sends is thrown away for so long and so much (RFC 9112 §9.6).
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: u64 = 1 << 20;

/// A connection being served.
pub struct Connection {
    server: Arc<Server>,
    stream: TcpStream,
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
    pub fn new(server: Arc<Server>, stream: TcpStream, live: Arc<Live>) -> Self {
        Self {
            server,
            stream,
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

    /// Reads until a request is there, and answers it and those that came with it.
    async fn next_requests(&mut self) -> ControlFlow<Cause> {
        let limits = self.server.limits;
        let now = self.server.now();
        // The first bytes of the next request may have come with the last one.
        let has_begun = self.desk.as_ref().is_some_and(|desk| !desk.is_empty());
        let mut arrival = has_begun.then_some(Arrival {
            arrived: now,
            first_byte: now,
            begun: now,
        });
        if has_begun {
            self.show_reading(now, now);
        } else if self.requests > 0 && lock(&self.server.service).mode == Mode::OneAtATime {
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
            self.live.idle(self.server.now(), self.requests);
        }
        ControlFlow::Continue(result)
    }

    /// Answers the request whose head the desk's parser has just read.
    async fn answer_one(&mut self, came: Arrival) -> ControlFlow<Cause> {
        let parsed = self.server.now();
        let service = self.server.service();
        let desk = self.desk();
        let head = desk.parser().head();
        let (method, length) = (head.method, head.length);
        let understood = Message::of(head, desk.received());
        let message = match understood {
            Ok(message) => message,
            Err(Malformed { offset, rule }) => {
                return ControlFlow::Break(self.refuse_request(rule, offset, came).await);
            }
        };
        let parts = parts(head, desk.received());
        let start = desk.received_at().start;
        if !service.delay.is_zero() {
            self.flush(Vec::new()).await?;
            let live = self.live.clone();
            let number = self.requests;
            let bytes = &self.desk().received()[..length];
            live.working(parsed, number, came.first_byte, bytes, &parts);
            tokio::time::sleep(service.delay).await;
        }
        let mut after = self.after(&message);
        let (request, request_length) = match self.read_body(method, &message, came).await? {
            Some((kept, length)) => (Origin::Kept(kept), length),
            None if message.body == BodyLength::None => {
                (Origin::Input(start..start + length), length as u64)
            }
            // Nobody knows where the next request would begin.
            None => {
                after = After::Close(Cause::AfterError);
                (Origin::Input(start..start + length), length as u64)
            }
        };
        let (server, number) = (self.server.clone(), self.requests);
        let desk = self.desk();
        let (parser, bytes, output) = desk.lend(&request);
        let question = Question {
            head: parser.head(),
            bytes,
            message: &message,
            service: &service,
            after,
            now: server.clock.instant(parsed),
            wall: server.clock.wall(parsed),
        };
        let answer = lock(&server.answerer).answer(&question, output);
        if matches!(request, Origin::Input(_)) {
            desk.used(length);
        }
        desk.next_request();
        let must_flush = !answer.rest.is_empty()
            || service.rate.is_some()
            || desk.output.len() > GATHER
            || matches!(after, After::Close(_));
        desk.drafts.push(Draft {
            number,
            arrival: came,
            parsed: Some(parsed),
            decided: server.now(),
            request,
            request_length,
            parts,
            status: answer.status,
            rule: answer.rule,
            broken_at: None,
            head: answer.head,
            inline: answer.inline,
            rest: answer.rest.iter().map(Piece::len).sum(),
        });
        if must_flush {
            self.flush(answer.rest).await?;
        }
        match after {
            After::Close(cause) => ControlFlow::Break(cause),
            After::Stay | After::SayStay => ControlFlow::Continue(()),
        }
    }

    /// What becomes of the connection once the request is answered.
    fn after(&self, message: &Message) -> After {
        if lock(&self.server.service).mode == Mode::OneAtATime {
            return After::Close(Cause::OneAtATime);
        }
        if self.server.is_stopping() {
            return After::Close(Cause::Stopped);
        }
        if self.requests >= self.server.limits.requests {
            return After::Close(Cause::RequestLimit);
        }
        match message.persistence {
            Persistence::Close => After::Close(Cause::Asked),
            Persistence::KeepAlive => After::Stay,
            Persistence::KeepAliveAsked => After::SayStay,
        }
    }

    /// Reads the body of a request and throws it away, so that it can't be taken for the next request (RFC 9112 §9.3). Gives the first bytes of the
    /// whole request, and its length; `None` if there is no body, or if it is not worth reading for an answer that will be a refusal.
    async fn read_body(
        &mut self,
        method: Method,
        message: &Message,
        came: Arrival,
    ) -> ControlFlow<Cause, Option<(Vec<u8>, u64)>> {
        if message.body == BodyLength::None {
            return ControlFlow::Continue(None);
        }
        let limits = self.server.limits;
        let mut reader = BodyReader::new(message.body, limits.body);
        let is_served = matches!(
            method,
            Method::Get | Method::Head | Method::Options | Method::Trace
        );
        let is_too_large = reader.check().is_err();
        if !is_served && (is_too_large || message.expectation == Expectation::Continue) {
            return ControlFlow::Continue(None);
        }
        let length = self.desk().parser().head().length;
        if is_too_large {
            let cause = self.refuse_request(Rule::BodyTooLarge, length, came).await;
            return ControlFlow::Break(cause);
        }
        if message.expectation == Expectation::Continue {
            let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
            self.desk().output.extend_from_slice(go_on);
        }
        // Reading on moves the bytes of requests whose answers are not out yet.
        self.flush(Vec::new()).await?;
        let keep = self.server.keep.request.max(length);
        let desk = self.desk();
        let mut kept = desk.received()[..length].to_vec();
        let mut whole = length as u64;
        desk.used(length);
        let begun = self.server.now();
        loop {
            let desk = self.desk();
            let taken = match reader.advance(desk.received()) {
                Ok(taken) => taken,
                Err(Malformed { offset, rule }) => {
                    let at = length + offset;
                    let cause = self.refuse_kept(rule, at, came, kept, whole).await;
                    return ControlFlow::Break(cause);
                }
            };
            let room = keep.saturating_sub(kept.len()).min(taken.used);
            kept.extend_from_slice(&desk.received()[..room]);
            whole += taken.used as u64;
            desk.used(taken.used);
            if taken.done {
                return ControlFlow::Continue(Some((kept, whole)));
            }
            let (live, number) = (&self.live, self.requests);
            let now = self.server.now();
            live.reading(now, number, came.first_byte, &kept, whole);
            let elapsed = now.saturating_sub(begun);
            let least = limits.lowest_rate as f64 * elapsed.as_secs_f64();
            let is_too_slow = elapsed > limits.stall_time && (whole as f64) < least;
            let received = match is_too_slow {
                true => Received::TooLate,
                false => self.receive(now + limits.stall_time).await,
            };
            match received {
                Received::Bytes { .. } => {}
                Received::TooLate => {
                    let (rule, at) = (Rule::BodyTooLate, whole as usize);
                    self.refuse_kept(rule, at, came, kept, whole).await;
                    return ControlFlow::Break(Cause::TooLate);
                }
                Received::End | Received::Reset => {
                    self.report_gone(came, Origin::Kept(kept), whole);
                    return ControlFlow::Break(gone(&received));
                }
            }
        }
    }

    /// Answers that what was received is no request to be served; nobody knows where the next one would begin.
    async fn refuse_request(&mut self, rule: Rule, broken_at: usize, came: Arrival) -> Cause {
        let at = self.desk().received_at();
        let length = at.len() as u64;
        let request = Origin::Input(at);
        self.refuse_with(rule, broken_at, came, request, length)
            .await
    }

    /// The same for a request whose first bytes were set aside.
    async fn refuse_kept(
        &mut self,
        rule: Rule,
        broken_at: usize,
        came: Arrival,
        kept: Vec<u8>,
        length: u64,
    ) -> Cause {
        let request = Origin::Kept(kept);
        self.refuse_with(rule, broken_at, came, request, length)
            .await
    }

    async fn refuse_with(
        &mut self,
        rule: Rule,
        broken_at: usize,
        came: Arrival,
        request: Origin,
        request_length: u64,
    ) -> Cause {
        let server = self.server.clone();
        let number = self.requests;
        let decided = server.now();
        let desk = self.desk();
        let head = desk.parser().head();
        let parts = parts(head, desk.origin(&request));
        let is_head = head.method == Method::Head;
        let wall = server.clock.wall(decided);
        let answer = lock(&server.answerer).refuse(rule, is_head, wall, &mut desk.output);
        desk.drafts.push(Draft {
            number,
            arrival: came,
            parsed: None,
            decided,
            request,
            request_length,
            parts,
            status: answer.status,
            rule,
            broken_at: Some(broken_at),
            head: answer.head,
            inline: answer.inline,
            rest: answer.rest.iter().map(Piece::len).sum(),
        });
        match self.flush(answer.rest).await {
            ControlFlow::Break(cause) => cause,
            ControlFlow::Continue(()) => Cause::AfterError,
        }
    }

    /// Sends what is in the output, and what belongs behind it, and reports the exchanges that are finished with it.
    async fn flush(&mut self, rest: Vec<Piece>) -> ControlFlow<Cause> {
        let Some(desk) = self.desk.as_deref() else {
            return ControlFlow::Continue(());
        };
        if desk.output.is_empty() {
            return ControlFlow::Continue(());
        }
        self.sent = Sent::default();
        let mut sending = Sending {
            server: &self.server,
            stream: &mut self.stream,
            timer: &mut self.timer,
            live: &self.live,
            progress: &mut self.sent,
            answered: desk.drafts.last().map(|draft| Answered {
                number: draft.number,
                first_byte: draft.arrival.first_byte,
                bytes: desk.origin(&draft.request),
                parts: &draft.parts,
                status: draft.status,
            }),
            whole: desk.output.len() as u64 + rest.iter().map(Piece::len).sum::<u64>(),
            rate: lock(&self.server.service).rate,
            started: desk
                .drafts
                .last()
                .map_or(Duration::ZERO, |draft| draft.decided),
        };
        let ending = sending.send(&desk.output, &rest).await;
        self.finish(ending, &rest);
        match ending {
            Ending::Complete => ControlFlow::Continue(()),
            Ending::Stalled => ControlFlow::Break(Cause::Stalled),
            Ending::FileChanged => ControlFlow::Break(Cause::Incomplete),
            Ending::ClientGone => ControlFlow::Break(Cause::Reset),
            Ending::Stopped => ControlFlow::Break(Cause::Stopped),
        }
    }

    /// Reports the exchanges whose responses were sent, as far as they were. `rest` is what was sent behind the output, as far as it is known.
    fn finish(&mut self, ending: Ending, rest: &[Piece]) {
        let Some(desk) = self.desk.as_deref_mut() else {
            return;
        };
        let done = self.server.now();
        let progress = std::mem::take(&mut self.sent);
        self.bytes_out += progress.bytes;
        let drafts = std::mem::take(&mut desk.drafts);
        let last = drafts.len().saturating_sub(1);
        for (place, draft) in drafts.iter().enumerate() {
            let whole = (draft.head.len() + draft.inline) as u64 + draft.rest;
            let sent = progress
                .bytes
                .saturating_sub(draft.head.start as u64)
                .min(whole);
            let ending = match sent == whole {
                true => Ending::Complete,
                false => ending,
            };
            let timing = Timing {
                accepted: self.live.opened,
                arrived: draft.arrival.arrived,
                first_byte: draft.arrival.first_byte,
                begun: draft.arrival.begun,
                parsed: draft.parsed,
                decided: Some(draft.decided),
                first_byte_out: progress.first,
                done,
            };
            self.server.table.count(|figures| {
                figures.counts.count(Some(draft.status), ending);
                figures.counts.bytes_in += self.bytes_in - self.counted.0;
                figures.counts.bytes_out += self.bytes_out - self.counted.1;
                figures.durations.record(timing.duration());
            });
            self.counted = (self.bytes_in, self.bytes_out);
            let keep = self.server.keep;
            self.server.tap.push_with(|| {
                let request = desk.origin(&draft.request);
                let rest = if place == last { rest } else { &[] };
                Event::Web(WebEvent::Exchange(Box::new(Exchange {
                    connection: self.live.id,
                    number: draft.number,
                    client: self.live.client,
                    timing,
                    request: Kept {
                        bytes: request[..request.len().min(keep.request)].into(),
                        length: draft.request_length,
                    },
                    parts: draft.parts.within(keep.request),
                    status: Some(draft.status),
                    rule: Some(draft.rule),
                    broken_at: draft.broken_at,
                    response: Kept {
                        bytes: beginning(&desk.output, draft, rest, keep.response),
                        length: sent,
                    },
                    response_head: draft.head.len(),
                    content_sent: sent.saturating_sub(draft.head.len() as u64),
                    ending,
                })))
            });
        }
        desk.output.clear();
        // The list keeps its memory for the next request.
        desk.drafts = drafts;
        desk.drafts.clear();
    }

    /// Reports a request that its client gave up before it could be answered.
    fn report_gone(&mut self, came: Arrival, request: Origin, length: u64) {
        let keep = self.server.keep.request;
        let desk = self.desk();
        let bytes = desk.origin(&request);
        let request = Kept {
            bytes: bytes[..bytes.len().min(keep)].into(),
            length,
        };
        let parts = parts(desk.parser().head(), bytes).within(keep);
        self.report_unanswered(came, request, parts, Ending::ClientGone);
    }

    /// Reports a request that ended before it could be answered.
    fn report_unanswered(&self, came: Arrival, request: Kept, parts: Parts, ending: Ending) {
        self.server
            .table
            .count(|figures| figures.counts.count(None, ending));
        self.server.tap.push_with(|| {
            Event::Web(WebEvent::Exchange(Box::new(Exchange {
                connection: self.live.id,
                number: self.requests,
                client: self.live.client,
                timing: Timing {
                    accepted: self.live.opened,
                    arrived: came.arrived,
                    first_byte: came.first_byte,
                    begun: came.begun,
                    parsed: None,
                    decided: None,
                    first_byte_out: None,
                    done: self.server.now(),
                },
                request,
                parts,
                status: None,
                rule: None,
                broken_at: None,
                response: Kept::default(),
                response_head: 0,
                content_sent: 0,
                ending,
            })))
        });
    }

    /// Reports the request that was being read or held back when the task was stopped.
    fn report_stopped(&mut self) {
        let state = self.live.snapshot();
        if self.cause != Cause::Stopped || !matches!(state.phase, Phase::Reading | Phase::Working) {
            return;
        }
        let first_byte = state.first_byte.unwrap_or(state.since);
        let came = Arrival {
            arrived: first_byte,
            first_byte,
            begun: first_byte,
        };
        self.requests = state.requests;
        self.report_unanswered(came, state.request, state.parts, Ending::Stopped);
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

/// The first bytes of a response.
fn beginning(output: &[u8], draft: &Draft, rest: &[Piece], most: usize) -> Box<[u8]> {
    let inline = &output[draft.head.start..draft.head.end + draft.inline];
    let mut bytes = inline[..inline.len().min(most)].to_vec();
    for piece in rest {
        let room = most.saturating_sub(bytes.len());
        if room == 0 {
            break;
        }
        bytes.extend_from_slice(&piece.beginning(room));
    }
    bytes.into()
}

/// Where the parts of a request stand, as far as the parser has read them.
fn parts(head: &Head, bytes: &[u8]) -> Parts {
    let part = |span: Span| -> Part { span.start..span.end };
    let field = |name: &[u8]| {
        let field = head
            .fields
            .iter()
            .find(|field| field.name.of(bytes).eq_ignore_ascii_case(name));
        field.map(|field| part(field.value))
    };
    // What stands behind the target is `HTTP/d.d`, eight bytes, or there would be no version.
    let version = head.target.end + 1;
    // Of a target that was not read to its end, what there is of it is worth showing.
    let target = match head.method_span.end as usize {
        0 => 0..0,
        end if head.target.end == 0 => {
            let begin = end + 1;
            let rest = bytes.get(begin..).unwrap_or_default();
            let is_end = |byte: &u8| matches!(byte, b' ' | b'\r' | b'\n');
            let length = rest.iter().position(is_end).unwrap_or(rest.len());
            begin as u32..(begin + length) as u32
        }
        _ => part(head.target),
    };
    Parts {
        method: part(head.method_span),
        target,
        version: match head.version.major {
            0 => 0..0,
            _ => version..version + 8,
        },
        head: head.length,
        user_agent: field(b"user-agent"),
        referer: field(b"referer"),
    }
}
