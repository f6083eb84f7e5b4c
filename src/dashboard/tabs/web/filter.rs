//! The filter of the request log: a line of terms that a request has to meet, all of them, such as `4xx path:/img !client:127.0.0.1`.
//!
//! It is read once and then asked for every request, so nothing is put into words or copied while it is asked.

use std::net::{IpAddr, SocketAddr};

use crate::proto::http::status::{Class, Status};
use crate::trace::web::ConnectionId;

/// What a filter looks at: a request that was answered, or one that still arrives.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub status: Option<Status>,
    pub method: &'a [u8],
    pub target: &'a [u8],
    /// As far as it is known.
    pub user_agent: &'a [u8],
    pub client: SocketAddr,
    pub connection: ConnectionId,
    /// The name of the rule that decided the status.
    pub rule: &'static str,
    pub marked: bool,
}

/// Terms that have to hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    text: String,
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    /// `!` stood before it.
    negated: bool,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Status(u16),
    Class(Class),
    Unanswered,
    Method(String),
    Path(String),
    Host(IpAddr),
    Port(u16),
    Connection(ConnectionId),
    Rule(String),
    Marked,
    /// Somewhere in the method, the target, the user agent or the name of the rule.
    Text(String),
}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterError {
    /// No such word before the colon.
    UnknownKey(String),
    BadStatus(String),
    BadClient(String),
    BadConnection(String),
    /// Nothing behind the colon or the `!`.
    Empty(String),
}

impl Filter {
    /// Reads a filter; `None` when the text has no term.
    pub fn parse(text: &str) -> Result<Option<Self>, FilterError> {
        let terms = text
            .split_whitespace()
            .map(Term::parse)
            .collect::<Result<Vec<Vec<Term>>, _>>()?
            .concat();
        Ok((!terms.is_empty()).then(|| Self {
            text: text.trim().to_owned(),
            terms,
        }))
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn matches(&self, subject: &Subject) -> bool {
        self.terms
            .iter()
            .all(|term| term.test.holds(subject) != term.negated)
    }
}

impl Term {
    /// One word of the filter; an address with its port is two tests.
    fn parse(word: &str) -> Result<Vec<Self>, FilterError> {
        let (negated, bare) = match word.strip_prefix('!') {
            Some(bare) => (true, bare),
            None => (false, word),
        };
        let tests = match bare.split_once(':') {
            _ if bare.is_empty() => return Err(FilterError::Empty(word.to_owned())),
            // A path may hold a colon, and nobody wants to type its key.
            Some((key, value)) if !key.starts_with('/') => keyed(key, value)?,
            _ => vec![unkeyed(bare)],
        };
        Ok(tests
            .into_iter()
            .map(|test| Term { negated, test })
            .collect())
    }
}

fn unkeyed(word: &str) -> Test {
    if let Some(test) = status(word) {
        return test;
    }
    match word {
        "marked" => Test::Marked,
        _ => match word.strip_prefix('#').and_then(|id| id.parse().ok()) {
            Some(id) => Test::Connection(id),
            None => Test::Text(word.to_owned()),
        },
    }
}

fn keyed(key: &str, value: &str) -> Result<Vec<Test>, FilterError> {
    let owned = || value.to_owned();
    let test = match key {
        "status" | "method" | "path" | "client" | "conn" | "rule" if value.is_empty() => {
            return Err(FilterError::Empty(format!("{key}:")));
        }
        "status" => status(value).ok_or_else(|| FilterError::BadStatus(owned()))?,
        "method" => Test::Method(owned()),
        "path" => Test::Path(owned()),
        "client" => return client(value).ok_or_else(|| FilterError::BadClient(owned())),
        "conn" => {
            let id = value.strip_prefix('#').unwrap_or(value).parse();
            Test::Connection(id.map_err(|_| FilterError::BadConnection(owned()))?)
        }
        "rule" => Test::Rule(owned()),
        _ => return Err(FilterError::UnknownKey(key.to_owned())),
    };
    Ok(vec![test])
}

/// `404`, `4xx`, or `none` for what got no answer.
fn status(text: &str) -> Option<Test> {
    if text == "none" {
        return Some(Test::Unanswered);
    }
    let digits = text.as_bytes();
    match digits {
        [first @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] => {
            Some(Test::Class(Class::ALL[usize::from(first - b'1')]))
        }
        [b'1'..=b'5', _, _] => text.parse().ok().map(Test::Status),
        _ => None,
    }
}

/// An address, an address with its port, or a port.
fn client(text: &str) -> Option<Vec<Test>> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(vec![Test::Host(address.ip()), Test::Port(address.port())]);
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Some(vec![Test::Host(ip)]);
    }
    let port = text.strip_prefix(':').unwrap_or(text).parse().ok()?;
    Some(vec![Test::Port(port)])
}

