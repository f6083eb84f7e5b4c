use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::dashboard::app::{App, Msg, Setup};
use crate::proto::secret::MASK;
use crate::proto::smtp::address::{Address, Envelope};
use crate::proto::smtp::code::{self, Class, Code};
use crate::proto::smtp::outcome::{
    Distrust, Failure, Outcome, Recipient, RecipientFate, TlsFailure, Verdict,
};
use crate::proto::smtp::plan::{Order, Pace, Password, Plan, Retry, Security};
use crate::proto::smtp::reply::{Limits, Problem, ReplyError, ReplyParser};
use crate::proto::smtp::sasl::Mechanism;
use crate::proto::smtp::stage::Stage;
use crate::trace::clock::Clock;
use crate::trace::escape::is_hostile;
use crate::trace::mail::{
    Arrived, CertificateCard, Decided, Fit, Line, MailEvent, SendingEvent, Speech, Spoken, Summary,
    TlsCard,
};
use crate::trace::start_error::{Holder, Reason, Transport};
use crate::words::Lang;

const SERVER: &str = "127.0.0.1:2525";
/// From the smallest that is drawn to a large one.
const SIZES: [(u16, u16); 4] = [(60, 18), (80, 24), (120, 36), (200, 50)];
const MIDDLE: (u16, u16) = (120, 36);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("a literal address")
}

fn mail_address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

/// The dashboard with the Mail tab in front, a made-up clock, and what it wants done.
struct Bench {
    app: App,
    now: Duration,
    id: SendingId,
    encrypted: bool,
}

impl Bench {
    fn new() -> Self {
        Self::set_up(Lang::En, |_| {})
    }

    fn set_up(lang: Lang, change: impl FnOnce(&mut Setup)) -> Self {
        let clock = Clock::new(
            Instant::now(),
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        );
        let mut setup = Setup {
            lang,
            ..Setup::default()
        };
        change(&mut setup);
        let mut app = App::new(setup, clock);
        app.area = Rect::new(0, 0, MIDDLE.0, MIDDLE.1);
        let effects = app.start();
        assert!(effects.contains(&Effect::StartMail { any_port: false }));
        let mut bench = Self {
            app,
            now: Duration::ZERO,
            id: 1,
            encrypted: false,
        };
        bench.key('3');
        bench
    }

    fn listening(mut self) -> Self {
        self.server(MailEvent::Listening {
            address: address(SERVER),
            tls_address: Some(address("127.0.0.1:2465")),
            certificate: Some("/tmp/lab.pem".into()),
            folder: None,
        });
        self
    }

    fn update(&mut self, msg: Msg) -> Vec<Effect> {
        let now = self.now;
        self.app.update(msg, now)
    }

    fn take(&mut self, events: Vec<Event>) {
        self.update(Msg::Events {
            events,
            left_out: 0,
            web_left_out: 0,
            mail_left_out: 0,
        });
    }

    fn server(&mut self, event: MailEvent) {
        self.take(vec![Event::Mail(event)]);
    }

    fn sending(&mut self, event: SendingEvent) {
        let id = self.id;
        self.take(vec![Event::Sending { id, event }]);
    }

    fn key(&mut self, c: char) -> Vec<Effect> {
        self.press(KeyCode::Char(c))
    }

