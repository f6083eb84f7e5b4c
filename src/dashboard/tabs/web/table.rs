//! The request log as a table: what is going on at the top, below it what is done, newest first. Only the rows on screen are put into words.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::StatefulWidget;

use super::filter::Subject;
use super::log::{Row, Sort, part};
use super::model::ServerState;
use super::{RowKey, WebTab, fields, urls};
use crate::dashboard::tabs::panel::{Scene, Title, frame, list_title, say_in_the_middle};
use crate::dashboard::widgets::list::{self, Rows, Table, Width};
use crate::dashboard::widgets::text::{self, Align};
use crate::proto::http::rule::Rule;
use crate::proto::http::service::Mode;
use crate::proto::http::status::{Class, Status};
use crate::trace::escape::escape_hostile;
use crate::trace::web::{ConnectionId, ConnectionState, Ending, Message, Phase};
use crate::words::{Words, phrases};

/// Bytes of a request that is no HTTP that a row shows.
const EXCERPT: usize = 60;
/// Up to this width a reason stands before the target.
const SHORT_NOTE: usize = 26;
/// From these widths on rows have more columns.
const MIDDLE: u16 = 66;
const WIDE: u16 = 100;

/// What a column shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Time,
    Client,
    Method,
    Target,
    Status,
    Kind,
    Bytes,
    Duration,
    Waited,
    Number,
}

impl Cell {
    fn title(self) -> &'static str {
        match self {
            Cell::Time => "web.column.time",
            Cell::Client => "web.column.client",
            Cell::Method => "web.column.method",
            Cell::Target => "web.column.target",
            Cell::Status => "web.column.status",
            Cell::Kind => "web.column.kind",
            Cell::Bytes => "web.column.bytes",
            Cell::Duration => "web.column.duration",
            Cell::Waited => "web.column.waited",
            Cell::Number => "web.column.number",
        }
    }

    fn align(self) -> Align {
        match self {
            Cell::Bytes | Cell::Duration | Cell::Waited | Cell::Number => Align::Right,
            _ => Align::Left,
        }
    }
}

/// The columns that a panel of that width holds.
fn columns(width: u16, tab: &WebTab) -> Vec<(Cell, Width)> {
    use Cell::{Bytes, Client, Duration, Kind, Method, Number, Status, Target, Time, Waited};
    let fixed = |cell, width| (cell, Width::Fixed(width));
    let client = match &tab.live.server {
        ServerState::Listening { address, .. } if address.ip().is_loopback() => 6,
        _ => 15,
    };
    // As wide as the newest row needs it, within reason.
    let log = &tab.shown().log;
    let newest = log.id_at(Sort::Time, 0).and_then(|id| log.row(id));
    let number = newest.map_or(0, |row| {
        number_text(row.exchange.connection, row.exchange.number).len()
    });
    let number = number.clamp(6, 12) as u16;
    let target = (Target, Width::Flex(1));
    match width {
        WIDE.. => vec![
            fixed(Time, 12),
            fixed(Client, client),
            fixed(Method, 7),
            target,
            fixed(Status, 5),
            fixed(Kind, 12),
            fixed(Bytes, 8),
            fixed(Duration, 8),
            fixed(Waited, 8),
            fixed(Number, number.max(7)),
        ],
        MIDDLE.. => {
            // Where connections stand in line, how long they do says more than who they are.
            let third = match tab.shown().service.mode {
                Mode::OneAtATime => fixed(Waited, 8),
                Mode::Concurrent => fixed(Client, client),
            };
            vec![
                fixed(Time, 8),
                fixed(Method, 6),
                target,
                fixed(Status, 5),
                fixed(Bytes, 8),
                fixed(Duration, 8),
                third,
                fixed(Number, number),
            ]
        }
        _ => vec![
            fixed(Time, 8),
            fixed(Method, 4),
            target,
            fixed(Status, 5),
            fixed(Duration, 8),
            fixed(Number, number),
        ],
    }
}

/// A row of either kind as the columns need it.
struct Shown<'a> {
    at: Duration,
    client: SocketAddr,
    method: &'a [u8],
    target: &'a [u8],
    /// What stands beside the target: why it was refused, or what is going on.
    note: Option<Cow<'static, str>>,
    status: Option<Status>,
    phase: Option<Phase>,
    kind: Option<&'a [u8]>,
    bytes: Cow<'static, str>,
    duration: Duration,
    waited: Duration,
    connection: ConnectionId,
    number: u32,
    marked: bool,
    /// Nothing was ever asked.
    unheard: bool,
    /// The answer was not sent to its end.
    cut_short: bool,
}

