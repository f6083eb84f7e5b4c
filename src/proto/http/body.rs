//! Where a body ends, and which of its bytes are content (RFC 9112 §6.3, §7.1). It stands apart from the head: a body is not kept, it passes by in
//! pieces of any size, and both sides of a connection need it. [`BodyReader`] is the server's, which reads a body only to find the next request;
//! [`Chunks`] decodes the chunked coding for either side.
//!
//! Chunks are read as strictly as heads: a lone LF or white space in the wrong place is where two readers begin to see different messages.

use std::ops::Range;

use super::request::octets::{self, Class};
use super::request::{BodyLength, Malformed};
use super::rule::Rule;

/// The longest chunk size in digits: as many as 64 bits need.
const SIZE_DIGITS: u8 = 16;
/// How many octets of chunk extensions one body may have. All chunks share them, so that a body of tiny chunks can't hide a long one.
const EXTENSIONS: usize = 16 * 1024;
/// How many octets of trailer fields one body may have, with their line ends.
const TRAILER: usize = 8 * 1024;

/// What came of some bytes of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Bytes that belong to the body; those behind them belong to the next request.
    pub used: usize,
    /// How many of them are content.
    pub data: usize,
    /// Whether the body is complete.
    pub done: bool,
}

/// Reads a request's body and keeps nothing of it.
#[derive(Debug)]
pub struct BodyReader {
    limit: u64,
    framing: Framing,
}

#[derive(Debug)]
enum Framing {
    /// Octets that are still to come.
    Length(u64),
    Chunked(Chunks),
}

impl BodyReader {
    /// A reader for a body of at most `limit` octets of content.
    pub fn new(length: BodyLength, limit: u64) -> Self {
        let framing = match length {
            BodyLength::None => Framing::Length(0),
            BodyLength::Length(length) => Framing::Length(length),
            BodyLength::Chunked => Framing::Chunked(Chunks::new(limit)),
        };
        Self { limit, framing }
    }

    /// Whether a body whose length is told in advance will fit. To be asked before the first byte; a chunked body shows later.
    ///
    /// # Errors
    ///
    /// [`Rule::BodyTooLarge`].
    pub fn check(&self) -> Result<(), Malformed> {
        match self.framing {
            Framing::Length(left) if left > self.limit => {
                Err(Malformed::new(0, Rule::BodyTooLarge))
            }
            _ => Ok(()),
        }
    }

    /// Takes the next bytes, as many as belong to the body.
    ///
    /// # Errors
    ///
    /// The first byte of the body that breaks a rule or the limit.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Taken, Malformed> {
        self.check()?;
        match &mut self.framing {
            Framing::Length(left) => {
                // It fits: it is at most the length of a slice.
                let used = (*left).min(bytes.len() as u64) as usize;
                *left -= used as u64;
                Ok(Taken {
                    used,
                    data: used,
                    done: *left == 0,
                })
            }
            Framing::Chunked(chunks) => {
                let mut taken = Taken {
                    used: 0,
                    data: 0,
                    done: false,
                };
                loop {
                    let piece = chunks.advance(&bytes[taken.used..])?;
                    taken.used += piece.used;
                    taken.data += piece.data.len();
                    taken.done = piece.done;
                    if taken.done || taken.used == bytes.len() {
                        return Ok(taken);
                    }
                }
            }
        }
    }
}

/// What [`Chunks`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Bytes that belong to the body. While it is not done, they are all or end with data: go on with those behind them.
    pub used: usize,
    /// Those among them that are content, at the end; empty when there are none.
    pub data: Range<usize>,
    /// Whether the body is complete.
    pub done: bool,
}

/// A decoder of the chunked transfer coding (RFC 9112 §7.1). Extensions and trailer fields are checked and passed over.
#[derive(Debug)]
pub struct Chunks {
    state: State,
    /// Bytes of the body before the next one.
    at: usize,
    /// Content that is still allowed behind the current chunk.
    allowed: u64,
    /// The size of the current chunk as far as it was read, then what is left of it.
    left: u64,
    /// Octets of extensions that are still allowed.
    extensions: usize,
    /// Octets of the trailer section that are still allowed.
    trailer: usize,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size {
        digits: u8,
    },
    /// White space behind a size: wrong, but to be taken when an extension follows (RFC 9112 §7.1.1, BWS).
    BeforeExtension,
    Extension,
    Data,
    DataEnd,
    TrailerStart,
    TrailerName,
    TrailerValue,
    /// The LF of a line end. What follows it is the state inside.
    LineFeed(After),
    Done,
}

/// What begins behind a line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// The data, or the trailer section behind the last chunk.
    Size,
    Data,
    TrailerField,
    Body,
}

impl Chunks {
    /// A decoder that takes at most `limit` octets of content.
    pub fn new(limit: u64) -> Self {
        Self {
            state: State::Size { digits: 0 },
            at: 0,
            allowed: limit,
            left: 0,
            extensions: EXTENSIONS,
            trailer: TRAILER,
        }
    }

