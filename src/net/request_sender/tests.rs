use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::SystemTime;

use super::*;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);

/// A server on a free port that serves one connection as told.
fn server(serve: impl FnOnce(TcpStream) + Send + 'static) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        if let Ok((stream, _)) = listener.accept() {
            serve(stream);
        }
    });
    Target {
        host: "127.0.0.1".to_owned(),
        port,
    }
}

/// Reads until this many heads are in.
fn read_heads(stream: &mut TcpStream, heads: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    let count = |bytes: &[u8]| bytes.windows(4).filter(|four| four == b"\r\n\r\n").count();
    while count(&bytes) < heads && stream.read(&mut byte).unwrap() == 1 {
        bytes.push(byte[0]);
    }
    bytes
}

/// Waits until the client has closed.
fn wait_for_close(mut stream: TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

fn plan(target: Target, bytes: &[u8]) -> Plan {
    Plan {
        target,
        family: Family::Any,
        bytes: bytes.to_vec(),
        pace: Pace::AtOnce,
        patience: LONG,
    }
}

fn clock() -> Clock {
    Clock::new(Instant::now(), SystemTime::now())
}

/// What came of a plan.
struct Seen {
    connected: bool,
    sent: Vec<Box<[u8]>>,
    received: Vec<u8>,
    how: SenderEnd,
    not_kept: u64,
}

fn gather(events: impl IntoIterator<Item = SenderEvent>) -> Seen {
    let mut seen = Seen {
        connected: false,
        sent: Vec::new(),
        received: Vec::new(),
        how: SenderEnd::Stopped,
        not_kept: 0,
    };
    let mut last = Duration::ZERO;
    let mut ended = 0;
    for event in events {
        assert_eq!(ended, 0, "nothing comes after the end");
        let at = match event {
            SenderEvent::Connected { at, .. } => {
                seen.connected = true;
                at
            }
            SenderEvent::Sent { at, bytes } => {
                seen.sent.push(bytes);
                at
            }
            SenderEvent::Received { at, bytes } => {
                seen.received.extend_from_slice(&bytes);
                at
            }
            SenderEvent::Ended { at, how, not_kept } => {
                (seen.how, seen.not_kept) = (how, not_kept);
                ended += 1;
                at
            }
        };
        assert!(at >= last, "events come in order");
        last = at;
    }
    assert_eq!(ended, 1);
    seen
}

fn carry_out(plan: &Plan) -> Seen {
    let (_stop, stopped) = oneshot::channel();
    let mut events = Vec::new();
    converse(
        plan,
        KEPT,
        clock(),
        &Recorder::off(),
        stopped,
        |event, _| {
            events.push(event);
        },
    );
    gather(events)
}

#[test]
fn a_pipelined_pair_is_complete_after_both_answers() {
    let target = server(|mut stream| {
        read_heads(&mut stream, 2);
        let answers = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        for byte in answers {
            stream.write_all(&[*byte]).unwrap();
        }
        wait_for_close(stream);
    });
    let seen = carry_out(&plan(target, &[GET, GET].concat()));
    assert!(seen.connected);
    assert_eq!(seen.how, SenderEnd::Complete);
    assert_eq!(seen.sent.concat(), [GET, GET].concat());
    assert!(seen.received.ends_with(b"Content-Length: 0\r\n\r\n"));
}

#[test]
fn one_of_two_answers_is_not_complete() {
    let target = server(|mut stream| {
        read_heads(&mut stream, 2);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            .unwrap();
    });
    let seen = carry_out(&plan(target, &[GET, GET].concat()));
    assert_eq!(seen.how, SenderEnd::ServerClosed);
}

#[test]
fn an_answer_may_end_with_its_connection() {
    let target = server(|mut stream| {
        read_heads(&mut stream, 1);
        stream
            .write_all(b"HTTP/1.0 200 OK\r\n\r\nall of it")
            .unwrap();
    });
    let seen = carry_out(&plan(target, GET));
    assert_eq!(seen.how, SenderEnd::Complete);
    assert!(seen.received.ends_with(b"all of it"));
}

#[test]
fn an_answer_that_is_cut_short_is_not_complete() {
    let target = server(|mut stream| {
        read_heads(&mut stream, 1);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            .unwrap();
    });
    assert_eq!(carry_out(&plan(target, GET)).how, SenderEnd::ServerClosed);
}

#[test]
fn bytes_behind_the_answer_are_reported() {
    let target = server(|mut stream| {
        read_heads(&mut stream, 1);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi\r\n")
            .unwrap();
    });
    let seen = carry_out(&plan(target, GET));
    assert_eq!(seen.how, SenderEnd::Complete);
    assert!(seen.received.ends_with(b"hi\r\n"));
}

#[test]
fn a_trickle_goes_out_byte_by_byte_and_lines_line_by_line() {
    let every = Duration::from_millis(1);
    for (pace, pieces) in [
        (Pace::Trickle { every }, GET.len()),
        (Pace::Lines { every }, 3),
    ] {
        let target = server(|mut stream| {
            assert_eq!(read_heads(&mut stream, 1), GET);
            stream
                .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                .unwrap();
        });
        let seen = carry_out(&Plan {
            pace,
            ..plan(target, GET)
        });
        assert_eq!(seen.how, SenderEnd::Complete);
        assert_eq!(seen.sent.len(), pieces);
        assert_eq!(seen.sent.concat(), GET);
    }
}

#[test]
fn an_answer_before_the_request_is_out_ends_a_trickle() {
    let target = server(|mut stream| {
        stream.read_exact(&mut [0]).unwrap();
        stream
            .write_all(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        wait_for_close(stream);
    });
    let seen = carry_out(&Plan {
        pace: Pace::Trickle { every: LONG },
        ..plan(target, GET)
    });
    assert_eq!(seen.how, SenderEnd::Complete);
    assert_eq!(seen.sent.concat(), b"G");
}

#[test]
fn a_server_that_never_answers_is_given_up_but_not_while_we_pause() {
    let patience = Duration::from_millis(100);
    for pace in [
        Pace::AtOnce,
        Pace::Lines {
            every: patience * 2,
        },
    ] {
        let seen = carry_out(&Plan {
            pace,
            patience,
            ..plan(server(wait_for_close), GET)
        });
        assert_eq!(seen.how, SenderEnd::TimedOut);
        assert_eq!(seen.sent.concat(), GET);
    }
}

#[test]
fn a_silent_connection_lasts_until_the_server_closes_it() {
    let target = server(drop);
    let seen = carry_out(&Plan {
        pace: Pace::Silent,
        ..plan(target, GET)
    });
    assert_eq!(seen.how, SenderEnd::ServerClosed);
    assert!(seen.connected && seen.sent.is_empty());
}

#[test]
fn a_reset_is_told_from_a_close() {
    let target = server(|mut stream| {
        read_heads(&mut stream, 1);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            .unwrap();
        let socket = socket2::Socket::from(stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    });
    assert_eq!(carry_out(&plan(target, GET)).how, SenderEnd::Reset);
}

#[test]
fn nobody_at_the_port_and_no_such_address_are_told() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = unused.local_addr().unwrap().port();
    drop(unused);
    let target = Target {
        host: "127.0.0.1".to_owned(),
        port,
    };
    for family in [Family::Any, Family::V6] {
        let seen = carry_out(&Plan {
            family,
            ..plan(target.clone(), GET)
        });
        assert!(!seen.connected);
        assert!(matches!(seen.how, SenderEnd::CannotConnect(error) if !error.is_empty()));
    }
}

/// A tap whose events can be waited for.
fn tap() -> (Tap, mpsc::Receiver<()>) {
    let (wake, woken) = mpsc::channel();
    (Tap::new(10_000, move || _ = wake.send(())), woken)
}

#[test]
fn a_sender_can_be_stopped_at_any_time() {
    let (accepted, is_accepted) = mpsc::channel();
    let target = server(move |stream| {
        accepted.send(()).unwrap();
        wait_for_close(stream);
    });
    let (tap, woken) = tap();
    let plan = Plan {
        pace: Pace::Silent,
        ..plan(target, b"")
    };
    let mut sender = RequestSender::start(7, plan, clock(), tap.clone()).unwrap();
    is_accepted.recv().unwrap();
    woken.recv().unwrap();
    sender.stop();
    assert!(sender.is_finished());
    let mut events = Vec::new();
    tap.drain(&mut events);
    let seen = gather(events.into_iter().map(|event| match event {
        Event::Sender { id: 7, event } => event,
        other => panic!("{other:?}"),
    }));
    assert!(seen.connected);
    assert_eq!(seen.how, SenderEnd::Stopped);
}

#[test]
fn of_a_long_answer_the_first_bytes_are_kept_and_the_others_counted() {
    const BODY: usize = KEPT as usize + 1000;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n");
    let length = head.len() + BODY;
    let target = server(move |mut stream| {
        read_heads(&mut stream, 1);
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![b'x'; BODY]).unwrap();
        wait_for_close(stream);
    });
    let seen = carry_out(&plan(target, GET));
    assert_eq!(seen.how, SenderEnd::Complete);
    assert_eq!(seen.received.len() as u64, KEPT);
    assert_eq!(seen.not_kept, length as u64 - KEPT);
}

#[test]
fn a_large_request_and_a_large_answer_pass_each_other() {
    // Neither side reads before it has written: more than the buffers of both hold.
    const MUCH: usize = 16 << 20;
    let target = server(|mut stream| {
        read_heads(&mut stream, 1);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {MUCH}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![b'x'; MUCH - 1]).unwrap();
        let mut body = vec![0; MUCH];
        stream.read_exact(&mut body).unwrap();
        stream.write_all(b"x").unwrap();
    });
    let head = format!("POST / HTTP/1.1\r\nContent-Length: {MUCH}\r\n\r\n");
    let bytes = [head.into_bytes(), vec![b'y'; MUCH]].concat();
    let seen = carry_out(&plan(target, &bytes));
    assert_eq!(seen.how, SenderEnd::Complete);
    assert_eq!(seen.sent.concat(), bytes);
}
