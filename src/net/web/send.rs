//! Handing responses to the system: in one call where they are small, in steps where they are large, at the teacher's pace where one is set, and
//! never waiting for ever.

use std::borrow::Cow;
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use socket2::{SockRef, Socket};
use tokio::io::{AsyncWrite, Interest};
use tokio::net::TcpStream;

use super::Server;
use super::live::{Answered, Live};
use crate::net::files::{Content, Entity};
use crate::net::os;
use crate::net::timer::Timer;
use crate::proto::http::secret::Scanner;
use crate::trace::recorder::{FILE_SNAPLEN, SocketLog, Way};
use crate::trace::web::Ending;
use crate::trace::wire::{Call, Layer, Payload};

/// Bytes of a file handed to the system at a time, so that one fast client does not keep the others waiting.
const STEP: u64 = 256 << 10;
/// How often a response that is slowed down goes on.
const SLOW_STEP: Duration = Duration::from_millis(50);

/// A part of a response that is not copied into the output.
#[derive(Debug, Clone)]
pub enum Piece {
    /// Made for this response.
    Bytes(Vec<u8>),
    /// These bytes of a file.
    Entity(Arc<Entity>, Range<u64>),
}

impl Piece {
    pub fn len(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Entity(_, range) => range.end - range.start,
        }
    }

    /// The bytes, where they are in memory.
    fn in_memory(&self) -> Option<&[u8]> {
        match self {
            Piece::Bytes(bytes) => Some(bytes),
            Piece::Entity(entity, range) => match &entity.content {
                Content::Memory(bytes) => bytes.get(range.start as usize..range.end as usize),
                Content::Open(_) => None,
            },
        }
    }

    /// Up to `most` of its first bytes. A file that cannot be read has none.
    pub fn beginning(&self, most: usize) -> Cow<'_, [u8]> {
        if let Some(bytes) = self.in_memory() {
            return Cow::Borrowed(cut(bytes, most));
        }
        let Piece::Entity(entity, range) = self else {
            return Cow::Borrowed(&[]);
        };
        let Content::Open(file) = &entity.content else {
            return Cow::Borrowed(&[]);
        };
        let mut bytes = vec![0; most.min((range.end - range.start) as usize)];
        let read = os::read_at(file, &mut bytes, range.start).unwrap_or(0);
        bytes.truncate(read);
        Cow::Owned(bytes)
    }
}

/// How far it got.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    pub bytes: u64,
    /// When the first byte was handed over.
    pub first: Option<Duration>,
    /// When the last one was that went so far.
    pub last: Option<Duration>,
}

/// One write of responses.
pub struct Sending<'a> {
    pub server: &'a Server,
    pub stream: &'a mut TcpStream,
    pub log: &'a SocketLog,
    /// What goes out, as far as the log was told of it.
    pub secrets: Scanner,
    pub timer: &'a mut Timer,
    pub live: &'a Live,
    pub progress: &'a mut Progress,
    /// `None` for an interim answer.
    pub answered: Option<Answered<'a>>,
    /// Bytes in all.
    pub whole: u64,
    /// Bytes a second at most.
    pub rate: Option<u64>,
    pub started: Duration,
}

/// What follows the bytes that are written.
#[derive(Clone, Copy)]
enum Next {
    /// A file, at once.
    File,
    Anything,
}

/// A system call that the runtime does not know, as soon as the stream takes something.
fn poll_call(
    stream: &TcpStream,
    context: &mut Context,
    mut call: impl FnMut(&Socket) -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        std::task::ready!(stream.poll_write_ready(context))?;
        match stream.try_io(Interest::WRITABLE, || call(&SockRef::from(stream))) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return Poll::Ready(result),
        }
    }
}

