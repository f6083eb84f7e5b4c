//! A message as it goes over the wire (RFC 5322, MIME), made of an [`Outline`].
//!
//! It stands apart because a message is composed without being held: attachments stay files, and the result is a list of pieces whose exact length is
//! known before the first byte is read (SIZE of RFC 1870 needs it). The same outline, date and id give the same bytes.
//!
//! Text that is ASCII and has no line over 998 bytes goes as it is (7bit), so that a class sees on the wire what was typed; other text goes as
//! quoted-printable or base64, whichever is shorter. No line is longer than 998 bytes, and every one ends with CRLF.

use std::path::Path;

use chrono::{DateTime, FixedOffset};
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::MimePart;

use super::base64_lines::Base64Lines;
use super::header::HeaderLine;
use super::{Mailbox, Outline};
use crate::proto::http::media;
use crate::proto::smtp::address::Address;

/// The longest line without its CRLF (RFC 5322 §2.1.1).
pub const LONGEST_LINE: usize = 998;

/// The longest boundary is 70 characters (RFC 2046 §5.1.1); this much of it comes from the message's id.
const BOUNDARY_OF_ID: usize = 40;

/// How addresses that are not ASCII are written in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// Their domain as A-labels (RFC 5890), for servers without SMTPUTF8. A local part that is not ASCII has no such form and stays as it is.
    Ascii,
    /// In UTF-8 (RFC 6532): only where the server offers SMTPUTF8.
    Utf8,
}

/// A file that is sent with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// Without folders.
    pub name: String,
    /// Bytes. As many must be sent.
    pub length: u64,
}

impl FileInfo {
    /// The name is the last part of the path.
    pub fn new(path: &Path, length: u64) -> Self {
        let name = path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Self { name, length }
    }

    /// Media type by the name. No charset is said, since nobody has looked into the file. Messages within messages must not be base64
    /// (RFC 2046 §5.2.1), so they go as plain bytes.
    fn media_type(&self) -> &'static str {
        match media::of(&self.name).essence {
            essence if essence.starts_with("message/") || essence.starts_with("multipart/") => {
                "application/octet-stream"
            }
            essence => essence,
        }
    }
}

/// A message ready to be sent, before dots are doubled (RFC 5321 §4.5.2). It ends with CRLF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    pub pieces: Vec<Piece>,
    eight_bit: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Bytes(Vec<u8>),
    /// The file of this index goes here, through [`Base64Lines`].
    File {
        index: usize,
        /// Bytes of the file.
        length: u64,
    },
}

impl Composed {
    /// Bytes on the wire, before dots are doubled and without the final dot: what SIZE announces.
    pub fn length(&self) -> u64 {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Bytes(bytes) => bytes.len() as u64,
                Piece::File { length, .. } => Base64Lines::length(*length),
            })
            .fold(0, u64::saturating_add)
    }

    /// Whether it holds bytes over 127. Only addresses in UTF-8 make it so; bodies never do.
    pub fn is_8bit(&self) -> bool {
        self.eight_bit
    }
}

/// The left and right part of a Message-ID (RFC 5322 §3.6.4) without its angle brackets: a number that nobody else has, at the sender's domain.
pub fn message_id(random: u128, from: &Address) -> String {
    let ascii = from.to_ascii_domain();
    format!("{random:032x}@{}", ascii.as_ref().unwrap_or(from).domain())
}

/// The message of `outline` with these files, which are its attachments in their order. `id` is the Message-ID without angle brackets, as
/// [`message_id`] makes it. Bcc is in no byte of it.
pub fn compose(
    outline: &Outline,
    files: &[FileInfo],
    date: &DateTime<FixedOffset>,
    id: &str,
    addresses: Addresses,
) -> Composed {
    let text = wire_text(&outline.body);
    let mut out = Vec::with_capacity(1024 + text.len() + text.len() / 16);
    write_header(outline, date, id, addresses, &mut out);
    let eight_bit = !out.is_ascii();
    let mut pieces = Vec::with_capacity(1 + 2 * files.len());
    if files.is_empty() {
        write_text(&text, &mut out);
        pieces.push(Piece::Bytes(out));
        return Composed { pieces, eight_bit };
    }

    let boundary = boundary(id, &text);
    HeaderLine::begin("Content-Type", &mut out)
        .raw("multipart/mixed")
        .parameter("boundary", &boundary)
        .end();
    out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
    write_text(&text, &mut out);
    for (index, file) in files.iter().enumerate() {
        out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
        HeaderLine::begin("Content-Type", &mut out)
            .raw(file.media_type())
            .end();
        out.extend_from_slice(b"Content-Transfer-Encoding: base64\r\n");
        HeaderLine::begin("Content-Disposition", &mut out)
            .raw("attachment")
            .parameter("filename", &file.name)
            .end();
        out.extend_from_slice(b"\r\n");
        pieces.push(Piece::Bytes(std::mem::take(&mut out)));
        pieces.push(Piece::File {
            index,
            length: file.length,
        });
    }
    out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    pieces.push(Piece::Bytes(out));
    Composed { pieces, eight_bit }
}

