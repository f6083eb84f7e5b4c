//! Against the programs that students write for the lab, in plain Python, both ways: what one side counts, the other does too.
//!
//! `cargo test --test lab_programs -- --ignored`

mod support;

use serde_json::{Value, json};

use support::command::{Running, sockscope, start};

/// Starts one of the lab's programs.
fn python(program: &str, arguments: &[&str]) -> Running {
    let program = format!("{}/tests/lab/{program}", env!("CARGO_MANIFEST_DIR"));
    start("python3", &[&[program.as_str()], arguments].concat())
}

/// Pings the lab's server ten times; returns what each side told.
fn ping_their_server(arguments: &[&str]) -> (Vec<Value>, Vec<String>) {
    let mut server = python("server.py", &["7", "10"]);
    let target = format!("127.0.0.1:{}", server.line());
    let ping = ["ping", &target, "--json", "-W", "200ms"];
    let finished = sockscope(&[&ping, arguments].concat()).run();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let theirs = server.finish();
    assert_eq!(theirs.code, Some(0), "{theirs:?}");
    (finished.json(), theirs.lines)
}

/// The last two words of a count line, `answered N`, as a number.
fn answered(lines: &[String]) -> u64 {
    let last = lines.last().expect("a line of counts");
    let (_, count) = last.rsplit_once("answered ").expect("a count");
    count.parse().expect("a number")
}

fn check_their_server(arguments: &[&str], is_ours: fn(&str, usize) -> bool) {
    let (ours, theirs) = ping_their_server(arguments);
    let received: Vec<&String> = theirs.iter().skip(1).take(10).collect();
    for (text, seq) in received.iter().zip(1..) {
        assert!(is_ours(text, seq), "{text}");
    }
    let summary = ours.last().expect("a summary");
    let answered = answered(&theirs);
    assert!((1..10).contains(&answered), "some are lost, some are not");
    for (key, count) in [
        ("sent", 10),
        ("replied", answered),
        ("lost", 10 - answered),
        ("late", 0),
        ("damaged", 0),
        ("unsolicited", 0),
    ] {
        assert_eq!(summary[key], count, "{key}");
    }
}

#[test]
#[ignore = "needs python3"]
fn the_plain_pinger_and_their_server_agree() {
    check_their_server(&["--plain"], |text, seq| text == format!("Ping {seq}"));
}

#[test]
#[ignore = "needs python3"]
fn the_pinger_with_tokens_and_their_server_agree() {
    check_their_server(&[], |text, seq| text.starts_with(&format!("Ping {seq} ")));
}

#[test]
#[ignore = "needs python3"]
fn their_pinger_and_our_server_agree() {
    let arguments = [
        "echo",
        "--listen",
        "127.0.0.1:0",
        "--json",
        "--seed",
        "42",
        "--count",
        "10",
    ];
    let mut server = sockscope(&arguments).start();
    let listening = server.json();
    let address = listening["address"].as_str().expect("an address");
    let (_, port) = address.rsplit_once(':').expect("a port");
    let theirs = python("client.py", &[port]).finish();
    assert_eq!(theirs.code, Some(0), "{theirs:?}");
    let finished = server.finish();
    assert_eq!(finished.code, Some(0));
    let ours = finished.json();
    let answered = answered(&theirs.lines);
    assert!((1..10).contains(&answered), "some are lost, some are not");
    for (line, seq) in ours[1..11].iter().zip(1..) {
        assert_eq!(line["payload"], format!("Ping {seq}"));
        let said = &theirs.lines[seq - 1];
        if line["verdict"] == "replied" {
            assert!(said.starts_with(&format!("PING {seq} RTT ")), "{said}");
        } else {
            assert_eq!(line["verdict"], "request-lost");
            assert_eq!(said, "Request timed out");
        }
    }
    let summary = &ours[11];
    assert_eq!(summary["received"], 10);
    assert_eq!(summary["replied"], answered);
    assert_eq!(summary["request_lost"], 10 - answered);
    let client = &summary["clients"][0];
    assert_eq!(client["replied"], json!(answered));
}
