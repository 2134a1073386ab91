//! Pushes of the configuration on virtual time: all or none, whatever happens between the phases.

use noroshi_core::event::Event;
use noroshi_core::request::{Reply, RequestId};
use noroshi_core::set::SetLabel;
use noroshi_core::status::ServerState;
use noroshi_sim::scenario::{Change, Happening, Setup};
use noroshi_sim::world::{Random, World, happen};
use std::collections::BTreeMap;

/// Stories told in one run.
const STORIES: u64 = 20;

fn subject(text: &str) -> Change {
    Change::Subject(text.to_string())
}

fn digest(change: &Change) -> String {
    format!("{change:?}")
}

fn set_of(world: &World, server: usize) -> Option<u64> {
    let node = world.servers[server].node.as_ref()?;
    let status = node.status(world.now());
    status.servers.iter().find(|it| it.own)?.set
}

fn reply(world: &World, id: RequestId) -> Option<Reply> {
    let mut replies = world.replies.iter();
    replies
        .find(|(of, _)| *of == id)
        .map(|(_, reply)| reply.clone())
}

fn started() -> World {
    let mut world = World::new(&Setup::default(), 1);
    world.run_until(3_000);
    world
}

/// Rule: N17 M28
#[test]
fn a_push_is_in_force_on_all_within_a_second_and_the_answer_names_them() {
    let mut world = started();
    let id = world.push(1, &subject("a"));
    world.run_until(4_000);
    let Some(Reply::Pushed {
        number,
        servers,
        later,
        silent,
    }) = reply(&world, id)
    else {
        panic!("{:?}", world.replies);
    };
    assert_eq!((number, later, silent), (1, Vec::new(), Vec::new()));
    assert_eq!(servers.len(), 3);
    for server in 0..3 {
        assert_eq!(set_of(&world, server), Some(1));
        assert_eq!(world.servers[server].config.mail.subject, "a");
    }
}

/// Rule: N17
#[test]
fn one_refusal_keeps_it_from_all_and_every_reason_is_told() {
    let mut world = started();
    world.servers[0].disk.unfit_for_sets = true;
    world.servers[2].disk.unfit_for_sets = true;
    let id = world.push(1, &subject("a"));
    world.run_until(6_000);
    let Some(Reply::Refused { why }) = reply(&world, id) else {
        panic!("{:?}", world.replies);
    };
    for words in [
        "sv1: the disk is full",
        "sv3: the disk is full",
        "nothing was changed",
    ] {
        assert!(why.contains(words), "{why}");
    }
    assert!((0..3).all(|server| set_of(&world, server).is_none()));
    // It is forgotten everywhere: the next one is not held up.
    world.servers[0].disk.unfit_for_sets = false;
    world.servers[2].disk.unfit_for_sets = false;
    world.push(0, &subject("b"));
    world.run_until(7_000);
    assert!((0..3).all(|server| set_of(&world, server) == Some(1)));
}

/// Rule: N17
#[test]
fn of_two_pushes_at_once_no_half_is_taken() {
    for seed in 0..20 {
        let mut world = World::new(&Setup::default(), seed);
        world.run_until(3_000);
        let first = world.push(0, &subject("a"));
        world.run_until(3_000 + seed);
        let second = world.push(2, &subject("b"));
        world.run_until(20_000);
        let taken: Vec<Option<u64>> = (0..3).map(|server| set_of(&world, server)).collect();
        assert!(
            taken.iter().all(|number| *number == taken[0]),
            "{seed}: {taken:?}"
        );
        let replies = [reply(&world, first), reply(&world, second)];
        assert!(replies.iter().all(Option::is_some), "{seed}: {replies:?}");
        let refusals = replies.iter().flatten();
        let refusals = refusals
            .filter(|it| matches!(it, Reply::Refused { .. }))
            .count();
        assert_eq!(
            2 - refusals as u64,
            taken[0].unwrap_or(0),
            "{seed}: {replies:?}"
        );
    }
}

