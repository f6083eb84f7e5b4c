//! Playing a record: a source of events and calls like the labs, that opens no socket.
//!
//! What the labs keep beside their data paths (counters, the states of connections, the mailbox) is made again from what was recorded, so that every
//! tab shows what it showed. Time is that of the record: it stands still, jumps, and goes faster or slower than that of the machine.
//!
//! The record is read ahead by a bounded number of entries on a thread of its own; how much is played for a frame is bounded too, so that a key is
//! answered while an hour is read to get to where playing shall begin.

mod ahead;
mod content;
mod filing;
mod mail;
mod ping;
mod playhead;
#[cfg(test)]
mod tests;
mod web;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read as _, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use self::ahead::{Ahead, Next, Read};
use self::filing::Filing;
use self::mail::MailServer;
use self::ping::PingFigures;
use self::playhead::Playhead;
use self::web::WebServer;
use super::{CONNECTIONS, Shown, files};
use crate::dashboard::app::{Counters, Effect, Msg};
use crate::dashboard::capture::CaptureFile;
use crate::dashboard::playback::{Control, Motion, Playback};
use crate::dashboard::tabs::ping::Figures;
use crate::net::os;
use crate::net::recording::{OpenError, Target};
use crate::settings::replay::{From, Replay};
use crate::trace::clock::Clock;
use crate::trace::escape::escape_hostile;
use crate::trace::event::Event;
use crate::trace::record::{Header, NotARecord, Reader, What};
use crate::trace::wire::{End, Lab, SocketEvent};
use crate::words::Words;

/// Entries that are played for a frame, at most.
const FOR_A_FRAME: usize = 10_000;
/// How long playing them may take; a key waits no longer.
const FRAME_TIME: Duration = Duration::from_millis(30);
/// The least time between two looks at what has become due: nobody sees more.
const LEAST_WAIT: Duration = Duration::from_millis(20);
/// Bytes at the end of a file in which the last time is looked for, at first and at most.
const TAIL: (u64, u64) = (256 << 10, 64 << 20);
/// Answers of the disk that may wait.
const ANSWERS: usize = 16;

/// A record that is played.
pub struct Replayer {
    clock: Clock,
    file: String,
    saves: PathBuf,
    ahead: Ahead,
    head: Playhead,
    /// When the first entry was.
    begin: Option<Duration>,
    /// When the last one was, where that is known beforehand.
    end: Option<Duration>,
    /// Where to begin, until that is reached.
    from: Option<From>,
    /// The time of the newest entry that was played.
    played: Duration,
    ended: bool,
    /// It ended before the place at which playing was to begin.
    ends_before: bool,
    entries: u64,
    damaged: u64,
    left_out: u64,
    events: Vec<Event>,
    calls: Vec<SocketEvent>,
    notes: Vec<(Duration, String)>,
    ping: PingFigures,
    web: WebServer,
    mail: MailServer,
    filing: Filing,
    answers_tx: mpsc::Sender<Msg>,
    answers: mpsc::Receiver<Msg>,
}

impl Replayer {
    /// Opens a record. Nothing is played before it is asked for news.
    ///
    /// # Errors
    ///
    /// The file can't be read, or is no record that this program can read.
    pub fn open(replay: &Replay, saves: PathBuf, words: Words) -> Result<Self, NotARecord> {
        let reader = Reader::open(BufReader::new(File::open(&replay.file)?))?;
        let header = reader.header().clone();
        let end = last_time(&replay.file);
        let name = replay.file.file_name().unwrap_or(replay.file.as_os_str());
        let file = escape_hostile(name.to_string_lossy().as_bytes()).into_owned();
        let mut replayer = Self::new(&header, reader, replay, saves, words)?;
        replayer.file = file;
        replayer.end = end;
        Ok(replayer)
    }

