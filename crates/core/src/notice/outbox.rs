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

mod room;
#[cfg(test)]
mod tests;

use super::{Channel, NoticeKey, NoticeRecord, NoticeState, Outcome, Sending};
use crate::alert::Alert;
use crate::backoff::{MAIL_LIFE, SYSLOG_LIFE, mail_retry};
use crate::config::ServerId;
use crate::event::StoredNotice;
use crate::time::{Moment, Now, Span};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use room::Room;

/// Mails held in memory. Beyond it they wait on disk, oldest first.
pub const WINDOW_NOTICES_MAX: usize = 128;
/// Syslog lines held in memory while the local daemon is away; a window of its own, so that it
/// never takes the mails' places. Beyond it a line is given up: the alert view has it all the same.
pub const SYSLOG_NOTICES_MAX: usize = 256;
/// Notices handed to one channel at a time; the rest wait here, where a takeover finds them.
pub const IN_FLIGHT_MAX: usize = 32;
/// Of them for one recipient, so that one that hangs does not take the others' places (invariant 2).
pub const IN_FLIGHT_RECIPIENT_MAX: usize = 4;
/// How often notices that made room for newer ones are looked for on disk again.
pub const RESCAN_EVERY: Span = Span::from_secs(60);
/// Ended notices that are remembered, to answer other servers and to ignore late doubles.
pub const RECENT_MAX: usize = 64;
/// How long other servers have to say how a stale notice ended before it goes out.
pub const ASK_WAIT: Span = Span::from_ms(200);
/// How often the others are asked about a notice that is theirs to tell.
pub const ASK_AGAIN: Span = Span::from_secs(10);
/// How long a notice waits for the store before it goes out unrecorded.
pub const STORE_PATIENCE: Span = Span::from_ms(500);

/// The window of unfinished notices.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    entries: Vec<Entry>,
    recent: VecDeque<NoticeRecord>,
    /// Notices wait on disk beyond the window.
    backlog: bool,
    /// Notices that have failed before made room for newer ones: from then on they may be loaded
    /// again.
    evicted: Option<Moment>,
    loading: bool,
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
}

/// How it stands with asking the other servers.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// Not now: links may not stand yet.
    pub hold: bool,
    /// At least one can be asked.
    pub possible: bool,
    /// All can be asked.
    pub of_all: bool,
}

