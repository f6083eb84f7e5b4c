use super::*;
use crate::dashboard::tabs::wire::row::{Fate, Kind};
use crate::proto::guard::Refusal;
use crate::proto::http::status::Status;
use crate::proto::link::{Leg, Why};
use crate::proto::ping::{Outcome, PingEvent, PingRecord};
use crate::proto::secret::Line;
use crate::proto::smtp::reply::Reply;
use crate::proto::smtp::stage::Stage;
use crate::trace::event::{EchoDatagram, EchoEvent, Excerpt, PingerEvent, Ruling};
use crate::trace::mail::{Fit, MailEvent, SendingEvent, Speech, Spoken};
use crate::trace::recorder::{Recorder, Secrets};
use crate::trace::start_error::Transport;
use crate::trace::web::{self, Ending, Exchange, Parts, SenderEvent, Timing, WebEvent};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn client() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 54_321))
}

/// What servers say: any address. What clients say: this one.
fn anywhere() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 7_000))
}

fn server() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7_000))
}

/// The messages of the log in the order of time.
fn messages(events: &[Event]) -> Vec<Message> {
    let mut log = Log::new(1_000, 16 << 20);
    let mut join = Join::default();
    for event in events {
        join.take(event, &mut log);
    }
    let rows = (0..log.len()).filter_map(|place| log.shown(place));
    rows.map(|row| {
        let flow = Flow {
            client: Some(client()),
            server: Some(server()),
        };
        assert_eq!(row.flow, flow, "{row:?}");
        let message = row.message().expect("only messages were told").clone();
        let began = message.sent.or(message.arrived.first().copied());
        assert_eq!(began, Some(row.at), "{row:?}");
        message
    })
    .collect()
}

/// All orders in which two ends' reports can come, each end's own in order.
fn orders(one: &[Event], other: &[Event]) -> Vec<Vec<Event>> {
    match (one, other) {
        ([], rest) | (rest, []) => vec![rest.to_vec()],
        ([first, ones @ ..], [second, others @ ..]) => {
            let begin = |event: &Event, rest: Vec<Vec<Event>>| {
                let begun = rest.into_iter().map(|mut rest| {
                    rest.insert(0, event.clone());
                    rest
                });
                begun.collect::<Vec<_>>()
            };
            let mut all = begin(first, orders(ones, other));
            all.extend(begin(second, orders(one, others)));
            all
        }
    }
}

/// The messages, which are the same whichever report comes first.
fn joined(before: &[Event], one: &[Event], other: &[Event]) -> Vec<Message> {
    let mut all = orders(one, other).into_iter().map(|order| {
        let events = [before, &order].concat();
        messages(&events)
    });
    let first = all.next().expect("there is an order");
    for messages in all {
        assert_eq!(messages, first);
    }
    first
}

mod ping {
    use super::*;

    fn pinger(event: PingEvent) -> Event {
        let event = PingerEvent::Ping(event);
        Event::Ping { target: 3, event }
    }

    fn started() -> Event {
        let event = PingerEvent::Started {
            local: client(),
            target: server(),
        };
        Event::Ping { target: 3, event }
    }

    fn listening() -> Event {
        Event::Echo(EchoEvent::Listening {
            address: anywhere(),
            seed: 1,
            link: Box::default(),
        })
    }

    fn text(seq: u64) -> String {
        format!("Ping {seq} 5eed5eed5eed5eed")
    }

    fn sent(seq: u64, at: u64) -> Event {
        let datagram = text(seq).into_bytes();
        let at = ms(at);
        pinger(PingEvent::Sent { seq, at, datagram })
    }

    fn record(seq: u64, outcome: Outcome) -> PingRecord {
        PingRecord {
            outcome,
            ..PingRecord::in_flight(seq, ms(0))
        }
    }

    fn replied(record: PingRecord, at: u64) -> Event {
        let reply = format!("PING {}", record.seq).into_bytes();
        let at = ms(at);
        pinger(PingEvent::Replied { record, at, reply })
    }

