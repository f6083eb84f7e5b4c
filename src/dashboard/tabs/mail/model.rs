//! What the Mail tab knows: the lab's server and what it reported, and every sending. Plain data, so that freezing the view is a clone.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::both::Sessions;
use super::dialogue::Dialogue;
use crate::dashboard::playback::Starts;
use crate::dashboard::tabs::panel::push_bounded;
use crate::proto::smtp::fault::Fault;
use crate::proto::smtp::server::EndOfData;
use crate::trace::mail::{Arrived, MailEvent, MailReport, SendingEvent, SendingId};
use crate::trace::start_error::StartError;

/// Sendings whose dialogues are kept.
pub const SENDINGS: usize = 16;
/// Messages that arrived lately, for the strip.
const ARRIVED: usize = 32;

#[derive(Debug, Clone)]
pub struct MailModel {
    pub server: ServerState,
    pub report: MailReport,
    /// What the server does wrong, as it told last.
    pub faults: Vec<Fault>,
    pub end_of_data: EndOfData,
    /// The newest last.
    pub arrived: VecDeque<Arrived>,
    /// The server's sessions, foreign clients' too.
    pub sessions: Sessions,
    /// The newest last.
    pub sendings: VecDeque<Dialogue>,
    /// How many sendings after the one in front.
    pub back: usize,
    /// Events the screen could not keep up with; the counters have them all the same.
    pub left_out: u64,
    starts: Starts,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ServerState {
    Starting,
    /// A record is played, and has told nothing of it so far.
    Untold,
    Listening {
        address: SocketAddr,
        /// Where TLS is spoken from the first byte.
        tls_address: Option<SocketAddr>,
        certificate: Option<PathBuf>,
        /// The Maildir; `None` keeps messages in memory.
        folder: Option<PathBuf>,
    },
    CannotStart(StartError),
    /// It ran and its socket failed.
    Failed(String),
}

impl MailModel {
    pub fn new(faults: Vec<Fault>, end_of_data: EndOfData) -> Self {
        Self {
            server: ServerState::Starting,
            report: MailReport::default(),
            faults,
            end_of_data,
            arrived: VecDeque::new(),
            sessions: Sessions::default(),
            sendings: VecDeque::new(),
            back: 0,
            left_out: 0,
            starts: Starts::Here,
        }
    }

    /// What happens comes out of a record.
    pub fn follow_record(&mut self) {
        self.starts = Starts::InTheRecord;
        self.server = ServerState::Untold;
        self.faults.clear();
        self.end_of_data = EndOfData::Strict;
    }

    /// Takes in what the server reported.
    pub fn take(&mut self, event: MailEvent) {
        match event {
            MailEvent::Listening {
                address,
                tls_address,
                certificate,
                folder,
            } => {
                self.server = ServerState::Listening {
                    address,
                    tls_address,
                    certificate,
                    folder,
                };
            }
            MailEvent::Arrived(arrived) => push_bounded(&mut self.arrived, *arrived, ARRIVED),
            MailEvent::Faulty {
                faults,
                end_of_data,
                ..
            } => {
                self.faults = faults;
                self.end_of_data = end_of_data;
            }
            MailEvent::Failed { error } => self.server = ServerState::Failed(error),
            MailEvent::Opened { .. }
            | MailEvent::Spoken { .. }
            | MailEvent::Secured { .. }
            | MailEvent::Dropped { .. }
            | MailEvent::Closed { .. } => self.sessions.take(event),
        }
    }

    /// Takes in what a sending reported.
    pub fn take_sending(&mut self, id: SendingId, event: SendingEvent) {
        if let SendingEvent::Connecting { host, port, .. } = &event
            && self.starts == Starts::InTheRecord
            && self.sendings.iter().all(|sending| sending.id != id)
            && let Some(dialogue) = Dialogue::of_record(id, host.clone(), *port)
        {
            self.begin(dialogue);
        }
        let sending = self.sendings.iter_mut().rev().find(|one| one.id == id);
        if let Some(sending) = sending {
            sending.take(event);
        }
    }

    /// Another sending begins, and is in front.
    pub fn begin(&mut self, dialogue: Dialogue) {
        push_bounded(&mut self.sendings, dialogue, SENDINGS);
        self.back = 0;
    }

    /// The command that was held has been let go.
    pub fn let_go(&mut self) {
        if let Some(place) = self.sendings.len().checked_sub(self.back + 1)
            && let Some(front) = self.sendings.get_mut(place)
        {
            front.let_go();
        }
    }

    /// The sending in front.
    pub fn front(&self) -> Option<&Dialogue> {
        let place = self.sendings.len().checked_sub(self.back + 1)?;
        self.sendings.get(place)
    }

    /// Whether time is shown running: a wait, or a message on its way.
    pub fn counts_down(&self) -> bool {
        self.sendings.iter().any(Dialogue::counts_down)
    }

    pub fn has_failed(&self) -> bool {
        matches!(
            self.server,
            ServerState::CannotStart(_) | ServerState::Failed(_)
        )
    }
}
