//! The echo server and the pinger.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use sockscope::net::echo::{EchoConfig, EchoServer};
use sockscope::net::pinger::{Pinger, PingerConfig};
use sockscope::proto::guard::Caps;
use sockscope::proto::link::{LegSettings, LinkSettings};
use sockscope::proto::ping::{Mode, Plan, Text};
use sockscope::trace::recorder::{FILE_SNAPLEN, Item, SCREEN_SNAPLEN, Secrets};
use sockscope::trace::wire::{Call, End, Lab};

use super::watch::Watch;
use crate::support::PATIENCE;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What the pinger calls on this system, where it is connected or not.
const SEND: &str = if cfg!(target_os = "linux") {
    "sendto"
} else {
    "send"
};
const RECV: &str = if cfg!(target_os = "linux") {
    "recvfrom"
} else {
    "recv"
};
const OPEN: &str = if cfg!(target_os = "linux") {
    "socket bind"
} else {
    "socket bind connect"
};

fn config(change: impl FnOnce(&mut LegSettings, &mut LegSettings)) -> EchoConfig {
    let mut link = LinkSettings::transparent();
    change(&mut link.request, &mut link.reply);
    EchoConfig {
        listen: (LOCALHOST, 0).into(),
        link,
        seed: 42,
        caps: Caps {
            per_source: 1_000,
            total: 10_000,
        },
        allow_remote_duplicates: false,
        count: None,
    }
}

fn echo(watch: &Watch, config: EchoConfig) -> EchoServer {
    EchoServer::start(config, watch.clock, watch.tap.clone()).expect("a free port")
}

fn ping(watch: &Watch, target: SocketAddr, count: u64, timeout: Duration) -> Pinger {
    let config = PingerConfig {
        id: 0,
        target,
        plan: Plan {
            mode: Mode::Lab {
                gap: Duration::ZERO,
            },
            count: Some(count),
            timeout,
            text: Text::Token { key: 7, size: 0 },
        },
        clock_step: Duration::from_nanos(1),
    };
    Pinger::start(config, watch.clock, watch.tap.clone()).expect("a socket opens")
}

/// What both ends called for these pings, from socket to close.
fn session(
    config: EchoConfig,
    count: u64,
    timeout: Duration,
    replies: usize,
) -> (Watch, String, String) {
    let mut watch = Watch::new(Secrets::Masked);
    let mut server = echo(&watch, config);
    let pinger = ping(&watch, server.address(), count, timeout);
    watch.until_called(End::Client, "close", 1);
    watch.until_called(End::Server, "sendto", replies);
    drop(pinger);
    server.stop();
    watch.until_called(End::Server, "close", 1);
    watch.assert_consistent();
    let (client, server) = (watch.sockets(End::Client), watch.sockets(End::Server));
    assert_eq!((client.len(), server.len()), (1, 1));
    let names = (watch.names(client[0]), watch.names(server[0]));
    (watch, names.0, names.1)
}

#[test]
fn an_answered_ping_is_one_call_each_way_at_both_ends() {
    let (watch, client, server) = session(config(|_, _| {}), 2, PATIENCE, 2);
    assert_eq!(client, format!("{OPEN} {SEND} {RECV} {SEND} {RECV} close"));
    assert_eq!(server, "socket bind recvfrom sendto recvfrom sendto close");
    let (client, server) = (watch.sockets(End::Client)[0], watch.sockets(End::Server)[0]);
    let (asked, is_whole) = watch.bytes(client, true);
    assert!(is_whole && asked.starts_with(b"Ping 1 "));
    assert_eq!(watch.bytes(server, false).0, asked, "the same at both ends");
    let (answered, _) = watch.bytes(server, true);
    assert_eq!(answered, asked.to_ascii_uppercase());
    assert_eq!(watch.bytes(client, false).0, answered);

    // The four calls of the first ping happened in this order, and know both addresses.
    let call = |socket, place: usize| {
        watch
            .of(socket)
            .filter(|e| e.call.payload().is_some())
            .nth(place)
    };
    let steps = [
        call(client, 0),
        call(server, 0),
        call(server, 1),
        call(client, 1),
    ];
    let steps = steps.map(|event| event.expect("each end has made it"));
    assert!(steps.is_sorted_by_key(|event| event.at));
    for (at, there) in [(0, 1), (3, 2)] {
        assert_eq!(steps[at].local, steps[there].peer);
        assert_eq!(steps[at].peer, steps[there].local);
        assert!(steps[at].local.is_some() && steps[at].peer.is_some());
    }
    assert!(watch.seen.iter().all(|event| event.lab == Lab::Ping));
}

#[test]
fn what_the_link_loses_was_received_or_was_sent() {
    let short = Duration::from_millis(50);
    let lose = |words: &str| words.parse().expect("in the notation");
    let lost_there = config(|request, _| request.loss = lose("100%"));
    let (_, client, server) = session(lost_there, 1, short, 0);
    assert_eq!(client, format!("{OPEN} {SEND} close"));
    assert_eq!(
        server, "socket bind recvfrom close",
        "the link stands behind it"
    );
    let lost_back = config(|_, reply| reply.loss = lose("100%"));
    let (_, client, server) = session(lost_back, 1, short, 0);
    assert_eq!(client, format!("{OPEN} {SEND} close"));
    assert_eq!(server, "socket bind recvfrom close");
}

