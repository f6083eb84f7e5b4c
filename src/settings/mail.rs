//! The section of the Mail lab: what its client is to do and how its server is run, and how the texts that only it has are read. Passwords have no
//! place here: a setting may name the command that prints one, never the password itself.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::address::{host_and_port, is_host, local};
use super::table::{AUTO, lines};
use super::web::NONE;
use super::{MAIL_PORT, MAIL_TLS_PORT, Problem};
use crate::proto::link::parse_duration;
use crate::proto::smtp::fault::{Fault, Scenario};
use crate::proto::smtp::plan::{Retry, Security, TIME_SCALES};
use crate::proto::smtp::sasl::Mechanism;
use crate::proto::smtp::server::{EndOfData, Limits};

/// The word for the lab's own server.
pub(super) const LAB: &str = "lab";

/// The word for a mailbox that is gone with the program.
const MEMORY: &str = "memory";

/// The word for letting everybody log in.
pub(super) const ANYBODY: &str = "anybody";

/// How often a recipient with a 4xx is tried again when only the pause is given.
const RETRIES: u32 = 3;

/// The most times that can be asked for.
const MOST_RETRIES: u32 = 1_000;

/// The most faults that can be set at a time.
const MOST_FAULTS: usize = 64;

/// The longest name of a host or of ourselves (RFC 5321 §4.5.3.1.2).
const LONGEST_NAME: usize = 255;

/// The Mail lab.
#[derive(Debug, Clone, PartialEq)]
pub struct MailSettings {
    pub client: MailClientSettings,
    pub server: MailServerSettings,
}

/// What the client does unless the form or the command line says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct MailClientSettings {
    pub server: MailHost,
    pub security: Security,
    pub auth: MailAuth,
    /// Who logs in.
    pub user: Option<String>,
    /// A command of the system's shell whose first line is the password.
    pub password_command: Option<String>,
    /// The sender, as it is written in the form.
    pub from: Option<String>,
    /// The name in EHLO; `None` takes the address of our end.
    pub helo: Option<String>,
    /// Several commands at a time where the server offers PIPELINING.
    pub pipelining: bool,
    /// BDAT in place of DATA where the server offers CHUNKING.
    pub chunking: bool,
    /// Factor on every time limit of RFC 5321 §4.5.3.2.
    pub time_scale: f64,
    /// A PEM file with a certificate to believe, besides those of the platform.
    pub ca_file: Option<PathBuf>,
    pub retry: Retry,
}

/// Whom the client talks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailHost {
    /// The lab's own server, wherever it is set to listen.
    Lab,
    Named {
        /// A host name, an IPv4 address or an IPv6 address without brackets.
        host: String,
        /// `None` takes the port that goes with the security.
        port: Option<u16>,
    },
}

/// How the client logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailAuth {
    /// As PLAIN if there is a user, else not at all.
    Auto,
    Never,
    By(Mechanism),
}

/// The lab's mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServerSettings {
    /// The address to listen at; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// Where TLS is spoken from the first byte, if anywhere.
    pub tls_listen: Option<SocketAddr>,
    pub store: MailStore,
    /// The name in its greeting.
    pub name: String,
    /// The only user who may log in; `None` takes any with any password.
    pub account: Option<String>,
    /// A command of the system's shell whose first line is that user's password.
    pub account_password_command: Option<String>,
    pub limits: Limits,
    /// What it does wrong, besides what the scenario says.
    pub faults: Vec<Fault>,
    pub scenario: Option<Scenario>,
    pub end_of_data: EndOfData,
}

/// Where messages are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailStore {
    /// In a Maildir in the program's state folder.
    StateFolder,
    /// In this Maildir.
    Folder(PathBuf),
    /// Nowhere: they are gone with the program.
    Memory,
}

impl MailSettings {
    /// The host and port to connect to. The lab's own server has one for TLS; a host without a port gets 25 (RFC 5321 §4.5.4.2), 587 for STARTTLS
    /// (RFC 6409) or 465 for TLS (RFC 8314).
    #[must_use]
    pub fn destination(&self) -> (String, u16) {
        let security = self.client.security;
        match &self.client.server {
            MailHost::Named { host, port } => {
                let port = port.unwrap_or(match security {
                    Security::None => 25,
                    Security::StartTls => 587,
                    Security::Tls => 465,
                });
                (host.clone(), port)
            }
            MailHost::Lab => {
                let clear = local(self.server.listen);
                let address = match (security, self.server.tls_listen) {
                    (Security::None | Security::StartTls, _) => clear,
                    (Security::Tls, Some(tls)) => local(tls),
                    (Security::Tls, None) => SocketAddr::new(clear.ip(), MAIL_TLS_PORT),
                };
                (address.ip().to_string(), address.port())
            }
        }
    }
}

