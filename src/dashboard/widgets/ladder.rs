//! The time-sequence diagram of the textbooks: two life lines, time runs down, an arrow for each message, a box for each call.
//!
//! It stands apart from the lanes because what it shows is the order of things at two places, not how long each took: a row is a moment, rows are not
//! to scale, and an arrow that arrives rows below its departure slopes, so that arrows which overtake each other cross.

mod canvas;

use std::borrow::Cow;
use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use self::canvas::{Bend, Canvas};
use super::text::{self, Align};
use super::{Glyphs, strip};

/// One of the two life lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
}

/// A row, from the top down.
#[derive(Clone, Debug, PartialEq)]
pub enum Rung<'a> {
    /// A moment: its time for the gutter, and what was called at each side.
    Moment {
        time: Cow<'a, str>,
        left: Option<Call<'a>>,
        right: Option<Call<'a>>,
    },
    /// Nothing happens for a long time, which the text says.
    Gap(Cow<'a, str>),
    /// Words across the diagram that belong to neither side.
    Remark { text: Cow<'a, str>, style: Style },
}

/// A box beside a life line.
#[derive(Clone, Debug, PartialEq)]
pub struct Call<'a> {
    pub name: Cow<'a, str>,
    /// What came of it; cut, or left out where there is no room for it.
    pub result: Cow<'a, str>,
    pub style: Style,
    pub selected: bool,
}

/// A message from one life line to the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrow<'a> {
    pub from: Side,
    /// The row in which it departs.
    pub row: usize,
    /// Where it ends; several are the branches of a fork.
    pub tips: Vec<Tip>,
    pub line: Stroke,
    /// Stands in the line.
    pub label: Cow<'a, str>,
    /// Stands behind the label or, of an arrow that does not get across, behind its end.
    pub note: Cow<'a, str>,
    pub style: Style,
    pub selected: bool,
}

impl Arrow<'_> {
    /// The rows in which it is on its way.
    fn rows(&self) -> Range<usize> {
        let last = self.tips.iter().map(|tip| tip.row()).max();
        self.row..last.unwrap_or(self.row).max(self.row) + 1
    }
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stroke {
    #[default]
    Solid,
    /// Something waits.
    Dashed,
}

/// The end of an arrow. A row above the one of departure counts as that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tip {
    /// At the other life line, with an arrow head.
    Arrives {
        row: usize,
        /// Stands before the head.
        sign: Option<char>,
    },
    /// At the other life line, with this in place of a head.
    Stops { row: usize, sign: char },
    /// Half way, with this.
    Ends { row: usize, sign: char },
}

impl Tip {
    const fn row(self) -> usize {
        match self {
            Self::Arrives { row, .. } | Self::Stops { row, .. } | Self::Ends { row, .. } => row,
        }
    }
}

/// Rows in which a side waits: its life line is dashed there, and the text stands beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait<'a> {
    pub side: Side,
    pub rows: Range<usize>,
    pub text: Cow<'a, str>,
    pub style: Style,
}

/// Columns that arrows keep, however long the names of the calls are.
const LEAST_MIDDLE: u16 = 18;
/// Columns from which on a part of a result says something.
const LEAST_RESULT: usize = 6;
/// From this width on there is a column for times.
const GUTTER_FROM: u16 = 60;

/// The diagram; see the module for what it shows.
#[derive(Clone, Copy)]
pub struct Ladder<'a> {
    titles: [&'a str; 2],
    rungs: &'a [Rung<'a>],
    arrows: &'a [Arrow<'a>],
    waits: &'a [Wait<'a>],
    glyphs: Glyphs,
    /// Of titles, of life lines, of times, of what is selected.
    styles: [Style; 4],
}

