//! Every command in every state, and every wrong argument: which code it gets, and that the session goes on as it was.

use crate::support::mail::{AUTH, EHLO, Lab, MAIL, MESSAGE, RCPT, Setup, Talk, faults};

/// What was said before.
#[derive(Debug, Clone, Copy)]
enum Before {
    Nothing,
    Helo,
    Ehlo,
    Mail,
    Rcpt,
    /// A first chunk was taken.
    Chunk,
    /// A chunk was refused.
    FailedChunk,
    /// A message was taken.
    Message,
    LoggedIn,
    /// A TLS handshake, after all of a transaction but the message.
    Secured,
    /// A greeting of 554.
    Refusal,
    /// The only recipient was refused.
    NoRecipient,
}

const BEFORE: [Before; 12] = [
    Before::Nothing,
    Before::Helo,
    Before::Ehlo,
    Before::Mail,
    Before::Rcpt,
    Before::Chunk,
    Before::FailedChunk,
    Before::Message,
    Before::LoggedIn,
    Before::Secured,
    Before::Refusal,
    Before::NoRecipient,
];

impl Before {
    fn talk(self, lab: &Lab) -> Talk {
        match self {
            Before::Nothing => lab.after(&[]),
            Before::Helo => lab.after(&["HELO client.example"]),
            Before::Ehlo => lab.after(&[EHLO]),
            Before::Mail => lab.after(&[EHLO, MAIL]),
            Before::Rcpt => lab.after(&[EHLO, MAIL, RCPT]),
            Before::Chunk => {
                let mut talk = lab.after(&[EHLO, MAIL, RCPT]);
                talk.say("BDAT 3\r\nabc");
                assert_eq!(talk.reply().code, 250);
                talk
            }
            Before::FailedChunk => {
                let mut talk = lab.after(&[EHLO, MAIL, RCPT]);
                talk.say(format!("BDAT 10001\r\n{}", "x".repeat(10_001)));
                assert_eq!(talk.reply().code, 552);
                talk
            }
            Before::Message => {
                let mut talk = lab.after(&[EHLO]);
                assert_eq!(talk.send(MESSAGE).code, 250);
                talk
            }
            Before::LoggedIn => lab.after(&[EHLO, AUTH]),
            Before::Secured => {
                let mut talk = lab.after(&[EHLO, MAIL, RCPT]);
                assert_eq!(talk.ask("STARTTLS"), 220);
                talk.secured(&lab.authority)
            }
            Before::Refusal => {
                lab.server.set_faults(faults(&["banner#1=554"]));
                let mut talk = lab.connect();
                assert_eq!(talk.reply().code, 554);
                lab.server.set_faults(Vec::new());
                talk
            }
            Before::NoRecipient => {
                let mut talk = lab.after(&[EHLO, MAIL]);
                assert_eq!(talk.ask("RCPT TO:<>"), 501);
                talk
            }
        }
    }
}

fn lab() -> Lab {
    Lab::with(|setup: &mut Setup| {
        setup.secure();
        setup.limits().message = 10_000;
    })
}

