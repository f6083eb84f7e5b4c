//! How a sending can end: for each recipient, and as a whole. The client decides it; screens, printers and files tell it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::code::{Code, Enhanced};
use super::reply::ReplyError;
use super::stage::Stage;
use crate::proto::serial;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipient {
    pub address: Address,
    pub fate: RecipientFate,
    /// The reply that decided it.
    pub reply: Option<Verdict>,
}

/// What decided about a recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub stage: Stage,
    pub code: Code,
    pub enhanced: Option<Enhanced>,
    /// The reply's lines, joined by a space. The client escapes them before it tells.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecipientFate {
    /// The server has taken the message for this recipient.
    Accepted,
    /// 5xx.
    Refused,
    /// 4xx, and no further try is planned.
    Deferred,
    /// The connection was lost after the final dot: the message may have been delivered (RFC 5321 §4.2.5).
    Unknown,
    /// It did not come to that.
    NotTried,
}

/// How a sending ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub outcome: Outcome,
    /// Where it ended; for a success, the last stage.
    pub stage: Stage,
    /// Of the last message.
    pub recipients: Vec<Recipient>,
    /// Messages that went out to all, or some, of their recipients.
    pub sent: u32,
    /// Messages asked for.
    pub asked: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every recipient of every message was accepted.
    Sent,
    /// Some were.
    PartlySent,
    /// The server refused.
    Refused,
    /// The login was refused.
    LoginRefused,
    /// It ended where it was told to (`quit_after`), or a person ended it.
    Stopped,
    /// It never came to a decision.
    Failed(Failure),
    /// Lost after the final dot: it may have been delivered.
    Unknown,
}

impl Outcome {
    /// Its stable name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Sent => "sent",
            Outcome::PartlySent => "partly-sent",
            Outcome::Refused | Outcome::LoginRefused => "refused",
            Outcome::Stopped => "stopped",
            Outcome::Failed(_) => "failed",
            Outcome::Unknown => "unknown",
        }
    }
}

/// Why a sending failed without the server's having decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The password, or an attachment, could not be read: the system's own words, and which.
    Source { what: String, error: String },
    /// The name is not known, or nobody is there.
    CannotConnect(String),
    /// The server closed, or the connection broke.
    Lost(String),
    /// No reply in time.
    TimedOut(#[serde(with = "serial::nanos")] Duration),
    /// TLS was asked for and could not be had: not offered, refused, or the handshake failed.
    Tls(TlsFailure),
    /// A reply that is none.
    NotAReply(ReplyError),
    /// The server does not offer what the message or the plan needs.
    NotOffered(Need),
}

/// Why a session was not encrypted as asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsFailure {
    /// STARTTLS is not among the capabilities: not built in, or cut out by somebody on the way.
    NotOffered,
    /// The server answered STARTTLS with something else than 220.
    Refused(Code),
    /// Bytes stood behind the reply to STARTTLS in clear text: an attack (RFC 3207 §4.2), or a broken server.
    Injected(#[serde(with = "serial::bytes")] Box<[u8]>),
    /// The certificate is not trusted.
    Untrusted(Distrust),
    /// The handshake failed.
    Handshake(String),
}

/// What a server lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// It offers no AUTH at all, or not this mechanism.
    Mechanism {
        wanted: String,
        offered: Vec<String>,
    },
    /// An address that is not ASCII (RFC 6531).
    SmtpUtf8(Address),
    /// The message is bigger than it takes (RFC 1870).
    Size { bytes: u64, most: u64 },
}

/// Why a certificate is not trusted. The dates and names it is about stand in the card's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distrust {
    /// No root that we know has signed the chain.
    UnknownIssuer,
    /// It signs itself, so nobody else vouches for it.
    SignsItself,
    Expired,
    NotYetValid,
    /// It is made out for other names.
    WrongName,
    Revoked,
    BadSignature,
    /// Something else, in the words of the library.
    Other(String),
}
