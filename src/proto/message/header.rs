//! One line of a header on its way out: folded (RFC 5322 §2.2.3), and text that is not plain ASCII as encoded words (RFC 2047).
//!
//! It stands apart because both the messages that we compose and the trace lines of the lab server are written with it, and because a header line is the
//! place where an injected line end would do its harm: none that goes in here comes out.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::draft::is_control;

/// Lines are folded before they grow longer, where there is a blank to fold at. Encoded words demand it (RFC 2047 §2), others profit.
const FOLD_AT: usize = 76;

/// The longest encoded word (RFC 2047 §2).
const LONGEST_WORD: usize = 75;

/// `=?utf-8?B?` and `?=`.
const WORD_FRAME: usize = 12;

/// The longest piece of plain text: behind the longest field name of ours it still fits on a line.
const LONGEST_PIECE: usize = 60;

/// The longest section of a parameter (RFC 2231 §3): with its name, number and charset it fits on a line.
const LONGEST_SECTION: usize = 48;

/// Room for the widest character (12 in Q): with less left on a line, the next one begins.
const LEAST_ROOM: usize = 16;

/// A header line that is being written.
pub(super) struct HeaderLine<'a> {
    out: &'a mut Vec<u8>,
    /// Bytes of the current line.
    column: usize,
    /// The current line has its first atom: there may be a fold before the next one.
    begun: bool,
}

impl<'a> HeaderLine<'a> {
    pub(super) fn begin(name: &str, out: &'a mut Vec<u8>) -> Self {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        Self {
            out,
            column: name.len() + 1,
            begun: false,
        }
    }

    /// Ends the line.
    pub(super) fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }

    /// A blank and a text that stays in one piece.
    pub(super) fn raw(mut self, atom: &str) -> Self {
        self.put(" ", atom);
        self
    }

    /// Unstructured text, such as a subject (RFC 5322 §2.2.1).
    pub(super) fn text(mut self, text: &str) -> Self {
        let text = tamed(text);
        if is_plain(&text) && pieces(&text).all(|piece| piece.len() <= LONGEST_PIECE) {
            for piece in pieces(&text) {
                let word = piece.trim_start_matches(' ');
                let blanks = &piece[..piece.len() - word.len()];
                self.put(if blanks.is_empty() { " " } else { blanks }, word);
            }
        } else {
            self.encoded(&text);
        }
        self
    }

    /// A name before an address (RFC 5322 §3.2.5): bare words, a quoted string, or encoded words.
    pub(super) fn phrase(mut self, name: &str) -> Self {
        let name = tamed(name);
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        if !is_plain(&name) || quoted.len() + 2 > LONGEST_PIECE {
            self.encoded(&name);
        } else if name.split(' ').all(is_atom) {
            self.put(" ", &name);
        } else {
            self.put(" ", &format!("\"{quoted}\""));
        }
        self
    }

    /// A parameter (RFC 2045 §5.1) behind a semicolon: in quotes where that is enough, else percent-encoded and in sections (RFC 2231).
    pub(super) fn parameter(mut self, name: &str, value: &str) -> Self {
        self.semicolon();
        let value = tamed(value);
        if is_plain(&value) && !value.contains(['"', '\\']) && value.len() <= LONGEST_PIECE {
            self.put(" ", &format!("{name}=\"{value}\""));
            return self;
        }
        let mut sections = vec![String::new()];
        for c in value.chars() {
            let encoded = percent_encoded(c);
            match sections.last_mut() {
                Some(last) if last.len() + encoded.len() <= LONGEST_SECTION => {
                    last.push_str(&encoded)
                }
                _ => sections.push(encoded),
            }
        }
        let several = sections.len() > 1;
        for (index, section) in sections.iter().enumerate() {
            let number = if several {
                format!("*{index}")
            } else {
                String::new()
            };
            let charset = if index == 0 { "UTF-8''" } else { "" };
            if index > 0 {
                self.semicolon();
            }
            self.put(" ", &format!("{name}{number}*={charset}{section}"));
        }
        self
    }

    /// Encoded words (RFC 2047), each of whole characters: in B or in Q, whichever is shorter.
    fn encoded(&mut self, text: &str) {
        let q = text.chars().map(q_length).sum::<usize>() < text.len().div_ceil(3) * 4;
        let mut rest = text;
        while !rest.is_empty() {
            let room = match FOLD_AT.saturating_sub(self.column + 1 + WORD_FRAME) {
                left if left >= LEAST_ROOM => left.min(LONGEST_WORD - WORD_FRAME),
                _ => LONGEST_WORD - WORD_FRAME,
            };
            let mut used = 0;
            let is_too_much = |c: char| {
                used += if q { q_length(c) } else { c.len_utf8() };
                let length = if q { used } else { used.div_ceil(3) * 4 };
                length > room
            };
            let (part, after) = rest.split_at(rest.find(is_too_much).unwrap_or(rest.len()));
            rest = after;
            let word = if q {
                format!("=?utf-8?Q?{}?=", q_encoded(part))
            } else {
                format!("=?utf-8?B?{}?=", STANDARD.encode(part))
            };
            self.put(" ", &word);
        }
    }

    fn semicolon(&mut self) {
        self.out.push(b';');
        self.column += 1;
    }

    /// Writes an atom behind blanks, on the next line if it does not fit on this one.
    fn put(&mut self, blanks: &str, atom: &str) {
        if self.begun && self.column + blanks.len() + atom.len() > FOLD_AT {
            self.out.extend_from_slice(b"\r\n");
            self.column = 0;
        }
        self.out.extend_from_slice(blanks.as_bytes());
        // The last gate: fields are checked long before.
        self.out.extend_from_slice(tamed(atom).as_bytes());
        self.column += blanks.len() + atom.len();
        self.begun = true;
    }
}

