//! The program's one clock: monotonic time since an origin, and the wall time of that origin.
//!
//! Labs stamp with [`Instant`]s, which never jump; people and files want the time of day. Both views of one moment come from here. A step of the
//! system's clock while the program runs does not move the time line.

use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Local, SecondsFormat, Timelike, Utc};

/// The origin of all times in events. Copies share it.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
    wall: SystemTime,
}

impl Clock {
    /// A clock whose origin is `origin`, which the wall clock called `wall`.
    pub fn new(origin: Instant, wall: SystemTime) -> Self {
        Self { origin, wall }
    }

    /// Time since the origin; zero for a moment before it.
    pub fn at(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.origin)
    }

    /// The instant that lies `at` after the origin.
    pub fn instant(&self, at: Duration) -> Instant {
        self.origin + at
    }

    /// The wall time of a moment.
    pub fn wall(&self, at: Duration) -> SystemTime {
        self.wall + at
    }

    /// Wall time in UTC with microseconds, RFC 3339: for programs.
    pub fn rfc3339(&self, at: Duration) -> String {
        DateTime::<Utc>::from(self.wall + at).to_rfc3339_opts(SecondsFormat::Micros, true)
    }

    /// The same up to the second, without fraction and zone: `2026-11-22T20:15:03`.
    pub fn rfc3339_second(&self, at: Duration) -> String {
        DateTime::<Utc>::from(self.wall + at)
            .format("%Y-%m-%dT%H:%M:%S")
            .to_string()
    }

    /// Local wall time as the Common Log Format of web servers has it: `22/Nov/2026:20:15:03 +0100`.
    pub fn common_log(&self, at: Duration) -> String {
        DateTime::<Local>::from(self.wall + at)
            .format("%d/%b/%Y:%H:%M:%S %z")
            .to_string()
    }

    /// Local wall time as `20:15:03.114`: for people.
    pub fn time_of_day(&self, at: Duration) -> String {
        DateTime::<Local>::from(self.wall + at)
            .format("%H:%M:%S%.3f")
            .to_string()
    }

    /// Local wall time as it may stand in the name of a file: `20261122-201503`.
    pub fn file_stamp(&self, at: Duration) -> String {
        DateTime::<Local>::from(self.wall + at)
            .format("%Y%m%d-%H%M%S")
            .to_string()
    }

    /// Seconds since 1970 in UTC.
    pub fn unix_seconds(&self, at: Duration) -> i64 {
        DateTime::<Utc>::from(self.wall + at).timestamp()
    }

    /// How long after a moment local clocks will show this time next, in seconds since midnight; zero if they show it then. A day has 24 hours here,
    /// whatever summer time does with it.
    pub fn until_time_of_day(&self, at: Duration, seconds: u32) -> Duration {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let local = DateTime::<Local>::from(self.wall + at).time();
        let since_midnight = Duration::new(
            u64::from(local.num_seconds_from_midnight()),
            local.nanosecond() % 1_000_000_000,
        );
        let wanted = Duration::from_secs(u64::from(seconds));
        match wanted.checked_sub(since_midnight) {
            Some(later) => later,
            None => wanted + DAY - since_midnight,
        }
    }

    /// Seconds since 1970 in UTC as local wall time: `2026-11-22 20:15:03`; empty for a time that has no date.
    pub fn date_and_time(seconds: i64) -> String {
        local(seconds, "%Y-%m-%d %H:%M:%S")
    }

    /// The same without the day: `20:15:03`.
    pub fn time_of(seconds: i64) -> String {
        local(seconds, "%H:%M:%S")
    }

    /// Local wall time as `20:15:03`.
    pub fn time_of_day_in_seconds(&self, at: Duration) -> String {
        DateTime::<Local>::from(self.wall + at)
            .format("%H:%M:%S")
            .to_string()
    }
}

fn local(seconds: i64, format: &str) -> String {
    DateTime::<Utc>::from_timestamp(seconds, 0).map_or_else(String::new, |moment| {
        moment.with_timezone(&Local).format(format).to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_is_the_origin_plus_the_monotonic_time() {
        let origin = Instant::now();
        let clock = Clock::new(
            origin,
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        );
        let at = clock.at(origin + Duration::from_micros(1_500_001));
        assert_eq!(clock.rfc3339(at), "2023-11-14T22:13:21.500001Z");
        assert_eq!(clock.rfc3339_second(at), "2023-11-14T22:13:21");
        let local = chrono::DateTime::parse_from_str(&clock.common_log(at), "%d/%b/%Y:%H:%M:%S %z");
        assert_eq!(
            local.map(|local| local.timestamp()),
            Ok(1_700_000_001),
            "the zone stands beside the local time"
        );
        let stamp = clock.file_stamp(at);
        let date = Clock::date_and_time(1_700_000_001);
        assert_eq!(stamp, date.replace(['-', ':'], "").replace(' ', "-"));
        assert_eq!(clock.instant(at), origin + Duration::from_micros(1_500_001));
        assert_eq!(clock.at(origin - Duration::from_secs(1)), Duration::ZERO);
    }

    #[test]
    fn a_time_of_day_is_found_within_a_day() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500);
        let clock = Clock::new(Instant::now(), start);
        assert_eq!(clock.unix_seconds(Duration::from_secs(2)), 1_700_000_002);
        let shown = DateTime::<Local>::from(start).num_seconds_from_midnight();
        let until = |seconds| clock.until_time_of_day(Duration::ZERO, seconds % 86_400);
        assert_eq!(until(shown + 3), Duration::from_millis(2_500));
        assert_eq!(until(shown), Duration::from_millis(86_399_500));
        let exactly = clock.until_time_of_day(Duration::from_millis(500), (shown + 1) % 86_400);
        assert_eq!(exactly, Duration::ZERO);
    }

    #[test]
    fn seconds_since_1970_have_a_day_and_a_time() {
        let shown = Clock::date_and_time(1_700_000_000);
        let read = chrono::NaiveDateTime::parse_from_str(&shown, "%Y-%m-%d %H:%M:%S");
        let local = DateTime::<Utc>::from_timestamp(1_700_000_000, 0)
            .map(|moment| moment.with_timezone(&Local).naive_local());
        assert_eq!(read.ok(), local);
        assert!(shown.ends_with(&Clock::time_of(1_700_000_000)));
        assert_eq!(Clock::date_and_time(i64::MAX), "");
    }
}
