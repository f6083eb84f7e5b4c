//! What is said about a record that is played.

use super::Words;
use crate::trace::escape::escape_hostile;
use crate::trace::record::{NotARecord, VERSION};

/// Why a file can't be played.
pub fn not_a_record(error: &NotARecord, words: Words) -> String {
    let escaped = |text: &str| escape_hostile(text.as_bytes()).into_owned();
    match error {
        NotARecord::Io(error) => escaped(&error.to_string()),
        NotARecord::Empty => words.t("replay.empty").into_owned(),
        NotARecord::NoHeader => words.t("replay.no_header").into_owned(),
        NotARecord::Version(version) => words.fill(
            "replay.version",
            &[("version", version), ("known", &VERSION)],
        ),
        NotARecord::Header(reason) => {
            words.fill("replay.bad_header", &[("reason", &escaped(reason))])
        }
    }
}

/// What was played, for the line that stays in the terminal.
pub fn summary(entries: u64, damaged: u64, words: Words) -> String {
    let played = words.fill("replay.played", &[("entries", &entries)]);
    match damaged {
        0 => played,
        count => format!(
            "{played}{}{}",
            words.t("replay.and"),
            words.fill("replay.damaged", &[("count", &count)])
        ),
    }
}
