//! Moving about in the Ping tab: panels, charts and lists. It changes what is looked at and never what runs.

use std::time::Duration;

use super::knobs::{self, Knob, Turn};
use super::{LowerView, Panel, PingTab, Scale, charts, leg_of};
use crate::dashboard::app::{Effect, Purpose};
use crate::dashboard::keys::Action;
use crate::dashboard::tabs::panel::{list_move, steps_on};
use crate::dashboard::widgets::list::{ListState, Move, Rows};
use crate::proto::ping::sequence_of;
use crate::trace::wire::Subject;

/// What the time axis can span, shortest first.
const SPANS: [Duration; 13] = {
    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }
    [
        s(5),
        s(10),
        s(20),
        s(30),
        s(60),
        s(120),
        s(300),
        s(900),
        s(3_600),
        s(10_800),
        s(43_200),
        s(86_400),
        s(604_800),
    ]
};
const FIRST_SPAN: usize = 3;

/// Which part of the time line the charts show.
#[derive(Debug, Clone, Copy)]
pub struct Viewport {
    span: usize,
    /// The right edge; `None` moves with the time.
    pub end: Option<Duration>,
    pub cursor: Option<Duration>,
}

impl Viewport {
    pub fn span(self) -> Duration {
        SPANS[self.span]
    }

    /// Back to the newest ping, without a cursor.
    pub fn follow(&mut self) {
        self.end = None;
        self.cursor = None;
    }

    /// Shows a shorter span of time.
    pub fn narrow(&mut self) {
        self.span = self.span.saturating_sub(1);
    }

    /// Shows a longer span of time.
    pub fn widen(&mut self) {
        self.span = (self.span + 1).min(SPANS.len() - 1);
    }

    /// The right edge at `now`.
    pub fn end(self, now: Duration) -> Duration {
        self.end.unwrap_or(now)
    }
}

impl Default for Viewport {
    fn default() -> Self {
        Self {
            span: FIRST_SPAN,
            end: None,
            cursor: None,
        }
    }
}

impl PingTab {
    pub(super) fn focus(&mut self, steps: usize) -> Vec<Effect> {
        self.panel = steps_on(&Panel::ALL, self.panel, steps);
        Vec::new()
    }

    pub(super) fn arrow(&mut self, action: Action) -> Vec<Effect> {
        match (self.panel, action) {
            (Panel::Link, Action::Up | Action::Down) => {
                let step = if action == Action::Up {
                    Knob::ALL.len() - 1
                } else {
                    1
                };
                self.knob = steps_on(&Knob::ALL, self.knob, step);
                Vec::new()
            }
            (Panel::Link, Action::Left) => self.turn(self.leg, self.knob, Turn::Less),
            (Panel::Link, Action::Right) => self.turn(self.leg, self.knob, Turn::More),
            (Panel::Rtt | Panel::Loss, Action::Left) => self.move_cursor(false),
            (Panel::Rtt | Panel::Loss, Action::Right) => self.move_cursor(true),
            (Panel::Lower, Action::Up) => self.step_list(Move::Up),
            (Panel::Lower, Action::Down) => self.step_list(Move::Down),
            _ => Vec::new(),
        }
    }

    pub(super) fn jump(&mut self, action: Action) -> Vec<Effect> {
        if self.panel == Panel::Lower {
            return list_move(action).map_or_else(Vec::new, |step| self.step_list(step));
        }
        let half = self.viewport.span() / 2;
        let now = self.view_time();
        let end = self.viewport.end(now);
        let oldest = self
            .front()
            .and_then(|target| target.history.oldest())
            .unwrap_or(now);
        self.viewport.end = match action {
            Action::PageUp => Some(end.saturating_sub(half).max(oldest)),
            Action::First => Some((oldest + self.viewport.span()).min(now)),
            Action::PageDown if end + half < now => Some(end + half),
            _ => None,
        };
        if action == Action::Last {
            self.viewport.cursor = None;
        }
        Vec::new()
    }

    /// The list that the lower panel shows, and its rows.
    pub(super) fn list(&mut self) -> (&mut ListState, usize) {
        let (pings, datagrams, clients) = {
            let model = self.shown();
            (
                self.front().map_or(0, |target| target.history.len()),
                model.datagrams.len(),
                model.server.clients.len(),
            )
        };
        match self.lower {
            LowerView::Datagrams => (&mut self.datagrams, datagrams),
            LowerView::Clients => (&mut self.clients, clients),
            _ => (&mut self.pings, pings),
        }
    }

    fn step_list(&mut self, step: Move) -> Vec<Effect> {
        let (lower, len) = (self.lower, self.list().1);
        let ids: Vec<u64> = (0..len).map(|row| self.row_id(lower, row)).collect();
        let id = |row: usize| ids[row];
        self.list().0.step(step, Rows { len, id: &id });
        Vec::new()
    }

