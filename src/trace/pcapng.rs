//! Captures that Wireshark opens: what the labs' sockets moved, as packets in a pcapng file (draft-ietf-opsawg-pcapng), with what the labs made of them
//! as comments.
//!
//! It stands apart from the recorder because here calls become packets, which no program sees: link and transport headers are rebuilt. The file says so.
//!
//! - One interface a lab. The link type is raw IP (LINKTYPE_RAW): there was no Ethernet to rebuild, and one interface carries both versions of IP.
//! - A datagram or segment is written once. Where both ends are in this program the sender's call is written, else whichever end is ours.
//! - Items come from many threads, so they are held back and sorted by time before they are written. Held back is what was taken since the last
//!   [`Capture::write_until`], up to [`HELD_BYTES`]; what finds no room is counted like what was left out before.
//! - Each block is whole when it is written out: a file that ends early is readable up to its last block.

mod addresses;
mod blocks;
mod packet;
mod tcp;
#[cfg(test)]
mod tests;
mod verdicts;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use self::addresses::Addresses;
use self::blocks::{Blocks, COMMENTS, Statistics, comment};
use self::packet::{Data, Packet, datagram, most_of_datagram};
use self::tcp::{Connections, Pair, Told};
use self::verdicts::{DatagramKey, Ticket, Verdicts};
use super::bounded::Weigh;
use super::clock::Clock;
use super::event::{EchoEvent, Event, PingerEvent};
use super::mail::MailEvent;
use super::recorder::Item;
use super::start_error::Transport;
use super::web::WebEvent;
use super::wire::{Call, End, Lab, Layer, Payload, SocketEvent};
use crate::proto::ping::PingEvent;

/// Most bytes of items that are held back.
pub const HELD_BYTES: usize = 256 << 20;

/// How much later than its packet a verdict may be stamped and still be said on it.
const SLACK: Duration = Duration::from_millis(20);
/// Blocks are written out when so many bytes of them have come together.
const WRITE_OUT: usize = 64 * 1024;
/// Connections that the end of the file names as still open.
const NAMED: usize = 16;

const MASKED: &str = "secret masked";

/// What is said of the program in the file's header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Its name and version.
    pub program: String,
    /// The command that it was started with, without secrets.
    pub command: String,
}

/// A capture that is being written.
pub struct Capture<W: Write> {
    out: W,
    blocks: Blocks,
    clock: Clock,
    held: Vec<Held>,
    held_bytes: usize,
    addresses: Addresses,
    connections: Connections,
    verdicts: Verdicts,
    labs: [LabState; Lab::ALL.len()],
    /// What is said on the next packet of any lab.
    notes: Comments,
    /// Left out, and not yet told of.
    left_out: u64,
    /// Packets made, and of them what the file took.
    made: u64,
    packets: u64,
    /// Of the newest packet.
    last: Duration,
}

/// A packet, and what is said of it.
struct Packed {
    packet: Packet,
    comments: Vec<String>,
}

/// An item that is held back until its time has come.
struct Held {
    at: Duration,
    /// Calls go before what is said of them at the same time.
    is_call: bool,
    weight: usize,
    what: What,
}

enum What {
    Call(SocketEvent),
    /// A verdict that waits for its packet until now.
    Verdict(Lab, Ticket),
    /// Something to say on the next packet: of this lab, or of any.
    Say(Option<Lab>, String),
}

/// What a capture knows of one lab.
#[derive(Default)]
struct LabState {
    packets: u64,
    left_out: u64,
    /// Calls that moved bytes which could not be made packets: an end's address was not known, or its connection was over.
    unplaced: u64,
    first: Option<Duration>,
    last: Option<Duration>,
    comments: Comments,
}

/// Comments that wait for a packet, bounded in number.
#[derive(Default)]
struct Comments {
    waiting: VecDeque<String>,
    /// More than there was room for.
    more: u64,
}

