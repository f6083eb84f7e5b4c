//! What is going on at this moment: a state for each connection, and the counters of all of them.
//!
//! It stands apart because it is read from another thread than it is written from: the server's thread writes a connection's state just before it
//! waits for the network, and a screen copies the states when it draws.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::net::lock::lock;
use crate::proto::http::secret::{self, Side};
use crate::proto::http::status::Status;
use crate::trace::recorder::Secrets;
use crate::trace::web::{ConnectionId, ConnectionState, Message, Parts, Phase, WebFigures};

/// Bytes of a head that has not come to its end yet, or of one that is being answered, that are shown.
const SHOWN: usize = 2_048;

/// One connection.
pub struct Live {
    pub id: ConnectionId,
    pub client: SocketAddr,
    pub opened: Duration,
    secrets: Secrets,
    state: Mutex<State>,
    abort: OnceLock<AbortHandle>,
}

struct State {
    phase: Phase,
    since: Duration,
    requests: u32,
    first_byte: Option<Duration>,
    request: Vec<u8>,
    request_length: u64,
    parts: Parts,
    status: Option<Status>,
    sent: u64,
    to_send: u64,
}

impl Live {
    /// From now on it does this.
    pub fn enter(&self, phase: Phase, now: Duration) {
        let mut state = lock(&self.state);
        state.phase = phase;
        state.since = now;
    }

    /// The connection is between two requests, of which so many have been answered.
    pub fn idle(&self, now: Duration, requests: u32) {
        let mut state = lock(&self.state);
        state.phase = Phase::Idle;
        state.since = now;
        state.requests = requests;
        state.first_byte = None;
        state.request.clear();
        state.request_length = 0;
        state.status = None;
        state.sent = 0;
        state.to_send = 0;
    }

    /// So much of a request, the `number`th, is there.
    pub fn reading(
        &self,
        now: Duration,
        number: u32,
        first_byte: Duration,
        bytes: &[u8],
        length: u64,
    ) {
        let mut state = lock(&self.state);
        if state.phase != Phase::Reading {
            state.phase = Phase::Reading;
            state.since = now;
        }
        state.requests = number;
        state.first_byte = Some(first_byte);
        state.request.clear();
        state
            .request
            .extend_from_slice(&bytes[..bytes.len().min(SHOWN)]);
        state.request_length = length;
        state.parts = Parts::default();
    }

    /// A request, the `number`th, is understood and will be answered.
    pub fn working(
        &self,
        now: Duration,
        number: u32,
        first_byte: Duration,
        bytes: &[u8],
        parts: &Parts,
    ) {
        self.reading(now, number, first_byte, bytes, bytes.len() as u64);
        let mut state = lock(&self.state);
        state.phase = Phase::Working;
        state.since = now;
        state.parts = parts.within(SHOWN);
    }

    /// So much of the answer is sent.
    pub fn sending(&self, now: Duration, answered: Option<&Answered>, sent: u64, to_send: u64) {
        if let Some(answered) = answered
            && self.phase() != Phase::Sending
        {
            let (number, first_byte) = (answered.number, answered.first_byte);
            self.working(now, number, first_byte, answered.bytes, answered.parts);
        }
        let mut state = lock(&self.state);
        if state.phase != Phase::Sending {
            state.phase = Phase::Sending;
            state.since = now;
        }
        state.status = answered.map(|answered| answered.status);
        state.sent = sent;
        state.to_send = to_send;
    }

    /// The task that serves it.
    pub fn set_task(&self, task: AbortHandle) {
        // Set once, right after the task was started.
        let _ = self.abort.set(task);
    }

    /// All of it as it is now, secrets masked.
    pub fn snapshot(&self) -> ConnectionState {
        let state = lock(&self.state);
        let mut request: Box<[u8]> = state.request.as_slice().into();
        if self.secrets == Secrets::Masked {
            secret::mask(Side::Request, &mut request);
        }
        ConnectionState {
            connection: self.id,
            client: self.client,
            opened: self.opened,
            phase: state.phase,
            since: state.since,
            requests: state.requests,
            request: Message {
                bytes: request,
                length: state.request_length,
            },
            parts: state.parts.clone(),
            first_byte: state.first_byte,
            status: state.status,
            sent: state.sent,
            to_send: state.to_send,
        }
    }

    fn phase(&self) -> Phase {
        lock(&self.state).phase
    }
}

/// The request whose answer is being sent.
pub struct Answered<'a> {
    pub number: u32,
    pub first_byte: Duration,
    pub bytes: &'a [u8],
    pub parts: &'a Parts,
    pub status: Status,
}

