//! What is a request: the answer, and whether the connection stays.

use sockscope::net::web::Trace;
use sockscope::trace::web::Phase;

use crate::support::web::{DIGITS, GET, Lab, marked};

/// A field line of so many bytes, with its end.
fn field_of(length: usize) -> String {
    format!("X: {}\r\n", "x".repeat(length - 5))
}

/// Requests that are served: status, whether the connection stays open, and fields of the answer.
type Served = (
    &'static str,
    u16,
    bool,
    &'static [(&'static str, Option<&'static str>)],
);

const SERVED: &[Served] = &[
    // Versions and persistence.
    (
        GET,
        200,
        true,
        &[("Connection", None), ("Content-Length", Some("10"))],
    ),
    (
        "GET /a.txt HTTP/1.2\r\nHost: h\r\n\r\n",
        200,
        true,
        &[("Connection", None)],
    ),
    ("GET /a.txt HTTP/1.9\r\nHost: h\r\n\r\n", 200, true, &[]),
    (
        "GET /a.txt HTTP/1.0\r\n\r\n",
        200,
        false,
        &[("Connection", Some("close"))],
    ),
    (
        "GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        200,
        true,
        &[("Connection", Some("keep-alive"))],
    ),
    (
        "GET /a.txt HTTP/1.0\r\nConnection: Keep-Alive, close\r\n\r\n",
        200,
        false,
        &[("Connection", Some("close"))],
    ),
    (
        "GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: x, CLOSE\r\n\r\n",
        200,
        false,
        &[("Connection", Some("close"))],
    ),
    // Up to four empty lines before the request line.
    (
        "\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n",
        200,
        true,
        &[],
    ),
    // Targets.
    (
        "GET http://other:1/a.txt HTTP/1.1\r\nHost: h\r\n\r\n",
        200,
        true,
        &[],
    ),
    (
        "GET HTTP://other/a.txt?x HTTP/1.1\r\nHost: h\r\n\r\n",
        200,
        true,
        &[],
    ),
    (
        "GET https://h/a.txt HTTP/1.1\r\nHost: h\r\n\r\n",
        400,
        true,
        &[],
    ),
    (
        "GET http://u@h/a.txt HTTP/1.1\r\nHost: h\r\n\r\n",
        400,
        true,
        &[],
    ),
    ("GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400, true, &[]),
    ("GET a.txt HTTP/1.1\r\nHost: h\r\n\r\n", 400, true, &[]),
    // Methods.
    (
        "HEAD /a.txt HTTP/1.1\r\nHost: h\r\n\r\n",
        200,
        true,
        &[("Content-Length", Some("10"))],
    ),
    ("HEAD /none HTTP/1.1\r\nHost: h\r\n\r\n", 404, true, &[]),
    (
        "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
        204,
        true,
        &[
            ("Allow", Some("GET, HEAD, OPTIONS")),
            ("Content-Length", None),
        ],
    ),
    (
        "OPTIONS /a.txt HTTP/1.1\r\nHost: h\r\n\r\n",
        204,
        true,
        &[("Allow", Some("GET, HEAD, OPTIONS"))],
    ),
    (
        "POST /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na=b",
        405,
        true,
        &[("Allow", Some("GET, HEAD, OPTIONS"))],
    ),
    (
        "PUT /a.txt HTTP/1.1\r\nHost: h\r\n\r\n",
        405,
        true,
        &[("Allow", Some("GET, HEAD, OPTIONS"))],
    ),
    (
        "DELETE /a.txt HTTP/1.1\r\nHost: h\r\n\r\n",
        405,
        true,
        &[("Allow", Some("GET, HEAD, OPTIONS"))],
    ),
    (
        "PROPFIND / HTTP/1.1\r\nHost: h\r\n\r\n",
        405,
        true,
        &[("Allow", Some("GET, HEAD, OPTIONS"))],
    ),
    (
        "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n",
        405,
        true,
        &[("Allow", Some("GET, HEAD, OPTIONS"))],
    ),
    (
        "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
        405,
        true,
        &[("Allow", Some("GET, HEAD, OPTIONS"))],
    ),
    ("CONNECT h:x HTTP/1.1\r\nHost: h\r\n\r\n", 400, true, &[]),
    (
        "BREW / HTTP/1.1\r\nHost: h\r\n\r\n",
        501,
        true,
        &[("Allow", None)],
    ),
    ("get / HTTP/1.1\r\nHost: h\r\n\r\n", 501, true, &[]),
    // Bodies.
    (
        "GET /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
        200,
        true,
        &[],
    ),
    (
        "GET /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nhello",
        200,
        true,
        &[],
    ),
    (
        "GET /a.txt HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
         5;x=\"y\"\r\nhello\r\n00A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
        200,
        true,
        &[],
    ),
    (
        "POST /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n",
        405,
        false,
        &[("Connection", Some("close"))],
    ),
    (
        "POST /a.txt HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        405,
        false,
        &[("Connection", Some("close"))],
    ),
    // Expectations.
    (
        "GET /a.txt HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n\r\n",
        200,
        true,
        &[],
    ),
    (
        "GET /a.txt HTTP/1.0\r\nExpect: foo\r\n\r\n",
        200,
        false,
        &[],
    ),
    (
        "GET /a.txt HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        200,
        true,
        &[],
    ),
];

#[test]
fn what_is_served_and_whether_the_connection_stays() {
    let mut lab = Lab::new();
    let mut rows: Vec<(String, u16, bool)> = Vec::new();
    for &(request, status, stays, fields) in SERVED {
        let response = lab.ask(request);
        lab.closed();
        for &(name, value) in fields {
            assert_eq!(response.field(name), value, "{name} of {request}");
        }
        rows.push((request.to_owned(), status, stays));
    }
    // Sizes within the limits.
    let many = "X: y\r\n".repeat(149);
    let host = "Host: h\r\n";
    rows.extend([
        (
            format!("GET /{} HTTP/1.1\r\n{host}\r\n", "x".repeat(8_000)),
            404,
            true,
        ),
        (
            format!("GET /a.txt HTTP/1.1\r\n{host}{}\r\n", field_of(7_000)),
            200,
            true,
        ),
        (
            format!("GET /a.txt HTTP/1.1\r\n{host}{}\r\n", field_of(16_384 - 11)),
            200,
            true,
        ),
        (
            format!("GET /a.txt HTTP/1.1\r\n{host}{many}\r\n"),
            200,
            true,
        ),
    ]);
    for (request, status, stays) in rows {
        let mut client = lab.connect();
        let response = client.ask(&request);
        assert_eq!(response.status, status, "{request}");
        assert!(response.field("Date").is_some());
        if status == 200 && !request.starts_with("HEAD") {
            assert_eq!(response.text(), DIGITS, "{request}");
        }
        match stays {
            true => client.assert_open(),
            false => client.assert_closed(),
        }
        let exchange = lab.exchange();
        assert_eq!(exchange.status.map(|status| status.code()), Some(status));
        assert_eq!(
            (exchange.number, exchange.broken_at),
            (1, None),
            "{request}"
        );
        let sent = marked(&request).0;
        assert_eq!(exchange.request.length, sent.len() as u64, "{request}");
        drop(client);
        let closed = lab.closed();
        assert_eq!(closed.requests, 1 + u32::from(stays), "{request}");
    }
}

#[test]
fn requests_sent_together_are_answered_in_order() {
    let mut lab = Lab::new();
    lab.file("b.txt", "b");
    let requests = [
        GET,
        "HEAD /b.txt HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /none HTTP/1.1\r\nHost: h\r\n\r\n",
    ];
    let mut client = lab.connect();
    client.send(requests.concat());
    let statuses = requests.map(|request| client.response(request.as_bytes()).status);
    assert_eq!(statuses, [200, 200, 404]);
    client.assert_open();
    let numbers = [1, 2, 3, 4].map(|_| {
        let exchange = lab.exchange();
        (exchange.connection, exchange.number)
    });
    assert_eq!(numbers, [(1, 1), (1, 2), (1, 3), (1, 4)]);
}

#[test]
fn what_follows_a_last_request_is_not_served() {
    let lab = Lab::new();
    for last in [
        "GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "GET /a.txt HTTP/1.0\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/9.9\r\n\r\n",
    ] {
        let mut client = lab.connect();
        client.send([last, GET].concat());
        assert_eq!(client.response(last.as_bytes()).status, 200);
        if last.ends_with("9.9\r\n\r\n") {
            assert_eq!(client.response(b"").status, 505);
        }
        client.assert_closed();
    }
    lab.until("all are closed", |lab| lab.connections().is_empty());
    assert_eq!(lab.counts().requests, 4);
}

#[test]
fn a_body_is_never_taken_for_a_request() {
    let mut lab = Lab::new();
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    let length = smuggled.len();
    for request in [
        format!("GET /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{smuggled}"),
        format!(
            "GET /a.txt HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
             {length:x}\r\n{smuggled}\r\n0\r\n\r\n"
        ),
    ] {
        let mut client = lab.connect();
        client.send(request.clone() + GET);
        for _ in 0..2 {
            assert_eq!(client.response(GET.as_bytes()).text(), DIGITS);
        }
        let exchange = lab.exchange();
        assert_eq!(exchange.request.length, request.len() as u64);
        assert_eq!(&*exchange.request.bytes, request.as_bytes());
        assert_eq!(lab.exchange().number, 2);
    }
}

#[test]
fn a_client_that_waits_to_send_its_body_is_told_to_go_on() {
    let mut lab = Lab::new();
    let head =
        "GET /a.txt HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let mut client = lab.connect();
    assert_eq!(client.ask(head).status, 100);
    client.send("hello");
    assert_eq!(client.response(GET.as_bytes()).text(), DIGITS);
    client.assert_open();
    assert_eq!(lab.exchange().request.length, head.len() as u64 + 5);
}

#[test]
fn typed_line_by_line_and_byte_by_byte() {
    let lab = Lab::new();
    let request = "GET /a.txt HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n";
    let mut client = lab.connect();
    let mut typed = String::new();
    for line in request.split_inclusive("\r\n") {
        client.send(line);
        typed += line;
        if typed != request {
            lab.until("the line is seen", |lab| {
                lab.connections().iter().any(|state| {
                    &*state.request.bytes == typed.as_bytes() && state.phase == Phase::Reading
                })
            });
        }
    }
    assert_eq!(client.response(request.as_bytes()).text(), DIGITS);
    for byte in request.as_bytes() {
        client.send([*byte]);
    }
    assert_eq!(client.response(request.as_bytes()).text(), DIGITS);
    client.assert_open();
}

#[test]
fn trace_is_answered_only_when_asked_for_and_without_secrets() {
    let lab = Lab::with(|setup| setup.config.trace = Trace::Answered);
    let request = "TRACE /x HTTP/1.1\r\nHost: h\r\nCookie: secret\r\nX: y\r\n\r\n";
    let response = lab.ask(request);
    assert_eq!(response.status, 200);
    assert_eq!(response.field("Content-Type"), Some("message/http"));
    assert_eq!(response.text(), request.replace("Cookie: secret\r\n", ""));
    let allow = lab.ask("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(allow.field("Allow"), Some("GET, HEAD, OPTIONS, TRACE"));
}

#[test]
fn an_interim_answer_comes_behind_the_answers_before_it() {
    let mut lab = Lab::new();
    let head =
        "GET /a.txt HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let mut client = lab.connect();
    client.send([GET, head].concat());
    let first = client.response(GET.as_bytes());
    assert_eq!(client.response(b"").status, 100);
    client.send(["hello", GET].concat());
    let others = [1, 2].map(|_| client.response(GET.as_bytes()));
    for response in [&first, &others[0], &others[1]] {
        let exchange = lab.exchange();
        let whole = [response.head.as_bytes(), &response.content].concat();
        assert_eq!(&*exchange.response.bytes, whole);
        assert_eq!(exchange.response.length, whole.len() as u64);
    }
}
