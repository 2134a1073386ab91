//! Fencing: N−1 servers are told of it, one tells it on.

use super::{News, What};
use crate::time::{Moment, Span};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// How long the others' reports of the same fencing are gathered, to name who has seen it.
pub(super) const OBSERVERS_WAIT: Span = Span::from_ms(300);
/// Most fencings that are gathered at a time; a further one is told without waiting.
const GATHERED_MAX: usize = 64;
/// Most observers that are named.
const OBSERVERS_MAX: usize = crate::config::SERVERS_MAX;

/// Who fenced, in Pacemaker's words, when a person has confirmed that a node is off.
pub const A_PERSON: &str = "a human";

/// How the fencing of a node ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fencing {
    /// The node that was to be fenced.
    pub node: String,
    /// It was.
    pub done: bool,
    /// Which node did it, if that is known.
    pub by: Option<String>,
    /// How it ended, in Pacemaker's words.
    pub result: String,
    /// The servers whose Pacemaker has reported it.
    pub observers: Vec<String>,
}

#[derive(Clone, Debug)]
struct Gathered {
    fact: String,
    until: Moment,
    told: bool,
    /// Our own Pacemaker has reported it: what only others have they tell, who know whether it was tried before.
    ours: bool,
    fencing: Fencing,
    /// An earlier run of this service may have told it.
    waited: bool,
    /// A failure that follows one told already, because Pacemaker tries again every few seconds, or the success: a
    /// try that was under way when a person confirmed that the node is off fails after that.
    again: bool,
    /// The node takes part again.
    back: bool,
    /// An earlier run of this service told it, and no picture has shown yet whether that still lasts.
    before: bool,
}

/// Fencings that are being gathered or were told lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Fencings {
    gathered: Vec<Gathered>,
}

impl Fencings {
    /// Takes a report of server `observer`, which may be ours. Answers it when there is no room to wait for others.
    pub(super) fn take(
        &mut self,
        (now, waited): (Moment, bool),
        (node, rc, description): (&str, i32, &str),
        (observer, ours): (&str, bool),
    ) -> Option<News> {
        let fact = fact(node, description);
        if let Some(known) = self.gathered.iter_mut().find(|one| one.fact == fact) {
            let observers = &mut known.fencing.observers;
            if observers.len() < OBSERVERS_MAX && !observers.iter().any(|one| one == observer) {
                observers.push(observer.to_string());
                observers.sort();
            }
            if ours && !core::mem::replace(&mut known.ours, true) && known.told {
                (known.told, known.until) = (false, now + OBSERVERS_WAIT);
            }
            return None;
        }
        let (by, result) = parts(description);
        let fencing = Fencing {
            node: node.to_string(),
            done: rc == 0,
            by,
            result,
            observers: [observer.to_string()].into(),
        };
        let others = || self.gathered.iter().filter(|one| one.fencing.node == node);
        let again = !fencing.done && others().next().is_some();
        // A try that was under way when the node came back belongs to the loss before.
        let back = others().any(|one| one.back);
        if self.gathered.len() >= GATHERED_MAX {
            self.forget_oldest();
        }
        if self.gathered.len() >= GATHERED_MAX {
            return ours.then(|| news(fact, waited, fencing));
        }
        self.gathered.push(Gathered {
            waited,
            again,
            back,
            before: false,
            fact,
            until: now + OBSERVERS_WAIT,
            told: false,
            ours,
            fencing,
        });
        None
    }

    /// An earlier run of this service told that a node could not be fenced, and of no end.
    pub(super) fn told_before(&mut self, now: Moment, node: &str) {
        if self.gathered.len() >= GATHERED_MAX {
            return;
        }
        self.gathered.push(Gathered {
            fact: String::new(),
            until: now,
            told: true,
            ours: true,
            fencing: Fencing {
                node: node.to_string(),
                done: false,
                by: None,
                result: String::new(),
                observers: Vec::new(),
            },
            waited: true,
            again: false,
            back: false,
            before: true,
        });
    }

    /// Forgets what an earlier run told of nodes for which this does not hold: that is over, and the next failure is
    /// another one.
    pub(super) fn keep_told_before(&mut self, lasts: impl Fn(&str) -> bool) {
        self.gathered
            .retain(|one| !one.before || lasts(&one.fencing.node));
        self.gathered.iter_mut().for_each(|one| one.before = false);
    }

    /// What has been gathered for long enough.
    pub(super) fn tick(&mut self, now: Moment) -> Vec<News> {
        let due = self
            .gathered
            .iter_mut()
            .filter(|one| !one.told && one.until <= now);
        due.filter_map(|one| {
            one.told = true;
            (one.ours && !one.again)
                .then(|| news(one.fact.clone(), one.waited, one.fencing.clone()))
        })
        .collect()
    }

    /// The node takes part again. A try that is still under way may fail after that.
    pub(super) fn back(&mut self, node: &str) {
        let of_node = self.gathered.iter_mut();
        of_node
            .filter(|one| one.fencing.node == node && one.told)
            .for_each(|one| one.back = true);
    }

    /// The node is lost: if it had been back, what fails from here on is another matter.
    pub(super) fn lost(&mut self, node: &str) {
        self.gathered
            .retain(|one| one.fencing.node != node || !one.back);
    }

