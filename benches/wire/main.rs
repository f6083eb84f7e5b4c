//! What the Wire tab and its recorder cost, in one run: an hour of all labs at 1,000 events a second, the labs with and without somebody who takes
//! their calls, and the files.
//!
//! `benches/versus.sh wire` runs it; words after it choose sections: `hour`, `recording`, `capture` (all of them without a word). Figures drift from
//! run to run and from machine to machine, so speeds are only compared within one run. A target that is missed is said, and fails nothing.

mod capture;
#[path = "../support/flood.rs"]
mod flood;
mod hour;
mod mailing;
mod recording;
#[path = "../support/mod.rs"]
mod support;
mod traffic;
#[path = "../web/wrk.rs"]
#[expect(dead_code, reason = "the bench of the web server wants more of a run")]
mod wrk;

use std::env;
use std::process::ExitCode;

use support::report::{Outcome, Report, complain};

/// A part of the bench, by the name by which it is asked for.
type Section = (&'static str, fn(&mut Report) -> Outcome<()>);

const SECTIONS: [Section; 3] = [
    ("hour", hour::measure),
    ("recording", recording::measure),
    ("capture", capture::measure),
];

fn main() -> ExitCode {
    let mut words: Vec<String> = env::args().skip(1).collect();
    // `cargo test --benches` builds and starts benches without this word: nothing is measured then.
    if !words.iter().any(|word| word == "--bench") {
        return ExitCode::SUCCESS;
    }
    words.retain(|word| word != "--bench");
    let is_section = |word: &&String| SECTIONS.iter().any(|(name, _)| name == word);
    if let Some(word) = words.iter().find(|word| !is_section(word)) {
        complain(&format!("no such section: {word}"));
        return ExitCode::FAILURE;
    }
    let mut report = Report::default();
    for (name, measure) in SECTIONS {
        if (words.is_empty() || words.iter().any(|word| word == name))
            && let Err(error) = measure(&mut report)
        {
            report.say(&format!("{name}: not measured: {error}"));
        }
    }
    report.verdicts();
    ExitCode::SUCCESS
}
