//! The engines: heartbeats (embedded) or Corosync; with either, links and probes between the servers of a cluster.
//!
//! It judges nobody. It tells the driver what was heard, which links stand and what hosts answered;
//! `core::membership` makes verdicts of that. Only a holder of the cluster key is heard, and nothing
//! is heard twice (rule N2).
//!
//! ```text
//! beat  ──► heartbeat ──► one UDP socket for each own address ──► Event::Heard
//! tell  ──► link ───────► one TLS connection for each server ───► Event::LinkUp, Peer, LinkDown
//!            └► pages: archives of logs, to whoever collects them
//! probe ──► probe ──────► one TCP connection, closed at once ───► Event::Probed
//! ```
//!
//! *Use.* [`Engine::start`] inside a tokio runtime, then the methods, none of which waits, and at the
//! end [`Engine::stop`]. After [`Engine::reconfigure`] events name servers by the new settings; those
//! that wait in the inbox at that moment still name them by the old ones.
//!
//! *Failure.* Starting fails only when a port is taken or the system gives no sockets. Everything
//! later is counted ([`Counts`]), said once in the daemon's log, and tried again.

mod accept;
mod bucket;
mod corosync;
mod count;
mod filter;
mod gate;
mod hearing;
mod heartbeat;
mod hello;
mod identity;
mod lines;
pub mod link;
mod note;
pub mod pages;
mod plan;
pub mod probe;
mod reach;
mod socket;

pub use count::Counts;
pub use gate::Gate;
pub use reach::Reach;

use crate::clock;
use crate::home::Home;
use crate::inbox::Inbox;
use accept::Handshakes;
use corosync::Corosync;
use heartbeat::Heartbeats;
use identity::Identity;
use link::Links;
use noroshi_core::alert::SessionId;
use noroshi_core::config::{Config, Engine as ConfigEngine, InterconnectId, ServerId};
use noroshi_core::event::{Event, Phase};
use noroshi_core::membership::ring::Ring;
use noroshi_core::peer::PeerMessage;
use noroshi_wire::key::ClusterKey;
use note::{Note, Notes};
use pages::{Collector, Pages};
use plan::Plan;
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// How long [`Engine::stop`] lets links send what is queued.
pub const STOP_DEADLINE: Duration = Duration::from_millis(500);

/// What an engine is made of.
pub struct EngineSetup<'a> {
    /// The settings.
    pub config: &'a Config,
    /// Which of the servers this one is.
    pub own: ServerId,
    /// The cluster's secret.
    pub key: &'a ClusterKey,
    /// This run of the daemon; never one that was used before.
    pub session: SessionId,
    /// Open, except in the demonstration.
    pub gate: Gate,
}

/// The engine at work. Dropping it ends everything at once; [`Engine::stop`] does so in order.
pub struct Engine {
    wires: Arc<Wires>,
}

/// What all parts of the engine share.
struct Wires {
    session: SessionId,
    identity: Identity,
    gate: Gate,
    inbox: Inbox,
    notes: Notes,
    handshakes: Handshakes,
    /// With the ways of former settings.
    plan: Mutex<Arc<Plan>>,
    ears: Mutex<Vec<Ear>>,
    /// Settings in whose ways servers are looked for as well, newest first.
    former: Mutex<Vec<Config>>,
    heartbeats: Mutex<Heartbeats>,
    links: Mutex<Links>,
    pages: Pages,
    probing: Mutex<BTreeSet<(ServerId, InterconnectId)>>,
    /// With that engine.
    corosync: Mutex<Option<Corosync>>,
}

/// The sockets on one own address and the tasks that serve them.
struct Ear {
    address: SocketAddr,
    /// The interconnect, which new settings may number anew.
    path: Arc<AtomicUsize>,
    udp: Arc<UdpSocket>,
    /// Ending them closes the sockets.
    tasks: [JoinHandle<()>; 2],
}

