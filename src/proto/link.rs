//! The link between a client and the echo server: what happens to each datagram on its way there
//! and to its answer on the way back. Settings, dice and the time go in, a [`Verdict`] comes out;
//! the sockets that act on it are elsewhere, so a link can be tried a million times a second.
//!
//! A leg takes its parts in this order: loss, corruption of one bit, duplication, rate and queue,
//! delay, reordering. First the request leg; then the reply leg for every copy that arrived.
//!
//! Verdicts can be repeated: for a given seed, the draws for a client's nth datagram depend on n
//! alone, each purpose on each leg having dice of its own (see `dice`). Switching one
//! part on or off never changes what another one draws. What follows from the clock (a full queue,
//! the order that is kept) is repeated with the same times of arrival.

mod delay;
mod dice;
mod loss;
mod presets;
mod rate;
mod spec;

use std::ops::Deref;
use std::time::Duration;

use rand::RngExt;
use serde::{Deserialize, Serialize};

pub use self::delay::{Delay, Order, Shape};
pub use self::loss::{Loss, Why, round_trip_rate};
pub use self::presets::{Preset, Traffic, presets};
pub use self::rate::{DEFAULT_QUEUE, HEADERS, Rate};
pub use self::spec::{
    LONGEST_DURATION, Probability, SpecError, SpecErrorKind, format_duration, parse_duration,
};

use self::dice::{Dice, Purpose};
use self::loss::{Condition, Track, fate_of_copy};
use self::rate::Queue;

/// How long a delivery that is held back waits for another one to go out before it.
pub const HOLD_LIMIT: Duration = Duration::from_millis(500);

/// The most answers one datagram can get: each leg may double it.
pub const MAX_DELIVERIES: usize = 4;

/// No datagram is longer than the 16-bit length field of UDP allows (RFC 768).
const LONGEST_PAYLOAD: usize = 65_535;

/// A direction of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leg {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    Reply,
}

/// What one leg does to datagrams. The default lets everything pass untouched.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LegSettings {
    /// Which datagrams are lost.
    pub loss: Loss,
    /// How long they take.
    pub delay: Delay,
    /// How often one arrives twice.
    pub duplicate: Probability,
    /// How often one is held back until the client's next delivery has gone out.
    pub reorder: Probability,
    /// How often one bit of the payload is turned over.
    pub corrupt: Probability,
    /// How fast they are taken, and how many may wait.
    pub rate: Rate,
}

impl LegSettings {
    /// Whether everything passes untouched and at once.
    pub fn is_transparent(&self) -> bool {
        let never = |chance| chance == Probability::ZERO;
        self.loss.is_none()
            && self.delay.is_none()
            && never(self.duplicate)
            && never(self.reorder)
            && never(self.corrupt)
            && self.rate == Rate::Unlimited
    }
}

/// What both legs do. The default is the lab: requests are lost with 4/11, replies pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkSettings {
    /// From the client to the server.
    pub request: LegSettings,
    /// From the server to the client.
    pub reply: LegSettings,
}

impl Default for LinkSettings {
    fn default() -> Self {
        let mut settings = LinkSettings::transparent();
        settings.request.loss = Loss::Lab;
        settings
    }
}

impl LinkSettings {
    /// A link that does nothing.
    pub fn transparent() -> LinkSettings {
        LinkSettings {
            request: LegSettings::default(),
            reply: LegSettings::default(),
        }
    }
}

/// What becomes of one datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether an answer gets through, and if not, where and why.
    pub fate: Fate,
    /// The answers to send; none unless the fate is [`Fate::Replied`].
    pub deliveries: Deliveries,
    /// Which datagram of this client it is, counted from 0.
    pub number: u64,
}

/// Whether a datagram is answered. If it is copied, one copy that gets through is enough; if none
/// does, this is the fate of the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// At least one answer gets through.
    Replied,
    /// Lost by the loss model.
    Lost {
        /// In which direction.
        leg: Leg,
        /// What decided it.
        why: Why,
    },
    /// Dropped because the queue of the rate limit was full.
    QueueFull {
        /// In which direction.
        leg: Leg,
    },
}

