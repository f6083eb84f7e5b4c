//! The programs that are compared, each a process of its own: `sockscope mailbox` and Postfix's smtp-sink take mail, `sockscope mail` and Postfix's
//! smtp-source send it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::support::process::{cpu_seconds, resident_mib};
use super::support::report::Outcome;

/// The program under test, built as it is released.
pub const SOCKSCOPE: &str = env!("CARGO_BIN_EXE_sockscope");
/// What the others are.
pub const NEEDED: [&str; 2] = ["smtp-source", "smtp-sink"];
pub const SINK: &str = "smtp-sink";
/// Bytes of each message.
pub const MESSAGE: usize = 1_000;
pub const FROM: &str = "student@example.com";
pub const TO: &str = "teacher@example.com";

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(5);
/// Connections that smtp-sink lets wait.
const SINK_BACKLOG: &str = "1000";

/// A process that listens. It ends when it is dropped.
pub struct Server {
    pub name: &'static str,
    pub address: SocketAddr,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a mailbox keeps its messages.
pub enum Store<'a> {
    Memory,
    Maildir(&'a Path),
}

impl Server {
    fn start(name: &'static str, address: SocketAddr, command: &mut Command) -> Outcome<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        let server = Self {
            name,
            address,
            child,
        };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if start.elapsed() > PATIENCE {
                return Err(format!("{name}: nobody listens at {address}").into());
            }
            std::thread::sleep(LOOK);
        }
        Ok(server)
    }

    /// `sockscope mailbox` with room for every message of a run.
    pub fn mailbox(name: &'static str, store: &Store) -> Outcome<Self> {
        let address = free_address()?;
        let mut command = Command::new(SOCKSCOPE);
        command
            .args(["mailbox", "--tls-listen", "none"])
            .args(["--listen", &address.to_string()])
            .env("SOCKSCOPE_MAIL_MAX_MESSAGES", "1000000");
        match store {
            Store::Memory => command.args(["--dir", "memory"]),
            Store::Maildir(folder) => command.arg("--dir").arg(folder),
        };
        Self::start(name, address, &mut command)
    }

    pub fn sink() -> Outcome<Self> {
        let address = free_address()?;
        let mut command = Command::new(SINK);
        if is_root() {
            // It wants to be told that it may stay so.
            command.args(["-u", "root"]);
        }
        command.args([address.to_string().as_str(), SINK_BACKLOG]);
        Self::start(SINK, address, &mut command)
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn cpu_seconds(&self) -> Outcome<f64> {
        cpu_seconds(self.process())
    }

    pub fn resident_mib(&self) -> Outcome<f64> {
        resident_mib(self.process())
    }
}

#[cfg(unix)]
fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

/// An address that nobody uses now.
fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Mail that is sent.
#[derive(Clone, Copy)]
pub struct Load {
    pub sessions: usize,
    pub messages: usize,
    pub connections: Connections,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// One for each message.
    EachNew,
    /// One for each session.
    Kept,
}

impl Load {
    /// Postfix's smtp-source.
    pub fn source(self, server: SocketAddr) -> Command {
        let mut command = Command::new("smtp-source");
        if self.connections == Connections::Kept {
            command.arg("-d");
        }
        command
            .args(["-s", &self.sessions.to_string()])
            .args(["-m", &self.messages.to_string()])
            .args(["-l", &MESSAGE.to_string()])
            .args(["-f", FROM, "-t", TO])
            .arg(server.to_string());
        command
    }
}

/// `sockscope mail` to that server.
pub fn mail(server: SocketAddr) -> Command {
    let mut command = Command::new(SOCKSCOPE);
    command
        .args(["mail", "--security", "none", "--auth", "none"])
        .args(["--server", &server.to_string()])
        .args(["--from", FROM, "--to", TO]);
    command
}

/// Runs a client to its end; tells the seconds it took.
pub fn time(command: &mut Command) -> Outcome<f64> {
    let start = Instant::now();
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let seconds = start.elapsed().as_secs_f64();
    if !status.success() {
        let program = command.get_program().display();
        return Err(format!("{program} failed: {status}").into());
    }
    Ok(seconds)
}
