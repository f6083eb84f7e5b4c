//! How connections end: after errors, in the middle of responses, and with the server.

use std::fs::File;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use sockscope::proto::http::rule::Rule;
use sockscope::proto::http::service::Service;
use sockscope::trace::web::{Cause, Ending, Phase};

use crate::support::PATIENCE;
use crate::support::web::{DIGITS, GET, Lab};

/// More than the system takes for a client that does not read.
const LARGE: u64 = 16 << 20;
const GET_LARGE: &str = "GET /large HTTP/1.1\r\nHost: h\r\n\r\n";

/// A server with `/large`, which holds zeros.
fn with_large(lab: Lab) -> (Lab, File) {
    let file = File::create(lab.path().join("large")).expect("the folder can be written");
    file.set_len(LARGE).expect("it can grow");
    (lab, file)
}

/// Waits until the first connection has sent what the client's system takes, and waits for the client.
fn until_stuck(lab: &Lab) {
    lab.until("a part is sent", |lab| {
        lab.connections()
            .iter()
            .any(|state| state.phase == Phase::Sending && state.sent > 0)
    });
}

#[test]
fn a_client_that_sent_much_gets_the_whole_refusal() {
    let mut lab = Lab::new();
    let unread = vec![b'x'; 700_000];
    for (head, status) in [
        ("GET / HTTP/9.9\r\n\r\n", 505),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n",
            413,
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n",
            405,
        ),
    ] {
        let mut client = lab.connect();
        client.send(head);
        client.send(&unread);
        let response = client.response(head.as_bytes());
        assert_eq!(response.status, status);
        client.finish();
        client.assert_closed();
        let closed = lab.closed();
        assert_eq!(closed.cause, Cause::AfterError);
        assert_eq!(closed.bytes_in, (head.len() + unread.len()) as u64);
    }
}

#[test]
fn a_client_that_does_not_read_blocks_nobody() {
    let (mut lab, _file) = with_large(Lab::new());
    let mut slow = lab.connect_slow();
    slow.send(GET_LARGE);
    until_stuck(&lab);
    assert_eq!(lab.ask(GET).text(), DIGITS);
    lab.exchange();
    assert_eq!(
        slow.response(GET_LARGE.as_bytes()).content.len() as u64,
        LARGE
    );
    slow.assert_open();
    let exchange = lab.exchange();
    assert_eq!(exchange.ending, Ending::Complete);
    assert_eq!(exchange.content_sent, LARGE);
}

