//! One at a time and all at once, changed while the server runs; and what a teacher turns: delay, rate, forced answers.

use std::fs::File;
use std::time::Duration;

use sockscope::proto::http::rule::Rule;
use sockscope::proto::http::service::{Forced, Mode, Service};
use sockscope::proto::http::status::Status;
use sockscope::trace::web::{Cause, Phase, WebEvent};

use crate::support::web::{Client, DIGITS, GET, Lab};

const NEVER: Duration = Duration::from_secs(3_600);

fn one_at_a_time() -> Service {
    Service {
        mode: Mode::OneAtATime,
        ..Service::default()
    }
}

/// Clients who stand in line behind those who are there already, each with its request sent.
fn queue(lab: &Lab, count: usize) -> Vec<Client> {
    (0..count)
        .map(|_| {
            let before = lab.connections().len();
            let mut client = lab.connect();
            client.send(GET);
            lab.until("it stands in line", |lab| lab.connections().len() > before);
            client
        })
        .collect()
}

#[test]
fn a_silent_connection_blocks_everybody_behind_it() {
    let head_time = Duration::from_millis(400);
    let mut lab = Lab::with(|setup| {
        setup.config.service = one_at_a_time();
        setup.config.limits.head_time = head_time;
    });
    let mut silent = lab.connect();
    lab.until_phases(&[Phase::Silent]);
    let mut clients = queue(&lab, 3);
    let states = lab.connections();
    if states.len() == 4 && states[0].phase == Phase::Silent {
        // Unless the machine slept through the deadline, they stand there and the wait grows with each look.
        assert!(
            states[1..]
                .iter()
                .all(|state| state.phase == Phase::InLine && state.since == state.opened),
            "{states:?}"
        );
        assert!(states.windows(2).all(|two| two[0].opened <= two[1].opened));
        assert_eq!(lab.counts().in_line, 3);
    }
    silent.assert_closed();
    drop(silent);
    for client in &mut clients {
        let response = client.response(GET.as_bytes());
        assert_eq!(response.text(), DIGITS);
        assert_eq!(response.field("Connection"), Some("close"));
        client.assert_closed();
    }
    drop(clients);
    lab.until("all are gone", |lab| lab.connections().is_empty());
    let mut opened = Vec::new();
    let mut exchanges = Vec::new();
    for event in lab.all_events() {
        match event {
            WebEvent::Opened { at, .. } => opened.push(at),
            WebEvent::Exchange(exchange) => exchanges.push(exchange),
            WebEvent::Closed(closed) => {
                let cause = match closed.connection {
                    1 => Cause::Silent,
                    _ => Cause::OneAtATime,
                };
                assert_eq!(closed.cause, cause);
            }
            _ => {}
        }
    }
    let order: Vec<u64> = exchanges.iter().map(|one| one.connection).collect();
    assert_eq!(order, [2, 3, 4]);
    for (exchange, opened_at) in exchanges.iter().zip(&opened[1..]) {
        let timing = exchange.timing;
        assert_eq!(timing.accepted, *opened_at);
        assert_eq!(timing.arrived, *opened_at, "its request was there");
        assert!(timing.begun >= opened[0] + head_time, "{timing:?}");
        assert_eq!(timing.waited(), timing.begun - *opened_at);
    }
    for two in exchanges.windows(2) {
        assert!(two[0].timing.done <= two[1].timing.begun);
        assert!(two[0].timing.waited() + opened[1] <= two[1].timing.waited() + opened[3]);
    }
}

#[test]
fn one_at_a_time_is_a_request_a_connection() {
    let mut lab = Lab::serving(one_at_a_time());
    let mut client = lab.connect();
    client.send(GET.repeat(3));
    assert_eq!(client.response(GET.as_bytes()).text(), DIGITS);
    client.assert_closed();
    drop(client);
    let closed = lab.closed();
    assert_eq!((closed.cause, closed.requests), (Cause::OneAtATime, 1));
    // One that ends badly gives its turn back as well.
    let mut broken = lab.connect();
    assert_eq!(broken.ask("GET / HTTP/9.9\r\n\r\n").status, 505);
    assert_eq!(lab.ask(GET).status, 200, "while that one stays open");
    lab.connect().reset();
    drop(lab.connect());
    assert_eq!(lab.ask(GET).status, 200);
}

