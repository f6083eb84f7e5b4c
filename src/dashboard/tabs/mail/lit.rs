//! Which field of the form a line of the dialogue came from.

use super::compose::fields::FormField;
use super::dialogue::panel::DialoguePanel;
use super::dialogue::{Dialogue, Now};
use super::model::MailModel;
use crate::proto::smtp::stage::Stage;
use crate::trace::mail::{SendingEvent, Speech};

/// The field to light up: that of the selected line, or of what is going on.
pub fn field(panel: &DialoguePanel, model: &MailModel) -> Option<FormField> {
    let dialogue = model.front()?;
    if panel.selected.is_none() {
        if !dialogue.is_going_on() {
            return None;
        }
        if let Now::Held(held) = &dialogue.now {
            return of_line(
                held.stage,
                &held.line.shown,
                held.line.secret.is_some(),
                dialogue,
            );
        }
    }
    let place = panel.in_front(dialogue)?;
    of_entry(dialogue, place.entry)
}

fn of_entry(dialogue: &Dialogue, id: u64) -> Option<FormField> {
    let spoken = match &dialogue.entry(id)?.event {
        SendingEvent::Spoken(spoken) => spoken,
        SendingEvent::Connecting { .. } | SendingEvent::Connected { .. } => {
            return Some(FormField::Server);
        }
        SendingEvent::Tls { .. } => return Some(FormField::Security),
        _ => return None,
    };
    match &spoken.what {
        Speech::Command(line) => {
            of_line(spoken.stage, &line.shown, line.secret.is_some(), dialogue)
        }
        Speech::Content { .. } => Some(FormField::Body),
        // A reply belongs to the command before it.
        Speech::Reply { .. } => {
            let entries = dialogue.entries();
            let before = entries.iter().rev().skip_while(|entry| entry.id >= id);
            let command = before
                .filter_map(|entry| match &entry.event {
                    SendingEvent::Spoken(said) if said.stage == spoken.stage => Some(said),
                    _ => None,
                })
                .find_map(|said| match &said.what {
                    Speech::Command(line) => Some(line),
                    _ => None,
                });
            match command {
                Some(line) => of_line(spoken.stage, &line.shown, line.secret.is_some(), dialogue),
                None => of_line(spoken.stage, b"", false, dialogue),
            }
        }
    }
}

fn of_line(stage: Stage, line: &[u8], secret: bool, dialogue: &Dialogue) -> Option<FormField> {
    match stage {
        Stage::Connect | Stage::Banner => Some(FormField::Server),
        Stage::StartTls | Stage::Tls => Some(FormField::Security),
        Stage::Auth if secret => Some(FormField::Password),
        Stage::Auth if line.len() >= 5 && line[..5].eq_ignore_ascii_case(b"AUTH ") => {
            Some(FormField::Login)
        }
        Stage::Auth => Some(FormField::User),
        Stage::Mail => Some(FormField::From),
        Stage::Rcpt => Some(recipient(line, dialogue)),
        Stage::Data | Stage::Dot | Stage::Bdat => Some(FormField::Body),
        _ => None,
    }
}

/// The field with the address of a RCPT command.
fn recipient(line: &[u8], dialogue: &Dialogue) -> FormField {
    let line = String::from_utf8_lossy(line);
    let address = line
        .split_once('<')
        .and_then(|(_, rest)| rest.rsplit_once('>'))
        .map_or("", |(address, _)| address);
    let message = &dialogue.plan.message;
    let is_there = |list: &[crate::proto::message::Mailbox]| {
        list.iter().any(|one| one.address.as_str() == address)
    };
    match () {
        () if is_there(&message.to) => FormField::To,
        () if is_there(&message.cc) => FormField::Cc,
        () if is_there(&message.bcc) => FormField::Bcc,
        () => FormField::To,
    }
}
