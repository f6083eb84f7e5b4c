//! From the rows of one flow to the moments of a ladder: what happens at which end in which row, which arrows go between the rows, and who waits.
//!
//! It stands apart from the drawing because it knows no words and no styles: what stands in which row is decided here, once, and can be tested so.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use super::super::row::{Fate, Flow, Kind, Message, Row, RowId, SAME_BYTES, What, moved};
use crate::dashboard::widgets::ladder::Side;
use crate::trace::event::Ruling;
use crate::trace::wire::{Call, End, SocketEvent};

/// Rows on either side of the selected one that a ladder shows.
pub const AROUND: usize = 250;
/// A pause as long as this gets a row that says so.
const LONG_PAUSE: Duration = Duration::from_millis(500);
/// A message that is no longer on its way than this, and that nothing else meets, is drawn level.
const LEVEL: Duration = Duration::from_millis(1);
/// Who waits no longer than this does not wait.
pub const WAITS: Duration = Duration::from_millis(50);
/// Copies of a message that get a branch each.
const MOST_COPIES: usize = 8;

/// A ladder of one flow, ready to be drawn.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LadderView {
    pub(super) selected: RowId,
    pub(super) flow: Flow,
    pub(super) rungs: Vec<Rung>,
    pub(super) passages: Vec<Passage>,
    pub(super) waits: Vec<Waiting>,
}

/// A row of the ladder.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rung {
    Moment {
        at: Duration,
        left: Option<Box<Called>>,
        right: Option<Box<Called>>,
    },
    /// An arrow is on its way.
    Slope,
    Pause(Duration),
    Note {
        id: RowId,
        text: String,
    },
    LeftOut {
        id: RowId,
        count: u64,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Called {
    pub id: RowId,
    pub name: &'static str,
    /// Bytes that it moved.
    pub moved: Option<u64>,
    pub error: Option<std::sync::Arc<str>>,
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Passage {
    pub id: RowId,
    pub from: Side,
    pub kind: Kind,
    pub fate: Fate,
    pub ruling: Option<Ruling>,
    pub reordered: bool,
    pub damaged: bool,
    pub summary: String,
    /// The way to its first arrival, if both ends of it were seen.
    pub delay: Option<Duration>,
    pub departs: usize,
    pub arrives: Vec<usize>,
}

/// Somebody waits.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Waiting {
    pub side: Side,
    pub since: Duration,
    /// `None` when it is not over.
    pub until: Option<Duration>,
    pub rungs: Range<usize>,
    /// From here an open connection waits for `accept` to take it.
    pub across: bool,
}

impl Waiting {
    /// How long, up to now if it is not over.
    pub fn length(&self, now: Duration) -> Duration {
        self.until.unwrap_or(now).saturating_sub(self.since)
    }
}

impl LadderView {
    /// The ladder of these rows: those of one flow, in order of time, with the calls of the listening socket that belong to no client. Of many rows it
    /// keeps those around the selected one.
    pub fn of<'r>(rows: impl Iterator<Item = &'r Row>, selected: RowId) -> Self {
        let rows = around(rows, selected);
        let mut builder = Builder::default();
        let chosen = rows.iter().find(|row| row.id == selected);
        let named = |row: &&&Row| row.flow.client.is_some() || row.flow.server.is_some();
        builder.view.selected = selected;
        builder.view.flow = chosen
            .filter(|row| row.flow.client.is_some())
            .or_else(|| rows.iter().find(|row| row.flow.client.is_some()))
            .or_else(|| rows.iter().find(named))
            .map_or_else(Flow::default, |row| row.flow);
        for row in &rows {
            builder.take(row);
        }
        // Rows come in order of time but for what came late.
        builder.stops.sort_by_key(|stop| stop.at);
        let calls = builder.stops.len();
        for row in &rows {
            if let What::Message(message) = &row.what {
                builder.message(row, message, calls);
            }
        }
        builder.build()
    }

    /// Whether somebody waits whose wait is not over.
    pub fn is_waiting(&self) -> bool {
        self.waits.iter().any(|waiting| waiting.until.is_none())
    }

    /// The row of the list that a rung shows.
    pub(super) fn row_of(&self, rung: usize) -> Option<RowId> {
        let arrow = || {
            let here =
                |passage: &&Passage| passage.departs == rung || passage.arrives.contains(&rung);
            self.passages.iter().find(here).map(|passage| passage.id)
        };
        match self.rungs.get(rung)? {
            Rung::Note { id, .. } | Rung::LeftOut { id, .. } => Some(*id),
            Rung::Moment { left, right, .. } => {
                arrow().or_else(|| left.as_ref().or(right.as_ref()).map(|call| call.id))
            }
            Rung::Slope | Rung::Pause(_) => None,
        }
    }
}

