//! The real program in a pseudo-terminal: keys typed into it, its screens read, and the terminal given back however it ends.
#![cfg(unix)]

mod support;

/// Tests of one tab each; those of the Ping tab and of all tabs stand here.
mod terminal {
    mod mail;
    mod replay;
    mod web;
    mod wire;
}

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use vt100::{MouseProtocolMode, Screen};

use support::PATIENCE;
use support::terminal::{Terminal, dashboard, figure, keys};

const SIZE: (u16, u16) = (120, 36);

/// The dashboard when some pings have been answered.
fn pinging() -> Terminal {
    let mut terminal = dashboard(SIZE, &["--loss", "none"]);
    terminal.wait_for("answered pings", |screen| {
        figure(screen, "replied") >= Some(2)
    });
    terminal
}

/// The port of the echo server as the status line says it.
fn port(screen: &Screen) -> Option<u16> {
    let shown = screen.contents();
    let (_, after) = shown.split_once("echo :")?;
    after.split_whitespace().next()?.parse().ok()
}

// ---- what is on screen ----

#[test]
fn the_first_screen_shows_pings_being_answered() {
    let mut terminal = dashboard(SIZE, &[]);
    terminal.wait_for_text(&["● echo :", "● pinging 127.0.0.1:"]);
    terminal.wait_for("pings and losses", |screen| {
        figure(screen, "replied") >= Some(3) && figure(screen, "lost") >= Some(1)
    });
    let rows = terminal.rows();
    assert!(rows[0].starts_with(" sockscope  1 Ping  2 Web  3 Mail  4 Wire "));
    assert!(rows[35].trim_end().ends_with("? help  q quit"), "{rows:?}");
    assert_eq!(figure(terminal.screen(), "seed"), Some(42));
    let shown = terminal.text();
    for part in [
        "RTT  last ",
        "set 36.4 %",
        "Ping ──▶ echo ──▶ replied",
        "request dropped: drew ",
    ] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
}

#[test]
fn loss_is_turned_up_while_it_runs() {
    let mut terminal = pinging();
    terminal.keys_then("+", "set 5.0 %");
    terminal.wait_for_text(&["loss 0→5 %"]);
    terminal.keys("+++++++++++++++++++");
    terminal.wait_for_text(&["set 100.0 %"]);
    let lost = figure(terminal.screen(), "lost");
    terminal.wait_for("losses", |screen| figure(screen, "lost") > lost);
    terminal.keys_then("-", "set 95.0 %");
}

#[test]
fn digits_and_function_keys_choose_tabs() {
    let mut terminal = pinging();
    let (web, mail, wire) = (" Requests ", " Dialogue ", " Calls and messages ");
    for (key, shown) in [("2", web), ("3", mail), ("4", wire)] {
        terminal.keys_then(key, shown);
        assert!(!terminal.text().contains("RTT  last "));
        terminal.keys_then("1", "RTT  last ");
    }
    for (key, shown) in [(keys::F2, web), (keys::F3, mail), (keys::F4, wire)] {
        terminal.keys_then(key, shown);
    }
    terminal.keys_then(keys::F1, "RTT  last ");
}

#[test]
fn the_help_page_opens_scrolls_and_closes() {
    let mut terminal = pinging();
    terminal.keys_then("?", "Help: Ping");
    let first = "The Ping tab";
    assert!(terminal.text().contains(first));
    terminal.keys_then_not("j", first);
    terminal.keys_then("k", first);
    for _ in 0..20 {
        terminal.keys(keys::PAGE_DOWN);
    }
    terminal.wait_for_text(&["kernel RTT: between the kernel stamps"]);
    terminal.keys_then_not(keys::ESC, "Help: Ping");
    terminal.keys_then("?", "Help: Ping");
    terminal.keys_then_not("?", "Help: Ping");
}

#[test]
fn a_panel_fills_the_screen_when_zoomed() {
    let mut terminal = pinging();
    terminal.keys_then_not("z", "Counts");
    assert!(terminal.text().contains("RTT"));
    terminal.keys_then("z", "Counts");
    // From the first panel backwards: the counts, whose zoom shows digits for the back row.
    terminal.keys(keys::BACK_TAB);
    terminal.keys_then_not("z", "RTT  last");
    terminal.wait_for("large digits", |screen| {
        screen.contents().matches('█').count() > 50
    });
    terminal.keys_then(keys::ESC, "RTT  last");
}