impl<'a> Shown<'a> {
    fn done(row: &'a Row, words: Words) -> Self {
        let exchange = &*row.exchange;
        let method = part(&exchange.request, &exchange.parts.method);
        let target = part(&exchange.request, &exchange.parts.target);
        let target = if target.is_empty() {
            first_line(&exchange.request, method.len())
        } else {
            target
        };
        let note = match exchange.ending {
            _ if row.unheard.is_some() => row.unheard.map(|cause| phrases::cause(cause, words)),
            Ending::Complete => exchange
                .rule
                .filter(|rule| is_worth_saying(*rule, exchange.status))
                .map(|rule| Cow::Borrowed(rule.name())),
            ending => Some(phrases::ending(ending, words)),
        };
        Self {
            at: exchange.timing.arrived,
            client: exchange.client,
            method,
            target,
            note,
            status: exchange.status,
            phase: None,
            kind: fields::value(&exchange.response.bytes, "content-type"),
            bytes: phrases::size(exchange.content_sent).into(),
            duration: exchange.timing.duration(),
            waited: exchange.timing.waited(),
            connection: exchange.connection,
            number: exchange.number,
            marked: row.marked,
            unheard: row.unheard.is_some(),
            cut_short: exchange.ending != Ending::Complete,
        }
    }

    fn live(state: &'a ConnectionState, now: Duration, words: Words) -> Self {
        let since = match state.phase {
            Phase::InLine | Phase::Silent => state.opened,
            _ => state.first_byte.unwrap_or(state.since),
        };
        let duration = now.saturating_sub(since);
        let bytes = match state.phase {
            Phase::Sending if state.to_send > 0 => {
                let share = state.sent as f64 / state.to_send as f64;
                format!("{:.0} %", (share * 100.0).min(100.0)).into()
            }
            Phase::Reading => phrases::size(state.request.length).into(),
            _ => Cow::Borrowed(phrases::NOTHING),
        };
        let waited = match state.phase {
            Phase::InLine => duration,
            _ => Duration::ZERO,
        };
        let method = part(&state.request, &state.parts.method);
        let target = part(&state.request, &state.parts.target);
        Self {
            at: since,
            client: state.client,
            method,
            target: if target.is_empty() {
                first_line(&state.request, method.len())
            } else {
                target
            },
            note: Some(phrases::phase(state.phase, words)),
            status: state.status,
            phase: Some(state.phase),
            kind: None,
            bytes,
            duration,
            waited,
            connection: state.connection,
            number: state.requests,
            marked: false,
            unheard: false,
            cut_short: false,
        }
    }

    fn cell(&self, cell: Cell, width: Width, tab: &WebTab, scene: &Scene) -> Line<'static> {
        let look = scene.look;
        let theme = &look.theme;
        match cell {
            Cell::Time => {
                let at = match width {
                    Width::Fixed(..12) => scene.clock.time_of_day_in_seconds(self.at),
                    _ => scene.clock.time_of_day(self.at),
                };
                Line::styled(at, theme.dim)
            }
            Cell::Client => Line::styled(client_text(self.client, width), theme.text),
            Cell::Method => Line::styled(escape_hostile(self.method).into_owned(), theme.text),
            Cell::Target => self.target_line(scene),
            Cell::Status => self.status_line(scene),
            Cell::Kind => {
                let kind = self.kind.unwrap_or_default();
                let end = kind.iter().position(|byte| *byte == b';');
                let kind = &kind[..end.unwrap_or(kind.len())];
                Line::styled(escape_hostile(kind).into_owned(), theme.dim)
            }
            Cell::Bytes => Line::styled(self.bytes.to_string(), theme.text),
            Cell::Duration => {
                Line::styled(phrases::time(self.duration), theme.duration(self.duration))
            }
            Cell::Waited if self.waited < Duration::from_micros(100) => {
                Line::styled(phrases::NOTHING, theme.dim)
            }
            Cell::Waited => Line::styled(phrases::time(self.waited), theme.duration(self.waited)),
            Cell::Number => {
                let lit = tab.lit == Some(self.connection);
                let style = if lit { theme.accent } else { theme.dim };
                let number = number_text(self.connection, self.number);
                Line::styled(number, style)
            }
        }
    }

    fn target_line(&self, scene: &Scene) -> Line<'static> {
        let look = scene.look;
        let theme = &look.theme;
        let mut line = Line::default();
        if self.marked {
            let sign = look.signs.marked();
            line.push_span(Span::styled(format!("{sign} "), theme.accent));
        }
        let note = self.note.as_ref().map(|note| {
            let style = match self.phase {
                Some(phase) => theme.phase(phase),
                None if self.unheard => theme.dim,
                None => theme.class(self.status.map(Status::class)),
            };
            Span::styled(format!("{note} "), style)
        });
        let target = escape_hostile(self.target).into_owned();
        let target = Span::styled(format!("{target} "), theme.strong);
        // A reason of one word goes first: a target can be as long as its client likes.
        let (first, second) = match note {
            Some(note) if !self.target.is_empty() && text::width(&note.content) > SHORT_NOTE => {
                (Some(target), Some(note))
            }
            note => (note, Some(target)),
        };
        line.spans.extend(first);
        line.spans.extend(second);
        line
    }

    fn status_line(&self, scene: &Scene) -> Line<'static> {
        let look = scene.look;
        if let (Some(phase), None) = (self.phase, self.status) {
            let sign = look.signs.phase(phase);
            return Line::styled(format!("{sign}{sign}{sign}"), look.theme.phase(phase));
        }
        if self.unheard {
            return Line::styled(phrases::NOTHING, look.theme.dim);
        }
        let class = self.status.map(Status::class);
        let code = self.status.map_or_else(
            || phrases::NOTHING.to_owned(),
            |status| status.code().to_string(),
        );
        let (sign, style) = match self.phase {
            Some(phase) => (look.signs.phase(phase), look.theme.class(class)),
            None if self.cut_short => (look.signs.lane_end(false), look.theme.bad),
            None => (look.signs.class(class), look.theme.class(class)),
        };
        Line::styled(format!("{sign} {code}"), style)
    }
}

