//! A QR code drawn with characters, so that a phone can open what the screen shows.
//!
//! It stands apart from the text around it because it may not follow the theme: readers expect dark
//! modules on a light ground (ISO/IEC 18004), and square ones. A cell is about twice as high as it is wide,
//! so it holds two modules, one above the other, or a module takes two cells.

use qrcode::{Color as Module, EcLevel, QrCode};
use ratatui::style::{Color, Style};
use ratatui::text::Line;

use super::Glyphs;

/// Light modules around the code. The standard asks for four; readers do with two, and rows are few.
const QUIET: usize = 2;

const DARK_ON_LIGHT: Style = Style::new().fg(Color::Black).bg(Color::White);

/// A QR code; see the module for how it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qr {
    /// Modules along an edge, the quiet zone included.
    edge: usize,
    /// Row by row, whether each module is dark.
    dark: Vec<bool>,
}

impl Qr {
    /// The smallest code for a text, or none if it is too long for any (2,953 bytes at most). A screen has
    /// no scratches, so it is the lowest level of error correction.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
        let inner = code.width();
        let edge = inner + 2 * QUIET;
        let mut dark = vec![false; edge * edge];
        for (index, module) in code.to_colors().into_iter().enumerate() {
            let (row, column) = (index / inner + QUIET, index % inner + QUIET);
            dark[row * edge + column] = module == Module::Dark;
        }
        Some(Self { edge, dark })
    }

    /// Columns and rows that the code takes.
    #[must_use]
    pub const fn size(&self, glyphs: Glyphs) -> (u16, u16) {
        // The largest code, version 40, has 177 modules along an edge.
        let edge = self.edge as u16;
        match glyphs {
            Glyphs::Unicode => (edge, edge.div_ceil(2)),
            Glyphs::Ascii => (edge * 2, edge),
        }
    }

    /// The code in half blocks; in ASCII, `##` for each dark module.
    #[must_use]
    pub fn lines(&self, glyphs: Glyphs) -> Vec<Line<'static>> {
        let rows: Vec<&[bool]> = self.dark.chunks(self.edge).collect();
        let texts: Vec<String> = match glyphs {
            Glyphs::Unicode => rows.chunks(2).map(half_blocks).collect(),
            Glyphs::Ascii => rows.iter().map(|row| signs(row)).collect(),
        };
        let line = |text| Line::styled(text, DARK_ON_LIGHT);
        texts.into_iter().map(line).collect()
    }
}

/// Two rows of modules, or the last one alone, as one row of cells.
fn half_blocks(rows: &[&[bool]]) -> String {
    let (upper, lower) = (rows[0], rows.get(1));
    let cell =
        |(column, upper): (usize, &bool)| match (*upper, lower.is_some_and(|row| row[column])) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
    upper.iter().enumerate().map(cell).collect()
}

fn signs(row: &[bool]) -> String {
    row.iter()
        .map(|dark| if *dark { "##" } else { "  " })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::widgets::text;

    /// Whether each module is dark, row by row, read from what is drawn; half blocks may add a light row.
    fn modules(qr: &Qr, glyphs: Glyphs) -> Vec<Vec<bool>> {
        let mut rows = Vec::new();
        for line in qr.lines(glyphs) {
            assert_eq!(line.style, DARK_ON_LIGHT);
            assert_eq!(text::line_width(&line), usize::from(qr.size(glyphs).0));
            let cells: Vec<char> = line.to_string().chars().collect();
            match glyphs {
                Glyphs::Unicode => {
                    let half = |dark: [char; 2]| cells.iter().map(|c| dark.contains(c)).collect();
                    rows.extend([half(['█', '▀']), half(['█', '▄'])]);
                }
                Glyphs::Ascii => {
                    rows.push(cells.chunks(2).map(|cell| cell == ['#', '#']).collect())
                }
            }
        }
        rows
    }

    #[test]
    fn both_forms_hold_the_same_modules() {
        let qr = Qr::new("http://127.0.0.1:6789/").expect("a short text");
        // Version 2, 25 modules, is the smallest with room for 22 bytes (17 in version 1).
        assert_eq!(qr.size(Glyphs::Unicode), (29, 15));
        assert_eq!(qr.size(Glyphs::Ascii), (58, 29));
        let ascii = modules(&qr, Glyphs::Ascii);
        let mut blocks = modules(&qr, Glyphs::Unicode);
        assert_eq!(blocks.pop(), Some(vec![false; 29]));
        assert_eq!(blocks, ascii);
    }

    #[test]
    fn function_patterns_lie_where_the_standard_says() {
        let qr = Qr::new("http://127.0.0.1:6789/").expect("a short text");
        let dark = modules(&qr, Glyphs::Ascii);
        let finder = [
            "#######", "#     #", "# ### #", "# ### #", "# ### #", "#     #", "#######",
        ];
        for (top, left) in [(2, 2), (2, 20), (20, 2)] {
            for (row, pattern) in finder.iter().enumerate() {
                let expected: Vec<bool> = pattern.chars().map(|c| c == '#').collect();
                assert_eq!(dark[top + row][left..left + 7], expected);
            }
        }
        // Timing patterns alternate; the dark module is in row 4 * version + 9, column 8, and tells the
        // code from its mirror image.
        for at in 8..17 {
            assert_eq!(dark[2 + 6][2 + at], at % 2 == 0);
            assert_eq!(dark[2 + at][2 + 6], at % 2 == 0);
        }
        assert!(dark[2 + 17][2 + 8]);
        let quiet = |row: &Vec<bool>| row.iter().all(|dark| !dark);
        assert!(dark[..2].iter().chain(&dark[27..]).all(quiet));
        assert!(
            dark.iter()
                .all(|row| !row[0] && !row[1] && !row[27] && !row[28])
        );
    }

    #[test]
    fn a_text_too_long_has_no_code() {
        assert!(Qr::new(&"x".repeat(2953)).is_some());
        assert_eq!(Qr::new(&"x".repeat(2954)), None);
        assert!(Qr::new("").is_some());
    }
}
