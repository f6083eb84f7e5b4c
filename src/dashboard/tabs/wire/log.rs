//! The rows of the Wire tab, in the order of time, bounded in number and in bytes.
//!
//! It stands apart because rows do not come in the order of time: each lab reports in batches of its own, and what both ends tell of a message comes
//! in two reports. A row that comes late is put where it belongs, and one whose beginning is told later moves there; its id stays the same. Only
//! small entries are moved for that, never rows, and nothing here looks at all rows but a new filter.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::filter::Sieve;
use super::row::{Flow, Row, RowId, What};
use crate::trace::bounded::Weigh;
use crate::trace::event::Event;
use crate::trace::recorder::Item;
use crate::trace::wire::{Call, End, Lab};

/// One part in so many of the memory is for the labs' own events, which a capture wants besides the rows.
const EVENTS_SHARE: usize = 4;
/// What a row costs besides itself: its places in the orders.
const OVERHEAD: usize = 64;
/// Calls on listening sockets that a ladder shows above its connection.
const LISTENING: usize = 64;

/// Where a row stands: nanoseconds since the clock's origin, moved on to the next free one where another row has that moment. No two rows have the
/// same, and they rise from row to row, so that a list can know its rows by them.
pub type Key = u64;

/// A row in one of the orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub key: Key,
    pub id: RowId,
}

#[derive(Debug)]
struct Slot {
    key: Key,
    weight: usize,
    row: Row,
}

/// The rows.
pub struct Log {
    /// By id, from `first`; `None` is no longer kept.
    slots: VecDeque<Option<Slot>>,
    first: RowId,
    order: VecDeque<Entry>,
    flows: HashMap<Flow, VecDeque<Entry>>,
    /// Calls on sockets that listen, which belong to no client.
    listening: VecDeque<RowId>,
    capacity: usize,
    bytes: usize,
    memory: usize,
    /// Rows that went to make room.
    forgotten: u64,
    /// What the labs reported, with the latest time that was known then.
    events: VecDeque<(Duration, Event)>,
    event_bytes: usize,
    event_memory: usize,
    sieve: Sieve,
    /// What the sieve lets through; empty while it lets everything through.
    passing: VecDeque<Entry>,
    /// Nothing later is shown.
    until: Option<Key>,
}

impl Log {
    /// A log of up to `capacity` rows that take up to `memory` bytes.
    pub fn new(capacity: usize, memory: usize) -> Self {
        let event_memory = memory / EVENTS_SHARE;
        Self {
            slots: VecDeque::new(),
            first: 1,
            order: VecDeque::new(),
            flows: HashMap::new(),
            listening: VecDeque::new(),
            capacity: capacity.max(1),
            bytes: 0,
            memory: memory - event_memory,
            forgotten: 0,
            events: VecDeque::new(),
            event_bytes: 0,
            event_memory,
            sieve: Sieve::default(),
            passing: VecDeque::new(),
            until: None,
        }
    }

    /// Puts a row where its time belongs. Where there is no room, the oldest rows go first.
    pub fn push(&mut self, at: Duration, lab: Option<Lab>, flow: Flow, what: What) -> RowId {
        let id = self.first + self.slots.len() as RowId;
        let row = Row {
            id,
            at,
            lab,
            flow,
            what,
            marked: false,
        };
        if row.is_of_a_listener() {
            if self.listening.len() == LISTENING {
                self.listening.pop_front();
            }
            self.listening.push_back(id);
        }
        let weight = weight(&row);
        self.bytes += weight;
        let key = free_key(&self.order, at);
        self.slots.push_back(Some(Slot { key, weight, row }));
        self.link(Entry { key, id });
        self.make_room();
        id
    }

    fn place(&self, id: RowId) -> Option<usize> {
        usize::try_from(id.checked_sub(self.first)?).ok()
    }

    fn slot(&self, id: RowId) -> Option<&Slot> {
        self.slots.get(self.place(id)?)?.as_ref()
    }

