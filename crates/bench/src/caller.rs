//! Calls of the alert agent as Pacemaker makes them: an environment, no arguments, another user.
//!
//! *Use.* [`Caller::prepare`] before the daemon starts: it makes the directory for Pacemaker's events as
//! `noroshi engine setup corosync` does, and puts a `crm_mon` of ours into the daemon's path, which shows a cluster at
//! work. Then [`Caller::call`], from any thread.
//!
//! *Failure.* Without root, or without Pacemaker's user, the calls are made as the user of the bench or as `nobody`;
//! [`Caller::whose`] says which.

use crate::machine;
use crate::stage::{SERVERS, name};
use noroshi_sim::rig::{Cluster, Error, Fallible};
use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Pacemaker's user.
const PACEMAKER: &str = "hacluster";
/// Who stands in for it where there is none.
const STAND_IN: (&str, u32, u32) = ("nobody", 65_534, 65_534);
/// The name that Pacemaker calls.
const AGENT: &str = "noroshi-pacemaker-alert";
/// Groups of the cluster that our `crm_mon` shows.
const GROUPS: usize = 10;

/// One way to call the agent of one server.
pub(crate) struct Caller {
    agent: PathBuf,
    user: Option<(&'static str, u32, u32)>,
    /// The directory for Pacemaker's events.
    pub(crate) dir: PathBuf,
    node: String,
}

/// What a call reports: how one operation of a resource ended.
pub(crate) struct Event<'a> {
    /// Rises with each call of a node.
    pub(crate) sequence: usize,
    pub(crate) resource: &'a str,
    /// What the resource's agent said; 0 is well, 7 is "not running".
    pub(crate) rc: u8,
}

impl Caller {
    /// Makes what a call needs on a server whose daemon does not run yet; `resources` are shown in groups there.
    ///
    /// # Errors
    /// When something of it cannot be made.
    pub(crate) fn prepare(
        cluster: &Cluster,
        server: usize,
        resources: &[String],
    ) -> Fallible<Caller> {
        let home = cluster.home(server);
        let root = home.root().ok_or(Error("a rig has a home".into()))?;
        let dir = home.pacemaker();
        let agents = cluster.dir().join("agent");
        let programs = root.join("bin");
        for made in [&dir, &agents, &programs] {
            fs::create_dir_all(made)?;
        }
        // The bench's own folder is closed to all others.
        let above = dir.ancestors().skip(1);
        for passed in above.take_while(|above| above.starts_with(cluster.dir())) {
            open(passed, 0o711)?;
        }
        let agent = agents.join(AGENT);
        fs::copy(&cluster.launch(server).executable, &agent)?;
        open(&agent, 0o755)?;
        machine::settle_executable(&agent)?;
        fs::write(root.join("shown.xml"), shown(server, resources))?;
        let crm_mon = programs.join("crm_mon");
        fs::write(
            &crm_mon,
            "#!/bin/sh\nexec cat \"$NOROSHI_HOME/shown.xml\"\n",
        )?;
        open(&crm_mon, 0o755)?;
        let user = rustix::process::geteuid()
            .is_root()
            .then(|| user(PACEMAKER).unwrap_or(STAND_IN));
        if let Some((_, uid, _)) = user {
            let own_group = rustix::process::getegid().as_raw();
            lchown(&dir, Some(uid), Some(own_group))?;
        }
        open(&dir, 0o2770)?;
        Ok(Caller {
            agent,
            user,
            dir,
            node: name(server),
        })
    }

    /// As whom it calls, for people.
    pub(crate) fn whose(&self) -> String {
        match self.user {
            Some((name, ..)) => format!("called as {name}"),
            None => "called as the user of the bench, for want of root".into(),
        }
    }

    /// One call, from before the process is made until it has ended. Tells when it began, and how long it took.
    ///
    /// # Errors
    /// When the agent cannot be started, or says that the event is lost.
    pub(crate) fn call(&self, event: &Event<'_>) -> Fallible<(Instant, Duration)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default();
        let description = if event.rc == 0 { "ok" } else { "not running" };
        let mut command = Command::new(&self.agent);
        command.env_clear();
        // All that Pacemaker 2.1 hands over with an operation.
        for (key, value) in [
            ("version", "2.1.5".to_owned()),
            ("kind", "resource".to_owned()),
            ("recipient", self.dir.to_string_lossy().into_owned()),
            ("node", self.node.clone()),
            ("nodeid", "1".to_owned()),
            ("node_sequence", event.sequence.to_string()),
            ("rsc", event.resource.to_owned()),
            ("task", "monitor".to_owned()),
            ("interval", "10000".to_owned()),
            ("rc", event.rc.to_string()),
            ("target_rc", "0".to_owned()),
            ("status", "0".to_owned()),
            ("exec_time", "12".to_owned()),
            ("desc", description.to_owned()),
            ("timestamp", "12:00:00.000000".to_owned()),
            ("timestamp_epoch", now.as_secs().to_string()),
            ("timestamp_usec", now.subsec_micros().to_string()),
        ] {
            command.env(format!("CRM_alert_{key}"), value);
        }
        self.timed(command)
    }

    /// The same of a program that does nothing: the part of the machine in a call.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn call_nothing(&self) -> Fallible<(Instant, Duration)> {
        let mut command = Command::new("/bin/true");
        command.env_clear();
        self.timed(command)
    }

    fn timed(&self, mut command: Command) -> Fallible<(Instant, Duration)> {
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        if let Some((_, uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        let begin = Instant::now();
        let status = command.status()?;
        let took = begin.elapsed();
        match status.success() {
            true => Ok((begin, took)),
            false => Err(Error(format!("{}: {status}", self.agent.display()))),
        }
    }

    /// How many events wait on disk.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(crate) fn waiting(&self) -> Fallible<usize> {
        let mut count = 0;
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            count += usize::from(name.to_string_lossy().ends_with(".report"));
        }
        Ok(count)
    }
}

fn open(path: &Path, mode: u32) -> Fallible<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(|error| Error::doing(path.display(), error))
}

fn user(name: &'static str) -> Option<(&'static str, u32, u32)> {
    let text = fs::read_to_string("/etc/passwd").ok()?;
    let line = text.lines().find_map(|line| {
        let (found, rest) = line.split_once(':')?;
        (found == name).then_some(rest)
    })?;
    let mut fields = line.split(':').skip(1).map(str::parse);
    Some((name, fields.next()?.ok()?, fields.next()?.ok()?))
}

/// What `crm_mon` prints of a cluster at work whose resources all run on `server`.
fn shown(server: usize, resources: &[String]) -> String {
    let on = name(server);
    let mut text = format!(
        "<pacemaker-result><summary><current_dc present=\"true\" name=\"{on}\" with_quorum=\"true\"/></summary><nodes>"
    );
    for other in 0..SERVERS {
        let name = name(other);
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "<node name=\"{name}\" online=\"true\" unclean=\"false\" expected_up=\"true\"/>"
        );
    }
    text.push_str("</nodes><resources>");
    for (number, members) in resources
        .chunks(resources.len().div_ceil(GROUPS).max(1))
        .enumerate()
    {
        let _ = write!(
            text,
            "<group id=\"g{number}\" managed=\"true\" disabled=\"false\">"
        );
        for member in members {
            let _ = write!(
                text,
                "<resource id=\"{member}\" resource_agent=\"ocf:pacemaker:Dummy\" role=\"Started\" \
                 active=\"true\"><node name=\"{on}\"/></resource>"
            );
        }
        text.push_str("</group>");
    }
    text + "</resources></pacemaker-result>"
}
