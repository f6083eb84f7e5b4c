//! Reply codes: their classes (RFC 5321 §4.2.1), enhanced status codes (RFC 3463), and which code may answer which command (RFC 5321 §4.3.2).

use std::fmt;

/// A reply code of three digits, from 200 to 599. The first digit rules (RFC 5321 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub u16);

/// The first digit of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// 2: done.
    Positive,
    /// 3: go on, more is awaited.
    Intermediate,
    /// 4: not now; the same request may work later.
    Transient,
    /// 5: no; something has to be changed first.
    Permanent,
}

impl Code {
    pub fn class(self) -> Class {
        match self.0 / 100 {
            2 => Class::Positive,
            3 => Class::Intermediate,
            4 => Class::Transient,
            _ => Class::Permanent,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

/// An enhanced status code: class, subject and detail (RFC 3463 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Enhanced {
    pub class: u8,
    pub subject: u16,
    pub detail: u16,
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}
