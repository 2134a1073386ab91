//! A group that runs nowhere, or only in part: by a wish, for a while, or as a fault.

use super::look::Look;
use super::{DOWN_WAIT, FAILURES_NAMED_MAX, Found, NEVER_WAIT, UNSETTLED_MAX};
use crate::pacemaker::What;
use crate::pacemaker::picture::{Failure, same};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl Look<'_> {
    /// It runs nowhere, or on a node without some of its resources.
    pub(super) fn nowhere(&mut self, part: Option<(String, Vec<String>)>) -> Option<Found> {
        self.left();
        let now = self.now;
        self.known.seen_nowhere |= part.is_none();
        let (picture, group) = (self.picture, self.group);
        let failures = self.failures();
        let away = self.known.away.as_mut()?;
        // A person wanted it stopped and wants it back: that it does not come is another matter.
        let wanted_back = away.stopped && !picture.is_stopping() && !group.disabled;
        // What runs in part may stop as well, which is worse, or only on its way to another node: then what was
        // told of it waits for its end.
        if away.told && !wanted_back && !(away.part && part.is_none()) {
            away.nowhere_at = None;
            return None;
        }
        if picture.is_stopping() || (group.disabled && part.is_none()) {
            (away.told, away.stopped) = (true, true);
            // The whole cluster's stop is told as one thing; who has never run was not stopped.
            return match &self.known.on {
                Some(node) if !picture.is_stopping() => Some(self.stopped(node.clone())),
                _ => None,
            };
        }
        // A side without quorum runs nothing: that is told as itself, and the group runs elsewhere.
        // Nor does a node that leaves see how it goes on.
        let leaving = picture.node(self.beside.own).is_some_and(|own| own.leaving);
        let forming = picture.decider.is_none() || picture.nodes.iter().any(|node| node.pending);
        let idle = picture.left_alone(group) || group.disabled || !picture.quorum || leaving;
        if idle || forming {
            away.nowhere_at = None;
            self.known.open = forming && now.at.since(away.at) < UNSETTLED_MAX;
            return None;
        }
        let wait = match self.known.on.is_none() && failures.is_empty() {
            true => NEVER_WAIT,
            false => DOWN_WAIT,
        };
        if wanted_back && away.nowhere_at.is_none() {
            // What it was away before that was meant.
            (away.since, away.at) = (now.wall, now.at);
        }
        if now.at.since(*away.nowhere_at.get_or_insert(now.at)) < wait {
            self.known.open = true;
            return None;
        }
        (away.told, away.part, away.nowhere_at) = (true, part.is_some(), None);
        away.stopped = false;
        let (name, run) = (group.name.clone(), self.occurrence(wanted_back));
        let (fact, what) = match part {
            None => {
                let what = What::Down {
                    group: name.clone(),
                    node: self.known.on.clone(),
                    failures,
                };
                ("down", what)
            }
            Some((node, idle)) => {
                let what = What::Partial {
                    group: name.clone(),
                    node,
                    idle,
                    failures,
                };
                ("partial", what)
            }
        };
        Some(self.fact(
            picture.decider.clone(),
            format!("{fact} {name} {run}"),
            what,
        ))
    }

    fn stopped(&self, node: String) -> Found {
        let (group, run) = (self.group.name.clone(), &self.known.run);
        let fact = format!("stopped {group} {run}");
        let what = What::Stopped { group, node };
        self.fact(self.picture.decider.clone(), fact, what)
    }

    /// Names this trouble alike on every server: after the run that it ended. A group that has never run is told
    /// apart from another time by what the cluster did last, one that a person wants back by that wish.
    fn occurrence(&self, wanted_back: bool) -> String {
        let picture = self.picture;
        if !self.known.run.is_empty() {
            let wish = picture.change.as_ref().and_then(|change| change.at);
            return match wish.filter(|_| wanted_back) {
                Some(wish) => format!("{} wanted {}", self.known.run, wish.0),
                None => self.known.run.clone(),
            };
        }
        let failed = picture.failures.iter().filter_map(|one| one.at);
        let ended = picture.operations.iter().filter_map(|one| one.at);
        let changed = picture.change.iter().filter_map(|one| one.at);
        let last = failed.chain(ended).max().or(changed.max());
        format!("never {}", last.unwrap_or_default().0)
    }

    /// What of it failed, by node, the first of them first.
    fn failures(&self) -> Vec<String> {
        let of_group = self.picture.failures.iter();
        let of_group = of_group.filter(|one| self.group.has(&one.resource));
        let mut last: Vec<&Failure> = Vec::new();
        for one in of_group {
            match last.iter_mut().find(|other| same(&other.node, &one.node)) {
                Some(other) if other.at <= one.at => *other = one,
                Some(_) => {}
                None => last.push(one),
            }
        }
        last.sort_by_key(|one| one.at);
        let named = last.iter().take(FAILURES_NAMED_MAX);
        named.map(|one| one.words()).collect()
    }
}
