//! A form: labelled fields one below the other, of which one has the keys.
//!
//! It stands apart from the editor and the prompt because the fields share a column of labels, one focus, one window that follows it, and the row
//! below the focused field that says what is wrong with it. The caller knows its fields by keys of its own and gives every word when the form is
//! drawn, so that a change of language changes the form.

use ratatui::buffer::{Buffer, CellWidth};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::Glyphs;
use super::edit::{Edit, Outcome, Shape, cells};
use super::editor::Editor;
use super::text::{self, Align};

/// The longest text of one line, in bytes.
pub const TEXT_LIMIT: usize = 4096;

/// The longest list of values, in bytes: a thousand addresses.
pub const LIST_LIMIT: usize = 64 << 10;

/// Rows that a list of values takes at most; beyond that it scrolls.
const LIST_ROWS: usize = 3;

/// Rows of what is said below the focused field.
const SAID_ROWS: usize = 3;

/// Candidates that are seen at once.
const CANDIDATE_ROWS: usize = 6;

/// Columns before a label: the sign of the focus, and that of an error.
const SIGNS: u16 = 2;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text of one line.
    Text,
    /// A secret, drawn as bullets.
    Masked,
    /// Several values in one text, parted by any of these; the first one joins what is pasted in lines.
    List { separators: &'static [char] },
    /// One of so many.
    Choice { options: usize },
    /// Off or on.
    Switch,
}

enum Value {
    Text {
        edit: Edit,
        left: usize,
    },
    List {
        editor: Editor,
        separators: &'static [char],
    },
    Choice {
        chosen: usize,
        options: usize,
    },
    Switch(bool),
}

struct Field<K> {
    key: K,
    value: Value,
    hidden: bool,
}

/// The words of a field at this moment.
#[derive(Clone, Debug, Default)]
pub struct Caption {
    /// A row over the field that begins a part of the form.
    pub heading: Option<String>,
    pub label: String,
    /// Drawn dim in a field that is empty.
    pub placeholder: String,
    /// Why what stands there will not do.
    pub error: Option<String>,
    /// What is good to know about the field, said below it while it has the focus and no error.
    pub note: Option<String>,
    /// What the options of a choice are called; of a switch, off and on.
    pub options: Vec<String>,
}

/// How a form looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Styles {
    pub heading: Style,
    pub label: Style,
    /// The label of the field with the focus.
    pub focused: Style,
    pub value: Style,
    /// Laid over the value of the field with the focus.
    pub active: Style,
    pub placeholder: Style,
    pub error: Style,
    pub note: Style,
    /// Laid over a field that is lit up from outside.
    pub lit: Style,
    /// Selected text, and the chosen candidate.
    pub selected: Style,
    pub candidate: Style,
}

/// What a form is drawn with.
#[derive(Clone, Copy)]
pub struct Dress<'a, K> {
    pub caption: &'a dyn Fn(K) -> Caption,
    pub styles: Styles,
    pub glyphs: Glyphs,
    /// Whether the form has the keys; without them it shows neither focus nor candidates.
    pub has_keys: bool,
    /// Columns of the labels; `None` takes what the longest needs, up to a third of the width.
    pub label_width: Option<u16>,
}

/// The candidates for the value in which the cursor stands.
struct Completion {
    candidates: Vec<String>,
    chosen: usize,
}

/// A form; see the module for what it does.
pub struct Form<K> {
    fields: Vec<Field<K>>,
    focus: usize,
    lit: Option<K>,
    revealed: bool,
    completion: Option<Completion>,
    /// Rows scrolled out at the top.
    top: usize,
    /// Where values stood in the last frame.
    places: Vec<(K, Rect)>,
    cursor: Option<(u16, u16)>,
}

impl<K: Copy + PartialEq> Form<K> {
    /// The fields in the order in which they stand; each key once.
    #[must_use]
    pub fn new(fields: impl IntoIterator<Item = (K, Kind)>) -> Self {
        let fields = fields.into_iter().map(|(key, kind)| Field {
            key,
            value: Value::new(kind),
            hidden: false,
        });
        Self {
            fields: fields.collect(),
            focus: 0,
            lit: None,
            revealed: false,
            completion: None,
            top: 0,
            places: Vec::new(),
            cursor: None,
        }
    }

