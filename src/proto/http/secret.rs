//! Where the secrets stand in the bytes of HTTP messages, so that they can be masked before anybody else sees them.
//!
//! Secret are
//!
//! - the values of `Authorization`, `Proxy-Authorization`, `Cookie` and `Set-Cookie` (RFC 9110 §11, RFC 6265);
//! - the values of fields whose names say so ([`is_secret_name`]) in the query of a target or of any other URL, in a body of
//!   `application/x-www-form-urlencoded` or `multipart/form-data`, and in a JSON body;
//! - the password in the authority of a URL, as in `http://bob:password@example.org/` (RFC 3986 §3.2.1).
//!
//! It stands apart from the parsers of messages because it must not trust them. It reads what is wrong on purpose, cut anywhere, and from both ends,
//! and whoever takes a body for a head there shows a password. So five readers look at every byte: one for field lines, one for `name=value`, one
//! for the parts of a form, one for JSON, one for the authorities of URLs. Where a message ends only matters to leave out what the chunked coding puts between two bytes of content. In doubt a byte is secret: a
//! mask too long costs a look, one too short costs a password. In the bodies of requests all of them are always at work. In those of
//! responses nobody sends a form in parts, and those for `name=value` and JSON are at work only behind a `Content-Type` that calls for them, for there
//! a page would suffer from masks.
//!
//! A body with a content coding is not looked into.
//!
//! Most messages hold no secret, and a `Glance` tells so for much less than the readers cost.

mod authority;
mod framing;
mod glance;
mod json;
mod line;
mod multipart;
mod name;
mod parameters;

use std::ops::Range;

pub use self::name::is_secret_name;

use self::authority::Authority;
use self::framing::{Framing, Place, Role};
use self::glance::Glance;
use self::json::Json;
use self::line::Line;
use self::multipart::Multipart;
use self::parameters::{Ends, Parameters};
use crate::proto::secret::MASK;

/// Which way the messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Request,
    Response,
}

/// Reads one direction of a connection, in pieces of any size.
#[derive(Debug, Clone)]
pub struct Scanner {
    side: Side,
    framing: Framing,
    line: Line,
    parameters: Parameters,
    multipart: Multipart,
    json: Json,
    authority: Authority,
    /// Some bytes were not seen: nobody knows what the next ones belong to.
    lost: bool,
    /// It stands at the beginning of a message, and none before that matters.
    is_fresh: bool,
}

impl Scanner {
    /// One that stands at the beginning of a message.
    pub fn new(side: Side) -> Self {
        Self {
            side,
            framing: Framing::default(),
            line: Line::default(),
            parameters: Parameters::default(),
            multipart: Multipart::default(),
            authority: Authority::default(),
            json: Json::default(),
            lost: false,
            is_fresh: true,
        }
    }

    /// What comes next is the beginning of a message.
    pub fn restart(&mut self) {
        if !self.is_fresh {
            *self = Self::new(self.side);
        }
    }

    /// Some bytes that it would have been shown went by. What follows is secret until [`restart`](Self::restart), except in the body of a response
    /// in which no secrets are looked for but field lines and URLs.
    pub fn miss(&mut self) {
        self.is_fresh = false;
        let is_plain = self.side == Side::Response
            && self.framing.is_in_body()
            && self.parameters.is_idle()
            && !self.reads_parameters()
            && !self.reads_json();
        self.lost |= !is_plain;
        self.line.miss();
        self.authority.miss();
        self.framing = Framing::at(Place::Rest);
    }

    /// Says which parts of the next bytes are secret.
    pub fn scan(&mut self, bytes: &[u8]) -> Vec<Range<usize>> {
        match self.is_fresh && Glance::at(self.side, bytes) == Glance::Heads {
            true => Vec::new(),
            false => self.read_all(bytes),
        }
    }

    /// The same for the last bytes that it is shown, up to the next [`restart`](Self::restart).
    pub fn scan_last(&mut self, bytes: &[u8]) -> Vec<Range<usize>> {
        match self.is_fresh && Glance::at(self.side, bytes) != Glance::Unsure {
            true => Vec::new(),
            false => self.read_all(bytes),
        }
    }

