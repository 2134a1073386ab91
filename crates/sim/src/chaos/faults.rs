//! The next fault of a story, and whether it fits into the world as it is.

use super::plan::one_clock;
use crate::scenario::{Change, CorosyncDoes, DiskDoes, Happening, MailBehaviour};
use crate::world::{Random, World};
use noroshi_core::alert::MessageId;
use noroshi_core::config::Engine;

/// What fails in a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Faults {
    /// Processes, power, disks, mail servers, lamps, clocks.
    Local,
    /// Cuts and loss as well: then each side of a partition tells.
    Network,
    /// As `Local`, in a cluster that needs licences.
    Licences,
    /// Cuts as well, and faults of Corosync, which judges.
    Ring,
}

/// A second recipient, which settings take and drop.
const BOSS: &str = "boss@example.com";
const OPS: &str = "ops@example.com";

impl Faults {
    fn are_local(self) -> bool {
        !matches!(self, Faults::Network | Faults::Ring)
    }

    /// What is registered when a story of licences begins.
    pub(super) fn licences_at_start(random: &mut Random) -> Vec<String> {
        match random.between(0, 3) {
            0 => Vec::new(),
            _ => vec![random.between(4_000, 60_000).to_string()],
        }
    }

    /// What happens next.
    pub(super) fn next(self, random: &mut Random, world: &World) -> Happening {
        use Happening as H;
        if self == Faults::Licences && random.chance(30) {
            return one_of_licences(random, world);
        }
        if self == Faults::Ring && random.chance(25) {
            return one_of_corosync(random, world);
        }
        if self != Faults::Licences && random.chance(5) {
            return H::Clock(server(random, world), one_clock(random));
        }
        let kinds = if self.are_local() { 22 } else { 34 };
        match random.between(0, kinds) {
            0 => H::Killed(server(random, world)),
            1 => H::LosesPower(server(random, world)),
            2 => H::Stops(server(random, world)),
            3 | 4 => H::Starts(server(random, world)),
            5 => H::Suspended(server(random, world)),
            6 => H::Resumes(server(random, world)),
            7 => H::Lamp(server(random, world), random.chance(50)),
            8 | 9 => H::Disk(server(random, world), one_disk(random)),
            10 => H::Mail(one_mail(random)),
            11 => H::LampForgets(server(random, world)),
            12 => H::LampRefuses(server(random, world)),
            13 | 14 => {
                let text = format!("alert {}", random.bits() % 1_000_000);
                H::Raises(server(random, world), text)
            }
            15..=17 => {
                let name = random.chance(30).then(|| server(random, world));
                H::Settings(name, one_change(random))
            }
            18 => H::LampPutOut(server(random, world), server(random, world)),
            19 => H::LampTested(server(random, world), server(random, world)),
            20 => H::FaultySettings(server(random, world)),
            21 => H::Sets(server(random, world), random.chance(50)),
            22 => H::CutOff(server(random, world), None),
            23 => H::CutOff(server(random, world), Some(lan(random))),
            24 => H::Reconnected(server(random, world), None),
            25 => H::Deaf(server(random, world), server(random, world)),
            26 => H::Loss(random.between(0, 40) as u8, lan(random)),
            27 | 28 => H::Apart(server(random, world)),
            29 => H::Together(server(random, world)),
            30 | 31 => H::ReceiversCut(server(random, world)),
            32 => H::ReceiversJoined(server(random, world)),
            _ => H::Heals,
        }
    }

    /// The same where settings are pushed: a change that only makes sense on all servers at once is among them.
    pub(super) fn next_push(random: &mut Random, world: &World) -> Happening {
        let raised = MessageId {
            module: "logcmd".into(),
            event: 1,
        };
        let change = match random.between(0, 4) {
            0 => Change::Port(29_000 + random.between(0, 100) as u16),
            1 => Change::Mailed(raised, random.chance(50)),
            _ => one_change(random),
        };
        Happening::Pushes(server(random, world), change)
    }
}

fn server(random: &mut Random, world: &World) -> String {
    let at = random.between(0, world.servers.len() as u64) as usize;
    world.servers[at].name.clone()
}

fn lan(random: &mut Random) -> String {
    format!("lan{}", random.between(1, 3))
}

fn one_disk(random: &mut Random) -> DiskDoes {
    match random.between(0, 8) {
        0 => DiskDoes::Fail,
        1 => DiskDoes::Full,
        2 => DiskDoes::ReadOnly,
        3 => DiskDoes::Stall,
        _ => DiskDoes::Work,
    }
}

fn one_mail(random: &mut Random) -> MailBehaviour {
    let one = if random.chance(50) { OPS } else { BOSS };
    match random.between(0, 8) {
        0 | 1 => MailBehaviour::Accepts,
        2 => MailBehaviour::Defers,
        3 => MailBehaviour::Away,
        4 => MailBehaviour::Slow(random.between(100, 20_000)),
        5 => MailBehaviour::Hangs(one.into()),
        6 => MailBehaviour::Rejects(BOSS.into()),
        _ => MailBehaviour::Swallows,
    }
}

fn one_change(random: &mut Random) -> Change {
    match random.between(0, 4) {
        0 => Change::Subject(format!("story {}", random.bits() % 100)),
        1 => Change::Recipient(BOSS.into()),
        2 => Change::NoRecipient(BOSS.into()),
        _ => Change::TimeoutMs(random.between(700, 2_000)),
    }
}

fn one_of_corosync(random: &mut Random, world: &World) -> Happening {
    let does = match random.between(0, 6) {
        0 => CorosyncDoes::Stop,
        1 => CorosyncDoes::Die,
        2 => CorosyncDoes::Hang,
        3 => CorosyncDoes::Answer,
        _ => CorosyncDoes::Start,
    };
    Happening::Corosync(server(random, world), does)
}

/// A licence is registered, for good, until or from some time; a register is torn or mended.
fn one_of_licences(random: &mut Random, world: &World) -> Happening {
    let name = server(random, world);
    let later = world.now_ms() + random.between(500, 30_000);
    match random.between(0, 10) {
        0 => Happening::Licence(name, "-".to_owned()),
        1 => Happening::Licence(name, format!("from {later}")),
        2 | 3 => Happening::Licence(name, later.to_string()),
        4..=6 => Happening::Register(name, true),
        _ => Happening::Register(name, false),
    }
}

/// `Starts` is for a server that does not run, `Suspended` for one that does.
pub(super) fn fits(world: &World, happening: &Happening) -> bool {
    use Happening as H;
    let is = |name: &str| world.server(name).map(|at| &world.servers[at]);
    let at_work = |name: &str| is(name).is_some_and(|it| it.node.is_some() && !it.suspended);
    match happening {
        H::Starts(name) => is(name).is_some_and(|server| server.node.is_none()),
        H::Resumes(name) => is(name).is_some_and(|server| server.suspended),
        H::Suspended(name) | H::Killed(name) | H::LosesPower(name) | H::Stops(name) => {
            at_work(name)
        }
        // A ring needs both ways, and what it makes of one is Corosync's affair.
        H::Deaf(one, other) => {
            one != other && is(one).is_some() && world.config.engine == Engine::Embedded
        }
        H::Corosync(name, does) => world
            .server(name)
            .is_some_and(|at| world.corosync_can(at, *does)),
        // One that stands still would put it out at some later time, which the watch does not know.
        H::LampPutOut(name, other) => at_work(name) && is(other).is_some(),
        H::LampTested(name, _) | H::Pushes(name, _) => {
            is(name).is_some_and(|server| server.node.is_some())
        }
        _ => true,
    }
}
