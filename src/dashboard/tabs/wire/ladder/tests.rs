use std::net::SocketAddr;
use std::time::{Instant, SystemTime};

use super::super::row::{Flow, Message, Row, What};
use super::*;
use crate::dashboard::app::Look;
use crate::dashboard::theme::{Signs, Theme};
use crate::dashboard::widgets::{Glyphs, text};
use crate::proto::link::Why;
use crate::settings::ThemeName;
use crate::trace::clock::Clock;
use crate::trace::event::Ruling;
use crate::trace::start_error::Transport;
use crate::trace::wire::{Call, End, Lab, Layer, Payload, SocketEvent};
use crate::words::{Lang, Words};

fn client() -> SocketAddr {
    "127.0.0.1:54321".parse().unwrap()
}

fn server() -> SocketAddr {
    "127.0.0.1:12000".parse().unwrap()
}

const fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// Rows of one flow, numbered as they are added.
#[derive(Default)]
struct Rows(Vec<Row>);

impl Rows {
    fn add(&mut self, at: u64, what: What) -> &mut Self {
        self.0.push(Row {
            id: self.0.len() as u64 + 1,
            at: micros(at),
            lab: Some(Lab::Ping),
            flow: Flow {
                client: Some(client()),
                server: Some(server()),
            },
            what,
            marked: false,
        });
        self
    }

    fn call(&mut self, at: u64, end: End, call: Call) -> &mut Self {
        self.call_with(at, end, call, None)
    }

    fn call_with(&mut self, at: u64, end: End, call: Call, error: Option<&str>) -> &mut Self {
        let what = What::Call(SocketEvent {
            at: micros(at),
            lab: Lab::Ping,
            end,
            socket: 1,
            transport: Transport::Udp,
            local: Some(server()),
            peer: Some(client()),
            call,
            error: error.map(Into::into),
        });
        self.add(at, what)
    }

    fn message(&mut self, from: End, sent: u64, arrived: &[u64], summary: &str) -> &mut Self {
        self.fated(from, sent, arrived, summary, Fate::Arrived, |_| {})
    }

    fn fated(
        &mut self,
        from: End,
        sent: u64,
        arrived: &[u64],
        summary: &str,
        fate: Fate,
        change: impl FnOnce(&mut Message),
    ) -> &mut Self {
        let mut message = Message::new(Kind::Datagram, from);
        message.sent = Some(micros(sent));
        message.arrived = arrived.iter().map(|at| micros(*at)).collect();
        message.fate = fate;
        message.length = 7;
        message.summary = summary.to_owned();
        change(&mut message);
        self.add(sent, What::Message(Box::new(message)))
    }

    fn view(&self, selected: u64) -> LadderView {
        LadderView::of(self.0.iter(), selected)
    }
}

fn payload() -> Payload {
    Payload {
        bytes: b"Ping 17".as_slice().into(),
        length: 7,
        masked: false,
        layer: Layer::Socket,
    }
}

struct Eyes {
    look: Look,
    clock: Clock,
}

impl Eyes {
    fn new(lang: Lang, glyphs: Glyphs) -> Self {
        Self {
            look: Look {
                words: Words(lang),
                theme: Theme::new(ThemeName::Dark, true),
                glyphs,
                signs: Signs(glyphs),
            },
            clock: Clock::new(Instant::now(), SystemTime::now()),
        }
    }

    /// The rows inside the frame as text.
    fn see(&self, view: &LadderView, now: Duration, width: u16) -> Vec<String> {
        let scene = Scene {
            look: &self.look,
            clock: &self.clock,
            now,
            zoomed: false,
        };
        let height = view.rungs.len() as u16 + 3;
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        draw(view, &scene, true, buffer.area, &mut buffer);
        let mut seen = Vec::new();
        for row in buffer.content.chunks(usize::from(width)) {
            let (mut line, mut skip) = (String::new(), 0);
            for cell in &row[1..row.len() - 1] {
                if skip == 0 {
                    line.push_str(cell.symbol());
                    skip = text::width(cell.symbol()).saturating_sub(1);
                } else {
                    skip -= 1;
                }
            }
            seen.push(line.trim_end().to_owned());
        }
        seen[1..seen.len() - 1].to_vec()
    }
}

fn english() -> Eyes {
    Eyes::new(Lang::En, Glyphs::Unicode)
}

#[track_caller]
fn check(shown: &[String], expected: &[&str]) {
    assert_eq!(shown, expected, "\n{}", shown.join("\n"));
}

