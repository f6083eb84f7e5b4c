//! The figures and the mailbox of the Mail tab out of events and calls: what the lab's mail server counted, and the messages it took, made again from
//! the bytes that its sockets got.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::content::{Content, Listener};
use crate::proto::message::read::Letter;
use crate::proto::smtp::code::Code;
use crate::proto::smtp::server::EndOfData;
use crate::proto::smtp::stage::Stage;
use crate::trace::clock::Clock;
use crate::trace::mail::{
    Arrived, Listed, MailCounts, MailEvent, MailReport, MessageId, Page, SessionEnd, SessionId,
    Speech, Spoken,
};
use crate::trace::wire::{Call, SocketEvent};
use crate::words::Words;

/// Messages that are kept, and their bytes: the newest.
const MESSAGES: usize = 1_000;
const BYTES: usize = 64 << 20;
/// Bytes of messages that are on their way.
const UNDER_WAY: usize = 64 << 20;
/// Sessions that are listened to.
const SESSIONS: usize = 4_096;

/// What a record told of the lab's mail server so far.
pub struct MailServer {
    clock: Clock,
    words: Words,
    listens: bool,
    counts: MailCounts,
    end_of_data: EndOfData,
    sessions: BTreeMap<SessionId, Session>,
    listeners: BTreeMap<SocketAddr, Listener>,
    /// Bytes that the listeners keep.
    under_way: usize,
    messages: BTreeMap<MessageId, Message>,
    /// Bytes that the messages keep.
    kept: usize,
    generation: u64,
}

struct Session {
    client: SocketAddr,
    /// A message is coming in.
    receiving: bool,
    /// The last command of the client.
    chunk: Chunk,
}

/// What a BDAT command said of its chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    None,
    More,
    Last,
}

struct Message {
    listed: Listed,
    content: Option<Content>,
}

impl MailServer {
    pub fn new(clock: Clock, words: Words) -> Self {
        Self {
            clock,
            words,
            listens: false,
            counts: MailCounts::default(),
            end_of_data: EndOfData::default(),
            sessions: BTreeMap::new(),
            listeners: BTreeMap::new(),
            under_way: 0,
            messages: BTreeMap::new(),
            kept: 0,
            generation: 0,
        }
    }

    pub fn take(&mut self, event: &MailEvent) {
        self.listens = true;
        match event {
            MailEvent::Listening { .. } => {
                self.counts = MailCounts::default();
                self.sessions.clear();
            }
            MailEvent::Opened {
                session, client, ..
            } => {
                self.counts.sessions += 1;
                let new = Session {
                    client: *client,
                    receiving: false,
                    chunk: Chunk::None,
                };
                self.sessions.insert(*session, new);
                if self.sessions.len() > SESSIONS {
                    self.sessions.pop_first();
                }
            }
            MailEvent::Spoken { session, spoken } => self.spoken(*session, spoken),
            MailEvent::Arrived(arrived) => self.arrived(arrived),
            MailEvent::Closed {
                session,
                client,
                cause,
                ..
            } => {
                let known = self.sessions.remove(session);
                let cut_short = known.is_some_and(|session| session.receiving);
                self.counts.refused += u64::from(cut_short);
                self.counts.turned_away += u64::from(*cause == SessionEnd::TooMany);
                self.forget(client);
            }
            MailEvent::Faulty { end_of_data, .. } => self.end_of_data = *end_of_data,
            MailEvent::Secured { .. } | MailEvent::Dropped { .. } | MailEvent::Failed { .. } => {}
        }
    }

    fn spoken(&mut self, id: SessionId, spoken: &Spoken) {
        let session = self.sessions.get_mut(&id);
        match &spoken.what {
            Speech::Command(line) => {
                self.counts.commands += 1;
                if let Some(session) = session {
                    session.chunk = match spoken.stage {
                        Stage::Bdat if line.shown.to_ascii_uppercase().ends_with(b"LAST") => {
                            Chunk::Last
                        }
                        Stage::Bdat => Chunk::More,
                        _ => Chunk::None,
                    };
                }
            }
            Speech::Reply { reply, .. } => {
                self.counts.by_class[usize::from(reply.code.0 / 100).clamp(2, 5) - 2] += 1;
                let Some(session) = session else {
                    return;
                };
                let was_receiving = session.receiving;
                session.receiving = session.goes_on(spoken.stage, reply.code);
                // What ends in another way than by arriving was refused, or given up.
                if was_receiving && !session.receiving {
                    self.counts.refused += 1;
                    let client = session.client;
                    if matches!(spoken.stage, Stage::Dot | Stage::Bdat) {
                        self.refused(client);
                    }
                }
            }
            Speech::Content { .. } => {}
        }
    }

    fn arrived(&mut self, arrived: &Arrived) {
        self.counts.messages += 1;
        self.counts.bytes += arrived.bytes;
        let client = self.sessions.get_mut(&arrived.session).map(|session| {
            session.receiving = false;
            session.client
        });
        let listed = Listed {
            id: arrived.id,
            taken: self.clock.unix_seconds(arrived.at),
            envelope: arrived.envelope.clone(),
            from: String::new(),
            subject: self.cut(""),
            bytes: arrived.bytes,
            attachments: 0,
            unread: true,
        };
        let new = Message {
            listed,
            content: None,
        };
        self.messages.insert(arrived.id, new);
        self.make_room();
        self.generation += 1;
        if let Some(client) = client {
            let listener = self.listeners.entry(client).or_default();
            listener.arrived(arrived.id, arrived.bytes);
            self.fill_in(client);
        }
    }

