//! The echo server and the pinger on real sockets: on loopback, on free ports, against plain sockets of the standard library and each other.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime};

use sockscope::net::echo::{CLIENTS, EchoConfig, EchoServer};
use sockscope::net::pinger::{Pinger, PingerConfig};
use sockscope::proto::guard::{Caps, Refusal};
use sockscope::proto::link::{HOLD_LIMIT, LegSettings, LinkSettings};
use sockscope::proto::ping::{Mode, Outcome, PingEvent, PingRecord, Plan, Text, sequence_of};
use sockscope::trace::clock::Clock;
use sockscope::trace::event::{EchoDatagram, EchoEvent, Event, PingerEvent, Ruling};
use sockscope::trace::start_error::Reason;
use sockscope::trace::tap::Tap;

/// Long enough that only a failure reaches it.
const PATIENCE: Duration = Duration::from_secs(20);
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Says on the terminal why a test had nothing to test here.
fn skipped(why: &str) {
    let _ = writeln!(io::stderr(), "skipped: {why}");
}

fn spec<T: FromStr>(text: &str) -> T {
    text.parse()
        .unwrap_or_else(|_| panic!("`{text}` is not in the notation"))
}

/// A leg from words such as `loss=50%`.
fn leg(words: &str) -> LegSettings {
    let mut leg = LegSettings::default();
    for word in words.split_whitespace() {
        let (part, value) = word.split_once('=').expect("part=value");
        match part {
            "loss" => leg.loss = spec(value),
            "delay" => leg.delay = spec(value),
            "duplicate" => leg.duplicate = spec(value),
            "reorder" => leg.reorder = spec(value),
            "corrupt" => leg.corrupt = spec(value),
            "rate" => leg.rate = spec(value),
            other => panic!("no part `{other}`"),
        }
    }
    leg
}

fn link(request: &str, reply: &str) -> LinkSettings {
    LinkSettings {
        request: leg(request),
        reply: leg(reply),
    }
}

fn clock() -> Clock {
    Clock::new(Instant::now(), SystemTime::now())
}

/// A tap and all that came out of it.
struct Watch {
    tap: Tap,
    seen: Vec<Event>,
}

impl Watch {
    fn new() -> Self {
        Self {
            tap: Tap::new(1 << 20, || {}),
            seen: Vec::new(),
        }
    }

    /// Drains until what was seen holds what is wanted.
    fn until<T>(&mut self, what: &str, wanted: impl Fn(&[Event]) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert_eq!(self.tap.drain(&mut self.seen), 0, "the tap holds them all");
            if let Some(found) = wanted(&self.seen) {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "waited for {what} in vain: {:?}",
                self.seen
            );
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// An echo server and what it reports.
struct Echo {
    server: EchoServer,
    watch: Watch,
}

impl Echo {
    fn start(config: EchoConfig) -> Self {
        let watch = Watch::new();
        let server = EchoServer::start(config, clock(), watch.tap.clone());
        let server = server.expect("a free port can be bound");
        Self { server, watch }
    }

    fn with(link: LinkSettings) -> Self {
        Self::start(config(link))
    }

    /// Its verdicts once it judged `count` datagrams.
    fn verdicts(&mut self, count: usize) -> Vec<EchoDatagram> {
        self.watch.until("verdicts", |events| {
            let verdicts: Vec<_> = events.iter().filter_map(datagram).collect();
            (verdicts.len() >= count).then_some(verdicts)
        })
    }

    /// Sends `count` datagrams one after the other and takes in every answer; returns the verdicts on them.
    fn judge(&mut self, client: &UdpSocket, count: usize) -> Vec<EchoDatagram> {
        let before = self.watch.seen.iter().filter_map(datagram).count();
        for n in 0..count {
            let text = format!("datagram {n}");
            client.send(text.as_bytes()).expect("loopback sends");
            let verdicts = self.verdicts(before + n + 1);
            for _ in 0..verdicts[before + n].copies {
                assert_eq!(receive(client), text.to_ascii_uppercase().as_bytes());
            }
        }
        self.verdicts(before + count).split_off(before)
    }
}

fn config(link: LinkSettings) -> EchoConfig {
    EchoConfig {
        listen: (LOCALHOST, 0).into(),
        link,
        seed: 42,
        caps: Caps {
            per_source: 100,
            total: 1000,
        },
        allow_remote_duplicates: false,
        count: None,
    }
}

fn datagram(event: &Event) -> Option<EchoDatagram> {
    match event {
        Event::Echo(EchoEvent::Datagram(datagram)) => Some(*datagram),
        _ => None,
    }
}

/// A plain socket on a free port of `ip`.
fn socket(ip: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).expect("a free port can be bound");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    socket
}

/// A plain socket that talks to `server`.
fn client(server: SocketAddr) -> UdpSocket {
    let socket = socket(server.ip());
    socket.connect(server).expect("loopback connects");
    socket
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65_536];
    let len = socket.recv(&mut buffer).expect("an answer comes");
    buffer.truncate(len);
    buffer
}