    fn new(
        header: &Header,
        entries: impl Iterator<Item = Read> + Send + 'static,
        replay: &Replay,
        saves: PathBuf,
        words: Words,
    ) -> io::Result<Self> {
        let now = Instant::now();
        let clock = Clock::new(now, header.started);
        let (answers_tx, answers) = mpsc::channel(ANSWERS);
        let mut head = Playhead::new(Duration::ZERO, replay.speed);
        head.go(now);
        Ok(Self {
            clock,
            file: String::new(),
            saves: saves.clone(),
            ahead: Ahead::start(entries)?,
            head,
            begin: None,
            end: None,
            from: replay.from,
            played: Duration::ZERO,
            ended: false,
            ends_before: false,
            entries: 0,
            damaged: 0,
            left_out: 0,
            events: Vec::new(),
            calls: Vec::new(),
            notes: Vec::new(),
            ping: PingFigures::new(os::clock_step()),
            web: WebServer::default(),
            mail: MailServer::new(clock, words),
            filing: Filing::new(clock, saves, replay.file.clone(), words),
            answers_tx,
            answers,
        })
    }

    /// Begins files that what is played goes to, before anything is played.
    ///
    /// # Errors
    ///
    /// One can't be begun.
    pub fn start_recording(&mut self, targets: Vec<Target>) -> Result<(), OpenError> {
        self.filing.start(targets)
    }

    /// How far those files are, and others that a key began.
    pub fn recorded(&self) -> Vec<CaptureFile> {
        self.filing.progress().unwrap_or_default()
    }

    /// The clock of the record: its times count from there.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Where the record stands, as time since its clock's origin.
    pub fn position(&self, now: Instant) -> Duration {
        match (self.begin, self.from) {
            (Some(_), None) => {
                let position = self.head.position(now);
                // As fast as possible is as far as was read.
                match position {
                    Duration::MAX => self.played,
                    position => position,
                }
            }
            _ => self.played,
        }
    }

    /// When the record will stand there; `None` while it stands still.
    pub fn instant(&self, at: Duration, now: Instant) -> Option<Instant> {
        let moves = self.begin.is_some() && self.from.is_none();
        let due = moves.then(|| self.head.instant(at, now)).flatten()?;
        // What takes a while at the speed of life may take no time at a thousand times that.
        Some(due.max(now + LEAST_WAIT))
    }

    /// Waits until there is something to play, or to answer.
    pub async fn changed(&mut self) -> Option<Msg> {
        let stands = self.stands();
        tokio::select! {
            answer = self.answers.recv() => answer,
            () = due(&mut self.ahead, &self.head, self.begin, stands, self.from.is_some()) => None,
        }
    }

    /// Whether nothing becomes due, however long one waits.
    fn stands(&self) -> bool {
        self.ended || (self.begin.is_some() && self.from.is_none() && !self.head.moves())
    }

    /// Plays what has become due.
    pub fn advance(&mut self, now: Instant) {
        if self.stands() {
            return;
        }
        let deadline = now + FRAME_TIME;
        for _ in 0..FOR_A_FRAME {
            let (at, is_damaged) = match self.ahead.next() {
                Next::Awaited => return self.wait_here(now),
                Next::End => return self.finish(),
                Next::Line(Ok(entry)) => (entry.at.max(self.played), false),
                Next::Line(Err(_)) => (self.played, true),
            };
            if !is_damaged && self.begin.is_none() {
                self.begin = Some(at);
                self.head.jump(at, now);
            }
            if let Some(wanted) = self.wanted()
                && at >= wanted
                && !is_damaged
            {
                self.from = None;
                self.head.jump(wanted, now);
            }
            if self.from.is_none() && at > self.head.position(now) {
                return;
            }
            self.play();
            if Instant::now() >= deadline {
                break;
            }
        }
        self.wait_here(now);
    }

    /// The moment that playing shall begin at, until it has.
    fn wanted(&self) -> Option<Duration> {
        let begin = self.begin?;
        Some(match self.from? {
            From::Offset(offset) => begin.saturating_add(offset),
            From::TimeOfDay(seconds) => begin + self.clock.until_time_of_day(begin, seconds),
        })
    }

