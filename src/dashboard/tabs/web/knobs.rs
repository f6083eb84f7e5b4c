//! The knobs of the Server panel: what each one shows, what an arrow does to it, and what may be typed into it.
//!
//! Pure functions from a service to a service; the tab turns the result into an effect.

use std::time::Duration;

use crate::dashboard::tabs::turn::{Turn, step, turn_millis};
use crate::proto::http::service::{Forced, MOST_FORCED, Service, format_bytes, parse_bytes};
use crate::proto::link::{SpecError, format_duration, parse_duration};

/// What can be turned, in the order of the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knob {
    Mode,
    Delay,
    Rate,
    Forced,
}

impl Knob {
    pub const ALL: [Knob; 4] = [Knob::Mode, Knob::Delay, Knob::Rate, Knob::Forced];

    /// The message key of its name.
    pub fn label(self) -> &'static str {
        match self {
            Knob::Mode => "web.knob.mode",
            Knob::Delay => "web.knob.delay",
            Knob::Rate => "web.knob.rate",
            Knob::Forced => "web.knob.forced",
        }
    }

    /// The message key of what a prompt asks for.
    pub fn question(self) -> &'static str {
        match self {
            Knob::Forced => "web.prompt.forced",
            knob => knob.label(),
        }
    }
}

const DELAYS_MS: [u64; 11] = [0, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];
const RATES: [u64; 10] = [
    256,
    KIB,
    4 * KIB,
    16 * KIB,
    64 * KIB,
    256 * KIB,
    MIB,
    4 * MIB,
    16 * MIB,
    64 * MIB,
];
/// What `k` and `M` stand for, here as in the settings.
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
/// The longest delay that may be typed: a minute is longer than any class waits.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// Why a text is no value of a knob.
#[derive(Debug, Clone, PartialEq)]
pub enum KnobError {
    Duration(SpecError),
    DelayTooLong(Duration),
    BadRate(String),
    /// Not of the form `/path=503`.
    BadForced(String),
    TooManyForced(usize),
}

/// Turns a knob by a step.
pub fn turn(service: &Service, knob: Knob, turn: Turn) -> Service {
    let mut service = service.clone();
    match knob {
        Knob::Mode => service.mode = service.mode.other(),
        Knob::Delay => service.delay = turn_millis(&DELAYS_MS, service.delay, turn),
        Knob::Rate => service.rate = turn_rate(service.rate, turn),
        Knob::Forced => {}
    }
    service
}

/// More than the most of the table is no limit.
fn turn_rate(rate: Option<u64>, turn: Turn) -> Option<u64> {
    let fastest = RATES[RATES.len() - 1];
    match (rate, turn) {
        (None, Turn::More) => None,
        (None, Turn::Less) => Some(fastest),
        (Some(rate), Turn::More) if rate >= fastest => None,
        (Some(rate), turn) => Some(step(&RATES, rate, turn)),
    }
}

/// What a knob is set to, as it may be typed.
pub fn text(service: &Service, knob: Knob) -> String {
    match knob {
        Knob::Mode => service.mode.name().to_owned(),
        Knob::Delay => format_duration(service.delay),
        Knob::Rate => service.rate.map_or_else(|| "none".to_owned(), format_bytes),
        Knob::Forced => {
            let words: Vec<String> = service.forced.iter().map(Forced::to_string).collect();
            words.join(" ")
        }
    }
}

/// Sets a knob from typed text. The mode has only two values and is not typed.
pub fn typed(service: &Service, knob: Knob, text: &str) -> Result<Service, KnobError> {
    let mut service = service.clone();
    match knob {
        Knob::Mode => {}
        Knob::Delay => {
            let delay = parse_duration(text).map_err(KnobError::Duration)?;
            if delay > LONGEST_DELAY {
                return Err(KnobError::DelayTooLong(LONGEST_DELAY));
            }
            service.delay = delay;
        }
        Knob::Rate => service.rate = parse_rate(text)?,
        Knob::Forced => service.forced = parse_forced(text)?,
    }
    Ok(service)
}

