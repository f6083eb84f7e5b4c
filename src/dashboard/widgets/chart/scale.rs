//! From seconds to columns and back, and from values to heights.
//!
//! Apart from the chart because others ask it too: a tab that wants to know which ping lies under
//! the cursor must come to the same column as the painter.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::dashboard::widgets::Glyphs;
use crate::dashboard::widgets::text::{self, Align};

/// How values become heights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum YScale {
    /// From 0 at the bottom to `max` at the top.
    Linear { max: f64 },
    /// Equal ratios have equal heights; what is below `min`, 0 included, lies on the bottom.
    Log { min: f64, max: f64 },
}

impl YScale {
    /// The height of a finite value: 0 is the bottom row, 1 the top row, more is above the scale,
    /// and nothing is below the bottom. A scale without extent puts everything on the bottom.
    #[must_use]
    pub fn height(self, value: f64) -> f64 {
        let height = match self {
            Self::Linear { max } if max > 0.0 => value / max,
            Self::Log { min, max } if min > 0.0 && max > min && value > min => {
                (value.ln() - min.ln()) / (max.ln() - min.ln())
            }
            _ => 0.0,
        };
        // Also NaN, from a scale that is not finite, goes to the bottom.
        height.max(0.0)
    }

    /// Round values for the axis from the bottom up, with at most `intervals` steps between them
    /// (but never fewer than the two ends).
    pub(super) fn ticks(self, intervals: usize) -> Vec<f64> {
        let intervals = intervals.clamp(1, 6);
        match self {
            Self::Linear { max } if max > 0.0 && max.is_finite() => {
                let step = round_up(max / intervals as f64, &[1.0, 2.0, 2.5, 5.0, 10.0]);
                // The hair lets 3 x 0.1 count as 0.3.
                let count = (max / step + 1e-9).floor() as usize;
                if count == 0 {
                    return vec![0.0, max];
                }
                (0..=count).map(|i| i as f64 * step).collect()
            }
            Self::Log { min, max } if min > 0.0 && max > min && max.is_finite() => {
                let (low, high) = (min.log10() - 1e-9, max.log10() + 1e-9);
                let (low, high) = (low.ceil() as i32, high.floor() as i32);
                if high <= low {
                    return vec![min, max];
                }
                let stride = ((high - low) as usize).div_ceil(intervals);
                (low..=high)
                    .step_by(stride)
                    .map(|power| 10f64.powi(power))
                    .collect()
            }
            _ => vec![0.0],
        }
    }
}

/// The smallest of a few round figures (1, 1.5, 2, 2.5, 3, 4, 5, 6 and 8 times a power of ten) that is
/// not below `value`: a top for a scale that holds still while values wander. A value that is not
/// positive and finite gives 1.
#[must_use]
pub fn nice_ceiling(value: f64) -> f64 {
    round_up(value, &[1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0])
}

fn round_up(value: f64, factors: &[f64]) -> f64 {
    if !(value > 0.0 && value.is_finite()) {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    factors
        .iter()
        .map(|factor| factor * power)
        // The hair keeps 0.3 / 3 from becoming 0.2.
        .find(|nice| *nice >= value * (1.0 - 1e-9) && *nice > 0.0)
        .unwrap_or(value)
}

/// The drawn part of a chart, and which second lies in which of its columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plot {
    pub area: Rect,
    from: f64,
    to: f64,
}

impl Plot {
    /// A window that is empty, reversed or not finite holds no second at all.
    pub(in super::super) fn new(area: Rect, from: f64, to: f64) -> Self {
        let usable = from < to && (to - from).is_finite();
        let to = if usable { to } else { f64::NAN };
        Self { area, from, to }
    }

    /// The column, counted from the left of the screen, of a second in the window.
    #[must_use]
    pub fn column_of_x(&self, x: f64) -> Option<u16> {
        let slot = self.slot(x, usize::from(self.area.width))?;
        Some(self.area.x + slot as u16)
    }

    /// The second in the middle of a column of the screen, if the column lies in the plot.
    #[must_use]
    pub fn x_of_column(&self, column: u16) -> Option<f64> {
        let span = self.span_of_column(column)?;
        Some(f64::midpoint(span.start, span.end))
    }

    /// The seconds that a column of the screen stands for; the last column includes its end.
    #[must_use]
    pub fn span_of_column(&self, column: u16) -> Option<Range<f64>> {
        let inside = (self.area.x..self.area.right()).contains(&column);
        if !inside || self.to.is_nan() {
            return None;
        }
        let width = (self.to - self.from) / f64::from(self.area.width);
        let start = self.from + f64::from(column - self.area.x) * width;
        Some(start..start + width)
    }

    /// Writes labels under the plot, in the row of `area` that follows it if there is one; from the right, so that where two would touch the later one is
    /// kept.
    pub(in super::super) fn draw_labels(
        &self,
        labels: &[(f64, String)],
        style: Style,
        glyphs: Glyphs,
        area: Rect,
        buf: &mut Buffer,
    ) {
        let y = self.area.bottom();
        if y >= area.bottom() {
            return;
        }
        let mut limit = area.right();
        for (x, label) in labels.iter().rev() {
            let Some(column) = self.column_of_x(*x) else {
                continue;
            };
            let width = text::width(label).min(usize::from(area.width)) as u16;
            let start = column
                .saturating_sub(width / 2)
                .clamp(area.x, area.right() - width);
            if start + width > limit {
                continue;
            }
            let label = Line::styled(label.as_str(), style);
            text::draw_line(buf, (start, y), width, &label, Align::Left, glyphs);
            limit = start.saturating_sub(1);
        }
    }

