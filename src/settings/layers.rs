//! The layers of settings and how they come together: defaults < file < environment < flags.
//!
//! Each layer is read on top of the one before, in the order of the table. That alone decides how a preset and the
//! parts of a link meet: `echo.preset` sets the whole link, over whatever a lower layer said, and the parts given in
//! the same or a higher layer then change it. Nothing here touches the process: the environment and the files come
//! in through [`Environment`].

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::error::{nearest, shown};
use super::table::{
    AUTO, PRESET, Shape, TABLE, blank, items, lines, link_texts, parse_switch, position,
};
use super::web::NONE;
use super::{Settings, SettingsError};
use crate::words::Words;

/// What the names of environment variables begin with.
const PREFIX: &str = "SOCKSCOPE_";

/// The variable that names the settings file.
const CONFIG_VARIABLE: &str = "SOCKSCOPE_CONFIG";

/// The largest settings file that is read. One with every setting in it has four kilobytes.
const LARGEST_FILE: u64 = 1 << 20;

/// The variable that names the folder for what the program keeps.
const STATE_VARIABLE: &str = "SOCKSCOPE_STATE";

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The default of its setting.
    Default,
    /// A line of the settings file, from 1.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// An environment variable.
    Env(String),
    /// A flag or argument of the command line.
    Flag(String),
    /// A preset, which set a whole link.
    Preset(&'static str),
}

impl Source {
    /// The source in words, on one line.
    #[must_use]
    pub fn describe(&self, words: Words) -> String {
        match self {
            Source::Default => words.t("settings.source.default").into_owned(),
            Source::File { path, line } => words.fill(
                "settings.source.file",
                &[
                    ("path", &shown(&path.display().to_string())),
                    ("line", line),
                ],
            ),
            Source::Env(name) => words.fill("settings.source.env", &[("name", &shown(name))]),
            Source::Flag(name) => name.clone(),
            Source::Preset(id) => words.fill("settings.source.preset", &[("name", id)]),
        }
    }
}

/// What the settings need of the process.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The environment variables. Text that is not Unicode comes with replacement characters.
    pub variables: Vec<(String, String)>,
    /// The platform's folder for settings, if it has one.
    pub config_dir: Option<PathBuf>,
    /// The folder that the platform sets aside for what this program keeps, if it has one.
    pub state_dir: Option<PathBuf>,
    /// Reads a text file.
    pub read: fn(&Path) -> io::Result<String>,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Environment {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let kept = |dirs: directories::ProjectDirs| {
            let folder = dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir());
            folder.to_owned()
        };
        Environment {
            variables: std::env::vars_os()
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
            config_dir: directories::BaseDirs::new().map(|dirs| dirs.config_dir().to_owned()),
            state_dir: directories::ProjectDirs::from("", "", "sockscope").map(kept),
            read: read_text,
        }
    }

    /// The value of one variable.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        let found = self.variables.iter().find(|(key, _)| key == name)?;
        Some(found.1.clone())
    }

    /// The folder for what the program keeps: mail, its certificate and the draft. It need not be there yet; `None` where the system has none and
    /// `SOCKSCOPE_STATE` names none.
    #[must_use]
    pub fn state_folder(&self) -> Option<PathBuf> {
        let named = self.variable(STATE_VARIABLE);
        let named = named.filter(|name| !name.is_empty());
        named.map(PathBuf::from).or_else(|| self.state_dir.clone())
    }
}

/// Reads a file that holds text, if it isn't larger than a settings file can sensibly be.
fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// A settings file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path as it was named.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// One value given in a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The key of its setting.
    pub key: &'static str,
    /// The value as text.
    pub text: String,
    /// Where it stands.
    pub source: Source,
}

/// The text and the source of every setting in force, in the order of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved(Vec<(String, Source)>);

impl Resolved {
    /// The text in force for a key and where it comes from; `None` if there is no such setting.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<(&str, &Source)> {
        let (text, source) = self.0.get(position(key)?)?;
        Some((text, source))
    }

    /// The settings in force as a settings file, each line with a comment that says where its value comes from.
    #[must_use]
    pub fn to_toml(&self, words: Words) -> String {
        let mut toml = format!("# {}\n", words.t("settings.in_force"));
        let mut section = "";
        for (row, (text, source)) in TABLE.iter().zip(&self.0) {
            let (of, name) = row.key.rsplit_once('.').unwrap_or(("", row.key));
            if of != section {
                section = of;
                toml.push_str(&format!("\n[{section}]\n"));
            }
            let value = toml_value(row.shape, text);
            toml.push_str(&format!("{name} = {value}  # {}\n", source.describe(words)));
        }
        toml
    }
}

/// A value in the notation of TOML.
fn toml_value(shape: Shape, text: &str) -> toml::Value {
    let string = |text: &str| toml::Value::String(text.to_owned());
    match shape {
        Shape::Text => string(text),
        Shape::Switch => parse_switch(text).map_or_else(|_| string(text), toml::Value::Boolean),
        // A seed above 2^63 is no integer of TOML; as a string it is read just as well.
        Shape::Number => text
            .parse()
            .map_or_else(|_| string(text), toml::Value::Integer),
        Shape::List | Shape::Lines if text == AUTO || text == NONE => string(text),
        Shape::List => toml::Value::Array(items(text).map(string).collect()),
        Shape::Lines => toml::Value::Array(lines(text).map(string).collect()),
    }
}

