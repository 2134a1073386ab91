//! What stories on a real Pacemaker share: a cluster that plays several of them, and the account of what was told.
//!
//! After each story [`Stage::told`] is given every fact that it had, with the words. Each must stand in the alert
//! view exactly once in the whole cluster, be mailed exactly once or not at all, and there must be nothing else:
//! no other mail, no other alert about groups, resources or servers, none of a higher level than information.
//! What a server tells late shows in the account of the next story, and [`Stage::end`] waits for it.

#![allow(dead_code, reason = "each test file uses its part")]

use crate::e2e::*;
use noroshi_core::alert::Severity;
use noroshi_daemon::control::AlertLine;
use noroshi_sim::rig::{GROUP, Pacemaker};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A deadline for what a cluster on a busy machine may need several rounds for.
pub(crate) const CLUSTER: Duration = Duration::from_secs(120);
/// Servers that are not to tell a fact do so after this, if nobody has (`OTHERS_WAIT` and a look).
const OTHERS: Duration = Duration::from_secs(13);

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// One thing that was told.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    module: &'static str,
    event: u32,
    /// All of its text; `*` stands for anything.
    text: String,
    mailed: bool,
    /// How often in the whole cluster.
    times: RangeInclusive<usize>,
}

/// Told by one mail.
pub(crate) fn mailed(module: &'static str, event: u32, text: &str) -> Fact {
    Fact {
        module,
        event,
        text: text.into(),
        mailed: true,
        times: 1..=1,
    }
}

/// Told in the alert view alone.
pub(crate) fn shown(module: &'static str, event: u32, text: &str) -> Fact {
    Fact {
        mailed: false,
        ..mailed(module, event, text)
    }
}

/// Told in the alert view if it lasted for long enough to be seen.
pub(crate) fn passing(module: &'static str, event: u32, text: &str) -> Fact {
    Fact {
        times: 0..=1,
        ..shown(module, event, text)
    }
}

/// Told by one mail unless what would tell it is dead too soon.
pub(crate) fn mailed_if_told(module: &'static str, event: u32, text: &str) -> Fact {
    Fact {
        times: 0..=1,
        ..mailed(module, event, text)
    }
}

/// What a machine does that is too busy for its Corosync to answer within three seconds.
fn of_the_machine() -> [Fact; 2] {
    let blind = "Server sv* does not see the cluster: Corosync on it does not answer*";
    let sees = "Server sv* sees the cluster again after *";
    [
        mailed_by_each("nm", 1061, blind),
        mailed_by_each("nm", 1062, sees),
    ]
}

/// Told by a mail for each server that it is true of, or one for several.
pub(crate) fn mailed_by_each(module: &'static str, event: u32, text: &str) -> Fact {
    Fact {
        times: 0..=6,
        ..mailed(module, event, text)
    }
}

/// Told in the alert view alone, by each of the servers.
pub(crate) fn shown_by_each(module: &'static str, event: u32, text: &str) -> Fact {
    Fact {
        times: 3..=3,
        ..shown(module, event, text)
    }
}

/// Told in the alert view alone, by one of the servers or by several.
pub(crate) fn shown_by_some(module: &'static str, event: u32, text: &str) -> Fact {
    Fact {
        times: 1..=3,
        ..shown(module, event, text)
    }
}

/// Told in the alert view alone, by those of which it is true.
pub(crate) fn shown_by_any(module: &'static str, event: u32, text: &str) -> Fact {
    Fact {
        times: 0..=3,
        ..shown(module, event, text)
    }
}

