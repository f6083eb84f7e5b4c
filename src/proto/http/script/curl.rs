//! A request as a command line that sends it again, for a POSIX shell: with curl where curl can say it, and otherwise, for what is no correct
//! HTTP, its exact bytes through printf and nc.

use std::fmt::Write;

use super::is_token;

/// Fields that curl adds by itself, with the value it gives them; `None` for one that depends.
const OF_CURL: [(&str, Option<&str>); 3] = [
    ("Host", None),
    ("User-Agent", None),
    ("Accept", Some("*/*")),
];

/// A command line, of printable ASCII and line feeds only, that sends this request to the server at `base`, such as `http://127.0.0.1:6789`.
///
/// `request` is a head with as much of its body as is there. Of a body that is not there or no text, curl is told to read a file of the name
/// `body`.
pub fn curl_command(request: &[u8], base: &str) -> String {
    let base = base.trim_end_matches('/');
    let authority = base.strip_prefix("http://").unwrap_or(base);
    Request::read(request)
        .and_then(|request| request.curl(base, authority))
        .unwrap_or_else(|| netcat(request, authority))
}

/// A request that is written as it should be.
struct Request<'a> {
    method: &'a str,
    target: &'a str,
    version: &'a str,
    /// The field lines with their names.
    fields: Vec<(&'a str, &'a str)>,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let fields: Option<Vec<_>> = lines
            .map(|line| Some((line.split_once(':')?.0, line)))
            .collect();
        let fields = fields?;
        let is_plain = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let is_right = words.next().is_none()
            && is_token(method)
            && !target.is_empty()
            && is_plain(target)
            && fields
                .iter()
                .all(|(name, line)| is_token(name) && is_plain(line));
        is_right.then_some(Self {
            method,
            target,
            version,
            fields,
            body: &bytes[end + 4..],
        })
    }

    /// The first value of a field.
    fn value(&self, name: &str) -> Option<&'a str> {
        let (name, line) = self
            .fields
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(line[name.len() + 1..].trim_ascii())
    }

    fn count(&self, name: &str) -> usize {
        self.fields
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .count()
    }

    /// `None` for what curl would send differently.
    fn curl(&self, base: &str, authority: &str) -> Option<String> {
        let length = match self.value("content-length") {
            // Reading a number alone would take a plus sign.
            Some(value) if value.starts_with('+') => return None,
            Some(value) => Some(value.parse::<usize>().ok()?),
            None => None,
        };
        let is_head = self.method == "HEAD";
        if self.count("host") > 1
            || self.count("content-length") > 1
            || self.count("transfer-encoding") > 0
            || (length.is_some() && is_head)
            || (length.is_none() && !self.body.is_empty())
        {
            return None;
        }
        let mut command = "curl".to_owned();
        match self.version {
            "HTTP/1.1" => {}
            "HTTP/1.0" => command.push_str(" --http1.0"),
            _ => return None,
        }
        let implied = if length.is_some() { "POST" } else { "GET" };
        if is_head {
            command.push_str(" -I");
        } else if self.method != implied {
            argument(&mut command, "-X", self.method);
        }
        self.fields_of_command(&mut command, authority);
        if let Some(length) = length {
            let text = str::from_utf8(self.body).ok().filter(|text| {
                text.len() == length && text.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~'))
            });
            match text {
                // A leading @ would be the name of a file.
                Some(text) if !text.starts_with('@') => {
                    argument(&mut command, "--data-binary", text)
                }
                _ => argument(&mut command, "--data-binary", "@body"),
            }
        }
        if has_dot_segments(self.target) {
            command.push_str(" --path-as-is");
        }
        if is_plain_path(self.target) {
            argument(&mut command, "", &format!("{base}{}", self.target));
        } else {
            argument(&mut command, "--request-target", self.target);
            argument(&mut command, "", &format!("{base}/"));
        }
        Some(command)
    }

    /// Adds what differs from the fields that curl sends anyway.
    fn fields_of_command(&self, command: &mut String, authority: &str) {
        for (name, default) in OF_CURL {
            match self.value(name) {
                None => argument(command, "-H", &format!("{name}:")),
                Some(value) if default == Some(value) && self.count(name) == 1 => {}
                Some(value) if name == "Host" && value == authority => {}
                Some(_) => self.lines(command, name),
            }
        }
        let has_body = self.count("content-length") > 0;
        if has_body && self.count("content-type") == 0 {
            // curl would call it a form.
            argument(command, "-H", "Content-Type:");
        }
        for (index, (name, line)) in self.fields.iter().enumerate() {
            let is_first = !self.fields[..index]
                .iter()
                .any(|(other, _)| other.eq_ignore_ascii_case(name));
            let done = OF_CURL
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name))
                || name.eq_ignore_ascii_case("content-length")
                || (line.eq_ignore_ascii_case("connection: keep-alive")
                    && self.version == "HTTP/1.1"
                    && is_first);
            if !done {
                field(command, name, line);
            }
        }
    }

    fn lines(&self, command: &mut String, name: &str) {
        for (known, line) in &self.fields {
            if known.eq_ignore_ascii_case(name) {
                field(command, known, line);
            }
        }
    }
}

