//! Simulated warning lights: they speak the real bytes, and fail on demand.
//!
//! *Use.* [`SimLamp::start`] opens a lamp at an address; [`SimLamp::shows`] and [`SimLamp::watch`]
//! tell what it shows, [`SimLamp::received`] what it was told. [`SimLamp::set_faults`] makes it ill
//! and well again while it runs, and returns when that is in force. Dropping it closes everything.
//!
//! *Failure.* Start fails if the address cannot be used. At most [`CONNECTIONS_MAX`] clients are
//! served at a time; more are closed at once, as real lamps do. A connection lasts
//! [`CONNECTION_TIME_MAX`] at most.

mod faults;
mod http;
mod isa_tcp;
mod panel;
mod phn;
mod pns;
mod rsh;
mod snmp;
mod talk;
mod tcp;
mod udp;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use noroshi_core::lamp::{Glow, Look};
use noroshi_wire::lamp::isa::Channels;
use noroshi_wire::lamp::tower::Tower;
use noroshi_wire::lamp::{Light, Lights, pns::Unit};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::orders::Orders;

pub use faults::{Fault, Faults};
pub use panel::RECORDS_MAX;
pub use rsh::RshDoor;

use panel::{Face, Panel};
use talk::Talk;

/// Most clients served at a time: what an LA6-POE bears (its manual, p. 44).
pub const CONNECTIONS_MAX: usize = 8;
/// Longest life of a connection; a DN-1510GL drops an idle one after about as long.
pub const CONNECTION_TIME_MAX: Duration = Duration::from_secs(60);

/// Which lamp to simulate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ISA Keiko-chan over rsh.
    IsaRsh(RshDoor),
    /// ISA 4G series over TCP.
    IsaTcp {
        /// The password that `-p` must bear, if one is needed.
        password: Option<String>,
    },
    /// PATLITE over rsh.
    PatliteRsh(RshDoor),
    /// PATLITE over HTTP.
    PatliteHttp,
    /// PATLITE over PNS.
    PatlitePns(Unit),
    /// PATLITE over PHN.
    PatlitePhn,
    /// PATLITE over SNMP.
    PatliteSnmp {
        /// Reading community.
        read: String,
        /// Writing community.
        write: String,
    },
}

impl Kind {
    fn face(&self) -> Face {
        match self {
            Self::IsaRsh(_) | Self::IsaTcp { .. } => Face::Channels(Channels::DARK),
            Self::PatlitePhn => Face::Byte(noroshi_wire::lamp::phn::Tower::DARK),
            _ => Face::Places(Tower::DARK),
        }
    }

    fn talk(&self) -> Box<dyn Talk> {
        match self {
            Self::IsaRsh(door) => Box::new(rsh::RshTalk::new(door.clone(), rsh::Dialect::Isa)),
            Self::PatliteRsh(door) => {
                Box::new(rsh::RshTalk::new(door.clone(), rsh::Dialect::Patlite))
            }
            Self::IsaTcp { password } => Box::new(isa_tcp::IsaTcpTalk::new(password.clone())),
            Self::PatliteHttp => Box::new(http::HttpTalk::default()),
            Self::PatlitePns(unit) => Box::new(pns::PnsTalk::new(*unit)),
            Self::PatlitePhn => Box::new(phn::PhnTalk::default()),
            Self::PatliteSnmp { read, write } => Box::new(snmp::SnmpTalk::new(read, write)),
        }
    }

    fn reserved_ports_only(&self) -> bool {
        match self {
            Self::IsaRsh(door) | Self::PatliteRsh(door) => door.reserved_ports_only,
            _ => false,
        }
    }
}

/// A simulated lamp at work.
#[derive(Debug)]
pub struct SimLamp {
    address: SocketAddr,
    shared: Arc<Shared>,
    orders: Orders<Faults>,
    task: JoinHandle<()>,
}

