//! The dashboard's state and how it changes: [`App::update`] takes a message and answers with effects. No I/O happens here, so that every
//! screen can be tried without a terminal, a socket or a clock.

mod message;
mod prompt;

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

pub use self::message::{Counters, Effect, Msg, Now};
pub use self::prompt::{Prompt, Purpose};
use super::capture::Capture;
use super::keys::{self, Action, Context};
use super::playback::{self, Control, Motion, Playback};
use super::shell;
use super::tabs::mail::{MailSetup, MailTab};
use super::tabs::ping::{PingSetup, PingTab};
use super::tabs::web::{WebSetup, WebTab};
use super::tabs::wire::{self, WireSetup, WireTab};
use super::theme::{Signs, Theme};
use super::widgets::Glyphs;
use crate::settings::ThemeName;
use crate::trace::clock::Clock;
use crate::trace::escape::escape_hostile;
use crate::trace::event::Event;
use crate::trace::wire::Subject;
use crate::words::{Lang, Words};

/// The tabs, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Ping,
    Web,
    Mail,
    Wire,
}

impl Tab {
    pub const ALL: [Tab; 4] = [Tab::Ping, Tab::Web, Tab::Mail, Tab::Wire];

    /// The message key of its title.
    pub fn title(self) -> &'static str {
        match self {
            Tab::Ping => "tab.ping",
            Tab::Web => "tab.web",
            Tab::Mail => "tab.mail",
            Tab::Wire => "tab.wire",
        }
    }
}

/// What lies over the tab and takes the keys first.
#[derive(Debug, Clone)]
pub enum Overlay {
    /// The help page, scrolled down by so many rows.
    Help { scroll: u16 },
    /// A line of text is being typed.
    Prompt(Prompt),
}

/// How things look, and in which words.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub words: Words,
    pub theme: Theme,
    pub glyphs: Glyphs,
    pub signs: Signs,
}

/// What the dashboard is started with.
#[derive(Debug, Clone)]
pub struct Setup {
    pub lang: Lang,
    pub theme: ThemeName,
    /// `NO_COLOR` is not set.
    pub colour: bool,
    pub ascii: bool,
    pub mouse: bool,
    pub ping: PingSetup,
    pub web: WebSetup,
    pub mail: MailSetup,
    pub wire: WireSetup,
}

impl Default for Setup {
    /// As without any settings.
    fn default() -> Self {
        Self {
            lang: Lang::En,
            theme: ThemeName::Dark,
            colour: true,
            ascii: false,
            mouse: false,
            ping: PingSetup::default(),
            web: WebSetup::default(),
            mail: MailSetup::default(),
            wire: WireSetup::default(),
        }
    }
}

/// The whole dashboard.
pub struct App {
    pub clock: Clock,
    lang: Lang,
    theme_name: ThemeName,
    colour: bool,
    ascii: bool,
    pub mouse: bool,
    pub front: Tab,
    pub overlay: Option<Overlay>,
    pub zoomed: bool,
    /// Since when the view stands still.
    pub frozen_at: Option<Duration>,
    /// A short message, and until when it is shown; see [`Now::here`].
    pub notice: Option<(String, Duration)>,
    /// The record that is played, if this is a replay.
    pub playback: Option<Playback>,
    pub ping: PingTab,
    pub web: WebTab,
    pub mail: MailTab,
    pub wire: WireTab,
    pub capture: Capture,
    /// Something that went wrong beside the labs: it is shown until a key is pressed.
    pub alert: Option<String>,
    pub now: Duration,
    /// What time it is for whoever watches; see [`Now::here`].
    here: Duration,
    /// Where the last frame was drawn; a click is understood by it.
    pub area: Rect,
}

/// How long a short message stays.
const NOTICE: Duration = Duration::from_secs(3);

impl App {
    pub fn new(setup: Setup, clock: Clock) -> Self {
        let mail = MailTab::new(setup.mail, Words(setup.lang));
        Self {
            clock,
            lang: setup.lang,
            theme_name: setup.theme,
            colour: setup.colour,
            ascii: setup.ascii,
            mouse: setup.mouse,
            front: Tab::Ping,
            overlay: None,
            zoomed: false,
            frozen_at: None,
            notice: None,
            ping: PingTab::new(setup.ping),
            web: WebTab::new(setup.web),
            mail,
            wire: WireTab::new(setup.wire),
            capture: Capture::Off,
            alert: None,
            playback: None,
            now: Duration::ZERO,
            here: Duration::ZERO,
            area: Rect::ZERO,
        }
    }

