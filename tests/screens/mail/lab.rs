//! The lab's server: its mailbox, its faults, both ends of a dialogue, and what an eavesdropper sees.

use sockscope::proto::smtp::address::Envelope;
use sockscope::proto::smtp::fault::Fault;
use sockscope::proto::smtp::server::EndOfData;
use sockscope::trace::mail::{Cipher, Listed, MessageId, Page, SessionEnd, Speaker};
use sockscope::trace::start_error::{Holder, Reason, StartError, Transport};

use super::*;

const STORED: &str = "Return-Path: <student@example.com>\r\n\
Delivered-To: teacher@example.com\r\n\
Delivered-To: hidden@example.com\r\n\
Received: from me ([127.0.0.1])\r\n\tby lab with ESMTP id 2;\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n\
From: =?utf-8?B?5a2m55Sf?= <student@example.com>\r\n\
To: teacher@example.com\r\n\
Subject: =?utf-8?B?5rWL6K+V?=\r\n\
MIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=b\r\n\r\n\
--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello \x1b]0;x\x07\r\n\
--b\r\nContent-Type: text/csv\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=results.csv\r\n\r\n\
aGVsbG8=\r\n--b--\r\n";

fn listed(id: MessageId, subject: &str) -> Listed {
    Listed {
        id,
        taken: 1_700_000_000,
        envelope: Envelope {
            from: Some(mail_address("student@example.com")),
            to: vec![mail_address("teacher@example.com")],
        },
        from: "学生 <student@example.com>".to_owned(),
        subject: subject.to_owned(),
        bytes: 1_234,
        attachments: 1,
        unread: id == 2,
    }
}

/// The mailbox in front, with two messages.
fn filled() -> Bench {
    let mut bench = Bench::new(Lang::En).listening();
    bench.key('v');
    let effects = bench.report(MailReport {
        held: 2,
        bytes: 2_468,
        generation: 1,
        ..MailReport::default()
    });
    let search = String::new();
    assert!(
        effects.contains(&Effect::ReadMailbox { search }),
        "{effects:?}"
    );
    bench.update(Msg::Mailbox(Page {
        search: String::new(),
        listed: vec![listed(2, "测试邮件"), listed(1, "\x1b[2J\u{202e}evil")],
        matching: 2,
        generation: 1,
    }));
    bench
}

fn opened() -> Bench {
    let mut bench = filled();
    let effects = bench.press(KeyCode::Enter);
    assert_eq!(effects, [Effect::ReadMessage(2)]);
    bench.update(Msg::MessageRead {
        id: 2,
        stored: Ok(STORED.as_bytes().into()),
    });
    bench
}

#[test]
fn messages_are_listed_newest_first() {
    let mut bench = filled();
    for size in SIZES {
        let screen = bench.screen(size);
        let row = |text: &str| screen.lines().position(|row| row.contains(text));
        let (first, second) = (row("测试邮件"), row("\\x1b[2J"));
        assert!(first.is_some() && first < second, "{screen}");
    }
    bench.shows(&["Mailbox", "Faults", "● 学生"]);
    // An empty one says what to do.
    let mut bench = Bench::new(Lang::En).listening();
    bench.key('v');
    bench.shows(&["No mail yet. F5 sends the sample mail"]);
}

#[test]
fn a_message_has_five_faces() {
    let mut bench = opened();
    bench.shows(&[
        "Hello \\x1b]0;x\\x07",
        "MAIL FROM",
        "hidden@example.com",
        "That is all that Bcc is",
    ]);
    for (face, words) in [
        ("stored bytes", &["Subject: =?utf-8?B?5rWL6K+V?=\\r\\n"][..]),
        ("headers", &["=?utf-8?B?5rWL6K+V?=", "测试"]),
        ("parts", &["multipart/mixed", "text/plain", "text/csv"]),
        ("attachments", &["results.csv", "text/csv"]),
    ] {
        bench.press(KeyCode::Right);
        bench.shows(&[face]);
        bench.shows(words);
        for size in SIZES {
            bench.screen(size);
        }
    }
    let saved = bench.key('s');
    let expected = Effect::SaveFile {
        name: "results.csv".into(),
        bytes: b"hello".to_vec(),
    };
    assert_eq!(saved, [expected]);
}

#[test]
fn a_search_is_asked_for_and_a_deletion_asks() {
    let mut bench = filled();
    bench.key('/');
    bench.keys("report");
    let effects = bench.press(KeyCode::Enter);
    let search = "report".to_owned();
    assert_eq!(
        effects,
        [Effect::ReadMailbox {
            search: search.clone()
        }]
    );
    bench.update(Msg::Mailbox(Page {
        search,
        generation: 1,
        ..Page::default()
    }));
    bench.shows(&["No message holds this text. Esc shows all of them."]);
    let mut bench = filled();
    assert_eq!(bench.key('d'), []);
    bench.shows(&["Delete \"测试邮件\" for good?"]);
    assert_eq!(bench.press(KeyCode::Esc), []);
    bench.hides(&["for good?"]);
    bench.key('d');
    assert_eq!(bench.key('y'), [Effect::DeleteMessages(vec![2])]);
}

/// The server does wrong what it was told to.
fn obeyed(bench: &mut Bench, faults: Vec<Fault>, end_of_data: EndOfData) {
    let at = bench.pass(1);
    bench.server(MailEvent::Faulty {
        at,
        faults,
        end_of_data,
    });
}

