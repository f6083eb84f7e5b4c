//! How the Web tab is laid out, and what stands around its panels: status, help.

use ratatui::buffer::Buffer;
use ratatui::layout::Constraint::{Fill, Length};
use ratatui::layout::{Layout, Rect};
use ratatui::text::{Line, Span};

use super::model::ServerState;
use super::{Panel, Popup, Under, WebTab, counters, detail, lanes, sender, server, table, urls};
use crate::dashboard::app::{App, Look};
use crate::dashboard::keys::Context;
use crate::dashboard::tabs::panel::Scene;
use crate::proto::http::service::Mode;
use crate::proto::http::status::Class;
use crate::trace::web::Phase;
use crate::words::phrases;

/// The sections of keys on the help page of this tab.
pub const HELP_SECTIONS: &[(Context, &str)] = &[
    (Context::WebTab, "help.web_keys"),
    (Context::WebLog, "help.web_log_keys"),
    (Context::WebLanes, "help.web_lanes_keys"),
    (Context::WebServer, "help.web_server_keys"),
    (Context::WebDetail, "help.web_detail_keys"),
    (Context::WebUrls, "help.web_urls_keys"),
    (Context::WebSender, "help.web_sender_keys"),
    (Context::Failed, "help.failed_keys"),
];

/// From this width on the lanes and the server stand beside the log.
const WIDE: u16 = 110;
/// Rows of the counters with their border.
const COUNTER_ROWS: u16 = 4;
/// Rows that the log keeps over the server, with its border.
const LOG_ROWS: u16 = 5;

/// The panels that are seen, with their places.
fn places(tab: &WebTab, body: Rect, zoomed: bool) -> Vec<(Panel, Rect)> {
    if zoomed {
        return vec![(tab.panel, body)];
    }
    let [counters, rest] = body.layout(&Layout::vertical([Length(COUNTER_ROWS), Fill(1)]));
    let mut places = vec![(Panel::Counters, counters)];
    if body.width >= WIDE {
        let side = (body.width * 9 / 25).min(84);
        let [log, side] = rest.layout(&Layout::horizontal([Fill(1), Length(side)]));
        let low = server::rows(tab, side.width).min(side.height / 2);
        let [lanes, server] = side.layout(&Layout::vertical([Fill(1), Length(low)]));
        places.extend([
            (Panel::Log, log),
            (Panel::Lanes, lanes),
            (Panel::Server, server),
        ]);
        return places;
    }
    let (panel, rows) = match tab.under {
        // A line of connections wants to be seen as far back as it goes.
        Under::Lanes if tab.shown().service.mode == Mode::OneAtATime => {
            (Panel::Lanes, rest.height / 2)
        }
        Under::Lanes => (Panel::Lanes, rest.height * 2 / 5),
        Under::Server => (
            Panel::Server,
            server::rows(tab, rest.width).min(rest.height.saturating_sub(LOG_ROWS)),
        ),
        Under::Nothing => (Panel::Log, 0),
    };
    let [log, under] = rest.layout(&Layout::vertical([Fill(1), Length(rows)]));
    places.push((Panel::Log, log));
    if rows > 0 {
        places.push((panel, under));
    }
    places
}

/// The panel under a place on the screen.
pub fn panel_at(body: Rect, zoomed: bool, tab: &WebTab, column: u16, row: u16) -> Option<Panel> {
    places(tab, body, zoomed)
        .into_iter()
        .find(|(_, area)| area.contains((column, row).into()))
        .map(|(panel, _)| panel)
}

/// Draws the tab.
pub fn render(app: &mut App, look: &Look, body: Rect, buffer: &mut Buffer) {
    let clock = app.clock;
    let tab = &mut app.web;
    let scene = Scene {
        look,
        clock: &clock,
        now: tab.view_time(),
        zoomed: app.zoomed,
    };
    tab.cursor = None;
    if tab.sender.open && tab.popups.is_empty() {
        tab.cursor = sender::draw(&mut tab.sender, &scene, body, buffer);
        return;
    }
    for (panel, area) in places(tab, body, app.zoomed) {
        let focused = tab.panel == panel;
        match panel {
            Panel::Counters => counters::draw(tab, focused, &scene, area, buffer),
            Panel::Log => table::draw(tab, focused, &scene, area, buffer),
            Panel::Lanes => lanes::draw(tab, focused, &scene, area, buffer),
            Panel::Server => server::draw(tab, focused, &scene, area, buffer),
        }
    }
    let mut popups = std::mem::take(&mut tab.popups);
    for popup in &mut popups {
        match popup {
            Popup::Detail(detail) => detail::draw(tab, detail, &scene, body, buffer),
            Popup::Urls { selected } => urls::draw(tab, selected, &scene, body, buffer),
            Popup::Copied(text) => urls::draw_copied(text, &scene, body, buffer),
        }
    }
    tab.popups = popups;
}

