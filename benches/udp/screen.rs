//! The dashboard as it is released, in a pseudo-terminal that takes what it draws.

use std::io::Read;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::peers::SOCKSCOPE;
use super::support::report::Outcome;

/// How long a start may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Ends every frame: the synchronized update is over (`CSI ? 2026 l`).
const FRAME_END: &[u8] = b"\x1b[?2026l";
/// The end of the footer, the last thing on a full screen.
const FOOTER_END: &str = "q quit";

/// A running dashboard with its own echo server and pinger.
pub struct Dashboard {
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    /// Where its echo server listens.
    pub echo: SocketAddr,
    /// From the start of the process to the end of the first full screen.
    pub first_screen: Duration,
}

/// What came from the terminal's other side.
#[derive(Default, Clone, Copy)]
pub struct Seen {
    pub bytes: u64,
    pub frames: u64,
    full_screen_at: Option<Instant>,
    ended: bool,
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Dashboard {
    pub fn start(
        columns: u16,
        rows: u16,
        flags: &[&str],
        environment: &[(&str, &str)],
    ) -> Outcome<Self> {
        let echo = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pty = native_pty_system().openpty(size)?;
        let mut command = CommandBuilder::new(SOCKSCOPE);
        command.args(["--listen", &echo.to_string(), "--lang", "en"]);
        command.args(flags);
        command.env("TERM", "xterm-256color");
        for (name, value) in environment {
            command.env(name, value);
        }
        let seen = Arc::new((Mutex::new(Seen::default()), Condvar::new()));
        let mut reader = pty.master.try_clone_reader()?;
        let started = Instant::now();
        let child = pty.slave.spawn_command(command)?;
        drop(pty.slave);
        std::thread::spawn({
            let seen = seen.clone();
            move || read(&mut *reader, rows, columns, &seen)
        });
        let mut dashboard = Self {
            child,
            _master: pty.master,
            seen,
            echo,
            first_screen: Duration::ZERO,
        };
        dashboard.first_screen = dashboard.full_screen_at()? - started;
        dashboard.wait_for_echo()?;
        Ok(dashboard)
    }

    fn full_screen_at(&self) -> Outcome<Instant> {
        let (seen, changed) = &*self.seen;
        let waiting = |seen: &mut Seen| seen.full_screen_at.is_none() && !seen.ended;
        let (seen, _) = changed
            .wait_timeout_while(lock(seen), PATIENCE, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        seen.full_screen_at
            .ok_or_else(|| "the dashboard did not fill its screen".into())
    }

    fn wait_for_echo(&self) -> Outcome<()> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            socket.send_to(b"hello", self.echo)?;
            if socket.recv(&mut [0; 8]).is_ok() {
                return Ok(());
            }
        }
        Err("the dashboard's echo server did not answer".into())
    }

    /// What it has written so far.
    pub fn seen(&self) -> Seen {
        *lock(&self.seen.0)
    }

    pub fn process(&self) -> Outcome<u32> {
        self.child
            .process_id()
            .ok_or_else(|| "the dashboard has ended".into())
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads until the terminal closes. The screen is followed until it is full; after that bytes are only counted, for a second terminal emulator
/// would compete with what is measured.
fn read(reader: &mut dyn Read, rows: u16, columns: u16, shared: &(Mutex<Seen>, Condvar)) {
    let (seen, changed) = shared;
    let mut parser = vt100::Parser::new(rows, columns, 0);
    let mut buffer = [0; 65_536];
    while let Ok(len @ 1..) = reader.read(&mut buffer) {
        let now = Instant::now();
        let bytes = &buffer[..len];
        // A frame's end that falls between two reads is missed, which is rare enough not to matter.
        let ends = bytes
            .windows(FRAME_END.len())
            .filter(|window| *window == FRAME_END)
            .count();
        let mut seen = lock(seen);
        seen.bytes += len as u64;
        seen.frames += ends as u64;
        if seen.full_screen_at.is_none() {
            parser.process(bytes);
            if parser.screen().contents().contains(FOOTER_END) {
                seen.full_screen_at = Some(now);
                changed.notify_all();
            }
        }
    }
    lock(seen).ended = true;
    changed.notify_all();
}
