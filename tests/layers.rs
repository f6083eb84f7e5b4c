//! Who may name whom: the table in `src/lib.rs`, enforced on the sources as text. A line that breaks a row fails with its file and number.
//!
//! Comments, strings and what stands under `#[cfg(test)]` are left out; paths are followed through `use`, `self`, `super` and renames.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// What the files below some paths may name.
struct Layer {
    /// As in the table of `src/lib.rs`, or a part of that row with a stricter rule.
    name: &'static str,
    /// Files, and folders with a slash at the end, below `src`.
    files: &'static [&'static str],
    /// Modules of this crate.
    modules: &'static [&'static str],
    /// Other crates.
    crates: &'static [&'static str],
    /// Parts of those that are out of bounds all the same.
    never: &'static [&'static str],
}

const SOCKETS: [&str; 7] = [
    "std::net::UdpSocket",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::ToSocketAddrs",
    "std::os",
    "socket2",
    "nix",
];

/// The first layer that holds a file is its layer.
const LAYERS: &[Layer] = &[
    Layer {
        name: "proto",
        files: &["proto.rs", "proto/"],
        modules: &["proto"],
        crates: &[
            "std",
            "base64",
            "chrono",
            "hdrhistogram",
            "hmac",
            "httpdate",
            "idna",
            "mail_builder",
            "mail_parser",
            "md5",
            "memchr",
            "mime_guess",
            "rand",
            "rand_distr",
            "serde",
            "thiserror",
            "zeroize",
        ],
        never: &[
            "std::env",
            "std::fs",
            "std::io",
            "std::net::TcpListener",
            "std::net::TcpStream",
            "std::net::ToSocketAddrs",
            "std::net::UdpSocket",
            "std::os",
            "std::process",
            "std::thread",
            "std::time::Instant",
            "std::time::SystemTime",
            "chrono::Local",
            "chrono::Utc::now",
            "rand::make_rng",
            "rand::random",
            "rand::random_bool",
            "rand::random_iter",
            "rand::random_range",
            "rand::rng",
            "rand::rngs::SysRng",
            "rand::rngs::ThreadRng",
        ],
    },
    Layer {
        name: "trace",
        files: &["trace.rs", "trace/"],
        modules: &["trace", "proto"],
        crates: &[
            "std",
            "chrono",
            "etherparse",
            "lru",
            "memchr",
            "pcap_file",
            "serde",
            "serde_json",
            "thiserror",
        ],
        never: &SOCKETS,
    },
    Layer {
        name: "words",
        files: &["words.rs", "words/"],
        modules: &["words", "proto", "trace"],
        crates: &["std", "rust_i18n"],
        never: &SOCKETS,
    },
    Layer {
        name: "settings",
        files: &["settings.rs", "settings/"],
        modules: &["settings", "proto", "words"],
        crates: &[
            "std",
            "directories",
            "rust_i18n",
            "serde",
            "thiserror",
            "toml",
        ],
        never: &SOCKETS,
    },
    Layer {
        name: "net: the terminal that a password is typed at",
        files: &["net/password/terminal.rs"],
        modules: &["proto"],
        crates: &["std", "crossterm", "zeroize"],
        never: &SOCKETS,
    },
    Layer {
        name: "net",
        files: &["net.rs", "net/"],
        modules: &["net", "proto", "trace", "settings", "words"],
        crates: &[
            "std",
            "base64",
            "chrono",
            "directories",
            "lru",
            "mimalloc",
            "nix",
            "rand",
            "rcgen",
            "rustls",
            "rustls_platform_verifier",
            "sha2",
            "socket2",
            "thiserror",
            "tokio",
            "tokio_rustls",
            "x509_parser",
            "zeroize",
        ],
        never: &[],
    },
    Layer {
        name: "headless",
        files: &["headless.rs", "headless/"],
        modules: &["headless", "proto", "trace", "words", "settings", "net"],
        crates: &["std", "serde", "serde_json", "thiserror", "tokio"],
        never: &SOCKETS,
    },
    Layer {
        name: "dashboard: widgets",
        files: &["dashboard/widgets/"],
        modules: &["dashboard::widgets"],
        crates: &[
            "std",
            "qrcode",
            "ratatui",
            "unicode_segmentation",
            "unicode_width",
            "zeroize",
        ],
        never: &[
            "std::env",
            "std::fs",
            "std::io",
            "std::net",
            "std::os",
            "std::process",
            "std::thread",
            "std::time::Instant",
            "std::time::SystemTime",
        ],
    },
    Layer {
        name: "dashboard: effects",
        files: &["dashboard/effects.rs", "dashboard/effects/"],
        modules: &["dashboard", "proto", "trace", "words", "settings", "net"],
        crates: &["std", "rand", "tokio"],
        never: &["std::net::UdpSocket", "std::net::TcpStream"],
    },
    Layer {
        name: "dashboard: run and terminal",
        files: &["dashboard/run.rs", "dashboard/terminal.rs"],
        modules: &["dashboard", "proto", "trace", "words", "settings"],
        crates: &["std", "crossterm", "futures_util", "ratatui", "tokio"],
        never: &SOCKETS,
    },
    Layer {
        name: "dashboard",
        files: &["dashboard.rs", "dashboard/"],
        modules: &["dashboard", "proto", "trace", "words", "settings"],
        crates: &[
            "std",
            "crossterm",
            "ratatui",
            "serde",
            "serde_json",
            "tui_input",
            "unicode_width",
        ],
        never: &[
            "std::env",
            "std::fs",
            "std::io",
            "std::net::TcpListener",
            "std::net::TcpStream",
            "std::net::ToSocketAddrs",
            "std::net::UdpSocket",
            "std::os",
            "std::process",
            "std::thread",
            "std::time::Instant::now",
            "std::time::SystemTime::now",
        ],
    },
    Layer {
        name: "cli",
        files: &["cli.rs", "cli/"],
        modules: &[
            "cli",
            "settings",
            "words",
            "trace::access_log",
            "headless::mail",
            "headless::output",
            "headless::recording",
            "net::resolve",
            "proto::smtp",
            "trace::recorder",
        ],
        crates: &["std", "clap", "clap_complete", "rust_i18n"],
        never: &SOCKETS,
    },
];

