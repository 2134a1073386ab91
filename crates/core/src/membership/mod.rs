//! Membership: who is at work, who left, who is down (rules N1 N2 N4 N5).
//!
//! The embedded engine tells what was heard and what hosts answered; this module judges. A silent
//! server is not yet a dead one: past a third of the time-out its host is asked on every
//! interconnect, and the verdict follows from what the host says (`verdict`). A pause of our own
//! is noticed by [`Membership::paused`] and counts as nobody's silence.
//!
//! What it finds comes out as [`News`]; it raises no alert and knows no lamp.

mod peer;
mod quiet;
pub mod ring;
pub mod session;
mod verdict;

pub use peer::{Host, Path, Peer};

use crate::alert::SessionId;
use crate::config::{Config, Engine, Heartbeat, InterconnectId, ServerId};
use crate::event::{Heard, HostAnswer, Phase};
use crate::status::ServerState;
use crate::time::{Moment, Span};
use alloc::vec::Vec;

/// Why a server is judged to be down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Its host says that nothing holds the daemon's port any more.
    Killed,
    /// It is silent on all interconnects and so is its host.
    Silent,
    /// Its host answers, but its alert service did not for the longer time-out.
    Stalled,
    /// It was at work when this server last was, and did not show up since.
    NotSeenSinceStart,
    /// Corosync has lost its node.
    Lost,
    /// Corosync has lost its node, on which no alert service was at work.
    HostLost {
        /// The ring that is left: its servers know the loss by it.
        ring: u64,
    },
    /// Corosync saw its node leave and join in one change.
    Returned,
}

/// What membership found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A server was heard for the first time, or after a clean stop.
    Started {
        /// The server.
        server: ServerId,
        /// The run that this server's disk remembers: it was us who did not run.
        same_run: bool,
    },
    /// A server that was down or unseen is heard again.
    Back {
        /// The server.
        server: ServerId,
        /// How long it was away.
        away: Span,
        /// The same run of its daemon: it had been running all the time.
        same_run: bool,
        /// Why it had been judged down.
        was: ServerState,
    },
    /// A server's daemon ended without a word and was back before that was a verdict.
    Restarted(ServerId),
    /// A server left cleanly.
    Left {
        /// The server.
        server: ServerId,
        /// Because the whole cluster shuts down.
        cluster: bool,
    },
    /// A server's host answers, its alert service does not.
    Stalled(ServerId),
    /// A stalled server is heard again.
    Answers {
        /// The server.
        server: ServerId,
        /// After this silence.
        after: Span,
    },
    /// A server is down.
    Down {
        /// The server.
        server: ServerId,
        /// Why.
        cause: Cause,
        /// Servers that this side sees, itself included.
        seen: usize,
        /// Servers that were at work before.
        of: usize,
    },
    /// This side of a network partition does not see these servers, and is no majority.
    Partition {
        /// The servers not seen.
        unseen: Vec<ServerId>,
        /// Servers that this side sees, itself included.
        seen: usize,
        /// Servers that were at work before.
        of: usize,
    },
    /// An interconnect to a server fell silent while another is heard, or came back.
    Path {
        /// The server.
        server: ServerId,
        /// The interconnect.
        path: InterconnectId,
        /// It is heard again.
        up: bool,
    },
    /// Corosync was stopped in order on a server, and its alert service said nothing of a stop.
    Withdrawn {
        /// The server.
        server: ServerId,
        /// The first ring without it: all that see this have the same.
        ring: u64,
    },
    /// Corosync is back on a server whose alert service ran on.
    Rejoined {
        /// The server.
        server: ServerId,
        /// The first ring without it, or the one that it left and joined with.
        ring: u64,
    },
    /// This server sees nobody any more.
    Blind(ring::Blindness),
    /// It sees again.
    Sees {
        /// How long it did not.
        after: Span,
    },
    /// Every server is up, for the first time since this one started.
    AllUp,
    /// The start wait is over and these servers have not been seen.
    StartWaitOver(Vec<ServerId>),
    /// Ask a server's host over an interconnect whether it lives.
    Probe(ServerId, InterconnectId),
}

/// The servers of the cluster as this one sees them.
#[derive(Clone, Debug)]
pub struct Membership {
    own: ServerId,
    times: Heartbeat,
    /// By server id; our own place holds a peer that is always up.
    peers: Vec<Peer>,
    started: Moment,
    start_wait_over: bool,
    all_up_told: bool,
    /// No verdict from silence before this moment: we stood still ourselves.
    settle_until: Moment,
    /// What Corosync shows; `None` with the embedded engine.
    sight: Option<ring::Sight>,
}

impl Membership {
    /// Nobody has been heard yet.
    pub fn new(now: Moment, own: ServerId, config: &Config) -> Membership {
        let peers = config
            .server_ids()
            .map(|id| Peer::unknown(now, paths(config, own, id)));
        let mut membership = Membership {
            own,
            times: config.heartbeat,
            peers: peers.collect(),
            started: now,
            start_wait_over: false,
            all_up_told: false,
            settle_until: now,
            sight: (config.engine == Engine::Corosync).then(|| ring::Sight::new(now)),
        };
        membership.peers[usize::from(own.0)].enter(now, ServerState::Up);
        membership
    }