/// What all connections of a lamp share.
#[derive(Debug)]
struct Shared {
    kind: Kind,
    panel: Mutex<Panel>,
    faults: watch::Sender<Faults>,
}

impl Shared {
    fn panel(&self) -> MutexGuard<'_, Panel> {
        // A panel is whole between any two statements, so a panic elsewhere spoils nothing.
        self.panel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a lamp with its present faults answers to the command that is ready, and whether it
    /// goes on talking; `None` to say nothing more.
    fn answer(&self, talk: &mut dyn Talk, command: String) -> Option<(Vec<u8>, bool)> {
        let fault = self.faults.borrow().fault;
        let mut panel = self.panel();
        panel.record(command);
        match fault {
            Some(Fault::Refuse | Fault::BlackHole | Fault::Hang | Fault::Drop) => None,
            Some(Fault::Refusal) => Some((talk.refusal(), !talk.closes())),
            Some(Fault::WrongReply) => {
                let nonsense = talk.nonsense();
                talk.answer(&mut panel);
                Some((nonsense, !talk.closes()))
            }
            Some(Fault::HalfReply) => {
                let mut answer = talk.answer(&mut panel);
                answer.truncate(answer.len() / 2);
                Some((answer, false))
            }
            None | Some(Fault::Stuck | Fault::Forget) => {
                Some((talk.answer(&mut panel), !talk.closes()))
            }
        }
    }
}

impl SimLamp {
    /// Opens a dark lamp at `address`; port 0 takes any free one.
    ///
    /// # Errors
    /// If the address cannot be used; no lamp exists then.
    pub async fn start(kind: Kind, address: SocketAddr, faults: Faults) -> io::Result<Self> {
        let (orders, changes) = Orders::to("the simulated lamp");
        let shared = Arc::new(Shared {
            panel: Mutex::new(Panel::new(kind.face())),
            faults: watch::Sender::new(Faults::NONE),
            kind,
        });
        let (address, task) = match shared.kind {
            Kind::PatliteSnmp { .. } => udp::start(address, shared.clone(), changes).await?,
            _ => tcp::start(address, shared.clone(), changes)?,
        };
        let lamp = Self {
            address,
            shared,
            orders,
            task,
        };
        lamp.set_faults(faults).await?;
        Ok(lamp)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it shows now. Never [`Light::Keep`].
    pub fn shows(&self) -> Lights {
        *self.watch().borrow()
    }

    /// What it shows now, without its buzzer.
    pub fn look(&self) -> Look {
        look(&self.shows())
    }

    /// Follows what it shows.
    pub fn watch(&self) -> watch::Receiver<Lights> {
        self.shared.panel().watch()
    }

    /// The last [`RECORDS_MAX`] commands, oldest first, passwords left out.
    pub fn received(&self) -> Vec<String> {
        self.shared.panel().records()
    }

    /// Puts these faults in place of those before, and returns when they are in force. Connections
    /// that stand meet them at their next command; a closed or deaf lamp drops them.
    ///
    /// # Errors
    /// If the lamp's port was taken by others while it was closed; it stays closed then.
    pub async fn set_faults(&self, faults: Faults) -> io::Result<()> {
        self.orders.give(faults).await
    }
}

impl Drop for SimLamp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Lights as a look; the buzzer is left out.
pub fn look(lights: &Lights) -> Look {
    let glow = |light: Light| match light {
        Light::On => Glow::On,
        Light::Blink => Glow::Blink,
        Light::Off | Light::Keep => Glow::Off,
    };
    Look {
        red: glow(lights.red),
        amber: glow(lights.amber),
        green: glow(lights.green),
    }
}

/// Puts faults in force as far as the panel is concerned.
fn take_faults(shared: &Shared, faults: Faults) {
    let mut panel = shared.panel();
    panel.stick(faults.fault == Some(Fault::Stuck));
    if faults.fault == Some(Fault::Forget) {
        panel.lose_power();
    }
    shared.faults.send_replace(faults);
}