fn receive_from(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_536];
    let (len, from) = socket.recv_from(&mut buffer).expect("a datagram comes");
    buffer.truncate(len);
    (buffer, from)
}

/// Asserts that nothing more waits at a socket.
fn assert_silent(socket: &UdpSocket) {
    socket.set_nonblocking(true).expect("the mode can be set");
    let more = socket.recv(&mut [0; 64]).map_err(|error| error.kind());
    assert_eq!(more, Err(ErrorKind::WouldBlock));
    socket.set_nonblocking(false).expect("the mode can be set");
}

/// Asserts that a port is free, or becomes so: another test may have it for a moment.
fn assert_free(address: SocketAddr) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = UdpSocket::bind(address) {
        assert!(Instant::now() < deadline, "{address} stays taken: {error}");
        std::thread::sleep(ms(1));
    }
}

fn rulings(verdicts: &[EchoDatagram]) -> Vec<Ruling> {
    verdicts.iter().map(|verdict| verdict.ruling).collect()
}

/// The names of rulings, in short.
fn names(verdicts: &[EchoDatagram]) -> String {
    let names: Vec<_> = verdicts
        .iter()
        .map(|verdict| verdict.ruling.name())
        .collect();
    names.join(" ")
}

#[test]
fn answers_in_ascii_upper_case_and_no_longer() {
    let echo = Echo::with(LinkSettings::transparent());
    let client = client(echo.server.address());
    let every_byte: Vec<u8> = (0..=255).collect();
    let cases: [&[u8]; 5] = [
        b"Ping 1",
        // In Unicode, ß would become SS and the ligature FI.
        "straße ﬁ ünï".as_bytes(),
        &every_byte,
        b"",
        b"\0",
    ];
    for request in cases {
        client.send(request).expect("loopback sends");
        assert_eq!(receive(&client), request.to_ascii_uppercase());
    }
    assert_eq!("straße".to_ascii_uppercase(), "STRAßE");
}

#[test]
fn answers_the_longest_datagram() {
    let mut echo = Echo::with(LinkSettings::transparent());
    let client = client(echo.server.address());
    let request: Vec<u8> = (b'a'..=b'z').cycle().take(65_507).collect();
    match client.send(&request) {
        Ok(_) => assert_eq!(receive(&client), request.to_ascii_uppercase()),
        Err(error) => return skipped(&format!("this system sends no 65,507 bytes: {error}")),
    }
    let verdict = echo.verdicts(1)[0];
    assert_eq!(verdict.bytes, 65_507);
    assert_eq!(verdict.payload.bytes(), &request[..128]);
    echo.server.stop();
    assert_eq!(echo.server.counts().truncated, 0);
}

#[test]
fn answers_over_ipv6() {
    let ip = IpAddr::V6(Ipv6Addr::LOCALHOST);
    if let Err(error) = UdpSocket::bind((ip, 0)) {
        return skipped(&format!("no IPv6 here: {error}"));
    }
    let mut echo = Echo::start(EchoConfig {
        listen: (ip, 0).into(),
        ..config(LinkSettings::transparent())
    });
    assert!(echo.server.address().is_ipv6() && echo.server.address().port() != 0);
    let client = client(echo.server.address());
    assert_eq!(names(&echo.judge(&client, 3)), "replied replied replied");
    let (pinger, watch) = ping(echo.server.address(), plan(lab(), Some(3)));
    assert_eq!(outcomes(&finished(watch)), "replied replied replied");
    drop(pinger);
}

#[test]
fn a_seed_gives_the_same_verdicts_again() {
    let lossy = || link("loss=lab duplicate=10%", "loss=20% delay=100us,50us");
    let run = |seed| {
        let mut echo = Echo::start(EchoConfig {
            seed,
            ..config(lossy())
        });
        assert_eq!(echo.server.seed(), seed);
        let (first, second) = (client(echo.server.address()), client(echo.server.address()));
        let mut verdicts = echo.judge(&first, 100);
        verdicts.extend(echo.judge(&second, 100));
        let judged = |v: &EchoDatagram| (v.ruling, v.copies, v.delay);
        verdicts.iter().map(judged).collect::<Vec<_>>()
    };
    let (one, again, other) = (run(7), run(7), run(8));
    assert_eq!(one, again);
    assert_ne!(one, other);
    assert_ne!(one[..100], one[100..], "each client has dice of its own");
}

