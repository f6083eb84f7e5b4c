//! Everything that is counted and computed about the pings to one target. [`PingStats`] is told what
//! happens to each ping and answers with figures at any time; the building blocks below it are each
//! one definition with its source. Plain arithmetic: no clock, no sockets, no dice.
//!
//! Two rules hold throughout. A figure that has nothing to rest on is `None`, never 0. And an event
//! that cannot be (an answer to a ping never sent, a second timeout) changes nothing.

mod history;
mod interval;
mod jitter;
mod rto;
mod rtt;
mod runs;
mod summary;

use std::time::Duration;

use history::{Fate, History};
use serde::Serialize;

pub use history::REMEMBERED_PINGS;
pub use interval::{
    MOST_PINGS_TO_REJECT, Z95, effective_n, pings_to_reject, wilson, wilson_effective,
};
pub use jitter::{MeanIpdv, Rfc3550Jitter};
pub use rto::{Rto, RtoEstimator};
pub use rtt::{EXACT_SAMPLES, LONGEST_RTT, RttSummary, Scale};
pub use runs::{LONGEST_RUN_BIN, LossRuns, Runs};
pub use summary::{JitterMicros, RttMicros, Summary};

/// How many pings had which fate, over the whole life of a target.
///
/// Every ping sent is in exactly one of `in_flight`, `replied`, `late`, `lost` and `refused`; the last
/// four are the decided ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Pings sent.
    pub sent: u64,
    /// Neither answered nor given up yet.
    pub in_flight: u64,
    /// Answered in time.
    pub replied: u64,
    /// Answered after the timeout.
    pub late: u64,
    /// Not answered within the timeout, nor since.
    pub lost: u64,
    /// Turned away: the other end said that no one listens there (ICMP port unreachable).
    pub refused: u64,
    /// Further replies to pings already answered.
    pub duplicates: u64,
    /// First replies that were overtaken by the reply to a later ping.
    pub reordered: u64,
    /// First replies whose text was not what it had to be.
    pub damaged: u64,
    /// Datagrams that answer no ping of ours.
    pub unsolicited: u64,
}

impl Counts {
    /// Pings whose fate is known. Only they count for loss: the others may still be answered.
    pub fn decided(&self) -> u64 {
        self.replied + self.late + self.lost + self.refused
    }

    /// Decided pings that got no answer: lost or refused. A late one did get its answer.
    pub fn unanswered(&self) -> u64 {
        self.lost + self.refused
    }

    /// Loss: [`unanswered`](Self::unanswered) over [`decided`](Self::decided), 0 to 1.
    pub fn loss(&self) -> Option<f64> {
        ratio(self.unanswered(), self.decided())
    }
}

/// Loss over the newest decided pings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Pings lost or refused.
    pub lost: u64,
    /// Decided pings in the window, at least 1.
    pub decided: u64,
}

impl Window {
    /// Loss in the window, 0 to 1.
    pub fn loss(&self) -> Option<f64> {
        ratio(self.lost, self.decided)
    }
}

/// The first reply to a ping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Round-trip time.
    pub rtt: Duration,
    /// It came after the timeout of its ping.
    pub late: bool,
    /// The reply to a later ping came before it.
    pub reordered: bool,
    /// Its text is not what it had to be.
    pub damaged: bool,
}

/// The statistics of one target.
///
/// A ping is in flight from [`sent`](Self::sent) on, and then replied, late, lost or refused. A lost
/// ping that is answered after all becomes late, and is no longer lost, however long it took.
///
/// All round-trip times of first replies count, also of late and damaged ones: leaving the late out
/// would flatter the tail. Duplicates do not.
///
/// An event costs O(1). The newest [`REMEMBERED_PINGS`] are remembered one by one, in at most 1 MiB;
/// older ones live on in the counters, the round-trip figures and the loss runs. If such a ping is
/// decided or answered late after all, the counters and round-trip figures still take it, the runs and
/// the IPDV do not.
#[derive(Clone, Debug)]
pub struct PingStats {
    counts: Counts,
    history: History,
    rtt: RttSummary,
    rfc3550: Rfc3550Jitter,
    ipdv: MeanIpdv,
    rto: RtoEstimator,
}

