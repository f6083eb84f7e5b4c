use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream as Client;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::SystemTime;

use super::*;
use crate::net::tls::Connector;
use crate::proto::smtp::plan::{Check, Trust};
use crate::proto::smtp::server::{Accounts, Limits};
use crate::proto::smtp::stage::Stage;
use crate::trace::mail::{Page, SessionEnd, Speech};

const MESSAGE: &str = "From: a@b.example\r\nSubject: Hello\r\n\r\nOne.\r\n..two\r\n";

fn config() -> MailServerConfig {
    MailServerConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        tls_listen: None,
        store: Store::Memory,
        service: Service {
            name: "lab.example".to_owned(),
            accounts: Accounts::Anybody,
            limits: Limits {
                message: 64 << 20,
                recipients: 100,
                messages: 100,
                mailbox: 256 << 20,
                connections: 10,
                idle: Duration::from_secs(60),
                errors: 20,
            },
        },
        faults: Vec::new(),
        end_of_data: EndOfData::Strict,
        certificate: None,
    }
}

/// A server whose events are seen.
struct Lab {
    server: MailServer,
    tap: Tap,
    woken: Receiver<()>,
    seen: Vec<MailEvent>,
}

impl Lab {
    fn start(config: MailServerConfig) -> Self {
        let (wake, woken) = mpsc::channel();
        let tap = Tap::new(10_000, move || {
            // The test may be over.
            let _ = wake.send(());
        });
        let clock = Clock::new(Instant::now(), SystemTime::now());
        Self {
            server: MailServer::start(config, clock, tap.clone()).unwrap(),
            tap,
            woken,
            seen: Vec::new(),
        }
    }

    fn connect(&self) -> Session {
        Session::connect(self.server.address())
    }

    /// A client that has read the greeting and the reply to its EHLO.
    fn session(&self) -> Session {
        let mut session = self.connect();
        assert_eq!(session.reply(), 220);
        assert_eq!(session.ask("EHLO client.example"), 250);
        session
    }

    /// Waits for an event.
    fn wait_for<T>(&mut self, wanted: impl Fn(&MailEvent) -> Option<T>) -> T {
        loop {
            let mut events = Vec::new();
            self.tap.drain(&mut events);
            self.seen
                .extend(events.into_iter().map(|event| match event {
                    Event::Mail(event) => event,
                    other => panic!("not from a mail server: {other:?}"),
                }));
            if let Some(found) = self.seen.iter().find_map(&wanted) {
                return found;
            }
            self.woken.recv().unwrap();
        }
    }

    fn wait_for_end(&mut self) -> SessionEnd {
        self.wait_for(|event| match event {
            MailEvent::Closed { cause, .. } => Some(*cause),
            _ => None,
        })
    }

    fn list(&self) -> Page {
        self.server.mailbox().list("", 100)
    }
}

/// A client that does what it is told.
struct Session {
    stream: BufReader<Client>,
}

impl Session {
    fn connect(address: SocketAddr) -> Self {
        let stream = Client::connect(address).unwrap();
        // A test that would wait for ever fails.
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// The code of the next reply; 0 when the server has closed.
    fn reply(&mut self) -> u16 {
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).unwrap_or(0) == 0 {
                return 0;
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return line[..3].parse().unwrap();
            }
        }
    }

    fn ask(&mut self, line: &str) -> u16 {
        self.say(format!("{line}\r\n"));
        self.reply()
    }

    /// Everything up to the message.
    fn begin(&mut self) {
        assert_eq!(self.ask("MAIL FROM:<a@b.example>"), 250);
        assert_eq!(self.ask("RCPT TO:<c@d.example>"), 250);
        assert_eq!(self.ask("DATA"), 354);
    }

    fn send(&mut self, message: &str) -> u16 {
        self.begin();
        self.say(message);
        self.ask(".")
    }

    /// What is left until the server closes.
    fn rest(mut self) -> String {
        let mut rest = String::new();
        self.stream.read_to_string(&mut rest).unwrap();
        rest
    }
}

fn files(root: &Path, part: &str) -> usize {
    std::fs::read_dir(root.join(part)).unwrap().count()
}

