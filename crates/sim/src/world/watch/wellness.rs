//! What must hold some time after every fault is over.

use super::{Invariant, World};
use noroshi_core::notice::Channel;
use noroshi_core::status::ServerState;
use std::collections::HashSet;

/// The length in print of all that a daemon knows: what its bounds add up to in a cluster of nine, rounded up.
const NODE_LENGTH_MAX: usize = 400_000;

impl World {
    /// Judges whether all is well: everybody at work and seen so, every alert told, every lamp as it should
    /// be, every request answered once. Servers that have no power are left out: they may never return.
    pub fn judge_wellness(&mut self) {
        let before = self.watch.broken.len();
        let gone: Vec<usize> = (0..self.servers.len())
            .filter(|at| !self.servers[*at].powered)
            .collect();
        self.judge_members(&gone);
        self.judge_sets(&gone);
        self.judge_notices(&gone);
        if gone.is_empty() {
            self.judge_lamps();
        }
        let mut answered: Vec<u64> = self.replies.iter().map(|(id, _)| id.0).collect();
        answered.sort_unstable();
        if answered.windows(2).any(|two| two[0] == two[1]) {
            self.found(Invariant::ToldOnce, "a request was answered twice".into());
        }
        self.judge_licences();
        if gone.is_empty() && self.watch.broken.len() == before {
            self.begin_anew();
        }
    }

    /// Judges, at the end of a long story, that no daemon has gathered more than its bounds allow.
    pub fn judge_sizes(&mut self) {
        for at in 0..self.servers.len() {
            let Some(node) = &self.servers[at].node else {
                continue;
            };
            let length = format!("{node:?}").len();
            if length > NODE_LENGTH_MAX {
                let name = &self.servers[at].name;
                let text = format!("{name} has gathered so much that it fills {length} letters");
                self.found(Invariant::Bounded, text);
            }
        }
    }

    fn judge_members(&mut self, gone: &[usize]) {
        let mut wrong = Vec::new();
        for (at, server) in self.servers.iter().enumerate() {
            if gone.contains(&at) {
                continue;
            }
            let Some(node) = &server.node else {
                wrong.push((Invariant::Wellness, format!("{} does not run", server.name)));
                continue;
            };
            for other in (0..self.servers.len()).filter(|other| !gone.contains(other)) {
                let state = self.sees(at, other);
                if state != Some(ServerState::Up) {
                    let other = &self.servers[other].name;
                    let text = format!("{} sees {other} as {state:?}", server.name);
                    wrong.push((Invariant::Wellness, text));
                }
            }
            if *node.config() != server.config {
                let text = format!("{} has other settings than its file", server.name);
                wrong.push((Invariant::SettingsWhole, text));
            }
        }
        for (invariant, text) in wrong {
            self.found(invariant, text);
        }
    }

    /// Where sets are pushed, all have one.
    fn judge_sets(&mut self, gone: &[usize]) {
        let there = (0..self.servers.len()).filter(|at| !gone.contains(at));
        let sets = there.map(|at| &self.servers[at].disk.in_force);
        let sets: Vec<_> = sets.collect();
        let one = sets.iter().all(|set| set.is(sets[0]));
        if !self.sets.is_empty() && !one {
            let text = format!("the sets differ: {sets:?}");
            self.found(Invariant::SettingsWhole, text);
        }
    }

    fn judge_notices(&mut self, gone: &[usize]) {
        let told = self.watch.first_copies.keys();
        let told: HashSet<&str> = told.map(|(alert, _)| &**alert).collect();
        let is_gone = |name: &str| gone.iter().any(|at| self.servers[*at].name == name);
        let (mut wrong, mut lost) = (Vec::new(), Vec::new());
        for (at, server) in self.servers.iter().enumerate() {
            if gone.contains(&at) {
                continue;
            }
            for notice in server.disk.unfinished() {
                let lamp = notice.key.channel == Channel::Lamp && notice.sender == server.name;
                if notice.key.channel == Channel::Mail || lamp {
                    let text = format!("{}: unfinished: {notice:?}", server.name);
                    wrong.push((Invariant::Wellness, text));
                }
            }
            for alert in server
                .disk
                .alerts
                .iter()
                .filter(|one| one.destinations.mail)
            {
                if told.contains(&*alert.id.0) || self.was_unsent(&alert.id) {
                    continue;
                }
                // A process that ends while its disk refuses takes along what it had not told.
                let origin = self.servers.iter().find(|one| one.name == alert.server);
                let here = server.disk.lost_notices;
                if here || origin.is_some_and(|one| one.disk.lost_notices) {
                    lost.push(alert.id.clone());
                    continue;
                }
                if self.watch.lost.contains(&alert.id) {
                    continue;
                }
                let invariant = match is_gone(&alert.server) {
                    true => Invariant::ToldWithoutOrigin,
                    false => Invariant::ToldOnce,
                };
                let text = format!("{}: never told: {} {:?}", server.name, alert.id, alert.text);
                wrong.push((invariant, text));
            }
        }
        self.watch.lost.extend(lost);
        for (invariant, text) in wrong {
            self.found(invariant, text);
        }
    }

    /// All is well: what excused what is over, and what was told is put aside.
    fn begin_anew(&mut self) {
        self.settle_lamps();
        let since = &mut self.watch.since;
        (since.parted, since.disk_failed, since.other_port) = (false, false, false);
        since.tested = false;
        self.watch.falls.clear();
        for server in &mut self.servers {
            server.disk.lost_notices = false;
        }
        self.put_aside();
    }
}
