//! One session from its opening to its end: bytes go to the protocol's [`Session`], and what that says is done: replies written, messages kept, TLS
//! begun, the connection closed so that the client does not lose the last reply.
//!
//! What came together is answered together: the replies to all whole commands of one read go out in one write (RFC 2920 §3.2).

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Local};
use tokio::time::timeout;

use super::Server;
use super::hidden::Hidden;
use super::report::Said;
use super::wire::{Channel as Wired, Wire};
use crate::net::lock::lock;
use crate::net::maildir::{Incoming, Kept, NotKept};
use crate::net::timer::Timer;
use crate::net::tls::{self, Socket};
use crate::proto::message::stamp::{Stamp, With, trace_headers};
use crate::proto::smtp::server::{
    Cause, Channel, Context, Farewell, Manner, Next, NotStored, Session, Turn,
};
use crate::trace::mail::{MailEvent, MessageId, SessionEnd, SessionId};
use crate::trace::wire::End;

/// A handshake takes a few packets; who takes longer speaks no TLS, or means no good.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// After the last reply, what the client still sends is thrown away for so long and so much. Closing at once would make the system reset a
/// connection with unread bytes, and the client would lose the reply.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1 << 20;
/// Bytes of replies that are gathered before they are written.
const REPLIES: usize = 64 * 1024;
/// Bytes of input that an idle session may keep room for.
const SPARE: usize = 16 * 1024;

/// How a connection begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    Clear,
    Upgradable,
    Tls,
}

/// A session with its connection.
pub struct Connection {
    pub(super) server: Arc<Server>,
    pub(super) id: SessionId,
    client: SocketAddr,
    wire: Wire,
    pub(super) session: Session,
    /// What came and is not dealt with: the beginning of a line, or what stands behind something that takes time.
    pending: Vec<u8>,
    hidden: Hidden,
    /// Replies that are not written yet, of those the first `written` bytes are.
    pub(super) out: Vec<u8>,
    pub(super) written: usize,
    /// What is in them, to be reported when they are written.
    pub(super) said: Vec<Said>,
    /// Bytes of a message before it is known whether they belong to one.
    content: Vec<u8>,
    pub(super) incoming: Option<Incoming>,
    /// Bytes that we put before the message.
    pub(super) head: usize,
    /// The first bytes of the message.
    pub(super) excerpt: Vec<u8>,
    /// A message was being received when the last turn was over.
    was_receiving: bool,
    /// When the last bytes came.
    pub(super) arrived: Duration,
    /// When the last reply went out.
    pub(super) answered: Duration,
    timer: Timer,
    end: SessionEnd,
    pub(super) commands: u32,
    pub(super) messages: u32,
}

/// Why the input cannot be worked on just now.
enum Pause {
    /// There is no more of it.
    Read,
    /// The replies have to go out first.
    Write,
    /// A part of the message has to go to the disk.
    Spool,
    /// This has to be done first.
    Turn(Turn),
}

impl Connection {
    pub fn open(server: Arc<Server>, socket: Socket, client: SocketAddr, begin: Begin) -> Self {
        let now = server.now();
        let id = server.counters.opened();
        server.tell(|| MailEvent::Opened {
            session: id,
            client,
            at: now,
            encrypted: begin == Begin::Tls,
        });
        let channel = match begin {
            Begin::Clear => Channel::Clear,
            Begin::Upgradable => Channel::Upgradable,
            Begin::Tls => Channel::Tls,
        };
        let session = Session::new(
            server.service.clone(),
            channel,
            server.end_of_data(),
            rand::random(),
        );
        Self {
            server,
            id,
            client,
            wire: Wire::new(socket),
            session,
            pending: Vec::new(),
            hidden: Hidden::default(),
            out: Vec::new(),
            written: 0,
            said: Vec::new(),
            content: Vec::new(),
            incoming: None,
            head: 0,
            excerpt: Vec::new(),
            was_receiving: false,
            arrived: now,
            answered: now,
            timer: Timer::default(),
            // Whoever drops the task before it has said why, stops it.
            end: SessionEnd::Stopped,
            commands: 0,
            messages: 0,
        }
    }