#[test]
fn pings_with_a_loss_on_each_leg() {
    let mut rows = Rows::default();
    let lost = |leg| {
        move |message: &mut Message| {
            message.ruling = Some(Ruling::Lost {
                leg,
                why: Why::Random,
            })
        }
    };
    rows.call(0, End::Client, Call::SendTo(payload()))
        .message(End::Client, 0, &[40], "Ping 1")
        .call(40, End::Server, Call::RecvFrom(payload()))
        .call(60, End::Server, Call::SendTo(payload()))
        .message(End::Server, 60, &[90], "PING 1")
        .call(95, End::Client, Call::RecvFrom(payload()))
        .call(1_000_000, End::Client, Call::SendTo(payload()))
        .fated(
            End::Client,
            1_000_000,
            &[1_000_030],
            "Ping 2",
            Fate::Killed(Leg::Request),
            lost(Leg::Request),
        )
        .call(1_000_030, End::Server, Call::RecvFrom(payload()))
        .message(End::Client, 2_000_000, &[2_000_030], "Ping 3")
        .fated(
            End::Server,
            2_000_040,
            &[],
            "PING 3",
            Fate::Killed(Leg::Reply),
            lost(Leg::Reply),
        );
    check(
        &english().see(&rows.view(1), micros(0), 90),
        &[
            "              client 127.0.0.1:54321                        server 127.0.0.1:12000",
            "  0.0000   [sendto → 7 B]┼──────────────Ping 1  40.0 µs───────────────▶├[recvfrom → 7 B]",
            "  0.0001 [recvfrom → 7 B]┤◀───────────────PING 1  30.0 µs──────────────┼[sendto → 7 B]",
            "⋮ 1.00 s                 ⋮                                             ⋮",
            "  1.0000   [sendto → 7 B]┼────────Ping 2────────╳ random loss          │",
            "  1.0000                 │                                             ├[recvfrom → 7 B]",
            "⋮ 1.00 s                 ⋮                                             ⋮",
            "  2.0000                 ├──────────────Ping 3  30.0 µs───────────────▶│",
            "  2.0000                 │          random loss ╳────────PING 3────────┤",
        ],
    );
    check(
        &Eyes::new(Lang::ZhCn, Glyphs::Ascii).see(&rows.view(1), micros(0), 60),
        &[
            "     客户端 127.0.0.1:54321   服务器 127.0.0.1:12000",
            "  [sendto > 7 B]+----Ping 1  40.0 µs---->+[recvfrom > 7 B]",
            "[recvfrom > 7 B]+<----PING 1  30.0 µs----+[sendto > 7 B]",
            "        : 1.00 s:                        :",
            "  [sendto > 7 B]+---Ping 2---X 随机丢包  |",
            "                |                        +[recvfrom > 7 B]",
            "        : 1.00 s:                        :",
            "                +----Ping 3  30.0 µs---->|",
            "                |  随机丢包 X---PING 3---+",
        ],
    );
}

#[test]
fn a_delay_a_duplicate_a_reordering_and_what_is_on_its_way() {
    let mut rows = Rows::default();
    rows.message(End::Server, 0, &[40_000], "PING 1")
        .fated(
            End::Server,
            50_000,
            &[51_000, 51_400],
            "PING 2",
            Fate::Arrived,
            |_| {},
        )
        .fated(
            End::Server,
            60_000,
            &[80_000],
            "PING 3",
            Fate::Arrived,
            |message| message.reordered = true,
        )
        .message(End::Server, 61_000, &[70_000], "PING 4")
        .fated(End::Server, 90_000, &[90_100], "PING 5", Fate::Late, |_| {})
        .fated(End::Client, 91_000, &[], "Ping 6", Fate::InFlight, |_| {})
        .fated(End::Client, 92_000, &[], "Ping 7", Fate::Unanswered, |_| {})
        .fated(End::Client, 93_000, &[], "Ping 8", Fate::Refused, |_| {});
    check(
        &english().see(&rows.view(1), micros(0), 64),
        &[
            "client 127.0.0.1:54321                  server 127.0.0.1:12000",
            "0.0000 │                                   ╭─PING 1  40.0 ms─┤",
            "       │                  ╭────────────────╯                 │",
            "0.0400 │◀─────────────────╯                                  │",
            "0.0500 │                   ╭─────────PING 2  1.00 ms─────────┤",
            "0.0510 │◀──────────────────┤                                 │",
            "0.0514 │◀──────────────────╯                                 │",
            "0.0600 │                   ╭─────────PING 3  20.0 ms─────────┤",
            "0.0610 │                   │ ╭────────PING 4  9.00 ms────────┤",
            "0.0700 │◀──────────────────┼─╯                               │",
            "0.0800 │◀⇄─────────────────╯                                 │",
            "0.0900 │◀◐───────────────────PING 5  100 µs──────────────────┤",
            "0.0910 ├──────────Ping 6──────────░                          │",
            "0.0920 ├──────────Ping 7──────────? no answer                │",
            "0.0930 ├──────────Ping 8  refused: nobody listens───────────⊘│",
        ],
    );
}

