use super::*;
use proptest::prelude::*;

fn key(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

fn shift(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::SHIFT)
}

fn editor(text: &str) -> Editor {
    let mut editor = Editor::new(Shape::Lines, 4096);
    editor.set(text);
    editor
}

fn drawn(editor: &mut Editor, width: u16, height: u16) -> Vec<String> {
    let mut buf = Buffer::with_lines(vec!["x".repeat(usize::from(width)); usize::from(height)]);
    let selected = Style::new().reversed();
    editor.render(buf.area, &mut buf, Style::new(), selected);
    let row = |y| {
        let row: String = (0..width)
            .map(|x| {
                let cell = &buf[(x, y)];
                match cell.style().add_modifier.is_empty() {
                    true => cell.symbol().to_owned(),
                    false => format!("[{}]", cell.symbol()),
                }
            })
            .collect();
        row.trim_end().to_owned()
    };
    (0..height).map(row).collect()
}

fn cursor(editor: &Editor, width: u16, height: u16) -> Option<(u16, u16)> {
    editor.cursor_cell(Rect::new(0, 0, width, height))
}

#[test]
fn long_lines_go_on_in_the_next_row() {
    let table: [(&str, u16, &[&str]); 10] = [
        ("", 6, &[""]),
        ("one two three", 8, &["one two", "three"]),
        ("one two three", 7, &["one", "two", "three"]),
        ("abcdefgh\n\nx", 4, &["abc", "def", "gh", "", "x"]),
        ("a b\n", 8, &["a b", ""]),
        ("请求被服务器丢弃", 8, &["请求被", "服务器", "丢弃"]),
        ("ab请求 cd", 6, &["ab请", "求 cd"]),
        ("👍🏽👍🏽👍🏽", 5, &["👍🏽👍🏽", "👍🏽"]),
        ("请", 1, &["请"]),
        ("a\tb\tc", 8, &["a   b", "c"]),
    ];
    for (text, width, expected) in table {
        let editor = {
            let mut editor = editor(text);
            assert!(editor.rows(width, 100) > 0);
            editor
        };
        let rows: Vec<&str> = editor
            .rows_from(0)
            .map(|row| editor.text()[row].trim_end())
            .collect();
        let expected: Vec<String> = expected
            .iter()
            .map(|row| row.replace("   ", "\t"))
            .collect();
        assert_eq!(rows, expected, "{text:?} in {width}");
    }
}

#[test]
fn wide_characters_take_two_cells() {
    use KeyCode::{Down, Left, Up};
    let mut editor = editor("");
    for c in "A请求\n求👍🏽b\tc".chars() {
        let code = if c == '\n' {
            KeyCode::Enter
        } else {
            KeyCode::Char(c)
        };
        editor.handle(&key(code));
    }
    assert_eq!(
        drawn(&mut editor, 12, 3),
        ["A请 求", "求 👍🏽 b   c", ""],
        "the second cell of a wide character is a blank"
    );
    assert_eq!(cursor(&editor, 12, 3), Some((9, 1)));
    // Up stops before the character that the column lies in, Down comes back to the column.
    for (code, cell) in [
        (Left, (8, 1)),
        (Left, (5, 1)),
        (Left, (4, 1)),
        (Up, (3, 0)),
        (Down, (4, 1)),
        (Left, (2, 1)),
        (Up, (1, 0)),
    ] {
        editor.handle(&key(code));
        assert_eq!(cursor(&editor, 12, 3), Some(cell), "{code:?}");
    }
    assert_eq!(
        editor.handle(&key(Up)),
        Outcome::Ignored,
        "it may leave the field"
    );
}

#[test]
fn the_cursor_goes_by_rows() {
    use KeyCode::{Down, End, Home, PageDown, PageUp, Up};
    let mut editor = editor("one two three four\nfive");
    editor.handle(&KeyEvent::new(Home, KeyModifiers::CONTROL));
    assert_eq!(drawn(&mut editor, 9, 3), ["one two", "three", "four"]);
    for (code, cell) in [
        (End, (7, 0)),
        (Down, (5, 1)),
        (Down, (4, 2)),
        (Home, (0, 2)),
        (Up, (0, 1)),
        (Up, (0, 0)),
        (PageDown, (0, 2)),
    ] {
        editor.handle(&key(code));
        drawn(&mut editor, 9, 3);
        assert_eq!(cursor(&editor, 9, 3), Some(cell), "{code:?}");
    }
    editor.handle(&key(PageDown));
    assert_eq!(drawn(&mut editor, 9, 3), ["three", "four", "five"]);
    editor.handle(&key(PageUp));
    editor.handle(&key(PageUp));
    assert_eq!(drawn(&mut editor, 9, 3), ["one two", "three", "four"]);
}

