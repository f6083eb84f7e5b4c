//! Rows for spreadsheets (RFC 4180), with the cells that a spreadsheet would run as a formula made harmless.

use std::io::{self, Write};
use std::time::Duration;

use super::clock::Clock;
use crate::proto::ping::{Outcome, PingRecord};

/// The columns of pings.
pub const PING_COLUMNS: [&str; 9] = [
    "target",
    "seq",
    "at",
    "outcome",
    "rtt_us",
    "kernel_rtt_us",
    "duplicates",
    "reordered",
    "damaged",
];

/// The cells of a ping, in the order of [`PING_COLUMNS`]. What is not known is empty.
pub fn ping_cells(target: &str, record: &PingRecord, clock: &Clock) -> [String; 9] {
    let micros =
        |time: Option<Duration>| time.map_or_else(String::new, |time| in_micros(time).to_string());
    [
        target.to_owned(),
        record.seq.to_string(),
        clock.rfc3339(record.sent_at),
        outcome_name(record.outcome).to_owned(),
        micros(record.rtt),
        micros(record.kernel_rtt),
        record.duplicates.to_string(),
        record.reordered.to_string(),
        record.damaged.to_string(),
    ]
}

/// The stable name of an outcome in files.
pub fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::InFlight => "in-flight",
        Outcome::Replied => "replied",
        Outcome::Late => "late",
        Outcome::Lost => "lost",
        Outcome::Refused => "refused",
    }
}

/// A time as files have it: microseconds, with all that is known of a fraction.
pub fn in_micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

/// A CSV file that is written as it goes.
pub struct CsvFile<W: Write> {
    out: io::BufWriter<W>,
}

impl<W: Write> CsvFile<W> {
    /// Starts with the row of column names.
    pub fn new(out: W, header: &[&str]) -> io::Result<Self> {
        let mut file = Self {
            out: io::BufWriter::new(out),
        };
        file.row(header)?;
        Ok(file)
    }

    /// Adds a row; it is in the file when this returns.
    pub fn row(&mut self, cells: &[impl AsRef<str>]) -> io::Result<()> {
        let line = cells
            .iter()
            .map(|cell| quoted(cell.as_ref()))
            .collect::<Vec<_>>()
            .join(",");
        self.out.write_all(line.as_bytes())?;
        self.out.write_all(b"\r\n")?;
        self.out.flush()
    }
}

/// A cell in quotes where it needs them. One that begins like a formula, or with what a spreadsheet may skip before one, gets an apostrophe in front
/// (CWE-1236; OWASP ASVS 5.0 §1.2.10 and "CSV Injection", which also warns of separators and quotes that begin another cell: where the locale says so,
/// a semicolon or a tab is a separator).
fn quoted(cell: &str) -> String {
    let begins = cell.trim_start_matches([' ', '"', '\'']);
    let runs = begins.starts_with(FORMULA) && !is_number(cell);
    let apostrophe = if runs { "'" } else { "" };
    if cell.contains([',', ';', '\t', '"', '\r', '\n']) || cell.starts_with(' ') {
        format!("\"{apostrophe}{}\"", cell.replace('"', "\"\""))
    } else {
        format!("{apostrophe}{cell}")
    }
}

/// What a formula begins with, the wide forms of a Chinese or Japanese keyboard included, and the control characters that may stand before it.
const FORMULA: [char; 12] = [
    '=', '+', '-', '@', '\t', '\r', '\n', '\0', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
];

fn is_number(cell: &str) -> bool {
    cell.parse().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_needed_and_formulas_are_harmless() {
        let cases = [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("+1+cmd", "'+1+cmd"),
            ("-1+cmd", "'-1+cmd"),
            ("@cmd", "'@cmd"),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("\n=1", "\"'\n=1\""),
            ("\0=1", "'\0=1"),
            (" =1", "\"' =1\""),
            ("\"=1", "\"'\"\"=1\""),
            ("'=1", "''=1"),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("=1,\"x\"", "\"'=1,\"\"x\"\"\""),
            // Another cell, where the locale separates them so.
            ("a;=1", "\"a;=1\""),
            ("a\t=1", "\"a\t=1\""),
            ("-inf", "'-inf"),
            ("+5", "+5"),
            ("-5.5", "-5.5"),
            ("", ""),
        ];
        for (cell, expected) in cases {
            assert_eq!(quoted(cell), expected, "{cell:?}");
        }
    }

    #[test]
    fn rows_end_in_cr_lf() {
        let mut bytes = Vec::new();
        let mut file = CsvFile::new(&mut bytes, &["a", "b"]).expect("a Vec takes everything");
        file.row(&["1", "x,y"]).expect("a Vec takes everything");
        drop(file);
        assert_eq!(bytes, b"a,b\r\n1,\"x,y\"\r\n");
    }
}
