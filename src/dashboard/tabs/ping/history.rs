//! What happened to one target, kept so that a frame costs the same after a minute and after a week.
//!
//! The newest [`ROWS`] pings are kept one by one. Besides, every decided ping is summed into bins of 16 widths, from 0.1 s doubling to an
//! hour, each level a ring of [`BINS`]. A chart reads rows where there are few enough of them and bins where there are not, and gets at most
//! two points a column either way.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use crate::dashboard::widgets::chart::Sample;
use crate::proto::ping::{Outcome, PingRecord};
use crate::proto::stats;
use crate::trace::event::Ruling;

/// How many pings are kept one by one.
pub const ROWS: usize = 16_384;
/// How many bins each level keeps.
pub const BINS: usize = 2_048;
const LEVELS: u32 = 16;
const FINEST_BIN: Duration = Duration::from_millis(100);
/// More rows than this in a window are drawn from bins.
const ROWS_DRAWN: usize = 4_096;
/// The rolling loss is taken over this many decided pings.
pub const ROLLING: usize = 50;

/// What the server, when it is ours, did with the datagram of a ping.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServerWord {
    pub ruling: Ruling,
    pub delay: Duration,
    pub copies: u8,
    pub corrupted: bool,
    pub held: bool,
}

/// How many pings were decided, and how many of them got no answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub decided: u64,
    pub lost: u64,
}

impl Tally {
    fn of(outcome: Outcome) -> Self {
        let decided = u64::from(outcome != Outcome::InFlight);
        let lost = u64::from(matches!(outcome, Outcome::Lost | Outcome::Refused));
        Self { decided, lost }
    }

    fn add(&mut self, other: Tally) {
        self.decided += other.decided;
        self.lost += other.lost;
    }

    fn replace(&mut self, old: Tally, new: Tally) {
        self.decided = self.decided + new.decided - old.decided;
        self.lost = self.lost + new.lost - old.lost;
    }

    fn since(self, earlier: Tally) -> Tally {
        Tally {
            decided: self.decided - earlier.decided,
            lost: self.lost - earlier.lost,
        }
    }

    /// Lost over decided; `None` before anything is decided.
    pub fn loss(self) -> Option<f64> {
        (self.decided > 0).then(|| self.lost as f64 / self.decided as f64)
    }
}

/// One ping as both ends saw it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    pub record: PingRecord,
    pub server: Option<ServerWord>,
    /// Of this ping and all before it.
    running: Tally,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    tally: Tally,
    /// Shortest and longest RTT in milliseconds.
    rtt: Option<(f32, f32)>,
}

/// Bins of one width, by number since the clock's origin.
#[derive(Debug, Clone)]
struct Level {
    width: Duration,
    first: u64,
    bins: VecDeque<Bin>,
    /// Of the bins that made room.
    forgotten: Tally,
}

impl Level {
    fn number(&self, at: Duration) -> u64 {
        (at.as_nanos() / self.width.as_nanos()) as u64
    }

    /// Makes room for the bin of that moment, which is the newest.
    fn open(&mut self, at: Duration) {
        let number = self.number(at);
        if self.bins.is_empty() {
            self.first = number;
        }
        // A pause longer than the ring leaves one gap instead of filling it bin by bin.
        if number >= self.first + (self.bins.len() + BINS) as u64 {
            for bin in self.bins.drain(..) {
                self.forgotten.add(bin.tally);
            }
            self.first = number;
        }
        while number >= self.first + self.bins.len() as u64 {
            if self.bins.len() == BINS {
                if let Some(oldest) = self.bins.pop_front() {
                    self.forgotten.add(oldest.tally);
                }
                self.first += 1;
            }
            self.bins.push_back(Bin::default());
        }
    }

    /// The bin of that moment; `None` when it has made room already.
    fn bin_mut(&mut self, at: Duration) -> Option<&mut Bin> {
        let place = self.number(at).checked_sub(self.first)?;
        self.bins.get_mut(usize::try_from(place).ok()?)
    }
}

