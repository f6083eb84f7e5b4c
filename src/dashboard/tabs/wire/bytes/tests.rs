use std::time::{Duration, Instant, SystemTime};

use super::super::row::{Flow, Kind, Message};
use super::*;
use crate::dashboard::app::Look;
use crate::dashboard::theme::{Signs, Theme};
use crate::dashboard::widgets::Glyphs;
use crate::settings::ThemeName;
use crate::trace::clock::Clock;
use crate::trace::start_error::Transport;
use crate::trace::wire::{Call, End, Lab, Layer, Payload, SocketEvent};
use crate::words::{Lang, Words};

fn row(id: RowId, what: What) -> Row {
    Row {
        id,
        at: Duration::ZERO,
        lab: Some(Lab::Ping),
        flow: Flow::default(),
        what,
        marked: false,
    }
}

fn message(bytes: &[u8], length: u64) -> Row {
    let mut message = Message::new(Kind::Datagram, End::Client);
    message.bytes = bytes.into();
    message.length = length;
    row(1, What::Message(Box::new(message)))
}

fn call(call: Call, error: Option<&str>) -> Row {
    row(
        2,
        What::Call(SocketEvent {
            at: Duration::ZERO,
            lab: Lab::Ping,
            end: End::Server,
            socket: 3,
            transport: Transport::Udp,
            local: "127.0.0.1:12000".parse().ok(),
            peer: "127.0.0.1:54321".parse().ok(),
            call,
            error: error.map(Into::into),
        }),
    )
}

fn seen(pane: &mut BytesPane, row: &Row, lang: Lang, width: u16, height: u16) -> Vec<String> {
    let look = Look {
        words: Words(lang),
        theme: Theme::new(ThemeName::Dark, true),
        glyphs: Glyphs::Unicode,
        signs: Signs(Glyphs::Unicode),
    };
    let clock = Clock::new(Instant::now(), SystemTime::now());
    let scene = Scene {
        look: &look,
        clock: &clock,
        now: Duration::ZERO,
        zoomed: false,
    };
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    pane.draw(row, &scene, true, buffer.area, &mut buffer);
    let rows = buffer.content.chunks(usize::from(width).max(1));
    rows.map(|row| {
        row.iter()
            .map(|cell| cell.symbol())
            .collect::<String>()
            .trim_end()
            .to_owned()
    })
    .collect()
}

#[test]
fn the_field_under_the_cursor_is_named() {
    let mut pane = BytesPane::default();
    let row = message(b"Ping 17 00ff00ff00ff00ff abc", 28);
    let text = seen(&mut pane, &row, Lang::En, 80, 12).join("\n");
    assert!(text.contains("Bytes  28 B"), "{text}");
    assert!(text.contains("0000  50 69 6e 67 20 31 37"), "{text}");
    assert!(text.contains("word  bytes 0 to 3, at 0"), "{text}");
    assert!(pane.act(Action::Down));
    let text = seen(&mut pane, &row, Lang::En, 80, 12).join("\n");
    assert!(text.contains("token  bytes 8 to 23, at 16"), "{text}");
    assert!(pane.act(Action::Last) && pane.act(Action::Right));
    let text = seen(&mut pane, &row, Lang::ZhCn, 80, 12)
        .join("")
        .replace(' ', "");
    assert!(text.contains("填充字节25至27，当前27"), "{text}");
    assert!(!pane.act(Action::Quit));
}

#[test]
fn a_click_puts_the_cursor_on_a_byte_of_either_side() {
    let mut pane = BytesPane::default();
    let row = message(b"0123456789abcdefghij", 20);
    let rows = seen(&mut pane, &row, Lang::En, 80, 12);
    let column = |line: &str, what: &str| line[..line.find(what).unwrap()].chars().count() as u16;
    for (line, what, byte) in [
        (1, "30 31", 0),
        (1, "37  38", 7),
        (1, "62 63", 11),
        (2, "69 6a", 18),
        (1, "0123", 0),
        (1, "bcdef", 11),
        (2, "hij", 17),
    ] {
        pane.click(column(&rows[line], what), line as u16);
        assert_eq!(pane.cursor, byte, "{what}");
    }
    // There is nothing.
    pane.click(60, 3);
    assert_eq!(pane.cursor, 17);
}

