//! Records that are played and recorded again: the same entries in the same order, whatever is between.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sockscope::dashboard::effects::replay::Replayer;
use sockscope::dashboard::playback::{Motion, Playback};
use sockscope::net::echo::{EchoConfig, EchoServer};
use sockscope::net::files::Root;
use sockscope::net::mail_client::MailClient;
use sockscope::net::mail_server::MailServer;
use sockscope::net::pinger::{Pinger, PingerConfig};
use sockscope::net::recording::{Format, Recording, Target};
use sockscope::net::request_sender::{Plan as Request, RequestSender};
use sockscope::net::resolve::Family;
use sockscope::net::web::WebServer;
use sockscope::proto::guard::Caps;
use sockscope::proto::http::script::Pace;
use sockscope::proto::link::LinkSettings;
use sockscope::proto::ping::{Mode, Plan, Text};
use sockscope::settings;
use sockscope::settings::replay::{From, Replay, Speed};
use sockscope::trace::event::Event;
use sockscope::trace::record::{Entry, Reader, What};
use sockscope::trace::recorder::Secrets;
use sockscope::trace::wire::{Call, End, Lab};
use sockscope::words::Words;
use tempfile::TempDir;

use super::watch::Watch;
use crate::support::mail::{Setup, plan};
use crate::support::web::config;
use crate::support::{PATIENCE, folder};

const PINGS: u64 = 40;

fn target(path: &Path) -> Target {
    Target {
        format: Format::of(path),
        path: path.to_owned(),
        overwrite: false,
    }
}

/// Lets all three labs do something, and records and captures it.
fn session(folder: &TempDir) -> (PathBuf, u64) {
    let (record, capture) = (
        folder.path().join("a.jsonl"),
        folder.path().join("a.pcapng"),
    );
    let mut watch = Watch::new(Secrets::Masked);
    let recorder = watch.tap.recorder().clone();
    let targets = vec![target(&record), target(&capture)];
    let recording = Recording::start(
        &recorder,
        targets,
        watch.clock,
        "sockscope".to_owned(),
        Vec::new(),
    )
    .expect("the folder is empty");

    ping(&mut watch);
    recorder.note(watch.clock.at(Instant::now()), "now the web\u{202e}");
    web(&mut watch);
    mail(&mut watch);

    let told = recording.stop();
    let errors: Vec<_> = told.iter().filter_map(|file| file.error.clone()).collect();
    assert_eq!(errors, [""; 0]);
    assert!(told.iter().all(|file| file.left_out == 0), "{told:?}");
    (record, told[1].written)
}

fn ping(watch: &mut Watch) {
    let mut link = LinkSettings::default();
    link.request.loss = "40%".parse().expect("in the notation");
    link.reply.duplicate = "20%".parse().expect("in the notation");
    let config = EchoConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        link: link.clone(),
        seed: 42,
        caps: Caps {
            per_source: 10_000,
            total: 10_000,
        },
        allow_remote_duplicates: false,
        count: None,
    };
    let (clock, tap) = (watch.clock, watch.tap.clone());
    let mut server = EchoServer::start(config, clock, tap.clone()).expect("a free port");
    let config = PingerConfig {
        id: 0,
        target: server.address(),
        plan: Plan {
            mode: Mode::Steady {
                interval: Duration::from_millis(2),
            },
            count: Some(PINGS),
            timeout: Duration::from_millis(100),
            text: Text::Token { key: 7, size: 0 },
        },
        clock_step: Duration::from_nanos(1),
    };
    let pinger = Pinger::start(config, clock, tap).expect("a socket opens");
    link.request.loss = "0%".parse().expect("in the notation");
    server.set_link(link);
    watch.until_called(End::Client, "close", 1);
    drop(pinger);
    server.stop();
}

fn web(watch: &mut Watch) {
    let config = config(Root::Embedded);
    let (clock, tap) = (watch.clock, watch.tap.clone());
    let mut server = WebServer::start(config, clock, tap.clone()).expect("a free port");
    let before = watch.sockets(End::Client).len();
    for (place, request) in [
        "GET / HTTP/1.1\r\nHost: h\r\nCookie: id=1\r\nConnection: close\r\n\r\n",
        "GET /none HTTP/1.0\r\n\r\n",
        "bytes that are \u{1b}[2J no HTTP\r\n\r\n",
    ]
    .into_iter()
    .enumerate()
    {
        let plan = Request {
            target: settings::Target {
                host: "127.0.0.1".to_owned(),
                port: server.address().port(),
            },
            family: Family::Any,
            bytes: request.as_bytes().to_vec(),
            pace: Pace::AtOnce,
            patience: PATIENCE,
        };
        let sender = RequestSender::start(place as u64, plan, clock, tap.clone());
        let sender = sender.expect("a thread starts");
        watch.until("its end", |watch| {
            let sockets = watch.sockets(End::Client);
            let socket = sockets.get(before + place);
            socket.is_some_and(|socket| watch.of(*socket).any(|call| call.call == Call::Close))
        });
        drop(sender);
    }
    server.stop(PATIENCE);
}

