//! A form: labelled fields one below the other, of which one has the keys.
//!
//! It stands apart from the editor and the prompt because the fields share a column of labels, one focus, one window that follows it, and the row
//! below the focused field that says what is wrong with it. The caller knows its fields by keys of its own and gives every word when the form is
//! drawn, so that a change of language changes the form.

mod value;
mod view;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::style::Style;

use self::value::{Value, parts};
use super::Glyphs;
use super::edit::{Outcome, cells};

/// The longest text of one line, in bytes.
pub const TEXT_LIMIT: usize = 4096;

/// The longest list of values, in bytes: a thousand addresses.
pub const LIST_LIMIT: usize = 64 << 10;

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
        // An answer may come late, behind that to what was typed next.
        if self.focus() != Some(key) || self.begun(key) != begun {
            return;
        }
        let useful = !candidates.is_empty() && candidates != [begun];
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
            Outcome::Changed => {
                self.narrow_completion();
                Outcome::Changed
            }
            outcome => outcome,
        }
    }

    /// Leaves the candidates that begin with what is typed now, until others come.
    fn narrow_completion(&mut self) {
        let begun = self.focus().map_or("", |key| self.begun(key)).to_owned();
        let Some(completion) = &mut self.completion else {
            return;
        };
        completion.chosen = 0;
        completion
            .candidates
            .retain(|candidate| !begun.is_empty() && candidate.starts_with(&begun));
        if completion.candidates.is_empty() {
            self.completion = None;
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

#[cfg(test)]
mod tests;
