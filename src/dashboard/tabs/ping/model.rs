//! What the Ping tab knows: the server, the targets, and what happened on the time line. Plain data, so that freezing the view is a clone.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::history::{History, ROLLING, ServerWord};
use crate::dashboard::playback::Starts;
use crate::dashboard::tabs::panel::push_bounded;
use crate::proto::link::LinkSettings;
use crate::proto::ping::{PingEvent, PingRecord, sequence_of};
use crate::proto::stats::{Counts, PingStats, Runs, Summary, Window};
use crate::settings;
use crate::trace::event::{
    ClientCounts, EchoCounts, EchoDatagram, EchoEvent, Event, Excerpt, PingerEvent, TargetId,
    Totals,
};
use crate::trace::start_error::StartError;

/// Marks kept on the time line.
const MARKS: usize = 256;
/// Datagrams kept of the server's own list.
const DATAGRAMS: usize = 1_024;
/// Pings whose bytes are kept.
const EXCHANGES: usize = 1_024;
/// Words of the server that came before the ping they speak of.
const EARLY_WORDS: usize = 1_024;
/// Targets of a record that are kept.
const RECORDED_TARGETS: usize = 64;
/// Bars of the RTT histogram.
pub const RTT_BARS: usize = 24;

/// Everything the tab draws.
#[derive(Debug, Clone)]
pub struct PingModel {
    pub server: Server,
    pub targets: Vec<Target>,
    pub marks: VecDeque<Mark>,
    /// Datagrams at the server, newest last, whoever sent them.
    pub datagrams: VecDeque<EchoDatagram>,
    /// Events the screen could not keep up with; the counters have them all the same.
    pub left_out: u64,
    early_words: VecDeque<(SocketAddr, u64, ServerWord)>,
    starts: Starts,
}

/// The echo server as the dashboard sees it.
#[derive(Debug, Clone)]
pub struct Server {
    pub state: ServerState,
    pub link: LinkSettings,
    /// Whether that is how it is set: a record may not tell it, or later.
    pub link_is_known: bool,
    pub seed: Option<u64>,
    pub counts: EchoCounts,
    pub clients: Vec<ClientCounts>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ServerState {
    Starting,
    /// A record is played, and has told nothing of it so far.
    Untold,
    Listening(SocketAddr),
    CannotStart(StartError),
    /// It ran and its socket failed.
    Failed(String),
}

/// One thing that is pinged.
#[derive(Debug, Clone)]
pub struct Target {
    pub id: TargetId,
    /// Host and port as they were asked for.
    pub target: settings::Target,
    pub address: Option<SocketAddr>,
    pub local: Option<SocketAddr>,
    pub state: TargetState,
    pub history: History,
    pub figures: Option<Figures>,
    exchanges: VecDeque<Exchange>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum TargetState {
    Starting,
    Running,
    /// All pings that were asked for are decided.
    Finished,
    Stopped,
    Failed(String),
}

/// The bytes of one ping.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exchange {
    pub seq: u64,
    pub sent: Excerpt,
    pub reply: Option<Excerpt>,
}

/// The statistics of a target at one moment, exact.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    pub counts: Counts,
    pub summary: Summary,
    pub last_rtt: Option<Duration>,
    /// Over the last `ROLLING` decided pings.
    pub window: Option<Window>,
    pub runs: Runs,
    /// Only where it is shown: counting the bars takes longer than all the rest.
    pub rtt_bars: Option<RttBars>,
}

/// A histogram of all RTTs from the shortest to the longest, on a logarithmic axis.
#[derive(Debug, Clone, PartialEq)]
pub struct RttBars {
    pub edges: Vec<Duration>,
    pub counts: Vec<u64>,
}

impl Figures {
    pub fn of(stats: &PingStats) -> Self {
        Self {
            counts: stats.counts(),
            summary: stats.summary(),
            last_rtt: stats.rtt().last(),
            window: stats.loss_window(ROLLING),
            runs: stats.runs(),
            rtt_bars: None,
        }
    }

