//! The pinger's socket. It is not connected, so that the kernel shows it strangers' datagrams too. Its error queue
//! (recvmsg(2) with `MSG_ERRQUEUE`) tells what became of what was sent: the time stamp of each datagram as it went
//! to the device (`SO_TIMESTAMPING`, Documentation/networking/timestamping.rst) and the ICMP errors that came
//! back, with the datagram they are about (`IP_RECVERR`, ip(7)).

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, TimestampingFlag, Timestamps, recvmsg,
    setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;

use super::inet_address;
use crate::net::lock::lock;
use crate::net::os::{Received, bind_udp, is_transient, pinger_address};
use crate::trace::recorder::SocketLog;
use crate::trace::wire::{Call, Payload};

/// How often one datagram is offered to the kernel. A failing call takes a pending error of older datagrams away,
/// so a second failure in a row is rare and a fourth is an error of this datagram.
const TRIES: usize = 4;

/// From here on a wait starts as a plain blocking read, which is quicker when a reply comes than polling first. A
/// socket's read timeout ends late by an eighth and two ticks of the kernel (20 ms at worst), so it covers 5/8 of
/// such a wait, again and again, and the exact rest is polled.
const COARSE: Duration = Duration::from_millis(80);

/// Entries taken from the error queue in one go, so that a flood of ICMP errors cannot hold back a reply.
const MOST_NOTICES: usize = 32;

/// Room for the payload that an ICMP error quotes: at most 548 bytes over IPv4 (RFC 1812 section 4.3.2.3), 1232
/// over IPv6 (RFC 4443 section 2.4).
const QUOTE: usize = 1280;

/// A socket that sends to one target. One thread may send while another receives.
#[derive(Debug)]
pub struct PingSocket {
    socket: UdpSocket,
    target: SocketAddr,
    inbox: Mutex<Inbox>,
}

/// What the receiving side keeps between calls.
#[derive(Debug)]
struct Inbox {
    /// Read from the error queue, not yet handed out.
    notices: VecDeque<Received>,
    /// Read after those notices, with its bytes, and handed out after them.
    datagram: Option<(Received, Vec<u8>)>,
    /// Room for control messages.
    control: Vec<u8>,
    /// How long a blocking read waits: the socket's read timeout.
    limit: Duration,
}

impl PingSocket {
    /// A socket on a free port that sends to `target`; on loopback only where the target is. What it takes to open it is told to `log`.
    ///
    /// # Errors
    /// Those of opening and binding a socket. A kernel that has no time stamps to give is not an error: no stamps
    /// come then.
    pub fn open(target: SocketAddr, log: &mut SocketLog) -> io::Result<Self> {
        let socket = bind_udp(pinger_address(target), log)?;
        match target {
            SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
            SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
        }
        let stamps = TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_TX_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_OPT_ID
            | TimestampingFlag::SOF_TIMESTAMPING_OPT_TSONLY;
        let _ = setsockopt(&socket, sockopt::Timestamping, &stamps);
        Ok(Self {
            socket,
            target,
            inbox: Mutex::new(Inbox {
                notices: VecDeque::with_capacity(MOST_NOTICES),
                datagram: None,
                limit: Duration::MAX,
                control: nix::cmsg_space!(
                    Timestamps,
                    (libc::sock_extended_err, libc::sockaddr_in6)
                ),
            }),
        })
    }

    /// The call that [`send`](Self::send) makes.
    pub fn sending(payload: Payload) -> Call {
        Call::SendTo(payload)
    }

    /// The call that [`receive`](Self::receive) makes.
    pub fn receiving(payload: Payload) -> Call {
        Call::RecvFrom(payload)
    }

    /// The address that the target sees, as far as this machine knows.
    ///
    /// # Errors
    /// Those of `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Sends one datagram to the target. An ICMP error about an earlier datagram, which the kernel reports to
    /// whichever call comes next, does not stop this one; [`receive`](Self::receive) tells of it.
    ///
    /// # Errors
    /// Those of sending this datagram: too long, no route, not allowed.
    pub fn send(&self, datagram: &[u8]) -> io::Result<()> {
        let mut tries = 1;
        loop {
            match self.socket.send_to(datagram, self.target) {
                Ok(_) => return Ok(()),
                Err(error) if tries == TRIES => return Err(error),
                Err(_) => tries += 1,
            }
        }
    }

