//! Makes the pictures of the README again, from a real run of the program.
//!
//! `cargo test --test screenshots -- --ignored`
#![cfg(unix)]

mod support;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use vt100::{Cell, Color, Screen};

use support::terminal::{Terminal, keys};
use support::web::{Client, Response};

const SIZE: (u16, u16) = (120, 36);

/// The usual ports, which stand in the pictures, and which one program can have at a time.
static PORTS: Mutex<()> = Mutex::new(());

/// The usual addresses of the mail server; other tests take any.
const MAIL: [(&str, &str); 2] = [
    ("SOCKSCOPE_MAIL_LISTEN", "127.0.0.1:2525"),
    ("SOCKSCOPE_MAIL_TLS_LISTEN", "127.0.0.1:2465"),
];

fn usual_ports() -> MutexGuard<'static, ()> {
    PORTS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
#[ignore = "writes assets/screenshots"]
fn the_ping_tab() {
    let _ports = usual_ports();
    // The delay makes the round trips worth a look; everything else is as after `sockscope`.
    let mut terminal = dashboard(&[], &SLOW);
    // As in class: less loss, then more.
    for (pings, keys) in [(50, "----"), (95, "+++++++"), (125, "-----"), (155, "")] {
        let row = format!(" #{pings} ");
        terminal.wait_for(&row, |screen| screen.contents().contains(&row));
        terminal.keys(keys);
    }
    save("ping.svg", terminal.screen());
    terminal.keys("L");
    terminal.wait_for_text(&["已发送", "? 帮助  q 退出"]);
    save("ping-zh.svg", terminal.screen());
}

#[test]
#[ignore = "writes assets/screenshots"]
fn the_web_tab() {
    let _ports = usual_ports();
    for (language, name) in [("en", "web.svg"), ("zh-CN", "web-zh.svg")] {
        // Every answer takes a moment, or the parts of a page would be there before anybody has seen them come.
        let mut terminal = web_tab(&["--lang", language], &[("SOCKSCOPE_WEB_DELAY", "400ms")]);
        terminal.keys("]");
        let _silent = connect();
        let mut slow = connect();
        slow.send("GET /parts/one.svg HTTP/1.1\r\nHost: 127.0.0.1:6789\r\nUser-Ag");
        std::thread::scope(|scope| {
            scope.spawn(browse);
            // The page, the slow one and the parts, half of them still going on.
            terminal.wait_for("the parts", |screen| {
                screen.contents().matches(" /parts/").count() == PARTS.len() + 2
            });
            save(name, terminal.screen());
        });
    }
}

#[test]
#[ignore = "writes assets/screenshots"]
fn a_blocked_queue() {
    let _ports = usual_ports();
    let mut terminal = web_tab(&["--one-at-a-time"], &[]);
    let tag = ask(&mut connect(), "/HelloWorld.html", "");
    let tag = tag.field("ETag").expect("a file has one");
    ask(&mut connect(), "/missing.html", "");
    ask(&mut connect(), "/HelloWorld.html", &if_none_match(tag));

    let since = Instant::now();
    let _silent = connect();
    let mut queue = Vec::new();
    for target in ["/", "/HelloWorld.html", "/parts/", "/images/socket.svg"] {
        let mut client = connect();
        client.send(get(target, ""));
        queue.push(client);
        let waiting = format!("keeps {} waiting", queue.len());
        terminal.wait_for_text(&[&waiting]);
    }
    terminal.wait_for("a queue that has stood for a while", |_| {
        since.elapsed() > Duration::from_secs(6)
    });
    save("web-queue.svg", terminal.screen());
}

#[test]
#[ignore = "writes assets/screenshots"]
fn the_mail_tab() {
    let _ports = usual_ports();
    for (language, name, end) in [
        ("en", "mail.svg", "◐ Partly sent: "),
        ("zh-CN", "mail-zh.svg", "◐ 部分发送："),
    ] {
        let mut terminal = mail_tab(
            &["--lang", language],
            &[("SOCKSCOPE_MAIL_SCENARIO", "one-bad-recipient")],
        );
        terminal.keys("e,monitor@example.com");
        terminal.keys(keys::F5);
        terminal.wait_for_text(&[end]);
        save(name, terminal.screen());
    }
}

