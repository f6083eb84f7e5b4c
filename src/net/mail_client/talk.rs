//! One connection: the steps of the client carried out, and the replies handed to it.
//!
//! Lines are gathered until the client has to wait, so that a group of commands leaves in one piece, and a message with the final dot behind it.
//! Whatever is waited for — room to write, a reply, a person — the server is listened to at the same time.
//!
//! On one connection speed is the time from a reply to the next command, so events are told while the server is at work.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::content::{Content, Source};
use super::wire::{Seen, Wire};
use super::{Sending, connector, escape};
use crate::net::timer::Timer;
use crate::net::tls::{Connector, Socket};
use crate::proto::secret::Line;
use crate::proto::smtp::client::{Client, Heard, Meaning, Step};
use crate::proto::smtp::code::{self, Code};
use crate::proto::smtp::outcome::{Failure, TlsFailure};
use crate::proto::smtp::plan::{Order, Pace};
use crate::proto::smtp::reply::{Limits, Reply, ReplyParser};
use crate::proto::smtp::stage::{DATA_BLOCK, Stage};
use crate::proto::smtp::transparency::Stuffer;
use crate::trace::mail::{Decided, Fit, SendingEvent, Speech, Spoken};

/// Bytes read at once.
const READ: usize = 16 * 1024;
/// So much of a message is gathered before it is written.
const WRITE: usize = 64 * 1024;
/// Bytes of a message that its report keeps.
const EXCERPT: usize = 256;
/// A wait is told of after this long: most end before anybody could see it.
const TELL_AFTER: Duration = Duration::from_millis(100);
/// The least time between two reports of progress.
const PROGRESS: Duration = Duration::from_millis(50);
/// How long a server that takes nothing more may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A conversation with one server.
pub struct Talk<'a, 'p, R> {
    sending: &'a mut Sending<'p, R>,
    client: &'a mut Client,
    source: &'a Source,
    connector: Option<&'a Connector>,
    wire: Wire,
    parser: ReplyParser,
    buffer: Box<[u8]>,
    timer: Timer,
    /// What is to be written next.
    out: Vec<u8>,
    /// The parts of it that only the server is to see.
    secrets: Vec<Range<usize>>,
    /// What stands in it.
    said: Vec<(Stage, Speech)>,
    /// What was not told yet: there is time for it when there is something to wait for.
    events: Vec<SendingEvent>,
    /// When each command went out whose reply is awaited.
    asked: VecDeque<Instant>,
    content: Option<Content>,
    /// What passed on the way inside TLS, and was not reported yet.
    seen: Seen,
    /// Of the progress last reported.
    progress: Option<Instant>,
}

/// What a wait ended with.
enum Happened {
    Read(usize),
    Wrote(usize),
    Ordered(Order),
    TimeUp,
}

/// What is waited for besides the server.
#[derive(Clone, Copy)]
struct Waiting {
    /// Bytes of `out` that are written already, while the rest is to be.
    writing: Option<usize>,
    orders: bool,
    until: Option<Instant>,
}

impl<'a, 'p, R: FnMut(SendingEvent)> Talk<'a, 'p, R> {
    pub fn new(
        sending: &'a mut Sending<'p, R>,
        client: &'a mut Client,
        source: &'a Source,
        connector: Option<&'a Connector>,
        socket: Socket,
    ) -> Self {
        let mut talk = Self {
            sending,
            client,
            source,
            connector,
            wire: Wire::new(socket),
            parser: ReplyParser::new(Limits::default()),
            buffer: vec![0; READ].into(),
            timer: Timer::default(),
            out: Vec::new(),
            secrets: Vec::new(),
            said: Vec::new(),
            events: Vec::new(),
            asked: VecDeque::new(),
            content: None,
            seen: Rc::default(),
            progress: None,
        };
        talk.note_asked(Instant::now());
        talk
    }

