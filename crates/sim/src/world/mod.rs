//! A whole cluster on virtual time: the real [`Node`]s, and around them a network, disks, lamps
//! and a mail server that fail as they are told to.
//!
//! Nothing here reads a clock or real randomness: the same seed tells the same story.

mod disk;
mod effects;
mod lamps;
mod licences;
mod network;
mod play;
mod quiet;
mod random;
mod ring;
mod sets;
mod watch;

pub use disk::Disk;
pub use lamps::SimLamp;
pub use licences::Register;
pub use network::Network;
pub use play::{Failure, happen, play};
pub use random::Random;
pub use watch::{Broken, CALM_MS, Invariant};

use crate::scenario::{Change, LampLook, MailBehaviour, Setup};
use noroshi_core::action::{Action, Item};
use noroshi_core::alert::{Alert, DestinationChange, SessionId};
use noroshi_core::config::*;
use noroshi_core::event::Event;
use noroshi_core::lamp::Glow;
use noroshi_core::node::Node;
use noroshi_core::request::{Reply, RequestId};
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
    /// Worth a look whether it is quiet.
    may_be_quiet: bool,
    /// Every heartbeat is played, even where nothing else happens.
    exact: bool,
    /// How much time was passed over.
    passed_us: u64,
    watch: watch::Watch,
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
    /// When its daemon's deadline comes.
    wake: Option<u64>,
    /// Of daemons whose deadlines come at one moment the one with the lowest goes first.
    rank: u64,
    links: Vec<bool>,
    counters: BTreeMap<(u8, u8), u64>,
    /// Its Corosync, in a story that has one.
    corosync: ring::Corosync,
    /// How far its wall clock is ahead of the others', in milliseconds.
    pub clock_ahead_ms: i64,
    /// Lamps that the last order of this process did not reach.
    failed_lamps: BTreeSet<u8>,
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
    /// Nothing has happened since this happening: what takes time is judged.
    Calm(u64),
    /// The books on licences are kept.
    Books,
}

