use proptest::prelude::*;

use super::*;
use crate::proto::message::compose::tests::wire;
use crate::proto::message::draft::Draft;

/// A message in which the body part is followed by a PDF, with a message within.
const NESTED: &str = "From: =?utf-8?B?5byg5LiJ?= <zhang@example.com>\r\n\
    To: teacher@example.com\r\n\
    Subject: =?gb2312?B?1/fStQ==?=\r\n 3\r\n\
    Date: Sun, 22 Nov 2026 13:47:05 +0800 (CST)\r\n\
    Content-Type: multipart/mixed; boundary=\"b 1\"\r\n\
    \r\n\
    preamble\r\n\
    --b 1\r\n\
    Content-Type: multipart/alternative; boundary=b2\r\n\
    \r\n\
    --b2\r\n\
    \r\n\
    plain\r\n\
    --b2  \r\n\
    Content-Type: text/html; charset=gbk\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n\
    \r\n\
    <p>=C4=E3=BA=C3</p>=\r\n\
    \r\n\
    --b2--\r\n\
    --b 1\r\n\
    Content-Type: application/pdf; name=\"=?utf-8?Q?=E6=8A=A5.pdf?=\"\r\n\
    Content-Disposition: attachment;\r\n filename*=utf-8''..%2F%E6%8A%A5.pdf\r\n\
    Content-Transfer-Encoding: BASE64\r\n\
    \r\n\
    JVBERg==\r\n\
    \r\n\
    --b 1\r\n\
    Content-Type: message/rfc822\r\n\
    \r\n\
    Subject: within\r\n\
    \r\n\
    text\r\n\
    --b 1--\r\n\
    epilogue\r\n";

#[test]
fn a_nested_message_is_read() {
    let stored = NESTED.as_bytes();
    let letter = Letter::read(stored);
    assert_eq!(letter.from, "张三 <zhang@example.com>");
    assert_eq!(letter.subject, "作业 3");
    let date = letter.date.unwrap();
    assert_eq!(date.to_rfc3339(), "2026-11-22T13:47:05+08:00");
    assert_eq!(letter.defects, []);

    let names: Vec<_> = letter.headers.iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["From", "To", "Subject", "Date", "Content-Type"]);
    assert_eq!(
        letter.headers[2],
        HeaderField {
            name: "Subject".into(),
            raw: b" =?gb2312?B?1/fStQ==?=\r\n 3"[..].into(),
            decoded: "作业 3".into(),
        }
    );

    let tree: Vec<_> = letter
        .parts
        .iter()
        .map(|part| (part.depth, &*part.media_type, part.size, part.holds_parts))
        .collect();
    assert_eq!(
        tree,
        [
            (0, "multipart/mixed", letter.parts[0].size, true),
            (1, "multipart/alternative", letter.parts[1].size, true),
            (2, "text/plain", 5, false),
            (2, "text/html", 11, false),
            (1, "application/pdf", 4, false),
            (1, "message/rfc822", 23, true),
            (2, "text/plain", 4, false),
        ]
    );
    assert_eq!(letter.main_part(), Some(2));
    assert_eq!(letter.text(stored, 2).text, "plain");
    assert_eq!(letter.text(stored, 3).text.trim(), "你好");
    assert_eq!(letter.content(stored, 4), b"%PDF");
    assert_eq!(letter.content(stored, 5), b"Subject: within\r\n\r\ntext");
    assert_eq!(letter.attachments().collect::<Vec<_>>(), [4, 5]);
    assert_eq!(letter.parts[4].file_name.as_deref(), Some("../报.pdf"));
    assert_eq!(letter.file_name(4), "报.pdf");
    assert_eq!(letter.file_name(5), "attachment");
    assert_eq!(letter.file_name(99), "attachment");
    assert_eq!(letter.content(stored, 99), b"");
    // Other bytes than those that were read do no harm.
    assert_eq!(letter.content(b"", 4), b"");
}

