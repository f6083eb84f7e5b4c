//! What happens between a mail client and a mail server, as plain data: the part of the vocabulary that speaks SMTP. Both ends report in the same
//! terms, so that the two sides of a dialogue can be laid side by side.
//!
//! Times are [`Duration`]s since the program's clock origin.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::proto::secret::Line;
use crate::proto::serial;
use crate::proto::smtp::address::{Address, Envelope};
use crate::proto::smtp::code::{self, Code};
use crate::proto::smtp::fault::Fault;
pub use crate::proto::smtp::outcome::{
    Distrust, Failure, Need, Outcome, Recipient, RecipientFate, Summary, TlsFailure, Verdict,
};
use crate::proto::smtp::reply::Reply;
use crate::proto::smtp::server::EndOfData;
use crate::proto::smtp::stage::Stage;

/// Which sending of this program, in the order in which they were started.
pub type SendingId = u64;

/// Which session of the lab's server, from 1 in the order in which they were opened.
pub type SessionId = u64;

/// Which message of the mailbox. It stays the same as long as the message is kept, over restarts too.
pub type MessageId = u64;

/// Bytes of TLS records that a [`Cipher`] keeps.
pub const CIPHER_EXCERPT: usize = 48;

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spoken {
    /// When it was handed to the system, or was whole on arrival.
    #[serde(with = "serial::nanos")]
    pub at: Duration,
    /// The command it is, or answers.
    pub stage: Stage,
    /// It was said inside TLS.
    pub encrypted: bool,
    pub what: Speech,
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speech {
    /// A line of the client.
    Command(Line),
    /// A reply of the server.
    Reply {
        /// Shared: a server says the same few things over and over.
        reply: Arc<Reply>,
        /// Since the command (or, for the greeting, since the connection) was complete; `None` for a reply to nothing.
        #[serde(with = "serial::nanos::option")]
        latency: Option<Duration>,
        /// How it fits the command.
        fit: Fit,
    },
    /// A message, or a chunk of one, went over: only its measure is kept.
    Content {
        /// Its bytes on the wire, doubled dots and the final dot included.
        bytes: u64,
        /// Dots that were doubled.
        stuffed: u64,
        /// Its first bytes.
        #[serde(with = "serial::bytes")]
        excerpt: Box<[u8]>,
    },
}

/// How a reply fits the command before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// The client can go on as it wants to.
    Expected,
    /// The RFC knows this answer to this command; it is a refusal.
    Refusal,
    /// Not in the list of RFC 5321 §4.3.2 for this command.
    NotInTheList,
    /// Nobody asked.
    Unasked,
}

impl Fit {
    /// How a code fits the command that it answers. A code that is not in the list may be a success all the same: the first digit rules.
    pub fn of(stage: Stage, code: Code) -> Self {
        if code::expected(stage).contains(&code.0) {
            Fit::Expected
        } else if code::allowed(stage, code) {
            Fit::Refusal
        } else {
            Fit::NotInTheList
        }
    }
}

/// Bytes of an encrypted session as everybody on the way sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cipher {
    #[serde(with = "serial::nanos")]
    pub at: Duration,
    pub from: Speaker,
    /// The first of them, up to [`CIPHER_EXCERPT`].
    #[serde(with = "serial::bytes")]
    pub excerpt: Box<[u8]>,
    pub length: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaker {
    Client,
    Server,
}

