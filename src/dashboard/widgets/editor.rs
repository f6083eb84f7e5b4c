//! An editor for a short text of several lines, such as a request.
//!
//! It stands apart from the prompt of one line because it has lines to go up and down in, scrolls both ways
//! and can undo. A ready-made text area would bring a calendar and a clock with it. The text never grows past
//! [`LIMIT`], so an edit may copy it and look at all of it. The cursor stands between graphemes, and columns
//! are counted as the buffer counts them, so wide characters stay under it.
//!
//! The keys are those of a prompt as far as they mean something there. Tab, Esc and keys it does not know are
//! left to the caller.

use std::ops::Range;

use ratatui::buffer::{Buffer, CellWidth};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Clear, Widget};
use unicode_segmentation::UnicodeSegmentation;

/// The longest text, in bytes.
pub const LIMIT: usize = 4096;

/// Steps that can be undone; a word typed at one go is one.
const UNDO_STEPS: usize = 100;

const TAB_STOP: usize = 4;

/// A text being edited; see the module for what it does.
#[derive(Clone, Debug)]
pub struct Editor {
    now: Snapshot,
    past: Vec<Snapshot>,
    undone: Vec<Snapshot>,
    /// Where the next typed character goes on with the step of the last one.
    typing: Option<usize>,
    /// The column that Up and Down keep to across shorter lines.
    goal: Option<usize>,
    /// The first line and column shown, and how many lines there are on the screen.
    top: usize,
    left: usize,
    height: usize,
}

#[derive(Clone, Debug, Default)]
struct Snapshot {
    text: String,
    /// Bytes before the cursor.
    at: usize,
}

