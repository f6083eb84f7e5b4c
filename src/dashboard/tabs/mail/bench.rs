//! What the tests of the panels have in common: something to draw with, and dialogues that nobody had.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::dialogue::Dialogue;
use super::model::MailModel;
use crate::dashboard::app::Look;
use crate::dashboard::tabs::panel::Scene;
use crate::dashboard::theme::{Signs, Theme};
use crate::dashboard::widgets::Glyphs;
use crate::proto::message::{Mailbox, Outline};
use crate::proto::secret::Line;
use crate::proto::smtp::address::Address;
use crate::proto::smtp::code::Code;
use crate::proto::smtp::plan::Plan;
use crate::proto::smtp::reply::Reply;
use crate::proto::smtp::server::EndOfData;
use crate::proto::smtp::stage::Stage;
use crate::settings::ThemeName;
use crate::trace::clock::Clock;
use crate::trace::mail::{Fit, MailEvent, SendingEvent, Speech, Spoken};
use crate::words::{Lang, Words};

pub const SIZES: [(u16, u16); 8] = [
    (80, 24),
    (120, 36),
    (200, 50),
    (60, 18),
    (300, 100),
    (10, 3),
    (1, 1),
    (0, 0),
];

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub fn look(lang: Lang, glyphs: Glyphs) -> Look {
    Look {
        words: Words(lang),
        theme: Theme::new(ThemeName::Dark, false),
        glyphs,
        signs: Signs(glyphs),
    }
}

/// What is drawn into so many columns and rows, as text.
pub fn drawn_with(
    look: &Look,
    (width, height): (u16, u16),
    draw: impl FnOnce(&Scene, Rect, &mut Buffer),
) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let clock = Clock::new(Instant::now(), SystemTime::UNIX_EPOCH);
    let scene = Scene {
        look,
        clock: &clock,
        now: Duration::ZERO,
        zoomed: false,
    };
    draw(&scene, buffer.area, &mut buffer);
    let row = |y| {
        let row: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        format!("{}\n", row.trim_end())
    };
    (0..height).map(row).collect()
}

/// The same in English.
pub fn drawn(size: (u16, u16), draw: impl FnOnce(&Scene, Rect, &mut Buffer)) -> String {
    drawn_with(&look(Lang::En, Glyphs::Unicode), size, draw)
}

/// Draws in every size, language and glyph set: nothing may break, and nothing of a screen may be left in ASCII that is not.
pub fn drawn_everywhere(mut draw: impl FnMut(&Scene, Rect, &mut Buffer)) {
    for size in SIZES {
        for lang in Lang::ALL {
            drawn_with(&look(lang, Glyphs::Unicode), size, &mut draw);
        }
        let ascii = drawn_with(&look(Lang::En, Glyphs::Ascii), size, &mut draw);
        let odd = ascii.chars().find(|c| ('\u{2500}'..'\u{2c00}').contains(c));
        assert_eq!(odd, None, "{ascii}");
    }
}

pub fn model() -> MailModel {
    MailModel::new(Vec::new(), EndOfData::Strict)
}

pub fn address(text: &str) -> Address {
    Address::parse(text).expect("a literal address")
}

pub fn plan() -> Plan {
    let mailbox = |text: &str| Mailbox {
        name: None,
        address: address(text),
    };
    let to = vec![mailbox("teacher@example.com")];
    let message = Outline::new(mailbox("student@example.com"), to);
    Plan::plain("localhost".to_owned(), 2525, message)
}

pub fn command(at: Duration, stage: Stage, text: &str) -> Spoken {
    said(at, stage, Speech::Command(Line::open(text.as_bytes())))
}

/// A line of AUTH with a secret in it, and what is shown of it.
pub fn secret(at: Duration, shown: &str, line: &str) -> Spoken {
    let line = Line::masked(shown.as_bytes(), line.as_bytes());
    said(at, Stage::Auth, Speech::Command(line))
}

pub fn reply(at: Duration, stage: Stage, code: u16, lines: &[&str]) -> Spoken {
    let raw: String = lines
        .iter()
        .map(|line| format!("{code} {line}\r\n"))
        .collect();
    let reply = Reply {
        code: Code(code),
        enhanced: None,
        lines: lines.iter().map(|line| line.as_bytes().into()).collect(),
        raw: raw.into_bytes().into(),
        odd: Vec::new(),
    };
    said(
        at,
        stage,
        Speech::Reply {
            reply: Arc::new(reply),
            latency: None,
            fit: Fit::Expected,
        },
    )
}

pub fn content(at: Duration, text: &str) -> Spoken {
    said(
        at,
        Stage::Dot,
        Speech::Content {
            bytes: text.len() as u64,
            stuffed: 0,
            excerpt: text.as_bytes().into(),
        },
    )
}

pub fn said(at: Duration, stage: Stage, what: Speech) -> Spoken {
    Spoken {
        at,
        stage,
        encrypted: false,
        what,
    }
}

pub fn encrypted(spoken: Spoken) -> Spoken {
    Spoken {
        encrypted: true,
        ..spoken
    }
}

/// A sending from this port to the lab's server.
pub fn begin_sending(model: &mut MailModel, id: u64, port: u16, at: Duration) {
    let mut dialogue = Dialogue::new(id, &plan());
    dialogue.take(SendingEvent::Connecting {
        at,
        host: "localhost".to_owned(),
        port: 2525,
        attempt: 1,
    });
    dialogue.take(SendingEvent::Connected {
        at,
        local: SocketAddr::from(([127, 0, 0, 1], port)),
        server: SocketAddr::from(([127, 0, 0, 1], 2525)),
    });
    model.sendings.push_back(dialogue);
}

/// A session of the lab's server with a client at this port.
pub fn open_session(model: &mut MailModel, session: u64, port: u16, at: Duration) {
    model.take(MailEvent::Opened {
        session,
        client: SocketAddr::from(([127, 0, 0, 1], port)),
        at,
        encrypted: false,
    });
}
