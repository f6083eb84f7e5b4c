//! Every event and call there can be, for tests that say something about all of them.
//!
//! It stands apart so that records, captures and screens are tried with the same things. Values that a lab makes by a rule (settings of the link,
//! addresses, parts of a request) are made by that rule here too; everything else is anything.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Entry, What};
use crate::proto::guard::Refusal;
use crate::proto::http::rule::Rule;
use crate::proto::http::service::{Forced, Mode, Service};
use crate::proto::http::status::Status;
use crate::proto::link::{Leg, LinkSettings, Why, presets};
use crate::proto::ping::{Outcome as PingOutcome, PingEvent, PingRecord};
use crate::proto::smtp::address::{Address, Envelope};
use crate::proto::smtp::code::{Code, Enhanced};
use crate::proto::smtp::fault::{Action, Fault, Which};
use crate::proto::smtp::reply::{Oddity, Problem, Reply, ReplyError};
use crate::proto::smtp::server::EndOfData;
use crate::proto::smtp::stage::Stage;
use crate::trace::event::{EXCERPT, EchoDatagram, EchoEvent, Event, Excerpt, PingerEvent, Ruling};
use crate::trace::mail::*;
use crate::trace::start_error::Transport;
use crate::trace::web::{
    Cause, Closed, Ending, Exchange, Message, Part, Parts, SenderEnd, SenderEvent, Timing, WebEvent,
};
use crate::trace::wire::{Call, End, Lab, Layer, Payload, SocketEvent};

/// Up to a few days, to the nanosecond.
pub fn moment() -> BoxedStrategy<Duration> {
    (0..500_000_000_000_000u64)
        .prop_map(Duration::from_nanos)
        .boxed()
}

fn maybe_moment() -> BoxedStrategy<Option<Duration>> {
    option::of(moment()).boxed()
}

/// Any characters, those that a terminal obeys among them.
pub fn text() -> BoxedStrategy<String> {
    prop_oneof![
        "[ -~]{0,12}",
        any::<String>(),
        Just("\u{202e}\x1b[2J\u{7f}\r\n\u{e0041}".to_owned()),
    ]
    .boxed()
}

fn bytes<T: From<Vec<u8>> + std::fmt::Debug + 'static>() -> BoxedStrategy<T> {
    prop_oneof![vec(any::<u8>(), 0..40), text().prop_map(String::into_bytes),]
        .prop_map(T::from)
        .boxed()
}

pub fn address() -> BoxedStrategy<SocketAddr> {
    prop_oneof![
        (any::<Ipv4Addr>(), any::<u16>()).prop_map(SocketAddr::from),
        (any::<Ipv6Addr>(), any::<u16>()).prop_map(SocketAddr::from),
    ]
    .boxed()
}

fn path() -> BoxedStrategy<Option<PathBuf>> {
    option::of(text().prop_map(PathBuf::from)).boxed()
}

/// Anything in an entry of its own.
pub fn entry() -> BoxedStrategy<Entry> {
    let what = prop_oneof![
        event().prop_map(What::Event),
        call().prop_map(What::Call),
        text().prop_map(What::Note),
        any::<u64>().prop_map(What::LeftOut),
    ];
    (moment(), what)
        .prop_map(|(at, what)| Entry { at, what })
        .boxed()
}

