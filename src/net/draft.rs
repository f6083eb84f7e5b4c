//! The draft of a mail, kept in the state folder over crashes and restarts. What it says is the dashboard's affair; that it holds no password, too.
//!
//! It is written by a thread of its own, since a disk can take its time while somebody types; only the newest text matters.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use super::saved;

/// A draft longer than this was not written by us.
const LONGEST: u64 = 32 << 20;

/// Where a draft lies in a state folder.
pub fn file(folder: &Path) -> PathBuf {
    folder.join("draft.json")
}

/// The draft that was kept, if one was.
pub fn load(folder: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(file(folder))
        .ok()?
        .take(LONGEST)
        .read_to_string(&mut text)
        .ok()?;
    Some(text)
}

/// Keeps drafts. Dropping it waits until the last one is written.
pub struct Keeper {
    texts: Option<Sender<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Begins to keep drafts in that folder. `failed` is called when one can't be written, once until it works again.
    ///
    /// # Errors
    ///
    /// That of starting a thread.
    pub fn start(folder: &Path, failed: impl Fn(io::Error) + Send + 'static) -> io::Result<Self> {
        let file = file(folder);
        let (texts, waiting) = mpsc::channel::<String>();
        let thread = std::thread::Builder::new()
            .name("draft".to_owned())
            .spawn(move || {
                let mut is_failing = false;
                while let Ok(first) = waiting.recv() {
                    let newest = waiting.try_iter().last().unwrap_or(first);
                    let written = saved::replace(&file, newest.as_bytes());
                    match written {
                        Err(error) if !is_failing => {
                            is_failing = true;
                            failed(error);
                        }
                        Err(_) => {}
                        Ok(()) => is_failing = false,
                    }
                }
            })?;
        Ok(Self {
            texts: Some(texts),
            thread: Some(thread),
        })
    }

    /// Keeps this text in place of any before it.
    pub fn keep(&self, text: String) {
        if let Some(texts) = &self.texts {
            // The thread ends only when we do.
            let _ = texts.send(text);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.texts.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_draft_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load(folder.path()), None);
        let keeper = Keeper::start(folder.path(), |error| panic!("{error}")).unwrap();
        for text in ["one", "two", "第三"] {
            keeper.keep(text.to_owned());
        }
        drop(keeper);
        assert_eq!(load(folder.path()).as_deref(), Some("第三"));
    }

    #[test]
    fn a_draft_that_cannot_be_kept_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        std::fs::write(&taken, "a file, no folder").unwrap();
        let (failures, told) = mpsc::channel();
        let keeper = Keeper::start(&taken, move |error| {
            failures.send(error).unwrap();
        })
        .unwrap();
        keeper.keep("one".to_owned());
        assert!(told.recv().is_ok());
        keeper.keep("two".to_owned());
        drop(keeper);
        assert_eq!(told.iter().count(), 0);
    }
}
