//! A real Corosync for each server of a rig in network namespaces.
//!
//! Each runs in a node's own namespaces ([`super::node`]).
//!
//! *Failure.* Starting fails with what the programs said. Dropping it ends Corosync and its node.

use super::node::{Inside, Make, Node};
use super::{Error, Fallible, until};
use rustix::process::Signal;
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long Corosync may take to be asked, on a busy machine.
const START_WAIT: Duration = Duration::from_secs(30);
const END_WAIT: Duration = Duration::from_secs(20);

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
    pub(super) node: Node,
    process: Option<Inside>,
    folder: PathBuf,
}

impl Corosync {
    /// Whether it can be had here; else what is missing.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn available() -> Result<(), String> {
        for program in [
            "corosync",
            "corosync-cfgtool",
            "nsenter",
            "unshare",
            "flock",
        ] {
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
    pub(super) fn prepare(make: Make, conf: &str) -> Fallible<Corosync> {
        let folder = make.folder.clone();
        for part in ["etc/uidgid.d", "lib", "log"] {
            fs::create_dir_all(folder.join(part))?;
        }
        fs::write(folder.join("etc/corosync.conf"), conf)?;
        Ok(Corosync {
            node: Node::make(make)?,
            process: None,
            folder,
        })
    }

    /// The process whose namespaces are the node's.
    pub fn holder(&self) -> u32 {
        self.node.first()
    }

    /// A command within the node.
    pub fn command(&self, program: &str) -> Command {
        self.node.command(program)
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
        command.arg("-f");
        command.stdin(null()).stdout(null()).stderr(null());
        self.process = Some(Inside::spawn(&mut command)?);
        Ok(())
    }

    /// Lets a user speak with the running Corosync.
    ///
    /// # Errors
    /// When it does not take that.
    pub fn permit(&self, user: u32) -> Fallible<()> {
        self.admit(user)?;
        self.must("corosync-cfgtool", &["-R"]).map(drop)
    }

    /// Lets a user speak with Corosync from its next start on.
    ///
    /// # Errors
    /// When the entry cannot be written.
    pub fn admit(&self, user: u32) -> Fallible<()> {
        let entry = format!("uidgid {{\n  uid: {user}\n  gid: {user}\n}}\n");
        Ok(fs::write(self.folder.join("etc/uidgid.d/rig"), entry)?)
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
        match &self.process {
            Some(process) => process.signal(signal),
            None => Err(Error("Corosync does not run".into())),
        }
    }

    /// It has ended, or is about to.
    pub(super) fn wait_end(&mut self) -> Fallible<()> {
        match self.process.take() {
            Some(mut process) => process.wait_end(END_WAIT, "Corosync"),
            None => Ok(()),
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
