//! Everything about one request: what decided its answer, the raw bytes of both sides with every field explained, and where its time went.

use std::ops::Range;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::fields::{self, Anatomy};
use super::log::{Row, part};
use super::model::WebModel;
use super::table::number_text;
use super::{RowKey, WebTab, raw};
use crate::dashboard::keys::Action;
use crate::dashboard::tabs::panel::{Scene, pair_line, steps_on};
use crate::dashboard::widgets::popup::Popup;
use crate::dashboard::widgets::text::{self, Align};
use crate::proto::http::status::Status;
use crate::trace::escape::escape_hostile;
use crate::trace::web::{Cause, ConnectionState, Exchange, Message, Timing};
use crate::words::phrases;

/// Columns of a popup's text at most, see [`Popup`].
const WIDEST: u16 = 100;
/// Columns of the names of fields and steps.
const LABEL: usize = 22;
/// Columns of the bars beside the steps, where there is room; and of what stands left of them.
const BAR: usize = 24;
const STEP: usize = 56;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    Overview,
    Request,
    Response,
}

impl Page {
    const ALL: [Page; 3] = [Page::Overview, Page::Request, Page::Response];

    fn title(self) -> &'static str {
        match self {
            Page::Overview => "web.page.overview",
            Page::Request => "web.page.request",
            Page::Response => "web.page.response",
        }
    }
}

/// In which form raw bytes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Hex,
}

/// Which request is open, and which part of it is seen.
#[derive(Debug, Clone)]
pub struct Detail {
    pub row: RowKey,
    page: Page,
    form: Form,
    scroll: usize,
}

impl Detail {
    pub fn of(row: RowKey) -> Self {
        Self {
            row,
            page: Page::Overview,
            form: Form::Text,
            scroll: 0,
        }
    }

    pub fn act(&mut self, action: Action) {
        const PAGE: usize = 10;
        let turn = |detail: &mut Self, steps| {
            detail.page = steps_on(&Page::ALL, detail.page, steps);
            detail.scroll = 0;
        };
        match action {
            Action::Up => self.scroll = self.scroll.saturating_sub(1),
            Action::Down => self.scroll += 1,
            Action::PageUp => self.scroll = self.scroll.saturating_sub(PAGE),
            Action::PageDown => self.scroll += PAGE,
            Action::NextPage => turn(self, 1),
            Action::PreviousPage => turn(self, Page::ALL.len() - 1),
            Action::ToggleHex => {
                self.form = match self.form {
                    Form::Text => Form::Hex,
                    Form::Hex => Form::Text,
                };
            }
            _ => {}
        }
    }
}

/// Draws the details. A request that was going on and is done now stays in front.
pub fn draw(tab: &WebTab, detail: &mut Detail, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let (look, words) = (scene.look, scene.look.words);
    let model = tab.shown();
    if let RowKey::Live(connection) = detail.row
        && model.live_state(connection).is_none()
        && let Some(row) = model.log.newest_of(connection)
    {
        detail.row = RowKey::Done(row.id);
    }
    let width = area.width.saturating_sub(4).min(WIDEST);
    let (name, mut lines) = match detail.row {
        RowKey::Done(id) => match model.log.row(id) {
            Some(row) => (
                number_text(row.exchange.connection, row.exchange.number),
                done_lines(row, model, detail, width, scene),
            ),
            None => (
                phrases::NOTHING.to_owned(),
                vec![Line::raw(words.t("web.detail.forgotten"))],
            ),
        },
        RowKey::Live(connection) => match model.live_state(connection) {
            Some(state) => (
                number_text(state.connection, state.requests),
                live_lines(state, detail, width, scene),
            ),
            None => (
                number_text(connection, 0),
                vec![Line::raw(words.t("web.detail.gone"))],
            ),
        },
    };
    lines.insert(0, tabs_line(detail.page, width, scene));
    let title = words.fill("web.detail.title", &[("name", &name)]);
    let popup = Popup::new(&title, &lines)
        .styles(look.theme.text, look.theme.accent)
        .glyphs(look.glyphs);
    detail.scroll = detail.scroll.min(popup.max_scroll(area));
    popup.scroll(detail.scroll).render(area, buffer);
}

