//! Our client against servers that are slow, odd, broken or hostile: what it makes of them, whom it tells what, and what it never sends.

use sockscope::proto::secret::Secret;
use sockscope::proto::smtp::outcome::{
    Failure, Need, Outcome, Recipient, RecipientFate, TlsFailure,
};
use sockscope::proto::smtp::plan::{Login, Password, Plan, Retry, Security};
use sockscope::proto::smtp::reply::Oddity;
use sockscope::proto::smtp::sasl::Mechanism;
use sockscope::proto::smtp::stage::Stage;
use sockscope::trace::mail::{Fit, SendingEvent, Speech};
use sockscope::trace::transcript::{Latencies, Transcript};

use crate::support::mail::hostile::{Heard, Hostile, Script};
use crate::support::mail::{Sent, plan, sent};

const HELLO: &str = "EHLO client.example";
const LOGIN: [&str; 3] = ["AUTH LOGIN", "c3R1ZGVudA==", "c2VjcmV0"];
const FROM: &str = "MAIL FROM:<a@b.example>";
const ONE: &str = "RCPT TO:<one@d.example>";
const TWO: &str = "RCPT TO:<two@d.example>";
const BOTH: [RecipientFate; 2] = [RecipientFate::Accepted; 2];

/// A session, its lines put together from some of these.
fn lines(parts: &[&[&str]]) -> Vec<String> {
    let all = parts.iter().flat_map(|part| part.iter());
    all.map(|line| (*line).to_owned()).collect()
}

/// What is heard when nothing goes wrong.
fn all_of_it() -> Vec<String> {
    lines(&[
        &[HELLO],
        &LOGIN,
        &[FROM, ONE, TWO, "DATA", "message", "QUIT"],
    ])
}

/// A plan that logs in.
fn with_login(hostile: &Hostile) -> Plan {
    let mut plan = plan(hostile.address);
    plan.login = Some(Login {
        mechanism: Mechanism::Login,
        user: "student".to_owned(),
        password: Password::Typed(Secret::from("secret")),
    });
    plan
}

struct Ran {
    sent: Sent,
    heard: Vec<Heard>,
}

impl Ran {
    fn outcome(&self) -> &Outcome {
        &self.sent.summary.outcome
    }

    fn fates(&self) -> Vec<RecipientFate> {
        let recipients = &self.sent.summary.recipients;
        recipients.iter().map(|one| one.fate).collect()
    }

    /// What is odd about the replies, by the command they answer.
    fn odd(&self) -> Vec<(Stage, Oddity)> {
        let mut odd = Vec::new();
        for (stage, reply, _) in replies(&self.sent) {
            odd.extend(reply.odd.iter().map(|oddity| (stage, *oddity)));
        }
        odd
    }

    /// How the replies fit that are not as they should be.
    fn unfit(&self) -> Vec<(Stage, u16, Fit)> {
        replies(&self.sent)
            .into_iter()
            .filter(|(_, _, fit)| *fit != Fit::Expected)
            .map(|(stage, reply, fit)| (stage, reply.code.0, fit))
            .collect()
    }

    /// The message as the server got it, in its only connection.
    fn message(&self) -> String {
        let [heard] = &self.heard[..] else {
            panic!("one connection");
        };
        let [message] = &heard.messages[..] else {
            panic!("one message: {:?}", heard.lines);
        };
        String::from_utf8_lossy(message).into_owned()
    }
}

fn replies(sent: &Sent) -> Vec<(Stage, sockscope::proto::smtp::reply::Reply, Fit)> {
    let spoken = sent.events.iter().filter_map(|event| match event {
        SendingEvent::Spoken(spoken) => Some(spoken),
        _ => None,
    });
    spoken
        .filter_map(|spoken| match &spoken.what {
            Speech::Reply { reply, fit, .. } => Some((spoken.stage, (**reply).clone(), *fit)),
            _ => None,
        })
        .collect()
}

/// Sends with a login to a server that follows this script.
fn run(script: Script) -> Ran {
    let hostile = Hostile::start(script);
    let plan = with_login(&hostile);
    run_plan(hostile, &plan)
}

/// The same without a login.
fn run_open(script: Script) -> Ran {
    let hostile = Hostile::start(script);
    let plan = plan(hostile.address);
    run_plan(hostile, &plan)
}

