//! The dashboard as it is released, in a pseudo-terminal with a keyboard.
//!
//! A thread takes what is drawn and notes when; nothing is understood of it until a key's answer is looked for, for a second terminal emulator would
//! compete with what is measured.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::peers::{SOCKSCOPE, Site, free_address, wait_for};
use super::support::report::Outcome;

const COLUMNS: u16 = 120;
const ROWS: u16 = 36;
/// How long a screen may take to appear before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running dashboard with its web server.
pub struct Dashboard {
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    drawn: Receiver<(Instant, Vec<u8>)>,
    emulator: vt100::Parser,
    /// Where its web server listens.
    pub web: SocketAddr,
}

impl Dashboard {
    /// Starts it with the Web tab in front.
    pub fn start(site: &Site) -> Outcome<Self> {
        let web = free_address()?;
        let pty = native_pty_system().openpty(PtySize {
            rows: ROWS,
            cols: COLUMNS,
            pixel_width: 0,
            pixel_height: 0,
        })?;
        let mut command = CommandBuilder::new(SOCKSCOPE);
        command.args(["--listen", "127.0.0.1:0", "--lang", "en"]);
        command.args(["--web-listen", &web.to_string(), "--web-folder"]);
        command.arg(site.files());
        command.env("TERM", "xterm-256color");
        let child = pty.slave.spawn_command(command)?;
        drop(pty.slave);
        let mut reader = pty.master.try_clone_reader()?;
        let (sender, drawn) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                if sender
                    .send((Instant::now(), buffer[..length].to_vec()))
                    .is_err()
                {
                    break;
                }
            }
        });
        let mut dashboard = Self {
            child,
            keyboard: pty.master.take_writer()?,
            _master: pty.master,
            drawn,
            emulator: vt100::Parser::new(ROWS, COLUMNS, 0),
            web,
        };
        dashboard.shows(|screen| screen.contains("? help"))?;
        dashboard.press("2", |screen| screen.contains("Requests"))?;
        wait_for(web)?;
        Ok(dashboard)
    }

    /// Types keys and says how long it took until the screen was as awaited.
    pub fn press(&mut self, keys: &str, awaited: impl Fn(&str) -> bool) -> Outcome<Duration> {
        let pressed = Instant::now();
        self.keyboard.write_all(keys.as_bytes())?;
        self.keyboard.flush()?;
        Ok(self.shows(awaited)? - pressed)
    }

    /// When the screen was as awaited.
    fn shows(&mut self, awaited: impl Fn(&str) -> bool) -> Outcome<Instant> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (at, bytes) = self.drawn.recv_timeout(left).map_err(|_| {
                format!(
                    "the screen did not come:\n{}",
                    self.emulator.screen().contents()
                )
            })?;
            self.emulator.process(&bytes);
            if awaited(&self.emulator.screen().contents()) {
                return Ok(at);
            }
        }
    }

    /// What the screen shows, once all is read that has been drawn.
    pub fn text(&mut self) -> String {
        for (_, bytes) in self.drawn.try_iter() {
            self.emulator.process(&bytes);
        }
        self.emulator.screen().contents()
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
