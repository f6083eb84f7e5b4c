//! The names of files in a Maildir: when a message was taken, how big it is, whether it was seen; and the number by which this program knows it.
//!
//! `1700000000.M123456P4711.sockscope,S=1234:2,S`: seconds and microseconds since 1970, the process, whose name it is, bytes, and behind the colon
//! the flags of a message that was seen. The number comes from the name, so that it stays the same over restarts.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::trace::mail::MessageId;

/// Stands before the flags. A colon cannot be in a file name on Windows.
const INFO: char = if cfg!(windows) { ';' } else { ':' };
/// What other programs put there.
const INFOS: [char; 3] = [':', ';', '!'];
/// Low bits of a number that tell apart what was taken in the same microsecond.
const TAIL: u32 = 12;

/// Microseconds since 1970.
pub fn microseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX) & (u64::MAX >> TAIL)
}

/// What is unique about a message of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unique {
    microseconds: u64,
    process: u32,
}

impl Unique {
    pub fn new(microseconds: u64, process: u32) -> Self {
        Self {
            microseconds,
            process,
        }
    }

    pub fn id(self) -> MessageId {
        number(self.microseconds, u64::from(self.process))
    }

    /// The file's name while it is being written.
    pub fn in_tmp(self) -> String {
        let (seconds, rest) = (self.microseconds / 1_000_000, self.microseconds % 1_000_000);
        format!("{seconds}.M{rest:06}P{}.sockscope", self.process)
    }

    /// The file's name when it has so many bytes.
    pub fn in_new(self, bytes: u64) -> String {
        format!("{},S={bytes}", self.in_tmp())
    }
}

fn number(microseconds: u64, tail: u64) -> MessageId {
    microseconds << TAIL | tail & ((1 << TAIL) - 1)
}

/// What a file's name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    pub id: MessageId,
    pub bytes: Option<u64>,
    pub seen: bool,
}

/// Reads the name of any program's file.
pub fn read(name: &str) -> Said {
    let (base, flags) = split(name);
    let (unique, fields) = base.split_once(',').unwrap_or((base, ""));
    let bytes = fields
        .split(',')
        .find_map(|field| field.strip_prefix("S=")?.parse().ok());
    Said {
        id: ours(unique).map_or_else(|| of_others(unique), Unique::id),
        bytes,
        seen: flags.contains('S'),
    }
}

/// When the message with this number was taken, in seconds since 1970.
pub fn taken(id: MessageId) -> i64 {
    let seconds = (id >> TAIL) / 1_000_000;
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

/// The name of a file once it was seen, with the flags it has already.
pub fn seen(name: &str) -> String {
    let (base, flags) = split(name);
    let mut flags: Vec<char> = flags.chars().filter(char::is_ascii_alphabetic).collect();
    flags.push('S');
    // The convention wants them sorted, each once.
    flags.sort_unstable();
    flags.dedup();
    format!("{base}{INFO}2,{}", String::from_iter(flags))
}

/// What stands before and behind the mark of flags.
fn split(name: &str) -> (&str, &str) {
    let Some((base, info)) = name.rsplit_once(INFOS) else {
        return (name, "");
    };
    match info.strip_prefix("2,") {
        Some(flags) => (base, flags),
        None => (name, ""),
    }
}

fn ours(unique: &str) -> Option<Unique> {
    let (seconds, rest) = unique.strip_suffix(".sockscope")?.split_once(".M")?;
    let (microseconds, process) = rest.split_once('P')?;
    let microseconds: u64 = microseconds.parse().ok().filter(|&rest| rest < 1_000_000)?;
    let seconds: u64 = seconds.parse().ok()?;
    let all = seconds.checked_mul(1_000_000)?.checked_add(microseconds)?;
    (all <= u64::MAX >> TAIL).then_some(Unique::new(all, process.parse().ok()?))
}

/// Names of other programs begin with the seconds, too; what follows tells them apart.
fn of_others(unique: &str) -> MessageId {
    let digits = unique.find(|c: char| !c.is_ascii_digit());
    let seconds: u64 = unique[..digits.unwrap_or(unique.len())]
        .parse()
        .unwrap_or_default();
    let hash = fnv(unique.as_bytes());
    let microseconds = seconds
        .checked_mul(1_000_000)
        .filter(|&all| all < u64::MAX >> TAIL)
        .unwrap_or_default();
    number(microseconds + hash % 1_000_000, hash >> 32)
}

/// FNV-1a: the same in every version of this program, which the standard library's hashes do not promise.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_name_says_what_was_put_into_it() {
        let taken_at = UNIX_EPOCH + Duration::from_micros(1_700_000_000_000_042);
        let unique = Unique::new(microseconds(taken_at), 4_711);
        assert_eq!(unique.in_tmp(), "1700000000.M000042P4711.sockscope");
        let name = unique.in_new(1_234);
        assert_eq!(name, "1700000000.M000042P4711.sockscope,S=1234");
        let said = Said {
            id: unique.id(),
            bytes: Some(1_234),
            seen: false,
        };
        assert_eq!(read(&name), said);
        assert_eq!(read(&seen(&name)), Said { seen: true, ..said });
        assert_eq!(taken(said.id), 1_700_000_000);
    }

    #[test]
    fn flags_are_kept_sorted_each_once() {
        let rest = format!("a{INFO}2,");
        for (name, flags) in [
            ("a", "S"),
            ("a:2,", "S"),
            ("a:2,TF", "FST"),
            ("a:2,S", "S"),
            ("a!2,R", "RS"),
        ] {
            assert_eq!(seen(name), format!("{rest}{flags}"), "{name}");
        }
    }

    #[test]
    fn names_of_other_programs_give_numbers_in_the_order_of_their_seconds() {
        let names = [
            "cyrus",
            "1600000000.V801I2.host:2,S",
            "1600000001.H2.host,S=12,W=13:2,",
            "1600000002.M1P1.elsewhere",
            "1600000003.M9999999P1.sockscope",
        ];
        let ids: Vec<_> = names.iter().map(|name| read(name).id).collect();
        assert!(ids.is_sorted(), "{ids:?}");
        assert_eq!(read(names[1]), read("1600000000.V801I2.host:2,RS"));
        assert!(read(names[1]).seen);
        assert_eq!(read(names[2]).bytes, Some(12));
        assert_eq!(taken(ids[3]), 1_600_000_002);
        // Numbers beyond any time.
        let _ = read("99999999999999999999999.x");
        let _ = read("18446744073709551.M999999P1.sockscope");
    }
}
