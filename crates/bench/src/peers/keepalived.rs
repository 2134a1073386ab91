//! keepalived, as its package has it: three nodes that share one address by VRRP, in network namespaces of their own, with
//! `smtp_alert`.
//!
//! The node with the highest priority has the address; when it falls silent the next one takes it over and mails that.
//! Nothing is mailed of a node that has not had it.

use crate::stage::{NOTICE_WAIT, SERVERS, name};
use noroshi_sim::rig::{Error, Fallible, Netns, Outside, Shape, until};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PROGRAM: &str = "keepalived";
/// The end of the mail server's address.
const MAIL: u8 = 254;
/// The first election: three and a half times the default interval.
const ELECTION_WAIT: Duration = Duration::from_secs(20);
const END_WAIT: Duration = Duration::from_secs(10);
/// Who has the address while nobody is cut off.
const MASTER: usize = 0;

/// Says what to install if it is not there.
///
/// # Errors
/// When it is not there.
pub(super) fn available() -> Fallible<()> {
    let mut command = Command::new(PROGRAM);
    command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().map(drop).map_err(|_| {
        Error(format!(
            "the program {PROGRAM} is missing; apt-get install {PROGRAM}"
        ))
    })
}

/// How often the master says that it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timing {
    /// As without a word about it: every second.
    Default,
    /// Every 100 ms, as often as the service's heartbeats. keepalived.conf(5) takes fractions of a second for `advert_int`
    /// ("e.g. 0.92"); version 2 of VRRP, the default, knows whole seconds only (RFC 3768 section 5.3.7), so it is version 3.
    Tuned,
}

impl Timing {
    pub(super) fn word(self) -> &'static str {
        match self {
            Timing::Default => "default",
            Timing::Tuned => "tuned",
        }
    }
}

/// Three nodes. Its fields end in their order.
pub(super) struct Keepalived {
    nodes: Vec<Node>,
    outside: Outside,
    netns: Netns,
    _dir: TempDir,
}

impl Keepalived {
    /// Starts it and waits until the first node has the address.
    pub(super) fn up(timing: Timing) -> Fallible<Keepalived> {
        let netns = Netns::build(Shape {
            servers: SERVERS,
            paths: 2,
            ipv6: false,
        })?;
        let mail = netns.outside_address(MAIL);
        let outside = Outside::open(mail, &[], Some(&netns.outside()))?;
        let dir = tempfile::Builder::new().prefix("noroshi-").tempdir()?;
        let mut nodes = Vec::new();
        for server in 0..SERVERS {
            let folder = dir.path().join(name(server));
            fs::create_dir(&folder)?;
            fs::write(folder.join("conf"), settings(server, timing, &outside))?;
            nodes.push(Node::start(&netns.server(server), &folder)?);
        }
        let begun = Instant::now();
        let keepalived = Keepalived {
            nodes,
            outside,
            netns,
            _dir: dir,
        };
        keepalived
            .mail(begun - ELECTION_WAIT, MASTER, "MASTER", ELECTION_WAIT)
            .ok_or(Error(format!("{PROGRAM}: nobody took the address")))?;
        Ok(keepalived)
    }

    /// Cuts the node that has the address off everything. Tells how long it took until another one's mail was accepted.
    pub(super) fn cut(&self) -> Fallible<Duration> {
        let at = self.netns.unplug(MASTER)?;
        let mail = self.mail(at, MASTER + 1, "MASTER", NOTICE_WAIT);
        let took = mail.map_or(NOTICE_WAIT, |mail| mail - at);
        let back = self.netns.heal(MASTER)?;
        self.mail(back, MASTER + 1, "BACKUP", NOTICE_WAIT)
            .ok_or(Error(format!("{PROGRAM}: the address was not given back")))?;
        Ok(took)
    }

    /// The private dirty memory of each node, of all its processes.
    pub(super) fn private_dirty_kb(&self) -> Fallible<Vec<f64>> {
        self.nodes.iter().map(Node::private_dirty_kb).collect()
    }

    /// When a mail of this node with this word in its subject was accepted.
    fn mail(&self, from: Instant, server: usize, word: &str, limit: Duration) -> Option<Instant> {
        let by = format!("[{}]", name(server));
        let found = self.outside.wait(limit, "a mail", |mails, _| {
            let later = mails.iter().filter(|mail| mail.arrived >= from);
            let mut fits = later.filter(|mail| {
                mail.subject.contains(&by) && mail.subject.to_ascii_uppercase().contains(word)
            });
            fits.next().map(|mail| mail.arrived)
        });
        found.ok()
    }
}

fn settings(server: usize, timing: Timing, outside: &Outside) -> String {
    let inbox = outside.mail_address();
    let (ip, port, own) = (inbox.ip(), inbox.port(), name(server));
    let priority = 150 - 50 * server;
    let (version, interval) = match timing {
        Timing::Default => ("", ""),
        Timing::Tuned => ("  vrrp_version 3\n", "  advert_int 0.1\n"),
    };
    format!(
        "global_defs {{\n  router_id {own}\n{version}  notification_email {{\n    ops@example.com\n  }}\n\
         \x20 notification_email_from keepalived@example.com\n  smtp_server {ip} {port}\n}}\n\
         vrrp_instance service {{\n  state BACKUP\n  interface e0\n  virtual_router_id 51\n\
         \x20 priority {priority}\n{interval}  smtp_alert\n  virtual_ipaddress {{\n    198.18.0.250/24\n  }}\n}}\n"
    )
}

/// One node's processes: the parent, and the one that speaks VRRP.
struct Node(Child);

impl Node {
    fn start(space: &str, folder: &Path) -> Fallible<Node> {
        let log = File::create(folder.join("log"))?;
        let file = |name: &str| folder.join(name).display().to_string();
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", space, PROGRAM])
            .args(["--dont-fork", "--log-console", "--vrrp"])
            .arg(format!("--use-file={}", file("conf")))
            .arg(format!("--pid={}", file("pid")))
            .arg(format!("--vrrp_pid={}", file("vrrp.pid")));
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(Node(command.spawn()?))
    }

    fn private_dirty_kb(&self) -> Fallible<f64> {
        // `ip netns exec` has become the parent.
        let parent = self.0.id();
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
        let mut pids = vec![parent.to_string()];
        pids.extend(children.split_whitespace().map(str::to_owned));
        pids.iter().map(|pid| super::private_dirty_kb(pid)).sum()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // On SIGTERM it ends its children.
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let ended = until(END_WAIT, "keepalived ends", || match self.0.try_wait() {
            Ok(Some(_)) => Ok(()),
            _ => Err(String::new()),
        });
        if ended.is_err() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
