//! The socket beneath a mail session: it tells the recorder what a handshake moves, when it is shut down, and that it is closed.
//!
//! It stands apart because both ends need it, and because only here are the records of a handshake seen. What goes over in clear text or inside TLS is
//! told by those who know which part of it is a password.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::trace::recorder::{Closing, SocketLog, Way};
use crate::trace::wire::{Call, End, Layer};

/// The type of a TLS record that holds application data, and in TLS 1.3 everything else that is encrypted (RFC 8446 §5.1).
const APPLICATION_DATA: u8 = 23;

/// A connected socket that tells its calls.
pub struct Socket {
    stream: TcpStream,
    handshake: Option<Handshake>,
    /// After the stream: that is closed then.
    log: Closing,
}

impl Socket {
    pub fn new(stream: TcpStream, log: Closing) -> Self {
        Self {
            stream,
            handshake: None,
            log,
        }
    }

    pub fn log(&self) -> &SocketLog {
        &self.log.0
    }

    /// Sends small pieces without waiting for an acknowledgement.
    ///
    /// # Errors
    /// The system's.
    pub fn set_nodelay(&self) -> io::Result<()> {
        self.stream.set_nodelay(true)
    }

    /// From now on all that moves is a handshake, and told.
    pub fn begin_handshake(&mut self, end: End) {
        self.handshake = Some(Handshake {
            log: self.log.0.clone(),
            records: (end == End::Server).then(Records::default),
            version: None,
            held: Vec::new(),
        });
    }