#[test]
#[ignore = "writes assets/screenshots"]
fn a_login_on_the_wire() {
    let _ports = usual_ports();
    let mut terminal = mail_tab(&[], &[]);
    let to_login = ["e", keys::BACK_TAB, keys::BACK_TAB, keys::RIGHT].concat();
    terminal.keys_then(&to_login, "PLAIN");
    let login = [keys::TAB, "alice", keys::TAB, "secret", keys::F5].concat();
    terminal.keys_then(&login, "Sent: ");
    terminal.keys_then("vvv", "An eavesdropper has read");
    terminal.keys_then("r", r"\0alice\0secret");
    save("mail-wire.svg", terminal.screen());
}

#[test]
#[ignore = "writes assets/screenshots"]
fn the_wire_tab() {
    let _ports = usual_ports();
    for (language, name, frozen, held) in [
        ("en", "wire.svg", "frozen", "held"),
        ("zh-CN", "wire-zh.svg", "已冻结", "已停住"),
    ] {
        // The same way as in the picture of the Ping tab: its arrows slope.
        let mut terminal = dashboard(&["--lang", language], &SLOW);
        terminal.keys_then("4", "Ping 45 ");
        terminal.keys_then(" ", frozen);
        terminal.keys_then("hhh", held);
        save(name, terminal.screen());
    }
}

#[test]
#[ignore = "writes assets/screenshots"]
fn a_mail_on_the_ladder() {
    let _ports = usual_ports();
    let mut terminal = mail_tab(&[], &[]);
    terminal.keys_then(keys::F5, "Sent: ");
    terminal.keys_then("4", "recvfrom");
    let of_the_mail = ["/lab:mail", keys::ENTER, keys::TAB, "z"].concat();
    terminal.keys_then(&of_the_mail, "RCPT TO:<");
    terminal.wait_for_text(&["QUIT", "[close]"]);
    save("wire-ladder.svg", terminal.screen());
}

/// A way that takes long enough to be seen.
const SLOW: [(&str, &str); 2] = [
    ("SOCKSCOPE_ECHO_DELAY", "18ms,6ms,normal"),
    ("SOCKSCOPE_ECHO_REPLY_DELAY", "12ms,2ms"),
];

/// The dashboard as it is after `sockscope`, but for what is given.
fn dashboard(arguments: &[&str], variables: &[(&str, &str)]) -> Terminal {
    let arguments = [&["--seed", "42"], arguments].concat();
    Terminal::start(SIZE, &arguments, &[&MAIL, variables].concat())
}

/// The dashboard with the Mail tab in front and the server listening.
fn mail_tab(arguments: &[&str], variables: &[(&str, &str)]) -> Terminal {
    let mut terminal = dashboard(arguments, variables);
    terminal.keys_then("3", "127.0.0.1:2465 TLS");
    terminal
}

/// The dashboard with the Web tab in front and the server listening.
fn web_tab(arguments: &[&str], variables: &[(&str, &str)]) -> Terminal {
    let mut terminal = dashboard(arguments, variables);
    terminal.keys_then("2", "http://127.0.0.1:6789/HelloWorld.html");
    terminal
}

/// What the page of `/parts/` consists of.
const PARTS: [&str; 12] = [
    "body.css",
    "grid.css",
    "count.js",
    "one.svg",
    "two.svg",
    "three.svg",
    "four.svg",
    "five.svg",
    "six.svg",
    "seven.svg",
    "eight.svg",
    "pixel.png",
];

/// Does as a browser does: a page, the page again, one that is not there, and then one with many parts, for which it opens six connections.
fn browse() {
    let mut first = connect();
    let hello = ask(&mut first, "/HelloWorld.html", "");
    let tag = hello.field("ETag").expect("a file has one");
    ask(&mut first, "/HelloWorld.html", &if_none_match(tag));
    ask(&mut first, "/missing.html", "");
    ask(&mut first, "/parts/", "");
    std::thread::scope(|scope| {
        let mut first = Some(first);
        for parts in PARTS.chunks(2) {
            let mut client = first.take().unwrap_or_else(connect);
            scope.spawn(move || {
                for part in parts {
                    ask(&mut client, &format!("/parts/{part}"), "");
                }
            });
        }
    });
}

