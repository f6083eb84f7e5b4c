//! Conditional requests (RFC 9110 §13): whether a GET or HEAD gets its answer, a 304 or a 412, and whether its Range counts.
//!
//! Other methods that the server knows select no representation, and their conditions are ignored (§13.2.1). The caller evaluates only where the
//! plain answer would be a 200.

use super::date;
use super::etag::{EntityTag, list_names};
use super::rule::Rule;

/// The methods whose conditions count here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retrieval {
    /// Its Range counts.
    Get,
    /// It has no Range (§14.2).
    Head,
}

/// What is known about the representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Validators<'a> {
    pub etag: Option<EntityTag<'a>>,
    /// Seconds since the Unix epoch. Where the tag is weak this is weak too, for the same reason: the modification is too recent to be the last.
    pub last_modified: Option<u64>,
}

/// The condition fields of a request.
///
/// A list has all its lines, in order; empty means that there is no such field. A date or a range that came more than once is not valid and is left
/// out (§13.1.3, §13.1.4, §14.2). An If-Range that came more than once is never true: then the range is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Preconditions<'a> {
    pub if_match: &'a [&'a [u8]],
    pub if_none_match: &'a [&'a [u8]],
    pub if_modified_since: Option<&'a [u8]>,
    pub if_unmodified_since: Option<&'a [u8]>,
    pub if_range: Option<&'a [u8]>,
    pub range: Option<&'a [u8]>,
}

/// What the conditions lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// The whole representation: 200.
    Whole,
    /// This Range field counts; [`super::range::select`] says what it asks for.
    Range(&'a [u8]),
    /// 304, by this rule.
    NotModified(Rule),
    /// 412, by this rule.
    Failed(Rule),
}

/// Evaluates the conditions in the order of RFC 9110 §13.2.2.
pub fn evaluate<'a>(
    method: Retrieval,
    asked: &Preconditions<'a>,
    validators: &Validators<'_>,
) -> Verdict<'a> {
    let modified_after = |field: Option<&[u8]>| -> Option<bool> {
        Some(validators.last_modified? > date::parse(field?)?)
    };

    // Steps 1 and 2.
    if !asked.if_match.is_empty() {
        let strong = |tag: EntityTag<'_>| validators.etag.is_some_and(|own| own.strong_eq(tag));
        if !list_names(asked.if_match, strong) {
            return Verdict::Failed(Rule::MatchFailed);
        }
    } else if modified_after(asked.if_unmodified_since) == Some(true) {
        return Verdict::Failed(Rule::ModifiedSince);
    }

    // Steps 3 and 4.
    if !asked.if_none_match.is_empty() {
        let weak = |tag: EntityTag<'_>| validators.etag.is_some_and(|own| own.weak_eq(tag));
        if list_names(asked.if_none_match, weak) {
            return Verdict::NotModified(Rule::NoneMatchFailed);
        }
    } else if modified_after(asked.if_modified_since) == Some(false) {
        return Verdict::NotModified(Rule::NotModifiedSince);
    }

    // Step 5.
    match asked.range {
        Some(range) if method == Retrieval::Get && range_is_current(asked.if_range, validators) => {
            Verdict::Range(range)
        }
        _ => Verdict::Whole,
    }
}