impl MailClientSettings {
    /// How to log in; `None` does not.
    #[must_use]
    pub fn mechanism(&self) -> Option<Mechanism> {
        match self.auth {
            MailAuth::Auto => self.user.is_some().then_some(Mechanism::Plain),
            MailAuth::Never => None,
            MailAuth::By(mechanism) => Some(mechanism),
        }
    }
}

impl MailServerSettings {
    /// Everything that is done wrong: what the scenario says, then the single faults.
    #[must_use]
    pub fn all_faults(&self) -> Vec<Fault> {
        let scenario = self.scenario.map(|scenario| scenario.parsed());
        let mut faults = scenario.unwrap_or_default();
        faults.extend_from_slice(&self.faults);
        faults
    }
}

/// Reads `lab`, `HOST` or `HOST:PORT`.
pub(super) fn parse_server(text: &str) -> Result<MailHost, Problem> {
    if text == LAB {
        return Ok(MailHost::Lab);
    }
    let (host, port) = host_and_port(text).ok_or(Problem::NotAllowed)?;
    if port == Some(0) || !is_host(host) {
        return Err(Problem::NotAllowed);
    }
    Ok(MailHost::Named {
        host: host.to_owned(),
        port,
    })
}

pub(super) fn parse_security(text: &str) -> Result<Security, Problem> {
    Security::from_name(text).ok_or(Problem::NotAllowed)
}

pub(super) fn parse_auth(text: &str) -> Result<MailAuth, Problem> {
    match text {
        AUTO => Ok(MailAuth::Auto),
        NONE => Ok(MailAuth::Never),
        _ => Mechanism::ALL
            .into_iter()
            .find(|mechanism| mechanism.name() == text)
            .map(MailAuth::By)
            .ok_or(Problem::NotAllowed),
    }
}

/// A text of one line, or `None` for the word that leaves it open.
pub(super) fn parse_line(text: &str, open: &str) -> Result<Option<String>, Problem> {
    let text = text.trim();
    if text.is_empty() || text.contains(char::is_control) {
        return Err(Problem::NotAllowed);
    }
    Ok((text != open).then(|| text.to_owned()))
}

/// A sender. What exactly is wrong with an address is said where the message is made.
pub(super) fn parse_from(text: &str) -> Result<Option<String>, Problem> {
    match parse_line(text, NONE)? {
        Some(from) if !from.contains('@') => Err(Problem::NotAllowed),
        from => Ok(from),
    }
}

/// A name for EHLO or a greeting: a domain or an address literal (RFC 5321 §4.1.2), not looked at more closely, so that a class can give a wrong one.
pub(super) fn parse_name(text: &str) -> Result<String, Problem> {
    let is_word = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.is_empty() || text.len() > LONGEST_NAME || !is_word {
        return Err(Problem::NotAllowed);
    }
    Ok(text.to_owned())
}

pub(super) fn parse_helo(text: &str) -> Result<Option<String>, Problem> {
    if text == AUTO {
        return Ok(None);
    }
    parse_name(text).map(Some)
}

pub(super) fn parse_time_scale(text: &str) -> Result<f64, Problem> {
    text.parse()
        .ok()
        .filter(|scale| TIME_SCALES.contains(scale))
        .ok_or(Problem::NotAllowed)
}

pub(super) fn parse_path(text: &str) -> Result<Option<PathBuf>, Problem> {
    Ok(parse_line(text, NONE)?.map(PathBuf::from))
}

/// Reads `none`, a pause, or a pause and how often: `30s,5`.
pub(super) fn parse_retry(text: &str) -> Result<Retry, Problem> {
    if text == NONE {
        return Ok(Retry::Never);
    }
    let (pause, times) = match text.split_once(',') {
        Some((pause, times)) => (pause, times.trim().parse().ok()),
        None => (text, Some(RETRIES)),
    };
    let times = times
        .filter(|times| (1..=MOST_RETRIES).contains(times))
        .ok_or(Problem::NotAllowed)?;
    let pause = parse_duration(pause.trim())?;
    if pause < Duration::from_millis(1) {
        return Err(Problem::NotAllowed);
    }
    Ok(Retry::After { pause, times })
}