#[test]
fn the_example_of_rfc_2046_is_read() {
    let stored = b"From: Nathaniel Borenstein <nsb@bellcore.com>\n\
        To:  Ned Freed <ned@innosoft.com>\n\
        Date: Sun, 21 Mar 1993 23:56:48 -0800 (PST)\n\
        Subject: Sample message\n\
        MIME-Version: 1.0\n\
        Content-type: multipart/mixed; boundary=\"simple\n boundary\"\n\
        \n\
        This is the preamble.\n\
        \n\
        --simple boundary\n\
        \n\
        This is implicitly typed plain ASCII text.\n\
        It does NOT end with a linebreak.\n\
        --simple boundary\n\
        Content-type: text/plain; charset=us-ascii\n\
        \n\
        This is explicitly typed plain ASCII text.\n\
        It DOES end with a linebreak.\n\
        \n\
        --simple boundary--\n\
        \n\
        This is the epilogue.\n";
    let letter = Letter::read(stored);
    assert_eq!(letter.parts.len(), 3);
    assert_eq!(
        letter.text(stored, 1).text,
        "This is implicitly typed plain ASCII text.\nIt does NOT end with a linebreak."
    );
    assert_eq!(
        letter.text(stored, 2).text,
        "This is explicitly typed plain ASCII text.\nIt DOES end with a linebreak.\n"
    );
    assert_eq!(letter.defects, [Defect::BareLf]);
}

#[test]
fn what_is_wrong_is_told() {
    const TOP: &str = "From: a@b.example\r\nDate: Sun, 22 Nov 2026 13:47:05 +0800\r\n";
    let part = |fields: &str, body: &str| format!("{TOP}{fields}\r\n{body}");
    let multipart = "Content-Type: multipart/mixed; boundary=b\r\n";
    let many_fields = "X: y\r\n".repeat(MOST_FIELDS);
    let many_parts = "--b\r\n\r\n".repeat(MOST_PARTS + 1) + "--b--";
    let table = [
        (part("", "fine\r\n"), vec![]),
        ("\r\n".to_owned(), vec![Defect::NoDate, Defect::NoFrom]),
        (part("", "a\nb\n"), vec![Defect::BareLf]),
        (part("", "a\rb\r\n"), vec![Defect::BareCr]),
        (part("", "end\r"), vec![Defect::BareCr]),
        (part("", &"x".repeat(999)), vec![Defect::LongLine]),
        (part("", "\0\r\n"), vec![Defect::Nul]),
        (part("", "\u{4f60}"), vec![Defect::EightBitBody]),
        (part("X: \u{4f60}\r\n", ""), vec![Defect::EightBitHeader]),
        (
            "From: a@b\r\nDate: tomorrow\r\n\r\n".to_owned(),
            vec![Defect::BadDate],
        ),
        (
            part("from: c@d.example\r\n", ""),
            vec![Defect::Twice("From")],
        ),
        (part("no field\r\n", ""), vec![Defect::BrokenHeader]),
        (part(&many_fields, ""), vec![Defect::ManyFields]),
        (
            part("Subject:\t=?utf-8?b?aGkNCkJjYzo=?=\tx\r\n", ""),
            vec![Defect::HiddenControl],
        ),
        (
            part("Content-Transfer-Encoding: base64\r\n", "Zm9v!"),
            vec![Defect::BadBase64],
        ),
        (
            part("Content-Transfer-Encoding: quoted-printable\r\n", "=zz"),
            vec![Defect::BadQuotedPrintable],
        ),
        (
            part("Content-Transfer-Encoding: x-uuencode\r\n", ""),
            vec![Defect::UnknownTransfer],
        ),
        (
            part("Content-Type: text/plain; charset=x-nobody\r\n", ""),
            vec![Defect::UnknownCharset],
        ),
        (
            part("Content-Type: multipart/mixed\r\n", "x"),
            vec![Defect::NoBoundary],
        ),
        (part(multipart, "--bb\r\n"), vec![Defect::NoBoundary]),
        (
            part(multipart, "--b\r\n\r\nx\r\n"),
            vec![Defect::OpenMultipart],
        ),
        (part(multipart, &many_parts), vec![Defect::ManyParts]),
    ];
    for (stored, expected) in table {
        let letter = Letter::read(stored.as_bytes());
        let start: String = stored.chars().take(200).collect();
        assert_eq!(letter.defects, expected, "{start:?}");
        assert!(letter.parts.len() <= MOST_PARTS);
        assert!(letter.headers.len() <= MOST_FIELDS);
    }
}

