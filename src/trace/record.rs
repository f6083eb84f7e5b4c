//! Records: what happened in a session of the labs, as a file of JSON lines that is read again.
//!
//! It stands apart from what the labs report because a file outlives the program that wrote it: here are its version, its notation, and what becomes
//! of a file that is cut off, damaged or from a newer program.
//!
//! # The file
//!
//! UTF-8, one JSON object a line, each line ended by LF. The first is the header, every other an entry: a moment, and one of four things.
//!
//! ```text
//! {"sockscope-record":1,"program":"sockscope 0.1.0","command":"sockscope","started":"2026-11-22T20:15:03.123456789Z"}
//! {"at":1500000000,"event":{"echo":{"datagram":{…}}}}
//! {"at":1500020000,"call":{"at":1500020000,"lab":"ping","end":"server","call":{"recv-from":{"bytes":"Ping 1","length":6,…}},…}}
//! {"at":2000000000,"note":"now with loss"}
//! {"at":2000000000,"left_out":12}
//! ```
//!
//! `at` counts nanoseconds from `started`. Durations, bytes and paths are written as [`crate::proto::serial`] says; names of events and calls are
//! those of [`Event`] and [`SocketEvent`] in kebab-case. Entries stand in the order in which they were reported, which may differ from the order of
//! their times by as long as a lab takes to report. Whatever could mislead a terminal is written as `\u` escapes, so the file can be looked at with
//! any tool. Where a line of a mail session holds a password, only what is shown in its place is written.
//!
//! A later program may add fields and kinds of entries without a new version; a reader passes over the former and tells the latter.

#[cfg(test)]
pub mod arbitrary;
mod reader;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::reader::{Damage, NotARecord, Reader};
use super::bounded::Weigh;
use super::escape::is_hostile;
use super::event::Event;
use super::mail::{MailEvent, SendingEvent, Speech};
use super::recorder::Item;
use super::wire::SocketEvent;
use crate::proto::serial;

/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// Bytes that a line may have; a longer one is passed over.
pub const LONGEST_LINE: usize = 16 << 20;

/// What a record says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    #[serde(rename = "sockscope-record")]
    pub version: u32,
    /// Which program wrote it, with its version.
    pub program: String,
    /// The command that it was written by.
    pub command: String,
    /// Wall time of the clock's origin, from which all times count.
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub started: SystemTime,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When, as well as it is known.
    pub at: Duration,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    Event(Event),
    Call(SocketEvent),
    /// What somebody wrote into the line of events.
    Note(String),
    /// So many events, calls or notes were left out here, because they came faster than they could be written.
    LeftOut(u64),
}

impl Entry {
    /// The entry of an item; `now` stands in where it has no time of its own.
    pub fn of(item: Item, now: Duration) -> Self {
        let at = item.at().unwrap_or(now);
        let what = match item {
            Item::Event(event) => What::Event(event),
            Item::Call(call) => What::Call(call),
            Item::Note { text, .. } => What::Note(text),
        };
        Self { at, what }
    }

    /// What a recorder told of it; `None` for what it could not tell.
    pub fn item(&self) -> Option<Item> {
        match &self.what {
            What::Event(event) => Some(Item::Event(event.clone())),
            What::Call(call) => Some(Item::Call(call.clone())),
            What::Note(text) => Some(Item::Note {
                at: self.at,
                text: text.clone(),
            }),
            What::LeftOut(_) => None,
        }
    }

    /// Puts the secrets of mail sessions in the place of what is shown for them: for somebody who asked to have them in the file.
    pub fn reveal(&mut self) {
        let line = match &mut self.what {
            What::Event(Event::Mail(MailEvent::Spoken { spoken, .. })) => match &mut spoken.what {
                Speech::Command(line) => line,
                _ => return,
            },
            What::Event(Event::Sending { event, .. }) => match event {
                SendingEvent::Held { line, .. } => line,
                SendingEvent::Spoken(spoken) => match &mut spoken.what {
                    Speech::Command(line) => line,
                    _ => return,
                },
                _ => return,
            },
            _ => return,
        };
        *line = line.revealed();
    }
}

impl Weigh for Entry {
    fn weight(&self) -> usize {
        match &self.what {
            What::Event(event) => event.weight(),
            What::Call(call) => call.weight(),
            What::Note(text) => size_of::<Self>() + text.len(),
            What::LeftOut(_) => size_of::<Self>(),
        }
    }
}

/// An entry as it stands in its line. What is read has other names beside these; see [`reader`].
#[derive(Default, Serialize)]
struct Written<'a> {
    #[serde(with = "serial::nanos")]
    at: Duration,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<&'a SocketEvent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<u64>,
}

/// Writes a record, line by line.
pub struct Writer<W: Write> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins a record.
    ///
    /// # Errors
    ///
    /// Those of `out`, here and below.
    pub fn new(out: W, header: &Header) -> io::Result<Self> {
        let mut writer = Self {
            out,
            line: Vec::new(),
        };
        writer.write_line(header)?;
        Ok(writer)
    }

    /// Adds an entry.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let mut written = Written {
            at: entry.at,
            ..Written::default()
        };
        match &entry.what {
            What::Event(event) => written.event = Some(event),
            What::Call(call) => written.call = Some(call),
            What::Note(note) => written.note = Some(note),
            What::LeftOut(count) => written.left_out = Some(*count),
        }
        self.write_line(&written)
    }

    /// Hands over what is buffered.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn write_line(&mut self, line: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        let mut to_line = serde_json::Serializer::with_formatter(&mut self.line, Harmless);
        line.serialize(&mut to_line).map_err(io::Error::other)?;
        self.line.push(b'\n');
        self.out.write_all(&self.line)
    }
}

/// Compact JSON in which every character that could mislead a terminal is a `\u` escape.
struct Harmless;

impl serde_json::ser::Formatter for Harmless {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut written = 0;
        for (at, hostile) in fragment.match_indices(is_hostile) {
            out.write_all(&fragment.as_bytes()[written..at])?;
            for unit in hostile.encode_utf16() {
                write!(out, "\\u{unit:04x}")?;
            }
            written = at + hostile.len();
        }
        out.write_all(&fragment.as_bytes()[written..])
    }
}

fn write_time<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&DateTime::<Utc>::from(*time).to_rfc3339_opts(SecondsFormat::Nanos, true))
}

/// Moments whose sum with any time of an entry still is one.
fn read_time<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
    use serde::de::Error;
    let text = String::deserialize(from)?;
    let time = DateTime::parse_from_rfc3339(&text).map_err(D::Error::custom)?;
    if !(0..=LAST_SECOND).contains(&time.timestamp()) {
        return Err(D::Error::custom("it started in no year from 1970 to 9999"));
    }
    Ok(time.with_timezone(&Utc).into())
}

/// The last second of the year 9999, since 1970.
const LAST_SECOND: i64 = 253_402_300_799;
