//! Text in, value out: probabilities, durations, and the one error for every setting of the link.
//! Flags, the settings file and the environment all come through here, so a wrong value gets the
//! same sentence wherever it was written.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::proto::serial;

/// The longest duration that can be asked for.
pub const LONGEST_DURATION: Duration = Duration::from_secs(3600);

const NANOS: &[(&str, u64)] = &[
    ("us", 1_000),
    ("µs", 1_000), // U+00B5, the sign on keyboards
    ("μs", 1_000), // U+03BC, the Greek letter
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
];

/// A setting of the link that cannot be used. `Display` is a whole English sentence; a translator
/// takes [`key`](SpecError::key) and [`args`](SpecError::args) instead.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{}", self.sentence())]
pub struct SpecError {
    /// What is wrong.
    pub kind: SpecErrorKind,
    /// The part of the text that is wrong, as it was written.
    pub value: String,
}

/// What is wrong with a setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SpecErrorKind {
    /// Neither a percentage, a number nor a fraction.
    Probability,
    /// A probability below 0 or above 1.
    ProbabilityRange,
    /// A bare number above 1, which was most likely meant as a percentage.
    PercentSign,
    /// Two or three digits 0 and 1: a percentage or a pattern?
    PercentOrPattern,
    /// A pattern with something else than 0 and 1, or with nothing.
    PatternDigits,
    /// No loss model of that name.
    LossModel,
    /// Too few or too many parts between commas.
    PartCount {
        /// Fewest parts allowed.
        least: usize,
        /// Most parts allowed.
        most: usize,
    },
    /// A mean run that is not a number from 1 to a million.
    MeanRun,
    /// The losses are too many for runs that short.
    RunTooShort {
        /// The shortest mean run for that rate.
        shortest: f64,
    },
    /// Bursts that take everything.
    BurstOfAll,
    /// Two exits of one state whose probabilities add up to more than 1.
    ExitsOverOne,
    /// Not a number with a unit of time.
    Duration,
    /// A number without its unit of time.
    DurationUnit,
    /// A duration below 0 or over an hour.
    DurationRange,
    /// No delay distribution of that name.
    DelayShape,
    /// Not a number with a unit of rate.
    Rate,
    /// A number without its unit of rate.
    RateUnit,
    /// A rate that is too low or too high.
    RateRange,
    /// A queue that holds nothing or too much.
    Queue,
}

impl SpecErrorKind {
    /// The kind's key for translators, and the English sentence with the names of its arguments.
    fn key_and_sentence(self) -> (&'static str, &'static str) {
        match self {
            Self::Probability => (
                "probability",
                "\"%{value}\" is not a probability: write a percentage (30%), a number from 0 to 1 (0.3) or a fraction (4/11)",
            ),
            Self::ProbabilityRange => ("probability_range", "%{value} is outside 0% to 100%"),
            Self::PercentSign => (
                "percent_sign",
                "%{value} is more than 1: write %{percent} or %{number}",
            ),
            Self::PercentOrPattern => (
                "percent_or_pattern",
                "%{value} may be a percentage or a pattern: write %{value}% or pattern:%{value}",
            ),
            Self::PatternDigits => (
                "pattern_digits",
                "\"%{value}\" is not a pattern: write 1 for delivered and 0 for lost, such as pattern:1101",
            ),
            Self::LossModel => (
                "loss_model",
                "\"%{value}\" is not a loss model: write none, lab, a probability (30%, 4/11), burst:RATE,RUN, ge:P,R,1-H,1-K, state:P13,P31,P32,P23,P14 or pattern:1101",
            ),
            Self::PartCount { .. } => (
                "part_count",
                "\"%{value}\" has the wrong number of parts: from %{least} to %{most} are allowed, with commas between them",
            ),
            Self::MeanRun => (
                "mean_run",
                "\"%{value}\" is not a mean run of losses: write a number from 1 to 1000000",
            ),
            Self::RunTooShort { .. } => (
                "run_too_short",
                "a mean run of %{value} is too short for that much loss: it must be at least %{shortest}",
            ),
            Self::BurstOfAll => (
                "burst_of_all",
                "bursts cannot take %{value} of all datagrams: write a rate under 100%, or 100% without burst",
            ),
            Self::ExitsOverOne => (
                "exits_over_one",
                "%{value} is more than 100%: two ways out of one state cannot add up to more than that",
            ),
            Self::Duration => (
                "duration",
                "\"%{value}\" is not a duration: write a number and us, ms, s or m, such as 50ms",
            ),
            Self::DurationUnit => (
                "duration_unit",
                "%{value} has no unit: write %{value}ms or %{value}s",
            ),
            Self::DurationRange => ("duration_range", "%{value} is outside 0 to 1 hour"),
            Self::DelayShape => (
                "delay_shape",
                "\"%{value}\" is not a delay distribution: write uniform, normal or pareto, and ordered last to keep the order",
            ),
            Self::Rate => (
                "rate",
                "\"%{value}\" is not a rate: write none, or a number and bit, kbit, mbit or gbit (a second), such as 64kbit or 64kbit,20",
            ),
            Self::RateUnit => (
                "rate_unit",
                "%{value} has no unit: write %{value}kbit or %{value}mbit",
            ),
            Self::RateRange => ("rate_range", "%{value} is outside 100bit to 1000gbit"),
            Self::Queue => (
                "queue",
                "\"%{value}\" is not a queue length: write a number of datagrams from 1 to 100000",
            ),
        }
    }
}

