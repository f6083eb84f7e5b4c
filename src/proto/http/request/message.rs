//! What a complete head means for the connection: whether a body follows and how it ends, whether the connection stays, and which fields the
//! answer depends on. One pass over the fields finds those that have a meaning here; then each rule is asked for in a fixed order.
//!
//! It stands apart from the parser, which knows lines but no meanings. Every error here puts the end of the request in doubt or shows a peer
//! that can't be followed, so the connection is closed behind the answer.

use super::octets;
use super::{Field, Head, Malformed, Span, Version, host};
use crate::proto::http::rule::Rule;

/// How a body ends (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// There is none, or it is empty.
    None,
    /// Octets; never 0.
    Length(u64),
    Chunked,
}

/// What becomes of the connection behind the answer, as far as the request decides it (RFC 9112 §9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    Close,
    KeepAlive,
    /// An HTTP/1.0 client asked to keep it: it only knows that it is kept when the response says `Connection: keep-alive`.
    KeepAliveAsked,
}

/// What the client waits for (RFC 9110 §10.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    None,
    /// A body is coming once the server has sent 100 (Continue); a final status may be sent instead.
    Continue,
}

/// The lines of a field with a list as its value, which may be spread over several (RFC 9110 §5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    first: u32,
    last: u32,
}

impl Lines {
    /// The value of each line, in the order in which they were sent. `head` and `bytes` are those that the message was made of.
    pub fn values<'a>(self, head: &'a Head, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        fields_of(Some(self), head, bytes).map(|field| field.value.of(bytes))
    }

    /// The value when there is one line only.
    fn only(self, head: &Head) -> Option<Span> {
        (self.first == self.last).then(|| self.first_value(head))
    }

    fn first_value(self, head: &Head) -> Span {
        head.fields[self.first as usize].value
    }
}

/// The fields in these lines, in the order in which they were sent.
fn fields_of<'a>(
    lines: Option<Lines>,
    head: &'a Head,
    bytes: &'a [u8],
) -> impl Iterator<Item = &'a Field> {
    let fields = lines
        .and_then(|lines| head.fields.get(lines.first as usize..=lines.last as usize))
        .unwrap_or_default();
    let name = fields.first().map_or(&[][..], |field| field.name.of(bytes));
    fields
        .iter()
        .filter(move |field| field.name.of(bytes).eq_ignore_ascii_case(name))
}

/// The fields that the answer depends on or that a log shows.
///
/// A list may come in several lines, all of which are kept. Of what may be there only once, a second line makes an invalid value (`a, b`), and
/// an invalid one is to be ignored (RFC 9110 §13.1.3, §13.1.4, §14.2): then it is `None`. The log takes the first line of User-Agent and
/// Referer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub host: Option<Span>,
    pub if_match: Option<Lines>,
    pub if_none_match: Option<Lines>,
    pub if_modified_since: Option<Span>,
    pub if_unmodified_since: Option<Span>,
    /// Never without a range.
    pub if_range: Option<Span>,
    /// `None` also when If-Range is there twice: such a condition is never true, and then the range is ignored (RFC 9110 §13.1.5).
    pub range: Option<Span>,
    pub accept_encoding: Option<Lines>,
    pub user_agent: Option<Span>,
    pub referer: Option<Span>,
}

/// What the head of a request means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    pub body: BodyLength,
    pub persistence: Persistence,
    pub expectation: Expectation,
    pub asked: Asked,
}

impl Message {
    /// What a complete head means. `bytes` are those it was parsed from.
    ///
    /// # Errors
    ///
    /// The first rule broken, in the order: Host, body, expectation. The offset is the first byte of the value when the value is wrong, of the name
    /// when the field must not be there, and of the blank line when a field is missing.
    pub fn of(head: &Head, bytes: &[u8]) -> Result<Self, Malformed> {
        let fields = Fields::gather(head, bytes);
        let host = fields.host()?;
        let body = fields.body()?;
        Ok(Self {
            body,
            persistence: fields.persistence(),
            expectation: fields.expectation(body)?,
            asked: fields.asked(host),
        })
    }
}

/// The fields with a meaning here.
#[derive(Debug, Clone, Copy)]
enum Name {
    Host,
    ContentLength,
    TransferEncoding,
    Connection,
    Expect,
    IfMatch,
    IfNoneMatch,
    IfModifiedSince,
    IfUnmodifiedSince,
    IfRange,
    Range,
    AcceptEncoding,
    UserAgent,
    Referer,
}

