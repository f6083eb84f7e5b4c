//! The mailbox with messages that somebody made up, and somebody else read.

use super::*;
use crate::dashboard::tabs::mail::bench::{address, drawn, drawn_everywhere, model};
use crate::proto::smtp::address::Envelope;

const STORED: &[u8] = b"Return-Path: <student@example.com>\r\n\
Delivered-To: teacher@example.com\r\n\
Delivered-To: hidden@example.com\r\n\
Received: from me ([127.0.0.1])\r\n\tby lab with ESMTP id 7;\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n\
From: =?utf-8?B?5a2m55Sf?= <student@example.com>\r\n\
To: Teacher <teacher@example.com>\r\n\
Subject: =?utf-8?B?5rWL6K+V?= \x1b[31m\r\n\
Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n\
MIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=b\r\n\r\n\
--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello,\tteacher \x1b]0;x\x07\r\nsecond line\r\n\
--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"../../etc/passwd\"\r\n\r\n\
aGVsbG8=\r\n--b--\r\n";

fn listed(id: MessageId) -> Listed {
    Listed {
        id,
        taken: 1_700_000_000 + id as i64,
        envelope: Envelope {
            from: Some(address("student@example.com")),
            to: vec![address("teacher@example.com")],
        },
        from: if id == 1 {
            String::new()
        } else {
            "学生 <student@example.com>".to_owned()
        },
        subject: format!("subject {id} \x1b[2J\u{202e}"),
        bytes: 1_234,
        attachments: usize::from(id.is_multiple_of(2)),
        unread: id == 3,
    }
}

fn page(ids: impl IntoIterator<Item = MessageId>, generation: u64) -> Page {
    let listed: Vec<Listed> = ids.into_iter().map(listed).collect();
    Page {
        matching: listed.len() as u64,
        listed,
        generation,
        search: String::new(),
    }
}

fn filled() -> MailboxPanel {
    let mut panel = MailboxPanel::default();
    panel.set_page(page([3, 2, 1], 1));
    panel
}

fn report(generation: u64) -> MailReport {
    MailReport {
        generation,
        ..MailReport::default()
    }
}

fn shown(panel: &mut MailboxPanel, size: (u16, u16)) -> String {
    drawn(size, |scene, area, buffer| {
        panel.draw(&model(), true, scene, area, buffer);
        panel.draw_over(scene, area, buffer);
    })
}

fn opened() -> MailboxPanel {
    let mut panel = filled();
    panel.act(Action::Open);
    panel.set_message(3, Ok(STORED.into()));
    panel
}

#[test]
fn a_page_is_asked_for_when_the_mailbox_has_changed() {
    let mut panel = MailboxPanel::default();
    assert_eq!(panel.refresh(&report(0)), [], "nothing has changed");
    let all = [Effect::ReadMailbox {
        search: String::new(),
    }];
    assert_eq!(panel.refresh(&report(1)), all);
    assert_eq!(panel.refresh(&report(2)), [], "one at a time");
    panel.set_page(page([1], 1));
    assert_eq!(panel.refresh(&report(2)), all);
    panel.set_page(page([2, 1], 2));
    assert_eq!(panel.refresh(&report(2)), []);
    let asked = panel.search("test");
    let search = "test".to_owned();
    assert_eq!(asked, [Effect::ReadMailbox { search }]);
    panel.set_page(Page {
        search: "test".to_owned(),
        ..page([], 2)
    });
    assert!(shown(&mut panel, (80, 10)).contains("No message holds this text"));
    assert!(panel.close(), "Esc shows all again");
    assert_eq!(panel.refresh(&report(2)), all);
    assert!(!panel.close());
}