/// Everything a chart, a strip or a list needs of one target.
#[derive(Debug, Clone)]
pub struct History {
    rows: VecDeque<Row>,
    /// Of the rows that made room.
    forgotten: Tally,
    levels: Vec<Level>,
}

impl Default for History {
    fn default() -> Self {
        let level = |n: u32| Level {
            width: FINEST_BIN * 2u32.pow(n),
            first: 0,
            bins: VecDeque::new(),
            forgotten: Tally::default(),
        };
        Self {
            rows: VecDeque::new(),
            forgotten: Tally::default(),
            levels: (0..LEVELS).map(level).collect(),
        }
    }
}

/// One column of the loss chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossColumn {
    /// Seconds since the clock's origin.
    pub x: f64,
    /// Loss over the last [`ROLLING`] decided pings, or over the column when that holds more.
    pub rolling: f64,
    /// Loss from the first ping to this column.
    pub running: f64,
    /// Its 95 % Wilson interval.
    pub interval: (f64, f64),
}

/// What the charts draw of a window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drawn {
    /// RTTs in milliseconds, broken where a ping was lost.
    pub rtt: Vec<Sample>,
    /// Where a ping was lost or refused (a column with any, when columns hold many).
    pub losses: Vec<(f64, Outcome)>,
    pub columns: Vec<LossColumn>,
}

impl History {
    /// A ping went out.
    pub fn sent(&mut self, record: PingRecord) {
        if self
            .rows
            .back()
            .is_some_and(|last| last.record.seq >= record.seq)
        {
            return;
        }
        let running = self.rows.back().map_or(self.forgotten, |row| row.running);
        if self.rows.len() == ROWS
            && let Some(oldest) = self.rows.pop_front()
        {
            self.forgotten = oldest.running;
        }
        self.rows.push_back(Row {
            record,
            server: None,
            running,
        });
        // Bins stand in the order of sending, not in that in which pings are decided.
        for level in &mut self.levels {
            level.open(record.sent_at);
        }
    }

    /// Something became known of a ping.
    pub fn update(&mut self, record: PingRecord) {
        let Some(index) = self.index_of(record.seq) else {
            return;
        };
        let old = std::mem::replace(&mut self.rows[index].record, record);
        let (before, after) = (Tally::of(old.outcome), Tally::of(record.outcome));
        if before != after {
            for row in self.rows.range_mut(index..) {
                row.running.replace(before, after);
            }
        }
        let new_rtt = record.rtt.filter(|_| old.rtt.is_none()).map(millis);
        for level in &mut self.levels {
            let Some(bin) = level.bin_mut(record.sent_at) else {
                level.forgotten.replace(before, after);
                continue;
            };
            bin.tally.replace(before, after);
            if let Some(rtt) = new_rtt {
                let rtt = rtt as f32;
                let (low, high) = bin.rtt.unwrap_or((rtt, rtt));
                bin.rtt = Some((low.min(rtt), high.max(rtt)));
            }
        }
    }

    /// The server said what it did with a ping; `false` when that ping is not known (yet).
    pub fn server_said(&mut self, seq: u64, word: ServerWord) -> bool {
        let Some(index) = self.index_of(seq) else {
            return false;
        };
        self.rows[index].server = Some(word);
        true
    }

