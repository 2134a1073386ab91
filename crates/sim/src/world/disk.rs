//! Disks: what was synced, what was written and not yet synced, and what a crash makes of that.
//!
//! A batch is one transaction: after a crash it is there whole or not at all. One that was on its way when its
//! process ended may be there all the same, though nobody was told so.

use super::{Due, Register, World};
use crate::scenario::DiskDoes;
use noroshi_core::action::Item;
use noroshi_core::alert::{Acknowledgement, Alert, AlertId};
use noroshi_core::config::Config;
use noroshi_core::event::{Event, Latch, LicencesRead, Recovered, StoredNotice, View};
use noroshi_core::lamp::Glow;
use noroshi_core::notice::outbox::Page;
use noroshi_core::notice::{NoticeKey, NoticeRecord, NoticeState};
use noroshi_core::set::SetLabel;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// How long a stall lasts.
const STALL_US: u64 = 30_000_000;
/// A store is in trouble for so much longer than its disk: it reopens, and writes what it had kept.
const TROUBLE_US: u64 = 2_000_000;
/// Alerts that a disk keeps once all that it holds was told.
const KEPT: usize = 64;

/// A disk: what was synced.
#[derive(Default)]
pub struct Disk {
    /// What it does to what is written.
    does: Does,
    /// Digests of the sets that are on it.
    pub staged: BTreeSet<String>,
    /// The set in force.
    pub in_force: SetLabel,
    /// The settings that were in force before, oldest first.
    pub former: Vec<Config>,
    /// It can take no set: what its server says to one.
    pub unfit_for_sets: bool,
    /// News of notices that it would not take ended with their process.
    pub lost_notices: bool,
    /// Alerts in order of arrival.
    pub alerts: Vec<Arc<Alert>>,
    /// Notices in order of arrival.
    pub notices: Vec<NoticeRecord>,
    /// What is registered; `None` for a build that needs no licence.
    pub register: Option<Register>,
    known: HashSet<AlertId>,
    places: HashMap<NoticeKey, usize>,
    /// Places of notices that are not at their end.
    open: BTreeSet<usize>,
    /// Places before the first notice that is still kept.
    dropped: usize,
    latches: BTreeMap<String, Latch>,
    views: BTreeMap<String, View>,
    acknowledgements: BTreeMap<AlertId, Acknowledgement>,
    groups: BTreeMap<String, noroshi_core::pacemaker::GroupMemory>,
    catch_up: Vec<Item>,
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Does {
    #[default]
    Work,
    /// It fails; what it wrote may be there after a crash when the sync failed.
    Fail(&'static str, bool),
    /// It stands until then.
    StallUntil(u64),
    /// It worked again at this time.
    Mended(u64),
}

impl World {
    /// What a server's disk does from now on.
    pub fn set_disk(&mut self, server: usize, does: DiskDoes) {
        let now = self.now_us;
        let disk = &mut self.servers[server].disk;
        if matches!(disk.does, Does::StallUntil(until) if until > now) {
            // It answers nothing, and what was written first is synced first.
            return;
        }
        disk.does = match does {
            DiskDoes::Work if disk.does == Does::Work => Does::Work,
            DiskDoes::Work => Does::Mended(now),
            DiskDoes::Fail => Does::Fail("Input/output error", true),
            DiskDoes::Full => Does::Fail("No space left on device", false),
            DiskDoes::ReadOnly => Does::Fail("Read-only file system", false),
            DiskDoes::Stall => Does::StallUntil(now + STALL_US),
        };
        if does == DiskDoes::Work {
            disk.catch_up();
        }
    }

    /// A sync ends: what it wrote is on disk, unless power or disk went before.
    pub(super) fn synced(&mut self, server: usize, run: u64, batch: u64, items: Vec<Item>) {
        let now = self.now_us;
        let sim = &mut self.servers[server];
        if sim.run != run {
            return;
        }
        let result = match sim.disk.does {
            Does::StallUntil(until) if until > now => {
                let synced = Due::Synced {
                    server,
                    run,
                    batch,
                    items,
                };
                return self.due(until - now, synced);
            }
            Does::Fail(why, _) => {
                // The store remembers what it could not write, as long as its process lives.
                sim.disk.catch_up.extend(items);
                Err(why.to_string())
            }
            Does::Work | Does::StallUntil(_) | Does::Mended(_) => {
                sim.disk.catch_up();
                items.into_iter().for_each(|item| sim.disk.put(item));
                Ok(())
            }
        };
        self.step(server, Event::Recorded { batch, result });
    }

    /// A process ends: what it had under way is on disk up to some batch, and the rest is not.
    pub(super) fn tear_writes(&mut self, server: usize) {
        let run = self.servers[server].run;
        let under_way = self.take_syncs(server, run);
        let does = self.servers[server].disk.does;
        let lost = std::mem::take(&mut self.servers[server].disk.catch_up);
        let batches = lost.into_iter().map(|item| vec![item]).chain(under_way);
        let batches: Vec<Vec<Item>> = batches.collect();
        let most = match does {
            Does::Fail(_, false) | Does::StallUntil(_) => 0,
            _ => batches.len() as u64,
        };
        let kept = match most {
            0 => 0,
            _ => self.random.between(0, most + 1) as usize,
        };
        let disk = &mut self.servers[server].disk;
        for (at, items) in batches.into_iter().enumerate() {
            if at < kept {
                items.into_iter().for_each(|item| disk.put(item));
            } else if matches!(does, Does::Fail(..) | Does::StallUntil(_) | Does::Mended(_)) {
                disk.lost_notices |= items.iter().any(|item| matches!(item, Item::Notice(_)));
            }
        }
    }

    /// All is well: what was told is put aside, as a real store drops its oldest.
    pub(super) fn put_aside(&mut self) {
        if self.servers.iter().any(|one| one.disk.register.is_some()) {
            // What was not sent is counted from all that there is.
            return;
        }
        self.mails.clear();
        self.replies.clear();
        for server in &mut self.servers {
            server.disk.put_aside();
        }
    }
}

impl Disk {
    /// What is known of a notice.
    pub fn notice(&self, key: &NoticeKey) -> Option<&NoticeRecord> {
        self.places.get(key).map(|at| &self.notices[*at])
    }

    /// Whether an alert is there.
    pub fn has_alert(&self, id: &AlertId) -> bool {
        self.known.contains(id)
    }

    /// Notices that are not at their end, in order of arrival.
    pub fn unfinished(&self) -> impl Iterator<Item = &NoticeRecord> {
        self.open.iter().map(|at| &self.notices[*at])
    }

    /// Its store does not take what it is given, or did not a moment ago.
    pub fn is_in_trouble(&self, now_us: u64) -> bool {
        match self.does {
            Does::Work => false,
            Does::Fail(..) => true,
            Does::StallUntil(at) | Does::Mended(at) => now_us < at + TROUBLE_US,
        }
    }

    /// What stands there of a server's part of its lamp is a red.
    pub(super) fn says_red(&self, server: &str) -> bool {
        self.latches
            .get(server)
            .is_some_and(|latch| latch.red == Glow::Blink)
    }

    fn latest_facts(&self) -> Vec<AlertId> {
        let ids = self.alerts.iter().rev().map(|alert| alert.id.clone());
        let facts = ids.filter(|id| id.0.starts_with(noroshi_core::node::FACT));
        facts.take(noroshi_core::node::TOLD_FACTS_MAX).collect()
    }

    pub(super) fn recover(&self) -> Recovered {
        let notices = self.stored_after(&Page {
            after: 0,
            limit: 256,
            skip: Vec::new(),
        });
        Recovered {
            more: notices.1,
            notices: notices.0,
            latches: self.latches.values().cloned().collect(),
            views: self.views.values().cloned().collect(),
            acknowledgements: self.acknowledgements.values().cloned().collect(),
            groups: self
                .groups
                .values()
                .filter(|memory| !memory.is_blank())
                .cloned()
                .collect(),
            facts: self.latest_facts(),
            unfenced: Vec::new(),
            trouble: None,
            unsent_mails: self.unsent_mails(),
            licences: self
                .register
                .as_ref()
                .map(|register| Box::new(register.read(LicencesRead::AtWork))),
        }
    }

    /// Unfinished notices after a row, the way the real store hands them over.
    pub(super) fn stored_after(&self, page: &Page) -> (Vec<StoredNotice>, bool) {
        let mut rows = Vec::new();
        for at in &self.open {
            let notice = &self.notices[*at];
            let row = (self.dropped + at) as u64 + 1;
            if row <= page.after || page.skip.contains(&notice.key.recipient) {
                continue;
            }
            if rows.len() == page.limit as usize {
                return (rows, true);
            }
            let its = |alert: &&Arc<Alert>| alert.id == notice.key.alert;
            let Some(alert) = self.alerts.iter().rev().find(its) else {
                continue;
            };
            let mut notice = notice.clone();
            notice.possible_repeat |= notice.state == NoticeState::Begun;
            notice.state = NoticeState::Waiting;
            rows.push(StoredNotice {
                row,
                alert: alert.clone(),
                notice,
            });
        }
        (rows, false)
    }

    /// Writes what could not be written before.
    fn catch_up(&mut self) {
        let items = std::mem::take(&mut self.catch_up);
        items.into_iter().for_each(|item| self.put(item));
    }

    fn put(&mut self, item: Item) {
        match item {
            Item::Alert { alert, .. } => {
                if self.known.insert(alert.id.clone()) {
                    self.alerts.push(alert);
                }
            }
            Item::Notice(notice) => self.put_notice(notice),
            Item::Latch(latch) => {
                self.latches.insert(latch.server.clone(), latch);
            }
            Item::View(view) => {
                self.views.insert(view.server.clone(), view);
            }
            Item::Group(memory) => {
                self.groups.insert(memory.group.clone(), memory);
            }
            Item::Acknowledgement(news) => {
                let known = self.acknowledgements.get(&news.alert);
                if known.is_none_or(|known| news.outdoes(known)) {
                    self.acknowledgements.insert(news.alert.clone(), news);
                }
            }
        }
    }

    fn put_notice(&mut self, notice: NoticeRecord) {
        let ends = notice.state.is_final();
        let at = match self.places.get(&notice.key) {
            Some(at) if self.notices[*at].state.is_final() && !ends => return,
            Some(at) => {
                self.notices[*at] = notice;
                *at
            }
            None => {
                self.places.insert(notice.key.clone(), self.notices.len());
                self.notices.push(notice);
                self.notices.len() - 1
            }
        };
        match ends {
            true => self.open.remove(&at),
            false => self.open.insert(at),
        };
    }

    fn put_aside(&mut self) {
        let open: HashSet<AlertId> = self.unfinished().map(|one| one.key.alert.clone()).collect();
        let late = self.alerts.len().saturating_sub(KEPT);
        let mut at = 0;
        self.alerts.retain(|alert| {
            at += 1;
            at > late || open.contains(&alert.id)
        });
        self.known = self.alerts.iter().map(|alert| alert.id.clone()).collect();
        let before = self.notices.len();
        let kept: Vec<NoticeRecord> = std::mem::take(&mut self.notices);
        let known = &self.known;
        self.notices = kept
            .into_iter()
            .filter(|one| known.contains(&one.key.alert))
            .collect();
        self.dropped += before - self.notices.len();
        let places = self.notices.iter().enumerate();
        self.places = places.map(|(at, one)| (one.key.clone(), at)).collect();
        let places = self.notices.iter().enumerate();
        let unfinished = places.filter(|(_, one)| !one.state.is_final());
        self.open = unfinished.map(|(at, _)| at).collect();
    }
}