#[test]
fn every_command_in_every_state_has_its_code() {
    let lab = lab();
    // In the order of BEFORE.
    #[rustfmt::skip]
    let table: [(&str, [u16; 12]); 19] = [
        //              none helo ehlo mail rcpt bdat fail sent auth  tls  554 norc
        (EHLO,         [250, 250, 250, 250, 250, 250, 250, 250, 250, 250, 503, 250]),
        ("HELO x",     [250, 250, 250, 250, 250, 250, 250, 250, 250, 250, 503, 250]),
        ("STARTTLS",   [503, 503, 220, 220, 220, 220, 220, 220, 220, 503, 503, 220]),
        (AUTH,         [503, 503, 235, 503, 503, 503, 503, 235, 503, 503, 503, 503]),
        ("AUTH LOGIN", [503, 503, 334, 503, 503, 503, 503, 334, 503, 503, 503, 503]),
        (MAIL,         [503, 250, 250, 503, 503, 503, 503, 250, 250, 503, 503, 503]),
        (RCPT,         [503, 503, 503, 250, 250, 503, 503, 503, 503, 503, 503, 250]),
        ("RCPT TO:<>", [503, 503, 503, 501, 501, 503, 503, 503, 503, 503, 503, 501]),
        ("DATA",       [503, 503, 503, 503, 354, 503, 503, 503, 503, 503, 503, 554]),
        ("BDAT 0",     [503, 503, 503, 503, 250, 250, 503, 503, 503, 503, 503, 554]),
        ("BDAT 0 LAST",[503, 503, 503, 503, 250, 250, 503, 503, 503, 503, 503, 554]),
        ("RSET",       [250, 250, 250, 250, 250, 250, 250, 250, 250, 250, 503, 250]),
        ("NOOP",       [250, 250, 250, 250, 250, 250, 250, 250, 250, 250, 503, 250]),
        ("VRFY a@b.c", [252, 252, 252, 252, 252, 252, 252, 252, 252, 252, 503, 252]),
        ("EXPN all",   [502, 502, 502, 502, 502, 502, 502, 502, 502, 502, 503, 502]),
        ("HELP",       [214, 214, 214, 214, 214, 214, 214, 214, 214, 214, 503, 214]),
        ("QUIT",       [221; 12]),
        ("XYZZY",      [500; 12]),
        ("",           [500; 12]),
    ];
    for (command, expected) in table {
        for (before, expected) in BEFORE.into_iter().zip(expected) {
            let mut talk = before.talk(&lab);
            assert_eq!(talk.ask(command), expected, "{command} after {before:?}");
            if command == "QUIT" {
                assert_eq!(talk.rest(), b"", "{before:?}");
            }
        }
    }
}

#[test]
fn what_forgets_a_transaction_forgets_it() {
    let lab = lab();
    for before in [
        Before::Mail,
        Before::Rcpt,
        Before::Chunk,
        Before::FailedChunk,
    ] {
        for command in [EHLO, "HELO x", "RSET"] {
            let mut talk = before.talk(&lab);
            assert_eq!(talk.ask(command), 250);
            assert_eq!(talk.ask("DATA"), 503, "{command} after {before:?}");
            assert_eq!(talk.ask(MAIL), 250, "{command} after {before:?}");
            assert_eq!(talk.ask("DATA"), 503, "the recipients are gone, too");
        }
        for command in ["NOOP", "VRFY x", "HELP", "EXPN x", "XYZZY"] {
            let mut talk = before.talk(&lab);
            talk.ask(command);
            assert_eq!(talk.ask(MAIL), 503, "{command} after {before:?}");
        }
    }
}

