//! Seeded faults, then healing, then convergence: what must hold whatever happened ([`noroshi_sim::chaos`]).
//!
//! `SEED=n cargo test -p noroshi-sim --test chaos` tells one story again, with all that happened;
//! `FIRST=n STORIES=m` tells so many from there on. `noroshi-sim run` tells longer ones by the thousand.

use noroshi_sim::chaos::{Faults, Plan, tell};

/// Stories told in one run of the tests; a nightly run may ask for more.
const STORIES: u64 = 60;
/// The same with pushes, which share most of what the others prove.
const PUSH_STORIES: u64 = 20;

fn stories(faults: Faults, pushes: bool) {
    let plan = Plan::short(faults, pushes);
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    if let Some(seed) = number("SEED") {
        let told = tell(seed, &plan, |step| println!("{step:?}"));
        let broken: Vec<String> = told.broken.iter().map(ToString::to_string).collect();
        assert!(broken.is_empty(), "seed {seed}:\n{}", broken.join("\n"));
        return;
    }
    let (first, count) = (number("FIRST").unwrap_or(1), number("STORIES"));
    let usual = if pushes { PUSH_STORIES } else { STORIES };
    let mut all = Vec::new();
    for seed in first..first + count.unwrap_or(usual) {
        let broken = tell(seed, &plan, |_| {}).broken;
        if !broken.is_empty() {
            let broken: Vec<String> = broken.iter().map(ToString::to_string).collect();
            all.push(format!("SEED={seed}\n{}", broken.join("\n")));
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// Rule: N8 N9 N1 M15 M17 M18
#[test]
fn whatever_fails_on_the_servers_nothing_is_lost_and_no_copy_is_unmarked() {
    stories(Faults::Local, false);
}

/// Rule: N5 N8 N9 M18
#[test]
fn whatever_the_network_does_nothing_is_lost() {
    stories(Faults::Network, false);
}

/// Rule: N17 N8 N9 M18
#[test]
fn pushes_among_crashes_lose_and_repeat_nothing_and_end_in_one_set() {
    stories(Faults::Local, true);
}

/// Rule: N17 N8 M18
#[test]
fn pushes_among_cuts_lose_nothing_and_end_in_one_set() {
    stories(Faults::Network, true);
}

/// Rule: M25 N8 N9 M18
#[test]
fn notices_are_off_exactly_while_no_server_at_work_has_a_valid_licence() {
    stories(Faults::Licences, false);
}

/// Rule: N3 N5 N8 N9 M18
#[test]
fn whatever_corosync_does_nothing_is_lost_and_all_see_all_in_the_end() {
    stories(Faults::Ring, false);
}
