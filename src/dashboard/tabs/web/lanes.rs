//! The lanes: one row a connection on a common time axis, so that one at a time and concurrent look different, and everybody sees whom a silent
//! connection keeps waiting.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::WebTab;
use super::connections::{End, Lane as Track};
use super::view::PHASES;
use crate::dashboard::tabs::panel::{Scene, Title, frame};
use crate::dashboard::widgets::lanes::{Lane, Lanes, Piece, Tag};
use crate::dashboard::widgets::list::Rows;
use crate::dashboard::widgets::text::{self, Align};
use crate::trace::web::{Cause, ConnectionId, Phase};
use crate::words::phrases;

/// Columns of the labels: the connection's number and its client's port.
const LABEL: u16 = 14;
const SHORT_LABEL: u16 = 6;
/// From this width on a lane's label has the client too.
const WIDE: u16 = 60;
/// From this height on the signs are explained under the lanes.
const LEGEND_FROM: u16 = 8;
/// From this height on in two rows, where one does not hold them all.
const LONG_LEGEND_FROM: u16 = 11;

pub fn draw(tab: &mut WebTab, focused: bool, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let ids = tab.lane_ids();
    let span = tab.viewport.span();
    let mut title = Title::new(look, words.t("panel.web_lanes").into_owned(), focused);
    if let Some(held_up) = held_up(tab, scene) {
        title = title.say(held_up, theme.warning);
    }
    title = title
        .figure("", &ids.len().to_string())
        .figure("", &phrases::setting(span));
    if tab.viewport.end.is_some() {
        title = title.say(words.t("list.held").into_owned(), theme.dim);
    }
    let mut inside = frame(title, focused, scene, area, buffer);
    if inside.height >= LEGEND_FROM {
        let legend = legend(scene, inside);
        inside.height -= legend.len() as u16;
        for (line, y) in legend.iter().zip(inside.bottom()..) {
            let at = (inside.x, y);
            text::draw_line(buffer, at, inside.width, line, Align::Left, look.glyphs);
        }
    }
    let label = if inside.width >= WIDE {
        LABEL
    } else {
        SHORT_LABEL
    };
    let window = Window::new(tab, scene, inside.width.saturating_sub(label));
    let id = |row: usize| ids[row];
    let shown = tab.lanes.window(
        Rows {
            len: ids.len(),
            id: &id,
        },
        usize::from(inside.height.saturating_sub(1)),
    );
    let shown = in_sight(tab, &ids, shown);
    tab.lanes_at = (inside, shown.clone());
    let tab = &*tab;
    let lanes: Vec<Lane> = shown
        .iter()
        .filter_map(|connection| lane(tab, *connection, &window, label, scene))
        .collect();
    let ticks = window.ticks(tab, scene);
    Lanes::new(window.from..window.to, &lanes)
        .glyphs(look.glyphs)
        .label_width(label)
        .ticks(&ticks)
        .axis_style(theme.dim, theme.dim)
        .selected_style(theme.selected)
        .render(inside, buffer);
}

/// The lanes to be drawn, oldest first: those that the list shows, but whoever does something while it shows newer ones that do nothing any more
/// takes the place of one of these; and whoever is served while others wait is always there, however long the line is.
fn in_sight(tab: &WebTab, ids: &[ConnectionId], list: std::ops::Range<usize>) -> Vec<ConnectionId> {
    let (older, mut shown) = (&ids[..list.start], ids[list.clone()].to_vec());
    let is_busy = |id: &ConnectionId| {
        let phase = tab.shown().connections.lane(*id).and_then(Track::phase);
        phase.is_some_and(|phase| !matches!(phase, Phase::Idle | Phase::Closing))
    };
    let served = tab.served();
    let mut missed: Vec<ConnectionId> = older.iter().copied().filter(is_busy).collect();
    // With the one served the first to find room.
    missed.sort_by_key(|id| Some(*id) != served);
    for id in missed.into_iter().take(shown.len()) {
        match shown.iter().position(|other| !is_busy(other)) {
            Some(place) => shown[place] = id,
            None if Some(id) == served => shown[0] = id,
            None => break,
        }
    }
    shown.sort_unstable();
    shown
}

/// The part of the time line shown, cut at whole multiples of a column: as time goes by the picture moves by whole columns instead of shimmering.
struct Window {
    /// In seconds since the clock's origin; may begin before it.
    from: f64,
    to: f64,
    begin: Duration,
    end: Duration,
    columns: u16,
}

impl Window {
    fn new(tab: &WebTab, scene: &Scene, columns: u16) -> Self {
        let columns = columns.max(1);
        let span = tab.viewport.span();
        let column = (span / u32::from(columns)).as_nanos().max(1);
        let end = (tab.viewport.end(scene.now).as_nanos() / column + 1) * column;
        let to = end as f64 / 1e9;
        let end = Duration::from_nanos(u64::try_from(end).unwrap_or(u64::MAX));
        Self {
            from: to - (column * u128::from(columns)) as f64 / 1e9,
            to,
            begin: end.saturating_sub(span),
            end,
            columns,
        }
    }

    /// Labels under the lanes: one a quarter, or only both ends where there is no room.
    fn ticks(&self, tab: &WebTab, scene: &Scene) -> Vec<(f64, String)> {
        let parts = if self.columns >= 44 { 4 } else { 2 };
        let follows = tab.viewport.end.is_none();
        (0..=parts)
            .map(|part| {
                let ago = (self.to - self.from) * f64::from(parts - part) / f64::from(parts);
                let before_now = if follows {
                    ago
                } else {
                    (scene.now.as_secs_f64() - (self.to - ago)).max(0.0)
                };
                let label = if follows && part == parts {
                    scene.look.words.t("chart.now").into_owned()
                } else {
                    format!("-{}", ago_text(before_now, tab.viewport.span()))
                };
                (self.to - ago, label)
            })
            .collect()
    }
}