/// The header of the whole message, without the fields that tell of its body.
fn write_header(
    outline: &Outline,
    date: &DateTime<FixedOffset>,
    id: &str,
    addresses: Addresses,
    out: &mut Vec<u8>,
) {
    let date = date.format("%a, %d %b %Y %H:%M:%S %z").to_string();
    HeaderLine::begin("Date", out).raw(&date).end();
    write_mailboxes("From", std::slice::from_ref(&outline.from), addresses, out);
    if outline.to.is_empty() && outline.cc.is_empty() {
        // A group without members (RFC 5322 §3.4): all recipients are blind ones.
        HeaderLine::begin("To", out)
            .raw("undisclosed-recipients:;")
            .end();
    }
    write_mailboxes("To", &outline.to, addresses, out);
    write_mailboxes("Cc", &outline.cc, addresses, out);
    if !outline.subject.is_empty() {
        HeaderLine::begin("Subject", out)
            .text(&outline.subject)
            .end();
    }
    HeaderLine::begin("Message-ID", out)
        .raw(&format!("<{id}>"))
        .end();
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
}

fn write_mailboxes(name: &str, mailboxes: &[Mailbox], addresses: Addresses, out: &mut Vec<u8>) {
    let Some(last) = mailboxes.len().checked_sub(1) else {
        return;
    };
    let mut line = HeaderLine::begin(name, out);
    for (index, mailbox) in mailboxes.iter().enumerate() {
        if let Some(name) = &mailbox.name {
            line = line.phrase(name);
        }
        let ascii = match addresses {
            Addresses::Ascii => mailbox.address.to_ascii_domain(),
            Addresses::Utf8 => None,
        };
        let address = ascii.as_ref().unwrap_or(&mailbox.address).as_str();
        let comma = if index < last { "," } else { "" };
        line = match mailbox.name {
            None => line.raw(&format!("{address}{comma}")),
            Some(_) => line.raw(&format!("<{address}>{comma}")),
        };
    }
    line.end();
}

/// The body with lines that end in CRLF, the last one too.
fn wire_text(body: &str) -> String {
    let mut text = String::with_capacity(body.len() + body.len() / 32 + 2);
    let mut rest = body;
    while let Some(at) = rest.find(['\r', '\n']) {
        text.push_str(&rest[..at]);
        text.push_str("\r\n");
        rest = rest[at..].strip_prefix("\r\n").unwrap_or(&rest[at + 1..]);
    }
    text.push_str(rest);
    if !rest.is_empty() {
        text.push_str("\r\n");
    }
    text
}

/// A text part: the fields that tell of it, the empty line, the text.
fn write_text(text: &str, out: &mut Vec<u8>) {
    let plain = text.is_ascii() && text.split("\r\n").all(|line| line.len() <= LONGEST_LINE);
    let content_type = ContentType::new("text/plain").attribute("charset", "utf-8");
    let part = MimePart::new(content_type, text);
    let part = if plain {
        part.transfer_encoding("7bit")
    } else {
        part
    };
    part.write_part(out);
}

/// A boundary that no line of the message begins with. Encoded text never holds `=_` (quoted-printable writes `=` as `=3D`), so only text that goes as
/// it is has to be looked at.
fn boundary(id: &str, text: &str) -> String {
    let unique = id.chars().filter(char::is_ascii_alphanumeric);
    let stem: String = unique.take(BOUNDARY_OF_ID).collect();
    let stem = format!("=_{stem}");
    let mut boundary = stem.clone();
    let mut number = 0u64;
    while text.contains(&boundary) {
        number += 1;
        boundary = format!("{stem}_{number}");
    }
    boundary
}

#[cfg(test)]
pub(super) mod tests;
