//! What can be seen of a cluster, and waited for.

use super::cluster::Cluster;
use super::{Error, Fallible, until};
use crate::inbox::{self, Mail};
use crate::lamp;
use noroshi_core::lamp::Look;
use noroshi_core::status::{ServerState, Status};
use noroshi_daemon::control::{AlertFilter, AlertLine, Client};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a daemon may take for an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Most alerts listed at once.
const ALERTS_MAX: u32 = 100_000;

impl Cluster {
    /// A connection to a server's daemon.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn client(&self, server: usize) -> Fallible<Client> {
        let client = Client::connect_within(&self.home(server).socket(), ANSWER_WAIT);
        client.map_err(|trouble| Error::doing(format!("server {server}"), trouble))
    }

    /// The cluster as a server sees it.
    ///
    /// # Errors
    /// When its daemon does not answer.
    pub fn status(&self, server: usize) -> Fallible<Status> {
        let status = self.client(server)?.status();
        status.map_err(|trouble| Error::doing(format!("status of server {server}"), trouble))
    }

    /// How `server` sees `other`.
    ///
    /// # Errors
    /// When its daemon does not answer.
    pub fn sees(&self, server: usize, other: usize) -> Fallible<ServerState> {
        Ok(self.status(server)?.servers[other].state)
    }

    /// The alert view of a server, oldest first.
    ///
    /// # Errors
    /// When its daemon does not answer.
    pub fn alerts(&self, server: usize) -> Fallible<Vec<AlertLine>> {
        let mut lines = Vec::new();
        let only = AlertFilter::default();
        let listed = self
            .client(server)?
            .alerts(ALERTS_MAX, false, only, |line| {
                lines.push(line);
                ControlFlow::Continue(())
            });
        listed.map_err(|trouble| Error::doing(format!("alerts of server {server}"), trouble))?;
        Ok(lines)
    }

    /// How often a message stands in the alert view of a server.
    ///
    /// # Errors
    /// When its daemon does not answer.
    pub fn count_alerts(&self, server: usize, module: &str, event: u32) -> Fallible<usize> {
        let alerts = self.alerts(server)?;
        Ok(alerts
            .iter()
            .filter(|line| line.module == module && line.event == event)
            .count())
    }

    /// Waits for an alert in the alert view of a server.
    ///
    /// # Errors
    /// When it does not come in time; the text lists what came.
    pub fn wait_alert(
        &self,
        server: usize,
        limit: Duration,
        found: impl Fn(&AlertLine) -> bool,
    ) -> Fallible<AlertLine> {
        until(limit, &format!("an alert on server {server}"), || {
            let alerts = self.alerts(server).map_err(|error| error.0)?;
            alerts
                .iter()
                .find(|line| found(line))
                .cloned()
                .ok_or_else(|| listed(&alerts))
        })
    }

    /// Waits for a message of the table in the alert view of a server.
    ///
    /// # Errors
    /// When it does not come in time.
    pub fn wait_message(
        &self,
        server: usize,
        module: &str,
        event: u32,
        limit: Duration,
    ) -> Fallible<AlertLine> {
        self.wait_alert(server, limit, |line| {
            line.module == module && line.event == event
        })
        .map_err(|error| Error(format!("{module} {event}: {error}")))
    }

    /// Waits until `server` sees `other` in this state.
    ///
    /// # Errors
    /// When it does not in time.
    pub fn wait_sees(
        &self,
        server: usize,
        other: usize,
        state: ServerState,
        limit: Duration,
    ) -> Fallible<()> {
        until(
            limit,
            &format!("server {server} sees server {other} {state:?}"),
            || match self.sees(server, other) {
                Ok(seen) if seen == state => Ok(()),
                Ok(seen) => Err(format!("it sees it {seen:?}")),
                Err(error) => Err(error.0),
            },
        )
    }

    /// Waits until every living daemon sees every server up.
    ///
    /// # Errors
    /// When that does not come about in time.
    pub fn wait_all_up(&self, limit: Duration) -> Fallible<()> {
        until(limit, "all servers see all servers up", || {
            for server in 0..self.len() {
                let status = self.status(server).map_err(|error| error.0)?;
                let up = |seen: ServerState| seen == ServerState::Up;
                if !status.servers.iter().all(|seen| up(seen.state)) {
                    return Err(format!("{:?}", status.servers));
                }
            }
            Ok(())
        })
    }

    /// Waits until every lamp shows green and nothing else.
    ///
    /// # Errors
    /// When that does not come about in time.
    pub fn wait_lamps_green(&self, limit: Duration) -> Fallible<()> {
        self.outside()
            .wait(limit, "all lamps are green", |_, lamps| {
                let green =
                    |last: Option<&super::Shine>| last.is_some_and(|s| s.look == Look::GREEN);
                lamps
                    .iter()
                    .all(|shines| green(shines.last()))
                    .then_some(())
            })
    }

    /// Waits for the first mail, of all since the start, that `found` likes.
    ///
    /// # Errors
    /// When none comes in time; the text lists what came.
    pub fn wait_mail(&self, limit: Duration, found: impl Fn(&Mail) -> bool) -> Fallible<Arc<Mail>> {
        let first = |mails: &[Arc<Mail>]| mails.iter().find(|mail| found(mail)).cloned();
        let waited = self
            .outside()
            .wait(limit, "a mail", |mails, _| first(mails));
        waited.map_err(|error| Error(format!("{error}\n{}", self.logs())))
    }

    /// Waits until a server's lamp shows `look`, and tells since when it does.
    ///
    /// # Errors
    /// When it does not in time.
    pub fn wait_lamp(&self, server: usize, look: Look, limit: Duration) -> Fallible<Instant> {
        let lamp = self.lamp_of(server)?;
        let what = format!("the lamp of server {server} shows {look:?}");
        let waited = self.outside().wait(limit, &what, |_, lamps| {
            let last = lamps[lamp].last()?;
            (last.look == look).then_some(last.at)
        });
        waited.map_err(|error| Error(format!("{error}\n{}", self.logs())))
    }

    /// What a server's lamp shows now.
    ///
    /// # Errors
    /// When it has none.
    pub fn look(&self, server: usize) -> Fallible<Look> {
        Ok(self.outside().look(self.lamp_of(server)?))
    }

    /// The mails so far, oldest first.
    pub fn mails(&self) -> Vec<Arc<Mail>> {
        self.outside().mails()
    }

    /// Makes the mail server ill or well.
    ///
    /// # Errors
    /// When its port was taken by others while it was closed.
    pub fn set_mail_faults(&self, faults: inbox::Faults) -> Fallible<()> {
        self.outside().set_mail_faults(faults)
    }

    /// Makes a server's lamp ill or well.
    ///
    /// # Errors
    /// When it has none, or its port was taken by others while it was closed.
    pub fn set_lamp_faults(&self, server: usize, faults: lamp::Faults) -> Fallible<()> {
        self.outside()
            .set_lamp_faults(self.lamp_of(server)?, faults)
    }

    /// Which of the lamps is this server's.
    fn lamp_of(&self, server: usize) -> Fallible<usize> {
        let lamp = self.conf().servers[server].lamp.as_ref();
        let address = lamp.map(|lamp| lamp.address);
        let lamps = 0..self.outside().lamp_count();
        let found = lamps
            .into_iter()
            .find(|at| Some(self.outside().lamp(*at).1) == address);
        found.ok_or_else(|| Error(format!("server {server} has no lamp")))
    }

    /// What all daemons have printed.
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for member in &self.members {
            if let Some(daemon) = &member.daemon {
                let server = &member.launch.server;
                text.push_str(&format!("-- {server}\n{}", daemon.log()));
            }
        }
        text
    }
}

fn listed(alerts: &[AlertLine]) -> String {
    let line = |line: &AlertLine| {
        format!(
            "  {} {} {}: {}",
            line.server, line.module, line.event, line.text
        )
    };
    alerts.iter().map(line).collect::<Vec<_>>().join("\n")
}
