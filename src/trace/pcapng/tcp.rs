//! The segments that a TCP connection's calls stand for: handshake, data, acknowledgements, end.
//!
//! It stands apart because it is a state machine of its own, from calls to segments. Where both ends are in this program the bytes are those of the
//! calls that sent them, so each stands in the file once.
//!
//! What TLS carried is a stream of its own on the same ports, where the connection began in clear text (STARTTLS): a reader that has seen STARTTLS takes
//! everything behind it for TLS records, and would not dissect plain text.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use lru::LruCache;

use super::packet::{Data, Segment, most_of_segment, segment};
use super::{Packed, marks};
use crate::trace::wire::{Call, End, Lab, Layer, Payload, SocketEvent, SocketId};

/// Connections that are remembered; the one that was silent for longest is forgotten first. One that speaks again is then as one that was begun before the
/// capture was.
const CONNECTIONS: usize = 16_384;
/// After so many bytes of one end without a word of the other, the other acknowledges them.
const ACKNOWLEDGE: u32 = 256 * 1024;
/// The most that a call moves: systems take no more (Linux: MAX_RW_COUNT).
const MOST_OF_CALL: u64 = 0x7fff_f000;

/// Both ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Pair {
    pub client: SocketAddr,
    pub server: SocketAddr,
}

impl Pair {
    fn address(&self, end: End) -> SocketAddr {
        match end {
            End::Client => self.client,
            End::Server => self.server,
        }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.client, self.server)
    }
}

/// The connections that a capture has seen.
pub(super) struct Connections {
    table: LruCache<Pair, Connection>,
    /// Forgotten while they were open.
    forgotten: u64,
}

/// Where one connection is.
struct Connection {
    lab: Lab,
    /// How many streams these two addresses have had.
    stream: u32,
    /// Sockets up to this one belong to connections of the same addresses before this one.
    before: SocketId,
    state: State,
    client: Half,
    server: Half,
    /// The stream carries what TLS carried.
    is_inside: bool,
    /// Bytes of TLS records that were left out and not told of yet.
    records: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is written of it yet.
    New,
    /// There was a handshake, or there must have been one before the capture began.
    Open,
    /// It was refused or reset: nothing can come any more.
    Over,
}

/// One end's part of a connection.
#[derive(Debug, Clone, Copy, Default)]
struct Half {
    socket: Option<SocketId>,
    /// The number of the next byte.
    next: u32,
    /// Up to where the other end has acknowledged.
    acknowledged: u32,
    has_ended: bool,
    /// It has begun to speak TLS.
    is_tls: bool,
}

/// What became of a call.
pub(super) enum Told {
    /// These packets; none where the call moves nothing.
    Packets(Vec<Packed>),
    /// It belongs to no connection that is open.
    Unplaced,
}

impl Told {
    /// A call that belongs to no connection: one of a listener, or of a socket whose ends are not known.
    pub(super) fn without_ends(event: &SocketEvent) -> Self {
        let has_moved = event.error.is_none()
            && event
                .call
                .payload()
                .is_some_and(|payload| payload.length > 0);
        if has_moved {
            Told::Unplaced
        } else {
            Told::Packets(Vec::new())
        }
    }
}

