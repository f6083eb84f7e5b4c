//! `sockscope mail`: what it says, shows and tells the shell, against `sockscope mailbox`.

use std::net::TcpListener;

use serde_json::{Value, json};

use super::mailbox::Mailbox;
use crate::support::command::{Finished, sockscope};
use crate::{keys, set, text};

/// A word that stands nowhere else.
const PASSWORD: &str = "hard to guess";
/// What PLAIN and LOGIN make of it, for a user `bob`.
const ENCODED: [&str; 3] = [
    "AGJvYgBoYXJkIHRvIGd1ZXNz",
    "aGFyZCB0byBndWVzcw==",
    "aGFyZCB0",
];

const TO: [&str; 2] = ["--to", "ann@example.com"];
const TWO: [&str; 4] = ["--to", "ann@example.com", "--to", "bob@example.com"];

fn events<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

fn commands(lines: &[Value]) -> Vec<&str> {
    let commands = events(lines, "command").into_iter();
    commands.map(|line| text(&line["text"])).collect()
}

fn summary(finished: &Finished) -> Value {
    let summary = finished.json().pop().expect("a summary");
    assert_eq!(summary["event"], "summary");
    assert_eq!(
        keys(&summary),
        set(&[
            "event",
            "outcome",
            "stage",
            "accepted",
            "refused",
            "unknown",
            "not_tried",
            "sent",
            "asked",
            "failure",
            "reason",
        ])
    );
    summary
}

