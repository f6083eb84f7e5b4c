//! Packets as they would stand on a link: IP and UDP or TCP headers around the bytes of a call.
//!
//! They stand apart because they are the part of a capture that is rebuilt: whoever asks what of a header was seen finds the answer here. Addresses,
//! ports and payload were; everything else is what a quiet host would send (no options but those of a SYN, a time to live of 64, no fragments).

use std::net::{IpAddr, SocketAddr};

use etherparse::{IpNumber, Ipv4Header, Ipv6Header, TcpHeader, TcpOptionElement, UdpHeader};

/// What hosts commonly begin with (RFC 1700).
const TIME_TO_LIVE: u8 = 64;
/// The largest window, which the scale makes a gigabyte: what a program has sent was never too much for the one that it sent to.
const WINDOW: u16 = u16::MAX;
/// The largest shift of a window (RFC 7323 §2.3).
const WINDOW_SCALE: u8 = 14;

/// The bytes of a payload that are at hand, and how many there were.
#[derive(Debug, Clone, Copy)]
pub(super) struct Data<'a> {
    kept: &'a [u8],
    length: usize,
}

impl<'a> Data<'a> {
    pub(super) const NONE: Data<'static> = Data {
        kept: &[],
        length: 0,
    };

    /// The first `kept` of `length` bytes. A length that is shorter than what is kept is not believed.
    pub(super) fn new(kept: &'a [u8], length: usize) -> Self {
        Self {
            kept,
            length: length.max(kept.len()),
        }
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Parts of at most `most` bytes, in order.
    pub(super) fn parts(self, most: usize) -> impl Iterator<Item = Data<'a>> {
        (0..self.length).step_by(most).map(move |start| {
            let end = self.length.min(start + most);
            Data {
                kept: &self.kept[start.min(self.kept.len())..end.min(self.kept.len())],
                length: end - start,
            }
        })
    }

    /// All of it, with zeros for what is not at hand: a checksum is a sum, so they leave it as that of the bytes that are.
    fn padded(&self) -> std::borrow::Cow<'a, [u8]> {
        if self.kept.len() == self.length {
            return self.kept.into();
        }
        let mut padded = self.kept.to_vec();
        padded.resize(self.length, 0);
        padded.into()
    }
}

/// What a TCP segment says besides its data.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Segment {
    pub seq: u32,
    /// `None` before anything of the other end was seen.
    pub ack: Option<u32>,
    pub syn: bool,
    pub fin: bool,
    pub rst: bool,
}

/// A packet, from its IP header on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    /// As much of it as is at hand.
    pub bytes: Vec<u8>,
    /// How long it was.
    pub length: u32,
}

/// Both addresses as they stand in IP headers: an IPv4 address inside an IPv6 one (RFC 4291 §2.5.5.2) as IPv4.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The most that a UDP datagram to `to` carries.
pub(super) fn most_of_datagram(to: SocketAddr) -> usize {
    most_of_packet(to) - UdpHeader::LEN
}

/// The most that a TCP segment to `to` carries.
pub(super) fn most_of_segment(to: SocketAddr) -> usize {
    most_of_packet(to) - TcpHeader::MIN_LEN
}

/// The length in an IPv4 header counts the header, that in an IPv6 header does not.
fn most_of_packet(to: SocketAddr) -> usize {
    let most = usize::from(u16::MAX);
    match to {
        SocketAddr::V4(_) => most - Ipv4Header::MIN_LEN,
        SocketAddr::V6(_) => most,
    }
}

/// A UDP datagram; `None` when it is longer than one can be, or its ends speak different versions of IP.
pub(super) fn datagram(from: SocketAddr, to: SocketAddr, data: Data) -> Option<Packet> {
    let length = UdpHeader::LEN + data.length;
    let payload = data.padded();
    let (mut bytes, udp) = match ip(from, to, IpNumber::UDP, length)? {
        Ip::V4(ip) => (
            ip.to_bytes().to_vec(),
            UdpHeader::with_ipv4_checksum(from.port(), to.port(), &ip, &payload).ok()?,
        ),
        Ip::V6(ip) => (
            ip.to_bytes().to_vec(),
            UdpHeader::with_ipv6_checksum(from.port(), to.port(), &ip, &payload).ok()?,
        ),
    };
    bytes.extend_from_slice(&udp.to_bytes());
    Some(whole(bytes, data))
}

/// A TCP segment; `None` as with [`datagram`].
pub(super) fn segment(
    from: SocketAddr,
    to: SocketAddr,
    segment: &Segment,
    data: Data,
) -> Option<Packet> {
    let mut tcp = TcpHeader::new(from.port(), to.port(), segment.seq, WINDOW);
    tcp.ack = segment.ack.is_some();
    tcp.acknowledgment_number = segment.ack.unwrap_or(0);
    tcp.syn = segment.syn;
    tcp.fin = segment.fin;
    tcp.rst = segment.rst;
    tcp.psh = data.length > 0;
    if segment.syn {
        let most = u16::try_from(most_of_segment(to)).unwrap_or(u16::MAX);
        let options = [
            TcpOptionElement::MaximumSegmentSize(most),
            TcpOptionElement::Noop,
            TcpOptionElement::WindowScale(WINDOW_SCALE),
        ];
        tcp.set_options(&options).ok()?;
    }
    let payload = data.padded();
    let mut bytes = match ip(from, to, IpNumber::TCP, tcp.header_len() + data.length)? {
        Ip::V4(ip) => {
            tcp.checksum = tcp.calc_checksum_ipv4(&ip, &payload).ok()?;
            ip.to_bytes().to_vec()
        }
        Ip::V6(ip) => {
            tcp.checksum = tcp.calc_checksum_ipv6(&ip, &payload).ok()?;
            ip.to_bytes().to_vec()
        }
    };
    bytes.extend_from_slice(&tcp.to_bytes());
    Some(whole(bytes, data))
}

