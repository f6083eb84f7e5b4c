//! Listing and searching a mailbox. It is done on the thread that asks: what a list shows of a message is read from the message when it is first
//! listed, and kept.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::sync::Arc;

use super::{Entry, LISTED, Mailbox, Part, Place, Shared, Summary, name};
use crate::net::lock::lock;
use crate::proto::message::read::Letter;
use crate::proto::message::stamp;
use crate::proto::smtp::address::Envelope;
use crate::trace::mail::{Listed, MessageId, Page};

/// Of a message with more bytes, only the beginnings of its parts are looked at.
const WHOLE: u64 = 1 << 20;
/// Lines that are the beginning of a part.
const BEGINNING: usize = 200;
/// Bytes of a line that are looked at together.
const LINE: u64 = 4 * 1024;
/// Bytes read at once.
const BLOCK: usize = 64 * 1024;
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
            gone: false,
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
    /// A message was not there any more.
    gone: bool,
}

impl Reader<'_> {
    /// The message's line, if it holds `needle`.
    fn listed(&mut self, candidate: &Candidate, needle: &str) -> Option<Listed> {
        if let Some(summary) = &candidate.summary
            && summary.holds(needle)
        {
            return Some(candidate.listed(summary));
        }
        let may_search = self.left >= candidate.bytes.min(WHOLE);
        if candidate.summary.is_some() && !may_search {
            return None;
        }
        let bytes = self.look_into(candidate)?;
        let letter = Letter::read(&bytes);
        let is_in_text = !needle.is_empty() && may_search && {
            self.left -= candidate.bytes.min(WHOLE);
            text(&letter, &bytes).to_lowercase().contains(needle)
        };
        let summary = match &candidate.summary {
            Some(summary) => summary.clone(),
            None => Arc::new(Summary::of(letter, &bytes)),
        };
        let is_wanted = is_in_text || summary.holds(needle);
        let listed = is_wanted.then(|| candidate.listed(&summary));
        if candidate.summary.is_none() {
            self.learned.push((candidate.id, summary));
        }
        listed
    }

    /// A message, or what is looked at of a long one; `None` when it is not there any more.
    fn look_into(&mut self, candidate: &Candidate) -> Option<Arc<[u8]>> {
        let bytes = match (&candidate.place, candidate.bytes > WHOLE) {
            (place, false) => self.shared.read(place, WHOLE),
            (Place::Memory(bytes), true) => outline(&bytes[..]).map(Arc::from),
            (Place::File { part, name }, true) => {
                let file = self.shared.open(*part, name);
                file.and_then(outline).map(Arc::from)
            }
        };
        match bytes {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.gone = true;
                None
            }
            // It is there, and says nothing.
            Err(_) => Some(Arc::default()),
        }
    }

    fn keep_what_was_learned(self) {
        self.shared.change(|index| {
            for (id, summary) in self.learned {
                if let Some(entry) = index.entries.get_mut(&id) {
                    entry.summary = Some(summary);
                }
            }
            false
        });
        if self.gone {
            // Moved by another program, or deleted.
            self.shared.look(&mut lock(&self.shared.files));
        }
    }
}

impl Shared {
    /// The first `most` bytes of a message.
    pub(super) fn read(&self, place: &Place, most: u64) -> io::Result<Arc<[u8]>> {
        match place {
            Place::Memory(bytes) => Ok(bytes.clone()),
            Place::File { part, name } => {
                let mut bytes = Vec::new();
                self.open(*part, name)?.take(most).read_to_end(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }

    fn open(&self, part: Part, name: &str) -> io::Result<File> {
        let folder = self.folder.as_ref().ok_or(ErrorKind::NotFound)?;
        File::open(folder.path(part, name))
    }
}

impl Summary {
    fn of(letter: Letter, bytes: &[u8]) -> Self {
        let nobody = Envelope {
            from: None,
            to: Vec::new(),
        };
        Self {
            envelope: stamp::envelope(bytes).unwrap_or(nobody),
            attachments: letter.attachments().count(),
            from: letter.from,
            subject: letter.subject,
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
fn text(letter: &Letter, bytes: &[u8]) -> String {
    let part = letter.main_part();
    part.map(|part| letter.text(bytes, part).text)
        .unwrap_or_default()
}

/// The beginnings of a message's parts: enough to tell what they are, however long they are. What it lacks are lines; the order is kept.
fn outline(message: impl Read) -> io::Result<Vec<u8>> {
    let mut message = BufReader::with_capacity(BLOCK, message);
    let mut kept = Vec::new();
    let (mut lines, mut begins) = (0, true);
    loop {
        let start = kept.len();
        let length = message.by_ref().take(LINE).read_until(b'\n', &mut kept)?;
        if length == 0 || kept.len() as u64 > WHOLE {
            return Ok(kept);
        }
        // As every boundary does (RFC 2046 §5.1.1).
        if begins && kept[start..].starts_with(b"--") {
            lines = 0;
        }
        begins = kept.ends_with(b"\n");
        lines += 1;
        if lines > BEGINNING {
            kept.truncate(start);
        }
    }
}
