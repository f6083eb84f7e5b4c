//! Sending, and what is said to a sending that is at work.

use super::dialogue::Dialogue;
use super::model::SENDINGS;
use super::{MailTab, Panel};
use crate::dashboard::app::Effect;
use crate::dashboard::keys::Action;
use crate::proto::secret::Secret;
use crate::proto::smtp::plan::{Order, Pace};
use crate::trace::mail::SendingId;
use crate::trace::transcript::{Latencies, Transcript};

impl MailTab {
    /// Sends what stands in the form; what is wrong with it gets the keys.
    pub(super) fn send(&mut self) -> Vec<Effect> {
        let mut effects = self.compose.keep();
        let Some(plan) = self.compose.plan() else {
            self.show(Panel::Form);
            return effects;
        };
        // Several may go on at once, but none goes on unseen.
        if self.live.sendings.len() == SENDINGS
            && let Some(oldest) = self.live.sendings.front()
            && oldest.is_going_on()
        {
            effects.push(Effect::Order {
                id: oldest.id,
                order: Order::Drop,
            });
        }
        let id = self.next_sending;
        self.next_sending += 1;
        let dialogue = Dialogue::new(id, &plan);
        self.change_models(|model| model.begin(dialogue.clone()));
        self.compose.typed = false;
        self.show(Panel::Dialogue);
        self.dialogue.follow();
        self.dialogue.held.enter();
        effects.push(Effect::StartSending {
            id,
            plan: Box::new(plan),
        });
        effects
    }

    /// The sending in front, if it is at work.
    fn at_work(&self) -> Option<SendingId> {
        let front = self.live.front()?;
        front.is_going_on().then_some(front.id)
    }

    /// Tells the sending in front what a key asks of it.
    pub(super) fn order(&mut self, action: Action) -> Vec<Effect> {
        let stepping = !self.compose.is_stepping();
        if action == Action::ToggleStepping {
            self.compose.set_stepping(stepping);
        }
        let Some(id) = self.at_work() else {
            return Vec::new();
        };
        let order = match action {
            Action::ToggleStepping if stepping => Order::SetPace(Pace::Step),
            Action::ToggleStepping => Order::SetPace(Pace::Run),
            Action::RetryNow => Order::RetryNow,
            Action::QuitPolitely => Order::Quit,
            Action::DropConnection => Order::Drop,
            Action::EditHeld => {
                self.dialogue.held.enter();
                return Vec::new();
            }
            Action::SendHeld => match self.let_go() {
                Some(order) => order,
                None => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        vec![Effect::Order { id, order }]
    }

    /// The held command goes out, once.
    fn let_go(&mut self) -> Option<Order> {
        let front = self.live.front()?;
        let held = front.held()?;
        self.dialogue.held.settle(front.times_held, &held.line);
        let sent = self.dialogue.held.sent();
        self.change_models(|model| model.let_go());
        self.dialogue.follow();
        Some(Order::Go(sent))
    }

    /// Sends a line as it was typed.
    pub(super) fn send_raw(&mut self, text: &str) -> Vec<Effect> {
        let Some(id) = self.at_work() else {
            return Vec::new();
        };
        vec![Effect::Order {
            id,
            order: Order::Raw(Secret::from(text)),
        }]
    }

    /// The sending in front in the notation of swaks, its secrets masked.
    fn transcript(&self) -> Option<String> {
        let dialogue = self.shown().front()?;
        let mut transcript = Transcript::new(Latencies::Shown);
        let mut text = String::new();
        if dialogue.forgotten > 0 {
            text.push_str(&format!("=== {} lines not kept\n", dialogue.forgotten));
        }
        for entry in dialogue.entries() {
            for line in transcript.lines(&entry.event) {
                text.push_str(&line);
                text.push('\n');
            }
        }
        Some(text)
    }

    pub fn export(&self) -> Option<Effect> {
        let name = format!("sending-{}.txt", self.shown().front()?.id);
        let bytes = self.transcript()?.into_bytes();
        Some(Effect::SaveFile { name, bytes })
    }

    pub(super) fn copy_transcript(&mut self) -> Vec<Effect> {
        self.transcript().map(Effect::Copy).into_iter().collect()
    }

    /// Shows the sending before or after the one in front.
    pub(super) fn turn_to(&mut self, action: Action) -> Vec<Effect> {
        let back = action == Action::PreviousSending;
        self.change_models(|model| {
            let last = model.sendings.len().saturating_sub(1);
            model.back = if back {
                (model.back + 1).min(last)
            } else {
                model.back.saturating_sub(1)
            };
        });
        Vec::new()
    }
}