    /// Serves it to its end.
    pub async fn serve(mut self) {
        let is_encrypted = self.session.encrypted();
        let end = match is_encrypted {
            true => match self.shake_hands().await {
                Ok(()) => self.converse().await,
                Err(end) => Err(end),
            },
            false => self.converse().await,
        };
        let (Ok(end) | Err(end)) = end;
        self.close(end).await;
    }

    /// Says that there are too many already.
    pub async fn turn_away(mut self) {
        // Without TLS where TLS is awaited: nobody would understand it.
        if !self.session.encrypted() {
            self.say_farewell(Farewell::TooMany).await;
        }
        self.close(SessionEnd::TooMany).await;
    }

    /// The dialogue, until one of the two ends it. Both results say how; an error is an end in the middle of something.
    async fn converse(&mut self) -> Result<SessionEnd, SessionEnd> {
        let greeting = self.with_session(Session::greet);
        let mut pause = Pause::Turn(greeting);
        loop {
            pause = match pause {
                Pause::Read => {
                    self.flush().await?;
                    self.receive().await?
                }
                Pause::Write => {
                    self.flush().await?;
                    self.work_on_pending()
                }
                Pause::Spool => {
                    self.spool().await;
                    self.work_on_pending()
                }
                // What the session says to that goes out together with what it has said before.
                Pause::Turn(turn) if turn.next == Next::Store => Pause::Turn(self.store().await),
                Pause::Turn(turn) => {
                    self.utter(&turn).await?;
                    match turn.next {
                        Next::Go | Next::Store => self.work_on_pending(),
                        Next::StartTls => {
                            self.begin_tls().await?;
                            Pause::Read
                        }
                        Next::Close(cause) => return Ok(end_of(cause)),
                    }
                }
            }
        }
    }

    /// Lets the session do something without input, with what it needs of us.
    fn with_session(&mut self, act: impl FnOnce(&mut Session, &mut Context) -> Turn) -> Turn {
        let server = self.server.clone();
        let mut faults = lock(&server.faults);
        let mut context = Context {
            faults: &mut faults,
            now: self.arrived,
            room: server.mailbox.room(),
            out: &mut self.out,
            content: &mut self.content,
        };
        let turn = act(&mut self.session, &mut context);
        drop(faults);
        self.note(&turn, b"");
        turn
    }

    /// Waits for bytes and works on them.
    async fn receive(&mut self) -> Result<Pause, SessionEnd> {
        let server = self.server.clone();
        let mut goodbye = pin!(server.goodbye.notified());
        // While we work on something, it is not the client who keeps silent.
        let until = self.arrived.max(self.answered) + server.service.limits.idle;
        let until = tokio::time::Instant::from_std(server.clock.instant(until));
        let received = poll_fn(|task| {
            // One thread works on all sessions, and this waits for nothing: the buffer is free again before anybody else wants it.
            let mut input = lock(&server.input);
            if let Poll::Ready(result) = self.wire.poll_read(task, &mut input) {
                return Poll::Ready(match result {
                    Ok(0) | Err(_) => Err(None),
                    Ok(length) => Ok(self.take(&input[..length])),
                });
            }
            let told = goodbye.as_mut().poll(task).is_ready() || server.is_stopping();
            if told {
                // A message that is coming in may come to its end, as long as there is time.
                if !self.session.receiving() || server.is_out_of_time() {
                    return Poll::Ready(Err(Some(Farewell::Stopped)));
                }
                goodbye.set(server.goodbye.notified());
                // Nobody has notified it yet; this leaves word whom to wake.
                let _ = goodbye.as_mut().poll(task);
            }
            self.timer
                .poll(until, task)
                .map(|()| Err(Some(Farewell::Idle)))
        })
        .await;
        match received {
            Ok(pause) => Ok(pause),
            Err(None) => Err(SessionEnd::ClientGone),
            Err(Some(farewell)) => {
                self.say_farewell(farewell).await;
                Err(match farewell {
                    Farewell::Idle => SessionEnd::Idle,
                    Farewell::TooMany => SessionEnd::TooMany,
                    Farewell::Stopped => SessionEnd::Stopped,
                })
            }
        }
    }

