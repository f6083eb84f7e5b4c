//! What is played, written as a record once more: every entry as it was read.
//!
//! It stands apart from captures because those take what labs tell while it happens: they leave out what comes too fast, and find a time for what has
//! none. Here nothing is left out and every time stays.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use crate::net::recording::{OpenError, Target, create};
use crate::trace::record::{Entry, Header, VERSION, Writer};

/// The record that is written while another is played.
pub struct Again {
    path: PathBuf,
    /// `None` once it could not be written any more.
    writer: Option<Writer<BufWriter<Box<dyn Write + Send>>>>,
}

impl Again {
    /// Begins a record whose times count from where those of the played one do.
    ///
    /// # Errors
    ///
    /// The file exists and is not to be overwritten, or can't be made.
    pub fn open(target: Target, played: &Header) -> Result<Self, OpenError> {
        let Target {
            path, overwrite, ..
        } = target;
        let header = Header {
            version: VERSION,
            program: concat!("sockscope ", env!("CARGO_PKG_VERSION")).to_owned(),
            command: "sockscope replay".to_owned(),
            started: played.started,
        };
        let begun = create(&path, overwrite)
            .and_then(|out| Writer::new(BufWriter::new(out), &header))
            .and_then(|mut writer| writer.flush().map(|()| writer));
        match begun {
            Ok(writer) => Ok(Self {
                path,
                writer: Some(writer),
            }),
            Err(error) => Err(OpenError::of(path, error)),
        }
    }

    /// Adds an entry. Gives the file and why it can't be written any further, once.
    pub fn write(&mut self, entry: &Entry) -> Option<(PathBuf, io::Error)> {
        self.attempt(|writer| writer.write(entry))
    }

    /// Hands over what is buffered, and fails as above.
    pub fn flush(&mut self) -> Option<(PathBuf, io::Error)> {
        self.attempt(Writer::flush)
    }

    fn attempt(
        &mut self,
        act: impl FnOnce(&mut Writer<BufWriter<Box<dyn Write + Send>>>) -> io::Result<()>,
    ) -> Option<(PathBuf, io::Error)> {
        let error = act(self.writer.as_mut()?).err()?;
        self.writer = None;
        Some((self.path.clone(), error))
    }
}
