//! The cluster of the demonstration: real daemons in a directory of their own, and what can happen
//! to them.
//!
//! *Use.* [`Stage::set`] opens lamps and inbox and starts the servers; [`Stage::happen`] lets
//! something happen; dropping it ends every process and removes the directory.
//!
//! *Failure.* A stage that cannot be set leaves nothing behind. Should this process be killed, the
//! servers notice it, remove the directory and end ([`super::server`]).

mod happen;

use super::child::ServerProcess;
use super::news::{News, Teller};
use super::plan::Plan;
use super::props::Props;
use super::server::{STAGE_PREFIX, sweep};
use super::watch;
use crate::console::{serve, setup_code};
use noroshi_core::request::{Reply, Request};
use noroshi_daemon::control::Client;
use noroshi_daemon::home::Home;
use noroshi_daemon::home::key::random_key;
use noroshi_wire::key::ClusterKey;
use std::collections::BTreeSet;
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// What has become of a server's process, as far as the demonstration brought it about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::demo) enum Life {
    /// It runs.
    Runs,
    /// It stands still.
    Suspended,
    /// It was asked to stop, and has not ended yet.
    Stopping,
    /// It stopped.
    Stopped,
    /// It was killed.
    Killed,
    /// It ended by itself.
    Failed,
}

impl Life {
    /// Whether there is a process that can be asked for something.
    pub(in crate::demo) fn has_process(self) -> bool {
        matches!(self, Life::Runs | Life::Suspended | Life::Stopping)
    }
}

/// The cluster at work.
#[derive(Debug)]
pub(in crate::demo) struct Stage {
    /// Names and addresses.
    pub(in crate::demo) plan: Plan,
    /// Where the console of the first server that runs is, with the code for its first user; empty without one.
    pub(in crate::demo) console: String,
    processes: Vec<Option<ServerProcess>>,
    lives: Vec<Life>,
    props: Props,
    /// Cut off, each server on all interconnects or on one.
    cuts: BTreeSet<(usize, Option<usize>)>,
    directory: Directory,
    tell: Teller,
}

/// A directory that is removed when this is dropped.
#[derive(Debug)]
struct Directory(PathBuf);

impl Directory {
    /// Makes a directory that only we can enter.
    fn new(number: u32) -> io::Result<Directory> {
        let name = format!("{STAGE_PREFIX}{}-{number:08x}", std::process::id());
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Directory(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        sweep(&self.0);
    }
}

impl Stage {
    /// Opens everything and starts the servers that are not absent. `number` tells this
    /// demonstration's directory from others'.
    ///
    /// # Errors
    /// When something cannot be opened, written or started; nothing is left then.
    pub(in crate::demo) fn set(plan: Plan, number: u32, tell: &Teller) -> io::Result<Stage> {
        let directory = Directory::new(number)?;
        let root = directory.0.clone();
        let syslog = root.join("syslog");
        let props = Props::open(&plan, &syslog, tell)?;
        let conf = plan.conf(&props.lamp_addresses(), props.inbox_address(), &syslog);
        let key = random_key().map_err(io::Error::other)?;
        for name in &plan.servers {
            furnish(&root.join(name), &conf, &key)?;
        }
        let servers = plan.servers.len();
        let first = (0..servers).find(|server| !plan.absent.contains(server));
        let console = first.map(|first| {
            let name = &plan.servers[first];
            console(&Home::at(root.join(name)), &conf, name)
        });
        let mut stage = Stage {
            processes: (0..servers).map(|_| None).collect(),
            lives: vec![Life::Stopped; servers],
            props,
            cuts: BTreeSet::new(),
            directory,
            console: console.transpose()?.unwrap_or_default(),
            tell: tell.clone(),
            plan,
        };
        for server in 0..servers {
            if !stage.plan.absent.contains(&server) {
                stage.start(server)?;
            }
            watch::follow(server, stage.home(server), tell.clone());
        }
        Ok(stage)
    }

    /// What has become of a server's process.
    pub(in crate::demo) fn life(&self, server: usize) -> Life {
        self.lives[server]
    }

    /// Whether a server is cut off on all interconnects.
    pub(in crate::demo) fn is_cut(&self, server: usize) -> bool {
        self.cuts.contains(&(server, None))
    }

    /// Notices processes that have ended; answers whether one had.
    pub(in crate::demo) fn look_after(&mut self) -> bool {
        let mut changed = false;
        for (process, life) in self.processes.iter_mut().zip(&mut self.lives) {
            if let Some(status) = process.as_mut().and_then(ServerProcess::ended) {
                *process = None;
                *life = match (*life, status.success()) {
                    (Life::Killed, _) => Life::Killed,
                    (_, true) => Life::Stopped,
                    (_, false) => Life::Failed,
                };
                changed = true;
            }
        }
        changed
    }

