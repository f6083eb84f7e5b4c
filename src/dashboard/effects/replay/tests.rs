use std::io::Write as _;
use std::time::SystemTime;

use super::*;
use crate::proto::link::LinkSettings;
use crate::settings::replay::Speed;
use crate::trace::event::EchoEvent;
use crate::trace::record::{Entry, VERSION, Writer};
use crate::words::Lang;

mod filing;
mod mailbox;

const SECOND: Duration = Duration::from_secs(1);

fn header() -> Header {
    Header {
        version: VERSION,
        program: "sockscope 0".to_owned(),
        command: "sockscope".to_owned(),
        started: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    }
}

/// Notes at these times, in seconds.
fn notes(times: &[u64]) -> Vec<Read> {
    let note = |&at: &u64| Entry {
        at: SECOND * at as u32,
        what: What::Note(at.to_string()),
    };
    times.iter().map(note).map(Ok).collect()
}

fn plan(speed: Speed, from: Option<From>) -> Replay {
    Replay {
        file: PathBuf::from("made-up.jsonl"),
        speed,
        from,
    }
}

/// A replayer that has read all that it reads ahead, and the moment at which it was looked at first.
fn replayer(entries: Vec<Read>, plan: &Replay) -> (Replayer, Instant) {
    let mut replayer = Replayer::new(
        &header(),
        entries.into_iter(),
        plan,
        PathBuf::new(),
        Words(Lang::En),
    )
    .unwrap();
    settle(&mut replayer);
    (replayer, Instant::now())
}

/// Waits until it is known what comes next, and behind that.
fn settle(replayer: &mut Replayer) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(replayer.ahead.known());
    std::thread::sleep(Duration::from_millis(30));
}

/// The notes that are played at a moment.
fn played(replayer: &mut Replayer, now: Instant) -> Vec<String> {
    let notes = replayer.news(now).into_iter().filter_map(|msg| match msg {
        Msg::Notes(notes) => Some(notes),
        _ => None,
    });
    notes.flatten().map(|(_, text)| text).collect()
}

#[test]
fn a_beginning_behind_the_end_is_said() {
    for (from, is_behind) in [(5, false), (60, true)] {
        let from = Some(From::Offset(SECOND * from));
        let (mut replayer, start) = replayer(notes(&[10, 20]), &plan(Speed::Max, from));
        played(&mut replayer, start);
        played(&mut replayer, start);
        let playback = replayer.playback(start);
        assert_eq!(playback.motion, Motion::Ended, "{from:?}");
        assert_eq!(playback.ends_before, is_behind, "{from:?}");
    }
}

#[test]
fn entries_come_when_their_time_has_come() {
    let (mut replayer, start) = replayer(notes(&[10, 11, 15, 20]), &plan(Speed::Times(2.0), None));
    assert_eq!(
        played(&mut replayer, start),
        ["10"],
        "it begins at the first entry"
    );
    assert_eq!(replayer.position(start), SECOND * 10);
    assert_eq!(
        replayer.instant(SECOND * 20, start),
        Some(start + SECOND * 5)
    );
    assert_eq!(played(&mut replayer, start + SECOND / 4), [""; 0]);
    assert_eq!(played(&mut replayer, start + SECOND * 3), ["11", "15"]);
    let playback = replayer.playback(start + SECOND * 3);
    assert_eq!(playback.position, SECOND * 6);
    assert_eq!((playback.motion, playback.entries), (Motion::Playing, 3));
}

