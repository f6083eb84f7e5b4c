//! The paths of MAIL and RCPT: an address in angle brackets (RFC 5321 §4.1.2).

use super::Refusal;
use crate::proto::smtp::address::{Address, AddressError};

/// Bytes of a path, its brackets included (RFC 5321 §4.5.3.1.3).
const LONGEST: usize = 256;

/// Takes `FROM:<…>` or `TO:<…>` apart: what stands between the brackets, without a source route, and what follows them.
pub fn read<'a>(
    argument: &'a [u8],
    keyword: &[u8],
    syntax: Refusal,
) -> Result<(&'a [u8], &'a [u8]), Refusal> {
    let rest = match argument.split_at_checked(keyword.len()) {
        Some((word, rest)) if word.eq_ignore_ascii_case(keyword) => rest,
        _ => return Err(syntax),
    };
    if rest.starts_with(b" ") {
        return Err(Refusal::new(
            501,
            "5.5.4 No space may stand between the colon and the address (RFC 5321 3.3)",
        ));
    }
    let Some(inside) = rest.strip_prefix(b"<") else {
        return Err(Refusal::new(
            501,
            "5.5.4 The address must stand in angle brackets: <address>",
        ));
    };
    let Some(length) = closing_bracket(inside) else {
        return Err(Refusal::new(501, "5.5.4 The closing > is missing"));
    };
    if length + 2 > LONGEST {
        return Err(Refusal::new(
            501,
            "5.5.4 A path has at most 256 octets (RFC 5321 4.5.3.1.3)",
        ));
    }
    let (path, rest) = (&inside[..length], &inside[length + 1..]);
    if !rest.is_empty() && !rest.starts_with(b" ") {
        return Err(Refusal::new(
            501,
            "5.5.4 A space is missing between > and the parameters",
        ));
    }
    Ok((without_route(path), rest))
}

/// Where the path ends: at the first `>` that stands in no quoted string.
fn closing_bracket(inside: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    inside.iter().position(|&byte| {
        if escaped {
            escaped = false;
        } else if byte == b'"' {
            quoted = !quoted;
        } else if byte == b'\\' {
            escaped = quoted;
        }
        byte == b'>' && !quoted
    })
}

/// The mailbox behind a source route, which is accepted and ignored (RFC 5321 §4.1.1.3, appendix C).
fn without_route(path: &[u8]) -> &[u8] {
    match path.iter().position(|&byte| byte == b':') {
        Some(colon) if path.starts_with(b"@") => &path[colon + 1..],
        _ => path,
    }
}

/// The address of a sender.
pub fn sender(path: &[u8]) -> Result<Address, Refusal> {
    parse(path).map_err(|error| match error {
        AddressError::LocalTooLong => Refusal::new(
            501,
            "5.1.7 A local part has at most 64 octets (RFC 5321 4.5.3.1.1)",
        ),
        AddressError::NoAt => Refusal::new(501, "5.1.7 The sender has no @domain"),
        _ => Refusal::new(501, "5.1.7 The sender is no address (RFC 5321 4.1.2)"),
    })
}

/// The address of a recipient. `<postmaster>` needs no domain (RFC 5321 §4.5.1): it gets that of the server, `name`.
pub fn recipient(path: &[u8], name: &str) -> Result<Address, Refusal> {
    let parsed = if path.eq_ignore_ascii_case(b"postmaster") {
        Address::parse(&format!("postmaster@{name}"))
            .or_else(|_| Address::parse("postmaster@localhost"))
    } else {
        parse(path)
    };
    parsed.map_err(|error| match error {
        AddressError::Empty => Refusal::new(501, "5.1.3 The null path <> can't be a recipient"),
        AddressError::LocalTooLong => Refusal::new(
            501,
            "5.1.3 A local part has at most 64 octets (RFC 5321 4.5.3.1.1)",
        ),
        AddressError::NoAt => Refusal::new(501, "5.1.3 The recipient has no @domain"),
        _ => Refusal::new(501, "5.1.3 The recipient is no address (RFC 5321 4.1.2)"),
    })
}

fn parse(path: &[u8]) -> Result<Address, AddressError> {
    // What is not UTF-8 is no character of any address.
    Address::parse(std::str::from_utf8(path).unwrap_or("\u{0}"))
}
