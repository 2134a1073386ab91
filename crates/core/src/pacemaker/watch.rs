//! One server's watch over Pacemaker: reports and pictures in, news out, by deadlines it names.

mod known;
mod reports;
mod see;

use super::clones::Clones;
use super::fencing::Fencings;
use super::groups::{Groups, Lost};
use super::nodes::Quorum;
use super::picture::{Picture, same};
use super::report::{Kind, Report};
use super::resources::Troubles;
use super::starts::FailedStarts;
use super::{News, What};
use crate::time::{Moment, Now, Span, WallTime};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// How long reports are gathered before they are taken in the order of their times: agents run side by
/// side, and a report of what came first may come last.
pub const GATHER: Span = Span::from_ms(300);
/// Most reports that are gathered; the next one ends the gathering.
pub const REPORTS_MAX: usize = 4_096;
/// How long a fact is left to the server that is to tell it.
pub const OTHERS_WAIT: Span = Span::from_secs(10);
/// Most facts that are left to others at a time; a further one is told at once.
pub const LATE_MAX: usize = 64;
/// Most resources whose faults are followed; the end of further ones is not told.
pub const FAULTS_MAX: usize = 256;
/// How often the cluster is looked at when nothing happens.
pub const LOOK_EVERY: Span = Span::from_secs(30);
/// The same while a group is on its way, or cannot be read.
pub const LOOK_UNSETTLED: Span = Span::from_secs(2);
/// Least time between two looks.
pub const LOOK_GAP: Span = Span::from_ms(500);
/// The same after a look that took long, while nothing is urgent: so many times as long as it took, because on a busy
/// machine looks take their time from what is looked at.
pub const LOOK_REST: u64 = 5;
/// But no longer than this.
pub const LOOK_GAP_MAX: Span = Span::from_secs(2);

/// A report is followed by others of the same happening: a look waits this long for them.
const LOOK_AFTER: Span = Span::from_ms(100);
/// How long groups that nothing is known of wait, after Pacemaker has begun anew here, for what servers have watched
/// whose Pacemaker ran on.
const TAUGHT_WAIT: Span = Span::from_secs(1);
/// How long reports wait for the first picture, which says what group a resource belongs to.
const FIRST_WAIT: Span = Span::from_secs(3);
/// What follows from a node's loss comes within this time, and is looked for without rest.
const LOSS_URGENT: Span = Span::from_secs(60);
/// How long a failure waits for a look that shows its reason.
const REASON_WAIT: Span = Span::from_secs(1);
/// Names of reports that are remembered, so that one handed over twice counts once.
const KEYS_MAX: usize = 2 * REPORTS_MAX;
/// Reports are kept for a look that shows what followed for this long.
const HELD_MAX: Span = Span::from_secs(30);
/// Pacemaker may be stopped for this long before it is said that its state cannot be read.
const BLIND_WAIT: Span = Span::from_secs(60);

/// One server's watch over Pacemaker.
#[derive(Clone, Debug)]
pub struct Watch {
    own: String,
    /// With when each came.
    gathered: Vec<(Moment, Report)>,
    gather_until: Option<Moment>,
    /// Among the gathered are some that may have waited on disk.
    waited: bool,
    keys: VecDeque<String>,
    /// Decided, and kept until a later look has shown what followed; with when each came.
    held: Vec<(Moment, String)>,
    decided: Vec<String>,
    /// When the look that is under way was asked for.
    asked_at: Moment,
    /// What came before this has been shown by a look, and nothing was on its way.
    shown_at: Moment,
    /// The others should look as well.
    hint: bool,
    picture: Option<Picture>,
    /// When the look was asked for that brought it.
    picture_of: Moment,
    looking: bool,
    look_at: Moment,
    looked_at: Option<Moment>,
    /// How long the last look took.
    look_took: Span,
    blind: Option<Moment>,
    blind_why: String,
    blind_told: bool,
    groups: Groups,
    clones: Clones,
    failed_starts: FailedStarts,
    /// Pacemaker has begun anew on this node, and has not shown anything of use since.
    anew: bool,
    /// When it then first did.
    joined: Option<WallTime>,
    /// The others should tell what they have watched.
    asks: bool,
    /// Until when that is waited for.
    taught_by: Option<Moment>,
    /// The whole cluster is being stopped, or was.
    stopped: bool,
    /// When another server has told that: pictures from before show otherwise.
    stop_told_at: Option<Moment>,
    troubles: Troubles,
    fencings: Fencings,
    quorum: Quorum,
    lost: BTreeMap<String, Lost>,
    /// Nodes of which it was told that they are to be fenced, until they are back and nothing of that is under way.
    asked: BTreeSet<String>,
    starts: BTreeMap<String, WallTime>,
    late: Vec<(Moment, News)>,
}

