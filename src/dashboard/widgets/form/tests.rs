use super::*;
use proptest::prelude::*;
use ratatui::buffer::Buffer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Server,
    Security,
    Password,
    Check,
    To,
}

const ADDRESSES: Kind = Kind::List {
    separators: &[',', ';', '，', '；'],
};

fn form() -> Form<Key> {
    Form::new([
        (Key::Server, Kind::Text),
        (Key::Security, Kind::Choice { options: 3 }),
        (Key::Password, Kind::Masked),
        (Key::Check, Kind::Switch),
        (Key::To, ADDRESSES),
    ])
}

fn caption(key: Key) -> Caption {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    match key {
        Key::Server => Caption {
            label: "Server".to_owned(),
            placeholder: "host".to_owned(),
            note: Some("where the mail goes".to_owned()),
            ..Caption::default()
        },
        Key::Security => Caption {
            label: "Security".to_owned(),
            options: words(&["none", "STARTTLS", "TLS"]),
            ..Caption::default()
        },
        Key::Password => Caption {
            label: "Password".to_owned(),
            ..Caption::default()
        },
        Key::Check => Caption {
            label: "Check".to_owned(),
            options: words(&["no", "yes"]),
            ..Caption::default()
        },
        Key::To => Caption {
            heading: Some("Message".to_owned()),
            label: "To".to_owned(),
            error: Some("an address has one @".to_owned()),
            ..Caption::default()
        },
    }
}

fn drawn(form: &mut Form<Key>, width: u16, height: u16) -> Vec<String> {
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    let dress = Dress {
        caption: &caption,
        styles: Styles::default(),
        glyphs: Glyphs::Ascii,
        has_keys: true,
        label_width: None,
    };
    form.render(buf.area, &mut buf, &dress);
    let row = |y| {
        let row: String = (0..width).map(|x| buf[(x, y)].symbol()).collect();
        row.trim_end().to_owned()
    };
    (0..height).map(row).collect()
}

