//! What `/proc` tells: datagrams dropped by the kernel, the holder of a port, the memory in use. All of it is
//! read on demand (40 µs for the drops), a few times a second at most, and costs the data path nothing.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;

use crate::trace::start_error::{Holder, Transport};

/// The kernel's count of datagrams that one socket lost because its receive buffer was full (or their checksum
/// wrong): the `drops` column of `/proc/net/udp` and `udp6`, proc(5).
#[derive(Debug, Clone)]
pub struct KernelDrops {
    /// The socket's table and inode; `None` without `/proc`.
    row: Option<(&'static str, u64)>,
}

impl KernelDrops {
    /// The counter of `socket`.
    pub fn of(socket: &UdpSocket) -> Self {
        Self {
            row: inode_of(socket)
                .zip(socket.local_addr().ok())
                .map(|(inode, addr)| match addr {
                    SocketAddr::V4(_) => ("/proc/self/net/udp", inode),
                    SocketAddr::V6(_) => ("/proc/self/net/udp6", inode),
                }),
        }
    }

    /// Datagrams dropped since the socket was opened; `None` where that is not to be had, as of a closed socket.
    pub fn read(&self) -> Option<u64> {
        let (table, inode) = self.row?;
        let table = fs::read_to_string(table).ok()?;
        rows(&table).find(|row| row.inode == inode)?.drops
    }
}

fn inode_of(socket: &UdpSocket) -> Option<u64> {
    let link = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok()?;
    let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
    inode.parse().ok()
}

/// One row of `/proc/net/{udp,udp6,tcp,tcp6}`.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    local: SocketAddr,
    state: u8,
    inode: u64,
    /// Of UDP only.
    drops: Option<u64>,
}

/// State of a TCP socket that listens (`TCP_LISTEN` of the kernel).
const LISTEN: u8 = 0x0A;

fn rows(table: &str) -> impl Iterator<Item = Row> + '_ {
    table.lines().skip(1).filter_map(row)
}

/// Reads a line; columns that hold two values joined by a colon are one word here:
/// `sl local remote st tx:rx tr:when retrnsmt uid timeout inode ref pointer drops`.
fn row(line: &str) -> Option<Row> {
    let mut words = line.split_ascii_whitespace();
    let local = address(words.nth(1)?)?;
    let state = u8::from_str_radix(words.nth(1)?, 16).ok()?;
    let inode = words.nth(5)?.parse().ok()?;
    let drops = words.nth(2).and_then(|word| word.parse().ok());
    Some(Row {
        local,
        state,
        inode,
        drops,
    })
}

/// An address as the kernel prints it: 32-bit words in the machine's own byte order, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = ip.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip: IpAddr = match ip.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let mut octets = [0; 16];
            for (at, part) in octets.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            Ipv6Addr::from(octets).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// The process that keeps `addr` from being bound, where this user may see it: looks up the socket in
/// `/proc/net`, then who has it open. It reads every process's descriptors: for after a failed bind, not a loop.
/// The name was chosen by that process: escape it before showing it.
pub fn port_holder(addr: SocketAddr, transport: Transport) -> Option<Holder> {
    let tables = match transport {
        Transport::Udp => ["/proc/self/net/udp", "/proc/self/net/udp6"],
        Transport::Tcp => ["/proc/self/net/tcp", "/proc/self/net/tcp6"],
    };
    let mut holders = Vec::new();
    for table in tables {
        let table = fs::read_to_string(table).unwrap_or_default();
        holders.extend(rows(&table).filter(|row| row.inode != 0 && in_the_way(row.local, addr)));
    }
    // A listening socket is a better answer than one of its connections, which has the same local port.
    holders.sort_by_key(|row| row.state != LISTEN);
    holders.iter().find_map(|row| process_with(row.inode))
}

/// Whether a socket bound to `bound` keeps another from `wanted`. An IPv6 wildcard may take IPv4 along.
fn in_the_way(bound: SocketAddr, wanted: SocketAddr) -> bool {
    let (there, here) = (bound.ip().to_canonical(), wanted.ip().to_canonical());
    bound.port() == wanted.port()
        && match (there, here) {
            (IpAddr::V6(there), IpAddr::V4(_)) => there.is_unspecified(),
            (IpAddr::V4(_), IpAddr::V6(_)) => false,
            _ => there == here || there.is_unspecified() || here.is_unspecified(),
        }
}