impl SpecError {
    pub(super) fn new(kind: SpecErrorKind, value: impl Into<String>) -> SpecError {
        SpecError {
            kind,
            value: value.into(),
        }
    }

    /// The stable name of what is wrong, such as `duration_unit`, for a translator to look up.
    pub fn key(&self) -> &'static str {
        self.kind.key_and_sentence().0
    }

    /// The wrong part of the text, with characters that would not show written as escapes.
    pub fn value(&self) -> String {
        self.value.chars().fold(String::new(), |mut shown, c| {
            match c {
                '"' | '\'' | '\\' => shown.push(c),
                _ => shown.extend(c.escape_debug()),
            }
            shown
        })
    }

    /// What a sentence about this error may mention, by name; `value` is always there.
    pub fn args(&self) -> Vec<(&'static str, String)> {
        let mut args = vec![("value", self.value())];
        match self.kind {
            SpecErrorKind::PercentSign => {
                args.push(("percent", format!("{}%", self.value)));
                // Reached only with a number from 1 to 100, so the percentage always parses.
                if let Ok(meant) = Probability::from_str(&format!("{}%", self.value)) {
                    args.push(("number", meant.get().to_string()));
                }
            }
            SpecErrorKind::PartCount { least, most } => {
                args.push(("least", least.to_string()));
                args.push(("most", most.to_string()));
            }
            SpecErrorKind::RunTooShort { shortest } => {
                // Rounded up, so that the number shown is one that is accepted, but not for an
                // error in the last digit of a number like 9.000000000000002.
                let shown = (shortest * 1000.0 - 1e-6).ceil() / 1000.0;
                args.push(("shortest", shown.to_string()));
            }
            _ => {}
        }
        args
    }

    fn sentence(&self) -> String {
        let mut sentence = String::new();
        let mut rest = self.kind.key_and_sentence().1;
        let args = self.args();
        // One pass, so that a value which itself looks like a name is left alone.
        while let Some((before, after)) = rest.split_once("%{") {
            sentence.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            if let Some((_, text)) = args.iter().find(|(known, _)| *known == name) {
                sentence.push_str(text);
            }
            rest = after;
        }
        sentence + rest
    }
}

/// A probability: a number from 0 to 1, never NaN.
///
/// Written as a percentage (`30%`), a number (`0.3`) or a fraction (`4/11`). `Display` writes the
/// shortest of these that reads back as the very same number.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Probability(f64);

impl Probability {
    /// Never.
    pub const ZERO: Probability = Probability(0.0);
    /// Always.
    pub const ONE: Probability = Probability(1.0);

