//! What is printed: tables, and each target with whether it was met.

use std::error::Error;
use std::io::{self, Write};

/// Anything that can go wrong in a benchmark ends its section with a message.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// The measured figures that have a target, gathered for the end.
#[derive(Default)]
pub struct Report {
    targets: Vec<(String, bool)>,
}

impl Report {
    /// Prints a line at once: a run takes minutes.
    pub fn say(&mut self, line: &str) {
        let mut out = io::stdout().lock();
        // Without a reader there is nothing to say.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }

    pub fn heading(&mut self, title: &str) {
        self.say(&format!("\n== {title}"));
    }

    /// Notes whether a figure meets its target; told again by [`verdicts`](Self::verdicts).
    pub fn target(&mut self, met: bool, text: &str) {
        self.targets.push((text.to_owned(), met));
    }

    /// Tells which targets were met.
    pub fn verdicts(&mut self) {
        self.heading("targets");
        for (text, met) in std::mem::take(&mut self.targets) {
            let verdict = if met { "met   " } else { "MISSED" };
            self.say(&format!("{verdict}  {text}"));
        }
    }
}

pub fn complain(text: &str) {
    // If nobody reads it, the exit code still tells.
    let _ = writeln!(io::stderr(), "{text}");
}

/// The value at `share` (0 to 1) of the way through the sorted values, by nearest rank; 0 of none.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or_default()
}

pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}
