//! Paths that begin with what somebody has typed.

use std::fs;
use std::path::{MAIN_SEPARATOR, Path, PathBuf, is_separator};

/// Paths that are offered.
const MOST: usize = 50;
/// Entries of a folder that are looked at.
const LOOKED_AT: usize = 20_000;

/// The paths that begin with `text`, sorted; folders end in a separator. Hidden ones only if their dot was typed. `~/` is the home folder.
pub fn complete(text: &str) -> Vec<String> {
    let cut = text.rfind(is_separator).map_or(0, |place| place + 1);
    let (folder, begin) = text.split_at(cut);
    let Ok(entries) = fs::read_dir(expanded(folder)) else {
        return Vec::new();
    };
    let mut found: Vec<String> = entries
        .take(LOOKED_AT)
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let is_wanted =
                name.starts_with(begin) && (begin.starts_with('.') || !name.starts_with('.'));
            // A name with control characters cannot be typed and would not be sent.
            if !is_wanted || name.contains(char::is_control) {
                return None;
            }
            let is_folder = fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir());
            let end = if is_folder {
                MAIN_SEPARATOR.to_string()
            } else {
                String::new()
            };
            Some(format!("{folder}{name}{end}"))
        })
        .collect();
    found.sort();
    found.truncate(MOST);
    found
}

/// A path as it was typed, with the home folder in place of `~`.
pub fn expanded(path: &str) -> PathBuf {
    if path.is_empty() {
        return PathBuf::from(".");
    }
    let home = || directories::BaseDirs::new().map(|folders| folders.home_dir().to_owned());
    match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with(is_separator) => match home() {
            Some(home) => home.join(Path::new(rest.trim_start_matches(is_separator))),
            None => PathBuf::from(path),
        },
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_begins_so() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["report.txt", "报告.txt", "results.csv", ".hidden"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("res")).unwrap();
        let base = format!("{}{MAIN_SEPARATOR}", folder.path().display());
        let found = |begin: &str| {
            complete(&format!("{base}{begin}"))
                .iter()
                .map(|path| path[base.len()..].to_owned())
                .collect::<Vec<_>>()
        };
        let res = format!("res{MAIN_SEPARATOR}");
        assert_eq!(found("re"), ["report.txt", &res, "results.csv"]);
        assert_eq!(found("报"), ["报告.txt"]);
        assert_eq!(found("."), [".hidden"]);
        assert_eq!(found("").len(), 4);
        assert_eq!(found("missing/"), Vec::<String>::new());
    }

    #[test]
    fn a_tilde_is_the_home_folder() {
        let home = directories::BaseDirs::new().unwrap().home_dir().to_owned();
        assert_eq!(expanded("~"), home);
        assert_eq!(expanded("~/a/b"), home.join("a/b"));
        assert_eq!(expanded("~a"), PathBuf::from("~a"));
        assert_eq!(expanded("a/b"), PathBuf::from("a/b"));
        assert_eq!(expanded(""), PathBuf::from("."));
    }
}
