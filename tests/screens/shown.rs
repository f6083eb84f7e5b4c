//! What a screen is looked at for, whichever tab it shows.

use std::net::SocketAddr;

use ratatui::buffer::Buffer;
use ratatui::style::Color;
use sockscope::trace::escape::is_hostile;

pub fn address(text: &str) -> SocketAddr {
    text.parse().expect("a literal address")
}

/// The rows of a buffer as a terminal would show them: a wide character takes its two columns.
pub fn text(buffer: &Buffer) -> String {
    let area = buffer.area;
    let mut text = String::new();
    for y in area.rows() {
        let mut skip = 0;
        for position in y.positions() {
            let symbol = buffer.cell(position).map_or(" ", |cell| cell.symbol());
            if skip > 0 {
                skip -= 1;
                continue;
            }
            text.push_str(symbol);
            skip = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
        }
        text.push('\n');
    }
    text
}

/// The column of each border glyph of the right edge, row by row, must be the last one.
pub fn assert_straight(screen: &str, width: usize) {
    for (number, row) in screen.lines().enumerate() {
        let columns = unicode_width::UnicodeWidthStr::width(row);
        assert_eq!(columns, width, "row {number} has {columns} columns: {row}");
    }
    let body = screen.lines().skip(1);
    let edges = body
        .filter_map(|row| row.chars().last())
        .filter(|c| *c != ' ');
    for edge in edges {
        assert!(
            "╮│╯┓┃┛".contains(edge),
            "{edge} at the right edge:\n{screen}"
        );
    }
}

/// No cell may hold what could do anything to a terminal but be seen, nor more columns than it has.
pub fn assert_harmless(buffer: &Buffer) {
    for (place, cell) in buffer.content.iter().enumerate() {
        let symbol = cell.symbol();
        let hostile = symbol.chars().find(|c| is_hostile(*c));
        assert_eq!(hostile, None, "in cell {place}:\n{}", text(buffer));
        let columns = unicode_width::UnicodeWidthStr::width(symbol);
        assert!(columns <= 2, "{symbol:?} in cell {place}");
    }
}

pub fn has_colour(buffer: &Buffer) -> bool {
    let coloured = |colour| colour != Color::Reset;
    let mut cells = buffer.content.iter();
    cells.any(|cell| coloured(cell.fg) || coloured(cell.bg))
}
