//! How a person writes the bytes of a request as text, and back: what the request sender's editor holds.
//!
//! | text | bytes |
//! |---|---|
//! | end of a line | CR LF |
//! | `\` at the end of a line | nothing: no CR LF here |
//! | `\r` `\n` `\t` `\0` `\\` | CR, LF, tab, NUL, backslash |
//! | `\x41` | the byte with that value |
//! | anything else | itself, in UTF-8 |
//!
//! Nothing is added or put right: the blank line that ends a head must be in the text, and a text that lacks it is sent as it is, for that is what
//! a class wants to see. It stands apart from the parsers because it knows lines and escapes but no HTTP.

mod curl;
mod presets;
mod requests;

pub use curl::curl_command;
pub use presets::{Preset, presets};
pub use requests::awaited;

use std::fmt::Write;
use std::time::Duration;

use thiserror::Error;

/// At what pace the bytes of a script are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// All in one write, as far as the system takes them.
    #[default]
    AtOnce,
    /// A line at a time, as somebody types it; `every` is the time between two lines.
    Lines { every: Duration },
    /// A byte at a time; `every` is the time between two bytes.
    Trickle { every: Duration },
    /// Not a byte: the connection is opened and stays silent.
    Silent,
}

impl Pace {
    /// The locale key of its name.
    pub fn key(self) -> &'static str {
        match self {
            Pace::AtOnce => "sender.pace.at-once",
            Pace::Lines { .. } => "sender.pace.lines",
            Pace::Trickle { .. } => "sender.pace.trickle",
            Pace::Silent => "sender.pace.silent",
        }
    }

    /// How many of the bytes that are `left` go out together, and how long to wait afterwards. Zero only if nothing goes out at all.
    pub fn next(self, left: &[u8]) -> (usize, Duration) {
        match self {
            Pace::AtOnce => (left.len(), Duration::ZERO),
            Pace::Lines { every } => {
                let line = left.iter().position(|&byte| byte == b'\n');
                (line.map_or(left.len(), |at| at + 1), every)
            }
            Pace::Trickle { every } => (left.len().min(1), every),
            Pace::Silent => (0, Duration::ZERO),
        }
    }
}

/// A place in a script that says nothing. Line and column count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct ScriptError {
    pub line: usize,
    /// Where its backslash stands.
    pub column: usize,
    pub problem: ScriptProblem,
}

/// What is wrong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ScriptProblem {
    #[error("unknown escape after a backslash")]
    UnknownEscape,
    #[error("\\x needs two hexadecimal digits")]
    IncompleteHex,
}

impl ScriptError {
    /// The locale key of the sentence about it, which takes `line` and `column`.
    pub fn key(&self) -> &'static str {
        match self.problem {
            ScriptProblem::UnknownEscape => "sender.script.unknown_escape",
            ScriptProblem::IncompleteHex => "sender.script.incomplete_hex",
        }
    }
}

/// The bytes that a script stands for. A CR LF in the text itself is a line end too, as in a text pasted from Windows.
///
/// # Errors
/// The first escape that is none.
pub fn compile(text: &str) -> Result<Vec<u8>, ScriptError> {
    let mut bytes = Vec::with_capacity(text.len() + 16);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let (line, ended) = match line.strip_suffix('\n') {
            Some(line) => (line.strip_suffix('\r').unwrap_or(line), true),
            None => (line, false),
        };
        let continued = compile_line(line, &mut bytes).map_err(|(at, problem)| ScriptError {
            line: index + 1,
            column: line[..at].chars().count() + 1,
            problem,
        })?;
        if ended && !continued {
            bytes.extend_from_slice(b"\r\n");
        }
    }
    Ok(bytes)
}

/// Appends the bytes of one line without its end; tells whether it ends in a backslash. An error comes with the byte where its escape begins.
fn compile_line(line: &str, bytes: &mut Vec<u8>) -> Result<bool, (usize, ScriptProblem)> {
    let mut rest = line;
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let start = line.len() - escape.len() - 1;
        let mut chars = escape.chars();
        match chars.next() {
            None => return Ok(true),
            Some('r') => bytes.push(b'\r'),
            Some('n') => bytes.push(b'\n'),
            Some('t') => bytes.push(b'\t'),
            Some('0') => bytes.push(0),
            Some('\\') => bytes.push(b'\\'),
            Some('x') => {
                let mut digit = || chars.next().and_then(|c| c.to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err((start, ScriptProblem::IncompleteHex));
                };
                bytes.push((high * 16 + low) as u8);
            }
            Some(_) => return Err((start, ScriptProblem::UnknownEscape)),
        }
        rest = chars.as_str();
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(false)
}

/// A script that stands for exactly these bytes. It holds no control character but its own line ends.
pub fn to_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 16);
    let mut here = bytes;
    while let Some(&first) = here.first() {
        let taken = match first {
            b'\r' if here.starts_with(b"\r\n") => {
                text.push('\n');
                2
            }
            // After a bare LF the text goes on in a new line as well, as a reader expects.
            b'\n' => {
                text.push_str("\\n\\\n");
                1
            }
            b'\r' => push(&mut text, "\\r"),
            b'\t' => push(&mut text, "\\t"),
            0 => push(&mut text, "\\0"),
            b'\\' => push(&mut text, "\\\\"),
            b' '..=b'~' => {
                text.push(char::from(first));
                1
            }
            _ => push_letter_or_byte(&mut text, here),
        };
        here = &here[taken..];
    }
    text
}

fn push(text: &mut String, escape: &str) -> usize {
    text.push_str(escape);
    1
}

/// Writes a letter or digit of any script as itself, and of everything else one byte in hexadecimal: among the characters that are neither there
/// are some that steer or hide text. Returns the bytes that it stands for.
fn push_letter_or_byte(text: &mut String, bytes: &[u8]) -> usize {
    let head = &bytes[..bytes.len().min(4)];
    let letter = head
        .utf8_chunks()
        .next()
        .and_then(|chunk| chunk.valid().chars().next())
        .filter(|c| c.is_alphanumeric());
    match letter {
        Some(letter) => {
            text.push(letter);
            letter.len_utf8()
        }
        None => {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{:02x}", bytes[0]);
            1
        }
    }
}

/// The `host` or `host:port` of a Host field (RFC 9112 §3.2): an IPv6 address in brackets, the default port 80 left out.
pub fn authority(host: &str, port: u16) -> String {
    let (open, close) = if host.contains(':') {
        ("[", "]")
    } else {
        ("", "")
    };
    match port {
        80 => format!("{open}{host}{close}"),
        _ => format!("{open}{host}{close}:{port}"),
    }
}

/// Whether this is a token (RFC 9110 §5.6.2), such as a method or the name of a field.
pub fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests;
