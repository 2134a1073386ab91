//! Keeps every notice alive until it is done: a bounded window in memory over the backlog on disk.
//!
//! A notice passes through these stages, and each step on is an event:
//!
//! ```text
//!  elsewhere ──turn──► due ──record "begun"──► recording ──on disk──► in flight ──► done
//!      ▲                ▲                                                 │
//!      └── turn moves ──┴───────────── retry after back-off ──────────────┘
//! ```
//!
//! "Begun" is on disk before the notice leaves, so after a crash only what a receiver may have
//! taken is sent again as a possible repeat (rule N8). If the store does not answer within
//! [`STORE_PATIENCE`] the notice goes out unrecorded and says so.

mod asking;
mod ended;
mod room;
#[cfg(test)]
mod tests;
mod waiting;
mod window;

pub use asking::{Asking, Questions, Servers, from_disk};
pub use ended::Ended;
pub use window::Page;

use super::{Channel, NoticeKey, NoticeRecord, NoticeState, Sending};
use crate::alert::{Alert, Message, row};
use crate::backoff::{MAIL_LIFE, SYSLOG_LIFE, mail_waited};
use crate::config::ServerId;
use crate::time::{Moment, Now, Span};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use asking::Asked;
use room::Room;

/// Mails held in memory. Beyond it they wait on disk, oldest first.
pub const WINDOW_NOTICES_MAX: usize = 128;
/// Syslog lines held in memory while the local daemon is away; a window of its own, so that it
/// never takes the mails' places. Beyond it a line is given up: the alert view has it all the same.
pub const SYSLOG_NOTICES_MAX: usize = 256;
/// Notices handed to one channel at a time; the rest wait here, where a takeover finds them.
pub const IN_FLIGHT_MAX: usize = 32;
/// Of them for one recipient, so that one that hangs does not take the others' places (invariant 2).
/// A recipient in trouble has one; a recipient that has none under way has always room for one,
/// whatever the others have.
pub const IN_FLIGHT_RECIPIENT_MAX: usize = 4;
/// Recipients that are known to be in trouble: more than may be set. The oldest trouble is forgotten
/// then, and that recipient counts as a sound one until its next failure.
pub const TROUBLED_MAX: usize = 128;
/// Room in the window below which nothing is read back from disk: a page should be worth its reading.
pub const LOAD_ROOM_MIN: usize = 16;
/// How often notices that made room for newer ones are looked for on disk again.
pub const RESCAN_EVERY: Span = Span::from_secs(60);
/// Ended notices that are remembered, to answer other servers and to ignore late doubles.
pub const RECENT_MAX: usize = 128;
/// How long other servers have to say how a stale notice ended before it goes out, if they do not
/// all answer before.
pub const ASK_WAIT: Span = Span::from_ms(200);
/// Notices that are called by one that got through to the recipient they wait for. Each calls so many, as long as
/// no more than [`IN_FLIGHT_RECIPIENT_MAX`] are ready to leave: so a failure finds few.
pub const CALLED_MAX: usize = 2;
/// How often another server's success calls a notice of ours: the way from here may be another one.
pub const CALLED_EVERY: Span = Span::from_secs(1);
/// When the others are first asked about a notice that is theirs to tell and has not been marked:
/// the mark may have been lost with a link. Then twice as long each time.
pub const ASK_FIRST: Span = Span::from_secs(1);
/// The longest wait between two such questions.
pub const ASK_AGAIN: Span = Span::from_secs(10);
/// How long a notice that another server has begun is left to it.
pub const BEGUN_WAIT_MAX: Span = Span::from_secs(6);
/// After which a mail that is kept while nothing may be sent is looked at again.
pub const WITHHELD_WAIT: Span = Span::from_secs(60);
/// How long a notice waits for the store before it goes out unrecorded.
pub const STORE_PATIENCE: Span = Span::from_ms(500);