    /// Which of `slots` equal parts of the window holds a second; its end is in the last one.
    pub(super) fn slot(&self, x: f64, slots: usize) -> Option<usize> {
        let share = self.share(x);
        if slots == 0 || !(0.0..=1.0).contains(&share) {
            return None;
        }
        Some(((share * slots as f64) as usize).min(slots - 1))
    }

    /// How far into the window a second lies: 0 at its start, 1 at its end. NaN if there is none.
    pub(in super::super) fn share(&self, x: f64) -> f64 {
        (x - self.from) / (self.to - self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(actual: &[f64], expected: &[f64]) {
        let same = actual.len() == expected.len()
            && actual
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() <= 1e-9 * b.abs());
        assert!(same, "{actual:?} is not {expected:?}");
    }

    #[test]
    fn nice_ceilings() {
        let table = [
            (0.21, 0.25),
            (1.0, 1.0),
            (1.01, 1.5),
            (2.1, 2.5),
            (3.0, 3.0),
            (700.0, 800.0),
            (801.0, 1000.0),
            (0.0, 1.0),
            (-3.0, 1.0),
            (f64::NAN, 1.0),
            (f64::INFINITY, 1.0),
        ];
        for (value, expected) in table {
            close(&[nice_ceiling(value)], &[expected]);
        }
    }

    #[test]
    fn heights() {
        let linear = YScale::Linear { max: 2.0 };
        let log = YScale::Log {
            min: 0.1,
            max: 10.0,
        };
        let table = [
            (linear, 0.0, 0.0),
            (linear, 1.0, 0.5),
            (linear, 3.0, 1.5),
            (linear, -1.0, 0.0),
            (log, 0.0, 0.0),
            (log, 0.1, 0.0),
            (log, 1.0, 0.5),
            (log, 10.0, 1.0),
            (log, 100.0, 1.5),
            (YScale::Linear { max: 0.0 }, 5.0, 0.0),
            (YScale::Linear { max: f64::NAN }, 5.0, 0.0),
            (YScale::Log { min: 0.0, max: 1.0 }, 5.0, 0.0),
        ];
        for (scale, value, expected) in table {
            close(&[scale.height(value)], &[expected]);
        }
    }

    #[test]
    fn ticks_are_round_and_few() {
        let linear = |max| YScale::Linear { max };
        close(&linear(1.0).ticks(2), &[0.0, 0.5, 1.0]);
        close(&linear(1.0).ticks(0), &[0.0, 1.0]);
        close(&linear(0.3).ticks(3), &[0.0, 0.1, 0.2, 0.3]);
        close(&linear(3.7).ticks(1), &[0.0, 3.7]);
        close(&linear(f64::INFINITY).ticks(4), &[0.0]);
        let log = |min, max| YScale::Log { min, max };
        close(&log(0.1, 10.0).ticks(4), &[0.1, 1.0, 10.0]);
        close(&log(0.001, 1000.0).ticks(3), &[0.001, 0.1, 10.0, 1000.0]);
        close(&log(2.0, 8.0).ticks(4), &[2.0, 8.0]);
    }

    proptest! {
        #[test]
        fn a_column_and_its_second_find_each_other(
            from in -1e6f64..1e6, seconds in 1e-3f64..1e5, left in 0u16..50, width in 1u16..300, at in 0u16..300,
        ) {
            let plot = Plot::new(Rect::new(left, 0, width, 3), from, from + seconds);
            let column = left + at;
            let found = plot.x_of_column(column).and_then(|x| plot.column_of_x(x));
            prop_assert_eq!(found, (at < width).then_some(column));
        }

        #[test]
        fn ticks_stay_within_the_scale(max in 1e-12f64..1e12, intervals in 0usize..20) {
            let ticks = YScale::Linear { max }.ticks(intervals);
            prop_assert!(ticks.len() <= 7);
            prop_assert!(ticks.iter().all(|tick| *tick <= max * (1.0 + 1e-9)));
        }
    }

    #[test]
    fn the_ends_of_the_window_belong_to_it() {
        let plot = Plot::new(Rect::new(5, 0, 10, 3), -10.0, 0.0);
        let table = [
            (-10.0, Some(5)),
            (-9.01, Some(5)),
            (-9.0, Some(6)),
            (0.0, Some(14)),
            (0.1, None),
            (-10.1, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ];
        for (x, column) in table {
            assert_eq!(plot.column_of_x(x), column, "{x}");
        }
        assert_eq!(plot.span_of_column(14), Some(-1.0..0.0));
        let empty = Plot::new(Rect::new(0, 0, 10, 3), 1.0, 1.0);
        assert_eq!((empty.column_of_x(1.0), empty.x_of_column(3)), (None, None));
    }
}