/// The roots, which join the layers: the map and the command line's entry.
const ROOTS: [&str; 2] = ["lib.rs", "main.rs"];

fn layer_of(file: &str) -> Option<&'static Layer> {
    let holds = |place: &&str| {
        if place.ends_with('/') {
            file.starts_with(*place)
        } else {
            file == *place
        }
    };
    LAYERS.iter().find(|layer| layer.files.iter().any(holds))
}

/// A word or a sign of Rust, with its line from 1. Literals have no words in them and are left out.
#[derive(Debug, Clone, PartialEq)]
struct Token {
    text: String,
    line: usize,
}

impl Token {
    fn is_word(&self) -> bool {
        self.text
            .starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// Takes a source apart, without its comments, strings and characters.
fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let (mut here, mut line) = (0, 1);
    while here < chars.len() {
        let start = here;
        let c = at(here);
        if c == '/' && at(here + 1) == '/' {
            while here < chars.len() && at(here) != '\n' {
                here += 1;
            }
        } else if c == '/' && at(here + 1) == '*' {
            here = end_of_block_comment(&chars, here);
        } else if c == '"' {
            here = end_of_string(&chars, here);
        } else if c == '\'' {
            // A lifetime has no closing quote after its first character.
            here += match (at(here + 1), at(here + 2)) {
                ('\\', _) => 2 + chars[here + 3..].iter().take_while(|&&c| c != '\'').count() + 2,
                (_, '\'') => 3,
                _ => 1,
            };
        } else if is_word(c) {
            while is_word(at(here)) {
                here += 1;
            }
            let word: String = chars[start..here].iter().collect();
            let hashes = chars[here..].iter().take_while(|&&c| c == '#').count();
            let prefixes_string = ["r", "b", "br", "c", "cr"].contains(&word.as_str());
            if prefixes_string && at(here + hashes) == '"' {
                here = if word.ends_with('r') {
                    end_of_raw_string(&chars, here + hashes + 1, hashes)
                } else {
                    end_of_string(&chars, here)
                };
            } else if word == "r" && hashes == 1 {
                here += 1; // a raw word: `r#type`
            } else if !c.is_numeric() && (word != "b" || at(here) != '\'') {
                found.push(Token { text: word, line });
            }
        } else {
            let sign = if c == ':' && at(here + 1) == ':' {
                "::"
            } else {
                &c.to_string()
            };
            here += sign.chars().count();
            if !c.is_whitespace() {
                found.push(Token {
                    text: sign.to_owned(),
                    line,
                });
            }
        }
        let end = here.min(chars.len());
        line += chars[start..end].iter().filter(|&&c| c == '\n').count();
    }
    found
}

fn end_of_block_comment(chars: &[char], start: usize) -> usize {
    let (mut here, mut depth) = (start, 0);
    while here < chars.len() {
        match (chars[here], chars.get(here + 1)) {
            ('/', Some('*')) => (here, depth) = (here + 2, depth + 1),
            ('*', Some('/')) => (here, depth) = (here + 2, depth - 1),
            _ => here += 1,
        }
        if depth == 0 {
            break;
        }
    }
    here
}

fn end_of_string(chars: &[char], quote: usize) -> usize {
    let mut here = quote + 1;
    while here < chars.len() && chars[here] != '"' {
        here += if chars[here] == '\\' { 2 } else { 1 };
    }
    here + 1
}

fn end_of_raw_string(chars: &[char], start: usize, hashes: usize) -> usize {
    let closes = |&here: &usize| {
        chars[here] == '"' && chars[here + 1..].iter().take_while(|&&c| c == '#').count() >= hashes
    };
    (start..chars.len())
        .find(closes)
        .map_or(chars.len(), |quote| quote + 1 + hashes)
}

/// Takes out every item under `#[cfg(test)]`, and tells which of them are modules in files of their own.
fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut kept, mut files) = (Vec::new(), Vec::new());
    let mut here = 0;
    while here < tokens.len() {
        let texts = tokens[here..].iter().map(|token| token.text.as_str());
        if !texts.take(TEST.len()).eq(TEST) {
            kept.push(tokens[here].clone());
            here += 1;
            continue;
        }
        let item = here + TEST.len();
        let mut depth = 0;
        let mut end = item;
        while end < tokens.len() {
            match tokens[end].text.as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            end += 1;
            if depth == 0 && matches!(tokens[end - 1].text.as_str(), "}" | ";") {
                break;
            }
        }
        let of_module = |pair: &[Token]| pair[0].text == "mod" && pair[1].is_word();
        if tokens[end - 1].text == ";"
            && let Some(pair) = tokens[item..end].windows(2).find(|pair| of_module(pair))
        {
            files.push(pair[1].text.clone());
        }
        here = end;
    }
    (kept, files)
}

