//! The head of a response (RFC 9112 §4, §5), written into a buffer that its user keeps: one copy a piece, no allocation once the buffer has grown.
//!
//! Field names are the program's own; values may come from anywhere, and what would end a line early is replaced. What is the same for every answer
//! of a file is written once as a [`Block`] and copied.

use super::coding::Coding;
use super::date;
use super::media::MediaType;
use super::range::ByteRange;
use super::status::Status;

/// "Go on" to a client that waits with its body (RFC 9110 §15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What is said about the connection (RFC 9112 §9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Nothing: in HTTP/1.1 it stays open.
    Unsaid,
    /// It stays open for a client of HTTP/1.0 that asked for it.
    KeepAlive,
    Close,
}

/// The head of a response under way. Give it all its fields, then [`Head::end`] it.
#[derive(Debug)]
#[must_use = "a head without its end is no head"]
pub struct Head<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Head<'a> {
    /// Begins with the status line, Date and Server.
    pub fn start(out: &'a mut Vec<u8>, status: Status, date: &date::Text) -> Self {
        out.reserve(512);
        out.extend_from_slice(b"HTTP/1.1 ");
        write_number(status.code().into(), out);
        // The space is there before an empty reason too (RFC 9112 §4).
        out.push(b' ');
        out.extend_from_slice(status.reason().as_bytes());
        out.extend_from_slice(b"\r\nDate: ");
        out.extend_from_slice(date);
        out.extend_from_slice(b"\r\nServer: sockscope\r\n");
        Self { out }
    }

    /// Adds a field. Control characters in the value become spaces (RFC 9110 §5.5).
    pub fn field(self, name: &'static str, value: &str) -> Self {
        write_field(name, value.as_bytes(), self.out);
        self
    }

    /// Adds a field whose value is a number, such as Content-Length or Retry-After.
    pub fn number(self, name: &'static str, value: u64) -> Self {
        self.value(name, |out| write_number(value, out))
    }

    /// Adds Content-Range of a 206.
    pub fn content_range(self, range: ByteRange, length: u64) -> Self {
        self.value("Content-Range", |out| {
            range.write_content_range(length, out)
        })
    }

    /// Adds Content-Range of a 416: how long the representation is.
    pub fn unsatisfied_range(self, length: u64) -> Self {
        self.value("Content-Range", |out| {
            out.extend_from_slice(b"bytes */");
            write_number(length, out);
        })
    }

    /// Adds Connection, where something is to be said.
    pub fn connection(self, connection: Connection) -> Self {
        self.out.extend_from_slice(match connection {
            Connection::Unsaid => b"",
            Connection::KeepAlive => b"Connection: keep-alive\r\n",
            Connection::Close => b"Connection: close\r\n",
        });
        self
    }

    /// Adds the fields of a 200 or a 206 of one range.
    pub fn block(self, block: &Block) -> Self {
        self.out.extend_from_slice(&block.bytes);
        self
    }

    /// Adds the fields of `block` that a 304 carries (RFC 9110 §15.4.5), and a 206 of several ranges, which has a Content-Type of its own.
    pub fn validators(self, block: &Block) -> Self {
        self.out.extend_from_slice(&block.bytes[..block.validators]);
        self
    }

    /// Ends with the empty line.
    pub fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }

    fn value(self, name: &'static str, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        write(self.out);
        self.out.extend_from_slice(b"\r\n");
        self
    }
}

