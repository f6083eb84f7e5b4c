//! What the command line says: help for every command and flag, and clap's errors in words.
//!
//! clap has both in English only. So its help is dressed with texts from the locale files here, by walking the
//! commands, and its errors are told anew from their kind and context.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Arg, ArgAction, Command};

use super::{Exit, PROGRAM, Stream};
use crate::settings::{nearest, shown};
use crate::words::Words;

/// Where help and version stand among the flags: behind all others, in every command.
const LAST: usize = usize::MAX;

/// Gives a command and those below it their texts, and a help flag of their own: clap's comes with English words.
pub(super) fn dress(command: Command, words: Words) -> Command {
    let name = command.get_name().to_owned();
    let heading = |key: &str| words.t(key).into_owned();
    let about = words.t(&format!("cli.{name}.about")).into_owned();
    let usage = words.t(&format!("cli.{name}.usage")).into_owned();
    let examples = words.t(&format!("cli.{name}.examples"));
    let help = Arg::new("help")
        .short('h')
        .long("help")
        .display_order(LAST)
        .action(ArgAction::Help);
    let version = Arg::new("version")
        .short('V')
        .long("version")
        .display_order(LAST)
        .action(ArgAction::Version);
    let version = (name == PROGRAM).then_some(version);
    command
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .arg(help)
        .args(version)
        .about(about)
        .override_usage(usage)
        .help_template(format!(
            "{{about-with-newline}}\n{}: {{usage}}\n\n{{all-args}}{{after-help}}",
            heading("cli.heading.usage")
        ))
        .after_help(format!(
            "{}:\n{}",
            heading("cli.heading.examples"),
            indented(&examples)
        ))
        .subcommand_help_heading(heading("cli.heading.commands"))
        .mut_args(|arg| {
            let text = arg_text(&name, arg.get_id().as_str(), words);
            let group = if arg.is_positional() {
                "cli.heading.arguments"
            } else if arg.is_global_set() || matches!(arg.get_id().as_str(), "help" | "version") {
                "cli.heading.everywhere"
            } else {
                "cli.heading.options"
            };
            arg.help(text).help_heading(heading(group))
        })
        .mut_subcommands(|inner| dress(inner, words))
}

/// The help of a flag: its own in this command, or the one it has in every command.
fn arg_text(command: &str, id: &str, words: Words) -> String {
    words
        .find(&format!("cli.{command}.{id}"))
        .unwrap_or_else(|| words.t(&format!("cli.common.{id}")))
        .into_owned()
}

/// The lines of a text, each set in by two columns.
fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

/// What clap stopped at: help or version, which were asked for, or bad use.
pub(super) fn exit(error: &Error, words: Words) -> Exit {
    if !error.use_stderr() {
        return Exit {
            code: 0,
            text: error.to_string(),
            to: Stream::Stdout,
        };
    }
    let mut text = explain(error, words);
    if let Some(similar) = similar(error, words) {
        text.push_str("\n  ");
        text.push_str(&words.fill("cli.error.similar", &[("name", &similar)]));
    }
    if let Some(usage) = error.get(ContextKind::Usage) {
        let usage = usage.to_string();
        // clap puts its English heading before the usage, whichever usage it was given.
        let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
        text.push_str(&format!("\n\n{}: {usage}", words.t("cli.heading.usage")));
    }
    bad_use(&text, words)
}

/// What may have been meant. What clap finds alike often isn't (`record` and `echo`), so it has to be near as well.
fn similar(error: &Error, words: Words) -> Option<String> {
    let text = |kind| error.get(kind).map(ToString::to_string);
    if let Some(command) = text(ContextKind::InvalidSubcommand) {
        let program = super::commands(words);
        // What is a command elsewhere (`git help`) is a flag here.
        if program
            .get_arguments()
            .any(|arg| arg.get_long() == Some(&command))
        {
            return Some(format!("--{command}"));
        }
    }
    [
        (ContextKind::InvalidArg, ContextKind::SuggestedArg),
        (
            ContextKind::InvalidSubcommand,
            ContextKind::SuggestedSubcommand,
        ),
        (ContextKind::InvalidValue, ContextKind::SuggestedValue),
    ]
    .into_iter()
    .find_map(|(written, suggested)| {
        let suggested = match error.get(suggested)? {
            ContextValue::Strings(several) => several.clone(),
            one => vec![one.to_string()],
        };
        let near = nearest(&text(written)?, suggested.iter().map(String::as_str))?;
        Some(near.to_owned())
    })
}

/// Values of which one is to be written, as a part of a sentence.
fn one_of(values: &[String], words: Words) -> String {
    match values {
        [first @ .., another, last] => {
            let mut text = first
                .iter()
                .map(|value| format!("{value}{}", words.t("cli.error.comma")))
                .collect::<String>();
            text.push_str(another);
            text.push_str(&words.t("cli.error.or"));
            text + last
        }
        _ => values.concat(),
    }
}

/// The end of the program after bad use.
pub(super) fn bad_use(text: &str, words: Words) -> Exit {
    Exit {
        code: 2,
        text: format!("{PROGRAM}: {text}\n\n{}\n", words.t("cli.error.more")),
        to: Stream::Stderr,
    }
}

/// The commands there are.
fn command_names(words: Words) -> Vec<String> {
    let names = super::commands(words);
    let names = names.get_subcommands();
    names.map(|command| command.get_name().to_owned()).collect()
}

