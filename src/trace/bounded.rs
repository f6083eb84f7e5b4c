//! A bounded ring between a lab and whoever watches it, in which the lab never waits.
//!
//! The lab pushes; the watcher drains. When the ring is full, in number or in bytes, the newest are left out and counted, for a lab must never wait
//! for a screen or a disk. It stands apart because its guarantee has to hold for everything that leaves a lab: a push takes one short lock and no
//! system call unless the watcher was asleep.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Called when the ring turns from empty to not empty.
pub type Wake = dyn Fn() + Send + Sync;

/// What takes more room than its own size.
pub trait Weigh {
    /// Bytes that it holds outside of itself, roughly.
    fn weight(&self) -> usize;
}

/// Both ends of the ring; clones share it.
pub struct Bounded<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    ring: Mutex<Ring<T>>,
    /// Whether the last push found no room for more: a look at it needs no lock.
    is_full: AtomicBool,
    left_out: AtomicU64,
    capacity: usize,
    /// Most bytes that entries may hold together.
    bytes: usize,
    wake: Box<Wake>,
}

struct Ring<T> {
    entries: Vec<T>,
    bytes: usize,
}

impl<T> Clone for Bounded<T> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<T: Weigh> Bounded<T> {
    /// A ring that holds up to `capacity` entries of together at most `bytes`, and calls `wake` when there is something to drain.
    pub fn new(capacity: usize, bytes: usize, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::new(Shared {
                ring: Mutex::new(Ring {
                    entries: Vec::new(),
                    bytes: 0,
                }),
                is_full: AtomicBool::new(capacity == 0),
                left_out: AtomicU64::new(0),
                capacity,
                bytes,
                wake: Box::new(wake),
            }),
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring<T>> {
        // A thread that panicked while pushing left whole entries behind: the ring stays usable.
        self.shared
            .ring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is room for one more, as far as can be told without a lock.
    pub fn has_room(&self) -> bool {
        !self.shared.is_full.load(Ordering::Relaxed)
    }

    /// Counts entries that were never made because there was no room for them.
    pub fn leave_out(&self, count: u64) {
        self.shared.left_out.fetch_add(count, Ordering::Relaxed);
    }

    /// Hands over several entries under one lock; what finds no room is counted.
    pub fn push_all(&self, entries: impl IntoIterator<Item = T>) {
        let was_empty = {
            let mut ring = self.ring();
            let was_empty = ring.entries.is_empty();
            let mut left_out = 0;
            for entry in entries {
                let weight = entry.weight();
                let fits = ring.entries.len() < self.shared.capacity
                    && ring.bytes + weight <= self.shared.bytes;
                if fits {
                    ring.bytes += weight;
                    ring.entries.push(entry);
                } else {
                    left_out += 1;
                }
            }
            if left_out > 0 {
                self.leave_out(left_out);
            }
            // No entry is more than a small part of all bytes: where one finds no room, the next hardly will.
            let is_full = left_out > 0 || ring.entries.len() >= self.shared.capacity;
            self.shared.is_full.store(is_full, Ordering::Relaxed);
            was_empty && !ring.entries.is_empty()
        };
        if was_empty {
            (self.shared.wake)();
        }
    }

    /// Hands over what `wrap` makes of copies, which are made only as far as there may be room.
    pub fn push_copies<S: Clone>(&self, entries: &[S], wrap: impl Fn(S) -> T) {
        if self.has_room() {
            self.push_all(entries.iter().cloned().map(wrap));
        } else {
            self.leave_out(entries.len() as u64);
        }
    }

    /// Moves everything held to the end of `entries` and tells how many were left out since the last call. An empty `entries` changes places with
    /// what is held, so that a lab that pushes meanwhile does not wait until a flood is copied.
    pub fn drain(&self, entries: &mut Vec<T>) -> u64 {
        let mut ring = self.ring();
        self.shared
            .is_full
            .store(self.shared.capacity == 0, Ordering::Relaxed);
        ring.bytes = 0;
        if entries.is_empty() {
            std::mem::swap(entries, &mut ring.entries);
        } else {
            entries.append(&mut ring.entries);
        }
        self.shared.left_out.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stone(usize);

    impl Weigh for Stone {
        fn weight(&self) -> usize {
            self.0
        }
    }

    #[test]
    fn bytes_are_bounded_as_numbers_are() {
        let ring = Bounded::new(10, 100, || {});
        ring.push_all([Stone(60), Stone(60), Stone(40), Stone(1)]);
        let mut held = Vec::new();
        assert_eq!(ring.drain(&mut held), 2);
        assert_eq!(
            held.iter().map(Weigh::weight).collect::<Vec<_>>(),
            [60, 40],
            "a smaller one that still fits is kept"
        );
        held.clear();
        ring.push_all([Stone(100)]);
        assert!(ring.has_room(), "as far as is known");
        ring.push_all([Stone(1)]);
        assert!(!ring.has_room());
        assert_eq!((ring.drain(&mut held), held.len()), (1, 1));
        assert!(ring.has_room());
    }

    #[test]
    fn bounds_hold_and_nothing_is_lost_track_of_while_threads_push_and_one_drains() {
        const THREADS: usize = 4;
        const EACH: usize = 20_000;
        let (capacity, bytes) = (64, 1_000);
        let ring = Bounded::new(capacity, bytes, || {});
        let mut seen = 0;
        let mut drain = |held: &mut Vec<Stone>| {
            let left_out = ring.drain(held);
            assert!(held.len() <= capacity);
            assert!(held.iter().map(Weigh::weight).sum::<usize>() <= bytes);
            seen += held.len() as u64 + left_out;
            held.clear();
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let ring = &ring;
                    scope.spawn(move || {
                        for n in 0..EACH {
                            // As a lab does it: what has no room is counted and never made.
                            match ring.has_room() {
                                true => ring.push_all([Stone((n * 7 + thread) % 50)]),
                                false => ring.leave_out(1),
                            }
                        }
                    })
                })
                .collect();
            let mut held = Vec::new();
            while !threads.iter().all(|thread| thread.is_finished()) {
                drain(&mut held);
            }
            drain(&mut held);
        });
        assert_eq!(seen, (THREADS * EACH) as u64);
    }
}
