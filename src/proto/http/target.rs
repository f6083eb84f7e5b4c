//! The request target (RFC 9112 §3.2): which of its four forms it has, and which names below the served folder its path asks for.
//!
//! This stands apart from the request parser, which knows which bytes may be in a target but not what they mean, and from the files, which see
//! only names that are safe on every system. What could leave the folder somewhere is refused everywhere, so that an answer does not depend on
//! the system that gives it.

use std::fmt::Write as _;

use super::rule::Rule;

/// What the method says about its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// CONNECT: a host and a port.
    Connect,
    /// OPTIONS: a resource, or `*` for the server as a whole.
    Options,
    /// Any other method: a resource.
    Resource,
}

/// A request target in one of its forms. Paths begin with a slash and are still encoded; a query is what stands behind the `?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// `/path?query`, what a browser sends to a server.
    Origin {
        path: &'a [u8],
        query: Option<&'a [u8]>,
    },
    /// `http://host:port/path?query`, what a browser sends to a proxy. Its authority stands in for the Host field.
    Absolute {
        authority: &'a [u8],
        path: &'a [u8],
        query: Option<&'a [u8]>,
    },
    /// `host:port` of a CONNECT.
    Authority(&'a [u8]),
    /// `*`, the server as a whole.
    Asterisk,
}

impl<'a> Target<'a> {
    /// Tells the form of `target`, whose bytes the request parser has let through.
    ///
    /// # Errors
    /// [`Rule::InvalidAuthority`], [`Rule::AsteriskNeedsOptions`], [`Rule::ForeignScheme`], [`Rule::UserinfoInTarget`], or
    /// [`Rule::InvalidTarget`] for what has none of the forms.
    pub fn parse(target: &'a [u8], asked: Asked) -> Result<Self, Rule> {
        match (target, asked) {
            (_, Asked::Connect) => match authority(target) {
                Some(Port::Valid) => Ok(Target::Authority(target)),
                _ => Err(Rule::InvalidAuthority),
            },
            ([b'/', ..], _) => {
                let (path, query) = split_query(target);
                Ok(Target::Origin { path, query })
            }
            (b"*", Asked::Options) => Ok(Target::Asterisk),
            (b"*", Asked::Resource) => Err(Rule::AsteriskNeedsOptions),
            _ => Self::parse_absolute(target),
        }
    }

    fn parse_absolute(target: &'a [u8]) -> Result<Self, Rule> {
        let colon = target.iter().position(|&byte| byte == b':');
        let (scheme, rest) = target.split_at(colon.ok_or(Rule::InvalidTarget)?);
        let rest = rest.strip_prefix(b"://").ok_or(Rule::InvalidTarget)?;
        if !is_scheme(scheme) {
            return Err(Rule::InvalidTarget);
        }
        if !scheme.eq_ignore_ascii_case(b"http") {
            return Err(Rule::ForeignScheme);
        }
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?'));
        let (host, rest) = rest.split_at(end.unwrap_or(rest.len()));
        if host.contains(&b'@') {
            return Err(Rule::UserinfoInTarget);
        }
        if !matches!(authority(host), Some(Port::Valid | Port::None)) {
            return Err(Rule::InvalidTarget);
        }
        let (path, query) = split_query(rest);
        Ok(Target::Absolute {
            authority: host,
            // RFC 9112 §3.2.1: an empty path is sent as "/".
            path: if path.is_empty() { b"/" } else { path },
            query,
        })
    }
}

fn split_query(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match target.iter().position(|&byte| byte == b'?') {
        Some(at) => (&target[..at], Some(&target[at + 1..])),
        None => (target, None),
    }
}

