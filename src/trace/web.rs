//! What happens at the web server and at the request sender, as plain data: the part of the vocabulary that speaks HTTP.
//!
//! A request that was answered is one event, with all its times: at 190,000 requests a second there is no room for an event a step. What is going on
//! at this moment (who has connected and sent nothing, which bytes of a head are there) is read as [`ConnectionState`]s, as often as somebody looks.
//!
//! Times are [`Duration`]s since the program's clock origin.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::proto::http::rule::Rule;
use crate::proto::http::service::Service;
use crate::proto::http::status::{Class, Status};
use crate::proto::serial;
use crate::proto::stats::RttSummary;

/// Which connection of the server, from 1 in the order in which they were accepted.
pub type ConnectionId = u64;

/// From the web server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WebEvent {
    Listening {
        address: SocketAddr,
        /// Where others reach it: the address itself, or every address of this machine when it listens at all of them.
        reachable: Vec<SocketAddr>,
        service: Box<Service>,
    },
    /// A connection was accepted. In one-at-a-time mode it then waits in line.
    Opened {
        connection: ConnectionId,
        client: SocketAddr,
        #[serde(with = "serial::nanos")]
        at: Duration,
    },
    /// A request was answered, refused, or cut short.
    Exchange(Box<Exchange>),
    Closed(Closed),
    Changed {
        #[serde(with = "serial::nanos")]
        at: Duration,
        from: Box<Service>,
        to: Box<Service>,
    },
    /// The server's thread ended because of this.
    Failed {
        error: String,
    },
}

impl WebEvent {
    pub(super) fn at(&self) -> Option<Duration> {
        match self {
            WebEvent::Opened { at, .. } | WebEvent::Changed { at, .. } => Some(*at),
            WebEvent::Exchange(exchange) => Some(exchange.timing.done),
            WebEvent::Closed(closed) => Some(closed.at),
            WebEvent::Listening { .. } | WebEvent::Failed { .. } => None,
        }
    }
}

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    pub connection: ConnectionId,
    /// Which request on this connection, from 1.
    pub number: u32,
    pub client: SocketAddr,
    pub timing: Timing,
    pub request: Message,
    /// Where its parts stand in the bytes of `request`, as far as they were understood.
    pub parts: Parts,
    /// `None` when it ended before any answer could be sent.
    pub status: Option<Status>,
    /// The rule that decided the status.
    pub rule: Option<Rule>,
    /// The first byte of the request that broke the rule, counted from the request's first byte.
    pub broken_at: Option<usize>,
    pub response: Message,
    /// Bytes of the response's head.
    pub response_head: usize,
    /// Bytes of content (after the head) handed to the system.
    pub content_sent: u64,
    pub ending: Ending,
}

/// A message as far as it was kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Message {
    /// Its first bytes.
    #[serde(with = "serial::bytes")]
    pub bytes: Box<[u8]>,
    /// Its whole length.
    pub length: u64,
}

/// A part of the kept bytes of a message; empty where it is not there.
pub type Part = std::ops::Range<u32>;

/// The parts of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Parts {
    pub method: Part,
    pub target: Part,
    /// Such as `HTTP/1.1`.
    pub version: Part,
    /// Bytes of the head, with the blank line; 0 when it never was complete.
    pub head: usize,
    pub user_agent: Option<Part>,
    pub referer: Option<Part>,
}

impl Parts {
    /// What of them lies in the first `kept` bytes.
    pub fn within(&self, kept: usize) -> Self {
        let kept = u32::try_from(kept).unwrap_or(u32::MAX);
        let cut = |part: &Part| part.start.min(kept)..part.end.min(kept);
        let field = |part: &Option<Part>| part.as_ref().filter(|part| part.start < kept).map(cut);
        Self {
            method: cut(&self.method),
            target: cut(&self.target),
            version: cut(&self.version),
            head: self.head,
            user_agent: field(&self.user_agent),
            referer: field(&self.referer),
        }
    }
}