/// The window of unfinished notices.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    entries: Vec<Entry>,
    /// When others were last asked about what is theirs to tell.
    reminded: Option<Moment>,
    recent: VecDeque<NoticeRecord>,
    /// Notices wait on disk beyond the window.
    backlog: bool,
    /// Notices wait on disk that were passed over or made room for newer ones: when they are looked
    /// for again.
    rescan_at: Option<Moment>,
    /// Recipients whose last attempt failed, the latest last.
    troubled: Vec<String>,
    /// Recipients that were in trouble and are not any more, the latest last; at most [`TROUBLED_MAX`].
    sound: Vec<String>,
    /// What another server has told while it was with its channel here: it has its place there until the
    /// channel answers, so there are never more of them than may be under way.
    astray: Vec<NoticeKey>,
    /// When another server's word last called a notice of ours.
    called: Option<Moment>,
    loading: bool,
    /// The load that is under way passes over recipients in trouble.
    skipping: bool,
    /// Others may have taken over what waits on disk.
    doubted: bool,
    spilled_while_loading: bool,
    cursor: u64,
}

/// Whose turn a new notice is.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// The server that accepted the alert, where only that one could.
    pub origin: Option<ServerId>,
    /// It is this server's.
    pub ours: bool,
    /// Nobody can have told it yet.
    pub fresh: bool,
    /// It has just come about: no store can know more of it.
    pub news: bool,
    /// It is not begun before.
    pub from: Moment,
}

#[derive(Clone, Debug)]
struct Entry {
    alert: Arc<Alert>,
    record: NoticeRecord,
    origin: Option<ServerId>,
    stage: Stage,
    /// When it came into memory, and how old it was then.
    born: Moment,
    age_before: Span,
    unrecorded: bool,
    /// Another server may know more of it than we do: it is asked before this goes out.
    stale: bool,
    /// It comes from another server's books, or from an earlier run's: a server that cannot be
    /// asked now may have told it.
    inherited: bool,
    /// Our own disk may know more of it than we do: from an earlier run.
    on_disk: bool,
    /// The others were asked whether it may go out.
    asked: Option<Asked>,
    /// Another server's turn: when the others are asked how it stands, and how often they were.
    ask_at: Moment,
    asks: u32,
    /// This server is in the midst of sending it.
    left_to: Option<ServerId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Another server's turn.
    Elsewhere,
    /// Ours, from this moment on.
    Due(Moment),
    /// "Begun" is on its way to disk in this batch, since then.
    Recording(u64, Moment),
    /// With its channel.
    InFlight,
}

impl Outbox {
    /// Takes a new notice. It is due at once when it is ours; `batch` is the one that will hold it,
    /// which then says "begun" already, so that the first try costs one sync. Answers the record to
    /// be put on disk.
    pub fn add(
        &mut self,
        now: Now,
        alert: &Arc<Alert>,
        mut record: NoticeRecord,
        turn: Turn,
        batch: u64,
    ) -> NoticeRecord {
        if record.key.channel == Channel::Syslog && self.held(Channel::Syslog) >= SYSLOG_NOTICES_MAX
        {
            record.state = NoticeState::GivenUp;
            record.reason = String::from("the syslog daemon does not take its lines");
            return record;
        }
        let full = self.held(Channel::Mail) >= WINDOW_NOTICES_MAX;
        let to = &record.key.recipient;
        if record.key.channel == Channel::Mail && full && !self.evict(now.at, to) {
            self.backlog = true;
            self.spilled_while_loading |= self.loading;
            return record;
        }
        let stage = if !turn.ours {
            Stage::Elsewhere
        } else if !turn.fresh || turn.from > now.at {
            Stage::Due(turn.from.max(now.at))
        } else if self.room().take(&record.key) {
            record.state = NoticeState::Begun;
            record.attempts += 1;
            Stage::Recording(batch, now.at)
        } else {
            Stage::Due(now.at)
        };
        let mut entry = Entry::new(now, alert.clone(), record.clone(), turn.origin, stage);
        if !turn.fresh {
            (entry.stale, entry.inherited, entry.on_disk) = (true, true, !turn.news);
            entry.age_before = age(now, alert, &record);
            entry.ask_at = now.at;
        }
        self.entries.push(entry);
        record
    }