impl PingStats {
    /// Nothing sent yet. `granularity` is the smallest step of the clock behind the round-trip times,
    /// G in RFC 6298.
    pub fn new(granularity: Duration) -> Self {
        Self {
            counts: Counts::default(),
            history: History::default(),
            rtt: RttSummary::default(),
            rfc3550: Rfc3550Jitter::default(),
            ipdv: MeanIpdv::default(),
            rto: RtoEstimator::new(granularity),
        }
    }

    /// A ping left. Sequence numbers start anywhere and grow by one; any other is ignored.
    pub fn sent(&mut self, seq: u64) {
        if self.history.push(seq) {
            self.counts.sent += 1;
            self.counts.in_flight += 1;
        }
    }

    /// The first reply to a ping came. A ping already counted as lost becomes late, whatever
    /// `reply.late` says. Ignored for a ping never sent, answered already, or refused.
    pub fn replied(&mut self, seq: u64, reply: Reply) {
        let answered = Fate::Answered(reply.rtt);
        // The order matters only for a ping no longer remembered, which can be taken for either.
        let before = if reply.late {
            [Fate::Lost, Fate::InFlight]
        } else {
            [Fate::InFlight, Fate::Lost]
        };
        let mut before = before.into_iter();
        let Some(was) = before.find(|&fate| self.history.change(seq, fate, answered)) else {
            return;
        };
        if was == Fate::Lost {
            self.counts.lost -= 1;
            self.counts.late += 1;
        } else {
            self.counts.in_flight -= 1;
            self.counts.late += u64::from(reply.late);
            self.counts.replied += u64::from(!reply.late);
        }
        self.counts.reordered += u64::from(reply.reordered);
        self.counts.damaged += u64::from(reply.damaged);
        self.rtt.record(reply.rtt);
        self.rfc3550.record(reply.rtt);
        self.rto.record(reply.rtt);
        if self.history.rtt(seq).is_some() {
            let neighbours = [seq.checked_sub(1), seq.checked_add(1)];
            for neighbour in neighbours.into_iter().flatten() {
                if let Some(rtt) = self.history.rtt(neighbour) {
                    self.ipdv.record(reply.rtt, rtt);
                }
            }
        }
    }

    /// A ping was given up and counts as lost. Ignored unless it is in flight.
    pub fn timed_out(&mut self, seq: u64) {
        if self.history.change(seq, Fate::InFlight, Fate::Lost) {
            self.counts.in_flight -= 1;
            self.counts.lost += 1;
        }
    }

    /// A ping was turned away. Ignored unless it is in flight.
    pub fn refused(&mut self, seq: u64) {
        if self.history.change(seq, Fate::InFlight, Fate::Refused) {
            self.counts.in_flight -= 1;
            self.counts.refused += 1;
        }
    }

    /// One more reply to a ping that has been answered. Ignored for any other ping.
    pub fn duplicate(&mut self, seq: u64) {
        self.counts.duplicates += u64::from(self.history.may_be_answered(seq));
    }

    /// A datagram came that answers no ping.
    pub fn unsolicited(&mut self) {
        self.counts.unsolicited += 1;
    }

    /// The counters.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Loss over all decided pings, 0 to 1; see [`Counts::loss`].
    pub fn loss(&self) -> Option<f64> {
        self.counts.loss()
    }

    /// [`wilson`] 95 % interval of [`loss`](Self::loss). It takes losses to be independent.
    pub fn loss_interval(&self) -> Option<(f64, f64)> {
        wilson(self.counts.unanswered(), self.counts.decided(), Z95)
    }

