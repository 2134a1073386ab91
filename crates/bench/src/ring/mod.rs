//! `ring`: from the verdict of a real Corosync to the lamp and the mail, beside what the packages offer for it.
//!
//! Three nodes, each with Corosync, Pacemaker, a daemon and `corosync-notifyd`. All processes of one node are killed, the
//! nodes in turn. The verdict's moment is told by watchers of our own ([`watch`]), one at each node: the earliest word of
//! a survivor that the node has left. From it on are measured lamp and mail of the service, the first SNMP trap of
//! `corosync-notifyd` ([`traps`]) and the first mail of Pacemaker's sample agent ([`sample`]).

mod child;
pub(crate) mod sample;
mod traps;
pub(crate) mod watch;

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::kill::down;
use crate::options::Options;
use crate::stage::{NOTICE_WAIT, SERVERS, Stage, jitter, name, plan};
use noroshi_sim::rig::{Error, Fallible, Pacemaker};
use std::time::{Duration, Instant};
use traps::Traps;
use watch::Watchers;

const RUNS: usize = 20;
/// From the verdict to lamp and mail.
const BOUND_MS: f64 = 100.0;
/// How long a ring may take to miss a node, on a busy machine.
const VERDICT_WAIT: Duration = Duration::from_secs(60);
/// How long fencing may take: an election may come first.
const FENCED_WAIT: Duration = Duration::from_secs(120);
/// What a ring loses just after a daemon has connected to it must stay lost for the ring's own time and 3 s more before
/// it is told; the figures are those of a ring that has stood for longer.
const STOOD: Duration = Duration::from_secs(6);

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let install = |why| Error(format!("{why}; cargo xtask setup installs what it takes"));
    Pacemaker::available().map_err(install)?;
    let mut scene = Scene::up(options)?;
    let mut times = Times::default();
    for run in 0..options.runs_or(RUNS) {
        scene.kill(run, &mut times)?;
        scene.restart(run % SERVERS)?;
    }
    Ok(times.figures())
}

/// The ring and who watches it.
struct Scene {
    // Ends first.
    watchers: Watchers,
    traps: Option<Traps>,
    stage: Stage,
}

/// What was measured, in milliseconds after the verdict; by run.
#[derive(Default)]
struct Times {
    verdict: Vec<Duration>,
    spread: Vec<f64>,
    quorum: Vec<f64>,
    lamp: Vec<f64>,
    mail: Vec<f64>,
    trap: Vec<f64>,
    sample: Vec<f64>,
    /// Why there are no traps.
    no_trap: Option<String>,
}

impl Scene {
    fn up(options: &Options) -> Fallible<Scene> {
        let stage = Stage::prepare(plan(options).pacemaker())?;
        sample::prepare(&stage.cluster)?;
        let mut stage = stage.start()?;
        sample::configure(&stage.cluster)?;
        let mut watchers = Watchers::default();
        let mut traps = Traps::open(&stage.cluster)?;
        for server in 0..SERVERS {
            watchers.start(&mut stage.cluster, server)?;
            if let Some(traps) = &mut traps {
                traps.start(&mut stage.cluster, server)?;
            }
        }
        Ok(Scene {
            watchers,
            traps,
            stage,
        })
    }

    /// Kills all that runs on a node and measures what follows.
    fn kill(&mut self, run: usize, times: &mut Times) -> Fallible<()> {
        let victim = run % SERVERS;
        self.stage.lamps_out((victim + 1) % SERVERS)?;
        interrupt::pause(STOOD + jitter(run))?;
        let at = self.stage.cluster.kill_node(victim)?;
        self.watchers.end(victim);
        if let Some(traps) = &mut self.traps {
            traps.end(victim);
        }
        let told = self.watchers.wait_left(victim, at, VERDICT_WAIT)?;
        let verdict = told.first;
        times.verdict.push(verdict - at);
        times.spread.push(after(told.last, verdict));
        times
            .quorum
            .extend(told.quorum.map(|at| after(at, verdict)));
        let red = self.stage.red_since(at, victim);
        times.lamp.push(time(red, verdict));
        let mail = self.stage.mail_since(at, &down(victim));
        times.mail.push(time(mail, verdict));
        match &self.traps {
            None => times.no_trap = Some(traps::MISSING.into()),
            Some(traps) => {
                let trap = traps.wait_left(victim, at, NOTICE_WAIT);
                times.trap.push(time(trap, verdict));
            }
        }
        let sample = self.stage.mail_since(at, &sample::lost(victim));
        times.sample.push(time(sample, verdict));
        self.wait_fenced(victim, at)
    }

