//! The web server and the request sender.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use sockscope::net::files::Root;
use sockscope::net::request_sender::{Plan, RequestSender};
use sockscope::net::resolve::Family;
use sockscope::net::web::{Trace, WebConfig, WebServer};
use sockscope::proto::http::script::Pace;
use sockscope::proto::http::service::Mode;
use sockscope::settings::Target;
use sockscope::trace::event::Event;
use sockscope::trace::recorder::{FILE_SNAPLEN, Secrets};
use sockscope::trace::web::{SenderEvent, WebEvent};
use sockscope::trace::wire::{Call, End};
use tempfile::TempDir;

use super::watch::{Watch, deaf_port, listener};
use crate::support::web::{Client, config};
use crate::support::{PATIENCE, folder};

/// What goes out behind the file of this many bytes would not fit into one call.
const LARGE: usize = 300_000;

/// Both ends with one recorder.
struct Lab {
    watch: Watch,
    server: WebServer,
    _folder: TempDir,
}

impl Lab {
    fn new() -> Self {
        Self::with(Secrets::Masked, |_| {})
    }

    fn with(secrets: Secrets, change: impl FnOnce(&mut WebConfig)) -> Self {
        let watch = Watch::new(secrets);
        let folder = folder();
        let write = |name: &str, content: &[u8]| {
            std::fs::write(folder.path().join(name), content).expect("it can be written");
        };
        write("a.txt", b"0123456789");
        write("large.bin", &vec![b'x'; LARGE]);
        let mut config = WebConfig {
            trace: Trace::Answered,
            ..config(Root::Folder(folder.path().to_owned()))
        };
        change(&mut config);
        let server = WebServer::start(config, watch.clock, watch.tap.clone());
        Self {
            watch,
            server: server.expect("port 0 is free"),
            _folder: folder,
        }
    }

    fn send(&self, request: &[u8], pace: Pace) -> RequestSender {
        send(&self.watch, self.server.address().port(), request, pace)
    }

    /// What both ends called for these requests: the names of the client's socket, and of the server's.
    fn session(&mut self, request: &[u8]) -> (String, String) {
        let before = self.watch.sockets(End::Client).len();
        let _sender = self.send(request, Pace::AtOnce);
        self.ended(before)
    }

    /// Waits until connection `place` is closed at both ends.
    fn ended(&mut self, place: usize) -> (String, String) {
        self.watch.until_called(End::Client, "close", place + 1);
        self.watch.until_called(End::Server, "close", place + 1);
        self.watch.assert_consistent();
        let client = self.watch.sockets(End::Client)[place];
        let server = self.connection(place);
        assert_eq!(
            self.watch.bytes(client, true),
            self.watch.bytes(server, false)
        );
        (self.watch.names(client), self.watch.names(server))
    }

    /// The server's socket of a connection; the first one listens.
    fn connection(&self, place: usize) -> u64 {
        let accepted = |event: &&sockscope::trace::wire::SocketEvent| {
            matches!(event.call, Call::Accept { .. }) && event.error.is_none()
        };
        let mut accepted = self.watch.calls(End::Server).filter(accepted);
        accepted.nth(place).expect("it was accepted").socket
    }
}

fn send(watch: &Watch, port: u16, request: &[u8], pace: Pace) -> RequestSender {
    let plan = Plan {
        target: Target {
            host: "127.0.0.1".to_owned(),
            port,
        },
        family: Family::Any,
        bytes: request.to_vec(),
        pace,
        patience: PATIENCE,
    };
    RequestSender::start(1, plan, watch.clock, watch.tap.clone()).expect("a thread starts")
}

const CLOSE: &[u8] = b"GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

