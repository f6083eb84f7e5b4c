//! Range requests (RFC 9110 §14): which bytes a Range field asks for, and how several of them are framed as one answer.

use std::ops::RangeInclusive;

use super::media::MediaType;
use super::response::write_number;

/// The most ranges that one request gets; a field with more is ignored (RFC 9110 §14.2: many small ranges are a sign of an attack).
const MOST: usize = 16;
/// How many pairs of ranges may overlap before the field is ignored, so that no answer is many times its representation.
const MOST_OVERLAPS: usize = 2;

/// Positions of the first and the last byte, both inside the representation, the first no later than the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    pub first: u64,
    pub last: u64,
}

impl ByteRange {
    /// How many bytes, at least one.
    pub fn count(self) -> u64 {
        // Its last byte lies inside a length that is a u64.
        self.last - self.first + 1
    }

    /// Its field value, such as `bytes 0-3/10`, for a representation of `length` bytes.
    pub fn write_content_range(self, length: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"bytes ");
        write_number(self.first, out);
        out.push(b'-');
        write_number(self.last, out);
        out.push(b'/');
        write_number(length, out);
    }

    fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// What a Range field asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Nothing this server has to do: another unit, an invalid field, or one that asks too much. The answer is the whole, 200.
    Ignored,
    /// One range: 206 with Content-Range, never a multipart.
    Single(ByteRange),
    /// Two to sixteen ranges in the order asked for: 206 as multipart/byteranges.
    Several(Vec<ByteRange>),
    /// No range holds a byte of the representation: 416.
    Unsatisfiable,
}

/// Selects from a representation of `length` bytes. Ranges past its end are left out of several.
pub fn select(field: &[u8], length: u64) -> Selection {
    let Some((unit, set)) = field.split_at_checked(b"bytes=".len()) else {
        return Selection::Ignored;
    };
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return Selection::Ignored;
    }
    let mut ranges = Vec::new();
    let mut seen = 0_usize;
    for spec in set.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
        // A list may have empty elements (RFC 9110 §5.6.1.2).
        if spec.is_empty() {
            continue;
        }
        seen += 1;
        if seen > MOST {
            return Selection::Ignored;
        }
        match Spec::parse(spec) {
            None => return Selection::Ignored,
            // The last bytes of nothing are nothing: satisfied (RFC 9110 §14.1.2), but no Content-Range can say so.
            Some(Spec::Suffix(1..)) if length == 0 => return Selection::Ignored,
            Some(spec) => ranges.extend(spec.within(length)),
        }
    }
    match ranges.as_slice() {
        _ if seen == 0 => Selection::Ignored,
        [] => Selection::Unsatisfiable,
        [range] => Selection::Single(*range),
        several if overlaps(several) > MOST_OVERLAPS => Selection::Ignored,
        _ => Selection::Several(ranges),
    }
}

/// How many pairs overlap. At most 120 are looked at.
fn overlaps(ranges: &[ByteRange]) -> usize {
    let behind = |at: usize| ranges[at + 1..].iter();
    (0..ranges.len())
        .map(|at| {
            behind(at)
                .filter(|other| ranges[at].overlaps(**other))
                .count()
        })
        .sum()
}

/// One range as it is written.
enum Spec {
    /// `5-`, `5-9`.
    From(RangeInclusive<u64>),
    /// `-3`.
    Suffix(u64),
}

impl Spec {
    /// `None` when it is invalid (RFC 9110 §14.1.1).
    fn parse(spec: &[u8]) -> Option<Self> {
        let dash = spec.iter().position(|&byte| byte == b'-')?;
        let (first, last) = (&spec[..dash], &spec[dash + 1..]);
        match (first, last) {
            ([], _) => Some(Spec::Suffix(number(last)?)),
            (_, []) => Some(Spec::From(number(first)?..=u64::MAX)),
            _ => {
                let range = number(first)?..=number(last)?;
                (!range.is_empty()).then_some(Spec::From(range))
            }
        }
    }

    /// The part of it that lies inside `length` bytes.
    fn within(self, length: u64) -> Option<ByteRange> {
        let end = length.checked_sub(1)?;
        let (first, last) = match self {
            Spec::From(range) => (*range.start(), end.min(*range.end())),
            Spec::Suffix(0) => return None,
            Spec::Suffix(count) => (length.saturating_sub(count), end),
        };
        (first <= last).then_some(ByteRange { first, last })
    }
}

