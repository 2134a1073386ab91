//! The names of alerts and messages.

use alloc::string::String;
use core::fmt;
use serde::{Deserialize, Serialize};

/// Names one run of one server's daemon: random, new at every start.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct SessionId(pub [u8; 12]);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Names one alert in the whole cluster.
///
/// An alert raised by one server is named by that server's session and a sequence number. A fact
/// that every survivor sees is named after the fact itself, so that all of them name it alike and
/// a takeover needs no agreement (DESIGN.md, "alert ids"). Only `[a-z0-9.-]` occurs: the name is
/// part of the mails' Message-ID.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertId(pub String);

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A row of the message table: module name and event id, such as `nm` and 2.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId {
    /// Module name, in the real product's spelling where it has one.
    pub module: String,
    /// Event id.
    pub event: u32,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.module, self.event)
    }
}
