//! The small files that were asked for lately, by the bytes of the path that asked for them, each with the files whose state decided the answer.
//!
//! The least recently used go first. Nothing is ever taken from here without having looked at the files within [`TRUSTED`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use lru::LruCache;

use super::{Content, Entity};
use crate::net::os::folder::Stamp;
use crate::proto::http::coding::Coding;

/// Answers kept.
const ENTRIES: usize = 256;

/// Bytes of content kept.
const BYTES: usize = 16 << 20;

/// The longest path that is remembered, in bytes.
const LONGEST_PATH: usize = 1024;

/// How long a look at the files is good for. A browser's reload takes longer, so a change is seen at once; and of 190 requests for a file in a
/// millisecond, only one pays for the look.
const TRUSTED: Duration = Duration::from_millis(1);

/// A file on which an answer depends, and how it was; `None` if it was not there.
#[derive(Debug)]
pub struct Watched {
    pub path: String,
    pub stamp: Option<Stamp>,
}

#[derive(Debug)]
struct Remembered {
    entity: Arc<Entity>,
    watched: Vec<Watched>,
    /// When they were looked at.
    looked: Instant,
}

impl Remembered {
    fn size(&self) -> usize {
        match &self.entity.content {
            Content::Memory(bytes) => bytes.len(),
            Content::Open(_) => 0,
        }
    }
}

/// Answers by path and codings.
#[derive(Debug)]
pub struct Cache {
    answers: LruCache<Box<[u8]>, Remembered>,
    /// Sum of their sizes.
    bytes: usize,
    /// The key that was built last.
    key: Vec<u8>,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            answers: LruCache::unbounded(),
            bytes: 0,
            key: Vec::new(),
        }
    }
}

/// The codings a client takes, in their order, as one byte. No byte of two codings is another's.
fn codings_byte(codings: &[Coding]) -> u8 {
    codings.iter().take(2).fold(0, |byte, coding| {
        byte * 3
            + match coding {
                Coding::Brotli => 1,
                Coding::Gzip => 2,
            }
    })
}

impl Cache {
    /// Builds the key in its buffer; `None` for a path that is too long to be remembered.
    fn set_key(&mut self, raw: &[u8], codings: &[Coding]) -> Option<()> {
        if raw.len() > LONGEST_PATH {
            return None;
        }
        self.key.clear();
        self.key.push(codings_byte(codings));
        self.key.extend_from_slice(raw);
        Some(())
    }

    /// The answer kept for these bytes, if the files are `still_the_same`.
    pub fn get(
        &mut self,
        raw: &[u8],
        codings: &[Coding],
        now: Instant,
        still_the_same: impl FnOnce(&[Watched]) -> bool,
    ) -> Option<Arc<Entity>> {
        self.set_key(raw, codings)?;
        let found = self.answers.get_mut(self.key.as_slice())?;
        if now.saturating_duration_since(found.looked) >= TRUSTED {
            if !still_the_same(&found.watched) {
                if let Some(gone) = self.answers.pop(self.key.as_slice()) {
                    self.bytes -= gone.size();
                }
                return None;
            }
            found.looked = now;
        }
        Some(Arc::clone(&found.entity))
    }

    /// Keeps an answer; the files were looked at `now`.
    pub fn insert(
        &mut self,
        raw: &[u8],
        codings: &[Coding],
        now: Instant,
        (entity, watched): (Arc<Entity>, Vec<Watched>),
    ) {
        if self.set_key(raw, codings).is_none() {
            return;
        }
        let remembered = Remembered {
            entity,
            watched,
            looked: now,
        };
        self.bytes += remembered.size();
        if let Some(earlier) = self.answers.put(self.key.as_slice().into(), remembered) {
            self.bytes -= earlier.size();
        }
        while self.answers.len() > ENTRIES || self.bytes > BYTES {
            let Some((_, gone)) = self.answers.pop_lru() else {
                break;
            };
            self.bytes -= gone.size();
        }
    }

    #[cfg(all(test, unix))]
    pub fn counts(&self) -> (usize, usize) {
        (self.answers.len(), self.bytes)
    }
}
