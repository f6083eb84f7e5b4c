//! The mailbox: the messages that the lab's server took, in a Maildir or in memory.
//!
//! A Maildir needs no lock and no index on disk: a message is written to `tmp`, synced, renamed into `new`, and the folder is synced, before the
//! client hears `250` (RFC 5321 §6.1). Whoever kills the program at any moment finds every message that was answered, and no half of one. Other mail
//! programs may read and clear the folder meanwhile. What is kept in memory is an index of the newest messages, read when the mailbox is opened, on a
//! thread of its own, so that a full folder does not hold up the server.
//!
//! It stands apart from the server because a screen reads it from another thread while messages pour in: the server's path touches counters and one
//! short lock, and everything that reads files does so outside of that lock.

mod incoming;
mod list;
mod name;
mod scan;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

pub use self::incoming::{Incoming, Kept, NotKept};
use self::name::Unique;
use self::scan::LastLook;
use super::lock::lock;
use crate::proto::smtp::address::Envelope;
use crate::trace::mail::MessageId;

/// Messages that can be listed: the newest. Older ones are counted.
pub const LISTED: usize = 10_000;
/// Bytes of a message that are read to be shown. One with more can hardly be looked at anyway.
const LARGEST_READ: u64 = 256 << 20;

/// Where messages are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// A Maildir; it is made where it is missing.
    Folder(PathBuf),
    /// Nowhere: they are gone with the server.
    Memory,
}

/// What a mailbox takes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    pub messages: u64,
    pub bytes: u64,
}

/// A mailbox. Clones are the same mailbox.
#[derive(Clone)]
pub struct Mailbox {
    shared: Arc<Shared>,
}

struct Shared {
    folder: Option<Folder>,
    room: Room,
    index: Mutex<Index>,
    /// Copies of the index's figures, to be read without its lock.
    figures: Figures,
    /// For the next messages.
    buffers: Mutex<Vec<Vec<u8>>>,
    /// The number of this process.
    process: u32,
    /// Bytes of messages that are being received.
    reserved: AtomicU64,
    /// Microseconds since 1970 of the newest name that was given out.
    newest: AtomicU64,
    /// Held by whoever changes files that are listed already, or looks at all of them.
    files: Mutex<LastLook>,
}

/// A Maildir on disk.
struct Folder {
    root: PathBuf,
    /// `new`, open, to be synced.
    #[cfg(unix)]
    new: fs::File,
}

/// The folder of a Maildir that a message is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Delivered.
    New,
    /// Seen by a mail program.
    Cur,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::New => "new",
            Part::Cur => "cur",
        }
    }
}

impl Folder {
    /// Opens a Maildir, making what is missing of it.
    fn open(root: &Path) -> io::Result<Self> {
        for part in ["tmp", Part::New.name(), Part::Cur.name()] {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true);
            // What is in the mail is nobody else's business.
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(root.join(part))?;
        }
        Ok(Self {
            #[cfg(unix)]
            new: fs::File::open(root.join(Part::New.name()))?,
            root: root.to_owned(),
        })
    }

    fn path(&self, part: Part, name: &str) -> PathBuf {
        self.root.join(part.name()).join(name)
    }

    fn tmp(&self, name: &str) -> PathBuf {
        self.root.join("tmp").join(name)
    }

    /// Makes a rename into `new` last. Other systems than Unix offer no such thing to a program; there, the file system's journal has to do.
    fn sync(&self) -> io::Result<()> {
        #[cfg(unix)]
        self.new.sync_all()?;
        Ok(())
    }
}

#[derive(Default)]
struct Figures {
    held: AtomicU64,
    bytes: AtomicU64,
    generation: AtomicU64,
}

/// What is known of the messages.
#[derive(Default)]
struct Index {
    /// In a Maildir the newest [`LISTED`], in memory all of them.
    entries: BTreeMap<MessageId, Entry>,
    /// All messages, and their bytes.
    held: u64,
    bytes: u64,
    /// Messages whose place is taken while they are being written.
    coming: u64,
    generation: u64,
    /// How often the folder was looked through.
    looks: u64,
}

/// A message.
struct Entry {
    place: Place,
    bytes: u64,
    unread: bool,
    /// Read when it is first listed.
    summary: Option<Arc<Summary>>,
    /// How often the folder had been looked through when this became known.
    since: u64,
}

/// Where the bytes of a message are.
#[derive(Clone)]
enum Place {
    File { part: Part, name: Arc<str> },
    Memory(Arc<[u8]>),
}

/// What a list shows of a message.
struct Summary {
    envelope: Envelope,
    from: String,
    subject: String,
    attachments: usize,
}

impl Mailbox {
    /// Opens a mailbox. What is in a Maildir already is read in the background.
    ///
    /// # Errors
    /// The system's, when the folder cannot be made or read.
    pub fn open(store: &Store, room: Room) -> io::Result<Self> {
        let folder = match store {
            Store::Folder(root) => Some(Folder::open(root)?),
            Store::Memory => None,
        };
        let is_folder = folder.is_some();
        let mailbox = Self {
            shared: Arc::new(Shared {
                folder,
                room,
                index: Mutex::default(),
                figures: Figures::default(),
                buffers: Mutex::default(),
                process: std::process::id(),
                reserved: AtomicU64::new(0),
                newest: AtomicU64::new(0),
                files: Mutex::default(),
            }),
        };
        if is_folder {
            let shared = mailbox.shared.clone();
            std::thread::Builder::new()
                .name("mailbox".to_owned())
                .spawn(move || {
                    shared.remove_leftovers(SystemTime::now());
                    shared.look(&mut lock(&shared.files));
                })?;
        }
        Ok(mailbox)
    }

