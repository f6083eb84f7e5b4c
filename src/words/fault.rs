//! What is wrong with a fault as somebody wrote it: the settings file, the flags and the dashboard's prompt say it in the same words.

use super::{Words, phrases};
use crate::proto::smtp::fault::FaultError;
use crate::trace::escape::escape_hostile;

/// Why a fault or a scenario can't be used, and what would be right.
pub fn error(error: &FaultError, words: Words) -> String {
    match (error, error.key()) {
        (FaultError::Duration(error), _) => phrases::spec_error(error, words),
        (_, Some(key)) => words.fill(key, &[("value", &escape_hostile(error.value()))]),
        (_, None) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::proto::smtp::fault::{Action, Fault, Scenario, scenarios};
    use crate::words::Lang;

    /// A text for each kind of error.
    const WRONG: [&str; 8] = [
        "rcpt",
        "rctp=550",
        "rcpt#0=550",
        "rcpt@=550",
        "rcpt=explode",
        "rcpt=600",
        "rcpt=550 a\u{7}b",
        "starttls=inject:hello",
    ];

    #[test]
    fn each_error_is_a_sentence_in_both_languages() {
        let mut errors: Vec<_> = WRONG.map(|spec| Fault::parse(spec).unwrap_err()).into();
        errors.push(Scenario::from_name("storm").unwrap_err());
        let keys: BTreeSet<_> = errors.iter().map(FaultError::key).collect();
        assert_eq!(keys.len(), errors.len());
        for wrong in &errors {
            let english = error(wrong, Words(Lang::En));
            let chinese = error(wrong, Words(Lang::ZhCn));
            assert!(!chinese.is_ascii() && !chinese.contains("%{"), "{chinese}");
            // They differ in how control characters are shown.
            if !wrong.value().contains('\u{7}') {
                assert_eq!(english, wrong.to_string());
            }
        }
        let error_in_time = Fault::parse("mail=delay:2").unwrap_err();
        assert_eq!(
            error(&error_in_time, Words(Lang::En)),
            error_in_time.to_string()
        );
    }

    #[test]
    fn scenarios_and_actions_are_explained_in_both_languages() {
        let names = scenarios().iter().map(|scenario| scenario.name);
        let keys = names.flat_map(|name| {
            ["title", "lesson"].map(|what| format!("fault.scenario.{name}.{what}"))
        });
        let actions = [
            "550",
            "delay:1s",
            "bytes:1s",
            "bare-lf",
            "shutdown",
            "drop",
            "greylist:1s",
            "full",
            "too-big",
            "inject:250 a",
        ]
        .map(|action| Fault::parse(&format!("any={action}")).unwrap().action);
        let keys = keys.chain(
            actions
                .iter()
                .map(|action| format!("fault.action.{}", Action::name(action))),
        );
        for key in keys {
            for lang in Lang::ALL {
                assert!(Words(lang).find(&key).is_some(), "{key} in {lang:?}");
            }
        }
    }
}