fn whole(mut bytes: Vec<u8>, data: Data) -> Packet {
    let length = (bytes.len() + data.length) as u32;
    bytes.extend_from_slice(data.kept);
    Packet { bytes, length }
}

enum Ip {
    V4(Ipv4Header),
    V6(Ipv6Header),
}

/// The header before `length` bytes of `protocol`.
fn ip(from: SocketAddr, to: SocketAddr, protocol: IpNumber, length: usize) -> Option<Ip> {
    let length = u16::try_from(length).ok()?;
    Some(match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut ip =
                Ipv4Header::new(length, TIME_TO_LIVE, protocol, from.octets(), to.octets()).ok()?;
            ip.header_checksum = ip.calc_header_checksum();
            Ip::V4(ip)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => Ip::V6(Ipv6Header {
            payload_length: length,
            next_header: protocol,
            hop_limit: TIME_TO_LIVE,
            source: from.octets(),
            destination: to.octets(),
            ..Ipv6Header::default()
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "127.0.0.1:40000";

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_datagram_worked_by_hand() {
        let to = address("127.0.0.1:12000");
        let packet = datagram(address(FROM), to, Data::new(b"abc", 3)).unwrap();
        assert_eq!(packet.length, 31);
        #[rustfmt::skip]
        let expected = [
            // 4500 + 001f + 0000 + 4000 + 4011 + 7f00 + 0001 + 7f00 + 0001 = 1c332; c332 + 1 = c333, turned over 3ccc.
            0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, 17, 0x3c, 0xcc, 127, 0, 0, 1, 127, 0, 0, 1,
            // 7f00 + 0001 + 7f00 + 0001 + 0011 + 000b, then 9c40 + 2ee0 + 000b + 6162 + 6300 = 28dab; 8dab + 2 = 8dad, turned over 7252.
            0x9c, 0x40, 0x2e, 0xe0, 0, 11, 0x72, 0x52, b'a', b'b', b'c',
        ];
        assert_eq!(packet.bytes, expected);
    }

    #[test]
    fn a_datagram_of_ipv6_worked_by_hand() {
        let (from, to) = (address("[::1]:40000"), address("[::1]:12000"));
        let packet = datagram(from, to, Data::new(b"abc", 3)).unwrap();
        assert_eq!((packet.length, packet.bytes[0] >> 4), (51, 6));
        assert_eq!(packet.bytes[4..8], [0, 11, 17, TIME_TO_LIVE]);
        // 0001 + 0001 + 000b + 0011, then as above: 18fab; 8fab + 1 = 8fac, turned over 7053.
        assert_eq!(packet.bytes[46..48], [0x70, 0x53]);
    }

    #[test]
    fn a_segment_worked_by_hand() {
        let said = Segment {
            seq: 1,
            ack: Some(2),
            ..Segment::default()
        };
        let to = address("127.0.0.1:6789");
        let packet = segment(address(FROM), to, &said, Data::new(b"hi!", 3)).unwrap();
        #[rustfmt::skip]
        let expected = [
            // 7f00 + 0001 + 7f00 + 0001 + 0006 + 0017, then 9c40 + 1a85 + 0001 + 0002 + 5018 + ffff + 6869 + 2100 = 38e67; 8e67 + 3 = 8e6a, turned
            // over 7195.
            0x9c, 0x40, 0x1a, 0x85, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0xff, 0xff, 0x71, 0x95, 0, 0, b'h', b'i', b'!',
        ];
        assert_eq!(packet.bytes[20..], expected);
    }

    #[test]
    fn the_largest_fit_and_one_more_does_not() {
        let bytes = vec![7; 70_000];
        for (from, to, most) in [
            (FROM, "127.0.0.1:12000", 65_507),
            ("[::1]:1", "[::1]:2", 65_527),
        ] {
            let (from, to) = (address(from), address(to));
            assert_eq!(most_of_datagram(to), most);
            let fits = datagram(from, to, Data::new(&bytes[..most], most)).unwrap();
            assert_eq!(fits.bytes.len(), fits.length as usize);
            assert_eq!(
                datagram(from, to, Data::new(&bytes[..most + 1], most + 1)),
                None
            );
            let most = most_of_segment(to);
            let said = Segment::default();
            assert!(segment(from, to, &said, Data::new(&bytes[..most], most)).is_some());
            assert!(segment(from, to, &said, Data::new(&bytes[..most + 1], most + 1)).is_none());
        }
    }

    #[test]
    fn what_is_not_at_hand_is_shorter_than_it_was() {
        let to = address("127.0.0.1:12000");
        let cut = datagram(address(FROM), to, Data::new(b"abc", 1_000)).unwrap();
        assert_eq!((cut.bytes.len(), cut.length), (31, 1_028));
        let parts: Vec<_> = Data::new(b"abc", 8)
            .parts(2)
            .map(|part| (part.kept, part.length))
            .collect();
        assert_eq!(parts, [(&b"ab"[..], 2), (b"c", 2), (b"", 2), (b"", 2)]);
    }

    #[test]
    fn ends_of_two_versions_of_ip_have_no_packet() {
        let mapped = address("[::ffff:127.0.0.1]:9");
        assert_eq!(datagram(mapped, address(FROM), Data::NONE), None);
        assert!(datagram(canonical(mapped), address(FROM), Data::NONE).is_some());
    }
}
