//! The figures of the Ping tab out of events: what the echo server and the pingers counted, counted again.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use crate::dashboard::tabs::ping::Figures;
use crate::net::echo::CLIENTS;
use crate::proto::stats::PingStats;
use crate::trace::event::{
    ClientCounts, EchoCounts, EchoDatagram, EchoEvent, PingerEvent, TargetId, Totals,
};

/// Pingers whose statistics are kept: the newest.
const PINGERS: usize = 64;

/// What a record told of the echo server and the pingers so far.
pub struct PingFigures {
    clock_step: Duration,
    pingers: BTreeMap<TargetId, PingStats>,
    listens: bool,
    counts: EchoCounts,
    clients: HashMap<SocketAddr, ClientCounts>,
}

impl PingFigures {
    /// `clock_step` is the smallest step of the clock that stamped the pings.
    pub fn new(clock_step: Duration) -> Self {
        Self {
            clock_step,
            pingers: BTreeMap::new(),
            listens: false,
            counts: EchoCounts::default(),
            clients: HashMap::new(),
        }
    }

    pub fn echo(&mut self, event: &EchoEvent) {
        match event {
            EchoEvent::Listening { .. } => {
                self.listens = true;
                self.start_over();
            }
            EchoEvent::Datagram(datagram) => self.datagram(datagram),
            EchoEvent::LinkChanged { .. } | EchoEvent::Failed { .. } => {}
        }
    }

    fn start_over(&mut self) {
        self.counts = EchoCounts::default();
        self.clients.clear();
    }

    fn datagram(&mut self, datagram: &EchoDatagram) {
        self.listens = true;
        if datagram.n == 1 {
            // A server that starts over counts from 1 again, and says it in no other way.
            self.start_over();
        }
        self.counts.totals.count(&datagram.ruling);
        self.counts.copies += u64::from(datagram.copies);
        if self.clients.len() >= CLIENTS && !self.clients.contains_key(&datagram.from) {
            let oldest = self.clients.values().min_by_key(|client| client.last_seen);
            if let Some(address) = oldest.map(|client| client.address) {
                self.clients.remove(&address);
                self.counts.clients_forgotten += 1;
            }
        }
        let client = self.clients.entry(datagram.from).or_insert(ClientCounts {
            address: datagram.from,
            totals: Totals::default(),
            last_seen: datagram.at,
        });
        client.totals.count(&datagram.ruling);
        client.last_seen = datagram.at;
    }

    pub fn pinger(&mut self, id: TargetId, event: &PingerEvent) {
        let stats = self
            .pingers
            .entry(id)
            .or_insert_with(|| PingStats::new(self.clock_step));
        if let PingerEvent::Ping(event) = event {
            event.count(stats);
        }
        if self.pingers.len() > PINGERS {
            self.pingers.pop_first();
        }
    }

    /// The counters of the echo server and of its clients, the latest seen first.
    pub fn echo_counts(&self) -> Option<(EchoCounts, Vec<ClientCounts>)> {
        self.listens.then(|| {
            let mut clients: Vec<ClientCounts> = self.clients.values().copied().collect();
            clients.sort_by_key(|client| std::cmp::Reverse(client.last_seen));
            (self.counts, clients)
        })
    }

    pub fn targets(&self, figures: impl Fn(&PingStats) -> Figures) -> Vec<(TargetId, Figures)> {
        let pingers = self.pingers.iter();
        pingers.map(|(id, stats)| (*id, figures(stats))).collect()
    }
}
