//! Our client against servers by others.

use std::net::TcpStream;
use std::path::Path;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::PATIENCE;
use crate::support::command::{Running, start};
use crate::{FROM, Sent, TO, USER, certified, folder, free_port, script, send};

/// Flags of a login.
const LOGIN: [&str; 4] = ["--user", USER, "--password-env", "PASSWORD"];

/// Whom Exim is when root starts it.
const NOBODY: u32 = 65_534;

/// Waits until somebody listens.
fn wait_for(port: u16) {
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "nobody listens at port {port}");
        std::thread::yield_now();
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

// ---- aiosmtpd ----

/// The servers of `server.py`.
struct Aiosmtpd {
    running: Running,
    home: TempDir,
    open: u16,
    start_tls: u16,
    tls: u16,
}

impl Aiosmtpd {
    fn start() -> Self {
        let (home, certificate, key) = certified();
        let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let arguments = [script("server.py"), path(&certificate), path(&key)];
        let mut running = start("python3", &arguments.each_ref().map(String::as_str));
        let mut port = || running.line().parse().expect("a port");
        let (open, start_tls, tls) = (port(), port(), port());
        Self {
            running,
            home,
            open,
            start_tls,
            tls,
        }
    }

    fn certificate(&self) -> String {
        let path = self.home.path().join("certificate.pem");
        path.to_str().expect("UTF-8").to_owned()
    }

    /// The next message that it took, and its text.
    fn took(&mut self) -> (Value, String) {
        let took = self.running.json();
        let content = took["content"].as_str().expect("a text");
        let content = STANDARD.decode(content).expect("it is base64");
        let text = String::from_utf8(content).expect("our messages are UTF-8");
        (took, text)
    }
}

#[test]
#[ignore = "needs aiosmtpd"]
fn aiosmtpd_takes_what_we_send() {
    let mut server = Aiosmtpd::start();
    let body = ["--body", ".\n..\nline\n.last"];
    let to = [
        "--to",
        TO,
        "--cc",
        "c@example.com",
        "--bcc",
        "hidden@example.com",
    ];
    for more in [&[][..], &["--count", "3"], &["--pipeline", "--chunking"]] {
        let sent = send(server.open, &[&to[..], &body, more].concat());
        sent.assert_sent();
        for _ in 0..sent.summary()["sent"].as_u64().expect("a number") {
            let (took, text) = server.took();
            assert_eq!(took["from"], FROM);
            assert_eq!(
                took["to"],
                json!([TO, "c@example.com", "hidden@example.com"])
            );
            assert!(
                text.ends_with("\r\n\r\n.\r\n..\r\nline\r\n.last\r\n"),
                "{text}"
            );
            assert!(!text.contains("hidden@example.com"), "{text}");
        }
    }
}

#[test]
#[ignore = "needs aiosmtpd"]
fn aiosmtpd_takes_addresses_beyond_ascii() {
    let mut server = Aiosmtpd::start();
    let to = [
        "--to",
        "王老师 <王@例子.中国>",
        "--subject",
        "你好",
        "--body",
        "正文",
    ];
    send(server.open, &to).assert_sent();
    let (took, text) = server.took();
    assert_eq!(took["to"], json!(["王@例子.中国"]));
    let options = took["options"].as_array().expect("a list");
    assert!(options.contains(&json!("SMTPUTF8")), "{options:?}");
    assert!(text.contains("王@例子.中国"), "{text}");
}

#[test]
#[ignore = "needs aiosmtpd"]
fn aiosmtpd_refuses_one_of_two() {
    let mut server = Aiosmtpd::start();
    let to = ["--to", TO, "--to", "nobody@example.com"];
    for more in [&[][..], &["--pipeline"]] {
        let sent = send(server.open, &[&to, more].concat());
        sent.assert(1, "partly-sent", "dot");
        let summary = sent.summary();
        assert_eq!(summary["accepted"], json!([TO]));
        let refused =
            json!([{"to": "nobody@example.com", "code": 550, "text": "5.1.1 No such mailbox"}]);
        assert_eq!(summary["refused"], refused);
        assert_eq!(server.took().0["to"], json!([TO]));
    }
}

