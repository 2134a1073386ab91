//! What other servers know of a notice: asking them before a stale one goes out, their answers, and
//! ours to them.
//!
//! A stale notice goes out when all that can be asked have answered, or [`ASK_WAIT`] after the
//! question; whoever is judged to be gone is not waited for. One that another server says it is in the midst of sending is left to that server until
//! it says how that ended or is gone, at most [`BEGUN_WAIT_MAX`].

use super::{ASK_AGAIN, ASK_FIRST, ASK_WAIT, BEGUN_WAIT_MAX, Entry, Outbox, Stage};
use crate::config::ServerId;
use crate::notice::{Channel, NoticeKey, NoticeRecord, NoticeState};
use crate::time::{Moment, Now};
use alloc::vec::Vec;

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

/// A set of servers, a bit for each; there are at most 32 (`SERVERS_MAX`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Servers(pub u32);

impl Servers {
    /// With `server`.
    pub fn with(self, server: ServerId) -> Servers {
        Servers(self.0 | Servers::bit(server))
    }

    /// Without `server`.
    pub fn without(self, server: ServerId) -> Servers {
        Servers(self.0 & !Servers::bit(server))
    }

    /// Whether `server` is in it.
    pub fn has(self, server: ServerId) -> bool {
        self.0 & Servers::bit(server) != 0
    }

    /// Those of both.
    pub fn and(self, other: Servers) -> Servers {
        Servers(self.0 & other.0)
    }

    /// How many are in it.
    pub fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Nobody is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn bit(server: ServerId) -> u32 {
        1u32.checked_shl(u32::from(server.0)).unwrap_or(0)
    }
}

/// A question that was put to others about a notice that is ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Those that have not answered.
    silent: Servers,
}

impl Asked {
    /// All have answered.
    pub(super) fn of_all(self) -> bool {
        self.silent.is_empty()
    }
}

/// Notices to ask about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// The other servers, about all of them.
    pub of_all: Vec<NoticeKey>,
    /// Of them our own disk.
    pub of_disk: Vec<NoticeKey>,
}

impl Outbox {
    /// Other servers may have taken over while we were away: all that waits here is stale.
    pub fn doubt(&mut self) {
        self.doubted = true;
        for entry in &mut self.entries {
            (entry.stale, entry.asked) = (true, None);
        }
    }

    /// Mails to ask about, at most `limit`: stale ones that are due, which go out when all of `whom`
    /// have answered, and our own disk where it may know more than we; and those that another server should have told by now, whose mark may have
    /// been lost with a link.
    ///
    /// The latter are asked about together, [`ASK_FIRST`] apart at least: in a storm every one of them is
    /// late by then, and one question each would be a storm of its own.
    pub fn to_ask(&mut self, now: Now, limit: usize, own: ServerId, whom: Servers) -> Questions {
        let mut of_disk = Vec::new();
        let remind = self.reminded.is_none_or(|at| now.at.since(at) >= ASK_FIRST);
        let mut reminded = false;
        let doubtful = self.entries.iter_mut().filter(|entry| {
            entry.record.key.channel == Channel::Mail
                && match entry.stage {
                    Stage::Due(at) => at <= now.at && entry.stale && entry.asked.is_none(),
                    Stage::Elsewhere => remind && entry.ask_at <= now.at,
                    _ => false,
                }
        });
        let ask = |entry: &mut Entry| {
            let elsewhere = entry.stage == Stage::Elsewhere;
            if entry.on_disk || elsewhere {
                of_disk.push(entry.record.key.clone());
            }
            if let Stage::Due(at) = &mut entry.stage {
                *at = now.at + ASK_WAIT;
                let silent = match entry.on_disk {
                    true => whom.with(own),
                    false => whom,
                };
                entry.asked = Some(Asked { silent });
            } else {
                let wait = ASK_FIRST.times(1 << entry.asks.min(8)).min(ASK_AGAIN);
                (entry.ask_at, entry.asks) = (now.at + wait, entry.asks + 1);
                reminded = true;
            }
            entry.record.key.clone()
        };
        let of_all = doubtful.take(limit).map(ask).collect();
        if reminded {
            self.reminded = Some(now.at);
        }
        Questions { of_all, of_disk }
    }

