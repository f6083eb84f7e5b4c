//! What three busy labs tell, made up: pings of a lossy link, requests on connections that are kept for a while, whole mail sessions.
//!
//! Every frame brings other connections, numbers and times, so nothing of it can be taken for what came before.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sockscope::proto::http::rule::Rule;
use sockscope::proto::http::status::Status;
use sockscope::proto::link::{Leg, Why};
use sockscope::proto::ping::{Outcome, PingEvent, PingRecord};
use sockscope::proto::secret::Line;
use sockscope::proto::smtp::reply::{Limits, Reply, ReplyParser};
use sockscope::proto::smtp::stage::Stage;
use sockscope::trace::event::{EchoDatagram, EchoEvent, Event, Excerpt, PingerEvent, Ruling};
use sockscope::trace::mail::{Fit, MailEvent, SessionEnd, Speech, Spoken};
use sockscope::trace::start_error::Transport;
use sockscope::trace::web::{Cause, Closed, Ending, Exchange, Message, Parts, Timing, WebEvent};
use sockscope::trace::wire::{Call, End, Lab, Layer, Payload, SocketEvent};

use super::support::report::Outcome as Result;

pub const FRAMES_PER_SECOND: u64 = 15;
const PINGS: u64 = 14;
const REQUESTS: u32 = 10;
/// Events of a frame: three a ping, one a request, one a line of mail, openings and closings.
pub const EVENTS: u64 = PINGS * 3 + REQUESTS as u64 + 2 + DIALOGUE.len() as u64 + 2;

const ECHO: u16 = 12_000;
const WEB: u16 = 6_789;
const MAIL: u16 = 2_525;
const PINGER: u16 = 40_000;
/// Ports of clients, from there to the end.
const PORTS: u64 = 41_000;

const REQUEST: &[u8] = b"GET /HelloWorld.html HTTP/1.1\r\nHost: 127.0.0.1:6789\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n";
const RESPONSE_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 672\r\n\r\n";
const CONTENT: usize = 672;

