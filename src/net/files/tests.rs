//! Folders with everything in them that a stranger could ask for, on both sides of [`Folder`].

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::entity::{SETTLED, SMALL, content};
use super::*;
use crate::net::os::read_at;

type Opener = fn(&Path, Links) -> io::Result<Folder>;
const SIDES: [(&str, Opener); 2] = [
    ("the system's best", Folder::open),
    ("walk", Folder::walking),
];

/// A moment at which what was written just now is settled.
fn later() -> SystemTime {
    SystemTime::now() + 5 * SETTLED
}

fn served(root: &Path, opener: Opener, policy: Policy) -> Files {
    Files::of(Tree::Folder(opener(root, policy.links).unwrap()), policy)
}

fn find_at(files: &mut Files, path: &str, codings: &[Coding], now: Instant) -> Result<Found, Rule> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let ends_with_slash = path.ends_with('/');
    let end = segments.len() - usize::from(ends_with_slash);
    let wanted = Wanted {
        raw: path.as_bytes(),
        segments: &segments[..end],
        ends_with_slash,
        codings,
    };
    files.find(&wanted, now, later())
}

fn find(files: &mut Files, path: &str) -> Result<Found, Rule> {
    find_at(files, path, &[], Instant::now())
}

fn file(files: &mut Files, path: &str, codings: &[Coding]) -> Arc<Entity> {
    match find_at(files, path, codings, Instant::now()) {
        Ok(Found::File(entity)) => entity,
        other => panic!("{path}: {other:?}"),
    }
}

fn text(entity: &Entity) -> String {
    match &entity.content {
        Content::Memory(bytes) => {
            assert_eq!(entity.length, bytes.len() as u64);
            String::from_utf8(bytes.to_vec()).unwrap()
        }
        Content::Open(_) => format!("open, {} bytes", entity.length),
    }
}

/// One line for whatever was found.
fn told(found: Result<Found, Rule>) -> String {
    match found {
        Ok(Found::File(entity)) => text(&entity),
        Ok(Found::Listing(page)) => {
            assert!(page.starts_with("<!DOCTYPE html>"));
            "listing".to_owned()
        }
        Ok(Found::Redirect) => "redirect".to_owned(),
        Err(rule) => rule.name().to_owned(),
    }
}

/// The names that a page links to.
fn links_of(page: &str) -> Vec<&str> {
    page.split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect()
}

/// A root with one of everything, and something beside it.
fn zoo() -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("root");
    for folder in [
        "dir/.secret",
        "site",
        "empty",
        "odd/index.html",
        ".well-known",
        "dir/sub",
    ] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for name in [
        "a.txt",
        "dir/b.txt",
        "dir/.secret/x",
        ".hidden",
        ".well-known/x",
        "site/index.html",
        "a b 页.txt",
        "odd/c.txt",
    ] {
        fs::write(root.join(name), name).unwrap();
    }
    fs::write(home.path().join("outside.txt"), "outside").unwrap();
    fs::write(root.join("large"), vec![b'x'; SMALL as usize + 1]).unwrap();
    for (link, target) in [
        ("to-a", "a.txt".as_ref()),
        ("to-dir", "dir".as_ref()),
        ("to-dir-slash", "./dir/".as_ref()),
        ("dir/up", "../a.txt".as_ref()),
        ("dir/round", "sub/../../site/../dir/b.txt".as_ref()),
        ("to-root", ".".as_ref()),
        ("to-hidden", ".hidden".as_ref()),
        ("out", "../outside.txt".as_ref()),
        ("dir/out", "../../outside.txt".as_ref()),
        ("out-dir", "..".as_ref()),
        ("out-and-in", "../root/a.txt".as_ref()),
        ("absolute", Path::new("/etc/passwd")),
        ("absolute-inside", &root.join("a.txt")),
        ("zero", "/dev/zero".as_ref()),
        ("loop-a", "loop-b".as_ref()),
        ("loop-b", "loop-a".as_ref()),
        ("loop-self", "loop-self".as_ref()),
        ("dangling", "nowhere".as_ref()),
        ("chain-0", "a.txt".as_ref()),
    ] {
        symlink(target, root.join(link)).unwrap();
    }
    for n in 1..=40 {
        symlink(format!("chain-{}", n - 1), root.join(format!("chain-{n}"))).unwrap();
    }
    nix::unistd::mkfifo(&root.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    // The file stays when its socket is closed.
    std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    (home, root)
}