/// One answer that gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivery {
    /// How long after the datagram came in its answer is to go out.
    pub delay: Duration,
    /// The bit of the payload that the request leg turned over, for [`flip_bit`].
    pub request_flip: Option<u32>,
    /// The bit of the payload that the reply leg turned over.
    pub reply_flip: Option<u32>,
    /// To be held back, when its delay is over, until the client's next delivery has gone out, for
    /// at most [`HOLD_LIMIT`].
    pub held: bool,
}

/// Up to [`MAX_DELIVERIES`] deliveries, in place; a slice in all respects. The first is the
/// original unless only copies got through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deliveries {
    slots: [Delivery; MAX_DELIVERIES],
    len: u8,
}

impl Deliveries {
    fn push(&mut self, delivery: Delivery) {
        if let Some(slot) = self.slots.get_mut(usize::from(self.len)) {
            *slot = delivery;
            self.len += 1;
        }
    }
}

impl Deref for Deliveries {
    type Target = [Delivery];

    fn deref(&self) -> &[Delivery] {
        &self.slots[..usize::from(self.len)]
    }
}

/// Turns over one bit: bit 0 is the lowest of the first octet. Past the end nothing happens.
pub fn flip_bit(payload: &mut [u8], bit: u32) {
    if let Some(octet) = payload.get_mut(bit as usize / 8) {
        *octet ^= 1 << (bit % 8);
    }
}

/// A link with its settings and what all clients share of it.
#[derive(Debug)]
pub struct Link {
    settings: LinkSettings,
    seed: u64,
    /// Whether both legs are transparent, which is asked for every datagram.
    transparent: bool,
    shared: [SharedLeg; 2],
}

#[derive(Debug, Default)]
struct SharedLeg {
    queue: Queue,
    /// How often the loss model has been changed.
    epoch: u32,
}

/// What a link remembers of one client: which datagram is next, its dice, and where its loss
/// models stand.
#[derive(Debug)]
pub struct ClientState {
    number: u64,
    dice: Dice,
    legs: [ClientLeg; 2],
}

#[derive(Debug, Default)]
struct ClientLeg {
    track: Track,
    /// The epoch of the loss model that the track belongs to.
    epoch: u32,
    /// When the latest datagram so far leaves this leg.
    last_departure: Duration,
}

impl Link {
    /// A link whose chance decisions all follow from `seed`.
    pub fn new(settings: LinkSettings, seed: u64) -> Link {
        Link {
            transparent: is_transparent(&settings),
            settings,
            seed,
            shared: Default::default(),
        }
    }

    /// The settings in force.
    pub fn settings(&self) -> &LinkSettings {
        &self.settings
    }

    /// The seed that everything follows from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Changes the settings from the next datagram on. The memory of a leg's loss model starts anew
    /// only if that model changed, and its queue only if its rate changed.
    pub fn set(&mut self, settings: LinkSettings) {
        let old = std::mem::replace(&mut self.settings, settings);
        self.transparent = is_transparent(&self.settings);
        let pairs = [
            (&old.request, &self.settings.request),
            (&old.reply, &self.settings.reply),
        ];
        for (shared, (old, new)) in self.shared.iter_mut().zip(pairs) {
            if old.loss != new.loss {
                shared.epoch = shared.epoch.wrapping_add(1);
            }
            if old.rate != new.rate {
                shared.queue.clear();
            }
        }
    }

    /// The state of a client that has sent nothing yet. `ordinal` tells clients apart: the same
    /// seed and ordinal give the same verdicts.
    pub fn client(&self, ordinal: u64) -> ClientState {
        ClientState {
            number: 0,
            dice: Dice::new(self.seed, ordinal),
            legs: Default::default(),
        }
    }

