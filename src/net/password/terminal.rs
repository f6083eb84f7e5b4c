//! A password typed at the terminal.
//!
//! The terminal shows nothing from before the prompt stands there until the line has ended, and is put back whatever was typed: Ctrl+C is a byte here,
//! so that it cannot end the program while typing is hidden.

use std::fs::File;
use std::io::{self, BufRead, Write};

use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use zeroize::Zeroizing;

use crate::proto::secret::Secret;

/// The terminal itself, wherever the output goes.
const TERMINAL: &str = if cfg!(windows) { "CONOUT$" } else { "/dev/tty" };
/// Bytes of a password; more are not taken.
const LONGEST: usize = 4096;

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const CTRL_U: u8 = 0x15;
const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;

/// Asks the person at the terminal, which has to be standard input.
///
/// # Errors
///
/// The system's; [`io::ErrorKind::Interrupted`] after Ctrl+C.
pub fn ask(prompt: &str) -> io::Result<Secret> {
    let mut terminal = File::options().write(true).open(TERMINAL)?;
    let hidden = Hidden::begin()?;
    let typed = terminal
        .write_all(prompt.as_bytes())
        .and_then(|()| line(io::stdin().lock()));
    drop(hidden);
    // Enter was not shown, either.
    terminal.write_all(b"\n")?;
    typed
}

/// While it lives nothing that is typed is shown.
struct Hidden;

impl Hidden {
    fn begin() -> io::Result<Self> {
        enable_raw_mode().map(|()| Self)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = disable_raw_mode();
    }
}

/// Reads one line as a terminal in raw mode gives it, with the keys that a terminal has for lines.
fn line(input: impl BufRead) -> io::Result<Secret> {
    let mut typed = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut input = input.bytes();
    while let Some(byte) = input.next().transpose()? {
        match byte {
            b'\r' | b'\n' => return Ok(Secret::new(typed.as_slice())),
            CTRL_C => return Err(io::ErrorKind::Interrupted.into()),
            CTRL_D if typed.is_empty() => break,
            CTRL_U => typed.clear(),
            // A whole character, whatever its length in UTF-8.
            BACKSPACE | DELETE => while typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            ESCAPE => skip_key(&mut input)?,
            byte if byte >= b' ' && typed.len() < LONGEST => typed.push(byte),
            _ => {}
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// Passes over the rest of what an arrow or function key sends: `ESC [ … letter` or `ESC O letter` (ECMA-48 §5.4).
fn skip_key(input: &mut impl Iterator<Item = io::Result<u8>>) -> io::Result<()> {
    if matches!(input.next().transpose()?, Some(b'[' | b'O')) {
        while let Some(byte) = input.next().transpose()? {
            if (0x40..0x7f).contains(&byte) {
                break;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_was_typed_and_not_taken_back() {
        for (keys, expected) in [
            ("secret\r", "secret"),
            ("se cret\nsecond\n", "se cret"),
            ("\r", ""),
            ("secrex\u{8}t\r", "secret"),
            ("\u{7f}a密\u{7f}b\r", "ab"),
            ("wrong\u{15}right\r", "right"),
            ("a\u{1b}[Ab\u{1b}OPc\u{1b}[15~d\r", "abcd"),
            ("a\tb\u{4}c\r", "abc"),
            ("密码é\r", "密码é"),
        ] {
            let typed = line(keys.as_bytes()).unwrap();
            assert_eq!(typed.reveal(), expected.as_bytes(), "{keys:?}");
        }
        let long = "x".repeat(2 * LONGEST) + "\r";
        assert_eq!(line(long.as_bytes()).unwrap().reveal().len(), LONGEST);
    }

    #[test]
    fn nothing_is_a_password_without_its_end() {
        for (keys, expected) in [
            ("secret\u{3}", io::ErrorKind::Interrupted),
            ("secret", io::ErrorKind::UnexpectedEof),
            ("\u{4}", io::ErrorKind::UnexpectedEof),
            ("", io::ErrorKind::UnexpectedEof),
        ] {
            assert_eq!(line(keys.as_bytes()).unwrap_err().kind(), expected);
        }
    }
}
