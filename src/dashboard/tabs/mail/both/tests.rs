//! Both ends and the wire, with dialogues that nobody had.

use super::conversation::conversations;
use super::*;
use crate::dashboard::tabs::mail::bench::{
    begin_sending, command, content, drawn, drawn_everywhere, encrypted, model, ms, open_session,
    reply, secret,
};
use crate::proto::smtp::stage::Stage;
use crate::trace::mail::{Cipher, MailEvent, Speaker, Spoken};

fn ours(model: &mut MailModel, id: u64, spoken: Spoken) {
    model.take_sending(id, SendingEvent::Spoken(spoken));
}

fn theirs(model: &mut MailModel, session: u64, spoken: Spoken) {
    model.take(MailEvent::Spoken { session, spoken });
}

fn closed(model: &mut MailModel, session: u64, port: u16, at: Duration) {
    model.take(MailEvent::Closed {
        session,
        client: std::net::SocketAddr::from(([127, 0, 0, 1], port)),
        at,
        cause: SessionEnd::Quit,
        commands: 2,
        messages: 0,
    });
}

/// A sending with its session, and a session of somebody else after it.
fn two_dialogues() -> MailModel {
    let mut model = model();
    begin_sending(&mut model, 1, 40_001, ms(100));
    open_session(&mut model, 5, 40_001, ms(101));
    theirs(
        &mut model,
        5,
        reply(ms(102), Stage::Banner, 220, &["lab ESMTP"]),
    );
    ours(
        &mut model,
        1,
        reply(ms(103), Stage::Banner, 220, &["lab ESMTP"]),
    );
    ours(&mut model, 1, command(ms(104), Stage::Ehlo, "EHLO me"));
    theirs(&mut model, 5, command(ms(105), Stage::Ehlo, "EHLO me"));
    let offer = ["lab", "SIZE 100", "AUTH PLAIN"];
    theirs(&mut model, 5, reply(ms(106), Stage::Ehlo, 250, &offer));
    ours(&mut model, 1, reply(ms(107), Stage::Ehlo, 250, &offer));
    let shown = "AUTH PLAIN ********";
    let line = "AUTH PLAIN AHN0dWRlbnQAc2VjcmV0";
    ours(&mut model, 1, secret(ms(108), shown, line));
    theirs(&mut model, 5, secret(ms(109), shown, line));
    closed(&mut model, 5, 40_001, ms(110));
    open_session(&mut model, 6, 40_002, ms(200));
    theirs(
        &mut model,
        6,
        command(ms(201), Stage::Helo, "HELO homework\x1b[31m"),
    );
    model
}

fn both(panel: &mut BothPanel, model: &MailModel, size: (u16, u16)) -> String {
    drawn(size, |scene, area, buffer| {
        panel.draw(model, false, true, scene, area, buffer);
    })
}

fn wire(model: &MailModel, revealed: bool) -> String {
    let mut panel = WirePanel::default();
    drawn((110, 30), |scene, area, buffer| {
        panel.draw(model, revealed, true, scene, area, buffer);
    })
}

#[test]
fn each_end_tells_at_its_own_time() {
    let model = two_dialogues();
    let mut panel = BothPanel::default();
    let shown = both(&mut panel, &model, (100, 22));
    assert!(
        shown.contains("2/2") && shown.contains("session 6 of another program"),
        "{shown}"
    );
    assert!(shown.contains("HELO homework\\x1b[31m"), "{shown}");
    panel.act(Action::Left, &model);
    let shown = both(&mut panel, &model, (100, 22));
    let rows: Vec<&str> = shown.lines().collect();
    let at = |text: &str, side: usize| {
        rows.iter().position(|row| {
            row.split('│')
                .nth(side)
                .is_some_and(|cell| cell.contains(text))
        })
    };
    let (client, server) = (0, 1);
    let order = [
        at("connection accepted", server),
        at("220 lab ESMTP", server),
        at("220 lab ESMTP", client),
        at("EHLO me", client),
        at("EHLO me", server),
        at("250-SIZE 100", server),
        at("250 AUTH PLAIN", client),
        at("AUTH PLAIN ****", client),
        at("AUTH PLAIN ****", server),
        at("closed after QUIT", server),
    ];
    assert!(
        order.iter().all(Option::is_some) && order.is_sorted(),
        "{order:?}\n{shown}"
    );
    assert!(!shown.contains("AHN0dWRl"), "{shown}");
    let times = "0.0040 ";
    assert!(
        rows.iter()
            .any(|row| row.contains(times) && row.contains("EHLO me")),
        "{shown}"
    );
    panel.act(Action::Right, &model);
    assert!(both(&mut panel, &model, (100, 22)).contains("session 6"));
}

#[test]
fn what_comes_later_is_put_in_order() {
    let mut model = two_dialogues();
    let mut panel = BothPanel::default();
    panel.act(Action::Left, &model);
    both(&mut panel, &model, (100, 40));
    // The server's report overtakes the client's.
    theirs(&mut model, 5, command(ms(121), Stage::Noop, "NOOP late"));
    ours(&mut model, 1, command(ms(120), Stage::Noop, "NOOP late"));
    let shown = both(&mut panel, &model, (100, 40));
    let rows: Vec<&str> = shown
        .lines()
        .filter(|row| row.contains("NOOP late"))
        .collect();
    assert_eq!(rows.len(), 2, "{shown}");
    assert!(
        rows[0].contains("0.0200") && rows[1].contains("0.0210"),
        "{shown}"
    );
}