/// A path that a source names, from its crate on, with the line.
type Named = (Vec<String>, usize);

/// Reads the paths of one file.
struct Reader<'a> {
    tokens: &'a [Token],
    /// The module of the file, and of the inline modules around the place of reading.
    module: Vec<String>,
    /// For each inline module entered, the depth of braces outside.
    inline: Vec<usize>,
    depth: usize,
    /// What each imported name stands for.
    imported: BTreeMap<String, Vec<String>>,
    named: Vec<Named>,
}

impl Reader<'_> {
    fn text(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |token| &token.text)
    }

    fn read(mut self) -> Vec<Named> {
        let mut here = 0;
        while here < self.tokens.len() {
            let token = &self.tokens[here];
            match token.text.as_str() {
                "{" => self.depth += 1,
                "}" => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.inline.last() == Some(&self.depth) {
                        self.inline.pop();
                        self.module.pop();
                    }
                }
                "mod" if self.text(here + 2) == "{" => {
                    self.inline.push(self.depth);
                    self.module.push(self.text(here + 1).to_owned());
                    here += 1;
                }
                "use" => here = self.read_use(here + 1, &[]),
                _ if token.is_word() && !matches!(self.text(here.wrapping_sub(1)), "." | "fn") => {
                    let mut path = vec![token.text.clone()];
                    while self.text(here + 1) == "::"
                        && self.tokens.get(here + 2).is_some_and(Token::is_word)
                    {
                        path.push(self.tokens[here + 2].text.clone());
                        here += 2;
                    }
                    if path.len() > 1 {
                        resolve(&mut path, &self.module);
                        self.named.push((path, token.line));
                    }
                }
                _ => {}
            }
            here += 1;
        }
        // A name may be used above the line that imports it.
        for (path, _) in &mut self.named {
            if let Some(whole) = self.imported.get(&path[0]) {
                path.splice(..1, whole.iter().cloned());
            }
        }
        self.named
    }

    /// Reads one branch of a `use` from `here`; returns the place of what ends it.
    fn read_use(&mut self, mut here: usize, before: &[String]) -> usize {
        let mut path = before.to_vec();
        let line = self.tokens.get(here).map_or(0, |token| token.line);
        let mut name = None;
        loop {
            match self.text(here) {
                "" | ";" | "," | "}" => break,
                "::" => {}
                "{" => {
                    while !matches!(self.text(here), "" | "}" | ";") {
                        here = self.read_use(here + 1, &path);
                    }
                    return here + 1;
                }
                "as" => {
                    name = Some(self.text(here + 1).to_owned());
                    here += 1;
                }
                "self" if !path.is_empty() => {}
                word => path.push(word.to_owned()),
            }
            here += 1;
        }
        if path.is_empty() {
            return here;
        }
        let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
        resolve(&mut path, &self.module);
        self.imported.insert(name, path.clone());
        self.named.push((path, line));
        here
    }
}

