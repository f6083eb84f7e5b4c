//! The mailbox behind the server: what is stored is what was sent under what the server adds, over restarts too.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Instant;

use sockscope::net::maildir::Store;
use sockscope::trace::mail::Listed;

use crate::support::mail::{AUTH, EHLO, Lab, MAIL, MESSAGE, RCPT, split_stored};
use crate::support::{PATIENCE, folder};

fn kept_in(folder: &Path) -> Lab {
    Lab::with(|setup| setup.config.store = Store::Folder(folder.to_owned()))
}

fn message(subject: &str, text: &str) -> String {
    format!("From: Tim <tim@b.example>\r\nSubject: {subject}\r\n\r\n{text}\r\n")
}

fn subjects(listed: &[Listed]) -> Vec<&str> {
    listed.iter().map(|one| one.subject.as_str()).collect()
}

fn found(lab: &Lab, search: &str) -> Vec<String> {
    let page = lab.server.mailbox().list(search, 100);
    assert_eq!(page.search, search);
    assert_eq!(page.matching, page.listed.len() as u64);
    page.listed.into_iter().map(|one| one.subject).collect()
}

#[test]
fn what_is_stored_is_what_was_sent_under_the_trace() {
    let dir = folder();
    for store in [Store::Memory, Store::Folder(dir.path().to_owned())] {
        let is_folder = store != Store::Memory;
        let mut lab = Lab::with(|setup| setup.config.store = store);
        let mut talk = lab.after(&[EHLO, AUTH, MAIL, RCPT, "RCPT TO:<e@f.example>", "DATA"]);
        talk.say("Subject: dots\r\n\r\n..\r\n..one\r\n....three\r\n.\r\n");
        assert_eq!(talk.reply().code, 250);
        drop(talk);
        lab.wait_for_all();
        let arrived = lab.arrived().remove(0);
        let stored = lab.server.mailbox().read(arrived.id).expect("it arrived");
        let (head, sent) = split_stored(&stored);
        let expected = "Subject: dots\r\n\r\n.\r\n.one\r\n...three\r\n";
        assert_eq!(
            sent.escape_ascii().to_string(),
            expected.as_bytes().escape_ascii().to_string()
        );
        assert_eq!(arrived.bytes, expected.len() as u64);
        let head = String::from_utf8_lossy(head);
        let lines: Vec<&str> = head.split("\r\n").collect();
        assert_eq!(
            lines[..3],
            [
                "Return-Path: <a@b.example>",
                "Delivered-To: c@d.example",
                "Delivered-To: e@f.example"
            ]
        );
        let received = lines[3..].join(" ");
        for part in [
            "Received: from client.example ([127.0.0.1])",
            "by lab.example",
            "with ESMTPA",
        ] {
            assert!(received.contains(part), "{head}");
        }
        assert_eq!(arrived.file.is_some(), is_folder);
        if let Some(file) = arrived.file {
            assert_eq!(file.parent(), Some(dir.path().join("new").as_path()));
            assert_eq!(std::fs::read(file).expect("it is there"), &*stored);
        }
        let listed = lab.listed().remove(0);
        assert_eq!(listed.envelope, arrived.envelope);
        assert_eq!((listed.bytes, listed.unread), (stored.len() as u64, true));
    }
}

#[test]
fn how_it_came_is_written_in_the_received_line() {
    let lab = Lab::new();
    let cases: [(&[&str], &str); 4] = [
        (&["HELO client.example", MAIL], "with SMTP "),
        (&[EHLO, MAIL], "with ESMTP "),
        (&[EHLO, AUTH, MAIL], "with ESMTPA "),
        (
            &[EHLO, "MAIL FROM:<\u{e4}@b.example> SMTPUTF8"],
            "with UTF8SMTP ",
        ),
    ];
    for (lines, with) in cases {
        let mut talk = lab.after(lines);
        assert_eq!(talk.ask(RCPT), 250);
        assert_eq!(talk.ask("DATA"), 354);
        talk.say(MESSAGE);
        assert_eq!(talk.ask("."), 250);
        let newest = lab.listed().pop().expect("it is there");
        let stored = lab.server.mailbox().read(newest.id).expect("it is listed");
        let head = String::from_utf8_lossy(split_stored(&stored).0).replace("\r\n", "");
        assert!(head.replace('\t', " ").contains(with), "{head}");
    }
}