#[test]
fn the_calls_of_both_ends_as_the_flow_chart_has_them() {
    let mut rows = Rows::default();
    rows.call(0, End::Server, Call::Socket)
        .call(10, End::Server, Call::Bind)
        .call(20, End::Server, Call::Listen { backlog: 128 })
        .call(100, End::Client, Call::Socket)
        .call(200, End::Client, Call::Connect)
        .call(240, End::Server, Call::Accept { listener: 1 })
        .call(300, End::Client, Call::Send(payload()))
        .fated(
            End::Client,
            300,
            &[330],
            "GET /",
            Fate::Arrived,
            |message| message.kind = Kind::Request,
        )
        .call(330, End::Server, Call::Recv(payload()))
        .call(400, End::Server, Call::Send(payload()))
        .fated(
            End::Server,
            400,
            &[450],
            "404 Not Found",
            Fate::Arrived,
            |message| message.kind = Kind::Response { status: 404 },
        )
        .call(450, End::Client, Call::Recv(payload()))
        .call(500, End::Client, Call::Close)
        .call_with(
            510,
            End::Server,
            Call::Send(payload()),
            Some("Broken pipe\u{202e} (os error 32)"),
        )
        .call(520, End::Server, Call::Close);
    check(
        &english().see(&rows.view(9), micros(0), 80),
        &[
            "        client 127.0.0.1:54321         server 127.0.0.1:12000",
            "0.0000             │                             ├[socket]",
            "0.0000             │                             ├[bind]",
            "0.0000             │                             ├[listen]",
            "0.0001     [socket]┤                             │",
            "0.0002    [connect]┤                             │",
            "0.0002             │                             ├[accept]",
            "0.0003 [send → 7 B]┼───────GET /  30.0 µs───────▶├[recv → 7 B]",
            "0.0004 [recv → 7 B]┤◀───404 Not Found  50.0 µs───┼[send → 7 B]",
            "0.0005      [close]┤                             │",
            "0.0005             │                             ├[send ✗ Broken pipe\\u{202e}]",
            "0.0005             │                             ├[close]",
        ],
    );
    check(
        &english().see(&rows.view(9), micros(0), 42),
        &[
            "client 127.0.0.1:5… server 127.0.0.1:12…",
            "          │                  ├[socket]",
            "          │                  ├[bind]",
            "          │                  ├[listen]",
            "  [socket]┤                  │",
            " [connect]┤                  │",
            "          │                  ├[accept]",
            "    [send]┼─GET /  30.0 µs──▶├[recv]",
            "    [recv]┤◀──404 Not Found──┼[send]",
            "   [close]┤                  │",
            "          │                  ├[send]",
            "          │                  ├[close]",
        ],
    );
}