/// A number of any size; one that is too large for 64 bits lies past every end all the same (RFC 9110 §14.1.2).
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        Some(number.saturating_mul(10).saturating_add(digit))
    })
}

/// A separator of parts: 32 hexadecimal digits. Drawn at random by its user it does not occur in the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary(u128);

impl Boundary {
    pub fn new(random: u128) -> Self {
        Self(random)
    }
}

impl std::fmt::Display for Boundary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// An answer in several parts, multipart/byteranges (RFC 9110 §14.6): for each range its [`Self::write_part_head`] and its bytes, then
/// [`Self::write_end`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multipart {
    /// Line break, boundary and media type: how each part begins.
    opening: String,
    end: String,
    content_type: String,
    /// Bytes of the representation.
    length: u64,
}

impl Multipart {
    /// Of a representation of `length` bytes and this type.
    pub fn new(boundary: Boundary, media_type: MediaType, length: u64) -> Self {
        Self {
            opening: format!("\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: "),
            end: format!("\r\n--{boundary}--\r\n"),
            content_type: format!("multipart/byteranges; boundary={boundary}"),
            length,
        }
    }

    /// The Content-Type of the whole answer.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// What stands before the bytes of `range`. The line break that it begins with belongs to the boundary (RFC 2046 §5.1.1).
    pub fn write_part_head(&self, range: ByteRange, out: &mut Vec<u8>) {
        out.extend_from_slice(self.opening.as_bytes());
        range.write_content_range(self.length, out);
        out.extend_from_slice(b"\r\n\r\n");
    }

