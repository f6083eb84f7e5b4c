//! Our server for clients by others. Each message has to arrive as it was sent.

use crate::{FROM, Mailbox, PASSWORD, TO, USER, run, script};

/// A second recipient.
const ALSO: &str = "class@example.com";
/// A message that has all that programs add where it is missing.
const TEXT: &str = "Date: Mon, 2 Feb 2026 12:00:00 +0800\nMessage-ID: <1@example.com>\nFrom: student@example.com\nTo: teacher@example.com\nSubject: =?utf-8?Q?=E4=BD=A0?=\n\n.\n..\n.dot\n\nthe end\n";

// ---- swaks ----

/// Runs swaks; gives its exit code and the dialogue.
fn swaks(mailbox: &Mailbox, server: &str, flags: &[&str]) -> (i32, String) {
    let always = ["--server", server, "--from", FROM, "--to"];
    let rest = ["TO", "--suppress-data", "--timeout", "20"];
    let to = format!("{TO},{ALSO}");
    let rest = rest.map(|word| if word == "TO" { to.as_str() } else { word });
    let said = run(
        "swaks",
        &[&always, &rest[..], flags].concat(),
        mailbox.running.home(),
        b"",
    );
    (said.code.unwrap_or(-1), said.out + &said.err)
}

/// Sends the text.
fn swaks_sends(mailbox: &mut Mailbox, server: &str, flags: &[&str]) {
    // swaks ends the last line itself.
    let file = mailbox.running.home().join("message.eml");
    std::fs::write(&file, TEXT.trim_end()).expect("the home can be written");
    let (code, out) = swaks(
        mailbox,
        server,
        &[&["--data", "@message.eml"], flags].concat(),
    );
    assert_eq!(code, 0, "{flags:?}: {out}");
    mailbox.message().assert(FROM, &[TO, ALSO], TEXT);
}

#[test]
#[ignore = "needs swaks"]
fn swaks_sends_with_and_without_tls() {
    let mut mailbox = Mailbox::start(&[]);
    let clear = mailbox.address();
    let tls = format!("127.0.0.1:{}", mailbox.tls_port);
    let authority = mailbox.authority().to_owned();
    let verified = ["--tls-verify", "--tls-ca-path", &authority];
    swaks_sends(&mut mailbox, &clear, &[]);
    swaks_sends(&mut mailbox, &clear, &["--pipeline"]);
    swaks_sends(&mut mailbox, &clear, &["--protocol", "SMTP"]);
    swaks_sends(&mut mailbox, &clear, &[&["-tls"][..], &verified].concat());
    swaks_sends(
        &mut mailbox,
        &tls,
        &[&["--tls-on-connect"][..], &verified].concat(),
    );
    // Nobody else vouches for the lab.
    let (code, out) = swaks(&mailbox, &clear, &["-tls", "--tls-verify"]);
    assert_eq!(code, 29, "{out}");
}

#[test]
#[ignore = "needs swaks"]
fn swaks_logs_in() {
    let mut mailbox = Mailbox::with_account(&[]);
    let server = mailbox.address();
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5"] {
        let auth = ["--auth", mechanism, "--auth-user", USER, "--auth-password"];
        swaks_sends(&mut mailbox, &server, &[&auth[..], &[PASSWORD]].concat());
        for more in [&[][..], &["-tls"]] {
            let wrong = [&auth[..], &["wrong"], more].concat();
            let (code, out) = swaks(&mailbox, &server, &wrong);
            assert_eq!(code, 28, "{mechanism}: {out}");
            assert!(out.contains(" 535 5.7.8 "), "{mechanism}: {out}");
        }
    }
}

#[test]
#[ignore = "needs swaks"]
fn swaks_gives_up_where_a_fault_is_set() {
    // swaks has an exit code for each stage.
    for (fault, code) in [
        ("banner=554", 21),
        ("mail=421", 23),
        ("rcpt=550 5.1.1 No such user here", 24),
        ("data=451", 25),
        ("dot=552", 26),
    ] {
        let mailbox = Mailbox::start(&["--fault", fault]);
        let (found, out) = swaks(&mailbox, &mailbox.address(), &[]);
        assert_eq!(found, code, "{fault}: {out}");
    }
    let mut mailbox = Mailbox::start(&["--fault", "any=bytes:1ms"]);
    let server = mailbox.address();
    swaks_sends(&mut mailbox, &server, &[]);
}

// ---- curl ----

