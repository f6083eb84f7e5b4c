//! Numbers and verdicts as people read them, in their language: what screens and printed lines share.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use super::Words;
use crate::proto::guard::Refusal;
use crate::proto::http::rule::Rule;
use crate::proto::link::{Leg, LegSettings, Rate, SpecError, Why, format_duration};
use crate::trace::event::Ruling;
use crate::trace::start_error::{Reason, StartError, Transport};
use crate::trace::web::{Cause, Ending, Phase};

/// Stands where there is nothing to say. Never 0.
pub const NOTHING: &str = "-";

/// A time with three significant digits or more and its unit: `213 µs`, `4.21 ms`, `1.204 s`.
pub fn time(duration: Duration) -> String {
    let nanos = duration.as_nanos() as f64;
    match nanos {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e5 => format!("{:.1} µs", n / 1e3),
        n if n < 1e6 => format!("{:.0} µs", n / 1e3),
        n if n < 1e7 => format!("{:.2} ms", n / 1e6),
        n if n < 1e8 => format!("{:.1} ms", n / 1e6),
        n if n < 1e9 => format!("{:.0} ms", n / 1e6),
        n => format!("{:.3} s", n / 1e9),
    }
}

/// A number of bytes with three significant digits and its unit, in powers of ten: `512 B`, `12.4 kB`, `3.21 MB`.
pub fn size(bytes: u64) -> String {
    let value = bytes as f64;
    let unit = |divisor: f64, name: &str| {
        let value = value / divisor;
        let decimals = match value {
            v if v < 9.995 => 2,
            v if v < 99.95 => 1,
            _ => 0,
        };
        format!("{value:.decimals$} {name}")
    };
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..999_500 => unit(1e3, "kB"),
        999_500..999_500_000 => unit(1e6, "MB"),
        999_500_000..999_500_000_000 => unit(1e9, "GB"),
        _ => unit(1e12, "TB"),
    }
}

/// A number with a comma between each three digits: `1,234`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// How many a second: `0/s`, `0.4/s`, `12/s`, `190k/s`.
pub fn rate(per_second: f64) -> String {
    match per_second {
        r if r <= 0.0 => "0/s".to_owned(),
        r if r < 9.95 => format!("{r:.1}/s"),
        r if r < 9_999.5 => format!("{r:.0}/s"),
        r if r < 99_950.0 => format!("{:.1}k/s", r / 1e3),
        r => format!("{:.0}k/s", r / 1e3),
    }
}

/// A time, or a dash.
pub fn time_or_nothing(duration: Option<Duration>) -> String {
    duration.map_or_else(|| NOTHING.to_owned(), time)
}

/// A round-trip time always in milliseconds, so that a column of them compares at a glance; below the clock's smallest step it says so instead
/// of 0.
pub fn rtt(rtt: Duration, clock_step: Duration) -> String {
    if rtt < clock_step {
        return format!("< {}", time(clock_step));
    }
    let millis = rtt.as_secs_f64() * 1e3;
    if millis < 10.0 {
        format!("{millis:.3} ms")
    } else {
        format!("{millis:.1} ms")
    }
}

/// A share as a percentage with one decimal.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A share that somebody has set, with three significant digits as far as they say something: `36.4 %`, `0.75 %`, `1.0 %`.
pub fn chance(share: f64) -> String {
    /// Chances are set in no finer steps that anybody would tell apart.
    const MOST_DECIMALS: usize = 6;
    let percent = share * 100.0;
    let decimals = (1..MOST_DECIMALS)
        .find(|&decimals| percent * 10_f64.powi(decimals as i32) >= 99.95)
        .unwrap_or(MOST_DECIMALS);
    let digits = format!("{percent:.decimals$}");
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let rest = fraction.get(1..).unwrap_or_default().trim_end_matches('0');
    let tenth = fraction.get(..1).unwrap_or("0");
    format!("{whole}.{tenth}{rest} %")
}