/// Path, and what it leads to when links have to stay inside.
const ZOO: &[(&str, &str)] = &[
    ("/", "listing"),
    ("/a.txt", "a.txt"),
    ("/a b 页.txt", "a b 页.txt"),
    ("/a.txt/", "file-is-no-folder"),
    ("/a.txt/b", "file-is-no-folder"),
    ("/a.txt/b/", "file-is-no-folder"),
    ("/A.TXT", "not-found"),
    ("/missing", "not-found"),
    ("/missing/", "not-found"),
    ("/missing/x", "not-found"),
    ("/dir", "redirect"),
    ("/dir/", "listing"),
    ("/dir/b.txt", "dir/b.txt"),
    ("/empty/", "listing"),
    ("/site", "redirect"),
    ("/site/", "site/index.html"),
    ("/site/index.html", "site/index.html"),
    ("/site/index.html/", "file-is-no-folder"),
    ("/odd/", "listing"),
    ("/odd/index.html", "redirect"),
    ("/large", "open, 65537 bytes"),
    // What the decoder never hands on.
    ("/..", "unsafe-path"),
    ("/../outside.txt", "unsafe-path"),
    ("/dir/../../outside.txt", "unsafe-path"),
    ("/dir/./b.txt", "unsafe-path"),
    ("/dir//b.txt", "unsafe-path"),
    ("//", "unsafe-path"),
    ("/dir\\b.txt", "unsafe-path"),
    ("/a.txt\0", "unsafe-path"),
    // Hidden.
    ("/.hidden", "hidden-file"),
    ("/.well-known/x", "hidden-file"),
    ("/dir/.secret/x", "hidden-file"),
    ("/.missing", "hidden-file"),
    // Links that stay inside.
    ("/to-a", "a.txt"),
    ("/to-a/", "file-is-no-folder"),
    ("/to-dir", "redirect"),
    ("/to-dir/", "listing"),
    ("/to-dir/b.txt", "dir/b.txt"),
    ("/to-dir-slash/b.txt", "dir/b.txt"),
    ("/dir/up", "a.txt"),
    ("/dir/round", "dir/b.txt"),
    ("/to-root/to-root/a.txt", "a.txt"),
    ("/to-hidden", ".hidden"),
    ("/chain-39", "a.txt"),
    // Links that do not.
    ("/out", "link-leaves-folder"),
    ("/dir/out", "link-leaves-folder"),
    ("/out-dir", "link-leaves-folder"),
    ("/out-dir/", "link-leaves-folder"),
    ("/out-dir/outside.txt", "link-leaves-folder"),
    ("/out-and-in", "link-leaves-folder"),
    ("/absolute", "link-leaves-folder"),
    ("/absolute-inside", "link-leaves-folder"),
    ("/zero", "link-leaves-folder"),
    // Links to nothing.
    ("/loop-a", "not-found"),
    ("/loop-self", "not-found"),
    ("/loop-a/x", "not-found"),
    ("/dangling", "not-found"),
    ("/chain-40", "not-found"),
    // Never waited for.
    ("/pipe", "not-a-file"),
    ("/pipe/", "not-a-file"),
    ("/socket", "not-a-file"),
];

/// What is different when links may lead anywhere.
const ANYWHERE: &[(&str, &str)] = &[
    ("/out", "outside"),
    ("/dir/out", "outside"),
    ("/out-dir", "redirect"),
    ("/out-dir/", "listing"),
    ("/out-dir/outside.txt", "outside"),
    ("/out-and-in", "a.txt"),
    ("/absolute-inside", "a.txt"),
    ("/zero", "not-a-file"),
];