/// What a filter looks at in a request that still goes on.
pub fn subject(state: &ConnectionState) -> Subject<'_> {
    Subject {
        status: state.status,
        method: part(&state.request, &state.parts.method),
        target: part(&state.request, &state.parts.target),
        user_agent: state
            .parts
            .user_agent
            .as_ref()
            .map_or(b"", |range| part(&state.request, range)),
        client: state.client,
        connection: state.connection,
        rule: "",
        marked: false,
    }
}

/// The first line of a request whose target could not be told, without the method before it, which has a column of its own.
fn first_line(request: &Message, method: usize) -> &[u8] {
    let bytes = request.bytes[..request.bytes.len().min(EXCERPT)].trim_ascii_start();
    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    let line = &bytes[..end.unwrap_or(bytes.len())];
    line.get(method..).unwrap_or(line).trim_ascii()
}

/// A status says enough of a page that is there, and of one that is not.
fn is_worth_saying(rule: Rule, status: Option<Status>) -> bool {
    let is_error = status
        .is_none_or(|status| matches!(status.class(), Class::ClientError | Class::ServerError));
    is_error && rule != Rule::NotFound
}

/// A request by its connection and its place on it; 0 where none has begun.
pub fn number_text(connection: ConnectionId, number: u32) -> String {
    match number {
        0 => format!("#{connection}"),
        number => format!("#{connection}.{number}"),
    }
}

/// As much of an address as the column holds: its port, the address, or both.
fn client_text(client: SocketAddr, width: Width) -> String {
    let room = match width {
        Width::Fixed(width) => usize::from(width),
        Width::Flex(_) => usize::MAX,
    };
    let whole = client.to_string();
    let ip = client.ip().to_string();
    if whole.len() <= room {
        whole
    } else if room > 6 {
        ip
    } else {
        format!(":{}", client.port())
    }
}

/// Draws the log.
pub fn draw(tab: &mut WebTab, focused: bool, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let look = scene.look;
    let sort = tab.sort;
    tab.shown_mut().log.rank(sort);
    let inside = frame(title(tab, focused, scene), focused, scene, area, buffer);
    if let Some(lines) = why_empty(tab, look.words) {
        say_in_the_middle(&lines, scene, inside, buffer);
        return;
    }
    let table = draw_rule(tab, scene, inside, buffer);
    // Under the titles of the columns.
    tab.list_at = Rect {
        y: table.y + 1,
        height: table.height.saturating_sub(1),
        ..table
    };
    let rows = tab.row_keys();
    tab.settle_selection(&rows);
    if tab.log_len(&rows) == 0 {
        let line = look.words.t("web.no_match").into_owned();
        say_in_the_middle(&[line], scene, table, buffer);
        return;
    }
    let mut state = tab.list.clone();
    {
        let tab = &*tab;
        let shown = columns(table.width, tab);
        let titles: Vec<Cow<str>> = shown
            .iter()
            .map(|(cell, _)| look.words.t(cell.title()))
            .collect();
        let columns: Vec<list::Column> = shown
            .iter()
            .zip(&titles)
            .map(|((cell, width), title)| list::Column {
                title,
                width: *width,
                align: cell.align(),
            })
            .collect();
        let id = |number: usize| tab.list_id(&rows, number);
        let cells = |number: usize| {
            let row = match tab.key_at(&rows, number) {
                Some(RowKey::Done(id)) => {
                    let row = tab.shown().log.row(id);
                    row.map(|row| Shown::done(row, look.words))
                }
                Some(RowKey::Live(connection)) => {
                    let state = tab.shown().live_state(connection);
                    state.map(|state| Shown::live(state, scene.now, look.words))
                }
                None => None,
            };
            row.map(|row| {
                shown
                    .iter()
                    .map(|(cell, width)| row.cell(*cell, *width, tab, scene))
                    .collect()
            })
            .unwrap_or_default()
        };
        Table::new(
            &columns,
            Rows {
                len: tab.log_len(&rows),
                id: &id,
            },
            &cells,
        )
        .header(look.theme.dim)
        .glyphs(look.glyphs)
        .selected_style(look.theme.selected)
        .render(table, buffer, &mut state);
    }
    tab.list = state;
    tab.read_selection(&rows);
}

