//! The one place that knows which operating system this is. The labs above ask for datagrams in batches, for
//! a pinger's socket, for the kernel's drop counter and for the holder of a port; what each system can give
//! differs, so Linux has its own files and every other system shares `portable`, built on std and socket2 alone.
//!
//! The contract, the same on both sides:
//!
//! - [`Batch`] receives what is queued on a server's socket and answers it from the same buffers;
//! - [`PingSocket`] sends to one target and says, in order, what came of it: replies, refusals and, where the
//!   kernel keeps them, its own time stamps;
//! - [`KernelDrops`] counts the datagrams that found the receive buffer full;
//! - [`port_holder`] and [`resident_memory`] answer `None` where the system has no cheap answer;
//! - [`folder`] opens files beneath a folder and nowhere else, [`send_file`] sends them, and [`raise_descriptor_limit`] and [`interface_addresses`]
//!   say what the machine gives a server.
//!
//! No function here panics on what a network or a file system sent.

pub mod folder;
#[cfg(target_os = "linux")]
mod linux;
mod machine;
// Linux compiles the portable side for its tests only, so that it is exercised on the machines that build this.
#[cfg(any(not(target_os = "linux"), test))]
mod portable;
mod send_file;

pub use machine::{interface_addresses, raise_descriptor_limit};
pub use send_file::{keep_little_unsent, read_at, send_before_file, send_file};

#[cfg(target_os = "linux")]
pub use linux::{Batch, KernelDrops, PingSocket, port_holder, resident_memory};
#[cfg(not(target_os = "linux"))]
pub use portable::{Batch, KernelDrops, PingSocket, port_holder, resident_memory};

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::trace::recorder::SocketLog;
use crate::trace::start_error::{StartError, Transport};
use crate::trace::wire::Call;

/// Receive buffer asked for, in bytes. A system that allows less gives what it allows: 4 MiB holds a few
/// thousand small datagrams while the reading thread is off the processor.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Makes a file that is created private to the user, where the system can say so.
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// What [`PingSocket::receive`] has to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A datagram, from the target or from a stranger.
    Datagram {
        /// Bytes of it in the caller's buffer; what did not fit is gone.
        len: usize,
        /// The sender.
        from: SocketAddr,
        /// The program's clock right after the system call that delivered it.
        at: Instant,
        /// When the kernel took it from the device, since the UNIX epoch.
        kernel_at: Option<Duration>,
    },
    /// ICMP port unreachable: nobody listens at the target (RFC 1122 section 4.1.3.1).
    Refused {
        /// The first bytes of our datagram that the ICMP message quotes, where the system hands them on.
        datagram: Option<Vec<u8>>,
    },
    /// When the kernel handed one of our datagrams to the device.
    SentStamp {
        /// Which one: datagrams are counted from 0 in the order of [`PingSocket::send`]. Before Linux 6.9 an ICMP
        /// error that arrives just before a send shifts the count from there on, so a stamp is to be believed only
        /// if it makes a round trip no longer than the one that the program measured.
        index: u32,
        /// Since the UNIX epoch.
        kernel_at: Duration,
    },
    /// The time ran out.
    Nothing,
}

/// A UDP socket for a server, bound to `addr`, with a large receive buffer. An IPv6 socket takes IPv6 only, so
/// that `[::]` and `0.0.0.0` can stand side by side on every system. Its calls are told to `log`.
///
/// # Errors
/// Those of `socket(2)` and `bind(2)`: the address in use, not of this machine, or not allowed.
pub fn bind_udp(addr: SocketAddr, log: &mut SocketLog) -> io::Result<UdpSocket> {
    let socket = open(addr, Type::DGRAM, Protocol::UDP, log)?;
    // A smaller buffer only means that kernel drops come sooner, and those are counted.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    let socket = bind(socket, addr, log)?;
    Ok(socket.into())
}

