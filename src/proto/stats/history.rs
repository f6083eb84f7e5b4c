//! What became of the newest pings, in order of sequence. Figures that need neighbours (runs, IPDV,
//! loss of late) are read from here; apart from the counters because it is the only part with a bound
//! on how far back it can see, and with a cache.

use std::collections::VecDeque;
use std::time::Duration;

use super::Window;
use super::runs::{LossRuns, Runs};

/// How many of the newest pings are remembered one by one.
pub const REMEMBERED_PINGS: usize = 65_536;

/// Pings this far behind the newest rarely change any more, so their runs are kept added up.
const SETTLE_DISTANCE: u64 = 1024;

/// How many pings are added up for each new one; more than one, so that a cache thrown away by a very
/// late reply catches up.
const SETTLE_STEPS: usize = 64;

/// What became of one ping. Whether an answer was late matters to the counters only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    InFlight,
    Answered(Duration),
    Lost,
    Refused,
}

impl Fate {
    /// Whether the ping went without an answer; `None` while that is open.
    fn is_loss(self) -> Option<bool> {
        match self {
            Fate::InFlight => None,
            Fate::Answered(_) => Some(false),
            Fate::Lost | Fate::Refused => Some(true),
        }
    }
}

/// Where a sequence number stands.
enum Place {
    NeverSent,
    /// Forgotten one by one; only counted.
    Behind,
    Remembered(usize),
}

/// The newest [`REMEMBERED_PINGS`] one by one, and what is left of the older ones.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// Sequence number of the first ping ever.
    first: u64,
    /// How many pings are no longer remembered; the place in the whole sequence of `fates[0]`.
    behind: u64,
    behind_in_flight: u64,
    behind_lost: u64,
    behind_runs: LossRuns,
    fates: VecDeque<Fate>,
    /// `behind_runs` continued over the pings up to the place `settled`, all of them decided.
    settled_runs: LossRuns,
    settled: u64,
}

impl History {
    /// Adds a ping in flight. False, and nothing changes, if `seq` is not the next in line.
    pub fn push(&mut self, seq: u64) -> bool {
        let sent = self.behind + self.fates.len() as u64;
        if sent == 0 {
            self.first = seq;
        }
        if self.first.checked_add(sent) != Some(seq) {
            return false;
        }
        if self.fates.len() == REMEMBERED_PINGS {
            self.forget_oldest();
        }
        self.fates.push_back(Fate::InFlight);
        self.settle();
        true
    }

    /// Turns the fate of `seq` from `from` to `to`. False, and nothing changes, if it was another.
    ///
    /// Of a ping no longer remembered the caller's word is taken for its fate, as long as there is one
    /// of that fate among the forgotten.
    pub fn change(&mut self, seq: u64, from: Fate, to: Fate) -> bool {
        match self.place(seq) {
            Place::NeverSent => false,
            Place::Behind => {
                let counted = match from {
                    Fate::InFlight => &mut self.behind_in_flight,
                    Fate::Lost => &mut self.behind_lost,
                    Fate::Answered(_) | Fate::Refused => return false,
                };
                let Some(fewer) = counted.checked_sub(1) else {
                    return false;
                };
                *counted = fewer;
                self.behind_lost += u64::from(to == Fate::Lost);
                true
            }
            Place::Remembered(i) if self.fates[i] == from => {
                self.fates[i] = to;
                if self.behind + (i as u64) < self.settled {
                    self.unsettle();
                }
                true
            }
            Place::Remembered(_) => false,
        }
    }

    /// The round-trip time of `seq`, if it was answered and is remembered.
    pub fn rtt(&self, seq: u64) -> Option<Duration> {
        match self.place(seq) {
            Place::Remembered(i) => match self.fates[i] {
                Fate::Answered(rtt) => Some(rtt),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether `seq` was answered or may have been, being no longer remembered.
    pub fn may_be_answered(&self, seq: u64) -> bool {
        matches!(self.place(seq), Place::Behind) || self.rtt(seq).is_some()
    }

    /// Loss over the last `n` decided pings among the remembered, or over as many as there are.
    pub fn window(&self, n: usize) -> Option<Window> {
        let mut window = Window::default();
        let newest_first = self.fates.iter().rev();
        for loss in newest_first.filter_map(|fate| fate.is_loss()).take(n) {
            window.decided += 1;
            window.lost += u64::from(loss);
        }
        (window.decided > 0).then_some(window)
    }

    /// Loss runs over all decided pings, as they stand. Walks the pings that are not settled.
    pub fn runs(&self) -> Runs {
        let mut runs = self.settled_runs.clone();
        // `settled` is never before `behind`, nor further from it than there are fates.
        let open = self.fates.range((self.settled - self.behind) as usize..);
        for loss in open.filter_map(|fate| fate.is_loss()) {
            runs.push(loss);
        }
        runs.figures()
    }

    fn place(&self, seq: u64) -> Place {
        let Some(place) = seq.checked_sub(self.first) else {
            return Place::NeverSent;
        };
        match place.checked_sub(self.behind) {
            None => Place::Behind,
            Some(i) if i < self.fates.len() as u64 => Place::Remembered(i as usize),
            Some(_) => Place::NeverSent,
        }
    }

    fn forget_oldest(&mut self) {
        let Some(fate) = self.fates.pop_front() else {
            return;
        };
        self.behind += 1;
        self.behind_in_flight += u64::from(fate == Fate::InFlight);
        self.behind_lost += u64::from(fate == Fate::Lost);
        if let Some(loss) = fate.is_loss() {
            self.behind_runs.push(loss);
        }
        if self.settled < self.behind {
            self.unsettle();
        }
    }

    /// Continues the settled prefix by a few pings: up to the first in flight, and no closer to the
    /// newest than [`SETTLE_DISTANCE`].
    fn settle(&mut self) {
        let end = (self.behind + self.fates.len() as u64).saturating_sub(SETTLE_DISTANCE);
        for _ in 0..SETTLE_STEPS {
            if self.settled >= end {
                return;
            }
            let fate = self.fates[(self.settled - self.behind) as usize];
            let Some(loss) = fate.is_loss() else {
                return;
            };
            self.settled_runs.push(loss);
            self.settled += 1;
        }
    }

    /// Starts the settled prefix anew, after a ping inside it changed or it fell behind.
    fn unsettle(&mut self) {
        self.settled_runs = self.behind_runs.clone();
        self.settled = self.behind;
    }
}
