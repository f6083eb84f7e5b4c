//! The client's side: an answer read as it comes, from any server, right or wrong.
//!
//! It stands apart from the strict reader of requests because its purpose is the opposite one: a student's server may leave out a carriage return, a
//! space or an empty line, and the answer is to be shown all the same, with a remark on each such thing, where it is and which rule it departs from.

mod chunks;
mod head;
mod remark;

use std::mem;

use self::chunks::{Chunks, Piece};
use self::head::Line;
pub use self::head::{Field, Head};
use self::remark::Remarks;
pub use self::remark::{Deviation, Remark};
use super::date;

/// The most bytes of all heads of an answer.
const MOST_HEAD: u64 = 64 * 1024;
/// The most interim answers before the final one.
const MOST_INTERIM: usize = 8;

/// What was asked, as far as the answer's body depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// HEAD: the answer has no body whatever its fields say.
    Head,
    Content,
}

/// What ends the body (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// There is no body.
    NoBody,
    /// This many bytes in all.
    Length(u64),
    /// The last chunk.
    Chunked,
    /// The end of the connection.
    Close,
}

/// Where an answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    StatusLine,
    Fields,
    Body,
    /// All is in.
    Complete,
    /// The connection ended too early, or the head was too large to go on.
    Broken,
}

enum State {
    Head(head::Reader),
    /// Bytes still to come, at least one.
    Length(u64),
    Chunked(Chunks),
    Close,
    Complete,
    Broken,
}

/// The reader of one answer and of the interim ones before it. Give it bytes as they come with [`Reader::push`], and the end of the connection with
/// [`Reader::finish`].
pub struct Reader {
    asked: Asked,
    state: State,
    offset: u64,
    body: u64,
    interim: Vec<Head>,
    /// The final head with what ends its body.
    last: Option<(Head, Ending)>,
    remarks: Remarks,
}

impl Reader {
    pub fn new(asked: Asked) -> Self {
        Self {
            asked,
            state: State::Head(head::Reader::new(0)),
            offset: 0,
            body: 0,
            interim: Vec::new(),
            last: None,
            remarks: Remarks::default(),
        }
    }

