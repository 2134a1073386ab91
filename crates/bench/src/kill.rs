//! `kill`: a daemon's process is killed while its host lives.
//!
//! Measured from the signal to the lamp's red and to the mail's acceptance; and the books of the
//! same run: how many mails each killing made, told apart by their Message-ID.

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::options::Options;
use crate::stage::{NOTICE_WAIT, REST_WAIT, SERVERS, Stage, jitter, name};
use noroshi_core::notice::Channel;
use noroshi_daemon::control::AlertLine;
use noroshi_sim::rig::Fallible;
use std::collections::HashMap;
use std::time::Duration;

/// Runs; the books demand that many.
const RUNS: usize = 200;
const BOUND_MS: f64 = 300.0;
/// How long a late second copy of a mail is waited for.
const LATE_WAIT: Duration = Duration::from_secs(3);

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let runs = options.runs_or(RUNS);
    let mut stage = Stage::up(options)?;
    let (mut lamp_times, mut mail_times) = (Vec::new(), Vec::new());
    let mut restless = 0;
    for run in 0..runs {
        let victim = run % SERVERS;
        stage.lamps_out((victim + 1) % SERVERS)?;
        interrupt::pause(jitter(run))?;
        let at = stage.cluster.kill(victim)?;
        let red = stage.red_since(at, victim);
        let mail = stage.mail_since(at, &down(victim));
        lamp_times.push(red.map_or(NOTICE_WAIT, |red| red - at));
        mail_times.push(mail.map_or(NOTICE_WAIT, |mail| mail - at));
        if mail.is_none_or(|mail| (mail - at).as_secs_f64() * 1e3 > BOUND_MS) {
            tell_late(&stage, run, victim)?;
        }
        stage.cluster.start(victim)?;
        restless += usize::from(!stage.settle()?);
    }
    interrupt::pause(LATE_WAIT)?;
    let mut figures = vec![
        told("kill: lamp blinks red", &lamp_times, BOUND_MS),
        told("kill: mail accepted", &mail_times, BOUND_MS),
    ];
    figures.extend(books(&stage, runs));
    figures.push(rest(&stage, "kill", restless));
    Ok(figures)
}

/// A figure of times from a fault to a notice.
pub(crate) fn told(name: &str, times: &[Duration], bound_ms: f64) -> Figure {
    let lost = times.iter().filter(|time| **time >= NOTICE_WAIT).count();
    let bound = Duration::from_secs_f64(bound_ms / 1e3);
    let over = times.iter().filter(|time| **time > bound).count();
    let figure = Figure::of_times(name, times).at_most(Stat::P99, bound_ms);
    match over {
        0 => figure,
        over => figure.with_note(format!(
            "{over} over the bound, {lost} of them not within {NOTICE_WAIT:?}"
        )),
    }
}

/// Tells on standard error what a survivor has on record of the victim's last mail.
fn tell_late(stage: &Stage, run: usize, victim: usize) -> Fallible<()> {
    let alerts = stage.cluster.alerts((victim + 1) % SERVERS)?;
    let about = |alert: &&AlertLine| alert.text.starts_with(&down(victim));
    if let Some(alert) = alerts.iter().rev().find(about) {
        let mails = alert.notices.iter();
        let mails: Vec<_> = mails.filter(|one| one.channel == Channel::Mail).collect();
        eprintln!(
            "kill: late in run {run}: {:?} {}: {mails:?}",
            alert.time, alert.text
        );
    }
    Ok(())
}

/// How many runs left a notice that waits although nothing is ill any more; what waits is listed on
/// standard error.
pub(crate) fn rest(stage: &Stage, name: &str, restless: usize) -> Figure {
    if restless > 0 {
        eprintln!("{name}: not finished:\n{}", stage.unfinished());
    }
    let name = format!("{name}: runs after which a notice waits");
    Figure::new(name, "", vec![restless as f64])
        .at_most(Stat::Max, 0.0)
        .with_note(format!("{REST_WAIT:?} after all servers are up again"))
}

/// The subject's words about a server that is down.
pub(crate) fn down(server: usize) -> String {
    format!("Server {} is down", name(server))
}

fn books(stage: &Stage, kills: usize) -> [Figure; 2] {
    let mut copies: HashMap<String, usize> = HashMap::new();
    for mail in stage.cluster.mails() {
        if mail.subject.contains(" is down") {
            let id = mail.header("message-id").unwrap_or_default();
            *copies.entry(id).or_default() += 1;
        }
    }
    let faults = copies.len();
    let twins: usize = copies.values().map(|copies| copies - 1).sum();
    let note = format!("{kills} kills, {faults} Message-IDs, {twins} second copies of one");
    // A second Message-ID for one kill is a twin as well: the receiver cannot tell it.
    let twins = twins + faults.saturating_sub(kills);
    let lost = kills.saturating_sub(faults);
    [("kill: mails lost", lost), ("kill: twins", twins)].map(|(name, count)| {
        Figure::new(name, "", vec![count as f64])
            .at_most(Stat::Max, 0.0)
            .with_note(note.clone())
    })
}
