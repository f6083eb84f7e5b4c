//! The frame around every tab: the bar of tabs with what is running, the footer of keys, the prompt, the help page, and the one line that says how
//! large a terminal has to be.

use ratatui::buffer::Buffer;
use ratatui::layout::{Layout, Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::app::{App, Look, Overlay, Prompt, Purpose, Tab};
use super::capture;
use super::keys::{self, Binding};
use super::tabs::{mail, ping, web, wire};
use super::widgets::Glyphs;
use super::widgets::popup::Popup;
use super::widgets::text::{self, Align};

/// The smallest terminal in which the tabs are drawn.
pub const SMALLEST: (u16, u16) = (60, 18);
/// More rows than any help page has.
pub const HELP_LONGEST: u16 = 400;

/// Draws everything.
pub fn render(app: &mut App, area: Rect, buffer: &mut Buffer) {
    let look = app.look();
    if look.theme.text != Style::new() {
        buffer.set_style(area, look.theme.text);
    }
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(area, buffer, &look);
        return;
    }
    let [bar, body, footer] = rows(area);
    tab_bar(app, &look, bar, buffer);
    match app.front {
        Tab::Ping => ping::render(app, &look, body, buffer),
        Tab::Web => web::render(app, &look, body, buffer),
        Tab::Mail => mail::render(app, &look, body, buffer),
        Tab::Wire => wire::render(app, &look, body, buffer),
    }
    match &app.overlay {
        Some(Overlay::Prompt(prompt)) => prompt_line(prompt, &look, footer, buffer),
        _ => footer_line(app, &look, footer, buffer),
    }
    if let Some(Overlay::Help { scroll }) = &mut app.overlay {
        let scroll_wanted = usize::from(*scroll);
        *scroll = help_page(app.front, &look, scroll_wanted, body, buffer);
    }
    if look.glyphs == Glyphs::Ascii {
        spell_in_ascii(area, buffer);
    }
}

/// Texts are written for people who can see typographic characters; where only ASCII can be drawn, each such character gives way to its nearest
/// relative. Letters of other alphabets stay: leaving them out would leave nothing.
fn spell_in_ascii(area: Rect, buffer: &mut Buffer) {
    for position in area.positions() {
        let Some(cell) = buffer.cell_mut(position) else {
            continue;
        };
        let ascii = match cell.symbol() {
            "µ" => "u",
            "§" => "S",
            "–" | "—" => "-",
            "±" => "~",
            "·" | "…" => ".",
            "→" => ">",
            "“" | "”" => "\"",
            "×" => "x",
            "╳" => "X",
            _ => continue,
        };
        cell.set_symbol(ascii);
    }
}

fn rows(area: Rect) -> [Rect; 3] {
    use ratatui::layout::Constraint::{Fill, Length};
    area.layout(&Layout::vertical([Length(1), Fill(1), Length(1)]))
}

/// Where the tab in front is drawn.
pub fn body(area: Rect) -> Rect {
    rows(area)[1]
}

fn too_small(area: Rect, buffer: &mut Buffer, look: &Look) {
    let (width, height) = SMALLEST;
    let line = look.words.fill(
        "shell.too_small",
        &[
            ("width", &width),
            ("height", &height),
            ("now_width", &area.width),
            ("now_height", &area.height),
        ],
    );
    let rows = text::wrap(&Line::raw(line), usize::from(area.width.max(1)));
    for (row, y) in rows.iter().zip(area.y..area.bottom()) {
        text::draw_line(
            buffer,
            (area.x, y),
            area.width,
            row,
            Align::Left,
            look.glyphs,
        );
    }
}

/// The titles of the tabs as they stand in the bar.
fn titles(look: &Look) -> Vec<String> {
    Tab::ALL
        .iter()
        .enumerate()
        .map(|(index, tab)| format!(" {} {} ", index + 1, look.words.t(tab.title())))
        .collect()
}

const NAME: &str = " sockscope ";

/// The tab whose title is under a place on the screen.
pub fn tab_at(app: &App, column: u16, row: u16) -> Option<Tab> {
    if row != app.area.y {
        return None;
    }
    let mut x = usize::from(app.area.x) + text::width(NAME);
    for (title, tab) in titles(&app.look()).iter().zip(Tab::ALL) {
        let end = x + text::width(title);
        if (x..end).contains(&usize::from(column)) {
            return Some(tab);
        }
        x = end;
    }
    None
}

