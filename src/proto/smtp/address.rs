//! The addresses of an envelope (RFC 5321 §4.1.2, RFC 6531 §3.3).

/// `local-part@domain`, checked, without the angle brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    text: Box<str>,
    at: usize,
}

impl Address {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn local(&self) -> &str {
        &self.text[..self.at]
    }

    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }
}

/// Who sent a message and who is to have it, as the server was told (RFC 5321 §2.3.1). Headers play no part in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `None` is the null reverse-path `<>` (RFC 5321 §4.5.5).
    pub from: Option<Address>,
    pub to: Vec<Address>,
}