    fn timed_out(seq: u64, at: u64) -> Event {
        let record = record(seq, Outcome::Lost);
        pinger(PingEvent::TimedOut { record, at: ms(at) })
    }

    fn datagram(n: u64, seq: u64, at: u64, ruling: Ruling) -> EchoDatagram {
        let text = text(seq);
        EchoDatagram {
            n,
            at: ms(at),
            from: client(),
            bytes: text.len(),
            payload: Excerpt::of(text.as_bytes()),
            ruling,
            delay: ms(5),
            copies: 1,
            corrupted: false,
            held: false,
        }
    }

    fn echo(datagram: EchoDatagram) -> Event {
        Event::Echo(EchoEvent::Datagram(datagram))
    }

    fn lost(leg: Leg) -> Ruling {
        let why = Why::Random;
        Ruling::Lost { leg, why }
    }

    const BOTH: [Subject; 2] = [
        Subject::Ping { target: 3, seq: 1 },
        Subject::Datagram { n: 9 },
    ];

    #[test]
    fn a_ping_and_its_reply_are_two_messages_with_both_ends() {
        let messages = joined(
            &[listening(), started()],
            &[sent(1, 10), replied(record(1, Outcome::Replied), 30)],
            &[echo(datagram(9, 1, 11, Ruling::Replied))],
        );
        let [request, reply] = &messages[..] else {
            panic!("{messages:?}");
        };
        assert_eq!((request.from, reply.from), (End::Client, End::Server));
        assert_eq!(
            (request.sent, &*request.arrived),
            (Some(ms(10)), &[ms(11)][..])
        );
        assert_eq!((reply.sent, &*reply.arrived), (Some(ms(16)), &[ms(30)][..]));
        assert_eq!((request.fate, reply.fate), (Fate::Arrived, Fate::Arrived));
        assert_eq!((&*request.summary, &*reply.summary), ("Ping 1", "PING 1"));
        assert_eq!(
            (&request.subjects, &reply.subjects),
            (&BOTH.to_vec(), &BOTH.to_vec())
        );
    }

    #[test]
    fn what_the_link_kills_dies_on_its_leg() {
        let lost_there = joined(
            &[listening(), started()],
            &[sent(1, 10), timed_out(1, 1_010)],
            &[echo(datagram(9, 1, 11, lost(Leg::Request)))],
        );
        assert_eq!(lost_there.len(), 1);
        assert_eq!(lost_there[0].fate, Fate::Killed(Leg::Request));
        assert_eq!(lost_there[0].ruling, Some(lost(Leg::Request)));
        assert!(lost_there[0].arrived.is_empty());
        let full = Ruling::QueueFull { leg: Leg::Reply };
        for ruling in [lost(Leg::Reply), full] {
            let lost_back = joined(
                &[listening(), started()],
                &[sent(1, 10), timed_out(1, 1_010)],
                &[echo(datagram(9, 1, 11, ruling))],
            );
            let fates: Vec<_> = lost_back.iter().map(|message| message.fate).collect();
            assert_eq!(fates, [Fate::Arrived, Fate::Killed(Leg::Reply)]);
            assert!(lost_back[1].arrived.is_empty());
            assert_eq!(lost_back[1].summary, "PING 1", "the reply that nobody got");
        }
        let turned = joined(
            &[listening(), started()],
            &[sent(1, 10)],
            &[echo(datagram(
                9,
                1,
                11,
                Ruling::Refused(Refusal::OwnAddress),
            ))],
        );
        assert_eq!((turned.len(), turned[0].fate), (1, Fate::Turned));
    }