pub(super) fn parse_tls_listen(text: &str) -> Result<Option<SocketAddr>, Problem> {
    if text == NONE {
        return Ok(None);
    }
    super::address::parse_listen(text, MAIL_TLS_PORT).map(Some)
}

pub(super) fn parse_store(text: &str) -> Result<MailStore, Problem> {
    match text {
        AUTO => Ok(MailStore::StateFolder),
        MEMORY => Ok(MailStore::Memory),
        _ => parse_line(text, AUTO)?
            .map(|path| MailStore::Folder(PathBuf::from(path)))
            .ok_or(Problem::NotAllowed),
    }
}

/// Reads `none`, or faults, one a line: their texts may hold blanks and commas.
pub(super) fn parse_faults(text: &str) -> Result<Vec<Fault>, Problem> {
    if text == NONE {
        return Ok(Vec::new());
    }
    let faults: Vec<Fault> = lines(text).map(Fault::parse).collect::<Result<_, _>>()?;
    if faults.is_empty() || faults.len() > MOST_FAULTS {
        return Err(Problem::NotAllowed);
    }
    Ok(faults)
}

pub(super) fn parse_scenario(text: &str) -> Result<Option<Scenario>, Problem> {
    if text == NONE {
        return Ok(None);
    }
    Ok(Some(Scenario::from_name(text)?))
}

pub(super) fn parse_end_of_data(text: &str) -> Result<EndOfData, Problem> {
    match text {
        "strict" => Ok(EndOfData::Strict),
        "lenient" => Ok(EndOfData::Lenient),
        _ => Err(Problem::NotAllowed),
    }
}

