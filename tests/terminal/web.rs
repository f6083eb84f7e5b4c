//! The Web tab of the real program: requests over real sockets become rows, and keys change how they are answered.

use std::net::{SocketAddr, TcpListener};

use vt100::Screen;

use crate::SIZE;
use crate::support::folder;
use crate::support::terminal::{Terminal, dashboard, keys};
use crate::support::web::Client;

const HELLO: &str = "GET /HelloWorld.html HTTP/1.1\r\nHost: lab\r\n\r\n";
const MISSING: &str = "GET /no-such-page HTTP/1.1\r\nHost: lab\r\n\r\n";

/// The dashboard with the Web tab in front, and where its server is.
fn serving(arguments: &[&str]) -> (Terminal, SocketAddr) {
    with_web_tab(dashboard(SIZE, arguments))
}

fn with_web_tab(mut terminal: Terminal) -> (Terminal, SocketAddr) {
    terminal.wait_for_text(&["● echo :"]);
    terminal.keys_then("2", " Requests ");
    let mut port = None;
    terminal.wait_for("the port of the web server", |screen| {
        port = web_port(screen);
        port.is_some()
    });
    let port = port.expect("waited for");
    (terminal, SocketAddr::from(([127, 0, 0, 1], port)))
}

/// The port of the web server as the status line says it.
fn web_port(screen: &Screen) -> Option<u16> {
    let shown = screen.contents();
    let (_, after) = shown.split_once("● web :")?;
    after.split_whitespace().next()?.parse().ok()
}

/// The row of the request log that has a text.
fn row(terminal: &Terminal, text: &str) -> String {
    let rows = terminal.rows();
    let row = rows.into_iter().find(|row| row.contains(text));
    row.unwrap_or_else(|| panic!("no row with {text}:\n{}", terminal.text()))
}

fn contains(bytes: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    bytes.windows(text.len()).any(|window| window == text)
}

#[test]
fn real_requests_become_rows_and_show_every_byte() {
    let (mut terminal, server) = serving(&[]);
    terminal.wait_for_text(&[
        &format!("http://{server}/HelloWorld.html"),
        "Nobody has asked for anything yet.",
    ]);
    let mut client = Client::connect(server);
    assert_eq!(client.ask(HELLO).status, 200);
    terminal.wait_for_row(&["GET", "/HelloWorld.html", "● 200", "#1.1"]);
    assert_eq!(client.ask(MISSING).status, 404);
    terminal.wait_for_row(&["/no-such-page", "▲ 404", "#1.2"]);
    terminal.wait_for_text(&["requests 2", "● 2xx 1", "▲ 4xx 1", "open 1"]);
    let port = client.address().port();
    assert!(row(&terminal, "/no-such-page").contains(&format!(":{port}")));
    terminal.keys_then(keys::ENTER, "There is no file or folder of that name");
    terminal.wait_for_text(&["▲ 404 Not Found", "§15.5.5, not-found)", "last byte out"]);
    terminal.keys_then(keys::RIGHT, "GET /no-such-page HTTP/1.1\\r\\n");
    terminal.wait_for_text(&["Host: lab\\r\\n", "which site is meant"]);
    terminal.keys_then("h", "47 45 54 20 2f 6e 6f 2d");
    terminal.keys_then("h", "Host: lab\\r\\n");
    terminal.keys_then(keys::RIGHT, "HTTP/1.1 404 Not Found\\r\\n");
    terminal.keys_then_not(keys::ESC, "404 Not Found");
}

#[test]
fn one_at_a_time_makes_the_others_wait_and_switching_back_lets_them_go() {
    let (mut terminal, server) = serving(&[]);
    terminal.keys("o");
    terminal.wait_for_row(&["● web :", "one at a time"]);
    let silent = Client::connect(server);
    terminal.wait_for_row(&["nothing sent yet", "···", "#1"]);
    let mut waiting = Client::connect(server);
    waiting.send(HELLO);
    terminal.wait_for_row(&["in line", "▒▒▒", "#2"]);
    terminal.wait_for_text(&["#1 keeps 1 waiting", "in line 1", "2 going on"]);
    let mut third = Client::connect(server);
    third.send(MISSING);
    terminal.wait_for_text(&["#1 keeps 2 waiting", "3 going on"]);
    terminal.keys("o");
    assert_eq!(waiting.response(HELLO.as_bytes()).status, 200);
    assert_eq!(third.response(MISSING.as_bytes()).status, 404);
    terminal.wait_for_row(&["/HelloWorld.html", "● 200", "#2.1"]);
    terminal.wait_for_row(&["/no-such-page", "▲ 404", "#3.1"]);
    terminal.wait_for("nobody waits", |screen| {
        !screen.contents().contains("keeps") && screen.contents().contains("1 going on")
    });
    // Whoever said nothing is still there, and is no longer in anybody's way.
    let mut silent = silent;
    assert_eq!(silent.ask(HELLO).status, 200);
    terminal.wait_for_row(&["/HelloWorld.html", "#1.1"]);
}

