//! Seeded faults, then healing, then convergence: what must hold whatever happened.
//!
//! A copy that does not say that it may be a repeat is a fault, but for two cases. Each side of a
//! partition tells for itself, and servers that have taken different ports are one until they find each
//! other again. And a process that ends while its disk still refuses what it has begun
//! or told leaves that nowhere, if no other server was there to hear it: its next run finds the notice
//! as it was before the disk failed, and all others answer truly that they know nothing. To mark what
//! waits after every crash would call repeats what nobody has sent.
//!
//! A lamp's red is a promise both ways (rule M18): what a lamp has shown stays until a person or a clean
//! stop, and a server for which no lamp ever blinked, and that never fell, is not red at the end.
//!
//! Licences come, end, begin and become unreadable ([`licences`]): notices are off exactly while no
//! server at work has a valid licence, everything else is on, and what was not sent is told by number.
//!
//! Elsewhere wall clocks are up to five minutes wrong and are set in the midst of it. What remains open: servers that
//! have not met since they started order their words about lamps by these (`SEED=195`: a red is lost that was
//! shown by servers which stood still while the fallen one was up, with a clock ahead, for 0.6 s).
//!
//! `SEED=n cargo test -p noroshi-sim --test chaos` tells one story again, with all that happened;
//! `FIRST=n STORIES=m` tells so many from there on.

#[path = "chaos_support/licences.rs"]
mod licences;

use licences::Licensed;
use noroshi_core::alert::MessageId;
use noroshi_core::config::Engine;
use noroshi_core::notice::Channel;
use noroshi_sim::scenario::{Change, CorosyncDoes, Happening, LampLook, MailBehaviour, Setup};
use noroshi_sim::world::{Random, SimServer, World, happen};
use std::collections::{BTreeMap, BTreeSet};

/// How long faults go on, and how long the healed cluster has to converge: longer than the longest
/// wait between two tries of a mail.
const FAULTS_MS: u64 = 90_000;
const HEALING_MS: u64 = 420_000;
/// Stories told in one run of the tests; a nightly run may ask for more.
const STORIES: u64 = 60;
/// The same with pushes, which share most of what the others prove.
const PUSH_STORIES: u64 = 20;

#[derive(Clone, Copy, PartialEq)]
enum Faults {
    /// Processes, power, disks, mail servers, lamps.
    Local,
    /// Cuts and loss as well: then each side of a partition tells.
    Network,
    /// As `Local`, in a cluster that needs licences.
    Licences,
    /// Cuts as well, and faults of Corosync, which judges.
    Ring,
}

impl Faults {
    fn are_local(self) -> bool {
        !matches!(self, Faults::Network | Faults::Ring)
    }
}

/// How settings change in a story.
#[derive(Clone, Copy, PartialEq)]
enum Settings {
    /// By hand, on one server or all.
    Edited,
    /// By pushes of whole sets.
    Pushed,
}

fn one_fault(random: &mut Random, world: &World, faults: Faults) -> Happening {
    use Happening as H;
    if faults == Faults::Licences && random.chance(30) {
        return licences::one_event(random, world);
    }
    if faults == Faults::Ring && random.chance(25) {
        return one_of_corosync(random, world);
    }
    let servers = world.servers.len() as u64;
    let server = |random: &mut Random| {
        let at = random.between(0, servers) as usize;
        world.servers[at].name.clone()
    };
    let lan = |random: &mut Random| format!("lan{}", random.between(1, 3));
    let kinds = if faults.are_local() { 18 } else { 27 };
    match random.between(0, kinds) {
        0 => H::Killed(server(random)),
        1 => H::LosesPower(server(random)),
        2 => H::Stops(server(random)),
        3 | 4 => H::Starts(server(random)),
        5 => H::Suspended(server(random)),
        6 => H::Resumes(server(random)),
        7 => H::Lamp(server(random), random.chance(50)),
        8 => H::Disk(server(random), random.chance(50)),
        9 => H::Mail(match random.between(0, 4) {
            0 => MailBehaviour::Accepts,
            1 => MailBehaviour::Defers,
            2 => MailBehaviour::Away,
            _ => MailBehaviour::Swallows,
        }),
        10 => H::LampForgets(server(random)),
        11 | 12 => H::Raises(
            server(random),
            format!("alert {}", random.bits() % 1_000_000),
        ),
        13..=15 => {
            let name = random.chance(30).then(|| server(random));
            H::Settings(name, one_change(random))
        }
        16 => H::LampPutOut(server(random), server(random)),
        17 => H::LampTested(server(random), server(random)),
        18 => H::CutOff(server(random), None),
        19 => H::CutOff(server(random), Some(lan(random))),
        20 => H::Reconnected(server(random), None),
        21 => H::Deaf(server(random), server(random)),
        22 => H::Loss(random.between(0, 40) as u8, lan(random)),
        23 | 24 => H::Apart(server(random)),
        25 => H::Together(server(random)),
        _ => H::Heals,
    }
}