#[derive(Clone, Debug)]
struct Entry {
    alert: Arc<Alert>,
    record: NoticeRecord,
    origin: Option<ServerId>,
    stage: Stage,
    born: Moment,
    unrecorded: bool,
    /// Another server may know more of it than we do: it is asked before this goes out.
    stale: bool,
    /// It comes from another server's books, or from an earlier run's: a server that cannot be
    /// asked now may have told it.
    inherited: bool,
    /// When the others were asked.
    asked_at: Option<Moment>,
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

/// What became of a notice, for the node to record, tell and raise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The notice as it stands now.
    pub record: NoticeRecord,
    /// The alert that it told.
    pub alert: Arc<Alert>,
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
        } else if !turn.fresh {
            Stage::Due(now.at)
        } else if self.room().take(&record.key) {
            record.state = NoticeState::Begun;
            record.attempts += 1;
            Stage::Recording(batch, now.at)
        } else {
            Stage::Due(now.at)
        };
        self.entries.push(Entry {
            alert: alert.clone(),
            record: record.clone(),
            origin: turn.origin,
            stage,
            born: now.at,
            unrecorded: false,
            stale: !turn.fresh,
            inherited: !turn.fresh,
            asked_at: None,
        });
        record
    }

    /// Takes unfinished notices that the store had kept. Those of lamps come back: a lamp is told
    /// by its own state, and its notices are only kept with it.
    pub fn restore(
        &mut self,
        now: Now,
        stored: Vec<StoredNotice>,
        more: bool,
        origin: impl Fn(&Alert) -> Option<ServerId>,
        is_of_this_run: impl Fn(&Alert) -> bool,
    ) -> Vec<NoticeRecord> {
        let mut lamps = Vec::new();
        for StoredNotice { row, alert, notice } in stored {
            self.cursor = self.cursor.max(row);
            if notice.state.is_final() || self.knows(&notice.key) {
                continue;
            }
            if notice.key.channel == Channel::Lamp {
                lamps.push(notice);
                continue;
            }
            self.entries.push(Entry {
                origin: origin(&alert),
                stale: self.doubted || !is_of_this_run(&alert),
                inherited: self.doubted || !is_of_this_run(&alert),
                alert,
                record: notice,
                stage: Stage::Due(now.at),
                born: now.at,
                unrecorded: false,
                asked_at: None,
            });
        }
        self.loading = false;
        self.backlog = more || core::mem::take(&mut self.spilled_while_loading);
        lamps
    }

    /// The row to read on from, when the window has room for notices that wait on disk.
    pub fn wants_load(&mut self, now: Moment) -> Option<(u64, u32)> {
        let room = WINDOW_NOTICES_MAX.saturating_sub(self.held(Channel::Mail));
        let again = !self.backlog && self.evicted.is_some_and(|at| at <= now);
        if self.loading || room < WINDOW_NOTICES_MAX / 2 || !(self.backlog || again) {
            return None;
        }
        if again {
            (self.cursor, self.evicted) = (0, None);
        }
        self.loading = true;
        Some((self.cursor, room as u32))
    }

    /// Makes room for a new notice to `to`: of those that have failed before, are another server's, or
    /// wait behind others of a recipient that hangs, the one that is due last waits on disk. A
    /// recipient that nobody reaches must not keep the others from being told.
    fn evict(&mut self, now: Moment, to: &str) -> bool {
        let room = self.room();
        let due = |entry: &Entry| match entry.stage {
            Stage::Due(at) if entry.record.attempts > 0 => Some(at),
            Stage::Due(at) if entry.record.key.recipient != to => {
                (!room.has(&entry.record.key)).then_some(at)
            }
            Stage::Elsewhere => Some(now),
            _ => None,
        };
        let mails = self.entries.iter().enumerate();
        let mails = mails.filter(|(_, entry)| entry.record.key.channel == Channel::Mail);
        let last = mails
            .filter_map(|(at, entry)| Some((due(entry)?, at)))
            .max();
        if let Some((_, at)) = last {
            self.entries.swap_remove(at);
            self.evicted.get_or_insert(now + RESCAN_EVERY);
        }
        last.is_some()
    }

    /// Lets the turn of each notice follow `ours`, which says whether one of this origin is ours.
    /// One whose turn was another server's may have been begun by it: it is a possible repeat.
    pub fn assign(&mut self, now: Now, ours: impl Fn(Option<ServerId>) -> bool) {
        for entry in &mut self.entries {
            let mine = entry.record.key.channel != Channel::Mail || ours(entry.origin);
            match entry.stage {
                Stage::Elsewhere if mine => {
                    (entry.stage, entry.stale) = (Stage::Due(now.at), true);
                    entry.record.possible_repeat = true;
                    entry.record.state = NoticeState::Waiting;
                }
                Stage::Due(_) if !mine => entry.stage = Stage::Elsewhere,
                _ => {}
            }
        }
    }

    /// Other servers may have taken over while we were away: all that waits here is stale.
    pub fn doubt(&mut self) {
        self.doubted = true;
        for entry in &mut self.entries {
            (entry.stale, entry.inherited, entry.asked_at) = (true, true, None);
        }
    }

    /// Mails to ask the other servers about, at most `limit`: stale ones that are due, which go out
    /// [`ASK_WAIT`] later unless an answer says that they are told; and those that another server
    /// should have told by now, whose mark may have been lost with a link.
    pub fn to_ask(&mut self, now: Now, limit: usize) -> Vec<NoticeKey> {
        let doubtful = self.entries.iter_mut().filter(|entry| {
            let asked = entry.asked_at;
            entry.record.key.channel == Channel::Mail
                && match entry.stage {
                    Stage::Due(at) => at <= now.at && entry.stale && asked.is_none(),
                    Stage::Elsewhere => now.at.since(asked.unwrap_or(entry.born)) >= ASK_AGAIN,
                    _ => false,
                }
        });
        let ask = |entry: &mut Entry| {
            entry.asked_at = Some(now.at);
            if let Stage::Due(at) = &mut entry.stage {
                *at = now.at + ASK_WAIT;
            }
            entry.record.key.clone()
        };
        doubtful.take(limit).map(ask).collect()
    }

    /// A link stands that did not: marks may have been lost with the one before.
    pub fn ask_soon(&mut self, now: Moment) {
        for entry in self
            .entries
            .iter_mut()
            .filter(|one| one.stage == Stage::Elsewhere)
        {
            entry.asked_at = Some(now - ASK_AGAIN);
        }
    }

    /// Notices of other servers that nobody remembers any more when their time is over.
    pub fn drop_outlived(&mut self, now: Now) -> Vec<NoticeRecord> {
        let outlived = |entry: &Entry| {
            entry.stage == Stage::Elsewhere && now.at.since(entry.born) >= MAIL_LIFE
        };
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
    /// others were asked, and says that it may be a repeat when not all could be.
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
            let unasked = asking.possible && entry.asked_at.is_none();
            let mail = entry.record.key.channel == Channel::Mail;
            let held = mail && entry.stale && (asking.hold || unasked);
            if !due || held || !room.take(&entry.record.key) {
                continue;
            }
            entry.stage = Stage::Recording(batch, now.at);
            entry.record.state = NoticeState::Begun;
            entry.record.attempts += 1;
            entry.record.possible_repeat |= entry.inherited && !asking.of_all;
            entry.record.sender = String::from(sender);
            entry.record.changed = now.wall;
            records.push(entry.record.clone());
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

    /// What became of an attempt. `None` when the notice is unknown by now.
    pub fn outcome(&mut self, now: Now, key: &NoticeKey, outcome: &Outcome) -> Option<Ended> {
        let at = self
            .entries
            .iter()
            .position(|entry| entry.record.key == *key)?;
        let entry = &mut self.entries[at];
        let record = &mut entry.record;
        record.changed = now.wall;
        match outcome {
            Outcome::Delivered { reply } => {
                record.state = NoticeState::Delivered;
                record.reason.clone_from(reply);
            }
            Outcome::Refused { cause } => {
                record.state = NoticeState::Refused;
                record.reason.clone_from(cause);
            }
            Outcome::Retry { cause, maybe_taken } => {
                record.reason.clone_from(cause);
                record.possible_repeat |= maybe_taken;
                record.state = NoticeState::Waiting;
                (entry.stale, entry.asked_at) = (true, None);
                entry.stage = Stage::Due(now.at + mail_retry(record.attempts));
                let life = match record.key.channel {
                    Channel::Syslog => SYSLOG_LIFE,
                    Channel::Mail | Channel::Lamp => MAIL_LIFE,
                };
                if now.at.since(entry.born) >= life {
                    record.state = NoticeState::GivenUp;
                }
            }
        }
        let ended = Ended {
            record: entry.record.clone(),
            alert: entry.alert.clone(),
        };
        if ended.record.state.is_final() {
            self.entries.swap_remove(at);
            self.remember(ended.record.clone());
        }
        Some(ended)
    }

    /// Another server's word about a notice. Answers whether it was news to us.
    pub fn marked(&mut self, theirs: &NoticeRecord) -> bool {
        let Some(at) = self
            .entries
            .iter()
            .position(|entry| entry.record.key == theirs.key)
        else {
            let news = theirs.state.is_final() && !self.is_recent(&theirs.key);
            if news {
                self.remember(theirs.clone());
            }
            return news;
        };
        let entry = &mut self.entries[at];
        if theirs.state.is_final() {
            self.entries.swap_remove(at);
            self.remember(theirs.clone());
            return true;
        }
        let record = &mut entry.record;
        let repeat_before = record.possible_repeat;
        record.possible_repeat |= theirs.possible_repeat || theirs.state == NoticeState::Begun;
        // While it is ours to send, our own knowledge of the rest is the newer one.
        if entry.stage == Stage::Elsewhere {
            record.attempts = record.attempts.max(theirs.attempts);
            record.state = theirs.state;
            record.sender.clone_from(&theirs.sender);
            record.reason.clone_from(&theirs.reason);
            return true;
        }
        record.possible_repeat != repeat_before
    }

    /// An unfinished notice as it stands here.
    pub fn record(&self, key: &NoticeKey) -> Option<&NoticeRecord> {
        let held = self.entries.iter().map(|entry| &entry.record);
        held.into_iter().find(|record| record.key == *key)
    }

    /// How a notice ended, if we remember it.
    pub fn ending(&self, key: &NoticeKey) -> Option<&NoticeRecord> {
        self.recent.iter().find(|record| record.key == *key)
    }

    /// What another server should know of a notice before it sends it: how it ended, or that
    /// `own` has begun it.
    pub fn testimony(&self, key: &NoticeKey, own: &str) -> Option<&NoticeRecord> {
        let held = self.entries.iter().map(|entry| &entry.record);
        let begun = held
            .filter(|record| record.is_testimony(own))
            .find(|one| one.key == *key);
        self.ending(key).or(begun)
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
        let window_has_room = self.held(Channel::Mail) <= WINDOW_NOTICES_MAX / 2;
        let rescan = self.evicted.filter(|_| window_has_room && !self.loading);
        due.chain(rescan).min()
    }

    /// Unfinished notices held in memory.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Nothing is unfinished here.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// More notices wait on disk.
    pub fn has_backlog(&self) -> bool {
        self.backlog || self.evicted.is_some()
    }

    /// Notices that have been begun and not ended: a leaving server waits for them a little.
    pub fn under_way(&self) -> usize {
        self.entries
            .iter()
            .filter(|one| matches!(one.stage, Stage::Recording(..) | Stage::InFlight))
            .count()
    }

    /// Follows servers to their new ids after new settings.
    pub fn renumber(&mut self, origin: impl Fn(&Alert) -> Option<ServerId>) {
        for entry in &mut self.entries {
            entry.origin = origin(&entry.alert);
        }
    }

    /// What is begun now, and so what else may be.
    fn room(&self) -> Room {
        let mut room = Room::default();
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

    fn is_recent(&self, key: &NoticeKey) -> bool {
        self.ending(key).is_some()
    }

    fn remember(&mut self, record: NoticeRecord) {
        if record.key.channel != Channel::Mail {
            return;
        }
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(record);
    }
}

impl Entry {
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
