//! A token bucket: how often something may happen.
//!
//! *Use.* Ask [`Bucket::take`] before the costly thing. *Failure.* None; an empty bucket says no.

use noroshi_core::time::{Moment, Span};

/// Lets `rate` things happen a second, and `burst` more at once.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    step: Span,
    room: Span,
    /// When everything that was let through would have come at the even rate (GCRA).
    due: Moment,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(rate_per_s: u64, burst: u64) -> Bucket {
        let step = Span::from_secs(1).div(rate_per_s);
        Bucket {
            step,
            room: step.times(burst),
            due: Moment::default(),
        }
    }

    /// Whether one more may happen now.
    pub(super) fn take(&mut self, now: Moment) -> bool {
        let due = self.due.max(now);
        let may = due.since(now) < self.room;
        if may {
            self.due = due + self.step;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N2
    #[test]
    fn the_burst_goes_at_once_and_the_rest_at_the_even_rate() {
        let mut bucket = Bucket::new(200, 50);
        let at = |us: u64| Moment(1_000_000 + us);
        assert_eq!((0..1_000).filter(|_| bucket.take(at(0))).count(), 50);
        assert_eq!(
            (0..100_000u64).filter(|n| bucket.take(at(n * 10))).count(),
            200
        );
    }
}