    /// What a server said last on its standard error.
    pub(in crate::demo) fn last_words(&self, server: usize) -> String {
        let file = self.home(server).join("log").join("stderr");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.lines().last().unwrap_or_default().to_owned()
    }

    /// Asks a server for a change; what it says comes as news.
    pub(in crate::demo) fn ask(&self, server: usize, request: Request) {
        let socket = Home::at(self.home(server)).socket();
        let (name, tell) = (self.plan.servers[server].clone(), self.tell.clone());
        std::thread::spawn(move || {
            let answer = Client::connect(&socket).and_then(|mut client| client.change(request));
            let said = match answer {
                Ok(Reply::Refused { why } | Reply::Overtaken { why, .. }) => why,
                Ok(
                    Reply::Accepted { .. }
                    | Reply::Done
                    | Reply::LicencesTold { .. }
                    | Reply::Pushed { .. },
                ) => return,
                Err(trouble) => trouble.to_string(),
            };
            // Nobody listens any more: the demonstration is over.
            let _ = tell.blocking_send(News::Said(format!("{name}: {said}")));
        });
    }

    fn start(&mut self, server: usize) -> io::Result<()> {
        if self.processes[server].is_some() {
            return Ok(());
        }
        let process = ServerProcess::start(&self.home(server), &self.plan.servers[server])?;
        self.processes[server] = Some(process);
        self.lives[server] = Life::Runs;
        Ok(())
    }

    fn kill(&mut self, server: usize) {
        if let Some(mut process) = self.processes[server].take() {
            process.kill();
        }
        self.lives[server] = Life::Killed;
    }

    fn cut(&mut self, server: usize, lan: Option<usize>) {
        self.cuts.insert((server, lan));
        self.move_gates();
    }

    /// Tells every server which addresses are cut off from it.
    fn move_gates(&mut self) {
        for server in 0..self.processes.len() {
            let state = self.gate_of(server);
            if let Some(process) = &mut self.processes[server] {
                process.move_gate(&state);
            }
        }
    }

    fn gate_of(&self, server: usize) -> String {
        let is_cut = |server: usize, lan: usize| {
            self.cuts.contains(&(server, None)) || self.cuts.contains(&(server, Some(lan)))
        };
        if self.is_cut(server) {
            return "cut all".into();
        }
        let mut state = String::from("cut");
        for lan in 0..self.plan.interconnects.len() {
            for other in (0..self.processes.len()).filter(|other| *other != server) {
                if is_cut(server, lan) || is_cut(other, lan) {
                    state.push_str(&format!(" {}", self.plan.address(other, lan)));
                }
            }
        }
        state
    }

    async fn set_lamp(
        &self,
        server: usize,
        faults: noroshi_sim::lamp::Faults,
    ) -> Result<(), String> {
        let set = self.props.set_lamp(self.plan.lamp_of(server), faults).await;
        set.map_err(|error| error.to_string())
    }

    fn lan(&self, name: Option<&String>) -> Option<usize> {
        let name = name?;
        self.plan.interconnects.iter().position(|lan| lan == name)
    }

    fn process(&mut self, server: usize) -> Result<&mut ServerProcess, String> {
        let name = &self.plan.servers[server];
        let process = self.processes[server].as_mut();
        process.ok_or_else(|| format!("{name} does not run"))
    }

    fn home(&self, server: usize) -> PathBuf {
        self.directory.0.join(&self.plan.servers[server])
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Before the directory, so that nobody writes into it any more.
        self.processes.clear();
    }
}

/// Makes a server's home with its settings and the cluster key.
fn furnish(home: &Path, conf: &str, key: &ClusterKey) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(home)?;
    let home = Home::at(home);
    DirBuilder::new().mode(0o700).create(home.etc())?;
    DirBuilder::new().mode(0o700).create(home.log())?;
    File::create(home.conf())?.write_all(conf.as_bytes())?;
    home.write_key(key, false).map_err(io::Error::other)
}

/// The link that makes the first user of a server's console, as `noroshi user link` makes it. Once there is one
/// it leads to the sign-in.
fn console(home: &Home, conf: &str, server: &str) -> io::Result<String> {
    let config = noroshi_conf::read(conf.as_bytes()).map(|parsed| parsed.config);
    let address = config.ok().and_then(|config| {
        let addresses = serve::addresses(&config, server);
        addresses.first().copied()
    });
    let Some(address) = address else {
        return Ok(String::new());
    };
    home.prepare()?;
    let code = setup_code::new(home)?;
    Ok(format!(
        "{}://{address}/set-up#{code}",
        serve::scheme(address)
    ))
}
