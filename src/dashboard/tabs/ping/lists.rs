//! The lower panel: our pings with both ends' words, the server's datagrams, its clients, and the two histograms.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Constraint::{Fill, Length};
use ratatui::layout::{Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{StatefulWidget, Widget};

use super::charts::{self, outcome_key};
use super::history::Row;
use super::{LowerView, PingTab};
use crate::dashboard::tabs::panel::{Scene, Title, frame, list_title, say_in_the_middle};
use crate::dashboard::widgets::histogram::{Bin, CountScale, Histogram};
use crate::dashboard::widgets::list::{Column, Rows, Table, Width};
use crate::dashboard::widgets::strip::strip;
use crate::dashboard::widgets::text::{self, Align};
use crate::proto::link::Leg;
use crate::proto::ping::PingRecord;
use crate::proto::stats::LONGEST_RUN_BIN;
use crate::trace::escape::escape_hostile;
use crate::trace::event::{ClientCounts, EchoDatagram, Ruling};
use crate::words::phrases;

/// Below this width a row of the list leaves out its picture.
const NARROW: u16 = 72;
/// Run lengths with a bar of their own; longer runs share the last.
const RUN_BARS: usize = 10;

/// Draws one of the lower views.
pub fn draw_view(
    tab: &mut PingTab,
    view: LowerView,
    focused: bool,
    scene: &Scene,
    area: Rect,
    buffer: &mut Buffer,
) {
    match view {
        LowerView::Pings => draw_pings(tab, focused, scene, area, buffer),
        LowerView::Datagrams => draw_datagrams(tab, focused, scene, area, buffer),
        LowerView::Clients => draw_clients(tab, focused, scene, area, buffer),
        LowerView::RttHistogram => draw_rtt_histogram(tab, focused, scene, area, buffer),
        LowerView::Runs => draw_runs(tab, focused, scene, area, buffer),
    }
}

/// Says in the middle of a panel why there is nothing to draw; `false` when there is.
pub fn say_why_empty(tab: &PingTab, scene: &Scene, inside: Rect, buffer: &mut Buffer) -> bool {
    let Some(lines) = charts::idle_message(tab, scene.look.words) else {
        return false;
    };
    say_in_the_middle(&lines, scene, inside, buffer);
    true
}

fn draw_pings(tab: &mut PingTab, focused: bool, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let look = scene.look;
    let title = Title::new(look, look.words.t("panel.pings").into_owned(), focused);
    let room = usize::from(area.width).saturating_sub(title.width() + 8);
    let outcomes = tab
        .outcomes()
        .map(|outcome| (look.signs.outcome(outcome), look.theme.outcome(outcome)));
    let strip = strip(outcomes, room.min(120));
    let title = list_title(
        title.append(strip),
        tab.shown().left_out,
        tab.pings.is_following(),
        scene,
    );
    let inside = frame(title, focused, scene, area, buffer);
    let mut state = tab.pings.clone();
    let clock_step = tab.clock_step;
    let narrow = inside.width < NARROW;
    if let Some(target) = tab.front() {
        let history = &target.history;
        let last = history.len();
        let id = |row: usize| tab.row_id(LowerView::Pings, row);
        let cells = |row: usize| {
            history
                .row_at(last - 1 - row)
                .map(|row| ping_cells(row, narrow, clock_step, scene))
                .unwrap_or_default()
        };
        let [time, number, rtt] = if narrow { [8, 6, 10] } else { [12, 7, 12] };
        let column = |width, align| Column {
            title: "",
            width,
            align,
        };
        let columns = [
            column(Width::Fixed(time), Align::Left),
            column(Width::Fixed(number), Align::Right),
            column(Width::Flex(1), Align::Left),
            column(Width::Fixed(rtt), Align::Right),
        ];
        Table::new(&columns, Rows { len: last, id: &id }, &cells)
            .glyphs(look.glyphs)
            .selected_style(look.theme.selected)
            .render(inside, buffer, &mut state);
    }
    tab.pings = state;
}

/// Time, number, what happened at both ends, RTT.
fn ping_cells<'a>(row: &Row, narrow: bool, clock_step: Duration, scene: &Scene) -> Vec<Line<'a>> {
    let look = scene.look;
    let record = &row.record;
    let style = look.theme.outcome(record.outcome);
    let rtt = match record.rtt {
        Some(rtt) => phrases::rtt(rtt, clock_step),
        None => phrases::NOTHING.to_owned(),
    };
    let at = if narrow {
        scene.clock.time_of_day_in_seconds(record.sent_at)
    } else {
        scene.clock.time_of_day(record.sent_at)
    };
    vec![
        Line::styled(at, look.theme.dim),
        Line::styled(format!("#{}", record.seq), look.theme.dim),
        journey(row, narrow, scene),
        Line::styled(rtt, style),
    ]
}

/// The way of a ping as far as it is known: `● Ping ──▶ echo ──╳ reply dropped`; without the picture where there is no room for it.
fn journey(row: &Row, narrow: bool, scene: &Scene) -> Line<'static> {
    let (look, words) = (scene.look, scene.look.words);
    let record = &row.record;
    let style = look.theme.outcome(record.outcome);
    let (arrow, broken) = (look.signs.arrow(), look.signs.broken_arrow());
    let mut line = Line::from(Span::styled(
        format!("{} ", look.signs.outcome(record.outcome)),
        style,
    ));
    let outcome = words.t(outcome_key(record.outcome)).into_owned();
    let (ping, echo) = (words.t("word.ping"), words.t("word.echo"));
    let (way, end) = match row.server.map(|server| server.ruling) {
        Some(Ruling::Replied) => (format!("{ping} {arrow} {echo} {arrow} "), outcome),
        Some(
            ruling @ (Ruling::Lost {
                leg: Leg::Reply, ..
            }
            | Ruling::QueueFull { leg: Leg::Reply }),
        ) => (
            format!("{ping} {arrow} {echo} {broken} "),
            phrases::ruling(&ruling, words),
        ),
        Some(ruling) => (format!("{ping} {broken} "), phrases::ruling(&ruling, words)),
        None => (String::new(), outcome),
    };
    if !narrow {
        line.push_span(Span::styled(way, look.theme.dim));
    }
    line.push_span(Span::styled(end, style));
    line.spans.extend(badges(record, scene));
    line
}