    /// The Maildir; `None` where messages are in memory.
    pub fn folder(&self) -> Option<&Path> {
        let folder = self.shared.folder.as_ref()?;
        Some(&folder.root)
    }

    /// Messages held.
    pub fn held(&self) -> u64 {
        self.shared.figures.held.load(Ordering::Relaxed)
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.shared.figures.bytes.load(Ordering::Relaxed)
    }

    /// Grows with every change.
    pub fn generation(&self) -> u64 {
        self.shared.figures.generation.load(Ordering::Relaxed)
    }

    /// Bytes that it still takes; 0 when it is full.
    pub fn room(&self) -> u64 {
        if self.held() >= self.shared.room.messages {
            return 0;
        }
        self.shared.room.bytes.saturating_sub(self.bytes())
    }

    /// Begins a message that was taken at this time. Nothing is written yet.
    pub fn begin(&self, taken: SystemTime) -> Incoming {
        Incoming::new(self.shared.clone(), self.shared.unique(taken))
    }

    /// A message as it is stored.
    ///
    /// # Errors
    /// `NotFound` when somebody has deleted it; otherwise the system's.
    pub fn read(&self, id: MessageId) -> io::Result<Arc<[u8]>> {
        let place = self.shared.place(id)?;
        match self.shared.read(&place, LARGEST_READ) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Another program may have moved it.
                self.shared.look(&mut lock(&self.shared.files));
                let place = self.shared.place(id)?;
                self.shared.read(&place, LARGEST_READ)
            }
            result => result,
        }
    }

    /// Somebody has opened it.
    ///
    /// # Errors
    /// `NotFound` when it is not there any more; otherwise the system's.
    pub fn mark_seen(&self, id: MessageId) -> io::Result<()> {
        let shared = &self.shared;
        let _files = lock(&shared.files);
        let mut place = shared.place(id)?;
        if let (Some(folder), Place::File { part, name }) = (&shared.folder, &mut place) {
            let seen = name::seen(name);
            fs::rename(folder.path(*part, name), folder.path(Part::Cur, &seen))?;
            (*part, *name) = (Part::Cur, seen.into());
        }
        shared.change(|index| {
            let Some(entry) = index.entries.get_mut(&id) else {
                return false;
            };
            entry.place = place;
            std::mem::replace(&mut entry.unread, false)
        });
        Ok(())
    }

    /// Deletes a message. One that is gone already is no error.
    ///
    /// # Errors
    /// The system's.
    pub fn delete(&self, id: MessageId) -> io::Result<()> {
        let shared = &self.shared;
        let mut last = lock(&shared.files);
        for try_again in [true, false] {
            let place = match shared.place(id) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                place => place?,
            };
            if let (Some(folder), Place::File { part, name }) = (&shared.folder, &place) {
                match fs::remove_file(folder.path(*part, name)) {
                    // Another program may have moved it.
                    Err(error) if error.kind() == ErrorKind::NotFound && try_again => {
                        shared.look(&mut last);
                        continue;
                    }
                    result => result?,
                }
            }
            break;
        }
        shared.change(|index| index.remove(id));
        Ok(())
    }
}

impl Index {
    /// Takes a message out; tells whether it was there.
    fn remove(&mut self, id: MessageId) -> bool {
        let Some(entry) = self.entries.remove(&id) else {
            return false;
        };
        self.held = self.held.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        true
    }

    /// Puts a message in. It may be there already, when the folder was looked through just now.
    fn insert(&mut self, id: MessageId, place: Place, bytes: u64) {
        self.remove(id);
        self.held += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        let is_file = matches!(place, Place::File { .. });
        let entry = Entry {
            place,
            bytes,
            unread: true,
            summary: None,
            since: self.looks,
        };
        self.entries.insert(id, entry);
        if is_file && self.entries.len() > LISTED {
            self.entries.pop_first();
        }
    }
}

impl Shared {
    /// Changes the index; `change` tells whether it did.
    fn change(&self, change: impl FnOnce(&mut Index) -> bool) {
        let mut index = lock(&self.index);
        if !change(&mut index) {
            return;
        }
        index.generation += 1;
        let figures = &self.figures;
        figures.held.store(index.held, Ordering::Relaxed);
        figures.bytes.store(index.bytes, Ordering::Relaxed);
        figures
            .generation
            .store(index.generation, Ordering::Relaxed);
    }

    /// A name that no other message has.
    fn unique(&self, taken: SystemTime) -> Unique {
        let now = name::microseconds(taken);
        let before = self
            .newest
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |newest| {
                Some(now.max(newest + 1))
            })
            .unwrap_or_else(|newest| newest);
        Unique::new(now.max(before + 1), self.process)
    }

    fn place(&self, id: MessageId) -> io::Result<Place> {
        let index = lock(&self.index);
        let entry = index.entries.get(&id).ok_or(ErrorKind::NotFound)?;
        Ok(entry.place.clone())
    }
}

#[cfg(test)]
mod tests;