/// RFC 3986 §3.1.
fn is_scheme(scheme: &[u8]) -> bool {
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// The port of an authority.
enum Port {
    /// From 1 to 65,535.
    Valid,
    /// No colon, or nothing behind it.
    None,
    Invalid,
}

/// Whether `bytes` are a host that is not empty and perhaps a port (RFC 3986 §3.2.2, RFC 9110 §4.2.1), without userinfo.
fn authority(bytes: &[u8]) -> Option<Port> {
    let (host_ok, rest) = if let Some(inside) = bytes.strip_prefix(b"[") {
        let end = inside.iter().position(|&byte| byte == b']')?;
        (is_ip_literal(&inside[..end]), &inside[end + 1..])
    } else {
        let end = bytes.iter().position(|&byte| byte == b':');
        let (host, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        (is_registered_name(host), rest)
    };
    if !host_ok {
        return None;
    }
    match rest {
        [] | [b':'] => Some(Port::None),
        [b':', digits @ ..] => Some(port(digits)),
        _ => None,
    }
}

fn port(digits: &[u8]) -> Port {
    let number = digits.iter().try_fold(0_u16, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    });
    match number {
        Some(1..) => Port::Valid,
        _ => Port::Invalid,
    }
}

/// An IPv6 address, or a future one: `v`, hexadecimal digits, a dot, and characters of a host.
fn is_ip_literal(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return true;
    }
    text.strip_prefix(['v', 'V'])
        .and_then(|rest| rest.split_once('.'))
        .is_some_and(|(version, address)| {
            !version.is_empty()
                && version.bytes().all(|byte| byte.is_ascii_hexdigit())
                && !address.is_empty()
                && address
                    .bytes()
                    .all(|byte| is_unreserved(byte) || is_sub_delimiter(byte) || byte == b':')
        })
}

fn is_registered_name(host: &[u8]) -> bool {
    let mut bytes = host.iter();
    while let Some(&byte) = bytes.next() {
        let fine = match byte {
            b'%' => {
                bytes.next().is_some_and(u8::is_ascii_hexdigit)
                    && bytes.next().is_some_and(u8::is_ascii_hexdigit)
            }
            _ => is_unreserved(byte) || is_sub_delimiter(byte),
        };
        if !fine {
            return false;
        }
    }
    !host.is_empty()
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 §2.2.
fn is_sub_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
    )
}

/// The names below the served folder that a path asks for: decoded, without empty ones and dot segments, each safe on every system.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path {
    /// The names joined by slashes; none of them holds one.
    names: String,
    ends_with_slash: bool,
}

impl Path {
    /// Decodes the path of a target.
    ///
    /// - Empty names are left out: `//a///b` asks for what `/a/b` asks for, as a file system has it.
    /// - `.` and `..` are resolved as by RFC 3986 §6.2.2.3, also when their dots are encoded (a dot means the same either way, §6.2.2.2). A
    ///   browser does that before it sends, so by hand the same address gets the same answer. Only a `..` that would climb out of the folder,
    ///   which RFC 3986 §5.2.4 would drop in silence, is refused: nobody asks for that by mistake, and a class should see it.
    ///
    /// # Errors
    /// [`Rule::InvalidPercentEncoding`], [`Rule::NulInPath`], [`Rule::LeavesFolder`], or [`Rule::UnsafePath`] for a name that is not UTF-8 or
    /// that [`is_safe_name`] refuses.
    pub fn decode(path: &[u8]) -> Result<Self, Rule> {
        let mut names = String::with_capacity(path.len());
        let mut ends_with_slash = true;
        let mut decoded = Vec::new();
        let mut segments = path.split(|&byte| byte == b'/').peekable();
        while let Some(segment) = segments.next() {
            if segment.is_empty() {
                continue;
            }
            percent_decode(segment, &mut decoded)?;
            let is_last = segments.peek().is_none();
            match decoded.as_slice() {
                b"." => ends_with_slash = true,
                b".." => {
                    if names.is_empty() {
                        return Err(Rule::LeavesFolder);
                    }
                    names.truncate(names.rfind('/').unwrap_or(0));
                    ends_with_slash = true;
                }
                bytes => {
                    if bytes.contains(&0) {
                        return Err(Rule::NulInPath);
                    }
                    let name = std::str::from_utf8(bytes)
                        .ok()
                        .filter(|name| is_safe_name(name))
                        .ok_or(Rule::UnsafePath)?;
                    if !names.is_empty() {
                        names.push('/');
                    }
                    names.push_str(name);
                    ends_with_slash = !is_last;
                }
            }
        }
        Ok(Self {
            names,
            ends_with_slash,
        })
    }

