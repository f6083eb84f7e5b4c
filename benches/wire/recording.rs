//! What a lab does in a second while nobody wants its calls, while a screen does, while the screen's ring is full, and while a capture is written.
//!
//! All are measured in turn, many short rounds, and each round is compared within itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use sockscope::net::echo::{EchoConfig, EchoServer};
use sockscope::net::files::{Policy, Root};
use sockscope::net::mail_server::{MailServer, MailServerConfig};
use sockscope::net::maildir::Store;
use sockscope::net::recording::{Format, Recording, Target};
use sockscope::net::web::{Keep, Trace, WebConfig, WebServer};
use sockscope::proto::guard::Caps;
use sockscope::proto::http::service;
use sockscope::proto::link::LinkSettings;
use sockscope::proto::smtp::server::{Accounts, EndOfData, Limits, Service};
use sockscope::trace::bounded::Bounded;
use sockscope::trace::clock::Clock;
use sockscope::trace::recorder::{Recorder, Secrets};
use sockscope::trace::tap::Tap;
use sockscope::words::Words;

use super::flood::flood;
use super::mailing;
use super::support::process::{cpu_seconds, is_installed};
use super::support::report::{Outcome, Report, median};
use super::wrk::Load;

const ROUNDS: usize = 15;
/// Datagrams in flight.
const WINDOW: usize = 64;
/// How long one kind is watched in one round.
const SLICE: Duration = Duration::from_secs(1);
/// A frame of a busy dashboard.
const FRAME: Duration = Duration::from_micros(66_667);
/// What the dashboard's rings hold between two frames.
const EVENTS: usize = 4_096;
const CALLS: (usize, usize) = (4_096, 8 << 20);
const LOAD: Load = Load {
    path: "/small.html",
    connections: 64,
};
const SMALL: usize = 1_004;
/// At least this part of what the lab does alone.
const TARGET: f64 = 0.97;

/// Who takes the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taker {
    Nobody,
    Screen,
    /// A screen that takes nothing out.
    FullScreen,
    ScreenAndCapture,
}

impl Taker {
    const ALL: [(Taker, &'static str); 4] = [
        (Taker::Nobody, "recorder off"),
        (Taker::Screen, "ring drained 15 times a second"),
        (Taker::FullScreen, "ring full"),
        (Taker::ScreenAndCapture, "ring drained, capture written"),
    ];
}

/// A tap and whoever drains it.
struct Watch {
    tap: Tap,
    clock: Clock,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    recording: Option<Recording>,
    _folder: tempfile::TempDir,
}

impl Watch {
    fn new(taker: Taker) -> Outcome<Self> {
        let clock = Clock::new(Instant::now(), SystemTime::now());
        let room = if taker == Taker::FullScreen {
            0
        } else {
            CALLS.0
        };
        let calls = Bounded::new(room, CALLS.1, || {});
        let recorder = match taker {
            Taker::Nobody => Recorder::off(),
            _ => Recorder::new(clock, Secrets::Masked, Some(calls.clone())),
        };
        let tap = Tap::new(EVENTS, || {}).recording(recorder.clone());
        let folder = tempfile::tempdir()?;
        let recording = match taker {
            Taker::ScreenAndCapture => {
                let target = Target {
                    format: Format::Pcapng,
                    path: folder.path().join("bench.pcapng"),
                    overwrite: true,
                };
                let command = "bench".to_owned();
                Some(Recording::start(
                    &recorder,
                    vec![target],
                    clock,
                    command,
                    Vec::new(),
                )?)
            }
            _ => None,
        };
        let ending = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (tap, ending) = (tap.clone(), ending.clone());
            move || {
                while !ending.load(Ordering::Relaxed) {
                    thread::sleep(FRAME);
                    tap.drain(&mut Vec::new());
                    calls.drain(&mut Vec::new());
                }
            }
        });
        Ok(Self {
            tap,
            clock,
            ending,
            thread: Some(thread),
            recording,
            _folder: folder,
        })
    }

    /// What a capture had to leave out, of all that it was told.
    fn left_out(&self) -> Option<(u64, u64)> {
        let progress = self.recording.as_ref()?.progress();
        let file = progress.first()?;
        Some((file.left_out, file.written + file.left_out))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in it has been told by now.
            let _ = thread.join();
        }
    }
}

/// A lab that runs, and what it does in a second under load.
trait Lab: Sized {
    const WHAT: &'static str;
    fn start(watch: &Watch) -> Outcome<Self>;
    /// How much was done, and in how many seconds.
    fn run(&self) -> Outcome<(f64, f64)>;
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

struct Echo(EchoServer);

impl Lab for Echo {
    const WHAT: &'static str = "datagrams echoed a second, 64 in flight";

    fn start(watch: &Watch) -> Outcome<Self> {
        let config = EchoConfig {
            listen: any_port(),
            link: LinkSettings::transparent(),
            seed: 1,
            caps: Caps {
                per_source: u32::MAX,
                total: u32::MAX,
            },
            allow_remote_duplicates: false,
            count: None,
        };
        let server = EchoServer::start(config, watch.clock, watch.tap.clone())?;
        Ok(Self(server))
    }

