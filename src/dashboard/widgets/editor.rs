//! An editor for a text that is seen in several rows, such as a request or a letter.
//!
//! It stands apart from [`super::edit`], which knows what a key does to a text, because it lays the text out: lines too long go on in the next row,
//! broken at blanks and between wide characters, or are scrolled, and the window follows the cursor. Only the rows on screen and the line with the cursor are ever
//! laid out. A ready-made text area moves by characters in place of graphemes, so that a key can take half an emoji, and lays out all of its text
//! for every change.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Clear, Widget};

use super::edit::{self, Edit, Outcome, Shape, cells};

/// What becomes of lines that are too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// They go on in the next row.
    #[default]
    Wrapped,
    /// They are scrolled, so that a row is a line: where line ends matter.
    Scrolled,
}

/// A text being edited; see the module for what it does.
pub struct Editor {
    edit: Edit,
    flow: Flow,
    /// Columns scrolled out at the left.
    left: usize,
    /// The first byte of the first row shown, as far as the text has not changed since.
    top: usize,
    /// Columns of a row, and rows on the screen.
    width: usize,
    height: usize,
    /// The column that Up and Down keep to across shorter rows.
    goal: Option<usize>,
}

impl Editor {
    /// An empty text that never grows past `limit` bytes.
    #[must_use]
    pub fn new(shape: Shape, limit: usize) -> Self {
        Self {
            edit: Edit::new(shape, limit),
            flow: Flow::Wrapped,
            left: 0,
            top: 0,
            width: usize::MAX,
            height: 1,
            goal: None,
        }
    }

    /// The same, its lines scrolled in place of wrapped.
    #[must_use]
    pub fn scrolled(mut self) -> Self {
        self.flow = Flow::Scrolled;
        self
    }

    /// Begins anew with a text, cut at the limit, and the cursor at its end.
    pub fn set(&mut self, text: &str) {
        self.edit.set(text);
        self.top = 0;
        self.goal = None;
    }

    /// The same with the cursor before the first character, so that a text longer than the screen is seen from its beginning.
    pub fn set_from_start(&mut self, text: &str) {
        self.set(text);
        self.edit.go_to(0, false);
    }

    /// The text; lines are parted by LF.
    #[must_use]
    pub fn text(&self) -> &str {
        self.edit.text()
    }

    /// What is edited: its cursor and selection.
    #[must_use]
    pub fn edit(&self) -> &Edit {
        &self.edit
    }

    /// Puts a text in at the cursor, in place of what is selected; see [`Edit::paste`].
    pub fn paste(&mut self, text: &str) -> Outcome {
        self.goal = None;
        self.edit.paste(text)
    }

    /// Puts a text in place of a part of it, as one step.
    pub fn replace(&mut self, range: Range<usize>, with: &str) -> Outcome {
        self.goal = None;
        self.edit.replace(range, with)
    }

    /// Does what a key means here. Up in the first row and Down in the last mean nothing, so that they may leave a field.
    pub fn handle(&mut self, key: &KeyEvent) -> Outcome {
        let goal = self.goal.take();
        let extend = key.modifiers.contains(KeyModifiers::SHIFT);
        let page = self.height.saturating_sub(1).max(1) as isize;
        if key.modifiers.difference(KeyModifiers::SHIFT).is_empty() {
            match key.code {
                KeyCode::Up => return self.go_rows(-1, goal, extend),
                KeyCode::Down => return self.go_rows(1, goal, extend),
                KeyCode::PageUp => return self.go_rows(-page, goal, extend),
                KeyCode::PageDown => return self.go_rows(page, goal, extend),
                KeyCode::Home => {
                    let row = self.row_at(self.edit.at());
                    self.edit.go_to(row.start, extend);
                    return Outcome::Done;
                }
                KeyCode::End => {
                    let row = self.row_at(self.edit.at());
                    self.edit.go_to(self.last_place(&row), extend);
                    return Outcome::Done;
                }
                _ => {}
            }
        }
        self.edit.handle(key)
    }

    /// Moves by rows, in the row as near to the goal as it is long.
    fn go_rows(&mut self, rows: isize, goal: Option<usize>, extend: bool) -> Outcome {
        let at = self.edit.at();
        let row = self.row_at(at);
        let goal = goal.unwrap_or_else(|| self.column(&row, at));
        let target = if rows < 0 {
            self.rows_back(&row, rows.unsigned_abs())
        } else {
            self.rows_on(&row, rows.unsigned_abs())
        };
        if target == row {
            return Outcome::Ignored;
        }
        self.edit.go_to(self.place_in(&target, goal), extend);
        self.goal = Some(goal);
        Outcome::Done
    }

