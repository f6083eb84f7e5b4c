//! What one send sent and got, in order, with times; and what its answers did that no answer should.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::proto::http::reply::{Asked, Reader, Remark, Stage};
use crate::proto::http::script::awaited;
use crate::settings::Target;
use crate::trace::web::{SenderEnd, SenderEvent, SenderId};

/// Bytes of a transcript that are shown; the rest is counted.
const SHOWN: usize = 32 * 1024;

/// Who spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Ours,
    Theirs,
}

/// Bytes that went one way before any came the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    pub side: Side,
    pub first_at: Duration,
    pub last_at: Duration,
    /// As far as they are kept.
    pub bytes: Vec<u8>,
    /// Their whole length.
    pub length: u64,
    /// How many writes or reads they came in.
    pub pieces: u64,
}

pub struct Transcript {
    pub id: SenderId,
    pub target: Target,
    /// When the connection was open, and between whom.
    pub connected: Option<(Duration, SocketAddr, SocketAddr)>,
    pub turns: Vec<Turn>,
    pub end: Option<(Duration, SenderEnd)>,
    kept: usize,
    answers: Answers,
    /// What was sent so far, where the whole request was not known beforehand and no answer has come.
    request: Option<Vec<u8>>,
}

impl Transcript {
    pub fn new(id: SenderId, target: Target, request: &[u8]) -> Self {
        Self {
            id,
            target,
            connected: None,
            turns: Vec::new(),
            end: None,
            kept: 0,
            answers: Answers::new(request),
            request: None,
        }
    }

    /// One whose request is known no sooner than it is sent.
    pub fn of_record(id: SenderId, target: Target) -> Self {
        Self {
            request: Some(Vec::new()),
            ..Self::new(id, target, b"")
        }
    }

    pub fn is_going_on(&self) -> bool {
        self.end.is_none()
    }

    pub fn take(&mut self, event: SenderEvent) {
        match event {
            SenderEvent::Connected { at, local, target } => {
                self.connected = Some((at, local, target));
            }
            SenderEvent::Sent { at, bytes } => {
                if let Some(request) = &mut self.request {
                    let room = SHOWN.saturating_sub(request.len());
                    request.extend_from_slice(&bytes[..bytes.len().min(room)]);
                    self.answers = Answers::new(request);
                }
                self.push(Side::Ours, at, &bytes);
            }
            SenderEvent::Received { at, bytes } => {
                self.request = None;
                self.answers.push(&bytes);
                self.push(Side::Theirs, at, &bytes);
            }
            SenderEvent::Ended { at, how, not_kept } => {
                if let Some(turn) = self
                    .turns
                    .iter_mut()
                    .rfind(|turn| turn.side == Side::Theirs)
                {
                    turn.length += not_kept;
                }
                // What is not kept was not read, so nothing is known of the end either.
                if how == SenderEnd::ServerClosed && not_kept == 0 {
                    self.answers.finish();
                }
                self.end = Some((at, how));
            }
        }
    }

    fn push(&mut self, side: Side, at: Duration, bytes: &[u8]) {
        let kept = &bytes[..bytes.len().min(SHOWN - self.kept)];
        self.kept += kept.len();
        if self.turns.last().is_none_or(|last| last.side != side) {
            self.turns.push(Turn {
                side,
                first_at: at,
                last_at: at,
                bytes: Vec::new(),
                length: 0,
                pieces: 0,
            });
        }
        if let Some(turn) = self.turns.last_mut() {
            turn.last_at = at;
            turn.bytes.extend_from_slice(kept);
            turn.length += bytes.len() as u64;
            turn.pieces += 1;
        }
    }

    /// When it began: the connection was open, or failed to open.
    pub fn began(&self) -> Option<Duration> {
        match (self.connected, &self.end) {
            (Some((at, ..)), _) => Some(at),
            (None, Some((at, _))) => Some(*at),
            (None, None) => None,
        }
    }

    /// What was odd about the answers: the remark, and which answer it is about, from 0.
    pub fn remarks(&self) -> impl Iterator<Item = (usize, &Remark)> {
        self.answers
            .remarks
            .iter()
            .map(|(answer, remark)| (*answer, remark))
    }
}

/// The answers as they come in, one after the other.
struct Answers {
    expected: VecDeque<Asked>,
    reader: Option<Reader>,
    /// Which answer is being read.
    number: usize,
    remarks: Vec<(usize, Remark)>,
}

impl Answers {
    fn new(request: &[u8]) -> Self {
        let mut expected = VecDeque::from(awaited(request));
        let reader = expected.pop_front().map(Reader::new);
        Self {
            expected,
            reader,
            number: 0,
            remarks: Vec::new(),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(reader) = &mut self.reader {
            let used = reader.push(rest, &mut |_| {});
            rest = &rest[used..];
            let is_last = self.expected.is_empty();
            if is_last && !rest.is_empty() {
                reader.surplus();
            }
            if reader.stage() != Stage::Complete || (is_last && rest.is_empty()) {
                break;
            }
            self.note();
            if is_last {
                self.reader = None;
                break;
            }
            self.reader = self.expected.pop_front().map(Reader::new);
            self.number += 1;
        }
        self.note();
    }

    fn finish(&mut self) {
        // After an answer that is complete a close is what an answer may end in.
        if let Some(reader) = &mut self.reader
            && reader.stage() != Stage::Complete
            && reader.received() > 0
        {
            reader.finish(&mut |_| {});
        }
        self.note();
    }

    /// Takes over the remarks of the answer that is being read.
    fn note(&mut self) {
        if let Some(reader) = &self.reader {
            let number = self.number;
            self.remarks.retain(|(answer, _)| *answer != number);
            let remarks = reader.remarks().iter();
            self.remarks.extend(remarks.map(|remark| (number, *remark)));
        }
    }
}