/// A share, or a dash.
pub fn percent_or_nothing(share: Option<f64>) -> String {
    share.map_or_else(|| NOTHING.to_owned(), percent)
}

/// A count that not everybody knows.
pub fn count_or_nothing(count: Option<u64>) -> String {
    count.map_or_else(|| NOTHING.to_owned(), |count| count.to_string())
}

/// An interval of shares: `[30.5–44.8]`, in percent.
pub fn interval(interval: Option<(f64, f64)>) -> String {
    interval.map_or_else(String::new, |(low, high)| {
        format!("[{:.1}–{:.1}]", low * 100.0, high * 100.0)
    })
}

/// Microseconds as the summary has them, as a time.
pub fn micros(micros: Option<f64>) -> String {
    time_or_nothing(micros.map(|us| Duration::from_nanos((us * 1e3).round().max(0.0) as u64)))
}

/// What the server did with a datagram, with its reason.
pub fn ruling(ruling: &Ruling, words: Words) -> String {
    match ruling {
        Ruling::Replied => words.t("ruling.replied").into_owned(),
        Ruling::Lost {
            leg: Leg::Request,
            why: cause,
        } => words.fill("ruling.request_lost", &[("why", &why(*cause, words))]),
        Ruling::Lost {
            leg: Leg::Reply,
            why: cause,
        } => words.fill("ruling.reply_lost", &[("why", &why(*cause, words))]),
        Ruling::QueueFull { leg: Leg::Request } => {
            words.t("ruling.request_queue_full").into_owned()
        }
        Ruling::QueueFull { leg: Leg::Reply } => words.t("ruling.reply_queue_full").into_owned(),
        Ruling::Refused(refused) => {
            words.fill("ruling.refused", &[("why", &refusal(*refused, words))])
        }
    }
}

/// Why a datagram was lost.
pub fn why(why: Why, words: Words) -> String {
    match why {
        Why::LabDraw(draw) => words.fill("why.lab_draw", &[("draw", &draw)]),
        Why::Random => words.t("why.random").into_owned(),
        Why::BadState => words.t("why.bad_state").into_owned(),
        Why::GoodState => words.t("why.good_state").into_owned(),
        Why::Burst => words.t("why.burst").into_owned(),
        Why::Isolated => words.t("why.isolated").into_owned(),
        Why::Pattern { position } => words.fill("why.pattern", &[("position", &position)]),
    }
}

/// Why a datagram was refused.
pub fn refusal(refusal: Refusal, words: Words) -> String {
    match refusal {
        Refusal::LoopPort(port) => words.fill("refusal.loop_port", &[("port", &port)]),
        Refusal::OwnAddress => words.t("refusal.own_address").into_owned(),
        Refusal::SourceRate => words.t("refusal.source_rate").into_owned(),
        Refusal::TotalRate => words.t("refusal.total_rate").into_owned(),
    }
}

/// What decided an answer of the web server: why this status, or what was wrong and what would be right. One sentence.
pub fn rule(rule: Rule, words: Words) -> Cow<'static, str> {
    words.t(&format!("rule.{}", rule.name()))
}

/// What a connection is doing, in a word or two.
pub fn phase(phase: Phase, words: Words) -> Cow<'static, str> {
    match phase {
        Phase::InLine => words.t("phase.in_line"),
        Phase::Silent => words.t("phase.silent"),
        Phase::Reading => words.t("phase.reading"),
        Phase::Working => words.t("phase.working"),
        Phase::Sending => words.t("phase.sending"),
        Phase::Idle => words.t("phase.idle"),
        Phase::Closing => words.t("phase.closing"),
    }
}

