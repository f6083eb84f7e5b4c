//! What is said in a mail session, as JSON lines: the same shape for both ends, so that the two logs of one session can be laid side by side.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

use crate::trace::escape::escape_hostile;
use crate::trace::mail::{Fit, Speech};

/// Something that was said.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Said<'a> {
    /// A line of the client, its secrets masked.
    Command { text: Cow<'a, str> },
    Reply {
        code: u16,
        enhanced: Option<String>,
        /// What follows the code in each line.
        lines: Vec<Cow<'a, str>>,
        /// Since the command; `null` for a reply to nothing.
        latency_us: Option<f64>,
        /// Whether the client can go on as it wants to.
        expected: bool,
        odd: Vec<&'static str>,
    },
    /// A message, or a chunk of one, in bytes on the wire.
    Content { bytes: u64, stuffed: u64 },
}

impl<'a> Said<'a> {
    pub fn of(speech: &'a Speech) -> Self {
        match speech {
            Speech::Command(line) => Said::Command {
                text: escape_hostile(&line.shown),
            },
            Speech::Reply {
                reply,
                latency,
                fit,
            } => Said::Reply {
                code: reply.code.0,
                enhanced: reply.enhanced.map(|enhanced| enhanced.to_string()),
                lines: reply
                    .lines
                    .iter()
                    .map(|line| escape_hostile(line))
                    .collect(),
                latency_us: latency.map(micros),
                expected: *fit == Fit::Expected,
                odd: reply.odd.iter().map(|odd| odd.name()).collect(),
            },
            Speech::Content { bytes, stuffed, .. } => Said::Content {
                bytes: *bytes,
                stuffed: *stuffed,
            },
        }
    }
}

pub fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}
