//! The client's sockets against small scripted servers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::SystemTime;

use super::*;
use crate::net::tls::{Authority, Certificate, acceptor};
use crate::proto::message::{Mailbox, Outline};
use crate::proto::secret::Secret;
use crate::proto::smtp::address::Address;
use crate::proto::smtp::outcome::TlsFailure;
use crate::proto::smtp::plan::{Check, Retry, Trust};
use crate::trace::mail::{Distrust, Fit, Speaker, Speech};

/// Longer than any test takes, as a factor on the RFC's limits.
const PATIENT: f64 = 1.0;
/// Makes five minutes a fifth of a second.
const IMPATIENT: f64 = 0.000_7;

fn mailbox(text: &str) -> Mailbox {
    Mailbox {
        name: None,
        address: Address::parse(text).unwrap(),
    }
}

fn plan(port: u16) -> Plan {
    Plan {
        host: "127.0.0.1".to_owned(),
        port,
        security: Security::None,
        login: None,
        helo: Some("me".to_owned()),
        message: Outline {
            from: mailbox("a@lab"),
            to: vec![mailbox("b@lab")],
            cc: Vec::new(),
            bcc: Vec::new(),
            subject: "hello".to_owned(),
            body: ".one\ntwo\n".to_owned(),
            attachments: Vec::new(),
        },
        count: 1,
        pipelining: false,
        chunking: false,
        quit_after: None,
        time_scale: PATIENT,
        trust: Trust::default(),
        retry: Retry::Never,
        pace: Pace::Run,
    }
}

/// The server's end of a connection, read line by line.
struct Peer {
    reader: BufReader<TcpStream>,
    /// All lines that were read.
    heard: Vec<String>,
}

impl Peer {
    fn say(&mut self, text: &str) {
        // The client may be gone: that is what some tests are about.
        let _ = self.reader.get_mut().write_all(text.as_bytes());
    }

    /// The next line, with its end; empty when the client has closed.
    fn hear(&mut self) -> String {
        let mut line = Vec::new();
        let _ = self.reader.read_until(b'\n', &mut line);
        let line = String::from_utf8_lossy(&line).into_owned();
        self.heard.push(line.clone());
        line
    }

    /// Reads a message to its final dot.
    fn hear_message(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.hear();
            if line == ".\r\n" || line.is_empty() {
                return lines;
            }
            lines.push(line);
        }
    }

    /// Greets, and answers each command as it should be until one begins with `stop`, which is read and not answered.
    fn serve_until(&mut self, stop: &str) {
        self.say("220 lab\r\n");
        self.serve_on_until(stop);
    }

    fn serve_on_until(&mut self, stop: &str) {
        loop {
            let line = self.hear();
            if line.is_empty() || line.starts_with(stop) {
                return;
            }
            self.say(match &line[..4] {
                "EHLO" => "250-lab\r\n250-SIZE\r\n250 CHUNKING\r\n",
                "DATA" => "354 go on\r\n",
                "QUIT" => "221 bye\r\n",
                _ => "250 ok\r\n",
            });
            if line.starts_with("DATA") {
                if stop == "." {
                    self.hear_message();
                    return;
                }
                self.hear_message();
                self.say("250 taken\r\n");
            }
        }
    }

    /// Waits until the client has closed.
    fn wait_for_close(mut self) -> Vec<String> {
        let mut rest = Vec::new();
        let _ = self.reader.read_to_end(&mut rest);
        self.heard
    }
}

/// A server on a free port that serves one connection after another as told.
fn server<T: Send + 'static>(
    connections: usize,
    mut serve: impl FnMut(usize, Peer) -> T + Send + 'static,
) -> (u16, JoinHandle<Vec<T>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let accepted = (0..connections).map(|number| {
            let (stream, _) = listener.accept().unwrap();
            let reader = BufReader::new(stream);
            let heard = Vec::new();
            serve(number, Peer { reader, heard })
        });
        accepted.collect()
    });
    (port, thread)
}

fn clock() -> Clock {
    Clock::new(Instant::now(), SystemTime::now())
}