/// The marks of a ping beside its outcome.
fn badges(record: &PingRecord, scene: &Scene) -> Vec<Span<'static>> {
    let look = scene.look;
    let mut spans = Vec::new();
    if record.duplicates > 0 {
        spans.push(Span::styled(
            format!("  {}{}", look.signs.duplicate(), record.duplicates + 1),
            look.theme.odd,
        ));
    }
    if record.reordered {
        spans.push(Span::styled(
            format!("  {}", look.signs.reordered()),
            look.theme.odd,
        ));
    }
    if record.damaged {
        spans.push(Span::styled(
            format!("  {}", look.signs.damaged()),
            look.theme.odd,
        ));
    }
    spans
}

fn draw_datagrams(
    tab: &mut PingTab,
    focused: bool,
    scene: &Scene,
    area: Rect,
    buffer: &mut Buffer,
) {
    let look = scene.look;
    let title = Title::new(look, look.words.t("panel.datagrams").into_owned(), focused);
    let following = tab.datagrams.is_following();
    let title = list_title(title, tab.shown().left_out, following, scene);
    let inside = frame(title, focused, scene, area, buffer);
    let narrow = inside.width < NARROW;
    let mut state = tab.datagrams.clone();
    let datagrams = &tab.shown().datagrams;
    let at = |row: usize| datagrams.get(datagrams.len() - 1 - row);
    let id = |row: usize| tab.row_id(LowerView::Datagrams, row);
    let cells = |row: usize| {
        at(row)
            .map(|datagram| datagram_cells(datagram, narrow, scene))
            .unwrap_or_default()
    };
    let [time, sender] = if narrow { [8, 6] } else { [12, 21] };
    let column = |width| Column {
        title: "",
        width,
        align: Align::Left,
    };
    let columns = [
        column(Width::Fixed(time)),
        column(Width::Fixed(sender)),
        column(Width::Flex(1)),
        column(Width::Flex(2)),
    ];
    Table::new(
        &columns,
        Rows {
            len: datagrams.len(),
            id: &id,
        },
        &cells,
    )
    .glyphs(look.glyphs)
    .selected_style(look.theme.selected)
    .render(inside, buffer, &mut state);
    tab.datagrams = state;
}