/// A TCP socket that listens at `addr`, for a non-blocking server. An IPv6 socket takes IPv6 only, as with [`bind_udp`]. Its calls are told to `log`.
///
/// # Errors
/// Those of `socket(2)`, `bind(2)` and `listen(2)`: the address in use, not of this machine, or not allowed.
pub fn listen_tcp(addr: SocketAddr, backlog: u32, log: &mut SocketLog) -> io::Result<TcpListener> {
    let socket = open(addr, Type::STREAM, Protocol::TCP, log)?;
    // Elsewhere than on Windows it only lets a restarted server have its port back while old connections fade out (RFC 9293 §3.4.1); there it would
    // let two servers share a port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    let socket = bind(socket, addr, log)?;
    let listening = socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX));
    log.call(Call::Listen { backlog }, Instant::now(), &listening);
    if let Err(error) = listening {
        close(socket, log);
        return Err(error);
    }
    Ok(socket.into())
}

fn open(
    addr: SocketAddr,
    kind: Type,
    protocol: Protocol,
    log: &mut SocketLog,
) -> io::Result<Socket> {
    let opened = Socket::new(Domain::for_address(addr), kind, Some(protocol));
    log.call(Call::Socket, Instant::now(), &opened);
    let socket = opened?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

fn bind(socket: Socket, addr: SocketAddr, log: &mut SocketLog) -> io::Result<Socket> {
    let bound = socket.bind(&addr.into());
    let at = Instant::now();
    let local = match bound {
        Ok(()) => socket.local_addr().ok().and_then(|local| local.as_socket()),
        Err(_) => Some(addr),
    };
    log.set_local(local);
    log.call(Call::Bind, at, &bound);
    match bound {
        Ok(()) => Ok(socket),
        Err(error) => {
            close(socket, log);
            Err(error)
        }
    }
}

/// Closes a socket and tells it.
pub fn close<S>(socket: S, log: &SocketLog) {
    drop(socket);
    log.call(Call::Close, Instant::now(), &Ok(()));
}

/// Whether a call failed because the process or the system has no descriptor left for another socket or file.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    // EMFILE and ENFILE, which `ErrorKind` does not name; WSAEMFILE on Windows.
    let numbers: &[i32] = if cfg!(windows) { &[10_024] } else { &[24, 23] };
    error
        .raw_os_error()
        .is_some_and(|number| numbers.contains(&number))
}

/// The address a pinger binds: a free port, on loopback where the target is, so that no other machine can reach it.
fn pinger_address(target: SocketAddr) -> SocketAddr {
    let ip: IpAddr = match (target.is_ipv4(), target.ip().is_loopback()) {
        (true, true) => Ipv4Addr::LOCALHOST.into(),
        (true, false) => Ipv4Addr::UNSPECIFIED.into(),
        (false, true) => Ipv6Addr::LOCALHOST.into(),
        (false, false) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, 0)
}

/// Whether an error of a server's socket call says something about one datagram, one connection or one moment, so that a server goes
/// on. Windows reports the ICMP error for an earlier reply as `ConnectionReset` (10054) on the next receive, and
/// switching that off (`SIO_UDP_CONNRESET`) is out of reach of safe code.
pub fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionAborted
            | ErrorKind::Interrupted
            | ErrorKind::WouldBlock
            | ErrorKind::TimedOut
            | ErrorKind::NetworkDown
            | ErrorKind::NetworkUnreachable
            | ErrorKind::HostUnreachable
            | ErrorKind::OutOfMemory
    ) || error.raw_os_error() == Some(NO_BUFFERS)
}

/// `ENOBUFS`, which [`ErrorKind`] does not name.
const NO_BUFFERS: i32 = if cfg!(any(target_os = "linux", target_os = "android")) {
    105
} else if cfg!(windows) {
    10055
} else {
    55
};

/// The smallest step of the monotonic clock seen in a thousand readings, or in as many as it takes to see one.
/// No time difference below it means anything.
pub fn clock_step() -> Duration {
    let mut smallest = Duration::MAX;
    let mut last = Instant::now();
    let mut readings = 1;
    while readings < 1000 || smallest == Duration::MAX {
        let now = Instant::now();
        let step = now.saturating_duration_since(last);
        if !step.is_zero() {
            smallest = smallest.min(step);
        }
        last = now;
        readings += 1;
    }
    smallest
}

/// The command with which a user of this system finds the holder of a local port.
pub fn port_holder_command(port: u16, transport: Transport) -> String {
    if cfg!(target_os = "linux") {
        match transport {
            Transport::Udp => format!("ss -lunp sport = :{port}"),
            Transport::Tcp => format!("ss -ltnp sport = :{port}"),
        }
    } else if cfg!(windows) {
        format!("netstat -ano | findstr :{port}")
    } else {
        match transport {
            Transport::Udp => format!("lsof -nP -iUDP:{port}"),
            Transport::Tcp => format!("lsof -nP -iTCP:{port} -sTCP:LISTEN"),
        }
    }
}

