//! A stored message as a reader sees it: its header, the tree of its parts, their content, and what is wrong with it.
//!
//! It stands apart from the writer because the two trust nobody alike: what is read here was written by anybody. Everything is bounded, nothing is
//! refused, and texts come out decoded but not escaped.

mod defect;
mod encoded_words;
mod fields;
mod file_name;
mod parameters;
mod transfer;
mod tree;

use chrono::{DateTime, FixedOffset};
use mail_parser::decoders::html::html_to_text;

use self::fields::{Field, Fields};
use super::compose::LONGEST_LINE;
use super::draft::is_control;

pub use defect::Defect;
pub use fields::{LONGEST_VALUE, MOST_FIELDS};
pub use transfer::Transfer;
pub use tree::{DEEPEST, Disposition, MOST_PARTS, Part};

/// Bytes of header values that are decoded; those beyond stay as they are.
const MOST_DECODED: usize = 256 << 10;

/// Bytes of content that are made text.
pub const LONGEST_TEXT: usize = 1 << 20;

/// Encoded bytes that are looked at for that: quoted-printable makes three of one.
const LONGEST_ENCODED: usize = 4 * LONGEST_TEXT;

/// Characters of the sender and the subject in a list.
const LONGEST_LISTED: usize = 1000;

/// The longest Date that is looked at.
const LONGEST_DATE: usize = 200;

/// Fields that may occur once (RFC 5322 §3.6).
const ONCE: [&str; 11] = [
    "Date",
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Subject",
];

/// A message that was read. It holds none of the stored bytes: whoever wants content hands them in again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The fields of its header in order, up to [`MOST_FIELDS`].
    pub headers: Vec<HeaderField>,
    /// Fields beyond those.
    pub headers_left_out: usize,
    /// Decoded; empty if there is none.
    pub from: String,
    /// Decoded; empty if there is none.
    pub subject: String,
    pub date: Option<DateTime<FixedOffset>>,
    /// In the order in which they stand there; the first is the message itself.
    pub parts: Vec<Part>,
    /// Each once.
    pub defects: Vec<Defect>,
}

/// A field of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderField {
    pub name: String,
    /// What stands behind the colon, folds included, up to [`LONGEST_VALUE`].
    pub raw: Box<[u8]>,
    /// The value in one line, encoded words decoded.
    pub decoded: String,
}

/// The text of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartText {
    /// Lines end in LF.
    pub text: String,
    /// It is not cut at [`LONGEST_TEXT`].
    pub whole: bool,
}

impl Letter {
    /// Reads a message, or the beginning of one.
    pub fn read(stored: &[u8]) -> Letter {
        let mut defects = Vec::new();
        let mut note = |defect| {
            if !defects.contains(&defect) {
                defects.push(defect);
            }
        };
        let header = Fields::read(stored);
        check_lines(stored, &mut note);
        check_fields(&header, &stored[..header.body], &mut note);
        let date = header.value("Date");
        let date = cut(&date, LONGEST_DATE);
        let parsed = DateTime::parse_from_rfc2822(date).ok();
        if !date.is_empty() && parsed.is_none() {
            note(Defect::BadDate);
        }
        let headers = header_fields(&header, &mut note);
        let parts = tree::parts(stored, &mut note);
        let listed = |name: &str| {
            let named = |field: &&HeaderField| field.name.eq_ignore_ascii_case(name);
            let value = headers.iter().find(named).map(|field| &*field.decoded);
            value
                .unwrap_or_default()
                .chars()
                .take(LONGEST_LISTED)
                .collect()
        };
        Letter {
            from: listed("From"),
            subject: listed("Subject"),
            date: parsed,
            headers_left_out: header.left_out,
            headers,
            parts,
            defects,
        }
    }

    /// The decoded content of a part of the message that was read; empty if there is no such part.
    pub fn content(&self, stored: &[u8], part: usize) -> Vec<u8> {
        let Some(part) = self.parts.get(part) else {
            return Vec::new();
        };
        let body = stored.get(part.body.clone()).unwrap_or_default();
        // What lies in a part is not encoded with it (RFC 2045 §6.4).
        if part.holds_parts {
            return body.to_vec();
        }
        part.transfer.decode(body).0.into_owned()
    }

