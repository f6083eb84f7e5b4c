//! What is no request: the answer, the byte that broke a rule, and the end of the connection.

use sockscope::proto::http::rule::Rule;
use sockscope::trace::web::{Cause, Ending};

use crate::support::web::{GET, Lab, MARK, marked};

/// Requests that are none, or that nobody can frame: the byte that breaks a rule is marked.
fn broken() -> Vec<(String, u16, Rule)> {
    let rows: &[(&str, u16, Rule)] = &[
        // The request line.
        (
            "‸\x16\x03\x01\x02\x00\x01\x00\x01ü\x03\x03",
            400,
            Rule::TlsHandshake,
        ),
        ("GET /a.txt‸\r\n\r\n", 400, Rule::OldRequest),
        ("‸ GET /a.txt HTTP/1.1\r\n", 400, Rule::InvalidRequestLine),
        ("GET ‸ /a.txt HTTP/1.1\r\n", 400, Rule::InvalidRequestLine),
        ("GET /a.txt ‸ HTTP/1.1\r\n", 400, Rule::InvalidRequestLine),
        ("GET /a.txt HTTP/1.1‸ \r\n", 400, Rule::InvalidRequestLine),
        ("GET‸\t/a.txt HTTP/1.1\r\n", 400, Rule::InvalidRequestLine),
        ("GET /a ‸b.txt HTTP/1.1\r\n", 400, Rule::InvalidVersion),
        ("GET‸\r\n\r\n", 400, Rule::InvalidRequestLine),
        ("G‸(T / HTTP/1.1\r\n", 400, Rule::InvalidMethod),
        ("‸\0\0\0\0", 400, Rule::InvalidMethod),
        ("GET /‸ÿ HTTP/1.1\r\n", 400, Rule::InvalidTarget),
        ("GET /‸\0 HTTP/1.1\r\n", 400, Rule::InvalidTarget),
        ("GET /a‸#b HTTP/1.1\r\n", 400, Rule::FragmentInTarget),
        ("GET / ‸http/1.1\r\n", 400, Rule::InvalidVersion),
        ("GET / HTTP/1‸\r\n", 400, Rule::InvalidVersion),
        ("GET / HTTP/1.1‸1\r\n", 400, Rule::InvalidVersion),
        ("GET / HTTP/‸2.0\r\n", 505, Rule::UnsupportedVersion),
        ("GET / HTTP/‸9.9\r\n", 505, Rule::UnsupportedVersion),
        ("GET / HTTP/‸0.9\r\n", 505, Rule::UnsupportedVersion),
        (
            "PRI * HTTP/‸2.0\r\n\r\nSM\r\n\r\n",
            505,
            Rule::UnsupportedVersion,
        ),
        ("\r\n\r\n\r\n\r\n‸\r\nGET", 400, Rule::TooManyEmptyLines),
        // Line ends.
        ("GET / HTTP/1.1‸\nHost: h\n\n", 400, Rule::BareLineFeed),
        ("GET /‸\n", 400, Rule::BareLineFeed),
        ("GET / HTTP/1.1\r\nHost: h‸\n\r\n", 400, Rule::BareLineFeed),
        ("GET / HTTP/1.1\r\nHost: h\r\n‸\n", 400, Rule::BareLineFeed),
        (
            "GET / HTTP/1.1‸\rHost: h\r\n\r\n",
            400,
            Rule::BareCarriageReturn,
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nX: a‸\rb\r\n",
            400,
            Rule::BareCarriageReturn,
        ),
        ("GET / HTTP/1.1\r\n‸\r\r\n", 400, Rule::BareCarriageReturn),
        // Fields.
        (
            "GET / HTTP/1.1\r\n‸ Host: h\r\n",
            400,
            Rule::SpaceBeforeFirstField,
        ),
        ("GET / HTTP/1.1\r\nX: a\r\n‸ b\r\n", 400, Rule::FoldedField),
        ("GET / HTTP/1.1\r\nX: a\r\n‸\tb\r\n", 400, Rule::FoldedField),
        (
            "GET / HTTP/1.1\r\nHost‸ : h\r\n",
            400,
            Rule::SpaceBeforeColon,
        ),
        (
            "GET / HTTP/1.1\r\nHost‸\t: h\r\n",
            400,
            Rule::SpaceBeforeColon,
        ),
        ("GET / HTTP/1.1\r\nHost‸\r\n\r\n", 400, Rule::MissingColon),
        ("GET / HTTP/1.1\r\n‸: h\r\n", 400, Rule::InvalidFieldName),
        ("GET / HTTP/1.1\r\nX‸(: h\r\n", 400, Rule::InvalidFieldName),
        (
            "GET / HTTP/1.1\r\nX: a‸\0b\r\n",
            400,
            Rule::InvalidFieldValue,
        ),
        (
            "GET / HTTP/1.1\r\nX: a‸\x7fb\r\n",
            400,
            Rule::InvalidFieldValue,
        ),
    ];
    let mut rows: Vec<_> = rows
        .iter()
        .map(|&(request, status, rule)| (request.to_owned(), status, rule))
        .collect();
    // The first byte beyond a limit.
    let start = "GET / HTTP/1.1\r\n";
    let huge = "x".repeat(70_000);
    let too_many = "X: y\r\n".repeat(5_000);
    let (allowed, beyond) = too_many.split_at(200 * 6);
    rows.extend([
        (
            format!("{}{MARK}x / HTTP/1.1\r\n", "M".repeat(32)),
            501,
            Rule::MethodTooLong,
        ),
        (
            format!("GET /{}{MARK}{huge}", "x".repeat(8_192 - 5)),
            414,
            Rule::TargetTooLong,
        ),
        (
            format!("{start}X: {}{MARK}{huge}", "x".repeat(16_384 - 3)),
            431,
            Rule::FieldsTooLarge,
        ),
        (
            format!("{start}{allowed}{MARK}{beyond}\r\n"),
            431,
            Rule::TooManyFields,
        ),
    ]);
    rows
}

