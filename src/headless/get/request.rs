//! From a URL and wishes to the bytes of one correct request. Strict and small: what cannot be sent as it was asked for is refused with a reason,
//! so that no argument can smuggle a line into the head.

use crate::proto::http::script::{authority, is_token};
use crate::settings::Target;

/// Why an invocation makes no request; each holds the argument that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// `https:` is not spoken here.
    Https,
    Url(String),
    Method(String),
    Field(String),
}

/// Where to, and what to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    pub target: Target,
    /// In origin form (RFC 9112 §3.2.1): path and query, without a fragment.
    pub path: String,
}

impl Url {
    /// Reads `http://host[:port][/path][?query][#fragment]` (RFC 3986 §3, RFC 9110 §4.2.1), also without the scheme, as people type it. Letters beyond ASCII are percent-encoded as UTF-8, as
    /// browsers do; all else goes out as it stands, dot segments and wrong percent signs too.
    ///
    /// # Errors
    /// Another scheme, a user name (RFC 9110 §4.2.4), white space, control characters, or what is no host or port.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let bad = || Refused::Url(text.to_owned());
        let (scheme, rest) = match text.split_once("://") {
            // Not the one of a URL inside the query.
            Some((scheme, rest)) if !scheme.contains(['/', '?', '#']) => (scheme, rest),
            _ => ("http", text),
        };
        if scheme.eq_ignore_ascii_case("https") {
            return Err(Refused::Https);
        }
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(bad());
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (place, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let target = read_place(place).ok_or_else(bad)?;
        if path.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(bad());
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let encoded: String = path.chars().map(encoded).collect();
        Ok(Self {
            target,
            path: format!("{slash}{encoded}"),
        })
    }
}

/// A host and a port, 80 when none is named.
fn read_place(place: &str) -> Option<Target> {
    let is_address = place.starts_with('[');
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !is_address || host.ends_with(']') => (host, port),
        _ => (place, ""),
    };
    let port = if port.is_empty() { "80" } else { port };
    let is_plain = place.is_ascii()
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && (is_address || !host.contains(':'));
    is_plain
        .then(|| format!("{host}:{port}").parse().ok())
        .flatten()
}

/// A character of a path, percent-encoded where it has no place in a request line (RFC 3986 §2.1).
fn encoded(c: char) -> String {
    if c.is_ascii() {
        return c.to_string();
    }
    let mut buffer = [0; 4];
    let bytes = c.encode_utf8(&mut buffer).bytes();
    bytes.map(|byte| format!("%{byte:02X}")).collect()
}

/// The request: what the fields ask for, what every request from here has unless they ask for something else, and the content.
///
/// Each field is `Name: value`, which replaces a field that would be sent anyway; `Name:` takes it out, and `Name;` sends an empty one, as with
/// curl.
///
/// # Errors
/// A method or a name that is no token (RFC 9110 §5.6.2), or a value that holds a control character (RFC 9110 §5.5).
pub fn build(
    url: &Url,
    method: &str,
    fields: &[String],
    content: Option<&str>,
) -> Result<Vec<u8>, Refused> {
    if !is_token(method) {
        return Err(Refused::Method(method.to_owned()));
    }
    let wishes = fields.iter().map(|field| {
        let wish = Wish::read(field);
        wish.ok_or_else(|| Refused::Field(field.clone()))
    });
    let wishes: Vec<Wish> = wishes.collect::<Result<_, _>>()?;
    let mut own = vec![
        ("Host", authority(&url.target.host, url.target.port)),
        (
            "User-Agent",
            concat!("sockscope/", env!("CARGO_PKG_VERSION")).to_owned(),
        ),
        ("Accept", "*/*".to_owned()),
        ("Connection", "close".to_owned()),
    ];
    if content.is_some() {
        own.push(("Content-Type", "text/plain; charset=utf-8".to_owned()));
    }
    if content.is_some() || matches!(method, "POST" | "PUT" | "PATCH") {
        // These methods say so even when there is none (RFC 9110 §8.6).
        let length = content.map_or(0, str::len);
        own.push(("Content-Length", length.to_string()));
    }
    let mut request = format!("{method} {} HTTP/1.1\r\n", url.path);
    let mut push = |name: &str, value: &str| {
        let space = if value.is_empty() { "" } else { " " };
        request.push_str(&format!("{name}:{space}{value}\r\n"));
    };
    for (name, value) in &own {
        let mut asked = wishes.iter().filter(|wish| wish.is_for(name)).peekable();
        if asked.peek().is_none() {
            push(name, value);
        }
        asked
            .filter_map(|wish| wish.value.map(|value| (wish.name, value)))
            .for_each(|(name, value)| push(name, value));
    }
    for wish in &wishes {
        if let Some(value) = wish.value
            && !own.iter().any(|(name, _)| wish.is_for(name))
        {
            push(wish.name, value);
        }
    }
    request.push_str("\r\n");
    request.push_str(content.unwrap_or_default());
    Ok(request.into_bytes())
}

/// A field as it is asked for.
struct Wish<'a> {
    name: &'a str,
    /// `None` for a field that is not to be sent.
    value: Option<&'a str>,
}