    /// Goes on until the client has nothing more to do here.
    pub async fn run(mut self) {
        loop {
            match self.step().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(failure) => self.client.fail(failure),
            }
        }
        self.tell_all();
        self.wire.close().await;
        self.tell_seen();
        self.tell_all();
    }

    /// Does what is next; `false` when that was the last.
    async fn step(&mut self) -> Result<bool, Failure> {
        match self.client.step() {
            Step::Await(stage) => {
                let awaited = self.client.awaited();
                self.flush().await?;
                // While it wrote, the reply may have come.
                if self.client.awaited() == awaited {
                    self.listen(stage).await?;
                }
            }
            Step::Send { stage, line } => {
                if self.may_go(stage, &line).await? {
                    self.client.go();
                    self.gather(stage, line);
                }
            }
            Step::Content => {
                if self.may_go(Stage::Dot, &Line::open(b".")).await? {
                    self.client.go();
                    self.send_message().await?;
                }
            }
            Step::Chunk { line, from, bytes } => {
                if self.may_go(Stage::Bdat, &line).await? {
                    self.client.go();
                    self.gather(Stage::Bdat, line);
                    self.send_chunk(from, bytes).await?;
                }
            }
            Step::Handshake => self.shake_hands().await?,
            Step::Compose { number, utf8 } => {
                if utf8 {
                    self.parser.agree_on_utf8();
                }
                let before = self.content.take();
                let content = before
                    .and_then(|content| self.source.renumber(content, number, utf8))
                    .unwrap_or_else(|| self.source.compose(number, utf8));
                self.client.composed(content.measure());
                self.content = Some(content);
            }
            Step::Decided {
                number,
                mut recipients,
            } => {
                escape(&mut recipients);
                let at = self.sending.now();
                self.tell(SendingEvent::Decided(Box::new(Decided {
                    at,
                    number,
                    recipients,
                })));
            }
            Step::Close => return Ok(false),
        }
        Ok(true)
    }

    fn tell(&mut self, event: SendingEvent) {
        self.events.push(event);
    }

    fn tell_all(&mut self) {
        self.events.drain(..).for_each(&mut self.sending.report);
    }

    fn tell_seen(&mut self) {
        for cipher in self.seen.take() {
            self.tell(SendingEvent::Cipher(cipher));
        }
    }

    fn tell_spoken(&mut self, at: Duration, stage: Stage, what: Speech) {
        let encrypted = self.wire.is_encrypted();
        self.tell(SendingEvent::Spoken(Spoken {
            at,
            stage,
            encrypted,
            what,
        }));
    }

    /// Notes the time for the commands that are new among the awaited ones.
    fn note_asked(&mut self, now: Instant) {
        self.asked.resize(self.client.awaited(), now);
    }

    fn gather(&mut self, stage: Stage, line: Line) {
        let begin = self.out.len();
        let secret = line.secret_part();
        self.secrets
            .extend(secret.map(|part| begin + part.start..begin + part.end));
        self.out.extend_from_slice(line.bytes());
        self.out.extend_from_slice(b"\r\n");
        self.said.push((stage, Speech::Command(line)));
    }

    /// Whether this may go out: at once, or when a person has let it go. `false`: what is next has changed meanwhile.
    async fn may_go(&mut self, stage: Stage, line: &Line) -> Result<bool, Failure> {
        if self.sending.pace == Pace::Run {
            return Ok(true);
        }
        self.flush().await?;
        let at = self.sending.now();
        self.tell(SendingEvent::Held {
            at,
            stage,
            line: line.clone(),
            expected: code::expected(stage).into(),
        });
        let waiting = Waiting {
            writing: None,
            orders: true,
            until: None,
        };
        match self.wait(waiting).await.map_err(lost)? {
            Happened::Ordered(Order::Go(None)) => Ok(true),
            Happened::Ordered(Order::SetPace(Pace::Run)) => {
                self.sending.pace = Pace::Run;
                Ok(true)
            }
            Happened::Ordered(order) => {
                self.obey(order);
                Ok(false)
            }
            Happened::Read(bytes) => self.take(bytes).map(|_| false),
            Happened::Wrote(_) | Happened::TimeUp => Ok(false),
        }
    }

    /// Does what a person wants, as far as it makes sense now.
    fn obey(&mut self, order: Order) {
        let said = match order {
            Order::Go(Some(line)) => self.client.go_with(line.reveal()),
            Order::Raw(line) => self.client.raw(line.reveal()),
            Order::SetPace(pace) => {
                self.sending.pace = pace;
                None
            }
            Order::Quit => {
                self.client.quit();
                None
            }
            Order::Go(None) | Order::RetryNow | Order::Drop => None,
        };
        if let Some((stage, line)) = said {
            self.gather(stage, line);
        }
    }

    /// Waits for a reply to this command, or for an order.
    async fn listen(&mut self, stage: Stage) -> Result<(), Failure> {
        let limit = self.sending.scaled(stage.patience());
        let begun = Instant::now();
        let mut is_told = false;
        loop {
            let wait = if is_told {
                limit
            } else {
                limit.min(TELL_AFTER)
            };
            let waiting = Waiting {
                writing: None,
                orders: true,
                until: Some(begun + wait),
            };
            match self.wait(waiting).await.map_err(lost)? {
                Happened::Read(bytes) => {
                    if self.take(bytes)? > 0 {
                        return Ok(());
                    }
                }
                Happened::Ordered(order) => {
                    self.obey(order);
                    return Ok(());
                }
                Happened::TimeUp if is_told => return Err(Failure::TimedOut(limit)),
                Happened::TimeUp => {
                    is_told = true;
                    let at = self.sending.clock.at(begun);
                    let until = at + limit;
                    self.tell(SendingEvent::Awaiting { at, stage, until });
                }
                Happened::Wrote(_) => {}
            }
        }
    }

    /// Takes bytes that were read, and tells how many replies they completed.
    fn take(&mut self, bytes: usize) -> Result<usize, Failure> {
        self.tell_seen();
        if bytes == 0 {
            return Err(lost(io::ErrorKind::UnexpectedEof.into()));
        }
        let at = Instant::now();
        self.parser.push(&self.buffer[..bytes]);
        let mut replies = 0;
        while let Some(reply) = self.next_reply()? {
            self.hear(reply, at);
            replies += 1;
            if self.client.is_upgrading() {
                let behind = self.parser.buffered();
                let behind = &behind[..behind.len().min(EXCERPT)];
                if !behind.is_empty() {
                    return Err(Failure::Tls(TlsFailure::Injected(behind.into())));
                }
            }
        }
        Ok(replies)
    }

    fn next_reply(&mut self) -> Result<Option<Reply>, Failure> {
        let next = self.parser.next_reply();
        next.map_err(Failure::NotAReply)
    }

    /// Hands a reply to the client, and reports it.
    fn hear(&mut self, mut reply: Reply, at: Instant) {
        let heard = self.client.reply(&mut reply);
        let asked = match heard.meaning {
            Meaning::Unasked => None,
            _ => self.asked.pop_front(),
        };
        // A session that has ended awaits nothing more.
        self.asked.truncate(self.client.awaited());
        let what = Speech::Reply {
            fit: fit(heard, reply.code),
            reply: Arc::new(reply),
            latency: asked.map(|asked| at.saturating_duration_since(asked)),
        };
        self.tell_spoken(self.sending.clock.at(at), heard.stage, what);
    }

    async fn shake_hands(&mut self) -> Result<(), Failure> {
        let own;
        let connector = match self.connector {
            Some(connector) => connector,
            // STARTTLS was typed by hand.
            None => {
                own = connector(self.sending.plan)?;
                &own
            }
        };
        self.tell_all();
        let limit = self.sending.scaled(Stage::Tls.patience());
        let (host, clock) = (&self.sending.plan.host, self.sending.clock);
        let handshake = self.wire.encrypt(connector, host, clock, self.seen.clone());
        let ended = tokio::time::timeout(limit, handshake).await;
        self.tell_seen();
        let failed = |error: String| Failure::Tls(TlsFailure::Handshake(error));
        let (card, result) = ended
            .map_err(|_| Failure::TimedOut(limit))?
            .ok_or_else(|| failed("TLS inside TLS".to_owned()))?;
        let distrust = card.distrust.clone();
        let at = self.sending.now();
        self.tell(SendingEvent::Tls {
            at,
            card: Box::new(card),
        });
        if let Err(error) = result {
            return Err(match distrust {
                Some(distrust) => Failure::Tls(TlsFailure::Untrusted(distrust)),
                None => failed(error.to_string()),
            });
        }
        self.client.secured();
        self.note_asked(Instant::now());
        Ok(())
    }

    /// Sends the whole message, dots doubled.
    async fn send_message(&mut self) -> Result<(), Failure> {
        let Some(mut content) = self.content.take() else {
            return Ok(());
        };
        content.rewind();
        let mut stuffer = Stuffer::new();
        let mut passage = Passage::new(content.measure().bytes);
        loop {
            let begin = self.out.len();
            let mut is_last = false;
            while self.out.len() < WRITE && !is_last {
                let next = content.next()?;
                let next = &next[..next.len().min(WRITE)];
                is_last = next.is_empty();
                stuffer.push(next, &mut self.out);
                let taken = next.len();
                content.consume(taken);
                passage.sent += taken as u64;
            }
            if is_last {
                let stuffed = stuffer.stuffed();
                stuffer.finish(&mut self.out);
                passage.count(&self.out[begin..]);
                self.said.push((Stage::Dot, passage.told(stuffed)));
                self.flush().await?;
                break;
            }
            passage.count(&self.out[begin..]);
            self.flush().await?;
            if !self.may_go_on(&passage).await? {
                break;
            }
        }
        self.finish_content(content, &passage);
        Ok(())
    }

    /// Sends this many bytes of the message as they are.
    async fn send_chunk(&mut self, from: u64, bytes: u64) -> Result<(), Failure> {
        let Some(mut content) = self.content.take() else {
            return Ok(());
        };
        if from == 0 {
            content.rewind();
        }
        let mut passage = Passage::new(content.measure().bytes);
        passage.sent = from;
        let end = from + bytes;
        loop {
            let begin = self.out.len();
            while self.out.len() < WRITE && passage.sent < end {
                let left = usize::try_from(end - passage.sent).unwrap_or(WRITE);
                let next = content.next()?;
                let next = &next[..next.len().min(left).min(WRITE)];
                if next.is_empty() {
                    return Err(lost(io::ErrorKind::WriteZero.into()));
                }
                self.out.extend_from_slice(next);
                let taken = next.len();
                content.consume(taken);
                passage.sent += taken as u64;
            }
            passage.count(&self.out[begin..]);
            if passage.sent >= end {
                self.said.push((Stage::Bdat, passage.told(0)));
                self.flush().await?;
                break;
            }
            self.flush().await?;
            if !self.may_go_on(&passage).await? {
                break;
            }
        }
        self.finish_content(content, &passage);
        Ok(())
    }

    /// In the middle of a message: tells how far it is, and looks whether the server still wants it.
    async fn may_go_on(&mut self, passage: &Passage) -> Result<bool, Failure> {
        let now = Instant::now();
        if self.progress.is_none_or(|last| now >= last + PROGRESS) {
            self.progress = Some(now);
            self.tell_progress(passage);
            self.tell_all();
        }
        let glance = Waiting {
            writing: None,
            orders: false,
            until: Some(now),
        };
        if let Happened::Read(bytes) = self.wait(glance).await.map_err(lost)? {
            self.take(bytes)?;
        }
        Ok(!self.client.is_closed())
    }

    fn finish_content(&mut self, content: Content, passage: &Passage) {
        self.client.content_sent();
        self.content = Some(content);
        if passage.sent >= passage.total && self.progress.take().is_some() {
            self.tell_progress(passage);
        }
    }

    fn tell_progress(&mut self, passage: &Passage) {
        let at = self.sending.now();
        let (sent, total) = (passage.sent, passage.total);
        self.tell(SendingEvent::Progress { at, sent, total });
    }

    /// Writes what was gathered.
    async fn flush(&mut self) -> Result<(), Failure> {
        if self.out.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        let at = self.sending.clock.at(now);
        self.note_asked(now);
        for (stage, speech) in std::mem::take(&mut self.said) {
            self.tell_spoken(at, stage, speech);
        }
        let written = self.write(now).await;
        self.out.clear();
        self.secrets.clear();
        self.tell_seen();
        written
    }

    async fn write(&mut self, now: Instant) -> Result<(), Failure> {
        let limit = self.sending.scaled(DATA_BLOCK);
        let until = Some(now + limit);
        let mut written = 0;
        loop {
            let waiting = Waiting {
                writing: Some(written),
                orders: false,
                until,
            };
            match self.wait(waiting).await {
                Ok(Happened::Wrote(_)) if written == self.out.len() => return Ok(()),
                Ok(Happened::Wrote(bytes)) => written += bytes,
                Ok(Happened::Read(bytes)) => {
                    self.take(bytes)?;
                    if self.client.is_closed() {
                        return Ok(());
                    }
                }
                Ok(Happened::TimeUp) => return Err(Failure::TimedOut(limit)),
                Ok(Happened::Ordered(_)) => {}
                Err(error) => return Err(self.last_words(error).await),
            }
        }
    }

    /// A server that takes nothing more may have said why: that decides, if it is a reply.
    async fn last_words(&mut self, error: io::Error) -> Failure {
        let until = Some(Instant::now() + LAST_WORDS);
        let waiting = Waiting {
            writing: None,
            orders: false,
            until,
        };
        while let Ok(Happened::Read(bytes)) = self.wait(waiting).await {
            if self.take(bytes).is_err() {
                break;
            }
        }
        lost(error)
    }

    /// Waits until something happens, of what is waited for.
    async fn wait(&mut self, waiting: Waiting) -> io::Result<Happened> {
        let Self {
            sending,
            wire,
            buffer,
            timer,
            out,
            secrets,
            events,
            ..
        } = self;
        poll_fn(|context| {
            if waiting.orders
                && let Some(order) = sending.orders.take()
            {
                return Poll::Ready(Ok(Happened::Ordered(order)));
            }
            if let Some(written) = waiting.writing
                && let Poll::Ready(result) = poll_write(wire, out, written, secrets, context)
            {
                return Poll::Ready(result.map(Happened::Wrote));
            }
            if let Poll::Ready(result) = wire.poll_read(context, buffer) {
                return Poll::Ready(result.map(Happened::Read));
            }
            if let Some(until) = waiting.until
                && timer.poll(until.into(), context).is_ready()
            {
                return Poll::Ready(Ok(Happened::TimeUp));
            }
            events.drain(..).for_each(&mut sending.report);
            Poll::Pending
        })
        .await
    }
}

