//! The Wire tab: every socket call and every message of all labs on one time line, as a list, as a ladder between the two ends, and down to the
//! bytes.

#[cfg_attr(not(test), expect(dead_code, reason = "the tab is being built"))]
mod bytes;
mod fields;
#[cfg_attr(not(test), expect(dead_code, reason = "the tab is being built"))]
mod ladder;
#[expect(dead_code, reason = "the tab is being built")]
mod row;

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::dashboard::app::{App, Effect, Look, Purpose};
use crate::dashboard::keys::{Action, Context};
use crate::trace::event::Event;
use crate::trace::recorder::Item;
use crate::trace::wire::{SocketEvent, Subject};
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

/// The state of the tab.
pub struct WireTab {
    setup: WireSetup,
}

impl WireTab {
    pub fn new(setup: WireSetup) -> Self {
        Self { setup }
    }

    /// Takes in what the labs reported, before their tabs do.
    pub fn take(&mut self, _events: &[Event], _left_out: u64) {}

    /// Takes in what the labs did with their sockets.
    pub fn take_calls(&mut self, _calls: Vec<SocketEvent>, _left_out: u64) {}

    /// A note in the line of events.
    pub fn note(&mut self, _text: String, _now: Duration) {}

    /// What is kept, for a capture that begins now.
    pub fn held(&self) -> Vec<Item> {
        Vec::new()
    }

    pub fn contexts(&self, contexts: &mut Vec<Context>) {
        contexts.push(Context::WireTab);
    }

    pub fn act(
        &mut self,
        _action: Action,
        _now: Duration,
        _words: Words,
    ) -> (Vec<Effect>, Option<(Purpose, String)>) {
        (Vec::new(), None)
    }

    /// Shows only what matches; an error is a sentence for whoever typed it.
    pub fn set_filter(&mut self, _text: &str, _words: Words) -> Result<(), String> {
        Ok(())
    }

    /// Closes what is open in the tab, the innermost first; tells whether anything was.
    pub fn close(&mut self) -> bool {
        false
    }

    pub fn freeze(&mut self, _at: Option<Duration>) {}

    pub fn click(&mut self, _body: Rect, _zoomed: bool, _column: u16, _row: u16) {}

    /// Selects what a row of a lab is about; tells whether it is still there.
    pub fn show(&mut self, _subject: &Subject) -> bool {
        false
    }

    /// The row of a lab that the selected row is about.
    pub fn subject(&self) -> Option<Subject> {
        None
    }
}

pub fn render(app: &mut App, _look: &Look, _area: Rect, _buffer: &mut Buffer) {
    let _ = app.wire.setup.memory;
}