fn one_of_corosync(random: &mut Random, world: &World) -> Happening {
    let at = random.between(0, world.servers.len() as u64) as usize;
    let does = match random.between(0, 6) {
        0 => CorosyncDoes::Stop,
        1 => CorosyncDoes::Die,
        2 => CorosyncDoes::Hang,
        3 => CorosyncDoes::Answer,
        _ => CorosyncDoes::Start,
    };
    Happening::Corosync(world.servers[at].name.clone(), does)
}

fn one_change(random: &mut Random) -> Change {
    let boss = "boss@example.com".to_string();
    match random.between(0, 4) {
        0 => Change::Subject(format!("story {}", random.bits() % 100)),
        1 => Change::Recipient(boss),
        2 => Change::NoRecipient(boss),
        _ => Change::TimeoutMs(random.between(700, 2_000)),
    }
}

/// A change that only makes sense on all servers at once is among them.
fn one_push(random: &mut Random, world: &World) -> Happening {
    let at = random.between(0, world.servers.len() as u64) as usize;
    let raised = MessageId {
        module: "logcmd".into(),
        event: 1,
    };
    let change = match random.between(0, 4) {
        0 => Change::Port(29_000 + random.between(0, 100) as u16),
        1 => Change::Mailed(raised, random.chance(50)),
        _ => one_change(random),
    };
    Happening::Pushes(world.servers[at].name.clone(), change)
}

/// The furthest that a server's wall clock is wrong.
const CLOCK_WRONG_MS: u64 = 300_000;

fn one_clock(random: &mut Random) -> i64 {
    random.between(0, 2 * CLOCK_WRONG_MS) as i64 - CLOCK_WRONG_MS as i64
}

/// `Starts` is for a server that does not run, `Suspended` for one that does.
fn fits(world: &World, happening: &Happening) -> bool {
    use Happening as H;
    let is = |name: &str| world.server(name).map(|at| &world.servers[at]);
    match happening {
        H::Starts(name) => is(name).is_some_and(|server| server.node.is_none()),
        H::Resumes(name) => is(name).is_some_and(|server| server.suspended),
        H::Suspended(name) | H::Killed(name) | H::LosesPower(name) | H::Stops(name) => {
            is(name).is_some_and(|server| server.node.is_some() && !server.suspended)
        }
        // A ring needs both ways, and what it makes of one is Corosync's affair.
        H::Deaf(one, other) => one != other && world.config.engine == Engine::Embedded,
        H::Corosync(name, does) => world
            .server(name)
            .is_some_and(|at| world.corosync_can(at, *does)),
        // One that stands still would put it out at some later time, which the books here do not know.
        H::LampPutOut(name, _) => {
            is(name).is_some_and(|server| server.node.is_some() && !server.suspended)
        }
        H::LampTested(name, _) | H::Pushes(name, _) => {
            is(name).is_some_and(|server| server.node.is_some())
        }
        _ => true,
    }
}