    #[test]
    fn odd_replies_keep_what_is_odd() {
        let odd = PingRecord {
            reordered: true,
            damaged: true,
            ..record(1, Outcome::Late)
        };
        let copy = PingEvent::Duplicate {
            record: odd,
            at: ms(1_300),
        };
        let judged = EchoDatagram {
            copies: 2,
            corrupted: true,
            held: true,
            ..datagram(9, 1, 11, Ruling::Replied)
        };
        let messages = joined(
            &[listening(), started()],
            &[
                sent(1, 10),
                timed_out(1, 1_010),
                replied(odd, 1_200),
                pinger(copy),
            ],
            &[echo(judged)],
        );
        let reply = &messages[1];
        assert_eq!(reply.fate, Fate::Late);
        assert_eq!(reply.arrived, [ms(1_200), ms(1_300)]);
        assert!(reply.reordered && reply.damaged);
        assert_eq!(messages[0].fate, Fate::Arrived, "it was answered after all");
    }

    #[test]
    fn a_server_of_somebody_else_leaves_its_end_open() {
        let alone = [
            started(),
            sent(1, 10),
            sent(2, 20),
            sent(3, 30),
            sent(4, 40),
        ];
        let after = [
            replied(record(1, Outcome::Replied), 15),
            timed_out(2, 1_020),
            pinger(PingEvent::Refused {
                record: record(3, Outcome::Refused),
                at: ms(31),
            }),
        ];
        let messages = messages(&[&alone[..], &after].concat());
        let told: Vec<_> = messages
            .iter()
            .map(|message| (&*message.summary, message.fate))
            .collect();
        assert_eq!(
            told,
            [
                ("Ping 1", Fate::Arrived),
                ("PING 1", Fate::Arrived),
                ("Ping 2", Fate::Unanswered),
                ("Ping 3", Fate::Refused),
                ("Ping 4", Fate::InFlight),
            ]
        );
        assert_eq!((messages[1].sent, messages[1].ruling), (None, None));
    }

    #[test]
    fn a_client_of_somebody_else_is_told_by_the_server_alone() {
        let other = EchoDatagram {
            payload: Excerpt::of(b"hello"),
            ..datagram(2, 1, 20, Ruling::Replied)
        };
        let again = datagram(3, 1, 30, Ruling::Replied);
        let events = [
            listening(),
            echo(datagram(1, 1, 10, Ruling::Replied)),
            echo(other),
            echo(again),
        ];
        let messages = messages(&events);
        let told: Vec<_> = messages
            .iter()
            .map(|message| (&*message.summary, message.fate, message.subjects[0]))
            .collect();
        let n = |n| Subject::Datagram { n };
        assert_eq!(
            told,
            [
                ("Ping 1", Fate::Arrived, n(1)),
                ("PING 1", Fate::InFlight, n(1)),
                ("hello", Fate::Arrived, n(2)),
                ("HELLO", Fate::InFlight, n(2)),
                ("Ping 1", Fate::Arrived, n(3)),
                ("PING 1", Fate::InFlight, n(3)),
            ],
            "nobody can know whether its replies arrive"
        );
    }
}

mod http {
    use super::*;

    const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\n\r\n";
    const RESPONSE: &[u8] = b"HTTP/1.1 404 Not Found\r\n\r\n";

    fn listening() -> Event {
        Event::Web(WebEvent::Listening {
            address: anywhere(),
            reachable: Vec::new(),
            service: Box::default(),
        })
    }

    fn exchange(number: u32, at: u64) -> Exchange {
        let whole = |bytes: &[u8]| web::Message {
            bytes: bytes.into(),
            length: bytes.len() as u64,
        };
        Exchange {
            connection: 12,
            number,
            client: client(),
            timing: Timing {
                accepted: ms(1),
                arrived: ms(at),
                first_byte: ms(at),
                begun: ms(at),
                parsed: Some(ms(at)),
                decided: Some(ms(at)),
                first_byte_out: Some(ms(at + 2)),
                done: ms(at + 3),
            },
            request: whole(REQUEST),
            parts: Parts {
                method: 0..3,
                target: 4..6,
                version: 7..15,
                ..Parts::default()
            },
            status: Some(Status::NOT_FOUND),
            rule: None,
            broken_at: None,
            response: whole(RESPONSE),
            response_head: RESPONSE.len(),
            content_sent: 0,
            ending: Ending::Complete,
        }
    }