/// Any call of any socket.
pub fn call() -> BoxedStrategy<SocketEvent> {
    let layer = select(vec![Layer::Socket, Layer::InsideTls]);
    let payload = (bytes::<Arc<[u8]>>(), any::<u32>(), any::<bool>(), layer).prop_map(
        |(bytes, more, masked, layer)| Payload {
            length: bytes.len() as u64 + u64::from(more),
            bytes,
            masked,
            layer,
        },
    );
    let moved = (0..4, payload).prop_map(|(kind, payload)| match kind {
        0 => Call::Send(payload),
        1 => Call::Recv(payload),
        2 => Call::SendTo(payload),
        _ => Call::RecvFrom(payload),
    });
    let call = prop_oneof![
        select(vec![
            Call::Socket,
            Call::Bind,
            Call::Connect,
            Call::Shutdown,
            Call::Close
        ]),
        any::<u32>().prop_map(|backlog| Call::Listen { backlog }),
        any::<u64>().prop_map(|listener| Call::Accept { listener }),
        moved,
    ];
    let socket = (
        select(Lab::ALL.to_vec()),
        select(vec![End::Client, End::Server]),
        any::<u64>(),
        select(vec![Transport::Udp, Transport::Tcp]),
    );
    let rest = (
        option::of(address()),
        option::of(address()),
        option::of(text()),
    );
    (moment(), socket, call, rest)
        .prop_map(
            |(at, (lab, end, socket, transport), call, (local, peer, error))| SocketEvent {
                at,
                lab,
                end,
                socket,
                transport,
                local,
                peer,
                call,
                error: error.map(Into::into),
            },
        )
        .boxed()
}

/// Any event of any lab.
pub fn event() -> BoxedStrategy<Event> {
    prop_oneof![
        echo().prop_map(Event::Echo),
        (0..9usize, pinger()).prop_map(|(target, event)| Event::Ping { target, event }),
        web().prop_map(Event::Web),
        (any::<u64>(), sender()).prop_map(|(id, event)| Event::Sender { id, event }),
        mail().prop_map(Event::Mail),
        (any::<u64>(), sending()).prop_map(|(id, event)| Event::Sending { id, event }),
    ]
    .boxed()
}

fn leg() -> BoxedStrategy<Leg> {
    select(vec![Leg::Request, Leg::Reply]).boxed()
}

fn link() -> BoxedStrategy<Box<LinkSettings>> {
    let all: Vec<_> = presets().iter().map(|preset| preset.link.clone()).collect();
    select(all).prop_map(Box::new).boxed()
}

fn ruling() -> BoxedStrategy<Ruling> {
    let why = prop_oneof![
        (0..4u8).prop_map(Why::LabDraw),
        select(vec![
            Why::Random,
            Why::BadState,
            Why::GoodState,
            Why::Burst,
            Why::Isolated
        ]),
        any::<usize>().prop_map(|position| Why::Pattern { position }),
    ];
    let refusal = prop_oneof![
        any::<u16>().prop_map(Refusal::LoopPort),
        select(vec![
            Refusal::OwnAddress,
            Refusal::SourceRate,
            Refusal::TotalRate
        ]),
    ];
    prop_oneof![
        Just(Ruling::Replied),
        (leg(), why).prop_map(|(leg, why)| Ruling::Lost { leg, why }),
        leg().prop_map(|leg| Ruling::QueueFull { leg }),
        refusal.prop_map(Ruling::Refused),
    ]
    .boxed()
}

fn echo() -> BoxedStrategy<EchoEvent> {
    let datagram = (
        (any::<u64>(), moment(), address(), any::<usize>()),
        vec(any::<u8>(), 0..EXCERPT + 1),
        ruling(),
        (moment(), any::<u8>(), any::<bool>(), any::<bool>()),
    );
    let datagram = datagram.prop_map(|(head, payload, ruling, tail)| EchoDatagram {
        n: head.0,
        at: head.1,
        from: head.2,
        bytes: head.3,
        payload: Excerpt::of(&payload),
        ruling,
        delay: tail.0,
        copies: tail.1,
        corrupted: tail.2,
        held: tail.3,
    });
    prop_oneof![
        (address(), any::<u64>(), link()).prop_map(|(address, seed, link)| {
            EchoEvent::Listening {
                address,
                seed,
                link,
            }
        }),
        datagram.prop_map(EchoEvent::Datagram),
        (moment(), link(), link()).prop_map(|(at, from, to)| EchoEvent::LinkChanged {
            at,
            from,
            to
        }),
        text().prop_map(|error| EchoEvent::Failed { error }),
    ]
    .boxed()
}