fn heal(world: &mut World) {
    use Happening as H;
    let mut all = vec![H::Heals, H::Mail(MailBehaviour::Accepts)];
    for lan in ["lan1", "lan2"] {
        all.push(H::Loss(0, lan.to_string()));
    }
    for server in &world.servers {
        let name = &server.name;
        all.push(H::Disk(name.clone(), true));
        all.push(H::Lamp(name.clone(), true));
        if server.suspended {
            all.push(H::Resumes(name.clone()));
        }
        let at = world.server(name).expect("it is one of them");
        for does in [CorosyncDoes::Answer, CorosyncDoes::Start] {
            if world.corosync_can(at, does) {
                all.push(H::Corosync(name.clone(), does));
            }
        }
    }
    for happening in all {
        happen(world, &happening).expect("it names what is there");
    }
    // A server that is leaving at this moment has time to be gone.
    let now = world.now_ms();
    world.run_until(now + 10_000);
    for at in 0..world.servers.len() {
        if world.servers[at].node.is_none() {
            world.boot(at);
        }
    }
}

/// What is known of the lamps of a story: what must be red at its end, and what must not.
#[derive(Default)]
struct Reds {
    /// By server: when a person last put its lamp out, or it was asked to stop.
    cleared: BTreeMap<String, u64>,
    /// Servers whose lamp a person put out.
    put_out: BTreeSet<String>,
    /// By server: when it last fell in truth, or stood still: red for good reason even if no lamp could
    /// be told.
    fell: BTreeMap<String, u64>,
}

/// A clean stop, or an order to a lamp under way, is over by then.
const CLEARED_MS: u64 = 15_000;

impl Reds {
    fn note(&mut self, at_ms: u64, happening: &Happening) {
        use Happening as H;
        match happening {
            H::LampPutOut(_, name) => {
                self.put_out.insert(name.clone());
                self.cleared.insert(name.clone(), at_ms);
            }
            H::Stops(name) => {
                self.cleared.insert(name.clone(), at_ms);
            }
            H::Killed(name) | H::LosesPower(name) | H::Suspended(name) | H::Corosync(name, _) => {
                self.fell.insert(name.clone(), at_ms);
            }
            _ => {}
        }
    }

    fn check(&self, world: &World, faults: Faults, disk_failed: bool, wrong: &mut Vec<String>) {
        for (at, server) in world.servers.iter().enumerate() {
            let name = &server.name;
            let since = world.red_since(at);
            let cleared = self.cleared.get(name);
            // Behind a cut nobody hears of what a person did on the other side, and shows red again; so
            // does a server that did not run then, until it meets one that did.
            let red = match (since, cleared) {
                (Some(_), None) => true,
                (Some(since), Some(cleared)) => {
                    let fell = self.fell.get(name).is_some_and(|fell| fell > cleared);
                    faults.are_local() && since > cleared + CLEARED_MS && fell
                }
                (None, _) => false,
            };
            let shows = world.lamp_of(at);
            let is_red = matches!(
                shows,
                Some(LampLook::BlinksRed | LampLook::BlinksRedAndGreen)
            );
            // What a disk that failed had not kept is forgotten by a crash.
            if red && !is_red && !disk_failed {
                wrong.push(format!(
                    "the lamp of {name} was red at {since:?} ms, last cleared at {cleared:?}, and shows {shows:?}"
                ));
            }
            if is_red && since.is_none() && !self.fell.contains_key(name) {
                wrong.push(format!("the lamp of {name} is red: nobody had shown that"));
            }
            let out = self.put_out.contains(name) && shows == Some(LampLook::Out);
            let lit = matches!(shows, Some(LampLook::Green | LampLook::BlinksRedAndGreen));
            if !out && !lit {
                wrong.push(format!("the lamp of {name} shows {shows:?}"));
            }
        }
        let mut answered: Vec<u64> = world.replies.iter().map(|(id, _)| id.0).collect();
        answered.sort_unstable();
        let once = answered.windows(2).all(|two| two[0] != two[1]);
        if !once {
            wrong.push(format!("a request was answered twice: {answered:?}"));
        }
    }
}