    /// What is known of a server.
    pub fn peer(&self, server: ServerId) -> &Peer {
        &self.peers[usize::from(server.0)]
    }

    fn peer_mut(&mut self, server: ServerId) -> &mut Peer {
        &mut self.peers[usize::from(server.0)]
    }

    /// The other servers, in server order.
    pub fn others(&self) -> impl Iterator<Item = ServerId> + use<> {
        let own = self.own;
        (0..self.peers.len() as u8)
            .map(ServerId)
            .filter(move |id| *id != own)
    }

    /// The servers at work, in server order: those whose turn to send may be (rule N9). A stalled
    /// one is not among them.
    pub fn living(&self) -> impl Iterator<Item = ServerId> + Clone + '_ {
        (0..self.peers.len() as u8)
            .map(ServerId)
            .filter(|id| self.peer(*id).state == ServerState::Up)
    }

    /// Remembers, from before this daemon's start, that a server was up, and in which run.
    pub fn expect(&mut self, server: ServerId, session: SessionId, returns: u32, up: bool) {
        let peer = self.peer_mut(server);
        (peer.session, peer.expected, peer.judged_before) = (Some(session), up, !up);
        (peer.returns, peer.returns_before) = (returns, returns);
    }

    /// Learns from another server how often a run was judged down and came back, so that all name
    /// its next fault alike. Of a run that was not heard here yet it is kept until it is: a link may stand before
    /// the first heartbeat has come.
    /// Answers whether that was news.
    pub fn learn_returns(&mut self, server: ServerId, session: SessionId, returns: u32) -> bool {
        let peer = self.peer_mut(server);
        if peer.session != Some(session) {
            peer.returns_told = Some((session, returns));
        }
        let news = peer.session == Some(session) && peer.returns < returns;
        if news {
            peer.returns = returns;
        }
        news
    }

    /// Takes an authentic, fresh heartbeat.
    pub fn heard(&mut self, now: Moment, heard: &Heard, news: &mut Vec<News>) {
        if heard.from == self.own || usize::from(heard.from.0) >= self.peers.len() {
            return;
        }
        let server = heard.from;
        let silence = self.away(now, server);
        let same_run = self.peer(server).session == Some(heard.session);
        if self.sight.is_some() {
            self.heard_in_ring(now, server, same_run, news);
        } else if !self.heard_on(now, heard, news) {
            return;
        }
        let peer = self.peer_mut(server);
        peer.last_word = Some(now);
        peer.host = Host::default();
        peer.probed_at = None;
        peer.link_broken = false;
        peer.expected = false;
        peer.config_digest = Some(heard.config_digest);
        if heard.phase != Phase::Running {
            return self.left(now, server, heard.phase == Phase::Shutdown, news);
        }
        self.came(now, server, heard.session, same_run, silence, news);
    }

    /// Notes on which interconnect it came; false for one that there is not.
    fn heard_on(&mut self, now: Moment, heard: &Heard, news: &mut Vec<News>) -> bool {
        let server = heard.from;
        let peer = self.peer_mut(server);
        let Some(path) = peer.paths.get_mut(usize::from(heard.path.0)) else {
            return false;
        };
        path.heard(now, heard.missed);
        path.used = true;
        path.normal = true;
        if core::mem::take(&mut path.told_silent) {
            news.push(News::Path {
                server,
                path: heard.path,
                up: true,
            });
        }
        true
    }

    /// A message came over a server's link. People read when; no verdict rests on it.
    pub fn spoke(&mut self, now: Moment, server: ServerId) {
        if server != self.own && usize::from(server.0) < self.peers.len() {
            self.peer_mut(server).last_word = Some(now);
        }
    }

    /// What it means that a server at work was heard.
    fn came(
        &mut self,
        now: Moment,
        server: ServerId,
        session: SessionId,
        same_run: bool,
        silence: Span,
        news: &mut Vec<News>,
    ) {
        let timeout = self.times.timeout;
        let rejoins = self.is_rejoining(server);
        let by_ring = self.sight.is_some();
        let peer = self.peer_mut(server);
        match peer.state {
            ServerState::Up if same_run => return,
            ServerState::Up => news.push(News::Restarted(server)),
            ServerState::Left if same_run && rejoins => {
                let ring = peer.ring.changed_in;
                news.push(News::Rejoined { server, ring });
            }
            // The last words of a run that has left, overtaken on their way.
            ServerState::Left if same_run => return,
            ServerState::Unknown | ServerState::Left => {
                news.push(News::Started { server, same_run });
                // The run that we had judged down before we restarted: it is a return like any
                // other, or its next fault would bear the name of its last.
                if same_run && peer.judged_before && peer.returns == peer.returns_before {
                    peer.returns += 1;
                }
            }
            ServerState::Stalled if same_run => {
                news.push(News::Answers {
                    server,
                    after: silence,
                });
            }
            ServerState::Stalled => news.push(News::Restarted(server)),
            was @ (ServerState::Down | ServerState::Unseen) => {
                let was = match peer.stood_still {
                    true => ServerState::Stalled,
                    false => was,
                };
                news.push(News::Back {
                    server,
                    away: silence,
                    same_run,
                    was,
                });
                // Another server may have counted this return, and told us, before we saw it.
                if same_run && peer.returns == peer.returns_before {
                    peer.returns += 1;
                }
            }
        }
        if !same_run {
            let told = peer.returns_told.take().filter(|(of, _)| *of == session);
            peer.returns = told.map_or(0, |(_, returns)| returns);
        }
        peer.judged_before = false;
        peer.session = Some(session);
        peer.enter(now, ServerState::Up);
        if !by_ring {
            peer.forget_silent_paths(now, timeout);
        }
        if !self.all_up_told && self.peers.iter().all(|peer| peer.state == ServerState::Up) {
            self.all_up_told = true;
            self.start_wait_over = true;
            news.push(News::AllUp);
        }
    }

    /// A server says that it leaves cleanly.
    pub fn left(&mut self, now: Moment, server: ServerId, cluster: bool, news: &mut Vec<News>) {
        if server == self.own || self.peer(server).state == ServerState::Left {
            return;
        }
        self.peer_mut(server).enter(now, ServerState::Left);
        news.push(News::Left { server, cluster });
    }

    /// The link to a server's daemon broke: ask its host at once.
    pub fn link_broken(&mut self, now: Moment, server: ServerId, news: &mut Vec<News>) {
        // With Corosync a link is no witness.
        if self.sight.is_none() && server != self.own && self.peer(server).is_member() {
            self.peer_mut(server).link_broken = true;
            self.probe(now, server, news);
        }
    }

    /// A server's host answered, or did not.
    pub fn probed(&mut self, now: Moment, server: ServerId, answer: HostAnswer) {
        if server != self.own && usize::from(server.0) < self.peers.len() {
            self.peer_mut(server).probed(now, answer);
        }
    }

    /// We stood still for `pause`: nobody was silent meanwhile, and verdicts wait until what came
    /// in during the pause has been read.
    pub fn paused(&mut self, now: Moment, pause: Span) {
        for peer in &mut self.peers {
            peer.shift(pause);
        }
        self.settle_until = now + self.times.timeout.div(3);
        if let Some(sight) = &mut self.sight {
            sight.paused(now);
        }
    }

    /// Asks a server's host on every interconnect.
    fn probe(&mut self, now: Moment, server: ServerId, news: &mut Vec<News>) {
        let peer = self.peer_mut(server);
        peer.probed_at = Some(now);
        for (at, _) in peer.paths.iter().enumerate().filter(|(_, path)| path.used) {
            news.push(News::Probe(server, InterconnectId(at as u8)));
        }
    }

    /// Takes new settings; servers are known again by `old_id`, which maps a new id to the old one.
    pub fn reconfigured(
        &self,
        now: Moment,
        own: ServerId,
        config: &Config,
        old_id: impl Fn(ServerId) -> Option<ServerId>,
    ) -> Membership {
        let mut new = Membership::new(now, own, config);
        (new.started, new.start_wait_over) = (self.started, self.start_wait_over);
        (new.all_up_told, new.settle_until) = (true, self.settle_until);
        let same_engine = self.sight.is_some() == new.sight.is_some();
        if !same_engine {
            // Nobody has been heard the new way yet, and the others take the settings a moment later.
            new.settle_until = now + self.times.stall_timeout;
        } else if let Some(sight) = &self.sight {
            let ids: Vec<ServerId> = config.server_ids().collect();
            let sight = sight.clone().renumbered(&ids, &old_id);
            new.sight = Some(sight);
        }
        for server in config.server_ids() {
            if let Some(old) = old_id(server) {
                let used = paths(config, own, server);
                let peer = new.peer_mut(server);
                *peer = self.peer(old).clone();
                let heard = peer.heard_at();
                for (at, path) in used.into_iter().enumerate() {
                    match peer.paths.get_mut(at) {
                        Some(known) => known.used = path.used,
                        None => peer.paths.push(path),
                    }
                }
                peer.paths.truncate(config.interconnects.len());
                if !same_engine {
                    peer.ring = ring::RingPeer::default();
                    for path in &mut peer.paths {
                        (path.heard_at, path.normal, path.told_silent) = (None, false, false);
                    }
                    peer.host = Host::default();
                    if peer.is_member() {
                        peer.since = now;
                    }
                }
                if heard.is_some() && peer.heard_at().is_none() {
                    peer.since = now;
                }
            }
        }
        new
    }
}

fn paths(config: &Config, own: ServerId, server: ServerId) -> Vec<Path> {
    let shared: Vec<_> = config.shared_interconnects(own, server).collect();
    (0..config.interconnects.len() as u8)
        .map(|at| Path::unheard(shared.contains(&InterconnectId(at))))
        .collect()
}
