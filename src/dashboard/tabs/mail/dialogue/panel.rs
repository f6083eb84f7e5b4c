//! The Dialogue panel: the lines of the sending in front, what it waits for, and the command that is held.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Constraint::{Fill, Length};
use ratatui::layout::{Layout, Position, Rect};
use ratatui::text::{Line, Span};

use super::lines::{self, Telling, expected_text};
use super::{Dialogue, Held, Now, Place, Progress};
use crate::dashboard::keys::{Action, Context};
use crate::dashboard::tabs::mail::detail::Detail;
use crate::dashboard::tabs::mail::model::MailModel;
use crate::dashboard::tabs::mail::step::HeldLine;
use crate::dashboard::tabs::panel::{Scene, Title, frame, say_in_the_middle};
use crate::dashboard::widgets::text::{self, Align};
use crate::trace::escape::escape_hostile;
use crate::trace::mail::SendingId;
use crate::words::{outcome, phrases};

/// How long a password stays readable after the key. Terminals do not tell when a key is let go.
pub const REVEALED: Duration = Duration::from_secs(2);

/// Which lines are seen, which is chosen, and how they are told.
pub struct DialoguePanel {
    /// The sending that the places belong to.
    of: Option<SendingId>,
    pub selected: Option<Place>,
    /// The first line on screen; `None` follows the end.
    top: Option<Place>,
    /// The selection has moved and has to be seen.
    wanted: bool,
    pub explained: bool,
    revealed_until: Option<Duration>,
    /// Passwords are shown in this frame.
    revealed: bool,
    pub held: HeldLine,
    pub detail: Option<Detail>,
    /// Where each line stood in the last frame.
    drawn: Vec<(u16, Place)>,
    inside: Rect,
    /// Parts that were on screen.
    page: usize,
}

impl Default for DialoguePanel {
    fn default() -> Self {
        Self {
            of: None,
            selected: None,
            top: None,
            wanted: false,
            explained: true,
            revealed_until: None,
            revealed: false,
            held: HeldLine::default(),
            detail: None,
            drawn: Vec::new(),
            inside: Rect::ZERO,
            page: 1,
        }
    }
}

impl DialoguePanel {
    /// Shows passwords from now on for a moment.
    pub fn reveal(&mut self, now: Duration) {
        self.revealed_until = Some(now + REVEALED);
    }

    /// Whether passwords are shown in a frame at `now`, whatever time a frozen view stands at.
    pub fn settle_reveal(&mut self, now: Duration) -> bool {
        self.revealed = self.revealed_until.is_some_and(|until| now < until);
        self.revealed
    }

    /// When passwords are hidden again.
    pub fn hides_at(&self, now: Duration) -> Option<Duration> {
        self.revealed_until.filter(|until| now < *until)
    }

    /// Follows the end, and chooses nothing.
    pub fn follow(&mut self) {
        self.selected = None;
        self.top = None;
    }

    /// The sending and the entry whose details are open.
    pub fn open_entry(&self) -> Option<(SendingId, u64)> {
        Some((self.of?, self.detail.as_ref()?.place.entry))
    }

    /// Chooses an entry of a dialogue.
    pub fn select(&mut self, dialogue: &Dialogue, entry: u64) {
        self.belong_to(dialogue);
        self.detail = None;
        self.selected = Some(Place { entry, part: 0 });
        self.hold();
    }

    pub fn contexts(&self, model: &MailModel, contexts: &mut Vec<Context>) {
        let held = model.front().and_then(Dialogue::held).is_some();
        if held && self.held.is_typed_into() {
            contexts.push(Context::MailHeld);
            contexts.push(Context::Open);
            return;
        }
        if held && self.selected.is_none() {
            contexts.push(Context::MailWaiting);
        }
        if self.selected.is_some() || self.top.is_some() {
            contexts.push(Context::Open);
        }
        contexts.push(Context::MailDialogue);
    }

    /// Closes what is open, the innermost first; `false` when nothing was.
    pub fn close(&mut self, model: &MailModel) -> bool {
        if self.detail.take().is_some() {
            return true;
        }
        let held = model.front().and_then(Dialogue::held).is_some();
        if held && self.held.leave() {
            return true;
        }
        let was_open = self.selected.is_some() || self.top.is_some();
        self.follow();
        was_open
    }