/// Carries the plan out; `answer` may give an order at each event.
fn sent_with(
    plan: &Plan,
    mut answer: impl FnMut(&SendingEvent) -> Option<Order>,
) -> (Vec<SendingEvent>, Summary) {
    let (orders, waiting) = unbounded_channel();
    let mut events = Vec::new();
    send(plan, clock(), waiting, &Recorder::off(), |event| {
        if let Some(order) = answer(&event) {
            orders.send(order).unwrap();
        }
        events.push(event);
    });
    let Some(SendingEvent::Ended { summary, .. }) = events.pop() else {
        panic!("the end is the last event");
    };
    let is_end = |event: &SendingEvent| matches!(event, SendingEvent::Ended { .. });
    assert!(!events.iter().any(is_end), "there is one end");
    (events, *summary)
}

fn sent(plan: &Plan) -> (Vec<SendingEvent>, Summary) {
    sent_with(plan, |_| None)
}

/// Of a dialogue: `C` and `S` with the first words of what was said.
fn dialogue(events: &[SendingEvent]) -> Vec<String> {
    let spoken = events.iter().filter_map(|event| match event {
        SendingEvent::Spoken(spoken) => Some(&spoken.what),
        _ => None,
    });
    spoken
        .map(|what| match what {
            Speech::Command(line) => format!("C {}", String::from_utf8_lossy(&line.shown)),
            Speech::Reply { reply, .. } => format!("S {}", reply.code),
            Speech::Content { bytes, stuffed, .. } => format!("C [{bytes} bytes, {stuffed}]"),
        })
        .collect()
}

#[test]
fn a_message_is_sent_and_all_of_it_told() {
    let (port, thread) = server(1, |_, mut peer| {
        peer.serve_until("QUIT");
        peer.say("221 bye\r\n");
        peer.wait_for_close()
    });
    let (events, summary) = sent(&plan(port));
    assert_eq!(summary.outcome, Outcome::Sent);
    let heard = &thread.join().unwrap()[0];
    let said = dialogue(&events);
    let mail = said.iter().find(|line| line.contains("MAIL")).unwrap();
    let size: u64 = mail.split("SIZE=").nth(1).unwrap().parse().unwrap();
    let on_wire = format!("C [{} bytes, 1]", size + 1 + 3);
    assert_eq!(
        said,
        [
            "S 220",
            "C EHLO me",
            "S 250",
            mail,
            "S 250",
            "C RCPT TO:<b@lab>",
            "S 250",
            "C DATA",
            "S 354",
            &on_wire,
            "S 250",
            "C QUIT",
            "S 221"
        ]
    );
    assert!(heard.contains(&"..one\r\n".to_owned()));
    assert!(matches!(
        events[0],
        SendingEvent::Connecting { attempt: 1, .. }
    ));
    let SendingEvent::Connected { server, .. } = events[1] else {
        panic!("the connection is told of");
    };
    assert_eq!(server.port(), port);
    let fits = events.iter().filter_map(|event| match event {
        SendingEvent::Spoken(spoken) => match &spoken.what {
            Speech::Reply { fit, latency, .. } => Some((*fit, latency.is_some())),
            _ => None,
        },
        _ => None,
    });
    assert!(fits.into_iter().all(|fit| fit == (Fit::Expected, true)));
}

#[test]
fn nobody_there_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (_, summary) = sent(&plan(port));
    assert!(matches!(
        summary.outcome,
        Outcome::Failed(Failure::CannotConnect(_))
    ));
    assert_eq!(summary.stage, Stage::Connect);
    assert_eq!(summary.recipients[0].fate, RecipientFate::NotTried);
}

#[test]
fn a_silent_server_is_left_after_the_scaled_time() {
    let (port, _) = server(1, |_, peer| peer.wait_for_close());
    let mut plan = plan(port);
    plan.time_scale = IMPATIENT;
    let (events, summary) = sent(&plan);
    let limit = scaled(Stage::Banner.patience(), IMPATIENT);
    assert_eq!(summary.outcome, Outcome::Failed(Failure::TimedOut(limit)));
    assert_eq!(summary.stage, Stage::Banner);
    let awaited = events.iter().find_map(|event| match event {
        SendingEvent::Awaiting { at, stage, until } => Some((*stage, *until - *at)),
        _ => None,
    });
    assert_eq!(awaited, Some((Stage::Banner, limit)));
}

