//! `peers`: the service beside Prometheus Alertmanager and keepalived, on the same machine, in the same run, in turns.
//!
//! keepalived is the matter of [`cut`]. Alertmanager and the service both take alerts over a connection that stays open and answer when an alert is accepted: Alertmanager at its HTTP API
//! (`/api/v2/alerts`), the service at its command socket, which is what its commands use. Both mail each alert by itself,
//! without a delay of their own, to a mail server of the same kind. They differ in what "accepted" means: the service
//! has the alert on disk by then, Alertmanager in its memory; what that is worth shows when both are killed right after.
//!
//! *Failure.* Without `prometheus-alertmanager` and `keepalived` nothing is measured, and what to install is said.

mod alertmanager;
mod caller;
mod cut;
mod keepalived;
mod ours;

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::options::Options;
use crate::stage::{NOTICE_WAIT, jitter};
use alertmanager::Alertmanager;
use caller::{Caller, Way};
use noroshi_sim::rig::{Error, Fallible, Outside, until};
use ours::Ours;
use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};

/// Alerts of each round of accepting, and in all of the burst that is mailed.
const ALERTS: usize = 2_000;
/// Rounds of each sort and program.
const ROUNDS: usize = 3;
/// Callers at once, the two sorts of rounds.
const CALLERS: [usize; 2] = [1, 64];
/// By [`CALLERS`]: how many times as many alerts the service is to accept in a second.
const ACCEPTED_TIMES: [f64; 2] = [5.0, 10.0];
/// How many times as many mails it is to send in a second.
const MAILED_TIMES: f64 = 5.0;
/// Private dirty memory after [`MANY`] alerts, in kB.
const MEMORY_BOUND_KB: f64 = 2048.0;
/// Alerts one at a time, from request to mail.
const SINGLE: usize = 100;
/// Alerts after which memory is looked at again.
const MANY: usize = 10_000;
/// Programs killed right after an acceptance.
const KILLS: usize = 10;
/// How long all mails of a burst may take.
const BURST_WAIT: Duration = Duration::from_secs(600);
/// How long after its start a program is idle.
const IDLE: Duration = Duration::from_secs(10);
/// How long an alert that was accepted before a kill is waited for.
const TOLD_WAIT: Duration = Duration::from_secs(15);

/// A program that takes alerts and mails them.
trait Peer {
    fn name(&self) -> &'static str;
    /// How alerts are handed to it.
    fn way(&self) -> Way;
    /// Where its mails arrive.
    fn outside(&self) -> &Outside;
    fn private_dirty_kb(&mut self) -> Fallible<f64>;
    fn kill(&mut self) -> Fallible<()>;
    /// Starts it and waits until it takes alerts.
    fn start(&mut self) -> Fallible<()>;
}

/// What was measured of one program.
#[derive(Default)]
struct Measured {
    /// By [`CALLERS`]: alerts a second, round by round.
    rates: [Vec<f64>; CALLERS.len()],
    /// From request to mail.
    singles: Vec<Duration>,
    /// By [`CALLERS`]: mails a second, of all alerts of a round.
    mailed: [Vec<f64>; CALLERS.len()],
    /// Idle, and after [`Measured::alerts`].
    memory_kb: [f64; 2],
    alerts: usize,
    told: usize,
    kills: usize,
}

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    keepalived::available()?;
    let mut figures = accepting(options)?;
    figures.extend(cut::run(options)?);
    Ok(figures)
}

