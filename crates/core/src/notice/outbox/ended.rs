//! How attempts end, and what an end means for those that wait for the same recipient.
//!
//! Each notice has a back-off of its own, up to five minutes. So when a mail server is back after an hour the next
//! alert gets through at once, and the older ones, such as those of a dead server, would come long after it. One that
//! gets through therefore calls the next that wait for its recipient, the oldest first, [`CALLED_MAX`] of them: a
//! chain that grows with each success and ends with the first failure. When a recipient is out of trouble one
//! is called for each other one in trouble: most likely they waited for the same server.

use super::{
    CALLED_EVERY, CALLED_MAX, Channel, Entry, IN_FLIGHT_RECIPIENT_MAX, NoticeKey, NoticeRecord,
    NoticeState, Outbox, RECENT_MAX, Stage, life,
};
use crate::alert::Alert;
use crate::backoff::mail_retry;
use crate::notice::Outcome;
use crate::time::{Moment, Now};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What became of a notice, for the node to record, tell and raise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The notice as it stands now.
    pub record: NoticeRecord,
    /// The alert that it told.
    pub alert: Arc<Alert>,
}

impl Outbox {
    /// What became of an attempt. `None` when the notice is unknown by now, or was told by another server
    /// meanwhile.
    pub fn outcome(&mut self, now: Now, key: &NoticeKey, outcome: &Outcome) -> Option<Ended> {
        let astray = self.astray.iter().position(|one| one == key);
        let ended = match astray {
            Some(at) => {
                self.astray.swap_remove(at);
                None
            }
            None => Some(self.end(now, key, outcome)?),
        };
        let failed = matches!(outcome, Outcome::Retry { .. });
        let over = self.note_trouble(key, failed);
        if matches!(outcome, Outcome::Delivered { .. }) {
            self.call(now.at, key.channel, &key.recipient, CALLED_MAX);
        }
        if over {
            for other in self.troubled.clone() {
                self.call(now.at, Channel::Mail, &other, 1);
            }
        }
        ended
    }

    fn end(&mut self, now: Now, key: &NoticeKey, outcome: &Outcome) -> Option<Ended> {
        let at = self.place(key)?;
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
                (entry.stale, entry.asked, entry.left_to) = (true, None, None);
                entry.stage = Stage::Due(now.at + mail_retry(record.attempts));
                if entry.age(now.at) >= life(entry.record.key.channel) {
                    entry.record.state = NoticeState::GivenUp;
                }
            }
        }
        let ended = Ended {
            record: entry.record.clone(),
            alert: entry.alert.clone(),
        };
        if ended.record.state.is_final() {
            self.entries.remove(at);
            self.remember(ended.record.clone());
        }
        Some(ended)
    }

    /// Another server says how this one ended; `by_itself` if it is the one that sent it.
    pub(super) fn ended_elsewhere(&mut self, now: Moment, theirs: &NoticeRecord, by_itself: bool) {
        if let Some(at) = self.place(&theirs.key) {
            // In their order: what waits leaves oldest first.
            let entry = self.entries.remove(at);
            if entry.stage == Stage::InFlight {
                self.astray.push(entry.record.key);
            }
        }
        self.remember(theirs.clone());
        let to = &theirs.key.recipient;
        let may_call = self.called.is_none_or(|at| now.since(at) >= CALLED_EVERY);
        if theirs.state == NoticeState::Delivered
            && by_itself
            && may_call
            && self.troubled.contains(to)
            && self.call(now, Channel::Mail, to, 1)
        {
            self.called = Some(now);
        }
    }

    /// Lets up to `most` notices that wait for a recipient after a failure be due now, the oldest first. Answers
    /// whether there was any.
    pub(super) fn call(
        &mut self,
        now: Moment,
        channel: Channel,
        recipient: &str,
        most: usize,
    ) -> bool {
        let (mut ready, mut waiting) = (0, Vec::new());
        let of = |entry: &Entry| {
            let key = &entry.record.key;
            key.channel == channel && key.recipient == recipient
        };
        for (at, entry) in self.entries.iter().enumerate().filter(|(_, one)| of(one)) {
            match entry.stage {
                Stage::Elsewhere => {}
                // Another server is at it.
                Stage::Due(_) if entry.left_to.is_some() => {}
                Stage::Due(due) if due > now && entry.asked.is_none() => {
                    if entry.record.attempts > 0 {
                        waiting.push((entry.age(now), at));
                    }
                }
                Stage::Due(_) | Stage::Recording(..) | Stage::InFlight => ready += 1,
            }
        }
        let most = most.min(IN_FLIGHT_RECIPIENT_MAX.saturating_sub(ready));
        waiting.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)));
        waiting.truncate(most);
        for (_, at) in &waiting {
            self.entries[*at].stage = Stage::Due(now);
        }
        !waiting.is_empty()
    }

    /// How a notice ended, if we remember it.
    pub fn ending(&self, key: &NoticeKey) -> Option<&NoticeRecord> {
        self.recent.iter().find(|record| record.key == *key)
    }

    pub(super) fn is_recent(&self, key: &NoticeKey) -> bool {
        self.ending(key).is_some()
    }

    pub(super) fn remember(&mut self, record: NoticeRecord) {
        if record.key.channel != Channel::Mail {
            return;
        }
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(record);
    }

    pub(super) fn place(&self, key: &NoticeKey) -> Option<usize> {
        let mut held = self.entries.iter();
        held.position(|entry| entry.record.key == *key)
    }
}
