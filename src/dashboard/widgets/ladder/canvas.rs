//! The lines of a ladder before they are characters: each cell knows in which directions lines leave it, so that what meets or crosses is joined.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::super::Glyphs;
use super::super::text::{self, Align};
use super::{Arrow, Side, Stroke, Tip, line_style, narrow};

const UP: u8 = 1;
const RIGHT: u8 = 2;
const DOWN: u8 = 4;
const LEFT: u8 = 8;

/// By the directions in which lines leave, from none to all four.
const LINES: [char; 16] = [
    ' ', '│', '─', '╰', '│', '│', '╭', '├', '─', '╯', '─', '┴', '╮', '┤', '┬', '┼',
];

#[derive(Clone, Copy, Default)]
struct Cell {
    lines: u8,
    is_dashed: bool,
    /// In place of lines.
    sign: Option<char>,
    style: Style,
    /// The arrow it belongs to.
    owner: Option<usize>,
    /// More than one arrow runs through it.
    is_shared: bool,
}

/// How an arrow gets from its row to one further down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bend {
    /// In even steps: a slope. For an arrow that no other meets.
    Steps,
    /// At once, in the column with that number from the far end: so arrows that are on their way together cross where one overtakes the other, and
    /// nowhere else, if the one that departs later has the higher number.
    Once(usize),
}

/// A horizontal piece of an arrow: its row, and the first and last of its columns on the way.
type Piece = (usize, usize, usize);

/// The visible rows of a ladder between and with its life lines.
pub struct Canvas {
    /// Columns between the life lines.
    middle: usize,
    rows: Range<usize>,
    glyphs: Glyphs,
    cells: Vec<Cell>,
    /// Rows that belong to pauses and words, where no note of another row may stand.
    taken: Vec<usize>,
}

impl Canvas {
    pub fn new(middle: usize, rows: Range<usize>, glyphs: Glyphs, style: Style) -> Self {
        let mut canvas = Self {
            middle,
            glyphs,
            cells: vec![Cell::default(); (middle + 2) * rows.len()],
            taken: Vec::new(),
            rows,
        };
        for row in canvas.rows.clone() {
            for side in [Side::Left, Side::Right] {
                if let Some(cell) = canvas.life_line(row, side) {
                    cell.lines = UP | DOWN;
                    cell.style = style;
                }
            }
        }
        canvas
    }

    /// Joins boxes to the life lines that they stand beside.
    pub fn join_calls(&mut self, row: usize, left: bool, right: bool) {
        for (side, is_there, line) in [(Side::Left, left, LEFT), (Side::Right, right, RIGHT)] {
            if let Some(cell) = self.life_line(row, side).filter(|_| is_there) {
                cell.lines |= line;
            }
        }
    }

    /// Interrupts both life lines.
    pub fn interrupt(&mut self, row: usize) {
        let dots = self.glyphs.pick('⋮', ':');
        for side in [Side::Left, Side::Right] {
            if let Some(cell) = self.life_line(row, side) {
                cell.sign = Some(dots);
            }
        }
    }

    /// Keeps the notes of other rows off this one.
    pub fn take(&mut self, row: usize) {
        self.taken.push(row);
    }

    /// Dashes a life line.
    pub fn dash(&mut self, side: Side, rows: Range<usize>, style: Style) {
        for row in rows.start.max(self.rows.start)..rows.end.min(self.rows.end) {
            if let Some(cell) = self.life_line(row, side) {
                cell.is_dashed = true;
                cell.style = style;
            }
        }
    }

