//! What editing means, without a screen: a text with a cursor, a selection and a memory of its changes.
//!
//! It stands apart because a field of one line, a password and an editor of many lines differ in how they are drawn and scrolled, not in what a
//! key does to their text. The cursor stands between graphemes, so that no key ever takes half of a character. A change is remembered by what it
//! took out and put in, so a long text costs no more to edit than a short one. A secret is remembered nowhere, copied nowhere, and wiped.
//!
//! Keys that depend on how the text is laid out (Up, Down, pages), that leave a field (Tab, Esc, Enter in one line), or that mean nothing here are
//! left to the caller.

use std::ops::Range;

use ratatui::buffer::CellWidth;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use unicode_segmentation::UnicodeSegmentation;
use zeroize::Zeroizing;

/// Steps that can be undone; a word typed at one go is one.
const UNDO_STEPS: usize = 500;

/// Bytes that the steps of one direction may hold.
const UNDO_BYTES: usize = 8 << 20;

const TAB_STOP: usize = 4;

/// What a key did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It means nothing here.
    Ignored,
    /// The cursor moved, or there was nothing to do.
    Done,
    /// The text, or a choice, is another one.
    Changed,
    /// This belongs into the clipboard.
    Copied(String),
    /// This belongs into the clipboard, and the text changed.
    Cut(String),
    /// The clipboard is wanted: hand it to `paste`.
    PasteWanted,
}

/// What may stand in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Lines parted by LF.
    Lines,
    /// One line; where a pasted text had line ends, this stands.
    Line { joint: &'static str },
    /// One line that is never copied, remembered or left in memory.
    Secret,
}

/// A text being edited; see the module for what it does.
pub struct Edit {
    text: Zeroizing<String>,
    shape: Shape,
    /// The longest text, in bytes.
    limit: usize,
    /// Bytes before the cursor.
    at: usize,
    /// Where the selection began; it ends at the cursor.
    anchor: Option<usize>,
    past: History,
    undone: History,
    /// Where the next typed character goes on with the step of the last one.
    typing: Option<usize>,
}

/// A step: at this place this was taken out and that put in.
struct Change {
    at: usize,
    removed: String,
    inserted: String,
    /// The cursor before it.
    cursor: usize,
}

impl Change {
    fn bytes(&self) -> usize {
        self.removed.len() + self.inserted.len()
    }
}

/// Steps, the newest last, bounded in number and bytes.
#[derive(Default)]
struct History {
    steps: std::collections::VecDeque<Change>,
    bytes: usize,
}

impl History {
    fn push(&mut self, change: Change) {
        self.bytes += change.bytes();
        self.steps.push_back(change);
        while self.steps.len() > UNDO_STEPS || (self.bytes > UNDO_BYTES && self.steps.len() > 1) {
            self.bytes -= self.steps.pop_front().map_or(0, |oldest| oldest.bytes());
        }
    }

