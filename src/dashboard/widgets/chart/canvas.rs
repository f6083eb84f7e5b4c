//! The cell painter under a chart: a grid of cells that knows which ink lies over which.
//!
//! A terminal cell shows one glyph in one colour, while a chart lays a line over a band over bars.
//! The canvas keeps, for each cell, the topmost ink and the height of the bar behind it, and turns
//! both into a glyph only when everything is drawn. In Unicode a cell holds 2x4 braille dots, in
//! ASCII one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::Glyphs;

/// What a cell is drawn with, in order from back to front.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ink {
    #[default]
    Empty,
    /// The shade between two bounds.
    Band,
    /// The column of a labelled mark.
    Mark,
    /// A dashed horizontal line.
    Rule,
    /// A full-height column.
    Strike,
    /// The line or the points of a series.
    Series,
}

/// How a dot came about; only ASCII shows the difference (`*` and `.`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stroke {
    Point,
    Line,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    ink: Ink,
    /// Braille: the low byte of the character. ASCII: [`ASCII_LINE`] and [`ASCII_POINT`].
    dots: u8,
    /// Eighths of the cell that the bar behind fills, 0..=8.
    fill: u8,
    style: Style,
}

const ASCII_LINE: u8 = 1;
const ASCII_POINT: u8 = 2;
/// The bits of the four dots of the left and of the right half, top to bottom (Unicode, block 2800).
const BRAILLE: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

pub(super) struct Canvas {
    columns: usize,
    rows: usize,
    glyphs: Glyphs,
    cells: Vec<Cell>,
}

impl Canvas {
    pub(super) fn new(area: Rect, glyphs: Glyphs) -> Self {
        let (columns, rows) = (usize::from(area.width), usize::from(area.height));
        Self {
            columns,
            rows,
            glyphs,
            cells: vec![Cell::default(); columns * rows],
        }
    }

    /// Dots in a cell, across and down.
    const fn dots_per_cell(&self) -> (usize, usize) {
        match self.glyphs {
            Glyphs::Unicode => (2, 4),
            Glyphs::Ascii => (1, 1),
        }
    }

    pub(super) const fn columns(&self) -> usize {
        self.columns
    }

    pub(super) const fn dots_across(&self) -> usize {
        self.columns * self.dots_per_cell().0
    }

    pub(super) const fn dots_down(&self) -> usize {
        self.rows * self.dots_per_cell().1
    }

    /// The dot row, from the top, of a height between 0 (bottom) and 1 (top); greater is above.
    pub(super) fn dot_row(&self, height: f64) -> f64 {
        (1.0 - height) * (self.dots_down().saturating_sub(1)) as f64
    }

    /// The cell row of such a height, kept inside.
    pub(super) fn cell_row(&self, height: f64) -> usize {
        self.dot_row(height).round().max(0.0) as usize / self.dots_per_cell().1
    }

    /// Sets a dot, unless something that lies over this ink is there already.
    pub(super) fn dot(&mut self, x: usize, y: usize, ink: Ink, stroke: Stroke, style: Style) {
        let (across, down) = self.dots_per_cell();
        let bit = match (self.glyphs, stroke) {
            (Glyphs::Unicode, _) => BRAILLE[x % 2][y % 4],
            (Glyphs::Ascii, Stroke::Line) => ASCII_LINE,
            (Glyphs::Ascii, Stroke::Point) => ASCII_POINT,
        };
        self.lay(x / across, y / down, bit, ink, style);
    }

    /// Adds dots to a cell.
    fn lay(&mut self, column: usize, row: usize, dots: u8, ink: Ink, style: Style) {
        let Some(cell) = self.cell(column, row) else {
            return;
        };
        if ink < cell.ink {
            return;
        }
        if ink > cell.ink {
            cell.ink = ink;
            cell.dots = 0;
        }
        cell.dots |= dots;
        cell.style = style;
    }

