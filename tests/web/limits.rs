//! What no client gets past: time, sizes, numbers.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sockscope::proto::http::rule::Rule;
use sockscope::trace::web::{Cause, Closed, Ending, WebEvent};

use crate::support::web::{Client, DIGITS, GET, Lab};

const SHORT: Duration = Duration::from_millis(400);
const PACE: Duration = Duration::from_millis(10);

/// Sends a byte now and then, as long as the connection stands, while `meanwhile` goes on.
fn trickling<T>(client: &mut Client, meanwhile: impl FnOnce(&mut Client) -> T) -> T {
    let mut stream = client.stream.try_clone().expect("a second handle");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) && stream.write_all(b"x").is_ok() {
                std::thread::sleep(PACE);
            }
        });
        let result = meanwhile(client);
        is_over.store(true, Ordering::Relaxed);
        result
    })
}

/// The answer to a request that came too late, its end, and what is reported.
fn assert_too_late(lab: &mut Lab, mut client: Client, rule: Rule) {
    let response = client.response(b"");
    assert_eq!(response.status, 408);
    assert_eq!(response.field("Connection"), Some("close"));
    client.finish();
    client.assert_closed();
    assert_eq!(lab.exchange().rule, Some(rule));
    assert_eq!(lab.closed().cause, Cause::TooLate);
}

#[test]
fn a_head_has_to_arrive_in_time_however_it_trickles() {
    let mut lab = Lab::limited(|limits| limits.head_time = SHORT);
    // Nothing: closed without a word, and no request.
    let mut client = lab.connect();
    client.assert_closed();
    drop(client);
    let Closed {
        cause, requests, ..
    } = lab.closed();
    assert_eq!((cause, requests), (Cause::Silent, 0));
    assert_eq!(lab.counts().requests, 0);
    // A part.
    let mut client = lab.connect();
    client.send("GET / HT");
    assert_too_late(&mut lab, client, Rule::HeadTooLate);
    // A part of the second one.
    let mut client = lab.connect();
    client.send([GET, "GET / HT"].concat());
    assert_eq!(client.response(GET.as_bytes()).text(), DIGITS);
    lab.exchange();
    assert_too_late(&mut lab, client, Rule::HeadTooLate);
    // Byte by byte.
    let mut client = lab.connect();
    client.send("GET /a.txt HTTP/1.1\r\nHost: h\r\nX: ");
    trickling(&mut client, |client| {
        let response = client.response(b"");
        assert_eq!(response.status, 408);
    });
    let exchange = lab.exchange();
    assert_eq!(exchange.rule, Some(Rule::HeadTooLate));
    assert_eq!(exchange.broken_at, Some(exchange.request.bytes.len()));
    assert!(exchange.timing.duration() < 20 * SHORT, "{exchange:?}");
}

#[test]
fn a_connection_may_be_idle_for_a_time() {
    let mut lab = Lab::limited(|limits| limits.idle_time = SHORT);
    let mut client = lab.connect();
    client.assert_open();
    client.assert_open();
    client.assert_closed();
    drop(client);
    let closed = lab.closed();
    assert_eq!((closed.cause, closed.requests), (Cause::Idle, 2));
}

#[test]
fn a_body_has_to_keep_coming() {
    let mut lab = Lab::limited(|limits| limits.stall_time = SHORT);
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        let request = format!("GET /a.txt HTTP/1.1\r\nHost: h\r\nReferer: r\r\n{framing}\r\n\r\n1");
        let mut client = lab.connect();
        client.send(&request);
        assert_too_late(&mut lab, client, Rule::BodyTooLate);
    }
}

#[test]
fn a_body_has_to_come_fast_enough() {
    let mut lab = Lab::limited(|limits| {
        limits.stall_time = SHORT;
        limits.lowest_rate = 1 << 20;
    });
    let mut client = lab.connect();
    client.send("GET /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n");
    trickling(&mut client, |client| {
        assert_eq!(client.response(b"").status, 408);
    });
    assert_eq!(lab.exchange().rule, Some(Rule::BodyTooLate));
}

#[test]
fn a_client_has_to_take_its_response() {
    let mut lab = Lab::limited(|limits| limits.stall_time = SHORT);
    lab.file("large", vec![0; 16 << 20]);
    let mut client = lab.connect_slow();
    client.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
    let exchange = lab.exchange();
    assert_eq!(exchange.ending, Ending::Stalled);
    assert!((1..16 << 20).contains(&exchange.content_sent));
    assert_eq!(lab.closed().cause, Cause::Stalled);
    assert_eq!(lab.ask(GET).status, 200);
}

#[test]
fn a_client_has_to_take_its_response_fast_enough() {
    let mut lab = Lab::limited(|limits| {
        limits.stall_time = SHORT;
        limits.lowest_rate = 1 << 40;
    });
    lab.file("large", vec![0; 16 << 20]);
    let mut client = lab.connect_slow();
    client.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
    // It takes something all the time.
    while client.more().is_ok() {
        std::thread::sleep(PACE / 10);
    }
    let exchange = lab.exchange();
    assert_eq!(exchange.ending, Ending::Stalled);
    assert_eq!(lab.closed().cause, Cause::Stalled);
    // A small response is never judged by it.
    assert_eq!(lab.ask(GET).status, 200);
}

