//! The pinger without its socket: the text of a datagram, and the life of every ping.
//!
//! A ping is *in flight* until it is **replied**, **refused** (an ICMP port unreachable came back) or has waited longer than the timeout.
//! Then it counts as **lost**, but it is not forgotten: if its reply comes after all it becomes **late**, keeps its RTT, and the loss is taken
//! back. A reply may also be a *duplicate*, *reordered* (it overtook or was overtaken, RFC 4737 §3.3) or *damaged*.
//!
//! It stands apart from [`crate::net::pinger`] so that every order of events can be tried with a made-up clock. The contract, in four kinds of
//! methods: `poll_transmit` hands out what to send, `handle_*` take what happened, `poll_timeout` says when `handle_timeout` wants to be
//! called next, and `poll` hands out what became of the pings. Times are [`Duration`]s since the program's clock origin.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::serial;
use super::stats::{PingStats, Reply};

/// How many of the newest pings a session remembers. A reply to an older one counts as unsolicited.
pub const REMEMBERED: usize = 16_384;
/// How long a replied ping is watched for duplicates before its record is final.
const DUPLICATE_WATCH: Duration = Duration::from_millis(250);
/// Shortest time a timed-out ping is watched for a late reply before its record is final.
const LATE_WATCH: Duration = Duration::from_secs(1);
/// A try that could not be sent (network unreachable…) is repeated no sooner than this in stop-and-wait.
const SEND_FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// The shortest datagram that holds the word, a sequence number of up to seven digits and the token.
pub const SMALLEST_TOKEN_DATAGRAM: usize = 5 + 7 + 1 + 16;

/// When the next ping goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Stop and wait, as the course lab does: the next ping goes when the last one is decided, and no sooner than `gap` after it.
    Lab { gap: Duration },
    /// A fixed interval whatever happens, on absolute deadlines, so that waiting for a lost ping never stops the sampling
    /// (no coordinated omission).
    Steady { interval: Duration },
}

/// What a ping datagram says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// `Ping <seq>`, byte for byte what the lab's client sends. A reply that a bit error turned into another number can't be told apart.
    Plain,
    /// `Ping <seq> <token>`, padded to `size` bytes when that is longer. The token is drawn from `key` and the number, so no two pings share one.
    Token { key: u64, size: usize },
}

impl Text {
    /// The datagram of ping `seq`.
    pub fn datagram(&self, seq: u64) -> Vec<u8> {
        match *self {
            Text::Plain => format!("Ping {seq}").into_bytes(),
            Text::Token { key, size } => {
                let mut bytes = format!("Ping {seq} {:016x}", token(key, seq)).into_bytes();
                if bytes.len() < size {
                    bytes.push(b' ');
                    bytes.extend((b'a'..=b'z').cycle().take(size - bytes.len()));
                }
                bytes
            }
        }
    }
}