fn pinger() -> BoxedStrategy<PingerEvent> {
    prop_oneof![
        1 => (address(), address())
            .prop_map(|(local, target)| PingerEvent::Started { local, target }),
        6 => ping().prop_map(PingerEvent::Ping),
        1 => text().prop_map(|error| PingerEvent::Failed { error }),
    ]
    .boxed()
}

fn ping() -> BoxedStrategy<PingEvent> {
    use PingOutcome::*;
    let record = (
        any::<u64>(),
        moment(),
        select(vec![InFlight, Replied, Late, Lost, Refused]),
        (maybe_moment(), maybe_moment()),
        (any::<u32>(), any::<bool>(), any::<bool>()),
    );
    let record = record
        .prop_map(
            |(seq, sent_at, outcome, (rtt, kernel_rtt), rest)| PingRecord {
                seq,
                sent_at,
                outcome,
                rtt,
                kernel_rtt,
                duplicates: rest.0,
                reordered: rest.1,
                damaged: rest.2,
            },
        )
        .boxed();
    prop_oneof![
        (any::<u64>(), moment(), bytes()).prop_map(|(seq, at, datagram)| PingEvent::Sent {
            seq,
            at,
            datagram
        }),
        (record.clone(), moment(), bytes()).prop_map(|(record, at, reply)| PingEvent::Replied {
            record,
            at,
            reply
        }),
        (record.clone(), moment()).prop_map(|(record, at)| PingEvent::TimedOut { record, at }),
        (record.clone(), moment()).prop_map(|(record, at)| PingEvent::Refused { record, at }),
        (record.clone(), moment()).prop_map(|(record, at)| PingEvent::Duplicate { record, at }),
        (address(), moment(), any::<usize>())
            .prop_map(|(from, at, bytes)| PingEvent::Unsolicited { from, at, bytes }),
        (any::<u64>(), moment(), text()).prop_map(|(seq, at, error)| PingEvent::SendFailed {
            seq,
            at,
            error
        }),
        record.prop_map(|record| PingEvent::Settled { record }),
        Just(PingEvent::Finished),
    ]
    .boxed()
}

fn status() -> BoxedStrategy<Status> {
    (100..600u16)
        .prop_filter_map("a status", Status::new)
        .boxed()
}

fn service() -> BoxedStrategy<Box<Service>> {
    let forced = ("/[!-~]{0,8}", status()).prop_map(|(path, status)| Forced { path, status });
    (
        select(vec![Mode::Concurrent, Mode::OneAtATime]),
        moment(),
        option::of(any::<u64>()),
        vec(forced, 0..3),
    )
        .prop_map(|(mode, delay, rate, forced)| {
            Box::new(Service {
                mode,
                delay,
                rate,
                forced,
            })
        })
        .boxed()
}

fn message() -> BoxedStrategy<Message> {
    (bytes::<Box<[u8]>>(), any::<u32>())
        .prop_map(|(bytes, more)| Message {
            length: bytes.len() as u64 + u64::from(more),
            bytes,
        })
        .boxed()
}

fn parts() -> BoxedStrategy<Parts> {
    let part = || {
        (0..60u32, 0..60u32).prop_map(|(a, b)| Part {
            start: a.min(b),
            end: a.max(b),
        })
    };
    (
        (part(), part(), part()),
        any::<usize>(),
        (option::of(part()), option::of(part())),
    )
        .prop_map(
            |((method, target, version), head, (user_agent, referer))| Parts {
                method,
                target,
                version,
                head,
                user_agent,
                referer,
            },
        )
        .boxed()
}

fn timing() -> BoxedStrategy<Timing> {
    (
        (moment(), moment(), moment(), moment()),
        (maybe_moment(), maybe_moment(), maybe_moment()),
        moment(),
    )
        .prop_map(|(begin, steps, done)| Timing {
            accepted: begin.0,
            arrived: begin.1,
            first_byte: begin.2,
            begun: begin.3,
            parsed: steps.0,
            decided: steps.1,
            first_byte_out: steps.2,
            done,
        })
        .boxed()
}

