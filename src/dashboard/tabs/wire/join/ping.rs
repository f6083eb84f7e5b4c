//! Pings: what the pinger and the echo server tell of the same datagrams.
//!
//! They are joined by the client's address and the number in the text. Several pings of a client may have the same number, if somebody writes a
//! client that does so: then the oldest that is still without its other end is meant.

use std::net::SocketAddr;
use std::time::Duration;

use super::recent::Recent;
use super::{Ends, add_subject, change, first_line, push, shared};
use crate::dashboard::tabs::wire::log::Log;
use crate::dashboard::tabs::wire::row::{Fate, Flow, Kind, Message, RowId};
use crate::proto::link::Leg;
use crate::proto::ping::{Outcome, PingEvent, PingRecord, sequence_of};
use crate::trace::event::{EchoDatagram, EchoEvent, PingerEvent, Ruling, TargetId};
use crate::trace::wire::{End, Lab, Subject, canonical};

/// Pings that are known, as many as a pinger remembers.
const PINGS: usize = 16_384;
/// Pingers that are known.
const PINGERS: usize = 256;
/// Pings of one client with the same number.
const SAME: usize = 8;
/// Length of `Ping ` before the number.
const WORD: usize = 5;
/// Copies of a reply whose arrival is kept.
const ARRIVALS: usize = 16;

/// Whose ping it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Client {
    At(SocketAddr),
    /// A pinger whose address was never told.
    Unknown(TargetId),
}

#[derive(Debug, Default)]
struct Ping {
    request: Option<RowId>,
    reply: Option<RowId>,
    /// The pinger that told of it.
    target: Option<TargetId>,
    /// The server has told of it: under which number.
    datagram: Option<u64>,
}

pub struct PingJoin {
    server: Option<SocketAddr>,
    pingers: Recent<TargetId, Flow>,
    pings: Recent<(Client, u64), Vec<Ping>>,
}

impl Default for PingJoin {
    fn default() -> Self {
        Self {
            server: None,
            pingers: Recent::new(PINGERS),
            pings: Recent::new(PINGS),
        }
    }
}

impl PingJoin {
    /// The log was cleared: replies to what was in it stand alone.
    pub fn forget_rows(&mut self) {
        self.pings.clear();
    }

    pub fn take_echo(&mut self, event: &EchoEvent, ends: &mut Ends, log: &mut Log) {
        match event {
            EchoEvent::Listening { address, .. } => self.server = Some(*address),
            EchoEvent::Datagram(datagram) => {
                let flow = ends.flow(Lab::Ping, Some(datagram.from), self.server);
                self.arrived(datagram, flow, log);
            }
            EchoEvent::LinkChanged { .. } | EchoEvent::Failed { .. } => {}
        }
    }

    pub fn take_pinger(
        &mut self,
        target: TargetId,
        event: &PingerEvent,
        ends: &mut Ends,
        log: &mut Log,
    ) {
        match event {
            PingerEvent::Started {
                local,
                target: server,
            } => {
                let flow = ends.meet(Lab::Ping, *local, *server);
                self.pingers.insert(target, flow);
            }
            PingerEvent::Ping(event) => self.pinged(target, event, log),
            PingerEvent::Failed { .. } => {}
        }
    }

