//! TCP connections.

use super::*;

/// A whole connection whose both ends are here, as both tell it.
fn session(lab: Lab) -> Vec<Item> {
    let (client, server) = both_ends(lab);
    vec![
        client.call(0, Call::Socket),
        // The server's call returns first.
        server.call(1, Call::Accept { listener: 2 }),
        client.call(2, Call::Connect),
        client.call(3, Call::Send(bytes(b"GET / HTTP/1.1\r\n\r\n"))),
        server.call(4, Call::Recv(bytes(b"GET / HTTP/1.1\r\n\r\n"))),
        server.call(5, Call::Send(bytes(b"HTTP/1.1 200 OK\r\n\r\n"))),
        server.call(6, Call::Close),
        client.call(7, Call::Recv(bytes(b"HTTP/1.1 200 OK\r\n\r\n"))),
        client.call(8, Call::Recv(bytes(b""))),
        client.call(9, Call::Close),
    ]
}

#[test]
fn a_connection_whose_both_ends_are_here_is_written_once() {
    let captured = capture(&session(Lab::Web));
    let shapes = [">S", "<S.", ">.", ">.18", "<.19", "<F.", ">F.", "<."];
    assert_eq!(captured.shapes(), shapes);
    assert_eq!(captured.endings[1].comments, Vec::<String>::new());
    check_numbers(&captured);
}

#[test]
fn the_same_session_gives_the_same_file() {
    assert_eq!(
        capture(&session(Lab::Mail)).file,
        capture(&session(Lab::Mail)).file
    );
}

#[test]
fn a_connection_to_elsewhere_is_written_from_our_end() {
    let client = Socket::new(Lab::Web, End::Client, 1, "192.0.2.1:40000", "192.0.2.2:80");
    let captured = capture(&[
        client.call(1, Call::Connect),
        client.call(2, Call::Send(bytes(b"GET"))),
        client.call(3, Call::Shutdown),
        client.call(4, Call::Recv(bytes(b"200 OK"))),
        client.call(5, Call::Recv(bytes(b""))),
        client.call(6, Call::Close),
    ]);
    let shapes = [">S", "<S.", ">.", ">.3", ">F.", "<.6", "<F.", ">."];
    assert_eq!(captured.shapes(), shapes);
    check_numbers(&captured);
}

#[test]
fn a_capture_that_begins_in_the_middle_has_no_handshake() {
    for from in 3..10 {
        let captured = capture(&session(Lab::Web)[from..]);
        assert!(captured.shapes().iter().all(|shape| !shape.contains('S')));
        check_numbers(&captured);
    }
    let (client, server) = both_ends(Lab::Web);
    // The server's accept is told after the first bytes: it is of the connection that is there already.
    let captured = capture(&[
        client.call(1, Call::Send(bytes(b"GET"))),
        server.call(2, Call::Accept { listener: 2 }),
        server.call(3, Call::Recv(bytes(b"GET"))),
    ]);
    assert_eq!(captured.shapes(), [">.3"]);
    assert_eq!(
        captured.endings[1].comments,
        ["still open at the end: 127.0.0.1:40000 to 127.0.0.1:6789"]
    );
}

#[test]
fn a_refused_connection_is_a_syn_and_a_reset() {
    let mut client = Socket::new(Lab::Mail, End::Client, 1, CLIENT, "127.0.0.1:2525");
    for error in [
        "Connection refused (os error 111)",
        "连接被拒绝 (os error 10061)",
    ] {
        let captured = capture(&[
            client.fails(1, Call::Connect, Some(error)),
            client.call(2, Call::Close),
        ]);
        assert_eq!(captured.shapes(), [">S", "<R."]);
        assert_eq!(
            captured.packets[0].comments,
            [format!("connect failed: {error}")]
        );
    }
    client.local = None;
    let captured = capture(&[
        client.fails(1, Call::Connect, Some("timed out")),
        client.call(2, Call::Close),
    ]);
    assert_eq!(captured.packets.len(), 1, "nobody answered");
    assert_eq!(captured.packets[0].from, address("127.0.0.1:0"));
}

#[test]
fn a_reset_ends_a_connection() {
    let server = Socket::new(
        Lab::Web,
        End::Server,
        3,
        "127.0.0.1:6789",
        "127.0.0.1:40000",
    );
    let reset = Some("Connection reset by peer (os error 104)");
    let captured = capture(&[
        server.call(1, Call::Accept { listener: 2 }),
        server.call(2, Call::Recv(bytes(b"GET"))),
        server.fails(3, Call::Recv(bytes(b"")), reset),
        server.fails(4, Call::Send(bytes(b"")), Some("Broken pipe (os error 32)")),
        server.call(5, Call::Close),
    ]);
    assert_eq!(captured.shapes(), [">S", "<S.", ">.", ">.3", ">R."]);
    assert_eq!(
        captured.endings[1].comments,
        ["send on socket 3 failed: Broken pipe (os error 32)"]
    );
}

#[test]
fn the_same_ports_again_are_another_connection() {
    let mut items = session(Lab::Web);
    let (mut client, mut server) = both_ends(Lab::Web);
    (client.id, server.id) = (7, 8);
    items.push(client.call(20, Call::Connect));
    items.push(server.call(21, Call::Accept { listener: 2 }));
    // A call of the old one that is told late belongs to no connection any more.
    items.push(both_ends(Lab::Web).1.call(22, Call::Close));
    items.push(client.call(23, Call::Send(bytes(b"GET"))));
    let captured = capture(&items);
    assert_eq!(captured.shapes()[8..], [">S", "<S.", ">.", ">.3"]);
    let first = |packet: &Read| match &packet.transport {
        TransportHeader::Tcp(tcp) => tcp.sequence_number,
        _ => unreachable!(),
    };
    assert_ne!(first(&captured.packets[0]), first(&captured.packets[8]));
}

