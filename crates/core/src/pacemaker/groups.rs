//! Where groups are: what the way from one picture to the next means.

mod cause;
mod known;
mod look;
mod nowhere;

use super::picture::{Group, GroupKind, Picture, Sort, same};
use super::starts::FailedStarts;
use super::{Absence, News};
use crate::alert::AlertId;
use crate::time::{Moment, Now, Span, WallTime};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use known::Known;
use look::Look;

pub use known::{AwayMemory, GroupMemory};

/// Most groups that are followed; further ones are not told of.
pub const GROUPS_MAX: usize = 512;
/// A group that runs nowhere for this long, with nothing under way, is down: Pacemaker's next step comes
/// within milliseconds of the last one.
pub(super) const DOWN_WAIT: Span = Span::from_secs(5);
/// The same for a group that has never been seen to run and of which nothing is known to have failed: while a
/// cluster boots, nodes are waited for (`dc-deadtime`, 20 s) and asked what they run.
const NEVER_WAIT: Span = Span::from_secs(60);
/// A group that is on its way for longer than this is looked at no more often than the rest.
const UNSETTLED_MAX: Span = Span::from_secs(600);
/// Most failures that are named of a group.
pub(super) const FAILURES_NAMED_MAX: usize = 8;
/// The same while its node is lost and no fence device is set up: nothing will come.
const HELD_WAIT: Span = Span::from_secs(5);
/// Pacemaker's own time-out of one fencing (`stonith-timeout`): after that a group is said to be held.
const FENCING_WAIT: Span = Span::from_secs(60);
/// A group whose lost node shows it again in the run that was there before must do so for this long: a node that
/// joins shows for a moment what it ran when it was lost.
const BACK_WAIT: Span = Span::from_secs(5);
/// A group that runs on several nodes for this long is no passing picture.
const SEVERAL_WAIT: Span = Span::from_secs(3);
/// A failure this long before a move can be its cause.
const CAUSE_MAX: Span = Span::from_secs(60);
/// A person's change of the configuration moves a group at once, or not at all.
const PERSON_MAX: Span = Span::from_secs(5);
/// A time of the configuration is whole seconds, of another node's clock.
const CLOCKS_APART: Span = Span::from_secs(2);

/// A group that went from one node to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The group.
    pub group: String,
    /// What moved is the leading role of this sort of resource, such as a mirror disk.
    pub role_of: Option<Sort>,
    /// Where it had run.
    pub from: String,
    /// Where it runs.
    pub to: String,
    /// Why.
    pub why: Why,
    /// For how long it ran nowhere; `None` if nobody watched when it went.
    pub away: Option<Absence>,
    /// It had been told that it runs nowhere.
    pub was_down: bool,
}

/// Why a group moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its node was lost.
    Lost {
        /// And fenced.
        fenced: bool,
    },
    /// A resource of it failed there.
    Failed {
        /// Which.
        resource: String,
        /// How.
        why: String,
    },
    /// Its node left cleanly.
    Left,
    /// Its node was put into standby.
    Standby,
    /// A person changed the configuration.
    Person {
        /// Who and with what.
        by: String,
    },
    /// Nothing else: it returned to the node that it prefers.
    Preferred,
    /// Nobody watched when it went, and nothing shows why it did.
    Unseen,
}

/// A node that is lost, as far as groups care.
#[derive(Clone, Debug, Default)]
pub(super) struct Lost {
    /// When, by its report or the first picture without it.
    pub(super) at: WallTime,
    /// When that was noticed here.
    pub(super) noticed: Moment,
    /// A picture has shown it to be gone.
    pub(super) seen: bool,
    /// It was fenced.
    pub(super) fenced: bool,
    /// The ring has lost it: it did not leave, though Pacemaker shows one that was fenced as if it had.
    pub(super) by_ring: bool,
    /// Fencing it failed: since when that is known, and the words.
    pub(super) failed: Option<(Moment, String)>,
}

/// What is known beside the picture.
pub(super) struct Beside<'a> {
    pub(super) own: &'a str,
    pub(super) lost: &'a BTreeMap<String, Lost>,
    /// When a resource was last started here, by its report.
    pub(super) starts: &'a BTreeMap<String, WallTime>,
    /// Starts that failed lately, on whichever node.
    pub(super) failed_starts: &'a FailedStarts,
    /// It is the first picture: what it shows is how things are, and no news but for fresh reports and what
    /// an earlier run of this service remembered.
    pub(super) first: bool,
    /// Others may still tell what they have watched.
    pub(super) untaught: bool,
    /// This node was away meanwhile: what is remembered others have watched, and may know more of.
    pub(super) rejoined: bool,
}