/// Settings to read the defaults into.
pub(super) fn blank() -> MailSettings {
    MailSettings {
        client: MailClientSettings {
            server: MailHost::Lab,
            security: Security::None,
            auth: MailAuth::Auto,
            user: None,
            password_command: None,
            from: None,
            helo: None,
            pipelining: false,
            chunking: false,
            time_scale: 1.0,
            ca_file: None,
            retry: Retry::Never,
        },
        server: MailServerSettings {
            listen: SocketAddr::from(([127, 0, 0, 1], MAIL_PORT)),
            tls_listen: None,
            store: MailStore::Memory,
            name: String::new(),
            account: None,
            account_password_command: None,
            limits: Limits {
                message: 0,
                recipients: 0,
                messages: 0,
                mailbox: 0,
                connections: 0,
                idle: Duration::ZERO,
                errors: 0,
            },
            faults: Vec::new(),
            scenario: None,
            end_of_data: EndOfData::Strict,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn the_defaults_need_no_network_and_no_account() {
        let mail = Settings::default().mail;
        assert_eq!(mail.destination(), ("127.0.0.1".to_owned(), 2525));
        assert_eq!(mail.client.mechanism(), None);
        assert_eq!(mail.client.security, Security::None);
        assert_eq!(mail.client.retry, Retry::Never);
        let server = mail.server;
        assert_eq!(server.listen, "127.0.0.1:2525".parse().unwrap());
        assert_eq!(server.tls_listen, "127.0.0.1:2465".parse().ok());
        assert_eq!(server.store, MailStore::StateFolder);
        assert_eq!((server.account, server.scenario), (None, None));
        assert_eq!(server.end_of_data, EndOfData::Strict);
        // RFC 5321 §4.5.3.1.8 and §4.5.3.2.7.
        assert!(server.limits.recipients >= 100);
        assert!(server.limits.idle >= Duration::from_secs(5 * 60));
        // A 25 MiB attachment in base64 fits.
        assert!(server.limits.message > (25 << 20) / 3 * 4 / 76 * 78);
    }

    #[test]
    fn the_port_follows_from_the_security() {
        let mut mail = Settings::default().mail;
        for (server, tls_listen, want) in [
            (
                "lab",
                "127.0.0.2:7",
                ["127.0.0.1:2525", "127.0.0.1:2525", "127.0.0.2:7"],
            ),
            (
                "lab",
                "none",
                ["127.0.0.1:2525", "127.0.0.1:2525", "127.0.0.1:2465"],
            ),
            (
                "lab",
                "0.0.0.0:8",
                ["127.0.0.1:2525", "127.0.0.1:2525", "127.0.0.1:8"],
            ),
            (
                "a.example",
                "none",
                ["a.example:25", "a.example:587", "a.example:465"],
            ),
            ("a.example:9", "none", ["a.example:9"; 3]),
            ("::1", "none", ["::1:25", "::1:587", "::1:465"]),
        ] {
            mail.client.server = parse_server(server).unwrap();
            mail.server.tls_listen = parse_tls_listen(tls_listen).unwrap();
            let have = Security::ALL.map(|security| {
                mail.client.security = security;
                let (host, port) = mail.destination();
                format!("{host}:{port}")
            });
            assert_eq!(have, want, "{server}");
        }
    }

    #[test]
    fn servers_are_read() {
        let named = |host: &str, port| MailHost::Named {
            host: host.to_owned(),
            port,
        };
        for (text, want) in [
            ("lab", Some(MailHost::Lab)),
            ("smtp.example.org", Some(named("smtp.example.org", None))),
            (
                "smtp.example.org:26",
                Some(named("smtp.example.org", Some(26))),
            ),
            ("lab:26", Some(named("lab", Some(26)))),
            ("[::1]:26", Some(named("::1", Some(26)))),
            ("::1", Some(named("::1", None))),
            ("", None),
            ("a:0", None),
            ("a:65536", None),
            ("a b", None),
            ("a\r\nb", None),
            ("smtp://a", None),
        ] {
            assert_eq!(parse_server(text).ok(), want, "{text:?}");
        }
    }

    #[test]
    fn a_user_alone_logs_in_as_plain() {
        let mut client = Settings::default().mail.client;
        for (auth, user, want) in [
            ("auto", None, None),
            ("auto", Some("u"), Some(Mechanism::Plain)),
            ("none", Some("u"), None),
            ("login", Some("u"), Some(Mechanism::Login)),
            ("cram-md5", None, Some(Mechanism::CramMd5)),
        ] {
            client.auth = parse_auth(auth).unwrap();
            client.user = user.map(str::to_owned);
            assert_eq!(client.mechanism(), want, "{auth} {user:?}");
        }
    }

    #[test]
    fn retries_are_read() {
        let after = |ms, times| Retry::After {
            pause: Duration::from_millis(ms),
            times,
        };
        for (text, want) in [
            ("none", Some(Retry::Never)),
            ("30s", Some(after(30_000, 3))),
            ("1ms,1", Some(after(1, 1))),
            ("30s, 1000", Some(after(30_000, 1000))),
            ("", None),
            ("30", None),
            ("0s", None),
            ("30s,0", None),
            ("30s,1001", None),
            ("30s,", None),
            ("30s,3,3", None),
            ("61m", None),
        ] {
            assert_eq!(parse_retry(text).ok(), want, "{text:?}");
        }
    }

    #[test]
    fn faults_are_read_one_a_line_and_follow_those_of_the_scenario() {
        let mut server = Settings::default().mail.server;
        server.scenario = parse_scenario("greylist").unwrap();
        server.faults = parse_faults("\n rcpt#2=451 4.7.1 Not now, later; \nmail=drop\n").unwrap();
        let all: Vec<String> = server.all_faults().iter().map(Fault::to_string).collect();
        assert_eq!(
            all,
            [
                "rcpt=greylist:30s",
                "rcpt#2=451 4.7.1 Not now, later;",
                "mail=drop"
            ]
        );
        assert!(matches!(parse_faults("rcpt"), Err(Problem::Fault(_))));
        assert!(matches!(parse_scenario("rcpt"), Err(Problem::Fault(_))));
        assert_eq!(parse_faults(""), Err(Problem::NotAllowed));
        let many = |n| "rcpt=550\n".repeat(n);
        assert!(parse_faults(&many(MOST_FAULTS)).is_ok());
        assert!(parse_faults(&many(MOST_FAULTS + 1)).is_err());
    }

    #[test]
    fn no_value_holds_a_control_character() {
        for text in ["a\r\nb", "a\nb", "a\0b", "a\u{1b}b", "a\u{7f}b"] {
            assert!(parse_line(text, NONE).is_err());
            assert!(parse_from(&format!("{text}@example.org")).is_err());
            assert!(parse_name(text).is_err());
            assert!(parse_store(text).is_err());
            assert!(parse_path(text).is_err());
        }
    }
}
