//! Moving about in the Web tab: panels, log, lanes and popups. It changes what is looked at and never what runs.

use std::time::Duration;

use ratatui::layout::Rect;

use super::detail::Detail;
use super::log::Sort;
use super::model::WebModel;
use super::{Panel, Popup, RowKey, Under, WebTab, urls, view};
use crate::dashboard::app::{Effect, Purpose};
use crate::dashboard::keys::Action;
use crate::dashboard::tabs::panel::{list_move, steps_on};
use crate::dashboard::tabs::turn::Turn;
use crate::dashboard::tabs::web::knobs::Knob;
use crate::dashboard::widgets::list::{Move, Rows};
use crate::proto::http::service::Mode;
use crate::trace::web::{ConnectionId, ConnectionState, Phase};
use crate::trace::wire::Subject;

/// What the time axis of the lanes can span, in milliseconds, shortest first: from one page's parts to a class's quarter of an hour.
const SPANS_MS: [u64; 16] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000,
    300_000, 900_000,
];
const FIRST_SPAN: usize = 9;

/// Which part of the time line the lanes show.
#[derive(Debug, Clone, Copy)]
pub struct Viewport {
    span: usize,
    /// The right edge; `None` moves with the time.
    pub end: Option<Duration>,
}

impl Default for Viewport {
    fn default() -> Self {
        Self {
            span: FIRST_SPAN,
            end: None,
        }
    }
}

impl Viewport {
    pub fn span(self) -> Duration {
        Duration::from_millis(SPANS_MS[self.span])
    }

    pub fn end(self, now: Duration) -> Duration {
        self.end.unwrap_or(now)
    }

    pub fn follow(&mut self) {
        self.end = None;
    }

    /// A longer or shorter span around the middle of what is shown; one that follows the time keeps its right edge.
    fn zoom(&mut self, turn: Turn) {
        let before = self.span();
        self.span = match turn {
            Turn::Less => self.span.saturating_sub(1),
            Turn::More => (self.span + 1).min(SPANS_MS.len() - 1),
        };
        let after = self.span();
        if let Some(end) = &mut self.end {
            *end = (*end + after / 2).saturating_sub(before / 2);
        }
    }

    /// Shows a stretch of time as large as it fits, in the middle.
    fn fit(&mut self, from: Duration, to: Duration) {
        let length = to.saturating_sub(from);
        // A little room on both sides shows that there is nothing.
        let wanted = length + length / 8;
        let fits = |ms: &u64| Duration::from_millis(*ms) >= wanted;
        self.span = SPANS_MS.iter().position(fits).unwrap_or(SPANS_MS.len() - 1);
        self.end = Some(to + self.span().saturating_sub(length) / 2);
    }

    /// Moves the window so that a stretch of time is inside, if it is not.
    fn show(&mut self, from: Duration, to: Duration, now: Duration) {
        let end = self.end(now);
        let begin = end.saturating_sub(self.span());
        if from < begin || to > end {
            self.end = Some((to + self.span() / 4).max(from + self.span() / 2).min(now));
        }
    }
}

/// Over all ids of requests, so that what is going on stands before what is done; the connection's number is added.
const LIVE: u64 = 1 << 63;
/// In an order other than that of time a row is known by its place, counted down from here.
const FIRST_PLACE: u64 = LIVE - 1;
/// Live rows shown, at least, however small the panel.
const LIVE_ROWS: usize = 2;

impl WebTab {
    pub(super) fn focus(&mut self, steps: usize) -> Vec<Effect> {
        self.panel = steps_on(&Panel::ALL, self.panel, steps);
        self.show_focused();
        Vec::new()
    }

    /// Where panels share a place, the focused one gets it.
    fn show_focused(&mut self) {
        match self.panel {
            Panel::Lanes => self.under = Under::Lanes,
            Panel::Server => self.under = Under::Server,
            Panel::Log | Panel::Counters => {}
        }
    }

    pub(super) fn next_view(&mut self) -> Vec<Effect> {
        self.under = steps_on(&Under::ALL, self.under, 1);
        // The focus does not stay on a panel that may be out of sight.
        if matches!(self.panel, Panel::Lanes | Panel::Server) {
            self.panel = Panel::Log;
        }
        Vec::new()
    }

    pub(super) fn zoom_time(&mut self, turn: Turn) -> Vec<Effect> {
        self.viewport.zoom(turn);
        Vec::new()
    }

