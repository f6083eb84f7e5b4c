//! The parser and the meaning of heads: tables with offset, rule and status, and properties over generated requests.

use super::*;
use proptest::prelude::*;

/// What a request as a whole comes to: its head and its meaning, or what is wrong with it. `None` as long as something is missing.
type Outcome = Result<Option<(Head, Message)>, Malformed>;

/// The outcome when the bytes come in pieces of which each ends at the next offset of `cuts`.
fn fed(limits: Limits, bytes: &[u8], cuts: &[usize]) -> Outcome {
    let mut parser = Parser::new(limits);
    for &cut in cuts.iter().chain([&bytes.len()]) {
        if parser.parse(&bytes[..cut])? == Progress::Complete {
            let head = parser.head().clone();
            let message = Message::of(&head, bytes)?;
            return Ok(Some((head, message)));
        }
    }
    Ok(None)
}

fn whole(bytes: &[u8]) -> Outcome {
    fed(Limits::default(), bytes, &[])
}

fn byte_by_byte(limits: Limits, bytes: &[u8]) -> Outcome {
    let cuts: Vec<usize> = (0..bytes.len()).collect();
    fed(limits, bytes, &cuts)
}

fn complete(bytes: &[u8]) -> (Head, Message) {
    whole(bytes)
        .unwrap_or_else(|error| panic!("{error:?} in {:?}", text(bytes)))
        .unwrap_or_else(|| panic!("{:?} is incomplete", text(bytes)))
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// Checks that a request breaks a rule at an offset, that not one byte more is needed to see it than `seen_at` says, and that nothing is wrong before.
fn assert_broken(limits: Limits, bytes: &[u8], offset: usize, seen_at: usize, rule: Rule) {
    let expected = Err(Malformed { offset, rule });
    assert_eq!(fed(limits, bytes, &[]), expected, "{:?}", text(bytes));
    assert_eq!(
        byte_by_byte(limits, bytes),
        expected,
        "{:?} trickled",
        text(bytes)
    );
    let first = &bytes[..=seen_at];
    assert_eq!(fed(limits, first, &[]), expected, "{:?}", text(first));
    let before = &bytes[..seen_at];
    assert_eq!(fed(limits, before, &[]), Ok(None), "{:?}", text(before));
}

mod the_parser {
    use super::*;

    #[test]
    fn refuses_what_breaks_a_rule_at_its_byte() {
        use Rule::*;
        // What was sent, the offset, the rule, the status. In a comment: what a browser, a person or an attacker meant.
        let cases: &[(&str, usize, Rule, u16)] = &[
            // Before the request line.
            ("\nGET / HTTP/1.1\r\n", 0, BareLineFeed, 400),
            ("\r\n\nGET / HTTP/1.1\r\n", 2, BareLineFeed, 400),
            ("\r\n\r\n\r\n\r\n\r\nGET", 8, TooManyEmptyLines, 400),
            ("\x16\x03\x01\x02\x00\x01\x00", 0, TlsHandshake, 400),
            ("\x16\x04\x01", 0, InvalidMethod, 400),
            ("\r\n\x16\x03", 2, InvalidMethod, 400),
            // The method.
            (" GET / HTTP/1.1\r\n", 0, InvalidRequestLine, 400),
            ("\tGET / HTTP/1.1\r\n", 0, InvalidRequestLine, 400),
            ("GET\t/ HTTP/1.1\r\n", 3, InvalidRequestLine, 400),
            ("GET\r\n", 3, InvalidRequestLine, 400),
            ("GET\n", 3, BareLineFeed, 400),
            ("G\0T / HTTP/1.1\r\n", 1, InvalidMethod, 400),
            ("G(T / HTTP/1.1\r\n", 1, InvalidMethod, 400),
            ("/ HTTP/1.1\r\n", 0, InvalidMethod, 400),
            ("{\"a\":1}", 0, InvalidMethod, 400),
            ("\u{e9}T / HTTP/1.1\r\n", 0, InvalidMethod, 400),
            ("GET:/ HTTP/1.1\r\n", 3, InvalidMethod, 400),
            (
                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456 / HTTP/1.1\r\n",
                32,
                MethodTooLong,
                501,
            ),
            // The target.
            ("GET  / HTTP/1.1\r\n", 4, InvalidRequestLine, 400),
            ("GET \t/ HTTP/1.1\r\n", 4, InvalidRequestLine, 400),
            ("GET \r\n", 4, InvalidRequestLine, 400),
            ("GET /\r\n", 5, OldRequest, 400),
            ("POST /\r\n", 6, OldRequest, 400),
            ("GET /\n", 5, BareLineFeed, 400),
            ("GET /a#b HTTP/1.1\r\n", 6, FragmentInTarget, 400),
            ("GET /a\0 HTTP/1.1\r\n", 6, InvalidTarget, 400),
            ("GET /a\x7f HTTP/1.1\r\n", 6, InvalidTarget, 400),
            ("GET /a\x1b[2J HTTP/1.1\r\n", 6, InvalidTarget, 400),
            ("GET /\u{e9} HTTP/1.1\r\n", 5, InvalidTarget, 400),
            ("GET /<script> HTTP/1.1\r\n", 5, InvalidTarget, 400),
            ("GET /\" HTTP/1.1\r\n", 5, InvalidTarget, 400),
            ("GET /..\\a HTTP/1.1\r\n", 7, InvalidTarget, 400),
            ("GET /^ HTTP/1.1\r\n", 5, InvalidTarget, 400),
            ("GET /` HTTP/1.1\r\n", 5, InvalidTarget, 400),
            ("GET /{ HTTP/1.1\r\n", 5, InvalidTarget, 400),
            ("GET /| HTTP/1.1\r\n", 5, InvalidTarget, 400),
            ("GET /} HTTP/1.1\r\n", 5, InvalidTarget, 400),
            ("GET /a\tHTTP/1.1\r\n", 6, InvalidRequestLine, 400),
            // The version.
            ("GET /  HTTP/1.1\r\n", 6, InvalidRequestLine, 400),
            ("GET /a b HTTP/1.1\r\n", 7, InvalidVersion, 400),
            ("GET / \r\n", 6, InvalidVersion, 400),
            ("GET / http/1.1\r\n", 6, InvalidVersion, 400),
            ("GET / HTTPS/1.1\r\n", 10, InvalidVersion, 400),
            ("GET / HTTP/\r\n", 11, InvalidVersion, 400),
            ("GET / HTTP/1\r\n", 12, InvalidVersion, 400),
            ("GET / HTTP/1.\r\n", 13, InvalidVersion, 400),
            ("GET / HTTP/1.x\r\n", 13, InvalidVersion, 400),
            ("GET / HTTP/1,1\r\n", 12, InvalidVersion, 400),
            ("GET / HTTP/1.10\r\n", 14, InvalidVersion, 400),
            ("GET / HTTP/11.1\r\n", 12, InvalidVersion, 400),
            ("GET / HTTP/a.1\r\n", 11, InvalidVersion, 400),
            ("GET / HTTP/1.1 \r\n", 14, InvalidRequestLine, 400),
            ("GET / HTTP/1.1\t\r\n", 14, InvalidRequestLine, 400),
            ("GET / HTTP/1.1\n", 14, BareLineFeed, 400),
            ("GET / HTTP/0.9\r\n", 11, UnsupportedVersion, 505),
            ("GET / HTTP/2.0\r\n", 11, UnsupportedVersion, 505),
            ("GET / HTTP/9.9\r\n", 11, UnsupportedVersion, 505),
            // The preface of HTTP/2 (RFC 9113 §3.4).
            (
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                11,
                UnsupportedVersion,
                505,
            ),
            // The fields. The request line has 16 bytes.
            (
                "GET / HTTP/1.1\r\n Host: a\r\n",
                16,
                SpaceBeforeFirstField,
                400,
            ),
            (
                "GET / HTTP/1.1\r\n\tHost: a\r\n",
                16,
                SpaceBeforeFirstField,
                400,
            ),
            ("GET / HTTP/1.1\r\n\r\r\n", 16, BareCarriageReturn, 400),
            ("GET / HTTP/1.1\r\n\n", 16, BareLineFeed, 400),
            ("GET / HTTP/1.1\r\n: a\r\n", 16, InvalidFieldName, 400),
            ("GET / HTTP/1.1\r\nHost : a\r\n", 20, SpaceBeforeColon, 400),
            ("GET / HTTP/1.1\r\nHost\t: a\r\n", 20, SpaceBeforeColon, 400),
            ("GET / HTTP/1.1\r\nHost\r\n", 20, MissingColon, 400),
            ("GET / HTTP/1.1\r\nHost\n", 20, BareLineFeed, 400),
            ("GET / HTTP/1.1\r\nHo(st: a\r\n", 18, InvalidFieldName, 400),
            ("GET / HTTP/1.1\r\nHo\0st: a\r\n", 18, InvalidFieldName, 400),
            (
                "GET / HTTP/1.1\r\nHo\u{e9}: a\r\n",
                18,
                InvalidFieldName,
                400,
            ),
            ("GET / HTTP/1.1\r\nA: b\r\n c\r\n", 22, FoldedField, 400),
            ("GET / HTTP/1.1\r\nA: b\r\n\tc\r\n", 22, FoldedField, 400),
            ("GET / HTTP/1.1\r\nA: b\r\n \r\n", 22, FoldedField, 400),
            ("GET / HTTP/1.1\r\nA: b\n", 20, BareLineFeed, 400),
            ("GET / HTTP/1.1\r\nA: b\0c\r\n", 20, InvalidFieldValue, 400),
            ("GET / HTTP/1.1\r\nA: \0\r\n", 19, InvalidFieldValue, 400),
            ("GET / HTTP/1.1\r\nA: b\x07\r\n", 20, InvalidFieldValue, 400),
            ("GET / HTTP/1.1\r\nA: b\x7f\r\n", 20, InvalidFieldValue, 400),
            (
                "GET / HTTP/1.1\r\nA: 0123456789\x1b[31m\r\n",
                29,
                InvalidFieldValue,
                400,
            ),
        ];
        for &(bytes, offset, rule, status) in cases {
            let bytes = bytes.as_bytes();
            // What a CR means and whether a handshake begins is only seen at the byte behind.
            let late = bytes[offset] == b'\r' && rule != TooManyEmptyLines
                || bytes[offset] == 0x16 && offset == 0;
            assert_broken(
                Limits::default(),
                bytes,
                offset,
                offset + usize::from(late),
                rule,
            );
            assert_eq!(rule.status().code(), status, "{rule:?}");
        }
    }

    #[test]
    fn refuses_a_bare_cr_wherever_it_stands() {
        let request = "\r\nGET / HTTP/1.1\r\nHost: a\r\nB:c\r\n\r\n";
        for at in 2..request.len() {
            let mut bytes = request.as_bytes().to_vec();
            if bytes[at] == b'\n' || bytes[at] == b'\r' {
                continue;
            }
            bytes.insert(at, b'\r');
            assert_broken(
                Limits::default(),
                &bytes,
                at,
                at + 1,
                Rule::BareCarriageReturn,
            );
        }
    }

    #[test]
    fn reads_the_parts_of_a_head() {
        let bytes = b"\r\n\r\nGET /a?b=%20 HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nx-wide: \t b\tc \t\r\nX-\xc3:\r\n";
        assert_eq!(
            whole(bytes).map_err(|error| error.rule),
            Err(Rule::InvalidFieldName)
        );
        let bytes = b"\r\n\r\nGET /a?b=%20 HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nx-wide: \t b\tc \t\r\nX-Text: \xc3\xa9\r\n\r\nbody";
        let (head, _) = complete(bytes);
        assert_eq!(head.method, Method::Get);
        assert_eq!(head.method_span.of(bytes), b"GET");
        assert_eq!(head.target.of(bytes), b"/a?b=%20");
        assert_eq!(head.version, Version::HTTP_1_1);
        assert_eq!(head.started, 4);
        assert_eq!(&bytes[head.length..], b"body");
        let fields: Vec<_> = head
            .fields
            .iter()
            .map(|field| (field.name.of(bytes), field.value.of(bytes)))
            .collect();
        assert_eq!(
            fields,
            [
                (&b"Host"[..], &b"a"[..]),
                (b"X-Empty", b""),
                (b"x-wide", b"b\tc"),
                (b"X-Text", b"\xc3\xa9"),
            ]
        );
        assert_eq!(
            head.target.of(b"short"),
            b"",
            "the bytes of another message"
        );
    }

    #[test]
    fn reads_every_form_of_a_good_request_line() {
        for (line, method, target, version) in [
            ("GET / HTTP/1.1", Method::Get, "/", (1, 1)),
            ("HEAD / HTTP/1.0", Method::Head, "/", (1, 0)),
            ("GET / HTTP/1.2", Method::Get, "/", (1, 2)),
            ("GET / HTTP/1.9", Method::Get, "/", (1, 9)),
            ("OPTIONS * HTTP/1.1", Method::Options, "*", (1, 1)),
            ("TRACE / HTTP/1.1", Method::Trace, "/", (1, 1)),
            ("CONNECT a:443 HTTP/1.1", Method::Connect, "a:443", (1, 1)),
            ("POST /a;b=c HTTP/1.1", Method::Post, "/a;b=c", (1, 1)),
            ("PUT /~a HTTP/1.1", Method::Put, "/~a", (1, 1)),
            ("DELETE /[a] HTTP/1.1", Method::Delete, "/[a]", (1, 1)),
            ("PATCH //a HTTP/1.1", Method::Patch, "//a", (1, 1)),
            ("PROPFIND / HTTP/1.1", Method::Registered, "/", (1, 1)),
            (
                "UPDATEREDIRECTREF / HTTP/1.1",
                Method::Registered,
                "/",
                (1, 1),
            ),
            ("get / HTTP/1.1", Method::Unknown, "/", (1, 1)),
            (
                "FOO!#$%&'*+-.^_`|~ / HTTP/1.1",
                Method::Unknown,
                "/",
                (1, 1),
            ),
            (
                "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345 / HTTP/1.1",
                Method::Unknown,
                "/",
                (1, 1),
            ),
            (
                "GET http://a.example/b?c HTTP/1.1",
                Method::Get,
                "http://a.example/b?c",
                (1, 1),
            ),
            (
                "GET /%zz?a?/b@:! HTTP/1.1",
                Method::Get,
                "/%zz?a?/b@:!",
                (1, 1),
            ),
        ] {
            let bytes = format!("{line}\r\nHost: a\r\n\r\n").into_bytes();
            let (head, _) = complete(&bytes);
            assert_eq!(head.method, method, "{line}");
            assert_eq!(head.target.of(&bytes), target.as_bytes(), "{line}");
            assert_eq!((head.version.major, head.version.minor), version, "{line}");
            assert_eq!(head.length, bytes.len(), "{line}");
        }
    }

    #[test]
    fn skips_four_empty_lines() {
        let (head, _) = complete(b"\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(head.started, 8);
    }

    #[test]
    fn limits_hold_to_the_byte() {
        let limits = Limits {
            request_line: 20,
            head: 12,
            fields: 200,
        };
        // 20 octets with the line end; then 10 and the blank line's 2.
        let fits = b"GET /1234 HTTP/1.1\r\nHost: ab\r\n\r\n";
        assert_eq!(fits.len(), 32);
        let fed_whole = fed(limits, fits, &[]);
        assert!(matches!(fed_whole, Ok(Some(_))), "{fed_whole:?}");
        assert_eq!(byte_by_byte(limits, fits), fed_whole);
        assert_broken(
            limits,
            b"GET /12345 HTTP/1.1\r\n",
            20,
            20,
            Rule::TargetTooLong,
        );
        assert_broken(
            limits,
            b"GET /1234567890123456 HTTP/1.1\r\n",
            20,
            20,
            Rule::TargetTooLong,
        );
        assert_broken(
            limits,
            b"\r\nGET /1234567890123456 HTTP/1.1\r\n",
            22,
            22,
            Rule::TargetTooLong,
        );
        let long_value = b"GET / HTTP/1.1\r\nHost: abc\r\n\r\n";
        assert_broken(limits, long_value, 28, 28, Rule::FieldsTooLarge);
        let long_name = b"GET / HTTP/1.1\r\nHostHostHostHost: abc\r\n\r\n";
        assert_broken(limits, long_name, 28, 28, Rule::FieldsTooLarge);
        let blanks = b"GET / HTTP/1.1\r\nHost:               \r\n\r\n";
        assert_broken(limits, blanks, 28, 28, Rule::FieldsTooLarge);
        let limits = Limits {
            fields: 2,
            ..Limits::default()
        };
        let three = b"GET / HTTP/1.1\r\nA:b\r\nA:b\r\nA:b\r\n\r\n";
        assert_broken(limits, three, 26, 26, Rule::TooManyFields);
        assert_eq!(Rule::TooManyFields.status().code(), 431);
        assert_eq!(Rule::FieldsTooLarge.status().code(), 431);
        assert_eq!(Rule::TargetTooLong.status().code(), 414);
    }

    #[test]
    fn the_sizes_of_the_comparison_get_their_status() {
        let target = |length| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(length));
        let field = |length| {
            format!(
                "GET / HTTP/1.1\r\nHost: a\r\nB: {}\r\n\r\n",
                "b".repeat(length)
            )
        };
        let fields = |count| {
            format!(
                "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
                "B: c\r\n".repeat(count)
            )
        };
        for (request, status) in [
            (target(7_999), None),
            (target(70_000), Some(414)),
            (field(7_000), None),
            (field(70_000), Some(431)),
            (fields(150), None),
            (fields(199), None),
            (fields(200), Some(431)),
            (fields(5_000), Some(431)),
        ] {
            let found = whole(request.as_bytes()).err();
            let found = found.map(|error| error.rule.status().code());
            assert_eq!(found, status, "{} bytes", request.len());
        }
    }

    #[test]
    fn limits_without_bound_are_bounded() {
        let limits = Limits {
            request_line: usize::MAX,
            head: usize::MAX,
            fields: usize::MAX,
        };
        let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(fed(limits, bytes, &[]), whole(bytes));
    }

    #[test]
    fn no_byte_but_a_cr_is_looked_at_twice() {
        let mut request = b"\r\nGET /a HTTP/1.1\r\nHost: a\r\n".to_vec();
        request.extend(b"B:   c  \t d\t\r\n".repeat(100));
        request.extend(b"\r\n");
        let mut parser = Parser::new(Limits::default());
        for end in 1..=request.len() {
            let progress = parser.parse(&request[..end]).unwrap();
            let held_back = usize::from(request[end - 1] == b'\r');
            assert_eq!(parser.position(), end - held_back);
            assert_eq!(progress == Progress::Complete, end == request.len());
        }
    }

    #[test]
    fn tells_where_it_stands() {
        let mut parser = Parser::new(Limits::default());
        assert_eq!(parser.stage(), Stage::EmptyLines);
        let request = "\r\nGET /a HTTP/1.1\r\nHost:  a\r\n\r\n";
        for (so_far, stage) in [
            ("", Stage::EmptyLines),
            ("\r", Stage::EmptyLines),
            ("\r\n", Stage::EmptyLines),
            ("\r\nG", Stage::Method),
            ("\r\nGET", Stage::Method),
            ("\r\nGET ", Stage::Target),
            ("\r\nGET /a", Stage::Target),
            ("\r\nGET /a ", Stage::Version),
            ("\r\nGET /a HTTP/1.1\r", Stage::Version),
            ("\r\nGET /a HTTP/1.1\r\n", Stage::FieldStart),
            ("\r\nGET /a HTTP/1.1\r\nH", Stage::FieldName),
            ("\r\nGET /a HTTP/1.1\r\nHost:", Stage::BeforeValue),
            ("\r\nGET /a HTTP/1.1\r\nHost: ", Stage::BeforeValue),
            ("\r\nGET /a HTTP/1.1\r\nHost:  a", Stage::FieldValue),
            ("\r\nGET /a HTTP/1.1\r\nHost:  a\r", Stage::FieldValue),
            ("\r\nGET /a HTTP/1.1\r\nHost:  a\r\n", Stage::FieldStart),
            (request, Stage::Complete),
        ] {
            assert!(request.starts_with(so_far));
            parser.parse(so_far.as_bytes()).unwrap();
            assert_eq!(parser.stage(), stage, "{so_far:?}");
        }
        assert_eq!(parser.head().fields.len(), 1);
    }

    #[test]
    fn reads_one_message_after_the_other() {
        let one = b"GET /1 HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n";
        let two = b"HEAD /2 HTTP/1.0\r\n\r\n";
        let both = [&one[..], two].concat();
        let mut parser = Parser::new(Limits::default());
        assert_eq!(parser.parse(&both), Ok(Progress::Complete));
        assert_eq!(
            parser.parse(&both),
            Ok(Progress::Complete),
            "and so it stays"
        );
        assert_eq!(parser.head().length, one.len());
        let room = parser.head().fields.capacity();
        parser.reset();
        assert_eq!(parser.parse(&both[one.len()..]), Ok(Progress::Complete));
        assert_eq!(parser.head(), &complete(two).0);
        assert_eq!(
            parser.head().fields.capacity(),
            room,
            "the memory is used again"
        );
    }

    #[test]
    fn the_wrong_buffer_is_no_panic() {
        let mut parser = Parser::new(Limits::default());
        parser.parse(b"GET / HTTP/1.1\r\nHost: abc").unwrap();
        assert_eq!(parser.parse(b"GET"), Ok(Progress::Partial));
        assert_eq!(parser.parse(b""), Ok(Progress::Partial));
    }
}

mod the_message {
    use super::*;

    fn meaning(fields: &str) -> Message {
        complete(format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes()).1
    }

    fn meaning_in_1_0(fields: &str) -> Message {
        complete(format!("POST / HTTP/1.0\r\n{fields}\r\n").as_bytes()).1
    }

    #[test]
    fn contradictions_break_a_rule_at_their_field() {
        use Rule::*;
        // Fields, what the offset points at, the rule, the status.
        let cases: &[(&str, &str, Rule, u16)] = &[
            ("", "\r\n", MissingHost, 400),
            ("A: b\r\n", "\r\n", MissingHost, 400),
            ("Host: a\r\nhost: b\r\n", "host: b", SeveralHosts, 400),
            ("Host: a\r\nHOST: a\r\n", "HOST: a", SeveralHosts, 400),
            ("Host: a b\r\n", "a b", InvalidHost, 400),
            ("Host: http://a/\r\n", "http", InvalidHost, 400),
            ("Host: a:b\r\n", "a:b", InvalidHost, 400),
            ("Host: u@a\r\n", "u@a", InvalidHost, 400),
        ];
        for &(fields, place, rule, status) in cases {
            check("GET / HTTP/1.1", fields, place, rule, status);
        }
        let cases: &[(&str, &str, Rule, u16)] = &[
            ("Content-Length: +5\r\n", "+5", InvalidContentLength, 400),
            ("Content-Length: -1\r\n", "-1", InvalidContentLength, 400),
            ("Content-Length:\r\n", "\r\nEnd", InvalidContentLength, 400),
            ("Content-Length: 0x5\r\n", "0x5", InvalidContentLength, 400),
            ("Content-Length: 5 5\r\n", "5 5", InvalidContentLength, 400),
            ("Content-Length: 5,\r\n", "5,", InvalidContentLength, 400),
            ("Content-Length: 5;\r\n", "5;", InvalidContentLength, 400),
            ("Content-Length: 5.0\r\n", "5.0", InvalidContentLength, 400),
            (
                "Content-Length: \u{665}\r\n",
                "\u{665}",
                InvalidContentLength,
                400,
            ),
            // 2^64, and more digits than any number has.
            (
                "Content-Length: 18446744073709551616\r\n",
                "18446",
                InvalidContentLength,
                400,
            ),
            (
                "Content-Length: 99999999999999999999999999999999\r\n",
                "99999999999999999999999999999999",
                InvalidContentLength,
                400,
            ),
            ("Content-Length: 5,6\r\n", "5,6", ContentLengthsDiffer, 400),
            (
                "Content-Length: 5\r\nContent-Length: 6\r\n",
                "6\r\n",
                ContentLengthsDiffer,
                400,
            ),
            (
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                "Transfer",
                ContentLengthWithTransferEncoding,
                400,
            ),
            (
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                "Content-L",
                ContentLengthWithTransferEncoding,
                400,
            ),
            (
                "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n",
                "Content-L",
                ContentLengthWithTransferEncoding,
                400,
            ),
            (
                "Transfer-Encoding: xchunked\r\n",
                "xchunked",
                UnknownTransferCoding,
                501,
            ),
            (
                "Transfer-Encoding: identity\r\n",
                "identity",
                UnknownTransferCoding,
                501,
            ),
            (
                "Transfer-Encoding: chunked;a=b\r\n",
                "chunked",
                UnknownTransferCoding,
                501,
            ),
            (
                "Transfer-Encoding: \"chunked\"\r\n",
                "\"chunked",
                UnknownTransferCoding,
                501,
            ),
            (
                "Transfer-Encoding: \x0bchunked\r\n",
                "\x0b",
                InvalidFieldValue,
                400,
            ),
            (
                "Transfer-Encoding: gzip, chunked\r\n",
                "gzip",
                UnknownTransferCoding,
                501,
            ),
            ("Transfer-Encoding: gzip\r\n", "gzip", ChunkedNotLast, 400),
            ("Transfer-Encoding: ,\r\n", ",", ChunkedNotLast, 400),
            (
                "Transfer-Encoding: chunked, gzip\r\n",
                "chunked,",
                ChunkedNotLast,
                400,
            ),
            (
                "Transfer-Encoding: chunked, x\r\n",
                "chunked,",
                ChunkedNotLast,
                400,
            ),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                "chunked\r\nEnd",
                ChunkedNotLast,
                400,
            ),
            ("Expect: foo\r\n", "foo", UnknownExpectation, 417),
            (
                "Expect: 100-continue, foo\r\n",
                "100",
                UnknownExpectation,
                417,
            ),
        ];
        for &(fields, place, rule, status) in cases {
            let fields = format!("Host: a\r\n{fields}End: 1\r\n");
            check("POST / HTTP/1.1", &fields, place, rule, status);
            if rule != UnknownExpectation && rule.status().code() == 400 {
                check("GET / HTTP/1.2", &fields, place, rule, status);
            }
        }
        let cases: &[(&str, &str, Rule, u16)] = &[
            ("Host: a\r\nHost: b\r\n", "Host: b", SeveralHosts, 400),
            ("Host: a/b\r\n", "a/b", InvalidHost, 400),
            (
                "Transfer-Encoding: chunked\r\n",
                "Transfer",
                TransferEncodingTooOld,
                400,
            ),
            (
                "Content-Length: 5\r\nTransfer-Encoding: x\r\n",
                "Transfer",
                TransferEncodingTooOld,
                400,
            ),
        ];
        for &(fields, place, rule, status) in cases {
            check("GET / HTTP/1.0", fields, place, rule, status);
        }
    }

    /// `place` is found in the last possible place of the field section.
    fn check(line: &str, fields: &str, place: &str, rule: Rule, status: u16) {
        let request = format!("{line}\r\n{fields}\r\n");
        let offset = request.rfind(place).expect("the place is in the request");
        let found = whole(request.as_bytes());
        assert_eq!(found, Err(Malformed { offset, rule }), "{request:?}");
        assert_eq!(rule.status().code(), status, "{rule:?}");
    }

    #[test]
    fn the_body_ends_where_the_fields_say() {
        for (fields, body) in [
            ("", BodyLength::None),
            ("Content-Length: 0\r\n", BodyLength::None),
            ("Content-Length: 5\r\n", BodyLength::Length(5)),
            ("content-LENGTH:5\r\n", BodyLength::Length(5)),
            ("Content-Length: 005\r\n", BodyLength::Length(5)),
            ("Content-Length: 5, 5,05\r\n", BodyLength::Length(5)),
            (
                "Content-Length: 5\r\nA: b\r\nContent-Length: 5\r\n",
                BodyLength::Length(5),
            ),
            (
                "Content-Length: 18446744073709551615\r\n",
                BodyLength::Length(u64::MAX),
            ),
            ("Transfer-Encoding: chunked\r\n", BodyLength::Chunked),
            ("transfer-encoding: CHUNKED\r\n", BodyLength::Chunked),
            ("Transfer-Encoding: , chunked ,\r\n", BodyLength::Chunked),
            (
                "Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n",
                BodyLength::Chunked,
            ),
        ] {
            assert_eq!(meaning(fields).body, body, "{fields:?}");
        }
    }

    #[test]
    fn the_connection_stays_as_the_version_and_the_fields_say() {
        use Persistence::*;
        for (fields, in_1_1, in_1_0) in [
            ("", KeepAlive, Close),
            ("Connection: close\r\n", Close, Close),
            ("Connection: CLOSE\r\n", Close, Close),
            ("Connection: keep-alive\r\n", KeepAlive, KeepAliveAsked),
            ("Connection: Keep-Alive\r\n", KeepAlive, KeepAliveAsked),
            ("Connection: te, keep-alive\r\n", KeepAlive, KeepAliveAsked),
            ("Connection: keep-alive, close\r\n", Close, Close),
            (
                "Connection: keep-alive\r\nconnection: close\r\n",
                Close,
                Close,
            ),
            ("Connection: close, keep-alive\r\n", Close, Close),
            ("Connection: upgrade\r\n", KeepAlive, Close),
            ("Connection: closed\r\n", KeepAlive, Close),
            ("Keep-Alive: timeout=5\r\n", KeepAlive, Close),
        ] {
            assert_eq!(meaning(fields).persistence, in_1_1, "{fields:?}");
            assert_eq!(meaning_in_1_0(fields).persistence, in_1_0, "{fields:?}");
        }
        let (_, message) = complete(b"GET / HTTP/1.2\r\nHost: a\r\n\r\n");
        assert_eq!(message.persistence, KeepAlive, "1.2 is as 1.1");
    }

    #[test]
    fn a_continue_is_wanted_only_for_a_body_in_1_1() {
        use Expectation::*;
        for (fields, expectation) in [
            ("", None),
            ("Expect: 100-continue\r\n", None),
            ("Expect: 100-continue\r\nContent-Length: 0\r\n", None),
            ("Expect: 100-continue\r\nContent-Length: 5\r\n", Continue),
            (
                "Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n",
                Continue,
            ),
            ("Expect:\r\nContent-Length: 5\r\n", None),
        ] {
            assert_eq!(meaning(fields).expectation, expectation, "{fields:?}");
        }
        for fields in [
            "Expect: 100-continue\r\nContent-Length: 5\r\n",
            "Expect: foo\r\n",
        ] {
            assert_eq!(meaning_in_1_0(fields).expectation, None, "{fields:?}");
        }
    }

    #[test]
    fn the_fields_of_the_answer_are_found() {
        let bytes = b"GET / HTTP/1.1\r\nHost: a:1\r\nIF-MATCH: \"1\"\r\nIf-None-Match: \"a\"\r\nX: y\r\nif-none-match: W/\"b\"\r\n\
            If-Modified-Since: m\r\nIf-Unmodified-Since: u\r\nIf-Range: \"r\"\r\nRange: bytes=0-1\r\nAccept-Encoding: gzip\r\n\
            Accept-Encoding: br\r\nUser-Agent: curl\r\nReferer: http://b/\r\n\r\n";
        let (head, Message { asked, .. }) = complete(bytes);
        let one = |span: Option<Span>| span.map(|span| text(span.of(bytes)));
        let all = |lines: Option<Lines>| {
            lines.map_or(vec![], |lines| {
                lines.values(&head, bytes).map(text).collect()
            })
        };
        assert_eq!(one(asked.host).as_deref(), Some("a:1"));
        assert_eq!(all(asked.if_match), ["\\\"1\\\""]);
        assert_eq!(all(asked.if_none_match), ["\\\"a\\\"", "W/\\\"b\\\""]);
        assert_eq!(one(asked.if_modified_since).as_deref(), Some("m"));
        assert_eq!(one(asked.if_unmodified_since).as_deref(), Some("u"));
        assert_eq!(one(asked.if_range).as_deref(), Some("\\\"r\\\""));
        assert_eq!(one(asked.range).as_deref(), Some("bytes=0-1"));
        assert_eq!(all(asked.accept_encoding), ["gzip", "br"]);
        assert_eq!(one(asked.user_agent).as_deref(), Some("curl"));
        assert_eq!(one(asked.referer).as_deref(), Some("http://b/"));
    }

    #[test]
    fn what_may_be_there_once_is_ignored_when_there_twice() {
        let twice = meaning(
            "If-Modified-Since: a\r\nIf-Modified-Since: a\r\nIf-Unmodified-Since: a\r\nIf-Unmodified-Since: b\r\nRange: bytes=0-1\r\nRange: bytes=2-3\r\nIf-Range: \"a\"\r\n",
        );
        assert_eq!(twice.asked.if_modified_since, None);
        assert_eq!(twice.asked.if_unmodified_since, None);
        assert_eq!(twice.asked.range, None);
        assert_eq!(twice.asked.if_range, None, "not without a range");
        let twice = meaning("Range: bytes=0-1\r\nIf-Range: \"a\"\r\nIf-Range: \"b\"\r\n");
        assert_eq!((twice.asked.range, twice.asked.if_range), (None, None));
        assert_eq!(meaning("If-Range: \"a\"\r\n").asked.if_range, None);
        assert!(meaning("Range: bytes=0-1\r\n").asked.range.is_some());
    }

    #[test]
    fn an_old_request_needs_no_host() {
        assert_eq!(meaning_in_1_0("").asked.host, None);
        assert!(meaning_in_1_0("Host: a\r\n").asked.host.is_some());
    }
}

