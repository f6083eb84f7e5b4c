use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use super::*;
use crate::net::recording::Format;
use crate::trace::event::{EchoEvent, Event};
use crate::trace::record::{Reader, What};

const SECOND: Duration = Duration::from_secs(1);

fn clock() -> Clock {
    let started = SystemTime::UNIX_EPOCH + SECOND * 1_700_000_000;
    Clock::new(Instant::now(), started)
}

fn target(path: PathBuf) -> Target {
    Target {
        format: Format::of(&path),
        path,
        overwrite: false,
    }
}

fn start(paths: &[&Path]) -> DirectRecording {
    let targets = paths.iter().map(|path| target(path.to_path_buf()));
    DirectRecording::start(targets.collect(), &clock(), "sockscope replay").unwrap()
}

fn note(at: Duration, text: &str) -> Entry {
    Entry {
        at,
        what: What::Note(text.to_owned()),
    }
}

fn read(path: &Path) -> Vec<Entry> {
    let reader = Reader::open(BufReader::new(File::open(path).unwrap())).unwrap();
    assert_eq!(reader.header().started, clock().wall(Duration::ZERO));
    reader.map(Result::unwrap).collect()
}

#[test]
fn entries_are_written_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let failed = Event::Echo(EchoEvent::Failed {
        error: "no time of its own".to_owned(),
    });
    let entries = [
        note(SECOND * 3, "one"),
        // Told late: it stays where it was.
        note(SECOND, "two"),
        Entry {
            at: SECOND * 2,
            what: What::Event(failed),
        },
        Entry {
            at: SECOND * 4,
            what: What::LeftOut(7),
        },
    ];
    let mut recording = start(&[&path]);
    entries.iter().for_each(|entry| recording.write(entry));
    recording.write_out();
    assert_eq!(read(&path), entries, "a crash would not lose it");
    let progress = recording.finish();
    assert_eq!((progress[0].written, progress[0].left_out), (4, 0));
    assert_eq!(progress[0].bytes, fs::metadata(&path).unwrap().len());
}

#[test]
fn more_than_any_ring_holds_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let mut recording = start(&[&path]);
    let count = 100_000;
    for n in 0..count {
        recording.write(&note(SECOND, &n.to_string()));
    }
    drop(recording);
    let texts = read(&path).into_iter().map(|entry| entry.what);
    assert!(texts.eq((0..count).map(|n| What::Note(n.to_string()))));
}

#[test]
fn what_was_kept_stands_in_front() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let mut recording = start(&[&path]);
    let failed = || {
        Item::Event(Event::Echo(EchoEvent::Failed {
            error: String::new(),
        }))
    };
    let kept = |at, text: &str| Item::Note {
        at,
        text: text.to_owned(),
    };
    recording.write_held(vec![failed(), kept(SECOND, "kept"), failed()]);
    recording.write(&note(SECOND * 5, "played"));
    recording.finish();
    let times: Vec<_> = read(&path).iter().map(|entry| entry.at).collect();
    assert_eq!(times, [SECOND, SECOND, SECOND, SECOND * 5]);
}

#[test]
fn a_file_that_is_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (new, old) = (folder.path().join("new"), folder.path().join("old"));
    fs::write(&old, "precious").unwrap();
    let targets = vec![target(new.clone()), target(old.clone())];
    let refused = DirectRecording::start(targets, &clock(), "");
    assert!(matches!(refused, Err(OpenError::Exists(path)) if path == old));
    assert!(!new.exists());
    assert_eq!(fs::read(&old).unwrap(), b"precious");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_ends_its_file_and_no_other() {
    use std::io::BufWriter;

    use super::super::Destination;

    let folder = tempfile::tempdir().unwrap();
    let (full, whole) = (folder.path().join("a.jsonl"), folder.path().join("b.jsonl"));
    let mut recording = start(&[&full, &whole]);
    let device = Destination::open(Path::new("/dev/full"), false).unwrap();
    super::super::lock(&recording.outlets[0].out.0).file = Some(BufWriter::new(device));
    recording.write(&note(SECOND, "one"));
    recording.write_out();
    recording.write(&note(SECOND, "two"));
    let progress = recording.finish();
    assert!(progress[0].error.is_some());
    assert_eq!((progress[1].error.clone(), progress[1].written), (None, 2));
    assert_eq!(read(&whole).len(), 2);
}
