//! What no client gets past: the sizes of RFC 5321 §4.5.3.1, the mailbox, the connections, time and patience.

use std::time::Duration;

use sockscope::trace::mail::SessionEnd;

use crate::support::mail::{EHLO, LIMITS, Lab, MAIL, MESSAGE, RCPT, Reply, Talk};

fn x(count: usize) -> String {
    "x".repeat(count)
}

/// A line of this many octets, its end included.
fn line_of(start: &str, octets: usize) -> String {
    format!("{start}{}\r\n", x(octets - start.len() - 2))
}

/// A domain of this many octets, in labels that are short enough.
fn domain(octets: usize) -> String {
    let mut domain = String::new();
    while octets - domain.len() > 50 {
        domain += &x(48);
        domain.push('.');
    }
    let left = octets - domain.len();
    domain + &x(left)
}

#[test]
fn local_parts_have_64_octets() {
    let lab = Lab::new();
    for (verb, before, enhanced) in [
        ("MAIL FROM", &[EHLO][..], "5.1.7"),
        ("RCPT TO", &[EHLO, MAIL], "5.1.3"),
    ] {
        let mut talk = lab.after(before);
        let reply = talk.asked(&format!("{verb}:<{}@b.example>", x(65)));
        assert_eq!((reply.code, reply.enhanced()), (501, enhanced));
        assert!(reply.text().contains("64 octets"), "{reply:?}");
        assert_eq!(talk.ask(&format!("{verb}:<{}@b.example>", x(64))), 250);
    }
}

#[test]
fn names_have_255_octets() {
    let lab = Lab::new();
    for verb in ["EHLO", "HELO"] {
        let mut talk = lab.greeted();
        assert_eq!(talk.ask(&format!("{verb} {}", domain(256))), 501);
        assert_eq!(talk.ask(&format!("{verb} {}", domain(255))), 250);
    }
}

#[test]
fn paths_have_256_octets() {
    let lab = Lab::new();
    for (verb, before) in [("MAIL FROM", &[EHLO][..]), ("RCPT TO", &[EHLO, MAIL])] {
        let line = |octets: usize| format!("{verb}:<ab@{}>", domain(octets - 5));
        let mut talk = lab.after(before);
        let reply = talk.asked(&line(257));
        assert_eq!(reply.code, 501);
        assert!(reply.text().contains("256 octets"), "{reply:?}");
        assert_eq!(talk.ask(&line(256)), 250);
    }
}

#[test]
fn command_lines_have_512_octets_and_what_extensions_add() {
    let lab = Lab::new();
    let ehlo = &[EHLO][..];
    // RFC 5321 §4.5.3.1.4, RFC 1870 §3, RFC 6152 §2, RFC 6531 §3.1, RFC 3461 §4, RFC 4954 §4 and §5.
    let cases: [(&[&str], &str, usize, u16); 6] = [
        (&[], "NOOP ", 512, 250),
        (&["HELO x"], "MAIL FROM:<a@b.example> X=", 512, 555),
        (ehlo, "MAIL FROM:<a@b.example> X=", 512 + 669, 555),
        (&[EHLO, MAIL], "RCPT TO:<a@b.example> X=", 512 + 536, 555),
        (ehlo, "VRFY ", 512 + 10, 252),
        (ehlo, "AUTH PLAIN ", 12_288, 501),
    ];
    for (before, start, octets, code) in cases {
        let mut talk = lab.after(before);
        talk.say(line_of(start, octets));
        assert_eq!(talk.reply().code, code, "{start}");
        talk.say(line_of(start, octets + 1) + "NOOP\r\n");
        let reply = talk.reply();
        assert_eq!((reply.code, reply.enhanced()), (500, "5.5.2"), "{start}");
        assert_eq!(talk.reply().code, 250, "what follows is a command again");
    }
}

#[test]
fn a_line_without_an_end_is_answered_once_and_thrown_away() {
    let lab = Lab::new();
    let mut talk = lab.session();
    for _ in 0..64 {
        talk.say(x(64 * 1024));
    }
    talk.say("\r\nNOOP\r\n");
    assert_eq!(talk.codes(2), [500, 250]);
    assert_eq!(talk.ask("QUIT"), 221);
    assert_eq!(talk.rest(), b"");
}

