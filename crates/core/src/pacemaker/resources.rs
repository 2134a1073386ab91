//! Operations of resources that failed on this node, and their end.

use super::picture::{Group, Picture, Sort, same};
use super::report::Operation;
use super::starts::failed_fact;
use super::{FAULTS_MAX, News, What};
use crate::time::{Moment, Now, Span, WallTime};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A resource must work for this long before it is said to work again: one that fails every few seconds
/// is told once, and its end with the number of failures.
pub(super) const CALM: Span = Span::from_secs(10);

/// An operation of a resource that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The node.
    pub node: String,
    /// The resource.
    pub resource: String,
    /// What it is.
    pub sort: Sort,
    /// Its group, if it is known and bears another name.
    pub group: Option<String>,
    /// What was tried: `monitor`, `start`, `stop`, `promote`, `demote` …
    pub task: String,
    /// How it ended, in words.
    pub why: String,
    /// How often by now.
    pub times: u32,
    /// Another failure of the same trouble was told, or how it ended: recorded, not mailed.
    pub quiet: bool,
    /// Names the fact.
    pub fact: String,
}

#[derive(Clone, Debug)]
struct Trouble {
    fault: Fault,
    since: WallTime,
    /// It works since then.
    works: Option<(Moment, WallTime)>,
}

/// What is wrong with the resources of this node.
#[derive(Clone, Debug, Default)]
pub(super) struct Troubles {
    by_resource: BTreeMap<String, Trouble>,
}

impl Troubles {
    /// Takes an operation that ended on this node.
    pub(super) fn take(
        &mut self,
        now: Now,
        (operation, key, follows): (&Operation, &str, bool),
        at: WallTime,
        picture: Option<&Picture>,
    ) -> Option<News> {
        let resource = &operation.resource;
        if !operation.failed() {
            // A stop ends nothing: only what runs can be said to work.
            let works = operation.task != "stop" && operation.task != "demote";
            if let Some(trouble) = self.by_resource.get_mut(resource).filter(|_| works) {
                trouble.works.get_or_insert((now.at, at));
            }
            return None;
        }
        if let Some(trouble) = self.by_resource.get_mut(resource) {
            trouble.works = None;
            trouble.fault.times = trouble.fault.times.saturating_add(1);
            // A monitor that failed leads to a restart; only if that fails too is there more to tell.
            let worse = operation.task != "monitor" && trouble.fault.task == "monitor";
            if !worse {
                return None;
            }
        }
        let group = picture.and_then(|picture| picture.group_of(resource));
        let group = group.map(|group| group.name.clone());
        let fault = Fault {
            node: operation.node.clone(),
            resource: resource.clone(),
            sort: picture.map_or(Sort::Other, |picture| picture.sort_of(resource)),
            group: group.filter(|name| name != resource),
            task: operation.task.clone(),
            why: words(operation, picture),
            times: 1,
            quiet: follows,
            fact: failed_fact(operation, key),
        };
        if self.by_resource.len() >= FAULTS_MAX && !self.by_resource.contains_key(resource) {
            // Told all the same; its end will not be.
            self.by_resource.pop_first();
        }
        let since = self.by_resource.get(resource).map_or(at, |old| old.since);
        let trouble = Trouble {
            fault: fault.clone(),
            since,
            works: None,
        };
        self.by_resource.insert(resource.clone(), trouble);
        Some(News {
            fact: Some(fault.fact.clone()),
            late: false,
            what: What::Failed(fault),
        })
    }

    /// Forgets what is wrong with resources that run elsewhere by now: their move was told.
    pub(super) fn moved_away(&mut self, own: &str, picture: &Picture) {
        self.by_resource.retain(|resource, _| {
            let Some(group) = picture.group_of(resource) else {
                return false;
            };
            let mut members = group.members.iter().filter(|member| member.active);
            !members.any(|member| {
                super::picture::bare(&member.name) == super::picture::bare(resource)
                    && !member.nodes.iter().any(|node| same(node, own))
                    && group.kind == super::GroupKind::Single
            })
        });
    }

    /// How the trouble of a group ended is told: that its resources work again is no news beside it.
    pub(super) fn group_runs(&mut self, group: &Group) {
        let of_group = self
            .by_resource
            .iter_mut()
            .filter(|(name, _)| group.has(name));
        of_group.for_each(|(_, trouble)| trouble.fault.quiet = true);
    }

    /// A resource of the group could not be started here, and that was mailed.
    pub(super) fn told_start(&self, group: &Group) -> bool {
        let mut troubles = self.by_resource.values();
        troubles.any(|trouble| {
            let fault = &trouble.fault;
            fault.task == "start" && !fault.quiet && group.has(&fault.resource)
        })
    }

    /// What has worked for long enough.
    pub(super) fn tick(&mut self, now: Now) -> Vec<News> {
        let is_calm = |trouble: &Trouble| {
            trouble
                .works
                .is_some_and(|(since, _)| now.at.since(since) >= CALM)
        };
        let calm: Vec<String> = self
            .by_resource
            .iter()
            .filter(|(_, trouble)| is_calm(trouble))
            .map(|(resource, _)| resource.clone())
            .collect();
        let ended = calm
            .iter()
            .filter_map(|resource| self.by_resource.remove(resource));
        let tell = |trouble: Trouble| {
            let works = trouble.works.map_or(trouble.since, |(_, at)| at);
            News {
                fact: Some(format!("works again {}", trouble.fault.fact)),
                late: false,
                what: What::Recovered {
                    after: works.since(trouble.since),
                    fault: trouble.fault,
                },
            }
        };
        ended.map(tell).collect()
    }

    pub(super) fn next_deadline(&self) -> Option<Moment> {
        let works = self
            .by_resource
            .values()
            .filter_map(|trouble| trouble.works);
        works.map(|(since, _)| since + CALM).min()
    }
}

/// How an operation ended: the agent's own reason where the picture has it, else Pacemaker's words.
fn words(operation: &Operation, picture: Option<&Picture>) -> String {
    let failures = picture.into_iter().flat_map(|picture| &picture.failures);
    let mut of_this = failures.filter(|failure| {
        failure.resource == operation.resource
            && failure.task == operation.task
            && same(&failure.node, &operation.node)
    });
    let known = of_this.next().map(|failure| failure.why.as_str());
    match known.filter(|why| why.contains(operation.description.as_str())) {
        Some(why) if !why.is_empty() => why.to_string(),
        _ if operation.description.is_empty() => format!("rc {}", operation.rc),
        _ => operation.description.clone(),
    }
}
