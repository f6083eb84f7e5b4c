//! How a form looks: where each field stands, and its label, value, error and candidates.

use ratatui::buffer::{Buffer, CellWidth};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::value::Value;
use super::{Caption, Dress, Form};
use crate::dashboard::widgets::Glyphs;
use crate::dashboard::widgets::edit::{Edit, cells};
use crate::dashboard::widgets::text::{self, Align};

/// Rows that a list of values takes at most; beyond that it scrolls.
const LIST_ROWS: usize = 3;

/// Rows of what is said below the focused field.
const SAID_ROWS: usize = 3;

/// Candidates that are seen at once.
const CANDIDATE_ROWS: usize = 6;

/// Columns before a label: the sign of the focus, and that of an error.
const SIGNS: u16 = 2;

/// A field as it is laid out: where it begins and how many rows its parts take.
struct Laid {
    /// Its place among the fields.
    place: usize,
    first_row: usize,
    heading: usize,
    value_rows: usize,
    said: Vec<Line<'static>>,
    caption: Caption,
}

impl Laid {
    fn rows(&self) -> usize {
        self.heading + self.value_rows + self.said.len()
    }
}

impl<K: Copy + PartialEq> Form<K> {
    /// Draws the form, scrolled so that the field with the focus is seen with what is said of it.
    pub fn render(&mut self, area: Rect, buf: &mut Buffer, dress: &Dress<K>) {
        self.places.clear();
        self.cursor = None;
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let captions = self
            .fields
            .iter()
            .map(|field| (dress.caption)(field.key))
            .collect();
        let (laid, label_width) = self.lay_out(captions, area, dress);
        self.scroll(&laid, usize::from(area.height));
        for laid in &laid {
            self.draw_field(laid, label_width, area, buf, dress);
        }
        if dress.has_keys {
            self.draw_candidates(area, buf, dress);
        }
    }

    fn lay_out(
        &mut self,
        captions: Vec<Caption>,
        area: Rect,
        dress: &Dress<K>,
    ) -> (Vec<Laid>, u16) {
        let seen = |place: &usize| self.fields.get(*place).is_some_and(|field| !field.hidden);
        let longest = captions
            .iter()
            .enumerate()
            .filter(|(place, _)| seen(place))
            .map(|(_, caption)| text::width(&caption.label))
            .max()
            .unwrap_or(0);
        let label_width = dress
            .label_width
            .unwrap_or_else(|| (longest as u16).min(area.width / 3));
        let room = area.width.saturating_sub(SIGNS + label_width + 1);
        let mut laid = Vec::new();
        let mut row = 0;
        for (place, caption) in captions.into_iter().enumerate() {
            let Some(field) = self.fields.get_mut(place).filter(|field| !field.hidden) else {
                continue;
            };
            let value_rows = match &mut field.value {
                Value::List { editor, .. } => editor.rows(room, LIST_ROWS),
                _ => 1,
            };
            let mut said = Vec::new();
            if place == self.focus && dress.has_keys {
                let (text, style) = match (&caption.error, &caption.note) {
                    (Some(error), _) => (error.as_str(), dress.styles.error),
                    (None, Some(note)) => (note.as_str(), dress.styles.note),
                    (None, None) => ("", Style::new()),
                };
                if !text.is_empty() {
                    said = text::wrap(&Line::styled(text, style), usize::from(room.max(1)));
                    said.truncate(SAID_ROWS);
                }
            }
            let field = Laid {
                place,
                first_row: row,
                heading: usize::from(caption.heading.is_some()),
                value_rows,
                said,
                caption,
            };
            row += field.rows();
            laid.push(field);
        }
        (laid, label_width)
    }

    /// Moves the window as little as brings the field with the focus into it, and leaves no row empty for which there is a field.
    fn scroll(&mut self, laid: &[Laid], height: usize) {
        let total = laid.last().map_or(0, |last| last.first_row + last.rows());
        if let Some(focused) = laid.iter().find(|laid| laid.place == self.focus) {
            let (first, end) = (focused.first_row, focused.first_row + focused.rows());
            self.top = self.top.clamp(end.saturating_sub(height).min(first), first);
        }
        self.top = self.top.min(total.saturating_sub(height));
    }