    fn press(&mut self, code: KeyCode) -> Vec<Effect> {
        self.update(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    fn ctrl(&mut self, c: char) -> Vec<Effect> {
        self.update(Msg::Key(KeyEvent::new(
            KeyCode::Char(c),
            KeyModifiers::CONTROL,
        )))
    }

    fn type_text(&mut self, text: &str) -> Vec<Effect> {
        text.chars().flat_map(|c| self.key(c)).collect()
    }

    fn pass(&mut self, millis: u64) -> Duration {
        self.now += ms(millis);
        self.now
    }

    /// Goes to a field of the form and empties it.
    fn write(&mut self, label: &str, text: &str) -> Vec<Effect> {
        if !self.app.mail.compose.typed {
            self.key('e');
        }
        for _ in 0..30 {
            self.press(KeyCode::Tab);
            let screen = self.screen(MIDDLE);
            let row = screen
                .lines()
                .find(|row| row.contains(&format!("▸ {label}")));
            let row = row.or_else(|| {
                screen
                    .lines()
                    .find(|row| row.contains(&format!("▸▲{label}")))
            });
            if row.is_some() {
                self.ctrl('a');
                self.press(KeyCode::Delete);
                return self.type_text(text);
            }
        }
        panic!("no field {label} in\n{}", self.screen(MIDDLE));
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

    fn spoken(&mut self, stage: Stage, what: Speech) {
        let spoken = Spoken {
            at: self.pass(1),
            stage,
            encrypted: self.encrypted,
            what,
        };
        self.sending(SendingEvent::Spoken(spoken));
    }

    fn says(&mut self, stage: Stage, line: &str) {
        let line = Line::open(line.as_bytes());
        self.spoken(stage, Speech::Command(line));
    }

    fn hears(&mut self, stage: Stage, bytes: &[u8]) {
        let mut parser = ReplyParser::new(Limits::default());
        parser.push(bytes);
        let reply = parser.next_reply().expect("a reply").expect("whole");
        let fit = match reply.code.class() {
            _ if !code::allowed(stage, reply.code) => Fit::NotInTheList,
            Class::Positive | Class::Intermediate => Fit::Expected,
            Class::Transient | Class::Permanent => Fit::Refusal,
        };
        self.spoken(
            stage,
            Speech::Reply {
                reply: Arc::new(reply),
                latency: Some(Duration::from_micros(312)),
                fit,
            },
        );
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

    fn delivered(&mut self, to: &str) {
        self.says(Stage::Mail, "MAIL FROM:<student@example.com> SIZE=612");
        self.hears(Stage::Mail, b"250 2.1.0 Sender ok\r\n");
        self.says(Stage::Rcpt, &format!("RCPT TO:<{to}>"));
        self.hears(Stage::Rcpt, b"250 2.1.5 Recipient ok\r\n");
        self.says(Stage::Data, "DATA");
        self.hears(Stage::Data, b"354 Go on, end with a dot\r\n");
        self.spoken(
            Stage::Dot,
            Speech::Content {
                bytes: 1_234,
                stuffed: 2,
                excerpt: b"From: student@example.com\r\n".as_slice().into(),
            },
        );
        self.hears(Stage::Dot, b"250 2.6.0 Message stored as 1\r\n");
        let recipient = recipient(
            to,
            RecipientFate::Accepted,
            Stage::Dot,
            250,
            "Message stored",
        );
        self.ends(Outcome::Sent, Stage::Quit, vec![recipient]);
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

    fn buffer(&mut self, (width, height): (u16, u16)) -> Buffer {
        let area = Rect::new(0, 0, width, height);
        self.app.area = area;
        let mut buffer = Buffer::empty(area);
        (&mut self.app).render(area, &mut buffer);
        buffer
    }

    /// The screen as text, which holds nothing that could harm a terminal.
    fn screen(&mut self, size: (u16, u16)) -> String {
        let buffer = self.buffer(size);
        let mut text = String::new();
        for row in buffer.area.rows() {
            let mut skip = 0;
            for position in row.positions() {
                let symbol = buffer[position].symbol();
                assert!(!symbol.contains(is_hostile), "{symbol:?}");
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                text.push_str(symbol);
                skip = symbol.width().saturating_sub(1);
            }
            text.push('\n');
        }
        text
    }

    fn shows(&mut self, what: &str) {
        let screen = self.screen(MIDDLE);
        assert!(screen.contains(what), "{what:?} is not in\n{screen}");
    }

    fn hides(&mut self, what: &str) {
        for size in SIZES {
            let screen = self.screen(size);
            assert!(!screen.contains(what), "{what:?} is in\n{screen}");
        }
    }
}

fn recipient(to: &str, fate: RecipientFate, stage: Stage, code: u16, text: &str) -> Recipient {
    Recipient {
        address: mail_address(to),
        fate,
        reply: Some(Verdict {
            stage,
            code: Code(code),
            enhanced: None,
            text: text.into(),
        }),
    }
}

#[test]
fn the_sample_goes_to_the_lab_server_at_once() {
    for lang in Lang::ALL {
        let mut bench = Bench::set_up(lang, |_| {}).listening();
        let plan = bench.send();
        assert_eq!((plan.host.as_str(), plan.port), ("127.0.0.1", 2525));
        assert_eq!((plan.security, plan.login), (Security::None, None));
        assert_eq!((plan.pace, plan.retry), (Pace::Run, Retry::Never));
        assert_eq!(
            plan.trust.ca_files,
            [std::path::PathBuf::from("/tmp/lab.pem")]
        );
        let message = plan.message;
        assert_eq!(message.from.address.as_str(), "student@example.com");
        assert_eq!(message.to[0].address.as_str(), "teacher@example.com");
        assert!(!message.subject.is_empty());
        assert!(message.body.lines().any(|line| line.starts_with('.')));
        assert_eq!(message.subject.is_ascii(), lang == Lang::En);
    }
}

#[test]
fn the_lab_server_is_followed_to_whatever_port_it_has() {
    let mut bench = Bench::new();
    bench.server(MailEvent::Listening {
        address: address("0.0.0.0:40125"),
        tls_address: Some(address("127.0.0.1:40465")),
        certificate: None,
        folder: None,
    });
    let plan = bench.send();
    assert_eq!((plan.host.as_str(), plan.port), ("127.0.0.1", 40125));
    bench.write("Security", "");
    bench.press(KeyCode::Left);
    let plan = bench.send();
    assert_eq!((plan.security, plan.port), (Security::Tls, 40465));
}

#[test]
fn while_the_form_is_typed_into_no_key_does_anything_else() {
    let mut bench = Bench::new().listening();
    bench.write("Subject", "qvx1234 zoLt?R:");
    assert_eq!(bench.app.front, crate::dashboard::app::Tab::Mail);
    bench.shows("qvx1234 zoLt?R:");
    bench.press(KeyCode::Esc);
    bench.key('2');
    assert_eq!(bench.app.front, crate::dashboard::app::Tab::Web);
}

#[test]
fn what_is_wrong_is_said_while_it_is_typed_and_nothing_is_sent() {
    let mut bench = Bench::new().listening();
    for (field, text, said) in [
        ("To", "bob", "@ is missing"),
        ("Port", "0", "from 1 to 65535"),
        ("Server", "a b", "no host name"),
        ("From", "", "write the address"),
    ] {
        let mut bench = Bench::new().listening();
        bench.write(field, text);
        let screen = bench.screen((200, 50));
        assert!(screen.contains(said), "{field}: {said}\n{screen}");
        bench.press(KeyCode::Esc);
        let effects = bench.press(KeyCode::F(5));
        let sends = |effect: &Effect| matches!(effect, Effect::StartSending { .. });
        assert!(!effects.iter().any(sends), "{field}");
        // The keys are back where something has to be put right.
        assert!(bench.app.mail.compose.typed);
    }
    bench.write("To", "teacher@example.com, 张三 <z@例子.中国>");
    let plan = bench.send();
    assert_eq!(plan.message.to.len(), 2);
}

#[test]
fn a_login_needs_a_password_and_the_plan_alone_has_it() {
    let mut bench = Bench::new().listening();
    bench.write("Login", "");
    bench.press(KeyCode::Right);
    bench.write("User", "student");
    bench.press(KeyCode::F(5));
    bench.shows("needs a password");
    let effects = bench.write("Password", "hunter2");
    assert!(
        effects
            .iter()
            .all(|effect| !matches!(effect, Effect::Complete(_)))
    );
    bench.hides("hunter2");
    let plan = bench.send();
    let login = plan.login.expect("a login");
    assert_eq!(
        (login.mechanism, login.user.as_str()),
        (Mechanism::Plain, "student")
    );
    let Password::Typed(secret) = login.password else {
        panic!("{:?}", login.password);
    };
    assert_eq!(secret.reveal(), b"hunter2");
    bench.write("Subject", "another");
    let effects = bench.app.mail.save_draft();
    let [Effect::SaveDraft(kept)] = &effects[..] else {
        panic!("{effects:?}");
    };
    bench.press(KeyCode::Esc);
    assert!(
        kept.contains("student") && !kept.contains("hunter2"),
        "{kept}"
    );
    // For a moment after the key it can be read.
    bench.key('r');
    bench.shows("hunter2");
    bench.pass(2_100);
    bench.update(Msg::Tick);
    bench.hides("hunter2");
}

#[test]
fn a_command_that_prints_the_password_stands_in_for_it() {
    let mut bench = Bench::set_up(Lang::En, |setup| {
        setup.mail.client.password_command = Some("pass show mail".into());
        setup.mail.client.user = Some("student".into());
    });
    bench.write("Password", "");
    bench.shows("printed by: pass show mail");
    let plan = bench.send();
    let login = plan.login.expect("a login");
    assert_eq!(login.password, Password::Command("pass show mail".into()));
}

#[test]
fn a_provider_brings_its_server_and_says_what_it_demands() {
    let mut bench = Bench::new().listening();
    bench.key('p');
    bench.shows("smtp.163.com");
    // Never in clear text, although the lab's server was, and 163 would take it.
    bench.shows("465");
    bench.write("Preset", "");
    assert!(bench.screen((200, 50)).contains("授权码"));
    bench.press(KeyCode::Right);
    bench.shows("smtp.qq.com");
    bench.write("Security", "");
    bench.press(KeyCode::Left);
    bench.shows("587");
    // A server that is typed is nobody's preset.
    bench.write("Server", "mail.example.org");
    bench.shows("other server");
}

#[test]
fn the_draft_is_kept_a_second_later_and_comes_back() {
    let mut bench = Bench::new().listening();
    bench.write("Subject", "报告 about ports");
    bench.write("Bcc", "secret@example.org");
    let due = bench.app.next_tick().expect("a draft to keep");
    assert!(due <= bench.now + Duration::from_secs(1));
    bench.now = due;
    let effects = bench.update(Msg::Tick);
    let [Effect::SaveDraft(draft)] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(bench.update(Msg::Tick), []);
    let mut again = Bench::set_up(Lang::ZhCn, |setup| {
        setup.mail.draft = Some(draft.clone());
    });
    again.shows("报告 about ports");
    again.shows("secret@example.org");
    assert_eq!(again.app.mail.save_draft(), []);
    // What cannot be read is no harm.
    let mut odd = Bench::set_up(Lang::En, |setup| setup.mail.draft = Some("{".into()));
    odd.shows("teacher@example.com");
}

#[test]
fn leaving_the_form_and_quitting_keep_the_draft() {
    let mut bench = Bench::new();
    bench.write("Subject", "one");
    let effects = bench.press(KeyCode::Esc);
    assert!(matches!(effects[..], [Effect::SaveDraft(_)]), "{effects:?}");
    bench.write("Subject", "two");
    let effects = bench.ctrl('c');
    assert!(
        matches!(effects[..], [Effect::SaveDraft(_), Effect::Quit]),
        "{effects:?}"
    );
}

#[test]
fn paths_are_completed_while_they_are_typed() {
    let mut bench = Bench::new();
    let effects = bench.write("Attach", "/tmp/re");
    assert_eq!(effects.last(), Some(&Effect::Complete("/tmp/re".into())));
    bench.update(Msg::Completed {
        text: "/tmp/re".into(),
        paths: vec!["/tmp/report.txt".into(), "/tmp/results.csv".into()],
    });
    bench.shows("/tmp/results.csv");
    bench.press(KeyCode::Down);
    bench.press(KeyCode::Tab);
    let plan = bench.send();
    assert_eq!(
        plan.message.attachments,
        [std::path::PathBuf::from("/tmp/results.csv")]
    );
}

#[test]
fn every_line_is_told_with_what_it_means() {
    let mut bench = Bench::new().listening();
    bench.send();
    bench.greeted();
    for text in [
        "→ EHLO [127.0.0.1]",
        "← ● 220 mail.lab ESMTP sockscope",
        "250-SIZE 26214400",
        "(RFC 1870)",
        "expected 250",
        "220: The service is ready.",
    ] {
        bench.shows(text);
    }
    bench.delivered("teacher@example.com");
    for text in [
        "1,234 bytes, dots doubled: 2",
        "◆ 354",
        "accepted  teacher@example.com",
        "● sent",
        "Sent: the server has taken",
    ] {
        bench.shows(text);
    }
    // Explanations can be left out.
    bench.key('i');
    bench.hides("the service is ready");
}

#[test]
fn a_reply_that_does_not_fit_says_so() {
    let mut bench = Bench::new().listening();
    bench.send();
    bench.greeted();
    bench.says(Stage::Mail, "MAIL FROM:<student@example.com>");
    bench.hears(Stage::Mail, b"354 send it\n");
    bench.shows("not in the list of RFC 5321");
    bench.shows("expected 250");
    let screen = bench.screen(MIDDLE);
    assert!(screen.matches('▲').count() >= 2, "{screen}");
}

#[test]
fn a_refused_login_stays_in_the_form_with_its_advice() {
    let mut bench = Bench::new().listening();
    bench.write("Login", "");
    bench.press(KeyCode::Right);
    bench.write("User", "student");
    bench.write("Password", "hunter2");
    bench.send();
    bench.greeted();
    let line = Line::masked(
        format!("AUTH PLAIN {MASK}").as_bytes(),
        b"AUTH PLAIN AHN0dWRlbnQAaHVudGVyMg==",
    );
    bench.spoken(Stage::Auth, Speech::Command(line));
    bench.shows("encoded, not encrypted");
    bench.hears(Stage::Auth, b"535 5.7.8 Wrong user or password\r\n");
    bench.ends(Outcome::LoginRefused, Stage::Auth, Vec::new());
    bench.shows("■ 535");
    bench.shows("What to do:");
    bench.shows("The server refused the login.");
    bench.hides("hunter2");
    bench.hides("AHN0dWRlbnQAaHVudGVyMg");
    // The form is as it was.
    bench.shows("student@example.com");
    bench.key('r');
    bench.shows("AUTH PLAIN AHN0dWRlbnQAaHVudGVyMg==");
    bench.shows("= \\0student\\0hunter2");
    let effects = bench.key('s');
    let [Effect::SaveFile { name, bytes }] = &effects[..] else {
        panic!("{effects:?}");
    };
    let text = String::from_utf8_lossy(bytes);
    assert!(name.ends_with(".txt"));
    assert!(text.contains(" -> AUTH PLAIN ********"), "{text}");
    assert!(!text.contains("AHN0dWRlbnQ"), "{text}");
    let copied = bench.key('y');
    assert_eq!(copied, [Effect::Copy(text.into_owned())]);
}

#[test]
fn base64_stands_beside_what_it_says() {
    let mut bench = Bench::new().listening();
    bench.send();
    bench.greeted();
    bench.says(Stage::Auth, "AUTH LOGIN");
    bench.hears(Stage::Auth, b"334 VXNlcm5hbWU6\r\n");
    bench.shows("= Username:");
    bench.says(Stage::Auth, "c3R1ZGVudA==");
    bench.shows("= student");
    bench.encrypted = true;
    bench.hears(Stage::Auth, b"334 UGFzc3dvcmQ6\r\n");
    bench.shows("= Password:");
    bench.shows("only TLS encrypts it");
    bench.shows("≈← ◆ 334");
}

fn held(stage: Stage, line: Line) -> SendingEvent {
    SendingEvent::Held {
        at: ms(1),
        stage,
        line,
        expected: code::expected(stage).into(),
    }
}

#[test]
fn step_mode_holds_a_command_that_may_be_edited() {
    let mut bench = Bench::new().listening();
    bench.key('o');
    bench.shows("step by step");
    let plan = bench.send();
    assert_eq!(plan.pace, Pace::Step);
    bench.connected();
    bench.sending(held(
        Stage::Rcpt,
        Line::open(b"RCPT TO:<teacher@example.com>"),
    ));
    bench.shows("next: RCPT");
    bench.shows("expected 250, 251");
    bench.shows("RCPT TO:<teacher@example.com>");
    // As it stands, and only once.
    let id = bench.id;
    let order = Order::Go(None);
    assert_eq!(bench.press(KeyCode::Enter), [Effect::Order { id, order }]);
    assert_eq!(bench.press(KeyCode::Enter), []);
    // Edited.
    bench.sending(held(Stage::Rcpt, Line::open(b"RCPT TO:<a@b.example>")));
    bench.press(KeyCode::Backspace);
    bench.key('x');
    bench.shows("RCPT TO:<a@b.examplex");
    let order = Order::Go(Some("RCPT TO:<a@b.examplex".into()));
    assert_eq!(bench.press(KeyCode::Enter), [Effect::Order { id, order }]);
    // Left alone, keys mean what they mean elsewhere.
    bench.sending(held(Stage::Data, Line::open(b"DATA")));
    bench.press(KeyCode::Esc);
    assert_eq!(
        bench.key('x'),
        [Effect::Order {
            id,
            order: Order::Quit
        }]
    );
    let order = Order::SetPace(Pace::Run);
    assert_eq!(bench.key('o'), [Effect::Order { id, order }]);
    let order = Order::Go(None);
    assert_eq!(bench.press(KeyCode::Enter), [Effect::Order { id, order }]);
}

#[test]
fn a_held_password_is_never_shown_and_typing_begins_anew() {
    let mut bench = Bench::new().listening();
    bench.key('o');
    bench.send();
    bench.connected();
    let line = Line::masked(MASK.as_bytes(), b"aHVudGVyMg==");
    bench.sending(held(Stage::Auth, line));
    bench.shows(MASK);
    bench.hides("aHVudGVyMg==");
    bench.type_text("Kg");
    let id = bench.id;
    let order = Order::Go(Some("Kg".into()));
    assert_eq!(bench.press(KeyCode::Enter), [Effect::Order { id, order }]);
}

#[test]
fn a_person_can_say_anything_and_end_it() {
    let mut bench = Bench::new().listening();
    assert_eq!(bench.key(':'), []);
    bench.type_text("NOOP");
    assert_eq!(bench.press(KeyCode::Enter), []);
    bench.shows("no session is open");
    bench.press(KeyCode::Esc);
    bench.send();
    bench.greeted();
    bench.key(':');
    bench.type_text("VRFY bob ");
    let id = bench.id;
    let order = Order::Raw("VRFY bob ".into());
    assert_eq!(bench.press(KeyCode::Enter), [Effect::Order { id, order }]);
    assert_eq!(
        bench.key('x'),
        [Effect::Order {
            id,
            order: Order::Quit
        }]
    );
    assert_eq!(
        bench.key('X'),
        [Effect::Order {
            id,
            order: Order::Drop
        }]
    );
    let at = bench.pass(10);
    bench.sending(SendingEvent::Retrying {
        at,
        until: at + Duration::from_secs(30),
        recipients: vec![mail_address("bob@example.org")],
    });
    bench.shows("0:30");
    bench.pass(12_000);
    bench.update(Msg::Tick);
    bench.shows("0:18");
    assert!(bench.app.next_tick().is_some());
    let order = Order::RetryNow;
    assert_eq!(bench.key('n'), [Effect::Order { id, order }]);
}

#[test]
fn a_wait_counts_down_and_content_has_a_bar() {
    let mut bench = Bench::new().listening();
    bench.send();
    bench.greeted();
    let at = bench.now;
    bench.sending(SendingEvent::Awaiting {
        at,
        stage: Stage::Rcpt,
        until: at + Duration::from_secs(300),
    });
    bench.pass(1_000);
    bench.update(Msg::Tick);
    bench.shows("4:59 left");
    bench.sending(SendingEvent::Progress {
        at,
        sent: 500_000,
        total: 1_000_000,
    });
    bench.shows("50 %");
    bench.shows("█");
}

#[test]
fn the_field_that_a_line_came_from_lights_up() {
    use super::compose::fields::FormField;
    let mut bench = Bench::new().listening();
    bench.write("Cc", "carol@example.org");
    bench.send();
    bench.greeted();
    let lit = |bench: &Bench| lit::field(&bench.app.mail.dialogue, &bench.app.mail.live);
    bench.says(Stage::Mail, "MAIL FROM:<student@example.com>");
    assert_eq!(lit(&bench), Some(FormField::From));
    bench.hears(Stage::Mail, b"250 ok\r\n");
    assert_eq!(lit(&bench), Some(FormField::From));
    bench.says(Stage::Rcpt, "RCPT TO:<teacher@example.com>");
    assert_eq!(lit(&bench), Some(FormField::To));
    bench.says(Stage::Rcpt, "RCPT TO:<carol@example.org>");
    assert_eq!(lit(&bench), Some(FormField::Cc));
    bench.ends(Outcome::Sent, Stage::Quit, Vec::new());
    assert_eq!(lit(&bench), None);
}

#[test]
fn sendings_are_kept_apart() {
    let mut bench = Bench::new().listening();
    bench.send();
    bench.greeted();
    bench.delivered("teacher@example.com");
    bench.write("To", "second@example.org");
    bench.send();
    bench.greeted();
    bench.shows("2/2");
    bench.key('[');
    bench.shows("1/2");
    bench.shows("accepted  teacher@example.com");
    bench.key(']');
    bench.shows("2/2");
    // No more than so many, and none goes on unseen.
    for _ in 0..model::SENDINGS {
        bench.send();
    }
    let effects = bench.press(KeyCode::F(5));
    let dropped = effects.iter().any(|effect| {
        matches!(
            effect,
            Effect::Order {
                order: Order::Drop,
                ..
            }
        )
    });
    assert!(dropped, "{effects:?}");
    assert_eq!(bench.app.mail.live.sendings.len(), model::SENDINGS);
}

#[test]
fn a_long_dialogue_is_bounded_and_what_is_left_out_counted() {
    let mut bench = Bench::new().listening();
    bench.send();
    bench.connected();
    let more = 600;
    for number in 0..dialogue::LINES + more {
        bench.says(Stage::Rcpt, &format!("RCPT TO:<user{number}@example.org>"));
    }
    let front = bench.app.mail.live.front().expect("a sending");
    assert_eq!(front.entries().len(), dialogue::LINES);
    assert_eq!(front.forgotten, more as u64 + 2);
    bench.shows("user5599@");
    bench.press(KeyCode::Home);
    bench.shows("user600@");
    bench.press(KeyCode::PageDown);
    bench.press(KeyCode::Down);
    bench.hides("user5599@");
    bench.press(KeyCode::End);
    bench.shows("user5599@");
}

#[test]
fn the_details_of_a_line_show_its_bytes() {
    let mut bench = Bench::new().listening();
    bench.send();
    bench.greeted();
    bench.press(KeyCode::Up);
    bench.press(KeyCode::Enter);
    bench.shows("250 STARTTLS\\r\\n");
    bench.shows("A line of the dialogue");
    bench.key('h');
    bench.shows("32 35 30 2d");
    for _ in 0..6 {
        bench.press(KeyCode::Left);
    }
    bench.shows("EHLO");
    bench.press(KeyCode::Esc);
    bench.hides("A line of the dialogue");
}

#[test]
fn a_handshake_shows_its_card() {
    let mut bench = Bench::new().listening();
    bench.send();
    bench.connected();
    let at = bench.pass(3);
    let certificate = CertificateCard {
        subject: "CN=mail.example".into(),
        issuer: "CN=mail.example".into(),
        names: vec!["mail.example".into()],
        not_before: "2024-01-01".into(),
        not_after: "2025-01-01".into(),
        fingerprint: "AA:BB".into(),
    };
    bench.sending(SendingEvent::Tls {
        at,
        card: Box::new(TlsCard {
            server_name: "mail.example".into(),
            version: Some("TLSv1.3".into()),
            cipher: Some("TLS13_AES_256_GCM_SHA384".into()),
            chain: vec![certificate.clone(), certificate],
            distrust: Some(Distrust::Expired),
            error: None,
            took: ms(3),
        }),
    });
    for text in [
        "TLSv1.3",
        "TLS13_AES_256_GCM_SHA384",
        "it has expired",
        "2025-01-01",
    ] {
        bench.shows(text);
    }
    bench.press(KeyCode::Up);
    bench.press(KeyCode::Enter);
    bench.shows("AA:BB");
    let failure = Failure::Tls(TlsFailure::Untrusted(Distrust::Expired));
    bench.press(KeyCode::Esc);
    bench.ends(Outcome::Failed(failure), Stage::Tls, Vec::new());
    bench.press(KeyCode::Esc);
    bench.shows("certificate is not trusted");
}

#[test]
fn a_server_that_could_not_start_says_who_is_in_the_way() {
    let mut bench = Bench::new();
    bench.update(Msg::MailFailed(StartError {
        transport: Transport::Tcp,
        address: address(SERVER),
        reason: Reason::PortTaken {
            holder: Some(Holder {
                pid: 77,
                name: "postfix\u{1b}[2J".into(),
            }),
            finder: "ss".into(),
        },
        error: "in use".into(),
    }));
    bench.shows("mail not running");
    bench.shows("postfix\\x1b[2J");
    assert_eq!(bench.key('R'), [Effect::StartMail { any_port: false }]);
    bench.server(MailEvent::Failed {
        error: "gone".into(),
    });
    bench.shows("gone");
    assert_eq!(bench.key('F'), [Effect::StartMail { any_port: true }]);
}

#[test]
fn what_came_in_stands_in_the_strip() {
    let mut bench = Bench::new().listening();
    bench.shows("● mail :2525");
    bench.server(MailEvent::Arrived(Box::new(Arrived {
        session: 1,
        at: ms(5),
        id: 1,
        envelope: Envelope {
            from: Some(mail_address("student@example.com")),
            to: vec![mail_address("a@example.org"), mail_address("b@example.org")],
        },
        bytes: 700,
        file: None,
    })));
    bench.shows("student@example.com ──▶ a@example.org +1");
    let fault = Fault::parse("rcpt=550").expect("a fault");
    bench.server(MailEvent::Faulty {
        at: ms(6),
        faults: vec![fault],
        end_of_data: EndOfData::Lenient,
    });
    bench.shows("rcpt=550");
    bench.shows("lenient");
    bench.hides("+12 ");
    bench.update(Msg::Events {
        events: Vec::new(),
        left_out: 0,
        web_left_out: 0,
        mail_left_out: 12,
    });
    bench.shows("+12 ");
}

#[test]
fn a_frozen_view_stands_still_while_the_sending_goes_on() {
    let mut bench = Bench::new().listening();
    bench.send();
    bench.connected();
    bench.key(' ');
    bench.hears(Stage::Banner, b"220 mail.lab ESMTP sockscope\r\n");
    bench.hides("220 mail.lab");
    bench.key(' ');
    bench.shows("220 mail.lab");
}

#[test]
fn a_password_is_hidden_again_in_a_frozen_view_too() {
    let mut bench = Bench::new().listening();
    bench.send();
    bench.connected();
    let line = Line::masked(MASK.as_bytes(), b"aHVudGVyMg==");
    bench.spoken(Stage::Auth, Speech::Command(line));
    bench.key(' ');
    bench.key('r');
    bench.shows("aHVudGVyMg==");
    assert!(
        bench
            .app
            .next_tick()
            .is_some_and(|at| at <= bench.now + ms(2_000))
    );
    bench.pass(2_100);
    bench.update(Msg::Tick);
    bench.hides("aHVudGVyMg==");
}

#[test]
fn nothing_that_a_server_says_does_anything_to_the_screen() {
    let mut bench = Bench::new().listening();
    bench.send();
    bench.connected();
    let evil = "250-\u{1b}]0;x\u{7}\u{202e}evil\r\n250 \u{9b}31m 中文 \u{200b}\r\n";
    bench.hears(Stage::Ehlo, evil.as_bytes());
    let reply = recipient(
        "a@example.org",
        RecipientFate::Refused,
        Stage::Rcpt,
        550,
        "\u{1b}[2J\u{202e}",
    );
    let failure = Failure::NotAReply(ReplyError {
        problem: Problem::NoCode,
        line: b"\x1b[2J".as_slice().into(),
    });
    bench.ends(Outcome::Failed(failure), Stage::Ehlo, vec![reply]);
    for keys in ["", "\n", "i", "v", "v", "v"] {
        for key in keys.chars() {
            match key {
                '\n' => {
                    bench.press(KeyCode::Enter);
                    bench.screen(MIDDLE);
                    bench.press(KeyCode::Esc)
                }
                key => bench.key(key),
            };
        }
        for size in SIZES {
            bench.screen(size);
        }
    }
}

#[test]
fn the_options_are_turned_to_without_typing_into_the_form() {
    let mut bench = Bench::new().listening();
    let message = bench.screen(MIDDLE);
    bench.key('v');
    bench.press(KeyCode::F(6));
    let options = bench.screen(MIDDLE);
    assert!(options.contains("Pipelining"), "{options}");
    bench.press(KeyCode::F(6));
    assert_eq!(bench.screen(MIDDLE), message);
}

#[test]
fn every_size_and_look_can_be_drawn() {
    for (lang, ascii, colour) in [
        (Lang::En, false, true),
        (Lang::ZhCn, false, false),
        (Lang::ZhCn, true, true),
        (Lang::En, true, false),
    ] {
        let mut bench = Bench::set_up(lang, |setup| {
            setup.ascii = ascii;
            setup.colour = colour;
        })
        .listening();
        bench.key('e');
        for size in SIZES {
            bench.screen(size);
        }
        bench.press(KeyCode::F(6));
        bench.screen(MIDDLE);
        bench.press(KeyCode::Esc);
        bench.send();
        bench.greeted();
        bench.sending(held(Stage::Mail, Line::open(b"MAIL FROM:<a@b>")));
        for size in SIZES {
            let screen = bench.screen(size);
            for row in screen.lines() {
                assert_eq!(row.width(), usize::from(size.0), "{row}");
            }
            if ascii && lang == Lang::En {
                assert!(screen.is_ascii(), "{screen}");
            }
        }
        bench.press(KeyCode::Esc);
        bench.key('?');
        for size in SIZES {
            bench.screen(size);
        }
        bench.press(KeyCode::Esc);
        bench.key('z');
        bench.screen(MIDDLE);
    }
}
