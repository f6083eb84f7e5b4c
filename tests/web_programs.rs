//! The web server against programs that everybody has: curl, a browser, Python, and two that wish it no good.
//!
//! `cargo test --test web_programs -- --ignored` needs what `.ci/run` installs, and a minute for wrk alone.
#![cfg(unix)]

mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use support::command::{Finished, Running, sockscope};
use support::{PATIENCE, folder};

/// A server with its log on standard output.
struct Server {
    running: Running,
    address: String,
}

/// Serves a folder of these files.
fn serving(files: &[(&str, &str)], flags: &[&str]) -> Server {
    let arguments = ["serve", "files", "--listen", "127.0.0.1:0", "--json"];
    let mut command = sockscope(&[&arguments, flags].concat());
    for (name, text) in files {
        command = command.file(&format!("files/{name}"), text);
    }
    Server::start(command.start())
}

/// Serves the built-in pages.
fn serving_the_lab(flags: &[&str]) -> Server {
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--json"];
    Server::start(sockscope(&[&arguments, flags].concat()).start())
}

impl Server {
    fn start(mut running: Running) -> Self {
        let listening = running.json();
        let address = listening["address"]
            .as_str()
            .expect("an address")
            .to_owned();
        Self { running, address }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next request of the log.
    fn logged(&mut self) -> Value {
        let line = self.running.json();
        assert_eq!(line["event"], "request", "{line}");
        line
    }

    /// Stops it; its last line is the summary.
    fn stop(self) -> Finished {
        self.running.signal(Signal::SIGINT);
        self.running.finish()
    }
}

/// What a program said and how it ended.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    /// What it printed; it must have succeeded.
    fn succeeded(self, what: &str) -> String {
        let Self { code, out, err } = self;
        assert_eq!(code, Some(0), "{what}: {out}\n{err}");
        out
    }
}

/// A program that was started in a folder of its own.
fn start(program: &str, arguments: &[&str], home: &Path) -> Child {
    Command::new(program)
        .args(arguments)
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("{program} cannot be started ({error}); .ci/run installs it")
        })
}

fn said(child: Child) -> Said {
    let output = child.wait_with_output().expect("its output can be read");
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What curl prints, which must have succeeded.
fn curl(home: &Path, arguments: &[&str]) -> String {
    let limit = PATIENCE.as_secs().to_string();
    let always = ["--silent", "--show-error", "--max-time", &limit];
    said(start("curl", &[&always, arguments].concat(), home))
        .succeeded(&format!("curl {arguments:?}"))
}

/// The status of a printed response, its head in small letters, and its content.
fn response(text: &str) -> (u16, String, &str) {
    let (head, content) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status");
    let head = format!("{}\r\n", head.to_ascii_lowercase());
    (status.parse().expect("a number"), head, content)
}

/// Programs that take all the machine gives take turns.
fn alone() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

// ---- curl ----

/// A hundred different lines.
fn numbers() -> String {
    (0..100).map(|n| format!("line {n:04}\n")).collect()
}

#[test]
#[ignore = "needs curl"]
fn curl_gets_ranges() {
    let numbers = numbers();
    let server = serving(&[("numbers.txt", &numbers)], &[]);
    let (home, url) = (folder(), server.url("/numbers.txt"));
    for (range, wanted, field) in [
        ("0-3", &numbers[..4], "bytes 0-3/1000"),
        ("-3", &numbers[997..], "bytes 997-999/1000"),
        ("990-", &numbers[990..], "bytes 990-999/1000"),
        ("990-5000", &numbers[990..], "bytes 990-999/1000"),
    ] {
        let text = curl(home.path(), &["--include", "--range", range, &url]);
        let (status, head, content) = response(&text);
        assert_eq!((status, content), (206, wanted), "{range}");
        assert!(
            head.contains(&format!("content-range: {field}\r\n")),
            "{head}"
        );
    }
    let text = curl(home.path(), &["--include", "--range", "0-3,10-13", &url]);
    let (status, head, content) = response(&text);
    assert_eq!(status, 206);
    let (_, boundary) = head
        .split_once("content-type: multipart/byteranges; boundary=")
        .expect("several parts");
    let boundary = boundary.split("\r\n").next().expect("a line");
    let parts: Vec<&str> = content.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 4, "{content}");
    for (part, wanted, field) in [
        (parts[1], &numbers[..4], "bytes 0-3/1000"),
        (parts[2], &numbers[10..14], "bytes 10-13/1000"),
    ] {
        let (head, content) = part.split_once("\r\n\r\n").expect("a head");
        assert_eq!(content, format!("{wanted}\r\n"));
        let head = head.to_ascii_lowercase();
        assert!(head.contains(&format!("content-range: {field}")), "{head}");
    }
    assert_eq!(parts[3].trim_end(), "--");
    let text = curl(home.path(), &["--include", "--range", "1000-", &url]);
    let (status, head, _) = response(&text);
    assert_eq!(status, 416);
    assert!(head.contains("content-range: bytes */1000\r\n"), "{head}");
}

