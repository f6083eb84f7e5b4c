//! Which names announce a secret, and the few bytes of a name that are kept while it is read.

/// Bytes of a name that are kept: the last ones, for the word that matters stands at the end (`user[new_password]`).
pub const KEPT: usize = 64;

/// Parts of names that announce a secret, without the signs that join words.
const SECRET: [&[u8]; 7] = [
    b"password",
    b"passwd",
    b"passphrase",
    b"pwd",
    b"secret",
    // Whoever has the token is let in, as with a password (RFC 6750 §1.2, §2.3). Those against forged requests are masked along with them, which
    // costs nothing.
    b"token",
    b"apikey",
];

/// Whether a field of this name holds a secret: a name with `password`, `passwd`, `passphrase`, `pwd`, `secret`, `token` or `api_key` in it, or
/// `pass` alone. Case, signs and the encodings of URLs and of JSON strings do not matter.
pub fn is_secret_name(name: &[u8]) -> bool {
    let mut letters = Vec::with_capacity(name.len().min(KEPT));
    let mut rest = name;
    while let Some((&first, tail)) = rest.split_first() {
        let (byte, used) = match first {
            b'%' => encoded(tail, 2).map_or((first, 0), |byte| (byte, 2)),
            b'\\' => match tail.split_first() {
                Some((b'u', digits)) => encoded(digits, 4).map_or((first, 0), |byte| (byte, 5)),
                _ => (first, 0),
            },
            _ => (first, 0),
        };
        if byte.is_ascii_alphanumeric() {
            letters.push(byte.to_ascii_lowercase());
        }
        rest = &tail[used..];
    }
    letters == b"pass"
        || SECRET
            .iter()
            .any(|word| letters.windows(word.len()).any(|part| part == *word))
}

/// The byte that so many hexadecimal digits stand for.
fn encoded(digits: &[u8], count: usize) -> Option<u8> {
    let digits = std::str::from_utf8(digits.get(..count)?).ok()?;
    u8::from_str_radix(digits, 16).ok()
}

/// A name that is being read.
#[derive(Debug, Clone)]
pub struct Name {
    bytes: [u8; KEPT],
    length: usize,
}

impl Default for Name {
    fn default() -> Self {
        Self {
            bytes: [0; KEPT],
            length: 0,
        }
    }
}

impl Name {
    pub fn clear(&mut self) {
        self.length = 0;
    }

    pub fn push(&mut self, byte: u8) {
        if self.length == KEPT {
            self.bytes.copy_within(KEPT / 2.., 0);
            self.length = KEPT / 2;
        }
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    /// Keeps the first bytes instead of the last.
    pub fn push_if_room(&mut self, byte: u8) {
        if self.length < KEPT {
            self.push(byte);
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    pub fn is_secret(&self) -> bool {
        is_secret_name(self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_announce_a_secret() {
        for name in [
            "password",
            "PASSWORD",
            "user[new-password]",
            "pass%77ord",
            "pass\\u0077ord",
            "passwd",
            "pwd",
            "pass",
            "pass_phrase",
            "client_secret",
            "access_token",
            "csrfToken",
            "X-Api-Key",
        ] {
            assert!(is_secret_name(name.as_bytes()), "{name}");
        }
        for name in [
            "",
            "passenger",
            "compass",
            "user",
            "q",
            "%",
            "%zz",
            "\\u00",
            "tok",
            "pas%73enger",
        ] {
            assert!(!is_secret_name(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn the_end_of_a_long_name_is_kept() {
        let mut name = Name::default();
        for &byte in [b'x'; 1_000].iter().chain(b"password") {
            name.push(byte);
        }
        assert!(name.is_secret());
    }
}
