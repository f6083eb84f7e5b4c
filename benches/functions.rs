//! What single functions cost: `cargo bench --bench functions`, or with a word that chooses, such as `frame`.

mod scene;

use std::hint::black_box;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sockscope::dashboard::tabs::ping::Figures;
use sockscope::net::files::{Files, Found, Hidden, Links, Listing, Policy, Root, Wanted};
use sockscope::proto::http::request::{self, Limits, Parser};
use sockscope::proto::http::rule::Rule;
use sockscope::proto::http::status::Status;
use sockscope::proto::link::{Link, LinkSettings, SpecError};
use sockscope::proto::ping::{Mode, Plan, Session, Text};
use sockscope::proto::stats::{PingStats, Reply};
use sockscope::trace::access_log::{AccessLog, LogFormat};
use sockscope::trace::clock::Clock;
use sockscope::trace::event::{EchoDatagram, EchoEvent, Event, Excerpt, Ruling};
use sockscope::trace::tap::Tap;
use sockscope::trace::web::{Ending, Exchange, Message, Parts, Timing};

use scene::{MANY, Scene};

/// The length of the datagrams that are judged and carried.
const BYTES: usize = 32;
/// Datagrams that the echo server reports together.
const BATCH: usize = 32;

/// A request as load generators send it.
const SHORT_HEAD: &[u8] = b"GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\n\r\n";
/// A request as a browser sends it.
const BROWSER_HEAD: &[u8] = b"GET /HelloWorld.html HTTP/1.1\r\n\
Host: 127.0.0.1:6789\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
Accept-Language: en-US,en;q=0.5\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Connection: keep-alive\r\n\
Upgrade-Insecure-Requests: 1\r\n\
Sec-Fetch-Dest: document\r\n\
Sec-Fetch-Mode: navigate\r\n\
Sec-Fetch-Site: none\r\n\
Sec-Fetch-User: ?1\r\n\
If-None-Match: \"18c2f0a1b3d4e5f6-2a0\"\r\n\
Priority: u=0, i\r\n\r\n";

fn every_impairment() -> Result<LinkSettings, SpecError> {
    let mut link = LinkSettings::transparent();
    for leg in [&mut link.request, &mut link.reply] {
        leg.loss = "burst:10%,4".parse()?;
        leg.delay = "20ms,5ms,normal".parse()?;
        leg.duplicate = "5%".parse()?;
        leg.reorder = "5%".parse()?;
        leg.corrupt = "5%".parse()?;
        leg.rate = "10mbit".parse()?;
    }
    Ok(link)
}

fn bursts() -> Result<LinkSettings, SpecError> {
    let mut link = LinkSettings::transparent();
    link.request.loss = "burst:36%,4".parse()?;
    Ok(link)
}

fn link(c: &mut Criterion) {
    let mut group = c.benchmark_group("link judges a datagram");
    group.throughput(Throughput::Elements(1));
    let links = [
        ("transparent", LinkSettings::transparent()),
        ("lab", LinkSettings::default()),
        ("burst loss", bursts().expect("written above")),
        (
            "every impairment, both legs",
            every_impairment().expect("written above"),
        ),
    ];
    for (name, settings) in links {
        let mut link = Link::new(settings, 1);
        let mut client = link.client(0);
        let mut now = Duration::ZERO;
        group.bench_function(name, |b| {
            b.iter(|| {
                now += Duration::from_millis(1);
                link.judge(&mut client, black_box(BYTES), now)
            })
        });
    }
}

fn session(c: &mut Criterion) {
    let from = SocketAddr::from(([127, 0, 0, 1], 12_000));
    let mut session = Session::new(
        Plan {
            mode: Mode::Lab {
                gap: Duration::ZERO,
            },
            count: None,
            timeout: Duration::from_secs(1),
            text: Text::Token { key: 1, size: 0 },
        },
        Duration::ZERO,
    );
    let mut now = Duration::ZERO;
    c.bench_function("session sends a ping and takes its reply", |b| {
        b.iter(|| {
            now += Duration::from_millis(1);
            if let Some((seq, mut datagram)) = session.poll_transmit(now) {
                session.handle_sent(seq, datagram.clone(), now);
                datagram.make_ascii_uppercase();
                let at = now + Duration::from_micros(50);
                session.handle_datagram(&datagram, from, true, at, None);
                session.handle_timeout(at);
            }
            while let Some(event) = session.poll() {
                black_box(event);
            }
        })
    });
}

/// Statistics with many pings behind them, one in three lost.
fn many_pings() -> PingStats {
    let mut stats = PingStats::new(Duration::from_nanos(1));
    for seq in 0..MANY {
        record(&mut stats, seq);
    }
    stats
}

fn record(stats: &mut PingStats, seq: u64) {
    stats.sent(seq);
    if seq.is_multiple_of(3) {
        stats.timed_out(seq);
    } else {
        let rtt = Duration::from_nanos(60_000 + seq.wrapping_mul(7_919) % 3_000_000);
        stats.replied(
            seq,
            Reply {
                rtt,
                ..Reply::default()
            },
        );
    }
}