    fn draw_field(
        &mut self,
        laid: &Laid,
        label_width: u16,
        area: Rect,
        buf: &mut Buffer,
        dress: &Dress<K>,
    ) {
        let styles = &dress.styles;
        let (top, height) = (self.top, usize::from(area.height));
        // The row of the area for a row of the form, if it is in the window.
        let y = |row: usize| {
            let down = row.checked_sub(top).filter(|down| *down < height)?;
            Some(area.y + down as u16)
        };
        if let (Some(heading), Some(y)) = (&laid.caption.heading, y(laid.first_row)) {
            let line = Line::styled(heading.as_str(), styles.heading);
            text::draw_line(
                buf,
                (area.x, y),
                area.width,
                &line,
                Align::Left,
                dress.glyphs,
            );
        }
        let Some(field) = self.fields.get_mut(laid.place) else {
            return;
        };
        let key = field.key;
        let has_focus = laid.place == self.focus && dress.has_keys;
        let is_lit = self.lit == Some(key);
        let value_row = laid.first_row + laid.heading;
        if let Some(y) = y(value_row) {
            let line = label_line(&laid.caption, has_focus, is_lit, label_width, dress);
            let width = (SIGNS + label_width).min(area.width);
            text::draw_line(buf, (area.x, y), width, &line, Align::Left, dress.glyphs);
        }
        let indent = (SIGNS + label_width + 1).min(area.width);
        let room = Rect {
            x: area.x + indent,
            width: area.width - indent,
            ..area
        };
        // The rows of the value that are in the window.
        let first = value_row.max(top);
        let end = (value_row + laid.value_rows).min(top + height);
        if first < end && !room.is_empty() {
            let value_area = Rect {
                y: area.y + (first - top) as u16,
                height: (end - first) as u16,
                ..room
            };
            let mut style = styles.value;
            if has_focus {
                style = style.patch(styles.active);
            }
            if is_lit {
                style = style.patch(styles.lit);
            }
            let revealed = self.revealed;
            let cursor = field
                .value
                .render(value_area, buf, style, revealed, &laid.caption, dress);
            if has_focus {
                self.cursor = cursor;
            }
            self.places.push((key, value_area));
        }
        for (number, line) in laid.said.iter().enumerate() {
            if let Some(y) = y(value_row + laid.value_rows + number) {
                text::draw_line(
                    buf,
                    (room.x, y),
                    room.width,
                    line,
                    Align::Left,
                    dress.glyphs,
                );
            }
        }
    }

    /// The candidates below the field, or above it where there is more room.
    fn draw_candidates(&self, area: Rect, buf: &mut Buffer, dress: &Dress<K>) {
        let Some(completion) = &self.completion else {
            return;
        };
        let focused = self
            .places
            .iter()
            .find(|(key, _)| self.focus() == Some(*key));
        let Some((_, field)) = focused else {
            return;
        };
        let wanted = completion.candidates.len().min(CANDIDATE_ROWS) as u16;
        let (below, above) = (area.bottom() - field.bottom(), field.y - area.y);
        let rows = wanted.min(below.max(above));
        let y = if below >= wanted || below >= above {
            field.bottom()
        } else {
            field.y - rows
        };
        let shown = Rect {
            y,
            height: rows,
            ..*field
        };
        let (chosen, rows) = (completion.chosen, usize::from(rows));
        let first = (chosen + 1).saturating_sub(rows);
        Clear.render(shown, buf);
        let candidates = completion.candidates.iter().enumerate().skip(first);
        for ((number, candidate), y) in candidates.zip(shown.y..shown.bottom()) {
            let style = if number == chosen {
                dress.styles.candidate.patch(dress.styles.selected)
            } else {
                dress.styles.candidate
            };
            let width = usize::from(shown.width);
            let text = text::fit(&format!(" {candidate}"), width, Align::Left, dress.glyphs);
            let line = Line::styled(text, style);
            text::draw_line(
                buf,
                (shown.x, y),
                shown.width,
                &line,
                Align::Left,
                dress.glyphs,
            );
        }
    }
}

