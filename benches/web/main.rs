//! The Web lab beside its peers, in one run: servers under the same load, round by round in turn, medians and ratios.
//!
//! `benches/versus.sh web` runs it; words after it choose sections: `small`, `large`, `idle`, `memory`, `dashboard` (all of them without a word).
//! `--requests N` says how many requests the memory is watched for. Figures drift from run to run and from machine to machine, so speeds are only
//! compared within one run. A target that is missed is said, and fails nothing.

mod dashboard;
mod idle;
mod memory;
mod peers;
mod screen;
mod speed;
#[path = "../support/mod.rs"]
mod support;
mod wrk;

use std::env;
use std::process::ExitCode;

use support::process::is_installed;
use support::report::{Outcome, Report, complain};

/// Requests for which the memory is watched when nobody says how many: about a minute.
const REQUESTS: u64 = 5_000_000;

type Section = fn(&mut Report, &Asked) -> Outcome<()>;

const SECTIONS: [(&str, Section); 5] = [
    ("small", |report, _| speed::small(report)),
    ("large", |report, _| speed::large(report)),
    ("idle", |report, _| idle::measure(report)),
    ("memory", |report, asked| {
        memory::measure(report, asked.requests)
    }),
    ("dashboard", |report, _| dashboard::measure(report)),
];

/// What the command line asks for.
struct Asked {
    sections: Vec<&'static str>,
    requests: u64,
}

impl Asked {
    fn of(words: &[String]) -> Outcome<Self> {
        let mut asked = Self {
            sections: Vec::new(),
            requests: REQUESTS,
        };
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word == "--bench" {
                continue;
            }
            if word == "--requests" {
                asked.requests = words.next().ok_or("--requests needs a number")?.parse()?;
                continue;
            }
            let (name, _) = SECTIONS
                .iter()
                .find(|(name, _)| *name == word)
                .ok_or_else(|| format!("no such section: {word}"))?;
            asked.sections.push(*name);
        }
        Ok(asked)
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    // `cargo test --benches` builds and starts benches without this word: nothing is measured then.
    if !words.iter().any(|word| word == "--bench") {
        return ExitCode::SUCCESS;
    }
    let asked = match Asked::of(&words) {
        Ok(asked) => asked,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let mut report = Report::default();
    for (name, measure) in SECTIONS {
        if !asked.sections.is_empty() && !asked.sections.contains(&name) {
            continue;
        }
        if name != "idle" && !is_installed("wrk") {
            report.say(&format!("{name}: skipped: wrk is not installed"));
        } else if let Err(error) = measure(&mut report, &asked) {
            report.say(&format!("{name}: not measured: {error}"));
        }
    }
    report.verdicts();
    ExitCode::SUCCESS
}