    /// A point with no neighbours: four dots, since a single one is lost on a projector.
    pub(super) fn lone_point(&mut self, x: usize, y: usize, style: Style) {
        let (x, y) = match self.glyphs {
            Glyphs::Unicode => (x & !1, y.min(self.dots_down().saturating_sub(2))),
            Glyphs::Ascii => return self.dot(x, y, Ink::Series, Stroke::Point, style),
        };
        for (x, y) in [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)] {
            self.dot(x, y, Ink::Series, Stroke::Point, style);
        }
    }

    /// A vertical run of points, both ends included.
    pub(super) fn run(&mut self, x: usize, top: usize, bottom: usize, style: Style) {
        self.vertical(x, top, bottom, style);
        for y in [top, bottom] {
            self.dot(x, y, Ink::Series, Stroke::Point, style);
        }
    }

    /// A vertical line, both ends included, laid cell by cell: dense data is mostly this.
    fn vertical(&mut self, x: usize, top: usize, bottom: usize, style: Style) {
        let (across, down) = self.dots_per_cell();
        for row in top / down..=bottom / down {
            let first = top.saturating_sub(row * down);
            let last = (bottom - row * down).min(down - 1);
            let dots = match self.glyphs {
                Glyphs::Unicode => BRAILLE[x % 2][first..=last].iter().sum(),
                Glyphs::Ascii => ASCII_LINE,
            };
            self.lay(x / across, row, dots, Ink::Series, style);
        }
    }

    /// A line between two places given in dots, cut to the canvas.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), style: Style) {
        let (right, bottom) = (self.dots_across() as f64, self.dots_down() as f64 - 1.0);
        let Some(((x0, y0), (x1, y1))) = clip(from, to, right, bottom) else {
            return;
        };
        let last = self.dots_across().saturating_sub(1);
        let columns = ((x0 as usize).min(last), (x1 as usize).min(last));
        if columns.0.abs_diff(columns.1) <= 1 {
            // Half way up in the one column, half in the other.
            let (y0, y1) = ((y0 + 0.5) as usize, (y1 + 0.5) as usize);
            let middle = usize::midpoint(y0, y1);
            self.vertical(columns.0, y0.min(middle), y0.max(middle), style);
            self.vertical(columns.1, y1.min(middle), y1.max(middle), style);
            return;
        }
        let steps = (x1 - x0).abs().max((y1 - y0).abs()) as usize + 1;
        let (dx, dy) = ((x1 - x0) / steps as f64, (y1 - y0) / steps as f64);
        for step in 0..=steps {
            // Nothing is negative here, so a cast rounds down, and with a half added to nearest.
            let x = (x0 + dx * step as f64) as usize;
            let y = (y0 + dy * step as f64 + 0.5) as usize;
            self.dot(x.min(last), y, Ink::Series, Stroke::Line, style);
        }
    }

    /// A dashed line across the whole width.
    pub(super) fn rule(&mut self, y: usize, style: Style) {
        let across = self.dots_per_cell().0;
        for x in (0..self.dots_across()).filter(|x| (x / across).is_multiple_of(2)) {
            self.dot(x, y, Ink::Rule, Stroke::Line, style);
        }
    }

    /// A light shade over the dot rows of one dot column, both ends included.
    pub(super) fn shade(&mut self, x: usize, top: usize, bottom: usize, style: Style) {
        for y in top..=bottom {
            if self.glyphs == Glyphs::Ascii || (x + y).is_multiple_of(2) {
                self.dot(x, y, Ink::Band, Stroke::Line, style);
            }
        }
    }

    /// A bar in one cell column. `height` is a share of the whole height; what is not 0 shows.
    pub(super) fn bar(&mut self, column: usize, height: f64) {
        let mut eighths = (height.min(1.0) * self.rows as f64 * 8.0).round() as usize;
        if height > 0.0 {
            eighths = eighths.max(1);
        }
        for row in (0..self.rows).rev() {
            let fill = eighths.min(8);
            eighths -= fill;
            if let Some(cell) = self.cell(column, row) {
                cell.fill = fill as u8;
            }
        }
    }

    /// The full-height column of a labelled mark.
    pub(super) fn mark(&mut self, column: usize, style: Style) {
        for row in 0..self.rows {
            if let Some(cell) = self.cell(column, row)
                && cell.ink <= Ink::Mark
            {
                *cell = Cell {
                    ink: Ink::Mark,
                    dots: 0,
                    fill: cell.fill,
                    style,
                };
            }
        }
    }

    /// A full-height column over everything but the dots of a series, which keep their colour: where
    /// columns are crowded, the values must still be seen between the strikes.
    pub(super) fn strike(&mut self, column: usize, style: Style) {
        for row in 0..self.rows {
            if let Some(cell) = self.cell(column, row)
                && cell.ink < Ink::Series
            {
                *cell = Cell {
                    ink: Ink::Strike,
                    dots: 0,
                    fill: cell.fill,
                    style,
                };
            }
        }
    }

    fn cell(&mut self, column: usize, row: usize) -> Option<&mut Cell> {
        if column >= self.columns {
            return None;
        }
        self.cells.get_mut(row * self.columns + column)
    }

    /// Puts the picture into the buffer, of which `area` must be a part; empty cells leave what is
    /// there.
    pub(super) fn paint(&self, buf: &mut Buffer, area: Rect, bars: Style) {
        for (cells, y) in self.cells.chunks(self.columns.max(1)).zip(area.y..) {
            let start = buf.index_of(area.x, y);
            let targets = &mut buf.content[start..start + self.columns];
            for (cell, target) in cells.iter().zip(targets) {
                if cell.ink == Ink::Empty && cell.fill == 0 {
                    continue;
                }
                let style = if cell.ink == Ink::Empty {
                    bars
                } else {
                    cell.style
                };
                target.set_char(self.glyph(cell)).set_style(style);
                // A cell has one glyph, so where ink lies over a bar, the bar goes on as background.
                if cell.ink != Ink::Empty
                    && cell.fill >= 4
                    && let Some(color) = bars.fg
                {
                    target.set_bg(color);
                }
            }
        }
    }

    fn glyph(&self, cell: &Cell) -> char {
        match (self.glyphs, cell.ink) {
            (Glyphs::Unicode, Ink::Empty) => EIGHTHS[usize::from(cell.fill.min(8))],
            (Glyphs::Ascii, Ink::Empty) if cell.fill >= 4 => '#',
            (Glyphs::Ascii, Ink::Empty) => '_',
            (Glyphs::Unicode, Ink::Mark) => '▏',
            (Glyphs::Unicode, Ink::Strike) => '│',
            (Glyphs::Unicode, _) => braille(cell.dots),
            (Glyphs::Ascii, Ink::Mark) => '!',
            (Glyphs::Ascii, Ink::Strike) => '|',
            (Glyphs::Ascii, Ink::Rule) => '-',
            (Glyphs::Ascii, Ink::Band) => ':',
            (Glyphs::Ascii, Ink::Series) if cell.dots & ASCII_POINT != 0 => '*',
            (Glyphs::Ascii, Ink::Series) => '.',
        }
    }
}