/// Writes some of these bytes from `written` on, or when there are none left waits until all is out.
fn poll_write(
    wire: &mut Wire,
    bytes: &[u8],
    written: usize,
    secrets: &[Range<usize>],
    context: &mut Context,
) -> Poll<io::Result<usize>> {
    if written == bytes.len() {
        wire.poll_flush(context).map_ok(|()| 0)
    } else {
        wire.poll_write(context, bytes, written, secrets)
    }
}

/// How far a message is, and what its report will say.
struct Passage {
    /// Bytes of the message that went out, and all of them, before dots are doubled.
    sent: u64,
    total: u64,
    /// Bytes on the wire of what is reported together.
    bytes: u64,
    excerpt: Box<[u8]>,
}

impl Passage {
    fn new(total: u64) -> Self {
        Self {
            sent: 0,
            total,
            bytes: 0,
            excerpt: Box::default(),
        }
    }

    fn count(&mut self, written: &[u8]) {
        if self.bytes == 0 {
            self.excerpt = written[..written.len().min(EXCERPT)].into();
        }
        self.bytes += written.len() as u64;
    }

    fn told(&mut self, stuffed: u64) -> Speech {
        Speech::Content {
            bytes: self.bytes,
            stuffed,
            excerpt: std::mem::take(&mut self.excerpt),
        }
    }
}

/// How a reply fits its command.
fn fit(heard: Heard, code: Code) -> Fit {
    match heard.meaning {
        Meaning::Unasked => Fit::Unasked,
        _ if !code::allowed(heard.stage, code) => Fit::NotInTheList,
        Meaning::Wanted => Fit::Expected,
        Meaning::Unwanted => Fit::Refusal,
    }
}

fn lost(error: io::Error) -> Failure {
    Failure::Lost(match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        _ => error.to_string(),
    })
}