    fn index_of(&self, seq: u64) -> Option<usize> {
        let guess = usize::try_from(seq.checked_sub(self.rows.front()?.record.seq)?).ok()?;
        // Numbers grow by one; a gap can only come from events that the tap left out.
        if self
            .rows
            .get(guess)
            .is_some_and(|row| row.record.seq == seq)
        {
            return Some(guess);
        }
        self.rows
            .binary_search_by_key(&seq, |row| row.record.seq)
            .ok()
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows kept, oldest first.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &Row> + ExactSizeIterator {
        self.rows.iter()
    }

    pub fn row(&self, seq: u64) -> Option<&Row> {
        self.index_of(seq).map(|index| &self.rows[index])
    }

    /// The row by place, 0 the oldest.
    pub fn row_at(&self, index: usize) -> Option<&Row> {
        self.rows.get(index)
    }

    /// The row whose ping went out closest to `at`.
    pub fn nearest(&self, at: Duration) -> Option<&Row> {
        let after = self.rows.partition_point(|row| row.record.sent_at < at);
        let candidates = [after.checked_sub(1), Some(after)]
            .into_iter()
            .flatten()
            .filter_map(|index| self.rows.get(index));
        candidates.min_by_key(|row| row.record.sent_at.abs_diff(at))
    }

    /// The next lost or refused ping after (or before) ping `seq`.
    pub fn next_loss(&self, seq: Option<u64>, forward: bool) -> Option<&Row> {
        let lost = |row: &&Row| matches!(row.record.outcome, Outcome::Lost | Outcome::Refused);
        if forward {
            self.rows
                .iter()
                .filter(|row| seq.is_none_or(|seq| row.record.seq > seq))
                .find(lost)
        } else {
            self.rows
                .iter()
                .rev()
                .filter(|row| seq.is_none_or(|seq| row.record.seq < seq))
                .find(lost)
        }
    }

    /// When the first ping that charts still know went out.
    pub fn oldest(&self) -> Option<Duration> {
        let row = self.rows.front().map(|row| row.record.sent_at);
        let bin = self
            .levels
            .last()
            .filter(|level| !level.bins.is_empty())
            .map(|level| level.width * level.first as u32);
        match (row, bin) {
            (Some(row), Some(bin)) if self.forgotten.decided > 0 => Some(row.min(bin)),
            (row, _) => row,
        }
    }

    /// The longest RTT in the window, and the 99th percentile by nearest rank of at most [`ROWS_DRAWN`] of its newest rows, in milliseconds.
    pub fn heights(&self, window: &Range<Duration>) -> Option<(f64, f64)> {
        let (from, to) = self.rows_in(window);
        let mut heights: Vec<f64> = self
            .rows
            .range(from.max(to.saturating_sub(ROWS_DRAWN))..to)
            .filter_map(rtt_millis)
            .collect();
        if heights.is_empty() {
            return None;
        }
        let rank = (heights.len() * 99).div_ceil(100) - 1;
        let (_, p99, above) = heights.select_nth_unstable_by(rank, f64::total_cmp);
        let p99 = *p99;
        Some((above.iter().copied().fold(p99, f64::max), p99))
    }

    fn rows_in(&self, window: &Range<Duration>) -> (usize, usize) {
        let from = self
            .rows
            .partition_point(|row| row.record.sent_at < window.start);
        let to = self
            .rows
            .partition_point(|row| row.record.sent_at < window.end);
        (from, to.max(from))
    }

    /// What to draw of `window` in `columns` columns.
    pub fn draw(&self, window: &Range<Duration>, columns: u16) -> Drawn {
        let columns = columns.max(1);
        let column = (window.end.saturating_sub(window.start) / u32::from(columns))
            .max(Duration::from_nanos(1));
        let (from, to) = self.rows_in(window);
        let complete = self.forgotten.decided == 0 || from > 0;
        if complete && to - from <= ROWS_DRAWN {
            self.draw_rows(from, to, column)
        } else {
            self.draw_bins(window, column)
        }
    }

    fn draw_rows(&self, from: usize, to: usize, column: Duration) -> Drawn {
        let mut drawn = Drawn::default();
        let half_column = (column / 2).max(Duration::from_nanos(1));
        let mut group: Option<(u128, f64, f64, f64)> = None;
        // The place of the column being read, its first row, and its last so far.
        let mut loss_column: Option<(u128, usize, usize)> = None;
        for index in from..to {
            let row = &self.rows[index];
            let at = row.record.sent_at;
            let x = at.as_secs_f64();
            match (row.record.outcome, rtt_millis(row)) {
                (Outcome::Lost | Outcome::Refused, _) => {
                    flush(&mut group, &mut drawn.rtt);
                    drawn.rtt.push(Sample::Break);
                    drawn.losses.push((x, row.record.outcome));
                }
                (_, Some(height)) => {
                    let place = at.as_nanos() / half_column.as_nanos();
                    match &mut group {
                        Some((open, _, low, high)) if *open == place => {
                            *low = low.min(height);
                            *high = high.max(height);
                        }
                        _ => {
                            flush(&mut group, &mut drawn.rtt);
                            group = Some((place, x, height, height));
                        }
                    }
                }
                _ => {}
            }
            if row.record.outcome == Outcome::InFlight {
                continue;
            }
            let place = at.as_nanos() / column.as_nanos();
            match &mut loss_column {
                Some((open, _, last)) if *open == place => *last = index,
                _ => {
                    drawn.columns.extend(self.loss_of(loss_column));
                    loss_column = Some((place, index, index));
                }
            }
        }
        flush(&mut group, &mut drawn.rtt);
        drawn.columns.extend(self.loss_of(loss_column));
        drawn
    }

    /// The loss as it stood at the last row of a column: its place, its first row, its last.
    fn loss_of(&self, column: Option<(u128, usize, usize)>) -> Option<LossColumn> {
        let (_, column_from, last) = column?;
        let row = &self.rows[last];
        let rolls_out =
            |earlier: &Row| earlier.running.decided + ROLLING as u64 <= row.running.decided;
        let first = self.rows.partition_point(rolls_out).min(column_from);
        let before = match first.checked_sub(1) {
            Some(earlier) => self.rows[earlier].running,
            None => self.forgotten,
        };
        let rolling = row.running.since(before).loss()?;
        let interval = stats::wilson(row.running.lost, row.running.decided, stats::Z95)?;
        Some(LossColumn {
            x: row.record.sent_at.as_secs_f64(),
            rolling,
            running: row.running.loss()?,
            interval,
        })
    }

    fn draw_bins(&self, window: &Range<Duration>, column: Duration) -> Drawn {
        let mut drawn = Drawn::default();
        let covers = |level: &&Level| {
            level.width * 2 > column
                && (level.forgotten.decided == 0
                    || level.width * level.first as u32 <= window.start)
        };
        let Some(level) = self.levels.iter().find(covers).or(self.levels.last()) else {
            return drawn;
        };
        let mut running = level.forgotten;
        let mut recent = Tally::default();
        let mut rolled_out = level.bins.iter().map(|bin| bin.tally).peekable();
        let width = level.width.as_secs_f64();
        for (number, bin) in (level.first..).zip(&level.bins) {
            running.add(bin.tally);
            recent.add(bin.tally);
            while let Some(oldest) =
                rolled_out.next_if(|oldest| recent.since(*oldest).decided >= ROLLING as u64)
            {
                recent = recent.since(oldest);
            }
            // The newest bin reaches past the window; its part inside has a middle of its own.
            let begins = number as f64 * width;
            let x = f64::midpoint(begins, (begins + width).min(window.end.as_secs_f64()));
            if x < window.start.as_secs_f64() || bin.tally.decided == 0 {
                continue;
            }
            if begins >= window.end.as_secs_f64() {
                break;
            }
            match bin.rtt {
                Some((low, high)) => {
                    drawn.rtt.push(Sample::At(x, f64::from(low)));
                    if high > low {
                        drawn.rtt.push(Sample::At(x, f64::from(high)));
                    }
                }
                None => drawn.rtt.push(Sample::Break),
            }
            if bin.tally.lost > 0 {
                drawn.losses.push((x, Outcome::Lost));
            }
            let numbers = (
                recent.loss(),
                running.loss(),
                stats::wilson(running.lost, running.decided, stats::Z95),
            );
            if let (Some(rolling), Some(running), Some(interval)) = numbers {
                drawn.columns.push(LossColumn {
                    x,
                    rolling,
                    running,
                    interval,
                });
            }
        }
        drawn
    }
}

fn flush(group: &mut Option<(u128, f64, f64, f64)>, samples: &mut Vec<Sample>) {
    if let Some((_, x, low, high)) = group.take() {
        samples.push(Sample::At(x, low));
        if high > low {
            samples.push(Sample::At(x, high));
        }
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn rtt_millis(row: &Row) -> Option<f64> {
    row.record.rtt.map(millis)
}

#[cfg(test)]
mod tests;
