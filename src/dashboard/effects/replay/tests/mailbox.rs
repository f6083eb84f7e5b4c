//! Messages made again from calls.

use std::net::SocketAddr;

use super::*;
use crate::proto::smtp::address::{Address, Envelope};
use crate::trace::mail::{Arrived, MailEvent};
use crate::trace::start_error::Transport;
use crate::trace::wire::{Call, Layer, Payload};

const CLIENT: &str = "127.0.0.1:40000";

fn payload(bytes: &[u8], missing: u64, layer: Layer) -> Payload {
    Payload {
        bytes: bytes.into(),
        length: bytes.len() as u64 + missing,
        masked: false,
        layer,
    }
}

fn call(call: Call) -> What {
    What::Call(SocketEvent {
        at: SECOND,
        lab: Lab::Mail,
        end: End::Server,
        socket: 1,
        transport: Transport::Tcp,
        local: None,
        peer: Some(CLIENT.parse().unwrap()),
        call,
        error: None,
    })
}

/// The server got this.
fn got(bytes: &[u8]) -> What {
    call(Call::Recv(payload(bytes, 0, Layer::Socket)))
}

fn said(bytes: &[u8]) -> What {
    call(Call::Send(payload(bytes, 0, Layer::Socket)))
}

fn client() -> SocketAddr {
    CLIENT.parse().unwrap()
}

fn opened() -> What {
    What::Event(Event::Mail(MailEvent::Opened {
        session: 1,
        client: client(),
        at: SECOND,
        encrypted: false,
    }))
}

fn arrived(id: u64, bytes: u64) -> What {
    What::Event(Event::Mail(MailEvent::Arrived(Box::new(Arrived {
        session: 1,
        at: SECOND,
        id,
        envelope: Envelope {
            from: Some(Address::parse("a@b.example").unwrap()),
            to: Vec::new(),
        },
        bytes,
        file: None,
    }))))
}

fn mailbox(what: Vec<What>) -> MailServer {
    let entries = what.into_iter().map(|what| Ok(Entry { at: SECOND, what }));
    let (mut replayer, start) = replayer(entries.collect(), &plan(Speed::Max, None));
    while replayer.playback(start).motion != Motion::Ended {
        settle(&mut replayer);
        replayer.news(Instant::now());
    }
    replayer.mail
}

fn text(mailbox: &mut MailServer, id: u64) -> String {
    String::from_utf8_lossy(&mailbox.read(id).unwrap()).into_owned()
}

const MESSAGE: &str = "From: Ann <a@b.example>\r\nSubject: Hello\r\n\r\nOne.\r\n.two\r\n";
const SENT: &str =
    "From: Ann <a@b.example>\r\nSubject: Hello\r\n\r\nOne.\r\n..two\r\n.\r\nQUIT\r\n";

#[test]
fn a_message_in_pieces_has_its_dots_undone() {
    let mut what = vec![opened(), got(b"DATA\r\n"), said(b"354 go on\r\n")];
    what.extend(SENT.as_bytes().chunks(7).map(got));
    what.push(arrived(7, MESSAGE.len() as u64));
    let mut mailbox = mailbox(what);
    assert_eq!(text(&mut mailbox, 7), MESSAGE);
    let page = mailbox.list("HELLO");
    assert_eq!(
        (page.matching, page.listed[0].subject.as_str()),
        (1, "Hello")
    );
    assert!(!page.listed[0].unread, "it was read");
    assert_eq!(mailbox.list(".two").matching, 1, "its text is searched");
    assert_eq!(mailbox.list("nothing").matching, 0);
    assert_eq!(mailbox.report().unwrap().held, 1);
}

#[test]
fn chunks_are_put_together() {
    let (first, last) = MESSAGE.split_at(20);
    let sent = format!(
        "BDAT {}\r\n{first}BDAT {} LAST\r\n{last}NOOP\r\n",
        first.len(),
        last.len()
    );
    let mut what = vec![opened()];
    what.extend(sent.as_bytes().chunks(5).map(got));
    what.push(arrived(1, MESSAGE.len() as u64));
    assert_eq!(text(&mut mailbox(what), 1), MESSAGE);
}

#[test]
fn inside_tls_the_plain_text_is_read_and_what_everybody_sees_is_not() {
    let inside = |bytes: &[u8]| call(Call::Recv(payload(bytes, 0, Layer::InsideTls)));
    let what = vec![
        opened(),
        got(b"STARTTLS\r\n"),
        got(b"\x16\x03\x01 half a line"),
        inside(b"DATA\r\n"),
        call(Call::Send(payload(b"354 go\r\n", 0, Layer::InsideTls))),
        got(b"\x17\x03\x03 records"),
        inside(SENT.as_bytes()),
        arrived(1, MESSAGE.len() as u64),
    ];
    assert_eq!(text(&mut mailbox(what), 1), MESSAGE);
}

#[test]
fn what_the_record_lacks_is_said_where_it_is_missing() {
    let cut = call(Call::Recv(payload(
        &SENT.as_bytes()[..43],
        1_000,
        Layer::Socket,
    )));
    let what = vec![
        opened(),
        said(b"250 ok\r\n354 go\r\n"),
        cut,
        said(b"250 taken\r\n"),
        arrived(1, 1_043),
        got(b"DATA\r\n"),
        said(b"354 go\r\n"),
        got(SENT.as_bytes()),
        arrived(2, MESSAGE.len() as u64),
        arrived(3, 99),
    ];
    let mut mailbox = mailbox(what);
    let first = text(&mut mailbox, 1);
    assert!(
        first.ends_with("Hello\r\n\r\n[1000 bytes are not in the record]"),
        "{first}"
    );
    let page = mailbox.list("");
    let subjects: Vec<&str> = page.listed.iter().map(|one| one.subject.as_str()).collect();
    let mark = "not all of it is in the record";
    assert_eq!(
        subjects,
        [&format!(" [{mark}]"), "Hello", &format!("Hello [{mark}]")]
    );
    assert_eq!(text(&mut mailbox, 2), MESSAGE, "the next one is whole");
    assert!(mailbox.read(3).unwrap_err().contains("does not hold"));
}

#[test]
fn the_oldest_messages_make_room() {
    let mut what = vec![opened()];
    what.extend((0..1_500).map(|id| arrived(id, 5)));
    let mailbox = mailbox(what);
    let page = mailbox.list("");
    assert_eq!((page.listed.len(), page.listed[0].id), (1_000, 1_499));
}