#[test]
fn starting_over_repeats_the_verdicts() {
    let mut echo = Echo::with(LinkSettings::default());
    let client = client(echo.server.address());
    let first = echo.judge(&client, 50);
    echo.server.start_over();
    let again = echo.judge(&client, 50);
    assert_eq!(rulings(&first), rulings(&again));
    assert_eq!(again[0].n, 1);
    echo.server.stop();
    assert_eq!(echo.server.counts().totals.received, 50);
}

#[test]
fn adding_a_delay_changes_no_loss() {
    let verdicts = |request: &str| {
        let mut echo = Echo::with(link(request, ""));
        let client = client(echo.server.address());
        rulings(&echo.judge(&client, 100))
    };
    let bare = verdicts("loss=lab");
    assert_eq!(verdicts("loss=lab delay=1ms,900us"), bare);
    assert_eq!(verdicts("loss=lab reorder=0% duplicate=50%"), bare);
}

#[test]
fn each_direction_loses_its_own() {
    let mut echo = Echo::with(link("loss=pattern:110", "loss=pattern:10"));
    let client = client(echo.server.address());
    // The request pattern goes by datagram: + + -, and so does the reply's: + -.
    let expected = "replied reply-lost request-lost reply-lost replied request-lost";
    assert_eq!(names(&echo.judge(&client, 6)), expected);
    assert_silent(&client);
    echo.server.stop();
    let totals = echo.server.counts().totals;
    assert_eq!(
        (totals.request_lost, totals.reply_lost, totals.replied),
        (2, 2, 2)
    );
}

#[test]
fn a_new_link_holds_from_the_next_datagram_on() {
    let mut echo = Echo::with(LinkSettings::transparent());
    let client = client(echo.server.address());
    let mut verdicts = String::new();
    for (request, reply) in [("", ""), ("loss=100%", ""), ("", "loss=100%"), ("", "")] {
        echo.server.set_link(link(request, reply));
        let _ = write!(verdicts, "{} ", names(&echo.judge(&client, 2)));
    }
    let expected =
        "replied replied request-lost request-lost reply-lost reply-lost replied replied ";
    assert_eq!(verdicts, expected);
    let changes = echo.watch.seen.iter().filter_map(|event| match event {
        Event::Echo(EchoEvent::LinkChanged { from, to, .. }) => Some((from.clone(), to.clone())),
        _ => None,
    });
    let changes: Vec<_> = changes.collect();
    assert_eq!(changes.len(), 3, "the first changed nothing");
    assert!(changes.windows(2).all(|pair| pair[0].1 == pair[1].0));
}

#[test]
fn copies_arrive_and_are_counted() {
    for (request, reply, copies) in [
        ("duplicate=100%", "", 2),
        ("", "duplicate=100%", 2),
        ("duplicate=100%", "duplicate=100%", 4),
    ] {
        let mut echo = Echo::with(link(request, reply));
        let client = client(echo.server.address());
        let verdicts = echo.judge(&client, 5);
        assert!(
            verdicts.iter().all(|verdict| verdict.copies == copies),
            "{verdicts:?}"
        );
        echo.server.stop();
        assert_silent(&client);
        let counts = echo.server.counts();
        assert_eq!(
            (counts.totals.replied, counts.copies),
            (5, 5 * u64::from(copies))
        );
    }
}

#[test]
fn corruption_turns_over_exactly_one_bit_a_leg() {
    for (request, reply, at_most) in [
        ("corrupt=100%", "", 1),
        ("", "corrupt=100%", 1),
        ("corrupt=100%", "corrupt=100%", 2),
    ] {
        let mut echo = Echo::with(link(request, reply));
        let client = client(echo.server.address());
        let mut places = BTreeSet::new();
        for n in 0..100 {
            let sent = [0u8; 16];
            client.send(&sent).expect("loopback sends");
            let received = receive(&client);
            assert_eq!(received.len(), sent.len());
            let turned: u32 = received.iter().map(|byte| byte.count_ones()).sum();
            // The second may hit the bit that the first did, which turns it back.
            assert!(
                turned == at_most || (at_most == 2 && turned == 0),
                "{received:?}"
            );
            assert!(echo.verdicts(n + 1)[n].corrupted);
            places.insert(received);
        }
        assert!(
            places.len() > 30,
            "one of 128 bits each time: {}",
            places.len()
        );
        client.send(b"").expect("loopback sends");
        assert_eq!(receive(&client), b"", "no bit to turn");
    }
}

