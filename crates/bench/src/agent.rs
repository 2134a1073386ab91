//! `agent`: how long Pacemaker's alert agent takes, from the start of its process to its end.
//!
//! Each call writes its event to disk, synced, and pokes the service if it is at work. Pacemaker waits for none of
//! them, but runs them side by side with what it does next. The calls are made as Pacemaker makes them
//! ([`Caller`]): with the service away, with it at work, and with as many events waiting as the disk is given.

use crate::caller::{Caller, Event};
use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::options::Options;
use crate::stage::{Stage, jitter, plan};
use noroshi_daemon::pacemaker::spool;
use noroshi_sim::rig::Fallible;
use std::time::Duration;

const RUNS: usize = 200;
/// Three times as many events must have room on disk.
const RUNS_MAX: usize = 1_000;
/// One whole call.
pub(crate) const BOUND_MS: f64 = 10.0;

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let stage = Stage::prepare(plan(options))?;
    let resource = ["bench-0000".to_owned()];
    let caller = Caller::prepare(&stage.cluster, 0, &resource)?;
    let runs = options.runs_or(RUNS).min(RUNS_MAX);
    let nothing = times(0..runs, |_| caller.call_nothing())?;
    let call = |number| {
        // Monitors that are fine, so that nothing follows from them.
        caller.call(&Event {
            sequence: number,
            resource: &resource[0],
            rc: 0,
        })
    };
    let away = times(0..runs, call)?;
    let mut stage = stage.start()?;
    let at_work = times(runs..2 * runs, call)?;
    stage.cluster.terminate(0)?;
    let waiting = fill(&caller, runs)?;
    let full = times(2 * runs..3 * runs, call)?;
    Ok(vec![
        Figure::of_times("agent: a program that does nothing", &nothing)
            .with_note("/bin/true, started by the same caller: the machine's part in those below"),
        Figure::of_times("agent: a call, service at work", &at_work)
            .at_most(Stat::P99, BOUND_MS)
            .with_note(caller.whose()),
        Figure::of_times("agent: a call, service away", &away).at_most(Stat::P99, BOUND_MS),
        Figure::of_times("agent: a call, away, the disk's share full", &full)
            .at_most(Stat::P99, BOUND_MS)
            .with_note(format!(
                "{waiting} events waited before the first of these calls"
            )),
    ])
}

fn times<T>(
    numbers: std::ops::Range<usize>,
    call: impl Fn(usize) -> Fallible<(T, Duration)>,
) -> Fallible<Vec<Duration>> {
    let mut times = Vec::new();
    for number in numbers {
        interrupt::pause(jitter(number) / 16)?;
        times.push(call(number)?.1);
    }
    Ok(times)
}

/// Has so many events wait that the next `room` ones just find room. Answers how many wait.
fn fill(caller: &Caller, room: usize) -> Fallible<usize> {
    let most = spool::FILES_MAX.saturating_sub(room + 1);
    let before = std::fs::read_dir(&caller.dir)?.count();
    for number in before..most {
        std::fs::write(caller.dir.join(format!("bench-{number}.report")), "")?;
    }
    caller.waiting()
}