impl<'a> Ladder<'a> {
    #[must_use]
    pub const fn new(rungs: &'a [Rung<'a>], arrows: &'a [Arrow<'a>]) -> Self {
        Self {
            titles: ["", ""],
            rungs,
            arrows,
            waits: &[],
            glyphs: Glyphs::Unicode,
            styles: [Style::new(); 4],
        }
    }

    /// What stands over the life lines, left and right.
    #[must_use]
    pub const fn titles(mut self, left: &'a str, right: &'a str) -> Self {
        self.titles = [left, right];
        self
    }

    #[must_use]
    pub const fn waits(mut self, waits: &'a [Wait<'a>]) -> Self {
        self.waits = waits;
        self
    }

    #[must_use]
    pub const fn glyphs(mut self, glyphs: Glyphs) -> Self {
        self.glyphs = glyphs;
        self
    }

    /// Styles of titles, of life lines, of times and gaps, and of what is selected, which is laid over its own.
    #[must_use]
    pub const fn styles(mut self, titles: Style, lines: Style, times: Style, on: Style) -> Self {
        self.styles = [titles, lines, times, on];
        self
    }

    /// The rows that are drawn in `height` rows under the titles: those around what is selected, or else the last ones.
    #[must_use]
    pub fn shown(&self, height: usize) -> Range<usize> {
        let len = self.rungs.len();
        let selected = self.selected_rows();
        let middle = selected.map_or(len, |rows| {
            rows.start + (rows.end - rows.start).min(height) / 2
        });
        let first = middle
            .saturating_sub(height / 2)
            .min(len.saturating_sub(height));
        first..len.min(first + height)
    }

    /// The row at a place of the area in which the diagram was drawn.
    #[must_use]
    pub fn row_at(&self, area: Rect, y: u16) -> Option<usize> {
        let inside = y.checked_sub(area.y + 1).filter(|_| y < area.bottom())?;
        let shown = self.shown(usize::from(area.height.saturating_sub(1)));
        shown.clone().nth(usize::from(inside))
    }

    fn selected_rows(&self) -> Option<Range<usize>> {
        if let Some(arrow) = self.arrows.iter().find(|arrow| arrow.selected) {
            return Some(arrow.rows());
        }
        let is_selected = |call: &Option<Call>| call.as_ref().is_some_and(|call| call.selected);
        let row = self.rungs.iter().position(|rung| match rung {
            Rung::Moment { left, right, .. } => is_selected(left) || is_selected(right),
            _ => false,
        })?;
        Some(row..row + 1)
    }

    /// How each arrow bends.
    fn bends(&self) -> Vec<Bend> {
        let mut bends = vec![Bend::Steps; self.arrows.len()];
        let mut order: Vec<usize> = (0..self.arrows.len()).collect();
        order.sort_by_key(|index| self.arrows[*index].row);
        // Those on their way, with their numbers.
        let mut under_way: Vec<(usize, usize)> = Vec::new();
        for index in order {
            let arrow = &self.arrows[index];
            under_way.retain(|(other, _)| self.arrows[*other].rows().end > arrow.row);
            for (other, number) in &under_way {
                bends[*other] = Bend::Once(*number);
            }
            let same_way = under_way
                .iter()
                .filter(|(other, _)| self.arrows[*other].from == arrow.from);
            let number = same_way.map(|(_, number)| number + 1).max().unwrap_or(0);
            if !under_way.is_empty() || arrow.tips.len() > 1 {
                bends[index] = Bend::Once(number);
            }
            under_way.push((index, number));
        }
        bends
    }

    /// Columns of the gutter, and of the boxes at the left and at the right.
    fn columns(&self, width: u16) -> [u16; 3] {
        let (mut gutter, mut sides) = (0, [0, 0]);
        let wide = |text: &str| u16::try_from(text::width(text)).unwrap_or(u16::MAX);
        for rung in self.rungs {
            match rung {
                Rung::Moment { time, left, right } => {
                    gutter = gutter.max(wide(time));
                    for (side, call) in sides.iter_mut().zip([left, right]) {
                        let needed = call.as_ref().map_or(0, |call| wide(&boxed(call, true)));
                        *side = needed.max(*side);
                    }
                }
                Rung::Gap(text) => gutter = gutter.max(wide(text).saturating_add(2)),
                Rung::Remark { .. } => {}
            }
        }
        for wait in self.waits {
            let side = &mut sides[usize::from(wait.side == Side::Right)];
            *side = wide(&wait.text).saturating_add(1).max(*side);
        }
        let has_gutter = width >= GUTTER_FROM && gutter > 0;
        let gutter = if has_gutter {
            (gutter + 1).min(width / 5)
        } else {
            0
        };
        let free = width.saturating_sub(gutter + 2);
        let most = free.saturating_sub(LEAST_MIDDLE.max(free / 5 * 2));
        // Without a gutter a gap says at the left how long it is.
        if !has_gutter && self.rungs.iter().any(|rung| matches!(rung, Rung::Gap(_))) {
            sides[0] = sides[0].max(8);
        }
        // What one side does not need, the other may have.
        let left = sides[0].min(most - sides[1].min(most / 2));
        [gutter, left, sides[1].min(most - left)]
    }

    fn draw_titles(&self, area: Rect, [left, right]: [u16; 2], buf: &mut Buffer) {
        let half = area.width / 2;
        let style = self.styles[0];
        let titles = self.titles.map(|title| Line::styled(title, style));
        // Over its life line as far as there is room.
        let over = |x: u16, title: &Line, from: u16, to: u16| {
            let width = u16::try_from(text::line_width(title))
                .unwrap_or(u16::MAX)
                .min(to - from);
            (x.saturating_sub(width / 2).clamp(from, to - width), width)
        };
        let gap = u16::from(half > 1);
        for (title, (x, from, to)) in titles.iter().zip([
            (left, area.x, area.x + half.saturating_sub(gap)),
            (right, area.x + half, area.right()),
        ]) {
            let (x, width) = over(x, title, from, to.max(from));
            text::draw_line(buf, (x, area.y), width, title, Align::Left, self.glyphs);
        }
    }

    fn draw_times(
        &self,
        area: Rect,
        gutter: u16,
        side: u16,
        shown: &Range<usize>,
        buf: &mut Buffer,
    ) {
        for (rung, y) in self.rungs[shown.clone()].iter().zip(area.y + 1..) {
            let (text, width) = match rung {
                Rung::Moment { time, .. } => (Cow::Borrowed(&**time), gutter.saturating_sub(1)),
                Rung::Gap(text) => {
                    let dots = self.glyphs.pick('⋮', ':');
                    let width = if gutter > 0 { gutter - 1 } else { side };
                    (Cow::Owned(format!("{dots} {text}")), width)
                }
                Rung::Remark { .. } => continue,
            };
            let line = Line::styled(text, self.styles[2]);
            text::draw_line(buf, (area.x, y), width, &line, Align::Right, self.glyphs);
        }
    }

    fn draw_calls(&self, rung: &Rung, y: u16, places: [(u16, u16); 2], buf: &mut Buffer) {
        let Rung::Moment { left, right, .. } = rung else {
            return;
        };
        for ((call, (x, width)), align) in [left, right]
            .into_iter()
            .zip(places)
            .zip([Align::Right, Align::Left])
        {
            let Some(call) = call else {
                continue;
            };
            // A result is cut where that leaves some of it, and otherwise left out.
            let (bare, whole) = (boxed(call, false), boxed(call, true));
            let least = text::width(&whole).min(text::width(&bare) + LEAST_RESULT);
            let shown = if usize::from(width) < least {
                bare
            } else {
                whole
            };
            let style = if call.selected {
                call.style.patch(self.styles[3])
            } else {
                call.style
            };
            let line = Line::from(Span::styled(shown, style));
            text::draw_line(buf, (x, y), width, &line, align, self.glyphs);
        }
    }

    fn draw_waits(
        &self,
        top: u16,
        shown: &Range<usize>,
        places: [(u16, u16); 2],
        buf: &mut Buffer,
    ) {
        for wait in self.waits {
            let is_free = |row: &usize| match (&self.rungs[*row], wait.side) {
                (Rung::Moment { left: call, .. }, Side::Left) => call.is_none(),
                (Rung::Moment { right: call, .. }, Side::Right) => call.is_none(),
                (Rung::Gap(_), side) => side == Side::Right,
                (Rung::Remark { .. }, _) => true,
            };
            let rows = wait.rows.start.max(shown.start)..wait.rows.end.min(shown.end);
            let Some(row) = rows.clone().find(is_free) else {
                continue;
            };
            let ((x, width), align) = match wait.side {
                Side::Left => (places[0], Align::Right),
                Side::Right => (places[1], Align::Left),
            };
            // A blank parts the words from the line.
            let x = x + u16::from(wait.side == Side::Right);
            let line = Line::styled(&*wait.text, wait.style);
            let y = top + (row - shown.start) as u16;
            text::draw_line(
                buf,
                (x, y),
                width.saturating_sub(1),
                &line,
                align,
                self.glyphs,
            );
        }
    }
}