fn mail(watch: &mut Watch) {
    let (clock, tap) = (watch.clock, watch.tap.clone());
    let server = MailServer::start(Setup::new().config, clock, tap.clone());
    let mut server = server.expect("a free port");
    let client = MailClient::start(1, plan(server.address()), clock, tap);
    let client = client.expect("a thread starts");
    let deadline = Instant::now() + PATIENCE;
    while !client.is_finished() || server.report().counts.open > 0 {
        assert!(Instant::now() < deadline, "the mail is sent");
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(client);
    server.stop(PATIENCE);
}

/// Plays a record as fast as it goes, and writes these files of it. Tells where it ended, and how much is in each file.
fn play(record: &Path, files: &[&Path], from: Option<From>) -> (Playback, Vec<u64>) {
    let replay = Replay {
        file: record.to_owned(),
        speed: Speed::Max,
        from,
    };
    let folder = record.parent().expect("it is in a folder").to_owned();
    let mut replayer = Replayer::open(&replay, folder, Words::default()).expect("it is a record");
    let targets = files.iter().map(|path| target(path)).collect();
    replayer.start_recording(targets).expect("they are new");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = Instant::now();
        replayer.news(now);
        let playback = replayer.playback(now);
        if playback.motion == Motion::Ended {
            let written = replayer.recorded().into_iter().map(|file| file.written);
            return (playback, written.collect());
        }
        assert!(now < deadline, "{playback:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The header's times, and the lines behind it.
fn lines(record: &Path) -> (String, Vec<String>) {
    let text = fs::read_to_string(record).expect("it is text");
    let mut lines = text.lines().map(str::to_owned);
    let header = lines.next().expect("it has a header");
    let header: serde_json::Value = serde_json::from_str(&header).expect("it is JSON");
    (header["started"].to_string(), lines.collect())
}

fn entries(record: &Path) -> Vec<Entry> {
    let bytes = fs::read(record).expect("it is there");
    let reader = Reader::open(bytes.as_slice()).expect("it is a record");
    reader.map(|entry| entry.expect("it is whole")).collect()
}

#[test]
fn what_is_played_is_recorded_again_as_it_was() {
    let folder = folder();
    let (first, packets) = session(&folder);
    let told = entries(&first);
    for lab in Lab::ALL {
        let calls = told.iter().filter(|entry| match &entry.what {
            What::Call(call) => call.lab == lab,
            _ => false,
        });
        assert!(calls.count() > 10, "{lab:?} is in it");
    }
    let has = |wanted: fn(&Event) -> bool| {
        let mut events = told.iter().filter_map(|entry| match &entry.what {
            What::Event(event) => Some(event),
            _ => None,
        });
        assert!(events.any(wanted), "every kind of event is in it");
    };
    has(|event| matches!(event, Event::Echo(_)));
    has(|event| matches!(event, Event::Ping { .. }));
    has(|event| matches!(event, Event::Web(_)));
    has(|event| matches!(event, Event::Sender { .. }));
    has(|event| matches!(event, Event::Mail(_)));
    has(|event| matches!(event, Event::Sending { .. }));

    let path = |name: &str| folder.path().join(name);
    let (second, third, capture) = (path("b.jsonl"), path("c.jsonl"), path("b.pcapng"));
    let count = told.len() as u64;
    let (playback, written) = play(&first, &[&second, &capture], None);
    assert_eq!((playback.entries, playback.damaged), (count, 0));
    assert_eq!(
        written,
        [count, packets],
        "as many packets as were captured"
    );
    // Those before the place at which playing begins are played, too.
    let late = Some(From::Offset(Duration::from_secs(1_000)));
    assert_eq!(play(&second, &[&third], late).1, [count]);
    assert_eq!(entries(&second), told);
    assert_eq!(entries(&third), told);
    assert_eq!(lines(&second), lines(&first), "to the letter");
    assert_eq!(lines(&third), lines(&first));
}

#[test]
fn a_damaged_line_is_not_recorded_and_the_rest_is_the_same() {
    let folder = folder();
    let (first, _) = session(&folder);
    let (started, whole) = lines(&first);
    let text = fs::read_to_string(&first).expect("it is text");
    let mut damaged: Vec<&str> = text.lines().collect();
    let place = damaged.len() / 2;
    let half = &damaged[place][..damaged[place].len() / 2];
    damaged.insert(place, half);
    damaged.insert(place, "{\"at\":5,\"future\":{}}");
    let record = folder.path().join("damaged.jsonl");
    // The last line is cut off, as after a crash.
    let text = format!("{}\n{{\"at\":7,\"no", damaged.join("\n"));
    fs::write(&record, text).expect("there is room");

    let again = folder.path().join("again.jsonl");
    let (playback, written) = play(&record, &[&again], None);
    assert_eq!(playback.damaged, 3);
    assert_eq!(written, [whole.len() as u64]);
    assert_eq!(lines(&again), (started, whole));
}

#[test]
fn a_record_is_not_written_over_itself() {
    let folder = folder();
    let record = folder.path().join("a.jsonl");
    let header = "{\"sockscope-record\":1,\"program\":\"p\",\"command\":\"c\",\"started\":\"2026-11-22T20:15:03Z\"}\n";
    let text = format!("{header}{{\"at\":1,\"note\":\"x\"}}\n");
    fs::write(&record, &text).expect("there is room");
    let replay = Replay {
        file: record.clone(),
        speed: Speed::Max,
        from: None,
    };
    let mut replayer =
        Replayer::open(&replay, folder.path().to_owned(), Words::default()).expect("a record");
    let target = Target {
        overwrite: true,
        ..target(&folder.path().join(".").join("a.jsonl"))
    };
    let refused = replayer.start_recording(vec![target]);
    let refused = refused.expect_err("it would be gone").to_string();
    assert!(
        refused.contains("it is the record that is played"),
        "{refused}"
    );
    assert_eq!(fs::read_to_string(&record).expect("it is there"), text);
}
