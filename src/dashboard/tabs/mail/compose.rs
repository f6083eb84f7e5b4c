//! The compose form: what is sent, where to, and how.
//!
//! Nothing that was typed is ever lost: it stays when a sending fails, and it is kept over a crash and a restart. The password alone is not; it goes
//! from its field into the plan of a sending and nowhere else.

pub mod fields;
mod kept;
mod view;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Position, Rect};

use self::fields::{FormField, FormPage, LOGINS, LONGEST_PAUSE, QUITS, Wrong};
use super::presets::{self, PRESETS};
use crate::dashboard::app::Effect;
use crate::dashboard::widgets::edit::{Outcome, Shape};
use crate::dashboard::widgets::editor::Editor;
use crate::dashboard::widgets::form::Form;
use crate::proto::link::parse_duration;
use crate::proto::message::draft::{Draft, LONGEST_BODY};
use crate::proto::secret::Secret;
use crate::proto::smtp::plan::{
    Check, Login, Pace, Password, Plan, Retry, Security, TIME_SCALES, Trust,
};
use crate::proto::smtp::sasl::{Exchange, Mechanism};
use crate::settings::{self, MailClientSettings, MailHost, Target};
use crate::words::Words;

/// A draft that has changed is kept this much later, so that typing does not write a file for each key.
const KEEP_AFTER: Duration = Duration::from_secs(1);
/// Most copies of a message.
const MOST_COUNT: u32 = 100_000;
/// Most tries for a recipient that got a 4xx.
const MOST_RETRIES: u32 = 1_000;
/// How often a recipient is tried again unless said otherwise.
const RETRIES: u32 = 3;

/// Where the lab's own server is, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnServer {
    pub address: SocketAddr,
    pub tls_address: Option<SocketAddr>,
    /// Its certificate, which no platform knows.
    pub certificate: Option<PathBuf>,
}

/// The state of the form.
pub struct Compose {
    /// Keys are typed into it.
    pub typed: bool,
    form: Form<FormField>,
    body: Editor,
    in_body: bool,
    page: FormPage,
    /// The message as it stands in the fields.
    draft: Draft,
    wrong: Vec<(FormField, Wrong)>,
    /// Sending was tried, so that empty fields count as wrong, too.
    tried: bool,
    own: OwnServer,
    /// Prints the password, as the settings have it.
    password_command: Option<String>,
    /// What was copied last, for terminals that do not hand it back.
    clipboard: String,
    /// The field that a line of the dialogue came from.
    lit: Option<FormField>,
    /// The draft as it was kept last, and when it is to be kept again.
    kept: String,
    keep_at: Option<Duration>,
    body_at: Rect,
}

impl Compose {
    /// A form filled with what was kept, or with a message that can be sent at once: to the lab's own server.
    pub fn new(client: &MailClientSettings, draft: Option<&str>, words: Words) -> Self {
        let fields = FormField::ALL.map(|field| (field, field.kind(PRESETS.len())));
        let mut compose = Self {
            typed: false,
            form: Form::new(fields),
            body: Editor::new(Shape::Lines, LONGEST_BODY),
            in_body: false,
            page: FormPage::Message,
            draft: Draft::default(),
            wrong: Vec::new(),
            tried: false,
            own: OwnServer {
                address: SocketAddr::from(([127, 0, 0, 1], settings::MAIL_PORT)),
                tls_address: Some(SocketAddr::from(([127, 0, 0, 1], settings::MAIL_TLS_PORT))),
                certificate: None,
            },
            password_command: client.password_command.clone(),
            clipboard: String::new(),
            lit: None,
            kept: String::new(),
            keep_at: None,
            body_at: Rect::ZERO,
        };
        compose.fill(client, words);
        if let Some(draft) = draft {
            compose.restore(draft);
        }
        compose.changed();
        compose.kept = compose.to_keep();
        compose.form.set_focus(FormField::To);
        compose
    }