impl Watch {
    /// A watch of the server `own`, which is the name of its node too. It wants to look at once.
    pub fn new(now: Moment, own: &str) -> Watch {
        Watch {
            own: own.to_string(),
            gathered: Vec::new(),
            gather_until: None,
            waited: false,
            keys: VecDeque::new(),
            held: Vec::new(),
            decided: Vec::new(),
            asked_at: now,
            shown_at: now,
            hint: false,
            picture: None,
            picture_of: now,
            looking: false,
            look_at: now,
            looked_at: None,
            look_took: Span::ZERO,
            blind: None,
            blind_why: String::new(),
            blind_told: false,
            groups: Groups::default(),
            clones: Clones::default(),
            failed_starts: FailedStarts::default(),
            anew: false,
            joined: None,
            asks: false,
            taught_by: None,
            stopped: false,
            stop_told_at: None,
            troubles: Troubles::default(),
            fencings: Fencings::default(),
            quorum: Quorum::default(),
            lost: BTreeMap::new(),
            asked: BTreeSet::new(),
            starts: BTreeMap::new(),
            late: Vec::new(),
        }
    }

    /// Takes a report of this server's agent. One that was taken before is only said to be decided.
    pub fn report(&mut self, now: Now, report: Report, news: &mut Vec<News>) {
        self.take(now, (report, false), news);
    }

    /// Takes one that was on disk when this run began: an earlier one may have told of it, whatever was looked at by
    /// now.
    pub fn waited(&mut self, now: Now, report: Report, news: &mut Vec<News>) {
        self.take(now, (report, true), news);
    }

    fn take(&mut self, now: Now, (report, waited): (Report, bool), news: &mut Vec<News>) {
        let waited = waited || self.picture.is_none();
        let key = report.key();
        if self.keys.contains(&key) {
            // Unless something is still to follow from it.
            let open = self.gathered.iter().any(|(_, one)| one.key() == key);
            if !open && !self.held.iter().any(|(_, held)| *held == key) {
                self.decided.push(key);
            }
            return;
        }
        if self.keys.len() >= KEYS_MAX {
            self.keys.pop_front();
        }
        self.keys.push_back(key);
        self.note(now, &report);
        let looks = match &report.kind {
            // A monitor that Pacemaker cancels is the first sign of much that a person does.
            Kind::Operation(_) | Kind::Node { .. } | Kind::Fencing { .. } => true,
            Kind::Other => false,
        };
        if looks {
            self.look_by(now.at + LOOK_AFTER);
        }
        // That this node could not be fenced is told by those that have tried: it may be back and know of no try.
        if let Kind::Fencing {
            node,
            rc,
            description,
        } = &report.kind
            && !same(node, &self.own)
        {
            let of = (node.as_str(), *rc, description.as_str());
            let by = (self.own.as_str(), true);
            news.extend(self.fencings.take((now.at, waited), of, by));
        }
        self.gathered.push((now.at, report));
        let wait = match self.picture {
            Some(_) => GATHER,
            None => FIRST_WAIT,
        };
        self.waited |= waited;
        self.gather_until.get_or_insert(now.at + wait);
        if self.gathered.len() >= REPORTS_MAX {
            self.gather_until = Some(now.at);
        }
        self.tick(now, news);
    }

    /// Another server's Pacemaker has reported the same.
    pub fn observed(&mut self, now: Now, by: &str, report: &Report, news: &mut Vec<News>) {
        self.failed_starts.take(now.at, report);
        if let Kind::Fencing {
            node,
            rc,
            description,
        } = &report.kind
        {
            let of = (node.as_str(), *rc, description.as_str());
            news.extend(self.fencings.take((now.at, false), of, (by, false)));
        }
    }

    /// Takes what a look has brought: the cluster, or why it could not be read.
    pub fn looked(&mut self, now: Now, result: Result<Picture, String>, news: &mut Vec<News>) {
        self.looking = false;
        self.looked_at = Some(now.at);
        self.look_took = now.at.since(self.asked_at);
        match result.and_then(|picture| self.of_use(now, picture)) {
            Ok(picture) => {
                self.see(now, picture, news);
                if !self.unsettled() {
                    self.shown_at = self.asked_at;
                }
            }
            Err(why) => {
                self.blind.get_or_insert(now.at);
                self.blind_why = why;
                self.decide(now, news);
            }
        }
        // A node that was reported lost may be in the picture still, and its groups with it.
        let expected = self.lost.values().any(|lost| !lost.seen);
        let unsettled = self.unsettled() || self.blind.is_some() || expected;
        let next = match unsettled {
            true => LOOK_UNSETTLED,
            false => LOOK_EVERY,
        };
        // What was reported while we looked wants another look.
        if self.look_at <= now.at {
            self.look_at = now.at + next;
        }
        self.look_by(now.at + next);
        if let Some(by) = self.taught_by.filter(|by| *by > now.at) {
            self.look_by(by);
        }
        self.tick(now, news);
    }