fn exchange() -> BoxedStrategy<Box<Exchange>> {
    let ending = select(vec![
        Ending::Complete,
        Ending::ClientGone,
        Ending::Stalled,
        Ending::FileChanged,
        Ending::Stopped,
    ]);
    (
        (any::<u64>(), any::<u32>(), address(), timing()),
        (message(), parts()),
        (
            option::of(status()),
            option::of(select(Rule::ALL)),
            option::of(any::<usize>()),
        ),
        (message(), any::<usize>(), any::<u64>(), ending),
    )
        .prop_map(|(head, (request, parts), decided, tail)| {
            Box::new(Exchange {
                connection: head.0,
                number: head.1,
                client: head.2,
                timing: head.3,
                parts: parts.within(request.bytes.len()),
                request,
                status: decided.0,
                rule: decided.1,
                broken_at: decided.2,
                response: tail.0,
                response_head: tail.1,
                content_sent: tail.2,
                ending: tail.3,
            })
        })
        .boxed()
}

fn web() -> BoxedStrategy<WebEvent> {
    use Cause::*;
    let causes = vec![
        Client,
        Reset,
        Asked,
        OneAtATime,
        AfterError,
        Idle,
        Silent,
        TooLate,
        Stalled,
        Incomplete,
        RequestLimit,
        Refused,
        Stopped,
    ];
    let closed = (
        (any::<u64>(), address(), moment(), select(causes)),
        (any::<u32>(), any::<u64>(), any::<u64>()),
    );
    let closed = closed.prop_map(|(head, (requests, bytes_in, bytes_out))| Closed {
        connection: head.0,
        client: head.1,
        at: head.2,
        cause: head.3,
        requests,
        bytes_in,
        bytes_out,
    });
    prop_oneof![
        (address(), vec(address(), 0..3), service()).prop_map(|(address, reachable, service)| {
            WebEvent::Listening {
                address,
                reachable,
                service,
            }
        }),
        (any::<u64>(), address(), moment()).prop_map(|(connection, client, at)| {
            WebEvent::Opened {
                connection,
                client,
                at,
            }
        }),
        exchange().prop_map(WebEvent::Exchange),
        closed.prop_map(WebEvent::Closed),
        (moment(), service(), service()).prop_map(|(at, from, to)| WebEvent::Changed {
            at,
            from,
            to
        }),
        text().prop_map(|error| WebEvent::Failed { error }),
    ]
    .boxed()
}

fn sender() -> BoxedStrategy<SenderEvent> {
    let how = prop_oneof![
        select(vec![
            SenderEnd::Complete,
            SenderEnd::ServerClosed,
            SenderEnd::Reset,
            SenderEnd::TimedOut,
            SenderEnd::Stopped
        ]),
        text().prop_map(SenderEnd::CannotConnect),
        text().prop_map(SenderEnd::Failed),
    ];
    prop_oneof![
        (moment(), address(), address()).prop_map(|(at, local, target)| SenderEvent::Connected {
            at,
            local,
            target
        }),
        (moment(), bytes()).prop_map(|(at, bytes)| SenderEvent::Sent { at, bytes }),
        (moment(), bytes()).prop_map(|(at, bytes)| SenderEvent::Received { at, bytes }),
        (moment(), how, any::<u64>()).prop_map(|(at, how, not_kept)| SenderEvent::Ended {
            at,
            how,
            not_kept
        }),
    ]
    .boxed()
}

fn stage() -> BoxedStrategy<Stage> {
    select(Stage::ALL.to_vec()).boxed()
}

fn code() -> BoxedStrategy<Code> {
    (200..600u16).prop_map(Code).boxed()
}