#[test]
fn every_path_leads_where_it_should() {
    let (_home, root) = zoo();
    for (side, opener) in SIDES {
        for links in [Links::Inside, Links::Anywhere] {
            let policy = Policy {
                links,
                ..Policy::default()
            };
            let mut files = served(&root, opener, policy);
            for (path, expected) in ZOO {
                let other = ANYWHERE.iter().find(|(of, _)| of == path);
                let expected = match (links, other) {
                    (Links::Anywhere, Some((_, other))) => other,
                    (Links::Anywhere, None) if *path == "/absolute" => continue,
                    _ => expected,
                };
                // Twice, since the second answer may come from memory.
                for _ in 0..2 {
                    assert_eq!(
                        told(find(&mut files, path)),
                        *expected,
                        "{side}: {links:?} {path}"
                    );
                }
            }
            let long = format!("/{}", "n".repeat(300));
            assert_eq!(told(find(&mut files, &long)), "not-found", "{side}");
            let long = "/d".repeat(3000);
            assert_eq!(told(find(&mut files, &long)), "not-found", "{side}");
        }
    }
}

/// A few components of a path, most of which lead somewhere in [`maze`].
fn steps() -> impl Strategy<Value = Vec<&'static str>> {
    let step = prop::sample::select(vec!["..", "..", "a", "b", "f", "l0", "l1", "l2", "l3", "x"]);
    prop::collection::vec(step, 1..5)
}

/// `f`, `a/f`, `a/b/f`, and links between them wherever they lead.
fn maze(root: &Path, links: &[Vec<&str>]) {
    fs::create_dir_all(root.join("a/b")).unwrap();
    for (n, folder) in ["", "a", "a/b", ""].into_iter().enumerate() {
        fs::write(root.join(folder).join("f"), folder).unwrap();
        let target = links[n].join("/");
        symlink(target, root.join(folder).join(format!("l{n}"))).unwrap();
    }
}

proptest! {
    // The kernel is the oracle, where it has the call.
    #[test]
    fn walking_finds_what_the_kernel_finds(
        links in prop::collection::vec(steps(), 4),
        paths in prop::collection::vec(steps(), 8),
    ) {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("root");
        maze(home.path(), &links);
        maze(&root, &links);
        for links in [Links::Inside, Links::Anywhere] {
            let [best, walk] = SIDES.map(|(_, opener)| opener(&root, links).unwrap());
            for path in &paths {
                // As a request does: no dots but those of links.
                let path: PathBuf = path.iter().filter(|step| **step != "..").collect();
                let (best, walk) = (best.look(&path), walk.look(&path));
                prop_assert_eq!(&best, &walk, "{} {:?}", path.display(), links);
                if links == Links::Inside && best.is_ok() {
                    let inside = fs::canonicalize(root.join(&path)).unwrap();
                    prop_assert!(inside.starts_with(fs::canonicalize(&root).unwrap()));
                }
            }
        }
    }
}

#[test]
fn hidden_names_are_served_when_they_may_be() {
    let (_home, root) = zoo();
    for (side, opener) in SIDES {
        let policy = Policy {
            hidden: Hidden::Served,
            ..Policy::default()
        };
        let mut files = served(&root, opener, policy);
        for (path, expected) in [
            ("/.hidden", ".hidden"),
            ("/.well-known/x", ".well-known/x"),
            ("/dir/.secret/", "listing"),
            ("/..", "unsafe-path"),
        ] {
            assert_eq!(told(find(&mut files, path)), expected, "{side}: {path}");
        }
        let Ok(Found::Listing(page)) = find(&mut files, "/dir/") else {
            panic!("{side}");
        };
        assert!(links_of(&page).contains(&".secret/"));
    }
}