/// The pages side by side; as wide as the popup may be, so that it does not jump when the page is turned.
fn tabs_line(page: Page, width: u16, scene: &Scene) -> Line<'static> {
    let look = scene.look;
    let mut line = Line::default();
    for other in Page::ALL {
        let style = if other == page {
            look.theme.accent.patch(look.theme.selected)
        } else {
            look.theme.dim
        };
        line.push_span(Span::styled(
            format!(" {} ", look.words.t(other.title())),
            style,
        ));
        line.push_span(" ");
    }
    text::fit_line(&line, usize::from(width), Align::Left, look.glyphs)
}

fn done_lines(
    row: &Row,
    model: &WebModel,
    detail: &Detail,
    width: u16,
    scene: &Scene,
) -> Vec<Line<'static>> {
    let exchange = &*row.exchange;
    let words = scene.look.words;
    match detail.page {
        Page::Overview => match row.unheard {
            Some(cause) => unheard(exchange, cause, scene),
            None => overview(exchange, model, width, scene),
        },
        Page::Request if exchange.request.length == 0 => vec![Line::styled(
            words.t("web.detail.no_request"),
            scene.look.theme.dim,
        )],
        Page::Request => {
            let mut lines = Vec::new();
            if !row.whole {
                lines.push(thinned(scene));
            }
            let mark = exchange.broken_at;
            message(
                &exchange.request,
                true,
                mark,
                detail.form,
                width,
                scene,
                &mut lines,
            );
            lines
        }
        Page::Response if exchange.response.length == 0 => vec![Line::styled(
            words.t("web.detail.no_response"),
            scene.look.theme.dim,
        )],
        Page::Response => {
            let mut lines = Vec::new();
            if !row.whole {
                lines.push(thinned(scene));
            }
            message(
                &exchange.response,
                false,
                None,
                detail.form,
                width,
                scene,
                &mut lines,
            );
            lines
        }
    }
}

fn thinned(scene: &Scene) -> Line<'static> {
    Line::styled(
        scene.look.words.t("web.detail.thinned"),
        scene.look.theme.warning,
    )
}

/// A connection on which nothing was ever asked.
fn unheard(exchange: &Exchange, cause: Cause, scene: &Scene) -> Vec<Line<'static>> {
    let words = scene.look.words;
    let timing = &exchange.timing;
    let open = timing.done.saturating_sub(timing.accepted);
    let pair = |key: &str, value: String| pair_line(&words.t(key), value, scene);
    vec![
        Line::styled(words.t("web.detail.no_request"), scene.look.theme.strong),
        Line::default(),
        pair("web.detail.client", exchange.client.to_string()),
        pair(
            "web.step.accepted",
            scene.clock.time_of_day(timing.accepted),
        ),
        pair("web.detail.open_for", phrases::time(open)),
        pair(
            "web.detail.closed",
            phrases::cause(cause, words).into_owned(),
        ),
    ]
}

