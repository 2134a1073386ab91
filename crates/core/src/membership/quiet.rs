//! Quiet times ([`crate::node::Node::quiet_until`]): every server at work is heard on every interconnect that
//! it was heard on, and of the others nothing is awaited.

use super::{Membership, Peer};
use crate::status::ServerState;
use crate::time::{Moment, Span};

impl Membership {
    /// Until when nothing is to be judged, as long as the heartbeats of now go on.
    pub fn quiet_until(&self, now: Moment) -> Option<Moment> {
        let mut until = Moment(u64::MAX);
        if !self.start_wait_over {
            until = self.started + self.times.start_wait;
        }
        if self.settle_until > now {
            until = until.min(self.settle_until);
        }
        let fresh = self.times.interval;
        let quiet = self.others().all(|id| self.peer(id).is_quiet(now, fresh));
        (self.sight.is_none() && quiet && until > now).then_some(until)
    }

    /// Takes `span` as passed, in which each heartbeat of now came `beats` times.
    pub fn pass_quietly(&mut self, now: Moment, span: Span, beats: u64) {
        let interval = self.times.interval;
        for (at, peer) in self.peers.iter_mut().enumerate() {
            if at != usize::from(self.own.0) && peer.state == ServerState::Up {
                peer.pass(now, span, (beats, interval));
            }
        }
    }
}

impl Peer {
    fn is_quiet(&self, now: Moment, fresh: Span) -> bool {
        let is_fresh = |at: Option<Moment>| at.is_some_and(|at| now.since(at) <= fresh);
        let used = || self.paths.iter().filter(|path| path.used);
        match self.state {
            ServerState::Up => {
                let asked = self.probed_at.is_some() || self.host.is_known() || self.link_broken;
                let heard = used().any(|path| is_fresh(path.heard_at));
                let settled = used().all(|path| is_fresh(path.heard_at) || !path.normal);
                !asked && heard && settled
            }
            ServerState::Stalled => false,
            _ => !used().any(|path| is_fresh(path.heard_at)),
        }
    }

    fn pass(&mut self, now: Moment, span: Span, (beats, interval): (u64, Span)) {
        let mut last = self.last_word;
        for path in self.paths.iter_mut().filter(|path| path.used) {
            let Some(at) = path.heard_at.filter(|at| now.since(*at) <= interval) else {
                continue;
            };
            path.heard_at = Some(at + span);
            path.last_heard = path.heard_at;
            path.lose_nothing(beats);
            last = last.max(path.heard_at);
        }
        self.last_word = last;
    }
}
