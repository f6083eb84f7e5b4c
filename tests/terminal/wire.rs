//! The Wire tab of the real program: what all labs do over real sockets, walked through with typed keys, and captured into files.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use vt100::Screen;

use crate::support::folder;
use crate::support::terminal::{Terminal, keys, rows};
use crate::{figure, pinging};

const LIST: &str = " Calls and messages ";

/// The dashboard with the Wire tab in front, when some pings have been answered.
fn on_the_wire() -> Terminal {
    let mut terminal = pinging();
    terminal.keys_then("4", LIST);
    terminal
}

/// The last row in the list, which is framed with heavy lines while it has the focus.
fn newest(screen: &Screen) -> Option<String> {
    let rows: Vec<String> = rows(screen).collect();
    let end = rows.iter().position(|row| row.starts_with('┗'))?;
    let inside = rows[..end].iter().rev().map(|row| row.split('┃').nth(1));
    let mut filled = inside.flatten().filter(|row| !row.trim().is_empty());
    filled.next().map(str::to_owned)
}

/// Takes away what stands in a prompt.
fn clear() -> String {
    keys::BACKSPACE.repeat(100)
}

/// The port of the web server as the status line says it.
fn web_port(screen: &Screen) -> Option<u16> {
    let shown = screen.contents();
    let (_, after) = shown.split_once("● web :")?;
    after.split_whitespace().next()?.parse().ok()
}

/// Shows only what a filter lets through.
fn filter(terminal: &mut Terminal, text: &str) {
    terminal.keys_then("/", " show only: ");
    terminal.keys(&format!("{}{text}", clear()));
    terminal.wait_for_text(&[&format!(" show only: {text}")]);
    terminal.keys_then_not(keys::ENTER, " show only: ");
    terminal.wait_for_text(&[&format!("/{text}")]);
}

