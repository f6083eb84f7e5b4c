//! The load: wrk with one thread, and what it says of a run.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::support::report::Outcome;

/// What is asked for, and by how many connections at a time.
#[derive(Clone, Copy)]
pub struct Load {
    pub path: &'static str,
    pub connections: usize,
}

/// What a run came to.
pub struct Run {
    pub requests: u64,
    pub per_second: f64,
    /// Latencies in milliseconds.
    pub p50: f64,
    pub p99: f64,
    /// Failed connections, reads and writes, timeouts, and answers that are neither 2xx nor 3xx.
    pub errors: u64,
}

impl Load {
    /// Starts a run of so long, in whole seconds.
    pub fn start(self, server: SocketAddr, time: Duration) -> Outcome<Running> {
        let child = Command::new("wrk")
            .args(["-t1", "--latency"])
            .arg(format!("-c{}", self.connections))
            .arg(format!("-d{}s", time.as_secs()))
            .arg(format!("http://{server}{}", self.path))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Running(child))
    }

    /// Runs it to the end.
    pub fn run(self, server: SocketAddr, time: Duration) -> Outcome<Run> {
        self.start(server, time)?.finish()
    }
}

/// A run that goes on.
pub struct Running(Child);

impl Running {
    pub fn is_over(&mut self) -> Outcome<bool> {
        Ok(self.0.try_wait()?.is_some())
    }

    pub fn finish(self) -> Outcome<Run> {
        let output = self.0.wait_with_output()?;
        let text = String::from_utf8(output.stdout)?;
        Run::read(&text).ok_or_else(|| format!("wrk said something else: {text:?}").into())
    }
}

impl Run {
    /// Reads wrk's report.
    fn read(text: &str) -> Option<Self> {
        // What stands above speaks of deviations in per cent, not of percentiles.
        let (_, text) = text.split_once("Latency Distribution")?;
        let after = |label: &str| {
            let (_, rest) = text.split_once(label)?;
            rest.split_whitespace().next()
        };
        let (before, _) = text.split_once(" requests in ")?;
        let errors = ["connect ", "read ", "write ", "timeout ", "responses: "]
            .into_iter()
            .filter_map(after)
            .filter_map(|count| count.trim_end_matches(',').parse::<u64>().ok())
            .sum();
        Some(Self {
            requests: before.split_whitespace().last()?.parse().ok()?,
            per_second: after("Requests/sec:")?.parse().ok()?,
            p50: milliseconds(after("50%")?)?,
            p99: milliseconds(after("99%")?)?,
            errors,
        })
    }
}

/// Reads a time as wrk writes it, such as `331.00us`.
fn milliseconds(text: &str) -> Option<f64> {
    let (number, factor) = if let Some(number) = text.strip_suffix("us") {
        (number, 1e-3)
    } else if let Some(number) = text.strip_suffix("ms") {
        (number, 1.0)
    } else if let Some(number) = text.strip_suffix('s') {
        (number, 1e3)
    } else {
        (text.strip_suffix('m')?, 60e3)
    };
    Some(number.parse::<f64>().ok()? * factor)
}
