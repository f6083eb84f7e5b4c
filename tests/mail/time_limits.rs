//! The time limits of RFC 5321 §4.5.3.2, scaled down: each command has its own, and what comes of it when it is over.

use std::time::{Duration, Instant};

use sockscope::proto::secret::Secret;
use sockscope::proto::smtp::outcome::{Failure, Outcome, RecipientFate};
use sockscope::proto::smtp::plan::{Login, Password, Security};
use sockscope::proto::smtp::sasl::Mechanism;
use sockscope::proto::smtp::stage::Stage;
use sockscope::trace::mail::SendingEvent;

use crate::support::mail::hostile::{Hostile, Script};
use crate::support::mail::{Sent, plan, sent};

/// The limit of the stage under test: the others' are of the same order, and a machine under load keeps within them.
const LIMIT: Duration = Duration::from_secs(2);

/// The scale that makes a stage's patience the limit.
fn scale(stage: Stage) -> f64 {
    LIMIT.as_secs_f64() / stage.patience().as_secs_f64()
}

#[test]
fn silence_at_each_stage_is_over_in_its_time() {
    let stages: [(&'static str, Stage); 10] = [
        ("(banner)", Stage::Banner),
        ("EHLO", Stage::Ehlo),
        ("AUTH", Stage::Auth),
        ("(user)", Stage::Auth),
        ("(password)", Stage::Auth),
        ("MAIL", Stage::Mail),
        ("RCPT", Stage::Rcpt),
        ("DATA", Stage::Data),
        ("(dot)", Stage::Dot),
        ("QUIT", Stage::Quit),
    ];
    // All of them at the same time: they only wait.
    std::thread::scope(|scope| {
        for (line, stage) in stages {
            scope.spawn(move || {
                let hostile = Hostile::start(Script::with(&[(line, "~")]));
                let mut plan = plan(hostile.address);
                plan.login = Some(Login {
                    mechanism: Mechanism::Login,
                    user: "student".to_owned(),
                    password: Password::Typed(Secret::from("secret")),
                });
                plan.time_scale = scale(stage);
                let begun = Instant::now();
                let Sent { events, summary } = sent(&plan);
                assert!(begun.elapsed() >= LIMIT, "{line}");
                let expected = match stage {
                    // The message is out: whether it was taken, nobody knows.
                    Stage::Dot => (Outcome::Unknown, RecipientFate::Unknown),
                    Stage::Quit => (Outcome::Sent, RecipientFate::Accepted),
                    _ => {
                        let failure = Failure::TimedOut(LIMIT);
                        (Outcome::Failed(failure), RecipientFate::NotTried)
                    }
                };
                assert_eq!(
                    (summary.outcome, summary.recipients[0].fate),
                    expected,
                    "{line}"
                );
                if stage != Stage::Quit {
                    assert_eq!(summary.stage, stage, "{line}");
                }
                // It was counted down.
                let awaited = events.iter().find_map(|event| match event {
                    SendingEvent::Awaiting { at, stage, until } => Some((*stage, *until - *at)),
                    _ => None,
                });
                assert_eq!(awaited, Some((stage, LIMIT)), "{line}");
                hostile.heard();
            });
        }
    });
}

#[test]
fn a_handshake_that_never_ends_is_over_in_its_time() {
    let hostile = Hostile::serve(1, |_, peer| {
        let mut rest = Vec::new();
        // A reset is an end, too.
        let _ = std::io::Read::read_to_end(&mut peer.reader, &mut rest);
        assert_eq!(rest.first(), Some(&0x16), "a handshake was begun");
    });
    let mut plan = plan(hostile.address);
    plan.security = Security::Tls;
    plan.time_scale = scale(Stage::Tls);
    let Sent { summary, .. } = sent(&plan);
    assert_eq!(summary.outcome, Outcome::Failed(Failure::TimedOut(LIMIT)));
    assert_eq!(summary.stage, Stage::Tls);
    hostile.heard();
}

#[test]
fn a_slow_banner_is_waited_for() {
    let hostile = Hostile::serve(1, |_, peer| {
        // The first of several lines does not end the wait, nor does it begin a new one.
        peer.say("220-slow\r\n");
        std::thread::sleep(Duration::from_millis(300));
        peer.follow(&Script::right());
    });
    let Sent { events, summary } = sent(&plan(hostile.address));
    assert_eq!(summary.outcome, Outcome::Sent);
    let awaited = events.iter().any(|event| {
        matches!(
            event,
            SendingEvent::Awaiting {
                stage: Stage::Banner,
                ..
            }
        )
    });
    assert!(awaited, "who waits is shown how long");
}

#[test]
fn a_server_that_trickles_gains_no_time() {
    let hostile = Hostile::serve(1, |_, peer| {
        use std::io::Write as _;
        while peer.reader.get_mut().write_all(b"2").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let mut plan = plan(hostile.address);
    plan.time_scale = scale(Stage::Banner);
    let Sent { summary, .. } = sent(&plan);
    assert_eq!(summary.outcome, Outcome::Failed(Failure::TimedOut(LIMIT)));
}

#[test]
fn a_server_that_stops_reading_is_left_in_the_time_of_a_block() {
    let folder = crate::support::folder();
    let file = folder.path().join("big.bin");
    std::fs::write(&file, vec![0; 32 << 20]).expect("the folder can be written");
    let (over, wait) = std::sync::mpsc::channel::<()>();
    let hostile = Hostile::serve(1, move |_, peer| {
        peer.say("220 lab\r\n");
        while let Some(line) = peer.hear() {
            match line.as_str() {
                "DATA" => break,
                _ => peer.say("250 ok\r\n"),
            }
        }
        peer.say("354 go on\r\n");
        // It reads nothing until the client has given up.
        let _ = wait.recv();
    });
    let mut plan = plan(hostile.address);
    plan.message.attachments = vec![file];
    plan.time_scale = LIMIT.as_secs_f64() / sockscope::proto::smtp::stage::DATA_BLOCK.as_secs_f64();
    let Sent { summary, .. } = sent(&plan);
    drop(over);
    assert_eq!(summary.outcome, Outcome::Failed(Failure::TimedOut(LIMIT)));
    assert_eq!(summary.stage, Stage::Dot);
    assert_eq!(summary.recipients[0].fate, RecipientFate::NotTried);
    hostile.heard();
}

#[test]
fn a_refusal_before_the_end_of_the_message_is_heard_and_the_rest_not_sent() {
    const BYTES: usize = 32 << 20;
    let folder = crate::support::folder();
    let file = folder.path().join("big.bin");
    std::fs::write(&file, vec![0; BYTES]).expect("the folder can be written");
    let (tell, told) = std::sync::mpsc::channel();
    let hostile = Hostile::serve(1, move |_, peer| {
        peer.say("220 lab\r\n");
        while let Some(line) = peer.hear() {
            match line.as_str() {
                "DATA" => break,
                _ => peer.say("250 ok\r\n"),
            }
        }
        peer.say("354 go on\r\n");
        peer.hear_bytes(1000);
        peer.say("552 5.3.4 Too big\r\n");
        let mut rest = Vec::new();
        // A reset is an end, too.
        let _ = std::io::Read::read_to_end(&mut peer.reader, &mut rest);
        tell.send(rest.len()).expect("the test waits");
    });
    let mut plan = plan(hostile.address);
    plan.message.attachments = vec![file];
    let Sent { summary, .. } = sent(&plan);
    assert_eq!(summary.outcome, Outcome::Refused);
    assert_eq!(
        (summary.stage, summary.recipients[0].fate),
        (Stage::Dot, RecipientFate::Refused)
    );
    let rest = told.recv().expect("it tells");
    assert!(rest < BYTES, "{rest} of them came all the same");
    hostile.heard();
}