#[test]
#[ignore = "needs curl"]
fn curl_goes_on_with_a_download() {
    let numbers = numbers();
    let server = serving(&[("numbers.txt", &numbers)], &[]);
    let home = folder();
    let half = home.path().join("half.txt");
    std::fs::write(&half, &numbers[..500]).expect("the home can be written");
    let url = server.url("/numbers.txt");
    curl(
        home.path(),
        &["--continue-at", "-", "--output", "half.txt", &url],
    );
    let whole = std::fs::read_to_string(&half).expect("a file");
    assert_eq!(whole, numbers);
}

#[test]
#[ignore = "needs curl"]
fn curl_asks_only_for_what_has_changed() {
    let mut server = serving(&[("page.html", "<p>one</p>")], &[]);
    let (home, url) = (folder(), server.url("/page.html"));
    let page = server.running.home().join("files/page.html");
    // Of two changes within a second, a date tells only one.
    let past = std::time::SystemTime::now() - Duration::from_secs(3_600);
    let file = std::fs::File::options().write(true).open(&page);
    file.and_then(|file| file.set_modified(past))
        .expect("the file can be dated");
    let saved = [
        "--etag-save",
        "tag",
        "--remote-time",
        "--output",
        "page",
        &url,
    ];
    curl(home.path(), &saved);
    assert_eq!(server.logged()["status"], 200);
    for condition in [["--time-cond", "page"], ["--etag-compare", "tag"]] {
        let text = curl(
            home.path(),
            &[&["--include"], &condition[..], &[&url]].concat(),
        );
        let (status, head, content) = response(&text);
        assert_eq!((status, content), (304, ""), "{condition:?}");
        assert!(head.contains("\r\netag: "), "{head}");
        let logged = server.logged();
        assert_eq!(
            (&logged["status"], &logged["bytes"]),
            (&304.into(), &0.into())
        );
    }
    // The class edits its page, and sees it at once.
    std::fs::write(&page, "<p>two</p>").expect("the file can be written");
    for condition in [["--time-cond", "page"], ["--etag-compare", "tag"]] {
        let text = curl(home.path(), &[&condition[..], &[&url]].concat());
        assert_eq!(text, "<p>two</p>", "{condition:?}");
        assert_eq!(server.logged()["status"], 200);
    }
}

#[test]
#[ignore = "needs curl"]
fn curl_uses_a_connection_again() {
    let mut server = serving(&[("a.txt", "a"), ("b.txt", "b")], &[]);
    let home = folder();
    let (a, b, missing) = (
        server.url("/a.txt"),
        server.url("/b.txt"),
        server.url("/c.txt"),
    );
    let text = curl(home.path(), &[&a, &b, &missing, &a]);
    assert!(
        text.starts_with("ab<!DOCTYPE html>") && text.ends_with('a'),
        "{text}"
    );
    for (number, status) in [(1, 200), (2, 200), (3, 404), (4, 200)] {
        let logged = server.logged();
        assert_eq!(logged["connection"], 1);
        assert_eq!(logged["number"], number);
        assert_eq!(logged["status"], status);
        assert_eq!(logged["version"], "HTTP/1.1");
        let agent = logged["user_agent"].as_str().expect("a user agent");
        assert!(agent.starts_with("curl/"), "{agent}");
    }
}

