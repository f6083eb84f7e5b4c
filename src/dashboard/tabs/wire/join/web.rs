//! Requests and responses: what the server tells of each exchange, and what the request sender tells of the bytes of its connections.
//!
//! They are joined by the client's address and by where the bytes stand in the connection. The sender does not know where a message ends, so what it
//! sends, and what it gets before it sends again, is a message until an exchange says better.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::recent::Recent;
use super::{Ends, SUMMARY, add_subject, change, first_line, push};
use crate::dashboard::tabs::wire::log::Log;
use crate::dashboard::tabs::wire::row::{Fate, Flow, Kind, Message, RowId};
use crate::proto::http::status::Status;
use crate::trace::escape::escape_hostile;
use crate::trace::recorder::SCREEN_SNAPLEN;
use crate::trace::web::{self, ConnectionId, Ending, Exchange, SenderEvent, SenderId, WebEvent};
use crate::trace::wire::{End, Lab, SAME_CONNECTION, Subject, canonical};

/// Connections whose bytes are followed.
const CONNECTIONS: usize = 1_024;
/// Connections whose client is known by their number.
const NUMBERS: usize = 16_384;
/// Of each direction of a connection: pieces, messages that no exchange has explained, and explained ones whose bytes the sender has yet to tell of.
const PIECES: usize = 256;
const RUNS: usize = 64;

pub struct WebJoin {
    server: Option<SocketAddr>,
    /// By the client's address.
    connections: Recent<SocketAddr, Connection>,
    senders: Recent<SenderId, SocketAddr>,
    numbers: Recent<ConnectionId, SocketAddr>,
    clients: Recent<SocketAddr, ConnectionId>,
}

/// A connection as far as its client, or exchanges, told of it.
#[derive(Debug, Default)]
struct Connection {
    since: Duration,
    /// As the sender has it.
    flow: Flow,
    sender: Option<SenderId>,
    connection: Option<ConnectionId>,
    requests: Stream,
    responses: Stream,
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Stream {
    /// Bytes that the client told of.
    told: u64,
    /// Bytes that exchanges account for.
    explained: u64,
    pieces: VecDeque<Piece>,
    /// Messages that only the client told of.
    runs: VecDeque<Run>,
    /// The newest run goes on with the next piece.
    goes_on: bool,
    /// Messages that only the server told of.
    waiting: VecDeque<Waiting>,
}

/// Bytes up to `end`, and when they were moved.
#[derive(Debug)]
struct Piece {
    end: u64,
    at: Duration,
}

#[derive(Debug)]
struct Run {
    row: RowId,
    start: u64,
}

#[derive(Debug)]
struct Waiting {
    row: RowId,
    /// The byte by whose piece its time is known: the first of a request, the last of a response.
    byte: u64,
}

impl Default for WebJoin {
    fn default() -> Self {
        Self {
            server: None,
            connections: Recent::new(CONNECTIONS),
            senders: Recent::new(CONNECTIONS),
            numbers: Recent::new(NUMBERS),
            clients: Recent::new(NUMBERS),
        }
    }
}

impl WebJoin {
    pub fn client_of(&self, connection: ConnectionId) -> Option<SocketAddr> {
        self.numbers.get(&connection).copied()
    }

    /// The newest connection from that client.
    pub fn connection_of(&self, client: SocketAddr) -> Option<ConnectionId> {
        self.clients.get(&client).copied()
    }

    /// Reports were left out: where the bytes stand is no longer known.
    pub fn gap(&mut self) {
        for connection in self.connections.values_mut() {
            connection.requests = Stream::default();
            connection.responses = Stream::default();
        }
    }