/// Why a connection was closed.
pub fn cause(cause: Cause, words: Words) -> Cow<'static, str> {
    match cause {
        Cause::Client => words.t("cause.client"),
        Cause::Reset => words.t("cause.reset"),
        Cause::Asked => words.t("cause.asked"),
        Cause::OneAtATime => words.t("cause.one_at_a_time"),
        Cause::AfterError => words.t("cause.after_error"),
        Cause::Idle => words.t("cause.idle"),
        Cause::Silent => words.t("cause.silent"),
        Cause::TooLate => words.t("cause.too_late"),
        Cause::Stalled => words.t("cause.stalled"),
        Cause::Incomplete => words.t("cause.incomplete"),
        Cause::RequestLimit => words.t("cause.request_limit"),
        Cause::Refused => words.t("cause.refused"),
        Cause::Stopped => words.t("cause.stopped"),
    }
}

/// How an exchange ended.
pub fn ending(ending: Ending, words: Words) -> Cow<'static, str> {
    match ending {
        Ending::Complete => words.t("ending.complete"),
        Ending::ClientGone => words.t("ending.client_gone"),
        Ending::Stalled => words.t("ending.stalled"),
        Ending::FileChanged => words.t("ending.file_changed"),
        Ending::Stopped => words.t("ending.stopped"),
    }
}

/// What one leg of the link does, in one line.
pub fn leg(leg: &LegSettings, words: Words) -> String {
    let mut parts = Vec::new();
    let mut part = |key: &str, value: &dyn Display| parts.push(format!("{} {value}", words.t(key)));
    if !leg.loss.is_none() {
        part(
            "knob.loss",
            &words.fill(
                "leg.loss",
                &[("loss", &leg.loss), ("share", &chance(leg.loss.rate()))],
            ),
        );
    }
    if !leg.delay.is_none() {
        part("knob.delay", &leg.delay);
    }
    for (key, chance) in [
        ("knob.duplicate", leg.duplicate),
        ("knob.reorder", leg.reorder),
        ("knob.corrupt", leg.corrupt),
    ] {
        if chance.get() > 0.0 {
            part(key, &chance);
        }
    }
    if leg.rate != Rate::Unlimited {
        part("knob.rate", &leg.rate);
    }
    if parts.is_empty() {
        words.t("leg.nothing").into_owned()
    } else {
        parts.join(" · ")
    }
}

/// What was wrong with a text in the link's notation, and what would be right.
pub fn spec_error(error: &SpecError, words: Words) -> String {
    let args = error.args();
    let values: Vec<(&str, &dyn Display)> = args
        .iter()
        .map(|(name, value)| (*name, value as &dyn Display))
        .collect();
    words.fill(&format!("settings.spec.{}", error.key()), &values)
}

/// Why a lab could not start, and what to do about it: one line each.
pub fn start_error(error: &StartError, words: Words) -> Vec<String> {
    let address = &error.address;
    let what = match &error.reason {
        Reason::PortTaken { .. } => words.fill("start.port_taken", &[("address", address)]),
        Reason::NoPermission => words.fill(
            "start.no_permission",
            &[("address", address), ("port", &address.port())],
        ),
        Reason::NotOurAddress => words.fill("start.not_our_address", &[("address", &address.ip())]),
        Reason::Folder { path } => words.fill(
            "start.folder",
            &[
                ("path", &crate::trace::escape::escape_hostile(path)),
                ("error", &error.error),
            ],
        ),
        Reason::Other => words.fill(
            "start.other",
            &[("address", address), ("error", &error.error)],
        ),
    };
    let mut lines = vec![what];
    if let Reason::PortTaken { holder, finder } = &error.reason {
        lines.push(match holder {
            Some(holder) => words.fill(
                "start.holder",
                &[
                    (
                        "name",
                        &crate::trace::escape::escape_hostile(holder.name.as_bytes()),
                    ),
                    ("pid", &holder.pid),
                ],
            ),
            None => {
                let transport = match error.transport {
                    Transport::Udp => "UDP",
                    Transport::Tcp => "TCP",
                };
                words.fill(
                    "start.finder",
                    &[("command", finder), ("transport", &transport)],
                )
            }
        });
    }
    lines
}