fn story(seed: u64, faults: Faults, settings: Settings, loud: bool) -> Vec<String> {
    let mut random = Random::new(seed);
    // Of their own, so that a seed's faults are the same whatever the clocks show.
    let mut clocks = Random::new(seed ^ 0xc10c);
    // A licence begins and ends by the clocks: there they are right.
    let licensing = faults == Faults::Licences;
    let setup = Setup {
        servers: random.between(1, 5) as u8,
        interconnects: 2,
        mute_lamps: random.chance(25),
        licences: licensing.then(|| licences::at_start(&mut random)),
        clocks: (1..=5)
            .filter(|_| !licensing)
            .map(|n| (format!("sv{n}"), one_clock(&mut clocks)))
            .collect(),
        engine: match faults {
            Faults::Ring => Engine::Corosync,
            _ => Engine::Embedded,
        },
        ..Setup::default()
    };
    let mut licensed = Licensed::new(&setup);
    let (mut reds, mut disk_failed) = (Reds::default(), false);
    let mut other_port = false;
    let mut world = World::new(&setup, seed);
    world.run_until(3_000);
    while world.now_ms() < FAULTS_MS {
        let at = world.now_ms() + random.between(20, 4_000);
        licensed.run_until(&mut world, at);
        if !licensing && clocks.chance(5) {
            let name = world.servers[clocks.between(0, world.servers.len() as u64) as usize]
                .name
                .clone();
            let step = Happening::Clock(name, one_clock(&mut clocks));
            if loud {
                println!("{at} ms: {step:?}");
            }
            happen(&mut world, &step).expect("it names what is there");
        }
        // Now and then two things happen at one moment, such as two servers on one broken socket strip.
        for _ in 0..=u8::from(random.chance(10)) {
            let happening = match one_fault(&mut random, &world, faults) {
                Happening::Settings(..) if settings == Settings::Pushed => {
                    one_push(&mut random, &world)
                }
                other => other,
            };
            if fits(&world, &happening) {
                if loud {
                    println!("{at} ms: {happening:?}");
                }
                other_port |= matches!(happening, Happening::Pushes(_, Change::Port(_)));
                reds.note(at, &happening);
                licensed.note(&world, &happening);
                disk_failed |= matches!(happening, Happening::Disk(_, false));
                happen(&mut world, &happening).expect("it names what is there");
            }
        }
    }
    if loud {
        println!("{} ms: healing", world.now_ms());
    }
    licensed.heal(&mut world);
    heal(&mut world);
    let end = world.now_ms() + HEALING_MS;
    world.run_until(end);
    let lost = world.servers.iter().any(|server| server.disk.lost_notices);
    let mut wrong = Vec::new();
    if settings == Settings::Pushed {
        // First: servers with different ports do not hear each other until they have one set.
        check_sets(&mut world, &mut wrong);
    }
    wrong.extend(check(&world, faults.are_local() && !lost && !other_port));
    licensed.check(&world, disk_failed, &mut wrong);
    reds.check(&world, faults, disk_failed, &mut wrong);
    if loud && !wrong.is_empty() {
        tell_lamps(&world);
    }
    wrong
}

/// All have one set, or were told that they have not; the next push ends that.
fn check_sets(world: &mut World, wrong: &mut Vec<String>) {
    let has_one = |world: &World| {
        let mut servers = world.servers.iter();
        servers.all(|server| server.disk.in_force.is(&world.servers[0].disk.in_force))
    };
    let is_told = |server: &SimServer| {
        let mut alerts = server.disk.alerts.iter();
        alerts.any(|it| (it.message.module.as_str(), it.message.event) == ("cfmgr", 1001))
    };
    if !has_one(world) && !world.servers.iter().any(is_told) {
        wrong.push("the sets differ, and nobody was told".into());
    }
    world.push(0, &Change::Subject("the last".into()));
    let end = world.now_ms() + 60_000;
    world.run_until(end);
    let newest = world.servers[0].disk.in_force.digest.contains("the last");
    if !has_one(world) || !newest {
        let sets = world.servers.iter().map(|it| &it.disk.in_force);
        wrong.push(format!(
            "after the last push: {:#?}",
            sets.collect::<Vec<_>>()
        ));
    }
}

