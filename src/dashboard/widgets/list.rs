//! A table of rows that keep arriving, with a selection that stays on its row.
//!
//! Rows are known by an id, not by their place: while new rows push in at one end and old ones
//! drop off at the other, the selected row stays selected and a view that does not follow stays
//! where it is. Only the rows on screen are ever asked for, so a frame costs the same for ten
//! rows and for a million.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::StatefulWidget;

use super::Glyphs;
use super::text::{self, Align};

/// Where new rows come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// At the top: ids fall from row to row.
    NewestFirst,
    /// At the bottom: ids rise from row to row.
    NewestLast,
}

/// The rows by number: how many there are, and the id of each. Ids are never used twice and keep
/// the order in which rows arrived, so that a row is found by halving.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    pub len: usize,
    pub id: &'a dyn Fn(usize) -> u64,
}

impl Rows<'_> {
    /// The number of the row with this id or, if it is gone, of the row now in its place.
    fn find(&self, id: u64, order: Order) -> Option<usize> {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = usize::midpoint(low, high);
            let before = match order {
                Order::NewestFirst => (self.id)(middle) > id,
                Order::NewestLast => (self.id)(middle) < id,
            };
            if before {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        self.len.checked_sub(1).map(|last| low.min(last))
    }

    fn at(&self, number: usize) -> Option<u64> {
        (number < self.len).then(|| (self.id)(number))
    }
}

/// A step of the selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    Up,
    Down,
    PageUp,
    PageDown,
    /// To the first row (`g`, Home).
    Top,
    /// To the last row (`G`, End).
    Bottom,
}

/// What the view holds on to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    /// The newest row, whatever is selected.
    Newest,
    /// The row with this id at the top.
    Row(u64),
}

/// Selection and scroll position of a list.
#[derive(Clone, Debug)]
pub struct ListState {
    order: Order,
    selected: Option<u64>,
    view: View,
    /// The selection has moved and has to be scrolled to.
    reveal: bool,
    /// Rows that fitted when the list was last laid out.
    page: usize,
}

impl ListState {
    /// Nothing selected, following the newest row.
    #[must_use]
    pub const fn new(order: Order) -> Self {
        Self {
            order,
            selected: None,
            view: View::Newest,
            reveal: false,
            page: 1,
        }
    }

    /// The id of the selected row. A row that has dropped off stays selected until the next
    /// [`ListState::window`], which moves the selection to the row nearest to it.
    #[must_use]
    pub const fn selected(&self) -> Option<u64> {
        self.selected
    }

    /// Whether the view keeps showing the newest row. It never moves the selection.
    #[must_use]
    pub fn is_following(&self) -> bool {
        self.view == View::Newest
    }

    /// Shows the newest row from now on; the selection stays on its row, on screen or not.
    pub fn follow(&mut self) {
        self.view = View::Newest;
        self.reveal = false;
    }

    /// Selects a row and scrolls to it.
    pub fn select(&mut self, id: u64) {
        self.selected = Some(id);
        self.reveal = true;
    }

    /// Selects a row and holds the view where it is seen, whatever comes.
    pub fn hold(&mut self, id: u64, rows: Rows) {
        // What is on screen is held before the selection is scrolled to.
        let window = self.window(rows, self.page.max(1));
        self.select(id);
        if let Some(top) = rows.at(window.start) {
            self.view = View::Row(top);
        }
    }

    /// Selects nothing and follows the newest row.
    pub fn clear(&mut self) {
        self.selected = None;
        self.follow();
    }

    /// Moves the selection. With nothing selected the first step selects the newest row, and
    /// `Top` and `Bottom` their rows. A step onto the end where new rows come in by `Top` or
    /// `Bottom` follows again; any other holds the view.
    pub fn step(&mut self, step: Move, rows: Rows) {
        let Some(last) = rows.len.checked_sub(1) else {
            return;
        };
        let newest = match self.order {
            Order::NewestFirst => 0,
            Order::NewestLast => last,
        };
        let now = self.selected.and_then(|id| rows.find(id, self.order));
        let page = self.page.max(1);
        let target = match (step, now) {
            (Move::Top, _) => 0,
            (Move::Bottom, _) => last,
            (_, None) => newest,
            (Move::Up, Some(now)) => now.saturating_sub(1),
            (Move::Down, Some(now)) => (now + 1).min(last),
            (Move::PageUp, Some(now)) => now.saturating_sub(page),
            (Move::PageDown, Some(now)) => (now + page).min(last),
        };
        let to_newest = target == newest && matches!(step, Move::Top | Move::Bottom);
        if let Some(id) = rows.at(target) {
            self.hold(id, rows);
        }
        if to_newest {
            self.follow();
        }
    }

