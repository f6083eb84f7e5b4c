//! The figures of the Web tab out of events and calls: what the web server counted, and what each of its connections is doing.
//!
//! The server tells of a request when it is done. What goes on meanwhile is seen from the calls of its sockets: bytes that came, bytes that went.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::dashboard::tabs::web::WebReport;
use crate::proto::http::rule::Rule;
use crate::proto::http::service::Mode;
use crate::trace::web::{
    Cause, ConnectionId, ConnectionState, Exchange, Phase, WebEvent, WebFigures,
};
use crate::trace::wire::{Call, Payload, SocketEvent};

/// Connections that are kept: the newest.
const OPEN: usize = 16_384;
/// Bytes of a request that is going on that are shown.
const SHOWN: usize = 2_048;

/// What a record told of the web server so far.
#[derive(Default)]
pub struct WebServer {
    listens: bool,
    mode: Mode,
    figures: WebFigures,
    open: BTreeMap<ConnectionId, Connection>,
    /// Whose connection that is.
    clients: BTreeMap<SocketAddr, ConnectionId>,
}

struct Connection {
    state: ConnectionState,
    /// Bytes of it that are counted already, in and out.
    counted: (u64, u64),
    /// When its last request was done. A call from before that may be told after it.
    done: Duration,
}

impl WebServer {
    pub fn take(&mut self, event: &WebEvent) {
        match event {
            WebEvent::Listening { service, .. } => {
                *self = Self {
                    listens: true,
                    mode: service.mode,
                    ..Self::default()
                };
            }
            WebEvent::Changed { to, .. } => self.mode = to.mode,
            WebEvent::Opened {
                connection,
                client,
                at,
            } => self.opened(*connection, *client, *at),
            WebEvent::Exchange(exchange) => self.exchange(exchange),
            WebEvent::Closed(closed) => {
                let counts = &mut self.figures.counts;
                // What its requests told gives way to what the connection tells, which is exact.
                let known = self.open.remove(&closed.connection);
                let counted = known.map_or((0, 0), |connection| connection.counted);
                counts.bytes_in = counts.bytes_in - counted.0 + closed.bytes_in;
                counts.bytes_out = counts.bytes_out - counted.1 + closed.bytes_out;
                if self.clients.get(&closed.client) == Some(&closed.connection) {
                    self.clients.remove(&closed.client);
                }
                counts.refused += u64::from(closed.cause == Cause::Refused);
                self.let_in(closed.at);
            }
            WebEvent::Failed { .. } => {}
        }
    }

    fn opened(&mut self, connection: ConnectionId, client: SocketAddr, at: Duration) {
        self.listens = true;
        self.figures.counts.connections += 1;
        let waits = self.mode == Mode::OneAtATime && !self.open.is_empty();
        let phase = if waits { Phase::InLine } else { Phase::Silent };
        let state = ConnectionState::new(connection, client, at, phase);
        self.clients.insert(client, connection);
        let new = Connection {
            state,
            counted: (0, 0),
            done: Duration::ZERO,
        };
        self.open.insert(connection, new);
        if self.open.len() > OPEN
            && let Some((_, oldest)) = self.open.pop_first()
        {
            self.clients.remove(&oldest.state.client);
        }
    }

    /// One at a time, whoever has waited longest is served next.
    fn let_in(&mut self, at: Duration) {
        let is_line = self.mode == Mode::OneAtATime;
        for connection in self.open.values_mut() {
            let state = &mut connection.state;
            if state.phase == Phase::InLine {
                state.phase = Phase::Silent;
                state.since = at;
            }
            if is_line {
                return;
            }
        }
    }

    fn exchange(&mut self, exchange: &Exchange) {
        let figures = &mut self.figures;
        figures.counts.count(exchange.status, exchange.ending);
        // An unanswered one is no measure of how long answers take.
        if exchange.status.is_some() {
            figures.durations.record(exchange.timing.duration());
        }
        let is_refusal = exchange.rule == Some(Rule::TooManyConnections);
        figures.counts.malformed += u64::from(exchange.broken_at.is_some() && !is_refusal);
        let Some(connection) = self.open.get_mut(&exchange.connection) else {
            return;
        };
        let (bytes_in, bytes_out) = (exchange.request.length, exchange.response.length);
        figures.counts.bytes_in += bytes_in;
        figures.counts.bytes_out += bytes_out;
        connection.counted.0 += bytes_in;
        connection.counted.1 += bytes_out;
        connection.done = exchange.timing.done;
        let ConnectionState { client, opened, .. } = connection.state;
        connection.state = ConnectionState {
            since: exchange.timing.done,
            requests: exchange.number,
            ..ConnectionState::new(exchange.connection, client, opened, Phase::Idle)
        };
    }

    /// Takes in a call of one of the server's sockets.
    pub fn call(&mut self, call: &SocketEvent) {
        let connection = call
            .peer
            .and_then(|client| self.clients.get(&client))
            .and_then(|id| self.open.get_mut(id));
        let is_new = |connection: &&mut Connection| call.at > connection.done;
        let connection = connection.filter(is_new);
        let Some(connection) = connection.filter(|_| call.error.is_none()) else {
            return;
        };
        match &call.call {
            Call::Recv(payload) => connection.received(payload, call.at),
            Call::Send(payload) => connection.sent(payload.length, call.at),
            Call::Shutdown => connection.enter(Phase::Closing, call.at),
            _ => {}
        }
    }

    /// What the server would tell of itself, with the newest `most` connections; `None` before anything was heard of it.
    pub fn report(&self, most: usize) -> Option<WebReport> {
        let states = self.open.values().rev().map(|one| &one.state);
        let in_line = states.clone().filter(|state| state.phase == Phase::InLine);
        let mut figures = self.figures.clone();
        figures.counts.in_line = in_line.count() as u64;
        figures.counts.open = self.open.len() as u64;
        self.listens.then(|| WebReport {
            figures,
            connections: states.take(most).cloned().collect(),
            more: self.open.len().saturating_sub(most),
        })
    }
}

impl Connection {
    fn enter(&mut self, phase: Phase, at: Duration) {
        if self.state.phase != phase {
            self.state.phase = phase;
            self.state.since = at;
        }
    }

    fn received(&mut self, payload: &Payload, at: Duration) {
        if payload.length == 0 {
            return;
        }
        self.enter(Phase::Reading, at);
        let state = &mut self.state;
        if state.first_byte.is_none() {
            state.first_byte = Some(at);
            state.requests += 1;
        }
        let room = SHOWN.saturating_sub(state.request.bytes.len());
        let mut bytes = std::mem::take(&mut state.request.bytes).into_vec();
        bytes.extend_from_slice(&payload.bytes[..payload.bytes.len().min(room)]);
        state.request.bytes = bytes.into();
        state.request.length += payload.length;
    }

    fn sent(&mut self, length: u64, at: Duration) {
        self.enter(Phase::Sending, at);
        self.state.sent += length;
    }
}