fn curl_sends(mailbox: &mut Mailbox, url: &str, flags: &[&str]) {
    let authority = mailbox.authority().to_owned();
    let always = [
        "--silent",
        "--show-error",
        "--max-time",
        "20",
        "--cacert",
        &authority,
    ];
    let mail = ["--mail-from", FROM, "--mail-rcpt", TO, "--mail-rcpt", ALSO];
    let rest = ["--crlf", "--upload-file", "-", url];
    let arguments = [&always[..], &mail, &rest, flags].concat();
    run("curl", &arguments, mailbox.running.home(), TEXT.as_bytes()).succeeded();
    mailbox.message().assert(FROM, &[TO, ALSO], TEXT);
}

#[test]
#[ignore = "needs curl"]
fn curl_sends_with_and_without_tls() {
    let mut mailbox = Mailbox::with_account(&[]);
    let clear = format!("smtp://127.0.0.1:{}", mailbox.port);
    let tls = format!("smtps://localhost:{}", mailbox.tls_port);
    let account = format!("{USER}:{PASSWORD}");
    let login = ["--user", &account, "--login-options"];
    curl_sends(&mut mailbox, &clear, &[]);
    curl_sends(&mut mailbox, &clear, &["--ssl-reqd"]);
    curl_sends(&mut mailbox, &tls, &[]);
    for mechanism in ["AUTH=PLAIN", "AUTH=LOGIN", "AUTH=CRAM-MD5"] {
        curl_sends(
            &mut mailbox,
            &clear,
            &[&login[..], &[mechanism, "--ssl-reqd"]].concat(),
        );
        curl_sends(&mut mailbox, &tls, &[&login[..], &[mechanism]].concat());
    }
}

#[test]
#[ignore = "needs curl"]
fn curl_uploads_a_large_message() {
    let mut mailbox = Mailbox::start(&[]);
    let mut text = TEXT.to_owned();
    while text.len() < 8 << 20 {
        text.push_str(".A line of the usual length, which begins with a dot now and then.\n");
    }
    let url = format!("smtps://localhost:{}", mailbox.tls_port);
    let authority = mailbox.authority().to_owned();
    let arguments = [
        "--silent",
        "--show-error",
        "--max-time",
        "20",
        "--cacert",
        &authority,
        "--mail-from",
        FROM,
        "--mail-rcpt",
        TO,
        "--crlf",
        "--upload-file",
        "-",
        &url,
    ];
    run("curl", &arguments, mailbox.running.home(), text.as_bytes()).succeeded();
    mailbox.message().assert(FROM, &[TO], &text);
}

// ---- smtplib ----

#[test]
#[ignore = "needs python3"]
fn smtplib_sends_logs_in_and_verifies() {
    let mut mailbox = Mailbox::with_account(&[]);
    let (port, tls_port) = (mailbox.port.to_string(), mailbox.tls_port.to_string());
    let script = script("client.py");
    let arguments = [script.as_str(), &port, &tls_port, mailbox.authority()];
    let said = run("python3", &arguments, mailbox.running.home(), b"").succeeded();
    let texts: Vec<String> = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let to = [&[TO, ALSO][..], &[TO, ALSO], &["王@例子.中国"]];
    assert_eq!(texts.len(), to.len(), "{said}");
    for (text, to) in texts.iter().zip(to) {
        mailbox.message().assert(FROM, to, text);
    }
}

// ---- msmtp ----

#[test]
#[ignore = "needs msmtp"]
fn msmtp_sends_with_and_without_tls() {
    let mut mailbox = Mailbox::with_account(&[]);
    let trust = format!("--tls-trust-file={}", mailbox.authority());
    let from = format!("--from={FROM}");
    let user = format!("--user={USER}");
    let password = format!("--passwordeval=echo {PASSWORD}");
    let ports = [mailbox.port, mailbox.tls_port].map(|port| format!("--port={port}"));
    let start_tls = [ports[0].as_str(), "--tls=on", "--tls-starttls=on", &trust];
    let tls = [ports[1].as_str(), "--tls=on", "--tls-starttls=off", &trust];
    let clear = [ports[0].as_str()];
    for (ways, auths) in [
        // It says no password in clear text, unless in a digest.
        (&clear[..], &["off", "cram-md5"][..]),
        (&start_tls, &["off", "plain", "login", "cram-md5", "on"]),
        (&tls, &["off", "plain", "login", "cram-md5", "on"]),
    ] {
        for auth in auths {
            let auth = format!("--auth={auth}");
            let always = [
                "--host=localhost",
                "--file=/dev/null",
                &from,
                &user,
                &password,
                &auth,
            ];
            let arguments = [&always[..], ways, &["--", TO, ALSO]].concat();
            run("msmtp", &arguments, mailbox.running.home(), TEXT.as_bytes()).succeeded();
            mailbox.message().assert(FROM, &[TO, ALSO], TEXT);
        }
    }
}
