//! The namespaces of one server's node: mounts, host name, IPC and processes of its own.
//!
//! A holder process is the node's first one, within its server's network namespace: Corosync's sockets, its
//! shared memory in /dev/shm, /run and its folders are the node's alone. Corosync, Pacemaker and the server's
//! daemon enter these. Nothing of the host's is touched.
//!
//! The node has a power switch, a pipe in its folder: whatever is written there ends the first process, and the
//! kernel kills all others at that moment, as a power cut does. A fence device uses the same switch
//! ([`super::pacemaker`]). The file `alive` is locked as long as a process of the node lives.
//!
//! *Failure.* Making it fails with what the programs said. It ends with the rig, however that ends.

use super::{Error, Fallible, until};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The pipe in a node's folder.
pub(super) const POWER: &str = "power";
/// The file that is locked while the node lives.
pub(super) const ALIVE: &str = "alive";
/// How long a node may take to end after its power was cut.
const END_WAIT: Duration = Duration::from_secs(20);
/// How long a program may take to enter the node.
const ENTER_WAIT: Duration = Duration::from_secs(10);

/// What a node mounts over the host's; `$0` is its folder, `$1` its name; where Pacemaker runs, `$2` is the
/// alert agent's program and `$3` the directory that it hands over in. bash, because it sees to orphans.
const HOLDER: &str = r#"set -e
mount --make-rprivate /
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/corosync
mount --bind "$0/etc" /etc/corosync
mount --bind "$0/lib" /var/lib/corosync
mount --bind "$0/log" /var/log/corosync
hostname "$1"
if [ -n "$2" ]; then
  install -d -o hacluster -g haclient -m 750 /run/crm
  mkdir -m 1755 /run/resource-agents
  mount --bind "$0/pacemaker/lib" /var/lib/pacemaker
  mount --bind "$0/pacemaker/log" /var/log/pacemaker
  mount -t overlay overlay -o "lowerdir=$0/pacemaker/sbin:/usr/sbin" /usr/sbin
  mount -t overlay overlay -o "lowerdir=$0/pacemaker/ocf:/usr/lib/ocf/resource.d" /usr/lib/ocf/resource.d
  mkdir /run/noroshi
  mount --bind "$3" /run/noroshi
  : > /run/noroshi-pacemaker-alert
  mount --bind "$2" /run/noroshi-pacemaker-alert
fi
echo ready
read -r off || true"#;

/// What a node is made of.
#[derive(Clone, Debug)]
pub(super) struct Make {
    /// Its folder; `etc`, `lib` and `log` of Corosync are in it.
    pub(super) folder: PathBuf,
    /// The network namespace of its server.
    pub(super) netns: String,
    /// Its name.
    pub(super) name: String,
    /// Where Pacemaker runs: the alert agent's program and the directory that it hands over in.
    pub(super) alert: Option<[PathBuf; 2]>,
}

/// One node at work, or without power.
#[derive(Debug)]
pub(super) struct Node {
    make: Make,
    holder: Child,
    first: u32,
    power: File,
}