#[test]
fn whoever_is_called_before_it_has_spoken_has_its_time_from_then_on() {
    let mut lab = Lab::serving(one_at_a_time());
    let blocker = lab.connect();
    lab.until_phases(&[Phase::Silent]);
    let mut second = lab.connect();
    lab.until_phases(&[Phase::Silent, Phase::InLine]);
    drop(blocker);
    let states = lab.until_phases(&[Phase::Silent]);
    assert!(
        states[0].since > states[0].opened,
        "called, and since then silent"
    );
    assert_eq!(second.ask(GET).status, 200);
    let timing = lab.exchange().timing;
    assert!(timing.arrived >= states[0].since, "{timing:?}");
    assert_eq!(
        timing.waited(),
        Duration::ZERO,
        "it came when its turn had come"
    );
}

#[test]
fn whoever_leaves_the_line_holds_up_nobody() {
    let mut lab = Lab::serving(one_at_a_time());
    let mut blocker = lab.connect();
    lab.until_phases(&[Phase::Silent]);
    let mut clients = queue(&lab, 3);
    clients.remove(1).reset();
    assert_eq!(blocker.ask(GET).status, 200);
    for client in &mut clients {
        assert_eq!(client.response(GET.as_bytes()).text(), DIGITS);
    }
    let order = [1, 2, 3].map(|_| lab.exchange().connection);
    assert_eq!(order[..2], [1, 2]);
}

#[test]
fn all_at_once_calls_the_whole_line() {
    let mut lab = Lab::with(|setup| {
        setup.config.service = one_at_a_time();
        setup.config.limits.head_time = NEVER;
    });
    let mut blocker = lab.connect();
    lab.until_phases(&[Phase::Silent]);
    let mut clients = queue(&lab, 5);
    lab.server.set_service(Service::default());
    for client in &mut clients {
        assert_eq!(client.response(GET.as_bytes()).text(), DIGITS);
        client.assert_open();
    }
    blocker.assert_open();
    assert_eq!(lab.counts().in_line, 0);
    let changed = loop {
        if let WebEvent::Changed { from, to, .. } = lab.event() {
            break (from.mode, to.mode);
        }
    };
    assert_eq!(changed, (Mode::OneAtATime, Mode::Concurrent));
}

#[test]
fn one_at_a_time_begins_when_what_is_going_on_has_ended() {
    const LARGE: u64 = 16 << 20;
    let lab = Lab::limited(|limits| limits.idle_time = NEVER);
    let file = File::create(lab.path().join("large")).expect("the folder can be written");
    file.set_len(LARGE).expect("it can grow");
    let mut idle = lab.connect();
    idle.assert_open();
    let mut download = lab.connect_slow();
    let request = "GET /large HTTP/1.1\r\nHost: h\r\n\r\n";
    download.send(request);
    lab.until_phases(&[Phase::Idle, Phase::Sending]);
    lab.server.set_service(one_at_a_time());
    idle.assert_closed();
    drop(idle);
    lab.until_phases(&[Phase::Sending]);
    let mut waiting = lab.connect();
    waiting.send(GET);
    lab.until_phases(&[Phase::Sending, Phase::InLine]);
    assert_eq!(
        download.response(request.as_bytes()).content.len() as u64,
        LARGE
    );
    // Nobody waits for a second request of it.
    download.assert_closed();
    assert_eq!(waiting.response(GET.as_bytes()).text(), DIGITS);
    waiting.assert_closed();
}

#[test]
fn the_mode_may_change_all_the_time() {
    let lab = Lab::new();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..50 {
                        assert_eq!(lab.ask(GET).text(), DIGITS);
                    }
                })
            })
            .collect();
        while !clients.iter().all(|client| client.is_finished()) {
            lab.server.set_service(one_at_a_time());
            lab.server.set_service(Service::default());
        }
    });
    // The last client may have its answer a moment before it is counted.
    lab.until("all are counted", |lab| lab.counts().requests == 200);
    lab.until("all are gone", |lab| lab.connections().is_empty());
}

