//! The JSON lines of the lab's mail server. Those of what is said have the shape that the client's have, with the session and the time.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::Path;

use serde::Serialize;

use crate::headless::dialogue::Said;
use crate::proto::smtp::server::EndOfData;
use crate::trace::clock::Clock;
use crate::trace::escape::escape_hostile;
use crate::trace::mail::{MailEvent, MailReport, SessionEnd, SessionId};

/// An object on a line of its own.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Object<'a> {
    Said(InSession<'a>),
    Line(Line<'a>),
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Line<'a> {
    Listening {
        address: SocketAddr,
        tls_address: Option<SocketAddr>,
        /// The file with the server's certificate.
        certificate: Option<Cow<'a, str>>,
        /// The Maildir; `null` keeps messages in memory.
        folder: Option<Cow<'a, str>>,
    },
    Faults {
        faults: Vec<String>,
        end_of_data: &'static str,
    },
    Opened {
        session: SessionId,
        time: String,
        client: SocketAddr,
        encrypted: bool,
    },
    Tls {
        session: SessionId,
        time: String,
        version: &'a str,
        cipher: &'a str,
    },
    /// Bytes that stood behind STARTTLS in clear text.
    Dropped {
        session: SessionId,
        time: String,
        bytes: u64,
        excerpt: Cow<'a, str>,
    },
    Message {
        session: SessionId,
        time: String,
        /// `null` is the null reverse-path.
        from: Option<&'a str>,
        to: Vec<&'a str>,
        bytes: u64,
        file: Option<Cow<'a, str>>,
    },
    Closed {
        session: SessionId,
        time: String,
        client: SocketAddr,
        cause: &'static str,
        commands: u32,
        messages: u32,
    },
    /// Events that no line tells of, because they came too fast.
    Skipped {
        events: u64,
    },
    Summary(Box<Summary>),
}

/// What was said in a session.
#[derive(Serialize)]
pub struct InSession<'a> {
    #[serde(flatten)]
    said: Said<'a>,
    session: SessionId,
    time: String,
}

#[derive(Serialize)]
pub struct Summary {
    sessions: u64,
    commands: u64,
    replies: Replies,
    messages: u64,
    bytes: u64,
    refused: u64,
    faults: Option<u64>,
    turned_away: u64,
    /// Messages in the mailbox now.
    held: u64,
}

/// Replies by their first digit.
#[derive(Serialize)]
struct Replies {
    #[serde(rename = "2xx")]
    positive: u64,
    #[serde(rename = "3xx")]
    intermediate: u64,
    #[serde(rename = "4xx")]
    transient: u64,
    #[serde(rename = "5xx")]
    permanent: u64,
}

impl Summary {
    pub fn of(report: &MailReport) -> Self {
        let counts = &report.counts;
        let [positive, intermediate, transient, permanent] = counts.by_class;
        Self {
            sessions: counts.sessions,
            commands: counts.commands,
            replies: Replies {
                positive,
                intermediate,
                transient,
                permanent,
            },
            messages: counts.messages,
            bytes: counts.bytes,
            refused: counts.refused,
            faults: counts.faults,
            turned_away: counts.turned_away,
            held: report.held,
        }
    }
}

/// What an event is told as, if it is told.
pub fn object(event: &MailEvent, clock: Clock) -> Option<Object<'_>> {
    let time = |at| clock.rfc3339(at);
    let line = match event {
        MailEvent::Spoken { session, spoken } => {
            return Some(Object::Said(InSession {
                said: Said::of(&spoken.what),
                session: *session,
                time: time(spoken.at),
            }));
        }
        MailEvent::Listening {
            address,
            tls_address,
            certificate,
            folder,
        } => Line::Listening {
            address: *address,
            tls_address: *tls_address,
            certificate: certificate.as_deref().map(Path::to_string_lossy),
            folder: folder.as_deref().map(Path::to_string_lossy),
        },
        MailEvent::Opened {
            session,
            client,
            at,
            encrypted,
        } => Line::Opened {
            session: *session,
            time: time(*at),
            client: *client,
            encrypted: *encrypted,
        },
        MailEvent::Secured {
            session,
            at,
            version,
            cipher,
        } => Line::Tls {
            session: *session,
            time: time(*at),
            version,
            cipher,
        },
        MailEvent::Dropped {
            session,
            at,
            bytes,
            excerpt,
        } => Line::Dropped {
            session: *session,
            time: time(*at),
            bytes: *bytes,
            excerpt: escape_hostile(excerpt),
        },
        MailEvent::Arrived(arrived) => Line::Message {
            session: arrived.session,
            time: time(arrived.at),
            from: arrived.envelope.from.as_ref().map(|from| from.as_str()),
            to: arrived.envelope.to.iter().map(|to| to.as_str()).collect(),
            bytes: arrived.bytes,
            file: arrived.file.as_deref().map(Path::to_string_lossy),
        },
        MailEvent::Closed {
            session,
            client,
            at,
            cause,
            commands,
            messages,
        } => Line::Closed {
            session: *session,
            time: time(*at),
            client: *client,
            cause: end_name(*cause),
            commands: *commands,
            messages: *messages,
        },
        MailEvent::Faulty { .. } | MailEvent::Failed { .. } => return None,
    };
    Some(Object::Line(line))
}

/// The stable name in JSON.
pub fn end_of_data_name(end_of_data: EndOfData) -> &'static str {
    match end_of_data {
        EndOfData::Strict => "strict",
        EndOfData::Lenient => "lenient",
    }
}

/// The stable name in JSON.
fn end_name(end: SessionEnd) -> &'static str {
    match end {
        SessionEnd::Quit => "quit",
        SessionEnd::ClientGone => "client-gone",
        SessionEnd::Idle => "idle",
        SessionEnd::Misbehaved => "misbehaved",
        SessionEnd::HandshakeFailed => "handshake-failed",
        SessionEnd::Fault => "fault",
        SessionEnd::TooMany => "too-many",
        SessionEnd::Stopped => "stopped",
    }
}