/// Writes one field line.
fn write_field(name: &'static str, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    let start = out.len();
    out.extend_from_slice(value);
    for byte in &mut out[start..] {
        if byte.is_ascii_control() && *byte != b'\t' {
            *byte = b' ';
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in decimal digits.
pub fn write_number(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        // The remainder is one digit.
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// What a file says about itself in every answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityFields<'a> {
    pub media_type: MediaType,
    pub coding: Option<Coding>,
    /// As a field value, quotes and all.
    pub etag: Option<&'a str>,
    /// Seconds since the Unix epoch.
    pub last_modified: Option<u64>,
    /// Whether the answer depends on Accept-Encoding (RFC 9110 §12.5.5).
    pub vary: Vary,
}

/// What the choice of the answer depended on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vary {
    Nothing,
    AcceptEncoding,
}

/// The fields of a file's answers, written once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    bytes: Box<[u8]>,
    /// How many bytes a 304 carries too.
    validators: usize,
}

impl Block {
    /// `Cache-Control: no-cache` lets a browser keep the file but ask each time whether it changed, so that an edit is seen at once and a file that
    /// did not change costs a 304 (RFC 9111 §5.2.2.4).
    pub fn new(entity: &EntityFields<'_>) -> Self {
        let mut out = Vec::with_capacity(256);
        write_field("Cache-Control", b"no-cache", &mut out);
        if let Some(etag) = entity.etag {
            write_field("ETag", etag.as_bytes(), &mut out);
        }
        if let Some(seconds) = entity.last_modified {
            write_field("Last-Modified", &date::format(seconds), &mut out);
        }
        if entity.vary == Vary::AcceptEncoding {
            write_field("Vary", b"Accept-Encoding", &mut out);
        }
        let validators = out.len();
        let media_type = entity.media_type.to_string();
        write_field("Content-Type", media_type.as_bytes(), &mut out);
        if let Some(coding) = entity.coding {
            write_field("Content-Encoding", coding.token().as_bytes(), &mut out);
        }
        write_field("Accept-Ranges", b"bytes", &mut out);
        Self {
            bytes: out.into(),
            validators,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::media;
    use super::*;
    use proptest::prelude::*;

    const DATE: &date::Text = b"Sun, 06 Nov 1994 08:49:37 GMT";

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn heads_are_written_to_the_byte() {
        let block = Block::new(&EntityFields {
            media_type: media::of("a.html"),
            coding: Some(Coding::Gzip),
            etag: Some("\"1-2\""),
            last_modified: Some(784_111_776),
            vary: Vary::AcceptEncoding,
        });
        let range = ByteRange { first: 0, last: 3 };
        let head = text(|out| {
            Head::start(out, Status::PARTIAL_CONTENT, DATE)
                .block(&block)
                .number("Content-Length", 4)
                .content_range(range, 10)
                .connection(Connection::KeepAlive)
                .end();
        });
        assert_eq!(
            head,
            "HTTP/1.1 206 Partial Content\r\n\
             Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             Server: sockscope\r\n\
             Cache-Control: no-cache\r\n\
             ETag: \"1-2\"\r\n\
             Last-Modified: Sun, 06 Nov 1994 08:49:36 GMT\r\n\
             Vary: Accept-Encoding\r\n\
             Content-Type: text/html; charset=utf-8\r\n\
             Content-Encoding: gzip\r\n\
             Accept-Ranges: bytes\r\n\
             Content-Length: 4\r\n\
             Content-Range: bytes 0-3/10\r\n\
             Connection: keep-alive\r\n\
             \r\n"
        );
        let head = text(|out| {
            Head::start(out, Status::NOT_MODIFIED, DATE)
                .validators(&block)
                .connection(Connection::Unsaid)
                .end();
        });
        assert!(
            head.contains("ETag: ") && head.contains("Vary: ") && head.contains("Cache-Control: ")
        );
        assert!(!head.contains("Content-") && !head.contains("Connection"));
        let head = text(|out| {
            Head::start(out, Status::RANGE_NOT_SATISFIABLE, DATE)
                .unsatisfied_range(10)
                .connection(Connection::Close)
                .end();
        });
        assert!(head.contains("\r\nContent-Range: bytes */10\r\nConnection: close\r\n\r\n"));
    }

    #[test]
    fn an_empty_reason_keeps_its_space() {
        let status = Status::new(299).unwrap();
        assert!(text(|out| Head::start(out, status, DATE).end()).starts_with("HTTP/1.1 299 \r\n"));
    }

    #[test]
    fn a_block_says_only_what_is_known() {
        let block = Block::new(&EntityFields {
            media_type: media::of("a"),
            coding: None,
            etag: None,
            last_modified: None,
            vary: Vary::Nothing,
        });
        assert_eq!(
            block.bytes.escape_ascii().to_string(),
            "Cache-Control: no-cache\\r\\nContent-Type: application/octet-stream\\r\\nAccept-Ranges: bytes\\r\\n"
        );
    }

    #[test]
    fn a_value_can_not_end_its_line() {
        let head = text(|out| {
            Head::start(out, Status::FOUND, DATE)
                .field("Location", "/\r\nSet-Cookie: a\0\t\x7f\u{e9}")
                .end();
        });
        assert!(
            head.ends_with("Location: /  Set-Cookie: a \t \u{e9}\r\n\r\n"),
            "{head:?}"
        );
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_everywhere(number: u64) {
            prop_assert_eq!(text(|out| write_number(number, out)), number.to_string());
        }

        #[test]
        fn one_line_a_field_whatever_the_value(value in "(?s).{0,40}") {
            let head = text(|out| Head::start(out, Status::OK, DATE).field("X", &value).end());
            prop_assert_eq!(head.matches(['\r', '\n']).count(), 2 * 5);
        }
    }
}
