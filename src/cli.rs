//! The command line: commands, flags, and how they become settings.
//!
//! Flags that stand for a setting stay text and join the layers of [`crate::settings`], so a bad value gets the same
//! sentence as in the file or the environment. [`parse`] is a function of its arguments: it ends no process and
//! prints nothing, so every way through it can be tested. This stands apart from the settings because only this
//! module knows clap.

mod flags;
mod mail;
mod text;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use clap_complete::Shell;

use self::flags::{DASHBOARD, EVERYWHERE, Flag, settings_of};
use crate::headless::mail::MailOptions;
use crate::headless::output::Format;
use crate::headless::recording::Files;
use crate::net::resolve::Family;
use crate::proto::smtp::plan::Password;
use crate::settings::replay::Replay;
use crate::settings::{
    self, Environment, File, Given, Problem, Resolved, Settings, SettingsError, Source,
    parse_milliseconds_up, parse_positive, variable,
};
use crate::trace::access_log::LogFormat;
use crate::trace::recorder::Secrets;
use crate::words::{Lang, Words};

/// The name of the program, as it is typed.
const PROGRAM: &str = "sockscope";

/// How long the request sender waits when nothing else is said: longer than a teacher's delays.
const PATIENCE: Duration = Duration::from_secs(30);

/// The word of `--log` for no log at all.
const NO_LOG: &str = "none";

/// What the command line, the environment and the settings file ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// The command with what concerns it alone.
    pub command: Command,
    /// The files that are kept of what the labs do.
    pub files: Files,
    /// The settings in force.
    pub settings: Settings,
    /// Where each of them comes from.
    pub resolved: Resolved,
    /// The language to speak.
    pub lang: Lang,
    /// The folder for what the program keeps; see [`Environment::state_folder`].
    pub state_folder: Option<PathBuf>,
}

/// A command with what only its flags can say.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// No command: the dashboard.
    Dashboard,
    /// Run the echo server.
    Echo {
        /// How to report.
        format: Format,
        /// Leave out the line a datagram.
        quiet: bool,
        /// Stop after so many datagrams.
        count: Option<u64>,
    },
    /// List the presets of the link.
    ListPresets {
        /// How to report.
        format: Format,
    },
    /// Ping the targets.
    Ping {
        /// How to report.
        format: Format,
        /// The file that gets a row a ping.
        csv: Option<PathBuf>,
        /// The address family that names are resolved to.
        family: Family,
    },
    /// Run the web server.
    Serve {
        /// How to report.
        format: Format,
        /// How each request is logged; `None` logs none.
        log: Option<LogFormat>,
        /// The file that gets the log; `None` prints it.
        log_file: Option<PathBuf>,
    },
    /// Send one request and print both sides.
    Get {
        /// The URL as it was typed.
        url: String,
        /// The method; `None` leaves it to the rest of the command.
        method: Option<String>,
        /// Fields as they were typed, `Name: value`.
        headers: Vec<String>,
        /// The content to send.
        body: Option<String>,
        /// Ask for the head of the response only.
        head: bool,
        /// Print the bytes of the response as they came, and nothing else.
        raw: bool,
        /// The address family that names are resolved to.
        family: Family,
        /// How long to wait for the connection, and whenever nothing comes.
        timeout: Duration,
    },
    /// Send a message and print the dialogue.
    Mail(Box<MailOptions>),
    /// Run the mail server.
    Mailbox {
        /// How to report.
        format: Format,
        /// Where the account's password is, instead of the command in the settings.
        password: Option<Password>,
    },
    /// Play a record in the dashboard.
    Replay(Replay),
    /// Print the settings in force.
    Config,
    /// Print the completion script for a shell.
    Completions(Shell),
}

impl Command {
    /// How it reports.
    #[must_use]
    pub fn format(&self) -> Format {
        match self {
            Command::Echo { format, .. }
            | Command::ListPresets { format }
            | Command::Ping { format, .. }
            | Command::Serve { format, .. }
            | Command::Mailbox { format, .. } => *format,
            Command::Mail(options) => options.format,
            Command::Dashboard
            | Command::Get { .. }
            | Command::Replay(_)
            | Command::Config
            | Command::Completions(_) => Format::Text,
        }
    }
}

