//! Delay of one leg: constant, uniform, normal or Pareto around a mean, by the formulas of Linux's
//! netem (`tabledist` in sch_netem.c and the tables of iproute2), so that a setting means the same
//! here as it does there.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::distr::OpenClosed01;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::spec::{SpecError, SpecErrorKind, format_duration, parse_duration, parts};
use crate::proto::serial;

/// netem's tables end at four times the spread.
const FARTHEST: f64 = 4.0;

/// How long datagrams take on one leg. The default is no delay.
///
/// As text: `none`, `50ms`, `50ms,10ms` (uniform), `50ms,10ms,normal`, and `,ordered` at the end
/// to keep the order. `Display` writes text that reads back as the same delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delay {
    /// How delays are spread around the mean.
    pub shape: Shape,
    /// The middle of the distribution.
    pub mean: Duration,
    /// The unit of spread; what it means depends on the shape. Not used by [`Shape::Constant`].
    pub spread: Duration,
    /// Whether a datagram may arrive before one that was sent earlier.
    pub order: Order,
}

/// How delays are spread around their mean µ with spread σ. None goes below 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// Always µ.
    #[default]
    Constant,
    /// Evenly over µ ± σ, so the standard deviation is σ/√3. What netem does without a table.
    Uniform,
    /// Normal with standard deviation σ, cut off at ±4σ.
    Normal,
    /// netem's Pareto table: µ + σt with t = (u^(−1/3) − 1.5)·4/3, cut off at 4. Its long tail
    /// points up; its standard deviation is about 0.82 σ and its mean µ − 0.03 σ.
    Pareto,
}

/// What becomes of the order in which a client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// A datagram with a short delay overtakes one with a long delay, as with netem alone.
    #[default]
    MayOvertake,
    /// None leaves before the one sent before it, as with netem over a `pfifo`.
    Keep,
}

impl Delay {
    /// Whether datagrams pass as if there was no delay.
    pub fn is_none(&self) -> bool {
        self.order == Order::MayOvertake && self.is_instant()
    }

    fn is_instant(&self) -> bool {
        self.mean.is_zero() && (self.shape == Shape::Constant || self.spread.is_zero())
    }

    /// Whether drawing a delay takes dice.
    pub(super) fn is_random(&self) -> bool {
        self.shape != Shape::Constant && !self.spread.is_zero()
    }

    /// Draws one delay. The result is in whole nanoseconds: roots and logarithms may differ in
    /// their last bit from one platform to the next, which rounding takes away.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> Duration {
        let t = match self.shape {
            Shape::Constant => return self.mean,
            Shape::Uniform => 2.0 * rng.random::<f64>() - 1.0,
            Shape::Normal => rng
                .sample::<f64, _>(StandardNormal)
                .clamp(-FARTHEST, FARTHEST),
            Shape::Pareto => pareto(rng.sample(OpenClosed01)),
        };
        // Durations are at most an hour, so their nanoseconds are exact in an f64.
        let nanos = self.mean.as_nanos() as f64 + self.spread.as_nanos() as f64 * t;
        Duration::from_nanos(nanos.round().max(0.0) as u64)
    }
}

/// netem's Pareto table as a formula: the value at the quantile `u` from the top, in spreads.
fn pareto(u: f64) -> f64 {
    ((1.0 / u.cbrt() - 1.5) * 4.0 / 3.0).min(FARTHEST)
}

impl FromStr for Delay {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Delay, SpecError> {
        if text.trim().eq_ignore_ascii_case("none") {
            return Ok(Delay::default());
        }
        let mut parts = parts(text, 1, 4)?;
        let order = match parts.last() {
            Some(last) if parts.len() > 1 && last.eq_ignore_ascii_case("ordered") => {
                parts.pop();
                Order::Keep
            }
            _ => Order::MayOvertake,
        };
        let (shape, mean, spread) = match parts[..] {
            [mean] => (Shape::Constant, mean, "0ms"),
            [mean, spread] => (Shape::Uniform, mean, spread),
            [mean, spread, shape] => (shape.parse()?, mean, spread),
            // Four parts, of which the last is not "ordered".
            _ => return Err(SpecError::new(SpecErrorKind::DelayShape, parts[3])),
        };
        Ok(Delay {
            shape,
            mean: parse_duration(mean)?,
            spread: parse_duration(spread)?,
            order,
        })
    }
}

