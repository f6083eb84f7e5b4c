use proptest::prelude::*;

use super::*;

fn call<'a>(name: &'a str, result: &'a str) -> Option<Call<'a>> {
    Some(Call {
        name: name.into(),
        result: result.into(),
        style: Style::new(),
        selected: false,
    })
}

fn moment<'a>(left: Option<Call<'a>>, right: Option<Call<'a>>) -> Rung<'a> {
    Rung::Moment {
        time: "".into(),
        left,
        right,
    }
}

fn moments(count: usize) -> Vec<Rung<'static>> {
    vec![moment(None, None); count]
}

fn arrow(from: Side, row: usize, tips: &[Tip], label: &'static str) -> Arrow<'static> {
    Arrow {
        from,
        row,
        tips: tips.to_vec(),
        line: Stroke::Solid,
        label: label.into(),
        note: "".into(),
        style: Style::new(),
        selected: false,
    }
}

fn to(row: usize) -> Tip {
    Tip::Arrives { row, sign: None }
}

fn drawn(ladder: Ladder, width: u16, height: u16) -> Buffer {
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    ladder.render(buf.area, &mut buf);
    buf
}

/// The rows as text, without the blanks at their ends; the second column of a wide character is left out.
fn picture(buf: &Buffer) -> Vec<String> {
    let rows = buf.content.chunks(usize::from(buf.area.width));
    rows.map(|row| {
        let (mut line, mut skip) = (String::new(), 0);
        for cell in row {
            if skip == 0 {
                line.push_str(cell.symbol());
                skip = text::width(cell.symbol()).saturating_sub(1);
            } else {
                skip -= 1;
            }
        }
        line.trim_end().to_owned()
    })
    .collect()
}

fn show(ladder: Ladder, width: u16) -> Vec<String> {
    let height = ladder.rungs.len() as u16 + 1;
    let mut rows = picture(&drawn(ladder, width, height));
    rows.remove(0);
    rows
}

#[track_caller]
fn check(shown: &[String], expected: &[&str]) {
    assert_eq!(shown, expected, "\n{}", shown.join("\n"));
}

#[test]
fn a_round_trip_with_the_calls_of_both_ends() {
    let rungs = [
        moment(call("sendto", "7 B"), call("recvfrom", "7 B")),
        moment(call("recvfrom", "7 B"), call("sendto", "7 B")),
    ];
    let arrows = [
        arrow(Side::Left, 0, &[to(0)], "Ping 1"),
        arrow(Side::Right, 1, &[to(1)], "PING 1"),
    ];
    let ladder = Ladder::new(&rungs, &arrows).titles("client", "server");
    check(
        &picture(&drawn(ladder, 58, 3)),
        &[
            "           client                       server",
            "  [sendto 7 B]┼──────────Ping 1───────────▶├[recvfrom 7 B]",
            "[recvfrom 7 B]┤◀───────────PING 1──────────┼[sendto 7 B]",
        ],
    );
}

#[test]
fn a_delay_slopes() {
    let rungs = moments(5);
    let arrows = [
        arrow(Side::Left, 0, &[to(2)], "Ping 1"),
        arrow(Side::Right, 3, &[to(4)], "PING 1"),
    ];
    check(
        &show(Ladder::new(&rungs, &arrows), 40),
        &[
            "├───Ping 1───╮                         │",
            "│            ╰───────────╮             │",
            "│                        ╰────────────▶│",
            "│                   ╭──────PING 1──────┤",
            "│◀──────────────────╯                  │",
        ],
    );
    let ascii = Ladder::new(&rungs, &arrows).glyphs(Glyphs::Ascii);
    check(
        &show(ascii, 40),
        &[
            "+---Ping 1---+                         |",
            "|            +-----------+             |",
            "|                        +------------>|",
            "|                   +------PING 1------+",
            "|<------------------+                  |",
        ],
    );
}

#[test]
fn what_is_lost_ends_half_way_on_its_leg_and_says_why() {
    let rungs = moments(4);
    let dies = |row| Tip::Ends { row, sign: '╳' };
    let mut there = arrow(Side::Left, 0, &[dies(0)], "Ping 1");
    there.note = "Bernoulli 36.4 %".into();
    there.style = Style::new().red();
    let mut back = arrow(Side::Right, 2, &[dies(3)], "PING 2");
    back.note = "丢失在返回途中".into();
    let arrows = [there, arrow(Side::Left, 1, &[to(1)], "Ping 2"), back];
    let ladder = Ladder::new(&rungs, &arrows);
    check(
        &show(ladder, 60),
        &[
            "├───────────Ping 1────────────╳ Bernoulli 36.4 %           │",
            "├─────────────────────────Ping 2──────────────────────────▶│",
            "│                                           ╭────PING 2────┤",
            "│             丢失在返回途中 ╳──────────────╯              │",
        ],
    );
    let buf = drawn(ladder, 60, 5);
    let cross = buf.content.iter().find(|cell| cell.symbol() == "╳");
    assert_eq!(cross.map(|cell| cell.fg), Some(ratatui::style::Color::Red));
}

#[test]
fn a_note_that_would_be_cut_goes_to_the_next_row_if_that_is_empty() {
    let dies = |row| Tip::Ends { row, sign: '╳' };
    let lost = |from, row| Arrow {
        note: "drew 1, below 4".into(),
        ..arrow(from, row, &[dies(row)], "Ping 1")
    };
    let mut rungs = moments(7);
    rungs[5] = Rung::Remark {
        text: "a note".into(),
        style: Style::new(),
    };
    let arrows = [
        lost(Side::Left, 0),
        lost(Side::Right, 2),
        lost(Side::Left, 4),
        arrow(Side::Right, 6, &[to(6)], "PING 3"),
    ];
    check(
        &show(Ladder::new(&rungs, &arrows), 30),
        &[
            "├────Ping 1────╳             │",
            "│            drew 1, below 4 │",
            "│             ╳────Ping 1────┤",
            "│ drew 1, below 4            │",
            "├────Ping 1────╳ drew 1, be… │",
            "│           a note           │",
            "│◀───────────PING 3──────────┤",
        ],
    );
}

#[test]
fn a_duplicate_forks() {
    let rungs = moments(4);
    let arrows = [
        arrow(Side::Right, 0, &[to(0), to(1)], "PING 1"),
        arrow(Side::Left, 2, &[to(2), to(3)], "Ping 2"),
    ];
    check(
        &show(Ladder::new(&rungs, &arrows), 40),
        &[
            "│◀────────────┬─────────PING 1─────────┤",
            "│◀────────────╯                        │",
            "├─────────Ping 2─────────┬────────────▶│",
            "│                        ╰────────────▶│",
        ],
    );
    let rungs = moments(4);
    let arrows = [arrow(Side::Left, 0, &[to(1), to(3)], "Ping 1")];
    check(
        &show(Ladder::new(&rungs, &arrows), 40),
        &[
            "├─────────Ping 1─────────╮             │",
            "│                        ├────────────▶│",
            "│                        │             │",
            "│                        ╰────────────▶│",
        ],
    );
}

#[test]
fn what_overtakes_crosses() {
    let rungs = moments(4);
    let arrows = [
        arrow(Side::Left, 0, &[to(3)], "Ping 1"),
        arrow(Side::Left, 1, &[to(2)], "Ping 2"),
    ];
    check(
        &show(Ladder::new(&rungs, &arrows), 50),
        &[
            "├────────────Ping 1────────────╮                 │",
            "├───────────Ping 2───────────╮ │                 │",
            "│                            ╰─┼────────────────▶│",
            "│                              ╰────────────────▶│",
        ],
    );
    let rungs = moments(5);
    let arrows = [
        arrow(Side::Right, 0, &[to(4)], "PING 1"),
        arrow(Side::Left, 1, &[to(3)], "Ping 2"),
    ];
    check(
        &show(Ladder::new(&rungs, &arrows), 50),
        &[
            "│                 ╭────────────PING 1────────────┤",
            "├─────Ping 2──────┼────────────╮                 │",
            "│                 │            │                 │",
            "│                 │            ╰────────────────▶│",
            "│◀────────────────╯                              │",
        ],
    );
}

#[test]
fn what_does_not_overtake_does_not_cross() {
    let rungs = moments(6);
    let arrows: Vec<Arrow> = (0..3)
        .map(|row| arrow(Side::Left, row, &[to(row + 3)], "Ping"))
        .collect();
    let shown = show(Ladder::new(&rungs, &arrows), 50);
    assert!(!shown.concat().contains('┼'));
    check(
        &shown,
        &[
            "├─────────────Ping─────────────╮                 │",
            "├────────────Ping────────────╮ │                 │",
            "├───────────Ping───────────╮ │ │                 │",
            "│                          │ │ ╰────────────────▶│",
            "│                          │ ╰──────────────────▶│",
            "│                          ╰────────────────────▶│",
        ],
    );
}

#[test]
fn every_end_has_its_shape() {
    let rungs = moments(5);
    let sign = |sign| Tip::Arrives {
        row: 0,
        sign: Some(sign),
    };
    let at = |row, tip: Tip| match tip {
        Tip::Arrives { sign, .. } => Tip::Arrives { row, sign },
        tip => tip,
    };
    let arrows = [
        arrow(Side::Left, 0, &[at(0, sign('◐'))], "late"),
        arrow(Side::Right, 1, &[at(1, sign('≠'))], "damaged"),
        arrow(
            Side::Left,
            2,
            &[Tip::Stops {
                row: 2, sign: '⊘'
            }],
            "refused",
        ),
        arrow(
            Side::Left,
            3,
            &[Tip::Ends {
                row: 3, sign: '░'
            }],
            "on its way",
        ),
        Arrow {
            line: Stroke::Dashed,
            note: "12 ms".into(),
            ..arrow(
                Side::Left,
                4,
                &[Tip::Stops {
                    row: 4, sign: '丢'
                }],
                "waits",
            )
        },
    ];
    check(
        &show(Ladder::new(&rungs, &arrows), 40),
        &[
            "├────────────────late────────────────◐▶│",
            "│◀≠───────────────damaged──────────────┤",
            "├───────────────refused───────────────⊘│",
            "├────on its way─────░                  │",
            "├┄┄┄┄┄┄┄┄┄┄┄┄waits  12 ms┄┄┄┄┄┄┄┄┄┄┄┄┄?│",
        ],
    );
}

#[test]
fn a_dialogue_of_many_lines() {
    let said = [
        (Side::Right, "220 lab.example ESMTP"),
        (Side::Left, "EHLO client.example"),
        (Side::Right, "250 SIZE 10485760"),
        (Side::Left, "MAIL FROM:<a@example.org>"),
        (Side::Right, "250 2.1.0 OK"),
        (
            Side::Left,
            "RCPT TO:<nobody@example.org> with a line that is far too long for this",
        ),
        (Side::Right, "550 5.1.1 No such user"),
    ];
    let rungs = moments(said.len());
    let arrows: Vec<Arrow> = said
        .iter()
        .enumerate()
        .map(|(row, (from, text))| arrow(*from, row, &[to(row)], text))
        .collect();
    let ladder = Ladder::new(&rungs, &arrows).titles("127.0.0.1:54321", "127.0.0.1:2525");
    check(
        &picture(&drawn(ladder, 60, 8)),
        &[
            "127.0.0.1:54321                               127.0.0.1:2525",
            "│◀──────────────────220 lab.example ESMTP──────────────────┤",
            "├───────────────────EHLO client.example───────────────────▶│",
            "│◀────────────────────250 SIZE 10485760────────────────────┤",
            "├────────────────MAIL FROM:<a@example.org>────────────────▶│",
            "│◀───────────────────────250 2.1.0 OK──────────────────────┤",
            "├RCPT TO:<nobody@example.org> with a line that is far too…▶│",
            "│◀──────────────────550 5.1.1 No such user─────────────────┤",
        ],
    );
}

#[test]
fn a_wait_is_dashed_on_its_life_line_and_across() {
    let rungs = [
        moment(call("connect", ""), None),
        Rung::Gap("3.2 s".into()),
        moment(None, call("accept", "")),
        Rung::Remark {
            text: "the teacher opens the door".into(),
            style: Style::new(),
        },
    ];
    let waiting = Arrow {
        line: Stroke::Dashed,
        ..arrow(Side::Left, 0, &[to(2)], "waits 3.2 s")
    };
    let arrows = [waiting];
    let waits = [Wait {
        side: Side::Right,
        rows: 0..2,
        text: "busy".into(),
        style: Style::new(),
    }];
    let ladder = Ladder::new(&rungs, &arrows).waits(&waits);
    check(
        &show(ladder, 64),
        &[
            "        [connect]┼┄┄waits 3.2 s┄┄╮                     ┊ busy",
            "⋮ 3.2 s          ⋮               ╰┄┄┄┄┄┄┄┄┄╮           ⋮",
            "                 │                         ╰┄┄┄┄┄┄┄┄┄┄▶├[accept]",
            "                 │     the teacher opens the door      │",
        ],
    );
}

#[test]
fn forty_columns_keep_names_and_arrows() {
    let rungs = [
        moment(call("sendto", "→ 1,024 B"), None),
        Rung::Gap("1.00 s".into()),
        moment(None, call("recvfrom", "→ 1,024 B")),
        moment(call("recvfrom", "✗ refused"), None),
    ];
    let arrows = [
        arrow(Side::Left, 0, &[to(2)], "Ping 1"),
        arrow(Side::Right, 3, &[to(3)], "PING 1 and more"),
    ];
    let ladder =
        Ladder::new(&rungs, &arrows).titles("客户端 127.0.0.1:54321", "服务器 127.0.0.1:12000");
    check(
        &picture(&drawn(ladder, 40, 5)),
        &[
            "客户端 127.0.0.1:5… 服务器 127.0.0.1:12…",
            "  [sendto]┼──Ping 1──╮       │",
            "  ⋮ 1.00 s⋮          ╰──╮    ⋮",
            "          │             ╰───▶├[recvfrom]",
            "[recvfrom]┤◀─PING 1 and more─┤",
        ],
    );
}

#[test]
fn wide_labels_break_no_columns() {
    let rungs = [
        moment(call("发送", "七字节"), call("接收", "七字节")),
        moment(None, None),
    ];
    let arrows = [
        arrow(Side::Left, 0, &[to(0)], "请求 一"),
        arrow(
            Side::Right,
            1,
            &[to(1)],
            "响应被服务器丢弃了而且这一行很长很长放不下",
        ),
    ];
    check(
        &show(Ladder::new(&rungs, &arrows), 50),
        &[
            "[发送 七字节]┼───────请求 一───────▶├[接收 七字节]",
            "             │◀响应被服务器丢弃了而…┤",
        ],
    );
}

#[test]
fn times_stand_in_the_gutter() {
    let timed = |time: &'static str| Rung::Moment {
        time: time.into(),
        left: None,
        right: None,
    };
    let rungs = [timed("+0.000"), Rung::Gap("1.20 s".into()), timed("+1.200")];
    let arrows = [
        arrow(Side::Left, 0, &[to(0)], "Ping 1"),
        arrow(Side::Left, 2, &[to(2)], "Ping 2"),
    ];
    check(
        &show(Ladder::new(&rungs, &arrows), 60),
        &[
            "  +0.000 ├─────────────────────Ping 1─────────────────────▶│",
            "⋮ 1.20 s ⋮                                                 ⋮",
            "  +1.200 ├─────────────────────Ping 2─────────────────────▶│",
        ],
    );
}