/// The end of the program before it began: help, version or bad use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// The exit code: 0 for what was asked for, 2 for bad use.
    pub code: u8,
    /// What to print; it ends with a line feed.
    pub text: String,
    /// Where to print it.
    pub to: Stream,
}

/// An output stream of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

fn switch(id: &'static str) -> Arg {
    Arg::new(id).long(id).action(ArgAction::SetTrue)
}

/// A flag with a number. One below zero is a value of it, and no unknown flag, so that the complaint can say what would be right.
fn number(id: &'static str, name: &'static str) -> Arg {
    Arg::new(id)
        .long(id)
        .value_name(name)
        .allow_negative_numbers(true)
}

/// A command with the flags that stand for its settings.
fn subcommand(name: &'static str) -> clap::Command {
    clap::Command::new(name).args(settings_of(Some(name)).iter().map(Flag::arg))
}

/// The flags of every command that runs a lab, for the files that it keeps.
fn file_flags() -> impl Iterator<Item = Arg> {
    replay_file_flags()
        .into_iter()
        .chain([switch("show-secrets")])
}

/// Those of them that concern a record that is played, too: what is masked in it can't be shown.
fn replay_file_flags() -> [Arg; 3] {
    let file = |id: &'static str| {
        Arg::new(id)
            .long(id)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
    };
    [file("capture"), file("record"), switch("overwrite")]
}

/// The commands and flags, with every text in one language.
fn commands(words: Words) -> clap::Command {
    let echo = subcommand("echo")
        .arg(number("count", "N"))
        .args([switch("quiet"), switch("json")])
        // Nothing runs, so there is nothing to keep or to count.
        .arg(switch("list-presets").conflicts_with_all(["count", "quiet", "capture", "record"]))
        .args(file_flags());
    let csv = Arg::new("csv")
        .long("csv")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf));
    let families = || {
        [
            switch("ipv4").short('4').conflicts_with("ipv6"),
            switch("ipv6").short('6'),
        ]
    };
    let ping = subcommand("ping")
        .args([switch("json"), csv])
        .args(families())
        .args(file_flags());
    let logs = LogFormat::ALL.map(LogFormat::name);
    let log = Arg::new("log")
        .long("log")
        .value_name("FORMAT")
        .value_parser(PossibleValuesParser::new(logs.into_iter().chain([NO_LOG])))
        .hide_possible_values(true);
    let log_file = Arg::new("log-file")
        .long("log-file")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf));
    let serve = subcommand("serve")
        .args([log, log_file, switch("json")])
        .args(file_flags());
    let get = subcommand("get")
        .args([
            Arg::new("url").value_name("URL").required(true),
            Arg::new("request")
                .long("request")
                .short('X')
                .value_name("METHOD"),
            Arg::new("header")
                .long("header")
                .short('H')
                .value_name("FIELD")
                .action(ArgAction::Append),
            Arg::new("body").long("body").value_name("TEXT"),
            switch("head")
                .short('I')
                .conflicts_with_all(["request", "body"]),
            switch("raw"),
            number("timeout", "DUR").short('W'),
        ])
        .args(families())
        .args(file_flags());
    let shell = Arg::new("shell")
        .value_name("SHELL")
        .value_parser(value_parser!(Shell))
        .hide_possible_values(true)
        .required(true);
    let commands = clap::Command::new(PROGRAM)
        .version(env!("CARGO_PKG_VERSION"))
        .args(settings_of(None).iter().map(Flag::arg))
        .args(file_flags())
        .args(EVERYWHERE.iter().map(|flag| flag.arg().global(true)))
        // Text, not a path: it must be found before clap has parsed, see `peek`.
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .global(true),
        )
        .subcommands([
            echo,
            ping,
            serve,
            get,
            mail::mail_command().args(file_flags()),
            mail::mailbox_command().args(file_flags()),
            replay_command(),
            subcommand("config"),
            subcommand("completions").arg(shell),
        ]);
    text::dress(commands, words)
}

