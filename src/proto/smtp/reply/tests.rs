use super::*;
use proptest::prelude::*;

/// All replies in `bytes`, pushed in pieces of `piece` bytes, and what is left.
fn read_in(bytes: &[u8], piece: usize) -> (Vec<Reply>, Result<Vec<u8>, ReplyError>) {
    let mut parser = ReplyParser::new(Limits::default());
    let mut replies = Vec::new();
    for piece in bytes.chunks(piece) {
        parser.push(piece);
        loop {
            match parser.next_reply() {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break,
                Err(error) => return (replies, Err(error)),
            }
        }
    }
    (replies, Ok(parser.buffered().to_vec()))
}

/// The one reply that `bytes` are.
fn read(bytes: &[u8]) -> Reply {
    let (mut replies, rest) = read_in(bytes, bytes.len());
    assert_eq!(rest, Ok(Vec::new()));
    assert_eq!(replies.len(), 1, "{replies:?}");
    replies.remove(0)
}

fn texts(reply: &Reply) -> Vec<String> {
    let lines = reply.lines.iter();
    lines
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect()
}

#[test]
fn replies_of_all_shapes() {
    use Oddity::*;
    let table: [(&str, u16, &[&str], &[Oddity]); 22] = [
        ("220 mx.example ESMTP\r\n", 220, &["mx.example ESMTP"], &[]),
        (
            "220-welcome\r\n220-be nice\r\n220 ready\r\n",
            220,
            &["welcome", "be nice", "ready"],
            &[],
        ),
        ("250 ok\n", 250, &["ok"], &[BareLf]),
        ("250-a\n250 b\r\n", 250, &["a", "b"], &[BareLf]),
        ("250\r\n", 250, &[""], &[CodeOnly]),
        ("250\n", 250, &[""], &[BareLf, CodeOnly]),
        ("250 \r\n", 250, &[""], &[]),
        ("250-\r\n250 \r\n", 250, &["", ""], &[]),
        ("250-a\r\n250\r\n", 250, &["a", ""], &[CodeOnly]),
        ("250-a\r\n251 b\r\n", 251, &["a", "b"], &[DifferingCodes]),
        (
            "250-a\r\n550-b\r\n250 c\r\n",
            250,
            &["a", "b", "c"],
            &[DifferingCodes],
        ),
        (
            "299 odd but fine\r\n",
            299,
            &["odd but fine"],
            &[UnknownSecondDigit],
        ),
        ("560 no\r\n", 560, &["no"], &[UnknownSecondDigit]),
        ("334 \r\n", 334, &[""], &[]),
        ("334\r\n", 334, &[""], &[CodeOnly]),
        ("334 Username:\r\n", 334, &["Username:"], &[]),
        ("250 tab\there\r\n", 250, &["tab\there"], &[]),
        ("220 \x1b[31mred\r\n", 220, &["\x1b[31mred"], &[NotText]),
        ("220 caf\u{e9}\r\n", 220, &["café"], &[NotText]),
        ("250 a\rb\r\n", 250, &["a\rb"], &[NotText]),
        ("250 a\r\r\n", 250, &["a\r"], &[NotText]),
        ("250 2.1.0 fine\r\n", 250, &["2.1.0 fine"], &[]),
    ];
    for (bytes, code, lines, odd) in table {
        let reply = read(bytes.as_bytes());
        assert_eq!(reply.code, Code(code), "{bytes:?}");
        assert_eq!(texts(&reply), lines, "{bytes:?}");
        assert_eq!(reply.odd, odd, "{bytes:?}");
        assert_eq!(&*reply.raw, bytes.as_bytes());
    }
}

#[test]
fn enhanced_codes() {
    let table: [(&str, Option<&str>, &[Oddity]); 8] = [
        ("250 2.1.5 ok\r\n", Some("2.1.5"), &[]),
        ("550 5.1.1\r\n", Some("5.1.1"), &[]),
        ("550-no code\r\n550 5.1.1 here\r\n", Some("5.1.1"), &[]),
        ("550-5.1.1 one\r\n550 5.7.1 other\r\n", Some("5.1.1"), &[]),
        ("450 5.1.1 wrong class\r\n", None, &[Oddity::EnhancedClass]),
        (
            "450-5.1.1 wrong\r\n450 4.2.0 right\r\n",
            Some("4.2.0"),
            &[Oddity::EnhancedClass],
        ),
        ("354 2.0.0 go on\r\n", None, &[Oddity::EnhancedClass]),
        ("220 10.0.0.1 greets\r\n", None, &[]),
    ];
    for (bytes, enhanced, odd) in table {
        let reply = read(bytes.as_bytes());
        let found = reply.enhanced.map(|code| code.to_string());
        assert_eq!(found.as_deref(), enhanced, "{bytes:?}");
        assert_eq!(reply.odd, odd, "{bytes:?}");
    }
}

