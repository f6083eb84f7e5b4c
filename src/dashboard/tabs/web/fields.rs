//! The fields of a message's head: where each one stands in the raw bytes, and in a phrase what it is for.
//!
//! It reads heads as they come, also those that broke a rule, so it is more lenient than the server's parser and decides nothing.

use std::ops::Range;

/// One field by the places of its name and value in the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: Range<usize>,
    pub value: Range<usize>,
}

/// A message taken apart: first line, fields, blank line, body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Anatomy {
    /// Without its line end.
    pub first_line: Range<usize>,
    pub fields: Vec<Field>,
    /// The blank line with its line end; empty when it is not there.
    pub blank: Range<usize>,
}

impl Anatomy {
    /// Takes apart what is there of a message. Lines end in LF, with or without CR.
    pub fn of(bytes: &[u8]) -> Self {
        let mut anatomy = Self::default();
        let mut start = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let end = start + line.len();
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            let is_first = anatomy.first_line.is_empty();
            if text.is_empty() && !is_first {
                anatomy.blank = start..end;
                break;
            }
            if is_first {
                anatomy.first_line = start..start + text.len();
            } else if let Some(colon) = text.iter().position(|byte| *byte == b':') {
                let value = &text[colon + 1..];
                let blanks = value.len() - value.trim_ascii_start().len();
                let value_start = start + colon + 1 + blanks;
                anatomy.fields.push(Field {
                    name: start..start + colon,
                    value: value_start..value_start + value.trim_ascii().len(),
                });
            }
            start = end;
        }
        anatomy
    }
}

/// The value of the first field of that name, which is given in small letters.
pub fn value<'a>(bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let anatomy = Anatomy::of(bytes);
    let field = anatomy
        .fields
        .iter()
        .find(|field| bytes[field.name.clone()].eq_ignore_ascii_case(name.as_bytes()))?;
    bytes.get(field.value.clone())
}

/// The message key of a phrase about a field.
pub fn explanation(name: &[u8]) -> Option<&'static str> {
    EXPLAINED
        .iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))
        .map(|(_, key)| *key)
}

/// The fields that browsers, curl and this server send, with a phrase each.
const EXPLAINED: &[(&str, &str)] = &[
    ("accept", "field.accept"),
    ("accept-charset", "field.accept_charset"),
    ("accept-encoding", "field.accept_encoding"),
    ("accept-language", "field.accept_language"),
    ("accept-ranges", "field.accept_ranges"),
    ("access-control-request-method", "field.cors_request"),
    ("age", "field.age"),
    ("allow", "field.allow"),
    ("authorization", "field.authorization"),
    ("cache-control", "field.cache_control"),
    ("connection", "field.connection"),
    ("content-encoding", "field.content_encoding"),
    ("content-language", "field.content_language"),
    ("content-length", "field.content_length"),
    ("content-location", "field.content_location"),
    ("content-range", "field.content_range"),
    ("content-security-policy", "field.content_security_policy"),
    ("content-type", "field.content_type"),
    ("cookie", "field.cookie"),
    ("date", "field.date"),
    ("dnt", "field.dnt"),
    ("etag", "field.etag"),
    ("expect", "field.expect"),
    ("expires", "field.expires"),
    ("host", "field.host"),
    ("if-match", "field.if_match"),
    ("if-modified-since", "field.if_modified_since"),
    ("if-none-match", "field.if_none_match"),
    ("if-range", "field.if_range"),
    ("if-unmodified-since", "field.if_unmodified_since"),
    ("keep-alive", "field.keep_alive"),
    ("last-modified", "field.last_modified"),
    ("location", "field.location"),
    ("origin", "field.origin"),
    ("pragma", "field.pragma"),
    ("priority", "field.priority"),
    ("proxy-connection", "field.proxy_connection"),
    ("purpose", "field.purpose"),
    ("range", "field.range"),
    ("referer", "field.referer"),
    ("referrer-policy", "field.referrer_policy"),
    ("retry-after", "field.retry_after"),
    ("sec-ch-ua", "field.sec_ch_ua"),
    ("sec-ch-ua-mobile", "field.sec_ch_ua_mobile"),
    ("sec-ch-ua-platform", "field.sec_ch_ua_platform"),
    ("sec-fetch-dest", "field.sec_fetch_dest"),
    ("sec-fetch-mode", "field.sec_fetch_mode"),
    ("sec-fetch-site", "field.sec_fetch_site"),
    ("sec-fetch-user", "field.sec_fetch_user"),
    ("sec-gpc", "field.sec_gpc"),
    ("sec-purpose", "field.purpose"),
    ("server", "field.server"),
    ("set-cookie", "field.set_cookie"),
    ("te", "field.te"),
    ("trailer", "field.trailer"),
    ("transfer-encoding", "field.transfer_encoding"),
    ("upgrade", "field.upgrade"),
    (
        "upgrade-insecure-requests",
        "field.upgrade_insecure_requests",
    ),
    ("user-agent", "field.user_agent"),
    ("vary", "field.vary"),
    ("via", "field.via"),
    ("www-authenticate", "field.www_authenticate"),
    ("x-content-type-options", "field.x_content_type_options"),
    ("x-forwarded-for", "field.x_forwarded_for"),
    ("x-requested-with", "field.x_requested_with"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{Lang, Words};
    use proptest::prelude::*;

    #[test]
    fn a_message_is_taken_apart() {
        let bytes = b"GET / HTTP/1.1\r\nHost:  a b \r\nno colon\r\nX:\n\r\nbody: x\r\n";
        let anatomy = Anatomy::of(bytes);
        assert_eq!(&bytes[anatomy.first_line.clone()], b"GET / HTTP/1.1");
        let fields: Vec<(&[u8], &[u8])> = anatomy
            .fields
            .iter()
            .map(|field| (&bytes[field.name.clone()], &bytes[field.value.clone()]))
            .collect();
        assert_eq!(fields, [(&b"Host"[..], &b"a b"[..]), (b"X", b"")]);
        assert_eq!(&bytes[anatomy.blank.clone()], b"\r\n");
        assert_eq!(&bytes[anatomy.blank.end..], b"body: x\r\n");
        assert_eq!(value(bytes, "host"), Some(&b"a b"[..]));
        assert_eq!(value(bytes, "body"), None);
    }

    #[test]
    fn empty_lines_before_the_first_are_passed_over() {
        let anatomy = Anatomy::of(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n");
        assert_eq!(anatomy.first_line, 4..18);
        assert_eq!(anatomy.blank, 20..22);
    }

    #[test]
    fn every_explanation_has_its_words() {
        for (name, key) in EXPLAINED {
            assert_eq!(explanation(name.to_uppercase().as_bytes()), Some(*key));
            for lang in Lang::ALL {
                assert!(Words(lang).find(key).is_some(), "{key} in {lang:?}");
            }
        }
        assert_eq!(explanation(b"x-unknown"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_apart_inside_their_bounds(bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b':'), Just(b' '), any::<u8>()], 0..80)) {
            let anatomy = Anatomy::of(&bytes);
            let mut last = anatomy.first_line.end;
            for field in &anatomy.fields {
                prop_assert!(last <= field.name.start && field.name.end < field.value.start + 1);
                prop_assert!(bytes.get(field.value.clone()).is_some());
                last = field.value.end;
            }
            prop_assert!(anatomy.blank.end <= bytes.len());
        }
    }
}
