//! Requests a second, latency and processor time of each server, side by side.

use std::time::Duration;

use super::peers::{LARGE_PATH, SMALL_PATH, Server, Site, YARDSTICK};
use super::support::report::{Outcome, Report, median};
use super::wrk::Load;

const ROUNDS: usize = 7;
/// How long one server is under load in one round.
const SLICE: Duration = Duration::from_secs(2);

/// What a server came to, one value a round.
#[derive(Default)]
struct Figures {
    per_second: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    cpu_micros: Vec<f64>,
    errors: u64,
    resident: f64,
}

pub fn small(report: &mut Report) -> Outcome<()> {
    let load = Load {
        path: SMALL_PATH,
        connections: 64,
    };
    compare(report, "1,004-byte file", load)
}

pub fn large(report: &mut Report) -> Outcome<()> {
    let load = Load {
        path: LARGE_PATH,
        connections: 16,
    };
    compare(report, "1 MiB file", load)
}

fn compare(report: &mut Report, what: &str, load: Load) -> Outcome<()> {
    report.heading(&format!(
        "Web server, {what}, {} connections kept alive, wrk -t1, {ROUNDS} rounds of {} s in turn, medians",
        load.connections,
        SLICE.as_secs()
    ));
    let site = Site::new()?;
    let servers = Server::all(&site, report)?;
    let mut all: Vec<Figures> = servers.iter().map(|_| Figures::default()).collect();
    for round in 0..ROUNDS {
        for turn in 0..servers.len() {
            let place = (turn + round) % servers.len();
            let (server, figures) = (&servers[place], &mut all[place]);
            let cpu = server.cpu_seconds()?;
            let run = load.run(server.address, SLICE)?;
            let cpu = server.cpu_seconds()? - cpu;
            figures.per_second.push(run.per_second);
            figures.p50.push(run.p50);
            figures.p99.push(run.p99);
            figures.cpu_micros.push(cpu * 1e6 / run.requests as f64);
            figures.errors += run.errors;
            figures.resident = server.resident_mib()?;
        }
    }
    report.say(&format!(
        "{:<26} {:>10} {:>8} {:>8} {:>14} {:>13} {:>7}",
        "server", "requests/s", "p50 ms", "p99 ms", "CPU µs/request", "resident MiB", "errors"
    ));
    for (server, figures) in servers.iter().zip(&all) {
        report.say(&format!(
            "{:<26} {:>10.0} {:>8.3} {:>8.3} {:>14.2} {:>13.1} {:>7}",
            server.name,
            median(&figures.per_second),
            median(&figures.p50),
            median(&figures.p99),
            median(&figures.cpu_micros),
            figures.resident,
            figures.errors
        ));
    }
    let Some(yardstick) = servers.iter().position(|server| server.name == YARDSTICK) else {
        report.say("no target: lighttpd was skipped");
        return Ok(());
    };
    let (ours, theirs) = (&all[0], &all[yardstick]);
    let ratio = |of: fn(&Figures) -> &[f64]| median(of(ours)) / median(of(theirs));
    let speed = ratio(|figures| &figures.per_second);
    report.target(
        speed >= 1.0,
        &format!("{what}: {speed:.3} of lighttpd's requests a second, at least 1"),
    );
    let cpu = ratio(|figures| &figures.cpu_micros);
    report.target(
        cpu <= 1.0,
        &format!("{what}: {cpu:.3} of lighttpd's CPU a request, at most 1"),
    );
    let p99 = ratio(|figures| &figures.p99);
    report.target(
        p99 <= 1.0,
        &format!("{what}: {p99:.3} of lighttpd's 99th percentile of latency, at most 1"),
    );
    Ok(())
}
