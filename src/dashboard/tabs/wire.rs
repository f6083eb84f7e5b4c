//! The Wire tab: every socket call and every message of all labs on one time line, as a list, as a ladder between the two ends, and down to the
//! bytes. State and update stand here; what it knows is in `log`, what makes one message of two reports in `join`, how it looks in `view`.
//!
//! While the view is frozen everything is kept all the same; only what came later is not shown, until somebody steps on to it.

mod bytes;
mod fields;
mod filter;
mod join;
mod ladder;
mod list;
mod log;
mod navigate;
mod row;
mod view;

use std::time::Duration;

use ratatui::layout::Rect;

pub use self::view::{HELP_SECTIONS, click, help, render};

use self::bytes::BytesPane;
use self::filter::{Filter, Sieve};
use self::join::Join;
use self::log::Log;
use self::row::{Flow, Row, What};
use crate::dashboard::app::{Effect, Purpose};
use crate::dashboard::keys::{Action, Context};
use crate::dashboard::tabs::panel::steps_on;
use crate::dashboard::widgets::list::{ListState, Order};
use crate::trace::event::Event;
use crate::trace::recorder::Item;
use crate::trace::wire::SocketEvent;
use crate::words::Words;

/// Bytes that the tab keeps, if nothing else is asked for.
pub const MEMORY: usize = 64 << 20;
/// Calls and messages that the tab keeps, if nothing else is asked for.
pub const EVENTS: usize = 200_000;

/// What the Wire tab is started with.
#[derive(Debug, Clone, Copy)]
pub struct WireSetup {
    /// Bytes that calls and messages may take; the oldest go first.
    pub memory: usize,
    /// How many of them there may be.
    pub events: usize,
}

impl Default for WireSetup {
    fn default() -> Self {
        Self {
            memory: MEMORY,
            events: EVENTS,
        }
    }
}

/// The panels, in the order of Tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Panel {
    List,
    Ladder,
    Bytes,
}

impl Panel {
    const ALL: [Panel; 3] = [Panel::List, Panel::Ladder, Panel::Bytes];
}

/// How the list writes times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    OfDay,
    SinceBeginning,
    SincePrevious,
}

impl Times {
    const ALL: [Times; 3] = [Times::OfDay, Times::SinceBeginning, Times::SincePrevious];

    /// The message key of its title.
    fn title(self) -> &'static str {
        match self {
            Times::OfDay => "wire.times.of_day",
            Times::SinceBeginning => "wire.times.since_beginning",
            Times::SincePrevious => "wire.times.since_previous",
        }
    }
}

/// The state of the tab.
pub struct WireTab {
    log: Log,
    join: Join,
    /// Calls and reports that the screen could not keep up with.
    left_out: u64,
    /// The list knows its rows by where they stand, see `log::Key`.
    list: ListState,
    /// Where the rows of the list stood in the last frame.
    list_at: Rect,
    panel: Panel,
    /// What stands under the list where there is no room for both.
    below: Panel,
    times: Times,
    bytes: BytesPane,
    frozen_at: Option<Duration>,
    now: Duration,
}

impl WireTab {
    pub fn new(setup: WireSetup) -> Self {
        Self {
            log: Log::new(setup.events, setup.memory),
            join: Join::default(),
            left_out: 0,
            list: ListState::new(Order::NewestLast),
            list_at: Rect::ZERO,
            panel: Panel::List,
            below: Panel::Ladder,
            times: Times::OfDay,
            bytes: BytesPane::default(),
            frozen_at: None,
            now: Duration::ZERO,
        }
    }

    /// Takes in what the labs reported, before their tabs do.
    pub fn take(&mut self, events: &[Event], left_out: u64) {
        self.keep_selection(|tab| {
            for event in events {
                tab.log.keep_event(event);
                tab.join.take(event, &mut tab.log);
            }
            if left_out > 0 {
                tab.join.gap();
                tab.leave_out(left_out);
            }
        });
    }

    /// Takes in what the labs did with their sockets.
    pub fn take_calls(&mut self, calls: Vec<SocketEvent>, left_out: u64) {
        self.keep_selection(|tab| {
            for call in calls {
                tab.join.take_call(call, &mut tab.log);
            }
            tab.leave_out(left_out);
        });
    }

    /// Counts what was left out, where it was left out.
    fn leave_out(&mut self, left_out: u64) {
        if left_out == 0 {
            return;
        }
        self.left_out += left_out;
        let newest = self.log.newest();
        if let Some(row) = newest
            && let What::LeftOut(_) = row.what
        {
            let id = row.id;
            self.log.change(id, |row| {
                if let What::LeftOut(count) = &mut row.what {
                    *count += left_out;
                }
            });
            return;
        }
        let at = newest.map_or(self.now, |row| row.at);
        self.log
            .push(at, None, Flow::default(), What::LeftOut(left_out));
    }

    /// A note in the line of events.
    pub fn note(&mut self, text: String, now: Duration) {
        self.keep_selection(|tab| {
            tab.log.push(now, None, Flow::default(), What::Note(text));
        });
    }

    /// What is kept, for a capture that begins now: the calls, the notes, and the labs' events.
    pub fn held(&self) -> Vec<Item> {
        self.log.held()
    }

