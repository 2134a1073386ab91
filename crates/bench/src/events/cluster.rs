//! Whether a real Pacemaker is slower for our agent.
//!
//! A hundred resources move from one node to the other: two hundred operations, as many events, begun by one change of the
//! configuration. Measured is the time until the last one has started over there, which its file in the node shows. Rounds
//! with our agent, with it but no service that listens, with Pacemaker's own sample that writes a line to a file, and
//! without any take turns.

use super::paced::number_in;
use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::options::Options;
use crate::stage::{Stage, plan};
use noroshi_daemon::control::AlertLine;
use noroshi_sim::rig::{Error, Fallible, Pacemaker, until};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const RESOURCES: usize = 100;
/// Rounds of each sort.
const ROUNDS: usize = 6;
/// Between these nodes they move; the third one has the rig's own group.
const NODES: [usize; 2] = [1, 2];
/// How long one round may take, on a busy machine.
const ROUND_WAIT: Duration = Duration::from_secs(120);
/// How long the alerts of a round may take: the next look that nothing asks for comes within half a minute.
const TOLD_WAIT: Duration = Duration::from_secs(60);
/// How often the alert view is read.
const ASK: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(2);

/// Which agent Pacemaker calls, and the section of the configuration that says so. Ours alone hands over in a directory
/// that no service reads: the rest of what our agent costs is the service, which looks at the cluster and tells.
const SORTS: [(&str, &str); 4] = [
    ("no agent", "<alerts/>"),
    (
        "our agent",
        "<alerts><alert id=\"noroshi\" path=\"/run/noroshi-pacemaker-alert\">\
         <recipient id=\"noroshi-dir\" value=\"/run/noroshi\"/></alert></alerts>",
    ),
    (
        "our agent alone",
        "<alerts><alert id=\"noroshi\" path=\"/run/noroshi-pacemaker-alert\">\
         <recipient id=\"noroshi-dir\" value=\"@AWAY@\"/></alert></alerts>",
    ),
    (
        "a sample",
        "<alerts><alert id=\"file\" path=\"/usr/share/pacemaker/alerts/alert_file.sh.sample\">\
         <recipient id=\"file-to\" value=\"/var/log/pacemaker/bench-alerts\"/></alert></alerts>",
    ),
];
/// Ours among them.
const OURS: usize = 1;

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let install = |why| Error(format!("{why}; cargo xtask setup installs what it takes"));
    Pacemaker::available().map_err(install)?;
    let rounds = options.runs().unwrap_or(ROUNDS).clamp(1, ROUNDS);
    let mut scene = Scene::up(options)?;
    let mut times: [Vec<Duration>; SORTS.len()] = Default::default();
    let mut untold = 0;
    for round in 0..rounds * SORTS.len() {
        interrupt::check()?;
        // Each sort is the first of its round as often as the others.
        let sort = (round + round / SORTS.len()) % SORTS.len();
        scene.set_agent(SORTS[sort].1)?;
        scene.wait_seen()?;
        let before = scene.alerts()?;
        times[sort].push(scene.turn()?);
        if sort == OURS {
            untold += RESOURCES.saturating_sub(scene.told_since(before)?);
        }
    }
    let left = scene.left_on_disk()?;
    let mut figures: Vec<Figure> = SORTS
        .iter()
        .zip(&times)
        .map(|((sort, _), times)| {
            let name = format!("events: {} operations, {sort}", 2 * RESOURCES);
            Figure::of_times(name, times)
        })
        .collect();
    let differences = times[OURS].iter().zip(&times[0]);
    let more = differences.map(|(with, without)| with.as_secs_f64() - without.as_secs_f64());
    let each = more
        .map(|more| more * 1e3 / (2 * RESOURCES) as f64)
        .collect();
    figures.push(
        Figure::new("events: an operation more with our agent", "ms", each)
            .with_note("by round: the time with it less the time without, for one operation"),
    );
    let none = |what: &str, count: usize| {
        Figure::new(format!("events: real, {what}"), "", vec![count as f64]).at_most(Stat::Max, 0.0)
    };
    figures.push(none("moves without an alert", untold));
    figures.push(none("events left on disk", left));
    Ok(figures)
}

struct Scene {
    stage: Stage,
    /// Where the resources are, of [`NODES`].
    at: usize,
}