#[test]
fn faults_and_scenarios_are_switched() {
    let mut bench = filled();
    bench.press(KeyCode::Tab);
    bench.press(KeyCode::Down);
    bench.shows(&[
        "▸○ Greylisting",
        "A sender and recipient that were never seen",
    ]);
    let effects = bench.press(KeyCode::Enter);
    let [Effect::SetFaults(faults)] = &effects[..] else {
        panic!("{effects:?}");
    };
    obeyed(&mut bench, faults.clone(), EndOfData::Strict);
    bench.shows(&["● Greylisting", "rcpt=greylist:30s"]);
    bench.key('a');
    bench.keys("lunch=550");
    bench.press(KeyCode::Enter);
    bench.shows(&["lunch"]);
    bench.press(KeyCode::Esc);
    let end_of_data = EndOfData::Lenient;
    assert_eq!(bench.key('m'), [Effect::SetEndOfData(end_of_data)]);
    assert_eq!(bench.key('0'), [Effect::SetFaults(Vec::new())]);
    obeyed(&mut bench, Vec::new(), end_of_data);
    bench.shows(&["○ Greylisting", "● End of data: lenient"]);
    bench.press(KeyCode::Home);
    bench.shows(&["smuggled"]);
    for size in SIZES {
        bench.screen(size);
    }
}

/// The server's side of what the bench says: each line half a millisecond later.
fn overheard(bench: &mut Bench) {
    let at = bench.pass(1);
    bench.server(MailEvent::Opened {
        session: 1,
        client: address("127.0.0.1:40001"),
        at,
        encrypted: false,
    });
    let line = Speech::Command(Line::open(b"EHLO [127.0.0.1]"));
    let spoken = bench.spoken(Stage::Ehlo, line);
    bench.server(MailEvent::Spoken { session: 1, spoken });
    let at = bench.pass(1);
    bench.server(MailEvent::Closed {
        session: 1,
        client: address("127.0.0.1:40001"),
        at,
        cause: SessionEnd::Quit,
        commands: 1,
        messages: 0,
    });
}

#[test]
fn both_ends_stand_side_by_side_on_one_clock() {
    let mut bench = Bench::new(Lang::En).listening();
    bench.send();
    bench.connected();
    bench.says(Stage::Ehlo, "EHLO [127.0.0.1]");
    overheard(&mut bench);
    bench.keys("vv");
    bench.shows(&[
        "Both ends",
        "client 127.0.0.1:40001",
        "lab server, session 1",
        "closed after QUIT",
    ]);
    let screen = bench.screen(MIDDLE);
    let rows: Vec<&str> = screen.lines().filter(|row| row.contains("EHLO")).collect();
    assert_eq!(
        rows.len(),
        2,
        "said and heard at times of their own:\n{screen}"
    );
    for size in SIZES {
        bench.screen(size);
    }
}

#[test]
fn an_eavesdropper_reads_clear_text_and_only_lengths_of_tls() {
    let mut bench = Bench::new(Lang::En).listening();
    bench.send();
    bench.greeted();
    bench.says_secretly("AUTH PLAIN ********", &format!("AUTH PLAIN {CREDENTIALS}"));
    bench.hears(Stage::Auth, b"235 2.7.0 Welcome\r\n");
    bench.asked(&[("teacher@example.com", "250 Ok")]);
    bench.content();
    bench.keys("vvv");
    bench.shows(&[
        "What the wire shows",
        "has read",
        "the password",
        "the message",
    ]);
    bench.hides(&[CREDENTIALS, "hunter2"]);
    bench.key('r');
    bench.shows(&["hunter2"]);
    bench.tick(2_100);
    bench.hides(&[CREDENTIALS, "hunter2"]);
    // The same inside TLS.
    bench.key('v');
    bench.send();
    bench.greeted();
    bench.says(Stage::StartTls, "STARTTLS");
    bench.hears(Stage::StartTls, b"220 2.0.0 Go\r\n");
    bench.handshake(None);
    bench.says_secretly("AUTH PLAIN ********", &format!("AUTH PLAIN {CREDENTIALS}"));
    bench.asked(&[("teacher@example.com", "250 Ok")]);
    let at = bench.now;
    bench.sending(SendingEvent::Cipher(Cipher {
        at,
        from: Speaker::Client,
        excerpt: b"\x17\x03\x03\x00\x45".as_slice().into(),
        length: 74,
    }));
    bench.keys("vvv");
    bench.shows(&["no name, password, address or message", "17 03 03 00 45"]);
    bench.key('r');
    bench.hides(&[CREDENTIALS, "hunter2", "RCPT TO"]);
}

#[test]
fn a_server_that_is_not_there_says_why() {
    let mut bench = Bench::new(Lang::En);
    bench.update(Msg::MailFailed(StartError {
        transport: Transport::Tcp,
        address: address(SERVER),
        reason: Reason::PortTaken {
            holder: Some(Holder {
                pid: 77,
                name: "postfix\u{1b}[2J".into(),
            }),
            finder: "ss".into(),
        },
        error: "in use".into(),
    }));
    bench.shows(&[
        "mail not running",
        "postfix\\x1b[2J",
        "R try",
        "F any free port",
    ]);
    for size in SIZES {
        bench.screen(size);
    }
    let mut bench = Bench::new(Lang::En).listening();
    bench.server(MailEvent::Failed {
        error: "the disk \x1b is gone".into(),
    });
    bench.shows(&["The mail server stopped: the disk \\x1b is gone"]);
}
