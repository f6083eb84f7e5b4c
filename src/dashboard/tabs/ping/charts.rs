//! The two charts of the tab, RTT over loss, on one time axis.

use std::ops::Range;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Constraint::{Fill, Length};
use ratatui::layout::{Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::history::{Drawn, LossColumn, Row};
use super::lists;
use super::model::{MarkKind, ServerState, Target, TargetState};
use super::view::{share, span_text};
use super::{PingTab, Scale, TimeAxis};
use crate::dashboard::tabs::panel::{Scene, Title, frame};
use crate::dashboard::widgets::chart::{
    Band, Bars, Mark, Rule, Sample, Series, Strike, TimeChart, YScale, nice_ceiling,
};
use crate::dashboard::widgets::digits::BigNumber;
use crate::dashboard::widgets::text::{self, Align};
use crate::proto::link::{LinkSettings, round_trip_rate};
use crate::proto::ping::Outcome;
use crate::words::{Words, phrases};

/// Columns left of both plots, so that one stands exactly under the other.
const GUTTER: u16 = 9;
/// The RTT axis of an empty chart, in milliseconds.
const EMPTY_MAX: f64 = 1.0;
/// The lowest RTT that the logarithmic scale tells apart, in milliseconds.
const LOG_MIN: f64 = 0.01;

/// The part of the time line shown, cut into the plot's columns at whole multiples of a column's width: as time goes by the picture moves by
/// whole columns instead of shimmering.
struct TimeWindow {
    /// As far as it lies after the clock's origin.
    range: Range<Duration>,
    /// In seconds since the origin; begins before it while the program is young.
    seconds: Range<f64>,
    columns: u16,
}

impl TimeWindow {
    fn new(tab: &PingTab, scene: &Scene, inside: u16) -> Self {
        let columns = inside.saturating_sub(GUTTER).max(1);
        let column = (tab.viewport.span() / u32::from(columns)).as_nanos().max(1);
        let end = (tab.viewport.end(scene.now).as_nanos() / column + 1) * column;
        let width = column * u128::from(columns);
        let at = |nanos: u128| Duration::from_nanos(nanos as u64);
        let seconds = |nanos: u128| nanos as f64 / 1e9;
        Self {
            range: at(end.saturating_sub(width))..at(end),
            seconds: seconds(end) - seconds(width)..seconds(end),
            columns,
        }
    }

    /// Labels under the plot: one a quarter, the last of them `now` when the window moves with the time.
    fn ticks(&self, tab: &PingTab, scene: &Scene) -> Vec<(f64, String)> {
        let Range { start, end } = self.seconds;
        let follows = tab.viewport.end.is_none();
        let parts = if self.columns >= 60 { 4 } else { 2 };
        (0..=parts)
            .map(|part| {
                let ago = (end - start) * f64::from(parts - part) / f64::from(parts);
                let x = end - ago;
                let label = match tab.time_axis {
                    TimeAxis::Wall if x < 0.0 => String::new(),
                    TimeAxis::Wall => scene
                        .clock
                        .time_of_day_in_seconds(Duration::from_secs_f64(x)),
                    TimeAxis::Relative if part == parts && follows => {
                        scene.look.words.t("chart.now").into_owned()
                    }
                    TimeAxis::Relative => {
                        let ago = if follows {
                            ago
                        } else {
                            (scene.now.as_secs_f64() - x).max(0.0)
                        };
                        format!("-{}", ago_text(ago))
                    }
                };
                (x, label)
            })
            .collect()
    }
}

/// What both charts draw: the same window of the same pings, so it is gathered once.
pub struct Timeline {
    window: TimeWindow,
    /// One for each target.
    drawn: Vec<Drawn>,
}

impl Timeline {
    /// For charts in panels of that width.
    pub fn new(tab: &PingTab, scene: &Scene, panel: u16) -> Self {
        let window = TimeWindow::new(tab, scene, panel.saturating_sub(2));
        let targets = tab.shown().targets.iter();
        let drawn = targets
            .map(|target| target.history.draw(&window.range, window.columns))
            .collect();
        Self { window, drawn }
    }

    /// What is drawn of the target in front, and which that is.
    fn front(&self, tab: &PingTab) -> Option<(usize, &Drawn)> {
        let front = tab.front.min(self.drawn.len().checked_sub(1)?);
        Some((front, &self.drawn[front]))
    }
}

/// How long ago, as short as it can be told: `7.5 s`, `2 min`, `1.5 h`.
fn ago_text(seconds: f64) -> String {
    let number = |value: f64| {
        let text = format!("{value:.1}");
        text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
    };
    match seconds {
        s if s < 120.0 => format!("{} s", number(s)),
        s if s < 7_200.0 => format!("{} min", number(s / 60.0)),
        s if s < 172_800.0 => format!("{} h", number(s / 3_600.0)),
        s => format!("{} d", number(s / 86_400.0)),
    }
}

/// Where the automatic scale of the RTT chart stands now, in milliseconds.
pub fn automatic_max(tab: &PingTab) -> f64 {
    let end = tab.viewport.end(tab.view_time());
    scale_max(
        tab,
        &(end.saturating_sub(tab.viewport.span())..end + Duration::from_secs(1)),
        |(max, _)| max,
    )
}

/// A round figure over the greatest of a measure of all targets, and over the front target's RTO where that would still leave the RTTs readable.
fn scale_max(tab: &PingTab, window: &Range<Duration>, measure: impl Fn((f64, f64)) -> f64) -> f64 {
    let heights = tab
        .shown()
        .targets
        .iter()
        .filter_map(|target| target.history.heights(window));
    let greatest = heights.map(measure).fold(0.0, f64::max);
    let rto = rto_millis(tab)
        .filter(|rto| *rto < 2.5 * greatest)
        .unwrap_or(0.0);
    if greatest > 0.0 {
        nice_ceiling(greatest.max(rto) * 1.05)
    } else {
        EMPTY_MAX
    }
}

fn rto_millis(tab: &PingTab) -> Option<f64> {
    tab.front()?
        .figures
        .as_ref()?
        .summary
        .rto_us
        .map(|us| us / 1e3)
}

fn y_scale(tab: &PingTab, window: &Range<Duration>) -> YScale {
    match tab.scale {
        Scale::Automatic => YScale::Linear {
            max: scale_max(tab, window, |(max, _)| max),
        },
        Scale::Clipped => YScale::Linear {
            max: scale_max(tab, window, |(_, p99)| p99),
        },
        Scale::Fixed { max } => YScale::Linear { max },
        Scale::Logarithmic => YScale::Log {
            min: LOG_MIN,
            max: scale_max(tab, window, |(max, _)| max).max(LOG_MIN * 10.0),
        },
    }
}

fn millis_label(millis: f64) -> String {
    if millis <= 0.0 {
        "0".to_owned()
    } else {
        phrases::time(Duration::from_secs_f64(millis / 1e3))
    }
}

fn percent_label(share: f64) -> String {
    let percent = share * 100.0;
    let decimals = usize::from((percent - percent.round()).abs() > 0.01);
    format!("{percent:.decimals$} %")
}

/// Draws the RTT chart: lines with gaps, each loss a full-height mark, the RTO as a dim line.
pub fn draw_rtt(
    tab: &PingTab,
    timeline: &Timeline,
    focused: bool,
    scene: &Scene,
    area: Rect,
    buffer: &mut Buffer,
) {
    let look = scene.look;
    let mut inside = frame(rtt_title(tab, focused, scene), focused, scene, area, buffer);
    if lists::say_why_empty(tab, scene, inside, buffer) {
        return;
    }
    if scene.zoomed {
        let last = tab
            .front()
            .and_then(|target| target.figures.as_ref())
            .and_then(|figures| figures.last_rtt);
        inside = big_number(
            &phrases::time_or_nothing(last),
            look.theme.good,
            scene,
            inside,
            buffer,
        );
    }
    if inside.is_empty() {
        return;
    }
    let window = &timeline.window;
    let front = timeline.front(tab);
    // The target in front is drawn last, so that it lies on top.
    let mut order: Vec<(usize, &Drawn)> = timeline.drawn.iter().enumerate().collect();
    order.sort_by_key(|(index, _)| Some(*index) == front.map(|(front, _)| front));
    let series: Vec<Series> = order
        .into_iter()
        .map(|(index, drawn)| Series {
            samples: &drawn.rtt,
            style: look.theme.target(index),
        })
        .collect();
    let losses = front.map_or(&[][..], |(_, drawn)| &drawn.losses);
    let strikes: Vec<Strike> = losses
        .iter()
        .map(|&(x, outcome)| Strike {
            x,
            style: look.theme.outcome(outcome),
        })
        .collect();
    let rto_label = look.words.t("chart.rto").into_owned();
    let rules: Vec<Rule> = rto_millis(tab)
        .map(|y| Rule {
            y,
            label: &rto_label,
            style: look.theme.dim,
        })
        .into_iter()
        .collect();
    let ticks = window.ticks(tab, scene);
    let labels = mark_labels(tab, look.words);
    let chart = TimeChart::new(window.seconds.clone(), y_scale(tab, &window.range))
        .glyphs(look.glyphs)
        .gutter(GUTTER)
        .axis_style(look.theme.border, look.theme.dim)
        .format_y(&millis_label)
        .x_ticks(&ticks)
        .series(&series)
        .strikes(&strikes)
        .rules(&rules);
    let marks = marks(&labels, look.theme.accent);
    draw_with_cursor(chart.marks(&marks), tab, inside, buffer);
    foot(tab, scene, area, buffer);
}

/// Draws the loss chart: rolling loss as bars, running loss inside its 95 % band, what the link is set to as a dashed line.
pub fn draw_loss(
    tab: &PingTab,
    timeline: &Timeline,
    focused: bool,
    scene: &Scene,
    area: Rect,
    buffer: &mut Buffer,
) {
    let look = scene.look;
    let mut inside = frame(
        loss_title(tab, focused, scene),
        focused,
        scene,
        area,
        buffer,
    );
    if scene.zoomed {
        let loss = tab
            .front()
            .and_then(|target| target.figures.as_ref())
            .and_then(|figures| figures.summary.loss);
        inside = big_number(&share(loss), look.theme.bad, scene, inside, buffer);
    }
    if inside.is_empty() {
        return;
    }
    let window = &timeline.window;
    let columns = timeline
        .front(tab)
        .map_or(&[][..], |(_, drawn)| &drawn.columns);
    let bars: Vec<(f64, f64)> = columns
        .iter()
        .map(|column| (column.x, column.rolling))
        .collect();
    let band: Vec<(f64, f64, f64)> = columns
        .iter()
        .map(|column| (column.x, column.interval.0, column.interval.1))
        .collect();
    let running: Vec<Sample> = columns
        .iter()
        .map(|column| Sample::At(column.x, column.running))
        .collect();
    let series = [Series {
        samples: &running,
        style: look.theme.strong,
    }];
    let set_label = look.words.t("chart.set").into_owned();
    let rules: Vec<Rule> = expected_loss(tab)
        .map(|y| Rule {
            y,
            label: &set_label,
            style: look.theme.expected,
        })
        .into_iter()
        .collect();
    let ticks = window.ticks(tab, scene);
    let labels = mark_labels(tab, look.words);
    let marks = marks(&labels, look.theme.accent);
    let loss_max = loss_scale(columns, expected_loss(tab));
    let chart = TimeChart::new(window.seconds.clone(), YScale::Linear { max: loss_max })
        .glyphs(look.glyphs)
        .gutter(GUTTER)
        .axis_style(look.theme.border, look.theme.dim)
        .format_y(&percent_label)
        .x_ticks(&ticks)
        .bars(Bars {
            values: &bars,
            style: look.theme.bars,
        })
        .band(Band {
            values: &band,
            style: look.theme.band,
        })
        .series(&series)
        .rules(&rules)
        .marks(&marks);
    draw_with_cursor(chart, tab, inside, buffer);
}

/// The least of a few round shares over everything the loss chart shows: 36 % should not lie flat under an empty upper half.
fn loss_scale(columns: &[LossColumn], expected: Option<f64>) -> f64 {
    const TOPS: [f64; 6] = [0.05, 0.1, 0.2, 0.5, 0.75, 1.0];
    let shown = columns
        .iter()
        .flat_map(|column| [column.rolling, column.interval.1]);
    let highest = shown.chain(expected).fold(0.0, f64::max);
    if highest == 0.0 && columns.is_empty() {
        return 1.0;
    }
    TOPS.into_iter().find(|top| *top > highest).unwrap_or(1.0)
}

fn draw_with_cursor(chart: TimeChart, tab: &PingTab, inside: Rect, buffer: &mut Buffer) {
    let chart = match tab.viewport.cursor {
        Some(at) => chart.cursor(
            at.as_secs_f64(),
            Style::new().add_modifier(Modifier::REVERSED),
        ),
        None => chart,
    };
    chart.render(inside, buffer);
}

/// The upper half of a zoomed chart: its number in digits for the back row. Returns what is left for the chart.
fn big_number(value: &str, style: Style, scene: &Scene, inside: Rect, buffer: &mut Buffer) -> Rect {
    let [digits, chart] = inside.layout(&Layout::vertical([Length(inside.height / 2), Fill(1)]));
    let (number, unit) = value.split_once(' ').unwrap_or((value, ""));
    BigNumber::new(number)
        .unit(unit)
        .style(style)
        .glyphs(scene.look.glyphs)
        .render(digits, buffer);
    chart
}

/// The loss of a round trip as the link is set, when the server pinged is ours.
pub fn expected_loss(tab: &PingTab) -> Option<f64> {
    let model = tab.shown();
    let target = tab.front()?;
    model
        .is_own_server(target)
        .then(|| link_loss(&model.server.link))
}

fn link_loss(link: &LinkSettings) -> f64 {
    round_trip_rate(link.request.loss.rate(), link.reply.loss.rate())
}

fn rtt_title<'a>(tab: &PingTab, focused: bool, scene: &Scene<'a>) -> Title<'a> {
    let words = scene.look.words;
    let mut title = Title::new(scene.look, words.t("panel.rtt").into_owned(), focused);
    let Some(target) = tab.front() else {
        return title;
    };
    if tab.shown().targets.len() > 1 {
        let sign = scene.look.signs.target(tab.front);
        title = title.say(
            format!("{sign} {}", target.target),
            scene.look.theme.target(tab.front),
        );
    }
    let Some(figures) = &target.figures else {
        return title;
    };
    let rtt = &figures.summary.rtt_us;
    title = title
        .figure(
            &words.t("stat.last"),
            &phrases::time_or_nothing(figures.last_rtt),
        )
        .figure("p50", &phrases::micros(rtt.p50))
        .figure("p95", &phrases::micros(rtt.p95))
        .figure("p99", &phrases::micros(rtt.p99))
        .figure(
            &words.t("stat.jitter_rfc"),
            &phrases::micros(figures.summary.jitter_us.rfc3550),
        );
    title
}

