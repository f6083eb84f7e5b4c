//! What a field holds, and what a key does to it.

use std::ops::Range;

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::{Kind, LIST_LIMIT, TEXT_LIMIT};
use crate::dashboard::widgets::edit::{Edit, Outcome, Shape};
use crate::dashboard::widgets::editor::Editor;

/// The value of a field.
pub(super) enum Value {
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

impl Value {
    pub(super) fn new(kind: Kind) -> Self {
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

    pub(super) fn text(&self) -> &str {
        match self {
            Value::Text { edit, .. } => edit.text(),
            Value::List { editor, .. } => editor.text(),
            Value::Choice { .. } | Value::Switch(_) => "",
        }
    }

    pub(super) fn handle(&mut self, key: &KeyEvent) -> Outcome {
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
    pub(super) fn turn(&mut self, on: bool) -> Outcome {
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
    pub(super) fn begun(&self) -> Range<usize> {
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

    pub(super) fn replace_begun(&mut self, with: &str) -> Outcome {
        let range = self.begun();
        match self {
            Value::Text { edit, .. } => edit.replace(range, with),
            Value::List { editor, .. } => editor.replace(range, with),
            Value::Choice { .. } | Value::Switch(_) => Outcome::Ignored,
        }
    }
}

/// The ranges between separators, of which those inside double quotes are none.
pub(super) fn parts<'t>(
    text: &'t str,
    separators: &'static [char],
) -> impl Iterator<Item = Range<usize>> + 't {
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