    /// A subject that says that not all of its message is there.
    fn cut(&self, subject: &str) -> String {
        format!("{subject} [{}]", self.words.t("replay.cut"))
    }

    /// Gives messages that have arrived their content, as far as it is whole.
    fn fill_in(&mut self, client: SocketAddr) {
        loop {
            let listener = self.listeners.get_mut(&client);
            let Some((id, content)) = listener.and_then(Listener::matched) else {
                return;
            };
            self.under_way -= content.bytes.len();
            let letter = Letter::read(&content.bytes);
            let subject = match content.missing {
                0 => letter.subject.clone(),
                _ => self.cut(&letter.subject),
            };
            let Some(message) = self.messages.get_mut(&id) else {
                continue;
            };
            message.listed.attachments = letter.attachments().count();
            message.listed.from = letter.from;
            message.listed.subject = subject;
            self.kept += content.bytes.len();
            message.content = Some(content);
            self.make_room();
            self.generation += 1;
        }
    }

    /// Forgets the oldest messages.
    fn make_room(&mut self) {
        while self.messages.len() > MESSAGES || self.kept > BYTES {
            let Some((_, oldest)) = self.messages.pop_first() else {
                return;
            };
            self.kept -= oldest.content.map_or(0, |content| content.bytes.len());
        }
    }

    /// Takes in a call of one of the server's sockets.
    pub fn call(&mut self, call: &SocketEvent) {
        let Some(client) = call.peer.filter(|_| call.error.is_none()) else {
            return;
        };
        let (payload, is_sent) = match &call.call {
            // An address comes again.
            Call::Accept { .. } => return self.forget(&client),
            Call::Recv(payload) => (payload, false),
            Call::Send(payload) => (payload, true),
            _ => return,
        };
        if self.listeners.len() >= SESSIONS && !self.listeners.contains_key(&client) {
            return;
        }
        let listener = self.listeners.entry(client).or_default();
        let before = listener.held();
        if is_sent {
            listener.said(payload, self.end_of_data);
        } else {
            let room = UNDER_WAY.saturating_sub(self.under_way);
            let words = self.words;
            listener.heard(payload, room, |missing| {
                words.fill("replay.hole", &[("bytes", &missing)])
            });
        }
        self.under_way = self.under_way + listener.held() - before;
        self.fill_in(client);
    }

    fn refused(&mut self, client: SocketAddr) {
        if let Some(listener) = self.listeners.get_mut(&client) {
            let before = listener.held();
            listener.refused();
            self.under_way = self.under_way + listener.held() - before;
        }
    }

    fn forget(&mut self, client: &SocketAddr) {
        if let Some(listener) = self.listeners.remove(client) {
            self.under_way -= listener.held();
        }
    }

    /// What the server would tell of itself; `None` before anything was heard of it.
    pub fn report(&self) -> Option<MailReport> {
        let listed = self.messages.values();
        self.listens.then(|| MailReport {
            counts: MailCounts {
                open: self.sessions.len() as u64,
                ..self.counts
            },
            held: self.messages.len() as u64,
            bytes: listed.map(|message| message.listed.bytes).sum(),
            generation: self.generation,
        })
    }

    /// The messages that hold a text in an address, the From, the subject or the text, in any case; all of them for an empty one.
    pub fn list(&self, search: &str) -> Page {
        let needle = search.to_lowercase();
        let newest = self.messages.values().rev();
        let listed: Vec<Listed> = newest
            .filter(|message| message.holds(&needle))
            .map(|message| message.listed.clone())
            .collect();
        Page {
            search: search.to_owned(),
            matching: listed.len() as u64,
            listed,
            generation: self.generation,
        }
    }

    /// A message as it was sent, as far as it is in the record; or why there is none.
    pub fn read(&mut self, id: MessageId) -> Result<Arc<[u8]>, String> {
        let not_there = || self.words.t("replay.not_in_record").into_owned();
        let message = self.messages.get_mut(&id).ok_or_else(not_there)?;
        message.listed.unread = false;
        let content = message.content.as_ref().ok_or_else(not_there)?;
        Ok(content.bytes.as_slice().into())
    }
}

impl Session {
    /// Whether a message is still coming in after this reply.
    fn goes_on(&self, stage: Stage, code: Code) -> bool {
        let is_done = code.0 / 100 == 2;
        match stage {
            Stage::Data => code.0 == 354,
            Stage::Bdat => is_done && self.chunk == Chunk::More,
            // A message that came in chunks survives what is not about it.
            Stage::Dot => false,
            Stage::Rset | Stage::Ehlo | Stage::Helo => self.receiving && !is_done,
            _ => self.receiving,
        }
    }
}

impl Message {
    fn holds(&self, needle: &str) -> bool {
        let listed = &self.listed;
        let addresses = listed.envelope.from.iter().chain(&listed.envelope.to);
        let is_in = |text: &str| text.to_lowercase().contains(needle);
        addresses.map(|address| address.as_str()).any(is_in)
            || is_in(&listed.from)
            || is_in(&listed.subject)
            || self.content.as_ref().is_some_and(|content| {
                let letter = Letter::read(&content.bytes);
                let part = letter.main_part();
                part.is_some_and(|part| is_in(&letter.text(&content.bytes, part).text))
            })
    }
}