#[test]
fn a_client_that_goes_away_in_the_middle() {
    let (mut lab, _file) = with_large(Lab::new());
    let mut client = lab.connect_slow();
    client.send(GET_LARGE);
    until_stuck(&lab);
    client.reset();
    let exchange = lab.exchange();
    assert_eq!(exchange.ending, Ending::ClientGone);
    assert!((1..LARGE).contains(&exchange.content_sent), "{exchange:?}");
    let closed = lab.closed();
    assert_eq!(closed.cause, Cause::Reset);
    assert_eq!(
        closed.bytes_out,
        exchange.response_head as u64 + exchange.content_sent
    );
    let counts = lab.counts();
    assert_eq!((counts.cut_short, counts.open), (1, 0));
    assert_eq!(lab.ask(GET).status, 200);
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_ends_the_connection() {
    let (mut lab, file) = with_large(Lab::new());
    let mut client = lab.connect_slow();
    // What follows on the connection must not be taken for the missing bytes.
    client.send([GET_LARGE, GET].concat());
    until_stuck(&lab);
    file.set_len(1_000).expect("it can shrink");
    let (received, _) = client.rest();
    assert!((received.len() as u64) < LARGE);
    assert!(!received.windows(10).any(|part| part == DIGITS.as_bytes()));
    let exchange = lab.exchange();
    assert_eq!(exchange.ending, Ending::FileChanged);
    assert_eq!(lab.closed().cause, Cause::Incomplete);
    assert_eq!(lab.ask(GET).status, 200);
}

#[cfg(unix)]
#[test]
fn a_file_that_grows_or_vanishes_while_it_is_sent_is_sent_as_announced() {
    let (lab, file) = with_large(Lab::new());
    let mut client = lab.connect_slow();
    client.send(GET_LARGE);
    until_stuck(&lab);
    file.set_len(LARGE + 1_000).expect("it can grow");
    std::fs::remove_file(lab.path().join("large")).expect("it is there");
    assert_eq!(
        client.response(GET_LARGE.as_bytes()).content.len() as u64,
        LARGE
    );
    client.assert_open();
    assert_eq!(client.ask(GET_LARGE).status, 404);
}

#[test]
fn a_stop_finishes_what_is_being_sent() {
    let (mut lab, _file) = with_large(Lab::new());
    let mut client = lab.connect_slow();
    client.send(GET_LARGE);
    until_stuck(&lab);
    lab.server.tell_to_stop(PATIENCE);
    lab.until("nobody listens", |lab| {
        TcpStream::connect(lab.server.address()).is_err()
    });
    assert_eq!(
        client.response(GET_LARGE.as_bytes()).content.len() as u64,
        LARGE
    );
    client.assert_closed();
    lab.until("it has ended", |lab| lab.server.is_finished());
    assert_eq!(lab.exchange().ending, Ending::Complete);
    assert_eq!(lab.closed().cause, Cause::Stopped);
}

#[test]
fn what_is_not_finished_in_time_is_cut_and_reported() {
    let (mut lab, _file) = with_large(Lab::new());
    let mut client = lab.connect_slow();
    client.send(GET_LARGE);
    until_stuck(&lab);
    lab.server.stop(Duration::from_millis(50));
    let exchange = lab.exchange();
    assert_eq!(exchange.ending, Ending::Stopped);
    assert!((1..LARGE).contains(&exchange.content_sent), "{exchange:?}");
    let closed = lab.closed();
    assert_eq!(closed.cause, Cause::Stopped);
    let sent = exchange.response_head as u64 + exchange.content_sent;
    assert_eq!(closed.bytes_out, sent);
    let counts = lab.counts();
    assert_eq!((counts.cut_short, counts.bytes_out), (1, sent));
    assert!((client.rest().0.len() as u64) < LARGE);
}

#[test]
fn a_stop_waits_for_nobody_who_is_silent_or_idle() {
    let mut lab = Lab::new();
    let mut idle = lab.connect();
    idle.assert_open();
    let mut silent = lab.connect();
    lab.until_phases(&[Phase::Idle, Phase::Silent]);
    let begun = Instant::now();
    lab.server.stop(Duration::from_secs(3_600));
    assert!(begun.elapsed() < PATIENCE);
    idle.assert_closed();
    silent.assert_closed();
    assert_eq!(lab.closed().cause, Cause::Stopped);
    assert_eq!(lab.closed().cause, Cause::Stopped);
    assert_eq!(lab.counts().open, 0);
}

#[test]
fn a_client_that_closes_its_end_gets_its_answers() {
    let mut lab = Lab::new();
    let mut client = lab.connect();
    client.send([GET, GET].concat());
    client.finish();
    for _ in 0..2 {
        assert_eq!(client.response(GET.as_bytes()).text(), DIGITS);
    }
    client.assert_closed();
    let closed = lab.closed();
    assert_eq!((closed.cause, closed.requests), (Cause::Client, 2));
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_request_is_reported() {
    let mut lab = Lab::new();
    for (sent, head) in [
        ("GET /a.txt HTTP/1.1\r\nUser-Ag", 0),
        (
            "GET /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf",
            51,
        ),
    ] {
        let mut client = lab.connect();
        client.send(sent);
        client.finish();
        client.assert_closed();
        let exchange = lab.exchange();
        assert_eq!((exchange.status, exchange.rule), (None, None));
        assert_eq!(exchange.ending, Ending::ClientGone);
        assert_eq!(&*exchange.request.bytes, sent.as_bytes());
        assert_eq!(exchange.parts.head, head);
        let closed = lab.closed();
        assert_eq!((closed.cause, closed.requests), (Cause::Client, 1));
    }
    assert_eq!(lab.counts().unanswered, 2);

    drop(lab.connect());
    let closed = lab.closed();
    assert_eq!((closed.cause, closed.requests), (Cause::Client, 0));
    let mut client = lab.connect();
    client.assert_open();
    client.reset();
    assert_eq!(lab.closed().cause, Cause::Reset);
    assert_eq!(lab.counts().requests, 3);
}

#[test]
fn a_refused_client_that_never_stops_sending_is_let_go() {
    let mut lab = Lab::new();
    let mut client = lab.connect();
    client.send("GET / HTTP/9.9\r\n\r\n");
    let endless = vec![b'x'; 64 * 1_024];
    while client.stream.write_all(&endless).is_ok() {}
    let exchange = lab.exchange();
    assert_eq!(exchange.rule, Some(Rule::UnsupportedVersion));
    assert_eq!(lab.closed().cause, Cause::AfterError);
}

#[test]
fn a_request_that_is_held_back_is_answered_before_the_end() {
    let mut lab = Lab::serving(Service {
        delay: Duration::from_secs(1),
        ..Service::default()
    });
    let mut client = lab.connect();
    client.send(GET);
    lab.until_phases(&[Phase::Working]);
    lab.server.stop(PATIENCE);
    let response = client.response(GET.as_bytes());
    assert_eq!(response.text(), DIGITS);
    assert_eq!(response.field("Connection"), Some("close"));
    client.assert_closed();
    assert_eq!(lab.exchange().ending, Ending::Complete);
    assert_eq!(lab.closed().cause, Cause::Stopped);
}

#[test]
fn a_request_that_is_not_answered_before_the_end_is_reported() {
    let length = "Content-Length: 9";
    for (request, phase) in [
        (GET.to_owned(), Phase::Working),
        ("GET /a.txt HT".to_owned(), Phase::Reading),
        (
            format!("GET /a.txt HTTP/1.1\r\nHost: h\r\n{length}\r\n\r\nhalf"),
            Phase::Reading,
        ),
    ] {
        let mut lab = Lab::serving(Service {
            // Only what is there as a whole is held back.
            delay: match phase {
                Phase::Working => Duration::from_secs(3_600),
                _ => Duration::ZERO,
            },
            ..Service::default()
        });
        let mut client = lab.connect();
        client.send(&request);
        lab.until("all of it is seen", |lab| {
            lab.connections()
                .iter()
                .any(|state| state.phase == phase && state.request.length == request.len() as u64)
        });
        lab.server.stop(Duration::ZERO);
        let exchange = lab.exchange();
        assert_eq!((exchange.status, exchange.ending), (None, Ending::Stopped));
        assert_eq!(&*exchange.request.bytes, request.as_bytes());
        assert_eq!(exchange.number, 1);
        let closed = lab.closed();
        assert_eq!((closed.cause, closed.requests), (Cause::Stopped, 1));
        assert_eq!(closed.bytes_in, request.len() as u64);
        let counts = lab.counts();
        assert_eq!((counts.requests, counts.unanswered), (1, 1));
    }
}
