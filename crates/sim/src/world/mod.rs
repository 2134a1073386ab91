//! A whole cluster on virtual time: the real [`Node`]s, and around them a network, disks, lamps
//! and a mail server that fail as they are told to.
//!
//! Nothing here reads a clock or real randomness: the same seed tells the same story.

mod effects;
mod lamps;
mod licences;
mod network;
mod play;
mod random;
mod ring;
mod sets;

pub use lamps::SimLamp;
pub use licences::Register;
pub use network::Network;
pub use play::{Failure, happen, play};
pub use random::Random;

use crate::scenario::{Change, LampLook, MailBehaviour, Setup};
use noroshi_core::action::{Action, Item};
use noroshi_core::alert::{Acknowledgement, Alert, AlertId, DestinationChange, SessionId};
use noroshi_core::config::*;
use noroshi_core::event::{Event, Latch, LicencesRead, Recovered, StoredNotice, View};
use noroshi_core::lamp::Glow;
use noroshi_core::node::Node;
use noroshi_core::notice::NoticeRecord;
use noroshi_core::notice::outbox::Page;
use noroshi_core::request::{Reply, RequestId};
use noroshi_core::set::SetLabel;
use noroshi_core::text::Language;
use noroshi_core::time::{Moment, Now, Span, WallTime};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Virtual microseconds at which every story begins; not zero, so that "long before" exists.
const BEGIN_US: u64 = 1_000_000_000;
/// The wall clock at the beginning of every story: 2026-01-01 00:00 UTC.
const BEGIN_WALL_MS: i64 = 1_767_225_600_000;

/// A cluster and its surroundings.
pub struct World {
    now_us: u64,
    sequence: u64,
    queue: BTreeMap<(u64, u64), Due>,
    /// The servers, by id.
    pub servers: Vec<SimServer>,
    /// What passes between them.
    pub network: Network,
    /// By lamp id: what each lamp shows, and whether it answers.
    pub lamps: Vec<SimLamp>,
    /// What the mail server does.
    pub mail: MailBehaviour,
    /// Mails that arrived.
    pub mails: Vec<Mail>,
    /// The settings that all servers began with: servers, interconnects and lamps stay so.
    pub config: Config,
    /// Requests that were answered, in order.
    pub replies: Vec<(RequestId, Reply)>,
    /// By digest: the settings of each set that was pushed.
    pub sets: BTreeMap<String, Config>,
    random: Random,
    requests: u64,
    /// Orders to lamps that have not been written yet.
    orders: Vec<lamps::Ticket>,
}

/// One server: its daemon, its disk, its power.
pub struct SimServer {
    /// Its name.
    pub name: String,
    /// The daemon, while its process exists.
    pub node: Option<Node>,
    /// Its settings file.
    pub config: Config,
    /// What its disk holds.
    pub disk: Disk,
    /// The host has power.
    pub powered: bool,
    /// The process stands still; its events wait.
    pub suspended: bool,
    /// Where the daemon looks for other servers beside its own settings.
    former_ways: Vec<Config>,
    waiting: Vec<Event>,
    /// Rises with every process, so that what an earlier one caused is not given to a later one.
    run: u64,
    wake: u64,
    links: Vec<bool>,
    counters: BTreeMap<(u8, u8), u64>,
    /// Its Corosync, in a story that has one.
    corosync: ring::Corosync,
    /// How far its wall clock is ahead of the others', in milliseconds.
    pub clock_ahead_ms: i64,
    /// Lamps that the last order of this process did not reach.
    failed_lamps: BTreeSet<u8>,
}

/// A disk: what was synced.
#[derive(Default)]
pub struct Disk {
    /// It does not work.
    pub failed: bool,
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
    latches: BTreeMap<String, Latch>,
    views: BTreeMap<String, View>,
    acknowledgements: BTreeMap<AlertId, Acknowledgement>,
    groups: BTreeMap<String, noroshi_core::pacemaker::GroupMemory>,
    catch_up: Vec<Item>,
}

/// A mail that arrived.
#[derive(Clone, Debug)]
pub struct Mail {
    /// When, in milliseconds since the story's beginning.
    pub at_ms: u64,
    /// To whom.
    pub to: String,
    /// From which server.
    pub from: String,
    /// What it tells.
    pub alert: Arc<Alert>,
    /// It says that it may be a repeat.
    pub possible_repeat: bool,
}

