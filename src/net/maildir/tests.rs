use std::path::Path;
use std::time::Duration;

use super::*;

const ROOM: Room = Room {
    messages: 1_000,
    bytes: 1 << 20,
};

fn time(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + second)
}

fn message(subject: &str) -> Vec<u8> {
    format!("From: a@b.example\r\nSubject: {subject}\r\n\r\nWhat is said about {subject}.\r\n")
        .into_bytes()
}

/// A message as the server would put it in.
fn put(mailbox: &Mailbox, second: u64, bytes: &[u8]) -> Result<Kept, NotKept> {
    let mut incoming = mailbox.begin(time(second));
    for piece in bytes.chunks(1_000) {
        incoming.buffer().extend_from_slice(piece);
        if incoming.received() {
            incoming.spool();
        }
    }
    incoming.keep()
}

/// A Maildir that has been looked through.
fn open(root: &Path, room: Room) -> Mailbox {
    let mailbox = Mailbox::open(&Store::Folder(root.to_owned()), room).unwrap();
    // The look at the beginning has ended when another one can.
    let mut last = lock(&mailbox.shared.files);
    mailbox.shared.look(&mut last);
    drop(last);
    mailbox
}

/// What a list shows after another program has changed the folder.
fn listed(mailbox: &Mailbox, search: &str) -> Vec<String> {
    mailbox.shared.look(&mut lock(&mailbox.shared.files));
    let page = mailbox.list(search, LISTED);
    assert_eq!(page.matching, page.listed.len() as u64);
    let subjects = page.listed.into_iter().map(|listed| listed.subject);
    subjects.collect()
}

