//! Replies of a server, read from whatever pieces they come in (RFC 5321 §4.2).

use super::code::{Code, Enhanced};

/// One whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Of its last line.
    pub code: Code,
    /// Of its first line that has one, where its class is that of the code.
    pub enhanced: Option<Enhanced>,
    /// The text of each line: what follows the code and its separator, an enhanced code included.
    pub lines: Vec<Box<[u8]>>,
    /// As it came, line ends included.
    pub raw: Box<[u8]>,
    /// What is odd about it, in the order of [`Oddity`].
    pub odd: Vec<Oddity>,
}

/// Something that a reply should not have, but that does not hinder understanding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oddity {
    /// A line ends in a bare LF (RFC 5321 §2.3.8).
    BareLf,
    /// A code and nothing after it, not even the space (RFC 5321 §4.2: a client SHOULD take it).
    CodeOnly,
    /// Lines of one reply with different codes (RFC 5321 §4.2.1: they MUST be the same).
    DifferingCodes,
    /// A line of more than 512 bytes (RFC 5321 §4.5.3.1.5).
    LongLine,
    /// A second digit that the RFC gives no meaning (RFC 5321 §4.2.1).
    UnknownSecondDigit,
    /// Bytes beyond ASCII where none were agreed on, or control characters.
    NotText,
    /// `AUTH=` in place of `AUTH` and a space: a form older than RFC 4954.
    AuthEquals,
    /// A challenge of AUTH that is not base64 (RFC 4954 §4).
    NotBase64,
    /// An enhanced code whose class is not that of the code (RFC 2034 §4).
    EnhancedClass,
}

impl Oddity {
    /// Its stable name in JSON; its words stand under `smtp.odd.<name>`.
    pub fn name(self) -> &'static str {
        match self {
            Oddity::BareLf => "bare-lf",
            Oddity::CodeOnly => "code-only",
            Oddity::DifferingCodes => "differing-codes",
            Oddity::LongLine => "long-line",
            Oddity::UnknownSecondDigit => "unknown-second-digit",
            Oddity::NotText => "not-text",
            Oddity::AuthEquals => "auth-equals",
            Oddity::NotBase64 => "not-base64",
            Oddity::EnhancedClass => "enhanced-class",
        }
    }
}
