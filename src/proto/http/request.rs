//! A request: the words for it, and the way from bytes to what a server must know, in two steps.
//!
//! [`Parser`] reads the head (request line and fields, RFC 9112 §2 to §5) from bytes however they are cut, and [`Message::of`] works out what the
//! whole head means for the connection (RFC 9112 §3.2, §6, §9; RFC 9110 §10.1.1). They stand apart because RFC 9110 §5.3 forbids to act on a
//! field before the whole section is there. Where the RFCs leave the choice between strict and lenient, both are strict: two readers that
//! repair the same bytes differently are how requests are smuggled (RFC 9112 §11.2).
//!
//! Nothing is copied: a [`Head`] is a list of [`Span`]s into the bytes that the caller keeps.

pub mod host;
mod message;
pub(in crate::proto::http) mod octets;
mod parser;

pub use message::{Asked, BodyLength, Expectation, Lines, Message, Persistence};
pub use parser::{Parser, Progress, Stage};

use super::rule::Rule;

/// How much of a head is read before it is refused. What a limit counts includes the line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of the request line. RFC 9112 §3 recommends at least 8,000.
    pub request_line: usize,
    /// Octets of the field section with the blank line that ends it.
    pub head: usize,
    /// Field lines.
    pub fields: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_line: 8 * 1024,
            head: 16 * 1024,
            fields: 200,
        }
    }
}

/// Where something stands in the bytes of a message: offsets from its first byte, the end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// Both offsets lie within the limits of a parser, which fit.
    fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// What it covers, given the bytes of its message. Nothing when the bytes are those of another, shorter message.
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// A request method (RFC 9110 §9.1; case-sensitive).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Method {
    Get,
    Head,
    Options,
    Trace,
    Post,
    Put,
    Delete,
    Connect,
    Patch,
    /// Another method of the IANA registry, so one that is known but not allowed here (405).
    Registered,
    /// No method that anybody registered (501).
    #[default]
    Unknown,
}

impl Method {
    /// The longest method that is read. The longest of the registry has 17 octets.
    pub const LONGEST: usize = 32;

    /// The method that a token names.
    pub fn of(token: &[u8]) -> Self {
        match token {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"CONNECT" => Self::Connect,
            b"PATCH" => Self::Patch,
            _ if REGISTERED.contains(&token) => Self::Registered,
            _ => Self::Unknown,
        }
    }
}

/// The methods of the IANA registry that have no variant of their own.
const REGISTERED: [&[u8]; 31] = [
    b"ACL",
    b"BASELINE-CONTROL",
    b"BIND",
    b"CHECKIN",
    b"CHECKOUT",
    b"COPY",
    b"LABEL",
    b"LINK",
    b"LOCK",
    b"MERGE",
    b"MKACTIVITY",
    b"MKCALENDAR",
    b"MKCOL",
    b"MKREDIRECTREF",
    b"MKWORKSPACE",
    b"MOVE",
    b"ORDERPATCH",
    b"PRI",
    b"PROPFIND",
    b"PROPPATCH",
    b"QUERY",
    b"REBIND",
    b"REPORT",
    b"SEARCH",
    b"UNBIND",
    b"UNCHECKOUT",
    b"UNLINK",
    b"UNLOCK",
    b"UPDATE",
    b"UPDATEREDIRECTREF",
    b"VERSION-CONTROL",
];

/// A version of HTTP (RFC 9110 §2.5). Later minor versions come in order, so they can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Version {
    pub major: u8,
    pub minor: u8,
}

impl Version {
    pub const HTTP_1_0: Self = Self { major: 1, minor: 0 };
    pub const HTTP_1_1: Self = Self { major: 1, minor: 1 };
}

/// A field line: the name as it was written, and the value without the white space around it (RFC 9112 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub name: Span,
    pub value: Span,
}

/// The head of a request. Before it is complete, what was read so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    pub method: Method,
    pub method_span: Span,
    pub target: Span,
    pub version: Version,
    pub fields: Vec<Field>,
    /// Bytes up to and with the blank line; empty lines before the request line count.
    pub length: usize,
    /// Where the request line begins: behind the empty lines that were skipped.
    pub started: usize,
}

/// Bytes that break a rule. The status to answer with is that of the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// The first byte that broke it, counted from the first byte of the message (of the body, in a body).
    pub offset: usize,
    pub rule: Rule,
}

impl Malformed {
    pub(in crate::proto::http) fn new(offset: usize, rule: Rule) -> Self {
        Self { offset, rule }
    }
}

#[cfg(test)]
mod tests;
