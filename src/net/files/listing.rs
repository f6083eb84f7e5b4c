//! A folder as a page. Names are whatever somebody called a file: each is escaped for HTML, percent-encoded in its link, and shown without a link
//! where no request could ask for it.

use std::cmp::Ordering;
use std::fmt::Write as _;

use chrono::DateTime;

use crate::net::os::folder::{Entries, Entry, Kind};
use crate::proto::http::target::is_safe_name;
use crate::trace::escape::escape_hostile;

const STYLE: &str = ":root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.15rem 1rem .15rem 0;border-bottom:1px solid #8884}\
td:first-child{overflow-wrap:anywhere}\
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}";

/// The page for the folder at `path`, folders first, names in natural order.
pub fn page(path: &str, mut entries: Entries) -> String {
    entries.shown.sort_by(order);
    let title = if path.is_empty() {
        "/".to_owned()
    } else {
        format!("/{}/", escape_html(&escape_hostile(path)))
    };
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Index of {title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Index of <bdi>{title}</bdi></h1>\n<table>\n\
         <thead><tr><th>Name</th><th class=\"n\">Size</th><th class=\"n\">Changed (UTC)</th></tr></thead>\n<tbody>\n"
    );
    if !path.is_empty() {
        page.push_str("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    }
    for entry in &entries.shown {
        push_row(&mut page, entry);
    }
    page.push_str("</tbody>\n</table>\n");
    push_count(&mut page, &entries);
    page.push_str("</body>\n</html>\n");
    page
}

// Writing to a String cannot fail, here and below.
fn push_row(page: &mut String, entry: &Entry) {
    let slash = match entry.kind {
        Kind::Folder => "/",
        Kind::File => "",
    };
    let name = escape_hostile(entry.name.as_encoded_bytes());
    let name = escape_html(&name);
    page.push_str("<tr><td>");
    match entry.name.to_str().filter(|name| is_safe_name(name)) {
        Some(raw) => {
            let link = percent_encode(raw);
            let _ = write!(
                page,
                "<a href=\"{link}{slash}\"><bdi>{name}</bdi>{slash}</a>"
            );
        }
        None => {
            let _ = write!(page, "<bdi>{name}</bdi>{slash}");
        }
    }
    page.push_str("</td><td class=\"n\">");
    if entry.kind == Kind::File {
        push_size(page, entry.length);
    }
    page.push_str("</td><td class=\"n\">");
    if let Some(modified) = entry.modified {
        let modified = DateTime::from_timestamp_nanos(modified);
        let _ = write!(page, "{}", modified.format("%Y-%m-%d %H:%M:%S"));
    }
    page.push_str("</td></tr>\n");
}

fn push_count(page: &mut String, entries: &Entries) {
    let shown = entries.shown.len();
    let _ = match (entries.more, entries.uncounted) {
        (0, false) if shown == 0 => writeln!(page, "<p>Nothing is here.</p>"),
        (0, false) => return,
        (more, false) => writeln!(page, "<p>{shown} are shown, {more} more are not.</p>"),
        (more, true) => writeln!(page, "<p>{shown} are shown, more than {more} are not.</p>"),
    };
}

/// `1023 B`, and above with one decimal in powers of 1,024.
fn push_size(page: &mut String, bytes: u64) {
    if bytes < 1024 {
        let _ = write!(page, "{bytes} B");
        return;
    }
    let mut size = bytes as f64 / 1024.0;
    let mut unit = "KiB";
    for larger in ["MiB", "GiB", "TiB", "PiB"] {
        // What would be rounded to 1024.0 belongs to the next unit.
        if size < 1023.95 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    let _ = write!(page, "{size:.1} {unit}");
}

/// Text between tags and in quoted attributes (HTML standard §13.1.2).
fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// Everything but the unreserved characters (RFC 3986 §2.3), so that no name can be taken for a scheme, a query or a dot segment.
fn percent_encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Folders before files, then as [`natural`] has it, then by bytes.
fn order(a: &Entry, b: &Entry) -> Ordering {
    let rank = |entry: &Entry| entry.kind == Kind::File;
    let (a_name, b_name) = (a.name.as_encoded_bytes(), b.name.as_encoded_bytes());
    rank(a)
        .cmp(&rank(b))
        .then_with(|| natural(a_name, b_name))
        .then_with(|| a_name.cmp(b_name))
}

/// Runs of digits by their number, other bytes without regard to ASCII case: `page2` before `Page10`.
fn natural(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let (Some(&first), Some(&second)) = (a.first(), b.first()) else {
            return a.len().cmp(&b.len());
        };
        if first.is_ascii_digit() && second.is_ascii_digit() {
            let (one, other) = (number(&mut a), number(&mut b));
            // Without leading zeros, the longer number is the larger one.
            let by_number = one.len().cmp(&other.len()).then_with(|| one.cmp(other));
            if by_number.is_ne() {
                return by_number;
            }
        } else {
            let by_byte = first.to_ascii_lowercase().cmp(&second.to_ascii_lowercase());
            if by_byte.is_ne() {
                return by_byte;
            }
            (a, b) = (&a[1..], &b[1..]);
        }
    }
}

/// Takes the digits at the front, and gives them without leading zeros.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn file(name: &str) -> Entry {
        Entry {
            name: name.into(),
            kind: Kind::File,
            length: 1,
            modified: Some(0),
        }
    }

    fn listed(names: impl IntoIterator<Item = OsString>) -> String {
        let shown = names
            .into_iter()
            .map(|name| Entry { name, ..file("") })
            .collect();
        page(
            "a/b",
            Entries {
                shown,
                ..Entries::default()
            },
        )
    }

    #[test]
    fn natural_order() {
        for sorted in [
            ["a", "B", "c"],
            ["page2", "page10", "page11"],
            ["x1y2", "x1y10", "x2"],
            ["1", "2", "10"],
            ["a", "a1", "ab"],
            ["img007", "img8", "img09"],
        ] {
            for pair in sorted.windows(2) {
                let (a, b) = (pair[0].as_bytes(), pair[1].as_bytes());
                assert_eq!(natural(a, b), Ordering::Less, "{pair:?}");
                assert_eq!(natural(b, a), Ordering::Greater, "{pair:?}");
            }
        }
        assert_eq!(natural(b"A01", b"a1"), Ordering::Equal);
        let folder = Entry {
            kind: Kind::Folder,
            ..file("z")
        };
        assert_eq!(order(&folder, &file("a")), Ordering::Less);
        assert_eq!(order(&file("A01"), &file("a1")), Ordering::Less);
    }

    proptest::proptest! {
        #[test]
        fn order_is_total(names in proptest::collection::vec("[a-bA0-1.]{0,4}", 3)) {
            let [a, b, c] = [0, 1, 2].map(|n: usize| file(&names[n]));
            assert_eq!(order(&a, &b), order(&b, &a).reverse());
            if order(&a, &b).is_le() && order(&b, &c).is_le() {
                assert!(order(&a, &c).is_le());
            }
        }
    }

    #[test]
    fn hostile_names_stay_text() {
        for (name, shown, link) in [
            (
                "<script>alert(1)</script>",
                "&lt;script&gt;alert(1)",
                "%3Cscript%3Ealert%281%29%3C%2Fscript%3E",
            ),
            ("a\"b'c&d", "a&quot;b&#39;c&amp;d", "a%22b%27c%26d"),
            ("two\nlines", "two\\nlines", "two%0Alines"),
            (
                "cod\u{202e}exe.txt",
                "cod\\u{202e}exe.txt",
                "cod%E2%80%AEexe.txt",
            ),
            ("q?x#y%z", "q?x#y%z", "q%3Fx%23y%25z"),
            (
                "中文 页.html",
                "中文 页.html",
                "%E4%B8%AD%E6%96%87%20%E9%A1%B5.html",
            ),
        ] {
            let page = listed([name.into()]);
            assert!(page.contains(shown), "{page}");
            assert_eq!(
                page.contains(&format!("href=\"{link}\"")),
                !name.contains('/')
            );
            assert!(!page.contains("<script"));
            assert!(!page.contains('\u{202e}'));
        }
    }

    #[test]
    fn names_that_no_request_reaches_have_no_link() {
        for name in ["back\\slash", "c:drive", "dot.", "space ", "con.txt"] {
            let page = listed([name.into()]);
            assert_eq!(page.matches("href").count(), 1, "{page}");
            assert!(page.contains("<bdi>"));
        }
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStringExt as _;
            let page = listed([OsString::from_vec(b"caf\xe9".to_vec())]);
            assert_eq!(page.matches("href").count(), 1);
            assert!(page.contains("caf\\xe9"), "{page}");
        }
    }

    #[test]
    fn the_page_is_whole() {
        let page = listed(["b10".into(), "b9".into()]);
        assert!(
            page.starts_with(
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"
            )
        );
        assert!(page.contains("<title>Index of /a/b/</title>"));
        assert!(page.contains("<a href=\"../\">"));
        assert!(page.contains("1970-01-01 00:00:00"));
        assert!(page.find(">b9<") < page.find(">b10<"));
        assert!(page.ends_with("</html>\n"));
        let empty = super::page("", Entries::default());
        assert!(empty.contains("<title>Index of /</title>"));
        assert!(empty.contains("Nothing is here."));
        assert!(!empty.contains("href"));
    }

    #[test]
    fn sizes() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (8 << 20, "8.0 MiB"),
            (u64::MAX, "16384.0 PiB"),
        ] {
            let mut out = String::new();
            push_size(&mut out, bytes);
            assert_eq!(out, text);
        }
    }
}