/// A fact and the node whose server is to tell it.
pub(super) struct Found {
    pub(super) teller: Option<String>,
    pub(super) news: News,
}

/// All groups.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    known: BTreeMap<String, Known>,
    /// A group was started anew where it was, on this node: nobody is told, and facts are named after it.
    restarted: bool,
}

impl Groups {
    /// Takes what an earlier run of this service remembered, or a server that has watched: all of it for groups
    /// that nothing is known of, and of others that their trouble is told. Answers the latter.
    pub(super) fn learn(&mut self, now: Moment, memories: Vec<GroupMemory>) -> Vec<String> {
        let mut told = Vec::new();
        for memory in memories.into_iter().take(GROUPS_MAX) {
            if let Some(known) = self.known.get_mut(&memory.group)
                && !known.is_blank()
            {
                let group = memory.group.clone();
                if known.hear(now, memory) {
                    told.push(group);
                }
                continue;
            }
            let known = self.known.get(&memory.group);
            let full = known.is_none() && self.known.len() >= GROUPS_MAX;
            if !full {
                let seen_nowhere = known.is_some_and(|known| known.seen_nowhere);
                let group = memory.group.clone();
                let known = Known {
                    seen_nowhere,
                    ..Known::of(memory, now)
                };
                self.known.insert(group, known);
            }
        }
        told
    }

    /// The trouble of this group was told, under this name. Answers what others are to know of it.
    pub(super) fn told_as(&mut self, group: &str, alert: &AlertId) -> Option<GroupMemory> {
        let known = self.known.get_mut(group)?;
        let away = known.away.as_mut().filter(|away| away.told)?;
        away.told_as = Some(alert.clone());
        Some(known.memory(group))
    }

    /// Whether the other servers should look, because a group was started anew where it was, on this node.
    pub(super) fn restarted(&mut self) -> bool {
        core::mem::take(&mut self.restarted)
    }

    /// What is to be remembered.
    pub(super) fn memories(&self) -> Vec<GroupMemory> {
        let worth = self.known.iter().filter(|(_, known)| !known.is_blank());
        worth.map(|(group, known)| known.memory(group)).collect()
    }

    /// Pacemaker on this node began anew at `at`, and with it perhaps the whole cluster: where groups were before
    /// says nothing of where they go. If others ran on, they know. A fault that was told is remembered, for its end.
    pub(super) fn begun_anew(&mut self, at: WallTime) {
        for known in self.known.values_mut() {
            let told = known
                .away
                .as_ref()
                .is_some_and(|away| away.told && !away.stopped);
            if known.changed <= at && !told {
                *known = Known {
                    seen_nowhere: known.seen_nowhere,
                    ..Known::default()
                };
            }
        }
    }

    /// Compares with what was known. Answers what is new, and who is to tell it.
    pub(super) fn look(&mut self, now: Now, picture: &Picture, beside: &Beside<'_>) -> Vec<Found> {
        let mut found = Vec::new();
        self.known
            .retain(|name, _| picture.groups.iter().any(|group| group.name == *name));
        for group in picture.groups.iter().filter(|group| is_followed(group)) {
            let full = self.known.len() >= GROUPS_MAX;
            if !self.known.contains_key(&group.name) && full {
                continue;
            }
            let known = self.known.entry(group.name.clone()).or_default();
            let before = known.memory(&group.name);
            let mut look = Look {
                now,
                picture,
                beside,
                group,
                known,
            };
            found.extend(look.judge());
            let after = known.memory(&group.name);
            let own = after.on.as_ref().is_some_and(|on| same(on, beside.own));
            self.restarted |= own && after.on == before.on && after.run != before.run;
            if after != before {
                known.changed = now.wall;
            }
        }
        found
    }

    /// Something is on its way or waits to be told.
    pub(super) fn unsettled(&self) -> bool {
        self.known.values().any(|known| known.open)
    }

    /// It was told that a group is away, and that lasts.
    pub(super) fn is_down(&self, group: &str) -> bool {
        let away = self.known.get(group).and_then(|known| known.away.as_ref());
        away.is_some_and(|away| away.told && !away.stopped)
    }

    /// Where a group last ran as a whole.
    pub(super) fn last(&self, group: &str) -> Option<&str> {
        self.known.get(group)?.on.as_deref()
    }
}

/// A clone runs on many nodes: there is no place to tell of. A fence device may run anywhere.
fn is_followed(group: &Group) -> bool {
    let device = group
        .members
        .iter()
        .any(|member| member.sort == Sort::FenceDevice);
    group.kind != GroupKind::Clone && !device && !group.members.is_empty()
}
