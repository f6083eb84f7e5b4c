//! Bodies by length and in chunks: tables with offset, rule and status, and properties over cuts and round trips.

use super::*;
use proptest::prelude::*;

/// The content of a chunked body and how many bytes it has, when they come in pieces of which each ends at the next offset of `cuts`.
fn decoded(
    bytes: &[u8],
    limit: u64,
    cuts: &[usize],
) -> Result<(Vec<u8>, Option<usize>), Malformed> {
    let mut chunks = Chunks::new(limit);
    let mut content = Vec::new();
    let mut at = 0;
    for &cut in cuts.iter().chain([&bytes.len()]) {
        while at < cut {
            let piece = chunks.advance(&bytes[at..cut])?;
            content.extend(&bytes[at..cut][piece.data.clone()]);
            assert!(piece.used > 0, "it goes on");
            assert!(piece.data.end <= piece.used);
            at += piece.used;
            if piece.done {
                return Ok((content, Some(at)));
            }
        }
    }
    Ok((content, None))
}

fn byte_by_byte(bytes: &[u8], limit: u64) -> Result<(Vec<u8>, Option<usize>), Malformed> {
    let cuts: Vec<usize> = (0..bytes.len()).collect();
    decoded(bytes, limit, &cuts)
}

const NO_LIMIT: u64 = u64::MAX;

#[test]
fn chunks_are_decoded() {
    for (bytes, content) in [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc"),
        ("00005\r\nhello\r\n000\r\n\r\n", "hello"),
        ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"),
        ("5;a\r\nhello\r\n0;b=c\r\n\r\n", "hello"),
        ("5;a=\"b;c\\\"\";d\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5 \t;a = b\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5;\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5\r\nhello\r\n0\r\nA: b\r\nC:\r\n\r\n", "hello"),
    ] {
        let body = bytes.as_bytes();
        let expected = Ok((content.as_bytes().to_vec(), Some(body.len())));
        assert_eq!(decoded(body, NO_LIMIT, &[]), expected, "{bytes:?}");
        assert_eq!(byte_by_byte(body, NO_LIMIT), expected, "{bytes:?} trickled");
        let more = [body, b"GET /"].concat();
        assert_eq!(
            decoded(&more, NO_LIMIT, &[]),
            expected,
            "{bytes:?} and more"
        );
    }
}

#[test]
fn chunks_that_break_a_rule_are_refused_at_their_byte() {
    use Rule::*;
    let cases: &[(&str, usize, Rule, u16)] = &[
        ("\r\n", 0, InvalidChunk, 400),
        ("x\r\n", 0, InvalidChunk, 400),
        ("-1\r\n", 0, InvalidChunk, 400),
        ("+1\r\n", 0, InvalidChunk, 400),
        (" 1\r\n", 0, InvalidChunk, 400),
        (";a\r\n", 0, InvalidChunk, 400),
        ("0x5\r\n", 1, InvalidChunk, 400),
        ("5g\r\n", 1, InvalidChunk, 400),
        ("5 \r\nhello", 2, InvalidChunk, 400),
        ("5 5\r\nhello", 2, InvalidChunk, 400),
        ("5\nhello", 1, BareLineFeed, 400),
        ("5\rhello", 1, BareCarriageReturn, 400),
        ("5;a\nhello", 3, BareLineFeed, 400),
        ("5;a\rb\r\nhello", 3, BareCarriageReturn, 400),
        ("5;a\0\r\nhello", 3, InvalidChunk, 400),
        ("5\r\nhelloX", 8, InvalidChunk, 400),
        ("5\r\nhello\n", 8, BareLineFeed, 400),
        ("5\r\nhello\rX", 8, BareCarriageReturn, 400),
        ("5\r\nhello0\r\n", 8, InvalidChunk, 400),
        // More digits than 64 bits need, whatever they are.
        ("10000000000000000\r\n", 16, InvalidChunk, 400),
        ("00000000000000005\r\n", 16, InvalidChunk, 400),
        // The trailer.
        ("0\r\n\n", 3, BareLineFeed, 400),
        ("0\r\n\rX", 3, BareCarriageReturn, 400),
        ("0\r\n: a\r\n", 3, InvalidFieldName, 400),
        ("0\r\nA\r\n", 4, MissingColon, 400),
        ("0\r\nA : b\r\n", 4, SpaceBeforeColon, 400),
        ("0\r\nA(: b\r\n", 4, InvalidFieldName, 400),
        ("0\r\nA: b\0\r\n", 7, InvalidFieldValue, 400),
        ("0\r\nA: b\n", 7, BareLineFeed, 400),
        ("0\r\nA: b\r\n c\r\n", 9, FoldedField, 400),
    ];
    for &(bytes, offset, rule, status) in cases {
        let body = bytes.as_bytes();
        let expected = Err(Malformed { offset, rule });
        assert_eq!(decoded(body, NO_LIMIT, &[]), expected, "{bytes:?}");
        assert_eq!(byte_by_byte(body, NO_LIMIT), expected, "{bytes:?} trickled");
        let seen_at = offset + usize::from(rule == BareCarriageReturn);
        let first = decoded(&body[..=seen_at], NO_LIMIT, &[]);
        assert_eq!(first, expected, "{bytes:?}, at once");
        assert!(
            decoded(&body[..seen_at], NO_LIMIT, &[]).is_ok(),
            "{bytes:?}"
        );
        assert_eq!(rule.status().code(), status);
    }
}

