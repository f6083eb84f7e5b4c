//! AUTH on the server: each mechanism with the right and the wrong words, given up, in no base64, and what is shown of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sockscope::proto::secret::Secret;
use sockscope::proto::smtp::sasl;
use sockscope::proto::smtp::server::Accounts;
use sockscope::trace::mail::{MailEvent, Speech};

use crate::support::mail::{EHLO, Lab, MAIL, Reply};

const USER: &str = "tim";
const PASSWORD: &str = "tanstaaftanstaaf";

/// A lab that knows one user.
fn only_tim() -> Lab {
    Lab::with(|setup| {
        setup.config.service.accounts = Accounts::Only {
            user: USER.to_owned(),
            password: Secret::from(PASSWORD),
        };
    })
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

fn challenge(reply: &Reply) -> Vec<u8> {
    assert_eq!(reply.code, 334);
    STANDARD.decode(reply.text()).expect("it is base64")
}

#[test]
fn each_mechanism_tells_right_from_wrong() {
    let labs = [(Lab::new(), true), (only_tim(), false)];
    let plain = |password: &str| base64(&format!("\0{USER}\0{password}"));
    for (lab, takes_anybody) in &labs {
        for (password, is_right) in [(PASSWORD, true), ("secret", false)] {
            let expected = if is_right || *takes_anybody { 235 } else { 535 };
            let (user, word) = (base64(USER), base64(password));
            let dialogues = [
                vec![format!("AUTH PLAIN {}", plain(password))],
                vec!["AUTH PLAIN".to_owned(), plain(password)],
                vec!["auth login".to_owned(), user.clone(), word.clone()],
                vec![format!("AUTH LOGIN {user}"), word],
            ];
            for lines in dialogues {
                let mut talk = lab.session();
                let (last, first) = lines.split_last().expect("there are lines");
                for line in first {
                    assert_eq!(talk.ask(line), 334, "{line}");
                }
                assert_eq!(talk.ask(last), expected, "{lines:?}");
                let again = if expected == 235 { 503 } else { 334 };
                assert_eq!(talk.ask("AUTH LOGIN"), again, "once logged in, that is it");
            }
            let mut talk = lab.session();
            let challenge = challenge(&talk.asked("AUTH CRAM-MD5"));
            let answer = sasl::cram_md5(USER, password.as_bytes(), &challenge);
            assert_eq!(talk.ask(&base64(&answer)), expected);
        }
    }
}

#[test]
fn prompts_are_what_clients_look_for() {
    let lab = Lab::new();
    let mut talk = lab.session();
    assert_eq!(challenge(&talk.asked("AUTH LOGIN")), b"Username:");
    assert_eq!(challenge(&talk.asked(&base64(USER))), b"Password:");
    assert_eq!(talk.ask("*"), 501);
    assert_eq!(challenge(&talk.asked("AUTH PLAIN")), b"");
}

#[test]
fn no_two_challenges_are_the_same() {
    let lab = Lab::new();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let mut talk = lab.session();
        for _ in 0..3 {
            let challenge = challenge(&talk.asked("AUTH CRAM-MD5"));
            assert!(challenge.starts_with(b"<") && challenge.ends_with(b"@lab.example>"));
            assert!(seen.insert(challenge));
            assert_eq!(talk.ask("*"), 501);
        }
    }
}

#[test]
fn what_is_given_up_or_malformed_leaves_the_session_as_it_was() {
    let lab = only_tim();
    let cases: [(&[&str], u16, &str); 12] = [
        (&["AUTH PLAIN", "*"], 501, "5.7.0"),
        (&["AUTH LOGIN", "*"], 501, "5.7.0"),
        (&["AUTH LOGIN", "dGlt", "*"], 501, "5.7.0"),
        (&["AUTH CRAM-MD5", "*"], 501, "5.7.0"),
        (&["AUTH PLAIN", "not base64"], 501, "5.5.2"),
        (&["AUTH PLAIN", "dGlt"], 501, "5.5.2"),
        (&["AUTH PLAIN", "dGlt="], 501, "5.5.2"),
        (&["AUTH PLAIN ="], 501, "5.5.2"),
        (&["AUTH LOGIN", "Tim"], 501, "5.5.2"),
        (&["AUTH LOGIN", "dGlt", "????"], 501, "5.5.2"),
        (&["AUTH CRAM-MD5", "dGlt"], 501, "5.5.2"),
        (&["AUTH LOGIN", "", ""], 535, "5.7.8"),
    ];
    for (lines, code, enhanced) in cases {
        let mut talk = lab.session();
        let (last, first) = lines.split_last().expect("there are lines");
        for line in first {
            assert_eq!(talk.ask(line), 334, "{lines:?}");
        }
        let reply = talk.asked(last);
        assert_eq!(
            (reply.code, reply.enhanced()),
            (code, enhanced),
            "{lines:?}"
        );
        assert_eq!(talk.ask("NOOP"), 250);
        assert_eq!(talk.ask(MAIL), 250);
    }
}

#[test]
fn tls_forgets_a_login() {
    let lab = Lab::secure();
    let login = format!("AUTH PLAIN {}", base64("\0tim\0secret"));
    let mut talk = lab.after(&[EHLO, &login]);
    assert_eq!(talk.ask(&login), 503);
    assert_eq!(talk.upgraded(&lab.authority).ask(&login), 235);
}

#[test]
fn no_event_shows_a_password() {
    let secret = base64(PASSWORD);
    let plain = base64(&format!("\0{USER}\0{PASSWORD}"));
    let mut lab = only_tim();
    // The last ones send answers that nobody asked for: clients that did not look at the refusal.
    let dialogues: [&[&str]; 6] = [
        &[&format!("AUTH PLAIN {plain}")],
        &["AUTH PLAIN", &plain],
        &["AUTH LOGIN", "dGlt", &secret],
        &["AUTH LOGIN dGlt", &secret],
        &["AUTH PLIAN", &plain],
        &[&format!("AUTH {plain}")],
    ];
    for lines in dialogues {
        let mut talk = lab.session();
        for line in lines {
            talk.ask(line);
        }
        talk.finish();
    }
    lab.wait_for_all();
    let mut masked = 0;
    for event in &lab.events {
        let debug = format!("{event:?}");
        for word in [PASSWORD, &secret, &plain] {
            assert!(!debug.contains(word), "{debug}");
        }
        let MailEvent::Spoken { spoken, .. } = event else {
            continue;
        };
        let Speech::Command(line) = &spoken.what else {
            continue;
        };
        let shown = String::from_utf8_lossy(&line.shown);
        for word in [PASSWORD, &secret, &plain] {
            assert!(!shown.contains(word), "{shown}");
        }
        masked += usize::from(line.secret.is_some());
    }
    assert_eq!(masked, dialogues.len());
}
