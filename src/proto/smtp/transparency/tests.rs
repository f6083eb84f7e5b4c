use super::*;
use proptest::prelude::*;

/// The message encoded, pushed in pieces, and the dots that were doubled.
fn encode(pieces: &[&[u8]]) -> (Vec<u8>, u64) {
    let mut stuffer = Stuffer::new();
    let mut out = Vec::new();
    for piece in pieces {
        stuffer.push(piece, &mut out);
    }
    let stuffed = stuffer.stuffed();
    stuffer.finish(&mut out);
    (out, stuffed)
}

/// What was read: the message, how many bytes it took if it ended, and the reader.
fn decode(end: EndOfData, pieces: &[&[u8]]) -> (Vec<u8>, Option<usize>, DataReader) {
    let mut reader = DataReader::new(end);
    let mut message = Vec::new();
    let mut before = 0;
    for piece in pieces {
        let ended = reader.read(piece, |slice| message.extend_from_slice(slice));
        if let Some(used) = ended {
            return (message, Some(before + used), reader);
        }
        before += piece.len();
    }
    (message, None, reader)
}

fn one_by_one(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.chunks(1).collect()
}

#[test]
fn messages_as_they_cross_the_wire() {
    let table: [(&[u8], &[u8], u64); 17] = [
        (b"", b".\r\n", 0),
        (b"a", b"a\r\n.\r\n", 0),
        (b"a\r\n", b"a\r\n.\r\n", 0),
        (b".", b"..\r\n.\r\n", 1),
        (b"..", b"...\r\n.\r\n", 1),
        (b".\r\n", b"..\r\n.\r\n", 1),
        (b"a\r\n.\r\nb", b"a\r\n..\r\nb\r\n.\r\n", 1),
        (b"a.b\r\n.c", b"a.b\r\n..c\r\n.\r\n", 1),
        (b"a\nb", b"a\r\nb\r\n.\r\n", 0),
        (b"a\rb", b"a\r\nb\r\n.\r\n", 0),
        (b"a\r\rb", b"a\r\n\r\nb\r\n.\r\n", 0),
        (b"a\n\rb", b"a\r\n\r\nb\r\n.\r\n", 0),
        (b"a\r", b"a\r\n.\r\n", 0),
        (b"a\r\n\r\n", b"a\r\n\r\n.\r\n", 0),
        (b"\n.\n", b"\r\n..\r\n.\r\n", 1),
        (b"\r.\r", b"\r\n..\r\n.\r\n", 1),
        (b"\r\n\0.\r\n", b"\r\n\0.\r\n.\r\n", 0),
    ];
    for (message, wire, stuffed) in table {
        let want = (wire.to_vec(), stuffed);
        assert_eq!(encode(&[message]), want, "{}", message.escape_ascii());
        let pieces = one_by_one(message);
        assert_eq!(encode(&pieces), want, "{}", message.escape_ascii());
    }
}

/// What can end a message somewhere: in RFC 5321, at servers that read up to an LF, and nowhere.
#[test]
fn ends_of_data_under_both_rules() {
    let table: [(&[u8], bool, bool, Option<Bare>); 11] = [
        (b"\r\n.\r\n", true, true, None),
        (b"\n.\n", false, true, Some(Bare::Lf)),
        (b"\n.\r\n", false, true, Some(Bare::Lf)),
        (b"\r\n.\n", false, true, Some(Bare::Lf)),
        (b"\r\n.\r\r\n", false, true, Some(Bare::Cr)),
        (b"\r\r\n.\r\r\n", false, true, Some(Bare::Cr)),
        (b"\n.\r", false, false, Some(Bare::Lf)),
        (b"\r.\n", false, false, Some(Bare::Cr)),
        (b"\r.\r", false, false, Some(Bare::Cr)),
        (b"\r.\r\n", false, false, Some(Bare::Cr)),
        (b"\r\n\0.\r\n", false, false, None),
    ];
    for (sequence, strict, lenient, bare) in table {
        let mut wire = b"text".to_vec();
        wire.extend_from_slice(sequence);
        let inside = wire.len();
        wire.extend_from_slice(b"MAIL FROM:<b@example>\r\n.\r\nQUIT\r\n");
        let outside = wire.len() - b"QUIT\r\n".len();
        for (end, ends_early) in [(EndOfData::Strict, strict), (EndOfData::Lenient, lenient)] {
            for pieces in [vec![&wire[..]], one_by_one(&wire)] {
                let (message, used, reader) = decode(end, &pieces);
                let name = sequence.escape_ascii();
                let want = if ends_early { inside } else { outside };
                assert_eq!(used, Some(want), "{name} {end:?}");
                assert_eq!(reader.bare(), bare, "{name} {end:?}");
                let holds_command = message.windows(4).any(|four| four == b"MAIL");
                assert_eq!(holds_command, !ends_early, "{name} {end:?}");
            }
        }
    }
}

