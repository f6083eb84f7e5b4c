//! What can be wrong with settings, as one sentence in the language of the reader: where it stands, what stands
//! there, and what is allowed.

use thiserror::Error;

use super::layers::Source;
use super::table::Row;
use crate::proto::link::SpecError;
use crate::proto::smtp::fault::FaultError;
use crate::words::{Lang, Words, fault, phrases};

/// The longest part of a value that a message repeats, in characters.
const LONGEST_SHOWN: usize = 80;

/// Why a text is no value for its setting.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// It is none of what the row allows.
    NotAllowed,
    /// The link's notation says more exactly what is wrong. Boxed to keep every `Result` here small.
    Spec(Box<SpecError>),
    /// So does that of the mail server's faults.
    Fault(Box<FaultError>),
}

impl From<FaultError> for Problem {
    fn from(error: FaultError) -> Problem {
        Problem::Fault(Box::new(error))
    }
}

impl From<SpecError> for Problem {
    fn from(error: SpecError) -> Problem {
        Problem::Spec(Box::new(error))
    }
}

/// Settings that cannot be used. `Display` is English; [`SettingsError::message`] speaks every language.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{}", self.message(Words(Lang::En)))]
pub enum SettingsError {
    /// A key or variable that no setting has.
    Unknown {
        /// Where it stands.
        at: Source,
        /// The key or the variable, as written.
        name: String,
        /// The known one that is spelt most like it.
        nearest: Option<String>,
    },
    /// A section used as if it were one setting.
    Section {
        /// Where it stands.
        at: Source,
        /// The name of the section.
        name: String,
    },
    /// A value that its setting does not allow.
    BadValue {
        /// Where it stands.
        at: Source,
        /// The key of the setting, or the flag where only a flag sets this.
        key: &'static str,
        /// The value as written.
        value: String,
        /// What is wrong with it.
        problem: Problem,
        /// The key of the words that say what is allowed.
        allowed: &'static str,
    },
    /// A settings file that is not TOML.
    Syntax {
        /// The file and line.
        at: Source,
        /// What the TOML parser says, in English.
        reason: String,
        /// Whether that line has a backslash in it, which begins an escape in double quotes: a path of Windows, as a rule.
        has_backslash: bool,
    },
    /// A settings file that cannot be read.
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// A settings file that is not text, or text in another encoding.
    NotUtf8 {
        /// The file.
        path: String,
    },
    /// A file too large to be one of settings.
    TooLarge {
        /// The file.
        path: String,
    },
}

impl SettingsError {
    pub(super) fn bad_value(row: &'static Row, at: Source, value: &str, problem: Problem) -> Self {
        SettingsError::BadValue {
            at,
            key: row.key,
            value: value.to_owned(),
            problem,
            allowed: row.allowed,
        }
    }

    /// The sentence for people. Control and invisible characters in what was written are shown as escapes.
    #[must_use]
    pub fn message(&self, words: Words) -> String {
        match self {
            SettingsError::Unknown { at, name, nearest } => {
                let place = at.describe(words);
                let name = shown_short(name);
                match nearest {
                    Some(nearest) => words.fill(
                        "settings.error.unknown_near",
                        &[("where", &place), ("name", &name), ("nearest", nearest)],
                    ),
                    None => words.fill(
                        "settings.error.unknown",
                        &[("where", &place), ("name", &name)],
                    ),
                }
            }
            SettingsError::Section { at, name } => words.fill(
                "settings.error.section",
                &[("where", &at.describe(words)), ("name", name)],
            ),
            SettingsError::BadValue {
                at,
                key,
                value,
                problem,
                allowed,
            } => {
                let why = match problem {
                    Problem::NotAllowed => words.t(allowed).into_owned(),
                    Problem::Spec(error) => phrases::spec_error(error, words),
                    Problem::Fault(error) => fault::error(error, words),
                };
                words.fill(
                    "settings.error.bad_value",
                    &[
                        ("where", &at.describe(words)),
                        ("key", key),
                        ("value", &shown_short(value)),
                        ("why", &why),
                    ],
                )
            }
            SettingsError::Syntax {
                at,
                reason,
                has_backslash,
            } => {
                let key = match has_backslash {
                    true => "settings.error.syntax_backslash",
                    false => "settings.error.syntax",
                };
                words.fill(key, &[("where", &at.describe(words)), ("reason", reason)])
            }
            SettingsError::Unreadable { path, reason } => words.fill(
                "settings.error.unreadable",
                &[("path", &shown(path)), ("reason", reason)],
            ),
            SettingsError::NotUtf8 { path } => {
                words.fill("settings.error.not_utf8", &[("path", &shown(path))])
            }
            SettingsError::TooLarge { path } => {
                words.fill("settings.error.too_large", &[("path", &shown(path))])
            }
        }
    }
}

