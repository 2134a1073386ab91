//! What a picture shows, against the one before and what was reported.

use super::reports::LOST_MAX;
use super::{GATHER, LATE_MAX, OTHERS_WAIT, Watch, own};
use crate::pacemaker::groups::Beside;
use crate::pacemaker::nodes::compare;
use crate::pacemaker::picture::{Picture, same};
use crate::pacemaker::{News, What};
use crate::time::{Now, Span};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A node that was reported lost shows so in the picture within this time, or has returned.
const LOST_WAIT: Span = Span::from_secs(60);

impl Watch {
    /// What a node shows that does not take part yet is how things were before.
    pub(super) fn of_use(&mut self, now: Now, picture: Picture) -> Result<Picture, String> {
        let (decided, named) = (picture.decider.is_some(), !picture.nodes.is_empty());
        let (part, online) = match picture.node(&self.own) {
            // It shows what was before it began anew: nobody has asked yet what runs here.
            Some(own) if own.unclean && !decided => (false, false),
            // Until it has joined it shows no quorum, and a standby that nobody has set.
            Some(own) => (own.takes_part(), own.online),
            // After a power cut it may have no configuration until others give it theirs: no nodes, and no groups.
            // With nodes it is this server that has another name.
            None => (decided || named, decided || named),
        };
        if !online {
            self.begin_anew(now.wall);
        }
        match part {
            true => Ok(picture),
            false => Err("this node does not take part in the cluster".to_string()),
        }
    }

    pub(super) fn see(&mut self, now: Now, picture: Picture, news: &mut Vec<News>) {
        self.blind = None;
        if core::mem::take(&mut self.blind_told) {
            news.push(own(What::Sees));
        }
        let before = self.picture.replace(picture);
        self.picture_of = self.asked_at;
        let first = before.is_none();
        let Some(picture) = self.picture.clone() else {
            return;
        };
        self.join(now);
        if first {
            self.fencings.keep_told_before(|name| {
                let node = picture.node(name);
                node.is_some_and(|node| node.unclean)
                    || picture.being_fenced.iter().any(|one| same(one, name))
            });
        }
        self.note_nodes(now, before.as_ref(), &picture);
        // They waited for it.
        if first || (self.gathered_for(now.at) >= GATHER && self.reason_by().is_none()) {
            self.decide(now, news);
        }
        news.extend(self.quorum.look(now, before.as_ref(), &picture));
        news.extend(self.fencing_asked(now, &picture));
        if let Some(before) = &before {
            news.extend(compare(now, &self.own, before, &picture));
            self.hint |= marks(before) != marks(&picture);
        }
        news.extend(self.stops(&picture));
        let beside = Beside {
            own: &self.own,
            lost: &self.lost,
            starts: &self.starts,
            failed_starts: &self.failed_starts,
            first,
            untaught: self.taught_by.is_some_and(|by| now.at < by),
            rejoined: self.joined.is_some(),
        };
        let mut found = self.groups.look(now, &picture, &beside);
        found.extend(self.clones.look(now, &picture, &beside));
        self.failed_starts.look(&picture);
        self.hint |= !found.is_empty() | self.groups.restarted();
        for mut one in found {
            if let Some(group) = one.news.what.ends_trouble_of() {
                // Whoever was to tell it is not at work: the end says for how long it was away.
                self.leave_trouble(group);
            }
            let ours = one.teller.is_some_and(|teller| same(&teller, &self.own));
            if ours {
                self.beside_troubles(&mut one.news.what, &picture);
            }
            match ours || self.late.len() >= LATE_MAX {
                true => news.push(News {
                    late: first,
                    ..one.news
                }),
                false => {
                    let late = News {
                        late: true,
                        ..one.news
                    };
                    self.late.push((now.at + OTHERS_WAIT, late));
                }
            }
        }
        self.troubles.moved_away(&self.own, &picture);
    }

    /// What this node's own troubles and this fact say of the same happening is mailed once.
    pub(super) fn beside_troubles(&mut self, what: &mut What, picture: &Picture) {
        let named = |name: &String| picture.groups.iter().find(|group| group.name == *name);
        match what {
            What::Started {
                group,
                after: Some(_),
                ..
            } => {
                if let Some(group) = named(group) {
                    self.troubles.group_runs(group);
                }
            }
            What::InstanceLost { group, quiet, .. } => {
                *quiet = named(group).is_some_and(|group| self.troubles.told_start(group));
            }
            _ => {}
        }
    }

    /// The whole cluster is being stopped by a person, or runs again here after that.
    pub(super) fn stops(&mut self, picture: &Picture) -> Option<News> {
        let stopping = picture.is_stopping();
        if !stopping && self.stop_told_at.is_some_and(|at| self.picture_of <= at) {
            return None;
        }
        self.stop_told_at = None;
        let was = core::mem::replace(&mut self.stopped, stopping);
        // Servers that nothing is stopped on hear of it by nobody else, and soon there is nothing to look at.
        self.hint |= stopping && !was;
        match (was, self.stopped) {
            (false, true) => {
                let decides = picture.decider.as_deref();
                let tells = decides.is_some_and(|name| same(name, &self.own));
                let online = picture.nodes.iter().filter(|node| node.online);
                let nodes = online.map(|node| node.name.clone()).collect();
                Some(own(What::ClusterStops { tells, nodes }))
            }
            (true, false) => Some(own(What::ClusterRuns)),
            _ => None,
        }
    }

    /// Nodes that are to be fenced: told once by the one that decides, however often it is tried.
    pub(super) fn fencing_asked(&mut self, now: Now, picture: &Picture) -> Vec<News> {
        let decides = picture.decider.as_deref();
        let ours = decides.is_some_and(|name| same(name, &self.own));
        let well = |name: &str| {
            let node = picture.node(name);
            node.is_some_and(|node| node.online && !node.unclean)
        };
        let tried = |name: &String| picture.being_fenced.contains(name);
        self.asked.retain(|name| tried(name) || !well(name));
        let mut asked = Vec::new();
        for node in &picture.being_fenced {
            // One that has come back by itself is listed until the try that is under way has ended.
            let is_back = self.asked.contains(node) && well(node);
            if is_back || self.lose(now, node, now.wall).is_none() {
                continue;
            }
            if self.asked.len() < LOST_MAX && self.asked.insert(node.clone()) && ours {
                let node = node.clone();
                asked.push(own(What::FencingAsked { node }));
            }
        }
        asked
    }

    pub(super) fn note_nodes(&mut self, now: Now, before: Option<&Picture>, picture: &Picture) {
        self.lost.retain(|name, lost| {
            let gone = picture.node(name).is_none_or(|node| !node.online);
            let seen = core::mem::replace(&mut lost.seen, gone);
            // Its report may be ahead of the picture.
            gone || !(seen || now.at.since(lost.noticed) >= LOST_WAIT)
        });
        for node in picture.nodes.iter().filter(|node| !node.online) {
            let was_online = before
                .and_then(|before| before.node(&node.name))
                .is_some_and(|old| old.online);
            if was_online || (before.is_none() && node.unclean) {
                self.lose(now, &node.name, now.wall);
            }
        }
    }
}

/// What a person has marked: the whole, and each node that takes part.
fn marks(picture: &Picture) -> (bool, Vec<(&str, bool, bool)>) {
    let parts = picture.nodes.iter().filter(|node| node.takes_part());
    let marked = parts.filter(|node| node.standby || node.maintenance);
    let marks = marked.map(|node| (node.name.as_str(), node.standby, node.maintenance));
    (picture.maintenance, marks.collect())
}
