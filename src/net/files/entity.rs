//! One file as it is sent: which of its codings, which bytes, and what tells them from those that were there before.

use std::borrow::Cow;
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use super::cache::Watched;
use crate::net::os::folder::{Folder, Kind, Node, Stamp, rule_of, unix_nanoseconds};
use crate::net::os::read_at;
use crate::net::web::Prepared;
use crate::proto::http::coding::Coding;
use crate::proto::http::rule::Rule;

/// Files up to this many bytes are read at once and sent from memory; beyond, a system call a step costs less than a copy.
pub const SMALL: u64 = 64 << 10;

/// A file is kept in memory only when its last change is at least this old. File systems stamp changes as coarsely as every two seconds (FAT), and
/// two changes with the same stamp look like one.
pub const SETTLED: Duration = Duration::from_secs(2);

/// How often a small file is read when it changes while it is read.
const READINGS: usize = 4;

/// The bytes of a file.
#[derive(Debug)]
pub enum Content {
    /// All of them.
    Memory(Cow<'static, [u8]>),
    /// To be sent from here in steps. It may shrink meanwhile: a step that moves no byte says so ([`send_file`](crate::net::os::send_file)), and then the announced
    /// length can't be kept and the connection has to be cut. Growing does no harm: [`Entity::length`] bytes are sent.
    Open(File),
}

/// A file as it is sent, the same for every request until the file changes.
#[derive(Debug)]
pub struct Entity {
    pub content: Content,
    /// Bytes of the content.
    pub length: u64,
    /// The last name of the file, without the extension of its coding: it decides the media type.
    pub name: String,
    /// When it was last changed, in nanoseconds since 1970, UTC.
    pub modified: Option<i64>,
    /// Tells the content from any other that the path leads to, at other times or in other codings: for the entity tag, a strong one if `settled`
    /// (RFC 9110 §8.8.3).
    pub version: u64,
    /// How the content is coded; `None` for the file as it is.
    pub coding: Option<Coding>,
    /// Whether other requests for this path get other bytes, depending on `Accept-Encoding`.
    pub varies: bool,
    /// Whether it is settled: its stamp is old enough to tell it from any later content.
    pub settled: bool,
    /// Room for the server: what is the same in every answer with this file, made once.
    pub prepared: OnceLock<Prepared>,
}

impl Entity {
    /// Whether it may be answered with again, as long as its stamp is the same.
    pub fn can_be_kept(&self) -> bool {
        self.settled && self.length <= SMALL && matches!(self.content, Content::Memory(_))
    }
}

/// A file as it is sent, and the files on which that depends.
pub struct Answer {
    pub entity: Arc<Entity>,
    pub watched: Vec<Watched>,
}

/// A regular file, open, with its stamp.
type Opened = (File, Stamp);

/// The stamp of the regular file at `path`, if there is one that may be served.
pub fn file_stamp(folder: &Folder, path: &str) -> Option<Stamp> {
    match folder.look(Path::new(path)) {
        Ok((Kind::File, stamp)) => Some(stamp),
        _ => None,
    }
}

/// The answer from a folder's file at `path`, or from the coded file beside it.
pub fn answer(
    folder: &Folder,
    path: &str,
    plain: Opened,
    codings: &[Coding],
    wall: SystemTime,
) -> Result<Answer, Rule> {
    let mut watched = vec![Watched {
        path: path.to_owned(),
        stamp: Some(plain.1),
    }];
    watched.extend(look_beside(folder, path));
    let varies = watched[1..]
        .iter()
        .any(|coded| is_of(coded.stamp, &plain.1));
    let (coding, opened) = match codings {
        [_, ..] if varies => best(folder, path, plain, codings),
        _ => (None, plain),
    };
    let (content, stamp) = content(opened).map_err(|error| rule_of(&error))?;
    let length = match &content {
        Content::Memory(bytes) => bytes.len() as u64,
        Content::Open(_) => stamp.length,
    };
    // What changed since it was looked at is answered with, but not relied on.
    let is_consistent =
        length == stamp.length && watched.iter().any(|file| file.stamp == Some(stamp));
    let mut stamps = watched.iter().filter_map(|file| file.stamp);
    let entity = Entity {
        content,
        length,
        name: path.rsplit('/').next().unwrap_or(path).to_owned(),
        modified: stamp.modified,
        version: hash(|hasher| stamp.hash(hasher)),
        coding,
        varies,
        settled: is_consistent && stamps.all(|stamp| is_settled(&stamp, wall)),
        prepared: OnceLock::new(),
    };
    Ok(Answer {
        entity: Arc::new(entity),
        watched,
    })
}

/// What lies beside a file in each coding. A file that is coded itself has nothing beside it.
fn look_beside(folder: &Folder, path: &str) -> impl Iterator<Item = Watched> {
    let extension = Path::new(path).extension();
    let is_coded = Coding::ALL
        .iter()
        .any(|coding| extension == Some(coding.extension().as_ref()));
    let codings: &[Coding] = if is_coded { &[] } else { &Coding::ALL };
    codings.iter().map(move |&coding| {
        let path = beside(path, coding);
        Watched {
            stamp: file_stamp(folder, &path),
            path,
        }
    })
}

/// Where the file at `path` lies in this coding.
fn beside(path: &str, coding: Coding) -> String {
    format!("{path}.{}", coding.extension())
}

/// Whether a coded file is of the plain file's content: an older one is of an earlier content.
fn is_of(coded: Option<Stamp>, plain: &Stamp) -> bool {
    coded.is_some_and(|coded| coded.modified >= plain.modified)
}

/// The file in the first coding in which it lies there, or as it is.
fn best(
    folder: &Folder,
    path: &str,
    plain: Opened,
    codings: &[Coding],
) -> (Option<Coding>, Opened) {
    for &coding in codings {
        if let Ok(Node::File(file, stamp)) = folder.node(Path::new(&beside(path, coding)))
            && is_of(Some(stamp), &plain.1)
        {
            return (Some(coding), (file, stamp));
        }
    }
    (None, plain)
}

/// Whether the last change is far enough back for the stamp to tell it from the next one. One in the future is not.
fn is_settled(stamp: &Stamp, wall: SystemTime) -> bool {
    let before = wall.checked_sub(SETTLED).map_or(i64::MIN, unix_nanoseconds);
    stamp.youngest().is_some_and(|youngest| youngest <= before)
}

/// A version from whatever identifies the content.
pub fn hash(write: impl FnOnce(&mut DefaultHasher)) -> u64 {
    let mut hasher = DefaultHasher::new();
    write(&mut hasher);
    hasher.finish()
}

/// The content of a file that had this stamp when it was opened, and the stamp that belongs to it. A small file that changes while it is read is read
/// again; one that never holds still is answered with what one reading gave.
pub fn content((file, mut stamp): Opened) -> io::Result<(Content, Stamp)> {
    let mut readings = 0;
    while stamp.length <= SMALL {
        let bytes = read_small(&file, stamp.length)?;
        let after = Stamp::of(&file.metadata()?);
        let is_still = after == stamp && bytes.len() as u64 == stamp.length;
        stamp = after;
        readings += 1;
        if is_still || readings == READINGS {
            return Ok((Content::Memory(Cow::Owned(bytes)), stamp));
        }
    }
    Ok((Content::Open(file), stamp))
}

/// All of a small file, and one byte more where it is longer than it was said to be.
fn read_small(file: &File, length: u64) -> io::Result<Vec<u8>> {
    let room = usize::try_from(length.min(SMALL)).map_or(0, |length| length + 1);
    let mut bytes = vec![0; room];
    let mut filled = 0;
    while filled < room {
        match read_at(file, &mut bytes[filled..], filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