const NAMES: usize = Name::Referer as usize + 1;

impl Name {
    /// Names are compared without case (RFC 9110 §5.1). Their lengths tell nearly all of them apart.
    fn of(name: &[u8]) -> Option<Self> {
        let candidates: &[(&str, Self)] = match name.len() {
            4 => &[("host", Self::Host)],
            5 => &[("range", Self::Range)],
            6 => &[("expect", Self::Expect)],
            7 => &[("referer", Self::Referer)],
            8 => &[("if-match", Self::IfMatch), ("if-range", Self::IfRange)],
            10 => &[
                ("connection", Self::Connection),
                ("user-agent", Self::UserAgent),
            ],
            13 => &[("if-none-match", Self::IfNoneMatch)],
            14 => &[("content-length", Self::ContentLength)],
            15 => &[("accept-encoding", Self::AcceptEncoding)],
            17 => &[
                ("transfer-encoding", Self::TransferEncoding),
                ("if-modified-since", Self::IfModifiedSince),
            ],
            19 => &[("if-unmodified-since", Self::IfUnmodifiedSince)],
            _ => &[],
        };
        let (_, found) = candidates
            .iter()
            .find(|(candidate, _)| candidate.as_bytes().eq_ignore_ascii_case(name))?;
        Some(*found)
    }
}

/// The codings of a body so far, over all lines of Transfer-Encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codings {
    Empty,
    /// Registered ones that compress, which this server does not undo.
    Compressed,
    Chunked,
}

impl Codings {
    fn then(self, coding: &[u8]) -> Result<Self, Rule> {
        const COMPRESSING: [&[u8]; 5] =
            [b"gzip", b"deflate", b"compress", b"x-gzip", b"x-compress"];
        let is = |name: &[u8]| coding.eq_ignore_ascii_case(name);
        match self {
            Self::Chunked => Err(Rule::ChunkedNotLast),
            Self::Empty if is(b"chunked") => Ok(Self::Chunked),
            _ if COMPRESSING.into_iter().any(is) => Ok(Self::Compressed),
            _ => Err(Rule::UnknownTransferCoding),
        }
    }
}

/// A head with the lines of each field that has a meaning.
struct Fields<'a> {
    head: &'a Head,
    bytes: &'a [u8],
    lines: [Option<Lines>; NAMES],
}

impl<'a> Fields<'a> {
    fn gather(head: &'a Head, bytes: &'a [u8]) -> Self {
        let mut lines = [None; NAMES];
        // Every field has a span of its own, so there are fewer than 2^32.
        for (last, field) in (0..).zip(&head.fields) {
            if let Some(name) = Name::of(field.name.of(bytes)) {
                let first = lines[name as usize].map_or(last, |lines: Lines| lines.first);
                lines[name as usize] = Some(Lines { first, last });
            }
        }
        Self { head, bytes, lines }
    }

    fn lines(&self, name: Name) -> Option<Lines> {
        self.lines[name as usize]
    }