#[test]
fn wrong_arguments_have_their_codes_and_change_nothing() {
    let lab = lab();
    let ehlo = &[EHLO][..];
    let helo = &["HELO x"][..];
    let mail = &[EHLO, MAIL][..];
    let rcpt = &[EHLO, MAIL, RCPT][..];
    let cases: [(&[&str], &str, u16, &str); 58] = [
        (&[], "EHLO", 501, "5.5.4"),
        (&[], "HELO", 501, "5.5.4"),
        (&[], "EHLO two words", 501, "5.5.4"),
        (&[], "HELO two words", 501, "5.5.4"),
        (&[], "VRFY", 501, "5.5.4"),
        (ehlo, "STARTTLS now", 501, "5.5.4"),
        (ehlo, "AUTH", 501, "5.5.4"),
        (ehlo, "AUTH PLAIN a b", 501, "5.5.4"),
        (ehlo, "AUTH PLAIN !", 501, "5.5.2"),
        (ehlo, "AUTH XOAUTH2", 504, "5.5.4"),
        (ehlo, "AUTH SCRAM-SHA-256", 504, "5.5.4"),
        (ehlo, "AUTH CRAM-MD5 abcd", 501, "5.7.0"),
        (ehlo, "MAIL", 501, "5.5.4"),
        (ehlo, "MAIL FROM", 501, "5.5.4"),
        (ehlo, "MAIL FROM:", 501, "5.5.4"),
        (ehlo, "MAIL FROM: <a@b.example>", 501, "5.5.4"),
        (ehlo, "MAIL FROM :<a@b.example>", 501, "5.5.4"),
        (ehlo, "MAIL FROM:a@b.example", 501, "5.5.4"),
        (ehlo, "MAIL FROM:<a@b.example", 501, "5.5.4"),
        (ehlo, "MAIL FROM:<a@b.example>SIZE=1", 501, "5.5.4"),
        (ehlo, "MAIL TO:<a@b.example>", 501, "5.5.4"),
        (ehlo, "MAIL FROM:<a>", 501, "5.1.7"),
        (ehlo, "MAIL FROM:<a@>", 501, "5.1.7"),
        (ehlo, "MAIL FROM:<a b@c.example>", 501, "5.1.7"),
        (ehlo, "MAIL FROM:<a@b.example> SIZE=", 501, "5.5.4"),
        (ehlo, "MAIL FROM:<a@b.example> SIZE=x", 501, "5.5.4"),
        (ehlo, "MAIL FROM:<a@b.example> SIZE=-1", 501, "5.5.4"),
        (ehlo, "MAIL FROM:<a@b.example> SIZE=1 SIZE=1", 501, "5.5.4"),
        (ehlo, "MAIL FROM:<a@b.example> BODY=9BIT", 501, "5.5.4"),
        (ehlo, "MAIL FROM:<a@b.example> BODY", 501, "5.5.4"),
        (
            ehlo,
            "MAIL FROM:<a@b.example> BODY=BINARYMIME",
            555,
            "5.5.4",
        ),
        (ehlo, "MAIL FROM:<a@b.example> SMTPUTF8=1", 501, "5.5.4"),
        (ehlo, "MAIL FROM:<a@b.example> RET=SOME", 501, "5.5.4"),
        (ehlo, "MAIL FROM:<a@b.example> ENVID=a=b", 501, "5.5.4"),
        (ehlo, "MAIL FROM:<a@b.example> NOTIFY=NEVER", 555, "5.5.4"),
        (ehlo, "MAIL FROM:<a@b.example> X=1", 555, "5.5.4"),
        (ehlo, "MAIL FROM:<a@b.example> SIZE=10001", 552, "5.3.4"),
        (ehlo, "MAIL FROM:<\u{e4}@b.example>", 553, "5.6.7"),
        (helo, "MAIL FROM:<a@b.example> SIZE=1", 555, "5.5.4"),
        (mail, "RCPT", 501, "5.5.4"),
        (mail, "RCPT FROM:<a@b.example>", 501, "5.5.4"),
        (mail, "RCPT TO: <a@b.example>", 501, "5.5.4"),
        (mail, "RCPT TO:<>", 501, "5.1.3"),
        (mail, "RCPT TO:<a>", 501, "5.1.3"),
        (mail, "RCPT TO:<a@b.example> NOTIFY=LATER", 501, "5.5.4"),
        (
            mail,
            "RCPT TO:<a@b.example> NOTIFY=NEVER,DELAY",
            501,
            "5.5.4",
        ),
        (mail, "RCPT TO:<a@b.example> ORCPT=a@b", 501, "5.5.4"),
        (mail, "RCPT TO:<a@b.example> SIZE=1", 555, "5.5.4"),
        (mail, "RCPT TO:<\u{e4}@b.example>", 553, "5.6.7"),
        (rcpt, "DATA now", 501, "5.5.4"),
        (rcpt, "BDAT", 501, "5.5.4"),
        (rcpt, "BDAT x", 501, "5.5.4"),
        (rcpt, "BDAT -1", 501, "5.5.4"),
        (rcpt, "BDAT 1 NOW", 501, "5.5.4"),
        (rcpt, "BDAT 99999999999999999999 LAST", 501, "5.5.4"),
        (rcpt, "RSET now", 501, "5.5.4"),
        (rcpt, "QUIT now", 501, "5.5.4"),
        (rcpt, "NOOP \u{0}", 500, "5.5.2"),
    ];
    for (before, line, code, enhanced) in cases {
        let mut talk = lab.after(before);
        let reply = talk.asked(line);
        assert_eq!(
            (reply.code, reply.enhanced()),
            (code, enhanced),
            "{line}: {reply:?}"
        );
        // The right command still does what it did.
        let next = match before {
            [] => EHLO,
            [_] => MAIL,
            [_, _] => RCPT,
            _ => "DATA",
        };
        let code = talk.ask(next);
        assert!(code < 400, "{code} to {next} after {line}");
    }
}