/// A cluster at work, and what of it is accounted for.
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    alerts: BTreeSet<String>,
    mails: BTreeSet<u64>,
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    /// Three servers at work with Pacemaker, the group on the first; `None` where there is no Pacemaker.
    pub(crate) fn open() -> Option<Stage> {
        if let Err(why) = Pacemaker::available() {
            let required = std::env::var("NOROSHI_REQUIRE_ALL").is_ok_and(|value| value == "1");
            assert!(!required, "NOROSHI_REQUIRE_ALL is set, but {why}");
            eprintln!("skipped: {why}");
            return None;
        }
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = plan().pacemaker().start().unwrap();
        let mut stage = Stage {
            cluster,
            alerts: BTreeSet::new(),
            mails: BTreeSet::new(),
            _turn: turn,
        };
        // What is lost just after a connection to Corosync must last for a while: that is not what is told here.
        hold(Duration::from_secs(6));
        // The events of its start have waited for noroshi; a look that comes before them shows how things are.
        let started = "Group web has started on server sv1.";
        stage.wait_shown(0);
        stage.told("start", &[passing("rc", 11, started)]);
        Some(stage)
    }

    /// Runs a program of Pacemaker in a node.
    pub(crate) fn run(&self, server: usize, words: &[&str]) -> String {
        self.cluster
            .run_in_node(server, words)
            .unwrap_or_else(|error| panic!("{error}\n{}", self.report()))
    }

    /// The server that the group runs on, as all living ones say.
    pub(crate) fn group_at(&self) -> usize {
        let on = until(CLUSTER, "all say where the group runs", || {
            let asked = self.living().into_iter();
            let mut said: Vec<_> = asked.map(|at| self.cluster.group_at(at)).collect();
            said.dedup();
            match said.as_slice() {
                [Ok(Some(on))] => Ok(*on),
                other => Err(format!("{other:?}")),
            }
        });
        on.unwrap_or_else(|error| panic!("{error}\n{}", self.report()))
    }

    /// Waits until the group runs elsewhere than on `from` and Pacemaker has nothing left to do. Tells where.
    pub(crate) fn wait_group_elsewhere(&self, from: usize) -> usize {
        let asked = usize::from(from == 0);
        let on = until(CLUSTER, "the group runs elsewhere", || {
            match self.cluster.group_at(asked) {
                Ok(Some(on)) if on != from => Ok(on),
                other => Err(format!("{other:?}")),
            }
        });
        let on = on.unwrap_or_else(|error| panic!("{error}\n{}", self.report()));
        self.wait_group(on);
        on
    }

    /// Waits until the group runs on a server and Pacemaker has nothing left to do.
    pub(crate) fn wait_group(&self, server: usize) {
        let waited = self.cluster.wait_group(server, CLUSTER);
        let waited = waited.and_then(|()| self.cluster.wait_settled(server));
        waited.unwrap_or_else(|error| panic!("{error}\n{}", self.report()));
    }

    /// Waits until noroshi on a server shows where the group runs.
    pub(crate) fn wait_shown(&self, server: usize) {
        let shown = until(CLUSTER, "the group is shown", || {
            let status = self.cluster.status(server).map_err(|error| error.0)?;
            let groups = status.pacemaker.map(|pacemaker| pacemaker.groups);
            let mut groups = groups.into_iter().flatten();
            match groups.any(|group| group.name == GROUP && !group.current.is_empty()) {
                true => Ok(()),
                false => Err(String::new()),
            }
        });
        shown.unwrap_or_else(|error| panic!("{error}\n{}", self.report()));
    }

    /// Waits until all servers see each other.
    pub(crate) fn wait_all_up(&self) {
        let waited = self.cluster.wait_all_up(CLUSTER);
        waited.unwrap_or_else(|error| panic!("{error}\n{}", self.report()));
    }

    /// Waits until an alert matches that is not accounted for.
    pub(crate) fn wait_fact(&self, fact: &Fact) {
        let told = until(CLUSTER, &format!("{fact:?}"), || {
            let new = self.new_alerts();
            let found = new.values().any(|line| fact.is(line));
            if found { Ok(()) } else { Err(String::new()) }
        });
        told.unwrap_or_else(|error| panic!("{error}\n{}", self.report()));
    }

    /// Waits until each lamp shows this.
    pub(crate) fn wait_lamps(&self, looks: [Look; 3]) {
        for (server, look) in looks.into_iter().enumerate() {
            let waited = self.cluster.wait_lamp(server, look, CLUSTER);
            waited.unwrap_or_else(|error| panic!("{error}\n{}", self.report()));
        }
    }

    /// No lamp has ever been red.
    pub(crate) fn never_red(&self) {
        let outside = self.cluster.outside();
        for lamp in 0..outside.lamp_count() {
            let shines = outside.shines(lamp);
            let dark = shines.iter().all(|shine| shine.look.red == Look::GREEN.red);
            assert!(dark, "lamp {lamp}: {shines:?}\n{}", self.report());
        }
    }

    /// These facts and nothing else have been told since the last account.
    pub(crate) fn told(&mut self, story: &str, facts: &[Fact]) {
        for fact in facts.iter().filter(|fact| !fact.times.contains(&0)) {
            self.wait_fact(fact);
            // Of each server that tells it itself.
            for server in (0..self.cluster.len()).filter(|_| *fact.times.start() == 3) {
                let text = fact.text.replacen("sv*", &server_name(server), 1);
                self.wait_fact(&Fact {
                    text,
                    ..fact.clone()
                });
            }
        }
        let sure = facts.iter().filter(|fact| !fact.times.contains(&0));
        for fact in sure.filter(|fact| fact.mailed) {
            let told = until(CLUSTER, &format!("a mail of {fact:?}"), || {
                let mails = self.new_mails();
                let found = mails.iter().any(|mail| fact.is_mail(mail));
                if found { Ok(()) } else { Err(String::new()) }
            });
            told.unwrap_or_else(|error| panic!("{story}: {error}\n{}", self.report()));
        }
        for server in self.living() {
            flush(&self.cluster, server);
        }
        let mut besides = of_the_machine().to_vec();
        besides.retain(|beside| facts.iter().all(|fact| fact.event != beside.event));
        let new = self.new_alerts();
        if new.values().any(|line| of_the_machine()[0].is(line)) {
            eprintln!("{story}: this machine was too busy for Corosync");
        }
        let wrong = self.account(&[facts, &besides[..]].concat());
        assert!(wrong.is_empty(), "{story}: {wrong}\n{}", self.report());
        eprintln!("told: {story}");
        self.alerts.extend(self.new_alerts().into_keys());
        self.mails
            .extend(self.new_mails().iter().map(|mail| mail.number));
    }

    /// Nothing comes late, and no mail came twice.
    pub(crate) fn end(mut self) {
        hold(OTHERS);
        self.told("end", &[]);
        let mails = mails(&self.cluster);
        for name in ["Message-ID: ", "X-Noroshi-Alert: "] {
            let ids: BTreeSet<String> = mails.iter().map(|mail| header(mail, name)).collect();
            assert_eq!(ids.len(), mails.len(), "{name}\n{}", self.report());
        }
    }

    /// What differs from these facts.
    fn account(&self, facts: &[Fact]) -> String {
        let (alerts, mails) = (self.new_alerts(), self.new_mails());
        let mut wrong = String::new();
        for fact in facts {
            let alerts = alerts.values().filter(|line| fact.is(line)).count();
            let mails = mails.iter().filter(|mail| fact.is_mail(mail)).count();
            let told = if fact.mailed { alerts } else { 0 };
            if !fact.times.contains(&alerts) || mails != told {
                let _ = writeln!(wrong, "{alerts} alerts, {mails} mails: {fact:?}");
            }
        }
        let known = |line: &AlertLine| facts.iter().any(|fact| fact.is(line)) || is_beside(line);
        for line in alerts.values().filter(|line| !known(line)) {
            let _ = writeln!(wrong, "besides: {}", listed(line));
        }
        for mail in &mails {
            if !facts.iter().any(|fact| fact.mailed && fact.is_mail(mail)) {
                let _ = writeln!(wrong, "besides, mailed: {}", mail.subject);
            }
        }
        wrong
    }

    fn living(&self) -> Vec<usize> {
        let servers = 0..self.cluster.len();
        servers
            .filter(|at| self.cluster.status(*at).is_ok())
            .collect()
    }

    /// The alerts of all living servers that are not accounted for, by their names in the cluster.
    fn new_alerts(&self) -> BTreeMap<String, AlertLine> {
        let lines = self.living().into_iter();
        let lines = lines
            .filter_map(|server| self.cluster.alerts(server).ok())
            .flatten();
        let new = lines.filter(|line| !is_flush(line));
        let named = new.map(|line| (line.id.0.clone(), line));
        named.filter(|(id, _)| !self.alerts.contains(id)).collect()
    }

    fn new_mails(&self) -> Vec<Arc<Mail>> {
        let mut mails = mails(&self.cluster);
        mails.retain(|mail| !self.mails.contains(&mail.number));
        mails
    }

    /// All that is not accounted for, Pacemaker's picture and what the daemons printed.
    pub(crate) fn report(&self) -> String {
        let mut text = String::from("-- alerts\n");
        let mut lines: Vec<AlertLine> = self.new_alerts().into_values().collect();
        lines.sort_by_key(|line| line.time);
        lines.iter().for_each(|line| text += &(listed(line) + "\n"));
        text += "-- mails\n";
        for mail in self.new_mails() {
            text += &(mail.subject.clone() + "\n");
        }
        for server in self.living().into_iter().take(1) {
            text += &self.cluster.crm_mon(server);
        }
        text + &self.cluster.logs()
    }
}

