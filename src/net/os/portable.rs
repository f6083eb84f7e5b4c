//! Every system but Linux: one datagram a call, a connected pinger, no kernel time stamps and no `/proc`. Built on
//! std and socket2 alone.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{Received, bind_udp, close, is_transient, pinger_address};
use crate::trace::recorder::SocketLog;
use crate::trace::start_error::{Holder, Transport};
use crate::trace::wire::{Call, Payload};

/// No UDP payload is longer (RFC 768: the length field has 16 bits), so no system call cuts one off. That matters
/// on Windows, which reports a cut as an error without a sender.
const LONGEST: usize = 1 << 16;

/// A batch of one: received, answered in place and sent. One batch serves one socket.
#[derive(Debug)]
pub struct Batch {
    slot_bytes: usize,
    buffer: Vec<u8>,
    received: Option<Slot>,
    /// The answer waits for a flush.
    pending: bool,
}

/// What is known of the datagram in the slot.
#[derive(Debug)]
struct Slot {
    /// As sent, perhaps more than the slot holds.
    len: usize,
    from: SocketAddr,
    answered: bool,
    /// Why the answer was not sent.
    failure: Option<io::Error>,
}

impl Batch {
    /// A batch for datagrams of up to `slot_bytes` bytes each. However many slots are asked for, one call takes one.
    pub fn new(_slots: usize, slot_bytes: usize) -> Self {
        Self {
            slot_bytes: slot_bytes.clamp(1, LONGEST),
            buffer: vec![0; LONGEST],
            received: None,
            pending: false,
        }
    }

    /// Waits for a datagram; returns how many slots are filled, which is one. An answer not yet flushed is forgotten.
    ///
    /// # Errors
    /// `WouldBlock` or `TimedOut` when the socket's read timeout ran out, and whatever else the socket reports; ask
    /// [`is_transient`] whether to go on.
    pub fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.received = None;
        self.pending = false;
        let (len, from) = socket.recv_from(&mut self.buffer)?;
        self.received = Some(Slot {
            len,
            from,
            answered: false,
            failure: None,
        });
        Ok(1)
    }

    fn received(&self, slot: usize) -> &Slot {
        let received = self.received.as_ref().filter(|_| slot == 0);
        received.expect("the last receive filled this slot")
    }

    /// The sender of the datagram in `slot`.
    ///
    /// # Panics
    /// Here and below: if the last receive did not fill `slot`.
    pub fn from(&self, slot: usize) -> SocketAddr {
        self.received(slot).from
    }

    /// The payload, or as much of it as a slot holds.
    pub fn bytes(&self, slot: usize) -> &[u8] {
        &self.buffer[..self.received(slot).len.min(self.slot_bytes)]
    }

    /// The payload, to be turned into the answer where it lies.
    pub fn bytes_mut(&mut self, slot: usize) -> &mut [u8] {
        let len = self.bytes(slot).len();
        &mut self.buffer[..len]
    }

    /// Whether the datagram was longer than a slot, so that its end is gone.
    pub fn is_truncated(&self, slot: usize) -> bool {
        self.received(slot).len > self.slot_bytes
    }

    /// Marks `slot` to be answered with its bytes by the next [`flush`](Self::flush), once however often it is marked.
    pub fn answer(&mut self, slot: usize) {
        if !self.is_answered(slot) {
            self.mark(true);
            self.pending = true;
        }
    }

    /// Whether `slot` is marked, and its answer not one that a flush failed to send.
    pub fn is_answered(&self, slot: usize) -> bool {
        self.received(slot).answered
    }

    /// Why the answer in `slot` was not sent by the last flush.
    pub fn failure(&self, slot: usize) -> Option<&io::Error> {
        self.received(slot).failure.as_ref()
    }

    /// Sends the marked answer, and returns how many the system would not take.
    pub fn flush(&mut self, socket: &UdpSocket) -> usize {
        if !std::mem::take(&mut self.pending) {
            return 0;
        }
        let sent = send(|| socket.send_to(self.bytes(0), self.from(0)));
        self.mark(sent.is_ok());
        let failure = sent.err();
        let failed = usize::from(failure.is_some());
        if let Some(slot) = &mut self.received {
            slot.failure = failure;
        }
        failed
    }

    fn mark(&mut self, answered: bool) {
        if let Some(slot) = &mut self.received {
            slot.answered = answered;
        }
    }
}

