//! Quiet times: when nothing but heartbeats happens, and what they would leave behind.
//!
//! *Use.* Whoever plays a whole cluster on virtual time (the simulator) may pass over a time in which every
//! server says when it is asked that nothing else can happen: [`Node::quiet_until`], then
//! [`Node::pass_quietly`] with a whole number of periods. The daemon never does.
//!
//! *Exactness.* What is passed over leaves the same state as if each heartbeat had been played; a test of the
//! simulator plays many stories both ways and compares all of it. Where that is in doubt, a server is not quiet:
//! it costs time and nothing else.

use super::Node;
use crate::time::{Moment, Span};

impl Node {
    /// Until when nothing but the heartbeats that come now can happen here, as far as this server knows; `None`
    /// while something else is under way. With Corosync nothing is known of that.
    pub fn quiet_until(&self) -> Option<Moment> {
        let under_way = self.leaving.is_some()
            || self.returning.is_some()
            || !self.assigned
            || !self.items.is_empty()
            || self.pacemaker.is_some();
        if under_way {
            return None;
        }
        let mut until = self.membership.quiet_until(self.stepped_at)?;
        until = until.min(
            self.outbox
                .quiet_until(self.stepped_at, self.held_until())?,
        );
        let lamps = self.lamps.iter().filter_map(|lamp| lamp.quiet_until());
        let deadlines = [
            self.settled_at,
            self.lamps_settled_at,
            self.store_calm_at,
            self.licences_due(),
            self.turns_due(),
            self.sets_due(),
        ];
        deadlines
            .into_iter()
            .flatten()
            .chain(lamps)
            .for_each(|at| until = until.min(at));
        (until > self.stepped_at).then_some(until)
    }

    /// Takes `span` as passed in which the heartbeats of now went on and nothing else happened.
    pub fn pass_quietly(&mut self, span: Span) {
        let beats = span.0 / self.config.heartbeat.interval.0.max(1);
        self.membership.pass_quietly(self.stepped_at, span, beats);
        for lamp in &mut self.lamps {
            lamp.pass_quietly(self.stepped_at, span);
        }
        self.next_beat = self.next_beat + span;
        self.stepped_at = self.stepped_at + span;
        self.promised = self.promised.map(|at| at + span);
    }
}
