//! The files that a command keeps of what its labs do: captures for Wireshark and records to be played again.
//!
//! It stands apart because every command that runs a lab opens them, tells of them and closes them in the same way.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

use super::output::{Format as Report, Output};
use crate::net::recording::{Format, OpenError, Progress, Recording, Target, is_stdout};
use crate::trace::clock::Clock;
use crate::trace::escape::escape_hostile;
use crate::trace::recorder::{Recorder, Secrets};
use crate::words::Words;

/// How soon it is told that a file cannot be written any more.
const LOOK: Duration = Duration::from_millis(100);

/// Which files are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    /// A file in the format pcapng.
    pub capture: Option<PathBuf>,
    /// A file of JSON lines.
    pub record: Option<PathBuf>,
    /// Replace what is there.
    pub overwrite: bool,
    pub secrets: Secrets,
}

impl Files {
    /// Whether any is asked for.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.capture.is_some() || self.record.is_some()
    }

    /// Whether one of them is standard output, as `-`: then nothing else may be printed there.
    #[must_use]
    pub fn take_stdout(&self) -> bool {
        let files = [&self.capture, &self.record];
        files.into_iter().flatten().any(|path| is_stdout(path))
    }

    fn targets(&self) -> Vec<Target> {
        let target = |format| {
            move |path: &PathBuf| Target {
                format,
                path: path.clone(),
                overwrite: self.overwrite,
            }
        };
        let capture = self.capture.iter().map(target(Format::Pcapng));
        let record = self.record.iter().map(target(Format::Jsonl));
        capture.chain(record).collect()
    }

    /// Opens the files with `open`, and asks about each that is there already.
    ///
    /// # Errors
    /// The last one of `open`.
    pub fn open<T>(
        &self,
        mut open: impl FnMut(Vec<Target>) -> Result<T, OpenError>,
        mut may_overwrite: impl FnMut(&Path) -> bool,
    ) -> Result<T, OpenError> {
        let mut targets = self.targets();
        loop {
            match open(targets.clone()) {
                Err(OpenError::Exists(path)) => {
                    // A file is asked about once.
                    let asked = targets
                        .iter_mut()
                        .find(|target| target.path == path && !target.overwrite);
                    match asked {
                        Some(target) if may_overwrite(&path) => target.overwrite = true,
                        _ => return Err(OpenError::Exists(path)),
                    }
                }
                opened => return opened,
            }
        }
    }
}

/// Why a file could not be opened, for whoever asked for it.
#[must_use]
pub fn refusal(error: &OpenError, words: Words) -> String {
    match error {
        OpenError::Exists(path) => words.fill("recording.exists", &[("path", &shown(path))]),
        OpenError::Io { path, error } => unwritable(path, error, words),
    }
}

/// Why a file cannot be written.
#[must_use]
pub fn unwritable(path: &Path, error: &io::Error, words: Words) -> String {
    let path = shown(path);
    match error.kind() {
        io::ErrorKind::IsADirectory => words.fill("recording.folder", &[("path", &path)]),
        _ => words.fill("ping.cannot_write", &[("path", &path), ("error", error)]),
    }
}

fn shown(path: &Path) -> String {
    escape_hostile(path.to_string_lossy().as_bytes()).into_owned()
}

/// The recorder of a command, and the files that it fills. Dropping it completes the files.
pub struct Session {
    recorder: Recorder,
    watch: Option<Watch>,
}

/// Looks after the files while the labs run.
struct Watch {
    /// Dropped to end it.
    end: Sender<()>,
    thread: JoinHandle<Vec<Progress>>,
}

