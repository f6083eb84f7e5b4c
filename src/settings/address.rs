//! Addresses as people write them: where to listen, whom to ping. Reading only; no name is looked up here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::Problem;

/// The port of the lab's echo server.
pub const DEFAULT_PORT: u16 = 12_000;

/// The port of the lab's web server.
pub const WEB_PORT: u16 = 6_789;

/// The port of the lab's mail server.
pub const MAIL_PORT: u16 = 2_525;

/// The port of the lab's mail server where TLS is spoken from the first byte.
pub const MAIL_TLS_PORT: u16 = 2_465;

/// The longest host name: RFC 1035, section 2.3.4, less the length octets of its first and root label.
const LONGEST_NAME: usize = 253;

/// The address under which a server is reached from its own machine.
pub fn local(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Somebody to ping: a host name or address, and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// A host name, an IPv4 address or an IPv6 address without brackets.
    pub host: String,
    /// The UDP port, never 0.
    pub port: u16,
}

impl Default for Target {
    /// The lab's echo server on this machine.
    fn default() -> Target {
        Target {
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: DEFAULT_PORT,
        }
    }
}

impl FromStr for Target {
    type Err = Problem;

    /// Reads `HOST`, `HOST:PORT`, `ADDRESS`, `ADDRESS:PORT` or `[IPV6]:PORT`.
    fn from_str(text: &str) -> Result<Target, Problem> {
        let (host, port) = host_and_port(text).ok_or(Problem::NotAllowed)?;
        let port = port.unwrap_or(DEFAULT_PORT);
        if port == 0 || !is_host(host) {
            return Err(Problem::NotAllowed);
        }
        Ok(Target {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Reads an address to listen at: `ADDRESS:PORT`, `[IPV6]:PORT`, an address alone, or `:PORT` or `PORT` for
/// 127.0.0.1. `localhost` stands for 127.0.0.1; `port` for a port that is not there.
pub(super) fn parse_listen(text: &str, port: u16) -> Result<SocketAddr, Problem> {
    let listen = || {
        if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
            return Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        let (host, given) = host_and_port(text)?;
        let address = if host.eq_ignore_ascii_case("localhost") {
            Ipv4Addr::LOCALHOST.into()
        } else {
            host.parse::<IpAddr>().ok()?
        };
        Some(SocketAddr::new(address, given.unwrap_or(port)))
    };
    listen().ok_or(Problem::NotAllowed)
}

/// Takes an address apart; the host comes without brackets and is not checked.
pub(super) fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some((text, None));
    }
    match text.split_once(':') {
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((text, None)),
    }
}

/// An address, or a name of the characters that occur in host names, `_` and letters of other scripts among them.
pub(super) fn is_host(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
        || (!host.is_empty()
            && host.len() <= LONGEST_NAME
            && !host.starts_with(['-', '.'])
            && host
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read() {
        for (text, shown) in [
            ("127.0.0.1:12000", Some("127.0.0.1:12000")),
            ("127.0.0.1", Some("127.0.0.1:12000")),
            ("localhost", Some("localhost:12000")),
            ("echo.example.org:7", Some("echo.example.org:7")),
            ("my_host", Some("my_host:12000")),
            ("bücher.example", Some("bücher.example:12000")),
            ("::1", Some("[::1]:12000")),
            ("[::1]", Some("[::1]:12000")),
            ("[::1]:9", Some("[::1]:9")),
            ("", None),
            (":9", None),
            ("host:", None),
            ("host:0", None),
            ("host:65536", None),
            ("host:+7x", None),
            ("[::1", None),
            ("[::1]9", None),
            ("[host]:9", None),
            ("a:b:c", None),
            ("-n", None),
            ("a b", None),
            ("a\u{1b}[31m", None),
            ("a\u{202e}b", None),
        ] {
            let read = text.parse::<Target>().ok();
            assert_eq!(
                read.as_ref().map(Target::to_string).as_deref(),
                shown,
                "{text:?}"
            );
            if let Some(target) = read {
                assert_eq!(target.to_string().parse(), Ok(target), "{text:?}");
            }
        }
        assert!("a".repeat(253).parse::<Target>().is_ok());
        assert!("a".repeat(254).parse::<Target>().is_err());
    }

    #[test]
    fn listening_addresses_are_read() {
        for (text, want) in [
            ("127.0.0.1:12000", Some("127.0.0.1:12000")),
            ("0.0.0.0", Some("0.0.0.0:12000")),
            ("0.0.0.0:0", Some("0.0.0.0:0")),
            ("[::1]:7000", Some("[::1]:7000")),
            ("::", Some("[::]:12000")),
            (":0", Some("127.0.0.1:0")),
            ("9000", Some("127.0.0.1:9000")),
            ("localhost", Some("127.0.0.1:12000")),
            ("LocalHost:1", Some("127.0.0.1:1")),
            ("", None),
            (":", None),
            ("70000", None),
            ("example.org:80", None),
            ("1.2.3", None),
            ("127.0.0.1:port", None),
        ] {
            let want = want.map(|want| want.parse().unwrap());
            assert_eq!(parse_listen(text, DEFAULT_PORT).ok(), want, "{text:?}");
        }
    }
}