#[test]
fn a_message_is_taken_listed_and_read() {
    let folder = tempfile::tempdir().unwrap();
    for store in [Store::Memory, Store::Folder(folder.path().to_owned())] {
        let mut lab = Lab::start(MailServerConfig { store, ..config() });
        let mut session = lab.session();
        assert_eq!(session.send(MESSAGE), 250);
        assert_eq!(session.ask("QUIT"), 221);
        assert_eq!(session.reply(), 0);
        assert_eq!(lab.wait_for_end(), SessionEnd::Quit);
        let page = lab.list();
        assert_eq!((page.matching, page.listed.len()), (1, 1));
        let listed = &page.listed[0];
        assert_eq!(listed.subject, "Hello");
        let stored = lab.server.mailbox().read(listed.id).unwrap();
        let stored = String::from_utf8(stored.to_vec()).unwrap();
        let (head, message) = stored.split_at(stored.find("From: a").unwrap());
        assert_eq!(message, MESSAGE.replace("..two", ".two"));
        for field in [
            "Return-Path: <a@b.example>\r\n",
            "Delivered-To: c@d.example\r\n",
            "Received: from client.example",
        ] {
            assert!(head.contains(field), "{head}");
        }
        let arrived = lab.wait_for(|event| match event {
            MailEvent::Arrived(arrived) => Some(arrived.clone()),
            _ => None,
        });
        assert_eq!(arrived.id, listed.id);
        assert_eq!(arrived.bytes, message.len() as u64);
        assert_eq!(arrived.envelope.to.len(), 1);
        assert_eq!(
            arrived.file.map(|file| std::fs::read(file).unwrap()),
            lab.server
                .mailbox()
                .folder()
                .map(|_| stored.clone().into_bytes())
        );
        let counts = lab.server.report().counts;
        assert_eq!((counts.sessions, counts.open, counts.commands), (1, 0, 5));
        assert_eq!((counts.messages, counts.bytes), (1, message.len() as u64));
        assert_eq!(counts.by_class, [6, 1, 0, 0]);
    }
}

#[test]
fn what_came_together_is_answered_in_order() {
    let folder = tempfile::tempdir().unwrap();
    for store in [Store::Memory, Store::Folder(folder.path().to_owned())] {
        let lab = Lab::start(MailServerConfig { store, ..config() });
        let mut session = lab.session();
        let transaction = "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nBDAT 3 LAST\r\nHi\n";
        session.say(format!("{}NOOP\r\nWHAT\r\nQUIT\r\n", transaction.repeat(3)));
        let codes: Vec<u16> = std::iter::from_fn(|| Some(session.reply()))
            .take_while(|&code| code != 0)
            .collect();
        let mut expected = [250; 10].to_vec();
        expected.extend([500, 221]);
        assert_eq!(codes, expected);
        assert_eq!(lab.server.report().held, 3);
    }
}

#[test]
fn a_long_message_goes_through_the_disk_and_others_are_served_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::Folder(folder.path().to_owned());
    let lab = Lab::start(MailServerConfig { store, ..config() });
    let mut long = lab.session();
    long.begin();
    let line = format!("{}\r\n", "x".repeat(70));
    let half = line.repeat(20_000);
    long.say(&half);
    let mut other = lab.session();
    assert_eq!(other.send(MESSAGE), 250);
    long.say(&half);
    assert_eq!(long.ask("."), 250);
    let page = lab.list();
    let sizes: Vec<u64> = page.listed.iter().map(|listed| listed.bytes).collect();
    let long_one = sizes.iter().position(|&bytes| bytes > 1 << 20).unwrap();
    let stored = lab.server.mailbox().read(page.listed[long_one].id).unwrap();
    assert!(stored.ends_with(half.as_bytes()));
    assert_eq!(stored.len() as u64, sizes[long_one]);
    assert_eq!(
        (files(folder.path(), "tmp"), files(folder.path(), "new")),
        (0, 2)
    );
}

#[test]
fn a_client_that_leaves_in_the_middle_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::Folder(folder.path().to_owned());
    let mut lab = Lab::start(MailServerConfig { store, ..config() });
    let mut session = lab.session();
    session.begin();
    session.say("x".repeat(70).repeat(20_000));
    drop(session);
    assert_eq!(lab.wait_for_end(), SessionEnd::ClientGone);
    assert_eq!(
        (files(folder.path(), "tmp"), files(folder.path(), "new")),
        (0, 0)
    );
    let report = lab.server.report();
    assert_eq!((report.counts.refused, report.held), (1, 0));
}

#[test]
fn a_full_mailbox_says_so() {
    let mut config = config();
    config.service.limits.messages = 1;
    let lab = Lab::start(config);
    let mut session = lab.session();
    assert_eq!(session.send(MESSAGE), 250);
    assert_eq!(session.ask("MAIL FROM:<a@b.example>"), 452);
}