fn title<'a>(tab: &WebTab, focused: bool, scene: &Scene<'a>) -> Title<'a> {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let model = tab.shown();
    let log = &model.log;
    let mut title = Title::new(look, words.t("panel.web_log").into_owned(), focused);
    if let Some(filter) = log.filter() {
        let count = words.fill(
            "web.log.passing",
            &[("count", &log.len()), ("all", &log.kept())],
        );
        let text = escape_hostile(filter.text()).into_owned();
        title = title
            .figure("", &count)
            .say(format!("/{text}"), theme.accent);
    }
    if let Some(key) = sort_key(tab.sort) {
        title = title.say(words.t(key).into_owned(), theme.accent);
    }
    if !model.live.is_empty() {
        let count = model.live.len();
        title = title.say(
            words.fill("web.log.live", &[("count", &count)]),
            theme.warning,
        );
    }
    list_title(title, model.left_out, tab.list.is_following(), scene)
}

fn sort_key(sort: Sort) -> Option<&'static str> {
    match sort {
        Sort::Time => None,
        Sort::Duration => Some("web.sort.duration"),
        Sort::Bytes => Some("web.sort.bytes"),
        Sort::Status => Some("web.sort.status"),
    }
}

/// Why there is nothing in the log, and what to do about it.
fn why_empty(tab: &WebTab, words: Words) -> Option<Vec<String>> {
    let model = tab.shown();
    if !model.log.is_empty() || !model.live.is_empty() {
        return None;
    }
    let mut lines = match &model.server {
        ServerState::Starting => return Some(vec![words.t("status.web_starting").into_owned()]),
        ServerState::Untold => return Some(vec![words.t("replay.no_web").into_owned()]),
        ServerState::Listening { address, .. } => {
            let url = urls::url(crate::settings::local(*address));
            return Some(vec![
                words.fill("web.empty", &[("url", &url)]),
                words.t("web.empty_sender").into_owned(),
            ]);
        }
        ServerState::CannotStart(error) => phrases::start_error(error, words),
        ServerState::Failed(error) => {
            let error = escape_hostile(error.as_bytes());
            vec![words.fill("status.web_died", &[("error", &error)])]
        }
    };
    lines.push(words.t("start.keys").into_owned());
    Some(lines)
}

/// Under the table, in a sentence, how the selected row ended badly, or what decided its status; returns what is left for the table.
fn draw_rule(tab: &WebTab, scene: &Scene, inside: Rect, buffer: &mut Buffer) -> Rect {
    const ROWS: u16 = 2;
    let Some(RowKey::Done(id)) = tab.selected else {
        return inside;
    };
    let Some(row) = tab.shown().log.row(id) else {
        return inside;
    };
    let look = scene.look;
    let exchange = &row.exchange;
    let class = exchange.status.map(Status::class);
    let bad = (look.signs.lane_end(false), look.theme.bad);
    let ((sign, style), sentence, source) = match (row.unheard, exchange.ending, exchange.rule) {
        (Some(cause), _, _) => (bad, phrases::cause(cause, look.words), None),
        (None, Ending::Complete, Some(rule)) => {
            let usual = (look.signs.class(class), look.theme.class(class));
            let sentence = phrases::rule(rule, look.words);
            (usual, sentence, Some(rule.source()))
        }
        (None, Ending::Complete, None) => return inside,
        (None, ending, _) => (bad, phrases::ending(ending, look.words), None),
    };
    if inside.height <= 3 * ROWS {
        return inside;
    }
    let mut line = Line::from(vec![
        Span::styled(format!("{sign} "), style),
        Span::styled(sentence.into_owned(), look.theme.text),
    ]);
    if let Some(source) = source {
        line.push_span(Span::styled(format!(" ({source})"), look.theme.dim));
    }
    let top = inside.bottom() - ROWS;
    let wrapped = text::wrap(&line, usize::from(inside.width.max(1)));
    for (row, y) in wrapped.iter().zip(top..inside.bottom()) {
        text::draw_line(
            buffer,
            (inside.x, y),
            inside.width,
            row,
            Align::Left,
            look.glyphs,
        );
    }
    Rect {
        height: inside.height - ROWS,
        ..inside
    }
}
