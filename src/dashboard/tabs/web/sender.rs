//! The request sender: write a request as text, or take a ready-made one, send it anywhere, and read what went out and what came back.
//!
//! Nothing that was typed is lost: a ready-made request that is changed becomes the text of one's own, which keeps its place in the list, and so
//! does a request taken over from the log.

mod transcript;
mod view;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crossterm::event::{Event as Input, KeyCode, KeyEvent};
use tui_input::backend::crossterm::EventHandler;

pub use self::view::draw;

use self::transcript::Transcript;
use crate::dashboard::app::Effect;
use crate::dashboard::keys::Action;
use crate::dashboard::playback::Starts;
use crate::dashboard::tabs::panel::steps_on;
use crate::dashboard::widgets::edit::Shape;
use crate::dashboard::widgets::editor::Editor;
use crate::proto::http::script::{self, Pace, Preset, presets};
use crate::settings::{self, Target};
use crate::trace::web::{SenderEvent, SenderId};
use crate::words::Words;

/// How long an answer is waited for: longer than the server's own limits, so that what it does about a silent connection is seen.
const PATIENCE: Duration = Duration::from_secs(30);
/// Sends whose transcripts are kept.
const TRANSCRIPTS: usize = 16;
const PORT: u16 = 6789;
/// The longest request, in bytes.
const TEXT_LIMIT: usize = 4096;

/// What the pace field goes through.
const PACES: [Pace; 4] = [
    Pace::AtOnce,
    Pace::Lines {
        every: Duration::from_secs(1),
    },
    Pace::Trickle {
        every: Duration::from_millis(100),
    },
    Pace::Silent,
];

/// The fields, in the order of Tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Presets,
    Text,
    Target,
    Pace,
    Transcript,
}

impl Field {
    const ALL: [Field; 5] = [
        Field::Presets,
        Field::Text,
        Field::Target,
        Field::Pace,
        Field::Transcript,
    ];
}

/// Where the text in the editor comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Written here, or taken over from the log.
    Own,
    /// A ready-made request as it is, by its place.
    Preset(usize),
}

pub struct Sender {
    pub open: bool,
    field: Field,
    target: tui_input::Input,
    /// Where our own server is, once that is known.
    own_server: Option<SocketAddr>,
    editor: Editor,
    origin: Origin,
    /// The text of one's own while a ready-made one is in the editor.
    own_text: String,
    pace: Pace,
    /// Why the request was not sent.
    error: Option<String>,
    next_id: SenderId,
    starts: Starts,
    /// The newest last.
    transcripts: VecDeque<Transcript>,
    /// How many transcripts after the one in front.
    back: usize,
    /// Rows of the transcript that are scrolled out at the top; `None` follows its end.
    scroll: Option<usize>,
}

impl Default for Sender {
    fn default() -> Self {
        let mut sender = Self {
            open: false,
            field: Field::Presets,
            target: tui_input::Input::default(),
            own_server: None,
            editor: Editor::new(Shape::Lines, TEXT_LIMIT).scrolled(),
            origin: Origin::Own,
            own_text: String::new(),
            pace: Pace::AtOnce,
            error: None,
            next_id: 0,
            starts: Starts::Here,
            transcripts: VecDeque::new(),
            back: 0,
            scroll: None,
        };
        sender.set_target(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)));
        sender.load(Origin::Preset(0));
        sender
    }
}

impl Sender {
    /// Opens with what was sent under that number in front, if its transcript is kept.
    pub fn show(&mut self, id: SenderId) -> bool {
        let Some(place) = self.transcripts.iter().position(|sent| sent.id == id) else {
            return false;
        };
        self.back = self.transcripts.len() - 1 - place;
        self.scroll = None;
        self.field = Field::Transcript;
        self.open = true;
        true
    }

    /// Our own server is the target unless another one was typed.
    pub fn set_own_server(&mut self, address: SocketAddr) {
        let address = settings::local(address);
        if self.own_server == Some(address) {
            return;
        }
        let is_ours = self
            .own_server
            .is_none_or(|old| self.target.value() == old.to_string());
        self.own_server = Some(address);
        if is_ours {
            self.set_target(address);
            if let Origin::Preset(_) = self.origin {
                self.put(self.origin);
            }
        }
    }