impl Scene {
    fn up(options: &Options) -> Fallible<Scene> {
        let mut scene = Scene {
            stage: Stage::prepare(plan(options).pacemaker())?.start()?,
            at: 0,
        };
        // Pacemaker's user goes through it.
        fs::set_permissions(scene.stage.cluster.dir(), Permissions::from_mode(0o711))?;
        let mut text = String::from("<configuration><resources>");
        for number in 0..RESOURCES {
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "<primitive id=\"bench-{number:04}\" class=\"ocf\" provider=\"rig\" type=\"Service\"/>"
            );
        }
        let _ = write!(text, "</resources>{}</configuration>", scene.place());
        scene.load(&text)?;
        scene.wait_there()?;
        Ok(scene)
    }

    /// Where our agent hands over to nobody.
    fn away(&self) -> PathBuf {
        self.stage.cluster.dir().join("away")
    }

    fn load(&self, text: &str) -> Fallible<()> {
        let words = ["cibadmin", "-M", "--allow-create", "-X", text];
        self.stage.cluster.run_in_node(0, &words).map(drop)
    }

    /// The part of the configuration that says where the resources run.
    fn place(&self) -> String {
        let node = crate::stage::name(NODES[self.at]);
        format!(
            "<constraints><rsc_location id=\"bench\" rsc-pattern=\"bench-.*\" node=\"{node}\" \
             score=\"INFINITY\"/></constraints>"
        )
    }

    fn set_agent(&self, alerts: &str) -> Fallible<()> {
        let cluster = &self.stage.cluster;
        let away = self.away();
        if away.exists() {
            fs::remove_dir_all(&away)?;
        }
        fs::create_dir(&away)?;
        fs::set_permissions(&away, Permissions::from_mode(0o777))?;
        let alerts = alerts.replace("@AWAY@", &away.to_string_lossy());
        cluster.run_in_node(0, &["cibadmin", "-R", "-o", "alerts", "-X", &alerts])?;
        cluster.wait_settled(0)
    }

    /// Moves all of them to the other node. Tells how long that took.
    fn turn(&mut self) -> Fallible<Duration> {
        self.at = 1 - self.at;
        let text = format!("<configuration>{}</configuration>", self.place());
        let begin = Instant::now();
        self.load(&text)?;
        self.wait_there()?;
        let took = begin.elapsed();
        self.stage.cluster.wait_settled(0)?;
        Ok(took)
    }

    fn wait_there(&mut self) -> Fallible<()> {
        let end = Instant::now() + ROUND_WAIT;
        loop {
            interrupt::check()?;
            let there = self.running(NODES[self.at])?;
            let elsewhere = self.running(NODES[1 - self.at])?;
            if (there, elsewhere) == (RESOURCES, 0) {
                return Ok(());
            }
            if Instant::now() > end {
                let picture = self.stage.cluster.crm_mon(0);
                return Err(Error(format!(
                    "not within {ROUND_WAIT:?}: {there} of {RESOURCES} resources have moved\n{picture}"
                )));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// How many of them run at a node: the files that they make there.
    fn running(&mut self, server: usize) -> Fallible<usize> {
        let first = self.stage.cluster.corosync(server).holder();
        let files = fs::read_dir(format!("/proc/{first}/root/run/resource-agents"))?;
        let names = files.map_while(Result::ok).map(|file| file.file_name());
        Ok(names
            .filter(|name| name.to_string_lossy().starts_with("rig-bench-"))
            .count())
    }

    /// Waits until every service has seen where the resources are: without an agent that may take it half a minute, and of
    /// a way there and back in one look there is nothing to tell.
    fn wait_seen(&self) -> Fallible<()> {
        let node = crate::stage::name(NODES[self.at]);
        let cluster = &self.stage.cluster;
        until(TOLD_WAIT, "the services see the resources", || {
            for server in 0..cluster.len() {
                let status = cluster.status(server).map_err(|error| error.0)?;
                let groups = status.pacemaker.map(|seen| seen.groups).unwrap_or_default();
                let ours = groups
                    .iter()
                    .filter(|group| number_in(&group.name).is_some());
                let there = ours.filter(|group| group.current == [node.clone()]).count();
                if there < RESOURCES {
                    return Err(format!("server {server} sees {there} of them at {node}"));
                }
            }
            Ok(())
        })
    }

    /// How many alerts the first server's view has.
    fn alerts(&self) -> Fallible<usize> {
        Ok(self.stage.cluster.alerts(0)?.len())
    }

    /// Of how many of the resources the move was told by an alert that was not among the first `before`. What was told
    /// of the others instead is listed on standard error.
    fn told_since(&self, before: usize) -> Fallible<usize> {
        let to = crate::stage::name(NODES[self.at]);
        let end = Instant::now() + TOLD_WAIT;
        loop {
            let mut alerts = self.stage.cluster.alerts(0)?;
            let new: Vec<AlertLine> = alerts.drain(before.min(alerts.len())..).collect();
            let moves = new.iter().filter(|alert| is_move(&alert.text, &to));
            let moved: BTreeSet<usize> = moves.filter_map(|alert| number_in(&alert.text)).collect();
            // What has not come by then is not told; the figure says so.
            let over = Instant::now() > end;
            if moved.len() == RESOURCES || over {
                let is_odd = |alert: &&AlertLine| {
                    over && number_in(&alert.text).is_some_and(|number| !moved.contains(&number))
                };
                for alert in new.iter().filter(is_odd) {
                    eprintln!("events-cluster: instead of a move: {}", alert.text);
                }
                return Ok(moved.len());
            }
            interrupt::pause(ASK)?;
        }
    }

    /// How many events wait on disk that should have been taken by now, on all servers.
    fn left_on_disk(&self) -> Fallible<usize> {
        let count = || {
            let mut count = 0;
            for server in 0..self.stage.cluster.len() {
                let files = fs::read_dir(self.stage.cluster.home(server).pacemaker())?;
                let names = files.map_while(Result::ok).map(|file| file.file_name());
                count += names
                    .filter(|name| name.to_string_lossy().ends_with(".report"))
                    .count();
            }
            Fallible::Ok(count)
        };
        let _ = until(TOLD_WAIT, "no event waits", || match count() {
            Ok(0) => Ok(()),
            other => Err(format!("{other:?}")),
        });
        count()
    }
}

/// Whoever moved it and why: what is slow is not taken for a person's deed.
fn is_move(text: &str, to: &str) -> bool {
    text.contains("Group bench-") && text.contains(&format!(" to server {to}"))
}
