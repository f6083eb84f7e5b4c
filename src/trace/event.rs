//! What happened, as plain data: the one vocabulary in which every lab reports, and which printers, screens and files read.
//!
//! Times are [`Duration`]s since the program's clock origin ([`crate::trace::clock`] turns them into wall time).

use std::net::SocketAddr;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::mail::{MailEvent, SendingEvent, SendingId};
use super::web::{SenderEvent, SenderId, WebEvent};
use crate::proto::guard::Refusal;
use crate::proto::link::{Fate, Leg, LinkSettings, Verdict, Why};
use crate::proto::ping::PingEvent;
use crate::proto::serial;

/// How many bytes of a datagram an event keeps.
pub const EXCERPT: usize = 128;

/// Something that happened in a lab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    Echo(EchoEvent),
    Ping {
        target: TargetId,
        event: PingerEvent,
    },
    Web(WebEvent),
    Sender {
        id: SenderId,
        event: SenderEvent,
    },
    Mail(MailEvent),
    Sending {
        id: SendingId,
        event: SendingEvent,
    },
}

impl Event {
    /// When it happened; `None` where the lab does not say, because it is the beginning or the end of something that has no moment of its own.
    pub fn at(&self) -> Option<Duration> {
        match self {
            Event::Echo(event) => event.at(),
            Event::Ping { event, .. } => match event {
                PingerEvent::Ping(event) => event.at(),
                PingerEvent::Started { .. } | PingerEvent::Failed { .. } => None,
            },
            Event::Web(event) => event.at(),
            Event::Sender { event, .. } => Some(event.at()),
            Event::Mail(event) => event.at(),
            Event::Sending { event, .. } => Some(event.at()),
        }
    }

    /// Bytes of messages that it keeps outside of itself.
    pub fn kept_bytes(&self) -> usize {
        match self {
            Event::Ping {
                event: PingerEvent::Ping(event),
                ..
            } => match event {
                PingEvent::Sent { datagram, .. } => datagram.len(),
                PingEvent::Replied { reply, .. } => reply.len(),
                _ => 0,
            },
            Event::Web(WebEvent::Exchange(exchange)) => {
                size_of_val(&**exchange)
                    + exchange.request.bytes.len()
                    + exchange.response.bytes.len()
            }
            Event::Sender {
                event: SenderEvent::Sent { bytes, .. } | SenderEvent::Received { bytes, .. },
                ..
            } => bytes.len(),
            _ => 0,
        }
    }
}

/// Which pinger of this program, in the order in which they were started.
pub type TargetId = usize;

/// From the echo server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EchoEvent {
    Listening {
        address: SocketAddr,
        seed: u64,
        /// The link that it begins with.
        link: Box<LinkSettings>,
    },
    Datagram(EchoDatagram),
    LinkChanged {
        #[serde(with = "serial::nanos")]
        at: Duration,
        from: Box<LinkSettings>,
        to: Box<LinkSettings>,
    },
    /// The server's thread ended because of this.
    Failed {
        error: String,
    },
}

impl EchoEvent {
    fn at(&self) -> Option<Duration> {
        match self {
            EchoEvent::Datagram(datagram) => Some(datagram.at),
            EchoEvent::LinkChanged { at, .. } => Some(*at),
            EchoEvent::Listening { .. } | EchoEvent::Failed { .. } => None,
        }
    }
}

/// From a pinger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PingerEvent {
    /// Its socket is open: pings go from `local` to `target`.
    Started {
        local: SocketAddr,
        target: SocketAddr,
    },
    Ping(PingEvent),
    /// It could not start, or its socket failed.
    Failed {
        error: String,
    },
}

/// One datagram as the echo server judged it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EchoDatagram {
    /// Number of the datagram at this server, from 1.
    pub n: u64,
    #[serde(with = "serial::nanos")]
    pub at: Duration,
    pub from: SocketAddr,
    /// Its length on arrival.
    pub bytes: usize,
    /// What it said on arrival.
    pub payload: Excerpt,
    pub ruling: Ruling,
    /// Time until the first copy of the reply goes out; zero when none does.
    #[serde(with = "serial::nanos")]
    pub delay: Duration,
    /// How many replies go out.
    pub copies: u8,
    /// A bit was flipped on the way there or back.
    pub corrupted: bool,
    /// A reply is held back until a later one has overtaken it.
    pub held: bool,
}

