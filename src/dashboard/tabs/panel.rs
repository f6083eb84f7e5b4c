//! What the panels of every tab are made of: the frame with its title, rows of label and value, a message where there is nothing else to draw.
//!
//! It stands between the widgets, which know no look and no words, and the tabs, which say what is in a panel.

use std::collections::VecDeque;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};

use crate::dashboard::app::Look;
use crate::dashboard::keys::Action;
use crate::dashboard::widgets::list::Move;
use crate::dashboard::widgets::text::{self, Align};
use crate::trace::clock::Clock;

/// What a panel needs to draw itself besides the tab.
pub struct Scene<'a> {
    pub look: &'a Look,
    pub clock: &'a Clock,
    /// The moment at which the view stands.
    pub now: Duration,
    pub zoomed: bool,
}

/// Draws a panel's border with its title and returns what is inside.
pub fn frame(title: Title, focused: bool, scene: &Scene, area: Rect, buffer: &mut Buffer) -> Rect {
    let theme = &scene.look.theme;
    let border = if focused { theme.accent } else { theme.border };
    let block = Block::bordered()
        .border_set(scene.look.signs.border(focused))
        .border_style(border);
    let inside = block.inner(area);
    block.render(area, buffer);
    let room = area.width.saturating_sub(4);
    let line = title.fit(room);
    let width = (text::line_width(&line) as u16).min(room);
    text::draw_line(
        buffer,
        (area.x + 2, area.y),
        width,
        &line,
        Align::Left,
        scene.look.glyphs,
    );
    inside
}

/// A title with its figures: dim labels, bold values. A figure that does not fit is left out whole.
pub struct Title<'a> {
    look: &'a Look,
    parts: Vec<Vec<Span<'static>>>,
}

impl<'a> Title<'a> {
    pub fn new(look: &'a Look, name: String, focused: bool) -> Self {
        let style = if focused {
            look.theme.accent
        } else {
            look.theme.strong
        };
        Self {
            look,
            parts: vec![vec![Span::styled(name, style)]],
        }
    }

    pub fn figure(mut self, label: &str, value: &str) -> Self {
        let mut part = vec![Span::styled(format!("  {label}"), self.look.theme.dim)];
        if !label.is_empty() {
            part.push(Span::raw(" "));
        }
        part.push(Span::styled(value.to_owned(), self.look.theme.strong));
        self.parts.push(part);
        self
    }

    pub fn say(mut self, text: String, style: Style) -> Self {
        self.parts
            .push(vec![Span::styled(format!("  {text}"), style)]);
        self
    }

    pub fn append(mut self, line: Line<'static>) -> Self {
        self.parts
            .push(std::iter::once(Span::raw("  ")).chain(line.spans).collect());
        self
    }

    /// Columns that the title takes so far, with the blanks around it.
    pub fn width(&self) -> usize {
        2 + self
            .parts
            .iter()
            .map(|part| {
                part.iter()
                    .map(|span| text::width(&span.content))
                    .sum::<usize>()
            })
            .sum::<usize>()
    }

    fn fit(self, room: u16) -> Line<'static> {
        let mut line = Line::from(" ");
        let fitted = fit_parts(self.parts, usize::from(room).saturating_sub(2));
        line.spans.extend(fitted.spans);
        line.push_span(" ");
        line
    }
}