    /// Waits up to `timeout` for what comes next. What is known of earlier sends is told before a datagram that
    /// arrived with it, so a ping's send stamp comes before its reply. For one thread at a time.
    ///
    /// Called by the thread that sends, it adds least to a round trip: waking a second thread, perhaps on another
    /// processor, takes longer than a loopback round trip itself.
    ///
    /// # Errors
    /// Those of `ppoll(2)` and `recvmsg(2)`, interruptions and ICMP errors aside.
    pub fn receive(&self, buffer: &mut [u8], timeout: Duration) -> io::Result<Received> {
        let mut inbox = lock(&self.inbox);
        if let Some(held) = inbox.next(buffer) {
            return Ok(held);
        }
        let started = Instant::now();
        let mut left = timeout;
        loop {
            let flags = if left >= COARSE {
                inbox.limit_wait(&self.socket, left)?;
                MsgFlags::empty()
            } else {
                // Entries of the error queue would end the wait at once. Stamps of sendings are kept back meanwhile: a
                // reply is most likely on its way, and every call before the wait makes it late.
                inbox.read_notices(&self.socket);
                let is_stamp = |notice: &Received| matches!(notice, Received::SentStamp { .. });
                if !inbox.notices.iter().all(is_stamp) || !wait(&self.socket, left)? {
                    return Ok(inbox.notices.pop_front().unwrap_or(Received::Nothing));
                }
                MsgFlags::MSG_DONTWAIT
            };
            // The datagram first, for the sake of its time stamp.
            let datagram = inbox.read_datagram(&self.socket, buffer, flags);
            let read = inbox.read_notices(&self.socket);
            match (inbox.notices.pop_front(), datagram) {
                (Some(notice), Ok((datagram, len))) => {
                    inbox.datagram = Some((datagram, buffer[..len].to_vec()));
                    return Ok(notice);
                }
                (Some(notice), Err(_)) => return Ok(notice),
                (None, Ok((datagram, _))) => return Ok(datagram),
                // The error queue had no room for it.
                (None, Err(Errno::ECONNREFUSED)) if read == 0 => {
                    return Ok(Received::Refused { datagram: None });
                }
                (None, Err(errno)) if read == 0 && !is_transient(&errno.into()) => {
                    return Err(errno.into());
                }
                (None, Err(_)) => left = timeout.saturating_sub(started.elapsed()),
            }
        }
    }
}

/// Waits up to `timeout`, to the precision of the system's timers, and says whether there is something to read. A
/// signal counts as something.
fn wait(socket: &UdpSocket, timeout: Duration) -> io::Result<bool> {
    let mut waiting = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    match ppoll(&mut waiting, Some(TimeSpec::from_duration(timeout)), None) {
        Ok(count) => Ok(count > 0),
        Err(Errno::EINTR) => Ok(true),
        Err(errno) => Err(errno.into()),
    }
}

impl Inbox {
    /// The next thing read earlier, with its bytes in `buffer`.
    fn next(&mut self, buffer: &mut [u8]) -> Option<Received> {
        if let Some(notice) = self.notices.pop_front() {
            return Some(notice);
        }
        let (mut datagram, bytes) = self.datagram.take()?;
        let fits = bytes.len().min(buffer.len());
        buffer[..fits].copy_from_slice(&bytes[..fits]);
        if let Received::Datagram { len, .. } = &mut datagram {
            *len = fits;
        }
        Some(datagram)
    }

    /// Sees to it that a blocking read ends by itself before `left` is over. The limit in force stays if it serves,
    /// which saves a system call a ping.
    fn limit_wait(&mut self, socket: &UdpSocket, left: Duration) -> io::Result<()> {
        // A wait of any length goes in steps, and the step has to fit the sum.
        let left = left.min(Duration::from_secs(60));
        let most = left * 5 / 8;
        if self.limit > most || self.limit < left / 8 {
            socket.set_read_timeout(Some(most))?;
            self.limit = most;
        }
        Ok(())
    }