#[test]
fn a_held_reply_is_overtaken() {
    let mut echo = Echo::with(link("reorder=100%", ""));
    let client = client(echo.server.address());
    let sent = Instant::now();
    client.send(b"first").expect("loopback sends");
    assert!(echo.verdicts(1)[0].held);
    echo.server.set_link(LinkSettings::transparent());
    client.send(b"second").expect("loopback sends");
    let (one, other) = (receive(&client), receive(&client));
    // A machine that stood still for so long lets it go by itself.
    if sent.elapsed() < HOLD_LIMIT {
        assert_eq!((one, other), (b"SECOND".to_vec(), b"FIRST".to_vec()));
    }
    assert_silent(&client);
}

#[test]
fn a_held_reply_that_nothing_overtakes_goes_at_last() {
    let echo = Echo::with(link("", "reorder=100%"));
    let client = client(echo.server.address());
    let sent = Instant::now();
    client.send(b"alone").expect("loopback sends");
    assert_eq!(receive(&client), b"ALONE");
    assert!(sent.elapsed() >= HOLD_LIMIT);
}

#[test]
fn a_slow_link_queues_and_then_drops() {
    // At 800 bit/s a datagram of 72 bytes with its headers takes a second, so ten at once find four places.
    let mut echo = Echo::with(link("rate=800bit,4", ""));
    let client = client(echo.server.address());
    for _ in 0..10 {
        client.send(&[b'x'; 72]).expect("loopback sends");
    }
    let verdicts = echo.verdicts(10);
    let (taken, dropped) = verdicts.split_at(4);
    assert_eq!(names(taken), "replied replied replied replied");
    assert_eq!(names(dropped), ["queue-full"; 6].join(" "));
    for (place, verdict) in (1..).zip(taken) {
        let done = verdict.at + verdict.delay - taken[0].at;
        assert_eq!(done, Duration::from_secs(place), "one after the other");
    }
    echo.server.stop();
    assert_silent(&client);
    let totals = echo.server.counts().totals;
    assert_eq!((totals.queue_full, totals.replied), (6, 4));
}

#[test]
fn a_delay_is_never_short_and_rarely_long() {
    let echo = Echo::with(link("delay=3ms", "delay=2ms"));
    let client = client(echo.server.address());
    let mut times: Vec<Duration> = (0..50)
        .map(|_| {
            let sent = Instant::now();
            client.send(b"tick").expect("loopback sends");
            receive(&client);
            sent.elapsed()
        })
        .collect();
    times.sort();
    assert!(times[0] >= ms(5), "{:?}", times[0]);
    assert!(times[25] < ms(25), "{:?}", times[25]);
}

#[test]
fn delayed_replies_hold_up_nobody() {
    let mut echo = Echo::with(link("delay=60s", ""));
    let slow = client(echo.server.address());
    slow.send(b"slow").expect("loopback sends");
    assert_eq!(echo.verdicts(1)[0].delay, Duration::from_secs(60));
    echo.server.set_link(LinkSettings::transparent());
    let quick = client(echo.server.address());
    echo.judge(&quick, 20);
    assert_silent(&slow);
}

#[test]
fn a_port_that_would_answer_back_is_refused() {
    let mut echo = Echo::with(LinkSettings::transparent());
    // Any address of loopback will do, where the system has more than one.
    let addresses =
        (1..=20).flat_map(|host| [1900, 11_211].map(|port| (Ipv4Addr::new(127, 0, 0, host), port)));
    let mut bound = addresses.filter_map(|address| UdpSocket::bind(address).ok());
    let Some(client) = bound.next() else {
        return skipped("all ports of such services are taken");
    };
    client
        .connect(echo.server.address())
        .expect("loopback connects");
    client.send(b"loop").expect("loopback sends");
    let verdict = echo.verdicts(1)[0];
    let port = client.local_addr().expect("it is bound").port();
    assert_eq!(verdict.ruling, Ruling::Refused(Refusal::LoopPort(port)));
    assert_eq!(verdict.copies, 0);
    echo.server.stop();
    assert_silent(&client);
    assert_eq!(echo.server.counts().totals.refused, 1);
}