fn loss_title<'a>(tab: &PingTab, focused: bool, scene: &Scene<'a>) -> Title<'a> {
    let words = scene.look.words;
    let mut title = Title::new(scene.look, words.t("panel.loss").into_owned(), focused);
    let Some(figures) = tab.front().and_then(|target| target.figures.as_ref()) else {
        return title;
    };
    if let Some(window) = figures.window {
        title = title.figure(
            &words.fill("stat.last_n", &[("n", &window.decided)]),
            &share(window.loss()),
        );
    }
    let all = format!(
        "{} {}",
        share(figures.summary.loss),
        phrases::interval(figures.summary.loss_ci95)
    );
    title = title.figure(
        &words.fill("stat.all_n", &[("n", &figures.counts.decided())]),
        all.trim_end(),
    );
    if let Some(set) = expected_loss(tab) {
        title = title.figure(&words.t("stat.set"), &phrases::chance(set));
    }
    title
}

/// The line under the RTT chart: what the cursor reads, the scale, the time span.
fn foot(tab: &PingTab, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let (look, words) = (scene.look, scene.look.words);
    let y = area.bottom().saturating_sub(1);
    let scale = words.t(match tab.scale {
        Scale::Automatic => "scale.automatic",
        Scale::Clipped => "scale.clipped",
        Scale::Fixed { .. } => "scale.fixed",
        Scale::Logarithmic => "scale.logarithmic",
    });
    let mut right = format!(" {scale} · {} ", span_text(tab.viewport.span()));
    if tab.viewport.end.is_some() {
        right = format!(" {} ·{right}", words.t("chart.held"));
    }
    let right_width = (text::width(&right) as u16).min(area.width.saturating_sub(4));
    text::draw_line(
        buffer,
        (area.right().saturating_sub(right_width + 2), y),
        right_width,
        &Line::styled(right, look.theme.dim),
        Align::Left,
        look.glyphs,
    );
    let room = area.width.saturating_sub(right_width + 6);
    let row = tab
        .viewport
        .cursor
        .and_then(|at| tab.front()?.history.nearest(at));
    let line = row.map_or_else(|| legend(tab, scene), |row| readout(row, tab, scene));
    let width = (text::line_width(&line) as u16).min(room);
    text::draw_line(
        buffer,
        (area.x + 2, y),
        width,
        &line,
        Align::Left,
        look.glyphs,
    );
}