    /// Works on bytes that came.
    fn take(&mut self, input: &[u8]) -> Pause {
        let at = Instant::now();
        self.arrived = self.server.clock.at(at);
        let old = self.pending.len();
        let pause = if old == 0 {
            let (used, pause) = self.work(input);
            self.pending.extend_from_slice(&input[used..]);
            pause
        } else {
            self.pending.extend_from_slice(input);
            self.work_on_pending()
        };
        if self.wire.is_told() {
            self.wire
                .tell_received(at, input, self.hidden.parts_behind(old));
        }
        pause
    }

    fn work_on_pending(&mut self) -> Pause {
        let mut input = std::mem::take(&mut self.pending);
        let (used, pause) = self.work(&input);
        input.drain(..used);
        if !input.is_empty() || input.capacity() <= SPARE {
            self.pending = input;
        }
        pause
    }

    /// Works on the input until it ends or something has to be waited for; tells how much of it is dealt with.
    fn work(&mut self, input: &[u8]) -> (usize, Pause) {
        self.hidden.begin();
        let (used, pause) = self.work_through(input);
        if used < input.len() {
            self.hidden.note_rest(input, used, &self.session);
        }
        (used, pause)
    }

    fn work_through(&mut self, input: &[u8]) -> (usize, Pause) {
        let server = self.server.clone();
        let mut faults = lock(&server.faults);
        self.session.set_end_of_data(server.end_of_data());
        let mut used = 0;
        loop {
            let content = match &mut self.incoming {
                Some(incoming) => incoming.buffer(),
                None => &mut self.content,
            };
            let rest = &input[used..];
            let step = self.session.advance(
                rest,
                &mut Context {
                    faults: &mut faults,
                    now: self.arrived,
                    room: server.mailbox.room(),
                    out: &mut self.out,
                    content,
                },
            );
            self.hidden.note(input, used, &step);
            used += step.consumed;
            let is_due = self.gather();
            let Some(turn) = step.turn else {
                return (used, if is_due { Pause::Spool } else { Pause::Read });
            };
            self.note(&turn, rest);
            let turn = match turn.next {
                Next::Store if !self.needs_disk() => {
                    drop(faults);
                    let turn = self.store_in_memory();
                    faults = lock(&server.faults);
                    turn
                }
                _ => turn,
            };
            self.settle();
            if turn.next != Next::Go || turn.manner != Manner::AtOnce {
                return (used, Pause::Turn(turn));
            }
            if is_due {
                return (used, Pause::Spool);
            }
            if self.out.len() >= REPLIES {
                return (used, Pause::Write);
            }
        }
    }

    /// Takes care of what came of a message; tells whether it is time to put it on the disk.
    fn gather(&mut self) -> bool {
        if !self.content.is_empty() {
            if self.session.receiving() {
                self.begin_message();
                if let Some(incoming) = &mut self.incoming {
                    incoming.buffer().append(&mut self.content);
                }
            }
            self.content.clear();
        }
        self.take_excerpt();
        self.incoming.as_mut().is_some_and(Incoming::received)
    }

    /// After a turn: is there a message under way, still, or no more?
    fn settle(&mut self) {
        let is_receiving = self.session.receiving();
        if is_receiving {
            self.begin_message();
        } else if self.was_receiving {
            // It was refused, or given up.
            self.incoming = None;
            self.excerpt.clear();
            self.server.counters.refused();
        }
        self.was_receiving = is_receiving;
    }

