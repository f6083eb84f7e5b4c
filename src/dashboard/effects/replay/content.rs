//! The messages that went over a socket of the lab's mail server, out of the calls that a record holds: what stands between `354` and the final dot,
//! dots undone (RFC 5321 §4.5.2), and the chunks of BDAT (RFC 3030).
//!
//! It reads the client's side as the server did, but knows less: of a call only the first bytes may be kept. What is missing is marked where it is
//! missing, and the next reply of the server tells where a message ended whose end is not there. Inside TLS, calls hold the plain text; once there
//! is such a call, what everybody on the way sees is passed over.

use std::collections::VecDeque;

use crate::proto::smtp::server::EndOfData;
use crate::proto::smtp::transparency::DataReader;
use crate::trace::mail::MessageId;
use crate::trace::wire::{Layer, Payload};

/// Bytes of one message that are kept.
const LARGEST: usize = 16 << 20;
/// Bytes of a command line that are looked at: BDAT and its numbers are shorter.
const LINE: usize = 64;
/// Messages of one session that are whole and not yet told to have arrived, and such as were told to and are not whole.
const WAITING: usize = 8;

/// A message as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    pub bytes: Vec<u8>,
    /// Its length when it was sent.
    pub sent: u64,
    /// Bytes that are not in the record, or too many to be kept.
    pub missing: u64,
    /// Bytes that may be kept of it.
    room: usize,
}

/// What the next bytes of the client are.
enum Mode {
    /// A command; so much of its line is there.
    Line(Vec<u8>),
    Data(DataReader),
    /// So many bytes of a chunk are to come.
    Chunk {
        left: u64,
        last: bool,
    },
}

/// One session's client, as its server heard it.
pub struct Listener {
    layer: Layer,
    mode: Mode,
    message: Content,
    /// Whole messages whose fate is not known yet, the oldest first.
    whole: VecDeque<Content>,
    /// Messages that have arrived and whose last bytes are still to come: a server may tell of a message before it tells of the call that brought
    /// it. The number of each, and its length.
    arrived: VecDeque<(MessageId, u64)>,
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            layer: Layer::Socket,
            mode: Mode::Line(Vec::new()),
            message: Content::default(),
            whole: VecDeque::new(),
            arrived: VecDeque::new(),
        }
    }
}

impl Listener {
    /// Bytes that it keeps.
    pub fn held(&self) -> usize {
        let whole: usize = self.whole.iter().map(|content| content.bytes.len()).sum();
        whole + self.message.bytes.len()
    }

    /// Whether a payload is of the layer that is listened to.
    fn is_heard(&mut self, layer: Layer) -> bool {
        if layer == Layer::InsideTls && self.layer == Layer::Socket {
            *self = Self {
                layer,
                ..Self::default()
            };
        }
        layer == self.layer
    }

    /// The server got this; at most `room` bytes of it are kept. `hole` is what stands for bytes that are missing.
    pub fn heard(&mut self, payload: &Payload, room: usize, hole: impl Fn(u64) -> String) {
        if !self.is_heard(payload.layer) {
            return;
        }
        self.message.room = LARGEST.min(self.message.bytes.len() + room);
        let mut bytes = &payload.bytes[..];
        while !bytes.is_empty() {
            let used = self.read(bytes);
            bytes = &bytes[used..];
        }
        let missing = payload.length.saturating_sub(payload.bytes.len() as u64);
        if missing > 0 {
            self.miss(missing, hole);
        }
    }

    /// Reads some of what came; tells how much.
    fn read(&mut self, bytes: &[u8]) -> usize {
        match &mut self.mode {
            Mode::Line(line) => {
                let end = bytes.iter().position(|byte| *byte == b'\n');
                let used = end.map_or(bytes.len(), |end| end + 1);
                let room = LINE.saturating_sub(line.len());
                line.extend_from_slice(&bytes[..used.min(room)]);
                if end.is_some() {
                    let line = std::mem::take(line);
                    self.command(&line);
                }
                used
            }
            Mode::Data(reader) => {
                let message = &mut self.message;
                match reader.read(bytes, |part| message.push(part)) {
                    Some(used) => {
                        self.end();
                        used
                    }
                    None => bytes.len(),
                }
            }
            Mode::Chunk { left, last } => {
                let used = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                self.message.push(&bytes[..used]);
                *left -= used as u64;
                let is_over = *left == 0;
                let is_last = *last;
                if is_over {
                    self.chunk_is_over(is_last);
                }
                used
            }
        }
    }