/// The name of the environment variable for a key: `SOCKSCOPE_ECHO_LOSS` for `echo.loss`.
#[must_use]
pub fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

/// Finds and reads the settings file: the one asked for, else the one that `SOCKSCOPE_CONFIG` names, else
/// `sockscope/config.toml` in the platform's folder, which need not be there.
///
/// # Errors
/// [`SettingsError::Unreadable`] for a file that was named and is not there, and for any that cannot be read.
pub fn find_file(
    asked: Option<&Path>,
    environment: &Environment,
) -> Result<Option<File>, SettingsError> {
    let named = environment.variable(CONFIG_VARIABLE).map(PathBuf::from);
    let named = asked.map(Path::to_owned).or(named);
    let standard = || {
        let folder = environment.config_dir.as_ref()?;
        Some(folder.join("sockscope").join("config.toml"))
    };
    let must_be_there = named.is_some();
    let Some(path) = named.or_else(standard) else {
        return Ok(None);
    };
    match (environment.read)(&path) {
        Ok(text) => Ok(Some(File { path, text })),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !must_be_there => Ok(None),
        Err(error) => {
            let path = path.display().to_string();
            Err(match error.kind() {
                io::ErrorKind::InvalidData => SettingsError::NotUtf8 { path },
                io::ErrorKind::FileTooLarge => SettingsError::TooLarge { path },
                _ => SettingsError::Unreadable {
                    path,
                    reason: error.to_string(),
                },
            })
        }
    }
}

/// Brings the layers together.
///
/// # Errors
/// The first [`SettingsError`] of the lowest layer that has one; every value given is checked, also one that a
/// higher layer overrides.
pub fn load(
    file: Option<&File>,
    environment: &Environment,
    flags: Vec<Given>,
) -> Result<(Settings, Resolved), SettingsError> {
    let (mut settings, mut resolved) = defaults();
    let file = file.map_or_else(|| Ok(Vec::new()), from_file)?;
    for layer in [file, from_variables(environment)?, flags] {
        read_layer(&mut settings, &mut resolved, layer)?;
    }
    Ok((settings, resolved))
}

/// The settings when nothing is set.
pub(super) fn defaults() -> (Settings, Resolved) {
    let mut settings = blank();
    for row in TABLE {
        (row.read)(&mut settings, row.default).expect("a test reads the default of every row");
    }
    let resolved = TABLE
        .iter()
        .map(|row| (row.default.to_owned(), Source::Default));
    (settings, Resolved(resolved.collect()))
}

/// Reads one layer over those before. Of two values for one key the later one holds.
fn read_layer(
    settings: &mut Settings,
    resolved: &mut Resolved,
    layer: Vec<Given>,
) -> Result<(), SettingsError> {
    let mut layer: Vec<_> = layer
        .into_iter()
        .filter_map(|given| Some((position(given.key)?, given)))
        .collect();
    layer.sort_by_key(|(position, _)| *position);
    for (position, Given { text, source, .. }) in layer {
        let row = &TABLE[position];
        (row.read)(settings, &text)
            .map_err(|problem| SettingsError::bad_value(row, source.clone(), &text, problem))?;
        resolved.0[position] = (text, source);
        if row.key == PRESET {
            for (key, text) in link_texts(&settings.echo.link) {
                if let Some(part) = self::position(key) {
                    resolved.0[part] = (text, Source::Preset(settings.echo.preset));
                }
            }
        }
    }
    Ok(())
}

/// The layer of the environment.
fn from_variables(environment: &Environment) -> Result<Vec<Given>, SettingsError> {
    let known: Vec<_> = TABLE
        .iter()
        .map(|row| (variable(row.key), row.key))
        .collect();
    let mut layer = Vec::new();
    for (name, value) in &environment.variables {
        if !name.starts_with(PREFIX) || name == CONFIG_VARIABLE || name == STATE_VARIABLE {
            continue;
        }
        let source = Source::Env(name.clone());
        let Some((_, key)) = known.iter().find(|(variable, _)| variable == name) else {
            let names = known.iter().map(|(name, _)| name.as_str());
            let nearest = nearest(name, names.chain([CONFIG_VARIABLE, STATE_VARIABLE]));
            return Err(SettingsError::Unknown {
                at: source,
                nearest: nearest.map(str::to_owned),
                name: name.clone(),
            });
        };
        layer.push(Given {
            key,
            text: value.trim().to_owned(),
            source,
        });
    }
    Ok(layer)
}