/// Why a server could not start, with whoever holds its port.
pub fn start_error(transport: Transport, address: SocketAddr, error: &io::Error) -> StartError {
    StartError::new(transport, address, error, || {
        (
            port_holder(address, transport),
            port_holder_command(address.port(), transport),
        )
    })
}

/// A log that nobody reads, for the tests here and below.
#[cfg(test)]
fn unheard() -> SocketLog {
    use crate::trace::recorder::Recorder;
    use crate::trace::wire::{End, Lab};
    Recorder::off().socket(Lab::Ping, End::Server, Transport::Udp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::wire::Layer;

    /// A port of `ip` that refuses datagrams for as long as the socket lives: it is connected to somebody else.
    fn refusing_port(ip: IpAddr) -> UdpSocket {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket
            .connect(UdpSocket::bind((ip, 0)).unwrap().local_addr().unwrap())
            .unwrap();
        socket
    }

    const LOOPBACKS: [IpAddr; 2] = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];

    /// Long enough that only a failure reaches it.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// What both sides of the contract owe.
    macro_rules! contract {
        ($side:ident) => {
            mod $side {
                use super::super::$side::{Batch, PingSocket};
                use super::*;

                fn bound(ip: IpAddr) -> (UdpSocket, SocketAddr) {
                    let socket = bind_udp((ip, 0).into(), &mut unheard()).unwrap();
                    socket.set_read_timeout(Some(PATIENCE)).unwrap();
                    let addr = socket.local_addr().unwrap();
                    (socket, addr)
                }

                /// Receives until `count` datagrams came, answers each in upper case.
                fn echo(batch: &mut Batch, socket: &UdpSocket, count: usize) {
                    let mut left = count;
                    while left > 0 {
                        let filled = batch.receive(socket).unwrap();
                        for slot in 0..filled {
                            batch.bytes_mut(slot).make_ascii_uppercase();
                            assert!(!batch.is_answered(slot));
                            batch.answer(slot);
                        }
                        assert_eq!(batch.flush(socket), 0);
                        assert!((0..filled).all(|slot| batch.is_answered(slot)));
                        left -= filled;
                    }
                }

                #[test]
                fn answers_each_sender_with_its_own_bytes() {
                    for ip in LOOPBACKS {
                        let (server, addr) = bound(ip);
                        let clients: Vec<_> = (0..3).map(|_| bound(ip).0).collect();
                        for round in 0..5 {
                            for (who, client) in clients.iter().enumerate() {
                                let text = format!("ping {who} {}", "x".repeat(round * 7));
                                client.send_to(text.as_bytes(), addr).unwrap();
                            }
                        }
                        echo(&mut Batch::new(4, 256), &server, 15);
                        for round in 0..5 {
                            for (who, client) in clients.iter().enumerate() {
                                let mut reply = [0; 256];
                                let (len, from) = client.recv_from(&mut reply).unwrap();
                                let text = format!("PING {who} {}", "X".repeat(round * 7));
                                assert_eq!((&reply[..len], from), (text.as_bytes(), addr));
                            }
                        }
                    }
                }

                #[test]
                fn runs_of_one_length_stay_datagrams_of_their_own() {
                    for ip in LOOPBACKS {
                        let (server, addr) = bound(ip);
                        let (one, other) = (bound(ip).0, bound(ip).0);
                        // Lengths alike, one odd, empty ones, longer than any packet but loopback's, and alike again.
                        let texts: Vec<String> = (0..20)
                            .map(|n| match n {
                                5 => "odd one out".to_owned(),
                                9 | 10 => String::new(),
                                13 | 14 => format!("long {n} {}", "y".repeat(2000)),
                                _ => format!("same {n:02}"),
                            })
                            .collect();
                        for text in &texts {
                            one.send_to(text.as_bytes(), addr).unwrap();
                        }
                        for text in &texts[..3] {
                            other.send_to(text.as_bytes(), addr).unwrap();
                        }
                        echo(&mut Batch::new(32, 4096), &server, 23);
                        let mut reply = [0; 4096];
                        for (client, texts) in [(&one, &texts[..]), (&other, &texts[..3])] {
                            for text in texts {
                                let len = client.recv(&mut reply).unwrap();
                                let expected = text.to_ascii_uppercase();
                                assert_eq!(reply[..len].escape_ascii().to_string(), expected);
                            }
                        }
                    }
                }

                #[test]
                fn says_what_does_not_fit_a_slot() {
                    let (server, addr) = bound(LOOPBACKS[0]);
                    let (client, client_addr) = bound(LOOPBACKS[0]);
                    let mut batch = Batch::new(2, 8);
                    for (sent, kept, truncated) in [
                        (&b""[..], &b""[..], false),
                        (b"12345678", b"12345678", false),
                        (b"123456789", b"12345678", true),
                        (b"12", b"12", false),
                    ] {
                        client.send_to(sent, addr).unwrap();
                        assert_eq!(batch.receive(&server).unwrap(), 1);
                        assert_eq!(batch.bytes(0), kept);
                        assert_eq!(batch.is_truncated(0), truncated);
                        assert_eq!(batch.from(0), client_addr);
                    }
                }

                #[test]
                fn answers_only_what_was_marked_and_once() {
                    let (server, addr) = bound(LOOPBACKS[1]);
                    let (client, _) = bound(LOOPBACKS[1]);
                    let mut batch = Batch::new(1, 64);
                    for (text, marks) in [("a longer one", 0), ("abc", 1), ("de", 2), ("", 1)] {
                        client.send_to(text.as_bytes(), addr).unwrap();
                        assert_eq!(batch.receive(&server).unwrap(), 1);
                        for _ in 0..marks {
                            batch.answer(0);
                        }
                        assert_eq!((batch.flush(&server), batch.flush(&server)), (0, 0));
                        assert_eq!(batch.is_answered(0), marks > 0);
                    }
                    for expected in ["abc", "de", ""] {
                        let mut reply = [0; 64];
                        let len = client.recv(&mut reply).unwrap();
                        assert_eq!(&reply[..len], expected.as_bytes());
                    }
                }

                #[test]
                fn honours_the_read_timeout() {
                    let (server, _) = bound(LOOPBACKS[0]);
                    server
                        .set_read_timeout(Some(Duration::from_millis(1)))
                        .unwrap();
                    let error = Batch::new(8, 64).receive(&server).unwrap_err();
                    assert!(is_transient(&error), "{error}");
                }

                #[test]
                fn pings_in_flight_are_all_answered() {
                    for ip in LOOPBACKS {
                        let (server, addr) = bound(ip);
                        let pinger = PingSocket::open(addr, &mut unheard()).unwrap();
                        assert!(pinger.local_addr().unwrap().ip().is_loopback());
                        let before = Instant::now();
                        for text in ["ping 0", "ping 1", "ping 2"] {
                            pinger.send(text.as_bytes()).unwrap();
                        }
                        echo(&mut Batch::new(8, 64), &server, 3);
                        let mut buffer = [0; 64];
                        let mut replies = Vec::new();
                        while replies.len() < 3 {
                            match pinger.receive(&mut buffer, PATIENCE).unwrap() {
                                Received::Datagram { len, from, at, .. } => {
                                    assert_eq!(from, addr);
                                    assert!(at >= before && at <= Instant::now());
                                    replies
                                        .push(String::from_utf8(buffer[..len].to_vec()).unwrap());
                                }
                                Received::SentStamp { .. } => {}
                                other => panic!("{other:?}"),
                            }
                        }
                        assert_eq!(replies, ["PING 0", "PING 1", "PING 2"]);
                    }
                }

                #[test]
                fn its_calls_have_names() {
                    let payload = || unheard().payload(b"", 0, Layer::Socket, &[]);
                    let sending = PingSocket::sending(payload());
                    let receiving = PingSocket::receiving(payload());
                    assert!(sending.is_sending() && !receiving.is_sending());
                    let names = (sending.name(), receiving.name());
                    assert!([("send", "recv"), ("sendto", "recvfrom")].contains(&names));
                }

                #[test]
                fn a_closed_port_refuses_and_a_later_ping_still_leaves() {
                    for ip in LOOPBACKS {
                        let closed = refusing_port(ip);
                        let addr = closed.local_addr().unwrap();
                        let pinger = PingSocket::open(addr, &mut unheard()).unwrap();
                        let mut buffer = [0; 64];
                        pinger.send(b"nobody there").unwrap();
                        // The error of the first is pending when the second is sent.
                        pinger.send(b"still nobody").unwrap();
                        let mut refusals = 0;
                        while refusals < 2 {
                            match pinger.receive(&mut buffer, PATIENCE).unwrap() {
                                Received::Refused { .. } => refusals += 1,
                                Received::SentStamp { .. } => {}
                                other => panic!("{other:?}"),
                            }
                        }
                        // Now somebody listens: the socket takes datagrams from the pinger.
                        closed.connect(pinger.local_addr().unwrap()).unwrap();
                        closed.set_read_timeout(Some(PATIENCE)).unwrap();
                        pinger.send(b"hello").unwrap();
                        let len = closed.recv(&mut buffer).unwrap();
                        assert_eq!(&buffer[..len], b"hello");
                    }
                }

                #[test]
                fn the_wait_ends_with_nothing_or_with_a_datagram() {
                    let (server, addr) = bound(LOOPBACKS[0]);
                    let pinger = PingSocket::open(addr, &mut unheard()).unwrap();
                    let mut buffer = [0; 4];
                    for timeout in [
                        Duration::ZERO,
                        Duration::from_micros(1),
                        Duration::from_millis(3),
                    ] {
                        let end = pinger.receive(&mut buffer, timeout).unwrap();
                        assert_eq!(end, Received::Nothing);
                    }
                    let to = pinger.local_addr().unwrap();
                    std::thread::scope(|scope| {
                        scope.spawn(|| server.send_to(b"longer than four", to).unwrap());
                        let end = pinger.receive(&mut buffer, Duration::MAX).unwrap();
                        assert!(matches!(end, Received::Datagram { len: 4, .. }), "{end:?}");
                        assert_eq!(&buffer, b"long");
                    });
                }
            }
        };
    }

    #[cfg(target_os = "linux")]
    contract!(linux);
    contract!(portable);

    #[test]
    fn a_taken_address_is_an_error_that_stays() {
        for ip in LOOPBACKS {
            let first = bind_udp((ip, 0).into(), &mut unheard()).unwrap();
            let error = bind_udp(first.local_addr().unwrap(), &mut unheard()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrInUse);
            assert!(!is_transient(&error));
        }
    }

    #[test]
    fn ipv6_leaves_ipv4_alone() {
        let v6 = bind_udp((Ipv6Addr::LOCALHOST, 0).into(), &mut unheard()).unwrap();
        assert!(socket2::SockRef::from(&v6).only_v6().unwrap());
    }

    #[test]
    fn transient_errors() {
        for (kind, transient) in [
            (ErrorKind::ConnectionReset, true),
            (ErrorKind::ConnectionRefused, true),
            (ErrorKind::WouldBlock, true),
            (ErrorKind::TimedOut, true),
            (ErrorKind::NetworkUnreachable, true),
            (ErrorKind::AddrInUse, false),
            (ErrorKind::PermissionDenied, false),
            (ErrorKind::InvalidInput, false),
        ] {
            assert_eq!(is_transient(&kind.into()), transient, "{kind}");
        }
        assert!(is_transient(&io::Error::from_raw_os_error(NO_BUFFERS)));
        assert!(!is_transient(&io::Error::other("the end")));
    }

    #[test]
    fn pinger_addresses() {
        for (target, from) in [
            ("127.0.0.1:7", "127.0.0.1:0"),
            ("127.9.9.9:7", "127.0.0.1:0"),
            ("192.0.2.1:7", "0.0.0.0:0"),
            ("[::1]:7", "[::1]:0"),
            ("[2001:db8::1]:7", "[::]:0"),
        ] {
            assert_eq!(
                pinger_address(target.parse().unwrap()),
                from.parse().unwrap()
            );
        }
    }

    #[test]
    fn the_clock_has_a_step() {
        assert!(clock_step() > Duration::ZERO);
    }

    #[test]
    fn the_command_names_the_port() {
        for transport in [Transport::Udp, Transport::Tcp] {
            assert!(port_holder_command(12000, transport).contains(":12000"));
        }
    }
}