#[test]
fn messages_are_listed_with_what_matters() {
    let mut panel = filled();
    let text = shown(&mut panel, (100, 10));
    for part in [
        "● 学 生",
        "subject 3 \\x1b[2J\\u{202e}",
        "1.23 kB",
        "+1",
        "2023-11-1",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(
        text.contains("  student@example.com  subject 1"),
        "the envelope's, where there is no From\n{text}"
    );
    assert!(
        !shown(&mut panel, (60, 10)).contains("2023-11"),
        "a narrow row has the time only"
    );
}

#[test]
fn a_message_is_opened_and_the_next_one() {
    let mut panel = filled();
    assert_eq!(panel.act(Action::Open).0, [Effect::ReadMessage(3)]);
    assert!(shown(&mut panel, (80, 24)).contains("reading"));
    panel.set_message(2, Err("another one".to_owned()));
    assert!(
        shown(&mut panel, (80, 24)).contains("reading"),
        "that was not asked for"
    );
    panel.set_message(3, Err("gone\x1b".to_owned()));
    assert!(shown(&mut panel, (80, 24)).contains("gone\\x1b"));
    assert_eq!(panel.act(Action::NextMessage).0, [Effect::ReadMessage(2)]);
    assert_eq!(panel.act(Action::NextMessage).0, [Effect::ReadMessage(1)]);
    assert_eq!(panel.act(Action::NextMessage).0, []);
    assert_eq!(
        panel.act(Action::PreviousMessage).0,
        [Effect::ReadMessage(2)]
    );
    assert!(panel.close() && !panel.is_open());
}

#[test]
fn the_envelope_stands_beside_the_header() {
    let text = shown(&mut opened(), (100, 36));
    for part in [
        "From                  学 生  <student@example.com>",
        "测 试  \\x1b[31m",
        "in no header: hidden@example.com",
        "MAIL FROM             <student@example.com>",
        "RCPT TO               teacher@example.com, hidden@example.com",
        "Hello,    teacher \\x1b]0;x\\x07",
        "second line",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn every_face_shows_its_side() {
    let mut panel = opened();
    let face = |panel: &mut MailboxPanel| {
        panel.act(Action::NextPage);
        shown(panel, (110, 40))
    };
    let stored = face(&mut panel);
    assert!(
        stored.contains("Delivered-To: hidden@example.com\\r\\n"),
        "{stored}"
    );
    panel.act(Action::ToggleHex);
    assert!(shown(&mut panel, (110, 40)).contains("52 65 74 75 72 6e 2d"));
    let headers = face(&mut panel);
    assert!(headers.contains("=?utf-8?B?5a2m55Sf?="), "{headers}");
    assert!(headers.contains("= 学 生"), "{headers}");
    let parts = face(&mut panel);
    assert!(
        parts.contains("multipart/mixed") && parts.contains("└ application/pdf  base64  5 B"),
        "{parts}"
    );
    let files = face(&mut panel);
    assert!(files.contains("../../etc/passwd"), "{files}");
    let (effects, _) = panel.act(Action::SaveFile);
    let [Effect::SaveFile { name, bytes }] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert!(!name.contains('/') && !name.starts_with('.'), "{name}");
    assert_eq!(bytes, b"hello");
    panel.act(Action::NextPage);
    let (effects, _) = panel.act(Action::SaveFile);
    let [Effect::SaveFile { name, bytes }] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!((name.as_str(), &bytes[..]), ("message-3.eml", STORED));
}

#[test]
fn nothing_is_deleted_without_a_yes() {
    let mut panel = filled();
    assert_eq!(panel.act(Action::RemoveTarget).0, []);
    assert!(shown(&mut panel, (90, 24)).contains("Delete \"subject 3"));
    assert_eq!(panel.act(Action::Open).0, [], "only yes is a yes");
    let mut contexts = Vec::new();
    panel.contexts(&mut contexts);
    assert_eq!(contexts, [Context::MailAsked, Context::Open]);
    assert!(panel.close());
    assert_eq!(panel.act(Action::Confirm).0, []);
    panel.act(Action::Down);
    panel.act(Action::Down);
    panel.act(Action::RemoveTarget);
    assert_eq!(
        panel.act(Action::Confirm).0,
        [Effect::DeleteMessages(vec![2])]
    );
    let mut panel = opened();
    panel.act(Action::RemoveTarget);
    assert_eq!(
        panel.act(Action::Confirm).0,
        [Effect::DeleteMessages(vec![3])]
    );
    assert!(!panel.is_open(), "what is deleted is closed");
}

#[test]
fn a_selection_outlives_what_comes_and_goes() {
    let mut panel = filled();
    panel.act(Action::Down);
    panel.act(Action::Down);
    shown(&mut panel, (80, 24));
    panel.set_page(page([9, 8, 3, 2, 1], 2));
    shown(&mut panel, (80, 24));
    assert_eq!(panel.in_front(), Some(2));
    panel.set_page(page([9], 3));
    shown(&mut panel, (80, 24));
    assert_eq!(panel.act(Action::Open).0, [Effect::ReadMessage(9)]);
    let mut empty = MailboxPanel::default();
    for action in [
        Action::Open,
        Action::RemoveTarget,
        Action::Down,
        Action::Last,
    ] {
        assert_eq!(empty.act(action), (Vec::new(), None));
    }
}

#[test]
fn every_face_is_drawn_in_every_size() {
    let mut panel = opened();
    for _ in 0..5 {
        drawn_everywhere(|scene, area, buffer| {
            panel.draw(&model(), true, scene, area, buffer);
            panel.draw_over(scene, area, buffer);
        });
        panel.act(Action::Last);
        panel.act(Action::NextPage);
    }
    panel.act(Action::RemoveTarget);
    drawn_everywhere(|scene, area, buffer| panel.draw_over(scene, area, buffer));
}