    /// The content of a part as text; of HTML, the text without its tags.
    pub fn text(&self, stored: &[u8], part: usize) -> PartText {
        let Some(part) = self.parts.get(part) else {
            return PartText {
                text: String::new(),
                whole: true,
            };
        };
        let body = stored.get(part.body.clone()).unwrap_or_default();
        let looked_at = &body[..body.len().min(LONGEST_ENCODED)];
        let content = part.transfer.decode(looked_at).0;
        let shown = &content[..content.len().min(LONGEST_TEXT)];
        let charset = part.charset.as_deref().unwrap_or_default();
        let text = encoded_words::charset_text(shown, charset);
        let text = if part.is_html() {
            html_to_text(&text)
        } else {
            text.replace("\r\n", "\n").replace('\r', "\n")
        };
        PartText {
            text,
            whole: looked_at.len() == body.len() && shown.len() == content.len(),
        }
    }

    /// The part that a person would read: the first plain text, or else the first HTML, that is no attachment.
    pub fn main_part(&self) -> Option<usize> {
        let find = |media_type: &str| {
            self.parts
                .iter()
                .position(|part| part.media_type == media_type && !part.is_attachment())
        };
        find("text/plain").or_else(|| find("text/html"))
    }

    /// The parts that are attachments.
    pub fn attachments(&self) -> impl Iterator<Item = usize> {
        let parts = self.parts.iter().enumerate();
        parts
            .filter(|(_, part)| part.is_attachment())
            .map(|(index, _)| index)
    }

    /// A name under which a part can be saved anywhere: no folder, no device, nothing hidden, bounded.
    pub fn file_name(&self, part: usize) -> String {
        let name = self
            .parts
            .get(part)
            .and_then(|part| part.file_name.as_deref());
        file_name::safe_file_name(name.unwrap_or_default())
    }
}

/// The beginning of a text, of this many bytes at most.
fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The fields as they are shown.
fn header_fields(header: &Fields<'_>, note: &mut impl FnMut(Defect)) -> Vec<HeaderField> {
    let mut left = MOST_DECODED;
    let mut shown = |field: &Field<'_>| {
        let raw = &field.value[..field.value.len().min(LONGEST_VALUE)];
        let plain = field.unfolded();
        let decoded = match left.checked_sub(raw.len()) {
            Some(rest) => {
                left = rest;
                field.decoded()
            }
            None => plain.clone(),
        };
        if controls(&decoded) > controls(&plain) {
            note(Defect::HiddenControl);
        }
        HeaderField {
            name: field.name.to_owned(),
            raw: raw.into(),
            decoded,
        }
    };
    header.fields.iter().map(&mut shown).collect()
}

/// How many control characters stand in a text.
fn controls(text: &str) -> usize {
    text.chars().filter(|&c| is_control(c)).count()
}

/// What is wrong with the header as a whole.
fn check_fields(header: &Fields<'_>, bytes: &[u8], note: &mut impl FnMut(Defect)) {
    for name in ONCE {
        let named = header.fields.iter();
        let count = named
            .filter(|field| field.name.eq_ignore_ascii_case(name))
            .count();
        match (name, count) {
            ("From", 0) => note(Defect::NoFrom),
            ("Date", 0) => note(Defect::NoDate),
            (_, 0 | 1) => {}
            _ => note(Defect::Twice(name)),
        }
    }
    if header.left_out > 0 {
        note(Defect::ManyFields);
    }
    if !bytes.is_ascii() {
        note(Defect::EightBitHeader);
    }
}

/// What is wrong with the lines of the whole message.
fn check_lines(stored: &[u8], note: &mut impl FnMut(Defect)) {
    for line in stored.split_inclusive(|&byte| byte == b'\n') {
        let content = fields::without_end(line);
        if line.len() == content.len() + 1 && line.ends_with(b"\n") {
            note(Defect::BareLf);
        }
        if content.contains(&b'\r') || line.ends_with(b"\r") {
            note(Defect::BareCr);
        }
        if content.len() > LONGEST_LINE {
            note(Defect::LongLine);
        }
    }
    if stored.contains(&0) {
        note(Defect::Nul);
    }
}

#[cfg(test)]
mod tests;
