//! What can be done to a cluster with Pacemaker, and waited for.

use super::super::{Cluster, Error, Fallible, until};
use super::{agents, cib};
use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The group.
pub const GROUP: &str = "web";
/// Its resources, in the order of their start.
pub const RESOURCES: [&str; 3] = ["vip", "store", "app"];

/// How long a program of Pacemaker may take; some of them wait without limit.
const PROGRAM_WAIT: &str = "60";
/// How long all nodes may take to see each other, and the group to run.
const START_WAIT: Duration = Duration::from_secs(120);

/// What the fence device does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fencing {
    /// It ends the node.
    Works,
    /// It says that it cannot.
    Refuses,
    /// It does not answer.
    Hangs,
}

impl Cluster {
    /// A program of the node, with a deadline.
    pub fn in_node(&self, server: usize, words: &[&str]) -> Fallible<Command> {
        let corosync = self.members[server].corosync.as_ref();
        let corosync = corosync.ok_or_else(|| Error("the plan has no nodes".into()))?;
        let mut command = corosync.command("timeout");
        command.arg(PROGRAM_WAIT).args(words).stdin(Stdio::null());
        Ok(command)
    }

    /// Runs a program in a node and waits for its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn try_in_node(&self, server: usize, words: &[&str]) -> Fallible<Output> {
        Ok(self.in_node(server, words)?.output()?)
    }

    /// Runs a program in a node that must succeed, such as `crm_resource`, and gives what it printed.
    ///
    /// # Errors
    /// When it fails; the text has what it printed.
    pub fn run_in_node(&self, server: usize, words: &[&str]) -> Fallible<String> {
        let output = self.try_in_node(server, words)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(Error(format!(
                "{}: {}\n{}{}",
                words.join(" "),
                output.status,
                text(&output.stdout),
                text(&output.stderr)
            ))),
        }
    }

    /// The server that the group's last resource runs on, as Pacemaker on `asked` says.
    ///
    /// # Errors
    /// When Pacemaker does not answer.
    pub fn group_at(&self, asked: usize) -> Fallible<Option<usize>> {
        let said = self.run_in_node(asked, &["crm_resource", "-W", "-r", RESOURCES[2]])?;
        let on = said
            .lines()
            .find_map(|line| line.split_once(" is running on: "));
        let name = on.map(|(_, node)| node.trim());
        let servers = &self.conf().servers;
        Ok(name.and_then(|name| servers.iter().position(|server| server.name == name)))
    }

    /// Waits until the group runs on `server`, as Pacemaker there says.
    ///
    /// # Errors
    /// When it does not in time; the text has Pacemaker's own picture.
    pub fn wait_group(&self, server: usize, limit: Duration) -> Fallible<()> {
        let name = &self.conf().servers[server].name;
        until(limit, &format!("the group runs on {name}"), || {
            match self.group_at(server) {
                Ok(Some(on)) if on == server => Ok(()),
                other => Err(format!("{other:?}\n{}", self.crm_mon(server))),
            }
        })
    }

    /// Waits until Pacemaker has nothing left to do, as it says on `asked`.
    ///
    /// # Errors
    /// When it has not in time.
    pub fn wait_settled(&self, asked: usize) -> Fallible<()> {
        self.run_in_node(asked, &["crm_resource", "--wait", "--timeout=50s"])
            .map_err(|error| Error(format!("{error}\n{}", self.crm_mon(asked))))
            .map(drop)
    }

    /// Waits until this many nodes are online and none is pending, as Pacemaker on `asked` says.
    ///
    /// # Errors
    /// When they are not in time.
    pub fn wait_online(&self, asked: usize, count: usize, limit: Duration) -> Fallible<()> {
        until(limit, &format!("{count} nodes are online"), || {
            let said = self
                .run_in_node(asked, &["crm_mon", "-1", "--output-as=xml"])
                .map_err(|error| error.0)?;
            let nodes = said.lines().filter(|line| line.contains("<node name="));
            let joined = nodes.filter(|line| {
                line.contains("online=\"true\"") && line.contains("pending=\"false\"")
            });
            let decided = said.contains("<current_dc present=\"true\"");
            match joined.count() == count && decided {
                true => Ok(()),
                false => Err(said),
            }
        })
    }

    /// Pacemaker's own picture on a server, or why there is none.
    pub fn crm_mon(&self, asked: usize) -> String {
        self.run_in_node(asked, &["crm_mon", "-1", "-r"])
            .unwrap_or_else(|error| error.0)
    }

    /// From now on this operation (`monitor`, `start`, `stop`) of the group's last resource fails on a server.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn fail_resource(&self, server: usize, operation: &str, why: &str) -> Fallible<()> {
        fs::write(self.fault(server, operation), why)?;
        Ok(())
    }

    /// From now on it does not.
    ///
    /// # Errors
    /// When it did not fail.
    pub fn mend_resource(&self, server: usize, operation: &str) -> Fallible<()> {
        fs::remove_file(self.fault(server, operation))?;
        Ok(())
    }

    fn fault(&self, server: usize, operation: &str) -> std::path::PathBuf {
        let name = &self.conf().servers[server].name;
        agents::faults(self.dir()).join(format!("{name}.{}.{operation}", RESOURCES[2]))
    }

    /// What the fence device does from now on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_fencing(&self, fencing: Fencing) -> Fallible<()> {
        let word = match fencing {
            Fencing::Works => "works",
            Fencing::Refuses => "refuses",
            Fencing::Hangs => "hangs",
        };
        fs::write(agents::fencing(self.dir()), word)?;
        Ok(())
    }

    /// Kills everything on a node at one moment: Pacemaker, Corosync, noroshi. Tells when.
    ///
    /// # Errors
    /// When something lives on.
    pub fn kill_node(&mut self, server: usize) -> Fallible<Instant> {
        let at = Instant::now();
        self.corosync(server).node.cut_power()?;
        self.see_dead(server).map(|()| at)
    }

    /// Waits until a node is dead that others have fenced.
    ///
    /// # Errors
    /// When it is not in time.
    pub fn wait_dead(&mut self, server: usize, limit: Duration) -> Fallible<()> {
        let node = &mut self.corosync(server).node;
        until(limit, "a node is fenced", || match node.has_power() {
            false => Ok(()),
            true => Err("it lives".into()),
        })?;
        self.see_dead(server)
    }

    fn see_dead(&mut self, server: usize) -> Fallible<()> {
        self.corosync(server).wait_end()?;
        self.members[server].pacemaker.wait_end()?;
        match &mut self.members[server].daemon {
            Some(daemon) => daemon.wait_end(super::STOP_WAIT).map(drop),
            None => Ok(()),
        }
    }

    /// Boots a node that is dead or has stopped: Corosync, Pacemaker, noroshi. Waits until noroshi answers and
    /// Pacemaker shows the node as online.
    ///
    /// # Errors
    /// When it does not come about.
    pub fn start_node(&mut self, server: usize) -> Fallible<()> {
        self.corosync(server).node.boot()?;
        let first = self.corosync(server).holder();
        self.members[server].launch.beside = Some(first);
        self.corosync(server).start()?;
        self.start_pacemaker(server)?;
        self.start(server)?;
        self.wait_joined(server, START_WAIT)
    }

    /// Waits until Pacemaker on a server shows that server as online.
    ///
    /// # Errors
    /// When it does not in time.
    pub fn wait_joined(&self, server: usize, limit: Duration) -> Fallible<()> {
        let name = &self.conf().servers[server].name;
        let own = format!("<node name=\"{name}\" ");
        until(limit, &format!("{name} is online"), || {
            let said = self
                .run_in_node(server, &["crm_mon", "-1", "--output-as=xml"])
                .map_err(|error| error.0)?;
            let mut lines = said.lines();
            let joined = lines.any(|line| {
                line.contains(&own)
                    && line.contains("online=\"true\"")
                    && line.contains("pending=\"false\"")
            });
            if joined { Ok(()) } else { Err(said) }
        })
    }

    /// Shuts a node down in order: noroshi, Pacemaker, Corosync.
    ///
    /// # Errors
    /// When one of them does not end.
    pub fn stop_node(&mut self, server: usize) -> Fallible<()> {
        self.terminate(server)?;
        self.stop_pacemaker(server)?;
        self.corosync(server).stop()?;
        self.corosync(server).node.cut_power()
    }

    /// Starts Pacemaker on a server whose Corosync runs, and waits for nothing.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_pacemaker(&mut self, server: usize) -> Fallible<()> {
        let member = &mut self.members[server];
        let corosync = member.corosync.as_ref();
        let corosync = corosync.ok_or_else(|| Error("the plan has no nodes".into()))?;
        member.pacemaker.spawn(corosync)
    }

    /// Stops Pacemaker on a server in order: its resources move away first.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop_pacemaker(&mut self, server: usize) -> Fallible<()> {
        self.members[server].pacemaker.stop()
    }

    /// Stops Pacemaker on all servers at one moment, as `pcs cluster stop --all` does, and then Corosync.
    ///
    /// # Errors
    /// When one of them does not end.
    pub fn stop_cluster(&mut self) -> Fallible<()> {
        let mut members = self.members.iter();
        members.try_for_each(|member| member.pacemaker.ask_to_stop())?;
        let mut members = self.members.iter_mut();
        members.try_for_each(|member| member.pacemaker.wait_end())?;
        (0..self.len()).try_for_each(|server| self.corosync(server).stop())
    }

    /// Starts both everywhere after that, and waits until Pacemaker on each server shows it as online.
    ///
    /// # Errors
    /// When they do not come up.
    pub fn start_cluster(&mut self) -> Fallible<()> {
        (0..self.len()).try_for_each(|server| self.corosync(server).start())?;
        (0..self.len()).try_for_each(|server| self.start_pacemaker(server))?;
        (0..self.len()).try_for_each(|server| self.wait_joined(server, START_WAIT))
    }

    /// Starts Pacemaker everywhere, loads the configuration and waits until the group runs.
    pub(in super::super) fn start_pacemakers(&mut self) -> Fallible<()> {
        for server in 0..self.len() {
            self.start_pacemaker(server)?;
        }
        self.wait_online(0, self.len(), START_WAIT)?;
        let names: Vec<&str> = self
            .conf()
            .servers
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        let text = cib::configuration(&names.join(","), names[0]);
        self.run_in_node(0, &["cibadmin", "-M", "--allow-create", "-X", &text])?;
        self.wait_group(0, START_WAIT)?;
        self.wait_settled(0)
    }
}
