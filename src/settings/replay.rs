//! What `sockscope replay` is asked for: the record, how fast it is played, and from where.
//!
//! It stands here, and not with the player, because the command line reads it and knows no dashboard.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::Problem;

/// What is played, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// The record.
    pub file: PathBuf,
    pub speed: Speed,
    /// `None` begins at the beginning.
    pub from: Option<From>,
}

/// How fast a record is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// So many seconds of the record in a second, from [`Speed::SLOWEST`] to [`Speed::FASTEST`].
    Times(f64),
    /// As fast as it can be read.
    Max,
}

impl Speed {
    pub const SLOWEST: f64 = 0.1;
    pub const FASTEST: f64 = 1_000.0;

    /// Half as fast.
    #[must_use]
    pub fn slower(self) -> Self {
        match self {
            Speed::Times(times) => Speed::Times((times / 2.0).max(Self::SLOWEST)),
            Speed::Max => Speed::Times(Self::FASTEST),
        }
    }

    /// Twice as fast; beyond the fastest there is only [`Speed::Max`].
    #[must_use]
    pub fn faster(self) -> Self {
        match self {
            Speed::Times(times) if times < Self::FASTEST => {
                Speed::Times((times * 2.0).min(Self::FASTEST))
            }
            Speed::Times(_) | Speed::Max => Speed::Max,
        }
    }
}

impl Default for Speed {
    fn default() -> Self {
        Speed::Times(1.0)
    }
}

impl FromStr for Speed {
    type Err = Problem;

    /// A factor such as `2` or `0.5`, or `max`.
    fn from_str(text: &str) -> Result<Self, Problem> {
        if text == "max" {
            return Ok(Speed::Max);
        }
        let times = text.parse::<f64>().map_err(|_| Problem::NotAllowed)?;
        if (Self::SLOWEST..=Self::FASTEST).contains(&times) {
            Ok(Speed::Times(times))
        } else {
            Err(Problem::NotAllowed)
        }
    }
}

impl fmt::Display for Speed {
    /// `2`, `0.25`, `max`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Two digits are as much as halving from 1 down to the slowest needs.
            Speed::Times(times) => write!(f, "{}", (times * 100.0).round() / 100.0),
            Speed::Max => f.write_str("max"),
        }
    }
}

/// Where in a record playing begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// So long after its first entry.
    Offset(Duration),
    /// At the first moment of it at which clocks showed this local time, in seconds since midnight.
    TimeOfDay(u32),
}

impl FromStr for From {
    type Err = Problem;

    /// Seconds such as `90` or `0.5`, minutes and seconds such as `1:30`, or a time of day such as `20:15:03`.
    fn from_str(text: &str) -> Result<Self, Problem> {
        let parts: Vec<&str> = text.split(':').collect();
        let found = match parts.as_slice() {
            [seconds] => seconds
                .parse::<f64>()
                .ok()
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .map(From::Offset),
            [minutes, seconds] => number(minutes, u32::MAX)
                .zip(number(seconds, 59))
                .map(|(minutes, seconds)| u64::from(minutes) * 60 + u64::from(seconds))
                .map(|seconds| From::Offset(Duration::from_secs(seconds))),
            [hours, minutes, seconds] => number(hours, 23)
                .zip(number(minutes, 59))
                .zip(number(seconds, 59))
                .map(|((hours, minutes), seconds)| {
                    From::TimeOfDay(hours * 3_600 + minutes * 60 + seconds)
                }),
            _ => None,
        };
        found.ok_or(Problem::NotAllowed)
    }
}

/// A number of digits alone, up to `most`.
fn number(text: &str, most: u32) -> Option<u32> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_plain.then(|| text.parse().ok()).flatten();
    number.filter(|number| *number <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_factor_or_the_most() {
        for (text, want) in [
            ("1", Some(Speed::Times(1.0))),
            ("0.1", Some(Speed::Times(0.1))),
            ("1000", Some(Speed::Times(1_000.0))),
            ("max", Some(Speed::Max)),
            ("0", None),
            ("0.01", None),
            ("1001", None),
            ("-1", None),
            ("NaN", None),
            ("inf", None),
            ("x2", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<Speed>().ok(), want, "{text:?}");
        }
    }

    #[test]
    fn halving_and_doubling_stay_within_bounds() {
        let mut speed = Speed::default();
        for _ in 0..20 {
            speed = speed.slower();
        }
        assert_eq!(speed.to_string(), "0.1");
        for _ in 0..20 {
            speed = speed.faster();
        }
        assert_eq!(speed, Speed::Max);
        assert_eq!(speed.slower(), Speed::Times(Speed::FASTEST));
        assert_eq!(Speed::default().slower().slower().to_string(), "0.25");
        assert_eq!(Speed::default().faster().to_string(), "2");
    }

    #[test]
    fn a_beginning_is_seconds_or_a_time_of_day() {
        let offset = |seconds| Some(From::Offset(Duration::from_secs_f64(seconds)));
        for (text, want) in [
            ("90", offset(90.0)),
            ("0.5", offset(0.5)),
            ("1:30", offset(90.0)),
            ("100:00", offset(6_000.0)),
            ("20:15:03", Some(From::TimeOfDay(72_903))),
            ("00:00:00", Some(From::TimeOfDay(0))),
            ("24:00:00", None),
            ("1:60", None),
            ("1:+5", None),
            ("-5", None),
            ("1:2:3:4", None),
            ("1e300", None),
            (":", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<From>().ok(), want, "{text:?}");
        }
    }
}