#[test]
fn an_answer_to_a_challenge_has_12288_octets() {
    let lab = Lab::new();
    let mut talk = lab.session();
    assert_eq!(talk.ask("AUTH PLAIN"), 334);
    talk.say(line_of("", 12_289));
    let reply = talk.reply();
    assert_eq!((reply.code, reply.enhanced()), (500, "5.5.6"));
    assert_eq!(talk.ask("NOOP"), 250);
}

#[test]
fn text_lines_have_1000_octets() {
    let lab = Lab::new();
    let mut talk = lab.session();
    assert_eq!(talk.send(line_of("", 1000)).code, 250);
    // A doubled dot counts once.
    assert_eq!(talk.send(format!(".{}", line_of(".", 1000))).code, 250);
    let reply = talk.send(line_of("", 1001));
    assert_eq!(reply.code, 500);
    assert!(reply.text().contains("1000 octets"), "{reply:?}");
    assert_eq!(talk.send(MESSAGE).code, 250, "the next one is taken");
    assert_eq!(lab.server.report().held, 3);
}

#[test]
fn messages_have_the_size_that_ehlo_said() {
    let lab = Lab::limited(|limits| limits.message = 64 * 1024);
    let mut talk = lab.session();
    let message = |octets: usize| line_of("", 64).repeat(octets / 64);
    assert_eq!(talk.send(message(64 * 1024)).code, 250);
    let reply = talk.send(message(64 * 1024 + 64));
    assert_eq!((reply.code, reply.enhanced()), (552, "5.3.4"));
    // Much too big: read to its end all the same, or the client would never hear of it.
    let reply = talk.send(message(8 << 20));
    assert_eq!((reply.code, reply.enhanced()), (552, "5.3.4"));
    assert_eq!(talk.send(MESSAGE).code, 250);
    assert_eq!(lab.server.report().held, 2);
    assert_eq!(lab.server.report().counts.refused, 2);
    // In chunks, the sum counts.
    let chunk = |octets: usize, last: &str| format!("BDAT {octets}{last}\r\n{}", x(octets));
    talk.say(format!("{MAIL}\r\n{RCPT}\r\n"));
    talk.say(chunk(60_000, "") + &chunk(5_536, " LAST"));
    assert_eq!(talk.codes(4), [250; 4]);
    talk.say(format!("{MAIL}\r\n{RCPT}\r\n"));
    talk.say(chunk(60_000, "") + &chunk(5_537, "") + &chunk(1, " LAST") + "RSET\r\n");
    assert_eq!(talk.codes(6), [250, 250, 250, 552, 503, 250]);
    assert_eq!(lab.server.report().held, 3);
}

#[test]
fn a_message_has_100_recipients() {
    let mut lab = Lab::new();
    let mut talk = lab.after(&[EHLO, MAIL]);
    let rcpt = |number: usize| format!("RCPT TO:<to{number}@d.example>\r\n");
    talk.say((1..=102).map(rcpt).collect::<String>());
    assert_eq!(talk.codes(100), [250; 100]);
    for _ in 0..2 {
        let reply = talk.reply();
        assert_eq!((reply.code, reply.enhanced()), (452, "4.5.3"));
    }
    talk.say(format!("DATA\r\n{MESSAGE}.\r\n"));
    assert_eq!(talk.codes(2), [354, 250]);
    talk.finish();
    lab.wait_for_all();
    assert_eq!(lab.arrived()[0].envelope.to.len(), 100);
    assert_eq!(lab.listed()[0].envelope.to.len(), 100);
}

#[test]
fn a_full_mailbox_is_told_at_mail_and_at_the_end() {
    let lab = Lab::limited(|limits| limits.messages = 1);
    let mut talk = lab.session();
    let mut other = lab.session();
    other.begin(1);
    assert_eq!(talk.send(MESSAGE).code, 250);
    let reply = talk.asked(MAIL);
    assert_eq!((reply.code, reply.enhanced()), (452, "4.3.1"));
    // It became full while the message was under way.
    other.say(MESSAGE);
    let reply = other.asked(".");
    assert_eq!((reply.code, reply.enhanced()), (452, "4.3.1"));
    let id = lab.listed()[0].id;
    lab.server.mailbox().delete(id).expect("it is there");
    assert_eq!(other.send(MESSAGE).code, 250, "there is room again");

    let lab = Lab::limited(|limits| limits.mailbox = 10_000);
    let mut talk = lab.session();
    assert_eq!(talk.ask(&format!("{MAIL} SIZE=10001")), 452);
    assert_eq!(talk.send(line_of("", 900).repeat(12)).code, 452);
    assert_eq!(talk.send(line_of("", 900).repeat(10)).code, 250);
    assert_eq!(lab.server.report().held, 1);
}

