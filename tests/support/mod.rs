//! What the tests of the real program share: running a command and running the dashboard in a pseudo-terminal, each in an environment of its own.

#![allow(
    dead_code,
    reason = "every test binary compiles this and uses its own part"
)]

pub mod command;
pub mod mail;
#[cfg(unix)]
pub mod session;
#[cfg(unix)]
pub mod terminal;
pub mod web;

use std::time::Duration;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_sockscope");

/// How long a condition may take to come true. Only a test that fails waits so long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The environment of a program that has nothing of ours but what it needs to start.
fn environment(home: &std::path::Path) -> Vec<(String, std::ffi::OsString)> {
    let kept = ["PATH", "SystemRoot", "LLVM_PROFILE_FILE"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), std::env::var_os(name)?)));
    let folders = [
        "HOME",
        "USERPROFILE",
        "APPDATA",
        "XDG_CONFIG_HOME",
        // Reports of panics go where temporary files go.
        "TMPDIR",
        "TEMP",
    ]
    .into_iter()
    .map(|name| (name.to_owned(), home.into()));
    let terminal = [("TERM", "xterm-256color"), ("LANG", "C.UTF-8")]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()));
    kept.chain(folders).chain(terminal).collect()
}

/// A folder that is removed at the end of the test.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("temporary folders can be made")
}