    /// Says that reports were lost before they could be handed over.
    pub fn lost(&mut self, count: u64, news: &mut Vec<News>) {
        news.push(News {
            fact: None,
            late: false,
            what: What::Lost { count },
        });
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Now, news: &mut Vec<News>) {
        if self.gather_until.is_some_and(|until| until <= now.at) {
            match self.reason_by().filter(|by| *by > now.at) {
                None => self.decide(now, news),
                until => self.gather_until = until,
            }
        }
        news.extend(self.fencings.tick(now.at));
        news.extend(self.troubles.tick(now));
        news.extend(self.quorum.tick(now));
        let (due, late) = core::mem::take(&mut self.late)
            .into_iter()
            .partition(|(at, _)| *at <= now.at);
        self.late = late;
        let due: Vec<(Moment, News)> = due;
        news.extend(due.into_iter().map(|(_, one)| one));
        let long = self
            .blind
            .is_some_and(|since| now.at.since(since) >= BLIND_WAIT);
        // A person who stops Pacemaker knows that it shows nothing.
        if long && !self.is_left() && !core::mem::replace(&mut self.blind_told, true) {
            let why = self.blind_why.clone();
            news.push(own(What::Blind { why }));
        }
        // Without a picture what has followed from them is all that will.
        let shown_at = self.shown_at;
        self.release(|at| at < shown_at || now.at.since(at) >= HELD_MAX);
    }

    /// When [`Watch::tick`] or a look is due.
    pub fn next_deadline(&self) -> Moment {
        let look = match (self.looking, self.looked_at) {
            (true, _) => None,
            (false, Some(last)) => Some(self.look_at.max(last + self.gap(last))),
            (false, None) => Some(self.look_at),
        };
        let others = [
            look,
            self.gather_until,
            self.fencings.next_deadline(),
            self.troubles.next_deadline(),
            self.quorum.next_deadline(),
            self.late.iter().map(|(at, _)| *at).min(),
            self.held.first().map(|(at, _)| *at + HELD_MAX),
            self.blind
                .filter(|_| !self.blind_told && !self.is_left())
                .map(|since| since + BLIND_WAIT),
        ];
        let soonest = others.into_iter().flatten().min();
        soonest.unwrap_or(Moment(u64::MAX))
    }

    /// Whether the cluster is to be looked at now; the answer is to be given to [`Watch::looked`].
    pub fn wants_look(&mut self, now: Moment) -> bool {
        let rested = self
            .looked_at
            .is_none_or(|last| last + self.gap(last) <= now);
        let wants = !self.looking && self.look_at <= now && rested;
        if wants {
            self.looking = true;
            // What is asked for from here on is not seen by this look.
            (self.look_at, self.asked_at) = (now, now);
        }
        wants
    }

    /// The reports that were decided upon since this was last asked.
    pub fn decided(&mut self) -> Vec<String> {
        core::mem::take(&mut self.decided)
    }

    /// Whether the other servers should look too: a mark has changed that one of them is to tell, and nothing
    /// is reported of that.
    pub fn hints(&mut self) -> bool {
        core::mem::take(&mut self.hint)
    }

    /// Whether the other servers are to be asked what they have watched: this node takes part again, and what was
    /// known here before, or was told before, no longer counts.
    pub fn asks(&mut self) -> bool {
        core::mem::take(&mut self.asks)
    }

    /// Another server has told that a person stops the whole cluster.
    pub fn cluster_stops(&mut self, now: Moment) {
        (self.stopped, self.stop_told_at) = (true, Some(now));
    }

    /// Another server has seen something change.
    pub fn hinted(&mut self, now: Moment) {
        self.look_by(now);
    }

    /// Pacemaker began anew on this node at `at`.
    fn begin_anew(&mut self, at: WallTime) {
        self.groups.begun_anew(at);
        (self.anew, self.joined) = (true, None);
    }

    /// What others have watched is asked for when this node takes part: before that it is of a time that may be over.
    fn join(&mut self, now: Now) {
        if core::mem::take(&mut self.anew) {
            (self.joined, self.asks) = (Some(now.wall), true);
            self.taught_by = Some(now.at + TAUGHT_WAIT);
        }
    }

    /// How long to rest after the look that ended at `last`: a failure and what a loss leads to wait for none.
    fn gap(&self, last: Moment) -> Span {
        let mut losses = self.lost.values();
        let urgent = self.picture.is_none()
            || self.blind.is_some()
            || self.reason_by().is_some()
            || self.taught_by.is_some_and(|by| by > last)
            || losses.any(|lost| last.since(lost.noticed) < LOSS_URGENT);
        match urgent {
            true => LOOK_GAP,
            false => self
                .look_took
                .times(LOOK_REST)
                .min(LOOK_GAP_MAX)
                .max(LOOK_GAP),
        }
    }

    fn unsettled(&self) -> bool {
        self.groups.unsettled() || self.clones.unsettled()
    }

    /// Pacemaker was being stopped on this node when it was last seen.
    pub fn is_left(&self) -> bool {
        let own = self
            .picture
            .as_ref()
            .and_then(|picture| picture.node(&self.own));
        own.is_some_and(|own| own.leaving)
    }

    fn look_by(&mut self, at: Moment) {
        let is_due = self.looking && self.look_at <= at;
        self.look_at = match is_due || self.look_at > at {
            true => at,
            false => self.look_at,
        };
    }
}

fn own(what: What) -> News {
    News {
        fact: None,
        late: false,
        what,
    }
}
