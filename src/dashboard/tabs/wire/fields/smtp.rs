//! The fields of a mail session: commands, replies, and the message itself with its doubled dots and what base64 in it stands for.

use super::{Cutter, LONGEST, Name, Source, shown};
use crate::dashboard::tabs::mail::encoded::{self, Encoded};
use crate::proto::message::read::{Letter, Transfer};
use crate::proto::smtp::code::Enhanced;
use crate::proto::smtp::command;
use crate::proto::smtp::sasl;
use crate::proto::smtp::stage::Stage;
use crate::trace::mail::Line;
use crate::trace::wire::End;

use super::super::row::Kind;

pub(super) fn cut(cutter: &mut Cutter, source: &Source) {
    match (source.kind, source.from) {
        (Some(Kind::Content), _) => content(cutter),
        (_, End::Server) => replies(cutter),
        (Some(_), End::Client) => commands(cutter, source.masked),
        // A call tells nobody whether its bytes are commands or a part of a message.
        (None, End::Client) if begins_command(cutter.rest()) => commands(cutter, source.masked),
        (None, End::Client) => content(cutter),
    }
}

/// Whether bytes begin with a command, or are one line, such as an answer of AUTH.
fn begins_command(bytes: &[u8]) -> bool {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default().trim_ascii_end();
    command::split(first).0 != Stage::Other
        || (lines.next().is_none() && first != b"." && sasl::decode(first).is_some())
}

fn commands(cutter: &mut Cutter, masked: bool) {
    while !cutter.rest().is_empty() {
        let (text, whole) = cutter.line();
        let line = &cutter.rest()[..text];
        let start = cutter.at;
        let (stage, argument) = command::split(line);
        if stage == Stage::Other {
            answer(cutter, start + text, masked);
        } else {
            let verb = line.iter().position(|byte| *byte == b' ').unwrap_or(text);
            cutter.to(start + verb, "wire.field.verb");
            cutter.to(start + argument.start, "wire.field.space");
            if stage == Stage::Auth {
                let mechanism = line[argument.clone()].iter().position(|byte| *byte == b' ');
                cutter.to(
                    start + mechanism.map_or(argument.end, |end| argument.start + end),
                    "wire.field.mechanism",
                );
                if mechanism.is_some() {
                    cutter.next(1, "wire.field.space");
                    answer(cutter, start + text, masked);
                }
            }
            cutter.to(start + text, "wire.field.argument");
        }
        cutter.to(start + whole, "wire.field.line_end");
    }
}

/// Cuts what may be base64 of a login beside what it says.
fn answer(cutter: &mut Cutter, end: usize, masked: bool) {
    let bytes = &cutter.bytes[cutter.at..end];
    // A mask is made of these.
    let is_masked = masked && bytes.contains(&b'*');
    let said = if is_masked {
        None
    } else {
        encoded::command(&Line::open(bytes), true)
    };
    match said {
        _ if is_masked => {
            cutter.to(end, "wire.field.answer");
            cutter.explained("wire.field.about.masked");
        }
        Some(Encoded::Text(text) | Encoded::Digest(text)) => {
            cutter.to(end, "wire.field.answer");
            cutter.says(text);
            cutter.explained("wire.field.about.base64");
        }
        Some(Encoded::Hidden) | None => cutter.to(end, "wire.field.text"),
    }
}

fn replies(cutter: &mut Cutter) {
    while !cutter.rest().is_empty() {
        let (text, whole) = cutter.line();
        let line = &cutter.rest()[..text];
        let start = cutter.at;
        let is_reply = line.len() >= 3 && line[..3].iter().all(u8::is_ascii_digit);
        if is_reply {
            cutter.next(3, "wire.field.reply_code");
            cutter.to(start + text.min(4), "wire.field.separator");
            cutter.explained(match line.get(3) {
                Some(b'-') => "wire.field.about.more_lines",
                _ => "wire.field.about.last_line",
            });
            let rest = &line[text.min(4)..];
            if let Some(enhanced) = Enhanced::read(rest) {
                let word = rest
                    .iter()
                    .position(|byte| *byte == b' ')
                    .unwrap_or(rest.len());
                cutter.next(word, "wire.field.enhanced");
                cutter.says(enhanced.to_string());
                if word < rest.len() {
                    cutter.next(1, "wire.field.space");
                }
            } else if line.starts_with(b"334")
                && let Some(Encoded::Text(said) | Encoded::Digest(said)) = encoded::challenge(rest)
            {
                cutter.to(start + text, "wire.field.challenge");
                cutter.says(said);
                cutter.explained("wire.field.about.base64");
            }
        }
        cutter.to(start + text, "wire.field.text");
        cutter.to(start + whole, "wire.field.line_end");
    }
}