/// All open connections, and the counters.
#[derive(Default)]
pub struct Table {
    secrets: Secrets,
    open: Mutex<BTreeMap<ConnectionId, Arc<Live>>>,
    figures: Mutex<WebFigures>,
}

impl Table {
    /// An empty one that shows requests with or without their secrets.
    pub fn new(secrets: Secrets) -> Self {
        Self {
            secrets,
            ..Self::default()
        }
    }

    /// A connection was accepted.
    pub fn open(&self, client: SocketAddr, now: Duration) -> Arc<Live> {
        let id = {
            let mut figures = lock(&self.figures);
            figures.counts.connections += 1;
            figures.counts.open += 1;
            figures.counts.connections
        };
        let live = Arc::new(Live {
            id,
            client,
            opened: now,
            secrets: self.secrets,
            state: Mutex::new(State {
                phase: Phase::Silent,
                since: now,
                requests: 0,
                first_byte: None,
                request: Vec::new(),
                request_length: 0,
                parts: Parts::default(),
                status: None,
                sent: 0,
                to_send: 0,
            }),
            abort: OnceLock::new(),
        });
        lock(&self.open).insert(id, live.clone());
        live
    }

    /// It was closed.
    pub fn close(&self, live: &Live) {
        lock(&self.open).remove(&live.id);
        lock(&self.figures).counts.open -= 1;
    }

    pub fn len(&self) -> usize {
        lock(&self.open).len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts under one lock.
    pub fn count(&self, count: impl FnOnce(&mut WebFigures)) {
        count(&mut lock(&self.figures));
    }

    pub fn figures(&self) -> WebFigures {
        lock(&self.figures).clone()
    }

    /// The newest `most` connections, newest first, and how many more there are.
    pub fn connections(&self, most: usize) -> (Vec<ConnectionState>, usize) {
        let (newest, more) = {
            let open = lock(&self.open);
            let newest: Vec<Arc<Live>> = open.values().rev().take(most).cloned().collect();
            let more = open.len() - newest.len();
            (newest, more)
        };
        (newest.iter().map(|live| live.snapshot()).collect(), more)
    }

    /// Ends the connections that are doing one of these things.
    pub fn end(&self, phases: &[Phase]) {
        let open: Vec<Arc<Live>> = lock(&self.open).values().cloned().collect();
        for live in open {
            if phases.contains(&live.phase())
                && let Some(task) = live.abort.get()
            {
                task.abort();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> SocketAddr {
        "127.0.0.1:50000".parse().unwrap()
    }

    #[test]
    fn the_newest_connections_are_shown_and_the_others_counted() {
        let table = Table::default();
        let lives: Vec<_> = (0..5)
            .map(|n| table.open(client(), Duration::from_secs(n)))
            .collect();
        table.close(&lives[4]);
        let (shown, more) = table.connections(3);
        let ids: Vec<_> = shown.iter().map(|state| state.connection).collect();
        assert_eq!((ids, more), (vec![4, 3, 2], 1));
        let counts = table.figures().counts;
        assert_eq!((counts.connections, counts.open), (5, 4));
    }

    #[test]
    fn a_state_shows_no_secret_unless_told_to() {
        let request = b"GET / HTTP/1.1\r\nCookie: abc";
        for (table, shown) in [
            (Table::default(), &b"GET / HTTP/1.1\r\nCookie: ***"[..]),
            (Table::new(Secrets::Shown), request),
        ] {
            let live = table.open(client(), Duration::ZERO);
            live.reading(
                Duration::ZERO,
                1,
                Duration::ZERO,
                request,
                request.len() as u64,
            );
            assert_eq!(&*live.snapshot().request.bytes, shown);
        }
    }

    #[test]
    fn a_state_tells_what_has_arrived_and_since_when() {
        let table = Table::default();
        let live = table.open(client(), Duration::ZERO);
        let second = Duration::from_secs(1);
        live.reading(second, 1, second, b"GET ", 4);
        live.reading(second * 2, 1, second, b"GET /", 5);
        let state = table.connections(1).0.remove(0);
        assert_eq!((state.phase, state.since), (Phase::Reading, second));
        assert_eq!(&*state.request.bytes, b"GET /");
        live.idle(second * 3, 1);
        let state = table.connections(1).0.remove(0);
        assert_eq!((state.phase, state.requests), (Phase::Idle, 1));
        assert_eq!(state.request, Message::default());
    }
}