impl Session {
    /// Opens the files that are asked for; without any the recorder is off. `complain` is told at once what goes wrong while they are written.
    ///
    /// # Errors
    /// Why a file could not be opened.
    pub fn start(
        files: &Files,
        command: &str,
        clock: Clock,
        may_overwrite: impl FnMut(&Path) -> bool,
        complain: impl FnMut(&Progress) + Send + 'static,
    ) -> Result<Self, OpenError> {
        let recorder = match (files.is_any(), files.secrets) {
            (false, Secrets::Masked) => Recorder::off(),
            // Without a file, too, it says that secrets are shown.
            _ => Recorder::new(clock, files.secrets, None),
        };
        if !files.is_any() {
            return Ok(Self {
                recorder,
                watch: None,
            });
        }
        let open =
            |targets| Recording::start(&recorder, targets, clock, command.to_owned(), Vec::new());
        let recording = files.open(open, may_overwrite)?;
        let watch = Watch::start(recording, complain).map_err(|error| OpenError::Io {
            path: files.targets().swap_remove(0).path,
            error,
        })?;
        Ok(Self {
            recorder,
            watch: Some(watch),
        })
    }

    /// For the taps of the labs.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Completes the files, when the labs have ended, and gives what is in them.
    #[must_use]
    pub fn finish(mut self) -> Vec<Progress> {
        self.watch.take().map_or_else(Vec::new, Watch::stop)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.watch.take().map(Watch::stop);
    }
}

impl Watch {
    fn start(
        recording: Recording,
        mut complain: impl FnMut(&Progress) + Send + 'static,
    ) -> io::Result<Self> {
        let (end, ended) = mpsc::channel::<()>();
        let watch = move || {
            let mut told: Vec<PathBuf> = Vec::new();
            let mut tell = |all: &[Progress]| {
                for progress in all {
                    if progress.error.is_some() && !told.contains(&progress.path) {
                        told.push(progress.path.clone());
                        complain(progress);
                    }
                }
            };
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                tell(&recording.progress());
            }
            let all = recording.stop();
            tell(&all);
            all
        };
        let thread = std::thread::Builder::new()
            .name("files".to_owned())
            .spawn(watch)?;
        Ok(Self { end, thread })
    }

    fn stop(self) -> Vec<Progress> {
        drop(self.end);
        // A panic in the thread has been reported by the panic hook.
        self.thread.join().unwrap_or_default()
    }
}

/// What went wrong with a file while it was written.
#[must_use]
pub fn failure(progress: &Progress, words: Words) -> Option<String> {
    let error = progress.error.as_ref()?;
    let path = shown(&progress.path);
    Some(words.fill("recording.failed", &[("path", &path), ("error", error)]))
}

/// What is in a file, for people.
#[must_use]
pub fn summary_line(progress: &Progress, words: Words) -> String {
    let key = match (progress.format, progress.written) {
        (Format::Pcapng, 1) => "recording.packet",
        (Format::Pcapng, _) => "recording.packets",
        (Format::Jsonl, 1) => "recording.entry",
        (Format::Jsonl, _) => "recording.entries",
    };
    let mut line = words.fill(
        key,
        &[
            ("path", &shown(&progress.path)),
            ("count", &progress.written),
            ("bytes", &progress.bytes),
        ],
    );
    let mut add = |part: Cow<str>| line.push_str(&part);
    if progress.left_out > 0 {
        let left_out = words.fill("recording.left_out", &[("count", &progress.left_out)]);
        add(left_out.into());
    }
    if progress.error.is_some() {
        add(words.t("recording.incomplete"));
    }
    line
}

/// A file in JSON. It stands after the summary: only when the labs have ended is it known what is in the files.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    path: Cow<'a, str>,
    format: &'static str,
    /// Packets of a capture, entries of a record.
    written: u64,
    bytes: u64,
    left_out: u64,
    error: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn of(progress: &'a Progress) -> Self {
        Self {
            event: "file",
            path: progress.path.to_string_lossy(),
            format: match progress.format {
                Format::Pcapng => "pcapng",
                Format::Jsonl => "jsonl",
            },
            written: progress.written,
            bytes: progress.bytes,
            left_out: progress.left_out,
            error: progress.error.as_deref(),
        }
    }
}