fn enhanced() -> BoxedStrategy<Option<Enhanced>> {
    option::of(
        (2..6u8, 0..999u16, 0..999u16).prop_map(|(class, subject, detail)| Enhanced {
            class,
            subject,
            detail,
        }),
    )
    .boxed()
}

fn mailbox() -> BoxedStrategy<Address> {
    let texts = [
        "student@example.com",
        "\"a b\"@[127.0.0.1]",
        "学生@例子.中国",
    ];
    select(texts.to_vec())
        .prop_filter_map("an address", |text| Address::parse(text).ok())
        .boxed()
}

fn line() -> BoxedStrategy<Line> {
    bytes::<Vec<u8>>()
        .prop_map(|line| Line::open(&line))
        .boxed()
}

fn spoken() -> BoxedStrategy<Spoken> {
    use Fit::*;
    let reply = (
        (code(), enhanced()),
        vec(bytes(), 0..3),
        bytes(),
        vec(select(Oddity::ALL.to_vec()), 0..3),
    );
    let reply = reply.prop_map(|((code, enhanced), lines, raw, odd)| {
        Arc::new(Reply {
            code,
            enhanced,
            lines,
            raw,
            odd,
        })
    });
    let fit = select(vec![Expected, Refusal, NotInTheList, Unasked]);
    let what = prop_oneof![
        line().prop_map(Speech::Command),
        (reply, maybe_moment(), fit).prop_map(|(reply, latency, fit)| Speech::Reply {
            reply,
            latency,
            fit
        }),
        (any::<u64>(), any::<u64>(), bytes()).prop_map(|(bytes, stuffed, excerpt)| {
            Speech::Content {
                bytes,
                stuffed,
                excerpt,
            }
        }),
    ];
    (moment(), stage(), any::<bool>(), what)
        .prop_map(|(at, stage, encrypted, what)| Spoken {
            at,
            stage,
            encrypted,
            what,
        })
        .boxed()
}

fn recipients() -> BoxedStrategy<Vec<Recipient>> {
    use RecipientFate::*;
    let verdict =
        (stage(), code(), enhanced(), text()).prop_map(|(stage, code, enhanced, text)| Verdict {
            stage,
            code,
            enhanced,
            text,
        });
    let fate = select(vec![Accepted, Refused, Deferred, Unknown, NotTried]);
    let recipient =
        (mailbox(), fate, option::of(verdict)).prop_map(|(address, fate, reply)| Recipient {
            address,
            fate,
            reply,
        });
    vec(recipient, 0..3).boxed()
}

fn distrust() -> BoxedStrategy<Distrust> {
    use Distrust::*;
    prop_oneof![
        select(vec![
            UnknownIssuer,
            SignsItself,
            Expired,
            NotYetValid,
            WrongName,
            Revoked,
            BadSignature
        ]),
        text().prop_map(Other),
    ]
    .boxed()
}

fn not_a_reply() -> BoxedStrategy<ReplyError> {
    let problem = prop_oneof![
        Just(Problem::NoCode),
        Just(Problem::CodeOutOfRange),
        any::<usize>().prop_map(Problem::LineTooLong),
        any::<usize>().prop_map(Problem::TooManyLines),
        any::<usize>().prop_map(Problem::TooLong),
    ];
    (problem, bytes())
        .prop_map(|(problem, line)| ReplyError { problem, line })
        .boxed()
}

fn failure() -> BoxedStrategy<Failure> {
    let tls = prop_oneof![
        Just(TlsFailure::NotOffered),
        code().prop_map(TlsFailure::Refused),
        bytes().prop_map(TlsFailure::Injected),
        distrust().prop_map(TlsFailure::Untrusted),
        text().prop_map(TlsFailure::Handshake),
    ];
    let need = prop_oneof![
        (text(), vec(text(), 0..3))
            .prop_map(|(wanted, offered)| Need::Mechanism { wanted, offered }),
        mailbox().prop_map(Need::SmtpUtf8),
        (any::<u64>(), any::<u64>()).prop_map(|(bytes, most)| Need::Size { bytes, most }),
    ];
    prop_oneof![
        (text(), text()).prop_map(|(what, error)| Failure::Source { what, error }),
        text().prop_map(Failure::CannotConnect),
        text().prop_map(Failure::Lost),
        moment().prop_map(Failure::TimedOut),
        tls.prop_map(Failure::Tls),
        not_a_reply().prop_map(Failure::NotAReply),
        need.prop_map(Failure::NotOffered),
    ]
    .boxed()
}