/// A text that somebody wrote, fit for a message: on one line, nothing in it invisible.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// The beginning of a text, [shown].
fn shown_short(text: &str) -> String {
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => shown(&text[..end]) + "…",
        None => shown(text),
    }
}

/// The candidate that takes the fewest single-character edits (Levenshtein 1966, Damerau 1964) to become `name`, if they are few
/// enough for a slip of the pen.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let most = (name.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| (edits(name, candidate), candidate))
        .filter(|(edits, _)| *edits <= most)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance: insertions, deletions and replacements of one character. Two neighbours that changed places, the commonest slip of a
/// hurried hand, are one edit as well (Damerau 1964).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let (mut above, mut row) = (Vec::new(), (0..=to.len()).collect::<Vec<usize>>());
    let mut before = None;
    for (i, a) in from.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = row[j] + usize::from(a != *b);
            let mut least = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            if j > 0 && before == Some(*b) && to[j - 1] == a {
                least = least.min(above[j - 1] + 1);
            }
            next.push(least);
        }
        above = std::mem::replace(&mut row, next);
        before = Some(a);
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::proto::link::{Delay, Loss, Probability, Rate, parse_duration};

    #[test]
    fn distances_count_single_slips() {
        for (from, to, want) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
            ("pign", "ping", 1),
            ("acb", "cab", 1),
            ("ba", "abc", 2),
            ("echo.los", "echo.loss", 1),
        ] {
            assert_eq!(edits(from, to), want, "{from} {to}");
        }
    }

    #[test]
    fn only_near_names_are_suggested() {
        let known = ["lang", "theme", "echo.loss", "echo.reply_loss"];
        let near = |name| nearest(name, known);
        assert_eq!(near("echo.los"), Some("echo.loss"));
        assert_eq!(near("them"), Some("theme"));
        assert_eq!(near("echo.reply-loss"), Some("echo.reply_loss"));
        assert_eq!(near("completely.different"), None);
        assert_eq!(near(""), None);
    }

    #[test]
    fn hostile_text_is_shown_and_bounded() {
        assert_eq!(
            shown("a\u{1b}[31m\n\u{202e}\u{200b}"),
            r"a\u{1b}[31m\n\u{202e}\u{200b}"
        );
        assert_eq!(shown(r#"C:\x "丢""#), r#"C:\x "丢""#);
        let long = shown_short(&"丢".repeat(1000));
        assert_eq!(long.chars().count(), LONGEST_SHOWN + 1);
        assert_eq!(shown_short("short"), "short");
    }

    /// One text for each kind of error in the link's notation.
    fn spec_errors() -> Vec<SpecError> {
        let share = |text: &str| text.parse::<Probability>().err();
        let loss = |text: &str| text.parse::<Loss>().err();
        let delay = |text: &str| text.parse::<Delay>().err();
        let rate = |text: &str| text.parse::<Rate>().err();
        let errors = [
            share("x"),
            share("101%"),
            share("30"),
            loss("10"),
            loss("pattern:12"),
            loss("wifi"),
            loss("burst:10%,0"),
            loss("burst:90%,1"),
            loss("burst:100%,3"),
            loss("state:60%,10%,10%,10%,60%"),
            parse_duration("x").err(),
            parse_duration("5").err(),
            parse_duration("2000m").err(),
            delay("50ms,10ms,cauchy"),
            rate("fast"),
            rate("64"),
            rate("1bit"),
            rate("64kbit,0"),
            rate("64kbit,1,2"),
        ];
        errors.into_iter().flatten().collect()
    }

    #[test]
    fn the_notation_of_the_link_complains_in_every_language() {
        let errors = spec_errors();
        let kinds: BTreeSet<_> = errors.iter().map(SpecError::key).collect();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/locales");
        let texts = rust_i18n::try_load_locales(folder, |_| false, true).expect("valid locales");
        let texts: BTreeSet<_> = texts["en"]
            .keys()
            .filter_map(|key| key.strip_prefix("settings.spec."))
            .collect();
        assert_eq!(kinds, texts, "each kind of error once, and a text for each");
        for error in &errors {
            assert_eq!(
                phrases::spec_error(error, Words(Lang::En)),
                error.to_string()
            );
            let chinese = phrases::spec_error(error, Words(Lang::ZhCn));
            assert!(!chinese.is_ascii(), "{}: {chinese}", error.key());
            assert!(!chinese.contains("%{"), "{}: {chinese}", error.key());
        }
    }
}