    fn answered(exchange: Exchange) -> Event {
        Event::Web(WebEvent::Exchange(Box::new(exchange)))
    }

    fn sender(event: SenderEvent) -> Event {
        Event::Sender { id: 5, event }
    }

    fn connected() -> Event {
        sender(SenderEvent::Connected {
            at: ms(0),
            local: client(),
            target: server(),
        })
    }

    fn sent(at: u64, bytes: &[u8]) -> Event {
        let (at, bytes) = (ms(at), bytes.into());
        sender(SenderEvent::Sent { at, bytes })
    }

    fn received(at: u64, bytes: &[u8]) -> Event {
        let (at, bytes) = (ms(at), bytes.into());
        sender(SenderEvent::Received { at, bytes })
    }

    fn told(messages: &[Message]) -> Vec<(&str, Option<u64>, Option<u64>, Fate)> {
        let in_ms = |at: Duration| at.as_millis() as u64;
        let tell = |message: &'_ Message| {
            let arrived = message.arrived.first().copied().map(in_ms);
            (message.sent.map(in_ms), arrived, message.fate)
        };
        messages
            .iter()
            .map(|message| {
                let (sent, arrived, fate) = tell(message);
                (&*message.summary, sent, arrived, fate)
            })
            .collect()
    }

    #[test]
    fn an_exchange_has_both_ends_whichever_reports_first() {
        let messages = joined(
            &[listening(), connected()],
            &[
                sent(10, &REQUEST[..7]),
                sent(11, &REQUEST[7..]),
                received(16, RESPONSE),
            ],
            &[answered(exchange(1, 12))],
        );
        assert_eq!(
            told(&messages),
            [
                ("GET /a", Some(10), Some(12), Fate::Arrived),
                ("404 Not Found", Some(14), Some(16), Fate::Arrived),
            ]
        );
        let subjects = vec![
            Subject::Sender(5),
            Subject::Exchange {
                connection: 12,
                number: 1,
            },
        ];
        assert!(messages.iter().all(|message| message.subjects == subjects));
        assert_eq!(messages[1].kind, Kind::Response { status: 404 });
    }

    #[test]
    fn requests_that_go_out_together_are_told_apart_by_their_lengths() {
        let both = [REQUEST, REQUEST].concat();
        let answers = [RESPONSE, RESPONSE].concat();
        let messages = joined(
            &[listening(), connected()],
            &[sent(10, &both), received(30, &answers)],
            &[answered(exchange(1, 12)), answered(exchange(2, 20))],
        );
        assert_eq!(
            told(&messages),
            [
                ("GET /a", Some(10), Some(12), Fate::Arrived),
                ("GET /a", Some(10), Some(20), Fate::Arrived),
                ("404 Not Found", Some(14), Some(30), Fate::Arrived),
                ("404 Not Found", Some(22), Some(30), Fate::Arrived),
            ]
        );
    }

    #[test]
    fn a_server_of_somebody_else_is_told_by_the_sender_alone() {
        let events = [
            connected(),
            sent(10, &REQUEST[..5]),
            sent(11, &REQUEST[5..]),
            received(20, &RESPONSE[..9]),
            received(21, &RESPONSE[9..]),
            sent(30, REQUEST),
        ];
        let messages = messages(&events);
        assert_eq!(
            told(&messages),
            [
                ("GET /a", Some(10), None, Fate::Arrived),
                ("404 Not Found", None, Some(20), Fate::Arrived),
                ("GET /a", Some(30), None, Fate::InFlight),
            ]
        );
        assert_eq!(&*messages[1].bytes, RESPONSE);
        assert_eq!(messages[1].kind, Kind::Response { status: 404 });
    }

    #[test]
    fn a_client_of_somebody_else_is_told_by_the_server_alone() {
        let cut = Exchange {
            ending: Ending::ClientGone,
            ..exchange(2, 20)
        };
        let never = Exchange {
            status: None,
            response: web::Message::default(),
            timing: Timing {
                parsed: None,
                ..exchange(3, 30).timing
            },
            ..exchange(3, 30)
        };
        let unheard = Exchange {
            request: web::Message::default(),
            ..exchange(4, 40)
        };
        let events = [exchange(1, 10), cut, never, unheard].map(answered);
        let messages = messages(&[&[listening()], &events[..]].concat());
        assert_eq!(
            told(&messages),
            [
                ("GET /a", None, Some(10), Fate::Arrived),
                ("404 Not Found", Some(12), None, Fate::InFlight),
                ("GET /a", None, Some(20), Fate::Arrived),
                ("404 Not Found", Some(22), None, Fate::CutShort),
                ("GET /a", None, Some(30), Fate::CutShort),
                ("404 Not Found", Some(42), None, Fate::InFlight),
            ]
        );
    }

    #[test]
    fn a_port_that_is_used_again_is_another_connection() {
        let again = Exchange {
            connection: 13,
            timing: Timing {
                accepted: ms(60_001),
                ..exchange(1, 60_012).timing
            },
            ..exchange(1, 60_012)
        };
        let later = sender(SenderEvent::Connected {
            at: ms(60_000),
            local: client(),
            target: server(),
        });
        let events = [
            listening(),
            connected(),
            sent(10, b"GET /never/answered"),
            later,
            sent(60_010, REQUEST),
            answered(again),
        ];
        let messages = messages(&events);
        assert_eq!(
            told(&messages)[1..],
            [
                ("GET /a", Some(60_010), Some(60_012), Fate::Arrived),
                ("404 Not Found", Some(60_014), None, Fate::InFlight),
            ]
        );
    }
}