#[test]
fn a_listing_shows_what_can_be_had() {
    let (_home, root) = zoo();
    for (side, opener) in SIDES {
        let mut files = served(&root, opener, Policy::default());
        let Ok(Found::Listing(page)) = find(&mut files, "/") else {
            panic!("{side}");
        };
        let links = links_of(&page);
        assert_eq!(
            links[..8],
            [
                "dir/",
                "empty/",
                "odd/",
                "site/",
                "to-dir/",
                "to-dir-slash/",
                "to-root/",
                "a%20b%20%E9%A1%B5.txt"
            ],
            "{side}"
        );
        for link in &links {
            let kind = told(find(
                &mut files,
                &format!("/{}", link.replace("%20", " ").replace("%E9%A1%B5", "页")),
            ));
            assert!(
                [
                    "listing",
                    "site/index.html",
                    "a.txt",
                    ".hidden",
                    "a b 页.txt",
                    "open, 65537 bytes"
                ]
                .contains(&kind.as_str()),
                "{side}: {link}: {kind}"
            );
        }
        for absent in [
            ".hidden", "pipe", "socket", "\"out", "loop", "dangling", "absolute", "chain-40",
        ] {
            assert!(!page.contains(absent), "{side}: {absent}");
        }
        let policy = Policy {
            listing: Listing::Off,
            ..Policy::default()
        };
        let mut files = served(&root, opener, policy);
        assert_eq!(told(find(&mut files, "/dir/")), "listing-off");
        assert_eq!(told(find(&mut files, "/dir")), "redirect");
        assert_eq!(told(find(&mut files, "/site/")), "site/index.html");
    }
}

#[test]
fn a_listing_is_bounded() {
    let root = tempfile::tempdir().unwrap();
    for n in 0..=LISTED {
        fs::write(root.path().join(n.to_string()), "").unwrap();
    }
    fs::write(root.path().join(".hidden"), "").unwrap();
    for (side, opener) in SIDES {
        let mut files = served(root.path(), opener, Policy::default());
        let Ok(Found::Listing(page)) = find(&mut files, "/") else {
            panic!("{side}");
        };
        assert_eq!(links_of(&page).len(), LISTED);
        assert!(page.contains("10000 are shown, 1 more are not."), "{side}");
    }
}

#[test]
fn without_permission() {
    use std::os::unix::fs::PermissionsExt as _;
    let (home, root) = zoo();
    let set =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    fs::create_dir(root.join("closed")).unwrap();
    fs::write(root.join("closed/x"), "x").unwrap();
    fs::create_dir(root.join("blind")).unwrap();
    fs::write(root.join("blind/x"), "x").unwrap();
    set(home.path(), 0o755);
    set(&root, 0o755);
    set(&root.join("a.txt"), 0o000);
    set(&root.join("closed"), 0o000);
    set(&root.join("blind"), 0o111);
    let check = move || {
        // For this thread only: root would be allowed everything.
        #[cfg(target_os = "linux")]
        nix::unistd::setfsuid(nix::unistd::Uid::from_raw(65534));
        for (side, opener) in SIDES {
            let mut files = served(&root, opener, Policy::default());
            for (path, expected) in [
                ("/a.txt", "no-permission"),
                ("/closed/", "no-permission"),
                ("/closed/x", "no-permission"),
                ("/blind/", "no-permission"),
                ("/blind/x", "x"),
                ("/dir/b.txt", "dir/b.txt"),
            ] {
                assert_eq!(told(find(&mut files, path)), expected, "{side}: {path}");
            }
        }
    };
    #[cfg(not(target_os = "linux"))]
    if nix::unistd::geteuid().is_root() {
        return;
    }
    let checked = std::thread::spawn(check).join();
    // The folder can be removed again, whatever came of the test.
    set(&home.path().join("root/closed"), 0o755);
    set(&home.path().join("root/blind"), 0o755);
    checked.unwrap();
}

#[test]
fn there_has_to_be_a_folder() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("file"), "").unwrap();
    for (side, opener) in SIDES {
        for (name, kind) in [
            ("missing", io::ErrorKind::NotFound),
            ("file", io::ErrorKind::NotADirectory),
        ] {
            let error = opener(&home.path().join(name), Links::Inside).unwrap_err();
            assert_eq!(error.kind(), kind, "{side}");
        }
    }
}

/// A moment after which a kept answer has to be looked at again.
fn next_look(now: &mut Instant) -> Instant {
    *now += Duration::from_millis(1);
    *now
}

