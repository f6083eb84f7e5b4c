//! What a server offers in its reply to EHLO (RFC 5321 §4.1.1.1). It stands apart because servers write it in many ways, and what a client believes
//! to be offered decides whether it logs in and encrypts.

use super::reply::{Oddity, Reply};

/// What the reply to EHLO offers. The same of a reply to HELO is nothing but a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// The first word of the first line: what the server calls itself. As it came.
    pub name: String,
    /// RFC 1870: the biggest message in bytes; `Some(None)` where the server tells none, or 0.
    pub size: Option<Option<u64>>,
    /// RFC 4954: mechanisms in upper case, each once, in the server's order. Empty without AUTH.
    pub auth: Vec<String>,
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 3030.
    pub chunking: bool,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3461.
    pub dsn: bool,
    /// RFC 2034.
    pub enhanced_codes: bool,
    /// Line by line, for display.
    pub offered: Vec<Offer>,
    /// What is odd about the way they are written.
    pub odd: Vec<Oddity>,
}

/// A line of the reply behind the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// In upper case.
    pub keyword: String,
    pub parameters: Vec<String>,
}

impl Capabilities {
    /// Reads a reply to EHLO, keywords in any case. What a keyword says twice is merged, and an empty line is no keyword.
    pub fn read(reply: &Reply) -> Self {
        let mut found = Self::default();
        let mut lines = reply.lines.iter().map(|line| String::from_utf8_lossy(line));
        if let Some(first) = lines.next() {
            found.name = words(&first).next().unwrap_or_default().to_owned();
        }
        for line in lines {
            found.take(&line);
        }
        found
    }

    /// Whether the keyword is offered, in any case.
    pub fn offers(&self, keyword: &str) -> bool {
        let mut offered = self.offered.iter();
        offered.any(|offer| offer.keyword.eq_ignore_ascii_case(keyword))
    }

    fn take(&mut self, line: &str) {
        let mut words = words(line);
        let Some(first) = words.next() else {
            return;
        };
        let upper = first.to_ascii_uppercase();
        // `AUTH=LOGIN` is older than RFC 4954 and still written beside `AUTH LOGIN`; `SIZE=1000` is written by mistake.
        let (keyword, value) = match upper.split_once('=') {
            Some((keyword @ ("AUTH" | "SIZE"), value)) => (keyword.to_owned(), Some(value)),
            _ => (upper.clone(), None),
        };
        let value = value.filter(|value| !value.is_empty()).map(str::to_owned);
        let parameters: Vec<String> = value.into_iter().chain(words.map(str::to_owned)).collect();
        match keyword.as_str() {
            "SIZE" => {
                // Of up to 20 digits: more than 64 bits hold is as good as no limit.
                let most = parameters.first().and_then(|most| most.parse().ok());
                self.size = Some(most.filter(|&most| most > 0));
            }
            "AUTH" => {
                if upper.starts_with("AUTH=") && !self.odd.contains(&Oddity::AuthEquals) {
                    self.odd.push(Oddity::AuthEquals);
                }
                for mechanism in &parameters {
                    let mechanism = mechanism.to_ascii_uppercase();
                    if !self.auth.contains(&mechanism) {
                        self.auth.push(mechanism);
                    }
                }
            }
            "STARTTLS" => self.starttls = true,
            "PIPELINING" => self.pipelining = true,
            "CHUNKING" => self.chunking = true,
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "DSN" => self.dsn = true,
            "ENHANCEDSTATUSCODES" => self.enhanced_codes = true,
            _ => {}
        }
        self.offered.push(Offer {
            keyword,
            parameters,
        });
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split([' ', '\t']).filter(|word| !word.is_empty())
}

/// The key of what a keyword means, in any case.
pub fn explanation_key(keyword: &str) -> &'static str {
    let mut explained = EXPLAINED.iter();
    let found = explained.find(|(known, _)| known.eq_ignore_ascii_case(keyword));
    match (found, keyword.as_bytes()) {
        (Some((_, key)), _) => key,
        (None, [b'X' | b'x', ..]) => "smtp.capability.private",
        (None, _) => "smtp.capability.unknown",
    }
}