#[test]
#[ignore = "needs curl"]
fn curl_loads_many_files_at_once() {
    let names: Vec<String> = (0..24).map(|n| format!("{n}.txt")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, &**name)).collect();
    let mut server = serving(&files, &[]);
    let (home, url) = (folder(), server.url("/[0-23].txt"));
    curl(
        home.path(),
        &[
            "--parallel",
            "--parallel-immediate",
            "--output",
            "#1.txt",
            &url,
        ],
    );
    let mut connections = std::collections::BTreeSet::new();
    for name in &names {
        let got = std::fs::read_to_string(home.path().join(name)).expect("a file");
        assert_eq!(got, *name);
        let logged = server.logged();
        assert_eq!(logged["status"], 200, "{logged}");
        connections.insert(logged["connection"].as_u64());
    }
    assert!(connections.len() > 1, "{connections:?}");
}

#[test]
#[ignore = "needs curl"]
fn curl_speaks_http_1_0() {
    let mut server = serving(&[("a.txt", "a")], &[]);
    let (home, url) = (folder(), server.url("/a.txt"));
    let text = curl(home.path(), &["--http1.0", "--include", &url]);
    let (status, head, content) = response(&text);
    assert_eq!((status, content), (200, "a"));
    assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
    assert!(head.contains("connection: close\r\n"), "{head}");
    let logged = server.logged();
    assert_eq!(
        (&logged["version"], &logged["connection"]),
        (&"HTTP/1.0".into(), &1.into())
    );
    let kept = [
        "--http1.0",
        "--header",
        "Connection: keep-alive",
        "--include",
    ];
    let text = curl(home.path(), &[&kept[..], &[&url, &url]].concat());
    let (status, head, _) = response(&text);
    assert_eq!(status, 200);
    assert!(head.contains("connection: keep-alive\r\n"), "{head}");
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    for _ in 0..2 {
        assert_eq!(server.logged()["version"], "HTTP/1.0");
    }
}

#[test]
#[ignore = "needs curl"]
fn curl_sends_targets_of_every_form() {
    let mut server = serving(&[("a.txt", "a")], &[]);
    let (home, proxy) = (folder(), server.url(""));
    let there = "http://lab.example/a.txt";
    let text = curl(home.path(), &["--proxy", &proxy, there]);
    assert_eq!(text, "a");
    let logged = server.logged();
    assert_eq!(
        (&logged["target"], &logged["status"]),
        (&there.into(), &200.into())
    );
    let text = curl(
        home.path(),
        &[
            "--request",
            "OPTIONS",
            "--request-target",
            "*",
            "--include",
            &server.url("/"),
        ],
    );
    let (status, head, _) = response(&text);
    assert!([200, 204].contains(&status), "{text}");
    assert!(head.contains("allow: get, head, options\r\n"), "{head}");
    assert_eq!(server.logged()["target"], "*");
}

#[test]
#[ignore = "needs curl"]
fn curl_asks_for_heads_alone() {
    let numbers = numbers();
    let mut server = serving(&[("numbers.txt", &numbers)], &[]);
    let (home, url) = (folder(), server.url("/numbers.txt"));
    let text = curl(home.path(), &["--head", &url, &url]);
    let (status, head, next) = response(&text);
    assert_eq!(status, 200);
    assert!(head.contains("content-length: 1000\r\n"), "{head}");
    assert!(
        head.contains("content-type: text/plain; charset=utf-8\r\n"),
        "{head}"
    );
    assert!(next.starts_with("HTTP/1.1 200 OK\r\n"), "{next}");
    for number in [1, 2] {
        let logged = server.logged();
        assert_eq!(
            (&logged["method"], &logged["bytes"]),
            (&"HEAD".into(), &0.into())
        );
        assert_eq!(
            (&logged["connection"], &logged["number"]),
            (&1.into(), &number.into())
        );
    }
}