fn datagram_cells<'a>(datagram: &EchoDatagram, narrow: bool, scene: &Scene) -> Vec<Line<'a>> {
    let theme = &scene.look.theme;
    let style = match datagram.ruling {
        Ruling::Replied => theme.good,
        Ruling::Refused(_) => theme.refused,
        _ => theme.bad,
    };
    let (at, sender) = if narrow {
        let at = scene.clock.time_of_day_in_seconds(datagram.at);
        (at, format!(":{}", datagram.from.port()))
    } else {
        (
            scene.clock.time_of_day(datagram.at),
            datagram.from.to_string(),
        )
    };
    vec![
        Line::styled(at, theme.dim),
        Line::styled(sender, theme.text),
        Line::styled(
            escape_hostile(datagram.payload.bytes()).into_owned(),
            theme.strong,
        ),
        Line::styled(phrases::ruling(&datagram.ruling, scene.look.words), style),
    ]
}

fn draw_clients(tab: &mut PingTab, focused: bool, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let (look, words) = (scene.look, scene.look.words);
    let model = tab.shown();
    let title = Title::new(look, words.t("panel.clients").into_owned(), focused)
        .figure("", &model.server.clients.len().to_string());
    let inside = frame(title, focused, scene, area, buffer);
    let mut state = tab.clients.clone();
    let clients = &tab.shown().server.clients;
    let id = |row: usize| tab.row_id(LowerView::Clients, row);
    let narrow = inside.width < NARROW;
    let shown: Vec<&ClientColumn> = CLIENT_COLUMNS
        .iter()
        .filter(|column| !narrow || column.always)
        .collect();
    let cells = |row: usize| match clients.get(row) {
        Some(client) => shown
            .iter()
            .map(|column| (column.cell)(client, scene))
            .collect(),
        None => Vec::new(),
    };
    let titles: Vec<_> = shown.iter().map(|column| words.t(column.title)).collect();
    let columns: Vec<Column> = shown
        .iter()
        .zip(&titles)
        .map(|(column, title)| match column.width {
            None => Column {
                title,
                width: Width::Flex(1),
                align: Align::Left,
            },
            Some(width) => Column {
                title,
                width: Width::Fixed(width),
                align: Align::Right,
            },
        })
        .collect();
    Table::new(
        &columns,
        Rows {
            len: clients.len(),
            id: &id,
        },
        &cells,
    )
    .header(look.theme.dim)
    .glyphs(look.glyphs)
    .selected_style(look.theme.selected)
    .render(inside, buffer, &mut state);
    tab.clients = state;
}

/// A column of the table of clients.
struct ClientColumn {
    title: &'static str,
    /// `None` takes what the others leave.
    width: Option<u16>,
    /// Shown in a narrow panel too.
    always: bool,
    cell: fn(&ClientCounts, &Scene) -> Line<'static>,
}

const CLIENT_COLUMNS: &[ClientColumn] = &[
    ClientColumn {
        title: "client.address",
        width: None,
        always: true,
        cell: |client, scene| Line::styled(client.address.to_string(), scene.look.theme.text),
    },
    ClientColumn {
        title: "client.received",
        width: Some(8),
        always: true,
        cell: |client, scene| number(client.totals.received, scene.look.theme.strong),
    },
    ClientColumn {
        title: "client.replied",
        width: Some(8),
        always: false,
        cell: |client, scene| number(client.totals.replied, scene.look.theme.good),
    },
    ClientColumn {
        title: "client.request_lost",
        width: Some(6),
        always: true,
        cell: |client, scene| number(client.totals.request_lost, scene.look.theme.bad),
    },
    ClientColumn {
        title: "client.reply_lost",
        width: Some(6),
        always: true,
        cell: |client, scene| number(client.totals.reply_lost, scene.look.theme.bad),
    },
    ClientColumn {
        title: "client.last_seen",
        width: Some(8),
        always: false,
        cell: |client, scene| {
            let at = scene.clock.time_of_day_in_seconds(client.last_seen);
            Line::styled(at, scene.look.theme.dim)
        },
    },
];

fn number(value: u64, style: Style) -> Line<'static> {
    Line::styled(value.to_string(), style)
}

