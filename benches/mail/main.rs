//! The Mail lab beside Postfix's test programs, in one run: servers under the same load and clients at the same server, round by round in turn,
//! medians and ratios.
//!
//! `benches/versus.sh mail` runs it; words after it choose sections: `server`, `client`, `memory` (all of them without a word). Figures drift from run
//! to run and from machine to machine, so speeds are only compared within one run. A target that is missed is said, and fails nothing.

mod client;
mod memory;
mod peers;
mod server;
#[path = "../support/mod.rs"]
mod support;

use std::env;
use std::process::ExitCode;

use support::process::is_installed;
use support::report::{Outcome, Report, complain};

type Section = fn(&mut Report) -> Outcome<()>;

const SECTIONS: [(&str, Section); 3] = [
    ("server", server::measure),
    ("client", client::measure),
    ("memory", memory::measure),
];

/// What the command line asks for.
fn asked(words: &[String]) -> Outcome<Vec<&'static str>> {
    let words = words.iter().filter(|word| *word != "--bench");
    words
        .map(|word| {
            let found = SECTIONS.iter().find(|(name, _)| name == word);
            let (name, _) = found.ok_or_else(|| format!("no such section: {word}"))?;
            Ok(*name)
        })
        .collect()
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    // `cargo test --benches` builds and starts benches without this word: nothing is measured then.
    if !words.iter().any(|word| word == "--bench") {
        return ExitCode::SUCCESS;
    }
    let asked = match asked(&words) {
        Ok(asked) => asked,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let mut report = Report::default();
    for (name, measure) in SECTIONS {
        if !asked.is_empty() && !asked.contains(&name) {
            continue;
        }
        let missing = peers::NEEDED
            .iter()
            .find(|program| name != "memory" && !is_installed(program));
        if let Some(program) = missing {
            report.say(&format!("{name}: skipped: {program} is not installed"));
        } else if let Err(error) = measure(&mut report) {
            report.say(&format!("{name}: not measured: {error}"));
        }
    }
    report.verdicts();
    ExitCode::SUCCESS
}
