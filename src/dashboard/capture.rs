//! Captures and records as the dashboard sees them: asking for a file's name, saying how far it is, and what came of it.
//!
//! It stands apart because a capture belongs to no tab: it takes what all labs do, and whatever is in front says that it is running. It is begun in
//! two steps. First the file is opened and the labs tell it everything; then, as soon as the Wire tab has taken in all that happened before, what
//! the tab still keeps is put in front of that. So nothing is missing in between, and nothing is there twice.

use std::path::PathBuf;

use ratatui::text::Span;

use super::app::{App, Effect, Look, Purpose};
use crate::trace::escape::escape_hostile;

/// What a file consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A capture.
    Packets,
    /// A record.
    Entries,
}

/// A file that is being written, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureFile {
    pub file: PathBuf,
    pub kind: Kind,
    /// Packets or entries in it.
    pub written: u64,
    /// What happened faster than it could be written.
    pub left_out: u64,
    /// Why it was not written any further.
    pub error: Option<String>,
}

/// What came of asking for a capture, or for its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The file is open; what was kept before belongs in front.
    Opened,
    /// There is such a file already: asked for once more, it is overwritten.
    Exists(PathBuf),
    /// It can't be made.
    Failed {
        file: PathBuf,
        error: String,
    },
    Ended(Vec<CaptureFile>),
}

/// Whether something is captured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Capture {
    #[default]
    Off,
    /// The file is open, and what is kept is not handed over yet.
    Opened,
    /// How far each file was when it was last told.
    Running(Vec<CaptureFile>),
}

impl App {
    /// Asks for a file to capture to, or ends the capture that is running.
    pub(super) fn capture_asked(&mut self) -> Vec<Effect> {
        if self.capture != Capture::Off {
            return vec![Effect::StopCapture];
        }
        let name = format!("sockscope-{}.pcapng", self.clock.file_stamp(self.now));
        self.prompt(Purpose::CaptureFile, name);
        Vec::new()
    }

    pub(super) fn capture_answered(&mut self, answer: Answer) {
        match answer {
            Answer::Opened => self.capture = Capture::Opened,
            Answer::Exists(file) => {
                let name = file.to_string_lossy().into_owned();
                let exists = self
                    .words()
                    .fill("capture.exists", &[("file", &escape_hostile(&name))]);
                self.prompt(Purpose::OverwriteCapture, name);
                self.refuse_prompt(exists);
            }
            Answer::Failed { file, error } => self.say_failed(&file, &error),
            Answer::Ended(files) => {
                self.capture = Capture::Off;
                // What failed has been said already.
                let ended: Vec<String> = files
                    .iter()
                    .filter(|file| file.error.is_none())
                    .map(|file| self.ended(file))
                    .collect();
                if !ended.is_empty() {
                    self.notify("capture.ended", &ended.join("; "));
                }
            }
        }
    }

    /// Takes in how far the files are. It is told right after everything that had happened until then.
    pub(super) fn capture_counted(&mut self, files: Option<Vec<CaptureFile>>) -> Vec<Effect> {
        if self.capture == Capture::Opened {
            self.capture = Capture::Running(Vec::new());
            return vec![Effect::BeginCapture(self.wire.held())];
        }
        let Some(files) = files else {
            self.capture = Capture::Off;
            return Vec::new();
        };
        let before = match &self.capture {
            Capture::Running(before) => before.as_slice(),
            Capture::Off | Capture::Opened => &[],
        };
        let told = |file: &CaptureFile| {
            before
                .iter()
                .any(|before| before.file == file.file && before.error.is_some())
        };
        let failed: Vec<_> = files
            .iter()
            .filter(|file| !told(file))
            .filter_map(|file| Some((file.file.clone(), file.error.clone()?)))
            .collect();
        for (file, error) in &failed {
            self.say_failed(file, error);
        }
        let is_over = files.iter().all(|file| file.error.is_some());
        self.capture = Capture::Running(files);
        if is_over {
            vec![Effect::StopCapture]
        } else {
            Vec::new()
        }
    }

    fn say_failed(&mut self, file: &std::path::Path, error: &str) {
        let file = file.to_string_lossy();
        let text = self.words().fill(
            "capture.failed",
            &[
                ("file", &escape_hostile(file.as_bytes())),
                ("error", &escape_hostile(error)),
            ],
        );
        self.alert = Some(text);
    }

    /// A file that was ended, and what is in it.
    fn ended(&self, file: &CaptureFile) -> String {
        let words = self.words();
        let name = file.file.to_string_lossy();
        let key = match file.kind {
            Kind::Packets => "capture.packets",
            Kind::Entries => "capture.entries",
        };
        let mut text = words.fill(
            key,
            &[
                ("file", &escape_hostile(name.as_bytes())),
                ("count", &file.written),
            ],
        );
        if file.left_out > 0 {
            text += &words.fill("capture.left_out", &[("count", &file.left_out)]);
        }
        text
    }
}

/// That something is captured, and how much of it there is, for the bar above all tabs.
pub(super) fn status(app: &App, look: &Look) -> Option<Span<'static>> {
    let files = match &app.capture {
        Capture::Off => return None,
        Capture::Opened => &[],
        Capture::Running(files) => files.as_slice(),
    };
    let file = files
        .iter()
        .filter(|file| file.error.is_none())
        .min_by_key(|file| file.kind != Kind::Packets);
    let key = match file.map(|file| file.kind) {
        Some(Kind::Entries) => "capture.recording",
        _ => "capture.capturing",
    };
    let count = file.map_or(0, |file| file.written);
    let text = look.words.fill(key, &[("count", &count)]);
    let text = format!("{} {text}", look.signs.running());
    Some(Span::styled(text, look.theme.accent))
}

#[cfg(test)]
mod tests;
