//! Quiet times ([`crate::node::Node::quiet_until`]): every server at work is heard on every interconnect that
//! it was heard on, and of the others nothing is awaited. With Corosync: every server in the ring is in the group
//! and speaks there, or has been judged.

use super::ring::View;
use super::{Membership, Peer};
use crate::config::{InterconnectId, ServerId};
use crate::status::ServerState;
use crate::time::{Moment, Span};

/// Who is in the group has spoken within this time: once a second, and a little for the way.
const SPOKEN: Span = Span::from_ms(1_100);

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
        let quiet = match &self.sight {
            Some(sight) => {
                until = until.min(sight.quiet_until(now)?);
                let view = sight.view();
                self.others()
                    .all(|id| self.peer(id).is_quiet_in_ring(now, id, view))
            }
            None => {
                let fresh = self.times.interval;
                self.others().all(|id| self.peer(id).is_quiet(now, fresh))
            }
        };
        (quiet && until > now).then_some(until)
    }

    /// When a server was last heard on an interconnect, or in the group, if it is heard there.
    pub fn hears(&self, now: Moment, server: ServerId, path: InterconnectId) -> Option<Moment> {
        let peer = self.peer(server);
        if self.sight.is_some() {
            return peer.ring.heard_at().filter(|at| now.since(*at) <= SPOKEN);
        }
        let path = peer.paths.get(usize::from(path.0)).filter(|path| path.used);
        let is_fresh = |at: &Moment| now.since(*at) <= self.times.interval;
        path.and_then(|path| path.heard_at).filter(is_fresh)
    }

    /// Takes `span` as passed, in which each heartbeat of now came `beats` times.
    pub fn pass_quietly(&mut self, now: Moment, span: Span, beats: u64) {
        let interval = self.times.interval;
        for (at, peer) in self.peers.iter_mut().enumerate() {
            if at == usize::from(self.own.0) || peer.state != ServerState::Up {
                continue;
            }
            match &self.sight {
                Some(sight) => peer.pass_in_ring(ServerId(at as u8), sight.view(), span),
                None => peer.pass(now, span, (beats, interval)),
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

    /// Who is in the group is at work and speaks; who is not has been judged.
    fn is_quiet_in_ring(&self, now: Moment, id: ServerId, view: Option<&View>) -> bool {
        let Some(view) = view else {
            // Nobody is judged without a view, and nobody is heard.
            return true;
        };
        let speaks = view.nodes.has(id) && view.group.has(id);
        let heard = self
            .ring
            .heard_at()
            .is_some_and(|at| now.since(at) <= SPOKEN);
        self.ring.is_settled()
            && match speaks {
                true => self.state == ServerState::Up && heard,
                false => !self.is_member(),
            }
    }

    fn pass_in_ring(&mut self, id: ServerId, view: Option<&View>, span: Span) {
        if view.is_some_and(|view| view.nodes.has(id) && view.group.has(id)) {
            let at = self.ring.pass(span);
            self.last_word = self.last_word.max(at);
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
