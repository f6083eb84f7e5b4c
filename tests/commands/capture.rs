//! `--capture` and `--record`: what is in the files, who may read them, and that they are whole however a command ends.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sockscope::trace::event::{Event, PingerEvent};
use sockscope::trace::record::{Entry, Reader, What};
use tempfile::TempDir;

use super::mailbox::Mailbox;
use crate::support::command::{Finished, Sockscope, sockscope, start};
use crate::support::{PROGRAM, folder};
use crate::{assert_private, echo, ping, silence, text};

/// A password that stands nowhere else, and what PLAIN makes of it for a user `bob`.
const PASSWORD: &str = "hard to guess";
const PLAIN: &str = "AGJvYgBoYXJkIHRvIGd1ZXNz";

/// A folder with room for a capture and a record.
struct Kept {
    folder: TempDir,
}

impl Kept {
    fn new() -> Self {
        Self { folder: folder() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn named(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    /// The flags for both files, `NAME.pcapng` and `NAME.jsonl`.
    fn flags(&self, name: &str) -> [String; 4] {
        [
            "--capture".to_owned(),
            self.named(&format!("{name}.pcapng")),
            "--record".to_owned(),
            self.named(&format!("{name}.jsonl")),
        ]
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("it is there")
    }
}

/// A command with more arguments.
fn with(arguments: &[&str], more: &[String]) -> Sockscope {
    let more = more.iter().map(String::as_str);
    let all: Vec<&str> = arguments.iter().copied().chain(more).collect();
    sockscope(&all)
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// The entries of a record in which no line is damaged.
fn entries(path: &Path) -> Vec<Entry> {
    let file = BufReader::new(File::open(path).expect("it is there"));
    let reader = Reader::open(file).expect("a record");
    assert!(reader.header().command.starts_with("sockscope "));
    reader
        .collect::<Result<_, _>>()
        .expect("every line is whole")
}

/// The number of packets in a capture that is whole to its last byte.
fn packets(bytes: &[u8]) -> usize {
    const SECTION: u32 = 0x0A0D_0D0A;
    const BYTE_ORDER: u32 = 0x1A2B_3C4D;
    const PACKET: u32 = 6;
    let is_big = bytes.get(8..12) == Some(&BYTE_ORDER.to_be_bytes());
    let word = |at: usize| {
        let word = bytes.get(at..at + 4).expect("a whole block");
        let word = word.try_into().expect("four bytes");
        match is_big {
            true => u32::from_be_bytes(word),
            false => u32::from_le_bytes(word),
        }
    };
    assert_eq!((word(0), word(8)), (SECTION, BYTE_ORDER));
    let (mut at, mut packets) = (0, 0);
    while at < bytes.len() {
        let length = word(at + 4) as usize;
        assert_eq!(word(at + length - 4) as usize, length);
        packets += usize::from(word(at) == PACKET);
        at += length;
    }
    packets
}

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes
        .windows(part.len())
        .any(|window| window == part.as_bytes())
}

/// What programs are told of the files.
fn told(finished: &Finished) -> Vec<Value> {
    let mut lines = finished.json();
    lines.retain(|line| line["event"] == "file");
    lines
}

#[test]
fn both_ends_keep_what_they_saw() {
    let kept = Kept::new();
    let flags = kept.flags("echo");
    let mut arguments = vec!["--loss", "none", "--delay", "none", "--count", "3"];
    arguments.extend(borrowed(&flags));
    let (server, address) = echo(&arguments);

    let flags = kept.flags("ping");
    let finished = with(&["ping", "-c", "3", &address], &flags).run();
    assert_eq!(finished.code, Some(0), "{}", finished.complaint);
    let server = server.finish();
    assert_eq!((server.code, server.complaint.as_str()), (Some(0), ""));

    for name in ["echo.pcapng", "ping.pcapng"] {
        let bytes = kept.bytes(name);
        assert_eq!(packets(&bytes), 6, "{name}: three there and three back");
        assert!(contains(&bytes, "Ping 3"), "{name}");
        assert_private(&kept.path(name));
    }
    let pings = entries(&kept.path("ping.jsonl"));
    let sent = pings.iter().filter(|entry| match &entry.what {
        What::Call(call) => call.call.is_sending(),
        _ => false,
    });
    assert_eq!(sent.count(), 3);
    let finished_pinging = What::Event(Event::Ping {
        target: 0,
        event: PingerEvent::Ping(sockscope::proto::ping::PingEvent::Finished),
    });
    assert!(pings.iter().any(|entry| entry.what == finished_pinging));
    assert_private(&kept.path("ping.jsonl"));

    // People are told on standard error, programs after the summary.
    let lines: Vec<&str> = finished.complaint.lines().collect();
    let capture = format!("{}: 6 packets, ", kept.named("ping.pcapng"));
    let record = format!("{}: {} entries, ", kept.named("ping.jsonl"), pings.len());
    assert!(lines[0].starts_with(&capture), "{lines:?}");
    assert!(lines[1].starts_with(&record), "{lines:?}");
    assert_eq!(lines.len(), 2);
    let files = told(&server);
    assert_eq!(server.json()[server.lines.len() - 2..], files[..]);
    assert_eq!(text(&files[0]["format"]), "pcapng");
    assert_eq!(files[0]["written"], 6);
    assert_eq!(files[0]["bytes"], kept.bytes("echo.pcapng").len());
    assert_eq!(text(&files[1]["path"]), kept.named("echo.jsonl"));
    assert_eq!(files[1]["written"], entries(&kept.path("echo.jsonl")).len());
    assert_eq!(files[1]["bytes"], kept.bytes("echo.jsonl").len());
    assert!(
        files
            .iter()
            .all(|file| file["left_out"] == 0 && file["error"].is_null())
    );
}

#[test]
fn a_file_that_is_there_is_left_alone_unless_a_flag_says_otherwise() {
    let (_server, address) = echo(&["--loss", "none"]);
    let kept = Kept::new();
    for flag in ["--capture", "--record"] {
        let path = kept.named("mine");
        fs::write(&path, "mine").expect("the folder can be written");
        let arguments = ["-c", "1", address.as_str(), flag, path.as_str()];
        let finished = ping(&arguments);
        assert_eq!(finished.code, Some(2));
        assert_eq!(finished.lines, [""; 0], "nothing was tried");
        let complaint = &finished.complaint;
        assert!(
            complaint.contains(&path) && complaint.contains("--overwrite"),
            "{complaint}"
        );
        assert_eq!(kept.bytes("mine"), b"mine");

        let finished = ping(&[&arguments[..], &["--overwrite"]].concat());
        assert_eq!(finished.code, Some(0), "{}", finished.complaint);
        assert!(contains(&kept.bytes("mine"), "Ping 1"));
        assert!(!kept.bytes("mine").starts_with(b"mine"));
    }
}

#[test]
fn a_file_may_be_standard_output() {
    let (_server, address) = echo(&["--loss", "none", "--delay", "none"]);
    let arguments = ["ping", "-c", "2", &address];
    let output = sockscope(&[&arguments[..], &["--capture", "-"]].concat()).output();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(packets(&output.stdout), 4);
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(
        said.contains("--- ") && said.contains("-: 4 packets"),
        "{said}"
    );

    // With --json too, standard output is the file's alone.
    let finished = sockscope(&[&arguments[..], &["--json", "--record", "-"]].concat()).run();
    let lines = finished.json();
    assert_eq!(lines[0]["sockscope-record"], 1);
    assert!(
        lines.iter().all(|line| line["event"] != "summary"),
        "{lines:?}"
    );
    assert!(
        finished.complaint.contains("\"summary\""),
        "{}",
        finished.complaint
    );

    let finished = sockscope(&["--capture", "-"]).run();
    assert_eq!(
        (finished.code, finished.lines.len()),
        (Some(2), 0),
        "the dashboard"
    );
}

#[test]
fn a_command_that_makes_no_sense_leaves_no_file() {
    let kept = Kept::new();
    for arguments in [
        &["ping", "--plain", "--size", "9"][..],
        &["get", "https://example.org/"],
        &["mail", "--to", "nobody"],
    ] {
        let finished = with(arguments, &kept.flags("none")).run();
        assert_eq!(finished.code, Some(2), "{arguments:?}");
        assert!(!kept.path("none.pcapng").exists() && !kept.path("none.jsonl").exists());
    }
    let same = kept.named("same");
    let finished = ping(&["--capture", &same, "--record", &same]);
    assert_eq!(finished.code, Some(2));
    assert!(
        finished.complaint.contains("--capture"),
        "{}",
        finished.complaint
    );
    assert!(!kept.path("same").exists());
}

#[test]
fn a_command_that_is_refused_leaves_no_empty_file_beside() {
    let kept = Kept::new();
    let (taken, beside) = (kept.named("taken.jsonl"), kept.named("beside"));
    fs::write(&taken, "precious").expect("a folder of ours");
    for arguments in [
        &["ping", "--csv", &beside, "--record", &taken][..],
        &["ping", "--csv", &beside, "--plain", "--size", "9"],
        &["serve", "--log-file", &beside, "--record", &taken],
    ] {
        let finished = with(arguments, &[]).run();
        assert!(finished.code > Some(0), "{finished:?}");
        assert!(!kept.path("beside").exists(), "{arguments:?}");
    }
    // A log that was there is appended to, and so never removed.
    fs::write(&beside, "old").expect("a folder of ours");
    let finished = sockscope(&["serve", "--log-file", &beside, "--record", &taken]).run();
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert_eq!(kept.bytes("beside"), b"old");
}

#[test]
fn a_folder_or_standard_output_where_a_file_belongs_is_said() {
    let kept = Kept::new();
    let folder = kept.folder.path().to_str().expect("UTF-8");
    let complaint = format!("sockscope: {folder} is a folder; name a file");
    for arguments in [
        &["ping", "--capture", folder][..],
        &["ping", "--capture", folder, "--overwrite"],
        &["ping", "--record", folder],
        &["ping", "--csv", folder],
        &["serve", "--log-file", folder],
    ] {
        let finished = sockscope(arguments).run();
        assert_eq!(finished.code, Some(2), "{finished:?}");
        assert_eq!(finished.complaint.trim_end(), complaint, "{arguments:?}");
    }
    for arguments in [["ping", "--csv", "-"], ["serve", "--log-file", "-"]] {
        let finished = sockscope(&arguments).run();
        assert_eq!(finished.code, Some(2), "{finished:?}");
        assert!(finished.complaint.contains(arguments[1]), "{finished:?}");
        assert!(
            finished.complaint.contains("name of a file"),
            "{finished:?}"
        );
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_bad_use() {
    let kept = Kept::new();
    let nowhere = kept.named("missing/a.pcapng");
    let finished = ping(&["--capture", &nowhere]);
    assert_eq!((finished.code, finished.lines.len()), (Some(2), 0));
    assert!(
        finished.complaint.contains(&nowhere),
        "{}",
        finished.complaint
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_from_the_start_is_bad_use() {
    let finished = ping(&["--record", "/dev/full"]);
    assert_eq!((finished.code, finished.lines.len()), (Some(2), 0));
    assert!(
        finished.complaint.contains("/dev/full cannot be written"),
        "{}",
        finished.complaint
    );
    assert!(Path::new("/dev/full").exists());
}

/// A limit on the size of files stands in for a disk that fills up: it is an error of `write` in the same way.
#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_ends_the_file_and_not_the_lab() {
    let (_server, address) = echo(&["--loss", "none", "--delay", "none"]);
    let kept = Kept::new();
    // Blocks of 512 bytes, or of 1,024 in some shells; a shell that ignores a signal starts programs that do.
    let limited = "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"";
    let (record, capture) = (kept.named("a.jsonl"), kept.named("a.pcapng"));
    let finished = start(
        "sh",
        &[
            "-c",
            limited,
            PROGRAM,
            "ping",
            "-c",
            "200",
            "--json",
            &address,
            "--record",
            &record,
            "--capture",
            &capture,
        ],
    )
    .finish();
    assert_eq!(finished.code, Some(0), "{}", finished.complaint);
    for file in [&record, &capture] {
        let complaint = format!("sockscope: {file} cannot be written any more: ");
        let said = finished.complaint.lines();
        let times = said.filter(|line| line.starts_with(&complaint)).count();
        assert_eq!(times, 1, "{}", finished.complaint);
    }
    assert_eq!(finished.complaint.lines().count(), 2);
    let lines = finished.json();
    let pings = lines.iter().filter(|line| line["event"] == "ping");
    assert_eq!(pings.count(), 200, "the lab goes on");
    // What is in the files is whole, and as much as is told.
    let told = told(&finished);
    let in_files = [
        packets(&kept.bytes("a.pcapng")),
        entries(Path::new(&record)).len(),
    ];
    for ((told, file), count) in told.iter().zip([&capture, &record]).zip(in_files) {
        assert!(told["error"].is_string(), "{told}");
        assert_eq!(told["written"], count, "{told}");
        let written = fs::metadata(file).expect("it is there").len();
        assert!((1..=16 * 1_024).contains(&written), "{written}");
        assert_eq!(told["bytes"], written, "{told}");
    }
}

/// A mail with a login, captured and recorded at both ends. Gives the four files and what was said on standard error.
fn login(secrets: &[&str]) -> (Vec<(String, Vec<u8>)>, String) {
    let kept = Kept::new();
    let server_flags = kept.flags("server");
    let mut mailbox = Mailbox::with(&[&borrowed(&server_flags)[..], secrets].concat());
    let client_flags = kept.flags("client");
    let arguments = [
        "--to",
        "ann@example.com",
        "--user",
        "bob",
        "--password-env",
        "P",
    ];
    let finished = mailbox
        .mail(&[&arguments[..], &borrowed(&client_flags), secrets].concat())
        .env("P", PASSWORD)
        .run();
    assert_eq!(finished.code, Some(0), "{}", finished.complaint);
    mailbox.until("closed");
    let mut said = finished.complaint;
    #[cfg(unix)]
    mailbox.server.signal(nix::sys::signal::Signal::SIGTERM);
    #[cfg(not(unix))]
    mailbox.server.close_output();
    said.push_str(&mailbox.server.finish().complaint);
    let names = [
        "client.pcapng",
        "client.jsonl",
        "server.pcapng",
        "server.jsonl",
    ];
    let files = names.map(|name| (name.to_owned(), kept.bytes(name)));
    for name in ["client.jsonl", "server.jsonl"] {
        assert!(entries(&kept.path(name)).len() > 10, "{name}");
    }
    (files.into(), said)
}

#[cfg(unix)]
#[test]
fn secrets_are_in_no_file_unless_they_are_asked_for() {
    let (files, said) = login(&[]);
    assert!(!said.contains("--show-secrets"), "{said}");
    for (name, bytes) in &files {
        assert!(contains(bytes, "AUTH PLAIN"), "{name}");
        assert!(
            !contains(bytes, PLAIN) && !contains(bytes, PASSWORD),
            "{name}"
        );
    }
    let (files, said) = login(&["--show-secrets"]);
    assert_eq!(said.matches("--show-secrets").count(), 2, "{said}");
    for (name, bytes) in &files {
        assert!(contains(bytes, PLAIN), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn files_are_whole_after_ctrl_c() {
    use nix::sys::signal::Signal;

    use crate::support::web::Client;

    let kept = Kept::new();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--json"];
    let mut server = with(&serve, &kept.flags("serve")).start();
    let address = text(&server.json()["address"]).parse().expect("an address");
    Client::connect(address)
        .ask("GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    server.json();
    server.signal(Signal::SIGINT);
    let finished = server.finish();
    assert_eq!((finished.code, finished.complaint.as_str()), (Some(0), ""));
    let capture = kept.bytes("serve.pcapng");
    assert!(
        packets(&capture) > 6,
        "a handshake, a request, a response and an end"
    );
    assert!(contains(&capture, "GET /HelloWorld.html"));
    assert_eq!(told(&finished)[0]["written"], packets(&capture));
    assert!(!entries(&kept.path("serve.jsonl")).is_empty());

    // A client that waits, for a server that says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = listener.local_addr().expect("it is bound");
    let url = format!("http://{address}/slow");
    let mut client = with(&["get", &url], &kept.flags("get")).start();
    assert!(client.line().starts_with("* "));
    assert!(client.line().contains("/slow"));
    client.signal(Signal::SIGINT);
    let finished = client.finish();
    assert_eq!(finished.code, Some(130));
    assert!(contains(&kept.bytes("get.pcapng"), "GET /slow"));
    assert!(packets(&kept.bytes("get.pcapng")) > 3);
    assert!(
        finished.complaint.contains("packets"),
        "{}",
        finished.complaint
    );
    assert!(!entries(&kept.path("get.jsonl")).is_empty());
}

#[test]
fn arguments_that_may_be_secret_stay_out_of_the_files() {
    let kept = Kept::new();
    let (_socket, address) = silence();
    // Nobody listens there over TCP.
    let url = format!("http://{address}/?password=hunter2");
    let field = "Authorization: Bearer tell-nobody";
    let finished = with(&["get", &url, "-H", field], &kept.flags("get")).run();
    assert_eq!(finished.code, Some(1));
    for name in ["get.pcapng", "get.jsonl"] {
        let bytes = kept.bytes(name);
        assert!(
            !contains(&bytes, "hunter2") && !contains(&bytes, "tell-nobody"),
            "{name}"
        );
    }
    entries(&kept.path("get.jsonl"));
    packets(&kept.bytes("get.pcapng"));
}
