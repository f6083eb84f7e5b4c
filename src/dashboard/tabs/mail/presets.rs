//! The servers that the form knows: the lab's own, and the providers that most people have a mailbox at, with what they demand.

use crate::proto::smtp::plan::Security;
use crate::proto::smtp::sasl::Mechanism;

/// A server with its ports.
#[derive(Debug)]
pub struct Preset {
    /// Its stable name, in the draft that is kept.
    pub id: &'static str,
    /// The message key of its name.
    pub name: &'static str,
    /// The message key of what it demands.
    pub hint: &'static str,
    /// `None` is told by whoever knows: the lab's server by where it listens, a server of one's own by what is typed.
    pub host: Option<&'static str>,
    /// The best first.
    pub ports: &'static [(Security, u16)],
    pub login: Option<Mechanism>,
}

/// The place of the lab's server.
pub const LAB: usize = 0;
/// The place of whatever was typed.
pub const OWN: usize = PRESETS.len() - 1;

/// Ports for a server that nothing is known of: RFC 8314 §3.3, RFC 6409 §3.1, RFC 5321 §4.5.4.2.
const USUAL: &[(Security, u16)] = &[
    (Security::Tls, 465),
    (Security::StartTls, 587),
    (Security::None, 25),
];

pub static PRESETS: [Preset; 8] = [
    Preset {
        id: "lab",
        name: "mail.preset.lab",
        hint: "mail.preset.lab_hint",
        host: None,
        ports: &[],
        login: None,
    },
    Preset {
        id: "163",
        name: "mail.preset.netease",
        hint: "mail.preset.netease_hint",
        host: Some("smtp.163.com"),
        ports: &[(Security::Tls, 465), (Security::None, 25)],
        login: Some(Mechanism::Login),
    },
    Preset {
        id: "qq",
        name: "mail.preset.qq",
        hint: "mail.preset.qq_hint",
        host: Some("smtp.qq.com"),
        ports: &[(Security::Tls, 465), (Security::StartTls, 587)],
        login: Some(Mechanism::Login),
    },
    Preset {
        id: "gmail",
        name: "mail.preset.gmail",
        hint: "mail.preset.gmail_hint",
        host: Some("smtp.gmail.com"),
        ports: &[(Security::Tls, 465), (Security::StartTls, 587)],
        login: Some(Mechanism::Plain),
    },
    Preset {
        id: "outlook",
        name: "mail.preset.outlook",
        hint: "mail.preset.outlook_hint",
        host: Some("smtp-mail.outlook.com"),
        ports: &[(Security::StartTls, 587)],
        login: Some(Mechanism::XOauth2),
    },
    Preset {
        id: "icloud",
        name: "mail.preset.icloud",
        hint: "mail.preset.icloud_hint",
        host: Some("smtp.mail.me.com"),
        ports: &[(Security::StartTls, 587)],
        login: Some(Mechanism::Plain),
    },
    Preset {
        id: "yahoo",
        name: "mail.preset.yahoo",
        hint: "mail.preset.yahoo_hint",
        host: Some("smtp.mail.yahoo.com"),
        ports: &[(Security::Tls, 465), (Security::StartTls, 587)],
        login: Some(Mechanism::Plain),
    },
    Preset {
        id: "own",
        name: "mail.preset.own",
        hint: "mail.preset.own_hint",
        host: None,
        ports: USUAL,
        login: None,
    },
];

impl Preset {
    /// The port for a kind of security, if the server has one.
    pub fn port(&self, security: Security) -> Option<u16> {
        let mut ports = self.ports.iter();
        ports
            .find(|(with, _)| *with == security)
            .map(|(_, port)| *port)
    }
}

/// The place of the preset of that name.
pub fn place(id: &str) -> Option<usize> {
    PRESETS.iter().position(|preset| preset.id == id)
}
