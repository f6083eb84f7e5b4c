//! Fields with parameters on their way in: Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2183), long and foreign values in sections
//! (RFC 2231), and encoded words in values, which the RFC forbids and half the world writes.

use super::encoded_words::{charset_text, decoded};

/// Parameters of a field, sections counted one by one, that are read.
const MOST_PARAMETERS: usize = 200;

/// A value with its parameters.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    /// What stands before the first semicolon, in lower case.
    pub(super) value: String,
    /// Names in lower case, each once.
    named: Vec<(String, String)>,
}

/// A parameter, or a section of one.
struct Section {
    name: String,
    number: u32,
    /// Its value is percent-encoded.
    encoded: bool,
    value: Vec<u8>,
}

impl Parameters {
    /// Reads an unfolded value.
    pub(super) fn read(text: &str) -> Self {
        let (value, mut rest) = text.split_once(';').unwrap_or((text, ""));
        let mut sections = Vec::new();
        while !rest.is_empty() && sections.len() < MOST_PARAMETERS {
            let (section, after) = Section::read(rest);
            sections.extend(section);
            rest = after;
        }
        sections.sort_by(|a, b| (&a.name, a.number).cmp(&(&b.name, b.number)));
        let named = sections
            .chunk_by(|a, b| a.name == b.name)
            .map(|sections| (sections[0].name.clone(), joined(sections)))
            .collect();
        Self {
            value: value.trim().to_ascii_lowercase(),
            named,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.named.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Section {
    /// The parameter that the text begins with, if it is one, and what follows its semicolon.
    fn read(text: &str) -> (Option<Self>, &str) {
        let Some(at) = text.find(['=', ';']) else {
            return (None, "");
        };
        let (name, rest) = (text[..at].trim(), &text[at + 1..]);
        if text[at..].starts_with(';') {
            return (None, rest);
        }
        let (value, after) = value(rest);
        if name.is_empty() {
            return (None, after);
        }
        let name = name.to_ascii_lowercase();
        let (name, encoded) = match name.strip_suffix('*') {
            Some(name) => (name.to_owned(), true),
            None => (name, false),
        };
        let (name, number) = match name.rsplit_once('*') {
            Some((stem, digits)) => match digits.parse() {
                Ok(number) => (stem.to_owned(), number),
                Err(_) => (name, 0),
            },
            None => (name, 0),
        };
        let section = Self {
            name,
            number,
            encoded,
            value: value.into_bytes(),
        };
        (Some(section), after)
    }
}

/// A value, in quotes or bare, and what follows its semicolon.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.trim_start().strip_prefix('"') else {
        let (value, after) = text.split_once(';').unwrap_or((text, ""));
        return (value.trim().to_owned(), after);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    let mut end = quoted.len();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                end = at + 1;
                break;
            }
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    let after = quoted[end..].split_once(';');
    (value, after.map_or("", |(_, after)| after))
}

/// The sections of one parameter as text. The first one names the charset if it is encoded.
fn joined(sections: &[Section]) -> String {
    let mut charset = String::new();
    let mut bytes = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        if !section.encoded {
            bytes.extend_from_slice(&section.value);
            continue;
        }
        let mut value = section.value.as_slice();
        let mut quotes = value.splitn(3, |&byte| byte == b'\'');
        if index == 0
            && let (Some(name), Some(_), Some(rest)) = (quotes.next(), quotes.next(), quotes.next())
        {
            charset = String::from_utf8_lossy(name).into_owned();
            value = rest;
        }
        bytes.extend(percent_decoded(value));
    }
    if sections.iter().any(|section| section.encoded) {
        charset_text(&bytes, &charset)
    } else {
        decoded(&String::from_utf8_lossy(&bytes))
    }
}

fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        rest = match (first, digit(after.first()), digit(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                &after[2..]
            }
            _ => {
                out.push(first);
                after
            }
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples_of_the_rfcs() {
        let table = [
            // RFC 2045 §5.1.
            (
                "text/plain; charset=us-ascii (Plain text)",
                "charset",
                "us-ascii (Plain text)",
            ),
            ("TEXT/plain; charset=\"us-ascii\"", "charset", "us-ascii"),
            // RFC 2231 §3, §4 and §4.1.
            (
                "message/external-body; access-type=URL; URL*0=\"ftp://\"; URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",
                "url",
                "ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar",
            ),
            (
                "application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
                "title",
                "This is ***fun***",
            ),
            (
                "application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"",
                "title",
                "This is even more ***fun*** isn't it!",
            ),
        ];
        for (text, name, expected) in table {
            assert_eq!(Parameters::read(text).get(name), Some(expected), "{text}");
        }
        assert_eq!(Parameters::read("TEXT/Plain ;x=y").value, "text/plain");
    }

    #[test]
    fn what_others_write_is_read_too() {
        let table = [
            ("a; filename=a b.txt ; x=y", Some("a b.txt")),
            ("a; FileName = \"a;\\\"b\\\".txt\"", Some("a;\"b\".txt")),
            (
                "a; filename=\"=?gb2312?B?xOO6ww==?=.txt\"",
                Some("你好.txt"),
            ),
            // Sections in disorder, a character torn between two.
            ("a; filename*1*=%A0; filename*0*=utf-8''%E4%BD", Some("你")),
            ("a; filename*=gbk''%C4%E3", Some("你")),
            ("a; filename*=%E4%BD%A0", Some("你")),
            ("a; filename*=utf-8''100%", Some("100%")),
            ("a; filename=\"open", Some("open")),
            ("a; filename*x=1", None),
            ("a; ; =; filename", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(Parameters::read(text).get("filename"), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn anything_can_be_read(text in r#"([;='"\\*%]|name|\*[0-9]|utf-8|=\?|\PC){0,60}"#) {
            let parameters = Parameters::read(&text);
            prop_assert!(parameters.named.len() <= MOST_PARAMETERS);
        }
    }
}
