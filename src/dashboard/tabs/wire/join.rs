//! What the labs reported, joined to rows of the log: two reports of one message, one from each end, become one message.
//!
//! Either report may come first, or alone: the other end may be another program, and a ring may have left a report out. Every table is bounded, and
//! forgets the oldest first; what is forgotten stays in the log as it was told last.

mod mail;
mod ping;
mod recent;
mod web;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use self::mail::MailJoin;
use self::ping::PingJoin;
use self::recent::Recent;
use self::web::WebJoin;
use super::log::Log;
use super::row::{Flow, Message, Row, RowId, What, moved};
use crate::trace::escape::escape_hostile;
use crate::trace::event::Event;
use crate::trace::wire::{Call, End, Lab, SocketEvent, SocketId, Subject, canonical};

/// Clients whose server's address is remembered.
const PEERS: usize = 4_096;
/// Sockets whose first calls wait for an address, and whose last ones are asked for it.
const SOCKETS: usize = 1_024;
/// Calls of a socket that wait for its address.
const WAITING: usize = 16;
/// Rows of a flow on either side of a message among which the call that moved it is looked for.
const NEAR: usize = 16;
/// By how much what only its receiver told of stands before the call that received it: room for as many messages as one call takes.
const BEFORE: Duration = Duration::from_micros(1);
/// Bytes of a text that a summary shows.
const SUMMARY: usize = 160;

/// The tables of all labs.
pub struct Join {
    ends: Ends,
    sockets: Recent<SocketId, Vec<RowId>>,
    /// Between whom a client's socket was last used: its `close` names nobody.
    used: Recent<SocketId, Flow>,
    ping: PingJoin,
    web: WebJoin,
    mail: MailJoin,
}

impl Default for Join {
    fn default() -> Self {
        Self {
            ends: Ends::default(),
            sockets: Recent::new(SOCKETS),
            used: Recent::new(SOCKETS),
            ping: PingJoin::default(),
            web: WebJoin::default(),
            mail: MailJoin::default(),
        }
    }
}

impl Join {
    /// Takes in what a lab reported.
    pub fn take(&mut self, event: &Event, log: &mut Log) {
        let ends = &mut self.ends;
        match event {
            Event::Echo(event) => self.ping.take_echo(event, ends, log),
            Event::Ping { target, event } => self.ping.take_pinger(*target, event, ends, log),
            Event::Web(event) => self.web.take_server(event, ends, log),
            Event::Sender { id, event } => self.web.take_sender(*id, event, ends, log),
            Event::Mail(event) => self.mail.take_server(event, ends, log),
            Event::Sending { id, event } => self.mail.take_sending(*id, event, ends, log),
        }
    }

    /// Reports were left out: what is told by its order alone can't be joined with what went before.
    pub fn gap(&mut self) {
        self.web.gap();
        self.mail.gap();
    }

    /// Takes in what a lab did with a socket.
    pub fn take_call(&mut self, call: SocketEvent, log: &mut Log) -> RowId {
        let flow = match (self.ends.flow_of(&call), self.used.get(&call.socket)) {
            (Flow { server: None, .. }, Some(used)) => *used,
            (told, _) => told,
        };
        let (at, lab, socket, end) = (call.at, call.lab, call.socket, call.end);
        let listens = end == End::Server && !matches!(call.call, Call::Accept { .. });
        let moves = call.call.payload().is_some();
        let id = log.push(at, Some(lab), flow, What::Call(call));
        if moves {
            stand_beside(log, id);
        }
        // The first calls of a socket are made before it has an address.
        let known = match listens && flow.client.is_none() {
            true => flow.server.is_some(),
            false => flow.client.is_some() && flow.server.is_some(),
        };
        if known {
            if end == End::Client && self.used.get(&socket) != Some(&flow) {
                self.used.insert(socket, flow);
            }
            for id in self.sockets.take(&socket).into_iter().flatten() {
                log.change(id, |row| row.flow = flow);
            }
        } else {
            self.sockets.change(socket, Vec::new, |waiting| {
                if waiting.len() < WAITING {
                    waiting.push(id);
                }
            });
        }
        id
    }

    /// Whose connection of the web server, or session of the mail server, has that number.
    pub fn client_of(&self, number: u64) -> Option<SocketAddr> {
        self.web
            .client_of(number)
            .or_else(|| self.mail.client_of(number))
    }

    /// The web server's connection from that client.
    pub fn connection_of(&self, client: SocketAddr) -> Option<Subject> {
        let connection = self.web.connection_of(client)?;
        Some(Subject::Exchange {
            connection,
            number: 0,
        })
    }

    /// The log was cleared: what comes next joins nothing that was in it. Who is at which address stays known.
    pub fn forget_rows(&mut self) {
        self.sockets.clear();
        self.ping.forget_rows();
        self.gap();
    }

    /// The client of what a subject is about, where that is known.
    pub fn client(&self, subject: &Subject) -> Option<SocketAddr> {
        match subject {
            Subject::Exchange { connection, .. } => self.web.client_of(*connection),
            Subject::Session { session, .. } => self.mail.client_of(*session),
            _ => None,
        }
    }
}

