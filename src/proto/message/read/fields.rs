//! A header on its way in, as the fields that it is made of (RFC 5322 §2.2), and where the body begins.

use super::encoded_words::decoded;

/// Fields of one header that are kept.
pub const MOST_FIELDS: usize = 1000;

/// Bytes of a value that are kept.
pub const LONGEST_VALUE: usize = 16 << 10;

/// A field as it stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    /// From behind the colon to before the last line end, folds included.
    pub(super) value: &'a [u8],
}

/// The fields of a header, and what stands behind it.
pub(super) struct Fields<'a> {
    pub(super) fields: Vec<Field<'a>>,
    /// Fields beyond [`MOST_FIELDS`].
    pub(super) left_out: usize,
    /// Where the body begins.
    pub(super) body: usize,
    /// The header ended at a line that is no field, not at an empty one.
    pub(super) broken: bool,
}

impl<'a> Fields<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let mut fields: Vec<Field<'a>> = Vec::new();
        let mut left_out = 0;
        let mut at = 0;
        // Where the value that goes on in folded lines begins.
        let mut open = None;
        let mut broken = false;
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let start = at;
            let content = without_end(line);
            at += line.len();
            if content.is_empty() {
                break;
            }
            if matches!(content[0], b' ' | b'\t') {
                if let (Some(begin), Some(field)) = (open, fields.last_mut()) {
                    field.value = &bytes[begin..start + content.len()];
                    continue;
                }
                if left_out > 0 {
                    continue;
                }
            }
            // The line that mailbox files put before a message.
            if start == 0 && content.starts_with(b"From ") {
                continue;
            }
            let Some((name, value)) = split(content) else {
                at = start;
                broken = true;
                break;
            };
            if fields.len() == MOST_FIELDS {
                left_out += 1;
                open = None;
                continue;
            }
            open = Some(start + content.len() - value.len());
            fields.push(Field { name, value });
        }
        Self {
            fields,
            left_out,
            body: at,
            broken,
        }
    }

    /// The value of the first field of this name, unfolded but not decoded; empty if there is none.
    pub(super) fn value(&self, name: &str) -> String {
        self.fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))
            .map_or_else(String::new, Field::unfolded)
    }
}

impl Field<'_> {
    /// The value in one line (RFC 5322 §2.2.3), cut to [`LONGEST_VALUE`].
    pub(super) fn unfolded(&self) -> String {
        let value = &self.value[..self.value.len().min(LONGEST_VALUE)];
        let text = String::from_utf8_lossy(value);
        text.replace(['\r', '\n'], "").trim().to_owned()
    }

    /// The value with its encoded words decoded.
    pub(super) fn decoded(&self) -> String {
        decoded(&self.unfolded())
    }
}

/// A line without its end, LF as good as CRLF.
pub(super) fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Name and value of a field (RFC 5322 §3.6.8); blanks before the colon are obsolete, but they occur.
fn split(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let name = line[..colon].trim_ascii_end();
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    Some((str::from_utf8(name).ok()?, &line[colon + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_and_values(bytes: &str) -> (Vec<(&str, String)>, &str, bool) {
        let header = Fields::read(bytes.as_bytes());
        let fields = header.fields.iter();
        let fields = fields.map(|field| (field.name, field.decoded()));
        (fields.collect(), &bytes[header.body..], header.broken)
    }

    #[test]
    fn a_header_is_made_of_fields() {
        type Expected<'a> = (&'a [(&'a str, &'a str)], &'a str, bool);
        let table: [(&str, Expected); 9] = [
            ("", (&[], "", false)),
            ("\r\nbody", (&[], "body", false)),
            (
                "A: b\r\nC:d \r\n\r\nbody",
                (&[("A", "b"), ("C", "d")], "body", false),
            ),
            (
                "A: b\nC : d\n\nbody",
                (&[("A", "b"), ("C", "d")], "body", false),
            ),
            (
                "A: one\r\n two\r\n\tthree\r\nB:\r\n x\r\n\r\n",
                (&[("A", "one two\tthree"), ("B", "x")], "", false),
            ),
            ("A: b", (&[("A", "b")], "", false)),
            (
                "A: b\r\nno field\r\n\r\n",
                (&[("A", "b")], "no field\r\n\r\n", true),
            ),
            (" fold\r\n", (&[], " fold\r\n", true)),
            ("From x@y Sat Jan 3\nA: b\n\n", (&[("A", "b")], "", false)),
        ];
        for (text, (fields, body, broken)) in table {
            let fields = fields.iter();
            let fields = fields.map(|(name, value)| (*name, (*value).to_owned()));
            let expected = (fields.collect(), body, broken);
            assert_eq!(names_and_values(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_header_has_its_limits() {
        let many = "A: b\r\n c\r\n".repeat(MOST_FIELDS + 5) + "\r\nbody";
        let header = Fields::read(many.as_bytes());
        assert_eq!((header.fields.len(), header.left_out), (MOST_FIELDS, 5));
        assert_eq!(&many[header.body..], "body");

        let long = format!("A: {}", "x".repeat(2 * LONGEST_VALUE));
        let header = Fields::read(long.as_bytes());
        assert!(header.fields[0].unfolded().len() <= LONGEST_VALUE);
    }
}
