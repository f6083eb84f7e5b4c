//! The head of an answer, read line by line. Whatever can be understood is, and what was wrong is noted.

use std::ops::Range;

use super::super::status::Status;
use super::remark::{Deviation, Remarks};

/// The head of an answer. Ranges are positions in [`Head::bytes`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// All of it as it came, through the empty line.
    pub bytes: Vec<u8>,
    /// Where it begins, in bytes from the first one of the answer; above 0 behind an interim answer.
    pub offset: u64,
    /// Major and minor version.
    pub version: Option<(u8, u8)>,
    pub status: Option<Status>,
    /// May be empty.
    pub reason: Range<usize>,
    /// In the order in which they came.
    pub fields: Vec<Field>,
}

/// A field line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: Range<usize>,
    /// Without white space around it.
    pub value: Range<usize>,
}

impl Head {
    /// The values of all fields of this name, in order.
    pub fn values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.fields
            .iter()
            .filter(move |field| {
                self.bytes[field.name.clone()].eq_ignore_ascii_case(name.as_bytes())
            })
            .map(|field| &self.bytes[field.value.clone()])
    }

    pub fn has(&self, name: &'static str) -> bool {
        self.values(name).next().is_some()
    }

    /// The elements of a list-valued field over all its lines (RFC 9110 §5.6.1).
    pub fn elements(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.values(name)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|element| !element.is_empty())
    }
}

/// What a line led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// More lines are to come.
    More,
    /// It was the empty line.
    End,
    /// It is no part of the head but the first of the body; it has been taken out of it.
    Body,
}

/// A head under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Reader {
    pub head: Head,
    /// Where the current line begins.
    line: usize,
    status_line_read: bool,
}

impl Reader {
    pub fn new(offset: u64) -> Self {
        Self {
            head: Head {
                offset,
                ..Head::default()
            },
            ..Self::default()
        }
    }

    /// Whether part of a line is here that has not been read.
    pub fn has_partial_line(&self) -> bool {
        self.line < self.head.bytes.len()
    }

    pub fn status_line_read(&self) -> bool {
        self.status_line_read
    }

    /// Reads the line that now stands at the end of the bytes. It ends in a line feed unless the answer ended in it.
    pub fn read_line(&mut self, remarks: &mut Remarks) -> Line {
        let start = self.line;
        let mut end = self.head.bytes.len();
        if let [before @ .., b'\n'] = &self.head.bytes[start..] {
            end -= 1;
            if before.last() == Some(&b'\r') {
                end -= 1;
            } else {
                remarks.note(Deviation::BareLineFeed, self.at(end));
            }
        }
        if let Some(cr) = self.find(start..end, |byte| byte == b'\r') {
            remarks.note(Deviation::BareCarriageReturn, self.at(cr));
        }
        let line = if self.status_line_read {
            self.read_field(start..end, remarks)
        } else {
            self.read_status_line(start..end, remarks)
        };
        if line != Line::Body {
            self.line = self.head.bytes.len();
        }
        line
    }

    /// Takes out the line that turned out to be part of the body.
    pub fn take_body_line(&mut self) -> Vec<u8> {
        self.head.bytes.split_off(self.line)
    }

