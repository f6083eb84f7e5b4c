//! How the Ping tab is laid out, and what stands around its panels: titles, status, help.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Constraint::{Fill, Length};
use ratatui::layout::{Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::model::{ServerState, Target, TargetState};
use super::{LowerView, Panel, PingTab, charts, detail, lists, panels};
use crate::dashboard::app::{App, Look};
use crate::dashboard::keys::Context;
use crate::dashboard::tabs::panel::Scene;
use crate::proto::ping::Outcome;
use crate::words::phrases;

/// The sections of keys on the help page of this tab.
pub const HELP_SECTIONS: &[(Context, &str)] = &[
    (Context::PingTab, "help.ping_keys"),
    (Context::Chart, "help.chart_keys"),
    (Context::List, "help.list_keys"),
    (Context::Link, "help.link_keys"),
    (Context::Failed, "help.failed_keys"),
];

/// Columns of the panels at the right.
const SIDE: u16 = 26;
/// From this width on the side column and the lower row show more panels at once.
const WIDE: u16 = 150;

/// Where each panel stands.
struct Places {
    rtt: Rect,
    loss: Rect,
    lower: Rect,
    link: Rect,
    counts: Rect,
    /// On wide screens: clients and both histograms, always shown.
    extra: Option<[Rect; 3]>,
}

fn places(body: Rect) -> Places {
    let wide = body.width >= WIDE;
    let extra_width = if wide { 44.min(body.width / 4) } else { 0 };
    let [main, side, extra] = body.layout(&Layout::horizontal([
        Fill(1),
        Length(SIDE),
        Length(extra_width),
    ]));
    let rtt = (main.height * 2 / 5).max(7);
    let loss = (main.height / 4).max(6);
    let [rtt, loss, lower] = main.layout(&Layout::vertical([Length(rtt), Length(loss), Fill(1)]));
    let [link, counts] = side.layout(&Layout::vertical([
        Length(panels::LINK_ROWS.min(side.height * 3 / 5)),
        Fill(1),
    ]));
    let extra = wide.then(|| extra.layout(&Layout::vertical([Fill(1), Fill(1), Fill(1)])));
    Places {
        rtt,
        loss,
        lower,
        link,
        counts,
        extra,
    }
}

impl PingTab {
    /// Whether the histogram of RTTs is somewhere on a screen of that size.
    pub fn shows_rtt_bars(&self, screen: Rect) -> bool {
        self.lower == LowerView::RttHistogram || screen.width >= WIDE
    }
}

/// The panel under a place on the screen.
pub fn panel_at(body: Rect, zoomed: bool, tab: &PingTab, column: u16, row: u16) -> Option<Panel> {
    if zoomed {
        return Some(tab.panel);
    }
    let places = places(body);
    let at = |rect: Rect| rect.contains((column, row).into());
    let all = [
        (places.rtt, Panel::Rtt),
        (places.loss, Panel::Loss),
        (places.lower, Panel::Lower),
        (places.link, Panel::Link),
        (places.counts, Panel::Counts),
    ];
    all.into_iter()
        .find(|(rect, _)| at(*rect))
        .map(|(_, panel)| panel)
}

/// Draws the tab.
pub fn render(app: &mut App, look: &Look, body: Rect, buffer: &mut Buffer) {
    let clock = app.clock;
    let tab = &mut app.ping;
    let scene = Scene {
        look,
        clock: &clock,
        now: tab.view_time(),
        zoomed: app.zoomed,
    };
    let places = places(body);
    let panels = if app.zoomed {
        vec![(tab.panel, body)]
    } else {
        vec![
            (Panel::Rtt, places.rtt),
            (Panel::Loss, places.loss),
            (Panel::Lower, places.lower),
            (Panel::Link, places.link),
            (Panel::Counts, places.counts),
        ]
    };
    let is_chart = |(panel, _): &&(Panel, Rect)| matches!(panel, Panel::Rtt | Panel::Loss);
    let chart = panels.iter().find(is_chart);
    let timeline = chart.map(|(_, area)| charts::Timeline::new(tab, &scene, area.width));
    for (panel, area) in panels {
        draw_panel(tab, panel, timeline.as_ref(), &scene, area, buffer);
    }
    if let Some(extra) = places.extra.filter(|_| !app.zoomed) {
        for (view, area) in [LowerView::Clients, LowerView::RttHistogram, LowerView::Runs]
            .into_iter()
            .zip(extra)
        {
            lists::draw_view(tab, view, false, &scene, area, buffer);
        }
    }
    if let Some(seq) = tab.detail {
        detail::draw(tab, seq, &scene, body, buffer);
    }
}

fn draw_panel(
    tab: &mut PingTab,
    panel: Panel,
    timeline: Option<&charts::Timeline>,
    scene: &Scene,
    area: Rect,
    buffer: &mut Buffer,
) {
    let focused = tab.panel == panel;
    match panel {
        Panel::Rtt | Panel::Loss => {
            let draw = if panel == Panel::Rtt {
                charts::draw_rtt
            } else {
                charts::draw_loss
            };
            if let Some(timeline) = timeline {
                draw(tab, timeline, focused, scene, area, buffer);
            }
        }
        Panel::Lower => lists::draw_view(tab, tab.lower, focused, scene, area, buffer),
        Panel::Link => panels::draw_link(tab, focused, scene, area, buffer),
        Panel::Counts => panels::draw_counts(tab, focused, scene, area, buffer),
    }
}

/// What is running where, for the bar at the top.
pub fn status_line(app: &App, look: &Look) -> Line<'static> {
    let (server, target) = app.ping.status();
    let theme = &look.theme;
    let mut spans = Vec::new();
    let server = match server {
        ServerState::Listening(address) if address.ip().is_loopback() => Some((
            look.signs.running(),
            theme.good,
            look.words.fill("status.echo", &[("port", &address.port())]),
        )),
        ServerState::Listening(address) => Some((
            look.signs.warning(),
            theme.bad,
            look.words.fill("status.echo_open", &[("address", address)]),
        )),
        ServerState::Starting => Some((
            look.signs.stopped(),
            theme.dim,
            look.words.t("status.echo_starting").into_owned(),
        )),
        ServerState::Untold => None,
        ServerState::CannotStart(_) | ServerState::Failed(_) => Some((
            look.signs.warning(),
            theme.bad,
            look.words.t("status.echo_failed").into_owned(),
        )),
    };
    if let Some((sign, style, text)) = server {
        spans.push(Span::styled(format!("{sign} {text}"), style));
    }
    if let Some((target, count)) = target {
        let (sign, style, key) = target_status(target, look);
        let name = match target.address {
            // Where there is little room, a port says enough of a server on this machine.
            Some(address) if app.area.width < 100 && address.ip().is_loopback() => {
                format!(":{}", address.port())
            }
            _ => target.target.to_string(),
        };
        let text = look.words.fill(key, &[("target", &name)]);
        let gap = if spans.is_empty() { "" } else { "  " };
        spans.push(Span::styled(format!("{gap}{sign} {text}"), style));
        if count > 1 {
            spans.push(Span::styled(format!(" +{}", count - 1), theme.dim));
        }
    }
    Line::from(spans)
}