    fn field(&self, key: K) -> Option<&Field<K>> {
        self.fields.iter().find(|field| field.key == key)
    }

    fn value_mut(&mut self, key: K) -> Option<&mut Value> {
        let field = self.fields.iter_mut().find(|field| field.key == key)?;
        Some(&mut field.value)
    }

    /// The text of a field; empty for one that has none.
    #[must_use]
    pub fn text(&self, key: K) -> &str {
        self.field(key).map_or("", |field| field.value.text())
    }

    /// Puts a text into a field; what was there cannot be undone to.
    pub fn set_text(&mut self, key: K, text: &str) {
        match self.value_mut(key) {
            Some(Value::Text { edit, left }) => {
                edit.set(text);
                *left = 0;
            }
            Some(Value::List { editor, .. }) => editor.set(text),
            _ => {}
        }
    }

    /// The values of a list that are not blank, without the blanks around them. A separator inside double quotes is none.
    #[must_use]
    pub fn values(&self, key: K) -> Vec<&str> {
        match self.field(key).map(|field| &field.value) {
            Some(Value::List { editor, separators }) => parts(editor.text(), separators)
                .map(|part| editor.text()[part].trim())
                .filter(|value| !value.is_empty())
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The number of the option that is chosen, from 0; of a switch, 1 is on.
    #[must_use]
    pub fn chosen(&self, key: K) -> usize {
        match self.field(key).map(|field| &field.value) {
            Some(Value::Choice { chosen, .. }) => *chosen,
            Some(Value::Switch(on)) => usize::from(*on),
            _ => 0,
        }
    }

    pub fn choose(&mut self, key: K, option: usize) {
        match self.value_mut(key) {
            Some(Value::Choice { chosen, options }) => {
                *chosen = option.min(options.saturating_sub(1))
            }
            Some(Value::Switch(on)) => *on = option > 0,
            _ => {}
        }
    }

    #[must_use]
    pub fn is_on(&self, key: K) -> bool {
        self.chosen(key) == 1
    }

    /// Takes a field out of sight, or shows it again. Its value stays.
    pub fn hide(&mut self, key: K, hidden: bool) {
        if let Some(field) = self.fields.iter_mut().find(|field| field.key == key) {
            field.hidden = hidden;
        }
        if self
            .fields
            .get(self.focus)
            .is_some_and(|field| field.hidden)
        {
            let to = self.step(1).or_else(|| self.step(-1));
            self.focus = to.unwrap_or(self.focus);
            self.completion = None;
        }
    }

    /// The field with the focus.
    #[must_use]
    pub fn focus(&self) -> Option<K> {
        self.fields.get(self.focus).map(|field| field.key)
    }

    /// Gives the keys to a field that is in sight.
    pub fn set_focus(&mut self, key: K) {
        let place = self
            .fields
            .iter()
            .position(|field| field.key == key && !field.hidden);
        if let Some(place) = place {
            self.focus = place;
            self.completion = None;
        }
    }

    pub fn focus_first(&mut self) {
        if let Some(first) = self.fields.iter().position(|field| !field.hidden) {
            self.focus = first;
            self.completion = None;
        }
    }

    pub fn focus_last(&mut self) {
        if let Some(last) = self.fields.iter().rposition(|field| !field.hidden) {
            self.focus = last;
            self.completion = None;
        }
    }

    /// Lights a field up, or none.
    pub fn light(&mut self, key: Option<K>) {
        self.lit = key;
    }

    /// Shows what masked fields hold, or hides it.
    pub fn reveal(&mut self, revealed: bool) {
        self.revealed = revealed;
    }

    /// The value in which the cursor of a field stands, up to the cursor: what is to be completed.
    #[must_use]
    pub fn begun(&self, key: K) -> &str {
        let Some(field) = self.field(key) else {
            return "";
        };
        let range = field.value.begun();
        field.value.text().get(range).unwrap_or("")
    }

    /// Offers candidates for the value in which the cursor of a field stands, if the field has the focus and `begun` is still what stands there.
    pub fn complete(&mut self, key: K, begun: &str, candidates: Vec<String>) {
        let still = self.focus() == Some(key) && self.begun(key) == begun;
        let useful = still && !candidates.is_empty() && candidates != [begun];
        self.completion = useful.then_some(Completion {
            candidates,
            chosen: 0,
        });
    }

    /// Whether candidates are on offer. Up, Down, Tab, Enter and Esc are theirs then.
    #[must_use]
    pub fn is_completing(&self) -> bool {
        self.completion.is_some()
    }

    /// Does what a key means here. Tab, Shift-Tab, Up, Down and Enter go from field to field, and mean nothing beyond the first and the last.
    pub fn handle(&mut self, key: &KeyEvent) -> Outcome {
        if let Some(outcome) = self.completion_key(key) {
            return outcome;
        }
        let outcome = self
            .fields
            .get_mut(self.focus)
            .map_or(Outcome::Ignored, |field| field.value.handle(key));
        match outcome {
            Outcome::Ignored => self.travel(key),
            Outcome::Done => {
                self.completion = None;
                Outcome::Done
            }
            outcome => outcome,
        }
    }

    fn travel(&mut self, key: &KeyEvent) -> Outcome {
        let plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
        let steps = match key.code {
            KeyCode::Tab | KeyCode::Down | KeyCode::Enter if plain => 1,
            KeyCode::BackTab | KeyCode::Up if plain => -1,
            _ => return Outcome::Ignored,
        };
        match self.step(steps) {
            Some(place) => {
                self.focus = place;
                self.completion = None;
                Outcome::Done
            }
            None => Outcome::Ignored,
        }
    }

    /// The next field in sight in a direction.
    fn step(&self, direction: isize) -> Option<usize> {
        let mut place = self.focus;
        loop {
            place = place.checked_add_signed(direction)?;
            if !self.fields.get(place)?.hidden {
                return Some(place);
            }
        }
    }

    fn completion_key(&mut self, key: &KeyEvent) -> Option<Outcome> {
        let completion = self.completion.as_mut()?;
        let last = completion.candidates.len().saturating_sub(1);
        if !key.modifiers.is_empty() {
            return None;
        }
        match key.code {
            KeyCode::Up => completion.chosen = completion.chosen.checked_sub(1).unwrap_or(last),
            KeyCode::Down => {
                completion.chosen = if completion.chosen == last {
                    0
                } else {
                    completion.chosen + 1
                };
            }
            KeyCode::Esc => self.completion = None,
            KeyCode::Tab | KeyCode::Enter => {
                let completion = self.completion.take()?;
                let candidate = completion.candidates.into_iter().nth(completion.chosen)?;
                let value = &mut self.fields.get_mut(self.focus)?.value;
                return Some(value.replace_begun(&candidate));
            }
            _ => return None,
        }
        Some(Outcome::Done)
    }

    /// Puts a text into the field with the focus.
    pub fn paste(&mut self, text: &str) -> Outcome {
        self.completion = None;
        match self
            .fields
            .get_mut(self.focus)
            .map(|field| &mut field.value)
        {
            Some(Value::Text { edit, .. }) => edit.paste(text),
            Some(Value::List { editor, .. }) => editor.paste(text),
            _ => Outcome::Ignored,
        }
    }

    /// The field whose value was drawn there.
    #[must_use]
    pub fn field_at(&self, (x, y): (u16, u16)) -> Option<K> {
        let place = self
            .places
            .iter()
            .find(|(_, area)| area.contains((x, y).into()));
        place.map(|(key, _)| *key)
    }

    /// A click gives the keys to the field under it and puts the cursor there; what has no cursor takes a step. `Ignored` where no field is.
    pub fn click(&mut self, (x, y): (u16, u16)) -> Outcome {
        let Some((key, area)) = self
            .places
            .iter()
            .find(|(_, area)| area.contains((x, y).into()))
            .copied()
        else {
            return Outcome::Ignored;
        };
        let had_focus = self.focus() == Some(key);
        self.set_focus(key);
        match self.value_mut(key) {
            Some(Value::Text { edit, left }) => {
                let goal = *left + usize::from(x - area.x);
                let before = cells(edit.text()).take_while(|cell| cell.columns.end <= goal);
                let at = before.map(|cell| cell.grapheme.len()).sum();
                edit.go_to(at, false);
            }
            Some(Value::List { editor, .. }) => editor.click(area, (x, y)),
            Some(value) if had_focus => return value.turn(true),
            _ => {}
        }
        Outcome::Done
    }

    /// The cell of the cursor in the last frame, if a text had it.
    #[must_use]
    pub fn cursor_cell(&self) -> Option<(u16, u16)> {
        self.cursor
    }
}

impl Value {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Value::Text {
                edit: Edit::new(Shape::Line { joint: " " }, TEXT_LIMIT),
                left: 0,
            },
            Kind::Masked => Value::Text {
                edit: Edit::new(Shape::Secret, TEXT_LIMIT),
                left: 0,
            },
            Kind::List { separators } => {
                let joint = match separators {
                    [';', ..] => "; ",
                    _ => ", ",
                };
                Value::List {
                    editor: Editor::new(Shape::Line { joint }, LIST_LIMIT),
                    separators,
                }
            }
            Kind::Choice { options } => Value::Choice { chosen: 0, options },
            Kind::Switch => Value::Switch(false),
        }
    }