    /// Shows the requests that came together with the selected one, or with the last one, as large as they fit: such as all parts of a page.
    pub(super) fn fit_time(&mut self) -> Vec<Effect> {
        if let Some((from, to)) = self.shown().connections.burst(self.lit) {
            self.viewport.fit(from, to);
            self.lanes.clear();
        }
        Vec::new()
    }

    pub(super) fn follow(&mut self) -> Vec<Effect> {
        self.viewport.follow();
        self.selected = None;
        self.lit = None;
        self.list.clear();
        self.lanes.clear();
        Vec::new()
    }

    pub(super) fn step(&mut self, action: Action) -> Vec<Effect> {
        match (self.panel, list_move(action)) {
            (Panel::Log, Some(step)) => self.step_log(step),
            (Panel::Lanes, Some(step)) => self.step_lanes(step),
            (Panel::Server, _) => {
                let steps = match action {
                    Action::Up => Knob::ALL.len() - 1,
                    Action::Down => 1,
                    _ => 0,
                };
                self.knob = steps_on(&Knob::ALL, self.knob, steps);
            }
            (Panel::Log | Panel::Lanes | Panel::Counters, _) => {}
        }
        Vec::new()
    }

    /// Left and right: an earlier or later time, or less and more of a knob.
    pub(super) fn sideways(&mut self, action: Action) -> Vec<Effect> {
        let back = action == Action::Left;
        match self.panel {
            Panel::Server => {
                let turn = if back { Turn::Less } else { Turn::More };
                return self.turn(self.knob, turn);
            }
            Panel::Lanes => {
                let now = self.view_time();
                let (end, step) = (self.viewport.end(now), self.viewport.span() / 4);
                self.viewport.end = if back {
                    Some(end.saturating_sub(step).max(self.viewport.span() / 2))
                } else {
                    Some(end + step).filter(|end| *end < now)
                };
            }
            Panel::Log | Panel::Counters => {}
        }
        Vec::new()
    }

    /// Live rows on screen: those at the front of the line, at most half of the panel, so that there is room for what is done. The newest first.
    pub(super) fn live_rows(&self) -> impl DoubleEndedIterator<Item = &ConnectionState> {
        let model = self.shown();
        let filter = model.log.filter();
        let passing: Vec<&ConnectionState> = model
            .live
            .iter()
            .filter(|state| {
                filter.is_none_or(|filter| filter.matches(&super::table::subject(state)))
            })
            .collect();
        let most = (usize::from(self.list_at.height) / 2).max(LIVE_ROWS);
        let hidden = match self.sort {
            Sort::Time => passing.len().saturating_sub(most),
            // Ranks are for what is done.
            _ => passing.len(),
        };
        passing.into_iter().skip(hidden)
    }

    /// The rows of the log by number: live ones, then those that are done.
    pub(super) fn row_keys(&self) -> LogRows {
        LogRows {
            live: self.live_rows().map(|state| state.connection).collect(),
        }
    }

    pub(super) fn key_at(&self, rows: &LogRows, number: usize) -> Option<RowKey> {
        match rows.live.get(number) {
            Some(connection) => Some(RowKey::Live(*connection)),
            None => {
                let log = &self.shown().log;
                let place = number - rows.live.len();
                log.id_at(self.sort, place).map(RowKey::Done)
            }
        }
    }

    pub(super) fn log_len(&self, rows: &LogRows) -> usize {
        rows.live.len() + self.shown().log.len()
    }

    /// The id by which the list knows its row of that number.
    pub(super) fn list_id(&self, rows: &LogRows, number: usize) -> u64 {
        match self.key_at(rows, number) {
            Some(RowKey::Live(connection)) => LIVE | connection,
            Some(RowKey::Done(_)) if self.sort != Sort::Time => FIRST_PLACE - number as u64,
            Some(RowKey::Done(id)) => id,
            None => 0,
        }
    }

