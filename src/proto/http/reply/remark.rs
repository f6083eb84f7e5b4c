//! What a server can get wrong in a response, as remarks that a reader of its author's can learn from. The sentences that explain them are words:
//! `remark.<name>` in the locale files.

/// One table: variant, stable name, source.
macro_rules! deviations {
    ($($(#[$doc:meta])* $variant:ident $name:literal $source:literal;)*) => {
        /// How a response departs from its rules.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Deviation {
            $($(#[$doc])* $variant,)*
        }

        impl Deviation {
            /// Every deviation, in the order of the table.
            pub const ALL: &'static [Deviation] = &[$(Deviation::$variant,)*];

            /// Its stable name, in JSON and in the locale files.
            pub fn name(self) -> &'static str {
                match self { $(Deviation::$variant => $name,)* }
            }

            /// The rule it departs from: RFC and section.
            pub fn source(self) -> &'static str {
                match self { $(Deviation::$variant => $source,)* }
            }
        }
    };
}

deviations! {
    // The status line.
    /// Nothing like a status line: all of it is taken for the body, as in HTTP/0.9.
    NoStatusLine "no-status-line" "RFC 9112 §4";
    EmptyLineFirst "empty-line-first" "RFC 9112 §2.1";
    SpaceFirst "space-first" "RFC 9112 §4";
    /// A status code, but no `HTTP/1.1` before it.
    MissingVersion "missing-version" "RFC 9112 §4";
    InvalidVersion "invalid-version" "RFC 9112 §2.3";
    ExtraSpace "extra-space" "RFC 9112 §4";
    InvalidStatusCode "invalid-status-code" "RFC 9112 §4";
    /// The line ends right behind the status code.
    MissingReasonSpace "missing-reason-space" "RFC 9112 §4";

    // Lines and fields.
    BareLineFeed "bare-lf" "RFC 9112 §2.2";
    BareCarriageReturn "bare-cr" "RFC 9112 §2.2";
    SpaceBeforeFirstField "space-before-first-field" "RFC 9112 §5";
    FoldedField "folded-field" "RFC 9112 §5.2";
    SpaceBeforeColon "space-before-colon" "RFC 9112 §5.1";
    MissingColon "missing-colon" "RFC 9112 §5";
    InvalidFieldName "invalid-field-name" "RFC 9110 §5.1";
    InvalidFieldValue "invalid-field-value" "RFC 9110 §5.5";
    /// The body, or the end, comes before the empty line that ends the head.
    MissingEmptyLine "missing-empty-line" "RFC 9112 §2.1";
    /// More than this reader keeps.
    HeadTooLarge "head-too-large" "RFC 9110 §5.4";
    TooManyInterim "too-many-interim" "RFC 9110 §15.2";

    // Where the body ends.
    InvalidContentLength "invalid-content-length" "RFC 9112 §6.3";
    ContentLengthsDiffer "content-lengths-differ" "RFC 9112 §6.3";
    ContentLengthWithTransferEncoding "content-length-with-transfer-encoding" "RFC 9112 §6.2";
    /// A length on a 1xx or a 204.
    LengthNotAllowed "length-not-allowed" "RFC 9110 §8.6";
    /// A transfer coding on a 1xx or a 204, or in an answer older than HTTP/1.1.
    TransferEncodingNotAllowed "transfer-encoding-not-allowed" "RFC 9112 §6.1";
    /// A transfer coding other than a single chunked.
    UnknownTransferCoding "unknown-transfer-coding" "RFC 9112 §6.1";
    InvalidChunk "invalid-chunk" "RFC 9112 §7.1";
    /// The connection ended before the body did: the length counts too much, or characters where bytes were meant, or the sender broke off.
    BodyTooShort "body-too-short" "RFC 9112 §8";
    /// Bytes behind the end of the body: the length counts too little.
    BodyTooLong "body-too-long" "RFC 9112 §6.3";
    /// A body after HEAD, or after a status that has none.
    BodyNotAllowed "body-not-allowed" "RFC 9110 §6.4.1";
    /// Only the end of the connection ends the body, and no `Connection: close` says so.
    CloseNotAnnounced "close-not-announced" "RFC 9112 §9.3";

    // Fields that the status calls for.
    MissingDate "missing-date" "RFC 9110 §6.6.1";
    /// Any date that is no IMF-fixdate.
    InvalidDate "invalid-date" "RFC 9110 §5.6.7";
    MissingContentType "missing-content-type" "RFC 9110 §8.3";
    MissingAllow "missing-allow" "RFC 9110 §15.5.6";
    MissingChallenge "missing-challenge" "RFC 9110 §15.5.2";
    MissingContentRange "missing-content-range" "RFC 9110 §15.3.7";
    MissingLocation "missing-location" "RFC 9110 §15.4";
}

/// A deviation and where it was first seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remark {
    pub deviation: Deviation,
    /// Bytes from the first one of the answer.
    pub offset: u64,
}

/// The remarks on one answer: each deviation once, where it was first seen, so there are never more than there are deviations.
#[derive(Debug, Clone, Default)]
pub(super) struct Remarks(Vec<Remark>);

impl Remarks {
    pub fn note(&mut self, deviation: Deviation, offset: u64) {
        if !self.has(deviation) {
            self.0.push(Remark { deviation, offset });
        }
    }

    pub fn has(&self, deviation: Deviation) -> bool {
        self.0.iter().any(|remark| remark.deviation == deviation)
    }

    pub fn as_slice(&self) -> &[Remark] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_sources_are_written_out() {
        let names: HashSet<&str> = Deviation::ALL.iter().map(|it| it.name()).collect();
        assert_eq!(names.len(), Deviation::ALL.len());
        for deviation in Deviation::ALL {
            assert!(deviation.source().starts_with("RFC 91"), "{deviation:?}");
        }
    }
}