/// A field line; curl takes a name with nothing behind its colon for a wish not to send it, and wants a semicolon instead.
fn field(command: &mut String, name: &str, line: &str) {
    if line[name.len() + 1..].trim_ascii().is_empty() {
        argument(command, "-H", &format!("{name};"));
    } else {
        argument(command, "-H", line);
    }
}

fn argument(command: &mut String, flag: &str, value: &str) {
    if !flag.is_empty() {
        command.push(' ');
        command.push_str(flag);
    }
    command.push(' ');
    command.push_str(&quoted(value));
}

/// As one word of the shell: in single quotes nothing is special but their end (POSIX.1-2024, Shell Command Language, 2.2.2).
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The bytes themselves, sent by nc. printf knows `%`, backslashes and octal numbers of three digits (POSIX.1-2024, printf and File Format
/// Notation).
fn netcat(bytes: &[u8], authority: &str) -> String {
    let mut format = String::with_capacity(bytes.len() + 16);
    for (index, &byte) in bytes.iter().enumerate() {
        match byte {
            // At the beginning it would be an option.
            b'-' if index == 0 => format.push_str("\\055"),
            b'\r' => format.push_str("\\r"),
            b'\n' => format.push_str("\\n"),
            b'\\' => format.push_str("\\\\"),
            b'%' => format.push_str("%%"),
            b' '..=b'~' => format.push(char::from(byte)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(format, "\\{byte:03o}");
            }
        }
    }
    let (host, port) = authority
        .rsplit_once(':')
        .filter(|(_, port)| !port.ends_with(']'))
        .unwrap_or((authority, "80"));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    format!(
        "printf {} | nc {} {}",
        quoted(&format),
        quoted(host),
        quoted(port)
    )
}

/// Whether curl would take `.` and `..` out of the path, in plain or in percent-encoding.
fn has_dot_segments(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    path.split('/').any(|segment| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        segment == "." || segment == ".."
    })
}

