//! The command that is held in step mode, as it is typed into.
//!
//! It stands apart because of passwords: a line that holds one is shown masked and goes out as it was, and whoever types into it begins anew, since
//! a mask is nothing that could be edited.

use crossterm::event::{Event, KeyEvent};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use crate::dashboard::widgets::text;
use crate::proto::secret::Secret;
use crate::trace::escape::escape_hostile;
use crate::trace::mail::Line;

/// Columns before the text.
const SIGN: usize = 1;

/// A held command; see the module for what is special about it.
#[derive(Debug, Default)]
pub struct HeldLine {
    /// Which of the commands that were held it is.
    number: Option<u64>,
    input: Input,
    /// Something was typed into it.
    edited: bool,
    /// It is not typed into, though it could be.
    left: bool,
}

impl HeldLine {
    /// Takes over the command that is held now, unless it has been already.
    pub fn settle(&mut self, number: u64, line: &Line) {
        if self.number == Some(number) {
            return;
        }
        self.number = Some(number);
        self.edited = false;
        // A secret is never copied into a field that would show it.
        let text = match line.secret {
            Some(_) => String::new(),
            None => escape_hostile(&line.shown).into_owned(),
        };
        self.input = Input::new(text);
    }

    pub fn is_typed_into(&self) -> bool {
        !self.left
    }

    /// Keys mean what they mean elsewhere; `false` if they do already.
    pub fn leave(&mut self) -> bool {
        !std::mem::replace(&mut self.left, true)
    }

    /// Keys are typed into it.
    pub fn enter(&mut self) {
        self.left = false;
    }

    pub fn type_key(&mut self, key: &KeyEvent) {
        let before = self.input.value().to_owned();
        self.input.handle_event(&Event::Key(*key));
        self.edited |= self.input.value() != before;
    }

    pub fn paste(&mut self, text: &str) {
        for c in text.chars().filter(|c| !c.is_control()) {
            self.input.handle(tui_input::InputRequest::InsertChar(c));
            self.edited = true;
        }
    }

    /// What goes out: `None` is the command as it stands.
    pub fn sent(&self) -> Option<Secret> {
        self.edited.then(|| Secret::from(self.input.value()))
    }

    /// The text as it is drawn in so many columns.
    pub fn shown(&self, line: &Line, revealed: bool, width: usize) -> String {
        if !self.edited && line.secret.is_some() {
            let bytes = if revealed { line.bytes() } else { &line.shown };
            return escape_hostile(bytes).into_owned();
        }
        let skipped = self.skipped(width);
        let visible: String = self.input.value().chars().skip(skipped).collect();
        escape_hostile(&visible).into_owned()
    }

    /// Characters scrolled out at the left, so that the cursor is seen.
    fn skipped(&self, width: usize) -> usize {
        let room = width.saturating_sub(SIGN + 1);
        let before: Vec<char> = self
            .input
            .value()
            .chars()
            .take(self.input.cursor())
            .collect();
        let mut columns = 0;
        let fitting = before.iter().rev().take_while(|c| {
            columns += text::width(c.encode_utf8(&mut [0; 4]));
            columns <= room
        });
        before.len() - fitting.count()
    }

    /// The column of the cursor.
    pub fn cursor_column(&self, width: usize) -> u16 {
        let skipped = self.skipped(width);
        let before: String = self
            .input
            .value()
            .chars()
            .take(self.input.cursor())
            .skip(skipped)
            .collect();
        (SIGN + text::width(&before)).min(width.saturating_sub(1)) as u16
    }
}
