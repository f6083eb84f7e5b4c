//! The Mail tab of the real program: messages over real sockets, typed as a student types them, and no password anywhere.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::Signal;
use vt100::Screen;

use crate::SIZE;
use crate::support::folder;
use crate::support::terminal::{Terminal, keys, rows};
use crate::support::web::wait_until;

/// A word that stands nowhere else.
const PASSWORD: &str = "hard-to-guess";
/// What a login makes of it: LOGIN, and PLAIN for the user `bob`.
const ENCODED: [&str; 2] = ["aGFyZC10by1ndWVzcw==", "AGJvYgBoYXJkLXRvLWd1ZXNz"];

/// The dashboard with the Mail tab in front, its files in `state`.
fn start(state: &Path, arguments: &[&str]) -> Terminal {
    let free = "127.0.0.1:0";
    let mut all = vec!["--web-listen", free, "--listen", free];
    all.extend(arguments);
    let state = state.to_str().expect("UTF-8");
    let mut terminal = Terminal::start(SIZE, &all, &[("SOCKSCOPE_STATE", state)]);
    terminal.wait_for_text(&["● echo :"]);
    terminal.keys_then("3", " Dialogue ");
    terminal
}

/// The same with its server running.
fn mailing(state: &Path) -> Terminal {
    let mut terminal = start(state, &[]);
    terminal.wait_for_text(&["● mail :", "no faults"]);
    terminal
}

/// What stands in the form's row that is typed into.
fn field(screen: &Screen) -> Option<String> {
    rows(screen).find_map(|row| {
        let after = row.trim_start_matches(['│', '┃']).strip_prefix('▸')?;
        let (field, _) = after.split_once(['│', '┃'])?;
        Some(field.trim_matches([' ', '▲', '◂', '▸']).to_owned())
    })
}

/// Sends what is written. The form is left then, so that keys are keys again.
fn send(terminal: &mut Terminal) {
    terminal.keys(keys::F5);
    terminal.wait_for("the form to be left", |screen| field(screen).is_none());
}

/// Goes into the form, and on until the field with this label is typed into.
fn to_field(terminal: &mut Terminal, label: &str) {
    if field(terminal.screen()).is_none() {
        terminal.keys("e");
        terminal.wait_for("the form", |screen| field(screen).is_some());
    }
    for _ in 0..30 {
        let now = field(terminal.screen());
        if now.as_deref().is_some_and(|now| now.starts_with(label)) {
            return;
        }
        terminal.keys(keys::TAB);
        terminal.wait_for("another field", |screen| field(screen) != now);
    }
    panic!("no field {label}:\n{}", terminal.text());
}

/// Puts a text in place of what a field has.
fn write(terminal: &mut Terminal, label: &str, text: &str) {
    to_field(terminal, label);
    terminal.keys(&format!("{}{}{text}", keys::CTRL_A, keys::DELETE));
    let masked = "•".repeat(text.chars().count());
    terminal.wait_for("the text in its field", |screen| {
        field(screen).is_some_and(|field| field.ends_with(text) || field.ends_with(&masked))
    });
}

/// Goes through the options of a choice until this one is chosen.
fn choose(terminal: &mut Terminal, label: &str, option: &str) {
    to_field(terminal, label);
    for _ in 0..10 {
        let now = field(terminal.screen());
        if now.as_deref().is_some_and(|now| now.ends_with(option)) {
            return;
        }
        terminal.keys(keys::RIGHT);
        terminal.wait_for("another option", |screen| field(screen) != now);
    }
    panic!("no option {option}:\n{}", terminal.text());
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("it can be read");
    let mut all = Vec::new();
    for entry in entries {
        let path = entry.expect("it can be read").path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => all.push(path),
        }
    }
    all
}

fn contains(bytes: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    bytes.windows(text.len()).any(|window| window == text)
}

/// Neither the password nor what a login makes of it stands in these bytes.
fn assert_no_secret(bytes: &[u8], place: &str) {
    for secret in ENCODED.iter().chain(&[PASSWORD]) {
        assert!(!contains(bytes, secret), "{secret} in {place}");
    }
}

/// What was copied into the clipboard last.
fn copied(terminal: &Terminal) -> String {
    let bytes = String::from_utf8_lossy(terminal.bytes()).into_owned();
    let (_, after) = bytes.rsplit_once("\x1b]52;c;").expect("it was copied");
    let end = after.find(['\x07', '\x1b']).expect("the end");
    let text = STANDARD.decode(&after[..end]).expect("base64");
    String::from_utf8(text).expect("UTF-8")
}

