//! Which parts of what a client sends only the server is to see.
//!
//! It stands apart because it has to be right however the bytes come: a line with a password may be split over several reads, stand among others, or
//! be too long to be read at all.

use std::ops::Range;

use crate::proto::smtp::server::{Session, Step};

/// Finds the secrets in the input of one session.
#[derive(Default)]
pub struct Hidden {
    /// Parts of the input that was worked on last.
    parts: Vec<Range<usize>>,
    /// A line that is too long to be read holds a secret, and its rest is still coming.
    runs_on: bool,
}

impl Hidden {
    /// Another input is worked on.
    pub fn begin(&mut self) {
        self.parts.clear();
    }

    /// A step was made of the input from `used` on.
    pub fn note(&mut self, input: &[u8], used: usize, step: &Step) {
        let consumed = &input[used..used + step.consumed];
        if self.runs_on {
            let end = consumed.iter().position(|&byte| byte == b'\n');
            self.runs_on = end.is_none();
            let rest = &consumed[..end.map_or(consumed.len(), |end| end + 1)];
            self.parts.push(used..used + before_end(rest));
        }
        if let Some(secret) = step.turn.as_ref().and_then(|turn| turn.secret.as_ref()) {
            // It reaches to the end of its line, of which the turn has only the beginning if it was too long.
            self.runs_on = !consumed.ends_with(b"\n");
            self.parts
                .push(used + secret.start..used + before_end(consumed));
        }
    }

    /// The input from `used` on has to wait: for more of it, or until something else is done.
    pub fn note_rest(&mut self, input: &[u8], used: usize, session: &Session) {
        let from = session.hides(&input[used..]);
        self.parts.extend(from.map(|from| used + from..input.len()));
    }

    /// The parts that lie in the input behind its first `old` bytes, counted from there.
    pub fn parts_behind(&mut self, old: usize) -> &[Range<usize>] {
        for part in &mut self.parts {
            *part = part.start.saturating_sub(old)..part.end.saturating_sub(old);
        }
        self.parts.retain(|part| !part.is_empty());
        &self.parts
    }
}

/// Bytes of a line before its end, if that is there.
fn before_end(line: &[u8]) -> usize {
    match line.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line).len(),
        None => line.len(),
    }
}
