//! What is played goes to files again, entry by entry, whether a key began that or the command line.
//!
//! It stands apart from the captures of the labs because here playing waits for the disk: what is played is in the files, all of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::dashboard::app::{Effect, Msg};
use crate::dashboard::capture::{Answer, CaptureFile};
use crate::dashboard::effects::capture::{failed, files, target};
use crate::net::recording::{DirectRecording, OpenError, Target};
use crate::trace::clock::Clock;
use crate::trace::record::{Entry, What};
use crate::words::Words;

/// How the files say that they were begun.
const COMMAND: &str = "sockscope replay";

/// What is written of what is played, if anything.
pub struct Filing {
    clock: Clock,
    /// Where a name without a folder belongs.
    folder: PathBuf,
    /// What is played: it must not be overwritten by itself.
    played: PathBuf,
    words: Words,
    state: State,
}

enum State {
    Off,
    /// Open. What is played meanwhile is among what is kept, and is handed over with that.
    Opened(DirectRecording),
    Running(DirectRecording),
}

impl Filing {
    pub fn new(clock: Clock, folder: PathBuf, played: PathBuf, words: Words) -> Self {
        Self {
            clock,
            folder,
            played,
            words,
            state: State::Off,
        }
    }

    /// Begins files before anything is played.
    ///
    /// # Errors
    ///
    /// One can't be begun.
    pub fn start(&mut self, targets: Vec<Target>) -> Result<(), OpenError> {
        self.state = State::Running(self.open(targets)?);
        Ok(())
    }

    fn open(&self, targets: Vec<Target>) -> Result<DirectRecording, OpenError> {
        if let Some(target) = targets.iter().find(|target| self.is_played(&target.path)) {
            return Err(OpenError::Io {
                path: target.path.clone(),
                error: std::io::Error::other(self.words.t("replay.is_played")),
            });
        }
        DirectRecording::start(targets, &self.clock, COMMAND)
    }

    fn is_played(&self, path: &Path) -> bool {
        let played = self.played.canonicalize();
        played.is_ok_and(|played| path.canonicalize().is_ok_and(|path| path == played))
    }

    /// Writes what is played.
    pub fn take(&mut self, entry: &Entry) {
        if let State::Running(recording) = &mut self.state {
            recording.write(entry);
        }
    }

    /// Playing makes a pause, until more becomes due.
    pub fn pause(&mut self) {
        if let State::Running(recording) = &mut self.state {
            recording.write_out();
        }
    }

    /// The record has ended.
    pub fn end(&mut self) {
        if let State::Running(recording) = &mut self.state {
            recording.write_all();
        }
    }

    /// How far the files are, while there are any.
    pub fn progress(&self) -> Option<Vec<CaptureFile>> {
        match &self.state {
            State::Running(recording) => Some(files(recording.progress())),
            State::Off | State::Opened(_) => None,
        }
    }

    /// Carries out an effect that concerns captures; others are none of its business.
    pub fn perform(&mut self, effect: Effect) -> Option<Msg> {
        match effect {
            Effect::StartCapture { file, overwrite } => {
                Some(Msg::Capture(self.asked(file, overwrite)))
            }
            Effect::BeginCapture(held) => {
                if let State::Opened(mut recording) = std::mem::replace(&mut self.state, State::Off)
                {
                    recording.write_held(held);
                    self.state = State::Running(recording);
                }
                None
            }
            Effect::StopCapture => {
                let ended = match std::mem::replace(&mut self.state, State::Off) {
                    State::Off => Vec::new(),
                    State::Opened(recording) | State::Running(recording) => recording.finish(),
                };
                Some(Msg::Capture(Answer::Ended(files(ended))))
            }
            Effect::Note { at, text } => {
                self.note(at, text);
                None
            }
            _ => None,
        }
    }

    fn note(&mut self, at: Duration, text: String) {
        self.take(&Entry {
            at,
            what: What::Note(text),
        });
        self.pause();
    }

    fn asked(&mut self, file: PathBuf, overwrite: bool) -> Answer {
        let target = target(&self.folder, &file, overwrite);
        let path = target.path.clone();
        match self.open(vec![target]) {
            Ok(recording) => {
                self.state = State::Opened(recording);
                Answer::Opened
            }
            Err(OpenError::Exists(_)) => Answer::Exists(file),
            Err(error) => failed(&path, &error),
        }
    }
}
