//! Which dialogue is looked at where both ends are shown, or the wire: one of this program's sendings, or a session of somebody else's client.

use std::time::Duration;

use super::sessions::Session;
use crate::dashboard::tabs::mail::dialogue::Dialogue;
use crate::dashboard::tabs::mail::model::MailModel;
use crate::trace::mail::{SendingId, SessionId};
use crate::trace::wire::{SAME_CONNECTION, canonical};

/// A dialogue that can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversation {
    Sending(SendingId),
    /// Of a client that is not this program.
    Session(SessionId),
}

/// The conversations in the order in which they began.
pub fn conversations(model: &MailModel) -> Vec<Conversation> {
    let began = |sending: &Dialogue| sending.began.unwrap_or(Duration::MAX);
    let sendings = model
        .sendings
        .iter()
        .map(|sending| (began(sending), Conversation::Sending(sending.id)));
    let foreign = model.sessions.iter().filter(|session| {
        let ours = |sending: &Dialogue| answers(session, sending);
        !model.sendings.iter().any(ours)
    });
    let foreign = foreign.map(|session| (session.opened, Conversation::Session(session.id)));
    let mut all: Vec<_> = sendings.chain(foreign).collect();
    all.sort_by_key(|(began, _)| *began);
    all.into_iter().map(|(_, one)| one).collect()
}

/// Whether a session is the server's end of a sending.
fn answers(session: &Session, sending: &Dialogue) -> bool {
    let Some(client) = session.client.map(canonical) else {
        return false;
    };
    sending.connections.iter().any(|(at, local)| {
        canonical(*local) == client && at.abs_diff(session.opened) < SAME_CONNECTION
    })
}

/// The dialogue of a sending, and the server's sessions of it.
pub fn ends(model: &MailModel, conversation: Conversation) -> (Option<&Dialogue>, Vec<&Session>) {
    match conversation {
        Conversation::Sending(id) => {
            let sending = model.sendings.iter().rev().find(|sending| sending.id == id);
            let sessions = model
                .sessions
                .iter()
                .filter(|session| sending.is_some_and(|sending| answers(session, sending)));
            (sending, sessions.collect())
        }
        Conversation::Session(id) => (None, model.sessions.get(id).into_iter().collect()),
    }
}

/// The conversation that is chosen: the newest, unless one was picked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chooser {
    picked: Option<Conversation>,
}

impl Chooser {
    /// The conversation to show, and its place among all.
    pub fn now(&self, all: &[Conversation]) -> Option<(usize, Conversation)> {
        let picked = self
            .picked
            .and_then(|picked| all.iter().position(|one| *one == picked));
        let place = picked.or_else(|| all.len().checked_sub(1))?;
        Some((place, all[place]))
    }

    pub fn pick(&mut self, conversation: Conversation) {
        self.picked = Some(conversation);
    }

    /// Picks the one before; beyond the oldest it stays.
    pub fn older(&mut self, all: &[Conversation]) {
        if let Some((place, _)) = self.now(all) {
            self.picked = all.get(place.saturating_sub(1)).copied();
        }
    }

    /// Picks the one after; at the newest it follows again.
    pub fn newer(&mut self, all: &[Conversation]) {
        if let Some((place, _)) = self.now(all) {
            let next = all.get(place + 1).copied();
            self.picked = next.filter(|_| place + 2 < all.len());
        }
    }
}
