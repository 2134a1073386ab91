//! Waiting for what only asking tells.

use super::{Error, Fallible};
use std::time::{Duration, Instant};

/// Pause between two looks.
pub const POLL: Duration = Duration::from_millis(10);

/// Looks until `look` finds something, at the latest after `limit`; `what` names it in the error,
/// together with what the last look said instead.
///
/// # Errors
/// When it did not come in time.
pub fn until<T>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, String>,
) -> Fallible<T> {
    let end = Instant::now() + limit;
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(instead) if Instant::now() >= end => {
                let limit = limit.as_secs_f32();
                return Err(Error(format!("not within {limit} s: {what}\n{instead}")));
            }
            Err(_) => std::thread::sleep(POLL),
        }
    }
}