/// What the server did with a datagram, and why.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    Replied,
    Lost { leg: Leg, why: Why },
    QueueFull { leg: Leg },
    Refused(Refusal),
}

impl Ruling {
    /// The stable name of this ruling in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Ruling::Replied => "replied",
            Ruling::Lost {
                leg: Leg::Request, ..
            } => "request-lost",
            Ruling::Lost {
                leg: Leg::Reply, ..
            } => "reply-lost",
            Ruling::QueueFull { .. } => "queue-full",
            Ruling::Refused(_) => "refused",
        }
    }

    /// The stable reason in JSON; `None` for a datagram that was simply answered.
    pub fn reason(&self) -> Option<String> {
        match self {
            Ruling::Replied => None,
            Ruling::Lost { why, .. } => Some(why.to_string()),
            Ruling::QueueFull { leg: Leg::Request } => Some("request queue full".to_owned()),
            Ruling::QueueFull { leg: Leg::Reply } => Some("reply queue full".to_owned()),
            Ruling::Refused(refusal) => Some(refusal.to_string()),
        }
    }
}

impl From<&Verdict> for Ruling {
    fn from(verdict: &Verdict) -> Self {
        match verdict.fate {
            Fate::Replied => Ruling::Replied,
            Fate::Lost { leg, why } => Ruling::Lost { leg, why },
            Fate::QueueFull { leg } => Ruling::QueueFull { leg },
        }
    }
}

/// The first bytes of a datagram, kept inline so that an event costs no allocation.
#[derive(Clone, Copy, PartialEq)]
pub struct Excerpt {
    len: u8,
    bytes: [u8; EXCERPT],
}

impl Excerpt {
    pub fn of(datagram: &[u8]) -> Self {
        let len = datagram.len().min(EXCERPT);
        let mut bytes = [0; EXCERPT];
        bytes[..len].copy_from_slice(&datagram[..len]);
        Self {
            len: len as u8,
            bytes,
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl std::fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.bytes().escape_ascii())
    }
}

impl Serialize for Excerpt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serial::bytes::serialize(&self.bytes(), serializer)
    }
}

impl<'de> Deserialize<'de> for Excerpt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes: Vec<u8> = serial::bytes::deserialize(deserializer)?;
        if bytes.len() > EXCERPT {
            return Err(Error::invalid_length(bytes.len(), &"at most 128 bytes"));
        }
        Ok(Self::of(&bytes))
    }
}

/// What the echo server counted, exact whatever a screen or printer left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct EchoCounts {
    #[serde(flatten)]
    pub totals: Totals,
    /// Replies sent or given to the delay line: more than `replied` when the link duplicates.
    pub copies: u64,
    /// Datagrams longer than the receive buffer; answered with what was read.
    pub truncated: u64,
    /// Replies that the system would not send.
    pub send_failures: u64,
    /// Replies dropped because too many others were already waiting out their delay.
    pub delay_overflow: u64,
    /// Clients forgotten to make room for newer ones.
    pub clients_forgotten: u64,
    /// Datagrams that the kernel dropped for want of buffer, before the link saw them; `None` where the system does not tell.
    pub kernel_dropped: Option<u64>,
}

/// What the echo server counted for one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ClientCounts {
    pub address: SocketAddr,
    #[serde(flatten)]
    pub totals: Totals,
    /// Since the clock's origin.
    #[serde(skip)]
    pub last_seen: Duration,
}

/// Datagrams by ruling: of a server, or of one of its clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub received: u64,
    /// Datagrams of which at least one copy was answered.
    pub replied: u64,
    pub request_lost: u64,
    pub reply_lost: u64,
    pub queue_full: u64,
    pub refused: u64,
}

impl Totals {
    /// Counts one datagram.
    pub fn count(&mut self, ruling: &Ruling) {
        self.received += 1;
        let counter = match ruling {
            Ruling::Replied => &mut self.replied,
            Ruling::Lost {
                leg: Leg::Request, ..
            } => &mut self.request_lost,
            Ruling::Lost {
                leg: Leg::Reply, ..
            } => &mut self.reply_lost,
            Ruling::QueueFull { .. } => &mut self.queue_full,
            Ruling::Refused(_) => &mut self.refused,
        };
        *counter += 1;
    }
}