    pub fn row(&self, id: RowId) -> Option<&Row> {
        self.slot(id).map(|slot| &slot.row)
    }

    /// Where a row stands now.
    pub fn key_of(&self, id: RowId) -> Option<Key> {
        self.slot(id).map(|slot| slot.key)
    }

    /// The row that stands there.
    pub fn at_key(&self, key: Key) -> Option<&Row> {
        let place = self.order.binary_search_by_key(&key, |entry| entry.key);
        self.row(self.order.get(place.ok()?)?.id)
    }

    /// The newest row, shown or not.
    pub fn newest(&self) -> Option<&Row> {
        self.row(self.order.back()?.id)
    }

    /// The oldest row, shown or not, that is wanted. This looks at every row.
    pub fn find(&self, wanted: impl Fn(&Row) -> bool) -> Option<Entry> {
        let is_it = |entry: &&Entry| self.row(entry.id).is_some_and(&wanted);
        self.order.iter().find(is_it).copied()
    }

    /// Changes a row, which moves if its time does; one that is no longer kept is left alone.
    pub fn change(&mut self, id: RowId, change: impl FnOnce(&mut Row)) {
        let Some(place) = self.place(id) else { return };
        let Some(Some(slot)) = self.slots.get_mut(place) else {
            return;
        };
        let (old, before) = (slot.key, slot.row.at);
        let flow = slot.row.flow;
        change(&mut slot.row);
        slot.row.id = id;
        let weight = weight(&slot.row);
        self.bytes = self.bytes - slot.weight + weight;
        slot.weight = weight;
        let moved = slot.row.at != before;
        let entry = Entry { key: old, id };
        remove(&mut self.passing, entry);
        if moved || slot.row.flow != flow {
            remove(&mut self.order, entry);
            unlink_flow(&mut self.flows, flow, entry);
            let key = match moved {
                true => free_key(&self.order, slot.row.at),
                false => old,
            };
            slot.key = key;
            self.link(Entry { key, id });
        } else {
            self.sift(entry);
        }
        self.make_room();
    }

    /// Enters a row into the orders that it belongs to.
    fn link(&mut self, entry: Entry) {
        insert(&mut self.order, entry);
        if let Some(flow) = self.row(entry.id).map(|row| row.flow) {
            insert(self.flows.entry(flow).or_default(), entry);
        }
        self.sift(entry);
    }

    fn sift(&mut self, entry: Entry) {
        if self.sieve.is_open() {
            return;
        }
        let place = self.place(entry.id);
        let slot = place.and_then(|place| self.slots.get(place)?.as_ref());
        if slot.is_some_and(|slot| self.sieve.lets_through(&slot.row)) {
            insert(&mut self.passing, entry);
        }
    }

    fn make_room(&mut self) {
        while self.order.len() > self.capacity || self.bytes > self.memory {
            let Some(oldest) = self.order.front().copied() else {
                break;
            };
            self.forget(oldest);
        }
        // Times that make no sense must not keep an old id, and with it the places of all later ones.
        while self.slots.len() > 2 * self.capacity {
            match self.slots.front() {
                Some(Some(slot)) => {
                    let entry = Entry {
                        key: slot.key,
                        id: self.first,
                    };
                    self.forget(entry);
                }
                _ => self.trim(),
            }
        }
    }

    fn forget(&mut self, entry: Entry) {
        let place = self.place(entry.id);
        let slot = place.and_then(|place| self.slots.get_mut(place)?.take());
        remove(&mut self.order, entry);
        remove(&mut self.passing, entry);
        if let Some(slot) = slot {
            unlink_flow(&mut self.flows, slot.row.flow, entry);
            self.bytes -= slot.weight;
            self.forgotten += 1;
        }
        self.trim();
    }