/// Something that is due at a moment.
enum Due {
    Give {
        server: usize,
        run: u64,
        event: Event,
    },
    Wake {
        server: usize,
        run: u64,
        wake: u64,
    },
    Synced {
        server: usize,
        run: u64,
        batch: u64,
        items: Vec<Item>,
    },
    Relink,
    /// The ring turns.
    Ring,
    /// An order that waits in a server's socket may go on.
    Lamp(lamps::Ticket),
}

impl World {
    /// A world whose servers (but the absent ones) have just started.
    pub fn new(setup: &Setup, seed: u64) -> World {
        let config = config(setup);
        let servers = config
            .servers
            .iter()
            .map(|server| SimServer::new(&server.name, &config));
        let mut world = World {
            now_us: BEGIN_US,
            sequence: 0,
            queue: BTreeMap::new(),
            servers: servers.collect(),
            network: Network::new(setup.servers, setup.interconnects),
            lamps: config
                .lamps
                .iter()
                .map(|_| SimLamp {
                    mute: setup.mute_lamps,
                    ..SimLamp::default()
                })
                .collect(),
            orders: Vec::new(),
            replies: Vec::new(),
            mail: MailBehaviour::Accepts,
            mails: Vec::new(),
            config,
            sets: BTreeMap::new(),
            random: Random::new(seed),
            requests: 0,
        };
        for at in 0..world.servers.len() {
            world.servers[at].links = vec![false; world.servers.len()];
            world.servers[at].disk.register = setup.licences.as_ref().map(|lines| Register {
                lines: lines.iter().cloned().collect(),
                ..Register::default()
            });
            let name = &world.servers[at].name;
            let is_its = |(of, _): &&(String, i64)| of == name;
            let ahead = setup.clocks.iter().find(is_its).map(|(_, ms)| *ms);
            world.servers[at].clock_ahead_ms = ahead.unwrap_or(0);
            if !setup.absent.contains(&world.servers[at].name) {
                world.boot(at);
            }
        }
        world.due(0, Due::Relink);
        if world.has_ring() {
            world.due(0, Due::Ring);
        }
        world
    }

    /// Milliseconds since the story's beginning.
    pub fn now_ms(&self) -> u64 {
        (self.now_us - BEGIN_US) / 1_000
    }

    /// When a server's lamp last began to blink red, in milliseconds since the story's beginning.
    pub fn red_since(&self, server: usize) -> Option<u64> {
        let lamp = self.config.servers[server].lamp?;
        let since = self.lamps[usize::from(lamp.0)].red_since?;
        Some((since - BEGIN_US) / 1_000)
    }

    /// Lets time pass up to `ms` milliseconds since the beginning.
    pub fn run_until(&mut self, ms: u64) {
        let until = BEGIN_US + ms * 1_000;
        while let Some((&(at, sequence), _)) = self.queue.first_key_value() {
            if at > until {
                break;
            }
            self.now_us = self.now_us.max(at);
            if let Some(due) = self.queue.remove(&(at, sequence)) {
                self.happen(due);
            }
        }
        self.now_us = until;
    }

    /// Lets the next thing happen, if it happens by `ms`; answers whether one did.
    pub fn run_one(&mut self, ms: u64) -> bool {
        let until = BEGIN_US + ms * 1_000;
        match self.queue.first_key_value() {
            Some((&(at, sequence), _)) if at <= until => {
                self.now_us = self.now_us.max(at);
                if let Some(due) = self.queue.remove(&(at, sequence)) {
                    self.happen(due);
                }
                true
            }
            _ => false,
        }
    }

    /// The server of this name.
    pub fn server(&self, name: &str) -> Option<usize> {
        self.servers.iter().position(|server| server.name == name)
    }

    /// What a server's lamp shows.
    pub fn lamp_of(&self, server: usize) -> Option<LampLook> {
        let lamp = self.config.servers[server].lamp?;
        let shows = self.lamps[usize::from(lamp.0)].shows;
        match (shows.red, shows.amber, shows.green) {
            (Glow::Off, Glow::Off, Glow::Off) => Some(LampLook::Out),
            (Glow::Off, Glow::Off, Glow::On) => Some(LampLook::Green),
            (Glow::Blink, Glow::Off, Glow::Off) => Some(LampLook::BlinksRed),
            (Glow::Blink, Glow::Off, Glow::On) => Some(LampLook::BlinksRedAndGreen),
            _ => None,
        }
    }

    /// Both clocks, as a server reads them.
    fn now_of(&self, server: usize) -> Now {
        let now = self.now();
        let wall = WallTime(now.wall.0 + self.servers[server].clock_ahead_ms);
        Now { wall, ..now }
    }