/// Whether text can go as it is, where it can be folded: ASCII that no reader takes for encoded words.
fn is_plain(text: &str) -> bool {
    text.is_ascii() && !text.contains("=?")
}

/// Words, each with the blanks before it: they stay together, so that the blanks outlive the fold.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let blanks = rest.len() - rest.trim_start_matches(' ').len();
        let word = rest[blanks..].find(' ').unwrap_or(rest.len() - blanks);
        let (piece, after) = rest.split_at(blanks + word);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Text without control characters: a blank stands in place of each.
fn tamed(text: &str) -> Cow<'_, str> {
    if text.contains(is_control) {
        text.replace(is_control, " ").into()
    } else {
        text.into()
    }
}

/// RFC 5322 §3.2.3.
fn is_atom(word: &str) -> bool {
    let is_atext =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    !word.is_empty() && word.bytes().all(is_atext)
}

/// What stands for itself in a Q word, also before an address (RFC 2047 §5).
fn stands_for_itself(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!*+-/".contains(&byte)
}

/// Bytes of a character in a Q word.
fn q_length(c: char) -> usize {
    let mut buffer = [0; 4];
    c.encode_utf8(&mut buffer)
        .bytes()
        .map(|byte| {
            if byte == b' ' || stands_for_itself(byte) {
                1
            } else {
                3
            }
        })
        .sum()
}

fn q_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('_'),
            byte if stands_for_itself(byte) => out.push(char::from(byte)),
            byte => push_hex('=', byte, &mut out),
        }
    }
    out
}

/// A character as in the value of a parameter (RFC 2231 §7).
fn percent_encoded(c: char) -> String {
    let mut buffer = [0; 4];
    let mut out = String::new();
    for &byte in c.encode_utf8(&mut buffer).as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            out.push(char::from(byte));
        } else {
            push_hex('%', byte, &mut out);
        }
    }
    out
}