    fn pop(&mut self) -> Option<Change> {
        let change = self.steps.pop_back()?;
        self.bytes -= change.bytes();
        Some(change)
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Edit {
    /// An empty text that never grows past `limit` bytes.
    #[must_use]
    pub fn new(shape: Shape, limit: usize) -> Self {
        let text = match shape {
            // It must never move, or the old place would keep it.
            Shape::Secret => String::with_capacity(limit),
            Shape::Lines | Shape::Line { .. } => String::new(),
        };
        Self {
            text: Zeroizing::new(text),
            shape,
            limit,
            at: 0,
            anchor: None,
            past: History::default(),
            undone: History::default(),
            typing: None,
        }
    }

    /// Begins anew with a text, cut at the limit, and the cursor at its end.
    pub fn set(&mut self, text: &str) {
        self.at = 0;
        self.anchor = None;
        self.typing = None;
        self.past.clear();
        self.undone.clear();
        self.text.clear();
        let text = self.admitted(text, self.limit);
        self.text.push_str(&text);
        self.at = self.text.len();
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Bytes before the cursor.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// The bytes that are selected.
    #[must_use]
    pub fn selection(&self) -> Option<Range<usize>> {
        let anchor = self.anchor.filter(|anchor| *anchor != self.at)?;
        Some(anchor.min(self.at)..anchor.max(self.at))
    }

    /// Whether it is one line that is never shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.shape == Shape::Secret
    }

    /// Puts the cursor at a place; `extend` keeps or begins a selection.
    pub fn go_to(&mut self, at: usize, extend: bool) {
        self.typing = None;
        if extend {
            self.anchor.get_or_insert(self.at);
        } else {
            self.anchor = None;
        }
        self.at = boundary(&self.text, at);
    }

    /// Puts a text in at the cursor, in place of what is selected, as far as there is room. Control characters, except tab, are left out; line
    /// ends of any kind count as one.
    pub fn paste(&mut self, text: &str) -> Outcome {
        let range = self.selection().unwrap_or(self.at..self.at);
        let text = self.admitted(text, self.room(&range));
        self.change(range, &text)
    }

    /// Puts a text in place of a part of it, as one step.
    pub fn replace(&mut self, range: Range<usize>, with: &str) -> Outcome {
        let with = self.admitted(with, self.room(&range));
        self.change(range, &with)
    }

    /// Does what a key means here.
    pub fn handle(&mut self, key: &KeyEvent) -> Outcome {
        let extend = key.modifiers.contains(KeyModifiers::SHIFT);
        match key.modifiers.difference(KeyModifiers::SHIFT) {
            KeyModifiers::NONE => self.plain_key(key.code, extend),
            KeyModifiers::CONTROL => match self.far_key(key.code, extend) {
                Outcome::Ignored => self.control_key(key.code, extend),
                outcome => outcome,
            },
            KeyModifiers::ALT => self.far_key(key.code, extend),
            _ => Outcome::Ignored,
        }
    }

    fn plain_key(&mut self, code: KeyCode, extend: bool) -> Outcome {
        let at = self.at;
        let selection = self.selection();
        match code {
            KeyCode::Char(c) => self.type_char(c),
            KeyCode::Enter if self.shape == Shape::Lines => self.paste("\n"),
            KeyCode::Backspace => self.remove(self.before(at)..at),
            KeyCode::Delete if extend => self.cut(),
            KeyCode::Delete => self.remove(at..self.after(at)),
            KeyCode::Insert if extend => Outcome::PasteWanted,
            KeyCode::Left => match selection {
                Some(selection) if !extend => self.moved(selection.start, false),
                _ => self.moved(self.before(at), extend),
            },
            KeyCode::Right => match selection {
                Some(selection) if !extend => self.moved(selection.end, false),
                _ => self.moved(self.after(at), extend),
            },
            KeyCode::Home => self.moved(self.line(at).start, extend),
            KeyCode::End => self.moved(self.line(at).end, extend),
            _ => Outcome::Ignored,
        }
    }

    /// Keys that with Ctrl or Alt reach over a word or the whole text.
    fn far_key(&mut self, code: KeyCode, extend: bool) -> Outcome {
        let at = self.at;
        match code {
            KeyCode::Backspace => self.remove(self.word_before(at)..at),
            KeyCode::Delete => self.remove(at..self.word_after(at)),
            KeyCode::Left => self.moved(self.word_before(at), extend),
            KeyCode::Right => self.moved(self.word_after(at), extend),
            KeyCode::Home => self.moved(0, extend),
            KeyCode::End => self.moved(self.text.len(), extend),
            _ => Outcome::Ignored,
        }
    }

    fn control_key(&mut self, code: KeyCode, extend: bool) -> Outcome {
        let at = self.at;
        let line = self.line(at);
        let code = match code {
            KeyCode::Char(c) => KeyCode::Char(c.to_ascii_lowercase()),
            other => other,
        };
        match code {
            KeyCode::Char('a') => {
                self.go_to(0, false);
                self.moved(self.text.len(), true)
            }
            KeyCode::Char('e') => self.moved(line.end, extend),
            KeyCode::Char('w') => self.remove(self.word_before(at)..at),
            KeyCode::Char('u') => self.remove(line.start..at),
            // At the end of a line, the line end itself.
            KeyCode::Char('k') if at == line.end => self.remove(at..self.after(at)),
            KeyCode::Char('k') => self.remove(at..line.end),
            KeyCode::Char('z') if extend => self.redo(),
            KeyCode::Char('z') => self.undo(),
            KeyCode::Char('y') => self.redo(),
            KeyCode::Char('c') | KeyCode::Insert => match self.selected_text() {
                Some(text) => Outcome::Copied(text),
                None => Outcome::Ignored,
            },
            KeyCode::Char('x') => self.cut(),
            KeyCode::Char('v') => Outcome::PasteWanted,
            _ => Outcome::Ignored,
        }
    }

    fn moved(&mut self, at: usize, extend: bool) -> Outcome {
        self.go_to(at, extend);
        Outcome::Done
    }

    fn selected_text(&self) -> Option<String> {
        let selection = self.selection().filter(|_| !self.is_secret())?;
        Some(self.text[selection].to_owned())
    }

    fn cut(&mut self) -> Outcome {
        let Some(text) = self.selected_text() else {
            return Outcome::Ignored;
        };
        self.remove(self.at..self.at);
        Outcome::Cut(text)
    }

    /// Takes out what is selected, or else a range.
    fn remove(&mut self, range: Range<usize>) -> Outcome {
        let range = self.selection().unwrap_or(range);
        self.change(range, "")
    }

    /// Characters typed one after the other are one step, up to the next blank.
    fn type_char(&mut self, c: char) -> Outcome {
        let range = self.selection().unwrap_or(self.at..self.at);
        let text = self.admitted(c.encode_utf8(&mut [0; 4]), self.room(&range));
        if text.is_empty() {
            return Outcome::Done;
        }
        let goes_on = range.is_empty() && self.typing == Some(self.at) && !c.is_whitespace();
        let last = self.past.steps.back_mut().filter(|_| goes_on);
        match last {
            Some(last) => {
                last.inserted.push_str(&text);
                self.past.bytes += text.len();
                self.put(range, &text);
            }
            None => {
                self.change(range, &text);
            }
        }
        self.typing = Some(self.at);
        Outcome::Changed
    }

    /// A change that is a step of its own.
    fn change(&mut self, range: Range<usize>, with: &str) -> Outcome {
        if range.is_empty() && with.is_empty() {
            return Outcome::Done;
        }
        self.typing = None;
        if !self.is_secret() {
            self.undone.clear();
            self.past.push(Change {
                at: range.start,
                removed: self.text[range.clone()].to_owned(),
                inserted: with.to_owned(),
                cursor: self.at,
            });
        }
        self.put(range, with);
        Outcome::Changed
    }

    fn put(&mut self, range: Range<usize>, with: &str) {
        self.at = range.start + with.len();
        self.anchor = None;
        self.text.replace_range(range, with);
    }

    fn undo(&mut self) -> Outcome {
        let Some(change) = self.past.pop() else {
            return Outcome::Done;
        };
        self.typing = None;
        self.put(
            change.at..change.at + change.inserted.len(),
            &change.removed,
        );
        self.at = change.cursor;
        self.undone.push(change);
        Outcome::Changed
    }

    fn redo(&mut self) -> Outcome {
        let Some(change) = self.undone.pop() else {
            return Outcome::Done;
        };
        self.typing = None;
        self.put(
            change.at..change.at + change.removed.len(),
            &change.inserted,
        );
        self.past.push(change);
        Outcome::Changed
    }

    /// Bytes that may stand in place of a range.
    fn room(&self, range: &Range<usize>) -> usize {
        self.limit.saturating_sub(self.text.len() - range.len())
    }

    /// What may stand in the text, cut after at most `room` bytes.
    fn admitted(&self, text: &str, mut room: usize) -> Zeroizing<String> {
        let joint = match self.shape {
            Shape::Lines => "\n",
            Shape::Line { joint } => joint,
            Shape::Secret => "",
        };
        // A line end at the end of what was copied joins nothing.
        let text = match self.shape {
            Shape::Lines => text,
            Shape::Line { .. } | Shape::Secret => text.trim_end_matches(['\r', '\n']),
        };
        let mut admitted = Zeroizing::new(String::with_capacity(text.len().min(room)));
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let mut encoded = [0; 4];
            let piece = match c {
                '\r' => {
                    chars.next_if_eq(&'\n');
                    joint
                }
                '\n' => joint,
                c if c.is_control() && c != '\t' => continue,
                c => c.encode_utf8(&mut encoded),
            };
            match room.checked_sub(piece.len()) {
                Some(left) => room = left,
                None => break,
            }
            admitted.push_str(piece);
        }
        admitted
    }

    /// The line that holds a place, without its end.
    #[must_use]
    pub fn line(&self, at: usize) -> Range<usize> {
        let (before, after) = self.text.split_at(at);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        start..at + after.find('\n').unwrap_or(after.len())
    }

    fn before(&self, at: usize) -> usize {
        let last = self.text[..at].graphemes(true).next_back();
        at - last.map_or(0, str::len)
    }

    /// The place behind the grapheme at a place.
    #[must_use]
    pub fn after(&self, at: usize) -> usize {
        let next = self.text[at..].graphemes(true).next();
        at + next.map_or(0, str::len)
    }

    /// The beginning of the word before a place.
    fn word_before(&self, at: usize) -> usize {
        let gap = self.text[..at].trim_end_matches(|c| !is_word(c));
        gap.trim_end_matches(is_word).len()
    }

    /// The beginning of the word after a place.
    fn word_after(&self, at: usize) -> usize {
        let gap = self.text[at..].trim_start_matches(is_word);
        self.text.len() - gap.trim_start_matches(|c| !is_word(c)).len()
    }
}

/// The last place where a character begins, up to `at`.
#[must_use]
pub fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A grapheme, its first byte, and the columns that it takes in its row.
#[derive(Clone, Debug)]
pub struct Cell<'t> {
    pub grapheme: &'t str,
    pub at: usize,
    pub columns: Range<usize>,
}

/// The graphemes of a row one after the other. `text` begins at the row and may go on behind it.
pub fn cells(text: &str) -> impl Iterator<Item = Cell<'_>> {
    let (mut at, mut column) = (0, 0);
    std::iter::from_fn(move || {
        let rest = &text[at..];
        let grapheme = match rest.as_bytes() {
            // Most text; nothing of ASCII joins with what follows, line ends aside, which are LF here.
            [first, rest_of @ ..]
                if first.is_ascii() && rest_of.first().is_none_or(u8::is_ascii) =>
            {
                &rest[..1]
            }
            _ => rest.graphemes(true).next()?,
        };
        let cell = Cell {
            grapheme,
            at,
            columns: column..column + columns_of(grapheme, column),
        };
        at += grapheme.len();
        column = cell.columns.end;
        Some(cell)
    })
}

fn columns_of(grapheme: &str, column: usize) -> usize {
    match grapheme {
        "\t" => TAB_STOP - column % TAB_STOP,
        "\n" => 1,
        _ => usize::from(grapheme.cell_width()),
    }
}

#[cfg(test)]
mod tests;