#[test]
fn a_kept_answer_is_never_stale() {
    for (side, opener) in SIDES {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("root");
        fs::create_dir(&root).unwrap();
        let path = root.join("a.txt");
        fs::write(&path, "first").unwrap();
        let mut files = served(&root, opener, Policy::default());
        let mut now = Instant::now();
        let kept = |files: &mut Files, look: &mut Instant| {
            find_at(files, "/a.txt", &[], *look).unwrap();
            assert!(files.lookup(b"/a.txt", &[], *look).is_some(), "{side}");
            files
                .lookup(b"/a.txt", &[], next_look(look))
                .map(|entity| text(&entity))
        };
        assert_eq!(
            kept(&mut files, &mut now).as_deref(),
            Some("first"),
            "{side}"
        );
        // Other codings and other bytes are other answers.
        assert!(files.lookup(b"/a.txt", &[Coding::Gzip], now).is_none());
        assert!(files.lookup(b"/./a.txt", &[], now).is_none());

        // Another file of the same size and times in its place.
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let other = root.join("other");
        fs::write(&other, "other").unwrap();
        File::options()
            .write(true)
            .open(&other)
            .unwrap()
            .set_modified(modified)
            .unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(
            files.lookup(b"/a.txt", &[], next_look(&mut now)).is_none(),
            "{side}"
        );
        assert_eq!(told(find(&mut files, "/a.txt")), "other");

        // Changed in place.
        assert_eq!(kept(&mut files, &mut now).as_deref(), Some("other"));
        File::options()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b", longer")
            .unwrap();
        assert!(
            files.lookup(b"/a.txt", &[], next_look(&mut now)).is_none(),
            "{side}"
        );
        assert_eq!(told(find(&mut files, "/a.txt")), "other, longer");

        // A coded file appears beside it.
        assert_eq!(kept(&mut files, &mut now).as_deref(), Some("other, longer"));
        fs::write(root.join("a.txt.gz"), "gz").unwrap();
        assert!(
            files.lookup(b"/a.txt", &[], next_look(&mut now)).is_none(),
            "{side}"
        );
        assert!(file(&mut files, "/a.txt", &[]).varies);

        // Gone.
        assert!(kept(&mut files, &mut now).is_some());
        fs::remove_file(&path).unwrap();
        assert!(
            files.lookup(b"/a.txt", &[], next_look(&mut now)).is_none(),
            "{side}"
        );
        assert_eq!(told(find(&mut files, "/a.txt")), "not-found");
        assert_eq!(files.cache.counts(), (0, 0));

        // The folder itself is built anew, with the very same file in it.
        fs::write(&path, "back").unwrap();
        assert_eq!(kept(&mut files, &mut now).as_deref(), Some("back"));
        fs::rename(&root, home.path().join("old")).unwrap();
        assert!(
            files.lookup(b"/a.txt", &[], next_look(&mut now)).is_none(),
            "{side}"
        );
        assert_eq!(told(find(&mut files, "/a.txt")), "not-found");
        fs::create_dir(&root).unwrap();
        fs::write(&path, "anew").unwrap();
        assert_eq!(told(find(&mut files, "/a.txt")), "anew", "{side}");
    }
}

#[test]
fn what_changed_just_now_is_not_kept() {
    for (side, opener) in SIDES {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a.txt"), "young").unwrap();
        let mut files = served(root.path(), opener, Policy::default());
        let wanted = Wanted {
            raw: b"/a.txt",
            segments: &["a.txt"],
            ends_with_slash: false,
            codings: &[],
        };
        let now = Instant::now();
        for wall in [SystemTime::now(), SystemTime::UNIX_EPOCH] {
            let Ok(Found::File(entity)) = files.find(&wanted, now, wall) else {
                panic!("{side}");
            };
            assert!(!entity.settled);
            assert!(files.lookup(b"/a.txt", &[], now).is_none(), "{side}");
        }
        // A time set back by hand does not make it old.
        let file = File::options()
            .write(true)
            .open(root.path().join("a.txt"))
            .unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let found = files.find(&wanted, now, SystemTime::now());
        assert!(
            matches!(found, Ok(Found::File(entity)) if !entity.settled && entity.modified == Some(0))
        );
    }
}

