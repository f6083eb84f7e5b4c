//! Listing and searching a mailbox. It is done on the thread that asks: what a list shows of a message is read from the message when it is first
//! listed, and kept.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;

use super::{Entry, LISTED, Mailbox, Place, Shared, Summary, name};
use crate::net::lock::lock;
use crate::proto::smtp::address::Envelope;
use crate::trace::mail::{Listed, MessageId, Page};

/// Of a longer message, only the beginning is read for a list and a search.
const BEGINNING: u64 = 1 << 20;
/// Bytes of messages that one search reads. In older messages than these are found in, sender, recipients and subject are searched, and nothing else.
const SEARCHED: u64 = 64 << 20;

/// A message as the index knew it a moment ago.
struct Candidate {
    id: MessageId,
    place: Place,
    bytes: u64,
    unread: bool,
    summary: Option<Arc<Summary>>,
}

impl Candidate {
    fn of((&id, entry): (&MessageId, &Entry)) -> Self {
        Self {
            id,
            place: entry.place.clone(),
            bytes: entry.bytes,
            unread: entry.unread,
            summary: entry.summary.clone(),
        }
    }

    fn listed(&self, summary: &Summary) -> Listed {
        Listed {
            id: self.id,
            taken: name::taken(self.id),
            envelope: summary.envelope.clone(),
            from: summary.from.clone(),
            subject: summary.subject.clone(),
            bytes: self.bytes,
            attachments: summary.attachments,
            unread: self.unread,
        }
    }
}

impl Mailbox {
    /// The newest `most` of the newest [`LISTED`] messages that hold `search` in an address, the From, the subject or the text, in any case; all of
    /// them for an empty `search`. Messages that somebody else deleted are left out.
    pub fn list(&self, search: &str, most: usize) -> Page {
        let shared = &self.shared;
        shared.look_again();
        let needle = search.to_lowercase();
        let looked_at = match needle.is_empty() {
            true => most.min(LISTED),
            false => LISTED,
        };
        let (candidates, held, generation): (Vec<Candidate>, u64, u64) = {
            let index = lock(&shared.index);
            let newest = index.entries.iter().rev().take(looked_at);
            let newest = newest.map(Candidate::of).collect();
            (newest, index.held, index.generation)
        };
        let mut page = Page {
            search: search.to_owned(),
            matching: if needle.is_empty() { held } else { 0 },
            generation,
            ..Page::default()
        };
        let mut reader = Reader {
            shared,
            left: SEARCHED,
            learned: Vec::new(),
            gone: Vec::new(),
        };
        for candidate in &candidates {
            let Some(listed) = reader.listed(candidate, &needle) else {
                continue;
            };
            if !needle.is_empty() {
                page.matching += 1;
            }
            if page.listed.len() < most {
                page.listed.push(listed);
            }
        }
        reader.keep_what_was_learned();
        page
    }
}

/// Reads what is not known of messages yet.
struct Reader<'a> {
    shared: &'a Shared,
    /// Bytes that may still be searched.
    left: u64,
    learned: Vec<(MessageId, Arc<Summary>)>,
    gone: Vec<MessageId>,
}

impl Reader<'_> {
    /// The message's line, if it holds `needle`.
    fn listed(&mut self, candidate: &Candidate, needle: &str) -> Option<Listed> {
        let mut beginning = None;
        let summary = match &candidate.summary {
            Some(summary) => summary.clone(),
            None => {
                let bytes = self.beginning(candidate)?;
                let summary = Arc::new(Summary::of(&bytes));
                beginning = Some(bytes);
                self.learned.push((candidate.id, summary.clone()));
                summary
            }
        };
        let is_wanted = summary.holds(needle) || self.text_holds(candidate, beginning, needle);
        is_wanted.then(|| candidate.listed(&summary))
    }

    fn text_holds(
        &mut self,
        candidate: &Candidate,
        beginning: Option<Arc<[u8]>>,
        needle: &str,
    ) -> bool {
        let length = candidate.bytes.min(BEGINNING);
        let Some(left) = self.left.checked_sub(length) else {
            return false;
        };
        self.left = left;
        let bytes = beginning.or_else(|| self.beginning(candidate));
        bytes.is_some_and(|bytes| text(&bytes).to_lowercase().contains(needle))
    }

    /// The first bytes of a message; `None` when it is not there any more.
    fn beginning(&mut self, candidate: &Candidate) -> Option<Arc<[u8]>> {
        match self.shared.read(&candidate.place, BEGINNING) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.gone.push(candidate.id);
                None
            }
            // It is there, and says nothing.
            Err(_) => Some(Arc::default()),
        }
    }

    fn keep_what_was_learned(self) {
        let any_gone = !self.gone.is_empty();
        self.shared.change(|index| {
            for (id, summary) in self.learned {
                if let Some(entry) = index.entries.get_mut(&id) {
                    entry.summary = Some(summary);
                }
            }
            false
        });
        if any_gone {
            // Moved by another program, or deleted.
            self.shared.look(&mut lock(&self.shared.files));
        }
    }
}

impl Shared {
    /// The first `most` bytes of a message.
    pub(super) fn read(&self, place: &Place, most: u64) -> io::Result<Arc<[u8]>> {
        match (place, &self.folder) {
            (Place::Memory(bytes), _) => Ok(bytes.clone()),
            (Place::File { part, name }, Some(folder)) => {
                let file = File::open(folder.path(*part, name))?;
                let mut bytes = Vec::new();
                file.take(most).read_to_end(&mut bytes)?;
                Ok(bytes.into())
            }
            (Place::File { .. }, None) => Err(ErrorKind::NotFound.into()),
        }
    }
}

impl Summary {
    fn of(bytes: &[u8]) -> Self {
        // STAND-IN until message::read is there.
        let text = String::from_utf8_lossy(bytes);
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        Self {
            envelope: Envelope {
                from: None,
                to: Vec::new(),
            },
            from: field("From:"),
            subject: field("Subject:"),
            attachments: 0,
        }
    }

    /// Whether an address, the From or the subject holds this text, given in lower case.
    fn holds(&self, needle: &str) -> bool {
        let addresses = self.envelope.from.iter().chain(&self.envelope.to);
        addresses
            .map(|address| address.as_str())
            .chain([self.from.as_str(), self.subject.as_str()])
            .any(|text| text.to_lowercase().contains(needle))
    }
}

/// What a person would read of a message.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