fn run_plan(hostile: Hostile, plan: &Plan) -> Ran {
    let sent = sent(plan);
    let heard = hostile.heard();
    let ran = Ran { sent, heard };
    // Whatever the server does: no body where none was asked for, and none but ended by the one true end.
    for heard in &ran.heard {
        for (before, line) in heard.lines.iter().zip(heard.lines.iter().skip(1)) {
            assert!(line != "message" || before == "DATA", "{:?}", heard.lines);
            assert!(
                !line.starts_with("Subject:") && !line.starts_with("From:"),
                "{:?}",
                heard.lines
            );
        }
    }
    ran
}

/// A session that is odd and goes well.
fn goes_well(row: u8, script: Script, odd: &[(Stage, Oddity)], unfit: &[(Stage, u16, Fit)]) {
    let ran = run(script);
    assert_eq!(
        *ran.outcome(),
        Outcome::Sent,
        "row {row}: {:?}",
        ran.sent.dialogue()
    );
    assert_eq!(ran.fates(), BOTH, "row {row}");
    assert_eq!(ran.heard[0].lines, all_of_it(), "row {row}");
    assert_eq!(ran.odd(), odd, "row {row}");
    assert_eq!(ran.unfit(), unfit, "row {row}");
    assert_eq!(ran.sent.summary.stage, Stage::Quit, "row {row}");
    assert!(
        ran.message().contains("\r\n\r\nOne.\r\n..two\r\n.\r\n"),
        "row {row}: {}",
        ran.message()
    );
}

#[test]
fn what_is_merely_odd_is_accepted_and_marked() {
    use Oddity::{AuthEquals, BareLf, CodeOnly, DifferingCodes, NotBase64, UnknownSecondDigit};
    goes_well(0, Script::right(), &[], &[]);
    goes_well(
        1,
        Script::with(&[("(banner)", "220-lab\r\n220-more\r\n220 go\r\n")]),
        &[],
        &[],
    );
    goes_well(2, Script::right().byte_by_byte(), &[], &[]);
    let bare = Script::with(&[
        ("(banner)", "220 lab\n"),
        ("EHLO", "250-lab\n250 AUTH LOGIN\n"),
        ("MAIL", "250 ok\n"),
        ("(dot)", "250 ok\n"),
    ]);
    let stages = [Stage::Banner, Stage::Ehlo, Stage::Mail, Stage::Dot];
    goes_well(3, bare, &stages.map(|stage| (stage, BareLf)), &[]);
    let bare_codes = Script::with(&[
        ("(banner)", "220\r\n"),
        ("MAIL", "250\r\n"),
        ("RCPT", "250\r\n"),
        ("DATA", "354\r\n"),
        ("(dot)", "250\r\n"),
        ("QUIT", "221\r\n!"),
    ]);
    let stages = [
        Stage::Banner,
        Stage::Mail,
        Stage::Rcpt,
        Stage::Rcpt,
        Stage::Data,
        Stage::Dot,
        Stage::Quit,
    ];
    goes_well(4, bare_codes, &stages.map(|stage| (stage, CodeOnly)), &[]);
    goes_well(
        6,
        Script::with(&[("EHLO", "250-lab\r\n250 auth login\r\n")]),
        &[],
        &[],
    );
    let equals = Script::with(&[("EHLO", "250-lab\r\n250 AUTH=LOGIN\r\n")]);
    goes_well(7, equals, &[(Stage::Ehlo, AuthEquals)], &[]);
    let differing = Script::with(&[("EHLO", "250-lab\r\n251-AUTH LOGIN\r\n250 HELP\r\n")]);
    goes_well(8, differing, &[(Stage::Ehlo, DifferingCodes)], &[]);
    goes_well(
        9,
        Script::with(&[("EHLO", "250-lab\r\n250-AUTH LOGIN\r\n250 \r\n")]),
        &[],
        &[],
    );
    let null = Script::with(&[
        ("AUTH", "334 VXNlciBOYW1lAA==\r\n"),
        ("(user)", "334 UGFzc3dvcmQA\r\n"),
    ]);
    goes_well(10, null, &[], &[]);
    goes_well(
        11,
        Script::with(&[("AUTH", "334 \r\n"), ("(user)", "334 \r\n")]),
        &[],
        &[],
    );
    let bare = Script::with(&[("AUTH", "334\r\n"), ("(user)", "334\r\n")]);
    goes_well(12, bare, &[(Stage::Auth, CodeOnly); 2], &[]);
    let clear = Script::with(&[
        ("AUTH", "334 Username:\r\n"),
        ("(user)", "334 Password:\r\n"),
    ]);
    goes_well(13, clear, &[(Stage::Auth, NotBase64); 2], &[]);
    goes_well(
        17,
        Script::with(&[("MAIL", "299 what\r\n")]),
        &[(Stage::Mail, UnknownSecondDigit)],
        &[(Stage::Mail, 299, Fit::NotInTheList)],
    );
}