    /// Takes the next bytes and hands the body's, without their chunks, to `body`. Says how many belong to this answer: all, unless it is complete or
    /// broken. What is left belongs to the next answer, or is [`Reader::surplus`]. (Where the empty line is missing, the rest of the line that ended
    /// the head is taken for surplus too, and not left.)
    pub fn push(&mut self, bytes: &[u8], body: &mut dyn FnMut(&[u8])) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() {
            let used = self.step(rest, body);
            if used == 0 && matches!(self.state, State::Complete | State::Broken) {
                break;
            }
            rest = &rest[used..];
        }
        bytes.len() - rest.len()
    }

    /// Takes the end of the connection.
    pub fn finish(&mut self, body: &mut dyn FnMut(&[u8])) {
        if let State::Head(reader) = &self.state {
            if reader.has_partial_line() {
                self.read_line(body);
            }
            if let State::Head(reader) = &self.state {
                if !reader.status_line_read() {
                    self.state = State::Broken;
                    return;
                }
                self.remarks.note(Deviation::MissingEmptyLine, self.offset);
                self.end_head();
            }
        }
        self.state = match self.state {
            State::Length(_) | State::Chunked(_) => {
                self.remarks.note(Deviation::BodyTooShort, self.offset);
                State::Broken
            }
            State::Head(_) | State::Broken => State::Broken,
            State::Close | State::Complete => State::Complete,
        };
    }

    /// Says that bytes came behind this complete answer which answer nothing else.
    pub fn surplus(&mut self) {
        match (&self.state, &self.last) {
            (State::Complete, Some((_, Ending::NoBody))) => {
                self.remarks.note(Deviation::BodyNotAllowed, self.offset);
            }
            (State::Complete, _) => self.remarks.note(Deviation::BodyTooLong, self.offset),
            _ => {}
        }
    }

    pub fn stage(&self) -> Stage {
        match &self.state {
            State::Head(reader) if reader.status_line_read() => Stage::Fields,
            State::Head(_) => Stage::StatusLine,
            State::Length(_) | State::Chunked(_) | State::Close => Stage::Body,
            State::Complete => Stage::Complete,
            State::Broken => Stage::Broken,
        }
    }

    /// The final head once all of it is in. Without a status line it is empty.
    pub fn head(&self) -> Option<&Head> {
        self.last.as_ref().map(|(head, _)| head)
    }

    /// What ends the body, once the final head is in.
    pub fn ending(&self) -> Option<Ending> {
        self.last.as_ref().map(|(_, ending)| *ending)
    }

    /// The heads of the 1xx answers before the final one.
    pub fn interim(&self) -> &[Head] {
        &self.interim
    }

    /// How many bytes of the answer came, heads and chunks included.
    pub fn received(&self) -> u64 {
        self.offset
    }

    /// How many bytes of its body came, without chunks.
    #[cfg(test)]
    fn body_received(&self) -> u64 {
        self.body
    }

    /// What was wrong, in the order in which it was seen; each kind once.
    pub fn remarks(&self) -> &[Remark] {
        self.remarks.as_slice()
    }

    /// Takes at least one byte, or comes to an end, or changes its state.
    fn step(&mut self, bytes: &[u8], body: &mut dyn FnMut(&[u8])) -> usize {
        match &mut self.state {
            State::Head(reader) => {
                let feed = bytes.iter().position(|&byte| byte == b'\n');
                let room = usize::try_from(MOST_HEAD.saturating_sub(self.offset)).unwrap_or(0);
                let used = feed.map_or(bytes.len(), |at| at + 1).min(room);
                if used == 0 {
                    self.remarks.note(Deviation::HeadTooLarge, self.offset);
                    self.state = State::Broken;
                    return 0;
                }
                reader.head.bytes.extend_from_slice(&bytes[..used]);
                self.offset += used as u64;
                if bytes[used - 1] == b'\n' {
                    self.read_line(body);
                }
                used
            }
            State::Length(left) => {
                let used = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                *left -= used as u64;
                if *left == 0 {
                    self.state = State::Complete;
                }
                self.hand_out(&bytes[..used], body);
                self.offset += used as u64;
                used
            }
            State::Chunked(chunks) => {
                let (used, piece) = chunks.take(bytes);
                let ended = chunks.ended();
                match piece {
                    Piece::Framing | Piece::End => {}
                    Piece::BareLineFeed => {
                        let at = self.offset + used.saturating_sub(1) as u64;
                        self.remarks.note(Deviation::BareLineFeed, at);
                    }
                    Piece::Data(data) => self.hand_out(data, body),
                    Piece::Invalid => {
                        let at = self.offset + used as u64;
                        self.remarks.note(Deviation::InvalidChunk, at);
                        // Shown as it comes, as nothing says any more where it ends.
                        self.state = State::Close;
                    }
                }
                if ended {
                    self.state = State::Complete;
                }
                self.offset += used as u64;
                used
            }
            State::Close => {
                self.hand_out(bytes, body);
                self.offset += bytes.len() as u64;
                bytes.len()
            }
            State::Complete | State::Broken => 0,
        }
    }

    fn hand_out(&mut self, data: &[u8], body: &mut dyn FnMut(&[u8])) {
        self.body += data.len() as u64;
        body(data);
    }

    /// Reads the line that is now whole.
    fn read_line(&mut self, body: &mut dyn FnMut(&[u8])) {
        let State::Head(reader) = &mut self.state else {
            return;
        };
        match reader.read_line(&mut self.remarks) {
            Line::More => {}
            Line::End => self.end_head(),
            Line::Body => {
                let line = reader.take_body_line();
                // It is counted again as part of the body.
                self.offset -= line.len() as u64;
                self.end_head();
                if self.push(&line, body) < line.len() {
                    self.surplus();
                }
            }
        }
    }

    /// Goes on behind a head: to the next one, or to the body.
    fn end_head(&mut self) {
        let State::Head(reader) = &mut self.state else {
            return;
        };
        let head = mem::take(&mut reader.head);
        // A 101 is the last answer in HTTP on its connection (RFC 9110 §15.2.2).
        let is_interim = matches!(code(&head), 100 | 102..=199);
        if is_interim {
            forbidden_framing(&head, &mut self.remarks);
            if self.interim.len() == MOST_INTERIM {
                self.remarks.note(Deviation::TooManyInterim, head.offset);
                self.state = State::Broken;
                return;
            }
            self.interim.push(head);
            self.state = State::Head(head::Reader::new(self.offset));
            return;
        }
        let ending = ending(&head, self.asked, &mut self.remarks);
        expected_fields(&head, ending, &mut self.remarks);
        self.state = match ending {
            Ending::NoBody | Ending::Length(0) => State::Complete,
            Ending::Length(length) => State::Length(length),
            Ending::Chunked => State::Chunked(Chunks::new()),
            Ending::Close => State::Close,
        };
        self.last = Some((head, ending));
    }
}

