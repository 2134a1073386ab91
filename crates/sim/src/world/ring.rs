//! The Corosync of a story: a ring that misses a node after its time, takes one in after a moment, and
//! tells each daemon what it sees.
//!
//! Every [`STEP_US`] each running Corosync looks whom it reaches. Nodes that reach the same ones agree
//! on a new ring together. A Corosync that starts again is another one, so that a quick reboot is seen.

use super::{Due, World};
use crate::scenario::CorosyncDoes;
use noroshi_core::config::{Engine, InterconnectId, ServerId};
use noroshi_core::event::{Event, Heard, Phase};
use noroshi_core::membership::ring::{Blindness, Ring, View};
use noroshi_core::notice::outbox::Servers;
use noroshi_core::time::Span;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const STEP_US: u64 = 20_000;
/// A token of 1,000 ms without coefficient, and its consensus.
const DETECT_US: u64 = 2_200_000;
const JOIN_US: u64 = 300_000;
/// Until a link of the ring counts as down, and as up again.
const LINK_US: u64 = 1_000_000;
/// Until the watch over a Corosync that hangs gives up.
const HANG_US: u64 = 3_000_000;
/// A daemon speaks in the group this often, and more often while it is news.
pub(super) const SPEAK_US: u64 = 1_000_000;
/// A view comes so much later at most: after what is said in its ring, or before it.
const VIEW_LATE_US: u64 = 10_000;
/// One multicast.
const MULTICAST_US: u64 = 1_000;

/// One node's Corosync.
#[derive(Default)]
pub(super) struct Corosync {
    state: State,
    /// Rises with each start.
    life: u64,
    ring: u64,
    /// Who is in its ring, and in which of their lives.
    members: BTreeMap<usize, u64>,
    /// Whom it reaches instead, since when.
    reaches: BTreeMap<usize, u64>,
    since_us: u64,
    hung_us: u64,
    told: Told,
    changed_us: u64,
    /// Views come in their order.
    view_due_us: u64,
    spoke: Option<(u64, Phase)>,
    /// By server and interconnect: a link that has changed, since when, or was told as down.
    links: BTreeMap<(usize, u8), Link>,
    /// The lives of the members that its daemon was told of.
    told_lives: BTreeMap<usize, u64>,
    powered_since_start: bool,
}

struct Link {
    down: bool,
    differs_us: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Runs,
    /// With a word to the others, or without.
    Stopped {
        in_order: bool,
    },
    Hangs,
}

/// What a daemon was told last, and which run of it.
#[derive(Default)]
struct Told {
    run: u64,
    view: Option<View>,
    blind: Option<Blindness>,
    /// The runs of the daemons that were in the group.
    runs: BTreeMap<usize, u64>,
}

impl World {
    /// Whether the story has a Corosync.
    pub(super) fn has_ring(&self) -> bool {
        self.config.engine == Engine::Corosync
    }

    /// Whether a Corosync can do that: there is one, and it is not doing so already.
    pub fn corosync_can(&self, server: usize, does: CorosyncDoes) -> bool {
        let sim = &self.servers[server];
        let state = sim.corosync.state;
        let can = match does {
            CorosyncDoes::Start => matches!(state, State::Stopped { .. }),
            CorosyncDoes::Stop | CorosyncDoes::Die | CorosyncDoes::Hang => state == State::Runs,
            CorosyncDoes::Answer => state == State::Hangs,
        };
        self.has_ring() && sim.powered && can
    }

    /// A host without power has no Corosync any more; with power it starts one.
    pub(super) fn power_corosync(&mut self, server: usize) {
        let corosync = &mut self.servers[server].corosync;
        if corosync.life == 0 || !corosync.powered_since_start {
            corosync.start();
        }
    }

    /// Corosync is started, with a life of its own.
    pub(super) fn start_corosync(&mut self, server: usize) {
        self.servers[server].corosync.start();
    }

    /// Corosync is stopped, in order or not.
    pub(super) fn stop_corosync(&mut self, server: usize, in_order: bool) {
        self.servers[server].corosync.state = State::Stopped { in_order };
    }

