//! The Mail tab: write a message, send it, and see every command and reply with what it means; beside it the lab's own mail server with its mailbox
//! and its faults. State and update stand here; what it knows is in `model`, how it looks in `view`.
//!
//! The tab has several views, one at a time: the form with the dialogue, the lab's server, both ends on one clock, and what an eavesdropper sees.
//! Each panel is a state of its own with the same few methods: `contexts`, `act`, `close`, `click` and `draw`. What a panel looks at but does not
//! own comes in as the `MailModel`, which is the frozen one while the view stands still.

#[cfg(test)]
mod bench;
mod both;
mod compose;
mod detail;
mod dialogue;
mod faults;
mod lit;
mod mailbox;
mod model;
mod presets;
mod send;
mod step;
mod strip;
mod view;

pub(in crate::dashboard::tabs) use self::dialogue::encoded;

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::KeyEvent;
use ratatui::layout::{Position, Rect};

pub use self::dialogue::is_entry;
pub use self::view::{HELP_SECTIONS, help, render, status_line};

use self::both::{BothPanel, WirePanel};
use self::compose::{Compose, OwnServer};
use self::dialogue::panel::DialoguePanel;
use self::faults::FaultsPanel;
use self::mailbox::MailboxPanel;
use self::model::{MailModel, ServerState};
use crate::dashboard::app::{Effect, Purpose};
use crate::dashboard::keys::{Action, Context};
use crate::dashboard::tabs::panel::steps_on;
use crate::proto::smtp::fault::Fault;
use crate::proto::smtp::server::EndOfData;
use crate::settings::{MailClientSettings, Settings};
use crate::trace::event::Event;
use crate::trace::mail::{MailReport, MessageId, Page, SendingId};
use crate::trace::start_error::StartError;
use crate::trace::wire::Subject;
use crate::words::Words;

/// While something is going on, the screen is brought up to date this often without an event.
const BUSY_TICK: Duration = Duration::from_millis(250);

/// What the tab is started with.
#[derive(Debug, Clone)]
pub struct MailSetup {
    /// What the form begins with.
    pub client: MailClientSettings,
    /// What was written when the program ran last, as [`Effect::SaveDraft`] had it.
    pub draft: Option<String>,
    pub faults: Vec<Fault>,
    pub end_of_data: EndOfData,
}

impl Default for MailSetup {
    fn default() -> Self {
        Self {
            client: Settings::default().mail.client,
            draft: None,
            faults: Vec::new(),
            end_of_data: EndOfData::default(),
        }
    }
}

/// What is on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The form and the dialogue, below them the lab's server in a strip.
    Sending,
    /// The mailbox and the faults of the lab's server.
    Lab,
    /// Both ends of a dialogue on one clock.
    Both,
    /// What the wire shows.
    Wire,
}

impl View {
    const ALL: [View; 4] = [View::Sending, View::Lab, View::Both, View::Wire];

    /// Its panels, in the order of Tab.
    fn panels(self) -> &'static [Panel] {
        match self {
            View::Sending => &[Panel::Form, Panel::Dialogue],
            View::Lab => &[Panel::Mailbox, Panel::Faults],
            View::Both => &[Panel::Both],
            View::Wire => &[Panel::Wire],
        }
    }
}

/// The panels that can be focused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panel {
    Form,
    Dialogue,
    Mailbox,
    Faults,
    Both,
    Wire,
}

/// What a prompt of this tab asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// A line that is sent as it is.
    RawLine,
    /// What the messages of the mailbox are to hold.
    Search,
    /// One fault in the notation of [`Fault::parse`].
    Fault,
}

impl Question {
    /// The message key of its label.
    pub fn key(self) -> &'static str {
        match self {
            Question::RawLine => "mail.prompt.raw_line",
            Question::Search => "mail.prompt.search",
            Question::Fault => "mail.prompt.fault",
        }
    }
}

/// What comes of an action in a panel: what is to be done, and what is to be asked with the text it begins with.
pub type Acted = (Vec<Effect>, Option<(Question, String)>);

/// The state of the tab.
pub struct MailTab {
    live: MailModel,
    /// The model as it was when the view was frozen, and when that was.
    frozen: Option<(Duration, Box<MailModel>)>,
    view: View,
    panel: Panel,
    compose: Compose,
    dialogue: DialoguePanel,
    mailbox: MailboxPanel,
    faults: FaultsPanel,
    both: BothPanel,
    wire: WirePanel,
    next_sending: SendingId,
    /// Where the terminal's cursor belongs, as of the last frame.
    cursor: Option<Position>,
    now: Duration,
}

