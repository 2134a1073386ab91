//! `push`: how soon a pushed configuration is in force on all servers, and whether notices mind.
//!
//! Every push is another set: another subject of the mails, and ten scripts of 4 kB. The servers take
//! turns in pushing. Once on a quiet cluster of three and of nine servers; then a thousand times under a
//! steady load of alerts, whose mails are compared with those of the same load without pushes.

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::load::Load;
use crate::options::Options;
use crate::stage::{SERVERS, Stage, jitter};
use noroshi_sim::rig::{Cluster, Error, Fallible};
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

const RUNS: usize = 100;
const BOUND_MS: f64 = 1000.0;
/// The larger cluster.
const MANY: usize = 9;
const RUNS_OF_MANY: usize = 30;
const BOUND_OF_MANY_MS: f64 = 2000.0;
/// Under load.
const RUNS_LOADED: usize = 1000;
/// How long the load lasts without pushes.
const CALM: Duration = Duration::from_secs(60);
/// The bounds of `raise` hold for every alert.
const NOTICE_MEDIAN_MS: f64 = 10.0;
/// See [`NOTICE_MEDIAN_MS`].
const NOTICE_P99_MS: f64 = 50.0;
/// Pause between two looks at whether a push is in force: no figure is sharper than this, and looking
/// more often would take time from the servers.
const LOOK: Duration = Duration::from_millis(5);
/// How long a push may take until it counts as failed.
const PUSH_WAIT: Duration = Duration::from_secs(15);
const SCRIPTS: usize = 10;
const SCRIPT_BYTES: usize = 4096;

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let stage = Stage::up(options)?;
    let mut figures = quiet(&stage, options.runs_or(RUNS), BOUND_MS)?;
    figures.extend(loaded(&stage, options.runs_or(RUNS_LOADED))?);
    drop(stage);
    let stage = Stage::up_of(options, MANY)?;
    let runs = options.runs_or(RUNS_OF_MANY);
    figures.extend(quiet(&stage, runs, BOUND_OF_MANY_MS)?);
    Ok(figures)
}

/// Pushes on a cluster that has nothing else to do.
fn quiet(stage: &Stage, runs: usize, bound_ms: f64) -> Fallible<Vec<Figure>> {
    let servers = stage.cluster.len();
    let mut pushes = Pushes::on(&stage.cluster)?;
    let (mut in_force, mut ended) = (Vec::new(), Vec::new());
    for run in 0..runs {
        interrupt::pause(jitter(run) / 4)?;
        pushes.save()?;
        let (all, command) = pushes.watched(run % servers)?;
        in_force.push(all);
        ended.push(command);
    }
    let title = format!("push: in force on {servers} servers");
    Ok(vec![
        Figure::of_times(title, &in_force)
            .at_most(Stat::Max, bound_ms)
            .with_note("looked at every 5 ms"),
        Figure::of_times(format!("push: the command, {servers} servers"), &ended),
    ])
}

/// The same load of alerts without and with pushes.
fn loaded(stage: &Stage, runs: usize) -> Fallible<Vec<Figure>> {
    let load = Load::begin(stage, "calm");
    interrupt::pause(CALM)?;
    let calm = load.end(stage)?;
    let mut pushes = Pushes::on(&stage.cluster)?;
    let load = Load::begin(stage, "pushed");
    let begin = Instant::now();
    let mut failed = 0;
    for run in 0..runs {
        interrupt::check()?;
        pushes.save()?;
        failed += usize::from(!pushes.unwatched(run % SERVERS)?);
    }
    let took = begin.elapsed().as_secs_f64();
    let pushed = load.end(stage)?;
    let differ = pushes.differing()?;
    let delays = |title: &str, delays: &[Duration]| {
        Figure::of_times(format!("push: alert to mail, {title}"), delays)
            .at_most(Stat::Median, NOTICE_MEDIAN_MS)
            .at_most(Stat::P99, NOTICE_P99_MS)
    };
    let none = |title: &str, count: usize| {
        Figure::new(format!("push: {title}"), "", vec![count as f64]).at_most(Stat::Max, 0.0)
    };
    let mut figures = vec![
        delays("without pushes", calm.delays()),
        delays("during pushes", pushed.delays()).with_note(format!("{runs} pushes in {took:.0} s")),
        none("pushes that failed", failed),
        none("servers without the last set", differ),
    ];
    figures.extend(calm.figures("push: without"));
    figures.extend(pushed.figures("push: during"));
    Ok(figures)
}

