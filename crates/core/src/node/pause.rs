//! A standstill of this process: noticed by a step that comes late, and what follows from it.
//!
//! *Use.* By [`Node::step`] before it looks at the event. *Failure.* None: a pause is recorded like any other fact.

use super::raise::About;
use super::{Node, START_SETTLE};
use crate::alert::Message;
use crate::time::{Now, Span};
use alloc::string::ToString;
use alloc::vec::Vec;

/// A step that comes this much later than its deadline means that we stood still.
pub const PAUSE_MIN: Span = Span::from_ms(150);
/// A pause at least this long is told.
pub const PAUSE_TOLD_MIN: Span = Span::from_ms(1_000);
/// After a pause of our own stale notices wait for this long: other servers may have taken over, and
/// what they said about it is read first.
const RESUME_WAIT: Span = Span::from_ms(200);

impl Node {
    /// A step far behind the promised deadline means that this process stood still: nobody was
    /// silent meanwhile (rule N4), and others may have taken over what was ours (rule N9).
    pub(super) fn notice_pause(&mut self, now: Now) {
        let Some(promised) = self.promised.take() else {
            return;
        };
        let pause = now.at.since(promised);
        if pause < PAUSE_MIN {
            return;
        }
        self.membership.paused(now.at, pause);
        self.outbox.paused(now.at);
        self.lamps.iter_mut().for_each(|lamp| lamp.paused(now.at));
        if pause >= self.config.heartbeat.timeout {
            self.outbox.doubt();
            // What fell while we stood still is judged by us only now.
            let times = &self.config.heartbeat;
            self.dazed_until = now.at + times.stall_timeout + times.timeout;
            self.hold_until = self.hold_until.max(now.at + RESUME_WAIT);
            // A start that stood still has not heard the others yet.
            if self.settled_at.is_some() {
                self.settled_at = Some(now.at + START_SETTLE);
                self.start_hold_until = now.at + START_SETTLE;
            }
        }
        if pause >= PAUSE_TOLD_MIN {
            self.tell_pause(now, pause);
        }
    }

    fn tell_pause(&mut self, now: Now, pause: Span) {
        let name = self.own_name();
        // Links may be gone by now; what matters is the local record.
        let mut out = Vec::new();
        let arguments = [name.as_str(), &pause.to_string()];
        self.raise(
            now,
            Message::OwnPause,
            &arguments,
            About::default(),
            &mut out,
        );
    }
}