    /// Lets the turn of each notice follow `ours`, which says whether one of this origin is ours.
    /// One whose turn was another server's may have been begun by it: it is a possible repeat.
    pub fn assign(&mut self, now: Now, ours: impl Fn(Option<ServerId>) -> bool) {
        let mut taken_over = false;
        for entry in &mut self.entries {
            let mine = entry.record.key.channel != Channel::Mail || ours(entry.origin);
            match entry.stage {
                Stage::Elsewhere if mine => {
                    (entry.stage, entry.stale) = (Stage::Due(now.at), true);
                    // What was asked before was asked of another's notice.
                    (entry.asked, entry.left_to) = (None, None);
                    entry.record.possible_repeat = true;
                    entry.record.state = NoticeState::Waiting;
                    taken_over = true;
                }
                Stage::Due(_) if !mine => {
                    entry.stage = Stage::Elsewhere;
                    (entry.ask_at, entry.asks) = (now.at + ASK_FIRST, 0);
                }
                _ => {}
            }
        }
        if taken_over {
            // What made room while it was another's waits on disk no longer than these do here.
            self.rescan_at = self.rescan_at.map(|_| now.at);
        }
    }

    /// Notices of other servers that nobody remembers any more when their time is over.
    pub fn drop_outlived(&mut self, now: Now) -> Vec<NoticeRecord> {
        let outlived =
            |entry: &Entry| entry.stage == Stage::Elsewhere && entry.age(now.at) >= MAIL_LIFE;
        let dropped = self.entries.iter().filter(|entry| outlived(entry));
        let dropped = dropped.map(|entry| NoticeRecord {
            state: NoticeState::Dropped,
            changed: now.wall,
            ..entry.record.clone()
        });
        let dropped = dropped.collect();
        self.entries.retain(|entry| !outlived(entry));
        dropped
    }

    /// Notices that are due and for which there is room: they are marked begun, and the records are
    /// to be put on disk in `batch`. A stale one goes out only after the
    /// others were asked, and says that it may be a repeat when not all have answered.
    pub fn begin(
        &mut self,
        now: Now,
        sender: &str,
        batch: u64,
        asking: Asking,
    ) -> Vec<NoticeRecord> {
        let mut records = Vec::new();
        let mut room = self.room();
        for entry in &mut self.entries {
            let due = matches!(entry.stage, Stage::Due(at) if at <= now.at);
            let unasked = asking.possible && entry.asked.is_none();
            let mail = entry.record.key.channel == Channel::Mail;
            let held = mail && entry.stale && (asking.hold || unasked);
            if !due || held || !room.take(&entry.record.key) {
                continue;
            }
            entry.stage = Stage::Recording(batch, now.at);
            entry.record.state = NoticeState::Begun;
            entry.record.attempts += 1;
            let all_answered = asking.of_all && entry.asked.is_none_or(|asked| asked.of_all());
            entry.record.possible_repeat |= entry.inherited && !all_answered;
            entry.record.sender = String::from(sender);
            entry.record.changed = now.wall;
            records.push(entry.record.clone());
        }
        records
    }

    /// Ends the mails that [`begin`](Outbox::begin) would have begun: nothing may be sent, for this
    /// reason. Those that are under way go on; those of other servers are theirs to end. One that tells
    /// how many were not sent before waits instead: nothing else would tell it.
    pub fn withhold(
        &mut self,
        now: Now,
        sender: &str,
        why: &str,
        asking: Asking,
    ) -> Vec<NoticeRecord> {
        let mut records = Vec::new();
        let unasked = |entry: &Entry| asking.hold || (asking.possible && entry.asked.is_none());
        self.entries.retain_mut(|entry| {
            let due = matches!(entry.stage, Stage::Due(at) if at <= now.at);
            let mail = entry.record.key.channel == Channel::Mail;
            let ends = due && mail && !(entry.stale && unasked(entry));
            if ends && entry.alert.message == row(Message::LicenceValidAgain).id() {
                entry.stage = Stage::Due(now.at + WITHHELD_WAIT);
                return true;
            }
            if ends {
                entry.record.state = NoticeState::Dropped;
                entry.record.sender = String::from(sender);
                entry.record.reason = String::from(why);
                entry.record.changed = now.wall;
                records.push(entry.record.clone());
            }
            !ends
        });
        for record in &records {
            self.remember(record.clone());
        }
        records
    }