    /// Both clocks, the wall clock being right.
    pub fn now(&self) -> Now {
        let ms = (self.now_us - BEGIN_US) / 1_000;
        Now {
            at: Moment(self.now_us),
            wall: WallTime(BEGIN_WALL_MS + ms as i64),
        }
    }

    fn due(&mut self, in_us: u64, due: Due) {
        self.sequence += 1;
        self.queue.insert((self.now_us + in_us, self.sequence), due);
    }

    fn give(&mut self, in_us: u64, server: usize, event: Event) {
        let run = self.servers[server].run;
        self.due(in_us, Due::Give { server, run, event });
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Give { server, run, event } if run == self.servers[server].run => {
                self.step(server, event);
            }
            Due::Wake { server, run, wake }
                if (run, wake) == (self.servers[server].run, self.servers[server].wake) =>
            {
                self.step(server, Event::Tick);
            }
            Due::Synced {
                server,
                run,
                batch,
                items,
            } => self.synced(server, run, batch, items),
            Due::Relink => self.relink(),
            Due::Ring => self.turn_ring(),
            Due::Lamp(ticket) => self.lamp_goes_on(ticket),
            Due::Give { .. } | Due::Wake { .. } => {}
        }
    }

    /// Gives an event to a server's daemon and does what it asks for.
    fn step(&mut self, server: usize, event: Event) {
        if self.servers[server].suspended {
            self.servers[server].waiting.push(event);
            return;
        }
        let now = self.now_of(server);
        let Some(node) = self.servers[server].node.as_mut() else {
            return;
        };
        let mut actions: Vec<Action> = Vec::new();
        node.step(now, event, &mut actions);
        let deadline = node.next_deadline(now.at);
        self.servers[server].wake += 1;
        let (run, wake) = (self.servers[server].run, self.servers[server].wake);
        let in_us = deadline.0.saturating_sub(self.now_us).max(1);
        self.due(in_us, Due::Wake { server, run, wake });
        for action in actions {
            self.act(server, action);
        }
    }

    /// Starts a server's daemon from what its disk holds.
    pub fn boot(&mut self, server: usize) {
        let now = self.now_of(server);
        let session = SessionId(self.random.bytes());
        if self.has_ring() {
            self.power_corosync(server);
        }
        let sim = &mut self.servers[server];
        sim.powered = true;
        sim.suspended = false;
        sim.waiting.clear();
        sim.former_ways.clear();
        sim.counters.clear();
        sim.failed_lamps.clear();
        sim.run += 1;
        let node = Node::new(now, ServerId(server as u8), session, sim.config.clone());
        sim.node = Some(node.with_set(sim.disk.in_force.clone()));
        let recovered = sim.disk.recover();
        self.step(server, Event::Start(Box::new(recovered)));
    }

    /// Changes a server's settings file and has its daemon, if it runs, read it.
    pub fn change_settings(&mut self, server: usize, change: &Change) {
        let config = &mut self.servers[server].config;
        changed(config, change);
        let event = Event::Configure {
            source: "the story".into(),
            config: Ok(Box::new(config.clone())),
        };
        self.give(0, server, event);
    }

    /// Ends a server's process without a word.
    pub fn kill(&mut self, server: usize) {
        self.servers[server].node = None;
        let lost = std::mem::take(&mut self.servers[server].disk.catch_up);
        self.servers[server].disk.lost_notices |=
            lost.iter().any(|item| matches!(item, Item::Notice(_)));
        self.servers[server].run += 1;
        self.servers[server].suspended = false;
        for other in 0..self.servers.len() {
            if self.servers[other].links[server] {
                self.servers[server].links[other] = false;
                // The host closes the process's connections; without power nobody does.
                if self.servers[server].powered && self.network.any_path(server, other) {
                    self.servers[other].links[server] = false;
                    self.give(200, other, Event::LinkDown(ServerId(server as u8)));
                }
            }
        }
    }
}

impl SimServer {
    fn new(name: &str, config: &Config) -> SimServer {
        SimServer {
            name: name.to_string(),
            config: config.clone(),
            node: None,
            disk: Disk::default(),
            powered: true,
            suspended: false,
            former_ways: Vec::new(),
            waiting: Vec::new(),
            run: 0,
            wake: 0,
            links: Vec::new(),
            counters: BTreeMap::new(),
            corosync: ring::Corosync::default(),
            clock_ahead_ms: 0,
            failed_lamps: BTreeSet::new(),
        }
    }
}

