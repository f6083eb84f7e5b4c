//! A box over the middle of the screen: help, details, messages.
//!
//! It stands apart from ratatui's `Paragraph` because the box takes the size of its text after
//! wrapping, and because a reader has to see that there is more above or below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Widget};

use super::Glyphs;
use super::text::{self, Align};

/// A titled box with lines of text, as large as they need and the area allows.
#[derive(Clone, Copy, Debug)]
pub struct Popup<'a> {
    title: &'a str,
    lines: &'a [Line<'a>],
    scroll: usize,
    style: Style,
    border: Style,
    glyphs: Glyphs,
}

/// Columns that the text never exceeds: longer lines are hard to read.
const WIDEST: usize = 100;

impl<'a> Popup<'a> {
    #[must_use]
    pub const fn new(title: &'a str, lines: &'a [Line<'a>]) -> Self {
        Self {
            title,
            lines,
            scroll: 0,
            style: Style::new(),
            border: Style::new(),
            glyphs: Glyphs::Unicode,
        }
    }

    /// Rows, after wrapping, that are scrolled out at the top; at most [`Popup::max_scroll`] count.
    #[must_use]
    pub const fn scroll(mut self, rows: usize) -> Self {
        self.scroll = rows;
        self
    }

    /// Styles of the text and of the border with the title.
    #[must_use]
    pub const fn styles(mut self, text: Style, border: Style) -> Self {
        self.style = text;
        self.border = border;
        self
    }

    #[must_use]
    pub const fn glyphs(mut self, glyphs: Glyphs) -> Self {
        self.glyphs = glyphs;
        self
    }

    /// How far there is to scroll when the popup is drawn in `area`.
    #[must_use]
    pub fn max_scroll(&self, area: Rect) -> usize {
        let (frame, rows) = self.layout(area);
        let shown = usize::from(frame.height.saturating_sub(2));
        rows.len().saturating_sub(shown)
    }

    /// The box with its border, and the wrapped rows. Border and a blank at each side take four
    /// columns and two rows.
    fn layout(&self, area: Rect) -> (Rect, Vec<Line<'static>>) {
        let room = usize::from(area.width.saturating_sub(4)).min(WIDEST);
        let rows: Vec<Line> = self
            .lines
            .iter()
            .flat_map(|line| text::wrap(line, room))
            .collect();
        let widest = rows.iter().map(text::line_width).max().unwrap_or(0);
        // The title has a corner and a blank at each side.
        let width = widest.max(text::width(self.title)).min(room) as u16 + 4;
        let height = (rows.len() + 2).min(usize::from(area.height)) as u16;
        let width = width.min(area.width);
        let frame = Rect::new(
            area.x + (area.width - width) / 2,
            area.y + (area.height - height) / 2,
            width,
            height,
        );
        (frame, rows)
    }

    fn mark_more(&self, frame: Rect, y: u16, glyph: char, buf: &mut Buffer) {
        if let Some(cell) = buf.cell_mut((frame.right().saturating_sub(3), y)) {
            cell.set_char(glyph).set_style(self.border);
        }
    }
}

impl Widget for Popup<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let (frame, rows) = self.layout(area);
        // What is smaller has no inside.
        if frame.width < 5 || frame.height < 3 {
            return;
        }
        Clear.render(frame, buf);
        let title = text::fit(
            self.title,
            text::width(self.title).min(usize::from(frame.width - 4)),
            Align::Left,
            self.glyphs,
        );
        let set = self.glyphs.border();
        let mut block = Block::bordered()
            .border_set(set)
            .border_style(self.border)
            .style(self.style);
        if !title.is_empty() {
            block = block.title(Line::styled(format!(" {title} "), self.border));
        }
        let inner = block.inner(frame);
        block.render(frame, buf);
        let shown = usize::from(inner.height);
        let hidden = rows.len().saturating_sub(shown);
        let first = self.scroll.min(hidden);
        for (row, y) in rows.iter().skip(first).zip(inner.y..inner.bottom()) {
            buf.set_line(inner.x + 1, y, row, inner.width - 2);
        }
        if first > 0 {
            self.mark_more(frame, frame.y, self.glyphs.pick('▲', '^'), buf);
        }
        if first < hidden {
            let glyph = self.glyphs.pick('▼', 'v');
            self.mark_more(frame, frame.bottom() - 1, glyph, buf);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(popup: Popup, width: u16, height: u16) -> Buffer {
        let row = "x".repeat(usize::from(width));
        let mut buf = Buffer::with_lines(vec![row; usize::from(height)]);
        popup.render(buf.area, &mut buf);
        buf
    }

    #[test]
    fn takes_the_size_of_its_text() {
        let lines = [Line::raw("lost"), Line::raw("丢包")];
        assert_eq!(
            drawn(Popup::new("Ping 7", &lines), 14, 6),
            Buffer::with_lines([
                "xxxxxxxxxxxxxx",
                "xx╭ Ping 7 ╮xx",
                "xx│ lost   │xx",
                "xx│ 丢包   │xx",
                "xx╰────────╯xx",
                "xxxxxxxxxxxxxx",
            ])
        );
    }

    #[test]
    fn wraps_scrolls_and_says_that_there_is_more() {
        let lines = [Line::raw("the reply was dropped by the server")];
        let popup = Popup::new("", &lines).glyphs(Glyphs::Ascii).scroll(1);
        let area = Rect::new(0, 0, 13, 4);
        // the reply / was / dropped / by the / server
        assert_eq!(popup.max_scroll(area), 3);
        assert_eq!(
            drawn(popup, 13, 4),
            Buffer::with_lines([
                "+---------^-+",
                "| was       |",
                "| dropped   |",
                "+---------v-+"
            ])
        );
        let end = popup.scroll(usize::MAX);
        assert_eq!(
            drawn(end, 13, 4),
            Buffer::with_lines([
                "+---------^-+",
                "| by the    |",
                "| server    |",
                "+-----------+"
            ])
        );
    }

    #[test]
    fn any_size_draws_what_fits() {
        let lines = [Line::raw("\x1b[31m 丢包率 a-very-long-word"), Line::raw("")];
        for lines in [&[][..], &lines] {
            for (width, height) in [(0, 0), (1, 1), (2, 2), (10, 3), (80, 10), (200, 50)] {
                let popup = Popup::new("a title that is far too long", lines);
                drawn(popup, width, height);
                assert!(popup.max_scroll(Rect::new(0, 0, width, height)) < 1000);
            }
        }
    }
}
