//! What the labs made of packets.

use super::*;
use crate::proto::http::rule::Rule;
use crate::proto::link::{Leg, Why};
use crate::proto::ping::PingRecord;
use crate::trace::event::{EchoDatagram, Excerpt, Ruling};
use crate::trace::web::{Ending as HowItEnded, Exchange, Message, Parts, Timing};

fn pinger() -> Socket {
    Socket::new(Lab::Ping, End::Client, 2, CLIENT, SERVER)
}

fn judged(n: u64, at: u64, text: &[u8], ruling: Ruling) -> EchoDatagram {
    EchoDatagram {
        n,
        at: ms(at),
        from: address("[::ffff:127.0.0.1]:40000"),
        bytes: text.len(),
        payload: Excerpt::of(text),
        ruling,
        delay: Duration::ZERO,
        copies: u8::from(ruling == Ruling::Replied),
        corrupted: false,
        held: false,
    }
}

fn lost(n: u64, at: u64, text: &[u8]) -> Item {
    let ruling = Ruling::Lost {
        leg: Leg::Request,
        why: Why::LabDraw(2),
    };
    Item::Event(Event::Echo(EchoEvent::Datagram(judged(
        n, at, text, ruling,
    ))))
}

fn sent(at: u64, text: &[u8]) -> Item {
    pinger().call(at, Call::SendTo(bytes(text)))
}

#[test]
fn a_verdict_stands_on_the_packet_of_its_request() {
    let mut odd = judged(2, 6, b"Ping 2", Ruling::Replied);
    (odd.copies, odd.corrupted, odd.held, odd.delay) =
        (3, true, true, Duration::from_micros(1_500));
    let captured = capture(&[
        sent(1, b"Ping 1"),
        sent(5, b"Ping 2"),
        sent(6, b"Ping 1"),
        Item::Event(Event::Echo(EchoEvent::Datagram(judged(
            1,
            2,
            b"Ping 1",
            Ruling::Replied,
        )))),
        Item::Event(Event::Echo(EchoEvent::Datagram(odd))),
        lost(3, 7, b"Ping 1"),
    ]);
    let comments: Vec<_> = captured
        .packets
        .iter()
        .map(|packet| packet.comments.join("; "))
        .collect();
    assert_eq!(
        comments,
        [
            "",
            "echo server, datagram 2 from 127.0.0.1:40000: damaged: a bit was turned over, duplicated ×3, \
             reply held until a later one has overtaken it, reply delayed 1.500 ms",
            "echo server, datagram 3 from 127.0.0.1:40000: request-lost (lab draw 2 < 4)",
        ]
    );
}

#[test]
fn a_verdict_that_comes_too_late_stands_on_the_next_packet_of_its_lab() {
    let mut capture = Capture::new(Vec::new(), clock(), &about()).unwrap();
    capture.take(&sent(1, b"Ping 1"));
    capture.write_until(ms(50)).unwrap();
    capture.take(&lost(1, 2, b"Ping 1"));
    capture.take(&both_ends(Lab::Web).0.call(60, Call::Connect));
    capture.take(&sent(70, b"Ping 2"));
    let captured = read(capture.finish().unwrap());
    let with: Vec<_> = captured
        .packets
        .iter()
        .map(|packet| (packet.interface, packet.comments.len()))
        .collect();
    assert_eq!(with, [(0, 0), (1, 0), (1, 0), (1, 0), (0, 1)]);
    assert!(captured.packets[4].comments[0].starts_with("echo server, datagram 1 "));
}

#[test]
fn a_ping_without_a_reply_and_a_note_stand_on_the_next_packet() {
    let timed_out = |seq| {
        Item::Event(Event::Ping {
            target: 1,
            event: PingerEvent::Ping(PingEvent::TimedOut {
                record: PingRecord::in_flight(seq, ms(1)),
                at: ms(seq),
            }),
        })
    };
    let note = |at, text: &str| Item::Note {
        at: ms(at),
        text: text.to_owned(),
    };
    let captured = capture(&[
        timed_out(10),
        note(11, "look\x1b[2J here"),
        sent(20, b"a"),
        timed_out(30),
        note(31, "end"),
    ]);
    assert_eq!(
        captured.packets[0].comments,
        [
            "pinger 1, ping 10 (2026-11-18T11:06:40.001000Z): no reply within the timeout",
            "note (2026-11-18T11:06:40.011000Z): look\\x1b[2J here",
        ]
    );
    let at_the_end = &captured.endings[0].comments;
    assert_eq!(at_the_end.len(), 2, "{at_the_end:?}");
    assert!(at_the_end[0].contains("ping 30") && at_the_end[1].ends_with(": end"));
}

