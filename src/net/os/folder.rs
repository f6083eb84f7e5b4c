//! A folder whose files are given to strangers: whatever the path, and whatever links lie on it, nothing outside of the folder is opened unless
//! the policy says so, and nothing is opened that could be waited for.
//!
//! On Linux the kernel resolves a path beneath the folder in one call (`openat2(2)`, since 5.6), so nobody can change a part of it in between. Other
//! systems, older kernels and sandboxes that forbid the call share `walk`, which looks at each component itself: the same answers, but somebody who can
//! change the folder at that very moment can win a race against it.

#[cfg(target_os = "linux")]
mod beneath;
mod walk;

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::proto::http::rule::Rule;

/// Which symbolic links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Links {
    /// Relative ones that never climb out of the folder.
    #[default]
    Inside,
    /// All of them, but for those that stand for a process's open files (`proc(5)`) where the kernel tells them apart.
    Anywhere,
}

/// What tells a file from another one, or from itself after a change. Two equal stamps mean the same bytes, as long as the time stamps were not so
/// young that a second change could bear the same ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    device: u64,
    inode: u64,
    /// Bytes.
    pub length: u64,
    /// When the content was changed, in nanoseconds since 1970, UTC; `None` where the system does not say.
    pub modified: Option<i64>,
    /// When anything about the file was changed, in the same unit; it cannot be set at will.
    changed: Option<i64>,
}

impl Stamp {
    /// The stamp of what the system tells of a file.
    pub fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok().map(unix_nanoseconds);
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            Self {
                device: metadata.dev(),
                inode: metadata.ino(),
                length: metadata.len(),
                modified,
                changed: Some(nanoseconds(metadata.ctime(), metadata.ctime_nsec())),
            }
        }
        #[cfg(not(unix))]
        Self {
            device: 0,
            inode: 0,
            length: metadata.len(),
            modified,
            changed: metadata.created().ok().map(unix_nanoseconds),
        }
    }

    /// The younger of the file's times: nobody changed it later, by its own account.
    pub fn youngest(&self) -> Option<i64> {
        self.modified.max(self.changed)
    }
}

/// Nanoseconds since 1970, held at the ends of their type (the years 1677 and 2262).
pub fn unix_nanoseconds(time: std::time::SystemTime) -> i64 {
    match time.duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |n| -n),
    }
}

/// The same from the seconds and nanoseconds of a system call.
#[cfg(unix)]
fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}

/// What a path leads to.
#[derive(Debug)]
pub enum Node {
    /// A regular file, open for reading, with its stamp.
    File(File, Stamp),
    /// A folder.
    Folder,
}

/// What can be said of a path without opening anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
}

impl Kind {
    fn of(metadata: &Metadata) -> Result<Self, Rule> {
        if metadata.is_file() {
            Ok(Kind::File)
        } else if metadata.is_dir() {
            Ok(Kind::Folder)
        } else {
            Err(Rule::NotAFile)
        }
    }
}

/// A line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As the file system has it, in whatever encoding.
    pub name: OsString,
    /// Of what a link leads to, where it is one.
    pub kind: Kind,
    /// Bytes.
    pub length: u64,
    /// Nanoseconds since 1970, UTC.
    pub modified: Option<i64>,
}

/// What is in a folder, in no order. Links that may not be followed or lead nowhere are left out, and so is what is neither file nor folder.
#[derive(Debug, Default)]
pub struct Entries {
    pub shown: Vec<Entry>,
    /// Names beyond the limit.
    pub more: usize,
    /// Whether there are more than even those: counting stopped.
    pub uncounted: bool,
}

/// Names of a folder that are counted before a listing gives up.
const COUNTED: usize = 100_000;

/// Names in a folder that may be shown.
#[derive(Debug, Default)]
struct Names {
    kept: Vec<OsString>,
    more: usize,
    uncounted: bool,
}

/// Takes names until `limit` are kept, and counts the rest.
fn take_names(
    names: impl Iterator<Item = OsString>,
    keep: impl Fn(&OsStr) -> bool,
    limit: usize,
) -> Names {
    let mut taken = Names::default();
    for (read, name) in names.enumerate() {
        if read >= COUNTED.max(limit) {
            taken.uncounted = true;
            break;
        }
        if !keep(&name) {
            continue;
        }
        if taken.kept.len() < limit {
            taken.kept.push(name);
        } else {
            taken.more += 1;
        }
    }
    taken
}

/// A folder that is served. Paths are relative to it; the empty one is the folder itself.
#[derive(Debug)]
pub struct Folder(Side);

#[derive(Debug)]
enum Side {
    #[cfg(target_os = "linux")]
    Beneath(beneath::Beneath),
    Walk(walk::Walk),
}

/// The same call on whichever side it is.
macro_rules! either {
    ($folder:expr, $side:ident => $call:expr) => {
        match $folder {
            #[cfg(target_os = "linux")]
            Side::Beneath($side) => $call,
            Side::Walk($side) => $call,
        }
    };
}

