//! Reading a record: one line after the other, whatever stands in them.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Entry, Header, LONGEST_LINE, VERSION, What};
use crate::proto::serial;
use crate::trace::escape::escape_hostile;
use crate::trace::event::Event;
use crate::trace::web::{Part, WebEvent};
use crate::trace::wire::SocketEvent;

/// What some programs begin a text in UTF-8 with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Characters of a reason that are told.
const LONGEST_REASON: usize = 200;

/// Why a file can't be read as a record.
#[derive(Debug, thiserror::Error)]
pub enum NotARecord {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is empty")]
    Empty,
    #[error("it is no record of sockscope: its first line does not say so")]
    NoHeader,
    #[error("it is a record of version {0}, and this program reads version {VERSION}")]
    Version(u64),
    /// The header says what it is, but not all that it has to.
    #[error("its first line is damaged: {0}")]
    Header(String),
}

/// A line that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Damage {
    /// From 1; the header is line 1.
    pub line: u64,
    /// What is wrong with it, escaped.
    pub reason: String,
}

/// Reads the entries of a record in the order of the file.
pub struct Reader<R: BufRead> {
    input: R,
    header: Header,
    /// Lines read.
    lines: u64,
    line: Vec<u8>,
    /// The file can't be read any further.
    ended: bool,
}

/// What was found where a line was looked for.
enum Found {
    Line,
    TooLong,
    End,
}

/// A line as it is read: names that are not known are kept, to be told.
#[derive(Deserialize)]
struct Read {
    #[serde(with = "serial::nanos")]
    at: Duration,
    event: Option<Event>,
    call: Option<SocketEvent>,
    note: Option<String>,
    left_out: Option<u64>,
    #[serde(flatten)]
    others: BTreeMap<String, IgnoredAny>,
}

/// The one field of a header that never changes.
#[derive(Deserialize)]
struct Version {
    #[serde(rename = "sockscope-record")]
    version: u64,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// It can't be read, or is none of a record of this version.
    pub fn open(mut input: R) -> Result<Self, NotARecord> {
        let mut line = Vec::new();
        match next_line(&mut input, &mut line)? {
            Found::End => return Err(NotARecord::Empty),
            Found::TooLong => return Err(NotARecord::NoHeader),
            Found::Line => {}
        }
        // Editors and shells on Windows put one before what they write.
        if line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        // A list would be read as a structure, too.
        let is_object = line.trim_ascii_start().starts_with(b"{");
        let version = match serde_json::from_slice(&line) {
            Ok(Version { version }) if is_object => version,
            _ => return Err(NotARecord::NoHeader),
        };
        if version != u64::from(VERSION) {
            return Err(NotARecord::Version(version));
        }
        let header = serde_json::from_slice(&line)
            .map_err(|error| NotARecord::Header(told(&error.to_string())))?;
        Ok(Self {
            input,
            header,
            lines: 1,
            line,
            ended: false,
        })
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    fn damage(&self, reason: &str) -> Damage {
        Damage {
            line: self.lines,
            reason: told(reason),
        }
    }

    fn entry(&self) -> Result<Entry, Damage> {
        let read: Read = serde_json::from_slice(&self.line).map_err(|error| {
            self.damage(&if error.is_eof() {
                "it is cut off".to_owned()
            } else {
                // The number of the line is told beside it, and is not always 1.
                let reason = error.to_string();
                match reason.rsplit_once(" at line ") {
                    Some((reason, _)) => format!("{reason} (column {})", error.column()),
                    None => reason,
                }
            })
        })?;
        let kinds = [
            read.event.map(What::Event),
            read.call.map(What::Call),
            read.note.map(What::Note),
            read.left_out.map(What::LeftOut),
        ];
        let mut kinds = kinds.into_iter().flatten();
        match (kinds.next(), kinds.next(), read.others.keys().next()) {
            (Some(what), None, _) => {
                let what = sound(what).map_err(|reason| self.damage(reason))?;
                Ok(Entry { at: read.at, what })
            }
            (Some(_), Some(_), _) => Err(self.damage("two entries in one line")),
            (None, _, Some(name)) => Err(self.damage(&format!(
                "an entry of a kind that this version does not know: {name}"
            ))),
            (None, _, None) => Err(self.damage("a time, and nothing that happened then")),
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Entry, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let found = next_line(&mut self.input, &mut self.line);
            self.lines += 1;
            match found {
                Ok(Found::End) => self.ended = true,
                // An empty line, as an editor leaves it, says nothing.
                Ok(Found::Line) if self.line.trim_ascii().is_empty() => {}
                Ok(Found::Line) => return Some(self.entry()),
                Ok(Found::TooLong) => {
                    return Some(Err(self.damage("it has more than 16 MiB")));
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(self.damage(&error.to_string())));
                }
            }
        }
        None
    }
}

/// Reads up to the end of a line, which is left out. Of a line that is too long nothing is kept.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Found> {
    line.clear();
    let (mut is_there, mut too_long) = (false, false);
    loop {
        let piece = match input.fill_buf() {
            Ok(piece) => piece,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if piece.is_empty() {
            break;
        }
        is_there = true;
        let end = piece.iter().position(|&byte| byte == b'\n');
        let text = &piece[..end.unwrap_or(piece.len())];
        if line.len() + text.len() > LONGEST_LINE {
            too_long = true;
            *line = Vec::new();
        } else if !too_long {
            line.extend_from_slice(text);
        }
        let used = end.map_or(piece.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            break;
        }
    }
    Ok(match (is_there, too_long) {
        (false, _) => Found::End,
        (true, true) => Found::TooLong,
        (true, false) => Found::Line,
    })
}

/// Screens trust the places that an event names in its own bytes; a file can claim any.
fn sound(mut what: What) -> Result<What, &'static str> {
    if let What::Event(Event::Web(WebEvent::Exchange(exchange))) = &mut what {
        let parts = &exchange.parts;
        let is_backwards = |part: &Part| part.start > part.end;
        let fields = [&parts.user_agent, &parts.referer];
        if [&parts.method, &parts.target, &parts.version]
            .into_iter()
            .chain(fields.into_iter().flatten())
            .any(is_backwards)
        {
            return Err("a part of a request ends before it begins");
        }
        exchange.parts = parts.within(exchange.request.bytes.len());
    }
    Ok(what)
}

/// A reason as it may be shown: parts of the file may stand in it.
fn told(reason: &str) -> String {
    let mut shown = escape_hostile(reason).into_owned();
    if let Some((end, _)) = shown.char_indices().nth(LONGEST_REASON) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}
