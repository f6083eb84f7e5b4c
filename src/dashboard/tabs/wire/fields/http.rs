//! The fields of requests and responses: first line, header fields, blank line, chunks, body. Of what broke a rule, as much as can be told.

use super::{Cutter, Name, Source, shown};
use crate::dashboard::tabs::web::fields::{Anatomy, explanation};
use crate::proto::http::body::Chunks;
use crate::proto::http::request::Method;
use crate::trace::wire::End;

pub(super) fn cut(cutter: &mut Cutter, source: &Source) {
    // A call may carry several messages, and an answer may have others before it (1xx).
    while begins_message(cutter.rest(), source.from) {
        let before = cutter.at;
        message(cutter, source.from);
        if cutter.at == before {
            break;
        }
    }
    cutter.to(cutter.bytes.len(), "wire.field.body");
}

fn begins_message(bytes: &[u8], from: End) -> bool {
    let bytes = bytes.trim_ascii_start();
    match from {
        End::Server => bytes
            .get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"HTTP/")),
        End::Client => {
            let word = bytes
                .split(|byte| matches!(byte, b' ' | b'\r' | b'\n'))
                .next()
                .unwrap_or_default();
            let is_word = !word.is_empty()
                && word.len() < bytes.len()
                && word.iter().all(u8::is_ascii_uppercase);
            Method::of(word) != Method::Unknown || is_word
        }
    }
}

fn message(cutter: &mut Cutter, from: End) {
    let base = cutter.at;
    let bytes = cutter.rest();
    let anatomy = Anatomy::of(bytes);
    cutter.to(base + anatomy.first_line.start, "wire.field.line_end");
    let first = &bytes[anatomy.first_line.clone()];
    first_line(cutter, base + anatomy.first_line.end, from);
    let status = first
        .split(|byte| *byte == b' ')
        .nth(1)
        .and_then(|code| std::str::from_utf8(code).ok()?.parse::<u16>().ok());
    let mut framing = Framing::None;
    for field in &anatomy.fields {
        // What lies before it is the end of the line before, or a line without a colon.
        between(cutter, base + field.name.start);
        let (name, value) = (&bytes[field.name.clone()], &bytes[field.value.clone()]);
        cutter.field(
            base + field.name.end,
            Name::Own(shown(name)),
            shown(value),
            explanation(name),
        );
        cutter.to(base + field.value.start, "wire.field.separator");
        cutter.field(
            base + field.value.end,
            Name::Own(shown(name)),
            shown(value),
            explanation(name),
        );
        framing = framing.with(name, value);
    }
    if anatomy.blank.is_empty() {
        between(cutter, cutter.bytes.len());
        return;
    }
    between(cutter, base + anatomy.blank.start);
    cutter.to(base + anatomy.blank.end, "wire.field.blank_line");
    cutter.explained("wire.field.about.blank_line");
    let has_no_body = matches!(status, Some(100..=199 | 204 | 304)) && from == End::Server;
    match framing {
        _ if has_no_body => {}
        Framing::Chunked => chunks(cutter),
        Framing::Length(length) => cutter.next(
            usize::try_from(length).unwrap_or(usize::MAX),
            "wire.field.body",
        ),
        // An answer without a length ends with its connection, a request without one has no body.
        Framing::None if from == End::Server => cutter.to(cutter.bytes.len(), "wire.field.body"),
        Framing::None => {}
    }
}

/// What ends the body.
#[derive(Clone, Copy)]
enum Framing {
    None,
    Length(u64),
    Chunked,
}

impl Framing {
    fn with(self, name: &[u8], value: &[u8]) -> Self {
        let last = value
            .rsplit(|byte| *byte == b',')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        if name.eq_ignore_ascii_case(b"transfer-encoding") && last.eq_ignore_ascii_case(b"chunked")
        {
            return Framing::Chunked;
        }
        if let (Framing::None, true) = (self, name.eq_ignore_ascii_case(b"content-length")) {
            let length = std::str::from_utf8(last)
                .ok()
                .and_then(|digits| digits.parse().ok());
            return length.map_or(self, Framing::Length);
        }
        self
    }
}

/// Cuts a request line or a status line at its spaces.
fn first_line(cutter: &mut Cutter, end: usize, from: End) {
    let names = match from {
        End::Client => [
            "wire.field.method",
            "wire.field.target",
            "wire.field.version",
        ],
        End::Server => [
            "wire.field.version",
            "wire.field.status",
            "wire.field.reason",
        ],
    };
    for (place, key) in names.into_iter().enumerate() {
        let left = &cutter.bytes[cutter.at..end];
        let space = left
            .iter()
            .position(|byte| *byte == b' ')
            .filter(|_| place < 2);
        cutter.to(space.map_or(end, |space| cutter.at + space), key);
        if space.is_some() {
            cutter.next(1, "wire.field.space");
        }
    }
}

/// Cuts up to an offset what is no field: line ends, and lines that are none.
fn between(cutter: &mut Cutter, end: usize) {
    while cutter.at < end {
        let (text, whole) = cutter.line();
        cutter.to((cutter.at + text).min(end), "wire.field.no_field");
        cutter.to((cutter.at + whole - text).min(end), "wire.field.line_end");
    }
}

/// Cuts a chunked body (RFC 9112 §7.1) as far as it keeps the rules.
fn chunks(cutter: &mut Cutter) {
    let mut reader = Chunks::new(u64::MAX);
    loop {
        let at = cutter.at;
        let Ok(piece) = reader.advance(cutter.rest()) else {
            cutter.to(cutter.bytes.len(), "wire.field.body");
            return;
        };
        let framing_end = at
            + if piece.data.is_empty() {
                piece.used
            } else {
                piece.data.start
            };
        framing(cutter, framing_end);
        cutter.to(at + piece.data.end, "wire.field.chunk_data");
        if piece.done || cutter.at == cutter.bytes.len() {
            return;
        }
    }
}

/// Cuts what stands between two chunks, or behind the last: line ends, the size in hex, trailer fields.
fn framing(cutter: &mut Cutter, end: usize) {
    let mut is_last = false;
    while cutter.at < end {
        let (text, whole) = cutter.line();
        let line = &cutter.rest()[..text];
        let digits = line
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        match text {
            0 => cutter.to((cutter.at + whole).min(end), "wire.field.line_end"),
            _ if is_last => cutter.to((cutter.at + text).min(end), "wire.field.trailer"),
            _ => {
                let size = std::str::from_utf8(&line[..digits])
                    .ok()
                    .and_then(|digits| u64::from_str_radix(digits, 16).ok());
                cutter.to((cutter.at + digits).min(end), "wire.field.chunk_size");
                if let Some(size) = size {
                    cutter.says(format!("{size} B"));
                    is_last = size == 0;
                }
                cutter.explained("wire.field.about.chunk_size");
                cutter.to(
                    (cutter.at + text - digits).min(end),
                    "wire.field.chunk_extension",
                );
            }
        }
        let line_end = if text == 0 { 0 } else { whole - text };
        cutter.to((cutter.at + line_end).min(end), "wire.field.line_end");
    }
}
