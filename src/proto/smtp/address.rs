//! The addresses of an envelope (RFC 5321 §4.1.2, RFC 6531 §3.3): what is one, and why something is none.
//!
//! They stand apart because everything that goes into a command passes through here: an address that was accepted can neither end a line nor the
//! angle brackets around it.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Octets of a local part (RFC 5321 §4.5.3.1.1).
const LOCAL: usize = 64;
/// Octets of a domain (RFC 5321 §4.5.3.1.2).
const DOMAIN: usize = 255;
/// Octets of an address: a path of 256 (RFC 5321 §4.5.3.1.3) without its angle brackets.
const ADDRESS: usize = 254;
/// Octets of a label of a domain (RFC 1035 §2.3.4).
const LABEL: usize = 63;

/// `local-part@domain`, checked, without the angle brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Address {
    text: Box<str>,
    at: usize,
}

/// Why a text is no address. The words for it stand under `address.error.<name>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AddressError {
    #[error("the address is empty")]
    Empty,
    #[error("an address has an @ between user and host")]
    NoAt,
    #[error("an address has one @; in front of it, quotes are needed around another")]
    SecondAt,
    #[error("nothing stands in front of the @")]
    EmptyLocal,
    #[error("nothing stands behind the @")]
    EmptyDomain,
    #[error("control characters and line ends have no place in an address")]
    Control,
    #[error("an address holds no spaces, except between quotes in front of the @")]
    Space,
    #[error("write the address without angle brackets")]
    Angle,
    #[error("in front of the @ stand at most {LOCAL} octets")]
    LocalTooLong,
    #[error("a domain has at most {DOMAIN} octets")]
    DomainTooLong,
    #[error("an address has at most {ADDRESS} octets")]
    TooLong,
    #[error("a dot stands between two other characters, not at an end and not beside another dot")]
    Dot,
    #[error("{0:?} needs quotes around all that stands in front of the @")]
    LocalCharacter(char),
    #[error("the quotes in front of the @ are not closed right before it")]
    Quotes,
    #[error("{0:?} has no place in a domain")]
    DomainCharacter(char),
    #[error("a part of a domain has 1 to {LABEL} octets and no hyphen at its ends")]
    Label,
    #[error("the domain is no internationalised name (RFC 5891)")]
    Idna,
    #[error("in brackets stands an address such as [127.0.0.1] or [IPv6:::1]")]
    Literal,
}

impl AddressError {
    pub fn name(self) -> &'static str {
        match self {
            AddressError::Empty => "empty",
            AddressError::NoAt => "no-at",
            AddressError::SecondAt => "second-at",
            AddressError::EmptyLocal => "empty-local",
            AddressError::EmptyDomain => "empty-domain",
            AddressError::Control => "control",
            AddressError::Space => "space",
            AddressError::Angle => "angle",
            AddressError::LocalTooLong => "local-too-long",
            AddressError::DomainTooLong => "domain-too-long",
            AddressError::TooLong => "too-long",
            AddressError::Dot => "dot",
            AddressError::LocalCharacter(_) => "local-character",
            AddressError::Quotes => "quotes",
            AddressError::DomainCharacter(_) => "domain-character",
            AddressError::Label => "label",
            AddressError::Idna => "idna",
            AddressError::Literal => "literal",
        }
    }

    /// The character that it is about.
    pub fn character(self) -> Option<char> {
        match self {
            AddressError::LocalCharacter(character) | AddressError::DomainCharacter(character) => {
                Some(character)
            }
            _ => None,
        }
    }
}

impl Address {
    /// Reads an address without its angle brackets: a dot-string or quoted string, `@`, and a domain or address literal. UTF-8 may stand wherever
    /// RFC 6531 lets it; a domain in it is brought into its U-label form (RFC 5890 §2.3.2.1), so that `例子。中国` is `例子.中国`.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.contains(char::is_control) {
            return Err(AddressError::Control);
        }
        let at = match text.strip_prefix('"') {
            Some(quoted) => 1 + quoted_string(quoted)?,
            None => dot_string(text)?,
        };
        let (local, domain) = (&text[..at], &text[at + 1..]);
        if local.len() > LOCAL {
            return Err(AddressError::LocalTooLong);
        }
        if domain.len() > DOMAIN {
            return Err(AddressError::DomainTooLong);
        }
        let text = match domain.strip_prefix('[') {
            Some(literal) => {
                check_literal(literal)?;
                text.into()
            }
            None => format!("{local}@{}", read_domain(domain)?),
        };
        if text.len() > ADDRESS {
            return Err(AddressError::TooLong);
        }
        Ok(Self {
            text: text.into(),
            at,
        })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn local(&self) -> &str {
        &self.text[..self.at]
    }

    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// Whether any server takes it. Others need SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    /// The same mailbox for a server without SMTPUTF8: the domain in its A-label form, `xn--…` (RFC 5890 §2.3.2.1). `None` where that is not enough,
    /// because what stands in front of the `@` is not ASCII, or gets too long.
    pub fn to_ascii_domain(&self) -> Option<Self> {
        if self.is_ascii() {
            return Some(self.clone());
        }
        let domain = idna::domain_to_ascii_strict(self.domain()).ok()?;
        let ascii = Self::parse(&format!("{}@{domain}", self.local())).ok()?;
        ascii.is_ascii().then_some(ascii)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.text.into()
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::parse(&text)
    }
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