    /// A batch is on disk (`Ok`), or the store could not take it: what it held goes out.
    pub fn recorded(&mut self, batch: u64, on_disk: bool, out: &mut Vec<Box<Sending>>) {
        for entry in &mut self.entries {
            if matches!(entry.stage, Stage::Recording(of, _) if of == batch) {
                entry.unrecorded |= !on_disk;
                out.push(entry.leave());
            }
        }
    }

    /// We stood still ourselves: the store's patience begins anew.
    pub fn paused(&mut self, now: Moment) {
        for entry in &mut self.entries {
            if let Stage::Recording(_, since) = &mut entry.stage {
                *since = now;
            }
        }
    }

    /// Sends what has waited for the store for too long; answers whether there was any.
    pub fn lose_patience(&mut self, now: Moment, out: &mut Vec<Box<Sending>>) -> bool {
        let before = out.len();
        for entry in &mut self.entries {
            if matches!(entry.stage, Stage::Recording(_, since) if now.since(since) >= STORE_PATIENCE)
            {
                entry.unrecorded = true;
                out.push(entry.leave());
            }
        }
        out.len() > before
    }

    /// An unfinished notice as it stands here.
    pub fn record(&self, key: &NoticeKey) -> Option<&NoticeRecord> {
        let held = self.entries.iter().map(|entry| &entry.record);
        held.into_iter().find(|record| record.key == *key)
    }

    /// It waits here and has since it was new, so the disk knows no more of it. Of one that another
    /// server brought an earlier run may have known how it ended.
    pub fn has_of_its_own(&self, key: &NoticeKey) -> bool {
        let mut own = self.entries.iter().filter(|entry| !entry.on_disk);
        own.any(|entry| entry.record.key == *key)
    }

    /// Each alert that has unfinished mails here, with those, for a server that has just come.
    pub fn unfinished(&self) -> Vec<(Arc<Alert>, Vec<NoticeRecord>)> {
        let mut all: Vec<(Arc<Alert>, Vec<NoticeRecord>)> = Vec::new();
        for entry in self
            .entries
            .iter()
            .filter(|one| one.record.key.channel == Channel::Mail)
        {
            match all.iter_mut().find(|(alert, _)| alert.id == entry.alert.id) {
                Some((_, records)) => records.push(entry.record.clone()),
                None => all.push((entry.alert.clone(), alloc::vec![entry.record.clone()])),
            }
        }
        all
    }

    /// The notice is here, unfinished or lately ended.
    pub fn knows(&self, key: &NoticeKey) -> bool {
        self.entries.iter().any(|entry| entry.record.key == *key) || self.is_recent(key)
    }

    /// When something is due next. What has no room waits for an end, not for a moment.
    pub fn next_deadline(&self, hold_until: Moment) -> Option<Moment> {
        let room = self.room();
        let due = self.entries.iter().filter_map(|entry| match entry.stage {
            Stage::Due(_) if !room.has(&entry.record.key) => None,
            Stage::Due(at) if entry.stale => Some(at.max(hold_until)),
            Stage::Due(at) => Some(at),
            Stage::Recording(_, since) => Some(since + STORE_PATIENCE),
            Stage::Elsewhere | Stage::InFlight => None,
        });
        let may_load = !self.loading && self.load_room() >= LOAD_ROOM_MIN;
        let rescan = self.rescan_at.filter(|_| may_load);
        due.chain(rescan).min()
    }