#[test]
fn bytes_that_trickle_do_not_extend_the_time() {
    let (port, _) = server(1, |_, mut peer| {
        // An endless reply, a byte at a time: each read is soon enough, the reply never is whole.
        while peer.reader.get_mut().write_all(b"2").is_ok() {
            std::thread::yield_now();
        }
    });
    let mut plan = plan(port);
    plan.time_scale = IMPATIENT;
    let (_, summary) = sent(&plan);
    assert!(matches!(
        summary.outcome,
        Outcome::Failed(Failure::TimedOut(_) | Failure::NotAReply(_))
    ));
}

#[test]
fn an_endless_greeting_ends() {
    let (port, _) = server(1, |_, mut peer| {
        while peer
            .reader
            .get_mut()
            .write_all(b"220-and so on\r\n")
            .is_ok()
        {}
    });
    let (_, summary) = sent(&plan(port));
    assert!(matches!(
        summary.outcome,
        Outcome::Failed(Failure::NotAReply(_))
    ));
}

#[test]
fn a_shutdown_is_final() {
    let (port, thread) = server(1, |_, mut peer| {
        peer.serve_until("MAIL");
        peer.say("421 4.3.2 going down\x1b[2J\r\n");
        peer.wait_for_close()
    });
    let (events, summary) = sent(&plan(port));
    assert_eq!(summary.outcome, Outcome::Refused);
    assert_eq!(summary.stage, Stage::Mail);
    let recipient = &summary.recipients[0];
    assert_eq!(recipient.fate, RecipientFate::Deferred);
    let verdict = recipient.reply.as_ref().unwrap();
    assert!(!verdict.text.contains('\x1b'), "hostile text is escaped");
    assert_eq!(dialogue(&events).last().unwrap(), "S 421");
    assert_eq!(thread.join().unwrap()[0].len(), 2, "no QUIT");
}

#[test]
fn what_becomes_of_a_message_is_unknown_after_the_dot() {
    let (port, _) = server(1, |_, mut peer| peer.serve_until("."));
    let (_, summary) = sent(&plan(port));
    assert_eq!(summary.outcome, Outcome::Unknown);
    assert_eq!(summary.recipients[0].fate, RecipientFate::Unknown);
    assert_eq!(summary.stage, Stage::Dot);

    let (port, _) = server(1, |_, mut peer| peer.serve_until("DATA"));
    let (_, summary) = sent(&plan(port));
    assert!(matches!(summary.outcome, Outcome::Failed(Failure::Lost(_))));
    assert_eq!(summary.stage, Stage::Data);
}

#[test]
fn what_stands_behind_the_reply_to_starttls_is_not_believed() {
    for injected in ["250 hello\r\n", "250-hel"] {
        let (port, _) = server(1, move |_, mut peer| {
            peer.say("220 lab\r\n");
            peer.hear();
            peer.say("250-lab\r\n250 STARTTLS\r\n");
            peer.hear();
            peer.say(&format!("220 go\r\n{injected}"));
            peer.wait_for_close()
        });
        let mut plan = plan(port);
        plan.security = Security::StartTls;
        let (_, summary) = sent(&plan);
        let bytes = injected.as_bytes().into();
        assert_eq!(
            summary.outcome,
            Outcome::Failed(Failure::Tls(TlsFailure::Injected(bytes)))
        );
    }
}

/// A file of that many bytes to be attached.
fn attachment(bytes: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.bin");
    std::fs::write(&path, vec![b'x'; bytes]).unwrap();
    (folder, path)
}

