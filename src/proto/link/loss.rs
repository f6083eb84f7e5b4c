//! Loss models: how each is written, what it must lose in the long run, and which datagram it
//! loses next. Theory and dice stand side by side because the tests hold one against the other.
//!
//! A model with a memory keeps it per client and leg in a [`Track`], which takes one step a
//! datagram number, whether or not that datagram ever gets to the leg. So the losses of one leg do
//! not depend on those of the other.

use std::fmt;
use std::str::FromStr;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Leg;
use super::dice::{Dice, Purpose};
use super::spec::{Probability, SpecError, SpecErrorKind, parts, plain_number};
use crate::proto::serial;

/// The lab draws a whole number from 0 to 10 and drops below 4: eleven numbers, so 4/11 and not
/// the 40 % or 30 % that it is often taken for.
const LAB_HIGHEST: u8 = 10;
const LAB_DROPS_BELOW: u8 = 4;

/// The longest mean run that can be asked for.
const LONGEST_RUN: f64 = 1e6;

/// Probabilities written in decimals may add up to a hair over 1.
const ROUNDING: f64 = 1e-9;

/// How datagrams get lost on one leg.
///
/// As text: `none`, `lab`, a probability, `burst:RATE,RUN`, `ge:P[,R[,1-H[,1-K]]]`,
/// `state:P13[,P31[,P32[,P23[,P14]]]]`, `pattern:1101`, or a bare word of at least four digits 0
/// and 1. `Display` writes text that reads back as the same model.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Loss {
    /// Nothing is lost.
    #[default]
    None,
    /// Draw a whole number from 0 to 10, drop if it is below 4: exactly 4/11.
    Lab,
    /// Each datagram by itself (Bernoulli).
    Random(Probability),
    /// Bursts by their long-run rate and mean length in datagrams: the simple Gilbert model, which
    /// is Gilbert–Elliott with r = 1/run, p = r·rate/(1−rate), and loss in the bad state only.
    /// [`Loss::burst`] checks that such a model exists.
    Burst {
        /// Long-run share of datagrams lost.
        rate: Probability,
        /// Mean number of datagrams lost in a row, at least 1.
        mean_run: f64,
    },
    /// The two-state chain of Gilbert and Elliott, as in netem's `loss gemodel`. It starts in the
    /// good state; a datagram is lost by the state *before* its step.
    GilbertElliott {
        /// p: from good to bad, per datagram.
        p: Probability,
        /// r: from bad to good, per datagram. If left out, 1 − p.
        r: Probability,
        /// 1−h: loss in the bad state. If left out, 100 %.
        bad_loss: Probability,
        /// 1−k: loss in the good state. If left out, 0 %.
        good_loss: Probability,
    },
    /// netem's `loss state`. States: 1 good in a gap (the start), 2 good in a burst, 3 lost in a
    /// burst, 4 lost alone, always followed by 1. A datagram is lost by the state *after* its
    /// step. [`Loss::four_state`] checks the sums.
    FourState {
        /// From a gap into a burst.
        p13: Probability,
        /// Out of a burst. If left out, 1 − p13.
        p31: Probability,
        /// From lost to good inside a burst. If left out, 0 %.
        p32: Probability,
        /// From good to lost inside a burst. If left out, 100 %.
        p23: Probability,
        /// A single loss in a gap. If left out, 0 %.
        p14: Probability,
    },
    /// A literal sequence, true for delivered, over and over.
    Pattern(Vec<bool>),
}

/// Why a datagram was lost. `Display` and `Serialize` give the same stable English words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The lab's draw, which was below 4.
    LabDraw(u8),
    /// Independent loss.
    Random,
    /// Loss in the bad state of Gilbert–Elliott, or in a burst given by rate and run.
    BadState,
    /// Loss in the good state of Gilbert–Elliott.
    GoodState,
    /// State 3 of the four-state model.
    Burst,
    /// State 4 of the four-state model.
    Isolated,
    /// A 0 in the pattern.
    Pattern {
        /// Which digit, counted from 1.
        position: usize,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::LabDraw(draw) => write!(f, "lab draw {draw} < {LAB_DROPS_BELOW}"),
            Why::Random => f.write_str("random loss"),
            Why::BadState => f.write_str("bad state"),
            Why::GoodState => f.write_str("loss in the good state"),
            Why::Burst => f.write_str("burst"),
            Why::Isolated => f.write_str("isolated loss"),
            Why::Pattern { position } => write!(f, "pattern digit {position}"),
        }
    }
}

