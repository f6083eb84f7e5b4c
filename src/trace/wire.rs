//! What labs do with their sockets, as plain data: each call under the name that textbooks and manuals give it, with its arguments, its result and
//! its bytes. From it the Wire tab draws both ends of a connection, and captures are rebuilt.
//!
//! It stands beside [`super::event`] because it speaks of sockets and bytes and knows no protocol. What a lab made of the bytes (a verdict, a request, a
//! reply) is in the lab's own events.
//!
//! Times are [`Duration`]s since the program's clock origin: just before a call that sends, just after any other. So a datagram that both ends saw was
//! sent before it was received.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bounded::Weigh;
use super::event::TargetId;
use super::mail::{SendingId, SessionId};
use super::start_error::Transport;
use super::web::{ConnectionId, SenderId};
use crate::proto::serial;

/// How far apart the two ends may tell of one connection: a port is not given out again so soon.
pub const SAME_CONNECTION: Duration = Duration::from_secs(10);

/// An IPv4 address is one, also where a socket of IPv6 tells of it.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Which lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lab {
    Ping,
    Web,
    Mail,
}

impl Lab {
    pub const ALL: [Lab; 3] = [Lab::Ping, Lab::Web, Lab::Mail];

    /// Its stable name in files: `ping`, `web`, `mail`.
    pub fn name(self) -> &'static str {
        match self {
            Lab::Ping => "ping",
            Lab::Web => "web",
            Lab::Mail => "mail",
        }
    }
}

/// Which end of a connection, or of an exchange of datagrams, a socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    Client,
    Server,
}

/// Which socket of this program, from 1 in the order in which they were opened or accepted.
pub type SocketId = u64;

/// A call that a lab made on a socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SocketEvent {
    #[serde(with = "serial::nanos")]
    pub at: Duration,
    pub lab: Lab,
    pub end: End,
    /// The socket it was made on; for [`Call::Accept`] the new one.
    pub socket: SocketId,
    pub transport: Transport,
    /// The socket's own address, once it has one.
    pub local: Option<SocketAddr>,
    /// Whom it is connected to; for datagrams, whom this one went to or came from.
    pub peer: Option<SocketAddr>,
    pub call: Call,
    /// The system's words, where the call failed.
    pub error: Option<Arc<str>>,
}

/// The calls, as in the flow charts of the sockets of 4.2BSD (Stevens, UNIX Network Programming, figures 4.1 and 8.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    Socket,
    Bind,
    Listen {
        backlog: u32,
    },
    /// A connection was taken out of the queue of `listener`.
    Accept {
        listener: SocketId,
    },
    Connect,
    Send(Payload),
    Recv(Payload),
    SendTo(Payload),
    RecvFrom(Payload),
    /// Nothing more will be sent.
    Shutdown,
    Close,
}

impl Call {
    /// The names of all of them, in the order in which a connection sees them.
    pub const NAMES: [&str; 11] = [
        "socket", "bind", "listen", "accept", "connect", "send", "recv", "sendto", "recvfrom",
        "shutdown", "close",
    ];

    /// Its name in the manual.
    pub fn name(&self) -> &'static str {
        match self {
            Call::Socket => "socket",
            Call::Bind => "bind",
            Call::Listen { .. } => "listen",
            Call::Accept { .. } => "accept",
            Call::Connect => "connect",
            Call::Send(_) => "send",
            Call::Recv(_) => "recv",
            Call::SendTo(_) => "sendto",
            Call::RecvFrom(_) => "recvfrom",
            Call::Shutdown => "shutdown",
            Call::Close => "close",
        }
    }

    /// The bytes it moved.
    pub fn payload(&self) -> Option<&Payload> {
        match self {
            Call::Send(payload)
            | Call::Recv(payload)
            | Call::SendTo(payload)
            | Call::RecvFrom(payload) => Some(payload),
            _ => None,
        }
    }

    /// Whether it sent bytes.
    pub fn is_sending(&self) -> bool {
        matches!(self, Call::Send(_) | Call::SendTo(_))
    }
}

/// The bytes that a call moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// The first of them, with secrets masked; shared, for a screen and a file may both keep them. Masking never changes where a byte stands.
    #[serde(with = "serial::bytes")]
    pub bytes: Arc<[u8]>,
    /// How many the system took or gave.
    pub length: u64,
    /// Whether a secret was masked.
    pub masked: bool,
    pub layer: Layer,
}

/// Where a payload was read off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// At the socket: what everybody on the way sees.
    Socket,
    /// Inside TLS: everybody on the way sees records of another length instead.
    InsideTls,
}

impl Weigh for SocketEvent {
    fn weight(&self) -> usize {
        let bytes = self.call.payload().map_or(0, |payload| payload.bytes.len());
        size_of::<Self>() + bytes + self.error.as_ref().map_or(0, |error| error.len())
    }
}

/// A row of a lab, and the same thing on the wire: what Enter leads to, from either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A ping of one of our pingers.
    Ping { target: TargetId, seq: u64 },
    /// A datagram at the echo server.
    Datagram { n: u64 },
    /// A request at the web server; number 0 is the connection itself.
    Exchange {
        connection: ConnectionId,
        number: u32,
    },
    /// What the request sender sent.
    Sender(SenderId),
    /// A line of a sending's dialogue, counted from 0.
    Sending { id: SendingId, line: usize },
    /// A line of a session at the lab's mail server, counted from 0.
    Session { session: SessionId, line: usize },
}
