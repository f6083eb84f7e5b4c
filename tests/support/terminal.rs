//! The dashboard in a pseudo-terminal: keys in, screen and bytes out.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use tempfile::TempDir;
use vt100::{MouseProtocolMode, Parser, Screen};

use super::{PATIENCE, PROGRAM, environment, folder};

/// Lines of scrollback that the emulator keeps.
const SCROLLBACK: usize = 100;

/// Keys that are no characters, as xterm sends them.
pub mod keys {
    pub const ENTER: &str = "\r";
    pub const ESC: &str = "\x1b";
    pub const TAB: &str = "\t";
    pub const BACK_TAB: &str = "\x1b[Z";
    pub const CTRL_C: &str = "\x03";
    pub const BACKSPACE: &str = "\x7f";
    pub const UP: &str = "\x1b[A";
    pub const DOWN: &str = "\x1b[B";
    pub const RIGHT: &str = "\x1b[C";
    pub const LEFT: &str = "\x1b[D";
    pub const HOME: &str = "\x1b[H";
    pub const PAGE_DOWN: &str = "\x1b[6~";
    pub const F1: &str = "\x1bOP";
    pub const F2: &str = "\x1bOQ";
    pub const F3: &str = "\x1bOR";
    pub const F4: &str = "\x1bOS";
    pub const F5: &str = "\x1b[15~";
    pub const CTRL_A: &str = "\x01";
    pub const DELETE: &str = "\x1b[3~";
}

/// The modes of a terminal's line discipline: input, output, control and local flags, and the control characters.
type Modes = ([u64; 4], Vec<u8>);

/// A running program and the terminal it runs in. Dropping it ends the program.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    /// Kept open as a shell keeps it, so that the modes outlive the program.
    slave: Option<Box<dyn SlavePty + Send>>,
    keyboard: Box<dyn Write + Send>,
    program: Program,
    output: Receiver<Vec<u8>>,
    emulator: Parser,
    bytes: Vec<u8>,
    /// The modes before the program started.
    modes: Modes,
}

/// Starts the dashboard with an echo server at a free port.
pub fn dashboard(size: (u16, u16), arguments: &[&str]) -> Terminal {
    let mut all = vec![
        "--web-listen",
        "127.0.0.1:0",
        "--listen",
        "127.0.0.1:0",
        "--seed",
        "42",
    ];
    all.extend(arguments);
    Terminal::start(size, &all, &[])
}

/// The number that stands behind a label in a panel.
pub fn figure(screen: &Screen, label: &str) -> Option<u64> {
    screen.rows(0, screen.size().1).find_map(|row| {
        let (_, after) = row.split_once(&format!("│ {label} "))?;
        after.split_whitespace().next()?.parse().ok()
    })
}

/// The rows of a screen.
pub fn rows(screen: &Screen) -> impl Iterator<Item = String> + '_ {
    screen.rows(0, screen.size().1)
}

impl Terminal {
    /// Starts the program with `arguments` and more variables in a terminal of (columns, rows). Its mail server is at free ports.
    pub fn start(size: (u16, u16), arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let home = folder();
        let pair = native_pty_system()
            .openpty(pty_size(size))
            .expect("pseudo-terminals can be opened");
        let modes = modes(&*pair.master);
        let mut command = CommandBuilder::new(PROGRAM);
        command.args(arguments);
        command.env_clear();
        for (name, value) in environment(home.path()) {
            command.env(name, value);
        }
        let state = folder();
        command.env("SOCKSCOPE_STATE", state.path());
        for name in ["SOCKSCOPE_MAIL_LISTEN", "SOCKSCOPE_MAIL_TLS_LISTEN"] {
            command.env(name, "127.0.0.1:0");
        }
        for (name, value) in variables {
            command.env(name, OsStr::new(value));
        }
        command.cwd(home.path());
        let child = pair
            .slave
            .spawn_command(command)
            .expect("the program starts");
        let mut reader = pair
            .master
            .try_clone_reader()
            .expect("the terminal can be read");
        let (sender, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            keyboard: pair
                .master
                .take_writer()
                .expect("the terminal can be typed into"),
            master: pair.master,
            slave: Some(pair.slave),
            program: Program {
                child,
                home,
                _state: state,
            },
            output,
            emulator: Parser::new(size.1, size.0, SCROLLBACK),
            bytes: Vec::new(),
            modes,
        }
    }