const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

fn braille(dots: u8) -> char {
    // Every code point from U+2800 to U+28FF is a braille pattern.
    char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' ')
}

/// The part of a line within `0..=right` and `0..=bottom` (Liang and Barsky, ACM TOG 3(1), 1984).
fn clip(
    from: (f64, f64),
    to: (f64, f64),
    right: f64,
    bottom: f64,
) -> Option<((f64, f64), (f64, f64))> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    for (step, room) in [
        (-dx, from.0),
        (dx, right - from.0),
        (-dy, from.1),
        (dy, bottom - from.1),
    ] {
        if step == 0.0 && room < 0.0 {
            return None;
        }
        if step < 0.0 {
            enter = enter.max(room / step);
        } else if step > 0.0 {
            leave = leave.min(room / step);
        }
    }
    if !(enter <= leave && dx.is_finite() && dy.is_finite()) {
        return None;
    }
    // Rounding may leave a hair outside, and what follows casts to integers.
    let at = |t: f64| {
        (
            (from.0 + dx * t).clamp(0.0, right),
            (from.1 + dy * t).clamp(0.0, bottom),
        )
    };
    Some((at(enter), at(leave)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_to_the_box() {
        let inside = ((1.0, 1.0), (3.0, 2.0));
        assert_eq!(clip(inside.0, inside.1, 4.0, 4.0), Some(inside));
        assert_eq!(
            clip((-2.0, 2.0), (6.0, 2.0), 4.0, 4.0),
            Some(((0.0, 2.0), (4.0, 2.0)))
        );
        assert_eq!(
            clip((2.0, 2.0), (4.0, -2.0), 4.0, 4.0),
            Some(((2.0, 2.0), (3.0, 0.0)))
        );
        assert_eq!(clip((0.0, -1.0), (4.0, -1.0), 4.0, 4.0), None);
        assert_eq!(clip((f64::MAX, 1.0), (f64::MIN, 1.0), 4.0, 4.0), None);
    }

    #[test]
    fn front_ink_wins_and_strikes_keep_the_dots() {
        let area = Rect::new(0, 0, 3, 1);
        let mut canvas = Canvas::new(area, Glyphs::Unicode);
        let style = Style::new();
        canvas.dot(0, 0, Ink::Series, Stroke::Line, style);
        canvas.dot(1, 1, Ink::Band, Stroke::Line, style);
        canvas.dot(2, 0, Ink::Band, Stroke::Line, style);
        canvas.strike(0, style);
        canvas.strike(1, style);
        canvas.bar(2, 0.5);
        let mut buf = Buffer::empty(area);
        canvas.paint(&mut buf, area, style);
        assert_eq!(buf, Buffer::with_lines(["⠁│▄"]));
    }
}