/// Requests whose fields break a rule, which is told once the whole head is there.
const CONTRADICTIONS: &[(&str, u16, Rule)] = &[
    (
        "GET / HTTP/1.1\r\nHost: a\r\n‸Host: a\r\n\r\n",
        400,
        Rule::SeveralHosts,
    ),
    (
        "GET / HTTP/1.0\r\nHost: a\r\n‸Host: b\r\n\r\n",
        400,
        Rule::SeveralHosts,
    ),
    (
        "GET / HTTP/1.1\r\nHost: ‸a b\r\n\r\n",
        400,
        Rule::InvalidHost,
    ),
    (
        "GET / HTTP/1.1\r\nHost: ‸u@h\r\n\r\n",
        400,
        Rule::InvalidHost,
    ),
    (
        "GET / HTTP/1.1\r\nHost: ‸h/x\r\n\r\n",
        400,
        Rule::InvalidHost,
    ),
    (
        "GET / HTTP/1.1\r\nHost: ‸h:x\r\n\r\n",
        400,
        Rule::InvalidHost,
    ),
    (
        "GET / HTTP/1.1\r\nHost: ‸[::1\r\n\r\n",
        400,
        Rule::InvalidHost,
    ),
    (
        "GET http://h/ HTTP/1.1\r\nHost: ‸<>\r\n\r\n",
        400,
        Rule::InvalidHost,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n‸Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        Rule::ContentLengthWithTransferEncoding,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n‸Content-Length: 5\r\n\r\n0\r\n\r\n",
        400,
        Rule::ContentLengthWithTransferEncoding,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: ‸6\r\n\r\nhello",
        400,
        Rule::ContentLengthsDiffer,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: ‸5, 6\r\n\r\nhello",
        400,
        Rule::ContentLengthsDiffer,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: ‸+5\r\n\r\nhello",
        400,
        Rule::InvalidContentLength,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: ‸-1\r\n\r\n",
        400,
        Rule::InvalidContentLength,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: ‸0x5\r\n\r\n",
        400,
        Rule::InvalidContentLength,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: ‸5 5\r\n\r\n",
        400,
        Rule::InvalidContentLength,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: ‸,\r\n\r\n",
        400,
        Rule::InvalidContentLength,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: ‸\r\n\r\n",
        400,
        Rule::InvalidContentLength,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: ‸18446744073709551616\r\n\r\n",
        400,
        Rule::InvalidContentLength,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\n\r\n‸",
        413,
        Rule::BodyTooLarge,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n‸",
        413,
        Rule::BodyTooLarge,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: ‸xchunked\r\n\r\n",
        501,
        Rule::UnknownTransferCoding,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: ‸gzip\r\n\r\n",
        400,
        Rule::ChunkedNotLast,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: ‸chunked, gzip\r\n\r\n",
        400,
        Rule::ChunkedNotLast,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: ‸chunked, chunked\r\n\r\n",
        400,
        Rule::ChunkedNotLast,
    ),
    (
        "GET / HTTP/1.0\r\n‸Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        Rule::TransferEncodingTooOld,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nExpect: ‸foo\r\n\r\n",
        417,
        Rule::UnknownExpectation,
    ),
    // The body.
    (
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n‸+5\r\nhello\r\n",
        400,
        Rule::InvalidChunk,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5‸\nhello\r\n",
        400,
        Rule::BareLineFeed,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello‸x\r\n",
        400,
        Rule::InvalidChunk,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000000‸0\r\n",
        400,
        Rule::InvalidChunk,
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1111‸1\r\n",
        413,
        Rule::BodyTooLarge,
    ),
];

