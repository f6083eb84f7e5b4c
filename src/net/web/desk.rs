//! The room that a request needs while it is read and answered: buffers and a parser.
//!
//! A connection has a desk only while something lies on it. Ten thousand connections that say nothing share a few dozen desks, and a desk that was
//! just used is still in the processor's cache.

use std::ops::Range;
use std::time::Duration;

use crate::proto::http::request::{self, Malformed, Parser, Progress};
use crate::proto::http::rule::Rule;
use crate::proto::http::secret::{Scanner, Side};
use crate::proto::http::service::Limits;
use crate::proto::http::status::Status;
use crate::trace::web::Parts;

/// Bytes asked of the socket at a time.
const READ: usize = 16 * 1_024;
/// A desk whose buffers have grown beyond this gives the memory back.
const LARGEST: usize = 256 * 1_024;

/// Where one request is worked at.
pub struct Desk {
    input: Vec<u8>,
    /// What lies in `input` and was not used up yet.
    filled: Range<usize>,
    parser: Parser,
    /// Looks for secrets in what is received, for those who are told of it.
    pub secrets: Scanner,
    /// Responses that are not handed to the system yet.
    pub output: Vec<u8>,
    /// The exchanges whose responses lie in `output`, in order.
    pub drafts: Vec<Draft>,
}

/// An exchange whose response is not sent yet.
pub struct Draft {
    pub number: u32,
    pub arrival: Arrival,
    pub parsed: Option<Duration>,
    pub decided: Duration,
    pub request: Origin,
    pub request_length: u64,
    pub parts: Parts,
    pub status: Status,
    pub rule: Rule,
    pub broken_at: Option<usize>,
    /// The response's head in the output.
    pub head: Range<usize>,
    /// Bytes of content after it.
    pub inline: usize,
    /// Bytes that are sent behind the output.
    pub rest: u64,
}

/// When a request came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub arrived: Duration,
    pub first_byte: Duration,
    pub begun: Duration,
}

/// Where the bytes of a request are.
pub enum Origin {
    /// In the input, where they stay until something else is read.
    Input(Range<usize>),
    /// Set aside, because its body had to be read.
    Kept(Vec<u8>),
}

impl Desk {
    pub fn new(limits: &Limits) -> Self {
        Self {
            input: Vec::new(),
            filled: 0..0,
            parser: Parser::new(request::Limits {
                request_line: limits.request_line,
                head: limits.head,
                fields: limits.fields,
            }),
            secrets: Scanner::new(Side::Request),
            output: Vec::new(),
            drafts: Vec::new(),
        }
    }

    /// Ready for the next connection.
    pub fn clear(&mut self) {
        self.filled = 0..0;
        self.parser.reset();
        self.secrets.restart();
        self.output.clear();
        self.drafts.clear();
        if self.input.len() > LARGEST {
            self.input = Vec::new();
        }
        if self.output.capacity() > LARGEST {
            self.output = Vec::new();
        }
    }

    /// What has come and was not used up.
    pub fn received(&self) -> &[u8] {
        &self.input[self.filled.clone()]
    }

    /// Looks whether a whole head is there.
    pub fn parse(&mut self) -> Result<Progress, Malformed> {
        self.parser.parse(&self.input[self.filled.clone()])
    }

    /// The parser, whose head tells what [`received`](Self::received) begins with.
    pub fn parser(&self) -> &Parser {
        &self.parser
    }

    /// The bytes of a request whose response is not sent yet.
    pub fn origin<'a>(&'a self, request: &'a Origin) -> &'a [u8] {
        match request {
            Origin::Input(range) => &self.input[range.clone()],
            Origin::Kept(bytes) => bytes,
        }
    }

    /// The parser with the head of a request, the request's bytes, and the output for its answer.
    pub fn lend<'a>(&'a mut self, request: &'a Origin) -> (&'a Parser, &'a [u8], &'a mut Vec<u8>) {
        let bytes = match request {
            Origin::Input(range) => &self.input[range.clone()],
            Origin::Kept(bytes) => bytes,
        };
        (&self.parser, bytes, &mut self.output)
    }

    /// What is received next is the next request.
    pub fn next_request(&mut self) {
        self.parser.reset();
    }

    /// Where it lies in the input.
    pub fn received_at(&self) -> Range<usize> {
        self.filled.clone()
    }

    /// Nothing lies on it that is not used up.
    pub fn is_empty(&self) -> bool {
        self.filled.is_empty() && self.output.is_empty()
    }

    /// Room to read into. What was not used up stays, but may move.
    pub fn room(&mut self) -> &mut [u8] {
        if self.filled.is_empty() {
            self.filled = 0..0;
        } else if self.filled.start > 0 && self.input.len() - self.filled.end < READ {
            self.input.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
        }
        if self.input.len() - self.filled.end < READ {
            self.input.resize(self.filled.end + READ, 0);
        }
        &mut self.input[self.filled.end..]
    }

    /// So many bytes were read into the room.
    pub fn filled(&mut self, bytes: usize) {
        self.filled.end += bytes;
    }

    /// The last bytes that were read, so many of them, and which of them are secret.
    pub fn read_last(&mut self, length: usize) -> (&[u8], Vec<Range<usize>>) {
        let bytes = &self.input[self.filled.end - length..self.filled.end];
        let secrets = self.secrets.scan(bytes);
        (bytes, secrets)
    }

    /// So many bytes of what was received are used up.
    pub fn used(&mut self, bytes: usize) {
        self.filled.start += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(desk: &mut Desk, bytes: &[u8]) {
        for part in bytes.chunks(READ) {
            desk.room()[..part.len()].copy_from_slice(part);
            desk.filled(part.len());
        }
    }

    #[test]
    fn what_is_not_used_up_stays_in_order() {
        let mut desk = Desk::new(&Limits::default());
        let bytes: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        receive(&mut desk, &bytes[..60_000]);
        desk.used(50_000);
        receive(&mut desk, &bytes[60_000..]);
        assert_eq!(desk.received(), &bytes[50_000..]);
        desk.used(50_000);
        assert!(desk.is_empty());
        desk.clear();
        receive(&mut desk, b"again");
        assert_eq!(desk.received(), b"again");
    }
}
