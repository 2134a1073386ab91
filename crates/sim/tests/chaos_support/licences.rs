//! Licences in the chaos: what happens to them, and the promise about them.
//!
//! The books here know for each server since when it could send and since when it could not, as seen
//! from outside. Servers hear of each other's licences, starts and ends within [`SLACK_MS`], so a mail
//! is wrong only when its server could not send for so long before it, and one that was not sent is
//! wrong only when some server could send, and its sender was at work, for so long before.

use noroshi_core::alert::AlertId;
use noroshi_core::notice::NoticeKey;
use noroshi_sim::scenario::{Happening, Setup};
use noroshi_sim::world::{Random, World, happen};
use std::collections::BTreeSet;

/// In which all at work know who else is and who may send: a start, a time-out, a link, a server that
/// leaves and waits for its lamp.
const SLACK_MS: u64 = 10_000;
/// How closely the books are kept.
const STEP_MS: u64 = 100;

/// What is registered when the story begins.
pub(crate) fn at_start(random: &mut Random) -> Vec<String> {
    match random.between(0, 3) {
        0 => Vec::new(),
        1 => vec![random.between(4_000, 60_000).to_string()],
        _ => vec!["-".to_owned()],
    }
}

/// A licence is registered, for good, until or from some time; a register is torn or mended.
pub(crate) fn one_event(random: &mut Random, world: &World) -> Happening {
    let at = random.between(0, world.servers.len() as u64) as usize;
    let name = world.servers[at].name.clone();
    let later = world.now_ms() + random.between(500, 30_000);
    match random.between(0, 10) {
        0 => Happening::Licence(name, "-".to_owned()),
        1 => Happening::Licence(name, format!("from {later}")),
        2 | 3 => Happening::Licence(name, later.to_string()),
        4..=6 => Happening::Register(name, true),
        _ => Happening::Register(name, false),
    }
}

/// Whether a server did not send a mail of this alert for want of a licence.
pub(crate) fn was_unsent(world: &World, alert: &AlertId) -> bool {
    let mut notices = world.servers.iter().flat_map(|one| &one.disk.notices);
    notices.any(|notice| notice.key.alert == *alert && notice.is_unsent())
}

/// Since when a server could send, and since when it could not.
#[derive(Clone, Copy)]
struct Since {
    could_ms: Option<u64>,
    could_not_ms: Option<u64>,
    at_work_ms: Option<u64>,
}

/// The books.
pub(crate) struct Licensed {
    needed: bool,
    servers: Vec<Since>,
    mails: usize,
    unsent: BTreeSet<NoticeKey>,
    wrong: Vec<String>,
}

impl Licensed {
    pub(crate) fn new(setup: &Setup) -> Licensed {
        let since = Since {
            could_ms: None,
            could_not_ms: Some(0),
            at_work_ms: None,
        };
        Licensed {
            needed: setup.licences.is_some(),
            servers: vec![since; usize::from(setup.servers)],
            mails: 0,
            unsent: BTreeSet::new(),
            wrong: Vec::new(),
        }
    }

    /// Lets time pass, and keeps the books.
    pub(crate) fn run_until(&mut self, world: &mut World, ms: u64) {
        while self.needed && world.now_ms() + STEP_MS < ms {
            let next = world.now_ms() + STEP_MS;
            world.run_until(next);
            self.look(world);
        }
        world.run_until(ms);
        self.look(world);
    }

    pub(crate) fn note(&mut self, world: &World, happening: &Happening) {
        // What stood still is known too late, and what goes on says what is old.
        if let Happening::Resumes(_) | Happening::Suspended(_) = happening {
            self.servers
                .iter_mut()
                .for_each(|one| *one = Since::unclear());
        }
        // One that leaves sends no more, and is still at work until the others and its lamp are told.
        if let Happening::Stops(name) = happening {
            let at = world.server(name).expect("it names what is there");
            self.servers[at] = Since::unclear();
        }
        self.look(world);
    }

    fn look(&mut self, world: &World) {
        if !self.needed {
            return;
        }
        let now = world.now_ms();
        for (since, server) in self.servers.iter_mut().zip(&world.servers) {
            let at_work = server.node.is_some() && !server.suspended;
            let register = server.disk.register.as_ref();
            let valid = register.is_some_and(|one| !one.torn && suffices(&one.lines, now));
            let could = at_work && valid;
            since.could_ms = could.then(|| since.could_ms.unwrap_or(now));
            since.could_not_ms = (!could).then(|| since.could_not_ms.unwrap_or(now));
            since.at_work_ms = at_work.then(|| since.at_work_ms.unwrap_or(now));
        }
        let long = |since: Option<u64>| since.is_some_and(|ms| now - ms > SLACK_MS);
        for mail in &world.mails[self.mails..] {
            let from = world.server(&mail.from).expect("it sent a mail");
            if long(self.servers[from].could_not_ms) {
                let (at, text) = (mail.at_ms, &mail.alert.text);
                let why = format!("{at} ms: {} sent without a licence: {text}", mail.from);
                self.wrong.push(why);
            }
        }
        self.mails = world.mails.len();
        let could = self.servers.iter().any(|since| long(since.could_ms));
        for server in &world.servers {
            for notice in server.disk.notices.iter().filter(|one| one.is_unsent()) {
                if !self.unsent.insert(notice.key.clone()) {
                    continue;
                }
                let sender = world.server(&notice.sender).expect("it is one of them");
                if could && long(self.servers[sender].at_work_ms) {
                    let why = format!("{now} ms: not sent, though one could: {notice:?}");
                    self.wrong.push(why);
                }
            }
        }
    }

    /// All registers can be read again, and a licence for good is registered.
    pub(crate) fn heal(&mut self, world: &mut World) {
        for at in 0..world.servers.len() * usize::from(self.needed) {
            let name = world.servers[at].name.clone();
            for what in [
                Happening::Register(name.clone(), true),
                Happening::Licence(name, "-".to_owned()),
            ] {
                happen(world, &what).expect("it names what is there");
            }
        }
    }

    /// Adds what was wrong. Of mails that were not sent at least one mail tells a number; what a disk
    /// that failed, or a run that ended before it wrote, had not kept is not counted.
    pub(crate) fn check(self, world: &World, disk_failed: bool, wrong: &mut Vec<String>) {
        wrong.extend(self.wrong);
        for server in &world.servers {
            let Some(node) = server.node.as_ref().filter(|_| self.needed) else {
                continue;
            };
            let status = node.status(world.now());
            let left = status.licence.map(|one| (one.notices, one.withheld));
            if left != Some((true, 0)) {
                wrong.push(format!(
                    "{}: licences and mails not told: {left:?}",
                    server.name
                ));
            }
        }
        let told = |mail: &noroshi_sim::world::Mail| unsent_told(&mail.alert.text);
        let mut alerts = BTreeSet::new();
        let mails = world.mails.iter();
        let mails = mails.filter(|mail| alerts.insert(&mail.alert.id));
        let told: u64 = mails.filter_map(told).sum();
        let unsent = self.unsent.len() as u64;
        if (told < unsent) && !disk_failed {
            wrong.push(format!("{unsent} mails were not sent, {told} were told of"));
        }
    }
}

impl Since {
    fn unclear() -> Since {
        Since {
            could_ms: None,
            could_not_ms: None,
            at_work_ms: None,
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
