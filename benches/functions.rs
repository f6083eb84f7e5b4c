//! What single functions cost: `cargo bench --bench functions`, or with a word that chooses, such as `frame`.

mod scene;

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sockscope::dashboard::tabs::ping::Figures;
use sockscope::proto::link::{Link, LinkSettings, SpecError};
use sockscope::proto::ping::{Mode, Plan, Session, Text};
use sockscope::proto::stats::{PingStats, Reply};
use sockscope::trace::event::{EchoDatagram, EchoEvent, Event, Excerpt, Ruling};
use sockscope::trace::tap::Tap;

use scene::{MANY, Scene};

/// The length of the datagrams that are judged and carried.
const BYTES: usize = 32;
/// Datagrams that the echo server reports together.
const BATCH: usize = 32;

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

criterion_group!(functions, link, session, stats, tap, frame);
criterion_main!(functions);
