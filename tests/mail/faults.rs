//! What the server does wrong on purpose, as its client sees it: every action, and every scenario by name.

use std::time::{Duration, Instant};

use sockscope::proto::smtp::fault::{Scenario, scenarios};
use sockscope::trace::mail::{MailEvent, SessionEnd};

use crate::support::mail::{AUTH, EHLO, Lab, MAIL, MESSAGE, RCPT, Reply, Talk, faults};

/// Says all of a session in lockstep whatever the replies are, and tells their codes; 0 for a server that closed, after which nothing comes.
fn codes(talk: &mut Talk) -> Vec<u16> {
    let mut codes = vec![talk.try_reply().map_or(0, |reply| reply.code)];
    let rest = [
        EHLO,
        AUTH,
        MAIL,
        RCPT,
        "RCPT TO:<e@f.example>",
        "DATA",
        MESSAGE,
        "QUIT",
    ];
    for line in rest {
        if codes.last() == Some(&0) {
            break;
        }
        let sent = match line {
            // Who was not asked to send it must not.
            MESSAGE if codes.last() != Some(&354) => continue,
            MESSAGE => talk.try_say(format!("{MESSAGE}.\r\n")),
            line => talk.try_say(format!("{line}\r\n")),
        };
        let reply = sent.ok().and_then(|()| talk.try_reply());
        codes.push(reply.map_or(0, |reply| reply.code));
    }
    codes
}

fn codes_with(specs: &[&str]) -> (Vec<u16>, Lab) {
    let lab = Lab::faulty(specs);
    (codes(&mut lab.connect()), lab)
}

#[test]
fn every_stage_can_be_refused() {
    //                    banner ehlo auth mail rcpt rcpt data dot  quit
    const RIGHT: [u16; 9] = [220, 250, 235, 250, 250, 250, 354, 250, 221];
    assert_eq!(codes_with(&[]).0, RIGHT);
    let cases: [(&str, &[u16]); 13] = [
        ("ehlo=502", &[220, 502, 503, 503, 503, 503, 503, 221]),
        ("auth=535", &[220, 250, 535, 250, 250, 250, 354, 250, 221]),
        ("auth=250", &[220, 250, 250, 250, 250, 250, 354, 250, 221]),
        (
            "mail=550 5.7.1 No",
            &[220, 250, 235, 550, 503, 503, 503, 221],
        ),
        ("rcpt=550", &[220, 250, 235, 250, 550, 550, 554, 221]),
        ("rcpt#1=451", &[220, 250, 235, 250, 451, 250, 354, 250, 221]),
        (
            "rcpt@e@f=550",
            &[220, 250, 235, 250, 250, 550, 354, 250, 221],
        ),
        ("rcpt=full", &[220, 250, 235, 250, 452, 452, 554, 221]),
        ("data=451", &[220, 250, 235, 250, 250, 250, 451, 221]),
        ("dot=554", &[220, 250, 235, 250, 250, 250, 354, 554, 221]),
        (
            "dot=too-big",
            &[220, 250, 235, 250, 250, 250, 354, 552, 221],
        ),
        ("quit=250", &[220, 250, 235, 250, 250, 250, 354, 250, 250]),
        ("mail=299", &[220, 250, 235, 299, 250, 250, 354, 250, 221]),
    ];
    for (spec, expected) in cases {
        let (said, lab) = codes_with(&[spec]);
        assert_eq!(said, expected, "{spec}");
        let held = u64::from(!spec.starts_with("dot") && said.contains(&354));
        let report = lab.server.report();
        assert_eq!(report.held, held, "{spec}");
        assert!(report.counts.faults > Some(0), "{spec}");
    }
}

#[test]
fn the_text_is_said_as_it_was_written() {
    let lab = Lab::faulty(&[
        "rcpt=550 5.1.1 No such user here",
        "mail=451 4.3.0 Later",
        "noop=250",
    ]);
    let mut talk = lab.session();
    assert_eq!(talk.asked(MAIL).text(), "4.3.0 Later");
    lab.server
        .set_faults(faults(&["rcpt=550 5.1.1 No such user here"]));
    assert_eq!(talk.ask(MAIL), 250);
    assert_eq!(talk.asked(RCPT).text(), "5.1.1 No such user here");
}

