//! What a rig is to be, and its building.

use super::cluster::Member;
use super::conf::{Conf, ConfLamp, ConfServer, Encoding};
use super::corosync;
use super::node::Make;
use super::pacemaker;
use super::{Cluster, Corosync, Error, Fallible, Lane, Launch, Netns, Outside, Pacemaker, Shape};
use crate::lamp::Kind;
use noroshi_core::config::Engine;
use noroshi_core::text::Language;
use noroshi_daemon::home::Home;
use noroshi_daemon::home::key::random_key;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

/// Which lamps a cluster has.
#[derive(Clone, Debug)]
pub enum Lamps {
    /// None.
    None,
    /// One of this kind for each server.
    Each(Kind),
    /// One of this kind for all servers (rule M20).
    Shared(Kind),
    /// For each server its own kind.
    Mixed(Vec<Kind>),
}

/// Where a cluster lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On loopback addresses.
    Loopback,
    /// In network namespaces, as root.
    Netns {
        /// Interconnects have IPv6 addresses.
        ipv6: bool,
    },
}

/// What a rig is to be. The defaults are three servers `sv1` to `sv3`, one interconnect, a PATLITE
/// lamp by HTTP each, mail to ops@example.com, default heartbeat times, loopback.
pub struct Plan {
    /// The executable of noroshi.
    pub executable: PathBuf,
    /// How many servers.
    pub servers: usize,
    /// How many interconnects.
    pub interconnects: usize,
    /// Their lamps.
    pub lamps: Lamps,
    /// Where.
    pub place: Place,
    /// Corosync judges, one at each server; only in namespaces.
    pub corosync: bool,
    /// Pacemaker runs a group beside it.
    pub pacemaker: bool,
    /// Last changes to the settings.
    pub tune: Box<dyn Fn(&mut Conf)>,
}

/// Loopback addresses of one interconnect in its lane: more than servers can be.
const ADDRESSES_PER_PATH: usize = 40;
/// Last octet of the first lamp.
const LAMPS_FROM: u8 = 200;
/// Last octet of the mail server.
const MAIL: u8 = 254;

impl Plan {
    /// The default cluster of this executable.
    pub fn new(executable: impl Into<PathBuf>) -> Plan {
        Plan {
            executable: executable.into(),
            servers: 3,
            interconnects: 1,
            lamps: Lamps::Each(Kind::PatliteHttp),
            place: Place::Loopback,
            corosync: false,
            pacemaker: false,
            tune: Box::new(|_| ()),
        }
    }

    /// With another number of servers.
    pub fn servers(mut self, servers: usize) -> Plan {
        self.servers = servers;
        self
    }

    /// With another number of interconnects.
    pub fn interconnects(mut self, interconnects: usize) -> Plan {
        self.interconnects = interconnects;
        self
    }

    /// With other lamps.
    pub fn lamps(mut self, lamps: Lamps) -> Plan {
        self.lamps = lamps;
        self
    }

    /// In another place.
    pub fn place(mut self, place: Place) -> Plan {
        self.place = place;
        self
    }

    /// In network namespaces, with a Corosync at each server that judges.
    pub fn corosync(mut self) -> Plan {
        self.place = Place::Netns { ipv6: false };
        self.corosync = true;
        self
    }

    /// With a Corosync and a Pacemaker at each server; `start` waits until its group runs, too.
    pub fn pacemaker(mut self) -> Plan {
        self.pacemaker = true;
        self.corosync()
    }

    /// With changed settings.
    pub fn tune(mut self, tune: impl Fn(&mut Conf) + 'static) -> Plan {
        self.tune = Box::new(tune);
        self
    }

    /// Builds it, starts all daemons and waits until each sees all others up and, where there are
    /// lamps, every lamp is green.
    ///
    /// # Errors
    /// When anything of that does not come about; nothing remains then.
    pub fn start(self) -> Fallible<Cluster> {
        let mut cluster = self.prepare()?;
        cluster.start_all()?;
        Ok(cluster)
    }

