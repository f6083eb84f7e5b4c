//! Which answers the bytes of a script ask for, one a request. It reads as a lenient server
//! would, for scripts are wrong on purpose; where the bytes do not say where a request ends, the rest belongs to it.

use crate::proto::http::reply::Asked;

/// The answers that these bytes ask for, in order.
pub fn awaited(bytes: &[u8]) -> Vec<Asked> {
    let mut answers = Vec::new();
    let mut rest = bytes;
    loop {
        // Empty lines before a request line do not count (RFC 9112 §2.2).
        while let [b'\r' | b'\n', tail @ ..] = rest {
            rest = tail;
        }
        if rest.is_empty() {
            return answers;
        }
        answers.push(if rest.starts_with(b"HEAD ") {
            Asked::Head
        } else {
            Asked::Content
        });
        match after_request(rest) {
            Some(tail) => rest = tail,
            None => return answers,
        }
    }
}

/// What follows the first request; `None` where nobody can say.
fn after_request(bytes: &[u8]) -> Option<&[u8]> {
    let mut length = None;
    let mut chunked = false;
    let mut lines = Lines { rest: bytes };
    let request_line = lines.next()?;
    // A request without a version is all that its client says (HTTP/0.9).
    if request_line.iter().filter(|&&byte| byte == b' ').count() < 2 {
        return None;
    }
    for line in lines.by_ref() {
        if line.is_empty() {
            return match (length, chunked) {
                (None, false) => Some(lines.rest),
                (Some(length), false) => lines.rest.get(length..),
                (None, true) => after_chunks(lines.rest),
                (Some(_), true) => None,
            };
        }
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            length = Some(str::from_utf8(value).ok()?.parse().ok()?);
        }
        chunked |= name.eq_ignore_ascii_case(b"transfer-encoding");
    }
    None
}

/// What follows a chunked body (RFC 9112 §7.1).
fn after_chunks(bytes: &[u8]) -> Option<&[u8]> {
    let mut lines = Lines { rest: bytes };
    loop {
        let size = lines.next()?.split(|&byte| byte == b';').next()?;
        let size = usize::from_str_radix(str::from_utf8(size).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return lines.find(|line| line.is_empty()).map(|_| lines.rest);
        }
        lines.rest = lines.rest.get(size..)?;
        lines.next()?;
    }
}

/// Complete lines without their ends, CR LF or LF.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|&byte| byte == b'\n')?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

#[cfg(test)]
mod tests {
    use super::Asked::{Content, Head};
    use super::*;

    #[test]
    fn answers_are_counted_as_far_as_requests_can_be_told_apart() {
        let table: &[(&[u8], &[Asked])] = &[
            (b"", &[]),
            (b"\r\n\r\n", &[]),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", &[Content]),
            (b"HEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n", &[Head, Content]),
            (b"GET / HTTP/1.1\n\nGET / HTTP/1.1\n\n\r\n", &[Content, Content]),
            // Cut short: the server may still answer that.
            (b"GET / HTTP/1.1\r\nHost: x", &[Content]),
            (b"G", &[Content]),
            // A body of either kind is no request.
            (
                b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nGETGET / HTTP/1.1\r\n\r\n",
                &[Content, Content],
            ),
            (b"POST / HTTP/1.1\r\nContent-Length: 30\r\n\r\nGET", &[Content]),
            (
                b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nHello\r\n0\r\nT: 1\r\n\r\nHEAD / HTTP/1.1\r\n\r\n",
                &[Content, Head],
            ),
            (
                b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
                &[Content],
            ),
            // Nobody can say which of the two holds.
            (
                b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
                &[Content],
            ),
            (b"POST / HTTP/1.1\r\nContent-Length: +-3\r\n\r\nGET / HTTP/1.1\r\n\r\n", &[Content]),
            (b"GET /\r\nGET / HTTP/1.1\r\n\r\n", &[Content]),
        ];
        for (bytes, expected) in table {
            assert_eq!(awaited(bytes), *expected, "{}", bytes.escape_ascii());
        }
    }
}