#[test]
fn forced_answers() {
    let forced = |path: &str, status| Forced {
        path: path.to_owned(),
        status,
    };
    let mut lab = Lab::serving(Service {
        forced: vec![
            forced("/a.txt", Status::SERVICE_UNAVAILABLE),
            forced("/teapot", Status::NOT_FOUND),
            forced("/nothing", Status::NO_CONTENT),
            forced("/same", Status::NOT_MODIFIED),
        ],
        ..Service::default()
    });
    for (request, status) in [
        ("GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n", 503),
        ("GET /a.txt?x HTTP/1.1\r\nHost: h\r\n\r\n", 503),
        ("HEAD /a.txt HTTP/1.1\r\nHost: h\r\n\r\n", 503),
        ("GET /teapot HTTP/1.1\r\nHost: h\r\n\r\n", 404),
        ("GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n", 204),
        ("GET /same HTTP/1.1\r\nHost: h\r\n\r\n", 304),
    ] {
        let mut client = lab.connect();
        let response = client.ask(request);
        assert_eq!(response.status, status, "{request}");
        let exchange = lab.exchange();
        assert_eq!(exchange.rule, Some(Rule::Forced));
        assert_eq!(exchange.status.map(|status| status.code()), Some(status));
        // The framing holds: the next answer is where it should be.
        assert_eq!(
            client.ask("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").status,
            204
        );
        lab.exchange();
    }
    lab.server.set_service(Service::default());
    assert_eq!(lab.ask(GET).text(), DIGITS);
}

#[test]
fn a_delay_is_seen_and_holds_up_only_its_own_connection() {
    let delay = Duration::from_millis(800);
    let mut lab = Lab::serving(Service {
        delay,
        ..Service::default()
    });
    let mut first = lab.connect();
    let mut second = lab.connect();
    // The second request of the first connection waits for the first one.
    first.send(GET.repeat(2));
    second.send(GET);
    let states = lab.until_phases(&[Phase::Working, Phase::Working]);
    for state in states {
        assert_eq!(&*state.request.bytes, GET.as_bytes());
        let target = state.parts.target.start as usize..state.parts.target.end as usize;
        assert_eq!(&state.request.bytes[target], b"/a.txt");
        assert_eq!((state.requests, state.status), (1, None));
    }
    for client in [&mut first, &mut second] {
        assert_eq!(client.response(GET.as_bytes()).text(), DIGITS);
    }
    assert_eq!(first.response(GET.as_bytes()).text(), DIGITS);
    let mut exchanges = [1, 2, 3].map(|_| lab.exchange());
    exchanges.sort_by_key(|exchange| (exchange.connection, exchange.number));
    let [one, behind, other] = exchanges.map(|exchange| exchange.timing);
    for timing in [one, behind, other] {
        let parsed = timing.parsed.expect("it was understood");
        assert!(timing.decided.expect("it was answered") >= parsed + delay);
    }
    assert!(behind.waited() >= delay, "{behind:?}");
    assert!(behind.begun >= one.decided.expect("it was answered"));
    assert!(other.begun < one.done && one.begun < other.done, "together");
}

#[test]
fn a_rate_is_kept_and_its_progress_seen() {
    const SIZE: u64 = 96 * 1_024;
    const RATE: u64 = 64 * 1_024;
    let mut lab = Lab::serving(Service {
        rate: Some(RATE),
        ..Service::default()
    });
    lab.file("file", vec![b'x'; SIZE as usize]);
    let request = "GET /file HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut client = lab.connect();
    client.send(request);
    lab.until("half is sent", |lab| {
        let states = lab.connections();
        let [state] = states.as_slice() else {
            return false;
        };
        state.phase == Phase::Sending
            && state.sent > SIZE / 2
            && state.sent < state.to_send
            && state.to_send > SIZE
    });
    let response = client.response(request.as_bytes());
    assert_eq!(response.content, vec![b'x'; SIZE as usize]);
    let timing = lab.exchange().timing;
    let took = timing.done - timing.decided.expect("it was answered");
    // A step goes out at once; the rest takes its time.
    let least = Duration::from_secs_f64((SIZE - RATE / 20) as f64 / RATE as f64);
    assert!(took >= least, "{took:?} of {least:?}");
    client.assert_open();
}
