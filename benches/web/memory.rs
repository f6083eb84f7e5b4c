//! Millions of requests: whether the memory stays as it is, and whether anything goes wrong.

use std::time::Duration;

use super::peers::{SMALL_PATH, Server, Site};
use super::support::report::{Outcome, Report};
use super::wrk::Load;

/// How often the memory is looked at.
const STEPS: u64 = 10;
const SLICE: Duration = Duration::from_secs(1);
/// What may be added between the first tenth of the requests and the last and still be called flat.
const FLAT_MIB: f64 = 1.0;

pub fn measure(report: &mut Report, requests: u64) -> Outcome<()> {
    report.heading(&format!(
        "Web server, log on: resident memory over {requests} requests, in MiB"
    ));
    let load = Load {
        path: SMALL_PATH,
        connections: 64,
    };
    let site = Site::new()?;
    // Lines are written as into any file, and the disk is spared.
    let flags = ["--log", "combined", "--log-file", "/dev/null"];
    let server = Server::ours("sockscope serve", &site, &flags)?;
    let mut resident = vec![server.resident_mib()?];
    let (mut answered, mut errors, mut time) = (0, 0, Duration::ZERO);
    for step in 1..=STEPS {
        while answered < requests / STEPS * step {
            let run = load.run(server.address, SLICE)?;
            answered += run.requests;
            errors += run.errors;
            time += SLICE;
        }
        resident.push(server.resident_mib()?);
    }
    let shown: Vec<String> = resident.iter().map(|mib| format!("{mib:.1}")).collect();
    report.say(&format!(
        "at the start, then after each tenth: {}",
        shown.join(" ")
    ));
    let grown = resident[STEPS as usize] - resident[1];
    report.target(
        grown < FLAT_MIB,
        &format!(
            "memory over {answered} requests: {grown:.1} MiB more after the last tenth than after the first, under {FLAT_MIB}"
        ),
    );
    report.target(
        errors == 0,
        &format!(
            "wrk for {} s: {errors} errors in {answered} requests, none",
            time.as_secs()
        ),
    );
    Ok(())
}
