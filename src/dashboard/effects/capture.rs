//! From the dashboard to the files of [`crate::net::recording`]: one recording at a time, whether a key began it or the command line.

use std::path::{Path, PathBuf};

use crate::dashboard::app::{Effect, Msg};
use crate::dashboard::capture::{Answer, CaptureFile, Kind};
use crate::net::completion;
use crate::net::recording::{Format, OpenError, Opened, Progress, Recording, Target};
use crate::trace::clock::Clock;
use crate::trace::recorder::{Item, Recorder};

/// How the files say that they were begun.
const COMMAND: &str = "sockscope";

/// What is captured, if anything.
pub struct Captures {
    recorder: Recorder,
    clock: Clock,
    /// Where a name without a folder belongs.
    folder: PathBuf,
    /// Open, and waiting for what was kept before.
    opened: Option<(Opened, PathBuf)>,
    recording: Option<Recording>,
}

impl Captures {
    pub fn new(recorder: Recorder, clock: Clock, folder: PathBuf) -> Self {
        Self {
            recorder,
            clock,
            folder,
            opened: None,
            recording: None,
        }
    }

    /// Begins files that were asked for before anything happened.
    ///
    /// # Errors
    ///
    /// One can't be begun.
    pub fn start(&mut self, targets: Vec<Target>) -> Result<(), OpenError> {
        // One at a time: the recorder tells one.
        self.recording = None;
        let recording = Recording::start(
            &self.recorder,
            targets,
            self.clock,
            COMMAND.to_owned(),
            Vec::new(),
        )?;
        self.recording = Some(recording);
        Ok(())
    }

    /// How far the files are, while there are any.
    pub fn progress(&self) -> Option<Vec<CaptureFile>> {
        let recording = self.recording.as_ref()?;
        Some(files(recording.progress()))
    }

    /// Carries out an effect that concerns captures; others are none of its business.
    pub fn perform(&mut self, effect: Effect) -> Option<Msg> {
        match effect {
            Effect::StartCapture { file, overwrite } => {
                Some(Msg::Capture(self.open(file, overwrite)))
            }
            Effect::BeginCapture(held) => self.begin(held).map(Msg::Capture),
            Effect::StopCapture => {
                // What was opened a moment ago holds what has happened since.
                if let Some((opened, _)) = self.opened.take() {
                    self.recording = opened.begin(Vec::new()).ok();
                }
                let ended = self.recording.take().map(Recording::stop);
                Some(Msg::Capture(Answer::Ended(files(
                    ended.unwrap_or_default(),
                ))))
            }
            Effect::Note { at, text } => {
                self.recorder.note(at, &text);
                None
            }
            _ => None,
        }
    }

    fn open(&mut self, file: PathBuf, overwrite: bool) -> Answer {
        let target = target(&self.folder, &file, overwrite);
        let path = target.path.clone();
        self.recording = None;
        let command = COMMAND.to_owned();
        match Recording::open(&self.recorder, vec![target], self.clock, command) {
            Ok(opened) => {
                self.opened = Some((opened, path));
                Answer::Opened
            }
            Err(OpenError::Exists(_)) => Answer::Exists(file),
            Err(error) => failed(&path, &error),
        }
    }

    fn begin(&mut self, held: Vec<Item>) -> Option<Answer> {
        let (opened, path) = self.opened.take()?;
        match opened.begin(held) {
            Ok(recording) => {
                self.recording = Some(recording);
                None
            }
            Err(error) => Some(failed(&path, &error)),
        }
    }
}

/// The file that somebody asks for; a name without a folder belongs into `folder`.
pub(super) fn target(folder: &Path, file: &Path, overwrite: bool) -> Target {
    let path = folder.join(completion::expanded(&file.to_string_lossy()));
    Target {
        format: Format::of(&path),
        path,
        overwrite,
    }
}

/// What is said when it can't be begun.
pub(super) fn failed(path: &Path, error: &OpenError) -> Answer {
    let error = match error {
        OpenError::Io { error, .. } => error.to_string(),
        OpenError::Exists(_) => error.to_string(),
    };
    Answer::Failed {
        file: path.to_owned(),
        error,
    }
}

/// How far files are.
pub(super) fn files(progress: Vec<Progress>) -> Vec<CaptureFile> {
    progress
        .into_iter()
        .map(|progress| CaptureFile {
            file: progress.path,
            kind: match progress.format {
                Format::Pcapng => Kind::Packets,
                Format::Jsonl => Kind::Entries,
            },
            written: progress.written,
            left_out: progress.left_out,
            error: progress.error,
        })
        .collect()
}

#[cfg(test)]
mod tests;
