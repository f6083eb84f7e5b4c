//! Losses in a row. The rate says how many pings are lost, the runs say whether they are lost one by
//! one or in bursts; apart because it needs the outcomes in order of sequence and nothing else.

/// The histogram counts runs of 1 to this many losses each for itself; longer ones share a last bin.
pub const LONGEST_RUN_BIN: usize = 16;

/// Running count of loss runs over outcomes in order of sequence. A run that is still open counts
/// with the length it has.
#[derive(Clone, Debug, Default)]
pub struct LossRuns {
    decided: u64,
    lost: u64,
    runs: u64,
    longest: u64,
    open: u64,
    histogram: [u64; LONGEST_RUN_BIN + 1],
}

/// The figures of [`LossRuns`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Runs {
    /// Mean length of a loss run; `None` before the first loss. Independent losses of rate p have
    /// 1/(1-p).
    pub mean: Option<f64>,
    /// Length of the longest loss run; `None` before anything is decided, 0 without a loss.
    pub longest: Option<u64>,
    /// Burst ratio: the mean run over 1/(1-L), which is what independent losses of the same rate L
    /// would have (J. McGowan, "Burst ratio: a measure of bursty loss on packet-based networks",
    /// US patent 6,931,017, 2005). 1 is independent, above 1 bursty. `None` before the first loss
    /// and while nothing else was seen, when there is no rate to compare with.
    pub burst_ratio: Option<f64>,
    /// How many runs had 1, 2, … [`LONGEST_RUN_BIN`] losses; the last bin is for the longer ones.
    pub histogram: [u64; LONGEST_RUN_BIN + 1],
}

impl LossRuns {
    /// Adds the outcome of the next ping in sequence.
    pub fn push(&mut self, lost: bool) {
        self.decided += 1;
        if lost {
            self.lost += 1;
            self.open += 1;
            self.longest = self.longest.max(self.open);
            if self.open == 1 {
                self.runs += 1;
            } else {
                self.histogram[bin(self.open - 1)] -= 1;
            }
            self.histogram[bin(self.open)] += 1;
        } else {
            self.open = 0;
        }
    }

    /// The figures now.
    pub fn figures(&self) -> Runs {
        let mean = (self.runs > 0).then(|| self.lost as f64 / self.runs as f64);
        let answered = self.decided - self.lost;
        Runs {
            mean,
            longest: (self.decided > 0).then_some(self.longest),
            burst_ratio: mean
                .filter(|_| answered > 0)
                .map(|mean| mean * answered as f64 / self.decided as f64),
            histogram: self.histogram,
        }
    }
}

/// Where runs of `length`, 1 or more, are counted.
fn bin(length: u64) -> usize {
    length.min(LONGEST_RUN_BIN as u64 + 1) as usize - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn runs(lost: impl IntoIterator<Item = bool>) -> Runs {
        let mut runs = LossRuns::default();
        lost.into_iter().for_each(|lost| runs.push(lost));
        runs.figures()
    }

    /// 1 is an answer, 0 a loss.
    fn of(outcomes: &str) -> Runs {
        runs(outcomes.bytes().map(|b| b == b'0'))
    }

    /// The first bins of a histogram, the rest being 0.
    fn bins(first: &[u64]) -> [u64; LONGEST_RUN_BIN + 1] {
        let mut bins = [0; LONGEST_RUN_BIN + 1];
        bins[..first.len()].copy_from_slice(first);
        bins
    }

    #[test]
    fn burst_ratio_worked_example() {
        let found = of("1101111100011111");
        assert_eq!(found.mean, Some(2.0));
        assert_eq!(found.longest, Some(3));
        assert_eq!(found.burst_ratio, Some(1.5));
        assert_eq!(found.histogram, bins(&[1, 0, 1]));
    }

    #[test]
    fn worked_by_hand() {
        let table = [
            ("", None, None, None, bins(&[])),
            ("111", None, Some(0), None, bins(&[])),
            // No answer yet: no rate below 1 to compare with.
            ("00", Some(2.0), Some(2), None, bins(&[0, 1])),
            ("01", Some(1.0), Some(1), Some(0.5), bins(&[1])),
            // The open run at the end counts as it stands.
            (
                "1011100",
                Some(1.5),
                Some(2),
                Some(1.5 * 4.0 / 7.0),
                bins(&[1, 1]),
            ),
            ("0101", Some(1.0), Some(1), Some(0.5), bins(&[2])),
        ];
        for (outcomes, mean, longest, burst_ratio, histogram) in table {
            let expected = Runs {
                mean,
                longest,
                burst_ratio,
                histogram,
            };
            assert_eq!(of(outcomes), expected, "{outcomes}");
        }
    }

    #[test]
    fn long_runs_share_the_last_bin() {
        let long = |n: usize| runs(std::iter::repeat_n(true, n)).histogram;
        assert_eq!(long(16)[15..], [1, 0]);
        assert_eq!(long(17)[15..], [0, 1]);
        assert_eq!(long(1000)[15..], [0, 1]);
    }

    proptest! {
        #[test]
        fn agrees_with_splitting_at_the_answers(lost in prop::collection::vec(any::<bool>(), 0..200)) {
            let found = runs(lost.iter().copied());
            let lengths: Vec<u64> = lost
                .split(|&lost| !lost)
                .map(|run| run.len() as u64)
                .filter(|&length| length > 0)
                .collect();
            prop_assert_eq!(found.longest, (!lost.is_empty()).then(|| lengths.iter().copied().max().unwrap_or(0)));
            prop_assert_eq!(found.histogram.iter().sum::<u64>(), lengths.len() as u64);
            for (i, &count) in found.histogram.iter().enumerate() {
                prop_assert_eq!(count, lengths.iter().filter(|&&length| bin(length) == i).count() as u64);
            }
            let total: u64 = lengths.iter().sum();
            prop_assert_eq!(found.mean, (!lengths.is_empty()).then(|| total as f64 / lengths.len() as f64));
        }
    }
}
