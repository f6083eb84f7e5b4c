//! The commands of the Mail lab: what only their flags can say. A password is never among the arguments, which everybody on the machine can read:
//! flags say where it is.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::{bad_value, format, number, subcommand, switch};
use crate::headless::mail::{Body, MailOptions};
use crate::proto::smtp::plan::Password;
use crate::proto::smtp::stage::Stage;
use crate::settings::{Problem, SettingsError, parse_positive};

/// The stages after whose reply a session can end with QUIT.
const STOPS: [Stage; 7] = [
    Stage::Banner,
    Stage::Ehlo,
    Stage::StartTls,
    Stage::Auth,
    Stage::Mail,
    Stage::Rcpt,
    Stage::Dot,
];

/// Where the password is, besides the flag that stands for a setting.
fn password_flags() -> [Arg; 2] {
    [
        Arg::new("password-env")
            .long("password-env")
            .value_name("VAR")
            .conflicts_with_all(["password-file", "password-command"]),
        Arg::new("password-file")
            .long("password-file")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .conflicts_with("password-command"),
    ]
}

pub(super) fn mail_command() -> Command {
    let several = |id: &'static str, name: &'static str| {
        Arg::new(id)
            .long(id)
            .value_name(name)
            .action(ArgAction::Append)
    };
    let stops = PossibleValuesParser::new(STOPS.map(Stage::name));
    subcommand("mail").args(password_flags()).args([
        several("to", "ADDRESS"),
        several("cc", "ADDRESS"),
        several("bcc", "ADDRESS"),
        several("attach", "FILE"),
        Arg::new("subject").long("subject").value_name("TEXT"),
        Arg::new("body").long("body").value_name("TEXT"),
        Arg::new("body-file")
            .long("body-file")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .conflicts_with("body"),
        number("count", "N"),
        Arg::new("quit-after")
            .long("quit-after")
            .value_name("STAGE")
            .value_parser(stops)
            .hide_possible_values(true),
        switch("insecure"),
        switch("json"),
    ])
}

pub(super) fn mailbox_command() -> Command {
    subcommand("mailbox")
        .args(password_flags())
        .arg(switch("json"))
}

/// Where the flags say that the password is.
pub(super) fn password(matches: &ArgMatches) -> Option<Password> {
    let variable = matches.get_one::<String>("password-env").cloned();
    let file = || matches.get_one::<PathBuf>("password-file").cloned();
    variable
        .map(Password::Variable)
        .or_else(|| file().map(Password::File))
}

pub(super) fn options(matches: &ArgMatches) -> Result<MailOptions, SettingsError> {
    let text = |id| matches.get_one::<String>(id).cloned();
    let texts = |id| {
        let values = matches.get_many::<String>(id);
        values.map(|all| all.cloned().collect()).unwrap_or_default()
    };
    let body_file = matches.get_one::<PathBuf>("body-file");
    let body_file = body_file.map(|path| match path.as_os_str() == "-" {
        true => Body::StandardInput,
        false => Body::File(path.clone()),
    });
    Ok(MailOptions {
        format: format(matches),
        password: password(matches).or_else(|| {
            // A setting as well: here it tells that somebody wants to log in.
            let command = text("password-command").filter(|command| command != "none");
            command.map(Password::Command)
        }),
        to: texts("to"),
        cc: texts("cc"),
        bcc: texts("bcc"),
        subject: text("subject"),
        body: text("body").map(Body::Text).or(body_file),
        attachments: texts("attach"),
        count: messages(matches)?,
        quit_after: text("quit-after").and_then(|name| Stage::from_name(&name)),
        insecure: matches.get_flag("insecure"),
    })
}

/// How often the message is sent.
fn messages(matches: &ArgMatches) -> Result<u32, SettingsError> {
    let Some(text) = matches.get_one::<String>("count") else {
        return Ok(1);
    };
    let count = parse_positive(text)
        .and_then(|count| u32::try_from(count).map_err(|_| Problem::NotAllowed));
    count.map_err(|problem| bad_value("count", text, problem, "settings.allowed.messages"))
}
