//! The UDP lab beside its peers, in one run: programs against programs, round by round in turn, medians and ratios.
//!
//! `benches/versus.sh udp` runs it; words after it choose sections: `echo`, `pinger`, `delay`, `dashboard` (all of them without a word). Figures drift
//! from run to run and from machine to machine, so only ratios within one run are compared with a target. A target that is missed is said, and
//! fails nothing.

mod dashboard;
mod delay;
mod echo;
#[path = "../support/flood.rs"]
mod flood;
mod peers;
mod pinger;
#[path = "../scene/mod.rs"]
mod scene;
mod screen;
#[path = "../support/mod.rs"]
mod support;

use std::env;
use std::process::ExitCode;

use support::report::{self, Outcome, Report};

type Section = fn(&mut Report) -> Outcome<()>;

const SECTIONS: [(&str, Section); 4] = [
    ("echo", echo::measure),
    ("pinger", pinger::measure),
    ("delay", delay::measure),
    ("dashboard", dashboard::measure),
];

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    if let [role, rest @ ..] = words.as_slice()
        && let Some(role) = role.strip_prefix("--as=")
    {
        return finish(peers::play(role, rest));
    }
    // `cargo test --benches` builds and starts benches without this word: nothing is measured then.
    if !words.iter().any(|word| word == "--bench") {
        return ExitCode::SUCCESS;
    }
    let chosen = |name: &str| words.iter().any(|word| word == name);
    let all = !SECTIONS.iter().any(|(name, _)| chosen(name));
    let mut report = Report::default();
    for (name, measure) in SECTIONS {
        if (all || chosen(name))
            && let Err(error) = measure(&mut report)
        {
            report.say(&format!("{name}: not measured: {error}"));
        }
    }
    report.verdicts();
    ExitCode::SUCCESS
}

fn finish(result: Outcome<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}