fn draw_rtt_histogram(
    tab: &PingTab,
    focused: bool,
    scene: &Scene,
    area: Rect,
    buffer: &mut Buffer,
) {
    let look = scene.look;
    let title = Title::new(
        look,
        look.words.t("panel.rtt_histogram").into_owned(),
        focused,
    );
    let inside = frame(title, focused, scene, area, buffer);
    let Some(bars) = tab
        .front()
        .and_then(|target| target.figures.as_ref())
        .and_then(|figures| figures.rtt_bars.as_ref())
    else {
        return;
    };
    // As many bars as fit with their labels, a blank apart, by joining neighbours.
    let edges = bars.edges.iter();
    let labels: Vec<String> = edges
        .map(|edge| phrases::time(*edge).replace(' ', ""))
        .collect();
    let widest = labels.iter().map(|label| text::width(label)).max();
    let slot = widest.unwrap_or_default() + 1;
    let fitting = (usize::from(inside.width) / slot).clamp(1, bars.counts.len());
    let joined = bars.counts.len().div_ceil(fitting);
    let bins: Vec<Bin> = bars
        .counts
        .chunks(joined)
        .zip(labels.iter().step_by(joined))
        .map(|(counts, label)| Bin {
            label,
            count: counts.iter().sum(),
            expected: None,
        })
        .collect();
    Histogram::new(&bins)
        .scale(CountScale::Log)
        .styles(look.theme.good, look.theme.expected, look.theme.dim)
        .glyphs(look.glyphs)
        .render(inside, buffer);
}

fn draw_runs(tab: &PingTab, focused: bool, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let (look, words) = (scene.look, scene.look.words);
    let mut title = Title::new(look, words.t("panel.runs").into_owned(), focused);
    let Some(figures) = tab.front().and_then(|target| target.figures.as_ref()) else {
        frame(title, focused, scene, area, buffer);
        return;
    };
    let runs = &figures.runs;
    let number = |value: Option<f64>| {
        value.map_or_else(
            || phrases::NOTHING.to_owned(),
            |value| format!("{value:.2}"),
        )
    };
    title = title
        .figure(&words.t("stat.mean_run"), &number(runs.mean))
        .figure(
            &words.t("stat.longest_run"),
            &runs.longest.map_or_else(
                || phrases::NOTHING.to_owned(),
                |longest| longest.to_string(),
            ),
        )
        .figure(&words.t("stat.burst_ratio"), &number(runs.burst_ratio));
    let inside = frame(title, focused, scene, area, buffer);
    let total: u64 = runs.histogram.iter().sum();
    let mean_run = expected_mean_run(tab).or_else(|| {
        figures
            .summary
            .loss
            .filter(|loss| *loss < 1.0)
            .map(|loss| 1.0 / (1.0 - loss))
    });
    let labels: Vec<String> = (1..=RUN_BARS)
        .map(|length| {
            if length == RUN_BARS {
                format!("{length}+")
            } else {
                length.to_string()
            }
        })
        .collect();
    let bins: Vec<Bin> = labels
        .iter()
        .enumerate()
        .map(|(index, label)| {
            let last = index + 1 == RUN_BARS;
            let count = if last {
                runs.histogram[index..=LONGEST_RUN_BIN].iter().sum()
            } else {
                runs.histogram[index]
            };
            // Geometric: P(length = k) = q^(k-1) (1-q) with q = 1 - 1/mean; the last bar has the whole tail.
            let expected = mean_run.filter(|_| total > 0).map(|mean| {
                let again = 1.0 - 1.0 / mean.max(1.0);
                let share = again.powi(index as i32) * if last { 1.0 } else { 1.0 - again };
                share * total as f64
            });
            Bin {
                label,
                count,
                expected,
            }
        })
        .collect();
    let [chart, note] = inside.layout(&Layout::vertical([
        Fill(1),
        Length(u16::from(inside.height > 6)),
    ]));
    Histogram::new(&bins)
        .styles(look.theme.bad, look.theme.expected, look.theme.dim)
        .glyphs(look.glyphs)
        .render(chart, buffer);
    text::draw_line(
        buffer,
        (note.x, note.y),
        note.width * note.height.min(1),
        &Line::styled(words.t("runs.note"), look.theme.dim),
        Align::Left,
        look.glyphs,
    );
}

/// The mean run of the model, where one leg alone loses and the server is ours.
fn expected_mean_run(tab: &PingTab) -> Option<f64> {
    let model = tab.shown();
    tab.front().filter(|target| model.is_own_server(target))?;
    let link = &model.server.link;
    match (link.request.loss.is_none(), link.reply.loss.is_none()) {
        (false, true) => link.request.loss.mean_run(),
        (true, false) => link.reply.loss.mean_run(),
        _ => None,
    }
    .filter(|mean| mean.is_finite())
}