#[test]
fn a_shutdown_is_421_and_the_end_at_every_stage() {
    let stages = [
        ("banner", 1),
        ("ehlo", 2),
        ("auth", 3),
        ("mail", 4),
        ("rcpt", 5),
        ("data", 7),
        ("dot", 8),
        ("quit", 9),
    ];
    for (stage, replies) in stages {
        for (action, last) in [("shutdown", 421), ("421 4.3.2 Bye", 421), ("drop", 0)] {
            let mut lab = Lab::faulty(&[&format!("{stage}={action}")]);
            let mut talk = lab.connect();
            let mut said = codes(&mut talk);
            // Behind the reply nothing comes.
            if said.last() == Some(&0) && last == 421 {
                said.pop();
            }
            assert_eq!(
                (said.len(), said.last()),
                (replies, Some(&last)),
                "{stage}={action}"
            );
            assert_eq!(talk.finish(), b"", "{stage}={action}");
            assert_eq!(lab.end_of(1), SessionEnd::Fault, "{stage}={action}");
            // Closed at the dot without a word, it was delivered.
            let held = u64::from(stage == "quit" || (stage, action) == ("dot", "drop"));
            assert_eq!(lab.server.report().held, held, "{stage}={action}");
        }
    }
}

#[test]
fn a_delay_comes_before_the_reply() {
    let delay = Duration::from_millis(150);
    let lab = Lab::faulty(&["noop=delay:150ms"]);
    let mut talk = lab.session();
    let begun = Instant::now();
    assert_eq!(talk.ask("NOOP"), 250);
    assert!(begun.elapsed() >= delay);
    // Others are served meanwhile.
    talk.say("NOOP\r\n");
    let mut other = lab.session();
    assert_eq!(other.ask("RSET"), 250);
    assert_eq!(talk.reply().code, 250);
}

#[test]
fn byte_by_byte_is_the_same_reply() {
    let lab = Lab::faulty(&["any=bytes:100us"]);
    let mut talk = lab.session();
    let plain = Lab::new();
    let usual = plain.greeted().asked(EHLO);
    assert_eq!(talk.asked(EHLO), usual);
    assert_eq!(talk.send(MESSAGE).code, 250);
}

#[test]
fn bare_line_feeds_end_every_line() {
    let lab = Lab::faulty(&["any=bare-lf"]);
    let mut talk = lab.connect();
    assert!(talk.raw_line().starts_with(b"220 "));
    talk.say(format!("{EHLO}\r\n"));
    loop {
        let line = talk.raw_line();
        assert!(
            line.ends_with(b"\n") && !line.contains(&b'\r'),
            "{}",
            line.escape_ascii()
        );
        if line[3] == b' ' {
            break;
        }
    }
    talk.say("QUIT\r\n");
    assert_eq!(talk.rest(), b"221 2.0.0 Bye\n");
}

#[test]
fn what_is_injected_comes_right_behind() {
    let lab = Lab::with(|setup| {
        setup.secure();
        setup.config.faults = faults(&["starttls=inject:250 hello", "noop=inject:250 extra"]);
    });
    let mut talk = lab.session();
    talk.say("NOOP\r\n");
    assert_eq!(talk.codes(2), [250, 250]);
    talk.say("STARTTLS\r\n");
    assert_eq!(talk.reply().code, 220);
    // In clear text, before any handshake.
    assert_eq!(
        talk.reply(),
        Reply {
            code: 250,
            lines: vec!["hello".to_owned()]
        }
    );
    // A client that does not care finds TLS behind it.
    assert_eq!(talk.secured(&lab.authority).ask(EHLO), 250);
}

#[test]
fn greylisting_lets_the_same_pair_through_later() {
    let pause = Duration::from_millis(200);
    let lab = Lab::faulty(&["rcpt=greylist:200ms"]);
    let begun = Instant::now();
    let mut tries = 0;
    loop {
        let mut talk = lab.after(&[EHLO, MAIL]);
        let reply = talk.asked(RCPT);
        tries += 1;
        if reply.code == 250 {
            break;
        }
        assert_eq!((reply.code, reply.enhanced()), (451, "4.7.1"));
    }
    assert!(tries > 1, "the first try is refused");
    assert!(begun.elapsed() >= pause);
    // Another sender begins anew.
    let mut talk = lab.after(&[EHLO, "MAIL FROM:<other@b.example>"]);
    assert_eq!(talk.ask(RCPT), 451);
}

#[test]
fn occurrences_count_over_all_sessions_until_the_faults_are_set_anew() {
    let lab = Lab::faulty(&["noop#2=451", "vrfy#%3=452", "rset#1-2=450"]);
    let code = |line: &str| lab.greeted().ask(line);
    assert_eq!([0; 4].map(|_| code("NOOP")), [250, 451, 250, 250]);
    assert_eq!(
        [0; 6].map(|_| code("VRFY x")),
        [252, 252, 452, 252, 252, 452]
    );
    assert_eq!([0; 4].map(|_| code("RSET")), [450, 450, 250, 250]);
    lab.server.set_faults(faults(&["noop#2=451"]));
    assert_eq!([0; 3].map(|_| code("NOOP")), [250, 451, 250]);
    lab.server.set_faults(Vec::new());
    assert_eq!([0; 3].map(|_| code("NOOP")), [250; 3]);
}

