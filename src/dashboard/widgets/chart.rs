//! A chart over time: lines with gaps, bars, a band, full-height strikes and labelled marks.
//!
//! It is drawn by a painter of its own (`canvas`) because ratatui's `Chart` joins every point to
//! the next, and a line through a lost ping tells a lie. A series here is cut wherever the caller
//! says [`Sample::Break`]; what has no value is shown as a [`Strike`], never as a height.
//!
//! Two charts of the same width, gutter and window have the same columns, so that one can stand
//! under the other.

mod canvas;
mod pen;
mod scale;

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use super::Glyphs;
use super::text::{self, Align};
use canvas::Canvas;
use pen::Pen;
pub use scale::{Plot, YScale, nice_ceiling};

/// One element of a series, in order of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sample {
    /// A value: seconds, height.
    At(f64, f64),
    /// No line is drawn across this place. A value that is not finite counts as a break too.
    Break,
}

/// A line in one style. Where series share a cell, the later one gives it its colour.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    pub samples: &'a [Sample],
    pub style: Style,
}

/// A full-height column at a time: something that has no height, such as a lost ping.
#[derive(Clone, Copy, Debug)]
pub struct Strike {
    pub x: f64,
    pub style: Style,
}

/// A full-height thin column with a label at the top, for what was changed or noted at a time.
#[derive(Clone, Copy, Debug)]
pub struct Mark<'a> {
    pub x: f64,
    pub label: &'a str,
    pub style: Style,
}

/// A dashed horizontal line with a label at its left end. Outside the scale it is not drawn.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'a> {
    pub y: f64,
    pub label: &'a str,
    pub style: Style,
}

/// Bars from the bottom up: seconds, height. A value holds until the next one, the last one for its
/// own column; one that is not finite draws nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bars<'a> {
    pub values: &'a [(f64, f64)],
    /// The foreground colour also becomes the background of lines that cross a bar.
    pub style: Style,
}

/// A shade between two bounds: seconds, lower, upper. Values hold as those of [`Bars`] do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Band<'a> {
    pub values: &'a [(f64, f64, f64)],
    pub style: Style,
}

/// A chart over time; see the module for what it draws and why.
///
/// Costs a few operations for each sample and each cell; two points a column are enough.
#[derive(Clone, Copy)]
pub struct TimeChart<'a> {
    from: f64,
    to: f64,
    y: YScale,
    glyphs: Glyphs,
    gutter: u16,
    axis: Style,
    labels: Style,
    format_y: &'a dyn Fn(f64) -> String,
    x_ticks: &'a [(f64, String)],
    bars: Bars<'a>,
    band: Band<'a>,
    rules: &'a [Rule<'a>],
    series: &'a [Series<'a>],
    strikes: &'a [Strike],
    marks: &'a [Mark<'a>],
    cursor: Option<(f64, Style)>,
}

impl<'a> TimeChart<'a> {
    /// A chart of the seconds `window`, both ends included, with nothing in it but its axes.
    #[must_use]
    pub fn new(window: Range<f64>, y: YScale) -> Self {
        Self {
            from: window.start,
            to: window.end,
            y,
            glyphs: Glyphs::Unicode,
            gutter: 8,
            axis: Style::new(),
            labels: Style::new(),
            format_y: &|y| y.to_string(),
            x_ticks: &[],
            bars: Bars::default(),
            band: Band::default(),
            rules: &[],
            series: &[],
            strikes: &[],
            marks: &[],
            cursor: None,
        }
    }

    #[must_use]
    pub const fn glyphs(mut self, glyphs: Glyphs) -> Self {
        self.glyphs = glyphs;
        self
    }

    /// Columns left of the plot: the y labels and, in the last of them, the axis. 8 unless set.
    #[must_use]
    pub const fn gutter(mut self, columns: u16) -> Self {
        self.gutter = columns;
        self
    }

    /// Styles of the axis and of the labels of both axes.
    #[must_use]
    pub const fn axis_style(mut self, axis: Style, labels: Style) -> Self {
        self.axis = axis;
        self.labels = labels;
        self
    }

    /// How a height is written in the gutter, with its unit.
    #[must_use]
    pub const fn format_y(mut self, format: &'a dyn Fn(f64) -> String) -> Self {
        self.format_y = format;
        self
    }