/// Where the `@` stands behind a dot-string.
fn dot_string(text: &str) -> Result<usize, AddressError> {
    let mut before = '.';
    for (at, character) in text.char_indices() {
        match character {
            '@' if at == 0 => return Err(AddressError::EmptyLocal),
            '@' if before == '.' => return Err(AddressError::Dot),
            '@' => return Ok(at),
            '.' if before == '.' => return Err(AddressError::Dot),
            '.' => {}
            _ => check_anywhere(character)?,
        }
        if character != '.' && !is_atext(character) {
            return Err(AddressError::LocalCharacter(character));
        }
        before = character;
    }
    Err(AddressError::NoAt)
}

/// Where the `@` stands behind a quoted string, from behind its opening quote on.
fn quoted_string(text: &str) -> Result<usize, AddressError> {
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' if text[at + 1..].starts_with('@') => return Ok(at + 1),
            '"' => return Err(AddressError::Quotes),
            // A quoted pair is ASCII (RFC 5321 §4.1.2), and RFC 6531 leaves it so.
            '\\' => match characters.next() {
                Some((_, ' '..='~')) => {}
                _ => return Err(AddressError::Quotes),
            },
            _ => {}
        }
    }
    Err(AddressError::Quotes)
}

/// `atext` of RFC 5322 §3.2.3, and what RFC 6531 §3.3 adds.
fn is_atext(character: char) -> bool {
    !character.is_ascii()
        || character.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(character)
}

/// What has no place in an address outside quotes, with the reason of its own.
fn check_anywhere(character: char) -> Result<(), AddressError> {
    match character {
        '<' | '>' => Err(AddressError::Angle),
        _ if character.is_whitespace() => Err(AddressError::Space),
        _ => Ok(()),
    }
}

/// A domain, in its U-label form if it is not ASCII.
fn read_domain(domain: &str) -> Result<Cow<'_, str>, AddressError> {
    if domain.is_empty() {
        return Err(AddressError::EmptyDomain);
    }
    for character in domain.chars() {
        check_anywhere(character)?;
        match character {
            '@' => return Err(AddressError::SecondAt),
            '.' | '-' => {}
            _ if !character.is_ascii() || character.is_ascii_alphanumeric() => {}
            _ => return Err(AddressError::DomainCharacter(character)),
        }
    }
    let domain = if domain.is_ascii() {
        Cow::Borrowed(domain)
    } else {
        let ascii = idna::domain_to_ascii_strict(domain).map_err(|_| AddressError::Idna)?;
        Cow::Owned(idna::domain_to_unicode(&ascii).0)
    };
    for label in domain.split('.') {
        if label.is_empty() {
            return Err(AddressError::Dot);
        }
        if label.len() > LABEL && label.is_ascii() || label.starts_with('-') || label.ends_with('-')
        {
            return Err(AddressError::Label);
        }
    }
    Ok(domain)
}

/// The inside of an address literal (RFC 5321 §4.1.3), from behind its opening bracket on. No tag but IPv6 was ever registered.
fn check_literal(literal: &str) -> Result<(), AddressError> {
    let literal = literal.strip_suffix(']').ok_or(AddressError::Literal)?;
    let is_address = match literal.split_at_checked(5) {
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6:") => {
            address.parse::<Ipv6Addr>().is_ok()
        }
        _ => literal.parse::<Ipv4Addr>().is_ok(),
    };
    if is_address {
        Ok(())
    } else {
        Err(AddressError::Literal)
    }
}

