//! The filter of the Wire tab: a line of terms that a row has to meet, all of them, such as `lab:web code:4xx -conn:54321`.
//!
//! It is read once and then asked for every row, so nothing is put into words or copied while it is asked.

use std::net::SocketAddr;

use super::row::{Fate, Flow, Kind, Message, Row, What};
use crate::dashboard::tabs::web::contains;
use crate::trace::wire::{Call, Lab, Subject};

/// What is shown of the log: what a filter lets through, and of that one connection only, if one is asked for.
#[derive(Debug, Clone, Default)]
pub struct Sieve {
    pub filter: Option<Filter>,
    pub only: Option<Flow>,
}

impl Sieve {
    /// Whether it lets everything through.
    pub fn is_open(&self) -> bool {
        self.filter.is_none() && self.only.is_none()
    }

    pub fn lets_through(&self, row: &Row) -> bool {
        self.only.is_none_or(|only| row.flow == only)
            && self
                .filter
                .as_ref()
                .is_none_or(|filter| filter.matches(row))
    }
}

/// Terms that have to hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    text: String,
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    /// `-` stood before it.
    negated: bool,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Lab(Lab),
    /// A port of either end, or the number of a connection or session; where that is known, with the client's address.
    Connection(u64, Option<SocketAddr>),
    Code(u16),
    /// The first digit of a code.
    CodeClass(u16),
    Verdict(Verdict),
    /// The name of a call.
    Call(&'static str),
    Is(Sort),
    /// Somewhere in the summary, the bytes or the error, as text.
    Text(String),
}

/// What became of a message, as a filter names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Lost,
    Late,
    Duplicate,
    Reordered,
    Damaged,
    Refused,
}

const VERDICTS: [(&str, Verdict); 6] = [
    ("lost", Verdict::Lost),
    ("late", Verdict::Late),
    ("dup", Verdict::Duplicate),
    ("reordered", Verdict::Reordered),
    ("damaged", Verdict::Damaged),
    ("refused", Verdict::Refused),
];

/// What kind of row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Call,
    Message,
    Note,
    Trouble,
    Marked,
}

const SORTS: [(&str, Sort); 5] = [
    ("call", Sort::Call),
    ("message", Sort::Message),
    ("note", Sort::Note),
    ("trouble", Sort::Trouble),
    ("marked", Sort::Marked),
];

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterError {
    /// No such word before the colon.
    UnknownKey(String),
    /// The word behind this key is none of these.
    NotOneOf {
        key: &'static str,
        found: String,
        known: String,
    },
    BadConnection(String),
    BadCode(String),
    /// Nothing behind the colon or the `-`.
    Empty(String),
}

impl Filter {
    /// Reads a filter; `None` when the text has no term. `client_of` tells whose connection or session has a number.
    pub fn parse(
        text: &str,
        client_of: impl Fn(u64) -> Option<SocketAddr>,
    ) -> Result<Option<Self>, FilterError> {
        let terms = text
            .split_whitespace()
            .map(|word| Term::parse(word, &client_of))
            .collect::<Result<Vec<Term>, _>>()?;
        Ok((!terms.is_empty()).then(|| Self {
            text: text.trim().to_owned(),
            terms,
        }))
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn matches(&self, row: &Row) -> bool {
        self.terms
            .iter()
            .all(|term| term.test.holds(row) != term.negated)
    }
}

impl Term {
    fn parse(
        word: &str,
        client_of: &impl Fn(u64) -> Option<SocketAddr>,
    ) -> Result<Self, FilterError> {
        let (negated, bare) = match word.strip_prefix('-') {
            Some(bare) => (true, bare),
            None => (false, word),
        };
        if bare.is_empty() {
            return Err(FilterError::Empty(word.to_owned()));
        }
        let test = match bare.split_once(':') {
            // What begins with a path or a quote is looked for as it is, colons and all.
            Some((key, value)) if key.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                keyed(key, value, client_of)?
            }
            _ => Test::Text(bare.to_owned()),
        };
        Ok(Self { negated, test })
    }
}