    fn read_status_line(&mut self, line: Range<usize>, remarks: &mut Remarks) -> Line {
        if line.is_empty() {
            remarks.note(Deviation::EmptyLineFirst, self.at(line.start));
            return Line::More;
        }
        let mut rest = self.without_spaces(&line);
        if rest.start > line.start {
            remarks.note(Deviation::SpaceFirst, self.at(line.start));
        }
        let word = self.word(&rest);
        let text = &self.head.bytes[word.clone()];
        if text.len() >= 5 && text[..5].eq_ignore_ascii_case(b"HTTP/") {
            self.head.version = version(text);
            if self.head.version.is_none() {
                remarks.note(Deviation::InvalidVersion, self.at(word.start));
            }
            let behind = word.end..rest.end;
            rest = self.without_spaces(&behind);
            if rest.start > behind.start + 1 {
                remarks.note(Deviation::ExtraSpace, self.at(behind.start + 1));
            }
        } else if text.len() == 3 && text.iter().all(u8::is_ascii_digit) {
            remarks.note(Deviation::MissingVersion, self.at(word.start));
        } else {
            remarks.note(Deviation::NoStatusLine, self.at(line.start));
            return Line::Body;
        }
        let code = self.word(&rest);
        self.head.status = status(&self.head.bytes[code.clone()]);
        if self.head.status.is_none() {
            remarks.note(Deviation::InvalidStatusCode, self.at(code.start));
        } else if code.end == rest.end {
            remarks.note(Deviation::MissingReasonSpace, self.at(code.end));
        }
        self.head.reason = (code.end + 1).min(rest.end)..rest.end;
        self.status_line_read = true;
        Line::More
    }

    fn read_field(&mut self, line: Range<usize>, remarks: &mut Remarks) -> Line {
        let rest = self.without_spaces(&line);
        let Some(&first) = self.head.bytes[line.clone()].first() else {
            return Line::End;
        };
        if first == b'<' {
            // No field begins so, but every page does.
            remarks.note(Deviation::MissingEmptyLine, self.at(line.start));
            return Line::Body;
        }
        if rest.start > line.start {
            if let Some(field) = self.head.fields.last_mut() {
                field.value.end = line.end;
                remarks.note(Deviation::FoldedField, self.at(line.start));
                return Line::More;
            }
            remarks.note(Deviation::SpaceBeforeFirstField, self.at(line.start));
        }
        let Some(colon) = self.find(rest.clone(), |byte| byte == b':') else {
            remarks.note(Deviation::MissingColon, self.at(rest.start));
            return Line::More;
        };
        let name = self.trimmed(&(rest.start..colon));
        if name.end < colon {
            remarks.note(Deviation::SpaceBeforeColon, self.at(name.end));
        }
        if name.is_empty() {
            remarks.note(Deviation::InvalidFieldName, self.at(colon));
        } else if let Some(at) = self.find(name.clone(), |byte| !is_token(byte)) {
            remarks.note(Deviation::InvalidFieldName, self.at(at));
        }
        let value = self.trimmed(&(colon + 1..rest.end));
        let is_control = |byte: u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r');
        if let Some(at) = self.find(value.clone(), is_control) {
            remarks.note(Deviation::InvalidFieldValue, self.at(at));
        }
        self.head.fields.push(Field { name, value });
        Line::More
    }

    fn at(&self, position: usize) -> u64 {
        self.head.offset + position as u64
    }

    fn find(&self, range: Range<usize>, is: impl Fn(u8) -> bool) -> Option<usize> {
        let start = range.start;
        let found = self.head.bytes[range].iter().position(|&byte| is(byte))?;
        Some(start + found)
    }

    /// Up to the first space.
    fn word(&self, range: &Range<usize>) -> Range<usize> {
        let end = self.find(range.clone(), |byte| byte == b' ');
        range.start..end.unwrap_or(range.end)
    }

    fn without_spaces(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.find(range.clone(), |byte| !matches!(byte, b' ' | b'\t'));
        start.unwrap_or(range.end)..range.end
    }

    fn trimmed(&self, range: &Range<usize>) -> Range<usize> {
        let range = self.without_spaces(range);
        let kept = self.head.bytes[range.clone()].trim_ascii_end().len();
        range.start..range.start + kept
    }
}

/// `HTTP/` and two single digits (RFC 9112 §2.3).
fn version(word: &[u8]) -> Option<(u8, u8)> {
    match word.strip_prefix(b"HTTP/")? {
        [major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => Some((major - b'0', minor - b'0')),
        _ => None,
    }
}

/// Three digits, from 100 to 599.
fn status(word: &[u8]) -> Option<Status> {
    let [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9'] = word else {
        return None;
    };
    let code = word
        .iter()
        .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    Status::new(code)
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