#[test]
fn frozen_it_stands_and_a_step_plays_one_entry() {
    let (mut replayer, start) = replayer(notes(&[1, 2, 2, 9]), &plan(Speed::default(), None));
    played(&mut replayer, start);
    replayer.control(Control::Freeze, start);
    let later = start + SECOND * 60;
    assert_eq!(played(&mut replayer, later), [""; 0]);
    assert_eq!(replayer.instant(SECOND * 9, later), None);
    for _ in 0..2 {
        replayer.control(Control::Step, later);
        assert_eq!(
            played(&mut replayer, later),
            ["2"],
            "one of the two at a time"
        );
        assert_eq!(replayer.position(later), SECOND * 2);
    }
    assert_eq!(replayer.playback(later).motion, Motion::Frozen);
    replayer.control(Control::Freeze, later);
    assert_eq!(played(&mut replayer, later + SECOND * 6), [""; 0]);
    assert_eq!(played(&mut replayer, later + SECOND * 7), ["9"]);
}

#[test]
fn another_speed_holds_from_the_place_where_it_was_chosen() {
    let (mut replayer, start) = replayer(notes(&[0, 10, 100]), &plan(Speed::default(), None));
    played(&mut replayer, start);
    replayer.control(Control::Faster, start + SECOND * 4);
    assert_eq!(replayer.position(start + SECOND * 5), SECOND * 6);
    replayer.control(Control::Slower, start + SECOND * 5);
    replayer.control(Control::Slower, start + SECOND * 5);
    assert_eq!(replayer.position(start + SECOND * 7), SECOND * 7);
    assert_eq!(replayer.playback(start).speed, Speed::Times(0.5));
}

#[test]
fn what_lies_before_the_beginning_is_played_at_once() {
    let from = Some(From::Offset(SECOND * 5));
    let (mut replayer, start) = replayer(notes(&[10, 12, 14, 16]), &plan(Speed::default(), from));
    assert_eq!(played(&mut replayer, start), ["10", "12", "14"]);
    assert_eq!(replayer.position(start), SECOND * 15);
    assert_eq!(replayer.playback(start).motion, Motion::Playing);
    assert_eq!(played(&mut replayer, start + SECOND), ["16"]);
}

#[test]
fn a_time_of_day_is_that_of_the_record() {
    let clock = Clock::new(Instant::now(), header().started);
    let until_midnight = clock.until_time_of_day(SECOND * 10, 0);
    let wanted = SECOND * 10 + until_midnight;
    let entries = vec![
        Entry {
            at: SECOND * 10,
            what: What::Note("first".to_owned()),
        },
        Entry {
            at: wanted - SECOND,
            what: What::Note("before".to_owned()),
        },
        Entry {
            at: wanted + SECOND,
            what: What::Note("after".to_owned()),
        },
    ];
    let entries = entries.into_iter().map(Ok).collect();
    let plan = plan(Speed::default(), Some(From::TimeOfDay(0)));
    let (mut replayer, start) = replayer(entries, &plan);
    assert_eq!(played(&mut replayer, start), ["first", "before"]);
    assert_eq!(replayer.position(start), wanted);
}

#[test]
fn at_the_end_it_stands_and_says_so() {
    let (mut replayer, start) = replayer(notes(&[3, 4]), &plan(Speed::Max, None));
    assert_eq!(played(&mut replayer, start), ["3", "4"]);
    let playback = replayer.playback(start + SECOND);
    assert_eq!(playback.motion, Motion::Ended);
    assert_eq!((playback.position, playback.length), (SECOND, Some(SECOND)));
    replayer.control(Control::Freeze, start);
    replayer.control(Control::Step, start);
    assert_eq!(replayer.playback(start + SECOND).motion, Motion::Ended);
    assert_eq!(replayer.position(start + SECOND * 9), SECOND * 4);
}

#[test]
fn beyond_the_end_is_the_end() {
    let from = Some(From::Offset(SECOND * 500));
    let (mut replayer, start) = replayer(notes(&[3, 4]), &plan(Speed::default(), from));
    assert_eq!(played(&mut replayer, start), ["3", "4"]);
    assert_eq!(replayer.playback(start).motion, Motion::Ended);
}

#[test]
fn an_empty_record_ends_at_once() {
    let (mut replayer, start) = replayer(Vec::new(), &plan(Speed::default(), None));
    assert_eq!(played(&mut replayer, start), [""; 0]);
    let playback = replayer.playback(start);
    assert_eq!((playback.motion, playback.length), (Motion::Ended, None));
}

