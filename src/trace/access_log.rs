//! One line a request, as other programs expect it: Common Log Format, Combined Log Format, or JSON.
//!
//! It stands here because a command prints these lines and the dashboard saves them. It is on the path of every request: a line is appended to a buffer
//! that is used again, the text of a
//! second is made once, and nothing is allocated for a request that holds printable ASCII. Whatever a client sent is escaped, so that it stays
//! inside its own place in its own line.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, UNIX_EPOCH};

use super::clock::Clock;
use super::escape::escape_hostile;
use super::web::{Ending, Exchange, Part};

/// How a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// `client - - [time] "request line" status bytes`.
    Common,
    /// The same, then `"referer" "user agent"`.
    Combined,
    /// An object with everything that is known.
    Json,
}

impl LogFormat {
    pub const ALL: [LogFormat; 3] = [LogFormat::Common, LogFormat::Combined, LogFormat::Json];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            LogFormat::Common => "common",
            LogFormat::Combined => "combined",
            LogFormat::Json => "json",
        }
    }
}

/// Writes the lines of one log.
pub struct AccessLog {
    format: LogFormat,
    clock: Clock,
    /// The last second for which the text was made, since 1970, and the text.
    second: Option<(u64, String)>,
}

impl AccessLog {
    pub fn new(format: LogFormat, clock: Clock) -> Self {
        Self {
            format,
            clock,
            second: None,
        }
    }