#[test]
fn a_selection_is_seen_over_rows_and_line_ends() {
    let mut editor = editor("ab\ncd");
    editor.handle(&key(KeyCode::Left));
    editor.handle(&shift(KeyCode::Up));
    assert_eq!(drawn(&mut editor, 5, 2), ["a[b][ ]", "[c]d"]);
    assert_eq!(editor.edit().selection(), Some(1..4));
}

#[test]
fn a_text_is_seen_from_its_beginning_and_fills_the_rows_it_can() {
    let mut editor = editor("1\n2\n3\n4");
    assert_eq!(
        drawn(&mut editor, 4, 2),
        ["3", "4"],
        "the cursor is at the end"
    );
    assert_eq!(drawn(&mut editor, 4, 4), ["1", "2", "3", "4"]);
    editor.set_from_start("1\n2\n3\n4");
    assert_eq!(drawn(&mut editor, 4, 2), ["1", "2"]);
    drawn(&mut editor, 0, 4);
}

#[test]
fn lines_may_be_scrolled_in_place_of_wrapped() {
    let mut editor = editor("1\n2\n3\n请求请求ab").scrolled();
    // Half of a wide character at the edge is a blank.
    assert_eq!(drawn(&mut editor, 6, 2), ["", " 求 ab"]);
    assert_eq!(cursor(&editor, 6, 2), Some((5, 1)));
    editor.click(Rect::new(0, 0, 6, 2), (1, 1));
    assert_eq!(editor.edit().at(), 15, "before the fourth character");
    editor.handle(&key(KeyCode::Home));
    editor.handle(&key(KeyCode::Up));
    assert_eq!(drawn(&mut editor, 6, 2), ["3", "请 求 请"]);
    assert_eq!(cursor(&editor, 6, 2), Some((0, 0)));
}

#[test]
fn a_click_puts_the_cursor_there() {
    let mut editor = editor("one two three\n请求");
    let area = Rect::new(0, 0, 9, 4);
    drawn(&mut editor, 9, 4);
    for (at, place) in [
        ((2, 0), 2),
        ((8, 0), 7),
        ((1, 1), 9),
        ((3, 2), 17),
        ((0, 3), 14),
    ] {
        editor.click(area, at);
        assert_eq!(editor.edit().at(), place, "{at:?}");
    }
}

#[test]
fn a_long_text_costs_only_the_rows_on_screen() {
    let mut editor = Editor::new(Shape::Lines, 1 << 20);
    editor.set(&"0123456789 请求\n".repeat((1 << 20) / 18));
    assert!(editor.text().len() > 1_000_000);
    for _ in 0..200 {
        editor.handle(&key(KeyCode::Char('x')));
        editor.handle(&key(KeyCode::PageUp));
        drawn(&mut editor, 60, 20);
    }
    assert_eq!(cursor(&editor, 60, 20).map(|(_, y)| y), Some(0));
}

proptest! {
    #[test]
    fn no_key_breaks_it(text in "[a-z \n\t请求👍🏽\u{301}]{0,60}", keys in proptest::collection::vec((0usize..16, any::<char>(), 0u8..8), 0..60), width in 1u16..20, height in 1u16..5) {
        use KeyCode::{Backspace, Char, Delete, Down, End, Enter, Home, Left, PageDown, PageUp, Right, Up};
        let mut editor = match width % 2 {
            0 => editor(&text),
            _ => editor(&text).scrolled(),
        };
        for (number, c, modifiers) in keys {
            let codes = [Backspace, Char(c), Delete, Down, End, Enter, Home, Left, PageDown, PageUp, Right, Up, Char('z'), Char('y'), Down, Up];
            editor.handle(&KeyEvent::new(codes[number], KeyModifiers::from_bits_truncate(modifiers)));
            drawn(&mut editor, width, height);
            prop_assert!(cursor(&editor, width, height).is_some());
        }
    }

    #[test]
    fn rows_are_the_whole_text_and_fit(text in "[a-z \n\t请求👍🏽]{0,80}", width in 3u16..20) {
        let mut editor = editor(&text);
        assert!(editor.rows(width, usize::MAX) > 0);
        let mut end = 0;
        for row in editor.rows_from(0) {
            prop_assert!(row.start == end || text.as_bytes()[end] == b'\n' && row.start == end + 1);
            let drawn = text[row.clone()].trim_end();
            let (count, last) = (cells(drawn).count(), cells(drawn).last());
            let columns = last.map_or(0, |cell| cell.columns.end);
            prop_assert!(columns < usize::from(width) || count == 1, "{:?}", drawn);
            end = row.end;
        }
        prop_assert_eq!(end, text.len());
    }
}