#[test]
fn what_is_wrong_is_told() {
    let mut lab = Lab::new();
    let specs = faults(&["rcpt=550"]);
    lab.server.set_faults(specs.clone());
    let told = lab.wait_for(|event| match event {
        MailEvent::Faulty { faults, .. } => Some(faults.clone()),
        _ => None,
    });
    assert_eq!(told, specs);
}

#[test]
fn every_scenario_is_seen_as_what_it_is_called() {
    // Those that take longer than a test wants to have one of their own.
    let slow = ["slow-server", "byte-by-byte"];
    let cases: [(&str, &[u16]); 14] = [
        ("greylist", &[220, 250, 235, 250, 451, 451, 554, 221]),
        ("full-mailbox", &[220, 250, 235, 250, 452, 452, 554, 221]),
        (
            "one-bad-recipient",
            &[220, 250, 235, 250, 250, 550, 354, 250, 221],
        ),
        (
            "too-many-recipients",
            &[220, 250, 235, 250, 250, 452, 354, 250, 221],
        ),
        ("over-size", &[220, 250, 235, 250, 250, 250, 354, 552, 221]),
        (
            "login-refused",
            &[220, 250, 535, 250, 250, 250, 354, 250, 221],
        ),
        ("auth-250", &[220, 250, 250, 250, 250, 250, 354, 250, 221]),
        ("no-ehlo", &[220, 502, 503, 503, 503, 503, 503, 221]),
        ("wrong-code-data", &[220, 250, 235, 250, 250, 250, 250, 221]),
        (
            "unknown-code",
            &[220, 250, 235, 299, 250, 250, 354, 250, 221],
        ),
        ("shutdown-at-mail", &[220, 250, 235, 421, 0]),
        ("drop-after-dot", &[220, 250, 235, 250, 250, 250, 354, 0]),
        ("vanishing", &[220, 250, 235, 250, 0]),
        ("banner-554", &[554, 503, 503, 503, 503, 503, 503, 221]),
    ];
    let raw = ["bare-lf", "starttls-injection", "starttls-unavailable"];
    for scenario in scenarios() {
        let name = scenario.name;
        let lab = Lab::with(|setup| {
            setup.secure();
            setup.config.faults = scenario.parsed();
        });
        if let Some((_, expected)) = cases.iter().find(|(case, _)| *case == name) {
            assert_eq!(codes(&mut lab.connect()), *expected, "{name}");
            let held = u64::from(
                expected
                    .windows(2)
                    .any(|pair| matches!(pair, [354, 250 | 0])),
            );
            assert_eq!(lab.server.report().held, held, "{name}");
            continue;
        }
        let mut talk = lab.connect();
        match name {
            "bare-lf" => {
                let line = talk.raw_line();
                assert!(line.starts_with(b"220 ") && !line.ends_with(b"\r\n"));
            }
            "starttls-injection" => {
                assert_eq!(talk.reply().code, 220);
                assert_eq!(talk.ask(EHLO), 250);
                talk.say("STARTTLS\r\n");
                assert_eq!(talk.codes(2), [220, 250]);
            }
            "starttls-unavailable" => {
                assert_eq!(talk.reply().code, 220);
                assert_eq!(talk.ask(EHLO), 250);
                assert_eq!(talk.ask("STARTTLS"), 454);
                assert_eq!(
                    talk.ask(MAIL),
                    250,
                    "in clear text, if the client wants that"
                );
            }
            _ => assert!(slow.contains(&name), "{name} is not tested"),
        }
    }
    for name in slow
        .iter()
        .chain(&raw)
        .chain(cases.iter().map(|(name, _)| name))
    {
        assert!(Scenario::from_name(name).is_ok(), "{name}");
    }
    assert_eq!(scenarios().len(), cases.len() + raw.len() + slow.len());
}

#[test]
fn slow_scenarios_are_slow() {
    let begin = |name: &str| {
        let scenario = Scenario::from_name(name).expect("it is one");
        Lab::with(|setup| setup.config.faults = scenario.parsed())
    };
    let lab = begin("slow-server");
    let begun = Instant::now();
    assert_eq!(lab.connect().reply().code, 220);
    assert!(begun.elapsed() >= Duration::from_secs(2));
    let lab = begin("byte-by-byte");
    let begun = Instant::now();
    let banner = lab.connect().reply();
    let bytes = banner.text().len() as u32 + 4;
    assert!(begun.elapsed() >= Duration::from_millis(20) * bytes);
}
