//! Replies of a server, read from whatever pieces they come in (RFC 5321 §4.2). It stands apart from what a reply means: here is decided only where
//! one ends, and what in it is not as it should be.
//!
//! Liberal where the RFC lets a client be, and then marked ([`Oddity`]); bounded everywhere, since a reply may go on for ever.

use std::fmt;

use memchr::memchr;
use serde::{Deserialize, Serialize};

use super::code::{Code, Enhanced};
use crate::proto::serial;

/// One whole reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Of its last line.
    pub code: Code,
    /// Of its first line that has one, where its class is that of the code.
    pub enhanced: Option<Enhanced>,
    /// The text of each line: what follows the code and its separator, an enhanced code included.
    #[serde(with = "serial::bytes::list")]
    pub lines: Vec<Box<[u8]>>,
    /// As it came, line ends included.
    #[serde(with = "serial::bytes")]
    pub raw: Box<[u8]>,
    /// What is odd about it, in the order of [`Oddity`].
    pub odd: Vec<Oddity>,
}

/// Something that a reply should not have, but that does not hinder understanding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Oddity {
    /// A line ends in a bare LF (RFC 5321 §2.3.8).
    BareLf,
    /// A code and nothing after it, not even the space (RFC 5321 §4.2: a client SHOULD take it).
    CodeOnly,
    /// Lines of one reply with different codes (RFC 5321 §4.2.1: they MUST be the same).
    DifferingCodes,
    /// A line of more than 512 bytes (RFC 5321 §4.5.3.1.5).
    LongLine,
    /// A second digit that the RFC gives no meaning (RFC 5321 §4.2.1).
    UnknownSecondDigit,
    /// Bytes beyond ASCII where none were agreed on, or control characters.
    NotText,
    /// `AUTH=` in place of `AUTH` and a space: a form older than RFC 4954.
    AuthEquals,
    /// A challenge of AUTH that is not base64 (RFC 4954 §4).
    NotBase64,
    /// An enhanced code whose class is not that of the code (RFC 2034 §4).
    EnhancedClass,
}

impl Oddity {
    pub const ALL: [Oddity; 9] = [
        Oddity::BareLf,
        Oddity::CodeOnly,
        Oddity::DifferingCodes,
        Oddity::LongLine,
        Oddity::UnknownSecondDigit,
        Oddity::NotText,
        Oddity::AuthEquals,
        Oddity::NotBase64,
        Oddity::EnhancedClass,
    ];

    /// Its stable name in JSON; its words stand under `smtp.odd.<name>`.
    pub fn name(self) -> &'static str {
        match self {
            Oddity::BareLf => "bare-lf",
            Oddity::CodeOnly => "code-only",
            Oddity::DifferingCodes => "differing-codes",
            Oddity::LongLine => "long-line",
            Oddity::UnknownSecondDigit => "unknown-second-digit",
            Oddity::NotText => "not-text",
            Oddity::AuthEquals => "auth-equals",
            Oddity::NotBase64 => "not-base64",
            Oddity::EnhancedClass => "enhanced-class",
        }
    }
}

/// What a reply may measure. A server that sends more is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a line, its end included. The RFC has 512 (§4.5.3.1.5).
    pub line: usize,
    pub lines: usize,
    /// Bytes of all lines.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: 8 * 1024,
            lines: 128,
            bytes: 64 * 1024,
        }
    }
}

/// The longest line of a reply, its end included (RFC 5321 §4.5.3.1.5).
const LINE: usize = 512;

/// Bytes of an offending line that a [`ReplyError`] keeps.
const EXCERPT: usize = 256;

/// Why bytes are no reply. The session can't go on: nobody knows where the next reply begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyError {
    pub problem: Problem,
    /// The beginning of the line it is about.
    #[serde(with = "serial::bytes")]
    pub line: Box<[u8]>,
}

/// What is wrong. Its words for people stand under `smtp.reply_error.<name>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Problem {
    #[error("a line begins with three digits and a space or hyphen")]
    NoCode,
    #[error("the code is not between 200 and 599")]
    CodeOutOfRange,
    #[error("a line of the reply is longer than {0} bytes")]
    LineTooLong(usize),
    #[error("the reply has more than {0} lines")]
    TooManyLines(usize),
    #[error("the reply is longer than {0} bytes")]
    TooLong(usize),
}

impl Problem {
    pub fn name(self) -> &'static str {
        match self {
            Problem::NoCode => "no-code",
            Problem::CodeOutOfRange => "code-out-of-range",
            Problem::LineTooLong(_) => "line-too-long",
            Problem::TooManyLines(_) => "too-many-lines",
            Problem::TooLong(_) => "too-long",
        }
    }

    /// The limit that was passed.
    pub fn limit(self) -> Option<usize> {
        match self {
            Problem::NoCode | Problem::CodeOutOfRange => None,
            Problem::LineTooLong(most) | Problem::TooManyLines(most) | Problem::TooLong(most) => {
                Some(most)
            }
        }
    }
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: \"{}\"", self.problem, self.line.escape_ascii())
    }
}

impl std::error::Error for ReplyError {}

/// Cuts replies out of bytes. Each byte is looked at once to find the lines and once to read them, however they come.
#[derive(Debug)]
pub struct ReplyParser {
    limits: Limits,
    utf8: bool,
    /// What has come and is not handed out, from `begin` on.
    bytes: Vec<u8>,
    /// Where the reply begins that is being read.
    begin: usize,
    /// Where its current line begins.
    line: usize,
    /// No line end stands between `line` and here.
    searched: usize,
    /// Whole lines it has so far.
    lines: usize,
}

