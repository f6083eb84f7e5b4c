//! The fields of a row's bytes: what each byte belongs to, named, and what it says.
//!
//! It stands apart from the pane that shows them because it knows protocols and no screens. It decides nothing: what a lab made of the bytes is in the
//! row. Every byte belongs to exactly one field, whatever was sent.

mod http;
mod ping;
mod smtp;
mod tls;

use std::ops::Range;

use super::row::{Kind, Row, What};
use crate::trace::escape::escape_hostile;
use crate::trace::wire::{End, Lab, Payload};

/// The longest value in bytes that is decoded for a field.
const LONGEST: usize = 1_024;

/// Bytes that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub range: Range<usize>,
    pub name: Name,
    /// What the bytes say, decoded where they are encoded; escaped.
    pub value: String,
    /// The message key of a sentence about it.
    pub about: Option<&'static str>,
}

/// What a field is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A message key.
    Key(&'static str),
    /// The name that the message itself gives it, escaped.
    Own(String),
}

/// What a row's bytes are, so that they can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'a> {
    pub lab: Option<Lab>,
    /// Who sent them.
    pub from: End,
    /// `None` for the bytes of a call, which may be any part of a message.
    pub kind: Option<Kind>,
    pub bytes: &'a [u8],
    /// How many there were.
    pub length: u64,
    pub masked: bool,
    pub encrypted: bool,
    pub damaged: bool,
}

impl<'a> Source<'a> {
    /// The bytes of a row, if it is one that has any.
    pub fn of(row: &'a Row) -> Option<Self> {
        match &row.what {
            What::Message(message) => Some(Self {
                lab: row.lab,
                from: message.from,
                kind: Some(message.kind),
                bytes: &message.bytes,
                length: message.length,
                masked: message.masked,
                encrypted: message.encrypted,
                damaged: message.damaged,
            }),
            What::Call(call) => {
                let payload: &Payload = call.call.payload()?;
                let from = match (call.end, call.call.is_sending()) {
                    (end, true) => end,
                    (End::Client, false) => End::Server,
                    (End::Server, false) => End::Client,
                };
                Some(Self {
                    lab: Some(call.lab),
                    from,
                    kind: None,
                    bytes: &payload.bytes,
                    length: payload.length,
                    masked: payload.masked,
                    encrypted: payload.layer == crate::trace::wire::Layer::InsideTls,
                    damaged: false,
                })
            }
            What::Note(_) | What::LeftOut(_) => None,
        }
    }
}

/// The fields of a row's bytes, in order; none for a row that has no bytes.
pub fn fields(row: &Row) -> Vec<Field> {
    Source::of(row).map_or_else(Vec::new, |source| of_source(&source))
}

fn of_source(source: &Source) -> Vec<Field> {
    let mut cutter = Cutter::new(source.bytes);
    match source.lab {
        _ if source.kind.is_none() && tls::is_record(source.bytes) => tls::cut(&mut cutter),
        Some(Lab::Ping) => ping::cut(&mut cutter, source.damaged),
        Some(Lab::Web) => http::cut(&mut cutter, source),
        Some(Lab::Mail) => smtp::cut(&mut cutter, source),
        None => {}
    }
    cutter.finish()
}

/// Cuts bytes into fields from the front: what is cut is never looked at again, so no byte is in two of them.
struct Cutter<'a> {
    bytes: &'a [u8],
    at: usize,
    fields: Vec<Field>,
}

impl<'a> Cutter<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            fields: Vec::new(),
        }
    }

    /// What is not cut yet.
    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Cuts up to an offset, which says what stands there; nothing where no byte lies before it.
    fn to(&mut self, end: usize, key: &'static str) {
        let end = end.min(self.bytes.len());
        let value = shown(&self.bytes[self.at.min(end)..end]);
        self.field(end, Name::Key(key), value, None);
    }

    /// Cuts the next so many bytes.
    fn next(&mut self, count: usize, key: &'static str) {
        self.to(self.at.saturating_add(count), key);
    }

    fn field(&mut self, end: usize, name: Name, value: String, about: Option<&'static str>) {
        let end = end.min(self.bytes.len());
        if end > self.at {
            self.fields.push(Field {
                range: self.at..end,
                name,
                value,
                about,
            });
            self.at = end;
        }
    }

    /// Gives the last field another value, such as what it decodes to.
    fn says(&mut self, value: String) {
        if let Some(field) = self.fields.last_mut() {
            field.value = value;
        }
    }

    fn explained(&mut self, about: &'static str) {
        if let Some(field) = self.fields.last_mut() {
            field.about = Some(about);
        }
    }

    /// The next line: how long it is without its end, and with it.
    fn line(&self) -> (usize, usize) {
        let rest = self.rest();
        let whole = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(rest.len(), |end| end + 1);
        let text = rest[..whole].strip_suffix(b"\n").unwrap_or(&rest[..whole]);
        (text.strip_suffix(b"\r").unwrap_or(text).len(), whole)
    }

    fn finish(mut self) -> Vec<Field> {
        self.to(self.bytes.len(), "wire.field.data");
        self.fields
    }
}

/// Bytes as a value: escaped, and bounded.
fn shown(bytes: &[u8]) -> String {
    escape_hostile(&bytes[..bytes.len().min(LONGEST)]).into_owned()
}

#[cfg(test)]
mod tests;