/// The keywords that have an explanation.
pub const EXPLAINED: [(&str, &str); 33] = [
    ("8BITMIME", "smtp.capability.8bitmime"),
    ("ATRN", "smtp.capability.atrn"),
    ("AUTH", "smtp.capability.auth"),
    ("BINARYMIME", "smtp.capability.binarymime"),
    ("BURL", "smtp.capability.burl"),
    ("CHECKPOINT", "smtp.capability.checkpoint"),
    ("CHUNKING", "smtp.capability.chunking"),
    ("CONNEG", "smtp.capability.conneg"),
    ("CONPERM", "smtp.capability.conperm"),
    ("DELIVERBY", "smtp.capability.deliverby"),
    ("DSN", "smtp.capability.dsn"),
    ("ENHANCEDSTATUSCODES", "smtp.capability.enhancedstatuscodes"),
    ("ETRN", "smtp.capability.etrn"),
    ("EXPN", "smtp.capability.expn"),
    ("FUTURERELEASE", "smtp.capability.futurerelease"),
    ("HELP", "smtp.capability.help"),
    ("LIMITS", "smtp.capability.limits"),
    ("MT-PRIORITY", "smtp.capability.mt-priority"),
    ("MTRK", "smtp.capability.mtrk"),
    ("NO-SOLICITING", "smtp.capability.no-soliciting"),
    ("PIPECONNECT", "smtp.capability.pipeconnect"),
    ("PIPELINING", "smtp.capability.pipelining"),
    ("PRDR", "smtp.capability.prdr"),
    ("REQUIRETLS", "smtp.capability.requiretls"),
    ("RRVS", "smtp.capability.rrvs"),
    ("SIZE", "smtp.capability.size"),
    ("SMTPUTF8", "smtp.capability.smtputf8"),
    ("STARTTLS", "smtp.capability.starttls"),
    ("SUBMITTER", "smtp.capability.submitter"),
    ("VRFY", "smtp.capability.vrfy"),
    ("XCLIENT", "smtp.capability.xclient"),
    ("XFORWARD", "smtp.capability.xforward"),
    ("XOORG", "smtp.capability.xoorg"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::smtp::reply::{Limits, ReplyParser};

    fn read(reply: &str) -> Capabilities {
        let mut parser = ReplyParser::new(Limits::default());
        parser.push(reply.as_bytes());
        let reply = parser.next_reply().expect("a reply").expect("a whole one");
        Capabilities::read(&reply)
    }

    #[test]
    fn a_full_reply() {
        let found = read(
            "250-mx.example greets you\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-STARTTLS\r\n\
             250-AUTH PLAIN LOGIN CRAM-MD5\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n\
             250-SMTPUTF8\r\n250-X-OWN with things\r\n250 CHUNKING\r\n",
        );
        assert_eq!(found.name, "mx.example");
        assert_eq!(found.size, Some(Some(10_240_000)));
        assert_eq!(found.auth, ["PLAIN", "LOGIN", "CRAM-MD5"]);
        let flags = [
            found.starttls,
            found.pipelining,
            found.chunking,
            found.eight_bit_mime,
            found.smtputf8,
            found.dsn,
            found.enhanced_codes,
        ];
        assert_eq!(flags, [true; 7]);
        assert_eq!(found.offered.len(), 10);
        assert_eq!(found.offered[8].keyword, "X-OWN");
        assert_eq!(found.offered[8].parameters, ["with", "things"]);
        assert!(found.offers("x-own") && !found.offers("with"));
        assert_eq!(found.odd, []);
    }

    #[test]
    fn nothing_is_offered_by_a_name() {
        for reply in [
            "250 mx.example\r\n",
            "250 mx.example STARTTLS\r\n",
            "250 mx.example\tSIZE\r\n",
        ] {
            let found = read(reply);
            let nothing = Capabilities {
                name: "mx.example".to_owned(),
                ..Capabilities::default()
            };
            assert_eq!(found, nothing);
        }
        assert_eq!(read("250\r\n"), Capabilities::default());
        // smtp-sink ends its list with an empty line.
        assert_eq!(read("250-sink\r\n250-DSN\r\n250 \r\n").offered.len(), 1);
    }

    #[test]
    fn keywords_in_any_case_and_form() {
        let auth = |line: &str| {
            let found = read(&format!("250-x\r\n250 {line}\r\n"));
            (found.auth.join(" "), !found.odd.is_empty())
        };
        for (line, mechanisms, odd) in [
            ("AUTH LOGIN", "LOGIN", false),
            ("auth login plain", "LOGIN PLAIN", false),
            ("AUTH=LOGIN", "LOGIN", true),
            ("AUTH=LOGIN PLAIN", "LOGIN PLAIN", true),
            ("Auth=plain plain", "PLAIN", true),
            ("AUTH= LOGIN", "LOGIN", true),
            ("AUTH", "", false),
            ("AUTH  LOGIN\tPLAIN ", "LOGIN PLAIN", false),
        ] {
            assert_eq!(auth(line), (mechanisms.to_owned(), odd), "{line}");
        }
        let both =
            read("250-x\r\n250-AUTH LOGIN PLAIN\r\n250-AUTH=LOGIN CRAM-MD5\r\n250 auth=x\r\n");
        assert_eq!(both.auth, ["LOGIN", "PLAIN", "CRAM-MD5", "X"]);
        assert_eq!(both.odd, [Oddity::AuthEquals]);
        assert!(read("250-x\r\n250 starttls\r\n").starttls);
    }

    #[test]
    fn sizes() {
        for (line, size) in [
            ("SIZE", Some(None)),
            ("SIZE 0", Some(None)),
            ("size 1000", Some(Some(1000))),
            ("SIZE=1000", Some(Some(1000))),
            ("SIZE many", Some(None)),
            ("SIZE -1", Some(None)),
            ("SIZE 99999999999999999999", Some(None)),
            ("SIZES 10", None),
        ] {
            assert_eq!(
                read(&format!("250-x\r\n250 {line}\r\n")).size,
                size,
                "{line}"
            );
        }
    }

    #[test]
    fn hostile_lines_are_kept_as_text() {
        let found = read("250-\x1b[2J\r\n250 \x1b]0;x\x07 \u{202e}\r\n");
        assert_eq!(found.name, "\x1b[2J");
        assert_eq!(found.offered[0].keyword, "\x1b]0;X\x07");
    }

    #[test]
    fn explanations_are_found_in_any_case() {
        assert_eq!(explanation_key("starttls"), "smtp.capability.starttls");
        assert_eq!(explanation_key("XCLIENT"), "smtp.capability.xclient");
        assert_eq!(explanation_key("X-WHATEVER"), "smtp.capability.private");
        assert_eq!(explanation_key("NEWTHING"), "smtp.capability.unknown");
        assert_eq!(explanation_key(""), "smtp.capability.unknown");
        for (keyword, key) in EXPLAINED {
            assert_eq!(
                key,
                format!("smtp.capability.{}", keyword.to_ascii_lowercase())
            );
        }
    }
}