/// The rows around the selected one; the last ones where it is not among them.
fn around<'r>(rows: impl Iterator<Item = &'r Row>, selected: RowId) -> Vec<&'r Row> {
    let mut kept = VecDeque::with_capacity(2 * AROUND);
    let mut after = None;
    for row in rows {
        match &mut after {
            Some(AROUND) => break,
            Some(count) => *count += 1,
            None if row.id == selected => {
                while kept.len() > AROUND {
                    kept.pop_front();
                }
                after = Some(0);
            }
            None if kept.len() == 2 * AROUND => {
                kept.pop_front();
            }
            None => {}
        }
        kept.push_back(row);
    }
    kept.into()
}

pub(super) const fn side(end: End) -> Side {
    match end {
        End::Client => Side::Left,
        End::Server => Side::Right,
    }
}

const fn other(side: Side) -> Side {
    match side {
        Side::Left => Side::Right,
        Side::Right => Side::Left,
    }
}

/// Something that happens at one end: a call, a message that leaves or comes, or a call that moved a message.
#[derive(Default)]
struct Stop<'r> {
    at: Duration,
    /// `None` for words in the line.
    side: Option<Side>,
    call: Option<(&'r SocketEvent, RowId)>,
    message: Option<(usize, Move)>,
    words: Option<&'r Row>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Move {
    Departs,
    Arrives,
}

#[derive(Default)]
struct Builder<'r> {
    view: LadderView,
    stops: Vec<Stop<'r>>,
    /// The calls with their rungs.
    calls: Vec<(&'r SocketEvent, usize)>,
}

impl<'r> Builder<'r> {
    fn take(&mut self, row: &'r Row) {
        match &row.what {
            What::Call(call) => self.stops.push(Stop {
                at: row.at,
                side: Some(side(call.end)),
                call: Some((call, row.id)),
                ..Stop::default()
            }),
            What::Message(_) => {}
            What::Note(_) | What::LeftOut(_) => self.stops.push(Stop {
                at: row.at,
                words: Some(row),
                ..Stop::default()
            }),
        }
    }

    /// Takes a message in, when all calls are there that may have moved it. So many of the stops are calls, in order of time.
    fn message(&mut self, row: &Row, message: &Message, calls: usize) {
        let departure = message.sent.unwrap_or(row.at);
        let first = message.arrived.first();
        let is_killed = matches!(message.fate, Fate::Killed(_));
        let from = side(message.from);
        let way = message.sent.zip(first).filter(|_| !is_killed);
        let index = self.view.passages.len();
        self.view.passages.push(Passage {
            id: row.id,
            from,
            kind: message.kind,
            fate: message.fate,
            ruling: message.ruling,
            reordered: message.reordered,
            damaged: message.damaged,
            summary: message.summary.clone(),
            // The two ends look at the clock on threads of their own: an arrival that seems no later tells nothing.
            delay: way
                .and_then(|(sent, arrived)| arrived.checked_sub(sent))
                .filter(|delay| !delay.is_zero()),
            departs: 0,
            arrives: Vec::new(),
        });
        let departure_at = self.stops.len();
        let senders = if message.was_never_sent() { 0 } else { calls };
        let departed = self.stop((departure, from), (index, Move::Departs), message, senders);
        // What died on the way gets nowhere, though our server was handed it to judge it.
        if !is_killed {
            for arrival in message.arrived.iter().take(MOST_COPIES) {
                let at = (*arrival).max(departed);
                let arrived = self.stop((at, other(from)), (index, Move::Arrives), message, calls);
                // Of a program that tells nothing we know that it has sent what our call received.
                if let Some(stop) = self.stops.get_mut(departure_at)
                    && stop.message == Some((index, Move::Departs))
                {
                    stop.at = stop.at.min(arrived);
                }
            }
        }
    }

    /// Notes that a message leaves or comes: at the call that moved it if there is one, and tells when that was.
    fn stop(
        &mut self,
        (at, end): (Duration, Side),
        stops: (usize, Move),
        message: &Message,
        calls: usize,
    ) -> Duration {
        let (_, way) = stops;
        let calls = &mut self.stops[..calls];
        let first = calls.partition_point(|stop| stop.at + SAME_BYTES < at);
        let near = calls[first..]
            .iter()
            .zip(first..)
            .take_while(|(stop, _)| stop.at <= at + SAME_BYTES);
        let moved_it = near.filter_map(|(stop, place)| {
            let (call, _) = stop
                .call
                .filter(|_| stop.message.is_none() && stop.side == Some(end))?;
            Some((moved(call, way == Move::Departs, at, message)?, place))
        });
        if let Some((_, place)) = moved_it.min() {
            calls[place].message = Some(stops);
            return calls[place].at;
        }
        self.stops.push(Stop {
            at,
            side: Some(end),
            message: Some(stops),
            ..Stop::default()
        });
        at
    }

