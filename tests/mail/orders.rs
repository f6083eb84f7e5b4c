//! A person at the client: each command held, let go, edited, replaced; an end in the middle; and where a sending is told to end.

use sockscope::proto::secret::Secret;
use sockscope::proto::smtp::outcome::{Outcome, RecipientFate};
use sockscope::proto::smtp::plan::{Login, Order, Pace, Password, Plan, Retry, Security};
use sockscope::proto::smtp::sasl::Mechanism;
use sockscope::proto::smtp::stage::Stage;
use sockscope::trace::mail::SendingEvent;

use crate::support::mail::hostile::{Hostile, Script};
use crate::support::mail::{Lab, Sent, mailbox, plan, sent, sent_with};

/// To a single recipient, with a login.
fn short_plan(address: std::net::SocketAddr) -> Plan {
    let mut plan = plan(address);
    plan.message.to = vec![mailbox("one@d.example")];
    plan.login = Some(Login {
        mechanism: Mechanism::Plain,
        user: "student".to_owned(),
        password: Password::Typed(Secret::from("secret")),
    });
    plan
}

fn line(text: &str) -> Option<Secret> {
    Some(Secret::from(text))
}

/// The stages that were held, with the lines as they are shown.
fn held(sent: &Sent) -> Vec<(Stage, String)> {
    let held = sent.events.iter().filter_map(|event| match event {
        SendingEvent::Held { stage, line, .. } => {
            Some((*stage, line.shown.escape_ascii().to_string()))
        }
        _ => None,
    });
    held.collect()
}

#[test]
fn each_command_waits_to_be_let_go() {
    let lab = Lab::new();
    let mut plan = short_plan(lab.address());
    plan.pace = Pace::Step;
    let mut commands = 0;
    let sent = sent_with(&plan, |event, order| {
        if let SendingEvent::Held { expected, .. } = event {
            // Nothing but what was let go has arrived.
            assert!(lab.server.report().counts.commands <= commands);
            assert!(!expected.is_empty());
            commands += 1;
            order(Order::Go(None));
        }
    });
    assert_eq!(sent.summary.outcome, Outcome::Sent);
    let expected = [
        (Stage::Ehlo, "EHLO client.example"),
        (Stage::Auth, "AUTH PLAIN ********"),
        (Stage::Mail, "MAIL FROM:<a@b.example> SIZE="),
        (Stage::Rcpt, "RCPT TO:<one@d.example>"),
        (Stage::Data, "DATA"),
        (Stage::Dot, "."),
        (Stage::Quit, "QUIT"),
    ];
    let held = held(&sent);
    assert_eq!(held.len(), expected.len(), "{held:?}");
    for ((stage, line), (wanted, begin)) in held.iter().zip(expected) {
        assert_eq!(*stage, wanted);
        assert!(line.starts_with(begin), "{line}");
    }
    assert_eq!(lab.server.report().held, 1);
}

#[test]
fn a_pace_may_change_on_the_way() {
    let lab = Lab::new();
    let mut plan = short_plan(lab.address());
    plan.pace = Pace::Step;
    let sent = sent_with(&plan, |event, order| {
        if let SendingEvent::Held { stage, .. } = event {
            order(match stage {
                Stage::Mail => Order::SetPace(Pace::Run),
                _ => Order::Go(None),
            });
        }
    });
    assert_eq!(sent.summary.outcome, Outcome::Sent);
    let stages: Vec<Stage> = held(&sent).into_iter().map(|(stage, _)| stage).collect();
    assert_eq!(stages, [Stage::Ehlo, Stage::Auth, Stage::Mail]);
}

#[test]
fn an_edited_line_goes_out_as_it_stands() {
    let hostile = Hostile::start(Script::with(&[("RCPT TO:<wrong", "550 5.1.1 No\r\n")]));
    let mut plan = plan(hostile.address);
    plan.pace = Pace::Step;
    let sent = sent_with(&plan, |event, order| {
        let SendingEvent::Held { line: next, .. } = event else {
            return;
        };
        order(Order::Go(match &*next.shown {
            b"MAIL FROM:<a@b.example>" => line("mail from:<other@x.example>"),
            b"RCPT TO:<one@d.example>" => line("RCPT TO:<wrong@d.example>"),
            _ => None,
        }));
    });
    let heard = hostile.heard_once();
    assert_eq!(
        heard.lines,
        [
            "EHLO client.example",
            "mail from:<other@x.example>",
            "RCPT TO:<wrong@d.example>",
            "RCPT TO:<two@d.example>",
            "DATA",
            "message",
            "QUIT"
        ]
    );
    assert_eq!(sent.summary.outcome, Outcome::PartlySent);
    let fates: Vec<RecipientFate> = sent.summary.recipients.iter().map(|one| one.fate).collect();
    assert_eq!(fates, [RecipientFate::Refused, RecipientFate::Accepted]);
}

