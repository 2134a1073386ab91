//! keepalived and the service: from a server's cut off all its networks to the first mail about it.
//!
//! Three clusters at once, each of three nodes in namespaces: the service with its defaults, keepalived with its defaults
//! and tuned ([`Timing`]). One after another is cut as in `cut` (the *network* runs: the cut-off server lives on), who is
//! first changes from run to run. Of keepalived it is always the node that has the address: no other one's end is mailed.

use super::keepalived::{Keepalived, Timing};
use crate::figure::Figure;
use crate::interrupt;
use crate::kill::down;
use crate::options::Options;
use crate::stage::{NOTICE_WAIT, SERVERS, Stage, jitter};
use noroshi_sim::rig::Fallible;
use std::time::Duration;

const RUNS: usize = 30;
/// How long after the start all of them are idle.
const IDLE: Duration = Duration::from_secs(10);
const TIMINGS: [Timing; 2] = [Timing::Default, Timing::Tuned];

pub(super) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let mut stage = Stage::up_in_netns(options)?;
    let others = [Keepalived::up(TIMINGS[0])?, Keepalived::up(TIMINGS[1])?];
    interrupt::pause(IDLE)?;
    let memory = crate::memory::sample(&mut stage)?;
    let mut figures = vec![
        Figure::new("peers: noroshi in threes, memory idle", "kB", memory)
            .with_note("private dirty of each server, with lamps, mail and heartbeats of three"),
    ];
    for (timing, other) in TIMINGS.iter().zip(&others) {
        let title = format!("peers: keepalived {}, memory idle", timing.word());
        let memory = other.private_dirty_kb()?;
        figures.push(
            Figure::new(title, "kB", memory).with_note("private dirty of each node's processes"),
        );
    }
    let mut ours = Vec::new();
    let mut theirs: [Vec<Duration>; TIMINGS.len()] = Default::default();
    let sorts = 1 + TIMINGS.len();
    for run in 0..options.runs_or(RUNS).min(RUNS) {
        for turn in 0..sorts {
            interrupt::pause(jitter(run * sorts + turn))?;
            match (run + turn) % sorts {
                0 => ours.push(cut(&stage, run % SERVERS)?),
                at => theirs[at - 1].push(others[at - 1].cut()?),
            }
        }
    }
    figures.push(Figure::of_times("peers: noroshi, cut to mail", &ours));
    for (timing, times) in TIMINGS.iter().zip(&theirs) {
        let title = format!("peers: keepalived {}, cut to mail", timing.word());
        figures.push(Figure::of_times(title, times));
    }
    Ok(figures)
}

fn cut(stage: &Stage, victim: usize) -> Fallible<Duration> {
    let at = stage.cluster.netns().unplug(victim)?;
    let mail = stage.mail_since(at, &down(victim));
    stage.cluster.netns().heal(victim)?;
    stage.settle()?;
    Ok(mail.map_or(NOTICE_WAIT, |mail| mail - at))
}
