//! The only reader of clocks.
//!
//! *Use.* [`now`] once for each step of `core`; [`moment`] where only a length of time matters.
//!
//! *Failure.* None. The monotonic clock starts at zero with the process and stands still while the
//! host sleeps; the wall clock may jump, and nothing is decided on it.

use noroshi_core::time::{Moment, Now, WallTime};
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

static START: OnceLock<Instant> = OnceLock::new();

/// Microseconds of the monotonic clock since this was first asked, which is at process start.
pub fn moment() -> Moment {
    Moment(u64::try_from(START.get_or_init(Instant::now).elapsed().as_micros()).unwrap_or(u64::MAX))
}

/// Wall-clock time, only for people.
pub fn wall() -> WallTime {
    let ms = |length: std::time::Duration| i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => WallTime(ms(after)),
        // A board without a battery may wake before 1970.
        Err(before) => WallTime(-ms(before.duration())),
    }
}

/// How old something of the file system is; `None` when it is of the future.
pub fn wall_since(made: SystemTime) -> Option<std::time::Duration> {
    SystemTime::now().duration_since(made).ok()
}

/// Both clocks, for one step.
pub fn now() -> Now {
    Now {
        at: moment(),
        wall: wall(),
    }
}

/// The monotonic clock for the deadline of one exchange: nothing is decided on it but when to give
/// up waiting. Tests can make it stand still, as the runtime's own timers.
pub fn instant() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// The same for threads outside the runtime.
pub fn thread_instant() -> Instant {
    Instant::now()
}

/// Wall-clock time as calendars count it, for dates in mails and file names.
pub fn timestamp() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
