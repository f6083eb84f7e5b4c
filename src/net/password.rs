//! Where a password comes from: what was typed, a command, a file or a variable. One that is nowhere is asked for at the terminal. The settings name the source, and never the password.
//!
//! It stands apart so that one place reads secrets, bounds what it reads, and ends a command that does not end.

mod terminal;

use std::io::{self, Read};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, BufReader};
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::proto::secret::Secret;
use crate::proto::smtp::outcome::Failure;
use crate::proto::smtp::plan::Password;

pub use terminal::ask;

/// How long a command may take: it may ask a person to unlock a key ring.
const COMMAND: Duration = Duration::from_secs(60);
/// Bytes that are read of a source; the password is its first line.
const LONGEST: u64 = 64 * 1024;

/// Fetches the password. Cancelling this ends a command that still runs.
///
/// # Errors
///
/// [`Failure::Source`], with the name of the source and the system's words.
pub async fn fetch(password: &Password) -> Result<Secret, Failure> {
    let (what, result) = match password {
        Password::Typed(secret) => return Ok(secret.clone()),
        Password::Command(command) => (command.clone(), run(command, COMMAND).await),
        Password::File(path) => {
            let what = path.display().to_string();
            let path = path.clone();
            let read = move || std::fs::File::open(path).and_then(first_line_of_file);
            let read = tokio::task::spawn_blocking(read).await;
            (what, read.unwrap_or_else(|error| Err(error.into())))
        }
        Password::Variable(name) => (
            name.clone(),
            std::env::var(name)
                .map_err(io::Error::other)
                .and_then(|value| first_line(Zeroizing::new(value.into_bytes()))),
        ),
    };
    result.map_err(|error| Failure::Source {
        what,
        error: error.to_string(),
    })
}

/// The first line that a command of the system's shell prints.
async fn run(command: &str, limit: Duration) -> io::Result<Secret> {
    let mut child = shell(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let Some(output) = child.stdout.take() else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
    let ended = async {
        let mut output = BufReader::new(output).take(LONGEST);
        output.read_to_end(&mut bytes).await?;
        child.wait().await
    };
    let status = tokio::time::timeout(limit, ended)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    if status.success() {
        first_line(bytes)
    } else {
        Err(io::Error::other(status.to_string()))
    }
}

#[cfg(not(windows))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command);
    shell
}

#[cfg(windows)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    // The command stands as it is: cmd has its own rules for quotes.
    shell.arg("/C").raw_arg(command);
    shell
}

fn first_line_of_file(file: std::fs::File) -> io::Result<Secret> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
    file.take(LONGEST).read_to_end(&mut bytes)?;
    first_line(bytes)
}

fn first_line(bytes: Zeroizing<Vec<u8>>) -> io::Result<Secret> {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "its first line is empty",
        ));
    }
    Ok(Secret::new(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetched(password: &Password) -> Result<Vec<u8>, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let secret = runtime.block_on(fetch(password))?;
        Ok(secret.reveal().to_vec())
    }

    #[test]
    fn the_first_line_of_a_file_is_the_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        for (text, expected) in [
            ("secret", "secret"),
            ("secret\n", "secret"),
            ("se cret\r\nsecond\n", "se cret"),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(fetched(&Password::File(path.clone())), Ok(expected.into()));
        }
        for empty in ["", "\nsecret"] {
            std::fs::write(&path, empty).unwrap();
            assert!(fetched(&Password::File(path.clone())).is_err());
        }
        let missing = fetched(&Password::File(folder.path().join("none")));
        assert!(matches!(missing, Err(Failure::Source { what, .. }) if what.ends_with("none")));
    }

    #[test]
    fn a_variable_is_named_in_the_error() {
        let name = "SOCKSCOPE_NO_SUCH_VARIABLE";
        let missing = fetched(&Password::Variable(name.to_owned()));
        assert!(matches!(missing, Err(Failure::Source { what, .. }) if what == name));
    }

    #[cfg(unix)]
    #[test]
    fn a_command_prints_the_password() {
        let command = |text: &str| fetched(&Password::Command(text.to_owned()));
        assert_eq!(command("echo secret; echo more"), Ok(b"secret".to_vec()));
        assert!(command("echo secret; exit 3").is_err());
        assert!(command("true").is_err());
        assert!(command("/no/such/program").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_command_that_does_not_end_is_ended() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let late = runtime.block_on(run("sleep 60", Duration::from_millis(10)));
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