/// A request that is good or nearly so: one from parts, with some bytes changed.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![
        6 => prop::sample::select(vec!["GET", "HEAD", "OPTIONS", "POST", "PRI", "get"]).prop_map(str::to_owned),
        1 => "[!-~]{0,40}",
    ];
    let target = prop_oneof![
        4 => "/[a-z0-9%?&=/.]{0,40}",
        1 => Just("*".to_owned()),
        1 => "http://[a-z.]{1,10}/[a-z]{0,5}",
        1 => "[!-~]{0,20}",
    ];
    let version = prop_oneof![
        6 => Just("HTTP/1.1".to_owned()),
        2 => Just("HTTP/1.0".to_owned()),
        1 => "HTTP/[0-3]\\.[0-9]",
        1 => "[ -~]{0,10}",
    ];
    let known = prop::sample::select(vec![
        "Host: a",
        "Host: [::1]:80",
        "Content-Length: 5",
        "Content-Length: 5, 5",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip",
        "Connection: close",
        "connection:keep-alive",
        "Expect: 100-continue",
        "If-None-Match: \"a\", W/\"b\"",
        "Range: bytes=0-1",
        "If-Range: \"a\"",
    ]);
    let field = prop_oneof![
        6 => known.prop_map(str::to_owned),
        6 => "[A-Za-z-]{1,12}:[ \t]{0,3}[ -~\t]{0,30}[ \t]{0,2}",
        1 => "[!-~]{0,10}:?[\u{0}-\u{ff}]{0,10}",
    ];
    let line_end = || prop_oneof![100 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r")];
    let fields = prop::collection::vec((field, line_end()), 0..8);
    let start = prop_oneof![6 => Just(0_usize), 1 => 0..6_usize];
    let edits = prop_oneof![
        2 => Just(vec![]),
        1 => prop::collection::vec((any::<prop::sample::Index>(), 0..3, any::<u8>()), 1..3),
    ];
    let rest = prop::collection::vec(any::<u8>(), 0..10);
    (
        start,
        method,
        target,
        version,
        line_end(),
        fields,
        edits,
        rest,
    )
        .prop_map(
            |(start, method, target, version, end, fields, edits, rest)| {
                let mut text = format!("{}{method} {target} {version}{end}", "\r\n".repeat(start));
                for (field, end) in fields {
                    text.push_str(&field);
                    text.push_str(end);
                }
                text.push_str("\r\n");
                let mut bytes = text.into_bytes();
                bytes.extend(rest);
                for (at, edit, byte) in edits {
                    let at = at.index(bytes.len());
                    match edit {
                        0 => bytes[at] = byte,
                        1 => bytes.insert(at, byte),
                        _ => {
                            bytes.remove(at);
                        }
                    }
                }
                bytes
            },
        )
}

