//! The value of Host, `uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2.2). It stands apart because the authority of an absolute target has
//! the same grammar.

use std::net::Ipv6Addr;

use super::octets::{self, Class};

/// Whether a value of Host is valid.
///
/// An empty one is: it says that the target has no authority (RFC 9110 §7.2). An empty host with a port is not, it would be an authority of http
/// without a host (RFC 9110 §4.2.1). A port may be empty, and is at most 65,535.
pub fn is_valid(value: &[u8]) -> bool {
    if value.is_empty() {
        return true;
    }
    let end = match value {
        [b'[', inside @ ..] => {
            let Some(end) = inside.iter().position(|&byte| byte == b']') else {
                return false;
            };
            if !is_ip_literal(&inside[..end]) {
                return false;
            }
            end + 2
        }
        name => registered_name(name),
    };
    match value.get(end..) {
        Some([]) => true,
        Some([b':', port @ ..]) => end > 0 && is_port(port),
        _ => false,
    }
}

/// The end of the registered name that the value begins with; every IPv4 address is one too.
fn registered_name(value: &[u8]) -> usize {
    let mut at = octets::run(value, 0, Class::RegisteredName);
    while let Some([b'%', high, low]) = value.get(at..at + 3) {
        if !high.is_ascii_hexdigit() || !low.is_ascii_hexdigit() {
            break;
        }
        at = octets::run(value, at + 3, Class::RegisteredName);
    }
    at
}

/// What stands in brackets: an IPv6 address, or `v`, a version and an address of times to come.
fn is_ip_literal(literal: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(literal) else {
        return false;
    };
    if let Some((version, address)) = text
        .strip_prefix(['v', 'V'])
        .and_then(|v| v.split_once('.'))
    {
        return !version.is_empty()
            && version.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !address.is_empty()
            && address
                .bytes()
                .all(|byte| byte == b':' || octets::is(byte, Class::RegisteredName));
    }
    text.parse::<Ipv6Addr>().is_ok()
}

fn is_port(digits: &[u8]) -> bool {
    digits
        .iter()
        .try_fold(0_u16, |port, byte| {
            let digit = byte.is_ascii_digit().then(|| u16::from(byte - b'0'))?;
            port.checked_mul(10)?.checked_add(digit)
        })
        .is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_of_host() {
        for good in [
            "",
            "localhost",
            "127.0.0.1:6789",
            "example.com:",
            "example.com:65535",
            "EXAMPLE.com:0080",
            "a,b",
            "caf%C3%A9.example",
            "%41",
            "[::1]",
            "[::1]:6789",
            "[2001:db8::192.0.2.33]:80",
            "[v1.fe80::a+en1]:80",
            "under_score",
        ] {
            assert!(is_valid(good.as_bytes()), "{good}");
        }
        for bad in [
            ":80",
            "a b",
            "a/b",
            "http://a",
            "user@a",
            "a:80:80",
            "a:65536",
            "a:99999999999999999999",
            "a:8x",
            "a:-1",
            "a:+1",
            "::1",
            "[::1",
            "::1]",
            "[]",
            "[::1]80",
            "[1.2.3.4]",
            "[fe80::1%25eth0]",
            "[fe80::1%eth0]",
            "[v.a]",
            "[v1.]",
            "[v1]",
            "[vg.a]",
            "a%",
            "a%4",
            "a%zz",
            "a?b",
            "a#b",
            "a\\b",
            "a<b>",
            "caf\u{e9}",
            "a\tb",
        ] {
            assert!(!is_valid(bad.as_bytes()), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_judged(value: Vec<u8>) {
            let known = b"-._~!$&'()*+,;=%:[]";
            if is_valid(&value) {
                prop_assert!(value.iter().all(|byte| byte.is_ascii_alphanumeric() || known.contains(byte)));
            }
        }

        #[test]
        fn every_address_and_port_is_valid(ip: std::net::IpAddr, port: u16) {
            // Made of its parts an address has no scope, which a host has no place for.
            let address = std::net::SocketAddr::new(ip, port);
            prop_assert!(is_valid(address.to_string().as_bytes()));
        }
    }
}
