//! Rule M25: notices are off exactly while no server at work has a valid licence.
//!
//! The books here know for each server since when it could send and since when it could not, as seen
//! from outside. Servers hear of each other's licences, starts and ends within [`SLACK_MS`], so a mail
//! is wrong only when its server could not send for so long before it, and one that was not sent is
//! wrong only when some server could send, and its sender was at work, for so long before.

use super::{Invariant, World};
use crate::scenario::Happening;
use crate::world::{Due, Mail};
use noroshi_core::alert::AlertId;
use noroshi_core::notice::NoticeKey;
use std::collections::BTreeSet;

/// In which all at work know who else is and who may send: a start, a time-out, a link, a server that
/// leaves and waits for its lamp.
const SLACK_MS: u64 = 10_000;
/// How closely the books are kept.
const LOOK_US: u64 = 1_000_000;

/// Since when a server could send, and since when it could not.
#[derive(Clone, Copy, Default)]
struct Since {
    could_ms: Option<u64>,
    could_not_ms: Option<u64>,
    at_work_ms: Option<u64>,
}

/// The books; empty where no licence is needed.
pub(super) struct Books {
    servers: Vec<Since>,
    unsent: BTreeSet<NoticeKey>,
    /// Mails that were not sent, as mails told them.
    told: u64,
    told_by: BTreeSet<AlertId>,
}

impl Books {
    pub(super) fn new(servers: usize, needed: bool) -> Books {
        let since = Since {
            could_not_ms: Some(0),
            ..Since::default()
        };
        Books {
            servers: if needed {
                vec![since; servers]
            } else {
                Vec::new()
            },
            unsent: BTreeSet::new(),
            told: 0,
            told_by: BTreeSet::new(),
        }
    }

    fn needed(&self) -> bool {
        !self.servers.is_empty()
    }
}

impl World {
    pub(super) fn watch_licence_happening(&mut self, happening: &Happening) {
        let unclear = match happening {
            // What stood still is known too late, and what goes on says what is old.
            Happening::Resumes(_) | Happening::Suspended(_) | Happening::AllWorks => {
                0..self.watch.books.servers.len()
            }
            // One that leaves sends no more, and is still at work until the others and its lamp are told.
            Happening::Stops(name) if self.watch.books.needed() => {
                let Some(at) = self.server(name) else { return };
                at..at + 1
            }
            _ => return,
        };
        self.watch.books.servers[unclear].fill(Since::default());
    }

    /// The books are kept.
    pub(in crate::world) fn look_at_licences(&mut self) {
        if !self.watch.books.needed() {
            return;
        }
        self.due(LOOK_US, Due::Books);
        let now = self.now_ms();
        for (since, server) in self.watch.books.servers.iter_mut().zip(&self.servers) {
            let at_work = server.node.is_some() && !server.suspended;
            let register = server.disk.register.as_ref();
            let valid = register.is_some_and(|one| !one.torn && suffices(&one.lines, now));
            let could = at_work && valid;
            since.could_ms = could.then(|| since.could_ms.unwrap_or(now));
            since.could_not_ms = (!could).then(|| since.could_not_ms.unwrap_or(now));
            since.at_work_ms = at_work.then(|| since.at_work_ms.unwrap_or(now));
        }
        self.look_at_unsent();
    }

    fn look_at_unsent(&mut self) {
        let now = self.now_ms();
        let long = |since: Option<u64>| since.is_some_and(|ms| now - ms > SLACK_MS);
        let could = self
            .watch
            .books
            .servers
            .iter()
            .any(|since| long(since.could_ms));
        let mut wrong = Vec::new();
        for server in &self.servers {
            for notice in server.disk.notices.iter().filter(|one| one.is_unsent()) {
                if !self.watch.books.unsent.insert(notice.key.clone()) {
                    continue;
                }
                let sender = self.server(&notice.sender);
                let since = sender.and_then(|at| self.watch.books.servers[at].at_work_ms);
                if could && long(since) {
                    wrong.push(format!("not sent, though one could: {notice:?}"));
                }
            }
        }
        for text in wrong {
            self.found(Invariant::Licensed, text);
        }
    }

    pub(super) fn watch_licence_of(&mut self, mail: &Mail) {
        let Some(from) = self
            .server(&mail.from)
            .filter(|_| self.watch.books.needed())
        else {
            return;
        };
        let since = self.watch.books.servers[from].could_not_ms;
        let register = self.servers[from].disk.register.as_ref();
        let can = register.is_some_and(|one| !one.torn && suffices(&one.lines, mail.at_ms));
        let since = since.filter(|_| !can);
        if since.is_some_and(|ms| mail.at_ms - ms > SLACK_MS) {
            let text = format!("{} sent without a licence: {}", mail.from, mail.alert.text);
            self.found(Invariant::Licensed, text);
        }
        let books = &mut self.watch.books;
        if let Some(told) = unsent_told(&mail.alert.text)
            && books.told_by.insert(mail.alert.id.clone())
        {
            books.told += told;
        }
    }

    /// Whether a server did not send a mail of this alert for want of a licence.
    pub(super) fn was_unsent(&self, alert: &AlertId) -> bool {
        let mut notices = self.servers.iter().flat_map(|one| &one.disk.notices);
        self.watch.books.needed()
            && notices.any(|notice| notice.key.alert == *alert && notice.is_unsent())
    }

    /// Of mails that were not sent at least one mail tells a number; what a disk that failed, or a run
    /// that ended before it wrote, had not kept is not counted.
    pub(super) fn judge_licences(&mut self) {
        if !self.watch.books.needed() {
            return;
        }
        self.look_at_unsent();
        let mut wrong = Vec::new();
        for server in &self.servers {
            let Some(node) = server.node.as_ref() else {
                continue;
            };
            let left = node.status(self.now()).licence;
            let left = left.map(|one| (one.notices, one.withheld));
            if left != Some((true, 0)) {
                wrong.push(format!(
                    "{}: licences and mails not told: {left:?}",
                    server.name
                ));
            }
        }
        let (unsent, told) = (self.watch.books.unsent.len() as u64, self.watch.books.told);
        if told < unsent && !self.watch.since.disk_failed {
            wrong.push(format!("{unsent} mails were not sent, {told} were told of"));
        }
        for text in wrong {
            self.found(Invariant::Licensed, text);
        }
    }
}

fn unsent_told(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("Mails that were not sent: ")?;
    rest.split_once(';')?.0.parse().ok()
}

/// Whether one of the lines of a register is valid.
fn suffices(lines: &BTreeSet<String>, now_ms: u64) -> bool {
    lines.iter().any(|line| match line.strip_prefix("from ") {
        Some(from) => from.parse().is_ok_and(|from: u64| from <= now_ms),
        None => line == "-" || line.parse().is_ok_and(|end: u64| now_ms < end),
    })
}
