//! Files that the dashboard writes and looks for, on other threads: a slow disk holds up no key. What came of it comes back as a message.

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use crate::dashboard::app::Msg;
use crate::net::{completion, saved};

/// Does something that takes a while, and tells what came of it.
pub fn answer(answers: &mpsc::Sender<Msg>, work: impl FnOnce() -> Msg + Send + 'static) {
    let answers = answers.clone();
    tokio::task::spawn_blocking(move || {
        // If the dashboard has ended meanwhile, nobody wants to know.
        let _ = answers.blocking_send(work());
    });
}

/// Writes a new file into a folder.
pub fn save(answers: &mpsc::Sender<Msg>, folder: PathBuf, name: String, bytes: Vec<u8>) {
    answer(answers, move || {
        let saved = saved::save_new(&folder, &name, &bytes);
        Msg::Saved(saved.map_err(|error| of_file(&folder.join(name), &error)))
    });
}

/// Looks for paths that begin with a text.
pub fn complete(answers: &mpsc::Sender<Msg>, text: String) {
    answer(answers, move || Msg::Completed {
        paths: completion::complete(&text),
        text,
    });
}

/// What went wrong with which file.
pub fn of_file(file: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", file.display())
}
