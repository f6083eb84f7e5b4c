use std::io::Read;
use std::net::TcpListener;
use std::time::SystemTime;

use super::*;
use crate::words::Lang;

/// A server on a free port that reads a head, says this and closes.
fn server(answer: &[u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = answer.to_vec();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            head.push(byte[0]);
        }
        // Whoever reads no more may have closed.
        let _ = stream.write_all(&answer);
    });
    format!("http://127.0.0.1:{port}/page")
}

fn options(url: &str, shown: Shown) -> GetOptions {
    GetOptions {
        url: url.to_owned(),
        purpose: Purpose::Fetch,
        method: None,
        fields: Vec::new(),
        family: Family::Any,
        patience: Duration::from_secs(60),
        shown,
    }
}

fn clock() -> Clock {
    Clock::new(Instant::now(), SystemTime::now())
}

/// Output, complaints and exit of a run.
fn carry_out(options: &GetOptions) -> (Vec<u8>, String, ExitKind) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = Words(Lang::En);
    let plan = plan(options, words).unwrap();
    let off = Recorder::off();
    let exit = run(
        &plan,
        options.shown,
        off,
        words,
        clock(),
        &mut out,
        &mut err,
    )
    .unwrap();
    (out, String::from_utf8(err).unwrap(), exit)
}

/// Its lines without those notes that tell a time.
fn text(out: Vec<u8>) -> Vec<String> {
    let text = String::from_utf8(out).unwrap();
    text.lines()
        .filter(|line| !line.starts_with("* ") || line.contains("RFC"))
        .map(str::to_owned)
        .collect()
}

const GOOD: &[u8] = b"HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nno\r\nno";

#[test]
fn both_sides_are_printed_with_their_line_ends() {
    let url = server(GOOD);
    let (out, err, exit) = carry_out(&GetOptions {
        fields: vec!["User-Agent:".to_owned(), "Host: h".to_owned()],
        ..options(&url, Shown::Escaped)
    });
    let notes = String::from_utf8(out.clone()).unwrap();
    for note in [
        "* connected to 127.0.0.1:",
        "* first byte after ",
        "* done after ",
    ] {
        assert!(notes.contains(note), "{notes}");
    }
    let expected = [
        r"> GET /page HTTP/1.1\r\n",
        r"> Host: h\r\n",
        r"> Accept: */*\r\n",
        r"> Connection: close\r\n",
        r"> \r\n",
        r"< HTTP/1.1 404 Not Found\r\n",
        r"< Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        r"< Content-Type: text/plain\r\n",
        r"< Content-Length: 6\r\n",
        r"< \r\n",
        "no",
        "no",
    ];
    assert_eq!(text(out), expected);
    assert_eq!((err.as_str(), exit), ("", ExitKind::Answered));
}

