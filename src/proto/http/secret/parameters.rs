//! The reader of `name=value`, in queries and forms (WHATWG URL §5).

use super::name::Name;

/// Bytes that are looked back at when some were passed over: as many as a name may have.
const BEFORE: usize = 64;

/// What ends a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// What cannot stand in a URL ends it too.
    AsInUrl,
    AtAmpersand,
}

/// Where the reader stands.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    name: Name,
    in_secret: bool,
    /// Behind the question mark of a URL.
    in_query: bool,
}

/// Whether a name cannot go on behind this byte.
pub fn is_boundary(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b"&?;#=\"'<>,{}()/".contains(&byte)
}

/// Whether a URL cannot go on behind this byte (RFC 3986 appendix C).
fn ends_url(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b"\"<>".contains(&byte)
}

impl Parameters {
    /// Takes the next byte where names may stand anywhere, and says whether it is secret.
    pub fn step(&mut self, byte: u8, ends: Ends) -> bool {
        if self.in_secret {
            self.in_secret = byte != b'&' && (ends == Ends::AtAmpersand || !ends_url(byte));
            return self.in_secret;
        }
        match byte {
            b'=' => {
                self.in_secret = self.name.is_secret();
                self.name.clear();
            }
            _ if is_boundary(byte) => self.name.clear(),
            _ => self.name.push(byte),
        }
        false
    }

    /// The same where they stand in the queries of URLs only.
    pub fn step_in_url(&mut self, byte: u8) -> bool {
        let is_secret = (self.in_query || self.in_secret) && self.step(byte, Ends::AsInUrl);
        if byte == b'?' {
            self.in_query = true;
            self.name.clear();
        } else if ends_url(byte) {
            self.in_query = false;
        }
        is_secret
    }

    /// Whether it needs to see nothing but what a name ends with.
    pub fn is_idle(&self) -> bool {
        !self.in_secret && !self.in_query
    }

    /// These bytes were passed over. A `=` was not among them.
    pub fn pass(&mut self, bytes: &[u8]) {
        let last = &bytes[bytes.len().saturating_sub(BEFORE)..];
        let boundary = last.iter().rposition(|&byte| is_boundary(byte));
        if boundary.is_some() {
            self.name.clear();
        }
        for &byte in &last[boundary.map_or(0, |at| at + 1)..] {
            self.name.push(byte);
        }
    }
}