    /// More is due than could be played: the record stands where it was played to, and goes on from there.
    fn wait_here(&mut self, now: Instant) {
        if self.begin.is_some() && self.head.moves() && self.head.position(now) > self.played {
            self.head.jump(self.played, now);
        }
    }

    fn finish(&mut self) {
        self.ended = true;
        self.ends_before = self.from.take().is_some() && self.begin.is_some();
        self.end = self.begin.map(|_| self.played);
        self.head.stand(self.played);
        self.filing.end();
    }

    /// Plays what is next.
    fn play(&mut self) {
        let Some(read) = self.ahead.take() else {
            return;
        };
        let entry = match read {
            Ok(entry) => entry,
            Err(_) => {
                self.damaged += 1;
                return;
            }
        };
        self.entries += 1;
        self.played = self.played.max(entry.at);
        self.filing.take(&entry);
        match entry.what {
            What::Event(event) => {
                self.count(&event);
                self.events.push(event);
            }
            What::Call(call) => {
                if call.end == End::Server {
                    match call.lab {
                        Lab::Ping => {}
                        Lab::Web => self.web.call(&call),
                        Lab::Mail => self.mail.call(&call),
                    }
                }
                self.calls.push(call);
            }
            What::Note(text) => self.notes.push((entry.at, text)),
            What::LeftOut(count) => self.left_out += count,
        }
    }

    fn count(&mut self, event: &Event) {
        match event {
            Event::Echo(event) => self.ping.echo(event),
            Event::Ping { target, event } => self.ping.pinger(*target, event),
            Event::Web(event) => self.web.take(event),
            Event::Mail(event) => self.mail.take(event),
            Event::Sender { .. } | Event::Sending { .. } => {}
        }
    }

    /// Where the record stands.
    pub fn playback(&self, now: Instant) -> Playback {
        let begin = self.begin.unwrap_or_default();
        let since_begin = |at: Duration| at.saturating_sub(begin);
        Playback {
            file: self.file.clone(),
            position: since_begin(self.position(now)),
            length: self.end.map(since_begin),
            speed: self.head.speed(),
            motion: match (self.ended, self.from, self.head.moves()) {
                (true, ..) => Motion::Ended,
                (false, Some(_), _) => Motion::Seeking,
                (false, None, true) => Motion::Playing,
                (false, None, false) => Motion::Frozen,
            },
            ends_before: self.ends_before,
            entries: self.entries,
            damaged: self.damaged,
        }
    }

    /// What was played since the last call.
    pub fn news(&mut self, now: Instant) -> Vec<Msg> {
        self.advance(now);
        self.filing.pause();
        self.played_news(now)
    }

    fn played_news(&mut self, now: Instant) -> Vec<Msg> {
        let mut news = vec![Msg::Playback(self.playback(now))];
        if !self.notes.is_empty() {
            news.push(Msg::Notes(std::mem::take(&mut self.notes)));
        }
        let left_out = std::mem::take(&mut self.left_out);
        if !self.calls.is_empty() || left_out > 0 {
            news.push(Msg::Calls {
                calls: std::mem::take(&mut self.calls),
                left_out,
            });
        }
        if !self.events.is_empty() {
            news.push(Msg::Events {
                events: std::mem::take(&mut self.events),
                left_out: 0,
                web_left_out: 0,
                mail_left_out: 0,
            });
        }
        news
    }

    /// What the labs would have counted.
    pub fn counters(&self, shown: Shown) -> Counters {
        let figures = if shown.rtt_bars {
            Figures::with_bars
        } else {
            Figures::of
        };
        let web = shown.web.then(|| self.web.report(CONNECTIONS)).flatten();
        Counters {
            echo: self.ping.echo_counts(),
            targets: self.ping.targets(figures),
            web: web.map(Box::new),
            mail: self.mail.report().filter(|_| shown.mail),
            capture: self.filing.progress(),
        }
    }

