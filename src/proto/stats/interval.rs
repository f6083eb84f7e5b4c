//! How far a measured loss rate can be trusted: the Wilson score interval, its correction for bursts,
//! and how many pings a claim takes to refute. Pure functions of counts, apart from what counts them.

/// Standard normal quantile of a two-sided 95 % interval.
pub const Z95: f64 = 1.959_963_984_540_054;

/// [`pings_to_reject`] looks no further than this many pings.
pub const MOST_PINGS_TO_REJECT: u64 = 1_000_000;

/// Wilson score interval of the loss rate after `lost` of `decided` pings were lost, at `z` standard
/// deviations ([`Z95`] for 95 %): centre (p + z²/2n)/(1 + z²/n), half-width
/// z/(1 + z²/n)·√(p(1-p)/n + z²/4n²) with p = lost/decided and n = decided.
///
/// Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
/// JASA 22 (1927). It holds for losses that are independent of each other; for bursts see
/// [`wilson_effective`]. And it holds for a count fixed beforehand: who watches the interval and stops
/// when it shows what he likes is wrong more often than one time in twenty.
///
/// `None` if nothing is decided, more is lost than decided, or `z` is not a number of 0 or more.
pub fn wilson(lost: u64, decided: u64, z: f64) -> Option<(f64, f64)> {
    wilson_effective(lost as f64 / decided as f64, decided as f64, z)
}

/// [`wilson`] for a loss `rate` that rests on `n` independent pings, where `n` need not be whole; give
/// [`effective_n`] for losses that come in bursts. `None` unless `rate` is in 0..=1, `n` above 0, and
/// `z` 0 or more, all finite.
pub fn wilson_effective(rate: f64, n: f64, z: f64) -> Option<(f64, f64)> {
    let valid =
        (0.0..=1.0).contains(&rate) && n > 0.0 && n.is_finite() && z >= 0.0 && z.is_finite();
    if !valid {
        return None;
    }
    let scale = 1.0 + z * z / n;
    let centre = (rate + z * z / (2.0 * n)) / scale;
    let half = z / scale * (rate * (1.0 - rate) / n + z * z / (4.0 * n * n)).sqrt();
    // The exact interval holds the rate and lies in 0..=1; rounding must not take that away.
    Some((
        (centre - half).clamp(0.0, rate),
        (centre + half).clamp(rate, 1.0),
    ))
}

/// How many independent pings `n` pings are worth when the losses of neighbours correlate by `rho`:
/// n(1-ρ)/(1+ρ), since the variance of the mean of a first-order Markov chain is larger by the inverse.
/// For Gilbert-Elliott loss with certain loss in the bad state, ρ = 1 - p - r.
///
/// `None` unless `rho` is between -1 and 1, both excluded.
pub fn effective_n(n: u64, rho: f64) -> Option<f64> {
    (rho.abs() < 1.0).then(|| n as f64 * (1.0 - rho) / (1.0 + rho))
}

