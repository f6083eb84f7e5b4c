//! Linux: many datagrams a system call, the error queue with its time stamps and ICMP errors, and what `/proc`
//! tells. Everything goes through nix, which keeps the pointers of those calls out of this crate.

mod batch;
mod ping_socket;
mod proc;

pub use batch::Batch;
pub use ping_socket::PingSocket;
pub use proc::{KernelDrops, port_holder, resident_memory};

use std::net::SocketAddr;

use nix::sys::socket::SockaddrStorage;

/// What a lab allocates for a file is freed by the thread that writes the file. In glibc that takes the lock of the lab's own arena, and under load
/// each waits for the other in the kernel; here a block that was freed elsewhere is put on a list without a lock.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The address that the kernel wrote beside a datagram; `None` for a family that UDP does not have.
fn inet_address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::V4((*v4).into()));
    }
    storage
        .as_sockaddr_in6()
        .map(|v6| SocketAddr::V6((*v6).into()))
}