    /// Brings the list's selection in step with ours, which stays with its request: also when the request is done, and in any order.
    pub(super) fn settle_selection(&mut self, rows: &LogRows) {
        if let Some(RowKey::Live(connection)) = self.selected
            && !rows.live.contains(&connection)
            && let Some(row) = self.shown().log.newest_of(connection)
        {
            self.selected = Some(RowKey::Done(row.id));
        }
        let wanted = self.selected.and_then(|key| match key {
            RowKey::Live(connection) if self.sort == Sort::Time => Some(LIVE | connection),
            // What goes on has no rank.
            RowKey::Live(_) => None,
            RowKey::Done(id) if self.sort == Sort::Time => Some(id),
            RowKey::Done(id) => {
                let place = self.shown().log.place_of(self.sort, id)?;
                Some(FIRST_PLACE - place as u64)
            }
        });
        match wanted {
            Some(id) if self.list.selected() != Some(id) => self.list.select(id),
            None if self.list.selected().is_some() => self.list.clear(),
            _ => {}
        }
    }

    /// Reads back what the list has made of its selection.
    pub(super) fn read_selection(&mut self, rows: &LogRows) {
        self.selected = self.list.selected().and_then(|id| match id {
            id if id & LIVE != 0 => Some(RowKey::Live(id & !LIVE)),
            id if self.sort == Sort::Time => Some(RowKey::Done(id)),
            id => {
                let number = usize::try_from(FIRST_PLACE - id).ok()?;
                self.key_at(rows, number)
            }
        });
    }

    fn step_log(&mut self, step: Move) {
        let sort = self.sort;
        self.shown_mut().log.rank(sort);
        let rows = self.row_keys();
        self.settle_selection(&rows);
        let mut list = self.list.clone();
        let id = |number: usize| self.list_id(&rows, number);
        list.step(
            step,
            Rows {
                len: self.log_len(&rows),
                id: &id,
            },
        );
        self.list = list;
        self.read_selection(&rows);
        self.light_selected();
    }

    /// Lights up the connection of the selected row and brings it into the window of the lanes.
    fn light_selected(&mut self) {
        let model = self.shown();
        let (connection, from, to) = match self.selected {
            Some(RowKey::Done(id)) => {
                let Some(row) = model.log.row(id) else { return };
                let timing = row.exchange.timing;
                (row.exchange.connection, timing.arrived, timing.done)
            }
            Some(RowKey::Live(connection)) => (connection, self.view_time(), self.view_time()),
            None => return,
        };
        self.lit = Some(connection);
        self.lanes.select(connection);
        let now = self.view_time();
        self.viewport.show(from, to, now);
    }

    /// The connections that show in the window of the lanes, oldest first.
    pub(super) fn lane_ids(&self) -> Vec<ConnectionId> {
        let now = self.view_time();
        let end = self.viewport.end(now);
        let begin = end.saturating_sub(self.viewport.span());
        self.shown()
            .connections
            .iter()
            .filter(|lane| lane.opened <= end && lane.last(now) >= begin)
            .map(|lane| lane.connection)
            .collect()
    }

    /// The connection that is served while others stand in line.
    pub(super) fn served(&self) -> Option<ConnectionId> {
        let model = self.shown();
        let busy = |phase| !matches!(phase, Phase::InLine | Phase::Closing);
        (model.service.mode == Mode::OneAtATime)
            .then(|| {
                model
                    .connections
                    .iter()
                    .find(|lane| lane.phase().is_some_and(busy))
            })
            .flatten()
            .map(|lane| lane.connection)
    }

    fn step_lanes(&mut self, step: Move) {
        let ids = self.lane_ids();
        let id = |row: usize| ids[row];
        self.lanes.step(
            step,
            Rows {
                len: ids.len(),
                id: &id,
            },
        );
        self.light_lane();
    }

    /// Lights up the selected lane's connection, and selects its newest row in the log.
    fn light_lane(&mut self) {
        self.lit = self.lanes.selected();
        if let Some(key) = self.newest_of_lit() {
            self.selected = Some(key);
        }
    }

    /// What the log has of the connection that is lit up.
    fn newest_of_lit(&self) -> Option<RowKey> {
        let connection = self.lit?;
        if self.live_rows().any(|state| state.connection == connection) {
            return Some(RowKey::Live(connection));
        }
        let row = self.shown().log.newest_of(connection)?;
        Some(RowKey::Done(row.id))
    }

    /// The selected row of the log, or the first when none is.
    pub(super) fn row_in_front(&self) -> Option<RowKey> {
        self.selected.or_else(|| {
            let rows = self.row_keys();
            self.key_at(&rows, 0)
        })
    }

