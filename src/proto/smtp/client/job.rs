//! What a session needs of a [`Plan`], checked: the last place where a field of a person's could still hold a line end.

use std::net::IpAddr;

use thiserror::Error;

use crate::proto::secret::Secret;
use crate::proto::smtp::address::Envelope;
use crate::proto::smtp::plan::{Plan, Retry, Security};
use crate::proto::smtp::sasl::{CredentialError, Exchange};
use crate::proto::smtp::stage::Stage;

/// Octets of a domain (RFC 5321 §4.5.3.1.2).
const DOMAIN: usize = 255;

/// What a [`Client`](super::Client) is to do.
#[derive(Debug, Clone)]
pub struct Job {
    pub(super) security: Security,
    pub(super) exchange: Option<Exchange>,
    pub(super) helo: Option<String>,
    pub(super) envelope: Envelope,
    pub(super) count: u32,
    pub(super) pipelining: bool,
    pub(super) chunking: bool,
    pub(super) quit_after: Option<Stage>,
    pub(super) retry: Retry,
}

/// Why a plan can't be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JobError {
    #[error(transparent)]
    Credential(#[from] CredentialError),
    #[error("the name in EHLO must be a host name or an address literal, without spaces")]
    Helo,
    #[error("there is no recipient")]
    NoRecipient,
}

impl JobError {
    /// The command that can't be said.
    pub fn stage(self) -> Stage {
        match self {
            JobError::Credential(_) => Stage::Auth,
            JobError::Helo => Stage::Ehlo,
            JobError::NoRecipient => Stage::Rcpt,
        }
    }
}

impl Job {
    /// Takes from a plan what the session needs. `password` is what the plan's source yielded; a plan without login needs none.
    ///
    /// # Errors
    ///
    /// When something in it can't be said in a line of SMTP.
    pub fn new(plan: &Plan, password: Option<&Secret>) -> Result<Self, JobError> {
        let none = Secret::from("");
        let exchange = plan
            .login
            .as_ref()
            .map(|login| Exchange::new(login.mechanism, &login.user, password.unwrap_or(&none)))
            .transpose()?;
        let envelope = plan.message.envelope();
        if envelope.to.is_empty() {
            return Err(JobError::NoRecipient);
        }
        Ok(Self {
            security: plan.security,
            exchange,
            helo: plan.helo.as_deref().map(helo).transpose()?,
            envelope,
            count: plan.count.max(1),
            pipelining: plan.pipelining,
            chunking: plan.chunking,
            quit_after: plan.quit_after,
            retry: plan.retry,
        })
    }
}

/// A name for EHLO: on the wire it is ASCII, in its A-label form (RFC 6531 §3.7.1).
fn helo(name: &str) -> Result<String, JobError> {
    let name = if name.is_ascii() {
        name.to_owned()
    } else {
        idna::domain_to_ascii(name).map_err(|_| JobError::Helo)?
    };
    let is_word = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    (is_word && name.len() <= DOMAIN)
        .then_some(name)
        .ok_or(JobError::Helo)
}

/// An address as EHLO names a host that has no name (RFC 5321 §4.1.3).
pub(super) fn literal(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helo_name_is_one_word_of_ascii() {
        assert_eq!(helo("lab.example").as_deref(), Ok("lab.example"));
        assert_eq!(helo("[127.0.0.1]").as_deref(), Ok("[127.0.0.1]"));
        assert_eq!(helo("例子.中国").as_deref(), Ok("xn--fsqu00a.xn--fiqs8s"));
        let long = "a".repeat(DOMAIN + 1);
        for wrong in [
            "",
            "two words",
            "lab\r\nMAIL FROM:<x@y>",
            "lab\0",
            "lab\t",
            &long,
        ] {
            assert_eq!(helo(wrong), Err(JobError::Helo), "{wrong:?}");
        }
    }

    #[test]
    fn a_host_without_a_name_says_its_address() {
        for (address, said) in [
            ("127.0.0.1", "[127.0.0.1]"),
            ("2001:db8::1", "[IPv6:2001:db8::1]"),
            ("::ffff:192.0.2.1", "[192.0.2.1]"),
        ] {
            assert_eq!(literal(address.parse().unwrap()), said);
        }
    }
}