#[test]
fn the_purpose_chooses_method_and_content() {
    let head_of = |purpose: Purpose, method: Option<&str>| {
        let options = GetOptions {
            purpose,
            method: method.map(str::to_owned),
            ..options(
                &server(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"),
                Shown::Escaped,
            )
        };
        let (out, _, exit) = carry_out(&options);
        (text(out), exit)
    };
    let (lines, exit) = head_of(Purpose::Head, None);
    assert_eq!(lines[0], r"> HEAD /page HTTP/1.1\r\n");
    assert_eq!(exit, ExitKind::Answered, "HEAD has no body to wait for");
    let (lines, _) = head_of(Purpose::Send("a=b".to_owned()), None);
    assert_eq!(lines[0], r"> POST /page HTTP/1.1\r\n");
    for line in [r"> Content-Length: 3\r\n", "> a=b"] {
        assert!(lines.iter().any(|seen| seen == line), "{lines:?}");
    }
    let (lines, _) = head_of(Purpose::Send("a=b".to_owned()), Some("PUT"));
    assert_eq!(lines[0], r"> PUT /page HTTP/1.1\r\n");
}

#[test]
fn raw_is_every_byte_of_the_answer_and_nothing_else() {
    let answer =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\x1b\x00\xff\r\n0\r\n\r\nmore";
    let (out, err, exit) = carry_out(&options(&server(answer), Shown::Raw));
    assert_eq!(out, answer);
    assert_eq!((err.as_str(), exit), ("", ExitKind::Answered));
}

#[test]
fn secrets_are_masked_but_not_in_an_answer_that_is_asked_for_as_it_is() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: id=7\r\n\r\n{\"token\": \"abc\"}";
    let with_login = |shown| GetOptions {
        fields: vec!["Authorization: Basic Ym9iOng=".to_owned()],
        ..options(&server(answer), shown)
    };
    let (out, _, _) = carry_out(&with_login(Shown::Escaped));
    let lines = text(out);
    for line in [
        r"> Authorization: **************\r\n",
        r"< Set-Cookie: ****\r\n",
        r#"{"token": "***"}"#,
    ] {
        assert!(lines.iter().any(|shown| shown == line), "{line}: {lines:?}");
    }
    let (out, _, _) = carry_out(&with_login(Shown::Raw));
    assert_eq!(out, answer);
    let (out, _, _) = carry_out(&with_login(Shown::Exact));
    assert!(String::from_utf8_lossy(&out).contains(r#"{"token": "abc"}"#));
}

#[test]
fn a_hostile_body_reaches_no_terminal_but_a_file() {
    let answer = b"HTTP/1.1 200 \x1b]0;x\r\n\r\na\tb\x1b[2J\xff\n\r\n\xe2\x80\xae";
    let (out, _, _) = carry_out(&options(&server(answer), Shown::Escaped));
    let lines = text(out);
    assert!(lines.contains(&r"< HTTP/1.1 200 \x1b]0;x\r\n".to_owned()));
    let body = ["a\tb\\x1b[2J\\xff", "", "\\u{202e}"].map(str::to_owned);
    assert!(lines.windows(3).any(|three| three == body), "{lines:?}");
    let (out, _, _) = carry_out(&options(&server(answer), Shown::Exact));
    let body = b"a\tb\x1b[2J\xff\n\r\n\xe2\x80\xae\n* ";
    assert!(out.windows(body.len()).any(|part| part == body));
}

#[test]
fn a_long_line_is_cut_between_characters() {
    let line = "\u{4f60}".repeat(LONGEST_HELD);
    let answer = format!("HTTP/1.1 200 OK\r\n\r\n{line}");
    let (out, _, _) = carry_out(&options(&server(answer.as_bytes()), Shown::Escaped));
    assert!(text(out).contains(&line));
}

#[test]
fn what_a_students_server_gets_wrong_is_remarked() {
    let (out, err, exit) = carry_out(&options(
        &server(b"\nHTTP/1.1 200 OK\n<p>hi</p>"),
        Shown::Escaped,
    ));
    let lines = text(out);
    assert!(
        lines.contains(&r"< HTTP/1.1 200 OK\n".to_owned()),
        "{lines:?}"
    );
    assert!(lines.contains(&"<p>hi</p>".to_owned()), "{lines:?}");
    for remark in ["RFC 9112 \u{a7}2.1", "RFC 9112 \u{a7}2.2"] {
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("* ") && line.contains(remark)),
            "{lines:?}"
        );
    }
    assert_eq!((err.as_str(), exit), ("", ExitKind::Answered));
}

#[test]
fn an_answer_that_does_not_come_whole_is_in_vain() {
    for (answer, complaint) in [
        (&b""[..], "without an answer"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
            "before the answer was complete",
        ),
    ] {
        for shown in [Shown::Escaped, Shown::Raw] {
            let (_, err, exit) = carry_out(&options(&server(answer), shown));
            assert!(
                err.starts_with("sockscope: ") && err.contains(complaint),
                "{err}"
            );
            assert_eq!(exit, ExitKind::InVain);
        }
    }
}

#[test]
fn nobody_there_is_in_vain() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", unused.local_addr().unwrap());
    drop(unused);
    let (out, err, exit) = carry_out(&options(&url, Shown::Escaped));
    assert!(out.is_empty());
    assert!(
        err.starts_with("sockscope: cannot connect to 127.0.0.1:"),
        "{err}"
    );
    assert_eq!(exit, ExitKind::InVain);
}

#[test]
fn arguments_that_make_no_request_are_refused() {
    let good = options("http://127.0.0.1:1/", Shown::Escaped);
    for (options, complaint) in [
        (
            options("https://example.org/", Shown::Escaped),
            "plain HTTP only",
        ),
        (
            options("http://u@h/\u{1b}", Shown::Escaped),
            "http://u@h/\\x1b is no URL",
        ),
        (
            GetOptions {
                method: Some("G T".to_owned()),
                ..good.clone()
            },
            "G T is no method",
        ),
        (
            GetOptions {
                fields: vec!["X: a\r\nY: b".to_owned()],
                ..good
            },
            "X: a\\r\\nY: b is no header field",
        ),
    ] {
        let said = plan(&options, Words(Lang::En)).unwrap_err();
        assert!(said.contains(complaint), "{said}");
    }
}

#[test]
fn a_reader_who_has_gone_ends_it() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let options = options(&server(GOOD), Shown::Escaped);
    let words = Words(Lang::En);
    let plan = plan(&options, words).unwrap();
    let off = Recorder::off();
    let result = run(
        &plan,
        options.shown,
        off,
        words,
        clock(),
        Closed,
        io::sink(),
    );
    assert_eq!(
        result.map_err(|error| error.kind()),
        Err(io::ErrorKind::BrokenPipe)
    );
}
