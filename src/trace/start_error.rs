//! Why a lab could not start, in terms a person can act on: what was wanted, what the system said, and who may be in the way.

use std::io;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Which kind of port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    Udp,
    Tcp,
}

/// The process that holds a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    pub name: String,
}

/// A socket, or what is to be served through it, that could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot open {address}: {error}")]
pub struct StartError {
    pub transport: Transport,
    pub address: SocketAddr,
    pub reason: Reason,
    /// The system's own words.
    pub error: String,
}

/// The reasons that have advice of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Somebody listens there.
    PortTaken {
        /// Who, where the system tells.
        holder: Option<Holder>,
        /// The command that finds out.
        finder: String,
    },
    /// Ports below 1024 belong to the administrator on most systems.
    NoPermission,
    /// No network interface of this machine has that address.
    NotOurAddress,
    /// The socket could be opened, but not the folder that is to be served.
    Folder {
        path: String,
    },
    Other,
}

impl StartError {
    /// Sorts `error`; `find_holder` is asked only when the port is taken.
    pub fn new(
        transport: Transport,
        address: SocketAddr,
        error: &io::Error,
        find_holder: impl FnOnce() -> (Option<Holder>, String),
    ) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::AddrInUse => {
                let (holder, finder) = find_holder();
                Reason::PortTaken { holder, finder }
            }
            io::ErrorKind::PermissionDenied => Reason::NoPermission,
            io::ErrorKind::AddrNotAvailable => Reason::NotOurAddress,
            _ => Reason::Other,
        };
        Self {
            transport,
            address,
            reason,
            error: error.to_string(),
        }
    }
}
