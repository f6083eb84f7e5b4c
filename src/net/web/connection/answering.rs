//! From a head that was read to its response in the output: the teacher's delay, the body, the answer, and the refusals of what is no request.

use std::ops::ControlFlow;

use super::report::{parts, parts_with};
use super::{Connection, Received, gone};
use crate::net::lock::lock;
use crate::net::web::answer::{After, Question};
use crate::net::web::desk::{Arrival, Draft, Origin};
use crate::net::web::send::Piece;
use crate::proto::http::body::BodyReader;
use crate::proto::http::request::{
    BodyLength, Expectation, Malformed, Message, Method, Persistence,
};
use crate::proto::http::response;
use crate::proto::http::rule::Rule;
use crate::proto::http::service::Mode;
use crate::trace::web::Cause;

/// Responses are gathered for one write up to about so many bytes.
const GATHER: usize = 64 * 1_024;

impl Connection {
    /// Answers the request whose head the desk's parser has just read.
    pub(super) async fn answer_one(&mut self, came: Arrival) -> ControlFlow<Cause> {
        let parsed = self.server.now();
        let service = self.service().clone();
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
        let asked = &message.asked;
        let parts = parts_with(head, desk.received(), asked.user_agent, asked.referer);
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
        // The file is looked at as it is now, not as it was before the delay or the body.
        let now = match service.delay.is_zero() && message.body == BodyLength::None {
            true => parsed,
            false => server.now(),
        };
        let desk = self.desk();
        let (parser, bytes, output) = desk.lend(&request);
        let question = Question {
            head: parser.head(),
            bytes,
            message: &message,
            service: &service,
            after,
            now: server.clock.instant(now),
            wall: server.clock.wall(now),
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
    fn after(&mut self, message: &Message) -> After {
        if self.service().mode == Mode::OneAtATime {
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
            self.desk().output.extend_from_slice(response::CONTINUE);
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
            let received = match limits.is_too_slow(whole, now.saturating_sub(begun)) {
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
    pub(super) async fn refuse_request(
        &mut self,
        rule: Rule,
        broken_at: usize,
        came: Arrival,
    ) -> Cause {
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
}
