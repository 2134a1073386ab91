//! A group as it was last known, and what of that outlives this service.

use crate::alert::AlertId;
use crate::pacemaker::picture::same;
use crate::time::{Moment, Span, WallTime};
use alloc::string::{String, ToString};
use serde::{Deserialize, Serialize};

/// How long another server's word of a trouble waits for a picture that shows it, and how much older than a picture
/// that shows the group at work it may be: clocks differ, and pictures come late.
const WORD_MAX: Span = Span::from_secs(60);

/// What is remembered of a group on disk, and told to servers that have not watched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMemory {
    /// Its name.
    pub group: String,
    /// Where it last ran as a whole.
    pub on: Option<String>,
    /// That run's name, the same on every node.
    pub run: String,
    /// The alert that told of its last trouble in that run, which went on after it.
    #[serde(default)]
    pub past: Option<AlertId>,
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
    /// What was told is that it runs only in part.
    #[serde(default)]
    pub part: bool,
    /// The alert that told it, once that is raised: by this server or another.
    #[serde(default)]
    pub told_as: Option<AlertId>,
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
    /// The alert that told it, once that is raised: by this server or another.
    pub(super) told_as: Option<AlertId>,
    /// Since when it is shown on its node again, in the run that was there before.
    pub(super) back_at: Option<Moment>,
}

/// A group as it was last known.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Where it last ran as a whole.
    pub(super) on: Option<String>,
    /// That run's name, the same on every node.
    pub(super) run: String,
    /// The alert that told of its last trouble in that run: a node that hangs can be lost, go on, and be lost again.
    pub(super) past: Option<AlertId>,
    pub(super) away: Option<Away>,
    /// When it was last seen to run as a whole, as far as this server knows.
    pub(super) ran_at: Option<WallTime>,
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
    /// What another server has told of its trouble, until a picture shows that here.
    pub(super) word: Option<(Moment, GroupMemory)>,
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
            told_as: None,
            back_at: None,
        }
    }
}

impl Known {
    pub(super) fn of(memory: GroupMemory, now: Moment) -> Known {
        let away = memory.away.map(|away| Away {
            at_least: away.at_least,
            told: away.told,
            part: away.part,
            stopped: away.stopped,
            lost: away.lost,
            told_as: away.told_as,
            ..Away::since(away.since, now)
        });
        let ran = away.is_none() && memory.on.is_some();
        Known {
            ran_at: ran.then_some(memory.changed),
            on: memory.on,
            run: memory.run,
            past: memory.past,
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
            past: self.past.clone(),
            changed: self.changed,
            away: away.map(|away| AwayMemory {
                since: away.since,
                at_least: away.at_least,
                told: away.told,
                stopped: away.stopped,
                lost: away.lost,
                part: away.part,
                told_as: away.told_as.clone(),
            }),
            thread: None,
        }
    }

    /// Another server's word of a trouble that it has told. Answers whether that is the trouble that is seen here. A
    /// server that has not watched for a while speaks of one that was over before the group was seen to run.
    pub(super) fn hear(&mut self, now: Moment, memory: GroupMemory) -> bool {
        let told = |away: &AwayMemory| away.told && !away.stopped && away.told_as.is_some();
        let over = self
            .ran_at
            .is_some_and(|at| at.since(memory.changed) > WORD_MAX);
        if over || !memory.away.as_ref().is_some_and(told) {
            return false;
        }
        self.word = Some((now, memory));
        self.take_word(now)
    }

    /// Takes what was heard for what is seen. The run's name is the one that was told: a start in place that not
    /// every server has seen would have each of them name this trouble, and its end, otherwise.
    pub(super) fn take_word(&mut self, now: Moment) -> bool {
        let Some((heard_at, memory)) = &self.word else {
            return false;
        };
        if now.since(*heard_at) >= WORD_MAX {
            self.word = None;
            return false;
        }
        let place = match (&self.on, &memory.on) {
            (Some(here), Some(there)) => same(here, there),
            (here, there) => here.is_none() && there.is_none(),
        };
        let (Some(away), Some(theirs)) = (&mut self.away, &memory.away) else {
            return false;
        };
        // One of them may be of another kind: then both are told.
        let other = away.stopped || (away.told && away.part != theirs.part);
        if !place || other || away.told_as.is_some() {
            return false;
        }
        (away.told, away.part, away.nowhere_at) = (true, theirs.part, None);
        away.told_as.clone_from(&theirs.told_as);
        self.run.clone_from(&memory.run);
        self.past.clone_from(&memory.past);
        self.word = None;
        true
    }
}