#[test]
#[ignore = "needs aiosmtpd"]
fn aiosmtpd_lets_in_who_knows_the_password() {
    let mut server = Aiosmtpd::start();
    let certificate = server.certificate();
    for (security, port) in [("starttls", server.start_tls), ("tls", server.tls)] {
        let secure = ["--security", security, "--ca-file", &certificate];
        for mechanism in ["plain", "login"] {
            let auth = ["--auth", mechanism];
            let sent = send(port, &[&secure[..], &LOGIN, &auth].concat());
            sent.assert_sent();
            let [tls] = &sent.events("tls")[..] else {
                panic!("{:?}", sent.0);
            };
            assert_eq!(tls["distrust"], Value::Null, "{tls}");
            assert_eq!(tls["chain"][0]["subject"], "CN=localhost");
            assert_eq!(server.took().0["login"], true);

            let wrong = ["--user", "nobody", "--password-env", "PASSWORD"];
            let sent = send(port, &[&secure[..], &wrong, &auth].concat());
            sent.assert(5, "refused", "auth");
            assert_eq!(sent.summary()["not_tried"], json!([TO]));
        }
        let sent = send(port, &secure);
        sent.assert(6, "refused", "mail");
        assert_eq!(sent.summary()["refused"][0]["code"], 530);
        // It does not offer this one.
        let digest = ["--auth", "cram-md5"];
        send(port, &[&secure[..], &LOGIN, &digest].concat()).assert(5, "failed", "ehlo");
    }
}

#[test]
#[ignore = "needs aiosmtpd"]
fn nothing_goes_out_when_aiosmtpds_certificate_is_not_trusted() {
    let server = Aiosmtpd::start();
    for (security, port) in [("starttls", server.start_tls), ("tls", server.tls)] {
        let flags = ["--security", security];
        let sent = send(port, &[&flags[..], &LOGIN].concat());
        sent.assert(4, "failed", "tls");
        assert_eq!(sent.summary()["failure"], "tls");
        let past_tls =
            |command: &String| command.starts_with("AUTH") || command.starts_with("MAIL");
        assert!(!sent.commands().iter().any(past_tls), "{:?}", sent.0);
        // Who insists gets through, and is told.
        let sent = send(port, &[&flags[..], &LOGIN, &["--insecure"]].concat());
        sent.assert_sent();
        assert_ne!(sent.events("tls")[0]["distrust"], Value::Null);
    }
}

// ---- smtp-sink ----

/// Postfix's smtp-sink with these flags, and its port.
fn sink(flags: &[&str]) -> (Running, u16) {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let user: &[&str] = if is_root() { &["-u", "root"] } else { &[] };
    let end = ["-h", "sink.example", &address, "10"];
    let running = start("smtp-sink", &[user, flags, &end].concat());
    wait_for(port);
    (running, port)
}

/// What becomes of two recipients.
enum Fates {
    Accepted,
    Refused(u16),
    Unknown,
    NotTried,
}

