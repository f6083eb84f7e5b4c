//! What the server reports: events and counters agree, in their order, and a tap that is full costs events and nothing else.

use std::net::SocketAddr;

use sockscope::proto::smtp::stage::Stage;
use sockscope::trace::mail::{Fit, MailCounts, MailEvent, SessionEnd, Speech, Spoken};

use crate::support::mail::{AUTH, EHLO, Lab, MAIL, MESSAGE, RCPT, Setup, faults};

/// What the counters must say after these events.
fn counted(events: &[MailEvent]) -> MailCounts {
    let mut counts = MailCounts {
        faults: Some(0),
        ..MailCounts::default()
    };
    for event in events {
        match event {
            MailEvent::Opened { .. } => {
                counts.sessions += 1;
                counts.open += 1;
            }
            MailEvent::Closed { cause, .. } => {
                counts.open -= 1;
                counts.turned_away += u64::from(*cause == SessionEnd::TooMany);
            }
            MailEvent::Arrived(arrived) => {
                counts.messages += 1;
                counts.bytes += arrived.bytes;
            }
            MailEvent::Spoken { spoken, .. } => match &spoken.what {
                Speech::Command(_) => counts.commands += 1,
                Speech::Reply { reply, .. } => {
                    counts.by_class[usize::from(reply.code.0 / 100) - 2] += 1;
                }
                Speech::Content { .. } => {}
            },
            _ => {}
        }
    }
    counts
}

/// Sessions of all kinds, one after the other.
fn talk_to(lab: &Lab) {
    let mut talk = lab.session();
    talk.ask(AUTH);
    talk.send(MESSAGE);
    talk.say(format!(
        "{MAIL}\r\n{RCPT}\r\nRCPT TO:<>\r\nBDAT 3\r\nabcBDAT 3 LAST\r\ndefWHAT\r\nQUIT\r\n"
    ));
    talk.rest();
    // Refused, given up, and left in the middle.
    let mut talk = lab.session();
    assert_eq!(talk.send("bare\nline\r\n").code, 550);
    talk.say(format!("{MAIL}\r\n{RCPT}\r\nBDAT 3\r\nabcRSET\r\n"));
    talk.codes(4);
    talk.begin(1);
    talk.say("half a mess");
    talk.finish();
    lab.connect().finish();
    let mut talk = lab.greeted();
    talk.say("GET / HTTP/1.1\r\n");
    talk.finish();
}

#[test]
fn counters_are_the_sum_of_the_events() {
    let mut lab = Lab::with(|setup: &mut Setup| setup.config.faults = faults(&["vrfy=550"]));
    talk_to(&lab);
    let mut talk = lab.session();
    assert_eq!(talk.ask("VRFY x"), 550);
    drop(talk);
    lab.wait_for_all();
    let counts = lab.server.report().counts;
    let expected = MailCounts {
        refused: 3,
        faults: Some(1),
        ..counted(&lab.events)
    };
    assert_eq!(counts, expected);
    assert_eq!((counts.sessions, counts.open, counts.messages), (5, 0, 2));
    assert_eq!(counts.bytes, MESSAGE.len() as u64 + 6);
    assert_eq!(lab.left_out, 0);
}

#[test]
fn what_a_full_tap_leaves_out_is_counted_and_the_counters_are_exact() {
    let mut whole = Lab::new();
    talk_to(&whole);
    whole.wait_for_all();
    for room in [1, 7, 20] {
        let mut lab = Lab::with(|setup| setup.events = room);
        talk_to(&lab);
        // The last event may not be among those that were kept: the counters tell.
        let begun = std::time::Instant::now();
        while lab.server.report().counts != whole.server.report().counts {
            assert!(
                begun.elapsed() < crate::support::PATIENCE,
                "{:?}",
                lab.server.report()
            );
            std::thread::yield_now();
        }
        lab.server.stop(std::time::Duration::ZERO);
        lab.take_events();
        assert_eq!(lab.events.len(), room);
        let all = lab.events.len() as u64 + lab.left_out;
        assert_eq!(all, whole.events.len() as u64);
    }
}

