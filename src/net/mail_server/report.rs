//! Telling what happens in a session, to the counters and to whoever watches.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::session::Connection;
use crate::net::lock::lock;
use crate::net::maildir::Kept;
use crate::proto::secret::MASK;
use crate::proto::smtp::code::{Code, allowed, expected};
use crate::proto::smtp::reply::{Limits, Reply, ReplyParser};
use crate::proto::smtp::server::Turn;
use crate::proto::smtp::stage::Stage;
use crate::trace::mail::{Arrived, Fit, Line, MailEvent, Speech, Spoken};

/// Bytes of a message, or of what was dropped before a handshake, that an event keeps.
const EXCERPT: usize = 256;

/// Different replies that are remembered: more than there are in a usual dialogue.
const REMEMBERED: usize = 32;

/// Replies as events hold them. A server says the same few things over and over, and making each anew would cost more than saying it.
#[derive(Default)]
pub struct Replies {
    known: Vec<Arc<Reply>>,
    /// Which is forgotten next.
    oldest: usize,
}

impl Replies {
    fn get(&mut self, bytes: &[u8], code: Code) -> Arc<Reply> {
        if let Some(known) = self.known.iter().find(|reply| *reply.raw == *bytes) {
            return known.clone();
        }
        let reply = Arc::new(parsed(bytes, code));
        if self.known.len() < REMEMBERED {
            self.known.push(reply.clone());
        } else {
            self.known[self.oldest] = reply.clone();
            self.oldest = (self.oldest + 1) % REMEMBERED;
        }
        reply
    }
}

/// A reply that is not written yet.
pub struct Said {
    stage: Stage,
    /// Where it is in the output.
    reply: Range<usize>,
    code: Code,
    /// When what it answers was complete.
    asked: Duration,
}

impl Connection {
    /// Takes note of a turn; `input` is what its line is part of.
    pub(super) fn note(&mut self, turn: &Turn, input: &[u8]) {
        let counters = &self.server.counters;
        if turn.line.is_some() {
            counters.command();
            self.commands += 1;
            self.tell_spoken(turn.stage, || {
                // There is a line.
                Speech::Command(turn.heard(input).unwrap_or_else(|| Line::open(b"")))
            });
        }
        if let Some(measure) = turn.measure {
            self.tell_spoken(turn.stage, || Speech::Content {
                bytes: measure.wire,
                stuffed: measure.stuffed,
                excerpt: self.excerpt.as_slice().into(),
            });
            self.excerpt.clear();
        }
        if turn.spoilt {
            counters.spoilt();
        }
        if let Some(code) = turn.code {
            counters.replied(code);
            self.said.push(Said {
                stage: turn.stage,
                reply: turn.reply.clone(),
                code,
                asked: self.arrived,
            });
        }
    }

    fn tell_spoken(&self, stage: Stage, what: impl FnOnce() -> Speech) {
        self.server.tell(|| MailEvent::Spoken {
            session: self.id,
            spoken: Spoken {
                at: self.arrived,
                stage,
                encrypted: self.session.encrypted(),
                what: what(),
            },
        });
    }

    /// Keeps the first bytes of a message for who watches.
    pub(super) fn take_excerpt(&mut self) {
        if !self.excerpt.is_empty() {
            return;
        }
        if let Some(incoming) = &mut self.incoming {
            let content = incoming.buffer().get(self.head..).unwrap_or_default();
            let length = content.len().min(EXCERPT);
            self.excerpt.extend_from_slice(&content[..length]);
        }
    }

    /// Tells of the replies that are written, by a call at this moment.
    pub(super) fn tell_replies(&mut self, at: Duration) {
        let written = self.written;
        let done = self
            .said
            .iter()
            .take_while(|said| said.reply.end <= written)
            .count();
        if done == 0 {
            return;
        }
        self.answered = self.server.now();
        for said in self.said.drain(..done) {
            let bytes = &self.out[said.reply.clone()];
            let reply = || match said.stage {
                // It has the number of the message in it, and is never said again.
                Stage::Dot | Stage::Bdat => Arc::new(parsed(bytes, said.code)),
                _ => lock(&self.server.replies).get(bytes, said.code),
            };
            self.server.tell(|| MailEvent::Spoken {
                session: self.id,
                spoken: Spoken {
                    at,
                    stage: said.stage,
                    encrypted: self.session.encrypted(),
                    what: Speech::Reply {
                        reply: reply(),
                        latency: Some(at.saturating_sub(said.asked)),
                        fit: fit(said.stage, said.code),
                    },
                },
            });
        }
    }

    pub(super) fn tell_arrived(&mut self, kept: &Kept) {
        let bytes = kept.bytes.saturating_sub(self.head as u64);
        self.messages += 1;
        self.server.counters.message(bytes);
        self.server.tell(|| {
            MailEvent::Arrived(Box::new(Arrived {
                session: self.id,
                at: self.server.now(),
                id: kept.id,
                envelope: self.session.envelope().clone(),
                bytes,
                file: kept.file.clone(),
            }))
        });
    }

    /// Tells of bytes that were dropped between STARTTLS and the handshake.
    pub(super) fn tell_dropped(&self, bytes: &[u8]) {
        self.server.tell(|| MailEvent::Dropped {
            session: self.id,
            at: self.arrived,
            bytes: bytes.len() as u64,
            excerpt: self.shown(bytes),
        });
    }

    /// The first of bytes that nobody works on, up to where a password may stand.
    fn shown(&self, bytes: &[u8]) -> Box<[u8]> {
        let mut shown = bytes[..bytes.len().min(EXCERPT)].to_vec();
        if let Some(from) = self.session.hides(bytes).filter(|&from| from < shown.len()) {
            shown.truncate(from);
            shown.extend_from_slice(MASK.as_bytes());
        }
        shown.into()
    }
}

/// One of our replies. A fault may have put more behind it, or made it something that is none.
fn parsed(bytes: &[u8], code: Code) -> Reply {
    let mut parser = ReplyParser::new(Limits::default());
    parser.push(bytes);
    match parser.next_reply() {
        Ok(Some(mut reply)) => {
            reply.raw = bytes.into();
            reply
        }
        Ok(None) | Err(_) => Reply {
            code,
            enhanced: None,
            lines: vec![bytes.into()],
            raw: bytes.into(),
            odd: Vec::new(),
        },
    }
}

fn fit(stage: Stage, code: Code) -> Fit {
    if !allowed(stage, code) {
        Fit::NotInTheList
    } else if expected(stage).contains(&code.0) {
        Fit::Expected
    } else {
        Fit::Refusal
    }
}