    /// The names, from the served folder down; none for the folder itself.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.names.split('/').filter(|name| !name.is_empty())
    }

    /// Whether a folder was asked for. True for the served folder itself.
    pub fn ends_with_slash(&self) -> bool {
        self.ends_with_slash
    }

    /// The Location of this path as a folder, with its slash and the query it was asked with.
    ///
    /// It is written anew from the decoded names: it begins with exactly one slash, so that no browser takes it for another host, and holds
    /// nothing but visible ASCII.
    pub fn redirect_location(&self, query: Option<&[u8]>) -> String {
        let mut location = String::with_capacity(self.names.len() + 2);
        location.push('/');
        for name in self.segments() {
            percent_encode(name.as_bytes(), &mut location, |byte| {
                is_unreserved(byte) || is_sub_delimiter(byte) || byte == b'@'
            });
            location.push('/');
        }
        if let Some(query) = query {
            location.push('?');
            // RFC 3986 §3.4. What is encoded already stays so.
            percent_encode(query, &mut location, |byte| {
                is_unreserved(byte)
                    || is_sub_delimiter(byte)
                    || matches!(byte, b'@' | b':' | b'/' | b'?' | b'%')
            });
        }
        location
    }
}

/// Decodes `%41` to `A` and leaves everything else as it is.
fn percent_decode(segment: &[u8], decoded: &mut Vec<u8>) -> Result<(), Rule> {
    decoded.clear();
    let mut rest = segment;
    while let Some((&byte, behind)) = rest.split_first() {
        if byte == b'%' {
            let [high, low, behind @ ..] = behind else {
                return Err(Rule::InvalidPercentEncoding);
            };
            let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low)) else {
                return Err(Rule::InvalidPercentEncoding);
            };
            decoded.push(high << 4 | low);
            rest = behind;
        } else {
            decoded.push(byte);
            rest = behind;
        }
    }
    Ok(())
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn percent_encode(bytes: &[u8], out: &mut String, stays: impl Fn(u8) -> bool) {
    for &byte in bytes {
        if stays(byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// Whether a file of this name can be asked for: the name means a file of its own in its folder, on Windows too.
///
/// No slash, backslash, colon (a drive, or a stream of NTFS) or NUL; no dot or space at the end, which Windows drops; no name of a device,
/// whatever its extension.
pub fn is_safe_name(name: &str) -> bool {
    !name.is_empty()
        && !name.ends_with(['.', ' '])
        && !name
            .bytes()
            .any(|byte| matches!(byte, b'/' | b'\\' | b':' | 0))
        && !is_device_name(name)
}

/// The names that Windows reserves for devices.
fn is_device_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end_matches(' ');
    let is = |device: &str| stem.eq_ignore_ascii_case(device);
    if ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
        .into_iter()
        .any(is)
    {
        return true;
    }
    let Some((port, number)) = stem.split_at_checked(3) else {
        return false;
    };
    (port.eq_ignore_ascii_case("COM") || port.eq_ignore_ascii_case("LPT"))
        && matches!(
            number,
            "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn origin<'a>(path: &'a str, query: Option<&'a str>) -> Result<Target<'a>, Rule> {
        Ok(Target::Origin {
            path: path.as_bytes(),
            query: query.map(str::as_bytes),
        })
    }

    fn absolute<'a>(
        authority: &'a str,
        path: &'a str,
        query: Option<&'a str>,
    ) -> Result<Target<'a>, Rule> {
        Ok(Target::Absolute {
            authority: authority.as_bytes(),
            path: path.as_bytes(),
            query: query.map(str::as_bytes),
        })
    }

    #[test]
    fn every_form_is_told() {
        use Asked::{Connect, Options, Resource};
        let table = [
            ("/", Resource, origin("/", None)),
            ("/a?b?c", Resource, origin("/a", Some("b?c"))),
            ("/a?", Resource, origin("/a", Some(""))),
            ("//evil", Resource, origin("//evil", None)),
            ("/http://x/", Resource, origin("/http://x/", None)),
            ("/", Options, origin("/", None)),
            ("http://h/a?q", Resource, absolute("h", "/a", Some("q"))),
            ("HTTP://h", Resource, absolute("h", "/", None)),
            ("http://h?q", Resource, absolute("h", "/", Some("q"))),
            ("http://h:/", Resource, absolute("h:", "/", None)),
            ("http://h:80/", Options, absolute("h:80", "/", None)),
            (
                "http://[::1]:80/x",
                Resource,
                absolute("[::1]:80", "/x", None),
            ),
            (
                "http://[v1.a:b]/",
                Resource,
                absolute("[v1.a:b]", "/", None),
            ),
            ("http://h%41/", Resource, absolute("h%41", "/", None)),
            ("http://h//e", Resource, absolute("h", "//e", None)),
            ("http:///x", Resource, Err(Rule::InvalidTarget)),
            ("http://", Resource, Err(Rule::InvalidTarget)),
            ("http://:80/", Resource, Err(Rule::InvalidTarget)),
            ("http://h:0/", Resource, Err(Rule::InvalidTarget)),
            ("http://h:65536/", Resource, Err(Rule::InvalidTarget)),
            ("http://h:8x/", Resource, Err(Rule::InvalidTarget)),
            ("http://[::1/", Resource, Err(Rule::InvalidTarget)),
            ("http://[::1]x/", Resource, Err(Rule::InvalidTarget)),
            ("http://[::x]/", Resource, Err(Rule::InvalidTarget)),
            ("http://h%4/", Resource, Err(Rule::InvalidTarget)),
            ("http://u@h/", Resource, Err(Rule::UserinfoInTarget)),
            ("http://u:p@h:1/", Resource, Err(Rule::UserinfoInTarget)),
            ("http://h/u@h", Resource, absolute("h", "/u@h", None)),
            ("https://h/", Resource, Err(Rule::ForeignScheme)),
            ("ftp://h/", Resource, Err(Rule::ForeignScheme)),
            ("h:80", Resource, Err(Rule::InvalidTarget)),
            ("http:/x", Resource, Err(Rule::InvalidTarget)),
            ("1http://h/", Resource, Err(Rule::InvalidTarget)),
            ("://h/", Resource, Err(Rule::InvalidTarget)),
            ("HelloWorld.html", Resource, Err(Rule::InvalidTarget)),
            ("", Resource, Err(Rule::InvalidTarget)),
            ("*", Options, Ok(Target::Asterisk)),
            ("*", Resource, Err(Rule::AsteriskNeedsOptions)),
            ("*", Connect, Err(Rule::InvalidAuthority)),
            ("**", Options, Err(Rule::InvalidTarget)),
            ("h:80", Connect, Ok(Target::Authority(b"h:80"))),
            ("[::1]:443", Connect, Ok(Target::Authority(b"[::1]:443"))),
            ("h", Connect, Err(Rule::InvalidAuthority)),
            ("h:", Connect, Err(Rule::InvalidAuthority)),
            ("h:0", Connect, Err(Rule::InvalidAuthority)),
            ("h:65535", Connect, Ok(Target::Authority(b"h:65535"))),
            ("h:65536", Connect, Err(Rule::InvalidAuthority)),
            ("h:99999999999999", Connect, Err(Rule::InvalidAuthority)),
            ("h:+1", Connect, Err(Rule::InvalidAuthority)),
            (":80", Connect, Err(Rule::InvalidAuthority)),
            ("u@h:80", Connect, Err(Rule::InvalidAuthority)),
            ("/x", Connect, Err(Rule::InvalidAuthority)),
            ("http://h:80/", Connect, Err(Rule::InvalidAuthority)),
        ];
        for (target, asked, expected) in table {
            assert_eq!(
                Target::parse(target.as_bytes(), asked),
                expected,
                "{target} {asked:?}"
            );
        }
    }

    #[test]
    fn paths_are_decoded_to_safe_names() {
        let table: &[(&str, &str)] = &[
            ("/", "/"),
            ("//", "/"),
            ("/a", "a"),
            ("/a/", "a/"),
            ("/a//b", "a|b"),
            ("//evil.com/%2e%2e/x", "x"),
            ("/a/./b", "a|b"),
            ("/a/.", "a/"),
            ("/a/b/..", "a/"),
            ("/a/..", "/"),
            ("/a/../b", "b"),
            ("/a/%2E%2e/b", "b"),
            ("/a/.%2e/b/", "b/"),
            ("/a/%2e", "a/"),
            ("/a%20b", "a b"),
            ("/%E4%BD%A0", "你"),
            ("/%e4%bd%a0", "你"),
            ("/a%25zz", "a%zz"),
            ("/a+b", "a+b"),
            ("/..a", "..a"),
            ("/.git/config", ".git|config"),
            ("/console", "console"),
            ("/com10", "com10"),
            ("/COM", "COM"),
            ("/nul1", "nul1"),
            ("/auxiliary.txt", "auxiliary.txt"),
        ];
        for (path, expected) in table {
            let path = Path::decode(path.as_bytes()).unwrap();
            let mut shown = path.segments().collect::<Vec<_>>().join("|");
            if path.ends_with_slash() {
                shown.push('/');
            }
            assert_eq!(shown, *expected, "{path:?}");
        }
    }

    #[test]
    fn what_could_leave_the_folder_is_refused() {
        let table: &[(&[u8], Rule)] = &[
            (b"/%zz", Rule::InvalidPercentEncoding),
            (b"/%4", Rule::InvalidPercentEncoding),
            (b"/%", Rule::InvalidPercentEncoding),
            (b"/%+1", Rule::InvalidPercentEncoding),
            (b"/%4/1", Rule::InvalidPercentEncoding),
            (b"/a%00.html", Rule::NulInPath),
            (b"/..", Rule::LeavesFolder),
            (b"/../etc/passwd", Rule::LeavesFolder),
            (b"/%2e%2e/etc", Rule::LeavesFolder),
            (b"/.%2e/etc", Rule::LeavesFolder),
            (b"/%2E./etc", Rule::LeavesFolder),
            (b"/a/../../b", Rule::LeavesFolder),
            (b"/a//../../b", Rule::LeavesFolder),
            (b"/./../b", Rule::LeavesFolder),
            (b"/..%2fetc", Rule::UnsafePath),
            (b"/a%2Fb", Rule::UnsafePath),
            (b"/..%5cetc", Rule::UnsafePath),
            (b"/..\\etc", Rule::UnsafePath),
            (b"/c:/windows", Rule::UnsafePath),
            (b"/c%3a", Rule::UnsafePath),
            (b"/a.txt::$DATA", Rule::UnsafePath),
            (b"/CON", Rule::UnsafePath),
            (b"/con.txt", Rule::UnsafePath),
            (b"/a/NUL", Rule::UnsafePath),
            (b"/aux.tar.gz", Rule::UnsafePath),
            (b"/com1", Rule::UnsafePath),
            (b"/LPT9.log", Rule::UnsafePath),
            (b"/COM%C2%B9", Rule::UnsafePath),
            (b"/conin$", Rule::UnsafePath),
            (b"/nul%20.txt", Rule::UnsafePath),
            (b"/a.", Rule::UnsafePath),
            (b"/a%20", Rule::UnsafePath),
            (b"/.../x", Rule::UnsafePath),
            (b"/%2e%2e%20/x", Rule::UnsafePath),
            (b"/%ff", Rule::UnsafePath),
            // An overlong slash and overlong dots are no UTF-8.
            (b"/..%c0%af", Rule::UnsafePath),
            (b"/%c0%ae%c0%ae/", Rule::UnsafePath),
            // Encoded twice is decoded once: the name holds a per cent sign, and a dot at the end or none.
            (b"/%252e%252e./", Rule::UnsafePath),
        ];
        for (path, rule) in table {
            assert_eq!(Path::decode(path), Err(*rule), "{}", path.escape_ascii());
        }
        assert_eq!(
            Path::decode(b"/%252e%252e/").unwrap().names,
            "%2e%2e",
            "decoded once"
        );
    }

    #[test]
    fn a_folder_is_redirected_to_itself_with_its_slash() {
        let table: &[(&str, Option<&str>, &str)] = &[
            ("/sub", None, "/sub/"),
            ("/sub", Some("a=1&b=%20/?"), "/sub/?a=1&b=%20/?"),
            ("/sub", Some(""), "/sub/?"),
            ("//evil.com", None, "/evil.com/"),
            ("///evil.com/%2e", None, "/evil.com/"),
            ("/a%0d%0aSet-Cookie", None, "/a%0D%0ASet-Cookie/"),
            (
                "/a",
                Some("x\r\nY: 1\"<#\u{e9}"),
                "/a/?x%0D%0AY:%201%22%3C%23%C3%A9",
            ),
            ("/%e4%bd%a0 b", None, "/%E4%BD%A0%20b/"),
            ("/a%25b%3f", None, "/a%25b%3F/"),
        ];
        for (path, query, expected) in table {
            let path = Path::decode(path.as_bytes()).unwrap();
            assert_eq!(path.redirect_location(query.map(str::as_bytes)), *expected);
        }
    }

    /// Paths made of what attacks are made of.
    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        const PIECES: [&str; 14] = [
            "/", "..", ".", "%2e", "%2f", "%5C", "\\", "%00", "%", "%c0%af", "c:", "a", " ", "nul",
        ];
        let piece = prop::sample::select(&PIECES[..]);
        prop_oneof![
            prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes()),
            prop::collection::vec(any::<u8>(), 0..40),
        ]
    }

    proptest! {
        #[test]
        fn no_decoded_path_can_leave(path in hostile(), query in prop::collection::vec(any::<u8>(), 0..20)) {
            if let Ok(path) = Path::decode(&path) {
                for name in path.segments() {
                    prop_assert!(name != ".." && name != "." && is_safe_name(name));
                    prop_assert!(!name.contains(['/', '\\', ':', '\0']));
                }
                let location = path.redirect_location(Some(&query));
                prop_assert!(location.starts_with('/') && !location.starts_with("//"));
                prop_assert!(location.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'));
                // Asking for where it leads asks for the same names.
                let (raw, kept) = split_query(location.as_bytes());
                let again = Path::decode(raw).unwrap();
                prop_assert!(again.ends_with_slash());
                prop_assert_eq!(&again.names, &path.names);
                prop_assert_eq!(again.redirect_location(kept), location);
            }
        }

        #[test]
        fn no_target_panics(target in prop::collection::vec(any::<u8>(), 0..60)) {
            for asked in [Asked::Connect, Asked::Options, Asked::Resource] {
                let _ = Target::parse(&target, asked);
            }
            let _ = Target::parse(&[b"http://", &target[..]].concat(), Asked::Resource);
        }
    }
}
