//! When a word about a lamp was said: the cluster's clock, by which the later of two words is known.
//!
//! *Use.* Each server's [`StampClock`] begins with its wall clock, then goes by the monotonic one. Who
//! hears of a later time goes on from there, so servers that have met read the same, whatever their wall
//! clocks show and however these are set meanwhile; and go on reading the same when a cut parts them.
//!
//! *Failure.* A server that starts with a wall clock that is ahead takes all others with it; nothing but
//! the order of words about lamps depends on it. Two servers that have never met since they started,
//! not even over a third, order their words by their wall clocks.

use crate::time::{Moment, Now, Span};
use serde::{Deserialize, Serialize};

/// The latest time that is believed, in milliseconds: the year 9999. A word that claims a later one
/// counts as said then, so that there is always room for one more.
const STAMP_MAX: i64 = 253_402_300_799_000;

/// When a word about a lamp was said, in milliseconds by the cluster's clock; zero: never.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Stamp(pub i64);

impl Stamp {
    /// Never.
    pub const NEVER: Stamp = Stamp(0);

    /// Just later than this.
    pub fn next(self) -> Stamp {
        Stamp(self.0.saturating_add(1))
    }
}

/// The cluster's clock, as far as one server knows it.
#[derive(Clone, Copy, Debug)]
pub struct StampClock {
    /// What it showed, and when.
    read: Stamp,
    at: Moment,
}

impl StampClock {
    /// As our own wall clock has it.
    pub fn new(now: Now) -> StampClock {
        StampClock {
            read: Stamp(now.wall.0.clamp(1, STAMP_MAX)),
            at: now.at,
        }
    }

    /// What it shows.
    pub fn now(&self, at: Moment) -> Stamp {
        let Span(passed_us) = at.since(self.at);
        let passed_ms = i64::try_from(passed_us / 1_000).unwrap_or(i64::MAX);
        Stamp(self.read.0.saturating_add(passed_ms).min(STAMP_MAX))
    }

    /// Another server, or our own disk, knows of this time: it is not later than now.
    pub fn heard(&mut self, at: Moment, stamp: Stamp) {
        let stamp = stamp.min(Stamp(STAMP_MAX));
        if stamp > self.now(at) {
            (self.read, self.at) = (stamp, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallTime;

    fn now(ms: u64, wall: i64) -> Now {
        Now {
            at: Moment(ms * 1_000),
            wall: WallTime(wall),
        }
    }

    /// Rule: M18
    #[test]
    fn servers_that_have_met_read_the_same_ever_after() {
        let mut ahead = StampClock::new(now(0, 300_000));
        let mut behind = StampClock::new(now(0, 7));
        let at = Moment(5_000_000);
        behind.heard(at, ahead.now(at));
        ahead.heard(at, behind.now(at));
        let later = Moment(900_000_000);
        assert_eq!(ahead.now(later), Stamp(1_200_000));
        assert_eq!(behind.now(later), ahead.now(later));
    }

    /// Rule: M18
    #[test]
    fn no_time_is_so_late_or_so_early_that_none_follows() {
        let mut clock = StampClock::new(now(0, i64::MIN));
        assert!(clock.now(Moment(0)) > Stamp::NEVER);
        clock.heard(Moment(0), Stamp(i64::MAX));
        let latest = clock.now(Moment(u64::MAX));
        assert!(latest.next() > latest);
    }
}
