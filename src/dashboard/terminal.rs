//! The terminal, borrowed and always given back: raw mode, alternate screen, mouse, bracketed paste and a synchronized update that was open.
//!
//! Whatever ends the program ends here: a return, an error, a signal, or a panic in any thread, which also leaves a report.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::mem::ManuallyDrop;
use std::panic::PanicHookInfo;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
};
use crossterm::{execute, queue, terminal};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Position;

use super::links;

/// Whether this program has the terminal now. The panic hook must know, and a hook knows only statics.
static BORROWED: AtomicBool = AtomicBool::new(false);

/// More than most frames take: a frame goes out in one or two writes, and a terminal is woken as often.
const FRAME_BYTES: usize = 16_384;

/// The borrowed terminal. Dropping it gives it back.
pub struct Screen {
    /// Never dropped: it would show the cursor, which [`give_back`] does, and panic where there is no terminal left to show it on.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<BufWriter<Stdout>>>>,
    /// The terminal no longer shows what was drawn last.
    stale: bool,
    shows_links: bool,
}

impl Screen {
    /// Takes the terminal over.
    pub fn enter(mouse: bool) -> io::Result<Self> {
        // Keys would still come from the terminal, and the screens would go into a file.
        if !io::stdout().is_terminal() {
            return Err(io::Error::other("standard output is not a terminal"));
        }
        terminal::enable_raw_mode()?;
        BORROWED.store(true, Ordering::SeqCst);
        // From here on an error gives back what was taken.
        let guard = GiveBack;
        execute!(
            io::stdout(),
            EnterAlternateScreen,
            EnableBracketedPaste,
            Hide
        )?;
        if mouse {
            execute!(io::stdout(), EnableMouseCapture)?;
        }
        let terminal = Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(
            FRAME_BYTES,
            io::stdout(),
        )))?;
        std::mem::forget(guard);
        Ok(Self {
            terminal: ManuallyDrop::new(terminal),
            stale: false,
            shows_links: links::are_understood(std::env::var("TERM").ok().as_deref()),
        })
    }

    /// Whether the mouse is reported to the program instead of selecting text.
    pub fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        if on {
            execute!(io::stdout(), EnableMouseCapture)
        } else {
            execute!(io::stdout(), DisableMouseCapture)
        }
    }

    /// Whether text can be made clickable.
    pub fn shows_links(&self) -> bool {
        self.shows_links
    }

    /// Puts a text into the clipboard of the terminal, which may be on another machine (OSC 52). A terminal that does not know how, ignores it.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))
    }

    /// Draws one frame inside a synchronized update, so that a terminal never shows half of it.
    pub fn draw(&mut self, render: impl FnOnce(&mut ratatui::Frame)) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        let drawn = self.draw_frame(render);
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        drawn
    }

    fn draw_frame(&mut self, render: impl FnOnce(&mut ratatui::Frame)) -> io::Result<()> {
        if std::mem::take(&mut self.stale) {
            let size = self.terminal.size()?;
            self.terminal.resize((Position::ORIGIN, size).into())?;
        }
        self.terminal.draw(render).map(drop)
    }

    /// Has the next frame drawn whole. A terminal that was made smaller and larger again has lost what it showed, though its size is the same.
    pub fn repaint(&mut self) {
        self.stale = true;
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

struct GiveBack;

impl Drop for GiveBack {
    fn drop(&mut self) {
        give_back();
    }
}

/// Undoes everything [`Screen::enter`] did, as far as it can: a terminal that is gone can't be helped, and one step that fails must not keep
/// the others from being tried.
fn give_back() {
    if BORROWED.swap(false, Ordering::SeqCst) {
        // First what needs no output: that may be stuck.
        let _ = terminal::disable_raw_mode();
        let mut out = io::stdout();
        let _ = execute!(
            out,
            EndSynchronizedUpdate,
            DisableMouseCapture,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            Show
        );
        let _ = out.flush();
    }
}

/// Ends the program from another thread while the dashboard's own is stuck: in a write to a terminal that takes nothing, or in a read from one that is
/// gone. Gives the terminal back as far as that can be done in half a second.
pub fn abandon() -> ! {
    const PATIENCE: Duration = Duration::from_millis(500);
    let (done, finished) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        give_back();
        // Whoever waited may have lost patience.
        let _ = done.send(());
    });
    let _ = finished.recv_timeout(PATIENCE);
    std::process::exit(1)
}

/// Makes a panic in any thread give the terminal back, leave a report and end the program: a lab that died half-way must not go on looking
/// alive, and a screen that is drawn over a given-back terminal is worse than none.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let in_dashboard = BORROWED.load(Ordering::SeqCst);
        give_back();
        let report = report_of(panic);
        let mut err = io::stderr();
        let _ = writeln!(err, "{report}");
        match save_report(&report) {
            Ok(path) => {
                let _ = writeln!(err, "sockscope: the report is in {}", path.display());
            }
            Err(error) => {
                let _ = writeln!(err, "sockscope: the report could not be saved: {error}");
            }
        }
        if in_dashboard {
            std::process::exit(101);
        }
    }));
}

fn report_of(panic: &PanicHookInfo) -> String {
    let thread = std::thread::current();
    format!(
        "sockscope {} stopped because of a mistake of its own in thread '{}': {panic}\n{}",
        env!("CARGO_PKG_VERSION"),
        thread.name().unwrap_or("unnamed"),
        std::backtrace::Backtrace::capture()
    )
}

fn save_report(report: &str) -> io::Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("sockscope-panic-{}.txt", std::process::id()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    file.write_all(report.as_bytes())?;
    Ok(path)
}

/// For the tests of the real program: panics where `FORCE_PANIC` says, on the dashboard's thread (`dashboard`) or on another (`thread`). Not part of
/// a release.
#[cfg(debug_assertions)]
pub fn panic_if_asked() {
    match std::env::var("FORCE_PANIC").as_deref() {
        Ok("dashboard") => panic!("asked for by FORCE_PANIC"),
        Ok("thread") => {
            let thread = std::thread::spawn(|| panic!("asked for by FORCE_PANIC"));
            // The hook ends the program before this returns.
            let _ = thread.join();
        }
        _ => {}
    }
}
