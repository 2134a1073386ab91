//! Membership as Corosync has it (rules N3 N5): no heartbeat of ours, no probe, no second opinion.
//!
//! *Use.* The daemon says what Corosync says: the whole view at each change, what it cannot see any
//! more, how its links are. Heartbeat frames come through the process group and only tell which run of
//! an alert service is at work there.
//!
//! | Corosync says | verdict |
//! |---|---|
//! | a node is gone, this side has quorum | down |
//! | nodes are gone, this side has no quorum | it is this side that is cut off: a partition |
//! | a node is gone just after its processes had left | its Corosync was stopped in order |
//! | a process is gone and its node stays | down (killed), unless it is back within the grace |
//! | a node left and joined in one change | it has fallen, unless the same run is heard again |
//!
//! *Failure.* Without a view nobody is judged; that this server is blind is told once, and what happened
//! meanwhile follows from the next view. After each connection a loss must last for a while: a Corosync
//! that has just started is alone in its ring before it joins the others.

use super::{Cause, Membership, News};
use crate::config::{InterconnectId, ServerId};
use crate::notice::outbox::Servers;
use crate::status::ServerState;
use crate::time::{Moment, Span};
use alloc::vec::Vec;

/// How long a blindness may last before it is told.
const BLIND_GRACE: Span = Span::from_secs(1);
/// The same of a Corosync that does not run any more: a person may have stopped it, which the others know as soon as
/// their ring has formed anew, on a busy machine after a second or two; or it is being restarted.
const BLIND_GRACE_STOPPED: Span = Span::from_secs(3);
/// The same before the first view, unless somebody has to do something: hosts start Corosync beside us, or people
/// do after a boot.
const BLIND_GRACE_AT_START: Span = Span::from_secs(30);
/// How long beside the ring's own time a loss must last after a connection.
const SETTLE: Span = Span::from_secs(3);
/// How long a node that left and joined in one change may take until its alert service is heard.
const RETURN_WAIT: Span = Span::from_secs(3);
/// A node that leaves the ring so soon after its processes stopped in order, or within a third of the time that
/// the ring takes to miss one, if that is shorter: a crash takes all of it.
const STOPPED_WITHIN: Span = Span::from_ms(300);
/// How much longer than the ring needs to miss a node a process must be gone: a node that dies may take
/// its processes first.
const KILLED_AFTER: Span = Span::from_ms(500);

/// What Corosync, or its absence, tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ring {
    /// The ring and the process group as they are now.
    View(View),
    /// Nothing can be seen any more.
    Blind(Blindness),
    /// A link of the ring to a server.
    Link {
        /// The server.
        server: ServerId,
        /// The interconnect that has the link's address.
        path: InterconnectId,
        /// Packets pass.
        up: bool,
    },
}

/// The ring and the process group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The ring's number: the same on all its servers, higher with each change.
    pub ring: u64,
    /// This side has quorum.
    pub quorate: bool,
    /// Servers whose node is in the ring.
    pub nodes: Servers,
    /// Servers whose alert service is in the process group, and has proven that it is one.
    pub group: Servers,
    /// Servers whose alert service left the group since the last view while their node was in the ring.
    pub ended: Servers,
    /// Servers whose node left and joined since the last view.
    pub returned: Servers,
    /// How long the ring takes to miss a node.
    pub detects_in: Span,
}

/// Why nothing can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blindness {
    /// Corosync does not run.
    NotRunning,
    /// It does not let this user in.
    Refused,
    /// It does not answer.
    Hangs,
    /// Its libraries are not on this host.
    NoLibraries,
    /// It runs, and answers with an error.
    Failing,
}

impl Blindness {
    /// It lasts until a person does something.
    fn needs_a_person(self) -> bool {
        matches!(self, Blindness::Refused | Blindness::NoLibraries)
    }
}

/// What is seen through Corosync.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    view: Option<View>,
    /// There has been one.
    seen: bool,
    settle_until: Moment,
    /// When the view last changed.
    changed_at: Moment,
    blind: Option<Blind>,
}

#[derive(Clone, Copy, Debug)]
struct Blind {
    why: Blindness,
    since: Moment,
    /// Since when for this reason.
    why_since: Moment,
    /// The reason that was told last.
    told: Option<Blindness>,
}

