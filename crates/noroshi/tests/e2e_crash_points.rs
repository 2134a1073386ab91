//! A server and the programs that write for it, killed at the system calls that change the world: a sample
//! that fits a test run. `cargo xtask bench crash` takes all of them.
//!
//! `CRASH_SECONDS` is how long the sample takes, for each of the three stories.

use noroshi_crash::{Balance, Point, Role, available, kill_at, kill_programs, record};
use std::path::Path;
use std::time::{Duration, Instant};

/// No story is begun after this time where nothing else is said.
const SAMPLE_TIME: Duration = Duration::from_secs(40);
/// Clusters at a time.
const AT_ONCE: usize = 3;

fn executable() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_noroshi"))
}

/// Whether programs can be traced; says why not.
fn traceable() -> bool {
    match available() {
        Ok(()) => true,
        Err(why) => {
            noroshi_sim::skipped(&why);
            false
        }
    }
}

fn assert_balanced(balance: &Balance) {
    println!("crash points: {balance}");
    assert!(balance.faults.is_empty(), "{}", balance.faults.join("\n"));
}

/// All points in another order: in steps that meet each once, so that however many of them there is time
/// for are spread over the whole story.
fn spread(points: &[Point]) -> Vec<Point> {
    let step = (points.len() * 618 / 1000).max(1);
    let step = (step..).find(|step| gcd(*step, points.len()) == 1);
    let step = step.unwrap_or(1);
    let order = (0..points.len()).map(|at| at * step % points.len());
    order.map(|at| points[at].clone()).collect()
}

fn gcd(one: usize, other: usize) -> usize {
    if other == 0 {
        one
    } else {
        gcd(other, one % other)
    }
}

fn sample(role: Role) {
    if !traceable() {
        return;
    }
    let points = record(executable(), role).unwrap();
    println!("crash points: {} passed", points.len());
    let asked = std::env::var("CRASH_SECONDS").ok();
    let asked = asked.and_then(|text| text.parse().ok());
    let end = Instant::now() + asked.map_or(SAMPLE_TIME, Duration::from_secs);
    let balance = kill_at(executable(), role, &spread(&points), AT_ONCE, Some(end));
    assert_balanced(&balance);
}

/// Rule: N7 N8 N9
#[test]
fn a_server_that_is_killed_before_any_of_its_calls_loses_nothing_and_repeats_nothing_unmarked() {
    sample(Role::Asked);
}

/// Rule: N7 N8 N9
#[test]
fn the_other_server_killed_before_any_of_its_calls_loses_nothing_and_repeats_nothing_unmarked() {
    sample(Role::Other);
}

/// Rule: N7 N8 N9
#[test]
fn a_server_that_dies_over_what_it_takes_over_loses_nothing_and_repeats_nothing_unmarked() {
    sample(Role::Heir);
}

/// Rule: N17 N8
#[test]
fn programs_killed_before_any_of_their_calls_leave_old_files_or_new_ones_whole() {
    if traceable() {
        assert_balanced(&kill_programs(executable()).unwrap());
    }
}
