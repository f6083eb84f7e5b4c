//! A dashboard whose labs are made up, and the scenes that they play: who called what, who said what, and what became of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use sockscope::dashboard::app::{App, Effect, Msg, Setup};
use sockscope::proto::http::rule::Rule;
use sockscope::proto::link::{Leg, Why};
use sockscope::proto::ping::{Outcome, PingEvent, PingRecord};
use sockscope::proto::smtp::reply::{Limits, ReplyParser};
use sockscope::proto::smtp::stage::Stage;
use sockscope::trace::clock::Clock;
use sockscope::trace::event::{EchoDatagram, EchoEvent, Event, Excerpt, PingerEvent, Ruling};
use sockscope::trace::mail::{Fit, Line, MailEvent, SendingEvent, SendingId, Speech, Spoken};
use sockscope::trace::start_error::Transport;
use sockscope::trace::web::{Ending, Exchange, Message, Parts, SenderEvent, Timing, WebEvent};
use sockscope::trace::wire::{Call, End, Lab, Layer, Payload, SocketEvent};
use sockscope::words::Lang;

use super::super::shown::{self, address, assert_harmless};
use super::{ms, us};

const ECHO: &str = "127.0.0.1:12000";
const PINGER: &str = "127.0.0.1:54321";
const WEB: &str = "127.0.0.1:6789";
const MAIL: &str = "127.0.0.1:2525";
const MAILER: &str = "127.0.0.1:40001";

/// What nobody should have to look at: control sequences, another writing direction, characters of no width, and no UTF-8.
pub const HOSTILE: &[u8] =
    b"\x1b[31mred\x1b]0;title\x07 \xe2\x80\xaegpj \xe2\x80\x8bzero \xff\xfe\x9b2J \x00\t";

/// The same for a place into which a person types: what is typed or pasted there is UTF-8, and loses its control characters.
const HOSTILE_TEXT: &str = "\x1b[31mred\u{202e}gpj\u{200b}zero\x07";

pub struct Bench {
    pub app: App,
    now: Duration,
    sending: SendingId,
}

pub fn payload(bytes: &[u8]) -> Payload {
    Payload {
        bytes: bytes.into(),
        length: bytes.len() as u64,
        masked: false,
        layer: Layer::Socket,
    }
}

pub fn lost(leg: Leg) -> Ruling {
    let why = Why::Random;
    Ruling::Lost { leg, why }
}

/// The client of a connection to the web server.
fn web_client(connection: u64) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 40_000 + connection as u16))
}

fn text(seq: u64) -> Vec<u8> {
    format!("Ping {seq} 5eed5eed5eed5eed").into_bytes()
}

/// A datagram as the echo server judged it.
pub fn datagram(seq: u64, at: Duration, ruling: Ruling) -> EchoDatagram {
    let text = text(seq);
    EchoDatagram {
        n: seq,
        at,
        from: address(PINGER),
        bytes: text.len(),
        payload: Excerpt::of(&text),
        ruling,
        delay: us(20),
        copies: 1,
        corrupted: false,
        held: false,
    }
}

pub fn record(seq: u64, sent: Duration, outcome: Outcome) -> PingRecord {
    PingRecord {
        outcome,
        ..PingRecord::in_flight(seq, sent)
    }
}

impl Bench {
    pub fn new(lang: Lang) -> Self {
        Self::set_up(|setup| setup.lang = lang)
    }

    /// With another setup than the usual one.
    pub fn set_up(change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = Setup::default();
        change(&mut setup);
        let origin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut app = App::new(setup, Clock::new(Instant::now(), origin));
        app.start();
        let mut bench = Self {
            app,
            now: Duration::ZERO,
            sending: 1,
        };
        bench.labs_start();
        bench
    }

    fn labs_start(&mut self) {
        self.take(Event::Echo(EchoEvent::Listening {
            address: address(ECHO),
            seed: 42,
            link: Box::default(),
        }));
        let started = PingerEvent::Started {
            local: address(PINGER),
            target: address(ECHO),
        };
        self.pinger(started);
        self.take(Event::Web(WebEvent::Listening {
            address: address(WEB),
            reachable: Vec::new(),
            service: Box::default(),
        }));
        self.take(Event::Mail(MailEvent::Listening {
            address: address(MAIL),
            tls_address: None,
            certificate: None,
            folder: None,
        }));
    }

