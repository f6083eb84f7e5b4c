//! The parts of a message (RFC 2046): which bytes each of them is, what it says about itself, and how it lies in the others.
//!
//! It stands apart, and does not leave this to a crate, because the tree is where hostile messages are expensive: depth and number are bounded here, and
//! each level reads its bytes once.

use std::ops::Range;

use super::defect::Defect;
use super::encoded_words::is_known_charset;
use super::fields::{Fields, without_end};
use super::parameters::Parameters;
use super::transfer::Transfer;

/// Parts of a message that are read.
pub const MOST_PARTS: usize = 500;

/// How deep parts may lie within others.
pub const DEEPEST: usize = 16;

/// A part: a leaf, a multipart, or a message within the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// 0 is the message itself. A part lies in the nearest one before it with a smaller depth.
    pub depth: usize,
    /// In lower case, without parameters: `text/plain` where nothing is said (RFC 2045 §5.2).
    pub media_type: String,
    pub charset: Option<String>,
    pub transfer: Transfer,
    pub disposition: Disposition,
    /// As the sender wrote it, decoded: to be shown escaped, and never to be a path.
    pub file_name: Option<String>,
    /// Bytes of its content, decoded.
    pub size: u64,
    /// Other parts lie in it.
    pub holds_parts: bool,
    /// Its bytes in the message, encoded, without its header.
    pub body: Range<usize>,
}

/// Content-Disposition (RFC 2183).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    Unsaid,
    Inline,
    Attachment,
}

impl Part {
    /// Whether it is for saving rather than for reading. A message within the message is, though its parts can be read, too.
    pub fn is_attachment(&self) -> bool {
        if self.holds_parts {
            return self.media_type.starts_with("message/");
        }
        let is_text = self.media_type.starts_with("text/") && self.file_name.is_none();
        self.disposition == Disposition::Attachment || !is_text
    }

    pub fn is_html(&self) -> bool {
        self.media_type == "text/html"
    }
}

/// Reads the tree of a message in the order in which its parts stand there.
pub(super) fn parts(message: &[u8], note: &mut impl FnMut(Defect)) -> Vec<Part> {
    let mut reader = Reader {
        message,
        parts: Vec::new(),
        note,
    };
    reader.part(0..message.len(), 0, "text/plain");
    reader.parts
}

struct Reader<'a, N> {
    message: &'a [u8],
    parts: Vec<Part>,
    note: &'a mut N,
}

impl<N: FnMut(Defect)> Reader<'_, N> {
    /// Reads the part with its header in these bytes, and those within it.
    fn part(&mut self, range: Range<usize>, depth: usize, default_type: &str) {
        if self.parts.len() == MOST_PARTS {
            (self.note)(Defect::ManyParts);
            return;
        }
        let bytes = &self.message[range.clone()];
        let header = Fields::read(bytes);
        if header.broken {
            (self.note)(Defect::BrokenHeader);
        }
        let body = range.start + header.body..range.end;
        let content_type = Parameters::read(&header.value("Content-Type"));
        let transfer = Transfer::from_name(&header.value("Content-Transfer-Encoding"));
        let disposition = Parameters::read(&header.value("Content-Disposition"));
        let file_name = disposition
            .get("filename")
            .or_else(|| content_type.get("name"));
        let media_type = match content_type.value.as_str() {
            "" => default_type,
            value => value,
        };
        let index = self.parts.len();
        self.parts.push(Part {
            depth,
            media_type: media_type.to_owned(),
            charset: content_type.get("charset").map(str::to_owned),
            transfer,
            disposition: match disposition.value.as_str() {
                "" => Disposition::Unsaid,
                "inline" => Disposition::Inline,
                // What nobody knows is an attachment (RFC 2183 §2.8).
                _ => Disposition::Attachment,
            },
            file_name: file_name.map(str::to_owned),
            size: 0,
            holds_parts: false,
            body: body.clone(),
        });
        if media_type.starts_with("multipart/") {
            let boundary = content_type.get("boundary").unwrap_or_default();
            self.multipart(index, boundary);
        } else if matches!(media_type, "message/rfc822" | "message/global") && is_plain(transfer) {
            self.within(index, depth, [body].into(), "text/plain");
        }
        self.measure(index);
    }

    fn multipart(&mut self, index: usize, boundary: &str) {
        let part = &self.parts[index];
        let default_type = match part.media_type.as_str() {
            "multipart/digest" => "message/rfc822",
            _ => "text/plain",
        };
        let depth = part.depth;
        let body = part.body.clone();
        let (ranges, closed) = split(&self.message[body.clone()], boundary);
        match (ranges.is_empty(), closed) {
            (true, _) => (self.note)(Defect::NoBoundary),
            (false, false) => (self.note)(Defect::OpenMultipart),
            (false, true) => {}
        }
        let ranges = ranges
            .into_iter()
            .map(|range| body.start + range.start..body.start + range.end)
            .collect();
        self.within(index, depth, ranges, default_type);
    }

    /// Reads parts that lie within another.
    fn within(&mut self, index: usize, depth: usize, ranges: Vec<Range<usize>>, default: &str) {
        if ranges.is_empty() {
            return;
        }
        if depth == DEEPEST {
            (self.note)(Defect::TooDeep);
            return;
        }
        self.parts[index].holds_parts = true;
        for range in ranges {
            self.part(range, depth + 1, default);
        }
    }

    /// Tells the size of a part and what is wrong with its content.
    fn measure(&mut self, index: usize) {
        let part = &mut self.parts[index];
        let body = &self.message[part.body.clone()];
        if part.holds_parts {
            part.size = body.len() as u64;
            return;
        }
        let (content, clean) = part.transfer.decode(body);
        part.size = content.len() as u64;
        match part.transfer {
            Transfer::Base64 if !clean => (self.note)(Defect::BadBase64),
            Transfer::QuotedPrintable if !clean => (self.note)(Defect::BadQuotedPrintable),
            Transfer::SevenBit if !body.is_ascii() => (self.note)(Defect::EightBitBody),
            Transfer::Unknown => (self.note)(Defect::UnknownTransfer),
            _ => {}
        }
        if let Some(charset) = &part.charset
            && !is_known_charset(charset)
        {
            (self.note)(Defect::UnknownCharset);
        }
    }
}

fn is_plain(transfer: Transfer) -> bool {
    matches!(
        transfer,
        Transfer::SevenBit | Transfer::EightBit | Transfer::Binary
    )
}

/// The parts between the lines of a boundary (RFC 2046 §5.1.1), and whether the last one is there. The line end before a boundary belongs to it.
fn split(body: &[u8], boundary: &str) -> (Vec<Range<usize>>, bool) {
    let mut ranges = Vec::new();
    if boundary.is_empty() {
        return (ranges, false);
    }
    let mut open = None;
    let mut at = 0;
    for line in body.split_inclusive(|&byte| byte == b'\n') {
        let start = at;
        at += line.len();
        let Some(rest) = line
            .strip_prefix(b"--")
            .and_then(|line| line.strip_prefix(boundary.as_bytes()))
        else {
            continue;
        };
        let rest = rest.trim_ascii_end();
        if !matches!(rest, b"" | b"--") {
            continue;
        }
        if let Some(begin) = open.take() {
            let end = without_end(&body[..start]).len();
            ranges.push(begin..end.max(begin));
        }
        if rest == b"--" {
            return (ranges, true);
        }
        // One more than is read, so that it is told.
        if ranges.len() > MOST_PARTS {
            return (ranges, true);
        }
        open = Some(at);
    }
    if let Some(begin) = open {
        ranges.push(begin..body.len());
    }
    (ranges, false)
}