fn connect() -> Client {
    Client::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, 6789)))
}

fn ask(client: &mut Client, target: &str, fields: &str) -> Response {
    client.ask(&get(target, fields))
}

fn get(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:6789\r\n{fields}\r\n")
}

fn if_none_match(tag: &str) -> String {
    format!("If-None-Match: {tag}\r\n")
}

fn save(name: &str, screen: &Screen) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/screenshots");
    std::fs::create_dir_all(&folder).expect("the checkout can be written");
    std::fs::write(folder.join(name), Picture::of(screen)).expect("the checkout can be written");
}

/// Size of a cell in pixels, and of the letters in it.
const CELL: (f64, f64) = (9.0, 19.0);
const FONT: f64 = 15.0;
/// From the top of a cell to the base line of its letters.
const BASE_LINE: f64 = 14.0;
const MARGIN: f64 = 14.0;

const GROUND: &str = "#11151c";
const INK: &str = "#d7dce4";
const DIM: &str = "#8b93a1";
const FONTS: &str = "ui-monospace, 'Cascadia Mono', 'DejaVu Sans Mono', Menlo, Consolas, 'Noto Sans Mono CJK SC', monospace";
/// The sixteen named colours on that ground.
const NAMED: [&str; 16] = [
    "#2a303c", "#f2777a", "#8fd18a", "#e9c46a", "#6ea8fe", "#d29bfd", "#5ccfe6", "#c7ccd6",
    "#77808f", "#ff8f8f", "#a8e6a1", "#ffd97a", "#8fbfff", "#e2b8ff", "#80e5f7", "#ffffff",
];

/// A screen as SVG. Lines, blocks and braille are drawn as shapes, so that they meet whatever font there is; letters are text, held in their
/// columns.
#[derive(Default)]
struct Picture {
    grounds: String,
    /// Blocks and dots by colour.
    blocks: BTreeMap<String, String>,
    dots: BTreeMap<String, String>,
    /// Lines by colour and weight: light or heavy.
    lines: BTreeMap<(String, u8), String>,
    letters: String,
}

/// Letters of one style that stand side by side.
struct Run {
    text: String,
    column: u16,
    columns: u16,
    style: String,
}

impl Picture {
    fn of(screen: &Screen) -> String {
        let mut picture = Self::default();
        let (rows, columns) = screen.size();
        for row in 0..rows {
            picture.row(screen, row, columns);
        }
        picture.finish(f64::from(columns) * CELL.0, f64::from(rows) * CELL.1)
    }

