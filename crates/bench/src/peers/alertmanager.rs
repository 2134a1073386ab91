//! Prometheus Alertmanager, as its package has it, with a configuration that mails each alert by itself at once.

use super::{Peer, Way, wait_ready};
use noroshi_sim::rig::{Error, Fallible, Lane, Outside};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const PROGRAM: &str = "prometheus-alertmanager";
const READY_WAIT: Duration = Duration::from_secs(30);
/// The end of its address in the lane, and that of its mail server.
const ENDS: [u8; 2] = [1, 254];
const PORT: u16 = 9_093;

pub(super) struct Alertmanager {
    child: Option<Child>,
    address: SocketAddr,
    outside: Outside,
    dir: TempDir,
    _lane: Lane,
}

impl Alertmanager {
    pub(super) fn up() -> Fallible<Alertmanager> {
        let mut command = Command::new(PROGRAM);
        command
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if command.status().is_err() {
            return Err(Error(format!(
                "the program {PROGRAM} is missing; apt-get install {PROGRAM}"
            )));
        }
        let lane = Lane::take()?;
        let [own, mail] = ENDS.map(|end| lane.address(end));
        let outside = Outside::open(mail, &[], None)?;
        let dir = tempfile::Builder::new().prefix("noroshi-").tempdir()?;
        fs::write(
            dir.path().join("alertmanager.yml"),
            settings(outside.mail_address()),
        )?;
        let mut alertmanager = Alertmanager {
            child: None,
            address: SocketAddr::new(own, PORT),
            outside,
            dir,
            _lane: lane,
        };
        alertmanager.start()?;
        Ok(alertmanager)
    }
}

/// Every alert is a group of its own, which is not waited for.
fn settings(inbox: SocketAddr) -> String {
    format!(
        "global:\n  smtp_smarthost: '{inbox}'\n  smtp_from: 'alertmanager@example.com'\n  smtp_require_tls: false\n\
         route:\n  receiver: mail\n  group_by: ['...']\n  group_wait: 0s\n  group_interval: 1s\n  repeat_interval: 24h\n\
         receivers:\n- name: mail\n  email_configs:\n  - to: 'ops@example.com'\n    send_resolved: false\n"
    )
}

impl Peer for Alertmanager {
    fn name(&self) -> &'static str {
        "Alertmanager"
    }

    fn way(&self) -> Way {
        Way::Http(self.address)
    }

    fn outside(&self) -> &Outside {
        &self.outside
    }

    fn private_dirty_kb(&mut self) -> Fallible<f64> {
        let pid = self.child.as_ref().map_or(0, Child::id);
        super::private_dirty_kb(&pid.to_string())
    }

    fn kill(&mut self) -> Fallible<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    fn start(&mut self) -> Fallible<()> {
        let dir = self.dir.path();
        let log = File::options()
            .create(true)
            .append(true)
            .open(dir.join("log"))?;
        let mut command = Command::new(PROGRAM);
        command
            .arg(format!(
                "--config.file={}",
                dir.join("alertmanager.yml").display()
            ))
            .arg(format!("--storage.path={}", dir.join("data").display()))
            .arg(format!("--web.listen-address={}", self.address))
            // One alone, as the service here.
            .arg("--cluster.listen-address=");
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        self.child = Some(command.spawn()?);
        let way = self.way();
        wait_ready(&way, READY_WAIT).map_err(|error| {
            let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
            Error(format!("{error}\n{log}"))
        })
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