/// A participant dies at any moment of the push: the others are not held up, and it takes the set when
/// it returns. The server that pushes dies at any moment: all who live end with the same set.
///
/// Rule: N17
#[test]
fn a_death_at_any_moment_of_a_push_leaves_all_with_one_set() {
    for (dies, step_ms) in [(2, 4), (0, 4)] {
        for after_ms in (0..80).step_by(step_ms) {
            let mut world = started();
            let id = world.push(0, &subject("a"));
            world.run_until(3_000 + after_ms);
            world.kill(dies);
            world.run_until(12_000);
            let live: Vec<Option<u64>> = (0..3)
                .filter(|server| *server != dies)
                .map(|server| set_of(&world, server))
                .collect();
            assert_eq!(live[0], live[1], "{dies} after {after_ms} ms");
            if dies == 2 {
                assert_eq!(
                    live[0],
                    Some(1),
                    "after {after_ms} ms: {:?}",
                    reply(&world, id)
                );
            }
            world.boot(dies);
            world.run_until(16_000);
            let all: Vec<Option<u64>> = (0..3).map(|server| set_of(&world, server)).collect();
            assert!(
                all.iter().all(|set| *set == all[0]),
                "{dies} after {after_ms} ms: {all:?}"
            );
        }
    }
}

/// The server that pushes stands still until all have voted and given up waiting for the commit: what it
/// finds then is no agreement any more.
///
/// Rule: N17
#[test]
fn votes_that_are_too_old_commit_nothing() {
    let setup = Setup {
        servers: 2,
        ..Setup::default()
    };
    let mut world = World::new(&setup, 1);
    world.run_until(3_000);
    let id = world.push(0, &subject("a"));
    world.run_until(3_002);
    world.servers[0].suspended = true;
    world.run_until(30_000);
    world.resume(0);
    world.run_until(31_000);
    let answer = reply(&world, id);
    assert!(matches!(answer, Some(Reply::Refused { .. })), "{answer:?}");
    assert!((0..2).all(|server| set_of(&world, server).is_none()));
}

/// A push changes the port by which the servers hear each other, and one of them is cut off, or dies, at any
/// moment of it, or was not there at all: when it is back it knows the former port only, and takes the set.
///
/// Rule: N17
#[test]
fn a_push_that_changes_how_servers_are_reached_reaches_who_missed_it() {
    for (victim, dies, after_ms) in moments() {
        let mut world = started();
        let name = world.servers[victim].name.clone();
        let id = world.push(0, &Change::Port(29_100));
        world.run_until(3_000 + after_ms);
        match dies {
            true => world.kill(victim),
            false => happen(&mut world, &Happening::CutOff(name, None)).unwrap(),
        }
        world.run_until(20_000);
        happen(&mut world, &Happening::Heals).unwrap();
        if dies {
            world.boot(victim);
        }
        world.run_until(40_000);
        let story = format!("{victim} dies: {dies}, after {after_ms} ms");
        let sets: Vec<Option<u64>> = (0..3).map(|server| set_of(&world, server)).collect();
        assert!(sets.iter().all(|set| *set == sets[0]), "{story}: {sets:?}");
        if let Some(Reply::Pushed { .. }) = reply(&world, id) {
            assert_eq!(sets[0], Some(1), "{story}");
        }
        for one in &world.servers {
            let status = one.node.as_ref().unwrap().status(world.now());
            for seen in status.servers {
                assert_eq!(seen.state, ServerState::Up, "{story}: {}", one.name);
            }
        }
    }
}

fn moments() -> Vec<(usize, bool, u64)> {
    let mut all = Vec::new();
    for victim in 0..3 {
        for dies in [false, true] {
            all.extend((0..60).step_by(6).map(|after_ms| (victim, dies, after_ms)));
        }
    }
    all
}