/// A call with what came of it, or without.
fn boxed(call: &Call, with_result: bool) -> String {
    if with_result && !call.result.is_empty() {
        format!("[{} {}]", call.name, call.result)
    } else {
        format!("[{}]", call.name)
    }
}

impl Widget for &Ladder<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.height < 2 || area.width < 8 {
            return;
        }
        let [gutter, left, right] = self.columns(area.width);
        let line_left = area.x + gutter + left;
        let line_right = area.right() - 1 - right;
        let shown = self.shown(usize::from(area.height - 1));
        self.draw_titles(area, [line_left, line_right], buf);
        self.draw_times(area, gutter, left, &shown, buf);
        let places = [(area.x + gutter, left), (line_right + 1, right)];
        let middle = usize::from(line_right - line_left - 1);
        let mut canvas = Canvas::new(middle, shown.clone(), self.glyphs, self.styles[1]);
        for (row, rung) in self
            .rungs
            .iter()
            .enumerate()
            .take(shown.end)
            .skip(shown.start)
        {
            if let Rung::Moment { left, right, .. } = rung {
                canvas.join_calls(
                    row,
                    left.is_some() && places[0].1 > 0,
                    right.is_some() && places[1].1 > 0,
                );
            } else {
                canvas.take(row);
                if matches!(rung, Rung::Gap(_)) {
                    canvas.interrupt(row);
                }
            }
        }
        for wait in self.waits {
            canvas.dash(wait.side, wait.rows.clone(), wait.style);
        }
        // What is selected lies over the others.
        let bends = self.bends();
        let mut order: Vec<usize> = (0..self.arrows.len()).collect();
        order.sort_by_key(|index| self.arrows[*index].selected);
        for index in &order {
            canvas.arrow(&self.arrows[*index], *index, bends[*index], self.styles[3]);
        }
        canvas.draw(line_left, area.y + 1, buf);
        for index in &order {
            canvas.label(
                &self.arrows[*index],
                (*index, bends[*index]),
                (line_left, area.y + 1),
                self.styles[3],
                buf,
            );
        }
        for (rung, y) in self.rungs[shown.clone()].iter().zip(area.y + 1..) {
            self.draw_calls(rung, y, places, buf);
            if let Rung::Remark { text, style } = rung {
                let width =
                    (area.width - gutter).min(u16::try_from(text::width(text)).unwrap_or(u16::MAX));
                let x = (line_left + (middle as u16).saturating_sub(width) / 2 + 1)
                    .min(area.right() - width);
                let line = Line::styled(&**text, *style);
                text::draw_line(buf, (x, y), width, &line, Align::Left, self.glyphs);
            }
        }
        self.draw_waits(area.y + 1, &shown, places, buf);
    }
}

/// A sign that takes one column.
fn narrow(sign: char) -> char {
    if strip::is_narrow(sign) { sign } else { '?' }
}

/// A style without what only suits a background.
fn line_style(style: Style, selected: Style) -> Style {
    let line = style.patch(selected);
    Style {
        bg: style.bg,
        ..line
            .remove_modifier(Modifier::REVERSED)
            .add_modifier(Modifier::BOLD)
    }
}

#[cfg(test)]
mod tests;