fn key(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

fn typed(form: &mut Form<Key>, text: &str) {
    for c in text.chars() {
        assert_eq!(form.handle(&key(KeyCode::Char(c))), Outcome::Changed);
    }
}

#[test]
fn fields_stand_below_each_other_with_what_is_said_of_them() {
    let mut form = form();
    assert_eq!(
        drawn(&mut form, 34, 9),
        [
            "> Server   host",
            "           where the mail goes",
            "  Security < none >",
            "  Password",
            "  Check    [ ] no",
            "Message",
            " !To",
            "",
            ""
        ]
    );
    assert_eq!(form.cursor_cell(), Some((11, 0)));
    typed(&mut form, "例.cn");
    form.choose(Key::Security, 2);
    form.set_text(Key::Password, "pass字");
    form.choose(Key::Check, 1);
    form.set_text(Key::To, "a@b, c@d");
    form.set_focus(Key::To);
    form.light(Some(Key::Security));
    assert_eq!(
        drawn(&mut form, 34, 8),
        [
            "  Server   例 .cn",
            "* Security < TLS >",
            "  Password *****",
            "  Check    [x] yes",
            "Message",
            ">!To       a@b, c@d",
            "           an address has one @",
            ""
        ]
    );
    form.reveal(true);
    assert!(drawn(&mut form, 34, 8)[2].contains("pass字"));
}

#[test]
fn keys_go_from_field_to_field_and_out_at_both_ends() {
    use KeyCode::{BackTab, Down, Enter, Tab, Up};
    let mut form = form();
    assert_eq!(form.handle(&key(Up)), Outcome::Ignored);
    for (code, focus) in [
        (Tab, Key::Security),
        (Down, Key::Password),
        (Enter, Key::Check),
        (Tab, Key::To),
        (Up, Key::Check),
        (BackTab, Key::Password),
        (Tab, Key::Check),
        (Tab, Key::To),
    ] {
        assert_eq!(form.handle(&key(code)), Outcome::Done);
        assert_eq!(form.focus(), Some(focus));
    }
    assert_eq!(form.handle(&key(Tab)), Outcome::Ignored);
    form.hide(Key::To, true);
    assert_eq!(
        form.focus(),
        Some(Key::Check),
        "the focus leaves what is hidden"
    );
    form.hide(Key::Password, true);
    form.handle(&key(Up));
    assert_eq!(form.focus(), Some(Key::Security));
}

#[test]
fn choices_and_switches_turn() {
    use KeyCode::{Char, Left, Right};
    let mut form = form();
    form.set_focus(Key::Security);
    for (code, chosen) in [(Right, 1), (Char(' '), 2), (Right, 0), (Left, 2)] {
        assert_eq!(form.handle(&key(code)), Outcome::Changed);
        assert_eq!(form.chosen(Key::Security), chosen);
    }
    assert_eq!(form.handle(&key(Char('x'))), Outcome::Ignored);
    form.set_focus(Key::Check);
    assert_eq!(form.handle(&key(Char(' '))), Outcome::Changed);
    assert!(form.is_on(Key::Check));
}

#[test]
fn a_list_knows_its_values() {
    let mut form = form();
    form.set_focus(Key::To);
    form.paste("a@b\r\n\"Last, First\" <c@d>\n张三 <z@例子.中国>；e@f ,\n");
    assert_eq!(
        form.values(Key::To),
        ["a@b", "\"Last, First\" <c@d>", "张三 <z@例子.中国>", "e@f"]
    );
    assert!(!form.text(Key::To).contains('\n'));
    form.set_text(Key::To, "\"open, quote");
    assert_eq!(form.values(Key::To), ["\"open, quote"]);
}

#[test]
fn a_list_takes_rows_as_it_needs_them_and_then_scrolls() {
    let mut form = form();
    form.set_focus(Key::To);
    form.paste("a@example.com, b@example.com, c@example.com, d@example.com");
    let rows = drawn(&mut form, 28, 12);
    assert_eq!(
        rows[4..9],
        [
            "Message",
            ">!To       b@example.com,",
            "           c@example.com,",
            "           d@example.com",
            "           an address has",
        ]
    );
    assert_eq!(form.cursor_cell(), Some((24, 7)));
    assert_eq!(form.handle(&key(KeyCode::Up)), Outcome::Done);
    assert_eq!(
        form.focus(),
        Some(Key::To),
        "Up first goes through the rows"
    );
}

#[test]
fn a_long_text_scrolls_under_its_cursor() {
    let mut form = form();
    typed(&mut form, "0123456789abcdef");
    assert_eq!(drawn(&mut form, 20, 1), ["> Server 6789abcdef"]);
    assert_eq!(form.cursor_cell(), Some((19, 0)));
    form.handle(&key(KeyCode::Home));
    assert_eq!(drawn(&mut form, 20, 1), ["> Server 0123456789a"]);
    assert_eq!(form.cursor_cell(), Some((9, 0)));
}

#[test]
fn a_small_area_shows_the_field_with_the_focus() {
    let mut form = form();
    form.set_focus(Key::Check);
    assert_eq!(drawn(&mut form, 24, 2), ["  Password", "> Check    [ ] no"]);
    form.set_focus(Key::To);
    assert_eq!(
        drawn(&mut form, 40, 3),
        ["Message", ">!To", "           an address has one @"]
    );
    form.set_focus(Key::Server);
    assert_eq!(drawn(&mut form, 40, 1), ["> Server   host"]);
    for (width, height) in [(0, 0), (1, 1), (3, 2), (12, 1)] {
        drawn(&mut form, width, height);
    }
}

#[test]
fn candidates_are_chosen_and_taken() {
    let mut form = form();
    form.set_focus(Key::To);
    form.paste("/tmp/x, /et");
    assert_eq!(form.begun(Key::To), "/et");
    form.complete(Key::To, "/e", vec!["/etc/".to_owned()]);
    assert!(!form.is_completing(), "the text went on");
    let candidates = vec!["/etc/".to_owned(), "/etter".to_owned()];
    form.complete(Key::To, "/et", candidates);
    // An answer that is late changes nothing.
    form.complete(Key::To, "/e", vec!["/elsewhere".to_owned()]);
    let rows = drawn(&mut form, 30, 9);
    assert_eq!(rows[6..8], ["            /etc/", "            /etter"]);
    assert_eq!(form.handle(&key(KeyCode::Down)), Outcome::Done);
    assert_eq!(form.handle(&key(KeyCode::Tab)), Outcome::Changed);
    assert_eq!(form.values(Key::To), ["/tmp/x", "/etter"]);
    assert!(!form.is_completing());
    form.complete(Key::To, "/etter", vec!["/etter".to_owned()]);
    assert!(!form.is_completing(), "nothing is left to complete");
    form.complete(Key::To, "/etter", vec!["/etters".to_owned()]);
    assert_eq!(form.handle(&key(KeyCode::Esc)), Outcome::Done);
    assert!(!form.is_completing());
    // At the bottom of a small area they stand above the field.
    let candidates = vec!["/etters".to_owned(), "/ettest".to_owned()];
    form.complete(Key::To, "/etter", candidates);
    let rows = drawn(&mut form, 60, 5);
    assert!(rows[1].ends_with("/etters") && rows[2].ends_with("/ettest"));
    // What is typed leaves those that begin with it.
    let candidates = vec!["/etters".to_owned(), "/etter-box".to_owned()];
    form.complete(Key::To, "/etter", candidates);
    typed(&mut form, "-");
    let rows = drawn(&mut form, 60, 5).join("\n");
    assert!(rows.contains("/etter-box") && !rows.contains("/etters"));
    typed(&mut form, "x");
    assert!(!form.is_completing());
}

#[test]
fn a_click_gives_the_keys_and_the_cursor() {
    let mut form = form();
    typed(&mut form, "smtp.例.cn");
    drawn(&mut form, 34, 9);
    form.set_focus(Key::Check);
    assert_eq!(form.field_at((13, 0)), Some(Key::Server));
    assert_eq!(form.field_at((0, 8)), None);
    // The second column of the wide character is still before it.
    assert_eq!(form.click((17, 0)), Outcome::Done);
    assert_eq!(form.focus(), Some(Key::Server));
    typed(&mut form, "X");
    assert_eq!(form.text(Key::Server), "smtp.X例.cn");
    drawn(&mut form, 34, 9);
    assert_eq!(
        form.click((12, 2)),
        Outcome::Done,
        "the first click only gives the keys"
    );
    drawn(&mut form, 34, 9);
    assert_eq!(form.click((12, 1)), Outcome::Changed);
    assert_eq!(form.chosen(Key::Security), 1);
    assert_eq!(form.click((33, 8)), Outcome::Ignored);
}

proptest! {
    #[test]
    fn no_key_and_no_size_breaks_it(codes in proptest::collection::vec(0u8..16, 0..60), width in 0u16..40, height in 0u16..12) {
        use KeyCode::{BackTab, Backspace, Char, Delete, Down, End, Enter, Home, Left, Right, Tab, Up};
        const CODES: [KeyCode; 16] = [
            BackTab, Backspace, Char('a'), Char('字'), Char('\u{301}'), Char(','), Char(' '), Delete, Down, End, Enter, Home, Left, Right, Tab, Up,
        ];
        let mut form = form();
        form.set_text(Key::To, "a@b, 张三 <z@例子.中国>, 👍🏽@x");
        for code in codes {
            form.handle(&key(CODES[usize::from(code)]));
            drawn(&mut form, width, height);
            if let Some((x, y)) = form.cursor_cell() {
                prop_assert!(x < width && y < height);
            }
        }
    }
}