    /// Begins to gather a message.
    fn begin_message(&mut self) {
        if self.incoming.is_some() {
            return;
        }
        let taken = self.server.clock.wall(self.arrived);
        let mut incoming = self.server.mailbox.begin(taken);
        let stamp = self.stamp(incoming.id(), taken);
        self.head = stamp.len();
        incoming.buffer().extend_from_slice(&stamp);
        self.incoming = Some(incoming);
    }

    /// What a server adds to a message that it takes (RFC 5321 §4.4).
    fn stamp(&self, id: MessageId, taken: SystemTime) -> Vec<u8> {
        let session = &self.session;
        trace_headers(&Stamp {
            envelope: session.envelope(),
            helo: session.helo().unwrap_or_default(),
            client: self.client.ip(),
            server: &self.server.service.name,
            id: &id.to_string(),
            with: With {
                extended: session.extended(),
                encrypted: session.encrypted(),
                authenticated: session.user().is_some(),
                utf8: session.utf8(),
            },
            date: DateTime::<Local>::from(taken).fixed_offset(),
        })
    }

    fn needs_disk(&mut self) -> bool {
        self.begin_message();
        self.incoming.as_ref().is_some_and(Incoming::needs_disk)
    }

    async fn spool(&mut self) {
        let Some(mut incoming) = self.incoming.take() else {
            return;
        };
        let spooled = tokio::task::spawn_blocking(move || {
            incoming.spool();
            incoming
        });
        // A panic in it has been reported by the panic hook; the message is lost then, and its end will say so.
        self.incoming = spooled.await.ok();
    }

    /// Keeps the message where that takes no time, and lets the session answer.
    fn store_in_memory(&mut self) -> Turn {
        let kept = match self.incoming.take() {
            Some(incoming) => incoming.keep(),
            None => Err(NotKept::Lost),
        };
        self.stored(kept)
    }

    /// Keeps the message where nobody has to wait for the disk, and lets the session answer.
    async fn store(&mut self) -> Turn {
        let kept = match self.incoming.take() {
            Some(incoming) => tokio::task::spawn_blocking(|| incoming.keep())
                .await
                .unwrap_or(Err(NotKept::Lost)),
            None => Err(NotKept::Lost),
        };
        self.stored(kept)
    }

    fn stored(&mut self, kept: Result<Kept, NotKept>) -> Turn {
        self.was_receiving = false;
        let outcome = match kept {
            Ok(kept) => {
                self.tell_arrived(&kept);
                Ok(kept.id)
            }
            Err(error) => {
                self.server.counters.refused();
                Err(match error {
                    NotKept::Full => NotStored::Full,
                    NotKept::Disk(_) | NotKept::Lost => NotStored::Failed,
                })
            }
        };
        self.with_session(|session, context| session.stored(outcome, context))
    }

    /// Writes the replies, the last of them as its turn wants it.
    async fn utter(&mut self, turn: &Turn) -> Result<(), SessionEnd> {
        if let Manner::Slow { before, between } = turn.manner {
            self.send_until(turn.reply.start).await?;
            tokio::time::sleep(before).await;
            if let Some(between) = between {
                for end in turn.reply.start + 1..turn.reply.end {
                    self.send_until(end).await?;
                    tokio::time::sleep(between).await;
                }
            }
        }
        self.flush().await
    }

    /// Writes the replies that are gathered.
    async fn flush(&mut self) -> Result<(), SessionEnd> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.send_until(self.out.len()).await?;
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    async fn send_until(&mut self, end: usize) -> Result<(), SessionEnd> {
        let patience = self.server.service.limits.idle;
        let mut until = None;
        // As for a call that sends: whoever takes the reply does so later than this.
        let at = self.server.now();
        let sent = poll_fn(|task| {
            let bytes = &self.out[..end];
            if let Poll::Ready(result) = self.wire.poll_send(task, bytes, &mut self.written) {
                return Poll::Ready(result.is_ok());
            }
            // Who takes nothing is as good as gone. Nearly always this is not reached: the system takes it all at once.
            let until = until.get_or_insert_with(|| tokio::time::Instant::now() + patience);
            self.timer.poll(*until, task).map(|()| false)
        });
        if !sent.await {
            return Err(SessionEnd::ClientGone);
        }
        self.tell_replies(at);
        Ok(())
    }

