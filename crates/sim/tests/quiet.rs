//! Passing over quiet times leaves what playing every heartbeat would have left.

use noroshi_sim::chaos::{Faults, Plan, Told, tell};
use noroshi_sim::world::World;

/// Stories told both ways of each kind.
const STORIES: u64 = 6;

fn told(seed: u64, exact: bool, faults: Faults, pushes: bool) -> Told {
    let plan = Plan {
        episodes: 2,
        quiet_ms: 100_000,
        exact,
        ..Plan::short(faults, pushes)
    };
    tell(seed, &plan, |_| {})
}

/// All that there is to know of a world, but for the places of what is on its way.
fn all_of(world: &World) -> Vec<String> {
    let servers = world.servers.iter().flat_map(|server| {
        let disk = &server.disk;
        [
            format!("{:#?}", server.node),
            format!("{:#?}", disk.notices),
            format!("{:#?}", disk.alerts),
        ]
    });
    let mut all: Vec<String> = servers.collect();
    all.push(format!("{:#?}", world.mails));
    all.push(format!("{:#?}", world.lamps));
    all
}

/// Rule: N1 N8
#[test]
fn quiet_times_passed_over_leave_what_every_heartbeat_would_have_left() {
    let count = std::env::var("STORIES").ok();
    let count = count.and_then(|text| text.parse().ok()).unwrap_or(STORIES);
    for (faults, pushes) in [
        (Faults::Local, false),
        (Faults::Network, false),
        (Faults::Network, true),
        (Faults::Licences, false),
        (Faults::Ring, false),
    ] {
        let (mut passed_over_ms, mut all_ms) = (0, 0);
        for seed in 1..=count {
            let passed = told(seed, false, faults, pushes);
            let played = told(seed, true, faults, pushes);
            let name = format!("{faults:?} seed {seed}");
            assert_eq!(passed.story.steps, played.story.steps, "{name}");
            assert_eq!(passed.broken, played.broken, "{name}");
            assert_eq!(played.world.passed_over_ms(), 0, "{name}");
            passed_over_ms += passed.world.passed_over_ms();
            all_ms += passed.passed_ms;
            for (one, other) in all_of(&passed.world).iter().zip(all_of(&played.world)) {
                let before: Vec<&str> = one
                    .lines()
                    .take_while({
                        let mut lines = other.lines();
                        move |line| lines.next() == Some(line)
                    })
                    .collect();
                let from = before.len().saturating_sub(12);
                let (is, was) = (
                    one.lines().nth(before.len()),
                    other.lines().nth(before.len()),
                );
                let place = before[from..].join("\n");
                assert!(
                    *one == other,
                    "{name}:\n{place}\npassed over: {is:?}\nplayed: {was:?}"
                );
            }
        }
        // A story's faults are played, and all of one that needs licences; the rest is mostly passed over.
        let hardly = passed_over_ms * 2 < all_ms;
        assert_eq!(
            hardly,
            faults == Faults::Licences,
            "{faults:?}: {passed_over_ms} of {all_ms} ms"
        );
    }
}