    fn pinged(&mut self, target: TargetId, event: &PingEvent, log: &mut Log) {
        let flow = self.pingers.get(&target).copied().unwrap_or_default();
        let client = flow.client.map_or(Client::Unknown(target), Client::At);
        match event {
            PingEvent::Sent { seq, at, datagram } => {
                self.pings.change((client, *seq), Vec::new, |pings| {
                    let ping = pick(pings, |ping| ping.target.is_none());
                    ping.target = Some(target);
                    sent(ping, *seq, *at, datagram, flow, log);
                });
            }
            PingEvent::Replied { record, at, reply } => {
                self.told(client, target, record, |ping| {
                    replied(ping, record, *at, reply, flow, log);
                });
            }
            PingEvent::Duplicate { record, at } => self.told(client, target, record, |ping| {
                if let Some(reply) = ping.reply {
                    change(log, reply, |reply| {
                        arrive(reply, *at);
                    });
                }
            }),
            PingEvent::TimedOut { record, .. } => self.told(client, target, record, |ping| {
                // The server's word, if it has one, says more.
                if let Some(request) = ping.request.filter(|_| ping.datagram.is_none()) {
                    change(log, request, |request| request.fate = Fate::Unanswered);
                }
            }),
            PingEvent::Refused { record, .. } => self.told(client, target, record, |ping| {
                if let Some(request) = ping.request {
                    change(log, request, |request| request.fate = Fate::Refused);
                }
            }),
            // Its call says all there is to say.
            PingEvent::Unsolicited { .. } | PingEvent::SendFailed { .. } => {}
            PingEvent::Settled { .. } | PingEvent::Finished => {}
        }
    }

    /// The newest ping of that number that its pinger told of.
    fn told(
        &mut self,
        client: Client,
        target: TargetId,
        record: &PingRecord,
        tell: impl FnOnce(&mut Ping),
    ) {
        let pings = self.pings.get_mut(&(client, record.seq));
        let mut pings = pings.into_iter().flatten().rev();
        if let Some(ping) = pings.find(|ping| ping.target == Some(target)) {
            tell(ping);
        }
    }

    /// The server has seen a datagram, and judged it.
    fn arrived(&mut self, datagram: &EchoDatagram, flow: Flow, log: &mut Log) {
        let seq = sequence_of(datagram.payload.bytes());
        let mut alone = Ping::default();
        match seq {
            Some(seq) => {
                let client = Client::At(canonical(datagram.from));
                self.pings.change((client, seq), Vec::new, |pings| {
                    let ping = pick(pings, |ping| ping.datagram.is_none());
                    judged(ping, datagram, flow, log);
                });
            }
            None => judged(&mut alone, datagram, flow, log),
        }
    }
}

/// The oldest that is `open`, or a new one.
fn pick(pings: &mut Vec<Ping>, open: impl Fn(&Ping) -> bool) -> &mut Ping {
    let place = pings.iter().position(open).unwrap_or_else(|| {
        if pings.len() == SAME {
            pings.remove(0);
        }
        pings.push(Ping::default());
        pings.len() - 1
    });
    &mut pings[place]
}

fn sent(ping: &mut Ping, seq: u64, at: Duration, datagram: &[u8], flow: Flow, log: &mut Log) {
    let target = ping.target.unwrap_or_default();
    let subject = Subject::Ping { target, seq };
    let tell = |message: &mut Message| {
        message.sent = Some(at);
        message.bytes = shared(datagram);
        message.length = datagram.len() as u64;
        message.summary = called(datagram);
        add_subject(message, subject, End::Client);
    };
    match ping.request {
        Some(request) => change(log, request, tell),
        None => {
            let mut message = Message::new(Kind::Datagram, End::Client);
            tell(&mut message);
            ping.request = Some(push(log, at, Lab::Ping, flow, message));
        }
    }
    for id in ping.request.into_iter().chain(ping.reply) {
        // Whom it goes to is what the client says: the server may listen at all addresses.
        log.change(id, |row| row.flow = flow);
    }
    if let Some(reply) = ping.reply {
        change(log, reply, |reply| add_subject(reply, subject, End::Client));
    }
}

/// What a ping is called: its word and its number. Its token is for who looks at the bytes; what is no ping is called by its text.
fn called(datagram: &[u8]) -> String {
    let end = match sequence_of(datagram) {
        Some(_) => {
            let digits = datagram[WORD..].iter();
            WORD + digits.take_while(|byte| byte.is_ascii_digit()).count()
        }
        None => datagram.len(),
    };
    first_line(&datagram[..end])
}

