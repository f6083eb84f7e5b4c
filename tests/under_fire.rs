//! The dashboard while requests come faster than anybody can read: keys are answered, and the log says how many rows it left out.
#![cfg(unix)]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use vt100::Screen;

use support::PATIENCE;
use support::terminal::{Terminal, dashboard, keys};

const SIZE: (u16, u16) = (120, 36);

/// Connections that send requests without a pause.
const CONNECTIONS: usize = 4;
/// Requests that are written together.
const TOGETHER: usize = 64;
const REQUEST: &str = "GET /HelloWorld.html HTTP/1.1\r\nHost: lab\r\n\r\n";

/// Requests rain down as long as this lives.
struct Fire {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Fire {
    fn on(server: SocketAddr) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let threads = (0..CONNECTIONS)
            .map(|_| {
                let over = over.clone();
                std::thread::spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        fire(server, &over);
                    }
                })
            })
            .collect();
        Self { over, threads }
    }
}

impl Drop for Fire {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Sends requests on one connection until the server ends it, which it does after some number of them, or until it is over.
fn fire(server: SocketAddr, over: &AtomicBool) {
    let mut writer = TcpStream::connect(server).expect("the server takes connections");
    let mut reader = writer.try_clone().expect("a socket has two ends");
    let draining = std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(1..) = reader.read(&mut buffer) {}
    });
    let requests = REQUEST.repeat(TOGETHER);
    while !over.load(Ordering::Relaxed) && writer.write_all(requests.as_bytes()).is_ok() {}
    // The server may have closed it already.
    let _ = writer.shutdown(Shutdown::Both);
    draining.join().expect("the reader does not panic");
}

/// The dashboard with the Web tab in front, and where its server is.
fn serving() -> (Terminal, SocketAddr) {
    let mut terminal = dashboard(SIZE, &[]);
    terminal.wait_for_text(&["● echo :"]);
    terminal.keys("2");
    let mut port = None;
    terminal.wait_for("the port of the web server", |screen| {
        port = web_port(screen);
        port.is_some()
    });
    let address = SocketAddr::from(([127, 0, 0, 1], port.expect("waited for")));
    (terminal, address)
}

/// The port of the web server as the status line says it.
fn web_port(screen: &Screen) -> Option<u16> {
    let shown = screen.contents();
    let (_, after) = shown.split_once("● web :")?;
    after.split_whitespace().next()?.parse().ok()
}

/// The rows that the log says it left out.
fn left_out(screen: &Screen) -> Option<u64> {
    let shown = screen.contents();
    let (before, _) = shown.split_once(" not shown")?;
    let (_, count) = before.rsplit_once('+')?;
    count.replace([',', ' '], "").parse().ok()
}

/// Whether the server answers a request on a new connection.
fn is_answering(server: SocketAddr) -> bool {
    let mut connection = TcpStream::connect(server).expect("the server takes connections");
    connection
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| connection.write_all(REQUEST.as_bytes()))
        .expect("the connection is open");
    let mut status = [0; 15];
    connection.read_exact(&mut status).is_ok() && &status == b"HTTP/1.1 200 OK"
}

#[test]
fn keys_are_answered_and_what_is_left_out_is_counted() {
    let (mut terminal, server) = serving();
    let fire = Fire::on(server);
    let mut before = None;
    terminal.wait_for("rows that were left out", |screen| {
        before = left_out(screen);
        before.is_some()
    });
    for _ in 0..5 {
        terminal.keys_then("?", "Help: Web");
        terminal.keys_then_not(keys::ESC, "Help: Web");
        terminal.keys_then("1", "RTT  last ");
        terminal.keys_then_not("2", "RTT  last ");
    }
    terminal.wait_for("more rows that were left out", |screen| {
        left_out(screen) > before
    });
    assert!(is_answering(server), "others are served meanwhile");
    drop(fire);
    assert!(is_answering(server));
    terminal.keys("q");
    let ended = terminal.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    ended.assert_given_back();
}
