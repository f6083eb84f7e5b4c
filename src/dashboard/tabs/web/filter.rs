//! What the words of the request log's filter mean, such as `4xx path:/img !client:127.0.0.1`.

use std::net::{IpAddr, SocketAddr};

use crate::dashboard::tabs::filter::{self, Code, FilterError, Word, contains};
use crate::proto::http::status::Status;
use crate::trace::web::ConnectionId;

/// Tests that a request has to meet, all of them.
pub type Filter = filter::Filter<Test>;

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    Status(Code),
    Unanswered,
    Method(String),
    Path(String),
    Client(SocketAddr),
    Host(IpAddr),
    Port(u16),
    Connection(ConnectionId),
    Rule(String),
    Marked,
    /// Somewhere in the method, the target, the user agent or the name of the rule.
    Text(String),
}

const KEYS: &str = "status: method: path: client: conn: rule:";

impl Filter {
    /// Reads a filter; `None` when the text has no word.
    pub fn parse(text: &str) -> Result<Option<Self>, FilterError> {
        Self::of_words(text, |word| match word {
            Word::Bare(word) => Ok(bare(word)),
            Word::Keyed(key, value) => keyed(key, value),
        })
    }

    pub fn matches(&self, subject: &Subject) -> bool {
        self.holds(|test| test.holds(subject))
    }
}

fn bare(word: &str) -> Test {
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

fn keyed(key: &str, value: &str) -> Result<Test, FilterError> {
    let owned = || value.to_owned();
    let bad = |says| FilterError::bad_value(says, value);
    Ok(match key {
        // The Wire tab calls it so.
        "status" | "code" => status(value).ok_or_else(|| bad("web.filter.bad_status"))?,
        "method" => Test::Method(owned()),
        "path" => Test::Path(owned()),
        "client" => client(value).ok_or_else(|| bad("web.filter.bad_client"))?,
        "conn" => {
            let id = value.strip_prefix('#').unwrap_or(value).parse();
            Test::Connection(id.map_err(|_| bad("web.filter.bad_connection"))?)
        }
        "rule" => Test::Rule(owned()),
        _ => {
            return Err(FilterError::UnknownKey {
                found: key.to_owned(),
                known: KEYS,
            });
        }
    })
}

/// `404`, `4xx`, or `none` for what got no answer.
fn status(text: &str) -> Option<Test> {
    match text {
        "none" => Some(Test::Unanswered),
        _ => Code::parse(text).map(Test::Status),
    }
}

/// An address, an address with its port, or a port.
fn client(text: &str) -> Option<Test> {
    if let Ok(address) = text.parse() {
        return Some(Test::Client(address));
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse() {
        return Some(Test::Host(ip));
    }
    let port = text.strip_prefix(':').unwrap_or(text).parse();
    port.ok().map(Test::Port)
}

impl Test {
    fn holds(&self, subject: &Subject) -> bool {
        match self {
            Test::Status(code) => subject
                .status
                .is_some_and(|status| code.holds(status.code())),
            Test::Unanswered => subject.status.is_none(),
            Test::Method(method) => subject.method.eq_ignore_ascii_case(method.as_bytes()),
            Test::Path(text) => contains(subject.target, text),
            Test::Client(address) => subject.client == *address,
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
            ("-2xx", true),
            ("code:404", true),
            ("none", false),
            ("method:get", true),
            ("method:GE", false),
            ("path:/img", true),
            ("/img", true),
            ("path:/css", false),
            ("client:127.0.0.1", true),
            ("client:127.0.0.1:54321", true),
            ("client:127.0.0.1:1", false),
            ("!client:127.0.0.1:54321", false),
            ("!client:127.0.0.1:1", true),
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
    fn what_is_no_filter_says_what_would_be() {
        let bad = FilterError::bad_value;
        let unknown = |found: &str| FilterError::UnknownKey {
            found: found.to_owned(),
            known: KEYS,
        };
        let table = [
            ("colour:red", unknown("colour")),
            ("!colour:", unknown("colour")),
            ("status:4", bad("web.filter.bad_status", "4")),
            ("status:600", bad("web.filter.bad_status", "600")),
            ("client:example", bad("web.filter.bad_client", "example")),
            ("conn:x", bad("web.filter.bad_connection", "x")),
            ("status:", FilterError::Empty("status:".into())),
        ];
        for (text, error) in table {
            assert_eq!(Filter::parse(text), Err(error), "{text}");
        }
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