    /// When something may happen here that no event brings; `None` while it may with the next step.
    pub fn quiet_until(&self, now: Moment, hold_until: Moment) -> Option<Moment> {
        let mut until = self.rescan_at.unwrap_or(Moment(u64::MAX));
        let room = self.room();
        for entry in &self.entries {
            let (key, unasked) = (&entry.record.key, entry.stale && entry.asked.is_none());
            until = until.min(match entry.stage {
                Stage::Elsewhere => {
                    let remind = self.reminded.map_or(now, |at| at + ASK_FIRST);
                    let left = MAIL_LIFE.0.saturating_sub(entry.age_before.0);
                    let outlived = entry.born + Span(left);
                    entry.ask_at.max(remind).min(outlived)
                }
                Stage::Due(at) if at > now => at,
                Stage::Due(_) if entry.stale && hold_until > now => hold_until,
                Stage::Due(_) if unasked || room.has(key) => return None,
                // An end makes room.
                Stage::Due(_) => continue,
                Stage::Recording(_, since) => since + STORE_PATIENCE,
                Stage::InFlight => continue,
            });
        }
        (until > now).then_some(until)
    }

    /// Unfinished notices held in memory.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Nothing is unfinished here.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Notices came to wait on disk that were never in memory.
    pub fn note_backlog(&mut self) {
        self.backlog = true;
        // A page that is being read may end before them.
        self.spilled_while_loading |= self.loading;
    }

    /// More notices wait on disk.
    pub fn has_backlog(&self) -> bool {
        self.backlog || self.rescan_at.is_some()
    }

    /// Notices that have been begun and not ended: a leaving server waits for them a little.
    pub fn under_way(&self) -> usize {
        self.entries
            .iter()
            .filter(|one| matches!(one.stage, Stage::Recording(..) | Stage::InFlight))
            .count()
    }

    /// Follows servers to their new ids after new settings. What was asked is asked again, and what
    /// was left to another server is due.
    pub fn renumber(&mut self, now: Moment, origin: impl Fn(&Alert) -> Option<ServerId>) {
        for entry in &mut self.entries {
            entry.origin = origin(&entry.alert);
            if entry.left_to.is_some() {
                entry.release(now);
            }
            entry.asked = None;
        }
    }

    /// What is begun now, and so what else may be.
    fn room(&self) -> Room {
        let mut room = Room::new(self.troubled.clone(), &self.astray);
        for entry in &self.entries {
            if matches!(entry.stage, Stage::Recording(..) | Stage::InFlight) {
                room.add(&entry.record.key);
            }
        }
        room
    }

    fn held(&self, channel: Channel) -> usize {
        let of = |entry: &&Entry| entry.record.key.channel == channel;
        self.entries.iter().filter(of).count()
    }
}

impl Entry {
    /// One that nobody else can know more of.
    fn new(
        now: Now,
        alert: Arc<Alert>,
        record: NoticeRecord,
        origin: Option<ServerId>,
        stage: Stage,
    ) -> Entry {
        Entry {
            alert,
            record,
            origin,
            stage,
            born: now.at,
            age_before: Span::ZERO,
            unrecorded: false,
            stale: false,
            inherited: false,
            on_disk: false,
            asked: None,
            ask_at: now.at + ASK_FIRST,
            asks: 0,
            left_to: None,
        }
    }

    fn age(&self, now: Moment) -> Span {
        self.age_before + now.since(self.born)
    }

    fn leave(&mut self) -> Box<Sending> {
        self.stage = Stage::InFlight;
        Box::new(Sending {
            key: self.record.key.clone(),
            alert: self.alert.clone(),
            form: self.record.form,
            possible_repeat: self.record.possible_repeat,
            attempt: self.record.attempts,
            unrecorded: self.unrecorded,
        })
    }
}

fn life(channel: Channel) -> Span {
    match channel {
        Channel::Syslog => SYSLOG_LIFE,
        Channel::Mail | Channel::Lamp => MAIL_LIFE,
    }
}

/// How old a notice is that comes from an earlier run or another server. The wall clock may have been
/// set since: at least a 24th of its life is left to it, and it is at least as old as its tries took.
fn age(now: Now, alert: &Alert, record: &NoticeRecord) -> Span {
    let life = life(record.key.channel);
    let most = Span(life.0 - life.div(24).0);
    now.wall
        .since(alert.time)
        .min(most)
        .max(mail_waited(record.attempts))
}
