//! The targets, one a file: `decode` takes one input and panics when a promise is broken.

pub(crate) mod certificate;
pub(crate) mod clp_conf;
pub(crate) mod control;
pub(crate) mod corosync_conf;
pub(crate) mod crm_mon;
pub(crate) mod form;
pub(crate) mod heartbeat;
pub(crate) mod http;
pub(crate) mod lamp;
pub(crate) mod licence;
pub(crate) mod media;
pub(crate) mod pacemaker;
pub(crate) mod peer;
pub(crate) mod smtp;
