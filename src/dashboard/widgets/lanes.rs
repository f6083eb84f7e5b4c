//! Lanes: rows on a common time axis, each a sequence of pieces, as in the waterfall of a browser.
//!
//! It stands apart from the chart because a lane has no heights, only phases that follow each
//! other, and because most phases are far shorter than a column: what a reader must not miss is the
//! short one. It has the chart's columns: lanes and chart of one width, gutter and window agree.

use std::borrow::Cow;
use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::Widget;

use super::chart::Plot;
use super::text::{self, Align};
use super::{Glyphs, strip};

/// A stretch of time in one phase. What goes on still may end at infinity; what takes no time at
/// all may end where it begins.
///
/// The glyph takes one column, or it is shown as `?`. Pieces of `█` with a foreground colour end at
/// eighths of a column; all others at whole ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// Seconds.
    pub from: f64,
    /// Seconds. Before `from`, it counts as `from`.
    pub to: f64,
    pub glyph: char,
    pub style: Style,
}

/// A text over the pieces, such as the number of a request. It begins at its time and is left out
/// where it would reach past the lane or touch the tag before it.
///
/// Over a `█` it takes the colour of the piece as its background, unless its style has one.
#[derive(Clone, Debug, PartialEq)]
pub struct Tag<'a> {
    /// Seconds.
    pub at: f64,
    pub text: Cow<'a, str>,
    pub style: Style,
}

/// One row: its label, and what happened on it in order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lane<'a> {
    pub label: Line<'a>,
    /// Pieces do not overlap.
    pub pieces: Vec<Piece>,
    pub tags: Vec<Tag<'a>>,
    pub selected: bool,
}

/// Lanes over an axis; see the module for what they show and why.
///
/// A piece that fills no column of its own is shown in the one that it covers most, before the ends
/// of its longer neighbours; of several such pieces in one column the longest is shown, and of those
/// equally long the first. Otherwise a column shows the piece that covers most of it, and nothing
/// where none covers half.
///
/// Costs a few operations for each cell, piece and tag.
#[derive(Clone, Copy)]
pub struct Lanes<'a> {
    from: f64,
    to: f64,
    lanes: &'a [Lane<'a>],
    glyphs: Glyphs,
    label_width: u16,
    ticks: &'a [(f64, String)],
    grid: Style,
    labels: Style,
    selected: Style,
}

impl<'a> Lanes<'a> {
    /// The lanes to draw, the first at the top, over the seconds `window`, both ends included.
    #[must_use]
    pub const fn new(window: Range<f64>, lanes: &'a [Lane<'a>]) -> Self {
        Self {
            from: window.start,
            to: window.end,
            lanes,
            glyphs: Glyphs::Unicode,
            label_width: 8,
            ticks: &[],
            grid: Style::new(),
            labels: Style::new(),
            selected: Style::new(),
        }
    }

    #[must_use]
    pub const fn glyphs(mut self, glyphs: Glyphs) -> Self {
        self.glyphs = glyphs;
        self
    }

    /// Columns left of the lanes, the blank after the label included; at most half of all. 8 unless set.
    #[must_use]
    pub const fn label_width(mut self, columns: u16) -> Self {
        self.label_width = columns;
        self
    }

    /// Times with their labels, in order: a thin line through what is free of the lanes, and the label
    /// under it. Where two labels would touch, the later one is kept.
    #[must_use]
    pub const fn ticks(mut self, ticks: &'a [(f64, String)]) -> Self {
        self.ticks = ticks;
        self
    }

    /// Styles of the thin lines and of the labels under them.
    #[must_use]
    pub const fn axis_style(mut self, grid: Style, labels: Style) -> Self {
        self.grid = grid;
        self.labels = labels;
        self
    }

    /// Style of the label of a selected lane; its background goes on under the pieces.
    #[must_use]
    pub const fn selected_style(mut self, style: Style) -> Self {
        self.selected = style;
        self
    }

    /// Where the lanes lie when drawn in `area`: which column shows a time, and which time a column.
    #[must_use]
    pub fn plot(&self, area: Rect) -> Plot {
        let labels = self.label_width.min(area.width / 2);
        let axis = u16::from(!self.ticks.is_empty() && area.height > 1);
        let plot = Rect::new(
            area.x + labels,
            area.y,
            area.width - labels,
            area.height - axis,
        );
        Plot::new(plot, self.from, self.to)
    }

    fn draw_label(&self, lane: &Lane, (x, y): (u16, u16), width: u16, buf: &mut Buffer) {
        text::draw_line(
            buf,
            (x, y),
            width,
            &Line::default(),
            Align::Left,
            self.glyphs,
        );
        let room = width.saturating_sub(1);
        text::draw_line(buf, (x, y), room, &lane.label, Align::Left, self.glyphs);
        if lane.selected {
            buf.set_style(Rect::new(x, y, width, 1), self.selected);
        }
    }

    fn draw_grid(&self, plot: &Plot, y: u16, buf: &mut Buffer) {
        for (time, _) in self.ticks {
            if let Some(x) = plot.column_of_x(*time) {
                buf[(x, y)]
                    .set_char(self.glyphs.pick('┊', ':'))
                    .set_style(self.grid);
            }
        }
    }
}

