//! The Server panel: what can be turned while the class watches, where the server is reached, and every limit it keeps.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::WebTab;
use super::knobs::Knob;
use super::urls;
use crate::dashboard::tabs::panel::{Column, Scene, Title, frame};
use crate::dashboard::widgets::text::{self, Align};
use crate::proto::http::service::{Limits, Mode, format_bytes};
use crate::trace::escape::escape_hostile;
use crate::words::{Words, phrases};

/// Columns of a limit with its value; as many stand in a row as fit, up to three.
const LIMIT_WIDTH: u16 = 20;
/// Rows that are always there: knobs, address, folder, the heading of the limits, and the border.
const FIXED_ROWS: u16 = Knob::ALL.len() as u16 + 3 + 2;
const LIMITS: u16 = 10;
/// Forced paths that are shown one by one.
const FORCED_SHOWN: usize = 4;

/// Rows that the panel needs with its border.
pub fn rows(tab: &WebTab, width: u16) -> u16 {
    let limits = LIMITS.div_ceil(limits_in_a_row(width));
    let forced = tab.live.service.forced.len().min(FORCED_SHOWN) as u16;
    FIXED_ROWS + limits + forced
}

fn limits_in_a_row(width: u16) -> u16 {
    (width / LIMIT_WIDTH).clamp(1, 3)
}

pub fn draw(tab: &WebTab, focused: bool, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let title = Title::new(look, words.t("panel.web_server").into_owned(), focused);
    let inside = frame(title, focused, scene, area, buffer);
    let model = tab.shown();
    let service = &model.service;
    let mut column = Column::new(scene, inside, buffer);
    for knob in Knob::ALL {
        let selected = focused && tab.knob == knob;
        let (value, style) = match knob {
            _ if !model.service_is_known => (phrases::NOTHING.to_owned(), theme.text),
            Knob::Mode => (
                words.t(mode_key(service.mode)).into_owned(),
                match service.mode {
                    Mode::Concurrent => theme.strong,
                    Mode::OneAtATime => theme.warning,
                },
            ),
            Knob::Delay if service.delay.is_zero() => ("0 ms".to_owned(), theme.strong),
            Knob::Delay => (phrases::setting(service.delay), theme.warning),
            Knob::Rate => match service.rate {
                Some(rate) => (format!("{} B/s", format_bytes(rate)), theme.warning),
                None => (words.t("knob.no_limit").into_owned(), theme.strong),
            },
            Knob::Forced => (service.forced.len().to_string(), theme.strong),
        };
        column.pair(&words.t(knob.label()), &value, style, selected);
    }
    for forced in service.forced.iter().take(FORCED_SHOWN) {
        let class = Some(forced.status.class());
        column.row(Line::from(vec![
            Span::styled(
                format!("   {} {}", look.signs.class(class), forced.status.code()),
                theme.class(class),
            ),
            Span::raw(format!(" {}", escape_hostile(forced.path.as_bytes()))),
        ]));
    }
    let reachable = urls::reachable(&model.server);
    let address = reachable.first().map_or_else(
        || phrases::NOTHING.to_owned(),
        |address| urls::url(*address),
    );
    column.pair(&words.t("web.server.url"), &address, theme.accent, false);
    let folder = match &tab.served {
        None => phrases::NOTHING.to_owned(),
        Some((_, Some(folder))) => escape_hostile(folder.to_string_lossy().as_bytes()).into_owned(),
        Some((_, None)) => words.t("web.server.built_in").into_owned(),
    };
    column.pair(&words.t("web.server.folder"), &folder, theme.text, false);
    column.row(Line::styled(
        format!(" {}", words.t("web.server.limits")),
        theme.accent,
    ));
    let per_row = usize::from(limits_in_a_row(area.width));
    let width = usize::from(inside.width) / per_row;
    let kept = tab.served.as_ref().map(|(limits, _)| limits);
    for row in limits(kept, words).chunks(per_row) {
        let mut line = Line::default();
        for (label, value) in row {
            let value_width = text::width(value);
            let label = text::fit(
                label,
                width.saturating_sub(value_width + 3),
                Align::Left,
                look.glyphs,
            );
            line.push_span(Span::styled(format!(" {label} "), theme.dim));
            line.push_span(Span::styled(format!("{value} "), theme.text));
        }
        column.row(line);
    }
}

/// The message key of a mode's name.
pub fn mode_key(mode: Mode) -> &'static str {
    match mode {
        Mode::Concurrent => "web.mode.concurrent",
        Mode::OneAtATime => "web.mode.one-at-a-time",
    }
}

/// A size that is usually set in powers of two, exactly.
fn binary_size(bytes: u64) -> String {
    match bytes {
        bytes if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => {
            format!("{} MiB", bytes >> 20)
        }
        bytes if bytes >= 1 << 10 && bytes.is_multiple_of(1 << 10) => {
            format!("{} KiB", bytes >> 10)
        }
        bytes => format!("{bytes} B"),
    }
}

/// Every limit with its value, if that is known, the times first.
fn limits(kept: Option<&Limits>, words: Words) -> Vec<(String, String)> {
    let limits = kept.copied().unwrap_or_default();
    let size = |bytes: usize| binary_size(bytes as u64);
    [
        ("web.limit.head_time", phrases::setting(limits.head_time)),
        ("web.limit.connections", limits.connections.to_string()),
        ("web.limit.idle_time", phrases::setting(limits.idle_time)),
        ("web.limit.requests", limits.requests.to_string()),
        ("web.limit.stall_time", phrases::setting(limits.stall_time)),
        ("web.limit.fields", limits.fields.to_string()),
        (
            "web.limit.lowest_rate",
            format!("{}/s", phrases::size(limits.lowest_rate)),
        ),
        ("web.limit.request_line", size(limits.request_line)),
        ("web.limit.body", binary_size(limits.body)),
        ("web.limit.head", size(limits.head)),
    ]
    .into_iter()
    .map(|(key, value)| {
        let value = kept.map_or_else(|| phrases::NOTHING.to_owned(), |_| value);
        (words.t(key).into_owned(), value)
    })
    .collect()
}
