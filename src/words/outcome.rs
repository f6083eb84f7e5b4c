//! How a sending ended, in sentences: what happened, and what to do about it. The dashboard and the printers tell it in the same words.

use std::borrow::Cow;

use super::{Words, phrases, smtp};
use crate::proto::smtp::code::{Class, Code};
use crate::proto::smtp::outcome::{Distrust, Failure, Need, Outcome, RecipientFate, TlsFailure};
use crate::proto::smtp::stage::Stage;
use crate::trace::escape::escape_hostile;
use crate::trace::mail::Summary;

/// Bytes of a server's line that a sentence quotes.
const LONGEST_LINE: usize = 60;

/// What happened, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub what: String,
    /// `None` where nothing has to be done.
    pub advice: Option<String>,
}

impl Told {
    fn new(what: String, advice: Cow<'static, str>) -> Self {
        Self {
            what,
            advice: Some(advice.into_owned()),
        }
    }
}

/// What a stage is called.
pub fn stage(stage: Stage, words: Words) -> Cow<'static, str> {
    words.t(&format!("smtp.stage.{}", stage.name()))
}

/// What became of a recipient, in a word or two.
pub fn fate(fate: RecipientFate, words: Words) -> Cow<'static, str> {
    match fate {
        RecipientFate::Accepted => words.t("outcome.fate.accepted"),
        RecipientFate::Refused => words.t("outcome.fate.refused"),
        RecipientFate::Deferred => words.t("outcome.fate.deferred"),
        RecipientFate::Unknown => words.t("outcome.fate.unknown"),
        RecipientFate::NotTried => words.t("outcome.fate.not_tried"),
    }
}

/// How a sending ended.
pub fn summary(summary: &Summary, words: Words) -> Told {
    let stage = stage(summary.stage, words);
    if let Some(code) = misplaced(summary) {
        return Told::new(
            words.fill("outcome.misplaced", &[("code", &code), ("stage", &stage)]),
            words.t("outcome.misplaced_advice"),
        );
    }
    match &summary.outcome {
        Outcome::Sent => Told {
            what: words.t("outcome.sent").into_owned(),
            advice: None,
        },
        Outcome::PartlySent => Told::new(
            words.t("outcome.partly_sent").into_owned(),
            words.t("outcome.partly_sent_advice"),
        ),
        Outcome::Refused => Told::new(
            words.fill("outcome.refused", &[("stage", &stage)]),
            words.t("outcome.refused_advice"),
        ),
        Outcome::LoginRefused => Told::new(
            words.t("outcome.login_refused").into_owned(),
            words.t("outcome.login_refused_advice"),
        ),
        Outcome::Stopped => Told {
            what: words.fill("outcome.stopped", &[("stage", &stage)]),
            advice: None,
        },
        Outcome::Failed(why) => failure(why, &stage, words),
        Outcome::Unknown => Told::new(
            words.t("outcome.unknown").into_owned(),
            words.t("outcome.unknown_advice"),
        ),
    }
}

/// The code that a session ended at although it refuses nothing: 250 where only 235 or 354 will do.
fn misplaced(summary: &Summary) -> Option<Code> {
    if !matches!(summary.outcome, Outcome::Refused | Outcome::LoginRefused) {
        return None;
    }
    let mut replies = summary
        .recipients
        .iter()
        .filter_map(|one| one.reply.as_ref());
    let code = replies.next()?.code;
    (!matches!(code.class(), Class::Transient | Class::Permanent)).then_some(code)
}

