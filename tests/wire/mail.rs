//! The mail client and the mail server: what each end calls, in which order, with which bytes, and what is never among them.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use sockscope::net::mail_server::MailServer;
use sockscope::net::tls::Certificate;
use sockscope::proto::secret::Secret;
use sockscope::proto::smtp::outcome::{Failure, Outcome};
use sockscope::proto::smtp::plan::{Login, Order, Password, Plan, Security, Trust};
use sockscope::proto::smtp::sasl::Mechanism;
use sockscope::trace::bounded::Bounded;
use sockscope::trace::mail::SendingEvent;
use sockscope::trace::recorder::{Recorder, Secrets};
use sockscope::trace::tap::Tap;
use sockscope::trace::wire::{Call, End, Layer, SocketEvent, SocketId};

use crate::support::PATIENCE;
use crate::support::mail::{EHLO, Lab, MAIL, Sent, Setup, clock, plan, recorded};

const PASSWORD: &str = "Tr0ub4dor&3";

/// Takes the calls of both ends.
struct Calls {
    recorder: Recorder,
    ring: Bounded<SocketEvent>,
    seen: Vec<SocketEvent>,
}

impl Calls {
    fn new(secrets: Secrets) -> Self {
        let ring = Bounded::new(1 << 20, usize::MAX, || {});
        let recorder = Recorder::new(clock(), secrets, Some(ring.clone()));
        // A file that takes nothing: for its sake all bytes of each call are kept.
        recorder.set_file(Some((Bounded::new(0, 0, || {}), usize::MAX)));
        Self {
            recorder,
            ring,
            seen: Vec::new(),
        }
    }

    fn lab(&self, change: impl FnOnce(&mut Setup)) -> Lab {
        Lab::with(|setup| {
            setup.recorder = self.recorder.clone();
            change(setup);
        })
    }

    fn sent(&self, plan: &Plan) -> Sent {
        recorded(plan, &self.recorder, |_, _| {})
    }

