//! Looking through a Maildir: at its opening, and again when others may have changed it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime};

use super::{Entry, Folder, Index, LISTED, Part, Place, Shared, name};
use crate::net::lock::lock;
use crate::trace::mail::MessageId;

/// What was not delivered in this time never will be: whoever wrote it has ended. The convention of all Maildirs.
const LEFT_OVER: Duration = Duration::from_secs(36 * 60 * 60);
/// A folder is looked through once in this time at most.
const REST: Duration = Duration::from_secs(1);

/// When all of the folder was looked at last.
#[derive(Default)]
pub struct LastLook {
    at: Option<SystemTime>,
    /// When `new` and `cur` had been changed then.
    changed: Option<[SystemTime; 2]>,
}

/// All files that were found.
#[derive(Default)]
struct Findings {
    newest: BTreeMap<MessageId, Entry>,
    held: u64,
    bytes: u64,
}

impl Shared {
    /// Deletes messages that were being written when their writer ended.
    pub(super) fn remove_leftovers(&self, now: SystemTime) {
        let Some(folder) = &self.folder else { return };
        let Ok(entries) = fs::read_dir(folder.root.join("tmp")) else {
            return;
        };
        for entry in entries.flatten() {
            let is_old = entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|changed| now.duration_since(changed).is_ok_and(|age| age > LEFT_OVER));
            if is_old {
                // It does no harm where it is.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Looks through the folder if somebody may have changed it since the last look.
    pub(super) fn look_again(&self) {
        let Some(folder) = &self.folder else { return };
        let mut last = lock(&self.files);
        let now = SystemTime::now();
        let age = last.at.and_then(|at| now.duration_since(at).ok());
        if age.is_some_and(|age| age < REST) {
            return;
        }
        let changed = folder.changed();
        // A change in the very moment of the last look may bear the time that was seen then.
        let is_same = changed.is_some() && changed == last.changed;
        let is_settled = changed.zip(last.at).is_some_and(|(changed, at)| {
            changed
                .iter()
                .all(|&changed| at.duration_since(changed).is_ok_and(|rest| rest > REST))
        });
        if !(is_same && is_settled) {
            self.look(&mut last);
        }
    }

    /// Looks through the folder.
    pub(super) fn look(&self, last: &mut LastLook) {
        let Some(folder) = &self.folder else { return };
        last.at = Some(SystemTime::now());
        last.changed = folder.changed();
        let look = {
            let mut index = lock(&self.index);
            index.looks += 1;
            index.looks
        };
        let mut findings = Findings::default();
        for part in [Part::New, Part::Cur] {
            if findings.gather(folder, part, look).is_err() {
                // No descriptor left, perhaps: what cannot be seen now is there all the same.
                return;
            }
        }
        self.change(|index| index.take_over(findings, look));
    }
}

impl Index {
    /// Takes over what was found; tells whether that changes anything.
    fn take_over(&mut self, findings: Findings, look: u64) -> bool {
        let mut newest = findings.newest;
        let figures = (self.held, self.bytes);
        (self.held, self.bytes) = (findings.held, findings.bytes);
        let (mut known, mut changed) = (0, false);
        let mut late = Vec::new();
        for (id, entry) in std::mem::take(&mut self.entries) {
            match newest.get_mut(&id) {
                Some(found) => {
                    known += 1;
                    changed |= found.unread != entry.unread;
                    found.summary = entry.summary;
                }
                // It was delivered since the look began, and not seen.
                None if entry.since >= look => late.push((id, entry)),
                None => changed = true,
            }
        }
        changed |= known < newest.len();
        for (_, entry) in &late {
            self.held += 1;
            self.bytes = self.bytes.saturating_add(entry.bytes);
        }
        self.entries = newest;
        self.entries.extend(late);
        while self.entries.len() > LISTED {
            self.entries.pop_first();
        }
        changed || figures != (self.held, self.bytes)
    }
}

impl Folder {
    /// When a file was last put into or taken out of `new` and `cur`.
    fn changed(&self) -> Option<[SystemTime; 2]> {
        let changed = |part: Part| {
            let metadata = fs::metadata(self.root.join(part.name()));
            metadata.and_then(|metadata| metadata.modified()).ok()
        };
        Some([changed(Part::New)?, changed(Part::Cur)?])
    }
}

impl Findings {
    fn gather(&mut self, folder: &Folder, part: Part, look: u64) -> io::Result<()> {
        let entries = match fs::read_dir(folder.root.join(part.name())) {
            // A folder that is gone holds nothing.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries.flatten() {
            let file_name = entry.file_name();
            // Ours have no other bytes, and the convention keeps what begins with a dot out of sight.
            let Some(text) = file_name.to_str().filter(|text| !text.starts_with('.')) else {
                continue;
            };
            if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                continue;
            }
            let said = name::read(text);
            let bytes = match said.bytes {
                Some(bytes) => bytes,
                // It may have been moved in between.
                None => match entry.metadata() {
                    Ok(metadata) => metadata.len(),
                    Err(_) => continue,
                },
            };
            let found = Entry {
                place: Place::File {
                    part,
                    name: text.into(),
                },
                bytes,
                unread: part == Part::New || !said.seen,
                summary: None,
                since: look,
            };
            self.held += 1;
            self.bytes = self.bytes.saturating_add(bytes);
            if let Some(twin) = self.newest.insert(said.id, found) {
                // It was moved between the looks at the two folders.
                self.held -= 1;
                self.bytes = self.bytes.saturating_sub(twin.bytes);
            }
            if self.newest.len() > LISTED {
                self.newest.pop_first();
            }
        }
        Ok(())
    }
}