#[test]
fn the_rule_that_decided_stands_on_its_response() {
    let (client, server) = both_ends(Lab::Web);
    let exchange = |number, rule: Rule, bytes: &[u8]| {
        Item::Event(Event::Web(WebEvent::Exchange(Box::new(Exchange {
            connection: 1,
            number,
            client: address("127.0.0.1:40000"),
            timing: Timing {
                done: ms(9),
                ..Timing::default()
            },
            request: Message::default(),
            parts: Parts::default(),
            status: Some(rule.status()),
            rule: Some(rule),
            broken_at: None,
            response: Message {
                bytes: bytes.into(),
                length: bytes.len() as u64,
            },
            response_head: bytes.len(),
            content_sent: 0,
            ending: HowItEnded::Complete,
        }))))
    };
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
    let gone = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    let both = [&ok[..], b"hi", gone].concat();
    let captured = capture(&[
        client.call(1, Call::Connect),
        server.call(2, Call::Send(bytes(ok))),
        server.call(3, Call::Send(bytes(b"hi"))),
        server.call(4, Call::Send(bytes(&both))),
        exchange(1, Rule::Found, ok),
        exchange(2, Rule::Found, ok),
        exchange(3, Rule::NotFound, gone),
    ]);
    let comments: Vec<_> = captured.packets[3..]
        .iter()
        .map(|packet| &packet.comments[..])
        .collect();
    let rule = |number, rule| format!("web server, request {number} of 127.0.0.1:40000: {rule}");
    assert_eq!(comments[0], [rule(1, "found (RFC 9110 §15.3.1)")]);
    assert_eq!(comments[1], [""; 0]);
    assert_eq!(comments[2][0], rule(2, "found (RFC 9110 §15.3.1)"));
    assert!(comments[2][1].starts_with(&rule(3, Rule::NotFound.name())));
}

#[test]
fn masks_and_what_was_left_out_are_said_and_counted() {
    let masked = Payload {
        masked: true,
        ..bytes(b"AUTH ***")
    };
    let mut capture = Capture::new(Vec::new(), clock(), &about()).unwrap();
    capture.left_out(5);
    capture.take(&both_ends(Lab::Mail).0.call(1, Call::Send(masked)));
    capture.write_until(ms(2)).unwrap();
    capture.left_out(2);
    let captured = read(capture.finish().unwrap());
    assert_eq!(
        captured.packets[0].comments,
        [
            "secret masked",
            "5 calls, events or notes before this are not in the file: there was no room for them"
        ]
    );
    let counts: Vec<_> = captured
        .endings
        .iter()
        .map(|ending| (ending.received, ending.left_out))
        .collect();
    assert_eq!(counts, [(2, 2), (0, 0), (6, 5)]);
}

#[test]
fn comments_are_bounded() {
    let mut items: Vec<_> = (0..100)
        .map(|_| Item::Note {
            at: ms(1),
            text: "語".repeat(5_000),
        })
        .collect();
    items.push(sent(2, b"a"));
    let captured = capture(&items);
    let comments = &captured.packets[0].comments;
    assert_eq!(comments.len(), COMMENTS + 1);
    assert!(comments[0].len() <= blocks::COMMENT && comments[0].ends_with('…'));
    assert_eq!(comments[COMMENTS], "36 more comments are not written");
}

#[test]
fn a_failed_call_is_said_on_the_next_packet() {
    let refused = Some("Connection refused (os error 111)");
    let captured = capture(&[
        pinger().fails(1, Call::Recv(bytes(b"")), refused),
        sent(2, b"a"),
    ]);
    assert_eq!(
        captured.packets[0].comments,
        ["recv on socket 2 failed: Connection refused (os error 111)"]
    );
}