    fn run(&self) -> Outcome<(f64, f64)> {
        let (rate, _) = flood(self.0.address(), WINDOW, SLICE)?;
        let seconds = SLICE.as_secs_f64();
        Ok((rate * seconds, seconds))
    }
}

struct Web {
    server: WebServer,
    _folder: tempfile::TempDir,
}

impl Lab for Web {
    const WHAT: &'static str =
        "requests a second for 1,004 bytes, 64 connections kept alive, wrk -t1";

    fn start(watch: &Watch) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join(&LOAD.path[1..]), vec![b'x'; SMALL])?;
        let config = WebConfig {
            listen: any_port(),
            root: Root::Folder(folder.path().to_owned()),
            policy: Policy::default(),
            trace: Trace::Refused,
            service: service::Service::default(),
            limits: service::Limits::default(),
            keep: Keep::SCREEN,
            words: Words::default(),
        };
        let server = WebServer::start(config, watch.clock, watch.tap.clone())?;
        Ok(Self {
            server,
            _folder: folder,
        })
    }

    fn run(&self) -> Outcome<(f64, f64)> {
        let run = LOAD.run(self.server.address(), SLICE)?;
        let count = run.requests as f64;
        Ok((count, count / run.per_second))
    }
}

struct Mail(MailServer);

impl Lab for Mail {
    const WHAT: &'static str = "messages of 1,000 bytes a second, one session";

    fn start(watch: &Watch) -> Outcome<Self> {
        let config = MailServerConfig {
            listen: any_port(),
            tls_listen: None,
            store: Store::Memory,
            service: Service {
                name: "lab.example".to_owned(),
                accounts: Accounts::Anybody,
                limits: Limits {
                    message: 1 << 20,
                    recipients: 100,
                    messages: 1_000_000,
                    mailbox: 4 << 30,
                    connections: 50,
                    idle: Duration::from_secs(60),
                    errors: 100,
                },
            },
            faults: Vec::new(),
            end_of_data: EndOfData::Strict,
            certificate: None,
        };
        let server = MailServer::start(config, watch.clock, watch.tap.clone())?;
        Ok(Self(server))
    }

    fn run(&self) -> Outcome<(f64, f64)> {
        mailing::send_for(self.0.address(), SLICE)
    }
}

pub fn measure(report: &mut Report) -> Outcome<()> {
    compare::<Echo>(report)?;
    match is_installed("wrk") {
        true => compare::<Web>(report)?,
        false => report.say("web server: skipped: wrk is not installed"),
    }
    compare::<Mail>(report)
}

#[derive(Default)]
struct Figures {
    per_second: Vec<f64>,
    cpu_micros: Vec<f64>,
    /// Against nobody, round by round.
    ratios: Vec<f64>,
}

fn compare<L: Lab>(report: &mut Report) -> Outcome<()> {
    report.heading(&format!(
        "{}, {ROUNDS} rounds of {} s in turn, medians",
        L::WHAT,
        SLICE.as_secs()
    ));
    let mut labs = Vec::new();
    for (taker, _) in Taker::ALL {
        let watch = Watch::new(taker)?;
        labs.push((L::start(&watch)?, watch));
    }
    let mut all: [Figures; 4] = Default::default();
    for round in 0..ROUNDS {
        let mut rates = [0.0; 4];
        for turn in 0..labs.len() {
            let place = (turn + round) % labs.len();
            let cpu = cpu_seconds(std::process::id())?;
            let (count, seconds) = labs[place].0.run()?;
            let cpu = cpu_seconds(std::process::id())? - cpu;
            rates[place] = count / seconds;
            all[place].cpu_micros.push(cpu * 1e6 / count.max(1.0));
        }
        for (figures, rate) in all.iter_mut().zip(rates) {
            figures.per_second.push(rate);
            figures.ratios.push(rate / rates[0]);
        }
    }
    report.say(&format!(
        "{:<32} {:>10} {:>7} {:>10}",
        "who takes the calls", "a second", "ratio", "CPU µs"
    ));
    for (place, (taker, name)) in Taker::ALL.into_iter().enumerate() {
        let figures = &all[place];
        let ratio = median(&figures.ratios);
        report.say(&format!(
            "{name:<32} {:>10.0} {ratio:>7.3} {:>10.2}",
            median(&figures.per_second),
            median(&figures.cpu_micros),
        ));
        if let Some((left_out, all)) = labs[place].1.left_out() {
            report.say(&format!("  the capture left out {left_out} of {all}"));
        }
        if matches!(taker, Taker::Screen | Taker::FullScreen) {
            let text = format!("{}: {name}: {ratio:.3}, at least {TARGET}", L::WHAT);
            report.target(ratio >= TARGET, &text);
        }
    }
    Ok(())
}