#[test]
fn a_count_ends_it_after_the_last_reply() {
    let mut echo = Echo::start(EchoConfig {
        count: Some(3),
        ..config(link("delay=50ms", ""))
    });
    let client = client(echo.server.address());
    for n in 0..5 {
        // The last may find the port closed already.
        let _ = client.send(format!("n {n}").as_bytes());
    }
    let received: BTreeSet<_> = (0..3).map(|_| receive(&client)).collect();
    assert_eq!(
        received,
        (0..3).map(|n| format!("N {n}").into_bytes()).collect()
    );
    let deadline = Instant::now() + PATIENCE;
    while !echo.server.is_finished() {
        assert!(Instant::now() < deadline, "it ends by itself");
        std::thread::sleep(ms(1));
    }
    assert_eq!(echo.server.counts().totals.received, 3);
    assert_eq!(echo.verdicts(3).len(), 3);
    assert_free(echo.server.address());
}

#[test]
fn stopping_frees_the_port_and_keeps_the_counters() {
    let mut echo = Echo::with(link("", "delay=60s"));
    let client = client(echo.server.address());
    client.send(b"never answered").expect("loopback sends");
    echo.verdicts(1);
    let address = echo.server.address();
    assert!(UdpSocket::bind(address).is_err(), "it is taken");
    echo.server.stop();
    assert_free(address);
    assert!(echo.server.is_finished());
    assert_eq!(echo.server.counts().totals.replied, 1);
    assert_silent(&client);
    let again = EchoServer::start(
        EchoConfig {
            listen: address,
            ..config(LinkSettings::transparent())
        },
        clock(),
        echo.watch.tap.clone(),
    );
    drop(again.expect("it starts again there"));
    assert_free(address);
}

#[test]
fn a_taken_port_is_said_so() {
    let taken = socket(LOCALHOST);
    let listen = taken.local_addr().expect("it is bound");
    let config = EchoConfig {
        listen,
        ..config(LinkSettings::transparent())
    };
    let error = EchoServer::start(config, clock(), Watch::new().tap)
        .err()
        .expect("it is taken");
    assert_eq!(error.address, listen);
    assert!(
        matches!(error.reason, Reason::PortTaken { .. }),
        "{error:?}"
    );
}

#[test]
fn the_counters_add_up() {
    let mut echo = Echo::with(link("loss=30% duplicate=20%", "loss=20% delay=50us"));
    let clients: Vec<_> = (0..5).map(|_| client(echo.server.address())).collect();
    let mut verdicts = Vec::new();
    for (n, client) in clients.iter().enumerate() {
        verdicts.extend(echo.judge(client, 20 + n));
    }
    assert!(verdicts.iter().map(|verdict| verdict.n).eq(1..=110));
    echo.server.stop();
    let counts = echo.server.counts();
    let count = |name| {
        verdicts
            .iter()
            .filter(|verdict| verdict.ruling.name() == name)
            .count() as u64
    };
    assert_eq!(counts.totals.received, 110);
    assert_eq!(counts.totals.replied, count("replied"));
    assert_eq!(counts.totals.request_lost, count("request-lost"));
    assert_eq!(counts.totals.reply_lost, count("reply-lost"));
    assert!(count("replied") > 0 && count("request-lost") > 0 && count("reply-lost") > 0);
    assert_eq!(
        count("replied") + count("request-lost") + count("reply-lost"),
        110
    );
    assert_eq!(
        counts.copies,
        verdicts
            .iter()
            .map(|verdict| u64::from(verdict.copies))
            .sum::<u64>()
    );
    assert_eq!(
        (
            counts.send_failures,
            counts.delay_overflow,
            counts.clients_forgotten
        ),
        (0, 0, 0)
    );
    let told = echo.server.clients();
    assert!(told.is_sorted_by_key(|client| std::cmp::Reverse(client.last_seen)));
    for (n, client) in clients.iter().enumerate() {
        let address = client.local_addr().expect("it is bound");
        let known = told
            .iter()
            .find(|known| known.address == address)
            .expect("it is known");
        let own: Vec<_> = verdicts
            .iter()
            .filter(|verdict| verdict.from == address)
            .collect();
        assert_eq!(known.totals.received, 20 + n as u64);
        assert_eq!(own.len(), 20 + n);
        let replied = own
            .iter()
            .filter(|verdict| verdict.ruling == Ruling::Replied)
            .count();
        assert_eq!(known.totals.replied, replied as u64);
        assert_eq!(known.last_seen, own[own.len() - 1].at);
    }
}

#[test]
fn the_client_seen_longest_ago_makes_room() {
    let mut echo = Echo::with(LinkSettings::transparent());
    let faithful = client(echo.server.address());
    let mut newest = Vec::new();
    let mut known = BTreeSet::new();
    while known.len() < CLIENTS + 40 {
        let client = client(echo.server.address());
        let address = client.local_addr().expect("it is bound");
        if known.insert(address) {
            client.send(b"hello").expect("loopback sends");
            assert_eq!(receive(&client), b"HELLO");
            faithful.send(b"still here").expect("loopback sends");
            assert_eq!(receive(&faithful), b"STILL HERE");
            newest.insert(0, address);
        }
    }
    echo.server.stop();
    // One place is the faithful one's.
    assert_eq!(echo.server.counts().clients_forgotten, 41);
    let told: Vec<_> = echo
        .server
        .clients()
        .iter()
        .map(|client| client.address)
        .collect();
    assert_eq!(told[0], faithful.local_addr().expect("it is bound"));
    assert_eq!(told[1..], newest[..CLIENTS - 1]);
}