    /// Decides what becomes of the client's next datagram, which came in at `now` (since the
    /// program's clock began; calls come in order of time) with `payload_len` octets.
    #[inline]
    pub fn judge(
        &mut self,
        client: &mut ClientState,
        payload_len: usize,
        now: Duration,
    ) -> Verdict {
        let number = client.number;
        client.number = number.wrapping_add(1);
        let mut verdict = Verdict {
            fate: Fate::Replied,
            deliveries: Deliveries::default(),
            number,
        };
        if self.transparent {
            verdict.deliveries.push(Delivery::default());
        } else {
            self.decide(client, payload_len.min(LONGEST_PAYLOAD), now, &mut verdict);
        }
        verdict
    }

    /// Fills in the verdict on a link that does something.
    fn decide(
        &mut self,
        client: &mut ClientState,
        payload_len: usize,
        now: Duration,
        verdict: &mut Verdict,
    ) {
        let dice = &mut client.dice;
        dice.turn_to(verdict.number);
        let [shared_request, shared_reply] = &mut self.shared;
        let [client_request, client_reply] = &mut client.legs;
        let mut request = Passage::new(
            Leg::Request,
            &self.settings.request,
            shared_request,
            client_request,
            payload_len,
            dice,
        );
        // The reply leg's loss model takes its step even if no reply ever gets there, so that the
        // losses of one leg do not depend on those of the other.
        let mut reply = Passage::new(
            Leg::Reply,
            &self.settings.reply,
            shared_reply,
            client_reply,
            payload_len,
            dice,
        );
        let deliveries = &mut verdict.deliveries;
        if let Err(fate) = cross(&mut request, &mut reply, dice, now, deliveries)
            && deliveries.is_empty()
        {
            verdict.fate = fate;
        }
    }
}

fn is_transparent(settings: &LinkSettings) -> bool {
    settings.request.is_transparent() && settings.reply.is_transparent()
}

/// Takes one datagram over both legs and collects what gets through. The error is the first thing
/// that befell a copy, and as the original goes first, that is the original's fate if nothing gets
/// through.
fn cross(
    request: &mut Passage,
    reply: &mut Passage,
    dice: &mut Dice,
    now: Duration,
    deliveries: &mut Deliveries,
) -> Result<(), Fate> {
    let start = Transit {
        queued: now,
        at: now,
        held: false,
    };
    let mut outcome = Ok(());
    let there = request.enter(0, dice)?;
    for copy in 0..there.copies {
        let arrived = request.carry(copy, start, dice);
        let back = arrived.and_then(|arrived| Ok((arrived, reply.enter(copy, dice)?)));
        let (arrived, back) = match back {
            Ok(both) => both,
            Err(fate) => {
                outcome = outcome.and(Err(fate));
                continue;
            }
        };
        for twin in 0..back.copies {
            match reply.carry(copy + 2 * twin, arrived, dice) {
                Ok(done) => deliveries.push(Delivery {
                    delay: done.at.saturating_sub(now),
                    request_flip: there.flip,
                    reply_flip: back.flip,
                    held: done.held,
                }),
                Err(fate) => outcome = outcome.and(Err(fate)),
            }
        }
    }
    outcome
}

/// A datagram under way.
#[derive(Clone, Copy)]
struct Transit {
    /// The time that queues go by: when it came in, plus its waits in queues so far, without
    /// delays. Times of this kind follow the order of sending, as a queue needs them; counting a
    /// random delay in would let a slow datagram hold up fast ones that arrived before it. With a
    /// constant delay the outcome is the same.
    queued: Duration,
    /// When it really gets here.
    at: Duration,
    /// Whether its delivery is to be held back.
    held: bool,
}

/// What a leg made of a datagram before sending it on.
struct Entered {
    copies: u8,
    flip: Option<u32>,
}

/// One leg, for the one datagram in hand.
struct Passage<'a> {
    leg: Leg,
    settings: &'a LegSettings,
    shared: &'a mut SharedLeg,
    client: &'a mut ClientLeg,
    payload_len: usize,
    condition: Condition,
    lost: Option<Why>,
}

