//! `agent`: how long Pacemaker's alert agent takes, from the start of its process to its end.
//!
//! Each call writes its event to disk, synced, and pokes the service if it is at work. Pacemaker waits for none of
//! them, but runs them side by side with what it does next.

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::options::Options;
use crate::stage::{Stage, jitter, name};
use noroshi_sim::rig::{Cluster, Error, Fallible, until};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

const RUNS: usize = 200;
/// One whole call.
const BOUND_MS: f64 = 10.0;
/// How long the service may take to open its socket there.
const SOCKET_WAIT: Duration = Duration::from_secs(10);

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let mut stage = Stage::up(options)?;
    let dir = stage.cluster.home(0).pacemaker();
    std::fs::create_dir(&dir)?;
    let runs = options.runs_or(RUNS);
    // Nobody is there yet.
    let away = calls(&stage.cluster, &dir, 0..runs)?;
    stage.cluster.daemon(0).reload()?;
    until(SOCKET_WAIT, "the service takes events", || {
        let socket = dir.join(noroshi_daemon::pacemaker::SOCKET);
        socket.exists().then_some(()).ok_or("no socket".into())
    })?;
    stage.settle()?;
    let at_work = calls(&stage.cluster, &dir, runs..2 * runs)?;
    Ok(vec![
        Figure::of_times("agent: a call, service at work", &at_work).at_most(Stat::P99, BOUND_MS),
        Figure::of_times("agent: a call, service away", &away).at_most(Stat::P99, BOUND_MS),
    ])
}

/// Calls as Pacemaker makes them; monitors that are fine, so that nothing follows from them.
fn calls(
    cluster: &Cluster,
    dir: &Path,
    numbers: std::ops::Range<usize>,
) -> Fallible<Vec<Duration>> {
    let mut times = Vec::new();
    for number in numbers {
        interrupt::pause(jitter(number) / 16)?;
        let mut command = cluster.launch(0).command(&["pacemaker-alert"]);
        let sequence = number.to_string();
        let node = name(0);
        let variables = [
            ("kind", "resource"),
            ("recipient", &dir.to_string_lossy()),
            ("node", &node),
            ("rsc", "d1"),
            ("task", "monitor"),
            ("interval", "10000"),
            ("rc", "0"),
            ("target_rc", "0"),
            ("status", "0"),
            ("node_sequence", &sequence),
            ("timestamp_epoch", "1795376612"),
            ("timestamp_usec", "356538"),
        ];
        command.envs(variables.map(|(key, value)| (format!("CRM_alert_{key}"), value)));
        command.stdout(Stdio::null());
        let begin = Instant::now();
        let status = command.status()?;
        times.push(begin.elapsed());
        if !status.success() {
            return Err(Error(format!("pacemaker-alert: {status}")));
        }
    }
    Ok(times)
}