/// What is known of a server beside its state.
#[derive(Clone, Copy, Debug, Default)]
pub struct RingPeer {
    /// Its node is in the ring, and what that means when it leaves was not told yet.
    present: bool,
    /// Its alert service left the group while its node was there.
    ended_at: Option<Moment>,
    /// Its node left the ring right after.
    stopped: bool,
    /// It is not in the group, its node is there.
    gone_since: Option<Moment>,
    /// Its node left and joined in one change, and it was not heard since.
    returned_at: Option<Moment>,
    /// Its Corosync was stopped in order, without a word of its alert service.
    withdrawn: bool,
    /// The ring in which its node last left.
    pub(super) changed_in: u64,
    heard_at: Option<Moment>,
}

impl RingPeer {
    /// Nothing is awaited of it.
    pub(super) fn is_settled(&self) -> bool {
        self.gone_since.is_none() && self.returned_at.is_none()
    }

    /// When it last spoke in the group.
    pub(super) fn heard_at(&self) -> Option<Moment> {
        self.heard_at
    }

    /// Takes `span` as passed in which it went on speaking; answers when it last spoke.
    pub(super) fn pass(&mut self, span: Span) -> Option<Moment> {
        self.heard_at = self.heard_at.map(|at| at + span);
        self.heard_at
    }
}

impl Sight {
    pub(super) fn new(now: Moment) -> Sight {
        Sight {
            view: None,
            seen: false,
            settle_until: now,
            changed_at: now,
            blind: None,
        }
    }

    /// The same under new numbers; `old_id` maps a new id to the old one.
    pub(super) fn renumbered(
        mut self,
        ids: &[ServerId],
        old_id: impl Fn(ServerId) -> Option<ServerId>,
    ) -> Sight {
        let renumber = |set: &mut Servers| {
            let old = *set;
            let is_in = |id: &ServerId| old_id(*id).is_some_and(|at| old.has(at));
            let new = ids.iter().copied().filter(is_in);
            *set = new.fold(Servers::default(), Servers::with);
        };
        if let Some(view) = &mut self.view {
            renumber(&mut view.nodes);
            renumber(&mut view.group);
        }
        self
    }

    pub(super) fn paused(&mut self, now: Moment) {
        self.changed_at = now;
    }

    /// What is seen, if anything.
    pub(super) fn view(&self) -> Option<&View> {
        self.view.as_ref()
    }

    /// Until when nothing is told or judged, as long as what is seen stays as it is.
    pub(super) fn quiet_until(&self, now: Moment) -> Option<Moment> {
        let settles = Some(self.settle_until).filter(|at| *at > now);
        let due = self.blind_due().into_iter().chain(settles).min();
        let until = due.unwrap_or(Moment(u64::MAX));
        (until > now).then_some(until)
    }

    fn settled_view(&self, now: Moment) -> Option<&View> {
        self.view.as_ref().filter(|_| now >= self.settle_until)
    }
}

impl Membership {
    /// Takes what Corosync tells. [`Membership::tick`] judges it.
    pub fn ring(&mut self, now: Moment, told: Ring, news: &mut Vec<News>) {
        let Some(sight) = &mut self.sight else {
            // Said before new settings chose the other engine.
            return;
        };
        match told {
            Ring::View(view) => self.view(now, view, news),
            Ring::Blind(why) => {
                sight.view = None;
                let blind = sight.blind.get_or_insert(Blind {
                    why,
                    since: now,
                    why_since: now,
                    told: None,
                });
                if blind.why != why {
                    (blind.why, blind.why_since) = (why, now);
                }
                for peer in &mut self.peers {
                    (peer.ring.gone_since, peer.ring.ended_at) = (None, None);
                }
            }
            Ring::Link { server, path, up } => self.link(server, path, up, news),
        }
    }

    /// Why nothing can be seen, told or not.
    pub fn blind(&self) -> Option<Blindness> {
        Some(self.sight.as_ref()?.blind?.why)
    }