#[test]
fn a_session_is_told_from_its_opening_to_its_end() {
    let mut lab = Lab::new();
    let mut talk = lab.session();
    assert_eq!(talk.send("..dot\r\n\r\nx\r\n").code, 250);
    talk.say(format!("{MAIL}\r\n{RCPT}\r\nXYZZY\r\n"));
    assert_eq!(talk.codes(3), [250, 250, 500]);
    assert_eq!(talk.ask("QUIT"), 221);
    talk.rest();
    lab.wait_for_all();
    let MailEvent::Listening { address, .. } = &lab.events[0] else {
        panic!("first of all it listens: {:?}", lab.events[0]);
    };
    assert_eq!(*address, lab.address());
    let spoken: Vec<&Spoken> = lab
        .events
        .iter()
        .filter_map(|event| match event {
            MailEvent::Spoken { spoken, .. } => Some(spoken),
            _ => None,
        })
        .collect();
    assert!(spoken.is_sorted_by_key(|spoken| spoken.at), "one clock");
    let mut said = Vec::new();
    for spoken in &spoken {
        assert!(!spoken.encrypted);
        said.push(match &spoken.what {
            Speech::Command(line) => (spoken.stage, line.shown.escape_ascii().to_string()),
            Speech::Reply {
                reply,
                latency,
                fit,
            } => {
                assert!(latency.is_some());
                let expected = match reply.code.0 {
                    200..=399 => Fit::Expected,
                    _ => Fit::Refusal,
                };
                assert_eq!(*fit, expected, "{reply:?}");
                (spoken.stage, reply.code.to_string())
            }
            Speech::Content {
                bytes,
                stuffed,
                excerpt,
            } => (
                spoken.stage,
                format!("{bytes} {stuffed} {}", excerpt.escape_ascii()),
            ),
        });
    }
    let rcpt = "RCPT TO:<to1@d.example>";
    let expected = [
        (Stage::Banner, "220"),
        (Stage::Ehlo, EHLO),
        (Stage::Ehlo, "250"),
        (Stage::Mail, MAIL),
        (Stage::Mail, "250"),
        (Stage::Rcpt, rcpt),
        (Stage::Rcpt, "250"),
        (Stage::Data, "DATA"),
        (Stage::Data, "354"),
        (Stage::Dot, "15 1 .dot\\r\\n\\r\\nx\\r\\n"),
        (Stage::Dot, "250"),
    ];
    let expected = expected.map(|(stage, text)| (stage, text.to_owned()));
    assert_eq!(said[..expected.len()], expected);
    let last = said.last().expect("something was said");
    assert_eq!(*last, (Stage::Quit, "221".to_owned()));
    let position = |wanted: fn(&MailEvent) -> bool| lab.events.iter().position(wanted);
    let arrived = position(|event| matches!(event, MailEvent::Arrived(_)));
    let answered = position(|event| {
        matches!(event, MailEvent::Spoken { spoken, .. }
            if spoken.stage == Stage::Dot && matches!(spoken.what, Speech::Reply { .. }))
    });
    assert!(arrived < answered, "it is kept before that is said");
    let Some(MailEvent::Closed {
        session: 1,
        client,
        cause: SessionEnd::Quit,
        commands: 8,
        messages: 1,
        ..
    }) = lab.events.last()
    else {
        panic!("the end comes last: {:?}", lab.events.last());
    };
    let loopback = SocketAddr::from(([127, 0, 0, 1], client.port()));
    assert_eq!(*client, loopback);
}

#[test]
fn sessions_side_by_side_are_kept_apart() {
    let mut lab = Lab::new();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let lab = &lab;
            scope.spawn(move || {
                let mut talk = lab.session();
                for _ in 0..5 {
                    let message = format!("Subject: {number}\r\n\r\nx\r\n");
                    assert_eq!(talk.send(message).code, 250);
                }
                assert_eq!(talk.ask("QUIT"), 221);
                assert_eq!(talk.rest(), b"");
            });
        }
    });
    assert_eq!(lab.wait_for_all(), 8);
    assert_eq!(lab.server.report().counts, counted(&lab.events));
    for session in 1..=8 {
        assert_eq!(lab.end_of(session), SessionEnd::Quit);
        let arrived = lab.arrived();
        let ids = arrived.iter().filter(|one| one.session == session);
        let subjects: std::collections::BTreeSet<String> = lab
            .listed()
            .into_iter()
            .filter(|listed| ids.clone().any(|one| one.id == listed.id))
            .map(|listed| listed.subject)
            .collect();
        assert_eq!(subjects.len(), 1, "one sender's messages in one session");
    }
    assert_eq!(lab.server.report().held, 40);
}

#[test]
fn a_server_that_stops_tells_those_who_wait() {
    let mut lab = Lab::new();
    let mut idle = lab.session();
    let mut busy = lab.session();
    busy.begin(1);
    lab.server.stop(std::time::Duration::ZERO);
    for talk in [&mut idle, &mut busy] {
        let reply = talk.reply();
        assert_eq!((reply.code, reply.enhanced()), (421, "4.3.2"));
    }
    assert_eq!(idle.rest(), b"");
    assert_eq!(busy.rest(), b"");
    assert_eq!(lab.wait_for_all(), 2);
    let counts = lab.server.report().counts;
    assert_eq!((counts.open, counts.refused, counts.messages), (0, 1, 0));
    assert!(std::net::TcpStream::connect(lab.address()).is_err());
}
