//! What the lab's mail server does wrong on purpose: deterministic, per command and occurrence, so that a class sees the same session twice.
//!
//! A fault is written `STAGE[#WHICH][@TEXT]=ACTION`; see [`Fault::parse`].

use std::time::Duration;

use super::code::{Code, Enhanced};
use super::stage::Stage;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The command whose reply is spoilt; [`Stage::Banner`] for the greeting, [`Stage::Dot`] for the end of a message.
    /// `None` is every one.
    pub stage: Option<Stage>,
    pub which: Which,
    /// Only where the command's argument holds this text, in any case.
    pub holding: Option<String>,
    pub action: Action,
}

/// At which of the commands, counted from 1 over all sessions since the faults were set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Every,
    Only(u32),
    /// The first so many.
    First(u32),
    /// Each so-manieth.
    EveryNth(u32),
}

/// What happens in place of, or besides, the right reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// This is said, and the command is not carried out. A code that the command never gets is possible.
    Reply {
        code: Code,
        enhanced: Option<Enhanced>,
        text: String,
    },
    /// The right reply, later.
    Delay(Duration),
    /// The right reply, a byte at a time with this much between two.
    ByteByByte(Duration),
    /// The right reply, its lines ended by bare LF.
    BareLf,
    /// `421`, then the connection is closed.
    Shutdown,
    /// The connection is closed without a word.
    Drop,
    /// `451 4.7.1` until a sender and recipient were first seen this long ago (RFC 6647).
    Greylist(Duration),
    /// `452 4.2.2`: the mailbox is full.
    MailboxFull,
    /// `552 5.3.4`: the message is too big, whatever its size.
    TooBig,
    /// At STARTTLS: a further reply in clear text right behind the `220`, which a client must not believe (RFC 3207 §4.2).
    Inject(String),
}

/// A set of faults that shows something, by name. Its title and lesson stand under `fault.scenario.<name>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    pub name: &'static str,
    /// As [`Fault::parse`] reads them.
    pub faults: &'static [&'static str],
}

/// A set of faults at work: what it has counted and seen so far. All sessions of a server share one.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    faults: Vec<Fault>,
}

impl Faults {
    /// These faults; nothing is counted yet.
    pub fn new(faults: Vec<Fault>) -> Self {
        Self { faults }
    }

    pub fn list(&self) -> &[Fault] {
        &self.faults
    }
}