/// A time before now in as many digits as tell two ticks of a window of that span apart.
fn ago_text(seconds: f64, span: Duration) -> String {
    let decimals = match span.as_millis() {
        ..100 => 3,
        100..1_000 => 2,
        _ => 1,
    };
    match seconds {
        // What rounds to a second is one.
        s if s < 0.9995 => format!("{:.0} ms", s * 1e3),
        s if s < 60.0 => {
            let text = format!("{s:.decimals$}");
            format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
        }
        s => format!("{}:{:02} min", s as u64 / 60, s as u64 % 60),
    }
}

fn lane(
    tab: &WebTab,
    connection: ConnectionId,
    window: &Window,
    label: u16,
    scene: &Scene,
) -> Option<Lane<'static>> {
    let look = scene.look;
    let theme = &look.theme;
    let track = tab.shown().connections.lane(connection)?;
    let (stretches, numbers) = track.stretches(window.begin, window.end, scene.now);
    let mut pieces: Vec<Piece> = stretches
        .iter()
        .map(|stretch| Piece {
            from: stretch.from.as_secs_f64(),
            to: stretch.to.as_secs_f64(),
            glyph: look.signs.phase(stretch.phase),
            style: match (stretch.phase, stretch.status) {
                (Phase::Sending, Some(status)) => theme.class(Some(status.class())),
                (phase, _) => theme.phase(phase),
            },
        })
        .collect();
    if let Some(end) = track.end {
        let (sign, style) = end_sign(end, scene);
        let at = end.at.as_secs_f64();
        // A moment has no width; half a column is what shows beside the pieces around it.
        let width = (window.to - window.from) / f64::from(window.columns);
        pieces.push(Piece {
            from: at,
            to: at + width,
            glyph: sign,
            style,
        });
    }
    let tags = numbers
        .iter()
        .filter(|number| numbers.len() > 1 || number.number > 1)
        .map(|number| Tag {
            at: number.at.as_secs_f64(),
            text: number.number.to_string().into(),
            style: theme.strong,
        })
        .collect();
    let lit = tab.lit == Some(connection);
    Some(Lane {
        label: label_of(track, label, lit, scene),
        pieces,
        tags,
        selected: lit,
    })
}

fn label_of(track: &Track, width: u16, lit: bool, scene: &Scene) -> Line<'static> {
    let theme = &scene.look.theme;
    let open = track.end.is_none();
    let style = match (lit, open) {
        (true, _) => theme.accent,
        (false, true) => theme.strong,
        (false, false) => theme.dim,
    };
    let mut spans = vec![Span::styled(format!("#{:<4}", track.connection), style)];
    if width > SHORT_LABEL {
        let client = format!(" :{}", track.client.port());
        spans.push(Span::styled(client, theme.dim));
    }
    Line::from(spans)
}

fn end_sign(end: End, scene: &Scene) -> (char, Style) {
    let as_it_should = matches!(
        end.cause,
        None | Some(
            Cause::Client
                | Cause::Asked
                | Cause::OneAtATime
                | Cause::Idle
                | Cause::RequestLimit
                | Cause::Stopped
        )
    );
    let theme = &scene.look.theme;
    let style = if as_it_should { theme.dim } else { theme.bad };
    (scene.look.signs.lane_end(as_it_should), style)
}

/// Whom a connection keeps waiting: what one at a time costs, in words.
fn held_up(tab: &WebTab, scene: &Scene) -> Option<String> {
    let waiting = tab.shown().figures.counts.in_line;
    let served = tab.served().filter(|_| waiting > 0)?;
    Some(scene.look.words.fill(
        "web.lanes.held_up",
        &[("connection", &served), ("count", &waiting)],
    ))
}

/// What the signs mean, in one row or two.
fn legend(scene: &Scene, inside: Rect) -> Vec<Line<'static>> {
    let look = scene.look;
    let most = if inside.height >= LONG_LEGEND_FROM {
        2
    } else {
        1
    };
    let mut rows = vec![Line::default()];
    for phase in PHASES {
        let word = phrases::phase(phase, look.words);
        let part = Line::from(vec![
            Span::styled(
                format!(" {}", look.signs.phase(phase)),
                look.theme.phase(phase),
            ),
            Span::styled(format!(" {word}"), look.theme.dim),
        ]);
        let fits = |row: &Line| {
            text::line_width(row) + text::line_width(&part) <= usize::from(inside.width)
        };
        if !rows.last().is_some_and(fits) {
            if rows.len() == most {
                break;
            }
            rows.push(Line::default());
        }
        if let Some(row) = rows.last_mut() {
            row.spans.extend(part.spans);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_ago_are_as_exact_as_the_window() {
        let seconds = Duration::from_secs;
        let table = [
            (0.25, seconds(1), "250 ms"),
            (0.999_999_999, seconds(2), "1 s"),
            (1.5, seconds(2), "1.5 s"),
            (0.0625, Duration::from_millis(250), "62 ms"),
            (10.0, seconds(10), "10 s"),
            (90.0, seconds(120), "1:30 min"),
        ];
        for (ago, span, expected) in table {
            assert_eq!(ago_text(ago, span), expected);
        }
    }
}
