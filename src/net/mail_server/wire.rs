//! The connection of a session: clear at first, or encrypted, or one after the other. It tells what is sent; what is received is told by the session,
//! which knows what in it is a password.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use crate::net::tls::{self, Socket};
use crate::trace::recorder::{SocketLog, Way};
use crate::trace::wire::Layer;

pub struct Wire {
    pub channel: Channel,
    log: SocketLog,
}

#[expect(
    clippy::large_enum_variant,
    reason = "most sessions are in clear text, and a session has one channel"
)]
pub enum Channel {
    Clear(Socket),
    Tls(Box<TlsStream<Socket>>),
    /// Between the two, or after a handshake that failed.
    Gone,
}

impl Wire {
    /// In clear text.
    pub fn new(socket: Socket) -> Self {
        Self {
            log: socket.log().clone(),
            channel: Channel::Clear(socket),
        }
    }

    pub fn is_clear(&self) -> bool {
        matches!(self.channel, Channel::Clear(_))
    }

    fn layer(&self) -> Layer {
        match self.channel {
            Channel::Tls(_) => Layer::InsideTls,
            Channel::Clear(_) | Channel::Gone => Layer::Socket,
        }
    }

    /// Whether anybody wants to know what moves.
    pub fn is_told(&self) -> bool {
        self.log.id() != 0
    }

    /// Reads what is there; 0 bytes say that nothing more will come. Bytes that came are to be told with [`Wire::tell_received`].
    pub fn poll_read(
        &mut self,
        context: &mut Context,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let read = match &mut self.channel {
            Channel::Clear(socket) => Pin::new(socket).poll_read(context, &mut buffer),
            Channel::Tls(stream) => Pin::new(stream).poll_read(context, &mut buffer),
            Channel::Gone => return Poll::Ready(Ok(0)),
        };
        let read = ready!(read).map(|()| buffer.filled().len());
        if self.is_told() && matches!(read, Ok(0) | Err(_)) {
            tls::tell(&self.log, Way::In, self.layer(), Instant::now(), &read, &[]);
        }
        Poll::Ready(read)
    }

    /// Tells of bytes that were read; `secrets` are parts of them.
    pub fn tell_received(&self, at: Instant, bytes: &[u8], secrets: &[std::ops::Range<usize>]) {
        self.log.moved(Way::In, self.layer(), at, bytes, secrets);
    }

    /// Hands all of `bytes` from `*written` on to the system.
    pub fn poll_send(
        &mut self,
        context: &mut Context,
        bytes: &[u8],
        written: &mut usize,
    ) -> Poll<io::Result<()>> {
        while *written < bytes.len() {
            let rest = &bytes[*written..];
            let at = self.is_told().then(Instant::now);
            let some = ready!(match &mut self.channel {
                Channel::Clear(socket) => Pin::new(socket).poll_write(context, rest),
                Channel::Tls(stream) => Pin::new(stream).poll_write(context, rest),
                Channel::Gone => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            });
            if let Some(at) = at {
                tls::tell(&self.log, Way::Out, self.layer(), at, &some, rest);
            }
            match some? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                some => *written += some,
            }
        }
        match &mut self.channel {
            // A session may hold an encrypted record back.
            Channel::Tls(stream) => Pin::new(stream).poll_flush(context),
            Channel::Clear(_) | Channel::Gone => Poll::Ready(Ok(())),
        }
    }

    /// Says that nothing more will be sent.
    pub fn poll_shutdown(&mut self, context: &mut Context) -> Poll<io::Result<()>> {
        match &mut self.channel {
            Channel::Clear(socket) => Pin::new(socket).poll_shutdown(context),
            Channel::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Channel::Gone => Poll::Ready(Ok(())),
        }
    }
}
