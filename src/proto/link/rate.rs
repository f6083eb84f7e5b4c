//! The bottleneck of one leg: datagrams leave at a given rate, wait in a finite queue, and are
//! dropped at its tail when it is full. All clients share it, as they would share a wire.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::spec::{SpecError, SpecErrorKind, number_and_unit, parts, scaled};
use crate::proto::serial;

/// Octets on the wire besides the payload: an IPv4 header without options (20, RFC 791) and a UDP
/// header (8, RFC 768). Link layers add more, IPv6 has 20 more; neither is counted.
pub const HEADERS: usize = 28;

/// The queue if only a rate is given.
pub const DEFAULT_QUEUE: usize = 50;

const LONGEST_QUEUE: usize = 100_000;
const LOWEST_RATE: f64 = 100.0;
const HIGHEST_RATE: f64 = 1e12;

const UNITS: &[(&str, u64, usize)] = &[
    ("gbit", 1_000_000_000, 9),
    ("mbit", 1_000_000, 6),
    ("kbit", 1_000, 3),
    ("bit", 1, 0),
];

/// How fast a leg takes datagrams.
///
/// As text: `none`, `64kbit`, or `64kbit,20` for a queue of 20 datagrams; units are bit, kbit, mbit
/// and gbit a second, in powers of 1000. `Display` writes text that reads back as the same rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rate {
    /// At once.
    #[default]
    Unlimited,
    /// One after the other.
    Limited {
        /// Bits a second, [headers](HEADERS) included.
        bits_per_second: u64,
        /// Most datagrams in the queue at once, the one being sent included.
        queue: usize,
    },
}

impl FromStr for Rate {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Rate, SpecError> {
        if text.trim().eq_ignore_ascii_case("none") {
            return Ok(Rate::Unlimited);
        }
        let parts = parts(text, 1, 2)?;
        let wrong = |kind| SpecError::new(kind, parts[0]);
        let (number, unit) = number_and_unit(parts[0]).ok_or_else(|| wrong(SpecErrorKind::Rate))?;
        if unit.is_empty() {
            return Err(wrong(SpecErrorKind::RateUnit));
        }
        let bits = UNITS
            .iter()
            .find(|(name, ..)| unit.eq_ignore_ascii_case(name))
            .map(|(_, scale, _)| (number * *scale as f64).round())
            .ok_or_else(|| wrong(SpecErrorKind::Rate))?;
        if !(LOWEST_RATE..=HIGHEST_RATE).contains(&bits) {
            return Err(wrong(SpecErrorKind::RateRange));
        }
        let queue = match parts.get(1) {
            None => DEFAULT_QUEUE,
            Some(queue) => queue
                .parse()
                .ok()
                .filter(|queue| (1..=LONGEST_QUEUE).contains(queue))
                .ok_or_else(|| SpecError::new(SpecErrorKind::Queue, *queue))?,
        };
        Ok(Rate::Limited {
            bits_per_second: bits as u64,
            queue,
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rate::Limited {
            bits_per_second,
            queue,
        } = *self
        else {
            return f.write_str("none");
        };
        let (name, places) = UNITS
            .iter()
            .find(|(_, scale, _)| bits_per_second >= *scale)
            .map_or(("bit", 0), |(name, _, places)| (*name, *places));
        write!(f, "{}{name}", scaled(u128::from(bits_per_second), places))?;
        if queue != DEFAULT_QUEUE {
            write!(f, ",{queue}")?;
        }
        Ok(())
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serial::text::deserialize(deserializer)
    }
}

/// The datagrams in one leg's queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// When each will have left, earliest first.
    departures: VecDeque<Duration>,
}

impl Queue {
    /// Puts a datagram of `payload` octets into the queue at `now` and returns when it has left,
    /// or `None` if the queue is full.
    pub(super) fn pass(&mut self, rate: Rate, payload: usize, now: Duration) -> Option<Duration> {
        let Rate::Limited {
            bits_per_second,
            queue,
        } = rate
        else {
            return Some(now);
        };
        while self.departures.front().is_some_and(|left| *left <= now) {
            self.departures.pop_front();
        }
        if self.departures.len() >= queue {
            return None;
        }
        let bits = (payload + HEADERS) as u64 * 8;
        let nanos = u128::from(bits) * 1_000_000_000 / u128::from(bits_per_second.max(1));
        // Payloads fit a datagram, so even at 1 bit a second this is under seven days.
        let sending = Duration::from_nanos(nanos as u64);
        let start = self.departures.back().map_or(now, |last| now.max(*last));
        let left = start.saturating_add(sending);
        self.departures.push_back(left);
        Some(left)
    }