    /// What has to be started first.
    pub fn start(&mut self) -> Vec<Effect> {
        let mut effects = self.ping.start();
        effects.extend(self.web.start());
        effects.extend(self.mail.start());
        effects
    }

    pub fn words(&self) -> Words {
        Words(self.lang)
    }

    pub fn look(&self) -> Look {
        let glyphs = if self.ascii {
            Glyphs::Ascii
        } else {
            Glyphs::Unicode
        };
        Look {
            words: self.words(),
            theme: Theme::new(self.theme_name, self.colour),
            glyphs,
            signs: Signs(glyphs),
        }
    }

    /// When a short message goes away; see [`Now::here`].
    pub fn notice_ends(&self) -> Option<Duration> {
        self.notice.as_ref().map(|(_, until)| *until)
    }

    /// When the screen wants to be drawn again though nothing happens: a frozen view counts seconds, a wait at the web server or on the ladder grows, a record
    /// goes on.
    pub fn next_tick(&self) -> Option<Duration> {
        let second = self.frozen_at.map(|since| {
            let whole = self.now.saturating_sub(since).as_secs() + 1;
            since + Duration::from_secs(whole)
        });
        let record = self
            .playback
            .as_ref()
            .map(|playback| self.now + playback.tick());
        let web = (self.front == Tab::Web && self.frozen_at.is_none())
            .then(|| self.web.next_tick(self.now))
            .flatten();
        let mail = self.mail.next_tick(self.now, self.front == Tab::Mail);
        let wire = (self.front == Tab::Wire)
            .then(|| self.wire.next_tick(self.now))
            .flatten();
        // How far a capture is may change though no lab tells anything new.
        let next_second = Duration::from_secs(self.now.as_secs() + 1);
        let capture = (self.capture != Capture::Off).then_some(next_second);
        [second, record, web, mail, wire, capture]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes a message in at `now`.
    pub fn update(&mut self, msg: Msg, now: impl Into<Now>) -> Vec<Effect> {
        let Now { there, here } = now.into();
        self.now = self.now.max(there);
        self.here = self.here.max(here);
        if self
            .notice
            .as_ref()
            .is_some_and(|(_, until)| *until <= self.here)
        {
            self.notice = None;
        }
        match msg {
            Msg::Key(key) if keys::is_press(&key) => self.key(&key),
            Msg::Key(_) => Vec::new(),
            Msg::Tick => self.mail.tick(self.now),
            Msg::Mouse(event) => self.mouse_event(event),
            Msg::Paste(text) => self.paste(&text),
            Msg::Events {
                events,
                left_out,
                web_left_out,
                mail_left_out,
            } => {
                self.wire
                    .take(&events, left_out + web_left_out + mail_left_out);
                let (mut ping, mut web, mut mail) = (Vec::new(), Vec::new(), Vec::new());
                for event in events {
                    match event {
                        Event::Echo(_) | Event::Ping { .. } => ping.push(event),
                        Event::Web(_) | Event::Sender { .. } => web.push(event),
                        Event::Mail(_) | Event::Sending { .. } => mail.push(event),
                    }
                }
                self.web.take(web, web_left_out);
                let mut effects = self.mail.take(mail, mail_left_out, self.now);
                effects.extend(self.ping.take(ping, left_out));
                effects
            }
            Msg::Calls { calls, left_out } => {
                self.wire.take_calls(calls, left_out);
                Vec::new()
            }
            Msg::Capture(answer) => {
                self.capture_answered(answer);
                Vec::new()
            }
            Msg::Playback(playback) => {
                self.set_playback(playback);
                Vec::new()
            }
            Msg::Notes(notes) => {
                for (at, text) in notes {
                    self.ping.note(text.clone(), at);
                    self.wire.note(text, at);
                }
                Vec::new()
            }
            Msg::OnlyAReplay => {
                self.notify("replay.only", &"");
                Vec::new()
            }
            Msg::Counters(mut counters) => {
                if let Some(report) = counters.web.take() {
                    self.web.set_report(*report, self.now);
                }
                let mut effects = self.capture_counted(counters.capture.take());
                if let Some(report) = counters.mail.take() {
                    effects.extend(self.mail.set_report(report, self.now));
                }
                self.ping.set_counters(counters, self.now);
                effects
            }
            Msg::MailFailed(error) => {
                self.mail.failed(error);
                Vec::new()
            }
            Msg::Mailbox(page) => {
                self.mail.set_page(page);
                Vec::new()
            }
            Msg::MessageRead { id, stored } => {
                self.mail.set_message(id, stored);
                Vec::new()
            }
            Msg::Completed { text, paths } => {
                self.mail.completed(&text, paths);
                Vec::new()
            }
            Msg::Saved(Ok(path)) => {
                let path = escape_hostile(path.to_string_lossy().as_bytes()).into_owned();
                self.notify("notice.saved", &path);
                Vec::new()
            }
            Msg::Saved(Err(error)) => {
                self.notify("notice.not_saved", &escape_hostile(&error));
                Vec::new()
            }
            Msg::WebFailed(error) => {
                self.web.failed(error);
                Vec::new()
            }
            Msg::EchoFailed(error) => {
                self.ping.echo_failed(error);
                Vec::new()
            }
            Msg::PingerFailed { target, error } => {
                self.ping.pinger_failed(target, error);
                Vec::new()
            }
        }
    }

    /// The contexts whose keys apply now, narrowest first.
    pub fn contexts(&self) -> Vec<Context> {
        let mut contexts = Vec::new();
        if let Some(Overlay::Help { .. }) = self.overlay {
            return vec![Context::Open, Context::HelpPage];
        }
        match self.front {
            Tab::Ping => self.ping.contexts(&mut contexts),
            Tab::Web => self.web.contexts(&mut contexts),
            Tab::Mail => self.mail.contexts(&mut contexts),
            Tab::Wire => self.wire.contexts(&mut contexts),
        }
        if self.zoomed || self.frozen_at.is_some() {
            contexts.push(Context::Open);
        }
        if self.playback.is_some() {
            contexts.push(Context::Replay);
        }
        contexts
    }

    fn key(&mut self, key: &KeyEvent) -> Vec<Effect> {
        self.alert = None;
        let is_ctrl_c =
            key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        if matches!(self.overlay, Some(Overlay::Prompt(_))) && !is_ctrl_c {
            return self.prompt_key(key);
        }
        match keys::action_for(key, &self.contexts()) {
            Some(action) => self.act(action),
            None if self.front == Tab::Web => self.web.type_key(key),
            None if self.front == Tab::Mail => self.mail.type_key(key, self.now),
            None => Vec::new(),
        }
    }

    fn act(&mut self, action: Action) -> Vec<Effect> {
        if let Some(Overlay::Help { scroll }) = &mut self.overlay {
            const PAGE: u16 = 10;
            let turned = match action {
                Action::Up => Some(scroll.saturating_sub(1)),
                Action::Down => Some(scroll.saturating_add(1)),
                Action::PageUp => Some(scroll.saturating_sub(PAGE)),
                Action::PageDown => Some(scroll.saturating_add(PAGE)),
                _ => None,
            };
            if let Some(turned) = turned {
                *scroll = turned.min(shell::HELP_LONGEST);
                return Vec::new();
            }
            if matches!(action, Action::Close | Action::Help) {
                self.overlay = None;
                return Vec::new();
            }
        }
        if self.playback.is_some()
            && let Some(effects) = self.act_in_replay(action)
        {
            return effects;
        }
        if action == Action::Open {
            match (self.front, self.open_subject()) {
                (Tab::Wire, _) => {
                    let subjects = self.wire.subjects();
                    self.show_in_lab(&subjects);
                }
                (_, Some(subject)) => self.show_on_wire(&subject),
                (_, None) => return self.act_in_front(action),
            }
            return Vec::new();
        }
        let steps = matches!(action, Action::StepForward | Action::StepBack);
        if steps && self.frozen_at.is_none() {
            self.freeze();
        }
        match action {
            Action::Quit => {
                let mut effects = self.mail.save_draft();
                effects.push(Effect::Quit);
                return effects;
            }
            Action::Help => self.overlay = Some(Overlay::Help { scroll: 0 }),
            Action::FrontTab(index) => {
                self.front = Tab::ALL.get(index).copied().unwrap_or(self.front);
                self.zoomed = false;
            }
            Action::Close => return self.close(),
            Action::Freeze => self.freeze(),
            Action::Zoom => self.zoomed = !self.zoomed,
            Action::NextTheme => {
                self.theme_name = self.theme_name.next();
                let name = self
                    .words()
                    .t(&format!("theme.{}", self.theme_name.name()))
                    .into_owned();
                self.notify("notice.theme", &name);
            }
            Action::NextLanguage => self.lang = self.lang.next(),
            Action::ToggleMouse => {
                self.mouse = !self.mouse;
                let key = if self.mouse {
                    "notice.mouse_on"
                } else {
                    "notice.mouse_off"
                };
                self.notify(key, &"");
                return vec![Effect::SetMouse(self.mouse)];
            }
            Action::Note => self.prompt(Purpose::Note, String::new()),
            Action::Capture => return self.capture_asked(),
            Action::Export | Action::SaveTranscript => return self.export(),
            _ => return self.act_in_front(action),
        }
        Vec::new()
    }

    /// Leaves an action to the tab in front.
    fn act_in_front(&mut self, action: Action) -> Vec<Effect> {
        let (effects, prompt) = match self.front {
            Tab::Ping => self.ping.act(action, self.now),
            Tab::Web => self.web.act(action, self.now, self.words()),
            Tab::Mail => self.mail.act(action, self.now),
            Tab::Wire => self.wire.act(action, self.now, self.words()),
        };
        if let Some((purpose, text)) = prompt {
            self.prompt(purpose, text);
        }
        effects
    }

    /// What Enter leads to on the wire: what the open details of a lab are about.
    fn open_subject(&self) -> Option<Subject> {
        match self.front {
            Tab::Ping => self.ping.subject(),
            Tab::Web => self.web.subject(),
            Tab::Mail => self.mail.subject(),
            Tab::Wire => None,
        }
    }

    /// Saves what the tab shows for other programs, or says that there is nothing.
    fn export(&mut self) -> Vec<Effect> {
        let file = match self.front {
            Tab::Ping => self.ping.export(&self.clock),
            Tab::Web => self.web.export(self.clock),
            Tab::Mail => self.mail.export(),
            Tab::Wire => None,
        };
        if file.is_none() {
            self.notify("notice.nothing_to_save", &"");
        }
        file.into_iter().collect()
    }

    /// What an action means while a record is played; `None` if it means what it always does.
    fn act_in_replay(&mut self, action: Action) -> Option<Vec<Effect>> {
        let steps = matches!(action, Action::StepForward | Action::StepBack);
        let control = match action {
            Action::Freeze => Control::Freeze,
            Action::Slower => Control::Slower,
            Action::Faster => Control::Faster,
            _ if steps && self.front == Tab::Wire => {
                if action == Action::StepBack || !self.wire.is_at_newest() {
                    return Some(self.step_on_wire(action));
                }
                self.wire.freeze(None);
                self.act_in_front(Action::Follow);
                Control::Step
            }
            Action::StepForward => Control::Step,
            _ if playback::is_order(action, &self.contexts()) => {
                self.notify("replay.only", &"");
                return Some(Vec::new());
            }
            _ => return None,
        };
        Some(vec![Effect::Playback(control)])
    }

    /// Steps through what was played already, for which the record stands still.
    fn step_on_wire(&mut self, action: Action) -> Vec<Effect> {
        if !self.wire.is_frozen() {
            self.wire.freeze(Some(self.now));
        }
        let mut effects = self.act_in_front(action);
        let plays = |playback: &Playback| playback.motion == Motion::Playing;
        if self.playback.as_ref().is_some_and(plays) {
            effects.push(Effect::Playback(Control::Freeze));
        }
        effects
    }

    /// Takes in where the record stands, and says what has changed about it.
    fn set_playback(&mut self, playback: Playback) {
        match self.playback.replace(playback.clone()) {
            None => {
                self.ping.follow_record();
                self.web.follow_record();
                self.mail.follow_record();
            }
            Some(before) if before.speed != playback.speed => {
                self.notify("replay.speed", &playback.speed);
            }
            Some(before) if before.motion != playback.motion => match playback.motion {
                Motion::Frozen => self.notify("replay.frozen", &""),
                Motion::Ended if playback.ends_before => {
                    self.notify("replay.ends_before", &playback.entries);
                }
                Motion::Ended if playback.damaged > 0 => {
                    self.notify("replay.ended_damaged", &playback.damaged);
                }
                Motion::Ended => self.notify("replay.ended", &playback.entries),
                Motion::Playing => self.wire.freeze(None),
                Motion::Seeking => {}
            },
            Some(_) => {}
        }
    }

    /// Goes to the Wire tab and selects what a row of a lab is about.
    pub fn show_on_wire(&mut self, subject: &Subject) {
        if self.wire.show(subject) {
            self.front = Tab::Wire;
            self.zoomed = false;
        } else {
            self.notify("notice.not_on_wire", &"");
        }
    }

    /// Goes to the tab of a lab and selects the first of these rows that is still there.
    fn show_in_lab(&mut self, subjects: &[Subject]) {
        let shown = subjects.iter().find_map(|subject| {
            let (tab, shown) = match subject {
                Subject::Ping { .. } | Subject::Datagram { .. } => {
                    (Tab::Ping, self.ping.show(subject))
                }
                Subject::Exchange { .. } | Subject::Sender(_) => (Tab::Web, self.web.show(subject)),
                Subject::Sending { .. } | Subject::Session { .. } => {
                    (Tab::Mail, self.mail.show_subject(subject))
                }
            };
            shown.then_some(tab)
        });
        match shown {
            Some(tab) => {
                self.front = tab;
                self.zoomed = false;
            }
            None => self.notify("notice.not_in_lab", &""),
        }
    }

    /// Shows a short message; `value` fills its `%{value}`.
    pub(super) fn notify(&mut self, key: &str, value: &dyn std::fmt::Display) {
        let text = self.words().fill(key, &[("value", value)]);
        self.notice = Some((text, self.here + NOTICE));
    }

    /// Closes what is open, the innermost first.
    fn close(&mut self) -> Vec<Effect> {
        let closed = match self.front {
            Tab::Ping => self.ping.close(),
            Tab::Web => self.web.close(),
            Tab::Mail => self.mail.close(),
            Tab::Wire => self.wire.close(),
        };
        if closed {
            // What was written in a form is kept when it is left.
            return self.mail.save_draft();
        }
        if self.zoomed {
            self.zoomed = false;
        } else if self.frozen_at.is_some() {
            self.freeze();
        }
        Vec::new()
    }

    fn freeze(&mut self) {
        self.frozen_at = match self.frozen_at {
            None => Some(self.now),
            Some(_) => None,
        };
        self.ping.freeze(self.frozen_at);
        self.web.freeze(self.frozen_at);
        self.mail.freeze(self.frozen_at);
        self.wire.freeze(self.frozen_at);
    }

    fn mouse_event(&mut self, event: MouseEvent) -> Vec<Effect> {
        if self.overlay.is_some() {
            return Vec::new();
        }
        let action = match event.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                if let Some(tab) = shell::tab_at(self, event.column, event.row) {
                    self.front = tab;
                    return Vec::new();
                }
                let body = shell::body(self.area);
                let (column, row) = (event.column, event.row);
                match self.front {
                    Tab::Ping => self.ping.click(body, self.zoomed, column, row),
                    Tab::Web => self.web.click(body, self.zoomed, column, row),
                    Tab::Mail => return self.mail.click(body, self.zoomed, column, row),
                    Tab::Wire => wire::click(self, body, column, row),
                }
                return Vec::new();
            }
            MouseEventKind::ScrollUp => Action::Up,
            MouseEventKind::ScrollDown => Action::Down,
            _ => return Vec::new(),
        };
        let scrolls = |context: &Context| {
            matches!(
                context,
                Context::List
                    | Context::WebLog
                    | Context::WebLanes
                    | Context::WebDetail
                    | Context::MailDialogue
                    | Context::MailHeld
                    | Context::MailDetail
                    | Context::MailMailbox
                    | Context::MailMessage
                    | Context::MailFaults
                    | Context::MailBoth
                    | Context::MailWire
                    | Context::WireList
                    | Context::WireLadder
                    | Context::WireBytes
            )
        };
        if self.contexts().iter().any(scrolls) {
            self.act(action)
        } else {
            Vec::new()
        }
    }
}

impl Widget for &mut App {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        shell::render(self, area, buffer);
    }
}