/// The layer of a settings file.
///
/// # Errors
/// For text that is not TOML, for keys that no setting has, and for values of a kind that no setting has.
fn from_file(file: &File) -> Result<Vec<Given>, SettingsError> {
    let table = DeTable::parse(&file.text).map_err(|error| {
        let byte = error.span().map_or(0, |span| span.start);
        SettingsError::Syntax {
            at: file.line_of(byte),
            reason: shown(error.message()),
            has_backslash: file.line_at(byte).contains(&b'\\'),
        }
    })?;
    let mut layer = Vec::new();
    file.take(table.get_ref(), "", &mut layer)?;
    Ok(layer)
}

impl File {
    /// The language that the file asks for, as it is written there, even if other lines cannot be used.
    #[must_use]
    pub fn lang(&self) -> Option<String> {
        let table = DeTable::parse(&self.text).ok()?;
        let lang = table.get_ref().get("lang")?.get_ref().as_str()?;
        Some(lang.to_owned())
    }

    /// The text of the line that a byte stands on.
    fn line_at(&self, byte: usize) -> &[u8] {
        let (before, rest) = self.text.as_bytes().split_at(byte.min(self.text.len()));
        let begin = before.iter().rposition(|byte| *byte == b'\n');
        let end = rest.iter().position(|byte| *byte == b'\n');
        let begin = begin.map_or(0, |at| at + 1);
        &self.text.as_bytes()[begin..before.len() + end.unwrap_or(rest.len())]
    }

    /// Where the line is that a byte of the text stands on.
    fn line_of(&self, byte: usize) -> Source {
        let before = &self.text.as_bytes()[..byte.min(self.text.len())];
        Source::File {
            path: self.path.clone(),
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
        }
    }

    /// Takes the values of a table and the tables in it; `section` is its dotted name, empty at the top.
    fn take(
        &self,
        table: &DeTable,
        section: &str,
        layer: &mut Vec<Given>,
    ) -> Result<(), SettingsError> {
        for (key, value) in table {
            let name = match section {
                "" => key.get_ref().to_string(),
                _ => format!("{section}.{}", key.get_ref()),
            };
            let source = self.line_of(key.span().start);
            if let Some(position) = position(&name) {
                let row = &TABLE[position];
                let text = value_text(value.get_ref(), row.shape).ok_or_else(|| {
                    let written = self.text.get(value.span()).unwrap_or_default();
                    let problem = super::Problem::NotAllowed;
                    SettingsError::bad_value(row, source.clone(), written, problem)
                })?;
                layer.push(Given {
                    key: row.key,
                    text,
                    source,
                });
                continue;
            }
            match (value.get_ref(), is_section(&name)) {
                (DeValue::Table(inner), true) => self.take(inner, &name, layer)?,
                (_, true) => return Err(SettingsError::Section { at: source, name }),
                (_, false) => {
                    let keys = TABLE.iter().map(|row| row.key);
                    let sections = keys.clone().filter_map(|key| Some(key.split_once('.')?.0));
                    return Err(SettingsError::Unknown {
                        at: source,
                        nearest: nearest(&name, keys.chain(sections)).map(str::to_owned),
                        name,
                    });
                }
            }
        }
        Ok(())
    }
}

/// Whether the keys of some settings begin with this name and a dot.
fn is_section(name: &str) -> bool {
    let inside = |key: &str| Some(key.strip_prefix(name)?.starts_with('.'));
    TABLE.iter().any(|row| inside(row.key) == Some(true))
}