#[test]
fn the_sample_arrives_and_is_read() {
    let state = folder();
    let mut terminal = mailing(state.path());
    terminal.wait_for_text(&["F5 sends the sample mail", "ready to send"]);
    send(&mut terminal);
    for row in [
        &["→ DATA"][..],
        &["← ◆ 354 "],
        &["← ● 250 2.0.0 Ok"],
        &["student@example.com ──▶ teacher@example.com"],
        &["Lab server", "messages 1"],
        &["Dialogue", "● sent"],
    ] {
        terminal.wait_for_row(row);
    }
    terminal.keys_then("v", " Mailbox ");
    terminal.wait_for_row(&["student@", "Hello from the socket lab"]);
    terminal.keys(keys::ENTER);
    terminal.wait_for_text(&["Dear teacher,", ".This line begins with a dot"]);
    // The other faces: what is stored is what was sent, its line ends seen.
    terminal.keys_then(keys::RIGHT, "Subject: Hello from the socket lab\\r\\n");
    terminal.keys_then_not(keys::ESC, "\\r\\n");
    terminal.keys_then("d", "Hello from the socket lab");
    assert_eq!(
        files(&state.path().join("mail")).len(),
        1,
        "it was only asked"
    );
    terminal.keys("y");
    wait_until("it is deleted", || {
        files(&state.path().join("mail")).is_empty()
    });
}

#[test]
fn a_session_is_stepped_through_with_a_command_edited() {
    let state = folder();
    let mut terminal = mailing(state.path());
    terminal.keys_then("o", "step by step");
    send(&mut terminal);
    for held in ["EHLO ", "MAIL FROM:<student@example.com>"] {
        terminal.wait_for_row(&["▸", held]);
        terminal.keys(keys::ENTER);
    }
    terminal.wait_for_row(&["▸RCPT TO:<teacher@example.com>"]);
    terminal.wait_for_text(&["expected 250, 251"]);
    // Nobody has heard of the recipient who is held.
    assert!(!terminal.text().contains("→ RCPT"));
    let back = keys::BACKSPACE.repeat("teacher@example.com>".len());
    terminal.keys_then(&back, "▸RCPT TO:<");
    terminal.keys_then("head@example.com>", "▸RCPT TO:<head@example.com>");
    terminal.keys(keys::ENTER);
    terminal.wait_for_text(&["→ RCPT TO:<head@example.com>", "▸DATA"]);
    terminal.keys(keys::ENTER);
    terminal.wait_for_row(&["← ◆ 354 "]);
    terminal.keys(keys::ENTER);
    terminal.wait_for_row(&["▸QUIT"]);
    terminal.keys(keys::ENTER);
    terminal.wait_for_row(&["← ● 221 "]);
    terminal.wait_for_row(&["student@example.com ──▶ head@example.com"]);
}

#[test]
fn a_refused_login_leaves_the_form_and_tells_no_password() {
    let state = folder();
    let mut terminal = mailing(state.path());
    terminal.keys_then("v", " Faults ");
    terminal.keys(keys::TAB);
    // From the switch of the end of data down to the sixth scenario.
    let scenarios = [
        "Greylisting",
        "The mailbox is full",
        "One bad recipient",
        "Too many recipients",
        "The message is too big",
        "The login is refused",
    ];
    for scenario in scenarios {
        terminal.keys_then(keys::DOWN, &format!("▸○ {scenario}"));
    }
    terminal.keys(keys::ENTER);
    terminal.wait_for_row(&["● The login is refused"]);
    terminal.keys_then_not("v", " Faults ");
    terminal.keys_then("vv", " Compose ");
    write(&mut terminal, "Subject", "Kept after all");
    choose(&mut terminal, "Login", "LOGIN");
    write(&mut terminal, "User", "bob");
    write(&mut terminal, "Password", PASSWORD);
    terminal.wait_for_row(&["Password", "•••••"]);
    send(&mut terminal);
    terminal.wait_for_row(&["← ■ 535 5.7.8"]);
    terminal.wait_for_text(&["login refused", "authorisation code"]);
    for row in [
        ["Subject", "Kept after all"],
        ["User", "bob"],
        ["Password", "•••••"],
    ] {
        terminal.wait_for_row(&row);
    }
    // The transcript, saved and copied.
    terminal.keys_then("s", "saved as ");
    // Copying leaves no trace on the screen; what comes behind it does.
    terminal.keys("c");
    terminal.keys_then("?", "Help: Mail");
    let copied = copied(&terminal);
    for part in [" -> AUTH LOGIN", " -> ********", "<** 535 5.7.8"] {
        assert!(copied.contains(part), "{part} in {copied}");
    }
    assert_no_secret(copied.as_bytes(), "what was copied");
    assert_no_secret(terminal.bytes(), "what the terminal got");
    terminal.keys_then_not(keys::ESC, "Help: Mail");
    terminal.keys("q");
    let ended = terminal.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    ended.assert_given_back();
    let saved = files(ended.home());
    let transcript = saved.iter().map(std::fs::read).filter_map(Result::ok);
    assert!(
        transcript
            .into_iter()
            .any(|text| contains(&text, "<** 535 5.7.8")),
        "{saved:?}"
    );
    let kept = files(state.path());
    assert!(!kept.is_empty());
    for path in saved.iter().chain(&kept) {
        let bytes = std::fs::read(path).expect("it can be read");
        assert_no_secret(&bytes, &path.display().to_string());
    }
}

