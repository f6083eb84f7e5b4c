//! Round-trip times of one target as running figures: last, least, mean, greatest, deviation,
//! percentiles and histogram. Apart from the rest because it knows nothing of sequence numbers or
//! loss: it is a heap of durations that stays the same size however many are put in.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::from_nanos;

/// Longest round-trip time told apart; a longer one counts as this long in every figure of
/// [`RttSummary`]. It bounds the histogram and keeps the integer sums from overflowing.
pub const LONGEST_RTT: Duration = Duration::from_secs(3600);

/// Up to this many round-trip times the percentiles are exact.
pub const EXACT_SAMPLES: usize = 1024;

/// Running figures over round-trip times, in order of arrival.
///
/// Resolution is 1 ns, range 0 to [`LONGEST_RTT`]. Adding one costs O(1) (an insertion into at most
/// [`EXACT_SAMPLES`] sorted numbers at first); memory is at most 8 KiB while the percentiles are
/// exact and about 270 KiB afterwards.
#[derive(Clone, Debug)]
pub struct RttSummary {
    count: u64,
    last: u64,
    min: u64,
    max: u64,
    sum: u128,
    sum_of_squares: u128,
    samples: Samples,
}

/// What the percentiles are read from.
#[derive(Clone, Debug)]
enum Samples {
    /// Every sample in nanoseconds, sorted.
    Exact(Vec<u64>),
    /// Counts in buckets of three significant figures.
    Binned(Box<Histogram<u64>>),
}

/// How the edges of histogram buckets are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Each bucket as many nanoseconds wide as the next.
    Linear,
    /// Each bucket's upper edge the same multiple of its lower edge.
    Logarithmic,
}

impl Scale {
    /// The `n + 1` edges of `n` buckets from `lo` to `hi`, each rounded to a nanosecond and none above
    /// [`LONGEST_RTT`]. On the logarithmic scale, which has no zero, `lo` and `hi` are at least 1 ns.
    /// Empty if `n` is 0 or `lo > hi`.
    pub fn edges(self, lo: Duration, hi: Duration, n: usize) -> Vec<Duration> {
        if n == 0 || lo > hi {
            return Vec::new();
        }
        let (lo, hi) = match self {
            Scale::Linear => (nanos(lo), nanos(hi)),
            Scale::Logarithmic => (nanos(lo).max(1), nanos(hi).max(1)),
        };
        (0..=n)
            .map(|i| {
                let part = i as f64 / n as f64;
                let edge = match self {
                    Scale::Linear => lo as f64 + (hi - lo) as f64 * part,
                    Scale::Logarithmic => lo as f64 * (hi as f64 / lo as f64).powf(part),
                };
                from_nanos(edge)
            })
            .collect()
    }
}

impl Default for RttSummary {
    fn default() -> Self {
        Self {
            count: 0,
            last: 0,
            min: u64::MAX,
            max: 0,
            sum: 0,
            sum_of_squares: 0,
            samples: Samples::Exact(Vec::new()),
        }
    }
}

impl RttSummary {
    /// Adds the round-trip time that arrived next.
    pub fn record(&mut self, rtt: Duration) {
        let ns = nanos(rtt);
        self.count += 1;
        self.last = ns;
        self.min = self.min.min(ns);
        self.max = self.max.max(ns);
        self.sum += u128::from(ns);
        self.sum_of_squares += u128::from(ns) * u128::from(ns);
        match &mut self.samples {
            Samples::Exact(sorted) if sorted.len() < EXACT_SAMPLES => {
                let at = sorted.partition_point(|&x| x <= ns);
                sorted.insert(at, ns);
            }
            Samples::Exact(sorted) => {
                let mut bins = empty_bins();
                for &mut x in sorted {
                    bins.saturating_record(x);
                }
                bins.saturating_record(ns);
                self.samples = Samples::Binned(Box::new(bins));
            }
            Samples::Binned(bins) => bins.saturating_record(ns),
        }
    }

    /// How many round-trip times were added.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The one that arrived last.
    pub fn last(&self) -> Option<Duration> {
        self.known(self.last)
    }

    /// The least.
    pub fn min(&self) -> Option<Duration> {
        self.known(self.min)
    }

    /// The greatest.
    pub fn max(&self) -> Option<Duration> {
        self.known(self.max)
    }