    /// The numbers of the rows to show in `height` lines. Keeps the state in step with rows that
    /// have come and gone.
    pub fn window(&mut self, rows: Rows, height: usize) -> Range<usize> {
        self.page = height;
        let selected = self.selected.and_then(|id| rows.find(id, self.order));
        self.selected = selected.and_then(|number| rows.at(number));
        let furthest = rows.len.saturating_sub(height);
        let mut top = match (self.view, self.order) {
            (View::Newest, Order::NewestFirst) => 0,
            (View::Newest, Order::NewestLast) => furthest,
            (View::Row(id), order) => rows.find(id, order).unwrap_or(0).min(furthest),
        };
        if std::mem::take(&mut self.reveal)
            && let Some(selected) = selected
            && height > 0
            && !(top..top + height).contains(&selected)
        {
            top = if selected < top {
                selected
            } else {
                selected + 1 - height
            };
            self.view = rows.at(top).map_or(View::Newest, View::Row);
        }
        top..(top + height).min(rows.len)
    }
}

/// How wide a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// This many columns of the screen.
    Fixed(u16),
    /// A share, by weight, of what the fixed ones leave.
    Flex(u16),
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    pub title: &'a str,
    pub width: Width,
    pub align: Align,
}

/// A table that draws the rows on screen, which it asks for one by one.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    columns: &'a [Column<'a>],
    rows: Rows<'a>,
    cells: &'a dyn Fn(usize) -> Vec<Line<'a>>,
    header: Option<Style>,
    selected: Style,
    glyphs: Glyphs,
}

impl<'a> Table<'a> {
    /// A table without header. `cells` gives the cells of the row of that number, at most one a
    /// column. Columns stand one blank apart; those that find no room are left out from the right.
    #[must_use]
    pub fn new(
        columns: &'a [Column<'a>],
        rows: Rows<'a>,
        cells: &'a dyn Fn(usize) -> Vec<Line<'a>>,
    ) -> Self {
        Self {
            columns,
            rows,
            cells,
            header: None,
            selected: Style::new().reversed(),
            glyphs: Glyphs::Unicode,
        }
    }

    /// Shows the titles of the columns in the first line.
    #[must_use]
    pub const fn header(mut self, style: Style) -> Self {
        self.header = Some(style);
        self
    }

    /// Laid over the selected row; reversed unless set.
    #[must_use]
    pub const fn selected_style(mut self, style: Style) -> Self {
        self.selected = style;
        self
    }

    #[must_use]
    pub const fn glyphs(mut self, glyphs: Glyphs) -> Self {
        self.glyphs = glyphs;
        self
    }

    fn draw_row(&self, cells: &[Line], widths: &[u16], area: Rect, y: u16, buf: &mut Buffer) {
        let mut x = area.x;
        for ((cell, column), &width) in cells.iter().zip(self.columns).zip(widths) {
            text::draw_line(buf, (x, y), width, cell, column.align, self.glyphs);
            x = x.saturating_add(width).saturating_add(1);
        }
    }
}

impl StatefulWidget for Table<'_> {
    type State = ListState;

    fn render(self, area: Rect, buf: &mut Buffer, state: &mut ListState) {
        let area = area.intersection(buf.area);
        let widths = widths(self.columns, area.width);
        let mut body = area;
        if let Some(style) = self.header
            && area.height > 1
        {
            let titles: Vec<Line> = self
                .columns
                .iter()
                .map(|column| Line::styled(column.title, style))
                .collect();
            self.draw_row(&titles, &widths, area, area.y, buf);
            body = Rect::new(area.x, area.y + 1, area.width, area.height - 1);
        }
        let window = state.window(self.rows, usize::from(body.height));
        for (number, y) in window.zip(body.y..) {
            self.draw_row(&(self.cells)(number), &widths, area, y, buf);
            if self.rows.at(number) == state.selected {
                // A reversed cell has its own colour for its ground: cells of several colours would make stripes of the row.
                let one = Style::new().fg(Color::Reset).remove_modifier(Modifier::DIM);
                let row = Rect::new(area.x, y, area.width, 1);
                buf.set_style(row, one.patch(self.selected));
            }
        }
    }
}