    // ---- what the labs tell ----

    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        self.app.update(msg, self.now)
    }

    pub fn take(&mut self, event: Event) {
        self.events(vec![event], 0);
    }

    pub fn left_out(&mut self, count: u64) {
        self.events(Vec::new(), count);
    }

    fn events(&mut self, events: Vec<Event>, left_out: u64) {
        self.update(Msg::Events {
            events,
            left_out,
            web_left_out: 0,
            mail_left_out: 0,
        });
    }

    fn pinger(&mut self, event: PingerEvent) {
        self.take(Event::Ping { target: 0, event });
    }

    pub fn pinged(&mut self, event: PingEvent) {
        self.pinger(PingerEvent::Ping(event));
    }

    pub fn judged(&mut self, datagram: EchoDatagram) {
        self.take(Event::Echo(EchoEvent::Datagram(datagram)));
    }

    /// A call of a lab, at the end of this client's connection.
    fn call(&mut self, at: Duration, lab: Lab, end: End, client: SocketAddr, call: Call) {
        self.called(at, (lab, end), client, call, None);
    }

    pub fn called(
        &mut self,
        at: Duration,
        (lab, end): (Lab, End),
        client: SocketAddr,
        call: Call,
        error: Option<&str>,
    ) {
        let (transport, server) = match lab {
            Lab::Ping => (Transport::Udp, ECHO),
            Lab::Web => (Transport::Tcp, WEB),
            Lab::Mail => (Transport::Tcp, MAIL),
        };
        let (local, peer) = match end {
            End::Client => (client, address(server)),
            End::Server => (address(server), client),
        };
        let listens = matches!(call, Call::Socket | Call::Bind | Call::Listen { .. });
        let call = SocketEvent {
            at,
            lab,
            end,
            socket: u64::from(local.port()) + u64::from(peer.port()),
            transport,
            local: Some(local),
            peer: Some(peer).filter(|_| !listens),
            call,
            error: error.map(Into::into),
        };
        self.update(Msg::Calls {
            calls: vec![call],
            left_out: 0,
        });
    }

    pub fn sent(&mut self, seq: u64, at: Duration) {
        let datagram = text(seq);
        self.call(
            at,
            Lab::Ping,
            End::Client,
            address(PINGER),
            Call::SendTo(payload(&datagram)),
        );
        self.pinged(PingEvent::Sent { seq, at, datagram });
    }

    pub fn replied(&mut self, seq: u64, sent: Duration, at: Duration) {
        let reply = text(seq).to_ascii_uppercase();
        self.call(
            at,
            Lab::Ping,
            End::Client,
            address(PINGER),
            Call::RecvFrom(payload(&reply)),
        );
        self.pinged(PingEvent::Replied {
            record: record(seq, sent, Outcome::Replied),
            at,
            reply,
        });
    }

    /// A ping and what came of it.
    pub fn ping(&mut self, seq: u64, at: Duration, ruling: Ruling) {
        self.sent(seq, at);
        let there = at + us(40);
        self.call(
            there,
            Lab::Ping,
            End::Server,
            address(PINGER),
            Call::RecvFrom(payload(&text(seq))),
        );
        self.judged(datagram(seq, there, ruling));
        if ruling == Ruling::Replied {
            let reply = text(seq).to_ascii_uppercase();
            self.call(
                at + us(60),
                Lab::Ping,
                End::Server,
                address(PINGER),
                Call::SendTo(payload(&reply)),
            );
            self.replied(seq, at, at + us(90));
        } else {
            self.pinged(PingEvent::TimedOut {
                record: record(seq, at, Outcome::Lost),
                at: at + ms(1_000),
            });
        }
    }

    fn sender(&mut self, connection: u64, event: SenderEvent) {
        self.take(Event::Sender {
            id: connection as _,
            event,
        });
    }

    /// The web server begins to wait for connections.
    pub fn web_listens(&mut self, at: Duration) {
        for call in [Call::Socket, Call::Bind, Call::Listen { backlog: 128 }] {
            self.call(at, Lab::Web, End::Server, web_client(0), call);
        }
    }

    /// A client connects and asks.
    pub fn asks(&mut self, connection: u64, at: Duration, target: &[u8]) -> Vec<u8> {
        let client = web_client(connection);
        let request = [
            b"GET ",
            target,
            b" HTTP/1.1\r\nHost: 127.0.0.1:6789\r\n\r\n",
        ]
        .concat();
        self.call(at, Lab::Web, End::Client, client, Call::Connect);
        self.sender(
            connection,
            SenderEvent::Connected {
                at,
                local: client,
                target: address(WEB),
            },
        );
        let at = at + us(100);
        self.call(
            at,
            Lab::Web,
            End::Client,
            client,
            Call::Send(payload(&request)),
        );
        let bytes = request.clone().into_boxed_slice();
        self.sender(connection, SenderEvent::Sent { at, bytes });
        request
    }

    /// The server accepts that client and answers it.
    pub fn answers(&mut self, connection: u64, at: Duration, request: &[u8], rule: Rule) {
        let client = web_client(connection);
        let accept = Call::Accept { listener: 1 };
        self.call(at, Lab::Web, End::Server, client, accept);
        self.take(Event::Web(WebEvent::Opened {
            connection,
            client,
            at,
        }));
        let read = at + us(50);
        self.call(
            read,
            Lab::Web,
            End::Server,
            client,
            Call::Recv(payload(request)),
        );
        let status = rule.status();
        let (code, reason) = (status.code(), status.reason());
        let response = format!("HTTP/1.1 {code} {reason}\r\nContent-Length: 0\r\n\r\n");
        let response = response.into_bytes();
        let out = at + us(150);
        self.call(
            out,
            Lab::Web,
            End::Server,
            client,
            Call::Send(payload(&response)),
        );
        let whole = |bytes: &[u8]| Message {
            bytes: bytes.into(),
            length: bytes.len() as u64,
        };
        let target = 4..(request.len() - b" HTTP/1.1\r\nHost: 127.0.0.1:6789\r\n\r\n".len()) as u32;
        let exchange = Exchange {
            connection,
            number: 1,
            client,
            timing: Timing {
                accepted: at,
                arrived: at,
                first_byte: read,
                begun: read,
                parsed: Some(read),
                decided: Some(read),
                first_byte_out: Some(out),
                done: out,
            },
            request: whole(request),
            parts: Parts {
                method: 0..3,
                version: target.end + 1..target.end + 9,
                target,
                head: request.len(),
                ..Parts::default()
            },
            status: Some(status),
            rule: Some(rule),
            broken_at: None,
            response_head: response.len(),
            response: whole(&response),
            content_sent: 0,
            ending: Ending::Complete,
        };
        self.take(Event::Web(WebEvent::Exchange(Box::new(exchange))));
        let at = at + us(200);
        self.call(
            at,
            Lab::Web,
            End::Client,
            client,
            Call::Recv(payload(&response)),
        );
        let bytes = response.into_boxed_slice();
        self.sender(connection, SenderEvent::Received { at, bytes });
    }

    // ---- a mail ----

    /// The sample goes to the lab's server; both ends tell of it.
    pub fn mail(&mut self, encrypted: bool) {
        self.key('3');
        let effects = self.press(KeyCode::F(5));
        let id = effects.iter().find_map(|effect| match effect {
            Effect::StartSending { id, .. } => Some(*id),
            _ => None,
        });
        self.sending = id.expect("F5 sends");
        self.key('4');
        let client = address(MAILER);
        self.now = ms(3_000);
        self.call(self.now, Lab::Mail, End::Client, client, Call::Connect);
        let (at, id) = (self.now, self.sending);
        let connected = SendingEvent::Connected {
            at,
            local: client,
            server: address(MAIL),
        };
        self.take(Event::Sending {
            id,
            event: connected,
        });
        self.take(Event::Mail(MailEvent::Opened {
            session: 1,
            client,
            at,
            encrypted,
        }));
        self.says(
            encrypted,
            Stage::Banner,
            Err(b"220 mail.lab ESMTP sockscope"),
        );
        self.says(encrypted, Stage::Ehlo, Ok(Line::open(b"EHLO [127.0.0.1]")));
        self.says(encrypted, Stage::Ehlo, Err(b"250 mail.lab greets you"));
        let secret = Line::masked(
            b"AUTH PLAIN ********",
            b"AUTH PLAIN AHN0dWRlbnQAaHVudGVyMg==",
        );
        self.says(encrypted, Stage::Auth, Ok(secret));
        self.says(encrypted, Stage::Auth, Err(b"235 2.7.0 Welcome"));
        self.says(
            encrypted,
            Stage::Mail,
            Ok(Line::open(b"MAIL FROM:<student@example.com>")),
        );
        self.says(encrypted, Stage::Mail, Err(b"250 2.1.0 Sender ok"));
        self.says(
            encrypted,
            Stage::Rcpt,
            Ok(Line::open(b"RCPT TO:<nobody@example.com>")),
        );
        self.says(encrypted, Stage::Rcpt, Err(b"550 5.1.1 No such mailbox"));
        self.says(encrypted, Stage::Data, Ok(Line::open(b"DATA")));
        self.says(encrypted, Stage::Data, Err(b"354 End with a dot"));
        self.content(encrypted);
        self.says(encrypted, Stage::Dot, Err(b"250 2.6.0 Stored as 1"));
        self.says(encrypted, Stage::Quit, Ok(Line::open(b"QUIT")));
        self.says(encrypted, Stage::Quit, Err(b"221 2.0.0 Bye"));
    }

    fn content(&mut self, encrypted: bool) {
        let content = || Speech::Content {
            bytes: 1_234,
            stuffed: 1,
            excerpt: b"Subject: Hello\r\n\r\n..dots\r\n.\r\n"[..].into(),
        };
        self.speak(encrypted, Stage::Dot, End::Client, content);
    }

    /// A line of the dialogue: a command, or a reply.
    pub fn says(&mut self, encrypted: bool, stage: Stage, line: Result<Line, &[u8]>) {
        match line {
            Ok(command) => self.speak(encrypted, stage, End::Client, || {
                Speech::Command(command.clone())
            }),
            Err(reply) => {
                let mut parser = ReplyParser::new(Limits::default());
                parser.push(&[reply, b"\r\n"].concat());
                let reply = parser.next_reply().expect("a reply").expect("whole");
                let reply = Arc::new(reply);
                self.speak(encrypted, stage, End::Server, || Speech::Reply {
                    fit: Fit::of(stage, reply.code),
                    reply: Arc::clone(&reply),
                    latency: None,
                });
            }
        }
    }

    /// Both ends tell of what one of them says: a millisecond after what was said before, and 30 µs on its way.
    fn speak(&mut self, encrypted: bool, stage: Stage, from: End, what: impl Fn() -> Speech) {
        self.now += ms(1);
        let on_its_way = |end| if from == end { us(0) } else { us(30) };
        let spoken = |at, what| Spoken {
            at,
            stage,
            encrypted,
            what,
        };
        let ours = spoken(self.now + on_its_way(End::Client), what());
        let theirs = spoken(self.now + on_its_way(End::Server), what());
        let id = self.sending;
        self.take(Event::Sending {
            id,
            event: SendingEvent::Spoken(ours),
        });
        self.take(Event::Mail(MailEvent::Spoken {
            session: 1,
            spoken: theirs,
        }));
    }

    // ---- scenes ----

    pub fn all_labs(&mut self) {
        self.ping(1, ms(1_000), Ruling::Replied);
        self.ping(2, ms(1_200), lost(Leg::Request));
        self.web_listens(ms(0));
        let request = self.asks(12, ms(2_000), b"/hello.html");
        self.answers(12, ms(2_001), &request, Rule::Found);
        let request = self.asks(13, ms(2_100), b"/missing.html");
        self.answers(13, ms(2_101), &request, Rule::NotFound);
        self.mail(false);
    }

    /// A loss on each leg, and a ping that got through.
    pub fn losses(&mut self) {
        self.ping(1, ms(1_000), Ruling::Replied);
        self.ping(2, ms(1_200), lost(Leg::Request));
        self.ping(3, ms(1_400), lost(Leg::Reply));
        self.now = ms(2_500);
    }

    /// A duplicate, a reply that overtook another, and a late one.
    pub fn odd_ways(&mut self) {
        let (first, second) = (ms(1_000), ms(1_010));
        self.sent(1, first);
        let judged = datagram(1, first + us(40), Ruling::Replied);
        self.judged(EchoDatagram {
            copies: 2,
            ..judged
        });
        self.replied(1, first, first + ms(1));
        let record = record(1, first, Outcome::Replied);
        self.pinged(PingEvent::Duplicate {
            record,
            at: first + ms(2),
        });
        self.sent(2, second);
        self.judged(EchoDatagram {
            held: true,
            delay: ms(1),
            ..datagram(2, second + us(40), Ruling::Replied)
        });
        self.sent(3, second + ms(5));
        self.judged(datagram(3, second + ms(5) + us(40), Ruling::Replied));
        self.replied(3, second + ms(5), second + ms(10));
        self.overtaken(2, second, second + ms(20));
        self.sent(4, ms(2_000));
        self.judged(EchoDatagram {
            delay: ms(1_100),
            ..datagram(4, ms(2_000) + us(40), Ruling::Replied)
        });
        self.late(4, ms(2_000), ms(3_200));
        self.now = ms(3_300);
    }

    fn overtaken(&mut self, seq: u64, sent: Duration, at: Duration) {
        self.pinged(PingEvent::Replied {
            record: PingRecord {
                reordered: true,
                ..record(seq, sent, Outcome::Replied)
            },
            at,
            reply: text(seq).to_ascii_uppercase(),
        });
    }

    fn late(&mut self, seq: u64, sent: Duration, at: Duration) {
        self.pinged(PingEvent::TimedOut {
            record: record(seq, sent, Outcome::Lost),
            at: sent + ms(1_000),
        });
        self.pinged(PingEvent::Replied {
            record: record(seq, sent, Outcome::Late),
            at,
            reply: text(seq).to_ascii_uppercase(),
        });
    }

    /// The first connection is served, and the second has to wait until that is done.
    pub fn one_at_a_time(&mut self) {
        self.web_listens(ms(0));
        let first = self.asks(1, ms(100), b"/slow.html");
        self.asks(2, ms(200), b"/second.html");
        self.answers(1, ms(2_100), &first, Rule::Found);
        self.now = ms(2_200);
    }

    /// Nobody listens: a ping is refused, and so is a connection.
    pub fn refused(&mut self) {
        self.sent(1, ms(1_000));
        self.pinged(PingEvent::Refused {
            record: record(1, ms(1_000), Outcome::Refused),
            at: ms(1_001),
        });
        let error = Some("Connection refused (os error 111)");
        let end = (Lab::Web, End::Client);
        self.called(ms(1_500), end, web_client(9), Call::Connect, error);
        self.now = ms(2_000);
    }

    /// Bytes from hell, wherever bytes can come from.
    pub fn hostile(&mut self) {
        self.judged(EchoDatagram {
            payload: Excerpt::of(HOSTILE),
            bytes: HOSTILE.len(),
            ..datagram(1, ms(1_000), Ruling::Replied)
        });
        let long = [HOSTILE, &b"x".repeat(10_000)].concat();
        let end = (Lab::Ping, End::Server);
        let recvfrom = Call::RecvFrom(payload(&long));
        self.called(ms(1_001), end, address(PINGER), recvfrom, None);
        let said = Some(HOSTILE_TEXT);
        self.called(ms(1_002), end, address(PINGER), Call::Close, said);
        self.web_listens(ms(0));
        let request = self.asks(1, ms(1_100), &long);
        self.answers(1, ms(1_101), &request, Rule::NotFound);
        self.mail(false);
        self.says(false, Stage::Noop, Ok(Line::open(HOSTILE)));
        self.says(false, Stage::Noop, Err(&[b"250 ", HOSTILE].concat()));
        self.key('n');
        self.update(Msg::Paste(HOSTILE_TEXT.to_owned()));
        self.press(KeyCode::Enter);
    }

    // ---- keys and screens ----

    /// Types keys; a tab and an escape are those keys.
    pub fn keys(&mut self, keys: &str) {
        for c in keys.chars() {
            match c {
                '\t' => self.press(KeyCode::Tab),
                '\u{1b}' => self.press(KeyCode::Esc),
                '\n' => self.press(KeyCode::Enter),
                c => self.key(c),
            };
        }
    }

    pub fn key(&mut self, c: char) -> Vec<Effect> {
        self.press(KeyCode::Char(c))
    }

    pub fn press(&mut self, code: KeyCode) -> Vec<Effect> {
        self.update(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        self.update(Msg::Tick);
    }

    pub fn buffer(&mut self, (width, height): (u16, u16)) -> Buffer {
        let area = Rect::new(0, 0, width, height);
        self.app.area = area;
        let mut buffer = Buffer::empty(area);
        (&mut self.app).render(area, &mut buffer);
        assert_harmless(&buffer);
        buffer
    }

    /// The screen as text, whose lines all have its width.
    pub fn screen(&mut self, size: (u16, u16)) -> String {
        let screen = shown::text(&self.buffer(size));
        for row in screen.lines() {
            let columns = unicode_width::UnicodeWidthStr::width(row);
            assert_eq!(columns, usize::from(size.0), "{row}\nin\n{screen}");
        }
        screen
    }
}
