//! What is drawn of a history, against a plain list of pings that is counted anew each time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::proto::link::{Leg, Why};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn secs(range: Range<u64>) -> Range<Duration> {
    Duration::from_secs(range.start)..Duration::from_secs(range.end)
}

/// Any time there is.
const ALWAYS: Range<Duration> = Duration::ZERO..Duration::from_secs(1 << 24);

/// A history, and beside it all that it was told.
#[derive(Default)]
struct Told {
    history: History,
    pings: Vec<PingRecord>,
}

impl Told {
    /// Pings 1, 2, … `apart` from each other: `1` replied after a time that differs from ping to ping, `0` lost, `r` refused, `.` in flight.
    fn pings(outcomes: &str, apart: Duration) -> Self {
        let mut told = Self::default();
        for (n, outcome) in (0u32..).zip(outcomes.chars()) {
            told.sent(apart * n);
            let rtt = ms(1 + u64::from(n) % 7);
            match outcome {
                '1' => told.decide(n as usize, Outcome::Replied, Some(rtt)),
                '0' => told.decide(n as usize, Outcome::Lost, None),
                'r' => told.decide(n as usize, Outcome::Refused, None),
                _ => {}
            }
        }
        told
    }

    fn sent(&mut self, at: Duration) {
        let record = PingRecord::in_flight(self.pings.len() as u64 + 1, at);
        self.pings.push(record);
        self.history.sent(record);
    }

    /// Ping `index` (from 0) is known to have fared so.
    fn decide(&mut self, index: usize, outcome: Outcome, rtt: Option<Duration>) {
        let record = &mut self.pings[index];
        (record.outcome, record.rtt) = (outcome, rtt);
        self.history.update(*record);
    }

    /// Decided and lost ones among the pings with these indices.
    fn tally(&self, indices: Range<usize>) -> Tally {
        let mut tally = Tally::default();
        for ping in &self.pings[indices] {
            tally.decided += u64::from(ping.outcome != Outcome::InFlight);
            tally.lost += u64::from(is_loss(ping));
        }
        tally
    }

    /// The loss over the last decided pings up to `index`, over `at_least` of them or all from `from` on.
    fn rolling(&self, index: usize, from: usize) -> f64 {
        let mut begin = index + 1;
        let mut tally = Tally::default();
        while begin > 0 && (tally.decided < ROLLING as u64 || begin > from) {
            begin -= 1;
            tally = self.tally(begin..index + 1);
        }
        tally.loss().expect("the ping itself is decided")
    }
}