    /// What the settings say, and a message to begin with.
    fn fill(&mut self, client: &MailClientSettings, words: Words) {
        let security = place(&Security::ALL, &client.security);
        self.form.choose(FormField::Security, security);
        match &client.server {
            MailHost::Lab => self.choose_preset(presets::LAB),
            MailHost::Named { host, port } => {
                self.form.choose(FormField::Preset, presets::OWN);
                self.form.set_text(FormField::Server, host);
                let port = port.or_else(|| PRESETS[presets::OWN].port(client.security));
                if let Some(port) = port {
                    self.form.set_text(FormField::Port, &port.to_string());
                }
            }
        }
        self.form
            .choose(FormField::Login, place(&LOGINS, &client.mechanism()));
        let mut text = |field, text: &str| self.form.set_text(field, text);
        text(FormField::User, client.user.as_deref().unwrap_or_default());
        let sender = client.from.as_deref().unwrap_or("student@example.com");
        text(FormField::From, sender);
        text(FormField::To, "teacher@example.com");
        text(FormField::Subject, &words.t("mail.sample.subject"));
        text(FormField::Helo, client.helo.as_deref().unwrap_or_default());
        text(FormField::TimeScale, &client.time_scale.to_string());
        text(FormField::Count, "1");
        text(FormField::RetryTimes, &RETRIES.to_string());
        if let Retry::After { pause, times } = client.retry {
            text(
                FormField::RetryPause,
                &crate::words::phrases::setting(pause),
            );
            text(FormField::RetryTimes, &times.to_string());
        }
        let ca_file = client.ca_file.as_ref().map(|file| file.to_string_lossy());
        text(FormField::CaFile, &ca_file.unwrap_or_default());
        self.body.set_from_start(&words.t("mail.sample.body"));
        self.form
            .choose(FormField::Pipelining, usize::from(client.pipelining));
        self.form
            .choose(FormField::Chunking, usize::from(client.chunking));
        self.form.choose(FormField::Check, 1);
    }

    /// The lab's own server is where the form sends to unless something else was chosen.
    pub fn set_own_server(&mut self, own: OwnServer) {
        let own = OwnServer {
            address: settings::local(own.address),
            tls_address: own.tls_address.map(settings::local),
            ..own
        };
        if self.own == own {
            return;
        }
        self.own = own;
        if self.preset() == presets::LAB {
            self.aim();
        }
    }

    fn preset(&self) -> usize {
        self.form.chosen(FormField::Preset)
    }