impl Fact {
    fn is(&self, line: &AlertLine) -> bool {
        (line.module.as_str(), line.event) == (self.module, self.event)
            && matches(&self.text, &line.text)
    }

    /// The mail of this fact: the text on one line, the beginning of it in the subject, module and id.
    fn is_mail(&self, mail: &Mail) -> bool {
        let line = |name: &str| mail.body.lines().find_map(|line| line.strip_prefix(name));
        let text = line("Message: ").unwrap_or_default();
        let subject = mail.subject.strip_prefix("Rig ");
        matches(&self.text, text)
            && subject.is_some_and(|subject| text.starts_with(subject.trim_end_matches('…')))
            && line("Type: ") == Some(&self.module.to_uppercase())
            && line("ID: ") == Some(&self.event.to_string())
    }
}

/// A server's name by its place.
pub(crate) fn server_name(server: usize) -> String {
    format!("sv{}", server + 1)
}

fn is_flush(line: &AlertLine) -> bool {
    line.text.starts_with("flush") && line.text.ends_with("is over")
}

/// Neither about groups, resources, servers, nor more than information: the service about itself. And links, which
/// are silent before a server is lost, and for a moment on a busy machine.
fn is_beside(line: &AlertLine) -> bool {
    let link = line.module == "nm" && [1063, 1065].contains(&line.event);
    if link {
        return true;
    }
    let about_servers = [
        2, 1001, 1003, 1030, 1061, 1062, 1070, 1071, 1072, 1073, 1074, 1075,
    ];
    line.severity == Severity::Info
        && match line.module.as_str() {
            "rc" | "rm" | "pcmk" => false,
            "nm" => !about_servers.contains(&line.event),
            _ => true,
        }
}

fn listed(line: &AlertLine) -> String {
    let (server, severity, module, event) = (&line.server, line.severity, &line.module, line.event);
    let mail = line.notices.iter().any(|one| one.channel == Channel::Mail);
    let mail = if mail { " MAIL" } else { "" };
    format!(
        "{} {server} {severity:?} {module} {event}{mail}: {} [{}]",
        line.time.0, line.text, line.id.0
    )
}

fn header(mail: &Mail, name: &str) -> String {
    let raw = String::from_utf8_lossy(&mail.raw).into_owned();
    let line = raw.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().to_owned()
}

/// Whether a text is this one; `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|left| {
            let mut ends = left.char_indices().map(|(at, _)| at).chain([left.len()]);
            ends.any(|at| matches(rest, &left[at..]))
        }),
    }
}
