//! The tap: how events leave a lab without the lab ever waiting.
//!
//! A lab pushes; whoever watches drains. It is a [`Bounded`] ring of the lab's events, with the [`Recorder`] beside it that takes the calls of the
//! lab's sockets: a lab is handed one thing to report to.

use super::bounded::{Bounded, Weigh};
use super::event::Event;
use super::recorder::{Item, Recorder};

/// The lab's end, and the watcher's: clones share one ring.
#[derive(Clone)]
pub struct Tap {
    ring: Bounded<Event>,
    recorder: Recorder,
}

impl Tap {
    /// A tap that holds up to `capacity` events and calls `wake` when there is something to drain.
    pub fn new(capacity: usize, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            // The events of each lab are bounded in themselves.
            ring: Bounded::new(capacity, usize::MAX, wake),
            recorder: Recorder::off(),
        }
    }

    /// The same tap, whose lab also tells the calls of its sockets.
    #[must_use]
    pub fn recording(self, recorder: Recorder) -> Self {
        Self { recorder, ..self }
    }

    /// Where the lab tells the calls of its sockets.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Hands over one event, or counts it as left out.
    pub fn push(&self, event: Event) {
        self.push_all([event]);
    }

    /// Hands over an event that is made only if there is room for it.
    pub fn push_with(&self, make: impl FnOnce() -> Event) {
        let file = self.recorder.file();
        if self.ring.has_room() || file.as_ref().is_some_and(Bounded::has_room) {
            self.push(make());
        } else {
            self.ring.leave_out(1);
            if let Some(file) = file {
                file.leave_out(1);
            }
        }
    }

    /// Hands over several events under one lock.
    pub fn push_all(&self, events: impl IntoIterator<Item = Event>) {
        match self.recorder.file() {
            None => self.ring.push_all(events),
            Some(file) => {
                let events: Vec<Event> = events.into_iter().collect();
                file.push_copies(&events, Item::Event);
                self.ring.push_all(events);
            }
        }
    }

    /// Moves everything held to the end of `events` and tells how many were left out since the last call.
    pub fn drain(&self, events: &mut Vec<Event>) -> u64 {
        self.ring.drain(events)
    }
}

impl Weigh for Event {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.kept_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use std::time::{Instant, SystemTime};

    use crate::trace::clock::Clock;
    use crate::trace::event::EchoEvent;
    use crate::trace::recorder::Secrets;

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
    fn an_event_without_room_in_tap_and_file_is_not_made_and_counted_by_both() {
        let clock = Clock::new(Instant::now(), SystemTime::now());
        let recorder = Recorder::new(clock, Secrets::Masked, None);
        let file = Bounded::new(2, usize::MAX, || {});
        recorder.set_file(Some((file.clone(), 0)));
        let tap = Tap::new(1, || {}).recording(recorder);
        tap.push_with(|| event(1));
        tap.push_with(|| event(2));
        tap.push_with(|| unreachable!("there is no room"));
        tap.push_all([event(4), event(5)]);
        let (mut seen, mut filed) = (Vec::new(), Vec::new());
        assert_eq!((tap.drain(&mut seen), file.drain(&mut filed)), (4, 3));
        assert_eq!(seen, [event(1)]);
        assert_eq!(filed, [event(1), event(2)].map(Item::Event));
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
