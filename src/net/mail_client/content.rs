//! A message on its way out: composed in memory but for its attachments, which are read, encoded and sent block by block, so that their size costs no
//! memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use chrono::{DateTime, FixedOffset};

use crate::proto::message::compose::{Addresses, Composed, FileInfo, Piece, compose, message_id};
use crate::proto::message::{Base64Lines, Outline};
use crate::proto::smtp::client::Measure;
use crate::proto::smtp::outcome::Failure;

/// Bytes of a file that are read at once.
const BLOCK: usize = 64 * 1024;

/// What the messages of a sending are made of.
pub struct Source {
    outline: Outline,
    files: Vec<FileInfo>,
    date: DateTime<FixedOffset>,
    /// The Message-IDs count on from here.
    id: u128,
}

impl Source {
    /// Looks at the attachments.
    ///
    /// # Errors
    ///
    /// [`Failure::Source`] for the first one that can't be sent.
    pub fn new(outline: &Outline, date: DateTime<FixedOffset>, id: u128) -> Result<Self, Failure> {
        let files = outline.attachments.iter().map(|path| {
            let length = length_of(path).map_err(|error| failure(path, &error))?;
            Ok(FileInfo::new(path, length))
        });
        Ok(Self {
            files: files.collect::<Result<_, _>>()?,
            outline: outline.clone(),
            date,
            id,
        })
    }

    /// The message of this number; another try of it is the same message.
    pub fn compose(&self, number: u32, utf8: bool) -> Content {
        let id = message_id(self.id(number), &self.outline.from.address);
        let addresses = if utf8 {
            Addresses::Utf8
        } else {
            Addresses::Ascii
        };
        let composed = compose(&self.outline, &self.files, &self.date, &id, addresses);
        let id_at = match composed.pieces.first() {
            Some(Piece::Bytes(bytes)) => find(bytes, id.as_bytes()),
            _ => None,
        };
        Content {
            composed,
            utf8,
            id_at,
            paths: self.outline.attachments.clone(),
            piece: 0,
            file: None,
            block: Vec::new(),
            used: 0,
        }
    }

    /// Makes of a message the one of another number, which differs in its Message-ID only. `None`: it has to be composed.
    pub fn renumber(&self, mut content: Content, number: u32, utf8: bool) -> Option<Content> {
        let digits = format!("{:032x}", self.id(number));
        let at = content.id_at.filter(|_| content.utf8 == utf8)?;
        let Some(Piece::Bytes(bytes)) = content.composed.pieces.first_mut() else {
            return None;
        };
        let id = bytes.get_mut(at..at + digits.len())?;
        id.copy_from_slice(digits.as_bytes());
        content.rewind();
        Some(content)
    }

    fn id(&self, number: u32) -> u128 {
        self.id.wrapping_add(number.into())
    }
}

/// Where a text begins in these bytes.
fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|part| part == text)
}

/// A directory has no length that could be sent, and a device none that could be told before.
fn length_of(path: &PathBuf) -> io::Result<u64> {
    // Opening it shows whether it may be read at all.
    let about = File::open(path)?.metadata()?;
    if about.is_file() {
        Ok(about.len())
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a file",
        ))
    }
}

fn failure(path: &std::path::Path, error: &io::Error) -> Failure {
    Failure::Source {
        what: path.display().to_string(),
        error: error.to_string(),
    }
}

/// One message, handed out from its beginning to its end.
pub struct Content {
    composed: Composed,
    utf8: bool,
    /// Where the digits of its Message-ID stand.
    id_at: Option<usize>,
    paths: Vec<PathBuf>,
    /// The piece that is being handed out.
    piece: usize,
    file: Option<Reading>,
    /// Bytes of a file, encoded.
    block: Vec<u8>,
    /// Of the piece in memory, or of the block.
    used: usize,
}

/// A file in the middle of being sent.
struct Reading {
    file: File,
    /// Bytes that were announced and are still to come.
    left: u64,
    encoder: Base64Lines,
    buffer: Box<[u8]>,
}

impl Content {
    pub fn measure(&self) -> Measure {
        Measure {
            bytes: self.composed.length(),
            eight_bit: self.composed.is_8bit(),
        }
    }

    /// From the beginning again.
    pub fn rewind(&mut self) {
        self.piece = 0;
        self.file = None;
        self.block.clear();
        self.used = 0;
    }

    /// The next bytes, none at the end. They are handed out again until [`Content::consume`] takes them.
    ///
    /// # Errors
    ///
    /// [`Failure::Source`] when a file can't be read, or has become shorter.
    pub fn next(&mut self) -> Result<&[u8], Failure> {
        while let Some(piece) = self.composed.pieces.get(self.piece) {
            match piece {
                Piece::Bytes(bytes) if self.used < bytes.len() => break,
                Piece::File { index, length } => {
                    if self.used < self.block.len() {
                        break;
                    }
                    let path = &self.paths[*index];
                    let more = fill(&mut self.file, path, *length, &mut self.block)
                        .map_err(|error| failure(path, &error))?;
                    self.used = 0;
                    if more {
                        break;
                    }
                    self.file = None;
                }
                Piece::Bytes(_) => {}
            }
            self.piece += 1;
            self.used = 0;
        }
        Ok(match self.composed.pieces.get(self.piece) {
            Some(Piece::Bytes(bytes)) => &bytes[self.used..],
            Some(Piece::File { .. }) => &self.block[self.used..],
            None => &[],
        })
    }