impl FromStr for Why {
    type Err = UnknownWhy;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, UnknownWhy> {
        let plain = [
            Why::Random,
            Why::BadState,
            Why::GoodState,
            Why::Burst,
            Why::Isolated,
        ];
        let number = |prefix: &str| text.strip_prefix(prefix)?.split(' ').next()?.parse().ok();
        let draw = number("lab draw ").and_then(|draw: usize| u8::try_from(draw).ok());
        let position = number("pattern digit ").map(|position| Why::Pattern { position });
        plain
            .into_iter()
            .chain(draw.map(Why::LabDraw))
            .chain(position)
            .find(|why| why.to_string() == text)
            .ok_or(UnknownWhy)
    }
}

/// The words are not those of a reason why a datagram was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no reason for a loss")]
pub struct UnknownWhy;

impl Serialize for Why {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Why {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serial::text::deserialize(deserializer)
    }
}

/// The loss of the round trip when the request leg loses `request` and the reply leg `reply`,
/// independently: 1 − (1−a)(1−b).
pub fn round_trip_rate(request: f64, reply: f64) -> f64 {
    1.0 - (1.0 - request) * (1.0 - reply)
}

/// A two-state chain in numbers.
#[derive(Clone, Copy)]
struct TwoState {
    p: f64,
    r: f64,
    bad_loss: f64,
    good_loss: f64,
}

impl TwoState {
    /// The long-run share of time in the bad state, p/(p+r).
    fn bad_share(self) -> f64 {
        if self.p == 0.0 {
            0.0 // the chain starts in the good state and stays there
        } else {
            self.p / (self.p + self.r)
        }
    }

    fn rate(self) -> f64 {
        let bad = self.bad_share();
        self.good_loss * (1.0 - bad) + self.bad_loss * bad
    }

    /// How often a delivered datagram follows a lost one, which is how often a run ends:
    /// Σ over s of π(s)·e(s)·Σ over t of P(s,t)·(1−e(t)).
    fn run_ends(self) -> f64 {
        let bad = self.bad_share();
        let (bad_kept, good_kept) = (1.0 - self.bad_loss, 1.0 - self.good_loss);
        bad * self.bad_loss * (self.r * good_kept + (1.0 - self.r) * bad_kept)
            + (1.0 - bad) * self.good_loss * (self.p * bad_kept + (1.0 - self.p) * good_kept)
    }
}

impl Loss {
    /// Burst loss by its long-run rate and its mean run of losses.
    ///
    /// # Errors
    /// A run that is not from 1 to a million, a rate of 100 %, or a run that is too short for the
    /// rate: between two runs lies at least one delivered datagram, so run ≥ rate/(1−rate).
    pub fn burst(rate: Probability, mean_run: f64) -> Result<Loss, SpecError> {
        if !(1.0..=LONGEST_RUN).contains(&mean_run) {
            return Err(SpecError::new(SpecErrorKind::MeanRun, mean_run.to_string()));
        }
        if rate == Probability::ONE {
            return Err(SpecError::new(SpecErrorKind::BurstOfAll, rate.to_string()));
        }
        let shortest = rate.get() / (1.0 - rate.get());
        if mean_run < shortest * (1.0 - ROUNDING) {
            return Err(SpecError::new(
                SpecErrorKind::RunTooShort { shortest },
                mean_run.to_string(),
            ));
        }
        Ok(Loss::Burst { rate, mean_run })
    }

    /// netem's four-state model.
    ///
    /// # Errors
    /// p13 + p14 or p31 + p32 over 1.
    pub fn four_state(
        p13: Probability,
        p31: Probability,
        p32: Probability,
        p23: Probability,
        p14: Probability,
    ) -> Result<Loss, SpecError> {
        for (a, b) in [(p13, p14), (p31, p32)] {
            if a.get() + b.get() > 1.0 + ROUNDING {
                return Err(SpecError::new(
                    SpecErrorKind::ExitsOverOne,
                    format!("{a} + {b}"),
                ));
            }
        }
        Ok(Loss::FourState {
            p13,
            p31,
            p32,
            p23,
            p14,
        })
    }