    /// The server's address, which only JSON has a line for.
    pub fn listening(&self, address: SocketAddr, log: &mut Vec<u8>) {
        if self.format == LogFormat::Json {
            log.extend(br#"{"event":"listening","address":""#);
            push_address(log, address);
            log.extend(b"\"}\n");
        }
    }

    /// How many requests are missing here, because they came faster than they could be written.
    pub fn skipped(&self, requests: u64, log: &mut Vec<u8>) {
        if self.format == LogFormat::Json {
            log.extend(br#"{"event":"skipped","requests":"#);
            push_number(log, requests);
            log.extend(b"}\n");
        } else {
            log.extend(b"# ");
            push_number(log, requests);
            log.extend(b" requests were not logged\n");
        }
    }

    /// One request. Its time is that of its arrival.
    pub fn request(&mut self, exchange: &Exchange, log: &mut Vec<u8>) {
        match self.format {
            LogFormat::Common => self.common(exchange, log),
            LogFormat::Combined => {
                self.common(exchange, log);
                let parts = &exchange.parts;
                for part in [&parts.referer, &parts.user_agent] {
                    log.extend(b" \"");
                    match part {
                        Some(part) if is_kept(exchange, part) => {
                            push_escaped(log, kept(exchange, part), b' ');
                        }
                        _ => log.push(b'-'),
                    }
                    log.push(b'"');
                }
            }
            LogFormat::Json => self.json(exchange, log),
        }
        log.push(b'\n');
    }

    fn common(&mut self, exchange: &Exchange, log: &mut Vec<u8>) {
        push_ip(log, exchange.client.ip());
        log.extend(b" - - [");
        self.push_second(exchange.timing.arrived, log);
        log.extend(b"] \"");
        let parts = &exchange.parts;
        let line = [&parts.method, &parts.target, &parts.version].map(|part| kept(exchange, part));
        if line.iter().all(|part| part.is_empty()) {
            log.push(b'-');
        } else {
            for (n, part) in line.into_iter().enumerate() {
                if n > 0 {
                    log.push(b' ');
                }
                match part {
                    [] => log.push(b'-'),
                    // A blank is escaped too: one in the target must not look like the end of it.
                    _ => push_escaped(log, part, b'!'),
                }
            }
        }
        log.extend(b"\" ");
        match exchange.status {
            Some(status) => push_number(log, status.code().into()),
            None => log.push(b'-'),
        }
        log.push(b' ');
        match exchange.content_sent {
            0 => log.push(b'-'),
            bytes => push_number(log, bytes),
        }
    }

    fn json(&mut self, exchange: &Exchange, log: &mut Vec<u8>) {
        let Exchange { parts, timing, .. } = exchange;
        log.extend(br#"{"event":"request","at":""#);
        let micros = self.push_second(timing.arrived, log);
        log.push(b'.');
        push_padded(log, micros, 6);
        log.extend(br#"Z","client":""#);
        push_address(log, exchange.client);
        log.extend(br#"","connection":"#);
        push_number(log, exchange.connection);
        log.extend(br#","number":"#);
        push_number(log, exchange.number.into());
        let known = |part| Some(kept(exchange, part)).filter(|part| !part.is_empty());
        push_field(log, br#","method":"#, known(&parts.method));
        push_field(log, br#","target":"#, known(&parts.target));
        push_field(log, br#","version":"#, known(&parts.version));
        log.extend(br#","status":"#);
        match exchange.status {
            Some(status) => push_number(log, status.code().into()),
            None => log.extend(b"null"),
        }
        log.extend(br#","bytes":"#);
        push_number(log, exchange.content_sent);
        log.extend(br#","duration_us":"#);
        push_micros(log, timing.duration());
        log.extend(br#","wait_us":"#);
        push_micros(log, timing.waited());
        let field = |part: &Option<Part>| part.as_ref().map(|part| kept(exchange, part));
        push_field(log, br#","user_agent":"#, field(&parts.user_agent));
        push_field(log, br#","referer":"#, field(&parts.referer));
        let error = error(exchange.ending).map(str::as_bytes);
        push_field(log, br#","error":"#, error);
        let rule = exchange.rule.map(|rule| rule.name().as_bytes());
        push_field(log, br#","rule":"#, rule);
        log.push(b'}');
    }

    /// Appends the text of the second in which `at` lies: local in the common formats, UTC without the fraction in JSON. Gives the microseconds
    /// after it.
    fn push_second(&mut self, at: Duration, log: &mut Vec<u8>) -> u64 {
        let unix = self.clock.wall(at).duration_since(UNIX_EPOCH);
        let unix = unix.unwrap_or_default();
        let second = unix.as_secs();
        if self.second.as_ref().is_none_or(|(of, _)| *of != second) {
            let text = match self.format {
                LogFormat::Json => self.clock.rfc3339_second(at),
                LogFormat::Common | LogFormat::Combined => self.clock.common_log(at),
            };
            self.second = Some((second, text));
        }
        let text = self.second.as_ref().map_or("", |(_, text)| text);
        log.extend(text.as_bytes());
        unix.subsec_micros().into()
    }
}

/// The stable name of an end that came too early; `None` for a whole response.
fn error(ending: Ending) -> Option<&'static str> {
    match ending {
        Ending::Complete => None,
        Ending::ClientGone => Some("client-gone"),
        Ending::Stalled => Some("stalled"),
        Ending::FileChanged => Some("file-changed"),
        Ending::Stopped => Some("stopped"),
    }
}

/// The bytes of a part of the request, as far as they were kept.
fn kept<'a>(exchange: &'a Exchange, part: &Part) -> &'a [u8] {
    let bytes = &exchange.request.bytes;
    let end = usize::try_from(part.end).map_or(bytes.len(), |end| end.min(bytes.len()));
    let start = usize::try_from(part.start).map_or(end, |start| start.min(end));
    &bytes[start..end]
}

/// Whether all of a part is there: the first bytes of a request are kept longer than the rest.
fn is_kept(exchange: &Exchange, part: &Part) -> bool {
    usize::try_from(part.end).is_ok_and(|end| end <= exchange.request.bytes.len())
}

/// Whether all bytes are printable ASCII from `lowest` on that needs no escape. Looks at every byte whatever it finds, which the compiler turns into
/// looking at many at once.
fn is_plain(bytes: &[u8], lowest: u8) -> bool {
    bytes.iter().fold(true, |plain, &byte| {
        plain & (byte >= lowest) & (byte <= b'~') & (byte != b'"') & (byte != b'\\')
    })
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends bytes the way Apache's `mod_log_config` does: `\"`, `\\`, the short forms of C for white space, and `\xhh` for every other byte below
/// `lowest` or above `~`.
fn push_escaped(log: &mut Vec<u8>, bytes: &[u8], lowest: u8) {
    if is_plain(bytes, lowest) {
        return log.extend(bytes);
    }
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => log.extend([b'\\', byte]),
            b'\n' => log.extend(br"\n"),
            b'\r' => log.extend(br"\r"),
            b'\t' => log.extend(br"\t"),
            0x0b => log.extend(br"\v"),
            0x08 => log.extend(br"\b"),
            _ if byte >= lowest && byte <= b'~' => log.push(byte),
            _ => log.extend([
                b'\\',
                b'x',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]),
        }
    }
}

/// Appends a member of an object: what comes before the value, and the value as a string or `null`.
fn push_field(log: &mut Vec<u8>, before: &[u8], text: Option<&[u8]>) {
    log.extend(before);
    let Some(text) = text else {
        return log.extend(b"null");
    };
    log.push(b'"');
    if is_plain(text, b' ') {
        log.extend(text);
    } else {
        push_json_escaped(log, &escape_hostile(text));
    }
    log.push(b'"');
}

/// Appends the inside of a JSON string (RFC 8259 §7), ASCII only.
fn push_json_escaped(log: &mut Vec<u8>, text: &str) {
    for c in text.chars() {
        match c {
            '"' | '\\' => log.extend([b'\\', c as u8]),
            ' '..='~' => log.push(c as u8),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    log.extend(br"\u");
                    for shift in [12, 8, 4, 0] {
                        log.push(HEX[usize::from(*unit >> shift & 15)]);
                    }
                }
            }
        }
    }
}

fn push_ip(log: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            for (n, octet) in ip.octets().into_iter().enumerate() {
                if n > 0 {
                    log.push(b'.');
                }
                push_number(log, octet.into());
            }
        }
        // A Vec takes everything.
        IpAddr::V6(ip) => drop(write!(log, "{ip}")),
    }
}

fn push_address(log: &mut Vec<u8>, address: SocketAddr) {
    match address {
        SocketAddr::V4(_) => {
            push_ip(log, address.ip());
            log.push(b':');
            push_number(log, address.port().into());
        }
        SocketAddr::V6(address) => drop(write!(log, "{address}")),
    }
}

/// The most digits of a `u64`.
const DIGITS: usize = 20;

fn push_number(log: &mut Vec<u8>, number: u64) {
    push_padded(log, number, 1);
}

/// Appends a number with at least `width` digits, at most [`DIGITS`].
fn push_padded(log: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut digits = [b'0'; DIGITS];
    let mut first = DIGITS;
    while number > 0 {
        first -= 1;
        digits[first] += (number % 10) as u8;
        number /= 10;
    }
    log.extend(&digits[first.min(DIGITS.saturating_sub(width))..]);
}

/// Appends microseconds with their three decimals.
fn push_micros(log: &mut Vec<u8>, duration: Duration) {
    let micros = duration.as_secs().saturating_mul(1_000_000);
    push_number(log, micros.saturating_add(duration.subsec_micros().into()));
    log.push(b'.');
    push_padded(log, u64::from(duration.subsec_nanos() % 1_000), 3);
}

#[cfg(test)]
pub(crate) mod tests;
