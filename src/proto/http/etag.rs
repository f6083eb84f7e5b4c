//! Entity tags (RFC 9110 §8.8.3): how they are read, compared, and made for a file.

/// An entity tag as it stands in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityTag<'a> {
    pub weak: bool,
    /// What stands between the quotes.
    pub opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Reads exactly one tag.
    pub fn parse(field: &'a [u8]) -> Option<Self> {
        match Self::split(field) {
            Some((tag, [])) => Some(tag),
            _ => None,
        }
    }

    /// The tag that `bytes` begin with, and what follows.
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (weak, rest) = match bytes.strip_prefix(b"W/") {
            Some(rest) => (true, rest),
            None => (false, bytes),
        };
        let rest = rest.strip_prefix(b"\"")?;
        let end = rest.iter().position(|&byte| byte == b'"')?;
        let (opaque, rest) = (&rest[..end], &rest[end + 1..]);
        opaque
            .iter()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..))
            .then_some((Self { weak, opaque }, rest))
    }

    /// Both strong and the same, byte for byte (RFC 9110 §8.8.3.2).
    pub fn strong_eq(self, other: EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// The same, strong or not (RFC 9110 §8.8.3.2).
    pub fn weak_eq(self, other: EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

/// Whether a list of tags, `*` or `#entity-tag`, names one for which `matches` holds. `lines` are the field's lines in order, which read as one list
/// (RFC 9110 §5.3).
///
/// `*` names whatever there is. A malformed list names nothing: If-Match then fails and If-None-Match lets the whole answer through, and both are
/// safe.
pub fn list_names(lines: &[&[u8]], matches: impl Fn(EntityTag<'_>) -> bool) -> bool {
    if let [b"*"] = lines {
        return true;
    }
    let mut found = false;
    for line in lines {
        let mut rest = line.trim_ascii();
        while !rest.is_empty() {
            // A list may have empty elements (RFC 9110 §5.6.1.2).
            if let Some(behind) = rest.strip_prefix(b",") {
                rest = behind.trim_ascii_start();
                continue;
            }
            let Some((tag, behind)) = EntityTag::split(rest) else {
                return false;
            };
            rest = behind.trim_ascii_start();
            if !matches!(rest, [] | [b',', ..]) {
                return false;
            }
            found |= matches(tag);
        }
    }
    found
}

/// The tag of a version of a file as a field value, quotes and all.
///
/// `version` tells the content from any other that the file had, or will have once it is `settled`. The clock that stamps files ticks coarsely,
/// every few milliseconds on Linux and every two seconds on FAT: a file that is written twice within a tick keeps its time, and perhaps its
/// length, though its bytes differ. Until a tick has surely passed the file is not settled and the tag is weak (RFC 9110 §8.8.1: a validator that may not tell every
/// change is weak). The opaque part is the same either way, so that what a browser kept under the weak tag is found again.
pub fn of_version(version: u64, settled: bool) -> String {
    let weak = if settled { "" } else { "W/" };
    format!("{weak}\"{version:x}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tag(field: &str) -> EntityTag<'_> {
        EntityTag::parse(field.as_bytes()).unwrap()
    }

    #[test]
    fn the_table_of_the_two_comparisons() {
        // RFC 9110 §8.8.3.2, table 3.
        let table = [
            (r#"W/"1""#, r#"W/"1""#, false, true),
            (r#"W/"1""#, r#"W/"2""#, false, false),
            (r#"W/"1""#, r#""1""#, false, true),
            (r#""1""#, r#""1""#, true, true),
        ];
        for (one, other, strong, weak) in table {
            for (one, other) in [(tag(one), tag(other)), (tag(other), tag(one))] {
                assert_eq!(one.strong_eq(other), strong, "{one:?} {other:?}");
                assert_eq!(one.weak_eq(other), weak, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn tags_are_read() {
        for (field, weak, opaque) in [
            (r#""xyzzy""#, false, "xyzzy"),
            (r#"W/"xyzzy""#, true, "xyzzy"),
            (r#""""#, false, ""),
            (r#""a,b""#, false, "a,b"),
        ] {
            let opaque = opaque.as_bytes();
            assert_eq!(tag(field), EntityTag { weak, opaque });
        }
        for field in [
            "", "a", "\"", "\"a", "a\"", "w/\"a\"", "W/ \"a\"", "\"a b\"", "\"a\"b", "\"\x7f\"",
            "W/", "*",
        ] {
            assert_eq!(EntityTag::parse(field.as_bytes()), None, "{field}");
        }
        assert!(EntityTag::parse(b"\"\xe9\"").is_some());
    }

    #[test]
    fn lists_are_read_over_all_their_lines() {
        let names = |lines: &[&str]| {
            let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
            list_names(&lines, |tag| tag.opaque == b"x,y")
        };
        for lines in [
            &["*"][..],
            &[r#""x,y""#],
            &[r#""a","x,y""#],
            &[r#"W/"x,y"   ,	"b""#],
            &[r#", ,"a",,"x,y","#],
            &[r#""a""#, r#""x,y""#],
            &["", r#""x,y""#],
        ] {
            assert!(names(lines), "{lines:?}");
        }
        for lines in [
            &[][..],
            &[""],
            &[","],
            &[r#""x""#, r#""y""#],
            // Malformed lists.
            &["x,y"],
            &[r#""x,y" "b""#],
            &[r#""x,y""b""#],
            &[r#""x,y", b"#],
            &[r#""x,y", "b"#],
            &[r#"*, "x,y""#],
            &[r#""x,y", *"#],
            &["*", "*"],
            &["*", r#""x,y""#],
        ] {
            assert!(!names(lines), "{lines:?}");
        }
    }

    #[test]
    fn a_files_tag_is_strong_once_it_has_settled() {
        let (early, late) = (of_version(255, false), of_version(255, true));
        assert_eq!((early.as_str(), late.as_str()), ("W/\"ff\"", "\"ff\""));
        assert!(tag(&early).weak_eq(tag(&late)) && !tag(&early).strong_eq(tag(&late)));
    }

    proptest! {
        #[test]
        fn no_list_panics(line in "[W/\"*, a\\x00-\\xff]{0,30}", raw in prop::collection::vec(any::<u8>(), 0..40)) {
            list_names(&[line.as_bytes(), &raw], |_| true);
        }

        #[test]
        fn a_list_names_each_of_its_tags(tags in prop::collection::vec("[!#-~]{0,8}", 1..6), pick: prop::sample::Index) {
            let line = tags.iter().map(|tag| format!("\"{tag}\"")).collect::<Vec<_>>().join(" , ");
            let wanted = pick.get(&tags).as_bytes();
            prop_assert!(list_names(&[line.as_bytes()], |tag| tag.opaque == wanted));
        }
    }
}