#[test]
fn a_refusal_before_the_end_of_the_message_stops_it() {
    const BYTES: usize = 16 * 1024 * 1024;
    let (_folder, path) = attachment(BYTES);
    for closes in [false, true] {
        let (port, thread) = server(1, move |_, mut peer| {
            peer.serve_until("DATA");
            peer.say("354 go on\r\n");
            peer.hear();
            peer.say("552 5.3.4 too big\r\n");
            if closes {
                return 0;
            }
            let mut rest = Vec::new();
            let _ = peer.reader.read_to_end(&mut rest);
            rest.len()
        });
        let mut plan = plan(port);
        plan.message.attachments = vec![path.clone()];
        let (events, summary) = sent(&plan);
        assert!(thread.join().unwrap()[0] < BYTES, "the rest is not sent");
        if closes && summary.outcome != Outcome::Refused {
            // A reset may overtake the reply.
            assert!(matches!(summary.outcome, Outcome::Failed(Failure::Lost(_))));
            continue;
        }
        assert_eq!(summary.outcome, Outcome::Refused);
        assert_eq!(summary.stage, Stage::Dot);
        assert_eq!(dialogue(&events).last().unwrap(), "S 552", "and no QUIT");
    }
}

#[test]
fn an_attachment_arrives_whole() {
    const BYTES: usize = 3 * 1024 * 1024 + 1;
    let (_folder, path) = attachment(BYTES);
    for chunking in [false, true] {
        let (port, thread) = server(1, move |_, mut peer| {
            let mut bytes = 0;
            if !chunking {
                peer.serve_until("DATA");
                peer.say("354 go on\r\n");
                bytes = peer.hear_message().iter().map(String::len).sum();
                peer.say("250 ok\r\n");
                peer.serve_on_until("QUIT");
                return (bytes, peer.heard);
            }
            peer.serve_until("BDAT");
            loop {
                let line = peer.heard.last().unwrap().clone();
                let size: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
                let mut chunk = vec![0; size];
                peer.reader.read_exact(&mut chunk).unwrap();
                bytes += size;
                peer.say("250 ok\r\n");
                peer.hear();
                if line.contains("LAST") {
                    return (bytes, peer.heard);
                }
            }
        });
        let mut plan = plan(port);
        plan.chunking = chunking;
        plan.message.attachments = vec![path.clone()];
        let (events, summary) = sent(&plan);
        assert_eq!(summary.outcome, Outcome::Sent);
        let (bytes, heard) = thread.join().unwrap().remove(0);
        let mail = heard.iter().find(|line| line.starts_with("MAIL")).unwrap();
        // The doubled dot is one byte more.
        let expected = bytes - usize::from(!chunking);
        assert!(mail.contains(&format!("SIZE={expected}\r\n")), "{mail}");
        let last = events.iter().rev().find_map(|event| match event {
            SendingEvent::Progress { sent, total, .. } => Some((*sent, *total)),
            _ => None,
        });
        assert_eq!(last, Some((expected as u64, expected as u64)));
        let contents = dialogue(&events);
        let contents = contents
            .iter()
            .filter(|line| line.starts_with("C ["))
            .count();
        assert_eq!(contents, if chunking { 5 } else { 1 });
    }
}

#[test]
fn a_step_waits_for_its_word() {
    let (port, thread) = server(1, |_, mut peer| {
        peer.serve_until("QUIT");
        peer.say("221 bye\r\n");
        peer.wait_for_close()
    });
    let mut plan = plan(port);
    plan.pace = Pace::Step;
    let mut noop = false;
    let (events, summary) = sent_with(&plan, |event| match event {
        SendingEvent::Held { stage, .. } => Some(match stage {
            Stage::Mail if !noop => {
                noop = true;
                Order::Raw(Secret::from("NOOP by hand"))
            }
            Stage::Rcpt => Order::Go(Some(Secret::from("RCPT TO:<c@lab>"))),
            _ => Order::Go(None),
        }),
        _ => None,
    });
    assert_eq!(summary.outcome, Outcome::Sent);
    let heard = thread.join().unwrap().remove(0);
    let is_command = |line: &&String| line.contains("NOOP") || line.contains("RCPT");
    let commands: Vec<_> = heard.iter().filter(is_command).collect();
    assert_eq!(commands, ["NOOP by hand\r\n", "RCPT TO:<c@lab>\r\n"]);
    let held: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            SendingEvent::Held { stage, .. } => Some(*stage),
            _ => None,
        })
        .collect();
    assert_eq!(
        held,
        [
            Stage::Ehlo,
            Stage::Mail,
            Stage::Mail,
            Stage::Rcpt,
            Stage::Data,
            Stage::Dot,
            Stage::Quit
        ]
    );
}

