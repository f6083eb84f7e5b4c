//! Records of the real program, played by it and written again: the same events in the same order at the same times.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use sockscope::trace::event::Event;
use sockscope::trace::record::{Entry, Header, Reader, What};
use sockscope::trace::wire::Lab;
use tempfile::TempDir;

use crate::support::command::sockscope;
use crate::support::folder;
use crate::support::session::{NOTE, Pings, all_labs};
use crate::support::terminal::{Ended, Terminal, dashboard, figure};

const SIZE: (u16, u16) = (120, 36);

/// A folder with room for records.
struct Records(TempDir);

impl Records {
    fn new() -> Self {
        Self(folder())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn named(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    /// Records a few pings that nobody answers. Gives the file's lines.
    fn pings(&self, name: &str) -> Vec<String> {
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback has free ports");
        let address = silent.local_addr().expect("it is bound").to_string();
        let record = self.named(name);
        let ping = ["ping", "-c", "3", "--timeout", "10ms", &address];
        let finished = sockscope(&[&ping[..], &["--record", &record]].concat()).run();
        assert_eq!(finished.code, Some(1), "{}", finished.complaint);
        let text = fs::read_to_string(&record).expect("it was written");
        text.lines().map(str::to_owned).collect()
    }
}

/// The header, and the entries of a record in which no line is damaged.
fn read(path: &Path) -> (Header, Vec<Entry>) {
    let file = BufReader::new(File::open(path).expect("it is there"));
    let reader = Reader::open(file).expect("a record");
    let header = reader.header().clone();
    let entries = reader.collect::<Result<_, _>>();
    (header, entries.expect("every line is whole"))
}

/// Plays a record to its end, as fast as it goes, and writes it again. Gives the screen's figures at the end, and how the program ended.
fn play(record: &str, again: &str) -> (Option<Pings>, Ended) {
    let arguments = ["replay", record, "--speed", "max", "--record", again];
    let mut terminal = Terminal::start(SIZE, &arguments, &[]);
    terminal.wait_for_text(&["end of the record"]);
    terminal.wait_for("what was counted last", |screen| {
        figure(screen, "in flight") == Some(0)
    });
    let pings = Pings::shown(terminal.screen());
    terminal.keys("q");
    let ended = terminal.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    ended.assert_given_back();
    (pings, ended)
}

#[test]
fn a_session_of_all_labs_is_told_again_by_its_replay() {
    let records = Records::new();
    let (first, second) = (records.named("first.jsonl"), records.named("second.jsonl"));
    let mut terminal = dashboard(SIZE, &["--record", &first]);
    let pings = all_labs(&mut terminal);
    terminal.keys("q");
    let ended = terminal.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());

    let (played, ended) = play(&first, &second);
    assert_eq!(played, Some(pings), "the tabs count what they counted");
    let (header, told) = read(&records.path("first.jsonl"));
    let (header_again, told_again) = read(&records.path("second.jsonl"));
    assert_eq!(header_again.started, header.started);
    assert_eq!(told.len(), told_again.len());
    for (entry, again) in told.iter().zip(&told_again) {
        assert_eq!(entry, again);
    }
    let summary = format!("replay: {} entries played", told.len());
    assert!(ended.text().contains(&summary), "{}", ended.text());

    // It is a session of all labs, of events and calls of each and with the note.
    for lab in [Lab::Ping, Lab::Web, Lab::Mail] {
        let is_call = |entry: &Entry| matches!(&entry.what, What::Call(call) if call.lab == lab);
        assert!(told.iter().any(is_call), "{lab:?}");
    }
    let is_event = |is_it: fn(&Event) -> bool| {
        told.iter()
            .any(|entry| matches!(&entry.what, What::Event(event) if is_it(event)))
    };
    assert!(is_event(|event| matches!(event, Event::Echo(_))));
    assert!(is_event(|event| matches!(event, Event::Ping { .. })));
    assert!(is_event(|event| matches!(event, Event::Web(_))));
    assert!(is_event(|event| matches!(event, Event::Sender { .. })));
    assert!(is_event(|event| matches!(event, Event::Mail(_))));
    assert!(is_event(|event| matches!(event, Event::Sending { .. })));
    let is_note = |entry: &&Entry| entry.what == What::Note(NOTE.to_owned());
    assert_eq!(told.iter().filter(is_note).count(), 1);
}

#[test]
fn damaged_lines_are_counted_and_left_out_of_what_is_written_again() {
    let records = Records::new();
    let lines = records.pings("whole.jsonl");
    let (_, whole) = read(&records.path("whole.jsonl"));
    let middle = lines.len() / 2;
    let mut damaged = lines.clone();
    damaged.insert(middle, lines[middle][..lines[middle].len() / 2].to_owned());
    damaged.insert(middle, "\u{1b}[2J no JSON".to_owned());
    fs::write(records.path("damaged.jsonl"), damaged.join("\n")).expect("it can be written");

    let (played, ended) = play(
        &records.named("damaged.jsonl"),
        &records.named("again.jsonl"),
    );
    assert_eq!(played.map(|pings| pings.lost), Some(3));
    assert_eq!(read(&records.path("again.jsonl")).1, whole);
    let said = ended.text();
    assert!(
        said.contains(&format!("replay: {} entries played", whole.len())),
        "{said}"
    );
    assert!(said.contains("damaged lines: 2"), "{said}");
}

#[test]
fn what_cannot_be_played_is_said_before_the_terminal_is_touched() {
    let records = Records::new();
    let mut lines = records.pings("whole.jsonl");
    let known = "\"sockscope-record\":1";
    assert!(lines[0].contains(known), "{}", lines[0]);
    lines[0] = lines[0].replace(known, "\"sockscope-record\":7");
    fs::write(records.path("later.jsonl"), lines.join("\n")).expect("it can be written");
    let again = records.named("again.jsonl");
    let later = records.named("later.jsonl");
    let finished = sockscope(&["replay", &later, "--record", &again]).run();
    assert_eq!((finished.code, finished.text().as_str()), (Some(2), ""));
    let complaint = &finished.complaint;
    assert!(
        complaint.contains(&later) && complaint.contains("version 7"),
        "{complaint}"
    );
    assert!(!records.path("again.jsonl").exists());

    // Neither is a file replaced that is there, least of all the one that is played.
    let whole = records.named("whole.jsonl");
    let before = fs::read(&whole).expect("it is there");
    for more in [
        &["--record", &later][..],
        &["--record", &whole, "--overwrite"],
    ] {
        let finished = sockscope(&[&["replay", &whole], more].concat()).run();
        assert_eq!((finished.code, finished.text().as_str()), (Some(2), ""));
        assert!(
            finished.complaint.contains(more[1]),
            "{}",
            finished.complaint
        );
    }
    assert_eq!(fs::read(&whole).expect("it is there"), before);
}