#[test]
fn a_port_that_was_given_out_again_is_another_dialogue() {
    let mut model = two_dialogues();
    open_session(&mut model, 9, 40_001, ms(60_000));
    let all = conversations(&model);
    assert_eq!(
        all,
        [
            Conversation::Sending(1),
            Conversation::Session(6),
            Conversation::Session(9)
        ]
    );
}

#[test]
fn a_long_dialogue_scrolls_and_follows() {
    let mut model = two_dialogues();
    for number in 0..500 {
        theirs(
            &mut model,
            6,
            command(ms(300 + number), Stage::Noop, &format!("NOOP {number}")),
        );
    }
    let mut panel = BothPanel::default();
    assert!(both(&mut panel, &model, (80, 24)).contains("NOOP 499"));
    panel.act(Action::First, &model);
    let shown = both(&mut panel, &model, (80, 24));
    assert!(
        shown.contains("connection accepted") && !shown.contains("NOOP 499"),
        "{shown}"
    );
    panel.act(Action::Last, &model);
    assert!(both(&mut panel, &model, (80, 24)).contains("NOOP 499"));
}

#[test]
fn an_eavesdropper_reads_what_is_not_encrypted() {
    let mut model = model();
    begin_sending(&mut model, 1, 40_001, ms(0));
    assert!(wire(&model, false).contains("What the wire shows"));
    ours(
        &mut model,
        1,
        reply(ms(1), Stage::Banner, 220, &["lab ESMTP"]),
    );
    let shown = wire(&model, false);
    assert!(shown.contains("has read the greeting"), "{shown}");
    let line = "AUTH PLAIN AHN0dWRlbnQAc2VjcmV0";
    ours(&mut model, 1, secret(ms(2), "AUTH PLAIN ********", line));
    ours(
        &mut model,
        1,
        command(ms(3), Stage::Mail, "MAIL FROM:<a@b>"),
    );
    ours(&mut model, 1, command(ms(3), Stage::Rcpt, "RCPT TO:<c@d>"));
    ours(
        &mut model,
        1,
        content(ms(4), "Subject: x\r\n\r\nhello\r\n.\r\n"),
    );
    let shown = wire(&model, false);
    assert!(
        shown.contains("has read: the user, the password, the addresses (2), the message."),
        "{shown}"
    );
    assert!(
        shown.contains("= ********  base64: encoded, not encrypted"),
        "{shown}"
    );
    assert!(shown.contains("Subject: x\\r\\n"), "{shown}");
    assert!(
        !shown.contains("secret") && !shown.contains("AHN0"),
        "{shown}"
    );
    let shown = wire(&model, true);
    assert!(
        shown.contains(line) && shown.contains("= \\0student\\0secret"),
        "{shown}"
    );
}

#[test]
fn inside_tls_an_eavesdropper_sees_records() {
    let mut model = model();
    begin_sending(&mut model, 1, 40_001, ms(0));
    let mut cipher = |at, from, excerpt: &[u8]| {
        let cipher = Cipher {
            at,
            from,
            excerpt: excerpt.into(),
            length: 1_517,
        };
        model.take_sending(1, SendingEvent::Cipher(cipher));
    };
    cipher(ms(1), Speaker::Client, &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]);
    cipher(ms(2), Speaker::Server, &[0x16, 3, 3, 0, 0x7a, 2, 0]);
    cipher(ms(3), Speaker::Client, &[0x17, 3, 3, 0, 0x45, 0x8f]);
    let line = "AUTH PLAIN AHN0dWRlbnQAc2VjcmV0";
    ours(
        &mut model,
        1,
        encrypted(secret(ms(3), "AUTH PLAIN ********", line)),
    );
    ours(
        &mut model,
        1,
        encrypted(command(ms(4), Stage::Mail, "MAIL FROM:<a@b>")),
    );
    let shown = wire(&model, true);
    for text in [
        "TLS ClientHello",
        "TLS ServerHello",
        "TLS Application Data",
        "1,517 bytes  17 03 03 00 45 8f",
        "sees only the addresses of the machines",
    ] {
        assert!(shown.contains(text), "{text}\n{shown}");
    }
    for text in ["MAIL FROM", "AUTH PLAIN", "student", "has read"] {
        assert!(!shown.contains(text), "{text}\n{shown}");
    }
}

#[test]
fn a_digest_is_no_password() {
    let mut model = model();
    open_session(&mut model, 1, 40_001, ms(0));
    theirs(&mut model, 1, command(ms(1), Stage::Auth, "AUTH CRAM-MD5"));
    theirs(
        &mut model,
        1,
        reply(ms(2), Stage::Auth, 334, &["PDEyMy40NTZAbGFiPg=="]),
    );
    // "student 0123456789abcdef0123456789abcdef"
    let answer = "c3R1ZGVudCAwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==";
    theirs(&mut model, 1, command(ms(3), Stage::Auth, answer));
    let shown = wire(&model, false);
    assert!(shown.contains("= <123.456@lab>"), "{shown}");
    assert!(
        shown.contains("has read: the user, a digest of the password"),
        "{shown}"
    );
}

#[test]
fn every_size_language_and_glyph_set_is_drawn() {
    let mut model = two_dialogues();
    let empty = super::super::bench::model();
    theirs(
        &mut model,
        6,
        encrypted(command(ms(300), Stage::Noop, "NOOP")),
    );
    let (mut panel, mut wire) = (BothPanel::default(), WirePanel::default());
    for _ in 0..3 {
        for model in [&model, &empty] {
            drawn_everywhere(|scene, area, buffer| {
                panel.draw(model, false, true, scene, area, buffer);
                wire.draw(model, true, true, scene, area, buffer);
            });
        }
        panel.act(Action::Left, &model);
        wire.act(Action::Left, &model);
    }
}
