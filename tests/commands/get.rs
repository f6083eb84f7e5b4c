//! `sockscope get`: what goes out, what is shown, and what it says to the shell.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use crate::support::PATIENCE;
use crate::support::command::{Finished, sockscope};

/// A server for one connection: reads a request up to and with `end`, sends `answer`, and closes. Gives what it read.
fn server(end: &'static [u8], answer: &'static [u8]) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = listener.local_addr().expect("it is bound");
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client comes");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        let mut request = Vec::new();
        while !request.ends_with(end) {
            let mut part = [0; 1_024];
            match stream.read(&mut part).expect("the client sends") {
                0 => break,
                length => request.extend_from_slice(&part[..length]),
            }
        }
        stream.write_all(answer).expect("the client takes it");
        request
    });
    (address, thread)
}

const BLANK: &[u8] = b"\r\n\r\n";
const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";

fn get(arguments: &[&str]) -> Finished {
    let mut all = vec!["get"];
    all.extend(arguments);
    sockscope(&all).run()
}

/// The request that these arguments make, and what came of it.
fn asked(path: &str, arguments: &[&str], end: &'static [u8]) -> (String, Finished, SocketAddr) {
    let (address, thread) = server(end, HELLO);
    let url = format!("http://{address}{path}");
    let finished = get(&[&[url.as_str()], arguments].concat());
    let request = thread.join().expect("the server does not panic");
    let request = String::from_utf8(request).expect("ASCII");
    (request, finished, address)
}

#[test]
fn both_sides_are_shown_with_their_line_ends() {
    let (request, finished, address) = asked("/x?y=1", &[], BLANK);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(finished.complaint, "");
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "GET /x?y=1 HTTP/1.1\r\nHost: {address}\r\nUser-Agent: sockscope/{version}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(request, expected);
    let lines = &finished.lines;
    let told = |number: usize, begin: &str| {
        assert!(lines[number].starts_with(begin), "{begin} in {lines:?}");
    };
    told(0, &format!("* connected to {address} from 127.0.0.1:"));
    let ours: Vec<String> = request
        .split_inclusive('\n')
        .map(|line| format!("> {}", line.replace("\r\n", "\\r\\n")))
        .collect();
    assert_eq!(lines[1..=ours.len()], ours);
    told(ours.len() + 1, "* first byte after ");
    assert_eq!(
        lines[ours.len() + 2..lines.len() - 1],
        [
            "< HTTP/1.1 200 OK\\r\\n",
            "< Date: Sun, 06 Nov 1994 08:49:37 GMT\\r\\n",
            "< Content-Type: text/plain\\r\\n",
            "< Content-Length: 6\\r\\n",
            "< Connection: close\\r\\n",
            "< \\r\\n",
            "hello",
        ]
    );
    told(lines.len() - 1, "* done after ");
    let bytes = format!("{} bytes out, {} bytes in", request.len(), HELLO.len());
    assert!(lines[lines.len() - 1].ends_with(&bytes), "{lines:?}");
}

#[test]
fn method_and_fields_are_sent_as_they_were_given() {
    let (request, ..) = asked("/", &["-X", "OPTIONS"], BLANK);
    assert!(request.starts_with("OPTIONS / HTTP/1.1\r\n"), "{request}");
    let fields = [
        "-H",
        "X-Lab: 1",
        "-H",
        "Accept:",
        "-H",
        "User-Agent: me",
        "-H",
        "X-Empty;",
    ];
    let (request, ..) = asked("/", &fields, BLANK);
    let mut lines: Vec<&str> = request.lines().collect();
    lines.retain(|line| !line.starts_with("Host: "));
    lines.sort_unstable();
    let mut expected = [
        "",
        "Connection: close",
        "GET / HTTP/1.1",
        "User-Agent: me",
        "X-Empty:",
        "X-Lab: 1",
    ];
    expected.sort_unstable();
    let lines: Vec<&str> = lines.into_iter().map(str::trim_end).collect();
    assert_eq!(lines, expected);
    let (request, finished, _) = asked("/", &["--body", "a=1"], b"a=1");
    assert!(request.starts_with("POST / HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nContent-Length: 3\r\n"), "{request}");
    assert!(finished.lines.contains(&"> a=1".to_owned()), "{finished:?}");
}

#[test]
fn head_asks_for_no_content_and_waits_for_none() {
    let (address, thread) = server(
        BLANK,
        b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 600\r\n\r\n",
    );
    let finished = get(&[&format!("http://{address}/"), "--head"]);
    let request = thread.join().expect("the server does not panic");
    assert!(request.starts_with(b"HEAD / HTTP/1.1\r\n"));
    assert_eq!(
        (finished.code, finished.complaint.as_str()),
        (Some(0), ""),
        "{finished:?}"
    );
    assert!(
        finished
            .lines
            .contains(&"< Content-Length: 600\\r\\n".to_owned()),
        "{finished:?}"
    );
}

