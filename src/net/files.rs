//! From a decoded path to what is sent: a file, a listing, a redirect, or the rule that refuses it. Every answer is true to the files as they are now;
//! what is kept in memory is looked at again before it is used.
//!
//! This stands apart from the server because it knows nothing of HTTP but the rules' names: no header, no date, no media type. It is used from one
//! thread, and its calls read the disk: small files whole, large ones only as far as opening them.
//!
//! A folder is opened once ([`os::folder`](super::os::folder)); the pages that the program brings along (`embedded`) answer the same way.

mod cache;
mod embedded;
mod entity;
mod listing;
#[cfg(all(test, unix))]
mod tests;

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

pub use super::os::folder::Links;
use super::os::folder::{Folder, Node, Stamp};
use crate::proto::http::coding::Coding;
use crate::proto::http::rule::Rule;
use cache::{Cache, Watched};
use embedded::Pages;
use entity::Answer;
pub use entity::{Content, Entity};

/// Entries of a folder that a listing shows.
const LISTED: usize = 10_000;

/// What a request for a folder gets.
const INDEX: &str = "index.html";

/// Names that begin with a dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hidden {
    /// As if they were not there.
    #[default]
    Refused,
    /// Like any other.
    Served,
}

/// What a folder without an index shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Listing {
    /// What is in it.
    #[default]
    On,
    Off,
}

/// What may be served. The default is what suits a folder that a class looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    pub hidden: Hidden,
    pub links: Links,
    pub listing: Listing,
}

/// Where the files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// In the program: `assets/www`.
    Embedded,
    Folder(PathBuf),
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a, S> {
    /// The path as it came, without the query: the name under which the answer is remembered. The same bytes always mean the same path.
    pub raw: &'a [u8],
    /// Its decoded parts, none for the root.
    pub segments: &'a [S],
    pub ends_with_slash: bool,
    /// What the client takes beside the file as it is, the best first.
    pub codings: &'a [Coding],
}

/// What a path leads to.
#[derive(Debug)]
pub enum Found {
    File(Arc<Entity>),
    /// A page in HTML, UTF-8.
    Listing(String),
    /// A folder, asked for without its slash.
    Redirect,
}

/// The files of one root.
#[derive(Debug)]
pub struct Files {
    tree: Tree,
    policy: Policy,
    cache: Cache,
}

#[derive(Debug)]
enum Tree {
    Embedded(Pages),
    Folder(Folder),
}

/// What is at a path of the tree.
enum Place<'a> {
    Leaf(Leaf<'a>),
    Folder,
}

/// A file of the tree.
enum Leaf<'a> {
    /// Ready as it is.
    Entity(Arc<Entity>),
    /// Open, with its stamp, and in which folder it and its coded siblings lie.
    Open(&'a Folder, File, Stamp),
}

impl Files {
    /// Opens the root.
    ///
    /// # Errors
    /// `NotFound` and `NotADirectory` where there is no folder, others of `open(2)`; the caller knows the path. Never for the embedded pages.
    pub fn open(root: &Root, policy: Policy) -> io::Result<Self> {
        Ok(Self::of(
            match root {
                Root::Embedded => Tree::Embedded(Pages::new(SystemTime::now())),
                Root::Folder(path) => Tree::Folder(Folder::open(path, policy.links)?),
            },
            policy,
        ))
    }

    fn of(tree: Tree, policy: Policy) -> Self {
        Self {
            tree,
            policy,
            cache: Cache::default(),
        }
    }

    /// A file that was found under these bytes before and is still the same. This is the fast way: it decodes nothing and mostly asks the system
    /// nothing. `None` says nothing about the file: [`find`](Self::find) it.
    pub fn lookup(&mut self, raw: &[u8], codings: &[Coding], now: Instant) -> Option<Arc<Entity>> {
        let tree = &mut self.tree;
        self.cache
            .get(raw, codings, now, |watched| still_the_same(tree, watched))
    }

    /// What the path leads to. `now` and `wall` are the present on both clocks.
    ///
    /// # Errors
    /// The rule that refuses it.
    pub fn find<S: AsRef<str>>(
        &mut self,
        wanted: &Wanted<'_, S>,
        now: Instant,
        wall: SystemTime,
    ) -> Result<Found, Rule> {
        let mut path = self.path_of(wanted.segments)?;
        if let Tree::Folder(folder) = &mut self.tree {
            folder.refresh()?;
        }
        let leaf = match self.tree.place(&path)? {
            Place::Leaf(_) if wanted.ends_with_slash => return Err(Rule::FileIsNoFolder),
            Place::Leaf(leaf) => leaf,
            Place::Folder if !wanted.ends_with_slash && !path.is_empty() => {
                return Ok(Found::Redirect);
            }
            Place::Folder => {
                let folder = path.len();
                if folder > 0 {
                    path.push('/');
                }
                path.push_str(INDEX);
                match self.tree.place(&path) {
                    Ok(Place::Leaf(leaf)) => leaf,
                    Ok(Place::Folder) | Err(Rule::NotFound) => {
                        return self.list(&path[..folder]).map(Found::Listing);
                    }
                    Err(rule) => return Err(rule),
                }
            }
        };
        let answer = match leaf {
            Leaf::Entity(entity) => Answer {
                entity,
                watched: Vec::new(),
            },
            Leaf::Open(folder, file, stamp) => {
                entity::answer(folder, &path, (file, stamp), wanted.codings, wall)?
            }
        };
        if answer.entity.can_be_kept() {
            let kept = (Arc::clone(&answer.entity), answer.watched);
            self.cache.insert(wanted.raw, wanted.codings, now, kept);
        }
        Ok(Found::File(answer.entity))
    }

    /// The path below the root, with slashes.
    fn path_of<S: AsRef<str>>(&self, segments: &[S]) -> Result<String, Rule> {
        let mut path = String::new();
        for segment in segments {
            let segment = segment.as_ref();
            // The decoder lets none of these through; should it ever, nothing is opened for them.
            if matches!(segment, "" | "." | "..") || segment.contains(['/', '\\', '\0']) {
                return Err(Rule::UnsafePath);
            }
            if self.policy.hidden == Hidden::Refused && segment.starts_with('.') {
                return Err(Rule::HiddenFile);
            }
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(segment);
        }
        Ok(path)
    }

    fn list(&self, path: &str) -> Result<String, Rule> {
        if self.policy.listing == Listing::Off {
            return Err(Rule::ListingOff);
        }
        let hidden = self.policy.hidden;
        let keep =
            |name: &OsStr| hidden == Hidden::Served || !name.as_encoded_bytes().starts_with(b".");
        let entries = match &self.tree {
            Tree::Embedded(pages) => pages.entries(path),
            Tree::Folder(folder) => folder.entries(Path::new(path), keep, LISTED)?,
        };
        Ok(listing::page(path, entries))
    }
}

impl Tree {
    fn place(&self, path: &str) -> Result<Place<'_>, Rule> {
        match self {
            Tree::Embedded(pages) => pages.place(path),
            Tree::Folder(folder) => Ok(match folder.node(Path::new(path))? {
                Node::File(file, stamp) => Place::Leaf(Leaf::Open(folder, file, stamp)),
                Node::Folder => Place::Folder,
            }),
        }
    }
}

/// Whether the files that an answer came from are as they were.
fn still_the_same(tree: &mut Tree, watched: &[Watched]) -> bool {
    match tree {
        Tree::Embedded(_) => true,
        Tree::Folder(folder) => {
            folder.refresh().is_ok()
                && watched
                    .iter()
                    .all(|file| entity::file_stamp(folder, &file.path) == file.stamp)
        }
    }
}
