//! The terminal, borrowed and always given back: raw mode, alternate screen, mouse, bracketed paste and a synchronized update that was open.
//!
//! Whatever ends the program ends here: a return, an error, a signal, or a panic in any thread, which also leaves a report.

use std::io::{self, Stdout, Write};
use std::panic::PanicHookInfo;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

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
use ratatui::layout::Size;

/// Whether this program has the terminal now. The panic hook must know, and a hook knows only statics.
static BORROWED: AtomicBool = AtomicBool::new(false);

/// The borrowed terminal. Dropping it gives it back.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal over.
    pub fn enter(mouse: bool) -> io::Result<Self> {
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
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        std::mem::forget(guard);
        Ok(Self { terminal })
    }

    /// Whether the mouse is reported to the program instead of selecting text.
    pub fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        if on {
            execute!(io::stdout(), EnableMouseCapture)
        } else {
            execute!(io::stdout(), DisableMouseCapture)
        }
    }

    /// Draws one frame inside a synchronized update, so that a terminal never shows half of it.
    pub fn draw(&mut self, render: impl FnOnce(&mut ratatui::Frame)) -> io::Result<()> {
        queue!(io::stdout(), BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(render).map(drop);
        execute!(io::stdout(), EndSynchronizedUpdate)?;
        drawn
    }

    /// Forgets what the terminal is believed to show: the next frame is drawn whole.
    pub fn repaint(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }

    pub fn size(&self) -> io::Result<Size> {
        self.terminal.size()
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
        let mut out = io::stdout();
        let _ = execute!(
            out,
            EndSynchronizedUpdate,
            DisableMouseCapture,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            Show
        );
        let _ = terminal::disable_raw_mode();
        let _ = out.flush();
    }
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