fn files(root: &Path, part: &str) -> Vec<String> {
    let entries = fs::read_dir(root.join(part)).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn both() -> Vec<(Mailbox, Option<tempfile::TempDir>)> {
    both_in(ROOM)
}

fn both_in(room: Room) -> Vec<(Mailbox, Option<tempfile::TempDir>)> {
    let folder = tempfile::tempdir().unwrap();
    vec![
        (open(folder.path(), room), Some(folder)),
        (Mailbox::open(&Store::Memory, room).unwrap(), None),
    ]
}

#[test]
fn the_newest_comes_first_and_what_was_put_in_is_read_back() {
    for (mailbox, _folder) in both() {
        let kept = put(&mailbox, 1, &message("one")).unwrap();
        put(&mailbox, 2, &message("two")).unwrap();
        put(&mailbox, 3, &message("three")).unwrap();
        let page = mailbox.list("", 2);
        let subjects: Vec<_> = page.listed.iter().map(|one| one.subject.as_str()).collect();
        assert_eq!(subjects, ["three", "two"]);
        assert_eq!(page.matching, 3);
        assert_eq!(page.generation, mailbox.generation());
        assert_eq!(page.listed[0].taken, 1_700_000_003);
        assert!(page.listed[0].unread);
        assert_eq!(&*mailbox.read(kept.id).unwrap(), &message("one")[..]);
        let bytes = ["one", "two", "three"].map(|subject| message(subject).len() as u64);
        assert_eq!(mailbox.bytes(), bytes.iter().sum::<u64>());
        assert_eq!(mailbox.room(), ROOM.bytes - mailbox.bytes());
    }
}

#[test]
fn a_search_finds_subject_and_text_in_any_case() {
    for (mailbox, _folder) in both() {
        put(&mailbox, 1, &message("Ünïcode 中文")).unwrap();
        put(&mailbox, 2, &message("plain")).unwrap();
        assert_eq!(listed(&mailbox, "ÜNÏ"), ["Ünïcode 中文"]);
        assert_eq!(listed(&mailbox, "中"), ["Ünïcode 中文"]);
        assert_eq!(listed(&mailbox, "SAID ABOUT PLAIN"), ["plain"]);
        assert_eq!(listed(&mailbox, "nothing of the kind"), [""; 0]);
    }
}

#[test]
fn the_attachments_of_a_long_message_are_all_counted() {
    let attachment = format!(
        "--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment\r\n\r\n{}\r\n",
        "bGluZQ==\r\n".repeat(100_000)
    );
    let long = format!(
        "Subject: long\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\n\r\nRead this\r\n{}--b--\r\n",
        attachment.repeat(3)
    );
    let room = Room {
        bytes: 1 << 30,
        ..ROOM
    };
    for (mailbox, _folder) in both_in(room) {
        put(&mailbox, 1, long.as_bytes()).unwrap();
        let page = mailbox.list("READ THIS", 9);
        assert_eq!(page.listed[0].attachments, 3);
        assert_eq!(page.listed[0].bytes, long.len() as u64);
    }
}

#[test]
fn seen_and_deleted_messages_change_the_generation_once() {
    for (mailbox, _folder) in both() {
        let kept = put(&mailbox, 1, &message("one")).unwrap();
        let before = mailbox.generation();
        mailbox.mark_seen(kept.id).unwrap();
        assert_eq!(mailbox.generation(), before + 1);
        assert!(!mailbox.list("", 1).listed[0].unread);
        mailbox.mark_seen(kept.id).unwrap();
        assert_eq!(mailbox.generation(), before + 1);
        mailbox.delete(kept.id).unwrap();
        assert_eq!((mailbox.held(), mailbox.bytes()), (0, 0));
        assert_eq!(mailbox.generation(), before + 2);
        mailbox.delete(kept.id).unwrap();
        assert_eq!(mailbox.generation(), before + 2);
        let error = mailbox.read(kept.id).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = mailbox.mark_seen(kept.id).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

#[test]
fn a_full_mailbox_takes_no_more() {
    let room = Room {
        messages: 2,
        bytes: 300,
    };
    let folder = tempfile::tempdir().unwrap();
    for store in [Store::Folder(folder.path().to_owned()), Store::Memory] {
        let mailbox = Mailbox::open(&store, room).unwrap();
        put(&mailbox, 1, &[b'x'; 100]).unwrap();
        let error = put(&mailbox, 2, &[b'x'; 201]).unwrap_err();
        assert!(matches!(error, NotKept::Full), "too many bytes");
        // What a message that is under way has taken counts.
        let mut under_way = mailbox.begin(time(3));
        under_way.buffer().extend_from_slice(&[b'x'; 150]);
        under_way.received();
        assert!(matches!(put(&mailbox, 4, &[b'x'; 100]), Err(NotKept::Full)));
        drop(under_way);
        put(&mailbox, 5, &[b'x'; 100]).unwrap();
        assert!(matches!(put(&mailbox, 6, b"x"), Err(NotKept::Full)));
        assert_eq!((mailbox.held(), mailbox.room()), (2, 0));
    }
    assert_eq!(files(folder.path(), "tmp"), [""; 0]);
    assert_eq!(files(folder.path(), "new").len(), 2);
}

#[test]
fn a_restart_finds_everything_under_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let before = {
        let mailbox = open(folder.path(), ROOM);
        for second in 0..5 {
            put(&mailbox, second, &message(&second.to_string())).unwrap();
        }
        let id = mailbox.list("", 9).listed[3].id;
        mailbox.mark_seen(id).unwrap();
        mailbox.list("", 9)
    };
    let mailbox = open(folder.path(), ROOM);
    let after = mailbox.list("", 9);
    assert_eq!(after.listed, before.listed);
    assert!(!after.listed[3].unread);
    let bytes: u64 = after.listed.iter().map(|one| one.bytes).sum();
    assert_eq!((mailbox.held(), mailbox.bytes()), (5, bytes));
}

#[test]
fn half_a_message_is_never_shown_and_is_swept_away_later() {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = open(folder.path(), ROOM);
    let mut incoming = mailbox.begin(time(1));
    incoming.buffer().extend_from_slice(b"From: a@b.ex");
    incoming.spool();
    let left_over = folder
        .path()
        .join("tmp")
        .join(&files(folder.path(), "tmp")[0]);
    // Killed here.
    std::mem::forget(incoming);
    let mailbox = open(folder.path(), ROOM);
    assert_eq!((mailbox.held(), mailbox.list("", 9).listed.len()), (0, 0));
    let hour = Duration::from_secs(60 * 60);
    mailbox
        .shared
        .remove_leftovers(SystemTime::now() + 35 * hour);
    assert!(left_over.exists(), "its writer may still be at work");
    mailbox
        .shared
        .remove_leftovers(SystemTime::now() + 37 * hour);
    assert!(!left_over.exists());
}

#[test]
fn a_message_given_up_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = open(folder.path(), ROOM);
    let mut incoming = mailbox.begin(time(1));
    incoming.buffer().extend_from_slice(&[b'x'; 1_000]);
    incoming.received();
    incoming.spool();
    assert_eq!(files(folder.path(), "tmp").len(), 1);
    drop(incoming);
    assert_eq!(files(folder.path(), "tmp"), [""; 0]);
    assert_eq!(mailbox.shared.reserved.load(Ordering::Relaxed), 0);
}

#[test]
fn a_long_message_goes_through_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let room = Room {
        bytes: 1 << 30,
        ..ROOM
    };
    let mailbox = open(folder.path(), room);
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
    let kept = put(&mailbox, 1, &bytes).unwrap();
    assert_eq!(kept.bytes, bytes.len() as u64);
    assert_eq!(fs::read(kept.file.unwrap()).unwrap(), bytes);
    assert_eq!(&*mailbox.read(kept.id).unwrap(), &bytes[..]);
}

