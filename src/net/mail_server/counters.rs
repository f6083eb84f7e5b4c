//! What the server counts, exact whatever a screen or printer leaves out.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::proto::smtp::code::Code;
use crate::trace::mail::{MailCounts, SessionId};

/// Written by the server's thread, read by any.
#[derive(Default)]
pub struct Counters {
    sessions: AtomicU64,
    open: AtomicU64,
    commands: AtomicU64,
    by_class: [AtomicU64; 4],
    messages: AtomicU64,
    bytes: AtomicU64,
    refused: AtomicU64,
    faults: AtomicU64,
    turned_away: AtomicU64,
}

impl Counters {
    /// A session begins; tells its number.
    pub fn opened(&self) -> SessionId {
        add(&self.open, 1);
        add(&self.sessions, 1) + 1
    }

    pub fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    pub fn command(&self) {
        add(&self.commands, 1);
    }

    pub fn replied(&self, code: Code) {
        let class = usize::from(code.0 / 100).clamp(2, 5) - 2;
        add(&self.by_class[class], 1);
    }

    pub fn message(&self, bytes: u64) {
        add(&self.messages, 1);
        add(&self.bytes, bytes);
    }

    pub fn refused(&self) {
        add(&self.refused, 1);
    }

    pub fn spoilt(&self) {
        add(&self.faults, 1);
    }

    pub fn turned_away(&self) {
        add(&self.turned_away, 1);
    }

    pub fn read(&self) -> MailCounts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MailCounts {
            sessions: get(&self.sessions),
            open: get(&self.open),
            commands: get(&self.commands),
            by_class: self.by_class.each_ref().map(get),
            messages: get(&self.messages),
            bytes: get(&self.bytes),
            refused: get(&self.refused),
            faults: Some(get(&self.faults)),
            turned_away: get(&self.turned_away),
        }
    }
}

fn add(counter: &AtomicU64, more: u64) -> u64 {
    counter.fetch_add(more, Ordering::Relaxed)
}
