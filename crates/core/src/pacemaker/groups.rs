//! Where groups are: what the way from one picture to the next means.

use super::picture::{Group, GroupKind, Picture, Place, Sort, same};
use super::{News, Unfenced, What};
use crate::time::{Moment, Now, Span, WallTime};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Most groups that are followed; further ones are not told of.
pub(super) const GROUPS_MAX: usize = 512;
/// A group that runs nowhere for this long, with nothing under way, is down: Pacemaker's next step comes
/// within milliseconds of the last one.
const DOWN_WAIT: Span = Span::from_secs(5);
/// The same while its node is lost and no fence device is set up: nothing will come.
const HELD_WAIT: Span = Span::from_secs(5);
/// Pacemaker's own time-out of one fencing (`stonith-timeout`): after that a group is said to be held.
const FENCING_WAIT: Span = Span::from_secs(60);
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
    /// For how long it ran nowhere.
    pub away: Span,
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
}

/// A group is away from where it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Away {
    since: WallTime,
    at: Moment,
    /// Since when it is nowhere with nothing under way.
    nowhere_at: Option<Moment>,
    told: bool,
    /// A person wanted it stopped.
    stopped: bool,
}

/// A group as it was last known.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Where it last ran as a whole.
    on: Option<String>,
    /// That run's name, the same on every node.
    run: String,
    away: Option<Away>,
    /// It ran nowhere before it was ever seen to run.
    seen_nowhere: bool,
    several_at: Option<Moment>,
    several_told: bool,
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
    /// Fencing it failed: since when that is known, and the words.
    pub(super) failed: Option<(Moment, String)>,
    /// It was told that it is to be fenced.
    pub(super) asked: bool,
}

/// What is known beside the picture.
pub(super) struct Beside<'a> {
    pub(super) own: &'a str,
    pub(super) lost: &'a BTreeMap<String, Lost>,
    /// When a resource was last started here, by its report.
    pub(super) starts: &'a BTreeMap<String, WallTime>,
    /// It is the first picture: what it shows is how things are, and no news but for fresh reports.
    pub(super) first: bool,
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
}

impl Groups {
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
            let mut look = Look {
                now,
                picture,
                beside,
                group,
                known,
            };
            found.extend(look.judge());
        }
        found
    }

    /// Something is on its way or waits to be told.
    pub(super) fn unsettled(&self) -> bool {
        let is_open = |known: &Known| {
            known.away.as_ref().is_some_and(|away| !away.told)
                || (known.several_at.is_some() && !known.several_told)
        };
        self.known.values().any(is_open)
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

struct Look<'a> {
    now: Now,
    picture: &'a Picture,
    beside: &'a Beside<'a>,
    group: &'a Group,
    known: &'a mut Known,
}

