//! Transfer encodings on their way in (RFC 2045 §6), patient with what is wrong: characters that have no place are passed over (base64) or stay
//! (quoted-printable), and it is told that they were there.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;

/// Content-Transfer-Encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// Said, or nothing said.
    SevenBit,
    EightBit,
    Binary,
    QuotedPrintable,
    Base64,
    /// One that nobody knows: the bytes stay as they are.
    Unknown,
}

impl Transfer {
    /// By the value of the field, without blanks.
    pub(super) fn from_name(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "" | "7bit" => Transfer::SevenBit,
            "8bit" => Transfer::EightBit,
            "binary" => Transfer::Binary,
            "quoted-printable" => Transfer::QuotedPrintable,
            "base64" => Transfer::Base64,
            _ => Transfer::Unknown,
        }
    }

    /// Its name in the field.
    pub fn name(self) -> &'static str {
        match self {
            Transfer::SevenBit => "7bit",
            Transfer::EightBit => "8bit",
            Transfer::Binary => "binary",
            Transfer::QuotedPrintable => "quoted-printable",
            Transfer::Base64 => "base64",
            Transfer::Unknown => "?",
        }
    }

    /// The bytes themselves, and whether the encoding was clean.
    pub(super) fn decode(self, bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
        let (decoded, clean) = match self {
            Transfer::QuotedPrintable => quoted_printable(bytes),
            Transfer::Base64 => base64(bytes),
            _ => return (bytes.into(), true),
        };
        (decoded.into(), clean)
    }
}

/// Base64 without the characters that are none of its alphabet (RFC 2045 §6.8), and whether there were no such but line ends and blanks.
pub(super) fn base64(bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut clean = true;
    let mut digits = Vec::with_capacity(bytes.len() + 2);
    // Digits of the group that is open; padding ends it, and another piece of base64 may follow.
    let mut open = 0;
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => {
                open += 1;
                digits.push(byte);
            }
            b'=' => {
                open = 0;
                digits.push(byte);
            }
            b'\r' | b'\n' | b' ' | b'\t' => {}
            _ => clean = false,
        }
    }
    match open % 4 {
        0 => {}
        // One digit is no byte.
        1 => {
            clean = false;
            digits.pop();
        }
        _ => digits.push(b'='),
    }
    match base64_decode(&digits) {
        Some(decoded) => (decoded, clean),
        None => (Vec::new(), false),
    }
}

/// Quoted-printable (RFC 2045 §6.7), and whether every `=` in it had a meaning.
pub(super) fn quoted_printable(bytes: &[u8]) -> (Vec<u8>, bool) {
    let digit = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut clean = true;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        let end = &line[content.len()..];
        // Blanks at the end of a line were added on the way.
        let content = if end.is_empty() {
            content
        } else {
            content.trim_ascii_end()
        };
        let soft = content.strip_suffix(b"=");
        let mut rest = soft.unwrap_or(content);
        while let Some(at) = rest.iter().position(|&byte| byte == b'=') {
            out.extend_from_slice(&rest[..at]);
            rest = &rest[at..];
            match (digit(rest.get(1)), digit(rest.get(2))) {
                (Some(high), Some(low)) => {
                    out.push((high * 16 + low) as u8);
                    rest = &rest[3..];
                }
                _ => {
                    clean = false;
                    out.push(b'=');
                    rest = &rest[1..];
                }
            }
        }
        out.extend_from_slice(rest);
        if soft.is_none() {
            out.extend_from_slice(end);
        }
    }
    (out, clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_printable_is_read() {
        let table: [(&str, &str, bool); 9] = [
            ("", "", true),
            ("plain\r\n", "plain\r\n", true),
            // The example of RFC 2045 §6.7.
            (
                "Now's the time =\r\nfor all folk to come=\r\n to the aid of their country.",
                "Now's the time for all folk to come to the aid of their country.",
                true,
            ),
            ("=E4=BD=A0=e5=a5=bd", "你好", true),
            (
                "blanks  \t\r\nat the end =20\r\n",
                "blanks\r\nat the end  \r\n",
                true,
            ),
            ("a=3D=\nb", "a=b", true),
            ("a=zz=", "a=zz", false),
            ("=4", "=4", false),
            ("end=", "end", true),
        ];
        for (text, expected, clean) in table {
            let decoded = quoted_printable(text.as_bytes());
            assert_eq!(decoded, (expected.as_bytes().to_vec(), clean), "{text:?}");
        }
    }

    #[test]
    fn base64_is_read() {
        let table: [(&str, &[u8], bool); 9] = [
            ("", b"", true),
            ("Zm9v\r\nYmFy\r\n", b"foobar", true),
            ("Zg==", b"f", true),
            ("Zg", b"f", true),
            ("Zm8=\r\n", b"fo", true),
            ("Zm9v!Ym-Fy", b"foobar", false),
            ("Z", b"", false),
            // Two pieces, each with its padding, as one.
            ("Zg==Zm9v", b"ffoo", true),
            ("Zm9vYmFyZ", b"foobar", false),
        ];
        for (text, expected, clean) in table {
            assert_eq!(
                base64(text.as_bytes()),
                (expected.to_vec(), clean),
                "{text}"
            );
        }
    }

    #[test]
    fn encodings_go_by_their_names() {
        for transfer in [
            Transfer::SevenBit,
            Transfer::EightBit,
            Transfer::Binary,
            Transfer::QuotedPrintable,
            Transfer::Base64,
        ] {
            let name = transfer.name().to_uppercase();
            assert_eq!(Transfer::from_name(&name), transfer);
        }
        assert_eq!(Transfer::from_name("x-uuencode"), Transfer::Unknown);
    }
}