#[test]
fn the_null_sender_is_kept_as_such() {
    let lab = Lab::new();
    let mut talk = lab.after(&[EHLO, "MAIL FROM:<>", RCPT]);
    talk.say(format!("DATA\r\n{MESSAGE}.\r\n"));
    assert_eq!(talk.codes(2), [354, 250]);
    let listed = lab.listed().remove(0);
    assert_eq!(listed.envelope.from, None);
    let stored = lab.server.mailbox().read(listed.id).expect("it is listed");
    assert!(stored.starts_with(b"Return-Path: <>\r\n"));
}

#[test]
fn a_client_cannot_forge_an_envelope() {
    let lab = Lab::new();
    let mut talk = lab.session();
    let forged = "Return-Path: <boss@bank.example>\r\nDelivered-To: all@d.example\r\nReceived: from x\r\n\r\nx\r\n";
    assert_eq!(talk.send(forged).code, 250);
    let listed = lab.listed().remove(0);
    let from = listed.envelope.from.expect("it has one");
    assert_eq!(from.as_str(), "a@b.example");
    assert_eq!(listed.envelope.to.len(), 1);
}

#[test]
fn a_restart_keeps_numbers_order_and_what_was_seen() {
    let dir = folder();
    let before = {
        let lab = kept_in(dir.path());
        let mut talk = lab.session();
        for subject in ["one", "two", "three"] {
            assert_eq!(talk.send(message(subject, "x")).code, 250);
        }
        let listed = lab.listed();
        let mailbox = lab.server.mailbox();
        mailbox.mark_seen(listed[1].id).expect("it is there");
        lab.listed()
    };
    assert_eq!(subjects(&before), ["one", "two", "three"]);
    let unread: Vec<bool> = before.iter().map(|one| one.unread).collect();
    assert_eq!(unread, [true, false, true]);
    for _ in 0..2 {
        let lab = kept_in(dir.path());
        assert_eq!(lab.listed(), before);
        assert_eq!(lab.server.report().held, 3);
        let bytes: u64 = before.iter().map(|one| one.bytes).sum();
        assert_eq!(lab.server.report().bytes, bytes);
    }
    // New ones get new numbers.
    let lab = kept_in(dir.path());
    assert_eq!(lab.session().send(message("four", "x")).code, 250);
    let listed = lab.listed();
    assert_eq!(listed[..3], before);
    assert!(listed[3].id > before[2].id);
}

#[test]
fn in_memory_nothing_outlives_the_server() {
    let lab = Lab::new();
    assert_eq!(lab.session().send(MESSAGE).code, 250);
    assert_eq!(lab.server.report().held, 1);
    assert_eq!(lab.server.mailbox().folder(), None);
    drop(lab);
    assert_eq!(Lab::new().server.report().held, 0);
}

#[test]
fn a_search_looks_at_addresses_subject_and_text() {
    let dir = folder();
    for store in [Store::Memory, Store::Folder(dir.path().to_owned())] {
        let lab = Lab::with(|setup| setup.config.store = store);
        let mut talk = lab.session();
        let encoded = "=?utf-8?B?5L2g5aW9?=";
        for (subject, text) in [
            ("Lunch", "Pizza at noon"),
            (encoded, "hello"),
            ("Homework", "due on Friday"),
        ] {
            assert_eq!(talk.send(message(subject, text)).code, 250);
        }
        assert_eq!(found(&lab, ""), ["Homework", "\u{4f60}\u{597d}", "Lunch"]);
        assert_eq!(found(&lab, "lunch"), ["Lunch"]);
        assert_eq!(found(&lab, "PIZZA"), ["Lunch"]);
        assert_eq!(found(&lab, "\u{4f60}"), ["\u{4f60}\u{597d}"]);
        assert_eq!(found(&lab, "tim").len(), 3);
        assert_eq!(found(&lab, "to1@d.example").len(), 3);
        assert_eq!(found(&lab, "no such thing"), [""; 0]);
        let page = lab.server.mailbox().list("", 2);
        assert_eq!((page.listed.len(), page.matching), (2, 3));
    }
}