/// The service and Alertmanager.
fn accepting(options: &Options) -> Fallible<Vec<Figure>> {
    let mut peers: [Box<dyn Peer>; 2] =
        [Box::new(Ours::up(options)?), Box::new(Alertmanager::up()?)];
    let mut measured: [Measured; 2] = Default::default();
    interrupt::pause(IDLE)?;
    for (peer, measured) in peers.iter_mut().zip(&mut measured) {
        measured.memory_kb[0] = peer.private_dirty_kb()?;
    }
    let scale = options
        .runs()
        .map_or(1.0, |runs| (runs as f64 / SINGLE as f64).min(1.0));
    let some = |usual: usize| ((usual as f64 * scale) as usize).max(CALLERS[1]);
    for round in 0..ROUNDS {
        for turn in 0..2 {
            // Who is first changes from round to round.
            let at = (round + turn) % 2;
            let (peer, measured) = (&peers[at], &mut measured[at]);
            for (sort, callers) in CALLERS.iter().enumerate() {
                let burst = Burst::send(&**peer, *callers, some(ALERTS))?;
                measured.alerts += burst.alerts;
                let rate = |time: Duration| burst.alerts as f64 / time.as_secs_f64();
                measured.rates[sort].push(rate(burst.accepted_in));
                measured.mailed[sort].push(rate(burst.wait_mails(&**peer)?));
            }
        }
    }
    for number in 0..options.runs_or(SINGLE).min(SINGLE) {
        for turn in 0..2 {
            let at = (number + turn) % 2;
            interrupt::pause(jitter(number) / 16)?;
            measured[at].singles.push(single(&*peers[at], number)?);
        }
    }
    for (peer, measured) in peers.iter_mut().zip(&mut measured) {
        let rest = some(MANY).saturating_sub(measured.alerts);
        if rest > 0 {
            let burst = Burst::send(&**peer, CALLERS[1], rest)?;
            burst.wait_mails(&**peer)?;
            measured.alerts += burst.alerts;
        }
        interrupt::pause(IDLE)?;
        measured.memory_kb[1] = peer.private_dirty_kb()?;
        for number in 0..KILLS.min(options.runs_or(KILLS)) {
            measured.kills += 1;
            measured.told += usize::from(killed(&mut **peer, number)?);
        }
    }
    let named = peers.iter().map(|peer| peer.name()).zip(&measured);
    let mut figures: Vec<Figure> = named.flat_map(|(name, one)| one.figures(name)).collect();
    figures.extend(ratios(&measured));
    Ok(figures)
}

/// How many times as much as Alertmanager the service does, by the medians.
fn ratios([ours, theirs]: &[Measured; 2]) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut times = |what: String, ours: &[f64], theirs: &[f64], floor: Option<f64>| {
        let median = |values: &[f64]| Figure::new("", "", values.to_vec()).value(Stat::Median);
        let ratio = median(ours) / median(theirs);
        let figure = Figure::new(format!("peers: {what}"), "x", vec![ratio]);
        figures.push(match floor {
            Some(floor) => figure.at_least(Stat::Median, floor),
            None => figure,
        });
    };
    for (sort, callers) in CALLERS.iter().enumerate() {
        let what = format!("accepted with {callers} callers, times Alertmanager's");
        let floor = Some(ACCEPTED_TIMES[sort]);
        times(what, &ours.rates[sort], &theirs.rates[sort], floor);
        // Of one caller's alerts no more are mailed in a second than are accepted.
        let what = format!("mailed with {callers} callers, times Alertmanager's");
        let floor = (*callers > 1).then_some(MAILED_TIMES);
        times(what, &ours.mailed[sort], &theirs.mailed[sort], floor);
    }
    figures
}

/// Many alerts at once.
struct Burst {
    alerts: usize,
    begun: Instant,
    accepted_in: Duration,
    words: String,
}

impl Burst {
    /// Sends them by several callers, each of which waits for the answer before its next alert.
    fn send(peer: &dyn Peer, callers: usize, alerts: usize) -> Fallible<Burst> {
        interrupt::check()?;
        let words = format!("burst-{}-{callers}-", peer.outside().mail_count());
        let each = alerts / callers;
        let mut all: Vec<Caller> = Vec::new();
        for _ in 0..callers {
            all.push(Caller::new(&peer.way())?);
        }
        let begun = Instant::now();
        let threads: Vec<_> = all
            .into_iter()
            .enumerate()
            .map(|(at, mut caller)| {
                let words = words.clone();
                std::thread::spawn(move || {
                    (0..each)
                        .try_for_each(|number| caller.accept(&format!("{words}{at}-{number}-")))
                })
            })
            .collect();
        for thread in threads {
            let died = |_| Error("a caller panicked".into());
            thread.join().map_err(died)??;
        }
        Ok(Burst {
            alerts: each * callers,
            begun,
            accepted_in: begun.elapsed(),
            words,
        })
    }

