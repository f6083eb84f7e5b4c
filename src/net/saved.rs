//! Files that the program writes for its user: put there whole or not at all, private, and never over somebody else's.
//!
//! It stands apart because a draft, a certificate and a saved transcript need the same care, and care that is written three times is forgotten once.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::os;

/// Names that are tried when one is taken.
const MOST_NAMES: u32 = 1_000;

/// Puts these bytes in place of a file of ours. Whoever reads it, after a crash too, finds the old bytes or the new.
///
/// # Errors
///
/// In the system's words.
pub fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut part = OsString::from(file);
    part.push(format!(".{}.part", std::process::id()));
    let written = write(
        OpenOptions::new().write(true).create(true).truncate(true),
        part.as_ref(),
        bytes,
    )
    .and_then(|()| fs::rename(&part, file));
    if written.is_err() {
        // What was written so far helps nobody.
        let _ = fs::remove_file(&part);
    }
    written
}

/// Writes a new file into a folder: under this name or, where that is taken, with a number before its ending.
///
/// # Errors
///
/// In the system's words.
pub fn save_new(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut number = 1;
    loop {
        let file = folder.join(numbered(name, number));
        match write(
            OpenOptions::new().write(true).create_new(true),
            &file,
            bytes,
        ) {
            Ok(()) => return Ok(file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MOST_NAMES => {
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn write(options: &mut OpenOptions, file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut out = os::private(options).open(file)?;
    out.write_all(bytes)?;
    out.sync_all()
}

/// `report.txt`, `report-2.txt`, `report-3.txt`…
fn numbered(name: &str, number: u32) -> String {
    if number == 1 {
        return name.to_owned();
    }
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => format!("{stem}-{number}.{ending}"),
        _ => format!("{name}-{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/draft.json");
        replace(&file, b"one").unwrap();
        replace(&file, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        let names: Vec<_> = fs::read_dir(file.parent().unwrap()).unwrap().collect();
        assert_eq!(names.len(), 1, "no part of it is left: {names:?}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_new_file_takes_no_name_that_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["mail.txt", "mail-2.txt", "mail-3.txt"];
        for (place, name) in names.iter().enumerate() {
            let bytes = [place as u8];
            let file = save_new(folder.path(), "mail.txt", &bytes).unwrap();
            assert_eq!(file, folder.path().join(name));
            assert_eq!(fs::read(file).unwrap(), bytes);
        }
        assert_eq!(numbered(".hidden", 2), ".hidden-2");
        assert_eq!(numbered("plain", 2), "plain-2");
        assert!(save_new(&folder.path().join("missing"), "a", b"").is_err());
    }
}
