//! Captures as a reader has them: each test writes a file and reads it back to its end, by the crate's reader and by a walk over the blocks by hand.

mod comments;
mod file;
mod properties;
mod streams;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use etherparse::{NetHeaders, PacketHeaders, TransportHeader};
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::interface_statistics::InterfaceStatisticsOption;
use pcap_file::pcapng::{Block, PcapNgReader};

use super::*;
use crate::trace::recorder::Item;
use crate::trace::wire::SocketId;

const CLIENT: &str = "127.0.0.1:40000";
const SERVER: &str = "127.0.0.1:12000";

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn bytes(bytes: &[u8]) -> Payload {
    Payload {
        bytes: bytes.into(),
        length: bytes.len() as u64,
        masked: false,
        layer: Layer::Socket,
    }
}

/// A socket whose calls a test tells.
#[derive(Clone, Copy)]
struct Socket {
    lab: Lab,
    end: End,
    id: SocketId,
    local: Option<SocketAddr>,
    peer: Option<SocketAddr>,
}

impl Socket {
    fn new(lab: Lab, end: End, id: SocketId, local: &str, peer: &str) -> Self {
        Self {
            lab,
            end,
            id,
            local: Some(address(local)),
            peer: (!peer.is_empty()).then(|| address(peer)),
        }
    }

    fn call(&self, at: u64, call: Call) -> Item {
        self.fails(at, call, None)
    }

    fn fails(&self, at: u64, call: Call, error: Option<&str>) -> Item {
        Item::Call(SocketEvent {
            at: ms(at),
            lab: self.lab,
            end: self.end,
            socket: self.id,
            transport: if self.lab == Lab::Ping {
                Transport::Udp
            } else {
                Transport::Tcp
            },
            local: self.local,
            peer: self.peer,
            call,
            error: error.map(Into::into),
        })
    }
}

/// Both ends of a TCP connection that is in this program.
fn both_ends(lab: Lab) -> (Socket, Socket) {
    let (client, server) = ("127.0.0.1:40000", "127.0.0.1:6789");
    (
        Socket::new(lab, End::Client, 1, client, server),
        Socket::new(lab, End::Server, 3, server, client),
    )
}

/// A packet as a reader has it.
struct Read {
    interface: u32,
    at: Duration,
    from: SocketAddr,
    to: SocketAddr,
    transport: TransportHeader,
    /// As much as is there.
    payload: Vec<u8>,
    /// How many bytes of the packet are not there.
    cut: usize,
    comments: Vec<String>,
}

impl Read {
    /// Flags as Wireshark's summary has them, `S.` for SYN with ACK; and the length of the data.
    fn shape(&self) -> String {
        let TransportHeader::Tcp(tcp) = &self.transport else {
            return format!("udp {}", self.payload.len());
        };
        let flags = [
            (tcp.syn, 'S'),
            (tcp.fin, 'F'),
            (tcp.rst, 'R'),
            (tcp.ack, '.'),
        ];
        let flags: String = flags
            .iter()
            .filter(|flag| flag.0)
            .map(|flag| flag.1)
            .collect();
        let arrow = if self.from.port() == 40_000 { '>' } else { '<' };
        match self.payload.len() + self.cut {
            0 => format!("{arrow}{flags}"),
            length => format!("{arrow}{flags}{length}"),
        }
    }
}

/// What stands at the end of an interface.
#[derive(Debug, Default, PartialEq)]
struct Ending {
    received: u64,
    left_out: u64,
    comments: Vec<String>,
}

struct Captured {
    file: Vec<u8>,
    packets: Vec<Read>,
    endings: Vec<Ending>,
}

impl Captured {
    fn shapes(&self) -> Vec<String> {
        self.packets.iter().map(Read::shape).collect()
    }

    /// All that one end of the first stream said.
    fn said(&self, port: u16) -> Vec<u8> {
        let from = self
            .packets
            .iter()
            .filter(|packet| packet.from.port() == port);
        from.flat_map(|packet| packet.payload.clone()).collect()
    }
}

fn clock() -> Clock {
    Clock::new(
        Instant::now(),
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000),
    )
}

fn about() -> About {
    About {
        program: "sockscope 0.1.0".to_owned(),
        command: "sockscope".to_owned(),
    }
}

/// The file of these items, taken in this order.
fn capture(items: &[Item]) -> Captured {
    let mut capture = Capture::new(Vec::new(), clock(), &about()).unwrap();
    for item in items {
        capture.take(item);
    }
    read(capture.finish().unwrap())
}

