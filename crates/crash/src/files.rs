//! Programs that write for the daemon, killed at each call: what they replace is the old one or the new one, whole.
//!
//! *Use.* [`run`] kills each of [`ERRANDS`] at each of its points, runs it again to its end, and looks: no file
//! in between is half, and of what the kill left behind nothing stays.

use crate::balance::Balance;
use crate::tracer::{End, Orders, Point, Traced};
use noroshi_daemon::home::Home;
use noroshi_sim::rig::{Cluster, Error, Fallible, Lamps, Plan};
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

/// How long one command may take.
const COMMAND_WAIT: Duration = Duration::from_secs(30);

/// What a program does in a home without a daemon.
struct Errand {
    name: &'static str,
    arguments: fn(&Home) -> Vec<String>,
    environment: fn(&Home) -> Vec<(&'static str, String)>,
    /// Makes what must be there before.
    prepare: fn(&Cluster) -> Fallible<()>,
    /// The text of all that it may change, if that is whole.
    state: fn(&Home) -> Result<String, String>,
    /// It runs again over its own result.
    again: bool,
}

const ERRANDS: [Errand; 5] = [
    Errand {
        name: "key new --force",
        arguments: |_| words(&["key", "new", "--force"]),
        environment: |_| Vec::new(),
        prepare: |_| Ok(()),
        state: key,
        again: true,
    },
    Errand {
        name: "config set",
        arguments: |_| words(&["config", "set", "/root/cluster/mail/subject", "New"]),
        environment: |_| Vec::new(),
        prepare: |_| Ok(()),
        state: settings,
        again: true,
    },
    Errand {
        name: "clplogcf",
        arguments: |_| words(&["clplogcf", "-t", "mail", "-l", "8"]),
        environment: |_| Vec::new(),
        prepare: |cluster| Ok(cluster.home(0).prepare()?),
        state: levels,
        again: true,
    },
    Errand {
        name: "clplcnsc -i",
        arguments: |home| {
            let file = home.etc().join("1.licence").display().to_string();
            words(&["clplcnsc", "-i", &file, "-p", "ALRT10"])
        },
        environment: |_| vec![("NOROSHI_SERVER", "sv1".into())],
        prepare: crate::licence::prepare,
        state: crate::licence::state,
        again: false,
    },
    Errand {
        name: "pacemaker-alert",
        arguments: |_| words(&["pacemaker-alert"]),
        environment: crate::pacemaker::failed_monitor,
        prepare: crate::pacemaker::prepare,
        state: crate::pacemaker::state,
        again: true,
    },
];

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Kills each program at each of its points.
///
/// # Errors
/// When a rig cannot be built, or a program does not do its errand even without a kill.
pub(crate) fn run(executable: &Path, balance: &mut Balance) -> Fallible<()> {
    for errand in &ERRANDS {
        let points = record(executable, errand)?;
        for point in &points {
            let faults = kill_at(executable, errand, point)?;
            balance.add(errand.name, Some(point), faults);
        }
        eprintln!("{}: {} points", errand.name, points.len());
    }
    Ok(())
}

fn rig(executable: &Path, errand: &Errand) -> Fallible<Cluster> {
    let cluster = Plan::new(executable)
        .servers(1)
        .lamps(Lamps::None)
        .prepare()?;
    (errand.prepare)(&cluster)?;
    Ok(cluster)
}

fn launch(cluster: &Cluster, errand: &Errand, kill_at: Option<Point>) -> Fallible<Traced> {
    let home = cluster.home(0);
    let arguments = (errand.arguments)(&home);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let out = File::options()
        .create(true)
        .append(true)
        .open(out(cluster))?;
    let orders = Orders {
        kill_at,
        faults: Vec::new(),
    };
    let environment = (errand.environment)(&home);
    let launch = cluster.launch(0);
    Traced::spawn(launch, &arguments, &environment, out, Vec::new(), orders)
}

/// Below the home, so that its name is the same in each run.
fn out(cluster: &Cluster) -> std::path::PathBuf {
    cluster.launch(0).home.join("out")
}

fn record(executable: &Path, errand: &Errand) -> Fallible<Vec<Point>> {
    let cluster = rig(executable, errand)?;
    let traced = launch(&cluster, errand, None)?;
    finished(&cluster, errand, &traced)?;
    Ok(traced.passed())
}

fn finished(cluster: &Cluster, errand: &Errand, traced: &Traced) -> Fallible<()> {
    match traced.wait_end(COMMAND_WAIT)? {
        End::Code(0) => Ok(()),
        end => {
            let said = fs::read_to_string(out(cluster)).unwrap_or_default();
            Err(Error(format!("{}: {end:?}\n{said}", errand.name)))
        }
    }
}

/// What is wrong after a kill at `point`.
fn kill_at(executable: &Path, errand: &Errand, point: &Point) -> Fallible<Vec<String>> {
    let cluster = rig(executable, errand)?;
    let home = cluster.home(0);
    let mut faults = Vec::new();
    let before = (errand.state)(&home);
    let traced = launch(&cluster, errand, Some(point.clone()))?;
    let end = traced.wait_end(COMMAND_WAIT)?;
    if !matches!(end, End::Signal(_)) {
        faults.push(format!("the point was not reached: {end:?}"));
    }
    // The old one, or a new one: that it is whole is for `state` to say.
    if let Err(half) = (errand.state)(&home) {
        faults.push(format!("after the kill: {half}, before it {before:?}"));
    }
    let traced = launch(&cluster, errand, None)?;
    if let Err(error) = finished(&cluster, errand, &traced) {
        // Done before the kill, some say so.
        if errand.again || (errand.state)(&home) == before {
            faults.push(format!("again: {error}"));
        }
    }
    if let Err(half) = (errand.state)(&home) {
        faults.push(format!("done again: {half}"));
    }
    faults.extend(leftovers(&home.etc())?);
    faults.extend(leftovers(&home.var())?);
    Ok(faults)
}

/// What a program left behind when it was killed, and what nobody would ever remove: a name with its
/// number. One without is taken by the next writer.
fn leftovers(folder: &Path) -> Fallible<Vec<String>> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(found);
    };
    for entry in entries {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let number = name.rsplit_once(".new").map(|(_, number)| number);
        if number.is_some_and(|number| number.parse::<u32>().is_ok()) {
            found.push(format!("left behind: {}/{name}", folder.display()));
        }
    }
    Ok(found)
}

fn key(home: &Home) -> Result<String, String> {
    let key = home.read_key().map_err(|error| format!("key: {error}"))?;
    Ok(key.to_text().to_string())
}

fn settings(home: &Home) -> Result<String, String> {
    let text = fs::read_to_string(home.conf()).map_err(|error| format!("clp.conf: {error}"))?;
    noroshi_conf::read_with(text.as_bytes(), &mut |path, text| {
        home.open_secret(path, text)
    })
    .map_err(|findings| format!("clp.conf: {findings:?}"))?;
    Ok(text)
}

fn levels(home: &Home) -> Result<String, String> {
    match fs::read_to_string(home.log_levels()) {
        Ok(text) if text.ends_with('\n') => Ok(text),
        Ok(text) => Err(format!("half: {text:?}")),
        Err(_) => Ok(String::new()),
    }
}
