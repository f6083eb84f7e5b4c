//! The strip of counters over the log, exact whatever the log left out; zoomed, the histogram of durations besides.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Constraint::{Fill, Length};
use ratatui::layout::{Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Span;
use ratatui::widgets::Widget;

use super::WebTab;
use super::view::class_name;
use crate::dashboard::tabs::panel::{Column, Scene, Title, fit_parts, frame};
use crate::dashboard::widgets::histogram::{Bin, CountScale, Histogram};
use crate::dashboard::widgets::spark::spark;
use crate::dashboard::widgets::text::{self, Align};
use crate::proto::http::status::Class;
use crate::proto::stats::{RttSummary, Scale};
use crate::words::phrases;

/// Bars of the histogram in the strip, and zoomed.
const SMALL_BARS: usize = 12;
const BARS: usize = 20;

pub fn draw(tab: &WebTab, focused: bool, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let (look, words) = (scene.look, scene.look.words);
    let title = Title::new(look, words.t("panel.web_counters").into_owned(), focused);
    let inside = frame(title, focused, scene, area, buffer);
    if scene.zoomed {
        draw_large(tab, scene, inside, buffer);
        return;
    }
    let lines = [traffic(tab, scene), connections(tab, scene)];
    for (parts, y) in lines.into_iter().zip(inside.y..inside.bottom()) {
        let line = fit_parts(parts, usize::from(inside.width));
        text::draw_line(
            buffer,
            (inside.x, y),
            inside.width,
            &line,
            Align::Left,
            look.glyphs,
        );
    }
}

/// A dim label and a value.
fn part(label: &str, value: String, style: Style, scene: &Scene) -> Vec<Span<'static>> {
    vec![
        Span::styled(format!(" {label} "), scene.look.theme.dim),
        Span::styled(format!("{value} "), style),
    ]
}

/// Requests, how many a second, and their answers by class.
fn traffic(tab: &WebTab, scene: &Scene) -> Vec<Vec<Span<'static>>> {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let model = tab.shown();
    let counts = &model.figures.counts;
    let mut parts = vec![part(
        &words.t("web.count.requests"),
        format!("{:<5}", counts.requests),
        theme.strong,
        scene,
    )];
    let rate = phrases::rate(model.rate().requests);
    parts.push(vec![Span::styled(format!("{rate:>7} "), theme.strong)]);
    for (class, count) in Class::ALL.into_iter().zip(counts.by_class) {
        let style = if count > 0 {
            theme.class(Some(class))
        } else {
            theme.dim
        };
        // Nothing here sends a 1xx as an answer but 100-continue, which most sessions never see.
        if class == Class::Informational && count == 0 {
            continue;
        }
        let sign = look.signs.class(Some(class));
        parts.push(vec![Span::styled(
            format!(" {sign} {} {count:<4}", class_name(class)),
            style,
        )]);
    }
    for (key, count, style) in [
        ("web.count.unanswered", counts.unanswered, theme.bad),
        ("web.count.malformed", counts.malformed, theme.warning),
        ("web.count.cut_short", counts.cut_short, theme.bad),
    ] {
        if count > 0 {
            parts.push(part(&words.t(key), count.to_string(), style, scene));
        }
    }
    parts
}

/// Connections, bytes, and how long requests take.
fn connections(tab: &WebTab, scene: &Scene) -> Vec<Vec<Span<'static>>> {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let model = tab.shown();
    let counts = &model.figures.counts;
    let waiting = if counts.in_line > 0 {
        theme.warning
    } else {
        theme.strong
    };
    let mut parts = vec![
        part(
            &words.t("web.count.open"),
            format!("{:<3}", counts.open),
            theme.strong,
            scene,
        ),
        part(
            &words.t("web.count.in_line"),
            format!("{:<3}", counts.in_line),
            waiting,
            scene,
        ),
    ];
    let durations = &model.figures.durations;
    for (key, time) in [
        ("web.count.p50", durations.p50()),
        ("web.count.p99", durations.p99()),
        ("web.count.max", durations.max()),
    ] {
        let style = time.map_or(theme.dim, |time| theme.duration(time));
        parts.push(part(
            &words.t(key),
            phrases::time_or_nothing(time),
            style,
            scene,
        ));
    }
    if let Some((_, bars)) = bars(durations, SMALL_BARS) {
        parts.push(vec![
            Span::raw(" "),
            Span::styled(spark(&bars, look.glyphs), theme.good),
            Span::raw(" "),
        ]);
    }
    for (key, bytes) in [
        ("web.count.bytes_in", counts.bytes_in),
        ("web.count.bytes_out", counts.bytes_out),
    ] {
        let size = phrases::size(bytes);
        parts.push(part(&words.t(key), size, theme.strong, scene));
    }
    for (key, count) in [
        ("web.count.refused", counts.refused),
        (
            "web.count.accept_failures",
            counts.accept_failures.unwrap_or_default(),
        ),
    ] {
        if count > 0 {
            parts.push(part(&words.t(key), count.to_string(), theme.bad, scene));
        }
    }
    parts
}

