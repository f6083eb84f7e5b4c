//! What a path leads to, and which part or state of it a client gets.

use std::time::{Duration, Instant};

use sockscope::net::files::{Hidden, Links, Listing, Root};
use sockscope::proto::http::rule::Rule;
use sockscope::trace::web::Phase;

use crate::support::web::{DIGITS, GET, Lab, Response, wait_until};

/// A server for which the files are long settled, so that their tags are strong.
fn settled() -> Lab {
    Lab::with(|setup| setup.wall += Duration::from_secs(3_600))
}

/// A request for `/a.txt` with fields.
fn with_fields(method: &str, fields: &str) -> String {
    format!("{method} /a.txt HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
}

/// A request for a target.
fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")
}

/// Asks and compares status and rule.
fn assert_answer(lab: &mut Lab, request: &str, status: u16, rule: Rule) -> Response {
    let response = lab.ask(request);
    assert_eq!(response.status, status, "{request}");
    let exchange = lab.exchange();
    assert_eq!(exchange.rule, Some(rule), "{request}");
    response
}

#[test]
fn ranges() {
    let mut lab = settled();
    // Field lines, status, and the content range with the content.
    let table = [
        ("Range: bytes=0-3\r\n", 206, "bytes 0-3/10", "0123"),
        ("Range: bytes=5-\r\n", 206, "bytes 5-9/10", "56789"),
        ("Range: bytes=5-99\r\n", 206, "bytes 5-9/10", "56789"),
        ("Range: bytes=-3\r\n", 206, "bytes 7-9/10", "789"),
        ("Range: bytes=-99\r\n", 206, "bytes 0-9/10", DIGITS),
        ("Range: bytes=8-, 999-\r\n", 206, "bytes 8-9/10", "89"),
        ("Range: bytes=999-\r\n", 416, "bytes */10", ""),
        ("Range: bytes=-0\r\n", 416, "bytes */10", ""),
        (
            "Range: bytes=18446744073709551615-\r\n",
            416,
            "bytes */10",
            "",
        ),
        ("Range: bytes=5-2\r\n", 200, "", DIGITS),
        (
            "Range: bytes=99999999999999999999-\r\n",
            416,
            "bytes */10",
            "",
        ),
        ("Range: bytes=a-b\r\n", 200, "", DIGITS),
        ("Range: bytes=\r\n", 200, "", DIGITS),
        ("Range: foo=0-3\r\n", 200, "", DIGITS),
        ("Range: bytes=0-1\r\nRange: bytes=2-3\r\n", 200, "", DIGITS),
        (
            "If-Range: \"stale\"\r\nRange: bytes=0-3\r\n",
            200,
            "",
            DIGITS,
        ),
        (
            "If-Range: nonsense\r\nRange: bytes=0-3\r\n",
            200,
            "",
            DIGITS,
        ),
        (
            "If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\nRange: bytes=0-3\r\n",
            200,
            "",
            DIGITS,
        ),
        ("If-Range: \"stale\"\r\n", 200, "", DIGITS),
    ];
    for (fields, status, content_range, content) in table {
        let rule = match status {
            206 => Rule::RangeSelected,
            416 => Rule::RangeNotSatisfiable,
            _ => Rule::Found,
        };
        let response = assert_answer(&mut lab, &with_fields("GET", fields), status, rule);
        assert_eq!(
            response.field("Content-Range").unwrap_or_default(),
            content_range,
            "{fields}"
        );
        if status != 416 {
            assert_eq!(response.text(), content, "{fields}");
            assert_eq!(response.field("Accept-Ranges"), Some("bytes"), "{fields}");
        }
        // Only GET has ranges.
        let head = lab.ask(&with_fields("HEAD", fields));
        lab.exchange();
        assert_eq!(
            (head.status, head.field("Content-Length")),
            (200, Some("10"))
        );
    }
    // 206 repeats what 200 would say.
    let whole = lab.ask(GET);
    let current = whole.field("ETag").expect("a tag");
    let fields = format!("If-Range: {current}\r\nRange: bytes=0-3\r\n");
    let part = lab.ask(&with_fields("GET", &fields));
    assert_eq!((part.status, part.text()), (206, "0123"));
    for name in ["ETag", "Cache-Control", "Last-Modified", "Content-Type"] {
        assert_eq!(part.field(name), whole.field(name), "{name}");
    }
}