    /// What is known of the server that is chosen.
    pub fn preset_in_front(&self) -> &'static presets::Preset {
        &PRESETS[self.preset().min(presets::OWN)]
    }

    pub fn security(&self) -> Security {
        Security::ALL[self
            .form
            .chosen(FormField::Security)
            .min(Security::ALL.len() - 1)]
    }

    fn mechanism(&self) -> Option<Mechanism> {
        LOGINS
            .get(self.form.chosen(FormField::Login))
            .copied()
            .flatten()
    }

    pub fn is_stepping(&self) -> bool {
        self.form.is_on(FormField::Step)
    }

    pub fn set_stepping(&mut self, on: bool) {
        self.form.choose(FormField::Step, usize::from(on));
    }

    /// Goes on to the next preset.
    pub fn next_preset(&mut self, now: Duration) {
        self.choose_preset((self.preset() + 1) % PRESETS.len());
        self.changed();
        self.keep_soon(now);
    }

    /// Takes over what is known of a server.
    fn choose_preset(&mut self, place: usize) {
        self.form.choose(FormField::Preset, place);
        let preset = self.preset_in_front();
        if place == presets::OWN {
            return;
        }
        // Its best, whatever was chosen for another server: nobody's password goes out in clear text because the lab's server needed no TLS.
        if let Some((security, _)) = preset.ports.first() {
            let security = self::place(&Security::ALL, security);
            self.form.choose(FormField::Security, security);
        }
        self.form
            .choose(FormField::Login, self::place(&LOGINS, &preset.login));
        self.aim();
    }

    /// Server and port of the preset, for the security of the moment.
    fn aim(&mut self) {
        let security = self.security();
        let preset = self.preset_in_front();
        let (host, port) = match self.preset() {
            presets::LAB => {
                let address = match (security, self.own.tls_address) {
                    (Security::Tls, Some(tls)) => tls,
                    _ => self.own.address,
                };
                (Some(address.ip().to_string()), Some(address.port()))
            }
            _ => (preset.host.map(str::to_owned), preset.port(security)),
        };
        if let Some(host) = host {
            self.form.set_text(FormField::Server, &host);
        }
        if let Some(port) = port {
            self.form.set_text(FormField::Port, &port.to_string());
        }
    }

    /// Brings everything in step that depends on what stands in the fields.
    fn changed(&mut self) {
        let text = |field| self.form.text(field).to_owned();
        self.draft.from = text(FormField::From);
        self.draft.to = text(FormField::To);
        self.draft.cc = text(FormField::Cc);
        self.draft.bcc = text(FormField::Bcc);
        self.draft.subject = text(FormField::Subject);
        let paths = self.form.values(FormField::Attachments);
        self.draft.attachments = paths.into_iter().map(str::to_owned).collect();
        if self.draft.body != self.body.text() {
            self.body.text().clone_into(&mut self.draft.body);
        }
        for field in FormField::ALL {
            let is_elsewhere = field.page() != self.page;
            let is_idle = matches!(field, FormField::User | FormField::Password)
                && self.mechanism().is_none();
            let is_idle = is_idle
                || field == FormField::RetryTimes
                    && self.form.text(FormField::RetryPause).trim().is_empty();
            self.form.hide(field, is_elsewhere || is_idle);
        }
        self.wrong = self.check();
    }

    /// What is wrong with the fields.
    fn check(&self) -> Vec<(FormField, Wrong)> {
        let mut wrong: Vec<_> = self
            .draft
            .check()
            .into_iter()
            .map(|(field, error)| (FormField::of(field), Wrong::Message(error)))
            .collect();
        let mut note = |field, what: Option<Wrong>| wrong.extend(what.map(|what| (field, what)));
        note(FormField::Server, self.host().err());
        note(FormField::Port, self.port().err());
        if let Some(mechanism) = self.mechanism() {
            match self.login(mechanism) {
                Ok(_) => {}
                Err(Wrong::NoPassword) if !self.tried => {}
                Err(error @ Wrong::NoPassword) => note(FormField::Password, Some(error)),
                Err(error) => note(FormField::User, Some(error)),
            }
        }
        note(FormField::Helo, self.helo().err());
        note(FormField::TimeScale, self.time_scale().err());
        note(
            FormField::Count,
            self.number(FormField::Count, MOST_COUNT).err(),
        );
        match self.pause() {
            Ok(None) => {}
            Ok(Some(_)) => note(
                FormField::RetryTimes,
                self.number(FormField::RetryTimes, MOST_RETRIES).err(),
            ),
            Err(error) => note(FormField::RetryPause, Some(error)),
        }
        wrong
    }

    fn host(&self) -> Result<String, Wrong> {
        let text = self.form.text(FormField::Server).trim();
        if text.is_empty() {
            return Err(Wrong::NoServer);
        }
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        match text.parse::<Target>() {
            Ok(target) if target.host == bare => Ok(target.host),
            _ => Err(Wrong::Server),
        }
    }

    fn port(&self) -> Result<u16, Wrong> {
        match self.form.text(FormField::Port).trim().parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(Wrong::Port),
        }
    }

    fn login(&self, mechanism: Mechanism) -> Result<Login, Wrong> {
        let user = self.form.text(FormField::User).trim();
        let typed = self.form.text(FormField::Password);
        let secret = Secret::from(typed);
        Exchange::new(mechanism, user, &secret).map_err(Wrong::Credential)?;
        let password = match &self.password_command {
            Some(command) if typed.is_empty() => Password::Command(command.clone()),
            _ if typed.is_empty() => return Err(Wrong::NoPassword),
            _ => Password::Typed(secret),
        };
        Ok(Login {
            mechanism,
            user: user.to_owned(),
            password,
        })
    }

    /// The name in EHLO: as it is, so that a class can give a wrong one, but no line end or blank in it.
    fn helo(&self) -> Result<Option<String>, Wrong> {
        let text = self.form.text(FormField::Helo).trim();
        if text.is_empty() {
            return Ok(None);
        }
        let is_word = text.bytes().all(|byte| byte.is_ascii_graphic()) && text.len() <= 255;
        is_word.then(|| Some(text.to_owned())).ok_or(Wrong::Helo)
    }

    fn time_scale(&self) -> Result<f64, Wrong> {
        match self.form.text(FormField::TimeScale).trim().parse::<f64>() {
            Ok(scale) if TIME_SCALES.contains(&scale) => Ok(scale),
            _ => Err(Wrong::TimeScale),
        }
    }

    fn number(&self, field: FormField, most: u32) -> Result<u32, Wrong> {
        match self.form.text(field).trim().parse() {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(Wrong::Number(most)),
        }
    }

    fn pause(&self) -> Result<Option<Duration>, Wrong> {
        let text = self.form.text(FormField::RetryPause).trim();
        if text.is_empty() {
            return Ok(None);
        }
        let pause = parse_duration(text).map_err(Wrong::Duration)?;
        Ok(Some(pause.min(LONGEST_PAUSE)))
    }

    /// The plan of a sending; otherwise the keys go to the first field that is wrong.
    pub fn plan(&mut self) -> Option<Plan> {
        self.tried = true;
        self.changed();
        let plan = self.make();
        if plan.is_none()
            && let Some((field, _)) = self.wrong.first()
        {
            self.go_to(*field);
            self.typed = true;
        }
        plan
    }

    fn make(&self) -> Option<Plan> {
        if !self.wrong.is_empty() {
            return None;
        }
        let login = match self.mechanism() {
            Some(mechanism) => Some(self.login(mechanism).ok()?),
            None => None,
        };
        let retry = match self.pause().ok()? {
            Some(pause) => Retry::After {
                pause,
                times: self.number(FormField::RetryTimes, MOST_RETRIES).ok()?,
            },
            None => Retry::Never,
        };
        let named = self.form.text(FormField::CaFile).trim();
        let named = (!named.is_empty()).then(|| PathBuf::from(named));
        let quit_after = self.form.chosen(FormField::QuitAfter);
        Some(Plan {
            host: self.host().ok()?,
            port: self.port().ok()?,
            security: self.security(),
            login,
            helo: self.helo().ok()?,
            message: self.draft.outline().ok()?,
            count: self.number(FormField::Count, MOST_COUNT).ok()?,
            pipelining: self.form.is_on(FormField::Pipelining),
            chunking: self.form.is_on(FormField::Chunking),
            quit_after: QUITS.get(quit_after).copied().flatten(),
            time_scale: self.time_scale().ok()?,
            trust: Trust {
                ca_files: self.own.certificate.iter().cloned().chain(named).collect(),
                check: match self.form.is_on(FormField::Check) {
                    true => Check::Refuse,
                    false => Check::Report,
                },
            },
            retry,
            pace: match self.is_stepping() {
                true => Pace::Step,
                false => Pace::Run,
            },
        })
    }

    fn go_to(&mut self, field: FormField) {
        if self.page != field.page() {
            self.turn_page();
        }
        self.in_body = field == FormField::Body;
        if !self.in_body {
            self.form.set_focus(field);
        }
    }

    /// Shows the other page.
    pub fn turn_page(&mut self) {
        self.page = match self.page {
            FormPage::Message => FormPage::Options,
            FormPage::Options => FormPage::Message,
        };
        self.in_body = false;
        self.changed();
        self.form.focus_first();
    }

    /// Takes the keys, or gives them back; candidates that are on offer go first.
    pub fn leave(&mut self) -> bool {
        if !self.typed {
            return false;
        }
        if self.form.is_completing() {
            self.form.handle(&KeyEvent::from(KeyCode::Esc));
        } else {
            self.typed = false;
        }
        true
    }

    /// The next field, or the one before; round and round, the body last.
    pub fn travel(&mut self, forth: bool, now: Duration) -> Vec<Effect> {
        let key = match forth {
            true => KeyEvent::from(KeyCode::Tab),
            false => KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT),
        };
        if self.in_body {
            self.in_body = false;
            if forth {
                self.form.focus_first();
            } else {
                self.form.focus_last();
            }
            return Vec::new();
        }
        match self.form.handle(&key) {
            Outcome::Ignored => {
                match (self.page, forth) {
                    (FormPage::Message, _) => self.in_body = true,
                    (FormPage::Options, true) => self.form.focus_first(),
                    (FormPage::Options, false) => self.form.focus_last(),
                }
                Vec::new()
            }
            outcome => self.settle(outcome, now),
        }
    }

    pub fn type_key(&mut self, key: &KeyEvent, now: Duration) -> Vec<Effect> {
        let outcome = if self.in_body {
            self.body.handle(key)
        } else {
            self.form.handle(key)
        };
        if outcome != Outcome::Ignored {
            return self.settle(outcome, now);
        }
        match key.code {
            // Beyond the last field stands the body, and above it the form.
            KeyCode::Down | KeyCode::Enter if !self.in_body && self.page == FormPage::Message => {
                self.in_body = true;
            }
            KeyCode::Up if self.in_body => {
                self.in_body = false;
                self.form.focus_last();
            }
            // What nobody copies with it ends the program, as everywhere.
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                let mut effects = self.keep();
                effects.push(Effect::Quit);
                return effects;
            }
            _ => {}
        }
        Vec::new()
    }

    pub fn paste(&mut self, text: &str, now: Duration) -> Vec<Effect> {
        let outcome = if self.in_body {
            self.body.paste(text)
        } else {
            self.form.paste(text)
        };
        self.settle(outcome, now)
    }

    /// Does what follows from a key.
    fn settle(&mut self, outcome: Outcome, now: Duration) -> Vec<Effect> {
        match outcome {
            Outcome::Ignored | Outcome::Done => Vec::new(),
            Outcome::Changed => self.edited(now),
            Outcome::Copied(text) => self.copied(text),
            Outcome::Cut(text) => {
                let mut effects = self.edited(now);
                effects.extend(self.copied(text));
                effects
            }
            Outcome::PasteWanted => {
                let text = std::mem::take(&mut self.clipboard);
                let effects = self.paste(&text, now);
                self.clipboard = text;
                effects
            }
        }
    }

    fn copied(&mut self, text: String) -> Vec<Effect> {
        self.clipboard.clone_from(&text);
        vec![Effect::Copy(text)]
    }

    /// Something else stands in the field with the keys.
    fn edited(&mut self, now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        let field = self.form.focus().filter(|_| !self.in_body);
        match field {
            Some(FormField::Preset) => self.choose_preset(self.preset()),
            Some(FormField::Security) => self.aim(),
            // A server that was typed is no longer the preset's.
            Some(FormField::Server) => self.form.choose(FormField::Preset, presets::OWN),
            Some(field @ (FormField::Attachments | FormField::CaFile)) => {
                let begun = self.form.begun(field);
                if !begun.is_empty() {
                    effects.push(Effect::Complete(begun.to_owned()));
                }
            }
            _ => {}
        }
        self.changed();
        self.keep_soon(now);
        effects
    }

    /// Offers paths that begin with what was typed.
    pub fn completed(&mut self, begun: &str, paths: Vec<String>) {
        if let Some(field @ (FormField::Attachments | FormField::CaFile)) = self.form.focus()
            && !self.in_body
        {
            self.form.complete(field, begun, paths);
        }
    }

    pub fn click(&mut self, column: u16, row: u16, now: Duration) -> Vec<Effect> {
        self.typed = true;
        if self.body_at.contains((column, row).into()) && self.page == FormPage::Message {
            self.in_body = true;
            self.body.click(self.body_at, (column, row));
            return Vec::new();
        }
        match self.form.click((column, row)) {
            Outcome::Ignored => Vec::new(),
            outcome => {
                self.in_body = false;
                self.settle(outcome, now)
            }
        }
    }

    /// Lights up the field that something came from.
    pub fn light(&mut self, field: Option<FormField>) {
        self.lit = field;
    }

    pub fn reveal(&mut self, revealed: bool) {
        self.form.reveal(revealed);
    }

    fn keep_soon(&mut self, now: Duration) {
        self.keep_at.get_or_insert(now + KEEP_AFTER);
    }

    /// When the draft is to be kept.
    pub fn keep_at(&self) -> Option<Duration> {
        self.keep_at
    }

    /// Keeps the draft, if it is another one than was kept last.
    pub fn keep(&mut self) -> Vec<Effect> {
        self.keep_at = None;
        let text = self.to_keep();
        if text == self.kept {
            return Vec::new();
        }
        self.kept.clone_from(&text);
        vec![Effect::SaveDraft(text)]
    }

    /// The cell of the cursor in the last frame.
    fn cursor(&self) -> Option<Position> {
        let cell = if self.in_body {
            self.body.cursor_cell(self.body_at)
        } else {
            self.form.cursor_cell()
        };
        cell.filter(|_| self.typed).map(Position::from)
    }
}

/// The place of a value in a list, or the first.
fn place<T: PartialEq>(all: &[T], value: &T) -> usize {
    all.iter().position(|one| one == value).unwrap_or(0)
}
