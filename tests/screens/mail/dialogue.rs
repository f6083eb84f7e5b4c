//! The dialogue: sendings that went well and that did not, line by line.

use sockscope::proto::smtp::code;
use sockscope::trace::mail::{Failure, TlsFailure};

use super::*;

/// A sending whose dialogue stands alone on the screen.
fn zoomed() -> Bench {
    let mut bench = Bench::new(Lang::En).listening();
    bench.send();
    bench.key('z');
    bench
}

fn assert_told(bench: &mut Bench, words: &[&str]) {
    let screen = flat(&bench.screen(LARGE));
    for word in words {
        assert!(screen.contains(word), "{word} is missing in\n{screen}");
    }
}

#[test]
fn a_sent_mail_is_told_line_by_line() {
    let mut bench = Bench::new(Lang::En).listening();
    bench.sent();
    bench.key('z');
    assert_told(
        &mut bench,
        &[
            "← ● 220 mail.lab ESMTP sockscope",
            "→ EHLO [127.0.0.1]",
            "→ RCPT TO:<teacher@example.com>",
            "312 µs expected 250, 251",
            "← ◆ 354 Go on, end with a dot",
            "1,234 bytes, dots doubled: 2",
            "← ● 250 2.6.0 Message stored as 1",
            "accepted teacher@example.com",
            "Sent: the server has taken the message for every recipient.",
        ],
    );
    for size in SIZES {
        let screen = bench.screen(size);
        assert!(screen.contains("● sent"), "{screen}");
    }
}

#[test]
fn each_recipient_has_an_answer_of_its_own() {
    let mut bench = zoomed();
    bench.greeted();
    bench.asked(&[
        ("ann@example.com", "250 2.1.5 Ok"),
        ("bob@example.com", "550 5.1.1 No such user"),
        ("carl@example.com", "452 4.2.2 Mailbox full"),
    ]);
    bench.content();
    bench.hears(Stage::Dot, b"250 2.0.0 Taken\r\n");
    let all = vec![
        recipient(
            "ann@example.com",
            RecipientFate::Accepted,
            Stage::Dot,
            250,
            "2.0.0 Taken",
        ),
        recipient(
            "bob@example.com",
            RecipientFate::Refused,
            Stage::Rcpt,
            550,
            "5.1.1 No such user",
        ),
        recipient(
            "carl@example.com",
            RecipientFate::Deferred,
            Stage::Rcpt,
            452,
            "4.2.2 Mailbox full",
        ),
    ];
    bench.ends(Outcome::PartlySent, Stage::Dot, all);
    assert_told(
        &mut bench,
        &[
            "← ■ 550 5.1.1 No such user",
            "← ▲ 452 4.2.2 Mailbox full",
            "taken for 1 of 3 recipients",
            "accepted ann@example.com",
            "refused bob@example.com 550 5.1.1 No such user",
            "carl@example.com 452 4.2.2 Mailbox full",
            "Partly sent",
        ],
    );
}

#[test]
fn a_refused_login_says_what_to_do_and_masks_the_password() {
    let mut bench = Bench::new(Lang::En).listening();
    bench.write("Subject", "Still here");
    bench.send();
    bench.greeted();
    bench.says_secretly("AUTH PLAIN ********", &format!("AUTH PLAIN {CREDENTIALS}"));
    bench.hears(Stage::Auth, b"535 5.7.8 Wrong\r\n");
    bench.ends(Outcome::LoginRefused, Stage::Auth, Vec::new());
    bench.shows(&["■ 535 5.7.8 Wrong", "login refused", "Still here"]);
    bench.hides(&[CREDENTIALS, "hunter2"]);
    bench.key('z');
    assert_told(
        &mut bench,
        &["What to do: Check both.", "authorisation code"],
    );
    // Shown for two seconds after the key.
    bench.key('r');
    assert_told(&mut bench, &[CREDENTIALS, "hunter2", "passwords shown"]);
    bench.tick(1_900);
    assert_told(&mut bench, &["hunter2"]);
    bench.tick(200);
    bench.hides(&[CREDENTIALS, "hunter2"]);
    // Nor in the other views, nor in the details of the line.
    for _ in 0..3 {
        bench.key('v');
        bench.hides(&[CREDENTIALS, "hunter2"]);
    }
    bench.key('v');
    for _ in 0..3 {
        bench.press(KeyCode::Up);
        bench.press(KeyCode::Enter);
        bench.hides(&[CREDENTIALS, "hunter2"]);
        bench.press(KeyCode::Esc);
    }
}