    /// Forgets what is in the queue.
    pub(super) fn clear(&mut self) {
        self.departures.clear();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limited(bits_per_second: u64, queue: usize) -> Rate {
        Rate::Limited {
            bits_per_second,
            queue,
        }
    }

    #[test]
    fn specs_are_read_and_refused() {
        for (text, rate, shown) in [
            ("none", Rate::Unlimited, "none"),
            ("64kbit", limited(64_000, 50), "64kbit"),
            ("1.5mbit", limited(1_500_000, 50), "1.5mbit"),
            ("64 KBit , 20", limited(64_000, 20), "64kbit,20"),
            ("9600bit", limited(9_600, 50), "9.6kbit"),
            ("300bit", limited(300, 50), "300bit"),
            ("1gbit,1", limited(1_000_000_000, 1), "1gbit,1"),
            ("1000gbit", limited(1_000_000_000_000, 50), "1000gbit"),
        ] {
            assert_eq!(text.parse(), Ok(rate), "{text}");
            assert_eq!(rate.to_string(), shown);
        }
        use SpecErrorKind as Kind;
        for (text, kind) in [
            ("64", Kind::RateUnit),
            ("64kbps", Kind::Rate),
            ("fast", Kind::Rate),
            ("", Kind::Rate),
            ("-1kbit", Kind::Rate),
            ("0kbit", Kind::RateRange),
            ("99bit", Kind::RateRange),
            ("2000gbit", Kind::RateRange),
            ("64kbit,0", Kind::Queue),
            ("64kbit,1000000", Kind::Queue),
            ("64kbit,many", Kind::Queue),
            ("64kbit,-1", Kind::Queue),
            ("64kbit,1,2", Kind::PartCount { least: 1, most: 2 }),
        ] {
            assert_eq!(text.parse::<Rate>().unwrap_err().kind, kind, "{text}");
        }
    }

    #[test]
    fn a_queue_serves_in_turn_and_drops_its_tail() {
        // 172 + 28 octets at 64 kbit/s take 25 ms.
        let rate = limited(64_000, 3);
        let ms = Duration::from_millis;
        let mut queue = Queue::default();
        let mut pass = |at| queue.pass(rate, 172, ms(at));
        assert_eq!(pass(0), Some(ms(25)));
        assert_eq!(pass(0), Some(ms(50)));
        assert_eq!(pass(10), Some(ms(75)));
        assert_eq!(pass(24), None);
        assert_eq!(pass(25), Some(ms(100)));
        assert_eq!(pass(200), Some(ms(225)));
    }

    pub(in super::super) fn any_rate() -> impl Strategy<Value = Rate> {
        prop_oneof![
            Just(Rate::Unlimited),
            (100u64..=1_000_000_000_000, 1usize..=100_000)
                .prop_map(|(bits, queue)| limited(bits, queue)),
            (100u64..=100_000, 1usize..=20).prop_map(|(bits, queue)| limited(bits, queue)),
        ]
    }

    proptest! {
        #[test]
        fn every_rate_reads_back(rate in any_rate()) {
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }

        #[test]
        fn a_queue_never_exceeds_its_limit(
            bits in 100u64..=100_000,
            limit in 1usize..=20,
            arrivals in proptest::collection::vec((0u64..500, 0usize..=65_507), 1..200),
        ) {
            let mut queue = Queue::default();
            let mut now = Duration::ZERO;
            let mut inside: Vec<Duration> = Vec::new();
            for (gap, payload) in arrivals {
                now += Duration::from_millis(gap);
                inside.retain(|left| *left > now);
                match queue.pass(limited(bits, limit), payload, now) {
                    Some(left) => {
                        prop_assert!(left > now);
                        prop_assert!(inside.iter().all(|earlier| *earlier < left));
                        inside.push(left);
                    }
                    None => prop_assert_eq!(inside.len(), limit),
                }
                prop_assert!(inside.len() <= limit);
            }
        }
    }
}
