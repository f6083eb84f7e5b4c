//! Where what happens comes from: the labs, or a record of them.

use std::time::{Duration, Instant};

use super::replay::Replayer;
use super::{Labs, Shown};
use crate::dashboard::app::{Counters, Effect, Msg, Now};
use crate::dashboard::playback::Playback;
use crate::trace::clock::Clock;

/// What the dashboard watches.
pub enum Source {
    Labs(Box<Labs>),
    Replay(Box<Replayer>),
}

impl Source {
    /// The clock of what is watched.
    pub fn clock(&self) -> Clock {
        match self {
            Source::Labs(labs) => labs.clock,
            Source::Replay(replayer) => replayer.clock(),
        }
    }

    /// What time it is there, and here.
    pub fn now(&self) -> Now {
        let now = Instant::now();
        let here = self.clock().at(now);
        match self {
            Source::Labs(_) => Now::from(here),
            Source::Replay(replayer) => Now {
                there: replayer.position(now),
                here,
            },
        }
    }

    /// When it will be that time there; `None` while time stands still.
    pub fn instant(&self, there: Duration) -> Option<Instant> {
        match self {
            Source::Labs(labs) => Some(labs.clock.instant(there)),
            Source::Replay(replayer) => replayer.instant(there, Instant::now()),
        }
    }

    /// Where the record stands, if it is one.
    pub fn playback(&self) -> Option<Playback> {
        match self {
            Source::Labs(_) => None,
            Source::Replay(replayer) => Some(replayer.playback(Instant::now())),
        }
    }

    /// Waits until there is something to tell.
    pub async fn changed(&mut self) -> Option<Msg> {
        match self {
            Source::Labs(labs) => labs.changed().await,
            Source::Replay(replayer) => replayer.changed().await,
        }
    }

    /// What happened since the last call, in the order in which it is to be taken in.
    pub fn news(&mut self) -> Vec<Msg> {
        match self {
            Source::Labs(labs) => [labs.calls(), labs.events()]
                .into_iter()
                .flatten()
                .collect(),
            Source::Replay(replayer) => replayer.news(Instant::now()),
        }
    }

    /// Exact counters, those that cost something only if they are shown.
    pub fn counters(&self, shown: Shown) -> Counters {
        match self {
            Source::Labs(labs) => labs.counters(shown),
            Source::Replay(replayer) => replayer.counters(shown),
        }
    }

    /// Carries out an effect; some have an answer at once.
    pub fn perform(&mut self, effect: Effect) -> Option<Msg> {
        match self {
            Source::Labs(labs) => labs.perform(effect),
            Source::Replay(replayer) => replayer.perform(effect),
        }
    }

    /// Nothing more will be watched: what was being sent is cut short, and from then on among the figures.
    pub fn stop(&mut self) {
        match self {
            Source::Labs(labs) => labs.stop_web(),
            Source::Replay(_) => {}
        }
    }
}