/// A token for ping `seq`: the SplitMix64 finaliser (Steele, Lea, Flood 2014) over key and number. It tells pings apart, it keeps no secret.
fn token(key: u64, seq: u64) -> u64 {
    let mut z = key.wrapping_add(seq.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The sequence number in `Ping <seq>…`, whatever the case; `None` when the text is something else.
pub fn sequence_of(datagram: &[u8]) -> Option<u64> {
    let (word, rest) = datagram.split_at_checked(5)?;
    if !word.eq_ignore_ascii_case(b"ping ") {
        return None;
    }
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

/// What became of a ping, once it is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    InFlight,
    Replied,
    Late,
    Lost,
    Refused,
}

/// Everything known of one ping.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PingRecord {
    pub seq: u64,
    /// When the program was about to send it.
    #[serde(with = "serial::nanos")]
    pub sent_at: Duration,
    pub outcome: Outcome,
    /// Round-trip time between the program's own stamps, next to the system calls.
    #[serde(with = "serial::nanos::option")]
    pub rtt: Option<Duration>,
    /// Round-trip time between the kernel's stamps, where the kernel gives them.
    #[serde(with = "serial::nanos::option")]
    pub kernel_rtt: Option<Duration>,
    /// Further copies of the reply.
    pub duplicates: u32,
    /// A ping with a higher number was answered before this one.
    pub reordered: bool,
    /// The reply differed from what was sent in a byte or two.
    pub damaged: bool,
}

impl PingRecord {
    /// A ping that has just been sent.
    pub fn in_flight(seq: u64, sent_at: Duration) -> Self {
        let outcome = Outcome::InFlight;
        Self {
            seq,
            sent_at,
            outcome,
            rtt: None,
            kernel_rtt: None,
            duplicates: 0,
            reordered: false,
            damaged: false,
        }
    }
}

/// What a session reports, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PingEvent {
    Sent {
        seq: u64,
        #[serde(with = "serial::nanos")]
        at: Duration,
        #[serde(with = "serial::bytes")]
        datagram: Vec<u8>,
    },
    /// The first reply to a ping, in time or late (see [`PingRecord::outcome`]), with the bytes that came.
    Replied {
        record: PingRecord,
        #[serde(with = "serial::nanos")]
        at: Duration,
        #[serde(with = "serial::bytes")]
        reply: Vec<u8>,
    },
    /// Nothing came within the timeout: lost, unless a late reply still comes.
    TimedOut {
        record: PingRecord,
        #[serde(with = "serial::nanos")]
        at: Duration,
    },
    /// The host answered that nobody listens on that port.
    Refused {
        record: PingRecord,
        #[serde(with = "serial::nanos")]
        at: Duration,
    },
    Duplicate {
        record: PingRecord,
        #[serde(with = "serial::nanos")]
        at: Duration,
    },
    /// A datagram that answers none of our pings.
    Unsolicited {
        from: SocketAddr,
        #[serde(with = "serial::nanos")]
        at: Duration,
        bytes: usize,
    },
    /// The system would not send it; the number is used again for the next try.
    SendFailed {
        seq: u64,
        #[serde(with = "serial::nanos")]
        at: Duration,
        error: String,
    },
    /// Nothing more is expected of this ping; its record is final (a reply even later settles it once more, as late).
    Settled { record: PingRecord },
    /// The last ping is settled.
    Finished,
}

impl PingEvent {
    /// When it happened. That a ping is settled is told whenever it suits.
    pub fn at(&self) -> Option<Duration> {
        match self {
            PingEvent::Sent { at, .. }
            | PingEvent::Replied { at, .. }
            | PingEvent::TimedOut { at, .. }
            | PingEvent::Refused { at, .. }
            | PingEvent::Duplicate { at, .. }
            | PingEvent::Unsolicited { at, .. }
            | PingEvent::SendFailed { at, .. } => Some(*at),
            PingEvent::Settled { .. } | PingEvent::Finished => None,
        }
    }

    /// Counts this event.
    pub fn count(&self, stats: &mut PingStats) {
        match self {
            PingEvent::Sent { seq, .. } => stats.sent(*seq),
            PingEvent::Replied { record, .. } => {
                if let Some(rtt) = record.rtt {
                    let (reordered, damaged) = (record.reordered, record.damaged);
                    let late = record.outcome == Outcome::Late;
                    stats.replied(
                        record.seq,
                        Reply {
                            rtt,
                            late,
                            reordered,
                            damaged,
                        },
                    );
                }
            }
            PingEvent::TimedOut { record, .. } => stats.timed_out(record.seq),
            PingEvent::Refused { record, .. } => stats.refused(record.seq),
            PingEvent::Duplicate { record, .. } => stats.duplicate(record.seq),
            PingEvent::Unsolicited { .. } => stats.unsolicited(),
            PingEvent::SendFailed { .. } | PingEvent::Settled { .. } | PingEvent::Finished => {}
        }
    }
}

#[derive(Debug, Clone)]
struct Probe {
    record: PingRecord,
    /// The kernel's stamp of the sending, since the Unix epoch.
    kernel_sent: Option<Duration>,
    /// How many datagrams this socket had sent before: the index by which the kernel names its stamp.
    index: u32,
    settled: bool,
}

/// How a session pings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub mode: Mode,
    /// `None` is endless.
    pub count: Option<u64>,
    /// How long a ping may take before it counts as lost.
    pub timeout: Duration,
    pub text: Text,
}

/// One run of pings to one target.
#[derive(Debug)]
pub struct Session {
    plan: Plan,
    /// Pings `first..first + probes.len()`; the newest [`REMEMBERED`].
    probes: VecDeque<Probe>,
    first: u64,
    /// Tries used up, those that could not be sent included.
    tries: u64,
    datagrams_sent: u32,
    next_due: Duration,
    /// Every ping before this one is decided.
    undecided_from: u64,
    in_flight: usize,
    highest_replied: u64,
    longest_rtt: Duration,
    unsettled: usize,
    settle_queue: BinaryHeap<Reverse<(Duration, u64)>>,
    events: VecDeque<PingEvent>,
    stopping: bool,
    finished: bool,
}

