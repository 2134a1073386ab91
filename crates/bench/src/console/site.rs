//! The cluster whose consoles are measured: three servers with 100,000 alerts each, and a signed-in user.

use super::web::Web;
use crate::options::Options;
use crate::raise::{accepted, request};
use crate::stage::{SERVERS, Stage, plan};
use noroshi_core::alert::Destinations;
use noroshi_core::time::WallTime;
use noroshi_daemon::store::{STORE_FILE, fill};
use noroshi_sim::rig::{Error, Fallible, until};
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

/// Alerts in each server's view.
pub(crate) const ALERTS: u32 = 100_000;
/// What the alert view keeps: none of those goes while others come.
const ALERTS_KEPT_MAX: u32 = 200_000;
const PORT: u16 = 29_003;
const USER: &str = "bench";
const PASSWORD: &str = "only for this cluster";
/// How long consoles may take to come up.
const UP_WAIT: Duration = Duration::from_secs(60);

/// A cluster with consoles.
pub(crate) struct Site {
    pub(crate) stage: Stage,
    /// The user's cookie at each server's console.
    cookies: Vec<String>,
}

impl Site {
    /// Fills the alert views, starts the cluster and signs in everywhere.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) fn up(options: &Options) -> Fallible<Site> {
        let plan = plan(options).tune(|conf| {
            conf.console = true;
            conf.alert_records_max = Some(ALERTS_KEPT_MAX);
        });
        let stage = Stage::prepare(plan)?;
        fill_all(&stage)?;
        let stage = stage.start()?;
        add_user(&stage)?;
        let mut site = Site {
            stage,
            cookies: Vec::new(),
        };
        for server in 0..SERVERS {
            let cookie = until(UP_WAIT, "a console lets the user in", || {
                site.sign_in(server).map_err(|error| error.0)
            });
            site.cookies.push(cookie?);
        }
        Ok(site)
    }

    /// Where a server's console listens.
    pub(crate) fn address(&self, server: usize) -> SocketAddr {
        let place = self.stage.cluster.conf().servers[server].addresses[0];
        SocketAddr::new(place, PORT)
    }

    /// The cookie of the session at a server's console.
    pub(crate) fn cookie(&self, server: usize) -> &str {
        &self.cookies[server]
    }

    /// The signed-in user at a server's console, on a connection of its own.
    ///
    /// # Errors
    /// When it does not listen.
    pub(crate) fn visit(&self, server: usize) -> Fallible<Web> {
        Web::connect(self.address(server), self.cookie(server))
    }

    fn sign_in(&self, server: usize) -> Fallible<String> {
        let mut web = Web::connect(self.address(server), "")?;
        let form = format!("name={USER}&password={}", PASSWORD.replace(' ', "+"));
        let kind = "application/x-www-form-urlencoded";
        let answer = web.ask("POST", "/sign-in", kind, &form)?;
        let cookie = answer
            .header("set-cookie")
            .and_then(|it| it.split(';').next());
        match (answer.status, cookie) {
            (303, Some(cookie)) => Ok(cookie.to_owned()),
            (status, _) => Err(Error(format!("sign-in: {status}"))),
        }
    }

    /// Raises an alert on a server; tells when that began and when it was on disk.
    ///
    /// # Errors
    /// When it is not taken.
    pub(crate) fn raise(
        &self,
        server: usize,
        text: &str,
        mail: bool,
    ) -> Fallible<(Instant, Instant)> {
        let told = Destinations {
            alert: true,
            mail,
            ..Destinations::default()
        };
        let begin = Instant::now();
        let reply = self
            .stage
            .cluster
            .client(server)?
            .change(request(text, told));
        accepted(reply.map_err(|trouble| Error::doing("raise", trouble))?)?;
        Ok((begin, Instant::now()))
    }

    /// The row of the newest alert of a server's view.
    ///
    /// # Errors
    /// When the daemon does not answer.
    pub(crate) fn newest(&self, server: usize) -> Fallible<u64> {
        let page = self.stage.cluster.client(server)?.page(
            1,
            noroshi_daemon::control::AlertFilter::default(),
            None,
            None,
        );
        Ok(page
            .map_err(|trouble| Error::doing("alerts", trouble))?
            .newest)
    }

    /// Private dirty memory of a server's daemon in kB.
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) fn daemon_kb(&mut self, server: usize) -> Fallible<f64> {
        Ok(self.stage.cluster.daemon(server).private_dirty_kb()? as f64)
    }

    /// A file of `/proc` of a server's console.
    ///
    /// # Errors
    /// When its daemon has no child.
    pub(crate) fn console_proc(&mut self, server: usize) -> Fallible<PathBuf> {
        let parent = self.stage.cluster.daemon(server).pid().to_string();
        for entry in fs::read_dir("/proc")? {
            let place = entry?.path();
            // The name in brackets may hold anything (proc_pid_stat(5)).
            let stat = fs::read_to_string(place.join("stat")).unwrap_or_default();
            let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
            if fields.split_whitespace().nth(1) == Some(&parent) {
                return Ok(place);
            }
        }
        Err(Error(format!("process {parent} has no console")))
    }

    /// Private dirty memory of a server's console in kB.
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) fn console_kb(&mut self, server: usize) -> Fallible<f64> {
        let text = fs::read_to_string(self.console_proc(server)?.join("smaps_rollup"))?;
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix("Private_Dirty:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.ok_or_else(|| Error("smaps_rollup has no Private_Dirty".into()))
    }

    /// How many files and sockets a server's console has open.
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) fn console_files(&mut self, server: usize) -> Fallible<usize> {
        Ok(fs::read_dir(self.console_proc(server)?.join("fd"))?.count())
    }
}

fn fill_all(stage: &Stage) -> Fallible<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_millis());
    let until = WallTime(i64::try_from(now).unwrap_or(i64::MAX));
    let first = stage.cluster.home(0);
    for server in 0..SERVERS {
        stage.cluster.home(server).prepare()?;
    }
    fill(&first.var(), ALERTS, until).map_err(Error)?;
    for server in 1..SERVERS {
        let copy = stage.cluster.home(server).var().join(STORE_FILE);
        fs::copy(first.var().join(STORE_FILE), copy)?;
    }
    Ok(())
}

fn add_user(stage: &Stage) -> Fallible<()> {
    let words = ["user", "add", USER, "--role", "administer"];
    let mut command = stage.cluster.launch(0).command(&words);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        writeln!(input, "{PASSWORD}")?;
    }
    let status = child.wait()?;
    match status.success() {
        true => Ok(()),
        false => Err(Error(format!("noroshi user add: {status}"))),
    }
}