    /// With the histogram of RTTs.
    pub fn with_bars(stats: &PingStats) -> Self {
        let rtt = stats.rtt();
        let rtt_bars = rtt.min().zip(rtt.max()).map(|(low, high)| {
            use crate::proto::stats::Scale;
            let high = high.max(low + Duration::from_micros(10));
            RttBars {
                edges: Scale::Logarithmic.edges(low, high, RTT_BARS),
                counts: rtt.buckets(Scale::Logarithmic, low, high, RTT_BARS),
            }
        });
        Self {
            rtt_bars,
            ..Self::of(stats)
        }
    }
}

/// A moment worth a line on the charts.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    pub at: Duration,
    pub what: MarkKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MarkKind {
    LinkChanged {
        from: Box<LinkSettings>,
        to: Box<LinkSettings>,
    },
    Note(String),
}

impl PingModel {
    pub fn new(link: LinkSettings) -> Self {
        let server = Server {
            state: ServerState::Starting,
            link,
            link_is_known: true,
            seed: None,
            counts: EchoCounts::default(),
            clients: Vec::new(),
        };
        Self {
            server,
            targets: Vec::new(),
            marks: VecDeque::new(),
            datagrams: VecDeque::new(),
            left_out: 0,
            early_words: VecDeque::new(),
            starts: Starts::Here,
        }
    }

    /// What happens comes out of a record.
    pub fn follow_record(&mut self) {
        self.starts = Starts::InTheRecord;
        self.server.state = ServerState::Untold;
        self.server.link_is_known = false;
    }

    /// Whether what happens comes out of a record, which does not tell how a pinger was set.
    pub fn follows_record(&self) -> bool {
        self.starts == Starts::InTheRecord
    }

    pub fn target_mut(&mut self, id: TargetId) -> Option<&mut Target> {
        self.targets.iter_mut().find(|target| target.id == id)
    }

    /// Whether a target is this program's own server, so that both ends are known.
    pub fn is_own_server(&self, target: &Target) -> bool {
        match (&self.server.state, target.address) {
            (ServerState::Listening(server), Some(address)) => {
                server.port() == address.port()
                    && (server.ip() == address.ip()
                        || server.ip().is_unspecified() && address.ip().is_loopback())
            }
            _ => false,
        }
    }

    /// What our server counted for the pings of a target, when that is whom they go to.
    pub fn dropped(&self, target: &Target) -> Option<Totals> {
        let port = target.local.filter(|_| self.is_own_server(target))?.port();
        let mut clients = self.server.clients.iter();
        clients
            .find(|client| client.address.port() == port)
            .map(|client| client.totals)
    }

    pub fn mark(&mut self, at: Duration, what: MarkKind) {
        // A knob that is turned step by step is one change.
        const ONE_TURN: Duration = Duration::from_millis(1500);
        if let MarkKind::LinkChanged { to, .. } = &what
            && let Some(Mark {
                at: last_at,
                what: MarkKind::LinkChanged { to: last_to, .. },
            }) = self.marks.back_mut()
            && at.saturating_sub(*last_at) < ONE_TURN
        {
            last_to.clone_from(to);
            *last_at = at;
            return;
        }
        push_bounded(&mut self.marks, Mark { at, what }, MARKS);
    }

