//! `raise`: from a script's alert to the mail's acceptance.
//!
//! Once from the start of the real command, once from the request on the command socket. The
//! servers take turns, so two of three alerts are raised where another server sends the mails.

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::machine;
use crate::options::Options;
use crate::stage::{NOTICE_WAIT, SERVERS, Stage, jitter, name};
use noroshi_core::alert::{Destinations, MessageId, Severity};
use noroshi_core::request::{Reply, Request};
use noroshi_sim::rig::{Error, Fallible};
use std::time::{Duration, Instant};

const RUNS: usize = 200;
const BOUND_MEDIAN_MS: f64 = 10.0;
const BOUND_P99_MS: f64 = 50.0;
const SYNCS: usize = 100;

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let stage = Stage::up(options)?;
    let runs = options.runs_or(RUNS);
    let synced = machine::sync_times(stage.cluster.dir(), SYNCS)?;
    let mut figures = vec![
        Figure::of_times("this disk: 4 kB written and synced", &synced)
            .with_note("three daemons and the bench share this disk"),
    ];
    let ways: [(&str, Raise); 2] = [
        ("raise: clplogcmd --mail", by_command),
        ("raise: command socket", by_socket),
    ];
    for (way, raise) in ways {
        let mut times: [Vec<Duration>; SERVERS] = Default::default();
        for run in 0..runs {
            let server = run % SERVERS;
            interrupt::pause(jitter(run) / 4)?;
            let text = format!("{way} run {run} end");
            let at = raise(&stage, server, &text)?;
            let mail = stage.mail_since(at, &text);
            times[server].push(mail.map_or(NOTICE_WAIT, |mail| mail - at));
        }
        figures.push(
            Figure::of_times(way, &times.concat())
                .at_most(Stat::Median, BOUND_MEDIAN_MS)
                .at_most(Stat::P99, BOUND_P99_MS),
        );
        for (server, times) in times.iter().enumerate() {
            let at = format!("{way} on {}", name(server));
            figures.push(Figure::of_times(at, times));
        }
    }
    drop(stage);
    figures.extend(answers(options, runs)?);
    Ok(figures)
}

/// How long the answer takes: from one server that is alone, and from one of three, which waits for a second
/// disk.
fn answers(options: &Options, runs: usize) -> Fallible<Vec<Figure>> {
    let silent = Destinations {
        alert: true,
        ..Destinations::default()
    };
    let mut figures = Vec::new();
    for (servers, way) in [
        (1, "raise: accepted by the only server"),
        (SERVERS, "raise: accepted, on a second disk too"),
    ] {
        let stage = Stage::up_of(options, servers)?;
        let (mut times, mut alone) = (Vec::new(), 0);
        for run in 0..runs {
            interrupt::pause(jitter(run) / 8)?;
            let mut client = stage.cluster.client(run % servers)?;
            let at = Instant::now();
            let reply = client.change(request(&format!("{way} run {run} end"), silent));
            times.push(at.elapsed());
            let reply = reply.map_err(|trouble| Error::doing("raise", trouble))?;
            let replicated = matches!(reply, Reply::Accepted { replicated, .. } if replicated);
            accepted(reply)?;
            alone += usize::from(!replicated);
        }
        figures.push(
            Figure::of_times(way, &times)
                .at_most(Stat::Median, BOUND_MEDIAN_MS)
                .at_most(Stat::P99, BOUND_P99_MS)
                .with_note(format!("{alone} of {runs} without a second server's word")),
        );
    }
    Ok(figures)
}

/// Raises an alert with this text on a server; tells when that began.
type Raise = fn(&Stage, usize, &str) -> Fallible<Instant>;

fn by_command(stage: &Stage, server: usize, text: &str) -> Fallible<Instant> {
    let at = Instant::now();
    stage
        .cluster
        .command(server, &["clplogcmd", "-m", text, "--mail"])?;
    Ok(at)
}

fn by_socket(stage: &Stage, server: usize, text: &str) -> Fallible<Instant> {
    let at = Instant::now();
    let mail_only = Destinations {
        mail: true,
        ..Destinations::default()
    };
    let reply = stage
        .cluster
        .client(server)?
        .change(request(text, mail_only));
    accepted(reply.map_err(|trouble| Error::doing("raise", trouble))?)?;
    Ok(at)
}

/// What `clplogcmd` asks for.
pub(crate) fn request(text: &str, destinations: Destinations) -> Request {
    Request::Raise {
        message: MessageId {
            module: "logcmd".into(),
            event: 1,
        },
        severity: Severity::Error,
        text: text.into(),
        destinations: Some(destinations),
    }
}

/// That the alert is on disk.
pub(crate) fn accepted(reply: Reply) -> Fallible<()> {
    match reply {
        Reply::Accepted { durable: true, .. } => Ok(()),
        other => Err(Error(format!("the alert was not taken: {other:?}"))),
    }
}
