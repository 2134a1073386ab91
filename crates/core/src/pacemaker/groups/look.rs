//! One look at one group: where it is, and what that means after where it was.

use super::known::{Away, Known};
use super::{BACK_WAIT, Beside, FENCING_WAIT, Found, HELD_WAIT, SEVERAL_WAIT, UNSETTLED_MAX, Why};
use crate::pacemaker::picture::{Group, Picture, Place, Sort, same};
use crate::pacemaker::{Absence, News, Unfenced, What};
use crate::time::{Now, WallTime};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub(super) struct Look<'a> {
    pub(super) now: Now,
    pub(super) picture: &'a Picture,
    pub(super) beside: &'a Beside<'a>,
    pub(super) group: &'a Group,
    pub(super) known: &'a mut Known,
}

impl Look<'_> {
    pub(super) fn judge(&mut self) -> Option<Found> {
        let place = self.picture.place(self.group);
        if !matches!(place, Place::Several(_)) {
            (self.known.several_at, self.known.several_told) = (None, false);
        }
        self.known.open = false;
        self.known.take_word(self.now.at);
        if !matches!(&place, Place::On(_))
            && let Some(away) = &mut self.known.away
        {
            away.back_at = None;
        }
        let found = match place {
            // Whoever has watched knows whether it started here or moved.
            Place::On(node) if self.waits_for_others(&node) => {
                self.known.open = true;
                None
            }
            Place::On(node) if self.is_back_for_a_moment(&node) => {
                self.known.open = true;
                None
            }
            Place::On(node) => self.runs(node),
            Place::Nowhere => self.nowhere(None),
            Place::Part(node, idle) => self.nowhere(Some((node, idle))),
            Place::Unknown(node) => self.held(&node),
            Place::Several(nodes) => self.several(nodes),
            Place::Between => {
                self.left();
                self.on_its_way();
                None
            }
            Place::Spread(_) => None,
        };
        self.known.remembered = false;
        self.note_loss();
        found
    }

    fn runs(&mut self, node: String) -> Option<Found> {
        let (before, away) = (self.known.on.replace(node.clone()), self.known.away.take());
        (self.known.word, self.known.ran_at) = (None, Some(self.now.wall));
        let run = self.run_on(&node);
        let old = core::mem::replace(&mut self.known.run, run);
        let name = &self.group.name;
        let told = away.as_ref().is_some_and(|away| away.told);
        let wanted = away.as_ref().is_some_and(|away| away.stopped);
        let goes_on = !old.is_empty() && old == self.known.run;
        let past = self.known.past.take().filter(|_| goes_on);
        let ended = away.as_ref().and_then(|away| away.told_as.clone());
        self.known.past = ended.filter(|_| goes_on).or(past);
        let own = same(&node, self.beside.own);
        let fresh = own.then(|| self.fresh_start()).flatten();
        let again = |after: Option<Absence>| What::Started {
            group: name.clone(),
            node: node.clone(),
            after,
        };
        let until = fresh.unwrap_or(self.now.wall);
        let after = away.as_ref().map(|away| Absence {
            span: until.since(away.since),
            at_least: away.at_least,
        });
        let (fact, what) = match before {
            Some(from) if !same(&from, &node) && !wanted => {
                let moved = self.moved(from, &node, away.as_ref(), fresh);
                // It had been down, and its old node is there again: nothing that has moved.
                match told && moved.why == Why::Preferred {
                    true => ("runs", again(after)),
                    false => ("runs", What::Moved(moved)),
                }
            }
            // Restarted where it was: what had failed is told by itself.
            Some(_) if !told => return None,
            None if told && !wanted => ("runs", again(after)),
            Some(_) => ("runs", again(after.filter(|_| !wanted))),
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
                _ => ("began", again(self.since_first_failure(until))),
            },
        };
        let run = match self.known.run.as_str() {
            // Without a history the run before tells this one apart.
            "" => format!("after {old} on {node}"),
            // What began that run was told under its name.
            run if goes_on => format!("{run} after {}", self.past()),
            run => run.to_string(),
        };
        let unseen = matches!(&what, What::Moved(moved) if moved.why == Why::Unseen);
        let others_know = unseen && self.beside.rejoined && self.known.remembered;
        let teller = Some(node).filter(|_| !others_know);
        Some(self.fact(teller, format!("{fact} {name} {run}"), what))
    }

    /// Names the trouble that this run has outlived, if any.
    fn past(&self) -> &str {
        self.known.past.as_ref().map_or("", |past| &past.0)
    }

    /// The run that is shown on a node: its name is the same on every node.
    fn run_on(&self, node: &str) -> String {
        let run = self.picture.run(self.group, node);
        run.map_or_else(String::new, |run| {
            let at = run.at.unwrap_or_default().0;
            format!("{} {} {at}", run.node, run.call)
        })
    }

    /// Its node was lost, which was told, and shows it in no other run than before: what it ran when it was lost,
    /// or it has gone on all the while. Only the latter lasts.
    fn is_back_for_a_moment(&mut self, node: &str) -> bool {
        let run = self.run_on(node);
        let old = run.is_empty() || run == self.known.run;
        let on = self.known.on.as_ref();
        let there = on.is_some_and(|on| same(on, node));
        let now = self.now.at;
        let away = self.known.away.as_mut();
        let Some(away) = away.filter(|away| there && old && away.told && away.lost) else {
            return false;
        };
        now.since(*away.back_at.get_or_insert(now)) < BACK_WAIT
    }

    fn waits_for_others(&self, node: &str) -> bool {
        self.beside.untaught && self.known.is_blank() && same(node, self.beside.own)
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

    /// It could not be started elsewhere before, and that was told.
    fn since_first_failure(&self, until: WallTime) -> Option<Absence> {
        let first = self.beside.failed_starts.since(self.group)?;
        Some(Absence {
            span: until.since(first),
            at_least: false,
        })
    }

    /// It is not where it was.
    pub(super) fn left(&mut self) {
        let now = self.now;
        let at_least = self.known.remembered;
        self.known.away.get_or_insert_with(|| Away {
            at_least,
            ..Away::since(now.wall, now.at)
        });
    }

    fn on_its_way(&mut self) {
        if let Some(away) = &mut self.known.away {
            away.nowhere_at = None;
            self.known.open = !away.told && self.now.at.since(away.at) < UNSETTLED_MAX;
        }
    }

    /// A node that returns later hides that it was lost.
    fn note_loss(&mut self) {
        let (Some(from), Some(away)) = (&self.known.on, &mut self.known.away) else {
            return;
        };
        let node = self.picture.node(from);
        let gone = node.is_none_or(|node| !node.online);
        let left = node.is_some_and(|node| node.leaving);
        let fenced = self
            .beside
            .lost
            .iter()
            .any(|(name, lost)| same(name, from) && lost.fenced);
        away.lost |= gone && (fenced || !left);
    }

    fn held(&mut self, node: &str) -> Option<Found> {
        if self.known.on.is_none() {
            self.known.on = Some(node.to_string());
        }
        let lost = self.beside.lost.iter().find(|(name, _)| same(name, node));
        let lost = lost.map(|(_, lost)| lost);
        let now = self.now;
        // Also at the first picture: it would not be told otherwise.
        let since = lost.map_or(now.wall, |lost| lost.at);
        let at_least = lost.is_none() && self.known.remembered;
        let away = self.known.away.get_or_insert_with(|| Away {
            at_least,
            ..Away::since(since, now.at)
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
        self.known.open = !away.told;
        if away.told || for_long < wait || !self.picture.fencing || !self.picture.quorum {
            return None;
        }
        (away.told, self.known.open) = (true, false);
        // The history of a lost node is not shown: who has not seen that run names this otherwise, and hears meanwhile
        // that it is told.
        let (group, run) = (self.group.name.clone(), self.known.run.clone());
        let fact = match self.past() {
            "" => format!("held {group} {node} {run}"),
            past => format!("held {group} {node} {run} after {past}"),
        };
        let what = What::Held {
            group,
            node: node.to_string(),
            why,
        };
        Some(self.fact(self.picture.decider.clone(), fact, what))
    }

    fn several(&mut self, nodes: Vec<String>) -> Option<Found> {
        let since = *self.known.several_at.get_or_insert(self.now.at);
        if self.known.several_told {
            return None;
        }
        if self.now.at.since(since) < SEVERAL_WAIT {
            self.known.open = true;
            return None;
        }
        self.known.several_told = true;
        let (group, run) = (self.group.name.clone(), self.known.run.clone());
        let fact = format!("several {group} {run}");
        let what = What::Several { group, nodes };
        Some(self.fact(self.picture.decider.clone(), fact, what))
    }

    pub(super) fn fact(&self, teller: Option<String>, fact: String, what: What) -> Found {
        let news = News {
            fact: Some(fact),
            late: false,
            what,
        };
        Found { teller, news }
    }
}
