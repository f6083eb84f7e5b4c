//! Counts over labelled bins, each with an expected count beside it.
//!
//! It draws what ratatui's `BarChart` cannot: a marker for the expected count over the bar, and a
//! logarithmic scale. Where the panel is too narrow for standing bars they lie down.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use super::Glyphs;
use super::text::{self, Align};

/// One bar.
#[derive(Clone, Copy, Debug)]
pub struct Bin<'a> {
    pub label: &'a str,
    pub count: u64,
    /// What a model expects here. One that is negative or not finite is not drawn.
    pub expected: Option<f64>,
}

/// How counts become lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CountScale {
    #[default]
    Linear,
    /// log(1 + count), so that 0 is no length and 1 is one that can be seen.
    Log,
}

impl CountScale {
    /// The share of the full length for a count, between 0 and 1.
    fn share(self, count: f64, max: f64) -> f64 {
        let share = match self {
            Self::Linear => count / max,
            Self::Log => count.ln_1p() / max.ln_1p(),
        };
        // A maximum of 0 makes this 0 by 0.
        if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        }
    }
}

/// A histogram. Bins that find no room are left out from the end.
#[derive(Clone, Copy, Debug)]
pub struct Histogram<'a> {
    bins: &'a [Bin<'a>],
    scale: CountScale,
    bars: Style,
    expected: Style,
    labels: Style,
    glyphs: Glyphs,
}

/// The narrowest standing bar with the blank beside it.
const NARROWEST: u16 = 4;
/// The widest, so that two bins in a wide panel still look like bars.
const WIDEST: u16 = 10;
/// Standing bars need a row for counts, one for labels, and some to stand in.
const LOWEST: u16 = 5;

impl<'a> Histogram<'a> {
    #[must_use]
    pub const fn new(bins: &'a [Bin<'a>]) -> Self {
        Self {
            bins,
            scale: CountScale::Linear,
            bars: Style::new(),
            expected: Style::new(),
            labels: Style::new(),
            glyphs: Glyphs::Unicode,
        }
    }

    #[must_use]
    pub const fn scale(mut self, scale: CountScale) -> Self {
        self.scale = scale;
        self
    }

    /// Styles of the bars, of the expected counts, and of labels and counts.
    #[must_use]
    pub const fn styles(mut self, bars: Style, expected: Style, labels: Style) -> Self {
        self.bars = bars;
        self.expected = expected;
        self.labels = labels;
        self
    }

    #[must_use]
    pub const fn glyphs(mut self, glyphs: Glyphs) -> Self {
        self.glyphs = glyphs;
        self
    }

    fn max(&self) -> f64 {
        let counts = self.bins.iter().map(|bin| bin.count as f64);
        let expected = self.bins.iter().filter_map(expected);
        counts.chain(expected).fold(0.0, f64::max)
    }

    /// The length of a bar in eighths of a cell. What is not 0 shows.
    fn eighths(&self, count: u64, cells: u16) -> u16 {
        let share = self.scale.share(count as f64, self.max());
        let eighths = (share * f64::from(cells) * 8.0).round() as u16;
        eighths.max(u16::from(count > 0))
    }

    /// The cell, counted from the foot of the bar, that an expected count falls into.
    fn expected_cell(&self, bin: &Bin, cells: u16) -> Option<u16> {
        let share = self.scale.share(expected(bin)?, self.max());
        let cell = (share * f64::from(cells)) as u16;
        Some(cell.min(cells.checked_sub(1)?))
    }

    /// Puts the expected count into a cell; a full bar there goes on as background.
    fn mark(&self, buf: &mut Buffer, at: (u16, u16), glyph: char, over_bar: bool) {
        if let Some(cell) = buf.cell_mut(at) {
            cell.set_char(glyph).set_style(self.expected);
            if over_bar && let Some(color) = self.bars.fg {
                cell.set_bg(color);
            }
        }
    }

    fn standing(&self, area: Rect, slot: u16, buf: &mut Buffer) {
        let used = slot * self.bins.len() as u16;
        let left = area.x + (area.width - used) / 2;
        let width = slot - 1;
        let foot = area.bottom() - 2;
        let cells = area.height - 2;
        for (bin, x) in self.bins.iter().zip((left..).step_by(usize::from(slot))) {
            let eighths = self.eighths(bin.count, cells);
            for up in 0..eighths.div_ceil(8) {
                let glyph = self.bar_glyph(UPWARD, eighths - 8 * up);
                for column in x..x + width {
                    if let Some(cell) = buf.cell_mut((column, foot - up)) {
                        cell.set_char(glyph).set_style(self.bars);
                    }
                }
            }
            let expected = self.expected_cell(bin, cells);
            if let Some(up) = expected {
                let over_bar = eighths >= 8 * up + 4;
                for column in x..x + width {
                    let glyph = self.glyphs.pick('─', '-');
                    self.mark(buf, (column, foot - up), glyph, over_bar);
                }
            }
            let count = Line::styled(bin.count.to_string(), self.labels);
            // Above the bar, and above the marker if that is there already.
            let mut up = eighths.div_ceil(8);
            if expected == Some(up) && up < cells {
                up += 1;
            }
            if count.width() <= usize::from(slot) {
                let width = width.max(count.width() as u16);
                let at = (x, foot - up);
                text::draw_line(buf, at, width, &count, Align::Center, self.glyphs);
            }
            let label = Line::styled(bin.label, self.labels);
            let at = (x, foot + 1);
            text::draw_line(buf, at, width, &label, Align::Center, self.glyphs);
        }
    }

    fn lying(&self, area: Rect, buf: &mut Buffer) {
        let widest = |widths: &mut dyn Iterator<Item = usize>| {
            let widest = widths.max().unwrap_or(0);
            widest.min(usize::from(area.width / 3)) as u16
        };
        let labels = widest(&mut self.bins.iter().map(|bin| text::width(bin.label)));
        let counts = widest(&mut self.bins.iter().map(|bin| bin.count.to_string().len()));
        let foot = area.x + labels + 1;
        let cells = area.width.saturating_sub(labels + counts + 2);
        for (bin, y) in self.bins.iter().zip(area.y..area.bottom()) {
            let label = Line::styled(bin.label, self.labels);
            text::draw_line(buf, (area.x, y), labels, &label, Align::Right, self.glyphs);
            let eighths = self.eighths(bin.count, cells);
            for right in 0..eighths.div_ceil(8).min(cells) {
                let glyph = self.bar_glyph(RIGHTWARD, eighths - 8 * right);
                if let Some(cell) = buf.cell_mut((foot + right, y)) {
                    cell.set_char(glyph).set_style(self.bars);
                }
            }
            if let Some(right) = self.expected_cell(bin, cells) {
                let over_bar = eighths >= 8 * right + 4;
                let glyph = self.glyphs.pick('│', '|');
                self.mark(buf, (foot + right, y), glyph, over_bar);
            }
            let count = Line::styled(bin.count.to_string(), self.labels);
            let x = area.right().saturating_sub(counts);
            text::draw_line(buf, (x, y), counts, &count, Align::Right, self.glyphs);
        }
    }

    /// The glyph of a cell of a bar that goes on for so many eighths.
    fn bar_glyph(&self, glyphs: [char; 8], eighths: u16) -> char {
        match self.glyphs {
            Glyphs::Unicode => glyphs[usize::from(eighths.clamp(1, 8) - 1)],
            Glyphs::Ascii => '#',
        }
    }
}

