//! TLS on the server, from the first byte and after STARTTLS: what was said before is forgotten, and what came too early is never carried out.

use sockscope::net::tls::Certificate;
use sockscope::proto::smtp::outcome::{Failure, Outcome, RecipientFate, TlsFailure};
use sockscope::proto::smtp::plan::{Check, Security, Trust};
use sockscope::trace::mail::{Distrust, MailEvent, SendingEvent, SessionEnd, Speaker};

use crate::support::folder;
use crate::support::mail::{EHLO, Lab, MAIL, MESSAGE, RCPT, Sent, plan, sent};

#[test]
fn a_message_goes_through_both_ways_into_tls() {
    let mut lab = Lab::secure();
    let upgraded = lab.session().upgraded(&lab.authority);
    let mut direct = lab.connect_tls();
    assert_eq!(direct.reply().code, 220);
    assert_eq!(direct.ask(EHLO), 250);
    for mut talk in [upgraded, direct] {
        assert_eq!(talk.send(MESSAGE).code, 250);
        assert_eq!(talk.ask("QUIT"), 221);
        assert_eq!(talk.rest(), b"");
    }
    lab.wait_for_all();
    assert_eq!(lab.messages(), [MESSAGE.as_bytes(), MESSAGE.as_bytes()]);
    let secured: Vec<&str> = lab
        .events
        .iter()
        .filter_map(|event| match event {
            MailEvent::Secured { version, .. } => Some(version.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(secured, ["TLSv1.3", "TLSv1.3"]);
    let opened: Vec<bool> = lab
        .events
        .iter()
        .filter_map(|event| match event {
            MailEvent::Opened { encrypted, .. } => Some(*encrypted),
            _ => None,
        })
        .collect();
    assert_eq!(opened, [false, true]);
    for listed in lab.listed() {
        let stored = lab.server.mailbox().read(listed.id).expect("it is listed");
        let stored = String::from_utf8_lossy(&stored).into_owned();
        assert!(stored.contains("with ESMTPS"), "{stored}");
    }
}

#[test]
fn the_handshake_forgets_what_was_said_before() {
    let lab = Lab::secure();
    let mut talk = lab.after(&[EHLO, MAIL, RCPT]);
    assert_eq!(talk.ask("STARTTLS"), 220);
    let mut talk = talk.secured(&lab.authority);
    // No second greeting comes: the first thing said is the reply to this.
    assert_eq!(talk.ask("DATA"), 503);
    assert_eq!(talk.ask(MAIL), 503, "EHLO comes first again");
    assert_eq!(talk.ask(EHLO), 250);
    assert_eq!(talk.ask("DATA"), 503);
    assert_eq!(talk.ask("STARTTLS"), 503);
    assert_eq!(talk.send(MESSAGE).code, 250);
}

#[test]
fn commands_behind_starttls_are_never_carried_out() {
    let evil = format!("{EHLO}\r\n{MAIL}\r\n{RCPT}\r\nDATA\r\n{MESSAGE}.\r\n");
    // Whole commands, half a one, and one that the first word inside TLS would complete.
    for behind in [&evil[..], "MAIL FROM:<evil@x.example>", "NO"] {
        let mut lab = Lab::secure();
        let mut talk = lab.session();
        talk.say(format!("STARTTLS\r\n{behind}"));
        assert_eq!(talk.reply().code, 220);
        let mut talk = talk.secured(&lab.authority);
        assert_eq!(talk.ask("OP"), 500, "it stands alone");
        assert_eq!(talk.ask("DATA"), 503);
        assert_eq!(talk.ask(EHLO), 250);
        assert_eq!(talk.ask("QUIT"), 221);
        assert_eq!(talk.rest(), b"");
        lab.wait_for_all();
        let dropped = lab.wait_for(|event| match event {
            MailEvent::Dropped { bytes, .. } => Some(*bytes),
            _ => None,
        });
        assert_eq!(dropped, behind.len() as u64);
        // EHLO, STARTTLS, OP, DATA, EHLO, QUIT.
        let report = lab.server.report();
        assert_eq!((report.counts.commands, report.held), (6, 0));
    }
}

#[test]
fn no_tls_where_tls_was_agreed_on_ends_the_session() {
    let mut lab = Lab::secure();
    let mut talk = lab.session();
    assert_eq!(talk.ask("STARTTLS"), 220);
    talk.say("EHLO x\r\nMAIL FROM:<a@b.example>\r\n");
    // An alert in the terms of TLS, perhaps; no reply in clear text.
    let rest = talk.finish();
    assert!(
        !rest.starts_with(b"250") && !rest.starts_with(b"5"),
        "{}",
        rest.escape_ascii()
    );
    assert_eq!(lab.end_of(1), SessionEnd::HandshakeFailed);

    let mut talk = lab.connect_clear_to_tls();
    talk.say("EHLO x\r\n");
    let rest = talk.finish();
    assert!(!rest.starts_with(b"220"), "{}", rest.escape_ascii());
    assert_eq!(lab.end_of(2), SessionEnd::HandshakeFailed);
}

#[test]
fn our_client_trusts_the_authority_of_the_state_folder() {
    let state = folder();
    let certificate = Certificate::load_or_make(state.path()).expect("the folder can be written");
    let authority = certificate.authority_file().expect("it is kept").to_owned();
    let lab = Lab::with(|setup| {
        setup.secure();
        setup.config.certificate = Some(certificate);
    });
    let tls = lab.server.tls_address().expect("TLS was asked for");
    for (security, address) in [(Security::StartTls, lab.address()), (Security::Tls, tls)] {
        for host in ["127.0.0.1", "localhost"] {
            let mut plan = plan(address);
            plan.host = host.to_owned();
            plan.security = security;
            plan.trust.ca_files = vec![authority.clone()];
            let Sent { events, summary } = sent(&plan);
            assert_eq!(summary.outcome, Outcome::Sent, "{security:?} {host}");
            let card = events.iter().find_map(|event| match event {
                SendingEvent::Tls { card, .. } => Some(card),
                _ => None,
            });
            let card = card.expect("there was a handshake");
            assert_eq!(card.server_name, host);
            assert_eq!(card.version.as_deref(), Some("TLSv1.3"));
            assert_eq!((&card.distrust, &card.error), (&None, &None));
            assert!(!card.chain.is_empty());
            // What everybody on the way sees is no mail.
            for speaker in [Speaker::Client, Speaker::Server] {
                let bytes: u64 = events
                    .iter()
                    .filter_map(|event| match event {
                        SendingEvent::Cipher(cipher) if cipher.from == speaker => {
                            Some(cipher.length)
                        }
                        _ => None,
                    })
                    .sum();
                assert!(bytes > 0, "{speaker:?}");
            }
        }
    }
    assert_eq!(lab.server.report().held, 4);
}

#[test]
fn an_untrusted_certificate_is_shown_and_nothing_is_said() {
    let mut lab = Lab::secure();
    let tls = lab.server.tls_address().expect("TLS was asked for");
    for (security, address) in [(Security::StartTls, lab.address()), (Security::Tls, tls)] {
        let mut plan = plan(address);
        plan.security = security;
        let Sent { events, summary } = sent(&plan);
        let untrusted = TlsFailure::Untrusted(Distrust::UnknownIssuer);
        assert_eq!(summary.outcome, Outcome::Failed(Failure::Tls(untrusted)));
        let fates: Vec<RecipientFate> = summary.recipients.iter().map(|one| one.fate).collect();
        assert_eq!(fates, [RecipientFate::NotTried; 2]);
        let card = events.iter().find_map(|event| match event {
            SendingEvent::Tls { card, .. } => Some(card),
            _ => None,
        });
        let card = card.expect("it is shown");
        assert_eq!(card.distrust, Some(Distrust::UnknownIssuer));
        assert!(
            card.chain
                .iter()
                .any(|one| one.names.contains(&"localhost".to_owned())),
            "{card:?}"
        );
        // Told that it does not matter, it goes on, and shows it all the same.
        plan.trust = Trust {
            check: Check::Report,
            ..Trust::default()
        };
        let Sent { events, summary } = sent(&plan);
        assert_eq!(summary.outcome, Outcome::Sent);
        let distrusted = events.iter().any(|event| {
            matches!(event, SendingEvent::Tls { card, .. } if card.distrust == Some(Distrust::UnknownIssuer))
        });
        assert!(distrusted);
    }
    lab.wait_for_all();
    assert_eq!(lab.server.report().held, 2);
    assert_eq!(lab.end_of(1), SessionEnd::HandshakeFailed);
}

#[test]
fn a_name_that_the_certificate_does_not_have_is_refused() {
    let state = folder();
    let certificate = Certificate::load_or_make(state.path()).expect("the folder can be written");
    let authority = certificate.authority_file().expect("it is kept").to_owned();
    let lab = Lab::with(|setup| {
        setup.secure();
        setup.config.certificate = Some(certificate);
        // Reached by whatever name this machine has.
        setup.config.listen.set_ip([0, 0, 0, 0].into());
    });
    let mut plan = plan(lab.address());
    // An address of this machine that the certificate is not made out for.
    plan.host = "127.0.0.2".to_owned();
    plan.security = Security::StartTls;
    plan.trust.ca_files = vec![authority];
    let Sent { events, summary } = sent(&plan);
    let wrong_name = TlsFailure::Untrusted(Distrust::WrongName);
    assert_eq!(summary.outcome, Outcome::Failed(Failure::Tls(wrong_name)));
    assert!(events.iter().any(|event| {
        matches!(event, SendingEvent::Tls { card, .. } if card.distrust == Some(Distrust::WrongName))
    }));
}