/// A message without its doubled dots, and where each of its lines stands on the wire.
struct Plain {
    bytes: Vec<u8>,
    /// Where a line begins in `bytes`.
    starts: Vec<usize>,
}

impl Plain {
    fn of(wire: &[u8]) -> Self {
        let mut plain = Self {
            bytes: Vec::with_capacity(wire.len()),
            starts: Vec::new(),
        };
        for line in wire.split_inclusive(|byte| *byte == b'\n') {
            plain.starts.push(plain.bytes.len());
            if !is_end(line) {
                plain
                    .bytes
                    .extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            }
        }
        plain
    }
}

/// Whether a line ends the message (RFC 5321 §4.5.2).
fn is_end(line: &[u8]) -> bool {
    line == b".\r\n"
}

fn content(cutter: &mut Cutter) {
    let plain = Plain::of(cutter.rest());
    let letter = Letter::read(&plain.bytes);
    let mut header = letter.headers.iter();
    let is_message = header.len() > 0;
    let body = letter
        .parts
        .first()
        .filter(|_| is_message)
        .map_or(0, |part| part.body.start);
    // The field that a folded line goes on with.
    let mut open = None;
    for start in plain.starts {
        let (text, whole) = cutter.line();
        let (from, line) = (cutter.at, &cutter.rest()[..text]);
        if is_end(&cutter.rest()[..whole]) {
            cutter.to(from + whole, "wire.field.final_dot");
            cutter.explained("wire.field.about.final_dot");
            break;
        }
        if line.starts_with(b".") {
            cutter.next(1, "wire.field.doubled_dot");
            cutter.explained("wire.field.about.doubled_dot");
        }
        if start < body {
            let is_folded = line.starts_with(b" ") || line.starts_with(b"\t");
            if text == 0 {
                cutter.to(from + whole, "wire.field.blank_line");
                cutter.explained("wire.field.about.blank_line");
                continue;
            }
            if !is_folded {
                open = header.next();
            }
            header_line(
                cutter,
                from + text,
                is_folded,
                open.map(|field| (&*field.name, &*field.decoded)),
            );
        } else {
            let mut parts = letter.parts.iter().rev();
            let part = parts.find(|part| !part.holds_parts && part.body.contains(&start));
            body_line(cutter, from + text, part.map(|part| part.transfer));
        }
        cutter.to(from + whole, "wire.field.line_end");
    }
    // Behind the message come commands.
    commands(cutter, false);
}

fn header_line(cutter: &mut Cutter, end: usize, is_folded: bool, field: Option<(&str, &str)>) {
    let line = &cutter.bytes[cutter.at..end];
    let Some((name, value)) = field else {
        return cutter.to(end, "wire.field.text");
    };
    let name = || Name::Own(shown(name.as_bytes()));
    let value = shown(value.as_bytes());
    let colon = line
        .iter()
        .position(|byte| *byte == b':')
        .filter(|_| !is_folded);
    if let Some(colon) = colon {
        let blanks = line[colon + 1..]
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        let start = cutter.at;
        cutter.field(start + colon, name(), value.clone(), None);
        cutter.to(start + colon + 1 + blanks, "wire.field.separator");
    }
    cutter.field(end, name(), value, None);
}

fn body_line(cutter: &mut Cutter, end: usize, transfer: Option<Transfer>) {
    let line = &cutter.bytes[cutter.at..end];
    let decoded = match transfer {
        Some(Transfer::Base64) if !line.is_empty() => {
            sasl::decode(&line[..line.len().min(LONGEST)])
        }
        _ => None,
    };
    match decoded {
        Some(decoded) => {
            cutter.to(end, "wire.field.base64");
            cutter.says(shown(&decoded));
            cutter.explained("wire.field.about.base64");
        }
        None => cutter.to(end, "wire.field.mail_body"),
    }
}
