//! Base64 in lines of 76 characters (RFC 2045 §6.8), encoded while it goes out.
//!
//! It stands apart because an attachment is never in memory as a whole: whoever reads the file pushes block after block.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Bytes that fill a line.
const LINE_INPUT: usize = 57;

/// A full line with its CRLF.
const LINE_OUTPUT: usize = 78;

/// An encoder in the middle of its work.
#[derive(Debug, Clone)]
pub struct Base64Lines {
    /// The beginning of the next line.
    held: [u8; LINE_INPUT],
    length: usize,
}

impl Default for Base64Lines {
    fn default() -> Self {
        Self {
            held: [0; LINE_INPUT],
            length: 0,
        }
    }
}

impl Base64Lines {
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes that come of a file of this length.
    pub fn length(file: u64) -> u64 {
        let lines = (file / LINE_INPUT as u64).saturating_mul(LINE_OUTPUT as u64);
        let rest = match file % LINE_INPUT as u64 {
            0 => 0,
            rest => rest.div_ceil(3) * 4 + 2,
        };
        lines.saturating_add(rest)
    }

    /// Encodes these bytes but for those that do not fill a line.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve((self.length + bytes.len()) / LINE_INPUT * LINE_OUTPUT);
        if self.length > 0 {
            let room = &mut self.held[self.length..];
            let taken = room.len().min(bytes.len());
            room[..taken].copy_from_slice(&bytes[..taken]);
            self.length += taken;
            bytes = &bytes[taken..];
            if self.length < LINE_INPUT {
                return;
            }
            line(&self.held, out);
            self.length = 0;
        }
        let (lines, rest) = bytes.as_chunks::<LINE_INPUT>();
        for input in lines {
            line(input, out);
        }
        self.held[..rest.len()].copy_from_slice(rest);
        self.length = rest.len();
    }

    /// Writes the last line, if it is not empty.
    pub fn finish(self, out: &mut Vec<u8>) {
        if self.length > 0 {
            line(&self.held[..self.length], out);
        }
    }
}

fn line(input: &[u8], out: &mut Vec<u8>) {
    let mut buffer = [0; LINE_OUTPUT];
    let written = STANDARD
        .encode_slice(input, &mut buffer)
        .expect("57 bytes make 76 characters at most");
    buffer[written..written + 2].copy_from_slice(b"\r\n");
    out.extend_from_slice(&buffer[..written + 2]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode<'a>(blocks: impl IntoIterator<Item = &'a [u8]>) -> String {
        let mut out = Vec::new();
        let mut encoder = Base64Lines::new();
        for block in blocks {
            encoder.push(block, &mut out);
        }
        encoder.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn vectors_of_rfc_4648() {
        let table: [(&[u8], &str); 5] = [
            (b"", ""),
            (b"f", "Zg==\r\n"),
            (b"fo", "Zm8=\r\n"),
            (b"foo", "Zm9v\r\n"),
            (b"foobar", "Zm9vYmFy\r\n"),
        ];
        for (input, output) in table {
            assert_eq!(encode([input]), output);
        }
        let line = "QUFB".repeat(19);
        assert_eq!(encode([&[b'A'; 57][..]]), format!("{line}\r\n"));
        assert_eq!(encode([&[b'A'; 58][..]]), format!("{line}\r\nQQ==\r\n"));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(bytes in prop::collection::vec(any::<u8>(), 0..600), block in 1usize..200) {
            let whole = encode([&bytes[..]]);
            prop_assert_eq!(&encode(bytes.chunks(block)), &whole);
            prop_assert_eq!(Base64Lines::length(bytes.len() as u64), whole.len() as u64);
            prop_assert!(whole.split("\r\n").all(|line| line.len() <= 76));
            prop_assert_eq!(STANDARD.decode(whole.replace("\r\n", "")).unwrap(), bytes);
        }
    }
}