impl Widget for &Lanes<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let plot = self.plot(area);
        let mut columns = vec![Column::default(); usize::from(plot.area.width)];
        for (lane, y) in self.lanes.iter().zip(plot.area.y..plot.area.bottom()) {
            self.draw_label(lane, (area.x, y), plot.area.x - area.x, buf);
            if let (true, Some(background)) = (lane.selected, self.selected.bg) {
                let row = Rect::new(plot.area.x, y, plot.area.width, 1);
                buf.set_style(row, Style::new().bg(background));
            }
            self.draw_grid(&plot, y, buf);
            columns.fill(Column::default());
            for piece in &lane.pieces {
                claim(piece, &plot, &mut columns);
            }
            for (column, x) in columns.iter().zip(plot.area.x..) {
                if let Some((glyph, style)) = column.shown() {
                    buf[(x, y)].set_char(glyph).set_style(style);
                }
            }
            draw_tags(lane, &plot, y, self.glyphs, buf);
        }
        plot.draw_labels(self.ticks, self.labels, self.glyphs, area, buf);
    }
}

/// What wants to be shown in a column of a lane.
#[derive(Clone, Copy, Default)]
struct Column<'p> {
    /// The piece that fills the column, or fills none and covers this one most.
    own: Option<Claim<'p>>,
    /// The piece that came in from the left and ends here.
    left: Option<Claim<'p>>,
    /// The piece that begins here and goes on to the right.
    right: Option<Claim<'p>>,
}

#[derive(Clone, Copy)]
struct Claim<'p> {
    piece: &'p Piece,
    /// How much of the column the piece covers, 0 to 1.
    share: f64,
}

/// Notes a piece in the columns that it touches.
fn claim<'p>(piece: &'p Piece, plot: &Plot, columns: &mut [Column<'p>]) {
    let count = columns.len() as f64;
    let from = plot.share(piece.from) * count;
    let to = (plot.share(piece.to) * count).max(from);
    // Not so for NaN either: a time, or a window, that is none.
    if !(from <= count && to >= 0.0 && count > 0.0) {
        return;
    }
    // The end of the window belongs to its last column.
    let first = from.floor().min(count - 1.0);
    let last = (to.ceil() - 1.0).max(first);
    let share = |column: f64| (to.min(column + 1.0) - from.max(column)).max(0.0);
    let fills_one = from.ceil() < to.floor();
    let home = if share(first) >= share(last) {
        first
    } else {
        last
    };
    let shown = first.max(0.0) as usize..(last + 1.0).clamp(0.0, count) as usize;
    for (index, column) in columns
        .iter_mut()
        .enumerate()
        .take(shown.end)
        .skip(shown.start)
    {
        let at = index as f64;
        let claims = if (!fills_one && at == home) || (from <= at && to >= at + 1.0) {
            &mut column.own
        } else if from <= at {
            &mut column.left
        } else {
            &mut column.right
        };
        let share = share(at);
        if claims.is_none_or(|claim| claim.share < share) {
            *claims = Some(Claim { piece, share });
        }
    }
}

/// A side of a column.
#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

const FULL: char = '█';

/// Left parts of a column, from one eighth to seven.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// What two pieces in a column leave free, at most, for it to count as full.
const GAP: f64 = 1.0 / 16.0;