    /// Labels under the plot. Where two would touch, the later one is kept. None, and the plot
    /// takes their row too.
    #[must_use]
    pub const fn x_ticks(mut self, ticks: &'a [(f64, String)]) -> Self {
        self.x_ticks = ticks;
        self
    }

    #[must_use]
    pub const fn bars(mut self, bars: Bars<'a>) -> Self {
        self.bars = bars;
        self
    }

    #[must_use]
    pub const fn band(mut self, band: Band<'a>) -> Self {
        self.band = band;
        self
    }

    #[must_use]
    pub const fn rules(mut self, rules: &'a [Rule<'a>]) -> Self {
        self.rules = rules;
        self
    }

    #[must_use]
    pub const fn series(mut self, series: &'a [Series<'a>]) -> Self {
        self.series = series;
        self
    }

    #[must_use]
    pub const fn strikes(mut self, strikes: &'a [Strike]) -> Self {
        self.strikes = strikes;
        self
    }

    #[must_use]
    pub const fn marks(mut self, marks: &'a [Mark<'a>]) -> Self {
        self.marks = marks;
        self
    }

    /// Lays a style over the column of a time. A reversing style shows without colours too.
    #[must_use]
    pub const fn cursor(mut self, x: f64, style: Style) -> Self {
        self.cursor = Some((x, style));
        self
    }

    /// Where the plot lies when the chart is drawn in `area`, to find times under columns.
    ///
    /// The gutter gives way when it would take more than half the width, the labels of the x axis
    /// when less than two rows would be left.
    #[must_use]
    pub fn plot(&self, area: Rect) -> Plot {
        let gutter = if self.gutter <= area.width / 2 {
            self.gutter
        } else {
            0
        };
        let label_rows = u16::from(!self.x_ticks.is_empty() && area.height > 2);
        let plot = Rect::new(
            area.x + gutter,
            area.y,
            area.width - gutter,
            area.height - label_rows,
        );
        Plot::new(plot, self.from, self.to)
    }

    fn draw_bars(&self, canvas: &mut Canvas, plot: &Plot) {
        let columns = canvas.columns();
        let times = self.bars.values.iter().map(|&(x, _)| x);
        for (span, &(_, y)) in held_spans(times, plot, columns).zip(self.bars.values) {
            if y.is_finite() {
                for column in span {
                    canvas.bar(column, self.y.height(y).max(0.0));
                }
            }
        }
    }

    fn draw_band(&self, canvas: &mut Canvas, plot: &Plot) {
        let dots = canvas.dots_across();
        let bottom = canvas.dots_down().saturating_sub(1);
        let times = self.band.values.iter().map(|&(x, _, _)| x);
        for (span, &(_, low, high)) in held_spans(times, plot, dots).zip(self.band.values) {
            if !(low.is_finite() && high.is_finite()) {
                continue;
            }
            let row = |y| {
                let height = self.y.height(y).clamp(0.0, 1.0);
                (canvas.dot_row(height).round() as usize).min(bottom)
            };
            let (top, bottom) = (row(high), row(low));
            for x in span {
                canvas.shade(x, top, bottom, self.band.style);
            }
        }
    }

    fn draw_rules(&self, canvas: &mut Canvas) {
        for rule in self.rules {
            let height = self.y.height(rule.y);
            if (0.0..=1.0).contains(&height) {
                canvas.rule(canvas.dot_row(height).round() as usize, rule.style);
            }
        }
    }

    /// Draws one series and notes in `over` which columns have a value above the scale.
    fn draw_series(
        &self,
        series: &Series,
        canvas: &mut Canvas,
        plot: &Plot,
        over: &mut [Option<Style>],
    ) {
        let dots = canvas.dots_across() as f64;
        let mut pen = Pen::new(series.style);
        for sample in series.samples {
            let Sample::At(x, y) = *sample else {
                pen.lift(canvas);
                continue;
            };
            let share = plot.share(x);
            if !(share.is_finite() && y.is_finite()) {
                pen.lift(canvas);
                continue;
            }
            let height = self.y.height(y);
            if height > 1.0
                && let Some(column) = plot.slot(x, over.len())
            {
                over[column] = Some(series.style);
            }
            // A point off the window has a place too, so that a line can come from there. The very
            // end of the window belongs to its last column.
            let across = if share == 1.0 {
                dots - 0.5
            } else {
                share * dots
            };
            pen.move_to(canvas, (across, canvas.dot_row(height)));
        }
        pen.lift(canvas);
    }

    /// Writes the labels of the marks into the top row and returns which columns they took.
    ///
    /// A label stands right of its mark, or left of it where only there is room enough, and is cut
    /// rather than laid over another.
    fn label_marks(&self, plot: &Plot, buf: &mut Buffer) -> Vec<u16> {
        let area = plot.area;
        let mut skyline = vec![0; usize::from(area.width)];
        let mut marks: Vec<(u16, &Mark)> = self
            .marks
            .iter()
            .filter_map(|mark| Some((plot.column_of_x(mark.x)?, mark)))
            .collect();
        // The sort is stable, so of several marks in one column the last given is kept.
        marks.sort_by_key(|&(column, _)| column);
        marks.dedup_by(|later, kept| {
            let same_column = later.0 == kept.0;
            if same_column {
                *kept = *later;
            }
            same_column
        });
        let mut free = area.x;
        for (index, &(column, mark)) in marks.iter().enumerate() {
            let next = marks.get(index + 1).map_or(area.right(), |next| next.0);
            let needed = text::width(mark.label).min(usize::from(area.width)) as u16;
            let right = next.saturating_sub(column + 1);
            let left = column.saturating_sub(free);
            let (start, width) = if needed <= right || left <= right {
                // One blank parts the label from what follows.
                (column + 1, (needed + 1).min(right))
            } else {
                let width = needed.min(left);
                (column - width, width)
            };
            // In a single column there would be nothing but the sign of a cut.
            if needed > 0 && (width > 1 || width == needed) {
                let label = Line::styled(mark.label, mark.style);
                let at = (start, area.y);
                text::draw_line(buf, at, width, &label, Align::Left, self.glyphs);
                skyline[usize::from(start - area.x)..][..usize::from(width)].fill(1);
                free = start + width;
            }
            free = free.max(column + 1);
        }
        skyline
    }

    /// Puts a head on each strike and `▲` where a value lies above the scale, each in the topmost
    /// free cell of its column.
    fn draw_heads(
        &self,
        plot: &Plot,
        over: &[Option<Style>],
        skyline: &mut [u16],
        buf: &mut Buffer,
    ) {
        let strikes = self
            .strikes
            .iter()
            .filter_map(|strike| Some((plot.slot(strike.x, over.len())?, strike.style)));
        let mut struck = vec![None; over.len()];
        for (column, style) in strikes {
            struck[column] = Some(style);
        }
        let heads = [
            (&struck[..], self.glyphs.pick('╳', 'x')),
            (over, self.glyphs.pick('▲', '^')),
        ];
        for (styles, glyph) in heads {
            for (column, style) in styles.iter().enumerate() {
                let Some(style) = *style else { continue };
                let (x, y) = (plot.area.x + column as u16, plot.area.y + skyline[column]);
                skyline[column] += 1;
                if y < plot.area.bottom()
                    && let Some(cell) = buf.cell_mut((x, y))
                {
                    cell.set_char(glyph).set_style(style);
                }
            }
        }
    }

    fn label_rules(&self, canvas: &Canvas, plot: &Plot, buf: &mut Buffer) {
        for rule in self.rules {
            let height = self.y.height(rule.y);
            if !(0.0..=1.0).contains(&height) {
                continue;
            }
            let y = plot.area.y + canvas.cell_row(height) as u16;
            let room = usize::from(plot.area.width);
            let width = text::width(rule.label).min(room) as u16;
            let label = Line::styled(rule.label, rule.style);
            let at = (plot.area.x, y);
            text::draw_line(buf, at, width, &label, Align::Left, self.glyphs);
        }
    }

    fn draw_y_axis(&self, canvas: &Canvas, area: Rect, plot: &Plot, buf: &mut Buffer) {
        let gutter = plot.area.x - area.x;
        let Some(room) = gutter.checked_sub(1) else {
            return;
        };
        let x = area.x + room;
        for y in plot.area.y..plot.area.bottom() {
            if let Some(cell) = buf.cell_mut((x, y)) {
                cell.set_char(self.glyphs.pick('│', '|'))
                    .set_style(self.axis);
            }
        }
        let rows = usize::from(plot.area.height);
        let mut taken = None;
        for value in self.y.ticks(rows.saturating_sub(1) / 2) {
            let row = canvas.cell_row(self.y.height(value));
            if taken == Some(row) {
                continue;
            }
            taken = Some(row);
            let y = plot.area.y + row as u16;
            let label = Line::styled((self.format_y)(value), self.labels);
            text::draw_line(buf, (area.x, y), room, &label, Align::Right, self.glyphs);
            if let Some(cell) = buf.cell_mut((x, y)) {
                cell.set_char(self.glyphs.pick('┤', '+'));
            }
        }
    }

    fn draw_cursor(&self, plot: &Plot, buf: &mut Buffer) {
        if let Some((x, style)) = self.cursor
            && let Some(column) = plot.column_of_x(x)
        {
            let column = Rect::new(column, plot.area.y, 1, plot.area.height);
            buf.set_style(column, style);
        }
    }
}

