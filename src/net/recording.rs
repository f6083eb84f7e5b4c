//! Captures and records as they are written: a thread that takes what the labs tell the recorder and puts it into files.
//!
//! It stands apart so that no lab ever waits for a disk: between the two is a bounded ring, and what finds no room in it is counted and said. A file
//! that can't be written any further ends with its error; the labs and the other files go on.
//!
//! What was reported is in its file within some 25 ms (in a capture, which is in the order of times, 200 ms later), so a crash loses no
//! more than that.

mod direct;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use self::direct::DirectRecording;
use super::lock::lock;
use super::os;
use crate::trace::bounded::Bounded;
use crate::trace::clock::Clock;
use crate::trace::pcapng::{About, Capture};
use crate::trace::record::{Entry, Header, VERSION, What, Writer};
use crate::trace::recorder::{FILE_SNAPLEN, Item, Recorder};

/// Items that may wait for the disk, and the bytes that they may hold.
const RING: (usize, usize) = (65_536, 64 << 20);
/// How long items gather once there is one: woken for each, the thread would take a processor away from the labs.
const GATHER: Duration = Duration::from_millis(25);
/// How long a capture holds items back, so that those of all labs are written in the order of their times.
const HOLD_BACK: Duration = Duration::from_millis(200);

/// Bytes of a record that are handed to the system at once.
const AT_ONCE: u64 = 64 << 10;

/// What kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Packets, for Wireshark and its relatives.
    Pcapng,
    /// Everything that happened, for `sockscope replay`.
    Jsonl,
}

impl Format {
    /// The one that a file's name asks for: `.jsonl` is a record, everything else a capture.
    pub fn of(path: &Path) -> Self {
        let ending = path.extension().unwrap_or_default();
        if ending.eq_ignore_ascii_case("jsonl") {
            Format::Jsonl
        } else {
            Format::Pcapng
        }
    }
}

/// A file that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub format: Format,
    pub path: PathBuf,
    /// Whether a file of that name may go.
    pub overwrite: bool,
}

/// Why a file could not be begun.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    #[error("cannot write {}: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
}

impl OpenError {
    /// What is wrong with a file that could not be made.
    fn of(path: PathBuf, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AlreadyExists => OpenError::Exists(path),
            _ => OpenError::Io { path, error },
        }
    }
}

/// How far a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub path: PathBuf,
    pub format: Format,
    /// Packets of a capture, entries of a record.
    pub written: u64,
    pub bytes: u64,
    /// Items that came faster than they could be written.
    pub left_out: u64,
    /// Why it was not written any further, in the system's words.
    pub error: Option<String>,
}

/// Files that are open and a ring that fills, before anything is written.
pub struct Opened {
    recorder: Recorder,
    clock: Clock,
    ring: Bounded<Item>,
    waker: SyncSender<()>,
    woken: Receiver<()>,
    outlets: Vec<Outlet>,
}

/// Files that are being written. Dropped, it ends as [`Recording::stop`] does.
pub struct Recording {
    recorder: Recorder,
    shared: Arc<Shared>,
    waker: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    stopping: AtomicBool,
    progress: Mutex<Vec<Progress>>,
}

impl Recording {
    /// Writes `held` and from now on what the recorder is told, until it is stopped. `command` is how this program was called; no secret may stand
    /// in it. What the labs tell between the making of `held` and this call is in neither; where that matters, see [`Recording::open`].
    ///
    /// # Errors
    ///
    /// A file exists and is not to be overwritten, or can't be made. Then none is begun.
    pub fn start(
        recorder: &Recorder,
        targets: Vec<Target>,
        clock: Clock,
        command: String,
        held: Vec<Item>,
    ) -> Result<Self, OpenError> {
        Self::open(recorder, targets, clock, command)?.begin(held)
    }

    /// Opens the files, and lets the recorder tell what happens from now on.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn open(
        recorder: &Recorder,
        targets: Vec<Target>,
        clock: Clock,
        command: String,
    ) -> Result<Opened, OpenError> {
        let outlets = Outlet::open_all(targets, &clock, &command)?;
        let (waker, woken) = sync_channel(1);
        let wake = waker.clone();
        let ring = Bounded::new(RING.0, RING.1, move || {
            // If there is no room, it is woken already.
            let _ = wake.try_send(());
        });
        recorder.set_file(Some((ring.clone(), FILE_SNAPLEN)));
        Ok(Opened {
            recorder: recorder.clone(),
            clock,
            ring,
            waker,
            woken,
            outlets,
        })
    }

    /// How far the files are.
    pub fn progress(&self) -> Vec<Progress> {
        lock(&self.shared.progress).clone()
    }

    /// Writes what is left and ends the files.
    pub fn stop(mut self) -> Vec<Progress> {
        self.end();
        self.progress()
    }

    fn end(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.recorder.set_file(None);
            self.shared.stopping.store(true, Ordering::Release);
            let _ = self.waker.try_send(());
            // It ends by itself; a panic in it has been told by now.
            let _ = thread.join();
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.end();
    }
}

