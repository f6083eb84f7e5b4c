use std::io::BufReader;
use std::time::SystemTime;

use super::*;
use crate::trace::event::{EchoEvent, Event};
use crate::trace::record::{Damage, Reader};
use crate::trace::recorder::Secrets;
use crate::trace::start_error::Transport;
use crate::trace::tap::Tap;
use crate::trace::wire::{Call, End, Lab};

struct Bench {
    folder: tempfile::TempDir,
    clock: Clock,
    recorder: Recorder,
    tap: Tap,
}

impl Bench {
    fn new() -> Self {
        let clock = Clock::new(Instant::now(), SystemTime::now());
        let recorder = Recorder::new(clock, Secrets::Masked, None);
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock,
            tap: Tap::new(1_000, || {}).recording(recorder.clone()),
            recorder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn target(&self, name: &str) -> Target {
        let path = self.path(name);
        Target {
            format: Format::of(&path),
            path,
            overwrite: false,
        }
    }

    fn start(&self, targets: Vec<Target>, held: Vec<Item>) -> Result<Recording, OpenError> {
        let command = "sockscope".to_owned();
        Recording::start(&self.recorder, targets, self.clock, command, held)
    }

    fn record(&self, name: &str) -> Recording {
        self.start(vec![self.target(name)], Vec::new()).unwrap()
    }

    /// A lab opens a socket, tells an event, and somebody writes a note.
    fn happen(&self, note: &str) {
        let log = self.recorder.socket(Lab::Ping, End::Client, Transport::Udp);
        log.call(Call::Socket, Instant::now(), &Ok(()));
        self.tap.push(failed(note));
        self.recorder.note(self.clock.at(Instant::now()), note);
    }
}

fn failed(error: &str) -> Event {
    Event::Echo(EchoEvent::Failed {
        error: error.to_owned(),
    })
}

fn read(path: &Path) -> Vec<Result<Entry, Damage>> {
    let file = BufReader::new(File::open(path).unwrap());
    Reader::open(file).unwrap().collect()
}

/// What happened, without calls: their times are those of the test.
fn told(path: &Path) -> Vec<String> {
    read(path)
        .into_iter()
        .map(|entry| match entry.unwrap().what {
            What::Event(Event::Echo(EchoEvent::Failed { error })) => format!("event {error}"),
            What::Call(call) => call.call.name().to_owned(),
            What::Note(text) => format!("note {text}"),
            What::LeftOut(count) => format!("left out {count}"),
            other => format!("{other:?}"),
        })
        .collect()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn all_that_is_told_is_written_in_order() {
    let bench = Bench::new();
    bench.happen("before");
    let recording = bench.record("a.jsonl");
    bench.happen("one");
    bench.happen("two");
    let progress = recording.stop();
    bench.happen("after");
    let path = bench.path("a.jsonl");
    let both = |note: &str| {
        [
            "socket".to_owned(),
            format!("event {note}"),
            format!("note {note}"),
        ]
    };
    assert_eq!(told(&path), [both("one"), both("two")].concat());
    let bytes = fs::metadata(&path).unwrap().len();
    let expected = Progress {
        path,
        format: Format::Jsonl,
        written: 6,
        bytes,
        left_out: 0,
        error: None,
    };
    assert_eq!(progress, [expected]);
}

#[test]
fn what_has_no_time_happened_about_when_the_next_thing_did() {
    let bench = Bench::new();
    let note = |at| Item::Note {
        at: Duration::from_nanos(at),
        text: String::new(),
    };
    let held = vec![
        note(5),
        Item::Event(failed("x")),
        Item::Event(failed("y")),
        note(7),
    ];
    let recording = bench.start(vec![bench.target("b.jsonl")], held).unwrap();
    recording.stop();
    let times: Vec<_> = read(&bench.path("b.jsonl"))
        .into_iter()
        .map(|entry| entry.unwrap().at.as_nanos())
        .collect();
    assert_eq!(times, [5, 7, 7, 7]);
}

#[test]
fn a_file_that_is_there_is_not_overwritten_unless_asked() {
    let bench = Bench::new();
    let (first, mut second) = (bench.target("new.jsonl"), bench.target("old.jsonl"));
    fs::write(&second.path, "precious").unwrap();
    let refused = bench.start(vec![first.clone(), second.clone()], Vec::new());
    let Err(OpenError::Exists(path)) = refused.map(drop) else {
        panic!("it must be refused");
    };
    assert_eq!(path, second.path);
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    assert!(!first.path.exists(), "no file is begun if one can't be");
    second.overwrite = true;
    bench.start(vec![first, second], Vec::new()).unwrap().stop();
    assert_eq!(read(&path), []);
    #[cfg(unix)]
    for name in ["new.jsonl", "old.jsonl"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(bench.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn what_cannot_be_begun_says_why() {
    let bench = Bench::new();
    for name in ["missing/a.jsonl", ""] {
        let failed = bench.start(vec![bench.target(name)], Vec::new());
        let error = failed.map(drop).unwrap_err().to_string();
        let folder = bench.folder.path().display().to_string();
        assert!(error.contains(&folder), "{error}");
    }
    assert!(
        !bench
            .recorder
            .socket(Lab::Web, End::Client, Transport::Tcp)
            .is_wanted()
    );
}

#[test]
fn after_a_crash_all_that_was_flushed_is_whole() {
    let bench = Bench::new();
    let recording = bench.record("a.jsonl");
    bench.happen("seen");
    wait_until("it is written while it goes on", || {
        recording.progress()[0].written == 3
    });
    // The program is gone without a word.
    std::mem::forget(recording);
    assert_eq!(
        told(&bench.path("a.jsonl")),
        ["socket", "event seen", "note seen"]
    );
}

#[test]
fn a_recording_that_is_dropped_is_whole() {
    let bench = Bench::new();
    let recording = bench.record("a.jsonl");
    bench.happen("last");
    drop(recording);
    assert_eq!(told(&bench.path("a.jsonl")).len(), 3);
}

#[test]
fn what_was_kept_and_told_is_written_once() {
    let bench = Bench::new();
    let note = |at, text: &str| Item::Note {
        at: Duration::from_nanos(at),
        text: text.to_owned(),
    };
    let target = vec![bench.target("a.jsonl")];
    let opened =
        Recording::open(&bench.recorder, target, bench.clock, "sockscope".to_owned()).unwrap();
    // The last two reach the file's ring and, on their way over the screen, what is kept.
    bench.recorder.note(Duration::from_nanos(20), "b");
    bench.tap.push(failed("c"));
    bench.recorder.note(Duration::from_nanos(30), "d");
    let held = vec![
        note(10, "a"),
        Item::Event(failed("kept")),
        note(20, "b"),
        Item::Event(failed("c")),
    ];
    opened.begin(held).unwrap().stop();
    assert_eq!(
        told(&bench.path("a.jsonl")),
        ["note a", "event kept", "note b", "event c", "note d"]
    );
}

#[test]
fn a_flood_is_left_out_and_said() {
    let bench = Bench::new();
    let target = vec![bench.target("a.jsonl")];
    let opened =
        Recording::open(&bench.recorder, target, bench.clock, "sockscope".to_owned()).unwrap();
    bench.tap.push_all((0..RING.0 + 7).map(|_| failed("")));
    let progress = opened.begin(Vec::new()).unwrap().stop();
    assert_eq!(progress[0].left_out, 7);
    assert_eq!(progress[0].written, RING.0 as u64 + 1);
    assert_eq!(told(&bench.path("a.jsonl")).last().unwrap(), "left out 7");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_ends_its_file_and_nothing_else() {
    let bench = Bench::new();
    let full = Target {
        format: Format::Jsonl,
        path: "/dev/full".into(),
        overwrite: false,
    };
    let refused = bench.start(vec![full.clone()], Vec::new());
    assert!(
        matches!(refused, Err(OpenError::Io { .. })),
        "not even the header fits"
    );
    assert!(Path::new("/dev/full").exists(), "a device is not removed");
    // A disk that is full later: the file of the outlet is changed under its hands.
    let target = vec![bench.target("a.jsonl"), bench.target("b.jsonl")];
    let opened =
        Recording::open(&bench.recorder, target, bench.clock, "sockscope".to_owned()).unwrap();
    let device = Destination::open(Path::new("/dev/full"), false).unwrap();
    lock(&opened.outlets[0].out.0).file = Some(BufWriter::new(device));
    let recording = opened.begin(Vec::new()).unwrap();
    bench.happen("one");
    wait_until("the error is told", || {
        recording.progress()[0].error.is_some()
    });
    bench.happen("two");
    let progress = recording.stop();
    assert_eq!(progress[1].error, None);
    assert_eq!(progress[1].written, 6);
    assert_eq!(told(&bench.path("b.jsonl")).len(), 6);
}

#[test]
fn a_file_that_ends_in_the_middle_is_cut_back_to_what_is_whole() {
    let bench = Bench::new();
    let path = bench.path("a.jsonl");
    let mut out = Out::new(Destination::open(&path, false).unwrap());
    out.write_all(b"whole\n").unwrap();
    out.flush().unwrap();
    // So much is not buffered: the system takes it at once.
    out.write_all(&[b'x'; 100_000]).unwrap();
    assert!(fs::metadata(&path).unwrap().len() > 6);
    assert_eq!(out.waiting(), 100_000);
    out.give_up();
    assert_eq!(fs::read(&path).unwrap(), b"whole\n");
    assert_eq!(out.bytes(), 6);
}

#[test]
#[cfg(target_os = "linux")]
fn when_no_file_is_left_the_labs_need_not_tell() {
    let bench = Bench::new();
    let target = vec![bench.target("a.jsonl")];
    let opened =
        Recording::open(&bench.recorder, target, bench.clock, "sockscope".to_owned()).unwrap();
    let device = Destination::open(Path::new("/dev/full"), false).unwrap();
    lock(&opened.outlets[0].out.0).file = Some(BufWriter::new(device));
    let recording = opened.begin(Vec::new()).unwrap();
    bench.happen("one");
    let log = bench.recorder.socket(Lab::Web, End::Server, Transport::Tcp);
    wait_until("nobody wants calls any more", || !log.is_wanted());
    assert!(recording.stop()[0].error.is_some());
}