impl ReplyParser {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            utf8: false,
            bytes: Vec::new(),
            begin: 0,
            line: 0,
            searched: 0,
            lines: 0,
        }
    }

    /// From now on UTF-8 is text like ASCII: MAIL, VRFY or EXPN was sent with SMTPUTF8 (RFC 6531 §3.7.4.2).
    pub fn agree_on_utf8(&mut self) {
        self.utf8 = true;
    }

    /// Takes bytes as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.begin > 0 && self.begin == self.bytes.len() {
            self.bytes.clear();
            (self.line, self.searched, self.begin) = (0, 0, 0);
        } else if self.begin > self.bytes.len() / 2 {
            // Less is moved than was handed out before, so that all moves together stay linear.
            self.bytes.drain(..self.begin);
            self.line -= self.begin;
            self.searched -= self.begin;
            self.begin = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// What has come and was not handed out as a reply. At the reply to STARTTLS it has to be empty (RFC 3207 §4.2).
    pub fn buffered(&self) -> &[u8] {
        &self.bytes[self.begin..]
    }

    /// The next reply, as soon as it is whole.
    ///
    /// # Errors
    ///
    /// [`ReplyError`], and the same one from then on.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, ReplyError> {
        loop {
            let found = memchr(b'\n', &self.bytes[self.searched..]);
            let end = found.map_or(self.bytes.len(), |at| self.searched + at + 1);
            self.check_size(end)?;
            if found.is_none() {
                self.searched = end;
                return Ok(None);
            }
            let line =
                Line::read(&self.bytes[self.line..end]).map_err(|problem| self.error(problem))?;
            let (code, is_last) = (line.code, line.is_last);
            (self.line, self.searched) = (end, end);
            self.lines += 1;
            if is_last {
                let raw = &self.bytes[self.begin..end];
                let reply = assemble(raw, code, self.lines, self.utf8);
                self.begin = end;
                self.lines = 0;
                return Ok(Some(reply));
            }
        }
    }

    /// Checks the limits for a current line that reaches up to `end`, whole or not.
    fn check_size(&self, end: usize) -> Result<(), ReplyError> {
        let Limits { line, lines, bytes } = self.limits;
        if end - self.line > line {
            return Err(self.error(Problem::LineTooLong(line)));
        }
        if end > self.line && self.lines >= lines {
            return Err(self.error(Problem::TooManyLines(lines)));
        }
        if end - self.begin > bytes {
            return Err(self.error(Problem::TooLong(bytes)));
        }
        Ok(())
    }

    fn error(&self, problem: Problem) -> ReplyError {
        let rest = &self.bytes[self.line..];
        let line = memchr(b'\n', rest).map_or(rest, |end| &rest[..=end]);
        ReplyError {
            problem,
            line: line[..line.len().min(EXCERPT)].into(),
        }
    }
}

/// A line of a reply, taken apart.
struct Line<'a> {
    code: Code,
    /// No hyphen follows the code.
    is_last: bool,
    /// Nothing follows the code.
    code_only: bool,
    text: &'a [u8],
    /// It ends in LF alone.
    bare_lf: bool,
}

impl<'a> Line<'a> {
    /// `line` holds its end.
    fn read(line: &'a [u8]) -> Result<Self, Problem> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let (line, bare_lf) = match line.strip_suffix(b"\r") {
            Some(line) => (line, false),
            None => (line, true),
        };
        let (digits, rest) = line.split_first_chunk::<3>().ok_or(Problem::NoCode)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(Problem::NoCode);
        }
        let (is_last, text) = match rest.split_first() {
            None => (true, rest),
            Some((b' ', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            Some(_) => return Err(Problem::NoCode),
        };
        let code = digits
            .iter()
            .fold(0, |code, digit| 10 * code + u16::from(digit - b'0'));
        if !(200..600).contains(&code) {
            return Err(Problem::CodeOutOfRange);
        }
        Ok(Self {
            code: Code(code),
            is_last,
            code_only: rest.is_empty(),
            text,
            bare_lf,
        })
    }
}

/// The reply of these lines, each of which can be read, and the last of which has this code.
fn assemble(raw: &[u8], code: Code, count: usize, utf8: bool) -> Reply {
    let mut lines = Vec::with_capacity(count);
    let mut odd = Vec::new();
    let mut mark = |oddity, is_so: bool| {
        if is_so && !odd.contains(&oddity) {
            odd.push(oddity);
        }
    };
    let mut enhanced = None;
    for whole in raw.split_inclusive(|&byte| byte == b'\n') {
        // It was read when it came, so none is left out here.
        let Ok(line) = Line::read(whole) else {
            continue;
        };
        mark(Oddity::BareLf, line.bare_lf);
        mark(Oddity::CodeOnly, line.code_only);
        mark(Oddity::DifferingCodes, line.code != code);
        mark(Oddity::LongLine, whole.len() > LINE);
        mark(Oddity::NotText, !is_text(line.text, utf8));
        if let Some(found) = Enhanced::read(line.text) {
            let fits = found.fits(code.class());
            mark(Oddity::EnhancedClass, !fits);
            enhanced = enhanced.or(fits.then_some(found));
        }
        lines.push(line.text.into());
    }
    mark(Oddity::UnknownSecondDigit, !code.has_known_second_digit());
    odd.sort_unstable();
    Reply {
        code,
        enhanced,
        lines,
        raw: raw.into(),
        odd,
    }
}

/// `textstring` of RFC 5321 §4.2, or of RFC 6531 §3.7.4.
fn is_text(text: &[u8], utf8: bool) -> bool {
    let controls = text
        .iter()
        .any(|&byte| byte.is_ascii_control() && byte != b'\t');
    !controls && (text.is_ascii() || utf8 && std::str::from_utf8(text).is_ok())
}

#[cfg(test)]
mod tests;