impl Session {
    /// A session whose first ping is due at `now`.
    pub fn new(plan: Plan, now: Duration) -> Self {
        Self {
            plan,
            probes: VecDeque::new(),
            first: 1,
            tries: 0,
            datagrams_sent: 0,
            next_due: now,
            undecided_from: 1,
            in_flight: 0,
            highest_replied: 0,
            longest_rtt: Duration::ZERO,
            unsettled: 0,
            settle_queue: BinaryHeap::new(),
            events: VecDeque::new(),
            stopping: false,
            finished: false,
        }
    }

    /// The plan in force.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Changes pace or timeout; pings already sent are judged by the new timeout.
    pub fn set_pace(&mut self, mode: Mode, timeout: Duration, now: Duration) {
        self.plan.mode = mode;
        self.plan.timeout = timeout;
        self.next_due = self.next_due.min(now + self.spacing());
    }

    /// Sends nothing more; what is in flight is still waited for.
    pub fn stop(&mut self) {
        self.stopping = true;
        self.finish_if_done();
    }

    pub fn is_finished(&self) -> bool {
        self.finished
    }

    fn spacing(&self) -> Duration {
        match self.plan.mode {
            Mode::Lab { gap } => gap,
            Mode::Steady { interval } => interval,
        }
    }

    fn sends_more(&self) -> bool {
        !self.stopping && self.plan.count.is_none_or(|count| self.tries < count)
    }

    /// When the next ping is due: `None` when there is none, or when stop-and-wait has to see the last one decided first.
    pub fn next_send(&self) -> Option<Duration> {
        let waits = matches!(self.plan.mode, Mode::Lab { .. }) && self.in_flight > 0;
        (self.sends_more() && !waits).then_some(self.next_due)
    }

    /// The next ping if it is due: its number and its bytes. Answer with [`handle_sent`](Self::handle_sent) or
    /// [`handle_send_failure`](Self::handle_send_failure).
    pub fn poll_transmit(&mut self, now: Duration) -> Option<(u64, Vec<u8>)> {
        if self.next_send()? > now {
            return None;
        }
        let seq = self.first + self.probes.len() as u64;
        Some((seq, self.plan.text.datagram(seq)))
    }

    /// Ping `seq` went out as `datagram` at `at` (stamped just before the system call).
    pub fn handle_sent(&mut self, seq: u64, datagram: Vec<u8>, at: Duration) {
        self.schedule_after(at);
        // Counted before the oldest makes room, which must not look like the end of the last ping.
        self.in_flight += 1;
        self.unsettled += 1;
        if self.probes.len() == REMEMBERED {
            self.forget_oldest(at);
        }
        let record = PingRecord::in_flight(seq, at);
        self.probes.push_back(Probe {
            record,
            kernel_sent: None,
            index: self.datagrams_sent,
            settled: false,
        });
        self.datagrams_sent = self.datagrams_sent.wrapping_add(1);
        self.events.push_back(PingEvent::Sent { seq, at, datagram });
    }

    /// The system refused to send ping `seq`.
    pub fn handle_send_failure(&mut self, seq: u64, at: Duration, error: String) {
        self.schedule_after(at);
        if matches!(self.plan.mode, Mode::Lab { .. }) {
            self.next_due = self.next_due.max(at + SEND_FAILURE_PAUSE);
        }
        self.events
            .push_back(PingEvent::SendFailed { seq, at, error });
        self.finish_if_done();
    }

    /// The next absolute deadline. A deadline that passed while the machine slept is skipped, not made up for in a burst.
    fn schedule_after(&mut self, at: Duration) {
        self.tries += 1;
        let spacing = self.spacing();
        self.next_due = match self.plan.mode {
            Mode::Lab { gap } => at + gap,
            Mode::Steady { .. } if at.saturating_sub(self.next_due) >= spacing => at + spacing,
            Mode::Steady { .. } => self.next_due + spacing,
        };
    }

