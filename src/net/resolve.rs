//! From a host name to its addresses: the first one is pinged, and all are tried for a connection.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use crate::settings::Target;

/// Which addresses of a name are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    #[default]
    Any,
    V4,
    V6,
}

/// The first address of `target` in that family. Blocks while the system asks its name servers.
pub fn resolve(target: &Target, family: Family) -> io::Result<SocketAddr> {
    resolve_all(target, family).map(|addresses| addresses[0])
}

/// Every address of `target` in that family, in the order of the system's preference: one at least. Blocks while the system asks its name servers.
pub fn resolve_all(target: &Target, family: Family) -> io::Result<Vec<SocketAddr>> {
    let wanted = |address: &SocketAddr| match family {
        Family::Any => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    };
    let addresses = (target.host.as_str(), target.port).to_socket_addrs()?;
    let addresses: Vec<_> = addresses.filter(wanted).collect();
    if addresses.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the name has no address of that family",
        ));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_address_resolves_to_itself_and_only_in_its_family() {
        let target: Target = "[::1]:7000".parse().expect("a literal target");
        assert_eq!(
            resolve(&target, Family::Any).ok(),
            Some(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 7000)))
        );
        assert!(resolve(&target, Family::V4).is_err());
    }
}
