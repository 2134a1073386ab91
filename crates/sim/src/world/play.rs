//! Plays a story in a world and says which of its expectations did not come true.

use super::World;
use crate::scenario::{CorosyncDoes, Expectation, Happening, Line, Scenario, Until, What};
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

/// Plays a story; answers the world at its end and what failed.
pub fn play(scenario: &Scenario, seed: u64) -> (World, Vec<Failure>) {
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
        open.retain(|line| {
            let expired = deadline(line) <= next;
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
            Expectation::Mails { .. } | Expectation::Alert { count: Some(_), .. },
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
        H::Lamp(name, answers) => set_lamp(world, at(world, name)?, |lamp| lamp.dead = !answers),
        H::LampForgets(name) => set_lamp(world, at(world, name)?, |lamp| lamp.shows = Look::OUT),
        H::Mail(behaviour) => world.mail = behaviour.clone(),
        H::Disk(name, works) => {
            let server = at(world, name)?;
            let disk = &mut world.servers[server].disk;
            disk.failed = !works;
            if *works {
                disk.catch_up();
            }
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

fn set_lamp(world: &mut World, server: usize, set: impl Fn(&mut super::SimLamp)) {
    if let Some(lamp) = world.config.servers[server].lamp {
        set(&mut world.lamps[usize::from(lamp.0)]);
    }
}