fn label_line<K>(
    caption: &Caption,
    has_focus: bool,
    is_lit: bool,
    width: u16,
    dress: &Dress<K>,
) -> Line<'static> {
    let (styles, glyphs) = (&dress.styles, dress.glyphs);
    let sign = match (has_focus, is_lit) {
        (_, true) => Span::styled(glyphs.pick('◆', '*').to_string(), styles.lit),
        (true, false) => Span::styled(glyphs.pick('▸', '>').to_string(), styles.focused),
        (false, false) => Span::raw(" "),
    };
    let error = match caption.error {
        Some(_) => Span::styled(glyphs.pick('▲', '!').to_string(), styles.error),
        None => Span::raw(" "),
    };
    let mut style = if has_focus {
        styles.focused
    } else {
        styles.label
    };
    if is_lit {
        style = style.patch(styles.lit);
    }
    let label = text::fit(&caption.label, usize::from(width), Align::Left, glyphs);
    Line::from(vec![sign, error, Span::styled(label, style)])
}

impl Value {
    /// Draws the value; tells where the cursor is.
    fn render<K>(
        &mut self,
        area: Rect,
        buf: &mut Buffer,
        style: Style,
        revealed: bool,
        caption: &Caption,
        dress: &Dress<K>,
    ) -> Option<(u16, u16)> {
        buf.set_style(area, style);
        let option = |number: usize| caption.options.get(number).map_or("", String::as_str);
        let draw = |buf: &mut Buffer, shown: &str, style: Style| {
            let line = Line::styled(shown, style);
            text::draw_line(
                buf,
                (area.x, area.y),
                area.width,
                &line,
                Align::Left,
                dress.glyphs,
            );
        };
        let is_empty = self.text().is_empty();
        let cursor = match self {
            Value::Text { edit, left } => {
                let mask = (edit.is_secret() && !revealed).then(|| dress.glyphs.pick('•', '*'));
                let column = draw_text(edit, left, mask, area, buf, style, dress.styles.selected);
                Some((area.x + column, area.y))
            }
            Value::List { editor, .. } => {
                editor.render(area, buf, style, dress.styles.selected);
                editor.cursor_cell(area)
            }
            Value::Choice { chosen, .. } => {
                let (before, after) = match dress.glyphs {
                    Glyphs::Unicode => ('◂', '▸'),
                    Glyphs::Ascii => ('<', '>'),
                };
                draw(buf, &format!("{before} {} {after}", option(*chosen)), style);
                return None;
            }
            Value::Switch(on) => {
                let sign = if *on { 'x' } else { ' ' };
                draw(
                    buf,
                    &format!("[{sign}] {}", option(usize::from(*on))),
                    style,
                );
                return None;
            }
        };
        if is_empty && !caption.placeholder.is_empty() {
            draw(
                buf,
                &caption.placeholder,
                style.patch(dress.styles.placeholder),
            );
        }
        cursor
    }
}

/// Draws a text of one line, scrolled so that the cursor is seen, or a mask for each of its characters; tells the column of the cursor.
fn draw_text(
    edit: &Edit,
    left: &mut usize,
    mask: Option<char>,
    area: Rect,
    buf: &mut Buffer,
    style: Style,
    selected: Style,
) -> u16 {
    let masked: String;
    let (text, at, selection) = match mask {
        None => (edit.text(), edit.at(), edit.selection()),
        Some(mask) => {
            let place = |at: usize| cells(&edit.text()[..at]).count() * mask.len_utf8();
            masked = cells(edit.text()).map(|_| mask).collect();
            let selection = edit.selection();
            let selection = selection.map(|range| place(range.start)..place(range.end));
            (masked.as_str(), place(edit.at()), selection)
        }
    };
    let width = usize::from(area.width);
    let column = cells(&text[..at]).last().map_or(0, |cell| cell.columns.end);
    let under = cells(&text[at..])
        .next()
        .map_or(1, |cell| cell.columns.len().max(1));
    *left = (*left).clamp((column + under).saturating_sub(width).min(column), column);
    let selection = selection.unwrap_or(0..0);
    for cell in cells(text) {
        if cell.columns.start < *left {
            continue;
        }
        let right = cell.columns.start - *left;
        if right + cell.columns.len() > width {
            break;
        }
        let x = area.x + right as u16;
        let style = if selection.contains(&cell.at) {
            selected
        } else {
            style
        };
        match cell.grapheme {
            "\t" => buf.set_style(Rect::new(x, area.y, cell.columns.len() as u16, 1), style),
            grapheme if grapheme.cell_width() > 0 => {
                buf.set_stringn(x, area.y, grapheme, cell.columns.len(), style);
            }
            _ => {}
        }
    }
    (column - *left) as u16
}