impl Widget for Histogram<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let bins = self.bins.len().min(usize::from(u16::MAX)) as u16;
        if area.is_empty() || bins == 0 {
            return;
        }
        let slot = (area.width / bins).min(WIDEST);
        if slot >= NARROWEST && area.height >= LOWEST {
            self.standing(area, slot, buf);
        } else {
            self.lying(area, buf);
        }
    }
}

fn expected(bin: &Bin) -> Option<f64> {
    bin.expected.filter(|e| e.is_finite() && *e >= 0.0)
}

const UPWARD: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const RIGHTWARD: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

#[cfg(test)]
mod tests {
    use super::*;

    fn bin(label: &str, count: u64, expected: f64) -> Bin<'_> {
        Bin {
            label,
            count,
            expected: Some(expected),
        }
    }

    fn drawn(histogram: Histogram, width: u16, height: u16) -> Buffer {
        let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
        histogram.render(buf.area, &mut buf);
        buf
    }

    #[test]
    fn standing_bars_have_counts_labels_and_markers() {
        let bins = [bin("1", 8, 4.0), bin("2", 4, 6.0), bin("3+", 0, 0.0)];
        assert_eq!(
            drawn(Histogram::new(&bins), 15, 6),
            Buffer::with_lines([
                " 8             ",
                "████ ────      ",
                "────  4        ",
                "████ ████  0   ",
                "████ ████ ──── ",
                " 1    2    3+  ",
            ])
        );
    }

    #[test]
    fn narrow_panels_lay_the_bars_down() {
        let bins = [bin("1", 8, 4.0), bin("2", 2, 8.0), bin("3+", 0, f64::NAN)];
        assert_eq!(
            drawn(Histogram::new(&bins), 11, 3),
            Buffer::with_lines([" 1 ███│██ 8", " 2 █▌   │ 2", "3+        0"])
        );
        let ascii = Histogram::new(&bins).glyphs(Glyphs::Ascii);
        assert_eq!(
            drawn(ascii, 11, 2),
            Buffer::with_lines([" 1 ###|## 8", " 2 ##   | 2"])
        );
    }

    #[test]
    fn a_count_of_one_shows_on_every_scale() {
        let bins = [bin("a", 1, 0.0), bin("b", 1_000_000, 0.0)];
        for scale in [CountScale::Linear, CountScale::Log] {
            let histogram = Histogram::new(&bins).scale(scale);
            assert!(histogram.eighths(1, 4) > 0);
            assert_eq!(histogram.eighths(0, 4), 0);
            assert_eq!(histogram.eighths(1_000_000, 4), 32);
        }
        let log = Histogram::new(&bins).scale(CountScale::Log);
        // ln 1001 / ln 1000001 is one half, nearly.
        assert_eq!(log.eighths(1000, 4), 16);
    }

    #[test]
    fn any_size_draws_what_fits() {
        let hostile = [
            bin("", u64::MAX, f64::INFINITY),
            bin("丢包率很长的标签", 0, -1.0),
            bin("\x1b\u{202e}", 1, f64::MAX),
        ];
        for bins in [&[][..], &hostile[..1], &hostile] {
            for (width, height) in [(0, 0), (1, 1), (2, 2), (10, 3), (80, 10), (200, 50)] {
                for scale in [CountScale::Linear, CountScale::Log] {
                    drawn(Histogram::new(bins).scale(scale), width, height);
                }
            }
        }
    }
}