    /// One word for the model: `none`, `lab`, `random`, `burst`, `ge`, `state`, `pattern`.
    pub fn short_name(&self) -> &'static str {
        match self {
            Loss::None => "none",
            Loss::Lab => "lab",
            Loss::Random(_) => "random",
            Loss::Burst { .. } => "burst",
            Loss::GilbertElliott { .. } => "ge",
            Loss::FourState { .. } => "state",
            Loss::Pattern(_) => "pattern",
        }
    }

    /// Whether this model can never lose anything.
    pub fn is_none(&self) -> bool {
        matches!(self, Loss::None | Loss::Random(Probability::ZERO))
    }

    /// The long-run share of datagrams lost, from 0 to 1.
    pub fn rate(&self) -> f64 {
        self.rate_and_run_ends().0
    }

    /// The mean number of datagrams lost in a row; infinite if losing never ends; `None` if nothing
    /// is ever lost.
    pub fn mean_run(&self) -> Option<f64> {
        let (rate, run_ends) = self.rate_and_run_ends();
        (rate > 0.0).then(|| rate / run_ends)
    }

    /// Correlation between the fates of neighbours (lag 1), from −1 to 1: 0 for independent loss,
    /// above 0 for bursts.
    ///
    /// With loss L and mean run m, a lost datagram is followed by another with 1 − 1/m, so this is
    /// exactly 1 − 1/(m(1−L)) for every model, and 1−p−r for simple Gilbert. The effective number
    /// of n observations, n(1−ρ)/(1+ρ), is exact for simple Gilbert, where correlation falls
    /// geometrically, and an approximation for the rest. 0 if all or nothing is lost.
    pub fn correlation(&self) -> f64 {
        match self {
            Loss::None | Loss::Lab | Loss::Random(_) => 0.0,
            _ => {
                let (rate, run_ends) = self.rate_and_run_ends();
                if rate <= 0.0 || rate >= 1.0 {
                    return 0.0;
                }
                1.0 - run_ends / (rate * (1.0 - rate))
            }
        }
    }

    /// The long-run rate, and how often a run of losses ends, both per datagram.
    fn rate_and_run_ends(&self) -> (f64, f64) {
        let independent = |rate: f64| (rate, rate * (1.0 - rate));
        if let Some(chain) = self.two_state() {
            return (chain.rate(), chain.run_ends());
        }
        match self {
            Loss::Lab => independent(f64::from(LAB_DROPS_BELOW) / f64::from(LAB_HIGHEST + 1)),
            Loss::Random(rate) => independent(rate.get()),
            Loss::FourState {
                p13,
                p31,
                p32,
                p23,
                p14,
            } => four_state_theory([p13, p31, p32, p23, p14].map(|p| p.get())),
            Loss::Pattern(digits) if !digits.is_empty() => {
                let lost = digits.iter().filter(|kept| !**kept).count();
                let ends = (0..digits.len())
                    .filter(|&at| !digits[at] && digits[(at + 1) % digits.len()])
                    .count();
                let all = digits.len() as f64;
                (lost as f64 / all, ends as f64 / all)
            }
            _ => (0.0, 0.0),
        }
    }

    fn two_state(&self) -> Option<TwoState> {
        match *self {
            Loss::Burst { rate, mean_run } => {
                let r = 1.0 / mean_run.max(1.0);
                Some(TwoState {
                    // A rate of 100 % divides by 0 to infinity: then the chain is always bad.
                    p: (r * rate.get() / (1.0 - rate.get())).min(1.0),
                    r,
                    bad_loss: 1.0,
                    good_loss: 0.0,
                })
            }
            Loss::GilbertElliott {
                p,
                r,
                bad_loss,
                good_loss,
            } => Some(TwoState {
                p: p.get(),
                r: r.get(),
                bad_loss: bad_loss.get(),
                good_loss: good_loss.get(),
            }),
            _ => None,
        }
    }
}

/// Rate and run ends of netem's four-state chain, from its stationary distribution:
/// D = p13(p23+p32) + p23·p31(1+p14); π1 = p31·p23/D, π2 = p13·p32/D, π3 = p13·p23/D,
/// π4 = p14·p23·p31/D.
fn four_state_theory([p13, p31, p32, p23, p14]: [f64; 5]) -> (f64, f64) {
    // The formula holds where every state can be left. A state that is never entered may have any
    // exit without changing what happens, so those get one.
    let (p31, p32, p23) = match (p13 == 0.0, p32 == 0.0) {
        (true, _) => (1.0, 0.0, 1.0),
        (false, true) => (p31, p32, 1.0),
        (false, false) => (p31, p32, p23),
    };
    let d = p13 * (p23 + p32) + p23 * p31 * (1.0 + p14);
    let (gap, burst) = (p31 * p23 / d, p13 * p32 / d);
    let rate = (p13 * p23 + p14 * p23 * p31) / d;
    // In the long run as many runs end as start, and the starts are easier to count.
    (rate, gap * (p13 + p14) + burst * p23)
}

