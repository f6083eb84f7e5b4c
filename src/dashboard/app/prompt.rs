//! The line of text that is typed over the footer: what it is for, its keys, and what becomes of its text.

use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent};
use tui_input::Input;

use super::{App, Effect, Overlay, Tab};
use crate::dashboard::tabs::mail::Question;

/// A text field over the footer.
#[derive(Debug, Clone)]
pub struct Prompt {
    pub purpose: Purpose,
    pub input: Input,
    /// Why the text was not taken.
    pub error: Option<String>,
}

impl Prompt {
    /// Another text is another question.
    fn edited(&mut self) {
        self.error = None;
        if self.purpose == Purpose::OverwriteCapture {
            self.purpose = Purpose::CaptureFile;
        }
    }
}

/// What a prompt's text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Note,
    Target,
    Knob(crate::dashboard::tabs::ping::knobs::Knob),
    WebFilter,
    WebKnob(crate::dashboard::tabs::web::knobs::Knob),
    Mail(Question),
    WireFilter,
    /// Where a capture goes.
    CaptureFile,
    /// The same, though there is such a file: as long as the name is not changed, it is overwritten.
    OverwriteCapture,
}

impl App {
    pub(in crate::dashboard) fn prompt(&mut self, purpose: Purpose, text: String) {
        self.overlay = Some(Overlay::Prompt(Prompt {
            purpose,
            input: Input::new(text),
            error: None,
        }));
    }

    /// Says why the text of the prompt is not taken.
    pub(in crate::dashboard) fn refuse_prompt(&mut self, reason: String) {
        if let Some(Overlay::Prompt(prompt)) = &mut self.overlay {
            prompt.error = Some(reason);
        }
    }

    pub(super) fn prompt_key(&mut self, key: &KeyEvent) -> Vec<Effect> {
        let Some(Overlay::Prompt(prompt)) = &mut self.overlay else {
            return Vec::new();
        };
        match key.code {
            KeyCode::Esc => self.overlay = None,
            KeyCode::Enter => {
                let (purpose, text) = (prompt.purpose, prompt.input.value());
                let text = match purpose {
                    // Every blank of it is sent.
                    Purpose::Mail(Question::RawLine) => text,
                    _ => text.trim(),
                };
                let text = text.to_owned();
                return self.prompt_entered(purpose, &text);
            }
            _ => {
                use tui_input::backend::crossterm::EventHandler;
                prompt
                    .input
                    .handle_event(&crossterm::event::Event::Key(*key));
                prompt.edited();
            }
        }
        Vec::new()
    }

    fn prompt_entered(&mut self, purpose: Purpose, text: &str) -> Vec<Effect> {
        let words = self.words();
        let result = match purpose {
            Purpose::Note if text.is_empty() => Ok(Vec::new()),
            Purpose::Note => {
                let (at, text) = (self.now, text.to_owned());
                self.ping.note(text.clone(), at);
                self.wire.note(text.clone(), at);
                Ok(vec![Effect::Note { at, text }])
            }
            Purpose::Target => self.ping.add_target(text, words),
            Purpose::Knob(knob) => self.ping.type_knob(knob, text, words),
            Purpose::WebFilter => self.web.set_filter(text, words).map(|()| Vec::new()),
            Purpose::WebKnob(knob) => self.web.type_knob(knob, text, words),
            Purpose::WireFilter => self.wire.set_filter(text, words).map(|()| Vec::new()),
            Purpose::CaptureFile | Purpose::OverwriteCapture if text.is_empty() => Ok(Vec::new()),
            Purpose::CaptureFile | Purpose::OverwriteCapture => Ok(vec![Effect::StartCapture {
                file: PathBuf::from(text),
                overwrite: purpose == Purpose::OverwriteCapture,
            }]),
            Purpose::Mail(question) => self.mail.answer(question, text, words),
        };
        match (result, &mut self.overlay) {
            (Ok(effects), _) => {
                self.overlay = None;
                effects
            }
            (Err(error), Some(Overlay::Prompt(prompt))) => {
                prompt.error = Some(error);
                Vec::new()
            }
            (Err(_), _) => Vec::new(),
        }
    }

    pub(super) fn paste(&mut self, text: &str) -> Vec<Effect> {
        if let Some(Overlay::Prompt(prompt)) = &mut self.overlay {
            for c in text.chars().filter(|c| !c.is_control()) {
                prompt.input.handle(tui_input::InputRequest::InsertChar(c));
            }
            prompt.edited();
        } else if self.overlay.is_none() {
            match self.front {
                Tab::Web => self.web.paste(text),
                Tab::Mail => return self.mail.paste(text, self.now),
                Tab::Ping | Tab::Wire => {}
            }
        }
        Vec::new()
    }
}