/// A request that is refused: its answer, its end, and what is reported.
fn assert_refused(lab: &mut Lab, request: &str, sent: &[u8], (status, rule): (u16, Rule)) {
    let (_, broken_at) = marked(request);
    let mut client = lab.connect();
    client.send(sent);
    let response = client.response(sent);
    let shown = sent[..sent.len().min(80)].escape_ascii();
    assert_eq!(response.status, status, "{shown}");
    assert_eq!(response.field("Connection"), Some("close"), "{shown}");
    assert_eq!(
        response.field("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    assert!(response.text().contains(rule.source()), "{shown}");
    client.finish();
    client.assert_closed();
    let exchange = lab.exchange();
    assert_eq!(exchange.rule, Some(rule), "{shown}");
    assert_eq!(exchange.broken_at, broken_at, "{shown}");
    assert_eq!(exchange.status.map(|status| status.code()), Some(status));
    assert_eq!(exchange.ending, Ending::Complete);
    assert_eq!(lab.closed().cause, Cause::AfterError, "{shown}");
}

#[test]
fn what_breaks_a_rule_is_answered_and_the_connection_closed() {
    let mut lab = Lab::new();
    let table = broken();
    for (request, status, rule) in &table {
        let (bytes, _) = marked(request);
        assert_refused(&mut lab, request, &bytes, (*status, *rule));
    }
    assert_eq!(lab.counts().malformed, table.len() as u64);
    for &(request, status, rule) in CONTRADICTIONS {
        let (bytes, _) = marked(request);
        assert_refused(&mut lab, request, &bytes, (status, rule));
    }
    assert_eq!(lab.ask(GET).status, 200);
}

#[test]
fn the_answer_comes_with_the_byte_that_breaks_the_rule() {
    let mut lab = Lab::new();
    for (request, status, rule) in broken() {
        let (bytes, broken_at) = marked(&request);
        // Whether a CR is bare, and whether a record is TLS, the next byte tells.
        let told_at = broken_at.expect("a mark") + 2;
        let sent = &bytes[..bytes.len().min(told_at)];
        assert_refused(&mut lab, &request, sent, (status, rule));
    }
}

#[test]
fn a_request_without_host_is_refused_and_one_of_http_1_0_is_not() {
    let mut lab = Lab::new();
    let request = "GET /a.txt HTTP/1.1\r\nAccept: */*\r\n\r\n";
    let mut client = lab.connect();
    assert_eq!(client.ask(request).status, 400);
    client.assert_closed();
    let exchange = lab.exchange();
    assert_eq!(exchange.rule, Some(Rule::MissingHost));
    assert_eq!(
        lab.ask("GET /a.txt HTTP/1.1\r\nHost:\r\n\r\n").status,
        200,
        "an empty one is one (RFC 9112 §3.2)"
    );
    assert_eq!(lab.ask("GET /a.txt HTTP/1.0\r\n\r\n").status, 200);
}