/// When each step of an exchange was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timing {
    /// Its connection was accepted.
    #[serde(with = "serial::nanos")]
    pub accepted: Duration,
    /// Since when it waited for the server: its first byte was there. When a connection has stood in line and its request was there when its turn
    /// came, nobody saw the first byte come; the connection's opening stands for it.
    #[serde(with = "serial::nanos")]
    pub arrived: Duration,
    /// The server had the request's first byte. For a connection that was refused unheard: when it was.
    #[serde(with = "serial::nanos")]
    pub first_byte: Duration,
    /// The server began to work at it: later than the first byte if it was in line, or behind another request on the same connection.
    #[serde(with = "serial::nanos")]
    pub begun: Duration,
    /// The head was complete and understood.
    #[serde(with = "serial::nanos::option")]
    pub parsed: Option<Duration>,
    /// It was known what to answer: the file was found and opened, or was not.
    #[serde(with = "serial::nanos::option")]
    pub decided: Option<Duration>,
    /// The first byte of the response was handed to the system.
    #[serde(with = "serial::nanos::option")]
    pub first_byte_out: Option<Duration>,
    /// The last byte was handed to the system, or the exchange ended early.
    #[serde(with = "serial::nanos")]
    pub done: Duration,
}

impl Timing {
    /// From its arrival to the last byte out.
    pub fn duration(&self) -> Duration {
        self.done.saturating_sub(self.arrived)
    }

    /// How long the request waited until the server began to work at it.
    pub fn waited(&self) -> Duration {
        self.begun.saturating_sub(self.arrived)
    }
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The whole response was handed to the system.
    Complete,
    /// The client closed or reset the connection before that.
    ClientGone,
    /// The client took nothing for too long, or too little a second.
    Stalled,
    /// The file became shorter while it was sent.
    FileChanged,
    /// The server was stopped.
    Stopped,
}

/// The end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    pub connection: ConnectionId,
    pub client: SocketAddr,
    #[serde(with = "serial::nanos")]
    pub at: Duration,
    pub cause: Cause,
    /// Requests on it.
    pub requests: u32,
    pub bytes_in: u64,
    pub bytes_out: u64,
}

/// Why a connection was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The client closed it.
    Client,
    /// The client reset it.
    Reset,
    /// The request asked for it: `Connection: close`, or HTTP/1.0 without keep-alive.
    Asked,
    /// One at a time: a connection is one request.
    OneAtATime,
    /// The request could not be understood, so nobody knows where the next one begins.
    AfterError,
    /// No next request came in time.
    Idle,
    /// Not a byte came in time.
    Silent,
    /// The head or the body did not arrive in time.
    TooLate,
    /// The client took nothing for too long, or too little a second.
    Stalled,
    /// The response could not be finished.
    Incomplete,
    /// As many requests as one connection may make.
    RequestLimit,
    /// More connections than the server takes.
    Refused,
    /// The server was stopped, or changed its mode.
    Stopped,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Accepted, and waiting until the server has finished with those before it.
    InLine,
    /// Not a byte of a request has come on this connection yet.
    Silent,
    /// A head or a body is arriving.
    Reading,
    /// The answer is being prepared, or held back by the teacher's delay.
    Working,
    Sending,
    /// Between a response and the next request.
    Idle,
    /// The last response is out, and the client's end is awaited.
    Closing,
}

/// A connection at this moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionState {
    pub connection: ConnectionId,
    pub client: SocketAddr,
    pub opened: Duration,
    pub phase: Phase,
    /// Since when it does that.
    pub since: Duration,
    /// Requests begun on it; the number of the one that `phase` is about.
    pub requests: u32,
    /// The current request as far as it has arrived.
    pub request: Message,
    pub parts: Parts,
    /// When its first byte was there.
    pub first_byte: Option<Duration>,
    pub status: Option<Status>,
    /// Bytes of the current response handed to the system.
    pub sent: u64,
    /// Bytes of the whole response, once it is known.
    pub to_send: u64,
}

impl ConnectionState {
    /// A connection on which no request is under way.
    pub fn new(
        connection: ConnectionId,
        client: SocketAddr,
        opened: Duration,
        phase: Phase,
    ) -> Self {
        Self {
            connection,
            client,
            opened,
            phase,
            since: opened,
            requests: 0,
            request: Message::default(),
            parts: Parts::default(),
            first_byte: None,
            status: None,
            sent: 0,
            to_send: 0,
        }
    }
}