/// Tells what is in the files: people on `err`, programs on `out`.
///
/// # Errors
/// Those of writing.
pub fn tell(
    files: &[Progress],
    report: Report,
    words: Words,
    out: impl Write,
    mut err: impl Write,
) -> io::Result<()> {
    let mut output = Output::new(out);
    files.iter().try_for_each(|progress| match report {
        Report::Json => output.json(&Line::of(progress)),
        Report::Text => writeln!(err, "{}", summary_line(progress, words)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Lang;

    fn files(capture: Option<&Path>, record: Option<&Path>) -> Files {
        Files {
            capture: capture.map(Path::to_owned),
            record: record.map(Path::to_owned),
            ..Files::default()
        }
    }

    fn progress(format: Format, written: u64, left_out: u64, error: Option<&str>) -> Progress {
        Progress {
            path: PathBuf::from("a\u{1b}[2J"),
            format,
            written,
            bytes: 512,
            left_out,
            error: error.map(str::to_owned),
        }
    }

    #[test]
    fn each_file_that_is_there_is_asked_about_once() {
        let wanted = files(Some(Path::new("a")), Some(Path::new("b")));
        let mut asked = Vec::new();
        let opened = wanted.open(
            |targets| match targets.iter().find(|target| !target.overwrite) {
                Some(target) => Err(OpenError::Exists(target.path.clone())),
                None => Ok(targets.len()),
            },
            |path| {
                asked.push(path.to_owned());
                true
            },
        );
        assert!(matches!(opened, Ok(2)));
        assert_eq!(asked, [PathBuf::from("a"), PathBuf::from("b")]);

        let never = |_: Vec<Target>| Err::<(), _>(OpenError::Exists(PathBuf::from("a")));
        let mut times = 0;
        let refused = wanted.open(never, |_| {
            times += 1;
            true
        });
        assert!(matches!(refused, Err(OpenError::Exists(_))));
        assert_eq!(times, 1, "an answer holds");
        let refused = wanted.open(never, |_| false);
        assert!(matches!(refused, Err(OpenError::Exists(_))));
    }

    #[test]
    fn without_files_nothing_is_recorded() {
        let clock = Clock::new(std::time::Instant::now(), std::time::SystemTime::now());
        let none = files(None, None);
        let session = Session::start(&none, "", clock, |_| false, |_| {}).unwrap();
        assert!(!session.recorder().shows_secrets());
        assert_eq!(session.finish().len(), 0);
        let shown = Files {
            secrets: Secrets::Shown,
            ..none
        };
        let session = Session::start(&shown, "", clock, |_| false, |_| {}).unwrap();
        assert!(session.recorder().shows_secrets());
    }

    #[test]
    fn a_file_is_told_in_words_and_as_json() {
        let words = Words(Lang::En);
        let one = progress(Format::Pcapng, 1, 0, None);
        assert_eq!(summary_line(&one, words), r"a\x1b[2J: 1 packet, 512 bytes");
        assert_eq!(failure(&one, words), None);
        let bad = progress(Format::Jsonl, 7, 3, Some("disk full"));
        assert_eq!(
            summary_line(&bad, words),
            r"a\x1b[2J: 7 entries, 512 bytes, 3 left out, incomplete"
        );
        let said = failure(&bad, words).unwrap();
        assert!(
            said.contains("disk full") && said.contains(r"\x1b"),
            "{said}"
        );

        let (mut out, mut err) = (Vec::new(), Vec::new());
        tell(&[one, bad], Report::Json, words, &mut out, &mut err).unwrap();
        assert_eq!(err, b"");
        let lines: Vec<serde_json::Value> = String::from_utf8(out)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(
            lines[1],
            serde_json::json!({
                "event": "file", "path": "a\u{1b}[2J", "format": "jsonl", "written": 7, "bytes": 512, "left_out": 3,
                "error": "disk full",
            })
        );
        assert_eq!(lines[0]["error"], serde_json::Value::Null);
    }
}
