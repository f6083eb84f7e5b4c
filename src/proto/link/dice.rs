//! One client's dice. Every chance decision has its own stream of random words, and a datagram's
//! number fixes the place in each stream, so that a draw depends on nothing but the seed, the
//! client, the purpose, the leg and the number: switching delay on cannot change which datagrams
//! are lost. ChaCha8 is used because it is specified to the bit (the standard generator of `rand`
//! may change between releases) and because it can jump to any place in a stream.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use super::Leg;

/// Words of each stream set aside for one datagram. A normal delay that is rejected many times may
/// read on into its neighbour's words; that costs nothing but a correlation nobody can measure.
const WORDS_PER_DATAGRAM: u128 = 8;

/// The generator makes 64 words at a time, so up to that far it is cheaper to draw and discard
/// than to jump, which makes 64 words afresh.
const DISCARD_AT_MOST: u128 = 64;

const PURPOSES: usize = 5;

/// What a draw decides. The numbers are part of the meaning of a seed: never change them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Loss = 0,
    Corrupt = 1,
    Duplicate = 2,
    Delay = 3,
    Reorder = 4,
}

/// The dice of one client, made when first needed: a generator is over 300 bytes, and the lab's
/// model needs one of the ten.
#[derive(Debug)]
pub(super) struct Dice {
    seed: u64,
    client: u64,
    number: u64,
    originals: [Option<Box<ChaCha8Rng>>; 2 * PURPOSES],
    /// Copies are rare, so they share one generator that jumps to the stream it is asked for.
    copies: Option<Box<ChaCha8Rng>>,
}

impl Dice {
    pub(super) fn new(seed: u64, client: u64) -> Dice {
        Dice {
            seed,
            client,
            number: 0,
            originals: Default::default(),
            copies: None,
        }
    }

    /// Turns to datagram `number`: what is rolled from now on is rolled for it.
    pub(super) fn turn_to(&mut self, number: u64) {
        self.number = number;
    }

    /// The generator for one decision, at the first word set aside for this datagram. Copy 0 is
    /// the original. Roll once a decision: a second call starts at the same words again.
    pub(super) fn roll(&mut self, purpose: Purpose, leg: Leg, copy: u8) -> &mut ChaCha8Rng {
        let slot = 2 * purpose as usize + leg as usize;
        let stream = slot as u64 + 16 * u64::from(copy);
        let start = u128::from(self.number) * WORDS_PER_DATAGRAM;
        let (seed, client) = (self.seed, self.client);
        let make = |stream| {
            let mut rng = ChaCha8Rng::from_seed(key(seed, client));
            rng.set_stream(stream);
            Box::new(rng)
        };
        if copy == 0 {
            let rng = self.originals[slot].get_or_insert_with(|| make(stream));
            match start.checked_sub(rng.get_word_pos()) {
                Some(ahead) if ahead <= DISCARD_AT_MOST => {
                    for _ in 0..ahead {
                        rng.next_u32();
                    }
                }
                _ => rng.set_word_pos(start),
            }
            rng
        } else {
            let rng = self.copies.get_or_insert_with(|| make(stream));
            rng.set_stream(stream);
            rng.set_word_pos(start);
            rng
        }
    }
}

/// The 256-bit key of a client's streams: the seed, the client's ordinal, and a label that keeps
/// these streams apart from any other use of the same seed.
fn key(seed: u64, client: u64) -> [u8; 32] {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&client.to_le_bytes());
    key[16..].copy_from_slice(b"sockscope link 1");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(dice: &mut Dice, number: u64, purpose: Purpose, leg: Leg, copy: u8) -> u64 {
        dice.turn_to(number);
        dice.roll(purpose, leg, copy).next_u64()
    }

    #[test]
    fn a_draw_does_not_depend_on_the_way_there() {
        // Forward in steps, in one jump, across the 64-word buffer, and back.
        for number in [0, 1, 7, 8, 9, 63, 64, 1_000_003, u64::MAX] {
            let straight = word(&mut Dice::new(7, 3), number, Purpose::Loss, Leg::Request, 0);
            let mut worn = Dice::new(7, 3);
            for before in [0, 1, 2, 5, 6, 20, number.saturating_sub(1)] {
                word(&mut worn, before, Purpose::Loss, Leg::Request, 0);
                word(&mut worn, before, Purpose::Delay, Leg::Request, 2);
            }
            assert_eq!(
                word(&mut worn, number, Purpose::Loss, Leg::Request, 0),
                straight
            );
            word(
                &mut worn,
                number.wrapping_add(1),
                Purpose::Loss,
                Leg::Request,
                0,
            );
            assert_eq!(
                word(&mut worn, number, Purpose::Loss, Leg::Request, 0),
                straight
            );
        }
    }

    #[test]
    fn every_purpose_leg_copy_client_and_seed_has_its_own_stream() {
        let mut seen = std::collections::HashSet::new();
        for (seed, client) in [(0, 0), (1, 0), (0, 1)] {
            let mut dice = Dice::new(seed, client);
            for purpose in [
                Purpose::Loss,
                Purpose::Corrupt,
                Purpose::Duplicate,
                Purpose::Delay,
                Purpose::Reorder,
            ] {
                for leg in [Leg::Request, Leg::Reply] {
                    for copy in 0..4 {
                        for number in 0..20 {
                            assert!(seen.insert(word(&mut dice, number, purpose, leg, copy)));
                        }
                    }
                }
            }
        }
        assert_eq!(seen.len(), 3 * 5 * 2 * 4 * 20);
    }
}