mod smtp {
    use super::*;

    fn listening() -> Event {
        Event::Mail(MailEvent::Listening {
            address: anywhere(),
            tls_address: None,
            certificate: None,
            folder: None,
        })
    }

    fn opened() -> Event {
        Event::Mail(MailEvent::Opened {
            session: 4,
            client: client(),
            at: ms(1),
            encrypted: false,
        })
    }

    fn connected() -> Event {
        let event = SendingEvent::Connected {
            at: ms(0),
            local: client(),
            server: server(),
        };
        Event::Sending { id: 2, event }
    }

    fn spoken(at: u64, what: Speech) -> Spoken {
        Spoken {
            at: ms(at),
            stage: Stage::Noop,
            encrypted: false,
            what,
        }
    }

    fn command(text: &str) -> Speech {
        Speech::Command(Line::open(text.as_bytes()))
    }

    fn reply(code: u16) -> Speech {
        let raw = format!("{code} fine\r\n").into_bytes();
        let reply = Reply {
            code: crate::proto::smtp::code::Code(code),
            enhanced: None,
            lines: vec![b"fine"[..].into()],
            raw: raw.into(),
            odd: Vec::new(),
        };
        Speech::Reply {
            reply: Arc::new(reply),
            latency: None,
            fit: Fit::Expected,
        }
    }

    fn content() -> Speech {
        Speech::Content {
            bytes: 1_000,
            stuffed: 0,
            excerpt: b"Subject: x\r\n"[..].into(),
        }
    }

    fn ours(at: u64, what: Speech) -> Event {
        let event = SendingEvent::Spoken(spoken(at, what));
        Event::Sending { id: 2, event }
    }

    fn theirs(at: u64, what: Speech) -> Event {
        let spoken = spoken(at, what);
        Event::Mail(MailEvent::Spoken { session: 4, spoken })
    }