impl Opened {
    /// Writes `held`, which was made after this was opened, then what was told since and will be told. What is in both is written once.
    ///
    /// # Errors
    ///
    /// There can't be a thread for it.
    pub fn begin(self, mut held: Vec<Item>) -> Result<Recording, OpenError> {
        let mut live = Vec::new();
        let left_out = self.ring.drain(&mut live);
        leave_out_doubles(&mut held, &live);
        let shared = Arc::new(Shared {
            stopping: AtomicBool::new(false),
            progress: Mutex::new(self.outlets.iter().map(Outlet::progress).collect()),
        });
        let path = self.outlets.first().map(|outlet| outlet.path.clone());
        let mut work = Work {
            recorder: self.recorder.clone(),
            clock: self.clock,
            ring: self.ring,
            woken: self.woken,
            outlets: self.outlets,
            shared: shared.clone(),
        };
        let thread = thread::Builder::new()
            .name("recording".to_owned())
            .spawn(move || {
                work.write(&mut held, 0);
                work.write(&mut live, left_out);
                work.run();
            });
        match thread {
            Ok(thread) => Ok(Recording {
                recorder: self.recorder,
                shared,
                waker: self.waker,
                thread: Some(thread),
            }),
            Err(error) => {
                self.recorder.set_file(None);
                Err(OpenError::Io {
                    path: path.unwrap_or_default(),
                    error,
                })
            }
        }
    }
}

/// Drops from the end of `held` what is in `live`, too. Both are in the order of reports, so only what is no older than the first of `live` is
/// compared.
fn leave_out_doubles(held: &mut Vec<Item>, live: &[Item]) {
    let Some(first) = live.iter().filter_map(Item::at).min() else {
        held.retain(|item| !live.contains(item));
        return;
    };
    held.retain(|item| item.at().is_some_and(|at| at < first) || !live.contains(item));
}

/// The entries of items, the last of which happened at `now` if it has no time of its own.
fn entries(items: impl DoubleEndedIterator<Item = Item>, now: Duration) -> Vec<Entry> {
    // What has none happened about when the next thing did.
    let mut next = now;
    let entries = items.rev().map(|item| {
        let entry = Entry::of(item, next);
        next = entry.at;
        entry
    });
    let mut entries: Vec<Entry> = entries.collect();
    entries.reverse();
    entries
}

/// What the thread holds.
struct Work {
    recorder: Recorder,
    clock: Clock,
    ring: Bounded<Item>,
    woken: Receiver<()>,
    outlets: Vec<Outlet>,
    shared: Arc<Shared>,
}

impl Work {
    fn run(&mut self) {
        // It changes places with what the labs have filled, so that theirs need not grow again.
        let mut items = Vec::new();
        loop {
            // What was told before the stop is in the ring by then.
            let stopping = self.shared.stopping.load(Ordering::Acquire);
            let left_out = self.ring.drain(&mut items);
            let is_quiet = items.is_empty() && left_out == 0;
            self.write(&mut items, left_out);
            if stopping {
                break;
            }
            if self.outlets.iter().all(|outlet| outlet.sink.is_none()) {
                // Nothing can be written any more: the labs need not tell.
                self.recorder.set_file(None);
                break;
            }
            // Once everything that was held back is written, nothing is due before something happens.
            let due = if is_quiet { Duration::MAX } else { HOLD_BACK };
            if self.woken.recv_timeout(due).is_ok() {
                thread::sleep(GATHER);
            }
        }
        for outlet in &mut self.outlets {
            outlet.finish();
        }
        self.tell();
    }

    fn now(&self) -> Duration {
        self.clock.at(Instant::now())
    }

    /// Writes what is due and leaves `items` empty.
    fn write(&mut self, items: &mut Vec<Item>, left_out: u64) {
        let now = self.now();
        for outlet in &mut self.outlets {
            outlet.take(items);
        }
        let mut entries = if self.outlets.iter().any(Outlet::takes_entries) {
            entries(items.drain(..), now)
        } else {
            items.clear();
            Vec::new()
        };
        if self.recorder.shows_secrets() {
            entries.iter_mut().for_each(Entry::reveal);
        }
        if left_out > 0 {
            entries.push(Entry {
                at: now,
                what: What::LeftOut(left_out),
            });
        }
        for outlet in &mut self.outlets {
            outlet.write(&entries, left_out, now);
        }
        self.tell();
    }