    /// Arithmetic mean, rounded to a nanosecond.
    pub fn mean(&self) -> Option<Duration> {
        let n = u128::from(self.count);
        let mean = (self.sum + n / 2).checked_div(n)?;
        // The mean of u64 numbers fits a u64.
        self.known(mean as u64)
    }

    /// Mean deviation as the `ping` of iputils names and computes it: the population standard
    /// deviation, sqrt(E\[x²\] - E\[x\]²). `None` before the second sample, because one value has no
    /// spread (iputils prints 0 there).
    pub fn mdev(&self) -> Option<Duration> {
        if self.count < 2 {
            return None;
        }
        // Σ(x-q)² around the whole part q of the mean is exact in integers; what is left to
        // subtract, n(mean-q)² = r²/n, is below n. So nothing cancels, however large the times are.
        let n = u128::from(self.count);
        let (q, r) = (self.sum / n, self.sum % n);
        let about_q = self.sum_of_squares + q * q * n - 2 * q * self.sum;
        let squares = about_q as f64 - (r * r) as f64 / n as f64;
        Some(from_nanos((squares.max(0.0) / n as f64).sqrt()))
    }

    /// Median: [`percentile`](Self::percentile) 50.
    pub fn p50(&self) -> Option<Duration> {
        self.percentile(50)
    }

    /// [`percentile`](Self::percentile) 95.
    pub fn p95(&self) -> Option<Duration> {
        self.percentile(95)
    }

    /// [`percentile`](Self::percentile) 99.
    pub fn p99(&self) -> Option<Duration> {
        self.percentile(99)
    }

    /// The nearest-rank percentile: the sample at rank ⌈percent·n/100⌉ of the sorted samples, counted
    /// from 1 (percentages above 100 mean 100, and 0 gives the least).
    ///
    /// Exact up to [`EXACT_SAMPLES`] samples. After that it is the upper end of a bucket of three
    /// significant figures, at most 0.1 % too high, and never outside `min..=max`.
    pub fn percentile(&self, percent: u8) -> Option<Duration> {
        if self.count == 0 {
            return None;
        }
        let percent = u128::from(percent.min(100));
        let rank = (percent * u128::from(self.count)).div_ceil(100).max(1) as u64;
        let ns = match &self.samples {
            Samples::Exact(sorted) => *sorted.get(rank as usize - 1)?,
            // Half a rank less survives the rounding of rank/n·n, and is rounded up again there.
            Samples::Binned(bins) => bins
                .value_at_quantile((rank as f64 - 0.5) / self.count as f64)
                .clamp(self.min, self.max),
        };
        Some(Duration::from_nanos(ns))
    }

    /// Counts for a histogram of `n` buckets between `lo` and `hi`, whose edges are
    /// [`Scale::edges`]: a bucket holds its lower edge and not its upper one, the last holds both.
    /// Samples outside `lo..=hi` are in no bucket. Empty if `n` is 0 or `lo > hi`.
    ///
    /// After [`EXACT_SAMPLES`] samples each one stands where the middle of its bucket of three
    /// significant figures is.
    pub fn buckets(&self, scale: Scale, lo: Duration, hi: Duration, n: usize) -> Vec<u64> {
        let edges: Vec<u64> = scale.edges(lo, hi, n).into_iter().map(nanos).collect();
        let mut buckets = vec![0; edges.len().saturating_sub(1)];
        let (Some(end), lo, hi) = (buckets.len().checked_sub(1), nanos(lo), nanos(hi)) else {
            return buckets;
        };
        let mut add = |ns: u64, count: u64| {
            if (lo..=hi).contains(&ns) {
                let upper = edges.partition_point(|&edge| edge <= ns);
                buckets[upper.saturating_sub(1).min(end)] += count;
            }
        };
        match &self.samples {
            Samples::Exact(sorted) => sorted.iter().for_each(|&ns| add(ns, 1)),
            Samples::Binned(bins) => bins.iter_recorded().for_each(|bin| {
                let middle = bins.median_equivalent(bin.value_iterated_to());
                add(middle.clamp(self.min, self.max), bin.count_at_value());
            }),
        }
        buckets
    }

    fn known(&self, ns: u64) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_nanos(ns))
    }
}

