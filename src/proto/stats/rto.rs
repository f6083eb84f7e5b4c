//! The retransmission timeout that TCP would use on this path (RFC 6298). Pings are never sent again,
//! so here it only answers "how long would TCP have waited?"; hence no back-off, and Karn's rule has
//! nothing to exclude.

use std::time::Duration;

use super::from_nanos;

/// Running SRTT and RTTVAR, fed in order of arrival.
#[derive(Clone, Debug)]
pub struct RtoEstimator {
    granularity: f64,
    smoothed: Option<Smoothed>,
}

/// Both in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Smoothed {
    srtt: f64,
    rttvar: f64,
}

/// What RFC 6298 makes of the round-trip times so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rto {
    /// Smoothed round-trip time, SRTT.
    pub srtt: Duration,
    /// Round-trip time variation, RTTVAR.
    pub rttvar: Duration,
    /// SRTT + max(G, 4·RTTVAR), before the floor.
    pub rto: Duration,
}

impl Rto {
    /// The least RTO that RFC 6298 (2.4) says a sender should use.
    pub const FLOOR: Duration = Duration::from_secs(1);

    /// The RTO with the floor of rule 2.4 applied.
    pub fn rto_floored(self) -> Duration {
        self.rto.max(Self::FLOOR)
    }
}

impl RtoEstimator {
    /// `granularity` is G, the smallest step of the clock that measures the round-trip times.
    pub fn new(granularity: Duration) -> Self {
        Self {
            granularity: granularity.as_nanos() as f64,
            smoothed: None,
        }
    }

    /// Adds a round-trip time R. The first (rule 2.2): SRTT = R, RTTVAR = R/2. Later ones (rule 2.3):
    /// RTTVAR = ¾·RTTVAR + ¼·|SRTT - R|, then SRTT = ⅞·SRTT + ⅛·R.
    pub fn record(&mut self, rtt: Duration) {
        let r = rtt.as_nanos() as f64;
        self.smoothed = Some(match self.smoothed {
            None => Smoothed {
                srtt: r,
                rttvar: r / 2.0,
            },
            Some(Smoothed { srtt, rttvar }) => Smoothed {
                rttvar: 0.75 * rttvar + 0.25 * (srtt - r).abs(),
                srtt: 0.875 * srtt + 0.125 * r,
            },
        });
    }

    /// The estimate, or `None` before the first round-trip time.
    pub fn estimate(&self) -> Option<Rto> {
        let Smoothed { srtt, rttvar } = self.smoothed?;
        Some(Rto {
            srtt: from_nanos(srtt),
            rttvar: from_nanos(rttvar),
            rto: from_nanos(srtt + self.granularity.max(4.0 * rttvar)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6298_worked_example() {
        let mut estimator = RtoEstimator::new(Duration::from_millis(1));
        assert_eq!(estimator.estimate(), None);
        // R in ms; SRTT, RTTVAR, RTO in ns.
        let table = [
            (100, 100_000_000, 50_000_000, 300_000_000),
            (120, 102_500_000, 42_500_000, 272_500_000),
            (80, 99_687_500, 37_500_000, 249_687_500),
            // Exactly 124726562.5, 78203125, 437539062.5.
            (300, 124_726_563, 78_203_125, 437_539_063),
        ];
        for (r, srtt, rttvar, rto) in table {
            estimator.record(Duration::from_millis(r));
            let expected = Rto {
                srtt: Duration::from_nanos(srtt),
                rttvar: Duration::from_nanos(rttvar),
                rto: Duration::from_nanos(rto),
            };
            assert_eq!(estimator.estimate(), Some(expected), "after R = {r} ms");
            assert_eq!(expected.rto_floored(), Duration::from_secs(1));
        }
    }

    #[test]
    fn a_coarse_clock_keeps_the_rto_a_step_away() {
        let mut estimator = RtoEstimator::new(Duration::from_millis(16));
        for _ in 0..200 {
            estimator.record(Duration::from_millis(40));
        }
        let rto = estimator.estimate().unwrap().rto;
        assert_eq!(rto, Duration::from_millis(56));
    }

    #[test]
    fn the_floor_lifts_only_what_is_below_it() {
        let mut estimator = RtoEstimator::new(Duration::ZERO);
        estimator.record(Duration::from_secs(2));
        let estimate = estimator.estimate().unwrap();
        assert_eq!(estimate.rto_floored(), Duration::from_secs(6));
    }
}