/// Reads a file to its end; checks what holds for every file.
fn read(file: Vec<u8>) -> Captured {
    walk(&file);
    let mut reader = PcapNgReader::new(&file[..]).unwrap();
    let mut packets = Vec::new();
    let mut endings = Vec::new();
    let mut last = Duration::ZERO;
    while let Some(block) = reader.next_block() {
        match block.expect("a block that can be read") {
            Block::InterfaceDescription(_) => {}
            Block::EnhancedPacket(block) => {
                assert!(block.timestamp >= last, "times rise");
                last = block.timestamp;
                let cut = block.original_len as usize - block.data.len();
                let comments = block.options.iter().map(|option| match option {
                    EnhancedPacketOption::Comment(text) => text.clone().into_owned(),
                    other => panic!("{other:?}"),
                });
                let comments = comments.collect();
                packets.push(decode(
                    block.interface_id,
                    block.timestamp,
                    &block.data,
                    cut,
                    comments,
                ));
            }
            Block::InterfaceStatistics(block) => {
                let mut ending = Ending::default();
                for option in block.options {
                    match option {
                        InterfaceStatisticsOption::Comment(text) => {
                            ending.comments.push(text.into_owned());
                        }
                        InterfaceStatisticsOption::IsbIfRecv(count) => ending.received = count,
                        InterfaceStatisticsOption::IsbIfDrop(count) => ending.left_out = count,
                        _ => {}
                    }
                }
                endings.push(ending);
            }
            other => panic!("{other:?}"),
        }
    }
    Captured {
        file,
        packets,
        endings,
    }
}

/// Goes over the blocks as the format says, in network byte order: type, length, body, the same length.
fn walk(file: &[u8]) -> usize {
    let number = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
    let (mut at, mut blocks) = (0, 0);
    while at < file.len() {
        let length = number(at + 4) as usize;
        assert_eq!(length % 4, 0);
        assert_eq!(number(at + length - 4) as usize, length);
        at += length;
        blocks += 1;
    }
    assert_eq!(at, file.len());
    blocks
}

fn decode(interface: u32, at: Duration, data: &[u8], cut: usize, comments: Vec<String>) -> Read {
    let whole: Cow<[u8]> = if cut > 0 {
        let mut padded = data.to_vec();
        padded.resize(data.len() + cut, 0);
        padded.into()
    } else {
        data.into()
    };
    let headers = PacketHeaders::from_ip_slice(&whole).expect("a packet");
    let transport = headers.transport.expect("UDP or TCP");
    let payload = headers.payload.slice();
    let (from, to): (std::net::IpAddr, std::net::IpAddr) = match headers.net.expect("IP") {
        NetHeaders::Ipv4(ip, _) => {
            assert_eq!(usize::from(ip.total_len), whole.len());
            assert_eq!(ip.header_checksum, ip.calc_header_checksum());
            let sum = match &transport {
                TransportHeader::Udp(udp) => {
                    udp.calc_checksum_ipv4(&ip, payload).unwrap() == udp.checksum
                }
                TransportHeader::Tcp(tcp) => {
                    tcp.calc_checksum_ipv4(&ip, payload).unwrap() == tcp.checksum
                }
                other => panic!("{other:?}"),
            };
            assert!(sum, "a wrong checksum");
            (ip.source.into(), ip.destination.into())
        }
        NetHeaders::Ipv6(ip, _) => {
            let sum = match &transport {
                TransportHeader::Udp(udp) => {
                    udp.calc_checksum_ipv6(&ip, payload).unwrap() == udp.checksum
                }
                TransportHeader::Tcp(tcp) => {
                    tcp.calc_checksum_ipv6(&ip, payload).unwrap() == tcp.checksum
                }
                other => panic!("{other:?}"),
            };
            assert!(sum, "a wrong checksum");
            (ip.source.into(), ip.destination.into())
        }
        NetHeaders::Arp(_) => panic!("ARP"),
    };
    let (from_port, to_port) = match &transport {
        TransportHeader::Udp(udp) => (udp.source_port, udp.destination_port),
        TransportHeader::Tcp(tcp) => (tcp.source_port, tcp.destination_port),
        other => panic!("{other:?}"),
    };
    Read {
        interface,
        at,
        from: SocketAddr::new(from, from_port),
        to: SocketAddr::new(to, to_port),
        payload: payload[..payload.len() - cut.min(payload.len())].to_vec(),
        transport,
        cut,
        comments,
    }
}