    /// Makes room, but keeps the last word about each node.
    fn forget_oldest(&mut self) {
        let is_last = |at: usize| {
            let node = &self.gathered[at].fencing.node;
            !self.gathered[at + 1..]
                .iter()
                .any(|later| later.fencing.node == *node)
        };
        let old = (0..self.gathered.len()).find(|at| self.gathered[*at].told && !is_last(*at));
        let old = old.or_else(|| self.gathered.iter().position(|one| one.told));
        if let Some(at) = old {
            self.gathered.remove(at);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Moment> {
        let open = self.gathered.iter().filter(|one| !one.told);
        open.map(|one| one.until).min()
    }
}

fn news(fact: String, late: bool, fencing: Fencing) -> News {
    News {
        fact: Some(fact),
        late,
        what: What::Fenced(fencing),
    }
}

/// All nodes are given the same reference; without one the words themselves name it.
fn fact(node: &str, description: &str) -> String {
    let reference = description
        .rsplit_once("(ref=")
        .map(|(_, rest)| rest.trim_end_matches(')'));
    format!("fenced {node} {}", reference.unwrap_or(description))
}

/// `Operation reboot of n1 by n3 for pacemaker-controld.7@n2: OK (ref=…)`: by whom, and how it ended.
pub(super) fn parts(description: &str) -> (Option<String>, String) {
    let words = description
        .rsplit_once(" (ref=")
        .map_or(description, |(words, _)| words);
    let by = words
        .split_once(" by ")
        .and_then(|(_, rest)| match rest.starts_with(A_PERSON) {
            true => Some((A_PERSON, "")),
            false => rest.split_once(' '),
        });
    let by = by
        .map(|(by, _)| by)
        .filter(|by| !by.is_empty() && !by.starts_with('<'));
    let result = words.rsplit_once(": ").map_or(words, |(_, result)| result);
    (by.map(ToString::to_string), result.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N3 N9
    #[test]
    fn a_try_that_fails_after_the_node_is_off_or_back_is_no_news() {
        let mut fencings = Fencings::default();
        let mut told = |at_ms: u64, rc: i32, words: &str| {
            let at = Moment(0) + Span::from_ms(at_ms);
            assert_eq!(
                fencings.take((at, false), ("n1", rc, words), ("n2", true)),
                None
            );
            fencings.tick(at + OBSERVERS_WAIT).len()
        };
        assert_eq!(
            told(
                1_000,
                1,
                "Operation reboot of n1 by n2 for x: Error (ref=1)"
            ),
            1
        );
        assert_eq!(
            told(
                2_000,
                1,
                "Operation reboot of n1 by n2 for x: Error (ref=2)"
            ),
            0
        );
        assert_eq!(
            told(3_000, 0, "Operation off of n1 by a human for y: OK (ref=3)"),
            1
        );
        assert_eq!(
            told(
                4_000,
                1,
                "Operation reboot of n1 by n2 for x: Error (ref=4)"
            ),
            0
        );
        fencings.back("n1");
        let at = Moment(0) + Span::from_ms(9_000);
        let words = "Operation reboot of n1 by n2 for x: Error (ref=5)";
        assert_eq!(
            fencings.take((at, false), ("n1", 1, words), ("n2", true)),
            None
        );
        assert_eq!(fencings.tick(at + OBSERVERS_WAIT).len(), 0);
        fencings.lost("n1");
        let at = Moment(0) + Span::from_ms(19_000);
        let words = "Operation reboot of n1 by n2 for x: Error (ref=6)";
        assert_eq!(
            fencings.take((at, false), ("n1", 1, words), ("n2", true)),
            None
        );
        assert_eq!(fencings.tick(at + OBSERVERS_WAIT).len(), 1);
    }

    /// A server that has just started does not know that it was tried before.
    ///
    /// Rule: N3 N9
    #[test]
    fn what_only_other_servers_report_is_told_by_them() {
        let mut fencings = Fencings::default();
        let of = ("n1", 1, "Operation reboot of n1 by n2 for x: Error (ref=7)");
        let at = |ms| Moment(0) + Span::from_ms(ms);
        assert_eq!(fencings.take((at(0), false), of, ("n3", false)), None);
        assert_eq!(fencings.tick(at(400)), []);
        // Ours comes late.
        assert_eq!(fencings.take((at(500), false), of, ("n2", true)), None);
        let news = fencings.tick(at(800));
        assert!(
            matches!(&news[..], [News { what: What::Fenced(one), .. }] if one.observers.len() == 2),
            "{news:?}"
        );
        assert_eq!(fencings.tick(at(9_000)), []);
    }

    /// Rule: N3
    #[test]
    fn who_fenced_and_how_it_ended_stands_in_the_words() {
        let (by, result) =
            parts("Operation reboot of n1 by n3 for pacemaker-controld.72@n2: OK (ref=1-2-3)");
        assert_eq!((by.as_deref(), result.as_str()), (Some("n3"), "OK"));
        let (by, result) =
            parts("Operation reboot of n1 by <no-one> for x@n2: No such device (ref=4)");
        assert_eq!((by, result.as_str()), (None, "No such device"));
        assert_eq!(parts("").1, "");
        let (by, _) = parts("Operation off of n1 by a human for stonith_admin.7@n2: OK (ref=5)");
        assert_eq!(by.as_deref(), Some(A_PERSON));
    }
}
