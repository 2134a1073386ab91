//! The story of a cluster of two, in which one server is killed at a point of its way and started again.
//!
//! An alert on each server, an acknowledgement, a pushed configuration, an event of Pacemaker, a lamp put
//! out, a clean stop. The server that is traced is told by [`Role`]. When it dies in the midst of it, it is
//! started again at once, not traced, and the story goes on: what is done then must be well.
//!
//! [`Role::Heir`] has a story of its own: the other server is killed with a mail under way, and it is the one that
//! takes over that is killed at its points.

use crate::books;
use crate::pacemaker;
use crate::tracer::{End, Orders, Point, Traced};
use nix::sys::signal::Signal;
use noroshi_core::status::ServerState;
use noroshi_sim::inbox::{Fault, Faults, Verb};
use noroshi_sim::lamp::Kind;
use noroshi_sim::rig::{Cluster, Error, Fallible, Lamps, Plan, until};
use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long each step may take: a traced program on a busy machine.
pub(crate) const STEP_WAIT: Duration = Duration::from_secs(60);
/// How long a mail is waited for before the story goes on: if it comes later the books show it.
const MAIL_WAIT: Duration = Duration::from_secs(5);

/// The exit code of a command whose order is on disk and not carried out yet.
const ORDERED: i32 = 7;

/// Which part the traced server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Alerts and settings are given to it.
    Asked,
    /// They are given to the other one.
    Other,
    /// The other one is killed while it sends a mail, which this one takes over.
    Heir,
}

impl Role {
    fn traced(self) -> usize {
        match self {
            Role::Asked => 0,
            Role::Other | Role::Heir => 1,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Asked => "the server that is asked",
            Role::Other => "the other server",
            Role::Heir => "the server that takes over",
        }
    }
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// It was promised.
    Yes,
    /// It may be done or not.
    Maybe,
}

/// What was done, for the books.
#[derive(Default)]
pub(crate) struct Deeds {
    /// The texts of alerts that were raised.
    pub(crate) alerts: Vec<(String, Done)>,
    /// The text of the alert that was acknowledged.
    pub(crate) acknowledged: Option<(String, Done)>,
    /// The subject of mails that was pushed.
    pub(crate) pushed: Option<(String, Done)>,
}

/// One run of the story.
pub(crate) struct Told {
    /// The points that were passed.
    pub(crate) passed: Vec<Point>,
    /// The kill was at its point.
    pub(crate) killed: bool,
    /// Marked second copies.
    pub(crate) twins: usize,
    /// What does not balance.
    pub(crate) faults: Vec<String>,
}

/// Tells the story once; without a point nobody is killed.
///
/// # Errors
/// When the rig does not come up. What goes wrong in the story is among the faults.
pub(crate) fn tell(executable: &Path, role: Role, kill_at: Option<Point>) -> Fallible<Told> {
    let mut stage = Stage::up(executable, role, kill_at)?;
    let mut deeds = Deeds::default();
    let played = match role {
        Role::Asked | Role::Other => stage.play(&mut deeds),
        Role::Heir => stage.take_over(&mut deeds),
    };
    let faults = match played {
        Ok(()) => Vec::new(),
        Err(error) => vec![error.0],
    };
    let passed = stage.traced.passed();
    let killed = stage.traced.ended() == Some(End::Signal(Signal::SIGKILL));
    let mut told = Told {
        passed,
        killed,
        twins: 0,
        faults,
    };
    if told.faults.is_empty() {
        let (twins, faults) = books::balance(&stage.cluster, &deeds)?;
        told.twins = twins;
        told.faults = faults;
    }
    if !told.faults.is_empty() {
        told.faults.push(stage.logs());
    }
    Ok(told)
}

struct Stage {
    traced: Traced,
    _syslog: Syslog,
    is_again: bool,
    role: Role,
    cluster: Cluster,
}

impl Stage {
    fn up(executable: &Path, role: Role, kill_at: Option<Point>) -> Fallible<Stage> {
        let mut cluster = Plan::new(executable)
            .servers(2)
            .lamps(Lamps::Each(Kind::PatliteHttp))
            .tune(|conf| {
                // A traced server is slow, and no silence here is a fault.
                conf.timeout_ms = Some(10_000);
                conf.stall_timeout_ms = Some(30_000);
            })
            .prepare()?;
        pacemaker::prepare(&cluster)?;
        let syslog = Syslog::open(&cluster.dir().join("log.socket"))?;
        cluster.change_conf(|conf| conf.syslog = Some(syslog.path.clone()))?;
        let server = role.traced();
        cluster.spawn(1 - server)?;
        let traced = trace(&cluster, server, kill_at)?;
        Ok(Stage {
            traced,
            _syslog: syslog,
            is_again: false,
            role,
            cluster,
        })
    }

    fn logs(&self) -> String {
        let log = self
            .cluster
            .launch(self.role.traced())
            .home
            .join("daemon.log");
        let traced = fs::read_to_string(log).unwrap_or_default();
        format!("{}-- traced\n{traced}", self.cluster.logs())
    }

