//! A rig: a whole cluster of real daemons on one host, with simulated lamps and mail server.
//!
//! *Use.* Describe it with [`Plan`], start it with [`Plan::start`], then do something to it
//! ([`Cluster::kill`], [`Cluster::set_mail_faults`] …) and wait for what must follow
//! ([`Cluster::wait_mail`], [`Cluster::wait_lamp`] …). All calls block; lamps and mail server run
//! on one thread of their own. Tests, the demonstration and the benchmark stand on it.
//!
//! With [`Plan::pacemaker`] each server has a real Corosync and a real Pacemaker.
//!
//! A cluster lives on addresses of 127.0.0.0/8 that no other rig uses ([`lane`]), or in network
//! namespaces of its own ([`Netns`], as root), where cables can be cut.
//!
//! *Failure.* Every wait has a deadline and fails with an [`Error`] that says what was awaited and
//! what there was instead. Dropping a [`Cluster`] ends its daemons and removes all it made.

mod cluster;
mod conf;
mod corosync;
mod daemon;
mod error;
mod host;
mod lane;
mod look_on;
mod netns;
mod node;
mod outside;
mod pacemaker;
mod plan;
mod wait;

pub use cluster::Cluster;
pub use conf::{Conf, ConfLamp, ConfServer, Encoding};
pub use corosync::Corosync;
pub use daemon::{Daemon, Launch};
pub use error::{Error, Fallible};
pub use lane::Lane;
pub use netns::{Netns, Shape};
pub use outside::{MAILS_KEPT_MAX, Outside, SHINES_KEPT_MAX, Shine};
pub use pacemaker::{Fencing, GROUP, Pacemaker, RESOURCES};
pub use plan::{Lamps, Place, Plan};
pub use wait::{POLL, until};