/// The widths that the columns get, with one blank between two.
fn widths(columns: &[Column], total: u16) -> Vec<u16> {
    let blanks = columns.len().saturating_sub(1).min(usize::from(total)) as u16;
    let mut left = total - blanks;
    let mut weights = 0;
    let mut widths = vec![0; columns.len()];
    for (width, column) in widths.iter_mut().zip(columns) {
        match column.width {
            Width::Fixed(wanted) => {
                *width = wanted.min(left);
                left -= *width;
            }
            Width::Flex(weight) => weights += u32::from(weight),
        }
    }
    for (width, column) in widths.iter_mut().zip(columns) {
        if let Width::Flex(weight) = column.width
            && weights > 0
        {
            // The share of what is left among those not yet served leaves no remainder over.
            *width = (u32::from(left) * u32::from(weight) / weights) as u16;
            left -= *width;
            weights -= u32::from(weight);
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Rows `ids`, in the order in which they stand.
    fn rows(id: &dyn Fn(usize) -> u64, len: usize) -> Rows<'_> {
        Rows { len, id }
    }

    #[test]
    fn selection_stays_on_its_row_while_rows_arrive_and_drop() {
        let mut state = ListState::new(Order::NewestFirst);
        // Rows 10 down to 1.
        let before = |number: usize| 10 - number as u64;
        state.window(rows(&before, 10), 4);
        state.step(Move::Down, rows(&before, 10));
        state.step(Move::Down, rows(&before, 10));
        assert_eq!(state.selected(), Some(9));
        assert_eq!(state.window(rows(&before, 10), 4), 0..4);
        // Three more arrive and three drop off: 13 down to 4. Row 10 is still at the top.
        let after = |number: usize| 13 - number as u64;
        assert_eq!(state.window(rows(&after, 10), 4), 3..7);
        assert_eq!(state.selected(), Some(9));
        // All that was there is gone: the oldest that is left takes the selection.
        let later = |number: usize| 100 - number as u64;
        assert_eq!(state.window(rows(&later, 10), 4), 6..10);
        assert_eq!(state.selected(), Some(91));
    }

    #[test]
    fn following_never_moves_the_selection() {
        for order in [Order::NewestFirst, Order::NewestLast] {
            let mut state = ListState::new(order);
            let id = move |offset: u64| {
                move |number: usize| match order {
                    Order::NewestFirst => offset + 20 - number as u64,
                    Order::NewestLast => offset + 1 + number as u64,
                }
            };
            let (before, after) = (id(0), id(5));
            state.window(rows(&before, 20), 5);
            state.select(20);
            state.follow();
            let window = match order {
                Order::NewestFirst => 0..5,
                Order::NewestLast => 15..20,
            };
            assert_eq!(state.window(rows(&after, 20), 5), window);
            assert_eq!(state.selected(), Some(20));
            assert!(state.is_following());
        }
    }

    #[test]
    fn steps_go_where_the_keys_say() {
        use Move::{Bottom, Down, PageDown, PageUp, Top, Up};
        let id = |number: usize| number as u64 + 1;
        let all = rows(&id, 100);
        let mut state = ListState::new(Order::NewestLast);
        state.window(all, 10);
        // Step, selected id, window, following.
        let table = [
            (Up, 100, 90..100, false),
            (Up, 99, 90..100, false),
            (PageUp, 89, 88..98, false),
            (PageDown, 99, 89..99, false),
            (Down, 100, 90..100, false),
            (Down, 100, 90..100, false),
            (Top, 1, 0..10, false),
            (Up, 1, 0..10, false),
            (PageDown, 11, 1..11, false),
            (Bottom, 100, 90..100, true),
        ];
        for (index, (step, selected, window, following)) in table.into_iter().enumerate() {
            state.step(step, all);
            assert_eq!(state.window(all, 10), window, "window after step {index}");
            assert_eq!(
                state.selected(),
                Some(selected),
                "selected after step {index}"
            );
            assert_eq!(
                state.is_following(),
                following,
                "following after step {index}"
            );
        }
        state.clear();
        assert_eq!(state.selected(), None);
    }

    #[test]
    fn no_rows_and_no_room_are_harmless() {
        let id = |_| 1;
        let mut state = ListState::new(Order::NewestFirst);
        for step in [Move::Up, Move::PageDown, Move::Top, Move::Bottom] {
            state.step(step, rows(&id, 0));
        }
        state.select(7);
        assert_eq!(state.window(rows(&id, 0), 5), 0..0);
        assert_eq!(state.selected(), None);
        state.select(1);
        assert_eq!(state.window(rows(&id, 1), 0), 0..0);
        state.step(Move::PageDown, rows(&id, 1));
        assert_eq!(state.selected(), Some(1));
    }

    const COLUMNS: [Column; 3] = [
        Column {
            title: "n",
            width: Width::Fixed(4),
            align: Align::Right,
        },
        Column {
            title: "what",
            width: Width::Flex(1),
            align: Align::Left,
        },
        Column {
            title: "ms",
            width: Width::Fixed(5),
            align: Align::Right,
        },
    ];

    fn cells<'a>(number: usize) -> Vec<Line<'a>> {
        vec![
            Line::raw(format!("#{number}")),
            Line::raw("请求被服务器丢弃"),
            Line::raw("0.21"),
        ]
    }

    #[test]
    fn draws_columns_straight() {
        let id = |number: usize| number as u64;
        let mut state = ListState::new(Order::NewestLast);
        state.select(8);
        let mut buf = Buffer::empty(Rect::new(0, 0, 22, 3));
        Table::new(&COLUMNS, rows(&id, 10), &cells)
            .header(Style::new())
            .selected_style(Style::new())
            .render(buf.area, &mut buf, &mut state);
        assert_eq!(
            buf,
            Buffer::with_lines([
                "   n what           ms",
                "  #8 请求被服务…  0.21",
                "  #9 请求被服务…  0.21",
            ])
        );
    }

    #[test]
    fn the_selected_row_has_one_ground() {
        let coloured = |_| {
            let dim = Style::new().add_modifier(Modifier::DIM);
            vec![
                Line::styled("#1", dim.fg(Color::DarkGray)),
                Line::styled("lost", Style::new().fg(Color::Red)),
            ]
        };
        let id = |number: usize| number as u64;
        let mut state = ListState::new(Order::NewestLast);
        state.select(0);
        let mut buf = Buffer::empty(Rect::new(0, 0, 22, 2));
        Table::new(&COLUMNS, rows(&id, 2), &coloured).render(buf.area, &mut buf, &mut state);
        let (selected, other) = buf.content.split_at(22);
        let looks = |cell: &ratatui::buffer::Cell| (cell.fg, cell.bg, cell.modifier);
        assert!(
            selected
                .iter()
                .all(|cell| looks(cell) == looks(&selected[21]))
        );
        assert_eq!(looks(&selected[0]).2, Modifier::REVERSED);
        assert!(other.iter().any(|cell| cell.fg == Color::Red));
    }

    #[test]
    fn only_rows_on_screen_are_asked_for() {
        let asked = Cell::new(0);
        let count = |number: usize| {
            asked.set(asked.get() + 1);
            cells(number)
        };
        let id = |number: usize| number as u64;
        let mut state = ListState::new(Order::NewestLast);
        let mut buf = Buffer::empty(Rect::new(0, 0, 22, 6));
        let table = Table::new(&COLUMNS, rows(&id, 1_000_000), &count);
        table.render(buf.area, &mut buf, &mut state);
        assert_eq!(asked.get(), 6);
    }

    #[test]
    fn any_size_draws_what_fits() {
        let id = |number: usize| number as u64;
        for (width, height) in [(0, 0), (1, 1), (2, 2), (10, 3), (80, 10), (200, 50)] {
            let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
            let mut state = ListState::new(Order::NewestFirst);
            state.select(u64::MAX);
            let table = Table::new(&COLUMNS, rows(&id, 30), &cells).header(Style::new());
            table.render(Rect::new(0, 0, 300, 60), &mut buf, &mut state);
        }
    }

    #[test]
    fn flexible_columns_share_what_is_left() {
        let column = |width| Column {
            title: "",
            width,
            align: Align::Left,
        };
        let columns = [
            column(Width::Flex(1)),
            column(Width::Fixed(6)),
            column(Width::Flex(2)),
        ];
        assert_eq!(widths(&columns, 38), [10, 6, 20]);
        assert_eq!(widths(&columns, 6), [0, 4, 0]);
        assert_eq!(widths(&columns, 0), [0, 0, 0]);
    }
}
