//! What we compose, read by Python's `email`: no defect, and everything as it was meant.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::{FROM, Mailbox, folder, run, script, send};

/// Each is sent so often, with a Message-ID of its own.
const COPIES: usize = 2;

/// Recipients in the message: what is typed, and the name and address that it means.
type Named = (&'static str, &'static str, &'static str);

const SOMEBODY: Named = ("teacher@example.com", "", "teacher@example.com");
const NAMED: [Named; 5] = [
    (
        "\"Teacher, The\" <teacher@example.com>",
        "Teacher, The",
        "teacher@example.com",
    ),
    ("王老师 <wang@example.com>", "王老师", "wang@example.com"),
    (
        "\"a \\\"b\\\" \\\\c\" <abc@example.com>",
        "a \"b\" \\c",
        "abc@example.com",
    ),
    ("😀 <smile@example.com>", "😀", "smile@example.com"),
    ("Dr. No <no@example.com>", "Dr. No", "no@example.com"),
];

/// What a message has besides subject and body.
#[derive(Clone, Copy)]
enum Besides {
    Nothing,
    Hidden,
    Names,
    Crowd,
    International,
    Attachments(&'static [&'static str]),
}

const BESIDES: [Besides; 9] = [
    Besides::Nothing,
    Besides::Attachments(&["数据 表.bin"]),
    Besides::Hidden,
    Besides::Attachments(&["plain.txt", "空.dat", "latin.html"]),
    Besides::Names,
    Besides::Attachments(&["quo\"te; x=y\\.txt", "no extension", "😀.png"]),
    Besides::Crowd,
    Besides::Attachments(&["message.eml"]),
    Besides::International,
];

/// Files to attach, with names and contents that go wrong elsewhere.
fn files() -> Vec<(String, Vec<u8>)> {
    let all_bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let mut files: Vec<(String, Vec<u8>)> = [
        ("数据 表.bin", &all_bytes[..]),
        ("plain.txt", b"one\ntwo\r\n.\r\nthree\rfour"),
        ("空.dat", b""),
        ("latin.html", b"<p>gr\xfc\xdfe</p>\n"),
        ("quo\"te; x=y\\.txt", "引号\n".as_bytes()),
        ("no extension", b"\0"),
        ("😀.png", b"\x89PNG\r\n\x1a\n"),
        ("message.eml", b"Subject: inside\r\n\r\n.\r\ntext\r\n"),
    ]
    .into_iter()
    .map(|(name, content)| (name.to_owned(), content.to_vec()))
    .collect();
    files.push((long_name(), b"a long name".to_vec()));
    files
}

/// As long as a file system lets it be.
fn long_name() -> String {
    format!("{}.txt", "很长的名字".repeat(16))
}

