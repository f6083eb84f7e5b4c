//! The dashboard with many pings behind it, without a terminal or a socket: what a frame costs after a long class.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use sockscope::dashboard::app::{App, Counters, Msg, Setup};
use sockscope::dashboard::tabs::ping::knobs::{Pace, PaceKind};
use sockscope::dashboard::tabs::ping::{Figures, PingSetup};
use sockscope::proto::link::{Leg, Why};
use sockscope::proto::ping::{Outcome, PingEvent, PingRecord};
use sockscope::proto::stats::PingStats;
use sockscope::trace::clock::Clock;
use sockscope::trace::event::{
    ClientCounts, EchoCounts, EchoDatagram, EchoEvent, Event, Excerpt, PingerEvent, Ruling,
};

/// As many pings as a frame has to bear.
pub const MANY: u64 = 1_000_000;

const INTERVAL: Duration = Duration::from_millis(100);
/// After this many pings the dashboard is handed what has come up.
const CHUNK: u64 = 1_000;
const SIZE: Rect = Rect::new(0, 0, 200, 60);

/// A dashboard that has watched one target of its own server, losing about a third.
pub struct Scene {
    app: App,
    stats: PingStats,
    pings: u64,
    echo: EchoCounts,
    client: SocketAddr,
    buffer: Buffer,
}

impl Scene {
    /// The scene after so many pings.
    pub fn new(pings: u64) -> Self {
        let setup = Setup {
            ping: PingSetup {
                pace: Pace {
                    kind: PaceKind::Steady,
                    interval: INTERVAL,
                    timeout: Duration::from_secs(1),
                },
                ..PingSetup::default()
            },
            ..Setup::default()
        };
        let mut app = App::new(setup, Clock::new(Instant::now(), SystemTime::now()));
        app.area = SIZE;
        app.start();
        let server = SocketAddr::from(([127, 0, 0, 1], 12_000));
        let client = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let mut scene = Self {
            app,
            stats: PingStats::new(Duration::from_nanos(1)),
            pings: 0,
            echo: EchoCounts::default(),
            client,
            buffer: Buffer::empty(SIZE),
        };
        let listening = EchoEvent::Listening {
            address: server,
            seed: 1,
            link: Box::default(),
        };
        scene.tell(vec![Event::Echo(listening)]);
        let started = PingerEvent::Started {
            local: client,
            target: server,
        };
        scene.tell(vec![ping(started)]);
        while scene.pings < pings {
            let mut events = Vec::new();
            for _ in 0..CHUNK.min(pings - scene.pings) {
                scene.ping(&mut events);
            }
            scene.tell(events);
        }
        scene
    }

    /// One more ping, then a frame as the dashboard's loop makes it: events, counters, drawing.
    pub fn frame(&mut self) -> &Buffer {
        let mut events = Vec::new();
        self.ping(&mut events);
        self.tell(events);
        self.count();
        self.draw()
    }

    /// Hands over the counters, as before every frame.
    pub fn count(&mut self) {
        let client = ClientCounts {
            address: self.client,
            totals: self.echo.totals,
            last_seen: self.now(),
        };
        let counters = Counters {
            echo: Some((self.echo, vec![client])),
            targets: vec![(0, Figures::with_bars(&self.stats))],
            web: None,
            mail: None,
            capture: None,
        };
        let now = self.now();
        self.app.update(Msg::Counters(counters), now);
    }

    /// Draws, and nothing else.
    pub fn draw(&mut self) -> &Buffer {
        self.buffer.reset();
        (&mut self.app).render(SIZE, &mut self.buffer);
        &self.buffer
    }

    fn now(&self) -> Duration {
        INTERVAL * self.pings as u32
    }

    fn tell(&mut self, events: Vec<Event>) {
        let now = self.now();
        let left_out = 0;
        self.app.update(
            Msg::Events {
                events,
                left_out,
                web_left_out: 0,
                mail_left_out: 0,
            },
            now,
        );
    }

    /// The next ping, with all that is told of it: two lost in seven, now and then a run, RTTs that vary.
    fn ping(&mut self, events: &mut Vec<Event>) {
        self.pings += 1;
        let seq = self.pings;
        let at = self.now();
        let text = format!("Ping {seq} 0123456789abcdef").into_bytes();
        let noise = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let lost = noise % 7 < 2;
        let ruling = if lost {
            Ruling::Lost {
                leg: Leg::Request,
                why: Why::LabDraw((noise % 4) as u8),
            }
        } else {
            Ruling::Replied
        };
        self.echo.totals.count(&ruling);
        let datagram = EchoDatagram {
            n: self.echo.totals.received,
            at,
            from: self.client,
            bytes: text.len(),
            payload: Excerpt::of(&text),
            ruling,
            delay: Duration::ZERO,
            copies: u8::from(!lost),
            corrupted: false,
            held: false,
        };
        let sent = PingEvent::Sent {
            seq,
            at,
            datagram: text.clone(),
        };
        let rtt = Duration::from_nanos(60_000 + noise % 50_000 + 3_000_000 / (1 + noise % 4_096));
        let mut record = PingRecord::in_flight(seq, at);
        let decided = if lost {
            record.outcome = Outcome::Lost;
            PingEvent::TimedOut {
                record,
                at: at + INTERVAL,
            }
        } else {
            record.outcome = Outcome::Replied;
            record.rtt = Some(rtt);
            record.kernel_rtt = Some(rtt / 2);
            PingEvent::Replied {
                record,
                at: at + rtt,
                reply: text.to_ascii_uppercase(),
            }
        };
        sent.count(&mut self.stats);
        decided.count(&mut self.stats);
        events.extend([
            ping(PingerEvent::Ping(sent)),
            Event::Echo(EchoEvent::Datagram(datagram)),
            ping(PingerEvent::Ping(decided)),
        ]);
    }
}

fn ping(event: PingerEvent) -> Event {
    Event::Ping { target: 0, event }
}
