//! The figures of a real session over loopback, and those that its record gives.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sockscope::dashboard::app::{Effect, Msg};
use sockscope::dashboard::effects::Shown;
use sockscope::dashboard::effects::replay::Replayer;
use sockscope::dashboard::playback::Motion;
use sockscope::dashboard::tabs::ping::Figures;
use sockscope::net::echo::{EchoConfig, EchoServer};
use sockscope::net::files::Root;
use sockscope::net::mail_server::{MailServer, MailServerConfig};
use sockscope::net::maildir::Store;
use sockscope::net::os;
use sockscope::net::pinger::{Pinger, PingerConfig};
use sockscope::net::web::WebServer;
use sockscope::proto::guard::Caps;
use sockscope::proto::link::{LegSettings, LinkSettings};
use sockscope::proto::ping::{Mode, Plan, Text};
use sockscope::proto::smtp::server::{
    Accounts, EndOfData, Limits as MailLimits, Service as MailService,
};
use sockscope::settings::replay::{Replay, Speed};
use sockscope::trace::bounded::Bounded;
use sockscope::trace::clock::Clock;
use sockscope::trace::record::{Entry, Header, VERSION, Writer};
use sockscope::trace::recorder::{FILE_SNAPLEN, Item, Secrets};
use sockscope::trace::tap::Tap;
use sockscope::trace::web::WebFigures;
use sockscope::words::Words;

use super::watch::Watch;
use crate::support::web::config;
use crate::support::{PATIENCE, folder};

const SECOND: Duration = Duration::from_secs(1);
const ALL: Shown = Shown {
    rtt_bars: false,
    web: true,
    mail: true,
};

/// A lab's tap, and what a file is told by it.
fn recorded() -> (Clock, Tap, Bounded<Item>) {
    let watch = Watch::new(Secrets::Masked);
    let file = watch.file(FILE_SNAPLEN);
    (watch.clock, watch.tap, file)
}