#[test]
fn a_request_is_seen_while_it_arrives() {
    let (mut terminal, server) = serving(&[]);
    let mut client = Client::connect(server);
    terminal.wait_for_row(&["nothing sent yet", "#1"]);
    client.send("GET /Hello");
    terminal.wait_for_row(&["reading", "GET /Hello", " 10 B "]);
    terminal.keys_then(keys::ENTER, "arrived so far");
    terminal.keys_then(keys::RIGHT, "GET /Hello");
    client.send("World.html HTTP/1.1\r\nHo");
    terminal.wait_for_text(&["GET /HelloWorld.html HTTP/1.1\\r\\n"]);
    client.send("st: lab\r\n\r\n");
    assert_eq!(client.response(b"GET").status, 200);
    // The details go along when it is done.
    terminal.wait_for_text(&["Request #1.1", "Host: lab\\r\\n"]);
}

#[test]
fn the_sender_sends_to_our_server_and_keeps_what_was_typed() {
    let (mut terminal, server) = serving(&[]);
    terminal.keys_then("g", "▸a good GET");
    terminal.wait_for_text(&[
        &format!("Host: {server}"),
        "GET /HelloWorld.html HTTP/1.1",
        "Nothing sent yet.",
    ]);
    terminal.keys(keys::F5);
    terminal.wait_for_text(&["every answer is complete"]);
    let transcript = terminal.text();
    for part in [
        format!("Host: {server}\\r\\n"),
        "received ".to_owned(),
        "HTTP/1.1 200 OK\\r\\n".to_owned(),
    ] {
        assert!(transcript.contains(&part), "{part} in\n{transcript}");
    }
    // What went first has scrolled away above what came after it.
    terminal.keys(keys::BACK_TAB);
    terminal.keys_then(keys::HOME, "sent ");
    terminal.keys_then(&keys::TAB.repeat(2), "GET /HelloWorld.html");
    terminal.keys_then("q2? ", "q2? GET /HelloWorld.html");
    terminal.keys_then_not(keys::ESC, "Nothing sent yet.");
    terminal.wait_for_row(&["/HelloWorld.html", "● 200"]);
    assert!(!terminal.text().contains("q2? "));
    terminal.keys_then("g", "q2? GET /HelloWorld.html");
    terminal.wait_for_text(&["▸your own text"]);
}

#[test]
fn a_filter_leaves_what_was_asked_for() {
    let (mut terminal, server) = serving(&[]);
    let mut client = Client::connect(server);
    for request in [HELLO, MISSING, HELLO] {
        client.ask(request);
    }
    terminal.wait_for_row(&["/HelloWorld.html", "#1.3"]);
    terminal.keys_then("/", " filter: ");
    terminal.keys(&format!("nothing:{}", keys::ENTER));
    terminal.wait_for_text(&["nothing: is no filter; there are status:"]);
    terminal.keys_then_not(keys::ESC, " filter: ");
    terminal.keys_then("/", " filter: ");
    terminal.keys(&format!("4xx{}", keys::ENTER));
    terminal.wait_for_text(&["1 of 3  /4xx", "/no-such-page"]);
    assert!(!terminal.text().contains("/HelloWorld.html"));
    client.ask(MISSING);
    terminal.wait_for_text(&["2 of 4  /4xx"]);
    terminal.keys_then(keys::ESC, "/HelloWorld.html");
}

#[test]
fn a_request_and_a_url_are_copied_into_the_clipboard() {
    let (mut terminal, server) = serving(&[]);
    Client::connect(server).ask(HELLO);
    terminal.wait_for_row(&["/HelloWorld.html", "● 200"]);
    terminal.keys_then(keys::ENTER, "Request #1.1");
    terminal.keys_then("C", " Copied ");
    terminal.wait_for_text(&["curl ", &format!("http://{server}/HelloWorld.html")]);
    // Base64 of "curl ".
    assert!(contains(terminal.bytes(), "\x1b]52;c;Y3VybC"));
    terminal.keys_then_not(keys::ESC, " Copied ");
    terminal.keys_then_not(keys::ESC, "Request #1.1");
    terminal.keys_then("u", "Where the server is reached");
    terminal.wait_for_text(&[&format!("▸ http://{server}/"), "█▀▀▀▀▀█"]);
    terminal.keys_then("C", " Copied ");
    // Base64 of "http://127.0.0.".
    assert!(contains(terminal.bytes(), "\x1b]52;c;aHR0cDovLzEyNy4wLjAu"));
}