    fn text(&self) -> &str {
        match self {
            Value::Text { edit, .. } => edit.text(),
            Value::List { editor, .. } => editor.text(),
            Value::Choice { .. } | Value::Switch(_) => "",
        }
    }

    fn handle(&mut self, key: &KeyEvent) -> Outcome {
        match self {
            Value::Text { edit, .. } => edit.handle(key),
            Value::List { editor, .. } => editor.handle(key),
            Value::Choice { .. } | Value::Switch(_) if !key.modifiers.is_empty() => {
                Outcome::Ignored
            }
            Value::Choice { .. } | Value::Switch(_) => match key.code {
                KeyCode::Left => self.turn(false),
                KeyCode::Right | KeyCode::Char(' ') => self.turn(true),
                _ => Outcome::Ignored,
            },
        }
    }

    /// The next option, or the one before, round and round.
    fn turn(&mut self, on: bool) -> Outcome {
        match self {
            Value::Choice { chosen, options } if *options > 0 => {
                let steps = if on { 1 } else { *options - 1 };
                *chosen = (*chosen + steps) % *options;
            }
            Value::Switch(state) => *state = !*state,
            _ => return Outcome::Ignored,
        }
        Outcome::Changed
    }

    /// The value in which the cursor stands, up to the cursor.
    fn begun(&self) -> std::ops::Range<usize> {
        match self {
            Value::Text { edit, .. } => 0..edit.at(),
            Value::List { editor, separators } => {
                let (text, at) = (editor.text(), editor.edit().at());
                let start = parts(&text[..at], separators)
                    .last()
                    .map_or(0, |part| part.start);
                let blanks = text[start..at].len() - text[start..at].trim_start().len();
                start + blanks..at
            }
            Value::Choice { .. } | Value::Switch(_) => 0..0,
        }
    }

    fn replace_begun(&mut self, with: &str) -> Outcome {
        let range = self.begun();
        match self {
            Value::Text { edit, .. } => edit.replace(range, with),
            Value::List { editor, .. } => editor.replace(range, with),
            Value::Choice { .. } | Value::Switch(_) => Outcome::Ignored,
        }
    }
}

/// The ranges between separators, of which those inside double quotes are none.
fn parts<'t>(
    text: &'t str,
    separators: &'static [char],
) -> impl Iterator<Item = std::ops::Range<usize>> + 't {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let (mut quoted, mut escaped) = (false, false);
        for (at, c) in text[start..].char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                c if !quoted && separators.contains(&c) => {
                    let end = start + at;
                    next = Some(end + c.len_utf8());
                    return Some(start..end);
                }
                _ => {}
            }
        }
        next = None;
        Some(start..text.len())
    })
}

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

#[cfg(test)]
mod tests;
