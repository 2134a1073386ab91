//! One real daemon as a child process.
//!
//! *Use.* [`Daemon::spawn`], then [`Daemon::wait_ready`]. What it prints goes to `daemon.log` in its
//! home. Dropping it kills it and waits for its end.

use super::{Error, Fallible, node, until};
use noroshi_daemon::control::Client;
use noroshi_daemon::home::Home;
use rustix::process::Signal;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How a daemon is started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The executable of noroshi.
    pub executable: PathBuf,
    /// Its home; `etc/` is in it already.
    pub home: PathBuf,
    /// Its server's name.
    pub server: String,
    /// The network namespace it lives in.
    pub netns: Option<String>,
    /// A process in whose namespaces it lives instead: a node of Corosync.
    pub beside: Option<u32>,
    /// The user and group that it runs as, without any privilege; else ours.
    pub user: Option<u32>,
}

/// A daemon at work, or dead and not yet forgotten.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    pid: u32,
    home: Home,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

/// How long a killed process may take to be gone.
const KILL_WAIT: Duration = Duration::from_secs(5);
/// Ticks of `/proc/PID/stat`: USER_HZ, 100 towards programs on every common architecture.
const TICKS_PER_SECOND: u64 = 100;
/// How long a daemon's answer to a look may take.
const LOOK_WAIT: Duration = Duration::from_secs(2);

impl Launch {
    /// Where its programs are looked for: first in `bin/` of its home, where a test puts its own.
    fn path(&self) -> OsString {
        let mut path = self.home.join("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        path
    }

    /// A command that runs the executable in the daemon's home, namespace and time zone UTC, with
    /// nothing else of our environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut words: Vec<OsString> = Vec::new();
        if let Some(user) = self.user {
            let (user, group) = (format!("--reuid={user}"), format!("--regid={user}"));
            words.extend(["setpriv", &user, &group, "--clear-groups", "--"].map(OsString::from));
        }
        words.push(self.executable.clone().into());
        let mut command = match (&self.netns, self.beside) {
            (_, Some(holder)) => node::enter(holder),
            (Some(netns), None) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", netns]);
                command
            }
            (None, None) => Command::new(words.remove(0)),
        };
        command
            .args(words)
            .args(arguments)
            .env_clear()
            .env("PATH", self.path())
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8")
            .env("NOROSHI_HOME", &self.home)
            .stdin(Stdio::null());
        command
    }
}

impl Daemon {
    /// Starts it; it may not answer yet.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn spawn(launch: &Launch) -> Fallible<Daemon> {
        let log = launch.home.join("daemon.log");
        let open = || OpenOptions::new().create(true).append(true).open(&log);
        let mut command = launch.command(&["daemon", "--server", &launch.server]);
        let mut child = open()
            .and_then(|out| command.stdout(out).stderr(open()?).spawn())
            .map_err(|error| Error::doing(launch.executable.display(), error))?;
        let pid = match launch.beside {
            Some(_) => node::inside(&mut child),
            None => child.id(),
        };
        Ok(Daemon {
            child,
            pid,
            home: Home::at(&launch.home),
            log,
            ended: None,
        })
    }

    /// Its process id, as this host counts. `ip netns exec` becomes the daemon, so this holds in a namespace too.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Everything it has printed, of earlier runs in this home as well.
    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .unwrap_or_default()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Waits until it answers on its command socket.
    ///
    /// # Errors
    /// When it has ended, or does not answer in time; the text has what it printed.
    pub fn wait_ready(&mut self, limit: Duration) -> Fallible<()> {
        let ready = until(limit, "the daemon answers", || {
            if let Some(status) = self.ended() {
                // Told by the caller below; no use to look again.
                return Ok(Err(format!("the daemon ended: {status}")));
            }
            let mut client = Client::connect_within(&self.home.socket(), LOOK_WAIT)
                .map_err(|trouble| trouble.to_string())?;
            client.ping().map(Ok).map_err(|trouble| trouble.to_string())
        });
        match ready {
            Ok(Ok(())) => Ok(()),
            Ok(Err(text)) | Err(Error(text)) => Err(Error(format!("{text}\n{}", self.log()))),
        }
    }

    /// SIGKILL, and waits until it is gone. Tells when the signal was sent.
    ///
    /// # Errors
    /// When it does not die.
    pub fn kill(&mut self) -> Fallible<Instant> {
        let at = Instant::now();
        self.signal(Signal::KILL)?;
        self.wait_end(KILL_WAIT)?;
        Ok(at)
    }

    /// SIGTERM, and waits until it has ended. Tells how it ended.
    ///
    /// # Errors
    /// When it has not ended after `limit`; it lives on then.
    pub fn terminate(&mut self, limit: Duration) -> Fallible<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait_end(limit)
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When it has not after `limit`.
    pub fn wait_end(&mut self, limit: Duration) -> Fallible<ExitStatus> {
        let text = format!("the daemon (process {}) ends", self.pid());
        until(limit, &text, || self.ended().ok_or_else(|| self.log()))
    }

    /// SIGSTOP: it stands still.
    ///
    /// # Errors
    /// When it is gone.
    pub fn suspend(&mut self) -> Fallible<Instant> {
        let at = Instant::now();
        self.signal(Signal::STOP).map(|()| at)
    }

    /// SIGCONT: it goes on.
    ///
    /// # Errors
    /// When it is gone.
    pub fn resume(&mut self) -> Fallible<()> {
        self.signal(Signal::CONT)
    }

    /// SIGHUP: it reads its settings.
    ///
    /// # Errors
    /// When it is gone.
    pub fn reload(&mut self) -> Fallible<()> {
        self.signal(Signal::HUP)
    }

    fn signal(&mut self, signal: Signal) -> Fallible<()> {
        // A process that was waited for may share its number with a stranger.
        if let Some(status) = self.ended() {
            return Err(Error(format!(
                "the daemon has ended: {status}\n{}",
                self.log()
            )));
        }
        node::signal_inside(self.pid, self.child.id(), signal)
    }

    /// Its private dirty memory in kB: what it costs this host.
    ///
    /// # Errors
    /// When it is gone, or the kernel does not tell.
    pub fn private_dirty_kb(&self) -> io::Result<u64> {
        let text = self.proc("smaps_rollup")?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("Private_Dirty:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.ok_or_else(|| io::Error::other("smaps_rollup has no Private_Dirty"))
    }

    /// Processor time it has used since its start, in user and kernel mode.
    ///
    /// # Errors
    /// When it is gone.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        let text = self.proc("stat")?;
        // The name in brackets may hold anything (proc_pid_stat(5)).
        let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
        let mut ticks = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(str::parse::<u64>);
        match (ticks.next(), ticks.next()) {
            (Some(Ok(user)), Some(Ok(kernel))) => Ok(Duration::from_micros(
                (user + kernel) * 1_000_000 / TICKS_PER_SECOND,
            )),
            _ => Err(io::Error::other("stat has no processor times")),
        }
    }

    fn proc(&self, file: &str) -> io::Result<String> {
        fs::read_to_string(Path::new("/proc").join(self.pid().to_string()).join(file))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.ended().is_none() {
            let _ = self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}
