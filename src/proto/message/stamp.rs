//! The lines that the lab server puts on top of a message it takes (RFC 5321 §4.4), and how its envelope is read back from them.
//!
//! They stand in one file because they are one format: a Return-Path, a Delivered-To for each recipient of the envelope, and a Received. Whatever the
//! client wrote begins behind that Received, so that no client can forge an envelope.

use std::net::IpAddr;

use chrono::{DateTime, FixedOffset};

use super::header::HeaderLine;
use crate::proto::smtp::address::{Address, Envelope};

/// Characters of a HELO name that are kept.
const LONGEST_HELO: usize = 255;

/// What is known of a message when it is taken.
#[derive(Debug, Clone)]
pub struct Stamp<'a> {
    pub envelope: &'a Envelope,
    /// What the client called itself. Only what can be in a name or an address literal is repeated.
    pub helo: &'a str,
    pub client: IpAddr,
    /// The server's name.
    pub server: &'a str,
    /// The message's id on this server.
    pub id: &'a str,
    pub with: With,
    pub date: DateTime<FixedOffset>,
}

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct With {
    /// The session began with EHLO.
    pub extended: bool,
    pub encrypted: bool,
    pub authenticated: bool,
    /// MAIL said SMTPUTF8.
    pub utf8: bool,
}

impl With {
    /// The keyword of the protocol (RFC 3848, RFC 6531 §4.3).
    pub fn name(self) -> &'static str {
        match (self.extended, self.utf8, self.encrypted, self.authenticated) {
            (false, ..) => "SMTP",
            (true, false, false, false) => "ESMTP",
            (true, false, false, true) => "ESMTPA",
            (true, false, true, false) => "ESMTPS",
            (true, false, true, true) => "ESMTPSA",
            (true, true, false, false) => "UTF8SMTP",
            (true, true, false, true) => "UTF8SMTPA",
            (true, true, true, false) => "UTF8SMTPS",
            (true, true, true, true) => "UTF8SMTPSA",
        }
    }
}

/// The lines that go before a message, each ended by CRLF.
pub fn trace_headers(stamp: &Stamp<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + 64 * stamp.envelope.to.len());
    let from = stamp.envelope.from.as_ref().map_or("", Address::as_str);
    HeaderLine::begin("Return-Path", &mut out)
        .raw(&format!("<{from}>"))
        .end();
    for to in &stamp.envelope.to {
        HeaderLine::begin("Delivered-To", &mut out)
            .raw(to.as_str())
            .end();
    }
    let client = match stamp.client {
        IpAddr::V4(address) => format!("([{address}])"),
        IpAddr::V6(address) => format!("([IPv6:{address}])"),
    };
    HeaderLine::begin("Received", &mut out)
        .raw(&format!("from {}", helo(stamp.helo)))
        .raw(&client)
        .raw(&format!("by {}", stamp.server))
        .raw(&format!("with {}", stamp.with.name()))
        .raw(&format!("id {};", stamp.id))
        .raw(&stamp.date.to_rfc2822())
        .end();
    out
}

/// The envelope of a stored message; `None` if these lines are not on top of it, as in files that another program has put there.
pub fn envelope(stored: &[u8]) -> Option<Envelope> {
    let mut lines = stored.split(|&byte| byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        str::from_utf8(line).unwrap_or_default()
    });
    let path = lines.next()?.strip_prefix("Return-Path: <")?;
    let from = match path.strip_suffix('>')? {
        "" => None,
        path => Some(Address::parse(path).ok()?),
    };
    let mut to = Vec::new();
    for line in lines {
        match line.strip_prefix("Delivered-To: ") {
            Some(address) => to.push(Address::parse(address).ok()?),
            None if line.starts_with("Received: ") => return Some(Envelope { from, to }),
            None => return None,
        }
    }
    None
}

/// What a client may call itself in a header line of ours.
fn helo(name: &str) -> &str {
    let is_harmless = |c: char| c.is_alphanumeric() || "-._:[]".contains(c);
    if name.is_empty() || name.len() > LONGEST_HELO || !name.chars().all(is_harmless) {
        return "unknown";
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn stamped(envelope: &Envelope, helo: &str) -> Vec<u8> {
        trace_headers(&Stamp {
            envelope,
            helo,
            client: "127.0.0.1".parse().unwrap(),
            server: "mail.lab",
            id: "17",
            with: With {
                extended: true,
                encrypted: true,
                authenticated: true,
                utf8: false,
            },
            date: DateTime::parse_from_rfc3339("2026-11-22T13:47:05+08:00").unwrap(),
        })
    }

    #[test]
    fn the_lines_are_those_of_the_rfc() {
        let envelope = Envelope {
            from: Some(address("student@example.com")),
            to: vec![address("teacher@example.com"), address("用户@例子.中国")],
        };
        let lines = stamped(&envelope, "[127.0.0.1]");
        assert_eq!(
            String::from_utf8(lines).unwrap(),
            "Return-Path: <student@example.com>\r\n\
             Delivered-To: teacher@example.com\r\n\
             Delivered-To: 用户@例子.中国\r\n\
             Received: from [127.0.0.1] ([127.0.0.1]) by mail.lab with ESMTPSA id 17;\r\n \
             Sun, 22 Nov 2026 13:47:05 +0800\r\n"
        );
    }

    #[test]
    fn the_envelope_comes_back_whatever_the_client_wrote() {
        let forged =
            b"Return-Path: <x@y.example>\r\nDelivered-To: x@y.example\r\nReceived: x\r\n\r\n";
        let many = (0..300).map(|n| address(&format!("user{n}@example.com")));
        for envelope in [
            Envelope {
                from: None,
                to: vec![address(r#""a b"@example.com"#)],
            },
            Envelope {
                from: Some(address("用户@例子.中国")),
                to: many.collect(),
            },
        ] {
            let mut stored = stamped(&envelope, "h\r\nX: y");
            stored.extend_from_slice(forged);
            assert_eq!(super::envelope(&stored), Some(envelope));
            assert!(!stored.windows(4).any(|four| four == b"\nX: "));
            // Another program may have turned line ends into LF.
            stored.retain(|&byte| byte != b'\r');
            assert!(super::envelope(&stored).is_some());
        }
    }

    #[test]
    fn a_file_of_another_program_has_no_envelope() {
        let table: [&[u8]; 7] = [
            b"",
            b"Subject: x\r\n\r\n",
            b"Return-Path: <a@b.example>\r\n",
            b"Return-Path: <a@b.example>\r\nSubject: x\r\n\r\n",
            b"Return-Path: <nobody>\r\nReceived: x\r\n",
            b"Return-Path: <>\r\nDelivered-To: \xff\r\nReceived: x\r\n",
            b"Return-Path: <>\r\nDelivered-To: a@b.example",
        ];
        for stored in table {
            assert_eq!(envelope(stored), None, "{}", stored.escape_ascii());
        }
    }

    #[test]
    fn each_way_in_has_its_keyword() {
        let with = |[extended, encrypted, authenticated, utf8]: [bool; 4]| {
            let with = With {
                extended,
                encrypted,
                authenticated,
                utf8,
            };
            with.name()
        };
        assert_eq!(with([false, true, false, false]), "SMTP");
        assert_eq!(with([true, false, false, false]), "ESMTP");
        assert_eq!(with([true, true, false, false]), "ESMTPS");
        assert_eq!(with([true, false, true, false]), "ESMTPA");
        assert_eq!(with([true, true, true, true]), "UTF8SMTPSA");
    }
}
