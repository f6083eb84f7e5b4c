//! Lines that a person types into a session: which command they are, and what of them may be shown.
//!
//! They go out as they stand, so the one thing that is asked of them is that they are one line.

use crate::proto::secret::{Line, MASK};
use crate::proto::smtp::sasl::Mechanism;
use crate::proto::smtp::stage::Stage;

/// Bytes of a line that a person may send: far more than any limit of a server, so that limits can be tried out.
pub const LONGEST: usize = 64 * 1024;

/// Whether these bytes are one line: no CR, LF or NUL in it, and not endless.
pub(super) fn is_line(line: &[u8]) -> bool {
    line.len() <= LONGEST && !line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

/// The command that a line begins with.
pub(super) fn stage(line: &[u8]) -> Stage {
    const VERBS: [(&str, Stage); 15] = [
        ("EHLO", Stage::Ehlo),
        ("HELO", Stage::Helo),
        ("STARTTLS", Stage::StartTls),
        ("AUTH", Stage::Auth),
        ("MAIL", Stage::Mail),
        ("RCPT", Stage::Rcpt),
        ("DATA", Stage::Data),
        ("BDAT", Stage::Bdat),
        ("RSET", Stage::Rset),
        ("NOOP", Stage::Noop),
        ("VRFY", Stage::Vrfy),
        ("EXPN", Stage::Expn),
        ("HELP", Stage::Help),
        ("QUIT", Stage::Quit),
        (".", Stage::Dot),
    ];
    let verb = words(line).next().unwrap_or_default();
    VERBS
        .into_iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(verb))
        .map_or(Stage::Other, |(_, stage)| stage)
}

/// The mechanism that an AUTH line names.
pub(super) fn mechanism(line: &[u8]) -> Option<Mechanism> {
    let mut words = words(line);
    let verb = words.next()?;
    let keyword = std::str::from_utf8(words.next()?).ok()?;
    Mechanism::from_keyword(keyword).filter(|_| verb.eq_ignore_ascii_case(b"AUTH"))
}

/// The line as it is shown: an initial response of AUTH holds a secret (RFC 4954 §4).
pub(super) fn line(bytes: &[u8]) -> Line {
    let mut words = words(bytes);
    let (verb, mechanism, response) = (words.next(), words.next(), words.next());
    match (verb, mechanism, response) {
        (Some(verb), Some(mechanism), Some(_)) if verb.eq_ignore_ascii_case(b"AUTH") => {
            let shown = [verb, b" ", mechanism, b" ", MASK.as_bytes()].concat();
            Line::masked(&shown, bytes)
        }
        _ => Line::open(bytes),
    }
}

/// An answer to a challenge: nobody knows whether it is the user or the password.
pub(super) fn answer(bytes: &[u8]) -> Line {
    if bytes.is_empty() || bytes == b"*" {
        Line::open(bytes)
    } else {
        Line::masked(MASK.as_bytes(), bytes)
    }
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verb_tells_the_stage_in_any_case() {
        for (line, expected) in [
            (&b"rcpt to:<a@b>"[..], Stage::Rcpt),
            (b"EHLO", Stage::Ehlo),
            (b"  Quit ", Stage::Quit),
            (b".", Stage::Dot),
            (b"MAILX", Stage::Other),
            (b"", Stage::Other),
            (b"\xff", Stage::Other),
        ] {
            assert_eq!(stage(line), expected);
        }
    }

    #[test]
    fn a_response_typed_after_auth_is_masked() {
        let typed = line(b"auth plain AHRpbQBzZWNyZXQ=");
        assert_eq!(&*typed.shown, b"auth plain ********");
        assert_eq!(typed.bytes(), b"auth plain AHRpbQBzZWNyZXQ=");
        assert_eq!(line(b"AUTH LOGIN").secret, None);
        assert_eq!(line(b"NOOP a b").secret, None);
        assert_eq!(&*answer(b"c2VjcmV0").shown, MASK.as_bytes());
        assert_eq!(answer(b"*").secret, None);
    }

    #[test]
    fn a_line_is_one_line() {
        assert!(is_line(b"") && is_line(b"NOOP \xff\x1b"));
        for wrong in [&b"NOOP\r\nQUIT"[..], b"a\n", b"a\0", &[b'a'; LONGEST + 1]] {
            assert!(!is_line(wrong));
        }
    }
}