impl FromStr for Loss {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Loss, SpecError> {
        let text = text.trim().to_ascii_lowercase();
        if let Some((model, rest)) = text.split_once(':') {
            return match model.trim() {
                "burst" => parse_burst(rest),
                "ge" => parse_gilbert_elliott(rest),
                "state" => parse_four_state(rest),
                "pattern" => parse_pattern(rest.trim()),
                _ => Err(SpecError::new(SpecErrorKind::LossModel, text)),
            };
        }
        let binary = text.bytes().all(|b| matches!(b, b'0' | b'1'));
        match text.as_str() {
            "none" => Ok(Loss::None),
            "lab" => Ok(Loss::Lab),
            digits if binary && digits.len() >= 4 => parse_pattern(digits),
            digits if binary && digits.len() >= 2 => {
                Err(SpecError::new(SpecErrorKind::PercentOrPattern, digits))
            }
            number if number.starts_with(|c: char| "+-.0123456789".contains(c)) => {
                number.parse().map(Loss::Random)
            }
            _ => Err(SpecError::new(SpecErrorKind::LossModel, text)),
        }
    }
}

fn parse_burst(text: &str) -> Result<Loss, SpecError> {
    let Some((rate, run)) = text.split_once(',') else {
        // The list of all models also shows the two parts that a burst needs.
        let value = format!("burst:{text}");
        return Err(SpecError::new(SpecErrorKind::LossModel, value));
    };
    let run = run.trim();
    let mean_run = plain_number(run).ok_or_else(|| SpecError::new(SpecErrorKind::MeanRun, run))?;
    Loss::burst(rate.parse()?, mean_run)
}

fn parse_gilbert_elliott(text: &str) -> Result<Loss, SpecError> {
    let given = probabilities(text, 4)?;
    let part = |index: usize, default| given.get(index).copied().unwrap_or(default);
    let p = given[0];
    Ok(Loss::GilbertElliott {
        p,
        r: part(1, p.complement()),
        bad_loss: part(2, Probability::ONE),
        good_loss: part(3, Probability::ZERO),
    })
}

fn parse_four_state(text: &str) -> Result<Loss, SpecError> {
    let given = probabilities(text, 5)?;
    let part = |index: usize, default| given.get(index).copied().unwrap_or(default);
    let p13 = given[0];
    Loss::four_state(
        p13,
        part(1, p13.complement()),
        part(2, Probability::ZERO),
        part(3, Probability::ONE),
        part(4, Probability::ZERO),
    )
}

fn parse_pattern(text: &str) -> Result<Loss, SpecError> {
    if text.is_empty() || !text.bytes().all(|b| matches!(b, b'0' | b'1')) {
        return Err(SpecError::new(SpecErrorKind::PatternDigits, text));
    }
    Ok(Loss::Pattern(text.bytes().map(|b| b == b'1').collect()))
}

/// From one to `most` probabilities between commas.
fn probabilities(text: &str, most: usize) -> Result<Vec<Probability>, SpecError> {
    parts(text, 1, most)?.into_iter().map(str::parse).collect()
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::None => f.write_str("none"),
            Loss::Lab => f.write_str("lab"),
            Loss::Random(rate) => write!(f, "{rate}"),
            Loss::Burst { rate, mean_run } => write!(f, "burst:{rate},{mean_run}"),
            Loss::GilbertElliott {
                p,
                r,
                bad_loss,
                good_loss,
            } => {
                write!(f, "ge:{p},{r}")?;
                match (*bad_loss, *good_loss) {
                    (Probability::ONE, Probability::ZERO) => Ok(()),
                    (_, Probability::ZERO) => write!(f, ",{bad_loss}"),
                    _ => write!(f, ",{bad_loss},{good_loss}"),
                }
            }
            Loss::FourState {
                p13,
                p31,
                p32,
                p23,
                p14,
            } => write!(f, "state:{p13},{p31},{p32},{p23},{p14}"),
            Loss::Pattern(digits) => {
                f.write_str("pattern:")?;
                digits
                    .iter()
                    .try_for_each(|kept| f.write_str(if *kept { "1" } else { "0" }))
            }
        }
    }
}

impl Serialize for Loss {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Loss {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serial::text::deserialize(deserializer)
    }
}

/// A state of the chains. `Good` is also state 1 of the four, where both kinds start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    #[default]
    Good,
    Bad,
    BurstKept,
    BurstLost,
    Isolated,
}

/// What a datagram's fate follows from: the memory of the model as it stands for that datagram.
/// All copies of a datagram meet the same condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Memoryless,
    In(State),
    Digit(usize),
}

/// The memory of one client's loss model on one leg.
#[derive(Debug, Clone, Default)]
pub(super) struct Track {
    state: State,
    digit: usize,
}