/// The status code, or 0.
fn code(head: &Head) -> u16 {
    head.status.map_or(0, |status| status.code())
}

/// Tells what ends the body, in the order of RFC 9112 §6.3.
fn ending(head: &Head, asked: Asked, remarks: &mut Remarks) -> Ending {
    if remarks.has(Deviation::NoStatusLine) {
        return Ending::Close;
    }
    forbidden_framing(head, remarks);
    if asked == Asked::Head || head.status.is_some_and(|status| status.forbids_content()) {
        return Ending::NoBody;
    }
    if head.has("Transfer-Encoding") {
        if head.has("Content-Length") {
            remarks.note(Deviation::ContentLengthWithTransferEncoding, head.offset);
        }
        let mut codings = head.elements("Transfer-Encoding");
        let first = codings.next().unwrap_or_default();
        let others = codings.last();
        let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
        if others.is_some() || !is_chunked(first) {
            remarks.note(Deviation::UnknownTransferCoding, head.offset);
        }
        return if is_chunked(others.unwrap_or(first)) {
            Ending::Chunked
        } else {
            Ending::Close
        };
    }
    match content_length(head, remarks) {
        Some(length) => Ending::Length(length),
        None => {
            let closes = |option: &[u8]| option.eq_ignore_ascii_case(b"close");
            if head.version == Some((1, 1)) && !head.elements("Connection").any(closes) {
                remarks.note(Deviation::CloseNotAnnounced, head.offset);
            }
            Ending::Close
        }
    }
}

/// The length that is said, if one can be read from it.
fn content_length(head: &Head, remarks: &mut Remarks) -> Option<u64> {
    let mut lengths = head.elements("Content-Length").map(|digits| {
        let all_digits = digits.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(digits).ok()?.parse::<u64>().ok();
        number.filter(|_| all_digits)
    });
    let Some(first) = lengths.next() else {
        if head.has("Content-Length") {
            remarks.note(Deviation::InvalidContentLength, head.offset);
        }
        return None;
    };
    if lengths.any(|other| other != first) {
        remarks.note(Deviation::ContentLengthsDiffer, head.offset);
    }
    if first.is_none() {
        remarks.note(Deviation::InvalidContentLength, head.offset);
    }
    first
}

/// Remarks on framing fields where none may be (RFC 9110 §8.6, RFC 9112 §6.1).
fn forbidden_framing(head: &Head, remarks: &mut Remarks) {
    let never = matches!(code(head), 100..=199 | 204);
    if never && head.has("Content-Length") {
        remarks.note(Deviation::LengthNotAllowed, head.offset);
    }
    let too_old = head.version.is_some_and(|version| version < (1, 1));
    if (never || too_old) && head.has("Transfer-Encoding") {
        remarks.note(Deviation::TransferEncodingNotAllowed, head.offset);
    }
}

/// Remarks on fields that this answer should have, and on its dates.
fn expected_fields(head: &Head, ending: Ending, remarks: &mut Remarks) {
    let Some(status) = head.status else {
        return;
    };
    let code = status.code();
    let mut expect = |applies: bool, name: &'static str, deviation: Deviation| {
        if applies && !head.has(name) {
            remarks.note(deviation, head.offset);
        }
    };
    let has_body = !matches!(ending, Ending::NoBody | Ending::Length(0));
    let redirects = matches!(code, 301..=303 | 307 | 308);
    expect((200..500).contains(&code), "Date", Deviation::MissingDate);
    expect(has_body, "Content-Type", Deviation::MissingContentType);
    expect(redirects, "Location", Deviation::MissingLocation);
    expect(code == 401, "WWW-Authenticate", Deviation::MissingChallenge);
    expect(code == 405, "Allow", Deviation::MissingAllow);
    // The parts of a multipart have theirs inside.
    let is_multipart = head.values("Content-Type").any(|value| {
        value
            .split_at_checked(b"multipart/".len())
            .is_some_and(|(start, _)| start.eq_ignore_ascii_case(b"multipart/"))
    });
    expect(
        code == 206 && !is_multipart,
        "Content-Range",
        Deviation::MissingContentRange,
    );
    let is_imf_fixdate =
        |value: &[u8]| date::parse(value).is_some_and(|seconds| date::format(seconds) == value);
    let mut dates = head.values("Date").chain(head.values("Last-Modified"));
    if !dates.all(is_imf_fixdate) {
        remarks.note(Deviation::InvalidDate, head.offset);
    }
}

#[cfg(test)]
mod tests;
