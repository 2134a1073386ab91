//! A story: a cluster, and what happened to it when.

use super::faults::{Faults, fits};
use super::plan::Plan;
use crate::scenario::{Change, Expectation, Happening, Line, Scenario, Setup, Until, What};
use crate::world::{Broken, Invariant, Random, World, happen};

/// How long one episode's faults go on.
const FAULTS_MS: u64 = 90_000;
/// The same where they are sparse.
const SPARSE_FAULTS_MS: u64 = 900_000;
/// From the moment that everything works until all servers start: one that is leaving is gone by then.
const RESTART_MS: u64 = 10_000;
/// How long the healed cluster has to converge: longer than the longest wait between two tries of a mail.
const HEALING_MS: u64 = 420_000;
/// How long the last push of a story has.
const PUSH_MS: u64 = 60_000;
/// The cluster begins its work.
const BEGIN_MS: u64 = 3_000;

/// A day.
const DAY_MS: u64 = 24 * 3_600_000;
/// The longest time between a repair and the next fault of a long story.
const WELL_MS: u64 = 6 * 3_600_000;
/// The longest time until a fault of a long story is repaired, or the next one comes on top of it.
const ILL_MS: u64 = 1_200_000;
/// The same while a process stands still or packets are lost: both are played heartbeat by heartbeat.
const RESTLESS_MS: u64 = 20_000;
/// The most that a clock drifts between two faults of a long story.
const DRIFT_MS: i64 = 500;

/// What is done to the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Something happens to it.
    Happens(Happening),
    /// It is looked whether all is well.
    AllIsWell,
}

/// What is done when.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// In milliseconds since the beginning.
    pub at_ms: u64,
    /// What.
    pub act: Act,
}

/// A whole story.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    /// What the world is like at its start, with the seed of its chances.
    pub setup: Setup,
    /// What is done, in its order.
    pub steps: Vec<Step>,
}

/// A story that was told.
pub struct Told {
    /// What happened.
    pub story: Story,
    /// What was found broken.
    pub broken: Vec<Broken>,
    /// How much time passed in it, in virtual milliseconds.
    pub passed_ms: u64,
    /// The world at its end.
    pub world: World,
}

/// Tells the story of a seed. `news` is given each step when it is done.
pub fn tell(seed: u64, plan: &Plan, mut news: impl FnMut(&Step)) -> Told {
    let mut random = Random::new(seed);
    let setup = plan.setup(seed, &mut random);
    let mut world = World::new(&setup, seed);
    world.set_exact(plan.exact);
    let mut teller = Teller {
        world,
        steps: Vec::new(),
        news: &mut news,
    };
    teller.world.run_until(BEGIN_MS);
    let episodes = match plan.days {
        0 => plan.episodes,
        days => {
            teller.live(plan, &mut random, u64::from(days) * DAY_MS);
            0
        }
    };
    for episode in 0..episodes {
        if episode > 0 {
            let now = teller.world.now_ms();
            teller
                .world
                .run_until(now + random.between(0, plan.quiet_ms));
        }
        teller.faults(plan, &mut random);
        teller.heal(plan, &mut random, episode);
        if !teller.world.broken().is_empty() {
            break;
        }
    }
    let Teller { world, steps, .. } = teller;
    Told {
        story: Story { setup, steps },
        broken: world.broken().to_vec(),
        passed_ms: world.now_ms(),
        world,
    }
}

struct Teller<'a> {
    world: World,
    steps: Vec<Step>,
    news: &'a mut dyn FnMut(&Step),
}