#[test]
fn a_frozen_view_stands_still_while_the_labs_go_on() {
    let mut terminal = pinging();
    terminal.keys_then(" ", "frozen 0 s");
    let frozen = figure(terminal.screen(), "sent").expect("a count");
    terminal.wait_for_text(&["frozen 2 s"]);
    assert_eq!(figure(terminal.screen(), "sent"), Some(frozen));
    terminal.keys_then_not(" ", "frozen");
    // Five a second went on for two seconds; at once after the key they are all there.
    let sent = figure(terminal.screen(), "sent").expect("a count");
    assert!(sent >= frozen + 9, "{frozen} {sent}");
}

#[test]
fn themes_take_turns() {
    let mut terminal = pinging();
    for theme in ["light", "high contrast", "colour-blind safe", "dark"] {
        terminal.keys_then("t", &format!("theme: {theme}"));
    }
}

#[test]
fn the_language_is_switched_to_chinese_and_back() {
    let mut terminal = pinging();
    terminal.keys("L");
    terminal.wait_for_text(&["? 帮助  q 退出", "已发送", "丢包率", "回显 :"]);
    terminal.keys_then("?", "帮助：Ping");
    terminal.keys_then_not(keys::ESC, "帮助：Ping");
    terminal.keys_then_not("L", "已发送");
    terminal.wait_for_text(&["? help  q quit", "│ sent "]);
}

#[test]
fn the_screen_can_begin_in_chinese() {
    for (arguments, variables) in [
        (&["--lang", "zh-CN"][..], &[][..]),
        (&[], &[("LANG", "zh_CN.UTF-8")]),
        (&[], &[("SOCKSCOPE_LANG", "zh-CN")]),
    ] {
        let mut all = vec!["--web-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        let mut terminal = Terminal::start(SIZE, &all, variables);
        terminal.wait_for_text(&["已应答", "3 邮件", "正在 ping"]);
    }
}

#[test]
fn letters_typed_into_a_field_are_text() {
    let mut terminal = pinging();
    terminal.keys_then("n", " note: ");
    terminal.keys_then("q z1?L t", " note: q z1?L t");
    assert!(terminal.text().contains("RTT  last"), "still the tab");
    terminal.keys_then_not(keys::ESC, " note: ");
    terminal.keys("n");
    terminal.wait_for_text(&[" note: "]);
    terminal.keys_then("quiz", " note: quiz");
    // A paste is text too, whatever keys it looks like.
    terminal.keys_then("\x1b[200~ q\r\n2\x1b[201~", " note: quiz q2");
    terminal.keys_then_not(keys::ENTER, " note: ");
    terminal.wait_for_text(&["“quiz q2”"]);
    assert!(!terminal.text().contains(" Requests "), "2 was text, too");
}

#[test]
fn a_bad_target_is_explained_and_a_good_one_pinged() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = silent.local_addr().expect("it is bound").to_string();
    let mut terminal = pinging();
    terminal.keys_then("a", " ping host:port: ");
    terminal.keys(&format!("x:y:z{}", keys::ENTER));
    terminal.wait_for_text(&["\"x:y:z\" is not a target: write host, host:port or [IPv6]:port"]);
    terminal.keys_then_not(keys::BACKSPACE, "is not a target");
    terminal.keys_then_not(keys::ESC, " ping host:port: ");
    terminal.keys_then("a", " ping host:port: ");
    terminal.keys(&format!("{address}{}", keys::ENTER));
    terminal.wait_for_text(&[&format!("● pinging {address} +1")]);
    silent
        .set_read_timeout(Some(PATIENCE))
        .expect("sockets have timeouts");
    let mut buffer = [0; 64];
    let length = silent.recv(&mut buffer).expect("it is pinged");
    assert!(buffer[..length].starts_with(b"Ping 1 "));
    terminal.keys_then_not("x", &address);
}

#[test]
fn a_knob_takes_a_typed_value() {
    let mut terminal = pinging();
    terminal.keys(&keys::TAB.repeat(3));
    terminal.keys_then(keys::ENTER, " loss: none");
    terminal.keys(&format!("{}much{}", keys::BACKSPACE.repeat(4), keys::ENTER));
    terminal.wait_for_text(&["\"much\" is not a loss model"]);
    terminal.keys(&format!("{}25%{}", keys::BACKSPACE.repeat(4), keys::ENTER));
    terminal.wait_for_text(&["set 25.0 %", "loss 0→25 %"]);
    // The next knob: the delay, which shows in the round trips.
    terminal.keys(&format!("{}{}", keys::DOWN, keys::ENTER));
    terminal.wait_for_text(&[" delay: none"]);
    terminal.keys(&format!("{}30ms{}", keys::BACKSPACE.repeat(4), keys::ENTER));
    terminal.wait_for("longer round trips", |screen| {
        screen.contents().contains("last 30.") && screen.contents().contains("max  ")
    });
}