#[test]
fn so_many_requests_on_a_connection() {
    let mut lab = Lab::limited(|limits| limits.requests = 3);
    let mut client = lab.connect();
    client.send(GET.repeat(5));
    let said = [1, 2, 3].map(|_| {
        let response = client.response(GET.as_bytes());
        assert_eq!(response.text(), DIGITS);
        response.field("Connection").map(str::to_owned)
    });
    assert_eq!(said, [None, None, Some("close".to_owned())]);
    client.finish();
    client.assert_closed();
    let closed = lab.closed();
    assert_eq!((closed.cause, closed.requests), (Cause::RequestLimit, 3));
}

#[test]
fn so_many_connections_at_a_time() {
    let mut lab = Lab::limited(|limits| limits.connections = 2);
    let mut kept = [lab.connect(), lab.connect()];
    lab.until("both are in", |lab| lab.connections().len() == 2);
    let mut refused = lab.connect();
    let response = refused.response(b"");
    assert_eq!(response.status, 503);
    assert_eq!(response.field("Retry-After"), Some("1"));
    assert_eq!(response.field("Connection"), Some("close"));
    refused.assert_closed();
    drop(refused);
    assert_eq!(lab.exchange().rule, Some(Rule::TooManyConnections));
    assert_eq!(lab.closed().cause, Cause::Refused);
    assert_eq!(lab.counts().refused, 1);
    for client in &mut kept {
        client.assert_open();
    }
    let [_kept, gone] = kept;
    drop(gone);
    lab.until("there is room again", |lab| lab.connections().len() == 1);
    assert_eq!(lab.ask(GET).status, 200);
}

#[test]
fn a_flood_of_connections_is_survived() {
    let mut lab = Lab::limited(|limits| limits.connections = 2);
    let flood: Vec<Client> = (0..300).map(|_| lab.connect()).collect();
    lab.until("all are refused", |lab| lab.counts().refused == 298);
    drop(flood);
    lab.until("all are gone", |lab| lab.connections().is_empty());
    assert_eq!(lab.ask(GET).status, 200);
    let events = lab.all_events();
    let count = |is: fn(&WebEvent) -> bool| events.iter().filter(|event| is(event)).count();
    let opened = count(|event| matches!(event, WebEvent::Opened { .. }));
    let closed = count(|event| matches!(event, WebEvent::Closed(_)));
    assert!(opened - closed <= 1, "{opened} {closed}");
}

#[test]
fn sizes_are_what_is_set() {
    let mut lab = Lab::limited(|limits| {
        limits.request_line = 64;
        limits.head = 100;
        limits.fields = 3;
        limits.body = 10;
    });
    // As large as may be, and a byte or a line more.
    let request_line = |more: usize| {
        let path = "x".repeat(64 - "GET / HTTP/1.1\r\n".len() + more);
        format!("GET /{path} HTTP/1.1\r\nHost: h\r\n\r\n")
    };
    let head = |more: usize| {
        let value = "x".repeat(100 - "Host: h\r\nX: \r\n\r\n".len() + more);
        format!("GET /a.txt HTTP/1.1\r\nHost: h\r\nX: {value}\r\n\r\n")
    };
    let fields = |count: usize| {
        let fields = "X: y\r\n".repeat(count - 1);
        format!("GET /a.txt HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
    };
    let body = |length: usize| {
        let body = "x".repeat(length);
        format!("GET /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let chunks = |more: &str| {
        format!(
            "GET /a.txt HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
             5\r\n01234\r\n5\r\n56789\r\n{more}0\r\n\r\n"
        )
    };
    let table = [
        (request_line(0), 404, Rule::NotFound),
        (request_line(1), 414, Rule::TargetTooLong),
        (head(0), 200, Rule::Found),
        (head(1), 431, Rule::FieldsTooLarge),
        (fields(3), 200, Rule::Found),
        (fields(4), 431, Rule::TooManyFields),
        (body(10), 200, Rule::Found),
        (body(11), 413, Rule::BodyTooLarge),
        (chunks(""), 200, Rule::Found),
        (chunks("1\r\nx\r\n"), 413, Rule::BodyTooLarge),
    ];
    for (request, status, rule) in table {
        assert_eq!(lab.ask(&request).status, status, "{request}");
        assert_eq!(lab.exchange().rule, Some(rule), "{request}");
    }
}

/// Descriptors run out in a process of its own, which may have few.
#[cfg(target_os = "linux")]
#[test]
fn a_server_without_descriptors_comes_back() {
    use crate::support::command::start;
    use crate::support::{PROGRAM, web::wait_until};

    let script = "ulimit -n 24 && exec \"$0\" serve --listen 127.0.0.1:0 --json";
    let mut server = start("sh", &["-c", script, PROGRAM]);
    let address = server.json()["address"].as_str().map(str::parse);
    let address = address.expect("it is told").expect("an address");
    let mut crowd: Vec<Client> = (0..60).map(|_| Client::connect(address)).collect();
    // Those who are in are served or told that it can't be done now.
    crowd[0].send("GET /HelloWorld.html HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(matches!(crowd[0].response(b"").status, 200 | 503));
    // Those who stand outside get in when others leave, from the oldest on.
    while crowd.len() > 1 {
        crowd.remove(0);
    }
    let response = crowd[0].ask("GET /HelloWorld.html HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(response.status, 200);
    drop(crowd);
    wait_until("it serves as before", || {
        let mut client = Client::connect(address);
        client.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status == 200
    });
}