    /// Puts the cursor at a cell of the area in which the text was last drawn.
    pub fn click(&mut self, area: Rect, (x, y): (u16, u16)) {
        let down = usize::from(y.saturating_sub(area.y));
        let first = self.row_at(self.top.min(self.text().len()));
        let row = self.rows_on(&first, down);
        let place = self.place_in(&row, self.left + usize::from(x.saturating_sub(area.x)));
        self.goal = None;
        self.edit.go_to(place, false);
    }

    /// The place in a row that is nearest to a column from the left.
    fn place_in(&self, row: &Range<usize>, goal: usize) -> usize {
        let last = self.last_place(row);
        let fitting = cells(&self.text()[row.clone()]).take_while(|cell| cell.columns.end <= goal);
        let length: usize = fitting.map(|cell| cell.grapheme.len()).sum();
        (row.start + length).min(last)
    }

    /// The last place of a row where a cursor stands in it: a place between two rows of a line belongs to the lower one.
    fn last_place(&self, row: &Range<usize>) -> usize {
        let ends_line = row.end == self.text().len() || self.text()[row.end..].starts_with('\n');
        if ends_line {
            return row.end;
        }
        let last = cells(&self.text()[row.clone()]).last();
        last.map_or(row.end, |cell| row.start + cell.at)
    }

    fn column(&self, row: &Range<usize>, at: usize) -> usize {
        let before = cells(&self.text()[row.start..at]).last();
        before.map_or(0, |cell| cell.columns.end)
    }

    /// The row that holds a place; at a line's end, its last.
    fn row_at(&self, at: usize) -> Range<usize> {
        let line = self.edit.line(edit::boundary(self.text(), at));
        rows(self.text(), line.clone(), self.width)
            .find(|row| at < row.end)
            .unwrap_or_else(|| self.last_row(line))
    }

    fn last_row(&self, line: Range<usize>) -> Range<usize> {
        let last = rows(self.text(), line.clone(), self.width).last();
        last.unwrap_or(line.end..line.end)
    }

    /// The row so many rows below, or the last.
    fn rows_on(&self, row: &Range<usize>, count: usize) -> Range<usize> {
        self.rows_from(row.start).nth(count).unwrap_or_else(|| {
            let end = self.text().len();
            self.row_at(end)
        })
    }

    /// The rows from the beginning of one on.
    fn rows_from(&self, start: usize) -> impl Iterator<Item = Range<usize>> {
        let text = self.text();
        let mut next = Some(start);
        std::iter::from_fn(move || {
            let start = next?;
            let end = start + row_length(&text[start..], self.width);
            next = match text.as_bytes().get(end) {
                None => None,
                Some(b'\n') => Some(end + 1),
                Some(_) => Some(end),
            };
            Some(start..end)
        })
    }

    /// The row so many rows above, or the first.
    fn rows_back(&self, row: &Range<usize>, count: usize) -> Range<usize> {
        let mut line = self.edit.line(row.start);
        let mut above: Vec<Range<usize>> = rows(self.text(), line.clone(), self.width)
            .take_while(|above| above.start < row.start)
            .collect();
        above.push(row.clone());
        let mut missing = count + 1;
        loop {
            if let Some(found) = above.len().checked_sub(missing) {
                return above.swap_remove(found);
            }
            missing -= above.len();
            let Some(before) = line.start.checked_sub(1) else {
                return self.row_at(0);
            };
            line = self.edit.line(before);
            above = rows(self.text(), line.clone(), self.width).collect();
        }
    }

    /// How many rows the text takes in so many columns; counts no further than `most`.
    #[must_use]
    pub fn rows(&mut self, width: u16, most: usize) -> usize {
        self.set_width(width);
        self.rows_from(0).take(most).count()
    }

    /// The last column is the cursor's, behind a row that is full.
    fn set_width(&mut self, width: u16) {
        self.width = match self.flow {
            Flow::Wrapped => usize::from(width).saturating_sub(1).max(1),
            Flow::Scrolled => usize::MAX,
        };
    }