    fn view(&mut self, now: Moment, view: View, news: &mut Vec<News>) {
        let Some(sight) = &mut self.sight else { return };
        let first = sight.view.is_none();
        if first {
            sight.settle_until = now + view.detects_in + SETTLE;
        }
        if let Some(blind) = sight.blind.take()
            && blind.told.is_some()
        {
            let after = now.since(blind.since);
            news.push(News::Sees { after });
        }
        (sight.seen, sight.changed_at) = (true, now);
        for at in 0..self.peers.len() {
            let (id, peer) = (ServerId(at as u8), &mut self.peers[at]);
            let ring = &mut peer.ring;
            if view.ended.has(id) {
                ring.ended_at = Some(now);
            }
            if ring.present && !view.nodes.has(id) {
                let ended_at = ring.ended_at.take();
                ring.changed_in = view.ring;
                let within = STOPPED_WITHIN.min(view.detects_in.div(3));
                ring.stopped = ended_at.is_some_and(|at| now.since(at) <= within);
            }
            ring.present |= view.nodes.has(id);
            ring.stopped &= !view.nodes.has(id);
            // After a hang of our own Corosync all others have returned: it is we who were away.
            let known = peer.is_member() && view.nodes.has(id) && !first;
            if known && view.returned.has(id) {
                peer.ring.changed_in = view.ring;
                peer.ring.returned_at.get_or_insert(now);
            }
        }
        sight.view = Some(view);
    }

    fn link(&mut self, server: ServerId, path: InterconnectId, up: bool, news: &mut Vec<News>) {
        let Some(peer) = self.peers.get_mut(usize::from(server.0)) else {
            return;
        };
        let is_member = peer.is_member();
        let Some(link) = peer.paths.get_mut(usize::from(path.0)) else {
            return;
        };
        let was = core::mem::replace(&mut link.normal, up);
        let tells = match up {
            true => core::mem::take(&mut link.told_silent),
            false => was && is_member,
        };
        if tells {
            link.told_silent = !up;
            news.push(News::Path { server, path, up });
        }
    }

    /// A frame of a server's alert service came through the group. A node that left and joined in one
    /// change has fallen, unless this is the run that was there before.
    pub(super) fn heard_in_ring(
        &mut self,
        now: Moment,
        server: ServerId,
        same_run: bool,
        news: &mut Vec<News>,
    ) {
        let of = self.members();
        let peer = self.peer_mut(server);
        peer.ring.heard_at = Some(now);
        (peer.ring.gone_since, peer.ring.ended_at) = (None, None);
        let returned = peer.ring.returned_at.take().is_some();
        let ring = peer.ring.changed_in;
        if returned && same_run {
            news.push(News::Rejoined { server, ring });
        } else if returned && peer.is_member() {
            self.down(now, server, Cause::Returned, of - 1, of, news);
        }
    }

    /// The server's Corosync had been stopped in order, and its alert service is heard again.
    pub(super) fn is_rejoining(&mut self, server: ServerId) -> bool {
        core::mem::take(&mut self.peer_mut(server).ring.withdrawn)
    }

    /// How long a server was away that had been judged.
    pub(super) fn away(&self, now: Moment, server: ServerId) -> Span {
        let peer = self.peer(server);
        match (&self.sight, peer.state) {
            (None, _) => peer.silence(now),
            (Some(_), ServerState::Stalled) => now.since(peer.ring.heard_at.unwrap_or(peer.since)),
            (Some(_), _) => now.since(peer.since),
        }
    }

    /// Whether this side may call others down; `None` when that is not known yet.
    pub(super) fn has_quorum(&self, now: Moment) -> Option<bool> {
        let view = self.sight.as_ref()?.settled_view(now)?;
        Some(view.quorate)
    }

    /// Judges the view.
    pub(super) fn tick_ring(&mut self, now: Moment, news: &mut Vec<News>) {
        self.tell_blindness(now, news);
        let Some(view) = self.sight.as_ref().and_then(|it| it.settled_view(now)) else {
            return;
        };
        if now < self.settle_until {
            return;
        }
        let view = view.clone();
        self.judge_lost(now, &view, news);
        for server in self.others() {
            self.judge_process(now, server, &view, news);
        }
    }

    fn tell_blindness(&mut self, now: Moment, news: &mut Vec<News>) {
        let Some(sight) = &mut self.sight else { return };
        if sight.blind_due().is_some_and(|due| now >= due)
            && let Some(blind) = &mut sight.blind
        {
            blind.told = Some(blind.why);
            news.push(News::Blind(blind.why));
        }
    }