    /// The selected row stays selected when it moves: its beginning may be told later than its end.
    fn keep_selection(&mut self, change: impl FnOnce(&mut Self)) {
        let selected = self.selected().map(|row| row.id);
        change(self);
        if let Some(key) = selected.and_then(|id| self.log.key_of(id))
            && self.list.selected() != Some(key)
        {
            self.list.select(key);
        }
    }

    fn selected(&self) -> Option<&Row> {
        self.log.at_key(self.list.selected()?)
    }

    /// The row that the ladder and the bytes are about: the selected one, or the newest shown.
    fn front(&self) -> Option<&Row> {
        self.selected()
            .or_else(|| self.log.row(self.log.last()?.id))
    }

    /// The contexts whose keys apply now.
    pub fn contexts(&self, contexts: &mut Vec<Context>) {
        if !self.log.sieve().is_open() {
            contexts.push(Context::Open);
        }
        contexts.push(match self.panel {
            Panel::List => Context::WireList,
            Panel::Ladder => Context::WireLadder,
            Panel::Bytes => Context::WireBytes,
        });
        contexts.push(Context::WireTab);
    }

    /// Carries out an action; may ask for a prompt with a text to begin with.
    pub fn act(
        &mut self,
        action: Action,
        now: Duration,
        _words: Words,
    ) -> (Vec<Effect>, Option<(Purpose, String)>) {
        self.now = now;
        match action {
            Action::NextPanel => self.focus(1),
            Action::PreviousPanel => self.focus(Panel::ALL.len() - 1),
            Action::Follow => self.list.clear(),
            Action::Filter => {
                let filter = self.log.sieve().filter.as_ref();
                let text = filter.map_or("", Filter::text).to_owned();
                return (Vec::new(), Some((Purpose::WireFilter, text)));
            }
            Action::OnlyConnection => self.only_connection(),
            Action::NextLoss => self.seek(navigate::Way::On, Row::is_trouble),
            Action::PreviousLoss => self.seek(navigate::Way::Back, Row::is_trouble),
            Action::NextMark => self.next_mark(),
            Action::Mark => self.mark(),
            Action::NextTimes => self.times = steps_on(&Times::ALL, self.times, 1),
            Action::ClearLog => self.clear(),
            Action::StepForward => self.step_event(navigate::Way::On),
            Action::StepBack => self.step_event(navigate::Way::Back),
            _ => self.step(action),
        }
        (Vec::new(), None)
    }

    fn focus(&mut self, steps: usize) {
        self.panel = steps_on(&Panel::ALL, self.panel, steps);
        self.show_focused();
    }

    /// Where panels share a place, the focused one gets it.
    fn show_focused(&mut self) {
        if self.panel != Panel::List {
            self.below = self.panel;
        }
    }

    /// Only the connection of the row in front, or all again.
    fn only_connection(&mut self) {
        let sieve = self.log.sieve().clone();
        let only = match sieve.only {
            Some(_) => None,
            None => {
                let flow = self.front().map(|row| row.flow);
                flow.filter(|flow| *flow != Flow::default())
            }
        };
        self.set_sieve(Sieve { only, ..sieve });
    }

    fn set_sieve(&mut self, sieve: Sieve) {
        let front = self.selected().map(|row| row.id);
        self.log.set_sieve(sieve);
        if let Some(key) = front.and_then(|id| self.log.key_of(id)) {
            self.list.select(key);
        }
    }

    fn mark(&mut self) {
        if let Some(id) = self.front().map(|row| row.id) {
            self.log.change(id, |row| row.marked = !row.marked);
        }
    }

    fn clear(&mut self) {
        self.log.clear();
        self.join.forget_rows();
        self.left_out = 0;
        self.list.clear();
    }

    /// Shows only what matches; an error is a sentence for whoever typed it.
    pub fn set_filter(&mut self, text: &str, words: Words) -> Result<(), String> {
        let filter = Filter::parse(text, |number| self.join.client_of(number))
            .map_err(|error| error.say(words))?;
        let only = self.log.sieve().only;
        self.set_sieve(Sieve { filter, only });
        Ok(())
    }

    /// Closes what is open in the tab, the innermost first; tells whether anything was.
    pub fn close(&mut self) -> bool {
        let sieve = self.log.sieve();
        if sieve.is_open() {
            return false;
        }
        // The connection was chosen within what the filter lets through.
        let filter = sieve.filter.clone().filter(|_| sieve.only.is_some());
        self.set_sieve(Sieve { filter, only: None });
        true
    }

    /// Whether nothing newer is there to step to.
    pub fn is_at_newest(&self) -> bool {
        let newest = self.log.newest().and_then(|row| self.log.key_of(row.id));
        let shown = self.list.selected().or(self.log.until());
        shown.is_none() || shown == newest
    }

    pub fn is_frozen(&self) -> bool {
        self.frozen_at.is_some()
    }

    /// Freezes the view as it is, or lets it go on.
    pub fn freeze(&mut self, at: Option<Duration>) {
        self.frozen_at = at;
        let newest = self.log.newest().and_then(|row| self.log.key_of(row.id));
        let until = at.map(|_| newest.unwrap_or(0));
        self.log.set_until(until);
    }

    /// The moment at which the view stands.
    fn view_time(&self, now: Duration) -> Duration {
        self.frozen_at.unwrap_or(now)
    }
}

#[cfg(test)]
mod tests;
