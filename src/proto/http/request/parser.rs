//! The head of a request from bytes however they are cut (RFC 9112 §2 to §5).
//!
//! The parser holds no bytes, only how far it is: it stands apart from whatever buffers them. A byte is judged when it arrives, and judged once.
//! Only two need the byte behind them and are looked at again: a CR, and the first byte of a TLS handshake.

use super::octets::{self, Class};
use super::{Field, Head, Limits, Malformed, Method, Span, Version};
use crate::proto::http::rule::Rule;

/// How many empty lines may stand before a request line. RFC 9112 §2.2 asks for one at least; old clients send one behind a body.
const EMPTY_LINES: usize = 4;
/// No limit goes beyond this, so that every offset fits a [`Span`].
const LARGEST: usize = 1 << 30;

/// Whether a head is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Partial,
    Complete,
}

/// What the next byte belongs to, in the order of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Before the request line: nothing came yet, or empty lines.
    EmptyLines,
    Method,
    Target,
    /// The version and the end of the request line.
    Version,
    /// The first byte of a field line or of the blank line.
    FieldStart,
    FieldName,
    /// White space before a value.
    BeforeValue,
    /// A value and the end of its line.
    FieldValue,
    /// Behind the blank line.
    Complete,
}

/// An incremental parser, to be used for one message after the other.
#[derive(Debug)]
pub struct Parser {
    limits: Limits,
    stage: Stage,
    /// Bytes before it have been judged.
    at: usize,
    /// Where the part that is being read begins.
    mark: usize,
    /// The name of the field that is being read.
    name: Span,
    /// Where the field section begins.
    section: usize,
    head: Head,
}

