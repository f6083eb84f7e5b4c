//! What the labs made of packets, until the packets come by that it is said of.
//!
//! It stands apart because two streams meet here: calls with bytes and no meaning, and events with meaning and few bytes. Both are in hand for a
//! moment before anything is written, so a verdict mostly finds its packet; one that does not is said on the next packet of its lab.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use super::packet::canonical;
use crate::trace::event::{EXCERPT, EchoDatagram};
use crate::trace::web::Exchange;

/// Bytes of a response by which its packet is known.
const BEGINNING: usize = 64;

/// Verdicts whose packets have not come by. Each is also among the items that the capture holds back, so their number is bounded by those.
#[derive(Default)]
pub(super) struct Verdicts {
    datagrams: HashMap<DatagramKey, VecDeque<Datagram>>,
    responses: HashMap<SocketAddr, VecDeque<Response>>,
}

/// What tells a datagram from others: who sent it, its length, its first bytes. Two that are the same in all of it are judged in the order in which they
/// came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DatagramKey {
    from: SocketAddr,
    length: u64,
    hash: u64,
}

impl DatagramKey {
    pub(super) fn new(from: SocketAddr, length: u64, bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes[..bytes.len().min(EXCERPT)].hash(&mut hasher);
        Self {
            from: canonical(from),
            length,
            hash: hasher.finish(),
        }
    }
}

struct Datagram {
    n: u64,
    /// `None` for one that was simply answered.
    verdict: Option<String>,
}

struct Response {
    number: u32,
    beginning: Box<[u8]>,
    rule: String,
}

/// A verdict's place among those that wait.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ticket {
    Datagram { key: DatagramKey, n: u64 },
    Response { client: SocketAddr, number: u32 },
}

impl Verdicts {
    /// Takes the echo server's verdict.
    pub(super) fn judge(&mut self, datagram: &EchoDatagram) -> Ticket {
        let key = DatagramKey::new(
            datagram.from,
            datagram.bytes as u64,
            datagram.payload.bytes(),
        );
        self.datagrams.entry(key).or_default().push_back(Datagram {
            n: datagram.n,
            verdict: verdict(datagram),
        });
        Ticket::Datagram { key, n: datagram.n }
    }

    /// Takes the rule that decided a response; `None` where no rule did, or nothing was answered.
    pub(super) fn decide(&mut self, exchange: &Exchange) -> Option<Ticket> {
        let rule = exchange.rule?;
        let bytes = &exchange.response.bytes;
        if bytes.is_empty() {
            return None;
        }
        let client = canonical(exchange.client);
        let number = exchange.number;
        self.responses
            .entry(client)
            .or_default()
            .push_back(Response {
                number,
                beginning: bytes[..bytes.len().min(BEGINNING)].into(),
                rule: format!(
                    "web server, request {number} of {client}: {} ({})",
                    rule.name(),
                    rule.source()
                ),
            });
        Some(Ticket::Response { client, number })
    }

    /// What is said of a datagram.
    pub(super) fn of_datagram(&mut self, key: DatagramKey) -> Option<String> {
        pop_if(&mut self.datagrams, key, |_| true)?.verdict
    }

    /// What is said of the responses that begin in this packet to `client`.
    pub(super) fn of_responses(&mut self, client: SocketAddr, mut bytes: &[u8]) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(response) = pop_if(&mut self.responses, client, |first| {
            // Where it nearly always is, no search need be set up.
            let place = match bytes.starts_with(&first.beginning) {
                true => Some(0),
                false => memchr::memmem::find(bytes, &first.beginning),
            };
            if let Some(place) = place {
                bytes = &bytes[place + first.beginning.len()..];
            }
            place.is_some()
        }) {
            said.push(response.rule);
        }
        said
    }

    /// Takes a verdict back whose packet has not come by.
    pub(super) fn take_back(&mut self, ticket: Ticket) -> Option<String> {
        match ticket {
            Ticket::Datagram { key, n } => {
                pop_if(&mut self.datagrams, key, |first| first.n == n)?.verdict
            }
            Ticket::Response { client, number } => {
                let response = pop_if(&mut self.responses, client, |first| first.number == number);
                Some(response?.rule)
            }
        }
    }
}

/// Takes the first that waits under a key, if it is the one that is wanted.
fn pop_if<K: Eq + Hash, T>(
    waiting: &mut HashMap<K, VecDeque<T>>,
    key: K,
    is_wanted: impl FnOnce(&T) -> bool,
) -> Option<T> {
    let Entry::Occupied(mut queue) = waiting.entry(key) else {
        return None;
    };
    let found = if queue.get().front().is_some_and(is_wanted) {
        queue.get_mut().pop_front()
    } else {
        None
    };
    if queue.get().is_empty() {
        queue.remove();
    }
    found
}

/// What there is to say of a datagram beyond that it was answered.
fn verdict(datagram: &EchoDatagram) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(reason) = datagram.ruling.reason() {
        parts.push(format!("{} ({reason})", datagram.ruling.name()));
    }
    if datagram.corrupted {
        parts.push("damaged: a bit was turned over".to_owned());
    }
    if datagram.copies > 1 {
        parts.push(format!("duplicated ×{}", datagram.copies));
    }
    if datagram.held {
        parts.push("reply held until a later one has overtaken it".to_owned());
    }
    if datagram.delay > Duration::ZERO {
        let milliseconds = datagram.delay.as_secs_f64() * 1_000.0;
        parts.push(format!("reply delayed {milliseconds:.3} ms"));
    }
    let from = canonical(datagram.from);
    (!parts.is_empty()).then(|| {
        format!(
            "echo server, datagram {} from {from}: {}",
            datagram.n,
            parts.join(", ")
        )
    })
}
