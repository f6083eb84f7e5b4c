//! The list of the Wire tab: a row a call, a message, a note or a gap, in the order of time.

use std::net::SocketAddr;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::StatefulWidget;

use super::row::{Fate, Flow, Kind, Message, Row, What};
use super::{Times, WireTab};
use crate::dashboard::tabs::panel::{Scene, Title, frame, list_title, say_in_the_middle};
use crate::dashboard::widgets::list::{Column, Rows, Table, Width};
use crate::dashboard::widgets::text::Align;
use crate::proto::http::status::Status;
use crate::proto::ping::Outcome;
use crate::proto::smtp::code::Code;
use crate::trace::escape::escape_hostile;
use crate::trace::mail::Speaker;
use crate::trace::start_error::Transport;
use crate::trace::wire::{Call, End, SocketEvent};
use crate::words::phrases;

/// Below this width the list leaves out the lab, the length, which the bytes tell, and the fractions of a time of day.
const NARROW: u16 = 72;
/// Bytes of a payload that a row shows.
const EXCERPT: usize = 96;

pub fn draw(tab: &mut WireTab, focused: bool, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let inside = frame(title(tab, focused, scene), focused, scene, area, buffer);
    tab.list_at = Rect::ZERO;
    if let Some(lines) = why_empty(tab, scene) {
        say_in_the_middle(&lines, scene, inside, buffer);
        return;
    }
    let narrow = inside.width < NARROW;
    let header = u16::from(inside.height > 1);
    tab.list_at = Rect {
        y: inside.y + header,
        height: inside.height - header,
        ..inside
    };
    let mut state = tab.list.clone();
    let (log, times) = (&tab.log, tab.times);
    let id = |place: usize| log.entry(place).map_or(0, |entry| entry.key);
    let cells = |place: usize| {
        let before = place.checked_sub(1).and_then(|place| log.shown(place));
        let row = log.shown(place);
        row.map(|row| cells(row, before, times, narrow, scene))
            .unwrap_or_default()
    };
    let words = scene.look.words;
    let titles = [
        words.t(times.title()),
        words.t("wire.column.lab"),
        words.t("wire.column.connection"),
        words.t("wire.column.what"),
        words.t("wire.column.length"),
        words.t("wire.column.summary"),
    ];
    let columns = columns(&titles, narrow);
    let len = log.len();
    Table::new(&columns, Rows { len, id: &id }, &cells)
        .header(scene.look.theme.dim)
        .glyphs(scene.look.glyphs)
        .selected_style(scene.look.theme.selected)
        .render(inside, buffer, &mut state);
    tab.list = state;
}

fn columns<'a>(titles: &'a [std::borrow::Cow<'_, str>; 6], narrow: bool) -> Vec<Column<'a>> {
    let [time, lab, connection, what, length, summary] = titles;
    let column = |title, width, align| Column {
        title,
        width,
        align,
    };
    let mut columns = vec![
        column("", Width::Fixed(1), Align::Left),
        column(time, Width::Fixed(if narrow { 9 } else { 12 }), Align::Left),
    ];
    if !narrow {
        columns.push(column(lab, Width::Fixed(4), Align::Left));
    }
    columns.extend([
        column(connection, Width::Fixed(13), Align::Left),
        column(what, Width::Fixed(8), Align::Left),
    ]);
    if !narrow {
        columns.push(column(length, Width::Fixed(6), Align::Right));
    }
    columns.push(column(summary, Width::Flex(1), Align::Left));
    columns
}

fn title<'a>(tab: &WireTab, focused: bool, scene: &Scene<'a>) -> Title<'a> {
    let (look, words) = (scene.look, scene.look.words);
    let name = words.t("wire.list.title").into_owned();
    let (log, sieve) = (&tab.log, tab.log.sieve());
    let mut title = Title::new(look, name, focused);
    let kept = phrases::grouped(log.kept() as u64);
    title = match sieve.is_open() {
        true => title.figure("", &kept),
        false => title.figure(
            "",
            &format!("{}/{kept}", phrases::grouped(log.len() as u64)),
        ),
    };
    if let Some(only) = &sieve.only {
        title = title.say(connection(only, scene), look.theme.warning);
    }
    if let Some(filter) = &sieve.filter {
        title = title.say(
            format!("/{}", escape_hostile(filter.text())),
            look.theme.warning,
        );
    }
    title = list_title(title, tab.left_out, tab.list.is_following(), scene);
    if log.forgotten() > 0 {
        let count = phrases::grouped(log.forgotten());
        let text = words.fill("wire.list.forgotten", &[("count", &count)]);
        title = title.say(text, look.theme.dim);
    }
    title
}