#[test]
fn a_connection_that_waits_looks_blocked() {
    let mut rows = Rows::default();
    rows.call(0, End::Server, Call::Listen { backlog: 128 })
        .call(100, End::Client, Call::Connect)
        .call(200, End::Client, Call::Send(payload()))
        .fated(End::Client, 200, &[], "GET /", Fate::InFlight, |message| {
            message.kind = Kind::Request
        });
    check(
        &english().see(&rows.view(2), micros(3_200_100), 70),
        &[
            "        client 127.0.0.1:54321                server 127.0.0.1:12000",
            "0.0000             │                                       ├[listen]",
            "0.0001    [connect]┼┄┄┄waits 3.200 s┄┄┄░                   ┊",
            "0.0002 [send → 7 B]┼───────GET /───────░                   ┊",
            "                   │                                       ┊",
        ],
    );
    let accepted = |rows: &mut Rows| {
        rows.call(3_200_100, End::Server, Call::Accept { listener: 1 });
    };
    accepted(&mut rows);
    check(
        &english().see(&rows.view(2), micros(5_200_100), 70),
        &[
            "          client 127.0.0.1:54321          server 127.0.0.1:12000",
            "  0.0000             │                               ├[listen]",
            "  0.0001    [connect]┼┄┄┄waits 3.200 s┄┄┄┄╮          ┊",
            "  0.0002 [send → 7 B]┼─────GET /─────░    ┊          ┊",
            "⋮ 3.20 s             ⋮                    ┊          ⋮",
            "  3.2001             │                    ╰┄┄┄┄┄┄┄┄┄▶├[accept]",
            "                     │                               ┊ waits 2.000 s",
        ],
    );
    rows.call(7_000_000, End::Server, Call::Recv(payload()));
    check(
        &english().see(&rows.view(2), micros(9_000_000), 70),
        &[
            "          client 127.0.0.1:54321          server 127.0.0.1:12000",
            "  0.0000             │                               ├[listen]",
            "  0.0001    [connect]┼┄┄┄waits 3.200 s┄┄┄┄╮          ┊",
            "  0.0002 [send → 7 B]┼─────GET /─────░    ┊          ┊",
            "⋮ 3.20 s             ⋮                    ┊          ⋮",
            "  3.2001             │                    ╰┄┄┄┄┄┄┄┄┄▶├[accept]",
            "⋮ 3.80 s             ⋮                               ⋮ waits 3.800 s",
            "  7.0000             │                               ├[recv → 7 B]",
        ],
    );
}

#[test]
fn a_mail_in_many_short_arrows_with_a_note() {
    let mut rows = Rows::default();
    let said = [
        (
            End::Server,
            "220 lab.example ESMTP",
            Kind::Reply { code: 220 },
        ),
        (End::Client, "EHLO client.example", Kind::Command),
        (End::Server, "250 SIZE 10485760", Kind::Reply { code: 250 }),
        (End::Client, "RCPT TO:<nobody@example.org>", Kind::Command),
        (
            End::Server,
            "550 5.1.1 No such user",
            Kind::Reply { code: 550 },
        ),
    ];
    for (at, (from, text, kind)) in (0..).step_by(300).zip(said) {
        rows.fated(from, at, &[at + 100], text, Fate::Arrived, |message| {
            message.kind = kind
        });
    }
    rows.add(5_000, What::Note("now the \u{1b}[31mbell".to_owned()));
    rows.add(6_000, What::LeftOut(12));
    check(
        &english().see(&rows.view(1), micros(0), 70),
        &[
            "client 127.0.0.1:54321                        server 127.0.0.1:12000",
            "0.0000 │◀───────────────220 lab.example ESMTP  100 µs──────────────┤",
            "0.0003 ├───────────────EHLO client.example  100 µs────────────────▶│",
            "0.0006 │◀─────────────────250 SIZE 10485760  100 µs────────────────┤",
            "0.0009 ├───────────RCPT TO:<nobody@example.org>  100 µs───────────▶│",
            "0.0012 │◀──────────────550 5.1.1 No such user  100 µs──────────────┤",
            "       │                   now the \\x1b[31mbell                    │",
            "       │                       +12 not shown                       │",
        ],
    );
}

#[test]
fn an_empty_ladder_says_what_it_is_for() {
    let view = LadderView::of(std::iter::empty(), 1);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 60, 8));
    let eyes = english();
    let scene = Scene {
        look: &eyes.look,
        clock: &eyes.clock,
        now: Duration::ZERO,
        zoomed: false,
    };
    draw(&view, &scene, false, buffer.area, &mut buffer);
    let text: String = buffer.content.iter().map(|cell| cell.symbol()).collect();
    assert!(text.contains("Choose a call or a message"), "{text}");
}

#[test]
fn a_click_finds_the_row() {
    let mut rows = Rows::default();
    rows.message(End::Client, 0, &[40], "Ping 1")
        .message(End::Server, 60, &[90], "PING 1");
    let eyes = english();
    let scene = Scene {
        look: &eyes.look,
        clock: &eyes.clock,
        now: Duration::ZERO,
        zoomed: false,
    };
    let view = rows.view(2);
    let at = |y| row_at(&view, &scene, Rect::new(0, 0, 60, 10), y);
    assert_eq!(
        [at(0), at(1), at(2), at(3), at(4)],
        [None, None, Some(1), Some(2), None]
    );
}
