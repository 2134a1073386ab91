//! `recovery`: a daemon with a full alert log is killed and started again.
//!
//! From the start of the process to the first answer on its command socket, by which it has its store open and
//! knows what waits; and to the moment when another server hears it.

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::options::Options;
use crate::stage::{NOTICE_WAIT, Stage, jitter, plan};
use noroshi_core::status::ServerState;
use noroshi_core::time::WallTime;
use noroshi_daemon::control::Client;
use noroshi_daemon::store::fill;
use noroshi_sim::rig::{Error, Fallible};
use std::time::{Duration, Instant, SystemTime};

/// Alerts that are stored.
const ALERTS: u32 = 100_000;
const RUNS: usize = 50;
const BOUND_MS: f64 = 500.0;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(1);

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let prepared = plan(options).tune(|conf| conf.alert_records_max = Some(ALERTS));
    let stage = Stage::prepare(prepared)?;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = since.map_or(0, |since| since.as_millis() as i64);
    stage.cluster.home(0).prepare()?;
    fill(&stage.cluster.home(0).var(), ALERTS, WallTime(now)).map_err(Error)?;
    let mut stage = stage.start()?;
    let (mut answers, mut heard, mut used) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..options.runs_or(RUNS) {
        interrupt::pause(jitter(run))?;
        stage.cluster.kill(0)?;
        await_sight(&stage, |state| state != ServerState::Up)?;
        let begin = Instant::now();
        stage.cluster.spawn(0)?;
        answers.push(answered(&stage, begin)?);
        used.push(stage.cluster.daemon(0).cpu_time()?);
        await_sight(&stage, |state| state == ServerState::Up)?;
        heard.push(begin.elapsed());
        stage.settle()?;
    }
    let note = format!("{ALERTS} alerts stored");
    Ok(vec![
        Figure::of_times("recovery: start to first answer", &answers)
            .at_most(Stat::P99, BOUND_MS)
            .with_note(note),
        Figure::of_times("recovery: processor time until then", &used)
            .with_note("what a busy machine does not change; in steps of 10 ms"),
        Figure::of_times("recovery: start to heard by another", &heard),
    ])
}

fn answered(stage: &Stage, begin: Instant) -> Fallible<Duration> {
    let socket = stage.cluster.home(0).socket();
    while begin.elapsed() < NOTICE_WAIT {
        let client = Client::connect_within(&socket, NOTICE_WAIT);
        if client.is_ok_and(|mut client| client.ping().is_ok()) {
            return Ok(begin.elapsed());
        }
        std::thread::sleep(LOOK);
    }
    Err(Error("the daemon does not answer".into()))
}

/// Waits until another server sees the first one so.
fn await_sight(stage: &Stage, wanted: impl Fn(ServerState) -> bool) -> Fallible<()> {
    let begin = Instant::now();
    while begin.elapsed() < NOTICE_WAIT {
        if wanted(stage.cluster.sees(1, 0)?) {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    Err(Error("the others do not notice".into()))
}
