//! Where a record stands, and when it will stand where: time on the record's own line against that of the machine it is played on.

use std::time::{Duration, Instant};

use crate::settings::replay::Speed;

/// The place that is played.
#[derive(Debug, Clone, Copy)]
pub struct Playhead {
    speed: Speed,
    /// Since when it moves; `None` while it stands.
    moves_since: Option<Instant>,
    /// Where it stood then, or stands.
    place: Duration,
}

impl Playhead {
    /// It stands at a place.
    pub fn new(place: Duration, speed: Speed) -> Self {
        Self {
            speed,
            moves_since: None,
            place,
        }
    }

    pub fn speed(&self) -> Speed {
        self.speed
    }

    pub fn moves(&self) -> bool {
        self.moves_since.is_some()
    }

    /// Where it stands. As fast as possible is everywhere at once, until somebody puts it somewhere.
    pub fn position(&self, now: Instant) -> Duration {
        let Some(since) = self.moves_since else {
            return self.place;
        };
        match self.speed {
            Speed::Max => Duration::MAX,
            Speed::Times(times) => {
                let passed = now.saturating_duration_since(since).as_secs_f64() * times;
                let passed = Duration::try_from_secs_f64(passed).unwrap_or(Duration::MAX);
                self.place.saturating_add(passed)
            }
        }
    }

    /// When it will stand there; `None` when it never will.
    pub fn instant(&self, place: Duration, now: Instant) -> Option<Instant> {
        let since = self.moves_since?;
        match self.speed {
            Speed::Max => Some(now),
            Speed::Times(times) => {
                let way = place.saturating_sub(self.place).as_secs_f64() / times;
                since.checked_add(Duration::try_from_secs_f64(way).ok()?)
            }
        }
    }

    /// Puts it somewhere; it moves on from there, or stands there.
    pub fn jump(&mut self, place: Duration, now: Instant) {
        self.place = place;
        self.moves_since = self.moves_since.map(|_| now);
    }

    pub fn go(&mut self, now: Instant) {
        self.moves_since.get_or_insert(now);
    }

    /// It stands still at this place.
    pub fn stand(&mut self, place: Duration) {
        self.place = place;
        self.moves_since = None;
    }

    /// From this place on it moves at another speed.
    pub fn set_speed(&mut self, speed: Speed, place: Duration, now: Instant) {
        self.jump(place, now);
        self.speed = speed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_goes_as_fast_as_it_is_told_and_stands_when_it_is_told() {
        let start = Instant::now();
        let mut head = Playhead::new(SECOND, Speed::Times(4.0));
        assert_eq!(head.position(start + SECOND), SECOND, "it has not begun");
        assert_eq!(head.instant(SECOND * 9, start), None);
        head.go(start);
        assert_eq!(head.position(start + SECOND), SECOND * 5);
        assert_eq!(head.instant(SECOND * 9, start), Some(start + SECOND * 2));
        head.set_speed(Speed::Times(0.5), SECOND * 5, start + SECOND);
        assert_eq!(head.position(start + SECOND * 3), SECOND * 6);
        head.stand(SECOND * 6);
        assert_eq!(head.position(start + SECOND * 100), SECOND * 6);
        head.go(start + SECOND * 100);
        assert_eq!(head.position(start + SECOND * 102), SECOND * 7);
    }

    #[test]
    fn as_fast_as_possible_waits_for_nothing() {
        let start = Instant::now();
        let mut head = Playhead::new(SECOND, Speed::Max);
        assert_eq!(head.position(start), SECOND);
        head.go(start);
        assert_eq!(head.position(start), Duration::MAX);
        assert_eq!(head.instant(SECOND * 9, start), Some(start));
    }
}
