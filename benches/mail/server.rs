//! Messages a second that a server takes, side by side.

use super::peers::{Connections, Load, MESSAGE, SINK, Server, Store, time};
use super::support::report::{Outcome, Report, median};

/// Many and short: where the system puts the two processes changes the figures of a single session by a factor of five, from one moment to the next.
const ROUNDS: usize = 25;
/// A server that waits for a disk gets this part of the messages: it takes as much longer.
const ON_DISK: usize = 5;

const LOADS: [Load; 4] = [
    Load {
        sessions: 1,
        messages: 1_000,
        connections: Connections::EachNew,
    },
    Load {
        sessions: 4,
        messages: 3_000,
        connections: Connections::EachNew,
    },
    Load {
        sessions: 1,
        messages: 1_500,
        connections: Connections::Kept,
    },
    Load {
        sessions: 4,
        messages: 8_000,
        connections: Connections::Kept,
    },
];

/// What a server came to, one value a round.
#[derive(Default)]
struct Figures {
    per_second: Vec<f64>,
    cpu_micros: Vec<f64>,
    resident: f64,
}

pub fn measure(report: &mut Report) -> Outcome<()> {
    // On the disk of the build, since the folder for temporary files may be in memory, where a sync is nothing.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let servers = [
        Server::mailbox("sockscope mailbox, memory", &Store::Memory)?,
        Server::sink()?,
        Server::mailbox(
            "sockscope mailbox, Maildir",
            &Store::Maildir(&folder.path().join("Maildir")),
        )?,
    ];
    for load in LOADS {
        compare(report, &servers, load)?;
    }
    Ok(())
}

fn compare(report: &mut Report, servers: &[Server; 3], load: Load) -> Outcome<()> {
    let connections = match load.connections {
        Connections::EachNew => "a connection each",
        Connections::Kept => "connections kept",
    };
    let sessions = match load.sessions {
        1 => "1 session".to_owned(),
        more => format!("{more} sessions"),
    };
    let what = format!("{sessions} of smtp-source, {connections}");
    report.heading(&format!(
        "Mail server, {MESSAGE}-byte messages, {what}, {ROUNDS} rounds in turn, medians"
    ));
    let mut all: [Figures; 3] = Default::default();
    for round in 0..ROUNDS {
        for turn in 0..servers.len() {
            let place = (turn + round) % servers.len();
            let (server, figures) = (&servers[place], &mut all[place]);
            let load = match place {
                2 => Load {
                    messages: load.messages / ON_DISK,
                    ..load
                },
                _ => load,
            };
            let cpu = server.cpu_seconds()?;
            let seconds = time(&mut load.source(server.address))?;
            let cpu = server.cpu_seconds()? - cpu;
            figures.per_second.push(load.messages as f64 / seconds);
            figures.cpu_micros.push(cpu * 1e6 / load.messages as f64);
            figures.resident = server.resident_mib()?;
        }
    }
    report.say(&format!(
        "{:<28} {:>10} {:>14} {:>13}",
        "server", "messages/s", "CPU µs/message", "resident MiB"
    ));
    for (server, figures) in servers.iter().zip(&all) {
        report.say(&format!(
            "{:<28} {:>10.0} {:>14.1} {:>13.1}",
            server.name,
            median(&figures.per_second),
            median(&figures.cpu_micros),
            figures.resident
        ));
    }
    let [ours, theirs, _] = &all;
    // Of each round, since the machine is not the same in all of them.
    let pairs = ours.per_second.iter().zip(&theirs.per_second);
    let ratio = median(
        &pairs
            .map(|(ours, theirs)| ours / theirs)
            .collect::<Vec<_>>(),
    );
    report.target(
        ratio >= 1.0,
        &format!("{what}: {ratio:.3} of {SINK}'s messages a second, at least 1"),
    );
    Ok(())
}
