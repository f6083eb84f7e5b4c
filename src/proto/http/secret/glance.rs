//! A glance at bytes: in most cases it tells that no secret is among them, for a fraction of what reading them costs.
//!
//! It stands apart from the readers because it may be wrong on one side only. Whatever a reader would mask, a glance has to be unsure of; what it is
//! unsure of, they read. It looks at the signs that have to stand before a secret (a colon, an equals sign) and at the word in front of them.

use super::Side;
use super::authority::may_hold_password;
use super::name::{self, is_secret_name};
use super::parameters::is_boundary;

/// Names that have fewer bytes are no secrets'.
const SHORTEST: usize = 3;

/// What a glance at bytes from the beginning of a message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glance {
    /// A secret may be among them.
    Unsure,
    /// None of them is secret.
    Plain,
    /// The same, and they are whole heads of requests without a body: a message begins behind them.
    Heads,
}

impl Glance {
    pub fn at(side: Side, bytes: &[u8]) -> Self {
        let mut is_heads = side == Side::Request && bytes.ends_with(b"\r\n\r\n");
        let mut in_query = side == Side::Request;
        let sign = match side {
            Side::Request => b'"',
            Side::Response => b'?',
        };
        for at in memchr::memchr3_iter(b':', b'=', sign, bytes) {
            let before = &bytes[..at];
            match bytes[at] {
                b':' if may_hold_password(&bytes[at + 1..]) => return Glance::Unsure,
                b':' => match field(before.trim_ascii_end(), side) {
                    Field::Secret => return Glance::Unsure,
                    Field::Type if calls_for_readers(side, &bytes[at + 1..]) => {
                        return Glance::Unsure;
                    }
                    Field::Type | Field::Length => is_heads = false,
                    Field::Other => {}
                },
                b'=' if in_query && !is_plain_name(before) => return Glance::Unsure,
                b'?' => in_query = true,
                // A string of JSON may go on, or its colon come, behind these bytes.
                b'"' => is_heads = false,
                _ => {}
            }
        }
        match is_heads {
            true => Glance::Heads,
            false => Glance::Plain,
        }
    }
}

/// What stands before a colon.
enum Field {
    /// A field with a secret, or something that needs a closer look.
    Secret,
    /// `Content-Type`.
    Type,
    /// `Content-Length`.
    Length,
    Other,
}

fn field(before: &[u8], side: Side) -> Field {
    let ends_with = |name: &[u8]| {
        let start = before.len().checked_sub(name.len());
        start.is_some_and(|start| before[start..].eq_ignore_ascii_case(name))
    };
    match before.last().map(u8::to_ascii_lowercase) {
        Some(b'n') if ends_with(b"authorization") => Field::Secret,
        Some(b'e') if ends_with(b"cookie") => Field::Secret,
        // A part of a form.
        Some(b'n') if side == Side::Request && ends_with(b"content-disposition") => Field::Secret,
        // Chunks may cut any word in two.
        Some(b'g') if ends_with(b"transfer-encoding") => Field::Secret,
        // A member of an object of JSON.
        Some(b'"') if side == Side::Request => Field::Secret,
        Some(b'e') if ends_with(b"content-type") => Field::Type,
        Some(b'h') if ends_with(b"content-length") => Field::Length,
        _ => Field::Other,
    }
}

/// Whether this value of `Content-Type` says that the body of a response is to be read for secrets.
fn calls_for_readers(side: Side, value: &[u8]) -> bool {
    let value = value[..value.len().min(name::KEPT)].to_ascii_lowercase();
    let has = |word: &[u8]| value.windows(word.len()).any(|part| part == word);
    side == Side::Response && (has(b"json") || has(b"form"))
}

/// Whether what stands before an equals sign is certainly not the name of a secret.
fn is_plain_name(before: &[u8]) -> bool {
    let last = &before[before.len().saturating_sub(name::KEPT)..];
    match last.iter().rposition(|&byte| is_boundary(byte)) {
        None if last.len() < before.len() => false,
        boundary => {
            let name = &last[boundary.map_or(0, |at| at + 1)..];
            name.len() < SHORTEST || !is_secret_name(name)
        }
    }
}
