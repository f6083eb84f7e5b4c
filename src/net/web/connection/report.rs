//! Sending what is in the output, and telling what became of each exchange: to the counters, and as events to whoever watches.

use std::ops::ControlFlow;
use std::time::Duration;

use super::Connection;
use crate::net::web::desk::{Arrival, Draft, Origin};
use crate::net::web::live::Answered;
use crate::net::web::send::{Piece, Progress as Sent, Sending};
use crate::proto::http::request::{Head, Span};
use crate::proto::http::secret::{Scanner, Side};
use crate::trace::event::Event;
use crate::trace::web::{
    Cause, Ending, Exchange, Message as Kept, Part, Parts, Phase, Timing, WebEvent,
};

impl Connection {
    /// Sends what is in the output, and what belongs behind it, and reports the exchanges that are finished with it.
    pub(super) async fn flush(&mut self, rest: Vec<Piece>) -> ControlFlow<Cause> {
        let rate = self.service().rate;
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
            log: &self.log.0,
            secrets: Scanner::new(Side::Response),
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
            rate,
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
    pub(super) fn finish(&mut self, ending: Ending, rest: &[Piece]) {
        let Some(desk) = self.desk.as_deref_mut() else {
            return;
        };
        let progress = std::mem::take(&mut self.sent);
        let done = match progress.last {
            Some(last) if ending == Ending::Complete => last,
            _ => self.server.now(),
        };
        self.done = done;
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
                let rest = if place == last { rest } else { &[] };
                let response = beginning(&desk.output, draft, rest, keep.response);
                Event::Web(WebEvent::Exchange(Box::new(Exchange {
                    connection: self.live.id,
                    number: draft.number,
                    client: self.live.client,
                    timing,
                    request: Kept {
                        bytes: self.server.kept_request(desk.origin(&draft.request)),
                        length: draft.request_length,
                    },
                    parts: draft.parts.within(keep.request),
                    status: Some(draft.status),
                    rule: Some(draft.rule),
                    broken_at: draft.broken_at,
                    response: Kept {
                        bytes: self.server.shown(Side::Response, response),
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
    pub(super) fn report_gone(&mut self, came: Arrival, request: Origin, length: u64) {
        let server = self.server.clone();
        let keep = server.keep.request;
        let desk = self.desk();
        let bytes = desk.origin(&request);
        let request = Kept {
            bytes: server.kept_request(bytes),
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
    pub(super) fn report_stopped(&mut self) {
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
pub(super) fn parts(head: &Head, bytes: &[u8]) -> Parts {
    let field = |name: &[u8]| {
        let mut fields = head.fields.iter();
        fields
            .find(|field| field.name.of(bytes).eq_ignore_ascii_case(name))
            .map(|field| field.value)
    };
    parts_with(head, bytes, field(b"user-agent"), field(b"referer"))
}

/// The same where the two fields of a log are found already.
pub(super) fn parts_with(
    head: &Head,
    bytes: &[u8],
    user_agent: Option<Span>,
    referer: Option<Span>,
) -> Parts {
    let part = |span: Span| -> Part { span.start..span.end };
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
        user_agent: user_agent.map(part),
        referer: referer.map(part),
    }
}
