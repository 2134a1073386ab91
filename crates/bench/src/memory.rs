//! `memory`: private dirty memory of each daemon, idle and in a storm of alerts.
//!
//! Everything is on: two interconnects, lamps, syslog, mail by TLS with a throw-away authority.
//! Several callers raise alerts on one server through its command socket as fast as they are
//! accepted; the memory of all daemons is sampled until every mail is accepted, and after it.

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::options::Options;
use crate::raise::{accepted, request};
use crate::stage::{SERVERS, Stage, plan};
use noroshi_core::alert::Destinations;
use noroshi_daemon::control::Client;
use noroshi_sim::rig::{Error, Fallible};
use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

const ALERTS: u64 = 10_000;
/// Callers at once; each waits for the answer before its next alert.
const CALLERS: u64 = 8;
/// How long after the start is idle.
pub(crate) const IDLE: Duration = Duration::from_secs(10);
const SAMPLE: Duration = Duration::from_millis(100);
/// How long ten thousand mails may take.
const STORM_WAIT: Duration = Duration::from_secs(600);
/// kB as the kernel counts them: 1.0 MB is 1,024.
pub(crate) const IDLE_BOUND_KB: f64 = 1024.0;
const STORM_BOUND_KB: f64 = 2048.0;

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let mut stage = Stage::up_with_tls(plan(options))?;
    interrupt::pause(IDLE)?;
    let note = "one value per daemon, sv1 sends the mails; mail by TLS";
    let idle = Figure::new("memory: idle", "kB", sample(&mut stage)?)
        .at_most(Stat::Max, IDLE_BOUND_KB)
        .with_note(note);
    let mut figures = vec![idle];
    // On the server that sends, and on one that does not.
    for server in [0, SERVERS - 1] {
        figures.extend(storm(&mut stage, server)?);
    }
    Ok(figures)
}

fn storm(stage: &mut Stage, server: usize) -> Fallible<[Figure; 4]> {
    let name = crate::stage::name(server);
    let (mails, lines) = (stage.cluster.outside().mail_count(), stage.syslog.lines());
    let socket = stage.cluster.home(server).socket();
    let begin = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let socket = socket.clone();
            std::thread::spawn(move || raise_many(&socket, caller))
        })
        .collect();
    let mut peak = vec![0.0; SERVERS];
    let mut accepted_in = None;
    while stage.cluster.outside().mail_count() < mails + ALERTS {
        interrupt::pause(SAMPLE)?;
        for (peak, now) in peak.iter_mut().zip(sample(stage)?) {
            *peak = f64::max(*peak, now);
        }
        if accepted_in.is_none() && callers.iter().all(|caller| caller.is_finished()) {
            accepted_in = Some(begin.elapsed());
        }
        if begin.elapsed() > STORM_WAIT {
            break;
        }
    }
    let mailed_in = begin.elapsed();
    for caller in callers {
        caller
            .join()
            .map_err(|_| Error("a caller panicked".into()))??;
    }
    stage.settle()?;
    interrupt::pause(IDLE)?;
    let note = format!(
        "{ALERTS} alerts accepted in {:.1} s, mailed in {:.1} s",
        accepted_in.unwrap_or(mailed_in).as_secs_f64(),
        mailed_in.as_secs_f64(),
    );
    let unlogged = (ALERTS * SERVERS as u64).saturating_sub(stage.syslog.lines() - lines);
    let none = |title: &str, count: u64| {
        let title = format!("memory: storm on {name}, {title}");
        Figure::new(title, "", vec![count as f64]).at_most(Stat::Max, 0.0)
    };
    let bounded = |title: &str, values| {
        let title = format!("memory: storm on {name}, {title}");
        Figure::new(title, "kB", values).at_most(Stat::Max, STORM_BOUND_KB)
    };
    Ok([
        bounded("peak", peak).with_note(note),
        bounded("10 s after", sample(stage)?),
        none("mails lost, twins or others", stray_mails(stage, begin)),
        none("syslog lines lost", unlogged),
    ])
}

/// Mails since `begin` that are missing, second copies of one Message-ID, or about something else
/// than the storm: those are listed on standard error.
fn stray_mails(stage: &Stage, begin: Instant) -> u64 {
    let mails = stage.cluster.mails();
    let mut ids = HashSet::new();
    let mut stray = 0;
    for mail in mails.iter().filter(|mail| mail.arrived >= begin) {
        if !mail.subject.contains("in a storm of alerts") {
            eprintln!("memory: not of the storm: {}", mail.subject);
            stray += 1;
        } else if !ids.insert(mail.header("message-id")) {
            eprintln!("memory: a second copy: {}", mail.subject);
            stray += 1;
        }
    }
    stray + ALERTS.saturating_sub(ids.len() as u64)
}

/// One caller's share of the alerts.
fn raise_many(socket: &Path, caller: u64) -> Fallible<()> {
    let told = |trouble| Error::doing("raise", trouble);
    let mut client = Client::connect(socket).map_err(told)?;
    let everywhere = Destinations {
        alert: true,
        syslog: true,
        mail: true,
        ..Destinations::default()
    };
    for number in 0..ALERTS / CALLERS {
        interrupt::check()?;
        let text = format!("Alert {number} of caller {caller} in a storm of alerts.");
        accepted(client.change(request(&text, everywhere)).map_err(told)?)?;
    }
    Ok(())
}

/// The private dirty memory of each daemon, in kB.
pub(crate) fn sample(stage: &mut Stage) -> Fallible<Vec<f64>> {
    (0..SERVERS)
        .map(|server| Ok(stage.cluster.daemon(server).private_dirty_kb()? as f64))
        .collect()
}