impl Test {
    fn holds(&self, subject: &Subject) -> bool {
        match self {
            Test::Status(code) => subject.status.is_some_and(|status| status.code() == *code),
            Test::Class(class) => subject
                .status
                .is_some_and(|status| status.class() == *class),
            Test::Unanswered => subject.status.is_none(),
            Test::Method(method) => subject.method.eq_ignore_ascii_case(method.as_bytes()),
            Test::Path(text) => contains(subject.target, text),
            Test::Host(ip) => subject.client.ip() == *ip,
            Test::Port(port) => subject.client.port() == *port,
            Test::Connection(id) => subject.connection == *id,
            Test::Rule(text) => contains(subject.rule.as_bytes(), text),
            Test::Marked => subject.marked,
            Test::Text(text) => [
                subject.target,
                subject.method,
                subject.user_agent,
                subject.rule.as_bytes(),
            ]
            .into_iter()
            .any(|part| contains(part, text)),
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
    use proptest::prelude::*;

    fn subject() -> Subject<'static> {
        Subject {
            status: Some(Status::NOT_FOUND),
            method: b"GET",
            target: b"/Img/a.png?x=1",
            user_agent: b"curl/8.5",
            client: "127.0.0.1:54321".parse().expect("a literal address"),
            connection: 12,
            rule: "not-found",
            marked: false,
        }
    }

    #[test]
    fn terms_hold_or_not() {
        let table = [
            ("404", true),
            ("status:404", true),
            ("4xx", true),
            ("status:4XX", true),
            ("2xx", false),
            ("!2xx", true),
            ("none", false),
            ("method:get", true),
            ("method:GE", false),
            ("path:/img", true),
            ("/img", true),
            ("path:/css", false),
            ("client:127.0.0.1", true),
            ("client:127.0.0.1:54321", true),
            ("client:127.0.0.1:1", false),
            ("client::54321", true),
            ("client:54321", true),
            ("client:::1", false),
            ("client:[::1]:54321", false),
            ("conn:12", true),
            ("#12", true),
            ("#1", false),
            ("rule:not-found", true),
            ("curl", true),
            ("4xx path:/img !client:10.0.0.1", true),
            ("4xx path:/css", false),
            ("marked", false),
            ("!marked", true),
            ("x=1", true),
        ];
        for (text, holds) in table {
            let filter = Filter::parse(text).expect(text).expect(text);
            assert_eq!(filter.matches(&subject()), holds, "{text}");
            assert_eq!(filter.text(), text);
        }
    }

    #[test]
    fn what_is_no_filter_says_why() {
        use FilterError::{BadClient, BadConnection, BadStatus, Empty, UnknownKey};
        let table = [
            ("colour:red", UnknownKey("colour".into())),
            ("status:4", BadStatus("4".into())),
            ("status:600", BadStatus("600".into())),
            ("status:", Empty("status:".into())),
            ("client:example", BadClient("example".into())),
            ("conn:x", BadConnection("x".into())),
            ("!", Empty("!".into())),
        ];
        for (text, error) in table {
            assert_eq!(Filter::parse(text), Err(error), "{text}");
        }
        assert_eq!(Filter::parse("  "), Ok(None));
    }

    proptest! {
        #[test]
        fn any_text_is_a_filter_or_an_error(text in any::<String>()) {
            if let Ok(Some(filter)) = Filter::parse(&text) {
                filter.matches(&subject());
            }
        }
    }
}