#[test]
fn what_was_not_kept_is_told() {
    let mut pane = BytesPane::default();
    let text = seen(&mut pane, &message(b"Ping 17", 9_000), Lang::En, 80, 12).join("\n");
    assert!(text.contains("7 of 9,000 bytes kept"), "{text}");
}

#[test]
fn a_narrow_pane_shows_the_text_alone() {
    let mut pane = BytesPane::default();
    let row = message(b"Ping 17\x1b[31m\r\nand more", 21);
    let rows = seen(&mut pane, &row, Lang::En, 40, 12);
    assert!(
        rows[1].contains("Ping 17\\x1b[31m\\r\\n") && rows[2].contains("and more"),
        "{rows:?}"
    );
    assert!(!rows.join("").contains("50 69"));
}

#[test]
fn a_page_in_the_middle_of_many_bytes_has_its_offsets() {
    let mut pane = BytesPane::default();
    let row = message(&[b'x'; 4_096], 4_096);
    seen(&mut pane, &row, Lang::En, 80, 12);
    pane.act(Action::Last);
    let text = seen(&mut pane, &row, Lang::En, 80, 12).join("\n");
    assert!(
        text.contains("0ff0  78") && !text.contains("0000  78"),
        "{text}"
    );
    pane.act(Action::Up);
    assert_eq!(pane.cursor, 4_095 - 16);
    pane.act(Action::First);
    assert_eq!(pane.cursor, 0);
}

#[test]
fn every_call_is_written_as_in_its_manual_and_explained() {
    let payload = || Payload {
        bytes: b"Ping 1".as_slice().into(),
        length: 6,
        masked: false,
        layer: Layer::Socket,
    };
    let table = [
        (Call::Socket, "socket(AF_INET, SOCK_DGRAM) = 3"),
        (Call::Bind, "bind(3, 127.0.0.1:12000) = 0"),
        (Call::Listen { backlog: 128 }, "listen(3, 128) = 0"),
        (
            Call::Accept { listener: 1 },
            "accept(1, 127.0.0.1:54321) = 3",
        ),
        (Call::Connect, "connect(3, 127.0.0.1:54321) = 0"),
        (Call::Send(payload()), "send(3, 6 B) = 6"),
        (Call::Recv(payload()), "recv(3, 6 B) = 6"),
        (
            Call::SendTo(payload()),
            "sendto(3, 6 B, 127.0.0.1:54321) = 6",
        ),
        (
            Call::RecvFrom(payload()),
            "recvfrom(3, 6 B, 127.0.0.1:54321) = 6",
        ),
        (Call::Shutdown, "shutdown(3, SHUT_WR) = 0"),
        (Call::Close, "close(3) = 0"),
    ];
    for (made, expected) in table {
        let row = call(made, None);
        let text = seen(&mut BytesPane::default(), &row, Lang::En, 80, 14).join("\n");
        assert!(text.contains(expected), "{text}");
    }
    let row = call(Call::Bind, Some("Address already in use"));
    let text = seen(&mut BytesPane::default(), &row, Lang::En, 80, 14).join("\n");
    assert!(
        text.contains("bind(3, 127.0.0.1:12000) = -1  Address already in use"),
        "{text}"
    );
    assert!(text.contains("Gives the socket its own address"), "{text}");
}

#[test]
fn any_size_is_drawn() {
    let rows = [
        message(b"Ping 17", 7),
        message(b"", 7),
        call(Call::Close, None),
        row(4, What::Note("a note".to_owned())),
    ];
    for row in &rows {
        for width in 0..90 {
            for height in 0..9 {
                seen(&mut BytesPane::default(), row, Lang::ZhCn, width, height);
            }
        }
    }
}