    /// Draws the lines of an arrow, the one with that number.
    pub fn arrow(&mut self, arrow: &Arrow, number: usize, bend: Bend, selected: Style) {
        if self.middle == 0 {
            return;
        }
        let style = if arrow.selected {
            line_style(arrow.style, selected)
        } else {
            arrow.style
        };
        if let Some(cell) = self.life_line(arrow.row, arrow.from) {
            cell.lines |= match arrow.from {
                Side::Left => RIGHT,
                Side::Right => LEFT,
            };
        }
        for tip in &arrow.tips {
            let pieces = self.pieces(arrow, *tip, bend);
            for (index, &(row, first, last)) in pieces.iter().enumerate() {
                let comes_down = index > 0;
                let goes_down = index + 1 < pieces.len();
                for at in first..=last {
                    let mut lines = 0;
                    if at > first || index == 0 {
                        lines |= LEFT;
                    }
                    if at < last || !goes_down {
                        lines |= RIGHT;
                    }
                    if at == first && comes_down {
                        lines |= UP;
                    }
                    if at == last && goes_down {
                        lines |= DOWN;
                    }
                    self.line(arrow, number, (row, at), lines, style);
                }
            }
            self.end(arrow, *tip, &pieces, style);
        }
    }

    /// Draws the end of a branch over its line.
    fn end(&mut self, arrow: &Arrow, tip: Tip, pieces: &[Piece], style: Style) {
        let Some(&(row, first, last)) = pieces.last() else {
            return;
        };
        let head = match arrow.from {
            Side::Left => self.glyphs.pick('▶', '>'),
            Side::Right => self.glyphs.pick('◀', '<'),
        };
        let (end, before) = match tip {
            Tip::Arrives { sign, .. } => (head, sign),
            Tip::Stops { sign, .. } | Tip::Ends { sign, .. } => (narrow(sign), None),
        };
        let mut put = |at: usize, sign: char| {
            if let Some(cell) = self.on_the_way(arrow.from, row, at) {
                cell.sign = Some(sign);
                cell.style = style;
            }
        };
        put(last, end);
        if let (Some(sign), true) = (before, last > first) {
            put(last - 1, narrow(sign));
        }
    }

    /// Writes the label and the note of an arrow where none but its own line is. `origin` is the place of the first cell.
    pub fn label(
        &self,
        arrow: &Arrow,
        (number, bend): (usize, Bend),
        origin: (u16, u16),
        selected: Style,
        buf: &mut Buffer,
    ) {
        let Some(tip) = arrow.tips.first().copied().filter(|_| self.middle > 0) else {
            return;
        };
        let style = if arrow.selected {
            arrow.style.patch(selected)
        } else {
            arrow.style
        };
        let is_across = !matches!(tip, Tip::Ends { .. });
        let label = text::width(&arrow.label);
        let both = format!("{}  {}", arrow.label, arrow.note);
        let needs = if is_across && !arrow.note.is_empty() {
            text::width(&both)
        } else {
            label
        };
        let pieces = self.pieces(arrow, tip, bend);
        let runs: Vec<(usize, usize, usize)> = pieces
            .iter()
            .filter_map(|&(row, first, last)| {
                let is_free = |cell: &Cell| {
                    cell.owner == Some(number)
                        && !cell.is_shared
                        && cell.sign.is_none()
                        && cell.lines == LEFT | RIGHT
                };
                self.longest_run(arrow.from, row, first..last + 1, is_free)
            })
            .collect();
        let room = |least: usize| runs.iter().find(|(_, _, run)| *run >= least);
        let longest = || runs.iter().rev().max_by_key(|(_, _, run)| *run);
        let chosen = room(needs + 2).or_else(|| room(label + 2)).or_else(longest);
        if let Some(&(row, start, run)) = chosen.filter(|(_, _, run)| *run >= label.clamp(1, 4)) {
            let text = if needs + 2 <= run && is_across && !arrow.note.is_empty() {
                &both
            } else {
                &*arrow.label
            };
            let width = text::width(text).min(run);
            let at = start + (run - width) / 2;
            self.write(
                arrow.from,
                (row, at, width),
                Line::styled(text, style),
                origin,
                buf,
            );
        }
        if let (Tip::Ends { .. }, Some(&(row, _, last))) = (tip, pieces.last())
            && !arrow.note.is_empty()
        {
            self.note(arrow, (row, last), style, origin, buf);
        }
    }