    /// Corosync hangs, or goes on.
    pub(super) fn hang_corosync(&mut self, server: usize, hangs: bool) {
        let now = self.now_us;
        let corosync = &mut self.servers[server].corosync;
        corosync.hung_us = now;
        corosync.state = if hangs { State::Hangs } else { State::Runs };
    }

    fn runs(&self, server: usize) -> bool {
        let sim = &self.servers[server];
        sim.powered && sim.corosync.state == State::Runs
    }

    /// Each Corosync looks around, and each daemon is told what is new to it.
    pub(super) fn turn_ring(&mut self) {
        for server in 0..self.servers.len() {
            self.look_around(server);
        }
        for server in 0..self.servers.len() {
            self.tell_of_ring(server);
            self.tell_of_links(server);
        }
        self.due(STEP_US, Due::Ring);
    }

    fn reach(&self, server: usize) -> BTreeMap<usize, u64> {
        let all = 0..self.servers.len();
        let there = |other: &usize| {
            *other == server || (self.runs(*other) && self.network.any_path(server, *other))
        };
        let lives = |other: usize| (other, self.servers[other].corosync.life);
        all.filter(there).map(lives).collect()
    }

    fn look_around(&mut self, server: usize) {
        if !self.runs(server) {
            return;
        }
        let (now, reach) = (self.now_us, self.reach(server));
        let corosync = &mut self.servers[server].corosync;
        if reach == corosync.members {
            corosync.reaches.clear();
            return;
        }
        if reach != corosync.reaches {
            (corosync.reaches, corosync.since_us) = (reach.clone(), now);
        }
        let corosync = &self.servers[server].corosync;
        let joins = reach
            .iter()
            .any(|(at, life)| corosync.members.get(at) != Some(life));
        let said = |at: &usize| {
            let state = self.servers[*at].corosync.state;
            self.servers[*at].powered && state == (State::Stopped { in_order: true })
        };
        let lost = corosync.members.keys().filter(|at| !reach.contains_key(at));
        let all_said = lost.into_iter().all(said);
        let wait = match (joins, all_said) {
            (true, _) => JOIN_US,
            (false, true) => STEP_US,
            (false, false) => DETECT_US,
        };
        if now - corosync.since_us < wait {
            return;
        }
        let ring = 1 + reach
            .keys()
            .map(|at| self.servers[*at].corosync.ring)
            .max()
            .unwrap_or(0);
        for at in reach.keys() {
            if self.reach(*at) == reach {
                let corosync = &mut self.servers[*at].corosync;
                (corosync.members, corosync.ring) = (reach.clone(), ring);
                corosync.reaches.clear();
            }
        }
    }

    fn tell_of_ring(&mut self, server: usize) {
        let sim = &self.servers[server];
        let run = sim.run;
        if sim.node.is_none() {
            return;
        }
        let new_run = sim.corosync.told.run != run;
        let blind = match sim.corosync.state {
            State::Runs => None,
            State::Stopped { .. } => Some(Blindness::NotRunning),
            State::Hangs if self.now_us - sim.corosync.hung_us < HANG_US => return,
            State::Hangs => Some(Blindness::Hangs),
        };
        if new_run {
            self.servers[server].corosync.told = Told {
                run,
                ..Told::default()
            };
        }
        if blind.is_some() {
            let told = &mut self.servers[server].corosync.told;
            if told.blind != blind {
                (told.blind, told.view) = (blind, None);
                let why = blind.unwrap_or(Blindness::Failing);
                let wait_us = MULTICAST_US + VIEW_LATE_US;
                self.give(wait_us, server, Event::Ring(Ring::Blind(why)));
            }
            return;
        }
        let (view, runs) = self.view(server);
        let now = self.now_us;
        let news = self.servers[server].corosync.told.view.as_ref() != Some(&view);
        let late = match news {
            true => self.random.between(0, VIEW_LATE_US),
            false => 0,
        };
        let corosync = &mut self.servers[server].corosync;
        let told = &mut corosync.told;
        (told.blind, told.runs) = (None, runs);
        if told.view.as_ref() != Some(&view) {
            corosync.changed_us = now;
            let kept = View {
                ended: Servers::default(),
                returned: Servers::default(),
                ..view.clone()
            };
            told.view = Some(kept);
            let due_us = corosync.view_due_us.max(now + MULTICAST_US + late);
            corosync.view_due_us = due_us;
            self.give(due_us - now, server, Event::Ring(Ring::View(view)));
        }
    }