/// What clap found wrong, in one sentence.
fn explain(error: &Error, words: Words) -> String {
    let context = |kind| {
        let value = error.get(kind).map(ToString::to_string);
        shown(&value.unwrap_or_default())
    };
    let arg = context(ContextKind::InvalidArg);
    let value = context(ContextKind::InvalidValue);
    let allowed = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => one_of(values, words),
        _ => String::new(),
    };
    match error.kind() {
        ErrorKind::UnknownArgument => words.fill("cli.error.unknown_argument", &[("arg", &arg)]),
        ErrorKind::InvalidSubcommand => words.fill(
            "cli.error.unknown_command",
            &[
                ("name", &context(ContextKind::InvalidSubcommand)),
                ("allowed", &one_of(&command_names(words), words)),
            ],
        ),
        ErrorKind::InvalidValue if value.is_empty() => {
            words.fill("cli.error.needs_value", &[("arg", &arg)])
        }
        ErrorKind::InvalidValue => words.fill(
            "cli.error.bad_value",
            &[("arg", &arg), ("value", &value), ("allowed", &allowed)],
        ),
        ErrorKind::TooManyValues => words.fill(
            "cli.error.takes_no_value",
            &[("arg", &arg), ("value", &value)],
        ),
        ErrorKind::MissingRequiredArgument => words.fill("cli.error.missing", &[("arg", &arg)]),
        ErrorKind::ArgumentConflict => {
            let other = context(ContextKind::PriorArg);
            match arg == other {
                true => words.fill("cli.error.repeated", &[("arg", &arg)]),
                false => words.fill("cli.error.conflict", &[("arg", &arg), ("other", &other)]),
            }
        }
        ErrorKind::InvalidUtf8 => words.t("cli.error.not_text").into_owned(),
        _ => words.t("cli.error.other").into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::io;

    use super::super::{commands, parse};
    use super::*;
    use crate::settings::Environment;
    use crate::words::Lang;

    /// The commands by name, the program itself first.
    fn every_command(words: Words) -> Vec<Command> {
        let mut program = commands(words);
        program.build();
        let inner: Vec<Command> = program.get_subcommands().cloned().collect();
        std::iter::once(program).chain(inner).collect()
    }

    #[test]
    fn every_command_and_flag_has_its_text_in_every_language() {
        for lang in Lang::ALL {
            let words = Words(lang);
            for command in every_command(words) {
                let name = command.get_name();
                for part in ["about", "usage", "examples"] {
                    let key = format!("cli.{name}.{part}");
                    assert!(words.find(&key).is_some(), "{key} in {lang:?}");
                }
                for arg in command.get_arguments() {
                    let id = arg.get_id().as_str();
                    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                    let missing = help.is_empty() || help == format!("cli.common.{id}");
                    assert!(!missing, "cli.{name}.{id} in {lang:?}");
                }
            }
        }
    }

    #[test]
    fn every_help_text_belongs_to_something() {
        let words = Words(Lang::En);
        let mut known = vec!["heading".to_owned(), "error".to_owned()];
        let mut common = Vec::new();
        for command in every_command(words) {
            let name = command.get_name();
            known.extend(["about", "usage", "examples"].map(|part| format!("{name}.{part}")));
            for arg in command.get_arguments() {
                let id = arg.get_id();
                match words.find(&format!("cli.{name}.{id}")) {
                    Some(_) => known.push(format!("{name}.{id}")),
                    None => common.push(format!("common.{id}")),
                }
            }
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/locales");
        let texts = rust_i18n::try_load_locales(folder, |_| false, true).expect("valid locales");
        for key in texts["en"].keys() {
            let Some(key) = key.strip_prefix("cli.") else {
                continue;
            };
            let group = |group: &str| key.starts_with(&format!("{group}."));
            let used = group("heading")
                || group("error")
                || known.iter().chain(&common).any(|known| known == key);
            assert!(used, "cli.{key} belongs to no command or flag");
        }
    }

    #[test]
    fn usage_names_the_arguments_that_a_command_takes() {
        for lang in Lang::ALL {
            for command in every_command(Words(lang)) {
                let usage = Words(lang).t(&format!("cli.{}.usage", command.get_name()));
                for arg in command.get_positionals() {
                    let name = arg.get_value_names().expect("arguments have names")[0].as_str();
                    assert!(usage.contains(name), "{usage} lacks {name}");
                }
            }
        }
    }

    #[test]
    fn examples_are_valid_command_lines() {
        let nowhere = Environment {
            variables: Vec::new(),
            config_dir: None,
            state_dir: None,
            read: |_| Err(io::ErrorKind::NotFound.into()),
        };
        for lang in Lang::ALL {
            let words = Words(lang);
            for command in every_command(words) {
                let examples = words.t(&format!("cli.{}.examples", command.get_name()));
                for line in examples.lines() {
                    // Two blanks stand between an example and what it does; a redirection is the shell's.
                    let line = line.split("  ").next().unwrap_or_default();
                    let line = line.split(" >").next().unwrap_or_default();
                    let arguments = line.split(' ').map(OsString::from);
                    let parsed = parse(arguments, &nowhere);
                    assert!(parsed.is_ok(), "{line}: {parsed:?}");
                }
            }
        }
    }
}
