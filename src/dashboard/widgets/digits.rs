//! One number in large block digits, to be read from the back row.
//!
//! The digits are a 3x5 font of heavy strokes scaled by a whole factor. In Unicode a font dot is a
//! half block, which is about square; in ASCII it is two `#` side by side.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use super::Glyphs;
use super::text::{self, Align};

/// Rows of the font.
const HEIGHT: usize = 5;

/// A short text in the largest digits that fit, centred, with its unit smaller beside it.
///
/// The font has the digits, `. , % - < : / m s µ ×` and the space; anything else shows as `?`.
/// Where not even the smallest size fits, the text is drawn in plain characters.
#[derive(Clone, Copy, Debug)]
pub struct BigNumber<'a> {
    text: &'a str,
    unit: &'a str,
    style: Style,
    glyphs: Glyphs,
}

impl<'a> BigNumber<'a> {
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self {
            text,
            unit: "",
            style: Style::new(),
            glyphs: Glyphs::Unicode,
        }
    }

    /// The unit: half the size of the number, in plain characters where that would be too small
    /// or the font lacks one.
    #[must_use]
    pub const fn unit(mut self, unit: &'a str) -> Self {
        self.unit = unit;
        self
    }

    #[must_use]
    pub const fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    #[must_use]
    pub const fn glyphs(mut self, glyphs: Glyphs) -> Self {
        self.glyphs = glyphs;
        self
    }

    /// Dot rows in a row of the screen.
    const fn dots_per_row(&self) -> usize {
        match self.glyphs {
            Glyphs::Unicode => 2,
            Glyphs::Ascii => 1,
        }
    }

    /// The sizes of a font dot, largest first, that are worth trying in an area.
    fn sizes(&self, area: Rect) -> impl Iterator<Item = Dot> + use<> {
        let glyphs = self.glyphs;
        let tallest = usize::from(area.height) * self.dots_per_row() / HEIGHT;
        let sizes = (1..=tallest).rev().map(move |factor| match glyphs {
            Glyphs::Unicode => Dot {
                width: factor,
                height: factor,
            },
            Glyphs::Ascii => Dot {
                width: 2 * factor,
                height: factor,
            },
        });
        // Narrow ASCII digits are still larger than plain text.
        let narrow = Dot {
            width: 1,
            height: 1,
        };
        sizes.chain((glyphs == Glyphs::Ascii && tallest > 0).then_some(narrow))
    }

    /// The size of the dots of the unit, if it is to be drawn in dots.
    fn unit_dot(&self, dot: Dot) -> Option<Dot> {
        let half = Dot {
            width: dot.width / 2,
            height: dot.height / 2,
        };
        let readable = half.height >= self.dots_per_row() && half.width > 0;
        (readable && self.unit.chars().all(is_known)).then_some(half)
    }

    /// Columns of the unit with the blanks in front of it.
    fn unit_width(&self, dot: Dot) -> usize {
        match self.unit_dot(dot) {
            _ if self.unit.is_empty() => 0,
            Some(small) => dot.width + dots_across(self.unit) * small.width,
            None => 1 + text::width(self.unit),
        }
    }

    fn draw_dots(&self, text: &str, dot: Dot, (x, bottom): (u16, u16), buf: &mut Buffer) {
        let dots_per_row = self.dots_per_row();
        let rows = (HEIGHT * dot.height).div_ceil(dots_per_row);
        // Digits stand on the bottom row, so a half row that is left over is at the top.
        let spare = rows * dots_per_row - HEIGHT * dot.height;
        let mut x = x;
        for c in text.chars() {
            let pattern = pattern(c);
            let lit = |column: usize, row: usize| {
                row.checked_sub(spare).is_some_and(|row| {
                    let line = pattern[row / dot.height].as_bytes();
                    line[column / dot.width] == b'#'
                })
            };
            let columns = pattern[0].len() * dot.width;
            for row in 0..rows {
                for column in 0..columns {
                    let glyph = match self.glyphs {
                        Glyphs::Unicode => match (lit(column, 2 * row), lit(column, 2 * row + 1)) {
                            (true, true) => '█',
                            (true, false) => '▀',
                            (false, true) => '▄',
                            (false, false) => continue,
                        },
                        Glyphs::Ascii if lit(column, row) => '#',
                        Glyphs::Ascii => continue,
                    };
                    let at = (x + column as u16, bottom - (rows - row) as u16);
                    if let Some(cell) = buf.cell_mut(at) {
                        cell.set_char(glyph).set_style(self.style);
                    }
                }
            }
            x += (columns + dot.width) as u16;
        }
    }
}

impl Widget for BigNumber<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let number = dots_across(self.text);
        let fits = |dot: &Dot| {
            number > 0 && number * dot.width + self.unit_width(*dot) <= usize::from(area.width)
        };
        let Some(dot) = self.sizes(area).find(fits) else {
            let blank = if self.unit.is_empty() { "" } else { " " };
            let line = Line::styled(format!("{}{blank}{}", self.text, self.unit), self.style);
            let at = (area.x, area.y + area.height / 2);
            if !area.is_empty() {
                text::draw_line(buf, at, area.width, &line, Align::Center, self.glyphs);
            }
            return;
        };
        let columns = (number * dot.width) as u16;
        let unit_columns = self.unit_width(dot) as u16;
        let rows = (HEIGHT * dot.height).div_ceil(self.dots_per_row()) as u16;
        let x = area.x + (area.width - columns - unit_columns) / 2;
        let bottom = area.y + (area.height - rows) / 2 + rows;
        self.draw_dots(self.text, dot, (x, bottom), buf);
        let x = x + columns;
        match self.unit_dot(dot) {
            _ if self.unit.is_empty() => {}
            Some(small) => {
                self.draw_dots(self.unit, small, (x + dot.width as u16, bottom), buf);
            }
            None => {
                let line = Line::styled(self.unit, self.style);
                let at = (x + 1, bottom - 1);
                text::draw_line(buf, at, unit_columns - 1, &line, Align::Left, self.glyphs);
            }
        }
    }
}

