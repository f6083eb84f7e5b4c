//! The file itself, and datagrams in it.

use super::*;

fn pinger() -> Socket {
    Socket::new(Lab::Ping, End::Client, 2, CLIENT, SERVER)
}

fn echo() -> Socket {
    Socket::new(Lab::Ping, End::Server, 1, SERVER, CLIENT)
}

#[test]
fn an_empty_capture_says_what_it_is() {
    let captured = capture(&[]);
    assert!(captured.packets.is_empty());
    assert_eq!(
        captured.endings,
        [const {
            Ending {
                received: 0,
                left_out: 0,
                comments: Vec::new(),
            }
        }; 3]
    );
    let text = String::from_utf8_lossy(&captured.file);
    for said in [
        "are rebuilt from what the program saw",
        "重建",
        "sockscope 0.1.0",
        "ping",
        "web",
        "mail",
    ] {
        assert!(text.contains(said), "{said}");
    }
    let mut reader = PcapNgReader::new(&captured.file[..]).unwrap();
    while reader.next_block().is_some() {}
    let linktypes: Vec<_> = reader
        .interfaces()
        .iter()
        .map(|one| u32::from(one.linktype))
        .collect();
    assert_eq!(linktypes, [101; 3]);
}

#[test]
fn a_datagram_whose_both_ends_are_here_is_written_once_when_it_was_sent() {
    let captured = capture(&[
        echo().call(7, Call::RecvFrom(bytes(b"Ping 1"))),
        pinger().call(5, Call::SendTo(bytes(b"Ping 1"))),
        pinger().call(9, Call::RecvFrom(bytes(b"PING 1"))),
        echo().call(8, Call::SendTo(bytes(b"PING 1"))),
    ]);
    let seen: Vec<_> = captured
        .packets
        .iter()
        .map(|packet| (packet.from.port(), packet.to.port(), &packet.payload[..]))
        .collect();
    assert_eq!(
        seen,
        [
            (40_000, 12_000, &b"Ping 1"[..]),
            (12_000, 40_000, b"PING 1")
        ]
    );
    assert_eq!(
        captured.packets[0].at,
        Duration::from_millis(1_795_000_000_005)
    );
}

#[test]
fn whichever_end_is_ours_is_written() {
    let remote = Socket::new(
        Lab::Ping,
        End::Client,
        2,
        "192.0.2.1:40000",
        "192.0.2.2:12000",
    );
    let items = [
        remote.call(1, Call::SendTo(bytes(b"a"))),
        remote.call(2, Call::RecvFrom(bytes(b"A"))),
        echo().call(3, Call::RecvFrom(bytes(b"b"))),
    ];
    let captured = capture(&items);
    let payloads: Vec<_> = captured
        .packets
        .iter()
        .map(|packet| &packet.payload[..])
        .collect();
    assert_eq!(payloads, [b"a", b"A", b"b"]);
    assert_eq!(captured.packets[1].from, address("192.0.2.2:12000"));
}

#[test]
fn a_server_that_is_bound_to_every_address_is_known_by_that_of_its_client() {
    for (wildcard, server, client, shown) in [
        ("0.0.0.0:12000", SERVER, CLIENT, SERVER),
        ("[::]:12000", "[::1]:12000", "[::1]:40000", "[::1]:12000"),
        // One socket for both versions of IP sees IPv4 addresses inside IPv6 ones.
        ("[::]:12000", SERVER, CLIENT, SERVER),
    ] {
        let mapped = if wildcard.starts_with('[') && client.starts_with('1') {
            "[::ffff:127.0.0.1]:40000"
        } else {
            client
        };
        let echo = Socket::new(Lab::Ping, End::Server, 1, wildcard, mapped);
        let pinger = Socket::new(Lab::Ping, End::Client, 2, client, server);
        let captured = capture(&[
            pinger.call(1, Call::Send(bytes(b"a"))),
            echo.call(2, Call::RecvFrom(bytes(b"a"))),
            echo.call(3, Call::SendTo(bytes(b"A"))),
            pinger.call(4, Call::Recv(bytes(b"A"))),
        ]);
        let ends: Vec<_> = captured
            .packets
            .iter()
            .map(|packet| (packet.from, packet.to))
            .collect();
        let (shown, client) = (address(shown), address(client));
        assert_eq!(ends, [(client, shown), (shown, client)]);
    }
}