impl Column<'_> {
    fn shown(&self) -> Option<(char, Style)> {
        let (claim, side) = match (self.own, self.left, self.right) {
            (Some(own), _, _) => return Some(whole(own.piece)),
            (None, Some(left), Some(right)) => {
                if left.share + right.share > 1.0 - GAP
                    && let (Some(_), Some(behind)) = (left.colour(), right.colour())
                {
                    let shown = partial(left, Side::Left).unwrap_or_else(|| whole(right.piece));
                    return Some((shown.0, shown.1.bg(behind)));
                }
                if left.share >= right.share {
                    (left, Side::Left)
                } else {
                    (right, Side::Right)
                }
            }
            (None, Some(left), None) => (left, Side::Left),
            (None, None, Some(right)) => (right, Side::Right),
            (None, None, None) => return None,
        };
        partial(claim, side)
    }
}

impl Claim<'_> {
    /// The colour of a piece that ends at eighths.
    fn colour(&self) -> Option<Color> {
        self.piece.style.fg.filter(|_| self.piece.glyph == FULL)
    }
}

fn whole(piece: &Piece) -> (char, Style) {
    let narrow = strip::is_narrow(piece.glyph);
    (if narrow { piece.glyph } else { '?' }, piece.style)
}

/// A piece that covers one side of a column.
fn partial(claim: Claim, side: Side) -> Option<(char, Style)> {
    if claim.colour().is_none() {
        return (claim.share >= 0.5).then(|| whole(claim.piece));
    }
    // There are left parts only: a right one is the free left one, reversed.
    let eighths = (claim.share * 8.0).round() as usize;
    let (glyph, style) = match side {
        Side::Left => (eighths, claim.piece.style),
        Side::Right => (
            8_usize.saturating_sub(eighths),
            claim.piece.style.reversed(),
        ),
    };
    match eighths {
        0 => None,
        1..8 => Some((EIGHTHS[glyph - 1], style)),
        _ => Some(whole(claim.piece)),
    }
}