#[test]
fn what_stands_behind_starttls_is_thrown_away() {
    let certificate = Certificate::passing().unwrap();
    let mut lab = Lab::start(MailServerConfig {
        certificate: Some(certificate),
        tls_listen: Some("127.0.0.1:0".parse().unwrap()),
        ..config()
    });
    let mut session = lab.session();
    session.say("STARTTLS\r\nMAIL FROM:<evil@b.example>\r\n");
    assert_eq!(session.reply(), 220);
    assert_eq!(session.stream.buffer(), b"");
    let dropped = lab.wait_for(|event| match event {
        MailEvent::Dropped { excerpt, .. } => Some(excerpt.clone()),
        _ => None,
    });
    assert_eq!(&*dropped, b"MAIL FROM:<evil@b.example>\r\n");
    let stream = session.stream.into_inner();
    let encrypted = Client::connect(lab.server.tls_address().unwrap()).unwrap();
    for (stream, begin) in [
        (stream, &b"EHLO x\r\nQUIT\r\n"[..]),
        (encrypted, &b"EHLO x\r\nQUIT\r\n"[..]),
    ] {
        let said = speak_tls(stream, begin);
        let said = said
            .strip_prefix("220 ")
            .map_or(&said[..], |rest| rest.split_once("\r\n").unwrap().1);
        assert!(said.starts_with("250-lab.example"), "{said:?}");
        assert!(!said.contains("STARTTLS"), "{said:?}");
        assert!(said.contains("\r\n221 "), "{said:?}");
    }
    let version = lab.wait_for(|event| match event {
        MailEvent::Secured { version, .. } => Some(version.clone()),
        _ => None,
    });
    assert_eq!(version, "TLSv1.3");
}

/// Shakes hands, says something, and reads until the end.
fn speak_tls(stream: Client, begin: &[u8]) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    stream.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let connector = Connector::new(&Trust {
            ca_files: Vec::new(),
            check: Check::Report,
        })
        .unwrap();
        let stream = tokio::net::TcpStream::from_std(stream).unwrap();
        let (_, stream) = connector.handshake(stream, "localhost").await;
        let mut stream = stream.unwrap();
        stream.write_all(begin).await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        said
    })
}

#[test]
fn one_connection_too_many_is_turned_away() {
    let mut config = config();
    config.service.limits.connections = 1;
    let mut lab = Lab::start(config);
    let _first = lab.session();
    let mut second = lab.connect();
    assert_eq!(second.reply(), 421);
    assert_eq!(second.rest(), "");
    assert_eq!(lab.wait_for_end(), SessionEnd::TooMany);
    assert_eq!(lab.server.report().counts.turned_away, 1);
}

#[test]
fn a_client_that_says_nothing_is_told_and_closed() {
    let mut config = config();
    config.service.limits.idle = Duration::from_millis(50);
    let mut lab = Lab::start(config);
    let mut session = lab.connect();
    assert_eq!(session.reply(), 220);
    assert_eq!(session.reply(), 421);
    assert_eq!(session.rest(), "");
    assert_eq!(lab.wait_for_end(), SessionEnd::Idle);
}

#[test]
fn a_server_that_stops_says_so() {
    let mut lab = Lab::start(config());
    let mut session = lab.session();
    lab.server.stop(Duration::from_secs(10));
    assert_eq!(session.reply(), 421);
    assert_eq!(session.rest(), "");
    assert_eq!(lab.wait_for_end(), SessionEnd::Stopped);
    assert!(lab.server.is_finished());
}

#[test]
fn a_server_that_stops_takes_the_message_that_is_coming_in() {
    let lab = Lab::start(config());
    let mut session = lab.session();
    session.begin();
    session.say("From: a@b.example\r\n");
    let mut idle = lab.session();
    lab.server.tell_to_stop(Duration::from_secs(60));
    // Now it is stopping.
    assert_eq!(idle.reply(), 421);
    assert_eq!(session.ask("."), 250);
    assert_eq!(session.reply(), 421);
    assert_eq!(session.rest(), "");
    assert_eq!(lab.server.report().held, 1);
}