#[test]
fn details_and_lists_are_walked_with_keys() {
    let mut terminal = pinging();
    terminal.wait_for("some pings", |screen| figure(screen, "replied") >= Some(6));
    terminal.keys_then(
        keys::ENTER,
        "The request reached the server, which answered;",
    );
    for part in [
        "sent at",
        "RTT (program)",
        "RTT (kernel)",
        "50 69 6e 67 20",
        "50 49 4e 47 20",
    ] {
        assert!(terminal.text().contains(part), "{part}");
    }
    terminal.keys_then_not(keys::ESC, "RTT (program)");
    // The list: its last row is the first ping, the row above it the second.
    terminal.keys(&keys::TAB.repeat(2));
    terminal.keys_then("G", "held (f follows)");
    terminal.keys_then(keys::ENTER, " Ping 1 to 127.0.0.1:");
    terminal.keys_then_not(keys::ESC, " Ping 1 to");
    terminal.keys("k");
    terminal.keys_then(keys::ENTER, " Ping 2 to 127.0.0.1:");
    terminal.keys_then_not(keys::ESC, " Ping 2 to");
    terminal.keys_then_not("f", "held");
    // The other views of the lower panel.
    for title in [
        "At the server",
        "Clients",
        "RTT distribution",
        "Loss runs",
        "Pings",
    ] {
        terminal.keys_then("v", &format!(" {title} "));
    }
}

#[test]
fn the_mouse_is_off_until_asked_for() {
    let mut terminal = pinging();
    let mode = |screen: &Screen| screen.mouse_protocol_mode();
    assert_eq!(mode(terminal.screen()), MouseProtocolMode::None);
    terminal.keys("M");
    terminal.wait_for("the mouse", |screen| {
        mode(screen) != MouseProtocolMode::None
    });
    let column = terminal.rows()[0].find("2 Web").expect("the tab") + 1;
    terminal.keys_then(&format!("\x1b[<0;{column};1M"), " Requests ");
    terminal.keys("M");
    terminal.wait_for("no mouse", |screen| mode(screen) == MouseProtocolMode::None);
}

#[test]
fn ten_pings_of_the_lab_end_by_themselves() {
    let mut terminal = pinging();
    terminal.keys_then("c", "● done 127.0.0.1:".trim_start_matches("● "));
    assert_eq!(figure(terminal.screen(), "sent"), Some(10));
    terminal.keys("c");
    terminal.wait_for("endless pings", |screen| {
        screen.contents().contains("endless") && figure(screen, "sent") > Some(10)
    });
}

// ---- sizes, colours, glyphs, silence ----

#[test]
fn a_resize_storm_leaves_it_standing() {
    let mut terminal = pinging();
    let sizes = [
        (1, 1),
        (300, 100),
        (2, 1),
        (1, 100),
        (300, 1),
        (59, 17),
        (60, 18),
        (61, 19),
        (80, 24),
        (149, 20),
        (150, 50),
        (10, 3),
        (200, 18),
        (60, 100),
        (3, 2),
    ];
    let whole = ["● pinging 127.0.0.1:", "seed", "q quit"];
    // Each size for at least a frame, then as fast as they come.
    for size in sizes {
        terminal.resize(size);
        let drawn = terminal.bytes().len();
        terminal.read_more_than(drawn);
    }
    terminal.resize(SIZE);
    terminal.wait_for_text(&whole);
    let opens = [
        ("?", "Help: Ping"),
        ("n", " note: "),
        (keys::ENTER, "RTT (program)"),
        ("z", "? help"),
    ];
    for (open, mark) in opens {
        terminal.keys_then(open, mark);
        for size in sizes {
            terminal.resize(size);
        }
        terminal.resize(SIZE);
        terminal.wait_for_text(&[mark]);
        terminal.keys(keys::ESC);
        terminal.wait_for_text(&whole);
    }
    let asked = terminal.bytes().windows(4).any(|bytes| bytes == b"\x1b[6n");
    assert!(!asked, "a terminal that never answers would hold it up");
    terminal.keys("q");
    let ended = terminal.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
}