    /// A datagram came from `from`, which is the target or somebody else, at `at` by the program's and at `kernel_at` by the kernel's clock.
    pub fn handle_datagram(
        &mut self,
        bytes: &[u8],
        from: SocketAddr,
        is_target: bool,
        at: Duration,
        kernel_at: Option<Duration>,
    ) {
        let open = |seq| {
            self.probe(seq)
                .is_some_and(|probe| probe.record.outcome != Outcome::Refused)
        };
        match self
            .ping_answered_by(bytes)
            .filter(|&(seq, _)| is_target && open(seq))
        {
            Some((seq, damaged)) => self.answered(seq, damaged, bytes, at, kernel_at),
            None => self.events.push_back(PingEvent::Unsolicited {
                from,
                at,
                bytes: bytes.len(),
            }),
        }
    }

    fn answered(
        &mut self,
        seq: u64,
        damaged: bool,
        bytes: &[u8],
        at: Duration,
        kernel_at: Option<Duration>,
    ) {
        let highest = self.highest_replied;
        let Some(probe) = self.probe_mut(seq) else {
            return;
        };
        let record = &mut probe.record;
        if record.rtt.is_some() {
            record.duplicates += 1;
            let record = *record;
            self.events.push_back(PingEvent::Duplicate { record, at });
            return;
        }
        let rtt = at.saturating_sub(record.sent_at);
        let was_in_flight = record.outcome == Outcome::InFlight;
        record.outcome = if was_in_flight {
            Outcome::Replied
        } else {
            Outcome::Late
        };
        record.rtt = Some(rtt);
        // The kernel's stamps lie between the program's; a longer time is a stamp of some other datagram.
        record.kernel_rtt = probe
            .kernel_sent
            .zip(kernel_at)
            .and_then(|(sent, received)| received.checked_sub(sent))
            .filter(|kernel| *kernel <= rtt);
        record.reordered = seq < highest;
        record.damaged = damaged;
        let record = *record;
        let was_settled = std::mem::take(&mut probe.settled);
        self.unsettled += usize::from(was_settled);
        self.in_flight -= usize::from(was_in_flight);
        self.highest_replied = highest.max(seq);
        self.longest_rtt = self.longest_rtt.max(rtt);
        self.advance_undecided();
        self.events.push_back(PingEvent::Replied {
            record,
            at,
            reply: bytes.to_vec(),
        });
        self.settle_queue.push(Reverse((at + DUPLICATE_WATCH, seq)));
    }

    /// The ping that `bytes` answer, and whether they came damaged. The same bytes but for the case of letters are an answer; if no ping matches so,
    /// a ping of the same length that differs in one byte a leg is taken for damaged on the way.
    fn ping_answered_by(&self, bytes: &[u8]) -> Option<(u64, bool)> {
        let claimed = sequence_of(bytes).filter(|&seq| self.probe(seq).is_some());
        if let Some(seq) =
            claimed.filter(|&seq| self.plan.text.datagram(seq).eq_ignore_ascii_case(bytes))
        {
            return Some((seq, false));
        }
        const NEWEST_TRIED: usize = 64;
        let newest = self
            .probes
            .iter()
            .rev()
            .take(NEWEST_TRIED)
            .map(|probe| probe.record.seq);
        newest
            .chain(claimed)
            .filter_map(|seq| Some((differing_bytes(&self.plan.text.datagram(seq), bytes)?, seq)))
            .filter(|&(differing, _)| differing <= 2)
            .min()
            .map(|(_, seq)| (seq, true))
    }

    /// The kernel's send stamp for the datagram with this index on the socket.
    pub fn handle_sent_stamp(&mut self, index: u32, kernel_at: Duration) {
        let Some(oldest) = self.probes.front() else {
            return;
        };
        let offset = index.wrapping_sub(oldest.index) as usize;
        if let Some(probe) = self
            .probes
            .get_mut(offset)
            .filter(|probe| probe.index == index)
        {
            probe.kernel_sent = Some(kernel_at);
        }
    }

    /// The target's host said that nobody listens. `quoted` is the datagram of ours that the ICMP message quotes; where the system does not
    /// tell, the newest ping in flight is meant, for on a loopback the message comes at once.
    pub fn handle_refused(&mut self, quoted: Option<&[u8]>, at: Duration) {
        let named = quoted
            .and_then(sequence_of)
            .filter(|&seq| self.probe(seq).is_some());
        let newest = || {
            self.probes
                .iter()
                .rev()
                .map(|p| p.record)
                .find(|r| r.outcome == Outcome::InFlight)
                .map(|r| r.seq)
        };
        let Some(seq) = named.or_else(newest) else {
            return;
        };
        let Some(probe) = self
            .probe_mut(seq)
            .filter(|probe| probe.record.outcome == Outcome::InFlight)
        else {
            return;
        };
        probe.record.outcome = Outcome::Refused;
        let record = probe.record;
        self.in_flight -= 1;
        self.advance_undecided();
        self.events.push_back(PingEvent::Refused { record, at });
        self.settle(seq);
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let settle = self.settle_queue.peek().map(|Reverse((at, _))| *at);
        [self.next_decision(), settle].into_iter().flatten().min()
    }

