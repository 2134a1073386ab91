//! Which time it is for licences (rule M25: a clock set back or forward does not help or hurt).
//!
//! The latest time that was believed never goes back, and is kept across restarts. It runs on with
//! the monotonic clock, so a wall clock that was set back gains nothing. A wall clock that is far
//! ahead is believed once it has stood there for a while: somebody's slip, or a board's empty
//! battery before the first answer of a time server, ends no licence.
//!
//! *Failure.* A clock that is wrong for longer than [`BELIEF_MAX`] is believed, and believed it
//! stays: a licence that ended so must be replaced. The documentation for operators says it.

use crate::time::{Moment, Now, Span, WallTime};

/// How far ahead the wall clock is believed at once: what clocks drift between two looks, and what
/// a time server sets right, in milliseconds.
pub const TOLERANCE_MS: i64 = 10 * 60 * 1_000;
/// Shortest time that a clock further ahead must have stood there to be believed.
pub const BELIEF_MIN: Span = Span::from_secs(10 * 60);
/// Longest such time.
pub const BELIEF_MAX: Span = Span::from_secs(24 * 3_600);
/// Between the two it is this part of how far ahead the clock is: a night's rest of a server is
/// believed within half an hour, a wrong year after a day.
const BELIEF_SHARE: u64 = 24;

/// The time by which licences are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LicenceClock {
    believed: WallTime,
    /// When `believed` was right.
    at: Moment,
    jump: Option<Jump>,
}

/// A wall clock that is further ahead than can be believed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Jump {
    ahead_ms: i64,
    since: Moment,
}

impl LicenceClock {
    /// Goes on from the latest time that was believed.
    pub fn from(believed: WallTime, at: Moment) -> LicenceClock {
        LicenceClock {
            believed,
            at,
            jump: None,
        }
    }

    /// The time by which licences are judged now; never earlier than before.
    pub fn look(&mut self, now: Now) -> WallTime {
        let passed_ms = now.at.since(self.at).as_ms();
        // Whole milliseconds only, so that nothing is lost by looking often.
        self.at = self.at + Span::from_ms(passed_ms);
        let passed_ms = i64::try_from(passed_ms).unwrap_or(i64::MAX);
        let run = self.believed.0.saturating_add(passed_ms);
        let ahead_ms = now.wall.0.saturating_sub(run);
        let stood = |jump: Jump| now.at.since(jump.since) >= belief(ahead_ms);
        let jump = self
            .jump
            .filter(|jump| jump.ahead_ms.abs_diff(ahead_ms) <= TOLERANCE_MS.unsigned_abs())
            .unwrap_or(Jump {
                ahead_ms,
                since: now.at,
            });
        if ahead_ms <= TOLERANCE_MS || stood(jump) {
            self.believed = WallTime(run.max(now.wall.0));
            self.jump = None;
        } else {
            self.believed = WallTime(run);
            self.jump = Some(jump);
        }
        self.believed
    }

    /// No true clock shows an earlier time than `floor`.
    pub fn at_least(&mut self, floor: WallTime) {
        self.believed = self.believed.max(floor);
    }

    /// When a wall clock that is ahead will be believed, if it stays there.
    pub fn believed_at(&self) -> Option<Moment> {
        self.jump.map(|jump| jump.since + belief(jump.ahead_ms))
    }
}

/// How long a clock so far ahead must have stood there.
fn belief(ahead_ms: i64) -> Span {
    Span::from_ms(ahead_ms.unsigned_abs() / BELIEF_SHARE).clamp(BELIEF_MIN, BELIEF_MAX)
}