/// Whether curl sends this as it stands when it is part of a URL: a path of the characters that RFC 3986 §3.3 and §3.4 allow, without those of
/// curl's own patterns.
fn is_plain_path(target: &str) -> bool {
    target.starts_with('/')
        && target
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/?".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: &str = "http://127.0.0.1:6789";

    fn command(request: &str) -> String {
        curl_command(request.as_bytes(), BASE)
    }

    #[test]
    fn correct_requests_become_curl_commands() {
        let of_curl = "Host: 127.0.0.1:6789\r\nUser-Agent: x\r\nAccept: */*\r\n";
        let table = [
            (
                "GET / HTTP/1.1",
                "",
                "curl -H 'User-Agent: x' 'http://127.0.0.1:6789/'",
            ),
            (
                "HEAD /a?b=c&d HTTP/1.1",
                "",
                "curl -I -H 'User-Agent: x' 'http://127.0.0.1:6789/a?b=c&d'",
            ),
            (
                "GET / HTTP/1.0",
                "If-None-Match: \"it's\"\r\nConnection: keep-alive\r\n",
                "curl --http1.0 -H 'User-Agent: x' -H 'If-None-Match: \"it'\\''s\"' -H 'Connection: keep-alive' 'http://127.0.0.1:6789/'",
            ),
            (
                "GET / HTTP/1.1",
                "Connection: keep-alive\r\nX-Empty:\r\n",
                "curl -H 'User-Agent: x' -H 'X-Empty;' 'http://127.0.0.1:6789/'",
            ),
            (
                "DELETE /a/%2E%2e/b HTTP/1.1",
                "",
                "curl -X 'DELETE' -H 'User-Agent: x' --path-as-is 'http://127.0.0.1:6789/a/%2E%2e/b'",
            ),
            (
                "OPTIONS * HTTP/1.1",
                "",
                "curl -X 'OPTIONS' -H 'User-Agent: x' --request-target '*' 'http://127.0.0.1:6789/'",
            ),
            (
                "GET http://h/[1] HTTP/1.1",
                "",
                "curl -H 'User-Agent: x' --request-target 'http://h/[1]' 'http://127.0.0.1:6789/'",
            ),
        ];
        for (line, fields, expected) in table {
            assert_eq!(
                command(&format!("{line}\r\n{of_curl}{fields}\r\n")),
                expected
            );
        }
    }

    #[test]
    fn fields_of_curl_are_taken_out_or_replaced() {
        assert_eq!(
            command("GET / HTTP/1.1\r\n\r\n"),
            "curl -H 'Host:' -H 'User-Agent:' -H 'Accept:' 'http://127.0.0.1:6789/'"
        );
        assert_eq!(
            command("GET / HTTP/1.1\r\nhost: other\r\nAccept: text/html\r\nACCEPT: a/b\r\n\r\n"),
            "curl -H 'host: other' -H 'User-Agent:' -H 'Accept: text/html' -H 'ACCEPT: a/b' 'http://127.0.0.1:6789/'"
        );
    }

    #[test]
    fn a_body_is_repeated_or_read_from_a_file() {
        let head = "POST / HTTP/1.1\r\nHost: 127.0.0.1:6789\r\nAccept: */*\r\nContent-Type: a/b\r\nContent-Length: ";
        let curl = "curl -H 'User-Agent:' -H 'Content-Type: a/b' --data-binary";
        for (body, data) in [
            ("5\r\n\r\nit's\n", "'it'\\''s\n'"),
            ("0\r\n\r\n", "''"),
            ("5\r\n\r\n@file", "'@body'"),
            ("5\r\n\r\nhe", "'@body'"),
            ("2\r\n\r\n\u{e9}", "'@body'"),
        ] {
            assert_eq!(
                command(&format!("{head}{body}")),
                format!("{curl} {data} 'http://127.0.0.1:6789/'")
            );
        }
    }

    #[test]
    fn what_curl_cannot_say_is_sent_byte_by_byte() {
        for (request, format) in [
            ("GET /\r\n", "GET /\\r\\n"),
            (
                "GET / HTTP/1.1\nHost: x\n\n",
                "GET / HTTP/1.1\\nHost: x\\n\\n",
            ),
            (
                "GET /%2e' HTTP/1.1\r\nA : b\r\n\r\n",
                "GET /%%2e'\\'' HTTP/1.1\\r\\nA : b\\r\\n\\r\\n",
            ),
            (
                "GET /\u{1b}\\ HTTP/1.1\r\n\r\n",
                "GET /\\033\\\\ HTTP/1.1\\r\\n\\r\\n",
            ),
            ("-x", "\\055x"),
            (
                "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\na",
                "POST / HTTP/1.1\\r\\nContent-Length: +1\\r\\n\\r\\na",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                "GET / HTTP/1.1\\r\\nHost: a\\r\\nHost: b\\r\\n\\r\\n",
            ),
        ] {
            assert_eq!(
                command(request),
                format!("printf '{format}' | nc '127.0.0.1' '6789'")
            );
        }
        assert_eq!(
            curl_command(b"x", "http://[::1]:7/"),
            "printf 'x' | nc '::1' '7'"
        );
        assert_eq!(
            curl_command(b"x", "http://[::1]"),
            "printf 'x' | nc '::1' '80'"
        );
    }

    /// The words of a command as a POSIX shell reads them; `None` if anything unquoted but blanks, `|` and plain words stands there.
    fn shell_words(command: &str) -> Option<Vec<String>> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut rest = command;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                ' ' => words.extend(word.take()),
                '\'' => {
                    let (inside, after) = rest.split_once('\'')?;
                    word.get_or_insert_default().push_str(inside);
                    rest = after;
                }
                '\\' => {
                    rest = rest.strip_prefix('\'')?;
                    word.get_or_insert_default().push('\'');
                }
                'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '|' => {
                    word.get_or_insert_default().push(c)
                }
                _ => return None,
            }
        }
        words.extend(word);
        Some(words)
    }

    proptest! {
        #[test]
        fn no_request_breaks_out_of_its_quotes(request in proptest::collection::vec(any::<u8>(), 0..80)) {
            let command = curl_command(&request, BASE);
            prop_assert!(command.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~')));
            let words = shell_words(&command);
            prop_assert!(words.is_some(), "{command}");
        }

        #[test]
        fn a_field_value_is_one_word(value in "[ -~]{0,30}") {
            let line = format!("X: a{value}b");
            let command = command(&format!("GET / HTTP/1.1\r\n{line}\r\n\r\n"));
            let words = shell_words(&command).unwrap();
            prop_assert!(words.contains(&line), "{command}");
        }
    }
}