/// Reads the command line, the program's name first, and brings all layers of settings together.
///
/// # Errors
/// [`Exit`] for help and version, for bad use, and for settings that cannot be used.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Environment,
) -> Result<Invocation, Exit> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let config = peek(&arguments, "--config").map(Path::new);
    let file = settings::find_file(config, environment);
    let known = file.as_ref().ok().and_then(Option::as_ref);
    let words = Words(first_language(&arguments, environment, known));

    let mut commands = commands(words);
    let matches = commands
        .try_get_matches_from_mut(&arguments)
        .and_then(|matches| nothing_in_vain(&commands, &matches).map(|()| matches))
        .map_err(|error| text::exit(&error, words))?;
    let bad_use = |error: SettingsError| text::bad_use(&error.message(words), words);
    let (settings, resolved) = file
        .and_then(|file| settings::load(file.as_ref(), environment, flags(&matches)))
        .map_err(bad_use)?;
    Ok(Invocation {
        command: command(&matches).map_err(bad_use)?,
        files: files(&matches).map_err(bad_use)?,
        lang: settings.lang.unwrap_or_else(|| locale(environment)),
        state_folder: environment.state_folder(),
        settings,
        resolved,
    })
}

/// The completion script for a shell, with the help of the flags in one language.
#[must_use]
pub fn completions(shell: Shell, words: Words) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut commands(words), PROGRAM, &mut script);
    script
}

/// The layer of the flags.
fn flags(matches: &ArgMatches) -> Vec<Given> {
    let mut given: Vec<Given> = DASHBOARD
        .iter()
        .filter_map(|flag| flag.given(matches))
        .collect();
    let (name, innermost) = match matches.subcommand() {
        Some((name, inner)) => (Some(name), inner),
        None => (None, matches),
    };
    // Flags of the command itself come later and so hold over the same ones before the command.
    if name.is_some() {
        let own = settings_of(name).iter();
        given.extend(own.filter_map(|flag| flag.given(innermost)));
    }
    // clap hands flags that are taken everywhere down to the innermost command.
    given.extend(EVERYWHERE.iter().filter_map(|flag| flag.given(innermost)));
    given
}

/// A flag for files before a command that keeps none is refused as it is behind it.
fn nothing_in_vain(commands: &clap::Command, matches: &ArgMatches) -> Result<(), clap::Error> {
    let Some((name, inner)) = matches.subcommand() else {
        return Ok(());
    };
    let list_presets = "list-presets";
    let (keeper, name) = match name {
        "echo" if inner.get_flag(list_presets) => (None, format!("--{list_presets}")),
        _ => (commands.find_subcommand(name), name.to_owned()),
    };
    for flag in file_flags() {
        let id = flag.get_id();
        let is_given = matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        let is_known =
            keeper.is_some_and(|command| command.get_arguments().any(|arg| arg.get_id() == id));
        if is_given && !is_known {
            let mut error = clap::Error::new(ErrorKind::ArgumentConflict);
            for (kind, text) in [
                (ContextKind::InvalidArg, format!("--{id}")),
                (ContextKind::PriorArg, name),
            ] {
                error.insert(kind, ContextValue::String(text));
            }
            return Err(error);
        }
    }
    Ok(())
}