#[test]
fn a_small_terminal_is_told_what_is_needed() {
    let mut terminal = dashboard((59, 18), &[]);
    terminal.wait_for_text(&["sockscope needs 60x18; this terminal has 59x18"]);
    assert!(!terminal.text().contains("RTT"));
    terminal.resize((60, 18));
    terminal.wait_for_text(&["RTT", "q quit"]);
    terminal.resize((60, 17));
    terminal.wait_for_text(&["sockscope needs 60x18; this terminal has 60x17"]);
    terminal.resize((1, 1));
    terminal.wait_for("its first letter", |screen| screen.contents() == "s");
}

/// The parameters of every "select graphic rendition" in the bytes.
fn renditions(bytes: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(bytes);
    let parameters = text.split("\x1b[").skip(1).filter_map(|sequence| {
        let end = sequence.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
        let (parameters, rest) = sequence.split_at(end);
        rest.starts_with('m')
            .then(|| parameters.split(';').map(str::to_owned).collect::<Vec<_>>())
    });
    parameters.flatten().collect()
}

fn is_colour(parameter: &str) -> bool {
    let number: u16 = parameter.parse().unwrap_or(0);
    matches!(number, 30..=38 | 40..=48 | 90..=97 | 100..=107)
}

#[test]
fn no_color_is_obeyed() {
    for (value, coloured) in [("1", false), ("", true)] {
        let mut terminal = Terminal::start(
            SIZE,
            &[
                "--web-listen",
                "127.0.0.1:0",
                "--listen",
                "127.0.0.1:0",
                "--seed",
                "42",
            ],
            &[("NO_COLOR", value)],
        );
        terminal.wait_for("losses", |screen| figure(screen, "lost") >= Some(1));
        terminal.keys_then("?", "Help: Ping");
        let renditions = renditions(terminal.bytes());
        assert_eq!(
            renditions.iter().any(|one| is_colour(one)),
            coloured,
            "{renditions:?}"
        );
    }
}

#[test]
fn ascii_is_ascii() {
    let mut terminal = dashboard(SIZE, &["--ascii"]);
    let losses = |screen: &Screen| screen.contents().contains("request dropped");
    terminal.wait_for("losses", losses);
    let views = [
        "+",
        "?",
        keys::ESC,
        "z",
        "z",
        "v",
        "v",
        "v",
        "v",
        "v",
        "y",
        "y",
        "y",
        keys::ENTER,
        keys::ESC,
        "W",
        keys::RIGHT,
        keys::BACK_TAB,
        "z",
        "z",
        keys::BACK_TAB,
        " ",
        "n",
    ];
    for key in views {
        terminal.keys(key);
        let drawn = terminal.bytes().len();
        terminal.read_more_than(drawn);
        let shown = terminal.text();
        assert!(shown.is_ascii(), "after {key:?}:\n{shown}");
    }
}

#[test]
fn nothing_is_drawn_while_nothing_happens() {
    let mut terminal = pinging();
    terminal.keys_then("S", "stopped 127.0.0.1:");
    let deadline = Instant::now() + PATIENCE;
    let mut quiet = 0;
    while quiet < 3 {
        let is_quiet = terminal.is_quiet_for(Duration::from_millis(400));
        quiet = if is_quiet { quiet + 1 } else { 0 };
        assert!(Instant::now() < deadline, "it goes on drawing");
    }
    terminal.keys_then("S", "● pinging 127.0.0.1:");
}

// ---- ports ----

#[test]
fn a_taken_port_leaves_it_running_and_f_takes_another() {
    let holder = UdpSocket::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = holder.local_addr().expect("it is bound").to_string();
    let mut terminal = Terminal::start(
        SIZE,
        &["--web-listen", "127.0.0.1:0", "--listen", &address],
        &[],
    );
    terminal.wait_for_text(&["echo not running", "F any free port", "R try again"]);
    let said = terminal.text();
    assert!(said.contains(&format!("Port {address} is taken")), "{said}");
    if cfg!(target_os = "linux") {
        let pid = format!("(process {})", std::process::id());
        assert!(said.contains(&pid), "{said}");
    }
    assert!(
        said.contains("R tries again, F takes any free port."),
        "{said}"
    );
    terminal.keys_then("R", "echo not running");
    terminal.keys("F");
    terminal.wait_for("pings", |screen| figure(screen, "replied") >= Some(1));
    let other = port(terminal.screen());
    assert_ne!(
        other,
        holder.local_addr().ok().map(|address| address.port())
    );
}