/// Writes a path that begins with `self` or `super` from the crate on.
fn resolve(path: &mut Vec<String>, module: &[String]) {
    let mut up = 0;
    let mut words = 0;
    while let Some(word) = path.get(words) {
        match word.as_str() {
            "self" if words == 0 => {}
            "super" => up += 1,
            _ => break,
        }
        words += 1;
    }
    if words > 0 {
        let base = &module[..module.len().saturating_sub(up)];
        let whole = ["crate".to_owned()].into_iter().chain(base.iter().cloned());
        path.splice(..words, whole);
    }
}

/// Whether `path` is `prefix` or lies below it.
fn is_below(path: &[String], prefix: &str) -> bool {
    let mut words = path.iter();
    prefix
        .split("::")
        .all(|word| words.next().is_some_and(|next| next == word))
}

/// Whether `path` ends in a glob that brings `name` in.
fn brings_in(path: &[String], name: &str) -> bool {
    match path.split_last() {
        Some((last, above)) if last == "*" => {
            let name: Vec<_> = name.split("::").collect();
            above.len() < name.len() && above.iter().zip(&name).all(|(a, b)| a == b)
        }
        _ => false,
    }
}

/// What a source breaks, as `file:line: layer rule`, and the test modules that it keeps in other files.
fn check(file: &str, source: &str, crates: &BTreeSet<String>) -> (Vec<String>, Vec<String>) {
    let (tokens, test_files) = without_tests(&tokens(source));
    let Some(layer) = layer_of(file) else {
        return (
            vec![format!("src/{file}:1: it belongs to no layer")],
            test_files,
        );
    };
    let mut module: Vec<_> = file
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    module.pop_if(|last| last == "mod");
    let reader = Reader {
        tokens: &tokens,
        module,
        inline: Vec::new(),
        depth: 0,
        imported: BTreeMap::new(),
        named: Vec::new(),
    };
    let mut broken = Vec::new();
    for (path, line) in reader.read() {
        let allowed = match path[0].as_str() {
            // What a macro left at the root of the crate.
            "crate" => {
                path.get(1).is_some_and(|name| name.starts_with('_'))
                    || layer.modules.iter().any(|name| is_below(&path[1..], name))
            }
            other if crates.contains(other) => {
                layer.crates.contains(&other)
                    && !layer
                        .never
                        .iter()
                        .any(|never| is_below(&path, never) || brings_in(&path, never))
            }
            _ => true,
        };
        if !allowed {
            broken.push(format!(
                "src/{file}:{line}: {} must not name {}",
                layer.name,
                path.join("::")
            ));
        }
    }
    (broken, test_files)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The crates that the package depends on, as sources name them, and the standard ones.
fn crates() -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest can be read");
    let mut crates: BTreeSet<_> = ["std", "core", "alloc"].map(str::to_owned).into();
    let mut is_dependencies = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_dependencies = line.ends_with("dependencies]") && !line.contains("dev-");
        } else if is_dependencies && let Some((name, _)) = line.split_once('=') {
            crates.insert(name.trim().replace('-', "_"));
        }
    }
    crates
}

