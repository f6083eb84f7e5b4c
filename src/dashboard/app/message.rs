//! What reaches the dashboard, and what it wants done: the two sides of [`App::update`](super::App::update). Everything that touches the world stands on
//! the other side of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyEvent, MouseEvent};

use crate::dashboard::capture::{Answer, CaptureFile};
use crate::dashboard::playback::{Control, Playback};
use crate::dashboard::tabs::ping::Figures;
use crate::dashboard::tabs::web::WebReport;
use crate::proto::http::script;
use crate::proto::http::service::Service;
use crate::proto::link::LinkSettings;
use crate::proto::ping::Mode;
use crate::proto::smtp::fault::Fault;
use crate::proto::smtp::plan::{Order, Plan};
use crate::proto::smtp::server::EndOfData;
use crate::settings::Target;
use crate::trace::event::{ClientCounts, EchoCounts, Event, TargetId};
use crate::trace::mail::{MailReport, MessageId, Page, SendingId};
use crate::trace::recorder::Item;
use crate::trace::start_error::StartError;
use crate::trace::web::SenderId;
use crate::trace::wire::SocketEvent;

/// What reaches the dashboard.
#[derive(Debug)]
pub enum Msg {
    Key(KeyEvent),
    Mouse(MouseEvent),
    Paste(String),
    /// What the labs reported, and how many reports the tap left out.
    Events {
        events: Vec<Event>,
        /// Of the Ping tab's reports.
        left_out: u64,
        /// Of the web server's.
        web_left_out: u64,
        /// Of the mail server's.
        mail_left_out: u64,
    },
    /// What the labs did with their sockets, and how many calls were left out.
    Calls {
        calls: Vec<SocketEvent>,
        left_out: u64,
    },
    /// What came of asking for a capture, or for its end.
    Capture(Answer),
    /// Where the record stands that is played.
    Playback(Playback),
    /// What somebody had written into the line of events of a record, and when.
    Notes(Vec<(Duration, String)>),
    /// What was asked for can't be done in a replay.
    OnlyAReplay,
    /// The labs' exact counters, read just before a frame.
    Counters(Counters),
    EchoFailed(StartError),
    PingerFailed {
        target: TargetId,
        error: String,
    },
    WebFailed(StartError),
    MailFailed(StartError),
    /// What the mailbox holds.
    Mailbox(Page),
    /// A message as it is stored, or why it can't be read.
    MessageRead {
        id: MessageId,
        stored: Result<Arc<[u8]>, String>,
    },
    /// Paths that begin with `text`; folders end in a separator.
    Completed {
        text: String,
        paths: Vec<String>,
    },
    /// Where a file was saved, or why it was not.
    Saved(Result<PathBuf, String>),
    /// A second has passed that something on screen waits for.
    Tick,
}

/// Counters that the labs keep beside their data paths.
#[derive(Debug, Default)]
pub struct Counters {
    pub echo: Option<(EchoCounts, Vec<ClientCounts>)>,
    pub targets: Vec<(TargetId, Figures)>,
    pub web: Option<Box<WebReport>>,
    pub mail: Option<MailReport>,
    /// The files that are being written.
    pub capture: Option<Vec<CaptureFile>>,
}

/// What the dashboard wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Quit,
    SetMouse(bool),
    /// Starts the echo server, at the address of the settings or at any free port.
    StartEcho {
        any_port: bool,
    },
    SetLink(LinkSettings),
    /// The echo server forgets its clients and counters and begins its seed's verdicts anew.
    StartEchoOver,
    StartPinger {
        id: TargetId,
        target: Target,
        mode: Mode,
        timeout: Duration,
        count: Option<u64>,
        /// Length of the datagrams, where it is more than the text needs.
        size: usize,
    },
    SetPace {
        id: TargetId,
        mode: Mode,
        timeout: Duration,
    },
    /// Sends nothing more, but sees what is in flight decided.
    FinishPinger {
        id: TargetId,
    },
    StopPinger {
        id: TargetId,
    },
    /// Starts the web server, at the address of the settings or at any free port.
    StartWeb {
        any_port: bool,
    },
    SetService(Service),
    /// Opens a connection and sends these bytes.
    StartSender {
        id: SenderId,
        target: Target,
        bytes: Vec<u8>,
        pace: script::Pace,
        patience: Duration,
    },
    StopSender {
        id: SenderId,
    },
    /// Starts the lab's mail server, at the addresses of the settings or at any free ports.
    StartMail {
        any_port: bool,
    },
    SetFaults(Vec<Fault>),
    SetEndOfData(EndOfData),
    /// Sends mail.
    StartSending {
        id: SendingId,
        plan: Box<Plan>,
    },
    /// Tells a sending what a person wants of it.
    Order {
        id: SendingId,
        order: Order,
    },
    /// Keeps what was written, over a crash and a restart. It never holds a password.
    SaveDraft(String),
    /// Reads the mailbox: all of it, or the messages that hold a text.
    ReadMailbox {
        search: String,
    },
    ReadMessage(MessageId),
    DeleteMessages(Vec<MessageId>),
    /// Writes a file into the folder for saved files, under this name or, if that is taken, one like it.
    SaveFile {
        name: String,
        bytes: Vec<u8>,
    },
    /// Opens a file for what the labs do from now on; a name without a folder belongs into the folder for saved files.
    StartCapture {
        file: PathBuf,
        overwrite: bool,
    },
    /// Writes what was kept from before, then what happened since the file was opened and what will.
    BeginCapture(Vec<Item>),
    StopCapture,
    /// Writes into the line of events.
    Note {
        at: Duration,
        text: String,
    },
    /// Plays a record on, or otherwise.
    Playback(Control),
    /// Looks for paths that begin with this text.
    Complete(String),
    /// Puts a text into the clipboard of whoever sits at the terminal.
    Copy(String),
}

/// What time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Where what is watched stands: in a replay, the place in the record. Both count from the origin of the app's clock.
    pub there: Duration,
    /// Where whoever watches stands: short messages are timed by it.
    pub here: Duration,
}

impl From<Duration> for Now {
    /// What is watched happens now.
    fn from(now: Duration) -> Self {
        Self {
            there: now,
            here: now,
        }
    }
}