    fn trim(&mut self) {
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// Forgets all rows; their ids are not used again.
    pub fn clear(&mut self) {
        self.first += self.slots.len() as RowId;
        self.slots.clear();
        self.order.clear();
        self.flows.clear();
        self.listening.clear();
        self.passing.clear();
        self.events.clear();
        self.until = self.until.map(|_| 0);
        (self.bytes, self.event_bytes, self.forgotten) = (0, 0, 0);
    }

    /// Keeps what a lab reported, for a capture.
    pub fn keep_event(&mut self, event: &Event) {
        let latest = self.events.back().map_or(Duration::ZERO, |(at, _)| *at);
        self.event_bytes += event.weight();
        let at = event.at().unwrap_or(latest);
        self.events.push_back((at, event.clone()));
        while self.event_bytes > self.event_memory || self.events.len() > self.capacity {
            let Some((_, oldest)) = self.events.pop_front() else {
                break;
            };
            self.event_bytes -= oldest.weight();
        }
    }

    /// The calls, the notes and the labs' events that are kept, in the order of time.
    pub fn held(&self) -> Vec<Item> {
        let rows = self.order.iter().filter_map(|entry| {
            let row = self.row(entry.id)?;
            match &row.what {
                What::Call(call) => Some((row.at, Item::Call(call.clone()))),
                What::Note(text) => {
                    let (at, text) = (row.at, text.clone());
                    Some((at, Item::Note { at, text }))
                }
                What::Message(_) | What::LeftOut(_) => None,
            }
        });
        let events = self.events.iter();
        let events = events.map(|(at, event)| (*at, Item::Event(event.clone())));
        let mut all: Vec<(Duration, Item)> = events.chain(rows).collect();
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, item)| item).collect()
    }

    /// Rows kept, whether they are shown or not.
    pub fn kept(&self) -> usize {
        self.order.len()
    }

    /// Rows that went to make room.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub fn sieve(&self) -> &Sieve {
        &self.sieve
    }

    /// Shows only what the sieve lets through. This looks at every row once.
    pub fn set_sieve(&mut self, sieve: Sieve) {
        self.sieve = sieve;
        self.passing.clear();
        if !self.sieve.is_open() {
            let lets = |entry: &&Entry| {
                let row = self.row(entry.id);
                row.is_some_and(|row| self.sieve.lets_through(row))
            };
            self.passing = self.order.iter().filter(lets).copied().collect();
        }
    }

    /// Shows nothing later than that.
    pub fn set_until(&mut self, until: Option<Key>) {
        self.until = until;
    }

    pub fn until(&self) -> Option<Key> {
        self.until
    }

    /// What the sieve lets through, later than what is shown included.
    fn passing(&self) -> &VecDeque<Entry> {
        match self.sieve.is_open() {
            true => &self.order,
            false => &self.passing,
        }
    }

    /// Rows shown.
    pub fn len(&self) -> usize {
        let passing = self.passing();
        match self.until {
            Some(until) => passing.partition_point(|entry| entry.key <= until),
            None => passing.len(),
        }
    }

    /// The row shown at that place, the oldest at 0.
    pub fn shown(&self, place: usize) -> Option<&Row> {
        self.row(self.entry(place)?.id)
    }

    pub fn entry(&self, place: usize) -> Option<Entry> {
        self.passing().get(place).copied()
    }

    /// How many rows that the sieve lets through stand before that key.
    pub fn place_of(&self, key: Key) -> usize {
        self.passing().partition_point(|entry| entry.key < key)
    }

    /// The newest row shown.
    pub fn last(&self) -> Option<Entry> {
        self.entry(self.len().checked_sub(1)?)
    }

    /// Up to `around` rows of a flow on either side of a key, none later than what is shown, in the order of time.
    pub fn flow(&self, flow: Flow, key: Key, around: usize) -> impl Iterator<Item = &Row> {
        let entries = self.flows.get(&flow);
        let range = entries.map_or(0..0, |entries| {
            let place = entries.partition_point(|entry| entry.key < key);
            let end = match self.until {
                Some(until) => entries.partition_point(|entry| entry.key <= until),
                None => entries.len(),
            };
            let last = (place + around).min(end);
            place.saturating_sub(around).min(last)..last
        });
        let entries = entries
            .into_iter()
            .flat_map(move |all| all.range(range.clone()));
        entries.filter_map(|entry| self.row(entry.id))
    }

    /// Up to `around` rows of a flow on either side of a moment, shown or not, in the order of time.
    pub fn near(&self, flow: Flow, at: Duration, around: usize) -> impl Iterator<Item = &Row> {
        let entries = self.flows.get(&flow);
        let range = entries.map_or(0..0, |entries| {
            let place = entries.partition_point(|entry| entry.key < key(at));
            place.saturating_sub(around)..(place + around).min(entries.len())
        });
        let entries = entries
            .into_iter()
            .flat_map(move |all| all.range(range.clone()));
        entries.filter_map(|entry| self.row(entry.id))
    }

    /// The calls that made a lab's server listen at that port: they belong to all its connections.
    pub fn listener(&self, lab: Option<Lab>, port: u16) -> impl Iterator<Item = &Row> {
        let rows = self.listening.iter().filter_map(|id| self.row(*id));
        rows.filter(move |row| {
            let at = row.flow.server.map(|address| address.port());
            row.lab == lab && at == Some(port)
        })
    }
}

