//! The cluster of the demonstration: real daemons in a directory of their own, and what can happen
//! to them.
//!
//! *Use.* [`Stage::set`] opens lamps and inbox and starts the servers; [`Stage::happen`] lets
//! something happen; dropping it ends every process and removes the directory.
//!
//! *Failure.* A stage that cannot be set leaves nothing behind. Should this process be killed, the
//! servers notice it, remove the directory and end ([`super::server`]).

use super::child::ServerProcess;
use super::news::{News, Teller};
use super::plan::Plan;
use super::props::Props;
use super::server::{STAGE_PREFIX, sweep};
use super::watch;
use noroshi_core::alert::{Destinations, MessageId, Severity};
use noroshi_core::request::{Reply, Request};
use noroshi_daemon::control::Client;
use noroshi_daemon::home::Home;
use noroshi_daemon::home::key::random_key;
use noroshi_sim::inbox::{self, Verb};
use noroshi_sim::lamp;
use noroshi_sim::scenario::{Happening, MailBehaviour};
use noroshi_wire::key::ClusterKey;
use std::collections::BTreeSet;
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Why a story's happening cannot be played by real processes.
const NOT_POSSIBLE: &str = "real processes without privileges cannot do this; the simulated world \
of the tests can";

/// What has become of a server's process, as far as the demonstration brought it about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
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