fn process_with(inode: u64) -> Option<Holder> {
    let socket = format!("socket:[{inode}]");
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let process = entry.path();
        let holds = fs::read_dir(process.join("fd"))
            .ok()?
            .flatten()
            .any(|fd| fs::read_link(fd.path()).is_ok_and(|link| link == Path::new(&socket)));
        holds.then(|| Holder {
            pid,
            name: fs::read_to_string(process.join("comm"))
                .unwrap_or_default()
                .trim_end()
                .to_owned(),
        })
    })
}

/// Bytes of memory that this process has in RAM: `VmRSS` of `/proc/self/status`, proc(5).
pub fn resident_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::net::os::{bind_udp, unheard};

    #[cfg(target_endian = "little")]
    #[test]
    fn reads_rows_of_the_tables() {
        let udp = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  411: 0100007F:2EE0 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 98765 2 0000000000000000 17
  nonsense
  412: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 4242 2 0000000000000000 0
";
        let tcp = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1A85 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1520 1 000000003df9cbef 100 0 0 10 0
";
        let read: Vec<_> = rows(udp).chain(rows(tcp)).collect();
        let expected = [
            ("127.0.0.1:12000", 7, 98765),
            ("[::1]:53", 7, 4242),
            ("0.0.0.0:6789", LISTEN, 1520),
        ];
        assert_eq!(read.len(), expected.len());
        for (row, (local, state, inode)) in read.iter().zip(expected) {
            assert_eq!(
                (row.local, row.state, row.inode),
                (local.parse().unwrap(), state, inode)
            );
        }
        assert_eq!((read[0].drops, read[1].drops), (Some(17), Some(0)));
        for text in [
            "",
            "0100007F",
            "0100007F:2EE0:1",
            "010000é:2EE0",
            ":",
            "é00000000000000000000000000000é:1",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    #[test]
    fn who_is_in_the_way() {
        for (bound, wanted, blocks) in [
            ("127.0.0.1:9", "127.0.0.1:9", true),
            ("127.0.0.1:9", "127.0.0.1:8", false),
            ("127.0.0.1:9", "127.0.0.2:9", false),
            ("0.0.0.0:9", "127.0.0.1:9", true),
            ("127.0.0.1:9", "0.0.0.0:9", true),
            ("[::]:9", "127.0.0.1:9", true),
            ("[::1]:9", "127.0.0.1:9", false),
            ("[::ffff:127.0.0.1]:9", "127.0.0.1:9", true),
            ("0.0.0.0:9", "[::1]:9", false),
            ("[::]:9", "[::1]:9", true),
        ] {
            let seen = in_the_way(bound.parse().unwrap(), wanted.parse().unwrap());
            assert_eq!(seen, blocks, "{bound} {wanted}");
        }
    }

    #[test]
    fn finds_this_process() {
        for ip in ["127.0.0.1", "::1"] {
            let ip: IpAddr = ip.parse().unwrap();
            let udp = bind_udp((ip, 0).into(), &mut unheard()).unwrap();
            let tcp = TcpListener::bind((ip, 0)).unwrap();
            for (addr, transport) in [
                (udp.local_addr().unwrap(), Transport::Udp),
                (tcp.local_addr().unwrap(), Transport::Tcp),
            ] {
                let holder = port_holder(addr, transport).unwrap();
                assert_eq!(holder.pid, std::process::id());
                assert!(!holder.name.is_empty() && !holder.name.ends_with('\n'));
            }
        }
        assert_eq!(
            port_holder("127.0.0.1:0".parse().unwrap(), Transport::Udp),
            None
        );
    }

    #[test]
    fn counts_what_the_kernel_drops() {
        for ip in ["127.0.0.1", "::1"] {
            let socket =
                bind_udp((ip.parse::<IpAddr>().unwrap(), 0).into(), &mut unheard()).unwrap();
            let drops = KernelDrops::of(&socket);
            assert_eq!(drops.read(), Some(0));
            // The kernel makes of this the smallest buffer that it allows: a few datagrams.
            socket2::SockRef::from(&socket)
                .set_recv_buffer_size(1)
                .unwrap();
            let client = UdpSocket::bind((ip.parse::<IpAddr>().unwrap(), 0)).unwrap();
            for _ in 0..100 {
                client
                    .send_to(b"one of many", socket.local_addr().unwrap())
                    .unwrap();
            }
            socket.set_nonblocking(true).unwrap();
            let mut kept = 0;
            while socket.recv(&mut [0; 64]).is_ok() {
                kept += 1;
            }
            let dropped = drops.read().unwrap();
            assert!(dropped > 0 && dropped + kept == 100, "{dropped} + {kept}");
            drop(socket);
            assert_eq!(drops.read(), None);
        }
    }

    #[test]
    fn memory_is_in_use() {
        assert!(resident_memory().unwrap() > 4096);
    }
}
