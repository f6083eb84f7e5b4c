//! Whom an echo server may answer: the rules that keep it from becoming a weapon.
//!
//! A UDP source address can be forged, so an echo server on a network reflects whatever it is sent at whomever the sender names. Two echo
//! servers can be made to talk to each other for ever (CERT CA-1996-01, CVE-2024-2169), and a server that answers more bytes than it was asked
//! amplifies (US-CERT TA14-017A). These rules stand apart from the link model: the link is the lesson, they are not negotiable.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Source ports of services that answer any datagram: a reply to them may start an endless loop.
pub const LOOP_PORTS: [u16; 12] = [0, 7, 13, 17, 19, 37, 53, 69, 123, 161, 1900, 11211];

/// Why a datagram got no answer and no place in the lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// It came from a port of a service that answers whatever it is sent.
    LoopPort(u16),
    /// It came from the server's own address.
    OwnAddress,
    /// Its source sent more than its share (off loopback).
    SourceRate,
    /// All sources together sent more than the server's share (off loopback).
    TotalRate,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::LoopPort(port) => write!(
                f,
                "source port {port} belongs to a service that would answer back"
            ),
            Refusal::OwnAddress => write!(f, "sent from the server's own address"),
            Refusal::SourceRate => write!(f, "over the rate cap of one source"),
            Refusal::TotalRate => write!(f, "over the rate cap of all sources"),
        }
    }
}

/// The caps on datagrams a second that are answered off loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    pub per_source: u32,
    pub total: u32,
}

/// A token bucket that holds one second's worth.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    tokens: f64,
    filled_at: Duration,
}

impl Bucket {
    /// A full bucket for `per_second`.
    pub fn full(per_second: u32, now: Duration) -> Self {
        Self {
            tokens: f64::from(per_second),
            filled_at: now,
        }
    }

    /// Takes one token if there is one.
    pub fn take(&mut self, per_second: u32, now: Duration) -> bool {
        let earned = now.saturating_sub(self.filled_at).as_secs_f64() * f64::from(per_second);
        self.tokens = (self.tokens + earned).min(f64::from(per_second));
        self.filled_at = now;
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }
}

/// The rules for a server bound to one address.
#[derive(Debug, Clone)]
pub struct Guard {
    own: SocketAddr,
    caps: Caps,
    total: Bucket,
}

impl Guard {
    pub fn new(own: SocketAddr, caps: Caps, now: Duration) -> Self {
        Self {
            own,
            caps,
            total: Bucket::full(caps.total, now),
        }
    }

    /// A bucket for a source that is seen for the first time.
    pub fn source_bucket(&self, now: Duration) -> Bucket {
        Bucket::full(self.caps.per_source, now)
    }

    /// Whether a datagram from `from`, whose bucket is `source`, may be looked at. Loopback sources are on this machine and have no cap.
    pub fn admit(
        &mut self,
        from: SocketAddr,
        source: &mut Bucket,
        now: Duration,
    ) -> Result<(), Refusal> {
        if LOOP_PORTS.contains(&from.port()) {
            return Err(Refusal::LoopPort(from.port()));
        }
        if self.is_own(from) {
            return Err(Refusal::OwnAddress);
        }
        if from.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        if !source.take(self.caps.per_source, now) {
            return Err(Refusal::SourceRate);
        }
        if !self.total.take(self.caps.total, now) {
            return Err(Refusal::TotalRate);
        }
        Ok(())
    }

    /// A server bound to "every address" can be reached from itself by loopback; its port there is its own.
    fn is_own(&self, from: SocketAddr) -> bool {
        from == self.own
            || (self.own.ip().is_unspecified()
                && from.port() == self.own.port()
                && from.ip().is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("a literal address")
    }

    fn guard(own: &str) -> Guard {
        Guard::new(
            address(own),
            Caps {
                per_source: 2,
                total: 3,
            },
            Duration::ZERO,
        )
    }

    #[test]
    fn loop_services_and_the_server_itself_get_no_answer() {
        let cases = [
            ("127.0.0.1:12000", "127.0.0.1:7", Some(Refusal::LoopPort(7))),
            (
                "127.0.0.1:12000",
                "10.0.0.1:53",
                Some(Refusal::LoopPort(53)),
            ),
            ("127.0.0.1:12000", "127.0.0.1:0", Some(Refusal::LoopPort(0))),
            (
                "127.0.0.1:12000",
                "127.0.0.1:12000",
                Some(Refusal::OwnAddress),
            ),
            ("[::1]:12000", "[::1]:12000", Some(Refusal::OwnAddress)),
            (
                "0.0.0.0:12000",
                "127.0.0.1:12000",
                Some(Refusal::OwnAddress),
            ),
            ("0.0.0.0:12000", "10.0.0.1:12000", None),
            ("127.0.0.1:12000", "127.0.0.1:12001", None),
        ];
        for (own, from, expected) in cases {
            let mut guard = guard(own);
            let mut bucket = guard.source_bucket(Duration::ZERO);
            assert_eq!(
                guard
                    .admit(address(from), &mut bucket, Duration::ZERO)
                    .err(),
                expected,
                "{own} <- {from}"
            );
        }
    }

    #[test]
    fn off_loopback_a_source_and_all_sources_have_a_cap_that_refills() {
        let mut guard = guard("0.0.0.0:12000");
        let (a, b) = (address("10.0.0.1:5000"), address("10.0.0.2:5000"));
        let (mut of_a, mut of_b) = (
            guard.source_bucket(Duration::ZERO),
            guard.source_bucket(Duration::ZERO),
        );
        assert_eq!(guard.admit(a, &mut of_a, Duration::ZERO), Ok(()));
        assert_eq!(guard.admit(a, &mut of_a, Duration::ZERO), Ok(()));
        assert_eq!(
            guard.admit(a, &mut of_a, Duration::ZERO),
            Err(Refusal::SourceRate)
        );
        assert_eq!(guard.admit(b, &mut of_b, Duration::ZERO), Ok(()));
        assert_eq!(
            guard.admit(b, &mut of_b, Duration::ZERO),
            Err(Refusal::TotalRate)
        );
        assert_eq!(
            guard.admit(a, &mut of_a, SECOND),
            Ok(()),
            "a second later there are tokens again"
        );
    }

    #[test]
    fn loopback_sources_have_no_cap() {
        let mut guard = guard("127.0.0.1:12000");
        let mut bucket = guard.source_bucket(Duration::ZERO);
        for _ in 0..1000 {
            assert_eq!(
                guard.admit(address("127.0.0.1:40000"), &mut bucket, Duration::ZERO),
                Ok(())
            );
        }
    }
}
