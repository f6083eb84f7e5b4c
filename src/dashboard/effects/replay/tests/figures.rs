//! The figures of a real session over loopback, and those that its record gives.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use super::*;
use crate::net::echo::{EchoConfig, EchoServer};
use crate::net::files::{Policy, Root};
use crate::net::mail_server::{MailServer as Server, MailServerConfig};
use crate::net::maildir::Store;
use crate::net::pinger::{Pinger, PingerConfig};
use crate::net::web::{Keep, Trace, WebConfig, WebServer as Web};
use crate::proto::guard::Caps;
use crate::proto::http::service::{Limits, Service};
use crate::proto::ping::{Mode, Plan, Text};
use crate::proto::smtp::server::{Accounts, EndOfData, Limits as MailLimits, Service as Mail};
use crate::trace::bounded::Bounded;
use crate::trace::recorder::{FILE_SNAPLEN, Item, Recorder, Secrets};
use crate::trace::tap::Tap;

const ALL: Shown = Shown {
    rtt_bars: false,
    web: true,
    mail: true,
};

/// A lab's tap, and what a file is told by it.
fn recorded() -> (Clock, Tap, Bounded<Item>) {
    let clock = Clock::new(Instant::now(), header().started);
    let recorder = Recorder::new(clock, Secrets::Masked, None);
    let file = Bounded::new(65_536, 64 << 20, || {});
    recorder.set_file(Some((file.clone(), FILE_SNAPLEN)));
    (clock, Tap::new(16, || {}).recording(recorder), file)
}

/// Plays what was recorded, by way of a record's lines.
fn replay(file: &Bounded<Item>) -> Replayer {
    let mut items = Vec::new();
    assert_eq!(file.drain(&mut items), 0, "nothing was left out");
    let mut lines = Vec::new();
    let mut writer = Writer::new(&mut lines, &header()).unwrap();
    for item in items {
        writer.write(&Entry::of(item, Duration::ZERO)).unwrap();
    }
    drop(writer);
    let reader = Reader::open(std::io::Cursor::new(lines)).unwrap();
    let plan = plan(Speed::Max, None);
    let mut replayer =
        Replayer::new(&header(), reader, &plan, PathBuf::new(), Words(Lang::En)).unwrap();
    while replayer.playback(Instant::now()).motion != Motion::Ended {
        settle(&mut replayer);
        replayer.news(Instant::now());
    }
    assert_eq!(replayer.playback(Instant::now()).damaged, 0);
    replayer
}

fn local() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

#[test]
fn pings_and_datagrams_are_counted_as_they_were() {
    let (clock, tap, file) = recorded();
    let config = EchoConfig {
        listen: local(),
        link: LinkSettings {
            request: crate::proto::link::LegSettings {
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
    let counters = replay(&file).counters(ALL);
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
    let config = WebConfig {
        listen: local(),
        root: Root::Embedded,
        policy: Policy::default(),
        trace: Trace::Refused,
        service: Service::default(),
        limits: Limits::default(),
        keep: Keep::SCREEN,
        words: Words(Lang::En),
    };
    let mut server = Web::start(config, clock, tap).unwrap();
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
    let figures = server.figures();
    let report = replay(&file).counters(ALL).web.unwrap();
    assert_eq!(figures.counts.requests, 5);
    assert_eq!(report.figures.counts, figures.counts);
    let durations = |figures: &crate::trace::web::WebFigures| {
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
        service: Mail {
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
    let mut server = Server::start(config, clock, tap).unwrap();
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
    let live = server.report();
    let mut replayer = replay(&file);
    let report = replayer.counters(ALL).mail.unwrap();
    assert_eq!((live.counts.messages, live.counts.refused), (2, 3));
    assert_eq!(report.counts, live.counts);
    assert_eq!(report.held, live.held);
    let page = replayer.mail.list("");
    assert_eq!(page.listed[1].subject, "One");
    let stored = replayer.mail.read(page.listed[1].id).unwrap();
    assert_eq!(&*stored, b"Subject: One\r\n\r\n.dot\r\n");
    let stored = replayer.mail.read(page.listed[0].id).unwrap();
    assert_eq!(&*stored, b"abcd\r\n");
}
