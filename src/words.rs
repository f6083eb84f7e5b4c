//! Every word a person reads, in every language the program speaks.
//!
//! The texts live in `assets/locales/*.yml`, each key with all its languages side by side; this module looks them
//! up. It stands apart so that the language is always an argument: two languages can be drawn in one process, and
//! no text depends on a global.

pub mod draft;
pub mod fault;
pub mod letter;
pub mod outcome;
pub mod phrases;
pub mod replay;
pub mod smtp;

use std::borrow::Cow;
use std::fmt::{Display, Write};

/// The locale files, named so that a change in one of them rebuilds the crate: the macro that compiles them in
/// reads them behind Cargo's back. A test fails when a file is missing here.
const _: &[&str] = &[
    include_str!("../assets/locales/capture.yml"),
    include_str!("../assets/locales/cli.yml"),
    include_str!("../assets/locales/compose.yml"),
    include_str!("../assets/locales/dashboard.yml"),
    include_str!("../assets/locales/faults.yml"),
    include_str!("../assets/locales/labs.yml"),
    include_str!("../assets/locales/login.yml"),
    include_str!("../assets/locales/mail.yml"),
    include_str!("../assets/locales/mailbox.yml"),
    include_str!("../assets/locales/message.yml"),
    include_str!("../assets/locales/replay.yml"),
    include_str!("../assets/locales/sender.yml"),
    include_str!("../assets/locales/settings.yml"),
    include_str!("../assets/locales/smtp.yml"),
    include_str!("../assets/locales/web.yml"),
    include_str!("../assets/locales/wire.yml"),
];

/// A language of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    ZhCn,
}

impl Lang {
    /// Every language, in the order [`Lang::next`] goes through them.
    pub const ALL: [Lang; 2] = [Lang::En, Lang::ZhCn];

    /// The BCP 47 tag, which is also the name in the locale files and in the settings.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::ZhCn => "zh-CN",
        }
    }

    /// The name of the language in the language itself.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Lang::En => "English",
            Lang::ZhCn => "简体中文",
        }
    }

    /// The language that follows, round and round.
    #[must_use]
    pub fn next(self) -> Lang {
        match self {
            Lang::En => Lang::ZhCn,
            Lang::ZhCn => Lang::En,
        }
    }

    /// The language that a tag or POSIX locale such as `zh-CN`, `zh_CN.UTF-8` or `en` stands for.
    ///
    /// Every Chinese variant is served by the one Chinese there is.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Lang> {
        let primary = tag.split(['-', '_', '.', '@']).next().unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "en" => Some(Lang::En),
            "zh" => Some(Lang::ZhCn),
            _ => None,
        }
    }

    /// The language the environment asks for, English when it asks for none that is spoken here.
    ///
    /// `variable` gives the value of an environment variable. As in GNU gettext (manual, section 2.3): the locale is
    /// the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is not empty, and the list in `LANGUAGE` goes before it
    /// unless that locale is `C` or `POSIX`.
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Lang {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set);
        if let Some(locale) = &locale
            && matches!(locale.split('.').next(), Some("C" | "POSIX"))
        {
            return Lang::En;
        }
        let wishes = set("LANGUAGE").unwrap_or_default();
        wishes
            .split(':')
            .find_map(Lang::from_tag)
            .or_else(|| locale.as_deref().and_then(Lang::from_tag))
            .unwrap_or_default()
    }
}

/// The texts in one language. Copy it wherever something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Words(pub Lang);