    /// Carries out what can be done without labs, and says of everything else that it can't.
    pub fn perform(&mut self, effect: Effect) -> Option<Msg> {
        match effect {
            Effect::Playback(control) => {
                self.control(control, Instant::now());
                None
            }
            Effect::ReadMailbox { search } => Some(Msg::Mailbox(self.mail.list(&search))),
            Effect::ReadMessage(id) => Some(Msg::MessageRead {
                id,
                stored: self.mail.read(id),
            }),
            Effect::SaveFile { name, bytes } => {
                files::save(&self.answers_tx, self.saves.clone(), name, bytes);
                None
            }
            Effect::Complete(text) => {
                files::complete(&self.answers_tx, text);
                None
            }
            // Nothing is written in a replay that is worth more than what was written before it.
            Effect::SaveDraft(_) => None,
            Effect::StartCapture { .. }
            | Effect::BeginCapture(_)
            | Effect::StopCapture
            | Effect::Note { .. } => self.filing.perform(effect),
            Effect::Quit | Effect::SetMouse(_) | Effect::Copy(_) => None,
            _ => Some(Msg::OnlyAReplay),
        }
    }

    fn control(&mut self, control: Control, now: Instant) {
        let position = self.position(now);
        match control {
            Control::Freeze if self.ended => {}
            Control::Freeze if self.head.moves() => self.head.stand(position),
            Control::Freeze => self.head.go(now),
            Control::Step => self.step(position),
            Control::Slower => {
                let slower = self.head.speed().slower();
                self.head.set_speed(slower, position, now);
            }
            Control::Faster => {
                let faster = self.head.speed().faster();
                self.head.set_speed(faster, position, now);
            }
        }
    }

    /// Plays one entry, and stands there.
    fn step(&mut self, position: Duration) {
        // On the way to where playing shall begin there is nothing to stop at.
        if self.from.is_some() || self.begin.is_none() {
            return;
        }
        self.head.stand(position);
        loop {
            match self.ahead.next() {
                Next::Awaited => return,
                Next::End => return self.finish(),
                Next::Line(Err(_)) => self.play(),
                Next::Line(Ok(_)) => break,
            }
        }
        self.play();
        self.head.stand(position.max(self.played));
    }
}

/// Waits until the next entry is due.
async fn due(
    ahead: &mut Ahead,
    head: &Playhead,
    begin: Option<Duration>,
    stands: bool,
    seeks: bool,
) {
    if stands {
        return std::future::pending().await;
    }
    ahead.known().await;
    let now = Instant::now();
    let at = match ahead.next() {
        // The end is told as soon as it is known, and so is a line that can't be read.
        Next::End | Next::Line(Err(_)) => return tokio::time::sleep(LEAST_WAIT).await,
        Next::Awaited => return,
        Next::Line(Ok(entry)) => entry.at,
    };
    if begin.is_none() || seeks {
        return;
    }
    match head.instant(at, now) {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

/// The time of the last entry of a file, found from its end; `None` where it can't be looked at from there.
fn last_time(path: &Path) -> Option<Duration> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok().filter(|about| about.is_file())?.len();
    let mut header = Vec::new();
    BufReader::new(&file)
        .take(TAIL.0)
        .read_until(b'\n', &mut header)
        .ok()?;
    let mut tail = TAIL.0;
    loop {
        let start = length.saturating_sub(tail).max(header.len() as u64);
        file.seek(SeekFrom::Start(start)).ok()?;
        let mut lines = BufReader::new(&file);
        if start > header.len() as u64 {
            lines.read_until(b'\n', &mut Vec::new()).ok()?;
        }
        let record = Reader::open(Cursor::new(&header).chain(lines)).ok()?;
        let last = record.flatten().map(|entry| entry.at).max();
        if last.is_some() || start == header.len() as u64 || tail >= TAIL.1 {
            return last;
        }
        tail *= 16;
    }
}
