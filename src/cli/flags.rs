//! The flags that stand for settings, command by command: one table each, from which clap gets its arguments and the settings their layer.

use clap::{Arg, ArgAction, ArgMatches};

use crate::settings::{Given, Source};

/// A flag or argument that stands for a setting. Its clap id is its long name.
pub(super) struct Flag {
    long: &'static str,
    short: Option<char>,
    pub(super) key: &'static str,
    takes: Takes,
}

/// What follows a flag.
#[derive(Clone, Copy)]
enum Takes {
    /// A value, called so in the help.
    Value(&'static str),
    /// A value; the flag may be repeated.
    Values(&'static str),
    /// A value that may hold blanks; the flag may be repeated.
    Lines(&'static str),
    /// Nothing, which stands for one value, or `=false` for the other one, to overrule a lower layer.
    Choice { on: &'static str, off: &'static str },
    /// Not a flag: an argument without one.
    Argument(&'static str),
    /// Not a flag: arguments without one.
    Arguments(&'static str),
}

/// A setting that is a switch itself.
const SWITCH: Takes = Takes::Choice {
    on: "true",
    off: "false",
};

const ONE_AT_A_TIME: Takes = Takes::Choice {
    on: "one-at-a-time",
    off: "concurrent",
};

const fn flag(long: &'static str, key: &'static str, takes: Takes) -> Flag {
    Flag {
        long,
        short: None,
        key,
        takes,
    }
}

impl Flag {
    const fn short(self, short: char) -> Flag {
        Flag {
            short: Some(short),
            ..self
        }
    }

    /// How the flag is called in messages.
    fn name(&self) -> String {
        match self.takes {
            Takes::Argument(name) | Takes::Arguments(name) => name.to_owned(),
            _ => format!("--{}", self.long),
        }
    }

    pub(super) fn arg(&self) -> Arg {
        let arg = Arg::new(self.long);
        let arg = match self.takes {
            Takes::Argument(name) => return arg.value_name(name),
            Takes::Arguments(name) => {
                return arg.value_name(name).num_args(0..).action(ArgAction::Append);
            }
            Takes::Value(name) => arg
                .value_name(name)
                .allow_negative_numbers(true)
                .action(ArgAction::Set),
            Takes::Values(name) | Takes::Lines(name) => {
                arg.value_name(name).action(ArgAction::Append)
            }
            Takes::Choice { .. } => arg
                .value_name("BOOL")
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true"),
        };
        let arg = arg.long(self.long);
        match self.short {
            Some(short) => arg.short(short),
            None => arg,
        }
    }

    /// The value given on the command line, if one was.
    pub(super) fn given(&self, matches: &ArgMatches) -> Option<Given> {
        let values: Vec<&str> = matches
            .get_many::<String>(self.long)?
            .map(String::as_str)
            .collect();
        Some(Given {
            key: self.key,
            text: match (self.takes, values.as_slice()) {
                (Takes::Choice { on, .. }, ["true"]) => on.to_owned(),
                (Takes::Choice { off, .. }, ["false"]) => off.to_owned(),
                (Takes::Lines(_), values) => values.join("\n"),
                (_, values) => values.join(" "),
            },
            source: Source::Flag(self.name()),
        })
    }
}

/// Flags that every command takes.
pub(super) const EVERYWHERE: [Flag; 4] = [
    flag("lang", "lang", Takes::Value("LANG")),
    flag("theme", "theme", Takes::Value("THEME")),
    flag("ascii", "ascii", SWITCH),
    flag("mouse", "mouse", SWITCH),
];

/// Flags with which the dashboard starts in a given set-up.
pub(super) const DASHBOARD: [Flag; 11] = [
    flag("listen", "echo.listen", Takes::Value("ADDRESS")),
    flag("loss", "echo.loss", Takes::Value("SPEC")),
    flag("preset", "echo.preset", Takes::Value("NAME")),
    flag("seed", "echo.seed", Takes::Value("N")),
    flag("target", "ping.targets", Takes::Values("TARGET")),
    flag("web-listen", "web.listen", Takes::Value("ADDRESS")),
    flag("web-folder", "web.folder", Takes::Value("DIR")),
    flag("one-at-a-time", "web.mode", ONE_AT_A_TIME),
    flag("mail-listen", "mail.listen", Takes::Value("ADDRESS")),
    flag("mail-dir", "mail.folder", Takes::Value("DIR")),
    flag("wire-memory", "wire.memory", Takes::Value("BYTES")),
];

pub(super) const ECHO: [Flag; 16] = [
    flag("listen", "echo.listen", Takes::Value("ADDRESS")),
    flag("loss", "echo.loss", Takes::Value("SPEC")),
    flag("delay", "echo.delay", Takes::Value("SPEC")),
    flag("duplicate", "echo.duplicate", Takes::Value("P")),
    flag("reorder", "echo.reorder", Takes::Value("P")),
    flag("corrupt", "echo.corrupt", Takes::Value("P")),
    flag("rate", "echo.rate", Takes::Value("RATE")),
    flag("reply-loss", "echo.reply_loss", Takes::Value("SPEC")),
    flag("reply-delay", "echo.reply_delay", Takes::Value("SPEC")),
    flag("reply-duplicate", "echo.reply_duplicate", Takes::Value("P")),
    flag("reply-reorder", "echo.reply_reorder", Takes::Value("P")),
    flag("reply-corrupt", "echo.reply_corrupt", Takes::Value("P")),
    flag("reply-rate", "echo.reply_rate", Takes::Value("RATE")),
    flag("preset", "echo.preset", Takes::Value("NAME")),
    flag("seed", "echo.seed", Takes::Value("N")),
    flag(
        "allow-remote-duplicates",
        "echo.allow_remote_duplicates",
        SWITCH,
    ),
];

pub(super) const PING: [Flag; 7] = [
    flag("target", "ping.targets", Takes::Arguments("TARGET")),
    flag("count", "ping.count", Takes::Value("N")).short('c'),
    flag("interval", "ping.interval", Takes::Value("DUR")).short('i'),
    flag("timeout", "ping.timeout", Takes::Value("DUR")).short('W'),
    flag("mode", "ping.mode", Takes::Value("MODE")),
    flag("size", "ping.size", Takes::Value("BYTES")),
    flag("plain", "ping.plain", SWITCH),
];

pub(super) const SERVE: [Flag; 20] = [
    flag("folder", "web.folder", Takes::Argument("DIR")),
    flag("listen", "web.listen", Takes::Value("ADDRESS")),
    flag("one-at-a-time", "web.mode", ONE_AT_A_TIME),
    flag("delay", "web.delay", Takes::Value("DUR")),
    flag("rate", "web.rate", Takes::Value("BYTES")),
    flag("force", "web.force", Takes::Values("PATH=STATUS")),
    flag("allow-symlinks", "web.symlinks", SWITCH),
    flag("hidden", "web.hidden", SWITCH),
    flag(
        "no-listing",
        "web.listing",
        Takes::Choice {
            on: "false",
            off: "true",
        },
    ),
    flag("trace", "web.trace", SWITCH),
    flag("header-timeout", "web.header_timeout", Takes::Value("DUR")),
    flag("idle-timeout", "web.idle_timeout", Takes::Value("DUR")),
    flag("stall-timeout", "web.stall_timeout", Takes::Value("DUR")),
    flag("min-rate", "web.min_rate", Takes::Value("BYTES")),
    flag("max-requests", "web.max_requests", Takes::Value("N")),
    flag("max-connections", "web.max_connections", Takes::Value("N")),
    flag(
        "max-request-line",
        "web.max_request_line",
        Takes::Value("BYTES"),
    ),
    flag("max-head", "web.max_head", Takes::Value("BYTES")),
    flag("max-fields", "web.max_fields", Takes::Value("N")),
    flag("max-body", "web.max_body", Takes::Value("BYTES")),
];

pub(super) const MAIL: [Flag; 12] = [
    flag("server", "mail.server", Takes::Value("HOST")),
    flag("security", "mail.security", Takes::Value("HOW")),
    flag("auth", "mail.auth", Takes::Value("MECHANISM")),
    flag("user", "mail.user", Takes::Value("USER")),
    flag(
        "password-command",
        "mail.password_command",
        Takes::Value("COMMAND"),
    ),
    flag("from", "mail.from", Takes::Value("ADDRESS")),
    flag("helo", "mail.helo", Takes::Value("NAME")),
    flag("pipeline", "mail.pipelining", SWITCH),
    flag("chunking", "mail.chunking", SWITCH),
    flag("timeout-scale", "mail.time_scale", Takes::Value("X")),
    flag("ca-file", "mail.ca_file", Takes::Value("FILE")),
    flag("retry", "mail.retry", Takes::Value("DUR")),
];

pub(super) const MAILBOX: [Flag; 9] = [
    flag("listen", "mail.listen", Takes::Value("ADDRESS")),
    flag("tls-listen", "mail.tls_listen", Takes::Value("ADDRESS")),
    flag("user", "mail.account", Takes::Value("USER")),
    flag(
        "password-command",
        "mail.account_password_command",
        Takes::Value("COMMAND"),
    ),
    flag("dir", "mail.folder", Takes::Value("DIR")),
    flag("fault", "mail.faults", Takes::Lines("SPEC")),
    flag("scenario", "mail.scenario", Takes::Value("NAME")),
    flag(
        "lenient",
        "mail.end_of_data",
        Takes::Choice {
            on: "lenient",
            off: "strict",
        },
    ),
    flag("max-size", "mail.max_size", Takes::Value("BYTES")),
];

/// The flags of a command that stand for settings.
pub(super) fn settings_of(command: Option<&str>) -> &'static [Flag] {
    match command {
        None => &DASHBOARD,
        Some("echo") => &ECHO,
        Some("ping") => &PING,
        Some("serve") => &SERVE,
        Some("mail") => &MAIL,
        Some("mailbox") => &MAILBOX,
        Some(_) => &[],
    }
}