    /// Waits until something is true of all calls so far.
    fn wait_until(&mut self, wanted: impl Fn(&Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            assert_eq!(self.ring.drain(&mut self.seen), 0, "there is room for all");
            if wanted(self) {
                return;
            }
            assert!(Instant::now() < until, "it never came to that: {self:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until all connections are closed at both ends.
    fn wait_for_ends(&mut self) {
        self.wait_until(|calls| {
            let is = |wanted: fn(&Call) -> bool| {
                calls
                    .seen
                    .iter()
                    .filter(|event| wanted(&event.call))
                    .count()
            };
            let opened = is(|call| matches!(call, Call::Socket | Call::Accept { .. }));
            // All but the sockets that listen.
            is(|call| *call == Call::Close) + is(|call| matches!(call, Call::Listen { .. }))
                == opened
        });
    }

    fn of(&self, socket: SocketId) -> Vec<&SocketEvent> {
        self.seen
            .iter()
            .filter(|event| event.socket == socket)
            .collect()
    }

    /// The sockets of connections at an end.
    fn sockets(&self, end: End) -> Vec<SocketId> {
        let begins = |event: &&SocketEvent| match event.call {
            Call::Socket => event.end == End::Client && end == End::Client,
            Call::Accept { .. } => end == End::Server,
            _ => false,
        };
        self.seen
            .iter()
            .filter(begins)
            .map(|event| event.socket)
            .collect()
    }

    /// The names of a socket's calls, several receptions or sendings in a row counted as one.
    fn names(&self, socket: SocketId) -> Vec<String> {
        let name = |event: &&SocketEvent| {
            let place = match event.call.payload() {
                Some(payload) if payload.layer == Layer::InsideTls => " in TLS",
                _ => "",
            };
            let failed = event.error.as_ref().map_or("", |_| " failed");
            let end = match &event.call {
                Call::Recv(payload) if payload.length == 0 && event.error.is_none() => " end",
                _ => "",
            };
            format!("{}{place}{end}{failed}", event.call.name())
        };
        let mut names: Vec<String> = self.of(socket).iter().map(name).collect();
        names.dedup();
        names
    }

    /// All bytes that a socket sent, or received.
    fn bytes(&self, socket: SocketId, sent: bool, layer: Layer) -> Vec<u8> {
        let calls = self.of(socket).into_iter();
        let payloads = calls.filter(|event| event.call.is_sending() == sent);
        let payloads = payloads.filter_map(|event| event.call.payload());
        let bytes = payloads
            .filter(|payload| payload.layer == layer)
            .map(|payload| {
                assert_eq!(payload.bytes.len() as u64, payload.length);
                payload.bytes.to_vec()
            });
        bytes.collect::<Vec<_>>().concat()
    }

    /// Holds the two ends of the one connection against each other; gives what the client sent in the clear and inside TLS.
    fn compared(&self) -> [String; 2] {
        let [client] = self.sockets(End::Client)[..] else {
            panic!("one connection: {self:?}");
        };
        let [server] = self.sockets(End::Server)[..] else {
            panic!("one connection: {self:?}");
        };
        for layer in [Layer::Socket, Layer::InsideTls] {
            for sent in [true, false] {
                assert_eq!(
                    self.bytes(client, sent, layer).escape_ascii().to_string(),
                    self.bytes(server, !sent, layer).escape_ascii().to_string(),
                    "{layer:?}, sent by the client: {sent}"
                );
            }
        }
        let (ours, theirs) = (self.of(client), self.of(server));
        let (ours, theirs) = (ours.last().unwrap(), theirs.last().unwrap());
        assert_eq!((ours.local, ours.peer), (theirs.peer, theirs.local));
        assert!(ours.local.is_some() && ours.peer.is_some());
        [Layer::Socket, Layer::InsideTls]
            .map(|layer| self.bytes(client, true, layer).escape_ascii().to_string())
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for event in &self.seen {
            let (at, end, socket) = (event.at, event.end, event.socket);
            let payload = event.call.payload();
            let bytes = payload.map(|payload| payload.bytes.escape_ascii().to_string());
            let (name, error) = (event.call.name(), &event.error);
            writeln!(f, "{at:?} {end:?} {socket} {name} {bytes:?} {error:?}")?;
        }
        Ok(())
    }
}

/// A plan for a lab with TLS, that trusts it.
fn encrypted(lab: &Lab, folder: &std::path::Path, security: Security) -> Plan {
    let file = folder.join("authority.pem");
    std::fs::write(&file, &lab.authority).expect("the folder can be written");
    let address = match security {
        Security::Tls => lab.server.tls_address().expect("TLS was asked for"),
        _ => lab.address(),
    };
    Plan {
        host: "localhost".to_owned(),
        security,
        trust: Trust {
            ca_files: vec![file],
            ..Trust::default()
        },
        ..plan(address)
    }
}

fn with_login(plan: Plan, mechanism: Mechanism) -> Plan {
    Plan {
        login: Some(Login {
            mechanism,
            user: "student".to_owned(),
            password: Password::Typed(Secret::from(PASSWORD)),
        }),
        ..plan
    }
}

#[test]
fn a_session_in_clear_text() {
    let mut calls = Calls::new(Secrets::Masked);
    let lab = calls.lab(|_| {});
    let mut plan = plan(lab.address());
    plan.message.to.truncate(1);
    assert_eq!(calls.sent(&plan).summary.outcome, Outcome::Sent);
    calls.wait_for_ends();
    let client = calls.sockets(End::Client)[0];
    let expected = [
        &["socket", "connect"],
        &["recv", "send"].repeat(6)[..],
        &["recv", "shutdown", "close"],
    ]
    .concat();
    assert_eq!(calls.names(client), expected);
    let server = calls.sockets(End::Server)[0];
    let expected = [
        &["accept"],
        &["send", "recv"].repeat(6)[..],
        &["send", "close"],
    ]
    .concat();
    assert_eq!(calls.names(server), expected);
    let [said, encrypted] = calls.compared();
    assert!(
        said.starts_with(&format!("{EHLO}\\r\\n{MAIL} SIZE=")),
        "{said}"
    );
    assert!(
        said.ends_with("One.\\r\\n..two\\r\\n.\\r\\nQUIT\\r\\n"),
        "{said}"
    );
    assert_eq!(encrypted, "");
    // By their times, everything that came was sent before.
    let moved = calls
        .seen
        .iter()
        .filter(|event| event.call.payload().is_some());
    let mut moved: Vec<_> = moved.collect();
    moved.sort_by_key(|event| event.at);
    for pair in moved.chunks(2) {
        let [sent, came] = pair else {
            panic!("one reception for each sending: {calls:?}");
        };
        assert!(
            sent.call.is_sending() && !came.call.is_sending(),
            "{calls:?}"
        );
        assert_ne!(sent.end, came.end);
    }
    // The socket that listens.
    let listener = calls.seen[0].socket;
    assert_eq!(calls.names(listener), ["socket", "bind", "listen"]);
    assert_eq!(calls.of(listener)[2].local, Some(lab.address()));
    let accepted = calls.of(server)[0];
    assert_eq!(accepted.call, Call::Accept { listener });
    drop(lab);
    calls.wait_until(|calls| {
        calls
            .names(listener)
            .last()
            .is_some_and(|name| name == "close")
    });
}

#[test]
fn an_upgraded_session_is_told_inside_tls_from_there_on() {
    let mut calls = Calls::new(Secrets::Masked);
    let lab = calls.lab(Setup::secure);
    let folder = crate::support::folder();
    let plan = encrypted(&lab, folder.path(), Security::StartTls);
    let sent = calls.sent(&plan);
    assert_eq!(sent.summary.outcome, Outcome::Sent);
    calls.wait_for_ends();
    let [clear, inside] = calls.compared();
    let before = format!("{EHLO}\\r\\nSTARTTLS\\r\\n");
    let handshake = clear.strip_prefix(&before).expect("clear text comes first");
    assert!(handshake.starts_with("\\x16\\x03\\x01"), "{handshake}");
    assert!(
        inside.starts_with(&format!("{EHLO}\\r\\n{MAIL}")),
        "{inside}"
    );
    assert!(inside.ends_with(".\\r\\nQUIT\\r\\n"), "{inside}");
    let client = calls.sockets(End::Client)[0];
    assert_eq!(
        calls.names(client)[..8],
        [
            "socket", "connect", "recv", "send", "recv", "send", "recv", "send"
        ]
    );
    // The records on the wire are in the client's events, those of the handshake among them.
    let ciphered = sent.events.iter().filter_map(|event| match event {
        SendingEvent::Cipher(cipher) => Some(cipher.length),
        _ => None,
    });
    let told = handshake_bytes(&calls, client, before.len());
    assert!(told > 500 && ciphered.sum::<u64>() > told as u64);
}

/// Bytes of a client's handshake, both ways.
fn handshake_bytes(calls: &Calls, client: SocketId, said: usize) -> usize {
    let sent = calls.bytes(client, true, Layer::Socket).len();
    let received = calls.bytes(client, false, Layer::Socket);
    let begin = received.windows(2).position(|pair| pair == [0x16, 0x03]);
    // The escaped text is longer by two bytes for each of its two line ends.
    sent - (said - 4) + received.len() - begin.expect("the server shook hands")
}

#[test]
fn a_session_in_tls_from_the_first_byte() {
    let mut calls = Calls::new(Secrets::Masked);
    let lab = calls.lab(Setup::secure);
    let folder = crate::support::folder();
    let plan = encrypted(&lab, folder.path(), Security::Tls);
    let plan = with_login(plan, Mechanism::Plain);
    assert_eq!(calls.sent(&plan).summary.outcome, Outcome::Sent);
    calls.wait_for_ends();
    let [handshake, inside] = calls.compared();
    assert!(handshake.starts_with("\\x16\\x03\\x01"), "{handshake}");
    assert!(
        inside.starts_with(&format!("{EHLO}\\r\\nAUTH PLAIN ****")),
        "{inside}"
    );
    for end in [End::Client, End::Server] {
        let socket = calls.sockets(end)[0];
        let names = calls.names(socket);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (begin, first) = match end {
            End::Client => (&["socket", "connect", "send", "recv"][..], "recv in TLS"),
            End::Server => (&["accept", "recv", "send", "recv"][..], "send in TLS"),
        };
        assert!(names.starts_with(begin), "{names:?}");
        // Once hands are shaken, nothing more is told from beneath TLS.
        let inside = names.iter().position(|name| name.ends_with("in TLS"));
        let (_, inside) = names.split_at(inside.expect("hands were shaken"));
        assert_eq!(inside[0], first, "{names:?}");
        assert!(
            !inside.iter().any(|name| ["send", "recv"].contains(name)),
            "{names:?}"
        );
        let last = match end {
            End::Client => ["send in TLS", "recv in TLS", "shutdown", "close"],
            End::Server => ["send in TLS", "shutdown", "recv in TLS end", "close"],
        };
        assert_eq!(names[names.len() - 4..], last, "{names:?}");
    }
}

#[test]
fn a_handshake_that_fails_is_told_by_both_ends() {
    let mut calls = Calls::new(Secrets::Masked);
    let lab = calls.lab(Setup::secure);
    let folder = crate::support::folder();
    let mut plan = encrypted(&lab, folder.path(), Security::Tls);
    let other = Certificate::passing().expect("keys can be made");
    std::fs::write(&plan.trust.ca_files[0], other.authority_pem()).expect("it was written");
    plan.retry = sockscope::proto::smtp::plan::Retry::Never;
    let sent = calls.sent(&plan);
    assert!(matches!(
        sent.summary.outcome,
        Outcome::Failed(Failure::Tls(_))
    ));
    calls.wait_for_ends();
    let [handshake, inside] = calls.compared();
    assert!(handshake.starts_with("\\x16\\x03\\x01"), "{handshake}");
    assert_eq!(inside, "");
    for (end, first) in [(End::Client, "socket"), (End::Server, "accept")] {
        let names = calls.names(calls.sockets(end)[0]);
        assert_eq!(
            (names[0].as_str(), names.last().unwrap().as_str()),
            (first, "close")
        );
    }
    // Clear text where TLS is awaited is no handshake, and may be a password.
    let mut talk = lab.connect_clear_to_tls();
    talk.say("AUTH PLAIN AHN0dWRlbnQAc2VjcmV0\r\n");
    drop(talk.rest());
    calls.wait_for_ends();
    let socket = calls.sockets(End::Server)[1];
    let heard = calls.bytes(socket, false, Layer::Socket);
    assert_eq!(heard, [b'*'; 33]);
}

#[test]
fn a_refused_connection_and_a_taken_port() {
    let mut calls = Calls::new(Secrets::Masked);
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let nobody = nobody.expect("there are free ports");
    let sent = calls.sent(&plan(nobody));
    assert!(matches!(
        sent.summary.outcome,
        Outcome::Failed(Failure::CannotConnect(_))
    ));
    calls.wait_for_ends();
    let client = calls.sockets(End::Client)[0];
    assert_eq!(calls.names(client), ["socket", "connect failed", "close"]);
    assert_eq!(calls.of(client)[1].peer, Some(nobody));
    // A server whose port is taken.
    let lab = calls.lab(|_| {});
    let mut setup = Setup::new();
    setup.config.listen = lab.address();
    let tap = Tap::new(16, || {}).recording(calls.recorder.clone());
    let error = MailServer::start(setup.config, clock(), tap).err();
    let error = error.expect("it is taken").error;
    calls.wait_for_ends();
    let socket = calls.seen.last().expect("it was told").socket;
    assert_eq!(calls.names(socket), ["socket", "bind failed", "close"]);
    let told = calls.of(socket)[1];
    assert_eq!(told.error.as_deref(), Some(error.as_str()));
    assert_eq!(told.local, Some(lab.address()));
}

#[test]
fn a_connection_that_is_dropped() {
    let mut calls = Calls::new(Secrets::Masked);
    let lab = calls.lab(|_| {});
    let sent = recorded(&plan(lab.address()), &calls.recorder, |event, order| {
        if matches!(event, SendingEvent::Spoken(_)) {
            order(Order::Drop);
        }
    });
    assert_eq!(sent.summary.outcome, Outcome::Stopped);
    calls.wait_for_ends();
    let names = calls.names(calls.sockets(End::Client)[0]);
    assert_eq!(names[..3], ["socket", "connect", "recv"]);
    assert_eq!(names.last().map(String::as_str), Some("close"));
    assert!(!names.contains(&"shutdown".to_owned()), "{names:?}");
    let names = calls.names(calls.sockets(End::Server)[0]);
    let last = &names[names.len() - 2..];
    // A connection that is closed with unread bytes is reset.
    assert!(
        ["recv end", "recv failed"].contains(&last[0].as_str()),
        "{names:?}"
    );
    assert_eq!(last[1], "close");
}

#[test]
fn no_login_is_in_any_call_unless_secrets_are_shown() {
    let secrets = [
        STANDARD.encode(PASSWORD),
        STANDARD.encode(format!("\0student\0{PASSWORD}")),
    ];
    for (mechanism, masked) in [
        (
            Mechanism::Plain,
            "AUTH PLAIN ****************************\\r\\n",
        ),
        (
            Mechanism::Login,
            "AUTH LOGIN\\r\\nc3R1ZGVudA==\\r\\n****************\\r\\n",
        ),
        (Mechanism::CramMd5, "AUTH CRAM-MD5\\r\\n****"),
    ] {
        let mut calls = Calls::new(Secrets::Masked);
        let lab = calls.lab(|_| {});
        let plan = with_login(plan(lab.address()), mechanism);
        assert_eq!(calls.sent(&plan).summary.outcome, Outcome::Sent);
        calls.wait_for_ends();
        let [said, _] = calls.compared();
        assert!(said.contains(masked), "{mechanism:?}: {said}");
        let is_masked = |event: &&SocketEvent| event.call.payload().is_some_and(|it| it.masked);
        assert_eq!(
            calls.seen.iter().filter(is_masked).count(),
            2,
            "one at each end"
        );
        for secret in &secrets {
            assert!(!format!("{calls:?}").contains(secret), "{calls:?}");
        }
        let hidden = said.len();
        // Shown, everything else stands where it stood.
        let mut calls = Calls::new(Secrets::Shown);
        let lab = calls.lab(|_| {});
        let plan = Plan {
            port: lab.address().port(),
            ..plan
        };
        assert_eq!(calls.sent(&plan).summary.outcome, Outcome::Sent);
        calls.wait_for_ends();
        let [said, _] = calls.compared();
        assert!(!said.contains("***"), "{said}");
        if mechanism != Mechanism::CramMd5 {
            assert!(secrets.iter().any(|secret| said.contains(secret)), "{said}");
            assert_eq!(said.len(), hidden);
        }
    }
}

/// What a client says, and whether it is a password.
type Said = (&'static str, bool);

const SESSIONS: [&[Said]; 7] = [
    &[
        ("EHLO client.example\r\nAUTH PLAIN ", false),
        ("AHN0dWRlbnQAVHIwdWI0ZG9yJjM=", true),
        ("\r\nMAIL FROM:<a@b.example>\r\nQUIT\r\n", false),
    ],
    &[
        (
            "EHLO client.example\r\nAUTH LOGIN\r\nc3R1ZGVudA==\r\n",
            false,
        ),
        ("VHIwdWI0ZG9yJjM=", true),
        ("\r\nNOOP\r\nQUIT\r\n", false),
    ],
    &[
        ("EHLO client.example\r\nauth login c3R1ZGVudA== ", false),
        ("VHIwdWI0ZG9yJjM=", true),
        ("\r\nQUIT\r\n", false),
    ],
    // The mechanism was forgotten.
    &[
        ("EHLO client.example\r\nAUTH ", false),
        ("VHIwdWI0ZG9yJjM=", true),
        ("\r\nQUIT\r\n", false),
    ],
    // Refused, and the answers come all the same.
    &[
        ("AUTH LOGIN\r\n", false),
        ("c3R1ZGVudA==\r\nVHIwdWI0ZG9yJjM=", true),
        ("\r\nQUIT\r\n", false),
    ],
    // Too early for TLS.
    &[
        ("EHLO client.example\r\nSTARTTLS\r\nAUTH PLAIN ", false),
        ("AHN0dWRlbnQAVHIwdWI0ZG9yJjM=", true),
        ("\r\n", false),
    ],
    // Behind a message, and after the end.
    &[
        (
            "EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.c>\r\nDATA\r\nAuthor: me\r\n\r\n.\r\nAUTH PLAIN ",
            false,
        ),
        ("AHN0dWRlbnQAVHIwdWI0ZG9yJjM=", true),
        ("\r\nQUIT\r\nAUTH PLAIN ", false),
        ("AHN0dWRlbnQAVHIwdWI0ZG9yJjM=", true),
    ],
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_login_split_anywhere_is_in_no_call_and_no_event(
        session in proptest::sample::select(&SESSIONS[..]),
        mut cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
    ) {
        let mut calls = Calls::new(Secrets::Masked);
        let mut lab = calls.lab(Setup::secure);
        let text: String = session.iter().map(|(text, _)| *text).collect();
        let mut talk = lab.greeted();
        cuts.sort_unstable_by_key(|cut| cut.index(text.len()));
        let ends = cuts.iter().map(|cut| cut.index(text.len())).chain([text.len()]);
        let mut from = 0;
        for end in ends {
            // The server may have closed.
            if talk.try_say(&text[from..end]).is_err() {
                break;
            }
            from = end;
            // Each part is a read of its own.
            calls.wait_until(|calls| {
                let socket = calls.sockets(End::Server)[0];
                let is_closed = calls.of(socket).last().is_some_and(|event| event.call == Call::Close);
                // In a handshake nothing more is read after what is no record.
                is_closed || calls.bytes(socket, false, Layer::Socket).len() >= end
            });
        }
        drop(talk.finish());
        calls.wait_for_ends();
        lab.wait_for_all();
        let socket = calls.sockets(End::Server)[0];
        let heard = calls.bytes(socket, false, Layer::Socket);
        let mut at = 0;
        for (part, is_secret) in session {
            let end = (at + part.len()).min(heard.len());
            let line_ends = |byte: &u8| matches!(byte, b'\r' | b'\n');
            if *is_secret {
                let shown = &heard[at.min(end)..end];
                prop_assert!(
                    shown.iter().all(|byte| *byte == b'*' || line_ends(byte)),
                    "{:?}", calls
                );
            }
            at += part.len();
        }
        let told = format!("{:?}", lab.events);
        for secret in ["AHN0dWRlbnQAVHIwdWI0ZG9yJjM", "VHIwdWI0ZG9yJjM"] {
            prop_assert!(!told.contains(secret), "{}", told);
        }
    }
}

#[test]
fn a_line_too_long_to_be_read_is_masked_to_its_end() {
    let mut calls = Calls::new(Secrets::Masked);
    let lab = calls.lab(|_| {});
    let mut talk = lab.session();
    let said = calls_heard(&mut calls);
    talk.say("AUTH PLAIN ");
    for _ in 0..40 {
        talk.say("s".repeat(1_000));
    }
    talk.say("\r\nNOOP\r\n");
    assert_eq!(talk.codes(2), [500, 250]);
    assert_eq!(talk.ask("QUIT"), 221);
    drop(talk);
    calls.wait_for_ends();
    let socket = calls.sockets(End::Server)[0];
    let heard = calls.bytes(socket, false, Layer::Socket);
    let (line, rest) = heard[said..].split_at(11 + 40_000);
    // Where all of it was there at once, nobody has looked how it begins.
    assert!(line[11..].iter().all(|&byte| byte == b'*'));
    assert_eq!(
        rest.escape_ascii().to_string(),
        "\\r\\nNOOP\\r\\nQUIT\\r\\n"
    );
}

/// Bytes that the server of the one connection has received so far.
fn calls_heard(calls: &mut Calls) -> usize {
    calls.wait_until(|calls| {
        calls
            .seen
            .iter()
            .any(|event| matches!(event.call, Call::Recv(_)))
    });
    let socket = calls.sockets(End::Server)[0];
    calls.bytes(socket, false, Layer::Socket).len()
}
