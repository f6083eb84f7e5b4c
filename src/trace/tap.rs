//! The tap: how events leave a lab without the lab ever waiting.
//!
//! A lab pushes into a bounded ring; whoever watches drains it. When the ring is full the newest events are left out and counted, for a lab must
//! never wait for a screen. It stands apart because its guarantee has to hold for every lab: a push takes one short lock and no system call
//! unless the watcher was asleep.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::event::Event;

/// Called when the ring turns from empty to not empty.
pub type Wake = dyn Fn() + Send + Sync;

/// The lab's end, and the watcher's: clones share one ring.
#[derive(Clone)]
pub struct Tap {
    shared: Arc<Shared>,
}

struct Shared {
    ring: Mutex<Ring>,
    /// Events held, as of the last push or drain: a look at it needs no lock.
    held: AtomicUsize,
    capacity: usize,
    wake: Box<Wake>,
}

#[derive(Default)]
struct Ring {
    events: Vec<Event>,
    left_out: u64,
}

impl Tap {
    /// A tap that holds up to `capacity` events and calls `wake` when there is something to drain.
    pub fn new(capacity: usize, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::new(Shared {
                ring: Mutex::default(),
                held: AtomicUsize::new(0),
                capacity,
                wake: Box::new(wake),
            }),
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // A thread that panicked while pushing left whole events behind: the ring stays usable.
        self.shared
            .ring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over one event, or counts it as left out.
    pub fn push(&self, event: Event) {
        self.push_all([event]);
    }

    /// Hands over an event that is made only if there is room for it.
    pub fn push_with(&self, make: impl FnOnce() -> Event) {
        if self.shared.held.load(Ordering::Relaxed) >= self.shared.capacity {
            self.ring().left_out += 1;
            return;
        }
        self.push(make());
    }

    /// Hands over several events under one lock.
    pub fn push_all(&self, events: impl IntoIterator<Item = Event>) {
        let was_empty = {
            let mut ring = self.ring();
            let was_empty = ring.events.is_empty();
            for event in events {
                if ring.events.len() < self.shared.capacity {
                    ring.events.push(event);
                } else {
                    ring.left_out += 1;
                }
            }
            self.shared.held.store(ring.events.len(), Ordering::Relaxed);
            was_empty && !ring.events.is_empty()
        };
        if was_empty {
            (self.shared.wake)();
        }
    }

    /// Moves everything held to the end of `events` and tells how many were left out since the last call. An empty `events` changes places with
    /// what is held, so that a lab that pushes meanwhile does not wait until a flood is copied.
    pub fn drain(&self, events: &mut Vec<Event>) -> u64 {
        let mut ring = self.ring();
        self.shared.held.store(0, Ordering::Relaxed);
        if events.is_empty() {
            std::mem::swap(events, &mut ring.events);
        } else {
            events.append(&mut ring.events);
        }
        std::mem::take(&mut ring.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::event::EchoEvent;

    fn event(n: u64) -> Event {
        Event::Echo(EchoEvent::Failed {
            error: n.to_string(),
        })
    }

    #[test]
    fn a_full_ring_keeps_the_oldest_and_counts_the_rest() {
        let tap = Tap::new(3, || {});
        tap.push_all((0..5).map(event));
        let mut seen = Vec::new();
        assert_eq!(tap.drain(&mut seen), 2);
        assert_eq!(seen, [event(0), event(1), event(2)]);
        assert_eq!(tap.drain(&mut seen), 0, "left-out events are told once");
        tap.push(event(9));
        seen.clear();
        tap.drain(&mut seen);
        assert_eq!(seen, [event(9)]);
    }

    #[test]
    fn an_event_without_room_is_not_made() {
        let tap = Tap::new(1, || {});
        tap.push_with(|| event(1));
        tap.push_with(|| unreachable!("there is no room"));
        let mut seen = Vec::new();
        assert_eq!(tap.drain(&mut seen), 1);
        assert_eq!(seen, [event(1)]);
    }

    #[test]
    fn the_watcher_is_woken_once_a_burst() {
        let wakes = Arc::new(AtomicUsize::new(0));
        let counter = wakes.clone();
        let tap = Tap::new(8, move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        tap.push_all([]);
        assert_eq!(
            wakes.load(Ordering::Relaxed),
            0,
            "nothing to drain, nobody woken"
        );
        tap.push(event(1));
        tap.push(event(2));
        assert_eq!(wakes.load(Ordering::Relaxed), 1);
        tap.drain(&mut Vec::new());
        tap.push(event(3));
        assert_eq!(wakes.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn pushes_from_many_threads_are_all_held_or_counted() {
        let tap = Tap::new(100, || {});
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|n| tap.push(event(n))));
            }
        });
        let mut seen = Vec::new();
        assert_eq!(tap.drain(&mut seen) + seen.len() as u64, 400);
        assert_eq!(seen.len(), 100);
    }
}