    #[test]
    fn what_both_ends_tell_is_one_message_whichever_tells_first() {
        let messages = joined(
            &[listening(), connected(), opened()],
            // Two commands at once: the client has heard neither reply when it sends the second.
            &[
                ours(5, reply(220)),
                ours(10, command("MAIL FROM:<a@b>")),
                ours(11, content()),
                ours(20, reply(250)),
            ],
            &[
                theirs(2, reply(220)),
                theirs(12, command("MAIL FROM:<a@b>")),
                theirs(13, reply(250)),
                theirs(14, content()),
            ],
        );
        let told: Vec<_> = messages
            .iter()
            .map(|message| {
                let arrived = message.arrived.first().copied();
                (&*message.summary, message.sent, arrived, message.fate)
            })
            .collect();
        assert_eq!(
            told,
            [
                ("220 fine", Some(ms(2)), Some(ms(5)), Fate::Arrived),
                ("MAIL FROM:<a@b>", Some(ms(10)), Some(ms(12)), Fate::Arrived),
                ("Subject: x", Some(ms(11)), Some(ms(14)), Fate::Arrived),
                ("250 fine", Some(ms(13)), Some(ms(20)), Fate::Arrived),
            ]
        );
        // The connection itself is the first entry of the dialogue.
        assert_eq!(
            messages[1].subjects,
            [
                Subject::Sending { id: 2, line: 2 },
                Subject::Session {
                    session: 4,
                    line: 1
                },
            ]
        );
        assert_eq!(messages[2].length, 1_000);
        assert_eq!(messages[3].kind, Kind::Reply { code: 250 });
    }

    #[test]
    fn one_end_alone_leaves_the_other_open() {
        let sending = [connected(), ours(10, command("NOOP")), ours(20, reply(250))];
        let fates = |events: &[Event]| -> Vec<_> {
            let messages = messages(events);
            messages
                .iter()
                .map(|one| (one.fate, one.subjects.len()))
                .collect()
        };
        assert_eq!(
            fates(&sending),
            [(Fate::Arrived, 1), (Fate::Arrived, 1)],
            "what was answered has arrived"
        );
        assert_eq!(fates(&sending[..2]), [(Fate::InFlight, 1)]);
        let session = [
            listening(),
            opened(),
            theirs(12, command("NOOP")),
            theirs(13, reply(250)),
        ];
        assert_eq!(fates(&session), [(Fate::Arrived, 1), (Fate::InFlight, 1)]);
    }

    #[test]
    fn after_a_gap_nothing_is_joined_with_what_was_before() {
        let mut log = Log::new(1_000, 16 << 20);
        let mut join = Join::default();
        for event in [
            listening(),
            connected(),
            opened(),
            ours(10, command("HELO a")),
        ] {
            join.take(&event, &mut log);
        }
        // The server's report of HELO is among what was left out.
        join.gap();
        for event in [ours(20, command("NOOP")), theirs(21, command("NOOP"))] {
            join.take(&event, &mut log);
        }
        let fates = (0..log.len()).filter_map(|place| log.shown(place)?.message());
        let fates: Vec<_> = fates.map(|one| (&*one.summary, one.fate)).collect();
        assert_eq!(fates, [("HELO a", Fate::InFlight), ("NOOP", Fate::Arrived)]);
    }

    #[test]
    fn a_secret_stays_masked() {
        let line = Line::masked(b"AUTH PLAIN ********", b"AUTH PLAIN aHVudGVyMg==");
        let events = [connected(), ours(10, Speech::Command(line))];
        let messages = messages(&events);
        assert!(messages[0].masked);
        assert_eq!(&*messages[0].bytes, b"AUTH PLAIN ********\r\n");
    }
}

