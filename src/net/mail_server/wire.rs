//! The connection of a session: clear at first, or encrypted, or one after the other.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

pub enum Wire {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Between the two, or after a handshake that failed.
    Gone,
}

impl Wire {
    /// Reads what is there; 0 bytes say that nothing more will come.
    pub fn poll_read(
        &mut self,
        context: &mut Context,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let result = match self {
            Wire::Clear(stream) => Pin::new(stream).poll_read(context, &mut buffer),
            Wire::Tls(stream) => Pin::new(stream).poll_read(context, &mut buffer),
            Wire::Gone => Poll::Ready(Ok(())),
        };
        result.map_ok(|()| buffer.filled().len())
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
            let some = match self {
                Wire::Clear(stream) => ready!(Pin::new(stream).poll_write(context, rest))?,
                Wire::Tls(stream) => ready!(Pin::new(stream).poll_write(context, rest))?,
                Wire::Gone => 0,
            };
            if some == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *written += some;
        }
        match self {
            // A session may hold an encrypted record back.
            Wire::Tls(stream) => Pin::new(stream).poll_flush(context),
            Wire::Clear(_) | Wire::Gone => Poll::Ready(Ok(())),
        }
    }

    /// Says that nothing more will be sent.
    pub fn poll_shutdown(&mut self, context: &mut Context) -> Poll<io::Result<()>> {
        match self {
            Wire::Clear(stream) => Pin::new(stream).poll_shutdown(context),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Wire::Gone => Poll::Ready(Ok(())),
        }
    }
}
