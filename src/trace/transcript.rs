//! A sending in the notation of swaks, which people who test mail servers read: `===` what the client did, `***` what went wrong, ` ->` and `<-` what
//! was said, `~>` and `<~` the same inside TLS, `**>`, `<**`, `*~>` and `<~*` what was not to be expected.
//!
//! It stands apart because a saved file, the clipboard and a terminal get the same lines. Secrets are masked, hostile text is escaped, and the words
//! are those of swaks: English, whatever the language of the screen.

use super::escape::escape_hostile;
use super::mail::{Fit, SendingEvent, Speech, Spoken, TlsCard};
use crate::proto::smtp::address::Address;
use crate::proto::smtp::outcome::{Distrust, Failure, Need, Outcome, TlsFailure};
use crate::proto::smtp::reply::Reply;
use crate::proto::smtp::stage::Stage;

/// Whether a line below each reply tells how long it took, as with swaks' `--show-time-lapse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latencies {
    Hidden,
    Shown,
}

/// Writes one sending, event by event.
#[derive(Debug)]
pub struct Transcript {
    latencies: Latencies,
    /// Host and port of the last try.
    target: String,
    is_connected: bool,
}

impl Transcript {
    pub fn new(latencies: Latencies) -> Self {
        Self {
            latencies,
            target: String::new(),
            is_connected: false,
        }
    }

    /// The lines that an event adds, without line ends; none for most that only tell how far things are.
    pub fn lines(&mut self, event: &SendingEvent) -> Vec<String> {
        match event {
            SendingEvent::Connecting {
                host,
                port,
                attempt,
                ..
            } => {
                self.is_connected = false;
                self.target = format!("{}:{port}", escape_hostile(host));
                let again = match attempt {
                    0 | 1 => String::new(),
                    _ => format!(" (attempt {attempt})"),
                };
                vec![format!("=== Trying {}...{again}", self.target)]
            }
            SendingEvent::Connected { server, .. } => {
                self.is_connected = true;
                vec![format!("=== Connected to {server}.")]
            }
            SendingEvent::Spoken(spoken) => spoken_lines(spoken, self.latencies),
            SendingEvent::Tls { card, .. } => tls_lines(card),
            SendingEvent::Retrying {
                at,
                until,
                recipients,
            } => {
                let pause = until.saturating_sub(*at).as_secs_f64();
                let to = addresses(recipients);
                vec![format!("=== Trying again in {pause:.1}s: {to}")]
            }
            SendingEvent::Ended { summary, .. } => {
                let mut lines = Vec::new();
                lines.extend(outcome_line(&summary.outcome, &self.target));
                if self.is_connected {
                    lines.push("=== Connection closed with remote host.".to_owned());
                }
                lines
            }
            SendingEvent::Cipher(_)
            | SendingEvent::Awaiting { .. }
            | SendingEvent::Held { .. }
            | SendingEvent::Progress { .. }
            | SendingEvent::Decided(_) => Vec::new(),
        }
    }
}

/// The lines of something that was said, at either end, without line ends.
pub fn spoken_lines(spoken: &Spoken, latencies: Latencies) -> Vec<String> {
    let Spoken {
        stage, encrypted, ..
    } = *spoken;
    match &spoken.what {
        Speech::Command(line) => {
            let sign = sent_sign(stage, encrypted);
            vec![format!("{sign} {}", escape_hostile(&line.shown))]
        }
        Speech::Reply {
            reply,
            latency,
            fit,
        } => {
            let mut lines = reply_lines(reply, *fit, encrypted);
            if let (Some(latency), Latencies::Shown) = (latency, latencies) {
                lines.push(format!("=== response in {:.3}s", latency.as_secs_f64()));
            }
            let odd: Vec<&str> = reply.odd.iter().map(|odd| odd.name()).collect();
            if !odd.is_empty() {
                lines.push(format!("=== odd: {}", odd.join(", ")));
            }
            match fit {
                Fit::NotInTheList => lines.push(format!(
                    "=== {} is not among the codes of RFC 5321 for {}",
                    reply.code,
                    stage.name()
                )),
                Fit::Unasked => lines.push("=== a reply to nothing".to_owned()),
                Fit::Expected | Fit::Refusal => {}
            }
            lines
        }
        Speech::Content {
            bytes,
            stuffed,
            excerpt,
        } => content_lines(*bytes, *stuffed, excerpt, sent_sign(stage, encrypted)),
    }
}

/// A line that is no command of SMTP was not to be expected.
fn sent_sign(stage: Stage, encrypted: bool) -> &'static str {
    match (stage, encrypted) {
        (Stage::Other, false) => "**>",
        (Stage::Other, true) => "*~>",
        (_, false) => " ->",
        (_, true) => " ~>",
    }
}

fn reply_lines(reply: &Reply, fit: Fit, encrypted: bool) -> Vec<String> {
    let sign = match (fit, encrypted) {
        (Fit::Expected, false) => "<- ",
        (Fit::Expected, true) => "<~ ",
        (_, false) => "<**",
        (_, true) => "<~*",
    };
    let lines = reply.raw.split_inclusive(|&byte| byte == b'\n');
    lines
        .map(|line| format!("{sign} {}", escape_hostile(without_end(line))))
        .collect()
}