    /// Servers whose node is not in the ring any more.
    fn judge_lost(&mut self, now: Moment, view: &View, news: &mut Vec<News>) {
        let mut lost = Vec::new();
        let changed_at = self.sight.as_ref().map_or(now, |sight| sight.changed_at);
        for server in self.others().filter(|id| !view.nodes.has(*id)) {
            let peer = self.peer_mut(server);
            let was_there = core::mem::take(&mut peer.ring.present);
            if !was_there && peer.ring.heard_at.is_some_and(|at| at >= changed_at) {
                // It speaks in a ring whose view is still to come.
                continue;
            }
            let stopped = core::mem::take(&mut peer.ring.stopped);
            (peer.ring.gone_since, peer.ring.returned_at) = (None, None);
            match peer.state {
                ServerState::Up | ServerState::Stalled if stopped => {
                    peer.enter(now, ServerState::Left);
                    peer.ring.withdrawn = true;
                    let ring = peer.ring.changed_in;
                    news.push(News::Withdrawn { server, ring });
                }
                ServerState::Up | ServerState::Stalled => lost.push((server, Cause::Lost)),
                ServerState::Unknown | ServerState::Down if was_there => {
                    lost.push((server, Cause::HostLost { ring: view.ring }));
                }
                _ => {}
            }
        }
        if lost.is_empty() {
            return;
        }
        let seen = view.nodes.with(self.own).count();
        let of = seen + lost.len();
        if view.quorate {
            for (server, cause) in lost {
                self.down(now, server, cause, seen, of, news);
            }
            return;
        }
        let is_down = |id: &ServerId| self.peer(*id).state == ServerState::Down;
        let unseen = lost.into_iter().map(|(server, _)| server);
        let unseen: Vec<ServerId> = unseen.filter(|id| !is_down(id)).collect();
        if !unseen.is_empty() {
            self.lose_sight(now, unseen, (seen, of), news);
        }
    }

    /// A server whose node is there: its alert service may be gone, or stand still.
    fn judge_process(&mut self, now: Moment, server: ServerId, view: &View, news: &mut Vec<News>) {
        let gone_max = self.gone_max(view);
        let silent_max = view.detects_in + self.times.stall_timeout;
        let changed_at = self.sight.as_ref().map_or(now, |sight| sight.changed_at);
        let of = self.members();
        let peer = self.peer_mut(server);
        if !peer.is_member() || !view.nodes.has(server) {
            return;
        }
        if let Some(at) = peer.ring.returned_at {
            if now.since(at) >= RETURN_WAIT {
                peer.ring.returned_at = None;
                self.down(now, server, Cause::Returned, of - 1, of, news);
            }
            return;
        }
        if !view.group.has(server) {
            let since = *peer.ring.gone_since.get_or_insert(now);
            if now.since(since) >= gone_max {
                peer.ring.gone_since = None;
                self.down(now, server, Cause::Killed, of - 1, of, news);
            }
            return;
        }
        peer.ring.gone_since = None;
        let heard = peer.ring.heard_at.unwrap_or(changed_at).max(changed_at);
        if peer.state == ServerState::Up && now.since(heard) >= silent_max {
            peer.state = ServerState::Stalled;
            news.push(News::Stalled(server));
        }
    }

    /// The earliest moment at which [`Membership::tick_ring`] could have something to say.
    pub(super) fn ring_deadlines(&self, mut sooner: impl FnMut(Moment)) {
        let Some(sight) = &self.sight else { return };
        if let Some(due) = sight.blind_due() {
            sooner(due);
        }
        sooner(sight.settle_until);
        let Some(view) = &sight.view else { return };
        for server in self.others() {
            let ring = &self.peer(server).ring;
            if let Some(at) = ring.gone_since {
                sooner(at + self.gone_max(view));
            }
            if let Some(at) = ring.returned_at {
                sooner(at + RETURN_WAIT);
            }
        }
    }

    /// How long an alert service may be gone from a node that stays.
    fn gone_max(&self, view: &View) -> Span {
        self.times.restart_grace.max(view.detects_in + KILLED_AFTER)
    }
}

impl Sight {
    /// When a blindness is to be told: once, and once more when it comes to need a person.
    fn blind_due(&self) -> Option<Moment> {
        let blind = self.blind?;
        match (blind.told, blind.why.needs_a_person()) {
            (Some(told), true) if told != blind.why => Some(blind.why_since + BLIND_GRACE),
            (Some(_), _) => None,
            (None, true) => Some(blind.why_since + BLIND_GRACE),
            (None, false) if self.seen && blind.why == Blindness::NotRunning => {
                Some(blind.since + BLIND_GRACE_STOPPED)
            }
            (None, false) if self.seen => Some(blind.since + BLIND_GRACE),
            (None, false) => Some(blind.since + BLIND_GRACE_AT_START),
        }
    }
}

#[cfg(test)]
mod tests;