/// Why this status, who asked, and where the time went.
fn overview(
    exchange: &Exchange,
    model: &WebModel,
    width: u16,
    scene: &Scene,
) -> Vec<Line<'static>> {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let class = exchange.status.map(Status::class);
    let status = exchange.status.map_or_else(
        || words.t("web.detail.unanswered").into_owned(),
        |status| format!("{} {}", status.code(), status.reason()),
    );
    let mut lines = vec![Line::styled(
        format!("{} {status}", look.signs.class(class)),
        theme.class(class).patch(theme.strong),
    )];
    if let Some(rule) = exchange.rule {
        lines.push(Line::from(vec![
            Span::styled(phrases::rule(rule, words).into_owned(), theme.text),
            Span::styled(format!(" ({}, {})", rule.source(), rule.name()), theme.dim),
        ]));
    }
    lines.push(Line::default());
    let request_line = [
        part(&exchange.request, &exchange.parts.method),
        part(&exchange.request, &exchange.parts.target),
        part(&exchange.request, &exchange.parts.version),
    ]
    .join(&b' ');
    let pair = |key: &str, value: String| pair_line(&words.t(key), value, scene);
    lines.push(pair(
        "web.detail.request",
        escape_hostile(request_line.trim_ascii()).into_owned(),
    ));
    lines.push(pair("web.detail.client", exchange.client.to_string()));
    if let Some(agent) = &exchange.parts.user_agent {
        let agent = escape_hostile(part(&exchange.request, agent)).into_owned();
        lines.push(pair("web.detail.user_agent", agent));
    }
    lines.push(pair(
        "web.detail.bytes",
        words.fill(
            "web.detail.bytes_of",
            &[
                ("request", &phrases::size(exchange.request.length)),
                ("head", &phrases::size(exchange.response_head as u64)),
                ("content", &phrases::size(exchange.content_sent)),
            ],
        ),
    ));
    lines.push(pair(
        "web.detail.ending",
        phrases::ending(exchange.ending, words).into_owned(),
    ));
    let lane = model.connections.lane(exchange.connection);
    if let Some(cause) = lane.and_then(|lane| lane.end).and_then(|end| end.cause) {
        let cause = phrases::cause(cause, words).into_owned();
        lines.push(pair("web.detail.closed", cause));
    }
    lines.push(Line::default());
    let bar = usize::from(width).saturating_sub(STEP).min(BAR);
    timing(&exchange.timing, exchange.number, bar, scene, &mut lines);
    lines
}

/// The steps of a request, each with what it took since the one before, and a bar that makes the longest stand out.
fn timing(
    timing: &Timing,
    number: u32,
    bar_width: usize,
    scene: &Scene,
    lines: &mut Vec<Line<'static>>,
) {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let accepted = (number == 1).then_some(timing.accepted);
    let steps = [
        ("web.step.accepted", accepted),
        ("web.step.arrived", Some(timing.arrived)),
        ("web.step.first_byte", Some(timing.first_byte)),
        ("web.step.begun", Some(timing.begun)),
        ("web.step.parsed", timing.parsed),
        ("web.step.decided", timing.decided),
        ("web.step.first_byte_out", timing.first_byte_out),
        ("web.step.done", Some(timing.done)),
    ];
    let known: Vec<(&str, Duration)> = steps
        .into_iter()
        .filter_map(|(key, at)| Some((key, at?)))
        .collect();
    let begin = known.first().map_or(Duration::ZERO, |(_, at)| *at);
    let whole = timing.done.saturating_sub(begin);
    let mut before = begin;
    for (key, at) in known {
        let took = at.saturating_sub(before);
        let label = text::fit(&words.t(key), LABEL + 8, Align::Left, look.glyphs);
        let since = if at == begin {
            scene.clock.time_of_day(at)
        } else {
            format!("+{}", phrases::time(at.saturating_sub(begin)))
        };
        let mut spans = vec![
            Span::styled(label, theme.dim),
            Span::styled(format!("{since:>13}"), theme.text),
        ];
        if at > begin {
            let style: Style = theme.duration(took);
            spans.push(Span::styled(
                format!("{:>11}  ", phrases::time(took)),
                style,
            ));
            let glyph = look.glyphs.pick('━', '=');
            let place = bar(before.saturating_sub(begin), took, whole, bar_width);
            let text = format!(
                "{}{}",
                " ".repeat(place.start),
                glyph.to_string().repeat(place.len())
            );
            spans.push(Span::styled(text, style));
        }
        lines.push(Line::from(spans));
        before = at;
    }
    lines.push(pair_line(
        &words.t("web.detail.duration"),
        if timing.waited().is_zero() {
            phrases::time(timing.duration())
        } else {
            words.fill(
                "web.detail.duration_of",
                &[
                    ("duration", &phrases::time(timing.duration())),
                    ("waited", &phrases::time(timing.waited())),
                ],
            )
        },
        scene,
    ));
}

