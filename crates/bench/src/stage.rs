//! The cluster that is measured, and what every bench asks of it.
//!
//! Three servers (nine in a part of `push`) with default settings, two interconnects, a PATLITE lamp each (HTTP), a mail
//! server, a syslog socket. Latencies are read from what lamps and mail server noted at arrival,
//! so how late the bench looks does not count.

use crate::options::Options;
use crate::syslog::Syslog;
use crate::tls::Door;
use noroshi_core::lamp::Glow;
use noroshi_core::request::Request;
use noroshi_core::status::{ServerState, ServerStatus, Status};
use noroshi_sim::lamp::Kind;
use noroshi_sim::rig::{Cluster, Error, Fallible, Lamps, Place, Plan, Shine, until};
use std::time::{Duration, Instant};

/// Servers of every cluster where nothing else is said.
pub(crate) const SERVERS: usize = 3;
/// How long servers may take to find each other.
const UP_WAIT: Duration = Duration::from_secs(60);
/// How long notices may take to be done when nothing is ill any more.
pub(crate) const REST_WAIT: Duration = Duration::from_secs(5);
/// How long a notice is waited for; one that has not come counts as lost.
pub(crate) const NOTICE_WAIT: Duration = Duration::from_secs(15);

/// A cluster at work.
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) syslog: Syslog,
    door: Option<Door>,
}

impl Stage {
    /// Starts a cluster on loopback addresses.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) fn up(options: &Options) -> Fallible<Stage> {
        Stage::up_at(options, Place::Loopback)
    }

    /// Starts a cluster of another number of servers on loopback addresses.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) fn up_of(options: &Options, servers: usize) -> Fallible<Stage> {
        Stage::prepare(plan(options).servers(servers))?.start()
    }

    /// Starts a cluster in network namespaces.
    ///
    /// # Errors
    /// When it does not come up, such as without root.
    pub(crate) fn up_in_netns(options: &Options) -> Fallible<Stage> {
        Stage::up_at(options, Place::Netns { ipv6: false })
    }

    /// Starts a cluster of this plan whose mail goes by TLS.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) fn up_with_tls(plan: Plan) -> Fallible<Stage> {
        let in_netns = plan.place != Place::Loopback;
        let mut stage = Stage::prepare(plan)?;
        let authority = stage.syslog.dir().join("authority.pem");
        let space = in_netns.then(|| stage.cluster.netns().outside());
        let door = Door::open(stage.cluster.outside().mail_address(), &authority, space)?;
        stage.cluster.change_conf(|conf| {
            conf.smtp = vec![door.address()];
            conf.smtp_tls = Some(authority);
        })?;
        stage.door = Some(door);
        stage.start()
    }

    fn up_at(options: &Options, place: Place) -> Fallible<Stage> {
        Stage::prepare(plan(options).place(place))?.start()
    }

    /// Prepares a cluster that is to be started with [`Stage::start`].
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn prepare(plan: Plan) -> Fallible<Stage> {
        let syslog = Syslog::open()?;
        let mut cluster = plan.prepare()?;
        cluster.change_conf(|conf| conf.syslog = Some(syslog.path().to_owned()))?;
        Ok(Stage {
            cluster,
            syslog,
            door: None,
        })
    }

    /// Starts it and waits until all see each other.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) fn start(mut self) -> Fallible<Stage> {
        self.cluster.start_all()?;
        self.settle()?;
        Ok(self)
    }

    /// Waits until every server sees every server up on every interconnect, and then until no
    /// notice waits. Tells whether none does.
    ///
    /// # Errors
    /// When the servers do not find each other in time.
    pub(crate) fn settle(&self) -> Fallible<bool> {
        self.each(UP_WAIT, "every server sees all others", all_up)?;
        Ok(self.each(REST_WAIT, "no notice waits", at_rest).is_ok())
    }

    fn each(
        &self,
        limit: Duration,
        what: &str,
        is_well: fn(&Status) -> Result<(), String>,
    ) -> Fallible<()> {
        until(limit, what, || {
            for server in 0..self.cluster.len() {
                let status = self.cluster.status(server).map_err(|error| error.0)?;
                is_well(&status)?;
            }
            Ok(())
        })
    }

    /// The notices that are not done, as each server lists them.
    pub(crate) fn unfinished(&self) -> String {
        let mut text = String::new();
        for server in 0..self.cluster.len() {
            for alert in self.cluster.alerts(server).unwrap_or_default() {
                for notice in alert.notices.iter().filter(|one| !one.state.is_final()) {
                    let (view, what) = (name(server), &alert.text);
                    text.push_str(&format!("{view}: {what:?}: {notice:?}\n"));
                }
            }
        }
        text
    }

    /// Puts the lamps of all servers out, as an operator does who has seen them.
    ///
    /// # Errors
    /// When a lamp goes on blinking.
    pub(crate) fn lamps_out(&self, by: usize) -> Fallible<()> {
        for server in 0..self.cluster.len() {
            let request = Request::LampOff {
                server: name(server),
            };
            let reply = self.cluster.client(by)?.change(request);
            reply.map_err(|trouble| Error::doing("lamp off", trouble))?;
            let out = |lamps: &[Vec<Shine>]| {
                let last = lamps[server].last()?;
                (last.look.red == Glow::Off).then_some(())
            };
            let outside = self.cluster.outside();
            outside.wait(NOTICE_WAIT, "the lamp is out", |_, lamps| out(lamps))?;
        }
        Ok(())
    }

    /// When a server's lamp first blinked red after `from`.
    pub(crate) fn red_since(&self, from: Instant, server: usize) -> Option<Instant> {
        let first = |shines: &[Shine]| {
            let mut later = shines.iter().filter(|shine| shine.at >= from);
            later
                .find(|shine| shine.look.red == Glow::Blink)
                .map(|shine| shine.at)
        };
        let outside = self.cluster.outside();
        let red = outside.wait(NOTICE_WAIT, "a red lamp", |_, lamps| first(&lamps[server]));
        red.ok()
    }

    /// When the first mail after `from` was accepted whose subject has `words`.
    pub(crate) fn mail_since(&self, from: Instant, words: &str) -> Option<Instant> {
        let outside = self.cluster.outside();
        let mail = outside.wait(NOTICE_WAIT, "a mail", |mails, _| {
            // The last ones first: there may be thousands before.
            let later = mails.iter().rev().take_while(|mail| mail.arrived >= from);
            let found = later.filter(|mail| mail.subject.contains(words)).last();
            found.map(|mail| mail.arrived)
        });
        mail.ok()
    }
}