#[test]
fn several_ranges_are_one_answer_in_parts() {
    let lab = Lab::new();
    let response = lab.ask(&with_fields("GET", "Range: bytes=0-1,3-4,-1\r\n"));
    assert_eq!(
        (response.status, response.field("Content-Range")),
        (206, None)
    );
    let kind = response.field("Content-Type").expect("it is told");
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .expect("a multipart");
    let parts: Vec<&str> = response.text().split(&format!("--{boundary}")).collect();
    let [before, one, two, three, end] = parts.try_into().expect("three parts");
    assert_eq!((before, end), ("\r\n", "--\r\n"));
    for (part, range, content) in [
        (one, "bytes 0-1/10", "01"),
        (two, "bytes 3-4/10", "34"),
        (three, "bytes 9-9/10", "9"),
    ] {
        let (head, body) = part.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(&format!("Content-Range: {range}")), "{head}");
        assert!(head.contains("Content-Type: text/plain"), "{head}");
        assert_eq!(body, format!("{content}\r\n"));
    }
}

#[test]
fn large_files_in_parts() {
    let mut lab = Lab::new();
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    lab.file("large", &content);
    let ask = |lab: &Lab, fields: &str| {
        lab.ask(&format!("GET /large HTTP/1.1\r\nHost: h\r\n{fields}\r\n"))
    };
    assert!(ask(&lab, "").content == content);
    let part = ask(&lab, "Range: bytes=70000-1100000\r\n");
    assert!(part.content == content[70_000..=1_100_000]);
    let parts = ask(&lab, "Range: bytes=0-99999,1000000-1199999\r\n");
    let find = |wanted: &[u8]| {
        parts
            .content
            .windows(wanted.len())
            .position(|w| w == wanted)
    };
    let first = find(&content[..100_000]).expect("the first part");
    assert!(find(&content[1_000_000..]).expect("the second part") > first + 100_000);
}