/// Sends, again if a signal came between.
fn send(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<()> {
    loop {
        match call() {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A socket that sends to one target. One thread may send while another receives.
///
/// It is connected, because only then do these systems report that the target refused. What that loses: datagrams
/// from any other address, which the system drops unseen, so strangers and a target that answers from another of
/// its addresses do not show.
#[derive(Debug)]
pub struct PingSocket {
    socket: UdpSocket,
    target: SocketAddr,
    /// Refusals that came out of a send, to be told by the next receive.
    refusals: AtomicUsize,
}

impl PingSocket {
    /// A socket on a free port that sends to `target`; on loopback only where the target is. What it takes to open it is told to `log`.
    ///
    /// # Errors
    /// Those of opening, binding and connecting a socket.
    pub fn open(target: SocketAddr, log: &mut SocketLog) -> io::Result<Self> {
        let socket = bind_udp(pinger_address(target), log)?;
        log.set_peer(Some(target));
        let connected = socket.connect(target);
        let at = Instant::now();
        log.set_local(socket.local_addr().ok());
        log.call(Call::Connect, at, &connected);
        if let Err(error) = connected {
            close(socket, log);
            return Err(error);
        }
        Ok(Self {
            socket,
            target,
            refusals: AtomicUsize::new(0),
        })
    }

    /// The call that [`send`](Self::send) makes.
    pub fn sending(payload: Payload) -> Call {
        Call::Send(payload)
    }

    /// The call that [`receive`](Self::receive) makes.
    pub fn receiving(payload: Payload) -> Call {
        Call::Recv(payload)
    }

    /// The address that the target sees, as far as this machine knows.
    ///
    /// # Errors
    /// Those of `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Sends one datagram to the target. An ICMP error about an earlier datagram, which the system reports to
    /// whichever call comes next, does not stop this one; [`receive`](Self::receive) tells of it.
    ///
    /// # Errors
    /// Those of sending this datagram: too long, no route, not allowed.
    pub fn send(&self, datagram: &[u8]) -> io::Result<()> {
        match send(|| self.socket.send(datagram)) {
            Err(error) if refused(&error) => {
                self.refusals.fetch_add(1, Ordering::Relaxed);
                send(|| self.socket.send(datagram))
            }
            other => other,
        }
    }

    /// Waits up to `timeout`, in steps of a millisecond, for what comes next. For one thread at a time.
    ///
    /// # Errors
    /// Those of `recv(2)`, interruptions and ICMP errors aside.
    pub fn receive(&self, buffer: &mut [u8], timeout: Duration) -> io::Result<Received> {
        let refusal = Received::Refused { datagram: None };
        let told = |n: usize| n.checked_sub(1);
        if self
            .refusals
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, told)
            .is_ok()
        {
            return Ok(refusal);
        }
        let started = Instant::now();
        loop {
            // A timeout of zero would mean to wait for ever.
            let left = timeout.saturating_sub(started.elapsed());
            self.socket
                .set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            let read = self.socket.recv(buffer);
            let at = Instant::now();
            let len = match read {
                Ok(len) => len,
                Err(error) if cut_off(&error) => buffer.len(),
                Err(error) if refused(&error) => return Ok(refusal),
                Err(error) if !is_transient(&error) => return Err(error),
                Err(_) if at.duration_since(started) >= timeout => return Ok(Received::Nothing),
                Err(_) => continue,
            };
            return Ok(Received::Datagram {
                len,
                from: self.target,
                at,
                kernel_at: None,
            });
        }
    }
}

/// Whether the target's machine said that nobody listens; Windows calls it a reset (10054).
fn refused(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}

/// `WSAEMSGSIZE`: Windows filled the buffer and threw the rest of the datagram away.
fn cut_off(error: &io::Error) -> bool {
    cfg!(windows) && error.raw_os_error() == Some(10040)
}

/// The system's count of datagrams lost for want of buffer: not to be had here.
#[derive(Debug, Clone)]
pub struct KernelDrops;

impl KernelDrops {
    /// The counter of `socket`.
    pub fn of(_socket: &UdpSocket) -> Self {
        Self
    }

    /// Datagrams dropped since the socket was opened: `None`.
    pub fn read(&self) -> Option<u64> {
        None
    }
}

/// The process that keeps `addr` from being bound: not to be had here.
pub fn port_holder(_addr: SocketAddr, _transport: Transport) -> Option<Holder> {
    None
}

/// Bytes of memory that this process has in RAM: not to be had here.
pub fn resident_memory() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::os::unheard;

    // Sending and receiving are tested with the contract, in the module above.
    #[test]
    fn there_are_no_counters() {
        let socket = bind_udp("127.0.0.1:0".parse().unwrap(), &mut unheard()).unwrap();
        let addr = socket.local_addr().unwrap();
        assert_eq!(KernelDrops::of(&socket).read(), None);
        assert_eq!(port_holder(addr, Transport::Udp), None);
        assert_eq!(resident_memory(), None);
    }

    #[test]
    fn an_answer_that_fails_is_counted() {
        let socket = bind_udp("127.0.0.1:0".parse().unwrap(), &mut unheard()).unwrap();
        let mut batch = Batch::new(1, 16);
        // A datagram may come from port 0; none can be sent there.
        let from = "127.0.0.1:0".parse().unwrap();
        batch.received = Some(Slot {
            len: 1,
            from,
            answered: false,
            failure: None,
        });
        batch.answer(0);
        assert_eq!(batch.flush(&socket), 1);
        assert!(!batch.is_answered(0) && batch.failure(0).is_some());
    }
}