    fn set_target(&mut self, address: SocketAddr) {
        self.target = tui_input::Input::new(address.to_string());
    }

    /// Takes a text over, as one's own, and shows it.
    pub fn edit(&mut self, text: &str) {
        self.own_text = text.to_owned();
        self.put(Origin::Own);
        self.open = true;
        self.field = Field::Text;
    }

    /// Puts a text into the editor. A ready-made one is written for the target of the moment.
    fn load(&mut self, origin: Origin) {
        if self.origin == Origin::Own {
            self.editor.text().clone_into(&mut self.own_text);
        }
        self.put(origin);
    }

    fn put(&mut self, origin: Origin) {
        self.origin = origin;
        self.error = None;
        match origin {
            Origin::Own => self.editor.set_from_start(&self.own_text),
            Origin::Preset(place) => {
                if let Some(preset) = presets().get(place) {
                    self.pace = preset.pace;
                    let script = self.script(preset);
                    self.editor.set_from_start(&script);
                }
            }
        }
    }

    fn script(&self, preset: &Preset) -> String {
        let host = match self.typed_target() {
            Some(target) => script::authority(&target.host, target.port),
            None => self.target.value().to_owned(),
        };
        preset.script(&host)
    }

    /// A host alone means the port of this lab's server, not that of the ping server.
    fn typed_target(&self) -> Option<Target> {
        let text = self.target.value().trim();
        let target = text.parse::<Target>().ok()?;
        let port = if has_port(text) { target.port } else { PORT };
        Some(Target { port, ..target })
    }

    /// Whether something is being sent or waited for.
    pub fn is_busy(&self) -> bool {
        self.open && self.transcripts.iter().any(Transcript::is_going_on)
    }

    /// What happens comes out of a record.
    pub fn follow_record(&mut self) {
        self.starts = Starts::InTheRecord;
    }

    pub fn take(&mut self, id: SenderId, event: SenderEvent) {
        if let SenderEvent::Connected { target, .. } = &event
            && self.starts == Starts::InTheRecord
        {
            let target = Target {
                host: target.ip().to_string(),
                port: target.port(),
            };
            self.transcripts
                .push_back(Transcript::of_record(id, target));
            if self.transcripts.len() > TRANSCRIPTS {
                self.transcripts.pop_front();
            }
        }
        let transcript = self.transcripts.iter_mut().rev().find(|one| one.id == id);
        if let Some(transcript) = transcript {
            transcript.take(event);
        }
    }

    pub fn act(&mut self, action: Action, words: Words) -> Vec<Effect> {
        match action {
            Action::NextPanel => self.field = steps_on(&Field::ALL, self.field, 1),
            Action::PreviousPanel => {
                self.field = steps_on(&Field::ALL, self.field, Field::ALL.len() - 1);
            }
            Action::Send => {
                return self.send(words).unwrap_or_else(|error| {
                    self.error = Some(error);
                    Vec::new()
                });
            }
            Action::StopSending => {
                let going_on = self.front().filter(|front| front.is_going_on());
                return going_on
                    .map(|front| Effect::StopSender { id: front.id })
                    .into_iter()
                    .collect();
            }
            _ => {}
        }
        Vec::new()
    }

    fn send(&mut self, words: Words) -> Result<Vec<Effect>, String> {
        let target = self.typed_target().ok_or_else(|| {
            words.fill("web.sender.bad_target", &[("value", &self.target.value())])
        })?;
        let bytes = script::compile(self.editor.text()).map_err(|error| {
            words.fill(
                error.key(),
                &[("line", &error.line), ("column", &error.column)],
            )
        })?;
        self.error = None;
        let mut effects = Vec::new();
        // Several may go on at once: how else would one see who waits for whom. But none goes on unseen.
        if self.transcripts.len() == TRANSCRIPTS
            && let Some(oldest) = self.transcripts.pop_front()
            && oldest.is_going_on()
        {
            effects.push(Effect::StopSender { id: oldest.id });
        }
        let id = self.next_id;
        self.next_id += 1;
        self.transcripts
            .push_back(Transcript::new(id, target.clone(), &bytes));
        self.back = 0;
        self.scroll = None;
        effects.push(Effect::StartSender {
            id,
            target,
            bytes,
            pace: self.pace,
            patience: PATIENCE,
        });
        Ok(effects)
    }