#[test]
#[ignore = "needs curl"]
fn curl_cannot_leave_the_folder() {
    let mut server = serving(&[("a.txt", "a"), ("sub/b.txt", "b")], &[]);
    let secret = server.running.home().join("secret.txt");
    std::fs::write(secret, "nobody's business").expect("the home can be written");
    let home = folder();
    for path in [
        "/../secret.txt",
        "/sub/../../secret.txt",
        "/sub/%2e%2e/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "//../secret.txt",
        "/../../../../../../../../../../etc/passwd",
    ] {
        let url = server.url(path);
        let text = curl(home.path(), &["--path-as-is", "--include", &url]);
        let (status, _, content) = response(&text);
        assert!([400, 404].contains(&status), "{path}: {status}");
        for leaked in ["nobody's business", "root:"] {
            assert!(!content.contains(leaked), "{path}: {content}");
        }
        assert_eq!(server.logged()["status"], status, "{path}");
    }
}

#[test]
#[ignore = "needs curl"]
fn curl_brings_bodies_that_nobody_wants() {
    let mut server = serving(&[("a.txt", "a")], &[]);
    let home = folder();
    let large = "x".repeat(2 << 20);
    std::fs::write(home.path().join("large"), &large).expect("the home can be written");
    std::fs::write(home.path().join("small"), &large[..2_000]).expect("the home can be written");
    let url = server.url("/a.txt");
    // Curl asks before it sends much, and is told without having to.
    for arguments in [
        &["--upload-file", "large"][..],
        &["--data-binary", "@large"],
        &["--data-binary", "@small"],
        &["--data-binary", "@large", "--header", "Expect:"],
    ] {
        let text = curl(home.path(), &[&["--include"], arguments, &[&url]].concat());
        let (status, head, _) = response(&text);
        assert_eq!(status, 405, "{arguments:?}");
        assert!(head.contains("allow: get, head, options\r\n"), "{head}");
        assert_eq!(server.logged()["rule"], "method-not-allowed");
    }
    // A GET may have a body; the server asks for it, reads it, and serves the next request on the same connection.
    let get = ["--request", "GET", "--data-binary", "@small", "--include"];
    let text = curl(
        home.path(),
        &[&get[..], &["--header", "Expect: 100-continue", &url, &url]].concat(),
    );
    assert_eq!(
        text.matches("HTTP/1.1 100 Continue\r\n\r\n").count(),
        2,
        "{text}"
    );
    assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{text}");
    let (first, second) = (server.logged(), server.logged());
    assert_eq!(first["connection"], second["connection"]);
    let text = curl(
        home.path(),
        &[&get[..], &["--header", "Transfer-Encoding: chunked", &url]].concat(),
    );
    assert!(text.ends_with("\r\n\r\na"), "{text}");
    assert_eq!(server.logged()["status"], 200);
}

#[test]
#[ignore = "needs curl and gzip"]
fn curl_takes_what_was_compressed() {
    let numbers = numbers();
    let mut server = serving(&[("numbers.txt", &numbers)], &[]);
    let (home, url) = (folder(), server.url("/numbers.txt"));
    let files = server.running.home().join("files");
    said(start("gzip", &["--keep", "numbers.txt"], &files)).succeeded("gzip");
    let packed = std::fs::metadata(files.join("numbers.txt.gz")).expect("a file");
    let text = curl(home.path(), &["--compressed", "--include", &url]);
    let (status, head, content) = response(&text);
    assert_eq!((status, content), (200, &*numbers));
    for field in ["content-encoding: gzip\r\n", "vary: accept-encoding\r\n"] {
        assert!(head.contains(field), "{head}");
    }
    assert_eq!(server.logged()["bytes"], packed.len());
    let text = curl(home.path(), &["--include", &url]);
    let (_, head, content) = response(&text);
    assert_eq!(content, numbers);
    assert!(!head.contains("content-encoding:"), "{head}");
    assert!(head.contains("vary: accept-encoding\r\n"), "{head}");
}