/// The Rust files below a folder: name from `src` on, and text.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("src can be read") {
        let path = entry.expect("src can be read").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path
                .strip_prefix(root().join("src"))
                .expect("it lies in src");
            let parts: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            found.push((parts.join("/"), text));
        }
    }
    found.sort();
    found
}

#[test]
fn no_layer_names_what_it_must_not() {
    let crates = crates();
    assert!(
        crates.contains("ratatui") && crates.contains("nix"),
        "{crates:?}"
    );
    let sources = sources(&root().join("src"));
    let mut test_files = BTreeSet::new();
    let mut broken = Vec::new();
    for (file, source) in &sources {
        let (found, modules) = check(file, source, &crates);
        let folder = file.trim_end_matches(".rs").trim_end_matches("/mod");
        test_files.extend(modules.iter().map(|module| format!("{folder}/{module}.rs")));
        if !ROOTS.contains(&file.as_str()) {
            broken.push((file, found));
        }
    }
    let mut report = String::new();
    for (file, found) in broken {
        if !test_files.contains(file.as_str()) {
            for line in found {
                let _ = write!(report, "\n{line}");
            }
        }
    }
    assert!(report.is_empty(), "{report}");
    for layer in LAYERS {
        let holds = |(file, _): &(String, String)| {
            layer_of(file).is_some_and(|found| std::ptr::eq(found, layer))
        };
        assert!(
            sources.iter().any(holds),
            "no file is in the layer {}",
            layer.name
        );
    }
}

#[test]
fn the_map_and_this_test_know_the_same_layers() {
    let map = fs::read_to_string(root().join("src/lib.rs")).expect("the map can be read");
    let rows: BTreeSet<_> = map
        .lines()
        .filter_map(|line| line.strip_prefix("//! | [`")?.split('`').next())
        .collect();
    let layers = LAYERS
        .iter()
        .filter_map(|layer| layer.name.split(':').next());
    assert_eq!(rows, layers.collect());
}

/// The checker against lines that break a rule and lines that only look so.
mod the_checker {
    use super::*;

    /// The lines of `source` that are reported, and what they are reported for.
    fn broken(file: &str, source: &str) -> Vec<(usize, String)> {
        let (broken, _) = check(file, source, &crates());
        let place = |line: &String| {
            let (place, rule) = line.split_once(": ").expect("a place and a rule");
            let number = place
                .rsplit(':')
                .next()
                .and_then(|number| number.parse().ok());
            let path = rule.rsplit(' ').next().expect("a path");
            (number.expect("a line"), path.to_owned())
        };
        broken.iter().map(place).collect()
    }

