//! What the Wire tab keeps: rows, each a socket call or a message, and what joins them.
//!
//! A message has two ends. Where both are in this program, each reports on its own; [`super::join`] makes one message of the two reports, so that an
//! arrow has a beginning and an end. A call belongs to one end only.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::proto::link::Leg;
use crate::trace::event::Ruling;
use crate::trace::wire::{End, Lab, SocketEvent, Subject};

/// Which row, from 1 in the order in which they were taken in; it stays the same as long as the row is kept.
pub type RowId = u64;

/// A row of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub id: RowId,
    /// When it began: the call was made, the message sent; where only its arrival was seen, then.
    pub at: Duration,
    /// `None` for a note, and where nobody knows what was left out.
    pub lab: Option<Lab>,
    /// Whom it is between, as far as it is known. An IPv4 address is one, also where a socket of IPv6 tells of it.
    pub flow: Flow,
    pub what: What,
    pub marked: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    Call(SocketEvent),
    Message(Box<Message>),
    /// What somebody wrote into the line; it belongs to no flow.
    Note(String),
    /// So many calls or events were left out here.
    LeftOut(u64),
}

/// The two ends of a connection, or of an exchange of datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flow {
    pub client: Option<SocketAddr>,
    pub server: Option<SocketAddr>,
}

/// A message: a datagram, a request, a response, a command, a reply, the content of a mail.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub kind: Kind,
    /// The end that sent it.
    pub from: End,
    /// When its sender sent it, if that was seen.
    pub sent: Option<Duration>,
    /// When it arrived, if that was seen: once for each copy, in order.
    pub arrived: Vec<Duration>,
    pub fate: Fate,
    /// What our echo server did with it, and why.
    pub ruling: Option<Ruling>,
    /// Something happened to it on its way that did not kill it.
    pub reordered: bool,
    pub damaged: bool,
    /// Its bytes as far as they are kept, secrets masked.
    pub bytes: Arc<[u8]>,
    /// Its whole length.
    pub length: u64,
    /// It went over inside TLS.
    pub encrypted: bool,
    /// A secret in it was masked.
    pub masked: bool,
    /// In a few words, escaped: `Ping 17`, `GET /index.html`, `404 Not Found`, `250 2.1.5 OK`.
    pub summary: String,
    /// Its rows in its lab, the client's first.
    pub subjects: Vec<Subject>,
}

impl Message {
    /// A message of which nothing else is known yet.
    pub fn new(kind: Kind, from: End) -> Self {
        Self {
            kind,
            from,
            sent: None,
            arrived: Vec::new(),
            fate: Fate::InFlight,
            ruling: None,
            reordered: false,
            damaged: false,
            bytes: Arc::default(),
            length: 0,
            encrypted: false,
            masked: false,
            summary: String::new(),
            subjects: Vec::new(),
        }
    }

    /// Whether no call sent it: a reply that our echo server would have sent, had the link's model not killed it.
    pub fn was_never_sent(&self) -> bool {
        self.fate == Fate::Killed(Leg::Reply)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A ping, or its reply.
    Datagram,
    Request,
    Response {
        status: u16,
    },
    Command,
    Reply {
        code: u16,
    },
    /// A mail, or a part of one.
    Content,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is on its way, or nobody can know.
    InFlight,
    Arrived,
    /// It arrived after nobody waited any more.
    Late,
    /// The link's model killed it, on this leg.
    Killed(Leg),
    /// The server would not take it: too many, too fast, no room.
    Turned,
    /// A ping that got no answer; nobody knows which leg.
    Unanswered,
    /// An ICMP error came back: nobody listens there.
    Refused,
    /// It ended before it was whole.
    CutShort,
}

/// A call and a message that are no further apart than this are the same moment: the call moved the message.
pub const TOGETHER: Duration = Duration::from_millis(2);

/// A call and a datagram of the same bytes belong together as long as this: on a busy machine a lab's thread waits that long between the moment that
/// it tells and the call.
pub const SAME_BYTES: Duration = Duration::from_millis(100);

/// How well a call fits a message, the least being the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// A datagram of these very bytes: every ping has a token of its own.
    Bytes(Duration),
    Length(Duration),
    Time(Duration),
}

/// How well a call fits as the one that sent, or took, a message at that moment; `None` if it was certainly another.
pub fn moved(call: &SocketEvent, sent: bool, at: Duration, message: &Message) -> Option<Fit> {
    let payload = call.call.payload()?;
    if call.error.is_some() || call.call.is_sending() != sent {
        return None;
    }
    let apart = call.at.abs_diff(at);
    let same_bytes = message.kind == Kind::Datagram
        && !payload.bytes.is_empty()
        && payload.bytes == message.bytes;
    if same_bytes && apart <= SAME_BYTES {
        return Some(Fit::Bytes(apart));
    }
    let is_near = apart <= TOGETHER;
    is_near.then_some(match payload.length == message.length {
        true => Fit::Length(apart),
        false => Fit::Time(apart),
    })
}

impl Row {
    pub fn message(&self) -> Option<&Message> {
        match &self.what {
            What::Message(message) => Some(message),
            _ => None,
        }
    }

    /// Whether it is a loss, a failed call, or a refusal (4xx, 5xx): what `l` and `h` jump to.
    pub fn is_trouble(&self) -> bool {
        match &self.what {
            What::Call(call) => call.error.is_some(),
            What::Message(message) => {
                let code = match message.kind {
                    Kind::Response { status } => status,
                    Kind::Reply { code } => code,
                    _ => 0,
                };
                code >= 400 || !matches!(message.fate, Fate::InFlight | Fate::Arrived)
            }
            What::LeftOut(_) => true,
            What::Note(_) => false,
        }
    }
}
