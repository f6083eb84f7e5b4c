//! The requests that the log shows, as the file that web servers write: Combined Log Format, as `serve --log` has it.

use super::WebTab;
use super::log::Sort;
use crate::dashboard::app::Effect;
use crate::trace::access_log::{AccessLog, LogFormat};
use crate::trace::clock::Clock;

/// The name of the file; where it is taken, a number is added.
const FILE: &str = "access.log";

impl WebTab {
    /// Saves the rows that the filter lets through, in the order of time; `None` where there is none.
    pub fn export(&self, clock: Clock) -> Option<Effect> {
        let shown = self.shown();
        let log = &shown.log;
        let mut lines = AccessLog::new(LogFormat::Combined, clock);
        let mut bytes = Vec::new();
        if shown.left_out > 0 {
            lines.skipped(shown.left_out, &mut bytes);
        }
        // The newest has the first place.
        let ids = (0..log.len()).rev();
        for id in ids.filter_map(|place| log.id_at(Sort::Time, place)) {
            if let Some(row) = log.row(id) {
                lines.request(&row.exchange, &mut bytes);
            }
        }
        (!log.is_empty()).then(|| Effect::SaveFile {
            name: FILE.to_owned(),
            bytes,
        })
    }
}