    /// What a daemon sees, and which runs of the others' daemons are in the group.
    fn view(&self, server: usize) -> (View, BTreeMap<usize, u64>) {
        let corosync = &self.servers[server].corosync;
        let before = corosync.told.view.clone().unwrap_or_default();
        let id = |at: usize| ServerId(at as u8);
        let mut view = View {
            ring: corosync.ring,
            quorate: corosync.members.len() * 2 > self.servers.len() || self.servers.len() == 2,
            detects_in: Span(DETECT_US),
            ..View::default()
        };
        let mut runs = BTreeMap::new();
        for (at, life) in &corosync.members {
            view.nodes = view.nodes.with(id(*at));
            let sim = &self.servers[*at];
            let lives = sim.powered && sim.corosync.life == *life;
            let silent = !lives || sim.corosync.state == State::Hangs;
            let stopped = matches!(sim.corosync.state, State::Stopped { in_order: false });
            if silent || stopped {
                // A host without power says nothing: its ring will miss it.
                if before.group.has(id(*at)) {
                    view.group = view.group.with(id(*at));
                    runs.extend(corosync.told.runs.get(at).map(|run| (*at, *run)));
                }
                continue;
            }
            if sim.node.is_some() && sim.corosync.state == State::Runs {
                view.group = view.group.with(id(*at));
                runs.insert(*at, sim.run);
            }
            let was = corosync.told.runs.get(at);
            if before.group.has(id(*at)) && was.is_some() && was != runs.get(at) {
                view.ended = view.ended.with(id(*at));
            }
        }
        if before.ring != view.ring {
            for (at, life) in &corosync.members {
                let was = corosync.told_lives.get(at);
                if before.nodes.has(id(*at)) && was.is_some_and(|was| was != life) {
                    view.returned = view.returned.with(id(*at));
                }
            }
        }
        (view, runs)
    }

    fn tell_of_links(&mut self, server: usize) {
        if !self.runs(server) || self.servers[server].node.is_none() {
            return;
        }
        let now = self.now_us;
        let lives = self.servers[server].corosync.members.clone();
        self.servers[server].corosync.told_lives = lives.clone();
        for other in lives.into_keys().filter(|other| *other != server) {
            for path in 0..self.config.interconnects.len() as u8 {
                let passes =
                    self.servers[other].powered && self.network.both_ways(server, other, path);
                let link = self.servers[server].corosync.links.entry((other, path));
                // Down before it is up for the first time.
                let link = link.or_insert(Link {
                    down: true,
                    differs_us: None,
                });
                if link.down != passes {
                    link.differs_us = None;
                    continue;
                }
                if now - *link.differs_us.get_or_insert(now) < LINK_US {
                    continue;
                }
                (link.down, link.differs_us) = (!passes, None);
                let told = Ring::Link {
                    server: ServerId(other as u8),
                    path: InterconnectId(path),
                    up: passes,
                };
                self.give(0, server, Event::Ring(told));
            }
        }
    }

    /// Turning the ring changes nothing: everybody has told what there is to tell, and speaks once in a while.
    pub(super) fn ring_is_quiet(&self) -> bool {
        (0..self.servers.len()).all(|server| self.is_quiet_in_ring(server))
    }