fn tell_lamps(world: &World) {
    for node in world.servers.iter().filter_map(|one| one.node.as_ref()) {
        for seen in node.status(world.now()).servers {
            println!("{}: {:?}", seen.name, seen.lamp);
        }
    }
}

fn check(world: &World, unmarked_is_wrong: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for server in &world.servers {
        let Some(node) = &server.node else {
            wrong.push(format!("{} does not run", server.name));
            continue;
        };
        for other in &node.status(world.now()).servers {
            if other.state != noroshi_core::status::ServerState::Up {
                wrong.push(format!(
                    "{} sees {} as {:?}",
                    server.name, other.name, other.state
                ));
            }
        }
        for notice in &server.disk.notices {
            let lamp = notice.key.channel == Channel::Lamp && notice.sender == server.name;
            if (notice.key.channel == Channel::Mail || lamp) && !notice.state.is_final() {
                wrong.push(format!("{}: unfinished: {notice:?}", server.name));
            }
        }
        for alert in server
            .disk
            .alerts
            .iter()
            .filter(|alert| alert.destinations.mail)
        {
            if !world.mails.iter().any(|mail| mail.alert.id == alert.id)
                && !licences::was_unsent(world, &alert.id)
            {
                wrong.push(format!(
                    "{}: never told: {} {:?}",
                    server.name, alert.id, alert.text
                ));
            }
        }
    }
    let mut copies: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for mail in &world.mails {
        copies
            .entry((mail.alert.id.clone(), mail.to.clone()))
            .or_default()
            .push(mail);
    }
    if unmarked_is_wrong {
        for ((alert, to), copies) in copies {
            for copy in copies.iter().skip(1).filter(|copy| !copy.possible_repeat) {
                wrong.push(format!(
                    "{alert} came to {to} again at {} ms from {}, unmarked, after {} ms: {}",
                    copy.at_ms, copy.from, copies[0].at_ms, copy.alert.text
                ));
            }
        }
    }
    wrong
}

fn stories(faults: Faults, settings: Settings) {
    if let Some(seed) = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        let wrong = story(seed, faults, settings, true);
        assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
        return;
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let (first, count) = (number("FIRST").unwrap_or(1), number("STORIES"));
    let usual = match settings {
        Settings::Edited => STORIES,
        Settings::Pushed => PUSH_STORIES,
    };
    let mut all = Vec::new();
    for seed in first..first + count.unwrap_or(usual) {
        let wrong = story(seed, faults, settings, false);
        if !wrong.is_empty() {
            all.push(format!("SEED={seed}\n{}", wrong.join("\n")));
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// Rule: N8 N9 N1 M15 M17 M18
#[test]
fn whatever_fails_on_the_servers_nothing_is_lost_and_no_copy_is_unmarked() {
    stories(Faults::Local, Settings::Edited);
}

/// Rule: N5 N8 N9 M18
#[test]
fn whatever_the_network_does_nothing_is_lost() {
    stories(Faults::Network, Settings::Edited);
}

/// Rule: N17 N8 N9 M18
#[test]
fn pushes_among_crashes_lose_and_repeat_nothing_and_end_in_one_set() {
    stories(Faults::Local, Settings::Pushed);
}

/// Rule: N17 N8 M18
#[test]
fn pushes_among_cuts_lose_nothing_and_end_in_one_set() {
    stories(Faults::Network, Settings::Pushed);
}

/// Rule: M25 N8 N9 M18
#[test]
fn notices_are_off_exactly_while_no_server_at_work_has_a_valid_licence() {
    stories(Faults::Licences, Settings::Edited);
}

/// Rule: N3 N5 N8 N9 M18
#[test]
fn whatever_corosync_does_nothing_is_lost_and_all_see_all_in_the_end() {
    stories(Faults::Ring, Settings::Edited);
}