#[test]
fn faults_are_set_while_it_runs() {
    let mut lab = Lab::start(config());
    let mut session = lab.session();
    let faults = [
        "noop=bytes:1ms",
        "rset=delay:1ms",
        "help=421",
        "vrfy=bare-lf",
    ];
    let faults: Vec<Fault> = faults.map(|text| Fault::parse(text).unwrap()).into();
    lab.server.set_faults(faults.clone());
    lab.server.set_end_of_data(EndOfData::Lenient);
    let told = lab.wait_for(|event| match event {
        MailEvent::Faulty {
            faults,
            end_of_data: EndOfData::Lenient,
            ..
        } => Some(faults.clone()),
        _ => None,
    });
    assert_eq!(told, faults);
    session.say("NOOP\r\nRSET\r\nVRFY x\r\nNOOP\r\n");
    let codes: Vec<u16> = (0..4).map(|_| session.reply()).collect();
    assert_eq!(codes, [250, 250, 252, 250]);
    // Lenient: what a server of old took for the end.
    session.begin();
    session.say("One.\n.\n");
    assert_eq!(session.reply(), 250);
    assert_eq!(session.ask("HELP"), 421);
    assert_eq!(session.rest(), "");
    assert_eq!(lab.wait_for_end(), SessionEnd::Fault);
    assert_eq!(lab.server.report().counts.faults, Some(5));
}

#[test]
fn a_fault_may_close_after_the_message_is_kept() {
    let mut lab = Lab::start(config());
    let faults = vec![Fault::parse("dot=drop").unwrap()];
    lab.server.set_faults(faults);
    let mut session = lab.session();
    assert_eq!(session.send(MESSAGE), 0);
    assert_eq!(lab.wait_for_end(), SessionEnd::Fault);
    assert_eq!(lab.server.report().held, 1);
}

#[test]
fn both_sides_of_the_dialogue_are_told_in_order() {
    let mut lab = Lab::start(config());
    let mut session = lab.session();
    assert_eq!(session.ask("AUTH PLAIN AHUAcA=="), 235);
    assert_eq!(session.send(MESSAGE), 250);
    assert_eq!(session.ask("QUIT"), 221);
    lab.wait_for_end();
    let mut told = Vec::new();
    let mut content = None;
    for event in &lab.seen {
        let MailEvent::Spoken { spoken, .. } = event else {
            continue;
        };
        told.push(match &spoken.what {
            Speech::Command(line) => {
                let shown = String::from_utf8_lossy(&line.shown);
                (spoken.stage, shown.into_owned())
            }
            Speech::Reply { reply, .. } => (spoken.stage, reply.code.to_string()),
            Speech::Content {
                bytes,
                stuffed,
                excerpt,
            } => {
                content = Some((*bytes, *stuffed, excerpt.clone()));
                (spoken.stage, "content".to_owned())
            }
        });
    }
    let expected = [
        (Stage::Banner, "220"),
        (Stage::Ehlo, "EHLO client.example"),
        (Stage::Ehlo, "250"),
        (Stage::Auth, "AUTH PLAIN ********"),
        (Stage::Auth, "235"),
        (Stage::Mail, "MAIL FROM:<a@b.example>"),
        (Stage::Mail, "250"),
        (Stage::Rcpt, "RCPT TO:<c@d.example>"),
        (Stage::Rcpt, "250"),
        (Stage::Data, "DATA"),
        (Stage::Data, "354"),
        (Stage::Dot, "content"),
        (Stage::Dot, "250"),
        (Stage::Quit, "QUIT"),
        (Stage::Quit, "221"),
    ];
    let expected = expected.map(|(stage, text)| (stage, text.to_owned()));
    assert_eq!(told, expected);
    let undone = MESSAGE.replace("..two", ".two");
    let wire = MESSAGE.len() as u64 + 3;
    assert_eq!(content, Some((wire, 1, undone.as_bytes().into())));
}

#[test]
fn what_cannot_be_opened_is_said() {
    let clock = Clock::new(Instant::now(), SystemTime::now());
    let tap = Tap::new(10, || {});
    let lab = Lab::start(config());
    let taken = MailServerConfig {
        listen: lab.server.address(),
        ..config()
    };
    let error = MailServer::start(taken, clock, tap.clone()).err().unwrap();
    assert!(matches!(error.reason, Reason::PortTaken { .. }));
    let file = tempfile::NamedTempFile::new().unwrap();
    let no_folder = MailServerConfig {
        store: Store::Folder(file.path().join("mail")),
        ..config()
    };
    let error = MailServer::start(no_folder, clock, tap).err().unwrap();
    assert!(matches!(error.reason, Reason::Folder { .. }));
}