    /// Checks a number from 0 to 1.
    ///
    /// # Errors
    /// [`SpecErrorKind::ProbabilityRange`] for anything else, NaN included.
    pub fn new(value: f64) -> Result<Probability, SpecError> {
        if (0.0..=1.0).contains(&value) {
            // Adding 0 turns -0 into 0, which would otherwise be shown with its sign.
            Ok(Probability(value + 0.0))
        } else {
            Err(SpecError::new(
                SpecErrorKind::ProbabilityRange,
                value.to_string(),
            ))
        }
    }

    /// The number from 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The probability of the opposite.
    pub fn complement(self) -> Probability {
        Probability(1.0 - self.0)
    }
}

impl FromStr for Probability {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let text = text.trim();
        let wrong = |kind| SpecError::new(kind, text);
        if let Some(positive) = text.strip_prefix('-') {
            return Err(match Probability::from_str(positive) {
                Ok(_) => wrong(SpecErrorKind::ProbabilityRange),
                Err(_) => wrong(SpecErrorKind::Probability),
            });
        }
        let value = if let Some(percent) = text.strip_suffix('%') {
            let percent = percent.trim_end();
            // The exponent goes into the text: dividing by 100 afterwards would round twice.
            plain_number(percent)
                .and_then(|_| format!("{percent}e-2").parse().ok())
                .ok_or_else(|| wrong(SpecErrorKind::Probability))?
        } else if let Some((top, bottom)) = text.split_once('/') {
            match (top.trim().parse::<u32>(), bottom.trim().parse::<u32>()) {
                (Ok(top), Ok(bottom)) if bottom > 0 => f64::from(top) / f64::from(bottom),
                _ => return Err(wrong(SpecErrorKind::Probability)),
            }
        } else {
            match plain_number(text) {
                Some(bare) if bare > 1.0 && bare <= 100.0 => {
                    return Err(wrong(SpecErrorKind::PercentSign));
                }
                Some(bare) => bare,
                None => return Err(wrong(SpecErrorKind::Probability)),
            }
        };
        Probability::new(value).map_err(|_| wrong(SpecErrorKind::ProbabilityRange))
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The shortest decimal that reads back as this number, its point moved by two places.
        let decimal = self.0.to_string();
        let Some((_, digits)) = decimal.split_once('.') else {
            return f.write_str(if self.0 == 0.0 { "0%" } else { "100%" });
        };
        if digits.len() > 8 {
            let fraction = (2..=99u32).find_map(|bottom| {
                let top = (self.0 * f64::from(bottom)).round();
                (top / f64::from(bottom) == self.0).then_some((top, bottom))
            });
            if let Some((top, bottom)) = fraction {
                return write!(f, "{top}/{bottom}");
            }
        }
        let (whole, rest) = match digits.len() {
            1 => (format!("{digits}0"), ""),
            _ => (digits[..2].to_owned(), &digits[2..]),
        };
        let whole = whole.strip_prefix('0').unwrap_or(&whole);
        match rest {
            "" => write!(f, "{whole}%"),
            _ => write!(f, "{whole}.{rest}%"),
        }
    }
}

impl Serialize for Probability {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Probability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serial::text::deserialize(deserializer)
    }
}

/// Reads a duration: a number, decimals allowed, and `us`, `µs`, `ms`, `s` or `m` (minutes);
/// rounded to nanoseconds.
///
/// # Errors
/// A number without a unit, a negative one, more than an [hour](LONGEST_DURATION), or something
/// else altogether.
pub fn parse_duration(text: &str) -> Result<Duration, SpecError> {
    let text = text.trim();
    let wrong = |kind| SpecError::new(kind, text);
    if let Some(positive) = text.strip_prefix('-') {
        return Err(match parse_duration(positive) {
            Ok(_) => wrong(SpecErrorKind::DurationRange),
            Err(error) => wrong(error.kind),
        });
    }
    let (number, unit) = number_and_unit(text).ok_or_else(|| wrong(SpecErrorKind::Duration))?;
    if unit.is_empty() {
        return Err(wrong(SpecErrorKind::DurationUnit));
    }
    let nanos = NANOS
        .iter()
        .find(|(name, _)| unit.eq_ignore_ascii_case(name))
        .map(|(_, nanos)| number * *nanos as f64)
        .ok_or_else(|| wrong(SpecErrorKind::Duration))?;
    if nanos > LONGEST_DURATION.as_nanos() as f64 {
        return Err(wrong(SpecErrorKind::DurationRange));
    }
    Ok(Duration::from_nanos(nanos.round() as u64))
}