impl Ear {
    /// Opens the sockets on `address`; whether this host has it now comes with them.
    fn open(wires: &Arc<Wires>, path: usize, address: SocketAddr) -> io::Result<Ear> {
        let (udp, tcp) = (socket::udp(address)?, socket::listener(address)?);
        if !(udp.present && tcp.present) {
            wires.say(Note::AddressAbsent(address.ip()));
        }
        let (path, udp) = (Arc::new(AtomicUsize::new(path)), Arc::new(udp.socket));
        let receive = heartbeat::receive(Arc::clone(wires), Arc::clone(&path), Arc::clone(&udp));
        let accept = accept::accept(Arc::clone(wires), address, tcp.socket);
        let tasks = [tokio::spawn(receive), tokio::spawn(accept)];
        Ok(Ear {
            address,
            path,
            udp,
            tasks,
        })
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Engine {
    /// Opens the sockets on this server's own addresses and begins to listen and dial. The first
    /// heartbeat goes out with the first [`Engine::beat`]. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// When a port is taken, or the system refuses a socket. Nothing is left open.
    pub fn start(setup: EngineSetup<'_>, inbox: Inbox) -> io::Result<Engine> {
        let EngineSetup {
            config,
            own,
            key,
            session,
            gate,
        } = setup;
        let plan = Arc::new(Plan::new(config, own));
        let heartbeats = Heartbeats::new(key, session, Arc::clone(&plan), gate.clone());
        let wires = Arc::new(Wires {
            session,
            identity: Identity::new(key)?,
            gate,
            inbox,
            notes: Notes::default(),
            handshakes: Handshakes::default(),
            plan: Mutex::new(Arc::clone(&plan)),
            ears: Mutex::default(),
            former: Mutex::default(),
            heartbeats: Mutex::new(heartbeats),
            links: Mutex::default(),
            pages: Pages::default(),
            probing: Mutex::default(),
            corosync: Mutex::default(),
        });
        let engine = Engine { wires };
        engine.wires.take(plan)?;
        Ok(engine)
    }

    /// Sends one heartbeat to every other server on every shared interconnect.
    pub fn beat(&self, phase: Phase) {
        if !self.wires.beat_in_group(phase) {
            self.wires.heartbeats().beat(phase);
        }
    }

    /// Asks a server's host over one interconnect whether it lives. A server or interconnect that
    /// the settings lack, and one that is being asked already, are passed over.
    pub fn probe(&self, server: ServerId, path: InterconnectId) {
        let plan = self.wires.plan();
        let peer = plan.peers().find(|peer| peer.id == server);
        let Some(route) = peer.and_then(|peer| peer.route(usize::from(path.0))) else {
            return;
        };
        if self.wires.probing().insert((server, path)) {
            tokio::spawn(probe::probe(Arc::clone(&self.wires), server, path, route));
        }
    }

    /// Queues a message for a server; lost if no link to it stands. A full queue drops the link.
    pub fn tell(&self, server: ServerId, message: &PeerMessage) {
        let told = self.wires.links().tell(server, message);
        if let Err(note) = told {
            if matches!(note, Note::QueueFull { .. }) {
                self.wires.heartbeats().counts.queue_overflows += 1;
            }
            self.wires.say(note);
        }
    }

    /// From now on other servers that ask get the logs of this home.
    pub fn deliver_logs(&self, home: Home) {
        self.wires.pages.deliver(home);
    }

    /// Collects the logs of other servers, beside everything else.
    pub fn collector(&self) -> Collector {
        Collector(Arc::clone(&self.wires))
    }

    /// What a set needs of this host: tried before it is agreed to, and the ways of former ones.
    pub fn reach(&self) -> Reach {
        Reach(Arc::clone(&self.wires))
    }

    /// Drops the link to a server and everything queued for it. It is dialled anew.
    pub fn drop_link(&self, server: ServerId) {
        self.wires.links().drop_link(server);
    }

    /// Takes new settings. Links whose addresses stay go on; sockets whose address stays as well.
    ///
    /// # Errors
    /// When a port is taken, or the system refuses a socket. The old settings stay in force.
    pub fn reconfigure(&self, config: &Config, own: ServerId) -> io::Result<()> {
        self.wires.take(Arc::new(Plan::new(config, own)))
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.wires.heartbeats().counts
    }

    /// Ends in order: links send what is queued, at most for [`STOP_DEADLINE`], and close. All ports
    /// are free afterwards.
    pub async fn stop(self) {
        let links = std::mem::take(&mut *self.wires.links());
        let corosync = self.wires.corosync().take();
        let leave = async {
            if let Some(corosync) = corosync {
                corosync.stop(STOP_DEADLINE).await;
            }
        };
        tokio::join!(Links::stop(links, STOP_DEADLINE), leave);
        self.wires.heartbeats().close();
        let ears = std::mem::take(&mut *self.wires.ears());
        for mut ear in ears {
            for task in &mut ear.tasks {
                task.abort();
                // It was ended just now; that is what its error says.
                let _ = task.await;
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.wires.ears().clear();
        drop(self.wires.corosync().take());
        self.wires.heartbeats().close();
        self.wires.links().abort();
    }
}

impl Wires {
    fn ears(&self) -> MutexGuard<'_, Vec<Ear>> {
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn heartbeats(&self) -> MutexGuard<'_, Heartbeats> {
        self.heartbeats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn probing(&self) -> MutexGuard<'_, BTreeSet<(ServerId, InterconnectId)>> {
        self.probing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn corosync(&self) -> MutexGuard<'_, Option<Corosync>> {
        self.corosync.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins or ends the Corosync engine, as the settings have it.
    fn follow_engine(self: &Arc<Wires>, engine: ConfigEngine) -> io::Result<()> {
        let mut corosync = self.corosync();
        match engine {
            ConfigEngine::Embedded => drop(corosync.take()),
            ConfigEngine::Corosync if corosync.is_some() => {}
            ConfigEngine::Corosync => {
                *corosync = Some(Corosync::start(Arc::downgrade(self), clock::moment())?);
            }
        }
        Ok(())
    }

    /// Says in the group what is due; false with the embedded engine.
    fn beat_in_group(&self, phase: Phase) -> bool {
        let corosync = self.corosync();
        let Some(corosync) = corosync.as_ref() else {
            return false;
        };
        let mut heartbeats = self.heartbeats();
        heartbeats.enter(phase);
        let servers = heartbeats.plan().servers.len();
        let (whom, blind) = corosync.beat(clock::moment(), phase, servers);
        for server in whom {
            if let Some(frame) = heartbeats.word(server) {
                corosync.say(frame);
            }
        }
        if let Some(why) = blind
            && self.inbox.try_send(Event::Ring(Ring::Blind(why))).is_err()
        {
            // An inbox that is full has worse to tell just now; others are not to be judged by what was seen before.
            corosync.hang_is_untold();
        }
        true
    }

    /// Says something in the group to one server, out of turn.
    fn speak(&self, to: ServerId) {
        let frame = self.heartbeats().word(to);
        if let (Some(corosync), Some(frame)) = (self.corosync().as_ref(), frame) {
            corosync.say(frame);
        }
    }

    fn say(&self, note: Note) {
        let language = self.plan().language;
        let refused = match &note {
            Note::Refused { server, why, .. } => Some(Event::Refused {
                server: server.clone(),
                why: why.text(language),
            }),
            _ => None,
        };
        // The log has it in any case; an inbox that is full has worse to tell.
        if self.notes.say(language, note)
            && let Some(event) = refused
        {
            let _ = self.inbox.try_send(event);
        }
    }
}

/// A greeting of another server, read and written again; for [`crate::fuzzing`].
pub(crate) fn greeting_again(line: &[u8]) -> Option<Vec<u8>> {
    hello::Hello::parse(line).ok().map(|hello| hello.line())
}
