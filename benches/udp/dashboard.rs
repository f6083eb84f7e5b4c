//! The dashboard as a program: how soon it shows a full screen, and what it takes while it runs.

use std::time::{Duration, Instant};

use super::flood::flood;
use super::scene::{self, Scene};
use super::screen::Dashboard;
use super::support::process::{cpu_seconds, resident_mib};
use super::support::report::{Outcome, Report, median, quantile};

const STARTS: usize = 21;
const FIRST_SCREEN_MS: f64 = 30.0;

const SETTLE: Duration = Duration::from_secs(3);
const WATCHED: Duration = Duration::from_secs(20);
const CPU_PERCENT: f64 = 1.0;

const FRAMES: usize = 301;
const FRAME_MS: f64 = 1.0;

const MILLION: u64 = 1_000_000;
const MILLIONS: u64 = 10;
const MEMORY_MIB: f64 = 20.0;
/// What may be added between the first million of events and the last and still be called flat.
const FLAT_MIB: f64 = 1.0;

pub fn measure(report: &mut Report) -> Outcome<()> {
    first_screen(report)?;
    frame(report);
    running(report)?;
    memory(report)
}

fn first_screen(report: &mut Report) -> Outcome<()> {
    report.heading(&format!(
        "Dashboard 120x36: start to first full screen, {STARTS} starts, in ms"
    ));
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let dashboard = Dashboard::start(120, 36, &[], &[])?;
        times.push(dashboard.first_screen.as_secs_f64() * 1e3);
    }
    let middle = median(&times);
    report.say(&format!(
        "least {:.1}  median {middle:.1}  p95 {:.1}",
        quantile(&times, 0.0),
        quantile(&times, 0.95)
    ));
    report.target(
        middle <= FIRST_SCREEN_MS,
        &format!("first full screen: {middle:.1} ms, at most {FIRST_SCREEN_MS}"),
    );
    Ok(())
}

fn frame(report: &mut Report) {
    report.heading(&format!(
        "Frame 200x60 with {} pings behind it, {FRAMES} frames, in ms",
        scene::MANY
    ));
    let mut scene = Scene::new(scene::MANY);
    let times: Vec<f64> = (0..FRAMES)
        .map(|_| {
            let start = Instant::now();
            scene.frame();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let middle = median(&times);
    report.say(&format!(
        "events, counters and drawing: median {middle:.3}  p95 {:.3}",
        quantile(&times, 0.95)
    ));
    report.target(
        middle < FRAME_MS,
        &format!("200x60 frame: {middle:.3} ms, under {FRAME_MS}"),
    );
}

fn running(report: &mut Report) -> Outcome<()> {
    let every = [("SOCKSCOPE_PING_INTERVAL", "100ms")];
    for (columns, rows) in [(120, 36), (200, 60)] {
        report.heading(&format!(
            "Dashboard {columns}x{rows}: ten pings a second for {} s",
            WATCHED.as_secs()
        ));
        let dashboard = Dashboard::start(columns, rows, &[], &every)?;
        let process = dashboard.process()?;
        std::thread::sleep(SETTLE);
        let (cpu, seen) = (cpu_seconds(process)?, dashboard.seen());
        std::thread::sleep(WATCHED);
        let (cpu_after, seen_after) = (cpu_seconds(process)?, dashboard.seen());
        let seconds = WATCHED.as_secs_f64();
        let percent = (cpu_after - cpu) / seconds * 100.0;
        report.say(&format!(
            "CPU {percent:.2} % of a core  {:.1} frames/s  {:.1} KiB/s to the terminal  resident {:.1} MiB",
            (seen_after.frames - seen.frames) as f64 / seconds,
            (seen_after.bytes - seen.bytes) as f64 / 1024.0 / seconds,
            resident_mib(process)?
        ));
        if columns == 120 {
            report.target(
                percent < CPU_PERCENT,
                &format!(
                    "CPU at ten pings a second: {percent:.2} % of a core, under {CPU_PERCENT}"
                ),
            );
        }
    }
    Ok(())
}

/// Resident memory while ten million datagrams pass through the dashboard's echo server.
fn memory(report: &mut Report) -> Outcome<()> {
    report.heading("Dashboard 120x36: resident memory over ten million echo events, in MiB");
    let dashboard = Dashboard::start(120, 36, &["--loss", "none"], &[])?;
    let process = dashboard.process()?;
    std::thread::sleep(SETTLE);
    let mut resident = vec![resident_mib(process)?];
    let mut events = 0;
    for millions in 1..=MILLIONS {
        while events < millions * MILLION {
            let slice = Duration::from_millis(200);
            let (rate, _) = flood(dashboard.echo, 64, slice)?;
            events += (rate * slice.as_secs_f64()) as u64;
        }
        resident.push(resident_mib(process)?);
    }
    let shown: Vec<String> = resident.iter().map(|mib| format!("{mib:.1}")).collect();
    report.say(&format!(
        "at the start, then after each million: {}",
        shown.join(" ")
    ));
    let most = quantile(&resident, 1.0);
    let grown = resident[MILLIONS as usize] - resident[1];
    report.target(
        most < MEMORY_MIB && grown < FLAT_MIB,
        &format!(
            "resident memory: {most:.1} MiB at most, under {MEMORY_MIB}; {grown:.1} MiB more after \
             {MILLIONS} million events than after one, under {FLAT_MIB}"
        ),
    );
    Ok(())
}
