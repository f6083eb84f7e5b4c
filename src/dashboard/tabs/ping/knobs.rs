//! The knobs of the Link panel: what each one shows, what an arrow does to it, and what may be typed into it.
//!
//! Pure functions from settings to settings; the tab turns the result into an effect.

use std::time::Duration;

pub use crate::dashboard::tabs::turn::Turn;
use crate::dashboard::tabs::turn::{step, turn_millis};
use crate::proto::link::{
    DEFAULT_QUEUE, Delay, LegSettings, Loss, Probability, Rate, Shape, SpecError, format_duration,
    parse_duration,
};

/// What can be turned, in the order of the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knob {
    Loss,
    Delay,
    Duplicate,
    Reorder,
    Corrupt,
    Rate,
    Interval,
    Timeout,
    Pace,
}

impl Knob {
    pub const ALL: [Knob; 9] = [
        Knob::Loss,
        Knob::Delay,
        Knob::Duplicate,
        Knob::Reorder,
        Knob::Corrupt,
        Knob::Rate,
        Knob::Interval,
        Knob::Timeout,
        Knob::Pace,
    ];

    /// The message key of its name.
    pub fn label(self) -> &'static str {
        match self {
            Knob::Loss => "knob.loss",
            Knob::Delay => "knob.delay",
            Knob::Duplicate => "knob.duplicate",
            Knob::Reorder => "knob.reorder",
            Knob::Corrupt => "knob.corrupt",
            Knob::Rate => "knob.rate",
            Knob::Interval => "knob.interval",
            Knob::Timeout => "knob.timeout",
            Knob::Pace => "knob.pace",
        }
    }
}

/// How the pinger sends, as the knobs set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    pub kind: PaceKind,
    pub interval: Duration,
    pub timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaceKind {
    /// Stop and wait.
    Lab,
    /// A fixed interval.
    Steady,
}

const LOSS_STEP_PERCENT: f64 = 5.0;
const CHANCES_PERCENT: [f64; 10] = [0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 50.0, 75.0, 100.0];
const DELAYS_MS: [u64; 12] = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000];
const INTERVALS_MS: [u64; 9] = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];
const TIMEOUTS_MS: [u64; 8] = [50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];
const RATES_BPS: [u64; 8] = [
    8_000, 16_000, 32_000, 64_000, 128_000, 512_000, 1_000_000, 10_000_000,
];

/// Raises or lowers the loss by five points, to the next multiple of five. The burst model keeps its run length; every other model with a
/// fixed shape gives way to independent loss.
pub fn turn_loss(loss: &Loss, turn: Turn) -> Loss {
    let percent = loss.rate() * 100.0;
    // Half a thousandth of slack: 35.0000001 counts as 35.
    let steps = match turn {
        Turn::More => ((percent + 0.0005) / LOSS_STEP_PERCENT).floor() + 1.0,
        Turn::Less => ((percent - 0.0005) / LOSS_STEP_PERCENT).ceil() - 1.0,
    };
    let percent = (steps * LOSS_STEP_PERCENT).clamp(0.0, 100.0);
    let Ok(rate) = Probability::new(percent / 100.0) else {
        return loss.clone();
    };
    match loss {
        Loss::Burst { mean_run, .. } => Loss::burst(rate, *mean_run).unwrap_or(Loss::Random(rate)),
        _ if percent == 0.0 => Loss::None,
        _ => Loss::Random(rate),
    }
}

/// The next loss model in turn, at an instructive setting; the independent and the burst model have the lab's rate, so that only their pattern
/// differs.
pub fn next_model(loss: &Loss) -> Loss {
    const LAB_RATE: &str = "4/11";
    let models = [
        "lab",
        LAB_RATE,
        "burst:4/11,4",
        "state:0.04,0.3,0.2,0.6,0.01",
        "pattern:1101",
        "none",
    ];
    let next = match loss {
        Loss::Lab => models[1],
        Loss::Random(_) => models[2],
        Loss::Burst { .. } | Loss::GilbertElliott { .. } => models[3],
        Loss::FourState { .. } => models[4],
        Loss::Pattern(_) => models[5],
        Loss::None => models[0],
    };
    next.parse().unwrap_or_default()
}