impl Track {
    /// Takes the step for the datagram in hand and says what became of its original.
    pub(super) fn step(
        &mut self,
        loss: &Loss,
        dice: &mut Dice,
        leg: Leg,
    ) -> (Condition, Option<Why>) {
        match loss {
            loss if loss.is_none() => (Condition::Memoryless, None),
            Loss::Pattern(digits) if digits.is_empty() => (Condition::Memoryless, None),
            Loss::Pattern(digits) => {
                // The remainder guards against a memory left over from a longer pattern.
                let digit = self.digit % digits.len();
                self.digit = digit + 1;
                let lost = (!digits[digit]).then_some(Why::Pattern {
                    position: digit + 1,
                });
                (Condition::Digit(digit), lost)
            }
            _ => {
                let rng = dice.roll(Purpose::Loss, leg, 0);
                let condition = self.advance(loss, rng);
                (condition, decide(loss, condition, rng))
            }
        }
    }

    /// Moves the chain. The switch is drawn before the loss, as in netem.
    fn advance(&mut self, loss: &Loss, rng: &mut ChaCha8Rng) -> Condition {
        if let Some(chain) = loss.two_state() {
            let before = self.state;
            self.state = match before {
                State::Good if rng.random_bool(chain.p) => State::Bad,
                State::Good => State::Good,
                _ if rng.random_bool(chain.r) => State::Good,
                _ => State::Bad,
            };
            return Condition::In(before);
        }
        let Loss::FourState {
            p13,
            p31,
            p32,
            p23,
            p14,
        } = loss
        else {
            return Condition::Memoryless;
        };
        let draw: f64 = rng.random();
        let below = |bound: f64| draw < bound;
        self.state = match self.state {
            State::Good if below(p14.get()) => State::Isolated,
            State::Good if below(p14.get() + p13.get()) => State::BurstLost,
            State::BurstKept if below(p23.get()) => State::BurstLost,
            State::BurstKept => State::BurstKept,
            State::BurstLost if below(p32.get()) => State::BurstKept,
            State::BurstLost if !below(p32.get() + p31.get()) => State::BurstLost,
            State::Good | State::BurstLost | State::Isolated | State::Bad => State::Good,
        };
        Condition::In(self.state)
    }
}

/// What becomes of a further copy, which meets the same condition with dice of its own.
pub(super) fn fate_of_copy(
    loss: &Loss,
    condition: Condition,
    dice: &mut Dice,
    leg: Leg,
    copy: u8,
) -> Option<Why> {
    match (loss, condition) {
        (Loss::Pattern(digits), Condition::Digit(digit)) => {
            let lost = digits.get(digit).is_some_and(|kept| !kept);
            lost.then_some(Why::Pattern {
                position: digit + 1,
            })
        }
        (loss, _) if loss.is_none() => None,
        _ => decide(loss, condition, dice.roll(Purpose::Loss, leg, copy)),
    }
}