fn subjects() -> Vec<String> {
    let long: String = (0..60).map(|n| format!("word{n} ")).collect();
    [
        "Plain",
        "",
        "你好，世界",
        "party 🎉🎉👨‍👩‍👧‍👦 at eight",
        "=?utf-8?q?not_encoded?=",
        "\"quoted\" <and> (bracketed), \\ back = slashed",
        "two  spaces   between",
        &"x".repeat(900),
        long.trim_end(),
        &"很长的主题".repeat(60),
        "mixed 混合 ".repeat(40).trim_end(),
        "Grüße aus Köln",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn bodies() -> Vec<String> {
    [
        "hello\n",
        "",
        "no end of line",
        ".\n..\n.dot\n\n.\n",
        "bare\rCR, CR\r\nLF, LF\nand the end\r",
        &"x".repeat(5_000),
        &"很长的一行".repeat(1_000),
        "blanks at the end  \n\t\n=3D = =\n",
        "From here on\n>From there\n",
        "🎉 emoji 👨‍👩‍👧‍👦\n.\n",
        &"a line of some length, .with dots\n".repeat(2_000),
        "\n\n\n",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// The text as a mail carries it: whatever ended a line ends one, and so does the end of it.
fn lines_of(body: &str) -> String {
    let mut text = body.replace("\r\n", "\n").replace('\r', "\n");
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

#[test]
#[ignore = "needs python3"]
fn python_reads_every_message_as_it_was_meant() {
    let home = folder();
    let path = |name: &str| -> PathBuf { home.path().join("files").join(name) };
    std::fs::create_dir(path("")).expect("the folder can be written");
    for (name, content) in files() {
        std::fs::write(path(&name), content).expect("the folder can be written");
    }
    let mut mailbox = Mailbox::start(&[]);
    let mut manifest = Vec::new();
    let mut besides = BESIDES.iter().copied().cycle();
    for subject in subjects() {
        for body in bodies() {
            let besides = besides.next().expect("it never ends");
            let meant = Meant::new(besides);
            let mut flags: Vec<String> = [
                "--count",
                &COPIES.to_string(),
                "--subject",
                &subject,
                "--body",
                &body,
            ]
            .map(str::to_owned)
            .to_vec();
            let lists = [
                ("--to", &meant.to),
                ("--cc", &meant.cc),
                ("--bcc", &meant.bcc),
            ];
            for (flag, list) in lists {
                for (typed, ..) in list {
                    flags.extend([flag.to_owned(), typed.clone()]);
                }
            }
            for name in &meant.attachments {
                let path = path(name).to_str().expect("UTF-8").to_owned();
                flags.extend(["--attach".to_owned(), path]);
            }
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            let sent = send(mailbox.port, &flags);
            sent.assert_sent();
            for _ in 0..COPIES {
                let message = mailbox.message();
                assert_eq!(
                    message.to.len(),
                    meant.to.len() + meant.cc.len() + meant.bcc.len()
                );
                let attachments: Vec<Value> = meant
                    .attachments
                    .iter()
                    .map(|name| json!([name, path(name)]))
                    .collect();
                manifest.push(json!({
                    "file": message.file,
                    "bytes": message.bytes,
                    "international": matches!(besides, Besides::International),
                    "subject": subject,
                    "body": lines_of(&body),
                    "from": [["", FROM]],
                    "to": named(&meant.to),
                    "cc": named(&meant.cc),
                    "bcc": meant.bcc.iter().map(|(_, _, address)| address).collect::<Vec<_>>(),
                    "attachments": attachments,
                }));
            }
        }
    }
    assert!(manifest.len() >= 200);
    let list = home.path().join("manifest.json");
    std::fs::write(&list, Value::from(manifest).to_string()).expect("the folder can be written");
    let script = script("read.py");
    let arguments = [script.as_str(), list.to_str().expect("UTF-8")];
    run("python3", &arguments, home.path(), b"").succeeded();
}

/// What a message is to have.
#[derive(Default)]
struct Meant {
    to: Vec<(String, String, String)>,
    cc: Vec<(String, String, String)>,
    bcc: Vec<(String, String, String)>,
    attachments: Vec<String>,
}

fn owned((typed, name, address): Named) -> (String, String, String) {
    (typed.to_owned(), name.to_owned(), address.to_owned())
}

/// Name and address of each.
fn named(list: &[(String, String, String)]) -> Vec<[&str; 2]> {
    let pairs = list
        .iter()
        .map(|(_, name, address)| [name.as_str(), address.as_str()]);
    pairs.collect()
}

impl Meant {
    fn new(besides: Besides) -> Self {
        let mut meant = Self {
            to: vec![owned(SOMEBODY)],
            ..Self::default()
        };
        match besides {
            Besides::Nothing => {}
            Besides::Hidden => {
                meant.cc.push(owned(NAMED[1]));
                let hidden = "hidden.somebody@example.com".to_owned();
                meant.bcc.push((hidden.clone(), String::new(), hidden));
            }
            Besides::Names => meant.to = NAMED.map(owned).to_vec(),
            Besides::Crowd => {
                meant.to = (1..=60)
                    .map(|n| {
                        let (name, address) =
                            (format!("学生{n}"), format!("student{n}@example.com"));
                        (format!("{name} <{address}>"), name, address)
                    })
                    .collect();
            }
            Besides::International => {
                meant
                    .to
                    .push(owned(("王 <王@例子.中国>", "王", "王@例子.中国")))
            }
            Besides::Attachments(names) => {
                meant.attachments = names.iter().map(|&name| name.to_owned()).collect();
                meant.attachments.push(long_name());
            }
        }
        meant
    }
}
