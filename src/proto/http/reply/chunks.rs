//! The chunked coding (RFC 9112 §7.1) of an answer, read leniently: line feeds alone are taken, and told. The server's own reader, for what a client
//! sends, is strict.

/// The most bytes of extensions or of trailer fields.
const EXTRAS: u32 = 16 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the digits of a size; `None` before the first.
    Size(Option<u64>),
    /// Behind the size, up to the end of its line.
    Extension {
        size: u64,
    },
    /// Bytes of data still to come, at least one.
    Data(u64),
    /// Between a chunk's data and its line feed.
    DataEnd,
    /// In the trailer; whether its current line holds something.
    Trailer {
        line_is_empty: bool,
    },
    End,
}

/// What the next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Framing.
    Framing,
    /// Framing that ends in a line feed without its carriage return.
    BareLineFeed,
    Data(&'a [u8]),
    /// The coding ended here.
    End,
    /// No chunk can be read from here on.
    Invalid,
}

/// A chunked body under way.
#[derive(Debug, Clone)]
pub(super) struct Chunks {
    state: State,
    after_cr: bool,
    extras: u32,
}

impl Chunks {
    pub fn new() -> Self {
        Self {
            state: State::Size(None),
            after_cr: false,
            extras: 0,
        }
    }

    /// Takes some of the next bytes: how many, and what they are. Nothing is left when none are given.
    pub fn take<'a>(&mut self, bytes: &'a [u8]) -> (usize, Piece<'a>) {
        if let State::Data(left) = self.state {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            self.state = match left - count as u64 {
                0 => State::DataEnd,
                left => State::Data(left),
            };
            return (count, Piece::Data(&bytes[..count]));
        }
        for (at, &byte) in bytes.iter().enumerate() {
            if self.state == State::End {
                return (at, Piece::End);
            }
            let Some(next) = self.framing(byte) else {
                return (at, Piece::Invalid);
            };
            self.state = next;
            let bare = byte == b'\n' && !self.after_cr;
            self.after_cr = byte == b'\r';
            if bare {
                return (at + 1, Piece::BareLineFeed);
            }
            match next {
                State::End => return (at + 1, Piece::End),
                State::Data(_) => return (at + 1, Piece::Framing),
                _ => {}
            }
        }
        (bytes.len(), Piece::Framing)
    }

    /// Whether the last chunk and its trailer are in.
    pub fn ended(&self) -> bool {
        self.state == State::End
    }

    /// The state behind one byte of framing; `None` when it can't stand there.
    fn framing(&mut self, byte: u8) -> Option<State> {
        // A carriage return ends a line, so only a line feed may follow.
        if self.after_cr && byte != b'\n' {
            return None;
        }
        match (self.state, byte) {
            (State::Size(Some(size)) | State::Extension { size }, b'\n') => Some(match size {
                0 => State::Trailer {
                    line_is_empty: true,
                },
                size => State::Data(size),
            }),
            (State::Size(Some(size)), b'\r' | b' ' | b'\t' | b';') => {
                Some(State::Extension { size })
            }
            (State::Size(size), _) => {
                let digit = u64::from(char::from(byte).to_digit(16)?);
                let size = size.unwrap_or(0).checked_mul(16)?.checked_add(digit)?;
                Some(State::Size(Some(size)))
            }
            (State::Extension { .. }, _) => self.extra(self.state),
            (State::DataEnd, b'\r') => Some(State::DataEnd),
            (State::DataEnd, b'\n') => Some(State::Size(None)),
            (State::Trailer { line_is_empty }, b'\n') => Some(if line_is_empty {
                State::End
            } else {
                State::Trailer {
                    line_is_empty: true,
                }
            }),
            (State::Trailer { line_is_empty }, b'\r') => Some(State::Trailer { line_is_empty }),
            (State::Trailer { .. }, _) => self.extra(State::Trailer {
                line_is_empty: false,
            }),
            (State::DataEnd | State::Data(_) | State::End, _) => None,
        }
    }

    fn extra(&mut self, state: State) -> Option<State> {
        self.extras += 1;
        (self.extras <= EXTRAS).then_some(state)
    }
}
