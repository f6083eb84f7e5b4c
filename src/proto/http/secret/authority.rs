//! The reader of passwords in the authority of a URL, as in `http://bob:password@example.org/` (RFC 3986 §3.2.1), wherever the URL stands.
//!
//! It is the one reader that looks ahead: only the `@` tells a password from a port. Where the bytes end before that is known, what came and what
//! follows is secret up to the end of the authority.

/// Where the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Authority(State);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Outside,
    /// Behind the colon of a scheme.
    Colon,
    /// Behind one slash.
    Slash,
    /// In an authority, before any colon.
    Inside,
    /// So many bytes of a password are to come.
    Password(usize),
    /// In what may be a password.
    InDoubt,
}

/// Whether an authority ends before this byte: at a path, a query or a fragment, or where a URL can't go on.
fn is_end(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b"/?#\"<>\\".contains(&byte)
}

impl Authority {
    /// Takes the first of these bytes, behind which no byte of a coding stands, and says whether it is secret.
    pub fn step(&mut self, bytes: &[u8]) -> bool {
        let Some((&byte, rest)) = bytes.split_first() else {
            return false;
        };
        let (state, is_secret) = match (self.0, byte) {
            (State::Password(left), _) => match left {
                0 | 1 => (State::Outside, true),
                _ => (State::Password(left - 1), true),
            },
            (State::Colon, b'/') => (State::Slash, false),
            (State::Slash, b'/') => (State::Inside, false),
            (State::Inside, b':') => (password(rest), false),
            (State::Inside, _) if !is_end(byte) => (State::Inside, false),
            (State::InDoubt, _) if !is_end(byte) => (State::InDoubt, true),
            (_, b':') => (State::Colon, false),
            _ => (State::Outside, false),
        };
        self.0 = state;
        is_secret
    }

    /// Some bytes went by unseen.
    pub fn miss(&mut self) {
        if self.0 != State::Outside {
            self.0 = State::InDoubt;
        }
    }

    /// Whether it needs to see nothing but the next colon.
    pub fn is_idle(self) -> bool {
        self.0 == State::Outside
    }
}

/// What stands behind the colon of an authority: a password up to the last `@`, or a port.
fn password(rest: &[u8]) -> State {
    let Some(end) = rest.iter().position(|&byte| is_end(byte)) else {
        return State::InDoubt;
    };
    match rest[..end].iter().rposition(|&byte| byte == b'@') {
        None => State::Colon,
        Some(0) => State::Outside,
        Some(length) => State::Password(length),
    }
}

/// Whether the reader might find a password in the authority that begins behind a colon and these bytes.
pub fn may_hold_password(behind: &[u8]) -> bool {
    let Some(authority) = behind.strip_prefix(b"//") else {
        return false;
    };
    let end = authority.iter().position(|&byte| is_end(byte));
    end.is_none_or(|end| authority[..end].contains(&b'@'))
}