/// What to say where there is no row.
fn why_empty(tab: &WireTab, scene: &Scene) -> Option<Vec<String>> {
    if tab.log.len() > 0 {
        return None;
    }
    let keys: &[&str] = match tab.log.kept() {
        0 => &[
            "wire.empty.nothing",
            "wire.empty.ping",
            "wire.empty.web",
            "wire.empty.mail",
        ],
        // A frozen view, in which nothing had happened yet.
        _ if tab.log.sieve().is_open() => &["wire.empty.nothing"],
        _ => &["wire.empty.filtered"],
    };
    let words = scene.look.words;
    Some(keys.iter().map(|key| words.t(key).into_owned()).collect())
}

fn cells<'a>(
    row: &Row,
    before: Option<&Row>,
    times: Times,
    narrow: bool,
    scene: &Scene,
) -> Vec<Line<'a>> {
    let look = scene.look;
    let theme = &look.theme;
    let mark = match row.marked {
        true => Span::styled(look.signs.marked().to_string(), theme.accent),
        false => Span::raw(" "),
    };
    let (what, length, summary) = match &row.what {
        What::Call(call) => {
            let payload = call.call.payload().map(|payload| payload.length);
            let style = match call.error {
                Some(_) => theme.bad,
                None => theme.dim,
            };
            (
                Line::styled(call.call.name(), style),
                payload,
                called(call, scene),
            )
        }
        What::Message(message) => {
            let what = look.words.t(kind(message.kind)).into_owned();
            let what = Line::styled(what, theme.text);
            (what, Some(message.length), told(message, scene))
        }
        What::Note(text) => {
            let what = look.words.t("wire.kind.note").into_owned();
            let text = escape_hostile(text).into_owned();
            (
                Line::styled(what, theme.accent),
                None,
                Line::styled(text, theme.accent),
            )
        }
        What::LeftOut(count) => {
            let text = look.words.fill("list.left_out", &[("count", count)]);
            (Line::default(), None, Line::styled(text, theme.warning))
        }
    };
    let length = length.map_or_else(|| phrases::NOTHING.to_owned(), phrases::grouped);
    let mut cells = vec![
        Line::from(mark),
        Line::styled(time(row, before, times, narrow, scene), theme.dim),
    ];
    if !narrow {
        let lab = row.lab.map_or("", |lab| lab.name());
        cells.push(Line::styled(lab, theme.dim));
    }
    cells.extend([Line::styled(connection(&row.flow, scene), theme.dim), what]);
    if !narrow {
        cells.push(Line::styled(length, theme.dim));
    }
    cells.push(summary);
    cells
}

fn time(row: &Row, before: Option<&Row>, times: Times, narrow: bool, scene: &Scene) -> String {
    match times {
        Times::OfDay if narrow => scene.clock.time_of_day_in_seconds(row.at),
        Times::OfDay => scene.clock.time_of_day(row.at),
        Times::SinceBeginning => format!("{:.6}", row.at.as_secs_f64()),
        Times::SincePrevious => before.map_or_else(
            || phrases::NOTHING.to_owned(),
            |before| format!("+{}", phrases::time(row.at.saturating_sub(before.at))),
        ),
    }
}

/// `:54321→:12000`, as far as it is known.
fn connection(flow: &Flow, scene: &Scene) -> String {
    let port = |address: Option<SocketAddr>| address.map(|address| format!(":{}", address.port()));
    match (port(flow.client), port(flow.server)) {
        (None, None) => String::new(),
        (None, Some(server)) => server,
        (client, server) => {
            let arrow = scene.look.signs.said_by(Speaker::Client);
            let nothing = || phrases::NOTHING.to_owned();
            let (client, server) = (
                client.unwrap_or_else(nothing),
                server.unwrap_or_else(nothing),
            );
            format!("{client}{arrow}{server}")
        }
    }
}

/// The message key of what a message is.
fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Datagram => "wire.kind.datagram",
        Kind::Request => "wire.kind.request",
        Kind::Response { .. } => "wire.kind.response",
        Kind::Command => "wire.kind.command",
        Kind::Reply { .. } => "wire.kind.reply",
        Kind::Content => "wire.kind.content",
    }
}

