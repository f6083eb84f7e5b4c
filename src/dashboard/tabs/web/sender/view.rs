//! How the request sender looks: the ready-made requests and the text at the left, the transcript at the right.

use ratatui::buffer::Buffer;
use ratatui::layout::Constraint::{Fill, Length};
use ratatui::layout::{Layout, Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::transcript::{Side, Transcript, Turn};
use super::{Field, Origin, Sender};
use crate::dashboard::tabs::panel::{Scene, Title, frame};
use crate::dashboard::tabs::web::raw;
use crate::dashboard::widgets::text::{self, Align};
use crate::proto::http::script::{Pace, presets};
use crate::trace::escape::escape_hostile;
use crate::trace::web::SenderEnd;
use crate::words::{Words, phrases};

/// Rows of target and pace with their border.
const FORM_ROWS: u16 = 4;
/// Rows of what is said about the chosen request.
const ABOUT_ROWS: u16 = 3;

/// Draws the sender; tells where the terminal's cursor belongs.
pub fn draw(
    sender: &mut Sender,
    scene: &Scene,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let left_width = (area.width / 2).min(64);
    let [left, right] = area.layout(&Layout::horizontal([Length(left_width), Fill(1)]));
    let whole_list = presets().len() as u16 + 1 + ABOUT_ROWS + 2;
    let list = whole_list.min(left.height.saturating_sub(FORM_ROWS) / 2);
    let [form, list, text] = left.layout(&Layout::vertical([
        Length(FORM_ROWS),
        Length(list),
        Fill(1),
    ]));
    let in_form = draw_form(sender, scene, form, buffer);
    draw_presets(sender, scene, list, buffer);
    let in_text = draw_text(sender, scene, text, buffer);
    draw_transcript(sender, scene, right, buffer);
    match sender.field {
        Field::Target => in_form,
        Field::Text => in_text,
        Field::Presets | Field::Pace | Field::Transcript => None,
    }
}

fn draw_form(sender: &Sender, scene: &Scene, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let focused = matches!(sender.field, Field::Target | Field::Pace);
    let title = Title::new(look, words.t("web.sender.title").into_owned(), focused);
    let inside = frame(title, focused, scene, area, buffer);
    let label_width = ["web.sender.target", "web.sender.pace"]
        .map(|key| text::width(&words.t(key)))
        .into_iter()
        .max()
        .unwrap_or(0);
    let label = |field, key: &str| {
        let chosen = sender.field == field;
        let sign = if chosen { look.signs.selected() } else { ' ' };
        let style = if chosen { theme.accent } else { theme.dim };
        let label = text::fit(&words.t(key), label_width, Align::Left, look.glyphs);
        Span::styled(format!("{sign}{label} "), style)
    };
    let typed = sender.target.value();
    let room = usize::from(inside.width).saturating_sub(label_width + 3);
    // A name longer than the field shows its end, where it is typed.
    let skipped = typed.chars().count().saturating_sub(room);
    let shown: String = typed.chars().skip(skipped).collect();
    let before: String = typed
        .chars()
        .take(sender.target.cursor())
        .skip(skipped)
        .collect();
    let pace = pace_text(sender.pace, words);
    let rows = [
        Line::from(vec![
            label(Field::Target, "web.sender.target"),
            Span::styled(shown, theme.strong),
        ]),
        Line::from(vec![
            label(Field::Pace, "web.sender.pace"),
            Span::styled(pace, theme.strong),
        ]),
    ];
    draw_rows(&rows, inside, scene, buffer);
    let column = label_width + 2 + text::width(&before);
    let column = u16::try_from(column).ok().filter(|c| *c < inside.width)?;
    Some(Position::new(inside.x + column, inside.y))
}

fn pace_text(pace: Pace, words: Words) -> String {
    let name = words.t(pace.key());
    match pace {
        Pace::AtOnce | Pace::Silent => name.into_owned(),
        Pace::Lines { every } | Pace::Trickle { every } => {
            format!("{name}, {}", phrases::setting(every))
        }
    }
}

fn draw_rows(rows: &[Line], inside: Rect, scene: &Scene, buffer: &mut Buffer) {
    for (row, y) in rows.iter().zip(inside.y..inside.bottom()) {
        text::draw_line(
            buffer,
            (inside.x, y),
            inside.width,
            row,
            Align::Left,
            scene.look.glyphs,
        );
    }
}

fn draw_presets(sender: &Sender, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let focused = sender.field == Field::Presets;
    let title = Title::new(look, words.t("web.sender.presets").into_owned(), focused);
    let inside = frame(title, focused, scene, area, buffer);
    let chosen = match sender.origin {
        Origin::Own => 0,
        Origin::Preset(place) => place + 1,
    };
    let about = match sender.origin {
        Origin::Own => words.t("web.sender.own_about"),
        Origin::Preset(place) => words.t(&format!("sender.about.{}", presets()[place].id)),
    };
    let about = text::wrap(
        &Line::styled(format!(" {about}"), theme.dim),
        usize::from(inside.width.max(1)),
    );
    let about_rows = (about.len() as u16).min(ABOUT_ROWS).min(inside.height / 2);
    let [list, under] = inside.layout(&Layout::vertical([Fill(1), Length(about_rows)]));
    let names = std::iter::once(words.t("web.sender.own").into_owned()).chain(
        presets().iter().map(|preset| {
            words
                .t(&format!("sender.preset.{}", preset.id))
                .into_owned()
        }),
    );
    let rows: Vec<Line> = names
        .enumerate()
        .map(|(place, name)| {
            let (sign, style) = if place == chosen {
                (look.signs.selected(), theme.accent)
            } else {
                (' ', theme.text)
            };
            Line::styled(format!("{sign}{name}"), style)
        })
        .collect();
    let height = usize::from(list.height);
    let first = (chosen + 1).saturating_sub(height.div_ceil(2) + 1);
    let first = first.min(rows.len().saturating_sub(height));
    draw_rows(&rows[first..], list, scene, buffer);
    draw_rows(&about, under, scene, buffer);
}

fn draw_text(
    sender: &mut Sender,
    scene: &Scene,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let focused = sender.field == Field::Text;
    let title = Title::new(look, words.t("web.sender.text").into_owned(), focused)
        .say(words.t("web.sender.notation").into_owned(), theme.dim);
    let mut inside = frame(title, focused, scene, area, buffer);
    if let Some(error) = &sender.error {
        let line = Line::styled(format!("{} {error}", look.signs.warning()), theme.bad);
        let rows = text::wrap(&line, usize::from(inside.width.max(1)));
        let height = (rows.len() as u16).min(inside.height / 2);
        inside.height -= height;
        let below = Rect {
            y: inside.bottom(),
            height,
            ..inside
        };
        draw_rows(&rows, below, scene, buffer);
    }
    sender
        .editor
        .render(inside, buffer, theme.text, theme.selected);
    let (x, y) = sender.editor.cursor_cell(inside)?;
    Some(Position::new(x, y))
}

fn draw_transcript(sender: &mut Sender, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let focused = sender.field == Field::Transcript;
    let mut title = Title::new(look, words.t("web.sender.transcript").into_owned(), focused);
    let count = sender.transcripts.len();
    if count > 1 {
        title = title.figure("", &format!("{}/{count}", count - sender.back));
    }
    let Some(transcript) = sender.front() else {
        let inside = frame(title, focused, scene, area, buffer);
        let line = Line::styled(words.t("web.sender.nothing_sent"), theme.dim);
        draw_rows(
            &text::wrap(&line, usize::from(inside.width.max(1))),
            inside,
            scene,
            buffer,
        );
        return;
    };
    let title = title.figure("", &escape_hostile(&transcript.target.to_string()));
    let inside = frame(title, focused, scene, area, buffer);
    let lines = transcript_lines(transcript, inside.width, scene);
    let most = lines.len().saturating_sub(usize::from(inside.height));
    let first = sender.scroll.unwrap_or(usize::MAX).min(most);
    draw_rows(&lines[first..], inside, scene, buffer);
    // At the end it follows again.
    sender.scroll = sender.scroll.map(|_| first).filter(|first| *first < most);
}

fn transcript_lines(transcript: &Transcript, width: u16, scene: &Scene) -> Vec<Line<'static>> {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let mut lines = Vec::new();
    let began = transcript.began();
    match &transcript.connected {
        Some((at, local, target)) => lines.push(Line::styled(
            format!(
                "{} {local} {} {target}",
                scene.clock.time_of_day(*at),
                look.signs.arrow()
            ),
            theme.dim,
        )),
        None if transcript.is_going_on() => {
            lines.push(Line::styled(words.t("web.sender.connecting"), theme.dim));
        }
        None => {}
    }
    for turn in &transcript.turns {
        lines.push(Line::default());
        lines.push(turn_line(turn, began, scene));
        let parts = raw::parts(&turn.bytes, turn.side == Side::Ours, theme);
        lines.extend(raw::lines(
            &turn.bytes,
            &parts,
            None,
            turn.length,
            width,
            scene,
        ));
    }
    lines.push(Line::default());
    match &transcript.end {
        Some((at, end)) => lines.push(end_line(end, since(*at, began), scene)),
        None if transcript.connected.is_some() => {
            let waited = phrases::time(scene.now.saturating_sub(began.unwrap_or(scene.now)));
            lines.push(Line::styled(
                words.fill("web.sender.waiting", &[("time", &waited)]),
                theme.warning,
            ));
        }
        None => {}
    }
    for (answer, remark) in transcript.remarks() {
        let deviation = remark.deviation;
        let text = words.fill(
            "web.sender.remark",
            &[
                ("answer", &(answer + 1)),
                ("at", &remark.offset),
                ("remark", &words.t(&format!("remark.{}", deviation.name()))),
                ("source", &deviation.source()),
            ],
        );
        let line = Line::styled(format!("{} {text}", look.signs.warning()), theme.warning);
        lines.extend(text::wrap(&line, usize::from(width.max(1))));
    }
    lines
}