    /// Loss over the last `n` decided pings in order of sequence, passing over those in flight; over
    /// as many as there are if they are fewer. Sees no further back than [`REMEMBERED_PINGS`], and
    /// costs O(`n`).
    pub fn loss_window(&self, n: usize) -> Option<Window> {
        self.history.window(n)
    }

    /// Figures over the round-trip times.
    pub fn rtt(&self) -> &RttSummary {
        &self.rtt
    }

    /// Jitter as RFC 3550 defines it: [`Rfc3550Jitter`].
    pub fn jitter_rfc3550(&self) -> Option<Duration> {
        self.rfc3550.jitter()
    }

    /// Mean |IPDV|: [`MeanIpdv`], over neighbours in sequence whatever the order they were answered in.
    pub fn mean_abs_ipdv(&self) -> Option<Duration> {
        self.ipdv.mean()
    }

    /// The width of the RTT distribution from its median to its 95th percentile, what owping calls
    /// jitter. `None` before the second round-trip time.
    pub fn p95_p50(&self) -> Option<Duration> {
        if self.rtt.count() < 2 {
            return None;
        }
        Some(self.rtt.p95()?.saturating_sub(self.rtt.p50()?))
    }

    /// SRTT, RTTVAR and RTO: [`RtoEstimator`].
    pub fn rto(&self) -> Option<Rto> {
        self.rto.estimate()
    }

    /// Loss runs over the decided pings in order of sequence, refused ones being losses and those in
    /// flight passed over. Costs a walk over the newest thousand or so, over all remembered ones
    /// after a reply that was later than that.
    pub fn runs(&self) -> Runs {
        self.history.runs()
    }