impl FromStr for Shape {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Shape, SpecError> {
        match text.trim().to_ascii_lowercase().as_str() {
            "uniform" => Ok(Shape::Uniform),
            "normal" => Ok(Shape::Normal),
            "pareto" => Ok(Shape::Pareto),
            _ => Err(SpecError::new(SpecErrorKind::DelayShape, text)),
        }
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mean, spread) = (format_duration(self.mean), format_duration(self.spread));
        match self.shape {
            _ if *self == Delay::default() => f.write_str("none")?,
            Shape::Constant => f.write_str(&mean)?,
            Shape::Uniform => write!(f, "{mean},{spread}")?,
            Shape::Normal => write!(f, "{mean},{spread},normal")?,
            Shape::Pareto => write!(f, "{mean},{spread},pareto")?,
        }
        match self.order {
            Order::MayOvertake => Ok(()),
            Order::Keep => f.write_str(",ordered"),
        }
    }
}

impl Serialize for Delay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Delay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serial::text::deserialize(deserializer)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn delay(text: &str) -> Delay {
        text.parse().unwrap()
    }

    /// `n` delays in milliseconds, sorted.
    fn draws(spec: &str, n: usize) -> Vec<f64> {
        let delay = delay(spec);
        let mut rng = ChaCha8Rng::seed_from_u64(42);
        let mut draws: Vec<f64> = (0..n)
            .map(|_| delay.draw(&mut rng).as_secs_f64() * 1e3)
            .collect();
        draws.sort_by(f64::total_cmp);
        draws
    }

    #[test]
    fn pareto_follows_netem() {
        for (u, t) in [
            (0.5, -0.320_105),
            (0.1, 0.872_580),
            (0.01, 4.0),
            (1.0, -2.0 / 3.0),
        ] {
            assert!((pareto(u) - t).abs() < 1e-6, "{u}: {}", pareto(u));
        }
        // Without the cut it would be 4.188785 at 0.01.
        let uncut = (1.0 / 0.01f64.cbrt() - 1.5) * 4.0 / 3.0;
        assert!((uncut - 4.188_785).abs() < 1e-6);
    }

    #[test]
    fn shapes_have_the_moments_of_netem() {
        const N: usize = 100_000;
        // (spec, mean, standard deviation, least, most) in milliseconds. The Pareto row is netem's
        // table of 4096 values, whose mean is coarser than the sample's own error.
        for (spec, mean, sd, least, most) in [
            ("100ms,20ms,uniform", 100.0, 11.547, 80.0, 120.0),
            ("100ms,20ms", 100.0, 11.547, 80.0, 120.0),
            ("100ms,20ms,normal", 100.0, 20.0, 20.0, 180.0),
            ("100ms,20ms,pareto", 99.3, 16.4, 86.66, 180.0),
            ("100ms", 100.0, 0.0, 100.0, 100.0),
        ] {
            let draws = draws(spec, N);
            let is_mean = draws.iter().sum::<f64>() / N as f64;
            let is_sd =
                (draws.iter().map(|x| (x - is_mean).powi(2)).sum::<f64>() / N as f64).sqrt();
            let tolerance = 5.0 * sd / (N as f64).sqrt() + 0.05;
            assert!(
                (is_mean - mean).abs() <= tolerance,
                "{spec}: mean {is_mean}"
            );
            assert!((is_sd - sd).abs() <= 0.01 * sd + 0.05, "{spec}: sd {is_sd}");
            assert!(draws[0] >= least && draws[N - 1] <= most, "{spec}");
        }
        // The Pareto median: 100 + 20 * -0.320105.
        let median = draws("100ms,20ms,pareto", N)[N / 2];
        assert!((median - 93.598).abs() < 0.2, "{median}");
    }

    #[test]
    fn no_delay_goes_below_zero() {
        let draws = draws("1ms,10ms,normal", 10_000);
        assert_eq!(draws[0], 0.0);
        // P(normal < -0.1) = 0.460, five standard deviations of 10 000 draws are 0.025.
        let cut = draws.iter().filter(|x| **x == 0.0).count() as f64 / 10_000.0;
        assert!((cut - 0.460).abs() < 0.025, "{cut}");
    }

    #[test]
    fn specs_are_read_and_refused() {
        let ordered = Order::Keep;
        let order = Order::MayOvertake;
        for (text, expected, shown) in [
            ("none", (Shape::Constant, 0, 0, order), "none"),
            ("0ms", (Shape::Constant, 0, 0, order), "none"),
            (
                "0ms,ordered",
                (Shape::Constant, 0, 0, ordered),
                "0ms,ordered",
            ),
            ("50ms", (Shape::Constant, 50, 0, order), "50ms"),
            ("50ms,10ms", (Shape::Uniform, 50, 10, order), "50ms,10ms"),
            (
                "50ms,10ms,Uniform",
                (Shape::Uniform, 50, 10, order),
                "50ms,10ms",
            ),
            (
                " 1s , 0.1s , normal , ORDERED ",
                (Shape::Normal, 1000, 100, ordered),
                "1s,100ms,normal,ordered",
            ),
            (
                "50ms,10ms,pareto",
                (Shape::Pareto, 50, 10, order),
                "50ms,10ms,pareto",
            ),
            (
                "50ms,ordered",
                (Shape::Constant, 50, 0, ordered),
                "50ms,ordered",
            ),
        ] {
            let (shape, mean, spread, order) = expected;
            let expected = Delay {
                shape,
                mean: MS(mean),
                spread: MS(spread),
                order,
            };
            assert_eq!(delay(text), expected, "{text}");
            assert_eq!(expected.to_string(), shown);
            assert_eq!(delay(&expected.to_string()), expected);
        }
        use SpecErrorKind as Kind;
        for (text, kind) in [
            ("50", Kind::DurationUnit),
            ("50ms,10", Kind::DurationUnit),
            ("50ms,normal", Kind::Duration),
            ("50ms,10ms,gauss", Kind::DelayShape),
            ("50ms,10ms,normal,sorted", Kind::DelayShape),
            (
                "50ms,10ms,normal,ordered,more",
                Kind::PartCount { least: 1, most: 4 },
            ),
            ("2h", Kind::Duration),
            ("ordered", Kind::Duration),
            ("", Kind::Duration),
            ("-5ms", Kind::DurationRange),
        ] {
            assert_eq!(text.parse::<Delay>().unwrap_err().kind, kind, "{text}");
        }
    }

    pub(in super::super) fn any_delay() -> BoxedStrategy<Delay> {
        let time = || prop_oneof![Just(0u64), 0..3_600_000_000_000u64, 0..50_000_000u64];
        let shape = prop_oneof![
            Just(Shape::Uniform),
            Just(Shape::Normal),
            Just(Shape::Pareto)
        ];
        let order = || prop_oneof![Just(Order::MayOvertake), Just(Order::Keep)];
        prop_oneof![
            Just(Delay::default()),
            (time(), order()).prop_map(|(mean, order)| Delay {
                mean: Duration::from_nanos(mean),
                order,
                ..Delay::default()
            }),
            (shape, time(), time(), order()).prop_map(|(shape, mean, spread, order)| Delay {
                shape,
                mean: Duration::from_nanos(mean),
                spread: Duration::from_nanos(spread),
                order,
            }),
        ]
        .boxed()
    }

    proptest! {
        #[test]
        fn every_delay_reads_back(delay in any_delay()) {
            prop_assert_eq!(delay.to_string().parse(), Ok(delay));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9.,a-z ]{0,24}|\\PC{0,12}") {
            if let Ok(delay) = text.parse::<Delay>() {
                prop_assert_eq!(delay.to_string().parse(), Ok(delay));
            }
        }
    }
}