    pub fn take_server(&mut self, event: &WebEvent, ends: &mut Ends, log: &mut Log) {
        match event {
            WebEvent::Listening { address, .. } => self.server = Some(*address),
            WebEvent::Opened {
                connection, client, ..
            } => {
                let client = canonical(*client);
                self.numbers.insert(*connection, client);
                self.clients.insert(client, *connection);
            }
            WebEvent::Exchange(exchange) => {
                let flow = ends.flow(Lab::Web, Some(exchange.client), self.server);
                self.exchanged(exchange, flow, log);
            }
            WebEvent::Closed(_) | WebEvent::Changed { .. } | WebEvent::Failed { .. } => {}
        }
    }

    fn exchanged(&mut self, exchange: &Exchange, flow: Flow, log: &mut Log) {
        let client = canonical(exchange.client);
        let accepted = exchange.timing.accepted;
        let is_it = |known: &Connection| match known.connection {
            Some(id) => id == exchange.connection,
            None => known.since.abs_diff(accepted) < SAME_CONNECTION,
        };
        if !self.connections.get(&client).is_some_and(is_it) {
            let connection = Connection {
                since: accepted,
                ..Connection::default()
            };
            self.connections.insert(client, connection);
        }
        let Some(connection) = self.connections.get_mut(&client) else {
            return;
        };
        connection.connection = Some(exchange.connection);
        let subjects = Subjects {
            sender: connection.sender,
            connection: exchange.connection,
            number: exchange.number,
        };
        request_of(exchange, subjects, &mut connection.requests, flow, log);
        response_of(exchange, subjects, &mut connection.responses, flow, log);
    }

    pub fn take_sender(
        &mut self,
        id: SenderId,
        event: &SenderEvent,
        ends: &mut Ends,
        log: &mut Log,
    ) {
        if let SenderEvent::Connected { at, local, target } = event {
            let flow = ends.meet(Lab::Web, *local, *target);
            self.connected(id, *at, canonical(*local), flow);
            return;
        }
        let Some(client) = self.senders.get(&id).copied() else {
            return;
        };
        let Some(connection) = self.connections.get_mut(&client) else {
            return;
        };
        let flow = connection.flow;
        if connection.sender != Some(id) {
            return;
        }
        match event {
            SenderEvent::Sent { at, bytes } => {
                connection.responses.goes_on = false;
                let moved = Moved {
                    from: End::Client,
                    at: *at,
                    bytes,
                    subject: Subject::Sender(id),
                };
                connection.requests.moved(&moved, flow, log);
            }
            SenderEvent::Received { at, bytes } => {
                connection.requests.goes_on = false;
                if let Some(request) = connection.requests.runs.back() {
                    // What was answered has arrived.
                    change(log, request.row, |request| request.fate = Fate::Arrived);
                }
                let moved = Moved {
                    from: End::Server,
                    at: *at,
                    bytes,
                    subject: Subject::Sender(id),
                };
                connection.responses.moved(&moved, flow, log);
            }
            SenderEvent::Connected { .. } | SenderEvent::Ended { .. } => {}
        }
    }

