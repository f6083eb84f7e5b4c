//! One sending as it went: every command and reply in order, what the wire showed of it, what it waits for now, and how it ended.

pub mod encoded;
pub mod lines;
pub mod panel;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::dashboard::tabs::panel::push_bounded;
use crate::proto::message::{Mailbox, Outline};
use crate::proto::smtp::address::Address;
use crate::proto::smtp::plan::Plan;
use crate::proto::smtp::stage::Stage;
use crate::trace::mail::{Cipher, Line, SendingEvent, SendingId, Speech, Spoken, Summary, TlsCard};

/// Lines of a dialogue that are kept; of the oldest ones only the number is.
pub const LINES: usize = 5_000;
/// Bytes of a dialogue's lines that are kept.
const BYTES: usize = 4 << 20;
/// Pieces of an encrypted session that are kept.
pub const CIPHERS: usize = 2_000;

/// Connections whose ends are kept.
const CONNECTIONS: usize = 64;

/// What an entry costs besides its text.
const ENTRY: usize = 128;

/// Something that happened in a sending, with a number that it keeps.
#[derive(Debug, Clone)]
pub struct Entry {
    pub id: u64,
    pub event: SendingEvent,
}

/// Whether an event is an entry of its dialogue. The others tell of the moment, or of the wire, and are kept elsewhere.
pub fn is_entry(event: &SendingEvent) -> bool {
    !matches!(
        event,
        SendingEvent::Cipher(_)
            | SendingEvent::Awaiting { .. }
            | SendingEvent::Held { .. }
            | SendingEvent::Progress { .. }
    )
}

/// A part of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub entry: u64,
    pub part: usize,
}

/// What a sending is doing.
#[derive(Debug, Clone, Default)]
pub enum Now {
    #[default]
    Working,
    /// A reply is awaited, until then at the latest.
    Awaiting { stage: Stage, until: Duration },
    /// This command waits for a person.
    Held(Held),
    /// Another try is made then.
    Retrying {
        until: Duration,
        recipients: Vec<Address>,
    },
}

/// A command that waits for a person.
#[derive(Debug, Clone)]
pub struct Held {
    pub stage: Stage,
    pub line: Line,
    /// The codes that would be a success.
    pub expected: Cow<'static, [u16]>,
}

/// How much of the message is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub sent: u64,
    pub total: u64,
}

/// The dialogue of one sending.
#[derive(Debug, Clone)]
pub struct Dialogue {
    pub id: SendingId,
    /// What it was asked to do, without the password and the text of the message.
    pub plan: Plan,
    /// The oldest first.
    entries: VecDeque<Entry>,
    next_entry: u64,
    /// Lines, and bytes, of the entries.
    lines: usize,
    bytes: usize,
    /// Lines that are no longer kept.
    pub forgotten: u64,
    /// What the wire showed of the encrypted part, the oldest first.
    pub ciphers: VecDeque<Cipher>,
    pub forgotten_ciphers: u64,
    /// When the first connection was begun.
    pub began: Option<Duration>,
    /// Our end and the server's, of the last connection.
    pub ends: Option<(SocketAddr, SocketAddr)>,
    /// Our end of each connection, and when it was opened; the oldest first.
    pub connections: VecDeque<(Duration, SocketAddr)>,
    pub now: Now,
    /// Commands that have been held so far.
    pub times_held: u64,
    pub progress: Option<Progress>,
    /// Of the last handshake.
    pub tls: Option<Box<TlsCard>>,
    pub summary: Option<Box<Summary>>,
}

impl Dialogue {
    pub fn new(id: SendingId, plan: &Plan) -> Self {
        let message = Outline {
            body: String::new(),
            ..plan.message.clone()
        };
        Self {
            id,
            plan: Plan {
                login: None,
                message,
                ..plan.clone()
            },
            entries: VecDeque::new(),
            next_entry: 0,
            lines: 0,
            bytes: 0,
            forgotten: 0,
            ciphers: VecDeque::new(),
            forgotten_ciphers: 0,
            began: None,
            ends: None,
            connections: VecDeque::new(),
            now: Now::Working,
            times_held: 0,
            progress: None,
            tls: None,
            summary: None,
        }
    }

    /// The dialogue of a sending of which only that is known: what it was asked to do is in no record.
    pub fn of_record(id: SendingId, host: String, port: u16) -> Option<Self> {
        let nobody = Address::parse("nobody@example.invalid").ok()?;
        let from = Mailbox {
            name: None,
            address: nobody,
        };
        let plan = Plan::plain(host, port, Outline::new(from, Vec::new()));
        Some(Self::new(id, &plan))
    }

    pub fn is_going_on(&self) -> bool {
        self.summary.is_none()
    }

    /// The command that was held has been let go.
    pub fn let_go(&mut self) {
        if let Now::Held(_) = self.now {
            self.now = Now::Working;
        }
    }

    /// Whether time is shown running.
    pub fn counts_down(&self) -> bool {
        let waits = matches!(self.now, Now::Awaiting { .. } | Now::Retrying { .. });
        self.is_going_on() && (waits || self.progress.is_some())
    }