    fn row(&mut self, screen: &Screen, row: u16, columns: u16) {
        let mut run: Option<Run> = None;
        for column in 0..columns {
            let cell = screen.cell(row, column).expect("it is on the screen");
            if cell.is_wide_continuation() {
                continue;
            }
            let (ink, ground) = colours(cell);
            let width = if cell.is_wide() { 2 } else { 1 };
            let corner = (f64::from(column) * CELL.0, f64::from(row) * CELL.1);
            if ground != GROUND {
                let (x, y, width) = (corner.0, corner.1, f64::from(width) * CELL.0);
                let size = rectangle((x, y), (width, CELL.1));
                self.grounds.push_str(&format!(
                    r#"<path fill="{ground}" shape-rendering="crispEdges" d="{size}"/>"#
                ));
            }
            let symbol = cell.contents().chars().next().unwrap_or(' ');
            if symbol == ' ' || self.shape(symbol, corner, &ink) {
                self.write(run.take(), row);
                continue;
            }
            let weight = if cell.bold() {
                r#" font-weight="bold""#
            } else {
                ""
            };
            let style = format!(r#"fill="{ink}"{weight}"#);
            match &mut run {
                Some(run) if run.style == style && run.text.is_ascii() && symbol.is_ascii() => {
                    run.text.push(symbol);
                    run.columns += 1;
                }
                _ => {
                    self.write(run.take(), row);
                    run = Some(Run {
                        text: cell.contents().to_owned(),
                        column,
                        columns: width,
                        style,
                    });
                }
            }
        }
        self.write(run, row);
    }

    /// Writes letters, each at its column.
    fn write(&mut self, run: Option<Run>, row: u16) {
        let Some(run) = run else { return };
        let (x, width) = (
            f64::from(run.column) * CELL.0,
            f64::from(run.columns) * CELL.0,
        );
        let y = f64::from(row) * CELL.1 + BASE_LINE;
        let text = run
            .text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let place = if text.is_ascii() {
            format!(r#"x="{x}" textLength="{width}" lengthAdjust="spacingAndGlyphs""#)
        } else {
            // Nobody knows how wide a font makes it, so it stands alone in the middle of its columns.
            format!(r#"x="{}" text-anchor="middle""#, x + width / 2.0)
        };
        let style = run.style;
        self.letters.push_str(&format!(
            "<text {place} y=\"{y:.1}\" {style}>{text}</text>\n"
        ));
    }

    /// Draws what is no letter; `false` for what is.
    fn shape(&mut self, symbol: char, corner: (f64, f64), ink: &str) -> bool {
        if let Some(arms) = arms(symbol) {
            self.arms(arms, "╭╮╰╯".contains(symbol), corner, ink);
            return true;
        }
        let (shapes, path) = match symbol {
            '\u{2800}'..='\u{28ff}' => (&mut self.dots, dots(symbol, corner)),
            '\u{2580}'..='\u{2590}' => (&mut self.blocks, block(symbol, corner)),
            _ => return false,
        };
        shapes.entry(ink.to_owned()).or_default().push_str(&path);
        true
    }

    /// Draws lines from the middle of a cell to its edges: up, right, down, left.
    fn arms(&mut self, arms: [u8; 4], round: bool, (x, y): (f64, f64), ink: &str) {
        let (middle_x, middle_y) = (x + CELL.0 / 2.0, y + CELL.1 / 2.0);
        let ends = [
            (middle_x, y),
            (x + CELL.0, middle_y),
            (middle_x, y + CELL.1),
            (x, middle_y),
        ];
        let drawn: Vec<_> = ends.iter().zip(arms).filter(|(_, arm)| *arm > 0).collect();
        if let ([(from, arm), (to, _)], true) = (drawn.as_slice(), round) {
            let path = format!(
                "M{:.1} {:.1}Q{middle_x:.1} {middle_y:.1} {:.1} {:.1}",
                from.0, from.1, to.0, to.1
            );
            self.lines
                .entry((ink.to_owned(), *arm))
                .or_default()
                .push_str(&path);
            return;
        }
        for (end, arm) in drawn {
            let path = format!("M{middle_x:.1} {middle_y:.1}L{:.1} {:.1}", end.0, end.1);
            self.lines
                .entry((ink.to_owned(), arm))
                .or_default()
                .push_str(&path);
        }
    }

    fn finish(self, width: f64, height: f64) -> String {
        let (all_width, all_height) = (width + 2.0 * MARGIN, height + 2.0 * MARGIN);
        let mut svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {all_width:.0} {all_height:.0}" width="{all_width:.0}" height="{all_height:.0}">
<rect width="100%" height="100%" rx="8" fill="{GROUND}"/>
<g transform="translate({MARGIN} {MARGIN})" font-size="{FONT}" font-family="{FONTS}">
"#
        );
        svg.push_str(&self.grounds);
        for ((ink, weight), path) in self.lines {
            // A light line and a heavy one.
            let width = if weight == 1 { 1.2 } else { 2.4 };
            svg.push_str(&format!(
                    "<path stroke=\"{ink}\" stroke-width=\"{width}\" stroke-linecap=\"square\" fill=\"none\" d=\"{path}\"/>\n"
                ),
            );
        }
        for (ink, path) in self.blocks {
            // Blocks that touch show no seam.
            svg.push_str(&format!(
                "<path fill=\"{ink}\" shape-rendering=\"crispEdges\" d=\"{path}\"/>\n"
            ));
        }
        for (ink, path) in self.dots {
            svg.push_str(&format!("<path fill=\"{ink}\" d=\"{path}\"/>\n"));
        }
        svg.push_str(&self.letters);
        svg.push_str("</g>\n</svg>\n");
        svg
    }
}

/// Which arms a line-drawing character has, up, right, down and left: none, light or heavy.
fn arms(symbol: char) -> Option<[u8; 4]> {
    Some(match symbol {
        '─' => [0, 1, 0, 1],
        '│' => [1, 0, 1, 0],
        '╭' | '┌' => [0, 1, 1, 0],
        '╮' | '┐' => [0, 0, 1, 1],
        '╰' | '└' => [1, 1, 0, 0],
        '╯' | '┘' => [1, 0, 0, 1],
        '├' => [1, 1, 1, 0],
        '┤' => [1, 0, 1, 1],
        '┬' => [0, 1, 1, 1],
        '┴' => [1, 1, 0, 1],
        '┼' => [1, 1, 1, 1],
        '━' => [0, 2, 0, 2],
        '┃' => [2, 0, 2, 0],
        '┏' => [0, 2, 2, 0],
        '┓' => [0, 0, 2, 2],
        '┗' => [2, 2, 0, 0],
        '┛' => [2, 0, 0, 2],
        _ => return None,
    })
}

/// The dots of a braille character: bits 0 to 2 and 6 down the left, 3 to 5 and 7 down the right.
fn dots(symbol: char, (x, y): (f64, f64)) -> String {
    const PLACES: [(u8, u8); 8] = [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 0),
        (1, 1),
        (1, 2),
        (0, 3),
        (1, 3),
    ];
    const DOT: f64 = 2.6;
    let bits = u32::from(symbol) - 0x2800;
    let mut path = String::new();
    for (bit, (column, row)) in PLACES.into_iter().enumerate() {
        if bits >> bit & 1 == 1 {
            let x = x + CELL.0 * (f64::from(column) + 0.5) / 2.0 - DOT / 2.0;
            let y = y + CELL.1 * (f64::from(row) + 0.5) / 4.0 - DOT / 2.0;
            path.push_str(&rectangle((x, y), (DOT, DOT)));
        }
    }
    path
}

/// The filled part of a block element.
fn block(symbol: char, (x, y): (f64, f64)) -> String {
    let (width, height) = CELL;
    let eighths = |from: char| f64::from(u32::from(symbol) - u32::from(from)) / 8.0;
    match symbol {
        '▀' => rectangle((x, y), (width, height / 2.0)),
        '▁'..='█' => {
            let part = height * (eighths('▁') + 0.125);
            rectangle((x, y + height - part), (width, part))
        }
        '▐' => rectangle((x + width / 2.0, y), (width / 2.0, height)),
        _ => rectangle((x, y), (width * (0.875 - eighths('▉')), height)),
    }
}

fn rectangle((x, y): (f64, f64), (width, height): (f64, f64)) -> String {
    format!("M{x:.1} {y:.1}h{width:.1}v{height:.1}h-{width:.1}z")
}

/// The colours of a cell's letter and of its ground.
fn colours(cell: &Cell) -> (String, String) {
    let ink = colour(cell.fgcolor()).unwrap_or_else(|| INK.to_owned());
    let ground = colour(cell.bgcolor()).unwrap_or_else(|| GROUND.to_owned());
    let (ink, ground) = if cell.inverse() {
        (ground, ink)
    } else {
        (ink, ground)
    };
    if cell.dim() {
        (DIM.to_owned(), ground)
    } else {
        (ink, ground)
    }
}

/// A colour as SVG writes it; `None` for the terminal's own.
fn colour(colour: Color) -> Option<String> {
    match colour {
        Color::Default => None,
        Color::Idx(index @ 0..16) => Some(NAMED[usize::from(index)].to_owned()),
        // xterm's cube of 6 x 6 x 6 colours, then 24 greys.
        Color::Idx(index @ 16..232) => {
            let level = |part: u8| if part == 0 { 0 } else { 55 + 40 * part };
            let cube = index - 16;
            let (red, green, blue) = (cube / 36, cube / 6 % 6, cube % 6);
            Some(hex(level(red), level(green), level(blue)))
        }
        Color::Idx(index) => {
            let grey = 8 + 10 * (index - 232);
            Some(hex(grey, grey, grey))
        }
        Color::Rgb(red, green, blue) => Some(hex(red, green, blue)),
    }
}

fn hex(red: u8, green: u8, blue: u8) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