impl Connections {
    pub(super) fn new() -> Self {
        Self {
            table: LruCache::new(NonZeroUsize::new(CONNECTIONS).unwrap_or(NonZeroUsize::MIN)),
            forgotten: 0,
        }
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Those of a lab that have begun and not ended.
    pub(super) fn open(&self, lab: Lab) -> impl Iterator<Item = &Pair> {
        self.table
            .iter()
            .filter(move |(_, connection)| connection.lab == lab && connection.is_open())
            .map(|(pair, _)| pair)
    }

    /// What a call on a socket between these addresses put on the link. `knows_other`: the other end is in this program, as far as addresses tell.
    pub(super) fn call(&mut self, pair: Pair, event: &SocketEvent, knows_other: bool) -> Told {
        let Some(connection) = self.connection(pair, event) else {
            return Told::without_ends(event);
        };
        let mut packets = Vec::new();
        let mut wire = Wire {
            pair,
            connection,
            packets: &mut packets,
        };
        let is_placed = wire.call(event, knows_other);
        if is_placed {
            Told::Packets(packets)
        } else {
            Told::Unplaced
        }
    }

    /// The connection that a socket belongs to; a new one if the addresses are used again. `None` for a socket that a newer one has replaced.
    fn connection(&mut self, pair: Pair, event: &SocketEvent) -> Option<&mut Connection> {
        let known = self.table.get(&pair).map(|connection| {
            let half = connection.half(event.end);
            if event.socket <= connection.before {
                Use::Stale
            } else if half.socket.is_none_or(|socket| socket == event.socket) {
                Use::Same
            } else if half.socket.is_some_and(|socket| event.socket < socket) {
                Use::Stale
            } else {
                Use::Again {
                    stream: connection.stream + 1,
                    before: connection.newest(),
                }
            }
        });
        let begun = match known {
            Some(Use::Stale) => return None,
            Some(Use::Same) => None,
            Some(Use::Again { stream, before }) => {
                Some(Connection::new(pair, event.lab, stream, before))
            }
            None => Some(Connection::new(pair, event.lab, 0, 0)),
        };
        if let Some(connection) = begun
            && let Some((old, gone)) = self.table.push(pair, connection)
            && old != pair
        {
            self.forgotten += u64::from(gone.is_open());
        }
        let connection = self.table.get_mut(&pair)?;
        connection.half_mut(event.end).socket = Some(event.socket);
        Some(connection)
    }
}

/// How a socket relates to the connection that is known between its addresses.
enum Use {
    Same,
    Again { stream: u32, before: SocketId },
    Stale,
}

impl Connection {
    fn new(pair: Pair, lab: Lab, stream: u32, before: SocketId) -> Self {
        let mut connection = Self {
            lab,
            stream,
            before,
            state: State::New,
            client: Half::default(),
            server: Half::default(),
            is_inside: false,
            records: 0,
        };
        connection.number(pair);
        connection
    }

    /// Gives both ends the numbers that the stream begins with.
    fn number(&mut self, pair: Pair) {
        for end in [End::Client, End::Server] {
            // The SYN has a number of its own, whether it was seen or not.
            let next = initial(pair, end, self.stream).wrapping_add(1);
            let half = self.half_mut(end);
            half.next = next;
            half.acknowledged = next;
        }
    }

    fn half(&self, end: End) -> &Half {
        match end {
            End::Client => &self.client,
            End::Server => &self.server,
        }
    }

    fn half_mut(&mut self, end: End) -> &mut Half {
        match end {
            End::Client => &mut self.client,
            End::Server => &mut self.server,
        }
    }

    fn newest(&self) -> SocketId {
        self.client.socket.max(self.server.socket).unwrap_or(0)
    }

    fn is_open(&self) -> bool {
        self.state == State::Open && !(self.client.has_ended && self.server.has_ended)
    }
}

/// Writes the segments of one call.
struct Wire<'a> {
    pair: Pair,
    connection: &'a mut Connection,
    packets: &'a mut Vec<Packed>,
}

