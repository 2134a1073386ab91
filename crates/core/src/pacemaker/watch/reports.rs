//! Reports as they come, and in the order of their times.

use super::{REASON_WAIT, REPORTS_MAX, Watch};
use crate::pacemaker::News;
use crate::pacemaker::fencing;
use crate::pacemaker::groups::Lost;
use crate::pacemaker::picture::same;
use crate::pacemaker::report::{Kind, Report};
use crate::time::{Moment, Now, Span, WallTime};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Resources whose last start is remembered.
const STARTS_MAX: usize = 1_024;
/// Nodes that are remembered as lost.
pub(super) const LOST_MAX: usize = 64;

impl Watch {
    /// Says of reports that they are done with.
    pub(super) fn release(&mut self, is: impl Fn(Moment) -> bool) {
        // A fencing is told a moment after its report, and its report goes with that.
        if self.fencings.next_deadline().is_some() {
            return;
        }
        let (done, held) = core::mem::take(&mut self.held)
            .into_iter()
            .partition(|(at, _)| is(*at));
        self.held = held;
        let done: Vec<(Moment, String)> = done;
        self.decided.extend(done.into_iter().map(|(_, key)| key));
    }

    /// What pictures want to know of a report, in whatever order it comes.
    pub(super) fn note(&mut self, now: Now, report: &Report) {
        let at = wall(report);
        self.failed_starts.take(now.at, report);
        match &report.kind {
            Kind::Node {
                node,
                member: false,
            } => {
                self.lose(now, node, at);
                self.fencings.lost(node);
            }
            Kind::Node { node, member: true } => {
                self.lost.remove(node);
                self.fencings.back(node);
                // A report that comes after the picture that shows it says nothing new.
                let is_known = self.joined.is_some_and(|joined| at <= joined);
                if same(node, &self.own) && !is_known {
                    self.begin_anew(at);
                }
            }
            Kind::Fencing {
                node,
                rc,
                description,
            } => {
                if let Some(lost) = self.lose(now, node, at) {
                    lost.fenced |= *rc == 0;
                    lost.failed = match (*rc, lost.failed.take()) {
                        (0, _) => None,
                        _ if lost.fenced => None,
                        // Pacemaker tries again: it has failed since the first time.
                        (_, Some(first)) => Some(first),
                        (_, None) => Some((now.at, fencing::parts(description).1)),
                    };
                }
            }
            Kind::Operation(operation)
                if ["start", "promote"].contains(&operation.task.as_str())
                    && operation.is_news()
                    && !operation.failed() =>
            {
                if self.starts.len() >= STARTS_MAX {
                    self.starts.pop_first();
                }
                let last = self.starts.entry(operation.resource.clone()).or_insert(at);
                *last = at.max(*last);
            }
            _ => {}
        }
    }

    /// Until when what was gathered waits for a look: a failure among it is younger than the picture, and the next
    /// one may have its reason.
    pub(super) fn reason_by(&self) -> Option<Moment> {
        let failed = |report: &Report| match &report.kind {
            Kind::Operation(operation) => operation.failed(),
            _ => false,
        };
        let waits = self.picture.is_some() && self.blind.is_none();
        let full = self.gathered.len() >= REPORTS_MAX;
        let mut younger = self.gathered.iter();
        let younger = younger.find(|(came, report)| *came > self.picture_of && failed(report));
        let by = younger.map(|(came, _)| *came + REASON_WAIT);
        by.filter(|_| waits && !full)
    }

    /// For how long the first has waited of what is gathered.
    pub(super) fn gathered_for(&self, now: Moment) -> Span {
        let first = self.gathered.first();
        first.map_or(Span::ZERO, |(came, _)| now.since(*came))
    }

    /// What was gathered is taken in the order of its times.
    pub(super) fn decide(&mut self, now: Now, news: &mut Vec<News>) {
        self.gather_until = None;
        let before = news.len();
        let waited = core::mem::take(&mut self.waited);
        let mut reports = core::mem::take(&mut self.gathered);
        reports.sort_by_key(|(_, report)| (report.at_us, report.sequence));
        for (came, report) in reports {
            let key = report.key();
            match &report.kind {
                Kind::Operation(operation) if operation.is_news() => {
                    let picture = self.picture.as_ref();
                    let follows = self.failed_starts.follows(&report, picture);
                    let of = (operation, key.as_str(), follows);
                    news.extend(self.troubles.take(now, of, wall(&report), picture));
                }
                _ => {}
            }
            self.held.push((came, key));
        }
        // An earlier run of this service may have told it.
        news[before..].iter_mut().for_each(|one| one.late |= waited);
        if self.held.len() >= REPORTS_MAX {
            self.release(|_| true);
        }
    }

    /// The ring has lost a node; Pacemaker may not have said so yet, and says nothing where its agent cannot be
    /// called.
    pub fn lost_by_ring(&mut self, now: Now, node: &str) {
        if let Some(lost) = self.lose(now, node, now.wall) {
            lost.by_ring = true;
        }
    }

    /// A node is lost, or is to be; `None` for this one, and when there are too many.
    pub(super) fn lose(&mut self, now: Now, node: &str, at: WallTime) -> Option<&mut Lost> {
        let full = self.lost.len() >= LOST_MAX && !self.lost.contains_key(node);
        if full || same(node, &self.own) {
            return None;
        }
        let lost = Lost {
            at,
            noticed: now.at,
            ..Lost::default()
        };
        Some(self.lost.entry(node.to_string()).or_insert(lost))
    }
}

fn wall(report: &Report) -> WallTime {
    WallTime(report.at_us / 1_000)
}
