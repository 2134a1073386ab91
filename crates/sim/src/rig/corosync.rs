//! A real Corosync for each server of a rig in network namespaces.
//!
//! A node is a holder process in namespaces of its own (mounts, host name, IPC) within its server's network
//! namespace: Corosync's sockets, its shared memory in /dev/shm and its folders are the node's alone.
//! Corosync and the server's daemon enter these. Nothing of the host's is touched.
//!
//! *Failure.* Starting fails with what the programs said. Dropping it ends Corosync and the holder.

use super::{Error, Fallible, until};
use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long Corosync may take to be asked, on a busy machine.
const START_WAIT: Duration = Duration::from_secs(30);
const END_WAIT: Duration = Duration::from_secs(20);

/// What a node mounts over the host's; `$0` is its folder, `$1` its name.
const HOLDER: &str = "set -e
mount --make-rprivate /
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/corosync
mount --bind \"$0/etc\" /etc/corosync
mount --bind \"$0/lib\" /var/lib/corosync
mount --bind \"$0/log\" /var/log/corosync
hostname \"$1\"
echo ready
exec cat";

/// Puts a directory in the place of the one with Corosync's libraries, in which all is but these.
const HIDE: &str = "set -e
at=$(dirname \"$(ldconfig -p | sed -n 's/.*libcpg.so.4 .*=> //p' | head -n 1)\")
mkdir -p /run/libraries /run/shown
mount --bind \"$at\" /run/libraries
ln -s /run/libraries/* /run/shown/
rm -f /run/shown/libcpg.so* /run/shown/libquorum.so* /run/shown/libcmap.so*
mount --bind /run/shown \"$at\"";

/// One node.
#[derive(Debug)]
pub struct Corosync {
    holder: Child,
    process: Option<Child>,
    folder: PathBuf,
}

impl Corosync {
    /// Whether it can be had here; else what is missing.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn available() -> Result<(), String> {
        for program in ["corosync", "corosync-cfgtool", "nsenter", "unshare"] {
            let mut command = Command::new(program);
            command
                .arg("-v")
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            if command.status().is_err() {
                return Err(format!("the program {program} is missing"));
            }
        }
        super::Netns::available()
    }

    /// Makes the namespaces of a node; its Corosync does not run yet.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn prepare(folder: &Path, netns: &str, name: &str, conf: &str) -> Fallible<Corosync> {
        for part in ["etc/uidgid.d", "lib", "log"] {
            fs::create_dir_all(folder.join(part))?;
        }
        fs::write(folder.join("etc/corosync.conf"), conf)?;
        let mut holder = Command::new("ip")
            .args([
                "netns", "exec", netns, "unshare", "-m", "-u", "-i", "sh", "-c", HOLDER,
            ])
            .arg(folder)
            .arg(name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(said) = holder.stdout.take() {
            BufReader::new(said).read_line(&mut line)?;
        }
        let node = Corosync {
            holder,
            process: None,
            folder: folder.to_owned(),
        };
        match line.as_str() {
            "ready\n" => Ok(node),
            _ => Err(Error(format!(
                "the namespaces of node {name} cannot be made"
            ))),
        }
    }

    /// The process whose namespaces are the node's.
    pub fn holder(&self) -> u32 {
        self.holder.id()
    }

    /// A command within the node.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let holder = self.holder.id().to_string();
        command.args(["-t", &holder, "-m", "-u", "-i", "-n", "--", program]);
        command
    }

    /// Starts Corosync, and waits until it answers.
    ///
    /// # Errors
    /// When it does not; the text has its log.
    pub fn start(&mut self) -> Fallible<()> {
        self.spawn()?;
        self.wait_answer()
    }

    /// Waits until Corosync answers.
    ///
    /// # Errors
    /// When it does not; the text has its log.
    pub fn wait_answer(&mut self) -> Fallible<()> {
        until(START_WAIT, "Corosync answers", || {
            let mut ask = self.command("corosync-quorumtool");
            let asked = ask
                .arg("-s")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            // Without quorum it answers 2.
            match asked.map(|status| status.code()) {
                Ok(Some(0 | 2)) => Ok(()),
                other => Err(format!("{other:?}\n{}", self.log())),
            }
        })
    }

    /// Starts Corosync and waits for nothing.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn spawn(&mut self) -> Fallible<()> {
        let null = || Stdio::null();
        let mut command = self.command("corosync");
        let child = command
            .arg("-f")
            .stdin(null())
            .stdout(null())
            .stderr(null())
            .spawn()?;
        self.process = Some(child);
        Ok(())
    }

    /// Lets a user speak with the running Corosync.
    ///
    /// # Errors
    /// When it does not take that.
    pub fn permit(&self, user: u32) -> Fallible<()> {
        let entry = format!("uidgid {{\n  uid: {user}\n  gid: {user}\n}}\n");
        fs::write(self.folder.join("etc/uidgid.d/rig"), entry)?;
        self.must("corosync-cfgtool", &["-R"]).map(drop)
    }

    /// From now on programs in this node do not find Corosync's libraries; those at work have them.
    ///
    /// # Errors
    /// When they cannot be hidden.
    pub fn hide_libraries(&self) -> Fallible<()> {
        self.must("sh", &["-c", HIDE]).map(drop)
    }

    /// Undoes [`Corosync::hide_libraries`].
    ///
    /// # Errors
    /// When it cannot be undone.
    pub fn show_libraries(&self) -> Fallible<()> {
        let undo = "umount \"$(dirname \"$(ldconfig -p | sed -n 's/.*libc.so.6 .*=> //p' | head -n 1)\")\"";
        self.must("sh", &["-c", undo]).map(drop)
    }

    /// Runs a program in the node; gives what it printed.
    ///
    /// # Errors
    /// When it fails; the text has what it said.
    pub fn must(&self, program: &str, arguments: &[&str]) -> Fallible<String> {
        let output = self.command(program).args(arguments).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(Error(format!(
                "{program} {}: {}\n{}{}",
                arguments.join(" "),
                output.status,
                text(&output.stdout),
                text(&output.stderr)
            ))),
        }
    }

    /// Its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log/corosync.log")).unwrap_or_default()
    }

    /// Stops it in order, as its service does.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Fallible<()> {
        let mut command = self.command("corosync-cfgtool");
        command
            .args(["-H", "--force"])
            .stdout(Stdio::null())
            .status()?;
        self.wait_end()
    }

    /// Kills it. Tells when.
    ///
    /// # Errors
    /// When it does not run, or does not end.
    pub fn kill(&mut self) -> Fallible<Instant> {
        let at = Instant::now();
        self.signal(Signal::KILL)?;
        self.wait_end().map(|()| at)
    }

    /// It stands still.
    ///
    /// # Errors
    /// When it does not run.
    pub fn suspend(&mut self) -> Fallible<()> {
        self.signal(Signal::STOP)
    }

    /// It goes on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&mut self) -> Fallible<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&mut self, signal: Signal) -> Fallible<()> {
        let Some(child) = &mut self.process else {
            return Err(Error("Corosync does not run".into()));
        };
        kill_process(Pid::from_child(child), signal).map_err(|error| Error::doing("signal", error))
    }

    fn wait_end(&mut self) -> Fallible<()> {
        let Some(mut child) = self.process.take() else {
            return Ok(());
        };
        until(END_WAIT, "Corosync ends", || match child.try_wait() {
            Ok(Some(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        })
    }
}

impl Drop for Corosync {
    fn drop(&mut self) {
        let children = self.process.iter_mut().chain([&mut self.holder]);
        for child in children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The ring's settings: a node is missed 2.2 s after it was last heard. By server: its name and the address of
/// each of its links.
pub(super) fn conf(servers: &[(String, Vec<IpAddr>)]) -> String {
    let mut text = String::from(
        "totem {\n  version: 2\n  cluster_name: rig\n  transport: knet\n  token: 1000\n  token_coefficient: 0\n}\n\
         system {\n  sched_rr: no\n  priority: 0\n}\n\
         logging {\n  to_stderr: no\n  to_syslog: no\n  to_logfile: yes\n  logfile: /var/log/corosync/corosync.log\n}\n\
         quorum {\n  provider: corosync_votequorum\n",
    );
    if servers.len() == 2 {
        text += "  two_node: 1\n";
    }
    text += "}\nnodelist {\n";
    for (at, (name, addresses)) in servers.iter().enumerate() {
        let _ = writeln!(text, "  node {{\n    name: {name}\n    nodeid: {}", at + 1);
        for (link, address) in addresses.iter().enumerate() {
            let _ = writeln!(text, "    ring{link}_addr: {address}");
        }
        text += "  }\n";
    }
    text + "}\n"
}
