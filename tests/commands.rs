//! The commands as a shell runs them: what they print, what they complain about, how they exit.

mod support;

/// Tests of the commands that speak HTTP and SMTP.
mod commands {
    mod capture;
    mod get;
    mod mail;
    mod mailbox;
    mod serve;
}

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;

use serde_json::{Value, json};

use support::command::{Finished, Running, sockscope};
use support::{PATIENCE, folder};

const COMMANDS: [&str; 8] = [
    "echo",
    "ping",
    "serve",
    "get",
    "mail",
    "mailbox",
    "config",
    "completions",
];

/// An echo server at a free port that prints JSON, and its address.
fn echo(arguments: &[&str]) -> (Running, String) {
    let mut all = vec!["echo", "--listen", "127.0.0.1:0", "--json"];
    if !arguments.contains(&"--seed") {
        all.extend(["--seed", "42"]);
    }
    all.extend(arguments);
    let mut server = sockscope(&all).start();
    let listening = server.json();
    assert_eq!(keys(&listening), set(&["event", "address", "seed"]));
    assert_eq!(listening["event"], "listening");
    let address = text(&listening["address"]).to_owned();
    (server, address)
}

/// Runs `sockscope ping` with these arguments.
fn ping(arguments: &[&str]) -> Finished {
    let mut all = vec!["ping"];
    all.extend(arguments);
    sockscope(&all).run()
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

fn keys(value: &Value) -> BTreeSet<&str> {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("{value} is no object"));
    object.keys().map(String::as_str).collect()
}

fn set<'a>(keys: &[&'a str]) -> BTreeSet<&'a str> {
    keys.iter().copied().collect()
}

/// Wall time in UTC with microseconds.
fn assert_time(value: &Value) {
    let time = chrono::DateTime::parse_from_rfc3339(text(value)).expect("RFC 3339");
    let again = time.to_utc();
    assert_eq!(
        again.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        text(value)
    );
}

/// A socket that waits patiently, and the address of what it talks to.
struct Peer {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Peer {
    fn of(address: &str) -> Self {
        let to: SocketAddr = address.parse().expect("an address");
        let any = if to.is_ipv4() {
            "127.0.0.1:0"
        } else {
            "[::1]:0"
        };
        let socket = UdpSocket::bind(any).expect("loopback has free ports");
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("sockets have timeouts");
        Self { socket, to }
    }

    fn send(&self, payload: &[u8]) {
        let sent = self.socket.send_to(payload, self.to).expect("sent");
        assert_eq!(sent, payload.len());
    }

    fn receive(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        let (length, from) = self.socket.recv_from(&mut buffer).expect("an answer");
        assert_eq!(from, self.to);
        buffer.truncate(length);
        buffer
    }

    fn address(&self) -> String {
        self.socket.local_addr().expect("it is bound").to_string()
    }
}

/// A socket that takes pings and never answers, and its address.
fn silence() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = socket.local_addr().expect("it is bound").to_string();
    (socket, address)
}

/// An address where nobody listens.
fn nobody() -> String {
    silence().1
}

// ---- echo ----

#[test]
fn echo_tells_every_datagram_as_json() {
    let (mut server, address) = echo(&["--loss", "pattern:1011", "--count", "4"]);
    let peer = Peer::of(&address);
    let payloads: [&[u8]; 4] = [
        b"Ping 1 abc",
        b"lost",
        b"",
        "h\u{e9}llo\u{1b}[2J".as_bytes(),
    ];
    for payload in payloads {
        peer.send(payload);
    }
    assert_eq!(peer.receive(), b"PING 1 ABC");
    assert_eq!(peer.receive(), b"");
    assert_eq!(peer.receive(), "H\u{e9}LLO\u{1b}[2J".as_bytes());
    let verdicts = [
        ("Ping 1 abc", "replied", 1),
        ("lost", "request-lost", 0),
        ("", "replied", 1),
        ("h\u{e9}llo\\x1b[2J", "replied", 1),
    ];
    for ((n, payload), (shown, verdict, copies)) in (1..).zip(payloads).zip(verdicts) {
        let line = server.json();
        assert_time(&line["at"]);
        let reason = match verdict {
            "replied" => Value::Null,
            _ => line["reason"].clone(),
        };
        assert_eq!(
            line,
            json!({
                "event": "datagram", "n": n, "at": line["at"], "from": peer.address(), "bytes": payload.len(),
                "payload": shown, "verdict": verdict, "reason": reason, "delay_us": 0.0, "copies": copies,
                "corrupted": false
            })
        );
        assert_eq!(reason.is_null(), verdict == "replied", "{line}");
    }
    let summary = server.json();
    assert_eq!(
        keys(&summary),
        set(&[
            "event",
            "received",
            "replied",
            "request_lost",
            "reply_lost",
            "queue_full",
            "refused",
            "copies",
            "truncated",
            "send_failures",
            "delay_overflow",
            "clients_forgotten",
            "kernel_dropped",
            "clients"
        ])
    );
    for (key, count) in [
        ("received", 4),
        ("replied", 3),
        ("request_lost", 1),
        ("reply_lost", 0),
        ("queue_full", 0),
        ("refused", 0),
        ("copies", 3),
        ("clients_forgotten", 0),
    ] {
        assert_eq!(summary[key], count, "{key}");
    }
    assert_eq!(
        summary["clients"],
        json!([{
            "address": peer.address(), "received": 4, "replied": 3, "request_lost": 1, "reply_lost": 0,
            "queue_full": 0, "refused": 0
        }])
    );
    let finished = server.finish();
    assert_eq!((finished.code, finished.complaint.as_str()), (Some(0), ""));
}

