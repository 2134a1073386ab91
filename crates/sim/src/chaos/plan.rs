//! What kind of story a seed tells, and how long it is.

use super::Faults;
use crate::scenario::Setup;
use crate::world::Random;
use noroshi_core::config::Engine;

/// The furthest that a server's wall clock is wrong.
pub(super) const CLOCK_WRONG_MS: u64 = 300_000;

/// The quiet between two episodes, at most.
const QUIET_MS: u64 = 600_000;
/// How long a cluster lives in a long story.
const LIFE_DAYS: u32 = 30;
/// One seed in so many tells a long story.
const LONG_EVERY: u64 = 8;

/// What kind of story is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What fails.
    pub faults: Faults,
    /// Settings change by pushes of whole sets, not by hand.
    pub pushes: bool,
    /// Times of faults, each followed by healing.
    pub episodes: u32,
    /// The longest time between two faults of an episode, in milliseconds.
    pub gap_ms: u64,
    /// The quiet between two episodes, in milliseconds, at most.
    pub quiet_ms: u64,
    /// Servers, at least and at most.
    pub servers: (u8, u8),
    /// Instead of episodes: days in which something fails every few hours, and is repaired.
    pub days: u32,
    /// Every heartbeat is played, also where nothing else happens.
    pub exact: bool,
}

impl Plan {
    /// One episode of dense faults in a small cluster, as the tests tell it.
    pub fn short(faults: Faults, pushes: bool) -> Plan {
        Plan {
            faults,
            pushes,
            episodes: 1,
            gap_ms: 4_000,
            quiet_ms: 0,
            servers: (1, 4),
            days: 0,
            exact: false,
        }
    }

    /// What the simulator tells with this seed: three times of dense faults, or a month with one every few hours.
    pub fn of(seed: u64) -> Plan {
        match seed.is_multiple_of(LONG_EVERY) {
            true => Plan::long(seed),
            false => Plan::dense(seed),
        }
    }

    /// A month in which something fails every few hours.
    pub fn long(seed: u64) -> Plan {
        let dense = Plan::dense(seed);
        let faults = match dense.faults {
            // Where a licence is needed no time is passed over: such a month would take an hour.
            Faults::Licences => Faults::Local,
            other => other,
        };
        Plan {
            faults,
            days: LIFE_DAYS,
            ..dense
        }
    }

    /// Three times of dense faults.
    pub fn dense(seed: u64) -> Plan {
        let mut random = Random::new(seed ^ 0x9_1a4);
        let faults = match random.between(0, 10) {
            0..=2 => Faults::Local,
            3..=6 => Faults::Network,
            7 => Faults::Licences,
            _ => Faults::Ring,
        };
        let servers = match random.between(0, 10) {
            0 => (5, 9),
            1 | 2 => (4, 5),
            _ => (2, 4),
        };
        let licensed = faults == Faults::Licences;
        Plan {
            faults,
            pushes: random.chance(25) && !licensed,
            episodes: if licensed { 1 } else { 3 },
            gap_ms: if random.chance(25) { 60_000 } else { 4_000 },
            quiet_ms: QUIET_MS,
            servers,
            days: 0,
            exact: false,
        }
    }

    /// The cluster of a story.
    pub(super) fn setup(&self, seed: u64, random: &mut Random) -> Setup {
        // Of their own, so that a seed's faults are the same whatever the clocks show.
        let mut clocks = Random::new(seed ^ 0xc10c);
        // A licence begins and ends by the clocks: there they are right.
        let licensing = self.faults == Faults::Licences;
        let (least, most) = self.servers;
        let servers = random.between(u64::from(least), u64::from(most) + 1) as u8;
        Setup {
            seed: Some(seed),
            servers,
            interconnects: 2,
            mute_lamps: random.chance(25),
            licences: licensing.then(|| Faults::licences_at_start(random)),
            clocks: (1..=servers)
                .filter(|_| !licensing)
                .map(|n| (format!("sv{n}"), one_clock(&mut clocks)))
                .collect(),
            engine: match self.faults {
                Faults::Ring => Engine::Corosync,
                _ => Engine::Embedded,
            },
            ..Setup::default()
        }
    }
}

/// How far a clock is ahead.
pub(super) fn one_clock(random: &mut Random) -> i64 {
    random.between(0, 2 * CLOCK_WRONG_MS) as i64 - CLOCK_WRONG_MS as i64
}
