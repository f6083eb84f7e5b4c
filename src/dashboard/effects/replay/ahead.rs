//! Reading a record ahead of the place that is played, on a thread of its own: a file of ten gigabytes is played in a few megabytes, and a slow disk
//! holds up no key.

use std::collections::VecDeque;
use std::io;

use tokio::sync::mpsc;

use crate::trace::record::{Damage, Entry};

/// Entries that are handed over together.
const CHUNK: usize = 64;
/// Chunks that wait. An entry has at most the bytes of a call as files keep them, save for odd ones, so this is a few megabytes.
const CHUNKS: usize = 16;

/// A line of a record, or what is wrong with it.
pub type Read = Result<Entry, Damage>;

/// What is read of a record and not played yet.
pub struct Ahead {
    chunks: mpsc::Receiver<Vec<Read>>,
    here: VecDeque<Read>,
    /// Nothing more will come.
    ended: bool,
}

/// What is played next.
#[derive(Debug)]
pub enum Next<'a> {
    Line(&'a Read),
    /// It is still being read.
    Awaited,
    /// There is nothing more.
    End,
}

impl Ahead {
    /// Begins to read.
    ///
    /// # Errors
    ///
    /// The system's, when it gives no thread.
    pub fn start(mut entries: impl Iterator<Item = Read> + Send + 'static) -> io::Result<Self> {
        let (sender, chunks) = mpsc::channel(CHUNKS);
        std::thread::Builder::new()
            .name("record".to_owned())
            .spawn(move || {
                loop {
                    let chunk: Vec<Read> = entries.by_ref().take(CHUNK).collect();
                    // Nobody plays it any more, or this was all.
                    if chunk.is_empty() || sender.blocking_send(chunk).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self {
            chunks,
            here: VecDeque::new(),
            ended: false,
        })
    }

    /// What is played next, as far as it is known without waiting.
    pub fn next(&mut self) -> Next<'_> {
        while self.here.is_empty() && !self.ended {
            match self.chunks.try_recv() {
                Ok(chunk) => self.here.extend(chunk),
                Err(mpsc::error::TryRecvError::Empty) => return Next::Awaited,
                Err(mpsc::error::TryRecvError::Disconnected) => self.ended = true,
            }
        }
        self.here.front().map_or(Next::End, Next::Line)
    }

    /// Takes what is next.
    pub fn take(&mut self) -> Option<Read> {
        self.here.pop_front()
    }

    /// Waits until it is known what is next. Whoever stops waiting has missed nothing.
    pub async fn known(&mut self) {
        if self.here.is_empty() && !self.ended {
            match self.chunks.recv().await {
                Some(chunk) => self.here.extend(chunk),
                None => self.ended = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    use crate::trace::record::What;

    #[tokio::test]
    async fn only_so_much_is_read_ahead_and_nothing_is_lost() {
        let read = Arc::new(AtomicU64::new(0));
        let counter = read.clone();
        let entries = (0..10_000_u64).map(move |n| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(Entry {
                at: Duration::from_millis(n),
                what: What::LeftOut(n),
            })
        });
        let mut ahead = Ahead::start(entries).unwrap();
        let full = ((CHUNKS + 1) * CHUNK) as u64;
        let patience = Instant::now();
        while read.load(Ordering::Relaxed) < full && patience.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(read.load(Ordering::Relaxed), full);
        let mut seen = 0;
        loop {
            ahead.known().await;
            match ahead.next() {
                Next::End => break,
                Next::Awaited => {}
                Next::Line(line) => {
                    let Ok(entry) = line else { panic!("damaged") };
                    assert_eq!(entry.at, Duration::from_millis(seen));
                    seen += 1;
                    ahead.take();
                }
            }
        }
        assert_eq!(seen, 10_000);
    }
}