#[test]
fn the_cache_is_bounded() {
    let root = tempfile::tempdir().unwrap();
    for n in 0..300 {
        fs::write(root.path().join(n.to_string()), "x").unwrap();
        fs::write(
            root.path().join(format!("big{n}")),
            vec![b'x'; SMALL as usize],
        )
        .unwrap();
    }
    let mut files = served(root.path(), Folder::open, Policy::default());
    for n in 0..300 {
        file(&mut files, &format!("/{n}"), &[]);
    }
    assert_eq!(files.cache.counts(), (256, 256));
    let now = Instant::now();
    assert!(files.lookup(b"/299", &[], now).is_some());
    assert!(files.lookup(b"/0", &[], now).is_none());
    for n in 0..300 {
        file(&mut files, &format!("/big{n}"), &[]);
    }
    assert_eq!(files.cache.counts(), (256, 16 << 20));
    // A path that is too long is answered all the same.
    let mut files = served(root.path(), Folder::open, Policy::default());
    let wanted = Wanted {
        raw: &b"/%30".repeat(300),
        segments: &["0"],
        ends_with_slash: false,
        codings: &[],
    };
    assert!(matches!(
        files.find(&wanted, now, later()),
        Ok(Found::File(_))
    ));
    assert_eq!(files.cache.counts(), (0, 0));
}

#[test]
fn coded_files_beside_the_file() {
    let [br, gz] = Coding::ALL;
    for (side, opener) in SIDES {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, age: u64| {
            fs::write(root.path().join(name), name).unwrap();
            let file = File::options()
                .write(true)
                .open(root.path().join(name))
                .unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 - age))
                .unwrap();
        };
        write("both.js", 0);
        write("both.js.br", 0);
        write("both.js.gz", 0);
        write("old.js", 0);
        write("old.js.br", 1);
        write("old.js.gz", 0);
        write("only.js.gz", 0);
        write("index.html", 10);
        write("index.html.br", 5);
        write("plain.js", 0);
        write("folder.js", 0);
        fs::create_dir(root.path().join("folder.js.br")).unwrap();
        write("linked.js", 0);
        symlink("/etc/passwd", root.path().join("linked.js.br")).unwrap();
        let mut files = served(root.path(), opener, Policy::default());
        for (path, codings, expected, coding, varies) in [
            ("/both.js", &[][..], "both.js", None, true),
            ("/both.js", &[br, gz], "both.js.br", Some(br), true),
            ("/both.js", &[gz, br], "both.js.gz", Some(gz), true),
            ("/both.js", &[gz], "both.js.gz", Some(gz), true),
            ("/old.js", &[br, gz], "old.js.gz", Some(gz), true),
            ("/old.js", &[br], "old.js", None, true),
            ("/", &[br], "index.html.br", Some(br), true),
            ("/", &[gz], "index.html", None, true),
            ("/index.html", &[gz, br], "index.html.br", Some(br), true),
            ("/plain.js", &[br, gz], "plain.js", None, false),
            ("/both.js.gz", &[br, gz], "both.js.gz", None, false),
            ("/folder.js", &[br, gz], "folder.js", None, false),
            ("/linked.js", &[br, gz], "linked.js", None, false),
        ] {
            for _ in 0..2 {
                let entity = file(&mut files, path, codings);
                let name = match path {
                    "/" => "index.html",
                    _ => &path[1..],
                };
                assert_eq!(
                    (
                        text(&entity).as_str(),
                        entity.coding,
                        entity.varies,
                        entity.name.as_str()
                    ),
                    (expected, coding, varies, name),
                    "{side}: {path} {codings:?}"
                );
            }
        }
        assert_eq!(told(find(&mut files, "/only.js")), "not-found");
    }
}