impl MailTab {
    pub fn new(setup: MailSetup, words: Words) -> Self {
        let compose = Compose::new(&setup.client, setup.draft.as_deref(), words);
        Self {
            live: MailModel::new(setup.faults, setup.end_of_data),
            frozen: None,
            view: View::Sending,
            panel: Panel::Form,
            compose,
            dialogue: DialoguePanel::default(),
            mailbox: MailboxPanel::default(),
            faults: FaultsPanel::default(),
            both: BothPanel::default(),
            wire: WirePanel::default(),
            next_sending: 1,
            cursor: None,
            now: Duration::ZERO,
        }
    }

    /// What has to be started first: the server.
    pub fn start(&mut self) -> Vec<Effect> {
        vec![Effect::StartMail { any_port: false }]
    }

    /// Takes in what the server and the sendings reported.
    pub fn take(&mut self, events: Vec<Event>, left_out: u64, now: Duration) -> Vec<Effect> {
        self.now = now;
        for event in events {
            match event {
                Event::Mail(event) => self.live.take(event),
                Event::Sending { id, event } => self.live.take_sending(id, event),
                Event::Echo(_) | Event::Ping { .. } | Event::Web(_) | Event::Sender { .. } => {}
            }
        }
        self.live.left_out += left_out;
        if let ServerState::Listening {
            address,
            tls_address,
            certificate,
            ..
        } = &self.live.server
        {
            self.compose.set_own_server(OwnServer {
                address: *address,
                tls_address: *tls_address,
                certificate: certificate.clone(),
            });
        }
        Vec::new()
    }

    /// What happens comes out of a record: what was sent is told by its events.
    pub fn follow_record(&mut self) {
        self.live.follow_record();
    }

    /// Takes in what the server tells of itself.
    pub fn set_report(&mut self, report: MailReport, now: Duration) -> Vec<Effect> {
        self.now = now;
        self.live.report = report;
        self.mailbox.refresh(&report)
    }

    pub fn failed(&mut self, error: StartError) {
        self.live.server = ServerState::CannotStart(error);
    }

    pub fn set_page(&mut self, page: Page) {
        self.mailbox.set_page(page);
    }

    pub fn set_message(&mut self, id: MessageId, stored: Result<Arc<[u8]>, String>) {
        self.mailbox.set_message(id, stored);
    }

    pub fn completed(&mut self, text: &str, paths: Vec<String>) {
        self.compose.completed(text, paths);
    }

    /// When the screen wants to be drawn again though nothing was reported.
    pub fn next_tick(&self, now: Duration, in_front: bool) -> Option<Duration> {
        let moves = in_front && self.frozen.is_none() && self.live.counts_down();
        let counting = moves.then_some(now + BUSY_TICK);
        let hiding = self.dialogue.hides_at(now).filter(|_| in_front);
        [counting, hiding, self.compose.keep_at()]
            .into_iter()
            .flatten()
            .min()
    }

    /// A moment has come that was asked for.
    pub fn tick(&mut self, now: Duration) -> Vec<Effect> {
        self.now = now;
        match self.compose.keep_at() {
            Some(at) if at <= now => self.compose.keep(),
            _ => Vec::new(),
        }
    }

    /// Keeps what was written, if it has changed since it was kept last.
    pub fn save_draft(&mut self) -> Vec<Effect> {
        self.compose.keep()
    }

    /// Freezes the view as it is, or lets it go on.
    pub fn freeze(&mut self, since: Option<Duration>) {
        self.frozen = since.map(|since| (since, Box::new(self.live.clone())));
    }

    /// What the view shows: the live model, or the frozen one.
    fn shown(&self) -> &MailModel {
        self.frozen.as_ref().map_or(&self.live, |(_, model)| model)
    }

    /// The moment at which the view stands.
    fn view_time(&self) -> Duration {
        self.frozen.as_ref().map_or(self.now, |(since, _)| *since)
    }

    /// Changes the live model and the frozen one alike.
    fn change_models(&mut self, change: impl Fn(&mut MailModel)) {
        change(&mut self.live);
        if let Some((_, model)) = &mut self.frozen {
            change(model);
        }
    }