    fn command(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_ascii_whitespace();
        let verb = words.next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "BDAT" => {
                let Some(left) = words.next().and_then(|length| length.parse().ok()) else {
                    return;
                };
                let last = words
                    .next()
                    .is_some_and(|word| word.eq_ignore_ascii_case("LAST"));
                self.mode = Mode::Chunk { left, last };
                if left == 0 {
                    self.chunk_is_over(last);
                }
            }
            // A transaction begins: what was chunked before belongs to none.
            "MAIL" | "RSET" | "EHLO" | "HELO" => self.message = Content::default(),
            _ => {}
        }
    }

    fn chunk_is_over(&mut self, last: bool) {
        self.mode = Mode::Line(Vec::new());
        if last {
            self.end();
        }
    }

    /// A message is whole.
    fn end(&mut self) {
        self.mode = Mode::Line(Vec::new());
        if self.whole.len() == WAITING {
            self.whole.pop_front();
        }
        self.whole.push_back(std::mem::take(&mut self.message));
    }

    /// Bytes came that are not in the record.
    fn miss(&mut self, missing: u64, hole: impl Fn(u64) -> String) {
        match &mut self.mode {
            // Which command was there is unknown, and so is where its line began.
            Mode::Line(line) => line.clear(),
            Mode::Data(_) => self.message.miss(missing, &hole(missing)),
            Mode::Chunk { left, last } => {
                let here = missing.min(*left);
                *left -= here;
                let (is_over, is_last) = (*left == 0, *last);
                self.message.miss(here, &hole(here));
                if is_over {
                    self.chunk_is_over(is_last);
                }
            }
        }
    }

    /// The server sent this.
    pub fn said(&mut self, payload: &Payload, end: EndOfData) {
        if !self.is_heard(payload.layer) {
            return;
        }
        if let Mode::Data(_) = self.mode {
            // It says nothing before the message has ended.
            if self.message.missing > 0 {
                self.end();
            }
        }
        // Commands before DATA may be answered together with it.
        let asks = payload
            .bytes
            .split(|byte| *byte == b'\n')
            .any(|line| line.starts_with(b"354"));
        if asks {
            self.message = Content::default();
            self.mode = Mode::Data(DataReader::new(end));
        }
    }

    /// A message with so many bytes was taken.
    pub fn arrived(&mut self, id: MessageId, bytes: u64) {
        if self.arrived.len() == WAITING {
            self.arrived.pop_front();
        }
        self.arrived.push_back((id, bytes));
    }

    /// A message was refused.
    pub fn refused(&mut self) {
        self.whole.pop_front();
    }

    /// A message that is whole and has arrived, and its number.
    pub fn matched(&mut self) -> Option<(MessageId, Content)> {
        for (place, content) in self.whole.iter().enumerate() {
            let is_it = |(_, bytes): &(MessageId, u64)| *bytes == content.sent;
            // How long it was can't be known where its end is missing.
            let last = (content.missing > 0).then(|| self.arrived.len().checked_sub(1));
            let found = self.arrived.iter().position(is_it).or(last.flatten());
            if let Some((id, _)) = found.and_then(|found| self.arrived.remove(found)) {
                return self.whole.remove(place).map(|content| (id, content));
            }
        }
        None
    }
}

impl Content {
    fn push(&mut self, part: &[u8]) {
        let room = self.room.saturating_sub(self.bytes.len());
        let kept = &part[..part.len().min(room)];
        self.bytes.extend_from_slice(kept);
        self.sent += part.len() as u64;
        self.missing += (part.len() - kept.len()) as u64;
    }

    fn miss(&mut self, missing: u64, hole: &str) {
        self.bytes.extend_from_slice(hole.as_bytes());
        self.sent += missing;
        self.missing += missing;
    }
}
