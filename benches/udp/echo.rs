//! Echoes a second, with a number of datagrams always in flight.

use std::net::SocketAddr;
use std::time::Duration;

use super::flood::flood;
use super::peers::Server;
use super::screen::Dashboard;
use super::support::process::is_installed;
use super::support::report::{Outcome, Report, median, quantile};

const ROUNDS: usize = 11;
/// How long one peer runs in one round.
const SLICE: Duration = Duration::from_millis(400);

const BARE: &str = "bare recv_from/send_to loop";
const TAPPED: &str = "sockscope echo, events drained";
const WATCHED: &str = "sockscope, dashboard 120x36";

/// A server that runs, and whatever keeps it running.
struct Peer {
    name: &'static str,
    address: SocketAddr,
    _running: Running,
}

enum Running {
    Server { _server: Server },
    Dashboard { _dashboard: Dashboard },
}

impl Peer {
    fn server(name: &'static str, server: Server) -> Self {
        Self {
            name,
            address: server.address,
            _running: Running::Server { _server: server },
        }
    }
}

fn peers(report: &mut Report) -> Outcome<Vec<Peer>> {
    let dashboard = Dashboard::start(120, 36, &["--loss", "none"], &[])?;
    let mut peers = vec![
        Peer::server(BARE, Server::bare()?),
        Peer::server(TAPPED, Server::ours(&["--loss", "none"])?),
        Peer {
            name: WATCHED,
            address: dashboard.echo,
            _running: Running::Dashboard {
                _dashboard: dashboard,
            },
        },
    ];
    if is_installed("python3") {
        peers.push(Peer::server("python3 recvfrom/sendto", Server::python()?));
    } else {
        report.say("python3: skipped: not installed");
    }
    for other in ["iperf3", "irtt", "sockperf", "netperf"] {
        if !is_installed(other) {
            report.say(&format!("{other}: skipped: not installed"));
        }
    }
    Ok(peers)
}

pub fn measure(report: &mut Report) -> Outcome<()> {
    for window in [64, 1] {
        report.heading(&format!(
            "UDP echo, 32 bytes, {window} in flight, {ROUNDS} rounds of {} ms in turn",
            SLICE.as_millis()
        ));
        let peers = peers(report)?;
        let mut rates = vec![Vec::new(); peers.len()];
        let mut gone = vec![0; peers.len()];
        for round in 0..ROUNDS {
            for turn in 0..peers.len() {
                let place = (turn + round) % peers.len();
                let (rate, lost) = flood(peers[place].address, window, SLICE)?;
                rates[place].push(rate);
                gone[place] += lost;
            }
        }
        report.say(&format!(
            "{:<32} {:>10} {:>10} {:>10} {:>8} {:>6}",
            "echoes a second", "p10", "median", "p90", "ratio", "gone"
        ));
        for ((peer, rates_of), gone) in peers.iter().zip(&rates).zip(gone) {
            report.say(&format!(
                "{:<32} {:>10.0} {:>10.0} {:>10.0} {:>8.3} {:>6}",
                peer.name,
                quantile(rates_of, 0.1),
                median(rates_of),
                quantile(rates_of, 0.9),
                ratio(rates_of, &rates[0]),
                gone
            ));
        }
        if window == 64 {
            judge(report, &peers, &rates);
        }
    }
    Ok(())
}

/// The median over the rounds of what a peer did for each that the first did in the same round: slow spells of the machine fall on both.
fn ratio(rates: &[f64], base: &[f64]) -> f64 {
    let ratios: Vec<f64> = rates
        .iter()
        .zip(base)
        .map(|(rate, base)| rate / base)
        .collect();
    median(&ratios)
}

fn judge(report: &mut Report, peers: &[Peer], rates: &[Vec<f64>]) {
    for (name, least) in [(TAPPED, 1.0), (WATCHED, 0.9)] {
        if let Some(place) = peers.iter().position(|peer| peer.name == name) {
            let ratio = ratio(&rates[place], &rates[0]);
            report.target(
                ratio >= least,
                &format!("{name}: {ratio:.3} of the bare loop, at least {least}"),
            );
        }
    }
}