    /// Enter: details of what is selected, or typing the knob's value.
    pub(super) fn enter(&mut self) -> Option<(Purpose, String)> {
        let row = match self.panel {
            Panel::Server if self.knob == Knob::Mode => return None,
            Panel::Server => return Some(self.ask(self.knob)),
            Panel::Log => self.row_in_front(),
            Panel::Lanes => self.newest_of_lit(),
            Panel::Counters => None,
        };
        if let Some(row) = row {
            self.popups.push(Popup::Detail(Detail::of(row)));
        }
        None
    }

    /// The request whose details are open.
    pub fn subject(&self) -> Option<Subject> {
        let Some(Popup::Detail(detail)) = self.popups.last() else {
            return None;
        };
        let model = self.shown();
        let (connection, number) = match detail.row {
            RowKey::Done(id) => {
                let exchange = &model.log.row(id)?.exchange;
                (exchange.connection, exchange.number)
            }
            RowKey::Live(connection) => match model.live_state(connection) {
                Some(state) => (connection, state.requests),
                None => {
                    let exchange = &model.log.newest_of(connection)?.exchange;
                    (connection, exchange.number)
                }
            },
        };
        Some(Subject::Exchange { connection, number })
    }

    /// Selects a request in the log, or opens the sender at what it sent; tells whether it is still there.
    pub fn show(&mut self, subject: &Subject) -> bool {
        let (connection, number) = match *subject {
            Subject::Exchange { connection, number } => (connection, number),
            Subject::Sender(id) => {
                let shown = self.sender.show(id);
                if shown {
                    self.popups.clear();
                }
                return shown;
            }
            _ => return false,
        };
        let find = |model: &WebModel| model.log.find(connection, number);
        let row = match find(self.shown()) {
            Some((id, passes)) => {
                if !passes {
                    self.change_models(|model| model.log.set_filter(None));
                }
                RowKey::Done(id)
            }
            None if self.shown().live_state(connection).is_some() => RowKey::Live(connection),
            None => return false,
        };
        self.popups.clear();
        self.sender.open = false;
        self.panel = Panel::Log;
        self.selected = Some(row);
        self.light_selected();
        true
    }

    pub(super) fn act_in_popup(&mut self, action: Action) -> Vec<Effect> {
        match (self.popups.last_mut(), action) {
            (Some(Popup::Detail(_)), Action::Copy) => return self.copy_curl(),
            (Some(Popup::Detail(_)), Action::Replay) => return self.replay(),
            (Some(Popup::Detail(detail)), action) => detail.act(action),
            (Some(Popup::Urls { selected }), Action::Up) => *selected = selected.saturating_sub(1),
            (Some(Popup::Urls { selected }), Action::Down) => *selected += 1,
            (Some(Popup::Urls { selected }), Action::Copy) => {
                let selected = *selected;
                let all = urls::reachable(&self.live.server);
                if let Some(address) = all.get(selected.min(all.len().saturating_sub(1))) {
                    let url = urls::url(*address);
                    return self.copy(url);
                }
            }
            _ => {}
        }
        Vec::new()
    }

    /// A click focuses the panel under it, and selects the row or lane.
    pub fn click(&mut self, body: Rect, zoomed: bool, column: u16, row: u16) {
        if self.sender.open || !self.popups.is_empty() {
            return;
        }
        if let Some(panel) = view::panel_at(body, zoomed, self, column, row) {
            self.panel = panel;
        }
        let place = (column, row).into();
        let (lanes, shown) = &self.lanes_at;
        if self.panel == Panel::Log && self.list_at.contains(place) {
            self.select_row(usize::from(row - self.list_at.y));
        } else if self.panel == Panel::Lanes
            && lanes.contains(place)
            && let Some(connection) = shown.get(usize::from(row - lanes.y))
        {
            self.lanes.select(*connection);
            self.light_lane();
        }
    }

    /// Selects the row that stands so many rows below the first on screen.
    fn select_row(&mut self, below: usize) {
        let rows = self.row_keys();
        let mut list = self.list.clone();
        let id = |number: usize| self.list_id(&rows, number);
        let height = usize::from(self.list_at.height);
        let all = Rows {
            len: self.log_len(&rows),
            id: &id,
        };
        let clicked = list.window(all, height).nth(below);
        if let Some(number) = clicked {
            list.select(self.list_id(&rows, number));
            self.list = list;
            self.read_selection(&rows);
            self.light_selected();
        }
    }
}

/// The live rows of the log at one moment; behind them stands what is done.
pub struct LogRows {
    live: Vec<ConnectionId>,
}