#[test]
fn base64_stands_beside_what_it_says() {
    let mut bench = zoomed();
    bench.greeted();
    bench.says(Stage::Auth, "AUTH LOGIN");
    bench.hears(Stage::Auth, b"334 VXNlcm5hbWU6\r\n");
    bench.says(Stage::Auth, "c3R1ZGVudA==");
    bench.hears(Stage::Auth, b"334 UGFzc3dvcmQ6\r\n");
    bench.says_secretly("********", PASSWORD);
    bench.hears(Stage::Auth, b"235 2.7.0 Welcome\r\n");
    let told = [
        "= Username:",
        "= student",
        "= Password:",
        "encoded, not encrypted",
    ];
    assert_told(&mut bench, &told);
    bench.hides(&[PASSWORD, "hunter2"]);
    bench.key('r');
    assert_told(&mut bench, &[PASSWORD, "hunter2"]);
}

#[test]
fn a_refusal_for_now_counts_down_to_the_next_try() {
    let mut bench = Bench::new(Lang::En).listening();
    bench.send();
    bench.greeted();
    bench.asked(&[("teacher@example.com", "451 4.7.1 Greylisted")]);
    let at = bench.now;
    bench.sending(SendingEvent::Retrying {
        at,
        until: at + Duration::from_secs(30),
        recipients: vec![mail_address("teacher@example.com")],
    });
    bench.tick(1_000);
    bench.shows(&["▲ 451 4.7.1 Greylisted", "29", "n tries now"]);
    bench.tick(10_000);
    bench.shows(&["19"]);
    let effects = bench.key('n');
    let id = bench.id;
    let order = sockscope::proto::smtp::plan::Order::RetryNow;
    assert_eq!(effects, [Effect::Order { id, order }]);
}

#[test]
fn lost_behind_the_dot_is_neither_sent_nor_refused() {
    let mut bench = zoomed();
    bench.greeted();
    bench.asked(&[("teacher@example.com", "250 2.1.5 Ok")]);
    bench.content();
    let unknown = Recipient {
        address: mail_address("teacher@example.com"),
        fate: RecipientFate::Unknown,
        reply: None,
    };
    bench.ends(Outcome::Unknown, Stage::Dot, vec![unknown]);
    let told = ["may have been delivered or not", "or it may arrive twice"];
    assert_told(&mut bench, &told);
    for size in SIZES {
        let screen = bench.screen(size);
        assert!(
            screen.contains("unknown") && !screen.contains("● sent"),
            "{screen}"
        );
    }
}

#[test]
fn a_handshake_shows_its_card() {
    for (distrust, told) in [
        (None, "→ EHLO again"),
        (Some(Distrust::Expired), "not trusted: it has expired"),
        (Some(Distrust::UnknownIssuer), "not trusted: "),
    ] {
        let mut bench = zoomed();
        bench.greeted();
        bench.says(Stage::StartTls, "STARTTLS");
        bench.hears(Stage::StartTls, b"220 2.0.0 Go\r\n");
        bench.handshake(distrust.clone());
        assert_told(
            &mut bench,
            &["TLSv1.3", "TLS_AES_256_GCM_SHA384", "mail.example"],
        );
        match distrust {
            None => {
                bench.says(Stage::Ehlo, "EHLO again");
                let screen = bench.screen(LARGE);
                assert!(screen.contains("≈→ EHLO again"), "{screen}");
                assert!(!flat(&screen).contains("not trusted"), "{screen}");
            }
            Some(why) => {
                let failure = Failure::Tls(TlsFailure::Untrusted(why));
                bench.ends(Outcome::Failed(failure), Stage::Tls, Vec::new());
                assert_told(
                    &mut bench,
                    &[told, "certificate is not trusted", "What to do:"],
                );
            }
        }
    }
}

#[test]
fn tls_that_is_not_to_be_had_is_explained() {
    for (failure, told) in [
        (TlsFailure::NotOffered, "the server does not offer it"),
        (TlsFailure::Refused(Code(454)), "454"),
        (
            TlsFailure::Injected(b"250 \x1b[31mevil\r\n".as_slice().into()),
            "250 \\x1b[31mevil\\r\\n",
        ),
    ] {
        let mut bench = zoomed();
        bench.greeted();
        bench.ends(
            Outcome::Failed(Failure::Tls(failure)),
            Stage::StartTls,
            Vec::new(),
        );
        assert_told(&mut bench, &[told, "What to do:"]);
    }
}

