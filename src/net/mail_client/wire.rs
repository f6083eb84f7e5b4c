//! The connection of a mail client, in clear text or inside TLS: it tells what is sent and received, passwords masked. What an eavesdropper sees of an
//! encrypted session is noted on the way.

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::net::tls::{self, Connector, Socket};
use crate::trace::clock::Clock;
use crate::trace::mail::{CIPHER_EXCERPT, Cipher, Speaker, TlsCard};
use crate::trace::recorder::{SocketLog, Way};
use crate::trace::wire::{End, Layer};

/// How long the last bytes of a session may take to leave.
const FAREWELL: Duration = Duration::from_millis(500);

/// A connection to a server.
pub struct Wire {
    channel: Channel,
    log: SocketLog,
}

#[expect(
    clippy::large_enum_variant,
    reason = "most sessions are in clear text, and a session has one channel"
)]
enum Channel {
    Clear(Socket),
    Encrypted(Box<TlsStream<Watched>>),
    /// There is none, or no more.
    Closed,
}

/// What passed on the way since somebody looked.
pub type Seen = Rc<RefCell<Vec<Cipher>>>;

impl Wire {
    /// In clear text.
    pub fn new(socket: Socket) -> Self {
        Self {
            log: socket.log().clone(),
            channel: Channel::Clear(socket),
        }
    }

    pub fn is_encrypted(&self) -> bool {
        matches!(self.channel, Channel::Encrypted(_))
    }

    fn layer(&self) -> Layer {
        match self.is_encrypted() {
            true => Layer::InsideTls,
            false => Layer::Socket,
        }
    }

    /// Upgrades the connection; what failed is closed.
    pub async fn encrypt(
        &mut self,
        connector: &Connector,
        server_name: &str,
        clock: Clock,
        seen: Seen,
    ) -> Option<(TlsCard, io::Result<()>)> {
        let Channel::Clear(mut socket) = std::mem::replace(&mut self.channel, Channel::Closed)
        else {
            return None;
        };
        socket.begin_handshake(End::Client);
        let watched = Watched {
            socket,
            clock,
            seen,
        };
        let (card, result) = connector.handshake(watched, server_name).await;
        let result = result.map(|mut stream| {
            let (watched, session) = stream.get_mut();
            watched.socket.end_handshake(session.protocol_version());
            self.channel = Channel::Encrypted(Box::new(stream));
        });
        Some((card, result))
    }

    pub fn poll_read(
        &mut self,
        context: &mut Context,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let read = match &mut self.channel {
            Channel::Clear(socket) => Pin::new(socket).poll_read(context, &mut buffer),
            Channel::Encrypted(stream) => Pin::new(stream).poll_read(context, &mut buffer),
            Channel::Closed => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        };
        let read = ready!(read).map(|()| buffer.filled().len());
        if self.log.id() != 0 {
            let (at, bytes) = (Instant::now(), buffer.filled());
            tls::tell(&self.log, Way::In, self.layer(), at, &read, bytes);
        }
        Poll::Ready(read)
    }

    /// Writes some of `bytes` from `written` on; `secrets` are parts of `bytes`.
    pub fn poll_write(
        &mut self,
        context: &mut Context,
        bytes: &[u8],
        written: usize,
        secrets: &[Range<usize>],
    ) -> Poll<io::Result<usize>> {
        let rest = &bytes[written..];
        let at = (self.log.id() != 0).then(Instant::now);
        let result = ready!(match &mut self.channel {
            Channel::Clear(socket) => Pin::new(socket).poll_write(context, rest),
            Channel::Encrypted(stream) => Pin::new(stream).poll_write(context, rest),
            Channel::Closed => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        });
        if let Some(at) = at {
            let (way, layer) = (Way::Out, self.layer());
            match &result {
                Ok(length) => {
                    let secrets = part_of(secrets, written..written + length);
                    self.log.moved(way, layer, at, &rest[..*length], &secrets);
                }
                Err(_) => tls::tell(&self.log, way, layer, at, &result, rest),
            }
        }
        Poll::Ready(result)
    }

    /// Ready when all that was written is with the system.
    pub fn poll_flush(&mut self, context: &mut Context) -> Poll<io::Result<()>> {
        match &mut self.channel {
            Channel::Encrypted(stream) => Pin::new(stream).poll_flush(context),
            Channel::Clear(_) | Channel::Closed => Poll::Ready(Ok(())),
        }
    }

    /// Says goodbye and closes. The other end may be gone already.
    pub async fn close(&mut self) {
        let mut channel = std::mem::replace(&mut self.channel, Channel::Closed);
        let goodbye = async {
            match &mut channel {
                Channel::Clear(socket) => socket.shutdown().await,
                Channel::Encrypted(stream) => stream.shutdown().await,
                Channel::Closed => Ok(()),
            }
        };
        let _ = tokio::time::timeout(FAREWELL, goodbye).await;
    }
}

/// What of these parts lies in `part`, counted from its beginning.
fn part_of(secrets: &[Range<usize>], part: Range<usize>) -> Vec<Range<usize>> {
    let within = |place: usize| place.clamp(part.start, part.end) - part.start;
    let parts = secrets
        .iter()
        .map(|secret| within(secret.start)..within(secret.end));
    parts.filter(|part| !part.is_empty()).collect()
}

/// A socket whose bytes are noted as everybody on the way sees them.
struct Watched {
    socket: Socket,
    clock: Clock,
    seen: Seen,
}

impl Watched {
    fn note(&self, from: Speaker, bytes: &[u8], length: usize) {
        if length == 0 {
            return;
        }
        self.seen.borrow_mut().push(Cipher {
            at: self.clock.at(Instant::now()),
            from,
            excerpt: bytes[..length.min(CIPHER_EXCERPT)].into(),
            length: length as u64,
        });
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = read {
            let new = &buffer.filled()[before..];
            self.note(Speaker::Server, new, new.len());
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        if let Poll::Ready(Ok(length)) = written {
            self.note(Speaker::Client, bytes, length);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