impl Sending<'_> {
    /// Sends the output and what belongs behind it.
    pub async fn send(&mut self, output: &[u8], rest: &[Piece]) -> Ending {
        // A head and a small file are one call and one segment.
        let (with_head, others) = match rest {
            [first, others @ ..] => match first.in_memory() {
                Some(bytes) => (bytes, others),
                None => (&[][..], rest),
            },
            [] => (&[][..], rest),
        };
        let next = match others.first() {
            Some(piece) if piece.in_memory().is_none() => Next::File,
            _ => Next::Anything,
        };
        let result = match self.write(output, with_head, next).await {
            Ok(()) => self.pieces(others).await,
            failed => failed,
        };
        result.err().unwrap_or(Ending::Complete)
    }

    async fn pieces(&mut self, pieces: &[Piece]) -> Result<(), Ending> {
        for piece in pieces {
            match piece {
                Piece::Entity(entity, range) if piece.in_memory().is_none() => {
                    match &entity.content {
                        Content::Open(file) => self.file(file, range.clone()).await?,
                        // Fewer bytes than were announced.
                        Content::Memory(_) => return Err(Ending::FileChanged),
                    }
                }
                _ => {
                    let bytes = piece.in_memory().unwrap_or_default();
                    self.write(bytes, &[], Next::Anything).await?;
                }
            }
        }
        Ok(())
    }

    async fn write(
        &mut self,
        mut first: &[u8],
        mut second: &[u8],
        next: Next,
    ) -> Result<(), Ending> {
        while !(first.is_empty() && second.is_empty()) {
            let most = self.allowance().await;
            let (one, other) = (
                cut(first, most),
                cut(second, most.saturating_sub(first.len())),
            );
            let (at, sent) = self
                .attempt(|stream, context| {
                    if !other.is_empty() {
                        let both = [IoSlice::new(one), IoSlice::new(other)];
                        return Pin::new(stream).poll_write_vectored(context, &both);
                    }
                    match next {
                        Next::File => {
                            poll_call(stream, context, |socket| os::send_before_file(socket, one))
                        }
                        Next::Anything => Pin::new(stream).poll_write(context, one),
                    }
                })
                .await?;
            self.tell(at, one, other, sent);
            let of_first = sent.min(first.len());
            first = &first[of_first..];
            second = &second[sent - of_first..];
            self.judge_rate()?;
        }
        Ok(())
    }

    async fn file(&mut self, file: &File, mut range: Range<u64>) -> Result<(), Ending> {
        os::keep_little_unsent(&SockRef::from(&*self.stream));
        while !range.is_empty() {
            let most = (self.allowance().await as u64).min(STEP);
            let count = (range.end - range.start).min(most) as usize;
            let sent = match self.log.recorder().is_filing() {
                true => self.file_through_memory(file, range.start, count).await?,
                false => self.file_by_itself(file, range.start, count).await?,
            };
            if sent == 0 {
                return Err(Ending::FileChanged);
            }
            range.start += sent as u64;
            self.judge_rate()?;
            if !range.is_empty() {
                // The others have their turn, however fast this client is.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// A part of a file, sent by the kernel where it can: nobody sees its bytes.
    async fn file_by_itself(
        &mut self,
        file: &File,
        offset: u64,
        count: usize,
    ) -> Result<usize, Ending> {
        let (at, sent) = self
            .attempt(|stream, context| {
                poll_call(stream, context, |socket| {
                    os::send_file(socket, file, offset, count)
                })
            })
            .await?;
        self.secrets.miss();
        if let Some(at) = self.told(at).filter(|_| sent > 0) {
            self.tell_payload(at, self.log.payload(&[], sent as u64, Layer::Socket, &[]));
        }
        Ok(sent)
    }

    /// The same where somebody wants the bytes. What the system does not take is read again.
    async fn file_through_memory(
        &mut self,
        file: &File,
        offset: u64,
        count: usize,
    ) -> Result<usize, Ending> {
        let mut buffer = vec![0; count.min(FILE_SNAPLEN)];
        let Ok(read) = os::read_at(file, &mut buffer, offset) else {
            return Err(Ending::FileChanged);
        };
        if read == 0 {
            return Ok(0);
        }
        let bytes = &buffer[..read];
        let (at, sent) = self
            .attempt(|stream, context| Pin::new(stream).poll_write(context, bytes))
            .await?;
        self.tell(at, bytes, &[], sent);
        Ok(sent)
    }

    /// Tells a call that has sent so many of these bytes.
    fn tell(&mut self, at: Option<Instant>, first: &[u8], second: &[u8], sent: usize) {
        if !self.log.is_on() {
            return;
        }
        let Some(at) = self.told(at) else {
            return self.secrets.miss();
        };
        let kept = sent.min(self.log.snaplen());
        let of_first = kept.min(first.len());
        let bytes = match kept - of_first {
            0 => Cow::Borrowed(&first[..of_first]),
            of_second => Cow::Owned([&first[..of_first], &second[..of_second]].concat()),
        };
        let secrets = match self.progress.bytes == self.whole {
            true => self.secrets.scan_last(&bytes),
            false => self.secrets.scan(&bytes),
        };
        if kept < sent {
            self.secrets.miss();
        }
        let payload = self
            .log
            .payload(&bytes, sent as u64, Layer::Socket, &secrets);
        self.tell_payload(at, payload);
    }

    /// When a call was begun that is to be told. One for which there was no room then is counted.
    fn told(&self, at: Option<Instant>) -> Option<Instant> {
        match at {
            Some(_) => at.filter(|_| self.log.is_wanted()),
            None => {
                self.log.leave_out();
                None
            }
        }
    }

    fn tell_payload(&self, at: Instant, payload: Payload) {
        let client = Some(self.live.client);
        self.log
            .tell([self.log.event(Call::Send(payload), at, client, None)]);
    }

    /// One system call that sends something, as soon as the client takes something, and when it was begun, if there was room to tell it.
    async fn attempt(
        &mut self,
        mut call: impl FnMut(&mut TcpStream, &mut Context) -> Poll<io::Result<usize>>,
    ) -> Result<(Option<Instant>, usize), Ending> {
        let mut until = None;
        let mut at = None;
        let log = self.log;
        let sent = poll_fn(|context| {
            at = log.has_room().then(Instant::now);
            if let Poll::Ready(result) = call(self.stream, context) {
                return Poll::Ready(result.map_err(|error| {
                    log.failed(Way::Out, at.unwrap_or_else(Instant::now), &error);
                    Ending::ClientGone
                }));
            }
            let until = *until.get_or_insert_with(|| {
                let now = self.server.now();
                let answered = self.answered.as_ref();
                self.live
                    .sending(now, answered, self.progress.bytes, self.whole);
                let until = now + self.server.limits.stall_time;
                tokio::time::Instant::from_std(self.server.clock.instant(until))
            });
            self.timer
                .poll(until, context)
                .map(|()| Err(Ending::Stalled))
        })
        .await?;
        self.progress.bytes += sent as u64;
        self.progress.last = Some(self.server.now());
        self.progress.first = self.progress.first.or(self.progress.last);
        Ok((at, sent))
    }

    /// How many bytes may go now; waits until there are some.
    async fn allowance(&mut self) -> usize {
        let Some(rate) = self.rate else {
            return usize::MAX;
        };
        let step = (rate / (1_000 / SLOW_STEP.as_millis() as u64)).max(1);
        loop {
            let now = self.server.now();
            let elapsed = now.saturating_sub(self.started);
            let due = (rate as f64 * elapsed.as_secs_f64()) as u64 + step;
            if due > self.progress.bytes {
                return usize::try_from((due - self.progress.bytes).min(step))
                    .unwrap_or(usize::MAX);
            }
            let answered = self.answered.as_ref();
            self.live
                .sending(now, answered, self.progress.bytes, self.whole);
            let wait = (self.progress.bytes - due + 1) as f64 / rate.max(1) as f64;
            tokio::time::sleep(Duration::from_secs_f64(wait).max(SLOW_STEP / 2)).await;
        }
    }

    /// A client that takes just enough not to stall must take enough to come to an end.
    fn judge_rate(&self) -> Result<(), Ending> {
        if self.progress.bytes >= self.whole || self.rate.is_some() {
            return Ok(());
        }
        let elapsed = self.server.now().saturating_sub(self.started);
        match self.server.limits.is_too_slow(self.progress.bytes, elapsed) {
            true => Err(Ending::Stalled),
            false => Ok(()),
        }
    }
}

fn cut(bytes: &[u8], most: usize) -> &[u8] {
    &bytes[..bytes.len().min(most)]
}
