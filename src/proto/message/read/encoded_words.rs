//! Encoded words in a header on its way in (RFC 2047).
//!
//! It stands apart from the writer because a reader must be patient: words that are too long, characters torn between two words, charsets that nobody
//! knows. What can't be decoded stays as it is.

use mail_parser::decoders::charsets::map::charset_decoder;

use super::cut;
use super::transfer::{base64, quoted_printable};

/// Bytes of a longer encoded word are not looked at. The RFC allows 75.
const LONGEST_WORD: usize = 1024;

/// Text with its encoded words decoded. Blanks between two of them are no part of it (§6.2).
pub(super) fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open = Open::default();
    let mut rest = text;
    while let Some(at) = rest.find("=?") {
        let (before, from) = rest.split_at(at);
        let Some((word, length)) = Word::read(from) else {
            open.close(&mut out);
            out.push_str(before);
            out.push_str("=?");
            rest = &from[2..];
            continue;
        };
        let is_next_to_another = !open.charset.is_empty() && before.trim().is_empty();
        if !is_next_to_another {
            open.close(&mut out);
            out.push_str(before);
        }
        open.push(word, &mut out);
        rest = &from[length..];
    }
    open.close(&mut out);
    out.push_str(rest);
    out
}

/// Charsets whose bytes are UTF-8 if they are valid UTF-8: what says ASCII and is not was most likely meant as it.
const LIKE_UTF8: [&str; 4] = ["utf-8", "utf8", "us-ascii", "ascii"];

fn is_like_utf8(charset: &str) -> bool {
    LIKE_UTF8
        .iter()
        .any(|known| charset.eq_ignore_ascii_case(known))
}

/// Bytes as text. Without a charset, or with one that nobody knows, they are taken for UTF-8.
pub(super) fn charset_text(bytes: &[u8], charset: &str) -> String {
    if (charset.is_empty() || is_like_utf8(charset))
        && let Ok(text) = str::from_utf8(bytes)
    {
        return text.to_owned();
    }
    match charset_decoder(charset.as_bytes()) {
        Some(decoder) if !charset.is_empty() => decoder(bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Whether bytes of this charset can be told.
pub(super) fn is_known_charset(charset: &str) -> bool {
    is_like_utf8(charset) || (!charset.is_empty() && charset_decoder(charset.as_bytes()).is_some())
}

/// One encoded word.
struct Word<'a> {
    charset: &'a str,
    bytes: Vec<u8>,
}

impl<'a> Word<'a> {
    /// The word that this text begins with, and its length.
    fn read(text: &'a str) -> Option<(Self, usize)> {
        let window = cut(text, LONGEST_WORD);
        let (charset, rest) = window.strip_prefix("=?")?.split_once('?')?;
        let (encoding, rest) = rest.split_once('?')?;
        let (payload, _) = rest.split_once("?=")?;
        // A language may stand behind the charset (RFC 2231 §5).
        let name = charset.split('*').next()?;
        if charset.contains(' ') || !is_known_charset(name) {
            return None;
        }
        let bytes = match encoding {
            "B" | "b" => base64(payload.as_bytes()).0,
            "Q" | "q" => quoted_printable(payload.replace('_', " ").as_bytes()).0,
            _ => return None,
        };
        let length = "=????=".len() + charset.len() + encoding.len() + payload.len();
        Some((
            Self {
                charset: name,
                bytes,
            },
            length,
        ))
    }
}

/// Words of one charset in a row: a character may be torn between two of them.
#[derive(Default)]
struct Open<'a> {
    charset: &'a str,
    bytes: Vec<u8>,
}

impl<'a> Open<'a> {
    fn push(&mut self, word: Word<'a>, out: &mut String) {
        if !self.charset.eq_ignore_ascii_case(word.charset) {
            self.close(out);
        }
        self.charset = word.charset;
        self.bytes.extend_from_slice(&word.bytes);
    }

    fn close(&mut self, out: &mut String) {
        out.push_str(&charset_text(&self.bytes, self.charset));
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples_of_rfc_2047() {
        let table = [
            (
                "=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>",
                "Keith Moore <moore@cs.utk.edu>",
            ),
            (
                "=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>",
                "Keld Jørn Simonsen <keld@dkuug.dk>",
            ),
            ("=?ISO-8859-1?Q?Andr=E9?= Pirard", "André Pirard"),
            (
                "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?= =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
                "If you can read this you understand the example.",
            ),
            ("(=?ISO-8859-1?Q?a?=)", "(a)"),
            ("(=?ISO-8859-1?Q?a?= b)", "(a b)"),
            ("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
            ("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
            ("(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
            ("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        ];
        for (text, expected) in table {
            assert_eq!(decoded(text), expected, "{text}");
        }
    }

    #[test]
    fn what_others_write_is_read_too() {
        let table = [
            ("Hello", "Hello"),
            ("你好 =?utf-8?B?5LiW55WM?=", "你好 世界"),
            // A character torn between two words, as some programs do it.
            ("=?UTF-8?B?5Lg=?= =?utf-8?B?lueVjA==?=", "世界"),
            ("=?utf-8?Q?=E4=B8?= =?utf-8?Q?=96?=", "世"),
            ("=?gb2312?B?xOO6ww==?=", "你好"),
            ("=?GB18030?Q?=C4=E3=BA=C3?=", "你好"),
            ("=?big5?B?p0GmbqFB?=", "你好，"),
            // A language, an unknown charset, an unknown encoding, an end that never comes.
            ("=?us-ascii*en?Q?a?=", "a"),
            ("=?x-nobody?Q?a?=", "=?x-nobody?Q?a?="),
            ("=?utf-8?X?a?=", "=?utf-8?X?a?="),
            ("=?utf-8?Q?a", "=?utf-8?Q?a"),
            ("=?=?utf-8?Q?a?=", "=?a"),
            ("=?utf-8?Q?bad=zz?=", "bad=zz"),
        ];
        for (text, expected) in table {
            assert_eq!(decoded(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn anything_can_be_read(
            text in r"(=\?|\?=|\?|utf-8|utf-7|utf-16|gbk|iso-2022-jp|[QqBb]|=[0-9a-fF]{2}|\PC| ){0,60}",
        ) {
            prop_assert!(decoded(&text).len() <= 16 + 6 * text.len());
        }

        #[test]
        fn every_charset_reads_every_byte(
            charset in prop::sample::select(vec!["utf-7", "utf-8", "utf-16", "utf-16le", "utf-16be", "gbk", "gb18030", "big5", "shift_jis",
                "iso-2022-jp", "iso-8859-1", "koi8-r", "windows-1252", "macintosh", "ibm850", "tis-620", "euc-kr", "nonsense", ""]),
            bytes in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            prop_assert!(charset_text(&bytes, charset).len() <= 16 + 6 * bytes.len());
        }
    }
}