#[test]
fn conditions() {
    let mut lab = settled();
    let whole = lab.ask(GET);
    lab.exchange();
    let tag = whole.field("ETag").expect("a tag").to_owned();
    assert!(tag.starts_with('"'), "strong: {tag}");
    let modified = whole.field("Last-Modified").expect("a date").to_owned();
    let date = httpdate::parse_http_date(&modified).expect("a date");
    let (rfc850, asctime) = old_forms(&modified);
    let later = httpdate::fmt_http_date(date + Duration::from_secs(60));
    const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    let none_match = (304, Rule::NoneMatchFailed);
    let not_modified = (304, Rule::NotModifiedSince);
    let found = (200, Rule::Found);
    let match_failed = (412, Rule::MatchFailed);
    let modified_since = (412, Rule::ModifiedSince);
    let table = [
        (format!("If-None-Match: {tag}\r\n"), none_match),
        (format!("If-None-Match: W/{tag}\r\n"), none_match),
        (format!("If-None-Match: \"x\", {tag}\r\n"), none_match),
        (
            format!("If-None-Match: \"x\"\r\nIf-None-Match: {tag}\r\n"),
            none_match,
        ),
        ("If-None-Match: *\r\n".to_owned(), none_match),
        ("If-None-Match: \"zz\"\r\n".to_owned(), found),
        (format!("If-Modified-Since: {modified}\r\n"), not_modified),
        (format!("If-Modified-Since: {rfc850}\r\n"), not_modified),
        (format!("If-Modified-Since: {asctime}\r\n"), not_modified),
        (format!("If-Modified-Since: {later}\r\n"), not_modified),
        (format!("If-Modified-Since: {OLD}\r\n"), found),
        ("If-Modified-Since: yesterday\r\n".to_owned(), found),
        // If-None-Match decides alone.
        (
            format!("If-Modified-Since: {modified}\r\nIf-None-Match: \"zz\"\r\n"),
            found,
        ),
        (
            format!("If-Modified-Since: {OLD}\r\nIf-None-Match: {tag}\r\n"),
            none_match,
        ),
        (format!("If-Match: {tag}\r\n"), found),
        ("If-Match: *\r\n".to_owned(), found),
        ("If-Match: \"zz\"\r\n".to_owned(), match_failed),
        (format!("If-Match: W/{tag}\r\n"), match_failed),
        (format!("If-Unmodified-Since: {OLD}\r\n"), modified_since),
        (format!("If-Unmodified-Since: {modified}\r\n"), found),
        (
            format!("If-Match: {tag}\r\nIf-Unmodified-Since: {OLD}\r\n"),
            found,
        ),
        // The first condition that fails decides.
        (
            format!("If-None-Match: {tag}\r\nIf-Match: \"zz\"\r\n"),
            match_failed,
        ),
        (
            format!("Range: bytes=0-3\r\nIf-None-Match: {tag}\r\n"),
            none_match,
        ),
        (
            "Range: bytes=999-\r\nIf-Match: \"zz\"\r\n".to_owned(),
            match_failed,
        ),
    ];
    for method in ["GET", "HEAD"] {
        for (fields, (status, rule)) in &table {
            let request = with_fields(method, fields);
            let response = assert_answer(&mut lab, &request, *status, *rule);
            if *status == 304 {
                for name in ["ETag", "Cache-Control"] {
                    assert_eq!(response.field(name), whole.field(name), "{request}");
                }
                assert_eq!(response.field("Content-Length"), None);
                assert!(response.field("Date").is_some());
            }
        }
    }
    // Conditions count only where the plain answer would be a success.
    let missing = "GET /none HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\n\r\n";
    assert_answer(&mut lab, missing, 404, Rule::NotFound);
    let posted = with_fields("POST", "If-Match: \"zz\"\r\n");
    assert_answer(&mut lab, &posted, 405, Rule::MethodNotAllowed);
}

/// A date in the forms of RFC 850 and of C's asctime (RFC 9110 §5.6.7).
fn old_forms(date: &str) -> (String, String) {
    let words: Vec<&str> = date
        .split([',', ' '])
        .filter(|word| !word.is_empty())
        .collect();
    let [weekday, day, month, year, time, _] = words.try_into().expect("an IMF-fixdate");
    let whole_weekday = match weekday {
        "Tue" => "Tuesday",
        "Wed" => "Wednesday",
        "Thu" => "Thursday",
        "Sat" => "Saturday",
        "Sun" => "Sunday",
        "Mon" => "Monday",
        _ => "Friday",
    };
    let padded = format!("{:>2}", day.trim_start_matches('0'));
    (
        format!("{whole_weekday}, {day}-{month}-{} {time} GMT", &year[2..]),
        format!("{weekday} {month} {padded} {time} {year}"),
    )
}