impl Parser {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits: Limits {
                request_line: limits.request_line.min(LARGEST),
                head: limits.head.min(LARGEST),
                fields: limits.fields,
            },
            stage: Stage::EmptyLines,
            at: 0,
            mark: 0,
            name: Span::default(),
            section: 0,
            head: Head::default(),
        }
    }

    /// Reads on. `bytes` are all bytes of the message so far: those of the last call unchanged, and more behind them; what follows the head is left alone.
    ///
    /// # Errors
    ///
    /// The first byte that breaks a rule, as soon as it is there. Called again, the answer is the same.
    pub fn parse(&mut self, bytes: &[u8]) -> Result<Progress, Malformed> {
        if self.stage == Stage::EmptyLines && self.empty_lines(bytes)? == Progress::Partial {
            return Ok(Progress::Partial);
        }
        if self.stage <= Stage::Version {
            let end = self.head.started + self.limits.request_line;
            if self.request_line(until(bytes, end))? == Progress::Partial {
                return partial(bytes, end, Rule::TargetTooLong);
            }
        }
        if self.stage < Stage::Complete {
            let end = self.section + self.limits.head;
            if self.field_section(until(bytes, end))? == Progress::Partial {
                return partial(bytes, end, Rule::FieldsTooLarge);
            }
        }
        Ok(Progress::Complete)
    }

    /// What was read so far; all of it once [`parse`](Self::parse) has answered [`Progress::Complete`].
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What the next byte belongs to, or the one that broke a rule.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// How many bytes have been judged.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Makes ready for the next message, whose first byte has offset 0 again. The memory of the field list is kept.
    pub fn reset(&mut self) {
        let mut fields = std::mem::take(&mut self.head.fields);
        fields.clear();
        *self = Self::new(self.limits);
        self.head.fields = fields;
    }

    /// Skips empty lines up to the first byte of a request line.
    fn empty_lines(&mut self, bytes: &[u8]) -> Result<Progress, Malformed> {
        loop {
            match bytes.get(self.at) {
                None => return Ok(Progress::Partial),
                Some(b'\r') if self.at == 2 * EMPTY_LINES => {
                    return self.broken(Rule::TooManyEmptyLines);
                }
                Some(b'\r') => {
                    if self.line_end(bytes)? == Progress::Partial {
                        return Ok(Progress::Partial);
                    }
                    self.at += 2;
                }
                // A TLS record of the type handshake (22) begins with its version, 3.x (RFC 8446 §5.1).
                Some(0x16) if self.at == 0 && bytes.len() == 1 => return Ok(Progress::Partial),
                Some(0x16) if self.at == 0 && bytes.get(1) == Some(&3) => {
                    return self.broken(Rule::TlsHandshake);
                }
                Some(_) => break,
            }
        }
        self.head.started = self.at;
        self.begin(Stage::Method);
        Ok(Progress::Complete)
    }

    fn request_line(&mut self, bytes: &[u8]) -> Result<Progress, Malformed> {
        if self.stage == Stage::Method && self.method(bytes)? == Progress::Partial
            || self.stage == Stage::Target && self.target(bytes)? == Progress::Partial
        {
            return Ok(Progress::Partial);
        }
        self.version(bytes)
    }

    fn method(&mut self, bytes: &[u8]) -> Result<Progress, Malformed> {
        let longest = self.mark + Method::LONGEST;
        self.at = octets::run(until(bytes, longest), self.at, Class::Token);
        match bytes.get(self.at) {
            None => Ok(Progress::Partial),
            Some(b' ') if self.at > self.mark => {
                self.head.method_span = Span::new(self.mark, self.at);
                self.head.method = Method::of(self.head.method_span.of(bytes));
                self.at += 1;
                self.begin(Stage::Target);
                Ok(Progress::Complete)
            }
            Some(&byte) if octets::is(byte, Class::Token) => self.broken(Rule::MethodTooLong),
            Some(b' ' | b'\t') => self.broken(Rule::InvalidRequestLine),
            Some(b'\r' | b'\n') => self.line_end_instead(bytes, Rule::InvalidRequestLine),
            Some(_) => self.broken(Rule::InvalidMethod),
        }
    }

    fn target(&mut self, bytes: &[u8]) -> Result<Progress, Malformed> {
        self.at = octets::run(bytes, self.at, Class::Target);
        let empty = self.at == self.mark;
        match bytes.get(self.at) {
            None => Ok(Progress::Partial),
            Some(b' ') if !empty => {
                self.head.target = Span::new(self.mark, self.at);
                self.at += 1;
                self.begin(Stage::Version);
                Ok(Progress::Complete)
            }
            Some(b' ' | b'\t') => self.broken(Rule::InvalidRequestLine),
            Some(b'\r' | b'\n') if empty => self.line_end_instead(bytes, Rule::InvalidRequestLine),
            Some(b'\r' | b'\n') => self.line_end_instead(bytes, Rule::OldRequest),
            Some(b'#') => self.broken(Rule::FragmentInTarget),
            Some(_) => self.broken(Rule::InvalidTarget),
        }
    }

    /// `HTTP/1.x` and the line end.
    fn version(&mut self, bytes: &[u8]) -> Result<Progress, Malformed> {
        const SHAPE: &[u8] = b"HTTP/1.";
        const MAJOR: usize = 5;
        loop {
            let Some(&byte) = bytes.get(self.at) else {
                return Ok(Progress::Partial);
            };
            let place = self.at - self.mark;
            match byte {
                b'\r' if place > SHAPE.len() => {
                    if self.line_end(bytes)? == Progress::Partial {
                        return Ok(Progress::Partial);
                    }
                    self.at += 2;
                    self.section = self.at;
                    self.begin(Stage::FieldStart);
                    return Ok(Progress::Complete);
                }
                b'\r' | b'\n' => return self.line_end_instead(bytes, Rule::InvalidVersion),
                b' ' | b'\t' => return self.broken(Rule::InvalidRequestLine),
                _ if SHAPE.get(place) == Some(&byte) => {}
                b'0'..=b'9' if place == SHAPE.len() => {
                    self.head.version = Version {
                        major: 1,
                        minor: byte - b'0',
                    };
                }
                b'0'..=b'9' if place == MAJOR => return self.broken(Rule::UnsupportedVersion),
                _ => return self.broken(Rule::InvalidVersion),
            }
            self.at += 1;
        }
    }

    fn field_section(&mut self, bytes: &[u8]) -> Result<Progress, Malformed> {
        loop {
            let progress = match self.stage {
                Stage::FieldStart => self.field_start(bytes)?,
                Stage::FieldName => self.field_name(bytes)?,
                Stage::BeforeValue => self.before_value(bytes),
                Stage::FieldValue => self.field_value(bytes)?,
                _ => return Ok(Progress::Complete),
            };
            if progress == Progress::Partial {
                return Ok(Progress::Partial);
            }
        }
    }

    fn field_start(&mut self, bytes: &[u8]) -> Result<Progress, Malformed> {
        match bytes.get(self.at) {
            None => Ok(Progress::Partial),
            Some(b'\r') => {
                if self.line_end(bytes)? == Progress::Partial {
                    return Ok(Progress::Partial);
                }
                self.at += 2;
                self.head.length = self.at;
                self.begin(Stage::Complete);
                Ok(Progress::Complete)
            }
            Some(b'\n') => self.broken(Rule::BareLineFeed),
            Some(b' ' | b'\t') if self.head.fields.is_empty() => {
                self.broken(Rule::SpaceBeforeFirstField)
            }
            Some(b' ' | b'\t') => self.broken(Rule::FoldedField),
            Some(&byte) if !octets::is(byte, Class::Token) => self.broken(Rule::InvalidFieldName),
            Some(_) if self.head.fields.len() >= self.limits.fields => {
                self.broken(Rule::TooManyFields)
            }
            Some(_) => {
                self.begin(Stage::FieldName);
                Ok(Progress::Complete)
            }
        }
    }

    fn field_name(&mut self, bytes: &[u8]) -> Result<Progress, Malformed> {
        self.at = octets::run(bytes, self.at, Class::Token);
        match bytes.get(self.at) {
            None => Ok(Progress::Partial),
            Some(b':') => {
                self.name = Span::new(self.mark, self.at);
                self.at += 1;
                self.begin(Stage::BeforeValue);
                Ok(Progress::Complete)
            }
            Some(b' ' | b'\t') => self.broken(Rule::SpaceBeforeColon),
            Some(b'\r' | b'\n') => self.line_end_instead(bytes, Rule::MissingColon),
            Some(_) => self.broken(Rule::InvalidFieldName),
        }
    }

    fn before_value(&mut self, bytes: &[u8]) -> Progress {
        while let Some(b' ' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
        if self.at >= bytes.len() {
            return Progress::Partial;
        }
        self.begin(Stage::FieldValue);
        Progress::Complete
    }

    fn field_value(&mut self, bytes: &[u8]) -> Result<Progress, Malformed> {
        self.at = octets::value_run(bytes, self.at);
        match bytes.get(self.at) {
            None => Ok(Progress::Partial),
            Some(b'\r') => {
                if self.line_end(bytes)? == Progress::Partial {
                    return Ok(Progress::Partial);
                }
                let value = octets::trim(&bytes[self.mark..self.at]);
                self.head.fields.push(Field {
                    name: self.name,
                    value: Span::new(self.mark, self.mark + value.len()),
                });
                self.at += 2;
                self.begin(Stage::FieldStart);
                Ok(Progress::Complete)
            }
            Some(b'\n') => self.broken(Rule::BareLineFeed),
            Some(_) => self.broken(Rule::InvalidFieldValue),
        }
    }

    fn begin(&mut self, stage: Stage) {
        self.stage = stage;
        self.mark = self.at;
    }

    fn broken(&self, rule: Rule) -> Result<Progress, Malformed> {
        Err(Malformed::new(self.at, rule))
    }

    /// Whether the CR where the parser stands ends a line; partial as long as nothing is behind it.
    fn line_end(&self, bytes: &[u8]) -> Result<Progress, Malformed> {
        match bytes.get(self.at + 1) {
            None => Ok(Progress::Partial),
            Some(b'\n') => Ok(Progress::Complete),
            Some(_) => self.broken(Rule::BareCarriageReturn),
        }
    }

    /// A CR or LF where the line must go on: `rule` is broken, unless it is not even a line end.
    fn line_end_instead(&self, bytes: &[u8], rule: Rule) -> Result<Progress, Malformed> {
        if bytes.get(self.at) == Some(&b'\n') {
            return self.broken(Rule::BareLineFeed);
        }
        match self.line_end(bytes)? {
            Progress::Partial => Ok(Progress::Partial),
            Progress::Complete => self.broken(rule),
        }
    }
}

/// The bytes up to an offset, or as many as there are.
fn until(bytes: &[u8], end: usize) -> &[u8] {
    bytes.get(..end).unwrap_or(bytes)
}

/// What a part means that has no end before the offset `end`: more is to come, or it is too long.
fn partial(bytes: &[u8], end: usize, rule: Rule) -> Result<Progress, Malformed> {
    if bytes.len() > end {
        Err(Malformed::new(end, rule))
    } else {
        Ok(Progress::Partial)
    }
}