    #[test]
    fn reports_what_breaks_a_rule() {
        let cases = [
            (
                "proto/link.rs",
                "use tokio::time::sleep;",
                "tokio::time::sleep",
            ),
            ("proto/link.rs", "use ratatui as r;", "ratatui"),
            (
                "proto/link.rs",
                "use std::{time::Duration, net::UdpSocket};",
                "std::net::UdpSocket",
            ),
            ("proto/link.rs", "use std::net::*;", "std::net::*"),
            ("proto/link.rs", "use std::*;", "std::*"),
            (
                "proto/link.rs",
                "fn f() { std::fs::read(\"x\").ok(); }",
                "std::fs::read",
            ),
            (
                "proto/link.rs",
                "fn f() { let t = std::time::Instant::now(); }",
                "std::time::Instant::now",
            ),
            (
                "proto/link.rs",
                "fn f() -> u8 { rand::rng().random() }",
                "rand::rng",
            ),
            (
                "proto/link.rs",
                "fn f() -> u8 { rand::random() }",
                "rand::random",
            ),
            (
                "proto/link/dice.rs",
                "use super::super::super::net::os;",
                "crate::net::os",
            ),
            (
                "proto/ping.rs",
                "mod inner { use super::super::super::trace; }",
                "crate::trace",
            ),
            (
                "proto/ping.rs",
                "#[derive(tokio::Derive)] struct A;",
                "tokio::Derive",
            ),
            (
                "trace/tap.rs",
                "use crate::{proto::link, net::echo::EchoServer};",
                "crate::net::echo::EchoServer",
            ),
            ("trace/tap.rs", "use crate::*;", "crate::*"),
            (
                "trace/tap.rs",
                "use tokio::sync::mpsc;",
                "tokio::sync::mpsc",
            ),
            (
                "words.rs",
                "use crate::settings::Settings;",
                "crate::settings::Settings",
            ),
            (
                "settings/table.rs",
                "use crate::trace::event::Event;",
                "crate::trace::event::Event",
            ),
            (
                "net/echo.rs",
                "use crate::headless::echo;",
                "crate::headless::echo",
            ),
            (
                "net/os/linux/proc.rs",
                "use crossterm::style;",
                "crossterm::style",
            ),
            (
                "headless/ping.rs",
                "use crate::dashboard::theme;",
                "crate::dashboard::theme",
            ),
            (
                "dashboard/widgets/chart.rs",
                "use crate::proto::stats;",
                "crate::proto::stats",
            ),
            (
                "dashboard/widgets/chart.rs",
                "use super::super::theme::Theme;",
                "crate::dashboard::theme::Theme",
            ),
            (
                "dashboard/widgets/chart.rs",
                "use std::net::IpAddr;",
                "std::net::IpAddr",
            ),
            (
                "dashboard/tabs/ping.rs",
                "use crate::net::echo;",
                "crate::net::echo",
            ),
            (
                "dashboard/tabs/ping/view.rs",
                "fn f() { tokio::spawn(g()); }",
                "tokio::spawn",
            ),
            (
                "dashboard/app.rs",
                "fn f() { std::net::UdpSocket::bind(a) }",
                "std::net::UdpSocket::bind",
            ),
            ("dashboard/run.rs", "use crate::net::os;", "crate::net::os"),
            (
                "dashboard/effects.rs",
                "use crate::headless::output;",
                "crate::headless::output",
            ),
            ("cli.rs", "use crate::net::echo;", "crate::net::echo"),
        ];
        for (file, source, path) in cases {
            assert_eq!(
                broken(file, source),
                [(1, path.to_owned())],
                "{file}: {source}"
            );
        }
    }