#[test]
fn a_client_that_went_away_does_not_end_it() {
    let mut echo = Echo::with(link("delay=2ms", ""));
    let patient = client(echo.server.address());
    for n in 0..20 {
        // Its reply finds the port closed, which the system answers with an ICMP error.
        let hasty = client(echo.server.address());
        hasty.send(b"bye").expect("loopback sends");
        echo.verdicts(2 * n + 1);
        drop(hasty);
        echo.judge(&patient, 1);
    }
    assert!(!echo.server.is_finished());
    let failed = |event: &Event| matches!(event, Event::Echo(EchoEvent::Failed { .. }));
    assert!(!echo.watch.seen.iter().any(failed));
}

/// An address of this machine that is not loopback, if it has one. Choosing a route sends nothing.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    UdpSocket::bind((ip, 0)).ok()?;
    (!ip.is_loopback()).then_some(ip)
}

#[test]
fn off_loopback_copies_need_permission() {
    let Some(ip) = own_address() else {
        return skipped("this machine has no address but loopback");
    };
    for (allow_remote_duplicates, copies) in [(false, 1), (true, 4)] {
        let mut echo = Echo::start(EchoConfig {
            listen: (ip, 0).into(),
            allow_remote_duplicates,
            ..config(link("duplicate=100%", "duplicate=100%"))
        });
        let client = client(echo.server.address());
        let verdicts = echo.judge(&client, 3);
        assert!(
            verdicts.iter().all(|verdict| verdict.copies == copies),
            "{verdicts:?}"
        );
        echo.server.stop();
        assert_silent(&client);
    }
}

#[test]
fn off_loopback_sources_have_caps() {
    let Some(ip) = own_address() else {
        return skipped("this machine has no address but loopback");
    };
    let caps = Caps {
        per_source: 1,
        total: 2,
    };
    let mut echo = Echo::start(EchoConfig {
        listen: (ip, 0).into(),
        caps,
        ..config(LinkSettings::transparent())
    });
    let clients: Vec<_> = (0..3).map(|_| client(echo.server.address())).collect();
    for client in [&clients[0], &clients[0], &clients[1], &clients[2]] {
        client.send(b"flood").expect("the own address takes it");
    }
    let verdicts = echo.verdicts(4);
    // A machine that stood still for half a second in between may have earned another token.
    if verdicts[3].at - verdicts[0].at < ms(400) {
        let (source, total) = (Refusal::SourceRate, Refusal::TotalRate);
        let refused = Ruling::Refused;
        let expected = [
            Ruling::Replied,
            refused(source),
            Ruling::Replied,
            refused(total),
        ];
        assert_eq!(rulings(&verdicts), expected);
    }
    echo.server.stop();
    let totals = echo.server.counts().totals;
    assert_eq!(totals.received, totals.replied + totals.refused);
}

// The pinger.

/// Stop and wait without a gap.
fn lab() -> Mode {
    Mode::Lab {
        gap: Duration::ZERO,
    }
}

fn plan(mode: Mode, count: Option<u64>) -> Plan {
    Plan {
        mode,
        count,
        timeout: PATIENCE,
        text: Text::Token { key: 7, size: 0 },
    }
}

/// Starts to ping `target`.
fn ping(target: SocketAddr, plan: Plan) -> (Pinger, Watch) {
    let watch = Watch::new();
    let config = PingerConfig {
        id: 3,
        target,
        plan,
        clock_step: Duration::from_nanos(1),
    };
    let pinger = Pinger::start(config, clock(), watch.tap.clone()).expect("a socket opens");
    (pinger, watch)
}

fn ping_event(event: &Event) -> Option<&PingEvent> {
    match event {
        Event::Ping {
            target: 3,
            event: PingerEvent::Ping(event),
        } => Some(event),
        _ => None,
    }
}

