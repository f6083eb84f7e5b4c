//! What is said in SMTP: each end tells of every command, reply and message in the same terms.
//!
//! They are joined by the client's address and by order: the first command of a connection at one end is the first at the other. Commands, replies
//! and contents are counted apart, for a client that does not wait for replies sees them in another order than the server.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::recent::Recent;
use super::{Ends, add_subject, change, first_line, push, shared};
use crate::dashboard::tabs::mail::is_entry;
use crate::dashboard::tabs::wire::log::Log;
use crate::dashboard::tabs::wire::row::{Fate, Flow, Kind, Message, RowId};
use crate::trace::escape::escape_hostile;
use crate::trace::mail::{MailEvent, SendingEvent, SendingId, SessionId, Speech, Spoken};
use crate::trace::wire::{End, Lab, SAME_CONNECTION, Subject, canonical};

/// Connections that are known.
const CONNECTIONS: usize = 1_024;
/// Things that one end has said and the other has yet to tell of, of each kind.
const WAITING: usize = 1_024;

pub struct MailJoin {
    server: Option<SocketAddr>,
    /// Where TLS is spoken from the first byte.
    tls_server: Option<SocketAddr>,
    /// By the client's address.
    connections: Recent<SocketAddr, Connection>,
    sendings: Recent<SendingId, Sending>,
    sessions: Recent<SessionId, Session>,
}

/// A sending: the connection that it has now, and how many entries its dialogue has.
#[derive(Debug, Default)]
struct Sending {
    flow: Flow,
    entries: usize,
}

/// A session of the server: its connection, and how many things were said in it.
#[derive(Debug, Default)]
struct Session {
    flow: Flow,
    said: usize,
}

#[derive(Debug, Default)]
struct Connection {
    since: Duration,
    sending: Option<SendingId>,
    session: Option<SessionId>,
    commands: Pairs,
    replies: Pairs,
    contents: Pairs,
    /// What our client sent and has no answer to yet.
    unanswered: VecDeque<RowId>,
}

/// What one end told of and the other has not: at most one of the two has any.
#[derive(Debug, Default)]
struct Pairs {
    client: VecDeque<RowId>,
    server: VecDeque<RowId>,
}

impl Pairs {
    /// The row that the other end has made of what this end tells now.
    fn other(&mut self, teller: End) -> Option<RowId> {
        match teller {
            End::Client => self.server.pop_front(),
            End::Server => self.client.pop_front(),
        }
    }

    fn wait(&mut self, teller: End, row: RowId) {
        let waiting = match teller {
            End::Client => &mut self.client,
            End::Server => &mut self.server,
        };
        // The other end of so many will never tell: it is another program.
        if waiting.len() == WAITING {
            waiting.pop_front();
        }
        waiting.push_back(row);
    }
}

impl Connection {
    fn pairs(&mut self, what: &Speech) -> &mut Pairs {
        match what {
            Speech::Command(_) => &mut self.commands,
            Speech::Reply { .. } => &mut self.replies,
            Speech::Content { .. } => &mut self.contents,
        }
    }

    fn expect_answer(&mut self, row: RowId) {
        if self.unanswered.len() == WAITING {
            self.unanswered.pop_front();
        }
        self.unanswered.push_back(row);
    }

    /// A reply has come: what it answers has arrived, whoever answered it.
    fn answer(&mut self, log: &mut Log) {
        let Some(row) = self.unanswered.pop_front() else {
            // The greeting, or a reply that nobody asked for.
            return;
        };
        change(log, row, |message| {
            if message.fate == Fate::InFlight {
                message.fate = Fate::Arrived;
            }
        });
    }
}

impl Default for MailJoin {
    fn default() -> Self {
        Self {
            server: None,
            tls_server: None,
            connections: Recent::new(CONNECTIONS),
            sendings: Recent::new(CONNECTIONS),
            sessions: Recent::new(CONNECTIONS),
        }
    }
}

impl MailJoin {
    pub fn client_of(&self, session: SessionId) -> Option<SocketAddr> {
        self.sessions.get(&session)?.flow.client
    }

    /// Reports were left out: what comes next is not what was waited for.
    pub fn gap(&mut self) {
        for connection in self.connections.values_mut() {
            connection.commands = Pairs::default();
            connection.replies = Pairs::default();
            connection.contents = Pairs::default();
            connection.unanswered.clear();
        }
    }