fn tab_bar(app: &App, look: &Look, area: Rect, buffer: &mut Buffer) {
    let mut spans = vec![Span::styled(NAME, look.theme.strong)];
    for (title, tab) in titles(look).into_iter().zip(Tab::ALL) {
        let style = if tab == app.front {
            look.theme.accent.patch(look.theme.selected)
        } else {
            look.theme.dim
        };
        spans.push(Span::styled(title, style));
    }
    let line = Line::from(spans);
    let used = text::line_width(&line) as u16;
    text::draw_line(
        buffer,
        (area.x, area.y),
        area.width,
        &line,
        Align::Left,
        look.glyphs,
    );
    let room = area.width.saturating_sub(used + 1);
    let status = if let Some(playback) = &app.playback {
        let mut line = playback.mark(look, usize::from(room));
        let rest = usize::from(room).saturating_sub(text::line_width(&line) + 2);
        let status = status_line(app, look, rest);
        if text::line_width(&status) <= rest {
            line.push_span("  ");
            line.spans.extend(status.spans);
        }
        line
    } else {
        status_line(app, look, usize::from(room))
    };
    let status = if let Some(since) = app.frozen_at {
        let seconds = app.now.saturating_sub(since).as_secs();
        let frozen = look.words.fill("shell.frozen", &[("seconds", &seconds)]);
        let mut spans = vec![
            Span::styled(
                format!(" {frozen} "),
                look.theme.warning.patch(look.theme.selected),
            ),
            Span::raw("  "),
        ];
        spans.extend(status.spans);
        Line::from(spans)
    } else {
        status
    };
    text::draw_line(
        buffer,
        (area.right().saturating_sub(room), area.y),
        room,
        &status,
        Align::Right,
        look.glyphs,
    );
}

/// What is running where: a capture and the tab in front first, the others as far as there is room.
fn status_line(app: &App, look: &Look, room: usize) -> Line<'static> {
    let mut parts = [
        (Tab::Ping, ping::status_line(app, look)),
        (Tab::Web, web::status_line(app, look)),
        (Tab::Mail, mail::status_line(app, look)),
    ];
    parts.sort_by_key(|(tab, _)| *tab != app.front);
    let mut line = Line::from_iter(capture::status(app, look));
    for (_, part) in parts {
        // A server that a record has not told of has nothing to say.
        if part.spans.is_empty() {
            continue;
        }
        if line.spans.is_empty() {
            line = part;
        } else if text::line_width(&line) + text::line_width(&part) + 2 <= room {
            line.push_span("  ");
            line.spans.extend(part.spans);
        }
    }
    line
}

/// The footer: what went wrong, if anything did, as wide as it is; else a notice if there is one, else the keys of the moment.
/// `? help  q quit` stand at the right whatever else but the first finds room.
fn footer_line(app: &App, look: &Look, area: Rect, buffer: &mut Buffer) {
    if let Some(alert) = &app.alert {
        let line = Line::styled(format!(" {alert}"), look.theme.bad);
        let (place, width) = ((area.x, area.y), area.width);
        text::draw_line(buffer, place, width, &line, Align::Left, look.glyphs);
        return;
    }
    let rows = keys::footer(&app.contexts());
    let (fixed, moment): (Vec<&Binding>, Vec<&Binding>) = rows
        .into_iter()
        .partition(|binding| binding.footer == Some(u8::MAX));
    let fixed_spans: Vec<_> = fixed
        .iter()
        .flat_map(|binding| hint(binding, look))
        .collect();
    let fixed_line = Line::from(fixed_spans);
    let room = usize::from(area.width).saturating_sub(text::line_width(&fixed_line) + 1);
    let left = match &app.notice {
        Some((notice, _)) => Line::styled(format!(" {notice}"), look.theme.warning),
        None => {
            let mut line = Line::default();
            for binding in moment {
                let hint = Line::from(hint(binding, look));
                if text::line_width(&line) + text::line_width(&hint) > room {
                    break;
                }
                line.spans.extend(hint.spans);
            }
            line
        }
    };
    text::draw_line(
        buffer,
        (area.x, area.y),
        area.width,
        &left,
        Align::Left,
        look.glyphs,
    );
    let width = text::line_width(&fixed_line) as u16;
    text::draw_line(
        buffer,
        (area.right().saturating_sub(width + 1), area.y),
        width,
        &fixed_line,
        Align::Left,
        look.glyphs,
    );
}

fn hint(binding: &Binding, look: &Look) -> Vec<Span<'static>> {
    vec![
        Span::styled(format!(" {}", shown(binding, look)), look.theme.accent),
        Span::styled(format!(" {} ", look.words.t(binding.label)), look.theme.dim),
    ]
}

/// The keys of a binding as this glyph set can write them.
fn shown(binding: &Binding, look: &Look) -> String {
    match look.glyphs {
        Glyphs::Unicode => binding.shown.to_owned(),
        Glyphs::Ascii => binding
            .shown
            .replace("↑↓", "Up/Dn")
            .replace("←→", "Lt/Rt")
            .replace('↑', "Up")
            .replace('↓', "Down")
            .replace('←', "Left")
            .replace('→', "Right"),
    }
}

fn prompt_label(prompt: &Prompt, look: &Look) -> String {
    let label = match prompt.purpose {
        Purpose::Note => look.words.t("prompt.note"),
        Purpose::Target => look.words.t("prompt.target"),
        Purpose::Knob(knob) => look.words.t(knob.label()),
        Purpose::WebFilter => look.words.t("web.prompt.filter"),
        Purpose::WebKnob(knob) => look.words.t(knob.question()),
        Purpose::Mail(question) => look.words.t(question.key()),
        Purpose::WireFilter => look.words.t("wire.prompt.filter"),
        Purpose::CaptureFile | Purpose::OverwriteCapture => look.words.t("wire.prompt.capture"),
    };
    format!(" {label}: ")
}

