//! Draws a series from point to point.
//!
//! Points within one column of dots are gathered into a single vertical run, so that ten thousand
//! of them cost no more lines than there are columns, and the extremes stay.

use ratatui::style::Style;

use super::canvas::Canvas;

/// A pen over a canvas. Places are in dots from the left and from the top, and finite.
pub(super) struct Pen {
    style: Style,
    run: Option<Run>,
    /// Whether the run is joined to one before.
    joined: bool,
}

/// The points since the line came to this column of dots; heights count from the top.
struct Run {
    /// 0 for all that lies left of the canvas, 1 for its first column of dots, and so on.
    column: usize,
    highest: f64,
    lowest: f64,
    last: (f64, f64),
}

impl Pen {
    pub(super) const fn new(style: Style) -> Self {
        Self {
            style,
            run: None,
            joined: false,
        }
    }

    /// Draws to a place, from the last one unless the pen was lifted.
    pub(super) fn move_to(&mut self, canvas: &mut Canvas, to: (f64, f64)) {
        let beyond = canvas.dots_across() as f64 + 1.0;
        let column = (to.0 + 1.0).clamp(0.0, beyond) as usize;
        match &mut self.run {
            Some(run) if run.column == column => {
                run.highest = run.highest.min(to.1);
                run.lowest = run.lowest.max(to.1);
                run.last = to;
                return;
            }
            Some(run) => {
                let from = run.last;
                self.finish_run(canvas, false);
                canvas.line(from, to, self.style);
                self.joined = true;
            }
            None => {}
        }
        self.run = Some(Run {
            column,
            highest: to.1,
            lowest: to.1,
            last: to,
        });
    }

    /// Ends the line; what comes next is not joined to it.
    pub(super) fn lift(&mut self, canvas: &mut Canvas) {
        self.finish_run(canvas, !self.joined);
        self.joined = false;
    }

    fn finish_run(&mut self, canvas: &mut Canvas, alone: bool) {
        let Some(run) = self.run.take() else { return };
        let inside = (1..=canvas.dots_across()).contains(&run.column);
        // A run that lies above as a whole has left a mark at the top instead.
        if !inside || run.lowest < 0.0 {
            return;
        }
        let x = run.column - 1;
        let bottom = canvas.dots_down().saturating_sub(1);
        // A half and a cast round to nearest; what is negative becomes 0.
        let dot = |y: f64| ((y + 0.5) as usize).min(bottom);
        let (top, low) = (dot(run.highest), dot(run.lowest));
        if alone && top == low {
            canvas.lone_point(x, top, self.style);
        } else {
            canvas.run(x, top, low, self.style);
        }
    }
}