impl Comments {
    fn push(&mut self, text: String) {
        if self.waiting.len() < COMMENTS {
            self.waiting.push_back(text);
        } else {
            self.more += 1;
        }
    }

    fn drain_into(&mut self, comments: &mut Vec<String>) {
        comments.extend(self.waiting.drain(..));
        let more = std::mem::take(&mut self.more);
        if more > 0 {
            comments.push(format!("{more} more comments are not written"));
        }
    }
}

impl<W: Write> Capture<W> {
    /// Begins a file: its header and the interfaces are written at once.
    ///
    /// # Errors
    /// When `out` does not take them.
    pub fn new(out: W, clock: Clock, about: &About) -> io::Result<Self> {
        let mut capture = Self {
            out,
            blocks: Blocks::new(about)?,
            clock,
            held: Vec::new(),
            held_bytes: 0,
            addresses: Addresses::new(),
            connections: Connections::new(),
            verdicts: Verdicts::default(),
            labs: Default::default(),
            notes: Comments::default(),
            left_out: 0,
            made: 0,
            packets: 0,
            last: Duration::ZERO,
        };
        capture.write_out()?;
        Ok(capture)
    }

    /// Takes an item and holds it back.
    pub fn take(&mut self, item: &Item) {
        let weight = item.weight();
        if self.held_bytes + weight > HELD_BYTES {
            self.left_out(1);
            return;
        }
        let (at, what) = match item {
            Item::Call(call) => {
                // An address is known before what was sent from it earlier is written.
                self.addresses.learn(call);
                (call.at, What::Call(call.clone()))
            }
            Item::Note { at, text } => {
                let text = format!("note ({}): {text}", self.clock.rfc3339(*at));
                (*at, What::Say(None, comment(&text)))
            }
            Item::Event(event) => match self.verdict(event) {
                Some(held) => held,
                None => return,
            },
        };
        self.held_bytes += weight;
        self.held.push(Held {
            at,
            is_call: matches!(what, What::Call(_)),
            weight,
            what,
        });
    }

    /// What an event says of packets, and until when it waits for them.
    fn verdict(&mut self, event: &Event) -> Option<(Duration, What)> {
        match event {
            Event::Echo(EchoEvent::Datagram(datagram)) => {
                let ticket = self.verdicts.judge(datagram);
                Some((datagram.at + SLACK, What::Verdict(Lab::Ping, ticket)))
            }
            Event::Ping {
                target,
                event: PingerEvent::Ping(PingEvent::TimedOut { record, at }),
            } => {
                let sent = self.clock.rfc3339(record.sent_at);
                let text = format!(
                    "pinger {target}, ping {} ({sent}): no reply within the timeout",
                    record.seq
                );
                Some((*at, What::Say(Some(Lab::Ping), text)))
            }
            Event::Web(WebEvent::Exchange(exchange)) => {
                let ticket = self.verdicts.decide(exchange)?;
                let at = exchange.timing.done + SLACK;
                Some((at, What::Verdict(Lab::Web, ticket)))
            }
            Event::Mail(MailEvent::Faulty { at, faults, .. }) => {
                let names: Vec<_> = faults.iter().map(|fault| fault.action.name()).collect();
                let text = if names.is_empty() {
                    "mail server: no faults from here on".to_owned()
                } else {
                    format!("mail server, faults from here on: {}", names.join(", "))
                };
                Some((*at, What::Say(Some(Lab::Mail), text)))
            }
            _ => None,
        }
    }

    /// `count` items were left out before they came here: that is said on the next packet.
    pub fn left_out(&mut self, count: u64) {
        self.left_out += count;
    }

    /// Packets written, and taken by the file.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Writes what is older than `at`, sorted by time. An item that is taken later than that is written with the time of the newest packet, for times
    /// in the file never go back.
    ///
    /// # Errors
    /// When the file does not take it: it is full, or gone. What stands in it up to there is readable.
    pub fn write_until(&mut self, at: Duration) -> io::Result<()> {
        // Stable, and quick where most is in order already.
        self.held.sort_by_key(|held| (held.at, !held.is_call));
        let end = self.held.partition_point(|held| held.at < at);
        self.write_held(end)
    }