fn parse_rate(text: &str) -> Result<Option<u64>, KnobError> {
    if matches!(text, "" | "none") {
        return Ok(None);
    }
    match parse_bytes(text) {
        Some(rate) if rate > 0 => Ok(Some(rate)),
        _ => Err(KnobError::BadRate(text.to_owned())),
    }
}

/// The whole list, such as `/busy=503 /tea=418`; `none` or an empty text forces nothing. The last word about a path holds.
fn parse_forced(text: &str) -> Result<Vec<Forced>, KnobError> {
    let mut all: Vec<Forced> = Vec::new();
    if text == "none" {
        return Ok(all);
    }
    for word in text.split_whitespace() {
        Forced::parse(word)
            .ok_or_else(|| KnobError::BadForced(word.to_owned()))?
            .add_to(&mut all);
    }
    if all.len() > MOST_FORCED {
        return Err(KnobError::TooManyForced(MOST_FORCED));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::http::service::Mode;
    use crate::proto::http::status::Status;

    #[test]
    fn every_knob_reads_back_what_it_shows() {
        let service = Service {
            mode: Mode::Concurrent,
            delay: Duration::from_millis(250),
            rate: Some(64 * KIB),
            forced: vec![Forced {
                path: "/a=b".to_owned(),
                status: Status::TEAPOT,
            }],
        };
        for knob in Knob::ALL {
            let shown = text(&service, knob);
            assert_eq!(
                typed(&service, knob, &shown),
                Ok(service.clone()),
                "{shown}"
            );
        }
    }

    #[test]
    fn what_is_typed_reads_as_in_the_settings() {
        let start = Service {
            rate: Some(1),
            forced: vec![Forced {
                path: "/busy".to_owned(),
                status: Status::TEAPOT,
            }],
            ..Service::default()
        };
        let rate = |text| typed(&start, Knob::Rate, text).map(|service| service.rate);
        assert_eq!(rate("64k"), Ok(Some(65_536)));
        assert_eq!(rate("1M"), Ok(Some(1_048_576)));
        assert_eq!(rate("none"), Ok(None));
        for nothing in ["none", ""] {
            let service = typed(&start, Knob::Forced, nothing);
            assert_eq!(service.map(|service| service.forced), Ok(Vec::new()));
        }
    }

    #[test]
    fn knobs_stay_inside_their_tables() {
        let mut service = Service::default();
        for _ in 0..20 {
            service = turn(&service, Knob::Rate, Turn::Less);
            service = turn(&service, Knob::Delay, Turn::More);
        }
        assert_eq!(service.rate, Some(RATES[0]));
        assert_eq!(service.delay, Duration::from_secs(10));
        for _ in 0..20 {
            service = turn(&service, Knob::Rate, Turn::More);
            service = turn(&service, Knob::Delay, Turn::Less);
        }
        assert_eq!(service, Service::default());
    }

    #[test]
    fn what_is_no_value_is_refused() {
        use KnobError::{BadForced, BadRate, DelayTooLong};
        let table = [
            (Knob::Rate, "0", BadRate("0".into())),
            (Knob::Rate, "fast", BadRate("fast".into())),
            (
                Knob::Rate,
                "99999999999999999999",
                BadRate("99999999999999999999".into()),
            ),
            (
                Knob::Rate,
                "99999999999999999M",
                BadRate("99999999999999999M".into()),
            ),
            (Knob::Delay, "61s", DelayTooLong(LONGEST_DELAY)),
            (Knob::Forced, "busy=503", BadForced("busy=503".into())),
            (Knob::Forced, "/busy", BadForced("/busy".into())),
            (Knob::Forced, "/busy=99", BadForced("/busy=99".into())),
            (Knob::Forced, "/busy=100", BadForced("/busy=100".into())),
        ];
        for (knob, text, error) in table {
            assert_eq!(typed(&Service::default(), knob, text), Err(error), "{text}");
        }
        let twice = typed(&Service::default(), Knob::Forced, "/a=503 /b=418 /a=404");
        let paths: Vec<String> = twice
            .iter()
            .map(|service| text(service, Knob::Forced))
            .collect();
        assert_eq!(paths, ["/b=418 /a=404"]);
    }
}