#[test]
fn no_lab_is_started_and_nothing_is_sent() {
    let (mut replayer, _) = replayer(notes(&[1]), &plan(Speed::default(), None));
    for effect in [
        Effect::StartEcho { any_port: true },
        Effect::SetLink(LinkSettings::default()),
        Effect::StartEchoOver,
        Effect::StartWeb { any_port: true },
        Effect::StartMail { any_port: true },
        Effect::StopPinger { id: 0 },
        Effect::DeleteMessages(vec![1]),
    ] {
        let answer = replayer.perform(effect.clone());
        assert!(matches!(answer, Some(Msg::OnlyAReplay)), "{effect:?}");
    }
}

/// A record in a file, with a line that is damaged and one that is cut off.
fn file(folder: &Path) -> PathBuf {
    let path = folder.join("a \u{202e}.jsonl");
    let mut writer = Writer::new(File::create(&path).unwrap(), &header()).unwrap();
    for at in [100, 200, 400] {
        let what = What::Event(Event::Echo(EchoEvent::Failed {
            error: at.to_string(),
        }));
        let at = SECOND * at;
        writer.write(&Entry { at, what }).unwrap();
    }
    writer.flush().unwrap();
    drop(writer);
    let mut lines = File::options().append(true).open(&path).unwrap();
    lines.write_all(b"{\"at\":1,\"event\":\n{\"at\":4").unwrap();
    path
}

#[test]
fn a_damaged_file_is_played_as_far_as_it_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let replay = Replay {
        file: file(folder.path()),
        ..plan(Speed::Max, None)
    };
    let mut replayer = Replayer::open(&replay, folder.path().to_owned(), Words(Lang::En)).unwrap();
    let playback = replayer.playback(Instant::now());
    assert!(playback.file.starts_with("a ") && !playback.file.contains('\u{202e}'));
    settle(&mut replayer);
    let now = Instant::now();
    let news = replayer.news(now);
    let events = news.iter().find_map(|msg| match msg {
        Msg::Events { events, .. } => Some(events.len()),
        _ => None,
    });
    assert_eq!(events, Some(3));
    let playback = replayer.playback(now);
    assert_eq!((playback.entries, playback.damaged), (3, 2));
    assert_eq!(playback.length, Some(SECOND * 300));
}

#[test]
fn the_end_is_known_before_it_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(last_time(&file(folder.path())), Some(SECOND * 400));
    let long = folder.path().join("long.jsonl");
    let out = std::io::BufWriter::new(File::create(&long).unwrap());
    let mut writer = Writer::new(out, &header()).unwrap();
    for at in 0..20_000 {
        let what = What::Note("x".repeat(30));
        let at = SECOND * at;
        writer.write(&Entry { at, what }).unwrap();
    }
    writer.flush().unwrap();
    drop(writer);
    assert!(std::fs::metadata(&long).unwrap().len() > TAIL.0 * 2);
    assert_eq!(last_time(&long), Some(SECOND * 19_999));
}

#[test]
fn what_is_no_record_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let open = |text: &str| {
        let file = folder.path().join("file");
        std::fs::write(&file, text).unwrap();
        let replay = Replay {
            file,
            ..plan(Speed::Max, None)
        };
        Replayer::open(&replay, PathBuf::new(), Words(Lang::En)).err()
    };
    assert!(matches!(open(""), Some(NotARecord::Empty)));
    assert!(matches!(open("{}\n"), Some(NotARecord::NoHeader)));
    let newer = "{\"sockscope-record\":99}\n";
    assert!(matches!(open(newer), Some(NotARecord::Version(99))));
    let missing = plan(Speed::Max, None);
    let error = Replayer::open(&missing, PathBuf::new(), Words(Lang::En)).err();
    assert!(matches!(error, Some(NotARecord::Io(_))));
}
