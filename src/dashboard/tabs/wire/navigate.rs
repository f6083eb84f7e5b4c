//! Moving about in the Wire tab: from row to row, to the next trouble, event by event while the view is frozen, and to the rows of the other tabs and
//! back.

use std::time::Duration;

use ratatui::layout::Rect;

use super::filter::Sieve;
use super::log::{Entry, Key};
use super::row::{Flow, Row, RowId};
use super::{Panel, WireTab, view};
use crate::dashboard::keys::Action;
use crate::dashboard::tabs::panel::{Scene, list_move};
use crate::dashboard::widgets::list::{Move, Rows};
use crate::trace::wire::{Lab, Subject};

/// Rows of a flow on either side of the selected one that the ladder may show, and that are looked at for the row of a call in its lab.
pub const FLOW_ROWS: usize = 256;
/// Rows of a ladder that a page is.
const PAGE: usize = 10;

/// Which way through time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    On,
    Back,
}

impl WireTab {
    /// Moves in the focused panel.
    pub(super) fn step(&mut self, action: Action) {
        match self.panel {
            Panel::List => {
                if let Some(step) = list_move(action) {
                    self.step_list(step);
                }
            }
            Panel::Ladder => self.step_ladder(action),
            Panel::Bytes => {
                self.bytes.act(action);
            }
        }
    }

    fn step_list(&mut self, step: Move) {
        let log = &self.log;
        let id = |place: usize| log.entry(place).map_or(0, |entry| entry.key);
        let len = log.len();
        self.list.step(step, Rows { len, id: &id });
    }

    /// To another row of the same flow, among those that the list shows.
    fn step_ladder(&mut self, action: Action) {
        let Some(front) = self.front() else { return };
        let Some(key) = self.log.key_of(front.id) else {
            return;
        };
        let sieve = self.log.sieve();
        let rows = self.log.flow(front.flow, key, FLOW_ROWS);
        let ids: Vec<RowId> = rows
            .filter(|row| sieve.lets_through(row))
            .map(|row| row.id)
            .collect();
        let (Some(place), Some(last)) = (
            ids.iter().position(|id| *id == front.id),
            ids.len().checked_sub(1),
        ) else {
            return;
        };
        let target = match action {
            Action::Up => place.saturating_sub(1),
            Action::Down => (place + 1).min(last),
            Action::PageUp => place.saturating_sub(PAGE),
            Action::PageDown => (place + PAGE).min(last),
            Action::First => 0,
            Action::Last => last,
            _ => return,
        };
        self.select(ids[target]);
    }

    fn select(&mut self, id: RowId) {
        if let Some(key) = self.log.key_of(id) {
            self.hold(key);
        }
    }

    /// Selects a row, and holds the list where it is seen.
    fn hold(&mut self, key: Key) {
        let log = &self.log;
        let id = |place: usize| log.entry(place).map_or(0, |entry| entry.key);
        let len = log.len();
        self.list.hold(key, Rows { len, id: &id });
    }

    /// The place in the list of the selected row, or behind the last one.
    fn place(&self) -> usize {
        match self.list.selected() {
            Some(key) => self.log.place_of(key),
            None => self.log.len(),
        }
    }

    /// Selects the next row that is wanted; at the end it stays.
    pub(super) fn seek(&mut self, way: Way, wanted: impl Fn(&Row) -> bool) {
        let (from, len) = (self.place(), self.log.len());
        let is_wanted = |place: &usize| self.log.shown(*place).is_some_and(&wanted);
        let found = match way {
            Way::On => (from.saturating_add(1)..len).find(is_wanted),
            Way::Back => (0..from.min(len)).rev().find(is_wanted),
        };
        // With nothing selected, the newest is the first that is looked for either way.
        let found = match (found, self.list.selected()) {
            (None, None) => (0..len).rev().find(is_wanted),
            (found, _) => found,
        };
        if let Some(entry) = found.and_then(|place| self.log.entry(place)) {
            self.hold(entry.key);
        }
    }

    /// The next mark, round and round.
    pub(super) fn next_mark(&mut self) {
        let (from, len) = (self.place(), self.log.len());
        let from = (from + 1).min(len);
        let mut places = (from..len).chain(0..from);
        let marked = |place: &usize| self.log.shown(*place).is_some_and(|row| row.marked);
        if let Some(entry) = places.find(marked).and_then(|place| self.log.entry(place)) {
            self.hold(entry.key);
        }
    }

    /// One event on or back from the selected one, or from the last shown: it becomes the last that is shown. For a view that is frozen.
    pub(super) fn step_event(&mut self, way: Way) {
        let Some(until) = self.log.until() else {
            return;
        };
        let from = self.list.selected().unwrap_or(until);
        let place = self.log.place_of(from);
        let is_there = self.log.entry(place).is_some_and(|entry| entry.key == from);
        let next = match way {
            Way::On => Some(place + usize::from(is_there)),
            Way::Back => place.checked_sub(1),
        };
        if let Some(Entry { key, .. }) = next.and_then(|place| self.log.entry(place)) {
            self.log.set_until(Some(key));
            self.hold(key);
        }
    }

