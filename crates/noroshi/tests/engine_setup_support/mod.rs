//! Nodes with a real Corosync and Pacemaker, and with users, directories and settings of their own.

use super::e2e::*;
use noroshi_sim::rig::Pacemaker;
use std::fs::File;
use std::process::Output;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A deadline for what a cluster on a busy machine may need several rounds for.
pub(crate) const CLUSTER: Duration = Duration::from_secs(120);
pub(crate) const GUIDE: &str = include_str!("../../../../docs/en/operator.md");

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Nodes at work on which nothing of noroshi is but its program.
pub(crate) struct Hosts {
    pub(crate) cluster: Cluster,
    _turn: MutexGuard<'static, ()>,
}

pub(crate) fn hosts(servers: usize) -> Option<Hosts> {
    if let Err(why) = Pacemaker::available() {
        let required = std::env::var("NOROSHI_REQUIRE_ALL").is_ok_and(|value| value == "1");
        assert!(!required, "NOROSHI_REQUIRE_ALL is set, but {why}");
        eprintln!("skipped: {why}");
        return None;
    }
    let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut cluster = plan().servers(servers).pacemaker().prepare().unwrap();
    for server in 0..servers {
        cluster.own_host(server).unwrap();
    }
    cluster.start_nodes().unwrap();
    // The rig's own.
    let alert = "<alert id=\"noroshi\"/>";
    let delete = ["cibadmin", "-o", "alerts", "-D", "-X", alert];
    cluster.run_in_node(0, &delete).unwrap();
    Some(Hosts {
        cluster,
        _turn: turn,
    })
}

impl Hosts {
    /// Runs a command in a node as root; what it printed on both.
    pub(crate) fn run(&self, server: usize, words: &[&str]) -> (bool, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = self.cluster.try_in_node(server, words).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (status.success(), text(&stdout) + &text(&stderr))
    }

    pub(crate) fn must(&self, server: usize, words: &[&str]) -> String {
        let (done, said) = self.run(server, words);
        assert!(done, "{words:?}: {said}");
        said
    }

    pub(crate) fn must_not(&self, server: usize, words: &[&str]) -> String {
        let (done, said) = self.run(server, words);
        assert!(!done, "{words:?}: {said}");
        said
    }

    /// The user of the operator's guide, by its command.
    pub(crate) fn add_user(&self, server: usize) {
        let line = GUIDE.split('`').find(|text| text.starts_with("useradd "));
        let words: Vec<&str> = line.unwrap().split_whitespace().collect();
        self.must(server, &words);
    }

    /// Owner, group and mode.
    pub(crate) fn owner(&self, server: usize, path: &str) -> String {
        let said = self.must(server, &["stat", "-c", "%U:%G %a", path]);
        said.trim().to_owned()
    }

    /// Everything that a setup may change.
    pub(crate) fn state(&self, server: usize) -> String {
        let look = "cat /etc/passwd /etc/group; cd /; find etc/corosync etc/noroshi var/lib/noroshi \
            usr/local/bin -printf '%p %u %g %m %l %s\\n' 2>/dev/null | sort; cat etc/noroshi/* \
            etc/corosync/uidgid.d/* 2>/dev/null; corosync-cmapctl | grep uidgid; cibadmin -Q -o alerts";
        self.run(server, &["sh", "-c", look]).1
    }

    /// Starts the daemon as the unit in the operator's guide says.
    pub(crate) fn start_unit(&mut self, server: usize) {
        self.start_unit_of(GUIDE, server);
    }

    pub(crate) fn start_unit_of(&mut self, guide: &str, server: usize) {
        let unit = |key: &str| -> Vec<&str> {
            let lines = guide.lines().filter_map(|line| line.strip_prefix(key));
            lines.filter_map(|rest| rest.strip_prefix('=')).collect()
        };
        let one = |key: &str| {
            let found = unit(key);
            assert_eq!(found.len(), 1, "{key}");
            found[0]
        };
        let user = one("User");
        let mut script = String::from("set -e\n");
        for (key, below) in [
            ("Runtime", "/run"),
            ("State", "/var/lib"),
            ("Logs", "/var/log"),
        ] {
            let path = format!("{below}/{}", one(&format!("{key}Directory")));
            let mode = one(&format!("{key}DirectoryMode"));
            script += &format!(
                "mkdir -p {path}; chmod {mode} {path}\n\
                 [ \"$(stat -c %U:%G {path})\" = {user}:{user} ] || chown -R {user}:{user} {path}\n"
            );
        }
        let cap = |key: &str| {
            let word = one(key).trim_start_matches("CAP_").to_ascii_lowercase();
            format!("-all,+{word}")
        };
        let (ambient, bound) = (cap("AmbientCapabilities"), cap("CapabilityBoundingSet"));
        script += &format!(
            "cd /; exec setpriv --reuid {user} --regid {user} --init-groups --inh-caps={ambient} \
             --ambient-caps={ambient} --bounding-set={bound} -- env -i LANG=C.UTF-8 \
             PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin {}",
            one("ExecStart")
        );
        let log = self.log_file(server);
        let open = || File::options().create(true).append(true).open(&log);
        let mut command = self.cluster.corosync(server).command("sh");
        command.args(["-c", &script]);
        command.stdout(open().unwrap()).stderr(open().unwrap());
        let mut child = command.spawn().unwrap();
        // Its end is seen by whoever waits for it; the node ends it at the latest.
        std::thread::spawn(move || child.wait());
    }

    fn log_file(&self, server: usize) -> std::path::PathBuf {
        self.cluster.dir().join(format!("unit{server}.log"))
    }

    pub(crate) fn logs(&self) -> String {
        let read = |server| std::fs::read_to_string(self.log_file(server)).unwrap_or_default();
        (0..self.cluster.len()).map(read).collect()
    }

    /// Stops the daemon in order.
    pub(crate) fn stop_unit(&self, server: usize) {
        let pid = self.must(server, &["cat", "/run/noroshi/noroshi.lock"]);
        self.must(server, &["kill", pid.trim()]);
        let gone = until(LATER, "the service ends", || {
            match self.run(server, &["kill", "-0", pid.trim()]).0 {
                false => Ok(()),
                true => Err(self.logs()),
            }
        });
        gone.unwrap();
    }

    /// Waits until a server's service sees all servers up and the group on this one.
    pub(crate) fn wait_sees(&self, server: usize, group_on: &str) {
        let seen = until(CLUSTER, "the service sees ring and group", || {
            let (_, said) = self.run(server, &["noroshi", "status", "--json"]);
            let status: serde_json::Value =
                serde_json::from_str(&said).map_err(|error| format!("{error}: {said}"))?;
            let servers = status["servers"].as_array().cloned().unwrap_or_default();
            let up = servers.iter().all(|one| one["state"] == "up");
            let on = &status["pacemaker"]["groups"][0]["current"][0];
            match !servers.is_empty() && up && on == group_on {
                true => Ok(()),
                false => Err(said),
            }
        });
        seen.unwrap_or_else(|error| panic!("{error}\n{}", self.logs()));
    }

    pub(crate) fn wait_mail(&self, words: &str) {
        let told = self
            .cluster
            .wait_mail(CLUSTER, |mail| mail.body.contains(words));
        told.unwrap_or_else(|error| panic!("{words}: {error}\n{}", self.logs()));
    }
}
