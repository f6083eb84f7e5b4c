//! What each lab's server is started with, from the settings.
//!
//! It stands apart from the settings because it opens files, runs commands and draws a seed, and from the labs because a lab takes its configuration
//! from whoever starts it: tests have no settings.

use std::path::Path;

use super::echo::EchoConfig;
use super::files::{Hidden, Links, Listing, Policy, Root};
use super::mail_server::MailServerConfig;
use super::maildir::Store;
use super::password;
use super::tls::Certificate;
use super::web::{Keep, Trace, WebConfig};
use crate::proto::guard::Caps;
use crate::proto::secret::Secret;
use crate::proto::smtp::plan::Password;
use crate::proto::smtp::server::{Accounts, Service};
use crate::proto::smtp::stage::Stage;
use crate::settings::{EchoSettings, MailServerSettings, MailStore, WebSettings};
use crate::trace::escape::escape_hostile;
use crate::words::{Words, outcome};

/// The Maildir in the folder for what the program keeps.
const MAILDIR: &str = "mail";

/// The echo server as it is set, to stop after `count` datagrams.
#[must_use]
pub fn echo(settings: &EchoSettings, count: Option<u64>) -> EchoConfig {
    EchoConfig {
        listen: settings.listen,
        link: settings.link.clone(),
        // Short enough to be read out in class and typed again.
        seed: settings
            .seed
            .unwrap_or_else(|| u64::from(rand::random::<u16>())),
        caps: Caps {
            per_source: settings.rate_cap,
            total: settings.total_cap,
        },
        allow_remote_duplicates: settings.allow_remote_duplicates,
        count,
    }
}

/// The web server as it is set.
#[must_use]
pub fn web(settings: &WebSettings, keep: Keep, words: Words) -> WebConfig {
    WebConfig {
        listen: settings.listen,
        root: match &settings.folder {
            Some(folder) => Root::Folder(folder.clone()),
            None => Root::Embedded,
        },
        policy: Policy {
            hidden: match settings.hidden {
                true => Hidden::Served,
                false => Hidden::Refused,
            },
            links: match settings.outside_links {
                true => Links::Anywhere,
                false => Links::Inside,
            },
            listing: match settings.listing {
                true => Listing::On,
                false => Listing::Off,
            },
        },
        trace: match settings.trace {
            true => Trace::Answered,
            false => Trace::Refused,
        },
        service: settings.service.clone(),
        limits: settings.limits,
        keep,
        words,
    }
}

/// The mail server as it is set; `state_folder` is for what it keeps. `password` is where the account's is, instead of the command in the settings.
///
/// # Errors
/// A sentence that says what is missing, or why the password or the certificate cannot be had.
pub fn mail(
    settings: &MailServerSettings,
    state_folder: Option<&Path>,
    password: Option<&Password>,
    words: Words,
) -> Result<MailServerConfig, String> {
    let no_certificate = |error| words.fill("receive.no_certificate", &[("error", &error)]);
    let certificate = match state_folder {
        Some(folder) => Certificate::load_or_make(folder).map_err(|error| {
            let folder = folder.to_string_lossy();
            format!("{}: {error}", escape_hostile(folder.as_bytes()))
        }),
        None => Certificate::passing(),
    };
    let command = settings.account_password_command.clone();
    let password = password.cloned().or(command.map(Password::Command));
    let accounts = match (&settings.account, password) {
        (None, None) => Accounts::Anybody,
        (None, Some(_)) => return Err(words.t("receive.no_user").into_owned()),
        (Some(user), None) => {
            return Err(words.fill("receive.no_password", &[("user", user)]));
        }
        (Some(user), Some(password)) => Accounts::Only {
            user: user.clone(),
            password: fetched(&password, words)?,
        },
    };
    Ok(MailServerConfig {
        listen: settings.listen,
        tls_listen: settings.tls_listen,
        store: match (&settings.store, state_folder) {
            (MailStore::Memory, _) => Store::Memory,
            (MailStore::Folder(folder), _) => Store::Folder(folder.clone()),
            (MailStore::StateFolder, Some(folder)) => Store::Folder(folder.join(MAILDIR)),
            (MailStore::StateFolder, None) => {
                return Err(words.t("receive.no_state_folder").into_owned());
            }
        },
        service: Service {
            name: settings.name.clone(),
            accounts,
            limits: settings.limits,
        },
        faults: settings.all_faults(),
        end_of_data: settings.end_of_data,
        certificate: Some(certificate.map_err(no_certificate)?),
    })
}

/// A password, from wherever it is.
fn fetched(password: &Password, words: Words) -> Result<Secret, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let fetched = runtime.block_on(password::fetch(password));
    let stage = outcome::stage(Stage::Auth, words);
    fetched.map_err(|failure| outcome::failure(&failure, &stage, words).what)
}
