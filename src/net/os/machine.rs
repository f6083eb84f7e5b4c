//! What this machine gives a server: how many files it may have open, and under which addresses others can reach it.

use std::net::IpAddr;

/// Raises the limit of open files and sockets of this process to what the system allows it, and says what it is now. `None` where there is no such
/// limit to be asked for.
pub fn raise_descriptor_limit() -> Option<u64> {
    #[cfg(unix)]
    {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
        if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
            return Some(hard);
        }
        Some(soft)
    }
    #[cfg(not(unix))]
    None
}

/// The addresses of this machine's interfaces that are up, loopback's last, without the link-local ones of IPv6: they need a zone, which a browser's
/// address line does not take. Empty where the system does not say.
pub fn interface_addresses() -> Vec<IpAddr> {
    #[cfg(unix)]
    {
        use nix::net::if_::InterfaceFlags;
        let Ok(interfaces) = nix::ifaddrs::getifaddrs() else {
            return Vec::new();
        };
        let mut addresses: Vec<IpAddr> = interfaces
            .filter(|interface| interface.flags.contains(InterfaceFlags::IFF_UP))
            .filter_map(|interface| {
                let address = interface.address?;
                if let Some(v4) = address.as_sockaddr_in() {
                    return Some(IpAddr::V4(v4.ip()));
                }
                address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip()))
            })
            .filter(|ip| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()))
            .collect();
        addresses.sort_by_key(|ip| (ip.is_loopback(), ip.is_ipv6(), *ip));
        addresses.dedup();
        addresses
    }
    #[cfg(not(unix))]
    Vec::new()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn the_limit_is_raised_once_and_for_all() {
        let limit = raise_descriptor_limit().unwrap();
        assert!(limit >= 256);
        assert_eq!(raise_descriptor_limit(), Some(limit));
        let (soft, _) =
            nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(soft, limit);
    }

    #[test]
    fn loopback_is_among_the_addresses_and_last() {
        let addresses = interface_addresses();
        assert!(addresses.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(addresses.is_sorted_by_key(IpAddr::is_loopback));
    }
}