/// The sign, colour and name of each target, where there are several.
fn legend(tab: &PingTab, scene: &Scene) -> Line<'static> {
    let targets = &tab.shown().targets;
    let named = |(index, target): (usize, &Target)| {
        let text = format!(" {} {} ", scene.look.signs.target(index), target.target);
        Span::styled(text, scene.look.theme.target(index))
    };
    match targets.len() {
        0 | 1 => Line::default(),
        _ => Line::from_iter(targets.iter().enumerate().map(named)),
    }
}

/// What the cursor reads.
fn readout(row: &Row, tab: &PingTab, scene: &Scene) -> Line<'static> {
    let look = scene.look;
    let rtt = row.record.rtt.map_or_else(
        || phrases::NOTHING.to_owned(),
        |rtt| phrases::rtt(rtt, tab.clock_step),
    );
    Line::from(vec![
        Span::styled(
            format!(
                " {} #{} ",
                look.signs.outcome(row.record.outcome),
                row.record.seq
            ),
            look.theme.outcome(row.record.outcome),
        ),
        Span::styled(
            format!("{}  {rtt}  ", scene.clock.time_of_day(row.record.sent_at)),
            look.theme.strong,
        ),
        Span::styled(
            format!("{} ", look.words.t(outcome_key(row.record.outcome))),
            look.theme.outcome(row.record.outcome),
        ),
    ])
}

