//! `crash`, `crash-other`, `crash-heir`: a server and the programs that write for it are killed before each of
//! their calls that change the world, one run for each, and the books are balanced after it.
//!
//! Twice over the story of two servers: `crash` kills the one that is asked for everything, and the programs,
//! `crash-other` the other one. In the story of `crash-heir` that one takes over a mail, and is killed over it.
//! Three clusters at a time; some 600 runs each, about five seconds a run.

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::options::Options;
use noroshi_crash::{Balance, Role, available, kill_at, kill_programs, record};
use noroshi_sim::rig::{Error, Fallible};

/// Clusters at a time.
const AT_ONCE: usize = 3;
/// Points between two looks at Ctrl-C.
const CHUNK: usize = 30;

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    available().map_err(Error)?;
    let mut all = kill_programs(&options.noroshi)?;
    println!("    programs: {all}");
    all.join(kill_everywhere(options, Role::Asked)?);
    Ok(figures("crash", &all))
}

pub(crate) fn run_other(options: &Options) -> Fallible<Vec<Figure>> {
    available().map_err(Error)?;
    let all = kill_everywhere(options, Role::Other)?;
    Ok(figures("crash-other", &all))
}

pub(crate) fn run_heir(options: &Options) -> Fallible<Vec<Figure>> {
    available().map_err(Error)?;
    let all = kill_everywhere(options, Role::Heir)?;
    Ok(figures("crash-heir", &all))
}

fn kill_everywhere(options: &Options, role: Role) -> Fallible<Balance> {
    let most = options.runs().unwrap_or(usize::MAX);
    let points = record(&options.noroshi, role)?;
    let step = points.len().div_ceil(most).max(1);
    let points: Vec<_> = points.into_iter().step_by(step).collect();
    let mut balance = Balance::default();
    for chunk in points.chunks(CHUNK) {
        interrupt::check()?;
        balance.join(kill_at(&options.noroshi, role, chunk, AT_ONCE, None));
    }
    println!("    {role:?}: {} points: {balance}", points.len());
    Ok(balance)
}

fn figures(name: &str, all: &Balance) -> Vec<Figure> {
    let count =
        |what: &str, count: usize| Figure::new(format!("{name}: {what}"), "", vec![count as f64]);
    vec![
        count("points killed at", all.runs - all.missed)
            .with_note(format!("{} not met a second time", all.missed)),
        count("what does not balance", all.faults.len()).at_most(Stat::Max, 0.0),
        count("marked second copies", all.twins).with_note("one a notice at most"),
    ]
}
