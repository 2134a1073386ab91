//! Plays a story in a world and says which of its expectations did not come true.

use super::World;
use crate::scenario::{
    CorosyncDoes, DiskDoes, Expectation, Happening, Line, MailBehaviour, Scenario, Until, What,
};
use noroshi_core::alert::{Destinations, MessageId, Severity};
use noroshi_core::lamp::Look;
use noroshi_core::request::Request;
use noroshi_core::status::ServerState;
use std::fmt;

/// An expectation that did not come true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The line.
    pub line: u32,
    /// Its words.
    pub text: String,
    /// What was the case instead.
    pub instead: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {:?}: {}", self.line, self.text, self.instead)
    }
}

/// Plays a story, with its own seed if it has one; answers the world at its end and what failed.
pub fn play(scenario: &Scenario, seed: u64) -> (World, Vec<Failure>) {
    let seed = scenario.setup.seed.unwrap_or(seed);
    let mut world = World::new(&scenario.setup, seed);
    let mut failures = Vec::new();
    let mut open: Vec<&Line> = Vec::new();
    let mut happenings: Vec<(u64, &Line, &Happening)> = Vec::new();
    for line in &scenario.lines {
        match &line.what {
            What::Happens(at, happening) => happenings.push((*at, line, happening)),
            What::Expected(..) => open.push(line),
        }
    }
    happenings.sort_by_key(|(at, ..)| *at);
    let mut end = 0;
    for line in &open {
        if let What::Expected(_, Until::By(at) | Until::At(at)) = line.what {
            end = end.max(at);
        }
    }
    let mut happenings = happenings.into_iter().peekable();
    loop {
        let next_happening = happenings.peek().map_or(u64::MAX, |(at, ..)| *at);
        let next_check = open
            .iter()
            .map(|line| deadline(line))
            .min()
            .unwrap_or(u64::MAX);
        let next = next_happening.min(next_check).min(end);
        while world.run_one(next) {
            settle(&world, &mut open);
        }
        world.run_until(next);
        settle(&world, &mut open);
        let expired = |line: &&Line| deadline(line) <= next;
        if open
            .iter()
            .filter(|line| expired(line))
            .any(is_about_wellness)
        {
            world.judge_wellness();
        }
        open.retain(|line| {
            let expired = expired(line);
            if expired {
                failures.extend(missed(&world, line));
            }
            !expired
        });
        if next_happening <= next {
            while let Some((_, line, happening)) = happenings.next_if(|(at, ..)| *at <= next) {
                if let Err(why) = happen(&mut world, happening) {
                    failures.push(Failure {
                        line: line.number,
                        text: line.text.clone(),
                        instead: why,
                    });
                }
            }
        } else if open.is_empty() {
            break;
        }
        if next >= end && next_happening > end && open.is_empty() {
            break;
        }
    }
    failures.sort_by_key(|failure| failure.line);
    (world, failures)
}

fn is_about_wellness(line: &&Line) -> bool {
    matches!(line.what, What::Expected(Expectation::Well, _))
}

fn deadline(line: &Line) -> u64 {
    match line.what {
        What::Expected(_, Until::By(at) | Until::At(at)) => at,
        What::Happens(at, _) => at,
    }
}

/// Drops the expectations that have come true and may do so early. A count of mails may not: one
/// more could still come.
fn settle(world: &World, open: &mut Vec<&Line>) {
    open.retain(|line| match &line.what {
        What::Expected(
            Expectation::Mails { .. }
            | Expectation::Alert { count: Some(_), .. }
            | Expectation::Unbroken
            | Expectation::Well,
            _,
        ) => true,
        What::Expected(expectation, Until::By(_)) => look(world, expectation).is_err(),
        _ => true,
    });
}

fn missed(world: &World, line: &Line) -> Option<Failure> {
    let What::Expected(expectation, _) = &line.what else {
        return None;
    };
    let instead = look(world, expectation).err()?;
    Some(Failure {
        line: line.number,
        text: line.text.clone(),
        instead,
    })
}