#[test]
fn echo_says_what_the_link_did() {
    let none = ["--loss", "none"];
    let table: [(&[&str], &str, &str, Value); 5] = [
        (&["--reply-loss", "100%"], "verdict", "reply-lost", json!(0)),
        (&["--duplicate", "100%"], "verdict", "replied", json!(2)),
        (&["--delay", "3ms"], "delay_us", "", json!(3000.0)),
        (&["--corrupt", "100%"], "corrupted", "", json!(true)),
        (&["--reply-corrupt", "100%"], "corrupted", "", json!(true)),
    ];
    for (arguments, key, verdict, expected) in table {
        let (mut server, address) = echo(&[&none, arguments, &["--count", "1"]].concat());
        let peer = Peer::of(&address);
        peer.send(b"hello");
        let line = server.json();
        if verdict.is_empty() {
            assert_eq!(line[key], expected, "{line}");
            let reply = peer.receive();
            assert_eq!(reply.len(), 5);
            assert_eq!(reply != b"HELLO", key == "corrupted", "{reply:?}");
        } else {
            assert_eq!(
                (text(&line["verdict"]), &line["copies"]),
                (verdict, &expected)
            );
        }
        assert_eq!(server.finish().code, Some(0));
    }
}

#[test]
fn echo_drops_what_its_queue_can_not_hold() {
    // A datagram of 100 bytes takes a second at this rate, so the queue of one is full at the third.
    let (mut server, address) = echo(&["--loss", "none", "--rate", "1kbit,1", "--count", "4"]);
    let peer = Peer::of(&address);
    for _ in 0..4 {
        peer.send(&[b'x'; 100]);
    }
    let verdicts: Vec<String> = (0..4)
        .map(|_| text(&server.json()["verdict"]).to_owned())
        .collect();
    assert_eq!(verdicts[0], "replied");
    assert_eq!(verdicts[3], "queue-full");
    let summary = server.json();
    assert!(number(&summary["queue_full"]) >= 1.0, "{summary}");
}

#[test]
fn echo_tells_people_in_lines() {
    let mut server = sockscope(&[
        "echo",
        "--listen",
        "127.0.0.1:0",
        "--seed",
        "42",
        "--loss",
        "pattern:10",
        "--count",
        "2",
    ])
    .start();
    let first = server.line();
    let (before, after) = first.split_once(" (UDP)").expect("the address");
    assert_eq!(after, ", seed 42. Ctrl+C ends it.");
    let address = before.strip_prefix("Echo server on ").expect("the address");
    let peer = Peer::of(address);
    peer.send(b"one\x1b[2J");
    peer.send(b"two");
    let lines = server.finish().lines;
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(lines[1].contains(r"#1 "), "{}", lines[1]);
    assert!(lines[1].contains(r"one\x1b[2J"), "{}", lines[1]);
    assert!(lines[1].ends_with("answered"), "{}", lines[1]);
    assert!(lines[2].contains("request dropped: "), "{}", lines[2]);
    assert!(lines[3].starts_with("2 received, 1 answered, 1 requests lost"));
    assert!(lines[4].contains(&peer.address()), "{}", lines[4]);
}

#[test]
fn quiet_echo_prints_the_first_line_and_the_counters() {
    let (server, address) = echo(&["--quiet", "--loss", "none", "--count", "2"]);
    let peer = Peer::of(&address);
    peer.send(b"a");
    peer.send(b"b");
    let lines = server.finish().json();
    let events: Vec<&str> = lines.iter().map(|line| text(&line["event"])).collect();
    assert_eq!(events, ["listening", "summary"]);
    assert_eq!(lines[1]["received"], 2);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_echo_with_its_counters() {
    use nix::sys::signal::Signal;
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let (mut server, address) = echo(&["--loss", "none"]);
        Peer::of(&address).send(b"x");
        assert_eq!(server.json()["event"], "datagram");
        server.signal(signal);
        let finished = server.finish();
        assert_eq!(finished.code, Some(0), "{signal}");
        let last = finished.json().pop().expect("lines");
        assert_eq!(
            (&last["event"], &last["received"]),
            (&json!("summary"), &json!(1))
        );
    }
}

