//! The steps of an SMTP session. Both ends, the screens and the files speak of a session in these terms.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A step of a session: a command, or what stands where a command would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The name is resolved and the connection opened.
    Connect,
    /// The server's greeting.
    Banner,
    Ehlo,
    Helo,
    StartTls,
    /// The TLS handshake.
    Tls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// The message itself, and the reply to its final dot.
    Dot,
    /// A chunk of a message (RFC 3030).
    Bdat,
    Rset,
    Noop,
    Vrfy,
    Expn,
    Help,
    Quit,
    /// A line that is none of these.
    Other,
}

impl Stage {
    pub const ALL: [Stage; 19] = [
        Stage::Connect,
        Stage::Banner,
        Stage::Ehlo,
        Stage::Helo,
        Stage::StartTls,
        Stage::Tls,
        Stage::Auth,
        Stage::Mail,
        Stage::Rcpt,
        Stage::Data,
        Stage::Dot,
        Stage::Bdat,
        Stage::Rset,
        Stage::Noop,
        Stage::Vrfy,
        Stage::Expn,
        Stage::Help,
        Stage::Quit,
        Stage::Other,
    ];

    /// Its stable name: in flags, settings, JSON and fault specifications.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Connect => "connect",
            Stage::Banner => "banner",
            Stage::Ehlo => "ehlo",
            Stage::Helo => "helo",
            Stage::StartTls => "starttls",
            Stage::Tls => "tls",
            Stage::Auth => "auth",
            Stage::Mail => "mail",
            Stage::Rcpt => "rcpt",
            Stage::Data => "data",
            Stage::Dot => "dot",
            Stage::Bdat => "bdat",
            Stage::Rset => "rset",
            Stage::Noop => "noop",
            Stage::Vrfy => "vrfy",
            Stage::Expn => "expn",
            Stage::Help => "help",
            Stage::Quit => "quit",
            Stage::Other => "other",
        }
    }

    /// The stage of that name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|stage| stage.name().eq_ignore_ascii_case(name))
    }

    /// How long a client waits for the server's reply (RFC 5321 §4.5.3.2): five minutes for the greeting, MAIL and RCPT, two for DATA, ten after the
    /// final dot. The RFC names no time for the other commands; they get the five minutes of MAIL.
    pub fn patience(self) -> Duration {
        let minutes = match self {
            Stage::Data => 2,
            Stage::Dot | Stage::Bdat => 10,
            _ => 5,
        };
        Duration::from_secs(60 * minutes)
    }
}

/// How long a client may take to hand over one block of a message (RFC 5321 §4.5.3.2.5).
pub const DATA_BLOCK: Duration = Duration::from_secs(3 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for stage in Stage::ALL {
            assert_eq!(Stage::from_name(stage.name()), Some(stage));
        }
        assert_eq!(Stage::from_name("DATA"), Some(Stage::Data));
        assert_eq!(Stage::from_name("tata"), None);
    }

    #[test]
    fn patience_is_that_of_the_rfc() {
        let minutes = |stage: Stage| stage.patience().as_secs() / 60;
        assert_eq!(minutes(Stage::Banner), 5);
        assert_eq!(minutes(Stage::Mail), 5);
        assert_eq!(minutes(Stage::Rcpt), 5);
        assert_eq!(minutes(Stage::Data), 2);
        assert_eq!(minutes(Stage::Dot), 10);
        assert_eq!(DATA_BLOCK.as_secs(), 180);
    }
}