// ---- Python ----

/// Four requests on one connection, as a program would make them.
const PYTHON: &str = r#"
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], timeout=20)
def ask(method, path, headers={}):
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    print(answer.status, answer.reason, len(content), answer.getheader("Content-Length"), sep="|")
    return answer
tag = ask("GET", "/big.bin").getheader("ETag")
ask("HEAD", "/big.bin")
ask("GET", "/big.bin", {"If-None-Match": tag})
ask("GET", "/missing")
"#;

#[test]
#[ignore = "needs python3"]
fn python_s_http_client_keeps_its_connection() {
    let mut server = serving_the_lab(&[]);
    let home = folder();
    let arguments = ["-c", PYTHON, &server.address];
    let printed = said(start("python3", &arguments, home.path())).succeeded("python3");
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], "200|OK|8388608|8388608");
    assert_eq!(lines[1], "200|OK|0|8388608");
    assert!(lines[2].starts_with("304|Not Modified|0|"), "{lines:?}");
    assert!(lines[3].starts_with("404|Not Found|"), "{lines:?}");
    for number in 1..=4 {
        let logged = server.logged();
        assert_eq!(
            (&logged["connection"], &logged["number"]),
            (&1.into(), &number.into())
        );
    }
}

// ---- a browser ----

/// What stands in the page after the browser has loaded it with all its parts.
fn browsed(url: &str) -> String {
    let home = folder();
    let profile = format!("--user-data-dir={}", home.path().display());
    let flags = [
        "120",
        "chromium",
        "--headless",
        // Its sandbox wants no root; what it loads here is ours.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        &profile,
        "--virtual-time-budget=10000",
        "--dump-dom",
        url,
    ];
    needs("chromium");
    said(start("timeout", &flags, home.path())).succeeded("chromium")
}

/// Fails if a program is not there.
fn needs(program: &str) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    assert!(is_there, "{program} is not installed; .ci/run installs it");
}

#[test]
#[ignore = "needs chromium"]
fn a_browser_loads_a_page_with_all_its_parts() {
    let _alone = alone();
    let mut server = serving_the_lab(&[]);
    let page = browsed(&server.url("/parts/"));
    assert!(
        page.contains("<title>A page with a dozen parts</title>"),
        "{page}"
    );
    // The page's own script counted them when all had been loaded.
    assert!(page.contains("12 parts in "), "{page}");
    let mut missing: Vec<String> = [
        "",
        "body.css",
        "grid.css",
        "count.js",
        "one.svg",
        "two.svg",
        "three.svg",
        "four.svg",
        "five.svg",
        "six.svg",
        "seven.svg",
        "eight.svg",
        "pixel.png",
    ]
    .map(|part| format!("/parts/{part}"))
    .into();
    while !missing.is_empty() {
        let logged = server.logged();
        if logged["status"].is_null() {
            // A connection that was opened in advance and never used.
            continue;
        }
        assert_eq!(logged["status"], 200, "{logged}");
        missing.retain(|part| logged["target"] != **part);
    }
}

