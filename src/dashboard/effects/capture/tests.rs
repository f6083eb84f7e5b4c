use std::fs::File;
use std::io::BufReader;
use std::time::{Duration, Instant, SystemTime};

use super::*;
use crate::trace::record::{Reader, What};
use crate::trace::recorder::Secrets;

fn captures() -> (tempfile::TempDir, Captures) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::new(Instant::now(), SystemTime::now());
    let recorder = Recorder::new(clock, Secrets::Masked, None);
    let captures = Captures::new(recorder, clock, folder.path().to_owned());
    (folder, captures)
}

fn start(captures: &mut Captures, file: &str, overwrite: bool) -> Answer {
    let effect = Effect::StartCapture {
        file: file.into(),
        overwrite,
    };
    match captures.perform(effect) {
        Some(Msg::Capture(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

fn note(captures: &mut Captures, text: &str) -> Item {
    let (at, text) = (Duration::from_millis(3), text.to_owned());
    let effect = Effect::Note {
        at,
        text: text.clone(),
    };
    assert!(captures.perform(effect).is_none());
    Item::Note { at, text }
}

fn stop(captures: &mut Captures) -> Vec<CaptureFile> {
    match captures.perform(Effect::StopCapture) {
        Some(Msg::Capture(Answer::Ended(files))) => files,
        other => panic!("{other:?}"),
    }
}

fn notes(path: &Path) -> Vec<String> {
    Reader::open(BufReader::new(File::open(path).unwrap()))
        .unwrap()
        .map(|entry| match entry.unwrap().what {
            What::Note(text) => text,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn what_was_kept_stands_in_front_and_nothing_twice() {
    let (folder, mut captures) = captures();
    assert_eq!(captures.progress(), None);
    let kept = note(&mut captures, "kept");
    assert_eq!(start(&mut captures, "a.jsonl", false), Answer::Opened);
    let told = note(&mut captures, "on its way");
    assert!(
        captures
            .perform(Effect::BeginCapture(vec![kept, told]))
            .is_none()
    );
    note(&mut captures, "live");
    assert_eq!(captures.progress().map(|files| files.len()), Some(1));
    let file = folder.path().join("a.jsonl");
    let ended = CaptureFile {
        file: file.clone(),
        kind: Kind::Entries,
        written: 3,
        left_out: 0,
        error: None,
    };
    assert_eq!(stop(&mut captures), [ended]);
    assert_eq!(captures.progress(), None);
    assert_eq!(notes(&file), ["kept", "on its way", "live"]);
}

#[test]
fn a_name_that_is_taken_comes_back_as_it_was_typed() {
    let (folder, mut captures) = captures();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, "old").unwrap();
    let taken = Answer::Exists("a.jsonl".into());
    assert_eq!(start(&mut captures, "a.jsonl", false), taken);
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(start(&mut captures, "a.jsonl", true), Answer::Opened);
    note(&mut captures, "stopped before it was begun");
    assert_eq!(stop(&mut captures)[0].written, 1);
    assert_eq!(notes(&path), ["stopped before it was begun"]);
    assert_eq!(stop(&mut captures), [], "there is nothing to stop");
}

#[test]
fn a_capture_is_the_usual_and_a_folder_can_be_missing() {
    let (folder, mut captures) = captures();
    let failed = start(&mut captures, "missing/a.pcapng", false);
    let Answer::Failed { file, error } = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(file, folder.path().join("missing/a.pcapng"));
    assert!(
        !error.contains("missing"),
        "the file is named beside it: {error}"
    );
    assert_eq!(start(&mut captures, "a", false), Answer::Opened);
    assert_eq!(stop(&mut captures)[0].kind, Kind::Packets);
    // pcapng begins with a section header block.
    let written = std::fs::read(folder.path().join("a")).unwrap();
    assert_eq!(written[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
}

#[test]
fn files_of_the_command_line_are_shown_the_same_way() {
    let (folder, mut captures) = captures();
    let path = folder.path().join("a.jsonl");
    let target = Target {
        format: Format::Jsonl,
        path: path.clone(),
        overwrite: false,
    };
    captures.start(vec![target.clone()]).unwrap();
    assert_eq!(captures.progress().unwrap()[0].kind, Kind::Entries);
    note(&mut captures, "x");
    stop(&mut captures);
    assert_eq!(notes(&path), ["x"]);
    assert!(matches!(
        captures.start(vec![target]),
        Err(OpenError::Exists(_))
    ));
}