#[test]
#[ignore = "needs Postfix's smtp-sink"]
fn every_fault_of_smtp_sink_has_its_outcome() {
    use Fates::{Accepted, NotTried, Refused, Unknown};
    // Its flags, our exit code, the outcome and where the session was then.
    let cases = [
        (&["-q", "CONNECT"][..], 3, "failed", "banner", NotTried),
        (&["-q", "EHLO"], 3, "failed", "ehlo", NotTried),
        (&["-q", "MAIL"], 3, "failed", "mail", NotTried),
        (&["-q", "RCPT"], 3, "failed", "rcpt", NotTried),
        (&["-q", "DATA"], 3, "failed", "data", NotTried),
        (&["-q", "."], 7, "unknown", "dot", Unknown),
        (&["-q", "QUIT"], 0, "sent", "dot", Accepted),
        (&["-Q", "CONNECT"], 6, "refused", "banner", Refused(421)),
        (&["-Q", "EHLO"], 6, "refused", "ehlo", Refused(421)),
        (&["-Q", "MAIL"], 6, "refused", "mail", Refused(421)),
        (&["-Q", "RCPT"], 6, "refused", "rcpt", Refused(421)),
        (&["-Q", "DATA"], 6, "refused", "data", Refused(421)),
        (&["-Q", "."], 6, "refused", "dot", Refused(421)),
        (&["-Q", "QUIT"], 0, "sent", "dot", Accepted),
        (&["-f", "CONNECT"], 6, "refused", "banner", Refused(500)),
        (&["-f", "EHLO"], 0, "sent", "quit", Accepted),
        (&["-f", "EHLO,HELO"], 6, "refused", "helo", Refused(500)),
        (&["-f", "MAIL"], 6, "refused", "mail", Refused(500)),
        (&["-f", "RCPT"], 6, "refused", "rcpt", Refused(500)),
        (&["-f", "DATA"], 6, "refused", "data", Refused(500)),
        (&["-f", "."], 6, "refused", "dot", Refused(500)),
        (
            &["-f", "MAIL", "-B", "550 5.7.1 Not you"],
            6,
            "refused",
            "mail",
            Refused(550),
        ),
        (&["-f", "QUIT"], 0, "sent", "dot", Accepted),
        (&["-r", "MAIL"], 6, "refused", "mail", Refused(450)),
        (
            &["-r", "RCPT", "-b", "451 4.7.1 Greylisted"],
            6,
            "refused",
            "rcpt",
            Refused(451),
        ),
        (&["-r", "DATA"], 6, "refused", "data", Refused(450)),
        (&["-r", "."], 6, "refused", "dot", Refused(450)),
        (&["-A", "0"], 6, "refused", "dot", Refused(550)),
        (&["-e"], 0, "sent", "quit", Accepted),
        (&["-P"], 0, "sent", "quit", Accepted),
        (&["-p", "-8", "-E", "-N"], 0, "sent", "quit", Accepted),
    ];
    for (flags, code, outcome, stage, fates) in cases {
        let (_sink, port) = sink(flags);
        for more in [&[][..], &["--pipeline"]] {
            let sent = send(
                port,
                &[&["--to", "a@example.com, b@example.com"], more].concat(),
            );
            sent.assert(code, outcome, stage);
            let summary = sent.summary();
            let both = json!(["a@example.com", "b@example.com"]);
            let names = ["accepted", "unknown", "not_tried"];
            let (in_them, refusal) = match fates {
                Accepted => (Some("accepted"), None),
                Unknown => (Some("unknown"), None),
                NotTried => (Some("not_tried"), None),
                Refused(code) => (None, Some(code)),
            };
            for name in names {
                let wanted = if in_them == Some(name) {
                    both.clone()
                } else {
                    json!([])
                };
                assert_eq!(summary[name], wanted, "{flags:?}: {summary}");
            }
            let refused = summary["refused"].as_array().expect("a list");
            let codes: Vec<u64> = refused
                .iter()
                .filter_map(|one| one["code"].as_u64())
                .collect();
            let wanted = refusal.map_or(Vec::new(), |code| vec![u64::from(code); 2]);
            assert_eq!(codes, wanted, "{flags:?}: {summary}");
        }
    }
}

#[test]
#[ignore = "needs Postfix's smtp-sink"]
fn a_slow_smtp_sink_is_given_up() {
    // A hundredth of what RFC 5321 §4.5.3.2 allows.
    let hurry = ["--timeout-scale", "0.01"];
    for (flags, stage) in [
        (["-W", "CONNECT:60"], "banner"),
        (["-W", "RCPT:60"], "rcpt"),
        (["-w", "60"], "data"),
    ] {
        let (_sink, port) = sink(&flags);
        let sent = send(port, &hurry);
        sent.assert(3, "failed", stage);
        let summary = sent.summary();
        assert_eq!(summary["failure"], "timed-out");
        assert_eq!(summary["not_tried"], json!([TO]));
    }
    let (_sink, port) = sink(&["-W", ".:60"]);
    send(port, &["--timeout-scale", "0.001"]).assert(7, "unknown", "dot");
}

