//! What open consoles cost: memory of the daemon and of the console, and whether a notice is later.

use super::live::{Reader, readers};
use super::site::Site;
use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::stage::{NOTICE_WAIT, SERVERS, jitter};
use noroshi_sim::rig::{Error, Fallible};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const CONSOLES: usize = 10;
/// kB that they may add to a daemon.
const MORE_BOUND_KB: f64 = 300.0;
/// How long a state of the memory is watched, after it has settled.
const WATCH: Duration = Duration::from_secs(15);
const SETTLE: Duration = Duration::from_secs(10);
const SAMPLE: Duration = Duration::from_millis(250);
/// Alerts of each kind of run.
const ALERTS: usize = 200;
/// Alerts of one block; blocks with and without consoles take turns.
const BLOCK: usize = 20;
/// The bounds of `raise`.
const NOTICE_MEDIAN_MS: f64 = 10.0;
/// See [`NOTICE_MEDIAN_MS`].
const NOTICE_P99_MS: f64 = 50.0;

/// Memory of the daemons and consoles with ten open consoles, on one server and spread over all.
///
/// # Errors
/// When a daemon or console is gone.
pub(crate) fn memory(site: &mut Site) -> Fallible<Vec<Figure>> {
    let mut figures = Vec::new();
    for (title, spread) in [("on one server", 1), ("spread over all", SERVERS)] {
        interrupt::pause(SETTLE)?;
        let closed = watch(site)?;
        let open = readers(site, CONSOLES, spread)?;
        interrupt::pause(SETTLE)?;
        let opened = watch(site)?;
        let pairs = closed.iter().zip(&opened).take(spread);
        let more = pairs.clone().map(|(closed, opened)| opened.0 - closed.0);
        let consoles: Vec<f64> = opened.iter().take(spread).map(|opened| opened.1).collect();
        figures.push(
            Figure::new(
                format!("console: daemon, ten consoles {title}"),
                "kB",
                more.collect(),
            )
            .at_most(Stat::Max, MORE_BOUND_KB)
            .with_note("more private dirty than before, at its highest in 15 s"),
        );
        let name = format!("console: its process, ten consoles {title}");
        figures.push(Figure::new(name, "kB", consoles));
        drop(open);
    }
    Ok(figures)
}

/// The highest private dirty memory of each server's daemon and console in [`WATCH`].
fn watch(site: &mut Site) -> Fallible<Vec<(f64, f64)>> {
    let mut highest = vec![(0.0, 0.0); SERVERS];
    let samples = WATCH.as_millis() / SAMPLE.as_millis();
    for _ in 0..samples {
        for (server, highest) in highest.iter_mut().enumerate() {
            highest.0 = f64::max(highest.0, site.daemon_kb(server)?);
            highest.1 = f64::max(highest.1, site.console_kb(server)?);
        }
        interrupt::pause(SAMPLE)?;
    }
    Ok(highest)
}

/// From an alert's request to its mail, without consoles and with ten that read live while another one
/// loads the alert view again and again.
///
/// # Errors
/// When an alert is not taken.
pub(crate) fn notices(site: &Site, runs: Option<usize>) -> Fallible<Vec<Figure>> {
    let (mut without, mut with) = (Vec::new(), Vec::new());
    let (wanted, mut pages, mut round) = (runs.unwrap_or(ALERTS), 0, 0);
    while with.len() < wanted {
        round += 1;
        without.extend(block(site, &format!("round {round} without"))?);
        let open = readers(site, CONSOLES, 1)?;
        let reloading = Reloading::begin(site)?;
        with.extend(block(site, &format!("round {round} with"))?);
        pages += reloading.end()?;
        drop::<Vec<Reader>>(open);
    }
    let of = |title: &str, times: &[Duration]| {
        Figure::of_times(format!("console: alert to mail, {title}"), times)
            .at_most(Stat::Median, NOTICE_MEDIAN_MS)
            .at_most(Stat::P99, NOTICE_P99_MS)
    };
    let (calm, busy) = (
        of("no console", &without),
        of("ten and one reloading", &with),
    );
    let later = |stat| busy.value(stat) - calm.value(stat);
    let note = format!(
        "{pages} pages meanwhile; p50 {:+.1} ms, p99 {:+.1} ms",
        later(Stat::Median),
        later(Stat::P99)
    );
    let busy = busy.with_note(note);
    Ok(vec![calm, busy])
}

/// Alerts one after the other on the servers in turn.
pub(crate) fn block(site: &Site, title: &str) -> Fallible<Vec<Duration>> {
    let mut times = Vec::new();
    for run in 0..BLOCK {
        interrupt::pause(jitter(run) / 4)?;
        // The subject of a mail does without the full stop.
        let text = format!("Notice {title}, {run} end");
        let (begun, _) = site.raise(run % SERVERS, &text, true)?;
        let mail = site.stage.mail_since(begun, &text);
        times.push(mail.map_or(NOTICE_WAIT, |mail| mail - begun));
    }
    Ok(times)
}

/// A visitor who loads the alert view without a pause.
struct Reloading {
    over: Arc<AtomicBool>,
    pages: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<Fallible<()>>,
}

impl Reloading {
    fn begin(site: &Site) -> Fallible<Reloading> {
        let (over, pages) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let mut web = site.visit(0)?;
        let (ends, counts) = (Arc::clone(&over), Arc::clone(&pages));
        let thread = std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                web.get("/alerts")?;
                web.get("/alerts?text=found%20nowhere")?;
                counts.fetch_add(2, Ordering::Relaxed);
            }
            Ok(())
        });
        Ok(Reloading {
            over,
            pages,
            thread,
        })
    }

    /// Ends it; how many pages it had.
    fn end(self) -> Fallible<u64> {
        self.over.store(true, Ordering::Relaxed);
        let ended = self.thread.join();
        ended.map_err(|_| Error("a visitor panicked".into()))??;
        Ok(self.pages.load(Ordering::Relaxed))
    }
}
