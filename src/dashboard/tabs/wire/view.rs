//! How the Wire tab is laid out, and its part of the help page.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Constraint::{Fill, Length};
use ratatui::layout::{Layout, Rect};
use ratatui::text::{Line, Span};

use super::ladder::{self, LadderView};
use super::row::RowId;
use super::{Panel, WireTab, list};
use crate::dashboard::app::{App, Look};
use crate::dashboard::keys::Context;
use crate::dashboard::tabs::panel::Scene;
use crate::proto::ping::Outcome;
use crate::trace::clock::Clock;

/// The sections of keys on the help page of this tab.
pub const HELP_SECTIONS: &[(Context, &str)] = &[
    (Context::WireTab, "help.wire_keys"),
    (Context::WireList, "help.wire_list_keys"),
    (Context::WireLadder, "help.wire_ladder_keys"),
    (Context::WireBytes, "help.wire_bytes_keys"),
];

/// From this width on the ladder stands beside the list, and the bytes below both.
const WIDE: u16 = 110;
/// Rows of the bytes below a wide list, with their border.
const BYTE_ROWS: u16 = 11;

/// The panels that are seen, with their places.
fn places(tab: &WireTab, body: Rect, zoomed: bool) -> Vec<(Panel, Rect)> {
    // Without a row there is nothing to tell but how to get one.
    if tab.log.len() == 0 {
        return vec![(Panel::List, body)];
    }
    if zoomed {
        return vec![(tab.panel, body)];
    }
    if body.width >= WIDE {
        let rows = BYTE_ROWS.min(body.height * 2 / 5);
        let [top, bytes] = body.layout(&Layout::vertical([Fill(1), Length(rows)]));
        let [list, ladder] = top.layout(&Layout::horizontal([Fill(1), Fill(1)]));
        return vec![
            (Panel::List, list),
            (Panel::Ladder, ladder),
            (Panel::Bytes, bytes),
        ];
    }
    let [list, below] = body.layout(&Layout::vertical([Fill(1), Fill(1)]));
    vec![(Panel::List, list), (tab.below, below)]
}

/// The panel under a place on the screen, and where it is.
pub fn panel_at(
    body: Rect,
    zoomed: bool,
    tab: &WireTab,
    column: u16,
    row: u16,
) -> Option<(Panel, Rect)> {
    places(tab, body, zoomed)
        .into_iter()
        .find(|(_, area)| area.contains((column, row).into()))
}

fn scene<'a>(app: &App, look: &'a Look, clock: &'a Clock) -> Scene<'a> {
    Scene {
        look,
        clock,
        now: app.wire.view_time(app.now),
        zoomed: app.zoomed,
    }
}

/// A click focuses the panel under it, and selects the row.
pub fn click(app: &mut App, body: Rect, column: u16, row: u16) {
    let (look, clock) = (app.look(), app.clock);
    let scene = scene(app, &look, &clock);
    app.wire.click(&scene, body, column, row);
}

/// Draws the tab.
pub fn render(app: &mut App, look: &Look, body: Rect, buffer: &mut Buffer) {
    let clock = app.clock;
    let scene = scene(app, look, &clock);
    let tab = &mut app.wire;
    let places = places(tab, body, app.zoomed);
    // The list first: it moves the selection off a row that is gone.
    for (panel, area) in places {
        let focused = tab.panel == panel;
        match panel {
            Panel::List => list::draw(tab, focused, &scene, area, buffer),
            Panel::Ladder => ladder::draw(&tab.ladder(), &scene, focused, area, buffer),
            Panel::Bytes => {
                let mut bytes = std::mem::take(&mut tab.bytes);
                bytes.set(tab.front());
                if let Some(row) = tab.front() {
                    bytes.draw(row, &scene, focused, area, buffer);
                }
                tab.bytes = bytes;
            }
        }
    }
}

/// What the signs and the words of this tab mean.
pub fn help(look: &Look, lines: &mut Vec<Line<'static>>) {
    let (theme, words) = (&look.theme, look.words);
    let mut sign = |sign: char, style, key: &str| {
        lines.push(Line::from(vec![
            Span::styled(format!("  {sign}  "), style),
            Span::raw(words.t(key).into_owned()),
        ]));
    };
    for (outcome, key) in [
        (Outcome::InFlight, "wire.help.in_flight"),
        (Outcome::Replied, "wire.help.arrived"),
        (Outcome::Late, "wire.help.late"),
        (Outcome::Lost, "wire.help.lost"),
        (Outcome::Refused, "wire.help.refused"),
    ] {
        sign(look.signs.outcome(outcome), theme.outcome(outcome), key);
    }
    sign(look.signs.duplicate(), theme.odd, "wire.help.duplicate");
    sign(look.signs.reordered(), theme.odd, "wire.help.reordered");
    sign(look.signs.damaged(), theme.odd, "wire.help.damaged");
    sign(look.signs.sent(), theme.text, "wire.help.sent");
    sign(look.signs.encrypted(), theme.band, "wire.help.encrypted");
    lines.push(Line::default());
    let title = words.t("wire.help.filter").into_owned();
    lines.push(Line::styled(title, theme.accent));
    for key in [
        "wire.help.filter_lab",
        "wire.help.filter_code",
        "wire.help.filter_verdict",
        "wire.help.filter_call",
        "wire.help.filter_other",
    ] {
        lines.push(Line::raw(format!("  {}", words.t(key))));
    }
    lines.push(Line::default());
}

impl WireTab {
    /// The row whose rung is at that line of the ladder's area.
    pub(super) fn rung_at(&self, scene: &Scene, area: Rect, line: u16) -> Option<RowId> {
        ladder::row_at(&self.ladder(), scene, area, line)
    }

    /// When a wait on the ladder has grown by a second, if somebody still waits.
    pub fn next_tick(&self, now: Duration) -> Option<Duration> {
        let grows = self.frozen_at.is_none() && self.ladder().is_waiting();
        grows.then(|| Duration::from_secs(now.as_secs() + 1))
    }

    /// The ladder of the flow in front.
    fn ladder(&self) -> LadderView {
        match self.ladder_rows() {
            Some((selected, rows)) => LadderView::of(rows, selected),
            None => LadderView::of(std::iter::empty(), RowId::MAX),
        }
    }
}