    /// Waits until each has its mail. Tells how long that took from the first request on.
    fn wait_mails(&self, peer: &dyn Peer) -> Fallible<Duration> {
        let count = || {
            let mails = peer.outside().mails();
            let subjects = mails
                .iter()
                .rev()
                .take_while(|mail| mail.arrived >= self.begun);
            let about = subjects.filter_map(|mail| {
                let (_, rest) = mail.subject.split_once(&self.words)?;
                Some((rest.split_whitespace().next()?.to_owned(), mail.arrived))
            });
            let mut told = HashSet::new();
            let mut last = self.begun;
            for (word, arrived) in about {
                told.insert(word);
                last = last.max(arrived);
            }
            (told.len(), last)
        };
        let name = peer.name();
        let end = Instant::now() + BURST_WAIT;
        loop {
            interrupt::pause(Duration::from_millis(200))?;
            let (told, last) = count();
            if told >= self.alerts {
                return Ok(last - self.begun);
            }
            if Instant::now() > end {
                let all = self.alerts;
                return Err(Error(format!("{name}: {told} of {all} alerts were mailed")));
            }
        }
    }
}

/// One alert: from its request to its mail.
fn single(peer: &dyn Peer, number: usize) -> Fallible<Duration> {
    let words = format!("single-{number:04}-");
    let mut caller = Caller::new(&peer.way())?;
    let at = Instant::now();
    caller.accept(&words)?;
    let mail = mail_about(peer, &words, NOTICE_WAIT);
    Ok(mail.map_or(NOTICE_WAIT, |mail| mail.saturating_duration_since(at)))
}

fn mail_about(peer: &dyn Peer, words: &str, limit: Duration) -> Option<Instant> {
    let found = peer.outside().wait(limit, "a mail", |mails, _| {
        let mail = mails.iter().rev().find(|mail| mail.subject.contains(words));
        mail.map(|mail| mail.arrived)
    });
    found.ok()
}

/// Kills the program right after it has accepted an alert, and starts it again. Tells whether the alert was told.
fn killed(peer: &mut dyn Peer, number: usize) -> Fallible<bool> {
    interrupt::check()?;
    let words = format!("killed-{number:04}-");
    let mut caller = Caller::new(&peer.way())?;
    caller.accept(&words)?;
    peer.kill()?;
    peer.start()?;
    Ok(mail_about(peer, &words, TOLD_WAIT).is_some())
}

impl Measured {
    fn figures(&self, name: &str) -> Vec<Figure> {
        let title = |what: &str| format!("peers: {name}, {what}");
        // The bounds are the service's own promises.
        let bound = |figure: Figure, limit| match name {
            ours::NAME => figure.at_most(Stat::Max, limit),
            _ => figure,
        };
        let mut figures = Vec::new();
        for (sort, callers) in CALLERS.iter().enumerate() {
            let accepted = title(&format!("accepted with {callers} callers"));
            let mailed = title(&format!("mailed with {callers} callers"));
            figures.push(Figure::new(accepted, "/s", self.rates[sort].clone()));
            figures.push(
                Figure::new(mailed, "/s", self.mailed[sort].clone())
                    .with_note("from the first request of a burst to its last mail"),
            );
        }
        figures.push(Figure::of_times(title("request to mail"), &self.singles));
        let [idle, after] = self.memory_kb;
        figures.push(Figure::new(title("memory idle"), "kB", vec![idle]));
        let after = Figure::new(title("memory after many"), "kB", vec![after]).with_note(format!(
            "private dirty, 10 s after {} alerts in all",
            self.alerts
        ));
        figures.push(bound(after, MEMORY_BOUND_KB));
        let lost = (self.kills - self.told) as f64;
        let lost = Figure::new(title("untold after a kill"), "", vec![lost])
            .with_note(format!("of {}, each accepted right before", self.kills));
        figures.push(bound(lost, 0.0));
        figures
    }
}

/// The private dirty memory of a process, in kB.
fn private_dirty_kb(pid: &str) -> Fallible<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Private_Dirty:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or(Error("smaps_rollup has no Private_Dirty".into()))
}

/// Waits until a program takes alerts.
fn wait_ready(way: &Way, limit: Duration) -> Fallible<()> {
    until(limit, "alerts are taken", || {
        Caller::new(way)
            .and_then(|mut caller| caller.ask())
            .map_err(|error| error.0)
    })
}
