//! A password, or a line that holds one: bytes that are never printed, logged or serialised by accident, and wiped when they are no longer needed.
//!
//! It stands apart so that "no password in a log, a capture or a test" is a property of a type and not of the care of everybody who handles one.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use zeroize::Zeroizing;

use super::serial;

/// What is written in place of a secret.
pub const MASK: &str = "********";

/// Bytes that only [`Secret::reveal`] shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes themselves: for the socket they belong to, and for eyes that asked to see them.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A line of a session, without its end. It stands here because lines of AUTH hold secrets, and nobody who handles a line should have to think of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// With [`MASK`] where the secret is.
    pub shown: Box<[u8]>,
    /// The whole line, where it holds a secret.
    pub secret: Option<Secret>,
}

impl Line {
    /// A line that everybody may see.
    pub fn open(line: &[u8]) -> Self {
        Self {
            shown: line.into(),
            secret: None,
        }
    }

    /// A line that holds a secret, and what is shown in its place.
    pub fn masked(shown: &[u8], line: &[u8]) -> Self {
        Self {
            shown: shown.into(),
            secret: Some(Secret::new(line)),
        }
    }

    /// The same line without anything hidden: what eyes that asked to see secrets are shown.
    #[must_use]
    pub fn revealed(&self) -> Self {
        Self::open(self.bytes())
    }

    /// The whole line: for the socket, and for eyes that asked to see it.
    pub fn bytes(&self) -> &[u8] {
        match &self.secret {
            Some(secret) => secret.reveal(),
            None => &self.shown,
        }
    }

    /// The part of [`Line::bytes`] that is not to be seen: from where the shown line is another one, to the end.
    pub fn secret_part(&self) -> Option<Range<usize>> {
        let bytes = self.secret.as_ref()?.reveal();
        let open = self.shown.strip_suffix(MASK.as_bytes());
        let same = bytes.iter().zip(open.unwrap_or_default());
        let start = same.take_while(|(byte, shown)| byte == shown).count();
        Some(start..bytes.len())
    }
}

impl Serialize for Line {
    /// As everybody may see it; the secret is left out.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serial::bytes::serialize(&self.shown, serializer)
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            shown: serial::bytes::deserialize(deserializer)?,
            secret: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn does_not_show_itself() {
        let secret = Secret::from("hunter2");
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(secret.reveal(), b"hunter2");
    }

    #[test]
    fn a_line_is_written_without_its_secret() {
        let line = Line::masked(b"AUTH PLAIN ********", b"AUTH PLAIN hunter2");
        let json = serde_json::to_string(&line).unwrap();
        assert_eq!(json, r#""AUTH PLAIN ********""#);
        let read: Line = serde_json::from_str(&json).unwrap();
        assert_eq!(read, Line::open(b"AUTH PLAIN ********"));
    }

    #[test]
    fn the_secret_part_of_a_line_begins_no_later_than_the_secret() {
        for (line, part) in [
            (Line::open(b"EHLO me"), None),
            (
                Line::masked(b"AUTH PLAIN ********", b"AUTH PLAIN AHMAcw=="),
                Some(11..19),
            ),
            // Typed by hand, shown with single blanks.
            (
                Line::masked(b"AUTH PLAIN ********", b"AUTH  PLAIN AHMAcw=="),
                Some(5..20),
            ),
            (Line::masked(b"********", b"c2VjcmV0"), Some(0..8)),
            // A secret that looks like the mask.
            (Line::masked(b"********", b"********"), Some(0..8)),
        ] {
            assert_eq!(line.secret_part(), part, "{}", line.shown.escape_ascii());
        }
    }
}