fn since(at: std::time::Duration, began: Option<std::time::Duration>) -> String {
    let since = at.saturating_sub(began.unwrap_or(at));
    format!("+{}", phrases::time(since))
}

/// Who sends how much from when to when.
fn turn_line(turn: &Turn, began: Option<std::time::Duration>, scene: &Scene) -> Line<'static> {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let (key, style): (_, Style) = match turn.side {
        Side::Ours => ("web.sender.sent", theme.accent),
        Side::Theirs => ("web.sender.received", theme.good),
    };
    let mut when = since(turn.first_at, began);
    if turn.last_at > turn.first_at {
        when = format!("{when} … {}", since(turn.last_at, began));
    }
    let mut line = Line::styled(
        words.fill(key, &[("size", &phrases::size(turn.length))]),
        style,
    );
    line.push_span(Span::styled(format!("  {when}"), theme.dim));
    if turn.pieces > 1 {
        let pieces = words.fill("web.sender.pieces", &[("count", &turn.pieces)]);
        line.push_span(Span::styled(format!("  {pieces}"), theme.dim));
    }
    line
}

fn end_line(end: &SenderEnd, when: String, scene: &Scene) -> Line<'static> {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let (style, text) = match end {
        SenderEnd::Complete => (theme.good, words.t("web.end.complete").into_owned()),
        SenderEnd::ServerClosed => (theme.text, words.t("web.end.closed").into_owned()),
        SenderEnd::Reset => (theme.bad, words.t("web.end.reset").into_owned()),
        SenderEnd::TimedOut => (theme.warning, words.t("web.end.timed_out").into_owned()),
        SenderEnd::Stopped => (theme.dim, words.t("web.end.stopped").into_owned()),
        SenderEnd::CannotConnect(error) => (
            theme.bad,
            words.fill(
                "web.end.cannot_connect",
                &[("error", &escape_hostile(error))],
            ),
        ),
        SenderEnd::Failed(error) => (
            theme.bad,
            words.fill("web.end.failed", &[("error", &escape_hostile(error))]),
        ),
    };
    Line::from(vec![
        Span::styled(text, style),
        Span::styled(format!("  {when}"), theme.dim),
    ])
}
