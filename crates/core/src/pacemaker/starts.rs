//! Failed starts on any node: a group that fails everywhere is one trouble, not one for each node.
//!
//! Pacemaker tries a group on one node after the other. The first failure is told at once; those that follow
//! on other nodes are recorded, and how it ends is told: where the group runs, or that it runs nowhere and what
//! failed where. Which one was first is decided by the reports' own times, the same on every server, so that
//! never all of them take another one for the first.

use super::picture::{Group, GroupKind, Picture, Place, bare};
use super::report::{Kind, Operation, Report};
use crate::time::{Moment, Span, WallTime};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Most failed starts that are kept; at the bound the oldest is forgotten, and what follows it is mailed.
const STARTS_MAX: usize = 256;
/// A failure this long after another is a trouble of its own.
const TROUBLE_MAX: Span = Span::from_secs(600);

/// A start that failed.
#[derive(Clone, Debug)]
pub(super) struct FailedStart {
    resource: String,
    task: String,
    node: String,
    at_us: i64,
    came: Moment,
}

/// The failed starts of all nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct FailedStarts(Vec<FailedStart>);

/// Names the fact that an operation failed.
pub(super) fn failed_fact(operation: &Operation, key: &str) -> String {
    format!("failed {} {} {key}", operation.node, operation.resource)
}

impl Operation {
    /// It was to bring the resource up.
    pub(super) fn is_start(&self) -> bool {
        ["start", "promote", "migrate_from"].contains(&self.task.as_str())
    }
}

impl FailedStart {
    fn at(&self) -> WallTime {
        WallTime(self.at_us / 1_000)
    }

    /// Of a clone each instance starts for itself; only one of them is promoted.
    fn concerns(&self, group: &Group) -> bool {
        let counts = match group.kind {
            GroupKind::Single => true,
            GroupKind::Promotable => self.task == "promote",
            GroupKind::Clone => false,
        };
        counts && group.has(&self.resource)
    }
}

impl FailedStarts {
    /// Takes a report of this node or another one.
    pub(super) fn take(&mut self, now: Moment, report: &Report) {
        let Kind::Operation(operation) = &report.kind else {
            return;
        };
        if !operation.is_start() || !operation.failed() {
            return;
        }
        self.0.retain(|one| now.since(one.came) < TROUBLE_MAX);
        if self.0.len() >= STARTS_MAX {
            self.0.remove(0);
        }
        self.0.push(FailedStart {
            resource: operation.resource.clone(),
            task: operation.task.clone(),
            node: operation.node.clone(),
            at_us: report.at_us,
            came: now,
        });
    }

    /// Whether another node's failure of the same group was the first of this trouble.
    pub(super) fn follows(&self, report: &Report, picture: Option<&Picture>) -> bool {
        let Kind::Operation(operation) = &report.kind else {
            return false;
        };
        let group = picture.and_then(|picture| picture.group_of(&operation.resource));
        let same_group = |one: &FailedStart| match group {
            Some(group) => one.concerns(group),
            None => bare(&one.resource) == bare(&operation.resource),
        };
        let order = (report.at_us, operation.node.as_str());
        operation.is_start()
            && self.0.iter().any(|one| {
                same_group(one)
                    && one.node != operation.node
                    && (one.at_us, one.node.as_str()) < order
            })
    }

    /// Since when a group could not be started.
    pub(super) fn since(&self, group: &Group) -> Option<WallTime> {
        let of_group = self.0.iter().filter(|one| one.concerns(group));
        of_group.map(FailedStart::at).min()
    }

    /// What runs has ended its trouble.
    pub(super) fn look(&mut self, picture: &Picture) {
        self.0.retain(|one| {
            let mut groups = picture.groups.iter();
            let group = groups.find(|group| one.concerns(group));
            let run = group.and_then(|group| match picture.place(group) {
                Place::On(node) => picture.run(group, &node)?.at,
                _ => None,
            });
            // Times of the history are whole seconds.
            run.is_none_or(|run| run.0 < one.at().0 / 1_000 * 1_000)
        });
    }
}

/// The name of the group that a resource belongs to; its own where that is not known.
pub(super) fn group_name(resource: &str, picture: Option<&Picture>) -> String {
    let group = picture.and_then(|picture| picture.group_of(resource));
    group.map_or_else(|| resource.to_string(), |group| group.name.clone())
}