#[test]
fn helo_is_the_answer_to_500_502_504_and_550_only() {
    for code in [500, 502, 504, 550] {
        let ran = run_open(Script::with(&[("EHLO", &format!("{code} what\r\n"))]));
        assert_eq!(*ran.outcome(), Outcome::Sent, "{code}");
        let helo = &[
            HELLO,
            "HELO client.example",
            FROM,
            ONE,
            TWO,
            "DATA",
            "message",
            "QUIT",
        ];
        assert_eq!(ran.heard[0].lines, *helo, "{code}");
        // A server without EHLO has no AUTH: nothing goes out that was to go out with a login.
        let ran = run(Script::with(&[("EHLO", &format!("{code} what\r\n"))]));
        let need = Need::Mechanism {
            wanted: "LOGIN".to_owned(),
            offered: Vec::new(),
        };
        assert_eq!(*ran.outcome(), Outcome::Failed(Failure::NotOffered(need)));
        assert_eq!(ran.heard[0].lines, [HELLO, "HELO client.example", "QUIT"]);
    }
    for code in [451, 501, 503, 521, 554] {
        let ran = run_open(Script::with(&[("EHLO", &format!("{code} what\r\n"))]));
        assert_eq!(*ran.outcome(), Outcome::Refused, "{code}");
        assert_eq!(ran.heard[0].lines, [HELLO, "QUIT"], "{code}");
    }
    let ran = run_open(Script::with(&[("EHLO", "421 4.3.2 busy\r\n!")]));
    assert_eq!(*ran.outcome(), Outcome::Refused);
    assert_eq!(ran.heard[0].lines, [HELLO]);
    let verdict = ran.sent.summary.recipients[0].reply.as_ref();
    assert_eq!(verdict.expect("it was said why").code.0, 421);
}