#[test]
fn what_is_selected_is_shown_and_stands_out() {
    let rungs = moments(100);
    let mut arrows: Vec<Arrow> = (0..100)
        .map(|row| arrow(Side::Left, row, &[to(row)], "x"))
        .collect();
    let ladder = Ladder::new(&rungs, &arrows);
    assert_eq!(ladder.shown(10), 90..100);
    arrows[40].selected = true;
    let plain = Style::new();
    let ladder = Ladder::new(&rungs, &arrows).styles(plain, plain, plain, Style::new().reversed());
    assert_eq!(ladder.shown(10), 35..45);
    let area = Rect::new(0, 0, 30, 11);
    assert_eq!(ladder.row_at(area, 0), None);
    assert_eq!(ladder.row_at(area, 6), Some(40));
    assert_eq!(ladder.row_at(area, 11), None);
    let buf = drawn(ladder, 30, 11);
    let is_reversed = |y: u16| {
        buf.content[usize::from(y) * 30..][..30]
            .iter()
            .any(|cell| cell.modifier.contains(Modifier::REVERSED))
    };
    assert_eq!((0..11).filter(|y| is_reversed(*y)).collect::<Vec<_>>(), [6]);
}

fn any_arrow() -> impl Strategy<Value = Arrow<'static>> {
    let tip = (0usize..12, 0..3, proptest::char::any()).prop_map(|(row, kind, sign)| match kind {
        0 => Tip::Arrives {
            row,
            sign: Some(sign),
        },
        1 => Tip::Stops { row, sign },
        _ => Tip::Ends { row, sign },
    });
    let tips = proptest::collection::vec(tip, 0..4);
    (
        any::<bool>(),
        0usize..12,
        tips,
        "[a-z丢包 ]{0,20}",
        any::<String>(),
    )
        .prop_map(|(left, row, tips, label, note)| Arrow {
            from: if left { Side::Left } else { Side::Right },
            row,
            tips,
            line: Stroke::Solid,
            label: label.into(),
            note: note.into(),
            style: Style::new(),
            selected: row == 3,
        })
}

proptest! {
    #[test]
    fn any_ladder_stays_inside(arrows in proptest::collection::vec(any_arrow(), 0..8), width in 0u16..70, height in 0u16..12, x in 0u16..20) {
        let rungs = [moment(call("recvfrom", "→ 7 B"), None), Rung::Gap("1 s".into())].into_iter().cycle().take(9).collect::<Vec<_>>();
        let waits = [Wait { side: Side::Left, rows: 2..40, text: "waits".into(), style: Style::new() }];
        let ladder = Ladder::new(&rungs, &arrows).titles("left", "right").waits(&waits);
        let mut buf = Buffer::empty(Rect::new(0, 0, 60, 10));
        ladder.render(Rect::new(x, 1, width, height), &mut buf);
        for (index, cell) in buf.content.iter().enumerate() {
            let at = index as u16 % 60;
            prop_assert!(cell.symbol() == " " || (at >= x && at < x + width));
        }
    }
}
