//! What ten thousand connections cost on which nothing happens: those that never sent a byte, and those that wait for their next request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use sockscope::net::os::raise_descriptor_limit;

use super::peers::{SMALL_PATH, Server, Site};
use super::support::report::{Outcome, Report};

const CONNECTIONS: usize = 10_000;
/// Descriptors that either end needs besides.
const SPARE: u64 = 100;
const MEMORY_MIB: f64 = 100.0;
const PATIENCE: Duration = Duration::from_secs(10);

/// How far an idle connection has come.
#[derive(Clone, Copy)]
enum Idle {
    Silent,
    Served,
}

pub fn measure(report: &mut Report) -> Outcome<()> {
    report.heading(&format!("Web server, {CONNECTIONS} idle connections"));
    let needed = CONNECTIONS as u64 + SPARE;
    match raise_descriptor_limit() {
        Some(limit) if limit < needed => {
            return Err(
                format!("{limit} open files are allowed, {needed} are needed (ulimit -n)").into(),
            );
        }
        _ => {}
    }
    for (what, idle) in [
        ("that sent nothing", Idle::Silent),
        ("between two requests", Idle::Served),
    ] {
        connections(report, what, idle)?;
    }
    Ok(())
}

fn connections(report: &mut Report, what: &str, idle: Idle) -> Outcome<()> {
    let site = Site::new()?;
    let most = (CONNECTIONS + 10).to_string();
    let flags = [
        ["--max-connections", &most],
        ["--header-timeout", "10m"],
        ["--idle-timeout", "10m"],
        ["--log", "none"],
    ];
    let server = Server::ours("sockscope serve", &site, flags.as_flattened())?;
    let before = server.resident_mib()?;
    let mut open = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let mut connection = TcpStream::connect(server.address)?;
        if let Idle::Served = idle {
            get(&mut connection, server.address)?;
        }
        open.push(connection);
    }
    // Its turn comes after all of theirs, so they have been taken in when it is answered.
    let start = Instant::now();
    get(&mut TcpStream::connect(server.address)?, server.address)?;
    let answered = start.elapsed();
    let cpu = server.cpu_seconds()?;
    let resident = server.resident_mib()?;
    std::thread::sleep(Duration::from_secs(2));
    let cpu = (server.cpu_seconds()? - cpu) / 2.0 * 100.0;
    report.say(&format!(
        "{what}: resident {before:.1} MiB before, {resident:.1} MiB with them, {:.1} KiB each; CPU {cpu:.1} % of a core; one more is answered \
         after {:.1} ms",
        (resident - before) * 1024.0 / CONNECTIONS as f64,
        answered.as_secs_f64() * 1e3
    ));
    report.target(
        resident < MEMORY_MIB,
        &format!(
            "{CONNECTIONS} connections {what}: {resident:.1} MiB resident, under {MEMORY_MIB}"
        ),
    );
    Ok(())
}

/// Asks for a file and reads the answer to the end.
fn get(connection: &mut TcpStream, server: SocketAddr) -> Outcome<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    write!(
        connection,
        "GET {SMALL_PATH} HTTP/1.1\r\nHost: {server}\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4_096];
    // The file holds nothing but this letter.
    while !answer.ends_with(b"xxxx") {
        match connection.read(&mut buffer)? {
            0 => return Err("the server closed the connection".into()),
            length => answer.extend(&buffer[..length]),
        }
        if !answer.starts_with(b"HTTP/1.1 200 ") {
            return Err(format!("answered {:?}", String::from_utf8_lossy(&answer)).into());
        }
    }
    Ok(())
}