    /// Moves the selection, or opens the details of what is selected.
    pub fn act(&mut self, action: Action, model: &MailModel) {
        let Some(dialogue) = model.front() else {
            return;
        };
        self.belong_to(dialogue);
        if let Some(detail) = &mut self.detail {
            match action {
                Action::Left => self.step(Action::Up, dialogue),
                Action::Right => self.step(Action::Down, dialogue),
                _ => {
                    detail.act(action);
                    return;
                }
            }
            if let Some(place) = self.selected {
                self.detail = Some(Detail::of(place));
            }
            return;
        }
        match action {
            // Somebody who steps through a session may press Enter once too often.
            Action::Open if self.selected.is_none() && dialogue.is_going_on() => {}
            Action::Open => {
                let place = self.selected.or_else(|| dialogue.last());
                self.selected = place;
                self.detail = place.map(Detail::of);
            }
            Action::Follow => self.follow(),
            Action::ToggleExplained => {
                self.explained = !self.explained;
                self.wanted = true;
            }
            _ => self.step(action, dialogue),
        }
    }

    /// The places are those of the sending in front.
    fn belong_to(&mut self, dialogue: &Dialogue) {
        if self.of != Some(dialogue.id) {
            self.of = Some(dialogue.id);
            self.detail = None;
            self.follow();
        }
        // What is no longer kept gives way to the oldest that is.
        if let Some(first) = dialogue.first() {
            for place in [&mut self.selected, &mut self.top].into_iter().flatten() {
                *place = (*place).max(first);
            }
        }
    }

    fn step(&mut self, action: Action, dialogue: &Dialogue) {
        let Some(now) = self.selected else {
            self.selected = match action {
                Action::First => dialogue.first(),
                _ => dialogue.last(),
            };
            self.hold();
            return;
        };
        let (steps, back) = match action {
            Action::Up => (1, true),
            Action::PageUp => (self.page.max(1), true),
            Action::Down => (1, false),
            Action::PageDown => (self.page.max(1), false),
            Action::First => {
                self.selected = dialogue.first();
                self.hold();
                return;
            }
            Action::Last => {
                self.selected = dialogue.last();
                self.top = None;
                return;
            }
            _ => return,
        };
        let mut place = now;
        for _ in 0..steps {
            let next = if back {
                dialogue.before(place)
            } else {
                dialogue.after(place)
            };
            match next {
                Some(next) => place = next,
                None => break,
            }
        }
        self.selected = Some(place);
        self.hold();
    }

    /// The view no longer follows the end, and shows the selection.
    fn hold(&mut self) {
        if self.top.is_none() {
            self.top = self.drawn.first().map(|(_, place)| *place);
        }
        self.wanted = true;
    }

    /// A click chooses the line under it.
    pub fn click(&mut self, column: u16, row: u16) {
        if !self.inside.contains((column, row).into()) {
            return;
        }
        let mut drawn = self.drawn.iter().rev();
        if let Some((_, place)) = drawn.find(|(y, _)| *y <= row) {
            self.selected = Some(*place);
            self.hold();
        }
    }

    /// The line that stands for what is going on: the selected one, or the last.
    pub fn in_front(&self, dialogue: &Dialogue) -> Option<Place> {
        self.selected.or_else(|| dialogue.last())
    }

    /// Draws the panel; tells where the terminal's cursor belongs.
    pub fn draw(
        &mut self,
        model: &MailModel,
        focused: bool,
        scene: &Scene,
        area: Rect,
        buffer: &mut Buffer,
    ) -> Option<Position> {
        let (look, words) = (scene.look, scene.look.words);
        let title = Title::new(look, words.t("panel.dialogue").into_owned(), focused);
        self.drawn.clear();
        let Some(dialogue) = model.front() else {
            let inside = frame(title, focused, scene, area, buffer);
            let lines = ["mail.empty.send", "mail.empty.write", "mail.empty.lab"]
                .map(|key| words.t(key).into_owned());
            say_in_the_middle(&lines, scene, inside, buffer);
            return None;
        };
        self.belong_to(dialogue);
        let title = self.title(title, model, dialogue, scene);
        let inside = frame(title, focused, scene, area, buffer);
        let below = self.live_rows(dialogue, focused, scene, inside.width);
        let height = (below.len() as u16).min(inside.height / 2);
        let [list, live] = inside.layout(&Layout::vertical([Fill(1), Length(height)]));
        self.inside = list;
        self.draw_lines(dialogue, scene, list, buffer);
        for (line, y) in below.iter().zip(live.y..live.bottom()) {
            text::draw_line(
                buffer,
                (live.x, y),
                live.width,
                line,
                Align::Left,
                look.glyphs,
            );
        }
        let typed = focused && dialogue.held().is_some() && self.held.is_typed_into();
        if !typed || live.height == 0 {
            return None;
        }
        let column = self.held.cursor_column(usize::from(live.width));
        Some(Position::new(live.x + column, live.bottom() - 1))
    }