    /// Writes the note of an arrow that does not get across behind its end; where it would be cut, at the end of the next row if that is empty.
    fn note(
        &self,
        arrow: &Arrow,
        (row, end): (usize, usize),
        style: Style,
        origin: (u16, u16),
        buf: &mut Buffer,
    ) {
        let is_free = |cell: &Cell| cell.lines == 0 && cell.sign.is_none();
        let free = |row, columns| self.longest_run(arrow.from, row, columns, is_free);
        let behind = free(row, end + 1..self.middle);
        let below = free(row + 1, 0..self.middle)
            .filter(|(row, _, run)| *run == self.middle && !self.taken.contains(row));
        // A blank parts it from the end, and from what stands there.
        let room = |piece: &Piece| piece.2.saturating_sub(2);
        let needs = text::width(&arrow.note);
        let (row, at, width) = match (behind, below) {
            (Some(behind), _) if needs <= room(&behind) => (behind.0, behind.1 + 1, needs),
            (_, Some(below)) if needs <= room(&below) => (below.0, self.middle - 1 - needs, needs),
            (Some(behind), _) if room(&behind) >= 4.min(needs) => {
                (behind.0, behind.1 + 1, room(&behind))
            }
            _ => return,
        };
        let line = Line::styled(&*arrow.note, style);
        self.write(arrow.from, (row, at, width), line, origin, buf);
    }

    /// Draws a text over columns on the way of an arrow.
    fn write(
        &self,
        from: Side,
        (row, at, width): Piece,
        line: Line,
        origin: (u16, u16),
        buf: &mut Buffer,
    ) {
        let column = match from {
            Side::Left => at + 1,
            Side::Right => self.middle + 1 - at - width,
        };
        let place = (
            origin.0 + column as u16,
            origin.1 + (row - self.rows.start) as u16,
        );
        text::draw_line(buf, place, width as u16, &line, Align::Left, self.glyphs);
    }

    /// The longest run of such cells among columns on the way, in a visible row: the row, where it begins and its length.
    fn longest_run(
        &self,
        from: Side,
        row: usize,
        columns: Range<usize>,
        is_free: impl Fn(&Cell) -> bool,
    ) -> Option<Piece> {
        let (mut best, mut start): (Option<Piece>, usize) = (None, columns.start);
        for at in columns {
            let index = self.index(from, row, at)?;
            if !is_free(&self.cells[index]) {
                start = at + 1;
            } else if best.is_none_or(|(_, _, run)| at + 1 - start > run) {
                best = Some((row, start, at + 1 - start));
            }
        }
        best
    }

    /// The pieces of a branch, one a row.
    fn pieces(&self, arrow: &Arrow, tip: Tip, bend: Bend) -> Vec<Piece> {
        let last = match tip {
            Tip::Ends { .. } => self.middle / 2,
            _ => self.middle - 1,
        };
        let steps = tip.row().saturating_sub(arrow.row);
        if steps == 0 {
            return vec![(arrow.row, 0, last)];
        }
        let label = text::width(&arrow.label) + 4;
        let column = match bend {
            Bend::Steps => {
                // The first piece is long enough for the label if that leaves a column for each step.
                let wanted = label.max(last / (steps + 1));
                let first = wanted.min(last.saturating_sub(steps)).max(last.min(1));
                let step = |index: usize| first + (last - first) * index / steps;
                let pieces =
                    (1..=steps).map(|index| (arrow.row + index, step(index - 1), step(index)));
                return std::iter::once((arrow.row, 0, first))
                    .chain(pieces)
                    .collect();
            }
            Bend::Once(number) => self.column(arrow.from, last, label, number),
        };
        let arrival = arrow.row + steps;
        let between = (arrow.row + 1..arrival).map(|row| (row, column, column));
        std::iter::once((arrow.row, 0, column))
            .chain(between)
            .chain([(arrival, column, last)])
            .collect()
    }