    /// Builds it without starting a daemon.
    ///
    /// # Errors
    /// When something cannot be made; nothing remains then.
    pub fn prepare(self) -> Fallible<Cluster> {
        let dir = tempfile::Builder::new().prefix("noroshi-").tempdir()?;
        let (lane, netns) = match self.place {
            Place::Loopback => (Some(Lane::take()?), None),
            Place::Netns { ipv6 } => {
                let (servers, paths) = (self.servers, self.interconnects);
                (
                    None,
                    Some(Netns::build(Shape {
                        servers,
                        paths,
                        ipv6,
                    })?),
                )
            }
        };
        let kinds = match &self.lamps {
            Lamps::None => Vec::new(),
            Lamps::Each(kind) => vec![kind.clone(); self.servers],
            Lamps::Shared(kind) => vec![kind.clone()],
            Lamps::Mixed(kinds) => kinds.clone(),
        };
        let address = |server: usize, path: usize| -> Fallible<IpAddr> {
            match (&lane, &netns) {
                (Some(lane), _) => lane_address(lane, server, path),
                (None, Some(netns)) => Ok(netns.address(server, path)),
                (None, None) => Err(Error("a rig has a place".into())),
            }
        };
        let at = |last: u8| match (&lane, &netns) {
            (_, Some(netns)) => netns.outside_address(last),
            (Some(lane), None) => lane.address(last),
            (None, None) => std::net::Ipv4Addr::LOCALHOST.into(),
        };
        // A lamp is known by its address, so each has its own.
        let kinds = kinds
            .into_iter()
            .zip(LAMPS_FROM..)
            .map(|(kind, last)| (kind, at(last)));
        let space = netns.as_ref().map(Netns::outside);
        let kinds: Vec<_> = kinds.collect();
        let outside = Outside::open(at(MAIL), &kinds, space.as_deref())?;
        let mut servers = Vec::new();
        for server in 0..self.servers {
            let paths = 0..self.interconnects;
            servers.push(ConfServer {
                name: format!("sv{}", server + 1),
                addresses: paths
                    .map(|path| address(server, path))
                    .collect::<Fallible<_>>()?,
                lamp: self.lamp_of(server, &outside),
            });
        }
        let mut conf = conf(servers, &outside);
        if self.corosync {
            conf.engine = Engine::Corosync;
        }
        (self.tune)(&mut conf);
        let key = random_key().map_err(|error| Error::doing("key", error))?;
        let mut members = Vec::new();
        let nodes = conf
            .servers
            .iter()
            .map(|one| (one.name.clone(), one.addresses.clone()));
        let ring = corosync::conf(&nodes.collect::<Vec<_>>());
        for (at, server) in conf.servers.iter().enumerate() {
            let home = dir.path().join(format!("{}", at + 1));
            fs::create_dir_all(home.join("etc"))?;
            Home::at(&home)
                .write_key(&key, false)
                .map_err(|error| Error::doing("key", error))?;
            let corosync = match &netns {
                Some(netns) if self.corosync => {
                    let folder = dir.path().join(format!("node.{}", server.name));
                    let mut make = Make {
                        folder,
                        netns: netns.server(at),
                        name: server.name.clone(),
                        alert: None,
                    };
                    if self.pacemaker {
                        let spool = Home::at(&home).pacemaker();
                        fs::create_dir_all(&spool)?;
                        pacemaker::give(&spool)?;
                        Pacemaker::prepare(&make.folder, dir.path())?;
                        make.alert = Some([self.executable.clone(), spool]);
                    }
                    Some(Corosync::prepare(make, &ring)?)
                }
                _ => None,
            };
            let launch = Launch {
                executable: self.executable.clone(),
                home,
                server: server.name.clone(),
                netns: netns.as_ref().map(|netns| netns.server(at)),
                beside: corosync.as_ref().map(Corosync::holder),
                user: None,
            };
            members.push(Member {
                launch,
                daemon: None,
                pacemaker: Pacemaker::default(),
                corosync,
            });
        }
        let cluster = Cluster {
            members,
            outside,
            netns,
            with_pacemaker: self.pacemaker,
            conf,
            _lane: lane,
            dir,
        };
        cluster.write_conf()?;
        Ok(cluster)
    }

    fn lamp_of(&self, server: usize, outside: &Outside) -> Option<ConfLamp> {
        let at = match &self.lamps {
            Lamps::None => return None,
            Lamps::Shared(_) => 0,
            Lamps::Each(_) => server,
            Lamps::Mixed(kinds) => (server < kinds.len()).then_some(server)?,
        };
        let (kind, address) = outside.lamp(at);
        Some(ConfLamp { kind, address })
    }
}

fn lane_address(lane: &Lane, server: usize, path: usize) -> Fallible<IpAddr> {
    let last = 1 + path * ADDRESSES_PER_PATH + server;
    match u8::try_from(last) {
        Ok(last) if last < LAMPS_FROM && server < ADDRESSES_PER_PATH => Ok(lane.address(last)),
        _ => Err(Error("a lane has no room for so many addresses".into())),
    }
}

fn conf(servers: Vec<ConfServer>, outside: &Outside) -> Conf {
    Conf {
        cluster: "Rig".into(),
        lamps_used: servers.iter().any(|server| server.lamp.is_some()),
        servers,
        port: None,
        recipients: vec!["ops@example.com".into()],
        short: Vec::new(),
        subject: Some("Rig".into()),
        smtp: vec![outside.mail_address()],
        smtp_tls: None,
        smtp_timeout_s: None,
        mail_charset: None,
        timeout_ms: None,
        stall_timeout_ms: None,
        restart_grace_ms: None,
        start_wait_ms: None,
        language: Some(Language::En),
        encoding: Encoding::Utf8,
        // Not the host's: a rig tells nobody outside itself.
        syslog: Some("/nonexistent/noroshi-rig/log".into()),
        console: false,
        alert_records_max: None,
        mailed: Vec::new(),
        engine: Engine::Embedded,
    }
}
