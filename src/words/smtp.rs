//! What is said in an SMTP session, explained: codes, extensions, oddities, and what is wrong with an address. The dashboard and the printers explain
//! it in the same words.

use std::borrow::Cow;

use super::Words;
use crate::proto::smtp::address::AddressError;
use crate::proto::smtp::capability;
use crate::proto::smtp::code::{Code, Enhanced};
use crate::proto::smtp::reply::{Oddity, Problem};
use crate::proto::smtp::stage::Stage;
use crate::trace::escape::escape_hostile;

/// What a code means as the answer to a command.
pub fn meaning(stage: Stage, code: Code, words: Words) -> Cow<'static, str> {
    about_code(stage, code, "meaning", words)
}

/// What to do about it.
pub fn advice(stage: Stage, code: Code, words: Words) -> Cow<'static, str> {
    about_code(stage, code, "advice", words)
}

/// The words for the code at this stage; else for the code; else for its first digit.
fn about_code(stage: Stage, code: Code, what: &str, words: Words) -> Cow<'static, str> {
    words
        .find(&format!("smtp.code.{code}.{}.{what}", stage.name()))
        .or_else(|| words.find(&format!("smtp.code.{code}.{what}")))
        .unwrap_or_else(|| words.t(&format!("smtp.code.{}xx.{what}", code.0 / 100)))
}

/// What an enhanced code says: `failed for good: there is no such mailbox`.
pub fn enhanced(code: Enhanced, words: Words) -> String {
    let Enhanced {
        class,
        subject,
        detail,
    } = code;
    let class = words.t(&format!("smtp.enhanced.class.{class}"));
    let what = words
        .find(&format!("smtp.enhanced.detail.{subject}.{detail}"))
        .or_else(|| words.find(&format!("smtp.enhanced.subject.{subject}")))
        .unwrap_or_else(|| words.t("smtp.enhanced.subject.unknown"));
    words.fill("smtp.enhanced.told", &[("class", &class), ("what", &what)])
}

/// What an extension is, by the keyword in the reply to EHLO.
pub fn capability(keyword: &str, words: Words) -> Cow<'static, str> {
    words.t(capability::explanation_key(keyword))
}

/// What is odd about a reply, with the RFC that it goes against.
pub fn oddity(oddity: Oddity, words: Words) -> Cow<'static, str> {
    words.t(&format!("smtp.odd.{}", oddity.name()))
}

/// Why what came is no reply.
pub fn not_a_reply(problem: Problem, words: Words) -> String {
    let key = format!("smtp.reply_error.{}", problem.name());
    words.fill(&key, &[("limit", &problem.limit().unwrap_or_default())])
}