    #[test]
    fn follows_imports_and_renames() {
        let source =
            "fn f() { I::now(); time::Instant::now(); }\nuse std::time::{self, Instant as I};";
        let now = "std::time::Instant::now".to_owned();
        let found = broken("dashboard/app.rs", source);
        assert_eq!(
            found,
            [(1, now.clone()), (1, now)],
            "the type may be named, its clock not"
        );
    }

    #[test]
    fn tells_the_line() {
        let source = "/* one\n two */\nuse std::fmt;\n\nfn f() {\n    let a = \"x\n y\";\n    std::thread::sleep(a);\n}\n";
        assert_eq!(
            broken("proto/ping.rs", source),
            [(8, "std::thread::sleep".to_owned())]
        );
    }

    #[test]
    fn goes_on_behind_whatever_looks_like_a_quote() {
        let tail = "use tokio::net;";
        for odd in [
            "const A: char = '\"';",
            "const A: char = '\\'';",
            "const A: char = '\\u{22}';",
            "const A: u8 = b'\"';",
            "const A: u8 = b'\\'';",
            "const A: &str = \"\\\"\";",
            "const A: &str = r\"\\\";",
            "const A: &str = r##\"\"# \"##;",
            "const A: &[u8] = br#\"\"\"#;",
            "fn f<'a>(a: &'a str) -> &'a str { a }",
            "/* /* \" */ ' */",
            "// it's \"",
            "let r#type = 1..2;",
        ] {
            let found = broken("proto/ping.rs", &format!("{odd} \n{tail}"));
            assert_eq!(found, [(2, "tokio::net".to_owned())], "{odd}");
        }
    }

    #[test]
    fn lets_pass_what_only_looks_so() {
        let cases = [
            (
                "proto/ping.rs",
                "//! Driven by [`crate::net::pinger`].\n/// tokio::spawn\n/* std::fs::read */",
            ),
            (
                "proto/ping.rs",
                "const A: &str = \"tokio::spawn\"; const B: &str = r#\"std::fs::read\"#;",
            ),
            (
                "proto/ping.rs",
                "use std::net::{IpAddr, SocketAddr};\nuse super::stats::PingStats;",
            ),
            (
                "proto/ping.rs",
                "#[cfg(test)]\nmod tests { use std::thread; use tokio::net; }",
            ),
            (
                "proto/ping.rs",
                "#[cfg(test)]\n#[derive(Debug)]\nuse std::thread;\nfn f() {}",
            ),
            (
                "proto/ping.rs",
                "fn f(net: Net) { net.tokio(); Net::fs(); }",
            ),
            (
                "words.rs",
                "fn f() { crate::_RUST_I18N_BACKEND.translate(); }",
            ),
            (
                "dashboard/widgets/chart/pen.rs",
                "use super::super::text::Text;\nuse crate::dashboard::widgets::list;",
            ),
            (
                "dashboard/app.rs",
                "use std::time::{Duration, Instant};\nuse std::net::SocketAddr;",
            ),
            ("dashboard/effects.rs", "use crate::net::echo::EchoServer;"),
        ];
        for (file, source) in cases {
            assert_eq!(broken(file, source), [], "{file}: {source}");
        }
    }

    #[test]
    fn goes_on_behind_a_test_module() {
        let source = "#[cfg(test)]\nmod tests { fn f() { if a { b } } }\nuse tokio::net;";
        assert_eq!(
            broken("proto/ping.rs", source),
            [(3, "tokio::net".to_owned())]
        );
        let (_, files) = check("proto/ping.rs", "#[cfg(test)]\nmod tests;", &crates());
        assert_eq!(files, ["tests"]);
        let only_sometimes = "#[cfg(any(windows, test))] mod a { use tokio::net; }";
        assert_eq!(broken("proto/ping.rs", only_sometimes).len(), 1);
    }

    #[test]
    fn knows_no_file_outside_the_layers() {
        let (broken, _) = check("helpers.rs", "", &crates());
        assert_eq!(broken, ["src/helpers.rs:1: it belongs to no layer"]);
    }
}
