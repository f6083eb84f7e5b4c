//! The ping lab, with a link that loses, doubles and delays.

use std::time::Duration;

use sockscope::net::echo::{EchoConfig, EchoServer};
use sockscope::net::pinger::{Pinger, PingerConfig};
use sockscope::proto::guard::Caps;
use sockscope::proto::link::LinkSettings;
use sockscope::proto::ping::{Mode, PingEvent, Plan, Text};
use sockscope::trace::event::{Event, PingerEvent};

use crate::Session;

const PINGS: u64 = 60;

#[test]
#[ignore = "needs tshark"]
fn datagrams_and_verdicts_are_as_many_as_both_ends_counted() {
    let mut session = Session::new();
    let mut link = LinkSettings::transparent();
    link.request.loss = "20%".parse().expect("a loss");
    link.reply.loss = "20%".parse().expect("a loss");
    link.reply.duplicate = "30%".parse().expect("a probability");
    link.reply.delay = "2ms".parse().expect("a delay");
    let config = EchoConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        link,
        seed: 42,
        caps: Caps {
            per_source: 1_000,
            total: 10_000,
        },
        allow_remote_duplicates: false,
        count: None,
    };
    let mut server =
        EchoServer::start(config, session.clock, session.tap.clone()).expect("a free port");
    let plan = Plan {
        mode: Mode::Lab {
            gap: Duration::ZERO,
        },
        count: Some(PINGS),
        timeout: Duration::from_millis(100),
        text: Text::Token { key: 7, size: 0 },
    };
    let config = PingerConfig {
        id: 0,
        target: server.address(),
        plan,
        clock_step: Duration::from_nanos(1),
    };
    let pinger = Pinger::start(config, session.clock, session.tap.clone()).expect("a socket opens");
    session.wait_until("the last ping", |session| {
        let finished = |event: &Event| {
            let finished = PingerEvent::Ping(PingEvent::Finished);
            matches!(event, Event::Ping { event, .. } if *event == finished)
        };
        session.events().any(finished)
    });
    drop(pinger);
    server.stop();
    let counts = server.counts();
    let port = server.address().port();
    let captured = session.capture();
    captured.assert_sound(&[]);
    captured.assert_times();

    let number_of = |filter: &str| captured.field(&[], filter, "frame.number").len() as u64;
    assert_eq!(number_of(&format!("udp.dstport == {port}")), PINGS);
    assert_eq!(number_of(&format!("udp.srcport == {port}")), counts.copies);
    assert!(counts.totals.request_lost > 0 && counts.totals.reply_lost > 0);
    let said = |words: &str| {
        number_of(&format!(
            "frame.comment contains \"{words}\" and udp.dstport == {port}"
        ))
    };
    assert_eq!(said(": request-lost"), counts.totals.request_lost);
    assert_eq!(said(": reply-lost"), counts.totals.reply_lost);
    assert!(said("duplicated ×2") > 0);
    assert_eq!(said("reply delayed 2.000 ms"), counts.totals.replied);
    let interfaces = captured.field(&[], "udp", "frame.interface_name");
    assert!(interfaces.iter().all(|name| name == "ping"));
}
