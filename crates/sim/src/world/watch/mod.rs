//! What must hold whatever happens, looked at with every step: the invariants at the head of ARCHITECTURE.md.
//!
//! Each action of a daemon, each mail that arrives and each look that a lamp takes is judged at its moment;
//! what needs time (a fallen server's lamp comes to blink red) is judged when nothing has happened to the
//! world for [`CALM_MS`]; what needs the world to be whole again is judged when a story says so
//! ([`World::judge_wellness`]). What is found broken is kept with its moment; the story goes on.
//!
//! A promise is judged only as far as it goes. Each side of a partition tells for itself; servers that took
//! different ports are one until they find each other again; a process that ends while its disk
//! still refuses what it has begun or told leaves that nowhere, if no other server was there to hear it. So what
//! happened since all was last well is remembered ([`Since`]), and each judgement says what it leaves out.
//!
//! Invariant 8 (the cluster key) and 10 (purity) are not the simulator's: nothing here has bytes.

mod calm;
mod lamps;
mod licences;
mod told;
mod wellness;

use super::World;
use crate::scenario::{Change, DiskDoes, Happening};
use licences::Books;
use noroshi_core::alert::AlertId;
use noroshi_core::config::{Config, Engine, LampId};
use noroshi_core::event::Event;
use noroshi_core::lamp::{Glow, Look};
use noroshi_core::notice::outbox::{IN_FLIGHT_MAX, IN_FLIGHT_RECIPIENT_MAX};
use noroshi_core::notice::{Channel, NoticeKey, NoticeState, Sending};
use noroshi_core::status::ServerState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// How long nothing may have happened until what needs time is judged: longer than the longest time-out, a
/// lamp's tries and a stall of a disk together.
pub const CALM_MS: u64 = 45_000;
/// What is found broken beyond so much of one story is not kept: it tells nothing new.
const BROKEN_MAX: usize = 64;

/// What must hold. The numbers are those of ARCHITECTURE.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// 1
    FirstOnDisk,
    /// 2
    NobodyWaits,
    /// 3
    LampStays,
    /// 4
    FallenIsRed,
    /// 5
    ToldOnce,
    /// 6
    ToldWithoutOrigin,
    /// 7
    SettingsWhole,
    /// 9
    Bounded,
    /// Rule M25: notices are off exactly while no server at work has a valid licence.
    Licensed,
    /// After every fault is over all is well again.
    Wellness,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Invariant::FirstOnDisk => "invariant 1 (what is sent was first on disk)",
            Invariant::NobodyWaits => "invariant 2 (nobody waits for another)",
            Invariant::LampStays => "invariant 3 (a lamp goes out only by stop or person)",
            Invariant::FallenIsRed => "invariant 4 (a fallen server's lamp blinks red)",
            Invariant::ToldOnce => "invariant 5 (told once; every copy alike and marked)",
            Invariant::ToldWithoutOrigin => "invariant 6 (told though the first never returns)",
            Invariant::SettingsWhole => "invariant 7 (settings whole or not at all)",
            Invariant::Bounded => "invariant 9 (every queue has its bound)",
            Invariant::Licensed => "rule M25 (notices are off exactly without a licence)",
            Invariant::Wellness => "after healing (all at work, all seen, all told)",
        })
    }
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which one.
    pub invariant: Invariant,
    /// When, in milliseconds since the story's beginning.
    pub at_ms: u64,
    /// What was the case.
    pub text: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms: {}: {}", self.at_ms, self.invariant, self.text)
    }
}

/// The watch over one world.
pub(super) struct Watch {
    broken: Vec<Broken>,
    since: Since,
    books: Books,
    /// By server: mails with their channel.
    in_flight: Vec<Vec<NoticeKey>>,
    /// (server, lamp): orders whose end is awaited.
    ordered: BTreeSet<(usize, u8)>,
    /// By alert and recipient: the first copy.
    first_copies: HashMap<(String, String), told::Copy>,
    /// Alerts that were never told because their notices ended with a process whose disk refused them.
    lost: BTreeSet<AlertId>,
    /// Falls that some lamp has to show, by the server that fell.
    falls: BTreeMap<usize, Fall>,
    /// Rises with each happening: a calm is over by the next.
    happenings: u64,
}