    /// When the oldest ping in flight runs out of time. [`poll_timeout`](Self::poll_timeout) may come sooner, to settle a record that is decided; that
    /// may wait, as this may not: a reply that comes before it is called would not be late.
    pub fn next_decision(&self) -> Option<Duration> {
        let probe = self.probe(self.undecided_from)?;
        Some(probe.record.sent_at + self.plan.timeout)
    }

    /// Decides what is overdue at `now`.
    pub fn handle_timeout(&mut self, now: Duration) {
        while let Some(probe) = self.probe(self.undecided_from) {
            if probe.record.sent_at + self.plan.timeout > now {
                break;
            }
            self.time_out(self.undecided_from, now);
        }
        while let Some(&Reverse((at, seq))) = self.settle_queue.peek() {
            if at > now {
                break;
            }
            self.settle_queue.pop();
            let replied_since = self.probe(seq).and_then(|p| {
                p.record
                    .rtt
                    .map(|rtt| p.record.sent_at + rtt + DUPLICATE_WATCH)
            });
            if replied_since.is_none_or(|until| until <= now) {
                self.settle(seq);
            }
        }
    }

    fn time_out(&mut self, seq: u64, now: Duration) {
        let watch = LATE_WATCH.max(self.plan.timeout).max(3 * self.longest_rtt);
        let Some(probe) = self.probe_mut(seq) else {
            return;
        };
        probe.record.outcome = Outcome::Lost;
        let record = probe.record;
        self.in_flight -= 1;
        self.advance_undecided();
        self.events
            .push_back(PingEvent::TimedOut { record, at: now });
        self.settle_queue.push(Reverse((now + watch, seq)));
    }

    fn settle(&mut self, seq: u64) {
        let Some(probe) = self.probe_mut(seq).filter(|probe| !probe.settled) else {
            return;
        };
        probe.settled = true;
        let record = probe.record;
        self.unsettled -= 1;
        self.events.push_back(PingEvent::Settled { record });
        self.finish_if_done();
    }

    fn finish_if_done(&mut self) {
        if !self.finished && !self.sends_more() && self.unsettled == 0 {
            self.finished = true;
            self.events.push_back(PingEvent::Finished);
        }
    }

    /// What happened next, oldest first; `None` when everything has been handed out.
    pub fn poll(&mut self) -> Option<PingEvent> {
        self.events.pop_front()
    }

    fn probe(&self, seq: u64) -> Option<&Probe> {
        self.probes
            .get(usize::try_from(seq.checked_sub(self.first)?).ok()?)
    }

    fn probe_mut(&mut self, seq: u64) -> Option<&mut Probe> {
        self.probes
            .get_mut(usize::try_from(seq.checked_sub(self.first)?).ok()?)
    }

    fn advance_undecided(&mut self) {
        while self
            .probe(self.undecided_from)
            .is_some_and(|probe| probe.record.outcome != Outcome::InFlight)
        {
            self.undecided_from += 1;
        }
    }

    /// Makes room in a full memory: the oldest ping is decided and settled as it stands.
    fn forget_oldest(&mut self, now: Duration) {
        let oldest = self.first;
        if self
            .probe(oldest)
            .is_some_and(|probe| probe.record.outcome == Outcome::InFlight)
        {
            self.time_out(oldest, now);
        }
        self.settle(oldest);
        self.probes.pop_front();
        self.first += 1;
    }
}

/// How many bytes differ, letters compared without regard to case; `None` when the lengths differ.
fn differing_bytes(sent: &[u8], received: &[u8]) -> Option<usize> {
    (sent.len() == received.len()).then(|| {
        sent.iter()
            .zip(received)
            .filter(|(a, b)| !a.eq_ignore_ascii_case(b))
            .count()
    })
}

#[cfg(test)]
mod tests;