fn push_hex(sign: char, byte: u8, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    out.extend([sign, digit(byte >> 4), digit(byte)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(write: impl FnOnce(HeaderLine<'_>) -> HeaderLine<'_>) -> String {
        let mut out = Vec::new();
        write(HeaderLine::begin("Subject", &mut out)).end();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_plain_where_it_can_be() {
        let table = [
            ("", "Subject:\r\n"),
            ("Hello", "Subject: Hello\r\n"),
            ("Two  blanks. = ?", "Subject: Two  blanks. = ?\r\n"),
            // The words of RFC 2047 §8, but in UTF-8.
            (
                "Keld J\u{f8}rn Simonsen",
                "Subject: =?utf-8?Q?Keld_J=C3=B8rn_Simonsen?=\r\n",
            ),
            ("\u{4f60}\u{597d}", "Subject: =?utf-8?B?5L2g5aW9?=\r\n"),
            (
                "=?utf-8?q?x?=",
                "Subject: =?utf-8?B?PT91dGYtOD9xP3g/PQ==?=\r\n",
            ),
            ("a\r\nBcc: b", "Subject: a  Bcc: b\r\n"),
        ];
        for (text, expected) in table {
            assert_eq!(line(|header| header.text(text)), expected, "{text:?}");
        }
    }

    #[test]
    fn long_text_is_folded_and_keeps_its_blanks() {
        let text = "word  ".repeat(40);
        let folded = line(|header| header.text(text.trim_end()));
        assert!(folded.lines().count() > 3);
        assert!(folded.lines().all(|line| line.len() <= FOLD_AT), "{folded}");
        assert_eq!(
            folded.replace("\r\n", ""),
            format!("Subject: {}", text.trim_end())
        );

        for text in [
            "\u{4f60}\u{597d}\u{ff0c}".repeat(60),
            "x".repeat(300),
            "\u{f8} x".repeat(90),
        ] {
            let folded = line(|header| header.text(&text));
            assert!(folded.lines().count() > 3);
            for line in folded.lines() {
                assert!(line.len() <= FOLD_AT, "{line}");
                let word = line.trim_start_matches("Subject:").trim_start();
                assert!(
                    word.starts_with("=?utf-8?") && word.ends_with("?="),
                    "{line}"
                );
            }
        }
    }

    #[test]
    fn names_are_bare_quoted_or_encoded() {
        let table = [
            ("Jane", "Subject: Jane\r\n"),
            ("Jane Doe", "Subject: Jane Doe\r\n"),
            ("Jane Q. Doe", "Subject: \"Jane Q. Doe\"\r\n"),
            ("Doe, \"J\" \\", "Subject: \"Doe, \\\"J\\\" \\\\\"\r\n"),
            ("\u{5f20}\u{4e09}", "Subject: =?utf-8?B?5byg5LiJ?=\r\n"),
            ("a=?b", "Subject: =?utf-8?B?YT0/Yg==?=\r\n"),
        ];
        for (name, expected) in table {
            assert_eq!(line(|header| header.phrase(name)), expected, "{name:?}");
        }
    }

    #[test]
    fn parameters_are_quoted_or_percent_encoded() {
        let long = format!("{}.pdf", "\u{62a5}".repeat(12));
        let sections = "Subject: a; f*0*=UTF-8''%E6%8A%A5%E6%8A%A5%E6%8A%A5%E6%8A%A5%E6%8A%A5;\r\n \
             f*1*=%E6%8A%A5%E6%8A%A5%E6%8A%A5%E6%8A%A5%E6%8A%A5;\r\n \
             f*2*=%E6%8A%A5%E6%8A%A5.pdf\r\n";
        let table = [
            ("a b.txt", "Subject: a; f=\"a b.txt\"\r\n"),
            // The value of RFC 2231 §4, but in UTF-8 and without a language.
            (
                "This is ***fun***",
                "Subject: a; f=\"This is ***fun***\"\r\n",
            ),
            ("\u{62a5}", "Subject: a; f*=UTF-8''%E6%8A%A5\r\n"),
            ("\"x\".txt", "Subject: a; f*=UTF-8''%22x%22.txt\r\n"),
            (
                "=?utf-8?q?x?=",
                "Subject: a; f*=UTF-8''%3D%3Futf-8%3Fq%3Fx%3F%3D\r\n",
            ),
            (&long, sections),
        ];
        for (value, expected) in table {
            let line = line(|header| header.raw("a").parameter("f", value));
            assert_eq!(line, expected);
            assert!(line.lines().all(|line| line.len() <= FOLD_AT));
        }
    }
}