/// Why a text is no address. The text itself is not in it, except for one character, which is escaped.
pub fn not_an_address(error: AddressError, words: Words) -> String {
    let key = format!("address.error.{}", error.name());
    let character = error.character().unwrap_or_default();
    let shown = escape_hostile(character.encode_utf8(&mut [0; 4])).into_owned();
    words.fill(&key, &[("character", &shown)])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::proto::smtp::code::expected;
    use crate::words::Lang;

    const EN: Words = Words(Lang::En);

    #[test]
    fn the_nearest_words_are_taken() {
        let meaning = |stage, code| meaning(stage, Code(code), EN);
        assert_eq!(meaning(Stage::Banner, 220), "The service is ready.");
        assert_eq!(
            meaning(Stage::StartTls, 220),
            "The server is ready for TLS: the next bytes are the handshake."
        );
        assert!(meaning(Stage::Mail, 299).contains("first digit says success"));
        assert!(meaning(Stage::Mail, 599).contains("repeating it will not help"));
        assert_eq!(
            advice(Stage::Noop, Code(250), EN),
            "Go on with the next command."
        );
        assert_eq!(
            enhanced(
                Enhanced {
                    class: 5,
                    subject: 1,
                    detail: 1
                },
                EN
            ),
            "failed for good: there is no such mailbox"
        );
        let told = |subject, detail| {
            let class = 2;
            enhanced(
                Enhanced {
                    class,
                    subject,
                    detail,
                },
                EN,
            )
        };
        assert_eq!(told(0, 0), "success: no details");
        assert_eq!(told(1, 99), "success: about an address");
        assert_eq!(told(99, 1), "success: about something unknown");
        assert_eq!(
            not_an_address(AddressError::DomainCharacter('_'), EN),
            "“_” has no place in a host name; letters, digits, hyphens and dots have"
        );
        assert!(not_a_reply(Problem::TooManyLines(128), EN).contains("128 lines"));
    }

    #[test]
    fn everything_that_has_a_name_has_words() {
        let stages = Stage::ALL.map(|stage| format!("smtp.stage.{}", stage.name()));
        let codes = Stage::ALL.iter().flat_map(|&stage| expected(stage));
        let codes = codes
            .flat_map(|code| ["meaning", "advice"].map(|what| format!("smtp.code.{code}.{what}")));
        let odd = Oddity::ALL.map(|odd| format!("smtp.odd.{}", odd.name()));
        let capabilities = capability::EXPLAINED
            .iter()
            .map(|(_, key)| (*key).to_owned());
        let others = ["private", "unknown"].map(|name| format!("smtp.capability.{name}"));
        let problems = [
            Problem::NoCode,
            Problem::CodeOutOfRange,
            Problem::LineTooLong(0),
            Problem::TooManyLines(0),
            Problem::TooLong(0),
        ];
        let problems = problems.map(|problem| format!("smtp.reply_error.{}", problem.name()));
        let addresses = [
            AddressError::Empty,
            AddressError::NoAt,
            AddressError::SecondAt,
            AddressError::EmptyLocal,
            AddressError::EmptyDomain,
            AddressError::Control,
            AddressError::Space,
            AddressError::Angle,
            AddressError::LocalTooLong,
            AddressError::DomainTooLong,
            AddressError::TooLong,
            AddressError::Dot,
            AddressError::LocalCharacter(','),
            AddressError::Quotes,
            AddressError::DomainCharacter('_'),
            AddressError::Label,
            AddressError::Idna,
            AddressError::Literal,
        ];
        let addresses = addresses.map(|error| format!("address.error.{}", error.name()));
        let keys = stages
            .into_iter()
            .chain(codes)
            .chain(odd)
            .chain(capabilities);
        let keys = keys.chain(others).chain(problems).chain(addresses);
        let named: Vec<String> = keys.collect();
        for key in &named {
            assert!(EN.find(key).is_some(), "{key}");
        }

        // And what has words is looked up: codes only at stages that there are, and all else by its name.
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/locales");
        let folder = folder.to_str().expect("the checkout has a UTF-8 path");
        let texts = rust_i18n::try_load_locales(folder, |path| !path.ends_with("smtp.yml"), true)
            .expect("the locale file is valid");
        for key in texts["en"].keys() {
            let parts: Vec<&str> = key.split('.').collect();
            let is_known = match parts[..] {
                ["smtp", "code", code, what] | ["smtp", "code", code, _, what] => {
                    let stage = (parts.len() == 5).then_some(parts[3]);
                    stage.is_none_or(|stage| Stage::from_name(stage).is_some())
                        && ["meaning", "advice"].contains(&what)
                        && code.starts_with(['2', '3', '4', '5'])
                        && code.len() == 3
                }
                ["smtp", "enhanced", ..] => true,
                _ => named.contains(key),
            };
            assert!(is_known, "nothing looks up {key}");
        }
    }

    #[test]
    fn every_refusal_of_the_list_is_explained() {
        use crate::proto::smtp::code::allowed;
        for stage in Stage::ALL {
            if stage == Stage::Other {
                continue;
            }
            for code in (200..600).map(Code) {
                if allowed(stage, code) {
                    let of_its_digit = EN.t(&format!("smtp.code.{}xx.meaning", code.0 / 100));
                    assert_ne!(meaning(stage, code, EN), of_its_digit, "{stage:?} {code}");
                }
            }
        }
    }
}
