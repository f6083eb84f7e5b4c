//! The reader of forms in parts (`multipart/form-data`, RFC 7578), which looks for parts with a secret name.
//!
//! It does not ask what the head of the message said: lines that look like the beginning of a part are read as one wherever they stand. What
//! ends a secret part is the line that began it.

use super::name::is_secret_name;

/// Bytes of a delimiter that are kept: two hyphens and all that a boundary may have (RFC 2046 §5.1.1).
const DELIMITER: usize = 72;
/// Bytes of a field of a part's head that are kept. What a longer one says of a part is not known, so the part is secret.
const FIELD: usize = 512;

/// Where the reader stands.
#[derive(Debug, Clone, Default)]
pub struct Multipart {
    state: State,
    /// Of the line that is read, as far as it matters.
    line: Vec<u8>,
    /// The line that began the part.
    delimiter: Vec<u8>,
    /// The field of the part's head that is read, with the lines that it goes on in.
    field: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// At the beginning of a line outside the head of a part.
    #[default]
    Start,
    /// Nothing that comes on this line matters.
    Other,
    /// In a line that begins with a hyphen.
    Delimiter,
    /// In the head of a part.
    Head { is_secret: bool },
    /// In the content of a secret part. So many bytes of this line are those of the delimiter, and none is anything else.
    Secret { matched: Option<usize> },
}

impl Multipart {
    /// Takes the next byte and says whether it is secret.
    pub fn step(&mut self, byte: u8) -> bool {
        match byte {
            b'\n' => {
                self.state = self.end();
                self.line.clear();
                false
            }
            b'\r' => false,
            _ => {
                let (state, is_secret) = self.inner(byte);
                self.state = state;
                is_secret
            }
        }
    }

    fn inner(&mut self, byte: u8) -> (State, bool) {
        let state = match self.state {
            State::Start if byte == b'-' => self.keep(byte, DELIMITER, State::Delimiter),
            State::Start | State::Other => State::Other,
            State::Delimiter if self.line == b"-" && byte != b'-' => State::Other,
            State::Delimiter => self.keep(byte, DELIMITER, State::Delimiter),
            State::Head { .. } => self.keep(byte, FIELD, self.state),
            State::Secret { matched } => return self.secret(byte, matched),
        };
        (state, false)
    }

    fn keep(&mut self, byte: u8, most: usize, state: State) -> State {
        if self.line.len() < most {
            self.line.push(byte);
        }
        state
    }

    fn secret(&self, byte: u8, matched: Option<usize>) -> (State, bool) {
        let matched = matched.filter(|&matched| {
            let expected = self.delimiter.get(matched);
            expected.is_none_or(|&expected| expected == byte)
        });
        let next = matched.map(|matched| self.delimiter.len().min(matched + 1));
        (State::Secret { matched: next }, next.is_none())
    }

    /// Where the end of a line leads.
    fn end(&mut self) -> State {
        match self.state {
            State::Start | State::Other => State::Start,
            State::Delimiter => self.begin_part(),
            State::Head { .. } if self.line.starts_with(b"--") => self.begin_part(),
            // No delimiter can stand here: a line end comes before each.
            State::Head { is_secret: true } if self.line.is_empty() => {
                State::Secret { matched: None }
            }
            State::Head { is_secret: false } if self.line.is_empty() => State::Start,
            State::Head { is_secret } => {
                let goes_on = self.line.first().is_some_and(u8::is_ascii_whitespace);
                if !goes_on {
                    self.field.clear();
                }
                self.field.extend_from_slice(&self.line);
                let is_secret = is_secret || names_secret(&self.field);
                self.field.truncate(FIELD);
                State::Head { is_secret }
            }
            State::Secret { matched } if matched == Some(self.delimiter.len()) => {
                State::Head { is_secret: false }
            }
            State::Secret { .. } => State::Secret { matched: Some(0) },
        }
    }

    fn begin_part(&mut self) -> State {
        self.line.truncate(DELIMITER);
        let delimiter = self.line.trim_ascii_end();
        // Two hyphens alone begin no part.
        if delimiter.len() <= 2 {
            return State::Start;
        }
        self.delimiter = delimiter.to_vec();
        self.field.clear();
        State::Head { is_secret: false }
    }

    /// Whether it needs to see nothing but the next line end.
    pub fn is_idle(&self) -> bool {
        self.state == State::Other
    }
}

/// Whether this field of a head says that the part has a secret name, or might say so.
fn names_secret(field: &[u8]) -> bool {
    let Some(colon) = field.iter().position(|&byte| byte == b':') else {
        return false;
    };
    let (name, value) = (field[..colon].trim_ascii(), &field[colon + 1..]);
    name.eq_ignore_ascii_case(b"content-disposition")
        && (field.len() >= FIELD || parameters(value).any(is_secret_parameter))
}

/// What stands between semicolons outside of quotation marks.
fn parameters(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    value.split(move |&byte| {
        is_quoted ^= byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && is_quoted && !is_escaped;
        byte == b';' && !is_quoted
    })
}

/// Whether a parameter is the name of the part, and a secret's. It may be written as `name*=utf-8''…` (RFC 8187).
fn is_secret_parameter(parameter: &[u8]) -> bool {
    let Some(equals) = parameter.iter().position(|&byte| byte == b'=') else {
        return false;
    };
    let (name, value) = (parameter[..equals].trim_ascii(), &parameter[equals + 1..]);
    let (name, value) = match name.strip_suffix(b"*") {
        Some(name) => (name, behind_last_quote(value)),
        None => (name, value),
    };
    name.eq_ignore_ascii_case(b"name") && is_secret_name(value)
}

fn behind_last_quote(value: &[u8]) -> &[u8] {
    let quote = value.iter().rposition(|&byte| byte == b'\'');
    quote.map_or(value, |quote| &value[quote + 1..])
}