#[test]
fn what_all_labs_do_arrives_and_is_filtered() {
    let mut terminal = on_the_wire();
    for row in [
        &["sendto", "client Ping "][..],
        &["datagram", "→ ● Ping "],
        &["recvfrom", "server Ping "],
        &["datagram", "← ● PING "],
    ] {
        terminal.wait_for_row(row);
    }
    terminal.wait_for_row(&["[sendto", "Ping ", "▶├[recvfrom"]);
    terminal.keys_then("3", " Dialogue ");
    terminal.wait_for_text(&["● mail :"]);
    terminal.keys(keys::F5);
    terminal.wait_for_row(&["← ● 221 "]);
    terminal.keys_then("2", " Requests ");
    terminal.wait_for_text(&["● web :"]);
    let port = web_port(terminal.screen()).expect("it runs");
    let mut client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    client
        .write_all(b"GET /from-a-test HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    terminal.keys_then("4", LIST);
    filter(&mut terminal, "lab:web");
    for row in [
        &["listen", "backlog"][..],
        &["accept"],
        &["request", "→ ● GET /from-a-test"],
        &["response", "← ▲ 404 Not Found"],
    ] {
        terminal.wait_for_row(row);
    }
    filter(&mut terminal, "lab:mail is:message");
    for row in [
        &["command", "→ ● DATA"][..],
        &["reply", "← ◆ 354 "],
        &["command", "→ ● QUIT"],
        &["reply", "← ● 221 "],
    ] {
        terminal.wait_for_row(row);
    }
    assert!(!terminal.text().contains("datagram"), "{}", terminal.text());
    // A wrong one is explained, and the list stays as it is.
    terminal.keys("/");
    terminal.keys(&format!("{}verdict:gone{}", clear(), keys::ENTER));
    terminal.wait_for_text(&["lost, late, dup, reordered, damaged, refused", "QUIT"]);
    terminal.keys_then_not(keys::ESC, "verdict:gone");
    terminal.keys_then_not(keys::ESC, "lab:mail is:message");
    terminal.wait_for_row(&["datagram", "← ● PING "]);
}

#[test]
fn a_frozen_view_is_stepped_forward_and_back() {
    let mut terminal = on_the_wire();
    terminal.wait_for_row(&["datagram", "← ● PING "]);
    terminal.keys_then(" ", "frozen 0 s");
    let before = newest(terminal.screen()).expect("a row");
    terminal.wait_for_text(&["frozen 2 s"]);
    assert_eq!(newest(terminal.screen()), Some(before.clone()));
    let mut seen = vec![before];
    for _ in 0..3 {
        terminal.keys(".");
        let last = seen.last().cloned();
        terminal.wait_for("the next event", |screen| newest(screen) != last);
        seen.extend(newest(terminal.screen()));
    }
    for before in seen.iter().rev().skip(1) {
        terminal.keys(",");
        terminal.wait_for("the event before", |screen| {
            newest(screen).as_ref() == Some(before)
        });
    }
    terminal.keys_then_not(" ", "frozen");
    terminal.keys_then("f", LIST);
    let before = newest(terminal.screen());
    terminal.wait_for("it goes on", |screen| newest(screen) != before);
}

#[test]
fn enter_leads_to_the_lab_and_back() {
    let mut terminal = on_the_wire();
    filter(&mut terminal, "is:message");
    terminal.keys(" ");
    terminal.wait_for_text(&["frozen"]);
    let row = newest(terminal.screen()).expect("a row");
    let (_, number) = row
        .split_once("Ping ")
        .or_else(|| row.split_once("PING "))
        .expect("a ping");
    let number = number
        .split_whitespace()
        .next()
        .expect("its number")
        .to_owned();
    terminal.keys_then(keys::ENTER, "RTT  last ");
    terminal.keys_then(keys::ENTER, &format!(" Ping {number} to 127.0.0.1:"));
    terminal.keys_then(keys::ENTER, LIST);
    terminal.wait_for_row(&["Ping", &number]);
    // The bytes are in front: the cursor names what it stands on.
    terminal.wait_for_text(&["word  bytes 0 to 3"]);
    terminal.keys(&keys::RIGHT.repeat(5));
    terminal.wait_for_text(&["sequence number  bytes 5 to "]);
}

/// Opens the prompt for a capture, and writes this path.
fn name_capture(terminal: &mut Terminal, path: &Path) {
    terminal.keys_then("w", ".pcapng");
    let path = path.to_str().expect("UTF-8");
    terminal.keys(&format!("{}{path}", clear()));
    terminal.wait_for_text(&[&format!(": {path}")]);
    terminal.keys(keys::ENTER);
}

/// How many packets the bar says are captured.
fn captured(screen: &Screen) -> Option<u64> {
    let shown = screen.contents();
    let (_, after) = shown.split_once("capturing ")?;
    after.split_whitespace().next()?.parse().ok()
}

/// The types of the blocks of a capture, in network byte order, which is whole: each block's length stands at both of its ends, and the last one ends the file.
fn blocks(capture: &[u8]) -> Vec<u32> {
    let number = |at: usize| {
        let bytes = capture.get(at..at + 4).expect("it is whole");
        u32::from_be_bytes(bytes.try_into().expect("four bytes"))
    };
    let (mut types, mut at) = (Vec::new(), 0);
    while at < capture.len() {
        let length = number(at + 4) as usize;
        assert_eq!(
            number(at + length - 4) as usize,
            length,
            "block {}",
            types.len()
        );
        types.push(number(at));
        at += length;
    }
    types
}

/// The types of blocks: a section's header, and a packet (draft-ietf-opsawg-pcapng).
const SECTION: u32 = 0x0a0d_0d0a;
const PACKET: u32 = 6;

#[test]
fn w_captures_until_it_is_pressed_again_and_overwrites_nothing_unasked() {
    let folder = folder();
    let path = folder.path().join("a.pcapng");
    let mut terminal = on_the_wire();
    name_capture(&mut terminal, &path);
    terminal.wait_for("packets", |screen| captured(screen) >= Some(10));
    // On every tab, as long as it goes on.
    terminal.keys_then("1", "RTT  last ");
    assert!(captured(terminal.screen()).is_some(), "{}", terminal.text());
    terminal.keys_then("w", "captured: ");
    terminal.wait_for("no capture", |screen| captured(screen).is_none());
    let first = std::fs::read(&path).expect("it is there");
    assert!(first.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]));
    let types = blocks(&first);
    assert_eq!(types[0], SECTION);
    assert!(types.iter().filter(|kind| **kind == PACKET).count() >= 10);
    let mode = std::fs::metadata(&path)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else can read it");
    // The same name again: asked about, and left alone.
    terminal.keys_then("4", LIST);
    name_capture(&mut terminal, &path);
    terminal.wait_for_text(&["exists already; Enter overwrites it"]);
    terminal.keys_then_not(keys::ESC, "exists already");
    assert_eq!(std::fs::read(&path).expect("it is there"), first);
    // And overwritten when that is wanted.
    name_capture(&mut terminal, &path);
    terminal.wait_for_text(&["exists already; Enter overwrites it"]);
    terminal.keys(keys::ENTER);
    terminal.wait_for("packets", |screen| captured(screen) >= Some(10));
    // Quitting ends it as `w` does.
    terminal.keys("q");
    let ended = terminal.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    ended.assert_given_back();
    let second = std::fs::read(&path).expect("it is there");
    assert_ne!(second, first);
    assert!(
        blocks(&second).len() > types.len(),
        "what the tab kept is in front"
    );
}

#[test]
fn a_capture_that_cannot_be_written_stops_nothing() {
    let mut terminal = on_the_wire();
    name_capture(&mut terminal, Path::new("/nowhere/a.pcapng"));
    terminal.wait_for_text(&["capture failed: ", "(/nowhere/a.pcapng)"]);
    terminal.keys_then("1", "RTT  last ");
    let replied = figure(terminal.screen(), "replied");
    terminal.wait_for("more pings", |screen| figure(screen, "replied") > replied);
}

/// A device on which there is no room, as on a full disk. It is not asked about: nothing of it can be overwritten.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_capture_and_nothing_else() {
    let mut terminal = on_the_wire();
    name_capture(&mut terminal, Path::new("/dev/full"));
    terminal.wait_for_text(&["capture failed: ", "(/dev/full)"]);
    terminal.keys_then("1", "RTT  last ");
    terminal.wait_for("no capture", |screen| captured(screen).is_none());
    let replied = figure(terminal.screen(), "replied");
    terminal.wait_for("more pings", |screen| figure(screen, "replied") > replied);
}
