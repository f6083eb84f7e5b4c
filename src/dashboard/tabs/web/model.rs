//! What the Web tab knows: the server, its counters, the log and the lanes. Plain data, so that freezing the view is a clone.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::connections::Connections;
use super::log::Log;
use crate::dashboard::tabs::panel::push_bounded;
use crate::proto::http::service::Service;
use crate::trace::start_error::StartError;
use crate::trace::web::{
    Closed, ConnectionId, ConnectionState, Ending, Exchange, Message, Parts, Phase, Timing,
    WebEvent, WebFigures,
};

/// A request or a wait that is younger than this is not shown as going on: it would be gone before anybody has read it.
const LIVE_FROM: Duration = Duration::from_millis(100);
/// Time between two samples of the rate.
const SAMPLE: Duration = Duration::from_millis(100);
/// Over this long the rate is taken.
const RATE_OVER: Duration = Duration::from_secs(1);
/// Samples that are kept.
const SAMPLES: usize = 64;

/// What the server tells when it is asked, just before a frame.
#[derive(Debug, Clone, Default)]
pub struct WebReport {
    pub figures: WebFigures,
    /// The newest connections, those that are in line or busy first.
    pub connections: Vec<ConnectionState>,
    /// Open connections that are not among them.
    pub more: usize,
}

#[derive(Debug, Clone)]
pub struct WebModel {
    pub server: ServerState,
    pub service: Service,
    /// Whether that is how it is set: a record may not tell it, or later.
    pub service_is_known: bool,
    pub figures: WebFigures,
    /// Connections with a request that is going on, or with none yet; newest first.
    pub live: Vec<ConnectionState>,
    pub log: Log,
    pub connections: Connections,
    /// Events the screen could not keep up with; the counters have them all the same.
    pub left_out: u64,
    rates: VecDeque<Sample>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ServerState {
    Starting,
    /// A record is played, and has told nothing of it so far.
    Untold,
    Listening {
        address: SocketAddr,
        /// Where others reach it.
        reachable: Vec<SocketAddr>,
    },
    CannotStart(StartError),
    /// It ran and its socket failed.
    Failed(String),
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Duration,
    requests: u64,
    bytes_out: u64,
}

/// What went through, a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rate {
    pub requests: f64,
    pub bytes_out: f64,
}

impl WebModel {
    pub fn new(service: Service) -> Self {
        Self {
            server: ServerState::Starting,
            service,
            service_is_known: true,
            figures: WebFigures::default(),
            live: Vec::new(),
            log: Log::default(),
            connections: Connections::default(),
            left_out: 0,
            rates: VecDeque::new(),
        }
    }

    /// What happens comes out of a record.
    pub fn follow_record(&mut self) {
        self.server = ServerState::Untold;
        self.service = Service::default();
        self.service_is_known = false;
    }

    /// Takes in what happened.
    pub fn take(&mut self, event: WebEvent) {
        match event {
            WebEvent::Listening {
                address,
                reachable,
                service,
            } => {
                self.server = ServerState::Listening { address, reachable };
                self.service = *service;
                self.service_is_known = true;
            }
            WebEvent::Opened {
                connection,
                client,
                at,
            } => self.connections.opened(connection, client, at),
            WebEvent::Exchange(exchange) => {
                self.connections.exchange(&exchange);
                self.log.push(exchange, None);
            }
            WebEvent::Closed(closed) => {
                self.connections.closed(&closed);
                self.note_unheard(&closed);
            }
            WebEvent::Changed { to, .. } => {
                self.service = *to;
                self.service_is_known = true;
            }
            WebEvent::Failed { error } => self.server = ServerState::Failed(error),
        }
    }

    /// A connection on which nothing was ever asked leaves a row of its own in the log, or nobody would see that it was there.
    fn note_unheard(&mut self, closed: &Closed) {
        let lane = self.connections.lane(closed.connection);
        let Some(lane) = lane.filter(|lane| closed.requests == 0 && lane.is_unheard()) else {
            return;
        };
        let exchange = Exchange {
            connection: closed.connection,
            number: 0,
            client: closed.client,
            timing: Timing {
                accepted: lane.opened,
                arrived: lane.opened,
                first_byte: lane.opened,
                begun: lane.opened,
                done: closed.at,
                ..Timing::default()
            },
            request: Message::default(),
            parts: Parts::default(),
            status: None,
            rule: None,
            broken_at: None,
            response: Message::default(),
            response_head: 0,
            content_sent: 0,
            ending: Ending::ClientGone,
        };
        self.log.push(Box::new(exchange), Some(closed.cause));
    }

    /// Takes in what the server told at `now`.
    pub fn report(&mut self, report: WebReport, now: Duration) {
        let counts = &report.figures.counts;
        let due = |last: &Sample| now.saturating_sub(last.at) >= SAMPLE;
        if self.rates.back().is_none_or(due) {
            let sample = Sample {
                at: now,
                requests: counts.requests,
                bytes_out: counts.bytes_out,
            };
            push_bounded(&mut self.rates, sample, SAMPLES);
        }
        self.figures = report.figures;
        let all = report.more == 0;
        self.connections.report(&report.connections, all, now);
        self.live = report.connections;
        self.live.retain(|state| is_live(state, now));
        self.live
            .sort_unstable_by_key(|state| std::cmp::Reverse(state.connection));
    }

    /// What went through over the last second.
    pub fn rate(&self) -> Rate {
        let Some(newest) = self.rates.back() else {
            return Rate::default();
        };
        let earlier = self
            .rates
            .iter()
            .rev()
            .find(|sample| newest.at.saturating_sub(sample.at) >= RATE_OVER)
            .or(self.rates.front())
            .unwrap_or(newest);
        let seconds = newest.at.saturating_sub(earlier.at).as_secs_f64();
        if seconds <= 0.0 {
            return Rate::default();
        }
        let since = |new: u64, old: u64| new.saturating_sub(old) as f64 / seconds;
        Rate {
            requests: since(newest.requests, earlier.requests),
            bytes_out: since(newest.bytes_out, earlier.bytes_out),
        }
    }

    /// What goes on on a connection.
    pub fn live_state(&self, connection: ConnectionId) -> Option<&ConnectionState> {
        // Newest first.
        let place = self
            .live
            .binary_search_by(|state| connection.cmp(&state.connection));
        place.ok().map(|place| &self.live[place])
    }

    pub fn has_failed(&self) -> bool {
        matches!(
            self.server,
            ServerState::CannotStart(_) | ServerState::Failed(_)
        )
    }
}

/// Whether something has been going on for long enough to be read.
fn is_live(state: &ConnectionState, now: Duration) -> bool {
    let begun = match state.phase {
        Phase::InLine | Phase::Silent => state.opened,
        Phase::Reading | Phase::Working | Phase::Sending => state.first_byte.unwrap_or(state.since),
        Phase::Idle | Phase::Closing => return false,
    };
    now.saturating_sub(begun) >= LIVE_FROM
}