    fn connected(&mut self, id: SenderId, at: Duration, client: SocketAddr, flow: Flow) {
        self.senders.insert(id, client);
        // The server may have told of an exchange before the sender told of the connection.
        if let Some(known) = self.connections.get_mut(&client)
            && known.sender.is_none()
            && known.since.abs_diff(at) < SAME_CONNECTION
        {
            known.sender = Some(id);
            known.flow = flow;
            return;
        }
        let connection = Connection {
            since: at,
            sender: Some(id),
            flow,
            ..Connection::default()
        };
        self.connections.insert(client, connection);
    }
}

/// Where a message of an exchange is in its lab.
#[derive(Debug, Clone, Copy)]
struct Subjects {
    sender: Option<SenderId>,
    connection: ConnectionId,
    number: u32,
}

impl Subjects {
    fn add_to(self, message: &mut Message) {
        if let Some(sender) = self.sender {
            add_subject(message, Subject::Sender(sender), End::Client);
        }
        let exchange = Subject::Exchange {
            connection: self.connection,
            number: self.number,
        };
        add_subject(message, exchange, End::Server);
    }
}

/// The request of an exchange; none if the server refused to listen.
fn request_of(
    exchange: &Exchange,
    subjects: Subjects,
    stream: &mut Stream,
    flow: Flow,
    log: &mut Log,
) {
    let web::Message { bytes, length } = &exchange.request;
    if *length == 0 {
        return;
    }
    let start = stream.explained;
    let run = stream.explain(*length);
    let sent = stream.time_of(start);
    let timing = &exchange.timing;
    let tell = |message: &mut Message| {
        message.sent = sent.or(message.sent);
        message.arrived = vec![timing.first_byte];
        message.fate = match timing.parsed {
            None if exchange.status.is_none() => Fate::CutShort,
            _ => Fate::Arrived,
        };
        message.bytes = (&**bytes).into();
        message.length = *length;
        message.summary = request_line(exchange);
        subjects.add_to(message);
    };
    let row = settle(
        run,
        Kind::Request,
        End::Client,
        timing.first_byte,
        flow,
        log,
        tell,
    );
    if sent.is_none() {
        stream.wait(row, start);
    }
}

/// The response of an exchange; none if it ended before there was any.
fn response_of(
    exchange: &Exchange,
    subjects: Subjects,
    stream: &mut Stream,
    flow: Flow,
    log: &mut Log,
) {
    let web::Message { bytes, length } = &exchange.response;
    let Some(status) = exchange.status.filter(|_| *length > 0) else {
        return;
    };
    let start = stream.explained;
    let run = stream.explain(*length);
    let last = start + length - 1;
    let arrived = stream.time_of(last);
    let timing = &exchange.timing;
    let sent = timing.first_byte_out.unwrap_or(timing.done);
    let kind = Kind::Response {
        status: status.code(),
    };
    let tell = |message: &mut Message| {
        message.kind = kind;
        message.sent = Some(sent);
        message.arrived = arrived.into_iter().collect();
        message.fate = match (exchange.ending, arrived) {
            (Ending::Complete, Some(_)) => Fate::Arrived,
            (Ending::Complete, None) => Fate::InFlight,
            _ => Fate::CutShort,
        };
        message.bytes = (&**bytes).into();
        message.length = *length;
        message.summary = status_line(status);
        subjects.add_to(message);
    };
    let row = settle(run, kind, End::Server, sent, flow, log, tell);
    if arrived.is_none() {
        stream.wait(row, last);
    }
}

/// Tells it of the row that the client has made, or of a new one.
fn settle(
    run: Option<RowId>,
    kind: Kind,
    from: End,
    at: Duration,
    flow: Flow,
    log: &mut Log,
    tell: impl FnOnce(&mut Message),
) -> RowId {
    match run {
        Some(row) => {
            change(log, row, tell);
            row
        }
        None => {
            let mut message = Message::new(kind, from);
            tell(&mut message);
            let at = message.sent.unwrap_or(at);
            push(log, at, Lab::Web, flow, message)
        }
    }
}

/// `GET /index.html`, as far as it was understood.
fn request_line(exchange: &Exchange) -> String {
    let bytes = &exchange.request.bytes;
    let part = |part: &web::Part| {
        let range = part.start as usize..part.end as usize;
        bytes.get(range).unwrap_or_default()
    };
    let (method, target) = (part(&exchange.parts.method), part(&exchange.parts.target));
    if method.is_empty() {
        return first_line(bytes);
    }
    let target = &target[..target.len().min(SUMMARY)];
    format!("{} {}", escape_hostile(method), escape_hostile(target))
}

/// `404 Not Found`.
fn status_line(status: Status) -> String {
    format!("{} {}", status.code(), status.reason())
        .trim_end()
        .to_owned()
}

/// Bytes that the sender moved.
struct Moved<'a> {
    from: End,
    at: Duration,
    bytes: &'a [u8],
    subject: Subject,
}