fn target_status(target: &Target, look: &Look) -> (char, Style, &'static str) {
    let theme = &look.theme;
    match target.state {
        TargetState::Starting => (look.signs.stopped(), theme.dim, "status.starting"),
        TargetState::Running => (look.signs.running(), theme.good, "status.pinging"),
        TargetState::Finished => (look.signs.stopped(), theme.text, "status.finished"),
        TargetState::Stopped => (look.signs.stopped(), theme.dim, "status.stopped"),
        TargetState::Failed(_) => (look.signs.warning(), theme.bad, "status.failed"),
    }
}

/// What the signs, colours and numbers of this tab mean.
pub fn help(look: &Look, lines: &mut Vec<Line<'static>>) {
    let theme = &look.theme;
    let words = look.words;
    let heading = |key: &str| Line::styled(words.t(key).into_owned(), theme.accent);
    lines.push(heading("help.signs"));
    let outcomes = [
        (Outcome::Replied, "ping_outcome.replied"),
        (Outcome::Lost, "ping_outcome.lost"),
        (Outcome::Late, "ping_outcome.late"),
        (Outcome::Refused, "ping_outcome.refused"),
        (Outcome::InFlight, "ping_outcome.in_flight"),
    ];
    let mut sign = |sign: char, style, key: &str| {
        lines.push(Line::from(vec![
            Span::styled(format!("  {sign}  "), style),
            Span::raw(words.t(key).into_owned()),
        ]));
    };
    for (outcome, key) in outcomes {
        sign(look.signs.outcome(outcome), theme.outcome(outcome), key);
    }
    sign(look.signs.duplicate(), theme.odd, "help.duplicate");
    sign(look.signs.reordered(), theme.odd, "help.reordered");
    sign(look.signs.damaged(), theme.odd, "help.damaged");
    sign(look.glyphs.pick('▲', '^'), theme.text, "help.clipped");
    lines.push(Line::default());
    lines.push(heading("help.numbers"));
    for key in [
        "formula.loss",
        "formula.interval",
        "formula.lab",
        "formula.round_trip",
        "formula.jitter",
        "formula.ipdv",
        "formula.mdev",
        "formula.percentile",
        "formula.rto",
        "formula.burst_ratio",
        "formula.effective",
        "formula.kernel",
    ] {
        lines.push(Line::raw(format!("  {}", words.t(key))));
    }
}

/// The title of a time span: `30 s`, `5 min`, `3 h`.
pub fn span_text(span: Duration) -> String {
    match span.as_secs() {
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds if seconds < 7_200 => format!("{} min", seconds / 60),
        seconds if seconds < 172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// A share in a fixed width: ` 36.4 %`.
pub fn share(share: Option<f64>) -> String {
    phrases::percent_or_nothing(share)
}
