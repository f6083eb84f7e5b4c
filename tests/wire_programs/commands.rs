//! Captures that the commands write: tshark counts in them what the commands said as JSON.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::command::{Finished, Running, sockscope};
use crate::support::folder;
use crate::{Captured, sorted};

/// Commands and the captures that they write.
struct Captures {
    folder: TempDir,
    began: SystemTime,
}

impl Captures {
    fn new() -> Self {
        Self {
            folder: folder(),
            began: SystemTime::now(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a command that captures to a file of this name. What it keeps on disk is kept for all.
    fn start(&self, name: &str, arguments: &[&str]) -> Running {
        let path = self.path(name);
        let capture = ["--capture", path.to_str().expect("UTF-8")];
        let state = self.path("state");
        let command = sockscope(&[arguments, &capture].concat());
        let command = command.env("SOCKSCOPE_STATE", state.to_str().expect("UTF-8"));
        command.env("P", "hard to guess").start()
    }

    /// A server, and what its first line says.
    fn serve(&self, name: &str, arguments: &[&str]) -> (Running, Value) {
        let mut server = self.start(name, &[arguments, &["--json"]].concat());
        let listening = server.json();
        assert_eq!(listening["event"], "listening");
        (server, listening)
    }

    /// What a command wrote that has ended: nothing is wrong with it, its length and times are what other programs say they are, and the command told
    /// as many packets as there are.
    fn read(&self, name: &str, decode: &[&str], finished: &Finished) -> Captured {
        let captured = Captured::at(self.path(name));
        captured.assert_sound(decode);
        captured.assert_times();
        let times = captured.field(&[], "frame", "frame.time_epoch");
        let seconds = |time: SystemTime| {
            let since = time.duration_since(SystemTime::UNIX_EPOCH);
            since.expect("it is later than 1970").as_secs_f64()
        };
        // The clocks of the programs are the same; a millisecond is for what a float cannot tell apart.
        let span = seconds(self.began) - 1e-3..seconds(SystemTime::now()) + 1e-3;
        for time in &times {
            let time: f64 = time.parse().expect("seconds");
            assert!(span.contains(&time), "{time} is not in {span:?}");
        }
        let told = times.len().to_string();
        let says_so = |line: &String| line.contains(&format!("\"written\":{told},"));
        let is_told = finished.lines.iter().any(says_so)
            || finished.complaint.contains(&format!(": {told} packets"));
        assert!(is_told, "{told} packets: {finished:?}");
        captured
    }
}

/// Asks a server to end.
fn stopped(server: Running) -> Finished {
    server.signal(Signal::SIGINT);
    let finished = server.finish();
    assert_eq!((finished.code, finished.complaint.as_str()), (Some(0), ""));
    finished
}

fn of<'a>(lines: &'a [Value], event: &'a str) -> impl Iterator<Item = &'a Value> {
    lines.iter().filter(move |line| line["event"] == event)
}

fn summary(lines: &[Value]) -> &Value {
    of(lines, "summary").next().expect("a summary")
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

fn port(address: &Value) -> &str {
    let (_, port) = text(address).rsplit_once(':').expect("a port");
    port
}

/// How many of these codes begin with each digit, as summaries name it.
fn by_class(codes: &[String]) -> BTreeMap<String, u64> {
    let mut classes = BTreeMap::new();
    for code in codes {
        *classes.entry(format!("{}xx", &code[..1])).or_default() += 1;
    }
    classes
}

/// The same of a summary, without what it has none of.
fn told_by_class(classes: &Value) -> BTreeMap<String, u64> {
    let classes = classes.as_object().expect("an object");
    let classes = classes
        .iter()
        .map(|(class, count)| (class.clone(), number(count)));
    classes.filter(|(_, count)| *count > 0).collect()
}

#[test]
#[ignore = "needs tshark"]
fn pings_are_as_many_as_each_end_says() {
    let captures = Captures::new();
    let (server, listening) = captures.serve(
        "echo.pcapng",
        &[
            "echo",
            "--listen",
            "127.0.0.1:0",
            "--seed",
            "42",
            "--loss",
            "20%",
            "--reply-loss",
            "20%",
            "--reply-duplicate",
            "30%",
            "--reply-delay",
            "2ms",
        ],
    );
    let address = text(&listening["address"]);
    let port = port(&listening["address"]);
    let ping = ["ping", "-c", "60", "--timeout", "200ms", "--json", address];
    let client = captures.start("ping.pcapng", &ping).finish();
    assert_eq!(client.code, Some(0), "{}", client.complaint);
    let server = stopped(server);
    let to_server = format!("udp.dstport == {port}");
    let from_server = format!("udp.srcport == {port}");

    let captured = captures.read("ping.pcapng", &[], &client);
    let lines = client.json();
    let told = summary(&lines);
    let count = |key: &str| number(&told[key]);
    assert_eq!(captured.number_of(&[], &to_server), count("sent"));
    let received = ["replied", "late", "duplicates", "unsolicited"].map(count);
    assert_eq!(
        captured.number_of(&[], &from_server),
        received.iter().sum::<u64>()
    );
    // A timeout is told on the packet after it, and there is none after the last ping.
    let timed_out = captured.field(
        &[],
        "frame.comment contains \"no reply within\"",
        "frame.comment",
    );
    let at_its_end = of(&lines, "ping")
        .filter(|ping| ping["outcome"] == "lost" && ping["seq"] == 60)
        .count();
    assert!(count("lost") > 0);
    assert_eq!(
        (timed_out.len() + at_its_end) as u64,
        count("lost") + count("late")
    );

    let captured = captures.read("echo.pcapng", &[], &server);
    let lines = server.json();
    let told = summary(&lines);
    let count = |key: &str| number(&told[key]);
    assert_eq!(captured.number_of(&[], &to_server), count("received"));
    assert_eq!(captured.number_of(&[], &from_server), count("copies"));
    let verdicts = |words: &str| {
        captured.number_of(
            &[],
            &format!("{to_server} and frame.comment contains \"{words}\""),
        )
    };
    assert!(count("request_lost") > 0 && count("reply_lost") > 0);
    assert_eq!(verdicts(": request-lost"), count("request_lost"));
    assert_eq!(verdicts(": reply-lost"), count("reply_lost"));
    assert_eq!(verdicts("reply delayed 2.000 ms"), count("replied"));
    assert!(count("copies") > count("replied"));
    assert_eq!(
        verdicts("duplicated ×2"),
        count("copies") - count("replied")
    );
}

#[test]
#[ignore = "needs tshark"]
fn requests_are_as_many_as_the_web_server_says() {
    let captures = Captures::new();
    let (server, listening) = captures.serve("serve.pcapng", &["serve", "--listen", "127.0.0.1:0"]);
    let address = text(&listening["address"]);
    let port = port(&listening["address"]);
    let decode = format!("tcp.port=={port},http");
    let decode = ["-d", &decode];
    let asked = [
        ("GET", "/HelloWorld.html", "200"),
        ("HEAD", "/HelloWorld.html", "200"),
        ("GET", "/nothing-is-here", "404"),
        ("DELETE", "/HelloWorld.html", "405"),
        ("OPTIONS", "/", "204"),
    ];
    for (index, (method, path, status)) in asked.iter().enumerate() {
        let url = format!("http://{address}{path}");
        let name = format!("get-{index}.pcapng");
        let client = captures.start(&name, &["get", &url, "-X", method]).finish();
        assert_eq!(client.code, Some(0), "{}", client.complaint);
        let captured = captures.read(&name, &decode, &client);
        assert_eq!(
            captured.field(&decode, "http.request", "http.request.method"),
            [*method]
        );
        let codes = captured.field(&decode, "http.response", "http.response.code");
        assert_eq!(codes, [*status], "{method} {path}: {}", client.text());
    }
    let server = stopped(server);
    let lines = server.json();
    let told = summary(&lines);
    let captured = captures.read("serve.pcapng", &decode, &server);
    let requests = |key: &str| {
        let shown = |line: &Value| line[key].to_string().trim_matches('"').to_owned();
        sorted(of(&lines, "request").map(shown).collect())
    };
    let methods = captured.field(&decode, "http.request", "http.request.method");
    assert_eq!(methods.len() as u64, number(&told["requests"]));
    assert_eq!(sorted(methods), requests("method"));
    let codes = captured.field(&decode, "http.response", "http.response.code");
    assert_eq!(by_class(&codes), told_by_class(&told["statuses"]));
    assert_eq!(sorted(codes), requests("status"));
    let opened = captured.number_of(&[], "tcp.flags.syn == 1 and tcp.flags.ack == 0");
    assert_eq!(opened, number(&told["connections"]));
    assert_eq!(
        captured.bytes(&format!("tcp.dstport == {port}")),
        number(&told["bytes_in"])
    );
    assert_eq!(
        captured.bytes(&format!("tcp.srcport == {port}")),
        number(&told["bytes_out"])
    );
    let comments = captured.field(&decode, "http.response", "frame.comment");
    for rule in requests("rule") {
        let of_rule = format!(": {rule} (RFC");
        assert!(
            comments.iter().any(|comment| comment.contains(&of_rule)),
            "{rule}: {comments:?}"
        );
    }
}

/// The first four letters of each command that tshark or a command tells; that is all that tshark keeps of a longer one.
fn verbs(commands: impl Iterator<Item = String>) -> Vec<String> {
    let verb = |command: String| {
        let verb = command.split(' ').next().unwrap_or_default();
        verb.chars().take(4).collect()
    };
    sorted(commands.map(verb).collect())
}

fn said(lines: &[Value]) -> (Vec<String>, Vec<String>) {
    let commands = of(lines, "command").map(|line| text(&line["text"]).to_owned());
    let codes = of(lines, "reply").map(|line| number(&line["code"]).to_string());
    (verbs(commands), sorted(codes.collect()))
}

fn dissected(captured: &Captured, decode: &[&str]) -> (Vec<String>, Vec<String>) {
    let commands = captured.field(decode, "smtp.req.command", "smtp.req.command");
    let codes = captured.field(decode, "smtp.rsp", "smtp.response.code");
    (verbs(commands.into_iter()), sorted(codes))
}

#[test]
#[ignore = "needs tshark"]
fn commands_and_replies_are_those_that_both_ends_of_mail_say() {
    let captures = Captures::new();
    let free = "127.0.0.1:0";
    let (mut server, listening) = captures.serve(
        "mailbox.pcapng",
        &[
            "mailbox",
            "--listen",
            free,
            "--tls-listen",
            free,
            "--dir",
            "memory",
        ],
    );
    let address = text(&listening["address"]);
    let tls_address = text(&listening["tls_address"]);
    let decode = ["address", "tls_address"].map(|key| {
        let port = port(&listening[key]);
        format!("tcp.port=={port},smtp")
    });
    let decode = ["-d", &decode[0], "-d", &decode[1]];
    let login = ["--user", "bob", "--password-env", "P", "--auth", "plain"];
    let mut masked = 0;
    let sendings = [
        ("none", address, &[][..]),
        ("none", address, &login),
        ("starttls", address, &login),
        ("tls", tls_address, &[]),
    ];
    for (index, (security, address, login)) in sendings.into_iter().enumerate() {
        let name = format!("mail-{index}.pcapng");
        let mail = [
            "mail",
            "--server",
            address,
            "--security",
            security,
            "--to",
            "ann@example.com",
            "--json",
        ];
        let client = captures.start(&name, &[&mail, login].concat()).finish();
        assert_eq!(client.code, Some(0), "{client:?}");
        let captured = captures.read(&name, &decode, &client);
        let lines = client.json();
        assert_eq!(dissected(&captured, &decode), said(&lines), "{security}");
        assert_eq!(summary(&lines)["outcome"], "sent");
        assert_eq!(captured.number_of(&decode, "imf.subject"), 1);
        let inside = captured.number_of(&decode, "frame.comment contains \"inside TLS\"");
        assert_eq!(inside > 0, security != "none", "{security}");
        let secret = "frame.comment contains \"secret masked\"";
        let here = captured.number_of(&decode, secret);
        assert_eq!(here, u64::from(!login.is_empty()));
        masked += here;
        // The server has said its last before it is asked to end.
        while server.json()["event"] != "closed" {}
    }
    let server = stopped(server);
    let lines = server.json();
    let told = summary(&lines);
    let captured = captures.read("mailbox.pcapng", &decode, &server);
    let (commands, codes) = dissected(&captured, &decode);
    assert_eq!(commands.len() as u64, number(&told["commands"]));
    assert_eq!(by_class(&codes), told_by_class(&told["replies"]));
    assert_eq!((commands, codes), said(&lines));
    assert_eq!(
        captured.number_of(&decode, "imf.subject"),
        number(&told["messages"])
    );
    assert_eq!(
        captured.number_of(&decode, "frame.comment contains \"secret masked\""),
        masked
    );
    // What is inside TLS after STARTTLS is written as a stream of its own, which says so.
    let opened = "tcp.flags.syn == 1 and tcp.flags.ack == 0";
    let inside = format!("{opened} and frame.comment contains \"from here on inside TLS\"");
    let inside = captured.number_of(&[], &inside);
    assert_eq!(inside, 1);
    assert_eq!(
        captured.number_of(&[], opened),
        number(&told["sessions"]) + inside
    );
}