#[test]
fn the_held_command_stands_there_with_what_is_hoped_for() {
    let mut bench = Bench::new(Lang::En).listening();
    bench.key('o');
    bench.send();
    bench.greeted();
    let at = bench.now;
    bench.sending(SendingEvent::Held {
        at,
        stage: Stage::Rcpt,
        line: Line::open(b"RCPT TO:<teacher@example.com>"),
        expected: code::expected(Stage::Rcpt).into(),
    });
    for size in SIZES {
        let screen = bench.screen(size);
        for part in [
            "next: RCPT TO",
            "expected 250, 251",
            "▸RCPT TO:<teacher@example.com>",
        ] {
            assert!(screen.contains(part), "{part} in\n{screen}");
        }
    }
    bench.keys(" NOTIFY=NEVER");
    bench.shows(&["▸RCPT TO:<teacher@example.com> NOTIFY=NEVER"]);
}

#[test]
fn a_long_dialogue_follows_its_end_and_keeps_what_is_chosen() {
    let mut bench = Bench::new(Lang::En).listening();
    bench.send();
    bench.connected();
    bench.key('i');
    for number in 0..250 {
        bench.says(Stage::Noop, &format!("NOOP {number}"));
        bench.hears(
            Stage::Noop,
            format!("250 2.0.0 Fine {number}\r\n").as_bytes(),
        );
    }
    bench.shows(&["NOOP 249", "Fine 249"]);
    for _ in 0..40 {
        bench.press(KeyCode::Up);
    }
    bench.press(KeyCode::Enter);
    bench.shows(&["A line of the dialogue"]);
    bench.press(KeyCode::Esc);
    let chosen = |screen: &str| -> Vec<String> {
        let rows = screen.lines().filter(|row| row.contains("NOOP "));
        rows.map(str::to_owned).collect()
    };
    let before = chosen(&bench.screen(MIDDLE));
    assert!(
        !before.iter().any(|row| row.contains("NOOP 249")),
        "{before:?}"
    );
    for number in 250..260 {
        bench.says(Stage::Noop, &format!("NOOP {number}"));
        bench.hears(Stage::Noop, b"250 2.0.0 Fine\r\n");
    }
    assert_eq!(chosen(&bench.screen(MIDDLE)), before, "the selection stays");
    bench.key('f');
    bench.shows(&["NOOP 259"]);
    bench.key('g');
    bench.shows(&["connecting to 127.0.0.1:2525", "NOOP 0"]);
    bench.key('G');
    bench.shows(&["NOOP 259"]);
}

#[test]
fn capabilities_are_explained() {
    let mut bench = zoomed();
    bench.greeted();
    assert_told(
        &mut bench,
        &[
            "250-PIPELINING several commands may be sent",
            "250-SIZE 26214400",
            "(RFC 1870)",
            "250-AUTH PLAIN LOGIN CRAM-MD5",
            "250 STARTTLS",
            "(RFC 3207)",
        ],
    );
    bench.key('i');
    let screen = bench.screen(LARGE);
    assert!(!screen.contains("RFC 1870"), "{screen}");
}

#[test]
fn a_code_out_of_place_is_marked() {
    let mut bench = zoomed();
    bench.greeted();
    bench.says(Stage::Data, "DATA");
    bench.hears(Stage::Data, b"250 2.0.0 Ok\r\n");
    assert_told(
        &mut bench,
        &["expected 354", "not in the list of RFC 5321 §4.3.2"],
    );
}

#[test]
fn a_hostile_banner_is_text() {
    let long = "y".repeat(8_000);
    let banner = format!("220 \x1b]0;owned\x07\x1b[2J\u{202e}evil {long}\r\n");
    for colour in [true, false] {
        let mut bench = Bench::set_up(Lang::En, |setup| setup.colour = colour).listening();
        bench.send();
        bench.connected();
        bench.hears(Stage::Banner, banner.as_bytes());
        bench.press(KeyCode::Up);
        for size in SIZES.iter().chain(&[SMALL]) {
            bench.screen(*size);
        }
        bench.key('g');
        bench.shows(&["\\x1b]0;owned"]);
        bench.press(KeyCode::Down);
        bench.press(KeyCode::Down);
        bench.press(KeyCode::Enter);
        bench.shows(&["A line of the dialogue", "\\u{202e}"]);
        for _ in 0..3 {
            bench.key('v');
            for size in SIZES {
                bench.screen(size);
            }
        }
    }
}