fn look(world: &World, expectation: &Expectation) -> Result<(), String> {
    let at = |name: &str| {
        world
            .server(name)
            .ok_or_else(|| format!("no server is called {name}"))
    };
    match expectation {
        Expectation::Lamp(server, look) => {
            let shows = world.lamp_of(at(server)?);
            if shows == Some(*look) {
                Ok(())
            } else {
                Err(format!("it shows {shows:?}"))
            }
        }
        Expectation::Mails {
            count,
            to,
            about,
            saying,
        } => {
            let fits = |mail: &&super::Mail| {
                let text = &mail.alert.text;
                to.as_ref().is_none_or(|to| *to == mail.to)
                    && about.as_ref().is_none_or(|name| {
                        mail.alert.about.as_ref() == Some(name) || text.contains(name)
                    })
                    && saying.as_ref().is_none_or(|words| text.contains(words))
            };
            let found = world.mails.iter().filter(fits).count();
            if found == *count {
                Ok(())
            } else {
                Err(format!("{found} came: {}", list(world)))
            }
        }
        Expectation::Alert {
            on,
            module,
            event,
            count,
        } => {
            let alerts = &world.servers[at(on)?].disk.alerts;
            let found = alerts
                .iter()
                .filter(|alert| alert.message.module == *module && alert.message.event == *event)
                .count();
            if count.map_or(found > 0, |count| found == count) {
                Ok(())
            } else {
                let all: Vec<String> = alerts
                    .iter()
                    .map(|alert| alert.message.to_string())
                    .collect();
                Err(format!("its alert view holds {all:?}"))
            }
        }
        Expectation::Set(server, number) => {
            let Some(node) = &world.servers[at(server)?].node else {
                return Err("its daemon does not run".into());
            };
            let status = node.status(world.now());
            let own = status.servers.iter().find(|server| server.own);
            match own.and_then(|own| own.set).unwrap_or(0) {
                has if has == *number => Ok(()),
                has => Err(format!("it has {has}")),
            }
        }
        Expectation::Unbroken | Expectation::Well => match world.broken() {
            [] => Ok(()),
            broken => {
                let all: Vec<String> = broken.iter().map(ToString::to_string).collect();
                Err(all.join("; "))
            }
        },
        Expectation::Sees(server, other, state) => {
            let server = at(server)?;
            let other = at(other)?;
            let Some(node) = &world.servers[server].node else {
                return Err("its daemon does not run".into());
            };
            let status = node.status(world.now());
            let seen = match status.servers[other].state {
                ServerState::Unknown => "unknown",
                ServerState::Up => "up",
                ServerState::Stalled => "stalled",
                ServerState::Left => "left",
                ServerState::Down => "down",
                ServerState::Unseen => "unseen",
            };
            if seen == state {
                Ok(())
            } else {
                Err(format!("it is seen as {seen}"))
            }
        }
    }
}

fn list(world: &World) -> String {
    let line = |mail: &super::Mail| {
        format!(
            "{} ms {}→{} {} {:?}",
            mail.at_ms, mail.from, mail.to, mail.alert.message, mail.alert.text
        )
    };
    world.mails.iter().map(line).collect::<Vec<_>>().join("; ")
}