/// The parts that fit into `room` columns, in order; one that does not is left out whole, but for the first.
pub fn fit_parts(parts: Vec<Vec<Span<'static>>>, room: usize) -> Line<'static> {
    let mut line = Line::default();
    for part in parts {
        let part = Line::from(part);
        if line.spans.is_empty() || text::line_width(&line) + text::line_width(&part) <= room {
            line.spans.extend(part.spans);
        }
    }
    line
}

/// Rows of text, drawn top to bottom until the panel is full.
pub struct Column<'a, 'b> {
    scene: &'a Scene<'a>,
    inside: Rect,
    y: u16,
    buffer: &'b mut Buffer,
}

impl<'a, 'b> Column<'a, 'b> {
    pub fn new(scene: &'a Scene<'a>, inside: Rect, buffer: &'b mut Buffer) -> Self {
        Self {
            scene,
            inside,
            y: inside.y,
            buffer,
        }
    }

    /// One row.
    pub fn row(&mut self, line: Line) {
        if self.y < self.inside.bottom() {
            text::draw_line(
                self.buffer,
                (self.inside.x, self.y),
                self.inside.width,
                &line,
                Align::Left,
                self.scene.look.glyphs,
            );
            self.y += 1;
        }
    }

    /// A dim label at the left, a value at the right edge.
    pub fn pair(&mut self, label: &str, value: &str, style: Style, selected: bool) {
        let glyphs = self.scene.look.glyphs;
        let theme = &self.scene.look.theme;
        let width = usize::from(self.inside.width);
        let value_width = text::width(value).min(width.saturating_sub(4));
        let sign = if selected {
            self.scene.look.signs.selected()
        } else {
            ' '
        };
        let label = text::fit(
            label,
            width.saturating_sub(value_width + 3),
            Align::Left,
            glyphs,
        );
        let line = Line::from(vec![
            Span::styled(sign.to_string(), theme.accent),
            Span::styled(label, if selected { theme.accent } else { theme.dim }),
            Span::raw(" "),
            Span::styled(
                text::fit(value, value_width, Align::Right, glyphs),
                if selected {
                    style.patch(theme.selected)
                } else {
                    style
                },
            ),
            Span::raw(" "),
        ]);
        self.row(line);
    }
}

/// Draws lines from the top of an area down, as far as there is room.
pub fn draw_lines(lines: &[Line], scene: &Scene, area: Rect, buffer: &mut Buffer) {
    for (line, y) in lines.iter().zip(area.y..area.bottom()) {
        let glyphs = scene.look.glyphs;
        text::draw_line(buffer, (area.x, y), area.width, line, Align::Left, glyphs);
    }
}

/// A dim label in a column of its own, and a value: a row of details.
pub fn pair_line(label: &str, value: String, scene: &Scene) -> Line<'static> {
    let look = scene.look;
    Line::from(vec![
        Span::styled(
            text::fit(label, 22, Align::Left, look.glyphs),
            look.theme.dim,
        ),
        Span::styled(value, look.theme.strong),
    ])
}

/// Says something in the middle of a panel: why there is nothing to draw, and what to do about it.
pub fn say_in_the_middle(lines: &[String], scene: &Scene, inside: Rect, buffer: &mut Buffer) {
    let width = usize::from(inside.width.saturating_sub(2).max(1));
    let rows: Vec<Line> = lines
        .iter()
        .flat_map(|line| text::wrap(&Line::raw(line.as_str()), width))
        .collect();
    let top = inside.y + inside.height.saturating_sub(rows.len() as u16) / 2;
    for (row, y) in rows.iter().zip(top..inside.bottom()) {
        let line = row.clone().style(scene.look.theme.warning);
        text::draw_line(
            buffer,
            (inside.x + 1, y),
            inside.width.saturating_sub(2),
            &line,
            Align::Center,
            scene.look.glyphs,
        );
    }
}

/// `+12 not shown` and whether the list follows the newest row.
pub fn list_title<'a>(
    mut title: Title<'a>,
    left_out: u64,
    following: bool,
    scene: &Scene<'a>,
) -> Title<'a> {
    let words = scene.look.words;
    if left_out > 0 {
        title = title.say(
            words.fill("list.left_out", &[("count", &left_out)]),
            scene.look.theme.warning,
        );
    }
    if !following {
        title = title.say(words.t("list.held").into_owned(), scene.look.theme.dim);
    }
    title
}

/// The step in a list that an action means.
pub fn list_move(action: Action) -> Option<Move> {
    Some(match action {
        Action::Up => Move::Up,
        Action::Down => Move::Down,
        Action::PageUp => Move::PageUp,
        Action::PageDown => Move::PageDown,
        Action::First => Move::Top,
        Action::Last => Move::Bottom,
        _ => return None,
    })
}

/// The entry so many steps further on, round and round.
pub fn steps_on<T: PartialEq + Copy>(all: &[T], current: T, steps: usize) -> T {
    let place = all.iter().position(|entry| *entry == current).unwrap_or(0);
    all[(place + steps) % all.len()]
}

/// Puts a value at the end of a ring that holds no more than `capacity`.
pub fn push_bounded<T>(ring: &mut VecDeque<T>, value: T, capacity: usize) {
    if ring.len() == capacity {
        ring.pop_front();
    }
    ring.push_back(value);
}
