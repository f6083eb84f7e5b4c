//! Everything about one ping: its times, its bytes, both ends' verdicts, and in words what happened.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::PingTab;
use super::charts::outcome_key;
use super::history::Row;
use crate::dashboard::tabs::panel::{Scene, pair_line};
use crate::dashboard::widgets::popup::Popup;
use crate::proto::link::Leg;
use crate::proto::ping::Outcome;
use crate::trace::escape::escape_hostile;
use crate::trace::event::{Excerpt, Ruling};
use crate::words::{Words, phrases};

/// Bytes in a row of the dump.
const DUMP: usize = 16;

/// Draws the details of ping `seq` of the target in front.
pub fn draw(tab: &PingTab, seq: u64, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let (look, words) = (scene.look, scene.look.words);
    let Some(target) = tab.front() else { return };
    let title = words.fill("detail.title", &[("seq", &seq), ("target", &target.target)]);
    let mut lines = Vec::new();
    match target.history.row(seq) {
        None => lines.push(Line::raw(words.t("detail.forgotten"))),
        Some(row) => {
            let record = &row.record;
            let style = look.theme.outcome(record.outcome);
            lines.push(Line::styled(
                format!(
                    "{} {}",
                    look.signs.outcome(record.outcome),
                    words.t(outcome_key(record.outcome))
                ),
                style,
            ));
            lines.push(Line::raw(story(row, tab, words)));
            lines.push(Line::default());
            let mut pair =
                |key: &str, value: String| lines.push(pair_line(&words.t(key), value, scene));
            pair("detail.sent_at", scene.clock.time_of_day(record.sent_at));
            if let Some(rtt) = record.rtt {
                pair(
                    "detail.received_at",
                    scene.clock.time_of_day(record.sent_at + rtt),
                );
            }
            pair(
                "detail.rtt",
                record.rtt.map_or_else(
                    || phrases::NOTHING.to_owned(),
                    |rtt| phrases::rtt(rtt, tab.clock_step),
                ),
            );
            pair(
                "detail.kernel_rtt",
                phrases::time_or_nothing(record.kernel_rtt),
            );
            pair("detail.duplicates", record.duplicates.to_string());
            pair(
                "detail.server",
                row.server.map_or_else(
                    || words.t("detail.server_unknown").into_owned(),
                    |server| phrases::ruling(&server.ruling, words),
                ),
            );
            if let Some(server) = row.server.filter(|server| server.ruling == Ruling::Replied) {
                pair("detail.delay", phrases::time(server.delay));
                pair("detail.copies", server.copies.to_string());
            }
            if let Some(exchange) = target.exchange(seq) {
                dump(
                    &words.t("detail.sent_bytes"),
                    Some(&exchange.sent),
                    scene,
                    &mut lines,
                );
                dump(
                    &words.t("detail.reply_bytes"),
                    exchange.reply.as_ref(),
                    scene,
                    &mut lines,
                );
            }
        }
    }
    Popup::new(&title, &lines)
        .styles(look.theme.text, look.theme.accent)
        .glyphs(look.glyphs)
        .render(area, buffer);
}

/// Hex and text side by side, as far as the bytes were kept.
fn dump(label: &str, excerpt: Option<&Excerpt>, scene: &Scene, lines: &mut Vec<Line<'static>>) {
    let Some(excerpt) = excerpt else { return };
    let look = scene.look;
    lines.push(Line::default());
    lines.push(Line::styled(label.to_owned(), look.theme.accent));
    for (row, bytes) in excerpt.bytes().chunks(DUMP).enumerate() {
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let text: String = bytes
            .iter()
            .map(|&byte| {
                if byte.is_ascii_graphic() || byte == b' ' {
                    char::from(byte)
                } else {
                    '.'
                }
            })
            .collect();
        lines.push(Line::from(vec![
            Span::styled(format!("{:04x}  ", row * DUMP), look.theme.dim),
            Span::styled(format!("{:<48}", hex.join(" ")), look.theme.text),
            Span::styled(text, look.theme.strong),
        ]));
    }
}

/// What happened, as one would tell it in class.
fn story(row: &Row, tab: &PingTab, words: Words) -> String {
    let record = &row.record;
    let rtt = record.rtt.map_or_else(
        || phrases::NOTHING.to_owned(),
        |rtt| phrases::rtt(rtt, tab.clock_step),
    );
    let timeout = phrases::setting(tab.pace.timeout);
    let server = row.server.map(|server| server.ruling);
    let mut story = match (record.outcome, server) {
        (Outcome::InFlight, _) => words.t("story.in_flight").into_owned(),
        (Outcome::Replied, _) => words.fill("story.replied", &[("rtt", &rtt)]),
        (Outcome::Late, _) => words.fill("story.late", &[("rtt", &rtt), ("timeout", &timeout)]),
        (Outcome::Refused, _) => words.t("story.refused").into_owned(),
        (
            Outcome::Lost,
            Some(Ruling::Lost {
                leg: Leg::Request,
                why,
            }),
        ) => words.fill(
            "story.request_lost",
            &[("why", &phrases::why(why, words)), ("timeout", &timeout)],
        ),
        (
            Outcome::Lost,
            Some(Ruling::Lost {
                leg: Leg::Reply,
                why,
            }),
        ) => words.fill(
            "story.reply_lost",
            &[("why", &phrases::why(why, words)), ("timeout", &timeout)],
        ),
        (Outcome::Lost, Some(Ruling::QueueFull { .. })) => words.t("story.queue_full").into_owned(),
        (Outcome::Lost, Some(Ruling::Refused(refusal))) => words.fill(
            "story.server_refused",
            &[("why", &phrases::refusal(refusal, words))],
        ),
        (Outcome::Lost, Some(Ruling::Replied)) => words.t("story.lost_after_reply").into_owned(),
        (Outcome::Lost, None) => words.fill("story.lost_unknown", &[("timeout", &timeout)]),
    };
    for (key, holds) in [
        ("story.duplicated", record.duplicates > 0),
        ("story.reordered", record.reordered),
        ("story.damaged", record.damaged),
    ] {
        if holds {
            story.push(' ');
            story.push_str(&words.t(key));
        }
    }
    escape_hostile(story.as_bytes()).into_owned()
}
