//! Clones and bundles of several containers: an instance that is gone from a node that is up.
//!
//! Where the instances run is no news: they come and go with their nodes, and a node that goes tells that itself. An
//! instance that ran on a node, and does not any more though the node takes part and nobody wanted it, is told once,
//! and so is its return.

use super::groups::{Beside, DOWN_WAIT, FAILURES_NAMED_MAX, Found, GROUPS_MAX};
use super::picture::{Failure, Group, GroupKind, Picture, Sort};
use super::{Absence, News, What};
use crate::time::{Moment, Now, WallTime};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The instances of one clone, by node.
type Instances = BTreeMap<String, Instance>;

#[derive(Clone, Debug, Default)]
struct Instance {
    /// Names its last run, the same on every node.
    run: String,
    gone: Option<Gone>,
}

#[derive(Clone, Debug)]
struct Gone {
    since: WallTime,
    /// Since when nothing is under way.
    idle_at: Moment,
    told: bool,
    /// Where instances ran then.
    others: Vec<String>,
    /// Which nodes took part then.
    online: Vec<String>,
}

/// All clones.
#[derive(Clone, Debug, Default)]
pub(super) struct Clones {
    known: BTreeMap<String, Instances>,
    open: bool,
}

impl Clones {
    /// Compares with what was known. Answers what is new, and who is to tell it.
    pub(super) fn look(&mut self, now: Now, picture: &Picture, beside: &Beside<'_>) -> Vec<Found> {
        let mut found = Vec::new();
        self.open = false;
        self.known
            .retain(|name, _| picture.groups.iter().any(|group| group.name == *name));
        for group in picture.groups.iter().filter(|group| is_followed(group)) {
            if !self.known.contains_key(&group.name) && self.known.len() >= GROUPS_MAX {
                continue;
            }
            let known = self.known.entry(group.name.clone()).or_default();
            let here = picture.instances(group);
            found.extend(returned(now, (picture, group), &here, known, beside));
            let judged = !picture.left_alone(group)
                && !group.disabled
                && picture.quorum
                && picture.decider.is_some()
                && !picture.is_stopping()
                && !picture.node(beside.own).is_some_and(|own| own.leaving);
            // What comes and goes with its node, or by a person's wish, is no loss.
            known.retain(|node, _| here.contains(node) || (judged && takes_part(picture, node)));
            let busy = group.members.iter().any(|member| member.busy);
            let (lost, open) = lost(now, (picture, group), &here, known, busy);
            self.open |= open;
            found.extend(lost);
        }
        found
    }

    /// An instance is gone, and that was not told yet.
    pub(super) fn unsettled(&self) -> bool {
        self.open
    }
}

fn is_followed(group: &Group) -> bool {
    let mut members = group.members.iter();
    let device = members.any(|member| member.sort == Sort::FenceDevice);
    group.kind == GroupKind::Clone && !device && !group.members.is_empty()
}

fn takes_part(picture: &Picture, node: &str) -> bool {
    picture.node(node).is_some_and(|node| {
        let wanted_idle = node.standby || node.maintenance || node.leaving;
        node.online && !node.pending && !wanted_idle
    })
}

/// Instances that run: noted, and told if their loss was.
fn returned(
    now: Now,
    (picture, group): (&Picture, &Group),
    here: &[String],
    known: &mut Instances,
    beside: &Beside<'_>,
) -> Vec<Found> {
    let mut found = Vec::new();
    for node in here {
        let run = picture.run(group, node).map_or_else(String::new, |run| {
            format!("{} {}", run.call, run.at.unwrap_or_default().0)
        });
        let instance = known.entry(node.clone()).or_default();
        let gone = instance.gone.take().filter(|gone| gone.told);
        instance.run = run;
        if let Some(gone) = gone {
            let starts = beside
                .starts
                .iter()
                .filter(|(resource, _)| group.has(resource));
            let fresh = starts.map(|(_, at)| *at).max();
            let own = node.eq_ignore_ascii_case(beside.own);
            let until = fresh.filter(|_| own).unwrap_or(now.wall);
            let after = Absence {
                span: until.since(gone.since),
                at_least: false,
            };
            let what = What::Started {
                group: group.name.clone(),
                node: node.clone(),
                after: Some(after),
            };
            let fact = format!("instance runs {} {node} {}", group.name, instance.run);
            found.push(told(Some(node.clone()), fact, what));
        }
    }
    found
}

/// Instances that do not run any more; and whether there is one to be told yet.
fn lost(
    now: Now,
    (picture, group): (&Picture, &Group),
    here: &[String],
    known: &mut Instances,
    busy: bool,
) -> (Vec<Found>, bool) {
    let (mut due, mut open) = (Vec::new(), false);
    known.retain(|node, instance| {
        if here.contains(node) {
            return true;
        }
        let gone = instance.gone.get_or_insert_with(|| Gone {
            since: now.wall,
            idle_at: now.at,
            told: false,
            others: here.to_vec(),
            online: online(picture),
        });
        if busy {
            gone.idle_at = now.at;
        }
        // One of fewer instances than nodes goes to another node: that is no loss.
        let moved = |to: &String| !gone.others.contains(to) && gone.online.contains(to);
        if !gone.told && here.iter().any(moved) {
            return false;
        }
        if !gone.told && now.at.since(gone.idle_at) >= DOWN_WAIT {
            gone.told = true;
            due.push((node.clone(), instance.run.clone()));
        }
        open |= instance.gone.as_ref().is_some_and(|gone| !gone.told);
        true
    });
    let name = &group.name;
    let failures = |node: Option<&str>| {
        let of_group = picture.failures.iter().filter(|one| {
            group.has(&one.resource) && node.is_none_or(|node| node.eq_ignore_ascii_case(&one.node))
        });
        let named = of_group.take(FAILURES_NAMED_MAX);
        named.map(Failure::words).collect::<Vec<String>>()
    };
    if due.is_empty() {
        return (Vec::new(), open);
    }
    if here.is_empty() {
        // Everywhere: one thing.
        let what = What::Down {
            group: name.clone(),
            node: None,
            failures: failures(None),
        };
        let runs: Vec<String> = due
            .iter()
            .map(|(node, run)| format!("{node} {run}"))
            .collect();
        let fact = format!("down {name} {}", runs.join(" "));
        return ([told(picture.decider.clone(), fact, what)].into(), open);
    }
    let found = due.into_iter().map(|(node, run)| {
        let fact = format!("instance {name} {node} {run}");
        let what = What::InstanceLost {
            group: name.clone(),
            node: node.clone(),
            on: here.to_vec(),
            failures: failures(Some(&node)),
            quiet: false,
        };
        told(Some(node), fact, what)
    });
    (found.collect(), open)
}

fn online(picture: &Picture) -> Vec<String> {
    let nodes = picture.nodes.iter().filter(|node| node.online);
    nodes.map(|node| node.name.to_string()).collect()
}

fn told(teller: Option<String>, fact: String, what: What) -> Found {
    let news = News {
        fact: Some(fact),
        late: false,
        what,
    };
    Found { teller, news }
}