/// The message key of an outcome in one or two words.
pub fn outcome_key(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::InFlight => "word.in_flight",
        Outcome::Replied => "word.replied",
        Outcome::Late => "word.late",
        Outcome::Lost => "word.lost",
        Outcome::Refused => "word.refused",
    }
}

fn mark_labels(tab: &PingTab, words: Words) -> Vec<(f64, String)> {
    let marks = tab.shown().marks.iter();
    marks
        .map(|mark| {
            let label = match &mark.what {
                MarkKind::Note(text) => format!(
                    "“{}”",
                    crate::trace::escape::escape_hostile(text.as_bytes())
                ),
                MarkKind::LinkChanged { from, to } => change(from, to, words),
            };
            (mark.at.as_secs_f64(), label)
        })
        .collect()
}

fn marks(labels: &[(f64, String)], style: Style) -> Vec<Mark<'_>> {
    labels
        .iter()
        .map(|(x, label)| Mark {
            x: *x,
            label,
            style,
        })
        .collect()
}

/// What changed between two settings of the link: the loss if that did, else the rest by name.
fn change(from: &LinkSettings, to: &LinkSettings, words: Words) -> String {
    let (before, after) = (link_loss(from), link_loss(to));
    let same_loss = from.request.loss == to.request.loss && from.reply.loss == to.reply.loss;
    if !same_loss {
        let whole = |share: f64| format!("{:.0}", share * 100.0);
        if whole(before) == whole(after) {
            let model = [&to.request.loss, &to.reply.loss]
                .into_iter()
                .find(|loss| !loss.is_none());
            return format!(
                "{} {}",
                words.t("knob.loss"),
                model.map_or("none", |loss| loss.short_name())
            );
        }
        return format!(
            "{} {}→{} %",
            words.t("knob.loss"),
            whole(before),
            whole(after)
        );
    }
    let (a, b) = ((&from.request, &from.reply), (&to.request, &to.reply));
    let named = [
        (
            "knob.delay",
            a.0.delay != b.0.delay || a.1.delay != b.1.delay,
            total_delay(to),
        ),
        (
            "knob.duplicate",
            a.0.duplicate != b.0.duplicate || a.1.duplicate != b.1.duplicate,
            String::new(),
        ),
        (
            "knob.reorder",
            a.0.reorder != b.0.reorder || a.1.reorder != b.1.reorder,
            String::new(),
        ),
        (
            "knob.corrupt",
            a.0.corrupt != b.0.corrupt || a.1.corrupt != b.1.corrupt,
            String::new(),
        ),
        (
            "knob.rate",
            a.0.rate != b.0.rate || a.1.rate != b.1.rate,
            String::new(),
        ),
    ];
    let names = named
        .into_iter()
        .filter(|(_, changed, _)| *changed)
        .map(|(key, _, value)| format!("{} {value}", words.t(key)).trim_end().to_owned());
    names.collect::<Vec<_>>().join(", ")
}