/// What the server counted, exact whatever a screen or printer left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WebCounts {
    /// Connections accepted.
    pub connections: u64,
    /// Of those, open now.
    pub open: u64,
    /// Of the open ones, in line.
    pub in_line: u64,
    /// Connections that were answered 503 unheard.
    pub refused: u64,
    /// Exchanges, however they ended.
    pub requests: u64,
    /// Exchanges by the class of their status, from 1xx to 5xx.
    pub by_class: [u64; 5],
    /// Exchanges that ended before any answer.
    pub unanswered: u64,
    /// Exchanges that ended before the whole answer was sent.
    pub cut_short: u64,
    /// Heads that were no HTTP.
    pub malformed: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Times that the system had no descriptor left for a connection; `None` where nobody knows, for no record holds them.
    pub accept_failures: Option<u64>,
}

impl WebCounts {
    /// Counts an exchange.
    pub fn count(&mut self, status: Option<Status>, ending: Ending) {
        self.requests += 1;
        match status {
            Some(status) => {
                let place = Class::ALL.iter().position(|class| *class == status.class());
                self.by_class[place.unwrap_or(4)] += 1;
                self.cut_short += u64::from(ending != Ending::Complete);
            }
            None => self.unanswered += 1,
        }
    }
}

/// Which request of the request sender, in the order in which they were started.
pub type SenderId = u64;

/// From the request sender: what one connection of ours to some server sent and got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SenderEvent {
    /// The name was resolved, and the connection is open.
    Connected {
        #[serde(with = "serial::nanos")]
        at: Duration,
        local: SocketAddr,
        target: SocketAddr,
    },
    Sent {
        #[serde(with = "serial::nanos")]
        at: Duration,
        #[serde(with = "serial::bytes")]
        bytes: Box<[u8]>,
    },
    Received {
        #[serde(with = "serial::nanos")]
        at: Duration,
        #[serde(with = "serial::bytes")]
        bytes: Box<[u8]>,
    },
    Ended {
        #[serde(with = "serial::nanos")]
        at: Duration,
        how: SenderEnd,
        /// Bytes that came after as many as are kept.
        not_kept: u64,
    },
}

impl SenderEvent {
    pub(super) fn at(&self) -> Duration {
        match self {
            SenderEvent::Connected { at, .. }
            | SenderEvent::Sent { at, .. }
            | SenderEvent::Received { at, .. }
            | SenderEvent::Ended { at, .. } => *at,
        }
    }
}

/// How a connection of the request sender ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SenderEnd {
    /// All responses that were asked for are complete.
    Complete,
    /// The server closed the connection.
    ServerClosed,
    /// The server reset the connection.
    Reset,
    /// Nothing came for as long as we were ready to wait.
    TimedOut,
    /// We were told to stop.
    Stopped,
    /// It could not be opened: name, address, or nobody there.
    CannotConnect(String),
    Failed(String),
}

/// The counters, with how long the exchanges took ([`Timing::duration`]).
#[derive(Debug, Clone, Default)]
pub struct WebFigures {
    pub counts: WebCounts,
    pub durations: RttSummary,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_and_duration_count_from_the_arrival() {
        let ms = Duration::from_millis;
        let pipelined = Timing {
            accepted: ms(0),
            arrived: ms(10),
            first_byte: ms(10),
            begun: ms(14),
            done: ms(20),
            ..Timing::default()
        };
        assert_eq!(pipelined.waited(), ms(4));
        assert_eq!(pipelined.duration(), ms(10));
    }

    #[test]
    fn exchanges_are_counted_by_class() {
        let mut counts = WebCounts::default();
        counts.count(Some(Status::OK), Ending::Complete);
        counts.count(Some(Status::NOT_FOUND), Ending::Complete);
        counts.count(Some(Status::OK), Ending::ClientGone);
        counts.count(None, Ending::ClientGone);
        assert_eq!(counts.requests, 4);
        assert_eq!(counts.by_class, [0, 2, 0, 1, 0]);
        assert_eq!((counts.cut_short, counts.unanswered), (1, 1));
    }
}
