//! Turning a knob step by step along a table of sensible values: what the knobs of every tab have in common.

use std::time::Duration;

/// Which way an arrow turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Less,
    More,
}

/// The next entry of an ascending table, or the end of it.
pub fn step<T: PartialOrd + Copy>(table: &[T], value: T, turn: Turn) -> T {
    let found = match turn {
        Turn::More => table.iter().find(|&&entry| entry > value),
        Turn::Less => table.iter().rev().find(|&&entry| entry < value),
    };
    found.copied().unwrap_or(value)
}

/// The next duration of an ascending table in milliseconds, or the end of it.
pub fn turn_millis(table: &[u64], value: Duration, turn: Turn) -> Duration {
    let micros: Vec<u128> = table.iter().map(|&ms| u128::from(ms) * 1000).collect();
    Duration::from_micros(step(&micros, value.as_micros(), turn) as u64)
}
