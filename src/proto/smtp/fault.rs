//! What the lab's mail server does wrong on purpose: deterministic, per command and occurrence, so that a class sees the same session twice.
//!
//! A fault is written `STAGE[#WHICH][@TEXT]=ACTION`; see [`Fault::parse`]. It stands apart from the server because a fault is decided from the
//! command and what was counted so far alone: the server that obeys it knows of no reason.

mod notation;
mod scenarios;
mod state;

pub use notation::FaultError;
pub use scenarios::scenarios;
pub use state::{Decision, Faults, Verdict};

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::code::{Code, Enhanced};
use super::stage::Stage;
use crate::proto::serial;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The command whose reply is spoilt; [`Stage::Banner`] for the greeting, [`Stage::Dot`] for the end of a message however it came. `None` is
    /// every one of [`Fault::STAGES`].
    pub stage: Option<Stage>,
    pub which: Which,
    /// Only where the command's argument holds this text, in any case.
    pub holding: Option<String>,
    pub action: Action,
}

impl Fault {
    /// The stages that have a reply to spoil.
    pub const STAGES: [Stage; 17] = [
        Stage::Banner,
        Stage::Ehlo,
        Stage::Helo,
        Stage::StartTls,
        Stage::Auth,
        Stage::Mail,
        Stage::Rcpt,
        Stage::Data,
        Stage::Dot,
        Stage::Bdat,
        Stage::Rset,
        Stage::Noop,
        Stage::Vrfy,
        Stage::Expn,
        Stage::Help,
        Stage::Quit,
        Stage::Other,
    ];
}

/// At which of the commands that the fault is about, counted from 1 over all sessions since the faults were set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    Every,
    Only(u32),
    /// The first so many.
    First(u32),
    /// Each so-manieth.
    EveryNth(u32),
}

/// What happens in place of, or besides, the right reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// This is said. A code that the command never gets is possible. The command is carried out only if both this and the right reply say yes (2xx), and
    /// it is one that ends there: EHLO, HELO, MAIL, RCPT, RSET. After a `421` the connection is closed
    /// (RFC 5321 §3.8). At AUTH it is the answer to the credentials, or, where its second digit is 0, to the command itself.
    Reply {
        code: Code,
        enhanced: Option<Enhanced>,
        /// Empty for words of the server's own.
        text: String,
    },
    /// The right reply, later.
    Delay(#[serde(with = "serial::nanos")] Duration),
    /// The right reply, a byte at a time with this much between two.
    ByteByByte(#[serde(with = "serial::nanos")] Duration),
    /// The right reply, its lines ended by bare LF.
    BareLf,
    /// `421`, then the connection is closed.
    Shutdown,
    /// The connection is closed without a word. At [`Stage::Dot`] the message is kept before that: it was delivered, and the client can't know.
    Drop,
    /// `451 4.7.1` until a sender and recipient were first seen this long ago (RFC 6647).
    Greylist(#[serde(with = "serial::nanos")] Duration),
    /// `452 4.2.2`: the mailbox is full.
    MailboxFull,
    /// `552 5.3.4`: the message is too big, whatever its size.
    TooBig,
    /// The right reply, and a further one right behind it that nobody asked for. At STARTTLS it is in clear text behind the `220`, where a client
    /// must not believe it (RFC 3207 §4.2).
    Inject(String),
}

impl Action {
    /// Where its words stand, after `fault.action.`.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Reply { .. } => "reply",
            Action::Delay(_) => "delay",
            Action::ByteByByte(_) => "bytes",
            Action::BareLf => "bare-lf",
            Action::Shutdown => "shutdown",
            Action::Drop => "drop",
            Action::Greylist(_) => "greylist",
            Action::MailboxFull => "full",
            Action::TooBig => "too-big",
            Action::Inject(_) => "inject",
        }
    }
}

/// A set of faults that shows something, by name. Its title and lesson stand under `fault.scenario.<name>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    pub name: &'static str,
    /// As [`Fault::parse`] reads them.
    pub faults: &'static [&'static str],
}

impl Scenario {
    /// The scenario of that name.
    ///
    /// # Errors
    /// There is none.
    pub fn from_name(name: &str) -> Result<Self, FaultError> {
        scenarios()
            .iter()
            .copied()
            .find(|scenario| scenario.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| FaultError::Scenario(name.to_owned()))
    }

    /// Its faults, ready to be set.
    pub fn parsed(&self) -> Vec<Fault> {
        self.faults
            .iter()
            .map(|spec| Fault::parse(spec).expect("the scenarios are tested"))
            .collect()
    }
}

#[cfg(test)]
mod tests;