/// The files that are kept. As with settings, a flag of the command holds over the same one before it.
fn files(matches: &ArgMatches) -> Result<Files, SettingsError> {
    let inner = matches.subcommand().map(|(_, inner)| inner);
    // A command that keeps no files has no such flags. What clap says of a flag that does not exist differs between builds: only these calls of it
    // panic in none.
    let path =
        |matches: &ArgMatches, id| matches.try_get_one::<PathBuf>(id).ok().flatten().cloned();
    let own_path = |id| inner.and_then(|inner| path(inner, id));
    let file = |id| own_path(id).or_else(|| path(matches, id));
    let switch = |matches: &ArgMatches, id| matches.try_get_one(id).ok().flatten() == Some(&true);
    let is_set = |id| inner.is_some_and(|inner| switch(inner, id)) || switch(matches, id);
    let files = Files {
        capture: file("capture"),
        record: file("record"),
        overwrite: is_set("overwrite"),
        secrets: match is_set("show-secrets") {
            true => Secrets::Shown,
            false => Secrets::Masked,
        },
    };
    let other = |id: &'static str, path: &Path, allowed| {
        let path = path.to_string_lossy();
        Err(bad_value(id, &path, Problem::NotAllowed, allowed))
    };
    let kept = [&files.capture, &files.record].map(Option::as_deref);
    if let [Some(capture), Some(record)] = kept
        && is_same_file(capture, record)
    {
        return other("record", record, "settings.allowed.record_file");
    }
    for id in ["csv", "log-file"] {
        let Some(path) = own_path(id) else {
            continue;
        };
        if path.as_os_str() == "-" {
            return other(id, &path, "settings.allowed.no_stdout");
        }
        if kept
            .into_iter()
            .flatten()
            .any(|kept| is_same_file(&path, kept))
        {
            return other(id, &path, "settings.allowed.other_file");
        }
    }
    Ok(files)
}

/// Whether two names are written for one file. Links are not looked into.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole(one) == whole(other)
}

/// The command and what only its flags say.
fn command(matches: &ArgMatches) -> Result<Command, SettingsError> {
    let Some((name, matches)) = matches.subcommand() else {
        return Ok(Command::Dashboard);
    };
    let text = |id| matches.get_one::<String>(id).cloned();
    Ok(match name {
        "echo" if matches.get_flag("list-presets") => Command::ListPresets {
            format: format(matches),
        },
        "echo" => Command::Echo {
            format: format(matches),
            quiet: matches.get_flag("quiet"),
            count: datagrams(matches)?,
        },
        "ping" => Command::Ping {
            format: format(matches),
            csv: matches.get_one("csv").cloned(),
            family: family(matches),
        },
        "serve" => serve(matches)?,
        "get" => Command::Get {
            url: text("url").unwrap_or_default(),
            method: text("request"),
            headers: matches
                .get_many("header")
                .map(|fields| fields.cloned().collect())
                .unwrap_or_default(),
            body: text("body"),
            head: matches.get_flag("head"),
            raw: matches.get_flag("raw"),
            family: family(matches),
            timeout: timeout(matches)?,
        },
        "mail" => Command::Mail(Box::new(mail::options(matches)?)),
        "mailbox" => Command::Mailbox {
            format: format(matches),
            password: mail::password(matches),
        },
        "replay" => Command::Replay(replay(matches)?),
        "config" => Command::Config,
        _ => Command::Completions(
            *matches
                .get_one("shell")
                .expect("clap knows one more command and requires its shell"),
        ),
    })
}

fn replay_command() -> clap::Command {
    let file = Arg::new("file")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .required(true);
    subcommand("replay")
        .args([file, number("speed", "FACTOR"), number("from", "TIME")])
        .args(replay_file_flags())
}

/// The record, how fast it is played, and from where.
fn replay(matches: &ArgMatches) -> Result<Replay, SettingsError> {
    let text = |id| matches.get_one::<String>(id);
    let speed = text("speed").map(|text| {
        text.parse()
            .map_err(|problem| bad_value("speed", text, problem, "replay.allowed.speed"))
    });
    let from = text("from").map(|text| {
        text.parse()
            .map_err(|problem| bad_value("from", text, problem, "replay.allowed.from"))
    });
    Ok(Replay {
        file: matches.get_one("file").cloned().unwrap_or_default(),
        speed: speed.transpose()?.unwrap_or_default(),
        from: from.transpose()?,
    })
}