#[test]
fn a_file_that_may_still_change_has_a_weak_tag_and_a_change_is_seen_at_once() {
    let mut lab = Lab::new();
    let first = lab.ask(GET);
    let tag = first.field("ETag").expect("a tag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    assert_eq!(first.field("Cache-Control"), Some("no-cache"));
    for n in 0..50 {
        let content = format!("{n:10}");
        lab.file("a.txt", &content);
        assert_eq!(lab.ask(GET).text(), content);
    }
    lab.until("the tag is strong", |lab| {
        let response = lab.ask(GET);
        response
            .field("ETag")
            .is_some_and(|tag| tag.starts_with('"'))
    });
    // Strong, and kept in memory: a change is seen all the same.
    lab.file("a.txt", "changed");
    lab.until("the change is seen", |lab| lab.ask(GET).text() == "changed");
    std::fs::remove_file(lab.path().join("a.txt")).expect("it is there");
    lab.until("it is gone", |lab| lab.ask(GET).status == 404);
}

#[test]
fn a_file_that_changes_while_a_body_arrives_is_answered_as_it_is_now() {
    let mut lab = settled();
    let mut slow = lab.connect();
    slow.send("GET /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n1");
    lab.until_phases(&[Phase::Reading]);
    // Another request brings the file into memory meanwhile.
    lab.until("the file is known", |lab| {
        lab.ask(GET).text() == DIGITS && lab.connections().len() == 1
    });
    lab.file("a.txt", "changed");
    // What was looked at is trusted for a millisecond.
    let changed = Instant::now();
    wait_until("it is no longer trusted", || {
        changed.elapsed() > Duration::from_millis(2)
    });
    slow.send("2");
    assert_eq!(slow.response(GET.as_bytes()).text(), "changed");
}

#[test]
fn a_file_of_the_future_is_not_modified_later_than_now() {
    let lab = Lab::new();
    let file = std::fs::File::options()
        .write(true)
        .open(lab.path().join("a.txt"))
        .expect("it is there");
    let future = std::time::SystemTime::now() + Duration::from_secs(86_400);
    file.set_modified(future).expect("its time can be set");
    let response = lab.ask(GET);
    let date = |name| {
        let value = response.field(name).expect("a date");
        httpdate::parse_http_date(value).expect("a date")
    };
    assert!(date("Last-Modified") <= date("Date"));
}

#[test]
fn paths() {
    let mut lab = Lab::new();
    lab.file("sub/x.html", "x");
    lab.file("evil.com/index.html", "index");
    lab.file(".secret", "secret");
    lab.file("sp ace.txt", "space");
    lab.file("é.txt", "e");
    let table: &[(&str, u16, Rule)] = &[
        ("/", 200, Rule::Listed),
        ("/none", 404, Rule::NotFound),
        ("/a.txt/", 404, Rule::FileIsNoFolder),
        ("/a.txt?x=1", 200, Rule::Found),
        ("//a.txt", 200, Rule::Found),
        ("/./sub/../a.txt", 200, Rule::Found),
        ("/%61.txt", 200, Rule::Found),
        ("/sp%20ace.txt", 200, Rule::Found),
        ("/%C3%A9.txt", 200, Rule::Found),
        ("/evil.com/", 200, Rule::Found),
        ("/sub/", 200, Rule::Listed),
        ("/a%00.txt", 400, Rule::NulInPath),
        ("/%zz", 400, Rule::InvalidPercentEncoding),
        ("/%4", 400, Rule::InvalidPercentEncoding),
        ("/..", 400, Rule::LeavesFolder),
        ("/../../../../etc/passwd", 400, Rule::LeavesFolder),
        ("/%2e%2e/%2e%2e/etc/passwd", 400, Rule::LeavesFolder),
        ("/sub/../../etc/passwd", 400, Rule::LeavesFolder),
        ("/..%2f..%2fetc/passwd", 404, Rule::UnsafePath),
        ("/..%5c..%5cetc/passwd", 404, Rule::UnsafePath),
        ("/%c0%ae%c0%ae/etc/passwd", 404, Rule::UnsafePath),
        ("/c:/windows", 404, Rule::UnsafePath),
        ("/con.txt", 404, Rule::UnsafePath),
        ("/.secret", 404, Rule::HiddenFile),
        ("/%2Esecret", 404, Rule::HiddenFile),
        ("/sub", 301, Rule::FolderNeedsSlash),
    ];
    for &(target, status, rule) in table {
        let response = assert_answer(&mut lab, &get(target), status, rule);
        assert!(!response.text().contains("secret"), "{target}");
        // HEAD says the same without content.
        let head = lab.ask(&get(target).replace("GET", "HEAD"));
        lab.exchange();
        assert_eq!(head.lasting().0, response.lasting().0, "{target}");
    }
}

#[test]
fn a_folder_without_its_slash_is_redirected_to_this_server() {
    let mut lab = Lab::new();
    lab.file("sub/index.html", "index");
    lab.file("evil.com/index.html", "index");
    for (target, location) in [
        ("/sub", "/sub/"),
        ("/sub?a=1&b=/", "/sub/?a=1&b=/"),
        ("//sub", "/sub/"),
        ("//evil.com", "/evil.com/"),
        ("//evil.com/x/%2e%2e/../evil.com", "/evil.com/"),
        ("http://other//evil.com", "/evil.com/"),
    ] {
        let response = lab.ask(&get(target));
        assert_eq!(response.status, 301, "{target}");
        assert_eq!(response.field("Location"), Some(location), "{target}");
    }
    assert_eq!(lab.ask(&get("/sub/")).text(), "index");
    // What leads to the root itself is no redirect at all.
    let root = lab.ask(&get("//evil.com/%2e%2e"));
    assert_eq!((root.status, root.field("Location")), (200, None));
}

#[cfg(unix)]
#[test]
fn a_listing_is_text() {
    let mut lab = Lab::new();
    lab.file("<script>.txt", "");
    lab.file("b10.txt", "");
    lab.file("b9.txt", "");
    lab.file(".hidden", "");
    let response = lab.ask(&get("/"));
    assert_eq!(
        response.field("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    let page = response.text();
    assert!(!page.contains("<script>.txt") && !page.contains(".hidden"));
    let at = |name: &str| {
        page.find(name)
            .unwrap_or_else(|| panic!("{name} in {page}"))
    };
    assert!(at("&lt;script&gt;") > 0 && at("%3Cscript%3E") > 0);
    assert!(at("a.txt") < at("b9.txt") && at("b9.txt") < at("b10.txt"));

    let mut off = Lab::with(|setup| setup.config.policy.listing = Listing::Off);
    assert_answer(&mut off, &get("/"), 403, Rule::ListingOff);
}

#[test]
fn hidden_names_where_they_may_be_served() {
    let mut lab = Lab::with(|setup| setup.config.policy.hidden = Hidden::Served);
    lab.file(".hidden", "seen");
    assert_eq!(lab.ask(&get("/.hidden")).text(), "seen");
    assert!(lab.ask(&get("/")).text().contains(".hidden"));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_of_the_folder_is_refused_and_never_waited_for() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    let outside = crate::support::folder();
    std::fs::write(outside.path().join("out.txt"), "outside").expect("it can be written");
    for links in [Links::Inside, Links::Anywhere] {
        let mut lab = Lab::with(|setup| setup.config.policy.links = links);
        let path = |name: &str| lab.path().join(name);
        symlink(outside.path().join("out.txt"), path("out.txt")).expect("a link");
        symlink(outside.path(), path("out")).expect("a link");
        symlink("a.txt", path("in.txt")).expect("a link");
        symlink("nowhere", path("dangling")).expect("a link");
        symlink("loop", path("loop")).expect("a link");
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        let _socket = UnixListener::bind(path("socket")).expect("a socket");
        std::fs::write(path("mine"), "mine").expect("a file");
        std::fs::set_permissions(path("mine"), PermissionsExt::from_mode(0o000))
            .expect("it is ours");
        let may_read = std::fs::read(path("mine")).is_ok();
        assert_eq!(lab.ask(&get("/in.txt")).text(), DIGITS);
        lab.exchange();
        assert_answer(&mut lab, &get("/fifo"), 403, Rule::NotAFile);
        assert_answer(&mut lab, &get("/socket"), 403, Rule::NotAFile);
        let (status, rule) = match may_read {
            true => (200, Rule::Found),
            false => (403, Rule::NoPermission),
        };
        assert_answer(&mut lab, &get("/mine"), status, rule);
        let (status, rule) = match links {
            Links::Inside => (403, Rule::LinkLeavesFolder),
            Links::Anywhere => (200, Rule::Found),
        };
        assert_answer(&mut lab, &get("/out.txt"), status, rule);
        assert_answer(&mut lab, &get("/out/out.txt"), status, rule);
        assert_eq!(lab.ask(&get("/dangling")).status, 404);
        assert!(matches!(lab.ask(&get("/loop")).status, 403 | 404));
        assert_eq!(lab.ask(GET).status, 200);
    }
}

#[test]
fn media_types() {
    let mut lab = Lab::new();
    for (name, media_type) in [
        ("x.html", "text/html; charset=utf-8"),
        ("x.txt", "text/plain; charset=utf-8"),
        ("x.css", "text/css; charset=utf-8"),
        ("x.js", "text/javascript; charset=utf-8"),
        ("x.json", "application/json; charset=utf-8"),
        ("x.svg", "image/svg+xml; charset=utf-8"),
        ("x.png", "image/png"),
        ("x.jpg", "image/jpeg"),
        ("x.PDF", "application/pdf"),
        ("x.md", "text/plain; charset=utf-8"),
        ("noextension", "application/octet-stream"),
        ("x.unknown-extension", "application/octet-stream"),
    ] {
        lab.file(name, "x");
        let response = lab.ask(&get(&format!("/{name}")));
        assert_eq!(response.field("Content-Type"), Some(media_type), "{name}");
    }
}

#[test]
fn compressed_siblings() {
    let mut lab = Lab::new();
    lab.file("page.html", "plain");
    lab.file("page.html.gz", "gzipped");
    lab.file("page.html.br", "brotli");
    let ask = |accepted: &str| {
        lab.ask(&format!(
            "GET /page.html HTTP/1.1\r\nHost: h\r\n{accepted}\r\n"
        ))
    };
    let mut tags = Vec::new();
    for (accepted, content, coding) in [
        ("", "plain", None),
        ("Accept-Encoding: gzip\r\n", "gzipped", Some("gzip")),
        ("Accept-Encoding: gzip, br\r\n", "brotli", Some("br")),
        (
            "Accept-Encoding: br;q=0.1, gzip\r\n",
            "gzipped",
            Some("gzip"),
        ),
        (
            "Accept-Encoding: br;q=0\r\nAccept-Encoding: gzip;q=0\r\n",
            "plain",
            None,
        ),
        ("Accept-Encoding: zstd\r\n", "plain", None),
    ] {
        let response = ask(accepted);
        assert_eq!(response.text(), content, "{accepted}");
        assert_eq!(response.field("Content-Encoding"), coding, "{accepted}");
        assert_eq!(
            response.field("Vary"),
            Some("Accept-Encoding"),
            "{accepted}"
        );
        assert_eq!(
            response.field("Content-Type"),
            Some("text/html; charset=utf-8")
        );
        let tag = response.field("ETag").expect("a tag").to_owned();
        let same = ask(&format!("{accepted}If-None-Match: {tag}\r\n"));
        assert_eq!(
            (same.status, same.field("Vary")),
            (304, Some("Accept-Encoding"))
        );
        tags.push(tag);
    }
    // Plain, gzip, br: one tag each.
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3);
    assert_eq!(lab.ask(GET).field("Vary"), None);
}

#[test]
fn the_pages_that_the_program_brings_along() {
    let mut lab = Lab::with(|setup| setup.config.root = Root::Embedded);
    let hello = assert_answer(&mut lab, &get("/HelloWorld.html"), 200, Rule::Found);
    assert!(hello.text().contains("Hello"));
    let index = assert_answer(&mut lab, &get("/"), 200, Rule::Found);
    assert_eq!(
        index.field("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    assert_answer(&mut lab, &get("/a.txt"), 404, Rule::NotFound);
}