/// Who sent a message and who is to have it, as the server was told (RFC 5321 §2.3.1). Headers play no part in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// `None` is the null reverse-path `<>` (RFC 5321 §4.5.5).
    pub from: Option<Address>,
    pub to: Vec<Address>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use AddressError::*;
    use proptest::prelude::*;

    #[test]
    fn addresses() {
        let long_local = format!("{}@x", "a".repeat(64));
        for text in [
            "student@example.com",
            "a@b",
            "a.b.c@d-e.f",
            "user+tag@example.com",
            "!#$%&'*+-/=?^_`{|}~@example.com",
            "student@localhost",
            "1@1",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "a@[ipv6:2001:db8::1]",
            "\"a b\"@x",
            "\"a@b\"@x",
            "\"<a>\"@x",
            "\"a\\\"b\\\\\"@x",
            "\"\"@x",
            "张三@例子.中国",
            "müller@xn--mller-kva.example",
            &long_local,
        ] {
            let address = Address::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(address.to_string(), text);
            assert_eq!(format!("{}@{}", address.local(), address.domain()), text);
            assert_eq!(address.is_ascii(), text.is_ascii());
        }
        assert_eq!(Address::parse("\"a@b\"@x").expect("quoted").domain(), "x");
    }

    #[test]
    fn what_is_none_is_told_why() {
        let labels = |length: usize| ["a"; 130].join(".")[..length].to_owned();
        let long: [(String, AddressError); 5] = [
            (format!("{}@x", "a".repeat(65)), LocalTooLong),
            (format!("{}@x", "é".repeat(33)), LocalTooLong),
            (format!("a@{}", labels(257)), DomainTooLong),
            (format!("a@{}", labels(253)), TooLong),
            (format!("a@{}", "b".repeat(64)), Label),
        ];
        let short = [
            ("", Empty),
            ("student", NoAt),
            ("student＠example.com", NoAt),
            ("@example.com", EmptyLocal),
            ("a@", EmptyDomain),
            ("a@b@c", SecondAt),
            ("a\r\nRCPT TO:<b@c>@d", Control),
            ("a@b\r\n", Control),
            ("a@b\0", Control),
            ("a\tb@c", Control),
            ("\"a\nb\"@c", Control),
            ("a@b\u{85}", Control),
            ("a b@c", Space),
            (" a@c", Space),
            ("a@c ", Space),
            ("a@b c", Space),
            ("张三\u{3000}@c", Space),
            ("<a@b>", Angle),
            ("a@b>", Angle),
            ("a@b> SIZE=1", Angle),
            (".a@b", Dot),
            ("a.@b", Dot),
            ("a..b@c", Dot),
            ("a@.b", Dot),
            ("a@b.", Dot),
            ("a@b..c", Dot),
            ("a,b@c", LocalCharacter(',')),
            ("a\"b\"@c", LocalCharacter('"')),
            ("a(b)@c", LocalCharacter('(')),
            ("a@b,c@d", DomainCharacter(',')),
            ("a@b_c", DomainCharacter('_')),
            ("a@b:25", DomainCharacter(':')),
            ("\"a@b", Quotes),
            ("\"a\"b@c", Quotes),
            ("\"a\"", Quotes),
            ("\"a\\", Quotes),
            ("\"a\\é\"@c", Quotes),
            ("a@-b", Label),
            ("a@b-.c", Label),
            ("a@\u{e9}-.fr", Idna),
            ("a@\u{202e}b", Idna),
            ("a@例..中国", Idna),
            ("a@[127.0.0.1", Literal),
            ("a@[127.0.0]", Literal),
            ("a@[127.0.0.1]x", Literal),
            ("a@[::1]", Literal),
            ("a@[IPv6:127.0.0.1]", Literal),
            ("a@[tag:x]", Literal),
            ("a@[]", Literal),
        ];
        let short = short.map(|(text, error)| (text.to_owned(), error));
        for (text, error) in long.into_iter().chain(short) {
            assert_eq!(Address::parse(&text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn domains_are_brought_into_one_form() {
        for (text, want) in [
            ("a@例子。中国", "a@例子.中国"),
            ("a@example。com", "a@example.com"),
            ("a@BÜCHER.example", "a@bücher.example"),
            ("a@ｅxample.com", "a@example.com"),
        ] {
            assert_eq!(
                Address::parse(text).map(|found| found.to_string()),
                Ok(want.to_owned())
            );
        }
    }

    #[test]
    fn a_domain_can_be_written_in_ascii() {
        let ascii = |text: &str| {
            let address = Address::parse(text).expect("an address");
            address.to_ascii_domain().map(|address| address.to_string())
        };
        assert_eq!(ascii("a@b").as_deref(), Some("a@b"));
        assert_eq!(
            ascii("a@bücher.example").as_deref(),
            Some("a@xn--bcher-kva.example")
        );
        assert_eq!(
            ascii("a@例子.中国").as_deref(),
            Some("a@xn--fsqu00a.xn--fiqs8s")
        );
        assert_eq!(ascii("张三@例子.中国"), None);
        assert_eq!(ascii("张三@example.com"), None);
    }

    fn anything() -> impl Strategy<Value = String> {
        let character = prop_oneof![
            8 => "[a-z]",
            2 => Just("@".to_owned()),
            2 => Just(".".to_owned()),
            2 => Just("\"".to_owned()),
            1 => "[<>\\\\ \\[\\]\r\n\0\t,:;-]",
            1 => any::<char>().prop_map(String::from),
        ];
        let text = prop::collection::vec(character, 0..14).prop_map(|parts| parts.concat());
        prop_oneof![
            text.clone(),
            text.prop_map(|text| format!("\"{text}\"@x.y"))
        ]
    }

    proptest! {
        #[test]
        fn no_accepted_address_can_leave_its_brackets(text in anything()) {
            if let Ok(address) = Address::parse(&text) {
                prop_assert!(!address.as_str().contains(char::is_control));
                let unquoted = match address.local().strip_prefix('"') {
                    Some(_) => address.domain(),
                    None => address.as_str(),
                };
                prop_assert!(!unquoted.contains(['<', '>', '"']));
                prop_assert!(!unquoted.contains(char::is_whitespace));
                // What was accepted once is accepted as it is.
                prop_assert_eq!(Address::parse(address.as_str()), Ok(address));
            }
        }
    }
}
