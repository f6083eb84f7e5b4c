//! The keys in the sources and the keys in the locale files are the same: none is looked up that no file has, and
//! none is kept that nothing looks up.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Keys that the sources put together from parts, by what they begin with.
const DYNAMIC: [&str; 12] = [
    // Help is looked up by the name of each command and flag; the tests of cli/text.rs check that all of it is there.
    "cli.",
    // Errors in the notation of the link have their own keys; the tests of settings/error.rs go through them.
    "settings.spec.",
    // The names of presets and of themes and the remarks on answers are looked up by their ids; the test below goes through all lists.
    "preset.",
    "theme.",
    // The rules of HTTP are looked up by their names; the tests of words/phrases.rs go through all of them.
    "rule.",
    "sender.preset.",
    "sender.about.",
    "remark.",
    // What is said in an SMTP session, and what is wrong with an address, is looked up by its name; the tests of words/smtp.rs go through all of it.
    "smtp.",
    "address.error.",
    // What the mail server does wrong on purpose is looked up by its name; the tests of words/fault.rs go through all of it.
    "fault.scenario.",
    "fault.action.",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below a folder with their texts.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("src can be read") {
        let path = entry.expect("src can be read").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            found.push((path, text));
        }
    }
    found
}

/// The keys of the locale files, in whichever language they are.
fn locale_keys() -> BTreeSet<String> {
    let folder = root().join("assets/locales");
    let folder = folder.to_str().expect("the checkout has a UTF-8 path");
    let locales =
        rust_i18n::try_load_locales(folder, |_| false, true).expect("the locale files are valid");
    locales
        .into_values()
        .flat_map(|texts| texts.into_keys())
        .collect()
}

/// The literals that a text hands to `t` and `fill`, with the number of their line.
fn looked_up(text: &str) -> Vec<(usize, &str)> {
    let mut keys = Vec::new();
    for call in [".t(", ".fill("] {
        for (at, _) in text.match_indices(call) {
            let argument = text[at + call.len()..].trim_start();
            let literal = argument
                .strip_prefix('"')
                .and_then(|rest| rest.split_once('"'));
            if let Some((key, _)) = literal {
                keys.push((1 + text[..at].matches('\n').count(), key));
            }
        }
    }
    keys
}

#[test]
fn every_key_looked_up_is_in_a_locale_file() {
    let known = locale_keys();
    let mut missing = Vec::new();
    let mut seen = 0;
    for (path, text) in sources(&root().join("src")) {
        for (line, key) in looked_up(&text) {
            seen += 1;
            if !known.contains(key) {
                missing.push(format!("{}:{line}: {key}", path.display()));
            }
        }
    }
    assert!(seen > 0, "no key was found in the sources");
    assert!(
        missing.is_empty(),
        "no locale file has\n{}",
        missing.join("\n")
    );
}

#[test]
fn every_key_in_a_locale_file_is_looked_up() {
    let sources = sources(&root().join("src"));
    // What stands between two quotes, whichever of them opens: a key in quotes is among it.
    let quoted: BTreeSet<&str> = sources
        .iter()
        .flat_map(|(_, text)| text.split('"'))
        .collect();
    let unused: Vec<String> = locale_keys()
        .into_iter()
        .filter(|key| !DYNAMIC.iter().any(|prefix| key.starts_with(prefix)))
        .filter(|key| !quoted.contains(key.as_str()))
        .collect();
    assert!(unused.is_empty(), "nothing looks up\n{}", unused.join("\n"));
}

#[test]
fn every_preset_theme_and_remark_has_its_words() {
    use sockscope::{
        proto::{
            http::{reply::Deviation, script},
            link::presets,
        },
        settings::ThemeName,
        words::{Lang, Words},
    };
    let keys = presets()
        .iter()
        .map(|preset| format!("preset.{}", preset.id));
    let keys = keys.chain(ThemeName::ALL.map(|theme| format!("theme.{}", theme.name())));
    let keys =
        keys.chain(script::presets().iter().flat_map(|preset| {
            ["preset", "about"].map(|kind| format!("sender.{kind}.{}", preset.id))
        }));
    let remarks = Deviation::ALL.iter();
    let keys = keys.chain(remarks.map(|remark| format!("remark.{}", remark.name())));
    for key in keys {
        for lang in Lang::ALL {
            assert!(Words(lang).find(&key).is_some(), "{key} in {lang:?}");
        }
    }
}

#[test]
fn keys_are_found_wherever_a_call_is_wrapped() {
    let text = "words.t(\"a.b\");\nlet x = words\n    .fill(\n        \"c.d\",\n        &[],\n    ) + words.t(key);";
    assert_eq!(looked_up(text), [(1, "a.b"), (3, "c.d")]);
}

/// A key in two files has one of the two texts, and nobody knows which.
#[test]
fn no_key_is_in_two_locale_files() {
    let folder = root().join("assets/locales");
    let mut keys = BTreeSet::new();
    let mut twice = Vec::new();
    for entry in fs::read_dir(&folder).expect("the locales can be read") {
        let file = entry.expect("the locales can be read").file_name();
        let folder = folder.to_str().expect("the checkout has a UTF-8 path");
        let others = |path: &str| Path::new(path).file_name() != Some(&file);
        let locales =
            rust_i18n::try_load_locales(folder, others, true).expect("the locale files are valid");
        let texts = locales.into_values().flat_map(|texts| texts.into_keys());
        for key in texts.collect::<BTreeSet<_>>() {
            if !keys.insert(key.clone()) {
                twice.push(key);
            }
        }
    }
    assert!(twice.is_empty(), "in two files: {twice:?}");
}