    /// The id by which a list knows its row; the newest row is row 0.
    pub(super) fn row_id(&self, lower: LowerView, row: usize) -> u64 {
        let model = self.shown();
        match lower {
            LowerView::Datagrams => model
                .datagrams
                .get(model.datagrams.len().saturating_sub(row + 1))
                .map_or(0, |datagram| datagram.n),
            // Clients are few and have no numbers: their place counts from the end.
            LowerView::Clients => (model.server.clients.len() - row) as u64,
            _ => {
                let history = self.front().map(|target| &target.history);
                history
                    .and_then(|history| history.row_at(history.len().saturating_sub(row + 1)))
                    .map_or(0, |row| row.record.seq)
            }
        }
    }

    /// Enter: details of what is selected, or typing the knob's value.
    pub(super) fn open(&mut self) -> Option<(Purpose, String)> {
        match self.panel {
            Panel::Link if self.knob != Knob::Pace => {
                let text = knobs::text(
                    leg_of(&self.live.server.link, self.leg),
                    self.pace,
                    self.knob,
                );
                return Some((Purpose::Knob(self.knob), text));
            }
            Panel::Rtt | Panel::Loss => {
                self.detail = self.ping_under_cursor().or_else(|| self.newest())
            }
            Panel::Lower if self.lower == LowerView::Pings => {
                self.detail = self.pings.selected().or_else(|| self.newest())
            }
            Panel::Lower if self.lower == LowerView::Datagrams => {
                self.detail = self.ping_in_selected_datagram();
            }
            _ => {}
        }
        None
    }

    /// The ping whose details are open.
    pub fn subject(&self) -> Option<Subject> {
        let (target, seq) = (self.front()?.id, self.detail?);
        Some(Subject::Ping { target, seq })
    }

    /// Selects a ping, or a datagram at the server, in its list; tells whether it is still there.
    pub fn show(&mut self, subject: &Subject) -> bool {
        match *subject {
            Subject::Ping { target, seq } => {
                let targets = &self.shown().targets;
                let Some(place) = targets.iter().position(|one| one.id == target) else {
                    return false;
                };
                if targets[place].history.row(seq).is_none() {
                    return false;
                }
                self.front = place;
                self.lower = LowerView::Pings;
                self.pings.select(seq);
            }
            Subject::Datagram { n } => {
                if !self.shown().datagrams.iter().any(|one| one.n == n) {
                    return false;
                }
                self.lower = LowerView::Datagrams;
                self.datagrams.select(n);
            }
            _ => return false,
        }
        self.panel = Panel::Lower;
        self.detail = None;
        true
    }

    /// The ping whose datagram is selected at the server, if it is one of the target in front.
    fn ping_in_selected_datagram(&self) -> Option<u64> {
        let selected = self.datagrams.selected()?;
        let datagram = self
            .shown()
            .datagrams
            .iter()
            .find(|datagram| datagram.n == selected)?;
        let ours = self.front()?.local?.port() == datagram.from.port();
        sequence_of(datagram.payload.bytes()).filter(|_| ours)
    }

    fn newest(&self) -> Option<u64> {
        self.front()
            .and_then(|target| target.history.rows().next_back())
            .map(|row| row.record.seq)
    }

    fn ping_under_cursor(&self) -> Option<u64> {
        let cursor = self.viewport.cursor?;
        self.front()?
            .history
            .nearest(cursor)
            .map(|row| row.record.seq)
    }

    /// Moves the cursor from ping to ping; it starts at the newest, and drags the window along.
    pub(super) fn move_cursor(&mut self, forward: bool) -> Vec<Effect> {
        let next = self.front().and_then(|target| {
            let history = &target.history;
            match self.ping_under_cursor() {
                None => history.rows().next_back(),
                Some(seq) if forward => history.row(seq + 1).or_else(|| history.row(seq)),
                Some(seq) => history
                    .row(seq.saturating_sub(1))
                    .or_else(|| history.row(seq)),
            }
            .map(|row| row.record.sent_at)
        });
        self.set_cursor(next);
        Vec::new()
    }

    pub(super) fn seek_loss(&mut self, forward: bool) -> Vec<Effect> {
        let from = self.ping_under_cursor();
        let found = self
            .front()
            .and_then(|target| target.history.next_loss(from, forward && from.is_some()));
        let found = found.map(|row| (row.record.sent_at, row.record.seq));
        if let Some((at, seq)) = found {
            self.set_cursor(Some(at));
            self.pings.select(seq);
        }
        Vec::new()
    }

    fn set_cursor(&mut self, at: Option<Duration>) {
        let Some(at) = at else { return };
        self.viewport.cursor = Some(at);
        let (now, span) = (self.view_time(), self.viewport.span());
        let end = self.viewport.end(now);
        if at + span < end || at > end {
            self.viewport.end = Some((at + span / 2).min(now));
        } else if self.viewport.end.is_none() {
            // A cursor that is read must not run away with the time.
            self.viewport.end = Some(end);
        }
    }

    pub(super) fn next_scale(&mut self) -> Vec<Effect> {
        self.scale = match self.scale {
            Scale::Automatic => Scale::Clipped,
            Scale::Clipped => Scale::Fixed {
                max: charts::automatic_max(self),
            },
            Scale::Fixed { .. } => Scale::Logarithmic,
            Scale::Logarithmic => Scale::Automatic,
        };
        Vec::new()
    }
}