    fn build(mut self) -> LadderView {
        let mut stops = std::mem::take(&mut self.stops);
        stops.sort_by_key(|stop| (stop.at, stop.message.map(|(_, way)| way)));
        let mut before: Option<&Stop> = None;
        for stop in &stops {
            let pause = before.map_or(Duration::ZERO, |before| stop.at.saturating_sub(before.at));
            if pause >= LONG_PAUSE {
                self.view.rungs.push(Rung::Pause(pause));
            }
            match (stop.words, stop.side) {
                (Some(row), _) => self.words(row),
                (None, Some(side)) => {
                    let goes_on = match (before.and_then(|before| before.message), stop.message) {
                        (Some((left, Move::Departs)), Some((comes, Move::Arrives))) => {
                            left == comes
                        }
                        _ => false,
                    };
                    self.place(stop, side, goes_on.then_some(pause));
                }
                (None, None) => {}
            }
            before = Some(stop);
        }
        self.waits();
        self.view
    }

    fn words(&mut self, row: &Row) {
        let id = row.id;
        match &row.what {
            What::Note(text) => self.view.rungs.push(Rung::Note {
                id,
                text: text.clone(),
            }),
            What::LeftOut(count) => self.view.rungs.push(Rung::LeftOut { id, count: *count }),
            _ => {}
        }
    }

    /// Gives a stop its rung. `way` is how long the message took that arrives here, if nothing happened in between.
    fn place(&mut self, stop: &Stop<'r>, side: Side, way: Option<Duration>) {
        let is_level = way.is_some_and(|way| way < LEVEL);
        if !is_level {
            // The longer the way the steeper.
            let slopes = match way.unwrap_or_default().as_millis() {
                0..10 => 0,
                10..100 => 1,
                100..500 => 2,
                // The pause is a row already.
                _ => 1,
            };
            self.view.rungs.extend((0..slopes).map(|_| Rung::Slope));
            self.view.rungs.push(Rung::Moment {
                at: stop.at,
                left: None,
                right: None,
            });
        }
        let rung = self.view.rungs.len() - 1;
        if let (Some((call, id)), Some(Rung::Moment { left, right, .. })) =
            (stop.call, self.view.rungs.last_mut())
        {
            let called = Called {
                id,
                name: call.call.name(),
                moved: call.call.payload().map(|payload| payload.length),
                error: call.error.clone(),
            };
            match side {
                Side::Left => *left = Some(Box::new(called)),
                Side::Right => *right = Some(Box::new(called)),
            }
            self.calls.push((call, rung));
        }
        if let Some((index, way)) = stop.message
            && let Some(passage) = self.view.passages.get_mut(index)
        {
            match way {
                Move::Departs => passage.departs = rung,
                Move::Arrives => passage.arrives.push(rung),
            }
        }
    }

    /// Finds out who waits: an open connection for `accept`, and one that was accepted for somebody to read what its client sent.
    fn waits(&mut self) {
        let connected = self.find(End::Client, |call| matches!(call, Call::Connect));
        let accepted = self.find(End::Server, |call| matches!(call, Call::Accept { .. }));
        let read = self.find(End::Server, |call| call.payload().is_some());
        let is_ours = self.calls.iter().any(|(call, _)| call.end == End::Server);
        if read.is_none() && (accepted.is_some() || is_ours && connected.is_some()) {
            // Who waits still has a row to wait in.
            self.view.rungs.push(Rung::Slope);
        }
        let end = self.view.rungs.len();
        if let (Some((since, rung)), true) = (connected, is_ours) {
            let taken = accepted.or(read);
            if taken.is_none_or(|(until, _)| until > since) {
                self.view.waits.push(Waiting {
                    side: Side::Right,
                    since,
                    until: taken.map(|(until, _)| until),
                    rungs: rung..taken.map_or(end, |(_, rung)| rung),
                    across: true,
                });
            }
        }
        let mut sent = self
            .view
            .passages
            .iter()
            .filter(|passage| passage.from == Side::Left);
        let sent = sent.next().map(|passage| passage.departs);
        let at = |rung: usize| match self.view.rungs.get(rung) {
            Some(Rung::Moment { at, .. }) => Some(*at),
            _ => None,
        };
        if let (Some((accepted, rung)), Some((sent, asked))) =
            (accepted, sent.and_then(|rung| Some((at(rung)?, rung))))
        {
            let since = accepted.max(sent);
            if read.is_none_or(|(until, _)| until > since) {
                self.view.waits.push(Waiting {
                    side: Side::Right,
                    since,
                    until: read.map(|(until, _)| until),
                    rungs: rung.max(asked) + 1..read.map_or(end, |(_, rung)| rung),
                    across: false,
                });
            }
        }
    }

    /// When such a call was made at that end for the first time and succeeded, and its rung.
    fn find(&self, end: End, is: impl Fn(&Call) -> bool) -> Option<(Duration, usize)> {
        let mut calls = self.calls.iter();
        let (call, rung) =
            calls.find(|(call, _)| call.end == end && call.error.is_none() && is(&call.call))?;
        Some((call.at, *rung))
    }
}

#[cfg(test)]
mod tests;