#[test]
fn urls_are_links_where_the_terminal_knows_them() {
    for (term, links) in [("xterm-256color", true), ("linux", false)] {
        let arguments = ["--web-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"];
        let terminal = Terminal::start(SIZE, &arguments, &[("TERM", term)]);
        let (mut terminal, server) = with_web_tab(terminal);
        terminal.wait_for_text(&[&format!("http://{server}/HelloWorld.html")]);
        // Drawn again, so that a link would have come.
        terminal.keys_then("u", "Where the server is reached");
        let bytes = terminal.bytes();
        let link = format!("\x1b]8;;http://{server}/HelloWorld.html\x1b\\");
        assert_eq!(contains(bytes, &link), links, "{term}");
        assert_eq!(contains(bytes, "\x1b]8;"), links, "{term}");
        // What a client sends is text, whatever it looks like.
        Client::connect(server).send("GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n");
        terminal.keys(keys::ESC);
        terminal.wait_for_row(&["http://evil.example/"]);
        assert!(!contains(terminal.bytes(), "\x1b]8;;http://evil"), "{term}");
    }
}

#[test]
fn hostile_requests_reach_the_terminal_as_text() {
    let (mut terminal, server) = serving(&[]);
    let mut client = Client::connect(server);
    client.send(b"GET /\x1b]0;owned\x07\x1b[2J\xe2\x80\xae HTTP/1.1\r\nHost: x\r\n\r\n");
    terminal.wait_for_row(&["invalid-target", "/\\x1b", "▲ 400"]);
    terminal.keys_then(keys::ENTER, "▲ 400 Bad Request");
    terminal.keys_then(keys::RIGHT, "\\u{202e}");
    let bytes = terminal.bytes();
    for hostile in ["\x1b]0;owned", "\x1b[2J\u{202e}", "\u{202e}"] {
        assert!(!contains(bytes, hostile), "{hostile:?}");
    }
}

#[test]
fn a_taken_port_leaves_it_running_and_f_takes_another() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = holder.local_addr().expect("it is bound");
    let arguments = [
        "--web-listen",
        &address.to_string(),
        "--listen",
        "127.0.0.1:0",
    ];
    let mut terminal = Terminal::start(SIZE, &arguments, &[]);
    terminal.wait_for_text(&["● echo :"]);
    terminal.keys("2");
    terminal.wait_for_text(&[
        "web not running",
        &format!("Port {address} is taken"),
        "R try again",
        "F any free port",
    ]);
    if cfg!(target_os = "linux") {
        let pid = format!("(process {})", std::process::id());
        terminal.wait_for_text(&[&pid]);
    }
    terminal.keys("F");
    let mut port = None;
    terminal.wait_for("another port", |screen| {
        port = web_port(screen);
        port.is_some()
    });
    assert_ne!(port, Some(address.port()));
    let server = SocketAddr::from(([127, 0, 0, 1], port.expect("waited for")));
    assert_eq!(Client::connect(server).ask(HELLO).status, 200);
    terminal.wait_for_row(&["/HelloWorld.html", "● 200"]);
}

#[test]
fn a_freed_port_is_taken_with_r() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = holder.local_addr().expect("it is bound");
    let arguments = [
        "--web-listen",
        &address.to_string(),
        "--listen",
        "127.0.0.1:0",
    ];
    let mut terminal = Terminal::start(SIZE, &arguments, &[]);
    terminal.keys("2");
    terminal.wait_for_text(&["web not running"]);
    drop(holder);
    terminal.keys_then("R", &format!("● web :{}", address.port()));
    assert_eq!(Client::connect(address).ask(HELLO).status, 200);
}

#[test]
fn quitting_gives_the_terminal_back_while_a_download_runs() {
    let pages = folder();
    std::fs::File::create(pages.path().join("big.bin"))
        .and_then(|file| file.set_len(1 << 30))
        .expect("the folder can be written");
    let path = pages.path().to_str().expect("UTF-8");
    let (mut terminal, server) = serving(&["--web-folder", path]);
    // The client takes nothing: a server that waited for it would wait for half a minute, longer than a test does.
    let mut client = Client::connect(server);
    client.send("GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n");
    terminal.wait_for_row(&["sending", "/big.bin", "█ 200", " % "]);
    terminal.keys("q");
    let ended = terminal.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    ended.assert_given_back();
    assert!(ended.text().contains("1 cut short"), "{}", ended.text());
    let (came, _) = client.rest();
    assert!(came.len() < 1 << 30, "{}", came.len());
}

#[test]
fn after_quitting_the_counters_stay_on_the_terminal() {
    let (mut terminal, server) = serving(&[]);
    let mut client = Client::connect(server);
    for request in [HELLO, MISSING, HELLO] {
        client.ask(request);
    }
    Client::connect(server).ask("GET / HTTP/1.1\r\n\r\n");
    terminal.wait_for_text(&["requests 4"]);
    terminal.keys("q");
    let ended = terminal.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    ended.assert_given_back();
    let left = ended.text();
    for part in [
        "4 requests on 2 connections, ",
        "2xx 2, 3xx 0, 4xx 2, 5xx 0, unanswered 0",
        "Duration p50 ",
    ] {
        assert!(left.contains(part), "{part} in\n{left}");
    }
}

#[test]
fn without_a_request_nothing_is_said_of_the_web_server() {
    let (mut terminal, _) = serving(&[]);
    terminal.keys("q");
    let left = terminal.finish().text();
    assert!(!left.contains("requests on"), "{left}");
}