/// The verdicts and reasons of so many datagrams of one client.
fn verdicts(arguments: &[&str], datagrams: usize) -> Vec<(String, String)> {
    let count = datagrams.to_string();
    let mut all = vec!["--count", &count];
    all.extend(arguments);
    let (mut server, address) = echo(&all);
    let peer = Peer::of(&address);
    (0..datagrams)
        .map(|_| {
            peer.send(b"x");
            let line = server.json();
            (
                text(&line["verdict"]).to_owned(),
                line["reason"].to_string(),
            )
        })
        .collect()
}

#[test]
fn a_seed_repeats_the_verdicts() {
    let losses = ["--loss", "burst:30%,3", "--reply-loss", "lab"];
    let of = |more: &[&str]| verdicts(&[&losses, more].concat(), 60);
    let first = of(&[]);
    assert_eq!(of(&[]), first);
    assert_eq!(
        of(&["--delay", "1ms,1ms", "--corrupt", "10%"]),
        first,
        "other draws leave losses alone"
    );
    assert_ne!(of(&["--seed", "43"]), first);
    let kinds: BTreeSet<&str> = first.iter().map(|(verdict, _)| verdict.as_str()).collect();
    assert_eq!(kinds, set(&["replied", "request-lost", "reply-lost"]));
}

#[test]
fn a_taken_port_is_said_with_who_may_hold_it() {
    let (_holder, address) = silence();
    for lang in ["en", "zh-CN"] {
        let finished = sockscope(&["echo", "--listen", &address, "--lang", lang]).run();
        assert_eq!(finished.code, Some(1));
        assert!(finished.lines.is_empty(), "{finished:?}");
        assert!(finished.complaint.contains(&address), "{finished:?}");
        let advice = finished.complaint.lines().count();
        assert!(advice >= 2, "{finished:?}");
    }
    if cfg!(target_os = "linux") {
        let finished = sockscope(&["echo", "--listen", &address]).run();
        let pid = format!("process {}", std::process::id());
        assert!(finished.complaint.contains(&pid), "{finished:?}");
    }
}

#[test]
fn echo_and_ping_speak_ipv6() {
    if UdpSocket::bind("[::1]:0").is_err() {
        return;
    }
    let arguments = ["echo", "--listen", "[::1]:0", "--json", "--loss", "none"];
    let mut server = sockscope(&arguments).start();
    let address = text(&server.json()["address"]).to_owned();
    assert!(address.starts_with("[::1]:"), "{address}");
    let finished = ping(&[&address, "-c", "1", "--json"]);
    assert_eq!(finished.json()[0]["outcome"], "replied");
    assert_eq!(finished.code, Some(0));
}

#[test]
fn presets_are_listed() {
    let names = [
        "lab",
        "lan",
        "wifi",
        "3g",
        "satellite",
        "bufferbloat",
        "voip",
    ];
    let as_json = sockscope(&["echo", "--list-presets", "--json"]).run();
    let listed = as_json.json();
    let listed: Vec<&str> = listed.iter().map(|line| text(&line["name"])).collect();
    assert_eq!(listed, names);
    for line in as_json.json() {
        let expected = ["event", "name", "request", "reply", "interval_us", "size"];
        assert_eq!(keys(&line), set(&expected));
        let leg = ["loss", "delay", "duplicate", "reorder", "corrupt", "rate"];
        assert_eq!(keys(&line["request"]), set(&leg));
        assert_eq!(keys(&line["reply"]), set(&leg));
    }
    for lang in ["en", "zh-CN"] {
        let listed = sockscope(&["echo", "--list-presets", "--lang", lang]).run();
        assert_eq!(listed.code, Some(0));
        for name in names {
            let of = |line: &&String| line.split_whitespace().next() == Some(name);
            assert!(listed.lines.iter().any(|line| of(&line)), "{name}");
        }
        let bursts = match lang {
            "en" => "  request: loss burst:0.75%,2 (0.75 %) · ",
            _ => "  请求方向：丢包 burst:0.75%,2（0.75 %） · ",
        };
        let of = |line: &String| line.starts_with(bursts);
        assert!(listed.lines.iter().any(of), "{:?}", listed.lines);
    }
}

// ---- ping ----

const PING_KEYS: [&str; 10] = [
    "event",
    "target",
    "seq",
    "at",
    "outcome",
    "rtt_us",
    "kernel_rtt_us",
    "duplicates",
    "reordered",
    "damaged",
];

const PING_SUMMARY_KEYS: [&str; 20] = [
    "event",
    "target",
    "sent",
    "replied",
    "late",
    "lost",
    "refused",
    "duplicates",
    "reordered",
    "damaged",
    "unsolicited",
    "loss",
    "loss_ci95",
    "rtt_us",
    "jitter_us",
    "srtt_us",
    "rttvar_us",
    "rto_us",
    "longest_loss_run",
    "burst_ratio",
];

const RTT_KEYS: [&str; 7] = ["min", "mean", "p50", "p95", "p99", "max", "mdev"];
const JITTER_KEYS: [&str; 3] = ["rfc3550", "mean_abs_ipdv", "p95_p50"];

