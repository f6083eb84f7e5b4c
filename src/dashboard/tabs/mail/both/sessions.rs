//! The sessions of the lab's server as it reported them: ours, and those of programs that somebody else wrote.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::trace::mail::{MailEvent, SessionEnd, SessionId, Speech, Spoken};

/// Sessions that are kept.
pub const SESSIONS: usize = 64;
/// Things said in a session that are kept.
const SAID: usize = 1_000;
/// Bytes of what was said in a session that are kept.
const BYTES: usize = 256 << 10;
/// What something said costs besides its text.
const EACH: usize = 96;

/// One session.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: SessionId,
    /// `None` when the report of its beginning was left out.
    pub client: Option<SocketAddr>,
    pub opened: Duration,
    /// The oldest first.
    said: VecDeque<Spoken>,
    bytes: usize,
    /// Things said that are no longer kept.
    pub forgotten: u64,
    /// Bytes that stood behind STARTTLS in clear text and were thrown away, and when.
    pub dropped: Option<(Duration, u64)>,
    pub secured: Option<Secured>,
    pub closed: Option<Closed>,
}

/// TLS began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secured {
    pub at: Duration,
    pub version: String,
    pub cipher: String,
}

/// The session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    pub at: Duration,
    pub cause: SessionEnd,
    pub commands: u32,
    pub messages: u32,
}

impl Session {
    fn new(id: SessionId, client: Option<SocketAddr>, opened: Duration) -> Self {
        Self {
            id,
            client,
            opened,
            said: VecDeque::new(),
            bytes: 0,
            forgotten: 0,
            dropped: None,
            secured: None,
            closed: None,
        }
    }

    /// What is kept of what was said, with numbers that stay the same; the oldest first.
    pub fn said(&self) -> impl Iterator<Item = (u64, &Spoken)> {
        (self.forgotten..).zip(&self.said)
    }

    /// What was said under that number, unless it is no longer kept.
    pub fn spoken(&self, number: u64) -> Option<&Spoken> {
        let place = usize::try_from(number.checked_sub(self.forgotten)?).ok()?;
        self.said.get(place)
    }

    /// How many things were said, those no longer kept included.
    pub fn count(&self) -> u64 {
        self.forgotten + self.said.len() as u64
    }

    fn push(&mut self, spoken: Spoken) {
        self.bytes += cost(&spoken);
        self.said.push_back(spoken);
        while self.said.len() > SAID || (self.bytes > BYTES && self.said.len() > 1) {
            let oldest = self.said.pop_front();
            self.bytes -= oldest.as_ref().map_or(0, cost);
            self.forgotten += 1;
        }
    }
}

fn cost(spoken: &Spoken) -> usize {
    let text = match &spoken.what {
        Speech::Command(line) => line.shown.len() + line.bytes().len(),
        // The text is there twice: raw, and taken apart.
        Speech::Reply { reply, .. } => 2 * reply.raw.len() + EACH * reply.lines.len(),
        Speech::Content { excerpt, .. } => excerpt.len(),
    };
    text + EACH
}

/// The newest sessions.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    /// The oldest first.
    kept: VecDeque<Session>,
    /// Sessions that are no longer kept.
    pub forgotten: u64,
}

impl Sessions {
    /// The oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Session> {
        self.kept.iter()
    }

    pub fn get(&self, id: SessionId) -> Option<&Session> {
        let place = self.kept.binary_search_by_key(&id, |session| session.id);
        self.kept.get(place.ok()?)
    }

    pub fn take(&mut self, event: MailEvent) {
        match event {
            MailEvent::Opened {
                session,
                client,
                at,
                ..
            } => {
                let opened = self.get_or_open(session, at);
                if let Some(opened) = opened {
                    opened.client = Some(client);
                }
            }
            MailEvent::Spoken { session, spoken } => {
                if let Some(session) = self.get_or_open(session, spoken.at) {
                    session.push(spoken);
                }
            }
            MailEvent::Dropped {
                session, at, bytes, ..
            } => {
                if let Some(session) = self.get_or_open(session, at) {
                    session.dropped = Some((at, bytes));
                }
            }
            MailEvent::Secured {
                session,
                at,
                version,
                cipher,
            } => {
                if let Some(session) = self.get_or_open(session, at) {
                    session.secured = Some(Secured {
                        at,
                        version,
                        cipher,
                    });
                }
            }
            MailEvent::Closed {
                session,
                client,
                at,
                cause,
                commands,
                messages,
            } => {
                if let Some(session) = self.get_or_open(session, at) {
                    session.client = Some(client);
                    session.closed = Some(Closed {
                        at,
                        cause,
                        commands,
                        messages,
                    });
                }
            }
            _ => {}
        }
    }

    /// The session of that number. One that is newer than all that are kept begins here; one that is older and not kept was forgotten.
    fn get_or_open(&mut self, id: SessionId, at: Duration) -> Option<&mut Session> {
        let newest = self.kept.back().map(|session| session.id);
        if newest.is_none_or(|newest| newest < id) {
            if self.kept.len() == SESSIONS {
                self.kept.pop_front();
                self.forgotten += 1;
            }
            self.kept.push_back(Session::new(id, None, at));
            return self.kept.back_mut();
        }
        let place = self.kept.binary_search_by_key(&id, |session| session.id);
        self.kept.get_mut(place.ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::secret::Line;
    use crate::proto::smtp::stage::Stage;

    fn spoken(session: SessionId, text: &str) -> MailEvent {
        MailEvent::Spoken {
            session,
            spoken: Spoken {
                at: Duration::ZERO,
                stage: Stage::Noop,
                encrypted: false,
                what: Speech::Command(Line::open(text.as_bytes())),
            },
        }
    }

    #[test]
    fn the_newest_sessions_are_kept_and_found() {
        let mut sessions = Sessions::default();
        for id in 1..=100 {
            sessions.take(spoken(id, "NOOP"));
            // The report of the beginning may come second, or never.
            sessions.take(MailEvent::Opened {
                session: id,
                client: SocketAddr::from(([127, 0, 0, 1], 1000 + id as u16)),
                at: Duration::ZERO,
                encrypted: false,
            });
        }
        assert_eq!(sessions.iter().count(), SESSIONS);
        assert_eq!(sessions.forgotten, 36);
        assert!(sessions.get(36).is_none());
        sessions.take(spoken(36, "NOOP"));
        assert!(sessions.get(36).is_none(), "what was forgotten stays so");
        let session = sessions.get(37).expect("it is kept");
        assert_eq!(session.client.map(|client| client.port()), Some(1037));
        assert_eq!(session.count(), 1);
    }

    #[test]
    fn what_is_said_is_bounded_in_number_and_bytes() {
        let mut sessions = Sessions::default();
        for _ in 0..3 * SAID {
            sessions.take(spoken(1, "NOOP"));
        }
        let session = sessions.get(1).expect("it is kept");
        assert_eq!(session.said().count(), SAID);
        assert_eq!(session.count(), 3 * SAID as u64);
        let (oldest, _) = session.said().next().expect("there is one");
        assert!(session.spoken(oldest).is_some() && session.spoken(oldest - 1).is_none());
        for _ in 0..100 {
            sessions.take(spoken(1, &"x".repeat(BYTES / 10)));
        }
        let session = sessions.get(1).expect("it is kept");
        assert!(session.bytes <= BYTES && session.said().count() < 10);
    }
}
