//! What our client puts on the wire when all goes well: groups of commands, chunks, several messages, attachments; and what it keeps to itself.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sockscope::proto::message::read::Letter;
use sockscope::proto::secret::Secret;
use sockscope::proto::smtp::outcome::{Failure, Need, Outcome, RecipientFate};
use sockscope::proto::smtp::plan::{Login, Password, Plan};
use sockscope::proto::smtp::sasl::Mechanism;
use sockscope::trace::mail::{SendingEvent, Speech};
use sockscope::trace::transcript::{Latencies, Transcript};

use crate::support::mail::hostile::{Hostile, Peer, Script};
use crate::support::mail::{Lab, Sent, faults, mailbox, plan, sent};

const OFFERS: &str = "250-lab\r\n250-PIPELINING\r\n250 CHUNKING\r\n";

/// What comes in one go. The client has nothing more to say until it is answered.
fn segment(peer: &mut Peer) -> String {
    use std::io::BufRead as _;
    let bytes = peer.reader.fill_buf().expect("something comes").to_vec();
    peer.reader.consume(bytes.len());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Greets and answers EHLO.
fn open(peer: &mut Peer) {
    peer.say("220 lab\r\n");
    assert_eq!(peer.hear().as_deref(), Some("EHLO client.example"));
    peer.say(OFFERS);
}

#[test]
fn a_group_of_commands_goes_out_in_one_segment() {
    let hostile = Hostile::serve(1, |_, peer| {
        open(peer);
        // Nothing is answered until all of it is here.
        assert_eq!(
            segment(peer),
            "MAIL FROM:<a@b.example>\r\nRCPT TO:<one@d.example>\r\nRCPT TO:<two@d.example>\r\nDATA\r\n"
        );
        peer.say("250 ok\r\n250 ok\r\n550 no\r\n354 go on\r\n");
        peer.hear_message();
        peer.say("250 ok\r\n");
        assert_eq!(peer.hear().as_deref(), Some("QUIT"));
        peer.say("221 bye\r\n");
    });
    let mut plan = plan(hostile.address);
    plan.pipelining = true;
    let Sent { summary, .. } = sent(&plan);
    hostile.heard();
    assert_eq!(summary.outcome, Outcome::PartlySent);
    let fates: Vec<RecipientFate> = summary.recipients.iter().map(|one| one.fate).collect();
    assert_eq!(fates, [RecipientFate::Accepted, RecipientFate::Refused]);
}

#[test]
fn a_message_for_nobody_is_a_lone_dot() {
    // RFC 2920 §3.1: DATA was out before the refusals were known, and the server takes it.
    let hostile = Hostile::serve(1, |_, peer| {
        open(peer);
        assert!(segment(peer).ends_with("DATA\r\n"));
        peer.say("250 ok\r\n550 no\r\n550 no\r\n354 go on\r\n");
        assert_eq!(segment(peer), ".\r\n");
        peer.say("554 no valid recipients\r\n");
        peer.follow_to_the_end();
    });
    let mut plan = plan(hostile.address);
    plan.pipelining = true;
    let Sent { summary, .. } = sent(&plan);
    let heard = hostile.heard_once();
    assert_eq!(heard.lines.last().map(String::as_str), Some("QUIT"));
    assert_eq!(summary.outcome, Outcome::Refused);
    assert!(
        summary
            .recipients
            .iter()
            .all(|one| one.fate == RecipientFate::Refused)
    );
}

#[test]
fn a_group_whose_sender_is_refused_is_refused_as_a_whole() {
    let hostile = Hostile::serve(1, |_, peer| {
        open(peer);
        assert!(segment(peer).ends_with("DATA\r\n"));
        peer.say("550 5.7.1 no\r\n503 no\r\n503 no\r\n503 no\r\n");
        peer.follow_to_the_end();
    });
    let mut plan = plan(hostile.address);
    plan.pipelining = true;
    let Sent { summary, .. } = sent(&plan);
    assert_eq!(
        hostile.heard_once().lines.last().map(String::as_str),
        Some("QUIT")
    );
    for recipient in summary.recipients {
        assert_eq!(recipient.fate, RecipientFate::Refused);
        assert_eq!(
            recipient.reply.map(|verdict| verdict.code.0),
            Some(550),
            "the cause, not what came of it"
        );
    }
}

#[test]
fn one_at_a_time_without_the_extension() {
    for (offers, wanted) in [("250 lab\r\n", true), (OFFERS, false)] {
        let hostile = Hostile::serve(1, move |_, peer| {
            peer.say("220 lab\r\n");
            segment(peer);
            peer.say(offers);
            for line in [
                "MAIL FROM:<a@b.example>\r\n",
                "RCPT TO:<one@d.example>\r\n",
                "RCPT TO:<two@d.example>\r\n",
            ] {
                assert_eq!(segment(peer), line);
                peer.say("250 ok\r\n");
            }
            assert_eq!(segment(peer), "DATA\r\n");
            peer.say("354 go on\r\n");
            peer.hear_message();
            peer.say("250 ok\r\n");
            peer.follow_to_the_end();
        });
        let mut plan = plan(hostile.address);
        (plan.pipelining, plan.chunking) = (wanted, wanted);
        assert_eq!(sent(&plan).summary.outcome, Outcome::Sent);
        hostile.heard();
    }
}

/// The length in a BDAT line, and whether it is the last.
fn chunk(line: &str) -> (usize, bool) {
    let mut words = line.split(' ').skip(1);
    let length = words.next().and_then(|length| length.parse().ok());
    (length.expect("a length"), words.next() == Some("LAST"))
}

#[test]
fn chunks_are_the_message_as_it_is() {
    let folder = crate::support::folder();
    let file = folder.path().join("three.bin");
    std::fs::write(&file, vec![b'x'; 3 << 20]).expect("the folder can be written");
    for pipelining in [false, true] {
        let hostile = Hostile::serve(1, move |_, peer| {
            open(peer);
            let mut chunks = 0;
            while let Some(line) = peer.hear() {
                if line == "QUIT" {
                    return peer.say("221 bye\r\n");
                }
                if line.starts_with("BDAT") {
                    let (length, last) = chunk(&line);
                    let bytes = peer.hear_bytes(length);
                    peer.heard.messages.push(bytes);
                    chunks += 1;
                    assert!(!last || chunks > 1, "a message of 4 MiB is no single chunk");
                }
                assert_ne!(line, "DATA");
                peer.say("250 ok\r\n");
            }
        });
        let mut plan = plan(hostile.address);
        (plan.chunking, plan.pipelining) = (true, pipelining);
        plan.message.attachments = vec![file.clone()];
        assert_eq!(sent(&plan).summary.outcome, Outcome::Sent);
        let whole = hostile.heard_once().messages.concat();
        let text = String::from_utf8_lossy(&whole);
        // Dots stand as they are, and there is no end but the last chunk's.
        assert!(text.contains("\r\n.two\r\n") && !text.ends_with("\r\n.\r\n"));
        let letter = Letter::read(&whole);
        let attached = letter.attachments().next().expect("there is one");
        assert!(letter.content(&whole, attached) == vec![b'x'; 3 << 20]);
    }
}

#[test]
fn a_chunk_that_is_refused_is_the_last() {
    let hostile = Hostile::serve(1, |_, peer| {
        open(peer);
        for _ in 0..3 {
            peer.hear();
            peer.say("250 ok\r\n");
        }
        let (length, _) = chunk(&peer.hear().expect("a chunk"));
        peer.hear_bytes(length);
        peer.say("552 5.3.4 too big\r\n");
        peer.follow_to_the_end();
    });
    let mut plan = plan(hostile.address);
    plan.chunking = true;
    let Sent { summary, .. } = sent(&plan);
    let lines = hostile.heard_once().lines;
    assert!(!lines.iter().any(|line| line == "DATA"), "{lines:?}");
    assert_eq!(lines.last().map(String::as_str), Some("QUIT"));
    assert_eq!(summary.outcome, Outcome::Refused);
}

#[test]
fn several_messages_go_over_one_connection() {
    for (pipelining, chunking) in [(false, false), (true, false), (true, true)] {
        let mut lab = Lab::new();
        let mut plan = plan(lab.address());
        plan.count = 20;
        (plan.pipelining, plan.chunking) = (pipelining, chunking);
        let Sent { events, summary } = sent(&plan);
        assert_eq!(summary.outcome, Outcome::Sent);
        assert_eq!((summary.sent, summary.asked), (20, 20));
        let decided: Vec<u32> = events
            .iter()
            .filter_map(|event| match event {
                SendingEvent::Decided(decided) => Some(decided.number),
                _ => None,
            })
            .collect();
        assert!(decided.iter().copied().eq(1..=20), "{decided:?}");
        assert_eq!(lab.wait_for_all(), 1, "one connection");
        let ids: BTreeSet<String> = lab
            .messages()
            .iter()
            .map(|message| {
                let text = String::from_utf8_lossy(message).into_owned();
                let line = text.lines().find(|line| line.starts_with("Message-ID:"));
                line.expect("it has one").to_owned()
            })
            .collect();
        assert_eq!(ids.len(), 20, "each with a Message-ID of its own");
        // RSET is not needed between messages that went well.
        let said = Sent { events, summary }.dialogue();
        assert!(!said.iter().any(|line| line == "RSET"));
    }
}

#[test]
fn a_message_that_is_refused_does_not_hold_up_the_next() {
    let lab = Lab::faulty(&["dot#2=554 5.6.0 No", "mail#3=451 4.3.0 Later"]);
    let mut plan = plan(lab.address());
    plan.count = 4;
    let Sent { events, summary } = sent(&plan);
    assert_eq!(summary.outcome, Outcome::PartlySent);
    assert_eq!((summary.sent, summary.asked), (2, 4));
    let fates: Vec<RecipientFate> = events
        .iter()
        .filter_map(|event| match event {
            SendingEvent::Decided(decided) => Some(decided.recipients[0].fate),
            _ => None,
        })
        .collect();
    use RecipientFate::{Accepted, Deferred, Refused};
    assert_eq!(fates, [Accepted, Refused, Deferred, Accepted]);
    assert_eq!(lab.server.report().held, 2);
}

#[test]
fn an_attachment_of_25_mib_arrives_byte_for_byte() {
    let folder = crate::support::folder();
    let file = folder.path().join("big.bin");
    // Bytes that do not repeat in step with any block.
    let bytes: Vec<u8> = (0..25_u32 << 20)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    std::fs::write(&file, &bytes).expect("the folder can be written");
    for chunking in [false, true] {
        let lab = Lab::new();
        let mut plan = plan(lab.address());
        plan.message.attachments = vec![file.clone()];
        plan.chunking = chunking;
        let Sent { events, summary } = sent(&plan);
        assert_eq!(summary.outcome, Outcome::Sent);
        let progress: Vec<(u64, u64)> = events
            .iter()
            .filter_map(|event| match event {
                SendingEvent::Progress { sent, total, .. } => Some((*sent, *total)),
                _ => None,
            })
            .collect();
        assert!(progress.is_sorted() && progress.iter().all(|(sent, total)| sent <= total));
        let message = lab.messages().remove(0);
        let letter = Letter::read(&message);
        let attached: Vec<usize> = letter.attachments().collect();
        assert_eq!(attached.len(), 1);
        assert_eq!(letter.file_name(attached[0]), "big.bin");
        assert!(letter.content(&message, attached[0]) == bytes);
    }
}

#[test]
fn bcc_is_in_the_envelope_and_nowhere_else() {
    let lab = Lab::new();
    let mut plan = plan(lab.address());
    plan.message.cc = vec![mailbox("copy@d.example")];
    plan.message.bcc = vec![mailbox("hidden@d.example")];
    assert_eq!(sent(&plan).summary.outcome, Outcome::Sent);
    let listed = lab.listed().remove(0);
    let to: Vec<&str> = listed.envelope.to.iter().map(|to| to.as_str()).collect();
    assert_eq!(
        to,
        [
            "one@d.example",
            "two@d.example",
            "copy@d.example",
            "hidden@d.example"
        ]
    );
    let message = lab.messages().remove(0);
    let text = String::from_utf8_lossy(&message);
    assert!(
        text.contains("Cc: ") && !text.contains("hidden") && !text.contains("Bcc"),
        "{text}"
    );
}

#[test]
fn too_big_for_the_server_is_known_before() {
    let lab = Lab::limited(|limits| limits.message = 200);
    let Sent { events, summary } = sent(&plan(lab.address()));
    let Outcome::Failed(Failure::NotOffered(Need::Size { bytes, most: 200 })) = summary.outcome
    else {
        panic!("{:?}", summary.outcome);
    };
    assert!(bytes > 200);
    let said = Sent {
        events,
        summary: summary.clone(),
    }
    .dialogue();
    assert!(
        !said.iter().any(|line| line.starts_with("MAIL")),
        "{said:?}"
    );
}

#[test]
fn addresses_beyond_ascii_need_the_extension() {
    let lab = Lab::new();
    let mut plan = plan(lab.address());
    plan.message.to = vec![mailbox("\u{7528}\u{6237}@\u{4f8b}\u{5b50}.example")];
    let done = sent(&plan);
    assert_eq!(done.summary.outcome, Outcome::Sent);
    let mail = done
        .dialogue()
        .into_iter()
        .find(|line| line.starts_with("MAIL"));
    assert!(mail.expect("it was said").ends_with(" SMTPUTF8"));
    assert_eq!(lab.listed()[0].envelope.to[0].local(), "\u{7528}\u{6237}");
    // Without it, nothing is sent; a domain alone has its form in ASCII.
    let hostile = Hostile::start(Script::right());
    plan.port = hostile.address.port();
    let Sent { summary, .. } = sent(&plan);
    assert!(matches!(
        summary.outcome,
        Outcome::Failed(Failure::NotOffered(Need::SmtpUtf8(_)))
    ));
    assert_eq!(hostile.heard_once().lines, ["EHLO client.example", "QUIT"]);
    let hostile = Hostile::start(Script::right());
    plan.port = hostile.address.port();
    plan.message.to = vec![mailbox("user@\u{4f8b}\u{5b50}.example")];
    assert_eq!(sent(&plan).summary.outcome, Outcome::Sent);
    assert_eq!(
        hostile.heard_once().lines[2],
        "RCPT TO:<user@xn--fsqu00a.example>"
    );
}

#[test]
fn no_field_can_end_its_line() {
    const EVIL: &str =
        "x\r\nBcc: evil@x.example\r\n.\r\nMAIL FROM:<evil@x.example>\nX-Evil: 1\rX-Evil: 2";
    // What is said in commands is refused before anything is said.
    let spoil: [fn(&mut Plan); 4] = [
        |plan| plan.helo = Some(format!("lab{EVIL}")),
        |plan| plan.helo = Some("two words".to_owned()),
        |plan| *plan = login_of(plan, EVIL, "secret"),
        |plan| *plan = login_of(plan, "student", EVIL),
    ];
    let mut lab = Lab::new();
    for spoil in spoil {
        let mut plan = plan(lab.address());
        spoil(&mut plan);
        let Sent { summary, .. } = sent(&plan);
        assert!(
            matches!(summary.outcome, Outcome::Failed(Failure::Source { .. })),
            "{:?}",
            summary.outcome
        );
    }
    assert_eq!(lab.server.report().counts.commands, 0);
    // What stands in the message stays in its place.
    let folder = crate::support::folder();
    let mut plan = plan(lab.address());
    plan.message.subject = EVIL.to_owned();
    plan.message.from.name = Some(EVIL.to_owned());
    plan.message.to[0].name = Some(EVIL.to_owned());
    plan.message.body = EVIL.to_owned();
    if cfg!(unix) {
        let file = folder.path().join(EVIL);
        std::fs::write(&file, "x").expect("the folder can be written");
        plan.message.attachments = vec![file];
    }
    assert_eq!(sent(&plan).summary.outcome, Outcome::Sent);
    lab.wait_for_all();
    let message = lab.messages().remove(0);
    assert_eq!(lab.server.report().held, 1);
    let head = message
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .expect("it has a body");
    for line in String::from_utf8_lossy(&message[..head]).split("\r\n") {
        assert!(!line.contains(['\r', '\n']), "{line:?}");
        assert!(
            !line.starts_with("Bcc") && !line.starts_with("X-Evil"),
            "{line:?}"
        );
    }
    // Those who read it do not find the field either.
    let letter = Letter::read(&message);
    assert!(
        letter
            .attachments()
            .all(|part| !letter.file_name(part).contains(char::is_control))
    );
}

/// The same with a login.
fn login_of(plan: &Plan, user: &str, password: &str) -> Plan {
    Plan {
        login: Some(Login {
            mechanism: Mechanism::Login,
            user: user.to_owned(),
            password: Password::Typed(Secret::from(password)),
        }),
        ..plan.clone()
    }
}

/// A plan with a login by this mechanism.
fn login(address: std::net::SocketAddr, mechanism: Mechanism, password: &str) -> Plan {
    let mut plan = login_of(&plan(address), "student", password);
    if let Some(login) = &mut plan.login {
        login.mechanism = mechanism;
    }
    plan
}

#[test]
fn every_mechanism_logs_in() {
    use sockscope::proto::smtp::server::Accounts;
    let lab = Lab::with(|setup| {
        setup.config.service.accounts = Accounts::Only {
            user: "student".to_owned(),
            password: Secret::from("secret"),
        };
    });
    for mechanism in [Mechanism::Plain, Mechanism::Login, Mechanism::CramMd5] {
        for (password, outcome) in [("secret", Outcome::Sent), ("wrong", Outcome::LoginRefused)] {
            let done = sent(&login(lab.address(), mechanism, password));
            assert_eq!(done.summary.outcome, outcome, "{mechanism:?} {password}");
            assert_eq!(done.dialogue().last().map(String::as_str), Some("221"));
        }
    }
    assert_eq!(lab.server.report().held, 3);
}

#[test]
fn no_event_shows_a_password() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    const PASSWORD: &str = "Tr0ub4dor&3";
    let secrets = [
        PASSWORD.to_owned(),
        STANDARD.encode(PASSWORD),
        STANDARD.encode(format!("\0student\0{PASSWORD}")),
        STANDARD.encode(format!("user=student\u{1}auth=Bearer {PASSWORD}\u{1}\u{1}")),
    ];
    let offers = "250-lab\r\n250 AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2\r\n";
    let challenge = "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n";
    for mechanism in Mechanism::ALL {
        // Taken, refused at once, and asked again and again; a server that says what it heard is none of ours.
        for last in ["235 ok\r\n", "535 no\r\n", "334 \r\n"] {
            let hostile = Hostile::serve(1, move |_, peer| {
                peer.say("220 lab\r\n");
                let mut asked = 0;
                while let Some(line) = peer.hear() {
                    match line.split(' ').next().unwrap_or_default() {
                        "EHLO" => peer.say(offers),
                        "QUIT" => return peer.say("221 bye\r\n"),
                        "*" => peer.say("501 fine\r\n"),
                        "DATA" => {
                            peer.say("354 go on\r\n");
                            peer.hear_message();
                            peer.say("250 ok\r\n");
                        }
                        "MAIL" | "RCPT" => peer.say("250 ok\r\n"),
                        _ => {
                            asked += 1;
                            let turns = match mechanism {
                                Mechanism::Plain | Mechanism::XOauth2 => 1,
                                Mechanism::CramMd5 => 2,
                                Mechanism::Login => 3,
                            };
                            peer.say(if asked >= turns { last } else { challenge });
                        }
                    }
                }
            });
            let done = sent(&login(hostile.address, mechanism, PASSWORD));
            let heard = hostile.heard_once().lines.join("\n");
            let is_heard = secrets.iter().any(|secret| heard.contains(secret));
            assert!(
                is_heard || mechanism == Mechanism::CramMd5,
                "it was said to the server: {heard}"
            );
            let mut transcript = Transcript::new(Latencies::Hidden);
            for event in &done.events {
                let mut shown = transcript.lines(event);
                shown.push(format!("{event:?}"));
                if let SendingEvent::Spoken(spoken) = event
                    && let Speech::Command(line) = &spoken.what
                {
                    shown.push(String::from_utf8_lossy(&line.shown).into_owned());
                }
                for secret in &secrets {
                    assert!(
                        !shown.iter().any(|text| text.contains(secret)),
                        "{mechanism:?} {last}: {shown:?}"
                    );
                }
            }
            let summary = format!("{:?}", done.summary);
            assert!(!secrets.iter().any(|secret| summary.contains(secret)));
        }
    }
}

