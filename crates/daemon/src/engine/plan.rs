//! What the engine needs of a configuration, put the way it needs it.
//!
//! *Use.* [`Plan::new`] from a checked configuration; servers without a shared interconnect have
//! no routes and are left alone. *Failure.* None.

use noroshi_core::config::{Config, Engine, InterconnectId, ServerId};
use noroshi_core::text::Language;
use noroshi_core::time::Span;
use std::net::{IpAddr, SocketAddr};

/// The engine's settings.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) own: ServerId,
    pub(super) own_name: String,
    pub(super) cluster: String,
    /// Other names that the cluster had, while servers are looked for that may know no other.
    pub(super) former_names: Vec<String>,
    pub(super) digest: u32,
    pub(super) engine: Engine,
    pub(super) interval: Span,
    pub(super) language: Language,
    /// Our own address on each interconnect, with the port.
    pub(super) addresses: Vec<Option<SocketAddr>>,
    /// Every server of the cluster by id; our own has no routes.
    pub(super) servers: Vec<PeerPlan>,
}

/// The settings for one other server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PeerPlan {
    pub(super) id: ServerId,
    pub(super) name: String,
    /// We dial: of each pair the server with the lower name does. Ids may differ between two settings, and
    /// then nobody would, or both.
    pub(super) dials: bool,
    /// By interconnect; `None` where not both have an address.
    pub(super) routes: Vec<Option<Route>>,
}

/// One way to one other server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// Our address; any port.
    pub(super) ours: IpAddr,
    /// The other server's address and port.
    pub(super) theirs: SocketAddr,
}

impl Plan {
    pub(super) fn new(config: &Config, own: ServerId) -> Plan {
        let paths = || (0..config.interconnects.len() as u8).map(InterconnectId);
        let route = |server, path| {
            let ours = config.address(own, path)?;
            let theirs = config.address(server, path)?;
            let same_family = ours.is_ipv4() == theirs.is_ipv4();
            let theirs = SocketAddr::new(theirs, config.port);
            (server != own && same_family).then_some(Route { ours, theirs })
        };
        let peer = |id: ServerId| PeerPlan {
            id,
            name: config.server_name(id).to_owned(),
            dials: config.server_name(own) < config.server_name(id),
            routes: paths().map(|path| route(id, path)).collect(),
        };
        Plan {
            own,
            own_name: config.server_name(own).to_owned(),
            cluster: config.cluster.clone(),
            former_names: Vec::new(),
            digest: config.digest,
            engine: config.engine,
            interval: config.heartbeat.interval,
            language: config.language,
            addresses: paths()
                .map(|path| Some(SocketAddr::new(config.address(own, path)?, config.port)))
                .collect(),
            servers: config.server_ids().map(peer).collect(),
        }
    }

    /// The other servers.
    pub(super) fn peers(&self) -> impl Iterator<Item = &PeerPlan> {
        self.servers.iter().filter(|peer| peer.id != self.own)
    }

    /// The other servers' addresses on the interconnect at `path`.
    pub(super) fn sources(&self, path: usize) -> impl Iterator<Item = IpAddr> {
        self.peers()
            .filter_map(move |peer| Some(peer.route(path)?.theirs.ip()))
    }

    /// These settings, and behind their interconnects the ways to the same servers that former ones had,
    /// newest first. For links alone: a heartbeat's number of its interconnect goes by the first.
    pub(super) fn with_former(&self, former: &[Config]) -> Plan {
        let mut plan = self.clone();
        for config in former {
            let Some(own) = config.server_named(&self.own_name) else {
                continue;
            };
            if config.cluster != self.cluster && !plan.former_names.contains(&config.cluster) {
                plan.former_names.push(config.cluster.clone());
            }
            let former = Plan::new(config, own);
            for path in 0..former.addresses.len() {
                plan.add_path(&former, path);
            }
        }
        plan
    }

    fn add_path(&mut self, former: &Plan, path: usize) {
        let new_route = |peer: &PeerPlan| {
            let then = former.servers.iter().find(|then| then.name == peer.name)?;
            let route = then.route(path)?;
            (!peer.routes.contains(&Some(route))).then_some(route)
        };
        let routes: Vec<Option<Route>> = self.servers.iter().map(new_route).collect();
        if routes.iter().any(Option::is_some) {
            self.addresses.push(former.addresses[path]);
            for (peer, route) in self.servers.iter_mut().zip(routes) {
                peer.routes.push(route);
            }
        }
    }

    /// The server that has the address `from` for a connection that came in on our address `to`, and the
    /// way to it.
    pub(super) fn peer_from(&self, to: SocketAddr, from: IpAddr) -> Option<(&PeerPlan, Route)> {
        let fits = |route: &Route| {
            (route.ours, route.theirs) == (to.ip(), SocketAddr::new(from, to.port()))
        };
        self.peers().find_map(|peer| {
            let route = peer.routes.iter().flatten().find(|route| fits(route))?;
            Some((peer, *route))
        })
    }
}

impl PeerPlan {
    /// The way over the interconnect at `path`.
    pub(super) fn route(&self, path: usize) -> Option<Route> {
        self.routes.get(path).copied().flatten()
    }
}