impl Stream {
    /// When the piece with that byte was moved, if that is known.
    fn time_of(&self, byte: u64) -> Option<Duration> {
        let place = self.pieces.partition_point(|piece| piece.end <= byte);
        // Of the oldest piece that is kept, nobody knows where it began, unless none was forgotten.
        let piece = self.pieces.get(place)?;
        (place > 0 || self.pieces.len() < PIECES).then_some(piece.at)
    }

    /// An exchange accounts for so many bytes more. Returns the row that the client has made of them.
    fn explain(&mut self, length: u64) -> Option<RowId> {
        let range = self.explained..self.explained.saturating_add(length);
        self.explained = range.end;
        let place = self.runs.iter().position(|run| range.contains(&run.start));
        if place.is_some_and(|place| place + 1 == self.runs.len()) {
            self.goes_on = false;
        }
        self.runs.remove(place?).map(|run| run.row)
    }

    fn wait(&mut self, row: RowId, byte: u64) {
        if self.waiting.len() == RUNS {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Waiting { row, byte });
    }

    /// The client told of bytes.
    fn moved(&mut self, moved: &Moved, flow: Flow, log: &mut Log) {
        let start = self.told;
        self.told += moved.bytes.len() as u64;
        if self.pieces.len() == PIECES {
            self.pieces.pop_front();
        }
        let (end, at) = (self.told, moved.at);
        self.pieces.push_back(Piece { end, at });
        while let Some(waiting) = self.waiting.front().filter(|waiting| waiting.byte < end) {
            let row = waiting.row;
            self.waiting.pop_front();
            change(log, row, |message| {
                match moved.from {
                    End::Client => message.sent = Some(at),
                    End::Server => message.arrived = vec![at],
                }
                if message.fate == Fate::InFlight {
                    message.fate = Fate::Arrived;
                }
                add_subject(message, moved.subject, End::Client);
            });
        }
        let beyond = self.told.saturating_sub(self.explained.max(start)) as usize;
        if beyond > 0 {
            let bytes = &moved.bytes[moved.bytes.len() - beyond..];
            self.go_on(start.max(self.explained), bytes, moved, flow, log);
        }
    }

    /// What no exchange accounts for yet belongs to the newest run, or begins one.
    fn go_on(&mut self, start: u64, bytes: &[u8], moved: &Moved, flow: Flow, log: &mut Log) {
        let tell = |message: &mut Message| {
            message.length += bytes.len() as u64;
            let room = SCREEN_SNAPLEN.saturating_sub(message.bytes.len());
            let mut kept = message.bytes.to_vec();
            kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
            message.bytes = kept.into();
            describe(message);
        };
        if let Some(run) = self.runs.back().filter(|_| self.goes_on) {
            change(log, run.row, tell);
            return;
        }
        let mut message = match moved.from {
            End::Client => Message {
                sent: Some(moved.at),
                ..Message::new(Kind::Request, End::Client)
            },
            End::Server => Message {
                arrived: vec![moved.at],
                fate: Fate::Arrived,
                ..Message::new(Kind::Response { status: 0 }, End::Server)
            },
        };
        message.subjects = vec![moved.subject];
        tell(&mut message);
        let row = push(log, moved.at, Lab::Web, flow, message);
        if self.runs.len() == RUNS {
            self.runs.pop_front();
        }
        self.runs.push_back(Run { row, start });
        self.goes_on = true;
    }
}

/// The summary of a message of which only the bytes are known.
fn describe(message: &mut Message) {
    let line = first_line(&message.bytes);
    message.summary = match message.kind {
        // The version is the same in all of them.
        Kind::Response { .. } => match line
            .strip_prefix("HTTP/")
            .and_then(|rest| rest.split_once(' '))
        {
            Some((_, rest)) => {
                let status = rest
                    .get(..3)
                    .and_then(|code| code.parse().ok())
                    .unwrap_or(0);
                message.kind = Kind::Response { status };
                rest.to_owned()
            }
            None => line,
        },
        _ => match line.rsplit_once(" HTTP/") {
            Some((rest, _)) => rest.to_owned(),
            None => line,
        },
    };
}