    /// Starts the traced server again if it has died.
    fn mend(&mut self) -> Fallible<bool> {
        if self.is_again || self.traced.ended().is_none() {
            return Ok(false);
        }
        self.is_again = true;
        self.cluster.start(self.role.traced())?;
        Ok(true)
    }

    /// Waits until both see both up, starting what has died.
    fn wait_up(&mut self) -> Fallible<()> {
        until(STEP_WAIT, "both see both up", || {
            self.mend().map_err(|error| error.0)?;
            for server in 0..2 {
                let status = self.cluster.status(server).map_err(|error| error.0)?;
                let is_up = |state| state == ServerState::Up;
                if !status.servers.iter().all(|one| is_up(one.state)) {
                    return Err(format!("{:?}", status.servers));
                }
            }
            Ok(())
        })
    }

    /// Runs a command on a server. That it succeeds is a promise; if it does not, the traced one has died.
    fn command(&mut self, server: usize, words: &[&str]) -> Fallible<Done> {
        let said = self.cluster.command(server, words);
        let died = self.traced.ended().is_some() && !self.is_again;
        let done = match said {
            Ok(_) => Done::Yes,
            Err(_) if died => Done::Maybe,
            Err(error) => {
                // The end of a process may be seen a moment later than that of its socket.
                let seen = until(MAIL_WAIT, "it has died", || {
                    let died = self.traced.ended().is_some() && !self.is_again;
                    died.then_some(()).ok_or_else(String::new)
                });
                match seen {
                    Ok(()) => Done::Maybe,
                    Err(_) => return Err(error),
                }
            }
        };
        if self.mend()? {
            self.wait_up()?;
        }
        Ok(done)
    }

    fn raise(&mut self, deeds: &mut Deeds, server: usize, text: &str) -> Fallible<()> {
        let words = ["clplogcmd", "-m", text, "--mail", "--alert"];
        let done = self.command(server, &words)?;
        // Whether it comes at all is for the books; until then something may happen to it.
        let _ = until(MAIL_WAIT, "a mail", || {
            let come = self
                .cluster
                .mails()
                .iter()
                .any(|mail| mail.body.contains(text));
            let go_on = come || (self.traced.ended().is_some() && !self.is_again);
            go_on.then_some(()).ok_or_else(String::new)
        });
        if self.mend()? {
            self.wait_up()?;
        }
        deeds.alerts.push((text.to_owned(), done));
        Ok(())
    }

    fn play(&mut self, deeds: &mut Deeds) -> Fallible<()> {
        self.wait_up()?;
        self.raise(deeds, 0, "the first alert came")?;
        self.raise(deeds, 1, "the second alert came")?;
        self.acknowledge(deeds, "the second alert came")?;
        self.push(deeds)?;
        self.event(deeds)?;
        self.put_out()?;
        self.raise(deeds, 0, "the last alert came")?;
        self.stop()
    }

    /// The other server dies in the midst of a mail.
    fn take_over(&mut self, deeds: &mut Deeds) -> Fallible<()> {
        self.wait_up()?;
        let hang = Faults::only(Fault::Hang(Verb::Mail));
        self.cluster.set_mail_faults(hang)?;
        let text = "the alert of a dead server came";
        let done = self.command(0, &["clplogcmd", "-m", text, "--mail", "--alert"])?;
        deeds.alerts.push((text.to_owned(), done));
        // From here it must be told even if the other one never returns.
        until(STEP_WAIT, "the second copy is listed", || {
            self.mend().map_err(|error| error.0)?;
            let lines = self.cluster.alerts(1).map_err(|error| error.0)?;
            let is_there = lines.iter().any(|line| line.text == text);
            is_there.then_some(()).ok_or_else(String::new)
        })?;
        self.cluster.kill(0)?;
        self.cluster.set_mail_faults(Faults::none())?;
        // A server that has died over it is alone when it is back.
        while let Err(error) = self.wait_mail(text) {
            if !self.mend()? {
                return Err(error);
            }
        }
        self.cluster.start(0)?;
        self.wait_up()?;
        self.raise(deeds, 1, "the last alert came")?;
        self.stop()
    }

    /// Waits for a mail as long as the traced server lives.
    fn wait_mail(&mut self, text: &str) -> Fallible<()> {
        until(STEP_WAIT, "the mail that is taken over", || {
            let mails = self.cluster.mails();
            let come = mails.iter().any(|mail| mail.body.contains(text));
            let died = self.traced.ended().is_some() && !self.is_again;
            (come || died).then_some(()).ok_or_else(String::new)
        })?;
        let mails = self.cluster.mails();
        let come = mails.iter().any(|mail| mail.body.contains(text));
        let not_yet = || Error("the server that takes over has died".to_owned());
        come.then_some(()).ok_or_else(not_yet)
    }

