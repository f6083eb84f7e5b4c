//! A recorded session, played again by the real program: no socket, the same pings and mails, and the terminal given back.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::terminal::{Terminal, dashboard, keys};
use crate::support::{PROGRAM, folder};
use crate::{SIZE, figure};

/// Records a session of some pings and a mail; tells how many pings were answered at least.
fn record(path: &Path) -> u64 {
    let record = ["--loss", "none", "--record", path.to_str().expect("UTF-8")];
    let mut terminal = dashboard(SIZE, &record);
    terminal.keys_then("3", " Dialogue ");
    terminal.wait_for_text(&["● mail :"]);
    terminal.keys(keys::F5);
    terminal.wait_for_text(&["← ● 221 "]);
    terminal.keys_then("1", "RTT  last ");
    terminal.wait_for("pings", |screen| figure(screen, "replied") >= Some(8));
    let replied = figure(terminal.screen(), "replied").expect("a count");
    terminal.keys("q");
    let ended = terminal.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    replied
}

fn play(path: &Path, arguments: &[&str]) -> Terminal {
    let mut all = vec!["replay", path.to_str().expect("UTF-8")];
    all.extend(arguments);
    Terminal::start(SIZE, &all, &[])
}

fn session(folder: &Path) -> (PathBuf, u64) {
    let path = folder.join("lesson.jsonl");
    let replied = record(&path);
    (path, replied)
}

#[test]
fn a_session_is_played_again_to_its_end() {
    let folder = folder();
    let (path, replied) = session(folder.path());
    let mut terminal = play(&path, &["--speed", "max"]);
    terminal.wait_for_text(&["■ replay ", "end of the record: ", "entries were played"]);
    assert!(figure(terminal.screen(), "replied") >= Some(replied));
    // All tabs have what happened, and say that it is a replay.
    terminal.keys_then("2", " Requests ");
    assert!(terminal.text().contains("■ replay "));
    terminal.keys_then("3", "← ● 221 ");
    assert!(terminal.text().contains("■ replay "));
    terminal.keys_then("4", " Calls and messages ");
    terminal.wait_for_text(&["■ replay ", "← ● PING "]);
    // What would send something does nothing but say so.
    terminal.keys_then("1", "RTT  last ");
    terminal.keys_then("S", "this is a replay: nothing is sent or changed");
    terminal.keys_then("3", " Dialogue ");
    terminal.keys_then(keys::F5, "this is a replay: nothing is sent or changed");
    terminal.keys("q");
    let ended = terminal.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    ended.assert_given_back();
    assert!(ended.text().contains("entries played"), "{}", ended.text());
}

#[test]
fn it_stands_still_goes_on_by_one_entry_and_changes_its_speed() {
    let folder = folder();
    let (path, _) = session(folder.path());
    let mut terminal = play(&path, &["--speed", "0.1"]);
    terminal.wait_for_text(&["▶ replay ", "×0.1"]);
    terminal.keys_then(">", "×0.2");
    terminal.keys_then("<", "×0.1");
    terminal.keys_then(" ", "‖ replay ");
    terminal.wait_for_text(&["the replay stands still"]);
    terminal.keys_then("4", " Calls and messages ");
    // Entry by entry, until the first datagram was seen at both ends.
    for _ in 0..400 {
        if terminal.text().contains("← ● PING 1 ") {
            break;
        }
        let drawn = terminal.bytes().len();
        terminal.keys(".");
        // Not every entry changes the screen.
        if terminal.is_quiet_for(std::time::Duration::from_millis(50)) {
            continue;
        }
        terminal.read_more_than(drawn);
    }
    terminal.wait_for_text(&["← ● PING 1 ", "‖ replay "]);
    terminal.keys_then(" ", "▶ replay ");
    terminal.keys("q");
    let ended = terminal.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    ended.assert_given_back();
}

#[test]
fn it_begins_where_it_is_asked_to() {
    let folder = folder();
    let (path, replied) = session(folder.path());
    // Far behind the end: all of it is read at once, whatever the speed.
    let mut terminal = play(&path, &["--from", "9999", "--speed", "0.1"]);
    terminal.wait_for_text(&["■ replay "]);
    assert!(figure(terminal.screen(), "replied") >= Some(replied));
    terminal.signal(nix::sys::signal::Signal::SIGTERM);
    let ended = terminal.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    ended.assert_given_back();
}

#[test]
fn what_is_no_record_is_refused_before_the_terminal_is_touched() {
    let folder = folder();
    let path = folder.path().join("other.jsonl");
    std::fs::write(&path, "{\"some\": \"thing\"}\n").expect("it can be written");
    let mut terminal = play(&path, &[]);
    terminal.wait_for_text(&["cannot be played"]);
    let is_touched = terminal.bytes().contains(&b'\x1b');
    assert!(!is_touched, "{}", terminal.text());
    let ended = terminal.finish();
    assert_eq!(ended.code, 2, "{}", ended.text());
    // Nor is a terminal needed for that.
    let missing = folder.path().join("missing.jsonl");
    let output = Command::new(PROGRAM)
        .arg("replay")
        .arg(&missing)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty(), "{output:?}");
}