/// A server that fell, and the servers that were there to see it.
struct Fall {
    at_ms: u64,
    /// (server, run)
    witnesses: Vec<(usize, u64)>,
}

/// What has happened since all was last well.
#[derive(Default)]
struct Since {
    /// A cut, loss, or a fault of Corosync: each side tells for itself.
    parted: bool,
    /// A disk did not take what it was given.
    disk_failed: bool,
    /// A port was pushed: servers may not have heard each other for it.
    other_port: bool,
    /// By server: when a person last put its lamp out, or it was asked to stop.
    cleared: BTreeMap<usize, u64>,
    /// Servers whose lamp a person put out.
    put_out: BTreeSet<usize>,
    /// By server: when it last fell in truth, or stood still.
    fell: BTreeMap<usize, u64>,
    /// A lamp was tested: a test shows other looks, as late as the lamp answers.
    tested: bool,
    /// When a process last went on that had stood still: it does not know yet what it missed.
    resumed_ms: Option<u64>,
    /// By server: since when its lamp has been red.
    red: BTreeMap<usize, u64>,
    /// When the mail server's behaviour last changed.
    mail_changed_ms: u64,
    /// A server that was started from a state of before.
    licensed: bool,
}

impl Watch {
    pub(super) fn new(config: &Config, licensed: bool) -> Watch {
        let servers = config.servers.len();
        Watch {
            broken: Vec::new(),
            since: Since {
                licensed,
                ..Since::default()
            },
            books: Books::new(servers, licensed),
            in_flight: vec![Vec::new(); servers],
            ordered: BTreeSet::new(),
            first_copies: HashMap::new(),
            lost: BTreeSet::new(),
            falls: BTreeMap::new(),
            happenings: 0,
        }
    }

    fn found(&mut self, invariant: Invariant, at_ms: u64, text: String) {
        if self.broken.len() < BROKEN_MAX {
            let broken = Broken {
                invariant,
                at_ms,
                text,
            };
            self.broken.push(broken);
        }
    }

    /// A process is gone, and with it what its channels were at.
    pub(super) fn process_ends(&mut self, server: usize) {
        self.in_flight[server].clear();
        self.ordered.retain(|(of, _)| *of != server);
    }
}

impl World {
    /// What was found broken so far.
    pub fn broken(&self) -> &[Broken] {
        &self.watch.broken
    }

    fn found(&mut self, invariant: Invariant, text: String) {
        let at_ms = self.now_ms();
        self.watch.found(invariant, at_ms, text);
    }

    /// Something is about to happen to the world.
    pub(super) fn watch_happening(&mut self, happening: &Happening) {
        use Happening as H;
        let now = self.now_ms();
        let named = |name: &String| self.server(name);
        let at = match happening {
            H::LampPutOut(_, name)
            | H::Stops(name)
            | H::Killed(name)
            | H::LosesPower(name)
            | H::Suspended(name)
            | H::Corosync(name, _) => named(name),
            _ => None,
        };
        let ran = at.is_some_and(|at| self.servers[at].node.is_some());
        let mut falls = None;
        let since = &mut self.watch.since;
        match happening {
            H::CutOff(..) | H::Apart(_) | H::Deaf(..) | H::Loss(1.., _) => since.parted = true,
            H::Disk(_, does) => since.disk_failed |= *does != DiskDoes::Work,
            H::Pushes(_, Change::Port(_)) => since.other_port = true,
            H::Mail(_) => since.mail_changed_ms = now,
            H::AllWorks => (since.mail_changed_ms, since.resumed_ms) = (now, Some(now)),
            H::LampTested(..) => since.tested = true,
            H::Resumes(_) => since.resumed_ms = Some(now),
            H::Shutdown(_) => {
                let all = 0..self.servers.len();
                since.cleared.extend(all.map(|at| (at, now)));
            }
            H::LampPutOut(..) => {
                since.put_out.extend(at);
                since.cleared.extend(at.map(|at| (at, now)));
            }
            H::Stops(_) => since.cleared.extend(at.map(|at| (at, now))),
            H::Killed(_) | H::LosesPower(_) => falls = at.filter(|_| ran),
            H::Suspended(_) => since.fell.extend(at.map(|at| (at, now))),
            H::Corosync(..) => {
                since.parted = true;
                since.fell.extend(at.map(|at| (at, now)));
            }
            _ => {}
        }
        if let Some(at) = falls {
            self.watch.since.fell.insert(at, now);
            self.note_fall(at);
        }
        self.watch_licence_happening(happening);
        self.begin_calm();
    }