fn total_delay(link: &LinkSettings) -> String {
    phrases::setting(link.request.delay.mean + link.reply.delay.mean)
}

/// Why the server does not run, who may be in the way, and the keys that help; empty while all is well.
pub fn server_trouble(state: &ServerState, words: Words) -> Vec<String> {
    let mut lines = match state {
        ServerState::CannotStart(error) => phrases::start_error(error, words),
        ServerState::Failed(error) => vec![words.fill("status.server_died", &[("error", error)])],
        ServerState::Starting | ServerState::Untold | ServerState::Listening(_) => {
            return Vec::new();
        }
    };
    lines.push(words.t("start.keys").into_owned());
    lines
}

/// Whether the charts have nothing to show because nothing runs, and what to say then.
pub fn idle_message(tab: &PingTab, words: Words) -> Option<Vec<String>> {
    let model = tab.shown();
    let trouble = server_trouble(&model.server.state, words);
    if model.targets.is_empty() && !trouble.is_empty() {
        return Some(trouble);
    }
    let Some(target) = tab.front() else {
        return Some(vec![words.t("ping.no_target").into_owned()]);
    };
    match &target.state {
        TargetState::Failed(error) => {
            let error = crate::trace::escape::escape_hostile(error.as_bytes());
            Some(vec![words.fill(
                "ping.cannot",
                &[("target", &target.target), ("error", &error)],
            )])
        }
        _ if target.history.is_empty() => Some(vec![words.t("ping.waiting").into_owned()]),
        _ => None,
    }
}