#[test]
fn a_server_on_every_address_is_not_every_other_machine() {
    let echo = Socket::new(Lab::Ping, End::Server, 1, "0.0.0.0:12000", "");
    let pinger = Socket::new(
        Lab::Ping,
        End::Client,
        2,
        "192.0.2.1:40000",
        "192.0.2.9:12000",
    );
    let captured = capture(&[
        echo.call(0, Call::Bind),
        pinger.call(4, Call::Recv(bytes(b"A"))),
    ]);
    assert_eq!(captured.packets.len(), 1, "the reply came from elsewhere");
}

#[test]
fn what_a_socket_sent_before_it_was_closed_is_still_its_own() {
    let captured = capture(&[
        pinger().call(1, Call::SendTo(bytes(b"a"))),
        pinger().call(2, Call::Close),
        echo().call(3, Call::RecvFrom(bytes(b"a"))),
        echo().call(20_000, Call::RecvFrom(bytes(b"somebody else's"))),
    ]);
    assert_eq!(captured.shapes(), ["udp 1", "udp 15"]);
}

#[test]
fn the_largest_datagrams_fit_and_a_cut_one_says_how_long_it_was() {
    let large = vec![b'x'; 65_507];
    let mut cut = bytes(b"abc");
    cut.length = 1_000;
    let mut impossible = bytes(b"abc");
    impossible.length = 65_508;
    let captured = capture(&[
        pinger().call(1, Call::SendTo(bytes(&large))),
        pinger().call(2, Call::SendTo(bytes(b""))),
        pinger().call(3, Call::SendTo(cut)),
        pinger().call(4, Call::SendTo(impossible)),
    ]);
    let sizes: Vec<_> = captured
        .packets
        .iter()
        .map(|packet| (packet.payload.len(), packet.cut))
        .collect();
    assert_eq!(sizes, [(65_507, 0), (0, 0), (3, 997)]);
    assert_eq!(
        captured.endings[0].comments.len(),
        1,
        "the impossible one is counted"
    );
}

#[test]
fn a_file_that_ends_early_is_readable_up_to_its_last_block() {
    let mut capture = Capture::new(Vec::new(), clock(), &about()).unwrap();
    let begun = walk(&capture.out);
    for at in 0..100 {
        capture.take(&pinger().call(at, Call::SendTo(bytes(b"a"))));
    }
    capture.write_until(ms(60)).unwrap();
    assert_eq!(
        walk(&capture.out),
        begun + 60,
        "what is older than 60 ms, whole"
    );
    assert_eq!(capture.packets(), 60);
    let whole = read(capture.finish().unwrap());
    assert_eq!(whole.packets.len(), 100);
}

#[test]
fn items_of_many_threads_are_sorted_and_a_late_one_says_so() {
    let mut capture = Capture::new(Vec::new(), clock(), &about()).unwrap();
    capture.take(&pinger().call(20, Call::SendTo(bytes(b"second"))));
    capture.take(&pinger().call(10, Call::SendTo(bytes(b"first"))));
    capture.write_until(ms(30)).unwrap();
    capture.take(&pinger().call(5, Call::SendTo(bytes(b"late"))));
    let captured = read(capture.finish().unwrap());
    let payloads: Vec<_> = captured
        .packets
        .iter()
        .map(|packet| String::from_utf8_lossy(&packet.payload))
        .collect();
    assert_eq!(payloads, ["first", "second", "late"]);
    assert_eq!(captured.packets[2].at, captured.packets[1].at);
    assert!(captured.packets[2].comments[0].starts_with("told late: this was at "));
}

#[test]
fn more_than_is_held_back_is_counted() {
    let mut capture = Capture::new(std::io::sink(), clock(), &about()).unwrap();
    // The bytes are shared, so the test needs little memory; each counts all the same.
    let item = pinger().call(1, Call::SendTo(bytes(&vec![0; 65_000])));
    let fit = HELD_BYTES / item.weight();
    for _ in 0..fit + 7 {
        capture.take(&item);
    }
    assert_eq!((capture.held.len(), capture.left_out), (fit, 7));
}

#[test]
fn a_file_that_takes_no_more_is_told() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(bytes.len())
                .ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    assert!(Capture::new(Full(10), clock(), &about()).is_err());
    let mut capture = Capture::new(Full(4_000), clock(), &about()).unwrap();
    capture.take(&pinger().call(1, Call::SendTo(bytes(&[0; 5_000]))));
    let error = capture.write_until(ms(2)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}
