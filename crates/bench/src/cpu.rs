//! `cpu`: what three servers use while nothing happens.

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::options::Options;
use crate::stage::{SERVERS, Stage};
use noroshi_sim::rig::Fallible;
use std::time::{Duration, Instant};

/// How long it is watched.
const WATCH: Duration = Duration::from_secs(60);
/// What start and first mails leave behind is over by then.
const CALM: Duration = Duration::from_secs(10);
/// Percent of a core.
const BOUND: f64 = 0.3;

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let mut stage = Stage::up(options)?;
    interrupt::pause(CALM)?;
    let begin = Instant::now();
    let before = times(&mut stage)?;
    interrupt::pause(WATCH)?;
    let after = times(&mut stage)?;
    let wall = begin.elapsed().as_secs_f64();
    let share = |server: usize| (after[server] - before[server]).as_secs_f64() / wall * 100.0;
    let figure = Figure::new(
        "cpu: idle, of a core",
        "%",
        (0..SERVERS).map(share).collect(),
    )
    .at_most(Stat::Max, BOUND)
    .with_note("one value per daemon; the kernel counts in steps of 10 ms (0.017 % here)");
    Ok(vec![figure])
}

fn times(stage: &mut Stage) -> Fallible<Vec<Duration>> {
    (0..SERVERS)
        .map(|server| Ok(stage.cluster.daemon(server).cpu_time()?))
        .collect()
}