#[test]
fn one_request_is_the_flow_chart_of_the_textbook() {
    let mut lab = Lab::new();
    let (client, server) = lab.session(CLOSE);
    // The client reads the answer and its end in as many calls as the system makes of it.
    assert!(
        [
            "socket connect send recv recv close",
            "socket connect send recv close"
        ]
        .contains(&&*client),
        "{client}"
    );
    assert_eq!(server, "accept recv send shutdown recv close");
    let address = lab.server.address();
    let listening = lab
        .watch
        .calls(End::Server)
        .next()
        .expect("it listens")
        .socket;
    assert_eq!(lab.watch.names(listening), "socket bind listen");
    let backlog = lab.watch.of(listening).find_map(|event| match event.call {
        Call::Listen { backlog } => Some((backlog, event.local)),
        _ => None,
    });
    assert_eq!(backlog, Some((1_024, Some(address))));

    let (client, server) = (lab.watch.sockets(End::Client)[0], lab.connection(0));
    assert_eq!(lab.watch.bytes(client, true), (CLOSE.to_vec(), true));
    let (answer, is_whole) = lab.watch.bytes(server, true);
    assert!(is_whole && answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(answer.ends_with(b"\r\n\r\n0123456789"));
    assert_eq!(lab.watch.bytes(client, false).0, answer);
    let connected = lab.watch.of(client).nth(1).expect("it is in the names");
    let accepted = lab.watch.of(server).next().expect("it is in the names");
    assert_eq!(
        (accepted.local, accepted.peer),
        (connected.peer, connected.local)
    );
    assert_eq!(accepted.local, Some(address));
    lab.server.stop(Duration::ZERO);
    lab.watch.until("the end of the listener", |watch| {
        watch.names(listening) == "socket bind listen close"
    });
}

#[test]
fn requests_on_a_kept_connection_share_its_socket() {
    let mut lab = Lab::new();
    let mut client = Client::connect(lab.server.address());
    for request in ["GET /a.txt", "HEAD /a.txt", "GET /none"] {
        client.ask(&format!("{request} HTTP/1.1\r\nHost: h\r\n\r\n"));
    }
    drop(client);
    lab.watch.until_called(End::Server, "close", 1);
    let server = lab.connection(0);
    assert_eq!(
        lab.watch.names(server),
        "accept recv send recv send recv send recv close"
    );
    let sent: Vec<_> = lab
        .watch
        .of(server)
        .filter_map(|event| match &event.call {
            Call::Send(payload) => Some(String::from_utf8_lossy(&payload.bytes).into_owned()),
            _ => None,
        })
        .collect();
    assert!(sent[0].contains(" 200 ") && sent[0].ends_with("0123456789"));
    assert!(sent[1].contains(" 200 ") && sent[1].ends_with("\r\n\r\n"));
    assert!(sent[2].contains(" 404 "));
    // The end is a reception of nothing.
    let lengths = lab.watch.of(server).filter_map(|event| match &event.call {
        Call::Recv(payload) => Some(payload.length),
        _ => None,
    });
    assert_eq!(lengths.last(), Some(0));
}

#[test]
fn who_waits_in_line_is_accepted_and_not_heard() {
    let mut lab = Lab::with(Secrets::Masked, |config| {
        config.service.mode = Mode::OneAtATime;
    });
    let mut first = Client::connect(lab.server.address());
    lab.watch.until_called(End::Server, "accept", 1);
    let mut second = Client::connect(lab.server.address());
    second.send(CLOSE);
    lab.watch.until_called(End::Server, "accept", 2);
    assert_eq!(lab.watch.names(lab.connection(1)), "accept");
    first.send(CLOSE);
    first.rest();
    drop(first);
    second.rest();
    drop(second);
    lab.watch.until_called(End::Server, "close", 2);
    for place in [0, 1] {
        let names = lab.watch.names(lab.connection(place));
        assert_eq!(names, "accept recv send shutdown recv close");
    }
    let close = |place| lab.watch.of(lab.connection(place)).last().map(|e| e.at);
    let heard = lab.watch.of(lab.connection(1)).nth(1).map(|e| e.at);
    let answered = lab.watch.of(lab.connection(0)).nth(2).map(|e| e.at);
    assert!(answered < heard, "one after the other");
    assert!(close(0).is_some());
}

#[test]
fn a_client_that_resets_is_a_reception_that_failed() {
    let mut lab = Lab::new();
    let mut client = Client::connect(lab.server.address());
    client.send("GET / HT");
    lab.watch.until_called(End::Server, "recv", 1);
    client.reset();
    lab.watch.until_called(End::Server, "close", 1);
    let server = lab.connection(0);
    assert_eq!(lab.watch.names(server), "accept recv recv! close");
}

#[test]
fn a_refused_connection_is_told_with_its_error() {
    let mut watch = Watch::new(Secrets::Masked);
    let (_deaf, port) = deaf_port();
    let _sender = send(&watch, port, CLOSE, Pace::AtOnce);
    watch.until_called(End::Client, "close", 1);
    let client = watch.sockets(End::Client)[0];
    assert_eq!(watch.names(client), "socket connect! close");
    let refused = watch.of(client).nth(1).expect("it is in the names");
    assert_eq!(refused.peer, Some(SocketAddr::from(([127, 0, 0, 1], port))));
}

#[test]
fn a_sender_that_is_stopped_closes() {
    let mut watch = Watch::new(Secrets::Masked);
    let (listener, port) = listener();
    let mut sender = send(&watch, port, CLOSE, Pace::Silent);
    let accepted = listener.accept().expect("the sender connects");
    watch.until_called(End::Client, "connect", 1);
    sender.stop();
    watch.until_called(End::Client, "close", 1);
    assert_eq!(
        watch.names(watch.sockets(End::Client)[0]),
        "socket connect close"
    );
    drop(accepted);
}

#[test]
fn a_server_at_its_limit_answers_some_and_closes_on_others_without_a_word() {
    let mut lab = Lab::with(Secrets::Masked, |config| config.limits.connections = 0);
    let mut client = Client::connect(lab.server.address());
    let (answer, _) = client.rest();
    assert!(answer.starts_with(b"HTTP/1.1 503 "));
    drop(client);
    lab.watch.until_called(End::Server, "close", 1);
    let names = lab.watch.names(lab.connection(0));
    assert_eq!(names, "accept send shutdown recv close");
    // As many as are told that there are too many, and one more.
    let mut clients: Vec<_> = (0..=256)
        .map(|_| Client::connect(lab.server.address()))
        .collect();
    lab.watch.until_called(End::Server, "accept", 258);
    lab.watch
        .until("a connection that is dropped at once", |watch| {
            let sockets = watch.sockets(End::Server);
            sockets
                .iter()
                .any(|&socket| watch.names(socket) == "accept close")
        });
    clients.clear();
}

#[test]
fn a_file_that_the_kernel_sends_has_a_length_and_for_a_file_its_bytes() {
    let request = b"GET /large.bin HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let mut lab = Lab::new();
    lab.session(request);
    let sent = |lab: &Lab, place| {
        let server = lab.connection(place);
        let payloads = lab.watch.of(server).filter_map(|event| match &event.call {
            Call::Send(payload) => Some(payload.length),
            _ => None,
        });
        (payloads.sum::<u64>(), lab.watch.bytes(server, true))
    };
    let (length, (bytes, is_whole)) = sent(&lab, 0);
    let head = length - LARGE as u64;
    assert!(head > 100 && head < 1_000, "{length}");
    if cfg!(target_os = "linux") {
        assert!(!is_whole && bytes.len() as u64 == head);
    }
    let _file = lab.watch.file(FILE_SNAPLEN);
    lab.session(request);
    let (again, (bytes, is_whole)) = sent(&lab, 1);
    assert!(is_whole, "all of each call");
    assert_eq!(again, length);
    assert!(bytes.ends_with(&vec![b'x'; LARGE]));
    let client = lab.watch.sockets(End::Client)[1];
    assert_eq!(lab.watch.bytes(client, false), (bytes, true));
}

/// Stands for every secret here.
const WORD: &str = "Tr0ub4dor";

/// Requests with the secret in each place where it may stand.
fn secretive() -> [String; 5] {
    let form = format!("user=bob&password={WORD}");
    let json = format!("{{\"user\": \"bob\", \"access_token\": \"{WORD}\"}}");
    [
        format!(
            "GET /a.txt?password={WORD} HTTP/1.1\r\nHost: h\r\nReferer: http://h/?token={WORD}\r\n\r\n"
        ),
        format!(
            "GET /a.txt HTTP/1.1\r\nHost: h\r\nAuthorization: Basic {WORD}\r\nCookie: a={WORD}\r\n\r\n"
        ),
        format!(
            "POST /a.txt HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        ),
        format!(
            "POST /a.txt HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{json}\r\n0\r\n\r\n",
            json.len()
        ),
        // Its answer brings the head back.
        format!("TRACE /?pwd={WORD} HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n"),
    ]
}

/// Whether the secret, or half of it, is anywhere in what the labs have told.
fn leaks(watch: &Watch) -> Option<String> {
    let found = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        [&WORD[..5], &WORD[4..]]
            .iter()
            .any(|half| text.contains(half))
            .then_some(text)
    };
    let calls = watch.seen.iter().filter_map(|event| event.call.payload());
    let in_calls = calls.filter_map(|payload| found(&payload.bytes)).next();
    let events = watch.events();
    let in_events = events.iter().find_map(|event| match event {
        Event::Web(WebEvent::Exchange(exchange)) => {
            found(&exchange.request.bytes).or_else(|| found(&exchange.response.bytes))
        }
        Event::Sender {
            event: SenderEvent::Sent { bytes, .. } | SenderEvent::Received { bytes, .. },
            ..
        } => found(bytes),
        _ => None,
    });
    in_calls.or(in_events)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_secret_is_told_wherever_a_request_is_cut(
        which in 0..5_usize,
        cuts in prop::collection::vec(0..400_usize, 0..4),
    ) {
        let mut lab = Lab::new();
        let request = &secretive()[which];
        let mut client = Client::connect(lab.server.address());
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(request.len())).collect();
        cuts.extend([0, request.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        for (place, part) in cuts.windows(2).enumerate() {
            client.send(&request.as_bytes()[part[0]..part[1]]);
            lab.watch.until("each part is read by itself", |watch| {
                let reads = watch.calls(End::Server).filter(|e| matches!(e.call, Call::Recv(_)));
                reads.count() > place
            });
        }
        client.finish();
        client.rest();
        drop(client);
        lab.watch.until_called(End::Server, "close", 1);
        let leak = leaks(&lab.watch);
        prop_assert!(leak.is_none(), "{leak:?}");
        let server = lab.connection(0);
        let (received, _) = lab.watch.bytes(server, false);
        prop_assert_eq!(received.len(), request.len(), "a mask changes no length");
        let is_masked = |e: &sockscope::trace::wire::SocketEvent| e.call.payload().is_some_and(|p| p.masked);
        prop_assert!(lab.watch.of(server).any(is_masked));
    }
}

#[test]
fn no_secret_of_the_sender_is_told_however_slowly_it_types() {
    for request in secretive() {
        let mut lab = Lab::new();
        let pace = Pace::Trickle {
            every: Duration::ZERO,
        };
        let request = request.replace("Host: h\r\n", "Host: h\r\nConnection: close\r\n");
        let _sender = lab.send(request.as_bytes(), pace);
        lab.ended(0);
        assert_eq!(leaks(&lab.watch), None);
    }
}

#[test]
fn what_an_answer_sets_is_masked_too() {
    let mut watch = Watch::new(Secrets::Masked);
    let (listener, port) = listener();
    let _sender = send(&watch, port, CLOSE, Pace::AtOnce);
    let (mut stream, _) = listener.accept().expect("the sender connects");
    stream
        .read_exact(&mut vec![0; CLOSE.len()])
        .expect("it sends");
    let answer = format!("HTTP/1.1 200 OK\r\nSet-Cookie: id={WORD}\r\nContent-Length: 0\r\n\r\n");
    for byte in answer.as_bytes() {
        stream.write_all(&[*byte]).expect("it reads");
    }
    drop(stream);
    watch.until_called(End::Client, "close", 1);
    assert_eq!(leaks(&watch), None);
    assert_eq!(
        watch.bytes(watch.sockets(End::Client)[0], false).0.len(),
        answer.len()
    );
}

#[test]
fn who_asks_for_secrets_sees_them() {
    let mut lab = Lab::with(Secrets::Shown, |_| {});
    let request = secretive()[1].replace("Host: h", "Host: h\r\nConnection: close");
    lab.session(request.as_bytes());
    let server = lab.connection(0);
    assert_eq!(lab.watch.bytes(server, false).0, request.as_bytes());
    let events = lab.watch.events();
    let shown = events.iter().any(|event| match event {
        Event::Web(WebEvent::Exchange(exchange)) => *exchange.request.bytes == *request.as_bytes(),
        _ => false,
    });
    assert!(shown);
}
