use proptest::prelude::*;

use super::*;
use crate::proto::message::draft::Draft;

pub fn date() -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339("2026-11-22T13:47:05+08:00").unwrap()
}

/// The bytes of a message with these files.
pub fn wire(draft: &Draft, files: &[(&str, &[u8])]) -> Vec<u8> {
    wire_as(draft, files, Addresses::Ascii)
}

fn wire_as(draft: &Draft, files: &[(&str, &[u8])], addresses: Addresses) -> Vec<u8> {
    let outline = draft.outline().unwrap();
    let infos: Vec<_> = files
        .iter()
        .map(|(name, bytes)| FileInfo::new(Path::new(name), bytes.len() as u64))
        .collect();
    let composed = compose(&outline, &infos, &date(), "1@example.com", addresses);
    let mut out = Vec::new();
    for piece in &composed.pieces {
        match piece {
            Piece::Bytes(bytes) => out.extend_from_slice(bytes),
            Piece::File { index, .. } => {
                let mut lines = Base64Lines::new();
                for block in files[*index].1.chunks(100) {
                    lines.push(block, &mut out);
                }
                lines.finish(&mut out);
            }
        }
    }
    assert_eq!(composed.length(), out.len() as u64);
    assert_eq!(composed.is_8bit(), !out.is_ascii());
    out
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn draft() -> Draft {
    Draft {
        from: "Student <student@example.com>".into(),
        to: "teacher@example.com".into(),
        subject: "Hello".into(),
        body: "Hello.\n.\nBye.".into(),
        ..Draft::default()
    }
}

/// Every line ends with CRLF and none is too long.
fn check_lines(message: &str) {
    let whole = message.strip_suffix("\r\n").expect("ends with CRLF");
    for line in whole.split("\r\n") {
        assert!(!line.contains(['\r', '\n']), "{line:?}");
        assert!(line.len() <= LONGEST_LINE, "{line:?}");
    }
}

#[test]
fn a_plain_message_is_what_a_class_expects() {
    assert_eq!(
        text(wire(&draft(), &[])),
        "Date: Sun, 22 Nov 2026 13:47:05 +0800\r\n\
         From: Student <student@example.com>\r\n\
         To: teacher@example.com\r\n\
         Subject: Hello\r\n\
         Message-ID: <1@example.com>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=\"utf-8\"\r\n\
         Content-Transfer-Encoding: 7bit\r\n\
         \r\n\
         Hello.\r\n.\r\nBye.\r\n"
    );
}

#[test]
fn an_attachment_is_a_part_of_its_own() {
    let draft = Draft {
        attachments: vec!["x".into()],
        ..draft()
    };
    let message = text(wire(&draft, &[("报告.pdf", b"%PDF")]));
    let (_, body) = message.split_once("MIME-Version: 1.0\r\n").unwrap();
    assert_eq!(
        body,
        "Content-Type: multipart/mixed; boundary=\"=_1examplecom\"\r\n\
         \r\n\
         --=_1examplecom\r\n\
         Content-Type: text/plain; charset=\"utf-8\"\r\n\
         Content-Transfer-Encoding: 7bit\r\n\
         \r\n\
         Hello.\r\n.\r\nBye.\r\n\
         \r\n\
         --=_1examplecom\r\n\
         Content-Type: application/pdf\r\n\
         Content-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename*=UTF-8''%E6%8A%A5%E5%91%8A.pdf\r\n\
         \r\n\
         JVBERg==\r\n\
         \r\n\
         --=_1examplecom--\r\n"
    );
}

#[test]
fn bodies_are_encoded_by_their_content() {
    let long = "x".repeat(LONGEST_LINE);
    let longer = "x".repeat(LONGEST_LINE + 1);
    let chinese = "你好，世界。".repeat(20);
    let table = [
        ("", "7bit"),
        ("a\tb  \n\n", "7bit"),
        (&*long, "7bit"),
        (&*longer, "quoted-printable"),
        ("na\u{ef}ve, but mostly ASCII", "quoted-printable"),
        (&*chinese, "base64"),
    ];
    for (body, encoding) in table {
        let draft = Draft {
            body: body.into(),
            ..draft()
        };
        let message = text(wire(&draft, &[]));
        assert!(
            message.contains(&format!(
                "\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
            )),
            "{message}"
        );
        check_lines(&message);
    }
}

#[test]
fn a_boundary_is_in_no_line_of_the_text() {
    let draft = Draft {
        body: "--=_1examplecom\n--=_1examplecom_1--".into(),
        attachments: vec!["a".into()],
        ..draft()
    };
    let message = text(wire(&draft, &[("a", b"")]));
    assert!(
        message.contains("boundary=\"=_1examplecom_2\""),
        "{message}"
    );
    assert_eq!(message.matches("\r\n--=_1examplecom_2").count(), 3);
}

#[test]
fn foreign_addresses_are_written_for_the_server_that_takes_them() {
    let draft = Draft {
        to: "张三 <z@例子.中国>, 用户@例子.中国".into(),
        ..draft()
    };
    let ascii = text(wire_as(&draft, &[], Addresses::Ascii));
    assert!(
        ascii.contains("To: =?utf-8?B?5byg5LiJ?= <z@xn--fsqu00a.xn--fiqs8s>,"),
        "{ascii}"
    );
    let utf8 = text(wire_as(&draft, &[], Addresses::Utf8));
    assert!(
        utf8.contains("To: =?utf-8?B?5byg5LiJ?= <z@例子.中国>, 用户@例子.中国\r\n"),
        "{utf8}"
    );
}

#[test]
fn blind_recipients_are_in_no_byte() {
    let mut draft = Draft {
        bcc: "Secret One <secret@hidden.example>, other@hidden.example".into(),
        ..draft()
    };
    for to in ["teacher@example.com", ""] {
        draft.to = to.into();
        let message = text(wire(&draft, &[])).to_lowercase();
        for word in ["bcc", "secret", "hidden", "other@"] {
            assert!(!message.contains(word), "{word} in {message}");
        }
        assert_eq!(
            to.is_empty(),
            message.contains("to: undisclosed-recipients:;\r\n")
        );
    }
    let envelope = draft.outline().unwrap().envelope();
    assert_eq!(envelope.to.len(), 2);
}

#[test]
fn an_outline_made_by_hand_cannot_inject_either() {
    let mut outline = draft().outline().unwrap();
    outline.subject = "hi\r\nBcc: x@y.example".into();
    outline.from.name = Some("a\r\nBcc: x@y.example".into());
    outline.to[0].name = Some("\u{4f60}\r\n\r\nbody".into());
    let files = [FileInfo {
        name: "a\r\nBcc: x\".txt".into(),
        length: 0,
    }];
    let composed = compose(&outline, &files, &date(), "1\r\nBcc: x@y", Addresses::Ascii);
    for piece in composed.pieces {
        if let Piece::Bytes(bytes) = piece {
            let text = text(bytes);
            assert!(!text.contains("\nBcc"), "{text}");
            let words = text.split("=?utf-8?B?").skip(1);
            for word in words.map(|word| word.split_once("?=").unwrap().0) {
                use base64::Engine as _;
                let word = base64::engine::general_purpose::STANDARD.decode(word);
                assert!(!word.unwrap().contains(&b'\n'));
            }
        }
    }
}

#[test]
fn media_types_go_by_the_name() {
    let table = [
        ("a.png", "image/png"),
        ("notes.txt", "text/plain"),
        ("mail.eml", "application/octet-stream"),
        ("Makefile", "application/octet-stream"),
    ];
    for (name, expected) in table {
        assert_eq!(FileInfo::new(Path::new(name), 1).media_type(), expected);
    }
    let path = Path::new("/tmp/dir/a.png");
    assert_eq!(FileInfo::new(path, 1).name, "a.png");
}

proptest! {
    #[test]
    fn lines_end_in_crlf_and_are_short(
        subject in r"\PC{0,200}",
        name in r"\PC{0,60}",
        body in r"(\PC|\r|\n|\t){0,300}",
        file in prop::collection::vec(any::<u8>(), 0..300),
        file_name in r"[^/\pC]{1,120}",
    ) {
        let name = name.replace(['"', '\\'], "");
        let draft = Draft {
            from: format!("\"{name}\" <student@example.com>"),
            subject,
            body,
            attachments: vec!["x".into()],
            ..draft()
        };
        prop_assume!(draft.check().is_empty());
        let message = text(wire(&draft, &[(&file_name, &file)]));
        check_lines(&message);
        prop_assert!(message.is_ascii());
    }
}
