//! The pages that the program brings along, so that a lab works from any working directory: `assets/www`, and one large file made when somebody asks
//! for it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hash::Hasher as _;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use super::entity::{Content, Entity, hash};
use super::{Leaf, Place};
use crate::net::os::folder::{Entries, Entry, Kind, unix_nanoseconds};
use crate::proto::http::rule::Rule;

/// Path below `assets/www` and content of each.
macro_rules! pages {
    ($($path:literal)*) => {
        &[$(($path, include_bytes!(concat!("../../../assets/www/", $path))),)*]
    };
}

const PAGES: &[(&str, &[u8])] = pages! {
    "HelloWorld.html"
    "favicon.ico"
    "images/socket.svg"
    "images/waves.png"
    "index.html"
    "parts/body.css"
    "parts/count.js"
    "parts/eight.svg"
    "parts/five.svg"
    "parts/four.svg"
    "parts/grid.css"
    "parts/index.html"
    "parts/one.svg"
    "parts/pixel.png"
    "parts/seven.svg"
    "parts/six.svg"
    "parts/three.svg"
    "parts/two.svg"
    "style.css"
};

/// The large file.
const BIG: &str = "big.bin";

/// Its lines, each with the offset of its first byte, so that a range shows where it was cut.
const BIG_LINES: usize = (8 << 20) / BIG_LINE;

/// Bytes of a line with its line feed.
const BIG_LINE: usize = 64;

/// The pages, ready to be sent.
#[derive(Debug)]
pub struct Pages {
    pages: Vec<(&'static str, Arc<Entity>)>,
    big: OnceLock<Arc<Entity>>,
    /// When the program started: the pages cannot have changed since, and nobody asks for what was before.
    started: i64,
}

fn entity(path: &str, content: Cow<'static, [u8]>, started: i64) -> Arc<Entity> {
    Arc::new(Entity {
        length: content.len() as u64,
        version: hash(|hasher| hasher.write(&content)),
        content: Content::Memory(content),
        name: path.rsplit('/').next().unwrap_or(path).to_owned(),
        modified: Some(started),
        coding: None,
        varies: false,
        settled: true,
        prepared: OnceLock::new(),
    })
}

/// `byte 00000064 of 8388608 …`, line after line.
fn big_content() -> Vec<u8> {
    let mut text = String::with_capacity(BIG_LINES * BIG_LINE);
    for line in 0..BIG_LINES {
        let offset = line * BIG_LINE;
        let end = offset + BIG_LINE - 1;
        // Writing to a String cannot fail.
        let _ = write!(text, "byte {offset:08} of {:08} ", BIG_LINES * BIG_LINE);
        while text.len() < end {
            text.push('.');
        }
        text.push('\n');
    }
    text.into_bytes()
}

impl Pages {
    pub fn new(started: SystemTime) -> Self {
        let started = unix_nanoseconds(started);
        let page = |&(path, bytes): &(&'static str, &'static [u8])| {
            (path, entity(path, Cow::Borrowed(bytes), started))
        };
        Self {
            pages: PAGES.iter().map(page).collect(),
            big: OnceLock::new(),
            started,
        }
    }

    pub fn place(&self, path: &str) -> Result<Place<'_>, Rule> {
        if path == BIG {
            let made = || entity(BIG, Cow::Owned(big_content()), self.started);
            return Ok(Place::Leaf(Leaf::Entity(Arc::clone(
                self.big.get_or_init(made),
            ))));
        }
        if let Some((_, page)) = self.pages.iter().find(|(of, _)| *of == path) {
            return Ok(Place::Leaf(Leaf::Entity(Arc::clone(page))));
        }
        if path.is_empty() || self.pages.iter().any(|(of, _)| is_below(path, of)) {
            return Ok(Place::Folder);
        }
        let files = self.pages.iter().map(|(of, _)| *of).chain([BIG]);
        Err(if files.into_iter().any(|of| is_below(of, path)) {
            Rule::FileIsNoFolder
        } else {
            Rule::NotFound
        })
    }

    pub fn entries(&self, folder: &str) -> Entries {
        let mut entries = Entries::default();
        let big = (BIG, (BIG_LINES * BIG_LINE) as u64);
        let files = self.pages.iter().map(|(path, page)| (*path, page.length));
        for (path, length) in files.chain([big]) {
            let rest = if folder.is_empty() {
                path
            } else if is_below(folder, path) {
                &path[folder.len() + 1..]
            } else {
                continue;
            };
            let (name, kind, length) = match rest.split_once('/') {
                Some((name, _)) => (name, Kind::Folder, 0),
                None => (rest, Kind::File, length),
            };
            let entry = Entry {
                name: name.into(),
                kind,
                length,
                modified: Some(self.started),
            };
            if !entries.shown.contains(&entry) {
                entries.shown.push(entry);
            }
        }
        entries
    }
}

/// Whether `path` lies below `folder`.
fn is_below(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    fn paths(folder: &Path, below: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{below}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                paths(&entry.path(), &format!("{path}/"), found);
            } else {
                found.insert(path);
            }
        }
    }

    #[test]
    fn the_table_has_every_file_of_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/www");
        let mut found = BTreeSet::new();
        paths(&folder, "", &mut found);
        let table: BTreeSet<String> = PAGES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(table, found);
        assert!(PAGES.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() < 100_000);
    }

    #[test]
    fn a_line_of_the_large_file_says_where_it_is() {
        let big = big_content();
        assert_eq!(big.len(), 8 << 20);
        let line = &big[6400..6464];
        assert!(line.starts_with(b"byte 00006400 of 08388608 ..."));
        assert_eq!(line[63], b'\n');
        assert!(
            big.chunks(BIG_LINE)
                .all(|line| line.is_ascii() && line[63] == b'\n')
        );
    }
}