fn keyed(
    key: &str,
    value: &str,
    client_of: &impl Fn(u64) -> Option<SocketAddr>,
) -> Result<Test, FilterError> {
    const KEYS: [&str; 6] = ["lab", "conn", "code", "verdict", "call", "is"];
    if KEYS.contains(&key) && value.is_empty() {
        return Err(FilterError::Empty(format!("{key}:")));
    }
    Ok(match key {
        "lab" => Test::Lab(one_of("lab", value, Lab::ALL.map(|lab| (lab.name(), lab)))?),
        "conn" => {
            let number = value.trim_start_matches([':', '#']).parse();
            let number = number.map_err(|_| FilterError::BadConnection(value.to_owned()))?;
            Test::Connection(number, client_of(number))
        }
        "code" => code(value).ok_or_else(|| FilterError::BadCode(value.to_owned()))?,
        "verdict" => Test::Verdict(one_of("verdict", value, VERDICTS)?),
        "call" => Test::Call(one_of("call", value, Call::NAMES.map(|name| (name, name)))?),
        "is" => Test::Is(one_of("is", value, SORTS)?),
        _ => return Err(FilterError::UnknownKey(key.to_owned())),
    })
}

fn one_of<T: Copy, const N: usize>(
    key: &'static str,
    value: &str,
    known: [(&'static str, T); N],
) -> Result<T, FilterError> {
    let found = known
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(value));
    found
        .map(|(_, one)| *one)
        .ok_or_else(|| FilterError::NotOneOf {
            key,
            found: value.to_owned(),
            known: known.map(|(name, _)| name).join(", "),
        })
}

/// `404` or `4xx`.
fn code(text: &str) -> Option<Test> {
    match text.as_bytes() {
        [first @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] => {
            Some(Test::CodeClass(u16::from(first - b'0')))
        }
        [b'1'..=b'5', _, _] => text.parse().ok().map(Test::Code),
        _ => None,
    }
}

impl Test {
    fn holds(&self, row: &Row) -> bool {
        match (self, &row.what) {
            (Test::Lab(lab), _) => row.lab == Some(*lab),
            (Test::Connection(number, client), what) => {
                let ports = [row.flow.client, row.flow.server].into_iter().flatten();
                let mut ports = ports.map(|address| u64::from(address.port()));
                ports.any(|port| port == *number)
                    || client.is_some() && row.flow.client == *client
                    || matches!(what, What::Message(message) if is_numbered(message, *number))
            }
            (Test::Is(sort), what) => match sort {
                Sort::Call => matches!(what, What::Call(_)),
                Sort::Message => matches!(what, What::Message(_)),
                Sort::Note => matches!(what, What::Note(_)),
                Sort::Trouble => row.is_trouble(),
                Sort::Marked => row.marked,
            },
            (Test::Code(code), What::Message(message)) => message.code() == Some(*code),
            (Test::CodeClass(class), What::Message(message)) => {
                message.code().map(|code| code / 100) == Some(*class)
            }
            (Test::Verdict(verdict), What::Message(message)) => verdict.holds(message),
            (Test::Verdict(Verdict::Refused), What::Call(call)) => call.error.is_some(),
            (Test::Call(name), What::Call(call)) => call.call.name() == *name,
            (Test::Text(text), What::Message(message)) => {
                contains(message.summary.as_bytes(), text) || contains(&message.bytes, text)
            }
            (Test::Text(text), What::Call(call)) => {
                contains(call.call.name().as_bytes(), text)
                    || call
                        .call
                        .payload()
                        .is_some_and(|payload| contains(&payload.bytes, text))
                    || call
                        .error
                        .as_ref()
                        .is_some_and(|error| contains(error.as_bytes(), text))
            }
            (Test::Text(text), What::Note(note)) => contains(note.as_bytes(), text),
            _ => false,
        }
    }
}

/// Whether a message went over the connection, or in the session, of that number.
fn is_numbered(message: &Message, number: u64) -> bool {
    message.subjects.iter().any(|subject| match subject {
        Subject::Exchange { connection, .. } => *connection == number,
        Subject::Session { session, .. } => *session == number,
        _ => false,
    })
}

impl Verdict {
    fn holds(self, message: &Message) -> bool {
        match self {
            Verdict::Lost => matches!(message.fate, Fate::Killed(_) | Fate::Unanswered),
            Verdict::Late => message.fate == Fate::Late,
            Verdict::Duplicate => message.arrived.len() > 1,
            Verdict::Reordered => message.reordered,
            Verdict::Damaged => message.damaged,
            Verdict::Refused => matches!(message.fate, Fate::Refused | Fate::Turned),
        }
    }
}

impl Message {
    /// The code of a response or of a reply.
    pub fn code(&self) -> Option<u16> {
        match self.kind {
            Kind::Response { status } => Some(status),
            Kind::Reply { code } => Some(code),
            Kind::Datagram | Kind::Request | Kind::Command | Kind::Content => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::tabs::wire::row::Message;
    use crate::proto::link::Leg;
    use crate::trace::wire::End;
    use proptest::prelude::*;
    use std::time::Duration;

    fn row(what: What, lab: Lab) -> Row {
        Row {
            id: 1,
            at: Duration::ZERO,
            lab: Some(lab),
            flow: Flow {
                client: "127.0.0.1:54321".parse().ok(),
                server: "127.0.0.1:6789".parse().ok(),
            },
            what,
            marked: false,
        }
    }

    fn response() -> Row {
        let message = Message {
            bytes: (*b"HTTP/1.1 404 Not Found\r\nServer: x:y\r\n").into(),
            summary: "404 Not Found".into(),
            subjects: vec![Subject::Exchange {
                connection: 12,
                number: 1,
            }],
            ..Message::new(Kind::Response { status: 404 }, End::Server)
        };
        row(What::Message(Box::new(message)), Lab::Web)
    }

    fn filter(text: &str) -> Filter {
        Filter::parse(text, |_| None).expect(text).expect(text)
    }

    #[test]
    fn terms_hold_or_not() {
        let table = [
            ("lab:web", true),
            ("lab:WEB", true),
            ("lab:mail", false),
            ("-lab:mail", true),
            ("conn:54321", true),
            ("conn::6789", true),
            ("conn:12", true),
            ("conn:#12", true),
            ("conn:13", false),
            ("code:404", true),
            ("code:4xx", true),
            ("code:5XX", false),
            ("is:message", true),
            ("is:call", false),
            ("is:trouble", true),
            ("-is:marked", true),
            ("not", true),
            ("server", true),
            ("nowhere", false),
            ("verdict:lost", false),
            ("call:recv", false),
            ("lab:web code:4xx -conn:1", true),
            ("lab:web code:5xx", false),
        ];
        for (text, holds) in table {
            assert_eq!(filter(text).matches(&response()), holds, "{text}");
            assert_eq!(filter(text).text(), text);
        }
    }

    #[test]
    fn verdicts_are_those_of_the_message() {
        let verdicts = |message: Message| -> Vec<&str> {
            let row = row(What::Message(Box::new(message)), Lab::Ping);
            let names = VERDICTS.iter().map(|(name, _)| *name);
            let holds = |name: &&str| filter(&format!("verdict:{name}")).matches(&row);
            names.filter(holds).collect()
        };
        let ping = || Message::new(Kind::Datagram, End::Client);
        let of = |fate| Message { fate, ..ping() };
        assert_eq!(verdicts(of(Fate::Killed(Leg::Reply))), ["lost"]);
        assert_eq!(verdicts(of(Fate::Unanswered)), ["lost"]);
        assert_eq!(
            verdicts(of(Fate::InFlight)),
            [""; 0],
            "in flight is not lost"
        );
        assert_eq!(verdicts(of(Fate::Late)), ["late"], "late is not lost");
        assert_eq!(verdicts(of(Fate::Refused)), ["refused"]);
        let copies = Message {
            arrived: vec![Duration::ZERO; 2],
            damaged: true,
            reordered: true,
            ..of(Fate::Arrived)
        };
        assert_eq!(verdicts(copies), ["dup", "reordered", "damaged"]);
    }

    #[test]
    fn a_number_stands_for_its_client_too() {
        let client = "127.0.0.1:54321".parse().ok();
        let call = row(What::Note("x".into()), Lab::Web);
        let found = |number| if number == 7 { client } else { None };
        let filter = |text| Filter::parse(text, found).unwrap().unwrap();
        assert!(filter("conn:7").matches(&call));
        assert!(!filter("conn:8").matches(&call));
    }

    #[test]
    fn what_is_no_filter_says_what_would_be() {
        use FilterError::{BadCode, BadConnection, Empty, UnknownKey};
        let wrong = |text| Filter::parse(text, |_| None).expect_err(text);
        assert_eq!(wrong("colour:red"), UnknownKey("colour".into()));
        assert_eq!(wrong("conn:x"), BadConnection("x".into()));
        assert_eq!(wrong("code:4"), BadCode("4".into()));
        assert_eq!(wrong("code:600"), BadCode("600".into()));
        assert_eq!(wrong("is:"), Empty("is:".into()));
        assert_eq!(wrong("-"), Empty("-".into()));
        let FilterError::NotOneOf { key, known, .. } = wrong("verdict:gone") else {
            panic!("a verdict is one of a few");
        };
        assert_eq!(
            (key, &*known),
            ("verdict", "lost, late, dup, reordered, damaged, refused")
        );
        assert_eq!(Filter::parse("  ", |_| None), Ok(None));
    }

    proptest! {
        #[test]
        fn any_text_is_a_filter_or_an_error(text in any::<String>()) {
            if let Ok(Some(filter)) = Filter::parse(&text, |_| None) {
                filter.matches(&response());
            }
        }
    }
}