#[test]
fn utf8_is_text_once_it_is_agreed_on() {
    let odd = |bytes: &[u8]| {
        let mut parser = ReplyParser::new(Limits::default());
        parser.agree_on_utf8();
        parser.push(bytes);
        let reply = parser.next_reply().expect("a reply").expect("a whole one");
        reply.odd
    };
    assert_eq!(odd("550 没有用户\r\n".as_bytes()), []);
    assert_eq!(odd(b"550 caf\xe9\r\n"), [Oddity::NotText]);
    assert_eq!(odd(b"550 \x1b\r\n"), [Oddity::NotText]);
}

#[test]
fn what_is_no_reply_stops_the_session() {
    let table: [(&str, Problem, &str); 15] = [
        ("hello\r\n", Problem::NoCode, "hello\r\n"),
        ("\r\n", Problem::NoCode, "\r\n"),
        ("25\r\n", Problem::NoCode, "25\r\n"),
        ("25x ok\r\n", Problem::NoCode, "25x ok\r\n"),
        ("250ok\r\n", Problem::NoCode, "250ok\r\n"),
        ("2500 ok\r\n", Problem::NoCode, "2500 ok\r\n"),
        ("250\tok\r\n", Problem::NoCode, "250\tok\r\n"),
        (" 250 ok\r\n", Problem::NoCode, " 250 ok\r\n"),
        ("\u{662}50 ok\r\n", Problem::NoCode, "\u{662}50 ok\r\n"),
        ("250-a\r\nb\r\n250 c\r\n", Problem::NoCode, "b\r\n"),
        ("250-a\r\n\r\n", Problem::NoCode, "\r\n"),
        ("199 no\r\n", Problem::CodeOutOfRange, "199 no\r\n"),
        ("600 no\r\n", Problem::CodeOutOfRange, "600 no\r\n"),
        ("000\r\n", Problem::CodeOutOfRange, "000\r\n"),
        ("999-x\r\n", Problem::CodeOutOfRange, "999-x\r\n"),
    ];
    for (bytes, problem, line) in table {
        for piece in [1, bytes.len()] {
            let error = read_in(bytes.as_bytes(), piece).1.expect_err(bytes);
            assert_eq!(error.problem, problem, "{bytes:?}");
            if piece > 1 {
                assert_eq!(&*error.line, line.as_bytes());
            }
        }
    }
    // It is the same error for ever, whatever comes.
    let mut parser = ReplyParser::new(Limits::default());
    parser.push(b"nonsense\r\n");
    let error = parser.next_reply().expect_err("not a reply");
    parser.push(b"250 ok\r\n");
    assert_eq!(parser.next_reply(), Err(error.clone()));
    assert_eq!(
        error.to_string(),
        "a line begins with three digits and a space or hyphen: \"nonsense\\r\\n\""
    );
}

#[test]
fn limits_hold_while_a_reply_comes() {
    let limits = Limits {
        line: 20,
        lines: 3,
        bytes: 50,
    };
    let problem = |bytes: &[u8]| {
        let mut found = Vec::new();
        for piece in [1, 7, bytes.len()] {
            let mut parser = ReplyParser::new(limits);
            let end = bytes.chunks(piece).find_map(|piece| {
                parser.push(piece);
                parser.next_reply().err()
            });
            found.push(end.map(|error| error.problem));
        }
        assert!(found.windows(2).all(|two| two[0] == two[1]), "{found:?}");
        found[0]
    };
    assert_eq!(
        problem(b"250 fourteen.......\r\n"),
        Some(Problem::LineTooLong(20))
    );
    assert_eq!(problem(b"250 fourteen......\r\n"), None);
    assert_eq!(problem(&[b'2'; 21]), Some(Problem::LineTooLong(20)));
    assert_eq!(problem(b"220-\r\n220-\r\n220 \r\n"), None);
    assert_eq!(
        problem(b"220-\r\n220-\r\n220-\r\n220-"),
        Some(Problem::TooManyLines(3))
    );
    let long = b"220-fourteen......\r\n220-fourteen......\r\n220 nine..\r\n";
    assert_eq!(long.len(), 52);
    assert_eq!(problem(long), Some(Problem::TooLong(50)));
    assert_eq!(
        problem(b"220-fourteen......\r\n220-fourteen......\r\n220 four\r\n"),
        None
    );
}