/// The final record of each ping, when all are final.
fn finished(mut watch: Watch) -> Vec<PingRecord> {
    watch.until("the end", |events| {
        let last = events.iter().rev().find_map(ping_event)?;
        (*last == PingEvent::Finished).then_some(())
    });
    let mut records: Vec<_> = watch
        .seen
        .iter()
        .filter_map(|event| match ping_event(event)? {
            PingEvent::Settled { record } => Some(*record),
            _ => None,
        })
        .collect();
    records.sort_by_key(|record| record.seq);
    assert!(
        records
            .iter()
            .map(|record| record.seq)
            .eq(1..=records.len() as u64)
    );
    records
}

fn outcomes(records: &[PingRecord]) -> String {
    let name = |record: &PingRecord| format!("{:?}", record.outcome).to_lowercase();
    records.iter().map(name).collect::<Vec<_>>().join(" ")
}

/// Waits for an event of a ping.
fn wait_for(watch: &mut Watch, what: &str, wanted: impl Fn(&PingEvent) -> bool) -> PingEvent {
    watch.until(what, |events| {
        events
            .iter()
            .filter_map(ping_event)
            .find(|event| wanted(event))
            .cloned()
    })
}

#[test]
fn the_pinger_and_the_server_agree() {
    let mut echo = Echo::with(link("loss=lab", "loss=20%"));
    let mut plan = plan(lab(), Some(60));
    plan.timeout = ms(20);
    let (pinger, watch) = ping(echo.server.address(), plan);
    let records = finished(watch);
    let verdicts = echo.verdicts(60);
    assert_eq!(records.len(), 60);
    for (record, verdict) in records.iter().zip(&verdicts) {
        assert_eq!(sequence_of(verdict.payload.bytes()), Some(record.seq));
        match verdict.ruling {
            Ruling::Replied => {
                // A machine that is busy elsewhere may be late with it.
                assert!(
                    matches!(record.outcome, Outcome::Replied | Outcome::Late),
                    "{record:?}"
                );
                let rtt = record.rtt.expect("it was answered");
                assert!(
                    rtt > Duration::ZERO && record.kernel_rtt.is_none_or(|kernel| kernel <= rtt)
                );
            }
            _ => assert_eq!((record.outcome, record.rtt), (Outcome::Lost, None)),
        }
    }
    let lost = verdicts
        .iter()
        .filter(|verdict| verdict.ruling != Ruling::Replied)
        .count() as u64;
    let counts = pinger.with_stats(|stats| stats.counts());
    assert_eq!(
        (counts.sent, counts.lost, counts.replied + counts.late),
        (60, lost, 60 - lost)
    );
    assert!(lost > 0 && lost < 60);
}

#[test]
fn a_plain_ping_is_the_labs_text() {
    let server = socket(LOCALHOST);
    let mut plan = plan(lab(), Some(3));
    plan.text = Text::Plain;
    let (_pinger, watch) = ping(server.local_addr().expect("it is bound"), plan);
    for text in ["Ping 1", "Ping 2", "Ping 3"] {
        let (request, from) = receive_from(&server);
        assert_eq!(request, text.as_bytes());
        server
            .send_to(&request.to_ascii_uppercase(), from)
            .expect("loopback sends");
    }
    assert_eq!(outcomes(&finished(watch)), "replied replied replied");
}

#[test]
fn a_server_that_copies_will_do() {
    let server = socket(LOCALHOST);
    let (_pinger, watch) = ping(
        server.local_addr().expect("it is bound"),
        plan(lab(), Some(3)),
    );
    for seq in 1..=3 {
        let (request, from) = receive_from(&server);
        assert_eq!(sequence_of(&request), Some(seq));
        server.send_to(&request, from).expect("loopback sends");
    }
    let records = finished(watch);
    assert_eq!(outcomes(&records), "replied replied replied");
    assert!(
        records
            .iter()
            .all(|record| !record.damaged && !record.reordered)
    );
}

#[test]
fn a_closed_port_refuses() {
    // Connected to somebody else, this socket refuses datagrams and keeps its port from others.
    let (closed, other) = (socket(LOCALHOST), socket(LOCALHOST));
    closed
        .connect(other.local_addr().expect("it is bound"))
        .expect("loopback connects");
    let (pinger, watch) = ping(
        closed.local_addr().expect("it is bound"),
        plan(lab(), Some(3)),
    );
    assert_eq!(outcomes(&finished(watch)), "refused refused refused");
    let counts = pinger.with_stats(|stats| stats.counts());
    assert_eq!(
        (counts.sent, counts.refused, counts.loss()),
        (3, 3, Some(1.0))
    );
}