#[test]
fn parts_within_parts_end_somewhere() {
    let levels = 2000;
    let mut stored = String::new();
    for level in 0..levels {
        stored +=
            &format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
    }
    let letter = Letter::read(stored.as_bytes());
    assert!(letter.defects.contains(&Defect::TooDeep));
    assert_eq!(letter.parts.len(), DEEPEST + 1);

    let stored = "Content-Type: message/rfc822\r\n\r\n".repeat(levels);
    let letter = Letter::read(stored.as_bytes());
    assert!(letter.defects.contains(&Defect::TooDeep));
    assert_eq!(letter.parts.len(), DEEPEST + 1);
}

#[test]
fn long_texts_are_cut() {
    let stored = format!("From: a\r\n\r\n{}", "x".repeat(LONGEST_TEXT));
    let letter = Letter::read(stored.as_bytes());
    assert!(letter.text(stored.as_bytes(), 0).whole);
    let stored = format!("{stored}x");
    let letter = Letter::read(stored.as_bytes());
    let text = letter.text(stored.as_bytes(), 0);
    assert_eq!((text.text.len(), text.whole), (LONGEST_TEXT, false));
}

/// Text without its line ends' differences.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_written_is_read(
        subject in r"([ -~]|[你好，ß😀]| |=\?utf-8\?Q\?x\?=){0,90}",
        name in r#"([ -~]|[张三Ü😀]){0,40}"#,
        body in r"([ -~]|[你好。ß]|\n|\r\n|\r|\t|=|\.){0,300}",
        file in prop::collection::vec(any::<u8>(), 0..300),
        file_name in r#"([ -~]|[报告😀]){0,80}"#,
        long in 0usize..2000,
    ) {
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        let file_name = file_name.replace('/', "_") + "x";
        let draft = Draft {
            from: format!("\"{quoted}\" <student@example.com>"),
            to: "teacher@example.com".into(),
            subject,
            body: body + &"y".repeat(long),
            attachments: vec!["x".into()],
            ..Draft::default()
        };
        let outline = draft.outline().unwrap();
        for files in [&[][..], &[(&*file_name, &*file)]] {
            let stored = wire(&draft, files);
            let letter = Letter::read(&stored);
            prop_assert_eq!(&letter.defects, &[]);
            prop_assert_eq!(&letter.subject, &outline.subject);
            let from = outline.from.name.clone().unwrap_or_default();
            // A quoted name is shown as it was quoted.
            let shown = letter.from.replace(['\\', '"'], "");
            let from = from.replace(['\\', '"'], "");
            prop_assert!(shown.contains(&from), "{} in {}", from, letter.from);
            let main = letter.main_part().unwrap();
            let text = letter.text(&stored, main).text;
            let body = lines(&draft.body);
            prop_assert_eq!(text.trim_end_matches('\n'), body.trim_end_matches('\n'));
            let attachments: Vec<_> = letter.attachments().collect();
            prop_assert_eq!(attachments.len(), files.len());
            if let [index] = attachments[..] {
                prop_assert_eq!(letter.parts[index].file_name.as_deref(), Some(file_name.as_str()));
                prop_assert_eq!(letter.content(&stored, index), file.clone());
                prop_assert_eq!(letter.parts[index].size, file.len() as u64);
            }
        }
    }

    /// Anything at all, and anything that looks like a message.
    #[test]
    fn nothing_makes_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        text in r#"(Content-Type: |Content-Transfer-Encoding: |Content-Disposition: |From: |Subject: |Date: |multipart/mixed|message/rfc822|text/html|text/plain|;|boundary=b|boundary="b"|filename\*0\*=|charset=(gbk|utf-7|utf-16)|base64|quoted-printable|--b|--b--|\r\n|\r\n\r\n|\n|\r| |=\?utf-8\?Q\?|\?=|=[0-9A-F]{2}|<(p|br|script|!--|/p|head)|>|&(amp|#[0-9]{1,9});?|[a-z0-9]|\PC){0,120}"#,
    ) {
        for stored in [&bytes[..], text.as_bytes()] {
            let letter = Letter::read(stored);
            prop_assert!(letter.parts.len() <= MOST_PARTS);
            for part in 0..letter.parts.len() {
                prop_assert!(letter.content(stored, part).len() <= stored.len());
                let shown = letter.text(stored, part);
                prop_assert!(shown.text.len() <= 16 + 8 * stored.len());
                prop_assert!(!letter.file_name(part).is_empty());
            }
        }
    }
}