#[test]
fn raw_is_the_answer_byte_by_byte_and_nothing_else() {
    const ANSWERS: [&[u8]; 3] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n\0\xff\x1b[m\n\r",
        b"HTTP/1.1 200 OK\nServer : odd\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\n\r\nuntil the end",
    ];
    for answer in ANSWERS {
        let (address, thread) = server(BLANK, answer);
        let url = format!("http://{address}/");
        let output = sockscope(&["get", &url, "--raw"]).output();
        thread.join().expect("the server does not panic");
        assert_eq!(
            output.stdout.escape_ascii().to_string(),
            answer.escape_ascii().to_string()
        );
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(output.stderr, b"");
    }
}

#[test]
fn any_complete_answer_is_a_success() {
    for (answer, status) in [
        (
            &b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"[..],
            "404",
        ),
        (
            b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
            "500",
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "204"),
    ] {
        let (address, thread) = server(BLANK, answer);
        let finished = get(&[&format!("http://{address}/")]);
        thread.join().expect("the server does not panic");
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let line = format!("< HTTP/1.1 {status} ");
        assert!(finished.text().contains(&line), "{finished:?}");
    }
}

#[test]
fn what_the_server_got_wrong_is_told_with_its_source() {
    let (address, thread) = server(
        BLANK,
        b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nhi\xe2\x80\xae",
    );
    let finished = get(&[&format!("http://{address}/")]);
    thread.join().expect("the server does not panic");
    let text = finished.text();
    for part in [
        "a line ends in LF alone; it must end in CR LF (RFC 9112 §2.2)",
        "no Date field",
        "bytes after the end of the body",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn what_ends_in_vain_says_why() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = nobody.local_addr().expect("it is bound");
    drop(nobody);
    for (lang, said) in [("en", "cannot connect to"), ("zh-CN", "无法连接")] {
        let finished = get(&[&format!("http://{address}/"), "--lang", lang]);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.complaint.contains(said), "{finished:?}");
        assert!(finished.complaint.contains(&address.to_string()));
    }
    for (answer, said) in [
        (&b""[..], "closed the connection without an answer"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\nabc",
            "closed the connection before the answer was complete",
        ),
    ] {
        let (address, thread) = server(BLANK, answer);
        let finished = get(&[&format!("http://{address}/")]);
        thread.join().expect("the server does not panic");
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.complaint.contains(said), "{finished:?}");
    }
    // Nobody ever accepts this one, but the system does.
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = silent.local_addr().expect("it is bound");
    let finished = get(&[&format!("http://{address}/"), "-W", "100ms"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(
        finished.complaint.contains("nothing more came for 100ms"),
        "{finished:?}"
    );
}

#[test]
fn what_is_no_request_is_refused_before_anything_is_sent() {
    let url = "http://127.0.0.1:1/";
    let table: [(&[&str], &str); 10] = [
        (&["https://127.0.0.1/"], "https is encrypted"),
        (&["ftp://127.0.0.1/"], "is no URL of the form"),
        (&["http://a b/"], "is no URL of the form"),
        (&["http://user@127.0.0.1/"], "without a user name"),
        (&["http://127.0.0.1:99999/"], "is no URL of the form"),
        (&["http://127.0.0.1/\u{1b}[2J"], "\\x1b[2J"),
        (&[url, "-X", "P T"], "P T is no method"),
        (&[url, "-H", "no colon"], "no colon is no header field"),
        (&[url, "-H", "A: b\r\nC: d"], "is no header field"),
        (&[url, "--head", "--body", "x"], "--head"),
    ];
    for (arguments, said) in table {
        let finished = get(arguments);
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert!(finished.lines.is_empty(), "{finished:?}");
        assert!(
            finished.complaint.contains(said),
            "{arguments:?}: {finished:?}"
        );
        assert!(!finished.complaint.contains('\u{1b}'), "{finished:?}");
    }
}

#[test]
fn it_speaks_to_the_server_of_this_program() {
    let mut serving = sockscope(&["serve", "--listen", "127.0.0.1:0", "--json"]).start();
    let address = serving.json()["address"]
        .as_str()
        .expect("the address")
        .to_owned();
    let finished = get(&[&format!("http://{address}/HelloWorld.html")]);
    assert_eq!((finished.code, finished.complaint.as_str()), (Some(0), ""));
    let text = finished.text();
    assert!(text.contains("< HTTP/1.1 200 OK\\r\\n"), "{text}");
    assert!(text.contains("</html>"), "{text}");
    let line = serving.json();
    assert_eq!(line["target"], "/HelloWorld.html");
    let range = ["-H", "Range: bytes=0-3"];
    let finished = get(&[&[format!("http://{address}/").as_str()], &range[..]].concat());
    assert!(
        finished.text().contains("206 Partial Content"),
        "{finished:?}"
    );
}
