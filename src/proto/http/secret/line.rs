//! The reader of field lines, in heads and in whatever looks like one.

use super::framing::{Coding, Head};
use super::name::Name;

/// Fields whose values are secret.
const SECRET: [&[u8]; 4] = [
    b"authorization",
    b"proxy-authorization",
    b"cookie",
    b"set-cookie",
];

/// The longest name of a field that matters.
const LONGEST: usize = 24;

/// Where the reader stands.
#[derive(Debug, Clone, Default)]
pub struct Line {
    state: State,
    /// The name of the field, or the beginning of a start line.
    name: Name,
    /// Of a value that matters.
    value: Name,
    /// Something stands on this line.
    has_bytes: bool,
    /// The line before was one with a secret, and may go on here (RFC 9112 §5.2).
    may_go_on: bool,
    head: Head,
    /// Lines of the head so far.
    lines: u32,
    json: bool,
    form: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Name,
    /// White space before a secret value.
    BeforeSecret,
    Secret,
    Value(Field),
    /// Nothing that comes on this line matters.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    ContentType,
    ContentLength,
    TransferEncoding,
}

impl Line {
    /// Takes the next byte and says whether it is secret.
    pub fn step(&mut self, byte: u8) -> bool {
        match byte {
            b'\n' => {
                self.end();
                false
            }
            b'\r' => {
                self.carriage_return();
                false
            }
            _ => self.inner(byte),
        }
    }

    fn inner(&mut self, byte: u8) -> bool {
        let is_space = matches!(byte, b' ' | b'\t');
        match self.state {
            State::Name if is_space && self.name.bytes().is_empty() && self.may_go_on => {
                self.state = State::BeforeSecret;
            }
            State::Name if byte == b':' => self.begin_value(),
            State::Name if is_space && self.name.bytes().is_empty() => {}
            State::Name => {
                self.name.push(byte.to_ascii_lowercase());
                if self.name.bytes().len() > LONGEST {
                    self.end_start_line();
                    self.state = State::Other;
                }
            }
            State::BeforeSecret if is_space => {}
            State::BeforeSecret | State::Secret => {
                self.state = State::Secret;
                self.has_bytes = true;
                return true;
            }
            State::Value(_) => self.value.push_if_room(byte.to_ascii_lowercase()),
            State::Other => {}
        }
        self.has_bytes = true;
        false
    }

    fn begin_value(&mut self) {
        self.value.clear();
        let name = self.name.bytes().trim_ascii_end();
        self.state = match name {
            _ if SECRET.contains(&name) => State::BeforeSecret,
            b"content-type" => State::Value(Field::ContentType),
            b"content-length" => State::Value(Field::ContentLength),
            b"transfer-encoding" => State::Value(Field::TransferEncoding),
            _ => State::Other,
        };
    }

    /// Behind a lone one the line goes on for some readers, and for others a new one begins: both may be right.
    fn carriage_return(&mut self) {
        if matches!(self.state, State::BeforeSecret | State::Secret) {
            return;
        }
        self.settle();
        self.state = State::Name;
        self.name.clear();
    }

    fn end(&mut self) {
        self.settle();
        self.may_go_on = matches!(self.state, State::BeforeSecret | State::Secret);
        self.lines = self.lines.saturating_add(u32::from(self.has_bytes));
        self.head.is_complete = !self.has_bytes && self.lines > 0;
        self.state = State::Name;
        self.name.clear();
        self.has_bytes = false;
    }

    /// Takes in what the line said.
    fn settle(&mut self) {
        self.end_start_line();
        let State::Value(field) = self.state else {
            return;
        };
        let value = self.value.bytes().trim_ascii();
        let has = |word: &[u8]| value.windows(word.len()).any(|part| part == word);
        match field {
            // Once called for, both stay: the next message may not be where it seems to be.
            Field::ContentType => {
                self.json |= has(b"json");
                self.form |= has(b"x-www-form-urlencoded");
            }
            Field::ContentLength => {
                let is_number = value.iter().all(u8::is_ascii_digit);
                let number = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
                self.head.length(number.filter(|_| is_number));
            }
            Field::TransferEncoding => self.head.coding(match value.ends_with(b"chunked") {
                true => Coding::Chunked,
                false => Coding::Other,
            }),
        }
    }

    /// Takes in the status of a response.
    fn end_start_line(&mut self) {
        if self.lines == 0
            && let Some(rest) = self.name.bytes().strip_prefix(b"http/1.")
        {
            let code = rest
                .get(2..5)
                .and_then(|code| std::str::from_utf8(code).ok());
            self.head.status = code.and_then(|code| code.parse().ok());
        }
    }

    /// The head that has just come to its end, if one has.
    pub fn take_head(&mut self) -> Option<Head> {
        if !self.head.is_complete {
            return None;
        }
        self.lines = 0;
        Some(std::mem::take(&mut self.head))
    }

    /// A body has come to its end, so a head begins.
    pub fn begin_head(&mut self) {
        self.lines = 0;
        self.head = Head::default();
        self.has_bytes = false;
        if !matches!(self.state, State::BeforeSecret | State::Secret) {
            self.state = State::Name;
            self.name.clear();
        }
    }

    /// Whether nothing matters to it up to the end of the line.
    pub fn is_deaf(&self) -> bool {
        self.state == State::Other
    }

    /// A body of JSON was announced.
    pub fn calls_for_json(&self) -> bool {
        self.json
    }

    /// A form was announced.
    pub fn calls_for_form(&self) -> bool {
        self.form
    }

    /// Bytes of a body went by unseen, and perhaps the end of this line.
    pub fn miss(&mut self) {
        let is_secret = matches!(self.state, State::BeforeSecret | State::Secret);
        self.state = match is_secret || self.may_go_on {
            true => State::Secret,
            false => State::Other,
        };
    }
}