    /// The column in which an arrow bends, which leaves room for its label; arrows from the two sides never share one.
    fn column(&self, from: Side, last: usize, label: usize, number: usize) -> usize {
        let highest = last * 2 / 3;
        let lowest = label.min(highest / 2);
        let column = highest - 2 * (number % ((highest - lowest) / 2 + 1));
        let from_left = match from {
            Side::Left => column,
            Side::Right => self.middle - 1 - column,
        };
        let is_odd = from_left % 2 == 1;
        if is_odd == (from == Side::Right) {
            column
        } else {
            column.saturating_sub(1)
        }
    }

    fn line(
        &mut self,
        arrow: &Arrow,
        number: usize,
        (row, at): (usize, usize),
        lines: u8,
        style: Style,
    ) {
        let lines = match arrow.from {
            Side::Left => lines,
            Side::Right => mirrored(lines),
        };
        if let Some(cell) = self.on_the_way(arrow.from, row, at) {
            cell.is_shared |= cell.owner.is_some_and(|owner| owner != number);
            cell.is_dashed = arrow.line == Stroke::Dashed && (cell.lines == 0 || cell.is_dashed);
            cell.owner = Some(number);
            cell.lines |= lines;
            cell.style = style;
        }
    }

    fn life_line(&mut self, row: usize, side: Side) -> Option<&mut Cell> {
        let row = row
            .checked_sub(self.rows.start)
            .filter(|_| row < self.rows.end)?;
        let column = match side {
            Side::Left => 0,
            Side::Right => self.middle + 1,
        };
        self.cells.get_mut(row * (self.middle + 2) + column)
    }

    /// The cell so many columns from the life line where an arrow departs.
    fn on_the_way(&mut self, from: Side, row: usize, at: usize) -> Option<&mut Cell> {
        let index = self.index(from, row, at)?;
        self.cells.get_mut(index)
    }

    fn index(&self, from: Side, row: usize, at: usize) -> Option<usize> {
        let row = row
            .checked_sub(self.rows.start)
            .filter(|_| row < self.rows.end)?;
        let column = match from {
            Side::Left => at + 1,
            Side::Right => self.middle.checked_sub(at)?,
        };
        (at < self.middle).then_some(row * (self.middle + 2) + column)
    }

    /// Draws the cells, the first one at a place that lies inside the buffer with all others.
    pub fn draw(&self, x: u16, y: u16, buf: &mut Buffer) {
        let width = self.middle + 2;
        let area = Rect::new(x, y, width as u16, self.rows.len() as u16).intersection(buf.area);
        for (row, y) in self.cells.chunks(width).zip(area.y..area.bottom()) {
            for (cell, x) in row.iter().zip(area.x..area.right()) {
                let glyph = cell.sign.unwrap_or_else(|| self.glyph(cell));
                if glyph != ' ' {
                    buf[(x, y)].set_char(glyph).set_style(cell.style);
                }
            }
        }
    }

    fn glyph(&self, cell: &Cell) -> char {
        let unicode = LINES[usize::from(cell.lines & 15)];
        match (unicode, cell.is_dashed) {
            (' ', _) => ' ',
            ('─', true) => self.glyphs.pick('┄', '.'),
            ('│', true) => self.glyphs.pick('┊', ':'),
            ('─', false) => self.glyphs.pick('─', '-'),
            ('│', false) => self.glyphs.pick('│', '|'),
            _ => self.glyphs.pick(unicode, '+'),
        }
    }
}

/// Left for right.
fn mirrored(lines: u8) -> u8 {
    let to_left = if lines & RIGHT > 0 { LEFT } else { 0 };
    let to_right = if lines & LEFT > 0 { RIGHT } else { 0 };
    lines & (UP | DOWN) | to_left | to_right
}
