use super::*;
use proptest::prelude::*;

fn key(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

fn shift(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::SHIFT)
}

fn control(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::CONTROL)
}

fn edit(shape: Shape, text: &str) -> Edit {
    let mut edit = Edit::new(shape, 1000);
    edit.set(text);
    edit
}

fn typed(edit: &mut Edit, text: &str) {
    for c in text.chars() {
        let code = if c == '\n' {
            KeyCode::Enter
        } else {
            KeyCode::Char(c)
        };
        assert_eq!(edit.handle(&key(code)), Outcome::Changed);
    }
}

#[test]
fn keys_do_what_they_say() {
    use KeyCode::{Backspace, Char, Delete, End, Home, Left, Right};
    let mut edit = edit(Shape::Lines, "GET / HTTP/1.1\r\nHost: a");
    // Key, text after it with `|` for the cursor.
    let table = [
        (key(Backspace), "GET / HTTP/1.1\nHost: |"),
        (key(Char('例')), "GET / HTTP/1.1\nHost: 例|"),
        (key(Left), "GET / HTTP/1.1\nHost: |例"),
        (key(Home), "GET / HTTP/1.1\n|Host: 例"),
        (key(Home), "GET / HTTP/1.1\n|Host: 例"),
        (key(Delete), "GET / HTTP/1.1\n|ost: 例"),
        (control(Char('z')), "GET / HTTP/1.1\n|Host: 例"),
        (control(Char('y')), "GET / HTTP/1.1\n|ost: 例"),
        (control(Left), "GET / HTTP/1.|1\nost: 例"),
        (control(Char('u')), "|1\nost: 例"),
        (key(End), "1|\nost: 例"),
        (control(Char('k')), "1|ost: 例"),
        (control(Char('k')), "1|"),
        (control(Char('w')), "|"),
        (control(Char('z')), "1|"),
        (control(Char('z')), "1|ost: 例"),
        (control(Right), "1ost: |例"),
        (control(End), "1ost: 例|"),
        (control(Home), "|1ost: 例"),
        (control(Char('e')), "1ost: 例|"),
        (control(Backspace), "1ost: |"),
        (shift(Char('X')), "1ost: X|"),
    ];
    for (key, after) in table {
        assert_ne!(edit.handle(&key), Outcome::Ignored, "{key:?}");
        let (before, behind) = edit.text().split_at(edit.at());
        assert_eq!(format!("{before}|{behind}"), after, "{key:?}");
    }
}

#[test]
fn a_grapheme_is_never_taken_apart() {
    let clusters = ["👍🏽", "👨\u{200d}👩\u{200d}👧", "e\u{301}", "🇨🇳", "字"];
    let mut edit = edit(Shape::Lines, &clusters.concat());
    for cluster in clusters.iter().rev() {
        let before = edit.at();
        edit.handle(&key(KeyCode::Left));
        assert_eq!(&edit.text()[edit.at()..before], *cluster);
        edit.handle(&key(KeyCode::Right));
        assert_eq!(edit.at(), before);
        edit.handle(&key(KeyCode::Backspace));
        assert_eq!(edit.text().len(), before - cluster.len());
    }
    assert_eq!(edit.text(), "");
}

#[test]
fn what_is_selected_is_replaced_copied_and_cut() {
    use KeyCode::{Backspace, Char, Delete, End, Home, Insert, Left, Right};
    let mut edit = edit(Shape::Lines, "one 二 three");
    edit.handle(&shift(Home));
    assert_eq!(edit.selection(), Some(0..13));
    edit.handle(&key(Left));
    assert_eq!((edit.selection(), edit.at()), (None, 0), "to its beginning");
    edit.handle(&KeyEvent::new(
        Right,
        KeyModifiers::CONTROL | KeyModifiers::SHIFT,
    ));
    edit.handle(&shift(Right));
    assert_eq!(edit.selection(), Some(0..7));
    let copied = edit.handle(&control(Char('c')));
    assert_eq!(copied, Outcome::Copied("one 二".to_owned()));
    assert_eq!(edit.handle(&control(Insert)), copied);
    assert_eq!(edit.selection(), Some(0..7), "it stays selected");
    edit.handle(&key(Right));
    assert_eq!((edit.selection(), edit.at()), (None, 7), "to its end");
    edit.handle(&shift(End));
    assert_eq!(
        edit.handle(&control(Char('x'))),
        Outcome::Cut(" three".to_owned())
    );
    assert_eq!(edit.handle(&control(Char('x'))), Outcome::Ignored);
    assert_eq!(edit.handle(&control(Char('c'))), Outcome::Ignored);
    assert_eq!(edit.handle(&control(Char('v'))), Outcome::PasteWanted);
    assert_eq!(edit.handle(&shift(Insert)), Outcome::PasteWanted);
    edit.handle(&control(Char('a')));
    typed(&mut edit, "ab");
    assert_eq!(edit.text(), "ab");
    edit.handle(&control(Char('z')));
    assert_eq!(edit.text(), "one 二", "typing over a selection is one step");
    edit.handle(&control(Char('a')));
    assert_eq!(
        edit.handle(&shift(Delete)),
        Outcome::Cut("one 二".to_owned())
    );
    edit.handle(&control(Char('z')));
    edit.handle(&control(Char('a')));
    edit.paste("X");
    assert_eq!(edit.text(), "X");
    edit.handle(&control(Char('a')));
    assert_eq!(edit.handle(&key(Backspace)), Outcome::Changed);
    assert_eq!(edit.handle(&key(Backspace)), Outcome::Done);
    assert_eq!(edit.text(), "");
}