fn is_loss(ping: &PingRecord) -> bool {
    matches!(ping.outcome, Outcome::Lost | Outcome::Refused)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

/// The samples as text: heights, and `|` where the line is broken.
fn line(drawn: &Drawn) -> String {
    let part = |sample: &Sample| match sample {
        Sample::At(_, height) => format!("{height:.0}"),
        Sample::Break => "|".to_owned(),
    };
    let parts: Vec<_> = drawn.rtt.iter().map(part).collect();
    parts.join(" ")
}

#[test]
fn no_line_crosses_a_lost_ping() {
    let cases = [
        ("", ""),
        ("1", "1"),
        ("0", "|"),
        ("...", ""),
        ("1111", "1 2 3 4"),
        ("1011", "1 | 3 4"),
        ("1r11", "1 | 3 4"),
        ("0110", "| 2 3 |"),
        ("1001", "1 | | 4"),
        ("11.1", "1 2 4"),
        ("0000", "| | | |"),
    ];
    for (outcomes, expected) in cases {
        let told = Told::pings(outcomes, ms(1000));
        assert_eq!(
            line(&told.history.draw(&secs(0..4), 80)),
            expected,
            "{outcomes}"
        );
        // Three pings a column: they share samples, but never across a loss.
        let drawn = told.history.draw(&secs(0..4), 1);
        let breaks = drawn
            .rtt
            .iter()
            .filter(|sample| **sample == Sample::Break)
            .count();
        assert_eq!(breaks, outcomes.matches(['0', 'r']).count(), "{outcomes}");
    }
}

#[test]
fn a_loss_is_marked_at_its_time_with_its_kind() {
    let told = Told::pings("10.r1", ms(500));
    let drawn = told.history.draw(&secs(0..9), 80);
    assert_eq!(
        drawn.losses,
        [(0.5, Outcome::Lost), (1.5, Outcome::Refused)]
    );
}

#[test]
fn a_dense_column_keeps_its_shortest_and_longest() {
    // Ten pings to a dot column of half a second, of which a chart cell has two.
    let told = Told::pings(&"1".repeat(1000), ms(50));
    let drawn = told.history.draw(&secs(0..50), 50);
    assert_eq!(drawn.rtt.len(), 2 * 100);
    for (dot, pair) in drawn.rtt.chunks(2).enumerate() {
        let heights = told.pings[10 * dot..10 * dot + 10]
            .iter()
            .filter_map(|ping| ping.rtt.map(millis));
        let (low, high) = heights.fold((f64::MAX, 0.0f64), |(low, high), height| {
            (low.min(height), high.max(height))
        });
        let x = told.pings[10 * dot].sent_at.as_secs_f64();
        assert_eq!(pair, [Sample::At(x, low), Sample::At(x, high)]);
    }
    assert_eq!(drawn.columns.len(), 50);
}

#[test]
fn rolling_and_running_loss_as_counted_by_hand() {
    let told = Told::pings("1100.1", ms(1000));
    let columns = told.history.draw(&secs(0..6), 6).columns;
    let numbers: Vec<_> = columns
        .iter()
        .map(|c| (c.x, c.rolling, c.running))
        .collect();
    let third = 1.0 / 3.0;
    let expected = [(0.0, 0.0), (1.0, 0.0), (2.0, third), (3.0, 0.5), (5.0, 0.4)];
    assert_eq!(numbers, expected.map(|(x, loss)| (x, loss, loss)));
    // Wilson for 2 of 5, worked by hand: (0.4 + z²/10 ± z·√(0.4·0.6/5 + z²/100)) / (1 + z²/5), z = 1.959964.
    let (low, high) = columns[4].interval;
    assert!(
        (low - 0.11762).abs() < 5e-6 && (high - 0.76928).abs() < 5e-6,
        "{low} {high}"
    );
}

#[test]
fn the_rolling_loss_forgets_and_the_running_loss_does_not() {
    // Fifty lost, then fifty answered; those in flight between them take no place in the fifty.
    let outcomes = format!("{}{}{}", "0".repeat(50), ".".repeat(20), "1".repeat(50));
    let told = Told::pings(&outcomes, ms(1000));
    let columns = told.history.draw(&secs(0..120), 120).columns;
    assert_eq!(columns.len(), 100);
    assert_eq!((columns[49].rolling, columns[49].running), (1.0, 1.0));
    assert_eq!(
        (columns[50].rolling, columns[50].running),
        (0.98, 50.0 / 51.0)
    );
    assert_eq!((columns[99].rolling, columns[99].running), (0.0, 0.5));
    // One column over all holds more than fifty.
    let one = told.history.draw(&secs(0..120), 1).columns;
    assert_eq!((one.len(), one[0].rolling), (1, 0.5));
}

#[test]
fn a_late_reply_takes_the_loss_back() {
    let mut told = Told::pings("0000", ms(1000));
    told.decide(1, Outcome::Late, Some(ms(1500)));
    let drawn = told.history.draw(&secs(0..4), 80);
    assert_eq!(line(&drawn), "| 1500 | |");
    assert_eq!(drawn.losses.len(), 3);
    let running: Vec<_> = drawn.columns.iter().map(|column| column.running).collect();
    assert_eq!(running, [1.0, 0.5, 2.0 / 3.0, 0.75]);
    for level in &told.history.levels {
        let lost: u64 = level.bins.iter().map(|bin| bin.tally.lost).sum();
        assert_eq!(lost, 3, "bins of {:?}", level.width);
    }
}

#[test]
fn a_repeated_report_counts_once() {
    let mut told = Told::pings("1", ms(1000));
    let mut again = told.pings[0];
    again.duplicates = 1;
    told.history.update(again);
    told.history.sent(told.pings[0]);
    assert_eq!(told.history.len(), 1);
    let row = told.history.row(1).expect("it is kept");
    assert_eq!(row.record.duplicates, 1);
    assert_eq!(
        row.running,
        Tally {
            decided: 1,
            lost: 0
        }
    );
    told.history.update(PingRecord::in_flight(2, ms(5)));
    assert_eq!(told.history.len(), 1, "never sent");
}

#[test]
fn a_window_off_the_data_is_empty() {
    let told = Told::pings("1010", ms(1000));
    let mut later = Told::default();
    for n in 0..4u32 {
        later.sent(Duration::from_secs(1000) + ms(1000) * n);
        later.decide(n as usize, Outcome::Lost, None);
    }
    let cases = [
        (&told, secs(100..200)),
        (&told, secs(4..5)),
        (&told, secs(2..2)),
        (&told, Duration::from_secs(3)..Duration::from_secs(1)),
        (&later, secs(0..1000)),
        (&later, secs(0..1)),
    ];
    for (told, window) in cases {
        assert_eq!(
            told.history.draw(&window, 100),
            Drawn::default(),
            "{window:?}"
        );
        assert_eq!(told.history.heights(&window), None, "{window:?}");
    }
    assert_eq!(History::default().draw(&ALWAYS, 0), Drawn::default());
}

#[test]
fn the_oldest_row_makes_room_and_stays_counted() {
    let mut told = Told::pings(&"01".repeat(ROWS / 2), ms(200));
    told.sent(ms(200) * ROWS as u32);
    told.sent(ms(200) * (ROWS as u32 + 1));
    assert_eq!(told.history.len(), ROWS);
    assert_eq!(told.history.row(2), None);
    let oldest = told.history.row_at(0).expect("rows are kept");
    assert_eq!(
        (oldest.record.seq, oldest.running),
        (
            3,
            Tally {
                decided: 3,
                lost: 2
            }
        )
    );
    // What comes for a ping that made room is too late.
    told.decide(0, Outcome::Late, Some(ms(9)));
    let newest = told
        .history
        .row(ROWS as u64 + 2)
        .expect("the newest is kept");
    let half = ROWS as u64 / 2;
    assert_eq!(
        newest.running,
        Tally {
            decided: ROWS as u64,
            lost: half
        }
    );
    assert_eq!(told.history.oldest(), Some(Duration::ZERO), "in bins");
    let window = Duration::ZERO..ms(200) * ROWS as u32;
    let columns = told.history.draw(&window, 100).columns;
    assert!(close(columns[columns.len() - 1].running, 0.5));
}

/// Losses come to light after replies to later pings; bins hold them all the same.
#[test]
fn pings_decided_after_later_ones_are_in_the_bins() {
    let mut told = Told::default();
    for n in 0..ROWS_DRAWN + 100 {
        told.sent(ms(200) * n as u32);
        // The first five are lost, which their timeout of five intervals tells while others are answered.
        if n >= 5 {
            told.decide(n, Outcome::Replied, Some(ms(1)));
        }
        if (5..10).contains(&n) {
            told.decide(n - 5, Outcome::Lost, None);
        }
    }
    let window = secs(0..900);
    let drawn = told.history.draw(&window, 200);
    assert!(drawn.columns.len() <= 2 * 200, "from bins");
    assert_eq!(drawn.losses.len(), 1, "all five lie in the first bin");
    let last = drawn.columns[drawn.columns.len() - 1];
    let expected = told.tally(0..told.pings.len()).loss().expect("decided");
    assert!(
        close(last.running, expected),
        "{} for {expected}",
        last.running
    );
}

#[test]
fn a_pause_longer_than_the_ring_loses_no_count() {
    let mut told = Told::pings("01..", ms(1000));
    let pause = Duration::from_secs(3600 * 24 * 365);
    told.sent(pause);
    told.decide(4, Outcome::Replied, Some(ms(1)));
    told.decide(2, Outcome::Lost, None);
    told.decide(0, Outcome::Late, Some(ms(1500)));
    for level in &told.history.levels {
        let mut all = level.forgotten;
        level.bins.iter().for_each(|bin| all.add(bin.tally));
        assert_eq!(
            all,
            Tally {
                decided: 4,
                lost: 1
            },
            "bins of {:?}",
            level.width
        );
        assert!(level.bins.len() <= BINS);
    }
}

#[test]
fn a_million_pings_draw_no_more_than_a_thousand() {
    let mut history = History::default();
    let count = 1_000_000u32;
    let apart = ms(100);
    for n in 0..count {
        let mut record = PingRecord::in_flight(u64::from(n) + 1, apart * n);
        history.sent(record);
        record.outcome = if n % 3 == 0 {
            Outcome::Lost
        } else {
            Outcome::Replied
        };
        record.rtt = (n % 3 > 0).then(|| ms(u64::from(n % 11) + 1));
        history.update(record);
    }
    assert_eq!(history.len(), ROWS);
    assert!(history.levels.iter().all(|level| level.bins.len() <= BINS));
    assert_eq!(history.oldest(), Some(Duration::ZERO));
    let end = apart * count;
    let columns = 160;
    for length in [ms(1000), ms(60_000), ms(600_000), end / 20, end / 3, end] {
        for window in [
            Duration::ZERO..length,
            (end - length) / 2..(end + length) / 2,
            end - length..end,
        ] {
            let drawn = history.draw(&window, columns);
            // At most two bins a column, or few enough rows.
            let most = (2 * usize::from(columns) + 2).max(ROWS_DRAWN);
            assert!(
                drawn.columns.len() <= most,
                "{} columns",
                drawn.columns.len()
            );
            assert!(drawn.losses.len() <= most, "{} losses", drawn.losses.len());
            assert!(drawn.rtt.len() <= 2 * most, "{} samples", drawn.rtt.len());
        }
    }
    let all = history.draw(&(Duration::ZERO..end), columns);
    assert!(
        all.rtt.len() <= 4 * usize::from(columns) + 4,
        "{} samples",
        all.rtt.len()
    );
    assert!(all.columns.len() >= usize::from(columns) / 2);
    for column in &all.columns {
        let third = 1.0 / 3.0;
        assert!((column.running - third).abs() < 0.01 && (column.rolling - third).abs() < 0.01);
    }
}

#[test]
fn the_bins_roll_over_as_many_pings_as_the_rows() {
    // More rows than are drawn one by one, so bins are drawn, with about twenty pings in each.
    let outcomes: String = (0..5000)
        .map(|n| if n % 10 == 0 { '0' } else { '1' })
        .collect();
    let told = Told::pings(&outcomes, ms(200));
    let drawn = told.history.draw(&secs(0..1000), 200);
    assert!(
        drawn.columns.len() > 200 && drawn.columns.len() <= 400,
        "{}",
        drawn.columns.len()
    );
    for column in drawn.columns.iter().skip(10) {
        assert!((column.rolling - 0.1).abs() < 0.02, "{column:?}");
    }
}

#[test]
fn the_nearest_row() {
    assert_eq!(History::default().nearest(ms(0)), None);
    let told = Told::pings("1111", ms(1000));
    let cases = [
        (0, 1),
        (499, 1),
        (500, 1),
        (501, 2),
        (1000, 2),
        (2600, 4),
        (3000, 4),
        (99_999, 4),
    ];
    for (at, seq) in cases {
        let nearest = told.history.nearest(ms(at)).map(|row| row.record.seq);
        assert_eq!(nearest, Some(seq), "at {at} ms");
    }
}

#[test]
fn the_next_loss() {
    let told = Told::pings("10.1r10", ms(1000));
    let cases = [
        (None, true, Some(2)),
        (None, false, Some(7)),
        (Some(0), true, Some(2)),
        (Some(2), true, Some(5)),
        (Some(5), true, Some(7)),
        (Some(7), true, None),
        (Some(7), false, Some(5)),
        (Some(5), false, Some(2)),
        (Some(2), false, None),
        (Some(1), false, None),
    ];
    for (from, forward, seq) in cases {
        let found = told
            .history
            .next_loss(from, forward)
            .map(|row| row.record.seq);
        assert_eq!(found, seq, "from {from:?}, forward {forward}");
    }
}

#[test]
fn heights_are_the_longest_and_the_99th_percentile() {
    let mut told = Told::default();
    for n in 0..200u32 {
        told.sent(ms(100) * n);
        told.decide(n as usize, Outcome::Replied, Some(ms(u64::from(n) + 1)));
    }
    // By nearest rank: the 198th of 200.
    assert_eq!(told.history.heights(&secs(0..20)), Some((200.0, 198.0)));
    assert_eq!(told.history.heights(&secs(0..10)), Some((100.0, 99.0)));
    assert_eq!(told.history.heights(&(ms(0)..ms(1))), Some((1.0, 1.0)));
}

#[test]
fn what_the_server_said_stands_beside_the_ping() {
    let mut told = Told::pings("000", ms(1000));
    let word = |ruling| ServerWord {
        ruling,
        delay: Duration::ZERO,
        copies: 0,
        corrupted: false,
        held: false,
    };
    let (request, reply) = (Leg::Request, Leg::Reply);
    let lost = |leg| Ruling::Lost {
        leg,
        why: Why::LabDraw(0),
    };
    assert!(told.history.server_said(1, word(lost(request))));
    assert!(
        told.history
            .server_said(2, word(Ruling::QueueFull { leg: reply }))
    );
    assert!(told.history.server_said(3, word(Ruling::Replied)));
    assert!(
        !told.history.server_said(4, word(Ruling::Replied)),
        "not sent yet"
    );
    assert!(!told.history.server_said(0, word(Ruling::Replied)));
    told.history.update(told.pings[0]);
    let row = told.history.row(1).expect("it is kept");
    assert_eq!(
        row.server.map(|word| word.ruling),
        Some(lost(request)),
        "it stays"
    );
}

#[test]
fn numbers_that_the_tap_left_out_are_missing_and_nothing_else() {
    let mut history = History::default();
    for seq in [1, 2, 5, 6, 9] {
        let mut record = PingRecord::in_flight(seq, ms(1000) * seq as u32);
        history.sent(record);
        record.outcome = Outcome::Lost;
        history.update(record);
    }
    let known = (0..12).filter(|&seq| history.row(seq).is_some_and(|row| row.record.seq == seq));
    assert_eq!(known.collect::<Vec<_>>(), [1, 2, 5, 6, 9]);
    assert_eq!(history.draw(&secs(0..12), 100).losses.len(), 5);
}

/// A life of a ping: when it goes after the one before, and what becomes of it after how long.
fn life() -> impl Strategy<Value = (u64, Vec<(u64, Outcome)>)> {
    let apart = prop_oneof![10 => 0u64..400, 1 => 0u64..400_000];
    let replied = (0u64..900).prop_map(|after| vec![(after, Outcome::Replied)]);
    let late =
        (1000u64..5000).prop_map(|after| vec![(1000, Outcome::Lost), (after, Outcome::Late)]);
    let fate = prop_oneof![
        5 => replied,
        3 => Just(vec![(1000, Outcome::Lost)]),
        1 => (0u64..900).prop_map(|after| vec![(after, Outcome::Refused)]),
        1 => late,
        1 => Just(vec![]),
    ];
    (apart, fate)
}

/// Tells a history of these lives in the order in which all of it happened.
fn live(lives: &[(u64, Vec<(u64, Outcome)>)]) -> Told {
    let mut happened = Vec::new();
    let mut now = 0;
    for (index, (apart, fate)) in lives.iter().enumerate() {
        now += apart;
        happened.push((now, index, None));
        let known = fate
            .iter()
            .map(|&(after, outcome)| (now + after, index, Some((after, outcome))));
        happened.extend(known);
    }
    happened.sort_by_key(|&(at, ..)| at);
    let mut told = Told::default();
    for (at, index, known) in happened {
        match known {
            None => told.sent(ms(at)),
            Some((after, outcome)) => {
                let answered = matches!(outcome, Outcome::Replied | Outcome::Late);
                told.decide(index, outcome, answered.then(|| ms(after)));
            }
        }
    }
    told
}

proptest! {
    #[test]
    fn what_is_drawn_agrees_with_a_plain_count(
        lives in prop::collection::vec(life(), 0..200),
        from in 0u64..20_000,
        length in 1u64..60_000,
        columns in 1u16..300,
    ) {
        let told = live(&lives);
        let window = ms(from)..ms(from + length);
        let drawn = told.history.draw(&window, columns);
        let inside = |ping: &&PingRecord| window.contains(&ping.sent_at);
        let seen: Vec<_> = told.pings.iter().filter(inside).collect();

        let losses: Vec<_> = seen.iter().filter(|ping| is_loss(ping))
            .map(|ping| (ping.sent_at.as_secs_f64(), ping.outcome)).collect();
        prop_assert_eq!(&drawn.losses, &losses);

        // Between two breaks lie the heights of an unbroken stretch of pings: no more of them, and its lowest and highest.
        let stretches: Vec<Vec<f64>> = seen.split(|ping| is_loss(ping))
            .map(|stretch| stretch.iter().filter_map(|ping| ping.rtt.map(millis)).collect()).collect();
        let drawn_stretches: Vec<Vec<f64>> = drawn.rtt.split(|sample| *sample == Sample::Break)
            .map(|stretch| stretch.iter().filter_map(|sample| match sample {
                Sample::At(_, height) => Some(*height),
                Sample::Break => None,
            }).collect()).collect();
        prop_assert_eq!(stretches.len(), drawn_stretches.len());
        for (heights, drawn) in stretches.iter().zip(&drawn_stretches) {
            prop_assert!(drawn.len() <= heights.len());
            let extremes = |heights: &[f64]| (
                heights.iter().copied().fold(f64::MAX, f64::min),
                heights.iter().copied().fold(f64::MIN, f64::max),
            );
            prop_assert_eq!(extremes(heights), extremes(drawn));
            let dots = usize::from(columns) * 2 + 2;
            prop_assert!(drawn.len() <= 2 * dots);
        }
        let times: Vec<_> = drawn.rtt.iter().filter_map(|sample| match sample {
            Sample::At(x, _) => Some(*x),
            Sample::Break => None,
        }).collect();
        prop_assert!(times.is_sorted());

        // Each column ends with its last decided ping.
        let width = ((window.end - window.start) / u32::from(columns)).as_nanos();
        let place = |ping: &PingRecord| ping.sent_at.as_nanos() / width;
        let decided: Vec<usize> = (0..told.pings.len())
            .filter(|&index| inside(&&told.pings[index]) && told.pings[index].outcome != Outcome::InFlight).collect();
        let groups: Vec<&[usize]> = decided.chunk_by(|&a, &b| place(&told.pings[a]) == place(&told.pings[b])).collect();
        prop_assert_eq!(drawn.columns.len(), groups.len());
        for (column, group) in drawn.columns.iter().zip(groups) {
            let (first, last) = (group[0], group[group.len() - 1]);
            let running = told.tally(0..last + 1);
            prop_assert_eq!(column.x, told.pings[last].sent_at.as_secs_f64());
            prop_assert!(close(column.running, running.loss().expect("decided")));
            prop_assert!(close(column.rolling, told.rolling(last, first)), "{} at {}", column.rolling, last);
            prop_assert_eq!(Some(column.interval), stats::wilson(running.lost, running.decided, stats::Z95));
        }
    }

    #[test]
    fn every_level_of_bins_holds_every_decided_ping(lives in prop::collection::vec(life(), 0..300)) {
        let told = live(&lives);
        let all = told.tally(0..told.pings.len());
        for level in &told.history.levels {
            let mut sum = level.forgotten;
            level.bins.iter().for_each(|bin| sum.add(bin.tally));
            prop_assert_eq!(sum, all);
            prop_assert!(level.bins.len() <= BINS);
            let mut extremes: BTreeMap<u64, (f32, f32)> = BTreeMap::new();
            for ping in told.pings.iter().filter(|ping| level.number(ping.sent_at) >= level.first) {
                if let Some(height) = ping.rtt.map(|rtt| millis(rtt) as f32) {
                    let (low, high) = extremes.entry(level.number(ping.sent_at)).or_insert((height, height));
                    (*low, *high) = (low.min(height), high.max(height));
                }
            }
            let binned = (level.first..).zip(&level.bins).filter_map(|(number, bin)| Some((number, bin.rtt?)));
            prop_assert_eq!(binned.collect::<BTreeMap<_, _>>(), extremes);
        }
        let rows: Vec<_> = told.history.rows().map(|row| row.record).collect();
        prop_assert_eq!(rows, told.pings);
    }

    #[test]
    fn nearest_and_next_loss_agree_with_a_plain_search(
        lives in prop::collection::vec(life(), 0..60),
        at in 0u64..40_000,
        seq in 0u64..70,
        forward in any::<bool>(),
    ) {
        let told = live(&lives);
        let distance = |ping: &PingRecord| ping.sent_at.abs_diff(ms(at));
        let found = told.history.nearest(ms(at)).map(|row| distance(&row.record));
        prop_assert_eq!(found, told.pings.iter().map(distance).min());
        let mut losses = told.pings.iter().filter(|ping| is_loss(ping)).map(|ping| ping.seq);
        let expected = if forward {
            losses.find(|&loss| loss > seq)
        } else {
            losses.rfind(|&loss| loss < seq)
        };
        let found = told.history.next_loss(Some(seq), forward).map(|row| row.record.seq);
        prop_assert_eq!(found, expected);
    }
}