    /// What stands behind the last part.
    pub fn write_end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.end.as_bytes());
    }

    /// The Content-Length of the whole answer.
    pub fn content_length(&self, ranges: &[ByteRange]) -> u64 {
        let mut framing = Vec::new();
        for range in ranges {
            self.write_part_head(*range, &mut framing);
        }
        self.write_end(&mut framing);
        ranges.iter().fold(framing.len() as u64, |sum, range| {
            sum.saturating_add(range.count())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn single(first: u64, last: u64) -> Selection {
        Selection::Single(ByteRange { first, last })
    }

    fn several(ranges: &[(u64, u64)]) -> Selection {
        let range = |&(first, last)| ByteRange { first, last };
        Selection::Several(ranges.iter().map(range).collect())
    }

    #[test]
    fn fields_select_what_they_ask_for() {
        use Selection::{Ignored, Unsatisfiable};
        // The examples of RFC 9110 §14.1.2, for 10,000 bytes.
        let table = [
            ("bytes=0-499", single(0, 499)),
            ("bytes=500-999", single(500, 999)),
            ("bytes=-500", single(9_500, 9_999)),
            ("bytes=9500-", single(9_500, 9_999)),
            ("bytes=0-0,-1", several(&[(0, 0), (9_999, 9_999)])),
            ("bytes= 0-0, -2", several(&[(0, 0), (9_998, 9_999)])),
            (
                "bytes= 0-999, 4500-5499, -1000",
                several(&[(0, 999), (4_500, 5_499), (9_000, 9_999)]),
            ),
            ("bytes=500-600,601-999", several(&[(500, 600), (601, 999)])),
            ("bytes=500-700,601-999", several(&[(500, 700), (601, 999)])),
        ];
        for (field, expected) in table {
            assert_eq!(select(field.as_bytes(), 10_000), expected, "{field}");
        }
        // By hand, for 10 bytes.
        let table = [
            ("bytes=0-3", single(0, 3)),
            ("Bytes=0-3", single(0, 3)),
            ("bytes=9-9", single(9, 9)),
            ("bytes=5-99999999999999999999999", single(5, 9)),
            ("bytes=5-18446744073709551615", single(5, 9)),
            ("bytes=-3", single(7, 9)),
            ("bytes=-99999999999999999999999", single(0, 9)),
            ("bytes=0000000000000000000000000-1", single(0, 1)),
            ("bytes=-0", Unsatisfiable),
            ("bytes=10-", Unsatisfiable),
            ("bytes=999-", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=10-12,-0", Unsatisfiable),
            ("bytes=0-1,10-12", single(0, 1)),
            ("bytes=8-9,0-1", several(&[(8, 9), (0, 1)])),
            ("bytes=,0-1,,", single(0, 1)),
            ("bytes=5-2", Ignored),
            ("bytes=0-1,5-2", Ignored),
            ("bytes=", Ignored),
            ("bytes=,", Ignored),
            ("bytes=-", Ignored),
            ("bytes=a-b", Ignored),
            ("bytes=+1-2", Ignored),
            ("bytes=1 -2", Ignored),
            ("bytes=1-2-3", Ignored),
            ("bytes=--3", Ignored),
            ("bytes =0-1", Ignored),
            ("bytes 0-1", Ignored),
            ("foo=0-3", Ignored),
            ("byte", Ignored),
            ("", Ignored),
            // Two overlaps, then three.
            ("bytes=0-4,4-5,5-6", several(&[(0, 4), (4, 5), (5, 6)])),
            ("bytes=0-,0-,0-", Ignored),
        ];
        for (field, expected) in table {
            assert_eq!(select(field.as_bytes(), 10), expected, "{field}");
        }
        assert_eq!(select(b"bytes=0-", 0), Unsatisfiable);
        assert_eq!(select(b"bytes=-5", 0), Ignored);
        assert_eq!(select(b"bytes=-0", 0), Unsatisfiable);
        assert_eq!(
            select(b"bytes=0-", u64::MAX),
            single(0, u64::MAX - 1),
            "no overflow"
        );
    }

    #[test]
    fn no_more_than_sixteen() {
        let field = |count: u64| {
            let specs: Vec<String> = (0..count).map(|at| format!("{0}-{0}", 2 * at)).collect();
            format!("bytes={}", specs.join(","))
        };
        let Selection::Several(ranges) = select(field(16).as_bytes(), 100) else {
            panic!("sixteen are fine");
        };
        assert_eq!(ranges.len(), 16);
        assert_eq!(select(field(17).as_bytes(), 100), Selection::Ignored);
    }

    #[test]
    fn parts_are_framed_and_counted() {
        let multipart = Multipart::new(Boundary::new(0xab), super::super::media::of("a.txt"), 10);
        assert_eq!(
            multipart.content_type(),
            "multipart/byteranges; boundary=000000000000000000000000000000ab"
        );
        let content = b"0123456789";
        let ranges = [
            ByteRange { first: 0, last: 1 },
            ByteRange { first: 3, last: 4 },
        ];
        let mut body = Vec::new();
        for range in ranges {
            multipart.write_part_head(range, &mut body);
            body.extend_from_slice(&content[range.first as usize..=range.last as usize]);
        }
        multipart.write_end(&mut body);
        let expected = "\r\n--000000000000000000000000000000ab\r\n\
            Content-Type: text/plain; charset=utf-8\r\n\
            Content-Range: bytes 0-1/10\r\n\r\n01\
            \r\n--000000000000000000000000000000ab\r\n\
            Content-Type: text/plain; charset=utf-8\r\n\
            Content-Range: bytes 3-4/10\r\n\r\n34\
            \r\n--000000000000000000000000000000ab--\r\n";
        assert_eq!(String::from_utf8(body).unwrap(), expected);
        assert_eq!(multipart.content_length(&ranges), expected.len() as u64);
    }

    proptest! {
        #[test]
        fn ranges_lie_inside_and_keep_their_order(
            specs in prop::collection::vec((any::<Option<u16>>(), any::<Option<u16>>()), 1..20),
            length in prop_oneof![0..70_000_u64, any::<u64>()],
        ) {
            let show = |number: &Option<u16>| number.map(|number| number.to_string()).unwrap_or_default();
            let texts: Vec<String> = specs.iter().map(|(first, last)| format!("{}-{}", show(first), show(last))).collect();
            let ranges = match select(format!("bytes={}", texts.join(",")).as_bytes(), length) {
                Selection::Single(range) => vec![range],
                Selection::Several(ranges) => ranges,
                _ => vec![],
            };
            prop_assert!(ranges.len() <= MOST);
            let mut wanted = specs.iter();
            for range in ranges {
                prop_assert!(range.first <= range.last && range.last < length);
                let asked = wanted.any(|(first, last)| match first {
                    Some(first) => u64::from(*first) == range.first && last.is_none_or(|last| range.last <= u64::from(last)),
                    None => last.is_some_and(|last| range.first == length.saturating_sub(last.into()) && range.last + 1 == length),
                });
                prop_assert!(asked, "{:?} was not asked for in this order", range);
            }
        }

        #[test]
        fn no_field_panics(field in prop_oneof!["(bytes=)?[0-9, a-]{0,60}".prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..40)], length: u64) {
            select(&field, length);
        }
    }
}
