//! The window over the backlog on disk: what is read back, and what makes room.
//!
//! A recipient that nobody reaches must not keep the others from being told (invariant 2). So what has
//! failed before makes room for what is new, and a page is read past the recipients in trouble that
//! have a notice in memory already. What is passed over so is looked for again every
//! [`RESCAN_EVERY`], or when its recipient is sound again.

use super::{
    CALLED_MAX, Channel, Entry, LOAD_ROOM_MIN, Outbox, RESCAN_EVERY, Stage, TROUBLED_MAX,
    WINDOW_NOTICES_MAX, age,
};
use crate::alert::Alert;
use crate::backoff::mail_retry;
use crate::config::ServerId;
use crate::event::StoredNotice;
use crate::notice::{NoticeKey, NoticeRecord};
use crate::time::{Moment, Now, Span};
use alloc::string::String;
use alloc::vec::Vec;

/// Which unfinished notices are to be read from disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// After this row.
    pub after: u64,
    /// At most so many.
    pub limit: u32,
    /// Mails to these recipients are passed over.
    pub skip: Vec<String>,
}

impl Outbox {
    /// Takes unfinished notices that the store had kept. Those of lamps come back: a lamp is told
    /// by its own state, and its notices are only kept with it. One that failed before is due when
    /// its wait is over, as if we had run all the time.
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
            if notice.key.channel == Channel::Mail && self.held(Channel::Mail) >= WINDOW_NOTICES_MAX
            {
                self.make_room(now.at);
            }
            // Without a reason no attempt has ended: it was cut short, and is made again at once.
            let failed = notice.attempts > 0 && !notice.reason.is_empty();
            let wait = mail_retry(notice.attempts).0;
            let left = wait.saturating_sub(now.wall.since(notice.changed).0);
            let due = now.at + Span(if failed { left } else { 0 });
            // What waits on disk was kept back by a trouble that may be over.
            if failed && !self.sound.contains(&notice.key.recipient) {
                self.note_trouble(&notice.key, true);
            }
            let stale = self.doubted || !is_of_this_run(&alert);
            let (origin, age) = (origin(&alert), age(now, &alert, &notice));
            let entry = Entry::new(now, alert, notice, origin, Stage::Due(due));
            self.entries.push(Entry {
                stale,
                inherited: stale,
                on_disk: stale,
                age_before: age,
                ask_at: now.at,
                ..entry
            });
        }
        self.loading = false;
        self.backlog = more || core::mem::take(&mut self.spilled_while_loading);
        if core::mem::take(&mut self.skipping) {
            self.rescan(now.at + RESCAN_EVERY);
        }
        for to in self.sound.clone() {
            self.call(now.at, Channel::Mail, &to, CALLED_MAX);
        }
        lamps
    }

    /// What to read from disk, when the window has room for notices that wait there.
    pub fn wants_load(&mut self, now: Moment) -> Option<Page> {
        let room = self.load_room();
        let again = !self.backlog && self.rescan_at.is_some_and(|at| at <= now);
        if self.loading || room < LOAD_ROOM_MIN || !(self.backlog || again) {
            return None;
        }
        if again {
            (self.cursor, self.rescan_at) = (0, None);
        }
        let is_held = |to: &&String| {
            let mut held = self.entries.iter().map(|entry| &entry.record.key);
            held.any(|key| key.channel == Channel::Mail && key.recipient == **to)
        };
        let skip: Vec<String> = self.troubled.iter().filter(is_held).cloned().collect();
        (self.loading, self.skipping) = (true, !skip.is_empty());
        Some(Page {
            after: self.cursor,
            limit: room as u32,
            skip,
        })
    }

    /// How many notices may be read back: what is free, and what would make room.
    pub(super) fn load_room(&self) -> usize {
        WINDOW_NOTICES_MAX.saturating_sub(self.held(Channel::Mail)) + self.spare().len()
    }

    /// Of the mails to recipients in trouble, those that have failed and are not their recipient's
    /// next: when each is due, and where it stands.
    fn spare(&self) -> Vec<(Moment, usize)> {
        let mut spare = Vec::new();
        for to in &self.troubled {
            let waiting = self.entries.iter().enumerate().filter_map(|(at, entry)| {
                let is_theirs = entry.record.key.recipient == *to;
                match entry.stage {
                    Stage::Due(due) if is_theirs && entry.record.attempts > 0 => Some((due, at)),
                    _ => None,
                }
            });
            let mut waiting: Vec<_> = waiting.collect();
            let next = waiting.iter().min().copied();
            waiting.retain(|one| Some(*one) != next);
            spare.extend(waiting);
        }
        spare
    }

    /// Lets the spare one that is due last wait on disk.
    fn make_room(&mut self, now: Moment) {
        if let Some((_, at)) = self.spare().into_iter().max() {
            self.entries.remove(at);
            self.rescan(now + RESCAN_EVERY);
        }
    }

    /// Makes room for a new notice to `to`: of those that have failed before, are another server's, or
    /// wait behind others of a recipient that hangs, the one that is due last waits on disk.
    pub(super) fn evict(&mut self, now: Moment, to: &str) -> bool {
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
            self.entries.remove(at);
            self.rescan(now + RESCAN_EVERY);
        }
        last.is_some()
    }

    /// Looks for what waits on disk at `at`, if that is not to happen before.
    fn rescan(&mut self, at: Moment) {
        self.rescan_at = Some(self.rescan_at.map_or(at, |sooner| sooner.min(at)));
    }

    /// Whether the last attempt to a recipient failed. Answers whether that ends its trouble.
    pub(super) fn note_trouble(&mut self, key: &NoticeKey, failed: bool) -> bool {
        if key.channel != Channel::Mail {
            return false;
        }
        let to = &key.recipient;
        let known = self.troubled.iter().position(|one| one == to);
        match (known, failed) {
            (None, true) => {
                self.sound.retain(|one| one != to);
                put(&mut self.troubled, to);
                false
            }
            (Some(at), false) => {
                self.troubled.remove(at);
                put(&mut self.sound, to);
                // What waits for it on disk need not wait any longer.
                self.rescan_at = self.rescan_at.map(|_| Moment::default());
                true
            }
            _ => false,
        }
    }
}

fn put(list: &mut Vec<String>, to: &str) {
    if list.len() >= TROUBLED_MAX {
        list.remove(0);
    }
    list.push(String::from(to));
}
