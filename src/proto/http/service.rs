//! How the web server serves, as far as a teacher turns it while the class watches: in which order, how slowly, and with which answers forced. And
//! its limits, which nobody gets past.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::status::Status;
use crate::proto::serial;

/// In which order connections are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// All at once, each for as many requests as it likes.
    #[default]
    Concurrent,
    /// One after the other in order of arrival: a request, its answer, close. What the lab's program does.
    OneAtATime,
}

impl Mode {
    /// The name in settings and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Concurrent => "concurrent",
            Mode::OneAtATime => "one-at-a-time",
        }
    }

    pub fn other(self) -> Self {
        match self {
            Mode::Concurrent => Mode::OneAtATime,
            Mode::OneAtATime => Mode::Concurrent,
        }
    }
}

/// What can be changed while the server runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Service {
    pub mode: Mode,
    /// Time that every request takes more than it needs, before its answer.
    #[serde(with = "serial::nanos")]
    pub delay: Duration,
    /// Bytes a second at which each response is sent at most.
    pub rate: Option<u64>,
    pub forced: Vec<Forced>,
}

/// Most paths with a forced status: every request goes through the list.
pub const MOST_FORCED: usize = 64;

/// A path that gets a status whatever is there. Written `/busy=503`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forced {
    /// As it stands in the request, without the query.
    pub path: String,
    pub status: Status,
}

impl Forced {
    /// Reads a path as it stands in a request, and a final status: an interim one (1xx) is no answer.
    pub fn parse(text: &str) -> Option<Self> {
        let (path, code) = text.rsplit_once('=')?;
        let in_a_request = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#');
        if !path.starts_with('/') || !path.bytes().all(in_a_request) {
            return None;
        }
        let code = whole(code)?.try_into().ok().filter(|code| *code >= 200)?;
        Some(Self {
            path: path.to_owned(),
            status: Status::new(code)?,
        })
    }

    /// Adds it to a list, in the place of an earlier word about the same path.
    pub fn add_to(self, all: &mut Vec<Self>) {
        all.retain(|earlier| earlier.path != self.path);
        all.push(self);
    }
}

impl std::fmt::Display for Forced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.path, self.status.code())
    }
}

/// The units of a number of bytes, each 1,024 of the one before, the largest first.
const UNITS: [(char, u64); 3] = [('G', 1 << 30), ('M', 1 << 20), ('k', 1 << 10)];

/// Reads a number of bytes: digits, and `k`, `M` or `G`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let unit = UNITS.into_iter().find(|(letter, _)| {
        text.ends_with([
            *letter,
            letter.to_ascii_lowercase(),
            letter.to_ascii_uppercase(),
        ])
    });
    match unit {
        Some((_, bytes)) => whole(&text[..text.len() - 1])?.checked_mul(bytes),
        None => whole(text),
    }
}

/// A number of bytes as short as it can be told exactly, as [`parse_bytes`] reads it.
pub fn format_bytes(bytes: u64) -> String {
    let unit = UNITS
        .into_iter()
        .find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    match unit {
        Some((letter, unit)) => format!("{}{letter}", bytes / unit),
        None => bytes.to_string(),
    }
}

/// Digits and nothing else; `parse` would take a sign.
fn whole(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

impl Service {
    /// The status forced upon a path, if any.
    pub fn forced(&self, path: &[u8]) -> Option<Status> {
        self.forced
            .iter()
            .find(|forced| forced.path.as_bytes() == path)
            .map(|forced| forced.status)
    }
}

/// What no client gets past. Every one can be set, and every one is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the first byte of a head (of a new connection: from its opening) until its last. However it trickles.
    pub head_time: Duration,
    /// Between a response and the next request.
    pub idle_time: Duration,
    /// During which not a byte of a response could be sent.
    pub stall_time: Duration,
    /// Bytes a second below which a body that arrives or leaves is given up, once `stall_time` has passed.
    pub lowest_rate: u64,
    /// Requests on one connection.
    pub requests: u32,
    /// Connections at a time; beyond them the answer is 503.
    pub connections: usize,
    /// Bytes of a request line.
    pub request_line: usize,
    /// Bytes of all fields of a head.
    pub head: usize,
    /// Fields of a head.
    pub fields: usize,
    /// Bytes of a request's body, which is read and thrown away.
    pub body: u64,
}

impl Limits {
    /// Whether a body that has taken so long for so many bytes is given up.
    pub fn is_too_slow(&self, bytes: u64, elapsed: Duration) -> bool {
        let least = self.lowest_rate as f64 * elapsed.as_secs_f64();
        elapsed > self.stall_time && (bytes as f64) < least
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(15),
            stall_time: Duration::from_secs(30),
            lowest_rate: 500,
            requests: 100_000,
            connections: 1_024,
            request_line: 8_192,
            head: 16 * 1_024,
            fields: 200,
            body: 64 * 1_024,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_with_units_of_1024() {
        for (text, bytes) in [
            ("1500", 1_500),
            ("64k", 65_536),
            ("1M", 1 << 20),
            ("3G", 3 << 30),
        ] {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
            assert_eq!(format_bytes(bytes), text);
        }
        assert_eq!(parse_bytes("2K"), Some(2_048));
        assert_eq!(parse_bytes("2g"), Some(2 << 30));
        for bad in [
            "",
            "k",
            "+1",
            "-1",
            "1.5k",
            "1kk",
            "99999999999999999999",
            "18446744073709551615k",
        ] {
            assert_eq!(parse_bytes(bad), None, "{bad}");
        }
    }

    #[test]
    fn forced_paths_read_as_they_are_written() {
        let forced = Forced::parse("/a=b=418").unwrap();
        assert_eq!(
            (forced.path.as_str(), forced.status),
            ("/a=b", Status::TEAPOT)
        );
        assert_eq!(forced.to_string(), "/a=b=418");
        for bad in [
            "", "/a", "/a=", "a=404", "/a=99", "/a=100", "/a=600", "/a=+404", "/a b=404",
            "/a?b=404",
        ] {
            assert_eq!(Forced::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_slow_body_is_given_up_after_the_stall_time() {
        let limits = Limits::default();
        let seconds = Duration::from_secs;
        assert!(!limits.is_too_slow(0, seconds(30)), "not before it is over");
        // 500 bytes a second, for 31 seconds.
        assert!(limits.is_too_slow(15_499, seconds(31)));
        assert!(!limits.is_too_slow(15_500, seconds(31)));
        let patient = Limits {
            lowest_rate: 0,
            ..limits
        };
        assert!(!patient.is_too_slow(0, seconds(3_600)));
    }

    #[test]
    fn a_forced_path_is_the_whole_path() {
        let service = Service {
            forced: vec![Forced {
                path: "/busy".to_owned(),
                status: Status::SERVICE_UNAVAILABLE,
            }],
            ..Service::default()
        };
        assert_eq!(service.forced(b"/busy"), Some(Status::SERVICE_UNAVAILABLE));
        assert_eq!(service.forced(b"/busy/"), None);
        assert_eq!(service.forced(b"/"), None);
    }
}
