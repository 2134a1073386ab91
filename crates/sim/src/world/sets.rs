//! Sets of the configuration: pushed, fetched, put in force.

use super::{World, changed};
use crate::scenario::Change;
use noroshi_core::config::ServerId;
use noroshi_core::event::Event;
use noroshi_core::request::{Request, RequestId};
use noroshi_core::set::{SetLabel, SetTrouble};

/// One set from another server's disk, and its check.
const FETCH_US: u64 = 20_000;
/// When a fetch over a cut network is given up.
const FETCH_WAIT_US: u64 = 8_000_000;
/// Putting the files of a set in place.
const ADOPT_US: u64 = 10_000;

impl World {
    /// Pushes the settings that a server has, changed, from there.
    pub fn push(&mut self, server: usize, change: &Change) -> RequestId {
        let mut config = self.servers[server].config.clone();
        changed(&mut config, change);
        let mut digest = format!("{change:?}");
        // The same change of other settings is another set.
        while self.sets.contains_key(&digest) {
            digest.push('\'');
        }
        config.digest = digest.bytes().map(u32::from).sum();
        self.sets.insert(digest.clone(), config);
        self.servers[server].disk.staged.insert(digest.clone());
        let by = "the story".into();
        self.ask(
            server,
            Request::Push {
                digest,
                by,
                base: None,
            },
        )
    }

    pub(super) fn fetch_set(&mut self, server: usize, from: usize, label: SetLabel) {
        let there = self.servers[from].disk.staged.contains(&label.digest);
        let here = self.servers[server].disk.staged.contains(&label.digest);
        let way = self.servers[server].links[from] && self.network.any_path(server, from);
        let (in_us, result) = if self.servers[server].disk.unfit_for_sets {
            let why = "the disk is full".into();
            (FETCH_US, Err(SetTrouble::Refused(why)))
        } else if here || (there && way) {
            let disk = &mut self.servers[server].disk;
            disk.staged.insert(label.digest.clone());
            (FETCH_US, Ok(()))
        } else {
            (FETCH_WAIT_US, Err(SetTrouble::NotFetched))
        };
        self.give(in_us, server, Event::Staged { label, result });
    }

    /// What the servers hear each other by agrees: heartbeats go by the settings in force.
    pub(super) fn is_heard(&self, one: usize, other: usize) -> bool {
        let port = |at: usize| {
            self.servers[at]
                .node
                .as_ref()
                .map(|node| node.config().port)
        };
        port(one) == port(other)
    }

    /// A link can stand: over some path, in some way that both know.
    pub(super) fn can_link(&self, one: usize, other: usize) -> bool {
        let ports = |at: usize| {
            let sim = &self.servers[at];
            let own = sim.node.as_ref().map(noroshi_core::node::Node::config);
            own.into_iter().chain(&sim.former_ways).map(|it| it.port)
        };
        let same = ports(one).any(|port| ports(other).any(|theirs| theirs == port));
        same && self.network.any_path(one, other)
    }

    /// Whether a server looks for others in former ways.
    pub fn seeks(&self, server: usize) -> bool {
        !self.servers[server].former_ways.is_empty()
    }

    pub(super) fn former_ways(&mut self, server: usize, wanted: bool) {
        let sim = &mut self.servers[server];
        sim.former_ways = match wanted {
            true => sim.disk.former.clone(),
            false => Vec::new(),
        };
    }

    /// Ends the links whose way new settings do not know any more.
    pub(super) fn drop_moved_links(&mut self, server: usize) {
        for other in 0..self.servers.len() {
            if self.servers[server].links[other]
                && self.servers[other].node.is_some()
                && self.network.any_path(server, other)
                && !self.can_link(server, other)
            {
                for (at, to) in [(server, other), (other, server)] {
                    if std::mem::take(&mut self.servers[at].links[to]) {
                        self.give(200, at, Event::LinkDown(ServerId(to as u8)));
                    }
                }
            }
        }
    }

    pub(super) fn adopt_set(&mut self, server: usize, label: SetLabel) {
        let Some(config) = self.sets.get(&label.digest).cloned() else {
            let config = Err("it is not here".into());
            return self.give(ADOPT_US, server, Event::Adopted { label, config });
        };
        let sim = &mut self.servers[server];
        sim.disk.in_force = label.clone();
        let former = std::mem::replace(&mut sim.config, config.clone());
        sim.disk.former.push(former);
        let config = Ok(Box::new(config));
        self.give(ADOPT_US, server, Event::Adopted { label, config });
    }
}
