//! `quiet`: faults that are no server's end make no verdict, for half an hour.
//!
//! Three clusters at once: 20 % loss on one of two interconnects; a daemon that stands still for
//! 2 s every 10 s; a server cut off for 500 ms every 10 s. No alert "server down" (nm 2) or
//! "network partition" (nm 1030) and no mail may come of it.

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::options::Options;
use crate::stage::{SERVERS, Stage};
use noroshi_sim::rig::Fallible;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const LOSS_PERCENT: u8 = 20;
const CUT: Duration = Duration::from_millis(500);
const STILL: Duration = Duration::from_secs(2);
const EVERY: Duration = Duration::from_secs(10);

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let lossy = Watched::up(Stage::up_in_netns(options)?)?;
    let mut stopped = Watched::up(Stage::up(options)?)?;
    let cut = Watched::up(Stage::up_in_netns(options)?)?;
    lossy.stage.cluster.netns().loss(1, LOSS_PERCENT)?;
    let begin = Instant::now();
    let mut rounds = 0;
    while begin.elapsed() < options.watch {
        let victim = rounds % SERVERS;
        stopped.stage.cluster.daemon(victim).suspend()?;
        cut.stage.cluster.netns().unplug(victim)?;
        interrupt::pause(CUT)?;
        cut.stage.cluster.netns().heal(victim)?;
        interrupt::pause(STILL - CUT)?;
        stopped.stage.cluster.daemon(victim).resume()?;
        rounds += 1;
        interrupt::pause((EVERY * rounds as u32).saturating_sub(begin.elapsed()))?;
    }
    let minutes = begin.elapsed().as_secs_f64() / 60.0;
    let told = format!("{minutes:.1} minutes, {rounds} rounds");
    let mut figures = Vec::new();
    for (name, watched) in [
        ("20 % loss on one of two", lossy),
        ("2 s standstills", stopped),
        ("500 ms cuts", cut),
    ] {
        figures.extend(watched.figures(&format!("quiet: {name}"), &told)?);
    }
    Ok(figures)
}

/// A cluster and what stood in its books before the faults.
pub(crate) struct Watched {
    pub(crate) stage: Stage,
    mails: u64,
    alerts: Vec<Counts>,
}

/// How often each message stands in one server's alert view.
type Counts = BTreeMap<(String, u32), usize>;

impl Watched {
    /// Looks at the books of a cluster.
    ///
    /// # Errors
    /// When an alert view cannot be read.
    pub(crate) fn up(stage: Stage) -> Fallible<Watched> {
        Ok(Watched {
            mails: stage.cluster.outside().mail_count(),
            alerts: counts(&stage)?,
            stage,
        })
    }

    /// What has come into the books since.
    ///
    /// # Errors
    /// When the servers do not all see each other, or an alert view cannot be read.
    pub(crate) fn figures(self, name: &str, told: &str) -> Fallible<[Figure; 2]> {
        self.stage.settle()?;
        let mails = self.stage.cluster.outside().mail_count() - self.mails;
        // What one server alone saw counts too: the most that any view has.
        let mut new = Counts::new();
        for (before, after) in self.alerts.iter().zip(counts(&self.stage)?) {
            for (message, count) in after {
                let count = count - before.get(&message).copied().unwrap_or_default();
                let most = new.entry(message).or_default();
                *most = count.max(*most);
            }
        }
        new.retain(|_, count| *count > 0);
        let of = |event| {
            new.get(&("nm".to_owned(), event))
                .copied()
                .unwrap_or_default()
        };
        let verdicts = of(2) + of(1030);
        let listed: Vec<String> = new
            .iter()
            .map(|((module, event), count)| format!("{module} {event}: {count}"))
            .collect();
        let note = format!(
            "{told}; alerts: {}",
            if listed.is_empty() {
                "none".into()
            } else {
                listed.join(", ")
            }
        );
        let none = |what: &str, count: f64| {
            Figure::new(format!("{name}, {what}"), "", vec![count]).at_most(Stat::Max, 0.0)
        };
        Ok([
            none("verdicts", verdicts as f64).with_note(note),
            none("mails", mails as f64),
        ])
    }
}

fn counts(stage: &Stage) -> Fallible<Vec<Counts>> {
    (0..stage.cluster.len())
        .map(|server| {
            let mut counts = Counts::new();
            for line in stage.cluster.alerts(server)? {
                *counts.entry((line.module, line.event)).or_default() += 1;
            }
            Ok(counts)
        })
        .collect()
}