/// The pings of a run in the order of their numbers and the summaries, with every key checked.
fn parts(finished: &Finished) -> (Vec<Value>, Vec<Value>) {
    let (mut pings, summaries): (Vec<Value>, Vec<Value>) = finished
        .json()
        .into_iter()
        .partition(|line| line["event"] == "ping");
    for line in &pings {
        assert_eq!(keys(line), set(&PING_KEYS));
        assert_time(&line["at"]);
        let answered = ["replied", "late"].contains(&text(&line["outcome"]));
        assert_eq!(line["rtt_us"].is_number(), answered, "{line}");
        assert!(answered || line["kernel_rtt_us"].is_null(), "{line}");
    }
    for line in &summaries {
        assert_eq!(line["event"], "summary");
        assert_eq!(keys(line), set(&PING_SUMMARY_KEYS));
        assert_eq!(keys(&line["rtt_us"]), set(&RTT_KEYS));
        assert_eq!(keys(&line["jitter_us"]), set(&JITTER_KEYS));
    }
    pings.sort_by_key(|line| line["seq"].as_u64());
    (pings, summaries)
}

#[test]
fn ping_tells_every_ping_and_its_figures_as_json() {
    let (_server, address) = echo(&["--loss", "pattern:110111"]);
    let finished = ping(&[&address, "--json", "-c", "6", "-W", "100ms"]);
    assert_eq!(finished.code, Some(0));
    assert_eq!(finished.complaint, "");
    let (pings, summaries) = parts(&finished);
    let outcomes: Vec<(u64, &str)> = pings
        .iter()
        .map(|line| (line["seq"].as_u64().unwrap_or(0), text(&line["outcome"])))
        .collect();
    assert_eq!(
        outcomes,
        [
            (1, "replied"),
            (2, "replied"),
            (3, "lost"),
            (4, "replied"),
            (5, "replied"),
            (6, "replied")
        ]
    );
    for line in &pings {
        assert_eq!(line["target"], address.as_str());
        assert_eq!(line["duplicates"], 0);
        assert_eq!(line["reordered"], false);
        assert_eq!(line["damaged"], false);
    }
    if cfg!(target_os = "linux") {
        // Not the first: the kernel begins to stamp a moment after it is asked to.
        assert!(number(&pings[5]["kernel_rtt_us"]) > 0.0, "{pings:?}");
    }
    let [summary] = summaries.as_slice() else {
        panic!("one target, one summary: {summaries:?}");
    };
    for (key, count) in [
        ("sent", 6),
        ("replied", 5),
        ("late", 0),
        ("lost", 1),
        ("refused", 0),
        ("duplicates", 0),
        ("reordered", 0),
        ("damaged", 0),
        ("unsolicited", 0),
        ("longest_loss_run", 1),
    ] {
        assert_eq!(summary[key], count, "{key}");
    }
    assert!((number(&summary["loss"]) - 1.0 / 6.0).abs() < 1e-12);
    // Wilson, 1 of 6, z = 1.959964.
    let interval = [&summary["loss_ci95"][0], &summary["loss_ci95"][1]].map(number);
    assert!((interval[0] - 0.030_053).abs() < 1e-5, "{interval:?}");
    assert!((interval[1] - 0.563_503).abs() < 1e-5, "{interval:?}");
    let mut rtts: Vec<f64> = pings
        .iter()
        .filter(|line| line["outcome"] == "replied")
        .map(|line| number(&line["rtt_us"]))
        .collect();
    rtts.sort_by(f64::total_cmp);
    let mean = rtts.iter().sum::<f64>() / 5.0;
    for (key, expected) in [
        ("min", rtts[0]),
        ("p50", rtts[2]),
        ("p95", rtts[4]),
        ("max", rtts[4]),
        ("mean", mean),
    ] {
        let have = number(&summary["rtt_us"][key]);
        assert!(
            (have - expected).abs() < 0.002 * expected,
            "{key} {have} {expected}"
        );
    }
    for key in ["srtt_us", "rttvar_us", "rto_us", "burst_ratio"] {
        assert!(summary[key].is_number(), "{key}");
    }
}

#[test]
fn ping_exits_with_1_when_nothing_answers() {
    let (_socket, address) = silence();
    let finished = ping(&[&address, "--json", "-c", "2", "-W", "20ms"]);
    assert_eq!(finished.code, Some(1));
    let (pings, summaries) = parts(&finished);
    assert!(pings.iter().all(|line| line["outcome"] == "lost"));
    let summary = &summaries[0];
    assert_eq!(summary["lost"], 2);
    assert_eq!(summary["loss"], 1.0);
    for key in RTT_KEYS {
        assert!(summary["rtt_us"][key].is_null(), "{key}");
    }
    for key in JITTER_KEYS {
        assert!(summary["jitter_us"][key].is_null(), "{key}");
    }
    for key in ["srtt_us", "rttvar_us", "rto_us"] {
        assert!(summary[key].is_null(), "{key}");
    }
}

