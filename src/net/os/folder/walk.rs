//! Every system: each component of a path is looked at on the way, and links are followed here, by the same rules as beneath a descriptor.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use super::{Kind, Links, Names, Node, Stamp, rule_of, take_names};
use crate::proto::http::rule::Rule;

/// Links on one path, as Linux has it (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// A folder by its path.
#[derive(Debug)]
pub struct Walk {
    root: PathBuf,
    links: Links,
}

fn look_at(path: &Path) -> Result<Metadata, Rule> {
    fs::symlink_metadata(path).map_err(|error| rule_of(&error))
}

/// Pushes the components of a path, the first one on top.
fn push_components(pending: &mut Vec<OsString>, path: &Path) -> Result<(), Rule> {
    let start = pending.len();
    for component in path.components() {
        match component {
            Component::Prefix(_) | Component::RootDir => return Err(Rule::LinkLeavesFolder),
            Component::CurDir => {}
            Component::ParentDir | Component::Normal(_) => {
                pending.push(component.as_os_str().to_owned());
            }
        }
    }
    pending[start..].reverse();
    Ok(())
}

impl Walk {
    pub fn open(path: &Path, links: Links) -> io::Result<Self> {
        let root = std::path::absolute(path)?;
        if !fs::metadata(&root)?.is_dir() {
            return Err(ErrorKind::NotADirectory.into());
        }
        Ok(Self { root, links })
    }

    /// Where `path` leads when every link on it is followed, and what is there.
    fn resolve(&self, path: &Path) -> Result<(PathBuf, Metadata), Rule> {
        let mut at = self.root.clone();
        let mut metadata = fs::metadata(&at).map_err(|error| rule_of(&error))?;
        if self.links == Links::Anywhere {
            at.push(path);
            metadata = fs::metadata(&at).map_err(|error| rule_of(&error))?;
            return Ok((at, metadata));
        }
        let mut depth = 0_usize;
        let mut followed = 0;
        let mut pending = Vec::new();
        push_components(&mut pending, path)?;
        while let Some(component) = pending.pop() {
            if !metadata.is_dir() {
                return Err(Rule::FileIsNoFolder);
            }
            if component == ".." {
                depth = depth.checked_sub(1).ok_or(Rule::LinkLeavesFolder)?;
                at.pop();
                metadata = look_at(&at)?;
                continue;
            }
            at.push(component);
            let here = look_at(&at)?;
            if !here.is_symlink() {
                depth += 1;
                metadata = here;
                continue;
            }
            followed += 1;
            if followed > MAX_LINKS {
                return Err(Rule::NotFound);
            }
            let target = fs::read_link(&at).map_err(|error| rule_of(&error))?;
            push_components(&mut pending, &target)?;
            at.pop();
        }
        Ok((at, metadata))
    }

    pub fn node(&self, path: &Path) -> Result<Node, Rule> {
        let (path, metadata) = self.resolve(path)?;
        if Kind::of(&metadata)? == Kind::Folder {
            return Ok(Node::Folder);
        }
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        {
            use nix::fcntl::OFlag;
            use std::os::unix::fs::OpenOptionsExt as _;
            // If a pipe or a link took the file's place just now: neither to be waited for nor to be followed.
            let mut flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
            if self.links == Links::Inside {
                flags |= OFlag::O_NOFOLLOW;
            }
            options.custom_flags(flags.bits());
        }
        let file = options.open(path).map_err(|error| rule_of(&error))?;
        let metadata = file.metadata().map_err(|error| rule_of(&error))?;
        Ok(match Kind::of(&metadata)? {
            Kind::File => Node::File(file, Stamp::of(&metadata)),
            Kind::Folder => Node::Folder,
        })
    }

    pub fn metadata(&self, path: &Path) -> Result<Metadata, Rule> {
        Ok(self.resolve(path)?.1)
    }

    pub fn names(
        &self,
        path: &Path,
        keep: impl Fn(&OsStr) -> bool,
        limit: usize,
    ) -> Result<Names, Rule> {
        let (folder, _) = self.resolve(path)?;
        // The list ends where it cannot be read on.
        let names = fs::read_dir(folder)
            .map_err(|error| rule_of(&error))?
            .map_while(Result::ok)
            .map(|entry| entry.file_name());
        Ok(take_names(names, keep, limit))
    }

    /// Every path is looked up from the root's own, so a new folder there is used without more ado.
    pub fn refresh(&mut self) -> Result<(), Rule> {
        Ok(())
    }
}
