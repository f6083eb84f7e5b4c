//! An hour of all labs at about 1,000 events a second and the calls that belong to them, as fast as the dashboard takes it in: memory, and what an
//! update and a frame cost. Nothing is simulated but the labs: it is the dashboard's own loop, without a terminal.

use std::time::{Duration, Instant, SystemTime};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use sockscope::dashboard::app::{App, Msg, Setup};
use sockscope::dashboard::tabs::wire::WireSetup;
use sockscope::trace::clock::Clock;
use sockscope::trace::event::{EchoEvent, Event, PingerEvent};

use super::support::process::resident_mib;
use super::support::report::{Outcome, Report, quantile};
use super::traffic::{EVENTS, FRAMES_PER_SECOND, Traffic};

const SECONDS: u64 = 3_600;
/// Both are drawn in turn.
const SIZES: [(u16, u16); 2] = [(120, 36), (200, 50)];
/// What a frame may take.
const FRAME: f64 = 1.0;
/// By how much the memory may grow once all rings are full, for the allocator is no ring.
const FLAT: f64 = 1.02;
/// How many rows a ring has to hold for its frames to be measured.
const RINGS: [usize; 3] = [1_000, 20_000, 200_000];
/// Frames that are measured with each.
const FRAMES: u64 = 600;

fn app(wire: WireSetup) -> App {
    let setup = Setup {
        wire,
        ..Setup::default()
    };
    let mut app = App::new(setup, Clock::new(Instant::now(), SystemTime::now()));
    app.start();
    let server = ([127, 0, 0, 1], 12_000).into();
    let listening = Event::Echo(EchoEvent::Listening {
        address: server,
        seed: 1,
        link: Box::default(),
    });
    let started = Event::Ping {
        target: 0,
        event: PingerEvent::Started {
            local: ([127, 0, 0, 1], 40_000).into(),
            target: server,
        },
    };
    tell(&mut app, vec![listening, started], Duration::ZERO);
    let wire_tab = KeyEvent::new(KeyCode::Char('4'), KeyModifiers::NONE);
    app.update(Msg::Key(wire_tab), Duration::ZERO);
    app
}

fn tell(app: &mut App, events: Vec<Event>, now: Duration) {
    let (left_out, web_left_out, mail_left_out) = (0, 0, 0);
    let msg = Msg::Events {
        events,
        left_out,
        web_left_out,
        mail_left_out,
    };
    app.update(msg, now);
}

/// A dashboard with the Wire tab in front, and what its frames cost.
struct Run {
    app: App,
    traffic: Traffic,
    buffers: [Buffer; SIZES.len()],
    frames: u64,
    /// In milliseconds.
    updates: Vec<f64>,
    draws: [Vec<f64>; SIZES.len()],
}

impl Run {
    fn new(wire: WireSetup) -> Outcome<Self> {
        Ok(Self {
            app: app(wire),
            traffic: Traffic::new()?,
            buffers: SIZES.map(|(width, height)| Buffer::empty(Rect::new(0, 0, width, height))),
            frames: 0,
            updates: Vec::new(),
            draws: Default::default(),
        })
    }

    fn forget_times(&mut self) {
        self.updates.clear();
        self.draws.iter_mut().for_each(Vec::clear);
    }

    fn update(&mut self) {
        let (calls, events) = self.traffic.next_frame();
        let now = self.traffic.now();
        let start = Instant::now();
        self.app.update(Msg::Calls { calls, left_out: 0 }, now);
        tell(&mut self.app, events, now);
        self.updates.push(milliseconds(start));
    }

    fn draw(&mut self) {
        let place = (self.frames % SIZES.len() as u64) as usize;
        self.frames += 1;
        let buffer = &mut self.buffers[place];
        let area = buffer.area;
        self.app.area = area;
        let start = Instant::now();
        buffer.reset();
        (&mut self.app).render(area, buffer);
        self.draws[place].push(milliseconds(start));
    }

    fn frame(&mut self) {
        self.update();
        self.draw();
    }