/// What is running where, for the bar at the top.
pub fn status_line(app: &App, look: &Look) -> Line<'static> {
    let (theme, words) = (&look.theme, look.words);
    let model = &app.web.live;
    let (sign, style, text) = match &model.server {
        ServerState::Listening { address, .. } if address.ip().is_loopback() => (
            look.signs.running(),
            theme.good,
            words.fill("status.web", &[("port", &address.port())]),
        ),
        ServerState::Listening { address, .. } => (
            look.signs.warning(),
            theme.bad,
            words.fill("status.web_open", &[("address", address)]),
        ),
        ServerState::Starting => (
            look.signs.stopped(),
            theme.dim,
            words.t("status.web_starting").into_owned(),
        ),
        ServerState::Untold => return Line::default(),
        ServerState::CannotStart(_) | ServerState::Failed(_) => (
            look.signs.warning(),
            theme.bad,
            words.t("status.web_failed").into_owned(),
        ),
    };
    let mut line = Line::from(Span::styled(format!("{sign} {text}"), style));
    if model.service.mode == Mode::OneAtATime {
        let mode = words.t("web.mode.one-at-a-time");
        line.push_span(Span::styled(format!(" {mode}"), theme.warning));
    }
    line
}

/// What a status class is called: `2xx`.
pub fn class_name(class: Class) -> &'static str {
    match class {
        Class::Informational => "1xx",
        Class::Successful => "2xx",
        Class::Redirection => "3xx",
        Class::ClientError => "4xx",
        Class::ServerError => "5xx",
    }
}

/// What a connection can be doing, in the order in which it does it.
pub const PHASES: [Phase; 7] = [
    Phase::InLine,
    Phase::Silent,
    Phase::Reading,
    Phase::Working,
    Phase::Sending,
    Phase::Idle,
    Phase::Closing,
];

/// What the signs and numbers of this tab mean.
pub fn help(look: &Look, lines: &mut Vec<Line<'static>>) {
    let (theme, words) = (&look.theme, look.words);
    let sign = |sign: char, style, text: String| {
        Line::from(vec![
            Span::styled(format!("  {sign}  "), style),
            Span::raw(text),
        ])
    };
    lines.push(Line::styled(
        words.t("help.signs").into_owned(),
        theme.accent,
    ));
    for (class, key) in [
        (Some(Class::Informational), "web.class.informational"),
        (Some(Class::Successful), "web.class.successful"),
        (Some(Class::Redirection), "web.class.redirection"),
        (Some(Class::ClientError), "web.class.client_error"),
        (Some(Class::ServerError), "web.class.server_error"),
        (None, "web.class.none"),
    ] {
        let text = words.t(key).into_owned();
        lines.push(sign(look.signs.class(class), theme.class(class), text));
    }
    for phase in PHASES {
        let text = phrases::phase(phase, words).into_owned();
        lines.push(sign(look.signs.phase(phase), theme.phase(phase), text));
    }
    lines.push(Line::default());
    for (title, keys) in [
        (
            "help.numbers",
            &[
                "web.help.duration",
                "web.help.waited",
                "web.help.number",
                "web.help.rate",
                "web.help.live",
            ][..],
        ),
        (
            "web.help.filter",
            &[
                "web.help.filter_status",
                "web.help.filter_path",
                "web.help.filter_client",
                "web.help.filter_other",
            ],
        ),
        (
            "web.help.script",
            &[
                "web.help.script_line",
                "web.help.script_escape",
                "web.help.script_blank",
            ],
        ),
    ] {
        lines.push(Line::styled(words.t(title).into_owned(), theme.accent));
        lines.extend(
            keys.iter()
                .map(|key| Line::raw(format!("  {}", words.t(key)))),
        );
        lines.push(Line::default());
    }
}