/// The columns of a stretch of a whole that is `width` columns long: one at least, where there are any.
fn bar(before: Duration, took: Duration, whole: Duration, width: usize) -> Range<usize> {
    if took.is_zero() || whole.is_zero() || width == 0 {
        return 0..0;
    }
    let columns =
        |part: Duration| (part.as_secs_f64() / whole.as_secs_f64() * width as f64).round() as usize;
    let start = columns(before).min(width - 1);
    start..start + columns(took).clamp(1, width - start)
}

/// The raw bytes of a message, and in words what its fields are for.
fn message(
    message: &Message,
    is_request: bool,
    mark: Option<usize>,
    form: Form,
    width: u16,
    scene: &Scene,
    lines: &mut Vec<Line<'static>>,
) {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let bytes = &message.bytes;
    let parts = raw::parts(bytes, is_request, theme);
    let draw = match form {
        Form::Text => raw::lines,
        Form::Hex => raw::hex,
    };
    lines.extend(draw(bytes, &parts, mark, message.length, width, scene));
    let anatomy = Anatomy::of(bytes);
    if anatomy.fields.is_empty() {
        return;
    }
    lines.push(Line::default());
    lines.push(Line::styled(
        words.t("web.detail.fields").into_owned(),
        theme.accent,
    ));
    for field in &anatomy.fields {
        let name = &bytes[field.name.clone()];
        let phrase = fields::explanation(name).map_or(phrases::NOTHING.into(), |key| words.t(key));
        let shown = text::fit(&escape_hostile(name), LABEL, Align::Left, look.glyphs);
        let room = usize::from(width).saturating_sub(LABEL + 1).max(1);
        for (place, row) in text::wrap(&Line::raw(phrase), room).into_iter().enumerate() {
            let label = if place == 0 {
                shown.clone()
            } else {
                " ".repeat(LABEL)
            };
            let mut spans = vec![Span::styled(label, theme.band), Span::raw(" ")];
            spans.extend(row.spans);
            lines.push(Line::from(spans));
        }
    }
}

/// A connection whose request is not done: what it is doing, and what there is of the request.
fn live_lines(
    state: &ConnectionState,
    detail: &Detail,
    width: u16,
    scene: &Scene,
) -> Vec<Line<'static>> {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let mut lines = Vec::new();
    match detail.page {
        Page::Overview => {
            let phase = phrases::phase(state.phase, words);
            lines.push(Line::styled(
                format!("{} {phase}", look.signs.phase(state.phase)),
                theme.phase(state.phase),
            ));
            let pair = |key: &str, value: String| pair_line(&words.t(key), value, scene);
            let ago = |at: Duration| phrases::time(scene.now.saturating_sub(at));
            lines.push(pair("web.detail.client", state.client.to_string()));
            lines.push(pair("web.detail.opened", ago(state.opened)));
            lines.push(pair("web.detail.since", ago(state.since)));
            lines.push(pair(
                "web.detail.received",
                phrases::size(state.request.length),
            ));
            lines.push(pair(
                "web.detail.sent",
                words.fill(
                    "web.detail.sent_of",
                    &[
                        ("sent", &phrases::size(state.sent)),
                        ("all", &phrases::size(state.to_send)),
                    ],
                ),
            ));
        }
        Page::Request if state.request.length == 0 => {
            lines.push(Line::styled(words.t("web.detail.nothing_yet"), theme.dim))
        }
        Page::Request => {
            message(
                &state.request,
                true,
                None,
                detail.form,
                width,
                scene,
                &mut lines,
            );
        }
        Page::Response => lines.push(Line::styled(
            words.t("web.detail.no_response_yet"),
            theme.dim,
        )),
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_its_place_and_is_never_lost() {
        let ms = Duration::from_millis;
        let table = [
            (0, 50, 100, 10, 0..5),
            (50, 50, 100, 10, 5..10),
            (0, 1, 10_000, 10, 0..1),
            (9_999, 1, 10_000, 10, 9..10),
            (0, 0, 100, 10, 0..0),
            (0, 50, 100, 0, 0..0),
            (0, 0, 0, 10, 0..0),
        ];
        for (before, took, whole, width, expected) in table {
            assert_eq!(bar(ms(before), ms(took), ms(whole), width), expected);
        }
    }
}