    fn title<'a>(
        &self,
        mut title: Title<'a>,
        model: &MailModel,
        dialogue: &Dialogue,
        scene: &Scene<'a>,
    ) -> Title<'a> {
        let (look, words) = (scene.look, scene.look.words);
        let theme = &look.theme;
        let count = model.sendings.len();
        if count > 1 {
            title = title.figure("", &format!("{}/{count}", count - model.back));
        }
        let target = format!("{}:{}", dialogue.plan.host, dialogue.plan.port);
        title = title.figure("", &escape_hostile(&target));
        title = match &dialogue.summary {
            Some(summary) => {
                let sign = look.signs.mail_outcome(&summary.outcome);
                let key = outcome_key(&summary.outcome);
                title.say(
                    format!("{sign} {}", words.t(key)),
                    theme.mail_outcome(&summary.outcome),
                )
            }
            None => title.say(
                format!(
                    "{} {}",
                    look.signs.running(),
                    words.t("mail.state.going_on")
                ),
                theme.accent,
            ),
        };
        if dialogue.forgotten > 0 {
            title = title.say(
                words.fill("list.left_out", &[("count", &dialogue.forgotten)]),
                theme.warning,
            );
        }
        if self.top.is_some() {
            title = title.say(words.t("list.held").into_owned(), theme.dim);
        }
        if self.revealed {
            title = title.say(words.t("mail.state.revealed").into_owned(), theme.bad);
        }
        title
    }

    /// Puts as many lines on screen as fit: from the first one that is held, or so that the last is at the bottom.
    fn draw_lines(&mut self, dialogue: &Dialogue, scene: &Scene, area: Rect, buffer: &mut Buffer) {
        let telling = Telling {
            dialogue,
            scene,
            width: usize::from(area.width),
            explained: self.explained,
            revealed: self.revealed,
        };
        let height = usize::from(area.height);
        let mut window = match self.top {
            Some(top) => Window::from(top, height, &telling),
            None => Window::up_to(dialogue.last(), height, &telling),
        };
        if std::mem::take(&mut self.wanted)
            && let Some(selected) = self.selected
            && !window.shows(selected)
        {
            let above = self.top.is_none_or(|top| selected < top);
            window = if above {
                Window::from(selected, height, &telling)
            } else {
                Window::up_to(Some(selected), height, &telling)
            };
            self.top = window.parts.first().map(|part| part.place);
        }
        // Nothing is left empty at the bottom while there is more above.
        if self.top.is_some() && window.rows() < height {
            window = Window::up_to(dialogue.last(), height, &telling);
        }
        self.page = window.parts.len().saturating_sub(1).max(1);
        let mut y = area.y;
        for part in &window.parts {
            self.drawn.push((y, part.place));
            for line in part.lines.iter().skip(part.cut) {
                if y >= area.bottom() {
                    break;
                }
                text::draw_line(
                    buffer,
                    (area.x, y),
                    area.width,
                    line,
                    Align::Left,
                    scene.look.glyphs,
                );
                if self.selected == Some(part.place) {
                    buffer.set_style(
                        Rect::new(area.x, y, area.width, 1),
                        scene.look.theme.selected,
                    );
                }
                y += 1;
            }
        }
    }

    /// What the sending waits for, in rows at the bottom; the last one is the held command.
    fn live_rows(
        &mut self,
        dialogue: &Dialogue,
        focused: bool,
        scene: &Scene,
        width: u16,
    ) -> Vec<Line<'static>> {
        let mut rows = Vec::new();
        if let Some(progress) = dialogue.progress {
            rows.push(progress_line(progress, width, scene));
        }
        match &dialogue.now {
            Now::Working => {}
            Now::Awaiting { stage, until, .. } => {
                let look = scene.look;
                let left = until.saturating_sub(scene.now);
                let text = look.words.fill(
                    "mail.live.awaiting",
                    &[
                        ("stage", &outcome::stage(*stage, look.words)),
                        ("left", &countdown(left)),
                    ],
                );
                rows.push(Line::styled(format!(" {text}"), look.theme.warning));
            }
            Now::Retrying { until, recipients } => {
                let look = scene.look;
                let text = look.words.fill(
                    "mail.live.retrying",
                    &[
                        ("count", &recipients.len()),
                        ("left", &countdown(until.saturating_sub(scene.now))),
                    ],
                );
                rows.push(Line::styled(format!(" {text}"), look.theme.warning));
            }
            Now::Held(held) => {
                self.held.settle(dialogue.times_held, &held.line);
                rows.extend(self.held_rows(held, focused, scene, width));
            }
        }
        rows
    }

    fn held_rows(
        &self,
        held: &Held,
        focused: bool,
        scene: &Scene,
        width: u16,
    ) -> Vec<Line<'static>> {
        let (look, words) = (scene.look, scene.look.words);
        let theme = &look.theme;
        let mut about = Line::styled(
            format!(
                " {} ",
                words.fill(
                    "mail.live.held",
                    &[("stage", &outcome::stage(held.stage, words))],
                )
            ),
            theme.accent,
        );
        if !held.expected.is_empty() {
            about.push_span(Span::styled(expected_text(&held.expected, look), theme.dim));
        }
        let revealed = self.revealed;
        let shown = self.held.shown(&held.line, revealed, usize::from(width));
        let style = if focused && self.held.is_typed_into() {
            theme.strong.patch(theme.selected)
        } else {
            theme.strong
        };
        let line = Line::from(vec![
            Span::styled(
                format!("{}", look.signs.selected()),
                if focused { theme.accent } else { theme.dim },
            ),
            Span::styled(
                text::fit(
                    &shown,
                    usize::from(width).saturating_sub(1),
                    Align::Left,
                    look.glyphs,
                ),
                style,
            ),
        ]);
        vec![about, line]
    }
}