impl<'a> Passage<'a> {
    fn new(
        leg: Leg,
        settings: &'a LegSettings,
        shared: &'a mut SharedLeg,
        client: &'a mut ClientLeg,
        payload_len: usize,
        dice: &mut Dice,
    ) -> Passage<'a> {
        if client.epoch != shared.epoch {
            client.epoch = shared.epoch;
            client.track = Track::default();
        }
        let (condition, lost) = client.track.step(&settings.loss, dice, leg);
        Passage {
            leg,
            settings,
            shared,
            client,
            payload_len,
            condition,
            lost,
        }
    }

    /// Loss, corruption and duplication of what comes to this leg as copy number `copy`.
    fn enter(&self, copy: u8, dice: &mut Dice) -> Result<Entered, Fate> {
        let leg = self.leg;
        let lost = match copy {
            0 => self.lost,
            _ => fate_of_copy(&self.settings.loss, self.condition, dice, leg, copy),
        };
        if let Some(why) = lost {
            return Err(Fate::Lost { leg, why });
        }
        let doubled = happens(self.settings.duplicate, Purpose::Duplicate, leg, copy, dice);
        Ok(Entered {
            copies: if doubled { 2 } else { 1 },
            flip: self.corrupt(copy, dice),
        })
    }

    fn corrupt(&self, copy: u8, dice: &mut Dice) -> Option<u32> {
        let bits = self.payload_len * 8;
        if bits == 0 || self.settings.corrupt == Probability::ZERO {
            return None;
        }
        let rng = dice.roll(Purpose::Corrupt, self.leg, copy);
        rng.random_bool(self.settings.corrupt.get())
            .then(|| rng.random_range(0..bits as u32))
    }

    /// Queue, delay and reordering of one copy.
    fn carry(&mut self, copy: u8, transit: Transit, dice: &mut Dice) -> Result<Transit, Fate> {
        let (leg, settings) = (self.leg, self.settings);
        let queued = self
            .shared
            .queue
            .pass(settings.rate, self.payload_len, transit.queued)
            .ok_or(Fate::QueueFull { leg })?;
        let delay = if settings.delay.is_random() {
            settings.delay.draw(dice.roll(Purpose::Delay, leg, copy))
        } else {
            settings.delay.mean
        };
        let wait = queued.saturating_sub(transit.queued);
        let mut at = transit.at.saturating_add(wait).saturating_add(delay);
        if settings.delay.order == Order::Keep {
            at = at.max(self.client.last_departure);
        }
        self.client.last_departure = at.max(self.client.last_departure);
        Ok(Transit {
            queued,
            at,
            held: happens(settings.reorder, Purpose::Reorder, leg, copy, dice) || transit.held,
        })
    }
}