impl Row {
    /// Whether it is a call that makes a socket wait for clients.
    fn is_of_a_listener(&self) -> bool {
        let What::Call(call) = &self.what else {
            return false;
        };
        let prepares = matches!(call.call, Call::Socket | Call::Bind | Call::Listen { .. });
        call.end == End::Server && prepares
    }
}

/// About how many bytes a row takes.
fn weight(row: &Row) -> usize {
    let own = match &row.what {
        What::Call(call) => call.weight() - size_of_val(call),
        What::Message(message) => {
            size_of_val(&**message)
                + message.bytes.len()
                + message.summary.len()
                + size_of_val(&*message.arrived)
                + size_of_val(&*message.subjects)
        }
        What::Note(text) => text.len(),
        What::LeftOut(_) => 0,
    };
    size_of::<Slot>() + OVERHEAD + own
}

/// The key of a moment. Half of the range is out of reach of any clock, so there is always a free one behind it.
fn key(at: Duration) -> Key {
    Key::try_from(at.as_nanos())
        .unwrap_or(Key::MAX)
        .min(Key::MAX / 2)
}

/// The first key from `at` on that no row has.
fn free_key(order: &VecDeque<Entry>, at: Duration) -> Key {
    let wanted = key(at);
    let place = order.partition_point(|entry| entry.key < wanted);
    // Keys that follow each other without a gap: their end is found by halving, for they may be many.
    let (mut low, mut high) = (0, order.len() - place);
    while low < high {
        let middle = usize::midpoint(low, high);
        if order[place + middle].key == wanted + middle as Key {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    wanted + low as Key
}

fn insert(order: &mut VecDeque<Entry>, entry: Entry) {
    // Most come in the order of time.
    if order.back().is_none_or(|last| last.key < entry.key) {
        order.push_back(entry);
        return;
    }
    let place = order.partition_point(|other| other.key < entry.key);
    order.insert(place, entry);
}

fn remove(order: &mut VecDeque<Entry>, entry: Entry) {
    if order.front() == Some(&entry) {
        order.pop_front();
    } else if let Ok(place) = order.binary_search_by_key(&entry.key, |other| other.key) {
        order.remove(place);
    }
}

fn unlink_flow(flows: &mut HashMap<Flow, VecDeque<Entry>>, flow: Flow, entry: Entry) {
    if let Some(entries) = flows.get_mut(&flow) {
        remove(entries, entry);
        if entries.is_empty() {
            flows.remove(&flow);
        }
    }
}

#[cfg(test)]
mod tests;