    /// Reads a datagram, and says how long it is.
    fn read_datagram(
        &mut self,
        socket: &UdpSocket,
        buffer: &mut [u8],
        flags: MsgFlags,
    ) -> Result<(Received, usize), Errno> {
        let mut slices = [IoSliceMut::new(buffer)];
        let control = Some(self.control.as_mut_slice());
        let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, control, flags)?;
        let at = Instant::now();
        let from = message.address.as_ref().and_then(inet_address);
        let mut controls = message.cmsgs().into_iter().flatten();
        let kernel_at = controls.find_map(|control| match control {
            ControlMessageOwned::ScmTimestampsns(stamps) => since_epoch(stamps.system),
            _ => None,
        });
        let len = message.bytes;
        let datagram = Received::Datagram {
            len,
            from: from.ok_or(Errno::EAFNOSUPPORT)?,
            at,
            kernel_at,
        };
        Ok((datagram, len))
    }

    /// Moves what the error queue holds to the notices, up to [`MOST_NOTICES`] entries; returns how many it read.
    fn read_notices(&mut self, socket: &UdpSocket) -> usize {
        let mut quote = [0; QUOTE];
        for read in 0..MOST_NOTICES {
            let mut slices = [IoSliceMut::new(&mut quote)];
            let message = recvmsg::<SockaddrStorage>(
                socket.as_raw_fd(),
                &mut slices,
                Some(&mut self.control),
                MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT,
            );
            let Ok(message) = message else { return read };
            let (mut stamp, mut cause) = (None, None);
            for control in message.cmsgs().into_iter().flatten() {
                match control {
                    ControlMessageOwned::ScmTimestampsns(stamps) => {
                        stamp = since_epoch(stamps.system);
                    }
                    ControlMessageOwned::Ipv4RecvErr(error, _)
                    | ControlMessageOwned::Ipv6RecvErr(error, _) => cause = Some(error),
                    _ => {}
                }
            }
            let len = message.bytes.min(QUOTE);
            self.notices
                .extend(cause.and_then(|cause| notice(&cause, stamp, &quote[..len])));
        }
        MOST_NOTICES
    }
}

/// What an entry of the error queue says. ICMP errors other than a refusal say nothing of the target's port;
/// their ping is lost, like any that is not answered.
fn notice(
    cause: &libc::sock_extended_err,
    stamp: Option<Duration>,
    quote: &[u8],
) -> Option<Received> {
    match cause.ee_origin {
        libc::SO_EE_ORIGIN_TIMESTAMPING => stamp.map(|kernel_at| Received::SentStamp {
            index: cause.ee_data,
            kernel_at,
        }),
        libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6
            if cause.ee_errno == Errno::ECONNREFUSED as u32 =>
        {
            Some(Received::Refused {
                datagram: (!quote.is_empty()).then(|| quote.to_vec()),
            })
        }
        _ => None,
    }
}

