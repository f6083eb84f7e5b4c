use proptest::prelude::*;

use super::*;

fn draft() -> Draft {
    Draft {
        from: "student@example.com".into(),
        to: "teacher@example.com".into(),
        ..Draft::default()
    }
}

/// The name and the address of each mailbox of a list, or what is wrong with it.
fn list(text: &str) -> Result<Vec<(Option<String>, String)>, FieldError> {
    let (mailboxes, error) = mailboxes(text);
    match error {
        Some(error) => Err(error),
        None => Ok(mailboxes
            .into_iter()
            .map(|mailbox| (mailbox.name, mailbox.address.as_str().to_owned()))
            .collect()),
    }
}

#[test]
fn lists_are_read() {
    let table: [(&str, &[(&str, &str)]); 14] = [
        ("", &[]),
        (" , ;\r\n", &[]),
        ("a@b.example", &[("", "a@b.example")]),
        (" <a@b.example> ", &[("", "a@b.example")]),
        ("Name <c@d.example>", &[("Name", "c@d.example")]),
        (
            "Jane Q. Doe<c@d.example>",
            &[("Jane Q. Doe", "c@d.example")],
        ),
        (
            r#""Quoted, Name" <e@f.example>"#,
            &[("Quoted, Name", "e@f.example")],
        ),
        (
            r#""A \"B\" \\ C" <e@f.example>"#,
            &[(r#"A "B" \ C"#, "e@f.example")],
        ),
        (r#""<x>;" <e@f.example>"#, &[("<x>;", "e@f.example")]),
        ("张三 <z@例子.中国>", &[("张三", "z@例子.中国")]),
        (
            "a@b.example, c@d.example;e@f.example，g@h.example；i@j.example\r\nk@l.example\n\nm@n.example,",
            &[
                ("", "a@b.example"),
                ("", "c@d.example"),
                ("", "e@f.example"),
                ("", "g@h.example"),
                ("", "i@j.example"),
                ("", "k@l.example"),
                ("", "m@n.example"),
            ],
        ),
        (
            r#""a,b"@x.example; <"c;d"@x.example>"#,
            &[("", r#""a,b"@x.example"#), ("", r#""c;d"@x.example"#)],
        ),
        (r#""" <a@b.example>"#, &[("", "a@b.example")]),
        ("\u{3000}a@b.example\u{a0}", &[("", "a@b.example")]),
    ];
    for (text, expected) in table {
        let expected = expected
            .iter()
            .map(|(name, address)| {
                let name = Some(*name).filter(|name| !name.is_empty());
                (name.map(str::to_owned), (*address).to_owned())
            })
            .collect();
        assert_eq!(list(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_list_is_told() {
    let text = |text: &str| text.to_owned();
    let table = [
        (
            "\"Name <a@b.example>",
            FieldError::OpenQuote {
                text: text("\"Name <a@b.example>"),
            },
        ),
        (
            "Name <a@b.example, c@d.example",
            FieldError::OpenBracket {
                text: text("Name <a@b.example, c@d.example"),
            },
        ),
        (
            "<a@b.example> c@d.example",
            FieldError::AfterBracket {
                text: text("<a@b.example> c@d.example"),
            },
        ),
        ("\"a\r\nBcc: x\" <a@b.example>", FieldError::LineBreak),
        ("Name <a@b.example\r\n>", FieldError::LineBreak),
        ("Na\u{2028}me <a@b.example>", FieldError::LineBreak),
        ("Na\u{1b}me <a@b.example>", FieldError::Control('\u{1b}')),
        ("a\0@b.example", FieldError::Control('\0')),
    ];
    for (text, expected) in table {
        assert_eq!(list(text), Err(expected), "{text:?}");
    }
    let long = format!("{} <a@b.example>", "x".repeat(LONGEST_NAME + 1));
    assert_eq!(list(&long), Err(FieldError::LongName));
    for text in [
        "Doe, Jane <a@b.example>",
        "nobody",
        "<>",
        "a@b.example\r\nBcc: c@d.example",
    ] {
        assert!(
            matches!(list(text), Err(FieldError::Address { .. })),
            "{text:?}"
        );
    }
}

#[test]
fn each_field_has_its_limits() {
    let full = "a@b.example,".repeat(MOST_RECIPIENTS);
    let table: [(Draft, &[(Field, FieldError)]); 15] = [
        (
            Draft::default(),
            &[
                (Field::From, FieldError::NoSender),
                (Field::To, FieldError::NoRecipient),
            ],
        ),
        (draft(), &[]),
        (
            Draft {
                from: "a@b.example, c@d.example".into(),
                ..draft()
            },
            &[(Field::From, FieldError::SeveralSenders)],
        ),
        (
            Draft {
                to: String::new(),
                bcc: "b@c.example".into(),
                ..draft()
            },
            &[],
        ),
        (
            Draft {
                to: full.clone(),
                ..draft()
            },
            &[],
        ),
        (
            Draft {
                bcc: full.clone(),
                ..draft()
            },
            &[(Field::Bcc, FieldError::TooManyRecipients)],
        ),
        (
            Draft {
                cc: full.repeat(3),
                ..draft()
            },
            &[(Field::Cc, FieldError::TooManyRecipients)],
        ),
        (
            Draft {
                subject: "主".repeat(LONGEST_SUBJECT),
                body: "x".repeat(LONGEST_BODY),
                ..draft()
            },
            &[],
        ),
        (
            Draft {
                subject: "主".repeat(LONGEST_SUBJECT + 1),
                body: "x".repeat(LONGEST_BODY + 1),
                ..draft()
            },
            &[
                (Field::Subject, FieldError::LongSubject),
                (Field::Body, FieldError::LongBody),
            ],
        ),
        (
            Draft {
                subject: "hi\r\nBcc: x@y.example".into(),
                body: "\u{1b}[2J".into(),
                ..draft()
            },
            &[
                (Field::Subject, FieldError::LineBreak),
                (Field::Body, FieldError::Control('\u{1b}')),
            ],
        ),
        (
            Draft {
                body: "tab\tand\u{c}form feed\r\nand\rall\nends".into(),
                ..draft()
            },
            &[],
        ),
        (
            Draft {
                attachments: vec!["/tmp/a.txt".into(), "a\nb".into()],
                ..draft()
            },
            &[(Field::Attachment(1), FieldError::LineBreak)],
        ),
        (
            Draft {
                attachments: vec!["folder/".into()],
                ..draft()
            },
            &[(
                Field::Attachment(0),
                FieldError::NoFileName {
                    path: "folder/".into(),
                },
            )],
        ),
        (
            Draft {
                attachments: vec!["a".into(); MOST_ATTACHMENTS],
                ..draft()
            },
            &[],
        ),
        (
            Draft {
                attachments: vec!["a".into(); 10 * MOST_ATTACHMENTS],
                ..draft()
            },
            &[(
                Field::Attachment(MOST_ATTACHMENTS),
                FieldError::TooManyAttachments,
            )],
        ),
    ];
    for (draft, expected) in table {
        assert_eq!(draft.check(), expected);
        assert_eq!(draft.outline().is_ok(), expected.is_empty());
    }
}

#[test]
fn an_outline_is_what_was_written() {
    let draft = Draft {
        from: "张三 <zhang@example.com>".into(),
        to: "a@b.example; c@d.example".into(),
        cc: "E <e@f.example>".into(),
        bcc: "g@h.example".into(),
        subject: " 作业 3 ".into(),
        body: "one\r\ntwo\rthree\nfour".into(),
        attachments: vec!["dir/作业.pdf".into()],
    };
    let outline = draft.outline().unwrap();
    assert_eq!(outline.from.name.as_deref(), Some("张三"));
    assert_eq!(outline.to.len(), 2);
    assert_eq!(outline.subject, "作业 3");
    assert_eq!(outline.body, "one\ntwo\nthree\nfour");
    assert_eq!(outline.attachments, [PathBuf::from("dir/作业.pdf")]);
    let envelope = outline.envelope();
    let to: Vec<_> = envelope.to.iter().map(|address| address.as_str()).collect();
    assert_eq!(
        to,
        ["a@b.example", "c@d.example", "e@f.example", "g@h.example"]
    );
}

proptest! {
    /// Whatever is typed: no panic, and no control character in what comes out.
    #[test]
    fn nothing_gets_through(
        from in any::<String>(),
        to in r#"([a-z@.<>",; \r\n\\]|\PC){0,40}"#,
        subject in r"([a-zA-Z: ]|\PC|\r\n|\x00|\x1b){0,20}",
        path in any::<String>(),
    ) {
        let sure = draft();
        for draft in [
            Draft { from, ..draft() },
            Draft { to, ..draft() },
            Draft { subject, ..draft() },
            Draft { attachments: vec![path], ..draft() },
            sure,
        ] {
            let checked = draft.check();
            match draft.outline() {
                Ok(outline) => {
                    prop_assert!(checked.is_empty());
                    let texts = [&outline.from].into_iter().chain(&outline.to).flat_map(|mailbox| {
                        [mailbox.name.clone().unwrap_or_default(), mailbox.address.as_str().to_owned()]
                    });
                    let paths = outline.attachments.iter().map(|path| path.to_string_lossy().into_owned());
                    for text in texts.chain(paths).chain([outline.subject.clone()]) {
                        prop_assert!(!text.contains(is_control), "{text:?}");
                    }
                }
                Err(errors) => prop_assert_eq!(errors, checked),
            }
        }
    }
}