    pub fn take_server(&mut self, event: &MailEvent, ends: &mut Ends, log: &mut Log) {
        match event {
            MailEvent::Listening {
                address,
                tls_address,
                ..
            } => {
                self.server = Some(*address);
                self.tls_server = *tls_address;
            }
            MailEvent::Opened {
                session,
                client,
                at,
                encrypted,
            } => {
                let server = match encrypted {
                    true => self.tls_server.or(self.server),
                    false => self.server,
                };
                let flow = ends.flow(Lab::Mail, Some(*client), server);
                let opened = Session { flow, said: 0 };
                self.sessions.insert(*session, opened);
                let connection =
                    self.connection(canonical(*client), *at, |known| known.session.is_none());
                connection.session = Some(*session);
            }
            MailEvent::Spoken { session, spoken } => {
                let (flow, line) = self.sessions.change(*session, Session::default, |known| {
                    known.said += 1;
                    (known.flow, known.said - 1)
                });
                let subject = Subject::Session {
                    session: *session,
                    line,
                };
                let connection = flow.client.and_then(|client| {
                    let known = self.connections.get_mut(&client)?;
                    (known.session == Some(*session)).then_some(known)
                });
                told(spoken, End::Server, subject, connection, flow, log);
            }
            _ => {}
        }
    }

    pub fn take_sending(
        &mut self,
        id: SendingId,
        event: &SendingEvent,
        ends: &mut Ends,
        log: &mut Log,
    ) {
        if !is_entry(event) {
            return;
        }
        let (mut flow, line) = self.sendings.change(id, Sending::default, |known| {
            known.entries += 1;
            (known.flow, known.entries - 1)
        });
        match event {
            SendingEvent::Connected { at, local, server } => {
                flow = ends.meet(Lab::Mail, *local, *server);
                if let Some(known) = self.sendings.get_mut(&id) {
                    known.flow = flow;
                }
                let connection =
                    self.connection(canonical(*local), *at, |known| known.sending.is_none());
                connection.sending = Some(id);
            }
            SendingEvent::Spoken(spoken) => {
                let subject = Subject::Sending { id, line };
                let connection = flow.client.and_then(|client| {
                    let known = self.connections.get_mut(&client)?;
                    (known.sending == Some(id)).then_some(known)
                });
                told(spoken, End::Client, subject, connection, flow, log);
            }
            _ => {}
        }
    }

    /// The connection of a client: the one that the other end told of, if `is_free` of this end, or a new one.
    fn connection(
        &mut self,
        client: SocketAddr,
        at: Duration,
        is_free: impl Fn(&Connection) -> bool,
    ) -> &mut Connection {
        let known = self.connections.get(&client);
        let is_it =
            known.is_some_and(|known| is_free(known) && known.since.abs_diff(at) < SAME_CONNECTION);
        self.connections.renew(client, !is_it, || Connection {
            since: at,
            ..Connection::default()
        })
    }
}

/// One end tells that something was said.
fn told(
    spoken: &Spoken,
    teller: End,
    subject: Subject,
    connection: Option<&mut Connection>,
    flow: Flow,
    log: &mut Log,
) {
    let from = match spoken.what {
        Speech::Reply { .. } => End::Server,
        Speech::Command(_) | Speech::Content { .. } => End::Client,
    };
    let tell = |message: &mut Message| {
        if from == teller {
            message.sent = Some(spoken.at);
        } else {
            message.arrived = vec![spoken.at];
            message.fate = Fate::Arrived;
        }
        add_subject(message, subject, teller);
    };
    let Some(connection) = connection else {
        let mut message = message(spoken, from);
        tell(&mut message);
        push(log, spoken.at, Lab::Mail, flow, message);
        return;
    };
    if teller == End::Client && from == End::Server {
        connection.answer(log);
    }
    let pairs = connection.pairs(&spoken.what);
    let row = match pairs.other(teller) {
        Some(row) => {
            change(log, row, tell);
            row
        }
        None => {
            let mut message = message(spoken, from);
            tell(&mut message);
            let row = push(log, spoken.at, Lab::Mail, flow, message);
            pairs.wait(teller, row);
            row
        }
    };
    if teller == End::Client && from == End::Client {
        connection.expect_answer(row);
    }
}

fn message(spoken: &Spoken, from: End) -> Message {
    let kind = match &spoken.what {
        Speech::Command(_) => Kind::Command,
        Speech::Reply { reply, .. } => Kind::Reply { code: reply.code.0 },
        Speech::Content { .. } => Kind::Content,
    };
    let mut message = Message {
        encrypted: spoken.encrypted,
        ..Message::new(kind, from)
    };
    match &spoken.what {
        Speech::Command(line) => {
            message.bytes = [&*line.shown, b"\r\n"].concat().into();
            message.length = message.bytes.len() as u64;
            message.masked = line.secret.is_some();
            message.summary = first_line(&line.shown);
        }
        Speech::Reply { reply, .. } => {
            message.bytes = shared(&reply.raw);
            message.length = reply.raw.len() as u64;
            let text = reply.lines.first().map_or(&b""[..], |line| line);
            message.summary =
                first_line(format!("{} {}", reply.code, escape_hostile(text)).as_bytes());
        }
        Speech::Content { excerpt, bytes, .. } => {
            message.bytes = shared(excerpt);
            message.length = *bytes;
            message.summary = first_line(excerpt);
        }
    }
    message
}