    /// Writes all that is held back, and what is to be said at the end: counts, and what is still open.
    ///
    /// # Errors
    /// As with [`Self::write_until`].
    pub fn finish(mut self) -> io::Result<W> {
        self.held.sort_by_key(|held| (held.at, !held.is_call));
        self.write_held(self.held.len())?;
        let left_out = std::mem::take(&mut self.left_out);
        self.labs[0].left_out += left_out;
        let end = self.wall(self.last);
        for lab in Lab::ALL {
            let statistics = self.statistics(lab);
            self.blocks.statistics(lab, end, statistics)?;
        }
        self.write_out()?;
        Ok(self.out)
    }

    fn write_held(&mut self, end: usize) -> io::Result<()> {
        let due: Vec<Held> = self.held.drain(..end).collect();
        for held in due {
            self.held_bytes -= held.weight;
            match held.what {
                What::Call(call) => self.call(&call)?,
                What::Verdict(lab, ticket) => {
                    if let Some(text) = self.verdicts.take_back(ticket) {
                        self.labs[place(lab)].comments.push(text);
                    }
                }
                What::Say(Some(lab), text) => self.labs[place(lab)].comments.push(text),
                What::Say(None, text) => self.notes.push(text),
            }
            if self.blocks.waiting() >= WRITE_OUT {
                self.write_out()?;
            }
        }
        self.write_out()
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.blocks.write_out(&mut self.out)?;
        self.out.flush()?;
        self.packets = self.made;
        Ok(())
    }

    /// Writes the packets that a call stands for.
    fn call(&mut self, call: &SocketEvent) -> io::Result<()> {
        let ends = self.addresses.ends(call);
        let packets = match (call.transport, ends) {
            (_, None) => Told::without_ends(call),
            (Transport::Udp, Some((local, peer))) => self.datagram(call, local, peer),
            (Transport::Tcp, Some((local, peer))) => self.segments(call, local, peer),
        };
        if call.call == Call::Close {
            self.addresses.close(call);
        }
        let state = &mut self.labs[place(call.lab)];
        if let Some(error) = &call.error
            && !matches!(&packets, Told::Packets(packets) if !packets.is_empty())
        {
            let name = call.call.name();
            state.comments.push(comment(&format!(
                "{name} on socket {} failed: {error}",
                call.socket
            )));
        }
        match packets {
            Told::Packets(packets) => {
                for packed in packets {
                    self.packet(call, packed)?;
                }
            }
            Told::Unplaced => state.unplaced += 1,
        }
        Ok(())
    }

    fn datagram(&mut self, call: &SocketEvent, local: SocketAddr, peer: SocketAddr) -> Told {
        let nothing = Told::Packets(Vec::new());
        let Some(payload) = call.call.payload() else {
            return nothing;
        };
        if call.error.is_some() {
            return nothing;
        }
        let (from, to) = if call.call.is_sending() {
            (local, peer)
        } else if self.addresses.is_own(call.transport, peer, call.at) {
            return nothing;
        } else {
            (peer, local)
        };
        let most = most_of_datagram(to);
        let length = usize::try_from(payload.length).unwrap_or(usize::MAX);
        let data = Data::new(&payload.bytes, length);
        if data.length() > most {
            return Told::Unplaced;
        }
        let Some(packet) = datagram(from, to, data) else {
            return Told::Unplaced;
        };
        let key = DatagramKey::new(from, data.length() as u64, &payload.bytes);
        let mut comments: Vec<String> = self.verdicts.of_datagram(key).into_iter().collect();
        comments.extend(marks(payload).map(str::to_owned));
        Told::Packets(vec![Packed { packet, comments }])
    }