    /// The row of the last wide frame in which the list says how many rows it keeps.
    fn title(&self) -> String {
        let buffer = &self.buffers[SIZES.len() - 1];
        let width = buffer.area.width as usize;
        let rows = buffer.content.chunks(width);
        let text = rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>());
        let mut titles =
            text.filter(|row| row.contains('╭') || row.contains('┌') || row.contains('┏'));
        titles.next().unwrap_or_default().trim().to_owned()
    }

    fn costs(&self) -> String {
        let mut text = cost("update", &self.updates);
        for ((width, height), draws) in SIZES.iter().zip(&self.draws) {
            text += &cost(&format!("frame {width}x{height}"), draws);
        }
        text
    }

    /// The 99th percentile of the slower frames.
    fn p99(&self) -> f64 {
        let slow = self.draws.iter().map(|draws| quantile(draws, 0.99));
        slow.fold(0.0, f64::max)
    }
}

fn cost(what: &str, times: &[f64]) -> String {
    format!(
        "  {what} {:.3} / {:.3}",
        quantile(times, 0.5),
        quantile(times, 0.99)
    )
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

pub fn measure(report: &mut Report) -> Outcome<()> {
    an_hour(report)?;
    rings(report)
}

fn an_hour(report: &mut Report) -> Outcome<()> {
    let frames = SECONDS * FRAMES_PER_SECOND;
    report.heading(&format!(
        "An hour of all labs: {} events, {FRAMES_PER_SECOND} frames a second; times in ms, median / p99",
        frames * EVENTS
    ));
    let start = Instant::now();
    let mut run = Run::new(WireSetup::default())?;
    let mut memory = Vec::new();
    let mut calls = 0;
    let (mut updates, mut draws) = (0.0_f64, 0.0_f64);
    for tenth in 1..=10 {
        for _ in 0..frames / 10 {
            run.frame();
        }
        calls += run.updates.len();
        let resident = resident_mib(std::process::id())?;
        memory.push(resident);
        report.say(&format!("{tenth:>2}/10 {resident:>7.1} MiB{}", run.costs()));
        updates = updates.max(quantile(&run.updates, 0.99));
        draws = draws.max(run.p99());
        run.forget_times();
    }
    report.say(&format!("the list says: {}", run.title()));
    report.say(&format!(
        "{calls} frames in {:.0} s",
        start.elapsed().as_secs_f64()
    ));
    let (early, late) = (memory[3], memory[9]);
    report.target(
        late <= early * FLAT,
        &format!("an hour: {late:.1} MiB at its end, {early:.1} MiB after four tenths, at most {FLAT} of it"),
    );
    report.target(
        draws <= FRAME,
        &format!(
            "an hour: 99th percentile of a frame {draws:.3} ms in the worst tenth, at most {FRAME}"
        ),
    );
    report.target(
        updates <= FRAME,
        &format!("an hour: 99th percentile of an update {updates:.3} ms in the worst tenth, at most {FRAME}"),
    );
    Ok(())
}

/// What a frame costs may not depend on how much is behind it.
fn rings(report: &mut Report) -> Outcome<()> {
    report.heading("A frame with so many rows behind it; times in ms, median / p99");
    let mut medians = Vec::new();
    for events in RINGS {
        let wire = WireSetup {
            events,
            memory: usize::MAX / 4,
        };
        let mut run = Run::new(wire)?;
        // A frame brings more rows than events.
        for _ in 0..events as u64 / EVENTS + 1 {
            run.update();
        }
        run.forget_times();
        for _ in 0..FRAMES {
            run.frame();
        }
        report.say(&format!("{events:>7} rows{}", run.costs()));
        medians.push(quantile(&run.draws[SIZES.len() - 1], 0.5));
    }
    let ratio = medians[RINGS.len() - 1] / medians[0];
    report.target(
        ratio <= 1.25,
        &format!(
            "a frame behind {} rows takes {ratio:.2} of one behind {}, at most 1.25",
            RINGS[2], RINGS[0]
        ),
    );
    Ok(())
}