#[test]
fn the_first_and_last_calls_of_a_socket_get_its_addresses_where_they_are_known() {
    use std::time::{Instant, SystemTime};
    let clock = crate::trace::clock::Clock::new(Instant::now(), SystemTime::now());
    let recorder = Recorder::new(clock, Secrets::Masked, None);
    let mut log = Log::new(1_000, 16 << 20);
    let mut join = Join::default();
    let take =
        |join: &mut Join, log: &mut Log, socket: &crate::trace::recorder::SocketLog, call| {
            let event = socket.event(call, Instant::now(), None, None);
            join.take_call(event, log);
        };
    let mut ours = recorder.socket(Lab::Web, End::Client, Transport::Tcp);
    take(&mut join, &mut log, &ours, Call::Socket);
    ours.set_local(Some(client()));
    let connect = ours.event(Call::Connect, Instant::now(), Some(server()), None);
    join.take_call(connect, &mut log);
    // One that sends datagrams is connected to nobody when it is closed.
    take(&mut join, &mut log, &ours, Call::Close);
    let mut listener = recorder.socket(Lab::Web, End::Server, Transport::Tcp);
    take(&mut join, &mut log, &listener, Call::Socket);
    listener.set_local(Some(server()));
    take(&mut join, &mut log, &listener, Call::Bind);
    take(
        &mut join,
        &mut log,
        &listener,
        Call::Listen { backlog: 128 },
    );
    let flows: Vec<_> = (1..=6)
        .filter_map(|id| log.row(id))
        .map(|row| (row.flow.client, row.flow.server))
        .collect();
    let (both, listens) = ((Some(client()), Some(server())), (None, Some(server())));
    assert_eq!(flows, [both, both, both, listens, listens, listens]);
    let listening = log.listener(Some(Lab::Web), server().port());
    let names: Vec<_> = listening
        .filter_map(|row| match &row.what {
            What::Call(call) => Some(call.call.name()),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["socket", "bind", "listen"]);
}

#[test]
fn a_message_stands_between_the_call_that_sends_it_and_the_one_that_receives_it() {
    use crate::trace::start_error::Transport::Tcp;
    use crate::trace::wire::{Layer, Payload};
    let moves = |at: u64, end, call: fn(Payload) -> Call| {
        let payload = Payload {
            bytes: b"220 hi\r\n".as_slice().into(),
            length: 8,
            masked: false,
            layer: Layer::Socket,
        };
        let (local, peer) = match end {
            End::Client => (client(), server()),
            End::Server => (server(), client()),
        };
        SocketEvent {
            at: Duration::from_micros(at),
            lab: Lab::Mail,
            end,
            socket: 1,
            transport: Tcp,
            local: Some(local),
            peer: Some(peer),
            call: call(payload),
            error: None,
        }
    };
    let flow = Flow {
        client: Some(client()),
        server: Some(server()),
    };
    let calls = [
        moves(1_000, End::Server, Call::Send),
        moves(1_040, End::Client, Call::Recv),
    ];
    let order = |calls: &[SocketEvent], first: usize, message: &Message| {
        let mut log = Log::new(1_000, 16 << 20);
        let mut join = Join::default();
        for call in &calls[..first] {
            join.take_call(call.clone(), &mut log);
        }
        for _ in 0..2 {
            push(&mut log, ms(1), Lab::Mail, flow, message.clone());
        }
        for call in &calls[first..] {
            join.take_call(call.clone(), &mut log);
        }
        let rows = (0..log.len()).filter_map(|place| log.shown(place));
        let names = rows.map(|row| match &row.what {
            What::Call(call) => call.call.name(),
            _ => "reply",
        });
        names.collect::<Vec<_>>()
    };
    // What a lab says of the time is before or after both calls, and it is told before or after them.
    for at in [990, 1_060].map(Duration::from_micros) {
        let mut message = Message::new(Kind::Reply { code: 220 }, End::Server);
        message.length = 8;
        message.sent = Some(at);
        for first in 0..=2 {
            let all = ["send", "reply", "reply", "recv"];
            assert_eq!(order(&calls, first, &message), all, "{at:?} {first}");
        }
        (message.sent, message.arrived) = (None, vec![at]);
        for first in 0..=1 {
            let all = ["reply", "reply", "recv"];
            assert_eq!(order(&calls[1..], first, &message), all, "{at:?} {first}");
        }
    }
}
