//! What a client is to do: the one description of a sending, which the compose form and the command line make and the client carries out.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::sasl::Mechanism;
use super::stage::Stage;
use crate::proto::message::Outline;
use crate::proto::secret::Secret;

/// What the time limits of RFC 5321 can be multiplied by. They are minutes long, so more than tenfold is of no use to anybody.
pub const TIME_SCALES: RangeInclusive<f64> = 0.001..=10.0;

/// A sending.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// `None` does not log in.
    pub login: Option<Login>,
    /// The name in EHLO and HELO; `None` takes the address literal of our end (RFC 5321 §4.1.4).
    pub helo: Option<String>,
    pub message: Outline,
    /// How often the message is sent, each with a Message-ID of its own, on one connection.
    pub count: u32,
    /// Send commands without waiting for replies where the server offers PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// Send the message in chunks where the server offers CHUNKING (RFC 3030).
    pub chunking: bool,
    /// After this stage's reply, end with QUIT.
    pub quit_after: Option<Stage>,
    /// Factor on every time limit of RFC 5321 §4.5.3.2, one of [`TIME_SCALES`]: a class does not wait five minutes.
    pub time_scale: f64,
    pub trust: Trust,
    /// What becomes of recipients that got a 4xx.
    pub retry: Retry,
    pub pace: Pace,
}

impl Plan {
    /// The plainest sending: once, in clear text, without a login, a line at a time.
    pub fn plain(host: String, port: u16, message: Outline) -> Self {
        Self {
            host,
            port,
            security: Security::None,
            login: None,
            helo: None,
            message,
            count: 1,
            pipelining: false,
            chunking: false,
            quit_after: None,
            time_scale: 1.0,
            trust: Trust::default(),
            retry: Retry::Never,
            pace: Pace::Run,
        }
    }
}

/// Whether and how a session is encrypted. Never a silent fall-back: what is asked for happens, or nothing is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Security {
    None,
    /// The session begins in clear text and is upgraded (RFC 3207).
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Tls,
}

impl Security {
    pub const ALL: [Security; 3] = [Security::None, Security::StartTls, Security::Tls];

    /// Its name in flags and settings.
    pub fn name(self) -> &'static str {
        match self {
            Security::None => "none",
            Security::StartTls => "starttls",
            Security::Tls => "tls",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|security| security.name() == name)
    }
}

/// Who logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub mechanism: Mechanism,
    pub user: String,
    pub password: Password,
}

/// Where a password comes from. It is fetched when the session begins and kept no longer than that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    Typed(Secret),
    /// The first line of what a command of the system's shell prints.
    Command(String),
    /// The first line of a file.
    File(PathBuf),
    /// A variable of the environment.
    Variable(String),
}

/// Whose certificates are believed, besides the roots of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust {
    /// PEM files with further roots: that of the lab's own server, and what the user names.
    pub ca_files: Vec<PathBuf>,
    pub check: Check,
}

/// What is done about a certificate that can't be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Check {
    /// The session ends before anything is said in it.
    #[default]
    Refuse,
    /// It is shown, and the session goes on: `--insecure`.
    Report,
}

/// What becomes of recipients that got a 4xx (RFC 5321 §4.5.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    Never,
    /// Tried again up to `times` after `pause` each.
    After {
        pause: Duration,
        times: u32,
    },
}

/// Who decides that the next command goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// The client itself.
    Run,
    /// A person: each command waits until it is let go ([`Order::Go`]).
    Step,
}

/// What a person says to a client that is at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// The held command goes out, as it stands or as it was edited (without its line end).
    Go(Option<Secret>),
    /// This line goes out as it is (its line end is added).
    Raw(Secret),
    SetPace(Pace),
    /// The pause before another try ends now.
    RetryNow,
    /// QUIT as soon as the session allows it.
    Quit,
    /// The connection is closed at once.
    Drop,
}