/// The size of a font dot: columns of the screen, and dot rows as `dots_per_row` counts them.
#[derive(Clone, Copy)]
struct Dot {
    width: usize,
    height: usize,
}

/// Font dots that a text takes across, with one between two characters.
fn dots_across(text: &str) -> usize {
    let dots: usize = text.chars().map(|c| pattern(c)[0].len() + 1).sum();
    dots.saturating_sub(1)
}

fn is_known(c: char) -> bool {
    c == '?' || pattern(c) != pattern('?')
}

fn pattern(c: char) -> [&'static str; HEIGHT] {
    match c {
        '0' => ["###", "#.#", "#.#", "#.#", "###"],
        '1' => [".#.", "##.", ".#.", ".#.", "###"],
        '2' => ["###", "..#", "###", "#..", "###"],
        '3' => ["###", "..#", "###", "..#", "###"],
        '4' => ["#.#", "#.#", "###", "..#", "..#"],
        '5' => ["###", "#..", "###", "..#", "###"],
        '6' => ["###", "#..", "###", "#.#", "###"],
        '7' => ["###", "..#", "..#", ".#.", ".#."],
        '8' => ["###", "#.#", "###", "#.#", "###"],
        '9' => ["###", "#.#", "###", "..#", "###"],
        '.' => [".", ".", ".", ".", "#"],
        ',' => ["..", "..", "..", ".#", "#."],
        ':' => [".", "#", ".", "#", "."],
        '%' => ["#.#", "..#", ".#.", "#..", "#.#"],
        '-' | '–' => ["...", "...", "###", "...", "..."],
        '<' => ["..#", ".#.", "#..", ".#.", "..#"],
        '/' => ["..#", "..#", ".#.", "#..", "#.."],
        'm' => [".....", "####.", "#.#.#", "#.#.#", "#.#.#"],
        's' => ["...", ".##", "#..", ".##", "##."],
        // U+00B5 and U+03BC look the same and are both in use.
        'µ' | 'μ' => ["...", "#.#", "#.#", "###", "#.."],
        '×' => ["...", "#.#", ".#.", "#.#", "..."],
        ' ' => ["..", "..", "..", "..", ".."],
        _ => ["###", "..#", ".#.", "...", ".#."],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(number: BigNumber, width: u16, height: u16) -> Vec<String> {
        let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
        number.render(buf.area, &mut buf);
        let rows = buf.content.chunks(usize::from(width));
        rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect())
            .collect()
    }

    #[test]
    fn smallest_digits_are_half_blocks() {
        let number = BigNumber::new("27").unit("%");
        assert_eq!(drawn(number, 9, 3), ["▄▄▄ ▄▄▄  ", "▄▄█   █  ", "█▄▄  █  %"]);
    }

    #[test]
    fn ascii_digits_are_two_wide() {
        let number = BigNumber::new("1.").glyphs(Glyphs::Ascii);
        assert_eq!(
            drawn(number, 10, 5),
            [
                "  ##      ",
                "####      ",
                "  ##      ",
                "  ##      ",
                "######  ##"
            ]
        );
    }

    #[test]
    fn takes_the_largest_factor_that_fits() {
        // Twice the size is 14 columns and 5 rows.
        for (width, height, rows) in [(14, 5, 5), (13, 5, 3), (14, 4, 3), (40, 10, 10), (40, 9, 8)]
        {
            let inked = drawn(BigNumber::new("27"), width, height)
                .iter()
                .filter(|row| !row.trim().is_empty())
                .count();
            assert_eq!(inked, rows, "{width}x{height}");
        }
    }

    #[test]
    fn falls_back_to_plain_text() {
        let number = BigNumber::new("27.3").unit("%");
        assert_eq!(drawn(number, 10, 2), ["          ", "  27.3 %  "]);
        assert_eq!(drawn(number, 4, 1), ["27.…"]);
    }

    #[test]
    fn every_pattern_is_a_rectangle() {
        for c in "0123456789.,:%-<–/msµμ× ?".chars() {
            let pattern = pattern(c);
            assert!(
                pattern.iter().all(|row| row.len() == pattern[0].len()),
                "{c}"
            );
            assert!(is_known(c), "{c}");
        }
        assert!(!is_known('k'));
    }

    #[test]
    fn any_size_draws_what_fits() {
        for text in ["", "0", "123.4", "丢", "\x1b\u{202e}"] {
            for (width, height) in [(0, 0), (1, 1), (2, 2), (10, 3), (80, 10), (200, 50)] {
                for glyphs in [Glyphs::Unicode, Glyphs::Ascii] {
                    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
                    let number = BigNumber::new(text).unit("ms").glyphs(glyphs);
                    number.render(Rect::new(0, 0, 300, 60), &mut buf);
                }
            }
        }
    }
}
