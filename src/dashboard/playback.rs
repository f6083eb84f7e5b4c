//! Playing a record, as the dashboard sees it: where it stands, what a person can ask of it, and what the labs would do but a record can't.
//!
//! It stands apart because all of the frame has to do with it: the bar says where the record stands on every tab, and keys that would change a lab
//! change nothing.

use std::time::Duration;

use ratatui::text::{Line, Span};

use super::app::Look;
use super::keys::{Action, Context};
use super::widgets::text;
use crate::settings::replay::Speed;

/// What a person asks of a record that is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Stands still, or goes on.
    Freeze,
    /// Stands still, one entry further.
    Step,
    Slower,
    Faster,
}

/// Where pingers, requests and sendings are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Starts {
    /// Here: whoever starts one makes the place where its events go.
    #[default]
    Here,
    /// In the session that was recorded: the place is made when the first of its events comes.
    InTheRecord,
}

/// Whether the record goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    Playing,
    /// What lies before the place to begin at is read.
    Seeking,
    Frozen,
    /// All of it was played.
    Ended,
}

/// Where a record stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Playback {
    /// The name of its file, escaped.
    pub file: String,
    /// Time since its first entry.
    pub position: Duration,
    /// From its first entry to its last, where that is known.
    pub length: Option<Duration>,
    pub speed: Speed,
    pub motion: Motion,
    /// It ended before the place at which playing was to begin.
    pub ends_before: bool,
    /// Entries that were played.
    pub entries: u64,
    /// Lines of the file that could not be read, so far.
    pub damaged: u64,
}

impl Playback {
    /// How far it goes on until the bar says something else; no less than a second passes meanwhile.
    pub fn tick(&self) -> Duration {
        match self.speed {
            Speed::Times(times) => Duration::from_secs_f64(times.max(1.0)),
            Speed::Max => Duration::from_secs(1),
        }
    }

    /// Whether the bar says the same of both.
    pub fn looks_like(&self, other: &Self) -> bool {
        self.position.as_secs() == other.position.as_secs()
            && (self.length, self.speed, self.motion, self.damaged)
                == (other.length, other.speed, other.motion, other.damaged)
    }

    /// What the bar says of it, in `room` columns: as much as there is room for.
    pub fn mark(&self, look: &Look, room: usize) -> Line<'static> {
        let sign = look.signs.motion(self.motion);
        let word = look.words.t("replay.replay");
        let position = hours(self.position);
        let length = self.length.map_or_else(|| "-".to_owned(), hours);
        let file = &self.file;
        let speed = format!("×{}", self.speed);
        let damaged = match self.damaged {
            0 => String::new(),
            count => format!(
                " {}",
                look.words.fill("replay.damaged", &[("count", &count)])
            ),
        };
        let forms = [
            format!(" {sign} {word} {file} {position} / {length} {speed}{damaged} "),
            format!(" {sign} {word} {position} / {length} {speed}{damaged} "),
            format!(" {sign} {word} {position} / {length} {speed} "),
            format!(" {sign} {word} {position} {speed} "),
            format!(" {sign} {word} {position} "),
            format!(" {sign} {word} "),
        ];
        let fits = |form: &String| text::width(form) <= room;
        let form = forms.into_iter().find(fits).unwrap_or_default();
        let style = look.theme.warning.patch(look.theme.selected);
        Line::from(Span::styled(form, style))
    }
}

/// A length of time as `00:01:23`.
fn hours(time: Duration) -> String {
    let seconds = time.as_secs();
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Whether an action would change what the labs do: nothing that a record can follow.
pub fn is_order(action: Action, contexts: &[Context]) -> bool {
    let knobs = [Context::Link, Context::WebServer];
    let on_knobs = contexts.iter().any(|context| knobs.contains(context));
    let on_faults = contexts.contains(&Context::MailFaults);
    match action {
        Action::LossUp
        | Action::LossDown
        | Action::NextLossModel
        | Action::StartStop
        | Action::CycleCount
        | Action::StartOver
        | Action::AddTarget
        | Action::RemoveTarget
        | Action::Retry
        | Action::FreePort
        | Action::ToggleMode
        | Action::DelayMore
        | Action::DelayLess
        | Action::ForcePath
        | Action::Send
        | Action::StopSending
        | Action::ToggleStepping
        | Action::SendHeld
        | Action::EditHeld
        | Action::SendRaw
        | Action::QuitPolitely
        | Action::DropConnection
        | Action::RetryNow
        | Action::Confirm => true,
        Action::NextPreset => contexts.contains(&Context::PingTab),
        Action::Left | Action::Right => on_knobs,
        Action::Open => on_knobs || on_faults,
        _ => false,
    }
}