fn cuts(length: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..=length, 0..6).prop_map(|mut cuts| {
        cuts.sort_unstable();
        cuts
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn cuts_change_nothing((bytes, cuts) in request().prop_flat_map(|bytes| (Just(bytes.clone()), cuts(bytes.len())))) {
        let expected = whole(&bytes);
        prop_assert_eq!(fed(Limits::default(), &bytes, &cuts), expected.clone());
        prop_assert_eq!(byte_by_byte(Limits::default(), &bytes), expected);
    }

    #[test]
    fn cuts_change_nothing_at_small_limits(bytes in request(), request_line in 0_usize..60, head in 0_usize..100, fields in 0_usize..5) {
        let limits = Limits { request_line, head, fields };
        prop_assert_eq!(byte_by_byte(limits, &bytes), fed(limits, &bytes, &[]));
    }

    #[test]
    fn any_bytes_get_an_answer(bytes: Vec<u8>, begun in 0_usize..34) {
        let mut all = b"GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n"[..begun].to_vec();
        all.extend(bytes);
        let found = whole(&all);
        prop_assert_eq!(byte_by_byte(Limits::default(), &all), found.clone());
        match found {
            Ok(Some((head, _))) => prop_assert!(head.length <= all.len()),
            Ok(None) => {}
            Err(error) => prop_assert!(error.offset < all.len()),
        }
    }

    /// httparse is laxer: it takes a lone LF as a line end, any byte above SP but DEL in a target (`#` and octets of UTF-8 among them), any number
    /// of empty lines, and knows no limits but that of fields. It is stricter in one point: a version other than 1.0 and 1.1 is an error, where RFC
    /// 9110 §6.2 wants 1.2 processed as 1.1. So what is taken here is taken there, but for the version, and means the same.
    #[test]
    fn httparse_agrees_with_what_is_accepted(bytes in request()) {
        let mut parser = Parser::new(Limits::default());
        let complete = parser.parse(&bytes) == Ok(Progress::Complete);
        let head = parser.head();
        if !complete || head.version > Version::HTTP_1_1 {
            return Ok(());
        }
        let mut fields = [httparse::EMPTY_HEADER; 200];
        let mut oracle = httparse::Request::new(&mut fields);
        prop_assert_eq!(oracle.parse(&bytes), Ok(httparse::Status::Complete(head.length)));
        prop_assert_eq!(oracle.method.map(str::as_bytes), Some(head.method_span.of(&bytes)));
        prop_assert_eq!(oracle.path.map(str::as_bytes), Some(head.target.of(&bytes)));
        prop_assert_eq!(oracle.version, Some(head.version.minor));
        let theirs: Vec<_> = oracle.headers.iter().map(|field| (field.name.as_bytes(), field.value)).collect();
        let ours: Vec<_> = head.fields.iter().map(|field| (field.name.of(&bytes), field.value.of(&bytes))).collect();
        prop_assert_eq!(theirs, ours);
    }
}
