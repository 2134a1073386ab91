//! Time as it is handed in: a monotonic [`Moment`] for every decision, a [`WallTime`] for people.
//!
//! Order and time-outs rest on the monotonic clock alone. A wall clock that jumps changes what is
//! printed, and by a bounded time how long a notice of an earlier run is tried.

use core::fmt;
use core::ops::{Add, Sub};
use serde::{Deserialize, Serialize};

/// A point on this process's monotonic clock, in microseconds since an arbitrary start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

/// A length of time in microseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Span(pub u64);

/// Wall-clock time in milliseconds since 1970-01-01 UTC; shown to people. The one decision that rests
/// on it is how old a notice of an earlier run is, and that is bound both ways.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct WallTime(pub i64);

/// Both clocks, read once for one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// What decisions rest on.
    pub at: Moment,
    /// What people read.
    pub wall: WallTime,
}

impl Now {
    /// What the wall clock, as it goes now, showed at an earlier moment.
    pub const fn wall_of(&self, earlier: Moment) -> WallTime {
        let ms = self.at.since(earlier).as_ms();
        WallTime(self.wall.0.saturating_sub_unsigned(ms))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// A span of `ms` milliseconds.
    pub const fn from_ms(ms: u64) -> Span {
        Span(ms.saturating_mul(1_000))
    }

    /// A span of `s` seconds.
    pub const fn from_secs(s: u64) -> Span {
        Span(s.saturating_mul(1_000_000))
    }

    /// Whole milliseconds, rounded down.
    pub const fn as_ms(self) -> u64 {
        self.0 / 1_000
    }

    /// The span divided by `n` (a zero `n` counts as one).
    pub const fn div(self, n: u64) -> Span {
        Span(self.0 / if n == 0 { 1 } else { n })
    }

    /// The span `n` times over, saturating.
    pub const fn times(self, n: u64) -> Span {
        Span(self.0.saturating_mul(n))
    }
}

impl Moment {
    /// How long after `earlier` this is; zero when it is not after it.
    pub const fn since(self, earlier: Moment) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl WallTime {
    /// How long after `earlier` this is; zero when it is not after it, as with a clock set back.
    pub const fn since(self, earlier: WallTime) -> Span {
        let ms = self.0.saturating_sub(earlier.0);
        Span::from_ms(if ms > 0 { ms.unsigned_abs() } else { 0 })
    }
}

impl Add<Span> for Moment {
    type Output = Moment;
    fn add(self, span: Span) -> Moment {
        Moment(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Moment {
    type Output = Moment;
    fn sub(self, span: Span) -> Moment {
        Moment(self.0.saturating_sub(span.0))
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, span: Span) -> Span {
        Span(self.0.saturating_add(span.0))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            us if us >= 10_000_000 => write!(f, "{} s", us / 1_000_000),
            us if us >= 1_000_000 => {
                write!(f, "{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000)
            }
            us => write!(f, "{} ms", us / 1_000),
        }
    }
}