    /// Draws the text, scrolled so that the cursor is seen; a wide character cut by an edge is a blank.
    pub fn render(&mut self, area: Rect, buf: &mut Buffer, style: Style, selected: Style) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        self.set_width(area.width);
        self.height = usize::from(area.height);
        self.scroll();
        self.scroll_sideways(usize::from(area.width));
        Clear.render(area, buf);
        buf.set_style(area, style);
        let selection = self.edit.selection().unwrap_or(0..0);
        let window = self.left..self.left + usize::from(area.width);
        for (row, y) in self.rows_from(self.top).zip(area.y..area.bottom()) {
            let mut end = 0;
            for cell in cells(&self.text()[row.clone()]) {
                let columns = cell.columns;
                end = columns.end;
                if columns.start < window.start || columns.is_empty() {
                    continue;
                }
                if columns.end > window.end {
                    break;
                }
                let at = row.start + cell.at;
                let style = if selection.contains(&at) {
                    selected
                } else {
                    style
                };
                let x = area.x + (columns.start - window.start) as u16;
                if cell.grapheme == "\t" {
                    buf.set_style(Rect::new(x, y, columns.len() as u16, 1), style);
                } else {
                    buf.set_stringn(x, y, cell.grapheme, columns.len(), style);
                }
            }
            // A selected line end shows as a blank.
            let ends_line = self.text()[row.end..].starts_with('\n');
            if ends_line && selection.contains(&row.end) && window.contains(&end) {
                let x = area.x + (end - window.start) as u16;
                buf.set_style(Rect::new(x, y, 1, 1), selected);
            }
        }
    }

    /// Moves the window sideways as little as brings the whole character under the cursor into it.
    fn scroll_sideways(&mut self, width: usize) {
        if self.flow == Flow::Wrapped {
            return;
        }
        let at = self.edit.at();
        let row = self.row_at(at);
        let column = self.column(&row, at);
        let end = self
            .column(&row, self.edit.after(at).min(row.end))
            .max(column + 1);
        self.left = self
            .left
            .clamp(end.saturating_sub(width).min(column), column);
    }

    /// Moves the window as little as brings the cursor into it, and leaves no row empty for which there is a line.
    fn scroll(&mut self) {
        let cursor = self.row_at(self.edit.at());
        let top = self.row_at(self.top.min(self.text().len()));
        let first = if cursor.start < top.start {
            cursor
        } else {
            let seen = self
                .rows_from(top.start)
                .take(self.height)
                .any(|row| row == cursor);
            if seen {
                top
            } else {
                self.rows_back(&cursor, self.height - 1)
            }
        };
        let shown = self.rows_from(first.start).take(self.height).count();
        let first = match self.height - shown {
            0 => first,
            empty => self.rows_back(&first, empty),
        };
        self.top = first.start;
    }

    /// The cell of the cursor when the text was drawn in `area`: where the cursor of the terminal belongs, so that an input method opens its
    /// window there.
    #[must_use]
    pub fn cursor_cell(&self, area: Rect) -> Option<(u16, u16)> {
        let at = self.edit.at();
        let cursor = self.row_at(at);
        let down = self
            .rows_from(self.top.min(self.text().len()))
            .take(usize::from(area.height))
            .position(|row| row == cursor)?;
        let right = self
            .column(&cursor, at)
            .checked_sub(self.left)?
            .min(usize::from(area.width.checked_sub(1)?));
        Some((area.x + right as u16, area.y + down as u16))
    }
}

/// The rows of a line, at least one.
fn rows(text: &str, line: Range<usize>, width: usize) -> impl Iterator<Item = Range<usize>> {
    let mut next = Some(line.start);
    std::iter::from_fn(move || {
        let start = next?;
        let end = start + row_length(&text[start..line.end], width);
        next = (end < line.end).then_some(end);
        Some(start..end)
    })
}

/// Bytes of the first row of a text: up to its line end, or as many as fit. It ends behind a blank or beside a wide character where it can, and has
/// at least one grapheme, or a row too narrow for it would never end.
fn row_length(text: &str, width: usize) -> usize {
    let mut break_at = None;
    let mut was_wide = false;
    for cell in cells(text) {
        if cell.grapheme == "\n" {
            return cell.at;
        }
        let is_blank = matches!(cell.grapheme, " " | "\t");
        let is_wide = cell.columns.len() > 1 && !is_blank;
        if cell.at > 0 && (is_wide || was_wide) && !is_blank {
            break_at = Some(cell.at);
        }
        // A blank may hang over the edge, where the cursor's column is.
        let needed = if is_blank {
            cell.columns.start
        } else {
            cell.columns.end
        };
        if needed > width && cell.at > 0 {
            return break_at.unwrap_or(cell.at);
        }
        if is_blank {
            break_at = Some(cell.at + cell.grapheme.len());
        }
        was_wide = is_wide;
    }
    text.len()
}

#[cfg(test)]
mod tests;