#[test]
fn a_person_ends_it_at_any_moment() {
    for (order, lines) in [(Order::Drop, 1), (Order::Quit, 2)] {
        let (port, thread) = server(1, |_, mut peer| {
            peer.say("220 lab\r\n");
            peer.hear();
            peer.say("250 lab\r\n");
            if peer.hear().starts_with("QUIT") {
                peer.say("221 bye\r\n");
            }
            peer.wait_for_close()
        });
        let mut plan = plan(port);
        plan.pace = Pace::Step;
        let (_, summary) = sent_with(&plan, |event| match event {
            SendingEvent::Held {
                stage: Stage::Ehlo, ..
            } => Some(Order::Go(None)),
            SendingEvent::Held {
                stage: Stage::Mail, ..
            } => Some(order.clone()),
            SendingEvent::Held { .. } => Some(Order::SetPace(Pace::Run)),
            _ => None,
        });
        assert_eq!(summary.outcome, Outcome::Stopped);
        let heard = thread.join().unwrap().remove(0);
        let heard = heard.iter().filter(|line| !line.is_empty()).count();
        assert_eq!(heard, lines, "{order:?}");
    }
}

#[test]
fn stopping_does_not_wait_for_the_server() {
    let (port, thread) = server(1, |_, peer| peer.wait_for_close());
    let (wake, woken) = std::sync::mpsc::channel();
    let tap = Tap::new(100, move || {
        let _ = wake.send(());
    });
    let mut client = MailClient::start(7, plan(port), clock(), tap.clone()).unwrap();
    woken.recv().unwrap();
    client.stop();
    assert!(client.is_finished());
    let mut events = Vec::new();
    tap.drain(&mut events);
    let Some(Event::Sending { id: 7, event }) = events.pop() else {
        panic!("its events have its number");
    };
    assert!(
        matches!(event, SendingEvent::Ended { summary, .. } if summary.outcome == Outcome::Stopped)
    );
    // The server may never have seen it: the connection was perhaps still being opened.
    drop(TcpStream::connect(("127.0.0.1", port)));
    thread.join().unwrap();
}

#[test]
fn a_deferred_recipient_is_tried_again_at_once_if_wanted() {
    let (port, thread) = server(2, |number, mut peer| {
        if number == 0 {
            peer.serve_until("RCPT");
            peer.say("451 4.7.1 later\r\n");
            peer.serve_on_until("QUIT");
        } else {
            peer.serve_until("QUIT");
        }
        peer.say("221 bye\r\n");
        peer.wait_for_close()
    });
    let mut plan = plan(port);
    plan.retry = Retry::After {
        pause: Duration::from_secs(3600),
        times: 1,
    };
    let (events, summary) = sent_with(&plan, |event| match event {
        SendingEvent::Retrying { at, until, .. } => {
            assert_eq!(*until - *at, Duration::from_secs(3600));
            Some(Order::RetryNow)
        }
        _ => None,
    });
    assert_eq!(summary.outcome, Outcome::Sent);
    let attempts: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            SendingEvent::Connecting { attempt, .. } => Some(*attempt),
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [1, 2]);
    assert_eq!(thread.join().unwrap().len(), 2);
}

/// A server with STARTTLS and this certificate; what it heard inside TLS.
fn tls_server(certificate: Certificate) -> (u16, JoinHandle<Vec<Vec<String>>>) {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    server(1, move |_, mut peer| {
        peer.say("220 lab\r\n");
        peer.hear();
        peer.say("250-lab\r\n250 STARTTLS\r\n");
        peer.hear();
        peer.say("220 go\r\n");
        let stream = peer.reader.into_inner();
        stream.set_nonblocking(true).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            let mut heard = Vec::new();
            let Ok(stream) = acceptor(&certificate).unwrap().accept(stream).await else {
                return heard;
            };
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            while matches!(stream.read_line(&mut line).await, Ok(1..)) {
                heard.push(std::mem::take(&mut line));
                let reply: &[u8] = match heard.last().map_or("", |line| &line[..line.len().min(4)])
                {
                    "DATA" => b"354 go on\r\n",
                    "QUIT" => b"221 bye\r\n",
                    "EHLO" | "MAIL" | "RCPT" | ".\r\n" => b"250 ok\r\n",
                    _ => b"",
                };
                if stream.get_mut().write_all(reply).await.is_err() {
                    break;
                }
            }
            heard
        })
    })
}

