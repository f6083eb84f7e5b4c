//! Replies written, with the faults that spoil them.

use std::fmt::{self, Write as _};

use super::{Cause, Context, Input, Manner, Next, Session, Turn};
use crate::proto::secret::{Line, MASK};
use crate::proto::smtp::code::Code;
use crate::proto::smtp::command::Refusal;
use crate::proto::smtp::fault::{Decision, Verdict};
use crate::proto::smtp::stage::Stage;

/// What was said to a command, and what comes next.
pub struct Answer {
    /// `None` where nothing was said.
    pub code: Option<u16>,
    pub next: Next,
}

impl Answer {
    /// Nothing is said (yet).
    pub const NONE: Answer = Answer {
        code: None,
        next: Next::Go,
    };
}

/// Writes a reply of one line. `text` begins with the enhanced code where the reply has one.
pub fn say(out: &mut Vec<u8>, code: u16, text: &str) -> Answer {
    line(out, code, b' ', text);
    Answer {
        code: Some(code),
        next: Next::Go,
    }
}

/// Writes a reply of one line that begins with a name.
pub fn say_named(out: &mut Vec<u8>, code: u16, name: &str, text: &str) -> Answer {
    start(out, code, b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
    Answer {
        code: Some(code),
        next: Next::Go,
    }
}

/// Writes a reply of one line that ends with a number.
pub fn say_number(out: &mut Vec<u8>, code: u16, text: &str, number: u64) -> Answer {
    start(out, code, b' ');
    out.extend_from_slice(text.as_bytes());
    append(out, format_args!("{number}\r\n"));
    Answer {
        code: Some(code),
        next: Next::Go,
    }
}

/// Writes a line of a reply. The separator is a hyphen where more lines follow (RFC 5321 §4.2.1).
pub fn line(out: &mut Vec<u8>, code: u16, separator: u8, text: &str) {
    start(out, code, separator);
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes what every line of a reply begins with.
pub fn start(out: &mut Vec<u8>, code: u16, separator: u8) {
    let digit = |place: u16| b'0' + (code / place % 10) as u8;
    out.extend_from_slice(&[digit(100), digit(10), digit(1), separator]);
}

/// Writes what is formatted, without a string in between.
pub fn append(out: &mut Vec<u8>, what: fmt::Arguments) {
    struct Bytes<'a>(&'a mut Vec<u8>);
    impl fmt::Write for Bytes<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
    // Writing to memory cannot fail.
    let _ = Bytes(out).write_fmt(what);
}

/// Writes what a fault says in place of the right reply.
pub fn spoil(verdict: &Verdict, out: &mut Vec<u8>) -> Answer {
    let Verdict::Reply {
        code,
        enhanced,
        text,
    } = verdict
    else {
        return Answer {
            code: None,
            next: Next::Close(Cause::Fault),
        };
    };
    start(out, code.0, b' ');
    if let Some(enhanced) = enhanced {
        append(out, format_args!("{enhanced} "));
    }
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
    Answer {
        code: Some(code.0),
        next: match code.0 {
            421 => Next::Close(Cause::Fault),
            _ => Next::Go,
        },
    }
}

impl Session {
    /// Writes a refusal and counts it, unless it may pass. A client that only makes mistakes is sent away.
    pub(super) fn refuse(&mut self, refusal: Refusal, context: &mut Context) -> Answer {
        self.errors = self.errors.saturating_add(u32::from(refusal.code >= 500));
        if self.errors < self.service.limits.errors {
            return say(context.out, refusal.code, refusal.text);
        }
        let mut answer = say(
            context.out,
            421,
            "4.7.0 Too many errors, closing the connection",
        );
        answer.next = Next::Close(Cause::Misbehaved);
        answer
    }

    /// A turn, out of the answer that begins at `from` and what a fault does to the way it is written.
    pub(super) fn turn(
        &mut self,
        stage: Stage,
        from: usize,
        answer: Answer,
        decision: Decision,
        context: &mut Context,
    ) -> Turn {
        let out = &mut *context.out;
        let spoilt = !decision.is_clean();
        if answer.code.is_some() {
            if decision.bare_lf {
                remove_cr(out, from);
            }
            if let Some(injected) = &decision.inject {
                out.extend_from_slice(injected.as_bytes());
                out.extend_from_slice(b"\r\n");
            }
        }
        match answer.next {
            Next::Close(_) => self.input = Input::Closed,
            Next::StartTls => self.input = Input::Upgrading,
            Next::Go | Next::Store => {}
        }
        Turn {
            stage,
            line: None,
            secret: None,
            measure: None,
            reply: from..out.len(),
            code: answer.code.map(Code),
            manner: manner(&decision),
            spoilt,
            next: answer.next,
        }
    }
}

impl Turn {
    /// The command's line, masked where it may hold a password. `input` is what [`Session::advance`] was given.
    pub fn heard(&self, input: &[u8]) -> Option<Line> {
        let line = input.get(self.line.clone()?)?;
        let Some(secret) = &self.secret else {
            return Some(Line::open(line));
        };
        let before = input.get(self.line.as_ref()?.start..secret.start)?;
        // A secret reaches to the end of its line.
        let shown = [before, MASK.as_bytes()].concat();
        Some(Line::masked(&shown, line))
    }

    /// The same turn for an input in which the line begins so much later.
    pub(super) fn shifted(mut self, by: usize) -> Self {
        for range in [&mut self.line, &mut self.secret].into_iter().flatten() {
            *range = range.start + by..range.end + by;
        }
        self
    }
}

fn manner(decision: &Decision) -> Manner {
    if decision.before.is_zero() && decision.between.is_none() {
        return Manner::AtOnce;
    }
    Manner::Slow {
        before: decision.before,
        between: decision.between,
    }
}

/// Takes the CR out of each line end.
fn remove_cr(out: &mut Vec<u8>, from: usize) {
    let reply = out.split_off(from);
    out.extend(reply.into_iter().filter(|&byte| byte != b'\r'));
}