#[test]
fn large_sends_are_cut_into_packets_and_acknowledged() {
    let (client, server) = both_ends(Lab::Web);
    // As sendfile does it: the length is known, the bytes are not.
    let mut file = bytes(b"HTTP");
    file.length = 1_000_000;
    let captured = capture(&[
        client.call(1, Call::Connect),
        server.call(2, Call::Send(file)),
    ]);
    let of_data: Vec<_> = captured
        .packets
        .iter()
        .filter(|packet| packet.payload.len() + packet.cut > 0)
        .collect();
    assert_eq!(of_data.len(), 1_000_000_usize.div_ceil(65_495));
    assert_eq!(
        of_data
            .iter()
            .map(|packet| packet.payload.len() + packet.cut)
            .sum::<usize>(),
        1_000_000
    );
    assert_eq!(captured.said(6789), b"HTTP");
    let acks = captured
        .shapes()
        .iter()
        .filter(|shape| *shape == ">.")
        .count();
    assert_eq!(
        acks,
        1 + 1_000_000 / 327_475,
        "the handshake's, and one each five packets"
    );
    check_numbers(&captured);
}

#[test]
fn plain_text_of_starttls_is_a_stream_of_its_own() {
    let (client, server) = both_ends(Lab::Mail);
    let inside = |text: &[u8]| Payload {
        layer: Layer::InsideTls,
        ..bytes(text)
    };
    let hello = bytes(&[0x16, 3, 1, 0, 4, 1, 2, 3, 4]);
    let captured = capture(&[
        client.call(1, Call::Connect),
        server.call(2, Call::Send(bytes(b"220 hi\r\n"))),
        client.call(3, Call::Send(bytes(b"STARTTLS\r\n"))),
        server.call(4, Call::Send(bytes(b"220 go\r\n"))),
        client.call(5, Call::Send(hello.clone())),
        server.call(6, Call::Recv(hello)),
        server.call(7, Call::Send(bytes(&[0x16, 3, 3, 0, 1, 9]))),
        // The rest of a record that a first call brought the beginning of.
        server.call(8, Call::Send(bytes(b"rest"))),
        client.call(9, Call::Send(inside(b"EHLO a\r\n"))),
        server.call(10, Call::Recv(inside(b"EHLO a\r\n"))),
        server.call(11, Call::Send(inside(b"250 b\r\n"))),
        client.call(12, Call::Close),
        server.call(13, Call::Close),
    ]);
    let shapes = [
        ">S", "<S.", ">.", "<.8", ">.10", "<.8", ">S", "<S.", ">.", ">.8", "<.7", ">F.", "<F.",
        ">.",
    ];
    assert_eq!(captured.shapes(), shapes);
    assert!(captured.packets[6].comments[0].starts_with("from here on inside TLS"));
    assert_eq!(
        captured.packets[9].comments,
        [
            "19 bytes of TLS records before this, the handshake's, are left out",
            "sent inside TLS; shown as the plain text it carried"
        ]
    );
    assert_eq!(
        captured.packets[10].comments,
        ["sent inside TLS; shown as the plain text it carried"]
    );
}

#[test]
fn a_handshake_that_failed_is_told_at_the_end_and_clear_text_beside_it_stays() {
    let (client, server) = both_ends(Lab::Mail);
    let captured = capture(&[
        client.call(1, Call::Connect),
        client.call(2, Call::Send(bytes(&[0x16, 3, 1, 0, 1, 9]))),
        server.call(3, Call::Send(bytes(b"500 what?\r\n"))),
        server.call(4, Call::Close),
    ]);
    assert_eq!(captured.shapes(), [">S", "<S.", ">.", "<.11", "<F."]);
    assert!(captured.packets[4].comments[0].starts_with("6 bytes of TLS records"));
}

#[test]
fn connections_are_forgotten_when_there_are_too_many() {
    let mut capture = Capture::new(std::io::sink(), clock(), &about()).unwrap();
    for n in 0..20_000_u32 {
        let mut client = both_ends(Lab::Web).0;
        client.id = u64::from(n) + 1;
        client.local = Some(SocketAddr::new(
            std::net::Ipv4Addr::from(0x0a00_0000 + n).into(),
            5,
        ));
        capture.take(&client.call(1, Call::Connect));
    }
    capture.write_until(ms(2)).unwrap();
    assert_eq!(capture.connections.forgotten(), 20_000 - 16_384);
    assert!(
        capture
            .still_open(Lab::Web)
            .unwrap()
            .ends_with(", 16368 more")
    );
}

/// Each end's numbers follow on one another, and no end acknowledges what was not sent.
pub(super) fn check_numbers(captured: &Captured) {
    use std::collections::HashMap;
    let mut next: HashMap<(SocketAddr, SocketAddr), u32> = HashMap::new();
    for packet in &captured.packets {
        let TransportHeader::Tcp(tcp) = &packet.transport else {
            continue;
        };
        let way = (packet.from, packet.to);
        let length =
            (packet.payload.len() + packet.cut) as u32 + u32::from(tcp.syn) + u32::from(tcp.fin);
        if tcp.syn {
            next.remove(&way);
        }
        // A refusal has no numbers of its own.
        if tcp.rst && tcp.sequence_number == 0 {
            continue;
        }
        let expected = *next.entry(way).or_insert(tcp.sequence_number);
        assert_eq!(tcp.sequence_number, expected, "a gap");
        next.insert(way, expected.wrapping_add(length));
        if tcp.ack
            && !tcp.syn
            && let Some(other) = next.get(&(packet.to, packet.from))
        {
            assert_eq!(
                tcp.acknowledgment_number, *other,
                "all that was sent, and no more"
            );
        }
    }
}
