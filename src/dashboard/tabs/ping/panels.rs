//! The side column: the link's knobs and the counts.

use ratatui::buffer::Buffer;
use ratatui::layout::Constraint::{Fill, Length};
use ratatui::layout::{Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Widget;

use super::charts;
use super::knobs::{self, Knob};
use super::model::Figures;
use super::{PingTab, leg_of, preset_of};
use crate::dashboard::tabs::panel::{Column, Scene, Title, frame};
use crate::dashboard::widgets::digits::BigNumber;
use crate::dashboard::widgets::text::{self, Align};
use crate::proto::link::{Leg, Loss, Rate, presets};
use crate::proto::stats;
use crate::words::phrases;

/// Rows of the link panel with its border.
pub const LINK_ROWS: u16 = 2 + 1 + Knob::ALL.len() as u16 + 4;

/// Draws the link panel.
pub fn draw_link(tab: &PingTab, focused: bool, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let (look, words) = (scene.look, scene.look.words);
    let leg_name = words.t(match tab.leg {
        Leg::Request => "leg.request",
        Leg::Reply => "leg.reply",
    });
    let title = Title::new(look, words.t("panel.link").into_owned(), focused).figure("", &leg_name);
    let inside = frame(title, focused, scene, area, buffer);
    let model = tab.shown();
    let leg = leg_of(&model.server.link, tab.leg);
    let mut column = Column::new(scene, inside, buffer);
    let theme = &look.theme;
    // With nothing pinged, the charts have room to say it at length.
    if !model.targets.is_empty() {
        for line in charts::server_trouble(&model.server.state, words) {
            let line = Line::styled(line, theme.bad);
            for row in text::wrap(&line, usize::from(inside.width.max(1))) {
                column.row(row);
            }
        }
    }
    for knob in Knob::ALL {
        let selected = focused && tab.knob == knob;
        let is_told = match knob {
            Knob::Interval | Knob::Timeout | Knob::Pace => !model.follows_record(),
            _ => model.server.link_is_known,
        };
        let value = match knob {
            _ if !is_told => phrases::NOTHING.to_owned(),
            Knob::Loss => loss_text(&leg.loss),
            Knob::Delay if leg.delay.is_none() => "0 ms".to_owned(),
            Knob::Delay => match knobs::spread(&leg.delay) {
                Some(spread) => format!(
                    "{} ±{}",
                    phrases::setting(leg.delay.mean),
                    phrases::setting(spread)
                ),
                None => phrases::setting(leg.delay.mean),
            },
            Knob::Duplicate => phrases::chance(leg.duplicate.get()),
            Knob::Reorder => phrases::chance(leg.reorder.get()),
            Knob::Corrupt => phrases::chance(leg.corrupt.get()),
            Knob::Rate if leg.rate == Rate::Unlimited => words.t("knob.no_limit").into_owned(),
            knob @ (Knob::Rate | Knob::Interval | Knob::Timeout) => {
                knobs::text(leg, tab.pace, knob)
            }
            Knob::Pace => words
                .t(match tab.pace.kind {
                    knobs::PaceKind::Lab => "pace.lab",
                    knobs::PaceKind::Steady => "pace.steady",
                })
                .into_owned(),
        };
        column.pair(&words.t(knob.label()), &value, theme.strong, selected);
        if knob == Knob::Loss && !is_told {
            column.row(Line::default());
        } else if knob == Knob::Loss {
            let run = leg
                .loss
                .mean_run()
                .filter(|run| run.is_finite())
                .map_or_else(String::new, |run| {
                    words.fill("link.run", &[("run", &format_args!("{run:.1}"))])
                });
            column.row(Line::styled(
                format!("  = {} {run}", phrases::chance(leg.loss.rate())),
                theme.expected,
            ));
        }
    }
    let seed = model
        .server
        .seed
        .map_or_else(|| phrases::NOTHING.to_owned(), |seed| seed.to_string());
    column.pair(&words.t("link.seed"), &seed, theme.text, false);
    let link = Some(&model.server.link).filter(|_| model.server.link_is_known);
    let preset = link.and_then(preset_of).map_or_else(
        || phrases::NOTHING.to_owned(),
        |place| presets()[place].id.to_owned(),
    );
    column.pair(&words.t("link.preset"), &preset, theme.text, false);
    let count = match tab.count {
        _ if model.follows_record() => phrases::NOTHING.to_owned(),
        Some(count) => count.to_string(),
        None => words.t("link.endless").into_owned(),
    };
    column.pair(&words.t("link.count"), &count, theme.text, false);
}

/// A loss model in the width of the panel.
fn loss_text(loss: &Loss) -> String {
    match loss {
        Loss::None | Loss::Lab => loss.to_string(),
        Loss::Random(rate) => rate.to_string(),
        _ => loss.short_name().to_owned(),
    }
}

/// Draws the counts; zoomed, the three that matter most in digits.
pub fn draw_counts(tab: &PingTab, focused: bool, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let (look, words) = (scene.look, scene.look.words);
    let title = Title::new(look, words.t("panel.counts").into_owned(), focused);
    let inside = frame(title, focused, scene, area, buffer);
    let Some(figures) = tab.front().and_then(|target| target.figures.as_ref()) else {
        return;
    };
    if scene.zoomed {
        big_counts(figures, scene, inside, buffer);
        return;
    }
    let theme = &look.theme;
    let counts = &figures.counts;
    let mut column = Column::new(scene, inside, buffer);
    let rows = [
        ("count.sent", counts.sent, theme.strong),
        ("count.replied", counts.replied, theme.good),
        ("count.lost", counts.lost, theme.bad),
        ("count.late", counts.late, theme.warning),
        ("count.refused", counts.refused, theme.refused),
        ("count.in_flight", counts.in_flight, theme.in_flight),
    ];
    for (key, value, style) in rows {
        column.pair(&words.t(key), &value.to_string(), style, false);
    }
    let model = tab.shown();
    if let Some(dropped) = tab.front().and_then(|target| model.dropped(target)) {
        let legs = format!("{} / {}", dropped.request_lost, dropped.reply_lost);
        column.pair(&words.t("count.on_legs"), &legs, theme.text, false);
    }
    let marks = [
        ("count.duplicates", counts.duplicates),
        ("count.reordered", counts.reordered),
        ("count.damaged", counts.damaged),
        ("count.unsolicited", counts.unsolicited),
    ];
    for (key, value) in marks.into_iter().filter(|(_, value)| *value > 0) {
        column.pair(&words.t(key), &value.to_string(), theme.odd, false);
    }
    if let Some(dropped) = model
        .server
        .counts
        .kernel_dropped
        .filter(|dropped| *dropped > 0)
    {
        column.pair(
            &words.t("count.kernel"),
            &dropped.to_string(),
            theme.warning,
            false,
        );
    }
    let rtt = &figures.summary.rtt_us;
    let jitter = &figures.summary.jitter_us;
    let kernel = tab.front().and_then(|target| {
        target
            .history
            .rows()
            .rev()
            .find_map(|row| row.record.rtt.map(|_| row.record.kernel_rtt))
    });
    let times = [
        ("stat.min", phrases::micros(rtt.min)),
        ("stat.mean", phrases::micros(rtt.mean)),
        ("stat.max", phrases::micros(rtt.max)),
        ("stat.mdev", phrases::micros(rtt.mdev)),
        ("stat.kernel", phrases::time_or_nothing(kernel.flatten())),
        ("stat.ipdv", phrases::micros(jitter.mean_abs_ipdv)),
        ("stat.p95_p50", phrases::micros(jitter.p95_p50)),
        ("stat.srtt", phrases::micros(figures.summary.srtt_us)),
        ("stat.rttvar", phrases::micros(figures.summary.rttvar_us)),
        ("stat.rto", phrases::micros(figures.summary.rto_us)),
    ];
    for (key, value) in times {
        column.pair(&words.t(key), &value, theme.text, false);
    }
    column.pair(
        &words.t("stat.clock_step"),
        &phrases::time(tab.clock_step),
        theme.dim,
        false,
    );
    if let Some(effective) = effective_pings(tab, figures) {
        column.pair(
            &words.t("stat.effective_n"),
            &format!("{effective:.0}"),
            theme.text,
            false,
        );
    }
}

/// How many independent pings the decided ones are worth, where the link's losses come in bursts and are known.
fn effective_pings(tab: &PingTab, figures: &Figures) -> Option<f64> {
    let model = tab.shown();
    tab.front().filter(|target| model.is_own_server(target))?;
    let link = &model.server.link;
    let correlation = link
        .request
        .loss
        .correlation()
        .max(link.reply.loss.correlation());
    if correlation.abs() < 0.01 {
        return None;
    }
    stats::effective_n(figures.counts.decided(), correlation)
}

fn big_counts(figures: &Figures, scene: &Scene, inside: Rect, buffer: &mut Buffer) {
    let look = scene.look;
    let counts = &figures.counts;
    let rows = inside.layout(&Layout::vertical([Fill(1), Fill(1), Fill(1)]));
    let rows: [Rect; 3] = rows;
    let numbers = [
        ("count.sent", counts.sent, look.theme.strong),
        (
            "count.replied",
            counts.replied + counts.late,
            look.theme.good,
        ),
        ("count.lost", counts.lost + counts.refused, look.theme.bad),
    ];
    for ((key, value, style), row) in numbers.into_iter().zip(rows) {
        let [label, digits] = row.layout(&Layout::vertical([Length(1), Fill(1)]));
        text::draw_line(
            buffer,
            (label.x, label.y),
            label.width,
            &Line::styled(look.words.t(key), style),
            Align::Center,
            look.glyphs,
        );
        BigNumber::new(&value.to_string())
            .style(style)
            .glyphs(look.glyphs)
            .render(digits, buffer);
    }
}