/// The cluster at work.
#[derive(Debug)]
pub(super) struct Stage {
    /// Names and addresses.
    pub(super) plan: Plan,
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
    pub(super) fn set(plan: Plan, number: u32, tell: &Teller) -> io::Result<Stage> {
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
        let mut stage = Stage {
            processes: (0..servers).map(|_| None).collect(),
            lives: vec![Life::Stopped; servers],
            props,
            cuts: BTreeSet::new(),
            directory,
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
    pub(super) fn life(&self, server: usize) -> Life {
        self.lives[server]
    }

    /// Whether a server is cut off on all interconnects.
    pub(super) fn is_cut(&self, server: usize) -> bool {
        self.cuts.contains(&(server, None))
    }

    /// Notices processes that have ended; answers whether one had.
    pub(super) fn look_after(&mut self) -> bool {
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
    pub(super) fn last_words(&self, server: usize) -> String {
        let file = self.home(server).join("log").join("stderr");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.lines().last().unwrap_or_default().to_owned()
    }

    /// Checks whether something can happen here.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn can(plan: &Plan, happening: &Happening) -> Result<(), String> {
        use Happening as H;
        match happening {
            H::Killed(name)
            | H::LosesPower(name)
            | H::Stops(name)
            | H::Starts(name)
            | H::Suspended(name)
            | H::Resumes(name)
            | H::CutOff(name, None)
            | H::Reconnected(name, None)
            | H::Lamp(name, _)
            | H::LampForgets(name)
            | H::Raises(name, _)
            | H::Shutdown(name) => find(&plan.servers, name, "server").map(drop),
            H::CutOff(name, Some(lan)) | H::Reconnected(name, Some(lan)) => {
                find(&plan.servers, name, "server")?;
                find(&plan.interconnects, lan, "interconnect").map(drop)
            }
            H::LampPutOut(name, other) => {
                find(&plan.servers, name, "server")?;
                find(&plan.servers, other, "server").map(drop)
            }
            H::Heals | H::Mail(_) => Ok(()),
            H::Deaf(..) | H::Loss(..) | H::Disk(..) => Err(NOT_POSSIBLE.into()),
        }
    }

    /// Lets something happen.
    ///
    /// # Errors
    /// Why it could not; it did not happen then.
    pub(super) async fn happen(&mut self, happening: &Happening) -> Result<(), String> {
        use Happening as H;
        Stage::can(&self.plan, happening)?;
        let at = |name: &String| find(&self.plan.servers, name, "server");
        match happening {
            H::Killed(name) => {
                let server = at(name)?;
                self.kill(server);
            }
            H::LosesPower(name) => {
                let server = at(name)?;
                // Without power nobody closes its connections: the cut comes first.
                self.cut(server, None);
                self.kill(server);
            }
            H::Stops(name) => {
                let server = at(name)?;
                self.process(server)?.stop();
                self.lives[server] = Life::Stopping;
            }
            H::Starts(name) => {
                let server = at(name)?;
                if self.lives[server] == Life::Killed {
                    self.cuts.remove(&(server, None));
                }
                self.start(server).map_err(|error| error.to_string())?;
                self.move_gates();
            }
            H::Suspended(name) | H::Resumes(name) => {
                let server = at(name)?;
                let still = matches!(happening, H::Suspended(_));
                self.process(server)?.suspend(still);
                self.lives[server] = if still { Life::Suspended } else { Life::Runs };
            }
            H::CutOff(name, lan) => {
                let server = at(name)?;
                self.cut(server, self.lan(lan.as_ref()));
            }
            H::Reconnected(name, lan) => {
                let server = at(name)?;
                self.cuts.remove(&(server, self.lan(lan.as_ref())));
                self.move_gates();
            }
            H::Heals => {
                self.cuts.clear();
                self.move_gates();
            }
            H::Lamp(name, answers) => {
                let faults = match answers {
                    true => lamp::Faults::NONE,
                    false => lamp::Faults::only(lamp::Fault::BlackHole),
                };
                self.set_lamp(at(name)?, faults).await?;
            }
            H::LampForgets(name) => {
                let server = at(name)?;
                let forget = lamp::Faults::only(lamp::Fault::Forget);
                self.set_lamp(server, forget).await?;
            }
            H::Mail(behaviour) => {
                let set = self.props.set_inbox(mail_faults(behaviour)).await;
                set.map_err(|error| error.to_string())?;
            }
            H::Raises(name, text) => self.ask(at(name)?, raise(text.clone())),
            H::LampPutOut(name, other) => {
                let server = other.clone();
                self.ask(at(name)?, Request::LampOff { server });
            }
            H::Shutdown(name) => {
                let by = "the demonstration".into();
                self.ask(at(name)?, Request::Stop { server: None, by });
            }
            H::Deaf(..) | H::Loss(..) | H::Disk(..) => return Err(NOT_POSSIBLE.into()),
        }
        Ok(())
    }

    /// Asks a server for a change; what it says comes as news.
    pub(super) fn ask(&self, server: usize, request: Request) {
        let socket = Home::at(self.home(server)).socket();
        let (name, tell) = (self.plan.servers[server].clone(), self.tell.clone());
        std::thread::spawn(move || {
            let answer = Client::connect(&socket).and_then(|mut client| client.change(request));
            let said = match answer {
                Ok(Reply::Refused { why }) => why,
                Ok(Reply::Accepted { .. } | Reply::Done) => return,
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

    async fn set_lamp(&self, server: usize, faults: lamp::Faults) -> Result<(), String> {
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

/// An alert as a script raises it, with a mail.
pub(super) fn raise(text: String) -> Request {
    Request::Raise {
        message: MessageId {
            module: "logcmd".into(),
            event: 1,
        },
        severity: Severity::Error,
        text,
        destinations: Some(Destinations {
            alert: true,
            syslog: true,
            mail: true,
            ..Destinations::default()
        }),
    }
}

fn mail_faults(behaviour: &MailBehaviour) -> inbox::Faults {
    use inbox::{Fault, Faults};
    match behaviour {
        MailBehaviour::Accepts => Faults::none(),
        MailBehaviour::Defers => Faults::only(Fault::Answer {
            at: Verb::Mail,
            code: 451,
        }),
        MailBehaviour::Rejects(address) => Faults::only(Fault::Recipient {
            address: address.clone(),
            code: 550,
        }),
        MailBehaviour::Swallows => Faults::only(Fault::Hang(Verb::Dot)),
        MailBehaviour::Away => Faults::only(Fault::Refuse),
    }
}

fn find(names: &[String], name: &str, what: &str) -> Result<usize, String> {
    let found = names.iter().position(|one| one == name);
    found.ok_or_else(|| format!("no {what} is called {name}"))
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