#[test]
fn chunks_keep_to_their_limits() {
    let too_large = |offset| {
        Err(Malformed {
            offset,
            rule: Rule::BodyTooLarge,
        })
    };
    let body = b"5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n";
    assert!(decoded(body, 10, &[]).is_ok());
    assert_eq!(decoded(body, 9, &[]), too_large(10), "at the size");
    assert_eq!(decoded(b"ffffffffffffffff\r\n", 4096, &[]), too_large(3));
    assert!(decoded(b"ffffffffffffffff\r\n", NO_LIMIT, &[]).is_ok());
    let sum = b"1\r\na\r\nffffffffffffffff\r\n";
    assert_eq!(decoded(sum, NO_LIMIT, &[]), too_large(21), "no overflow");
    assert_eq!(Rule::BodyTooLarge.status().code(), 413);

    let rule_of = |bytes: &[u8]| decoded(bytes, NO_LIMIT, &[]).err().map(|error| error.rule);
    let extension = |octets| format!("1;{}\r\na\r\n0\r\n\r\n", "b".repeat(octets - 1));
    assert_eq!(rule_of(extension(EXTENSIONS).as_bytes()), None);
    let longer = Some(Rule::ChunkExtensionTooLong);
    assert_eq!(rule_of(extension(EXTENSIONS + 1).as_bytes()), longer);
    let many = b"1;b\r\na\r\n".repeat(EXTENSIONS / 2 + 1);
    assert_eq!(rule_of(&many), longer, "all chunks share the allowance");

    let trailer = |octets| format!("0\r\nA:{}\r\n\r\n", "b".repeat(octets - 4));
    // The LF of a trailer line is free.
    assert_eq!(rule_of(trailer(TRAILER + 1).as_bytes()), None);
    let longer = Some(Rule::TrailerTooLarge);
    assert_eq!(rule_of(trailer(TRAILER + 2).as_bytes()), longer);
    assert_eq!(
        rule_of(&[&b"0\r\n"[..], &b"A:\r\n".repeat(TRAILER)].concat()),
        longer
    );
}