fn turn_chance(chance: Probability, turn: Turn) -> Probability {
    let percent = step(&CHANCES_PERCENT, chance.get() * 100.0, turn);
    Probability::new(percent / 100.0).unwrap_or(chance)
}

/// Turns a knob of the link.
pub fn turn_leg(leg: &LegSettings, knob: Knob, turn: Turn) -> LegSettings {
    let mut leg = leg.clone();
    match knob {
        Knob::Loss => leg.loss = turn_loss(&leg.loss, turn),
        Knob::Delay => {
            leg.delay.mean = turn_millis(&DELAYS_MS, leg.delay.mean, turn);
            if leg.delay.mean.is_zero() {
                leg.delay = Delay::default();
            }
        }
        Knob::Duplicate => leg.duplicate = turn_chance(leg.duplicate, turn),
        Knob::Reorder => leg.reorder = turn_chance(leg.reorder, turn),
        Knob::Corrupt => leg.corrupt = turn_chance(leg.corrupt, turn),
        Knob::Rate => leg.rate = turn_rate(leg.rate, turn),
        Knob::Interval | Knob::Timeout | Knob::Pace => {}
    }
    leg
}

/// Less than the least rate of the table stays there; more than the most is no limit.
fn turn_rate(rate: Rate, turn: Turn) -> Rate {
    let fastest = RATES_BPS[RATES_BPS.len() - 1];
    match (rate, turn) {
        (Rate::Unlimited, Turn::More) => Rate::Unlimited,
        (Rate::Unlimited, Turn::Less) => Rate::Limited {
            bits_per_second: fastest,
            queue: DEFAULT_QUEUE,
        },
        (
            Rate::Limited {
                bits_per_second, ..
            },
            Turn::More,
        ) if bits_per_second >= fastest => Rate::Unlimited,
        (
            Rate::Limited {
                bits_per_second,
                queue,
            },
            turn,
        ) => Rate::Limited {
            bits_per_second: step(&RATES_BPS, bits_per_second, turn),
            queue,
        },
    }
}

/// Turns a knob of the pinger.
pub fn turn_pace(pace: Pace, knob: Knob, turn: Turn) -> Pace {
    match knob {
        Knob::Interval => Pace {
            interval: turn_millis(&INTERVALS_MS, pace.interval, turn),
            ..pace
        },
        Knob::Timeout => Pace {
            timeout: turn_millis(&TIMEOUTS_MS, pace.timeout, turn),
            ..pace
        },
        Knob::Pace => Pace {
            kind: match pace.kind {
                PaceKind::Lab => PaceKind::Steady,
                PaceKind::Steady => PaceKind::Lab,
            },
            ..pace
        },
        _ => pace,
    }
}

/// What a knob is set to, as it may be typed.
pub fn text(leg: &LegSettings, pace: Pace, knob: Knob) -> String {
    match knob {
        Knob::Loss => leg.loss.to_string(),
        Knob::Delay => leg.delay.to_string(),
        Knob::Duplicate => leg.duplicate.to_string(),
        Knob::Reorder => leg.reorder.to_string(),
        Knob::Corrupt => leg.corrupt.to_string(),
        Knob::Rate => leg.rate.to_string(),
        Knob::Interval => format_duration(pace.interval),
        Knob::Timeout => format_duration(pace.timeout),
        Knob::Pace => match pace.kind {
            PaceKind::Lab => "lab".to_owned(),
            PaceKind::Steady => "steady".to_owned(),
        },
    }
}

