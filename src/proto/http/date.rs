//! HTTP dates (RFC 9110 §5.6.7): read in all three forms, written as IMF-fixdate only. Dates are whole seconds since the Unix epoch, in UTC.

use std::time::{Duration, UNIX_EPOCH};

use httpdate::HttpDate;

/// An IMF-fixdate as bytes, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
pub type Text = [u8; 29];

/// The last second that four digits of a year can write, 9999-12-31 23:59:59.
const LAST: u64 = 253_402_300_799;

/// Reads a date in any of the three forms; `None` when it is none, or lies before 1970.
///
/// A year of two digits is one of the years from 1970 to 2069, which satisfies "more than 50 years ahead is past" for every date a file can have.
pub fn parse(field: &[u8]) -> Option<u64> {
    let date = httpdate::parse_http_date(std::str::from_utf8(field).ok()?).ok()?;
    let since = date.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

/// Writes a date. One past the year 9999 is written as the last second of it.
pub fn format(seconds: u64) -> Text {
    let date = HttpDate::from(UNIX_EPOCH + Duration::from_secs(seconds.min(LAST)));
    let mut text = [0; 29];
    // Its length is always that of an IMF-fixdate: the year has four digits.
    text.copy_from_slice(date.to_string().as_bytes());
    text
}

/// The Last-Modified of a file: its modification time in whole seconds, but never later than the answer's own Date (RFC 9110 §8.8.2.1). Times are
/// since the Unix epoch.
pub fn last_modified(modified: Duration, now: Duration) -> u64 {
    modified.min(now).as_secs()
}

/// The Date of the answers, written anew only when the second changes.
#[derive(Debug, Clone)]
pub struct Cached {
    second: u64,
    text: Text,
}

impl Cached {
    pub fn new(now: u64) -> Self {
        Self {
            second: now,
            text: format(now),
        }
    }

    /// The date of `now`.
    pub fn at(&mut self, now: u64) -> &Text {
        if now != self.second {
            *self = Self::new(now);
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_three_forms_are_read() {
        let table: &[(&str, Option<u64>)] = &[
            // The examples of RFC 9110 §5.6.7.
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            // Two digits of a year.
            ("Thursday, 01-Jan-70 00:00:00 GMT", Some(0)),
            ("Friday, 31-Dec-99 23:59:59 GMT", Some(946_684_799)),
            ("Saturday, 01-Jan-00 00:00:00 GMT", Some(946_684_800)),
            ("Monday, 23-Nov-26 00:00:00 GMT", Some(1_795_392_000)),
            ("Thu Feb 29 12:00:00 2024", Some(1_709_208_000)),
            ("Thu Nov 26 12:00:00 2026", Some(1_795_694_400)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(LAST)),
            // No dates.
            ("", None),
            ("0", None),
            ("yesterday", None),
            ("Sun, 06 Nov 1994 08:49:37", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Mon, 06 Nov 1994 08:49:37 GMT", None),
            ("Sun, 32 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 24:00:00 GMT", None),
            ("Wed, 29 Feb 2023 00:00:00 GMT", None),
            ("1994-11-06T08:49:37Z", None),
            ("Wed, 31 Dec 1969 23:59:59 GMT", None),
        ];
        for (field, expected) in table {
            assert_eq!(parse(field.as_bytes()), *expected, "{field}");
        }
        assert_eq!(parse(b"\xff"), None);
    }

    #[test]
    fn only_imf_fixdate_is_written() {
        assert_eq!(&format(784_111_777), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(&format(0), b"Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(&format(LAST), b"Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(&format(u64::MAX), b"Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn the_cache_follows_the_clock_both_ways() {
        let mut cached = Cached::new(0);
        for now in [0, 1, 1, 784_111_777, 784_111_776] {
            assert_eq!(*cached.at(now), format(now));
        }
    }

    #[test]
    fn a_file_from_the_future_was_modified_now() {
        let at = Duration::from_millis;
        assert_eq!(last_modified(at(1_900), at(5_000)), 1);
        assert_eq!(last_modified(at(9_000), at(5_999)), 5);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0..=LAST) {
            prop_assert_eq!(parse(&format(seconds)), Some(seconds));
        }

        #[test]
        fn no_bytes_panic(field in prop::collection::vec(any::<u8>(), 0..40), cut in 0usize..40, byte: u8) {
            let _ = parse(&field);
            for form in ["Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 GMT"] {
                let mut bytes = form.as_bytes().to_vec();
                let at = cut % bytes.len();
                bytes[at] = byte;
                let _ = parse(&bytes);
                let _ = parse(&bytes[..at]);
            }
        }
    }
}