impl Wire<'_> {
    /// Whether the call could belong to the connection as it stands.
    fn call(&mut self, event: &SocketEvent, knows_other: bool) -> bool {
        let (end, other) = (event.end, other(event.end));
        let is_other_ours = knows_other || self.connection.half(other).socket.is_some();
        match (&event.call, event.error.as_deref()) {
            (Call::Connect, Some(error)) => self.fail_to_connect(error),
            (_, Some(error)) if is_reset(error) => self.reset(other),
            // It moved nothing.
            (_, Some(_)) => {}
            (Call::Connect | Call::Accept { .. }, None) => {
                // Both ends tell of one handshake, and whose call returns first is chance.
                if self.connection.state == State::New {
                    self.shake_hands(Vec::new());
                }
            }
            (Call::Send(payload) | Call::SendTo(payload), None) => return self.data(end, payload),
            (Call::Recv(_) | Call::RecvFrom(_), None) if is_other_ours => {}
            (Call::Recv(payload) | Call::RecvFrom(payload), None) if payload.length == 0 => {
                self.end(other);
            }
            (Call::Recv(payload) | Call::RecvFrom(payload), None) => {
                return self.data(other, payload);
            }
            (Call::Shutdown | Call::Close, None) => self.end(end),
            (Call::Socket | Call::Bind | Call::Listen { .. }, None) => {}
        }
        true
    }

    /// SYN, SYN with ACK, ACK.
    fn shake_hands(&mut self, comments: Vec<String>) {
        let first = |end| self.connection.half(end).next.wrapping_sub(1);
        let (client, server) = (first(End::Client), first(End::Server));
        let syn = Segment {
            seq: client,
            syn: true,
            ..Segment::default()
        };
        let answer = Segment {
            seq: server,
            ack: Some(client.wrapping_add(1)),
            ..syn
        };
        self.connection.state = State::Open;
        self.write(End::Client, &syn, Data::NONE, comments);
        self.write(End::Server, &answer, Data::NONE, Vec::new());
        self.acknowledge(End::Client);
    }

    /// Something was said on the connection: it is open. One whose addresses were used before has a handshake even if none was told of, for a reader takes
    /// its numbers for those of the one before.
    fn open(&mut self) {
        if self.connection.state == State::New {
            self.connection.state = State::Open;
            if self.connection.stream > 0 {
                self.shake_hands(Vec::new());
            }
        }
    }

    fn fail_to_connect(&mut self, error: &str) {
        if self.connection.state != State::New {
            return;
        }
        let seq = self.connection.client.next.wrapping_sub(1);
        let syn = Segment {
            seq,
            syn: true,
            ..Segment::default()
        };
        let comments = vec![format!("connect failed: {error}")];
        self.write(End::Client, &syn, Data::NONE, comments);
        if is_refused(error) {
            // A port where nobody listens has no number of its own (RFC 9293 §3.10.7.1).
            let refusal = Segment {
                seq: 0,
                ack: Some(seq.wrapping_add(1)),
                rst: true,
                ..Segment::default()
            };
            self.write(End::Server, &refusal, Data::NONE, Vec::new());
        }
        self.connection.state = State::Over;
    }

    fn reset(&mut self, from: End) {
        let (client, server) = (&self.connection.client, &self.connection.server);
        if self.connection.state == State::Over || (client.has_ended && server.has_ended) {
            return;
        }
        self.open();
        let reset = Segment {
            rst: true,
            ..self.next(from)
        };
        self.write(from, &reset, Data::NONE, Vec::new());
        self.connection.state = State::Over;
    }

    /// One end sends no more.
    fn end(&mut self, end: End) {
        if self.connection.state == State::Over || self.connection.half(end).has_ended {
            return;
        }
        self.open();
        let mut comments = Vec::new();
        let records = std::mem::take(&mut self.connection.records);
        if records > 0 {
            comments.push(format!("{records} bytes of TLS records before this are left out: what they carried, if anything, is shown as plain text"));
        }
        let fin = Segment {
            fin: true,
            ..self.next(end)
        };
        self.write(end, &fin, Data::NONE, comments);
        let half = self.connection.half_mut(end);
        half.next = half.next.wrapping_add(1);
        half.has_ended = true;
        if self.connection.half(other(end)).has_ended {
            self.acknowledge(other(end));
        }
    }

    fn data(&mut self, from: End, payload: &Payload) -> bool {
        if self.connection.state == State::Over || self.connection.half(from).has_ended {
            return false;
        }
        if payload.length == 0 {
            return true;
        }
        if payload.layer == Layer::Socket && self.is_record(from, &payload.bytes) {
            self.connection.records += payload.length;
            return true;
        }
        self.open();
        let mut comments = Vec::new();
        if payload.layer == Layer::InsideTls {
            self.go_inside();
            let records = std::mem::take(&mut self.connection.records);
            if records > 0 {
                comments.push(format!(
                    "{records} bytes of TLS records before this, the handshake's, are left out"
                ));
            }
        }
        comments.extend(marks(payload).map(str::to_owned));
        let length = usize::try_from(payload.length.min(MOST_OF_CALL)).unwrap_or(usize::MAX);
        let to = self.pair.address(other(from));
        for part in Data::new(&payload.bytes, length).parts(most_of_segment(to)) {
            let said = self.next(from);
            self.write(from, &said, part, comments.clone());
            let half = self.connection.half_mut(from);
            half.next = half.next.wrapping_add(part.length() as u32);
            if half.next.wrapping_sub(half.acknowledged) >= ACKNOWLEDGE {
                self.acknowledge(other(from));
            }
        }
        true
    }

    /// Whether these bytes, as the socket moved them, are TLS records: an end that has begun with them speaks nothing else.
    fn is_record(&mut self, from: End, bytes: &[u8]) -> bool {
        // Content type and version (RFC 8446 §5.1); no line of SMTP or HTTP begins so.
        let begins = matches!(bytes, [0x14..=0x17, 0x03, 0x00..=0x04, ..]);
        let is_inside = self.connection.is_inside;
        let half = self.connection.half_mut(from);
        half.is_tls |= begins || is_inside;
        half.is_tls
    }

    /// Plain text of TLS follows: in a stream of its own, if there was clear text before.
    fn go_inside(&mut self) {
        if std::mem::replace(&mut self.connection.is_inside, true) {
            return;
        }
        let has_data = [End::Client, End::Server].into_iter().any(|end| {
            let first = initial(self.pair, end, self.connection.stream).wrapping_add(1);
            self.connection.half(end).next != first
        });
        if has_data {
            self.connection.stream += 1;
            self.connection.number(self.pair);
            self.shake_hands(vec![
                "from here on inside TLS: the same connection, written as a stream of its own so that the plain text is dissected".to_owned(),
            ]);
        }
    }

    /// An acknowledgement of all that was sent to this end.
    fn acknowledge(&mut self, end: End) {
        let said = self.next(end);
        self.write(end, &said, Data::NONE, Vec::new());
    }

    /// The next segment of an end.
    fn next(&self, end: End) -> Segment {
        Segment {
            seq: self.connection.half(end).next,
            ack: Some(self.connection.half(other(end)).next),
            ..Segment::default()
        }
    }

    fn write(&mut self, from: End, said: &Segment, data: Data, comments: Vec<String>) {
        if let Some(ack) = said.ack {
            self.connection.half_mut(other(from)).acknowledged = ack;
        }
        let to = self.pair.address(other(from));
        if let Some(packet) = segment(self.pair.address(from), to, said, data) {
            self.packets.push(Packed { packet, comments });
        }
    }
}