#[test]
fn steps_are_undone_and_done_again() {
    let mut edit = edit(Shape::Lines, "GET /");
    typed(&mut edit, "丢包 x\ny");
    edit.paste("包\r率\x1b[31m");
    edit.handle(&control(KeyCode::Backspace));
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
        assert_eq!(edit.text(), *text);
        edit.handle(&control(KeyCode::Char('z')));
    }
    for text in texts.iter().skip(1).chain([&texts[6]]) {
        edit.handle(&control(KeyCode::Char('y')));
        assert_eq!(edit.text(), *text);
    }
}

#[test]
fn history_is_bounded_in_steps_and_in_bytes() {
    let mut edit = Edit::new(Shape::Lines, 64 << 20);
    for _ in 0..2 * UNDO_STEPS {
        edit.paste("a b");
    }
    assert_eq!(edit.past.steps.len(), UNDO_STEPS);
    let chunk = "x".repeat(UNDO_BYTES / 4);
    for _ in 0..8 {
        edit.paste(&chunk);
    }
    assert!(edit.past.bytes <= UNDO_BYTES && edit.past.steps.len() <= 4);
    let held: usize = edit.past.steps.iter().map(Change::bytes).sum();
    assert_eq!(edit.past.bytes, held);
    for _ in 0..10 {
        edit.handle(&control(KeyCode::Char('z')));
    }
    assert_eq!((edit.past.bytes, edit.past.steps.len()), (0, 0));
}

#[test]
fn the_length_is_bounded() {
    let mut edit = Edit::new(Shape::Lines, 16);
    edit.set(&"丢".repeat(16));
    assert_eq!(edit.text().len(), 15);
    edit.handle(&key(KeyCode::Char('丢')));
    typed(&mut edit, "x");
    edit.handle(&key(KeyCode::Char('x')));
    edit.paste("\n");
    assert_eq!(edit.text().len(), 16);
    edit.handle(&control(KeyCode::Char('a')));
    edit.paste("0123456789abcdefg");
    assert_eq!(
        edit.text(),
        "0123456789abcdef",
        "what is selected makes room"
    );
}

#[test]
fn a_line_stays_one() {
    let mut line = edit(Shape::Line { joint: ", " }, "a@b");
    assert_eq!(line.handle(&key(KeyCode::Enter)), Outcome::Ignored);
    line.paste(",c@d\r\ne@f\r\n");
    assert_eq!(line.text(), "a@b,c@d, e@f");
    let mut secret = edit(Shape::Secret, "pa\nss\n");
    assert_eq!(secret.text(), "pass");
    let place = secret.text.as_ptr();
    secret.handle(&control(KeyCode::Char('a')));
    assert_eq!(
        secret.handle(&control(KeyCode::Char('c'))),
        Outcome::Ignored
    );
    assert_eq!(
        secret.handle(&control(KeyCode::Char('x'))),
        Outcome::Ignored
    );
    typed(&mut secret, "x");
    secret.handle(&control(KeyCode::Char('z')));
    assert_eq!(secret.text(), "x", "nothing remembers what stood there");
    secret.paste(&"y".repeat(2000));
    assert_eq!(secret.text.len(), 1000);
    assert_eq!(secret.text.as_ptr(), place, "it never moved");
}

#[test]
fn keys_of_others_are_left_to_them() {
    let mut edit = edit(Shape::Lines, "a");
    for key in [
        key(KeyCode::Tab),
        key(KeyCode::Esc),
        key(KeyCode::F(5)),
        key(KeyCode::Up),
        key(KeyCode::PageDown),
        control(KeyCode::Char('s')),
        control(KeyCode::Enter),
        KeyEvent::new(KeyCode::Char('a'), KeyModifiers::ALT),
    ] {
        assert_eq!(edit.handle(&key), Outcome::Ignored, "{key:?}");
    }
    assert_eq!(edit.text(), "a");
}

proptest! {
    #[test]
    fn undoing_all_gives_back_the_beginning(keys in proptest::collection::vec((0usize..10, any::<char>(), 0u8..8), 0..80)) {
        use KeyCode::{Backspace, Char, Delete, End, Enter, Home, Left, Right};
        const BEGINNING: &str = "GET / HTTP/1.1\n\n请求 👍🏽";
        let mut edit = edit(Shape::Lines, BEGINNING);
        for (number, c, modifiers) in keys {
            let codes = [Backspace, Char(c), Delete, End, Enter, Home, Left, Right, Char('a'), Char('w')];
            let key = KeyEvent::new(codes[number], KeyModifiers::from_bits_truncate(modifiers));
            let before = edit.text().to_owned();
            let outcome = edit.handle(&key);
            let changed = matches!(outcome, Outcome::Changed | Outcome::Cut(_));
            prop_assert!(changed || edit.text() == before);
            prop_assert!(edit.text().is_char_boundary(edit.at()) && edit.text().len() <= 1000);
            prop_assert!(edit.selection().is_none_or(|range| edit.text().get(range).is_some()));
        }
        let end = edit.text().to_owned();
        let mut undone = 0;
        while edit.handle(&control(Char('z'))) == Outcome::Changed {
            undone += 1;
        }
        prop_assert_eq!(edit.text(), BEGINNING);
        // No more than these: the keys may have undone steps of their own.
        for _ in 0..undone {
            edit.handle(&control(Char('y')));
        }
        prop_assert_eq!(edit.text(), end);
    }

    #[test]
    fn cells_are_the_graphemes(text in "[a-z\t\n 丢包率한👍🏽🇨🇳❤️é\u{301}ﾞ]{0,40}") {
        let found: Vec<&str> = cells(&text).map(|cell| cell.grapheme).collect();
        prop_assert_eq!(found, text.graphemes(true).collect::<Vec<_>>());
    }
}
