//! Cluster shutdown: a person stops Pacemaker on all servers. One thing, told once, and the lamps go out (rule M18).
//!
//! The alert services run on. What follows, that groups stop and that Corosync shows nothing, is no news.

use crate::action::Action;
use crate::alert::Message;
use crate::membership::ring::Blindness;
use crate::node::Node;
use crate::node::raise::About;
use crate::time::Now;
use alloc::string::String;
use alloc::vec::Vec;

impl Node {
    /// `tells`: this server is to tell it, and puts out the lamps of those that cannot.
    pub(super) fn cluster_stops(
        &mut self,
        now: Now,
        tells: bool,
        nodes: &[String],
        about: About,
        out: &mut Vec<Action>,
    ) {
        if let Some(pacemaker) = &mut self.pacemaker {
            pacemaker.stopped = true;
        }
        let mut alert = None;
        if tells {
            alert = self.raise(now, Message::ClusterStops, &[&nodes.join(", ")], about, out);
        }
        self.latches.out(self.stamps.now(now.at), self.own);
        self.latch_changed(now, self.own, alert, out);
        for server in self.membership.others().filter(|_| tells) {
            self.before_fall[usize::from(server.0)] = None;
            self.latches.out(self.stamps.now(now.at), server);
            self.latch_changed(now, server, None, out);
        }
    }

    /// Membership shows it: Pacemaker was stopped everywhere before anybody looked.
    pub(in crate::node) fn shutdown_seen(&mut self, now: Now, out: &mut Vec<Action>) {
        let Some(pacemaker) = &mut self.pacemaker else {
            return;
        };
        if pacemaker.stopped {
            return;
        }
        pacemaker.watch.cluster_stops(now.at);
        let servers = self.config.servers.iter();
        let names: Vec<String> = servers.map(|one| one.name.clone()).collect();
        self.cluster_stops(now, true, &names, About::default(), out);
    }

    /// Another server has told it: this one may look too late, when its Pacemaker shows nothing any more.
    pub(in crate::node) fn cluster_stops_elsewhere(&mut self, now: Now, out: &mut Vec<Action>) {
        if let Some(pacemaker) = &mut self.pacemaker {
            pacemaker.watch.cluster_stops(now.at);
            self.cluster_stops(now, false, &[], About::default(), out);
        }
    }

    /// Pacemaker runs here again: the lamp is lit as after a start (rule M15).
    pub(super) fn cluster_runs(&mut self, now: Now, about: About, out: &mut Vec<Action>) {
        let Some(pacemaker) = &mut self.pacemaker else {
            return;
        };
        if !core::mem::take(&mut pacemaker.stopped) {
            return;
        }
        let name = self.own_name();
        let alert = self.raise(now, Message::ClusterRuns, &[&name], about, out);
        self.latches.lit(self.stamps.now(now.at), self.own);
        self.latch_changed(now, self.own, alert, out);
    }

    /// Pacemaker was being stopped in order on this server when it was last seen.
    pub(in crate::node) fn leaves_pacemaker(&self) -> bool {
        let pacemaker = self.pacemaker.as_ref();
        pacemaker.is_some_and(|one| one.watch.is_left())
    }

    /// Corosync shows nothing because the cluster was shut down: that was told.
    pub(in crate::node) fn is_blind_by_shutdown(&mut self, why: Blindness) -> bool {
        let Some(pacemaker) = &mut self.pacemaker else {
            return false;
        };
        pacemaker.blind_unmailed = pacemaker.stopped && why == Blindness::NotRunning;
        pacemaker.blind_unmailed
    }

    /// Whether the end of a blindness is to be mailed: its begin was.
    pub(in crate::node) fn was_blind_by_shutdown(&mut self) -> bool {
        let pacemaker = self.pacemaker.as_mut();
        pacemaker.is_some_and(|one| core::mem::take(&mut one.blind_unmailed))
    }
}