impl Editor {
    /// Begins with a text, cut at [`LIMIT`], and the cursor at its end.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = admitted(text, LIMIT);
        let at = text.len();
        Self {
            now: Snapshot { text, at },
            past: Vec::new(),
            undone: Vec::new(),
            typing: None,
            goal: None,
            top: 0,
            left: 0,
            height: 1,
        }
    }

    /// The same text with the cursor before its first character, so that a text longer than the screen is seen from its beginning.
    #[must_use]
    pub fn at_start(mut self) -> Self {
        self.now.at = 0;
        self
    }

    /// The text; lines are parted by LF.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.now.text
    }

    /// Bytes that may still be added.
    #[must_use]
    pub fn room(&self) -> usize {
        LIMIT.saturating_sub(self.now.text.len())
    }

    /// Line and character of the cursor, from 0.
    #[must_use]
    pub fn cursor(&self) -> (usize, usize) {
        let before = &self.now.text[self.line(self.now.at).start..self.now.at];
        (self.line_number(), before.chars().count())
    }

    /// Puts a text in at the cursor as far as there is room. CR LF and CR count as LF; other control
    /// characters, except tab, are left out.
    pub fn paste(&mut self, text: &str) {
        let text = admitted(text, self.room());
        self.edit(self.now.at..self.now.at, &text);
    }

    /// Does what a key means here; false if it means nothing, so that the caller may use it.
    pub fn handle(&mut self, key: &KeyEvent) -> bool {
        let goal = self.goal.take();
        match key.modifiers.difference(KeyModifiers::SHIFT) {
            KeyModifiers::NONE => self.plain_key(key.code, goal),
            KeyModifiers::CONTROL => self.far_key(key.code) || self.control_key(key.code),
            KeyModifiers::ALT => self.far_key(key.code),
            _ => false,
        }
    }

    fn plain_key(&mut self, code: KeyCode, goal: Option<usize>) -> bool {
        let at = self.now.at;
        let page = self.height.saturating_sub(1).max(1);
        match code {
            KeyCode::Char(c) => self.type_char(c),
            KeyCode::Enter => self.paste("\n"),
            KeyCode::Backspace => self.edit(self.before(at)..at, ""),
            KeyCode::Delete => self.edit(at..self.after(at), ""),
            KeyCode::Left => self.go_to(self.before(at)),
            KeyCode::Right => self.go_to(self.after(at)),
            KeyCode::Home => self.go_to(self.line(at).start),
            KeyCode::End => self.go_to(self.line(at).end),
            KeyCode::Up => self.go_to_line(self.line_number().saturating_sub(1), goal),
            KeyCode::Down => self.go_to_line(self.line_number() + 1, goal),
            KeyCode::PageUp => self.go_to_line(self.line_number().saturating_sub(page), goal),
            KeyCode::PageDown => self.go_to_line(self.line_number() + page, goal),
            _ => return false,
        }
        true
    }

    /// Keys that with Ctrl or Alt reach over a word or the whole text.
    fn far_key(&mut self, code: KeyCode) -> bool {
        let at = self.now.at;
        match code {
            KeyCode::Backspace => self.edit(self.word_before(at)..at, ""),
            KeyCode::Delete => self.edit(at..self.word_after(at), ""),
            KeyCode::Left => self.go_to(self.word_before(at)),
            KeyCode::Right => self.go_to(self.word_after(at)),
            KeyCode::Home => self.go_to(0),
            KeyCode::End => self.go_to(self.now.text.len()),
            _ => return false,
        }
        true
    }

    fn control_key(&mut self, code: KeyCode) -> bool {
        let at = self.now.at;
        let line = self.line(at);
        match code {
            KeyCode::Char('a') => self.go_to(line.start),
            KeyCode::Char('e') => self.go_to(line.end),
            KeyCode::Char('w') => self.edit(self.word_before(at)..at, ""),
            KeyCode::Char('u') => self.edit(line.start..at, ""),
            // At the end of a line, the line end itself.
            KeyCode::Char('k') if at == line.end => self.edit(at..self.after(at), ""),
            KeyCode::Char('k') => self.edit(at..line.end, ""),
            KeyCode::Char('z') => self.undo(),
            KeyCode::Char('y') => self.redo(),
            _ => return false,
        }
        true
    }

    /// Characters typed one after the other are one step, up to the next blank.
    fn type_char(&mut self, c: char) {
        let text = admitted(c.encode_utf8(&mut [0; 4]), self.room());
        if text.is_empty() {
            return;
        }
        if self.typing != Some(self.now.at) || c.is_whitespace() {
            self.remember();
        }
        self.replace(self.now.at..self.now.at, &text);
        self.typing = Some(self.now.at);
    }

    /// A change that is a step of its own.
    fn edit(&mut self, range: Range<usize>, with: &str) {
        if range.is_empty() && with.is_empty() {
            return;
        }
        self.remember();
        self.replace(range, with);
        self.typing = None;
    }

    /// Begins a step that can be undone.
    fn remember(&mut self) {
        if self.past.len() == UNDO_STEPS {
            self.past.remove(0);
        }
        self.past.push(self.now.clone());
        self.undone.clear();
    }

    fn replace(&mut self, range: Range<usize>, with: &str) {
        self.now.at = range.start + with.len();
        self.now.text.replace_range(range, with);
    }

    fn undo(&mut self) {
        if let Some(before) = self.past.pop() {
            self.typing = None;
            self.undone.push(std::mem::replace(&mut self.now, before));
        }
    }

    fn redo(&mut self) {
        if let Some(after) = self.undone.pop() {
            self.typing = None;
            self.past.push(std::mem::replace(&mut self.now, after));
        }
    }

    fn go_to(&mut self, at: usize) {
        self.now.at = at;
        self.typing = None;
    }

    /// Goes to a line, or the last one, and there as near to the goal as it is long.
    fn go_to_line(&mut self, number: usize, goal: Option<usize>) {
        let goal = goal.unwrap_or_else(|| self.column());
        let last = self.now.text.matches('\n').count();
        let before = self.now.text.split_inclusive('\n').take(number.min(last));
        let line = self.line(before.map(str::len).sum());
        let start = line.start;
        let fitting = cells(&self.now.text[line]).take_while(|cell| cell.columns.end <= goal);
        let length: usize = fitting.map(|cell| cell.grapheme.len()).sum();
        self.go_to(start + length);
        self.goal = Some(goal);
    }

    /// The line that holds a place, without its end.
    fn line(&self, at: usize) -> Range<usize> {
        let (before, after) = self.now.text.split_at(at);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        start..at + after.find('\n').unwrap_or(after.len())
    }

    fn line_number(&self) -> usize {
        self.now.text[..self.now.at].matches('\n').count()
    }

    /// Columns before the cursor.
    fn column(&self) -> usize {
        let before = &self.now.text[self.line(self.now.at).start..self.now.at];
        cells(before).last().map_or(0, |cell| cell.columns.end)
    }

    fn before(&self, at: usize) -> usize {
        let last = self.now.text[..at].graphemes(true).next_back();
        at - last.map_or(0, str::len)
    }

    fn after(&self, at: usize) -> usize {
        let next = self.now.text[at..].graphemes(true).next();
        at + next.map_or(0, str::len)
    }

    /// The beginning of the word before a place.
    fn word_before(&self, at: usize) -> usize {
        let gap = self.now.text[..at].trim_end_matches(|c| !is_word(c));
        gap.trim_end_matches(is_word).len()
    }

    /// The beginning of the word after a place.
    fn word_after(&self, at: usize) -> usize {
        let gap = self.now.text[at..].trim_start_matches(is_word);
        self.now.text.len() - gap.trim_start_matches(|c| !is_word(c)).len()
    }

    /// Draws the text, scrolled so that the cursor is seen; a wide character cut by an edge is a blank.
    pub fn render(&mut self, area: Rect, buf: &mut Buffer, style: Style) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        self.scroll(usize::from(area.width), usize::from(area.height));
        Clear.render(area, buf);
        buf.set_style(area, style);
        let lines = self.now.text.split('\n').skip(self.top);
        let window = self.left..self.left + usize::from(area.width);
        for (line, y) in lines.zip(area.y..area.bottom()) {
            for cell in cells(line) {
                let inside = window.start <= cell.columns.start && cell.columns.end <= window.end;
                if inside && !cell.columns.is_empty() && cell.grapheme != "\t" {
                    let x = area.x + (cell.columns.start - window.start) as u16;
                    buf.set_stringn(x, y, cell.grapheme, cell.columns.len(), style);
                }
            }
        }
    }

    /// Moves the window as little as brings the whole character under the cursor into it, and leaves no row empty for which there is a line.
    fn scroll(&mut self, width: usize, height: usize) {
        self.height = height;
        let line = self.line_number();
        let lines = self.now.text.split('\n').count();
        self.top = self
            .top
            .clamp((line + 1).saturating_sub(height), line)
            .min(lines.saturating_sub(height));
        let (start, at) = (self.line(self.now.at).start, self.now.at);
        let column = self.column();
        let under = cells(&self.now.text[start..self.after(at)]).last();
        let end = under.map_or(0, |cell| cell.columns.end).max(column + 1);
        self.left = self
            .left
            .clamp(end.saturating_sub(width).min(column), column);
    }

    /// The cell of the cursor when the text was drawn in `area`: where the cursor of the terminal belongs, so
    /// that an input method opens its window there.
    #[must_use]
    pub fn cursor_cell(&self, area: Rect) -> Option<(u16, u16)> {
        let right = self.column().checked_sub(self.left)?;
        let down = self.line_number().checked_sub(self.top)?;
        let inside = right < usize::from(area.width) && down < usize::from(area.height);
        inside.then(|| (area.x + right as u16, area.y + down as u16))
    }
}