#[test]
fn a_line_typed_besides_is_answered_and_the_session_goes_on() {
    let hostile = Hostile::start(Script::with(&[("WHAT", "500 what?\r\n")]));
    let mut plan = plan(hostile.address);
    plan.pace = Pace::Step;
    let mut typed = vec!["WHAT is this", "NOOP"];
    let sent = sent_with(&plan, |event, order| {
        if let SendingEvent::Held { stage, .. } = event {
            match typed.last() {
                Some(_) if *stage == Stage::Mail => {
                    let text = typed.pop().expect("there is one");
                    order(Order::Raw(Secret::from(text)));
                }
                _ => order(Order::Go(None)),
            }
        }
    });
    let heard = hostile.heard_once();
    let begin = [
        "EHLO client.example",
        "NOOP",
        "WHAT is this",
        "MAIL FROM:<a@b.example>",
    ];
    assert_eq!(heard.lines[..4], begin);
    assert_eq!(sent.summary.outcome, Outcome::Sent);
    assert!(
        sent.dialogue()
            .windows(2)
            .any(|two| two == ["WHAT is this", "500"])
    );
}

#[test]
fn no_line_typed_can_become_two() {
    for evil in [
        "NOOP\r\nMAIL FROM:<evil@x.example>",
        "NOOP\nRSET",
        "NOOP\rRSET",
        "NOOP\0",
    ] {
        let hostile = Hostile::start(Script::right());
        let mut plan = plan(hostile.address);
        plan.pace = Pace::Step;
        let mut is_typed = [false; 2];
        let sent = sent_with(&plan, |event, order| {
            let SendingEvent::Held { stage, .. } = event else {
                return;
            };
            if *stage == Stage::Mail && !is_typed[0] {
                is_typed[0] = true;
                order(Order::Raw(Secret::from(evil)));
            } else if *stage == Stage::Rcpt && !is_typed[1] {
                is_typed[1] = true;
                order(Order::Go(line(evil)));
            }
            order(Order::Go(None));
        });
        let heard = hostile.heard_once();
        let evil_words = ["NOOP", "RSET", "evil"];
        let is_heard = |line: &String| evil_words.iter().any(|word| line.contains(word));
        assert!(!heard.lines.iter().any(is_heard), "{:?}", heard.lines);
        assert_eq!(sent.summary.outcome, Outcome::Sent, "{evil:?}");
    }
}

#[test]
fn who_wants_to_quit_says_quit_and_who_drops_says_nothing() {
    for (order_given, last) in [(Order::Quit, Some("QUIT")), (Order::Drop, None)] {
        let hostile = Hostile::start(Script::right());
        let mut plan = plan(hostile.address);
        plan.pace = Pace::Step;
        let sent = sent_with(&plan, |event, order| {
            if let SendingEvent::Held { stage, .. } = event {
                order(match stage {
                    Stage::Rcpt => order_given.clone(),
                    _ => Order::Go(None),
                });
            }
        });
        assert_eq!(sent.summary.outcome, Outcome::Stopped);
        let fates: Vec<RecipientFate> =
            sent.summary.recipients.iter().map(|one| one.fate).collect();
        assert_eq!(fates, [RecipientFate::NotTried; 2]);
        let mut expected = vec!["EHLO client.example", "MAIL FROM:<a@b.example>"];
        expected.extend(last);
        assert_eq!(hostile.heard_once().lines, expected);
    }
}