#[test]
fn starttls_hides_all_that_comes_after() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::load_or_make(folder.path()).unwrap();
    let (port, thread) = tls_server(certificate);
    let mut plan = plan(port);
    plan.security = Security::StartTls;
    plan.trust = Trust {
        ca_files: vec![Authority::file(folder.path())],
        check: Check::Refuse,
    };
    let (events, summary) = sent(&plan);
    assert_eq!(summary.outcome, Outcome::Sent);
    let heard = thread.join().unwrap().remove(0);
    assert_eq!(heard[0], "EHLO me\r\n", "EHLO comes again inside");
    let spoken = events.iter().filter_map(|event| match event {
        SendingEvent::Spoken(spoken) => Some((spoken.stage, spoken.encrypted)),
        _ => None,
    });
    let clear: Vec<_> = spoken.filter(|(_, encrypted)| !encrypted).collect();
    assert_eq!(clear.len(), 5, "greeting, EHLO and STARTTLS");
    let ciphers = events.iter().filter_map(|event| match event {
        SendingEvent::Cipher(cipher) => Some(cipher),
        _ => None,
    });
    let ciphers: Vec<_> = ciphers.collect();
    let both: Vec<_> = ciphers.iter().map(|cipher| cipher.from).collect();
    assert!(both.contains(&Speaker::Client) && both.contains(&Speaker::Server));
    // A record of a handshake, and after it none but those of encrypted data.
    assert_eq!(ciphers[0].excerpt[0], 22);
    assert_eq!(ciphers.last().unwrap().excerpt[0], 23);
    let card = events.iter().find_map(|event| match event {
        SendingEvent::Tls { card, .. } => Some(card),
        _ => None,
    });
    assert_eq!(card.unwrap().version.as_deref(), Some("TLSv1.3"));
}

#[test]
fn an_unknown_certificate_ends_the_session_unless_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = || Certificate::load_or_make(folder.path()).unwrap();
    let (port, thread) = tls_server(certificate());
    let mut plan = plan(port);
    plan.security = Security::StartTls;
    let (events, summary) = sent(&plan);
    assert_eq!(
        summary.outcome,
        Outcome::Failed(Failure::Tls(TlsFailure::Untrusted(Distrust::UnknownIssuer)))
    );
    assert_eq!(summary.stage, Stage::Tls);
    assert!(
        events
            .iter()
            .any(|event| matches!(event, SendingEvent::Tls { card, .. } if !card.chain.is_empty()))
    );
    assert!(thread.join().unwrap()[0].is_empty(), "nothing is said");

    let (port, thread) = tls_server(certificate());
    plan.port = port;
    plan.trust.check = Check::Report;
    let (_, summary) = sent(&plan);
    assert_eq!(summary.outcome, Outcome::Sent);
    thread.join().unwrap();
}

#[test]
fn what_is_needed_first_is_looked_at_first() {
    let (port, _) = server(1, |_, peer| peer.wait_for_close());
    let missing = PathBuf::from("/no/such/file");
    let mut without_file = plan(port);
    without_file.message.attachments = vec![missing.clone()];
    let mut without_roots = plan(port);
    without_roots.security = Security::Tls;
    without_roots.trust.ca_files = vec![missing];
    let mut bad_name = plan(port);
    bad_name.helo = Some("two words".to_owned());
    for plan in [without_file, without_roots, bad_name] {
        let (events, summary) = sent(&plan);
        assert!(events.is_empty(), "nobody was spoken to");
        assert!(matches!(
            summary.outcome,
            Outcome::Failed(Failure::Source { .. })
        ));
    }
}

#[test]
fn any_factor_makes_a_time_limit() {
    let minute = Duration::from_secs(60);
    assert_eq!(scaled(minute, 0.5), Duration::from_secs(30));
    assert_eq!(scaled(minute, 0.0), Duration::ZERO);
    let longest = scaled(minute, f64::INFINITY);
    for odd in [f64::NAN, -1.0, 1e300] {
        assert_eq!(scaled(minute, odd), longest);
    }
}