    /// A clean stop is a part of it; after it all must be well again.
    fn stop(&mut self) -> Fallible<()> {
        self.traced.signal(Signal::SIGTERM);
        if !self.is_again {
            self.traced.wait_end(STEP_WAIT)?;
        }
        self.mend()?;
        self.wait_up()?;
        Ok(())
    }

    /// Nobody promises that the light is out within the two seconds that the command waits for it; that it
    /// goes out is for the books.
    fn put_out(&mut self) -> Fallible<()> {
        let said = self.cluster.run(0, &["clpdn1000s", "-h", "sv1"])?;
        let died = || self.traced.ended().is_some() && !self.is_again;
        if !said.status.success() && said.status.code() != Some(ORDERED) {
            let seen = until(MAIL_WAIT, "it has died", || {
                died().then_some(()).ok_or_else(String::new)
            });
            seen.map_err(|_| Error(format!("clpdn1000s: {said:?}")))?;
        }
        if self.mend()? {
            self.wait_up()?;
        }
        Ok(())
    }

    fn acknowledge(&mut self, deeds: &mut Deeds, text: &str) -> Fallible<()> {
        let lines = until(STEP_WAIT, "the alert is listed", || {
            self.mend().map_err(|error| error.0)?;
            let lines = self.cluster.alerts(0).map_err(|error| error.0)?;
            let found = lines.into_iter().find(|line| line.text == text);
            match found {
                Some(line) => Ok(Some(line)),
                // Nobody has promised it.
                None if deeds.alerts.contains(&(text.to_owned(), Done::Maybe)) => Ok(None),
                None => Err("it is not there".to_owned()),
            }
        })?;
        let Some(line) = lines else { return Ok(()) };
        let words = ["acknowledge", &line.id.0, "--by", "Operator"];
        let done = self.command(0, &words)?;
        deeds.acknowledged = Some((text.to_owned(), done));
        Ok(())
    }

    fn push(&mut self, deeds: &mut Deeds) -> Fallible<()> {
        let dir = self.cluster.dir().join("set");
        save(&self.cluster, &dir)?;
        let words = ["clpcfctrl", "--push", "-l", "-x", &dir.to_string_lossy()];
        let done = self.command(0, &words)?;
        deeds.pushed = Some(("Pushed".into(), done));
        Ok(())
    }

    fn event(&mut self, deeds: &mut Deeds) -> Fallible<()> {
        let home = self.cluster.home(0);
        let mut command = self.cluster.launch(0).command(&["pacemaker-alert"]);
        command.envs(pacemaker::failed_monitor(&home));
        let output = command.output()?;
        if !output.status.success() {
            return Err(Error(format!("the agent: {output:?}")));
        }
        deeds.alerts.push((pacemaker::FAILED.into(), Done::Yes));
        self.mend()?;
        Ok(())
    }
}

/// A socket that takes what is written to it, as a syslog daemon's.
struct Syslog {
    path: PathBuf,
}

impl Syslog {
    fn open(path: &Path) -> Fallible<Syslog> {
        let socket = UnixDatagram::bind(path)?;
        std::thread::Builder::new()
            .name("syslog".into())
            .spawn(move || {
                let mut line = [0; 8_192];
                // The drop of this writes an empty one.
                while socket.recv(&mut line).is_ok_and(|length| length > 0) {}
            })?;
        Ok(Syslog {
            path: path.to_owned(),
        })
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        let end = UnixDatagram::unbound().and_then(|socket| socket.send_to(&[], &self.path));
        drop(end);
    }
}

/// The settings of server 0 with another subject, as a set.
fn save(cluster: &Cluster, dir: &Path) -> Fallible<()> {
    fs::create_dir_all(dir.join("scripts"))?;
    fs::write(dir.join("scripts/start.sh"), "#!/bin/sh\n")?;
    let file: PathBuf = dir.join("clp.conf");
    fs::copy(cluster.home(0).conf(), &file)?;
    let path = "/root/cluster/mail/subject";
    let file = file.to_string_lossy();
    cluster.command(0, &["config", "set", path, "Pushed", "--file", &file])?;
    Ok(())
}

/// Starts a server's daemon under the tracer.
///
/// # Errors
/// When it cannot be started.
pub fn trace(cluster: &Cluster, server: usize, kill_at: Option<Point>) -> Fallible<Traced> {
    let launch = cluster.launch(server);
    let log = File::options()
        .create(true)
        .append(true)
        .open(launch.home.join("daemon.log"))?;
    let outside = cluster.outside();
    let mut ports = vec![(outside.mail_address().port(), "mail server".to_owned())];
    for lamp in 0..outside.lamp_count() {
        ports.push((outside.lamp(lamp).1.port(), "lamp".to_owned()));
    }
    let orders = Orders {
        kill_at,
        faults: Vec::new(),
    };
    let words = ["daemon", "--server", &launch.server];
    Traced::spawn(launch, &words, &[], log, ports, orders)
}