#[test]
fn strangers_are_unsolicited() {
    let (server, stranger) = (socket(LOCALHOST), socket(LOCALHOST));
    let target = server.local_addr().expect("it is bound");
    let (pinger, mut watch) = ping(target, plan(lab(), Some(1)));
    let (request, from) = receive_from(&server);
    let started = watch.until("the start", |events| match events.first()? {
        Event::Ping {
            event: PingerEvent::Started { local, target },
            ..
        } => Some((*local, *target)),
        _ => None,
    });
    assert_eq!(started, (from, target));
    // The right bytes from the wrong socket, and the wrong ones from the right socket.
    stranger.send_to(&request, from).expect("loopback sends");
    let stranger = stranger.local_addr().expect("it is bound");
    let by = |who| move |event: &PingEvent| matches!(event, PingEvent::Unsolicited { from, .. } if *from == who);
    wait_for(&mut watch, "the stranger", by(stranger));
    server.send_to(b"what?", from).expect("loopback sends");
    wait_for(&mut watch, "the odd answer", by(target));
    server.send_to(&request, from).expect("loopback sends");
    assert_eq!(outcomes(&finished(watch)), "replied");
    assert_eq!(pinger.with_stats(|stats| stats.counts().unsolicited), 2);
}

#[test]
fn damaged_copied_and_overtaken_replies_are_marked() {
    let server = socket(LOCALHOST);
    let every = Mode::Steady { interval: ms(1) };
    let (pinger, watch) = ping(
        server.local_addr().expect("it is bound"),
        plan(every, Some(3)),
    );
    let requests: Vec<_> = (0..3).map(|_| receive_from(&server)).collect();
    for (index, damage) in [(1, false), (0, false), (2, true), (1, false)] {
        let (mut reply, from) = requests[index].clone();
        reply[2] ^= u8::from(damage);
        server.send_to(&reply, from).expect("loopback sends");
    }
    let records = finished(watch);
    let marks: Vec<_> = records
        .iter()
        .map(|r| (r.reordered, r.damaged, r.duplicates))
        .collect();
    assert_eq!(
        marks,
        [(true, false, 0), (false, false, 1), (false, true, 0)]
    );
    let counts = pinger.with_stats(|stats| stats.counts());
    let marks = (
        counts.reordered,
        counts.damaged,
        counts.duplicates,
        counts.unsolicited,
    );
    assert_eq!(marks, (1, 1, 1, 0));
}

#[test]
fn a_reply_after_the_timeout_is_late() {
    let server = socket(LOCALHOST);
    let mut plan = plan(lab(), Some(1));
    plan.timeout = ms(10);
    let (pinger, mut watch) = ping(server.local_addr().expect("it is bound"), plan);
    let (request, from) = receive_from(&server);
    wait_for(&mut watch, "the timeout", |event| {
        matches!(event, PingEvent::TimedOut { .. })
    });
    assert_eq!(pinger.with_stats(|stats| stats.loss()), Some(1.0));
    server.send_to(&request, from).expect("loopback sends");
    wait_for(&mut watch, "the reply", |event| {
        matches!(event, PingEvent::Replied { .. })
    });
    assert_eq!(
        pinger.with_stats(|stats| (stats.counts().late, stats.loss())),
        (1, Some(0.0))
    );
    let record = finished(watch)[0];
    assert_eq!(record.outcome, Outcome::Late);
    assert!(record.rtt > Some(ms(10)), "{record:?}");
}

#[test]
fn the_pace_can_be_changed_and_the_end_be_asked_for() {
    let mut echo = Echo::with(LinkSettings::transparent());
    let hourly = Mode::Steady {
        interval: ms(3_600_000),
    };
    let (pinger, mut watch) = ping(echo.server.address(), plan(hourly, None));
    let sent =
        |seq| move |event: &PingEvent| matches!(event, PingEvent::Sent { seq: s, .. } if *s == seq);
    wait_for(&mut watch, "the first ping", sent(1));
    pinger.set_pace(Mode::Steady { interval: ms(1) }, PATIENCE);
    wait_for(&mut watch, "the twentieth ping", sent(20));
    pinger.finish();
    let records = finished(watch);
    assert!(
        records.len() >= 20
            && records
                .iter()
                .all(|record| record.outcome == Outcome::Replied)
    );
    assert_eq!(echo.verdicts(records.len()).len(), records.len());
}

#[test]
fn stopping_a_pinger_frees_its_port() {
    let server = socket(LOCALHOST);
    let (mut pinger, _watch) = ping(server.local_addr().expect("it is bound"), plan(lab(), None));
    let (_, from) = receive_from(&server);
    assert!(UdpSocket::bind(from).is_err(), "it is taken");
    pinger.stop();
    assert_free(from);
    assert_eq!(
        pinger.with_stats(|stats| stats.counts().in_flight),
        1,
        "what it knew stays"
    );
}