#[test]
fn a_closed_port_refuses() {
    let address = nobody();
    let finished = ping(&[&address, "--json", "-c", "2"]);
    assert_eq!(finished.code, Some(1));
    let (pings, summaries) = parts(&finished);
    assert!(pings.iter().all(|line| line["outcome"] == "refused"));
    assert_eq!(summaries[0]["refused"], 2);
    let said = ping(&[&address, "-c", "1"]).text();
    assert!(said.contains("Ping 1: refused, nobody listens"), "{said}");
}

#[test]
fn a_reply_after_the_timeout_is_late_not_lost() {
    let (_server, address) = echo(&["--loss", "none", "--delay", "300ms"]);
    let arguments = [&address, "-c", "2", "-W", "100ms"];
    let finished = ping(&[&arguments[..], &["--json"]].concat());
    assert_eq!(finished.code, Some(0));
    let (pings, summaries) = parts(&finished);
    for line in &pings {
        assert_eq!(line["outcome"], "late");
        assert!(number(&line["rtt_us"]) >= 300_000.0, "{line}");
    }
    let summary = &summaries[0];
    assert_eq!((&summary["late"], &summary["lost"]), (&json!(2), &json!(0)));
    assert_eq!(summary["loss"], 0.0);

    let finished = ping(&arguments);
    assert_eq!(finished.code, Some(0));
    let said = finished.text();
    assert!(said.contains("Ping 1: request timed out"), "{said}");
    assert!(said.contains("Ping 1: late reply \"PING 1 "), "{said}");
}

#[test]
fn ping_marks_what_the_link_did_to_replies() {
    let (_server, address) = echo(&["--loss", "none", "--duplicate", "100%"]);
    let (pings, summaries) = parts(&ping(&[&address, "--json", "-c", "2", "-W", "100ms"]));
    assert!(pings.iter().all(|line| line["duplicates"] == 1));
    assert_eq!(summaries[0]["duplicates"], 2);

    let (_server, address) = echo(&["--loss", "none", "--reply-corrupt", "100%"]);
    let (pings, summaries) = parts(&ping(&[&address, "--json", "-c", "5", "-W", "100ms"]));
    let damaged = pings.iter().filter(|line| line["damaged"] == true).count();
    assert_eq!(summaries[0]["damaged"], damaged);
    assert!(damaged > 0, "{pings:?}");
}

#[test]
fn ping_tells_people_in_lines() {
    let (_server, address) = echo(&["--loss", "pattern:10"]);
    let finished = ping(&[&address, "-c", "2", "-W", "50ms"]);
    let opening = format!("Pinging {address} over UDP, timeout 50ms, clock step ");
    assert!(finished.lines[0].starts_with(&opening), "{finished:?}");
    let said = finished.text();
    for expected in [
        "Ping 1: reply \"PING 1 ",
        "Ping 2: request timed out",
        &format!("--- {address} ---"),
        "2 sent, 1 replied, 0 late, 1 lost, 0 refused",
        "loss 50.0 % [9.5–90.5]",
        "RTT min ",
        "RTT p50 ",
        "jitter RFC 3550 ",
        "SRTT ",
    ] {
        assert!(said.contains(expected), "{expected} in {said}");
    }
}

#[test]
fn ping_sends_what_was_asked_for() {
    let cases: [(&[&str], usize); 2] = [(&["--plain"], 6), (&["--size", "64"], 64)];
    for (arguments, bytes) in cases {
        let (mut server, address) = echo(&["--loss", "none", "--count", "1"]);
        let mut all = vec![address.as_str(), "-c", "1"];
        all.extend(arguments);
        assert_eq!(ping(&all).code, Some(0));
        let line = server.json();
        assert_eq!(line["bytes"], bytes, "{arguments:?}");
        let payload = text(&line["payload"]);
        if bytes == 6 {
            assert_eq!(payload, "Ping 1");
        } else {
            assert!(payload.starts_with("Ping 1 "), "{payload}");
        }
    }
}

#[test]
fn plain_pings_have_no_size_to_choose() {
    let finished = ping(&["127.0.0.1:9", "--plain", "--size", "64"]);
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(
        finished.complaint.contains("--size has no place"),
        "{finished:?}"
    );
}

#[test]
fn steady_pings_do_not_wait_for_each_other() {
    let (_server, address) = echo(&["--loss", "none", "--delay", "200ms"]);
    let finished = ping(&[
        &address, "--json", "--mode", "steady", "-i", "10ms", "-c", "5",
    ]);
    let (pings, _) = parts(&finished);
    let at = |line: &Value| chrono::DateTime::parse_from_rfc3339(text(&line["at"])).expect("time");
    let took = at(&pings[4]) - at(&pings[0]);
    // All were on their way before the first was answered: a quarter of the time that one of them takes.
    assert!(took < chrono::TimeDelta::milliseconds(200), "{took}");
    // Deadlines are absolute: a first ping that went out late is not made up for by the others going later.
    assert!(took > chrono::TimeDelta::milliseconds(20), "{took}");
}

