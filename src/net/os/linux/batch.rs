//! Datagrams by the batch: `recvmmsg(2)` takes what is queued and `sendmmsg(2)` answers it, so that a busy echo
//! server enters the kernel twice for many datagrams. The buffers are allocated once; a call allocates nothing.

use std::array;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg, sendmsg,
};

use super::inet_address;

/// The most datagrams in one system call. The slices handed to the kernel live on the stack, in arrays of this
/// length; a longer batch gains nothing (measured on loopback, 64 datagrams in flight).
const MOST: usize = 32;

/// Bytes that the processor reads at a time.
const CACHE_LINE: usize = 64;

/// The longest answer that is sent as a segment of several: it must fit into a packet of any link.
const LONGEST_SEGMENT: usize = 1200;

/// No UDP payload is longer (RFC 768: the length field has 16 bits).
const LONGEST: usize = 1 << 16;

/// Slots for datagrams received together, answered in place and sent together. One batch serves one socket,
/// on the thread that made it: it keeps the kernel's pointers, which do not move between threads.
#[derive(Debug)]
pub struct Batch {
    slots: usize,
    slot_bytes: usize,
    /// From the beginning of one slot to that of the next. Not a multiple of a page: small datagrams at the same place of every page would
    /// all fall into the same few lines of the processor's cache.
    stride: usize,
    /// Slots offered to the next receive: twice what the last one filled, since each costs a little even if it
    /// stays empty, and most batches are as long as the one before.
    offered: usize,
    buffer: Vec<u8>,
    received: Vec<Slot>,
    /// The slots whose answers wait for a flush.
    answers: Vec<usize>,
    /// Where each of `answers` goes: beside it, since the kernel's side wants them in a row.
    addresses: Vec<Option<SockaddrStorage>>,
    receive_headers: MultiHeaders<SockaddrStorage>,
    /// The kernel and the device cut one long send into datagrams (`UDP_SEGMENT`, Linux 4.18); until one says no.
    segments: bool,
    // Apart from the others: sending leaves pointers to its own addresses in its headers.
    send_headers: MultiHeaders<SockaddrStorage>,
}

/// What is known of the datagram in a slot.
#[derive(Debug)]
struct Slot {
    len: usize,
    from: SocketAddr,
    truncated: bool,
    answered: bool,
    /// Why its answer was not sent.
    failure: Option<io::Error>,
}

impl Batch {
    /// A batch of `slots` datagrams (1 to 32) of up to `slot_bytes` bytes each.
    pub fn new(slots: usize, slot_bytes: usize) -> Self {
        let slots = slots.clamp(1, MOST);
        let slot_bytes = slot_bytes.clamp(1, LONGEST);
        let stride = slot_bytes.next_multiple_of(CACHE_LINE) + 3 * CACHE_LINE;
        Self {
            slots,
            slot_bytes,
            stride,
            offered: slots,
            buffer: vec![0; slots * stride],
            received: Vec::with_capacity(slots),
            answers: Vec::with_capacity(slots),
            addresses: Vec::with_capacity(slots),
            segments: true,
            receive_headers: MultiHeaders::preallocate(slots, None),
            send_headers: MultiHeaders::preallocate(slots, None),
        }
    }