/// Plays what was recorded, by way of a record's lines.
fn replay(clock: Clock, file: &Bounded<Item>) -> Replayer {
    let mut items = Vec::new();
    assert_eq!(file.drain(&mut items), 0, "nothing was left out");
    let folder = folder();
    let record = folder.path().join("a.jsonl");
    let header = Header {
        version: VERSION,
        program: "sockscope 0".to_owned(),
        command: "sockscope".to_owned(),
        started: clock.wall(Duration::ZERO),
    };
    let out = File::create(&record).expect("it is new");
    let mut writer = Writer::new(out, &header).expect("there is room");
    for item in items {
        let entry = Entry::of(item, Duration::ZERO);
        writer.write(&entry).expect("there is room");
    }
    drop(writer);
    let replay = Replay {
        file: record,
        speed: Speed::Max,
        from: None,
    };
    let mut replayer =
        Replayer::open(&replay, PathBuf::new(), Words::default()).expect("it is a record");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = Instant::now();
        replayer.news(now);
        let playback = replayer.playback(now);
        if playback.motion == Motion::Ended {
            assert_eq!(playback.damaged, 0);
            return replayer;
        }
        assert!(now < deadline, "{playback:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A message of the mailbox as it was sent.
fn stored(replayer: &mut Replayer, id: u64) -> Vec<u8> {
    match replayer.perform(Effect::ReadMessage(id)) {
        Some(Msg::MessageRead { stored, .. }) => stored.expect("it is in the record").to_vec(),
        other => panic!("{other:?}"),
    }
}

fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

#[test]
fn pings_and_datagrams_are_counted_as_they_were() {
    let (clock, tap, file) = recorded();
    let config = EchoConfig {
        listen: local(),
        link: LinkSettings {
            request: LegSettings {
                loss: "30%".parse().unwrap(),
                ..Default::default()
            },
            ..LinkSettings::default()
        },
        seed: 7,
        caps: Caps {
            per_source: u32::MAX,
            total: u32::MAX,
        },
        allow_remote_duplicates: false,
        count: None,
    };
    let mut server = EchoServer::start(config, clock, tap.clone()).unwrap();
    let clock_step = os::clock_step();
    let config = PingerConfig {
        id: 3,
        target: server.address(),
        plan: Plan {
            mode: Mode::Steady {
                interval: Duration::from_millis(1),
            },
            count: Some(100),
            timeout: Duration::from_millis(100),
            text: Text::Plain,
        },
        clock_step,
    };
    let pinger = Pinger::start(config, clock, tap).unwrap();
    while pinger.with_stats(|stats| stats.counts().decided()) < 100 {
        std::thread::sleep(Duration::from_millis(10));
    }
    server.stop();
    let counters = replay(clock, &file).counters(ALL);
    let mut counts = server.counts();
    // What the kernel dropped, the server asks for when it counts; nobody is told.
    counts.kernel_dropped = None;
    assert_eq!(counters.echo, Some((counts, server.clients())));
    assert!(counts.totals.request_lost > 10, "{counts:?}");
    let figures = pinger.with_stats(Figures::of);
    assert_eq!(figures.counts.sent, 100);
    assert_eq!(counters.targets, [(3, figures)]);
}

#[test]
fn requests_are_counted_as_they_were() {
    let (clock, tap, file) = recorded();
    let config = config(Root::Embedded);
    let mut server = WebServer::start(config, clock, tap).unwrap();
    for request in [
        "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /none HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "",
        "GET / HT",
    ] {
        let mut client = TcpStream::connect(server.address()).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        client.read_to_end(&mut Vec::new()).unwrap();
    }
    server.stop(SECOND);
    let mut figures = server.figures();
    // What the system had no descriptor for, no event tells.
    assert_eq!(figures.counts.accept_failures.take(), Some(0));
    let report = replay(clock, &file).counters(ALL).web.unwrap();
    assert_eq!(figures.counts.requests, 5);
    assert_eq!(report.figures.counts, figures.counts);
    let durations = |figures: &WebFigures| {
        let durations = &figures.durations;
        (
            durations.count(),
            durations.min(),
            durations.mean(),
            durations.p99(),
        )
    };
    assert_eq!(durations(&report.figures), durations(&figures));
    assert_eq!((report.connections.len(), report.more), (0, 0));
}

/// Reads a reply to its last line, which has a blank behind its code.
fn read_reply(client: &mut impl BufRead) {
    loop {
        let mut line = String::new();
        assert!(
            client.read_line(&mut line).unwrap() > 0,
            "the server closed"
        );
        if line.get(3..4) == Some(" ") {
            return;
        }
    }
}

#[test]
fn mail_is_counted_as_it_was() {
    let (clock, tap, file) = recorded();
    let config = MailServerConfig {
        listen: local(),
        tls_listen: None,
        store: Store::Memory,
        service: MailService {
            name: "lab.example".to_owned(),
            accounts: Accounts::Anybody,
            limits: MailLimits {
                message: 1_000,
                recipients: 100,
                messages: 100,
                mailbox: 1 << 20,
                connections: 10,
                idle: Duration::from_secs(60),
                errors: 20,
            },
        },
        faults: Vec::new(),
        end_of_data: EndOfData::Strict,
        certificate: None,
    };
    let mut server = MailServer::start(config, clock, tap).unwrap();
    let message = "Subject: One\r\n\r\n..dot\r\n.\r\n";
    let too_long = format!("{}\r\n.\r\n", "x".repeat(2_000));
    let begin = "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n";
    for dialogue in [
        vec!["EHLO c.example\r\n", begin, "DATA\r\n", message, "QUIT\r\n"],
        vec![
            "HELO c\r\n",
            begin,
            "DATA\r\n",
            too_long.as_str(),
            "QUIT\r\n",
        ],
        vec![
            "EHLO c\r\n",
            begin,
            "BDAT 4\r\nabcd",
            "BDAT 2 LAST\r\n\r\n",
            "BOGUS\r\n",
            "QUIT\r\n",
        ],
        vec![
            "EHLO c\r\n",
            begin,
            "BDAT 4\r\nabcd",
            "RSET\r\n",
            "QUIT\r\n",
        ],
        vec!["EHLO c\r\n", begin, "DATA\r\n", "half a"],
    ] {
        let mut client = BufReader::new(TcpStream::connect(server.address()).unwrap());
        for part in std::iter::once("").chain(dialogue) {
            client.get_mut().write_all(part.as_bytes()).unwrap();
            let replies = match part {
                "half a" => 0,
                part if part == begin => 2,
                _ => 1,
            };
            for _ in 0..replies {
                read_reply(&mut client);
            }
        }
    }
    while server.report().counts.open > 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    server.stop(SECOND);
    let mut live = server.report();
    // Which replies a fault spoilt, no event tells.
    assert_eq!(live.counts.faults.take(), Some(0));
    let mut replayer = replay(clock, &file);
    let report = replayer.counters(ALL).mail.unwrap();
    assert_eq!((live.counts.messages, live.counts.refused), (2, 3));
    assert_eq!(report.counts, live.counts);
    assert_eq!(report.held, live.held);
    let search = String::new();
    let Some(Msg::Mailbox(page)) = replayer.perform(Effect::ReadMailbox { search }) else {
        panic!("it answers at once");
    };
    assert_eq!(page.listed[1].subject, "One");
    let first = stored(&mut replayer, page.listed[1].id);
    assert_eq!(first, b"Subject: One\r\n\r\n.dot\r\n");
    assert_eq!(stored(&mut replayer, page.listed[0].id), b"abcd\r\n");
}