    /// A daemon hands something to a channel.
    pub(super) fn watch_sending(&mut self, server: usize, sending: &Sending) {
        let key = &sending.key;
        if key.channel != Channel::Mail {
            return;
        }
        let disk = &self.servers[server].disk;
        let begun = disk
            .notice(key)
            .is_some_and(|one| one.state != NoticeState::Waiting);
        let excused = sending.unrecorded && (disk.is_in_trouble(self.now_us) || begun);
        if !(excused || begun && disk.has_alert(&key.alert)) {
            let name = &self.servers[server].name;
            let text = format!("{name} sends what is not on its disk as begun: {sending:?}");
            self.found(Invariant::FirstOnDisk, text);
        }
        let twice = self.watch.in_flight[server].contains(key);
        self.watch.in_flight[server].push(key.clone());
        // One that another server told meanwhile, or whose recipient was dropped, takes nobody's place.
        let disk = &self.servers[server].disk;
        let ended = |key: &NoticeKey| disk.notice(key).is_some_and(|one| one.state.is_final());
        let flying = self.watch.in_flight[server].iter();
        let flying: Vec<&NoticeKey> = flying.filter(|key| !ended(key)).collect();
        let of_recipient = flying.iter().filter(|one| one.recipient == key.recipient);
        let (of_recipient, all) = (of_recipient.count(), flying.len());
        let recipients: BTreeSet<&String> = flying.iter().map(|one| &one.recipient).collect();
        let most = IN_FLIGHT_MAX + recipients.len();
        if twice || of_recipient > IN_FLIGHT_RECIPIENT_MAX || all > most {
            let name = &self.servers[server].name;
            let text = format!(
                "{name} has {all} mails under way, {of_recipient} to {}, this one twice: {twice}",
                key.recipient
            );
            self.found(Invariant::Bounded, text);
        }
    }

    /// A daemon orders something of a lamp.
    pub(super) fn watch_order(&mut self, server: usize, lamp: LampId) {
        if !self.watch.ordered.insert((server, lamp.0)) {
            let name = &self.servers[server].name;
            let text = format!("{name} orders a second thing of lamp {}", lamp.0 + 1);
            self.found(Invariant::Bounded, text);
        }
    }

    /// A daemon is about to be given an event: answers what to look at after it.
    pub(super) fn watch_event(&mut self, server: usize, event: &Event) -> Option<Settings> {
        match event {
            Event::Outcome(key, _) => {
                let flying = &mut self.watch.in_flight[server];
                if let Some(at) = flying.iter().position(|one| one == key) {
                    flying.swap_remove(at);
                }
                None
            }
            Event::Lamp { lamp, .. } => {
                self.watch.ordered.remove(&(server, lamp.0));
                None
            }
            Event::Configure { config, .. } | Event::Adopted { config, .. } => {
                let node = self.servers[server].node.as_ref()?;
                Some(Settings {
                    before: node.config().clone(),
                    given: config.as_ref().ok().map(|config| (**config).clone()),
                })
            }
            _ => None,
        }
    }

    /// Settings were given: they are in force whole, or those of before are.
    pub(super) fn watch_settings(&mut self, server: usize, settings: &Settings) {
        let Some(node) = &self.servers[server].node else {
            return;
        };
        let is = node.config();
        if *is != settings.before && Some(is) != settings.given.as_ref() {
            let name = &self.servers[server].name;
            let text = format!("{name} has settings in force that nobody gave it");
            self.found(Invariant::SettingsWhole, text);
        }
    }

    fn sees(&self, server: usize, other: usize) -> Option<ServerState> {
        let node = self.servers[server].node.as_ref()?;
        Some(node.state_of(noroshi_core::config::ServerId(other as u8)))
    }

    fn has_heartbeats(&self) -> bool {
        self.config.engine == Engine::Embedded
    }
}

/// Settings before an event, and those that it brought.
pub(super) struct Settings {
    before: Config,
    given: Option<Config>,
}

fn is_red(look: Look) -> bool {
    look.red == Glow::Blink
}