#[test]
#[ignore = "needs Postfix's smtp-sink"]
fn greylisting_by_smtp_sink_is_tried_again() {
    let (_sink, port) = sink(&["-r", "RCPT", "-b", "451 4.7.1 Greylisted"]);
    let sent = send(port, &["--retry", "100ms"]);
    sent.assert(6, "refused", "rcpt");
    assert_eq!(sent.events("retrying").len(), 3);
    assert_eq!(sent.summary()["refused"][0]["code"], 451);
}

#[test]
#[ignore = "needs Postfix's smtp-sink"]
fn an_address_beyond_ascii_stays_here_when_smtp_sink_cannot_take_it() {
    let (_sink, port) = sink(&[]);
    let sent = send(port, &["--to", "王@example.com"]);
    sent.assert(6, "failed", "ehlo");
    assert_eq!(sent.summary()["failure"], "not-offered");
    assert!(!sent.commands().iter().any(|line| line.starts_with("MAIL")));
}

#[test]
#[ignore = "needs Postfix's smtp-sink"]
fn smtp_sink_keeps_every_byte() {
    let home = folder();
    let dump = home.path().join("mail.%M.");
    // Without 8BITMIME nothing beyond ASCII may come.
    let (_sink, port) = sink(&["-8", "-d", dump.to_str().expect("UTF-8")]);
    let flags = [
        "--count",
        "20",
        "--pipeline",
        "--subject",
        "你好",
        "--body",
        "正文\n.\nend",
    ];
    send(port, &flags).assert_sent();
    let files: Vec<_> = std::fs::read_dir(home.path())
        .expect("the folder is there")
        .map(|file| std::fs::read(file.expect("it is there").path()).expect("it can be read"))
        .collect();
    assert_eq!(files.len(), 20);
    for file in files {
        assert!(file.is_ascii(), "{}", file.escape_ascii());
        let text = String::from_utf8(file).expect("it is ASCII");
        assert!(text.contains("Subject: =?utf-8?"), "{text}");
    }
}

// ---- Exim ----

/// Exim as it comes, in a folder of its own: STARTTLS at one port, TLS at the other. It keeps what it takes in its queue.
struct Exim {
    _running: Running,
    home: TempDir,
    port: u16,
    tls_port: u16,
}

impl Exim {
    fn start() -> Self {
        let (home, ..) = certified();
        let (port, tls_port) = (free_port(), free_port());
        let folder = home.path().display();
        let configuration = format!(
            "\
spool_directory = {folder}
log_file_path = {folder}/%slog
pid_file_path = {folder}/exim.pid
primary_hostname = exim.example
keep_environment =
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port} : {tls_port}
tls_on_connect_ports = {tls_port}
tls_advertise_hosts = *
tls_certificate = {folder}/certificate.pem
tls_privatekey = {folder}/key.pem
smtputf8_advertise_hosts = *
queue_only
acl_smtp_mail = mail
acl_smtp_rcpt = rcpt
begin acl
mail:
  deny condition = ${{if eq{{$sender_address_local_part}}{{spammer}}}}
  accept
rcpt:
  deny local_parts = nobody
  defer local_parts = later
  accept
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and {{{{eq{{$auth2}}{{student}}}}{{eq{{$auth3}}{{secret}}}}}}}}
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and {{{{eq{{$auth1}}{{student}}}}{{eq{{$auth2}}{{secret}}}}}}}}
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{student}}{{secret}}fail}}
"
        );
        let path = home.path().join("exim.conf");
        std::fs::write(&path, configuration).expect("the folder can be written");
        if is_root() {
            // It does not want to be root.
            for file in [".", "certificate.pem", "key.pem"] {
                let file = home.path().join(file);
                std::os::unix::fs::chown(&file, Some(NOBODY), Some(NOBODY)).expect("root may");
            }
        }
        let path = path.to_str().expect("UTF-8");
        let running = start("exim4", &["-C", path, "-bdf"]);
        wait_for(port);
        wait_for(tls_port);
        Self {
            _running: running,
            home,
            port,
            tls_port,
        }
    }

    /// The texts in its queue.
    fn queue(&self) -> Vec<String> {
        let Ok(files) = std::fs::read_dir(self.home.path().join("input")) else {
            return Vec::new();
        };
        let files = files.map(|file| file.expect("it is there").path());
        let texts = files.filter(|file| file.to_string_lossy().ends_with("-D"));
        let texts = texts.map(|file| std::fs::read_to_string(file).expect("UTF-8"));
        texts.collect()
    }
}

