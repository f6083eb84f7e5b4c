//! How the web server serves, as far as a teacher turns it while the class watches: in which order, how slowly, and with which answers forced. And
//! its limits, which nobody gets past.

use std::time::Duration;

use super::status::Status;

/// In which order connections are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    pub mode: Mode,
    /// Time that every request takes more than it needs, before its answer.
    pub delay: Duration,
    /// Bytes a second at which each response is sent at most.
    pub rate: Option<u64>,
    pub forced: Vec<Forced>,
}

/// A path that gets a status whatever is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forced {
    /// As it stands in the request, without the query.
    pub path: String,
    pub status: Status,
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
