//! Two of the numbers that people call jitter, each under its own name. They differ in which pairs
//! they compare, so a jitter without its definition says nothing; that is why each has a type here.

use std::time::Duration;

use super::from_nanos;

/// Interarrival jitter of RFC 3550, section 6.4.1: for each pair of datagrams **in order of
/// arrival**, D = (Rj - Ri) - (Sj - Si), the change of transit time, and J += (|D| - J)/16.
///
/// Fed with round-trip times in place of one-way transits, so D is the change of the RTT. J is kept
/// as it is defined, not multiplied by 16 as the sample code in RFC 3550 (A.8) keeps it. It moves
/// half of the way to a new level in 10.7 datagrams and 95 % in 46.
#[derive(Clone, Debug, Default)]
pub struct Rfc3550Jitter {
    previous: Option<Duration>,
    nanos: Option<f64>,
}

impl Rfc3550Jitter {
    /// Adds the transit time of the datagram that arrived next.
    pub fn record(&mut self, transit: Duration) {
        if let Some(previous) = self.previous.replace(transit) {
            let d = transit.abs_diff(previous).as_nanos() as f64;
            let j = self.nanos.unwrap_or(0.0);
            self.nanos = Some(j + (d - j) / 16.0);
        }
    }

    /// J, or `None` before the first pair.
    pub fn jitter(&self) -> Option<Duration> {
        self.nanos.map(from_nanos)
    }
}

/// Mean |IPDV|: the mean absolute difference of the RTTs of neighbours **in sequence** that were both
/// answered, as irtt computes it (packet delay variation of consecutive packets, RFC 3393). One lost
/// ping takes out two differences.
#[derive(Clone, Debug, Default)]
pub struct MeanIpdv {
    sum: u128,
    pairs: u64,
}

impl MeanIpdv {
    /// Adds a pair of neighbours in sequence. Their order does not matter, nor does that of the pairs.
    pub fn record(&mut self, a: Duration, b: Duration) {
        self.sum = self.sum.saturating_add(a.abs_diff(b).as_nanos());
        self.pairs += 1;
    }

    /// The mean, or `None` before the first pair.
    pub fn mean(&self) -> Option<Duration> {
        (self.pairs > 0).then(|| from_nanos(self.sum as f64 / self.pairs as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Transits of the worked example, in milliseconds.
    const TRANSITS: [u64; 5] = [20, 24, 18, 30, 30];

    #[test]
    fn rfc3550_worked_example() {
        // J in ms: .25, .609375, 1.32128906, 1.23870850.
        let expected = [
            None,
            Some(250_000),
            Some(609_375),
            Some(1_321_289),
            Some(1_238_708),
        ];
        let mut jitter = Rfc3550Jitter::default();
        for (ms, expected) in TRANSITS.into_iter().zip(expected) {
            jitter.record(Duration::from_millis(ms));
            assert_eq!(jitter.jitter(), expected.map(Duration::from_nanos));
        }
    }

    #[test]
    fn rfc3550_half_life() {
        let step = |n: usize| {
            let mut jitter = Rfc3550Jitter::default();
            for i in 0..=n {
                jitter.record(Duration::from_secs(i as u64 % 2));
            }
            jitter.jitter().unwrap().as_secs_f64()
        };
        assert!(step(10) < 0.5 && step(11) > 0.5);
        assert!(step(46) < 0.95 && step(47) > 0.95);
    }

    #[test]
    fn ipdv_worked_example() {
        let mut ipdv = MeanIpdv::default();
        assert_eq!(ipdv.mean(), None);
        for pair in TRANSITS.windows(2) {
            ipdv.record(
                Duration::from_millis(pair[0]),
                Duration::from_millis(pair[1]),
            );
        }
        // |4| |-6| |12| |0|
        assert_eq!(ipdv.mean(), Some(Duration::from_micros(5_500)));
    }

    #[test]
    fn ipdv_of_the_irtt_example() {
        let mut ipdv = MeanIpdv::default();
        ipdv.record(Duration::from_nanos(134_460), Duration::from_nanos(99_455));
        assert_eq!(ipdv.mean(), Some(Duration::from_nanos(35_005)));
    }

    proptest! {
        #[test]
        fn jitter_is_never_above_the_largest_change(rtts in prop::collection::vec(0..u64::MAX, 2..50)) {
            let mut jitter = Rfc3550Jitter::default();
            let mut ipdv = MeanIpdv::default();
            for &ns in &rtts {
                jitter.record(Duration::from_nanos(ns));
            }
            let mut largest = 0;
            for pair in rtts.windows(2) {
                ipdv.record(Duration::from_nanos(pair[0]), Duration::from_nanos(pair[1]));
                largest = largest.max(pair[0].abs_diff(pair[1]));
            }
            // f64 carries 53 bits.
            let bound = Duration::from_nanos(largest).mul_f64(1.0 + 1e-9) + Duration::from_nanos(1);
            prop_assert!(jitter.jitter().unwrap() <= bound);
            prop_assert!(ipdv.mean().unwrap() <= bound);
        }
    }
}