    pub fn type_key(&mut self, key: &KeyEvent) {
        match self.field {
            Field::Presets => self.choose_with(key.code),
            Field::Text => {
                let before = self.editor.text().to_owned();
                self.editor.handle(key);
                if self.editor.text() != before {
                    self.changed();
                }
            }
            Field::Target => {
                self.target.handle_event(&Input::Key(*key));
                self.retarget();
            }
            Field::Pace => match key.code {
                KeyCode::Left | KeyCode::Up => self.turn_pace(PACES.len() - 1),
                KeyCode::Right | KeyCode::Down | KeyCode::Char(' ') => self.turn_pace(1),
                _ => {}
            },
            Field::Transcript => self.read_with(key.code),
        }
    }

    pub fn paste(&mut self, text: &str) {
        match self.field {
            Field::Target => {
                for c in text.chars().filter(|c| !c.is_control()) {
                    self.target.handle(tui_input::InputRequest::InsertChar(c));
                }
                self.retarget();
            }
            _ => {
                self.field = Field::Text;
                self.editor.paste(text);
                self.changed();
            }
        }
    }

    /// The editor's text is no longer the ready-made one.
    fn changed(&mut self) {
        self.origin = Origin::Own;
        self.error = None;
    }

    /// A ready-made request names its server, so it goes with the target.
    fn retarget(&mut self) {
        self.error = None;
        if let Origin::Preset(_) = self.origin {
            let pace = self.pace;
            self.put(self.origin);
            self.pace = pace;
        }
    }

    fn choose_with(&mut self, key: KeyCode) {
        let count = presets().len();
        // One's own text stands first.
        let place = match self.origin {
            Origin::Own => 0,
            Origin::Preset(place) => place + 1,
        };
        let next = match key {
            KeyCode::Up => place.saturating_sub(1),
            KeyCode::Down => (place + 1).min(count),
            KeyCode::Home => 0,
            KeyCode::End => count,
            KeyCode::Enter => {
                self.field = Field::Text;
                return;
            }
            _ => return,
        };
        if next != place {
            self.load(match next.checked_sub(1) {
                None => Origin::Own,
                Some(place) => Origin::Preset(place),
            });
        }
    }

    /// A ready-made request may bring a pace of its own; then the next is the first of the table.
    fn turn_pace(&mut self, steps: usize) {
        self.pace = match PACES.iter().position(|pace| pace.key() == self.pace.key()) {
            Some(place) => PACES[(place + steps) % PACES.len()],
            None => PACES[0],
        };
    }

    fn read_with(&mut self, key: KeyCode) {
        const PAGE: usize = 10;
        let last = self.transcripts.len().saturating_sub(1);
        match key {
            KeyCode::Left => {
                self.back = (self.back + 1).min(last);
                self.scroll = None;
            }
            KeyCode::Right => {
                self.back = self.back.saturating_sub(1);
                self.scroll = None;
            }
            KeyCode::Up => self.scroll = Some(self.scroll.unwrap_or(usize::MAX).saturating_sub(1)),
            KeyCode::PageUp => {
                self.scroll = Some(self.scroll.unwrap_or(usize::MAX).saturating_sub(PAGE));
            }
            KeyCode::Down => self.scroll = self.scroll.map(|row| row.saturating_add(1)),
            KeyCode::PageDown => self.scroll = self.scroll.map(|row| row.saturating_add(PAGE)),
            KeyCode::Home => self.scroll = Some(0),
            KeyCode::End => self.scroll = None,
            _ => {}
        }
    }

    fn front(&self) -> Option<&Transcript> {
        let place = self.transcripts.len().checked_sub(self.back + 1)?;
        self.transcripts.get(place)
    }
}

/// Whether a target was typed with its port: `host:1`, `[::1]:1`, but not `::1`.
fn has_port(text: &str) -> bool {
    match text.strip_prefix('[') {
        Some(rest) => rest.contains("]:"),
        None => text.matches(':').count() == 1,
    }
}