/// From a sending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SendingEvent {
    /// A connection is being opened. Another try begins with this, too.
    Connecting {
        #[serde(with = "serial::nanos")]
        at: Duration,
        host: String,
        port: u16,
        /// From 1.
        attempt: u32,
    },
    Connected {
        #[serde(with = "serial::nanos")]
        at: Duration,
        local: SocketAddr,
        server: SocketAddr,
    },
    Spoken(Spoken),
    /// The handshake is over, well or not.
    Tls {
        #[serde(with = "serial::nanos")]
        at: Duration,
        card: Box<TlsCard>,
    },
    /// What the wire shows of an encrypted session.
    Cipher(Cipher),
    /// A reply is awaited until then, at the latest.
    Awaiting {
        #[serde(with = "serial::nanos")]
        at: Duration,
        stage: Stage,
        #[serde(with = "serial::nanos")]
        until: Duration,
    },
    /// Step mode: this command would go out next, and waits. `expected` are the codes that would be a success.
    Held {
        #[serde(with = "serial::nanos")]
        at: Duration,
        stage: Stage,
        line: Line,
        expected: Cow<'static, [u16]>,
    },
    /// How much of the message is out.
    Progress {
        #[serde(with = "serial::nanos")]
        at: Duration,
        sent: u64,
        total: u64,
    },
    /// One message is decided.
    Decided(Box<Decided>),
    /// Another try is made then, for these recipients.
    Retrying {
        #[serde(with = "serial::nanos")]
        at: Duration,
        #[serde(with = "serial::nanos")]
        until: Duration,
        recipients: Vec<Address>,
    },
    Ended {
        #[serde(with = "serial::nanos")]
        at: Duration,
        summary: Box<Summary>,
    },
}

impl SendingEvent {
    /// When it happened.
    pub fn at(&self) -> Duration {
        match self {
            SendingEvent::Connecting { at, .. }
            | SendingEvent::Connected { at, .. }
            | SendingEvent::Tls { at, .. }
            | SendingEvent::Awaiting { at, .. }
            | SendingEvent::Held { at, .. }
            | SendingEvent::Progress { at, .. }
            | SendingEvent::Retrying { at, .. }
            | SendingEvent::Ended { at, .. } => *at,
            SendingEvent::Spoken(spoken) => spoken.at,
            SendingEvent::Cipher(cipher) => cipher.at,
            SendingEvent::Decided(decided) => decided.at,
        }
    }
}

/// How one message fared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    #[serde(with = "serial::nanos")]
    pub at: Duration,
    /// Which of the messages of this sending, from 1.
    pub number: u32,
    pub recipients: Vec<Recipient>,
}

/// What a TLS handshake showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsCard {
    /// The name that was asked for.
    pub server_name: String,
    /// Such as `TLSv1.3`; `None` when the handshake failed before.
    pub version: Option<String>,
    pub cipher: Option<String>,
    /// The server's own certificate first.
    pub chain: Vec<CertificateCard>,
    /// Why the chain is not trusted.
    pub distrust: Option<Distrust>,
    /// The handshake failed for another reason.
    pub error: Option<String>,
    #[serde(with = "serial::nanos")]
    pub took: Duration,
}

/// What a certificate says. Text in it is escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateCard {
    pub subject: String,
    pub issuer: String,
    /// DNS names and addresses it is made out for.
    pub names: Vec<String>,
    /// As `2026-11-22`.
    pub not_before: String,
    pub not_after: String,
    /// SHA-256 of its DER form, in hex with colons.
    pub fingerprint: String,
}