#[test]
fn a_body_of_a_length_is_counted() {
    let mut reader = BodyReader::new(BodyLength::Length(5), 5);
    assert_eq!(reader.check(), Ok(()));
    let taken = |used, done| {
        Ok(Taken {
            used,
            data: used,
            done,
        })
    };
    assert_eq!(reader.advance(b""), taken(0, false));
    assert_eq!(reader.advance(b"he"), taken(2, false));
    assert_eq!(reader.advance(b"lloGET /"), taken(3, true));
    assert_eq!(reader.advance(b"GET /"), taken(0, true), "and so it stays");
    assert_eq!(
        BodyReader::new(BodyLength::None, 0).advance(b"GET"),
        taken(0, true)
    );
    let mut reader = BodyReader::new(BodyLength::Length(6), 5);
    let too_large = Malformed {
        offset: 0,
        rule: Rule::BodyTooLarge,
    };
    assert_eq!(reader.check(), Err(too_large));
    assert_eq!(reader.advance(b"he"), Err(too_large));
    let mut reader = BodyReader::new(BodyLength::Length(u64::MAX), u64::MAX);
    assert_eq!(reader.advance(b"he"), taken(2, false));
}

#[test]
fn a_chunked_body_is_passed_over() {
    let mut reader = BodyReader::new(BodyLength::Chunked, 100);
    assert_eq!(reader.check(), Ok(()), "nobody knows yet");
    let taken = |used, data, done| Ok(Taken { used, data, done });
    assert_eq!(reader.advance(b"5\r\nhe"), taken(5, 2, false));
    assert_eq!(reader.advance(b"llo\r\n3\r\nabc"), taken(11, 6, false));
    assert_eq!(reader.advance(b"\r\n0\r\n\r\nGET /"), taken(7, 0, true));
    assert_eq!(
        reader.advance(b"GET /"),
        taken(0, 0, true),
        "and so it stays"
    );
}

/// A chunked body of the content, in chunks of the sizes given.
fn encoded(content: &[u8], sizes: &[usize], extension: &str) -> Vec<u8> {
    let mut body = Vec::new();
    let mut rest = content;
    for &size in sizes.iter().cycle() {
        let (chunk, behind) = rest.split_at(size.min(rest.len()));
        body.extend(format!("{:x}{extension}\r\n", chunk.len()).bytes());
        if chunk.is_empty() {
            break;
        }
        body.extend(chunk);
        body.extend(b"\r\n");
        rest = behind;
    }
    body.extend(b"\r\n");
    body
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..6)
}

fn places(cuts: &[prop::sample::Index], length: usize) -> Vec<usize> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(length + 1)).collect();
    places.sort_unstable();
    places
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(
        content: Vec<u8>, sizes in prop::collection::vec(1_usize..40, 1..5), extension in "(;[a-z]{1,5}(=[a-z]{1,5})?)?", cuts in cuts(), more: Vec<u8>,
    ) {
        let body = encoded(&content, &sizes, &extension);
        let bytes = [&body[..], &more].concat();
        let places = places(&cuts, bytes.len());
        let limit = content.len() as u64;
        prop_assert_eq!(decoded(&bytes, limit, &places), Ok((content.clone(), Some(body.len()))));
        if let Some(less) = limit.checked_sub(1) {
            prop_assert_eq!(decoded(&bytes, less, &places).map_err(|error| error.rule), Err(Rule::BodyTooLarge));
        }
        let mut reader = BodyReader::new(BodyLength::Chunked, limit);
        prop_assert_eq!(reader.advance(&bytes), Ok(Taken { used: body.len(), data: content.len(), done: true }));
    }

    #[test]
    fn cuts_and_damage_change_nothing(
        content: Vec<u8>, sizes in prop::collection::vec(1_usize..40, 1..5), at: prop::sample::Index, byte: u8, cuts in cuts(),
    ) {
        let mut bytes = encoded(&content, &sizes, ";a");
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let whole = decoded(&bytes, 1000, &[]);
        prop_assert_eq!(decoded(&bytes, 1000, &places(&cuts, bytes.len())), whole.clone());
        prop_assert_eq!(byte_by_byte(&bytes, 1000), whole);
    }

    #[test]
    fn any_bytes_get_an_answer(bytes: Vec<u8>, limit: u64) {
        if let Err(error) = decoded(&bytes, limit, &[]) {
            prop_assert!(error.offset < bytes.len());
        }
    }
}
