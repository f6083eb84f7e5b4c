//! What the base64 of a login says: it is encoded, not encrypted, and everybody on the way reads it as easily as this.

use crate::proto::secret::Line;
use crate::proto::smtp::sasl::{self, Plain};
use crate::trace::escape::escape_hostile;

/// A line of AUTH, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoded {
    /// It holds a secret that is not to be seen now.
    Hidden,
    /// Base64, and what it stands for, escaped.
    Text(String),
    /// The answer of CRAM-MD5: a user and a digest. The password does not cross the wire.
    Digest(String),
}

/// What a client's line of AUTH says; `None` where there is nothing encoded in it.
pub fn command(line: &Line, revealed: bool) -> Option<Encoded> {
    if line.secret.is_some() && !revealed {
        return Some(Encoded::Hidden);
    }
    let bytes = line.bytes();
    let mut words = bytes.split(|byte| *byte == b' ');
    let first = words.next()?;
    let answer = if first.eq_ignore_ascii_case(b"AUTH") {
        words.nth(1)?
    } else {
        bytes
    };
    decoded(answer)
}

/// What a server's challenge says.
pub fn challenge(line: &[u8]) -> Option<Encoded> {
    decoded(line)
}

fn decoded(text: &[u8]) -> Option<Encoded> {
    if text.is_empty() {
        return None;
    }
    let bytes = sasl::decode(text)?;
    if let Some((user, digest)) = sasl::split_cram_md5(&bytes) {
        return Some(Encoded::Digest(format!(
            "{} {digest}",
            escape_hostile(user)
        )));
    }
    let shown = match Plain::read(&bytes) {
        // The zero bytes between its parts are easier to read so.
        Some(plain) => format!(
            "{}\\0{}\\0{}",
            escape_hostile(&plain.on_behalf),
            escape_hostile(&plain.user),
            escape_hostile(plain.password.reveal())
        ),
        None => escape_hostile(bytes.as_slice()).into_owned(),
    };
    Some(Encoded::Text(shown))
}