    fn tell(&self) {
        *lock(&self.shared.progress) = self.outlets.iter().map(Outlet::progress).collect();
    }
}

/// One file.
struct Outlet {
    path: PathBuf,
    format: Format,
    /// `None` once it has ended, well or not.
    sink: Option<Sink>,
    out: Out,
    /// There was no such file before.
    is_new: bool,
    written: u64,
    /// What of it had been handed to the system when that last went well.
    whole: u64,
    left_out: u64,
    error: Option<String>,
}

enum Sink {
    Pcapng(Box<Capture<Out>>),
    Jsonl(Writer<Out>),
}

impl Outlet {
    /// All of them or none.
    fn open_all(
        targets: Vec<Target>,
        clock: &Clock,
        command: &str,
    ) -> Result<Vec<Self>, OpenError> {
        let mut outlets: Vec<Self> = Vec::new();
        for target in targets {
            match Self::open(target, clock, command) {
                Ok(outlet) => outlets.push(outlet),
                Err(error) => {
                    outlets.into_iter().for_each(Self::undo);
                    return Err(error);
                }
            }
        }
        Ok(outlets)
    }

    fn open(target: Target, clock: &Clock, command: &str) -> Result<Self, OpenError> {
        let Target {
            format,
            path,
            overwrite,
        } = target;
        let failed = |error| OpenError::of(path.clone(), error);
        let is_new = !is_stdout(&path) && fs::metadata(&path).is_err();
        let out = Out::new(Destination::open(&path, overwrite).map_err(failed)?);
        let program = concat!("sockscope ", env!("CARGO_PKG_VERSION")).to_owned();
        let command = command.to_owned();
        let sink = match format {
            Format::Pcapng => Capture::new(out.clone(), *clock, &About { program, command })
                .map(|capture| Sink::Pcapng(Box::new(capture))),
            Format::Jsonl => {
                let header = Header {
                    version: VERSION,
                    program,
                    command,
                    started: clock.wall(Duration::ZERO),
                };
                Writer::new(out.clone(), &header).map(Sink::Jsonl)
            }
        };
        let sink = sink.and_then(|sink| out.flushed().map(|()| sink));
        match sink {
            Ok(sink) => Ok(Self {
                path,
                format,
                sink: Some(sink),
                out,
                is_new,
                written: 0,
                whole: 0,
                left_out: 0,
                error: None,
            }),
            Err(error) => {
                if is_new {
                    let _ = fs::remove_file(&path);
                }
                Err(failed(error))
            }
        }
    }

    /// Takes back the file that was made.
    fn undo(self) {
        if self.is_new {
            let _ = fs::remove_file(&self.path);
        }
    }

    fn progress(&self) -> Progress {
        Progress {
            path: self.path.clone(),
            format: self.format,
            written: self.written,
            bytes: self.out.bytes(),
            left_out: self.left_out,
            error: self.error.clone(),
        }
    }

    /// Whether it writes entries; a capture takes items as they are.
    fn takes_entries(&self) -> bool {
        matches!(self.sink, Some(Sink::Jsonl(_)))
    }

    /// A capture takes items as they are.
    fn take(&mut self, items: &[Item]) {
        if let Some(Sink::Pcapng(capture)) = &mut self.sink {
            for item in items {
                capture.take(item);
            }
        }
    }

    /// Writes what is due.
    fn write(&mut self, entries: &[Entry], left_out: u64, now: Duration) {
        match &mut self.sink {
            None => return,
            Some(Sink::Pcapng(capture)) => capture.left_out(left_out),
            Some(Sink::Jsonl(_)) => entries.iter().for_each(|entry| self.add_line(entry)),
        }
        self.left_out += left_out;
        self.write_until(now.saturating_sub(HOLD_BACK));
    }

    /// Takes an entry of another record: as its line, or to become packets.
    fn add(&mut self, entry: &Entry) {
        match &mut self.sink {
            None => {}
            Some(Sink::Pcapng(capture)) => {
                if let What::LeftOut(count) = entry.what {
                    capture.left_out(count);
                } else if let Some(item) = entry.item() {
                    capture.take(&item);
                }
            }
            Some(Sink::Jsonl(_)) => self.add_line(entry),
        }
    }

    fn add_line(&mut self, entry: &Entry) {
        if let Some(Sink::Jsonl(writer)) = &mut self.sink {
            match writer.write(entry) {
                Ok(()) => {
                    self.written += 1;
                    // No more than this is lost when the disk is full.
                    if self.out.waiting() >= AT_ONCE {
                        self.check(Ok(()));
                    }
                }
                Err(error) => self.fail(&error),
            }
        }
    }

