//! What a watch knows, for those who ask or remember.

use super::Watch;
use crate::alert::AlertId;
use crate::pacemaker::picture::Picture;
use crate::pacemaker::report::{Kind, Report};
use crate::pacemaker::starts::{failed_fact, group_name};
use crate::pacemaker::{GroupMemory, What};
use crate::time::Moment;
use alloc::string::String;
use alloc::vec::Vec;

impl Watch {
    /// What an earlier run of this service remembered of groups, or a server that has watched them. Answers the
    /// groups whose trouble, seen here as well, is told.
    pub fn learn(&mut self, now: Moment, memories: Vec<GroupMemory>) -> Vec<String> {
        let told = self.groups.learn(now, memories);
        told.iter().for_each(|group| self.leave_trouble(group));
        if self.taught_by.is_some_and(|by| now < by) {
            self.look_by(now);
        }
        told
    }

    /// The trouble of this group was told, under this name. Answers what others are to know of it.
    pub fn told_as(&mut self, group: &str, alert: &AlertId) -> Option<GroupMemory> {
        self.groups.told_as(group, alert)
    }

    /// What others were to tell of this group's trouble needs no telling here any more: it is told, or over.
    pub(super) fn leave_trouble(&mut self, group: &str) {
        self.late.retain(|(_, news)| {
            let of = match &news.what {
                What::Down { group, .. }
                | What::Partial { group, .. }
                | What::Held { group, .. } => Some(group),
                _ => None,
            };
            of.is_none_or(|of| of != group)
        });
    }

    /// What an earlier run of this service told: these nodes could not be fenced. The first picture says whether that
    /// lasts.
    pub fn told_unfenced<'a>(&mut self, now: Moment, nodes: impl Iterator<Item = &'a str>) {
        nodes.for_each(|node| self.fencings.told_before(now, node));
    }

    /// What is to be remembered of groups.
    pub fn memories(&self) -> Vec<GroupMemory> {
        self.groups.memories()
    }

    /// A failed start on another node, if this report is one: its group and the name of its fact. `None` when
    /// it follows another failure of the same trouble.
    pub fn fault_of_peer(&self, report: &Report) -> Option<(String, String)> {
        let Kind::Operation(operation) = &report.kind else {
            return None;
        };
        let picture = self.picture.as_ref();
        let first = operation.failed()
            && operation.is_start()
            && !self.failed_starts.follows(report, picture);
        first.then(|| {
            let group = group_name(&operation.resource, picture);
            (group, failed_fact(operation, &report.key()))
        })
    }

    /// The cluster as it was last seen; `None` while it cannot be read.
    pub fn picture(&self) -> Option<&Picture> {
        self.picture.as_ref().filter(|_| self.blind.is_none())
    }

    /// The cluster as it was last seen, however long ago.
    pub fn last_picture(&self) -> Option<&Picture> {
        self.picture.as_ref()
    }

    /// It was told that a group is away, and that lasts.
    pub fn is_down(&self, group: &str) -> bool {
        self.groups.is_down(group)
    }

    /// A group could not be started on some node, and has not run since.
    pub fn fails_to_start(&self, group: &str) -> bool {
        let groups = self.picture.iter().flat_map(|picture| &picture.groups);
        let mut named = groups.filter(|one| one.name == group);
        named
            .next()
            .is_none_or(|group| self.failed_starts.since(group).is_some())
    }

    /// Why the cluster cannot be read, if so.
    pub fn blind_why(&self) -> Option<&str> {
        self.blind.map(|_| self.blind_why.as_str())
    }

    /// Where a group last ran as a whole.
    pub fn last_place(&self, group: &str) -> Option<&str> {
        self.groups.last(group)
    }
}