/// Sets a knob of the link from typed text.
pub fn type_leg(leg: &LegSettings, knob: Knob, text: &str) -> Result<LegSettings, SpecError> {
    let mut leg = leg.clone();
    match knob {
        Knob::Loss => leg.loss = text.parse()?,
        Knob::Delay => leg.delay = text.parse()?,
        Knob::Duplicate => leg.duplicate = text.parse()?,
        Knob::Reorder => leg.reorder = text.parse()?,
        Knob::Corrupt => leg.corrupt = text.parse()?,
        Knob::Rate => leg.rate = text.parse()?,
        Knob::Interval | Knob::Timeout | Knob::Pace => {}
    }
    Ok(leg)
}

/// Sets interval or timeout from typed text; at least a millisecond.
pub fn type_pace(pace: Pace, knob: Knob, text: &str) -> Result<Pace, SpecError> {
    let duration = parse_duration(text)?.max(Duration::from_millis(1));
    Ok(match knob {
        Knob::Interval => Pace {
            interval: duration,
            ..pace
        },
        Knob::Timeout => Pace {
            timeout: duration,
            ..pace
        },
        _ => pace,
    })
}

/// The jitter of a delay as the panel shows it: nothing for a constant one.
pub fn spread(delay: &Delay) -> Option<Duration> {
    (delay.shape != Shape::Constant && !delay.spread.is_zero()).then_some(delay.spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(text: &str) -> Loss {
        text.parse().expect("a literal spec")
    }

    #[test]
    fn the_loss_moves_to_the_next_multiple_of_five() {
        let cases = [
            ("lab", Turn::More, "40%"),
            ("lab", Turn::Less, "35%"),
            ("35%", Turn::More, "40%"),
            ("35%", Turn::Less, "30%"),
            ("none", Turn::More, "5%"),
            ("none", Turn::Less, "none"),
            ("5%", Turn::Less, "none"),
            ("97%", Turn::More, "100%"),
            ("100%", Turn::More, "100%"),
            ("burst:20%,3", Turn::More, "burst:25%,3"),
            ("pattern:1101", Turn::More, "30%"),
        ];
        for (from, turn, to) in cases {
            assert_eq!(turn_loss(&loss(from), turn), loss(to), "{from} {turn:?}");
        }
    }

    #[test]
    fn the_models_come_round_and_every_one_is_met() {
        let mut model = Loss::Lab;
        let mut met = Vec::new();
        for _ in 0..6 {
            met.push(model.short_name());
            model = next_model(&model);
        }
        assert_eq!(model, Loss::Lab);
        met.dedup();
        assert_eq!(met.len(), 6, "{met:?}");
    }

    #[test]
    fn every_knob_reads_back_what_it_shows() {
        let leg = LegSettings {
            loss: loss("burst:20%,3"),
            ..LegSettings::default()
        };
        let pace = Pace {
            kind: PaceKind::Steady,
            interval: Duration::from_millis(200),
            timeout: Duration::from_secs(1),
        };
        for knob in Knob::ALL {
            let shown = text(&leg, pace, knob);
            match knob {
                Knob::Interval | Knob::Timeout => {
                    assert_eq!(type_pace(pace, knob, &shown), Ok(pace))
                }
                Knob::Pace => {}
                _ => assert_eq!(
                    type_leg(&leg, knob, &shown),
                    Ok(leg.clone()),
                    "{knob:?} {shown}"
                ),
            }
        }
    }

    #[test]
    fn a_rate_above_the_fastest_is_no_limit() {
        let mut leg = LegSettings::default();
        for _ in 0..20 {
            leg = turn_leg(&leg, Knob::Rate, Turn::Less);
        }
        assert_eq!(
            leg.rate,
            Rate::Limited {
                bits_per_second: RATES_BPS[0],
                queue: DEFAULT_QUEUE
            }
        );
        for _ in 0..20 {
            leg = turn_leg(&leg, Knob::Rate, Turn::More);
        }
        assert_eq!(leg.rate, Rate::Unlimited);
    }
}
