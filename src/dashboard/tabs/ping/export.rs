//! The pings that the tab shows, as a file for spreadsheets: the same columns as `ping --csv` writes.

use super::PingTab;
use crate::dashboard::app::Effect;
use crate::proto::ping::Outcome;
use crate::trace::clock::Clock;
use crate::trace::csv::{CsvFile, PING_COLUMNS, ping_cells};

/// The name of the file; where it is taken, a number is added.
const FILE: &str = "pings.csv";

impl PingTab {
    /// Saves every decided ping that is kept, target by target; `None` where there is none. What is in flight is nothing yet.
    pub fn export(&self, clock: &Clock) -> Option<Effect> {
        let targets = self.shown().targets.iter().map(|target| {
            let rows = target.history.rows().map(|row| &row.record);
            let decided = rows.filter(|record| record.outcome != Outcome::InFlight);
            (target.target.to_string(), decided)
        });
        let mut bytes = Vec::new();
        let mut file = CsvFile::new(&mut bytes, &PING_COLUMNS).ok()?;
        let mut saved = 0_u64;
        for (name, decided) in targets {
            for record in decided {
                file.row(&ping_cells(&name, record, clock)).ok()?;
                saved += 1;
            }
        }
        drop(file);
        (saved > 0).then(|| Effect::SaveFile {
            name: FILE.to_owned(),
            bytes,
        })
    }
}