    async fn say_farewell(&mut self, why: Farewell) {
        self.with_session(|session, context| session.farewell(why, context));
        // Whoever does not take it does without.
        let _ = self.flush().await;
    }

    /// The client wants TLS. Whatever it has sent in clear behind that is not to be taken for something it said inside (RFC 3207 §4.2).
    async fn begin_tls(&mut self) -> Result<(), SessionEnd> {
        let dropped = std::mem::take(&mut self.pending);
        if !dropped.is_empty() {
            self.tell_dropped(&dropped);
        }
        self.shake_hands().await?;
        self.session.secured();
        self.settle();
        Ok(())
    }

    async fn shake_hands(&mut self) -> Result<(), SessionEnd> {
        let channel = std::mem::replace(&mut self.wire.channel, Wired::Gone);
        let (Some(acceptor), Wired::Clear(mut socket)) = (self.server.acceptor.clone(), channel)
        else {
            return Err(SessionEnd::HandshakeFailed);
        };
        socket.begin_handshake(End::Server);
        match timeout(HANDSHAKE, acceptor.accept(socket)).await {
            Ok(Ok(mut stream)) => {
                self.arrived = self.server.now();
                let (socket, session) = stream.get_mut();
                socket.end_handshake(session.protocol_version());
                let (version, cipher) = tls::parameters(session);
                self.server.tell(|| MailEvent::Secured {
                    session: self.id,
                    at: self.arrived,
                    version,
                    cipher,
                });
                self.wire.channel = Wired::Tls(Box::new(stream));
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(SessionEnd::HandshakeFailed),
        }
    }

    /// Closes in steps: says that nothing more will come, then throws away what still arrives for a while.
    async fn close(mut self, end: SessionEnd) {
        self.end = end;
        let is_clear = self.wire.is_clear();
        let has_read_all = self.pending.is_empty();
        match end {
            SessionEnd::ClientGone => return,
            // Nothing that was sent is unread: the system delivers the last reply, and then the end.
            SessionEnd::Quit if is_clear && has_read_all => return,
            _ => {}
        }
        let lingered = timeout(LINGER, async {
            if poll_fn(|task| self.wire.poll_shutdown(task)).await.is_err() {
                return;
            }
            let mut left = LINGER_BYTES;
            while left > 0 && end != SessionEnd::Stopped {
                let server = self.server.clone();
                let read = poll_fn(|task| {
                    let mut input = lock(&server.input);
                    let read = ready!(self.wire.poll_read(task, &mut input));
                    if let Ok(length @ 1..) = read {
                        // Nobody looks whether a password is in it.
                        let (bytes, all) = (&input[..length], 0..length);
                        self.wire
                            .tell_received(Instant::now(), bytes, std::slice::from_ref(&all));
                    }
                    Poll::Ready(read)
                });
                match read.await {
                    Ok(0) | Err(_) => break,
                    Ok(length) => left = left.saturating_sub(length),
                }
            }
        });
        // A client that does not close gets no more of our time.
        let _ = lingered.await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Whoever is told of the end finds nothing half done.
        self.incoming = None;
        // The session may have said farewell in the middle of a message.
        if self.was_receiving {
            self.server.counters.refused();
        }
        self.server.counters.closed();
        let at = self.server.now();
        self.server.tell(|| MailEvent::Closed {
            session: self.id,
            client: self.client,
            at,
            cause: self.end,
            commands: self.commands,
            messages: self.messages,
        });
        if self.server.is_stopping() {
            self.server.closed.notify_one();
        }
    }
}

fn end_of(cause: Cause) -> SessionEnd {
    match cause {
        Cause::Quit => SessionEnd::Quit,
        Cause::Misbehaved => SessionEnd::Misbehaved,
        Cause::Fault => SessionEnd::Fault,
        Cause::Farewell => SessionEnd::Stopped,
    }
}