/// A value of TOML as the text that all layers share; `None` for a kind of value that the setting cannot have.
fn value_text(value: &DeValue, shape: Shape) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.trim().to_owned()),
        DeValue::Boolean(switch) => Some(switch.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(|number| number.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Array(items) if matches!(shape, Shape::List | Shape::Lines) => {
            let texts: Option<Vec<&str>> =
                items.iter().map(|item| item.get_ref().as_str()).collect();
            let between = if shape == Shape::List { " " } else { "\n" };
            Some(texts?.join(between))
        }
        DeValue::Array(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::proto::http::service::Mode;
    use crate::proto::link::{Loss, Preset, Probability, Rate};
    use crate::proto::smtp::plan::Security;
    use crate::proto::smtp::sasl::Mechanism;
    use crate::settings::{Count, PingMode, ThemeName};
    use crate::words::Lang;

    fn file(text: &str) -> File {
        File {
            path: PathBuf::from("s.toml"),
            text: text.to_owned(),
        }
    }

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Environment {
            variables: variables.iter().map(owned).collect(),
            config_dir: Some(PathBuf::from("/settings")),
            state_dir: Some(PathBuf::from("/state")),
            read: |_| Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn flags(flags: &[(&'static str, &str)]) -> Vec<Given> {
        let given = |(key, text): &(&'static str, &str)| Given {
            key,
            text: (*text).to_owned(),
            source: Source::Flag(format!("--{key}")),
        };
        flags.iter().map(given).collect()
    }

    fn loaded(
        text: &str,
        variables: &[(&str, &str)],
        flagged: &[(&'static str, &str)],
    ) -> Result<(Settings, Resolved), String> {
        load(Some(&file(text)), &environment(variables), flags(flagged))
            .map_err(|error| error.to_string())
    }

    fn share(text: &str) -> Probability {
        text.parse().unwrap()
    }

    #[test]
    fn every_row_is_whole() {
        let words = Words(Lang::En);
        let mut sections = Vec::new();
        for row in TABLE {
            let mut settings = blank();
            assert_eq!(
                (row.read)(&mut settings, row.default),
                Ok(()),
                "{}",
                row.key
            );
            assert!(words.find(row.allowed).is_some(), "{}", row.key);
            let same = |other: &&super::super::Row| variable(other.key) == variable(row.key);
            assert_eq!(TABLE.iter().filter(same).count(), 1, "{}", row.key);
            let section = row.key.split_once('.').map_or("", |(section, _)| section);
            if sections.last() != Some(&section) {
                assert!(!sections.contains(&section), "{section} is torn apart");
                sections.push(section);
            }
        }
        assert_eq!(sections, ["", "echo", "ping", "web", "mail", "wire"]);
        assert_eq!(variable("echo.reply_loss"), "SOCKSCOPE_ECHO_REPLY_LOSS");
    }

    #[test]
    fn words_name_every_choice() {
        for lang in Lang::ALL {
            let words = Words(lang);
            for theme in ThemeName::ALL {
                assert!(words.t("settings.allowed.theme").contains(theme.name()));
                assert!(words.t("cli.common.theme").contains(theme.name()));
            }
            for preset in crate::proto::link::presets() {
                assert!(words.t("settings.allowed.preset").contains(preset.id));
                assert!(words.t("cli.common.preset").contains(preset.id));
            }
            for mode in [Mode::Concurrent, Mode::OneAtATime] {
                assert!(
                    words
                        .t("settings.allowed.service_mode")
                        .contains(mode.name())
                );
            }
            for scenario in crate::proto::smtp::fault::scenarios() {
                assert!(words.t("cli.mailbox.scenario").contains(scenario.name));
            }
            for security in Security::ALL {
                assert!(
                    words
                        .t("settings.allowed.security")
                        .contains(security.name())
                );
                assert!(words.t("cli.mail.security").contains(security.name()));
            }
            for mechanism in Mechanism::ALL {
                assert!(words.t("settings.allowed.auth").contains(mechanism.name()));
                assert!(words.t("cli.mail.auth").contains(mechanism.name()));
            }
            for lang in Lang::ALL {
                assert!(words.t("settings.allowed.lang").contains(lang.code()));
                assert!(words.t("cli.common.lang").contains(lang.code()));
            }
        }
    }

    #[test]
    fn the_default_preset_is_the_default_link() {
        let (settings, resolved) = defaults();
        let preset = Preset::find(settings.echo.preset).unwrap();
        assert_eq!(settings.echo.link, preset.link);
        for (key, text) in link_texts(&preset.link) {
            assert_eq!(resolved.get(key), Some((text.as_str(), &Source::Default)));
        }
    }

    #[test]
    fn higher_layers_hold() {
        let text = "theme = 'light'\n[echo]\nloss = 0.1\nseed = 1\n[ping]\nsize = 64\n";
        let variables = [("SOCKSCOPE_ECHO_LOSS", "20%"), ("SOCKSCOPE_ECHO_SEED", "2")];
        let (settings, resolved) = loaded(text, &variables, &[("echo.seed", "3")]).unwrap();
        assert_eq!(settings.theme, ThemeName::Light);
        assert_eq!(settings.echo.link.request.loss, Loss::Random(share("20%")));
        assert_eq!(settings.echo.seed, Some(3));
        assert_eq!(settings.ping.size, Some(64));
        let line = |line| Source::File {
            path: PathBuf::from("s.toml"),
            line,
        };
        assert_eq!(resolved.get("theme"), Some(("light", &line(1))));
        assert_eq!(resolved.get("ping.size"), Some(("64", &line(6))));
        assert_eq!(
            resolved.get("echo.loss"),
            Some(("20%", &Source::Env("SOCKSCOPE_ECHO_LOSS".into())))
        );
        assert_eq!(
            resolved.get("echo.seed"),
            Some(("3", &Source::Flag("--echo.seed".into())))
        );
        assert_eq!(resolved.get("mouse"), Some(("false", &Source::Default)));
        assert_eq!(resolved.get("echo.loss.x"), None);
    }

    #[test]
    fn a_preset_sets_the_link_and_parts_of_its_layer_or_higher_change_it() {
        let satellite = &Preset::find("satellite").unwrap().link;
        let preset = Source::Preset("satellite");

        // Parts from a lower layer go; the default of the loss is one of them.
        let text = "[echo]\nloss = '50%'\ncorrupt = '9%'";
        let (settings, resolved) = loaded(text, &[], &[("echo.preset", "satellite")]).unwrap();
        assert_eq!(settings.echo.link, *satellite);
        assert_eq!(settings.echo.preset, "satellite");
        assert_eq!(resolved.get("echo.corrupt"), Some(("0%", &preset)));

        // Parts from the same layer stay, wherever in the file they stand.
        let text = "echo.corrupt = '9%'\necho.preset = 'satellite'\necho.reply_rate = 'none'";
        let (settings, resolved) = loaded(text, &[], &[]).unwrap();
        let mut want = satellite.clone();
        want.request.corrupt = share("9%");
        want.reply.rate = Rate::Unlimited;
        assert_eq!(settings.echo.link, want);
        assert!(matches!(
            resolved.get("echo.corrupt"),
            Some(("9%", Source::File { line: 1, .. }))
        ));
        assert_eq!(resolved.get("echo.reply_corrupt"), Some(("0%", &preset)));

        // Parts from a higher layer stay.
        let text = "echo.preset = 'Satellite'";
        let (settings, _) = loaded(text, &[], &[("echo.loss", "none")]).unwrap();
        let mut want = satellite.clone();
        want.request.loss = Loss::None;
        assert_eq!(settings.echo.link, want);

        // The lab is a preset like any other.
        let variables = [("SOCKSCOPE_ECHO_PRESET", "lab")];
        let (settings, _) = loaded("echo.preset = 'satellite'", &variables, &[]).unwrap();
        assert_eq!(
            settings.echo.link,
            crate::proto::link::LinkSettings::default()
        );
    }

    #[test]
    fn values_of_toml_are_read_in_every_kind() {
        let text = "ascii = true\nmouse = 'yes'\n[echo]\nseed = 0x2A\nloss = 1101\ncorrupt = 0.5\n\
                    rate_cap = 1_000\n[ping]\ntargets = ['a:1', '::1']\ncount = 'endless'\nmode = 'lab'";
        let (settings, _) = loaded(text, &[], &[]).unwrap();
        assert!(settings.ascii && settings.mouse);
        assert_eq!(settings.echo.seed, Some(42));
        assert_eq!(settings.echo.link.request.loss, "1101".parse().unwrap());
        assert_eq!(settings.echo.link.request.corrupt, share("50%"));
        assert_eq!(settings.echo.rate_cap, 1000);
        let targets: Vec<_> = settings
            .ping
            .targets
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(targets, ["a:1", "[::1]:12000"]);
        assert_eq!(settings.ping.count, Count::Endless);
        assert_eq!(settings.ping.mode, Some(PingMode::Lab));
    }

    #[test]
    fn values_at_their_bounds() {
        for (key, good, bad) in [
            ("lang", "auto en zh-CN zh_cn.UTF-8", "de klingon"),
            (
                "theme",
                "dark light high-contrast colour-blind",
                "Dark blue",
            ),
            ("mouse", "true FALSE on off yes no 0 1", "2 maybe"),
            (
                "echo.listen",
                "127.0.0.1:0 [::]:12000",
                "example.org:12000 :65536",
            ),
            (
                "echo.loss",
                "none lab 30% 0.3 4/11 burst:10%,3 1101",
                "10 burst 101%",
            ),
            ("echo.delay", "none 50ms 50ms,10ms,pareto", "50 -1ms 2h"),
            ("echo.duplicate", "none 0 1 100%", "-1 2 x"),
            ("echo.rate", "none 64kbit 64kbit,20", "64 0kbit"),
            ("echo.preset", "lab Wi-Fi 3G", "none 9g"),
            (
                "echo.seed",
                "random 0 18446744073709551615",
                "-1 18446744073709551616 0x1 x",
            ),
            ("echo.rate_cap", "1 1000000", "0 1000001 none"),
            ("ping.targets", "auto a,b host:1", "host:0 a:b:c"),
            ("ping.mode", "auto lab steady", "flood"),
            ("ping.interval", "auto 1ms 60m", "0.9ms 61m 5"),
            ("ping.timeout", "1ms 3600s", "0s 999us 3601s auto"),
            (
                "ping.count",
                "auto endless 1 18446744073709551615",
                "0 -1 ten",
            ),
            ("ping.size", "auto 0 65507", "65508 -1"),
            (
                "web.listen",
                "127.0.0.1:0 [::]:6789 :80 6789 0.0.0.0",
                "example.org:80 :65536",
            ),
            ("web.folder", "built-in . /srv/pages", ""),
            ("web.mode", "concurrent one-at-a-time", "both Concurrent"),
            ("web.delay", "none 0s 200ms 60m", "200 -1s 61m"),
            ("web.rate", "none 1 64k 1M 1024G", "0 -1 64kbit 1025G"),
            (
                "web.force",
                "none /busy=503,/gone=410",
                "/busy busy=503 /x=99",
            ),
            ("web.trace", "true off", "yep"),
            ("web.header_timeout", "1ms 60m", "0s 10 none"),
            ("web.min_rate", "none 500 1k", "0 slow"),
            ("web.max_requests", "1 1000000000", "0 1000000001 none"),
            ("web.max_connections", "1 1000000", "0 1000001"),
            ("web.max_request_line", "64 8k 1M", "63 1025k -1"),
            ("web.max_head", "64 16k 1M", "63 2M"),
            ("web.max_fields", "1 10000", "0 10001"),
            ("web.max_body", "0 64k 1024G", "-1 1025G 1.5M"),
            ("mail.server", "lab a.example [::1]:25", "a:0 a:b:c"),
            ("mail.security", "none starttls tls", "ssl TLS"),
            (
                "mail.auth",
                "auto none plain login cram-md5 xoauth2",
                "PLAIN ntlm",
            ),
            ("mail.user", "none student@example.com", "\u{7}"),
            ("mail.password_command", "none pass", "\u{7}"),
            ("mail.from", "none a@example.com", "a \u{7}@a"),
            ("mail.helo", "auto a.example [127.0.0.1]", "\u{7} é"),
            ("mail.pipelining", "true no", "maybe"),
            ("mail.chunking", "true no", "maybe"),
            ("mail.time_scale", "1 0.001 10", "0 11 -1 nan inf"),
            ("mail.ca_file", "none ca.pem", "\u{7}"),
            ("mail.retry", "none 30s 1ms,1000", "30 0s,1 30s,0"),
            ("mail.listen", "2525 [::]:25", "example.org:25"),
            ("mail.tls_listen", "none 2465 [::]:465", "example.org:465"),
            ("mail.folder", "auto memory ./mail", "\u{7}"),
            ("mail.name", "lab.example", "é"),
            ("mail.account", "anybody student", "\u{7}"),
            ("mail.account_password_command", "none pass", "\u{7}"),
            ("mail.scenario", "none greylist", "nothing"),
            ("mail.faults", "none rcpt=550 rcpt#2=drop", "nothing x=550"),
            ("mail.end_of_data", "strict lenient", "Strict"),
            ("mail.max_size", "1 50M 1G", "0 2G"),
            ("mail.max_recipients", "1 10000", "0 10001"),
            ("mail.max_messages", "1 1000000", "0 1000001"),
            ("mail.max_mailbox", "1 1024G", "0 1025G"),
            ("mail.max_connections", "1 1000000", "0 1000001"),
            ("mail.idle_timeout", "1ms 60m", "0s 10 none"),
            ("mail.max_errors", "1 1000000", "0 1000001"),
            ("wire.memory", "1M 64M 2G", "1023k 4097M"),
            ("wire.events", "1000 10000000", "999 10000001"),
        ] {
            let try_one = |value| loaded("", &[], &[(key, value)]);
            for value in good.split(' ') {
                assert_eq!(try_one(value).err(), None, "{key} = {value}");
            }
            for value in bad.split(' ') {
                let error = try_one(value).unwrap_err();
                assert!(
                    error.starts_with(&format!("--{key}: {key} = \"{}\": ", shown(value))),
                    "{error}"
                );
            }
            assert!(try_one("").is_err(), "{key} takes nothing for a value");
        }
    }

    #[test]
    fn complaints_say_where_what_and_what_is_allowed() {
        for (text, variables, want) in [
            (
                "[echo]\n\nlos = 1",
                None,
                "s.toml, line 3: there is no setting \"echo.los\"; did you mean echo.loss?",
            ),
            (
                "[eco]\nloss = 1",
                None,
                "s.toml, line 1: there is no setting \"eco\"; did you mean echo?",
            ),
            (
                "password = 'x'",
                None,
                "s.toml, line 1: there is no setting \"password\"; `sockscope config` lists them all",
            ),
            (
                "echo = 5",
                None,
                "s.toml, line 1: \"echo\" is a section; write [echo] on a line of its own and its settings below",
            ),
            (
                "\ntheme = 'blue'",
                None,
                "s.toml, line 2: theme = \"blue\": write dark, light, high-contrast or colour-blind",
            ),
            (
                "theme = 1979-05-27",
                None,
                "s.toml, line 1: theme = \"1979-05-27\": write dark, light, high-contrast or colour-blind",
            ),
            (
                "theme = ['dark']",
                None,
                "s.toml, line 1: theme = \"['dark']\": write dark, light, high-contrast or colour-blind",
            ),
            (
                "echo.loss = 10",
                None,
                "s.toml, line 1: echo.loss = \"10\": 10 may be a percentage or a pattern: write 10% or pattern:10",
            ),
            (
                "[ping]\ntargets = ['a', 5]",
                None,
                "s.toml, line 2: ping.targets = \"['a', 5]\": write hosts or addresses such as 127.0.0.1:12000, [::1]:12000 or example.org",
            ),
            (
                "",
                Some(("SOCKSCOPE_ECHO_LOS", "1")),
                "environment variable SOCKSCOPE_ECHO_LOS: there is no setting \"SOCKSCOPE_ECHO_LOS\"; did you mean SOCKSCOPE_ECHO_LOSS?",
            ),
            (
                "",
                Some(("SOCKSCOPE_PING_TIMEOUT", "\u{1b}[2J\n")),
                "environment variable SOCKSCOPE_PING_TIMEOUT: ping.timeout = \"\\u{1b}[2J\": \"\\u{1b}[2J\" is not a duration: write a number and us, ms, s or m, such as 50ms",
            ),
        ] {
            let variables: Vec<_> = variables.into_iter().collect();
            assert_eq!(loaded(text, &variables, &[]).unwrap_err(), want);
        }
    }

    #[test]
    fn complaints_speak_chinese() {
        let error = load(Some(&file("theme = 'blue'")), &environment(&[]), Vec::new()).unwrap_err();
        assert_eq!(
            error.message(Words(Lang::ZhCn)),
            "s.toml 第 1 行：theme = “blue”：请写 dark、light、high-contrast 或 colour-blind"
        );
    }

    #[test]
    fn broken_toml_is_one_sentence_with_its_line() {
        for (text, line) in [
            ("a = 1\nb = = 2", 2),
            ("a = 'x", 1),
            ("a = 1\na = 2", 2),
            ("[", 1),
        ] {
            let error = loaded(text, &[], &[]).unwrap_err();
            let begin = format!("s.toml, line {line}: this is not valid TOML: ");
            assert!(error.starts_with(&begin), "{error}");
            assert!(
                error.len() > begin.len() && !error.contains('\n'),
                "{error}"
            );
        }
    }

    #[test]
    fn values_that_a_higher_layer_overrides_are_checked_too() {
        let error = loaded("theme = 'blue'", &[], &[("theme", "dark")]).unwrap_err();
        assert!(error.starts_with("s.toml, line 1: theme"), "{error}");
    }

    #[test]
    fn other_variables_do_not_matter() {
        let variables = [
            ("SOCKSCOPE", "x"),
            ("PATH", "/bin"),
            ("SOCKSCOPE_CONFIG", "f"),
        ];
        assert!(loaded("", &variables, &[]).is_ok());
    }

    #[test]
    fn the_file_is_looked_for_in_order() {
        let found = |asked: Option<&str>, variables: &[(&str, &str)], read| {
            let environment = Environment {
                read,
                ..environment(variables)
            };
            find_file(asked.map(Path::new), &environment)
                .map(|file| file.map(|file| file.path.display().to_string()))
                .map_err(|error| error.to_string())
        };
        let there: fn(&Path) -> io::Result<String> = |_| Ok(String::new());
        let missing: fn(&Path) -> io::Result<String> = |_| Err(io::ErrorKind::NotFound.into());
        let forbidden: fn(&Path) -> io::Result<String> =
            |_| Err(io::ErrorKind::PermissionDenied.into());
        let named = [("SOCKSCOPE_CONFIG", "env.toml")];

        assert_eq!(
            found(Some("a.toml"), &named, there),
            Ok(Some("a.toml".into()))
        );
        assert_eq!(found(None, &named, there), Ok(Some("env.toml".into())));
        let standard = Path::new("/settings").join("sockscope").join("config.toml");
        let standard = standard.display().to_string();
        assert_eq!(found(None, &[], there), Ok(Some(standard.clone())));
        assert_eq!(found(None, &[], missing), Ok(None));
        for (asked, variables) in [(Some("a\n.toml"), &[][..]), (None, &named)] {
            let error = found(asked, variables, missing).unwrap_err();
            assert!(error.starts_with("the settings file "), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let error = found(None, &[], forbidden).unwrap_err();
        assert!(error.contains(&standard), "{error}");
        let nowhere = Environment {
            config_dir: None,
            ..environment(&[])
        };
        assert_eq!(find_file(None, &nowhere), Ok(None));
    }

    #[test]
    fn the_process_gives_its_variables_and_files() {
        let environment = Environment::of_process();
        assert_eq!(environment.variable("PATH"), std::env::var("PATH").ok());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.toml");
        std::fs::write(&path, "ping.count = 7").unwrap();
        let file = find_file(Some(&path), &environment).unwrap();
        let layer = from_file(&file.expect("a named file is read or refused")).unwrap();
        assert_eq!((layer[0].key, layer[0].text.as_str()), ("ping.count", "7"));
        std::fs::write(&path, [0xff]).unwrap();
        let error = find_file(Some(&path), &environment).unwrap_err();
        assert!(matches!(error, SettingsError::NotUtf8 { .. }), "{error}");
        let endless = vec![b'#'; LARGEST_FILE as usize + 1];
        std::fs::write(&path, endless).unwrap();
        let error = find_file(Some(&path), &environment).unwrap_err();
        assert!(matches!(error, SettingsError::TooLarge { .. }), "{error}");
        let error = find_file(Some(folder.path()), &environment).unwrap_err();
        assert!(matches!(error, SettingsError::Unreadable { .. }), "{error}");
    }

    #[test]
    fn a_backslash_in_a_path_is_named_where_it_makes_no_sense() {
        let complaint = |text: &str| {
            let file = File {
                path: PathBuf::from("s.toml"),
                text: text.to_owned(),
            };
            from_file(&file).unwrap_err().to_string()
        };
        for path in [r"C:\Users\me", r"C:\pages", r"\\host\share"] {
            let text = format!("lang = 'en'\r\n[web]\r\nfolder = \"{path}\"\r\n");
            let complaint = complaint(&text);
            assert!(complaint.starts_with("s.toml, line 3: "), "{complaint}");
            assert!(complaint.contains("single quotes"), "{complaint}");
        }
        let elsewhere = complaint("mail.user = 'a\\b'\nlang =\n");
        assert!(!elsewhere.contains("single quotes"), "{elsewhere}");
    }

    #[test]
    fn what_is_kept_has_a_folder() {
        let folder = |variables| environment(variables).state_folder();
        assert_eq!(folder(&[]), Some(PathBuf::from("/state")));
        assert_eq!(
            folder(&[("SOCKSCOPE_STATE", "")]),
            Some(PathBuf::from("/state"))
        );
        let named = [("SOCKSCOPE_STATE", "/elsewhere")];
        assert_eq!(folder(&named), Some(PathBuf::from("/elsewhere")));
        assert!(loaded("", &named, &[]).is_ok(), "it is no setting");
    }

    #[test]
    fn the_language_of_a_file_is_found_beside_mistakes() {
        assert_eq!(
            file("lang = 'zh-CN'\nnonsense = 1").lang(),
            Some("zh-CN".into())
        );
        for text in ["", "lang = 5", "lang = ", "[lang]"] {
            assert_eq!(file(text).lang(), None, "{text}");
        }
    }

    #[test]
    fn the_settings_in_force_are_a_settings_file() {
        let text = "[echo]\nseed = 42\n[ping]\ntargets = ['a', 'b:1']\ncount = 3";
        let variables = [("SOCKSCOPE_MOUSE", "yes")];
        let flagged = [
            ("echo.preset", "voip"),
            ("echo.loss", "burst:5%,2"),
            ("web.force", "/a=404 /b=503"),
            ("web.rate", "64k"),
            ("web.max_fields", "50"),
            ("mail.faults", "rcpt=550 5.1.1 No, not here\nmail=drop"),
        ];
        let mut file = file(text);
        file.path = PathBuf::from("odd\n\u{202e}\"name.toml");
        let (settings, resolved) =
            load(Some(&file), &environment(&variables), flags(&flagged)).unwrap();
        for lang in Lang::ALL {
            let toml = resolved.to_toml(Words(lang));
            let again = File {
                path: PathBuf::from("again.toml"),
                text: toml.clone(),
            };
            let (same, _) = load(Some(&again), &environment(&[]), Vec::new()).unwrap();
            assert_eq!(same, settings, "{toml}");
        }
        let toml = resolved.to_toml(Words(Lang::En));
        for line in [
            "lang = \"auto\"  # default",
            "mouse = true  # environment variable SOCKSCOPE_MOUSE",
            "[echo]",
            "preset = \"voip\"  # --echo.preset",
            "loss = \"burst:5%,2\"  # --echo.loss",
            "reply_corrupt = \"0%\"  # preset voip",
            "seed = 42  # odd\\n\\u{202e}\"name.toml, line 2",
            "targets = [\"a\", \"b:1\"]  # odd\\n\\u{202e}\"name.toml, line 4",
            "count = 3  # odd\\n\\u{202e}\"name.toml, line 5",
            "mode = \"auto\"  # default",
            "mode = \"concurrent\"  # default",
            "force = [\"/a=404\", \"/b=503\"]  # --web.force",
            "rate = \"64k\"  # --web.rate",
            "max_fields = 50  # --web.max_fields",
            "faults = [\"rcpt=550 5.1.1 No, not here\", \"mail=drop\"]  # --mail.faults",
        ] {
            assert!(toml.lines().any(|have| have == line), "{line}\nin\n{toml}");
        }
        assert_eq!(
            toml.lines().filter(|line| line.contains(" = ")).count(),
            TABLE.len()
        );
    }

    #[test]
    fn words_and_the_largest_seed_survive_the_round_trip() {
        let largest = u64::MAX.to_string();
        let (settings, resolved) = loaded("", &[], &[("echo.seed", &largest)]).unwrap();
        let toml = resolved.to_toml(Words(Lang::En));
        assert!(toml.contains("targets = \"auto\"  # default\n"), "{toml}");
        assert_eq!(loaded(&toml, &[], &[]).unwrap().0, settings);
    }

    proptest! {
        #[test]
        fn any_file_is_read_or_refused_in_one_clean_line(
            text in "\\PC*|(\\[?(echo|ping|lang|loss|targets)\\]?( = |\\.|\n|'x\u{1b}'|5)){0,6}"
        ) {
            if let Err(error) = loaded(&text, &[], &[]) {
                prop_assert!(!error.chars().any(char::is_control), "{}", error);
            }
        }

        #[test]
        fn any_value_is_read_or_refused_in_one_clean_line(row in 0..TABLE.len(), value in ".*") {
            let result = load(None, &environment(&[]), flags(&[(TABLE[row].key, &value)]));
            match result {
                Err(error) => {
                    for lang in Lang::ALL {
                        let message = error.message(Words(lang));
                        prop_assert!(!message.chars().any(char::is_control), "{}", message);
                    }
                }
                Ok((settings, resolved)) => {
                    let toml = resolved.to_toml(Words(Lang::En));
                    let (same, _) = loaded(&toml, &[], &[]).map_err(TestCaseError::fail)?;
                    prop_assert_eq!(same, settings);
                }
            }
        }
    }
}