/// From the lab's mail server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailEvent {
    Listening {
        address: SocketAddr,
        /// Where TLS is spoken from the first byte.
        tls_address: Option<SocketAddr>,
        /// The file with the server's certificate.
        #[serde(with = "serial::path")]
        certificate: Option<PathBuf>,
        /// The Maildir; `None` keeps messages in memory.
        #[serde(with = "serial::path")]
        folder: Option<PathBuf>,
    },
    Opened {
        session: SessionId,
        client: SocketAddr,
        #[serde(with = "serial::nanos")]
        at: Duration,
        encrypted: bool,
    },
    Spoken {
        session: SessionId,
        spoken: Spoken,
    },
    /// The handshake of a session is done.
    Secured {
        session: SessionId,
        #[serde(with = "serial::nanos")]
        at: Duration,
        version: String,
        cipher: String,
    },
    /// Bytes that stood behind STARTTLS in clear text: thrown away unread (RFC 3207 §4.2).
    Dropped {
        session: SessionId,
        #[serde(with = "serial::nanos")]
        at: Duration,
        bytes: u64,
        /// The first of them.
        #[serde(with = "serial::bytes")]
        excerpt: Box<[u8]>,
    },
    /// A message is in the mailbox: it was answered 250.
    Arrived(Box<Arrived>),
    Closed {
        session: SessionId,
        client: SocketAddr,
        #[serde(with = "serial::nanos")]
        at: Duration,
        cause: SessionEnd,
        commands: u32,
        messages: u32,
    },
    /// What is done wrong from now on.
    Faulty {
        #[serde(with = "serial::nanos")]
        at: Duration,
        faults: Vec<Fault>,
        end_of_data: EndOfData,
    },
    /// The server's thread ended because of this.
    Failed {
        error: String,
    },
}

impl MailEvent {
    pub(super) fn at(&self) -> Option<Duration> {
        match self {
            MailEvent::Opened { at, .. }
            | MailEvent::Secured { at, .. }
            | MailEvent::Dropped { at, .. }
            | MailEvent::Closed { at, .. }
            | MailEvent::Faulty { at, .. } => Some(*at),
            MailEvent::Spoken { spoken, .. } => Some(spoken.at),
            MailEvent::Arrived(arrived) => Some(arrived.at),
            MailEvent::Listening { .. } | MailEvent::Failed { .. } => None,
        }
    }
}

/// A message that was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arrived {
    pub session: SessionId,
    #[serde(with = "serial::nanos")]
    pub at: Duration,
    pub id: MessageId,
    pub envelope: Envelope,
    /// Of the message as it was sent, dots undone.
    pub bytes: u64,
    #[serde(with = "serial::path")]
    pub file: Option<PathBuf>,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionEnd {
    Quit,
    /// The client closed or reset the connection.
    ClientGone,
    /// It said nothing for too long.
    Idle,
    /// Too many refused commands, or one that no mail client sends.
    Misbehaved,
    /// The handshake failed: the client did not trust us, or spoke no TLS.
    HandshakeFailed,
    /// A fault closed it.
    Fault,
    /// More connections than the server takes.
    TooMany,
    /// The server was stopped.
    Stopped,
}

/// What the server counted, exact whatever a screen or printer left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MailCounts {
    pub sessions: u64,
    /// Of those, open now.
    pub open: u64,
    pub commands: u64,
    /// Replies by their first digit, from 2xx to 5xx.
    pub by_class: [u64; 4],
    /// Messages taken.
    pub messages: u64,
    pub bytes: u64,
    /// Messages that were refused or given up after DATA.
    pub refused: u64,
    /// Replies that a fault spoilt; `None` where nobody knows, for no record holds them.
    pub faults: Option<u64>,
    /// Sessions turned away because too many were open.
    pub turned_away: u64,
}

/// A message of the mailbox as a list shows it. Texts are decoded, but not escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub id: MessageId,
    /// Seconds since 1970 in UTC, when it was taken.
    pub taken: i64,
    pub envelope: Envelope,
    /// Of the From header.
    pub from: String,
    pub subject: String,
    pub bytes: u64,
    pub attachments: usize,
    /// Nobody has opened it yet.
    pub unread: bool,
}

/// What a mailbox holds: a page of it, as somebody asked for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// What was searched for; empty for everything.
    pub search: String,
    /// The newest first.
    pub listed: Vec<Listed>,
    /// How many match, those that are not in `listed` included.
    pub matching: u64,
    /// The mailbox's generation when it was read.
    pub generation: u64,
}

/// The server and its mailbox at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MailReport {
    pub counts: MailCounts,
    /// Messages held.
    pub held: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Grows with every change of the mailbox: whoever shows a [`Page`] of an older one asks again.
    pub generation: u64,
}