/// The beginning of a message, as far as it was kept, and its measure.
fn content_lines(bytes: u64, stuffed: u64, excerpt: &[u8], sign: &str) -> Vec<String> {
    let mut lines: Vec<String> = excerpt
        .split_inclusive(|&byte| byte == b'\n')
        .map(|line| format!("{sign} {}", escape_hostile(without_end(line))))
        .collect();
    let is_cut = bytes > excerpt.len() as u64;
    if is_cut
        && !excerpt.ends_with(b"\n")
        && let Some(last) = lines.last_mut()
    {
        last.push('…');
    }
    let dots = match stuffed {
        0 => String::new(),
        1 => ", 1 dot doubled".to_owned(),
        _ => format!(", {stuffed} dots doubled"),
    };
    let all = if is_cut { " in all" } else { "" };
    lines.push(format!("{sign} [{bytes} bytes{all}{dots}]"));
    lines
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn tls_lines(card: &TlsCard) -> Vec<String> {
    let mut lines = Vec::new();
    if let (Some(version), Some(cipher)) = (&card.version, &card.cipher) {
        lines.push(format!(
            "=== TLS started with cipher {}:{}",
            escape_hostile(version),
            escape_hostile(cipher)
        ));
    }
    for (at, peer) in card.chain.iter().enumerate() {
        let subject = escape_hostile(&peer.subject);
        let issuer = escape_hostile(&peer.issuer);
        lines.push(format!(
            "=== TLS peer[{at}]   subject=[{subject}] issuer=[{issuer}]"
        ));
        let names = peer.names.join(", ");
        lines.push(format!(
            "===               subjectAltName=[{}] notBefore=[{}] notAfter=[{}]",
            escape_hostile(&names),
            escape_hostile(&peer.not_before),
            escape_hostile(&peer.not_after)
        ));
    }
    let name = escape_hostile(&card.server_name);
    match (&card.distrust, &card.error) {
        (Some(why), _) => lines.push(format!(
            "*** TLS peer certificate failed verification: {} (using host {name} to verify)",
            distrust(why)
        )),
        (None, None) => lines.push(format!(
            "=== TLS peer certificate passed CA verification, passed host verification (using host {name} to verify)"
        )),
        (None, Some(_)) => {}
    }
    if let Some(error) = &card.error {
        lines.push(format!(
            "*** TLS startup failed ({})",
            escape_hostile(error)
        ));
    }
    lines
}

fn distrust(why: &Distrust) -> String {
    match why {
        Distrust::UnknownIssuer => "unknown issuer".to_owned(),
        Distrust::SignsItself => "self-signed".to_owned(),
        Distrust::Expired => "expired".to_owned(),
        Distrust::NotYetValid => "not yet valid".to_owned(),
        Distrust::WrongName => "made out for other names".to_owned(),
        Distrust::Revoked => "revoked".to_owned(),
        Distrust::BadSignature => "bad signature".to_owned(),
        Distrust::Other(error) => escape_hostile(error).into_owned(),
    }
}

/// What a reply alone does not tell about the end of a sending.
fn outcome_line(outcome: &Outcome, target: &str) -> Option<String> {
    let text = match outcome {
        Outcome::Sent | Outcome::PartlySent | Outcome::Refused | Outcome::Stopped => return None,
        Outcome::LoginRefused => "No authentication type succeeded".to_owned(),
        Outcome::Unknown => {
            "Connection lost after the final dot: the message may have been delivered".to_owned()
        }
        Outcome::Failed(failure) => match failure {
            Failure::Source { what, error } => {
                let (what, error) = (escape_hostile(what), escape_hostile(error));
                format!("Cannot read {what}: {error}")
            }
            Failure::CannotConnect(error) => {
                format!("Error connecting to {target}: {}", escape_hostile(error))
            }
            Failure::Lost(error) => format!(
                "Remote host closed connection unexpectedly. ({})",
                escape_hostile(error)
            ),
            Failure::TimedOut(limit) => {
                format!("No reply within {:.1}s", limit.as_secs_f64())
            }
            Failure::Tls(failure) => tls_failure(failure),
            Failure::NotAReply(error) => format!("Not a reply: {error}"),
            Failure::NotOffered(need) => not_offered(need),
        },
    };
    Some(format!("*** {text}"))
}

fn tls_failure(failure: &TlsFailure) -> String {
    match failure {
        TlsFailure::NotOffered => "STARTTLS not advertised; not going on in clear text".to_owned(),
        TlsFailure::Refused(code) => {
            format!("STARTTLS refused ({code}); not going on in clear text")
        }
        TlsFailure::Injected(bytes) => format!(
            "Clear text behind the reply to STARTTLS, not believed: {}",
            escape_hostile(bytes)
        ),
        TlsFailure::Untrusted(why) => {
            format!(
                "TLS startup failed (certificate not trusted: {})",
                distrust(why)
            )
        }
        // The card has told why.
        TlsFailure::Handshake(_) => "No TLS; not going on in clear text".to_owned(),
    }
}

fn not_offered(need: &Need) -> String {
    match need {
        Need::Mechanism { wanted, offered } => {
            let offered = match offered.join(" ") {
                none if none.is_empty() => "none".to_owned(),
                some => escape_hostile(&some).into_owned(),
            };
            format!("AUTH {wanted} not advertised; offered: {offered}")
        }
        Need::SmtpUtf8(address) => {
            let address = escape_hostile(address.as_str());
            format!("SMTPUTF8 not advertised, and {address} needs it")
        }
        Need::Size { bytes, most } => {
            format!("The message has {bytes} bytes, and the server takes {most}")
        }
    }
}

fn addresses(recipients: &[Address]) -> String {
    let all: Vec<&str> = recipients.iter().map(Address::as_str).collect();
    escape_hostile(&all.join(", ")).into_owned()
}

#[cfg(test)]
mod tests;