    pub fn consume(&mut self, bytes: usize) {
        self.used += bytes;
    }
}

/// Reads and encodes the next block of a file; `false` at its end.
fn fill(
    reading: &mut Option<Reading>,
    path: &PathBuf,
    length: u64,
    block: &mut Vec<u8>,
) -> io::Result<bool> {
    block.clear();
    let reading = match reading {
        Some(reading) => reading,
        None => reading.insert(Reading {
            file: File::open(path)?,
            left: length,
            encoder: Base64Lines::new(),
            buffer: vec![0; BLOCK].into(),
        }),
    };
    while block.is_empty() && reading.left > 0 {
        let most = usize::try_from(reading.left).map_or(BLOCK, |left| left.min(BLOCK));
        let read = reading.file.read(&mut reading.buffer[..most])?;
        if read == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it has become shorter meanwhile",
            ));
        }
        reading.left -= read as u64;
        reading.encoder.push(&reading.buffer[..read], block);
        if reading.left == 0 {
            std::mem::take(&mut reading.encoder).finish(block);
        }
    }
    Ok(!block.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::message::Mailbox;
    use crate::proto::smtp::address::Address;

    fn outline(attachments: Vec<PathBuf>) -> Outline {
        let mailbox = |text| Mailbox {
            name: None,
            address: Address::parse(text).unwrap(),
        };
        Outline {
            from: mailbox("a@lab"),
            to: vec![mailbox("b@lab")],
            cc: Vec::new(),
            bcc: Vec::new(),
            subject: "hello".to_owned(),
            body: "text\n".to_owned(),
            attachments,
        }
    }

    fn source(attachments: Vec<PathBuf>) -> Result<Source, Failure> {
        Source::new(&outline(attachments), DateTime::default(), 1)
    }

    /// All of it, taken in steps of this many bytes.
    fn all(content: &mut Content, step: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let next = content.next().unwrap();
            if next.is_empty() {
                return bytes;
            }
            let taken = next.len().min(step);
            bytes.extend_from_slice(&next[..taken]);
            content.consume(taken);
        }
    }

    #[test]
    fn the_length_is_known_before_and_each_pass_gives_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> = [0, 1, 57, BLOCK, 2 * BLOCK + 1]
            .into_iter()
            .map(|length| {
                let path = folder.path().join(format!("{length}.bin"));
                std::fs::write(&path, vec![b'x'; length]).unwrap();
                path
            })
            .collect();
        let source = source(paths).unwrap();
        let mut content = source.compose(1, false);
        let bytes = all(&mut content, usize::MAX);
        assert_eq!(bytes.len() as u64, content.measure().bytes);
        for step in [1000, 65_537] {
            content.rewind();
            assert_eq!(all(&mut content, step), bytes);
        }
        let id = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let line = text.lines().find(|line| line.starts_with("Message-ID"));
            line.unwrap().to_owned()
        };
        assert_eq!(id(&all(&mut source.compose(1, false), 99)), id(&bytes));
        let second = all(&mut source.compose(2, false), 99);
        assert_ne!(id(&second), id(&bytes));
        let mut renumbered = source.renumber(content, 2, false).unwrap();
        let renumbered = all(&mut renumbered, 99);
        assert_eq!(id(&renumbered), id(&second));
        let boundary = |bytes: &[u8]| find(bytes, b"multipart/mixed").unwrap();
        let header = boundary(&bytes);
        assert_eq!(renumbered[..header], second[..header]);
        assert_eq!(
            renumbered[header..],
            bytes[header..],
            "nothing else changes"
        );
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        for wrong in [path.clone(), folder.path().to_owned()] {
            let what = wrong.display().to_string();
            let failed = source(vec![wrong]).err();
            assert!(matches!(failed, Some(Failure::Source { what: named, .. }) if named == what));
        }
        std::fs::write(&path, vec![b'x'; 2 * BLOCK]).unwrap();
        let source = source(vec![path.clone()]).unwrap();
        std::fs::write(&path, b"short").unwrap();
        let mut content = source.compose(1, false);
        let failed = loop {
            match content.next() {
                Ok(bytes) => {
                    let length = bytes.len();
                    assert!(length > 0, "it ends although bytes are missing");
                    content.consume(length);
                }
                Err(failure) => break failure,
            }
        };
        assert!(matches!(failed, Failure::Source { .. }));
    }
}