fn other(end: End) -> End {
    match end {
        End::Client => End::Server,
        End::Server => End::Client,
    }
}

/// The number that an end's SYN has. A hash, so that the same session gives the same file: FNV-1a, which is the same in every build.
fn initial(pair: Pair, end: End, stream: u32) -> u32 {
    let mut hash: u32 = 0x811c_9dc5;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    };
    for address in [pair.client, pair.server] {
        match address.ip() {
            std::net::IpAddr::V4(ip) => add(&ip.octets()),
            std::net::IpAddr::V6(ip) => add(&ip.octets()),
        }
        add(&address.port().to_be_bytes());
    }
    add(&stream.to_be_bytes());
    add(&[u8::from(end == End::Server)]);
    hash
}

/// Whether a system's words say that nobody listens. Where they are not English, the number tells: Linux, macOS, Windows.
fn is_refused(error: &str) -> bool {
    says(error, "refused", [111, 61, 10_061])
}

/// Whether they say that the other end has reset the connection.
fn is_reset(error: &str) -> bool {
    says(error, "reset", [104, 54, 10_054])
}

fn says(error: &str, word: &str, numbers: [u32; 3]) -> bool {
    error.contains(word)
        || numbers
            .iter()
            .any(|number| error.contains(&format!("(os error {number})")))
}