    /// Types keys.
    pub fn keys(&mut self, keys: &str) {
        self.keyboard
            .write_all(keys.as_bytes())
            .and_then(|()| self.keyboard.flush())
            .expect("the terminal takes keys");
    }

    /// Whether what is typed is echoed.
    pub fn shows_typing(&self) -> bool {
        modes(&*self.master).0[3] & ECHO != 0
    }

    /// Gives the terminal another size in (columns, rows).
    pub fn resize(&mut self, size: (u16, u16)) {
        self.read_what_is_there();
        // The emulator does not survive a line wrapped on a screen of one row.
        let (columns, rows) = (size.0.max(2), size.1.max(2));
        self.emulator.screen_mut().set_size(rows, columns);
        self.master
            .resize(pty_size(size))
            .expect("the terminal can be resized");
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        let pid = self.program.child.process_id().expect("the program runs");
        let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
        nix::sys::signal::kill(pid, signal).expect("the program runs");
    }

    /// Reads until the screen fulfils `condition`, which is named for the failure. A frame of which only a part has come is not looked at.
    pub fn wait_for(&mut self, what: &str, mut condition: impl FnMut(&Screen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while last_setting(&self.bytes, SYNCHRONIZED_UPDATE) == Some(true)
            || !condition(self.emulator.screen())
        {
            if !self.read_until(deadline) {
                panic!("waited in vain for {what}; the screen:\n{}", self.text());
            }
        }
    }

    /// Reads until the screen has all these texts.
    pub fn wait_for_text(&mut self, texts: &[&str]) {
        self.wait_for(&format!("{texts:?}"), |screen| {
            let shown = screen.contents();
            texts.iter().all(|text| shown.contains(text))
        });
    }

    /// Types keys and reads until the screen has a text.
    pub fn keys_then(&mut self, keys: &str, text: &str) {
        self.keys(keys);
        self.wait_for_text(&[text]);
    }

    /// Types keys and reads until the screen no longer has a text.
    pub fn keys_then_not(&mut self, keys: &str, text: &str) {
        self.keys(keys);
        self.wait_for(&format!("{text:?} to go away"), |screen| {
            !screen.contents().contains(text)
        });
    }

    /// Waits for a row that has all these texts.
    pub fn wait_for_row(&mut self, texts: &[&str]) {
        self.wait_for(&format!("a row with {texts:?}"), |screen| {
            rows(screen).any(|row| texts.iter().all(|text| row.contains(text)))
        });
    }

    /// The rows of the screen.
    pub fn rows(&self) -> Vec<String> {
        rows(self.emulator.screen()).collect()
    }

    /// What the screen shows now.
    pub fn text(&self) -> String {
        self.emulator.screen().contents()
    }

    pub fn screen(&self) -> &Screen {
        self.emulator.screen()
    }

    /// Every byte that came out so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether nothing comes out for as long as this.
    pub fn is_quiet_for(&mut self, time: Duration) -> bool {
        self.read_what_is_there();
        !self.read_until(Instant::now() + time)
    }

    /// Reads until more bytes than this have come out, and the frame is complete.
    pub fn read_more_than(&mut self, length: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.bytes.len() <= length
            || last_setting(&self.bytes, SYNCHRONIZED_UPDATE) == Some(true)
        {
            assert!(self.read_until(deadline), "nothing more came");
        }
    }

    fn read_what_is_there(&mut self) {
        while let Ok(bytes) = self.output.try_recv() {
            self.take(&bytes);
        }
    }

    /// Reads once; `false` if nothing came until the deadline.
    fn read_until(&mut self, deadline: Instant) -> bool {
        let time = deadline.saturating_duration_since(Instant::now());
        match self.output.recv_timeout(time) {
            Ok(bytes) => {
                self.take(&bytes);
                true
            }
            Err(_) => false,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.emulator.process(bytes);
        self.bytes.extend_from_slice(bytes);
    }

    /// Waits until the program has ended.
    pub fn finish(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        let code = loop {
            if let Some(code) = self.program.exit_code() {
                break code;
            }
            if Instant::now() > deadline {
                panic!("it did not end; the screen:\n{}", self.text());
            }
            self.read_until(Instant::now() + LOOK);
        };
        let modes_after = modes(&*self.master);
        // With the last writer gone, what was written can be read to the end.
        drop(self.slave.take());
        loop {
            match self.output.recv_timeout(PATIENCE) {
                Ok(bytes) => self.take(&bytes),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the terminal did not close"),
            }
        }
        Ended {
            code,
            modes: (self.modes, modes_after),
            screen: self.emulator.screen().clone(),
            bytes: self.bytes,
            program: self.program,
        }
    }

    /// Closes the terminal as closing its window does. It is gone once the program has written for the last time.
    pub fn close(self) -> Program {
        self.program
    }
}

/// Of the local flags: what is typed comes out again.
const ECHO: u64 = 0o10;

/// How long to read before looking whether the program has ended.
const LOOK: Duration = Duration::from_millis(10);

/// The program in the terminal. Dropping it kills it.
pub struct Program {
    child: Box<dyn Child + Send + Sync>,
    pub home: TempDir,
    /// Where it keeps its files, unless a variable says otherwise.
    _state: TempDir,
}

impl Program {
    fn exit_code(&mut self) -> Option<u32> {
        self.child
            .try_wait()
            .expect("the program can be waited for")
            .map(|status| status.exit_code())
    }

    /// Waits for the end without a terminal to read from.
    pub fn finish(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(code) = self.exit_code() {
                return code;
            }
            assert!(Instant::now() < deadline, "it did not end");
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails for a program that has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program left behind in its terminal.
pub struct Ended {
    pub code: u32,
    modes: (Modes, Modes),
    screen: Screen,
    bytes: Vec<u8>,
    program: Program,
}

impl Ended {
    /// The home in which it ran.
    pub fn home(&self) -> &Path {
        self.program.home.path()
    }

    /// What the terminal shows now.
    pub fn text(&self) -> String {
        self.screen.contents()
    }

    /// Fails unless lines are typed and shown as they were before.
    pub fn assert_lines_given_back(&self) {
        assert_eq!(self.modes.0, self.modes.1, "the line discipline");
    }

    /// Fails unless the terminal is as it was before, its cursor visible, and nothing is reported or held back any more.
    pub fn assert_given_back(&self) {
        self.assert_lines_given_back();
        assert!(!self.screen.alternate_screen(), "the main screen is back");
        assert!(!self.screen.hide_cursor(), "the cursor is visible");
        assert!(!self.screen.bracketed_paste(), "pastes are not bracketed");
        assert_eq!(self.screen.mouse_protocol_mode(), MouseProtocolMode::None);
        // Private modes of xterm: alternate screen, mouse in all its ways, bracketed paste, synchronized update.
        for mode in [
            1049,
            1000,
            1002,
            1003,
            1006,
            1015,
            2004,
            SYNCHRONIZED_UPDATE,
        ] {
            assert_ne!(last_setting(&self.bytes, mode), Some(true), "mode {mode}");
        }
        assert_eq!(last_setting(&self.bytes, 25), Some(true), "the cursor");
    }
}

/// The private mode in which a terminal holds back what it gets until a frame is complete.
const SYNCHRONIZED_UPDATE: u16 = 2026;

/// Whether a private mode was last set or reset.
fn last_setting(bytes: &[u8], mode: u16) -> Option<bool> {
    let last = |end: char| {
        let sequence = format!("\x1b[?{mode}{end}");
        bytes
            .windows(sequence.len())
            .rposition(|window| window == sequence.as_bytes())
    };
    match (last('h'), last('l')) {
        (None, None) => None,
        (set, reset) => Some(set > reset),
    }
}

fn pty_size((cols, rows): (u16, u16)) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn modes(master: &(dyn MasterPty + Send)) -> Modes {
    let modes = master.get_termios().expect("a terminal has modes");
    let bits = [
        u64::from(modes.input_flags.bits()),
        u64::from(modes.output_flags.bits()),
        u64::from(modes.control_flags.bits()),
        u64::from(modes.local_flags.bits()),
    ];
    (bits, modes.control_chars.to_vec())
}