    fn segments(&mut self, call: &SocketEvent, local: SocketAddr, peer: SocketAddr) -> Told {
        let pair = match call.end {
            End::Client => Pair {
                client: local,
                server: peer,
            },
            End::Server => Pair {
                client: peer,
                server: local,
            },
        };
        let knows_other = self.addresses.is_own(call.transport, peer, call.at);
        let mut told = self.connections.call(pair, call, knows_other);
        let is_response = call.lab == Lab::Web && call.end == End::Server && call.call.is_sending();
        if let (true, Told::Packets(packets), Some(payload)) =
            (is_response, &mut told, call.call.payload())
            && let Some(first) = packets.first_mut()
        {
            let rules = self.verdicts.of_responses(pair.client, &payload.bytes);
            first.comments.splice(0..0, rules);
        }
        told
    }

    /// Writes one packet, with what has waited for the next one.
    fn packet(&mut self, call: &SocketEvent, packed: Packed) -> io::Result<()> {
        let mut comments = packed.comments;
        let state = &mut self.labs[place(call.lab)];
        state.comments.drain_into(&mut comments);
        self.notes.drain_into(&mut comments);
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            state.left_out += left_out;
            comments.push(format!(
                "{left_out} calls, events or notes before this are not in the file: there was no room for them"
            ));
        }
        if call.at < self.last {
            let at = self.clock.rfc3339(call.at);
            comments.push(format!("told late: this was at {at}"));
        }
        self.last = self.last.max(call.at);
        state.first = state.first.or(Some(self.last));
        state.last = Some(self.last);
        state.packets += 1;
        self.made += 1;
        let at = self.wall(self.last);
        self.blocks.packet(call.lab, at, &packed.packet, &comments)
    }

    fn statistics(&mut self, lab: Lab) -> Statistics {
        let mut comments = Vec::new();
        let is_first = place(lab) == 0;
        if lab != Lab::Ping {
            comments.extend(self.still_open(lab));
        }
        let state = &mut self.labs[place(lab)];
        state.comments.drain_into(&mut comments);
        if state.unplaced > 0 {
            comments.push(format!(
                "{} calls that moved bytes are not in the file: an address was not known, or the connection was over",
                state.unplaced
            ));
        }
        let (start, end) = (state.first, state.last);
        let (packets, left_out) = (state.packets, state.left_out);
        if is_first {
            self.notes.drain_into(&mut comments);
            let forgotten = self.connections.forgotten();
            if forgotten > 0 {
                comments.push(format!(
                    "{forgotten} open connections were forgotten to make room: their numbers begin anew where they speak again"
                ));
            }
        }
        Statistics {
            start: start.map(|at| self.wall(at)),
            end: end.map(|at| self.wall(at)),
            packets,
            left_out,
            comments,
        }
    }

    /// Names connections of a lab that have not ended.
    fn still_open(&self, lab: Lab) -> Option<String> {
        let mut open = self.connections.open(lab);
        let mut names: Vec<String> = open.by_ref().take(NAMED).map(ToString::to_string).collect();
        let more = open.count();
        if names.is_empty() {
            return None;
        }
        if more > 0 {
            names.push(format!("{more} more"));
        }
        Some(format!("still open at the end: {}", names.join(", ")))
    }

    /// Since 1970 in UTC.
    fn wall(&self, at: Duration) -> Duration {
        let wall = self.clock.wall(at);
        // A clock that stands before 1970 is not set at all.
        wall.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
    }
}

/// What is said of every packet of a payload.
fn marks(payload: &Payload) -> impl Iterator<Item = &'static str> {
    let inside = (payload.layer == Layer::InsideTls)
        .then_some("sent inside TLS; shown as the plain text it carried");
    let masked = payload.masked.then_some(MASKED);
    inside.into_iter().chain(masked)
}

/// A lab's place in [`Lab::ALL`].
fn place(lab: Lab) -> usize {
    blocks::number(lab) as usize
}