/// Why nothing was decided; `stage` is in words.
pub fn failure(failure: &Failure, stage: &str, words: Words) -> Told {
    match failure {
        Failure::Source { what, error } => Told::new(
            words.fill(
                "outcome.source",
                &[
                    ("what", &escape_hostile(what)),
                    ("error", &escape_hostile(error)),
                ],
            ),
            words.t("outcome.source_advice"),
        ),
        Failure::CannotConnect(error) => Told::new(
            words.fill(
                "outcome.no_connection",
                &[("error", &escape_hostile(error))],
            ),
            words.t("outcome.no_connection_advice"),
        ),
        Failure::Lost(error) => Told::new(
            words.fill(
                "outcome.lost",
                &[("stage", &stage), ("error", &escape_hostile(error))],
            ),
            words.t("outcome.lost_advice"),
        ),
        Failure::TimedOut(waited) => Told::new(
            words.fill(
                "outcome.timed_out",
                &[("stage", &stage), ("waited", &phrases::time(*waited))],
            ),
            words.t("outcome.timed_out_advice"),
        ),
        Failure::Tls(failure) => tls_failure(failure, words),
        Failure::NotAReply(error) => Told::new(
            words.fill(
                "outcome.not_a_reply",
                &[
                    ("why", &smtp::not_a_reply(error.problem, words)),
                    ("stage", &stage),
                    ("line", &escape_hostile(beginning(&error.line))),
                ],
            ),
            words.t("outcome.not_a_reply_advice"),
        ),
        Failure::NotOffered(need) => lacking(need, words),
    }
}

/// So much of a line that a sentence can hold it.
fn beginning(line: &[u8]) -> &[u8] {
    let end = line.len().min(LONGEST_LINE);
    line[..end].trim_ascii_end()
}

fn tls_failure(failure: &TlsFailure, words: Words) -> Told {
    match failure {
        TlsFailure::NotOffered => Told::new(
            words.t("outcome.tls.not_offered").into_owned(),
            words.t("outcome.tls.not_offered_advice"),
        ),
        TlsFailure::Refused(code) => Told::new(
            words.fill("outcome.tls.refused", &[("code", code)]),
            words.t("outcome.tls.refused_advice"),
        ),
        TlsFailure::Injected(bytes) => Told::new(
            words.fill("outcome.tls.injected", &[("bytes", &escape_hostile(bytes))]),
            words.t("outcome.tls.injected_advice"),
        ),
        TlsFailure::Untrusted(why) => Told::new(
            words.fill("outcome.tls.untrusted", &[("why", &distrust(why, words))]),
            words.t("outcome.tls.untrusted_advice"),
        ),
        TlsFailure::Handshake(error) => Told::new(
            words.fill(
                "outcome.tls.handshake",
                &[("error", &escape_hostile(error))],
            ),
            words.t("outcome.tls.handshake_advice"),
        ),
    }
}

fn lacking(need: &Need, words: Words) -> Told {
    match need {
        Need::Mechanism { wanted, offered } if offered.is_empty() => Told::new(
            words.fill("outcome.need.auth", &[("wanted", &escape_hostile(wanted))]),
            words.t("outcome.need.auth_advice"),
        ),
        Need::Mechanism { wanted, offered } => Told::new(
            words.fill(
                "outcome.need.mechanism",
                &[
                    ("wanted", &escape_hostile(wanted)),
                    ("offered", &escape_hostile(&offered.join(", "))),
                ],
            ),
            words.t("outcome.need.mechanism_advice"),
        ),
        Need::SmtpUtf8(address) => Told::new(
            words.fill(
                "outcome.need.smtputf8",
                &[("address", &escape_hostile(address.as_str()))],
            ),
            words.t("outcome.need.smtputf8_advice"),
        ),
        Need::Size { bytes, most } => Told::new(
            words.fill(
                "outcome.need.size",
                &[
                    ("bytes", &phrases::size(*bytes)),
                    ("most", &phrases::size(*most)),
                ],
            ),
            words.t("outcome.need.size_advice"),
        ),
    }
}