impl Widget for &TimeChart<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let plot = self.plot(area);
        let mut canvas = Canvas::new(plot.area, self.glyphs);
        let mut over = vec![None; canvas.columns()];
        self.draw_bars(&mut canvas, &plot);
        self.draw_band(&mut canvas, &plot);
        for mark in self.marks {
            if let Some(column) = plot.slot(mark.x, over.len()) {
                canvas.mark(column, mark.style);
            }
        }
        self.draw_rules(&mut canvas);
        for series in self.series {
            self.draw_series(series, &mut canvas, &plot, &mut over);
        }
        for strike in self.strikes {
            if let Some(column) = plot.slot(strike.x, over.len()) {
                canvas.strike(column, strike.style);
            }
        }
        canvas.paint(buf, plot.area, self.bars.style);
        self.label_rules(&canvas, &plot, buf);
        let mut skyline = self.label_marks(&plot, buf);
        self.draw_heads(&plot, &over, &mut skyline, buf);
        self.draw_y_axis(&canvas, area, &plot, buf);
        plot.draw_labels(self.x_ticks, self.labels, self.glyphs, area, buf);
        self.draw_cursor(&plot, buf);
    }
}

/// The slots that each value holds: from its own up to that of the next value, or, if both fall
/// into one or it is the last, its own. Values before the window hold into it.
fn held_spans<'t>(
    times: impl Iterator<Item = f64> + Clone + 't,
    plot: &'t Plot,
    slots: usize,
) -> impl Iterator<Item = Range<usize>> + 't {
    let next_times = times.clone().skip(1).map(Some).chain([None]);
    times.zip(next_times).map(move |(x, next)| {
        let start = (plot.share(x) * slots as f64).floor();
        let end = next.map_or(start + 1.0, |next| {
            (plot.share(next) * slots as f64).floor()
        });
        let end = end.max(start + 1.0);
        // The end of the window belongs to its last slot; casts make 0 of NaN.
        let last = slots as f64;
        let start = if plot.share(x) == 1.0 {
            last - 1.0
        } else {
            start
        };
        start.clamp(0.0, last) as usize..end.clamp(0.0, last) as usize
    })
}