/// Who called, and what came of it.
fn called(call: &SocketEvent, scene: &Scene) -> Line<'static> {
    let look = scene.look;
    let theme = &look.theme;
    let (end, style) = match call.end {
        End::Client => ("wire.end.client", theme.accent),
        End::Server => ("wire.end.server", theme.text),
    };
    let mut line = Line::from(Span::styled(format!("{} ", look.words.t(end)), style));
    if let Some(error) = &call.error {
        let text = format!("{} {}", look.signs.warning(), escape_hostile(&**error));
        line.push_span(Span::styled(text, theme.bad));
        return line;
    }
    let address = |address: Option<SocketAddr>| {
        address.map_or_else(
            || phrases::NOTHING.to_owned(),
            |address| address.to_string(),
        )
    };
    let text = match &call.call {
        Call::Socket => match call.transport {
            Transport::Udp => "UDP".to_owned(),
            Transport::Tcp => "TCP".to_owned(),
        },
        Call::Bind => address(call.local),
        Call::Listen { backlog } => format!("{} {backlog}", look.words.t("wire.backlog")),
        Call::Accept { .. } | Call::Connect => address(call.peer),
        Call::Send(payload)
        | Call::Recv(payload)
        | Call::SendTo(payload)
        | Call::RecvFrom(payload) => {
            let bytes = &payload.bytes[..payload.bytes.len().min(EXCERPT)];
            escape_hostile(bytes).into_owned()
        }
        Call::Shutdown | Call::Close => String::new(),
    };
    line.push_span(Span::styled(text, theme.dim));
    line
}

/// Which way a message went, what it says, and what became of it.
fn told(message: &Message, scene: &Scene) -> Line<'static> {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let (speaker, style) = match message.from {
        End::Client => (Speaker::Client, theme.accent),
        End::Server => (Speaker::Server, theme.text),
    };
    let direction = look.signs.said_by(speaker);
    let mut line = Line::from(Span::styled(format!("{direction} "), style));
    let (sign, style) = sign(message, scene);
    line.push_span(Span::styled(format!("{sign} "), style));
    if message.encrypted {
        let sign = look.signs.encrypted();
        line.push_span(Span::styled(format!("{sign} "), theme.band));
    }
    line.push_span(Span::styled(message.summary.clone(), style));
    for (sign, holds) in [
        (look.signs.reordered(), message.reordered),
        (look.signs.damaged(), message.damaged),
    ] {
        if holds {
            line.push_span(Span::styled(format!("  {sign}"), theme.odd));
        }
    }
    if message.arrived.len() > 1 {
        let text = format!("  {}{}", look.signs.duplicate(), message.arrived.len());
        line.push_span(Span::styled(text, theme.odd));
    }
    let fate = match (message.fate, message.ruling) {
        (Fate::Killed(_) | Fate::Turned, Some(ruling)) => phrases::ruling(&ruling, words),
        (Fate::Unanswered, _) => words.t("wire.fate.unanswered").into_owned(),
        (Fate::Refused, _) => words.t("wire.fate.refused").into_owned(),
        (Fate::CutShort, _) => words.t("wire.fate.cut_short").into_owned(),
        _ => return line,
    };
    let fate = escape_hostile(&fate).into_owned();
    line.push_span(Span::styled(format!("  {fate}"), theme.bad));
    line
}

/// The sign and the style of what became of a message; where it has a code, of that.
fn sign(message: &Message, scene: &Scene) -> (char, Style) {
    let look = scene.look;
    let went_well = matches!(message.fate, Fate::InFlight | Fate::Arrived);
    match message.kind {
        Kind::Response { status } if went_well => {
            let class = Status::new(status).map(Status::class);
            (look.signs.class(class), look.theme.class(class))
        }
        Kind::Reply { code } if went_well => {
            let class = Code(code).class();
            (look.signs.reply_class(class), look.theme.reply_class(class))
        }
        _ => {
            let outcome = match message.fate {
                Fate::InFlight => Outcome::InFlight,
                Fate::Arrived => Outcome::Replied,
                Fate::Late => Outcome::Late,
                Fate::Killed(_) | Fate::Unanswered | Fate::CutShort => Outcome::Lost,
                Fate::Turned | Fate::Refused => Outcome::Refused,
            };
            (look.signs.outcome(outcome), look.theme.outcome(outcome))
        }
    }
}
