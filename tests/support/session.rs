//! A session of the dashboard in which every lab has something to do.

use vt100::Screen;

use super::terminal::{Terminal, figure, keys};

/// What the panel of pings counted by the end.
#[derive(Debug, PartialEq, Eq)]
pub struct Pings {
    pub sent: u64,
    pub replied: u64,
    pub lost: u64,
    pub late: u64,
}

impl Pings {
    pub fn shown(screen: &Screen) -> Option<Self> {
        Some(Self {
            sent: figure(screen, "sent")?,
            replied: figure(screen, "replied")?,
            lost: figure(screen, "lost")?,
            late: figure(screen, "late")?,
        })
    }
}

/// The port of a lab's server as the status line says it.
pub fn port(terminal: &mut Terminal, lab: &str) -> u16 {
    let mut port = None;
    terminal.wait_for(&format!("the port of {lab}"), |screen| {
        let shown = screen.contents();
        let after = shown.split_once(&format!("● {lab} :"));
        port = after.and_then(|(_, after)| after.split_whitespace().next()?.parse::<u16>().ok());
        port.is_some()
    });
    port.expect("waited for")
}

/// A note that is taken in [`all_labs`].
pub const NOTE: &str = "that was everything";

/// Pings, sends one good GET and the sample mail, takes a note, and stops pinging. Gives the final figures of the pings, with the Ping tab in front.
pub fn all_labs(terminal: &mut Terminal) -> Pings {
    terminal.keys_then("1", "RTT  last ");
    terminal.wait_for("answered and lost pings", |screen| {
        figure(screen, "replied") >= Some(3) && figure(screen, "lost") >= Some(1)
    });
    terminal.keys_then("2", " Requests ");
    terminal.keys_then("g", "▸a good GET");
    terminal.keys_then(keys::F5, "every answer is complete");
    terminal.keys_then_not(keys::ESC, "▸a good GET");
    terminal.keys_then("3", " Dialogue ");
    terminal.keys_then(keys::F5, "● sent");
    terminal.keys_then("4", " Ladder ");
    terminal.keys("n");
    terminal.keys_then(NOTE, NOTE);
    terminal.keys(keys::ENTER);
    // It stands in the line of events.
    terminal.wait_for_text(&[NOTE]);
    terminal.keys_then("1", "RTT  last ");
    let noted = figure(terminal.screen(), "sent");
    terminal.wait_for("a ping after the note", |screen| {
        figure(screen, "sent") > noted
    });
    terminal.keys_then("S", "○ stopped");
    terminal.wait_for("the last replies and timeouts", |screen| {
        figure(screen, "in flight") == Some(0)
    });
    Pings::shown(terminal.screen()).expect("the panel is shown")
}