#[cfg(test)]
mod tests {
    use super::Sample::{At, Break};
    use super::*;
    use ratatui::style::Color;

    const RED: Style = Style::new().fg(Color::Red);
    const CYAN: Style = Style::new().fg(Color::Cyan);

    /// A chart of 10 seconds to height 1 without gutter and labels, so that a second is a column
    /// of a plot ten wide.
    fn bare<'a>() -> TimeChart<'a> {
        TimeChart::new(0.0..10.0, YScale::Linear { max: 1.0 }).gutter(0)
    }

    fn drawn(chart: &TimeChart, width: u16, height: u16) -> Buffer {
        let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
        chart.render(buf.area, &mut buf);
        buf
    }

    fn rows(buf: &Buffer) -> Vec<String> {
        let rows = buf.content.chunks(usize::from(buf.area.width));
        rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect())
            .collect()
    }

    fn blank_columns(buf: &Buffer) -> Vec<u16> {
        let blank = |x: &u16| (0..buf.area.height).all(|y| buf[(*x, y)].symbol() == " ");
        (0..buf.area.width).filter(blank).collect()
    }

    #[test]
    fn without_data_there_are_the_axes() {
        let ticks = [(0.0, "-10 s".to_owned()), (10.0, "now".to_owned())];
        let chart = bare()
            .gutter(7)
            .x_ticks(&ticks)
            .format_y(&|y| format!("{y:.1} ms"));
        assert_eq!(
            rows(&drawn(&chart, 20, 6)),
            [
                "1.0 ms┤             ",
                "      │             ",
                "0.5 ms┤             ",
                "      │             ",
                "0.0 ms┤             ",
                "     -10 s       now",
            ]
        );
        assert_eq!(
            rows(&drawn(&chart.glyphs(Glyphs::Ascii), 20, 3)),
            [
                "1.0 ms+             ",
                "0.0 ms+             ",
                "     -10 s       now",
            ]
        );
    }

    #[test]
    fn of_labels_that_touch_the_later_is_kept() {
        let ticks = [
            (5.0, "-5 s".to_owned()),
            (8.0, "-2 s".to_owned()),
            (10.0, "now".to_owned()),
        ];
        let buf = drawn(&bare().x_ticks(&ticks), 14, 3);
        assert_eq!(rows(&buf)[2], "     -5 s  now");
    }

    #[test]
    fn no_line_crosses_a_break() {
        let joined = [At(1.5, 0.2), At(2.5, 0.4), At(7.5, 0.8), At(8.5, 0.2)];
        let broken = [joined[0], joined[1], Break, joined[2], joined[3]];
        let not_a_number = [
            joined[0],
            joined[1],
            At(5.0, f64::NAN),
            joined[2],
            joined[3],
        ];
        let infinite = [
            joined[0],
            joined[1],
            At(f64::INFINITY, 0.5),
            joined[2],
            joined[3],
        ];
        for glyphs in [Glyphs::Unicode, Glyphs::Ascii] {
            let blank = |samples| {
                let series = [Series {
                    samples,
                    style: CYAN,
                }];
                blank_columns(&drawn(&bare().glyphs(glyphs).series(&series), 10, 4))
            };
            assert_eq!(blank(&joined), [0, 9]);
            for samples in [&broken, &not_a_number, &infinite] {
                assert_eq!(blank(samples), [0, 3, 4, 5, 6, 9]);
            }
        }
    }

    #[test]
    fn a_point_alone_is_a_dot_and_a_line_comes_in_from_outside() {
        let alone = [Break, At(2.2, 0.0), Break, At(10.0, 1.0)];
        let series = [Series {
            samples: &alone,
            style: CYAN,
        }];
        let buf = drawn(&bare().series(&series), 10, 2);
        assert_eq!(rows(&buf), ["         ⠛", "  ⣤       "]);
        let through = [At(-10.0, 0.5), At(20.0, 0.5)];
        let series = [Series {
            samples: &through,
            style: CYAN,
        }];
        let buf = drawn(&bare().glyphs(Glyphs::Ascii).series(&series), 10, 3);
        assert_eq!(rows(&buf)[1], "..........");
    }

    #[test]
    fn values_above_the_scale_are_clipped_and_marked() {
        let samples = [
            At(1.5, 0.5),
            At(4.5, 90.0),
            At(7.5, 0.5),
            Break,
            At(9.5, 2.0),
        ];
        let series = [Series {
            samples: &samples,
            style: CYAN,
        }];
        let buf = drawn(&bare().series(&series), 10, 3);
        let top = &rows(&buf)[0];
        assert_eq!(top.chars().filter(|c| *c == '▲').count(), 2, "{top}");
        assert_eq!((buf[(4, 0)].symbol(), buf[(9, 0)].symbol()), ("▲", "▲"));
        assert_eq!(buf[(4, 0)].fg, Color::Cyan);
        let buf = drawn(&bare().glyphs(Glyphs::Ascii).series(&series), 10, 3);
        assert_eq!(buf[(4, 0)].symbol(), "^");
    }

    #[test]
    fn a_strike_is_full_height_even_under_a_line() {
        let samples = [At(0.5, 0.1), At(9.5, 0.9)];
        let series = [Series {
            samples: &samples,
            style: CYAN,
        }];
        let strikes = [
            Strike { x: 4.5, style: RED },
            Strike {
                x: 11.0,
                style: RED,
            },
        ];
        for (glyphs, head) in [(Glyphs::Unicode, "╳"), (Glyphs::Ascii, "x")] {
            let chart = bare().glyphs(glyphs).series(&series).strikes(&strikes);
            let buf = drawn(&chart, 10, 6);
            assert_eq!(buf[(4, 0)].symbol(), head);
            for y in 0..6 {
                let cell = &buf[(4, y)];
                assert_ne!(cell.symbol(), " ", "row {y}");
                let expected = if y == 3 { Color::Cyan } else { Color::Red };
                assert_eq!(cell.fg, expected, "the line keeps its colour: row {y}");
            }
            let red = buf.content.iter().filter(|cell| cell.fg == Color::Red);
            assert_eq!(red.count(), 5);
        }
    }

    #[test]
    fn a_clipped_value_in_a_struck_column_stands_below_the_head() {
        let samples = [At(4.5, 7.0)];
        let series = [Series {
            samples: &samples,
            style: CYAN,
        }];
        let strikes = [Strike { x: 4.1, style: RED }];
        let buf = drawn(&bare().series(&series).strikes(&strikes), 10, 3);
        let column = [0, 1, 2].map(|y| buf[(4, y)].symbol().to_owned());
        assert_eq!(column, ["╳", "▲", "│"]);
    }

    #[test]
    fn labels_of_marks_never_overlap() {
        let mark = |x, label| Mark {
            x,
            label,
            style: RED,
        };
        let top = |marks: &[Mark]| {
            let chart = TimeChart::new(0.0..20.0, YScale::Linear { max: 1.0 });
            rows(&drawn(&chart.gutter(0).marks(marks), 20, 3)).swap_remove(0)
        };
        assert_eq!(top(&[mark(2.0, "loss 60 %")]), "  ▏loss 60 %        ");
        // Cut in front of the next; the order they are given in does not matter.
        assert_eq!(
            top(&[mark(8.0, "delay"), mark(2.0, "loss 60 %")]),
            "  ▏loss…▏delay      "
        );
        // At the right edge there is room only at the left.
        assert_eq!(top(&[mark(18.0, "loss 60 %")]), "         loss 60 %▏ ");
        assert_eq!(
            top(&[mark(3.0, "old"), mark(3.0, "new")]),
            "   ▏new             "
        );
        assert_eq!(
            top(&[mark(3.0, "a"), mark(4.0, "b"), mark(5.0, "")]),
            "  a▏▏▏              "
        );
    }

    #[test]
    fn heads_stand_below_labels() {
        let marks = [Mark {
            x: 1.0,
            label: "loss",
            style: CYAN,
        }];
        let strikes = [Strike { x: 3.0, style: RED }];
        let buf = drawn(&bare().marks(&marks).strikes(&strikes), 10, 3);
        assert_eq!(rows(&buf), [" ▏loss    ", " ▏ ╳      ", " ▏ │      "]);
    }

    #[test]
    fn bars_hold_until_the_next_value() {
        let values = [
            (-3.0, 1.0),
            (1.0, 0.25),
            (3.0, f64::NAN),
            (5.0, 0.5),
            (5.5, 0.75),
            (6.0, 0.01),
            (9.0, 5.0),
        ];
        let bars = Bars {
            values: &values,
            style: CYAN,
        };
        assert_eq!(
            rows(&drawn(&bare().bars(bars), 10, 2)),
            ["█    ▄   █", "█▄▄  █▁▁▁█"]
        );
        assert_eq!(
            rows(&drawn(&bare().glyphs(Glyphs::Ascii).bars(bars), 10, 2)),
            ["#    #   #", "###  #___#"]
        );
    }

    #[test]
    fn a_line_over_a_bar_keeps_the_bar_as_background() {
        let values = [(0.0, 1.0), (9.0, 1.0)];
        let samples = [At(0.0, 0.5), At(10.0, 0.5)];
        let series = [Series {
            samples: &samples,
            style: RED,
        }];
        let bars = Bars {
            values: &values,
            style: CYAN,
        };
        let buf = drawn(&bare().bars(bars).series(&series), 10, 1);
        for cell in &buf.content {
            assert_eq!((cell.fg, cell.bg), (Color::Red, Color::Cyan));
        }
    }

    #[test]
    fn the_band_lies_between_its_bounds_and_rules_are_dashed() {
        let values = [(0.0, 0.3, 0.7), (9.0, 0.3, 0.7)];
        let band = Band {
            values: &values,
            style: CYAN,
        };
        let rules = [
            Rule {
                y: 1.0,
                label: "set",
                style: RED,
            },
            Rule {
                y: 2.0,
                label: "out of the scale",
                style: RED,
            },
        ];
        let chart = bare().glyphs(Glyphs::Ascii).band(band).rules(&rules);
        assert_eq!(
            rows(&drawn(&chart, 10, 5)),
            [
                "set - - - ",
                "::::::::::",
                "::::::::::",
                "::::::::::",
                "          "
            ]
        );
    }

    #[test]
    fn the_cursor_restyles_its_column_only() {
        let buf = drawn(&bare().cursor(5.5, RED), 10, 2);
        for (at, cell) in buf.area.positions().zip(&buf.content) {
            assert_eq!(cell.fg == Color::Red, at.x == 5, "{at}");
        }
    }

    #[test]
    fn among_many_points_the_extremes_stay() {
        let mut samples: Vec<Sample> = (0..10_000)
            .map(|i| At(f64::from(i) / 1000.0, 0.5))
            .collect();
        samples[4321] = At(4.321, 1.0);
        samples[7654] = At(7.654, 0.0);
        let series = [Series {
            samples: &samples,
            style: CYAN,
        }];
        let shown = rows(&drawn(&bare().glyphs(Glyphs::Ascii).series(&series), 10, 3));
        assert_eq!(shown[0], "    *     ");
        assert_eq!(shown[2], "       *  ");
    }

    #[test]
    fn charts_of_one_width_share_their_columns() {
        let area = Rect::new(3, 1, 60, 9);
        let ticks = [(10.0, "now".to_owned())];
        let above = bare().gutter(8).x_ticks(&ticks).plot(area);
        let below = TimeChart::new(0.0..10.0, YScale::Log { min: 0.1, max: 9.0 })
            .gutter(8)
            .plot(Rect::new(3, 10, 60, 4));
        assert_eq!(above.area.x, 11);
        for column in 0..70 {
            assert_eq!(above.x_of_column(column), below.x_of_column(column));
        }
    }

    #[test]
    fn any_size_and_any_value_draws_what_fits() {
        let hostile = [
            0.0,
            -1.0,
            1.0,
            5.0,
            1e300,
            -1e300,
            1e-300,
            f64::MAX,
            f64::MIN,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ];
        let pairs: Vec<(f64, f64)> = hostile
            .iter()
            .flat_map(|&x| hostile.map(|y| (x, y)))
            .collect();
        let samples: Vec<Sample> = pairs.iter().map(|&(x, y)| At(x, y)).collect();
        let bounds: Vec<_> = pairs.iter().map(|&(x, y)| (x, y, -x)).collect();
        let series = [Series {
            samples: &samples,
            style: CYAN,
        }];
        let strikes = hostile.map(|x| Strike { x, style: RED });
        let marks = hostile.map(|x| Mark {
            x,
            label: "丢包率\x1b",
            style: RED,
        });
        let rules = hostile.map(|y| Rule {
            y,
            label: "设定值",
            style: RED,
        });
        let ticks: Vec<_> = hostile.iter().map(|&x| (x, format!("{x}"))).collect();
        let scales = hostile.iter().flat_map(|&max| {
            let logs = hostile.map(|min| YScale::Log { min, max });
            logs.into_iter().chain([YScale::Linear { max }])
        });
        for y in scales {
            for window in [
                0.0..10.0,
                5.0..5.0,
                f64::NAN..1.0,
                f64::MIN..f64::MAX,
                1e300..1e301,
            ] {
                for (width, height) in [(0, 0), (1, 1), (2, 2), (10, 3), (80, 10)] {
                    let chart = TimeChart::new(window.clone(), y)
                        .bars(Bars {
                            values: &pairs,
                            style: CYAN,
                        })
                        .band(Band {
                            values: &bounds,
                            style: CYAN,
                        })
                        .series(&series)
                        .strikes(&strikes)
                        .marks(&marks)
                        .rules(&rules)
                        .x_ticks(&ticks)
                        .cursor(1.0, RED);
                    drawn(&chart, width, height);
                    drawn(&chart.glyphs(Glyphs::Ascii), width, height);
                }
            }
        }
        drawn(&bare().series(&series).strikes(&strikes), 200, 50);
        // An area that reaches past the buffer.
        let mut buf = Buffer::empty(Rect::new(0, 0, 5, 5));
        bare()
            .series(&series)
            .render(Rect::new(3, 3, 90, 90), &mut buf);
    }
}