/// What the server did with a datagram, told of it and of its reply.
fn judged(ping: &mut Ping, datagram: &EchoDatagram, flow: Flow, log: &mut Log) {
    ping.datagram = Some(datagram.n);
    let subject = Subject::Datagram { n: datagram.n };
    let fate = match datagram.ruling {
        Ruling::Lost {
            leg: Leg::Request, ..
        }
        | Ruling::QueueFull { leg: Leg::Request } => Fate::Killed(Leg::Request),
        Ruling::Refused(_) => Fate::Turned,
        Ruling::Replied | Ruling::Lost { .. } | Ruling::QueueFull { .. } => Fate::Arrived,
    };
    let tell = |message: &mut Message| {
        message.fate = fate;
        message.ruling = Some(datagram.ruling);
        // Seen it was in any case; but what the model says was lost on its way has not arrived.
        if fate != Fate::Killed(Leg::Request) {
            message.arrived = vec![datagram.at];
        }
        add_subject(message, subject, End::Server);
    };
    match ping.request {
        Some(request) => change(log, request, tell),
        None => {
            let mut message = Message::new(Kind::Datagram, End::Client);
            message.bytes = shared(datagram.payload.bytes());
            message.length = datagram.bytes as u64;
            message.summary = called(&message.bytes);
            tell(&mut message);
            let id = push(log, datagram.at, Lab::Ping, flow, message);
            ping.request = Some(id);
        }
    }
    if fate == Fate::Arrived {
        answered(ping, datagram, subject, flow, log);
    }
}

/// The server has answered, or would have if the link had let it.
fn answered(ping: &mut Ping, datagram: &EchoDatagram, subject: Subject, flow: Flow, log: &mut Log) {
    let sent = datagram.at + datagram.delay;
    let tell = |message: &mut Message| {
        message.sent = Some(sent);
        message.ruling = Some(datagram.ruling);
        message.reordered |= datagram.held;
        message.damaged |= datagram.corrupted;
        if datagram.ruling != Ruling::Replied {
            message.fate = Fate::Killed(Leg::Reply);
        }
        add_subject(message, subject, End::Server);
    };
    if let Some(reply) = ping.reply {
        change(log, reply, tell);
        return;
    }
    let mut message = Message::new(Kind::Datagram, End::Server);
    let request = ping.request.and_then(|id| log.row(id));
    let request = request.and_then(|row| row.message()).cloned();
    if let Some(request) = request {
        // What it would have said, had nobody killed or missed it.
        message.bytes = request.bytes.to_ascii_uppercase().into();
        message.length = request.length;
        message.summary = called(&message.bytes);
        message.subjects = request.subjects;
    }
    tell(&mut message);
    ping.reply = Some(push(log, sent, Lab::Ping, flow, message));
}

/// The first reply has come, in time or late.
fn replied(
    ping: &mut Ping,
    record: &PingRecord,
    at: Duration,
    reply: &[u8],
    flow: Flow,
    log: &mut Log,
) {
    let fate = match record.outcome {
        Outcome::Late => Fate::Late,
        _ => Fate::Arrived,
    };
    let tell = |message: &mut Message| {
        arrive(message, at);
        message.fate = fate;
        message.reordered |= record.reordered;
        message.damaged |= record.damaged;
        message.bytes = shared(reply);
        message.length = reply.len() as u64;
        message.summary = called(reply);
    };
    if let Some(request) = ping.request {
        // What was answered has arrived, whoever answered it.
        change(log, request, |request| {
            if matches!(request.fate, Fate::InFlight | Fate::Unanswered) {
                request.fate = Fate::Arrived;
            }
        });
    }
    match ping.reply {
        Some(id) => change(log, id, tell),
        None => {
            let mut message = Message::new(Kind::Datagram, End::Server);
            let request = ping.request.and_then(|id| log.row(id));
            if let Some(request) = request.and_then(|row| row.message()) {
                message.subjects.clone_from(&request.subjects);
            }
            tell(&mut message);
            ping.reply = Some(push(log, at, Lab::Ping, flow, message));
        }
    }
}

fn arrive(message: &mut Message, at: Duration) {
    if message.arrived.len() < ARRIVALS {
        message.arrived.push(at);
    }
}
