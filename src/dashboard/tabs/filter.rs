//! What the filters of the tabs have in common: a line of words that all have to hold, each bare or `key:value`, turned round by a `!` before it.
//!
//! A filter is read once and then asked for every row, so nothing is put into words or copied while it is asked. What a word means is the tab's own.

use crate::trace::escape::escape_hostile;
use crate::words::Words;

/// Tests that have to hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter<T> {
    text: String,
    terms: Vec<Term<T>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term<T> {
    negated: bool,
    test: T,
}

/// A word of a filter, without the sign before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word<'a> {
    Bare(&'a str),
    /// A key of letters, and what stands behind its colon.
    Keyed(&'a str, &'a str),
}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterError {
    /// No such word before the colon; these there are.
    UnknownKey { found: String, known: &'static str },
    /// The word behind this key is none of these.
    NotOneOf {
        key: &'static str,
        found: String,
        known: String,
    },
    /// This is no value of its key; the message with that key says what would be one.
    BadValue { says: &'static str, found: String },
    /// Nothing behind the colon or the sign.
    Empty(String),
}

impl<T> Filter<T> {
    /// Reads a filter, word by word; `None` when the text has no word.
    pub fn of_words(
        text: &str,
        test: impl Fn(Word) -> Result<T, FilterError>,
    ) -> Result<Option<Self>, FilterError> {
        let term = |word: &str| {
            // `!` is what is written about; many search engines have taught `-`.
            let bare = word.strip_prefix(['!', '-']);
            let read = Word::of(bare.unwrap_or(word));
            let test = match test(read) {
                // Not to be told after somebody has thought of a value for it.
                Err(unknown @ FilterError::UnknownKey { .. }) => Err(unknown),
                _ if read.is_unfinished() => Err(FilterError::Empty(word.to_owned())),
                test => test,
            };
            Ok(Term {
                negated: bare.is_some(),
                test: test?,
            })
        };
        let terms: Vec<Term<T>> = text
            .split_whitespace()
            .map(term)
            .collect::<Result<_, _>>()?;
        Ok((!terms.is_empty()).then(|| Self {
            text: text.trim().to_owned(),
            terms,
        }))
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether every word holds.
    pub fn holds(&self, test: impl Fn(&T) -> bool) -> bool {
        self.terms
            .iter()
            .all(|term| test(&term.test) != term.negated)
    }
}

impl<'a> Word<'a> {
    fn of(bare: &'a str) -> Self {
        match bare.split_once(':') {
            // A path or an address may hold a colon, and is looked for as it is.
            Some((key, value))
                if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphabetic()) =>
            {
                Self::Keyed(key, value)
            }
            _ => Self::Bare(bare),
        }
    }

    fn is_unfinished(self) -> bool {
        matches!(self, Self::Bare("") | Self::Keyed(_, ""))
    }
}

impl FilterError {
    pub fn bad_value(says: &'static str, found: &str) -> Self {
        let found = found.to_owned();
        Self::BadValue { says, found }
    }

    /// What is wrong, and what would be right.
    pub fn say(&self, words: Words) -> String {
        let value = |value: &str| escape_hostile(value).into_owned();
        match self {
            Self::UnknownKey { found, known } => words.fill(
                "filter.unknown_key",
                &[("value", &value(found)), ("known", known)],
            ),
            Self::NotOneOf { key, found, known } => words.fill(
                "filter.not_one_of",
                &[("key", key), ("value", &value(found)), ("known", known)],
            ),
            Self::BadValue { says, found } => words.fill(says, &[("value", &value(found))]),
            Self::Empty(typed) => words.fill("filter.empty", &[("value", &value(typed))]),
        }
    }
}

/// A status or a reply code, or all with the same first digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    Exactly(u16),
    Class(u16),
}

impl Code {
    /// `404` or `4xx`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [first @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] => {
                Some(Self::Class(u16::from(first - b'0')))
            }
            [b'1'..=b'5', _, _] => text.parse().ok().map(Self::Exactly),
            _ => None,
        }
    }

    pub fn holds(self, code: u16) -> bool {
        match self {
            Self::Exactly(wanted) => code == wanted,
            Self::Class(first) => code / 100 == first,
        }
    }
}

/// Whether `text` stands in `bytes`; ASCII letters count the same large or small.
pub fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bare word, or its key and its value.
    fn read(text: &str) -> Result<Option<Filter<String>>, FilterError> {
        Filter::of_words(text, |word| {
            Ok(match word {
                Word::Bare(word) => word.to_owned(),
                Word::Keyed(key, value) => format!("{key} is {value}"),
            })
        })
    }

    #[test]
    fn either_sign_turns_a_word_round() {
        for text in ["!a b", "-a b", "  b   -a "] {
            let filter = read(text).expect(text).expect(text);
            assert!(filter.holds(|word| word == "b"), "{text}");
            assert!(!filter.holds(|_| true), "{text}");
            assert_eq!(filter.text(), text.trim());
        }
        assert_eq!(read("  "), Ok(None));
    }

    #[test]
    fn only_letters_make_a_key() {
        let table = [
            ("path:/a:b", "path is /a:b"),
            ("/a:b", "/a:b"),
            (":80", ":80"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("!x:y", "x is y"),
        ];
        for (text, word) in table {
            let filter = read(text).expect(text).expect(text);
            assert_eq!(filter.terms[0].test, word);
        }
        for text in ["!", "-", "path:", "-path:"] {
            assert_eq!(read(text), Err(FilterError::Empty(text.to_owned())));
        }
    }

    #[test]
    fn codes_are_whole_or_a_class() {
        let code = |text| Code::parse(text).expect(text);
        assert!(code("404").holds(404) && !code("404").holds(403));
        assert!(code("4xx").holds(404) && code("4XX").holds(499) && !code("4xx").holds(500));
        for text in ["4", "600", "4x", "4yx", "+40", "xxx", ""] {
            assert_eq!(Code::parse(text), None, "{text}");
        }
    }
}