/// Durations in bars on a logarithmic axis: where each begins, and how many it holds.
fn bars(durations: &RttSummary, count: usize) -> Option<(Vec<Duration>, Vec<u64>)> {
    let (low, high) = durations.min().zip(durations.max())?;
    let high = high.max(low + Duration::from_micros(10));
    let edges = Scale::Logarithmic.edges(low, high, count);
    Some((
        edges,
        durations.buckets(Scale::Logarithmic, low, high, count),
    ))
}

fn draw_large(tab: &WebTab, scene: &Scene, inside: Rect, buffer: &mut Buffer) {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let model = tab.shown();
    let counts = &model.figures.counts;
    let durations = &model.figures.durations;
    let [left, right] = inside.layout(&Layout::horizontal([Length(34), Fill(1)]));
    let mut column = Column::new(scene, left, buffer);
    let number = |count: u64| count.to_string();
    column.pair(
        &words.t("web.count.requests"),
        &number(counts.requests),
        theme.strong,
        false,
    );
    column.pair(
        &words.t("web.count.rate"),
        &phrases::rate(model.rate().requests),
        theme.strong,
        false,
    );
    for (class, count) in Class::ALL.into_iter().zip(counts.by_class) {
        let label = format!("{} {}", look.signs.class(Some(class)), class_name(class));
        column.pair(&label, &number(count), theme.class(Some(class)), false);
    }
    for (key, count) in [
        ("web.count.unanswered", counts.unanswered),
        ("web.count.cut_short", counts.cut_short),
        ("web.count.malformed", counts.malformed),
        ("web.count.connections", counts.connections),
        ("web.count.open", counts.open),
        ("web.count.in_line", counts.in_line),
        ("web.count.refused", counts.refused),
    ] {
        column.pair(&words.t(key), &number(count), theme.strong, false);
    }
    // Which calls failed for want of a descriptor is in no record.
    let style = match counts.accept_failures {
        Some(_) => theme.strong,
        None => theme.dim,
    };
    column.pair(
        &words.t("web.count.accept_failures"),
        &phrases::count_or_nothing(counts.accept_failures),
        style,
        false,
    );
    for (key, bytes) in [
        ("web.count.bytes_in", counts.bytes_in),
        ("web.count.bytes_out", counts.bytes_out),
    ] {
        column.pair(&words.t(key), &phrases::size(bytes), theme.strong, false);
    }
    for (key, time) in [
        ("stat.min", durations.min()),
        ("stat.mean", durations.mean()),
        ("web.count.p50", durations.p50()),
        ("web.count.p95", durations.p95()),
        ("web.count.p99", durations.p99()),
        ("web.count.max", durations.max()),
    ] {
        let style = time.map_or(theme.dim, |time| theme.duration(time));
        column.pair(&words.t(key), &phrases::time_or_nothing(time), style, false);
    }
    draw_histogram(durations, scene, right, buffer);
}

fn draw_histogram(durations: &RttSummary, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let look = scene.look;
    // A bar has to hold its label.
    let fitting = usize::from(area.width / 8).clamp(1, BARS);
    let Some((edges, counts)) = bars(durations, fitting) else {
        return;
    };
    let labels: Vec<String> = edges
        .iter()
        .map(|edge| phrases::time(*edge).replace(' ', ""))
        .collect();
    let bins: Vec<Bin> = counts
        .iter()
        .zip(&labels)
        .map(|(count, label)| Bin {
            label,
            count: *count,
            expected: None,
        })
        .collect();
    Histogram::new(&bins)
        .scale(CountScale::Log)
        .styles(look.theme.good, look.theme.expected, look.theme.dim)
        .glyphs(look.glyphs)
        .render(area, buffer);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_duration_is_one_bar() {
        let mut durations = RttSummary::default();
        assert_eq!(bars(&durations, 4), None);
        durations.record(Duration::from_millis(3));
        let (edges, counts) = bars(&durations, 4).expect("a duration was recorded");
        assert_eq!(edges.len(), 5);
        assert_eq!(counts.iter().sum::<u64>(), 1);
    }
}