#[test]
fn what_the_extensions_add_is_taken() {
    let lab = lab();
    let senders = [
        "MAIL FROM:<>",
        "mail from:<a@b.example>",
        "MAIL FROM:<a@b.example>  ",
        "MAIL FROM:<a@b.example> SIZE=10000",
        "MAIL FROM:<a@b.example> size=0 body=8bitmime",
        "MAIL FROM:<a@b.example> BODY=7BIT",
        "MAIL FROM:<a@b.example> SMTPUTF8",
        "MAIL FROM:<\u{e4}@\u{4f8b}.example> SMTPUTF8",
        "MAIL FROM:<a@b.example> RET=FULL ENVID=a+2Bb",
        "MAIL FROM:<a@b.example> RET=HDRS AUTH=<>",
        "MAIL FROM:<a@b.example> AUTH=e+3Dmc2@example.com",
        "MAIL FROM:<@relay.example:a@b.example>",
        "MAIL FROM:<@one.example,@two.example:a@b.example>",
        "MAIL FROM:<\"a b\"@b.example>",
        "MAIL FROM:<a@[127.0.0.1]>",
        "MAIL FROM:<a@[IPv6:::1]>",
    ];
    for line in senders {
        assert_eq!(lab.after(&[EHLO]).asked(line).code, 250, "{line}");
    }
    let recipients = [
        "RCPT TO:<postmaster>",
        "RCPT TO:<PostMaster>",
        "RCPT TO:<a@b.example> NOTIFY=NEVER",
        "RCPT TO:<a@b.example> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a+2Bb@c",
        "RCPT TO:<@relay.example:a@b.example>",
        "rcpt to:<a@b.example>",
    ];
    for line in recipients {
        assert_eq!(lab.after(&[EHLO, MAIL]).asked(line).code, 250, "{line}");
    }
    let utf8 = "RCPT TO:<\u{7528}\u{6237}@\u{4f8b}.example>";
    let mail = format!("{MAIL} SMTPUTF8");
    assert_eq!(lab.after(&[EHLO, &mail]).ask(utf8), 250);
}

#[test]
fn ehlo_offers_what_there_is_and_helo_nothing() {
    let lab = lab();
    let mut talk = lab.greeted();
    let offered = talk.asked(EHLO).lines;
    for keyword in [
        "PIPELINING",
        "SIZE 10000",
        "STARTTLS",
        "AUTH PLAIN LOGIN CRAM-MD5",
        "8BITMIME",
        "SMTPUTF8",
        "CHUNKING",
        "DSN",
        "ENHANCEDSTATUSCODES",
        "HELP",
    ] {
        assert!(offered[1..].iter().any(|line| line == keyword), "{keyword}");
    }
    assert!(offered[0].starts_with("lab.example"), "{offered:?}");
    assert_eq!(talk.asked("HELO x").lines.len(), 1);
    let mut talk = lab.session().upgraded(&lab.authority);
    let offered = talk.asked(EHLO).lines;
    assert!(!offered.contains(&"STARTTLS".to_owned()), "{offered:?}");
    let without = Lab::new();
    let mut talk = without.greeted();
    let offered = talk.asked(EHLO).lines;
    assert!(!offered.contains(&"STARTTLS".to_owned()), "{offered:?}");
    assert_eq!(talk.ask("STARTTLS"), 502);
}

#[test]
fn a_browser_is_sent_away_and_nothing_in_its_request_is_done() {
    for verb in ["GET", "POST", "PUT", "CONNECT", "OPTIONS"] {
        let mut lab = Lab::new();
        let mut talk = lab.greeted();
        talk.say(format!(
            "{verb} / HTTP/1.1\r\nHost: x\r\n\r\n{EHLO}\r\n{MAIL}\r\n{RCPT}\r\nDATA\r\n{MESSAGE}.\r\n"
        ));
        assert_eq!(talk.reply().code, 421);
        assert_eq!(talk.finish(), b"", "{verb}");
        lab.wait_for_all();
        let report = lab.server.report();
        assert_eq!((report.counts.commands, report.held), (1, 0), "{verb}");
    }
}

#[test]
fn tls_at_the_port_for_clear_text_is_told_so() {
    let mut lab = lab();
    let mut talk = lab.greeted();
    talk.say([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
    assert_eq!(talk.reply().code, 421);
    assert_eq!(talk.finish(), b"");
    lab.wait_for_all();
}