    /// The handshake is done. What moves from now on is told by whoever sees what is in it.
    pub fn end_handshake(&mut self, version: Option<ProtocolVersion>) {
        if let Some(mut handshake) = self.handshake.take() {
            handshake.version = version;
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        if let Some(handshake) = &mut self.handshake {
            handshake.received(&read, &buffer.filled()[before..]);
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let at = self.handshake.is_some().then(Instant::now);
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        if let Some(at) = at {
            tell(self.log(), Way::Out, Layer::Socket, at, &written, bytes);
        }
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        let done = ready!(Pin::new(&mut self.stream).poll_shutdown(context));
        self.log().call(Call::Shutdown, Instant::now(), &done);
        Poll::Ready(done)
    }
}

/// Tells a call that moved bytes, or failed to: those of `bytes` that the result says.
pub fn tell(
    log: &SocketLog,
    way: Way,
    layer: Layer,
    at: Instant,
    result: &io::Result<usize>,
    bytes: &[u8],
) {
    match result {
        Ok(length) => log.moved(way, layer, at, &bytes[..*length], &[]),
        Err(_) => {
            let nothing = log.payload(&[], 0, layer, &[]);
            let call = match way {
                Way::Out => Call::Send(nothing),
                Way::In => Call::Recv(nothing),
            };
            log.call(call, at, result);
        }
    }
}

/// What is read while hands are shaken.
///
/// A client may send its first command right behind its last record. What of that belongs to the handshake is known only when it is done: in TLS 1.3 the
/// client's `Finished` is its first record of application data, before that none is. Such reads are held back until then.
struct Handshake {
    log: SocketLog,
    /// At the server, where commands may come behind the handshake.
    records: Option<Records>,
    version: Option<ProtocolVersion>,
    held: Vec<Held>,
}

/// A read that was held back.
struct Held {
    at: Instant,
    /// Where it begins in all that was read.
    from: u64,
    bytes: Vec<u8>,
}

impl Handshake {
    fn received(&mut self, result: &io::Result<()>, bytes: &[u8]) {
        if self.log.id() == 0 {
            return;
        }
        let at = Instant::now();
        if let Err(error) = result {
            let failed = Err(io::Error::new(error.kind(), error.to_string()));
            return tell(&self.log, Way::In, Layer::Socket, at, &failed, &[]);
        }
        let Some(records) = &mut self.records else {
            return self.log.moved(Way::In, Layer::Socket, at, bytes, &[]);
        };
        let from = records.seen;
        records.push(bytes);
        if records.data.is_some() {
            let bytes = bytes.to_vec();
            self.held.push(Held { at, from, bytes });
        } else {
            let hidden = records.hidden(from, bytes.len());
            self.log.moved(Way::In, Layer::Socket, at, bytes, &hidden);
        }
    }
}

impl Drop for Handshake {
    /// Tells what was held back: of a handshake that was not done, all of it.
    fn drop(&mut self) {
        let Some(records) = &self.records else {
            return;
        };
        let end = match (&records.data, self.version) {
            (Some(data), Some(ProtocolVersion::TLSv1_3)) => data.end,
            (Some(data), Some(_)) => data.start,
            _ => u64::MAX,
        };
        for Held { at, from, bytes } in self.held.drain(..) {
            let length = usize::try_from(end.saturating_sub(from)).unwrap_or(usize::MAX);
            let ours = &bytes[..bytes.len().min(length)];
            if !ours.is_empty() {
                let hidden = records.hidden(from, ours.len());
                self.log.moved(Way::In, Layer::Socket, at, ours, &hidden);
            }
        }
    }
}

/// Finds the records in what a client sends (RFC 8446 §5.1).
#[derive(Default)]
struct Records {
    /// Bytes looked at so far.
    seen: u64,
    /// The head of the record under way, and how much of it is there.
    head: [u8; 5],
    filled: usize,
    /// Bytes of the record under way that are still to come.
    left: u64,
    /// Where the first record of application data is.
    data: Option<std::ops::Range<u64>>,
    /// From here on these are no records. A client that goes on in clear text may say a password there.
    broken: Option<u64>,
}

impl Records {
    fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.broken.is_none() {
            let skipped = self.left.min(bytes.len() as u64);
            self.left -= skipped;
            self.seen += skipped;
            bytes = &bytes[skipped as usize..];
            let Some((&byte, rest)) = bytes.split_first() else {
                break;
            };
            self.head[self.filled] = byte;
            self.filled += 1;
            self.seen += 1;
            bytes = rest;
            let head = self.seen - self.filled as u64;
            let is_record = match self.filled {
                1 => (20..=24).contains(&byte),
                2 => byte == 3,
                _ => true,
            };
            if !is_record {
                self.broken = Some(head);
            }
            if self.filled == self.head.len() {
                self.filled = 0;
                self.left = u64::from(u16::from_be_bytes([self.head[3], self.head[4]]));
                if self.head[0] == APPLICATION_DATA && self.data.is_none() {
                    self.data = Some(head..self.seen + self.left);
                }
            }
        }
        self.seen += bytes.len() as u64;
    }

    /// The parts of a read that are no records.
    fn hidden(&self, from: u64, length: usize) -> Vec<std::ops::Range<usize>> {
        let broken = self.broken.map(|at| at.saturating_sub(from));
        let start = broken.map(|at| usize::try_from(at).unwrap_or(usize::MAX));
        let part = start.filter(|&start| start < length);
        part.map(|start| start..length).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, length: u16) -> Vec<u8> {
        let [high, low] = length.to_be_bytes();
        let mut record = vec![kind, 3, 3, high, low];
        record.resize(5 + usize::from(length), kind);
        record
    }

    #[test]
    fn records_are_found_however_they_come() {
        let stream = [
            record(22, 300),
            record(20, 1),
            record(23, 70),
            record(23, 9),
        ]
        .concat();
        let data = 311..386;
        for size in [1, 2, 7, 64, stream.len()] {
            let mut records = Records::default();
            for part in stream.chunks(size) {
                records.push(part);
            }
            assert_eq!(records.data, Some(data.clone()), "{size} at a time");
            assert_eq!((records.seen, records.broken), (stream.len() as u64, None));
        }
    }

    #[test]
    fn what_is_no_record_is_hidden() {
        let hello = record(22, 20);
        let stream = [&hello[..], b"AUTH PLAIN AHMAcw==\r\n"].concat();
        for size in 1..=stream.len() {
            let mut records = Records::default();
            let mut shown = Vec::new();
            for part in stream.chunks(size) {
                let from = records.seen;
                records.push(part);
                let mut part = part.to_vec();
                for hidden in records.hidden(from, part.len()) {
                    part[hidden].fill(b'*');
                }
                shown.extend(part);
            }
            assert_eq!(&shown[..hello.len()], hello, "{size} at a time");
            let rest = &shown[hello.len()..];
            assert!(rest.iter().all(|&byte| byte == b'*'), "{size} at a time");
        }
    }
}