#[test]
fn a_file_that_changes_while_it_is_read() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a");
    let write = |length: u64| fs::write(&path, vec![b'x'; length as usize]).unwrap();
    let stamp = |length| {
        write(length);
        Stamp::of(&fs::metadata(&path).unwrap())
    };
    let large = SMALL + 1;
    for (before, after) in [(10, 5), (5, 10), (10, 0), (0, 10), (10, SMALL), (SMALL, 10)] {
        let opened = stamp(before);
        write(after);
        let (found, read) = content((File::open(&path).unwrap(), opened)).unwrap();
        let Content::Memory(bytes) = found else {
            panic!("{before} {after}");
        };
        assert_eq!((bytes.len() as u64, read.length), (after, after));
    }
    // One that grew too large is sent in steps; one that shrank since it was opened ends early for the sender.
    let opened = stamp(10);
    write(large);
    let (found, read) = content((File::open(&path).unwrap(), opened)).unwrap();
    assert!(matches!(found, Content::Open(_)));
    assert_eq!(read.length, large);
    let opened = stamp(large);
    let (found, read) = content((File::open(&path).unwrap(), opened)).unwrap();
    write(100);
    let Content::Open(file) = found else {
        panic!("in memory");
    };
    assert_eq!(read.length, large);
    assert_eq!(read_at(&file, &mut [0; 10], 100).unwrap(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_never_holds_still_is_answered_once() {
    // The kernel says that these are empty.
    let mut files = served(Path::new("/proc/self"), Folder::open, Policy::default());
    let entity = file(&mut files, "/stat", &[]);
    assert!(!entity.settled);
    assert!(entity.length <= 1, "{entity:?}");
    assert_eq!(files.cache.counts(), (0, 0));
}

#[test]
fn a_vanished_file_is_still_sent_from_where_it_was_opened() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("large");
    fs::write(&path, vec![b'x'; 100_000]).unwrap();
    for (side, opener) in SIDES {
        let mut files = served(root.path(), opener, Policy::default());
        let entity = file(&mut files, "/large", &[]);
        if side == "walk" {
            fs::remove_file(&path).unwrap();
        }
        let Content::Open(file) = &entity.content else {
            panic!("{side}");
        };
        let mut bytes = vec![0; 100_000];
        assert_eq!(read_at(file, &mut bytes, 0).unwrap(), 100_000);
        assert_eq!(files.cache.counts(), (0, 0));
    }
}

#[test]
fn the_embedded_pages_answer_like_a_folder() {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/www");
    let mut folder = Files::open(&Root::Folder(assets), Policy::default()).unwrap();
    let mut embedded = Files::open(&Root::Embedded, Policy::default()).unwrap();
    for path in [
        "/",
        "/HelloWorld.html",
        "/HelloWorld.html/",
        "/HelloWorld.html/x",
        "/helloworld.html",
        "/missing",
        "/images",
        "/images/",
        "/image",
        "/parts",
        "/parts/",
        "/parts/index.html",
        "/parts/missing",
        "/.hidden",
        "/..",
    ] {
        assert_eq!(
            told(find(&mut embedded, path)),
            told(find(&mut folder, path)),
            "{path}"
        );
    }
    let Ok(Found::Listing(page)) = find(&mut embedded, "/images/") else {
        panic!("no listing");
    };
    assert_eq!(links_of(&page), ["../", "socket.svg", "waves.png"]);

    let now = Instant::now();
    let hello = embedded
        .lookup(b"/HelloWorld.html", &[], now + SETTLED)
        .unwrap();
    let again = file(&mut embedded, "/HelloWorld.html", &[]);
    assert!(Arc::ptr_eq(&hello, &again) && hello.settled);
    let index = file(&mut embedded, "/", &[]);
    assert_ne!(index.version, hello.version);

    let big = file(&mut embedded, "/big.bin", &[]);
    assert_eq!(big.length, 8 << 20);
    assert!(Arc::ptr_eq(&big, &file(&mut embedded, "/big.bin", &[])));
    assert_eq!(told(find(&mut embedded, "/big.bin/x")), "file-is-no-folder");
}

#[test]
fn files_can_move_to_their_thread() {
    fn sent<T: Send>(_: &T) {}
    sent(&Files::open(&Root::Embedded, Policy::default()).unwrap());
}
