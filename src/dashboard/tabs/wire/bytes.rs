//! The bytes of the selected row: as numbers and as text side by side, with a cursor, and under it which field of the protocol the byte belongs to and
//! what it says. A call without bytes is shown as its manual has it.

mod manual;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::fields::{Field, Name, Source, fields};
use super::row::{Row, RowId, What};
use crate::dashboard::keys::Action;
use crate::dashboard::tabs::panel::{Scene, Title, draw_lines, frame, say_in_the_middle};
use crate::dashboard::widgets::bytes::RawBytes;
use crate::dashboard::widgets::text;
use crate::trace::escape::escape_hostile;
use crate::words::phrases;

/// From this width on there are numbers beside the text.
const HEX_FROM: u16 = 60;
/// Rows of the field under the cursor: its name and place, its value, what it is for.
const FIELD_ROWS: u16 = 4;

/// The pane's state.
#[derive(Default)]
pub struct BytesPane {
    row: Option<RowId>,
    /// How many bytes it has, how many are kept, and whether it was damaged: when they change, the fields do.
    seen: (u64, usize, bool),
    fields: Vec<Field>,
    cursor: usize,
    drawn: Drawn,
}

/// How the bytes were drawn last: what moves the cursor must know.
#[derive(Default, Clone, Copy)]
struct Drawn {
    area: Rect,
    /// The byte at the beginning of the first line.
    first: usize,
    /// Bytes in a line; 0 as text, where lines differ.
    per_line: usize,
    /// Columns before the numbers.
    digits: usize,
}

impl BytesPane {
    /// Shows another row, or the same one with more known of it.
    pub fn set(&mut self, row: Option<&Row>) {
        let source = row.and_then(Source::of);
        let id = row.map(|row| row.id);
        let seen = source.map_or((0, 0, false), |source| {
            (source.length, source.bytes.len(), source.damaged)
        });
        if self.row != id {
            self.cursor = 0;
        } else if self.seen == seen {
            return;
        }
        self.row = id;
        self.seen = seen;
        self.fields = row.map_or_else(Vec::new, fields);
        self.cursor = self.cursor.min(self.last());
    }

    fn last(&self) -> usize {
        self.seen.1.saturating_sub(1)
    }

    /// Moves the cursor; tells whether the action was one for that.
    pub fn act(&mut self, action: Action) -> bool {
        let line = self.drawn.per_line.max(1);
        let page = line * usize::from(self.drawn.area.height.max(2) - 1);
        let cursor = match action {
            // As text a line is a field: up and down go through those.
            Action::Up if self.drawn.per_line == 0 => self.field_before(),
            Action::Down if self.drawn.per_line == 0 => {
                self.field().map_or(self.cursor, |field| field.range.end)
            }
            Action::Up => self.cursor.checked_sub(line).unwrap_or(self.cursor),
            Action::Down if self.cursor + line > self.last() => self.cursor,
            Action::Down => self.cursor + line,
            Action::Left => self.cursor.saturating_sub(1),
            Action::Right => self.cursor + 1,
            Action::PageUp => self.cursor.saturating_sub(page),
            Action::PageDown => self.cursor + page,
            Action::First => 0,
            Action::Last => self.last(),
            _ => return false,
        };
        self.cursor = cursor.min(self.last());
        true
    }

    fn field_before(&self) -> usize {
        let start = self.field().map_or(0, |field| field.range.start);
        let before = self
            .fields
            .iter()
            .rev()
            .find(|field| field.range.end <= start);
        before.map_or(start, |field| field.range.start)
    }

    /// The field under the cursor.
    fn field(&self) -> Option<&Field> {
        let after = self
            .fields
            .partition_point(|field| field.range.end <= self.cursor);
        self.fields
            .get(after)
            .filter(|field| field.range.contains(&self.cursor))
    }

    /// Puts the cursor on the byte at a place on the screen.
    pub fn click(&mut self, column: u16, row: u16) {
        let Drawn {
            area,
            first,
            per_line,
            digits,
        } = self.drawn;
        if per_line == 0 || !area.contains((column, row).into()) {
            return;
        }
        // `0000  xx xx …  xx xx  text`: a blank more in the middle.
        let column = usize::from(column - area.x);
        let numbers = digits + 2;
        let text = numbers + 3 * per_line + usize::from(per_line > 8) + 1;
        let place = if column >= text {
            column - text
        } else {
            let at = column.saturating_sub(numbers);
            at.saturating_sub(usize::from(at > 24)) / 3
        };
        let byte = first + usize::from(row - area.y) * per_line + place.min(per_line - 1);
        if byte < self.seen.1 {
            self.cursor = byte;
        }
    }

    /// Draws the pane in a frame of its own.
    pub fn draw(
        &mut self,
        row: &Row,
        scene: &Scene,
        focused: bool,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        self.set(Some(row));
        let source = Source::of(row);
        let title = title(source.as_ref(), focused, scene);
        let inside = frame(title, focused, scene, area, buffer);
        if inside.is_empty() {
            return;
        }
        self.drawn = Drawn::default();
        let above = manual::lines(row, inside.width, scene);
        let bytes = source.map_or(&[][..], |source| source.bytes);
        if bytes.is_empty() {
            match &row.what {
                What::Message(_) => {
                    let none = scene.look.words.t("wire.bytes.none").into_owned();
                    say_in_the_middle(&[none], scene, inside, buffer);
                }
                _ => draw_lines(&above, scene, inside, buffer),
            }
            return;
        }
        // Of a call that moved bytes, its line in the manual; the bytes are more important than the sentence about it.
        let call = above.first().filter(|_| inside.height > FIELD_ROWS + 3);
        let top = u16::from(call.is_some());
        draw_lines(
            &above[..usize::from(top)],
            scene,
            Rect {
                height: top,
                ..inside
            },
            buffer,
        );
        let below = FIELD_ROWS.min(inside.height / 2);
        let dump = Rect {
            y: inside.y + top,
            height: inside.height - top - below,
            ..inside
        };
        self.draw_bytes(bytes, scene, dump, buffer);
        let told = Rect {
            y: dump.bottom(),
            height: below,
            ..inside
        };
        draw_lines(&self.told(scene, inside.width), scene, told, buffer);
    }

