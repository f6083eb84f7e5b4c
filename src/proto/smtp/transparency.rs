//! Dots doubled, and where a message ends (RFC 5321 §4.5.2): the encoder of a client and the decoder of a server.
//!
//! They stand together because one undoes the other, and apart from the sessions because whole messages pass through them, in pieces of any size, and
//! nothing is kept: what lies between two dots goes on as a slice of what came.

use memchr::memchr2;

use super::server::EndOfData;

/// Makes of a message what goes over the wire after `354`: a dot at the beginning of a line is doubled, and CRLF `.` CRLF ends it. A bare CR or LF
/// would be a way to smuggle one message inside another (RFC 5321 §2.3.8), so each becomes CRLF.
#[derive(Debug, Default)]
pub struct Stuffer {
    place: Place,
    stuffed: u64,
}

/// Where in a line the next byte of a message belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Start,
    /// At the start, and an LF would still belong to the line end before, which was a CR.
    BehindCr,
    Middle,
}

impl Stuffer {
    pub fn new() -> Self {
        Self::default()
    }

    /// Encodes the next bytes of the message.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut at = 0;
        if self.place == Place::BehindCr && !bytes.is_empty() {
            at = usize::from(bytes[0] == b'\n');
            self.place = Place::Start;
        }
        // What is not copied yet begins here.
        let mut from = at;
        while at < bytes.len() {
            if self.place == Place::Start && bytes[at] == b'.' {
                out.extend_from_slice(&bytes[from..at]);
                out.push(b'.');
                from = at;
                self.stuffed += 1;
            }
            let Some(length) = memchr2(b'\r', b'\n', &bytes[at..]) else {
                self.place = Place::Middle;
                break;
            };
            at += length;
            self.place = Place::Start;
            if bytes[at..].starts_with(b"\r\n") {
                at += 2;
                continue;
            }
            out.extend_from_slice(&bytes[from..at]);
            out.extend_from_slice(b"\r\n");
            if bytes[at] == b'\r' && at + 1 == bytes.len() {
                self.place = Place::BehindCr;
            }
            at += 1;
            from = at;
        }
        out.extend_from_slice(&bytes[from..]);
    }

    /// Ends the message: with the CRLF that it may lack, and the final dot.
    pub fn finish(self, out: &mut Vec<u8>) {
        if self.place == Place::Middle {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }

    /// How many dots were doubled.
    pub fn stuffed(&self) -> u64 {
        self.stuffed
    }
}

/// Reads what comes after `354`, up to the end of the message, and undoes the doubled dots.
#[derive(Debug)]
pub struct DataReader {
    end: EndOfData,
    state: State,
    bare: Option<Bare>,
    /// Bytes of the line that is being read.
    line: u64,
    longest_line: u64,
}

/// What the next byte is read as. In the states with a dot, that dot and the CRs behind it were not handed on yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Middle,
    BehindCr,
    Dot,
    DotCr,
    DotCrCr,
}

/// Half a line end, which no message may hold (RFC 5321 §2.3.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bare {
    Cr,
    Lf,
}

impl DataReader {
    /// A reader for one message.
    ///
    /// Strict, it ends at CRLF `.` CRLF only. Lenient, it ends as well where a server does that reads up to an LF and takes the CRs before it away: at
    /// `LF . LF`, `LF . CRLF`, `CRLF . LF` and `CRLF . CR CRLF`.
    pub fn new(end: EndOfData) -> Self {
        Self {
            end,
            state: State::Start,
            bare: None,
            line: 0,
            longest_line: 0,
        }
    }

    /// Reads the next bytes and hands those of the message to `sink`. At the end of the message it says how many of them belonged to it; those behind
    /// are commands.
    pub fn read(&mut self, bytes: &[u8], mut sink: impl FnMut(&[u8])) -> Option<usize> {
        let is_lenient = self.end == EndOfData::Lenient;
        let mut at = 0;
        // What is not handed on yet begins here, and so does the line, or the part of it that came now.
        let (mut from, mut line) = (0, 0);
        let mut hand_on = |bytes: &[u8]| {
            if !bytes.is_empty() {
                sink(bytes);
            }
        };
        while let Some(&byte) = bytes.get(at) {
            match (self.state, byte) {
                (State::Start, b'.') => {
                    hand_on(&bytes[from..at]);
                    at += 1;
                    (from, line) = (at, at);
                    self.state = State::Dot;
                }
                (State::Start | State::Middle, _) => {
                    let Some(length) = memchr2(b'\r', b'\n', &bytes[at..]) else {
                        self.state = State::Middle;
                        break;
                    };
                    at += length + 1;
                    self.state = if bytes[at - 1] == b'\r' {
                        State::BehindCr
                    } else {
                        self.note(Bare::Lf);
                        if is_lenient {
                            self.end_line(at - line);
                            line = at;
                            State::Start
                        } else {
                            State::Middle
                        }
                    };
                }
                (State::BehindCr, b'\n') => {
                    at += 1;
                    self.end_line(at - line);
                    line = at;
                    self.state = State::Start;
                }
                (State::BehindCr, _) => {
                    self.note(Bare::Cr);
                    self.state = State::Middle;
                }
                (State::DotCr, b'\n') => return Some(at + 1),
                (State::Dot, b'\n') if is_lenient => {
                    self.note(Bare::Lf);
                    return Some(at + 1);
                }
                (State::DotCrCr, b'\n') => {
                    self.note(Bare::Cr);
                    return Some(at + 1);
                }
                (State::Dot, b'\r') => {
                    at += 1;
                    from = at;
                    self.state = State::DotCr;
                }
                (State::DotCr, b'\r') if is_lenient => {
                    at += 1;
                    from = at;
                    self.state = State::DotCrCr;
                }
                // The dot was the first of a line with more in it, and was doubled or should have been.
                (State::Dot, _) => self.state = State::Middle,
                (State::DotCr | State::DotCrCr, _) => {
                    let held: &[u8] = if self.state == State::DotCr {
                        b"\r"
                    } else {
                        b"\r\r"
                    };
                    hand_on(held);
                    self.note(Bare::Cr);
                    self.state = State::Middle;
                }
            }
        }
        hand_on(&bytes[from..]);
        self.line += (bytes.len() - line) as u64;
        // A dot may still turn out to be the end, and no line at all.
        if matches!(self.state, State::Start | State::Middle | State::BehindCr) {
            self.longest_line = self.longest_line.max(self.line);
        }
        None
    }

    /// The first bare CR or LF of the message so far. A strict server refuses the message because of it.
    pub fn bare(&self) -> Option<Bare> {
        self.bare
    }

    /// Bytes of the longest line so far, its end included and a doubled dot counted once. RFC 5321 §4.5.3.1.6 allows 1000.
    pub fn longest_line(&self) -> u64 {
        self.longest_line
    }

    fn note(&mut self, bare: Bare) {
        self.bare.get_or_insert(bare);
    }

    fn end_line(&mut self, length: usize) {
        self.longest_line = self.longest_line.max(self.line + length as u64);
        self.line = 0;
    }
}

#[cfg(test)]
mod tests;