#[test]
fn several_targets_are_pinged_at_once() {
    let (_one, first) = echo(&["--loss", "none"]);
    let (_two, second) = echo(&["--loss", "100%"]);
    let finished = ping(&[&first, &second, "--json", "-c", "2", "-W", "50ms"]);
    assert_eq!(finished.code, Some(0), "one of them answered");
    let (pings, summaries) = parts(&finished);
    assert_eq!(pings.len(), 4);
    for line in &pings {
        let expected = if line["target"] == first.as_str() {
            "replied"
        } else {
            "lost"
        };
        assert_eq!(line["outcome"], expected, "{line}");
    }
    let targets: Vec<&str> = summaries.iter().map(|line| text(&line["target"])).collect();
    assert_eq!(targets, [&first, &second]);

    let said = ping(&[&first, &second, "-c", "1", "-W", "50ms"]);
    let of = |target: &str, what: &str| {
        let line = |line: &String| line.starts_with(target) && line.contains(what);
        said.lines.iter().any(line)
    };
    assert!(of(&first, "Ping 1: reply"), "{said:?}");
    assert!(of(&second, "Ping 1: request timed out"), "{said:?}");
}

#[test]
fn csv_holds_the_pings_and_is_never_overwritten() {
    let (_server, address) = echo(&["--loss", "pattern:10"]);
    let kept = folder();
    let path = kept.path().join("pings.csv");
    let csv = path.to_str().expect("UTF-8");
    let arguments = [&address, "--json", "-c", "2", "-W", "50ms", "--csv", csv];
    let finished = ping(&arguments);
    assert_eq!(finished.code, Some(0));
    let table = std::fs::read_to_string(&path).expect("it was written");
    let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split(',').collect()).collect();
    assert_eq!(rows[0], PING_KEYS[1..]);
    assert_eq!(rows.len(), 3);
    let (pings, _) = parts(&finished);
    for ping in &pings {
        let expected: Vec<String> = PING_KEYS[1..]
            .iter()
            .map(|key| match &ping[key] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                Value::Number(number) => number.as_f64().map(|n| n.to_string()).unwrap_or_default(),
                other => other.to_string(),
            })
            .collect();
        assert!(
            rows.iter().any(|row| *row == expected),
            "{expected:?} in {table}"
        );
    }
    assert_private(&path);

    let again = ping(&arguments);
    assert_eq!(again.code, Some(2));
    assert!(again.complaint.contains(csv), "{again:?}");
    assert!(again.lines.is_empty(), "{again:?}");
    assert_eq!(std::fs::read_to_string(&path).expect("still there"), table);

    let nowhere = kept.path().join("none").join("x.csv");
    let finished = ping(&[&address, "--csv", nowhere.to_str().expect("UTF-8")]);
    assert_eq!(finished.code, Some(2));
    assert!(finished.complaint.contains("cannot be written"));
}

/// Results are for their owner's eyes.
fn assert_private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = path.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    #[cfg(not(unix))]
    assert!(path.exists());
}

#[test]
fn a_closed_pipe_ends_a_command_quietly() {
    let (mut server, address) = echo(&["--loss", "none"]);
    let mut pings = sockscope(&[
        "ping", &address, "--mode", "steady", "-i", "5ms", "-c", "endless",
    ])
    .start();
    pings.line();
    pings.close_output();
    let finished = pings.finish();
    assert_eq!((finished.code, finished.complaint.as_str()), (Some(0), ""));

    // The server notices at the next datagram that nobody reads.
    server.close_output();
    let pings = sockscope(&[
        "ping", &address, "--mode", "steady", "-i", "5ms", "-c", "endless", "--json",
    ])
    .start();
    let finished = server.finish();
    assert_eq!((finished.code, finished.complaint.as_str()), (Some(0), ""));
    drop(pings);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_ping_with_its_summary() {
    use nix::sys::signal::Signal;
    let (_server, address) = echo(&["--loss", "none"]);
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut pings = sockscope(&[
            "ping", &address, "--json", "--mode", "steady", "-i", "10ms", "-c", "endless",
        ])
        .start();
        pings.json();
        pings.signal(signal);
        let finished = pings.finish();
        assert_eq!(finished.code, Some(0), "{signal}");
        let (lines, summaries) = parts(&finished);
        assert_eq!(summaries.len(), 1);
        assert!(number(&summaries[0]["replied"]) >= 1.0);
        assert!(number(&summaries[0]["sent"]) >= lines.len() as f64);
    }
}

#[test]
fn a_name_without_an_address_is_in_vain() {
    let finished = ping(&["no-such-host.invalid"]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.complaint.contains("no-such-host.invalid:12000"));
}

// ---- settings ----