    /// Selects what a row of a lab is about, and shows its bytes; tells whether it is still there.
    pub fn show(&mut self, subject: &Subject) -> bool {
        let Some(Entry { key, id }) = self.find(subject) else {
            return false;
        };
        let sieve = self.log.sieve();
        if self.log.row(id).is_some_and(|row| !sieve.lets_through(row)) {
            self.log.set_sieve(Sieve::default());
        }
        if self.log.until().is_some_and(|until| until < key) {
            self.log.set_until(Some(key));
        }
        self.hold(key);
        self.panel = Panel::Bytes;
        self.show_focused();
        true
    }

    /// The first row of a subject: of what was asked and answered, the question. A connection without any message has its calls.
    fn find(&self, subject: &Subject) -> Option<Entry> {
        let is_it = |row: &Row| {
            let message = row.message();
            message.is_some_and(|message| message.subjects.contains(subject))
        };
        self.log.find(is_it).or_else(|| {
            let client = self.join.client(subject)?;
            self.log.find(|row| row.flow.client == Some(client))
        })
    }

    /// The rows of labs that the selected row is about, the one that says most first. A call is about the message next to it.
    pub fn subjects(&self) -> Vec<Subject> {
        let Some(front) = self.front() else {
            return Vec::new();
        };
        let of = |row: &Row| row.message().map(|message| message.subjects.clone());
        let is_told = |row: &&Row| of(row).is_some_and(|subjects| !subjects.is_empty());
        if is_told(&front) {
            return of(front).unwrap_or_default();
        }
        // Notes and gaps are about nothing.
        let (Some(lab), Some(key)) = (front.lab, self.log.key_of(front.id)) else {
            return Vec::new();
        };
        let rows = self.log.flow(front.flow, key, FLOW_ROWS);
        let apart = |row: &&Row| -> Duration { row.at.abs_diff(front.at) };
        let nearest = rows.filter(is_told).min_by_key(apart);
        nearest.and_then(of).unwrap_or_else(|| {
            let client = front.flow.client.filter(|_| lab == Lab::Web);
            let connection = client.and_then(|client| self.join.connection_of(client));
            Vec::from_iter(connection)
        })
    }

    /// A click focuses the panel under it, and selects the row.
    pub fn click(&mut self, scene: &Scene, body: Rect, column: u16, row: u16) {
        let Some((panel, area)) = view::panel_at(body, scene.zoomed, self, column, row) else {
            return;
        };
        self.panel = panel;
        self.show_focused();
        match panel {
            Panel::List if self.list_at.contains((column, row).into()) => {
                self.select_line(usize::from(row - self.list_at.y));
            }
            Panel::Ladder => {
                if let Some(id) = self.rung_at(scene, area, row) {
                    self.select(id);
                }
            }
            Panel::Bytes => self.bytes.click(column, row),
            Panel::List => {}
        }
    }

    /// Selects the row at that line of the list.
    fn select_line(&mut self, line: usize) {
        let log = &self.log;
        let id = |place: usize| log.entry(place).map_or(0, |entry| entry.key);
        let len = log.len();
        let height = usize::from(self.list_at.height);
        let mut window = self.list.window(Rows { len, id: &id }, height);
        if let Some(entry) = window.nth(line).and_then(|place| log.entry(place)) {
            self.hold(entry.key);
        }
    }

    /// The rows of the ladder: those of the flow in front, with what somebody noted meanwhile, below the calls that made its server listen.
    pub(super) fn ladder_rows(&self) -> Option<(RowId, impl Iterator<Item = &Row>)> {
        let front = self.front()?;
        let of = self.row_with_flow(front);
        let key = self.log.key_of(of.id)?;
        let listens = |row: &&Row| row.id != of.id && row.flow != of.flow;
        let server = of.flow.server.map_or(0, |server| server.port());
        let above = self.log.listener(of.lab, server).filter(listens);
        let mut rows: Vec<&Row> = self.log.flow(of.flow, key, FLOW_ROWS).collect();
        if of.flow != Flow::default() {
            let begins = rows.first().map_or(of.at, |row| row.at).min(front.at);
            let ends = rows.last().map_or(of.at, |row| row.at).max(front.at);
            let noted = self.log.flow(Flow::default(), key, FLOW_ROWS);
            rows.extend(noted.filter(|row| (begins..=ends).contains(&row.at)));
            rows.sort_by_key(|row| row.at);
        }
        Some((front.id, above.chain(rows)))
    }

    /// The row itself or, for a note or a gap, which belong to no flow, the one before it that has one.
    fn row_with_flow<'a>(&'a self, front: &'a Row) -> &'a Row {
        if front.flow != Flow::default() {
            return front;
        }
        let place = self.log.key_of(front.id).map(|key| self.log.place_of(key));
        let before = (0..place.unwrap_or(0)).rev().take(FLOW_ROWS);
        let mut rows = before.filter_map(|place| self.log.shown(place));
        rows.find(|row| row.flow != Flow::default())
            .unwrap_or(front)
    }
}
