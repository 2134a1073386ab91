//! Channels: each its own queue, bound and back-off; none waits for another.

pub mod lamp;
pub mod mail;
pub mod syslog;
pub mod trouble;