/// Whether If-Range, where there is one, names the representation as it is now (RFC 9110 §13.1.5): a strong tag that is the same, or exactly its
/// date when that date is strong.
fn range_is_current(if_range: Option<&[u8]>, validators: &Validators<'_>) -> bool {
    let Some(field) = if_range else {
        return true;
    };
    match EntityTag::parse(field) {
        Some(tag) => validators.etag.is_some_and(|own| own.strong_eq(tag)),
        None => {
            let date_is_strong = validators.etag.is_none_or(|own| !own.weak);
            date_is_strong
                && validators
                    .last_modified
                    .is_some_and(|own| date::parse(field) == Some(own))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Retrieval::{Get, Head};
    use super::*;
    use proptest::prelude::*;

    const MODIFIED: u64 = 784_111_777;
    const SAME: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";
    const EARLIER: &[u8] = b"Sun, 06 Nov 1994 08:49:36 GMT";
    const LATER: &[u8] = b"Sun, 06 Nov 1994 08:49:38 GMT";

    fn strong() -> Validators<'static> {
        Validators {
            etag: EntityTag::parse(b"\"a\""),
            last_modified: Some(MODIFIED),
        }
    }

    fn weak() -> Validators<'static> {
        Validators {
            etag: EntityTag::parse(b"W/\"a\""),
            ..strong()
        }
    }

    /// Fields by name, as a table can write them.
    fn asked<'a>(fields: &[(&str, &'a [&'a [u8]])]) -> Preconditions<'a> {
        let mut asked = Preconditions::default();
        for (name, lines) in fields {
            match *name {
                "m" => asked.if_match = lines,
                "nm" => asked.if_none_match = lines,
                "ms" => asked.if_modified_since = Some(lines[0]),
                "us" => asked.if_unmodified_since = Some(lines[0]),
                "ir" => asked.if_range = Some(lines[0]),
                "r" => asked.range = Some(lines[0]),
                _ => unreachable!(),
            }
        }
        asked
    }

    const A: &[&[u8]] = &[b"\"a\""];
    const WEAK_A: &[&[u8]] = &[b"W/\"a\""];
    const Z: &[&[u8]] = &[b"\"zz\""];
    const ANY: &[&[u8]] = &[b"*"];
    const BAD: &[&[u8]] = &[b"zz"];
    const R: &[&[u8]] = &[b"bytes=0-3"];

    #[test]
    fn conditions_count_in_their_order() {
        let ranged = Verdict::Range(R[0]);
        let match_failed = Verdict::Failed(Rule::MatchFailed);
        let modified_since = Verdict::Failed(Rule::ModifiedSince);
        let none_match = Verdict::NotModified(Rule::NoneMatchFailed);
        let not_modified = Verdict::NotModified(Rule::NotModifiedSince);
        type Fields<'a> = &'a [(&'a str, &'a [&'a [u8]])];
        let table: &[(Fields, Verdict)] = &[
            (&[], Verdict::Whole),
            // If-Match: strong.
            (&[("m", A)], Verdict::Whole),
            (&[("m", &[b"\"x\"", b"\"a\""])], Verdict::Whole),
            (&[("m", ANY)], Verdict::Whole),
            (&[("m", Z)], match_failed),
            (&[("m", WEAK_A)], match_failed),
            (&[("m", BAD)], match_failed),
            (&[("m", &[b""])], match_failed),
            // If-Unmodified-Since counts only without If-Match.
            (&[("us", &[SAME])], Verdict::Whole),
            (&[("us", &[LATER])], Verdict::Whole),
            (&[("us", &[EARLIER])], modified_since),
            (&[("us", &[b"old"])], Verdict::Whole),
            (&[("m", A), ("us", &[EARLIER])], Verdict::Whole),
            (&[("m", Z), ("us", &[SAME])], match_failed),
            // If-None-Match: weak.
            (&[("nm", A)], none_match),
            (&[("nm", WEAK_A)], none_match),
            (&[("nm", ANY)], none_match),
            (&[("nm", &[b"\"x\", \"y\"", b"W/\"a\""])], none_match),
            (&[("nm", Z)], Verdict::Whole),
            (&[("nm", BAD)], Verdict::Whole),
            // If-Modified-Since counts only without If-None-Match.
            (&[("ms", &[SAME])], not_modified),
            (&[("ms", &[LATER])], not_modified),
            (&[("ms", &[EARLIER])], Verdict::Whole),
            (&[("ms", &[b"yesterday"])], Verdict::Whole),
            (
                &[("ms", &[b"Sunday, 06-Nov-94 08:49:37 GMT"])],
                not_modified,
            ),
            (&[("ms", &[b"Sun Nov  6 08:49:37 1994"])], not_modified),
            (&[("nm", Z), ("ms", &[SAME])], Verdict::Whole),
            (&[("nm", BAD), ("ms", &[SAME])], Verdict::Whole),
            (&[("nm", A), ("ms", &[EARLIER])], none_match),
            // 412 comes before 304, 304 before 206.
            (&[("m", Z), ("nm", A)], match_failed),
            (&[("us", &[EARLIER]), ("nm", A)], modified_since),
            (&[("m", A), ("nm", A)], none_match),
            (&[("us", &[SAME]), ("ms", &[SAME])], not_modified),
            (&[("nm", A), ("r", R)], none_match),
            (&[("ms", &[SAME]), ("r", R), ("ir", A)], not_modified),
            // Range and If-Range.
            (&[("r", R)], ranged),
            (&[("nm", Z), ("r", R)], ranged),
            (&[("ir", A)], Verdict::Whole),
            (&[("ir", A), ("r", R)], ranged),
            (&[("ir", WEAK_A), ("r", R)], Verdict::Whole),
            (&[("ir", Z), ("r", R)], Verdict::Whole),
            (&[("ir", ANY), ("r", R)], Verdict::Whole),
            (&[("ir", &[b"\"a\", \"b\""]), ("r", R)], Verdict::Whole),
            (&[("ir", &[SAME]), ("r", R)], ranged),
            (&[("ir", &[EARLIER]), ("r", R)], Verdict::Whole),
            (&[("ir", &[LATER]), ("r", R)], Verdict::Whole),
            (&[("ir", BAD), ("r", R)], Verdict::Whole),
        ];
        for (fields, expected) in table {
            let asked = asked(fields);
            assert_eq!(evaluate(Get, &asked, &strong()), *expected, "{fields:?}");
            let head = match *expected {
                Verdict::Range(_) => Verdict::Whole,
                other => other,
            };
            assert_eq!(evaluate(Head, &asked, &strong()), head, "HEAD {fields:?}");
        }
    }

    #[test]
    fn weak_validators_match_only_weakly() {
        let verdict = |fields| evaluate(Get, &asked(fields), &weak());
        assert_eq!(
            verdict(&[("m", WEAK_A)]),
            Verdict::Failed(Rule::MatchFailed)
        );
        assert_eq!(verdict(&[("m", ANY)]), Verdict::Whole);
        assert_eq!(
            verdict(&[("nm", A)]),
            Verdict::NotModified(Rule::NoneMatchFailed)
        );
        assert_eq!(verdict(&[("ir", WEAK_A), ("r", R)]), Verdict::Whole);
        // A date that may still be written again is no strong validator.
        assert_eq!(verdict(&[("ir", &[SAME]), ("r", R)]), Verdict::Whole);
    }

    #[test]
    fn without_validators_only_the_asterisk_matches() {
        let verdict = |fields| evaluate(Get, &asked(fields), &Validators::default());
        assert_eq!(verdict(&[("m", A)]), Verdict::Failed(Rule::MatchFailed));
        assert_eq!(verdict(&[("m", ANY)]), Verdict::Whole);
        assert_eq!(verdict(&[("nm", A)]), Verdict::Whole);
        assert_eq!(verdict(&[("ms", &[LATER])]), Verdict::Whole);
        assert_eq!(verdict(&[("us", &[EARLIER])]), Verdict::Whole);
        assert_eq!(verdict(&[("ir", &[SAME]), ("r", R)]), Verdict::Whole);
        assert_eq!(verdict(&[("r", R)]), Verdict::Range(R[0]));
    }

    proptest! {
        #[test]
        fn no_fields_panic(fields in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 6)) {
            let lines: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
            let asked = Preconditions {
                if_match: &lines[..1],
                if_none_match: &lines[..2],
                if_modified_since: Some(lines[2]),
                if_unmodified_since: Some(lines[3]),
                if_range: Some(lines[4]),
                range: Some(lines[5]),
            };
            evaluate(Get, &asked, &strong());
            evaluate(Head, &Preconditions { if_match: &[], ..asked }, &weak());
        }
    }
}