/// The parts on screen.
struct Window {
    parts: Vec<Shown>,
}

struct Shown {
    place: Place,
    lines: Vec<Line<'static>>,
    /// Rows that are cut off at the top.
    cut: usize,
}

impl Shown {
    fn of(place: Place, telling: &Telling) -> Option<Self> {
        let entry = telling.dialogue.entry(place.entry)?;
        Some(Self {
            place,
            lines: lines::lines(entry, place.part, telling),
            cut: 0,
        })
    }
}

impl Window {
    /// From a part on downwards.
    fn from(top: Place, height: usize, telling: &Telling) -> Self {
        let mut parts = Vec::new();
        let mut rows = 0;
        let mut next = Some(top);
        while let Some(place) = next.filter(|_| rows < height) {
            let Some(part) = Shown::of(place, telling) else {
                break;
            };
            rows += part.lines.len();
            parts.push(part);
            next = telling.dialogue.after(place);
        }
        Self { parts }
    }

    /// Up to a part, whose last row is the last on screen.
    fn up_to(bottom: Option<Place>, height: usize, telling: &Telling) -> Self {
        let mut parts = Vec::new();
        let mut rows = 0;
        let mut next = bottom;
        while let Some(place) = next.filter(|_| rows < height) {
            let Some(mut part) = Shown::of(place, telling) else {
                break;
            };
            rows += part.lines.len();
            part.cut = rows.saturating_sub(height);
            parts.push(part);
            next = telling.dialogue.before(place);
        }
        parts.reverse();
        Self { parts }
    }

    fn rows(&self) -> usize {
        self.parts
            .iter()
            .map(|part| part.lines.len() - part.cut)
            .sum()
    }

    /// Whether a part is on screen from its first row on.
    fn shows(&self, place: Place) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| part.place == place && part.cut == 0)
    }
}

/// What the end of a sending is called in a title.
fn outcome_key(outcome: &crate::trace::mail::Outcome) -> &'static str {
    use crate::trace::mail::Outcome;
    match outcome {
        Outcome::Sent => "mail.state.sent",
        Outcome::PartlySent => "mail.state.partly_sent",
        Outcome::Refused => "mail.state.refused",
        Outcome::LoginRefused => "mail.state.login_refused",
        Outcome::Stopped => "mail.state.stopped",
        Outcome::Failed(_) => "mail.state.failed",
        Outcome::Unknown => "mail.state.unknown",
    }
}

/// Minutes and seconds that are left: `4:59`; below ten seconds with tenths.
fn countdown(left: Duration) -> String {
    let seconds = left.as_secs();
    if seconds < 10 {
        return format!("{:.1} s", left.as_secs_f64());
    }
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// A bar of how much of the message is out.
fn progress_line(progress: Progress, width: u16, scene: &Scene) -> Line<'static> {
    let look = scene.look;
    let share = match progress.total {
        0 => 0.0,
        total => (progress.sent as f64 / total as f64).clamp(0.0, 1.0),
    };
    let figures = format!(
        " {:>3.0} %  {} / {}",
        share * 100.0,
        phrases::size(progress.sent),
        phrases::size(progress.total)
    );
    let room = usize::from(width).saturating_sub(text::width(&figures) + 2);
    let full = ((room as f64 * share) as usize).min(room);
    let (on, off) = look.signs.bar();
    Line::from(vec![
        Span::raw(" "),
        Span::styled(on.to_string().repeat(full), look.theme.good),
        Span::styled(off.to_string().repeat(room - full), look.theme.dim),
        Span::styled(figures, look.theme.strong),
    ])
}
