//! Linux: the kernel resolves each path beneath the folder's descriptor.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use super::{Kind, Links, Names, Node, Stamp, rule_of, take_names};
use crate::proto::http::rule::Rule;

/// A folder by its descriptor.
#[derive(Debug)]
pub struct Beneath {
    root: File,
    /// Device and inode of it.
    identity: (u64, u64),
    path: PathBuf,
    links: Links,
}

/// How often a path is resolved anew when a rename somewhere in the system got in between (`EAGAIN`), or a signal did.
const ATTEMPTS: usize = 16;

fn resolve(root: &File, path: &Path, links: Links, flags: OFlag) -> nix::Result<OwnedFd> {
    let beneath = match links {
        Links::Inside => ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS,
        Links::Anywhere => ResolveFlag::RESOLVE_NO_MAGICLINKS,
    };
    let how = OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC)
        .resolve(beneath);
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    let mut attempts = 1;
    loop {
        match openat2(root, path, how) {
            Err(Errno::EAGAIN | Errno::EINTR) if attempts < ATTEMPTS => attempts += 1,
            other => return other,
        }
    }
}

fn refusal(error: Errno) -> Rule {
    rule_of(&error.into())
}

/// A descriptor of the folder that is good for nothing but to resolve paths from it.
fn open_root(path: &Path) -> io::Result<(File, (u64, u64))> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let root = fs::OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_PATH | OFlag::O_DIRECTORY).bits())
        .open(path)?;
    let metadata = root.metadata()?;
    Ok((root, (metadata.dev(), metadata.ino())))
}

impl Beneath {
    /// `None` where the kernel is older than the call, or a sandbox forbids it.
    pub fn open(path: &Path, links: Links) -> io::Result<Option<Self>> {
        let path = std::path::absolute(path)?;
        let (root, identity) = open_root(&path)?;
        match resolve(&root, Path::new(""), links, OFlag::O_PATH) {
            Ok(_) => Ok(Some(Self {
                root,
                identity,
                path,
                links,
            })),
            Err(Errno::ENOSYS | Errno::EPERM | Errno::EINVAL | Errno::E2BIG) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub fn node(&self, path: &Path) -> Result<Node, Rule> {
        // Not to wait for a pipe's other end, nor to become a terminal's owner.
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = File::from(resolve(&self.root, path, self.links, flags).map_err(refusal)?);
        let metadata = file.metadata().map_err(|error| rule_of(&error))?;
        Ok(match Kind::of(&metadata)? {
            Kind::File => Node::File(file, Stamp::of(&metadata)),
            Kind::Folder => Node::Folder,
        })
    }

    pub fn metadata(&self, path: &Path) -> Result<Metadata, Rule> {
        let file = resolve(&self.root, path, self.links, OFlag::O_PATH).map_err(refusal)?;
        File::from(file).metadata().map_err(|error| rule_of(&error))
    }

    pub fn names(
        &self,
        path: &Path,
        keep: impl Fn(&OsStr) -> bool,
        limit: usize,
    ) -> Result<Names, Rule> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let folder = resolve(&self.root, path, self.links, flags).map_err(refusal)?;
        let mut folder = Dir::from_fd(folder).map_err(refusal)?;
        // The list ends where it cannot be read on.
        let names = folder
            .iter()
            .map_while(Result::ok)
            .map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).to_owned())
            .filter(|name| name != "." && name != "..");
        Ok(take_names(names, keep, limit))
    }

    pub fn refresh(&mut self) -> Result<(), Rule> {
        let there = fs::metadata(&self.path).map_err(|error| rule_of(&error))?;
        if self.identity != (there.dev(), there.ino()) {
            (self.root, self.identity) = open_root(&self.path).map_err(|error| rule_of(&error))?;
        }
        Ok(())
    }
}
