//! A group as it was last known, and what of that outlives this service.

use crate::alert::AlertId;
use crate::time::{Moment, WallTime};
use alloc::string::{String, ToString};
use serde::{Deserialize, Serialize};

/// What is remembered of a group on disk, and told to servers that have not watched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMemory {
    /// Its name.
    pub group: String,
    /// Where it last ran as a whole.
    pub on: Option<String>,
    /// That run's name, the same on every node.
    pub run: String,
    /// When anything of this last changed.
    pub changed: WallTime,
    /// It has left there, or never ran.
    pub away: Option<AwayMemory>,
    /// The alert that told of its fault.
    #[serde(default)]
    pub thread: Option<AlertId>,
}

/// What is remembered of a group that is away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwayMemory {
    /// Since when.
    pub since: WallTime,
    /// Longer than that: nobody watched when it went.
    pub at_least: bool,
    /// It was told that it is away.
    pub told: bool,
    /// A person wanted that.
    pub stopped: bool,
    /// The node that it ran on was lost.
    pub lost: bool,
}

impl GroupMemory {
    /// There is nothing to be remembered.
    pub fn is_blank(&self) -> bool {
        self.on.is_none() && self.away.is_none() && self.thread.is_none()
    }
}

/// A group is away from where it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Away {
    pub(super) since: WallTime,
    pub(super) at: Moment,
    /// Longer than since then: nobody watched when it went.
    pub(super) at_least: bool,
    /// Since when it is nowhere, or runs only in part, with nothing under way.
    pub(super) nowhere_at: Option<Moment>,
    pub(super) told: bool,
    /// What was told is that it runs only in part.
    pub(super) part: bool,
    /// A person wanted it stopped.
    pub(super) stopped: bool,
    /// The node that it ran on was lost.
    pub(super) lost: bool,
}

/// A group as it was last known.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Where it last ran as a whole.
    pub(super) on: Option<String>,
    /// That run's name, the same on every node.
    pub(super) run: String,
    pub(super) away: Option<Away>,
    /// When what is worth remembering last changed.
    pub(super) changed: WallTime,
    /// From memory: nobody watched from then until the next picture.
    pub(super) remembered: bool,
    /// It was seen to run nowhere.
    pub(super) seen_nowhere: bool,
    /// Something is on its way or waits to be told.
    pub(super) open: bool,
    pub(super) several_at: Option<Moment>,
    pub(super) several_told: bool,
}

impl Away {
    pub(super) fn since(since: WallTime, at: Moment) -> Away {
        Away {
            since,
            at,
            at_least: false,
            nowhere_at: None,
            told: false,
            part: false,
            stopped: false,
            lost: false,
        }
    }
}

impl Known {
    pub(super) fn of(memory: GroupMemory, now: Moment) -> Known {
        let away = memory.away.map(|away| Away {
            at_least: away.at_least,
            told: away.told,
            stopped: away.stopped,
            lost: away.lost,
            ..Away::since(away.since, now)
        });
        Known {
            on: memory.on,
            run: memory.run,
            away,
            changed: memory.changed,
            remembered: true,
            ..Known::default()
        }
    }

    /// Where it ran is not known, and nothing was told of it.
    pub(super) fn is_blank(&self) -> bool {
        self.on.is_none() && !self.away.as_ref().is_some_and(|away| away.told)
    }

    pub(super) fn memory(&self, group: &str) -> GroupMemory {
        let away = self.away.as_ref().filter(|_| !self.is_blank());
        GroupMemory {
            group: group.to_string(),
            on: self.on.clone(),
            run: self.run.clone(),
            changed: self.changed,
            away: away.map(|away| AwayMemory {
                since: away.since,
                at_least: away.at_least,
                told: away.told,
                stopped: away.stopped,
                lost: away.lost,
            }),
            thread: None,
        }
    }
}
