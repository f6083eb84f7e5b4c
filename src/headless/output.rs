//! Standard output that is flushed a line at a time and does not complain when its reader has gone.

use std::io::{self, Write};

use serde::Serialize;

use crate::trace::start_error::StartError;

/// The exit code of a command that Ctrl+C ended before it was done, as shells have it: 128 and the number of the signal.
pub const INTERRUPTED: u8 = 130;

/// How a command reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text for people.
    Text,
    /// One JSON object a line for programs.
    Json,
}

/// Why a command that runs a server ended badly.
#[derive(Debug)]
pub enum Failure {
    Start(StartError),
    Output(io::Error),
    /// The socket failed while the server ran.
    Socket(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

/// Writes lines for people or for programs. A closed pipe (`sockscope ping | head -1`) ends the output quietly; every other error is returned.
pub struct Output<W: Write> {
    out: W,
    closed: bool,
}

impl<W: Write> Output<W> {
    pub fn new(out: W) -> Self {
        Self { out, closed: false }
    }

    /// Whether the reader has gone: there is nobody left to tell anything.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// A line of text.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// A JSON object on a line of its own.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.bytes(&line)
    }

    /// Whole lines, as many as there are.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        match self.out.write_all(bytes).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct ClosedPipe;

    impl Write for ClosedPipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_noticed_and_is_no_error() {
        let mut output = Output::new(ClosedPipe);
        assert!(output.line("x").is_ok());
        assert!(output.is_closed());
    }

    #[test]
    fn json_is_one_line() {
        let mut output = Output::new(Vec::new());
        assert!(output.json(&serde_json::json!({"a": "line\nfeed"})).is_ok());
        assert_eq!(output.out, b"{\"a\":\"line\\nfeed\"}\n");
    }
}
