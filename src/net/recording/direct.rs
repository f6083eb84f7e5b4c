//! Files of what is played from a record, written by whoever plays it.
//!
//! It stands apart from [`Recording`](super::Recording) because a record, unlike a lab, can wait for the disk: there is no ring and no thread, and
//! nothing is left out. Entries are written as they were read, and a capture is put in order by their times, not by those of the machine.

use std::time::Duration;

use super::{OpenError, Outlet, Progress, Target, entries};
use crate::trace::bounded::Weigh;
use crate::trace::clock::Clock;
use crate::trace::record::Entry;
use crate::trace::recorder::Item;

/// How far, by the record's clock, a capture waits for entries that were reported late: no lab takes that long.
const HOLD_BACK: Duration = Duration::from_secs(1);
/// What was written is handed to the system after so many entries, or so many bytes of them.
const AT_MOST: (usize, usize) = (1_024, 8 << 20);

/// Files that are being written. Dropped, they end as [`DirectRecording::finish`] has it.
pub struct DirectRecording {
    outlets: Vec<Outlet>,
    /// The latest time of an entry so far.
    latest: Duration,
    /// Entries and bytes since what was written was handed to the system.
    since_written_out: (usize, usize),
}

impl DirectRecording {
    /// Begins files. `clock` is that of the record, from which all times count; `command` is how this program was called.
    ///
    /// # Errors
    ///
    /// A file exists and is not to be overwritten, or can't be made. Then none is begun.
    pub fn start(targets: Vec<Target>, clock: &Clock, command: &str) -> Result<Self, OpenError> {
        Ok(Self {
            outlets: Outlet::open_all(targets, clock, command)?,
            latest: Duration::ZERO,
            since_written_out: (0, 0),
        })
    }

    /// Writes an entry.
    pub fn write(&mut self, entry: &Entry) {
        for outlet in &mut self.outlets {
            outlet.add(entry);
        }
        self.latest = self.latest.max(entry.at);
        self.since_written_out.0 += 1;
        self.since_written_out.1 += entry.weight();
        if self.since_written_out.0 >= AT_MOST.0 || self.since_written_out.1 >= AT_MOST.1 {
            self.write_out();
        }
    }

    /// Writes what was kept of what was played before, in the order of time.
    pub fn write_held(&mut self, held: Vec<Item>) {
        let latest = held.iter().filter_map(Item::at).max().unwrap_or_default();
        for entry in entries(held.into_iter(), latest) {
            self.write(&entry);
        }
        self.write_out();
    }

    /// Hands what was written to the system: from then on a crash does not lose it. A capture keeps back what others may still be sorted before.
    pub fn write_out(&mut self) {
        if self.since_written_out.0 > 0 {
            self.write_until(self.latest.saturating_sub(HOLD_BACK));
        }
    }

    /// As before, without keeping anything back: nothing more is expected.
    pub fn write_all(&mut self) {
        self.write_until(Duration::MAX);
    }

    fn write_until(&mut self, due: Duration) {
        self.since_written_out = (0, 0);
        for outlet in &mut self.outlets {
            outlet.write_until(due);
        }
    }

    /// How far the files are.
    pub fn progress(&self) -> Vec<Progress> {
        self.outlets.iter().map(Outlet::progress).collect()
    }

    /// Ends the files.
    pub fn finish(mut self) -> Vec<Progress> {
        self.end();
        self.progress()
    }

    fn end(&mut self) {
        self.outlets.iter_mut().for_each(Outlet::finish);
    }
}

impl Drop for DirectRecording {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests;