    /// The oldest first.
    pub fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    /// The entry of that number, unless it is no longer kept.
    pub fn entry(&self, id: u64) -> Option<&Entry> {
        let first = self.entries.front()?.id;
        let place = usize::try_from(id.checked_sub(first)?).ok()?;
        self.entries.get(place)
    }

    /// The command that waits for a person.
    pub fn held(&self) -> Option<&Held> {
        match &self.now {
            Now::Held(held) => Some(held),
            _ => None,
        }
    }

    /// Whether a message was decided, so that its recipients are listed there.
    pub fn has_decision(&self) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| matches!(entry.event, SendingEvent::Decided(_)))
    }

    /// The first part that is kept.
    pub fn first(&self) -> Option<Place> {
        Some(Place {
            entry: self.entries.front()?.id,
            part: 0,
        })
    }

    pub fn last(&self) -> Option<Place> {
        let last = self.entries.back()?;
        Some(Place {
            entry: last.id,
            part: lines::parts(&last.event) - 1,
        })
    }

    /// The part behind this one.
    pub fn after(&self, place: Place) -> Option<Place> {
        let entry = self.entry(place.entry)?;
        if place.part + 1 < lines::parts(&entry.event) {
            return Some(Place {
                part: place.part + 1,
                ..place
            });
        }
        self.entry(place.entry + 1).map(|next| Place {
            entry: next.id,
            part: 0,
        })
    }

    /// The part before this one.
    pub fn before(&self, place: Place) -> Option<Place> {
        if let Some(part) = place.part.checked_sub(1) {
            return Some(Place { part, ..place });
        }
        let before = self.entry(place.entry.checked_sub(1)?)?;
        Some(Place {
            entry: before.id,
            part: lines::parts(&before.event) - 1,
        })
    }

    pub fn take(&mut self, event: SendingEvent) {
        match event {
            SendingEvent::Cipher(cipher) => {
                if self.ciphers.len() == CIPHERS {
                    self.forgotten_ciphers += 1;
                }
                push_bounded(&mut self.ciphers, cipher, CIPHERS);
                return;
            }
            SendingEvent::Awaiting { stage, until, .. } => {
                self.now = Now::Awaiting { stage, until };
                return;
            }
            SendingEvent::Held {
                stage,
                line,
                expected,
                ..
            } => {
                self.times_held += 1;
                self.now = Now::Held(Held {
                    stage,
                    line,
                    expected,
                });
                return;
            }
            SendingEvent::Progress { sent, total, .. } => {
                self.progress = Some(Progress { sent, total });
                return;
            }
            _ => {}
        }
        self.now = Now::Working;
        match &event {
            SendingEvent::Connecting { at, .. } => {
                self.began.get_or_insert(*at);
                self.progress = None;
            }
            SendingEvent::Connected { at, local, server } => {
                self.ends = Some((*local, *server));
                push_bounded(&mut self.connections, (*at, *local), CONNECTIONS);
            }
            SendingEvent::Tls { card, .. } => self.tls = Some(card.clone()),
            SendingEvent::Spoken(Spoken {
                what: Speech::Content { .. },
                ..
            })
            | SendingEvent::Decided(_) => self.progress = None,
            SendingEvent::Retrying {
                until, recipients, ..
            } => {
                self.now = Now::Retrying {
                    until: *until,
                    recipients: recipients.clone(),
                };
            }
            SendingEvent::Ended { summary, .. } => {
                self.progress = None;
                self.summary = Some(summary.clone());
            }
            _ => {}
        }
        self.push(event);
    }

    fn push(&mut self, event: SendingEvent) {
        let (lines, bytes) = measure(&event);
        self.lines += lines;
        self.bytes += bytes;
        let id = self.next_entry;
        self.next_entry += 1;
        self.entries.push_back(Entry { id, event });
        while (self.lines > LINES || self.bytes > BYTES) && self.entries.len() > 1 {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            let (lines, bytes) = measure(&oldest.event);
            self.lines -= lines;
            self.bytes -= bytes;
            self.forgotten += lines as u64;
        }
    }
}

/// How many lines an event is, and about how many bytes it takes.
fn measure(event: &SendingEvent) -> (usize, usize) {
    let (lines, bytes) = match event {
        SendingEvent::Spoken(spoken) => match &spoken.what {
            Speech::Command(line) => {
                let secret = line
                    .secret
                    .as_ref()
                    .map_or(0, |secret| secret.reveal().len());
                (1, line.shown.len() + secret)
            }
            // The text is there twice: raw, and taken apart.
            Speech::Reply { reply, .. } => (reply.lines.len().max(1), 2 * reply.raw.len()),
            Speech::Content { excerpt, .. } => (1, excerpt.len()),
        },
        SendingEvent::Decided(decided) => (decided.recipients.len().max(1), 0),
        SendingEvent::Ended { summary, .. } => (summary.recipients.len().max(1), 0),
        _ => (1, 0),
    };
    (lines, bytes + lines * ENTRY)
}