    /// A node that comes back before it was fenced would be fenced then.
    fn wait_fenced(&self, victim: usize, from: Instant) -> Fallible<()> {
        let words = format!("Operation reboot of {} by ", name(victim));
        let outside = self.stage.cluster.outside();
        outside.wait(FENCED_WAIT, "the node is fenced", |mails, _| {
            let later = mails.iter().rev().take_while(|mail| mail.arrived >= from);
            let mut subjects = later.map(|mail| &mail.subject);
            subjects
                .any(|subject| subject.contains(&words))
                .then_some(())
        })?;
        self.stage.cluster.wait_settled((victim + 1) % SERVERS)
    }

    fn restart(&mut self, victim: usize) -> Fallible<()> {
        let cluster = &mut self.stage.cluster;
        cluster.start_node(victim)?;
        self.watchers.start(cluster, victim)?;
        if let Some(traps) = &mut self.traps {
            traps.start(cluster, victim)?;
        }
        cluster.wait_settled(victim)?;
        self.stage.settle()?;
        Ok(())
    }
}

/// Milliseconds after the verdict; negative when it came before the watchers' word of it. What did not come counts as
/// [`NOTICE_WAIT`].
fn time(at: Option<Instant>, verdict: Instant) -> f64 {
    at.map_or(NOTICE_WAIT.as_secs_f64() * 1e3, |at| after(at, verdict))
}

fn after(at: Instant, verdict: Instant) -> f64 {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    match at.checked_duration_since(verdict) {
        Some(later) => ms(later),
        None => -ms(verdict - at),
    }
}

impl Times {
    fn figures(self) -> Vec<Figure> {
        let mut figures = vec![
            Figure::of_times("ring: killed to verdict", &self.verdict)
                .with_note("Corosync's own part: token 1000, coefficient 0"),
            Figure::new("ring: verdict, first to last survivor", "ms", self.spread),
            Figure::new("ring: verdict to lamp", "ms", self.lamp).at_most(Stat::P99, BOUND_MS),
            Figure::new("ring: verdict to mail", "ms", self.mail.clone())
                .at_most(Stat::P99, BOUND_MS),
        ];
        if !self.quorum.is_empty() {
            figures.push(
                Figure::new("ring: verdict to the word of the quorum", "ms", self.quorum)
                    .with_note("the first of the survivors'; before it nobody may be called down"),
            );
        }
        figures.push(match self.no_trap {
            Some(why) => missing("ring: verdict to SNMP trap", why),
            None => Figure::new("ring: verdict to SNMP trap", "ms", self.trap.clone())
                .with_note("corosync-notifyd's, the first of the survivors'"),
        });
        figures.push(
            Figure::new(
                "ring: verdict to the sample agent's mail",
                "ms",
                self.sample.clone(),
            )
            .with_note("Pacemaker's alert_smtp.sh.sample, the first of the survivors'"),
        );
        figures.extend(less("trap", &self.mail, &self.trap));
        figures.extend(less("sample's", &self.mail, &self.sample));
        figures
    }
}

/// A figure that could not be measured keeps no bound.
fn missing(name: &str, why: String) -> Figure {
    Figure::new(name, "ms", Vec::new())
        .at_most(Stat::Max, 0.0)
        .with_note(format!("not measured: {why}"))
}

/// By how much our mail was later than the other notice of the same run.
fn less(what: &str, ours: &[f64], theirs: &[f64]) -> Option<Figure> {
    let differences: Vec<f64> = ours
        .iter()
        .zip(theirs)
        .map(|(one, other)| one - other)
        .collect();
    let later = differences.iter().filter(|ms| **ms > 0.0).count();
    let note = format!("later in {later} of {} runs", differences.len());
    (!differences.is_empty()).then(|| {
        Figure::new(format!("ring: our mail less the {what}"), "ms", differences).with_note(note)
    })
}