impl Words {
    /// The text of `key`, for example `ping.sent`, or `None` if no locale file has it.
    #[must_use]
    pub fn find(self, key: &str) -> Option<Cow<'static, str>> {
        crate::_RUST_I18N_BACKEND.translate(self.0.code(), key)
    }

    /// The text of `key`; the key itself if no locale file has it, so that a slip is seen and harms nothing.
    #[must_use]
    pub fn t(self, key: &str) -> Cow<'static, str> {
        self.find(key).unwrap_or_else(|| Cow::Owned(key.to_owned()))
    }

    /// The text of `key` with each `%{name}` replaced by the value of that name.
    ///
    /// A name without a value stays as it is. Values are not searched for names.
    #[must_use]
    pub fn fill(self, key: &str, values: &[(&str, &dyn Display)]) -> String {
        let text = self.t(key);
        let mut filled = String::with_capacity(text.len() + 16 * values.len());
        let mut rest = &*text;
        while let Some((before, after)) = rest.split_once("%{") {
            filled.push_str(before);
            let named = after.split_once('}').and_then(|(name, tail)| {
                let value = values.iter().find(|(known, _)| *known == name)?.1;
                Some((value, tail))
            });
            if let Some((value, tail)) = named {
                // Writing to a String fails only if the value's own Display does; then its text is just shorter.
                let _ = write!(filled, "{value}");
                rest = tail;
            } else {
                filled.push_str("%{");
                rest = after;
            }
        }
        filled.push_str(rest);
        filled
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::ffi::OsStr;
    use std::path::Path;

    use super::*;

    fn env<'a>(pairs: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| {
            let found = pairs.iter().find(|(key, _)| *key == name)?;
            Some(found.1.to_owned())
        }
    }

    #[test]
    fn the_environment_chooses_the_language() {
        let table: [(&[(&str, &str)], Lang); 13] = [
            (&[], Lang::En),
            (&[("LANG", "en_US.UTF-8")], Lang::En),
            (&[("LANG", "zh_CN.UTF-8")], Lang::ZhCn),
            (&[("LANG", "zh")], Lang::ZhCn),
            (&[("LANG", "zh_TW.UTF-8")], Lang::ZhCn),
            (&[("LANG", "de_DE.UTF-8")], Lang::En),
            (&[("LANG", "zh_CN"), ("LC_MESSAGES", "en_GB")], Lang::En),
            (&[("LC_MESSAGES", "en_GB"), ("LC_ALL", "zh_CN")], Lang::ZhCn),
            (&[("LC_ALL", ""), ("LANG", "zh_CN")], Lang::ZhCn),
            (
                &[("LANG", "de_DE"), ("LANGUAGE", "de:zh_CN:en")],
                Lang::ZhCn,
            ),
            (&[("LANG", "zh_CN"), ("LANGUAGE", "en")], Lang::En),
            (&[("LANG", "C.UTF-8"), ("LANGUAGE", "zh_CN")], Lang::En),
            (&[("LANGUAGE", "zh_CN")], Lang::ZhCn),
        ];
        for (pairs, want) in table {
            assert_eq!(Lang::detect(env(pairs)), want, "{pairs:?}");
        }
    }

    #[test]
    fn languages_go_round_and_know_their_own_tag() {
        for lang in Lang::ALL {
            assert_eq!(Lang::from_tag(lang.code()), Some(lang));
            assert!(!lang.name().is_empty());
        }
        let round: Vec<_> = std::iter::successors(Some(Lang::En), |lang| Some(lang.next()))
            .take(Lang::ALL.len() + 1)
            .collect();
        assert_eq!(round[..2], Lang::ALL);
        assert_eq!(round[2], Lang::En);
    }

    #[test]
    fn a_missing_key_is_shown_as_itself() {
        let key = "no.such.key";
        for lang in Lang::ALL {
            assert_eq!(Words(lang).find(key), None);
            assert_eq!(Words(lang).t(key), key);
        }
    }

    #[test]
    fn both_languages_are_drawn_in_one_process() {
        let usage = |lang| Words(lang).t("cli.heading.usage");
        assert_eq!(usage(Lang::En), "Usage");
        assert_eq!(usage(Lang::ZhCn), "用法");
    }

    type Values<'a> = &'a [(&'a str, &'a dyn Display)];

    #[test]
    fn values_fill_their_places_and_nothing_else() {
        // A missing key stands for itself, so any text can be tried as one.
        let words = Words(Lang::En);
        let table: [(&str, Values, &str); 6] = [
            ("%{n} of %{all}", &[("n", &3), ("all", &10)], "3 of 10"),
            ("%{n}%{n}", &[("n", &"丢")], "丢丢"),
            ("%{a}", &[("a", &"%{b}"), ("b", &1)], "%{b}"),
            ("%{unknown} %{n}", &[("n", &1)], "%{unknown} 1"),
            ("100 % %{n", &[("n", &1)], "100 % %{n"),
            ("%{ %{n}", &[("n", &1)], "%{ 1"),
        ];
        for (text, values, want) in table {
            assert_eq!(words.fill(text, values), want, "{text}");
        }
    }

    /// The names between `%{` and `}`.
    fn places(text: &str) -> BTreeSet<&str> {
        let parts = text.split("%{").skip(1);
        parts
            .map(|part| part.split_once('}').map_or(part, |(name, _)| name))
            .collect()
    }

    /// What is wrong with the texts of one file; `texts` maps a locale to its keys and texts.
    fn faults(texts: &BTreeMap<String, BTreeMap<String, String>>) -> Vec<String> {
        let mut faults = Vec::new();
        for locale in texts.keys() {
            if Lang::ALL.iter().all(|lang| lang.code() != locale) {
                faults.push(format!("{locale} is not a language of this program"));
            }
        }
        let keys: BTreeSet<_> = texts.values().flat_map(BTreeMap::keys).collect();
        for key in keys {
            let of = |lang: Lang| texts.get(lang.code()).and_then(|texts| texts.get(key));
            for lang in Lang::ALL {
                match of(lang) {
                    None => faults.push(format!("{key} lacks {}", lang.code())),
                    Some(text) if text.trim().is_empty() => {
                        faults.push(format!("{key} is empty in {}", lang.code()));
                    }
                    Some(_) => {}
                }
            }
            if let (Some(en), Some(zh)) = (of(Lang::En), of(Lang::ZhCn))
                && places(en) != places(zh)
            {
                faults.push(format!("{key} has other places in en than in zh-CN"));
            }
        }
        faults
    }

    #[test]
    fn every_text_is_there_in_every_language() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/locales");
        let folder = folder.to_str().expect("the checkout has a UTF-8 path");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).expect("assets/locales is there") {
            let name = entry.expect("a readable folder").file_name();
            let name = name.to_str().expect("locale files have ASCII names");
            let texts = rust_i18n::try_load_locales(
                folder,
                |path| Path::new(path).file_name() != Some(OsStr::new(name)),
                true,
            )
            .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!texts.is_empty(), "{name} holds no texts");
            assert_eq!(faults(&texts), [""; 0], "{name}");
            assert!(
                include_str!("words.rs").contains(&format!("locales/{name}\"")),
                "{name} is not in the list at the top of words.rs"
            );
            for lang in Lang::ALL {
                for (key, text) in &texts[lang.code()] {
                    assert_eq!(Words(lang).t(key), *text, "{name}: {key} is stale");
                }
            }
            seen += 1;
        }
        assert!(seen > 0);
    }

    #[test]
    fn faults_in_a_locale_file_are_found() {
        let file = |pairs: &[(&str, &str, &str)]| {
            let mut texts = BTreeMap::<String, BTreeMap<String, String>>::new();
            for (locale, key, text) in pairs {
                let of = texts.entry((*locale).to_owned()).or_default();
                of.insert((*key).to_owned(), (*text).to_owned());
            }
            faults(&texts).join("; ")
        };
        assert_eq!(file(&[("en", "a", "%{n} x"), ("zh-CN", "a", "x %{n}")]), "");
        assert_eq!(file(&[("en", "a", "x")]), "a lacks zh-CN");
        assert_eq!(file(&[("zh-CN", "a", "x")]), "a lacks en");
        assert_eq!(
            file(&[("en", "a", " "), ("zh-CN", "a", "x")]),
            "a is empty in en"
        );
        assert_eq!(
            file(&[("en", "a", "%{n}"), ("zh-CN", "a", "%{m}")]),
            "a has other places in en than in zh-CN"
        );
        assert_eq!(
            file(&[("en", "a", "x"), ("zh-CN", "a", "x"), ("zh", "a", "x")]),
            "zh is not a language of this program"
        );
    }
}
