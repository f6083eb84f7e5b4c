//! The Mail tab: a simulated client and a simulated server tell it what the real reply parser made of their dialogues.

mod dialogue;
mod form;
mod lab;
mod looks;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use sockscope::dashboard::app::{App, Counters, Effect, Msg, Setup};
use sockscope::proto::smtp::address::Address;
use sockscope::proto::smtp::code::Code;
use sockscope::proto::smtp::plan::Plan;
use sockscope::proto::smtp::reply::{Limits, ReplyParser};
use sockscope::proto::smtp::stage::Stage;
use sockscope::trace::clock::Clock;
use sockscope::trace::event::Event;
use sockscope::trace::mail::{
    CertificateCard, Decided, Distrust, Fit, Line, MailEvent, MailReport, Outcome, Recipient,
    RecipientFate, SendingEvent, SendingId, Speech, Spoken, Summary, TlsCard, Verdict,
};
use sockscope::words::Lang;

use super::shown::{self, address, assert_harmless};

const SERVER: &str = "127.0.0.1:2525";
const TLS_SERVER: &str = "127.0.0.1:2465";
/// From the smallest that is drawn to a large one.
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 36), (200, 50)];
const SMALL: (u16, u16) = (60, 18);
const MIDDLE: (u16, u16) = (120, 36);
const LARGE: (u16, u16) = (200, 50);

/// What the user `student` with the password `hunter2` says with PLAIN.
const CREDENTIALS: &str = "AHN0dWRlbnQAaHVudGVyMg==";
/// The password alone, as LOGIN has it.
const PASSWORD: &str = "aHVudGVyMg==";

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn mail_address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

fn recipient(to: &str, fate: RecipientFate, stage: Stage, code: u16, text: &str) -> Recipient {
    Recipient {
        address: mail_address(to),
        fate,
        reply: Some(Verdict {
            stage,
            code: Code(code),
            enhanced: None,
            text: text.to_owned(),
        }),
    }
}

/// The dashboard with the Mail tab in front and a made-up clock.
struct Bench {
    app: App,
    now: Duration,
    id: SendingId,
    encrypted: bool,
}

impl Bench {
    fn new(lang: Lang) -> Self {
        Self::set_up(lang, |_| {})
    }

    fn set_up(lang: Lang, change: impl FnOnce(&mut Setup)) -> Self {
        let origin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut setup = Setup {
            lang,
            ..Setup::default()
        };
        change(&mut setup);
        let mut app = App::new(setup, Clock::new(Instant::now(), origin));
        app.area = Rect::new(0, 0, MIDDLE.0, MIDDLE.1);
        app.start();
        let mut bench = Self {
            app,
            now: Duration::ZERO,
            id: 1,
            encrypted: false,
        };
        bench.key('3');
        bench
    }

    /// The lab's server has started.
    fn listening(mut self) -> Self {
        self.server(MailEvent::Listening {
            address: address(SERVER),
            tls_address: Some(address(TLS_SERVER)),
            certificate: Some("/tmp/lab.pem".into()),
            folder: None,
        });
        self
    }

    fn update(&mut self, msg: Msg) -> Vec<Effect> {
        self.app.update(msg, self.now)
    }

    fn take(&mut self, event: Event) -> Vec<Effect> {
        self.update(Msg::Events {
            events: vec![event],
            left_out: 0,
            web_left_out: 0,
            mail_left_out: 0,
        })
    }

    fn server(&mut self, event: MailEvent) -> Vec<Effect> {
        self.take(Event::Mail(event))
    }

    fn report(&mut self, report: MailReport) -> Vec<Effect> {
        self.update(Msg::Counters(Counters {
            mail: Some(report),
            ..Counters::default()
        }))
    }

    fn sending(&mut self, event: SendingEvent) {
        let id = self.id;
        self.take(Event::Sending { id, event });
    }

    fn key(&mut self, c: char) -> Vec<Effect> {
        self.press(KeyCode::Char(c))
    }

    fn keys(&mut self, keys: &str) {
        for c in keys.chars() {
            self.key(c);
        }
    }

