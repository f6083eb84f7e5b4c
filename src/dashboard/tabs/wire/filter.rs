//! What the words of the Wire tab's filter mean, such as `lab:web code:4xx !conn:54321`.

use std::net::SocketAddr;

use super::row::{Fate, Flow, Kind, Message, Row, What};
use crate::dashboard::tabs::filter::{self, Code, FilterError, Word, contains};
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

/// Tests that a row has to meet, all of them.
pub type Filter = filter::Filter<Test>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    Lab(Lab),
    /// A port of either end, or the number of a connection or session; where that is known, with the client's address.
    Connection(u64, Option<SocketAddr>),
    Code(Code),
    Verdict(Verdict),
    /// The name of a call.
    Call(&'static str),
    Is(Sort),
    /// Somewhere in the summary, the bytes or the error, as text.
    Text(String),
}

/// What became of a message, as a filter names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
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
pub enum Sort {
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

const KEYS: &str = "lab: conn: code: verdict: call: is:";

impl Filter {
    /// Reads a filter; `None` when the text has no word. `client_of` tells whose connection or session has a number.
    pub fn parse(
        text: &str,
        client_of: impl Fn(u64) -> Option<SocketAddr>,
    ) -> Result<Option<Self>, FilterError> {
        Self::of_words(text, |word| match word {
            Word::Bare(word) => Ok(Test::Text(word.to_owned())),
            Word::Keyed(key, value) => keyed(key, value, &client_of),
        })
    }

    pub fn matches(&self, row: &Row) -> bool {
        self.holds(|test| test.holds(row))
    }
}

fn keyed(
    key: &str,
    value: &str,
    client_of: &impl Fn(u64) -> Option<SocketAddr>,
) -> Result<Test, FilterError> {
    let bad = |says| FilterError::bad_value(says, value);
    Ok(match key {
        "lab" => Test::Lab(one_of("lab", value, Lab::ALL.map(|lab| (lab.name(), lab)))?),
        "conn" => {
            let number = value.trim_start_matches([':', '#']).parse();
            let number = number.map_err(|_| bad("wire.filter.bad_connection"))?;
            Test::Connection(number, client_of(number))
        }
        // The Web tab calls it so.
        "code" | "status" => {
            Test::Code(Code::parse(value).ok_or_else(|| bad("wire.filter.bad_code"))?)
        }
        "verdict" => Test::Verdict(one_of("verdict", value, VERDICTS)?),
        "call" => Test::Call(one_of("call", value, Call::NAMES.map(|name| (name, name)))?),
        "is" => Test::Is(one_of("is", value, SORTS)?),
        _ => {
            return Err(FilterError::UnknownKey {
                found: key.to_owned(),
                known: KEYS,
            });
        }
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
            (Test::Code(wanted), What::Message(message)) => {
                message.code().is_some_and(|code| wanted.holds(code))
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
            ("!lab:mail", true),
            ("conn:54321", true),
            ("conn::6789", true),
            ("conn:12", true),
            ("conn:#12", true),
            ("conn:13", false),
            ("code:404", true),
            ("code:4xx", true),
            ("status:404", true),
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
        let wrong = |text| Filter::parse(text, |_| None).expect_err(text);
        let bad = FilterError::bad_value;
        let unknown = FilterError::UnknownKey {
            found: "colour".into(),
            known: KEYS,
        };
        assert_eq!(wrong("colour:red"), unknown);
        assert_eq!(wrong("conn:x"), bad("wire.filter.bad_connection", "x"));
        assert_eq!(wrong("code:4"), bad("wire.filter.bad_code", "4"));
        assert_eq!(wrong("code:600"), bad("wire.filter.bad_code", "600"));
        assert_eq!(wrong("is:"), FilterError::Empty("is:".into()));
        let FilterError::NotOneOf { key, known, .. } = wrong("verdict:gone") else {
            panic!("a verdict is one of a few");
        };
        assert_eq!(
            (key, &*known),
            ("verdict", "lost, late, dup, reordered, damaged, refused")
        );
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
