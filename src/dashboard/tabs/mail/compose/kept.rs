//! The draft as it is kept over a crash and a restart: everything but the password.

use serde::{Deserialize, Serialize};

use super::fields::{FormField, LOGINS, QUITS};
use super::{Compose, place};
use crate::dashboard::tabs::mail::presets::{self, PRESETS};
use crate::proto::message::draft::Draft;
use crate::proto::smtp::plan::Security;
use crate::proto::smtp::sasl::Mechanism;
use crate::proto::smtp::stage::Stage;

/// What is kept. Names stand for choices, so that a later version reads what an earlier one wrote.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    preset: String,
    server: String,
    port: String,
    security: String,
    login: String,
    user: String,
    message: Draft,
    pipelining: bool,
    chunking: bool,
    check: bool,
    ca_file: String,
    helo: String,
    time_scale: String,
    retry_pause: String,
    retry_times: String,
    count: String,
    quit_after: String,
}

/// The name of no choice.
const NONE: &str = "none";

impl Compose {
    /// The draft as text.
    pub(super) fn to_keep(&self) -> String {
        let text = |field| self.form.text(field).to_owned();
        let quit_after = QUITS.get(self.form.chosen(FormField::QuitAfter));
        let kept = Kept {
            preset: self.preset_in_front().id.to_owned(),
            server: text(FormField::Server),
            port: text(FormField::Port),
            security: self.security().name().to_owned(),
            login: self.mechanism().map_or(NONE, Mechanism::name).to_owned(),
            user: text(FormField::User),
            message: self.draft.clone(),
            pipelining: self.form.is_on(FormField::Pipelining),
            chunking: self.form.is_on(FormField::Chunking),
            check: self.form.is_on(FormField::Check),
            ca_file: text(FormField::CaFile),
            helo: text(FormField::Helo),
            time_scale: text(FormField::TimeScale),
            retry_pause: text(FormField::RetryPause),
            retry_times: text(FormField::RetryTimes),
            count: text(FormField::Count),
            quit_after: quit_after
                .copied()
                .flatten()
                .map_or(NONE, Stage::name)
                .to_owned(),
        };
        // Strings and booleans can always be written.
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// Puts a draft that was kept into the fields; one that cannot be read leaves them as they are.
    pub(super) fn restore(&mut self, text: &str) {
        let Ok(kept) = serde_json::from_str::<Kept>(text) else {
            return;
        };
        let security = Security::from_name(&kept.security).unwrap_or(self.security());
        self.form
            .choose(FormField::Security, place(&Security::ALL, &security));
        let preset = presets::place(&kept.preset).unwrap_or(presets::OWN);
        self.form
            .choose(FormField::Preset, preset.min(PRESETS.len() - 1));
        let mechanism = Mechanism::ALL
            .into_iter()
            .find(|mechanism| mechanism.name() == kept.login);
        self.form
            .choose(FormField::Login, place(&LOGINS, &mechanism));
        let quit_after = Stage::from_name(&kept.quit_after);
        self.form
            .choose(FormField::QuitAfter, place(&QUITS, &quit_after));
        for (field, text) in [
            (FormField::Server, &kept.server),
            (FormField::Port, &kept.port),
            (FormField::User, &kept.user),
            (FormField::From, &kept.message.from),
            (FormField::To, &kept.message.to),
            (FormField::Cc, &kept.message.cc),
            (FormField::Bcc, &kept.message.bcc),
            (FormField::Subject, &kept.message.subject),
            (FormField::CaFile, &kept.ca_file),
            (FormField::Helo, &kept.helo),
            (FormField::TimeScale, &kept.time_scale),
            (FormField::RetryPause, &kept.retry_pause),
            (FormField::RetryTimes, &kept.retry_times),
            (FormField::Count, &kept.count),
        ] {
            self.form.set_text(field, text);
        }
        let paths = kept.message.attachments.join("; ");
        self.form.set_text(FormField::Attachments, &paths);
        self.body.set_from_start(&kept.message.body);
        for (field, on) in [
            (FormField::Pipelining, kept.pipelining),
            (FormField::Chunking, kept.chunking),
            (FormField::Check, kept.check),
        ] {
            self.form.choose(field, usize::from(on));
        }
        // The lab's server may listen elsewhere now.
        if preset == presets::LAB {
            self.aim();
        }
    }
}
