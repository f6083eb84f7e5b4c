//! Files of what is played, begun by a key.

use super::*;
use crate::dashboard::capture::{Answer, Kind};
use crate::trace::recorder::Item;

fn texts(path: &Path) -> Vec<String> {
    let reader = Reader::open(BufReader::new(File::open(path).unwrap())).unwrap();
    assert_eq!(reader.header().started, header().started);
    let texts = reader.map(|entry| match entry.unwrap().what {
        What::Note(text) => text,
        other => panic!("{other:?}"),
    });
    texts.collect()
}

fn answer(replayer: &mut Replayer, effect: Effect) -> Answer {
    match replayer.perform(effect) {
        Some(Msg::Capture(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

fn begin(file: &Path, overwrite: bool) -> Effect {
    Effect::StartCapture {
        file: file.to_owned(),
        overwrite,
    }
}

#[test]
fn what_is_kept_is_written_and_then_what_is_played() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let (mut replayer, start) =
        replayer(notes(&[10, 11, 12, 3_600]), &plan(Speed::Times(1.0), None));
    assert_eq!(played(&mut replayer, start), ["10"]);
    assert_eq!(answer(&mut replayer, begin(&path, false)), Answer::Opened);
    // This is told to the screen, and is among what the screen hands over.
    assert_eq!(played(&mut replayer, start + SECOND), ["11"]);
    let kept = ["10", "11"].map(|text| Item::Note {
        at: SECOND * text.parse().unwrap(),
        text: text.to_owned(),
    });
    assert!(
        replayer
            .perform(Effect::BeginCapture(kept.to_vec()))
            .is_none()
    );
    assert_eq!(played(&mut replayer, start + SECOND * 2), ["12"]);
    let (at, text) = (SECOND * 12, "by hand".to_owned());
    assert!(replayer.perform(Effect::Note { at, text }).is_none());
    assert_eq!(texts(&path), ["10", "11", "12", "by hand"], "at once");
    replayer.control(Control::Step, start + SECOND * 3);
    let Answer::Ended(files) = answer(&mut replayer, Effect::StopCapture) else {
        panic!("it was running");
    };
    assert_eq!(
        (files[0].kind, files[0].written, files[0].left_out),
        (Kind::Entries, 5, 0)
    );
    assert_eq!(texts(&path), ["10", "11", "12", "by hand", "3600"]);
}

#[test]
fn what_is_not_played_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let (mut replayer, start) = replayer(notes(&[0, 5, 10]), &plan(Speed::Times(1.0), None));
    let target = Target {
        format: crate::net::recording::Format::Jsonl,
        path: path.clone(),
        overwrite: false,
    };
    replayer.start_recording(vec![target]).unwrap();
    played(&mut replayer, start);
    played(&mut replayer, start + SECOND * 6);
    let counted = replayer.counters(Shown::default()).capture;
    assert_eq!(counted.map(|files| files.len()), Some(1));
    drop(replayer);
    assert_eq!(texts(&path), ["0", "5"]);
}

#[test]
fn a_name_that_is_taken_is_asked_about_and_the_record_itself_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("r.jsonl");
    Writer::new(File::create(&record).unwrap(), &header()).unwrap();
    let replay = Replay {
        file: record.clone(),
        ..plan(Speed::Max, None)
    };
    let saves = folder.path().to_owned();
    let mut replayer = Replayer::open(&replay, saves, Words(Lang::En)).unwrap();
    let taken = folder.path().join("a.jsonl");
    std::fs::write(&taken, "old").unwrap();
    let name = Path::new("a.jsonl");
    assert_eq!(
        answer(&mut replayer, begin(name, false)),
        Answer::Exists(name.to_owned())
    );
    assert_eq!(answer(&mut replayer, begin(name, true)), Answer::Opened);
    assert!(matches!(
        answer(&mut replayer, Effect::StopCapture),
        Answer::Ended(_)
    ));
    let before = std::fs::read(&record).unwrap();
    let refused = answer(&mut replayer, begin(Path::new("r.jsonl"), true));
    assert!(matches!(refused, Answer::Failed { .. }), "{refused:?}");
    assert_eq!(std::fs::read(&record).unwrap(), before);
}