#[test]
fn a_path_is_completed_and_the_file_arrives() {
    let (state, sent) = (folder(), folder());
    std::fs::write(sent.path().join("notes-of-today.txt"), "to be kept\n")
        .expect("it can be written");
    let mut terminal = mailing(state.path());
    let path = sent.path().join("not");
    write(&mut terminal, "Attach", path.to_str().expect("UTF-8"));
    terminal.wait_for_text(&["notes-of-today.txt"]);
    terminal.keys(keys::TAB);
    terminal.wait_for("the whole path in the field", |screen| {
        field(screen).is_some_and(|field| field.ends_with("notes-of-today.txt"))
    });
    send(&mut terminal);
    terminal.wait_for_row(&["Lab server", "messages 1"]);
    terminal.keys_then("v", " Mailbox ");
    terminal.wait_for_row(&["Hello from the socket lab"]);
    terminal.keys_then(keys::ENTER, "Dear teacher,");
    terminal.keys(&keys::RIGHT.repeat(4));
    terminal.wait_for_text(&["notes-of-today.txt"]);
}

#[test]
fn the_draft_survives_a_crash_but_no_password_does() {
    let state = folder();
    let mut terminal = mailing(state.path());
    choose(&mut terminal, "Login", "PLAIN");
    write(&mut terminal, "User", "bob");
    write(&mut terminal, "Password", PASSWORD);
    write(&mut terminal, "Subject", "断电之前");
    terminal.wait_for_row(&["Subject", "断电之前"]);
    let draft = state.path().join("draft.json");
    wait_until("the draft is in its file", || {
        std::fs::read(&draft).is_ok_and(|text| contains(&text, "断电之前"))
    });
    terminal.signal(Signal::SIGKILL);
    drop(terminal);
    for path in files(state.path()) {
        let bytes = std::fs::read(&path).expect("it can be read");
        assert_no_secret(&bytes, &path.display().to_string());
    }
    let mut terminal = mailing(state.path());
    for row in [["Subject", "断电之前"], ["User", "bob"], ["Login", "PLAIN"]] {
        terminal.wait_for_row(&row);
    }
    assert!(!terminal.text().contains('•'), "{}", terminal.text());
}

#[test]
fn messages_go_out_encrypted_both_ways() {
    let state = folder();
    let mut terminal = mailing(state.path());
    for (number, security) in [(1, "◂ STARTTLS"), (2, "◂ TLS")] {
        choose(&mut terminal, "Security", security);
        send(&mut terminal);
        terminal.wait_for_row(&["Lab server", &format!("messages {number}")]);
        terminal.wait_for_row(&["Dialogue", "● sent"]);
    }
    // What the wire shows of the second: nothing of the message.
    terminal.keys_then("vvv", " What the wire shows ");
    let shown = terminal.text();
    assert!(
        !shown.contains("MAIL FROM") && !shown.contains("Dear teacher"),
        "{shown}"
    );
}

#[test]
fn quitting_gives_the_terminal_back_while_a_sending_hangs() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let port = silent.local_addr().expect("it is bound").port().to_string();
    let state = folder();
    let mut terminal = mailing(state.path());
    write(&mut terminal, "Port", &port);
    send(&mut terminal);
    // Five minutes of RFC 5321 are longer than a test waits.
    terminal.wait_for_text(&["waiting for the reply to greeting: 4:5"]);
    terminal.keys("q");
    let ended = terminal.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());
    ended.assert_given_back();
}

#[test]
fn a_taken_port_leaves_it_running_and_f_takes_another() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = holder.local_addr().expect("it is bound").to_string();
    let state = folder();
    let mut terminal = start(state.path(), &["--mail-listen", &address]);
    terminal.wait_for_text(&["mail not running", &format!("Port {address} is taken")]);
    terminal.keys_then("F", "● mail :");
    send(&mut terminal);
    terminal.wait_for_row(&["Lab server", "messages 1"]);
}
