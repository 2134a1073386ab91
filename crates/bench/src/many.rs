//! `many`: as many servers as the product promises, as processes of one host; idle, and beside programs that want all of it.
//!
//! The servers have everything on, as in `cpu`. First their processor time and memory are taken while nothing happens; then
//! as many loops without a rest as there are cores run beside them, at the same priority, for `--minutes`. Nobody may be
//! judged down and nobody be mailed for that.

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::options::Options;
use crate::quiet::Watched;
use crate::stage::{Stage, plan};
use noroshi_sim::rig::Fallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Rule N6.
const SERVERS: usize = 32;
/// How long the idle cluster is watched.
const WATCH: Duration = Duration::from_secs(60);
/// What start and first mails leave behind is over by then.
const CALM: Duration = Duration::from_secs(20);
/// Percent of a core.
const BOUND: f64 = 2.0;

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let begin = Instant::now();
    let mut stage = Stage::prepare(plan(options).servers(SERVERS))?.start()?;
    let up_in = begin.elapsed().as_secs_f64();
    interrupt::pause(CALM)?;
    let memory = private_dirty_kb(&mut stage)?;
    let idle = shares(&mut stage, WATCH)?;
    let mut watched = Watched::up(stage)?;
    let hogs = Hogs::start()?;
    let count = hogs.0.len();
    let beside = shares(&mut watched.stage, options.watch)?;
    drop(hogs);
    let note = format!("one value for each of {SERVERS} daemons, two interconnects");
    let mut figures = vec![
        Figure::new("many: memory idle", "kB", memory)
            .with_note(format!("{note}; all saw each other after {up_in:.1} s")),
        Figure::new("many: idle, of a core", "%", idle)
            .at_most(Stat::Max, BOUND)
            .with_note(note),
        Figure::new("many: beside loops, of a core", "%", beside)
            .at_most(Stat::Max, BOUND)
            .with_note(format!("{count} loops at the same priority")),
    ];
    let minutes = options.watch.as_secs_f64() / 60.0;
    let told = format!("{minutes:.1} minutes beside {count} loops");
    figures.extend(watched.figures("many: beside loops", &told)?);
    Ok(figures)
}

/// The share of a core that each daemon takes within `watch`, in percent.
fn shares(stage: &mut Stage, watch: Duration) -> Fallible<Vec<f64>> {
    let begin = Instant::now();
    let before = times(stage)?;
    interrupt::pause(watch)?;
    let wall = begin.elapsed().as_secs_f64();
    let after = times(stage)?;
    let used = after
        .iter()
        .zip(&before)
        .map(|(after, before)| *after - *before);
    Ok(used.map(|used| used.as_secs_f64() / wall * 100.0).collect())
}

fn times(stage: &mut Stage) -> Fallible<Vec<Duration>> {
    (0..SERVERS)
        .map(|server| Ok(stage.cluster.daemon(server).cpu_time()?))
        .collect()
}

fn private_dirty_kb(stage: &mut Stage) -> Fallible<Vec<f64>> {
    (0..SERVERS)
        .map(|server| Ok(stage.cluster.daemon(server).private_dirty_kb()? as f64))
        .collect()
}

/// Loops without a rest, one for each core, until it is dropped.
struct Hogs(Vec<JoinHandle<()>>, Arc<AtomicBool>);

impl Hogs {
    fn start() -> Fallible<Hogs> {
        let over = Arc::new(AtomicBool::new(false));
        let cores = thread::available_parallelism()?.get();
        let hog = |over: Arc<AtomicBool>| {
            move || {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }
        };
        let threads = (0..cores).map(|_| thread::spawn(hog(Arc::clone(&over))));
        Ok(Hogs(threads.collect(), over))
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        self.1.store(true, Ordering::Relaxed);
        for thread in self.0.drain(..) {
            let _ = thread.join();
        }
    }
}