#[test]
fn a_login_is_235_and_nothing_else() {
    // Row 14, at each turn, and row 15.
    let turns: [(&'static str, usize); 3] = [("AUTH", 1), ("(user)", 2), ("(password)", 3)];
    for (turn, said) in turns {
        for code in [250, 220, 354, 500, 504, 534, 535, 538] {
            let ran = run(Script::with(&[(turn, &format!("{code} 5.7.8 what\r\n"))]));
            assert_eq!(*ran.outcome(), Outcome::LoginRefused, "{code} at {turn}");
            assert_eq!(
                ran.fates(),
                [RecipientFate::NotTried; 2],
                "{code} at {turn}"
            );
            assert_eq!(ran.sent.summary.stage, Stage::Auth);
            let expected = lines(&[&[HELLO], &LOGIN[..said], &["QUIT"]]);
            assert_eq!(ran.heard[0].lines, expected, "{code} at {turn}");
        }
    }
    let ran = run(Script::with(&[("(password)", "250 2.0.0 Ok\r\n")]));
    assert_eq!(ran.unfit(), [(Stage::Auth, 250, Fit::NotInTheList)]);
    let ran = run(Script::with(&[("(password)", "535 5.7.8 No\r\n")]));
    assert_eq!(ran.unfit(), [(Stage::Auth, 535, Fit::Refusal)]);
    // A question too many is given up, and a server that asks on for ever is left.
    for last in ["501 fine\r\n", "334 UGFzc3dvcmQ6\r\n"] {
        let script = Script::with(&[("(password)", "334 UGFzc3dvcmQ6\r\n"), ("*", last)]);
        let ran = run(script);
        assert_eq!(*ran.outcome(), Outcome::LoginRefused);
        let expected = lines(&[&[HELLO], &LOGIN, &["*", "QUIT"]]);
        assert_eq!(ran.heard[0].lines, expected);
    }
    // Nothing is tried that is not offered.
    let ran = run(Script::with(&[(
        "EHLO",
        "250-lab\r\n250 AUTH PLAIN CRAM-MD5\r\n",
    )]));
    let need = Need::Mechanism {
        wanted: "LOGIN".to_owned(),
        offered: vec!["PLAIN".to_owned(), "CRAM-MD5".to_owned()],
    };
    assert_eq!(*ran.outcome(), Outcome::Failed(Failure::NotOffered(need)));
    assert_eq!(ran.heard[0].lines, [HELLO, "QUIT"]);
}

/// All that is said before the reply to this.
fn up_to(line: &str) -> Vec<String> {
    if line == "(banner)" {
        return Vec::new();
    }
    let all = all_of_it();
    let wanted = match line {
        "(user)" => LOGIN[1],
        "(password)" => LOGIN[2],
        "(dot)" => "message",
        line => line,
    };
    let at = all.iter().position(|said| said.starts_with(wanted));
    all[..=at.expect("it is said")].to_vec()
}

const STAGES: [(&str, Stage); 11] = [
    ("(banner)", Stage::Banner),
    ("EHLO", Stage::Ehlo),
    ("AUTH", Stage::Auth),
    ("(user)", Stage::Auth),
    ("(password)", Stage::Auth),
    ("MAIL", Stage::Mail),
    (ONE, Stage::Rcpt),
    (TWO, Stage::Rcpt),
    ("DATA", Stage::Data),
    ("(dot)", Stage::Dot),
    ("QUIT", Stage::Quit),
];

#[test]
fn a_shutdown_is_final_wherever_it_comes() {
    // Row 16, at every stage; the connection stays open on the server's side, and is closed all the same.
    for (line, stage) in STAGES {
        for closes in ["!", ""] {
            let ran = run(Script::with(&[(
                line,
                &format!("421 4.3.2 going down\r\n{closes}"),
            )]));
            assert_eq!(
                ran.heard[0].lines,
                up_to(line),
                "nothing more is said after {line}"
            );
            if stage == Stage::Quit {
                assert_eq!(*ran.outcome(), Outcome::Sent);
                continue;
            }
            assert_eq!(*ran.outcome(), Outcome::Refused, "{line}");
            assert_eq!(ran.fates(), [RecipientFate::Deferred; 2], "{line}");
            assert_eq!(ran.sent.summary.stage, stage, "{line}");
        }
    }
}

#[test]
fn a_silent_close_is_a_loss_and_after_the_dot_unknown() {
    // Row 23, at every stage.
    for (line, stage) in STAGES {
        let ran = run(Script::with(&[(line, "!")]));
        assert_eq!(ran.heard[0].lines, up_to(line), "{line}");
        match stage {
            Stage::Quit => assert_eq!(*ran.outcome(), Outcome::Sent),
            Stage::Dot => {
                assert_eq!(*ran.outcome(), Outcome::Unknown);
                assert_eq!(ran.fates(), [RecipientFate::Unknown; 2]);
            }
            _ => {
                assert!(
                    matches!(ran.outcome(), Outcome::Failed(Failure::Lost(_))),
                    "{line}: {:?}",
                    ran.outcome()
                );
                assert_eq!(ran.fates(), [RecipientFate::NotTried; 2], "{line}");
            }
        }
        if stage != Stage::Quit {
            assert_eq!(ran.sent.summary.stage, stage, "{line}");
        }
    }
    // Half a reply is none.
    let ran = run(Script::with(&[("(dot)", "250 o!")]));
    assert_eq!(*ran.outcome(), Outcome::Unknown);
    let ran = run(Script::with(&[("EHLO", "250-lab\r\n250-AUTH LOGIN\r\n!")]));
    assert!(matches!(ran.outcome(), Outcome::Failed(Failure::Lost(_))));
    // Closed behind a reply that was right.
    let ran = run_open(Script::with(&[("EHLO", "250 lab\r\n!")]));
    assert!(matches!(ran.outcome(), Outcome::Failed(Failure::Lost(_))));
    assert_eq!(ran.fates(), [RecipientFate::NotTried; 2]);
    // The first recipient had no answer yet, the second had no chance.
    let ran = run(Script::with(&[(TWO, "550 no\r\n"), ("(dot)", "!")]));
    assert_eq!(
        ran.fates(),
        [RecipientFate::Unknown, RecipientFate::Refused]
    );
    assert_eq!(*ran.outcome(), Outcome::Unknown);
}

#[test]
fn each_recipient_has_a_result_of_its_own() {
    use RecipientFate::{Accepted, Deferred, Refused};
    let to_data = &[FROM, ONE, TWO, "DATA", "message", "QUIT"][..];
    let to_reset = &[FROM, ONE, TWO, "RSET", "QUIT"][..];
    let no_body = &[FROM, ONE, TWO, "DATA", "RSET", "QUIT"][..];
    type Case = (
        &'static [(&'static str, &'static str)],
        Outcome,
        [RecipientFate; 2],
        Stage,
    );
    let cases: [(Case, &[&str]); 14] = [
        // Row 18.
        (
            (
                &[("RCPT", "451 4.7.1 Greylisted\r\n")],
                Outcome::Refused,
                [Deferred; 2],
                Stage::Rcpt,
            ),
            to_reset,
        ),
        (
            (
                &[(ONE, "451 4.7.1 Greylisted\r\n")],
                Outcome::PartlySent,
                [Deferred, Accepted],
                Stage::Dot,
            ),
            to_data,
        ),
        // Row 19.
        (
            (
                &[(ONE, "550 5.1.1 No\r\n")],
                Outcome::PartlySent,
                [Refused, Accepted],
                Stage::Dot,
            ),
            to_data,
        ),
        (
            (
                &[(TWO, "550 5.1.1 No\r\n")],
                Outcome::PartlySent,
                [Accepted, Refused],
                Stage::Dot,
            ),
            to_data,
        ),
        // Row 20: nobody before was accepted, so that it is not about their number.
        (
            (
                &[(ONE, "452 4.2.2 Full\r\n")],
                Outcome::PartlySent,
                [Deferred, Accepted],
                Stage::Dot,
            ),
            to_data,
        ),
        (
            (
                &[(TWO, "452 4.2.2 Full\r\n")],
                Outcome::PartlySent,
                [Accepted, Deferred],
                Stage::Dot,
            ),
            to_data,
        ),
        // Row 21.
        (
            (
                &[("RCPT", "550 5.1.1 No\r\n")],
                Outcome::Refused,
                [Refused; 2],
                Stage::Rcpt,
            ),
            to_reset,
        ),
        (
            (
                &[(ONE, "550 No\r\n"), (TWO, "450 Busy\r\n")],
                Outcome::Refused,
                [Refused, Deferred],
                Stage::Rcpt,
            ),
            to_reset,
        ),
        // Row 22.
        (
            (
                &[("DATA", "250 2.0.0 Ok\r\n")],
                Outcome::Refused,
                [Refused; 2],
                Stage::Data,
            ),
            no_body,
        ),
        (
            (
                &[("DATA", "220 Go\r\n")],
                Outcome::Refused,
                [Refused; 2],
                Stage::Data,
            ),
            no_body,
        ),
        (
            (
                &[("DATA", "451 Later\r\n")],
                Outcome::Refused,
                [Deferred; 2],
                Stage::Data,
            ),
            no_body,
        ),
        (
            (
                &[("DATA", "554 No\r\n")],
                Outcome::Refused,
                [Refused; 2],
                Stage::Data,
            ),
            no_body,
        ),
        // Row 24.
        (
            (
                &[("(dot)", "552 5.3.4 Too big\r\n")],
                Outcome::Refused,
                [Refused; 2],
                Stage::Dot,
            ),
            to_data,
        ),
        (
            (
                &[("(dot)", "452 4.3.1 Full\r\n")],
                Outcome::Refused,
                [Deferred; 2],
                Stage::Dot,
            ),
            to_data,
        ),
    ];
    for ((script, outcome, fates, stage), said) in cases {
        let ran = run_open(Script::with(script));
        assert_eq!(*ran.outcome(), outcome, "{script:?}");
        assert_eq!(ran.fates(), fates, "{script:?}");
        assert_eq!(ran.heard[0].lines, lines(&[&[HELLO], said]), "{script:?}");
        if outcome == Outcome::Refused {
            assert_eq!(ran.sent.summary.stage, stage, "{script:?}");
        }
        for Recipient { fate, reply, .. } in &ran.sent.summary.recipients {
            let code = reply.as_ref().map_or(0, |verdict| verdict.code.0);
            let is_right = match fate {
                Accepted => code == 250,
                Deferred => (400..500).contains(&code),
                _ => code >= 500 || script[0].0 == "DATA",
            };
            assert!(is_right, "{fate:?} by {code}");
        }
    }
    for (script, code) in [
        ("MAIL", "550 No"),
        ("MAIL", "354 Go"),
        ("MAIL", "450 Later"),
    ] {
        let ran = run_open(Script::with(&[(script, &format!("{code}\r\n"))]));
        assert_eq!(*ran.outcome(), Outcome::Refused, "{code}");
        assert_eq!(ran.heard[0].lines[..2], [HELLO, FROM]);
        assert!(
            !ran.heard[0]
                .lines
                .iter()
                .any(|line| line == "DATA" || line.starts_with("RCPT"))
        );
    }
}

#[test]
fn too_many_recipients_go_into_a_second_transaction() {
    // RFC 5321 §4.5.3.1.10, in the new form and in the old one.
    for refusal in [
        "452 too many\r\n",
        "452 4.5.3 too many\r\n",
        "552 too many\r\n",
    ] {
        let ran = run_open(Script::right().then(TWO, refusal).then(TWO, "250 ok\r\n"));
        assert_eq!(*ran.outcome(), Outcome::Sent, "{refusal}");
        assert_eq!(ran.fates(), BOTH, "{refusal}");
        let first = &[HELLO, FROM, ONE, TWO, "DATA", "message"];
        let second = &[FROM, TWO, "DATA", "message", "QUIT"];
        assert_eq!(ran.heard[0].lines, lines(&[first, second]), "{refusal}");
        let messages = &ran.heard[0].messages;
        assert_eq!(messages[0], messages[1], "the same message");
    }
    // It ends, even if the server says so again and again.
    let ran = run_open(Script::with(&[(TWO, "452 4.5.3 too many\r\n")]));
    assert_eq!(
        ran.fates(),
        [RecipientFate::Accepted, RecipientFate::Deferred]
    );
    let second = &[FROM, TWO, "RSET", "QUIT"];
    let first = &[HELLO, FROM, ONE, TWO, "DATA", "message"];
    assert_eq!(ran.heard[0].lines, lines(&[first, second]));
}

#[test]
fn deferred_recipients_are_tried_again_on_a_new_connection() {
    let hostile = Hostile::serve(3, |number, peer| {
        let script = match number {
            0 => Script::with(&[(TWO, "451 4.7.1 Greylisted\r\n")]),
            1 => Script::with(&[("(banner)", "421 busy\r\n!")]),
            _ => Script::right(),
        };
        peer.follow(&script);
    });
    let mut plan = plan(hostile.address);
    plan.retry = Retry::After {
        pause: std::time::Duration::from_millis(20),
        times: 5,
    };
    let ran = run_plan(hostile, &plan);
    assert_eq!(*ran.outcome(), Outcome::Sent);
    assert_eq!(ran.fates(), BOTH);
    assert_eq!(
        ran.heard[0].lines,
        [HELLO, FROM, ONE, TWO, "DATA", "message", "QUIT"]
    );
    assert_eq!(ran.heard[1].lines, [""; 0]);
    assert_eq!(
        ran.heard[2].lines,
        [HELLO, FROM, TWO, "DATA", "message", "QUIT"]
    );
    assert_eq!(ran.heard[0].messages, ran.heard[2].messages);
    let retries: Vec<Vec<String>> = ran
        .sent
        .events
        .iter()
        .filter_map(|event| match event {
            SendingEvent::Retrying {
                at,
                until,
                recipients,
            } => {
                assert_eq!(*until - *at, std::time::Duration::from_millis(20));
                Some(recipients.iter().map(ToString::to_string).collect())
            }
            _ => None,
        })
        .collect();
    assert_eq!(retries, [["two@d.example"], ["two@d.example"]]);
    let attempts: Vec<u32> = ran
        .sent
        .events
        .iter()
        .filter_map(|event| match event {
            SendingEvent::Connecting { attempt, .. } => Some(*attempt),
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [1, 2, 3]);
}

#[test]
fn tries_come_to_an_end() {
    let hostile = Hostile::serve(3, |_, peer| {
        peer.follow(&Script::with(&[("RCPT", "451 Later\r\n")]))
    });
    let mut plan = plan(hostile.address);
    plan.retry = Retry::After {
        pause: std::time::Duration::from_millis(1),
        times: 2,
    };
    let ran = run_plan(hostile, &plan);
    assert_eq!(*ran.outcome(), Outcome::Refused);
    assert_eq!(ran.fates(), [RecipientFate::Deferred; 2]);
    assert_eq!(ran.heard.len(), 3);
}

#[test]
fn a_greeting_that_refuses_gets_quit() {
    // Row 25.
    for code in [554, 521, 450, 250] {
        let ran = run(Script::with(&[(
            "(banner)",
            &format!("{code} No SMTP here\r\n"),
        )]));
        assert_eq!(
            *ran.outcome(),
            if code == 250 {
                Outcome::Sent
            } else {
                Outcome::Refused
            },
            "{code}"
        );
        if code != 250 {
            assert_eq!(ran.heard[0].lines, ["QUIT"], "{code}");
            assert_eq!(ran.sent.summary.stage, Stage::Banner);
        }
    }
}

#[test]
fn control_sequences_reach_nobody() {
    // Row 26.
    let hostile_text = "\u{1b}[2J\u{1b}]0;owned\u{7} hi\u{8}\u{9b}1m\0";
    for banner in [
        format!("220 {hostile_text}\r\n"),
        format!("554 {hostile_text}\r\n"),
    ] {
        let ran = run_open(Script::with(&[("(banner)", &banner)]));
        assert!(
            ran.odd().contains(&(Stage::Banner, Oddity::NotText)),
            "{:?}",
            ran.odd()
        );
        let mut transcript = Transcript::new(Latencies::Shown);
        let mut shown: Vec<String> = Vec::new();
        for event in &ran.sent.events {
            shown.extend(transcript.lines(event));
        }
        for recipient in &ran.sent.summary.recipients {
            shown.extend(recipient.reply.as_ref().map(|verdict| verdict.text.clone()));
        }
        assert!(shown.iter().any(|line| line.contains("hi")));
        for line in &shown {
            assert!(!line.contains(char::is_control), "{line:?}");
        }
        assert_eq!(
            ran.outcome().name(),
            if banner.starts_with('2') {
                "sent"
            } else {
                "refused"
            }
        );
    }
}

#[test]
fn endless_replies_end() {
    // Rows 27 and 28.
    let long = format!("220 {}\r\n", "x".repeat(300_000));
    let many = "220-and so on\r\n".repeat(100_000);
    let wide = format!("220-{}\r\n", "x".repeat(4_000)).repeat(100);
    for banner in [long, many, wide] {
        let ran = run(Script::with(&[("(banner)", &banner)]));
        assert!(
            matches!(ran.outcome(), Outcome::Failed(Failure::NotAReply(_))),
            "{:?}",
            ran.outcome()
        );
        assert_eq!(ran.heard[0].lines, [""; 0]);
        assert_eq!(ran.sent.summary.stage, Stage::Banner);
    }
    for (line, reply) in [
        ("EHLO", "hello\r\n"),
        ("MAIL", "25 ok\r\n"),
        ("MAIL", "2500 ok\r\n"),
        ("MAIL", "150 ok\r\n"),
        ("MAIL", "999 ok\r\n"),
        ("MAIL", "\r\n"),
        ("MAIL", "250-ok\r\nwhat\r\n"),
    ] {
        let ran = run_open(Script::with(&[(line, reply)]));
        assert!(
            matches!(ran.outcome(), Outcome::Failed(Failure::NotAReply(_))),
            "{reply:?}: {:?}",
            ran.outcome()
        );
        assert_eq!(ran.fates(), [RecipientFate::NotTried; 2], "{reply:?}");
    }
    // Long, but not too long.
    let ran = run_open(Script::with(&[(
        "MAIL",
        &format!("250 {}\r\n", "x".repeat(5_000)),
    )]));
    assert_eq!(*ran.outcome(), Outcome::Sent);
    assert_eq!(ran.odd(), [(Stage::Mail, Oddity::LongLine)]);
}

fn run_starttls(script: Script) -> Ran {
    let hostile = Hostile::start(script);
    let mut plan = with_login(&hostile);
    plan.security = Security::StartTls;
    run_plan(hostile, &plan)
}

const OFFERS_TLS: (&str, &str) = ("EHLO", "250-lab\r\n250-STARTTLS\r\n250 AUTH LOGIN\r\n");

#[test]
fn without_tls_nothing_goes_out_that_was_to_go_out_in_it() {
    let refused = |code| TlsFailure::Refused(sockscope::proto::smtp::code::Code(code));
    type Case = (
        &'static [(&'static str, &'static str)],
        TlsFailure,
        &'static [&'static str],
    );
    let cases: [Case; 6] = [
        // Cut out of the reply by somebody on the way.
        (&[], TlsFailure::NotOffered, &[HELLO, "QUIT"]),
        (
            &[("EHLO", "250-lab\r\n250-XXXXXXXA\r\n250 AUTH LOGIN\r\n")],
            TlsFailure::NotOffered,
            &[HELLO, "QUIT"],
        ),
        (
            &[("EHLO", "502 what\r\n")],
            TlsFailure::NotOffered,
            &[HELLO, "HELO client.example", "QUIT"],
        ),
        (
            &[OFFERS_TLS, ("STARTTLS", "454 4.7.0 Not now\r\n")],
            refused(454),
            &[HELLO, "STARTTLS", "QUIT"],
        ),
        (
            &[OFFERS_TLS, ("STARTTLS", "250 ok\r\n")],
            refused(250),
            &[HELLO, "STARTTLS", "QUIT"],
        ),
        (
            &[OFFERS_TLS, ("STARTTLS", "554 no\r\n")],
            refused(554),
            &[HELLO, "STARTTLS", "QUIT"],
        ),
    ];
    for (script, failure, said) in cases {
        let ran = run_starttls(Script::with(script));
        assert_eq!(
            *ran.outcome(),
            Outcome::Failed(Failure::Tls(failure)),
            "{script:?}"
        );
        assert_eq!(ran.heard[0].lines, said, "{script:?}");
        assert_eq!(ran.fates(), [RecipientFate::NotTried; 2]);
    }
}

#[test]
fn what_is_injected_at_starttls_ends_the_session() {
    // Row 29: a whole reply, half a one, and several, in one segment with the 220.
    for injected in [
        "250-lab\r\n250 AUTH LOGIN\r\n",
        "250",
        "220 lab\r\n235 ok\r\n250 ok\r\n250 ok\r\n",
    ] {
        let hostile = Hostile::serve(1, move |_, peer| {
            peer.say("220 lab\r\n");
            peer.hear();
            peer.say(OFFERS_TLS.1);
            assert_eq!(peer.hear().as_deref(), Some("STARTTLS"));
            peer.say(format!("220 go\r\n{injected}"));
            // Not even a handshake is begun.
            let mut rest = Vec::new();
            // A reset is an end, too.
            let _ = std::io::Read::read_to_end(&mut peer.reader, &mut rest);
            assert_eq!(rest.escape_ascii().to_string(), "");
        });
        let mut plan = with_login(&hostile);
        plan.security = Security::StartTls;
        let ran = run_plan(hostile, &plan);
        let bytes = injected.as_bytes().into();
        let failure = Failure::Tls(TlsFailure::Injected(bytes));
        assert_eq!(*ran.outcome(), Outcome::Failed(failure));
        assert_eq!(ran.fates(), [RecipientFate::NotTried; 2]);
    }
}

#[test]
fn what_nobody_asked_for_is_noted_and_changes_nothing() {
    let cases = [
        ("EHLO", "250 lab\r\n250 extra\r\n", Stage::Ehlo),
        ("DATA", "354 go on\r\n250 extra\r\n", Stage::Data),
        ("(dot)", "250 ok\r\n550 extra\r\n", Stage::Dot),
    ];
    for (line, reply, stage) in cases {
        let ran = run_open(Script::with(&[(line, reply)]));
        assert_eq!(*ran.outcome(), Outcome::Sent, "{line}");
        assert_eq!(ran.fates(), BOTH, "{line}");
        let unfit = ran.unfit();
        assert_eq!(unfit.len(), 1, "{line}: {unfit:?}");
        assert_eq!((unfit[0].0, unfit[0].2), (stage, Fit::Unasked), "{line}");
    }
}

#[test]
fn garbage_in_place_of_a_handshake_is_no_tls() {
    for (reply, security) in [
        ("220 lab\r\n", Security::Tls),
        ("\x15\x03\x01\0\x02\x02\x28", Security::Tls),
    ] {
        let hostile = Hostile::serve(1, move |_, peer| {
            peer.say(reply);
            let mut rest = Vec::new();
            // A reset is an end, too.
            let _ = std::io::Read::read_to_end(&mut peer.reader, &mut rest);
            let text = String::from_utf8_lossy(&rest);
            assert!(!text.contains("EHLO") && !text.contains("AUTH"), "{text}");
        });
        let mut plan = with_login(&hostile);
        plan.security = security;
        let ran = run_plan(hostile, &plan);
        assert!(
            matches!(
                ran.outcome(),
                Outcome::Failed(Failure::Tls(TlsFailure::Handshake(_)))
            ),
            "{:?}",
            ran.outcome()
        );
        let card =
            ran.sent.events.iter().any(
                |event| matches!(event, SendingEvent::Tls { card, .. } if card.error.is_some()),
            );
        assert!(card, "the failure is shown");
    }
}