#[test]
#[ignore = "needs Exim"]
fn exim_takes_what_we_send() {
    let exim = Exim::start();
    let certificate = exim.home.path().join("certificate.pem");
    let certificate = certificate.to_str().expect("UTF-8");
    let mut count = 0;
    for (security, port) in [("starttls", exim.port), ("tls", exim.tls_port)] {
        let secure = ["--security", security, "--ca-file", certificate];
        for auth in ["plain", "login", "cram-md5"] {
            for more in [
                &[][..],
                &["--pipeline"],
                &["--chunking"],
                &["--pipeline", "--chunking"],
            ] {
                let flags = [
                    "--auth",
                    auth,
                    "--to",
                    "王@例子.中国",
                    "--body",
                    "text\n.\n..\nend",
                ];
                let sent = send(port, &[&secure[..], &LOGIN, &flags, more].concat());
                sent.assert_sent();
                count += 1;
            }
            let wrong = [
                "--user",
                "nobody",
                "--password-env",
                "PASSWORD",
                "--auth",
                auth,
            ];
            let sent = send(port, &[&secure[..], &wrong].concat());
            sent.assert(5, "refused", "auth");
        }
    }
    let queue = exim.queue();
    assert_eq!(queue.len(), count);
    for text in queue {
        assert!(text.ends_with("\ntext\n.\n..\nend\n"), "{text}");
    }
}

#[test]
#[ignore = "needs Exim"]
fn exim_refuses_some_or_all() {
    let exim = Exim::start();
    let (nobody, later) = ("nobody@example.com", "later@example.com");
    for more in [&[][..], &["--pipeline"], &["--pipeline", "--chunking"]] {
        let last = if more.contains(&"--chunking") {
            "bdat"
        } else {
            "dot"
        };
        let to = ["--to", TO, "--to", nobody, "--to", later];
        let sent = send(exim.port, &[&to, more].concat());
        sent.assert(1, "partly-sent", last);
        let summary = sent.summary();
        assert_eq!(summary["accepted"], json!([TO]), "{summary}");
        assert_eq!(
            codes(&sent),
            [(nobody, 550), (later, 451)].map(|(to, code)| (to.to_owned(), code))
        );

        let sent = send(
            exim.port,
            &[&["--to", nobody, "--to", later], more].concat(),
        );
        assert_eq!(sent.0.code, Some(6), "{:?}", sent.0);
        assert_eq!(
            codes(&sent),
            [(nobody, 550), (later, 451)].map(|(to, code)| (to.to_owned(), code))
        );

        let sent = send(
            exim.port,
            &[&["--from", "spammer@example.com"], more].concat(),
        );
        sent.assert(6, "refused", "mail");
        assert_eq!(codes(&sent), [(TO.to_owned(), 550)]);
    }
    assert_eq!(exim.queue().len(), 3);
}

/// Who was refused, by which code.
fn codes(sent: &Sent) -> Vec<(String, u64)> {
    let summary = sent.summary();
    let refused = summary["refused"].as_array().expect("a list").iter();
    refused
        .map(|one| {
            let to = one["to"].as_str().expect("an address").to_owned();
            (to, one["code"].as_u64().expect("a code"))
        })
        .collect()
}
