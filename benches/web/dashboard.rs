//! What watching costs: the server under the dashboard's eyes beside the server alone, and how soon a key is answered while requests rain down.

use std::time::Duration;

use super::peers::{SMALL_PATH, Server, Site};
use super::screen::Dashboard;
use super::support::process::{cpu_seconds, resident_mib};
use super::support::report::{Outcome, Report, median, quantile};
use super::wrk::Load;

const LOAD: Load = Load {
    path: SMALL_PATH,
    connections: 64,
};

const ROUNDS: usize = 7;
const SLICE: Duration = Duration::from_secs(2);
/// The least share of the speed that may be left under the dashboard's eyes.
const LEFT: f64 = 0.9;

const UNDER_FIRE: Duration = Duration::from_secs(20);
/// The pause between two keys. Nobody types so evenly, so it is not the time between two frames either.
const BETWEEN_KEYS: Duration = Duration::from_millis(37);
const KEY_MS: f64 = 100.0;
/// The title of the page that a key opens and closes, and how the log says that rows are missing.
const HELP: &str = "Help: Web";
const LEFT_OUT: &str = " not shown";

pub fn measure(report: &mut Report) -> Outcome<()> {
    let site = Site::new()?;
    cost(report, &site)?;
    keys(report, &site)
}

fn cost(report: &mut Report, site: &Site) -> Outcome<()> {
    report.heading(&format!(
        "Web server under the dashboard's eyes (120x36), 1,004-byte file, 64 connections, {ROUNDS} rounds of {} s in turn, medians",
        SLICE.as_secs()
    ));
    let watched = Dashboard::start(site)?;
    let watched_process = watched.process()?;
    let servers = [
        Server::ours_logging(site)?,
        Server::ours("sockscope serve, no log", site, &["--log", "none"])?,
    ];
    let peers = [
        (servers[0].name, servers[0].address, servers[0].process()),
        (servers[1].name, servers[1].address, servers[1].process()),
        ("sockscope, dashboard", watched.web, watched_process),
    ];
    let mut speeds: [Vec<f64>; 3] = Default::default();
    let mut cpus: [Vec<f64>; 3] = Default::default();
    for round in 0..ROUNDS {
        for turn in 0..peers.len() {
            let place = (turn + round) % peers.len();
            let (_, address, process) = peers[place];
            let cpu = cpu_seconds(process)?;
            let run = LOAD.run(address, SLICE)?;
            let cpu = cpu_seconds(process)? - cpu;
            speeds[place].push(run.per_second);
            cpus[place].push(cpu * 1e6 / run.requests as f64);
        }
    }
    report.say(&format!(
        "{:<26} {:>10} {:>14} {:>13}",
        "server", "requests/s", "CPU µs/request", "resident MiB"
    ));
    for (place, (name, _, process)) in peers.into_iter().enumerate() {
        report.say(&format!(
            "{name:<26} {:>10.0} {:>14.2} {:>13.1}",
            median(&speeds[place]),
            median(&cpus[place]),
            resident_mib(process)?
        ));
    }
    let alone = median(&speeds[0]);
    let left = median(&speeds[2]) / alone;
    report.target(
        left >= LEFT,
        &format!(
            "dashboard attached: {left:.3} of the requests a second of serve alone, at least {LEFT}"
        ),
    );
    Ok(())
}

fn keys(report: &mut Report, site: &Site) -> Outcome<()> {
    report.heading(&format!(
        "Dashboard under fire: time from a key to its answer during {} s of wrk, in ms",
        UNDER_FIRE.as_secs()
    ));
    let mut dashboard = Dashboard::start(site)?;
    let mut fire = LOAD.start(dashboard.web, UNDER_FIRE)?;
    let mut times = Vec::new();
    while !fire.is_over()? {
        for opens in [true, false] {
            let time = dashboard.press("?", |screen| screen.contains(HELP) == opens)?;
            times.push(time.as_secs_f64() * 1e3);
            std::thread::sleep(BETWEEN_KEYS);
        }
    }
    let run = fire.finish()?;
    let screen = dashboard.text();
    let left_out = screen.lines().find_map(|line| {
        let (before, _) = line.split_once(LEFT_OUT)?;
        before.rsplit(['+', ' ']).next()
    });
    let p99 = quantile(&times, 0.99);
    report.say(&format!(
        "{} keys: median {:.1}  p95 {:.1}  p99 {p99:.1}  most {:.1}; meanwhile {} requests, {} of the rows said to be left out",
        times.len(),
        median(&times),
        quantile(&times, 0.95),
        quantile(&times, 1.0),
        run.requests,
        left_out.unwrap_or("none")
    ));
    report.target(
        p99 <= KEY_MS,
        &format!("a key under fire: answered within {p99:.1} ms (p99), at most {KEY_MS}"),
    );
    Ok(())
}