    fn draw_bytes(&mut self, bytes: &[u8], scene: &Scene, area: Rect, buffer: &mut Buffer) {
        if area.is_empty() {
            return;
        }
        let rows = usize::from(area.height);
        let parts = self.parts(scene);
        let look = scene.look;
        let raw = |bytes| {
            RawBytes::new(bytes, escape_hostile)
                .styles(look.theme.text, look.theme.dim)
                .glyphs(look.glyphs)
        };
        if area.width < HEX_FROM {
            let before = raw(&bytes[..self.cursor]).lines(area.width).len();
            let lines = raw(bytes)
                .parts(&parts)
                .mark(Some(self.cursor))
                .lines(area.width);
            let first = (before + 1)
                .saturating_sub(rows.div_ceil(2))
                .min(lines.len().saturating_sub(rows));
            draw_lines(&lines[first.min(lines.len())..], scene, area, buffer);
            self.drawn.area = area;
            return;
        }
        let per_line = RawBytes::per_line(bytes.len(), area.width);
        let lines = bytes.len().div_ceil(per_line);
        let line = self.cursor / per_line;
        let first = line
            .saturating_sub(rows / 2)
            .min(lines.saturating_sub(rows))
            * per_line;
        let end = bytes.len().min(first + rows * per_line);
        let here: Vec<_> = parts
            .iter()
            .filter(|(range, _)| range.start < end && range.end > first)
            .map(|(range, style)| {
                (
                    range.start.saturating_sub(first)..range.end.min(end) - first,
                    *style,
                )
            })
            .collect();
        let dump = raw(&bytes[first..end])
            .origin(first)
            .parts(&here)
            .mark(Some(self.cursor - first));
        draw_lines(&dump.hex(area.width), scene, area, buffer);
        self.drawn = Drawn {
            area,
            first,
            per_line,
            digits: if end <= 0x1_0000 { 4 } else { 8 },
        };
    }

    /// The styles of the fields: neighbours differ, and the one under the cursor stands out whole.
    fn parts(&self, scene: &Scene) -> Vec<(std::ops::Range<usize>, Style)> {
        let theme = &scene.look.theme;
        let here = self.field().map(|field| field.range.start);
        let style = |index: usize, field: &Field| match here {
            Some(start) if start == field.range.start => {
                theme.accent.add_modifier(Modifier::UNDERLINED)
            }
            _ if index.is_multiple_of(2) => theme.text,
            _ => theme.band,
        };
        let fields = self.fields.iter().enumerate();
        fields
            .map(|(index, field)| (field.range.clone(), style(index, field)))
            .collect()
    }

    /// What is said of the field under the cursor.
    fn told(&self, scene: &Scene, width: u16) -> Vec<Line<'static>> {
        let Some(field) = self.field() else {
            return Vec::new();
        };
        let (words, theme) = (scene.look.words, &scene.look.theme);
        let name = match &field.name {
            Name::Key(key) => words.t(key).into_owned(),
            Name::Own(name) => name.clone(),
        };
        let place = words.fill(
            "wire.bytes.place",
            &[
                ("first", &field.range.start),
                ("last", &(field.range.end - 1)),
                ("byte", &self.cursor),
            ],
        );
        let mut lines = vec![Line::from(vec![
            Span::styled(name, theme.accent),
            Span::raw("  "),
            Span::styled(place, theme.dim),
        ])];
        let width = usize::from(width);
        let value = text::wrap(&Line::styled(field.value.clone(), theme.strong), width);
        let about = field
            .about
            .map(|key| Line::styled(words.t(key).into_owned(), theme.dim));
        let about = about.map_or_else(Vec::new, |about| text::wrap(&about, width));
        let room = usize::from(FIELD_ROWS) - 1;
        let kept = value.len().min(room - about.len().min(room - 1));
        lines.extend(value.into_iter().take(kept));
        lines.extend(about);
        lines
    }
}

fn title<'a>(source: Option<&Source>, focused: bool, scene: &'a Scene) -> Title<'a> {
    let look = scene.look;
    let mut title = Title::new(look, look.words.t("wire.bytes.title").into_owned(), focused);
    let Some(source) = source else {
        return title;
    };
    let kept = source.bytes.len() as u64;
    if kept < source.length {
        let text = look.words.fill(
            "wire.bytes.kept",
            &[
                ("kept", &phrases::grouped(kept)),
                ("length", &phrases::grouped(source.length)),
            ],
        );
        title = title.say(text, look.theme.warning);
    } else {
        title = title.figure("", &format!("{} B", phrases::grouped(source.length)));
    }
    if source.masked {
        title = title.say(
            look.words.t("wire.bytes.masked").into_owned(),
            look.theme.warning,
        );
    }
    if source.encrypted {
        title = title.say(
            look.words.t("wire.bytes.encrypted").into_owned(),
            look.theme.dim,
        );
    }
    title
}

#[cfg(test)]
mod tests;