    /// All figures as the summary line of `ping --json` has them.
    pub fn summary(&self) -> Summary {
        Summary::of(self)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Nanoseconds as a duration, rounded; `as` saturates.
fn from_nanos(nanos: f64) -> Duration {
    Duration::from_nanos(nanos.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn new() -> PingStats {
        PingStats::new(Duration::from_millis(1))
    }

    fn in_time(ms: u64) -> Reply {
        Reply {
            rtt: Duration::from_millis(ms),
            ..Reply::default()
        }
    }

    fn late(ms: u64) -> Reply {
        Reply {
            late: true,
            ..in_time(ms)
        }
    }

    /// Sends pings 1, 2, … and decides them: `1` replied, `0` timed out, `r` refused, `.` in flight.
    fn decided(outcomes: &str) -> PingStats {
        let mut stats = new();
        for (seq, outcome) in (1..).zip(outcomes.chars()) {
            stats.sent(seq);
            match outcome {
                '1' => stats.replied(seq, in_time(10)),
                '0' => stats.timed_out(seq),
                'r' => stats.refused(seq),
                _ => {}
            }
        }
        stats
    }

    #[test]
    fn nothing_is_known_at_first() {
        let stats = new();
        assert_eq!(stats.counts(), Counts::default());
        assert_eq!((stats.loss(), stats.loss_interval()), (None, None));
        assert_eq!(stats.loss_window(50), None);
        let jitter = [
            stats.jitter_rfc3550(),
            stats.mean_abs_ipdv(),
            stats.p95_p50(),
        ];
        assert_eq!(jitter, [None; 3]);
        assert_eq!(stats.rto(), None);
        assert_eq!(stats.runs(), Runs::default());
    }

    #[test]
    fn a_ping_in_flight_is_not_lost() {
        let mut stats = decided("...");
        assert_eq!((stats.counts().in_flight, stats.loss()), (3, None));
        stats.replied(2, in_time(5));
        assert_eq!(stats.loss(), Some(0.0));
        assert_eq!(stats.p95_p50(), None);
        stats.timed_out(1);
        assert_eq!(stats.loss(), Some(0.5));
        assert_eq!(stats.counts().in_flight, 1);
    }

    #[test]
    fn a_refused_ping_counts_for_loss() {
        let stats = decided("1r01");
        let counts = stats.counts();
        assert_eq!((counts.refused, counts.lost, counts.replied), (1, 1, 2));
        assert_eq!(stats.loss(), Some(0.5));
        assert_eq!(stats.runs().longest, Some(2));
    }

    #[test]
    fn a_late_reply_takes_the_loss_back() {
        let mut stats = decided("000");
        assert_eq!(stats.runs().longest, Some(3));
        stats.replied(2, late(1500));
        let counts = stats.counts();
        assert_eq!((counts.lost, counts.late, counts.replied), (2, 1, 0));
        assert_eq!(stats.loss(), Some(2.0 / 3.0));
        assert_eq!(stats.runs().longest, Some(1));
        assert_eq!(stats.runs().histogram[0], 2);
        assert_eq!(stats.rtt().last(), Some(Duration::from_millis(1500)));
        // Lost is lost, whatever the caller thinks of this one.
        stats.replied(3, in_time(900));
        assert_eq!((stats.counts().late, stats.counts().replied), (2, 0));
    }

    #[test]
    fn a_reply_past_its_time_but_before_the_timer_is_late() {
        let mut stats = decided(".");
        stats.replied(1, late(1001));
        stats.timed_out(1);
        let counts = stats.counts();
        assert_eq!((counts.late, counts.lost, counts.in_flight), (1, 0, 0));
    }

    #[test]
    fn events_that_cannot_be_change_nothing() {
        let mut stats = decided("10r.");
        stats.unsolicited();
        let before = (stats.counts(), stats.runs(), stats.rtt().count());
        for seq in [0, 5, 6, u64::MAX] {
            stats.replied(seq, in_time(1));
            stats.timed_out(seq);
            stats.refused(seq);
            stats.duplicate(seq);
        }
        stats.sent(4); // again
        stats.sent(6); // leaves 5 out
        stats.replied(1, in_time(1)); // a second time
        stats.replied(3, late(1)); // refused
        for seq in 1..=3 {
            stats.timed_out(seq);
            stats.refused(seq);
        }
        stats.duplicate(2); // of nothing
        stats.duplicate(4);
        assert_eq!((stats.counts(), stats.runs(), stats.rtt().count()), before);
        stats.duplicate(1);
        assert_eq!(stats.counts().duplicates, 1);
        assert_eq!(stats.rtt().count(), 1);
    }

    #[test]
    fn sequence_numbers_end() {
        let mut stats = new();
        for seq in [u64::MAX - 1, u64::MAX, 0, 1] {
            stats.sent(seq);
        }
        assert_eq!(stats.counts().sent, 2);
        stats.replied(u64::MAX, in_time(1));
        stats.replied(u64::MAX - 1, in_time(3));
        assert_eq!(stats.mean_abs_ipdv(), Some(Duration::from_millis(2)));
    }

    #[test]
    fn marks_count_with_first_replies() {
        let mut stats = decided("..");
        let marked = Reply {
            reordered: true,
            damaged: true,
            ..in_time(7)
        };
        stats.replied(2, in_time(7));
        stats.replied(1, marked);
        stats.replied(1, marked);
        let counts = stats.counts();
        assert_eq!((counts.reordered, counts.damaged), (1, 1));
        assert_eq!(stats.rtt().count(), 2);
    }

    #[test]
    fn the_window_counts_decided_pings_only() {
        let stats = decided("0001.1r0..1.");
        let window = |n| stats.loss_window(n).map(|w| (w.lost, w.decided));
        assert_eq!(window(0), None);
        assert_eq!(window(1), Some((0, 1)));
        assert_eq!(window(3), Some((2, 3)));
        assert_eq!(window(6), Some((3, 6)));
        assert_eq!(window(50), Some((5, 8)));
        assert_eq!(stats.loss_window(3).unwrap().loss(), Some(2.0 / 3.0));
    }

    #[test]
    fn the_wilson_interval_of_ten_pings() {
        let (lo, hi) = decided("1010110101").loss_interval().unwrap();
        assert!((lo - 0.168180).abs() < 0.000_001 && (hi - 0.687326).abs() < 0.000_001);
    }

    #[test]
    fn runs_worked_example() {
        let runs = decided("1101111100011111").runs();
        assert_eq!((runs.mean, runs.burst_ratio), (Some(2.0), Some(1.5)));
    }

    /// RTTs 20, 24, 18, 30, 30 ms: |IPDV| 4, 6, 12, 0.
    #[test]
    fn ipdv_goes_by_sequence_and_jitter_by_arrival() {
        let rtts = [20, 24, 18, 30, 30];
        let answered = |order: [usize; 5]| {
            let mut stats = decided(".....");
            for i in order {
                stats.replied(i as u64 + 1, in_time(rtts[i]));
            }
            stats
        };
        let in_order = answered([0, 1, 2, 3, 4]);
        let mixed = answered([2, 0, 4, 1, 3]);
        let ipdv = Some(Duration::from_micros(5_500));
        assert_eq!(
            (in_order.mean_abs_ipdv(), mixed.mean_abs_ipdv()),
            (ipdv, ipdv)
        );
        assert_eq!(
            in_order.jitter_rfc3550(),
            Some(Duration::from_nanos(1_238_708))
        );
        // By arrival 18, 20, 30, 24, 30: J in ms .125, .7421875, 1.07080078, 1.37887573.
        assert_eq!(
            mixed.jitter_rfc3550(),
            Some(Duration::from_nanos(1_378_876))
        );
        assert_eq!(in_order.p95_p50(), Some(Duration::from_millis(6)));
    }

    #[test]
    fn a_loss_takes_two_differences_out_until_it_is_answered() {
        let mut stats = decided("...");
        stats.replied(1, in_time(10));
        stats.timed_out(2);
        stats.replied(3, in_time(30));
        assert_eq!(stats.mean_abs_ipdv(), None);
        stats.replied(2, late(1010));
        // |1010 - 10| and |30 - 1010|.
        assert_eq!(stats.mean_abs_ipdv(), Some(Duration::from_millis(990)));
    }

    #[test]
    fn rto_of_the_rfc6298_example() {
        let mut stats = new();
        for (seq, ms) in (1..).zip([100, 120, 80, 300]) {
            stats.sent(seq);
            stats.replied(seq, in_time(ms));
        }
        let rto = stats.rto().unwrap();
        assert_eq!(rto.rto, Duration::from_nanos(437_539_063));
        assert_eq!(rto.rto_floored(), Rto::FLOOR);
    }

    #[test]
    fn pings_older_than_the_memory_move_the_counters() {
        let mut stats = decided("0.10");
        let newest = REMEMBERED_PINGS as u64 + 10;
        for seq in 5..=newest {
            stats.sent(seq);
            stats.replied(seq, in_time(10));
        }
        let runs = stats.runs();
        assert_eq!((runs.longest, runs.histogram[0]), (Some(1), 2));
        stats.timed_out(2);
        stats.refused(2); // none left in flight
        let counts = stats.counts();
        assert_eq!((counts.in_flight, counts.lost, counts.refused), (0, 3, 0));
        for _ in 0..5 {
            stats.replied(1, late(2000)); // three losses can be taken back, no more
        }
        let counts = stats.counts();
        assert_eq!((counts.lost, counts.late), (0, 3));
        assert_eq!(counts.sent, counts.in_flight + counts.decided());
        assert_eq!(stats.rtt().max(), Some(Duration::from_secs(2)));
        assert_eq!(stats.loss(), Some(0.0));
        assert_eq!(stats.runs(), runs);
        assert_eq!(stats.mean_abs_ipdv(), Some(Duration::ZERO));
        stats.duplicate(3);
        assert_eq!(stats.counts().duplicates, 1);
    }

    #[test]
    fn runs_cross_the_edge_of_the_memory() {
        let mut stats = new();
        let n = 3 * REMEMBERED_PINGS as u64 / 100 * 100;
        for seq in 0..n {
            stats.sent(seq);
            if seq % 100 < 10 {
                stats.timed_out(seq);
            } else {
                stats.replied(seq, in_time(1));
            }
        }
        let runs = stats.runs();
        assert_eq!(runs.mean, Some(10.0));
        assert_eq!(runs.histogram[9], n / 100);
        let all_lost = {
            let mut stats = new();
            for seq in 0..n {
                stats.sent(seq);
                stats.timed_out(seq);
            }
            stats.runs()
        };
        assert_eq!(all_lost.longest, Some(n));
    }

    /// One step of a made-up history. `pick` chooses among the pings sent, and sometimes beside them.
    #[derive(Clone, Debug)]
    enum Event {
        /// Pings sent and decided at once, lost where the repeated pattern has a 1.
        Many {
            pings: u16,
            lost: u64,
        },
        Sent,
        Replied {
            pick: u16,
            ms: u64,
            late: bool,
        },
        TimedOut(u16),
        Refused(u16),
        Duplicate(u16),
        Unsolicited,
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = prop_oneof![
            1 => (1..1500_u16, any::<u64>()).prop_map(|(pings, lost)| Event::Many { pings, lost }),
            6 => Just(Event::Sent),
            6 => (any::<u16>(), 0..5000_u64, any::<bool>())
                .prop_map(|(pick, ms, late)| Event::Replied { pick, ms, late }),
            4 => any::<u16>().prop_map(Event::TimedOut),
            1 => any::<u16>().prop_map(Event::Refused),
            1 => any::<u16>().prop_map(Event::Duplicate),
            1 => Just(Event::Unsolicited),
        ];
        prop::collection::vec(event, 0..120)
    }

    /// The same rules, written down without any economy.
    #[derive(Default)]
    struct Naive {
        fates: Vec<Fate>,
        arrivals: Vec<Duration>,
    }

    impl Naive {
        fn change(&mut self, seq: u64, from: &[Fate], to: Fate) -> bool {
            let fate = usize::try_from(seq)
                .ok()
                .and_then(|i| self.fates.get_mut(i));
            match fate {
                Some(fate) if from.contains(fate) => {
                    *fate = to;
                    true
                }
                _ => false,
            }
        }

        fn losses(&self) -> Vec<bool> {
            let decided = self.fates.iter().filter(|&&fate| fate != Fate::InFlight);
            decided
                .map(|fate| !matches!(fate, Fate::Answered(_)))
                .collect()
        }

        fn mean_ipdv_nanos(&self) -> Option<f64> {
            let steps: Vec<f64> = self
                .fates
                .windows(2)
                .filter_map(|pair| match pair {
                    [Fate::Answered(a), Fate::Answered(b)] => {
                        Some(a.abs_diff(*b).as_nanos() as f64)
                    }
                    _ => None,
                })
                .collect();
            (!steps.is_empty()).then(|| steps.iter().sum::<f64>() / steps.len() as f64)
        }
    }

    /// Applies the events to both, asking for figures after those that `asked` names.
    fn play(events: &[Event], asked: impl Fn(usize) -> bool) -> (PingStats, Naive) {
        let (mut stats, mut naive) = (new(), Naive::default());
        for (i, event) in events.iter().enumerate() {
            let sent = naive.fates.len() as u64;
            // Some past the newest, and mostly near it.
            let at = |pick: u16| match pick % 4 {
                0 => u64::from(pick) * (sent + 2) / 65_536,
                _ => (sent + 1).saturating_sub(u64::from(pick / 4 % 12)),
            };
            let reply = |stats: &mut PingStats, naive: &mut Naive, seq, reply: Reply| {
                stats.replied(seq, reply);
                let to = Fate::Answered(reply.rtt);
                if naive.change(seq, &[Fate::InFlight, Fate::Lost], to) {
                    naive.arrivals.push(reply.rtt);
                }
            };
            match *event {
                Event::Many { pings, lost } => {
                    for j in 0..u64::from(pings) {
                        stats.sent(sent + j);
                        naive.fates.push(Fate::InFlight);
                        if lost >> (j % 64) & 1 == 1 {
                            stats.timed_out(sent + j);
                            naive.change(sent + j, &[Fate::InFlight], Fate::Lost);
                        } else {
                            reply(&mut stats, &mut naive, sent + j, in_time(j));
                        }
                    }
                }
                Event::Sent => {
                    stats.sent(sent);
                    naive.fates.push(Fate::InFlight);
                }
                Event::Replied { pick, ms, late } => {
                    let given = Reply {
                        late,
                        ..in_time(ms)
                    };
                    reply(&mut stats, &mut naive, at(pick), given);
                }
                Event::TimedOut(pick) => {
                    stats.timed_out(at(pick));
                    naive.change(at(pick), &[Fate::InFlight], Fate::Lost);
                }
                Event::Refused(pick) => {
                    stats.refused(at(pick));
                    naive.change(at(pick), &[Fate::InFlight], Fate::Refused);
                }
                Event::Duplicate(pick) => stats.duplicate(at(pick)),
                Event::Unsolicited => stats.unsolicited(),
            }
            if asked(i) {
                stats = stats.clone();
                stats.summary();
            }
        }
        (stats, naive)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn any_order_of_events_agrees_with_the_naive_count(events in events()) {
            let (stats, naive) = play(&events, |_| false);
            let counts = stats.counts();
            prop_assert_eq!(counts.sent, naive.fates.len() as u64);
            prop_assert_eq!(counts.sent, counts.in_flight + counts.decided());
            let count = |fate| naive.fates.iter().filter(|&&f| f == fate).count() as u64;
            prop_assert_eq!(counts.in_flight, count(Fate::InFlight));
            prop_assert_eq!((counts.lost, counts.refused), (count(Fate::Lost), count(Fate::Refused)));
            prop_assert_eq!(counts.replied + counts.late, stats.rtt().count());

            let losses = naive.losses();
            let lost = |tail: &[bool]| tail.iter().filter(|&&lost| lost).count() as u64;
            prop_assert_eq!(stats.loss(), ratio(lost(&losses), losses.len() as u64));
            if let (Some(loss), Some((lo, hi))) = (stats.loss(), stats.loss_interval()) {
                prop_assert!(0.0 <= lo && lo <= loss && loss <= hi && hi <= 1.0);
            }
            let tail = &losses[losses.len().saturating_sub(50)..];
            let window = Window { lost: lost(tail), decided: tail.len() as u64 };
            prop_assert_eq!(stats.loss_window(50), Some(window).filter(|_| !losses.is_empty()));

            let mut runs = LossRuns::default();
            losses.iter().for_each(|&lost| runs.push(lost));
            prop_assert_eq!(stats.runs(), runs.figures());

            prop_assert_eq!(stats.mean_abs_ipdv(), naive.mean_ipdv_nanos().map(from_nanos));
            let mut rtt = RttSummary::default();
            let mut jitter = Rfc3550Jitter::default();
            for &arrival in &naive.arrivals {
                rtt.record(arrival);
                jitter.record(arrival);
            }
            prop_assert_eq!(stats.rtt().mdev(), rtt.mdev());
            prop_assert_eq!(stats.jitter_rfc3550(), jitter.jitter());
            let ordered = [rtt.min(), rtt.p50(), rtt.p95(), rtt.p99(), rtt.max()];
            prop_assert!(ordered.is_sorted());
        }

        #[test]
        fn asking_or_copying_on_the_way_changes_nothing(events in events(), every in 1..10_usize) {
            let (alone, _) = play(&events, |_| false);
            let (asked, _) = play(&events, |i| i % every == 0);
            prop_assert_eq!(alone.counts(), asked.counts());
            prop_assert_eq!(alone.summary(), asked.summary());
            prop_assert_eq!(alone.runs(), asked.runs());
        }
    }
}