/// Writes a duration in the largest of `s`, `ms` and `us` that does not start with 0, with every
/// decimal it has. What is at most an [hour](LONGEST_DURATION) reads back as the same duration.
pub fn format_duration(duration: Duration) -> String {
    match duration.as_nanos() {
        0 => "0ms".to_owned(),
        nanos if nanos >= 1_000_000_000 => scaled(nanos, 9) + "s",
        nanos if nanos >= 1_000_000 => scaled(nanos, 6) + "ms",
        nanos => scaled(nanos, 3) + "us",
    }
}

/// `value / 10^places` in full, without trailing zeros.
pub(super) fn scaled(value: u128, places: usize) -> String {
    let unit = 10u128.pow(places as u32);
    let decimals = format!("{:0places$}", value % unit);
    match decimals.trim_end_matches('0') {
        "" => (value / unit).to_string(),
        decimals => format!("{}.{decimals}", value / unit),
    }
}

/// A number made of digits and at most one point: no sign, no exponent, no `inf`, no `nan`.
pub(super) fn plain_number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse().ok().filter(|_| plain)
}

/// Splits `1.5mbit` into its number and its unit.
pub(super) fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((plain_number(number)?, unit.trim_start()))
}

/// The parts between commas, without the spaces around them.
///
/// # Errors
/// Fewer than `least` or more than `most`.
pub(super) fn parts(text: &str, least: usize, most: usize) -> Result<Vec<&str>, SpecError> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if (least..=most).contains(&parts.len()) {
        Ok(parts)
    } else {
        Err(SpecError::new(
            SpecErrorKind::PartCount { least, most },
            text,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn probability(text: &str) -> Result<f64, SpecErrorKind> {
        text.parse::<Probability>()
            .map(Probability::get)
            .map_err(|error| error.kind)
    }

    #[test]
    fn probabilities_are_read() {
        use SpecErrorKind as Kind;
        for (text, expected) in [
            ("30%", Ok(0.3)),
            (" 30 % ", Ok(0.3)),
            ("36.4%", Ok(0.364)),
            ("7%", Ok(0.07)),
            ("30.%", Ok(0.3)),
            (".5%", Ok(0.005)),
            ("0.3", Ok(0.3)),
            (".3", Ok(0.3)),
            ("0", Ok(0.0)),
            ("1", Ok(1.0)),
            ("100%", Ok(1.0)),
            ("4/11", Ok(4.0 / 11.0)),
            ("4 / 11", Ok(4.0 / 11.0)),
            ("30", Err(Kind::PercentSign)),
            ("1.5", Err(Kind::PercentSign)),
            ("101", Err(Kind::ProbabilityRange)),
            ("101%", Err(Kind::ProbabilityRange)),
            ("12/11", Err(Kind::ProbabilityRange)),
            ("-5%", Err(Kind::ProbabilityRange)),
            ("-0.1", Err(Kind::ProbabilityRange)),
            ("4/0", Err(Kind::Probability)),
            ("4/-11", Err(Kind::Probability)),
            ("", Err(Kind::Probability)),
            ("-", Err(Kind::Probability)),
            ("--1", Err(Kind::Probability)),
            ("%", Err(Kind::Probability)),
            (".", Err(Kind::Probability)),
            ("nan", Err(Kind::Probability)),
            ("inf", Err(Kind::Probability)),
            ("1e-3", Err(Kind::Probability)),
            ("30%%", Err(Kind::Probability)),
            ("三成", Err(Kind::Probability)),
        ] {
            assert_eq!(probability(text), expected, "{text:?}");
        }
        assert!(Probability::new(f64::NAN).is_err());
    }

    #[test]
    fn probabilities_are_shown_short() {
        for (value, shown) in [
            (0.0, "0%"),
            (-0.0, "0%"),
            (1.0, "100%"),
            (0.3, "30%"),
            (0.07, "7%"),
            (0.007, "0.7%"),
            (0.364, "36.4%"),
            (4.0 / 11.0, "4/11"),
            (1.0 / 3.0, "1/3"),
            (0.000_001, "0.0001%"),
        ] {
            assert_eq!(Probability::new(value).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn durations_are_read() {
        use SpecErrorKind as Kind;
        for (text, expected) in [
            ("50ms", Ok(50_000_000)),
            (" 50 ms", Ok(50_000_000)),
            ("1.5s", Ok(1_500_000_000)),
            ("0.1s", Ok(100_000_000)),
            ("250us", Ok(250_000)),
            ("250µs", Ok(250_000)),
            ("250μs", Ok(250_000)),
            ("0.5us", Ok(500)),
            ("2m", Ok(120_000_000_000)),
            ("60m", Ok(3_600_000_000_000)),
            ("0s", Ok(0)),
            ("10MS", Ok(10_000_000)),
            ("50", Err(Kind::DurationUnit)),
            ("61m", Err(Kind::DurationRange)),
            ("3600.1s", Err(Kind::DurationRange)),
            ("-1ms", Err(Kind::DurationRange)),
            ("-1", Err(Kind::DurationUnit)),
            ("nan", Err(Kind::Duration)),
            ("nanms", Err(Kind::Duration)),
            ("1e3ms", Err(Kind::Duration)),
            ("1.2.3s", Err(Kind::Duration)),
            ("ms", Err(Kind::Duration)),
            ("5h", Err(Kind::Duration)),
            ("", Err(Kind::Duration)),
            ("--5ms", Err(Kind::DurationRange)),
        ] {
            let read = parse_duration(text)
                .map(|duration| duration.as_nanos())
                .map_err(|error| error.kind);
            assert_eq!(read, expected, "{text:?}");
        }
    }

    #[test]
    fn durations_are_shown_in_a_fitting_unit() {
        for (nanos, shown) in [
            (0, "0ms"),
            (500, "0.5us"),
            (250_000, "250us"),
            (1_500_000, "1.5ms"),
            (50_000_000, "50ms"),
            (1_000_000_001, "1.000000001s"),
            (90_000_000_000, "90s"),
        ] {
            assert_eq!(format_duration(Duration::from_nanos(nanos)), shown);
        }
    }

    #[test]
    fn errors_say_what_is_right() {
        let sentence = |error: SpecError| error.to_string();
        assert_eq!(
            sentence("30".parse::<Probability>().unwrap_err()),
            "30 is more than 1: write 30% or 0.3"
        );
        assert_eq!(
            sentence(parse_duration("50").unwrap_err()),
            "50 has no unit: write 50ms or 50s"
        );
        // What was written is shown, and can neither act on the terminal nor be taken for a name.
        let error = parse_duration("\u{1b}[31m\u{202e}%{value}").unwrap_err();
        assert!(
            sentence(error.clone())
                .starts_with("\"\\u{1b}[31m\\u{202e}%{value}\" is not a duration"),
            "{error}"
        );
        assert_eq!(error.key(), "duration");
    }

    proptest! {
        #[test]
        fn probabilities_read_back(value in 0.0..=1.0) {
            let probability = Probability::new(value).unwrap();
            prop_assert_eq!(probability.to_string().parse(), Ok(probability));
        }

        #[test]
        fn fractions_read_back(top in 0u32..=2000, more in 1u32..=2000) {
            let probability: Probability = format!("{top}/{}", top + more).parse().unwrap();
            prop_assert_eq!(probability.to_string().parse(), Ok(probability));
        }

        #[test]
        fn durations_read_back(nanos in 0u64..=3_600_000_000_000) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,12}|[-0-9./% mskubit,]{0,12}") {
            for error in [text.parse::<Probability>().err(), parse_duration(&text).err()]
                .into_iter()
                .flatten()
            {
                let unfilled = error.to_string().contains("%{");
                prop_assert!(!unfilled || text.contains('{'), "{error}");
            }
        }
    }
}