    /// Only these can answer, ourselves among them: what waits for others alone goes out. It counts as not
    /// answered by all.
    pub fn wait_only_for(&mut self, now: Moment, whom: Servers) {
        for entry in self.entries.iter_mut().filter(|one| one.left_to.is_none()) {
            if let (Some(asked), Stage::Due(at)) = (entry.asked, &mut entry.stage)
                && asked.silent.and(whom).is_empty()
            {
                *at = now.min(*at);
            }
        }
    }

    /// A server has said all that it knows of these notices.
    pub fn answered(&mut self, now: Moment, from: ServerId, keys: &[NoticeKey]) {
        let of_these = |entry: &&mut Entry| keys.contains(&entry.record.key);
        for entry in self.entries.iter_mut().filter(of_these) {
            let Some(asked) = &mut entry.asked else {
                continue;
            };
            asked.silent = asked.silent.without(from);
            if let (true, None, Stage::Due(at)) = (asked.of_all(), entry.left_to, &mut entry.stage)
            {
                *at = now.min(*at);
            }
        }
    }

    /// A link stands that did not: marks may have been lost with the one before, and what was asked
    /// may not have arrived.
    pub fn ask_soon(&mut self, now: Moment, server: ServerId) {
        self.reminded = None;
        for entry in &mut self.entries {
            match entry.stage {
                Stage::Elsewhere => (entry.ask_at, entry.asks) = (now, 0),
                Stage::Due(_)
                    if entry.left_to.is_none()
                        && entry.asked.is_some_and(|asked| asked.silent.has(server)) =>
                {
                    (entry.asked, entry.stage) = (None, Stage::Due(now));
                }
                _ => {}
            }
        }
    }

    /// A server is gone: what was left to it is ours.
    pub fn gone(&mut self, now: Moment, server: ServerId) {
        for entry in &mut self.entries {
            if entry.left_to == Some(server) {
                entry.release(now);
            }
        }
    }

    /// Another server's word about a notice; `at_work` is that server when it is the one that sends
    /// it. Answers whether it was news to us.
    pub fn marked(
        &mut self,
        now: Moment,
        theirs: &NoticeRecord,
        at_work: Option<ServerId>,
    ) -> bool {
        if theirs.state.is_final() {
            let news = self.place(&theirs.key).is_some() || !self.is_recent(&theirs.key);
            if news {
                self.ended_elsewhere(now, theirs, at_work.is_some());
            }
            return news;
        }
        let Some(at) = self.place(&theirs.key) else {
            return false;
        };
        let entry = &mut self.entries[at];
        entry.leave_to(now, theirs.state, at_work);
        let record = &mut entry.record;
        let before = record.clone();
        record.possible_repeat |= theirs.possible_repeat || theirs.state == NoticeState::Begun;
        // While it is ours to send, our own knowledge of the rest is the newer one.
        if entry.stage == Stage::Elsewhere {
            record.attempts = record.attempts.max(theirs.attempts);
            record.state = theirs.state;
            record.sender.clone_from(&theirs.sender);
            record.reason.clone_from(&theirs.reason);
        }
        *record != before
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
}

impl Entry {
    /// Leaves a notice that is ours to the server that has begun it; takes it back when that server
    /// says that its attempt is over.
    fn leave_to(&mut self, now: Moment, state: NoticeState, at_work: Option<ServerId>) {
        let begun = state == NoticeState::Begun;
        match (at_work, self.left_to) {
            (Some(server), None) if begun && matches!(self.stage, Stage::Due(_)) => {
                self.left_to = Some(server);
                self.stage = Stage::Due(now + BEGUN_WAIT_MAX);
            }
            (Some(server), Some(other)) if !begun && server == other => self.release(now),
            _ => {}
        }
    }

    pub(super) fn release(&mut self, now: Moment) {
        self.left_to = None;
        if let Stage::Due(at) = &mut self.stage {
            *at = now.min(*at);
        }
    }
}

/// A record as it is read from disk for another server. Nobody is in the midst of sending what stands
/// in no memory: an attempt that it calls begun was cut short, and may have reached the receiver.
pub fn from_disk(mut record: NoticeRecord) -> NoticeRecord {
    if record.state == NoticeState::Begun {
        record.state = NoticeState::Waiting;
        record.possible_repeat = true;
    }
    record
}