/// A session: what the client says, at which stage, and what it is told.
const DIALOGUE: [(Stage, &str, &str); 12] = [
    (Stage::Banner, "", "220 lab.example ESMTP\r\n"),
    (Stage::Ehlo, "EHLO client.example", ""),
    (
        Stage::Ehlo,
        "",
        "250-lab.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    ),
    (Stage::Mail, "MAIL FROM:<a@b.example>", ""),
    (Stage::Mail, "", "250 OK\r\n"),
    (Stage::Rcpt, "RCPT TO:<c@d.example>", ""),
    (Stage::Rcpt, "", "550 No such mailbox\r\n"),
    (Stage::Rcpt, "RCPT TO:<e@f.example>", ""),
    (Stage::Rcpt, "", "250 OK\r\n"),
    (Stage::Quit, "NOOP", ""),
    (Stage::Quit, "QUIT", ""),
    (Stage::Quit, "", "221 Bye\r\n"),
];

/// The labs, one frame after the other.
pub struct Traffic {
    frame: u64,
    response: Arc<[u8]>,
    request: Arc<[u8]>,
    replies: Vec<Option<Arc<Reply>>>,
    calls: Vec<SocketEvent>,
    events: Vec<Event>,
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn payload(bytes: &Arc<[u8]>) -> Payload {
    Payload {
        bytes: bytes.clone(),
        length: bytes.len() as u64,
        masked: false,
        layer: Layer::Socket,
    }
}

/// A payload of its own, as each call of a lab has one.
fn copied(bytes: &[u8]) -> Payload {
    payload(&Arc::from(bytes))
}

impl Traffic {
    pub fn new() -> Result<Self> {
        let response = [RESPONSE_HEAD, &[b'x'; CONTENT]].concat();
        let mut replies = Vec::new();
        for (_, _, reply) in DIALOGUE {
            let mut parser = ReplyParser::new(Limits::default());
            parser.push(reply.as_bytes());
            replies.push(parser.next_reply()?.map(Arc::new));
        }
        Ok(Self {
            frame: 0,
            response: response.into(),
            request: REQUEST.into(),
            replies,
            calls: Vec::new(),
            events: Vec::new(),
        })
    }

    /// When the last frame was.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.frame * 1_000_000_000 / FRAMES_PER_SECOND)
    }

    /// What comes up until the next frame.
    pub fn next_frame(&mut self) -> (Vec<SocketEvent>, Vec<Event>) {
        let begin = self.now();
        self.frame += 1;
        let step = (self.now() - begin) / (PINGS as u32 + 1);
        for n in 0..PINGS {
            self.ping((self.frame - 1) * PINGS + n + 1, begin + step * n as u32);
        }
        self.web(begin, step);
        self.mail(begin, step);
        (
            std::mem::take(&mut self.calls),
            std::mem::take(&mut self.events),
        )
    }

    /// The port of this frame's client, after a while the same again.
    fn port(&self, offset: u64) -> u16 {
        let ports = u64::from(u16::MAX) - PORTS;
        (PORTS + (self.frame * 2 + offset) % ports) as u16
    }

    fn call(
        &mut self,
        at: Duration,
        lab: Lab,
        end: End,
        socket: u64,
        ports: (u16, u16),
        call: Call,
    ) {
        let transport = match lab {
            Lab::Ping => Transport::Udp,
            Lab::Web | Lab::Mail => Transport::Tcp,
        };
        self.calls.push(SocketEvent {
            at,
            lab,
            end,
            socket,
            transport,
            local: Some(local(ports.0)),
            peer: Some(local(ports.1)),
            call,
            error: None,
        });
    }

    /// Two lost in seven.
    fn ping(&mut self, seq: u64, at: Duration) {
        let text = format!("Ping {seq} 0123456789abcdef").into_bytes();
        let reply = text.to_ascii_uppercase();
        let noise = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let lost = noise % 7 < 2;
        let after = |micros| at + Duration::from_micros(micros);
        let rtt = Duration::from_micros(80 + noise % 100);
        let mut tell = |event| {
            self.events.push(Event::Ping {
                target: 0,
                event: PingerEvent::Ping(event),
            })
        };
        tell(PingEvent::Sent {
            seq,
            at,
            datagram: text.clone(),
        });
        let mut record = PingRecord::in_flight(seq, at);
        if lost {
            record.outcome = Outcome::Lost;
            tell(PingEvent::TimedOut {
                record,
                at: after(1_000),
            });
        } else {
            record.outcome = Outcome::Replied;
            record.rtt = Some(rtt);
            tell(PingEvent::Replied {
                record,
                at: at + rtt,
                reply: reply.clone(),
            });
        }
        let ruling = match lost {
            true => Ruling::Lost {
                leg: Leg::Request,
                why: Why::LabDraw((noise % 4) as u8),
            },
            false => Ruling::Replied,
        };
        self.events
            .push(Event::Echo(EchoEvent::Datagram(EchoDatagram {
                n: seq,
                at: after(30),
                from: local(PINGER),
                bytes: text.len(),
                payload: Excerpt::of(&text),
                ruling,
                delay: Duration::ZERO,
                copies: u8::from(!lost),
                corrupted: false,
                held: false,
            })));
        let (out, back) = ((PINGER, ECHO), (ECHO, PINGER));
        self.call(
            at,
            Lab::Ping,
            End::Client,
            2,
            out,
            Call::Send(copied(&text)),
        );
        self.call(
            after(30),
            Lab::Ping,
            End::Server,
            1,
            back,
            Call::RecvFrom(copied(&text)),
        );
        if !lost {
            self.call(
                after(40),
                Lab::Ping,
                End::Server,
                1,
                back,
                Call::SendTo(copied(&reply)),
            );
            self.call(
                at + rtt,
                Lab::Ping,
                End::Client,
                2,
                out,
                Call::Recv(copied(&reply)),
            );
        }
    }

    /// A connection with some requests.
    fn web(&mut self, begin: Duration, step: Duration) {
        let (connection, socket) = (self.frame, self.frame * 2 + 1);
        let port = self.port(0);
        let (client, ports) = (local(port), (WEB, port));
        let web = |event| Event::Web(event);
        self.call(
            begin,
            Lab::Web,
            End::Server,
            socket,
            ports,
            Call::Accept { listener: 3 },
        );
        self.events.push(web(WebEvent::Opened {
            connection,
            client,
            at: begin,
        }));
        for number in 1..=REQUESTS {
            let at = begin + step * number;
            let done = at + Duration::from_micros(50);
            let (request, response) = (copied(&self.request), copied(&self.response));
            self.call(
                at,
                Lab::Web,
                End::Server,
                socket,
                ports,
                Call::Recv(request),
            );
            self.call(
                done,
                Lab::Web,
                End::Server,
                socket,
                ports,
                Call::Send(response),
            );
            let is_found = number % 5 != 0;
            self.events.push(web(WebEvent::Exchange(Box::new(Exchange {
                connection,
                number,
                client,
                timing: Timing {
                    accepted: begin,
                    arrived: at,
                    first_byte: at,
                    begun: at,
                    parsed: Some(at),
                    decided: Some(done),
                    first_byte_out: Some(done),
                    done,
                },
                request: Message {
                    bytes: (&*self.request).into(),
                    length: self.request.len() as u64,
                },
                parts: Parts {
                    method: 0..3,
                    target: 4..20,
                    version: 21..29,
                    head: self.request.len(),
                    user_agent: None,
                    referer: None,
                },
                status: Some(if is_found {
                    Status::OK
                } else {
                    Status::NOT_FOUND
                }),
                rule: Some(Rule::Found),
                broken_at: None,
                response: Message {
                    bytes: (&*self.response).into(),
                    length: self.response.len() as u64,
                },
                response_head: RESPONSE_HEAD.len(),
                content_sent: CONTENT as u64,
                ending: Ending::Complete,
            }))));
        }
        let at = begin + step * (REQUESTS + 1);
        self.call(
            at,
            Lab::Web,
            End::Server,
            socket,
            ports,
            Call::Recv(copied(&[])),
        );
        self.call(at, Lab::Web, End::Server, socket, ports, Call::Close);
        self.events.push(web(WebEvent::Closed(Closed {
            connection,
            client,
            at,
            cause: Cause::Client,
            requests: REQUESTS,
            bytes_in: 0,
            bytes_out: 0,
        })));
    }

    /// A session from its greeting to its end.
    fn mail(&mut self, begin: Duration, step: Duration) {
        let (session, socket) = (self.frame, self.frame * 2 + 2);
        let port = self.port(1);
        let (client, ports) = (local(port), (MAIL, port));
        self.call(
            begin,
            Lab::Mail,
            End::Server,
            socket,
            ports,
            Call::Accept { listener: 4 },
        );
        self.events.push(Event::Mail(MailEvent::Opened {
            session,
            client,
            at: begin,
            encrypted: false,
        }));
        for (n, (stage, command, reply)) in DIALOGUE.into_iter().enumerate() {
            let at = begin + step * (n as u32 + 1);
            let (what, call) = match &self.replies[n] {
                Some(known) => (
                    Speech::Reply {
                        reply: known.clone(),
                        latency: Some(Duration::from_micros(20)),
                        fit: Fit::Expected,
                    },
                    Call::Send(copied(reply.as_bytes())),
                ),
                None => (
                    Speech::Command(Line::open(command.as_bytes())),
                    Call::Recv(copied(format!("{command}\r\n").as_bytes())),
                ),
            };
            self.call(at, Lab::Mail, End::Server, socket, ports, call);
            let spoken = Spoken {
                at,
                stage,
                encrypted: false,
                what,
            };
            self.events
                .push(Event::Mail(MailEvent::Spoken { session, spoken }));
        }
        let at = begin + step * (DIALOGUE.len() as u32 + 1);
        self.call(at, Lab::Mail, End::Server, socket, ports, Call::Close);
        self.events.push(Event::Mail(MailEvent::Closed {
            session,
            client,
            at,
            cause: SessionEnd::Quit,
            commands: 6,
            messages: 0,
        }));
    }
}