impl World {
    /// A world whose servers (but the absent ones) have just started.
    pub fn new(setup: &Setup, seed: u64) -> World {
        let config = config(setup);
        let servers = config
            .servers
            .iter()
            .map(|server| SimServer::new(&server.name, &config));
        let watch = watch::Watch::new(&config, setup.licences.is_some());
        let mut world = World {
            watch,
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
            exact: false,
            passed_us: 0,
            may_be_quiet: false,
            replies: Vec::new(),
            mail: MailBehaviour::Accepts,
            mails: Vec::new(),
            config,
            sets: BTreeMap::new(),
            random: Random::new(seed),
            requests: 0,
        };
        let mut ranks = Random::new(seed ^ 0x4a_4e5);
        for at in 0..world.servers.len() {
            world.servers[at].rank = ranks.bits();
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
        world.look_at_licences();
        world
    }

    /// Milliseconds since the story's beginning.
    pub fn now_ms(&self) -> u64 {
        (self.now_us - BEGIN_US) / 1_000
    }

    /// A time by a right wall clock, in milliseconds since the story's beginning.
    fn wall_ms(&self, wall: WallTime) -> u64 {
        u64::try_from(wall.0 - BEGIN_WALL_MS).unwrap_or(0)
    }

    /// Lets time pass up to `ms` milliseconds since the beginning.
    pub fn run_until(&mut self, ms: u64) {
        while self.run_one(ms) {}
        self.now_us = BEGIN_US + ms * 1_000;
    }

    /// Lets the next thing happen, if it happens by `ms`; answers whether one did.
    pub fn run_one(&mut self, ms: u64) -> bool {
        let until = BEGIN_US + ms * 1_000;
        if self.may_be_quiet {
            self.may_be_quiet = false;
            self.pass_quietly(until);
        }
        let queued = self.queue.first_key_value().map(|(key, _)| *key);
        let wake = self.next_wake();
        match (queued, wake) {
            // What arrives at the moment of a deadline is read before it.
            (queued, Some((at, server))) if queued.is_none_or(|queued| at < queued.0) => {
                if at > until {
                    return false;
                }
                self.now_us = self.now_us.max(at);
                self.servers[server].wake = None;
                self.step(server, Event::Tick);
            }
            (Some(key), _) if key.0 <= until => {
                self.now_us = self.now_us.max(key.0);
                if let Some(due) = self.queue.remove(&key) {
                    self.happen(due);
                }
            }
            _ => return false,
        }
        true
    }

    /// The daemon whose deadline comes first.
    fn next_wake(&self) -> Option<(u64, usize)> {
        let servers = self.servers.iter().enumerate();
        let wakes = servers.filter_map(|(at, server)| Some((server.wake?, server.rank, at)));
        wakes.min().map(|(wake, _, at)| (wake, at))
    }

    /// Has every heartbeat played, or quiet times passed over; either way all comes out the same.
    pub fn set_exact(&mut self, exact: bool) {
        self.exact = exact;
    }

    /// How much of the time since the beginning was passed over, in milliseconds.
    pub fn passed_over_ms(&self) -> u64 {
        self.passed_us / 1_000
    }

    /// A process stands still, or packets are lost: no time is passed over.
    pub fn is_restless(&self) -> bool {
        !self.network.loses_nothing() || self.servers.iter().any(|one| one.suspended)
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

    /// Takes what a process had given its disk and that was not synced yet, in its order.
    fn take_syncs(&mut self, server: usize, run: u64) -> Vec<Vec<Item>> {
        let is_its = |due: &Due| matches!(due, Due::Synced { server: at, run: of, .. } if (*at, *of) == (server, run));
        let all = self.queue.iter().filter(|(_, due)| is_its(due));
        let all: Vec<(u64, u64)> = all.map(|(key, _)| *key).collect();
        let taken = all.iter().filter_map(|key| self.queue.remove(key));
        taken
            .filter_map(|due| match due {
                Due::Synced { items, .. } => Some(items),
                _ => None,
            })
            .collect()
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
            Due::Synced {
                server,
                run,
                batch,
                items,
            } => self.synced(server, run, batch, items),
            Due::Relink => self.relink(),
            Due::Ring => self.turn_ring(),
            Due::Lamp(ticket) => self.lamp_goes_on(ticket),
            Due::Calm(since) => self.judge_calm(since),
            Due::Books => self.look_at_licences(),
            Due::Give { .. } => {}
        }
    }

    /// Gives an event to a server's daemon and does what it asks for.
    fn step(&mut self, server: usize, event: Event) {
        if self.servers[server].suspended {
            // A tick that comes late is one that finds the others' events before it.
            self.servers[server].waiting.push(event);
            return;
        }
        let now = self.now_of(server);
        let settings = self.watch_event(server, &event);
        let Some(node) = self.servers[server].node.as_mut() else {
            return;
        };
        let mut actions: Vec<Action> = Vec::new();
        node.step(now, event, &mut actions);
        let deadline = node.next_deadline(now.at);
        self.servers[server].wake = Some(deadline.0.max(self.now_us + 1));
        for action in actions {
            self.act(server, action);
        }
        if let Some(settings) = settings {
            self.watch_settings(server, &settings);
        }
    }

    /// Starts a server's daemon from what its disk holds.
    pub fn boot(&mut self, server: usize) {
        self.watch.process_ends(server);
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

    /// Gives a server's daemon a configuration that is faulty.
    pub fn give_faulty_settings(&mut self, server: usize) {
        let event = Event::Configure {
            source: "the story".into(),
            config: Err("line 3: the story wants it so".into()),
        };
        self.give(0, server, event);
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
        (self.servers[server].node, self.servers[server].wake) = (None, None);
        self.watch.process_ends(server);
        self.tear_writes(server);
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
            wake: None,
            rank: 0,
            links: Vec::new(),
            counters: BTreeMap::new(),
            corosync: ring::Corosync::default(),
            clock_ahead_ms: 0,
            failed_lamps: BTreeSet::new(),
        }
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
