//! A message on its way into the mailbox: in memory while it is small, in a file of `tmp` from then on, and in the mailbox only when all of it is
//! safely on disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::name::Unique;
use super::{Folder, Part, Place, Shared};
use crate::net::lock::lock;
use crate::net::os;
use crate::trace::mail::MessageId;

/// Bytes of a message that are held in memory before they are written to its file.
const HELD: usize = 256 * 1024;
/// Room for a message as most are.
const USUAL: usize = 8 * 1024;
/// Buffers of that size that are kept for the next messages.
const SPARE: usize = 16;

/// A message that is being received. Dropping it leaves nothing behind.
pub struct Incoming {
    shared: Arc<Shared>,
    unique: Unique,
    buffer: Vec<u8>,
    file: Option<File>,
    written: u64,
    reserved: u64,
    failed: Option<NotKept>,
}

/// A message that is in the mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub id: MessageId,
    /// As stored.
    pub bytes: u64,
    pub file: Option<PathBuf>,
}

/// Why a message is not in the mailbox.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    #[error("the mailbox is full")]
    Full,
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// What wrote it broke down.
    #[error("the message was lost on its way to the disk")]
    Lost,
}

impl Incoming {
    pub(super) fn new(shared: Arc<Shared>, unique: Unique) -> Self {
        let spare = lock(&shared.buffers).pop();
        Self {
            shared,
            unique,
            buffer: spare.unwrap_or_else(|| Vec::with_capacity(USUAL)),
            file: None,
            written: 0,
            reserved: 0,
            failed: None,
        }
    }

    /// The number that it will have.
    pub fn id(&self) -> MessageId {
        self.unique.id()
    }

    /// Where what comes next of it is appended; [`Incoming::received`] is to be called then.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Takes note of what was appended; tells whether it is time to [`spool`](Incoming::spool). Of a message that does not fit into the mailbox, no
    /// more is held.
    pub fn received(&mut self) -> bool {
        if self.failed.is_some() {
            self.buffer.clear();
            return false;
        }
        let length = self.written + self.buffer.len() as u64;
        let more = length - self.reserved;
        let before = self.shared.reserved.fetch_add(more, Ordering::Relaxed);
        self.reserved = length;
        let all = self.shared.figures.bytes.load(Ordering::Relaxed);
        if all.saturating_add(before + more) > self.shared.room.bytes {
            self.buffer = Vec::new();
            self.failed = Some(NotKept::Full);
        }
        self.shared.folder.is_some() && self.buffer.len() >= HELD
    }

    /// It must be kept and spooled where waiting for a disk holds up nobody.
    pub fn needs_disk(&self) -> bool {
        self.shared.folder.is_some() && self.failed.is_none()
    }

    /// Writes what is held in memory to the file. An error is told by [`keep`](Incoming::keep).
    pub fn spool(&mut self) {
        if let Err(error) = self.write_out() {
            self.buffer = Vec::new();
            self.failed = Some(error.into());
        }
    }

    fn write_out(&mut self) -> io::Result<()> {
        let Some(folder) = &self.shared.folder else {
            return Ok(());
        };
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                let mut options = OpenOptions::new();
                options.write(true).create_new(true);
                os::private(&mut options).open(folder.tmp(&self.unique.in_tmp()))?
            }
        };
        let result = file.write_all(&self.buffer);
        // Kept even then: it is there, and has to go.
        self.file = Some(file);
        result?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Puts it into the mailbox, synced. It is not there before, and not there at all after an error.
    ///
    /// # Errors
    /// When the mailbox is full, or the disk would not.
    pub fn keep(mut self) -> Result<Kept, NotKept> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        let shared = self.shared.clone();
        match &shared.folder {
            Some(folder) => {
                self.take_place()?;
                let kept = self.deliver(folder);
                shared.change(|index| {
                    index.coming -= 1;
                    let Ok((name, kept)) = &kept else {
                        return false;
                    };
                    let place = Place::File {
                        part: Part::New,
                        name: name.clone(),
                    };
                    index.insert(kept.id, place, kept.bytes);
                    true
                });
                kept.map(|(_, kept)| kept).map_err(NotKept::Disk)
            }
            None => self.keep_in_memory(),
        }
    }

    /// No more messages are being written at a time than there is room for.
    fn take_place(&self) -> Result<(), NotKept> {
        let mut index = lock(&self.shared.index);
        if index.held + index.coming >= self.shared.room.messages {
            return Err(NotKept::Full);
        }
        index.coming += 1;
        Ok(())
    }

    fn deliver(&mut self, folder: &Folder) -> io::Result<(Arc<str>, Kept)> {
        self.write_out()?;
        if let Some(file) = &self.file {
            file.sync_all()?;
        }
        let name = self.unique.in_new(self.written);
        let path = folder.path(Part::New, &name);
        fs::rename(folder.tmp(&self.unique.in_tmp()), &path)?;
        self.file = None;
        if let Err(error) = folder.sync() {
            // It may be there after a crash, or not: the client is told that it is not.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        let kept = Kept {
            id: self.id(),
            bytes: self.written,
            file: Some(path),
        };
        Ok((name.into(), kept))
    }

    fn keep_in_memory(&mut self) -> Result<Kept, NotKept> {
        let stored: Arc<[u8]> = self.buffer.as_slice().into();
        let (id, bytes) = (self.id(), stored.len() as u64);
        let room = self.shared.room;
        let mut is_kept = false;
        self.shared.change(|index| {
            is_kept = index.held < room.messages && index.bytes + bytes <= room.bytes;
            if is_kept {
                index.insert(id, Place::Memory(stored), bytes);
            }
            is_kept
        });
        if !is_kept {
            return Err(NotKept::Full);
        }
        Ok(Kept {
            id,
            bytes,
            file: None,
        })
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.shared
            .reserved
            .fetch_sub(self.reserved, Ordering::Relaxed);
        if self.buffer.capacity() == USUAL {
            let mut buffers = lock(&self.shared.buffers);
            if buffers.len() < SPARE {
                self.buffer.clear();
                buffers.push(std::mem::take(&mut self.buffer));
            }
        }
        if let (Some(folder), Some(file)) = (&self.shared.folder, self.file.take()) {
            // Some systems delete no open file.
            drop(file);
            // Nobody lists it; whoever looks for leftovers finds it later.
            let _ = fs::remove_file(folder.tmp(&self.unique.in_tmp()));
        }
    }
}