impl<'a> Wish<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (name, value) = match (text.split_once(':'), text.strip_suffix(';')) {
            (Some((name, value)), _) => {
                let value = value.trim_ascii();
                (name, (!value.is_empty()).then_some(value))
            }
            (None, Some(name)) => (name, Some("")),
            (None, None) => return None,
        };
        let is_right = is_token(name) && !text.chars().any(|c| c.is_control() && c != '\t');
        is_right.then_some(Self { name, value })
    }

    fn is_for(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_are_read() {
        for (text, target, path) in [
            (
                "http://127.0.0.1:6789/HelloWorld.html",
                "127.0.0.1:6789",
                "/HelloWorld.html",
            ),
            ("HTTP://example.org", "example.org:80", "/"),
            ("http://example.org:", "example.org:80", "/"),
            ("http://example.org?a=b#c", "example.org:80", "/?a=b"),
            ("http://[::1]/a?b:c", "[::1]:80", "/a?b:c"),
            ("http://[::1]:81/", "[::1]:81", "/"),
            ("http://h/../%2e%zz//x", "h:80", "/../%2e%zz//x"),
            ("http://h/\u{4f60}", "h:80", "/%E4%BD%A0"),
            ("http://h/a:b@c", "h:80", "/a:b@c"),
            ("127.0.0.1:6789", "127.0.0.1:6789", "/"),
            ("h/?to=http://x/", "h:80", "/?to=http://x/"),
        ] {
            let url = Url::parse(text).expect(text);
            assert_eq!(
                (url.target.to_string().as_str(), url.path.as_str()),
                (target, path)
            );
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        assert_eq!(Url::parse("HTTPS://example.org/"), Err(Refused::Https));
        for text in [
            "",
            "/path",
            "ftp://h/",
            "user@h/",
            "http://",
            "http:///a",
            "http://:80/",
            "http://h:0/",
            "http://h:65536/",
            "http://h:+80/",
            "http://h:8x/",
            "http://u@h/",
            "http://u:p@h/",
            "http://::1/",
            "http://[::1/",
            "http://[h]/",
            "http://[::1]x/",
            "http://[::1]:8:9/",
            "http://a:1:2/",
            "http://h/a b",
            "http://h/\r\nX: y",
            "http://h/\u{a0}",
            "http://h/\u{85}",
            "http://h\r\n/",
            "http://\u{4f60}/",
            "http://-h/",
        ] {
            assert_eq!(
                Url::parse(text),
                Err(Refused::Url(text.to_owned())),
                "{text:?}"
            );
        }
    }

    fn built(method: &str, fields: &[&str]) -> Result<String, Refused> {
        let url = Url::parse("http://h:81/x").expect("a URL");
        let fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
        build(&url, method, &fields, None).map(|bytes| String::from_utf8(bytes).expect("ASCII"))
    }

    const AGENT: &str = concat!("User-Agent: sockscope/", env!("CARGO_PKG_VERSION"));

    #[test]
    fn a_request_is_complete_without_wishes() {
        assert_eq!(
            built("GET", &[]),
            Ok(format!(
                "GET /x HTTP/1.1\r\nHost: h:81\r\n{AGENT}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
            ))
        );
        assert!(
            built("POST", &[])
                .is_ok_and(|request| request.contains("\r\nContent-Length: 0\r\n\r\n"))
        );
    }

    #[test]
    fn wishes_replace_remove_and_add_fields() {
        assert_eq!(
            built("GET", &["Host:", "accept:text/html", "Accept: a/b", "X-Empty;", "User-Agent:", "X-None:", "X:  y:z "]),
            Ok("GET /x HTTP/1.1\r\naccept: text/html\r\nAccept: a/b\r\nConnection: close\r\nX-Empty:\r\nX: y:z\r\n\r\n".to_owned())
        );
    }

    #[test]
    fn no_wish_breaks_its_line() {
        for field in [
            "",
            "X",
            ": y",
            "X y: z",
            "X\r\nY: z",
            "X: a\r\nY: b",
            "X: a\nb",
            "X: \0",
            "X : y",
            "\u{e9}: x",
        ] {
            assert_eq!(
                built("GET", &[field]),
                Err(Refused::Field(field.to_owned())),
                "{field:?}"
            );
        }
        for method in ["", "G T", "GET\r\n", "GET / HTTP/1.1\r\nX:"] {
            assert_eq!(built(method, &[]), Err(Refused::Method(method.to_owned())));
        }
    }

    proptest! {
        #[test]
        fn a_request_has_as_many_lines_as_fields(url in ".{0,20}", method in ".{0,5}", field in ".{0,20}") {
            let Ok(url) = Url::parse(&format!("http://h/{url}")) else { return Ok(()) };
            let Ok(bytes) = build(&url, &method, &[field], None) else { return Ok(()) };
            let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
            prop_assert!((5..=8).contains(&lines), "{}", bytes.escape_ascii());
            prop_assert!(bytes.ends_with(b"\r\n\r\n"));
            prop_assert_eq!(bytes.windows(4).filter(|four| four == b"\r\n\r\n").count(), 1);
            let head = bytes.split(|&byte| byte == b'\r').next().unwrap_or_default();
            prop_assert_eq!(head.iter().filter(|&&byte| byte == b' ').count(), 2);
        }
    }
}
