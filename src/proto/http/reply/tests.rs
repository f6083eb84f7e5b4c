use super::*;
use proptest::prelude::*;

const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

/// All that a reader says about an answer that came in pieces of `cut` bytes.
#[derive(Debug, PartialEq)]
struct Told {
    status: Option<u16>,
    body: Vec<u8>,
    ending: Option<Ending>,
    stage: Stage,
    interim: usize,
    left: usize,
    remarks: Vec<Remark>,
    fields: Vec<(String, String)>,
}

fn tell(asked: Asked, answer: &[u8], cut: usize) -> Told {
    let mut reader = Reader::new(asked);
    let mut body = Vec::new();
    let mut has_left = false;
    for piece in answer.chunks(cut.max(1)) {
        has_left |= reader.push(piece, &mut |data| body.extend_from_slice(data)) < piece.len();
    }
    if has_left {
        reader.surplus();
    }
    reader.finish(&mut |data| body.extend_from_slice(data));
    assert_eq!(reader.body_received(), body.len() as u64);
    let left = answer.len() - reader.received() as usize;
    let fields = reader.head().map_or(vec![], |head| {
        let text = |range: &std::ops::Range<usize>| {
            String::from_utf8_lossy(&head.bytes[range.clone()]).into_owned()
        };
        let pair = |field: &Field| (text(&field.name), text(&field.value));
        head.fields.iter().map(pair).collect()
    });
    Told {
        status: reader.head().map(code),
        ending: reader.ending(),
        stage: reader.stage(),
        interim: reader.interim().len(),
        remarks: reader.remarks().to_vec(),
        body,
        left,
        fields,
    }
}

/// The remarks by name and offset.
fn remarks(told: &Told) -> Vec<(&'static str, u64)> {
    told.remarks
        .iter()
        .map(|remark| (remark.deviation.name(), remark.offset))
        .collect()
}

#[test]
fn right_answers_get_no_remark() {
    use Ending::*;
    let kind = "Content-Type: text/plain\r\n";
    let table = [
        (
            Asked::Content,
            format!("HTTP/1.1 200 OK\r\n{DATE}{kind}Content-Length: 5\r\n\r\nhello"),
            Length(5),
            "hello",
        ),
        (
            Asked::Content,
            format!("HTTP/1.1 299 \r\n{DATE}Content-Length: 0\r\n\r\n"),
            Length(0),
            "",
        ),
        (
            Asked::Content,
            format!("HTTP/1.1 200 OK\r\n{DATE}{kind}Connection: TE, Close\r\n\r\nhello"),
            Close,
            "hello",
        ),
        (
            Asked::Content,
            format!("HTTP/1.0 200 OK\r\n{DATE}{kind}\r\nhello"),
            Close,
            "hello",
        ),
        (
            Asked::Content,
            format!(
                "HTTP/1.1 200 OK\r\n{DATE}{kind}Transfer-Encoding: chunked\r\n\r\n5;x=\"y\"\r\nhello\r\n00B\r\n wide world\r\n0\r\nA: b\r\n\r\n"
            ),
            Chunked,
            "hello wide world",
        ),
        (
            Asked::Head,
            format!("HTTP/1.1 200 OK\r\n{DATE}{kind}Content-Length: 5\r\n\r\n"),
            NoBody,
            "",
        ),
        (
            Asked::Content,
            format!("HTTP/1.1 304 Not Modified\r\n{DATE}Content-Length: 5\r\n\r\n"),
            NoBody,
            "",
        ),
        (
            Asked::Content,
            format!("HTTP/1.1 204 No Content\r\n{DATE}\r\n"),
            NoBody,
            "",
        ),
        (
            Asked::Content,
            format!("HTTP/1.1 500 Oh\r\n{kind}content-length:3, 3\r\n\r\nabc"),
            Length(3),
            "abc",
        ),
    ];
    for (asked, answer, ending, body) in table {
        let told = tell(asked, answer.as_bytes(), usize::MAX);
        assert_eq!(remarks(&told), [], "{answer}");
        assert_eq!(told.ending, Some(ending), "{answer}");
        assert_eq!(told.body, body.as_bytes(), "{answer}");
        assert_eq!((told.stage, told.left), (Stage::Complete, 0), "{answer}");
    }
}

