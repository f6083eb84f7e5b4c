//! The median round trip that `sockscope ping` shows beside a bare blocking ping-pong, both to the same bare echo server.

use std::env;
use std::fs::File;
use std::process::{Command, Stdio};

use super::peers::{SOCKSCOPE, Server};
use super::support::report::{Outcome, Report, median};

/// Time between pings in milliseconds (0: each as soon as the last is answered), pings a round, rounds.
const PACES: [(u64, usize, usize); 4] = [(0, 5_000, 9), (1, 500, 9), (5, 200, 9), (100, 20, 7)];
const MOST: f64 = 1.2;

pub fn measure(report: &mut Report) -> Outcome<()> {
    report.heading("Pinger: median RTT in µs, rounds in turn");
    report.say(&format!(
        "{:<24} {:>10} {:>16} {:>10} {:>8}",
        "pings", "bare", "sockscope ping", "kernel", "ratio"
    ));
    for (gap, count, rounds) in PACES {
        let server = Server::bare()?;
        let (mut bare, mut ours, mut kernel) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..rounds {
            let mut bare_turn = || -> Outcome<()> {
                bare.push(bare_pings(&server, count, gap)?);
                Ok(())
            };
            if round % 2 == 0 {
                bare_turn()?;
            }
            let (program_rtt, kernel_rtt) = our_pings(&server, count, gap)?;
            ours.push(program_rtt);
            kernel.extend(kernel_rtt);
            if round % 2 == 1 {
                bare_turn()?;
            }
        }
        let name = match gap {
            0 => "back to back".to_owned(),
            gap => format!("every {gap} ms"),
        };
        let ratio = median(&ours) / median(&bare);
        report.say(&format!(
            "{name:<24} {:>10.1} {:>16.1} {:>10.1} {ratio:>8.3}",
            median(&bare),
            median(&ours),
            median(&kernel)
        ));
        report.target(
            ratio <= MOST,
            &format!("pinger, {name}: {ratio:.3} of a bare ping-pong's median RTT, at most {MOST}"),
        );
    }
    Ok(())
}

fn bare_pings(server: &Server, count: usize, gap: u64) -> Outcome<f64> {
    let [median] = played("bare-pings", server, count, gap)?[..] else {
        return Err("the bare pinger did not tell its median".into());
    };
    Ok(median)
}

/// The medians of our RTT and of the kernel's.
fn our_pings(server: &Server, count: usize, gap: u64) -> Outcome<(f64, Option<f64>)> {
    if gap == 0 {
        // The command does not go below a millisecond; what it is made of does.
        return match played("pinger", server, count, gap)?[..] {
            [median, ref kernel @ ..] => Ok((median, kernel.first().copied())),
            [] => Err("the pinger did not tell its median".into()),
        };
    }
    // The lines go to a file, as a user would keep them; reading them from a pipe meanwhile would take a processor away from both ends.
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("pings.jsonl");
    Command::new(SOCKSCOPE)
        .args(["ping", "--json", "--mode", "steady"])
        .args(["-c", &count.to_string(), "-i", &format!("{gap}ms")])
        .arg(server.address.to_string())
        .stdin(Stdio::null())
        .stdout(File::create(&path)?)
        .stderr(Stdio::null())
        .status()?;
    let (mut rtts, mut kernel) = (Vec::new(), Vec::new());
    for line in std::fs::read_to_string(&path)?.lines() {
        let line: serde_json::Value = serde_json::from_str(line)?;
        if line["event"] == "ping" {
            rtts.extend(line["rtt_us"].as_f64());
            kernel.extend(line["kernel_rtt_us"].as_f64());
        }
    }
    if rtts.is_empty() {
        return Err("no ping was answered".into());
    }
    Ok((median(&rtts), (!kernel.is_empty()).then(|| median(&kernel))))
}

/// Has this binary play a pinger, and reads the figures that it prints.
fn played(role: &str, server: &Server, count: usize, gap: u64) -> Outcome<Vec<f64>> {
    let output = Command::new(env::current_exe()?)
        .arg(format!("--as={role}"))
        .args([
            server.address.to_string(),
            count.to_string(),
            gap.to_string(),
        ])
        .stderr(Stdio::null())
        .output()?;
    let figures = String::from_utf8(output.stdout)?;
    Ok(figures
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?)
}