#[test]
fn a_silent_server_can_be_left_at_once() {
    for order_given in [Order::Quit, Order::Drop] {
        let hostile = Hostile::start(Script::with(&[("(banner)", "~")]));
        let sent = sent_with(&plan(hostile.address), |event, order| {
            if matches!(event, SendingEvent::Awaiting { .. }) {
                order(order_given.clone());
            }
        });
        assert_eq!(sent.summary.outcome, Outcome::Stopped);
        assert_eq!(hostile.heard_once().lines, [""; 0]);
    }
}

#[test]
fn another_try_may_come_at_once_or_not_at_all() {
    for (given, connections, outcome) in [
        (Order::RetryNow, 2, Outcome::Sent),
        (Order::Quit, 1, Outcome::Stopped),
    ] {
        let hostile = Hostile::serve(connections, |number, peer| {
            peer.follow(&match number {
                0 => Script::with(&[("RCPT", "451 4.7.1 Greylisted\r\n")]),
                _ => Script::right(),
            });
        });
        let mut plan = plan(hostile.address);
        plan.retry = Retry::After {
            // Nobody waits so long.
            pause: std::time::Duration::from_secs(3600),
            times: 1,
        };
        let sent = sent_with(&plan, |event, order| {
            if matches!(event, SendingEvent::Retrying { .. }) {
                order(given.clone());
            }
        });
        assert_eq!(sent.summary.outcome, outcome);
        assert_eq!(hostile.heard().len(), connections);
    }
}

#[test]
fn it_ends_after_the_stage_it_is_told_to() {
    let full = [
        "EHLO client.example",
        "AUTH PLAIN AHN0dWRlbnQAc2VjcmV0",
        "MAIL FROM:<a@b.example>",
        "RCPT TO:<one@d.example>",
        "DATA",
        "message",
    ];
    // The stage, how much of all that is said, and whether QUIT follows.
    let cases = [
        (Stage::Connect, 0, false),
        (Stage::Banner, 0, true),
        (Stage::Ehlo, 1, true),
        (Stage::Auth, 2, true),
        (Stage::Mail, 3, true),
        (Stage::Rcpt, 4, true),
        // After 354 a QUIT would be a line of the message.
        (Stage::Data, 5, false),
        (Stage::Dot, 6, true),
    ];
    for (stage, said, quits) in cases {
        let script = Script::with(&[
            ("EHLO", "250-lab\r\n250 AUTH PLAIN\r\n"),
            ("AUTH PLAIN", "235 welcome\r\n"),
        ]);
        let hostile = Hostile::start(script);
        let mut plan = short_plan(hostile.address);
        plan.quit_after = Some(stage);
        let Sent { summary, .. } = sent(&plan);
        let mut expected = full[..said].to_vec();
        expected.extend(quits.then_some("QUIT"));
        let mut heard = hostile.heard_once().lines;
        // A message that never came.
        if stage == Stage::Data {
            assert_eq!(heard.pop().as_deref(), Some("message"));
        }
        assert_eq!(heard, expected, "{stage:?}");
        let (outcome, fate) = match stage {
            Stage::Dot => (summary.outcome.clone(), RecipientFate::Accepted),
            _ => (Outcome::Stopped, RecipientFate::NotTried),
        };
        assert_eq!(summary.outcome, outcome, "{stage:?}");
        assert_eq!(summary.recipients[0].fate, fate, "{stage:?}");
    }
}

#[test]
fn it_ends_inside_tls_after_starttls() {
    let mut lab = Lab::secure();
    let folder = crate::support::folder();
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, &lab.authority).expect("the folder can be written");
    for stage in [Stage::StartTls, Stage::Tls] {
        let mut plan = short_plan(lab.address());
        plan.security = Security::StartTls;
        plan.trust.ca_files = vec![authority.clone()];
        plan.quit_after = Some(stage);
        let Sent { events, summary } = sent(&plan);
        assert_eq!(summary.outcome, Outcome::Stopped, "{stage:?}");
        let shook_hands = events
            .iter()
            .any(|event| matches!(event, SendingEvent::Tls { .. }));
        assert!(shook_hands, "{stage:?}");
        let said = Sent { events, summary }.dialogue();
        assert_eq!(
            said[..5],
            ["220", "EHLO client.example", "250", "STARTTLS", "220"]
        );
        let no_mail = said
            .iter()
            .all(|line| !line.starts_with("MAIL") && !line.starts_with("AUTH"));
        assert!(no_mail, "{said:?}");
    }
    lab.wait_for_all();
}
