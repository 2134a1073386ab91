//! A real Pacemaker beside each Corosync of a rig, with a group, a fence device and noroshi's alert.
//!
//! *Use.* [`Plan::pacemaker`](super::Plan::pacemaker), then the calls in `cluster.rs`: kill a node and start it
//! again, make a resource's operation fail, make the fence device refuse, run Pacemaker's own programs in a node.
//! The group [`GROUP`] is a floating IP address `vip`, `store` (Pacemaker's Dummy) and `app`, an agent of the
//! rig's whose operations fail as told. It runs on the first server at first, and stays where it is.
//! Node names are the servers'. The fence device really ends the node: all its processes, at one moment.
//!
//! *Failure.* Each call says what the program that it ran has said. Dropping a node ends all of it.

mod agents;
mod cib;
mod cluster;

pub use cluster::{Fencing, GROUP, RESOURCES};

use super::node::Inside;
use super::{Corosync, Error, Fallible};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Pacemaker's user and group, which its package makes.
const USER: &str = "hacluster";
/// How long a stop in order may take: resources move away first.
const STOP_WAIT: Duration = Duration::from_secs(120);
/// Programs that it takes, and a file of a package without any.
const PROGRAMS: [&str; 6] = [
    "pacemakerd",
    "crm_mon",
    "crm_resource",
    "crm_attribute",
    "cibadmin",
    "stonith_admin",
];
const IP_AGENT: &str = "/usr/lib/ocf/resource.d/heartbeat/IPaddr2";

/// Pacemaker on one node.
#[derive(Debug, Default)]
pub struct Pacemaker {
    process: Option<Inside>,
}

impl Pacemaker {
    /// Whether it can be had here; else what is missing.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn available() -> Result<(), String> {
        for program in PROGRAMS {
            let mut command = Command::new(program);
            command.arg("--version");
            command.stdout(Stdio::null()).stderr(Stdio::null());
            if command.status().is_err() {
                return Err(format!("the program {program} is missing"));
            }
        }
        if !Path::new(IP_AGENT).exists() {
            return Err(format!("{IP_AGENT} is missing (package resource-agents)"));
        }
        let kinds = fs::read_to_string("/proc/filesystems").unwrap_or_default();
        if !kinds.lines().any(|line| line.ends_with("\toverlay")) {
            return Err("the kernel has no overlay file system".into());
        }
        Corosync::available()
    }

    /// Makes the folders of a node's Pacemaker in the node's folder, its first configuration and its agents; `dir`
    /// is the rig's.
    pub(super) fn prepare(folder: &Path, dir: &Path) -> Fallible<()> {
        let ours = folder.join("pacemaker");
        let (lib, log) = (ours.join("lib"), ours.join("log"));
        for part in ["blackbox", "cib", "cores", "pengine"] {
            fs::create_dir_all(lib.join(part))?;
        }
        fs::create_dir_all(log.join("bundles"))?;
        fs::write(lib.join("cib/cib.xml"), cib::FIRST)?;
        fs::set_permissions(lib.join("cib/cib.xml"), PermissionsExt::from_mode(0o600))?;
        let mut owner = Command::new("chown");
        owner.args(["-R", &format!("{USER}:haclient")]);
        let status = owner.args([&lib, &log]).status()?;
        if !status.success() {
            return Err(Error(format!("chown to {USER}: {status}")));
        }
        agents::write(&ours, dir)
    }

    /// Starts it in a node and waits for nothing.
    pub(super) fn spawn(&mut self, corosync: &Corosync) -> Fallible<()> {
        let mut command = corosync.command("pacemakerd");
        command
            .env("PCMK_logfile", "/var/log/pacemaker/pacemaker.log")
            .env("PCMK_logfacility", "none");
        command.stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(Inside::spawn(&mut command)?);
        Ok(())
    }

    /// Stops it in order, as its service does: its resources move away first.
    pub(super) fn stop(&mut self) -> Fallible<()> {
        self.ask_to_stop()?;
        self.wait_end()
    }

    /// The same without waiting for its end.
    pub(super) fn ask_to_stop(&self) -> Fallible<()> {
        match &self.process {
            Some(process) => process.signal(Signal::TERM),
            None => Ok(()),
        }
    }

    /// It has ended, or is about to.
    pub(super) fn wait_end(&mut self) -> Fallible<()> {
        match self.process.take() {
            Some(mut process) => process.wait_end(STOP_WAIT, "Pacemaker"),
            None => Ok(()),
        }
    }
}

/// Gives a directory to Pacemaker's user, as `noroshi engine setup corosync` does.
pub(super) fn give(dir: &Path) -> Fallible<()> {
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users
        .lines()
        .find_map(|line| line.strip_prefix("hacluster:"));
    let uid = line.and_then(|rest| rest.split(':').nth(1)?.parse().ok());
    let uid: u32 = uid.ok_or_else(|| Error(format!("there is no user {USER}")))?;
    chown(dir, Some(uid), None)?;
    fs::set_permissions(dir, PermissionsExt::from_mode(0o2770))?;
    Ok(())
}