#[test]
fn deleted_is_gone_and_a_second_time_is_no_error() {
    let dir = folder();
    for store in [Store::Memory, Store::Folder(dir.path().to_owned())] {
        let lab = Lab::with(|setup| setup.config.store = store);
        let mut talk = lab.session();
        for subject in ["one", "two"] {
            assert_eq!(talk.send(message(subject, "x")).code, 250);
        }
        let listed = lab.listed();
        let mailbox = lab.server.mailbox();
        let before = lab.server.report().generation;
        mailbox.delete(listed[0].id).expect("it is there");
        assert!(lab.server.report().generation > before);
        mailbox.delete(listed[0].id).expect("gone is gone");
        assert_eq!(subjects(&lab.listed()), ["two"]);
        let error = mailbox.read(listed[0].id).expect_err("it is gone");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(lab.server.report().held, 1);
        assert_eq!(lab.server.report().bytes, listed[1].bytes);
        mailbox.mark_seen(listed[1].id).expect("it is there");
        mailbox.delete(listed[1].id).expect("seen or not");
        assert_eq!(lab.server.report().held, 0);
    }
    for part in ["tmp", "new", "cur"] {
        let files = std::fs::read_dir(dir.path().join(part)).expect("it is a Maildir");
        assert_eq!(files.count(), 0, "{part}");
    }
}

#[test]
fn half_written_messages_are_not_there() {
    let dir = folder();
    drop(kept_in(dir.path()));
    for name in ["1700000000.M1P1.sockscope", "nonsense"] {
        std::fs::write(dir.path().join("tmp").join(name), "From: half@b.exam")
            .expect("it can be written");
    }
    let lab = kept_in(dir.path());
    assert_eq!(lab.listed(), []);
    assert_eq!(lab.server.report().held, 0);
    assert_eq!(lab.session().send(MESSAGE).code, 250);
    assert_eq!(lab.messages(), [MESSAGE.as_bytes()]);
}

#[test]
fn somebody_elses_changes_are_noticed() {
    let dir = folder();
    let lab = kept_in(dir.path());
    let mut talk = lab.session();
    for subject in ["one", "two", "three"] {
        assert_eq!(talk.send(message(subject, "x")).code, 250);
    }
    let listed = lab.listed();
    let mut files: Vec<_> = std::fs::read_dir(dir.path().join("new"))
        .expect("it is a Maildir")
        .map(|file| file.expect("it can be read").path())
        .collect();
    files.sort();
    std::fs::remove_file(&files[0]).expect("it is there");
    // A folder is looked through now and then, not at every list.
    let begun = Instant::now();
    while subjects(&lab.listed()) != ["two", "three"] {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    assert!(lab.server.mailbox().read(listed[0].id).is_err());
    assert!(lab.server.mailbox().read(listed[1].id).is_ok());
    assert_eq!(talk.send(message("four", "x")).code, 250);
    assert_eq!(subjects(&lab.listed()), ["two", "three", "four"]);
}

#[test]
fn a_message_that_was_refused_leaves_nothing() {
    let dir = folder();
    let lab = kept_in(dir.path());
    let mut talk = lab.session();
    let long = format!("{}\r\n", "x".repeat(900)).repeat(3_000);
    assert_eq!(talk.send(format!("{long}a\nb\r\n")).code, 550);
    talk.say(format!("{MAIL}\r\n{RCPT}\r\nBDAT 3\r\nabcRSET\r\n"));
    assert_eq!(talk.codes(4), [250; 4]);
    talk.begin(1);
    talk.say(&long);
    talk.finish();
    let mut lab = lab;
    lab.wait_for_all();
    for part in ["tmp", "new", "cur"] {
        let files = std::fs::read_dir(dir.path().join(part)).expect("it is a Maildir");
        assert_eq!(files.count(), 0, "{part}");
    }
}