/// Draws for something that happens with probability `chance`; without dice if it never does.
fn happens(chance: Probability, purpose: Purpose, leg: Leg, copy: u8, dice: &mut Dice) -> bool {
    chance != Probability::ZERO && dice.roll(purpose, leg, copy).random_bool(chance.get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    /// Request settings from specs; the reply leg is transparent.
    fn request(change: impl FnOnce(&mut LegSettings)) -> LinkSettings {
        let mut settings = LinkSettings::transparent();
        change(&mut settings.request);
        settings
    }

    fn probability(text: &str) -> Probability {
        text.parse().unwrap()
    }

    /// The verdicts on the first `n` datagrams of client 0, of 100 octets, a millisecond apart.
    fn verdicts(settings: &LinkSettings, seed: u64, n: u32) -> Vec<Verdict> {
        let mut link = Link::new(settings.clone(), seed);
        let mut client = link.client(0);
        (0..n)
            .map(|n| link.judge(&mut client, 100, MS * n))
            .collect()
    }

    fn digits(verdicts: &[Verdict]) -> String {
        verdicts
            .iter()
            .map(|verdict| {
                if verdict.fate == Fate::Replied {
                    '1'
                } else {
                    '0'
                }
            })
            .collect()
    }

    /// Seeds are handed out in class and written into exercises: these must never change. They were
    /// checked with a ChaCha8 written apart from this crate, after RFC 8439 with eight rounds.
    #[test]
    fn seeds_keep_their_meaning() {
        for (spec, expected) in [
            ("lab", "1011111101011101100011000001110000111111"),
            ("4/11", "0001111110101100001111100101001010011001"),
            ("burst:4/11,4", "1111111111000001011111110111111111100011"),
            (
                "ge:20%,25%,80%,5%",
                "1000010100111110101110110111111111011011",
            ),
            (
                "state:20%,30%,20%,60%,5%",
                "0111111110011101011111101011011110110100",
            ),
            ("pattern:1101", "1101110111011101110111011101110111011101"),
        ] {
            let settings = request(|leg| leg.loss = spec.parse().unwrap());
            assert_eq!(digits(&verdicts(&settings, 42, 40)), expected, "{spec}");
        }
        let mut reply = LinkSettings::transparent();
        reply.reply.loss = Loss::Lab;
        assert_eq!(
            digits(&verdicts(&reply, 42, 40)),
            "1101011111101011101111101111111110101111"
        );
        let first_draws: Vec<_> = verdicts(&LinkSettings::default(), 42, 16)
            .iter()
            .filter_map(|verdict| match verdict.fate {
                Fate::Lost {
                    why: Why::LabDraw(draw),
                    ..
                } => Some(draw),
                _ => None,
            })
            .collect();
        assert_eq!(first_draws, [3, 0, 1, 0]);
    }

    #[test]
    fn seeds_keep_their_delays() {
        for (spec, expected) in [
            ("50ms,10ms", [57709436, 51997492, 50193841, 48930764]),
            ("50ms,10ms,normal", [60492151, 54513607, 50494143, 49412827]),
            ("50ms,10ms,pareto", [43885041, 45809516, 46691785, 47444259]),
        ] {
            let settings = request(|leg| leg.delay = spec.parse().unwrap());
            let delays: Vec<_> = verdicts(&settings, 42, 4)
                .iter()
                .map(|verdict| verdict.deliveries[0].delay.as_nanos())
                .collect();
            assert_eq!(delays, expected, "{spec}");
        }
    }

    #[test]
    fn seeds_keep_their_copies_and_flips() {
        let settings = request(|leg| {
            leg.duplicate = probability("30%");
            leg.corrupt = probability("30%");
            leg.reorder = probability("30%");
        });
        let shown: Vec<String> = verdicts(&settings, 42, 12)
            .iter()
            .map(|verdict| {
                let flip = verdict.deliveries[0].request_flip;
                let held: String = verdict
                    .deliveries
                    .iter()
                    .map(|delivery| if delivery.held { 'h' } else { '.' })
                    .collect();
                held + &flip.map(|bit| bit.to_string()).unwrap_or_default()
            })
            .collect();
        assert_eq!(
            shown,
            [
                ".0", "..279", ".h", ".677", "h", ".", ".", ".146", "h", ".", "h462", ".279"
            ]
        );
    }

    #[test]
    fn a_transparent_link_passes_everything_at_once() {
        let mut link = Link::new(LinkSettings::transparent(), 1);
        let mut client = link.client(0);
        for number in 0..100 {
            let verdict = link.judge(&mut client, 10, MS);
            assert_eq!(verdict.fate, Fate::Replied);
            assert_eq!(*verdict.deliveries, [Delivery::default()]);
            assert_eq!(verdict.number, number);
        }
        assert!(LegSettings::default().is_transparent());
        assert!(!LinkSettings::default().request.is_transparent());
        // Keeping order may still hold a datagram behind one that was delayed before a change.
        assert!(
            !request(|leg| leg.delay.order = Order::Keep)
                .request
                .is_transparent()
        );
    }

    #[test]
    fn each_leg_is_named_with_its_reason() {
        for (request, reply, fate) in [
            ("pattern:1", "pattern:1", Fate::Replied),
            (
                "pattern:0",
                "pattern:0",
                Fate::Lost {
                    leg: Leg::Request,
                    why: Why::Pattern { position: 1 },
                },
            ),
            (
                "none",
                "pattern:0",
                Fate::Lost {
                    leg: Leg::Reply,
                    why: Why::Pattern { position: 1 },
                },
            ),
            (
                "none",
                "100%",
                Fate::Lost {
                    leg: Leg::Reply,
                    why: Why::Random,
                },
            ),
            (
                "ge:0,0,0,100%",
                "none",
                Fate::Lost {
                    leg: Leg::Request,
                    why: Why::GoodState,
                },
            ),
            (
                "state:100%",
                "none",
                Fate::Lost {
                    leg: Leg::Request,
                    why: Why::Burst,
                },
            ),
            (
                "state:0,1,0,1,100%",
                "none",
                Fate::Lost {
                    leg: Leg::Request,
                    why: Why::Isolated,
                },
            ),
        ] {
            let mut settings = LinkSettings::transparent();
            settings.request.loss = request.parse().unwrap();
            settings.reply.loss = reply.parse().unwrap();
            assert_eq!(verdicts(&settings, 1, 1)[0].fate, fate, "{request} {reply}");
        }
    }

    #[test]
    fn delays_of_both_legs_add_up() {
        let mut settings = request(|leg| leg.delay = "30ms".parse().unwrap());
        settings.reply.delay = "12ms".parse().unwrap();
        // 100 + 28 octets at 64 kbit/s take 16 ms, and the second one waits for the first.
        settings.reply.rate = "64kbit,2".parse().unwrap();
        let verdicts = verdicts(&settings, 1, 3);
        let delay = |n: usize| verdicts[n].deliveries[0].delay;
        assert_eq!(delay(0), MS * (30 + 16 + 12));
        assert_eq!(delay(1), MS * (30 + 15 + 16 + 12));
        assert_eq!(verdicts[2].fate, Fate::QueueFull { leg: Leg::Reply });
    }

    #[test]
    fn each_leg_may_double() {
        let all = probability("100%");
        let mut settings = request(|leg| leg.duplicate = all);
        assert_eq!(verdicts(&settings, 1, 1)[0].deliveries.len(), 2);
        settings.reply.duplicate = all;
        settings.reply.delay = "50ms,50ms".parse().unwrap();
        let four = verdicts(&settings, 1, 1)[0].deliveries;
        let mut delays: Vec<_> = four.iter().map(|delivery| delivery.delay).collect();
        delays.sort();
        delays.dedup();
        assert_eq!(delays.len(), 4, "each copy has its own delay: {delays:?}");
        // Copies of a reply meet the same digit of a pattern, but their own random loss.
        settings.reply.loss = "pattern:01".parse().unwrap();
        let counts: Vec<_> = verdicts(&settings, 1, 4)
            .iter()
            .map(|verdict| verdict.deliveries.len())
            .collect();
        assert_eq!(counts, [0, 4, 0, 4]);
        settings.reply.loss = "50%".parse().unwrap();
        let counts: Vec<_> = verdicts(&settings, 1, 50)
            .iter()
            .map(|verdict| verdict.deliveries.len())
            .collect();
        for count in [0, 2, 4] {
            assert!(counts.contains(&count), "{counts:?}");
        }
    }

    #[test]
    fn a_copy_that_gets_through_is_an_answer() {
        // Room for one copy: the original passes, its copy finds the queue full.
        let settings = request(|leg| {
            leg.duplicate = Probability::ONE;
            leg.rate = "1kbit,1".parse().unwrap();
        });
        let verdicts = verdicts(&settings, 1, 2);
        assert_eq!(verdicts[0].fate, Fate::Replied);
        assert_eq!(verdicts[0].deliveries.len(), 1);
        assert_eq!(verdicts[1].fate, Fate::QueueFull { leg: Leg::Request });
    }

    #[test]
    fn a_change_applies_to_the_next_datagram_and_restarts_only_what_changed() {
        let mut settings = request(|leg| leg.loss = "pattern:110".parse().unwrap());
        let mut link = Link::new(settings.clone(), 1);
        let mut client = link.client(0);
        let next = |link: &mut Link, client: &mut ClientState| {
            link.judge(client, 10, MS).fate == Fate::Replied
        };
        assert!(next(&mut link, &mut client));
        // Delay leaves the pattern where it stands: 1, then 0.
        settings.request.delay = "5ms".parse().unwrap();
        link.set(settings.clone());
        assert!(next(&mut link, &mut client));
        assert!(!next(&mut link, &mut client));
        assert!(next(&mut link, &mut client));
        // Another pattern starts at its first digit, whatever the numbers.
        settings.request.loss = "pattern:01".parse().unwrap();
        link.set(settings.clone());
        assert!(!next(&mut link, &mut client));
        // Off and on again starts anew too.
        link.set(LinkSettings::transparent());
        assert!(next(&mut link, &mut client));
        link.set(settings.clone());
        assert_eq!(link.settings(), &settings);
        assert!(!next(&mut link, &mut client));
        assert!(next(&mut link, &mut client));

        // A queue survives a change of delay, and not a change of rate.
        let mut settings = request(|leg| leg.rate = "1kbit,1".parse().unwrap());
        let mut link = Link::new(settings.clone(), 1);
        let mut client = link.client(0);
        assert!(next(&mut link, &mut client));
        settings.request.delay = "5ms".parse().unwrap();
        link.set(settings.clone());
        assert!(!next(&mut link, &mut client));
        settings.request.rate = "2kbit,1".parse().unwrap();
        link.set(settings);
        assert!(next(&mut link, &mut client));
    }

    #[test]
    fn clients_have_their_own_dice() {
        let mut link = Link::new(LinkSettings::default(), 42);
        let mut fates = |ordinal| {
            let mut client = link.client(ordinal);
            let verdicts: Vec<_> = (0..64).map(|_| link.judge(&mut client, 10, MS)).collect();
            digits(&verdicts)
        };
        assert_eq!(fates(1), fates(1));
        assert_ne!(fates(1), fates(2));
    }

    #[test]
    fn a_client_stays_small() {
        // A thousand clients of the lab: this and one generator each.
        assert!(size_of::<ClientState>() <= 320);
        assert!(size_of::<rand::rngs::ChaCha8Rng>() <= 384);
    }

    #[test]
    fn bits_are_flipped_in_place() {
        let mut payload = *b"Ping";
        flip_bit(&mut payload, 5);
        assert_eq!(&payload, b"ping");
        flip_bit(&mut payload, 3 * 8);
        assert_eq!(&payload, b"pinf");
        flip_bit(&mut payload, 4 * 8);
        flip_bit(&mut payload, u32::MAX);
        flip_bit(&mut [], 0);
        assert_eq!(&payload, b"pinf");
    }

    #[test]
    fn settings_are_written_as_their_specs() {
        let json = serde_json::to_string(&LinkSettings::default()).unwrap();
        let leg = |loss| {
            format!(
                r#"{{"loss":"{loss}","delay":"none","duplicate":"0%","reorder":"0%","corrupt":"0%","rate":"none"}}"#
            )
        };
        let expected = format!(r#"{{"request":{},"reply":{}}}"#, leg("lab"), leg("none"));
        assert_eq!(json, expected);
    }

    fn any_leg() -> BoxedStrategy<LegSettings> {
        let chance = loss::tests::any_probability;
        (
            loss::tests::any_loss(),
            delay::tests::any_delay(),
            chance(),
            chance(),
            chance(),
            rate::tests::any_rate(),
        )
            .prop_map(
                |(loss, delay, duplicate, reorder, corrupt, rate)| LegSettings {
                    loss,
                    delay,
                    duplicate,
                    reorder,
                    corrupt,
                    rate,
                },
            )
            .boxed()
    }

    fn any_link() -> BoxedStrategy<LinkSettings> {
        (any_leg(), any_leg())
            .prop_map(|(request, reply)| LinkSettings { request, reply })
            .boxed()
    }

    proptest! {
        #[test]
        fn answers_are_delivered_exactly_when_replied(
            settings in any_link(),
            seed: u64,
            arrivals in proptest::collection::vec((0usize..=65_507, 0u64..100), 1..60),
        ) {
            let mut link = Link::new(settings, seed);
            let mut client = link.client(seed);
            let mut now = Duration::ZERO;
            for (number, (len, gap)) in arrivals.into_iter().enumerate() {
                now += MS * gap as u32;
                let verdict = link.judge(&mut client, len, now);
                prop_assert_eq!(verdict.number, number as u64);
                prop_assert_eq!(verdict.fate == Fate::Replied, !verdict.deliveries.is_empty());
                for delivery in verdict.deliveries.iter() {
                    for bit in [delivery.request_flip, delivery.reply_flip].into_iter().flatten() {
                        prop_assert!((bit as usize) < len * 8);
                    }
                }
            }
        }

        #[test]
        fn losses_depend_on_nothing_else(plain in any_link(), other in any_link(), seed: u64) {
            let mut bare = LinkSettings::transparent();
            bare.request.loss = plain.request.loss.clone();
            bare.reply.loss = plain.reply.loss.clone();
            // Everything but loss and rate, whose queue drops datagrams of its own.
            let mut dressed = other;
            for (leg, loss) in [
                (&mut dressed.request, &bare.request.loss),
                (&mut dressed.reply, &bare.reply.loss),
            ] {
                leg.loss = loss.clone();
                leg.rate = Rate::Unlimited;
            }
            let (bare, with_copies) = (verdicts(&bare, seed, 40), verdicts(&dressed, seed, 40));
            dressed.request.duplicate = Probability::ZERO;
            dressed.reply.duplicate = Probability::ZERO;
            let dressed = verdicts(&dressed, seed, 40);
            for ((bare, dressed), copied) in bare.iter().zip(&dressed).zip(&with_copies) {
                prop_assert_eq!(bare.fate, dressed.fate);
                // A copy may get through where the original does not; otherwise all is the same.
                prop_assert!(copied.fate == bare.fate || copied.fate == Fate::Replied);
                // The original's own draws are the same as without copies.
                if bare.fate == Fate::Replied {
                    let (alone, first) = (dressed.deliveries[0], copied.deliveries[0]);
                    prop_assert_eq!(alone.request_flip, first.request_flip);
                    prop_assert_eq!(alone.reply_flip, first.reply_flip);
                    prop_assert_eq!(alone.held, first.held);
                }
            }
        }

        #[test]
        fn one_legs_losses_do_not_depend_on_the_others(
            request in loss::tests::any_loss(),
            reply in loss::tests::any_loss(),
            seed: u64,
        ) {
            let fates = |request: &Loss, reply: &Loss| {
                let mut settings = LinkSettings::transparent();
                settings.request.loss = request.clone();
                settings.reply.loss = reply.clone();
                verdicts(&settings, seed, 60).into_iter().map(|verdict| verdict.fate)
            };
            let request_only = fates(&request, &Loss::None);
            let reply_only = fates(&Loss::None, &reply);
            for ((both, there), back) in fates(&request, &reply).zip(request_only).zip(reply_only) {
                prop_assert_eq!(both, if there == Fate::Replied { back } else { there });
            }
        }

        #[test]
        fn an_ordered_leg_keeps_the_order(
            mut settings in any_link(),
            seed: u64,
            gaps in proptest::collection::vec(0u32..50, 1..60),
        ) {
            settings.reply.delay.order = Order::Keep;
            let mut link = Link::new(settings, seed);
            let mut client = link.client(0);
            let (mut now, mut last) = (Duration::ZERO, Duration::ZERO);
            for gap in gaps {
                now += MS * gap;
                for delivery in link.judge(&mut client, 20, now).deliveries.iter() {
                    prop_assert!(now + delivery.delay >= last);
                    last = now + delivery.delay;
                }
            }
        }
    }
}