fn decide(loss: &Loss, condition: Condition, rng: &mut ChaCha8Rng) -> Option<Why> {
    let state = match condition {
        Condition::In(state) => state,
        _ => State::Good,
    };
    if let Some(chain) = loss.two_state() {
        let (chance, why) = match state {
            State::Good => (chain.good_loss, Why::GoodState),
            _ => (chain.bad_loss, Why::BadState),
        };
        return rng.random_bool(chance).then_some(why);
    }
    match loss {
        Loss::Lab => {
            let draw = rng.random_range(0..=LAB_HIGHEST);
            (draw < LAB_DROPS_BELOW).then_some(Why::LabDraw(draw))
        }
        Loss::Random(rate) => rng.random_bool(rate.get()).then_some(Why::Random),
        Loss::FourState { .. } => match state {
            State::BurstLost => Some(Why::Burst),
            State::Isolated => Some(Why::Isolated),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn loss(text: &str) -> Loss {
        text.parse().unwrap()
    }

    /// The fates of the first `n` datagrams of client 0 on the request leg, true for lost.
    fn simulate(loss: &Loss, seed: u64, n: u64) -> Vec<bool> {
        let mut dice = Dice::new(seed, 0);
        let mut track = Track::default();
        (0..n)
            .map(|number| {
                dice.turn_to(number);
                track.step(loss, &mut dice, Leg::Request).1.is_some()
            })
            .collect()
    }

    fn runs(fates: &[bool]) -> Vec<usize> {
        fates
            .split(|lost| !lost)
            .map(<[bool]>::len)
            .filter(|length| *length > 0)
            .collect()
    }

    fn assert_close(value: f64, expected: f64, tolerance: f64, what: &str) {
        assert!(
            (value - expected).abs() <= tolerance,
            "{what}: {value} is not {expected} ± {tolerance}"
        );
    }

    /// Loss, mean run and correlation of the worked examples: (spec, L, m, rho).
    const WORKED: &[(&str, f64, f64, f64)] = &[
        ("lab", 4.0 / 11.0, 11.0 / 7.0, 0.0),
        ("30%", 0.3, 1.0 / 0.7, 0.0),
        ("ge:10%,40%", 0.2, 2.5, 0.5),
        // Burst ratio 1.995988, so the correlation is 1 - 1/1.995988.
        ("ge:5%,25%,80%,1%", 0.141_666_7, 2.325_422, 0.498_995),
        ("ge:1/7,1/4", 4.0 / 11.0, 4.0, 0.607_142_857),
        ("ge:30%,70%", 0.3, 1.0 / 0.7, 0.0),
        ("ge:30%", 0.3, 1.0 / 0.7, 0.0),
        ("burst:4/11,4", 4.0 / 11.0, 4.0, 0.607_142_857),
        ("burst:20%,2.5", 0.2, 2.5, 0.5),
        // 1 - 1/(m(1-L)) with the published L and m.
        ("state:4%,30%,20%,60%,1%", 0.120_674, 1.869_565, 0.391_707),
        ("state:10%,40%", 0.2, 2.5, 0.5),
        ("state:10%", 0.1, 1.0 / 0.9, 0.0),
        ("pattern:1101111100011111", 0.25, 2.0, 1.0 / 3.0),
    ];

    #[test]
    fn theory_matches_the_worked_examples() {
        for &(spec, rate, run, rho) in WORKED {
            let model = loss(spec);
            assert_close(model.rate(), rate, 1e-6, spec);
            assert_close(model.mean_run().unwrap(), run, 1e-5, spec);
            assert_close(model.correlation(), rho, 2e-5, spec);
        }
        // The lab's rate is the fraction itself, and the burst model for comparison beside it
        // inflates the variance by (1+rho)/(1-rho) = 4.09.
        assert_eq!(Loss::Lab.rate(), 4.0 / 11.0);
        let rho = loss("burst:4/11,4").correlation();
        assert_close((1.0 + rho) / (1.0 - rho), 4.09, 0.005, "inflation");
    }

    #[test]
    fn the_dice_keep_to_the_theory() {
        const N: u64 = 200_000;
        for &(spec, ..) in WORKED {
            let model = loss(spec);
            let fates = simulate(&model, 42, N);
            let (l, m, rho) = (model.rate(), model.mean_run().unwrap(), model.correlation());
            let lost = fates.iter().filter(|lost| **lost).count() as f64;
            // Five standard deviations of a correlated proportion.
            let inflation = (1.0 + rho) / (1.0 - rho);
            let sd = (l * (1.0 - l) * inflation / N as f64).sqrt();
            assert_close(lost / N as f64, l, 5.0 * sd + 1.0 / N as f64, spec);
            // Five standard deviations of a mean of geometric run lengths, doubled for the
            // models whose runs are not quite geometric.
            let runs = runs(&fates);
            let sd = (m * (m - 1.0) / runs.len() as f64).sqrt();
            assert_close(lost / runs.len() as f64, m, 10.0 * sd + 1e-3, spec);
        }
    }

    #[test]
    fn ten_lab_datagrams_follow_the_binomial() {
        // Binomial(10, 4/11), k = 0..=10.
        const PMF: [f64; 11] = [
            0.0109, 0.0622, 0.1600, 0.2438, 0.2438, 0.1672, 0.0796, 0.0260, 0.0056, 0.0007, 0.0000,
        ];
        const GROUPS: usize = 20_000;
        let fates = simulate(&Loss::Lab, 7, 10 * GROUPS as u64);
        let mut counts = [0u32; 11];
        for group in fates.chunks(10) {
            counts[group.iter().filter(|lost| **lost).count()] += 1;
        }
        for (k, (count, p)) in counts.iter().zip(PMF).enumerate() {
            let sd = (p * (1.0 - p) / GROUPS as f64).sqrt();
            let share = f64::from(*count) / GROUPS as f64;
            assert_close(share, p, 5.0 * sd + 1e-4, &format!("{k} of 10"));
        }
    }

    #[test]
    fn lab_runs_are_geometric() {
        let fates = simulate(&Loss::Lab, 11, 200_000);
        let all = runs(&fates);
        for (k, p) in [(1, 1.0), (2, 0.3636), (3, 0.1322), (4, 0.0481), (5, 0.0175)] {
            let long = all.iter().filter(|run| **run >= k).count() as f64;
            let sd = (p * (1.0 - p) / all.len() as f64).sqrt();
            assert_close(long / all.len() as f64, p, 5.0 * sd + 1e-4, "run length");
        }
        // The longest run in a hundred is about 4.1 on average; its deviation is about 1.2.
        let longest: usize = fates
            .chunks(100)
            .map(|hundred| runs(hundred).into_iter().max().unwrap_or(0))
            .sum();
        let hundreds = fates.len() as f64 / 100.0;
        let tolerance = 0.05 + 5.0 * 1.3 / hundreds.sqrt();
        assert_close(longest as f64 / hundreds, 4.1, tolerance, "longest");
    }

    #[test]
    fn round_trips_add_up() {
        assert_close(round_trip_rate(0.2, 0.2), 0.36, 1e-12, "a = b = .2");
        assert_close(
            round_trip_rate(0.202_276, 0.202_276),
            4.0 / 11.0,
            1e-5,
            "a = b = .202276",
        );
        assert_eq!(round_trip_rate(0.0, 0.0), 0.0);
        assert_eq!(round_trip_rate(1.0, 0.3), 1.0);
    }

    #[test]
    fn a_datagram_is_lost_by_the_old_state_of_gilbert_elliott() {
        // The chain alternates from good; only the bad state loses, so the first one passes.
        assert_eq!(
            simulate(&loss("ge:1,1"), 1, 6),
            [false, true, false, true, false, true]
        );
        // The four states decide after the step, so the first one is lost.
        assert_eq!(
            simulate(&loss("state:1,1"), 1, 6),
            [true, false, true, false, true, false]
        );
    }

    #[test]
    fn chains_that_cannot_be_left_have_a_rate() {
        for (spec, rate, run) in [
            ("none", 0.0, None),
            ("0%", 0.0, None),
            ("100%", 1.0, Some(f64::INFINITY)),
            ("burst:0%,4", 0.0, None),
            ("ge:0,0", 0.0, None),
            ("ge:0,0,100%,25%", 0.25, Some(4.0 / 3.0)),
            ("ge:10%,0", 1.0, Some(f64::INFINITY)),
            ("ge:1,1", 0.5, Some(1.0)),
            ("state:0,0,0,0,0", 0.0, None),
            ("state:0,0,0,0,100%", 0.5, Some(1.0)),
            ("state:10%,0,0,0", 1.0, Some(f64::INFINITY)),
            ("state:10%,40%,0,0", 0.2, Some(2.5)),
            ("state:10%,0,50%,0", 0.0, None),
            ("pattern:0", 1.0, Some(f64::INFINITY)),
            ("pattern:1", 0.0, None),
            ("pattern:10", 0.5, Some(1.0)),
        ] {
            let model = loss(spec);
            assert_close(model.rate(), rate, 1e-12, spec);
            match (model.mean_run(), run) {
                (Some(is), Some(expected)) if expected.is_finite() => {
                    assert_close(is, expected, 1e-9, spec);
                }
                (is, expected) => assert_eq!(is, expected, "{spec}"),
            }
            assert!((-1.0..=1.0).contains(&model.correlation()), "{spec}");
        }
        assert_eq!(loss("pattern:10").correlation(), -1.0);
        assert_eq!(Loss::Pattern(Vec::new()).rate(), 0.0);
        assert_eq!(simulate(&Loss::Pattern(Vec::new()), 1, 2), [false, false]);
    }

    #[test]
    fn specs_are_read() {
        let p = |value| Probability::new(value).unwrap();
        for (text, model) in [
            ("none", Loss::None),
            (" LAB ", Loss::Lab),
            ("30%", Loss::Random(p(0.3))),
            ("4/11", Loss::Random(p(4.0 / 11.0))),
            ("0", Loss::Random(p(0.0))),
            ("1", Loss::Random(p(1.0))),
            (
                "burst: 20%, 2.5",
                Loss::Burst {
                    rate: p(0.2),
                    mean_run: 2.5,
                },
            ),
            (
                "ge:0.1",
                Loss::GilbertElliott {
                    p: p(0.1),
                    r: p(0.9),
                    bad_loss: p(1.0),
                    good_loss: p(0.0),
                },
            ),
            (
                "state:0.04,0.3,0.2",
                Loss::FourState {
                    p13: p(0.04),
                    p31: p(0.3),
                    p32: p(0.2),
                    p23: p(1.0),
                    p14: p(0.0),
                },
            ),
            ("pattern:10", Loss::Pattern(vec![true, false])),
            ("1100", Loss::Pattern(vec![true, true, false, false])),
        ] {
            assert_eq!(text.parse(), Ok(model), "{text}");
        }
    }

    #[test]
    fn wrong_specs_are_explained() {
        for (text, sentence) in [
            (
                "10",
                "10 may be a percentage or a pattern: write 10% or pattern:10",
            ),
            (
                "100",
                "100 may be a percentage or a pattern: write 100% or pattern:100",
            ),
            ("30", "30 is more than 1: write 30% or 0.3"),
            ("130%", "130% is outside 0% to 100%"),
            (
                "burst:90%,2",
                "a mean run of 2 is too short for that much loss: it must be at least 9",
            ),
            (
                "burst:20%,0.5",
                "\"0.5\" is not a mean run of losses: write a number from 1 to 1000000",
            ),
            (
                "burst:20%,nan",
                "\"nan\" is not a mean run of losses: write a number from 1 to 1000000",
            ),
            (
                "burst:100%,5",
                "bursts cannot take 100% of all datagrams: write a rate under 100%, or 100% without burst",
            ),
            ("ge:120%", "120% is outside 0% to 100%"),
            (
                "state:60%,10%,0,0,50%",
                "60% + 50% is more than 100%: two ways out of one state cannot add up to more than that",
            ),
            (
                "pattern:102",
                "\"102\" is not a pattern: write 1 for delivered and 0 for lost, such as pattern:1101",
            ),
        ] {
            let error = text.parse::<Loss>().unwrap_err();
            assert_eq!(error.to_string(), sentence, "{text}");
        }
        for text in [
            "",
            "some",
            "pattern",
            "burst:20%",
            "bursts:1,2",
            "gemodel 1 2",
            "nan",
        ] {
            let error = text.parse::<Loss>().unwrap_err();
            assert_eq!(error.kind, SpecErrorKind::LossModel, "{text}");
        }
    }

    #[test]
    fn reasons_keep_their_words() {
        for (why, words) in [
            (Why::LabDraw(3), "lab draw 3 < 4"),
            (Why::Random, "random loss"),
            (Why::BadState, "bad state"),
            (Why::GoodState, "loss in the good state"),
            (Why::Burst, "burst"),
            (Why::Isolated, "isolated loss"),
            (Why::Pattern { position: 3 }, "pattern digit 3"),
        ] {
            assert_eq!(why.to_string(), words);
            let json = serde_json::to_string(&why).unwrap();
            assert_eq!(json, format!("\"{words}\""));
            assert_eq!(serde_json::from_str::<Why>(&json).unwrap(), why);
        }
    }

    pub(in super::super) fn any_probability() -> impl Strategy<Value = Probability> {
        prop_oneof![
            Just(0.0),
            Just(1.0),
            (0u32..=100).prop_map(|percent| f64::from(percent) / 100.0),
            0.0..=1.0,
        ]
        .prop_map(|value| Probability::new(value).unwrap())
    }

    pub(in super::super) fn any_loss() -> BoxedStrategy<Loss> {
        let p = any_probability;
        prop_oneof![
            Just(Loss::None),
            Just(Loss::Lab),
            p().prop_map(Loss::Random),
            (0.0..0.9, 0.0..50.0).prop_map(|(rate, more)| {
                let rate = Probability::new(rate).unwrap();
                let shortest: f64 = rate.get() / (1.0 - rate.get());
                Loss::burst(rate, shortest.max(1.0) + more).unwrap()
            }),
            (p(), p(), p(), p()).prop_map(|(p, r, bad_loss, good_loss)| Loss::GilbertElliott {
                p,
                r,
                bad_loss,
                good_loss
            }),
            (p(), p(), p(), 0.0..=1.0, 0.0..=1.0).prop_map(|(p13, p31, p23, a, b)| {
                let rest = |p: Probability, share: f64| {
                    Probability::new(p.complement().get() * share).unwrap()
                };
                Loss::four_state(p13, p31, rest(p31, a), p23, rest(p13, b)).unwrap()
            }),
            proptest::collection::vec(any::<bool>(), 1..40).prop_map(Loss::Pattern),
        ]
        .boxed()
    }

    proptest! {
        #[test]
        fn every_model_reads_back(model in any_loss()) {
            prop_assert_eq!(model.to_string().parse(), Ok(model));
        }

        #[test]
        fn theory_stays_in_bounds(model in any_loss()) {
            let (rate, run) = (model.rate(), model.mean_run());
            prop_assert!((0.0..=1.0 + 1e-12).contains(&rate), "{rate}");
            prop_assert_eq!(run.is_some(), rate > 0.0);
            prop_assert!(run.is_none_or(|run| run >= 1.0 - 1e-9), "{run:?}");
            prop_assert!((-1.0 - 1e-6..=1.0 + 1e-9).contains(&model.correlation()));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(burst:|ge:|state:|pattern:)?[-0-9./%,a-z]{0,20}|\\PC{0,12}") {
            if let Ok(model) = text.parse::<Loss>() {
                prop_assert_eq!(model.to_string().parse(), Ok(model));
            }
        }
    }
}