    /// Takes bytes up to the end of the next data, of the body or of `bytes`.
    ///
    /// # Errors
    ///
    /// The first byte of the body that breaks a rule or the limit. Nothing more can be read then.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Piece, Malformed> {
        let mut used = 0;
        while self.state != State::Done
            && let Some(&byte) = bytes.get(used)
        {
            if self.state == State::Data {
                // It fits: it is at most the length of a slice.
                let length = self.left.min((bytes.len() - used) as u64) as usize;
                self.left -= length as u64;
                self.at = self.at.saturating_add(length);
                if self.left == 0 {
                    self.state = State::DataEnd;
                }
                return Ok(Piece {
                    used: used + length,
                    data: used..used + length,
                    done: false,
                });
            }
            self.state = self.next(byte).map_err(|rule| {
                // A CR is what is wrong when no LF follows.
                let back = usize::from(rule == Rule::BareCarriageReturn);
                Malformed::new(self.at.saturating_sub(back), rule)
            })?;
            self.at = self.at.saturating_add(1);
            used += 1;
        }
        Ok(Piece {
            used,
            data: used..used,
            done: self.state == State::Done,
        })
    }

    /// The state behind a byte that is no data.
    fn next(&mut self, byte: u8) -> Result<State, Rule> {
        if let State::LineFeed(after) = self.state {
            return if byte == b'\n' {
                Ok(self.behind_line(after))
            } else {
                Err(Rule::BareCarriageReturn)
            };
        }
        if byte == b'\n' {
            return Err(Rule::BareLineFeed);
        }
        match self.state {
            State::Size { digits } => self.size(digits, byte),
            State::BeforeExtension | State::Extension => self.extension(byte),
            State::DataEnd if byte == b'\r' => Ok(State::LineFeed(After::Data)),
            State::TrailerStart if byte == b'\r' => Ok(State::LineFeed(After::Body)),
            State::TrailerStart | State::TrailerName | State::TrailerValue => self.trailer(byte),
            State::DataEnd | State::Data | State::LineFeed(_) | State::Done => {
                Err(Rule::InvalidChunk)
            }
        }
    }

    fn behind_line(&mut self, after: After) -> State {
        match after {
            After::Size if self.left > 0 => {
                self.allowed -= self.left;
                State::Data
            }
            After::Size | After::TrailerField => State::TrailerStart,
            After::Data => State::Size { digits: 0 },
            After::Body => State::Done,
        }
    }

    fn size(&mut self, digits: u8, byte: u8) -> Result<State, Rule> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' if digits > 0 => return Ok(State::LineFeed(After::Size)),
            b';' | b' ' | b'\t' if digits > 0 => return self.extension(byte),
            _ => return Err(Rule::InvalidChunk),
        };
        if digits == SIZE_DIGITS {
            return Err(Rule::InvalidChunk);
        }
        self.left = self.left << 4 | u64::from(digit);
        if self.left > self.allowed {
            return Err(Rule::BodyTooLarge);
        }
        Ok(State::Size { digits: digits + 1 })
    }

    fn extension(&mut self, byte: u8) -> Result<State, Rule> {
        let next = match (self.state, byte) {
            (State::Extension, b'\r') => return Ok(State::LineFeed(After::Size)),
            (State::Extension, _) if octets::is(byte, Class::Value) => State::Extension,
            (State::Extension, _) => return Err(Rule::InvalidChunk),
            (_, b';') => State::Extension,
            (_, b' ' | b'\t') => State::BeforeExtension,
            _ => return Err(Rule::InvalidChunk),
        };
        spend(&mut self.extensions, Rule::ChunkExtensionTooLong)?;
        Ok(next)
    }

    /// A field line of the trailer section, by the rules of a head's.
    fn trailer(&mut self, byte: u8) -> Result<State, Rule> {
        spend(&mut self.trailer, Rule::TrailerTooLarge)?;
        let token = octets::is(byte, Class::Token);
        match (self.state, byte) {
            (State::TrailerValue, b'\r') => Ok(State::LineFeed(After::TrailerField)),
            (State::TrailerValue, _) if octets::is(byte, Class::Value) => Ok(State::TrailerValue),
            (State::TrailerValue, _) => Err(Rule::InvalidFieldValue),
            (_, _) if token => Ok(State::TrailerName),
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::TrailerName, b' ' | b'\t') => Err(Rule::SpaceBeforeColon),
            (State::TrailerName, b'\r') => Err(Rule::MissingColon),
            (_, b' ' | b'\t') => Err(Rule::FoldedField),
            _ => Err(Rule::InvalidFieldName),
        }
    }
}

/// Takes one octet from an allowance.
fn spend(allowance: &mut usize, rule: Rule) -> Result<(), Rule> {
    *allowance = allowance.checked_sub(1).ok_or(rule)?;
    Ok(())
}

#[cfg(test)]
mod tests;