/// Why a certificate is not trusted.
pub fn distrust(why: &Distrust, words: Words) -> Cow<'static, str> {
    match why {
        Distrust::UnknownIssuer => words.t("outcome.distrust.unknown_issuer"),
        Distrust::SignsItself => words.t("outcome.distrust.signs_itself"),
        Distrust::Expired => words.t("outcome.distrust.expired"),
        Distrust::NotYetValid => words.t("outcome.distrust.not_yet_valid"),
        Distrust::WrongName => words.t("outcome.distrust.wrong_name"),
        Distrust::Revoked => words.t("outcome.distrust.revoked"),
        Distrust::BadSignature => words.t("outcome.distrust.bad_signature"),
        Distrust::Other(error) => Cow::Owned(words.fill(
            "outcome.distrust.other",
            &[("error", &escape_hostile(error))],
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::proto::smtp::address::Address;
    use crate::proto::smtp::outcome::{Recipient, Verdict};
    use crate::proto::smtp::reply::{Problem, ReplyError};
    use crate::words::Lang;

    fn every_outcome() -> Vec<Outcome> {
        let text = || "x\u{1b}[31m".to_owned();
        let mechanism = |offered: &[&str]| Need::Mechanism {
            wanted: "PLAIN".into(),
            offered: offered.iter().map(|one| (*one).to_owned()).collect(),
        };
        let distrusts = [
            Distrust::UnknownIssuer,
            Distrust::SignsItself,
            Distrust::Expired,
            Distrust::NotYetValid,
            Distrust::WrongName,
            Distrust::Revoked,
            Distrust::BadSignature,
            Distrust::Other(text()),
        ];
        let mut failures = vec![
            Failure::Source {
                what: text(),
                error: text(),
            },
            Failure::CannotConnect(text()),
            Failure::Lost(text()),
            Failure::TimedOut(Duration::from_secs(3)),
            Failure::NotAReply(ReplyError {
                problem: Problem::LineTooLong(8192),
                line: "x\u{1b}[31m".repeat(50).as_bytes().into(),
            }),
            Failure::Tls(TlsFailure::NotOffered),
            Failure::Tls(TlsFailure::Refused(Code(454))),
            Failure::Tls(TlsFailure::Injected(b"250 \x1b".as_slice().into())),
            Failure::Tls(TlsFailure::Handshake(text())),
            Failure::NotOffered(mechanism(&[])),
            Failure::NotOffered(mechanism(&["LOGIN", "CRAM-MD5"])),
            Failure::NotOffered(Need::Size {
                bytes: 30_000_000,
                most: 1_000_000,
            }),
        ];
        failures.extend(distrusts.map(|why| Failure::Tls(TlsFailure::Untrusted(why))));
        let mut all = vec![
            Outcome::Sent,
            Outcome::PartlySent,
            Outcome::Refused,
            Outcome::LoginRefused,
            Outcome::Stopped,
            Outcome::Unknown,
        ];
        all.extend(failures.into_iter().map(Outcome::Failed));
        all
    }

    #[test]
    fn a_code_that_refuses_nothing_is_not_called_a_refusal() {
        let ended = |outcome, stage, code| Summary {
            outcome,
            stage,
            recipients: vec![Recipient {
                address: Address::parse("bob@lab.example").unwrap(),
                fate: RecipientFate::NotTried,
                reply: Some(Verdict {
                    stage,
                    code: Code(code),
                    enhanced: None,
                    text: "ok".to_owned(),
                }),
            }],
            sent: 0,
            asked: 1,
        };
        let told = |ended: &Summary| summary(ended, Words(Lang::En));
        for (outcome, stage) in [
            (Outcome::LoginRefused, Stage::Auth),
            (Outcome::Refused, Stage::Data),
        ] {
            let odd = told(&ended(outcome.clone(), stage, 250));
            assert!(
                odd.what.starts_with("The server answered with 250"),
                "{odd:?}"
            );
            let advice = odd.advice.unwrap();
            assert!(
                !advice.contains("password") && advice.contains("354"),
                "{advice}"
            );
            let refused = told(&ended(outcome, stage, 535));
            assert!(refused.what.contains("refused"), "{refused:?}");
        }
    }

    #[test]
    fn every_end_has_a_sentence_and_every_failure_advice() {
        for lang in Lang::ALL {
            let words = Words(lang);
            let end = if lang == Lang::En { '.' } else { '。' };
            for outcome in every_outcome() {
                let told = summary(
                    &Summary {
                        outcome: outcome.clone(),
                        stage: Stage::Rcpt,
                        recipients: Vec::new(),
                        sent: 0,
                        asked: 1,
                    },
                    words,
                );
                let is_fine = matches!(outcome, Outcome::Sent | Outcome::Stopped);
                assert_eq!(told.advice.is_none(), is_fine, "{outcome:?}");
                for sentence in std::iter::once(&told.what).chain(&told.advice) {
                    assert!(sentence.ends_with(end), "{outcome:?}: {sentence}");
                    assert!(!sentence.contains("%{"), "{sentence}");
                    assert!(!sentence.contains('\u{1b}'), "{sentence}");
                }
            }
        }
    }
}