#[test]
fn wrong_answers_are_read_and_remarked_on() {
    // (answer, status, body, remarks). All are finished by the end of the connection.
    type Row<'a> = (&'a str, Option<u16>, &'a str, &'a [(&'a str, u64)]);
    let table: &[Row] = &[
        // What the answers of student servers look like.
        (
            "\nHTTP/1.1 200 OK\n\n<h1>hi",
            Some(200),
            "<h1>hi",
            &[
                ("bare-lf", 0),
                ("empty-line-first", 0),
                ("close-not-announced", 0),
                ("missing-date", 0),
                ("missing-content-type", 0),
            ],
        ),
        (
            " HTTP/1.0 404 Not Found\r\n\r\n",
            Some(404),
            "",
            &[
                ("space-first", 0),
                ("missing-date", 0),
                ("missing-content-type", 0),
            ],
        ),
        (
            "HTTP/1.0 500\r\nContent-Type: a/b\r\n\r\nx",
            Some(500),
            "x",
            &[("missing-reason-space", 12)],
        ),
        (
            "HTTP/1.0 500 Oh\r\nContent-Type: a/b\r\n<html>\r\n",
            Some(500),
            "<html>\r\n",
            &[("missing-empty-line", 36)],
        ),
        (
            "HTTP/1.0 500 Oh\r\nContent-Length: 3\r\nContent-Type: a/b\r\n<html>\r\n",
            Some(500),
            "<ht",
            &[("missing-empty-line", 55), ("body-too-long", 58)],
        ),
        (
            "HTTP/1.0 500 Oh",
            Some(500),
            "",
            &[("missing-empty-line", 15), ("missing-content-type", 0)],
        ),
        (
            "HTTP/1.0 500 Oh\r\nContent-Type: a/b\r\n",
            Some(500),
            "",
            &[("missing-empty-line", 36)],
        ),
        (
            "<html>hello",
            Some(0),
            "<html>hello",
            &[("no-status-line", 0)],
        ),
        (
            "hello\r\nworld\n",
            Some(0),
            "hello\r\nworld\n",
            &[("no-status-line", 0)],
        ),
        (
            "500 Oh\r\nContent-Type: a/b\r\n\r\n",
            Some(500),
            "",
            &[("missing-version", 0)],
        ),
        ("", None, "", &[]),
        ("\r\n", None, "", &[("empty-line-first", 0)]),
        // The status line.
        (
            "http/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
            Some(500),
            "",
            &[("invalid-version", 0)],
        ),
        (
            "HTTP/1 500 Oh\r\nContent-Length: 0\r\n\r\n",
            Some(500),
            "",
            &[("invalid-version", 0)],
        ),
        (
            "HTTP/1.1  500 Oh\r\nContent-Length: 0\r\n\r\n",
            Some(500),
            "",
            &[("extra-space", 9)],
        ),
        (
            "HTTP/1.1 abc\r\nContent-Length: 0\r\n\r\n",
            Some(0),
            "",
            &[("invalid-status-code", 9)],
        ),
        (
            "HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            Some(0),
            "",
            &[("invalid-status-code", 8)],
        ),
        (
            "HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n",
            Some(0),
            "",
            &[("invalid-status-code", 9)],
        ),
        // Fields.
        (
            "HTTP/1.1 500 Oh\r\n A: b\r\nContent-Length : 0\r\nnothing\r\n(: c\r\n: d\r\nE: \x01\rf\r\n g\r\n\r\n",
            Some(500),
            "",
            &[
                ("space-before-first-field", 17),
                ("space-before-colon", 38),
                ("missing-colon", 44),
                ("invalid-field-name", 53),
                ("bare-cr", 68),
                ("invalid-field-value", 67),
                ("folded-field", 72),
            ],
        ),
        // Where the body ends.
        (
            "HTTP/1.1 500 Oh\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nabc",
            Some(500),
            "abc",
            &[("body-too-short", 60)],
        ),
        (
            "HTTP/1.1 500 Oh\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nabc",
            Some(500),
            "ab",
            &[("body-too-long", 59)],
        ),
        (
            "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n\r\n",
            Some(500),
            "",
            &[("body-too-long", 38)],
        ),
        (
            "HTTP/1.1 304 Not Modified\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nx",
            Some(304),
            "",
            &[("body-not-allowed", 66)],
        ),
        (
            "HTTP/1.0 500 Oh\r\nContent-Type: a/b\r\nContent-Length: +1\r\n\r\nab",
            Some(500),
            "ab",
            &[("invalid-content-length", 0)],
        ),
        (
            "HTTP/1.0 500 Oh\r\nContent-Type: a/b\r\nContent-Length: 99999999999999999999\r\n\r\nab",
            Some(500),
            "ab",
            &[("invalid-content-length", 0)],
        ),
        (
            "HTTP/1.0 500 Oh\r\nContent-Type: a/b\r\nContent-Length:\r\n\r\nab",
            Some(500),
            "ab",
            &[("invalid-content-length", 0)],
        ),
        (
            "HTTP/1.1 500 Oh\r\nContent-Type: a/b\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab",
            Some(500),
            "ab",
            &[("content-lengths-differ", 0)],
        ),
        (
            "HTTP/1.0 500 Oh\r\nContent-Type: a/b\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 3\r\n\r\n1\na\n0\n\n",
            Some(500),
            "a",
            &[
                ("transfer-encoding-not-allowed", 0),
                ("content-length-with-transfer-encoding", 0),
                ("unknown-transfer-coding", 0),
                ("bare-lf", 92),
            ],
        ),
        (
            "HTTP/1.1 500 Oh\r\nContent-Type: a/b\r\nTransfer-Encoding: gzip\r\n\r\n1",
            Some(500),
            "1",
            &[("unknown-transfer-coding", 0)],
        ),
        (
            "HTTP/1.1 500 Oh\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
            Some(500),
            "abcd\r\n0\r\n\r\n",
            &[("invalid-chunk", 72)],
        ),
        (
            "HTTP/1.1 500 Oh\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            Some(500),
            "abc",
            &[("body-too-short", 74)],
        ),
        (
            "HTTP/1.1 500 Oh\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n1ffffffffffffffff\r\nabc",
            Some(500),
            "f\r\nabc",
            &[("invalid-chunk", 82)],
        ),
        // What the status calls for.
        (
            "HTTP/1.1 204 No Content\r\nDate: Sun Nov  6 08:49:37 1994\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
            Some(204),
            "",
            &[
                ("length-not-allowed", 0),
                ("transfer-encoding-not-allowed", 0),
                ("invalid-date", 0),
            ],
        ),
        (
            "HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n",
            Some(405),
            "",
            &[("missing-date", 0), ("missing-allow", 0)],
        ),
        (
            "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n",
            Some(401),
            "",
            &[("missing-date", 0), ("missing-challenge", 0)],
        ),
        (
            "HTTP/1.1 301 There\r\nContent-Length: 0\r\n\r\n",
            Some(301),
            "",
            &[("missing-date", 0), ("missing-location", 0)],
        ),
        (
            "HTTP/1.1 206 Part\r\nContent-Length: 1\r\n\r\na",
            Some(206),
            "a",
            &[
                ("missing-date", 0),
                ("missing-content-type", 0),
                ("missing-content-range", 0),
            ],
        ),
    ];
    for (answer, status, body, expected) in table {
        let whole = tell(Asked::Content, answer.as_bytes(), usize::MAX);
        assert_eq!(remarks(&whole), *expected, "{answer:?}");
        assert_eq!(whole.status, *status, "{answer:?}");
        assert_eq!(whole.body, body.as_bytes(), "{answer:?}");
        for cut in [1, 2, 3, 7] {
            assert_eq!(tell(Asked::Content, answer.as_bytes(), cut), whole);
        }
    }
}

#[test]
fn fields_are_read_whatever_is_around_them() {
    let told = tell(
        Asked::Content,
        b"HTTP/1.1 500 Oh\nA:b\n C : d  \nE:\nF: g\n\th\n\n",
        usize::MAX,
    );
    // The second is folded into the first, spaces, colon and all.
    let expected = [("A", "b\n C : d  "), ("E", ""), ("F", "g\n\th")];
    assert_eq!(
        told.fields,
        expected.map(|(name, value)| (name.into(), value.into()))
    );
}

#[test]
fn interim_answers_come_before_the_final_one() {
    let answer = format!(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 404 Not Found\r\n{DATE}Content-Length: 0\r\n\r\nHTTP/1.1 200"
    );
    let told = tell(Asked::Content, answer.as_bytes(), 5);
    assert_eq!((told.status, told.interim), (Some(404), 2));
    assert_eq!(told.left, "HTTP/1.1 200".len(), "the next answer is left");
    let flood = "HTTP/1.1 100 Continue\r\n\r\n".repeat(9);
    let told = tell(Asked::Content, flood.as_bytes(), 100);
    assert_eq!(remarks(&told), [("too-many-interim", 200)]);
    assert_eq!(told.stage, Stage::Broken);
}

#[test]
fn a_head_without_end_is_given_up() {
    for line in ["A: b\r\n", "a"] {
        let endless = format!("HTTP/1.1 200 OK\r\n{}", line.repeat(80_000));
        let told = tell(Asked::Content, endless.as_bytes(), 1_000);
        assert_eq!(remarks(&told), [("head-too-large", MOST_HEAD)]);
        assert_eq!(told.stage, Stage::Broken);
    }
}

#[test]
fn the_stage_follows_the_bytes() {
    let mut reader = Reader::new(Asked::Content);
    let mut push = |bytes: &[u8]| {
        reader.push(bytes, &mut |_| ());
        reader.stage()
    };
    assert_eq!(push(b"HTTP/1.1 200 OK\r"), Stage::StatusLine);
    assert_eq!(push(b"\n"), Stage::Fields);
    assert_eq!(push(b"Content-Length: 2\r\n\r"), Stage::Fields);
    assert_eq!(push(b"\n"), Stage::Body);
    assert_eq!(push(b"a"), Stage::Body);
    assert_eq!(push(b"b"), Stage::Complete);
}

/// Answers made of right and wrong pieces.
fn answers() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&str; 26] = [
        "HTTP/1.1 200 OK",
        "HTTP/1.1 100 C",
        "HTTP/1.0 304",
        "200 ",
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        " ",
        "Content-Length: 3",
        "Content-Length: 3, 4",
        "Transfer-Encoding: chunked",
        "Connection: close",
        "Date: now",
        ":",
        "<html>",
        "abc",
        "0\r\n\r\n",
        "3\r\nabc\r\n",
        "3;x\n",
        "ffffffffffffffff\r\n",
        "\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "\0",
        "é",
    ];
    prop_oneof![
        prop::collection::vec(prop::sample::select(&PIECES[..]), 0..16)
            .prop_map(|pieces| pieces.concat().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..80),
    ]
}

proptest! {
    #[test]
    fn any_cut_tells_the_same(answer in answers(), cut in 1usize..20, head: bool) {
        let asked = if head { Asked::Head } else { Asked::Content };
        prop_assert_eq!(tell(asked, &answer, cut), tell(asked, &answer, usize::MAX));
    }

    #[test]
    fn chunks_come_back_as_they_were(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..8), cut in 1usize..50) {
        let mut answer = b"HTTP/1.1 500 Oh\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in &chunks {
            answer.extend(format!("{:x}\r\n", chunk.len()).bytes());
            answer.extend(chunk);
            answer.extend(b"\r\n");
        }
        answer.extend(b"0\r\n\r\n");
        let told = tell(Asked::Content, &answer, cut);
        prop_assert_eq!(told.body, chunks.concat());
        prop_assert_eq!(told.stage, Stage::Complete);
        prop_assert_eq!(told.remarks, vec![]);
    }
}