/// The plan of every cluster here, apart from what a bench changes.
pub(crate) fn plan(options: &Options) -> Plan {
    Plan::new(&options.noroshi)
        .servers(SERVERS)
        .interconnects(2)
        .lamps(Lamps::Each(Kind::PatliteHttp))
}

/// A server's name.
pub(crate) fn name(server: usize) -> String {
    format!("sv{}", server + 1)
}

fn all_up(status: &Status) -> Result<(), String> {
    let well = |server: &ServerStatus| {
        server.state == ServerState::Up && server.paths.iter().all(|path| path.normal)
    };
    match status.servers.iter().find(|server| !well(server)) {
        Some(server) => Err(format!("{} sees {server:?}", status.server)),
        None => Ok(()),
    }
}

fn at_rest(status: &Status) -> Result<(), String> {
    match (status.notices_waiting, status.backlog) {
        (0, false) => Ok(()),
        (count, _) => Err(format!("{}: {count} notices wait", status.server)),
    }
}

/// A short wait of another length each time, so that no run keeps step with a timer.
pub(crate) fn jitter(run: usize) -> Duration {
    // The golden ratio spreads the lengths evenly over 0 to 200 ms.
    let part = (run as f64 * 0.618_033_988_75).fract();
    Duration::from_millis(100) + Duration::from_secs_f64(part * 0.2)
}