    /// The contexts whose keys apply now.
    pub fn contexts(&self, contexts: &mut Vec<Context>) {
        if self.dialogue.detail.is_some() {
            contexts.extend([Context::Open, Context::MailDetail]);
            return;
        }
        if self.panel == Panel::Form && self.compose.typed {
            contexts.extend([Context::MailForm, Context::Open]);
            return;
        }
        if self.live.has_failed() {
            contexts.push(Context::Failed);
        }
        match self.panel {
            Panel::Form => contexts.push(Context::MailCompose),
            Panel::Dialogue => self.dialogue.contexts(self.shown(), contexts),
            Panel::Mailbox => self.mailbox.contexts(contexts),
            Panel::Faults => self.faults.contexts(contexts),
            Panel::Both => self.both.contexts(contexts),
            Panel::Wire => self.wire.contexts(contexts),
        }
        let covered = [Context::MailHeld, Context::MailMessage, Context::MailAsked];
        if !contexts.iter().any(|context| covered.contains(context)) {
            contexts.push(Context::MailTab);
        }
    }

    /// Closes what is open in this tab, the innermost first; `false` when nothing was.
    pub fn close(&mut self) -> bool {
        let model = self.frozen.as_ref().map_or(&self.live, |(_, model)| model);
        match self.panel {
            Panel::Form => self.compose.leave(),
            Panel::Dialogue => self.dialogue.close(model),
            Panel::Mailbox => self.mailbox.close(),
            Panel::Faults | Panel::Both | Panel::Wire => false,
        }
    }

    /// Carries out an action; may ask for a prompt with a text to begin with.
    pub fn act(
        &mut self,
        action: Action,
        now: Duration,
    ) -> (Vec<Effect>, Option<(Purpose, String)>) {
        self.now = now;
        let (effects, question) = match action {
            _ if self.dialogue.detail.is_some() => (self.act_in_dialogue(action), None),
            Action::NextPanel | Action::PreviousPanel
                if self.panel == Panel::Form && self.compose.typed =>
            {
                (self.compose.travel(action == Action::NextPanel, now), None)
            }
            Action::NextPanel => (self.focus(1), None),
            Action::PreviousPanel => (self.focus(self.view.panels().len() - 1), None),
            Action::NextView => (self.next_view(), None),
            Action::EditForm => (self.edit_form(), None),
            Action::NextFormPage => {
                self.show(Panel::Form);
                self.compose.turn_page();
                (Vec::new(), None)
            }
            Action::NextPreset => {
                self.show(Panel::Form);
                self.compose.next_preset(now);
                (Vec::new(), None)
            }
            Action::Send => (self.send(), None),
            Action::Reveal => {
                self.dialogue.reveal(now);
                (Vec::new(), None)
            }
            Action::SendRaw => (Vec::new(), Some((Question::RawLine, String::new()))),
            Action::SendHeld
            | Action::EditHeld
            | Action::ToggleStepping
            | Action::RetryNow
            | Action::QuitPolitely
            | Action::DropConnection => (self.order(action), None),
            Action::PreviousSending | Action::NextSending => (self.turn_to(action), None),
            Action::Copy if self.view == View::Sending => (self.copy_transcript(), None),
            Action::Retry if self.live.has_failed() => (self.restart(false), None),
            Action::FreePort if self.live.has_failed() => (self.restart(true), None),
            _ => self.act_in_panel(action),
        };
        let prompt = question.map(|(question, text)| (Purpose::Mail(question), text));
        (effects, prompt)
    }

    fn act_in_panel(&mut self, action: Action) -> Acted {
        let model = self.frozen.as_ref().map_or(&self.live, |(_, model)| model);
        match self.panel {
            Panel::Form => (Vec::new(), None),
            Panel::Dialogue => (self.act_in_dialogue(action), None),
            Panel::Mailbox => self.mailbox.act(action),
            // What is in force is changed, whatever a frozen view shows.
            Panel::Faults => self.faults.act(action, &self.live),
            Panel::Both => self.both.act(action, model),
            Panel::Wire => self.wire.act(action, model),
        }
    }

    fn act_in_dialogue(&mut self, action: Action) -> Vec<Effect> {
        if action == Action::Reveal {
            self.dialogue.reveal(self.now);
            return Vec::new();
        }
        let model = self.frozen.as_ref().map_or(&self.live, |(_, model)| model);
        self.dialogue.act(action, model);
        Vec::new()
    }

    fn focus(&mut self, steps: usize) -> Vec<Effect> {
        self.panel = steps_on(self.view.panels(), self.panel, steps);
        Vec::new()
    }

    fn next_view(&mut self) -> Vec<Effect> {
        self.view = steps_on(&View::ALL, self.view, 1);
        self.panel = self.view.panels()[0];
        Vec::new()
    }

