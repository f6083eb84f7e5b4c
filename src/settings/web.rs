//! The section of the web server: its values, and how the texts that only it has are read. This stands apart from the
//! table because a path, a size in bytes and a forced status have notations of their own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::Problem;
use super::table::items;
use crate::proto::http::service::{self, Forced, Limits, MOST_FORCED, Mode, Service};
use crate::proto::link::parse_duration;

/// The word for the pages that the program brings along.
pub(super) const BUILT_IN: &str = "built-in";

/// The word for nothing at all.
pub(super) const NONE: &str = "none";

/// A gibibyte.
const GIB: u64 = 1 << 30;

/// The web server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSettings {
    /// The address to listen at; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// The folder to serve; `None` means the pages that the program brings along.
    pub folder: Option<PathBuf>,
    /// How it serves when it starts.
    pub service: Service,
    /// What no client gets past.
    pub limits: Limits,
    /// Serve names that begin with a dot.
    pub hidden: bool,
    /// Follow symbolic links that lead out of the folder.
    pub outside_links: bool,
    /// List the files of a folder that has no index.
    pub listing: bool,
    /// Answer TRACE (RFC 9110 §9.3.8), which sends back whatever the request says.
    pub trace: bool,
}

/// Reads the folder to serve. Whether it is there is seen when the server opens it.
pub(super) fn parse_folder(text: &str) -> Result<Option<PathBuf>, Problem> {
    let text = text.trim();
    if text.is_empty() || text.contains(char::is_control) {
        return Err(Problem::NotAllowed);
    }
    Ok((text != BUILT_IN).then(|| PathBuf::from(text)))
}

pub(super) fn parse_mode(text: &str) -> Result<Mode, Problem> {
    [Mode::Concurrent, Mode::OneAtATime]
        .into_iter()
        .find(|mode| mode.name() == text)
        .ok_or(Problem::NotAllowed)
}

/// The time that every request takes more than it needs.
pub(super) fn parse_delay(text: &str) -> Result<Duration, Problem> {
    if text == NONE {
        return Ok(Duration::ZERO);
    }
    Ok(parse_duration(text)?)
}

/// Bytes a second; `None` is as fast as it goes.
pub(super) fn parse_rate(text: &str) -> Result<Option<u64>, Problem> {
    if text == NONE {
        return Ok(None);
    }
    parse_bytes(text, 1, 1024 * GIB).map(Some)
}

/// Bytes a second below which a transfer is given up; 0 never gives up.
pub(super) fn parse_lowest_rate(text: &str) -> Result<u64, Problem> {
    Ok(parse_rate(text)?.unwrap_or(0))
}

/// Reads paths with a status each, such as `/busy=503`. Of two for one path the later one holds.
pub(super) fn parse_forced(text: &str) -> Result<Vec<Forced>, Problem> {
    let mut all: Vec<Forced> = Vec::new();
    if text == NONE {
        return Ok(all);
    }
    for item in items(text) {
        Forced::parse(item)
            .ok_or(Problem::NotAllowed)?
            .add_to(&mut all);
    }
    if all.is_empty() || all.len() > MOST_FORCED {
        return Err(Problem::NotAllowed);
    }
    Ok(all)
}

/// A number of bytes within bounds.
pub(super) fn parse_bytes(text: &str, least: u64, most: u64) -> Result<u64, Problem> {
    service::parse_bytes(text)
        .filter(|bytes| (least..=most).contains(bytes))
        .ok_or(Problem::NotAllowed)
}

/// A length in memory: small enough for every `usize`.
pub(super) fn parse_length(text: &str, least: u32, most: u32) -> Result<usize, Problem> {
    parse_memory(text, least.into(), most.into())
}

/// An amount of memory; not allowed is also what this machine cannot address.
pub(super) fn parse_memory(text: &str, least: u64, most: u64) -> Result<usize, Problem> {
    let bytes = parse_bytes(text, least, most)?;
    usize::try_from(bytes).map_err(|_| Problem::NotAllowed)
}

/// A whole number from 1 to `most`.
pub(super) fn parse_number(text: &str, most: u32) -> Result<u32, Problem> {
    let number = parse_whole(text)?;
    u32::try_from(number)
        .ok()
        .filter(|number| (1..=most).contains(number))
        .ok_or(Problem::NotAllowed)
}

/// Digits and nothing else.
fn parse_whole(text: &str) -> Result<u64, Problem> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| digits)
        .ok_or(Problem::NotAllowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::http::status::Status;
    use crate::settings::Settings;

    #[test]
    fn the_defaults_are_those_of_the_lab() {
        let web = Settings::default().web;
        assert_eq!(web.listen, "127.0.0.1:6789".parse().unwrap());
        assert_eq!(web.folder, None);
        assert_eq!(web.service, Service::default());
        assert_eq!(web.limits, Limits::default());
        assert!(!web.hidden && !web.outside_links && !web.trace);
        assert!(web.listing);
    }

    #[test]
    fn sizes_are_read() {
        for (text, want) in [
            ("0", Some(0)),
            ("1000", Some(1000)),
            ("64k", Some(65_536)),
            ("64K", Some(65_536)),
            ("1M", Some(1_048_576)),
            ("2g", Some(2_147_483_648)),
            ("1024G", Some(1 << 40)),
            ("1025G", None),
            ("18446744073709551615G", None),
            ("18446744073709551616", None),
            ("", None),
            ("k", None),
            ("1.5k", None),
            ("+1k", None),
            ("-1", None),
            ("1 k", None),
            ("1kB", None),
            ("1µ", None),
        ] {
            assert_eq!(parse_bytes(text, 0, 1024 * GIB).ok(), want, "{text:?}");
        }
    }

    #[test]
    fn forced_statuses_are_read() {
        let forced = |path: &str, code| Forced {
            path: path.to_owned(),
            status: Status::new(code).unwrap(),
        };
        for (text, want) in [
            ("none", Some(vec![])),
            ("/busy=503", Some(vec![forced("/busy", 503)])),
            (
                "/a=404, /b%20c=200",
                Some(vec![forced("/a", 404), forced("/b%20c", 200)]),
            ),
            ("/a=b=599", Some(vec![forced("/a=b", 599)])),
            ("/a=404 /a=500", Some(vec![forced("/a", 500)])),
            ("", None),
            ("/busy", None),
            ("busy=503", None),
            ("/busy=", None),
            ("/busy=+503", None),
            ("/busy=103", None),
            ("/busy=600", None),
            ("/busy=65739", None),
            ("/busy?x=503", None),
            ("/b\u{1b}usy=503", None),
            ("/丢=503", None),
            ("none /a=404", None),
        ] {
            assert_eq!(parse_forced(text).ok(), want, "{text:?}");
        }
        let many = |n| (0..n).map(|n| format!("/{n}=404 ")).collect::<String>();
        assert!(parse_forced(&many(64)).is_ok());
        assert!(parse_forced(&many(65)).is_err());
    }

    #[test]
    fn folders_are_read() {
        for (text, want) in [
            ("built-in", Ok(None)),
            ("./built-in", Ok(Some(PathBuf::from("./built-in")))),
            (" my pages ", Ok(Some(PathBuf::from("my pages")))),
            ("", Err(Problem::NotAllowed)),
            ("a\nb", Err(Problem::NotAllowed)),
            ("a\0b", Err(Problem::NotAllowed)),
        ] {
            assert_eq!(parse_folder(text), want, "{text:?}");
        }
    }
}