    fn fields(&self, name: Name) -> impl Iterator<Item = &'a Field> {
        fields_of(self.lines(name), self.head, self.bytes)
    }

    /// The elements of a list with the field they stand in.
    fn elements(&self, name: Name) -> impl Iterator<Item = (&'a Field, &'a [u8])> {
        let bytes = self.bytes;
        self.fields(name).flat_map(move |field| {
            octets::elements(field.value.of(bytes)).map(move |element| (field, element))
        })
    }

    /// RFC 9112 §3.2.
    fn host(&self) -> Result<Option<Span>, Malformed> {
        let mut hosts = self.fields(Name::Host);
        let Some(host) = hosts.next() else {
            return if self.head.version < Version::HTTP_1_1 {
                Ok(None)
            } else {
                let blank_line = self.head.length.saturating_sub(2);
                Err(Malformed::new(blank_line, Rule::MissingHost))
            };
        };
        if let Some(second) = hosts.next() {
            return Err(wrong_field(second, Rule::SeveralHosts));
        }
        if !host::is_valid(host.value.of(self.bytes)) {
            return Err(wrong_value(host, Rule::InvalidHost));
        }
        Ok(Some(host.value))
    }

    /// RFC 9112 §6.3.
    fn body(&self) -> Result<BodyLength, Malformed> {
        let coded = self.fields(Name::TransferEncoding).next();
        let sized = self.fields(Name::ContentLength).next();
        match (coded, sized) {
            (Some(coded), _) if self.head.version < Version::HTTP_1_1 => {
                Err(wrong_field(coded, Rule::TransferEncodingTooOld))
            }
            (Some(coded), Some(sized)) => {
                let second = if coded.name.start > sized.name.start {
                    coded
                } else {
                    sized
                };
                Err(wrong_field(second, Rule::ContentLengthWithTransferEncoding))
            }
            (Some(coded), None) => {
                let mut codings = Codings::Empty;
                let mut last = coded;
                for (field, coding) in self.elements(Name::TransferEncoding) {
                    codings = codings
                        .then(coding)
                        .map_err(|rule| wrong_value(field, rule))?;
                    last = field;
                }
                if codings == Codings::Chunked {
                    Ok(BodyLength::Chunked)
                } else {
                    Err(wrong_value(last, Rule::ChunkedNotLast))
                }
            }
            (None, Some(_)) => self.content_length(),
            (None, None) => Ok(BodyLength::None),
        }
    }

    /// One length, written once or several times (RFC 9112 §6.3 allows to take equal ones for one). It is no list by definition, so an empty
    /// element is an error.
    fn content_length(&self) -> Result<BodyLength, Malformed> {
        let mut length = None;
        for field in self.fields(Name::ContentLength) {
            for element in field.value.of(self.bytes).split(|&byte| byte == b',') {
                let Some(this) = number(octets::trim(element)) else {
                    return Err(wrong_value(field, Rule::InvalidContentLength));
                };
                if length.is_some_and(|length| length != this) {
                    return Err(wrong_value(field, Rule::ContentLengthsDiffer));
                }
                length = Some(this);
            }
        }
        Ok(match length {
            None | Some(0) => BodyLength::None,
            Some(length) => BodyLength::Length(length),
        })
    }

    /// RFC 9112 §9.3: `close` is stronger than all else.
    fn persistence(&self) -> Persistence {
        let mut persistence = if self.head.version >= Version::HTTP_1_1 {
            Persistence::KeepAlive
        } else {
            Persistence::Close
        };
        for (_, option) in self.elements(Name::Connection) {
            if option.eq_ignore_ascii_case(b"close") {
                return Persistence::Close;
            }
            if option.eq_ignore_ascii_case(b"keep-alive") && persistence == Persistence::Close {
                persistence = Persistence::KeepAliveAsked;
            }
        }
        persistence
    }

    /// RFC 9110 §10.1.1: not for HTTP/1.0, and nothing to wait for without a body.
    fn expectation(&self, body: BodyLength) -> Result<Expectation, Malformed> {
        let mut expectation = Expectation::None;
        if self.head.version < Version::HTTP_1_1 {
            return Ok(expectation);
        }
        for (field, element) in self.elements(Name::Expect) {
            if !element.eq_ignore_ascii_case(b"100-continue") {
                return Err(wrong_value(field, Rule::UnknownExpectation));
            }
            if body != BodyLength::None {
                expectation = Expectation::Continue;
            }
        }
        Ok(expectation)
    }

    fn asked(&self, host: Option<Span>) -> Asked {
        let only = |name| self.lines(name).and_then(|lines| lines.only(self.head));
        let first = |name| self.lines(name).map(|lines| lines.first_value(self.head));
        let if_range = only(Name::IfRange);
        let condition_is_readable = if_range.is_some() == self.lines(Name::IfRange).is_some();
        let range = only(Name::Range).filter(|_| condition_is_readable);
        Asked {
            host,
            if_match: self.lines(Name::IfMatch),
            if_none_match: self.lines(Name::IfNoneMatch),
            if_modified_since: only(Name::IfModifiedSince),
            if_unmodified_since: only(Name::IfUnmodifiedSince),
            if_range: if_range.filter(|_| range.is_some()),
            range,
            accept_encoding: self.lines(Name::AcceptEncoding),
            user_agent: first(Name::UserAgent),
            referer: first(Name::Referer),
        }
    }
}

/// `1*DIGIT`, as long as it fits.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

fn wrong_field(field: &Field, rule: Rule) -> Malformed {
    Malformed::new(field.name.start as usize, rule)
}

fn wrong_value(field: &Field, rule: Rule) -> Malformed {
    Malformed::new(field.value.start as usize, rule)
}