    /// Brings a panel of the first view to the front.
    fn show(&mut self, panel: Panel) {
        self.view = View::Sending;
        self.panel = panel;
    }

    /// The line whose details are open.
    pub fn subject(&self) -> Option<Subject> {
        let (id, entry) = self.dialogue.open_entry()?;
        let line = usize::try_from(entry).ok()?;
        Some(Subject::Sending { id, line })
    }

    /// Selects a line of a sending's dialogue, or shows a session of the server; tells whether it is still there.
    pub fn show_subject(&mut self, subject: &Subject) -> bool {
        let model = match &mut self.frozen {
            Some((_, model)) => model,
            None => &mut self.live,
        };
        match *subject {
            Subject::Sending { id, line } => {
                let Some(place) = model.sendings.iter().position(|sending| sending.id == id) else {
                    return false;
                };
                let dialogue = &model.sendings[place];
                if dialogue.entry(line as u64).is_none() {
                    return false;
                }
                self.dialogue.select(dialogue, line as u64);
                model.back = model.sendings.len() - 1 - place;
                self.compose.typed = false;
                self.show(Panel::Dialogue);
                true
            }
            Subject::Session { session, .. } => {
                let shown = self.both.show(session, model);
                if shown {
                    self.view = View::Both;
                    self.panel = Panel::Both;
                }
                shown
            }
            _ => false,
        }
    }

    fn edit_form(&mut self) -> Vec<Effect> {
        self.show(Panel::Form);
        self.compose.typed = true;
        Vec::new()
    }

    fn restart(&mut self, any_port: bool) -> Vec<Effect> {
        self.live.server = ServerState::Starting;
        vec![Effect::StartMail { any_port }]
    }

    /// Takes over what was typed into a prompt, or says what was wrong with it.
    pub fn answer(
        &mut self,
        question: Question,
        text: &str,
        words: Words,
    ) -> Result<Vec<Effect>, String> {
        match question {
            Question::RawLine => match self.send_raw(text) {
                sent if sent.is_empty() => Err(words.t("mail.prompt.no_session").into_owned()),
                sent => Ok(sent),
            },
            Question::Search => Ok(self.mailbox.search(text)),
            Question::Fault => self.faults.add(text, &self.live, words),
        }
    }

    /// A key that has no row in the table: typed into the form, or into the held command.
    pub fn type_key(&mut self, key: &KeyEvent, now: Duration) -> Vec<Effect> {
        self.now = now;
        match self.typed_into() {
            Some(Panel::Form) => return self.compose.type_key(key, now),
            Some(Panel::Dialogue) => self.dialogue.held.type_key(key),
            _ => {}
        }
        Vec::new()
    }

    pub fn paste(&mut self, text: &str, now: Duration) -> Vec<Effect> {
        self.now = now;
        match self.typed_into() {
            Some(Panel::Form) => return self.compose.paste(text, now),
            Some(Panel::Dialogue) => self.dialogue.held.paste(text),
            _ => {}
        }
        Vec::new()
    }

    /// The panel that keys are typed into.
    fn typed_into(&mut self) -> Option<Panel> {
        if self.dialogue.detail.is_some() {
            return None;
        }
        match self.panel {
            Panel::Form => self.compose.typed.then_some(Panel::Form),
            Panel::Dialogue => {
                let dialogue = self.live.front()?;
                let held = dialogue.held()?;
                self.dialogue.held.settle(dialogue.times_held, &held.line);
                self.dialogue
                    .held
                    .is_typed_into()
                    .then_some(Panel::Dialogue)
            }
            _ => None,
        }
    }

    /// A click focuses the panel under it, and selects what is there.
    pub fn click(&mut self, body: Rect, zoomed: bool, column: u16, row: u16) -> Vec<Effect> {
        if self.dialogue.detail.is_some() {
            return Vec::new();
        }
        let Some(panel) = view::panel_at(body, zoomed, self, column, row) else {
            return Vec::new();
        };
        self.panel = panel;
        match panel {
            Panel::Form => return self.compose.click(column, row, self.now),
            Panel::Dialogue => self.dialogue.click(column, row),
            Panel::Mailbox => self.mailbox.click(column, row),
            Panel::Faults => self.faults.click(column, row),
            Panel::Both | Panel::Wire => {}
        }
        Vec::new()
    }

    /// Where the terminal's cursor belongs.
    pub fn cursor(&self) -> Option<Position> {
        self.cursor
    }
}

#[cfg(test)]
mod tests;
