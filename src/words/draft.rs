//! What is wrong with a message that is being written, as sentences: the compose form and the command line say the same.

use super::phrases::size;
use super::{Words, smtp};
use crate::proto::message::draft::{self, FieldError};
use crate::trace::escape::escape_hostile;

/// Characters of what was typed that a sentence about it repeats.
const EXCERPT: usize = 60;

/// What is wrong with a field of a message, and what would be right.
pub fn field_error(error: &FieldError, words: Words) -> String {
    let excerpt = |text: &str| {
        let mut excerpt: String = text.chars().take(EXCERPT).collect();
        if excerpt.len() < text.len() {
            excerpt.push('…');
        }
        escape_hostile(&excerpt).into_owned()
    };
    let about = |key: &str, text: &str| words.fill(key, &[("text", &excerpt(text))]);
    let limit = |key: &str, most: usize| words.fill(key, &[("most", &most)]);
    match error {
        FieldError::NoSender => words.t("message.error.no-sender").into_owned(),
        FieldError::SeveralSenders => words.t("message.error.several-senders").into_owned(),
        FieldError::NoRecipient => words.t("message.error.no-recipient").into_owned(),
        FieldError::TooManyRecipients => {
            limit("message.error.too-many-recipients", draft::MOST_RECIPIENTS)
        }
        FieldError::Address { text, error } => {
            let why = smtp::not_an_address(*error, words);
            if text.is_empty() {
                return why;
            }
            words.fill(
                "message.error.address",
                &[("text", &excerpt(text)), ("why", &why)],
            )
        }
        FieldError::OpenQuote { text } => about("message.error.open-quote", text),
        FieldError::OpenBracket { text } => about("message.error.open-bracket", text),
        FieldError::AfterBracket { text } => about("message.error.after-bracket", text),
        FieldError::LongName => limit("message.error.long-name", draft::LONGEST_NAME),
        FieldError::LineBreak => words.t("message.error.line-break").into_owned(),
        FieldError::Control(c) => words.fill(
            "message.error.control",
            &[("character", &format!("U+{:04X}", u32::from(*c)))],
        ),
        FieldError::LongSubject => limit("message.error.long-subject", draft::LONGEST_SUBJECT),
        FieldError::LongBody => words.fill(
            "message.error.long-body",
            &[("most", &size(draft::LONGEST_BODY as u64))],
        ),
        FieldError::NoFileName { path } => {
            words.fill("message.error.no-file-name", &[("path", &excerpt(path))])
        }
        FieldError::TooManyAttachments => limit(
            "message.error.too-many-attachments",
            draft::MOST_ATTACHMENTS,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::message::draft::Draft;
    use crate::words::Lang;

    fn sentences(draft: &Draft, lang: Lang) -> Vec<String> {
        let errors = draft.check().into_iter();
        errors
            .map(|(_, error)| field_error(&error, Words(lang)))
            .collect()
    }

    #[test]
    fn every_error_is_a_sentence() {
        let draft = Draft {
            from: "Doe, Jane <jane@example.com>".into(),
            to: format!("\"{}", "\u{202e}x".repeat(100)),
            subject: "a\nb".into(),
            body: "\u{1b}".into(),
            attachments: vec!["folder/".into()],
            ..Draft::default()
        };
        for (lang, part) in [(Lang::En, "U+001B"), (Lang::ZhCn, "控制字符 U+001B")] {
            let all = sentences(&draft, lang).join("\n");
            assert!(all.contains(part), "{all}");
            assert!(
                all.contains("\\u{202e}x") && !all.contains('\u{202e}'),
                "{all}"
            );
            for leftover in ["%{", "message.error", "address.error"] {
                assert!(!all.contains(leftover), "{all}");
            }
            assert!(all.lines().all(|line| line.len() < 1000), "{all}");
        }
        let nobody = sentences(&Draft::default(), Lang::En);
        assert_eq!(
            nobody,
            [
                "write the address it comes from, such as student@example.com",
                "write at least one address into to, cc or bcc, such as teacher@example.com",
            ]
        );
    }
}