/// Makes sets and pushes them.
struct Pushes<'a> {
    cluster: &'a Cluster,
    dir: PathBuf,
    /// The number of the set in force.
    number: u64,
}

impl Pushes<'_> {
    fn on(cluster: &Cluster) -> Fallible<Pushes<'_>> {
        let dir = cluster.dir().join("pushed");
        fs::create_dir_all(dir.join("scripts"))?;
        fs::copy(cluster.home(0).conf(), dir.join("clp.conf"))?;
        let number = own_set(cluster, 0)?.unwrap_or(0);
        Ok(Pushes {
            cluster,
            dir,
            number,
        })
    }

    /// Saves another set than the one in force.
    fn save(&self) -> Fallible<()> {
        let next = format!("Set {}", self.number + 1);
        for script in 0..SCRIPTS {
            let head = format!("#!/bin/sh\n# {next}\n");
            let text = head.clone() + &"#".repeat(SCRIPT_BYTES - head.len() - 1) + "\n";
            fs::write(self.dir.join(format!("scripts/exec{script}.sh")), text)?;
        }
        let file = self.dir.join("clp.conf");
        let file = file.to_string_lossy();
        let set = ["config", "set", "/root/cluster/mail/subject", &next];
        self.cluster
            .command(0, &[&set[..], &["--file", &file]].concat())?;
        Ok(())
    }

    fn words(&self) -> [String; 5] {
        let dir = self.dir.to_string_lossy().into_owned();
        [
            "clpcfctrl".into(),
            "--push".into(),
            "-l".into(),
            "-x".into(),
            dir,
        ]
    }

    /// Pushes, and tells how long after the start of the command every server said that the set is in
    /// force there, and when the command had ended.
    fn watched(&mut self, from: usize) -> Fallible<(Duration, Duration)> {
        let words = self.words();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = self.cluster.launch(from).command(&words);
        let clients = (0..self.cluster.len()).map(|server| self.cluster.client(server));
        let mut waiting = clients.collect::<Fallible<Vec<_>>>()?;
        let wanted = Some(self.number + 1);
        let begin = Instant::now();
        let mut command = command.stdout(Stdio::null()).spawn()?;
        let mut ended = None;
        let in_force = loop {
            let mut left = Vec::new();
            for mut client in waiting {
                let told = |trouble| Error::doing("status", trouble);
                let status = client.status().map_err(told)?;
                let own = status.servers.iter().find(|server| server.own);
                if own.is_none_or(|own| own.set != wanted) {
                    left.push(client);
                }
            }
            waiting = left;
            if ended.is_none() && command.try_wait()?.is_some() {
                ended = Some(begin.elapsed());
            }
            if waiting.is_empty() {
                break begin.elapsed();
            }
            if begin.elapsed() > PUSH_WAIT {
                command.kill()?;
                break PUSH_WAIT;
            }
            std::thread::sleep(LOOK);
        };
        let status = command.wait()?;
        if !status.success() {
            return Err(Error(format!("clpcfctrl --push: {status}")));
        }
        self.number += 1;
        Ok((in_force, ended.unwrap_or_else(|| begin.elapsed())))
    }

    /// Pushes; false if the push failed.
    fn unwatched(&mut self, from: usize) -> Fallible<bool> {
        let words = self.words();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = self.cluster.run(from, &words)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            eprintln!("push: set {}: {}", self.number + 1, said.trim_end());
            // It may have been put in force all the same.
            self.number = own_set(self.cluster, from)?.unwrap_or(0);
            return Ok(false);
        }
        self.number += 1;
        Ok(true)
    }

    /// How many servers have another set in force than the last one.
    fn differing(&self) -> Fallible<usize> {
        let mut differing = 0;
        for server in 0..self.cluster.len() {
            let set = own_set(self.cluster, server)?;
            if set != Some(self.number) {
                eprintln!("push: server {server} has {set:?}, not {}", self.number);
                differing += 1;
            }
        }
        Ok(differing)
    }
}

/// The number of the set that a server has in force.
fn own_set(cluster: &Cluster, server: usize) -> Fallible<Option<u64>> {
    let status = cluster.status(server)?;
    Ok(status.servers[server].set)
}