#[test]
#[ignore = "needs chromium"]
fn a_browser_shows_what_is_wrong() {
    let _alone = alone();
    let mut server = serving_the_lab(&[]);
    let page = browsed(&server.url("/missing.html"));
    for part in [
        "<title>404 Not Found</title>",
        "There is no file or folder of that name",
        "RFC 9110 §15.5.5",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let logged = server.logged();
    assert_eq!(
        (&logged["target"], &logged["status"]),
        (&"/missing.html".into(), &404.into())
    );
}

// ---- slow attackers ----

/// Lets a slow attacker loose with a hundred connections and asks for a page as long as it goes on. Gives what the server told of the attacker.
fn under_slow_attack(mode: &[&str], path: &str) -> Vec<Value> {
    let _alone = alone();
    needs("slowhttptest");
    let limits = [
        "--header-timeout",
        "2s",
        "--stall-timeout",
        "2s",
        "--max-connections",
        "150",
    ];
    let server = serving_the_lab(&limits);
    let home = folder();
    let url = server.url(path);
    let fixed = ["-c", "100", "-r", "100", "-l", "8", "-p", "3", "-u", &url];
    let mut attacker = start("slowhttptest", &[&fixed, mode].concat(), home.path());
    let mut asked = 0;
    while attacker.try_wait().expect("it can be asked").is_none() {
        let start = Instant::now();
        let page = curl(home.path(), &["--include", &server.url("/HelloWorld.html")]);
        assert_eq!(response(&page).0, 200, "{page}");
        assert!(start.elapsed() < Duration::from_secs(5), "{mode:?}");
        asked += 1;
    }
    let report = said(attacker).out;
    assert!(asked > 0, "{report}");
    assert!(
        report.contains("YES") && !report.contains("NO\n"),
        "{report}"
    );
    let finished = server.stop();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let lines = finished.json();
    let summary = lines.last().expect("a summary");
    assert_eq!(summary["refused"], 0, "{summary}");
    let is_attack =
        |line: &Value| line["event"] == "request" && line["target"] != "/HelloWorld.html";
    lines.into_iter().filter(is_attack).collect()
}

/// How many lines have this in a field.
fn count(lines: &[Value], field: &str, value: impl Into<Value>) -> usize {
    let value = value.into();
    lines.iter().filter(|line| line[field] == value).count()
}

#[test]
#[ignore = "needs slowhttptest and curl"]
fn slow_heads_do_not_stop_the_service() {
    let lines = under_slow_attack(&["-H", "-i", "1", "-x", "24"], "/slow.html");
    assert_eq!(count(&lines, "rule", "head-too-late"), 100);
}

#[test]
#[ignore = "needs slowhttptest and curl"]
fn slow_bodies_do_not_stop_the_service() {
    let mode = ["-B", "-i", "1", "-s", "8192", "-x", "10"];
    let lines = under_slow_attack(&mode, "/slow.html");
    assert_eq!(count(&lines, "rule", "body-too-late"), 100);
}

#[test]
#[ignore = "needs slowhttptest and curl"]
fn slow_readers_do_not_stop_the_service() {
    let mode = ["-X", "-w", "8", "-y", "16", "-n", "1", "-z", "8"];
    let lines = under_slow_attack(&mode, "/big.bin");
    assert_eq!(count(&lines, "error", "stalled"), 100);
}

// ---- many requests ----

/// Runs wrk against the server and gives how many requests were answered; none may go wrong.
fn wrk(server: &Server, path: &str, connections: usize, seconds: u64, home: &TempDir) -> u64 {
    let (open, time) = (format!("-c{connections}"), format!("-d{seconds}s"));
    let arguments = ["-t1", &open, &time, &server.url(path)];
    let report = said(start("wrk", &arguments, home.path())).succeeded("wrk");
    for trouble in ["Socket errors", "Non-2xx"] {
        assert!(!report.contains(trouble), "{report}");
    }
    let (before, _) = report.split_once(" requests in ").expect("a count");
    let count = before.split_whitespace().last().expect("a count");
    count.parse().expect("a number")
}

#[test]
#[ignore = "needs wrk and a minute"]
fn a_minute_of_wrk_goes_without_an_error() {
    let _alone = alone();
    let server = serving_the_lab(&["--log", "combined", "--log-file", "/dev/null"]);
    let home = folder();
    let small = wrk(&server, "/HelloWorld.html", 64, 45, &home);
    let large = wrk(&server, "/big.bin", 16, 15, &home);
    assert!(small > 0 && large > 0);
    let finished = server.stop();
    let lines = finished.json();
    let summary = lines.last().expect("a summary");
    let requests = summary["requests"].as_u64().expect("a number");
    assert!(requests >= small + large, "{summary}");
    let fine = &summary["statuses"]["2xx"];
    assert_eq!(fine.as_u64(), Some(requests), "{summary}");
    assert_eq!(summary["malformed"], 0, "{summary}");
}
