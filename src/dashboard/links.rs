//! Makes the web server's own URLs clickable where they stand on the screen (OSC 8, the terminals' convention for hyperlinks).
//!
//! It stands apart because a link is no text: it is put into the cells just before they go to the terminal, and every view stays plain. Only URLs of
//! our own server are linked; what a client sent stays text.

use std::num::NonZeroU16;

use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::Rect;

/// Whether the terminal leaves the control sequence of a link alone if it does not know it. The consoles of these names would print it.
pub fn are_understood(term: Option<&str>) -> bool {
    !matches!(term, Some("linux" | "dumb" | "vt52"))
}

/// Links every text in the buffer that begins with `root`, up to the end of the URL.
pub fn link(buffer: &mut Buffer, root: &str) {
    let area = buffer.area;
    for y in area.rows().map(|row| row.y) {
        let mut x = area.x;
        while x < area.right() {
            let length = url_length(buffer, x, y, root);
            if length > 0 {
                let url: String = (x..x + length).map(|x| buffer[(x, y)].symbol()).collect();
                link_cells(buffer, Rect::new(x, y, length, 1), &url);
            }
            x += length.max(1);
        }
    }
}

/// How many cells from here on are a URL that begins with `root`; none if it does not.
fn url_length(buffer: &Buffer, x: u16, y: u16, root: &str) -> u16 {
    let mut cells = (x..buffer.area.right()).map(|x| buffer[(x, y)].symbol());
    let mut text = [0; 4];
    let begins = root
        .chars()
        .all(|c| cells.next() == Some(c.encode_utf8(&mut text)));
    if !begins {
        return 0;
    }
    let is_url = |symbol: &&str| {
        symbol.len() == 1
            && symbol
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"/._~%-?=&".contains(&byte))
    };
    (root.chars().count() + cells.take_while(is_url).count()) as u16
}

/// Each cell is a link of its own, so that it stays one whichever cells are drawn again.
fn link_cells(buffer: &mut Buffer, area: Rect, url: &str) {
    for position in area.positions() {
        let cell = &mut buffer[position];
        let symbol = format!("\x1b]8;;{url}\x1b\\{}\x1b]8;;\x1b\\", cell.symbol());
        cell.set_symbol(&symbol);
        cell.set_diff_option(CellDiffOption::ForcedWidth(NonZeroU16::MIN));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Style;

    const ROOT: &str = "http://127.0.0.1:6789/";

    fn linked(text: &str) -> Vec<bool> {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 50, 2));
        buffer.set_string(1, 1, text, Style::new());
        link(&mut buffer, ROOT);
        (0..50)
            .map(|x| buffer[(x, 1)].symbol().starts_with("\x1b]8;;http"))
            .collect()
    }

    #[test]
    fn a_url_of_ours_is_linked_to_its_end() {
        let cells = linked("at http://127.0.0.1:6789/a.html, or");
        let expected: Vec<bool> = (0..50).map(|x| (4..4 + 28).contains(&x)).collect();
        assert_eq!(cells, expected);
    }

    #[test]
    fn other_urls_stay_text() {
        assert!(!linked("http://127.0.0.1:67890/ http://evil/").contains(&true));
    }

    #[test]
    fn a_linked_cell_is_as_wide_as_before() {
        let before = Buffer::empty(Rect::new(0, 0, 40, 1));
        let mut after = before.clone();
        after.set_string(0, 0, "http://127.0.0.1:6789/ next", Style::new());
        link(&mut after, ROOT);
        let drawn: Vec<u16> = before.diff(&after).iter().map(|(x, _, _)| *x).collect();
        // All but the blank between the words.
        let expected: Vec<u16> = (0..27).filter(|x| *x != 22).collect();
        assert_eq!(drawn, expected);
    }
}
