//! The connection of a mail client, in clear text or inside TLS. What an eavesdropper sees of an encrypted session is noted on the way.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::net::tls::Connector;
use crate::trace::clock::Clock;
use crate::trace::mail::{CIPHER_EXCERPT, Cipher, Speaker, TlsCard};

/// How long the last bytes of a session may take to leave.
const FAREWELL: Duration = Duration::from_millis(500);

/// A connection to a server.
pub enum Wire {
    Clear(TcpStream),
    Encrypted(Box<TlsStream<Watched>>),
    /// There is none, or no more.
    Closed,
}

/// What passed on the way since somebody looked.
pub type Seen = Rc<RefCell<Vec<Cipher>>>;

impl Wire {
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Wire::Encrypted(_))
    }

    /// Upgrades the connection; what failed is closed.
    pub async fn encrypt(
        &mut self,
        connector: &Connector,
        server_name: &str,
        clock: Clock,
        seen: Seen,
    ) -> Option<(TlsCard, io::Result<()>)> {
        let Wire::Clear(stream) = std::mem::replace(self, Wire::Closed) else {
            return None;
        };
        let watched = Watched {
            stream,
            clock,
            seen,
        };
        let (card, result) = connector.handshake(watched, server_name).await;
        let result = result.map(|stream| *self = Wire::Encrypted(Box::new(stream)));
        Some((card, result))
    }

    pub fn poll_read(
        &mut self,
        context: &mut Context,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let read = match self {
            Wire::Clear(stream) => Pin::new(stream).poll_read(context, &mut buffer),
            Wire::Encrypted(stream) => Pin::new(stream).poll_read(context, &mut buffer),
            Wire::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        };
        read.map_ok(|()| buffer.filled().len())
    }

    pub fn poll_write(&mut self, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Wire::Clear(stream) => Pin::new(stream).poll_write(context, bytes),
            Wire::Encrypted(stream) => Pin::new(stream).poll_write(context, bytes),
            Wire::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Ready when all that was written is with the system.
    pub fn poll_flush(&mut self, context: &mut Context) -> Poll<io::Result<()>> {
        match self {
            Wire::Encrypted(stream) => Pin::new(stream).poll_flush(context),
            Wire::Clear(_) | Wire::Closed => Poll::Ready(Ok(())),
        }
    }

    /// Says goodbye and closes. The other end may be gone already.
    pub async fn close(&mut self) {
        let mut wire = std::mem::replace(self, Wire::Closed);
        let goodbye = async {
            match &mut wire {
                Wire::Clear(stream) => stream.shutdown().await,
                Wire::Encrypted(stream) => stream.shutdown().await,
                Wire::Closed => Ok(()),
            }
        };
        let _ = tokio::time::timeout(FAREWELL, goodbye).await;
    }
}

/// A stream whose bytes are noted as everybody on the way sees them.
pub struct Watched {
    stream: TcpStream,
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
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
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
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(length)) = written {
            self.note(Speaker::Client, bytes, length);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
