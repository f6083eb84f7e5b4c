//! Which messages are still to go to whom, and how those that went fared: over all messages of a sending, and over all its connections.

use std::collections::VecDeque;

use crate::proto::smtp::address::Address;
use crate::proto::smtp::code::Class;
use crate::proto::smtp::outcome::{Outcome, Recipient, RecipientFate, Verdict};

/// What became of a recipient, and the reply that decided it.
pub(super) type Fate = (RecipientFate, Option<Verdict>);

/// A message on its way to some of the recipients, which are known by their place in the envelope.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    /// From 1.
    pub number: u32,
    /// Whom this try is for.
    who: Vec<usize>,
    /// Whom the next transaction is for.
    pub todo: Vec<usize>,
    /// Whom a further transaction is for: the server takes no more of them at once.
    pub later: Vec<usize>,
    /// By place in the envelope; `None` is not decided yet.
    fates: Vec<Option<Fate>>,
    /// An earlier try has delivered to somebody.
    counted: bool,
}

impl Letter {
    pub fn decide(&mut self, who: usize, fate: RecipientFate, verdict: Option<&Verdict>) {
        if let Some(slot) = self.fates.get_mut(who)
            && slot.is_none()
        {
            *slot = Some((fate, verdict.cloned()));
        }
    }

    /// The transaction was undone: a further one is for everybody who is not decided.
    pub fn restart(&mut self) {
        let is_open = |who: &usize| self.fates.get(*who).is_some_and(Option::is_none);
        self.todo = self.who.iter().copied().filter(is_open).collect();
        self.later.clear();
    }

    /// Decides about everybody who is not decided yet.
    pub fn decide_rest(&mut self, fate: RecipientFate, verdict: Option<&Verdict>) {
        for who in 0..self.who.len() {
            self.decide(self.who[who], fate, verdict);
        }
    }
}

/// The fate that a refusal means: the first digit rules (RFC 5321 §4.2).
pub(super) fn refusal(verdict: &Verdict) -> RecipientFate {
    match verdict.code.class() {
        Class::Transient => RecipientFate::Deferred,
        _ => RecipientFate::Refused,
    }
}

#[derive(Debug)]
pub(super) struct Ledger {
    to: Vec<Address>,
    /// Messages asked for.
    pub asked: u32,
    /// The next message that nobody has tried yet.
    fresh: u32,
    /// Messages that an earlier connection left, and this one is to try.
    ready: VecDeque<Letter>,
    /// Messages that got a 4xx on this connection.
    again: VecDeque<Letter>,
    /// Messages that went out to all or some of their recipients.
    pub sent: u32,
    accepted: u64,
    refused: u64,
    unknown: u64,
    /// Of the last message that was tried.
    pub last: Vec<Recipient>,
}

impl Ledger {
    pub fn new(to: Vec<Address>, count: u32) -> Self {
        let last = to.iter().map(not_tried).collect();
        Self {
            to,
            asked: count,
            fresh: 1,
            ready: VecDeque::new(),
            again: VecDeque::new(),
            sent: 0,
            accepted: 0,
            refused: 0,
            unknown: 0,
            last,
        }
    }

    /// The next message to be tried on this connection.
    pub fn take(&mut self) -> Option<Letter> {
        if let Some(letter) = self.ready.pop_front() {
            return Some(letter);
        }
        let number = self.fresh;
        self.fresh = number.checked_add(1).filter(|_| number <= self.asked)?;
        if number > 1 {
            self.last = self.to.iter().map(not_tried).collect();
        }
        let everybody: Vec<usize> = (0..self.to.len()).collect();
        Some(Letter {
            number,
            who: everybody.clone(),
            todo: everybody,
            later: Vec::new(),
            fates: vec![None; self.to.len()],
            counted: false,
        })
    }

    /// Whether a message was tried.
    pub fn has_begun(&self) -> bool {
        self.fresh > 1
    }

    /// Whether a message is left for this connection.
    pub fn has_more(&self) -> bool {
        !self.ready.is_empty() || self.fresh <= self.asked
    }

    /// The next message comes to nothing because of this reply.
    pub fn leave_untried(&mut self, verdict: &Verdict) {
        let number_is_last = self.ready.is_empty();
        for recipient in self.last.iter_mut().filter(|_| number_is_last) {
            recipient.reply = Some(verdict.clone());
        }
    }

    /// Enters how a message fared, and tells it. Recipients without a fate were not tried. The deferred ones are kept for another try if `again`.
    pub fn enter(&mut self, mut letter: Letter, again: bool) -> Vec<Recipient> {
        let mut told = Vec::with_capacity(letter.who.len());
        let mut deferred = Vec::new();
        let mut delivered = false;
        for &who in &letter.who {
            let (fate, reply) = letter.fates[who]
                .take()
                .unwrap_or((RecipientFate::NotTried, None));
            match fate {
                RecipientFate::Accepted => {
                    self.accepted += 1;
                    delivered = true;
                }
                RecipientFate::Deferred if again => deferred.push(who),
                RecipientFate::Unknown => self.unknown += 1,
                _ => self.refused += 1,
            }
            let recipient = Recipient {
                address: self.to[who].clone(),
                fate,
                reply,
            };
            // What is tried again is not the last message, unless nothing newer was.
            if letter.number + 1 == self.fresh {
                self.last[who] = recipient.clone();
            }
            told.push(recipient);
        }
        if delivered && !letter.counted {
            self.sent += 1;
            letter.counted = true;
        }
        if !deferred.is_empty() {
            self.again.push_back(Letter {
                todo: deferred.clone(),
                who: deferred,
                later: Vec::new(),
                ..letter
            });
        }
        told
    }

    /// Whether somebody got a 4xx on this connection and may be tried again.
    pub fn waits(&self) -> bool {
        !self.again.is_empty()
    }

    /// Makes those ready for the next connection, and tells who they are, each once.
    pub fn ready_again(&mut self) -> Vec<Address> {
        self.ready.append(&mut self.again);
        let mut is_waiting = vec![false; self.to.len()];
        for letter in &self.ready {
            for &who in &letter.who {
                is_waiting[who] = true;
            }
        }
        let waiting = self.to.iter().zip(is_waiting);
        waiting
            .filter(|(_, waits)| *waits)
            .map(|(address, _)| address.clone())
            .collect()
    }

    /// What the results say, when nothing else says how it ended.
    pub fn outcome(&self) -> Outcome {
        let is_lacking = self.refused > 0 || self.waits() || self.has_more();
        if self.unknown > 0 {
            Outcome::Unknown
        } else if !is_lacking {
            Outcome::Sent
        } else if self.accepted > 0 {
            Outcome::PartlySent
        } else {
            Outcome::Refused
        }
    }
}

fn not_tried(address: &Address) -> Recipient {
    Recipient {
        address: address.clone(),
        fate: RecipientFate::NotTried,
        reply: None,
    }
}