#[test]
fn a_duplicate_is_sent_twice_and_a_delay_is_in_the_times() {
    let twice = config(|_, reply| reply.duplicate = "100%".parse().expect("a chance"));
    let (watch, _, server) = session(twice, 1, PATIENCE, 2);
    assert_eq!(server, "socket bind recvfrom sendto sendto close");
    let server = watch.sockets(End::Server)[0];
    let (bytes, _) = watch.bytes(server, true);
    let (one, other) = bytes.split_at(bytes.len() / 2);
    assert_eq!(one, other);

    let late = config(|_, reply| reply.delay = "30ms".parse().expect("a time"));
    let (watch, client, server) = session(late, 1, PATIENCE, 1);
    assert_eq!(client, format!("{OPEN} {SEND} {RECV} close"));
    assert_eq!(server, "socket bind recvfrom sendto close");
    let times: Vec<_> = watch
        .of(watch.sockets(End::Server)[0])
        .filter(|event| event.call.payload().is_some())
        .map(|event| event.at)
        .collect();
    assert!(times[1] - times[0] >= Duration::from_millis(30));
}

#[test]
fn a_refusal_is_a_reception_that_failed() {
    let mut watch = Watch::new(Secrets::Masked);
    // Connected to somebody else, it refuses everybody but that one.
    let refusing = UdpSocket::bind((LOCALHOST, 0)).expect("a free port");
    let other = UdpSocket::bind((LOCALHOST, 0)).expect("a free port");
    let to = other.local_addr().expect("it is bound");
    refusing.connect(to).expect("loopback connects");
    let target = refusing.local_addr().expect("it is bound");
    let _pinger = ping(&watch, target, 1, Duration::from_millis(500));
    watch.until_called(End::Client, "close", 1);
    let client = watch.sockets(End::Client)[0];
    assert_eq!(watch.names(client), format!("{OPEN} {SEND} {RECV}! close"));
    let refused = watch.of(client).find(|event| event.error.is_some());
    let refused = refused.expect("it is in the names");
    assert_eq!(refused.peer, Some(target));
    assert!(
        refused
            .error
            .as_ref()
            .is_some_and(|error| error.contains("refused"))
    );
}

#[test]
fn a_taken_port_is_told_with_its_error() {
    let mut watch = Watch::new(Secrets::Masked);
    let taken = UdpSocket::bind((LOCALHOST, 0)).expect("a free port");
    let listen = taken.local_addr().expect("it is bound");
    let wanted = EchoConfig {
        listen,
        ..config(|_, _| {})
    };
    assert!(EchoServer::start(wanted, watch.clock, watch.tap.clone()).is_err());
    watch.until_called(End::Server, "close", 1);
    let server = watch.sockets(End::Server)[0];
    assert_eq!(watch.names(server), "socket bind! close");
    assert!(
        watch
            .of(server)
            .all(|event| event.call != Call::Bind || event.local == Some(listen))
    );
}

#[test]
fn long_datagrams_are_whole_in_a_file_and_a_burst_is_as_many_calls() {
    let mut watch = Watch::new(Secrets::Masked);
    let mut server = echo(&watch, config(|_, _| {}));
    let client = UdpSocket::bind((LOCALHOST, 0)).expect("a free port");
    client.connect(server.address()).expect("loopback connects");
    client
        .set_read_timeout(Some(PATIENCE))
        .expect("it can be set");
    let long = vec![b'x'; SCREEN_SNAPLEN + 1_000];
    let mut buffer = vec![0; 1 << 16];
    client.send(&long).expect("loopback sends");
    client.recv(&mut buffer).expect("it is answered");
    watch.until_called(End::Server, "sendto", 1);
    let file = watch.file(FILE_SNAPLEN);
    for n in 0..100 {
        client
            .send(format!("{n}").as_bytes())
            .expect("loopback sends");
    }
    for _ in 0..100 {
        client.recv(&mut buffer).expect("it is answered");
    }
    client.send(&long).expect("loopback sends");
    client.recv(&mut buffer).expect("it is answered");
    watch.until_called(End::Server, "sendto", 102);
    server.stop();
    let id = watch.sockets(End::Server)[0];
    let received: Vec<_> = watch
        .of(id)
        .filter_map(|event| match &event.call {
            Call::RecvFrom(payload) => Some(payload),
            _ => None,
        })
        .collect();
    assert_eq!(received.len(), 102);
    let sizes = |payload: &sockscope::trace::wire::Payload| (payload.bytes.len(), payload.length);
    assert_eq!(sizes(received[0]), (SCREEN_SNAPLEN, long.len() as u64));
    assert_eq!(sizes(received[101]), (long.len(), long.len() as u64));
    for (n, payload) in received[1..101].iter().enumerate() {
        assert_eq!(&*payload.bytes, n.to_string().as_bytes());
    }
    let mut filed = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    let is_event = |item: &&Item| matches!(item, Item::Event(_));
    while filed.iter().filter(is_event).count() < 101 {
        assert!(Instant::now() < deadline);
        assert_eq!(file.drain(&mut filed), 0);
    }
    let calls = filed.iter().filter(|item| matches!(item, Item::Call(_)));
    assert!(calls.count() >= 202, "a file gets both events and calls");
}
