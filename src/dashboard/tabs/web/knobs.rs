//! The knobs of the Server panel: what each one shows, what an arrow does to it, and what may be typed into it.
//!
//! Pure functions from a service to a service; the tab turns the result into an effect.

use std::time::Duration;

use crate::dashboard::tabs::turn::{Turn, step, turn_millis};
use crate::proto::http::service::{Forced, Service};
use crate::proto::http::status::Status;
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
    100, 1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000, 4_000_000, 16_000_000, 64_000_000,
];
/// The longest delay that may be typed: a minute is longer than any class waits.
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// Paths with a forced status, at most.
const FORCED: usize = 32;

/// Why a text is no value of a knob.
#[derive(Debug, Clone, PartialEq)]
pub enum KnobError {
    Duration(SpecError),
    DelayTooLong(Duration),
    BadRate(String),
    /// Neither `/path=503` nor `/path`.
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
        Knob::Rate => service.rate.map_or_else(|| "none".to_owned(), rate_text),
        Knob::Forced => {
            let forced = service.forced.iter();
            let words: Vec<String> = forced
                .map(|forced| format!("{}={}", forced.path, forced.status.code()))
                .collect();
            words.join(" ")
        }
    }
}

/// Bytes a second as short as they can be told exactly: `64k`, `1M`, `1500`.
pub fn rate_text(rate: u64) -> String {
    match rate {
        rate if rate >= 1_000_000 && rate.is_multiple_of(1_000_000) => {
            format!("{}M", rate / 1_000_000)
        }
        rate if rate >= 1_000 && rate.is_multiple_of(1_000) => format!("{}k", rate / 1_000),
        rate => rate.to_string(),
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
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1_000),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 1_000_000),
        _ => (text, 1),
    };
    let rate = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    match rate {
        Some(rate) if rate > 0 => Ok(Some(rate)),
        _ => Err(KnobError::BadRate(text.to_owned())),
    }
}

/// The whole list, such as `/busy=503 /tea=418`; an empty text forces nothing. The last word about a path holds.
fn parse_forced(text: &str) -> Result<Vec<Forced>, KnobError> {
    let mut all: Vec<Forced> = Vec::new();
    for word in text.split_whitespace() {
        let bad = || KnobError::BadForced(word.to_owned());
        let (path, status) = word.rsplit_once('=').ok_or_else(bad)?;
        let status = status.parse().ok().and_then(Status::new);
        let status = status
            .filter(|status| status.code() >= 200)
            .ok_or_else(bad)?;
        if !path.starts_with('/') {
            return Err(bad());
        }
        all.retain(|forced| forced.path != path);
        all.push(Forced {
            path: path.to_owned(),
            status,
        });
    }
    if all.len() > FORCED {
        return Err(KnobError::TooManyForced(FORCED));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::http::service::Mode;

    #[test]
    fn every_knob_reads_back_what_it_shows() {
        let service = Service {
            mode: Mode::Concurrent,
            delay: Duration::from_millis(250),
            rate: Some(64_000),
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