/// How many pings it takes to refute a claimed loss rate: the smallest n for which the Wilson 95 %
/// interval of the expected count, n·`observed_rate` rounded, does not hold `claim`. Telling 4/11 from
/// 30 % takes 194.
///
/// `None` if a rate is not in 0..=1, or [`MOST_PINGS_TO_REJECT`] pings are not enough (as when the two
/// are equal).
pub fn pings_to_reject(observed_rate: f64, claim: f64) -> Option<u64> {
    let valid = (0.0..=1.0).contains(&observed_rate) && (0.0..=1.0).contains(&claim);
    if !valid {
        return None;
    }
    // Wilson's interval is the score test turned inside out: with k lost it leaves the claim out
    // exactly when |k - n·claim| > z·√(n·claim(1-claim)).
    let distance = (observed_rate - claim).abs();
    let spread = Z95 * (claim * (1.0 - claim)).sqrt();
    let mut n: u64 = 1;
    while n <= MOST_PINGS_TO_REJECT {
        let expected = (n as f64 * observed_rate).round();
        let missing = spread * (n as f64).sqrt() - (expected - n as f64 * claim).abs();
        if missing < 0.0 {
            return Some(n);
        }
        // m more pings bring the count at most m·distance further from the claim, and rounding at
        // most 1, so that many can be passed over; f64 to u64 saturates where the distance is 0.
        n = n.saturating_add(((missing - 1.0) / distance).max(1.0) as u64);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(found: Option<(f64, f64)>, expected: (f64, f64), within: f64) {
        let (lo, hi) = found.unwrap();
        assert!(
            (lo - expected.0).abs() < within && (hi - expected.1).abs() < within,
            "{found:?} is not {expected:?}"
        );
    }

    #[test]
    fn wilson_at_95_percent() {
        let table = [
            (0, 10, (0.0, 0.277533)),
            (4, 10, (0.168180, 0.687326)),
            (36, 100, (0.272712, 0.457646)),
            (30, 100, (0.218949, 0.395849)),
            (364, 1000, (0.334752, 0.394289)),
            (0, 100, (0.0, 0.036993)),
        ];
        for (lost, decided, expected) in table {
            close(wilson(lost, decided, Z95), expected, 0.000_001);
            let (lo, hi) = expected;
            close(
                wilson(decided - lost, decided, Z95),
                (1.0 - hi, 1.0 - lo),
                0.000_001,
            );
        }
    }

    /// Independent vectors: codegolf.stackexchange.com, question 105389, which takes z = 1.96.
    #[test]
    fn wilson_at_1_96() {
        let table = [
            (0, 1, (0.0, 0.793_456_708_526_107_1)),
            (1, 11, (0.016_231_752_262_825_982, 0.377_364_625_486_203_8)),
            (10, 100, (0.055_228_541_613_136_12, 0.174_367_304_367_665_4)),
            (50, 100, (0.403_829_828_590_147_16, 0.596_170_171_409_852_8)),
        ];
        for (lost, decided, expected) in table {
            close(wilson(lost, decided, 1.96), expected, 1e-15);
        }
    }

    #[test]
    fn wilson_of_nothing_and_of_nonsense() {
        assert_eq!(wilson(0, 0, Z95), None);
        assert_eq!(wilson(2, 1, Z95), None);
        assert_eq!(wilson(1, 2, f64::NAN), None);
        assert_eq!(wilson_effective(f64::NAN, 10.0, Z95), None);
        assert_eq!(wilson_effective(0.5, 0.0, Z95), None);
        assert_eq!(wilson_effective(0.5, f64::INFINITY, Z95), None);
        assert_eq!(wilson(1, 2, 0.0), Some((0.5, 0.5)));
    }

    /// The burst model (p, r) = (1/7, 1/4): rho .607, so 4.09 pings are worth one.
    #[test]
    fn bursts_cost_pings() {
        let rho: f64 = 1.0 - 1.0 / 7.0 - 1.0 / 4.0;
        assert!((rho - 0.607).abs() < 0.0005);
        let n = effective_n(409, rho).unwrap();
        assert!((409.0 / n - 4.09).abs() < 0.005, "{n}");
        assert!((n - 100.0).abs() < 0.05, "{n}");
        close(
            wilson_effective(0.36, 100.0, Z95),
            (0.272712, 0.457646),
            0.000_001,
        );
        assert_eq!(effective_n(50, 0.0), Some(50.0));
        assert_eq!(effective_n(50, -0.5), Some(150.0));
        for rho in [-1.0, 1.0, 2.0, f64::NAN] {
            assert_eq!(effective_n(50, rho), None);
        }
    }

    /// Smallest n by the definition, one after the other.
    fn pings_to_reject_slowly(rate: f64, claim: f64, most: u64) -> Option<u64> {
        (1..=most).find(|&n| {
            let (lo, hi) = wilson((n as f64 * rate).round() as u64, n, Z95).unwrap();
            claim < lo || claim > hi
        })
    }

    #[test]
    fn the_lab_against_the_30_percent_of_its_text() {
        assert_eq!(pings_to_reject(4.0 / 11.0, 0.3), Some(194));
    }

    #[test]
    fn claims_that_fall_at_once_or_never() {
        assert_eq!(pings_to_reject(1.0, 0.0), Some(1));
        assert_eq!(pings_to_reject(0.25, 0.0), Some(2)); // 2 x .25 rounds to 1, and 1 is not 0
        assert_eq!(pings_to_reject(0.0, 0.5), Some(4)); // 0/4: (0 - 2)² = 4 > z²·4/4 = 3.84
        assert_eq!(pings_to_reject(0.3, 0.3), None);
        assert_eq!(pings_to_reject(0.0, 0.0), None);
        assert_eq!(pings_to_reject(0.300_1, 0.3), None);
        assert_eq!(pings_to_reject(1.1, 0.3), None);
        assert_eq!(pings_to_reject(0.3, f64::NAN), None);
    }

    proptest! {
        #[test]
        fn passing_over_misses_none(rate in 0..=200_u32, claim in 0..=200_u32) {
            let (rate, claim) = (f64::from(rate) / 200.0, f64::from(claim) / 200.0);
            let quick = pings_to_reject(rate, claim).filter(|&n| n <= 20_000);
            prop_assert_eq!(quick, pings_to_reject_slowly(rate, claim, 20_000));
        }

        #[test]
        fn the_interval_holds_the_rate(lost in 0..u64::MAX, more in 0..u64::MAX, z in 0.0..6.0_f64) {
            let decided = lost.saturating_add(more).max(1);
            let (lo, hi) = wilson(lost, decided, z).unwrap();
            let rate = lost as f64 / decided as f64;
            prop_assert!(0.0 <= lo && lo <= rate && rate <= hi && hi <= 1.0);
        }
    }
}