impl Teller<'_> {
    fn act(&mut self, act: Act) {
        let step = Step {
            at_ms: self.world.now_ms(),
            act,
        };
        (self.news)(&step);
        do_step(&mut self.world, &step.act);
        self.steps.push(step);
    }

    fn happens(&mut self, happening: Happening) {
        if fits(&self.world, &happening) {
            self.act(Act::Happens(happening));
        }
    }

    fn wait(&mut self, ms: u64) {
        let now = self.world.now_ms();
        self.world.run_until(now + ms);
    }

    fn faults(&mut self, plan: &Plan, random: &mut Random) {
        let long = if plan.gap_ms > 10_000 {
            SPARSE_FAULTS_MS
        } else {
            FAULTS_MS
        };
        let until = self.world.now_ms() + long;
        while self.world.now_ms() < until {
            self.wait(random.between(20, plan.gap_ms));
            self.fault(plan, random);
        }
    }

    /// Something happens; now and then two things at one moment, such as two servers on one broken socket strip.
    fn fault(&mut self, plan: &Plan, random: &mut Random) {
        for _ in 0..=u8::from(random.chance(10)) {
            let happening = match plan.faults.next(random, &self.world) {
                Happening::Settings(..) if plan.pushes => Faults::next_push(random, &self.world),
                other => other,
            };
            self.happens(happening);
        }
    }

    /// A cluster's life: all is well for hours, something fails, now and then a second thing before
    /// it is repaired, and it is looked whether all is well again.
    fn live(&mut self, plan: &Plan, random: &mut Random, life_ms: u64) {
        let until = self.world.now_ms() + life_ms;
        let mut round = 0;
        while self.world.now_ms() < until && self.world.broken().is_empty() {
            self.wait(random.between(60_000, WELL_MS));
            self.drift(random);
            self.fault(plan, random);
            self.wait_ill(random);
            while random.chance(40) {
                self.fault(plan, random);
                self.wait_ill(random);
            }
            self.heal(plan, random, round);
            round += 1;
        }
        self.world.judge_sizes();
    }

    fn wait_ill(&mut self, random: &mut Random) {
        let most = match self.world.is_restless() {
            true => RESTLESS_MS,
            false => ILL_MS,
        };
        // Many are short: somebody is there, or the fault passes.
        let most = if random.chance(50) { most / 10 } else { most };
        self.wait(random.between(20, most));
    }

    /// A clock that nobody sets goes its own way.
    fn drift(&mut self, random: &mut Random) {
        let at = random.between(0, self.world.servers.len() as u64) as usize;
        let drift = random.between(0, 2 * DRIFT_MS as u64) as i64 - DRIFT_MS;
        let server = &self.world.servers[at];
        let clock = Happening::Clock(server.name.clone(), server.clock_ahead_ms + drift);
        self.happens(clock);
    }

    /// Everything works again; all come back, but now and then one that has lost its power does so only
    /// after the others must have told all that they know.
    fn heal(&mut self, plan: &Plan, random: &mut Random, episode: u32) {
        let servers = self.world.servers.len() as u64;
        let lost = random.between(0, servers) as usize;
        let lost = self.world.servers[lost].name.clone();
        let licensing = plan.faults == Faults::Licences;
        let loses = servers > 1 && random.chance(25) && !licensing && !plan.pushes;
        self.act(Act::Happens(Happening::AllWorks));
        self.wait(RESTART_MS);
        self.act(Act::Happens(Happening::AllStart));
        if loses {
            self.wait(random.between(0, 3_000));
            self.happens(Happening::LosesPower(lost.clone()));
            self.wait(HEALING_MS);
            self.act(Act::AllIsWell);
            self.wait(1);
            self.happens(Happening::Starts(lost));
        }
        self.wait(HEALING_MS);
        if plan.pushes {
            let last = Change::Subject(format!("the last of {episode}"));
            let first = self.world.servers[0].name.clone();
            self.happens(Happening::Pushes(first, last));
            self.wait(PUSH_MS);
        }
        self.act(Act::AllIsWell);
        self.wait(1);
    }
}

fn do_step(world: &mut World, act: &Act) {
    match act {
        // It names what is there, or a server that a shorter story left out.
        Act::Happens(happening) => drop(happen(world, happening)),
        Act::AllIsWell => world.judge_wellness(),
    }
}

impl Story {
    /// Tells it again; answers what was found broken, and the steps that fitted.
    pub fn replay(&self) -> (Vec<Broken>, Vec<Step>) {
        let mut world = World::new(&self.setup, self.setup.seed.unwrap_or(1));
        let mut done = Vec::new();
        for step in &self.steps {
            world.run_until(step.at_ms);
            let fits = match &step.act {
                Act::Happens(happening) => fits(&world, happening),
                Act::AllIsWell => true,
            };
            if fits {
                do_step(&mut world, &step.act);
                done.push(step.clone());
            }
        }
        (world.broken().to_vec(), done)
    }

    /// The story as a scenario that expects what must hold.
    pub fn to_scenario(&self, broken: Option<&Broken>) -> Scenario {
        let seed = self.setup.seed.unwrap_or(0);
        let mut lines: Vec<Line> = Vec::new();
        let mut add = |what| {
            let number = lines.len() as u32 + 1;
            lines.push(Line {
                number,
                text: String::new(),
                what,
            });
        };
        for step in &self.steps {
            add(match &step.act {
                Act::Happens(happening) => What::Happens(step.at_ms, happening.clone()),
                Act::AllIsWell => What::Expected(Expectation::Well, Until::At(step.at_ms)),
            });
        }
        if let Some(broken) = broken {
            let at = Until::At(broken.at_ms + 1);
            add(What::Expected(Expectation::Unbroken, at));
        }
        let title = match broken {
            Some(broken) => format!("Seed {seed}: {}", broken.invariant),
            None => format!("Seed {seed}"),
        };
        let rules = broken.map_or("N8 N9 M18", |broken| broken.invariant.rules());
        Scenario {
            title,
            rules: rules.split(' ').map(str::to_owned).collect(),
            setup: self.setup.clone(),
            lines,
        }
    }
}

impl Invariant {
    /// The rules that speak of it.
    pub fn rules(self) -> &'static str {
        match self {
            Invariant::FirstOnDisk => "N8",
            Invariant::NobodyWaits => "N14 N15",
            Invariant::LampStays => "M18",
            Invariant::FallenIsRed => "M17",
            Invariant::ToldOnce | Invariant::ToldWithoutOrigin => "N8 N9",
            Invariant::SettingsWhole => "N17",
            Invariant::Bounded => "N7",
            Invariant::Licensed => "M25",
            Invariant::Wellness => "N9 N5",
        }
    }
}