    fn read_all(&mut self, bytes: &[u8]) -> Vec<Range<usize>> {
        self.is_fresh = false;
        let mut secrets = Secrets::default();
        let mut at = 0;
        while at < bytes.len() {
            if self.lost {
                secrets.add(at..bytes.len());
                break;
            }
            let skipped = self.skip(&bytes[at..]);
            if skipped > 0 {
                at += skipped;
                continue;
            }
            if self.step(&bytes[at..]) {
                secrets.add(at..at + 1);
            }
            at += 1;
        }
        secrets.0
    }

    /// Takes the first of these bytes.
    fn step(&mut self, bytes: &[u8]) -> bool {
        let was_in_body = self.framing.is_in_body();
        let plain = self.framing.plain_bytes().clamp(1, bytes.len() as u64) as usize;
        let is_secret = match self.framing.role(bytes[0]) {
            Role::Coding => false,
            Role::Message => self.read(bytes[0], &bytes[..plain]),
        };
        self.turn(was_in_body);
        is_secret
    }

    /// Takes a byte, which is the first of those that are known to belong to the message, too.
    fn read(&mut self, byte: u8, bytes: &[u8]) -> bool {
        let in_line = self.line.step(byte);
        let ends = self.ends();
        let in_value = match self.reads_parameters() {
            true => self.parameters.step(byte, ends),
            false => self.parameters.step_in_url(byte),
        };
        let in_part = self.side == Side::Request && self.multipart.step(byte);
        let in_json = self.reads_json() && self.json.step(byte);
        let in_authority = self.authority.step(bytes);
        if byte == b'\n'
            && self.framing.is_in_head()
            && let Some(head) = self.line.take_head()
        {
            self.framing = Framing::behind(&head, self.side);
        }
        in_line || in_value || in_part || in_json || in_authority
    }

    /// Begins a head behind a body.
    fn turn(&mut self, was_in_body: bool) {
        if was_in_body && self.framing.is_in_head() {
            self.line.begin_head();
        }
    }

    /// How many bytes none of the readers needs to see.
    fn skip(&mut self, bytes: &[u8]) -> usize {
        let is_idle = self.line.is_deaf()
            && self.parameters.is_idle()
            && (self.side == Side::Response || self.multipart.is_idle())
            && self.json.is_idle()
            && self.authority.is_idle();
        if !is_idle {
            return 0;
        }
        let most = self.framing.plain_bytes().min(bytes.len() as u64) as usize;
        let (reads_parameters, reads_json) = (self.reads_parameters(), self.reads_json());
        let matters = |&byte: &u8| match byte {
            b'\r' | b'\n' | b'?' | b':' => true,
            b'=' => reads_parameters,
            b'"' => reads_json,
            _ => false,
        };
        let length = bytes[..most].iter().position(matters).unwrap_or(most);
        let was_in_body = self.framing.is_in_body();
        self.framing.pass(length as u64);
        self.parameters.pass(&bytes[..length]);
        self.turn(was_in_body);
        length
    }

    fn reads_parameters(&self) -> bool {
        self.side == Side::Request || self.line.calls_for_form()
    }

    fn reads_json(&self) -> bool {
        self.side == Side::Request || self.line.calls_for_json()
    }

    /// What ends a value: in a form only the next one, for somebody may have typed what a browser would have encoded.
    fn ends(&self) -> Ends {
        let is_form = !self.line.calls_for_json() || self.line.calls_for_form();
        match self.framing.is_in_body() && is_form {
            true => Ends::AtAmpersand,
            false => Ends::AsInUrl,
        }
    }
}

/// The secrets in the bytes of messages from the beginning of the first.
pub fn secrets(side: Side, bytes: &[u8]) -> Vec<Range<usize>> {
    Scanner::new(side).scan_last(bytes)
}

/// Masks the secrets in the bytes of messages from the beginning of the first. Every other byte stays where it is.
pub fn mask(side: Side, bytes: &mut [u8]) {
    cover(bytes, &secrets(side, bytes));
}

/// Masks these parts.
pub fn cover(bytes: &mut [u8], secrets: &[Range<usize>]) {
    for secret in secrets {
        let end = secret.end.min(bytes.len());
        bytes[secret.start.min(end)..end].fill(MASK.as_bytes()[0]);
    }
}

/// Parts in order, neighbours joined.
#[derive(Default)]
struct Secrets(Vec<Range<usize>>);

impl Secrets {
    fn add(&mut self, part: Range<usize>) {
        match self.0.last_mut() {
            Some(last) if last.end == part.start => last.end = part.end,
            _ => self.0.push(part),
        }
    }
}

#[cfg(test)]
mod tests;