/// The kernel's wall clock; all zero means that no stamp was taken.
fn since_epoch(time: TimeSpec) -> Option<Duration> {
    let stamp = Duration::new(
        u64::try_from(time.tv_sec()).ok()?,
        u32::try_from(time.tv_nsec()).ok()?,
    );
    (!stamp.is_zero()).then_some(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::os::unheard;

    const PATIENCE: Duration = Duration::from_secs(10);
    const LOOPBACKS: [&str; 2] = ["127.0.0.1:0", "[::1]:0"];

    fn bound(at: &str) -> UdpSocket {
        let socket = UdpSocket::bind(at).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// Both ways of waiting: a blocking read, and polling.
    const WAITS: [Duration; 2] = [PATIENCE, Duration::from_millis(20)];

    /// Each address with each way of waiting.
    fn cases() -> impl Iterator<Item = (&'static str, Duration)> {
        LOOPBACKS
            .into_iter()
            .flat_map(|at| WAITS.map(|wait| (at, wait)))
    }

    /// Receives until `count` things came, waiting `wait` at a time; with the bytes of datagrams.
    fn receive(pinger: &PingSocket, count: usize, wait: Duration) -> Vec<(Received, Vec<u8>)> {
        let mut buffer = [0; 64];
        let mut all = Vec::new();
        while all.len() < count {
            let received = pinger.receive(&mut buffer, wait).unwrap();
            let len = match received {
                Received::Nothing if wait < PATIENCE => continue,
                Received::Datagram { len, .. } => len,
                _ => 0,
            };
            all.push((received, buffer[..len].to_vec()));
            // Wiped, so that a datagram held back must bring its bytes along.
            buffer.fill(0);
        }
        all
    }

    #[test]
    fn stamps_come_in_order_and_before_their_replies() {
        for (at, wait) in cases() {
            let server = bound(at);
            let pinger = PingSocket::open(server.local_addr().unwrap(), &mut unheard()).unwrap();
            // The kernel starts stamping what it receives a moment after it is first asked to: wait for that.
            let mut buffer = [0; 64];
            let mut index = 0;
            let mut stamping = false;
            while !stamping {
                pinger.send(b"warm").unwrap();
                let (len, from) = server.recv_from(&mut buffer).unwrap();
                server.send_to(&buffer[..len], from).unwrap();
                index += 1;
                stamping = receive(&pinger, 2, wait).iter().any(|(received, _)| {
                    matches!(
                        received,
                        Received::Datagram {
                            kernel_at: Some(_),
                            ..
                        }
                    )
                });
            }
            let texts = [&b"ping 0"[..], b"ping 1", b"ping 2"];
            for text in texts {
                pinger.send(text).unwrap();
            }
            for _ in texts {
                let (len, from) = server.recv_from(&mut buffer).unwrap();
                server.send_to(&buffer[..len], from).unwrap();
            }
            let mut sent = Vec::new();
            let mut replies = Vec::new();
            for (received, bytes) in receive(&pinger, 6, wait) {
                match received {
                    Received::SentStamp { index, kernel_at } => sent.push((index, kernel_at)),
                    Received::Datagram { kernel_at, .. } => {
                        let number = replies.len();
                        assert_eq!(bytes, texts[number]);
                        assert!(kernel_at.unwrap() >= sent[number].1);
                        replies.push(bytes);
                    }
                    other => panic!("{other:?}"),
                }
            }
            let order: Vec<_> = sent.iter().map(|(at, _)| at - index).collect();
            assert_eq!((order, replies.len()), (vec![0, 1, 2], 3));
        }
    }

    #[test]
    fn refusals_quote_the_datagram_and_keep_the_count() {
        for (at, wait) in cases() {
            // Bound, but connected to somebody else: it refuses the pinger for as long as it lives.
            let closed = bound(at);
            closed.connect(bound(at).local_addr().unwrap()).unwrap();
            let pinger = PingSocket::open(closed.local_addr().unwrap(), &mut unheard()).unwrap();
            let texts = [&b"ping 0"[..], b"ping 1", b"ping 2", b""];
            for text in texts {
                pinger.send(text).unwrap();
            }
            let mut indices = Vec::new();
            let mut quotes = Vec::new();
            for (received, _) in receive(&pinger, 8, wait) {
                match received {
                    Received::SentStamp { index, .. } => indices.push(index),
                    Received::Refused { datagram } => quotes.push(datagram),
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(indices, [0, 1, 2, 3]);
            let expected: Vec<_> = texts
                .iter()
                .map(|text| (!text.is_empty()).then(|| text.to_vec()))
                .collect();
            assert_eq!(quotes, expected);
        }
    }

    #[test]
    fn strangers_are_seen() {
        for at in LOOPBACKS {
            let pinger = PingSocket::open(bound(at).local_addr().unwrap(), &mut unheard()).unwrap();
            let stranger = bound(at);
            stranger
                .send_to(b"boo", pinger.local_addr().unwrap())
                .unwrap();
            let (received, bytes) = receive(&pinger, 1, PATIENCE).remove(0);
            let Received::Datagram { from, .. } = received else {
                panic!("{received:?}")
            };
            assert_eq!(
                (from, bytes),
                (stranger.local_addr().unwrap(), b"boo".to_vec())
            );
        }
    }

    #[test]
    fn an_impossible_send_is_an_error() {
        let server = bound(LOOPBACKS[0]);
        let pinger = PingSocket::open(server.local_addr().unwrap(), &mut unheard()).unwrap();
        let error = pinger.send(&[0; 66_000]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::EMSGSIZE as i32));
        pinger.send(b"short").unwrap();
        let mut buffer = [0; 64];
        assert_eq!(server.recv(&mut buffer).unwrap(), 5);
    }
}