fn tls_card() -> BoxedStrategy<Box<TlsCard>> {
    let certificate = (vec(text(), 5), vec(text(), 0..3)).prop_map(|(mut texts, names)| {
        let mut next = || texts.pop().unwrap_or_default();
        CertificateCard {
            subject: next(),
            issuer: next(),
            names,
            not_before: next(),
            not_after: next(),
            fingerprint: next(),
        }
    });
    (
        (text(), option::of(text()), option::of(text())),
        vec(certificate, 0..3),
        (option::of(distrust()), option::of(text()), moment()),
    )
        .prop_map(|((server_name, version, cipher), chain, rest)| {
            Box::new(TlsCard {
                server_name,
                version,
                cipher,
                chain,
                distrust: rest.0,
                error: rest.1,
                took: rest.2,
            })
        })
        .boxed()
}

fn summary() -> BoxedStrategy<Box<Summary>> {
    use Outcome::*;
    let outcome = prop_oneof![
        select(vec![
            Sent,
            PartlySent,
            Refused,
            LoginRefused,
            Stopped,
            Unknown
        ]),
        failure().prop_map(Failed),
    ];
    (outcome, stage(), recipients(), any::<u32>(), any::<u32>())
        .prop_map(|(outcome, stage, recipients, sent, asked)| {
            Box::new(Summary {
                outcome,
                stage,
                recipients,
                sent,
                asked,
            })
        })
        .boxed()
}

fn sending() -> BoxedStrategy<SendingEvent> {
    let cipher = (
        moment(),
        select(vec![Speaker::Client, Speaker::Server]),
        bytes(),
        any::<u64>(),
    );
    let cipher = cipher.prop_map(|(at, from, excerpt, length)| Cipher {
        at,
        from,
        excerpt,
        length,
    });
    let opening =
        prop_oneof![
            (moment(), text(), any::<u16>(), any::<u32>()).prop_map(|(at, host, port, attempt)| {
                SendingEvent::Connecting {
                    at,
                    host,
                    port,
                    attempt,
                }
            }),
            (moment(), address(), address())
                .prop_map(|(at, local, server)| SendingEvent::Connected { at, local, server }),
            (moment(), tls_card()).prop_map(|(at, card)| SendingEvent::Tls { at, card }),
            cipher.prop_map(SendingEvent::Cipher),
        ];
    let talking = prop_oneof![
        spoken().prop_map(SendingEvent::Spoken),
        (moment(), stage(), moment()).prop_map(|(at, stage, until)| SendingEvent::Awaiting {
            at,
            stage,
            until
        }),
        (moment(), stage(), line(), vec(any::<u16>(), 0..3)).prop_map(
            |(at, stage, line, expected)| SendingEvent::Held {
                at,
                stage,
                line,
                expected: expected.into(),
            }
        ),
        (moment(), any::<u64>(), any::<u64>())
            .prop_map(|(at, sent, total)| SendingEvent::Progress { at, sent, total }),
    ];
    let decided = (moment(), any::<u32>(), recipients()).prop_map(|(at, number, recipients)| {
        SendingEvent::Decided(Box::new(Decided {
            at,
            number,
            recipients,
        }))
    });
    prop_oneof![
        opening,
        talking,
        decided,
        (moment(), moment(), vec(mailbox(), 0..3)).prop_map(|(at, until, recipients)| {
            SendingEvent::Retrying {
                at,
                until,
                recipients,
            }
        }),
        (moment(), summary()).prop_map(|(at, summary)| SendingEvent::Ended { at, summary }),
    ]
    .boxed()
}