/// What may stand in a text, cut after at most `room` bytes.
fn admitted(text: &str, mut room: usize) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .take_while(|c| {
            let left = room.checked_sub(c.len_utf8());
            room = left.unwrap_or(0);
            left.is_some()
        })
        .collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A grapheme and the columns that it takes in its line.
struct Placed<'t> {
    grapheme: &'t str,
    columns: Range<usize>,
}

/// The graphemes of a line one after the other.
fn cells(line: &str) -> impl Iterator<Item = Placed<'_>> {
    line.graphemes(true).scan(0, |column, grapheme| {
        let start = *column;
        *column += match grapheme {
            "\t" => TAB_STOP - start % TAB_STOP,
            "\n" => 1,
            _ => usize::from(grapheme.cell_width()),
        };
        Some(Placed {
            grapheme,
            columns: start..*column,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(code: KeyCode) -> KeyEvent {
        KeyEvent::new(code, KeyModifiers::NONE)
    }

    fn control(code: KeyCode) -> KeyEvent {
        KeyEvent::new(code, KeyModifiers::CONTROL)
    }

    fn typed(editor: &mut Editor, text: &str) {
        for c in text.chars() {
            let code = if c == '\n' {
                KeyCode::Enter
            } else {
                KeyCode::Char(c)
            };
            assert!(editor.handle(&key(code)));
        }
    }

    #[test]
    fn keys_do_what_they_say() {
        use KeyCode::{Backspace, Char, Delete, Down, End, Home, Left, Right, Up};
        let mut editor = Editor::new("GET / HTTP/1.1\r\nHost: a");
        assert_eq!(editor.text(), "GET / HTTP/1.1\nHost: a");
        // Key, cursor after it, text of the cursor's line.
        let table = [
            (key(Backspace), (1, 6), "Host: "),
            (key(Char('例')), (1, 7), "Host: 例"),
            (key(Left), (1, 6), "Host: 例"),
            (key(Home), (1, 0), "Host: 例"),
            (key(Home), (1, 0), "Host: 例"),
            (key(Delete), (1, 0), "ost: 例"),
            (control(Char('z')), (1, 0), "Host: 例"),
            (control(Char('y')), (1, 0), "ost: 例"),
            (key(Up), (0, 0), "GET / HTTP/1.1"),
            (control(Right), (0, 6), "GET / HTTP/1.1"),
            (control(Char('u')), (0, 0), "HTTP/1.1"),
            (key(End), (0, 8), "HTTP/1.1"),
            (key(End), (0, 8), "HTTP/1.1"),
            (control(Char('w')), (0, 7), "HTTP/1."),
            (control(Char('a')), (0, 0), "HTTP/1."),
            (control(Char('k')), (0, 0), ""),
            (key(Down), (1, 0), "ost: 例"),
            (control(End), (1, 6), "ost: 例"),
            (control(Home), (0, 0), ""),
            (KeyEvent::new(Char('X'), KeyModifiers::SHIFT), (0, 1), "X"),
        ];
        for (key, cursor, line) in table {
            assert!(editor.handle(&key), "{key:?}");
            assert_eq!(editor.cursor(), cursor, "{key:?}");
            assert_eq!(
                editor.text().lines().nth(cursor.0).unwrap_or(""),
                line,
                "{key:?}"
            );
        }
    }

    #[test]
    fn other_keys_are_left_to_the_caller() {
        let mut editor = Editor::new("a");
        let keys = [
            key(KeyCode::Tab),
            key(KeyCode::Esc),
            key(KeyCode::F(1)),
            control(KeyCode::Char('c')),
            control(KeyCode::Enter),
            KeyEvent::new(KeyCode::Char('a'), KeyModifiers::ALT),
        ];
        for key in keys {
            assert!(!editor.handle(&key), "{key:?}");
        }
        assert_eq!(editor.text(), "a");
    }

    #[test]
    fn steps_are_undone_and_done_again() {
        let mut editor = Editor::new("GET /");
        typed(&mut editor, "丢包 x\ny");
        editor.paste("包\r率\x1b[31m");
        editor.handle(&control(KeyCode::Backspace));
        let texts = [
            "GET /",
            "GET /丢包",
            "GET /丢包 x",
            "GET /丢包 x\n",
            "GET /丢包 x\ny",
            "GET /丢包 x\ny包\n率[31m",
            "GET /丢包 x\ny包\n率[",
        ];
        for text in texts.iter().rev().chain([&texts[0]]) {
            assert_eq!(editor.text(), *text);
            editor.handle(&control(KeyCode::Char('z')));
        }
        for text in texts.iter().skip(1).chain([&texts[6]]) {
            editor.handle(&control(KeyCode::Char('y')));
            assert_eq!(editor.text(), *text);
        }
        for _ in 0..2 * UNDO_STEPS {
            typed(&mut editor, "\nab");
        }
        assert_eq!(editor.past.len(), UNDO_STEPS);
    }

    #[test]
    fn the_length_is_bounded() {
        let mut editor = Editor::new(&"丢".repeat(LIMIT));
        assert_eq!(editor.text().len(), LIMIT - 1);
        typed(&mut editor, "丢xx");
        assert_eq!(editor.text().len(), LIMIT);
        assert_eq!(editor.room(), 0);
        typed(&mut editor, "\n");
        editor.paste("\n");
        assert!(editor.text().ends_with("丢x"));
        editor.handle(&key(KeyCode::Backspace));
        assert_eq!(editor.room(), 1);
    }

    #[test]
    fn wide_characters_take_two_cells() {
        let mut editor = Editor::new("");
        typed(&mut editor, "A请求\n求👍🏽b\tc");
        let mut buf = Buffer::with_lines(["xxxxxxxxxx"; 3]);
        let area = buf.area;
        editor.render(area, &mut buf, Style::new());
        let expected = ["A请求     ", "求👍🏽b   c ", "          "];
        assert_eq!(buf, Buffer::with_lines(expected));
        assert_eq!(editor.cursor_cell(area), Some((9, 1)));
        // Up stops before the character that the column lies in, Down comes back to the column.
        for (code, cell) in [
            (KeyCode::Left, (8, 1)),
            (KeyCode::Left, (5, 1)),
            (KeyCode::Left, (4, 1)),
            (KeyCode::Up, (3, 0)),
            (KeyCode::Down, (4, 1)),
            (KeyCode::Left, (2, 1)),
            (KeyCode::Up, (1, 0)),
        ] {
            editor.handle(&key(code));
            assert_eq!(editor.cursor_cell(area), Some(cell), "{code:?}");
        }
    }

    #[test]
    fn a_text_is_seen_from_its_beginning_and_fills_the_rows_it_can() {
        let first = |buf: &Buffer, y: u16| buf[(0, y)].symbol().to_owned();
        let mut editor = Editor::new("1\n2\n3\n4");
        let mut buf = Buffer::empty(Rect::new(0, 0, 4, 4));
        editor.render(Rect::new(0, 0, 4, 2), &mut buf, Style::new());
        assert_eq!(first(&buf, 0), "3", "the cursor is at the end");
        editor.render(buf.area, &mut buf, Style::new());
        assert_eq!(first(&buf, 0), "1", "there is room for all of it");
        let mut editor = editor.at_start();
        editor.render(Rect::new(0, 0, 4, 2), &mut buf, Style::new());
        assert_eq!((first(&buf, 0), first(&buf, 1)), ("1".into(), "2".into()));
    }

    #[test]
    fn the_cursor_stays_in_view() {
        let mut editor = Editor::new("1\n2\n3\n请求请求ab");
        let mut buf = Buffer::empty(Rect::new(0, 0, 8, 4));
        let area = Rect::new(1, 1, 6, 2);
        editor.render(area, &mut buf, Style::new());
        // Half of a wide character at the edge is a blank.
        let expected = ["        ", "        ", "  求ab  ", "        "];
        assert_eq!(buf, Buffer::with_lines(expected));
        assert_eq!(editor.cursor_cell(area), Some((6, 2)));
        editor.handle(&key(KeyCode::Home));
        editor.handle(&key(KeyCode::PageUp));
        editor.render(area, &mut buf, Style::new());
        let expected = ["        ", " 3      ", " 请求请 ", "        "];
        assert_eq!(buf, Buffer::with_lines(expected));
        assert_eq!(editor.cursor_cell(area), Some((1, 1)));
        editor.render(Rect::new(8, 0, 0, 4), &mut buf, Style::new());
    }

    proptest! {
        #[test]
        fn no_key_breaks_it(keys in proptest::collection::vec((0usize..14, any::<char>(), 0u8..8), 0..60), width in 1u16..20, height in 1u16..5) {
            use KeyCode::{Backspace, Char, Delete, Down, End, Enter, Home, Left, PageDown, PageUp, Right, Up};
            let mut editor = Editor::new("GET / HTTP/1.1\n\n请求");
            let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
            for (number, c, modifiers) in keys {
                let codes = [Backspace, Char(c), Delete, Down, End, Enter, Home, Left, PageDown, PageUp, Right, Up, Char('z'), Char('y')];
                editor.handle(&KeyEvent::new(codes[number], KeyModifiers::from_bits_truncate(modifiers)));
                prop_assert!(editor.text().len() <= LIMIT);
                editor.render(buf.area, &mut buf, Style::new());
                prop_assert!(editor.cursor_cell(buf.area).is_some());
                let (line, character) = editor.cursor();
                let text = editor.text().split('\n').nth(line).unwrap();
                prop_assert!(character <= text.chars().count());
            }
        }
    }
}
