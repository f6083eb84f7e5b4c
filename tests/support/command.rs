//! Running one command without a terminal: its lines, its complaints, its exit code.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use super::{PATIENCE, PROGRAM, environment, folder};

/// A command before it is started.
pub struct Sockscope {
    command: Command,
    home: TempDir,
    /// What it reads from its standard input.
    input: &'static str,
}

/// The command with these arguments, in an empty home.
pub fn sockscope(arguments: &[&str]) -> Sockscope {
    let home = folder();
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .env_clear()
        .envs(environment(home.path()))
        .current_dir(home.path());
    Sockscope {
        command,
        home,
        input: "",
    }
}

impl Sockscope {
    pub fn input(mut self, text: &'static str) -> Self {
        self.input = text;
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Writes a file into the home, which is also the working folder.
    pub fn file(self, name: &str, text: &str) -> Self {
        let path = self.home.path().join(name);
        let parent = path.parent().expect("files lie in the home");
        std::fs::create_dir_all(parent).expect("the home can be written");
        std::fs::write(&path, text).expect("the home can be written");
        self
    }

    pub fn start(self) -> Running {
        Running::start(self.command, self.home, self.input)
    }

    /// Runs to the end.
    pub fn run(self) -> Finished {
        self.start().finish()
    }

    /// Runs to the end a command whose output need not be text.
    pub fn output(mut self) -> Output {
        self.command
            .stdin(Stdio::null())
            .output()
            .expect("the program runs")
    }
}

/// Any program, started with an empty home.
pub fn start(program: &str, arguments: &[&str]) -> Running {
    let home = folder();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(home.path());
    Running::start(command, home, "")
}

/// A running command. Dropping it kills it.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: VecDeque<String>,
    complaints: Option<JoinHandle<String>>,
    home: TempDir,
}

impl Running {
    fn start(mut command: Command, home: TempDir, input: &str) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // A program that does not read it may be gone already.
        let _ = child
            .stdin
            .take()
            .expect("stdin is piped")
            .write_all(input.as_bytes());
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut stderr = child.stderr.take().expect("stderr is piped");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let line = line.expect("the output is UTF-8");
                if sender.send(line).is_err() {
                    // Nobody reads on: the pipe closes, as it does after `head -1`.
                    break;
                }
            }
        });
        let complaints = std::thread::spawn(move || {
            let mut text = String::new();
            stderr
                .read_to_string(&mut text)
                .expect("complaints are UTF-8");
            text
        });
        Self {
            child,
            lines,
            seen: VecDeque::new(),
            complaints: Some(complaints),
            home,
        }
    }

    pub fn home(&self) -> &std::path::Path {
        self.home.path()
    }

    /// The next line of its output.
    pub fn line(&mut self) -> String {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.seen.push_back(line.clone());
                line
            }
            Err(RecvTimeoutError::Timeout) => panic!("no line came; so far {:?}", self.seen),
            Err(RecvTimeoutError::Disconnected) => {
                let complaints = self.complaints.take().map(JoinHandle::join);
                panic!("it ended after {:?}: {complaints:?}", self.seen);
            }
        }
    }

    /// The next line as JSON.
    pub fn json(&mut self) -> Value {
        json(&self.line())
    }

    /// Closes the pipe from which its output was read.
    pub fn close_output(&mut self) {
        self.lines = mpsc::channel().1;
    }

    #[cfg(unix)]
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        nix::sys::signal::kill(pid, signal).expect("the program runs");
    }

    /// Waits for the end.
    pub fn finish(mut self) -> Finished {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = std::mem::take(&mut self.seen);
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => lines.push_back(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it did not end; so far {lines:?}"),
            }
        }
        // Its output is at an end, so the program is too, or will be in a moment.
        let status = self.child.wait().expect("the program can be waited for");
        let complaints = self.complaints.take().expect("finished once");
        let finished = Finished {
            code: status.code(),
            lines: lines.into(),
            complaint: complaints.join().expect("the reader does not panic"),
        };
        for line in finished.lines.iter().chain([&finished.complaint]) {
            assert_said_in_words(line);
        }
        finished
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails for a program that has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Fails on the key of a message where the message should stand, and on a part of a message that was not filled in.
pub fn assert_said_in_words(text: &str) {
    static KEYS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/locales");
        let locales = rust_i18n::try_load_locales(folder, |_| false, true).expect("valid locales");
        locales
            .into_values()
            .flat_map(BTreeMap::into_keys)
            .collect()
    });
    assert!(!text.contains("%{"), "{text}");
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c)) {
        assert!(!KEYS.contains(word), "{word:?} in {text:?}");
    }
}

/// How a command ended and what it had said.
#[derive(Debug)]
pub struct Finished {
    /// `None` if a signal killed it.
    pub code: Option<i32>,
    pub lines: Vec<String>,
    pub complaint: String,
}

impl Finished {
    /// The lines as JSON.
    pub fn json(&self) -> Vec<Value> {
        self.lines.iter().map(|line| json(line)).collect()
    }

    /// The lines as one text.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}

pub fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
}