    fn is_quiet_in_ring(&self, server: usize) -> bool {
        let sim = &self.servers[server];
        let corosync = &sim.corosync;
        let runs = self.runs(server);
        if runs && (!corosync.reaches.is_empty() || self.reach(server) != corosync.members) {
            return false;
        }
        if sim.node.is_none() {
            return true;
        }
        let told = &corosync.told;
        let blind = match corosync.state {
            State::Runs => None,
            State::Stopped { .. } => Some(Blindness::NotRunning),
            State::Hangs => Some(Blindness::Hangs),
        };
        if told.run != sim.run || told.blind != blind {
            return false;
        }
        if blind.is_some() {
            return true;
        }
        let (view, runs) = self.view(server);
        let known = told.view.as_ref() == Some(&view) && told.runs == runs;
        let calm = self.now_us - corosync.changed_us >= SPEAK_US;
        let calm = calm && corosync.told_lives == corosync.members;
        known && calm && self.speaks_on(server) && self.links_are_told(server)
    }

    /// What its daemon said last it said in its turn, and everybody in the group has heard it.
    fn speaks_on(&self, server: usize) -> bool {
        let sim = &self.servers[server];
        let (Some(node), Some((at, Phase::Running))) = (&sim.node, sim.corosync.spoke) else {
            return false;
        };
        let beat_us = self.config.heartbeat.interval.0;
        let in_turn = self.now_us - at <= SPEAK_US && node.beats_at().0.abs_diff(at) % beat_us == 0;
        let members = sim.corosync.members.keys().filter(|to| **to != server);
        let mut hearing = members.filter_map(|to| self.servers[*to].node.as_ref());
        in_turn
            && hearing.all(|node| {
                let heard = node.hears(ServerId(server as u8), InterconnectId(0));
                let on_way_us = at + 2 * MULTICAST_US;
                heard.is_some_and(|heard| on_way_us.abs_diff(heard.0) % SPEAK_US == 0)
            })
    }

    fn links_are_told(&self, server: usize) -> bool {
        let corosync = &self.servers[server].corosync;
        let others = corosync.members.keys().filter(|at| **at != server);
        let mut all =
            others.flat_map(|at| (0..self.config.interconnects.len() as u8).map(|n| (*at, n)));
        all.all(|(other, path)| {
            let passes = self.servers[other].powered && self.network.both_ways(server, other, path);
            let link = corosync.links.get(&(other, path));
            link.is_some_and(|link| link.down != passes && link.differs_us.is_none())
        })
    }

    /// Time was passed over in which this server's daemon spoke as before.
    pub(super) fn pass_in_ring(&mut self, server: usize, span_us: u64) {
        if self.has_ring()
            && self.runs(server)
            && let Some((at, _)) = &mut self.servers[server].corosync.spoke
        {
            *at += span_us;
        }
    }

    /// A daemon would speak: in the group, when it is due or news.
    pub(super) fn speak(&mut self, server: usize, phase: Phase) {
        let now = self.now_us;
        let Some(node) = &self.servers[server].node else {
            return;
        };
        let session = node.session();
        let corosync = &self.servers[server].corosync;
        let lately = now - corosync.changed_us < SPEAK_US / 2;
        let due = corosync
            .spoke
            .is_none_or(|(at, as_what)| as_what != phase || now - at >= SPEAK_US);
        if !self.runs(server) || !(lately || due) {
            return;
        }
        self.servers[server].corosync.spoke = Some((now, phase));
        let members: BTreeSet<usize> = self.servers[server]
            .corosync
            .members
            .keys()
            .copied()
            .collect();
        for to in members {
            let theirs = &self.servers[to];
            let same = theirs.corosync.members.contains_key(&server);
            if to == server || theirs.node.is_none() || !self.runs(to) || !same {
                continue;
            }
            let heard = Heard {
                from: ServerId(server as u8),
                path: InterconnectId(0),
                session,
                phase,
                missed: 0,
                config_digest: 1,
            };
            self.give(2 * MULTICAST_US, to, Event::Heard(heard));
        }
    }
}

impl Corosync {
    fn start(&mut self) {
        *self = Corosync {
            life: self.life + 1,
            ring: self.ring,
            powered_since_start: true,
            told: std::mem::take(&mut self.told),
            ..Corosync::default()
        };
        // Its daemon has a connection to make.
        self.told.view = None;
    }

    /// The host went.
    pub(super) fn lost_power(&mut self) {
        self.powered_since_start = false;
    }
}
