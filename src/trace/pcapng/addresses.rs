//! Which addresses are this program's own: by them a capture knows that it sees both ends of something, and writes it once.
//!
//! It stands apart because sockets come and go while what they sent is still on its way: an address stays its own for a while after its socket closed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use lru::LruCache;

use super::packet::canonical;
use crate::trace::start_error::Transport;
use crate::trace::wire::{SocketEvent, SocketId};

/// Addresses that are remembered; the one that was not seen for longest is forgotten first.
const ADDRESSES: usize = 16_384;
/// How long what was sent from a socket that is closed may take to arrive.
const ON_ITS_WAY: Duration = Duration::from_secs(10);

/// The addresses of this program's sockets.
pub(super) struct Addresses {
    known: LruCache<(Family, SocketAddr), Owner>,
    hosts: LruCache<IpAddr, ()>,
}

/// UDP and TCP ports are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Family {
    Udp,
    Tcp,
}

struct Owner {
    /// The newest socket that has the address.
    socket: SocketId,
    closed: Option<Duration>,
}

impl Addresses {
    pub(super) fn new() -> Self {
        let most = NonZeroUsize::new(ADDRESSES).unwrap_or(NonZeroUsize::MIN);
        Self {
            known: LruCache::new(most),
            hosts: LruCache::new(most),
        }
    }

    /// A socket has this address, as of now.
    pub(super) fn learn(&mut self, event: &SocketEvent) {
        let Some(local) = event.local.map(canonical) else {
            return;
        };
        if !local.ip().is_unspecified() {
            self.hosts.put(local.ip(), ());
        }
        let family = family(event.transport);
        let owner = self.known.get_or_insert_mut((family, local), || Owner {
            socket: event.socket,
            closed: None,
        });
        if event.socket > owner.socket {
            *owner = Owner {
                socket: event.socket,
                closed: None,
            };
        }
    }

    /// Its socket was closed. That of a listener closes with its last connection at the latest.
    pub(super) fn close(&mut self, event: &SocketEvent) {
        let key = event
            .local
            .map(|local| (family(event.transport), canonical(local)));
        if let Some(owner) = key.and_then(|key| self.known.peek_mut(&key))
            && owner.socket == event.socket
        {
            owner.closed = Some(event.at);
        }
    }

    /// Whether something of that address that arrives at `at` was sent by this program.
    pub(super) fn is_own(
        &mut self,
        transport: Transport,
        address: SocketAddr,
        at: Duration,
    ) -> bool {
        let family = family(transport);
        let is_open = |owner: &Owner| owner.closed.is_none_or(|closed| at <= closed + ON_ITS_WAY);
        if self.known.get(&(family, address)).is_some_and(is_open) {
            return true;
        }
        // A socket that is bound to every address has those of this machine.
        let everywhere: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        self.is_host(address.ip())
            && everywhere.into_iter().any(|ip| {
                let key = (family, SocketAddr::new(ip, address.port()));
                self.known.get(&key).is_some_and(is_open)
            })
    }

    /// Whether an address is one of this machine.
    fn is_host(&mut self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.hosts.get(&ip).is_some()
    }

    /// The socket's own address and the other end's, as they stand in IP headers. A socket that is bound to every address and talks to this machine
    /// talks from the address that it talks to. `None` where one is not known.
    pub(super) fn ends(&mut self, event: &SocketEvent) -> Option<(SocketAddr, SocketAddr)> {
        let peer = canonical(event.peer?);
        let nowhere = SocketAddr::new(unspecified_like(peer.ip()), 0);
        let mut local = canonical(event.local.unwrap_or(nowhere));
        if local.ip().is_unspecified() {
            local.set_ip(if self.is_host(peer.ip()) {
                peer.ip()
            } else {
                unspecified_like(peer.ip())
            });
        }
        (local.is_ipv4() == peer.is_ipv4()).then_some((local, peer))
    }
}

fn unspecified_like(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn family(transport: Transport) -> Family {
    match transport {
        Transport::Udp => Family::Udp,
        Transport::Tcp => Family::Tcp,
    }
}