/// Who is at the other end of whom.
pub struct Ends {
    /// Where each client found its server. A server that listens at all addresses does not know by which of them it was reached.
    peers: Recent<(Lab, SocketAddr), SocketAddr>,
}

impl Default for Ends {
    fn default() -> Self {
        Self {
            peers: Recent::new(PEERS),
        }
    }
}

impl Ends {
    /// The flow between a client and a server that says to listen there.
    pub fn flow(&self, lab: Lab, client: Option<SocketAddr>, server: Option<SocketAddr>) -> Flow {
        let client = client.map(canonical);
        let server = server.map(canonical).map(|server| {
            let is_anywhere = server.ip().is_unspecified();
            match client.filter(|_| is_anywhere) {
                Some(client) => match self.peers.get(&(lab, client)) {
                    Some(known) => *known,
                    None if client.ip().is_loopback() => {
                        SocketAddr::new(client.ip(), server.port())
                    }
                    None => server,
                },
                None => server,
            }
        });
        Flow { client, server }
    }

    /// A client has found its server.
    pub fn meet(&mut self, lab: Lab, client: SocketAddr, server: SocketAddr) -> Flow {
        let (client, server) = (canonical(client), canonical(server));
        if !server.ip().is_unspecified() {
            self.peers.insert((lab, client), server);
        }
        self.flow(lab, Some(client), Some(server))
    }

    fn flow_of(&mut self, call: &SocketEvent) -> Flow {
        let (client, server) = match call.end {
            End::Client => (call.local, call.peer),
            End::Server => (call.peer, call.local),
        };
        match (client, server, &call.call) {
            // A datagram's way is told with each of them, a connection's once.
            (Some(client), Some(server), Call::Connect | Call::Accept { .. } | Call::SendTo(_)) => {
                self.meet(call.lab, client, server)
            }
            _ => self.flow(call.lab, client, server),
        }
    }
}

/// A message as a row.
fn push(log: &mut Log, at: Duration, lab: Lab, flow: Flow, message: Message) -> RowId {
    let at = began(log, flow, &message).unwrap_or(at);
    log.push(at, Some(lab), flow, What::Message(Box::new(message)))
}

/// When a message began: when the call was made that sent it or, if only its arrival was seen, just before the call that received it. A lab takes the
/// time of a message before or after that call, and what stands in the order of time would not always stand in the order of cause: first the call that
/// sends, then what it sent, then the call that receives it.
fn began(log: &Log, flow: Flow, message: &Message) -> Option<Duration> {
    let seen = seen(message)?;
    if message.was_never_sent() {
        return Some(seen);
    }
    let sent = message.sent.is_some();
    let near = log.near(flow, seen, NEAR);
    let moved_it = near.filter_map(|row| match &row.what {
        What::Call(call) if (call.end == message.from) == sent => {
            Some((moved(call, sent, seen, message)?, row.at))
        }
        _ => None,
    });
    Some(match moved_it.min() {
        Some((_, at)) if sent => at,
        Some((_, at)) => at.saturating_sub(BEFORE),
        None => seen,
    })
}

/// When a message was first seen, at either end.
fn seen(message: &Message) -> Option<Duration> {
    message.sent.or(message.arrived.first().copied())
}

/// A call was told: what it moved stands beside it from now on.
fn stand_beside(log: &mut Log, call: RowId) {
    let Some((row, call)) = log.row(call).and_then(|row| match &row.what {
        What::Call(call) => Some((row, call)),
        _ => None,
    }) else {
        return;
    };
    let sent = call.call.is_sending();
    let moved_by_it = log.near(row.flow, row.at, NEAR).filter(|row| {
        row.message().is_some_and(|message| {
            let fits = seen(message).and_then(|seen| moved(call, sent, seen, message));
            fits.is_some() && message.sent.is_some() == sent && (message.from == call.end) == sent
        })
    });
    let ids: Vec<RowId> = moved_by_it.map(|row| row.id).collect();
    for id in ids {
        change(log, id, |_| {});
    }
}

/// Changes the message of a row, with when it began.
fn change(log: &mut Log, id: RowId, change: impl FnOnce(&mut Message)) {
    log.change(id, |row: &mut Row| {
        if let What::Message(message) = &mut row.what {
            change(message);
        }
    });
    let row = log.row(id);
    let at = row.and_then(|row| began(log, row.flow, row.message()?));
    if let Some(at) = at.filter(|at| row.is_some_and(|row| row.at != *at)) {
        log.change(id, |row| row.at = at);
    }
}

/// The beginning of the first line of some bytes, escaped.
fn first_line(bytes: &[u8]) -> String {
    let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next();
    let line = line.unwrap_or_default();
    escape_hostile(&line[..line.len().min(SUMMARY)]).into_owned()
}

/// Adds where a message is in its lab: what the client knows stands first.
fn add_subject(message: &mut Message, subject: Subject, end: End) {
    if message.subjects.contains(&subject) {
        return;
    }
    match end {
        End::Client => message.subjects.insert(0, subject),
        End::Server => message.subjects.push(subject),
    }
}

fn shared(bytes: &[u8]) -> Arc<[u8]> {
    bytes.into()
}

#[cfg(test)]
mod tests;