#[test]
fn one_connection_too_many_is_told_and_does_not_count_for_long() {
    let mut lab = Lab::limited(|limits| limits.connections = 2);
    let first = lab.session();
    let mut second = lab.session();
    let mut third = lab.connect();
    let reply = third.reply();
    assert_eq!((reply.code, reply.enhanced()), (421, "4.7.0"));
    assert_eq!(third.rest(), b"");
    assert_eq!(lab.end_of(3), SessionEnd::TooMany);
    assert_eq!(second.ask("NOOP"), 250, "the others are served");
    drop(first);
    assert_eq!(lab.end_of(1), SessionEnd::ClientGone);
    assert_eq!(lab.session().ask("NOOP"), 250);
    assert_eq!(lab.server.report().counts.turned_away, 1);
}

#[test]
fn who_says_nothing_is_told_wherever_that_is() {
    let steps: [&[&str]; 6] = [
        &[],
        &[EHLO],
        &[EHLO, MAIL],
        &[EHLO, MAIL, RCPT],
        &[EHLO, MAIL, RCPT, "DATA"],
        &[EHLO, "AUTH LOGIN"],
    ];
    let mut lab = Lab::limited(|limits| limits.idle = Duration::from_millis(300));
    for (lines, session) in steps.into_iter().zip(1..) {
        let mut talk = lab.after(lines);
        let reply = talk.reply();
        assert_eq!((reply.code, reply.enhanced()), (421, "4.4.2"), "{lines:?}");
        assert_eq!(talk.rest(), b"");
        assert_eq!(lab.end_of(session), SessionEnd::Idle);
    }
}

#[test]
fn who_says_something_now_and_then_is_not_idle() {
    let lab = Lab::limited(|limits| limits.idle = Duration::from_millis(500));
    let mut talk = lab.session();
    let begun = std::time::Instant::now();
    let mut said = 0;
    while begun.elapsed() < 3 * Duration::from_millis(500) {
        assert_eq!(talk.ask("NOOP"), 250);
        said += 1;
    }
    assert!(said > 0);
}

#[test]
fn a_client_that_only_makes_mistakes_is_sent_away() {
    let mut lab = Lab::limited(|limits| limits.errors = 5);
    let mut talk = lab.session();
    talk.say("WHAT\r\nNOOP\r\n".repeat(10));
    let codes = Reply::codes(&talk.finish());
    assert_eq!(codes, [500, 250, 500, 250, 500, 250, 500, 250, 421]);
    assert_eq!(lab.end_of(1), SessionEnd::Misbehaved);
    // What may work later is no mistake.
    let lab = Lab::with(|setup| {
        setup.limits().errors = 2;
        setup.limits().recipients = 1;
    });
    let mut talk = lab.after(&[EHLO, MAIL, RCPT]);
    for _ in 0..10 {
        assert_eq!(talk.ask(RCPT), 452);
    }
}

#[test]
fn a_client_that_takes_no_replies_holds_up_nobody() {
    let lab = Lab::limited(|limits| limits.idle = Duration::from_millis(500));
    let mut deaf = lab.session();
    // More replies than fit between the two, until the server stops taking commands.
    let commands = "HELP\r\n".repeat(10_000);
    let mut talk = lab.session();
    while deaf.try_say(&commands).is_ok() {
        assert_eq!(talk.ask("NOOP"), 250);
    }
}

#[test]
fn an_attachment_of_25_mib_arrives_byte_for_byte() {
    let folder = crate::support::folder();
    let stores = [
        sockscope::net::maildir::Store::Memory,
        sockscope::net::maildir::Store::Folder(folder.path().to_owned()),
    ];
    // Base64 has lines of 76 characters; what they are is not the server's business.
    let line = |number: usize| format!("{number:076}\r\n");
    let message: String = (0..(25 << 20) / 57).map(line).collect();
    assert!(message.len() as u64 <= LIMITS.message);
    for store in stores {
        let lab = Lab::with(|setup| setup.config.store = store);
        let mut talk: Talk = lab.session();
        assert_eq!(talk.send(&message).code, 250);
        let stored = lab.messages();
        assert_eq!(stored.len(), 1);
        assert!(stored[0] == message.as_bytes(), "it was changed");
    }
}
