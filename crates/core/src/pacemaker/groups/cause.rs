//! Why a group went from one node to another, and for how long it was away.

use super::known::Away;
use super::look::Look;
use super::{CAUSE_MAX, CLOCKS_APART, Move, PERSON_MAX, Why};
use crate::pacemaker::picture::{GroupKind, Sort, same};
use crate::pacemaker::{Absence, PacemakerNode};
use crate::time::{Span, WallTime};
use alloc::string::{String, ToString};

impl Look<'_> {
    pub(super) fn moved(
        &self,
        from: String,
        to: &str,
        away: Option<&Away>,
        fresh: Option<WallTime>,
    ) -> Move {
        let run = self.picture.run(self.group, to).and_then(|run| run.at);
        let until = fresh.or(run).unwrap_or(self.now.wall);
        // Nobody watched when it went.
        let blind = self.known.remembered && away.is_none();
        let seen = away.map_or(self.now.wall, |away| away.since).min(until);
        let (why, since) = self.cause((&from, to), seen, away, blind);
        let role_of = (self.group.kind == GroupKind::Promotable).then(|| {
            self.group
                .members
                .first()
                .map_or(Sort::Other, |member| member.sort)
        });
        let unseen = since.is_none() && away.is_some_and(|away| away.at_least);
        let absence = Absence {
            span: until.since(since.unwrap_or(seen)),
            at_least: unseen,
        };
        Move {
            group: self.group.name.clone(),
            role_of,
            from,
            to: to.to_string(),
            why,
            away: (since.is_some() || !blind).then_some(absence),
            was_down: away.is_some_and(|away| away.told),
        }
    }

    /// Why the group left `from`, and since when it is away if something tells that; `seen` is when it was
    /// noticed.
    fn cause(
        &self,
        (from, to): (&str, &str),
        seen: WallTime,
        away: Option<&Away>,
        blind: bool,
    ) -> (Why, Option<WallTime>) {
        let node = self.picture.node(from);
        let lost = self.beside.lost.iter().find(|(name, _)| same(name, from));
        let gone = node.is_none_or(|node| !node.online);
        let left = node.is_some_and(PacemakerNode::has_left);
        let recent = |at: WallTime| near(at, seen, CAUSE_MAX);
        let begun = self.picture.stopped(self.group, from, recent);
        if let Some((_, lost)) =
            lost.filter(|(_, lost)| gone && (lost.fenced || lost.by_ring || !left))
        {
            let fenced = lost.fenced;
            return (Why::Lost { fenced }, Some(lost.at.min(seen)));
        }
        if away.is_some_and(|away| away.lost) {
            return (Why::Lost { fenced: false }, None);
        }
        if left {
            return (Why::Left, begun);
        }
        if gone {
            let why = match blind {
                true => Why::Unseen,
                false => Why::Lost { fenced: false },
            };
            return (why, None);
        }
        let failures = self.picture.failures.iter();
        let here = failures.filter(|one| same(&one.node, from) && self.group.has(&one.resource));
        let failure = here.max_by_key(|one| one.at);
        // It is shown until somebody cleans it up; what was started there again since has not left for it.
        let mended = |at: WallTime| {
            let since = |start: WallTime| start > at && start <= seen;
            self.picture.started(self.group, from, since).is_some()
        };
        if let Some(failure) = failure.filter(|one| {
            one.at
                .is_none_or(|at| near(at, seen, CAUSE_MAX) && !mended(at))
        }) {
            let why = Why::Failed {
                resource: failure.resource.clone(),
                why: failure.why.clone(),
            };
            return (why, failure.at.map(|at| at.min(seen)));
        }
        if node.is_some_and(|node| node.standby) {
            return (Why::Standby, begun);
        }
        let person = self.picture.by_person();
        // What the change led to began at once, however long the way took.
        let first = begun.or_else(|| self.picture.started(self.group, to, recent));
        let at = first.map_or(seen, |first| first.min(seen));
        let why = match person.filter(|(_, by)| by.is_none_or(|by| near(by, at, PERSON_MAX))) {
            Some((by, _)) => Why::Person { by },
            // A node that has come back meanwhile has no history of a stop.
            None if blind && begun.is_none() => Why::Unseen,
            None => Why::Preferred,
        };
        (why, begun)
    }
}

/// `at` can be the cause of what was noticed at `seen`.
fn near(at: WallTime, seen: WallTime, before_max: Span) -> bool {
    seen.since(at) <= before_max && at.since(seen) <= CLOCKS_APART
}