fn assert_no_secret(finished: &Finished) {
    let told = format!("{}\n{}", finished.text(), finished.complaint);
    for secret in ENCODED.iter().chain(&[PASSWORD]) {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

/// What the mailbox has stored, with its headers.
fn stored(mailbox: &mut Mailbox) -> String {
    let lines = mailbox.until("message");
    let file = text(&lines.last().expect("it")["file"]);
    let file = mailbox.server.home().join(file);
    std::fs::read_to_string(file).expect("it is there")
}

#[test]
fn the_dialogue_is_printed_and_then_a_line_a_recipient() {
    let mailbox = Mailbox::with(&[]);
    let finished = mailbox.mail(&TWO).run();
    assert_eq!((finished.code, finished.complaint.as_str()), (Some(0), ""));
    let lines: Vec<&str> = finished.lines.iter().map(String::as_str).collect();
    let said: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.strip_prefix(" -> "))
        .map(|line| line.split(' ').next().expect("a word"))
        .filter(|word| word.chars().all(|c| c.is_ascii_uppercase()))
        .collect();
    assert_eq!(said, ["EHLO", "MAIL", "RCPT", "RCPT", "DATA", "QUIT"]);
    for begin in [
        "=== Trying 127.0.0.1:",
        "=== Connected to 127.0.0.1:",
        "<-  220 ",
        "<-  250-PIPELINING",
        "<-  354 ",
        " -> From: student@example.com",
        "<-  221 2.0.0 ",
        "=== Connection closed",
        "ann@example.com: accepted, 250 2.0.0",
        "bob@example.com: accepted, 250 2.0.0",
    ] {
        assert!(
            lines.iter().any(|line| line.starts_with(begin)),
            "{begin} in {lines:#?}"
        );
    }
    let chinese = mailbox
        .mail(&[&TO[..], &["--lang", "zh-CN"]].concat())
        .run();
    assert_eq!(chinese.code, Some(0));
    assert!(
        chinese
            .lines
            .last()
            .expect("it")
            .starts_with("ann@example.com："),
        "{chinese:?}"
    );
}

#[test]
fn json_lines_have_the_promised_keys() {
    let mailbox = Mailbox::with(&[]);
    let login = [
        "--user",
        "bob",
        "--password-env",
        "WORD",
        "--security",
        "starttls",
        "--json",
    ];
    let finished = mailbox
        .mail(&[&TWO[..], &login].concat())
        .env("WORD", PASSWORD)
        .run();
    assert_eq!((finished.code, finished.complaint.as_str()), (Some(0), ""));
    assert_no_secret(&finished);
    let lines = finished.json();
    assert_eq!(keys(&lines[0]), set(&["event", "address"]));
    assert_eq!(
        (&lines[0]["event"], &lines[0]["address"]),
        (&json!("connected"), &json!(mailbox.address))
    );
    let has_keys = |event: &str, expected: &[&str]| {
        let lines = events(&lines, event);
        assert!(!lines.is_empty(), "no {event}");
        for line in lines {
            assert_eq!(keys(line), set(expected), "{line}");
        }
    };
    has_keys("command", &["event", "text"]);
    has_keys(
        "reply",
        &[
            "event",
            "code",
            "enhanced",
            "lines",
            "latency_us",
            "expected",
            "odd",
        ],
    );
    has_keys("content", &["event", "bytes", "stuffed"]);
    has_keys(
        "tls",
        &[
            "event",
            "server_name",
            "version",
            "cipher",
            "chain",
            "distrust",
            "error",
            "took_us",
        ],
    );
    let tls = events(&lines, "tls")[0];
    assert_eq!(
        (&tls["version"], &tls["distrust"]),
        (&json!("TLSv1.3"), &Value::Null)
    );
    let said = commands(&lines);
    assert_eq!(
        said[1..4],
        ["STARTTLS", said[0], "AUTH PLAIN ********"],
        "{said:?}"
    );
    assert_eq!(said.last(), Some(&"QUIT"));
    for reply in events(&lines, "reply") {
        assert_eq!(
            (&reply["expected"], &reply["odd"]),
            (&json!(true), &json!([])),
            "{reply}"
        );
        assert!(reply["latency_us"].as_f64() > Some(0.0), "{reply}");
    }
    let expected = json!({
        "event": "summary", "outcome": "sent", "stage": "quit",
        "accepted": ["ann@example.com", "bob@example.com"], "refused": [], "unknown": [],
        "not_tried": [], "sent": 1, "asked": 1, "failure": null, "reason": null,
    });
    assert_eq!(summary(&finished), expected);
}

#[test]
fn the_shell_is_told_how_it_ended() {
    let starttls = ["--security", "starttls"];
    let login = ["--user", "bob", "--password-env", "WORD"];
    // What the server does, what else is asked for, the exit code, the outcome, the stage, and what the complaint says.
    type Row<'a> = (&'a [&'a str], &'a [&'a str], i32, &'a str, &'a str, &'a str);
    let table: [Row; 13] = [
        (&[], &[], 0, "sent", "quit", ""),
        (
            &["--scenario", "one-bad-recipient"],
            &[],
            1,
            "partly-sent",
            "dot",
            "others",
        ),
        (
            &["--scenario", "vanishing"],
            &[],
            3,
            "failed",
            "rcpt",
            "lost",
        ),
        (
            &["--fault", "banner=drop"],
            &[],
            3,
            "failed",
            "banner",
            "lost",
        ),
        (
            &["--fault", "ehlo=502"],
            &starttls,
            4,
            "failed",
            "helo",
            "STARTTLS",
        ),
        (
            &["--scenario", "starttls-injection"],
            &starttls,
            4,
            "failed",
            "tls",
            "RFC 3207",
        ),
        (
            &["--scenario", "starttls-unavailable"],
            &starttls,
            4,
            "failed",
            "starttls",
            "454",
        ),
        (
            &["--scenario", "login-refused"],
            &login,
            5,
            "refused",
            "auth",
            "authorisation code",
        ),
        (
            &["--scenario", "auth-250"],
            &login,
            5,
            "refused",
            "auth",
            "login",
        ),
        (
            &["--scenario", "banner-554"],
            &[],
            6,
            "refused",
            "banner",
            "refused",
        ),
        (
            &["--scenario", "full-mailbox"],
            &[],
            6,
            "refused",
            "rcpt",
            "4xx",
        ),
        (
            &["--scenario", "over-size"],
            &[],
            6,
            "refused",
            "dot",
            "refused",
        ),
        (
            &["--scenario", "drop-after-dot"],
            &[],
            7,
            "unknown",
            "dot",
            "may have been delivered",
        ),
    ];
    for (server, client, code, outcome, stage, said) in table {
        let mailbox = Mailbox::with(server);
        let arguments = [&TWO[..], client, &["--json"]].concat();
        let finished = mailbox.mail(&arguments).env("WORD", PASSWORD).run();
        assert_eq!(finished.code, Some(code), "{server:?}: {finished:?}");
        let summary = summary(&finished);
        let told = (&summary["outcome"], &summary["stage"]);
        assert_eq!(
            told,
            (&json!(outcome), &json!(stage)),
            "{server:?}: {summary}"
        );
        assert!(
            finished.complaint.contains(said),
            "{server:?}: {finished:?}"
        );
        assert_no_secret(&finished);
        // Every recipient is told of once.
        let fates = ["accepted", "refused", "unknown", "not_tried"];
        let told = fates.map(|fate| summary[fate].as_array().map_or(0, Vec::len));
        assert_eq!(told.iter().sum::<usize>(), 2, "{server:?}: {summary}");
    }
    // Nobody there, and a certificate that nobody trusts.
    let nobody = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = nobody.local_addr().expect("it is bound").to_string();
    drop(nobody);
    let finished = sockscope(&[&["mail", "--server", &address], &TO[..]].concat()).run();
    assert_eq!(finished.code, Some(3), "{finished:?}");
    assert!(finished.complaint.contains("connect"), "{finished:?}");
}

#[test]
fn refusals_are_told_by_recipient_with_code_and_text() {
    let mailbox = Mailbox::with(&["--fault", "rcpt@bob=550 5.1.1 No bob here"]);
    let finished = mailbox.mail(&[&TWO[..], &["--json"]].concat()).run();
    let told = summary(&finished);
    assert_eq!(told["accepted"], json!(["ann@example.com"]));
    assert_eq!(
        told["refused"],
        json!([{"to": "bob@example.com", "code": 550, "text": "5.1.1 No bob here"}])
    );
    let finished = mailbox.mail(&TWO).run();
    assert_eq!(finished.code, Some(1));
    for part in [
        "<** 550 5.1.1 No bob here",
        "ann@example.com: accepted, 250 ",
        "bob@example.com: refused, 550 5.1.1 No bob here",
    ] {
        assert!(
            finished.text().contains(part),
            "{part}: {}",
            finished.text()
        );
    }
}

#[test]
fn tls_is_trusted_by_file_or_not_at_all() {
    let mailbox = Mailbox::with(&[]);
    let certificate = mailbox.certificate.to_str().expect("UTF-8");
    for (security, server) in [
        ("starttls", &mailbox.address),
        ("tls", &mailbox.tls_address),
    ] {
        // On a machine where the lab's server never ran.
        let elsewhere = |more: &[&str]| {
            let all = ["mail", "--server", server, "--security", security, "--json"];
            sockscope(&[&all[..], &TO, more].concat()).run()
        };
        let refused = elsewhere(&[]);
        assert_eq!(refused.code, Some(4), "{refused:?}");
        let lines = refused.json();
        assert!(
            events(&lines, "tls")[0]["distrust"].is_string(),
            "{lines:?}"
        );
        assert_eq!(summary(&refused)["failure"], "tls");
        let said = commands(&lines);
        assert!(
            said.iter().all(|said| !said.starts_with("MAIL")),
            "{said:?}"
        );
        let insecure = elsewhere(&["--insecure"]);
        assert_eq!(insecure.code, Some(0), "{insecure:?}");
        assert!(events(&insecure.json(), "tls")[0]["distrust"].is_string());
        let trusted = elsewhere(&["--ca-file", certificate]);
        assert_eq!(trusted.code, Some(0), "{trusted:?}");
        let lines = trusted.json();
        assert_eq!(events(&lines, "tls")[0]["distrust"], Value::Null);
        assert_eq!(
            commands(&lines).contains(&"STARTTLS"),
            security == "starttls"
        );
    }
}

#[test]
fn it_stops_after_the_stage_that_is_asked_for() {
    let mailbox = Mailbox::with(&[]);
    let all = [
        "--security",
        "starttls",
        "--user",
        "bob",
        "--password-env",
        "WORD",
        "--json",
    ];
    let last = [
        ("banner", None, "stopped"),
        ("ehlo", Some("EHLO"), "stopped"),
        ("starttls", Some("STARTTLS"), "stopped"),
        ("auth", Some("AUTH"), "stopped"),
        ("mail", Some("MAIL"), "stopped"),
        ("rcpt", Some("RCPT"), "stopped"),
        ("dot", Some("DATA"), "sent"),
    ];
    for (stage, last, outcome) in last {
        let arguments = [&TO[..], &all, &["--quit-after", stage]].concat();
        let finished = mailbox.mail(&arguments).env("WORD", PASSWORD).run();
        assert_eq!(
            (finished.code, finished.complaint.as_str()),
            (Some(0), ""),
            "{stage}"
        );
        let summary = summary(&finished);
        assert_eq!(summary["outcome"], outcome, "{stage}: {summary}");
        let lines = finished.json();
        let mut said: Vec<&str> = commands(&lines);
        assert_eq!(said.pop(), Some("QUIT"), "{stage}");
        let word = said.last().and_then(|said| said.split(' ').next());
        assert_eq!(word, last, "{stage}: {said:?}");
    }
}

#[test]
fn many_messages_go_out_on_one_connection() {
    let mailbox = Mailbox::with(&[]);
    let finished = mailbox
        .mail(&[&TO[..], &["--count", "25", "--json"]].concat())
        .run();
    assert_eq!(finished.code, Some(0));
    let lines = finished.json();
    assert_eq!(events(&lines, "connected").len(), 1);
    let told = summary(&finished);
    assert_eq!((&told["sent"], &told["asked"]), (&json!(25), &json!(25)));
    let numbers: Vec<u64> = events(&lines, "message")
        .iter()
        .filter_map(|line| line["number"].as_u64())
        .collect();
    assert_eq!(numbers, (1..=25).collect::<Vec<u64>>());
    // The first dialogue is printed, of the others only what is not expected.
    assert_eq!(
        commands(&lines)
            .iter()
            .filter(|said| **said == "DATA")
            .count(),
        1
    );
    #[cfg(unix)]
    {
        let (_, summary) = mailbox.stopped();
        let counted = (&summary["sessions"], &summary["messages"]);
        assert_eq!(counted, (&json!(1), &json!(25)));
    }
    // The third is refused, and shown.
    let mailbox = Mailbox::with(&["--fault", "rcpt#3=550 5.1.1 Not this one"]);
    let finished = mailbox
        .mail(&[&TO[..], &["--count", "4", "--json"]].concat())
        .run();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let codes: Vec<Value> = finished
        .json()
        .iter()
        .map(|line| line["code"].clone())
        .collect();
    assert!(codes.contains(&json!(550)), "{codes:?}");
    assert_eq!(summary(&finished)["sent"], 3);
}

#[test]
fn extensions_are_used_when_they_are_asked_for() {
    let mailbox = Mailbox::with(&[]);
    let said = |more: &[&str]| {
        let finished = mailbox.mail(&[&TO[..], &["--json"], more].concat()).run();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        finished.json()
    };
    let kinds = |lines: &[Value]| -> String {
        let told = lines
            .iter()
            .filter(|line| line["event"] == "command" || line["event"] == "reply");
        told.map(|line| if line["event"] == "command" { '>' } else { '<' })
            .collect()
    };
    assert_eq!(kinds(&said(&[])), "<><><><><<><");
    assert_eq!(kinds(&said(&["--pipeline"])), "<><>>><<<<><");
    let lines = said(&["--chunking"]);
    let chunk = commands(&lines)
        .into_iter()
        .find(|said| said.starts_with("BDAT "));
    assert!(
        chunk.is_some_and(|chunk| chunk.ends_with(" LAST")),
        "{chunk:?}"
    );
    assert!(!commands(&lines).contains(&"DATA"));
    let lines = said(&["--pipeline", "--chunking"]);
    assert!(kinds(&lines).starts_with("<><>>>"), "{}", kinds(&lines));
    let greeted = said(&["--helo", "client.example"]);
    assert_eq!(commands(&greeted)[0], "EHLO client.example");
}

#[test]
fn the_message_is_what_the_flags_say() {
    let mut mailbox = Mailbox::with(&["--dir", "box"]);
    let flags = [
        "--from",
        "Ann <ann@example.com>",
        "--to",
        "bob@example.com",
        "--cc",
        "carl@example.com",
        "--bcc",
        "dora@example.com",
        "--subject",
        "问候",
        "--body",
        "first\n.second\n",
        "--attach",
        "notes.txt",
        "--attach",
        "图.bin",
        "--json",
    ];
    let finished = mailbox
        .mail(&flags)
        .file("notes.txt", "some notes\n")
        .file("图.bin", "\u{0}\u{1}")
        .run();
    assert_eq!((finished.code, finished.complaint.as_str()), (Some(0), ""));
    let recipients = ["bob@example.com", "carl@example.com", "dora@example.com"];
    assert_eq!(summary(&finished)["accepted"], json!(recipients));
    let message = stored(&mut mailbox);
    for part in [
        "\r\nTo: bob@example.com\r\n",
        "\r\nCc: carl@example.com\r\n",
        "\r\nSubject: =?utf-8?",
        "multipart/mixed",
        "notes.txt",
        // The name of the picture in UTF-8 (RFC 2231).
        "utf-8''%E5%9B%BE.bin",
        "\r\n.second\r\n",
    ] {
        assert!(
            message.to_lowercase().contains(&part.to_lowercase()),
            "{part} in {message}"
        );
    }
    let (_, sent) = message
        .split_once("\r\nFrom: ")
        .expect("the message below the trace");
    assert!(!sent.contains("dora") && !sent.contains("Bcc"), "{sent}");
    // A body from a file, and from standard input.
    for (flag, expected) in [("letter.txt", "from a file"), ("-", "from standard input")] {
        let finished = mailbox
            .mail(&[&TO[..], &["--body-file", flag]].concat())
            .file("letter.txt", "from a file\n")
            .input("from standard input\n")
            .run();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let message = stored(&mut mailbox);
        assert!(
            message.ends_with(&format!("\r\n\r\n{expected}\r\n")),
            "{message}"
        );
    }
}

#[test]
fn a_password_comes_from_where_it_is_said_and_goes_nowhere() {
    let mailbox = Mailbox::with(&[]);
    for source in [
        &["--password-env", "WORD"],
        &["--password-file", "word.txt"],
        &["--password-command", "cat word.txt"],
    ] {
        for auth in ["plain", "login", "cram-md5", "xoauth2"] {
            for format in [&["--json"][..], &[]] {
                // XOAUTH2 is not among what the lab's server offers.
                let expected = if auth == "xoauth2" { 5 } else { 0 };
                let login = ["--auth", auth, "--user", "bob"];
                let finished = mailbox
                    .mail(&[&TO[..], &login, source, format].concat())
                    .file("word.txt", &format!("{PASSWORD}\n"))
                    .env("WORD", PASSWORD)
                    .run();
                assert_eq!(
                    finished.code,
                    Some(expected),
                    "{source:?} {auth}: {finished:?}"
                );
                assert_no_secret(&finished);
            }
        }
    }
    // The server's side of it does not tell either.
    #[cfg(unix)]
    {
        let (finished, summary) = mailbox.stopped();
        assert_no_secret(&finished);
        assert_eq!(summary["messages"], 18);
    }
}

#[cfg(unix)]
#[test]
fn a_password_is_asked_for_without_echo() {
    use crate::support::terminal::Terminal;
    let mailbox = Mailbox::with(&[]);
    let flags = ["--user", "bob", "--auth", "login"];
    let all = [&["mail", "--server", &mailbox.address], &TO[..], &flags].concat();
    let state = [("SOCKSCOPE_STATE", mailbox.state())];
    for (lang, asked) in [("en", "Password of bob:"), ("zh-CN", "bob 的密码")] {
        let all = [&all[..], &["--lang", lang]].concat();
        let mut terminal = Terminal::start((100, 60), &all, &state);
        terminal.wait_for_text(&[asked]);
        // Who sees the prompt may type at once.
        assert!(!terminal.shows_typing());
        terminal.keys(&format!("{PASSWORD}\r"));
        terminal.wait_for_text(&["235 2.7.0", "221 2.0.0"]);
        let shown = String::from_utf8_lossy(terminal.bytes()).into_owned();
        for secret in ENCODED.iter().chain(&[PASSWORD]) {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        let ended = terminal.finish();
        assert_eq!(ended.code, 0);
        ended.assert_lines_given_back();
        // Ctrl+C leaves the terminal as it was, too.
        let mut terminal = Terminal::start((100, 60), &all, &state);
        terminal.wait_for_text(&[asked]);
        terminal.keys("half\u{3}");
        let ended = terminal.finish();
        assert_eq!(ended.code, 130);
        ended.assert_lines_given_back();
    }
}

#[test]
fn what_cannot_be_sent_is_said_before_anything_is() {
    let mailbox = Mailbox::with(&[]);
    let table: [(&[&str], &[&str]); 19] = [
        (&["--to", "nobody"], &["--to", "nobody"]),
        (&["--to", "a@x.example\r\nRCPT TO:<b@x.example>"], &["--to"]),
        (&["--to", "a@x.example", "--from", "who"], &["--from"]),
        (
            &["--to", "a@x.example", "--subject", "a\r\nBcc: b@x.example"],
            &["--subject"],
        ),
        (
            &["--to", "a@x.example", "--attach", "not there"],
            &["not there"],
        ),
        (
            &["--to", "a@x.example", "--body-file", "not there"],
            &["not there"],
        ),
        (
            &["--to", "a@x.example", "--body", "x", "--body-file", "y"],
            &["--body"],
        ),
        (
            &["--to", "a@x.example", "--security", "ssl"],
            &["--security", "ssl", "starttls"],
        ),
        (
            &["--to", "a@x.example", "--auth", "ntlm"],
            &["--auth", "ntlm", "cram-md5"],
        ),
        (&["--to", "a@x.example", "--auth", "plain"], &["--user"]),
        (
            &["--to", "a@x.example", "--password-env", "HOME"],
            &["--user"],
        ),
        (
            &["--to", "a@x.example", "--password-file", "x"],
            &["--user"],
        ),
        (
            &["--to", "a@x.example", "--password-command", "x"],
            &["--user"],
        ),
        (
            &["--to", "a@x.example", "--user", "bob"],
            &["--password-env", "terminal"],
        ),
        (
            &[
                "--to",
                "a@x.example",
                "--user",
                "bob",
                "--password-env",
                "NOT_THERE",
            ],
            &["NOT_THERE"],
        ),
        (
            &[
                "--to",
                "a@x.example",
                "--user",
                "bob",
                "--password-file",
                "not there",
            ],
            &["not there"],
        ),
        (&["--to", "a@x.example", "--count", "0"], &["--count", "0"]),
        (
            &["--to", "a@x.example", "--quit-after", "lunch"],
            &["--quit-after", "lunch"],
        ),
        (
            &[
                "--to",
                "a@x.example",
                "--ca-file",
                "not there",
                "--security",
                "starttls",
            ],
            &["not there"],
        ),
    ];
    for (arguments, parts) in table {
        let finished = mailbox.mail(arguments).run();
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        for part in parts {
            assert!(finished.complaint.contains(part), "{part}: {finished:?}");
        }
        let said = finished.text();
        assert!(!said.contains("RCPT"), "{arguments:?}: {said}");
    }
    let finished = mailbox.mail(&[]).run();
    assert_eq!(finished.code, Some(2), "no recipient: {finished:?}");
    let finished = mailbox.mail(&["--to", "nobody", "--lang", "zh-CN"]).run();
    assert!(
        finished.complaint.contains("nobody：缺少 @"),
        "{finished:?}"
    );
}

#[test]
fn a_deferred_recipient_is_tried_again() {
    let mailbox = Mailbox::with(&["--fault", "rcpt#1=451 4.7.1 Later"]);
    let finished = mailbox
        .mail(&[&TO[..], &["--retry", "10ms,2", "--json"]].concat())
        .run();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let lines = finished.json();
    let retry = events(&lines, "retrying");
    assert_eq!(retry.len(), 1);
    assert_eq!(retry[0]["recipients"], json!(["ann@example.com"]));
    // With no more tries left it stays refused for now.
    let mailbox = Mailbox::with(&["--scenario", "full-mailbox"]);
    let finished = mailbox
        .mail(&[&TO[..], &["--retry", "10ms,2", "--json"]].concat())
        .run();
    assert_eq!(finished.code, Some(6), "{finished:?}");
    assert_eq!(events(&finished.json(), "retrying").len(), 2);
    assert_eq!(summary(&finished)["refused"][0]["code"], 452);
}

#[test]
fn a_hostile_server_reaches_the_terminal_as_text() {
    let banner = "220 \u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = listener.local_addr().expect("it is bound").to_string();
    let thread = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().expect("a client comes");
            std::io::Write::write_all(&mut stream, banner.as_bytes()).expect("it is taken");
        }
    });
    for format in [&[][..], &["--json"]] {
        let all = [&["mail", "--server", &address], &TO[..], format].concat();
        let finished = sockscope(&all).run();
        assert_eq!(finished.code, Some(3), "{finished:?}");
        let told = format!("{}{}", finished.text(), finished.complaint);
        assert!(told.contains("x1b]0;owned"), "{told}");
        assert!(!told.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{told:?}");
    }
    thread.join().expect("the server does not panic");
}