/// Lets something happen to a world.
///
/// # Errors
/// When it names a server or an interconnect that is not there.
pub fn happen(world: &mut World, happening: &Happening) -> Result<(), String> {
    use Happening as H;
    let at = |world: &World, name: &str| {
        world
            .server(name)
            .ok_or_else(|| format!("no server is called {name}"))
    };
    let path = |world: &World, name: &str| {
        let found = world
            .config
            .interconnects
            .iter()
            .position(|one| one.name == name);
        found
            .map(|at| at as u8)
            .ok_or_else(|| format!("no interconnect is called {name}"))
    };
    world.watch_happening(happening);
    match happening {
        H::Killed(name) => {
            let server = at(world, name)?;
            world.kill(server);
        }
        H::LosesPower(name) => {
            let server = at(world, name)?;
            world.servers[server].powered = false;
            world.servers[server].corosync.lost_power();
            world.kill(server);
        }
        H::Stops(name) => {
            let server = at(world, name)?;
            let request = Request::Stop {
                server: Some(name.clone()),
                by: "the story".into(),
            };
            world.ask(server, request);
        }
        H::Starts(name) => {
            let server = at(world, name)?;
            world.boot(server);
        }
        H::Suspended(name) => {
            let server = at(world, name)?;
            world.servers[server].suspended = true;
        }
        H::Resumes(name) => {
            let server = at(world, name)?;
            world.resume(server);
        }
        H::Corosync(name, what) => {
            let server = at(world, name)?;
            if !world.has_ring() {
                return Err("the story has no line: engine corosync".into());
            }
            match what {
                CorosyncDoes::Start => world.start_corosync(server),
                CorosyncDoes::Stop => world.stop_corosync(server, true),
                CorosyncDoes::Die => world.stop_corosync(server, false),
                CorosyncDoes::Hang => world.hang_corosync(server, true),
                CorosyncDoes::Answer => world.hang_corosync(server, false),
            }
        }
        H::ReceiversCut(name) | H::ReceiversJoined(name) => {
            let server = at(world, name)?;
            let cut = matches!(happening, H::ReceiversCut(_));
            world.network.set_shut(server, cut);
        }
        H::CutOff(name, lan) | H::Reconnected(name, lan) => {
            let server = at(world, name)?;
            let lan = lan.as_ref().map(|lan| path(world, lan)).transpose()?;
            world
                .network
                .set_cut(server, lan, matches!(happening, H::CutOff(..)));
        }
        H::Apart(name) | H::Together(name) => {
            let server = at(world, name)?;
            world
                .network
                .set_apart(server, matches!(happening, H::Apart(_)));
        }
        H::Deaf(name, other) => {
            let (to, from) = (at(world, name)?, at(world, other)?);
            world.network.set_deaf(from, to);
        }
        H::Clock(name, ahead_ms) => {
            let server = at(world, name)?;
            world.servers[server].clock_ahead_ms = *ahead_ms;
        }
        H::Heals => world.network.heal(),
        H::Loss(percent, lan) => {
            let lan = path(world, lan)?;
            world.network.set_loss(lan, *percent);
        }
        H::Lamp(name, answers) => set_lamp(world, at(world, name)?, |lamp| {
            (lamp.dead, lamp.refuses) = (!answers, false);
        }),
        H::LampRefuses(name) => set_lamp(world, at(world, name)?, |lamp| lamp.refuses = true),
        H::LampForgets(name) => set_lamp(world, at(world, name)?, |lamp| {
            (lamp.shows, lamp.forgot) = (Look::OUT, true);
        }),
        H::Mail(behaviour) => world.mail = behaviour.clone(),
        H::Disk(name, does) => {
            let server = at(world, name)?;
            world.set_disk(server, *does);
        }
        H::AllWorks => all_works(world),
        H::AllStart => {
            for server in 0..world.servers.len() {
                if world.servers[server].node.is_none() {
                    world.boot(server);
                }
            }
        }
        H::FaultySettings(name) => {
            let server = at(world, name)?;
            world.give_faulty_settings(server);
        }
        H::Raises(name, text) => {
            let server = at(world, name)?;
            let request = Request::Raise {
                message: MessageId {
                    module: "logcmd".into(),
                    event: 1,
                },
                severity: Severity::Error,
                text: text.clone(),
                destinations: Some(Destinations {
                    alert: true,
                    syslog: true,
                    mail: true,
                    ..Destinations::default()
                }),
            };
            world.ask(server, request);
        }
        H::LampPutOut(name, server) => {
            let asked = at(world, name)?;
            world.ask(
                asked,
                Request::LampOff {
                    server: server.clone(),
                },
            );
        }
        H::Settings(name, change) => {
            let servers = match name {
                Some(name) => at(world, name)?..at(world, name)? + 1,
                None => 0..world.servers.len(),
            };
            servers.for_each(|server| world.change_settings(server, change));
        }
        H::Licence(name, line) => {
            let server = at(world, name)?;
            world.register_licence(server, line);
        }
        H::Register(name, readable) => {
            let server = at(world, name)?;
            world.tear_register(server, !readable);
        }
        H::Pushes(name, change) => {
            let server = at(world, name)?;
            world.push(server, change);
        }
        H::Sets(name, taken) => {
            let server = at(world, name)?;
            world.servers[server].disk.unfit_for_sets = !taken;
        }
        H::LampTested(name, server) => {
            let asked = at(world, name)?;
            world.ask(
                asked,
                Request::LampTest {
                    server: server.clone(),
                },
            );
        }
        H::Shutdown(name) => {
            let server = at(world, name)?;
            world.ask(
                server,
                Request::Stop {
                    server: None,
                    by: "the story".into(),
                },
            );
        }
    }
    Ok(())
}

/// Every fault is over, but that servers do not run: those start at another moment.
fn all_works(world: &mut World) {
    world.network.heal();
    world.network.lose_nothing();
    world.mail = MailBehaviour::Accepts;
    for lamp in &mut world.lamps {
        (lamp.dead, lamp.refuses) = (false, false);
    }
    for server in 0..world.servers.len() {
        world.set_disk(server, DiskDoes::Work);
        world.servers[server].disk.unfit_for_sets = false;
        if world.servers[server].suspended {
            world.resume(server);
        }
        if world.corosync_can(server, CorosyncDoes::Answer) {
            world.hang_corosync(server, false);
        }
        if world.corosync_can(server, CorosyncDoes::Start) {
            world.start_corosync(server);
        }
        world.tear_register(server, false);
        world.register_licence_if_needed(server);
    }
}

fn set_lamp(world: &mut World, server: usize, set: impl Fn(&mut super::SimLamp)) {
    if let Some(lamp) = world.config.servers[server].lamp {
        set(&mut world.lamps[usize::from(lamp.0)]);
    }
}
