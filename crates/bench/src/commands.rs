//! `commands`: how long a command takes that somebody waits for, on a running cluster.
//!
//! From the start of the process to its end, so with the program's loading. The commands and the
//! servers take turns. The cluster has a registered licence and a filled alert view: `clplcnsc -l`
//! has a signature to check, `noroshi alerts` its usual 50 alerts to show.

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::options::Options;
use crate::raise::{accepted, request};
use crate::stage::{SERVERS, Stage, jitter, name};
use noroshi_core::alert::Destinations;
use noroshi_sim::rig::{Cluster, Error, Fallible, until};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

const RUNS: usize = 100;
/// The whole command.
const BOUND_MS: f64 = 20.0;
/// As many as `noroshi alerts` shows.
const ALERTS: usize = 50;
/// How long a server may take to read a signer's key.
const LICENCE_WAIT: Duration = Duration::from_secs(10);

/// What is run. The word `SERVER` becomes the name of the next server.
const COMMANDS: [&[&str]; 5] = [
    &["clplcnsc", "-l"],
    &["clpstat"],
    &["clpdn1000s", "-h", "SERVER"],
    &["status"],
    &["alerts"],
];

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let mut stage = Stage::up(options)?;
    license(&mut stage.cluster)?;
    let cluster = &stage.cluster;
    fill(cluster)?;
    stage.settle()?;
    let mut times: [Vec<Duration>; COMMANDS.len()] = Default::default();
    let mut empty = Vec::new();
    for run in 0..options.runs_or(RUNS) {
        interrupt::pause(jitter(run) / 8)?;
        let server = run % SERVERS;
        empty.push(timed(cluster, server, &["--version"])?);
        for (times, words) in times.iter_mut().zip(COMMANDS) {
            let next = name((server + 1) % SERVERS);
            let words: Vec<&str> = words
                .iter()
                .map(|word| if *word == "SERVER" { &next } else { *word })
                .collect();
            times.push(timed(cluster, server, &words)?);
        }
    }
    let mut figures = vec![
        Figure::of_times("commands: noroshi --version", &empty)
            .with_note("a process that asks nobody: the part of the machine in those below"),
    ];
    for (times, words) in times.iter().zip(COMMANDS) {
        let verb = if words[0].starts_with("clp") {
            ""
        } else {
            "noroshi "
        };
        let title = format!("commands: {verb}{}", words.join(" "));
        figures.push(Figure::of_times(title, times).at_most(Stat::P99, BOUND_MS));
    }
    Ok(figures)
}

fn timed(cluster: &Cluster, server: usize, words: &[&str]) -> Fallible<Duration> {
    let mut command = cluster.launch(server).command(words);
    // By its addresses this host is every server of the cluster.
    command.env("NOROSHI_SERVER", name(server));
    command.stdout(Stdio::null());
    let begin = Instant::now();
    let status = command.status()?;
    let took = begin.elapsed();
    match status.success() {
        true => Ok(took),
        false => Err(Error(format!("{}: {status}", words.join(" ")))),
    }
}

/// Makes a signer whom all servers trust, and registers a licence of his for all of them.
fn license(cluster: &mut Cluster) -> Fallible<()> {
    let (issuer, out) = (cluster.dir().join("issuer"), cluster.dir().join("licences"));
    fs::create_dir(&issuer)?;
    fs::create_dir(&out)?;
    let (dir, to) = (issuer.to_string_lossy(), out.to_string_lossy());
    let servers = cluster.len().to_string();
    cluster.command(0, &["licence", "signer", "new", "--dir", &dir])?;
    let issue = [
        "licence",
        "issue",
        "--kind",
        "product",
        "--servers",
        &servers,
    ];
    cluster.command(0, &[&issue[..], &["--dir", &dir, "--out", &to]].concat())?;
    for server in 0..cluster.len() {
        let known = cluster.home(server).licence_signer();
        fs::copy(issuer.join("licence-signer.pub"), known)?;
        cluster.daemon(server).reload()?;
        // From then on it wants a licence.
        until(LICENCE_WAIT, "the signer's key is known", || {
            let status = cluster.status(server).map_err(|error| error.0)?;
            status.licence.map(drop).ok_or("no licence needed".into())
        })?;
    }
    let file = only_file(&out)?;
    let register = ["clplcnsc", "-i", &file.to_string_lossy(), "-p", "ALRT10"];
    timed(cluster, 0, &register)?;
    Ok(())
}

fn only_file(dir: &Path) -> Fallible<PathBuf> {
    let mut entries = fs::read_dir(dir)?;
    match (entries.next(), entries.next()) {
        (Some(file), None) => Ok(file?.path()),
        _ => Err(Error(format!("{}: not one file", dir.display()))),
    }
}

/// Fills the alert view, each alert with a mail.
fn fill(cluster: &Cluster) -> Fallible<()> {
    let told = Destinations {
        alert: true,
        mail: true,
        ..Destinations::default()
    };
    for number in 0..ALERTS {
        let mut client = cluster.client(number % SERVERS)?;
        let alert = request(&format!("Alert {number} to look at."), told);
        let reply = client.change(alert);
        accepted(reply.map_err(|trouble| Error::doing("raise", trouble))?)?;
    }
    Ok(())
}