fn format(matches: &ArgMatches) -> Format {
    match matches.get_flag("json") {
        true => Format::Json,
        false => Format::Text,
    }
}

fn family(matches: &ArgMatches) -> Family {
    match (matches.get_flag("ipv4"), matches.get_flag("ipv6")) {
        (true, _) => Family::V4,
        (false, true) => Family::V6,
        (false, false) => Family::Any,
    }
}

/// A value that only a flag sets and that is not allowed.
fn bad_value(
    key: &'static str,
    value: &str,
    problem: Problem,
    allowed: &'static str,
) -> SettingsError {
    SettingsError::BadValue {
        at: Source::Flag(format!("--{key}")),
        key,
        value: value.to_owned(),
        problem,
        allowed,
    }
}

/// How long the request sender waits.
fn timeout(matches: &ArgMatches) -> Result<Duration, SettingsError> {
    let Some(text) = matches.get_one::<String>("timeout") else {
        return Ok(PATIENCE);
    };
    parse_milliseconds_up(text)
        .map_err(|problem| bad_value("timeout", text, problem, "settings.allowed.timeout"))
}

/// The web server: what it logs and where. What is printed as JSON is JSON throughout.
fn serve(matches: &ArgMatches) -> Result<Command, SettingsError> {
    let log_file: Option<PathBuf> = matches.get_one("log-file").cloned();
    let asked = matches.get_one::<String>("log").map(String::as_str);
    let named = |name: &str| LogFormat::ALL.into_iter().find(|log| log.name() == name);
    let json = format(matches);
    let log = match asked {
        Some(name) => named(name),
        None if json == Format::Json => Some(LogFormat::Json),
        None => Some(LogFormat::Combined),
    };
    let printed = log.filter(|_| log_file.is_none());
    let format = match (json, printed) {
        (Format::Text, Some(LogFormat::Json)) => Format::Json,
        (Format::Json, Some(log @ (LogFormat::Common | LogFormat::Combined))) => {
            return Err(bad_value(
                "log",
                log.name(),
                Problem::NotAllowed,
                "settings.allowed.json_log",
            ));
        }
        _ => json,
    };
    Ok(Command::Serve {
        format,
        log,
        log_file,
    })
}

/// The number of datagrams after which the echo server stops.
fn datagrams(matches: &ArgMatches) -> Result<Option<u64>, SettingsError> {
    let Some(text) = matches.get_one::<String>("count") else {
        return Ok(None);
    };
    parse_positive(text)
        .map(Some)
        .map_err(|problem| bad_value("count", text, problem, "settings.allowed.datagrams"))
}

/// The language in which the command line is read, before it is known whether it can be read at all. A value that
/// names no language is passed over here; it is complained about later.
fn first_language(arguments: &[OsString], environment: &Environment, file: Option<&File>) -> Lang {
    let flag = peek(arguments, "--lang").and_then(OsStr::to_str);
    let variable = environment.variable(&variable("lang"));
    let file = file.and_then(File::lang);
    let asked = flag.map(str::to_owned).or(variable).or(file);
    asked
        .and_then(|asked| Lang::from_tag(&asked))
        .unwrap_or_else(|| locale(environment))
}

/// The language of the environment's locale.
fn locale(environment: &Environment) -> Lang {
    Lang::detect(|name| environment.variable(name))
}

/// The value of a flag in arguments that have not been parsed yet. Arguments from which clap would read another
/// value than this one are refused by clap.
fn peek<'a>(arguments: &'a [OsString], flag: &str) -> Option<&'a OsStr> {
    let mut arguments = arguments
        .iter()
        .skip(1)
        .take_while(|argument| *argument != "--");
    while let Some(argument) = arguments.next() {
        if argument == flag {
            return arguments.next().map(OsString::as_os_str);
        }
        let value = argument
            .to_str()
            .and_then(|text| text.strip_prefix(flag)?.strip_prefix('='));
        if let Some(value) = value {
            return Some(OsStr::new(value));
        }
    }
    None
}

#[cfg(test)]
mod tests;
