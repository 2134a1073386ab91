//! `events` and `events-cluster`: a storm of Pacemaker's events. None is lost, no call is late, and Pacemaker is not
//! slower for it.
//!
//! [`paced`] calls the agent at fixed times, with the service at work and with it killed in the middle; [`cluster`] has a
//! real Pacemaker run operations as fast as it can, with our agent, with one of its own samples, and with none.

pub(crate) mod cluster;
pub(crate) mod paced;