#[test]
fn bad_values_are_named_with_what_is_allowed() {
    let table: [(&[&str], &[&str]); 14] = [
        (&["ping", "-c", "0"], &["--count", "\"0\"", "from 1 up"]),
        (&["ping", "-W", "5"], &["--timeout", "write 5ms or 5s"]),
        (&["ping", "-i", "fast"], &["--interval", "not a duration"]),
        (&["ping", "--mode", "lazy"], &["--mode", "lab or steady"]),
        (&["ping", "--size", "65508"], &["--size", "0 to 65507"]),
        (&["ping", "a b:"], &["TARGET", "hosts or addresses"]),
        (&["echo", "--loss", "30"], &["--loss", "30%"]),
        (
            &["echo", "--listen", "here"],
            &["--listen", "IP address and a port"],
        ),
        (&["echo", "--preset", "moon"], &["--preset", "satellite"]),
        (&["echo", "--seed", "-"], &["--seed", "or random"]),
        (&["echo", "--count", "x"], &["--count", "from 1 up"]),
        (&["--lang", "fr"], &["--lang", "zh-CN"]),
        (&["--theme", "pink"], &["--theme", "colour-blind"]),
        (&["echo", "--frob"], &["--frob", "Usage: sockscope echo"]),
    ];
    for (arguments, said) in table {
        let finished = sockscope(arguments).run();
        assert_eq!(finished.code, Some(2), "{arguments:?}");
        assert!(finished.lines.is_empty(), "{finished:?}");
        for part in said {
            assert!(finished.complaint.contains(part), "{part} in {finished:?}");
        }
    }
    let finished = sockscope(&["pign"]).run();
    assert_eq!(finished.code, Some(2));
    assert!(finished.complaint.contains("did you mean ping?"));
}

#[test]
fn a_bad_variable_is_named() {
    let finished = sockscope(&["echo"])
        .env("SOCKSCOPE_ECHO_LOSS", "much")
        .run();
    assert_eq!(finished.code, Some(2));
    for part in ["SOCKSCOPE_ECHO_LOSS", "much", "pattern:1101"] {
        assert!(finished.complaint.contains(part), "{finished:?}");
    }
    let finished = sockscope(&["echo"]).env("SOCKSCOPE_ECHO_LOS", "1%").run();
    assert_eq!(finished.code, Some(2));
    assert!(finished.complaint.contains("SOCKSCOPE_ECHO_LOS"));
}

#[test]
fn a_bad_line_of_the_file_is_named() {
    let table = [
        ("lang = 'en'\n[ping]\ncuont = 3\n", "line 3", "ping.count"),
        ("[ping]\n\n\ncount = -3\n", "line 4", "from 1 up"),
        ("[echo]\nloss = '200%'\n", "line 2", "0% to 100%"),
        ("theme = 'dark'\nlang == 'en'\n", "line 2", "not valid TOML"),
        ("ping = 3\n", "line 1", "is a section"),
    ];
    for (file, line, said) in table {
        let finished = sockscope(&["--config", "my.toml", "config"])
            .file("my.toml", file)
            .run();
        assert_eq!(finished.code, Some(2), "{file}");
        for part in ["my.toml", line, said] {
            assert!(finished.complaint.contains(part), "{part} in {finished:?}");
        }
    }
    let finished = sockscope(&["--config", "none.toml", "config"]).run();
    assert_eq!(finished.code, Some(2));
    assert!(finished.complaint.contains("none.toml"), "{finished:?}");
}

#[test]
fn flags_overrule_the_environment_and_that_the_file() {
    let file = "[ping]\ncount = 1\ntimeout = '1ms'\nsize = 10\n[echo]\nloss = '10%'\n";
    let finished = sockscope(&["--config", "my.toml", "--loss", "30%", "config"])
        .file("my.toml", file)
        .env("SOCKSCOPE_PING_COUNT", "2")
        .env("SOCKSCOPE_ECHO_LOSS", "20%")
        .run();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    for line in [
        "loss = \"30%\"  # --loss",
        "count = 2  # environment variable SOCKSCOPE_PING_COUNT",
        "timeout = \"1ms\"  # my.toml, line 3",
        "size = 10  # my.toml, line 4",
        "mode = \"auto\"  # default",
    ] {
        assert!(finished.lines.iter().any(|have| have == line), "{line}");
    }
    let parsed: toml::Table = finished.text().parse().expect("TOML");
    assert_eq!(parsed["ping"]["count"].as_integer(), Some(2));

    // What was printed is a settings file that says the same.
    let again = sockscope(&["--config", "again.toml", "config"])
        .file("again.toml", &finished.text())
        .run();
    let again: toml::Table = again.text().parse().expect("TOML");
    assert_eq!(again, parsed);
}

#[test]
fn settings_reach_the_command() {
    let (_server, address) = echo(&["--loss", "none"]);
    let file = format!("[ping]\ntargets = ['{address}']\ncount = 2\n");
    let finished = sockscope(&["ping", "--json"])
        .file("my.toml", &file)
        .env("SOCKSCOPE_CONFIG", "my.toml")
        .run();
    let (pings, summaries) = parts(&finished);
    assert_eq!(pings.len(), 2);
    assert_eq!(summaries[0]["target"], address.as_str());
}

#[cfg(target_os = "linux")]
#[test]
fn the_file_is_found_in_the_folder_of_the_platform() {
    let finished = sockscope(&["config"])
        .file("sockscope/config.toml", "theme = 'light'\n")
        .run();
    let line = finished
        .lines
        .iter()
        .find(|line| line.starts_with("theme = "))
        .expect("the theme");
    assert!(line.starts_with("theme = \"light\"  # "), "{line}");
    assert!(line.ends_with("sockscope/config.toml, line 1"), "{line}");
}

