//! `sockscope serve`: what it prints and logs, and how it ends.

use std::net::{SocketAddr, TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::support::command::{Running, Sockscope, json, sockscope};
use crate::support::web::{Client, wait_until};
use crate::{assert_private, assert_time, keys, number, set, text};

const REQUEST_KEYS: [&str; 16] = [
    "event",
    "at",
    "client",
    "connection",
    "number",
    "method",
    "target",
    "version",
    "status",
    "bytes",
    "duration_us",
    "wait_us",
    "user_agent",
    "referer",
    "error",
    "rule",
];

/// A server of a folder with `/a.txt` at a free port, before it is started.
fn pages(arguments: &[&str]) -> Sockscope {
    let mut all = vec!["serve", "pages", "--listen", "127.0.0.1:0"];
    all.extend(arguments);
    sockscope(&all).file("pages/a.txt", "0123456789")
}

/// The same, running, and its address.
fn serve(arguments: &[&str]) -> (Running, SocketAddr) {
    let mut server = pages(arguments).start();
    let first = server.line();
    // Where JSON is printed, all that is printed is JSON.
    let address = if first.starts_with('{') {
        let listening = json(&first);
        assert_eq!(keys(&listening), set(&["event", "address"]));
        assert_eq!(listening["event"], "listening");
        text(&listening["address"]).to_owned()
    } else {
        let (_, after) = first.split_once("http://").expect("the URL");
        let (address, _) = after.split_once('/').expect("its end");
        address.to_owned()
    };
    (server, address.parse().expect("an address"))
}

/// What the server answered to these bytes, on a connection of their own.
fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut client = Client::connect(address);
    client.send(request);
    client.finish();
    let (answer, _) = client.rest();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn every_request_is_told_as_json() {
    let (mut server, address) = serve(&["--json"]);
    let mut client = Client::connect(address);
    let request =
        "GET /a.txt?x=1 HTTP/1.1\r\nHost: h\r\nUser-Agent: lab/1\r\nReferer: http://h/\r\n\r\n";
    assert_eq!(client.ask(request).text(), "0123456789");
    assert_eq!(
        client.ask("GET /none HTTP/1.1\r\nHost: h\r\n\r\n").status,
        404
    );
    let first = server.json();
    assert_eq!(keys(&first), set(&REQUEST_KEYS));
    let known = json!({
        "event": "request", "client": client.address().to_string(), "connection": 1, "number": 1,
        "method": "GET", "target": "/a.txt?x=1", "version": "HTTP/1.1", "status": 200, "bytes": 10,
        "user_agent": "lab/1", "referer": "http://h/", "error": null, "rule": "found",
    });
    for (key, value) in known.as_object().expect("an object") {
        assert_eq!(first[key], *value, "{key} in {first}");
    }
    assert_time(&first["at"]);
    assert!(number(&first["duration_us"]) > 0.0, "{first}");
    assert!(number(&first["wait_us"]) >= 0.0, "{first}");
    let second = server.json();
    assert_eq!(
        (&second["number"], &second["status"]),
        (&json!(2), &json!(404))
    );
    assert_eq!(
        (&second["user_agent"], &second["rule"]),
        (&Value::Null, &json!("not-found"))
    );
    // What is no HTTP has as much as was understood.
    ask(address, b"GET / HTTP/1.1\nHost: h\n\n");
    let broken = server.json();
    assert_eq!(keys(&broken), set(&REQUEST_KEYS));
    assert_eq!(
        (&broken["status"], &broken["rule"]),
        (&json!(400), &json!("bare-lf"))
    );
    assert_eq!(broken["connection"], 2);
}

#[cfg(unix)]
#[test]
fn logs_are_written_in_the_usual_formats() {
    let table = [
        (&[][..], Some(r#" "http://h/" "lab/1""#)),
        (&["--log", "combined"], Some(r#" "http://h/" "lab/1""#)),
        (&["--log", "common"], Some("")),
        (&["--log", "none"], None),
    ];
    for (arguments, tail) in table {
        let (mut server, address) = serve(arguments);
        let request =
            "HEAD /a.txt HTTP/1.1\r\nHost: h\r\nUser-Agent: lab/1\r\nReferer: http://h/\r\n\r\n";
        assert_eq!(Client::connect(address).ask(request).status, 200);
        let Some(tail) = tail else {
            stop(&server);
            let finished = server.finish();
            let logged = finished.lines.iter().any(|line| line.contains("HEAD"));
            assert!(!logged, "{finished:?}");
            continue;
        };
        let line = server.line();
        let (before, rest) = line.split_once('[').expect("the time");
        assert_eq!(before, "127.0.0.1 - - ");
        let (time, rest) = rest.split_once("] ").expect("the end of the time");
        let time = chrono::DateTime::parse_from_str(time, "%d/%b/%Y:%H:%M:%S %z");
        assert!(time.is_ok(), "{line}");
        let expected = format!(r#""HEAD /a.txt HTTP/1.1" 200 -{tail}"#);
        assert_eq!(rest, expected, "{arguments:?}");
    }
}

#[test]
fn no_client_can_forge_a_line() {
    let forged: [&[u8]; 5] = [
        b"GET /a.txt HTTP/1.1\r\nHost: h\r\nUser-Agent: \"x\" 200\\\" - - [01/Jan/2030]\\\r\nConnection: close\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: h\r\nReferer: a\u{2028}127.0.0.1 - -\u{85}\u{202e}\r\nConnection: close\r\n\r\n".as_bytes(),
        b"GET /a.txt HTTP/1.1\r\nHost: h\r\nUser-Agent: a\xffb\tc\r\nConnection: close\r\n\r\n",
        b"GET /\n127.0.0.1 - - [] \"GET / HTTP/1.1\" 200 1\r\n\r\n",
        b"G\x1b[2JT /\x00\r\n{\"event\":\"request\"}\r\n\r\n",
    ];
    for log in ["combined", "common", "json"] {
        let (mut server, address) = serve(&["--log", log]);
        for request in forged {
            ask(address, request);
            let line = server.line();
            assert!(
                line.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                "{line:?}"
            );
            if log == "json" {
                assert_eq!(keys(&json(&line)), set(&REQUEST_KEYS));
            } else {
                assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
                // Quotes of the format itself stand in pairs; those of the client are escaped.
                let bare = line.replace("\\\\", "").replace("\\\"", "");
                let quotes = if log == "common" { 2 } else { 6 };
                assert_eq!(bare.matches('"').count(), quotes, "{line}");
            }
        }
        // Each left one line: the next line is that of the next request.
        ask(
            address,
            b"GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        );
        assert!(server.line().contains("/next"), "{log}");
    }
}

#[cfg(unix)]
fn stop(server: &Running) {
    server.signal(nix::sys::signal::Signal::SIGTERM);
}

#[cfg(unix)]
#[test]
fn a_log_file_is_appended_to_and_private() {
    let kept = crate::support::folder();
    let path = kept.path().join("access.log");
    let file = path.to_str().expect("UTF-8");
    for run in 1..=2 {
        let (server, address) = serve(&["--log", "json", "--log-file", file, "--json"]);
        ask(
            address,
            b"GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        );
        stop(&server);
        let finished = server.finish();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let printed: Vec<Value> = finished.json();
        let events: Vec<&str> = printed.iter().map(|line| text(&line["event"])).collect();
        assert_eq!(
            events,
            ["listening", "summary"],
            "the log is in the file alone"
        );
        let logged = std::fs::read_to_string(&path).expect("it was written");
        let events: Vec<String> = logged
            .lines()
            .map(|line| text(&json(line)["event"]).to_owned())
            .collect();
        assert_eq!(events, ["listening", "request"].repeat(run));
        assert_private(&path);
    }
    let nowhere = kept.path().join("none").join("x.log");
    let finished = pages(&["--log-file", nowhere.to_str().expect("UTF-8")]).run();
    assert_eq!(finished.code, Some(2));
    assert!(
        finished.complaint.contains("cannot be written"),
        "{finished:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_with_its_counters() {
    use nix::sys::signal::Signal;
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let (server, address) = serve(&["--json", "--log", "none"]);
        for path in ["a.txt", "none"] {
            let request = format!("GET /{path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
            ask(address, request.as_bytes());
        }
        ask(address, b"nonsense\r\n\r\n");
        server.signal(signal);
        let finished = server.finish();
        assert_eq!((finished.code, finished.complaint.as_str()), (Some(0), ""));
        let lines = finished.json();
        let summary = lines.last().expect("the summary");
        let counted = json!({
            "event": "summary", "connections": 3, "requests": 3, "malformed": 1, "refused": 0,
            "unanswered": 0, "cut_short": 0, "accept_failures": 0,
            "statuses": {"1xx": 0, "2xx": 1, "3xx": 0, "4xx": 2, "5xx": 0},
        });
        for (key, value) in counted.as_object().expect("an object") {
            assert_eq!(summary[key], *value, "{key} in {summary}");
        }
        assert!(number(&summary["bytes_out"]) > 10.0, "{summary}");
        let times = &summary["duration_us"];
        assert!(number(&times["min"]) <= number(&times["p99"]), "{summary}");
    }
}

/// A client that takes nothing of a download that is going on.
#[cfg(unix)]
fn stuck_download(server: &Running, address: SocketAddr, length: u64) -> Client {
    let path = server.home().join("pages/big.bin");
    std::fs::File::create(path)
        .and_then(|file| file.set_len(length))
        .expect("the folder can be written");
    let mut client = Client::connect(address);
    client.send("GET /big.bin HTTP/1.1\r\nHost: h\r\n\r\n");
    client.more().expect("the answer begins");
    client
}

/// Waits until nobody is taken in any more.
#[cfg(unix)]
fn wait_until_closed(address: SocketAddr) {
    wait_until("the port is closed", || {
        TcpStream::connect(address).is_err()
    });
}

#[cfg(unix)]
#[test]
fn the_first_signal_lets_downloads_finish() {
    const LENGTH: u64 = 32 << 20;
    let (mut server, address) = serve(&["--json"]);
    let mut client = stuck_download(&server, address, LENGTH);
    stop(&server);
    wait_until_closed(address);
    let (rest, _) = client.rest();
    assert!(rest.len() as u64 > LENGTH, "{} came", rest.len());
    let line = server.json();
    assert_eq!(
        (&line["bytes"], &line["error"]),
        (&json!(LENGTH), &Value::Null)
    );
    assert_eq!(server.finish().code, Some(0));
}

#[cfg(unix)]
#[test]
fn the_second_signal_ends_it_at_once() {
    let (mut server, address) = serve(&["--json"]);
    let client = stuck_download(&server, address, 64 << 20);
    let begun = std::time::Instant::now();
    stop(&server);
    wait_until_closed(address);
    stop(&server);
    let line = server.json();
    assert_eq!(
        (&line["status"], &line["error"]),
        (&json!(200), &json!("stopped"))
    );
    assert_eq!(server.finish().code, Some(0));
    // Otherwise it would have waited for the client this long.
    let grace = std::time::Duration::from_secs(5);
    assert!(begun.elapsed() < grace, "{:?}", begun.elapsed());
    drop(client);
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let (mut server, address) = serve(&["--json"]);
    server.close_output();
    // It notices when it writes: at the first line whose reader has gone.
    wait_until("it notices", || {
        let Ok(stream) = TcpStream::connect(address) else {
            return true;
        };
        std::io::Write::write_all(&mut &stream, b"GET / HTTP/1.0\r\n\r\n").is_err()
    });
    let finished = server.finish();
    assert_eq!((finished.code, finished.complaint.as_str()), (Some(0), ""));
}

#[test]
fn a_taken_port_is_said_with_who_may_hold_it() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = holder.local_addr().expect("it is bound").to_string();
    for (lang, words) in [("en", "is taken"), ("zh-CN", "占用")] {
        let finished = sockscope(&["serve", "--listen", &address, "--lang", lang]).run();
        assert_eq!(finished.code, Some(1));
        assert!(finished.lines.is_empty(), "{finished:?}");
        assert!(finished.complaint.contains(&address), "{finished:?}");
        assert!(finished.complaint.contains(words), "{finished:?}");
        if cfg!(target_os = "linux") {
            let pid = std::process::id().to_string();
            assert!(finished.complaint.contains(&pid), "{finished:?}");
        }
    }
}

#[test]
fn a_folder_that_is_none_is_said() {
    for folder in ["nowhere", "pages/a.txt"] {
        let server = sockscope(&["serve", folder, "--listen", "127.0.0.1:0"]);
        let finished = server.file("pages/a.txt", "").run();
        assert_eq!(finished.code, Some(1));
        let said = format!("The folder {folder} cannot be served");
        assert!(finished.complaint.contains(&said), "{finished:?}");
    }
    let finished = sockscope(&["serve", "nowhere", "--lang", "zh-CN"]).run();
    assert!(finished.complaint.contains("nowhere"), "{finished:?}");
    assert!(finished.complaint.contains("文件夹"), "{finished:?}");
}

#[test]
fn bad_flags_are_named_with_what_is_allowed() {
    let table: [(&[&str], &[&str]); 8] = [
        (&["--delay", "5"], &["--delay", "5ms"]),
        (&["--rate", "fast"], &["--rate", "fast"]),
        (&["--force", "busy=503"], &["--force", "/busy=503"]),
        (
            &["--max-connections", "0"],
            &["--max-connections", "from 1"],
        ),
        (&["--header-timeout", "0s"], &["--header-timeout"]),
        (&["--log", "apache"], &["common, combined, json or none"]),
        (&["--json", "--log", "common"], &["--log-file"]),
        (&["--bogus"], &["--bogus"]),
    ];
    for (arguments, parts) in table {
        let finished = pages(arguments).run();
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert!(finished.lines.is_empty(), "{finished:?}");
        for part in parts {
            assert!(finished.complaint.contains(part), "{part}: {finished:?}");
        }
    }
    let finished = sockscope(&["serve", "--listen", "nobody"]).run();
    assert_eq!(finished.code, Some(2), "{finished:?}");
    let named = ["--listen", "nobody"].map(|part| finished.complaint.contains(part));
    assert_eq!(named, [true, true], "{finished:?}");
}

#[test]
fn flags_reach_the_server() {
    let status = |arguments: &[&str], path: &str| {
        let (server, address) = serve(arguments);
        std::fs::write(server.home().join("pages/.hidden"), "h").expect("it can be written");
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        Client::connect(address).ask(&request).status
    };
    let table: [(&[&str], &str, u16); 6] = [
        (&[], "/", 200),
        (&["--no-listing"], "/", 403),
        (&[], "/.hidden", 404),
        (&["--hidden"], "/.hidden", 200),
        (&["--force", "/a.txt=418"], "/a.txt", 418),
        (
            &["--max-request-line", "64"],
            "/a.txt?0123456789012345678901234567890123456789012345678901234567890",
            414,
        ),
    ];
    for (arguments, path, expected) in table {
        assert_eq!(status(arguments, path), expected, "{arguments:?} {path}");
    }
}

#[test]
fn people_are_told_what_is_served_and_how() {
    let table: [(&[&str], &[&str]); 3] = [
        (&[], &["the folder pages", "all connections at once"]),
        (&["--one-at-a-time"], &["one connection at a time"]),
        (&["--lang", "zh-CN"], &["文件夹 pages", "并发服务"]),
    ];
    for (arguments, parts) in table {
        let first = pages(arguments).start().line();
        for part in parts {
            assert!(first.contains(part), "{part} in {first}");
        }
    }
    let first = sockscope(&["serve", "--listen", "127.0.0.1:0"])
        .start()
        .line();
    assert!(first.contains("the built-in pages"), "{first}");
    // Whoever opens it to others is warned.
    let mut server = sockscope(&["serve", "--listen", "0.0.0.0:0", "--log", "none"]).start();
    while !server.line().contains("Warning: other machines") {}
}