#[test]
fn the_default_limits_stop_hostile_banners() {
    let endless = b"220-more\r\n".repeat(200);
    let (replies, end) = read_in(&endless, 1000);
    assert_eq!(replies, []);
    let error = end.expect_err("endless");
    assert_eq!(error.problem, Problem::TooManyLines(128));
    let mut line = b"220 ".to_vec();
    line.resize(300_000, b'x');
    let error = read_in(&line, 1460).1.expect_err("a long line");
    assert_eq!(error.problem, Problem::LineTooLong(8192));
    assert_eq!(error.line.len(), EXCERPT);
    let mut line = b"220 ".to_vec();
    line.resize(8190, b'x');
    line.extend_from_slice(b"\r\n");
    assert_eq!(read(&line).odd, [Oddity::LongLine]);
    let mut line = b"220 ".to_vec();
    line.resize(510, b'x');
    line.extend_from_slice(b"\r\n");
    assert_eq!(read(&line).odd, []);
}

#[test]
fn what_stands_behind_a_reply_is_kept() {
    let mut parser = ReplyParser::new(Limits::default());
    parser.push(b"220 go ahead\r\n250 in");
    let reply = parser.next_reply().expect("a reply").expect("a whole one");
    assert_eq!(reply.code, Code(220));
    assert_eq!(parser.buffered(), b"250 in");
    assert_eq!(parser.next_reply(), Ok(None));
    parser.push(b"jected\r\n");
    let reply = parser.next_reply().expect("a reply").expect("a whole one");
    assert_eq!(&*reply.raw, b"250 injected\r\n");
    assert_eq!(parser.buffered(), b"");
}

#[test]
fn errors_name_their_limit() {
    for (problem, limit) in [
        (Problem::NoCode, None),
        (Problem::CodeOutOfRange, None),
        (Problem::LineTooLong(1), Some(1)),
        (Problem::TooManyLines(2), Some(2)),
        (Problem::TooLong(3), Some(3)),
    ] {
        assert_eq!(problem.limit(), limit);
        let told = limit.is_none_or(|limit| problem.to_string().contains(&limit.to_string()));
        assert!(told, "{problem}");
    }
}

/// Replies, some odd, some none at all.
fn dialogue() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => "[2-5][0-5][0-9][- ][ -~]{0,20}\r\n",
        1 => "250[- ]?[a-z]{0,5}\r?\n",
        1 => "[2-5][0-9]{2} [2-5]\\.[0-9]\\.[0-9] [a-z]{0,5}\r\n",
        1 => "[ -~\r]{0,6}\n",
    ];
    let any_bytes = prop::collection::vec(any::<u8>(), 0..6);
    (prop::collection::vec(line, 0..12), any_bytes).prop_map(|(lines, tail)| {
        let mut bytes = lines.concat().into_bytes();
        bytes.extend(tail);
        bytes
    })
}

proptest! {
    #[test]
    fn any_split_gives_the_same(bytes in dialogue(), cuts in prop::collection::vec(1_usize..40, 0..40)) {
        let (replies, end) = read_in(&bytes, bytes.len().max(1));
        let mut parser = ReplyParser::new(Limits::default());
        let mut found = Vec::new();
        let mut rest = &bytes[..];
        let mut cuts = cuts.into_iter();
        let mut failed = None;
        while failed.is_none() && !rest.is_empty() {
            let (piece, tail) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
            rest = tail;
            parser.push(piece);
            failed = loop {
                match parser.next_reply() {
                    Ok(Some(reply)) => found.push(reply),
                    Ok(None) => break None,
                    Err(error) => break Some(error.problem),
                }
            };
        }
        prop_assert_eq!(&found, &replies);
        match end {
            Ok(buffered) => prop_assert_eq!(parser.buffered(), &buffered[..]),
            Err(error) => prop_assert_eq!(failed, Some(error.problem)),
        }
        // Nothing is lost or made up.
        let raw: Vec<u8> = found.iter().flat_map(|reply| reply.raw.to_vec()).collect();
        prop_assert!(bytes.starts_with(&raw));
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (replies, _) = read_in(&bytes, 7);
        for reply in replies {
            prop_assert!((200..600).contains(&reply.code.0));
            prop_assert!(!reply.lines.is_empty());
        }
    }
}
