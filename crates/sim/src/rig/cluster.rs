//! A cluster at work: what can be done to it.
//!
//! Servers are named by their place, from 0; `sv1` is server 0. What can be seen of it and waited
//! for stands in `look_on.rs`.

use super::conf::Conf;
use super::pacemaker::Pacemaker;
use super::{Corosync, Daemon, Error, Fallible, Lane, Launch, Netns, Outside};
use noroshi_daemon::home::Home;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::Path;
use std::process::{ExitStatus, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A cluster of real daemons. Its fields end in their order: daemons, lamps and mail server,
/// namespaces, addresses, files.
pub struct Cluster {
    pub(super) members: Vec<Member>,
    pub(super) outside: Outside,
    pub(super) netns: Option<Netns>,
    pub(super) with_pacemaker: bool,
    pub(super) conf: Conf,
    pub(super) _lane: Option<Lane>,
    pub(super) dir: TempDir,
}

/// One server of a rig.
pub(super) struct Member {
    pub(super) launch: Launch,
    pub(super) daemon: Option<Daemon>,
    pub(super) pacemaker: Pacemaker,
    pub(super) corosync: Option<Corosync>,
}

/// How long a daemon may take to answer after its start: a busy machine, a debug build.
const READY_WAIT: Duration = Duration::from_secs(20);
/// How long a clean stop may take: lamps that do not answer are waited for.
pub(super) const STOP_WAIT: Duration = Duration::from_secs(30);

impl Cluster {
    /// How many servers it has.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Lamps and mail server.
    pub fn outside(&self) -> &Outside {
        &self.outside
    }

    /// Its network, where it has one of its own.
    ///
    /// # Panics
    /// When it lives on loopback addresses.
    pub fn netns(&self) -> &Netns {
        self.netns
            .as_ref()
            .expect("the plan put it into namespaces")
    }

    /// The settings as last written.
    pub fn conf(&self) -> &Conf {
        &self.conf
    }

    /// A server's directory.
    pub fn home(&self, server: usize) -> Home {
        Home::at(&self.members[server].launch.home)
    }

    /// The directory that all of it is in.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// How a server's daemon is started; a test may start it in its own way.
    pub fn launch(&self, server: usize) -> &Launch {
        &self.members[server].launch
    }

    /// From its next start a server's daemon runs as this user and group, without any privilege. Its home
    /// is theirs from now on.
    ///
    /// # Errors
    /// When a file cannot be given to them.
    pub fn run_as(&mut self, server: usize, user: u32) -> Fallible<()> {
        let launch = &mut self.members[server].launch;
        launch.user = Some(user);
        fs::set_permissions(self.dir.path(), Permissions::from_mode(0o711))?;
        give(&launch.home, user)?;
        Ok(())
    }

    /// Changes the settings of all servers on disk. Daemons take them at their next start, or when
    /// told by [`Daemon::reload`].
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn change_conf(&mut self, change: impl FnOnce(&mut Conf)) -> Fallible<()> {
        change(&mut self.conf);
        self.write_conf()
    }

    pub(super) fn write_conf(&self) -> Fallible<()> {
        let bytes = self.conf.bytes();
        for member in &self.members {
            fs::write(Home::at(&member.launch.home).conf(), &bytes)?;
        }
        Ok(())
    }

    /// Starts a server's daemon and waits until it answers.
    ///
    /// # Errors
    /// When it does not; the text has what it printed.
    pub fn start(&mut self, server: usize) -> Fallible<()> {
        self.spawn(server)?;
        self.daemon(server).wait_ready(READY_WAIT)
    }

    /// Starts a server's daemon and waits for nothing.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn spawn(&mut self, server: usize) -> Fallible<()> {
        let member = &mut self.members[server];
        member.daemon = None;
        member.daemon = Some(Daemon::spawn(&member.launch)?);
        Ok(())
    }

    /// Starts Corosync and Pacemaker, where the plan has them, and no daemon.
    ///
    /// # Errors
    /// When they do not come up.
    pub fn start_nodes(&mut self) -> Fallible<()> {
        let corosyncs = self.members.iter_mut();
        let corosyncs = corosyncs.filter_map(|member| member.corosync.as_mut());
        let mut corosyncs: Vec<_> = corosyncs.collect();
        corosyncs.iter_mut().try_for_each(|one| one.spawn())?;
        corosyncs.into_iter().try_for_each(Corosync::wait_answer)?;
        if self.with_pacemaker {
            self.start_pacemakers()?;
        }
        Ok(())
    }

    /// Starts all daemons and waits until each sees all others up, and every lamp is green.
    ///
    /// # Errors
    /// When that does not come about.
    pub fn start_all(&mut self) -> Fallible<()> {
        self.start_nodes()?;
        for server in 0..self.len() {
            self.spawn(server)?;
        }
        for server in 0..self.len() {
            self.daemon(server).wait_ready(READY_WAIT)?;
        }
        self.wait_all_up(READY_WAIT)?;
        self.wait_lamps_green(READY_WAIT)
    }

    /// A server's daemon, also when it is dead.
    ///
    /// # Panics
    /// When it was never started.
    pub fn daemon(&mut self, server: usize) -> &mut Daemon {
        self.members[server]
            .daemon
            .as_mut()
            .expect("the daemon was started")
    }

    /// A server's Corosync.
    ///
    /// # Panics
    /// When the plan has none.
    pub fn corosync(&mut self, server: usize) -> &mut Corosync {
        self.members[server]
            .corosync
            .as_mut()
            .expect("the plan has a Corosync at each server")
    }

    /// Kills a server's daemon. Tells when.
    ///
    /// # Errors
    /// When it is dead already.
    pub fn kill(&mut self, server: usize) -> Fallible<Instant> {
        self.daemon(server).kill()
    }

    /// Stops a server's daemon cleanly.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn terminate(&mut self, server: usize) -> Fallible<ExitStatus> {
        self.daemon(server).terminate(STOP_WAIT)
    }

    /// A power cut: nothing of a server is heard from one moment to the next, then its daemon is
    /// gone. Tells when the silence began. Only in namespaces.
    ///
    /// # Errors
    /// When the network cannot be cut.
    pub fn power_cut(&mut self, server: usize) -> Fallible<Instant> {
        let netns = self.netns();
        let at = netns.unplug(server)?;
        if let Some(corosync) = &mut self.members[server].corosync {
            corosync.kill()?;
        }
        self.kill(server)?;
        Ok(at)
    }

    /// Runs a command of noroshi on a server and waits for its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self, server: usize, arguments: &[&str]) -> Fallible<Output> {
        let output = self.members[server].launch.command(arguments).output();
        output.map_err(|error| Error::doing(arguments.join(" "), error))
    }

    /// Runs a command that must succeed, and gives what it printed.
    ///
    /// # Errors
    /// When it fails; the text has what it printed.
    pub fn command(&self, server: usize, arguments: &[&str]) -> Fallible<String> {
        let output = self.run(server, arguments)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        let said = text(&output.stdout) + &text(&output.stderr);
        Err(Error(format!(
            "{}: {}\n{said}",
            arguments.join(" "),
            output.status
        )))
    }
}

/// Gives a directory and all below it to a user and group.
fn give(path: &Path, user: u32) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), user)?;
        }
    }
    lchown(path, Some(user), Some(user))
}
