use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::proto::http::reply::Asked;

#[test]
fn lines_and_escapes_become_bytes() {
    let table: &[(&str, &[u8])] = &[
        ("", b""),
        (
            "GET / HTTP/1.1\nHost: x\n\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ),
        ("a\r\nb", b"a\r\nb"),
        ("no end", b"no end"),
        ("bare\\n\\\nend\n", b"bare\nend\r\n"),
        ("cut\\\n", b"cut"),
        ("cut\\", b"cut"),
        ("backslash\\\\\n", b"backslash\\\r\n"),
        ("\\r\\n\\t\\0\\x00\\xfF\\\\", b"\r\n\t\0\0\xff\\"),
        ("\u{4f60}\n", b"\xe4\xbd\xa0\r\n"),
        ("\\\n\\\n", b""),
    ];
    for (text, bytes) in table {
        assert_eq!(compile(text).as_deref(), Ok(*bytes), "{text:?}");
    }
}

#[test]
fn an_escape_that_is_none_is_pointed_at() {
    use ScriptProblem::{IncompleteHex, UnknownEscape};
    for (text, line, column, problem) in [
        ("\\q", 1, 1, UnknownEscape),
        ("ok\n\u{4f60}\\\\\\u", 2, 4, UnknownEscape),
        ("\\x", 1, 1, IncompleteHex),
        ("a\\x4", 1, 2, IncompleteHex),
        ("\\x4\n1", 1, 1, IncompleteHex),
        ("\\xg0", 1, 1, IncompleteHex),
        ("\\x\u{4f60}\u{4f60}", 1, 1, IncompleteHex),
        ("\\ \n", 1, 1, UnknownEscape),
    ] {
        assert_eq!(
            compile(text),
            Err(ScriptError {
                line,
                column,
                problem
            }),
            "{text:?}"
        );
    }
}

#[test]
fn bytes_become_a_readable_script() {
    let table: &[(&[u8], &str)] = &[
        (
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\nHost: x\n\n",
        ),
        (b"a\nb", "a\\n\\\nb"),
        (b"a\rb\t\0\\\x1b\x7f\xff", "a\\rb\\t\\0\\\\\\x1b\\x7f\\xff"),
        ("\u{4f60}\u{e9}".as_bytes(), "\u{4f60}\u{e9}"),
        // A right-to-left override and a zero-width space.
        (
            "\u{202e}\u{200b}".as_bytes(),
            "\\xe2\\x80\\xae\\xe2\\x80\\x8b",
        ),
    ];
    for (bytes, text) in table {
        assert_eq!(to_text(bytes), *text);
    }
}

proptest! {
    #[test]
    fn bytes_come_back_from_their_text(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = to_text(&bytes);
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        prop_assert_eq!(compile(&text), Ok(bytes));
    }

    #[test]
    fn lines_and_backslashes_come_back_from_their_text(text in "[\r\n\\\\ax]{0,40}") {
        prop_assert_eq!(compile(&to_text(text.as_bytes())), Ok(text.into_bytes()));
    }

    #[test]
    fn any_text_is_compiled_or_refused_at_a_place_in_it(text in any::<String>()) {
        if let Err(error) = compile(&text) {
            let line = text.split('\n').nth(error.line - 1).unwrap();
            prop_assert_eq!(line.chars().nth(error.column - 1), Some('\\'));
        }
    }
}

#[test]
fn a_pace_divides_what_is_left() {
    let every = Duration::from_millis(1);
    assert_eq!(Pace::AtOnce.next(b"ab\ncd"), (5, Duration::ZERO));
    assert_eq!(Pace::Lines { every }.next(b"ab\ncd"), (3, every));
    assert_eq!(Pace::Lines { every }.next(b"cd"), (2, every));
    assert_eq!(Pace::Trickle { every }.next(b"cd"), (1, every));
    assert_eq!(Pace::Trickle { every }.next(b""), (0, every));
    assert_eq!(Pace::Silent.next(b"cd").0, 0);
}

#[test]
fn presets_have_unique_names_and_compile() {
    let ids: HashSet<&str> = presets().iter().map(|preset| preset.id).collect();
    assert_eq!(ids.len(), presets().len());
    for preset in presets() {
        let script = preset.script("127.0.0.1:6789");
        assert!(!script.contains('{'), "{}", preset.id);
        let bytes = compile(&script).expect(preset.id);
        let answers = match preset.id {
            "silent" => 0,
            "pipelined" => 2,
            _ => 1,
        };
        assert_eq!(awaited(&bytes).len(), answers, "{}", preset.id);
    }
}

#[test]
fn presets_say_what_they_are_meant_to_say() {
    let bytes = |id: &str| {
        let preset = presets().iter().find(|preset| preset.id == id).unwrap();
        compile(&preset.script("h:1")).unwrap()
    };
    assert_eq!(
        bytes("good"),
        b"GET /HelloWorld.html HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(
        bytes("bare-lf"),
        b"GET /HelloWorld.html HTTP/1.1\nHost: h:1\nConnection: close\n\n"
    );
    assert_eq!(bytes("http-0.9"), b"GET /HelloWorld.html\r\n");
    assert_eq!(bytes("silent"), b"");
    assert!(bytes("no-blank-line").ends_with(b"Host: h:1\r\n"));
    assert!(bytes("chunked").ends_with(b"\r\n\r\n5\r\nHello\r\n0\r\n\r\n"));
    assert_eq!(awaited(&bytes("head")), [Asked::Head]);
}

#[test]
fn an_authority_is_written_as_in_a_host_field() {
    for (host, port, expected) in [
        ("127.0.0.1", 6789, "127.0.0.1:6789"),
        ("example.org", 80, "example.org"),
        ("::1", 80, "[::1]"),
        ("::1", 8080, "[::1]:8080"),
    ] {
        assert_eq!(authority(host, port), expected);
    }
}
