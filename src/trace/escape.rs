//! Makes text from a network safe to show: whatever could steer the terminal, reorder the line or
//! hide in it becomes a visible escape.
//!
//! It stands apart because every reader needs the same rule: the dashboard, the printers and the
//! exported files. The result is for people to read, not for programs to decode: a backslash is
//! left as it is, so `\x1b` may also be four characters that someone really sent.

use std::borrow::Cow;
use std::fmt::Write;

/// Rewrites control and invisible characters and invalid UTF-8 as visible escapes.
///
/// | input | output |
/// |---|---|
/// | tab, line feed, carriage return | `\t` `\n` `\r` |
/// | other ASCII controls, bytes that are not UTF-8 | `\x1b` `\xff` |
/// | C1 controls, line and paragraph separators, format characters (general category Cf: bidirectional controls, zero-width characters, tags), other code points that draw nothing | `\u{202e}` |
///
/// Printable text, including every printable ASCII character, comes back unchanged and uncopied.
/// The variation selectors U+FE0E and U+FE0F stay, since ordinary emoji contain them.
///
/// Bidirectional controls: Unicode Standard Annex 9; code points that draw nothing: the property
/// `Default_Ignorable_Code_Point` of `DerivedCoreProperties.txt`.
#[must_use]
pub fn escape_hostile<T: AsRef<[u8]> + ?Sized>(text: &T) -> Cow<'_, str> {
    let bytes = text.as_ref();
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(is_hostile) => Cow::Borrowed(text),
        _ => Cow::Owned(escape_all(bytes)),
    }
}

fn escape_all(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_visible(&mut out, c);
        }
        for &byte in chunk.invalid() {
            push_hex_byte(&mut out, byte);
        }
    }
    out
}

fn push_visible(out: &mut String, c: char) {
    match c {
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        _ if !is_hostile(c) => out.push(c),
        '\0'..='\x7f' => push_hex_byte(out, c as u8),
        // The same form as Rust's own escapes, and never to be taken for a stray byte.
        _ => out.extend(c.escape_unicode()),
    }
}

fn push_hex_byte(out: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\x{byte:02x}");
}

/// Whether a character can do anything to a line of text but stand in it and be seen.
#[must_use]
pub fn is_hostile(c: char) -> bool {
    // Nearly all text is ASCII, and of ASCII only the controls are hostile.
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || matches!(c,
            // Zl and Zp: line and paragraph separator.
            '\u{2028}' | '\u{2029}'
            // Cf, in the order of UnicodeData.txt (Unicode 16).
            | '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}' | '\u{891}' | '\u{8e2}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            // Default ignorable without being Cf: joiners, fillers, variation selectors, tags.
            | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0d}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_what_could_act_or_hide() {
        let table: &[(&[u8], &str)] = &[
            (b"", ""),
            (b"Ping 17 token~\\ {}", "Ping 17 token~\\ {}"),
            ("Grüße, 世界 👍🏽 ❤️".as_bytes(), "Grüße, 世界 👍🏽 ❤️"),
            (b"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
            (b"\x1b]0;title\x07", "\\x1b]0;title\\x07"),
            (b"a\r\nb\tc\0", "a\\r\\nb\\tc\\x00"),
            (b"\x7f", "\\x7f"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            (b"\x9b31m", "\\x9b31m"),
            ("user\u{202e}txt.exe".as_bytes(), "user\\u{202e}txt.exe"),
            (
                "\u{202a}\u{2066}\u{2069}".as_bytes(),
                "\\u{202a}\\u{2066}\\u{2069}",
            ),
            (
                "\u{200e}\u{200f}\u{61c}".as_bytes(),
                "\\u{200e}\\u{200f}\\u{61c}",
            ),
            (
                "pay\u{200b}pal\u{200d}".as_bytes(),
                "pay\\u{200b}pal\\u{200d}",
            ),
            (
                "\u{2060}\u{feff}\u{ad}".as_bytes(),
                "\\u{2060}\\u{feff}\\u{ad}",
            ),
            ("\u{e0041}\u{e007f}".as_bytes(), "\\u{e0041}\\u{e007f}"),
            ("\u{e0100}\u{fe00}".as_bytes(), "\\u{e0100}\\u{fe00}"),
            (
                "\u{2028}\u{2029}\u{85}".as_bytes(),
                "\\u{2028}\\u{2029}\\u{85}",
            ),
            ("\u{3164}".as_bytes(), "\\u{3164}"),
            // An overlong slash, a lone continuation byte, a cut sequence.
            (b"\xc0\xaf", "\\xc0\\xaf"),
            (b"a\x80b", "a\\x80b"),
            (b"\xe4\xb8", "\\xe4\\xb8"),
        ];
        for (input, expected) in table {
            assert_eq!(escape_hostile(input), *expected, "input {input:x?}");
        }
    }

    #[test]
    fn harmless_text_is_not_copied() {
        assert!(matches!(escape_hostile("PING 3 ok"), Cow::Borrowed(_)));
        assert!(matches!(escape_hostile("回显"), Cow::Borrowed(_)));
        assert!(matches!(escape_hostile("\x1b"), Cow::Owned(_)));
    }

    proptest! {
        #[test]
        fn output_of_any_bytes_is_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let shown = escape_hostile(&bytes);
            prop_assert!(!shown.contains(is_hostile), "{shown:?}");
        }

        #[test]
        fn output_of_any_text_is_harmless_and_stable(text in any::<String>()) {
            let shown = escape_hostile(&text).into_owned();
            prop_assert!(!shown.contains(is_hostile), "{shown:?}");
            prop_assert!(!shown.contains(char::is_control));
            prop_assert_eq!(escape_hostile(&shown), shown.as_str());
        }

        #[test]
        fn printable_ascii_is_unchanged(text in "[ -~]{0,80}") {
            prop_assert_eq!(escape_hostile(&text), text.as_str());
        }
    }
}