fn fault() -> BoxedStrategy<Fault> {
    let which = prop_oneof![
        Just(Which::Every),
        any::<u32>().prop_map(Which::Only),
        any::<u32>().prop_map(Which::First),
        any::<u32>().prop_map(Which::EveryNth),
    ];
    let action = prop_oneof![
        (code(), enhanced(), text()).prop_map(|(code, enhanced, text)| Action::Reply {
            code,
            enhanced,
            text
        }),
        moment().prop_map(Action::Delay),
        moment().prop_map(Action::ByteByByte),
        moment().prop_map(Action::Greylist),
        select(vec![
            Action::BareLf,
            Action::Shutdown,
            Action::Drop,
            Action::MailboxFull,
            Action::TooBig
        ]),
        text().prop_map(Action::Inject),
    ];
    (option::of(stage()), which, option::of(text()), action)
        .prop_map(|(stage, which, holding, action)| Fault {
            stage,
            which,
            holding,
            action,
        })
        .boxed()
}

fn mail() -> BoxedStrategy<MailEvent> {
    prop_oneof![mail_sessions(), mail_server()].boxed()
}

fn mail_sessions() -> BoxedStrategy<MailEvent> {
    use SessionEnd::*;
    let causes = vec![
        Quit,
        ClientGone,
        Idle,
        Misbehaved,
        HandshakeFailed,
        Fault,
        TooMany,
        Stopped,
    ];
    prop_oneof![
        (any::<u64>(), address(), moment(), any::<bool>()).prop_map(
            |(session, client, at, encrypted)| MailEvent::Opened {
                session,
                client,
                at,
                encrypted,
            }
        ),
        (any::<u64>(), spoken())
            .prop_map(|(session, spoken)| MailEvent::Spoken { session, spoken }),
        (any::<u64>(), moment(), text(), text()).prop_map(|(session, at, version, cipher)| {
            MailEvent::Secured {
                session,
                at,
                version,
                cipher,
            }
        }),
        (any::<u64>(), moment(), any::<u64>(), bytes()).prop_map(
            |(session, at, bytes, excerpt)| MailEvent::Dropped {
                session,
                at,
                bytes,
                excerpt,
            }
        ),
        (
            any::<u64>(),
            address(),
            moment(),
            select(causes),
            (any::<u32>(), any::<u32>())
        )
            .prop_map(|(session, client, at, cause, (commands, messages))| {
                MailEvent::Closed {
                    session,
                    client,
                    at,
                    cause,
                    commands,
                    messages,
                }
            }),
    ]
    .boxed()
}

fn mail_server() -> BoxedStrategy<MailEvent> {
    let envelope =
        (option::of(mailbox()), vec(mailbox(), 0..3)).prop_map(|(from, to)| Envelope { from, to });
    let arrived = (
        (any::<u64>(), moment(), any::<u64>()),
        envelope,
        any::<u64>(),
        path(),
    );
    let arrived = arrived.prop_map(|((session, at, id), envelope, bytes, file)| Arrived {
        session,
        at,
        id,
        envelope,
        bytes,
        file,
    });
    let ends = select(vec![EndOfData::Strict, EndOfData::Lenient]);
    prop_oneof![
        (address(), option::of(address()), path(), path()).prop_map(
            |(address, tls_address, certificate, folder)| MailEvent::Listening {
                address,
                tls_address,
                certificate,
                folder,
            }
        ),
        arrived.prop_map(|arrived| MailEvent::Arrived(Box::new(arrived))),
        (moment(), vec(fault(), 0..3), ends).prop_map(|(at, faults, end_of_data)| {
            MailEvent::Faulty {
                at,
                faults,
                end_of_data,
            }
        }),
        text().prop_map(|error| MailEvent::Failed { error }),
    ]
    .boxed()
}