fn draw_tags(lane: &Lane, plot: &Plot, y: u16, glyphs: Glyphs, buf: &mut Buffer) {
    let mut free = plot.area.x;
    for tag in &lane.tags {
        let width = text::width(&tag.text);
        let Some(x) = plot.column_of_x(tag.at).filter(|x| *x >= free) else {
            continue;
        };
        if width == 0 || width > usize::from(plot.area.right() - x) {
            continue;
        }
        let width = width as u16;
        for x in x..x + width {
            let cell = &mut buf[(x, y)];
            let filled = cell
                .symbol()
                .starts_with(|c| c == FULL || EIGHTHS.contains(&c));
            cell.modifier = Modifier::empty();
            match cell.fg {
                _ if !filled => {}
                Color::Reset => cell.modifier = Modifier::REVERSED,
                colour => cell.bg = colour,
            }
        }
        let line = Line::styled(tag.text.as_ref(), tag.style);
        text::draw_line(buf, (x, y), width, &line, Align::Left, glyphs);
        // One blank parts it from the next.
        free = x + width + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::style::Stylize;

    const RED: Style = Style::new().fg(Color::Red);
    const BLUE: Style = Style::new().fg(Color::Blue);

    fn piece(from: f64, to: f64, glyph: char) -> Piece {
        Piece {
            from,
            to,
            glyph,
            style: RED,
        }
    }

    fn lane<'a>(label: &'a str, pieces: &[Piece]) -> Lane<'a> {
        Lane {
            label: Line::raw(label),
            pieces: pieces.to_vec(),
            ..Lane::default()
        }
    }

    fn tag<'a>(at: f64, text: &'a str) -> Tag<'a> {
        Tag {
            at,
            text: text.into(),
            style: Style::new(),
        }
    }

    fn rows(buf: &Buffer) -> Vec<String> {
        let rows = buf.content.chunks(usize::from(buf.area.width));
        rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect())
            .collect()
    }

    fn drawn(lanes: Lanes, width: u16, height: u16) -> Buffer {
        let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
        lanes.render(buf.area, &mut buf);
        buf
    }

    /// A lane of ten seconds in ten columns.
    fn ten(pieces: &[Piece]) -> String {
        let lanes = [lane("", pieces)];
        rows(&drawn(Lanes::new(0.0..10.0, &lanes).label_width(0), 10, 1)).remove(0)
    }

    #[test]
    fn lanes_stand_over_a_common_axis() {
        let lanes = [
            lane("#1 curl", &[piece(0.0, 4.0, '-'), piece(4.0, 6.0, '█')]),
            lane("#2", &[piece(3.0, f64::INFINITY, '░')]),
        ];
        let ticks = [
            (0.0, "0 s".to_owned()),
            (3.0, "3".to_owned()),
            (9.0, "9 s".to_owned()),
            (10.0, "10 s".to_owned()),
        ];
        let lanes = Lanes::new(0.0..10.0, &lanes).label_width(6).ticks(&ticks);
        assert_eq!(
            rows(&drawn(lanes, 16, 4)),
            [
                "#1 c… ----██   ┊",
                "#2    ┊  ░░░░░░░",
                "                ",
                "     0 s 3  10 s",
            ]
        );
        assert_eq!(
            rows(&drawn(lanes.glyphs(Glyphs::Ascii), 16, 2)),
            ["#1 c~ ----██   :", "     0 s 3  10 s"]
        );
    }

    #[test]
    fn what_is_shorter_than_a_column_is_seen_all_the_same() {
        let table: &[(&[Piece], &str)] = &[
            (&[piece(3.2, 3.200_001, 'x')], "   x      "),
            (&[piece(3.0, 3.0, 'x')], "   x      "),
            (&[piece(10.0, 10.0, 'x')], "         x"),
            (&[piece(0.0, 0.0, 'x')], "x         "),
            // Between long neighbours, and the longest of several short ones.
            (
                &[
                    piece(0.0, 3.4, '-'),
                    piece(3.4, 3.41, 'x'),
                    piece(3.41, 9.0, '='),
                ],
                "---x===== ",
            ),
            (
                &[
                    piece(3.4, 3.5, 'a'),
                    piece(3.5, 3.9, 'b'),
                    piece(3.9, 4.0, 'c'),
                ],
                "   b      ",
            ),
            (&[piece(3.4, 3.5, 'a'), piece(3.5, 3.6, 'b')], "   a      "),
            // Over a boundary: in the column that it covers most.
            (&[piece(3.9, 4.2, 'x')], "    x     "),
            (&[piece(3.4, 4.2, 'x')], "   x      "),
            (&[piece(3.4, 4.6, 'x')], "   xx     "),
        ];
        for (pieces, expected) in table {
            assert_eq!(ten(pieces), *expected, "{pieces:?}");
        }
    }

    #[test]
    fn other_columns_show_what_covers_most_of_them() {
        let table: &[(&[Piece], &str)] = &[
            (&[piece(0.0, 3.4, '-'), piece(3.4, 9.0, '=')], "---====== "),
            (&[piece(0.0, 3.6, '-'), piece(3.6, 9.0, '=')], "----===== "),
            (&[piece(0.0, 3.4, '-'), piece(3.7, 9.0, '=')], "--- ===== "),
            (
                &[piece(-50.0, 2.0, '-'), piece(8.0, 70.0, '=')],
                "--      ==",
            ),
            (
                &[
                    piece(-2.0, -1.0, '-'),
                    piece(-1.0, 0.0, '-'),
                    piece(10.0, 11.0, '-'),
                ],
                "          ",
            ),
            (
                &[piece(f64::NEG_INFINITY, f64::INFINITY, '-')],
                "----------",
            ),
            (
                &[piece(f64::NAN, 4.0, '-'), piece(4.0, f64::NAN, '=')],
                "    =     ",
            ),
            (
                &[piece(2.0, 4.0, '丢'), piece(4.0, 6.0, '\u{301}')],
                "  ????    ",
            ),
        ];
        for (pieces, expected) in table {
            assert_eq!(ten(pieces), *expected, "{pieces:?}");
        }
    }

    #[test]
    fn blocks_end_at_eighths() {
        let blue = Piece {
            style: BLUE,
            ..piece(4.5, 7.25, '█')
        };
        let lanes = [lane("", &[piece(1.25, 4.5, '█'), blue])];
        let buf = drawn(Lanes::new(0.0..10.0, &lanes).label_width(0), 10, 1);
        let expected = Line::from(vec![
            " ".into(),
            "▎".red().reversed(),
            "██".red(),
            "▌".red().on_blue(),
            "██".blue(),
            "▎".blue(),
            "  ".into(),
        ]);
        assert_eq!(buf, Buffer::with_lines([expected]));
        // Without a colour nothing can be reversed: whole columns.
        let plain = Piece {
            style: Style::new(),
            ..piece(1.25, 4.4, '█')
        };
        assert_eq!(ten(&[plain]), " ███      ");
    }

    #[test]
    fn tags_stand_over_pieces_where_there_is_room() {
        let tags = vec![
            tag(1.0, "1"),
            tag(2.0, "2"),
            tag(3.0, "33"),
            tag(6.0, ""),
            tag(9.0, "10"),
            tag(f64::NAN, "x"),
        ];
        let lanes = [Lane {
            tags,
            ..lane("", &[piece(1.0, 4.0, '█')])
        }];
        let buf = drawn(Lanes::new(0.0..10.0, &lanes).label_width(0), 10, 1);
        // "2" would touch "1", and "10" would reach past the end.
        assert_eq!(rows(&buf), [" 1█33     "]);
        assert_eq!(buf[(1, 0)].bg, Color::Red);
        assert_eq!(buf[(3, 0)].bg, Color::Red);
        assert_eq!(buf[(4, 0)].bg, Color::Reset);
    }

    #[test]
    fn a_selected_lane_keeps_its_pieces() {
        let lanes = [Lane {
            selected: true,
            ..lane("#1", &[piece(0.0, 1.0, '█')])
        }];
        let lanes = Lanes::new(0.0..2.0, &lanes)
            .label_width(3)
            .selected_style(Style::new().reversed().on_blue());
        let expected = Line::from(vec![
            "#1 ".reversed().on_blue(),
            "█".red().on_blue(),
            "  ".on_blue(),
        ]);
        let mut buf = drawn(lanes, 6, 1);
        // The window is three columns wide: its middle one is half covered.
        assert_eq!(buf[(4, 0)].symbol(), "▌");
        buf[(4, 0)].set_symbol(" ").fg = Color::Reset;
        assert_eq!(buf, Buffer::with_lines([expected]));
    }

    #[test]
    fn the_mouse_finds_times() {
        let ticks = [(0.0, "0".to_owned())];
        let lanes = [lane("a", &[]), lane("b", &[])];
        let lanes = Lanes::new(0.0..10.0, &lanes).label_width(4).ticks(&ticks);
        let area = Rect::new(2, 3, 14, 5);
        assert_eq!(lanes.plot(area).area, Rect::new(6, 3, 10, 4));
        assert_eq!(lanes.plot(area).x_of_column(8), Some(2.5));
    }

    proptest! {
        #[test]
        fn any_pieces_are_drawn_inside_any_area(
            times in proptest::collection::vec((any::<f64>(), any::<f64>()), 0..20),
            from in any::<f64>(), to in any::<f64>(),
            width in 0u16..40, height in 0u16..5,
        ) {
            let pieces: Vec<_> = times.iter().map(|(from, to)| piece(*from, *to, '█')).collect();
            let tags = times.iter().map(|(at, _)| tag(*at, "请求 7")).collect();
            let lanes = [Lane { tags, selected: true, ..lane("请求", &pieces) }];
            let ticks: Vec<_> = times.iter().map(|(at, _)| (*at, at.to_string())).collect();
            let lanes = Lanes::new(from..to, &lanes).ticks(&ticks);
            let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
            lanes.render(Rect::new(0, 0, 60, 9), &mut buf);
        }

        #[test]
        fn pieces_one_after_the_other_leave_no_hole(cuts in proptest::collection::vec(0.0f64..10.0, 1..12)) {
            let mut cuts = cuts;
            cuts.extend([0.0, 10.0]);
            cuts.sort_by(f64::total_cmp);
            let pieces: Vec<_> = cuts.windows(2).map(|cut| piece(cut[0], cut[1], '-')).collect();
            prop_assert_eq!(ten(&pieces), "----------");
        }
    }
}
