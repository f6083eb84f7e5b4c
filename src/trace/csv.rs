//! Rows for spreadsheets (RFC 4180), with the cells that a spreadsheet would run as a formula made harmless.

use std::io::{self, Write};

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
    pub fn row(&mut self, cells: &[&str]) -> io::Result<()> {
        let line = cells
            .iter()
            .map(|cell| quoted(cell))
            .collect::<Vec<_>>()
            .join(",");
        self.out.write_all(line.as_bytes())?;
        self.out.write_all(b"\r\n")?;
        self.out.flush()
    }
}

/// A cell in quotes where it needs them. One that begins like a formula gets an apostrophe in front (CWE-1236).
fn quoted(cell: &str) -> String {
    let runs = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
    let cell = if runs {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if cell.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
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
            ("@cmd", "'@cmd"),
            ("-5.5", "-5.5"),
            ("", ""),
        ];
        for (cell, expected) in cases {
            assert_eq!(quoted(cell), expected);
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
