//! What a file is, told by the extension of its name: the Content-Type of its answer.
//!
//! This adds to the common tables what a class needs: UTF-8 is said wherever a browser would have to guess, and source code of whatever language is
//! plain text, so that a browser shows it and does not save it.

use std::fmt;

/// A media type (RFC 9110 §8.3.1), written with its charset when it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MediaType {
    /// Type and subtype, lower case.
    pub essence: &'static str,
    pub charset: Charset,
}

/// The charset parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Charset {
    /// None is said: bytes that are no text, or say it themselves.
    Unsaid,
    Utf8,
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.essence)?;
        match self.charset {
            Charset::Unsaid => Ok(()),
            Charset::Utf8 => f.write_str("; charset=utf-8"),
        }
    }
}

/// Where this server differs from the common table: names that it lacks, that it takes for something else (`ts` as video), or that browsers save.
const OWN: &[(&str, &[&str])] = &[
    ("text/javascript", &["js", "mjs", "cjs"]),
    ("application/json", &["json", "map"]),
    (
        "text/plain",
        &[
            "md", "markdown", "py", "rs", "c", "h", "cc", "cpp", "cxx", "hh", "hpp", "cs", "java",
            "kt", "go", "rb", "php", "pl", "lua", "r", "jl", "hs", "ml", "scala", "swift", "dart",
            "zig", "asm", "s", "v", "vhd", "ts", "tsx", "jsx", "vue", "sh", "bash", "zsh", "fish",
            "bat", "cmd", "ps1", "sql", "toml", "yaml", "yml", "ini", "cfg", "conf", "env", "lock",
            "diff", "patch", "tex", "bib", "rst", "adoc", "log", "cmake", "gradle", "proto",
            "ipynb",
        ],
    ),
];

/// The type of a file of this name. `application/octet-stream` when the name has no extension, or one that nobody knows. Allocates nothing.
pub fn of(name: &str) -> MediaType {
    let extension = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => extension,
        _ => "",
    };
    let own = OWN.iter().find(|(_, extensions)| {
        extensions
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    });
    let essence = match own {
        Some((essence, _)) => essence,
        None => mime_guess::from_ext(extension)
            .first_raw()
            .unwrap_or("application/octet-stream"),
    };
    // The x- types of text are source code in some language.
    let essence = if essence.starts_with("text/x-") {
        "text/plain"
    } else {
        essence
    };
    let is_text = essence.starts_with("text/")
        || essence.ends_with("+json")
        || matches!(essence, "application/json" | "image/svg+xml");
    let charset = if is_text {
        Charset::Utf8
    } else {
        Charset::Unsaid
    };
    MediaType { essence, charset }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_type() {
        let table = [
            ("HelloWorld.html", "text/html; charset=utf-8"),
            ("INDEX.HTM", "text/html; charset=utf-8"),
            ("style.css", "text/css; charset=utf-8"),
            ("app.js", "text/javascript; charset=utf-8"),
            ("app.mjs", "text/javascript; charset=utf-8"),
            ("data.json", "application/json; charset=utf-8"),
            (
                "app.webmanifest",
                "application/manifest+json; charset=utf-8",
            ),
            ("drawing.svg", "image/svg+xml; charset=utf-8"),
            ("notes.txt", "text/plain; charset=utf-8"),
            ("table.csv", "text/csv; charset=utf-8"),
            ("feed.xml", "text/xml; charset=utf-8"),
            ("README.md", "text/plain; charset=utf-8"),
            ("server.py", "text/plain; charset=utf-8"),
            ("main.rs", "text/plain; charset=utf-8"),
            ("main.C", "text/plain; charset=utf-8"),
            ("main.ts", "text/plain; charset=utf-8"),
            ("Main.java", "text/plain; charset=utf-8"),
            ("run.sh", "text/plain; charset=utf-8"),
            ("Cargo.toml", "text/plain; charset=utf-8"),
            ("a.png", "image/png"),
            ("a.JPG", "image/jpeg"),
            ("a.gif", "image/gif"),
            ("a.webp", "image/webp"),
            ("favicon.ico", "image/x-icon"),
            ("a.woff2", "font/woff2"),
            ("a.wasm", "application/wasm"),
            ("a.pdf", "application/pdf"),
            ("a.mp4", "video/mp4"),
            ("a.zip", "application/zip"),
            ("a.tar.gz", "application/gzip"),
            ("a.bin", "application/octet-stream"),
            ("Makefile", "application/octet-stream"),
            ("a.nobodyknows", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            (".html", "application/octet-stream"),
            ("", "application/octet-stream"),
            ("a.你好", "application/octet-stream"),
        ];
        for (name, expected) in table {
            assert_eq!(of(name).to_string(), expected, "{name}");
        }
    }
}