#[test]
fn other_programs_may_move_delete_and_deliver() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let mailbox = open(root, ROOM);
    let ids: Vec<_> = ["one", "two", "three", "four"]
        .iter()
        .zip(1..)
        .map(|(subject, second)| put(&mailbox, second, &message(subject)).unwrap().id)
        .collect();
    let new = files(root, "new");
    fs::remove_file(root.join("new").join(&new[0])).unwrap();
    for moved in &new[1..3] {
        fs::rename(
            root.join("new").join(moved),
            root.join("cur").join(name::seen(moved)),
        )
        .unwrap();
    }
    fs::write(root.join("new/1700000009.V1I2.elsewhere"), message("five")).unwrap();
    fs::write(root.join("new/.hidden"), b"").unwrap();
    fs::create_dir(root.join("new/folder")).unwrap();
    // Whoever has an old page may ask for what it says.
    assert_eq!(
        mailbox.read(ids[0]).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(&*mailbox.read(ids[1]).unwrap(), &message("two")[..]);
    mailbox.delete(ids[2]).unwrap();
    assert_eq!(listed(&mailbox, ""), ["five", "four", "two"]);
    let unread = mailbox.list("", 9).listed.into_iter().map(|one| one.unread);
    assert_eq!(unread.collect::<Vec<_>>(), [true, true, false]);
    // A folder that is gone is an empty one, and takes nothing.
    fs::remove_dir_all(root).unwrap();
    assert_eq!(listed(&mailbox, ""), [""; 0]);
    assert!(matches!(put(&mailbox, 9, b"x"), Err(NotKept::Disk(_))));
    assert_eq!((mailbox.held(), mailbox.bytes()), (0, 0));
}

#[test]
fn a_list_notices_by_itself_what_others_did() {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = open(folder.path(), ROOM);
    put(&mailbox, 1, &message("one")).unwrap();
    // Not looked at since: what is listed must be read first, and is not there.
    let name = &files(folder.path(), "new")[0];
    fs::remove_file(folder.path().join("new").join(name)).unwrap();
    let before = mailbox.generation();
    assert_eq!(mailbox.list("", 9).listed, []);
    assert!(mailbox.generation() > before);
    assert_eq!((mailbox.held(), mailbox.bytes()), (0, 0));
}

#[test]
fn the_oldest_of_very_many_are_counted_and_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = open(folder.path(), ROOM);
    let count = LISTED as u64 + 5;
    for second in 0..count {
        let name = format!("{}.M000000P1.sockscope,S=100", 1_700_000_000 + second);
        fs::write(folder.path().join("new").join(name), b"").unwrap();
    }
    mailbox.shared.look(&mut lock(&mailbox.shared.files));
    assert_eq!((mailbox.held(), mailbox.bytes()), (count, count * 100));
    let page = mailbox.list("", usize::MAX);
    assert_eq!((page.listed.len(), page.matching), (LISTED, count));
    assert_eq!(page.listed[0].taken, 1_700_000_000 + count as i64 - 1);
}

#[test]
fn names_given_out_at_once_differ() {
    let mailbox = Mailbox::open(&Store::Memory, ROOM).unwrap();
    let ids: Vec<_> = [5, 5, 3, 9]
        .iter()
        .map(|&second| mailbox.begin(time(second)).id())
        .collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_mail() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("Maildir");
    let mailbox = open(&root, ROOM);
    let kept = put(&mailbox, 1, &message("one")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&root), 0o700);
    assert_eq!(mode(&root.join("new")), 0o700);
    assert_eq!(mode(&kept.file.unwrap()), 0o600);
}