#[test]
fn a_freed_port_is_taken_with_r() {
    let holder = UdpSocket::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = holder.local_addr().expect("it is bound");
    let mut terminal = Terminal::start(
        SIZE,
        &[
            "--web-listen",
            "127.0.0.1:0",
            "--listen",
            &address.to_string(),
        ],
        &[],
    );
    terminal.wait_for_text(&["echo not running"]);
    drop(holder);
    terminal.keys_then("R", &format!("● echo :{}", address.port()));
    terminal.wait_for("pings", |screen| figure(screen, "replied") >= Some(1));
}

#[test]
fn a_server_open_to_the_network_is_marked() {
    let mut terminal = Terminal::start(
        SIZE,
        &["--web-listen", "127.0.0.1:0", "--listen", "0.0.0.0:0"],
        &[],
    );
    terminal.wait_for_text(&["echo open to the network: 0.0.0.0:"]);
    terminal.wait_for("pings", |screen| figure(screen, "replied") >= Some(1));
}

// ---- the end ----

/// A way to end it: what it is called, and what to do.
type End = (&'static str, fn(&mut Terminal));

const ENDS: [End; 7] = [
    ("q", |terminal| terminal.keys("q")),
    ("Ctrl+C", |terminal| terminal.keys(keys::CTRL_C)),
    ("Ctrl+C in a text field", |terminal| {
        terminal.keys_then("n", " note: ");
        terminal.keys(keys::CTRL_C);
    }),
    ("q with the help page open", |terminal| {
        terminal.keys_then("?", "Help: Ping");
        terminal.keys("q");
    }),
    ("SIGINT", |terminal| terminal.signal(Signal::SIGINT)),
    ("SIGTERM", |terminal| terminal.signal(Signal::SIGTERM)),
    ("SIGHUP", |terminal| terminal.signal(Signal::SIGHUP)),
];

#[test]
fn the_terminal_is_given_back_however_it_ends() {
    for (name, end) in ENDS {
        let mut terminal = pinging();
        terminal.keys("M");
        terminal.wait_for("the mouse", |screen| {
            screen.mouse_protocol_mode() != MouseProtocolMode::None
        });
        assert!(terminal.screen().alternate_screen());
        assert!(terminal.screen().bracketed_paste());
        end(&mut terminal);
        let ended = terminal.finish();
        assert_eq!(ended.code, 0, "{name}: {}", ended.text());
        ended.assert_given_back();
        let left = ended.text();
        for part in [
            "--- 127.0.0.1:",
            " replied, 0 late, 0 lost, 0 refused",
            "loss 0.0 % [0.0–",
            "RTT min ",
        ] {
            assert!(left.contains(part), "{name}: {part} in\n{left}");
        }
    }
}

/// The reports of panics, which go where temporary files go: into the home of the test.
fn reports(home: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(home)
        .expect("the home can be read")
        .map(|entry| entry.expect("the home can be read").path())
        .collect()
}

#[cfg(debug_assertions)]
#[test]
fn the_terminal_is_given_back_after_a_panic() {
    for place in ["dashboard", "thread"] {
        let terminal = Terminal::start(
            SIZE,
            &[
                "--web-listen",
                "127.0.0.1:0",
                "--listen",
                "127.0.0.1:0",
                "--mouse",
            ],
            &[("FORCE_PANIC", place)],
        );
        let ended = terminal.finish();
        assert_eq!(ended.code, 101, "{place}: {}", ended.text());
        ended.assert_given_back();
        let left = ended.text();
        for part in [
            "stopped because of a mistake of its own",
            "asked for by FORCE_PANIC",
        ] {
            assert!(left.contains(part), "{place}: {part} in\n{left}");
        }
        let reports = reports(ended.home());
        let [report] = reports.as_slice() else {
            panic!("one report: {reports:?}");
        };
        let text = std::fs::read_to_string(report).expect("the report can be read");
        assert!(text.contains("asked for by FORCE_PANIC"), "{text}");
        // The path may be broken over two rows.
        let name = report.to_str().expect("UTF-8");
        assert!(left.replace('\n', "").contains(name), "{name} in\n{left}");
    }
}

#[test]
fn a_closed_terminal_ends_it_and_frees_its_port() {
    let terminal = pinging();
    let port = port(terminal.screen()).expect("the port");
    assert!(
        UdpSocket::bind(("127.0.0.1", port)).is_err(),
        "it is in use"
    );
    let mut program = terminal.close();
    // 1 if it noticed while drawing or printing its summary.
    let code = program.finish();
    assert!(code <= 1, "{code}");
    assert_eq!(reports(program.home.path()), Vec::<PathBuf>::new());
    let again = UdpSocket::bind(("127.0.0.1", port));
    assert!(again.is_ok(), "{again:?}");
}