#[test]
fn messages_as_they_are_stored() {
    let table: [(&[u8], &[u8]); 13] = [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"...\r\n.\r\n", b"..\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"a.\r\n.\r\n", b"a.\r\n"),
        (b"a\0b\r\n.\r\n", b"a\0b\r\n"),
        // Not well-formed: kept as it came, but for the dot.
        (b".\rx\r\n.\r\n", b"\rx\r\n"),
        (b".\r\rx\r\n.\r\n", b"\r\rx\r\n"),
        (b".\nx\r\n.\r\n", b"\nx\r\n"),
        (b"a\r\r\n.\r\n", b"a\r\r\n"),
        (b".\r.\r\n.\r\n", b"\r.\r\n"),
    ];
    for (wire, stored) in table {
        for pieces in [vec![wire], one_by_one(wire)] {
            let (message, used, _) = decode(EndOfData::Strict, &pieces);
            assert_eq!(used, Some(wire.len()), "{}", wire.escape_ascii());
            assert_eq!(message, stored, "{}", wire.escape_ascii());
        }
    }
    let (message, used, _) = decode(EndOfData::Lenient, &[b".\r\rx\r\n.\r\r\r\n.\r\n"]);
    assert_eq!(message, b"\r\rx\r\n\r\r\r\n");
    assert_eq!(used, Some(14));
}

#[test]
fn commands_behind_a_message_are_left_alone() {
    let wire = b"a\r\n.\r\nMAIL FROM:<>\r\n";
    let (message, used, _) = decode(EndOfData::Strict, &[wire]);
    assert_eq!((&message[..], used), (&b"a\r\n"[..], Some(6)));
}

#[test]
fn the_longest_line_is_measured() {
    let table: [(&[u8], EndOfData, u64); 7] = [
        (b".\r\n", EndOfData::Strict, 0),
        (b"abc\r\na\r\n.\r\n", EndOfData::Strict, 5),
        (b"..bc\r\n.\r\n", EndOfData::Strict, 5),
        (b"unfinished", EndOfData::Strict, 10),
        (b"a\nbcd\r\n.\r\n", EndOfData::Strict, 7),
        (b"a\nbcd\r\n.\r\n", EndOfData::Lenient, 5),
        (b"a\rb\r\n.\r\n", EndOfData::Strict, 5),
    ];
    for (wire, end, longest) in table {
        for pieces in [vec![wire], one_by_one(wire)] {
            let (_, _, reader) = decode(end, &pieces);
            assert_eq!(reader.longest_line(), longest, "{}", wire.escape_ascii());
        }
    }
}

#[test]
fn a_message_without_dots_is_handed_on_whole() {
    let mut reader = DataReader::new(EndOfData::Strict);
    let wire = b"Subject: x\r\n\r\nHello.\r\nBye.\r\n.\r\n";
    let mut slices = Vec::new();
    let ended = reader.read(wire, |slice| slices.push(slice.to_vec()));
    assert_eq!(ended, Some(wire.len()));
    assert_eq!(slices, [wire[..wire.len() - 3].to_vec()]);
}

/// What is bound to trouble: line ends and dots.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => Just(b'.'),
        3 => Just(b'\r'),
        3 => Just(b'\n'),
        1 => Just(0),
        3 => any::<u8>(),
    ];
    prop::collection::vec(byte, 0..60)
}

/// The bytes in pieces of the lengths in `cuts`, over and over.
fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    for &length in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, tail) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

/// The message with each line end, and its last line, ended by CRLF.
fn normalised(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut before = b'\n';
    for &byte in message {
        match (byte, before) {
            (b'\n', b'\r') if !out.is_empty() => {}
            (b'\r' | b'\n', _) => out.extend_from_slice(b"\r\n"),
            _ => out.push(byte),
        }
        before = byte;
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(
        message in message(),
        cuts in prop::collection::vec(1_usize..20, 1..8),
        wire_cuts in prop::collection::vec(1_usize..20, 1..8),
    ) {
        let (wire, stuffed) = encode(&cut(&message, &cuts));
        prop_assert_eq!(&wire, &encode(&[&message]).0);
        for end in [EndOfData::Strict, EndOfData::Lenient] {
            let (read, used, reader) = decode(end, &cut(&wire, &wire_cuts));
            prop_assert_eq!(used, Some(wire.len()));
            prop_assert_eq!(reader.bare(), None);
            prop_assert_eq!(read.len() as u64 + stuffed + 3, wire.len() as u64);
            prop_assert_eq!(&read, &normalised(&message));
        }
    }

    #[test]
    fn any_split_of_any_bytes_is_read_the_same(wire in message(), cuts in prop::collection::vec(1_usize..20, 1..8)) {
        for end in [EndOfData::Strict, EndOfData::Lenient] {
            let whole = decode(end, &[&wire]);
            let split = decode(end, &cut(&wire, &cuts));
            prop_assert_eq!(&whole.0, &split.0);
            prop_assert_eq!(whole.1, split.1);
            prop_assert_eq!(whole.2.bare(), split.2.bare());
            prop_assert_eq!(whole.2.longest_line(), split.2.longest_line());
        }
    }

    #[test]
    fn nothing_but_the_end_ends_a_strict_message(wire in message()) {
        let (_, used, _) = decode(EndOfData::Strict, &[&wire]);
        let starts = wire.starts_with(b".\r\n").then_some(3);
        let inside = wire.windows(5).position(|five| five == b"\r\n.\r\n");
        prop_assert_eq!(used, starts.or(inside.map(|at| at + 5)));
    }
}