/// Two pushes later, and after restarts of those that have the set, the way to who was away is known still.
///
/// Rule: N17
#[test]
fn who_was_away_for_several_changes_of_the_port_is_found() {
    let mut world = started();
    world.kill(2);
    world.run_until(6_000);
    for number in 1..=3_u16 {
        world.push(0, &Change::Port(29_100 + number));
        world.run_until(6_000 + u64::from(number) * 3_000);
    }
    for server in 0..2 {
        world.kill(server);
        world.boot(server);
    }
    world.run_until(25_000);
    world.boot(2);
    world.run_until(35_000);
    for server in 0..3 {
        assert_eq!(set_of(&world, server), Some(3));
        // Nobody is looked for any more.
        let config = world.servers[server].node.as_ref().unwrap().config();
        assert_eq!(config.port, 29_103);
        assert!(!world.seeks(server));
    }
}

/// Random deaths, cuts, full disks and pushes, then all heals: who was refused left no trace, all have
/// one set or were told that they have not, and the next push ends that.
///
/// Rule: N17
#[test]
fn whatever_happens_a_set_is_taken_by_all_or_its_difference_is_told() {
    for seed in 0..STORIES {
        story(seed);
    }
}

fn story(seed: u64) {
    let mut random = Random::new(seed);
    let mut world = World::new(&Setup::default(), seed);
    world.run_until(3_000);
    let mut asked: BTreeMap<u64, String> = BTreeMap::new();
    let mut now_ms = 3_000;
    for number in 0..30 {
        now_ms += random.between(1, 1_500);
        world.run_until(now_ms);
        let at = random.between(0, 3) as usize;
        let name = world.servers[at].name.clone();
        let happening = match random.between(0, 10) {
            0 => Happening::Killed(name),
            1 | 2 if world.servers[at].node.is_none() => Happening::Starts(name),
            3 => Happening::CutOff(name, None),
            4 => Happening::Heals,
            5 => Happening::Sets(name, random.chance(60)),
            _ if world.servers[at].node.is_some() => {
                let change = subject(&format!("{seed} {number}"));
                let id = world.push(at, &change);
                asked.insert(id.0, digest(&change));
                continue;
            }
            _ => continue,
        };
        // What cannot happen now does not.
        let _ = happen(&mut world, &happening);
    }
    let _ = happen(&mut world, &Happening::Heals);
    for at in 0..3 {
        world.servers[at].disk.unfit_for_sets = false;
        if world.servers[at].node.is_none() {
            world.boot(at);
        }
    }
    world.run_until(now_ms + 150_000);
    let sets: Vec<SetLabel> = world
        .servers
        .iter()
        .map(|server| server.disk.in_force.clone())
        .collect();
    for (id, answer) in &world.replies {
        if let (Some(digest), Reply::Refused { why }) = (asked.get(&id.0), answer) {
            let there = sets.iter().any(|set| set.digest == *digest);
            assert!(
                !there,
                "seed {seed}: {digest} was refused ({why}) and is there"
            );
        }
    }
    let one = sets.iter().all(|set| set.is(&sets[0]));
    let told = |at: usize| {
        let mut alerts = world.servers[at].disk.alerts.iter();
        alerts.any(|it| (it.message.module.as_str(), it.message.event) == ("cfmgr", 1001))
    };
    assert!(one || (0..3).any(told), "seed {seed}: {sets:#?}");
    world.push(0, &subject("the last"));
    world.run_until(now_ms + 155_000);
    for at in 0..3 {
        let label = &world.servers[at].disk.in_force;
        let last = digest(&subject("the last"));
        assert_eq!(
            label.digest,
            last,
            "seed {seed}: server {at}\n{:?}",
            world.replies.last()
        );
    }
}

/// Rule: N17
#[test]
fn what_nobody_asked_for_is_ignored() {
    let mut world = started();
    let node = world.servers[0].node.as_mut().unwrap();
    let mut out = Vec::new();
    let now = noroshi_core::time::Now {
        at: noroshi_core::time::Moment(1_003_000_000),
        wall: noroshi_core::time::WallTime(1),
    };
    let staged = Event::Staged {
        label: SetLabel::default(),
        result: Ok(()),
    };
    node.step(now, staged, &mut out);
    assert!(
        !out.iter()
            .any(|it| matches!(it, noroshi_core::action::Action::AdoptSet(_)))
    );
}