    fn press(&mut self, code: KeyCode) -> Vec<Effect> {
        self.update(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    fn pass(&mut self, millis: u64) -> Duration {
        self.now += ms(millis);
        self.now
    }

    /// Lets time go by, as the screen sees it.
    fn tick(&mut self, millis: u64) {
        self.pass(millis);
        self.update(Msg::Tick);
    }

    /// The row of the form that is typed into.
    fn field(&mut self) -> Option<String> {
        let screen = self.screen(MIDDLE);
        let mut rows = screen.lines();
        rows.find_map(|row| {
            let field = row.trim_start_matches(['│', '┃']).strip_prefix('▸')?;
            Some(field.trim_start_matches([' ', '▲']).to_owned())
        })
    }

    /// Goes to a field of the form.
    fn go_to(&mut self, label: &str) {
        if self.field().is_none() {
            self.key('e');
        }
        for _ in 0..30 {
            if self.field().is_some_and(|field| field.starts_with(label)) {
                return;
            }
            self.press(KeyCode::Tab);
        }
        panic!("no field {label} in\n{}", self.screen(MIDDLE));
    }

    /// Puts a text in place of what a field has.
    fn write(&mut self, label: &str, text: &str) {
        self.go_to(label);
        self.update(Msg::Key(KeyEvent::new(
            KeyCode::Char('a'),
            KeyModifiers::CONTROL,
        )));
        self.press(KeyCode::Delete);
        self.keys(text);
    }

    /// F5, and the plan that comes of it.
    fn send(&mut self) -> Plan {
        let effects = self.press(KeyCode::F(5));
        let started = effects.into_iter().find_map(|effect| match effect {
            Effect::StartSending { id, plan } => Some((id, plan)),
            _ => None,
        });
        let (id, plan) = started.unwrap_or_else(|| panic!("{}", self.screen(MIDDLE)));
        self.id = id;
        self.encrypted = false;
        *plan
    }

    fn connected(&mut self) {
        let at = self.pass(1);
        self.sending(SendingEvent::Connecting {
            at,
            host: "127.0.0.1".into(),
            port: 2525,
            attempt: 1,
        });
        let at = self.pass(1);
        self.sending(SendingEvent::Connected {
            at,
            local: address("127.0.0.1:40001"),
            server: address(SERVER),
        });
    }

    /// What was said a millisecond later.
    fn spoken(&mut self, stage: Stage, what: Speech) -> Spoken {
        Spoken {
            at: self.pass(1),
            stage,
            encrypted: self.encrypted,
            what,
        }
    }

    fn says(&mut self, stage: Stage, line: &str) {
        self.says_line(stage, Line::open(line.as_bytes()));
    }

    fn says_secretly(&mut self, shown: &str, line: &str) {
        self.says_line(Stage::Auth, Line::masked(shown.as_bytes(), line.as_bytes()));
    }

    fn says_line(&mut self, stage: Stage, line: Line) {
        let spoken = self.spoken(stage, Speech::Command(line));
        self.sending(SendingEvent::Spoken(spoken));
    }

    fn hears(&mut self, stage: Stage, bytes: &[u8]) {
        let mut parser = ReplyParser::new(Limits::default());
        parser.push(bytes);
        let reply = parser.next_reply().expect("a reply").expect("whole");
        let what = Speech::Reply {
            fit: Fit::of(stage, reply.code),
            reply: Arc::new(reply),
            latency: Some(Duration::from_micros(312)),
        };
        let spoken = self.spoken(stage, what);
        self.sending(SendingEvent::Spoken(spoken));
    }

    fn greeted(&mut self) {
        self.connected();
        self.hears(Stage::Banner, b"220 mail.lab ESMTP sockscope\r\n");
        self.says(Stage::Ehlo, "EHLO [127.0.0.1]");
        self.hears(
            Stage::Ehlo,
            b"250-mail.lab greets you\r\n250-PIPELINING\r\n250-SIZE 26214400\r\n250-AUTH PLAIN LOGIN CRAM-MD5\r\n250 STARTTLS\r\n",
        );
    }

    /// Up to the message, with an answer to each recipient.
    fn asked(&mut self, recipients: &[(&str, &str)]) {
        self.says(Stage::Mail, "MAIL FROM:<student@example.com> SIZE=612");
        self.hears(Stage::Mail, b"250 2.1.0 Sender ok\r\n");
        for (to, answer) in recipients {
            self.says(Stage::Rcpt, &format!("RCPT TO:<{to}>"));
            self.hears(Stage::Rcpt, format!("{answer}\r\n").as_bytes());
        }
    }

    fn content(&mut self) {
        self.says(Stage::Data, "DATA");
        self.hears(Stage::Data, b"354 Go on, end with a dot\r\n");
        let content = Speech::Content {
            bytes: 1_234,
            stuffed: 2,
            excerpt: b"From: student@example.com\r\n".as_slice().into(),
        };
        let spoken = self.spoken(Stage::Dot, content);
        self.sending(SendingEvent::Spoken(spoken));
    }

    fn ends(&mut self, outcome: Outcome, stage: Stage, recipients: Vec<Recipient>) {
        let at = self.pass(1);
        self.sending(SendingEvent::Decided(Box::new(Decided {
            at,
            number: 1,
            recipients: recipients.clone(),
        })));
        self.sending(SendingEvent::Ended {
            at,
            summary: Box::new(Summary {
                outcome,
                stage,
                recipients,
                sent: 1,
                asked: 1,
            }),
        });
    }

    /// The sample goes to the lab's server.
    fn sent(&mut self) {
        let to = "teacher@example.com";
        self.send();
        self.greeted();
        self.asked(&[(to, "250 2.1.5 Recipient ok")]);
        self.content();
        self.hears(Stage::Dot, b"250 2.6.0 Message stored as 1\r\n");
        self.says(Stage::Quit, "QUIT");
        self.hears(Stage::Quit, b"221 2.0.0 Bye\r\n");
        let fate = RecipientFate::Accepted;
        let recipient = recipient(to, fate, Stage::Dot, 250, "2.6.0 Message stored as 1");
        self.ends(Outcome::Sent, Stage::Quit, vec![recipient]);
    }

    /// A handshake, with this against it.
    fn handshake(&mut self, distrust: Option<Distrust>) {
        let at = self.pass(3);
        self.encrypted = distrust.is_none();
        self.sending(SendingEvent::Tls {
            at,
            card: Box::new(TlsCard {
                server_name: "mail.example".into(),
                version: Some("TLSv1.3".into()),
                cipher: Some("TLS_AES_256_GCM_SHA384".into()),
                chain: vec![CertificateCard {
                    subject: "CN=mail.example".into(),
                    issuer: "CN=Some Authority".into(),
                    names: vec!["mail.example".into()],
                    not_before: "2024-01-01".into(),
                    not_after: "2025-01-01".into(),
                    fingerprint: "AA:BB".into(),
                }],
                distrust,
                error: None,
                took: ms(3),
            }),
        });
    }

    fn buffer(&mut self, (width, height): (u16, u16)) -> Buffer {
        let area = Rect::new(0, 0, width, height);
        self.app.area = area;
        let mut buffer = Buffer::empty(area);
        (&mut self.app).render(area, &mut buffer);
        assert_harmless(&buffer);
        buffer
    }

    /// The screen as text, whose lines all have its width.
    fn screen(&mut self, size: (u16, u16)) -> String {
        let screen = shown::text(&self.buffer(size));
        for row in screen.lines() {
            let columns = unicode_width::UnicodeWidthStr::width(row);
            assert_eq!(columns, usize::from(size.0), "{row}\nin\n{screen}");
        }
        screen
    }

    /// At the middle size all of these have to be there.
    fn shows(&mut self, words: &[&str]) {
        let screen = self.screen(MIDDLE);
        for word in words {
            assert!(screen.contains(word), "{word} is missing in\n{screen}");
        }
    }

    /// At no size may any of these be there.
    fn hides(&mut self, words: &[&str]) {
        for size in SIZES {
            let screen = self.screen(size);
            for word in words {
                assert!(!screen.contains(word), "{word} should not be in\n{screen}");
            }
        }
    }
}

/// The words of a screen without borders and breaks, so that a sentence can be found wherever it is wrapped. A panel has to be zoomed for that.
fn flat(screen: &str) -> String {
    let words = screen
        .split(|c: char| c.is_whitespace() || "│┃╭╮╰╯┏┓┗┛━─".contains(c))
        .filter(|word| !word.is_empty());
    words.collect::<Vec<&str>>().join(" ")
}
