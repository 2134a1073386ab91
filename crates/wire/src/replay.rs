//! Drops heartbeats that were heard before.
//!
//! *Use.* The receiver keeps one [`ReplayWindow`] for each peer, interconnect and session, and
//! shows it the counter of every frame that opened. A peer's new session starts a new window;
//! that a new session is not an old one played again is proved by the echo in the beat.
//!
//! *Failure.* A counter that was seen, is zero, or lies 64 or more behind the newest is refused
//! and changes nothing. Losing a very late heartbeat costs nothing: it is no news.

/// How far behind the newest counter a frame may arrive, newest included.
pub const WINDOW_FRAMES: u64 = 64;

/// The last 64 counters of one session, as in RFC 4303 section 3.4.3.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayWindow {
    newest: u64,
    /// Bit n tells whether `newest - n` was seen.
    seen: u64,
}

impl ReplayWindow {
    /// A window in which nothing was seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether this counter is heard for the first time; if so it is remembered.
    pub fn accept(&mut self, counter: u64) -> bool {
        if counter == 0 {
            return false;
        }
        if counter > self.newest {
            let ahead = counter - self.newest;
            self.seen = if ahead < WINDOW_FRAMES {
                self.seen << ahead
            } else {
                0
            };
            self.seen |= 1;
            self.newest = counter;
            return true;
        }
        let behind = self.newest - counter;
        if behind >= WINDOW_FRAMES || self.seen >> behind & 1 == 1 {
            return false;
        }
        self.seen |= 1 << behind;
        true
    }

    /// The newest counter heard in this session; 0 before the first.
    pub fn newest(&self) -> u64 {
        self.newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// Rule: N2
    #[test]
    fn each_counter_is_accepted_once() {
        let mut window = ReplayWindow::new();
        assert!(!window.accept(0));
        assert!(window.accept(1));
        assert!(!window.accept(1));
        assert!(window.accept(3));
        assert!(window.accept(2));
        assert!(!window.accept(2));
        assert_eq!(window.newest(), 3);
    }

    /// Rule: N2
    #[test]
    fn far_behind_is_refused_and_far_ahead_clears_the_window() {
        let mut window = ReplayWindow::new();
        assert!(window.accept(100));
        assert!(window.accept(37), "63 behind");
        assert!(!window.accept(36), "64 behind");
        assert!(window.accept(u64::MAX));
        assert!(!window.accept(100));
        assert!(window.accept(u64::MAX - 63));
        assert!(!window.accept(u64::MAX));
    }

    proptest! {
        /// Rule: N2
        #[test]
        fn never_accepts_a_counter_twice(counters in prop::collection::vec(0u64..200, 0..400)) {
            let mut window = ReplayWindow::new();
            let accepted: Vec<u64> = counters.into_iter().filter(|c| window.accept(*c)).collect();
            let distinct: BTreeSet<u64> = accepted.iter().copied().collect();
            prop_assert_eq!(accepted.len(), distinct.len());
        }
    }
}