    /// Takes in what happened.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::Echo(EchoEvent::Listening {
                address,
                seed,
                link,
            }) => {
                self.server.state = ServerState::Listening(address);
                self.server.seed = Some(seed);
                if self.starts == Starts::InTheRecord {
                    self.server.link = *link;
                    self.server.link_is_known = true;
                }
            }
            Event::Echo(EchoEvent::Datagram(datagram)) => self.server_received(datagram),
            Event::Echo(EchoEvent::LinkChanged { at, from, to }) => {
                if self.starts == Starts::InTheRecord {
                    self.server.link.clone_from(&to);
                    self.server.link_is_known = true;
                }
                self.mark(at, MarkKind::LinkChanged { from, to })
            }
            Event::Echo(EchoEvent::Failed { error }) => {
                self.server.state = ServerState::Failed(error)
            }
            Event::Ping { target, event } => self.target_said(target, event),
            Event::Web(_) | Event::Sender { .. } | Event::Mail(_) | Event::Sending { .. } => {}
        }
    }

    fn server_received(&mut self, datagram: EchoDatagram) {
        push_bounded(&mut self.datagrams, datagram, DATAGRAMS);
        let Some(seq) = sequence_of(datagram.payload.bytes()) else {
            return;
        };
        let word = ServerWord {
            ruling: datagram.ruling,
            delay: datagram.delay,
            copies: datagram.copies,
            corrupted: datagram.corrupted,
            held: datagram.held,
        };
        let sender = self.targets.iter_mut().find(|target| {
            target
                .local
                .is_some_and(|local| local.port() == datagram.from.port())
        });
        if !sender.is_some_and(|target| target.history.server_said(seq, word)) {
            push_bounded(
                &mut self.early_words,
                (datagram.from, seq, word),
                EARLY_WORDS,
            );
        }
    }

    /// A pinger of the record has started. One that pings the same address anew takes the place of the one before.
    fn add_recorded(&mut self, id: TargetId, address: SocketAddr) {
        let name = settings::Target {
            host: address.ip().to_string(),
            port: address.port(),
        };
        let fresh = Target::new(id, name);
        let mut targets = self.targets.iter_mut();
        match targets.find(|target| target.address == Some(address)) {
            Some(old) => *old = fresh,
            None => self.targets.push(fresh),
        }
        if self.targets.len() > RECORDED_TARGETS {
            self.targets.remove(0);
        }
    }

    fn target_said(&mut self, id: TargetId, event: PingerEvent) {
        if let PingerEvent::Started { target, .. } = &event
            && self.starts == Starts::InTheRecord
            && self.target_mut(id).is_none()
        {
            self.add_recorded(id, *target);
        }
        let early_words = &mut self.early_words;
        let Some(target) = self.targets.iter_mut().find(|target| target.id == id) else {
            return;
        };
        match event {
            PingerEvent::Started {
                local,
                target: address,
            } => {
                target.local = Some(local);
                target.address = Some(address);
                target.state = TargetState::Running;
            }
            PingerEvent::Failed { error } => target.state = TargetState::Failed(error),
            PingerEvent::Ping(event) => {
                let sent = match &event {
                    PingEvent::Sent { seq, .. } => Some(*seq),
                    _ => None,
                };
                target.take(event);
                // The server's thread may have reported a datagram before the pinger's thread reported that it was sent.
                if let (Some(seq), Some(local)) = (sent, target.local)
                    && let Some(place) = early_words
                        .iter()
                        .position(|(from, early, _)| *early == seq && from.port() == local.port())
                    && let Some((_, _, word)) = early_words.remove(place)
                {
                    target.history.server_said(seq, word);
                }
            }
        }
    }
}

impl Target {
    pub fn new(id: TargetId, target: settings::Target) -> Self {
        Self {
            id,
            target,
            address: None,
            local: None,
            state: TargetState::Starting,
            history: History::default(),
            figures: None,
            exchanges: VecDeque::new(),
        }
    }

    /// The bytes of a recent ping.
    pub fn exchange(&self, seq: u64) -> Option<&Exchange> {
        self.exchanges
            .iter()
            .rev()
            .find(|exchange| exchange.seq == seq)
    }

    fn take(&mut self, event: PingEvent) {
        match event {
            PingEvent::Sent { seq, at, datagram } => {
                let sent = Excerpt::of(&datagram);
                push_bounded(
                    &mut self.exchanges,
                    Exchange {
                        seq,
                        sent,
                        reply: None,
                    },
                    EXCHANGES,
                );
                self.history.sent(PingRecord::in_flight(seq, at));
            }
            PingEvent::Replied { record, reply, .. } => {
                if let Some(exchange) = self
                    .exchanges
                    .iter_mut()
                    .rev()
                    .find(|exchange| exchange.seq == record.seq)
                {
                    exchange.reply = Some(Excerpt::of(&reply));
                }
                self.history.update(record);
            }
            PingEvent::TimedOut { record, .. }
            | PingEvent::Refused { record, .. }
            | PingEvent::Duplicate { record, .. } => {
                self.history.update(record);
            }
            PingEvent::SendFailed { error, .. } => self.state = TargetState::Failed(error),
            PingEvent::Finished if self.state == TargetState::Running => {
                self.state = TargetState::Finished;
            }
            PingEvent::Finished | PingEvent::Settled { .. } | PingEvent::Unsolicited { .. } => {}
        }
    }
}
