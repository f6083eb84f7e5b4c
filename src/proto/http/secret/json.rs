//! The reader of JSON (RFC 8259) that looks for members with a secret name: strings are told from what stands between them, nothing more.

use super::name::Name;

/// Where the reader stands.
#[derive(Debug, Clone, Default)]
pub struct Json {
    name: Name,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Between,
    String {
        escaped: bool,
    },
    /// Behind a string that is a secret name, if a colon follows.
    BehindName,
    BeforeValue,
    InString {
        escaped: bool,
    },
    /// A number or a word.
    InLiteral,
    /// Inside an array or an object.
    Inside {
        depth: u32,
        string: Option<Escaped>,
    },
}

/// Whether a backslash stands before the next byte of a string.
type Escaped = bool;

impl Json {
    /// Takes the next byte and says whether it is secret.
    pub fn step(&mut self, byte: u8) -> bool {
        let (state, is_secret) = match self.state {
            State::Between => (self.between(byte), false),
            State::String { escaped } => (self.string(byte, escaped), false),
            State::BehindName => match byte {
                b':' => (State::BeforeValue, false),
                _ if byte.is_ascii_whitespace() => (State::BehindName, false),
                _ => (self.between(byte), false),
            },
            State::BeforeValue => match byte {
                b'"' => (State::InString { escaped: false }, false),
                b'[' | b'{' => (
                    State::Inside {
                        depth: 1,
                        string: None,
                    },
                    false,
                ),
                b',' | b'}' | b']' => (State::Between, false),
                _ if byte.is_ascii_whitespace() => (State::BeforeValue, false),
                _ => (State::InLiteral, true),
            },
            State::InString { escaped } => match byte {
                b'"' if !escaped => (State::Between, false),
                _ => (
                    State::InString {
                        escaped: byte == b'\\' && !escaped,
                    },
                    true,
                ),
            },
            State::InLiteral => match byte {
                b',' | b'}' | b']' => (State::Between, false),
                _ if byte.is_ascii_whitespace() => (State::Between, false),
                _ => (State::InLiteral, true),
            },
            State::Inside { depth, string } => inside(byte, depth, string),
        };
        self.state = state;
        is_secret
    }

    fn between(&mut self, byte: u8) -> State {
        if byte != b'"' {
            return State::Between;
        }
        self.name.clear();
        State::String { escaped: false }
    }

    fn string(&mut self, byte: u8, escaped: bool) -> State {
        match byte {
            b'"' if !escaped && self.name.is_secret() => State::BehindName,
            b'"' if !escaped => State::Between,
            // No string of JSON holds one: what looked like its beginning was a sign in some text.
            b'\n' => State::Between,
            _ => {
                self.name.push(byte);
                State::String {
                    escaped: byte == b'\\' && !escaped,
                }
            }
        }
    }

    /// Whether it needs to see nothing but the next quotation mark.
    pub fn is_idle(&self) -> bool {
        self.state == State::Between
    }
}

/// Inside the value of a secret name that has parts.
fn inside(byte: u8, depth: u32, string: Option<Escaped>) -> (State, bool) {
    let (depth, string) = match (string, byte) {
        (Some(false), b'"') => (depth, None),
        (Some(escaped), _) => (depth, Some(byte == b'\\' && !escaped)),
        (None, b'"') => (depth, Some(false)),
        (None, b'[' | b'{') => (depth.saturating_add(1), None),
        (None, b']' | b'}') => (depth - 1, None),
        (None, _) => (depth, None),
    };
    match depth {
        0 => (State::Between, false),
        _ => (State::Inside { depth, string }, true),
    }
}