#[test]
fn what_the_client_reports_is_what_the_server_reports() {
    let mut lab = Lab::new();
    lab.server
        .set_faults(faults(&["rcpt@two=550 5.1.1 No such user here"]));
    let done = sent(&plan(lab.address()));
    lab.wait_for_all();
    let theirs: Vec<String> = lab
        .events
        .iter()
        .filter_map(|event| match event {
            sockscope::trace::mail::MailEvent::Spoken { spoken, .. } => Some(match &spoken.what {
                Speech::Command(line) => line.shown.escape_ascii().to_string(),
                Speech::Reply { reply, .. } => reply.code.to_string(),
                Speech::Content { .. } => "message".to_owned(),
            }),
            _ => None,
        })
        .collect();
    assert_eq!(done.dialogue(), theirs);
    let bytes = |speech: &Speech| match speech {
        Speech::Content { bytes, stuffed, .. } => Some((*bytes, *stuffed)),
        _ => None,
    };
    let ours = done.events.iter().find_map(|event| match event {
        SendingEvent::Spoken(spoken) => bytes(&spoken.what),
        _ => None,
    });
    let theirs = lab.events.iter().find_map(|event| match event {
        sockscope::trace::mail::MailEvent::Spoken { spoken, .. } => bytes(&spoken.what),
        _ => None,
    });
    assert_eq!(ours, theirs);
    assert_eq!(ours.map(|(_, stuffed)| stuffed), Some(1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn what_is_typed_is_what_is_read(
        body in "([ -~\u{e4}\u{4f60}.]{0,90}\n){0,12}",
        chunking in any::<bool>(),
        pipelining in any::<bool>(),
    ) {
        let lab = Lab::new();
        let mut plan = plan(lab.address());
        plan.message.body = body.clone();
        (plan.chunking, plan.pipelining) = (chunking, pipelining);
        prop_assert_eq!(sent(&plan).summary.outcome, Outcome::Sent);
        let message = lab.messages().remove(0);
        let letter = Letter::read(&message);
        let main = letter.main_part().expect("it has a text");
        let read = letter.text(&message, main).text.replace("\r\n", "\n");
        prop_assert_eq!(read, body);
    }
}