impl Disk {
    fn latest_facts(&self) -> Vec<AlertId> {
        let ids = self.alerts.iter().rev().map(|alert| alert.id.clone());
        let facts = ids.filter(|id| id.0.starts_with(noroshi_core::node::FACT));
        facts.take(noroshi_core::node::TOLD_FACTS_MAX).collect()
    }

    fn recover(&self) -> Recovered {
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
            trouble: None,
            unsent_mails: self.unsent_mails(),
            licences: self
                .register
                .as_ref()
                .map(|register| Box::new(register.read(LicencesRead::AtWork))),
        }
    }
}

impl Disk {
    /// Unfinished notices after a row, the way the real store hands them over.
    fn stored_after(&self, page: &Page) -> (Vec<StoredNotice>, bool) {
        use noroshi_core::notice::NoticeState;
        let mut rows = Vec::new();
        for (at, notice) in self.notices.iter().enumerate() {
            let row = at as u64 + 1;
            let skip = page.skip.contains(&notice.key.recipient);
            if row <= page.after || notice.state.is_final() || skip {
                continue;
            }
            if rows.len() == page.limit as usize {
                return (rows, true);
            }
            let Some(alert) = self
                .alerts
                .iter()
                .find(|alert| alert.id == notice.key.alert)
            else {
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
}

/// Makes a change in settings.
fn changed(config: &mut Config, change: &Change) {
    let mail = &mut config.mail;
    match change {
        Change::Subject(subject) => mail.subject.clone_from(subject),
        Change::NoRecipient(address) => mail.recipients.retain(|one| one.address != *address),
        Change::Recipient(address) => {
            mail.recipients.retain(|one| one.address != *address);
            mail.recipients.push(Recipient {
                address: address.clone(),
                form: MailForm::Long,
            });
        }
        Change::TimeoutMs(ms) => config.heartbeat.timeout = Span::from_ms(*ms),
        Change::Port(port) => config.port = *port,
        Change::Mailed(message, mail) => {
            let change = DestinationChange {
                mail: Some(*mail),
                ..DestinationChange::default()
            };
            config.destinations.retain(|(of, _)| of != message);
            config.destinations.push((message.clone(), change));
        }
    }
}

/// The settings of a simulated cluster: defaults, as an operator would have them.
fn config(setup: &Setup) -> Config {
    let lamp = |n: u8| LampId(if setup.shared_lamp { 0 } else { n });
    let address = |path: u8, n: u8| Some(std::net::Ipv4Addr::new(127, 0, path + 1, n + 1).into());
    let servers: Vec<Server> = (0..setup.servers)
        .map(|n| Server {
            name: format!("sv{}", n + 1),
            addresses: (0..setup.interconnects)
                .map(|path| address(path, n))
                .collect(),
            lamp: Some(lamp(n)),
        })
        .collect();
    let lamps = if setup.shared_lamp { 1 } else { setup.servers };
    let lamp_servers = |n: u8| -> Vec<ServerId> {
        if setup.shared_lamp {
            (0..setup.servers).map(ServerId).collect()
        } else {
            vec![ServerId(n)]
        }
    };
    Config {
        cluster: "story".into(),
        engine: setup.engine,
        servers,
        interconnects: (0..setup.interconnects)
            .map(|n| Interconnect {
                name: format!("lan{}", n + 1),
                comment: "LAN Heartbeat",
            })
            .collect(),
        heartbeat: Heartbeat::default(),
        port: 29_002,
        mail: MailSettings {
            recipients: setup
                .mail
                .iter()
                .map(|address| Recipient {
                    address: address.clone(),
                    form: MailForm::Long,
                })
                .collect(),
            subject: "story".into(),
            transport: MailTransport::Smtp {
                servers: Vec::new(),
                timeout: Span::from_secs(30),
            },
            charset: MailCharset::Utf8,
            sender: "noroshi@example.com".into(),
        },
        lamps_used: true,
        lamps: (0..lamps)
            .map(|n| Lamp {
                address: std::net::Ipv4Addr::new(127, 0, 200, n + 1).into(),
                kind: LampKind::PatliteHttp,
                port: None,
                servers: lamp_servers(n),
            })
            .collect(),
        destinations: Vec::new(),
        syslog: SyslogSettings {
            format: SyslogFormat::Rfc3164,
            level: true,
            socket: "/dev/log".into(),
        },
        language: Language::En,
        console: noroshi_core::config::ConsoleSettings::default(),
        alert_records_max: 10_000,
        digest: 1,
    }
}
