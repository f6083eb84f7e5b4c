//! Messages a second that a client sends on one connection, side by side.

use super::peers::{Connections, Load, MESSAGE, Server, mail, time};
use super::support::report::{Outcome, Report, median};

const ROUNDS: usize = 15;
const LOAD: Load = Load {
    sessions: 1,
    messages: 5_000,
    connections: Connections::Kept,
};

pub fn measure(report: &mut Report) -> Outcome<()> {
    report.heading(&format!(
        "Mail client, {} messages of {MESSAGE} bytes on one connection to smtp-sink, {ROUNDS} rounds in turn, medians",
        LOAD.messages
    ));
    let sink = Server::sink()?;
    let line = format!("{}\n", "x".repeat(69));
    let body = line.repeat(MESSAGE / line.len());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for turn in 0..2 {
            let (command, seconds) = match (turn + round) % 2 {
                0 => {
                    let mut command = mail(sink.address);
                    let count = LOAD.messages.to_string();
                    command.args(["--count", &count, "--body", &body]);
                    (command, &mut ours)
                }
                _ => (LOAD.source(sink.address), &mut theirs),
            };
            let mut command = command;
            seconds.push(time(&mut command)?);
        }
    }
    let pairs = ours.iter().zip(&theirs);
    let ratio = median(
        &pairs
            .map(|(ours, theirs)| theirs / ours)
            .collect::<Vec<_>>(),
    );
    let per_second = |seconds: &[f64]| LOAD.messages as f64 / median(seconds);
    let (ours, theirs) = (per_second(&ours), per_second(&theirs));
    report.say(&format!("{:<18} {:>10}", "client", "messages/s"));
    report.say(&format!("{:<18} {ours:>10.0}", "sockscope mail"));
    report.say(&format!("{:<18} {theirs:>10.0}", "smtp-source -d"));
    report.target(
        ratio >= 1.0,
        &format!("client: {ratio:.3} of smtp-source's messages a second, at least 1"),
    );
    Ok(())
}