/// A duration as it is typed: `200ms`.
pub fn setting(duration: Duration) -> String {
    format_duration(duration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Lang;

    #[test]
    fn times_keep_three_digits_and_a_unit() {
        let cases = [
            (0, "0 ns"),
            (41, "41 ns"),
            (21_300, "21.3 µs"),
            (213_000, "213 µs"),
            (4_210_000, "4.21 ms"),
            (42_100_000, "42.1 ms"),
            (421_000_000, "421 ms"),
            (1_204_000_000, "1.204 s"),
        ];
        for (nanos, expected) in cases {
            assert_eq!(time(Duration::from_nanos(nanos)), expected);
        }
    }

    #[test]
    fn every_rule_has_one_sentence_in_every_language() {
        for lang in Lang::ALL {
            let words = Words(lang);
            for each in Rule::ALL {
                let key = format!("rule.{}", each.name());
                let sentence = words.find(&key).unwrap_or_default();
                let end = match lang {
                    Lang::En => '.',
                    Lang::ZhCn => '。',
                };
                assert!(sentence.ends_with(end), "{key} in {lang:?}: {sentence}");
                assert_eq!(sentence.is_ascii(), lang == Lang::En, "{key}");
                assert_eq!(rule(*each, words), sentence);
            }
        }
    }

    #[test]
    fn every_sentence_about_a_rule_belongs_to_one() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/locales");
        let texts = rust_i18n::try_load_locales(folder, |_| false, true).expect("valid locales");
        for key in texts["en"].keys() {
            if let Some(name) = key.strip_prefix("rule.") {
                assert!(Rule::ALL.iter().any(|rule| rule.name() == name), "{key}");
            }
        }
    }

    #[test]
    fn a_round_trip_below_the_clock_step_is_never_zero() {
        let step = Duration::from_nanos(41);
        assert_eq!(rtt(Duration::ZERO, step), "< 41 ns");
        assert_eq!(rtt(Duration::from_micros(213), step), "0.213 ms");
        assert_eq!(rtt(Duration::from_millis(1204), step), "1204.0 ms");
    }

    #[test]
    fn sizes_and_rates_keep_three_digits_and_a_unit() {
        let sizes = [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (12_449, "12.4 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (3_210_000_000, "3.21 GB"),
            (u64::MAX, "18446744 TB"),
        ];
        for (bytes, expected) in sizes {
            assert_eq!(size(bytes), expected);
        }
        let rates = [
            (-1.0, "0/s"),
            (0.0, "0/s"),
            (0.44, "0.4/s"),
            (12.2, "12/s"),
            (9_999.0, "9999/s"),
            (12_345.0, "12.3k/s"),
            (190_300.0, "190k/s"),
        ];
        for (per_second, expected) in rates {
            assert_eq!(rate(per_second), expected);
        }
    }

    #[test]
    fn a_chance_keeps_the_digits_it_was_set_with() {
        let table = [
            (0.0, "0.0 %"),
            (4.0 / 11.0, "36.4 %"),
            (0.0075, "0.75 %"),
            (0.001, "0.1 %"),
            (0.01, "1.0 %"),
            (0.0125, "1.25 %"),
            (0.000_012_3, "0.00123 %"),
            (0.999_9, "100.0 %"),
            (1.0, "100.0 %"),
        ];
        for (share, want) in table {
            assert_eq!(chance(share), want);
        }
    }

    #[test]
    fn digits_stand_in_threes() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345, "12,345"),
            (1_234_567, "1,234,567"),
        ];
        for (number, expected) in cases {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn nothing_to_say_is_a_dash() {
        assert_eq!(percent_or_nothing(None), "-");
        assert_eq!(time_or_nothing(None), "-");
        assert_eq!(micros(None), "-");
        assert_eq!(count_or_nothing(None), "-");
        assert_eq!(percent_or_nothing(Some(0.374)), "37.4 %");
        assert_eq!(interval(Some((0.305, 0.448))), "[30.5–44.8]");
    }
}