fn stats(c: &mut Criterion) {
    let mut group = c.benchmark_group("stats, a million pings behind");
    let mut stats = many_pings();
    let mut seq = MANY;
    group.bench_function("record a ping", |b| {
        b.iter(|| {
            record(&mut stats, seq);
            seq += 1;
        })
    });
    group.bench_function("summary", |b| b.iter(|| black_box(&stats).summary()));
    group.bench_function("figures of a frame", |b| {
        b.iter(|| Figures::of(black_box(&stats)))
    });
}

fn event(n: usize) -> Event {
    let text = [b'x'; BYTES];
    Event::Echo(EchoEvent::Datagram(EchoDatagram {
        n: n as u64,
        at: Duration::from_millis(1),
        from: SocketAddr::from(([127, 0, 0, 1], 40_000)),
        bytes: BYTES,
        payload: Excerpt::of(black_box(&text)),
        ruling: Ruling::Replied,
        delay: Duration::ZERO,
        copies: 1,
        corrupted: false,
        held: false,
    }))
}

fn tap(c: &mut Criterion) {
    let mut group = c.benchmark_group("tap");
    group.throughput(Throughput::Elements(BATCH as u64));
    let tap = Tap::new(4_096, || {});
    let mut drained = Vec::new();
    group.bench_function("report, push and drain a batch", |b| {
        b.iter(|| {
            tap.push_all((0..BATCH).map(event));
            drained.clear();
            tap.drain(&mut drained)
        })
    });
    let full = Tap::new(BATCH, || {});
    full.push_all((0..BATCH).map(event));
    group.bench_function("report a batch that is left out", |b| {
        b.iter(|| full.push_all((0..BATCH).map(event)))
    });
}

fn requests(c: &mut Criterion) {
    let mut group = c.benchmark_group("a request's head is read");
    for (name, head) in [("short", SHORT_HEAD), ("of a browser", BROWSER_HEAD)] {
        group.throughput(Throughput::Bytes(head.len() as u64));
        let mut parser = Parser::new(Limits::default());
        group.bench_function(name, |b| {
            b.iter(|| {
                parser.reset();
                let progress = parser.parse(black_box(head));
                (progress, request::Message::of(parser.head(), head))
            })
        });
    }
}

fn access_log(c: &mut Criterion) {
    let mut group = c.benchmark_group("a request is logged");
    let at = Duration::from_micros;
    let mut exchange = Exchange {
        connection: 12,
        number: 3,
        client: SocketAddr::from(([127, 0, 0, 1], 40_000)),
        timing: Timing {
            accepted: at(10),
            arrived: at(100),
            first_byte: at(100),
            begun: at(100),
            parsed: Some(at(101)),
            decided: Some(at(102)),
            first_byte_out: Some(at(105)),
            done: at(105),
        },
        request: Message {
            bytes: BROWSER_HEAD.into(),
            length: BROWSER_HEAD.len() as u64,
        },
        parts: Parts {
            method: 0..3,
            target: 4..20,
            version: 21..29,
            head: BROWSER_HEAD.len(),
            user_agent: Some(65..135),
            referer: None,
        },
        status: Some(Status::OK),
        rule: Some(Rule::Found),
        broken_at: None,
        response: Message::default(),
        response_head: 250,
        content_sent: 672,
        ending: Ending::Complete,
    };
    for format in LogFormat::ALL {
        let clock = Clock::new(Instant::now(), SystemTime::now());
        let mut log = AccessLog::new(format, clock);
        let mut lines = Vec::new();
        group.bench_function(format.name(), |b| {
            b.iter(|| {
                lines.clear();
                // As many requests as fit into a second share its text.
                exchange.timing.arrived += at(5);
                log.request(black_box(&exchange), &mut lines);
            })
        });
    }
}

/// A file of this repository that has been asked for before.
fn file_cache(c: &mut Criterion) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/www");
    let policy = Policy {
        hidden: Hidden::Refused,
        links: Links::Inside,
        listing: Listing::On,
    };
    let mut files = Files::open(&Root::Folder(folder), policy).expect("the folder is here");
    let raw = b"/HelloWorld.html";
    let wanted = Wanted {
        raw,
        segments: &["HelloWorld.html"],
        ends_with_slash: false,
        codings: &[],
    };
    let found = files.find(&wanted, Instant::now(), SystemTime::now());
    assert!(matches!(found, Ok(Found::File(_))), "{found:?}");
    c.bench_function("a file is looked up in the cache", |b| {
        b.iter(|| files.lookup(black_box(raw), &[], Instant::now()))
    });
}

fn frame(c: &mut Criterion) {
    let mut group = c.benchmark_group("frame 200x60");
    let mut scene = Scene::new(MANY);
    group.bench_function("a million pings behind: one more, counters, drawing", |b| {
        b.iter(|| {
            scene.frame();
        })
    });
    group.bench_function("a million pings behind: drawing", |b| {
        b.iter(|| {
            scene.draw();
        })
    });
    group.bench_function("the first of all", |b| {
        b.iter_batched(
            || Scene::new(0),
            |mut scene| {
                scene.frame();
                scene
            },
            BatchSize::SmallInput,
        )
    });
}

criterion_group!(
    functions, link, session, stats, tap, requests, access_log, file_cache, frame
);
criterion_main!(functions);