impl Node {
    /// Makes the namespaces.
    pub(super) fn make(make: Make) -> Fallible<Node> {
        let (switch, alive) = (make.folder.join(POWER), make.folder.join(ALIVE));
        match fs::remove_file(&switch) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mode = Mode::from_raw_mode(0o600);
        mknodat(CWD, &switch, FileType::Fifo, mode, 0)
            .map_err(|error| Error::doing(switch.display(), error))?;
        // A writer there is as long as the rig lives; without one the holder reads the end and ends.
        let power = OpenOptions::new().read(true).write(true).open(&switch)?;
        let [agent, spool] = make.alert.clone().unwrap_or_default();
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &make.netns, "flock", "-o"]);
        command.arg(alive).args(["unshare", "-m", "-u", "-i", "-p"]);
        command.args(["--fork", "--kill-child", "--mount-proc"]);
        command.args(["bash", "-c", HOLDER]);
        command
            .arg(&make.folder)
            .arg(&make.name)
            .arg(agent)
            .arg(spool);
        command.stdin(File::open(&switch)?).stdout(Stdio::piped());
        let mut holder = command.spawn()?;
        let mut line = String::new();
        if let Some(said) = holder.stdout.take() {
            BufReader::new(said).read_line(&mut line)?;
        }
        if line != "ready\n" {
            let name = &make.name;
            let _ = holder.wait();
            return Err(Error(format!(
                "the namespaces of node {name} cannot be made"
            )));
        }
        // flock, unshare, bash.
        let first = child_of(holder.id()).and_then(child_of);
        let first = first.ok_or_else(|| Error(format!("node {} has no process", make.name)))?;
        Ok(Node {
            make,
            holder,
            first,
            power,
        })
    }

    /// The process whose namespaces are the node's.
    pub(super) fn first(&self) -> u32 {
        self.first
    }

    /// A command within the node.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = enter(self.first);
        command.arg(program);
        command
    }

    /// Kills everything in the node at one moment, and waits until it is gone. Without power it stays so.
    pub(super) fn cut_power(&mut self) -> Fallible<()> {
        if self.has_power() {
            self.power.write_all(b"off\n")?;
        }
        let what = format!("node {} ends", self.make.name);
        until(END_WAIT, &what, || match self.holder.try_wait() {
            Ok(Some(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        })
    }

    /// Whether it lives.
    pub(super) fn has_power(&mut self) -> bool {
        matches!(self.holder.try_wait(), Ok(None))
    }

    /// Makes the namespaces again after the power was cut: /run and shared memory are empty, the rest stays.
    pub(super) fn boot(&mut self) -> Fallible<()> {
        self.cut_power()?;
        *self = Node::make(self.make.clone())?;
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.cut_power();
    }
}

/// The start of a command within the namespaces of a node whose first process this is.
pub(super) fn enter(first: u32) -> Command {
    let mut command = Command::new("nsenter");
    let first = first.to_string();
    command.args(["-t", &first, "-m", "-u", "-i", "-n", "-p", "--"]);
    command
}

/// A program in a node, started by way of [`enter`], which stays beside it as its parent.
#[derive(Debug)]
pub(super) struct Inside {
    outer: Child,
    pid: u32,
}

impl Inside {
    /// Starts it.
    pub(super) fn spawn(command: &mut Command) -> Fallible<Inside> {
        let mut outer = command.spawn()?;
        let pid = inside(&mut outer);
        Ok(Inside { outer, pid })
    }

    /// Signals it.
    pub(super) fn signal(&self, signal: Signal) -> Fallible<()> {
        signal_inside(self.pid, self.outer.id(), signal)
    }

    /// Waits until it has ended.
    pub(super) fn wait_end(&mut self, limit: Duration, what: &str) -> Fallible<()> {
        until(limit, &format!("{what} ends"), || {
            match self.outer.try_wait() {
                Ok(Some(_)) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if matches!(self.outer.try_wait(), Ok(None)) {
            let _ = self.signal(Signal::KILL);
            let _ = self.outer.wait();
        }
    }
}

/// The process that a child which enters a node has made there; the child itself if it ended instead.
pub(super) fn inside(outer: &mut Child) -> u32 {
    let id = outer.id();
    let found = until(ENTER_WAIT, "a process in the node", || {
        match (child_of(id), outer.try_wait()) {
            (Some(inside), _) => Ok(inside),
            (None, Ok(None)) => Err(String::new()),
            (None, _) => Ok(id),
        }
    });
    found.unwrap_or(id)
}

/// Signals a process in a node. Its parent stops when it stops, and must go on to see its end.
pub(super) fn signal_inside(pid: u32, outer: u32, signal: Signal) -> Fallible<()> {
    let process =
        |id: u32| Pid::from_raw(id.cast_signed()).ok_or_else(|| Error("no process".into()));
    kill_process(process(pid)?, signal).map_err(|error| Error::doing("signal", error))?;
    if pid != outer && signal != Signal::STOP {
        kill_process(process(outer)?, Signal::CONT)
            .map_err(|error| Error::doing("signal", error))?;
    }
    Ok(())
}

/// The first child of a process.
fn child_of(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}