    /// Hands what was added to the system, in a capture what is older than `due`.
    fn write_until(&mut self, due: Duration) {
        let written = match &mut self.sink {
            None => return,
            Some(Sink::Pcapng(capture)) => {
                let written = capture.write_until(due);
                self.written = capture.packets();
                written
            }
            Some(Sink::Jsonl(_)) => Ok(()),
        };
        self.check(written);
    }

    fn finish(&mut self) {
        let finished = match self.sink.take() {
            None => return,
            Some(Sink::Pcapng(mut capture)) => {
                let written = capture.write_until(Duration::MAX);
                self.written = capture.packets();
                written.and_then(|()| capture.finish().map(drop))
            }
            Some(Sink::Jsonl(_)) => Ok(()),
        };
        self.check(finished);
    }

    /// Hands what was written to the system; at the first error the file ends.
    fn check(&mut self, written: io::Result<()>) {
        match written.and_then(|()| self.out.flushed()) {
            Ok(()) => self.whole = self.written,
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &io::Error) {
        self.error = Some(error.to_string());
        if self.format == Format::Jsonl {
            // A capture counts by itself what is in the file.
            self.written = self.whole;
        }
        self.sink = None;
        self.out.give_up();
    }
}

/// Whether a file's name, `-`, stands for standard output.
pub fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Where bytes go in the end.
enum Destination {
    Stdout(io::Stdout),
    File(File),
}

impl Destination {
    /// Opens what the path stands for; a file is made, and private to the user.
    fn open(path: &Path, overwrite: bool) -> io::Result<Self> {
        Ok(match is_stdout(path) {
            true => Self::Stdout(io::stdout()),
            false => Self::File(create_file(path, overwrite)?),
        })
    }

    /// Cuts a file back to so many bytes. What went into a pipe or a device is gone.
    fn cut(&self, bytes: u64) -> bool {
        match self {
            Self::File(file) => {
                let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
                is_file && file.set_len(bytes).is_ok()
            }
            Self::Stdout(_) => false,
        }
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::File(file) => file.flush(),
        }
    }
}

/// Makes the file, private to the user. A pipe or a device holds nothing that could be overwritten.
fn create_file(path: &Path, overwrite: bool) -> io::Result<File> {
    let kind = fs::metadata(path).map(|metadata| metadata.file_type());
    match kind {
        // Otherwise it would be said to exist, as if it could be overwritten.
        Ok(kind) if kind.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(kind) if !kind.is_file() => return OpenOptions::new().write(true).open(path),
        _ => {}
    }
    if overwrite && fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        // A new file in its place belongs to the user alone, whoever could read the old one.
        fs::remove_file(path)?;
    }
    let mut options = OpenOptions::new();
    options.write(true);
    if overwrite {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    os::private(&mut options).open(path)
}

/// Where a file's bytes go. A sink holds one end of it, the thread the other, which flushes and counts.
#[derive(Clone)]
struct Out(Arc<Mutex<Buffered>>);

struct Buffered {
    /// `None` when no more is to be written.
    file: Option<BufWriter<Destination>>,
    bytes: u64,
    /// The bytes of them that were handed to the system. A sink flushes only between two blocks or lines, so they end with a whole one.
    whole: u64,
}

impl Out {
    fn new(destination: Destination) -> Self {
        Self(Arc::new(Mutex::new(Buffered {
            file: Some(BufWriter::new(destination)),
            bytes: 0,
            whole: 0,
        })))
    }

    fn bytes(&self) -> u64 {
        lock(&self.0).bytes
    }

    /// Bytes that were not handed to the system yet, or not surely.
    fn waiting(&self) -> u64 {
        let buffered = lock(&self.0);
        buffered.bytes - buffered.whole
    }

    fn flushed(&self) -> io::Result<()> {
        let mut buffered = lock(&self.0);
        if let Some(file) = &mut buffered.file {
            file.flush()?;
            buffered.whole = buffered.bytes;
        }
        Ok(())
    }

    /// Throws away what could not be written; without this it would be tried once more. What the system took of it goes, too, for a reader would
    /// stumble over half a block.
    fn give_up(&self) {
        let mut buffered = lock(&self.0);
        if let Some(file) = buffered.file.take() {
            let (destination, _) = file.into_parts();
            if destination.cut(buffered.whole) {
                buffered.bytes = buffered.whole;
            }
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffered = lock(&self.0);
        let Some(file) = &mut buffered.file else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let count = file.write(bytes)?;
        buffered.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushed()
    }
}