impl Folder {
    /// Opens a folder to serve from, by the safest means that the system has.
    ///
    /// # Errors
    /// `NotFound` and `NotADirectory` where there is no folder; others of `stat(2)` and `open(2)`.
    pub fn open(path: &Path, links: Links) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Some(beneath) = beneath::Beneath::open(path, links)? {
            return Ok(Self(Side::Beneath(beneath)));
        }
        Self::walking(path, links)
    }

    /// The same by looking at each component.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn walking(path: &Path, links: Links) -> io::Result<Self> {
        Ok(Self(Side::Walk(walk::Walk::open(path, links)?)))
    }

    /// Opens what is at `path`: a regular file for reading, a folder not at all. Never waits.
    ///
    /// # Errors
    /// The rule that refuses it.
    pub fn node(&self, path: &Path) -> Result<Node, Rule> {
        either!(&self.0, side => side.node(path))
    }

    /// What is at `path`, and its stamp.
    ///
    /// # Errors
    /// The rule that refuses it.
    pub fn look(&self, path: &Path) -> Result<(Kind, Stamp), Rule> {
        let metadata = either!(&self.0, side => side.metadata(path))?;
        Ok((Kind::of(&metadata)?, Stamp::of(&metadata)))
    }

    /// What is in the folder at `path`: at most `limit` of the names that `keep` accepts.
    ///
    /// # Errors
    /// The rule that refuses it.
    pub fn entries(
        &self,
        path: &Path,
        keep: impl Fn(&OsStr) -> bool,
        limit: usize,
    ) -> Result<Entries, Rule> {
        let names = either!(&self.0, side => side.names(path, keep, limit))?;
        let entry = |name: OsString| {
            let (kind, stamp) = self.look(&path.join(&name)).ok()?;
            Some(Entry {
                name,
                kind,
                length: stamp.length,
                modified: stamp.modified,
            })
        };
        Ok(Entries {
            shown: names.kept.into_iter().filter_map(entry).collect(),
            more: names.more,
            uncounted: names.uncounted,
        })
    }

    /// Takes the folder that stands at its path now, if it was replaced as programs do that build a site anew.
    ///
    /// # Errors
    /// The rule that says why there is none.
    pub fn refresh(&mut self) -> Result<(), Rule> {
        either!(&mut self.0, side => side.refresh())
    }
}

/// The rule that an error of opening, reading or looking at a file leads to.
pub fn rule_of(error: &io::Error) -> Rule {
    match error.kind() {
        // A name that cannot be one does not exist either.
        ErrorKind::NotFound
        | ErrorKind::InvalidFilename
        | ErrorKind::InvalidInput
        | ErrorKind::StaleNetworkFileHandle => Rule::NotFound,
        ErrorKind::NotADirectory => Rule::FileIsNoFolder,
        ErrorKind::PermissionDenied => Rule::NoPermission,
        // What `openat2` says of a path that leads out.
        ErrorKind::CrossesDevices => Rule::LinkLeavesFolder,
        ErrorKind::OutOfMemory => Rule::OutOfResources,
        _ => rule_of_number(error),
    }
}

/// The same for errors that std has no name for.
#[cfg(unix)]
fn rule_of_number(error: &io::Error) -> Rule {
    use nix::errno::Errno;
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE | Errno::ENFILE) => Rule::OutOfResources,
        // Links that lead to each other lead nowhere.
        Some(Errno::ELOOP) => Rule::NotFound,
        // A socket, and a device without a driver.
        Some(Errno::ENXIO | Errno::ENODEV | Errno::EOPNOTSUPP) => Rule::NotAFile,
        _ => Rule::ReadFailed,
    }
}

#[cfg(not(unix))]
fn rule_of_number(error: &io::Error) -> Rule {
    /// `ERROR_TOO_MANY_OPEN_FILES`.
    const TOO_MANY_OPEN_FILES: i32 = 4;
    if error.raw_os_error() == Some(TOO_MANY_OPEN_FILES) {
        Rule::OutOfResources
    } else {
        Rule::ReadFailed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    #[test]
    fn times_are_held_in_their_type() {
        for (time, nanoseconds) in [
            (UNIX_EPOCH, 0),
            (UNIX_EPOCH + Duration::from_nanos(1), 1),
            (UNIX_EPOCH - Duration::from_secs(1), -1_000_000_000),
            (UNIX_EPOCH + Duration::from_secs(10_000_000_000), i64::MAX),
            (UNIX_EPOCH - Duration::from_secs(10_000_000_000), i64::MIN),
        ] {
            assert_eq!(unix_nanoseconds(time), nanoseconds);
        }
        assert!(unix_nanoseconds(SystemTime::now()) > 0);
    }

    #[test]
    fn names_are_counted_up_to_an_end() {
        let names = |count: usize| (0..count).map(|n| OsString::from(n.to_string()));
        for (count, limit, more, uncounted) in [
            (0, 3, 0, false),
            (3, 3, 0, false),
            (4, 3, 1, false),
            (COUNTED, 3, COUNTED - 3, false),
            (COUNTED + 1, 3, COUNTED - 3, true),
        ] {
            let taken = take_names(names(count), |_| true, limit);
            assert_eq!(taken.kept.len(), count.min(limit));
            assert_eq!((taken.more, taken.uncounted), (more, uncounted), "{count}");
        }
        let taken = take_names(names(100), |name| name.len() == 1, 4);
        assert_eq!((taken.kept.len(), taken.more), (4, 6));
    }

    #[cfg(unix)]
    #[test]
    fn errors_name_their_rule() {
        use nix::errno::Errno;
        for (error, rule) in [
            (Errno::ENOENT, Rule::NotFound),
            (Errno::ENAMETOOLONG, Rule::NotFound),
            (Errno::ELOOP, Rule::NotFound),
            (Errno::ESTALE, Rule::NotFound),
            (Errno::ENOTDIR, Rule::FileIsNoFolder),
            (Errno::EACCES, Rule::NoPermission),
            (Errno::EPERM, Rule::NoPermission),
            (Errno::EXDEV, Rule::LinkLeavesFolder),
            (Errno::EMFILE, Rule::OutOfResources),
            (Errno::ENFILE, Rule::OutOfResources),
            (Errno::ENOMEM, Rule::OutOfResources),
            (Errno::ENXIO, Rule::NotAFile),
            (Errno::EIO, Rule::ReadFailed),
        ] {
            assert_eq!(rule_of(&error.into()), rule, "{error}");
        }
    }
}
