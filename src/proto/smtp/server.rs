//! The lab's mail server without its sockets: commands in, replies and deeds out.

use crate::proto::secret::Secret;

/// What the server is told at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The name in its greeting.
    pub name: String,
    pub accounts: Accounts,
    pub limits: Limits,
}

/// Who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accounts {
    /// Any user with any password: nobody needs an account.
    Anybody,
    Only {
        user: String,
        password: Secret,
    },
}

/// Where a message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EndOfData {
    /// At CRLF `.` CRLF only; a bare CR or LF is refused (RFC 5321 §2.3.8, §4.1.1.4).
    #[default]
    Strict,
    /// Also at a dot between bare LFs or CRs, as servers did that let mail be smuggled.
    Lenient,
}

/// What no client gets past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message (RFC 1870).
    pub message: u64,
    /// Recipients of a message; at least the 100 of RFC 5321 §4.5.3.1.8.
    pub recipients: usize,
    /// Messages in the mailbox.
    pub messages: usize,
    /// Bytes of all messages in the mailbox.
    pub mailbox: u64,
    pub connections: usize,
    /// How long a client may say nothing (RFC 5321 §4.5.3.2.7: at least five minutes).
    pub idle: std::time::Duration,
    /// Commands that were refused, of one session, before it is closed.
    pub errors: u32,
}