// ---- help, completions, languages ----

#[test]
fn help_shows_usage_and_examples() {
    let mut pages: Vec<Vec<&str>> = COMMANDS.iter().map(|name| vec![*name, "--help"]).collect();
    pages.push(vec!["--help"]);
    pages.push(vec!["ping", "-h"]);
    for page in &pages {
        let finished = sockscope(page).run();
        assert_eq!(finished.code, Some(0), "{page:?}");
        let said = finished.text();
        assert!(said.contains("\nUsage: sockscope"), "{said}");
        let (_, examples) = said.split_once("\nExamples:\n").expect("examples");
        assert!(examples.lines().count() >= 2, "{said}");
        for line in examples.lines().filter(|line| !line.is_empty()) {
            assert!(line.starts_with("  sockscope"), "{line}");
        }

        let mut chinese = page.clone();
        chinese.extend(["--lang", "zh-CN"]);
        let said = sockscope(&chinese).run().text();
        for heading in ["用法: sockscope", "示例:", "通用选项:"] {
            assert!(said.contains(heading), "{heading} in {said}");
        }
        assert!(!said.contains("Usage"), "{said}");
    }
}

#[test]
fn help_and_version_end_their_last_line() {
    for arguments in [&["--version"][..], &["--help"], &["echo", "--help"]] {
        let output = std::process::Command::new(support::PROGRAM)
            .args(arguments)
            .output()
            .expect("the program starts");
        assert!(output.stdout.ends_with(b"\n"), "{arguments:?}");
        assert!(!output.stdout.ends_with(b"\n\n"), "{arguments:?}");
    }
    let finished = sockscope(&["--version"]).run();
    let expected = format!("sockscope {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(finished.lines, [expected]);
}

#[test]
fn completions_are_written_for_each_shell() {
    let table = [
        ("bash", "complete -F _sockscope"),
        ("zsh", "#compdef sockscope"),
        ("fish", "complete -c sockscope"),
        ("elvish", "edit:completion:arg-completer[sockscope]"),
        ("powershell", "Register-ArgumentCompleter"),
    ];
    for (shell, mark) in table {
        let finished = sockscope(&["completions", shell]).run();
        assert_eq!(finished.code, Some(0), "{shell}");
        let said = finished.text();
        assert!(said.contains(mark), "{shell}");
        for part in COMMANDS
            .iter()
            .chain(&["reply-loss", "list-presets", "csv"])
        {
            assert!(said.contains(part), "{part} for {shell}");
        }
    }
    let finished = sockscope(&["completions", "tcsh"]).run();
    assert_eq!(finished.code, Some(2));
    assert!(finished.complaint.contains("fish"), "{finished:?}");
}

#[test]
fn everything_is_said_in_chinese_too() {
    let chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    let mut server = sockscope(&[
        "echo",
        "--listen",
        "127.0.0.1:0",
        "--lang",
        "zh-CN",
        "--loss",
        "pattern:10",
        "--reply-delay",
        "1ms",
        "--count",
        "2",
    ])
    .start();
    let first = server.line();
    let address = first
        .split_whitespace()
        .find_map(|word| {
            Some(
                word.get(..word.find('（')?)?
                    .trim_start_matches(|c: char| !c.is_ascii_digit())
                    .to_owned(),
            )
        })
        .expect("the address");
    let pings = sockscope(&["ping", &address, "-c", "2", "-W", "50ms"])
        .env("LANG", "zh_CN.UTF-8")
        .run();
    assert_eq!(pings.code, Some(0), "{pings:?}");
    let title = format!("--- {address} ---");
    for line in pings.lines.iter().filter(|line| **line != title) {
        let figures_only = line.starts_with("RTT p50") || line.starts_with("SRTT");
        assert!(figures_only || line.contains(chinese), "{line}");
    }
    let served = server.finish();
    for line in &served.lines {
        assert!(line.contains(chinese), "{line}");
    }
    let refused = sockscope(&["ping", &nobody(), "-c", "1", "--lang", "zh-CN"]).run();
    assert!(refused.text().contains("被拒绝"), "{refused:?}");
    let config = sockscope(&["config", "--lang", "zh-CN"]).run();
    assert!(config.text().contains("# 默认值"), "{config:?}");
    let complaint = sockscope(&["ping", "-c", "0", "--lang", "zh-CN"]).run();
    assert_eq!(complaint.code, Some(2));
    assert!(complaint.complaint.contains("请写"), "{complaint:?}");
}

#[test]
fn the_dashboard_needs_a_terminal_and_says_so() {
    let finished = sockscope(&["--listen", "127.0.0.1:0"]).run();
    assert_eq!(finished.code, Some(1));
    assert!(finished.lines.is_empty(), "{finished:?}");
    let said = "the dashboard needs a terminal";
    assert!(finished.complaint.contains(said), "{finished:?}");
}