fn prompt_line(prompt: &Prompt, look: &Look, area: Rect, buffer: &mut Buffer) {
    Clear.render(area, buffer);
    buffer.set_style(area, look.theme.text);
    let label = prompt_label(prompt, look);
    let (x, width, scroll) = prompt_field(prompt, look, area);
    text::draw_line(
        buffer,
        (area.x, area.y),
        x - area.x,
        &Line::styled(label, look.theme.accent),
        Align::Left,
        look.glyphs,
    );
    let visible: String = prompt.input.value().chars().skip(scroll).collect();
    text::draw_line(
        buffer,
        (x, area.y),
        width,
        &Line::styled(visible, look.theme.strong),
        Align::Left,
        look.glyphs,
    );
    if let Some(error) = &prompt.error {
        let above = area.y.saturating_sub(1);
        let above_area = Rect::new(area.x, above, area.width, 1);
        Clear.render(above_area, buffer);
        buffer.set_style(above_area, look.theme.text);
        let line = Line::styled(format!(" {} {error}", look.signs.warning()), look.theme.bad);
        text::draw_line(
            buffer,
            (area.x, above),
            area.width,
            &line,
            Align::Left,
            look.glyphs,
        );
    }
}

/// Where the typed text begins, how wide it may be, and how many characters are scrolled out.
fn prompt_field(prompt: &Prompt, look: &Look, area: Rect) -> (u16, u16, usize) {
    let label = text::width(&prompt_label(prompt, look)).min(usize::from(area.width) / 2) as u16;
    let width = area.width - label;
    let mut scroll = 0;
    let before: Vec<char> = prompt
        .input
        .value()
        .chars()
        .take(prompt.input.cursor())
        .collect();
    while text::width(&before[scroll..].iter().collect::<String>()) + 1 > usize::from(width)
        && scroll < before.len()
    {
        scroll += 1;
    }
    (area.x + label, width, scroll)
}

/// Where the terminal's cursor belongs: in a text field, or nowhere.
pub fn cursor(app: &App, area: Rect) -> Option<Position> {
    let Some(Overlay::Prompt(prompt)) = &app.overlay else {
        let cursor = match app.front {
            Tab::Web => app.web.cursor(),
            Tab::Mail => app.mail.cursor(),
            Tab::Ping | Tab::Wire => None,
        };
        return cursor.filter(|_| app.overlay.is_none());
    };
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return None;
    }
    let footer = rows(area)[2];
    let (x, width, scroll) = prompt_field(prompt, &app.look(), footer);
    let before: String = prompt
        .input
        .value()
        .chars()
        .take(prompt.input.cursor())
        .skip(scroll)
        .collect();
    let column = (text::width(&before) as u16).min(width.saturating_sub(1));
    Some(Position::new(x + column, footer.y))
}

/// The help page of the tab in front. Tells how far it really was scrolled.
fn help_page(front: Tab, look: &Look, scroll: usize, area: Rect, buffer: &mut Buffer) -> u16 {
    let theme = &look.theme;
    let mut lines = Vec::new();
    let tab_sections: &[(keys::Context, &str)] = match front {
        Tab::Ping => ping::HELP_SECTIONS,
        Tab::Web => web::HELP_SECTIONS,
        Tab::Mail => mail::HELP_SECTIONS,
        Tab::Wire => wire::HELP_SECTIONS,
    };
    let everywhere = [
        (keys::Context::Everywhere, "help.everywhere"),
        (keys::Context::Open, "help.open"),
        (keys::Context::Replay, "help.replay"),
    ];
    for (context, title) in tab_sections.iter().chain(&everywhere) {
        lines.push(Line::styled(look.words.t(title).into_owned(), theme.accent));
        for binding in keys::help(*context) {
            let keys = text::fit(&shown(binding, look), 12, Align::Left, look.glyphs);
            lines.push(Line::from(vec![
                Span::styled(format!("  {keys} "), theme.strong),
                Span::styled(look.words.t(binding.label).into_owned(), theme.text),
            ]));
        }
        lines.push(Line::default());
    }
    match front {
        Tab::Ping => ping::help(look, &mut lines),
        Tab::Web => web::help(look, &mut lines),
        Tab::Mail => mail::help(look, &mut lines),
        Tab::Wire => wire::help(look, &mut lines),
    }
    let title = look
        .words
        .fill("help.title", &[("tab", &look.words.t(front.title()))]);
    let popup = Popup::new(&title, &lines)
        .styles(theme.text, theme.accent)
        .glyphs(look.glyphs);
    let scroll = scroll.min(popup.max_scroll(area));
    popup.scroll(scroll).render(area, buffer);
    scroll as u16
}