    /// Waits for a datagram, then takes those already queued behind it; returns how many slots are filled, from 0
    /// on. Answers not yet flushed are forgotten.
    ///
    /// # Errors
    /// `WouldBlock` when the socket's read timeout ran out, and whatever else the socket reports; ask
    /// [`is_transient`](crate::net::os::is_transient) whether to go on.
    pub fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.received.clear();
        self.forget_answers();
        let mut chunks = self.buffer.chunks_exact_mut(self.stride).take(self.offered);
        let mut slices: [[IoSliceMut; 1]; MOST] = array::from_fn(|_| match chunks.next() {
            Some(chunk) => [IoSliceMut::new(&mut chunk[..self.slot_bytes])],
            None => [IoSliceMut::new(&mut [])],
        });
        let messages = recvmmsg(
            socket.as_raw_fd(),
            &mut self.receive_headers,
            slices.iter_mut().take(self.offered),
            MsgFlags::MSG_WAITFORONE,
            None,
        )?;
        self.received.extend(messages.map(|message| {
            Slot {
                len: message.bytes,
                from: message
                    .address
                    .as_ref()
                    .and_then(inet_address)
                    .unwrap_or(NOBODY),
                truncated: message.flags.contains(MsgFlags::MSG_TRUNC),
                answered: false,
                failure: None,
            }
        }));
        let filled = self.received.len();
        self.offered = (2 * filled).clamp(1, self.slots);
        Ok(filled)
    }

    /// The sender of the datagram in `slot`.
    ///
    /// # Panics
    /// Here and below: if the last receive did not fill `slot`.
    pub fn from(&self, slot: usize) -> SocketAddr {
        self.received[slot].from
    }

    /// The payload, or as much of it as a slot holds.
    pub fn bytes(&self, slot: usize) -> &[u8] {
        &self.buffer[slot * self.stride..][..self.received[slot].len]
    }

    /// The payload, to be turned into the answer where it lies.
    pub fn bytes_mut(&mut self, slot: usize) -> &mut [u8] {
        &mut self.buffer[slot * self.stride..][..self.received[slot].len]
    }

    /// Whether the datagram was longer than a slot, so that its end is gone.
    pub fn is_truncated(&self, slot: usize) -> bool {
        self.received[slot].truncated
    }

    /// Marks `slot` to be answered with its bytes by the next [`flush`](Self::flush), once however often it is marked.
    pub fn answer(&mut self, slot: usize) {
        let received = &mut self.received[slot];
        if !received.answered {
            received.answered = true;
            self.answers.push(slot);
            self.addresses.push(Some(received.from.into()));
        }
    }

    /// Whether `slot` is marked, and its answer not one that a flush failed to send.
    pub fn is_answered(&self, slot: usize) -> bool {
        self.received[slot].answered
    }

    /// Why the answer in `slot` was not sent by the last flush.
    pub fn failure(&self, slot: usize) -> Option<&io::Error> {
        self.received[slot].failure.as_ref()
    }

    /// Sends every marked answer, in the order marked, and returns how many the kernel would not take: those are
    /// skipped, whatever the reason, and the others sent.
    pub fn flush(&mut self, socket: &UdpSocket) -> usize {
        let mut failed = 0;
        let mut next = 0;
        while next < self.answers.len() {
            match self.send_from(socket, next) {
                // Never 0, since a call that sends nothing is an error; were it, this would not hang.
                Ok(count) => next += count.max(1),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let received = &mut self.received[self.answers[next]];
                    received.answered = false;
                    received.failure = Some(error);
                    failed += 1;
                    next += 1;
                }
            }
        }
        self.forget_answers();
        failed
    }

    /// Sends answers from number `first` on, as many as one call takes. An error is that of `first`: those of later
    /// ones end the call early and come back when it is their turn.
    fn send_from(&mut self, socket: &UdpSocket, first: usize) -> io::Result<usize> {
        let answers = &self.answers[first..];
        if let &[slot] = answers {
            // The plain call is the quicker one here, and the common one when pings come one at a time.
            socket.send_to(self.bytes(slot), self.from(slot))?;
            return Ok(1);
        }
        let run = self.run_of(answers);
        if self.segments && run > 1 {
            match self.send_run(socket, first, run) {
                Ok(()) => return Ok(run),
                // Not every device can; those that follow go one by one, and so do these.
                Err(_) => self.segments = false,
            }
        }
        let answers = &self.answers[first..];
        let bytes = |&slot: &usize| &self.buffer[slot * self.stride..][..self.received[slot].len];
        let slices: [[IoSlice; 1]; MOST] =
            array::from_fn(|i| [IoSlice::new(answers.get(i).map_or(&[], bytes))]);
        let sent = sendmmsg(
            socket.as_raw_fd(),
            &mut self.send_headers,
            slices.iter().take(answers.len()),
            &self.addresses[first..],
            [],
            MsgFlags::empty(),
        )?;
        Ok(sent.count())
    }

    /// How many of these answers, from the first on, go to one client and have one length.
    fn run_of(&self, answers: &[usize]) -> usize {
        let Some(&first) = answers.first() else {
            return 0;
        };
        let Slot { from, len, .. } = self.received[first];
        if !(1..=LONGEST_SEGMENT).contains(&len) {
            return 1;
        }
        let alike = |slot: &&usize| {
            let other = &self.received[**slot];
            other.len == len && other.from == from
        };
        answers.iter().take_while(alike).count()
    }

    /// Sends a run of answers through the network stack as one, to be cut into datagrams at its end: the way through
    /// it is what a busy echo server spends its time on.
    fn send_run(&self, socket: &UdpSocket, first: usize, run: usize) -> io::Result<()> {
        let answers = &self.answers[first..first + run];
        let slices: [IoSlice; MOST] = array::from_fn(|i| {
            IoSlice::new(answers.get(i).map_or(&[][..], |&slot| self.bytes(slot)))
        });
        let segment = self.received[answers[0]].len as u16;
        sendmsg(
            socket.as_raw_fd(),
            &slices[..run],
            &[ControlMessage::UdpGsoSegments(&segment)],
            MsgFlags::empty(),
            self.addresses[first].as_ref(),
        )?;
        Ok(())
    }

    fn forget_answers(&mut self) {
        self.answers.clear();
        self.addresses.clear();
    }
}

/// Stands for a sender that is neither IPv4 nor IPv6, which UDP does not have; nothing can be sent to it.
const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_answer_that_fails_does_not_lose_the_others() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let to = server.local_addr().unwrap();
        for text in ["a", "b", "c", "d"] {
            client.send_to(text.as_bytes(), to).unwrap();
        }
        let mut batch = Batch::new(4, 16);
        // On loopback all four are queued once sent.
        assert_eq!(batch.receive(&server).unwrap(), 4);
        // A datagram may come from port 0; none can be sent there.
        batch.received[0].from = NOBODY;
        batch.received[2].from = NOBODY;
        for slot in 0..4 {
            batch.answer(slot);
        }
        assert_eq!(batch.flush(&server), 2);
        let answered = [0, 1, 2, 3].map(|slot| batch.is_answered(slot));
        assert_eq!(answered, [false, true, false, true]);
        let failed = [0, 1, 2, 3].map(|slot| batch.failure(slot).is_some());
        assert_eq!(failed, [true, false, true, false]);
        let mut reply = [0; 4];
        for expected in [b"b", b"d"] {
            let len = client.recv(&mut reply).unwrap();
            assert_eq!(&reply[..len], expected);
        }
    }

    #[test]
    fn no_more_slots_than_one_call_takes() {
        assert_eq!(Batch::new(1000, 16).slots, MOST);
        assert_eq!(Batch::new(0, 0).slots, 1);
    }
}