fn nanos(rtt: Duration) -> u64 {
    // An hour is 3.6e12 ns.
    rtt.min(LONGEST_RTT).as_nanos() as u64
}

fn empty_bins() -> Histogram<u64> {
    Histogram::new_with_bounds(1, nanos(LONGEST_RTT), 3)
        .expect("low is 1, high is above twice that, and 3 figures are within 0 to 5")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn summary(nanos: impl IntoIterator<Item = u64>) -> RttSummary {
        let mut summary = RttSummary::default();
        for ns in nanos {
            summary.record(Duration::from_nanos(ns));
        }
        summary
    }

    fn ns(ns: u64) -> Option<Duration> {
        Some(Duration::from_nanos(ns))
    }

    const MS: u64 = 1_000_000;

    #[test]
    fn nothing_is_known_before_the_first_sample() {
        let empty = RttSummary::default();
        let figures = [
            empty.last(),
            empty.min(),
            empty.mean(),
            empty.max(),
            empty.mdev(),
            empty.p50(),
            empty.p95(),
            empty.p99(),
        ];
        assert_eq!(figures, [None; 8]);
        let hi = Duration::from_secs(1);
        assert_eq!(
            empty.buckets(Scale::Linear, Duration::ZERO, hi, 3),
            [0, 0, 0]
        );
    }

    #[test]
    fn one_sample_has_no_spread() {
        let one = summary([7]);
        assert_eq!((one.min(), one.mean(), one.max()), (ns(7), ns(7), ns(7)));
        assert_eq!((one.p50(), one.p99()), (ns(7), ns(7)));
        assert_eq!(one.mdev(), None);
        assert_eq!(summary([7, 7]).mdev(), ns(0));
    }

    /// iputils: 10, 12, 14, 100 ms give avg 34.000 and mdev 38.131 (the sample deviation is 44.030).
    #[test]
    fn mdev_is_that_of_iputils() {
        let s = summary([10, 12, 14, 100].map(|ms| ms * MS));
        assert_eq!(s.mean(), ns(34 * MS));
        let mdev = s.mdev().unwrap().as_secs_f64() * 1e3;
        assert!((mdev - 38.131).abs() < 0.0005, "{mdev}");
        assert!((mdev * (4.0_f64 / 3.0).sqrt() - 44.030).abs() < 0.0005);
        assert_eq!(
            (s.last(), s.min(), s.max()),
            (ns(100 * MS), ns(10 * MS), ns(100 * MS))
        );
    }

    /// The two round trips in irtt's man page: sample deviation 24752 ns, so the population's is
    /// that over √2.
    #[test]
    fn mdev_of_the_irtt_example() {
        let s = summary([134_460, 99_455]);
        assert_eq!(s.mdev(), ns(17_503)); // 17502.5
        let sample = 17_502.5 * 2.0_f64.sqrt();
        assert_eq!(sample.round(), 24_752.0);
        assert_eq!(s.mean(), ns(116_958)); // 116957.5
    }

    #[test]
    fn mdev_does_not_cancel_next_to_a_large_mean() {
        let base = 3_000_000_000_000;
        let s = summary((0..2000).map(|i| base + i % 2 * 2));
        assert_eq!(s.mdev(), ns(1));
        assert_eq!(s.mean(), ns(base + 1));
    }

    #[test]
    fn percentiles_are_nearest_rank() {
        // The worked example of the nearest-rank method: 15 20 35 40 50.
        let s = summary([40, 15, 50, 35, 20]);
        let table = [
            (0, 15),
            (5, 15),
            (20, 15),
            (30, 20),
            (40, 20),
            (50, 35),
            (100, 50),
        ];
        for (percent, expected) in table {
            assert_eq!(s.percentile(percent), ns(expected), "{percent}");
        }
        let hundred = summary((1..=100).rev());
        assert_eq!(
            (hundred.p50(), hundred.p95(), hundred.p99()),
            (ns(50), ns(95), ns(99))
        );
        assert_eq!(hundred.percentile(255), ns(100));
    }

    #[test]
    fn percentiles_stay_within_three_figures_after_the_exact_samples() {
        for n in [EXACT_SAMPLES as u64, EXACT_SAMPLES as u64 + 1, 5000] {
            let s = summary((1..=n).map(|i| i * 1_000));
            for percent in [1, 50, 95, 99, 100] {
                let exact = (u64::from(percent) * n).div_ceil(100) * 1_000;
                let found = s.percentile(percent).unwrap().as_nanos() as u64;
                assert!(
                    (exact..=exact + exact / 1000).contains(&found),
                    "{n} {percent} {found}"
                );
            }
        }
    }

    #[test]
    fn longer_than_an_hour_counts_as_an_hour() {
        let mut s = RttSummary::default();
        for _ in 0..=EXACT_SAMPLES {
            s.record(Duration::MAX);
        }
        assert_eq!(
            (s.min(), s.p50(), s.max()),
            (Some(LONGEST_RTT), Some(LONGEST_RTT), Some(LONGEST_RTT))
        );
        assert_eq!(
            (s.mean(), s.mdev()),
            (Some(LONGEST_RTT), Some(Duration::ZERO))
        );
    }

    #[test]
    fn linear_buckets() {
        let s = summary([0, 9, 10, 19, 20, 30, 31]);
        let at = Duration::from_nanos;
        assert_eq!(s.buckets(Scale::Linear, at(0), at(30), 3), [2, 2, 2]);
        assert_eq!(s.buckets(Scale::Linear, at(10), at(20), 1), [3]);
        assert_eq!(s.buckets(Scale::Linear, at(10), at(10), 2), [0, 1]);
        assert!(s.buckets(Scale::Linear, at(0), at(30), 0).is_empty());
        assert!(s.buckets(Scale::Linear, at(30), at(0), 3).is_empty());
    }

    #[test]
    fn logarithmic_buckets_split_at_the_decades() {
        let at = Duration::from_nanos;
        assert_eq!(
            Scale::Logarithmic.edges(at(1_000), at(1_000_000), 3),
            [at(1_000), at(10_000), at(100_000), at(1_000_000)]
        );
        let s = summary([999, 1_000, 9_999, 10_000, 99_999, 100_000, 1_000_000]);
        let buckets = s.buckets(Scale::Logarithmic, at(1_000), at(1_000_000), 3);
        assert_eq!(buckets, [2, 2, 2]);
        let from_zero = s.buckets(Scale::Logarithmic, at(0), at(1_000_000), 6);
        assert_eq!(from_zero, [0, 0, 1, 2, 2, 2]);
    }

    proptest! {
        #[test]
        fn figures_agree_with_the_sorted_samples(
            samples in prop_oneof![
                prop::collection::vec(0..5_000_000_000_u64, 1..40),
                prop::collection::vec(0..3_000_000_u64, 1..3000),
            ],
        ) {
            let s = summary(samples.iter().copied());
            let mut sorted = samples.clone();
            sorted.sort_unstable();
            let (lo, hi) = (Duration::from_nanos(sorted[0]), Duration::from_nanos(sorted[sorted.len() - 1]));
            prop_assert_eq!((s.min(), s.max()), (Some(lo), Some(hi)));
            prop_assert_eq!(s.last(), ns(samples[samples.len() - 1]));
            let ordered = [s.min(), s.p50(), s.p95(), s.p99(), s.max()];
            prop_assert!(ordered.is_sorted(), "{:?}", ordered);
            for percent in [50, 95, 99] {
                let exact = sorted[(percent as usize * sorted.len()).div_ceil(100) - 1];
                let found = s.percentile(percent).unwrap().as_nanos() as u64;
                let slack = if sorted.len() > EXACT_SAMPLES { exact / 1000 } else { 0 };
                prop_assert!((exact..=exact + slack).contains(&found));
            }
            let n = samples.len() as f64;
            let mean = samples.iter().map(|&x| x as f64).sum::<f64>() / n;
            let sd = (samples.iter().map(|&x| (x as f64 - mean).powi(2)).sum::<f64>() / n).sqrt();
            match s.mdev() {
                Some(mdev) => prop_assert!((mdev.as_nanos() as f64 - sd).abs() <= 1.0 + sd * 1e-9),
                None => prop_assert_eq!(samples.len(), 1),
            }
            for scale in [Scale::Linear, Scale::Logarithmic] {
                let total: u64 = s.buckets(scale, lo, hi, 17).iter().sum();
                prop_assert_eq!(total, s.count());
            }
        }
    }
}
