//! How true a constant delay is: the time a client waits for an echo, less the delay that was asked for. The loopback's own round trip is part of it.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::peers::Server;
use super::support::report::{Outcome, Report, median, quantile};

const DELAYS_MS: [u64; 3] = [5, 20, 100];
const DATAGRAMS: u32 = 500;
/// Datagrams go out at this pace whatever happens, so several wait in the server at once.
const GAP: Duration = Duration::from_millis(3);
const PATIENCE: Duration = Duration::from_secs(1);
/// The most that the median may be off, in milliseconds.
const MOST_MS: f64 = 0.2;

pub fn measure(report: &mut Report) -> Outcome<()> {
    report.heading(&format!(
        "Delay model: error of {DATAGRAMS} delayed echoes in ms, one every {} ms",
        GAP.as_millis()
    ));
    report.say(&format!(
        "{:<12} {:>8} {:>8} {:>8} {:>8}",
        "delay", "median", "p95", "least", "most"
    ));
    for delay in DELAYS_MS {
        let spec = format!("{delay}ms");
        let server = Server::ours(&["--loss", "none", "--delay", &spec])?;
        let asked = Duration::from_millis(delay).as_secs_f64();
        let errors: Vec<f64> = round_trips(&server)?
            .into_iter()
            .map(|rtt| (rtt.as_secs_f64() - asked) * 1e3)
            .collect();
        let middle = median(&errors);
        report.say(&format!(
            "{spec:<12} {middle:>8.3} {:>8.3} {:>8.3} {:>8.3}",
            quantile(&errors, 0.95),
            quantile(&errors, 0.0),
            quantile(&errors, 1.0)
        ));
        report.target(
            middle.abs() <= MOST_MS,
            &format!("delay of {spec}: median error {middle:.3} ms, at most {MOST_MS}"),
        );
    }
    Ok(())
}

fn round_trips(server: &Server) -> Outcome<Vec<Duration>> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(server.address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let start = Instant::now();
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| -> std::io::Result<()> {
            for n in 0..DATAGRAMS {
                let due = start + GAP * n;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                // The datagram carries its own stamp, in figures, which have no upper case.
                socket.send(start.elapsed().as_nanos().to_string().as_bytes())?;
            }
            Ok(())
        });
        let mut times = Vec::new();
        let mut buffer = [0; 32];
        while times.len() < DATAGRAMS as usize {
            let len = socket.recv(&mut buffer)?;
            let now = start.elapsed();
            let sent = std::str::from_utf8(&buffer[..len])?.parse()?;
            times.push(now - Duration::from_nanos(sent));
        }
        sender.join().map_err(|_| "the sender panicked")??;
        Ok(times)
    })
}