impl Look<'_> {
    fn judge(&mut self) -> Option<Found> {
        let place = self.picture.place(self.group);
        if !matches!(place, Place::Several(_)) {
            (self.known.several_at, self.known.several_told) = (None, false);
        }
        match place {
            Place::On(node) => self.runs(node),
            Place::Nowhere => self.nowhere(),
            Place::Unknown(node) => self.held(&node),
            Place::Several(nodes) => self.several(nodes),
            Place::Between => {
                self.left(None);
                if let Some(away) = &mut self.known.away {
                    away.nowhere_at = None;
                }
                None
            }
            Place::Spread(_) => None,
        }
    }

    fn runs(&mut self, node: String) -> Option<Found> {
        let (before, away) = (self.known.on.replace(node.clone()), self.known.away.take());
        let old = core::mem::take(&mut self.known.run);
        let run = self.picture.run(self.group, &node);
        self.known.run = run.map_or_else(String::new, |run| {
            let at = run.at.unwrap_or_default().0;
            format!("{} {} {at}", run.node, run.call)
        });
        let name = &self.group.name;
        let told = away.as_ref().is_some_and(|away| away.told);
        let wanted = away.as_ref().is_some_and(|away| away.stopped);
        let own = same(&node, self.beside.own);
        let fresh = own.then(|| self.fresh_start()).flatten();
        let again = |after: Option<Span>| What::Started {
            group: name.clone(),
            node: node.clone(),
            after,
        };
        let since = away.as_ref().map_or(self.now.wall, |away| away.since);
        let after = fresh.unwrap_or(self.now.wall).since(since);
        let (fact, what) = match before {
            Some(from) if !same(&from, &node) && !wanted => {
                let moved = self.moved(from, &node, away.as_ref(), fresh);
                // It had been down, and its old node is there again: nothing that has moved.
                match told && moved.why == Why::Preferred {
                    true => ("runs", again(Some(after))),
                    false => ("runs", What::Moved(moved)),
                }
            }
            // Restarted where it was: what had failed is told by itself.
            Some(_) if !told => return None,
            Some(_) => ("runs", again((!wanted).then_some(after))),
            // How things are when this service starts is no news, unless it just happened.
            None if !own
                || (fresh.is_none() && (self.beside.first || !self.known.seen_nowhere)) =>
            {
                return None;
            }
            // By another name: whoever knows where it was before has more to tell.
            None => match self.lost_alone() {
                Some(from) if fresh.is_some() => {
                    let moved = self.moved(from, &node, None, fresh);
                    ("runs", What::Moved(moved))
                }
                _ => ("began", again(None)),
            },
        };
        let run = match self.known.run.as_str() {
            // Without a history the run before tells this one apart.
            "" => format!("after {old} on {node}"),
            run => run.to_string(),
        };
        Some(self.fact(Some(node), format!("{fact} {name} {run}"), what))
    }

    /// The one node that was lost lately: from there a group came that is not known from before.
    fn lost_alone(&self) -> Option<String> {
        let mut lost = self.beside.lost.keys();
        let first = lost.next()?;
        lost.next().is_none().then(|| first.clone())
    }

    /// When the last of its resources was started here, by its report.
    fn fresh_start(&self) -> Option<WallTime> {
        let starts = self.beside.starts.iter();
        let of_group = starts.filter(|(resource, _)| self.group.has(resource));
        of_group.map(|(_, at)| *at).max()
    }

    fn moved(&self, from: String, to: &str, away: Option<&Away>, fresh: Option<WallTime>) -> Move {
        let run = self.picture.run(self.group, to).and_then(|run| run.at);
        let until = fresh.or(run).unwrap_or(self.now.wall);
        let seen = away.map_or(self.now.wall, |away| away.since).min(until);
        let (why, since) = self.cause(&from, seen);
        let role_of = (self.group.kind == GroupKind::Promotable).then(|| {
            self.group
                .members
                .first()
                .map_or(Sort::Other, |member| member.sort)
        });
        Move {
            group: self.group.name.clone(),
            role_of,
            from,
            to: to.to_string(),
            why,
            away: until.since(since),
            was_down: away.is_some_and(|away| away.told),
        }
    }

    /// Why the group left `from`, and since when it is away; `seen` is when that was noticed.
    fn cause(&self, from: &str, seen: WallTime) -> (Why, WallTime) {
        let node = self.picture.node(from);
        let lost = self.beside.lost.iter().find(|(name, _)| same(name, from));
        let gone = node.is_none_or(|node| !node.online);
        let left = node.is_some_and(|node| node.leaving);
        let stopped = self.picture.stopped(self.group, from);
        let begun = stopped
            .filter(|at| near(*at, seen, CAUSE_MAX))
            .unwrap_or(seen);
        if let Some((_, lost)) = lost.filter(|(_, lost)| gone && (lost.fenced || !left)) {
            return (
                Why::Lost {
                    fenced: lost.fenced,
                },
                lost.at.min(seen),
            );
        }
        if left {
            return (Why::Left, begun);
        }
        if gone {
            return (Why::Lost { fenced: false }, seen);
        }
        let failures = self.picture.failures.iter();
        let here = failures.filter(|one| same(&one.node, from) && self.group.has(&one.resource));
        let failure = here.max_by_key(|one| one.at);
        if let Some(failure) =
            failure.filter(|one| one.at.is_none_or(|at| near(at, seen, CAUSE_MAX)))
        {
            let why = Why::Failed {
                resource: failure.resource.clone(),
                why: failure.why.clone(),
            };
            return (why, failure.at.unwrap_or(seen).min(seen));
        }
        if node.is_some_and(|node| node.standby) {
            return (Why::Standby, begun);
        }
        let person = self.picture.by_person();
        match person.filter(|(_, at)| at.is_none_or(|at| near(at, begun, PERSON_MAX))) {
            Some((by, _)) => (Why::Person { by }, begun),
            None => (Why::Preferred, begun),
        }
    }

    /// It is not where it was: since when, if that is not known yet.
    fn left(&mut self, since: Option<WallTime>) {
        let now = self.now;
        if self.known.on.is_some() && !self.beside.first {
            self.known.away.get_or_insert_with(|| Away {
                since: since.unwrap_or(now.wall),
                at: now.at,
                nowhere_at: None,
                told: false,
                stopped: false,
            });
        }
    }

    fn nowhere(&mut self) -> Option<Found> {
        self.left(None);
        let now = self.now;
        self.known.seen_nowhere = true;
        let node = self.known.on.clone()?;
        let away = self.known.away.as_mut()?;
        let since = *away.nowhere_at.get_or_insert(now.at);
        if away.told || self.picture.left_alone(self.group) {
            return None;
        }
        let (name, run) = (self.group.name.clone(), self.known.run.clone());
        if self.group.disabled {
            (away.told, away.stopped) = (true, true);
            let what = What::Stopped {
                group: name.clone(),
                node,
            };
            return Some(self.fact(
                self.picture.decider.clone(),
                format!("stopped {name} {run}"),
                what,
            ));
        }
        // A side without quorum runs nothing: that is told as itself, and the group runs elsewhere.
        if now.at.since(since) < DOWN_WAIT || !self.picture.quorum {
            return None;
        }
        away.told = true;
        let failures = self.picture.failures.iter();
        let failure = failures
            .filter(|one| self.group.has(&one.resource))
            .max_by_key(|one| one.at);
        let failure = failure.map(|one| {
            let (resource, task, node, why) = (&one.resource, &one.task, &one.node, &one.why);
            format!("{resource} {task} ({node}): {why}")
        });
        let what = What::Down {
            group: name.clone(),
            node,
            failure,
        };
        Some(self.fact(
            self.picture.decider.clone(),
            format!("down {name} {run}"),
            what,
        ))
    }

    fn held(&mut self, node: &str) -> Option<Found> {
        if self.known.on.is_none() {
            self.known.on = Some(node.to_string());
        }
        let lost = self.beside.lost.iter().find(|(name, _)| same(name, node));
        let lost = lost.map(|(_, lost)| lost);
        let now = self.now;
        // Also at the first picture: it would not be told otherwise.
        let away = self.known.away.get_or_insert_with(|| Away {
            since: lost.map_or(now.wall, |lost| lost.at),
            at: now.at,
            nowhere_at: None,
            told: false,
            stopped: false,
        });
        let mut for_long = now.at.since(away.at);
        let devices = self.picture.groups.iter().flat_map(|group| &group.members);
        let no_device = !devices
            .into_iter()
            .any(|member| member.sort == Sort::FenceDevice);
        let failed = lost.and_then(|lost| lost.failed.clone());
        let (why, wait) = match failed {
            // That it failed is told first.
            Some((since, words)) => {
                for_long = for_long.min(now.at.since(since));
                (Unfenced::Failed(words), HELD_WAIT)
            }
            None if no_device => (Unfenced::NoDevice, HELD_WAIT),
            None => (Unfenced::TooLong(for_long), FENCING_WAIT),
        };
        if away.told || for_long < wait || !self.picture.fencing || !self.picture.quorum {
            return None;
        }
        away.told = true;
        let (group, run) = (self.group.name.clone(), self.known.run.clone());
        let fact = format!("held {group} {node} {run}");
        let what = What::Held {
            group,
            node: node.to_string(),
            why,
        };
        Some(self.fact(self.picture.decider.clone(), fact, what))
    }

    fn several(&mut self, nodes: Vec<String>) -> Option<Found> {
        let since = *self.known.several_at.get_or_insert(self.now.at);
        if self.known.several_told || self.now.at.since(since) < SEVERAL_WAIT {
            return None;
        }
        self.known.several_told = true;
        let (group, run) = (self.group.name.clone(), self.known.run.clone());
        let fact = format!("several {group} {run}");
        let what = What::Several { group, nodes };
        Some(self.fact(self.picture.decider.clone(), fact, what))
    }

    fn fact(&self, teller: Option<String>, fact: String, what: What) -> Found {
        let news = News {
            fact: Some(fact),
            late: false,
            what,
        };
        Found { teller, news }
    }
}

/// `at` can be the cause of what was noticed at `seen`.
fn near(at: WallTime, seen: WallTime, before_max: Span) -> bool {
    seen.since(at) <= before_max && at.since(seen) <= CLOCKS_APART
}
