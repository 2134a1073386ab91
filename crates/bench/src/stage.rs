//! The cluster that is measured, and what every bench asks of it.
//!
//! Three servers with default settings, two interconnects, a PATLITE lamp each (HTTP), a mail
//! server, a syslog socket. Latencies are read from what lamps and mail server noted at arrival,
//! so how late the bench looks does not count.

use crate::options::Options;
use crate::syslog::Syslog;
use crate::tls::Door;
use noroshi_core::lamp::Look;
use noroshi_core::request::Request;
use noroshi_core::status::{ServerState, Status};
use noroshi_sim::lamp::Kind;
use noroshi_sim::rig::{Cluster, Error, Fallible, Lamps, Place, Plan, Shine, until};
use std::time::{Duration, Instant};

/// Servers of every cluster here.
pub(crate) const SERVERS: usize = 3;
/// How long a cluster may take until nothing is left to do.
const SETTLE_WAIT: Duration = Duration::from_secs(60);
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

    /// Starts a cluster in network namespaces.
    ///
    /// # Errors
    /// When it does not come up, such as without root.
    pub(crate) fn up_in_netns(options: &Options) -> Fallible<Stage> {
        Stage::up_at(options, Place::Netns { ipv6: false })
    }

    /// Starts a cluster on loopback addresses whose mail goes by TLS.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) fn up_with_tls(options: &Options) -> Fallible<Stage> {
        let mut stage = Stage::prepare(options, Place::Loopback)?;
        let authority = stage.syslog.dir().join("authority.pem");
        let door = Door::open(stage.cluster.outside().mail_address(), &authority)?;
        stage.cluster.change_conf(|conf| {
            conf.smtp = vec![door.address()];
            conf.smtp_tls = Some(authority);
        })?;
        stage.door = Some(door);
        stage.start()
    }

    fn up_at(options: &Options, place: Place) -> Fallible<Stage> {
        Stage::prepare(options, place)?.start()
    }

    fn prepare(options: &Options, place: Place) -> Fallible<Stage> {
        let syslog = Syslog::open()?;
        let mut cluster = plan(options).place(place).prepare()?;
        cluster.change_conf(|conf| conf.syslog = Some(syslog.path().to_owned()))?;
        Ok(Stage {
            cluster,
            syslog,
            door: None,
        })
    }

    fn start(mut self) -> Fallible<Stage> {
        self.cluster.start_all()?;
        self.settle()?;
        Ok(self)
    }

    /// Waits until every server sees every server up on every interconnect, and no notice waits.
    ///
    /// # Errors
    /// When that does not come about in time.
    pub(crate) fn settle(&self) -> Fallible<()> {
        until(SETTLE_WAIT, "the cluster has nothing left to do", || {
            for server in 0..SERVERS {
                let status = self.cluster.status(server).map_err(|error| error.0)?;
                at_rest(&status)?;
            }
            Ok(())
        })
    }

    /// Puts the lamps of all servers out, as an operator does who has seen them.
    ///
    /// # Errors
    /// When a lamp does not go out.
    pub(crate) fn lamps_out(&self, by: usize) -> Fallible<()> {
        for server in 0..SERVERS {
            let request = Request::LampOff {
                server: name(server),
            };
            let reply = self.cluster.client(by)?.change(request);
            reply.map_err(|trouble| Error::doing("lamp off", trouble))?;
            self.cluster.wait_lamp(server, Look::OUT, NOTICE_WAIT)?;
        }
        Ok(())
    }

    /// When a server's lamp first blinked red after `from`.
    pub(crate) fn red_since(&self, from: Instant, server: usize) -> Option<Instant> {
        let first = |shines: &[Shine]| {
            let later = shines.iter().filter(|shine| shine.at >= from);
            later
                .filter(|shine| shine.look == Look::RED_BLINK)
                .map(|shine| shine.at)
                .next()
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

/// The plan of every cluster here.
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

fn at_rest(status: &Status) -> Result<(), String> {
    let well = |server: &noroshi_core::status::ServerStatus| {
        server.state == ServerState::Up && server.paths.iter().all(|path| path.normal)
    };
    if !status.servers.iter().all(well) {
        return Err(format!("{}: {:?}", status.server, status.servers));
    }
    if status.notices_waiting > 0 || status.backlog {
        return Err(format!(
            "{}: {} notices wait",
            status.server, status.notices_waiting
        ));
    }
    Ok(())
}

/// A short wait of another length each time, so that no run keeps step with a timer.
pub(crate) fn jitter(run: usize) -> Duration {
    // The golden ratio spreads the lengths evenly over 0 to 200 ms.
    let part = (run as f64 * 0.618_033_988_75).fract();
    Duration::from_millis(100) + Duration::from_secs_f64(part * 0.2)
}
